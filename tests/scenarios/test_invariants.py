"""The rules of a swarm: what they notice, each on a small case, and each on a device or a cloud that is broken on purpose."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from cloud_stub.platform.later import Later
from endpoint.cloud.http import Http
from endpoint.cloud.mercury import Mercury
from endpoint.device.device import Device
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.virtual import VirtualLoop, run
from scenarios.runner.chaos import limits
from scenarios.runner.chaos.invariants import RULES
from scenarios.runner.chaos.leftovers import leftovers
from scenarios.runner.chaos.limits import Meter, overfull
from scenarios.runner.chaos.plan import Trouble
from scenarios.runner.chaos.swarm import play_plan
from scenarios.runner.run import Outcome
from tests.endpoint.runtime.ground import Ear
from tests.scenarios.stories import story


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def _nothing() -> None:
    """Be planned."""


def test_what_is_left_behind_is_named() -> None:
    async def main() -> None:
        assert leftovers() == []
        network = _loop().network
        server = network.listen(Ear, "127.0.0.1", 4000, None)
        datagrams, _ = network.bind(Ear, ("127.0.0.1", 4001), None)
        stream, _ = await network.connect(Ear, "127.0.0.1", 4000, None, None)
        timer = _loop().call_later(5, Tasks().cancel)
        assert leftovers() == [
            "a listener on 127.0.0.1:4000",
            "a datagram socket on 127.0.0.1:4001",
            "a stream of Ear",
            "a stream of Ear",
            "a timer of Tasks.cancel",
        ]
        for one in (server, datagrams, stream):
            one.close()
        timer.cancel()
        await asyncio.sleep(1)
        assert leftovers() == []

    run(main)


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        ("STREAMS_PER_DEVICE", "3 streams were open at once; 2 are allowed"),
        ("TIMERS_PER_DEVICE", "3 timers are planned; 2 are allowed"),
        ("UNREAD_MAX", "3 bytes wait at one end of a stream; 2 are allowed"),
    ],
)
def test_what_is_more_than_it_may_be_is_told(bound: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        network, meter = _loop().network, Meter(devices=1)
        ears: list[Ear] = []

        def accept() -> Ear:
            ears.append(Ear())
            return ears[-1]

        server = network.listen(accept, "127.0.0.1", 0, None)
        near = [(await network.connect(Ear, *server.address, None, None))[1] for _ in range(3)]
        meter.look()
        await asyncio.sleep(0)
        ears[0].transport.pause_reading()
        near[0].transport.write(b"abc")  # type: ignore[attr-defined]  # an Ear
        for second in range(3):
            _loop().call_later(second + 1, _nothing)
        assert list(meter.violations()) == []
        monkeypatch.setattr(limits, bound, 2)
        assert list(meter.violations()) == [told]
        for one in near[1:]:
            one.transport.close()  # type: ignore[attr-defined]  # an Ear
        await asyncio.sleep(0.5)
        meter.look()
        assert list(meter.violations()) == [told], "what was too much at one event is not forgotten"

    run(main)


def test_too_many_tasks_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        idle = [asyncio.create_task(asyncio.sleep(9)) for _ in range(4)]
        monkeypatch.setattr(limits, "TASKS_PER_DEVICE", 2)
        monkeypatch.setattr(limits, "TASKS_OF_THE_CLOUD", 2)
        assert list(Meter(devices=1).violations()) == ["5 tasks are running; 4 are allowed"]
        for task in idle:
            task.cancel()

    run(main)


class _Keeper:
    """Holds things, some with a bound."""

    __slots__ = ("asked", "inner", "recent")

    def __init__(self, count: int) -> None:
        self.inner = {"waiting": [deque(range(count))]}
        self.recent = deque(range(count), maxlen=count)
        self.asked: asyncio.Queue[int] = asyncio.Queue()


def test_what_grows_without_a_bound_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_MAX", 3)

    async def main() -> None:
        keeper = _Keeper(4)

        async def keep() -> None:
            await asyncio.sleep(9)
            assert keeper

        assert list(overfull([_Keeper(3)])) == []
        assert list(overfull([keeper])) == ["_Keeper.inner holds 4 things and has no bound; 3 are allowed"]
        work = asyncio.create_task(keep())  # seen by nobody but the loop
        await asyncio.sleep(0)
        assert list(overfull([work])) == ["_Keeper.inner holds 4 things and has no bound; 3 are allowed"]
        work.cancel()
        keeper.inner.clear()
        for number in range(4):
            keeper.asked.put_nowait(number)
        assert list(overfull([lambda: keeper])) == ["_Keeper.asked holds 4 things and has no bound; 3 are allowed"]

    run(main)


# defects on purpose

ONLINE = """
    device: { at: online }
    steps:
      - cloud.meeting.create: { id: m, starts: +1h, lasts: 15m }
      - advance: 2m
      - advance: 20m
"""
OFF = """
    device: { at: online }
    steps:
      - fault: { on: power, do: thermal }
      - advance: 2m
"""


def _when_registered(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Device], object]) -> None:
    """Let something happen to the device whenever Webex Status is shown."""
    from endpoint.device import bindings

    show = bindings.show_webex

    def shown(device: Device, now: bindings.Status) -> None:
        show(device, now)
        spoil(device)

    monkeypatch.setattr(bindings, "show_webex", shown)


def _tells_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(device: Device) -> None:
        if device.state.account is not None:
            text = f"token {device.state.account.token.access_token.reveal()}"
            device.world.trace.event(device.who, "device.note", data={"text": text})

    _when_registered(monkeypatch, spoil)


def _tells_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell what only the history knows as a secret: a passphrase that was never drawn for anybody."""
    from endpoint.wire.secret import Secret

    def spoil(device: Device) -> None:
        device.world.trace.event(device.who, "device.note", data={"key": Secret("key", "correct horse battery")})
        device.world.trace.event(device.who, "device.note", data={"text": "it is correct horse battery staple"})

    _when_registered(monkeypatch, spoil)


def _hoards(monkeypatch: pytest.MonkeyPatch) -> None:
    _when_registered(monkeypatch, lambda device: setattr(device, "hoard", list(range(limits.HELD_MAX + 1))))


def _drops(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(device: Device) -> None:
        device.world.trace.event(device.who, "drop", data={"what": "frame", "bound": 3})

    _when_registered(monkeypatch, spoil)


async def _not_at_all(owner: object) -> None:
    """Do nothing in the place of what should be done."""


def _keeps_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Http, "close", _not_at_all)
    monkeypatch.setattr(Mercury, "stop", _not_at_all)


def _keeps_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    stop: Callable[[Device], Awaitable[None]] = Device._stop_parts

    async def stopped(device: Device) -> None:
        await stop(device)
        device.tasks.start(asyncio.sleep(3_600), "afterthought")

    monkeypatch.setattr(Device, "_stop_parts", stopped)


def _lies(monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], value: str) -> None:
    _when_registered(monkeypatch, lambda device: device.status.put(path, value))


def _goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(device: Device) -> None:
        events = device.world.trace.events
        events[-1] = msgspec.structs.replace(events[-1], t=-1)

    _when_registered(monkeypatch, spoil)


DEFECTS: list[tuple[str, str, Callable[[pytest.MonkeyPatch], None], str]] = [
    ("secrets", ONLINE, _tells_its_token, "the access token of room is in the history"),
    ("secrets", ONLINE, _tells_a_key, "what is hidden elsewhere as <key> is in the history"),
    ("bounds", ONLINE, _hoards, "Device.hoard holds 5001 things and has no bound"),
    ("bounds", ONLINE, _drops, "a bound was hit: device:room"),
    ("orphans", OFF, _keeps_its_streams, "room: it is off, and has streams to "),
    ("orphans", OFF, _keeps_its_tasks, "room: it is off, and still does: afterthought"),
    ("status", ONLINE, lambda patch: _lies(patch, ("Webex", "Status"), "Error"), "Webex Status shows Error, the machine is"),
    (
        "status", ONLINE, lambda patch: patch.setattr("endpoint.device.bindings.show_mercury", lambda device, now: False),
        "Mercury is waiting, and no diagnostics message says so",
    ),
    (
        "status", ONLINE, lambda patch: patch.setattr("endpoint.device.bindings.show_registration", lambda device: None),
        "Provisioning Status shows Provisioning, the device is registered",
    ),
    ("status", ONLINE, lambda patch: _lies(patch, ("Standby", "State"), "Halfwake"), "Standby State shows Halfwake, the machine is"),
    ("status", ONLINE, lambda patch: _lies(patch, ("Bookings", "Current", "Id"), "7"), "Bookings Current Id shows '7'"),
    ("order", ONLINE, _goes_back, "the history goes back: #"),
]  # fmt: skip
DOWN = [
    Trouble(30.0, {"on": "mercury", "do": "refuse", "for": "400s"}),
    Trouble(31.0, {"on": "mercury", "do": "reset"}),
]


def _played(text: str, plan: tuple[Trouble, ...] = ()) -> Outcome:
    outcome = play_plan(story(text), 1, plan)
    assert outcome.kinds == ["invariant"], "\n".join([outcome.reason, *outcome.reports])
    return outcome


@pytest.mark.parametrize(
    ("rule", "text", "break_it", "told"), DEFECTS, ids=[f"{rule}-{told[:30]}" for rule, _, _, told in DEFECTS]
)
def test_a_device_that_breaks_a_rule_is_told_on(
    rule: str, text: str, break_it: Callable[[pytest.MonkeyPatch], None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    (report,) = _played(text, tuple(DOWN) if "Mercury" in told else ()).reports
    assert told in report, report[:500]


def test_every_rule_has_a_device_that_breaks_it() -> None:
    assert {rule for rule, *_ in DEFECTS} == set(RULES)


@pytest.mark.parametrize("text", [ONLINE, OFF])
def test_a_device_that_is_sound_breaks_none(text: str) -> None:
    outcome = play_plan(story(text), 1, tuple(DOWN) if text is ONLINE else ())
    assert outcome.result == "passed", outcome.reports


def test_a_cloud_that_still_has_plans_when_it_has_stopped_leaves_them_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
        device: { at: online }
        steps:
          - fault: { on: calendar, do: push_late, by: 30h, count: 1 }
          - cloud.meeting.create: { id: m, starts: +1h, lasts: 15m }
          - advance: 5m
    """
    assert play_plan(story(text), 1, ()).reason == ""
    monkeypatch.setattr(Later, "stop", lambda later: None)
    outcome = play_plan(story(text), 1, ())
    assert outcome.reason == "left behind: a timer of Calendar._tell"


@pytest.mark.parametrize("verb", ["send: { frame: { type: x }, after: 30h }", "shutdown: { after: 30h }"])
def test_what_a_step_lets_the_cloud_send_later_ends_with_the_cloud(verb: str) -> None:
    outcome = play_plan(story(f"device: {{ at: online }}\nsteps: [{{ cloud.mercury.{verb} }}]"), 1, ())
    assert (outcome.result, outcome.reason) == ("passed", "")
