"""Services beside the way to the cloud: when the device asks after them, and what it says of those that are missing."""

from __future__ import annotations

from endpoint.device.side_services import AGAIN_S, EVERY_S, FIRST_S, KINDS
from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.stubbed import Stubbed, play

ALL = {kind for kinds in KINDS.values() for kind in kinds}


def block(stage: Stubbed, service: str) -> None:
    """Refuse connections to a service."""
    stage.faults.arm(Fault(service, "tcp", "refuse", {"service": service}))


def held(stage: Stubbed) -> set[str]:
    """The messages about side services that hold."""
    return ALL & set(stage.device.diagnostics.types)


def pings(stage: Stubbed) -> int:
    """How often side services were asked."""
    hosts = [f"//{name.lower()}-a.wbx2.test" for name in KINDS]
    return sum(line.endswith("/ping") and any(host in line for host in hosts) for line in stage.log)


def test_a_healthy_device_asks_some_minutes_after_it_went_online_and_then_once_a_day() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(FIRST_S[0] - 60)
        assert pings(stage) == 0
        await stage.clock.sleep(FIRST_S[1])
        assert pings(stage) == len(KINDS)
        await stage.clock.sleep(EVERY_S / 8)
        assert pings(stage) == len(KINDS)
        assert held(stage) == set()

    play(story)


def test_one_that_is_blocked_has_its_messages_and_the_others_none() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        block(stage, "proximity")
        stage.device.checks.side_services.ask()
        await stage.clock.sleep(5)
        assert held(stage) == set(KINDS["proximity"])
        assert stage.log.count("Wx2 W: proximity unreachable: connection refused proximity-a.wbx2.test:443") == 1
        await stage.clock.sleep(3 * AGAIN_S)
        assert stage.log.count("Wx2 W: proximity unreachable: connection refused proximity-a.wbx2.test:443") == 1
        stage.faults.heal("proximity")
        await stage.clock.sleep(AGAIN_S + 5)
        assert held(stage) == set()

    play(story)


def test_that_all_of_them_are_silent_does_not_make_the_device_offline() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        for service in KINDS:
            block(stage, service)
        stage.device.checks.side_services.ask()
        await stage.clock.sleep(5 * AGAIN_S)
        assert held(stage) == ALL
        assert stage.device.status.get(("Webex", "Status")) == "Registered"

    play(story)


def test_a_device_that_reaches_nobody_says_nothing_of_single_services() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        block(stage, "lyra")
        stage.device.checks.side_services.ask()
        await stage.clock.sleep(5)
        stage.faults.arm(Fault("gone", "link", "down"))
        stage.device.mercury.reset()
        await stage.clock.sleep(180)
        assert stage.device.status.get(("Webex", "Status")) == "Error"
        assert held(stage) == set()

    play(story)
