"""A captive portal around the device: when it is seen, what it is told from, and when its message goes."""

from __future__ import annotations

import pytest

from endpoint.device.portal import AGAIN_S, KIND
from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.stubbed import Stubbed, play

PROBE = "=> GET http://ds.wbx2.test/v1/region"
LOGIN = "http://login.portal.example/hotspot?token=abcdefghijklmnopqrstuvwxyz012345&room=12"


def close_in(stage: Stubbed, *, to: str = LOGIN, status: int = 302) -> None:
    """Refuse https, and send plain http elsewhere."""
    stage.faults.arm(Fault("https", "tcp", "refuse", {"port": 443}))
    stage.faults.arm(Fault("http", "http", "redirect", {"scheme": "http"}, {"to": to, "status": status}))


def probes(stage: Stubbed) -> int:
    return sum(line.endswith(PROBE) for line in stage.log)


def message(stage: Stubbed) -> dict[str, object] | None:
    return next((dict(one) for one in stage.device.diagnostics.messages if one["Type"] == KIND), None)


def test_a_device_that_starts_behind_a_portal_says_so_and_shows_no_secret_of_its_address() -> None:
    async def story(stage: Stubbed) -> None:
        close_in(stage)
        await stage.device.boot()
        await stage.clock.sleep(1)
        page = "http://login.portal.example/hotspot?token=***&room=12"
        assert stage.log.count(f"Network W: captive portal: http://ds.wbx2.test/v1/region answered 302 {page}") == 1
        shown = message(stage)
        assert shown is not None
        assert (shown["Level"], shown["References"]) == ("Warning", f"url={page}")
        await stage.clock.sleep(3 * AGAIN_S)
        assert probes(stage) == 4
        assert len(stage.lines("Network W: captive portal")) == 1
        stage.faults.heal_all()
        await stage.clock.sleep(AGAIN_S)
        assert message(stage) is None
        await stage.clock.sleep(10 * AGAIN_S)
        assert probes(stage) == 5

    play(story)


def test_a_device_that_is_online_asks_nothing_over_plain_http() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(3600)
        assert probes(stage) == 0

    play(story)


@pytest.mark.parametrize(
    ("to", "status"),
    [("https://ds.wbx2.test/v1/region", 301), ("/login", 302), ("", 302), ("http://[broken", 302)],
)  # fmt: skip
def test_a_redirect_that_leads_nowhere_else_is_no_portal(to: str, status: int) -> None:
    async def story(stage: Stubbed) -> None:
        close_in(stage, to=to, status=status)
        await stage.device.boot()
        await stage.clock.sleep(1)
        assert probes(stage) == 1
        assert message(stage) is None

    play(story)


def test_status_511_is_a_portal_without_an_address() -> None:
    async def story(stage: Stubbed) -> None:
        stage.faults.arm(Fault("https", "tcp", "refuse", {"port": 443}))
        stage.faults.arm(Fault("http", "http", "error", {"scheme": "http"}, {"status": 511}))
        await stage.device.boot()
        await stage.clock.sleep(1)
        assert "Network W: captive portal: http://ds.wbx2.test/v1/region answered 511" in stage.log
        shown = message(stage)
        assert shown is not None
        assert shown["References"] == "url=http://ds.wbx2.test/v1/region"

    play(story)


@pytest.mark.parametrize(
    ("fault", "configuration"),
    [
        (Fault("x", "dns", "nxdomain"), {}),
        (Fault("x", "link", "down"), {}),
        (Fault("x", "tcp", "refuse"), {"NetworkServices HTTP Proxy Mode": "Manual", "NetworkServices HTTP Proxy Url": "http://proxy.example.test:3128"}),
    ],
    ids=["names", "link", "proxy"],
)  # fmt: skip
def test_nobody_looks_for_a_portal_while_something_below_is_wrong_or_a_proxy_speaks(
    fault: Fault, configuration: dict[str, str]
) -> None:
    async def story(stage: Stubbed) -> None:
        stage.faults.arm(fault)
        await stage.device.boot()
        await stage.clock.sleep(5 * AGAIN_S)
        assert probes(stage) == 0

    play(story, configuration=configuration)


def test_an_activation_that_fails_behind_a_portal_names_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        close_in(stage)
        with pytest.raises(Exception, match="unreachable"):
            await stage.device.activate(stage.code())
        await stage.clock.sleep(1)
        assert message(stage) is not None

    play(story)
