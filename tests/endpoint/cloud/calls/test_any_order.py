"""Programs: a device and the cloud in calls, while news are lost, doubled and mixed up, answers fail, and either side goes away.

However it went: once all is well and quiet, the device is in those calls that the cloud has it in, sees who is there, and every other call
that the room knew has ended once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cloud_stub.platform.errors import CloudError
from endpoint.cloud.calls.control import CallControl
from endpoint.cloud.calls.table import State
from endpoint.runtime.faults import Fault
from endpoint.runtime.virtual import VirtualLoop
from endpoint.wire.callcontrol import Leads, Refusal
from tests.endpoint.cloud.calls.ground import Ear, dial
from tests.endpoint.cloud.stubbed import START, Stubbed

QUIET_S = 400.0
"""Longer than any wait of call control."""
IN = ("JOINED", "NOTIFIED", "IDLE")
SHOWN = {"JOINED": "connected", "NOTIFIED": "alerting", "IDLE": "idle"}
CALLS_MAX = 5  # as the room has it
NUMBER = "123456789"
ADDRESSES = st.sampled_from(
    [("ada@far.example", Leads.SIP), ("bob@far.example", Leads.SIP), (NUMBER, Leads.MEETING), ("", Leads.INSTANT)]
)


class DeviceInCalls(RuleBasedStateMachine):
    """One program."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.numbers = iter(range(2, 10_000))
        self.placed: set[int] = set()
        self.crashed: set[int] = set()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end of a piece of work, and let nothing go wrong unseen."""
        result = self.loop.run_until_complete(work)
        self.stage.complain()
        return result

    def now(self, act: Callable[[], object]) -> None:
        """Do something at the cloud, if it can be done."""

        async def do() -> None:
            with suppress(CloudError):
                act()
            await self.stage.clock.sleep(0.001)

        self.run(do())

    @initialize(seed=st.integers(0, 1_000))
    def begin(self, seed: int) -> None:
        async def begin() -> Stubbed:
            stage = Stubbed(seed=seed)
            await stage.open()
            return stage

        self.stage = self.loop.run_until_complete(begin())
        self.run(self.stage.online())
        self.ear = Ear()
        self.ear.next_id = 100_000
        self.calls = self.stage.cloud.calls
        account = self.stage.device.identity.account
        assert account is not None
        self.user_id = account.user_id
        self.stage.use.meeting_create("Weekly", START, 10_000, meeting_number=NUMBER, push="none")
        self._plug()

    def _plug(self) -> None:
        self.line.around.room = self.ear

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.run(self._quiet())
            self.run(self.stage.close())
            assert not self._mine()
        self.loop.close()

    @property
    def line(self) -> CallControl:
        return self.stage.device.calls

    def _call(self, data: st.DataObject, *states: State) -> int | None:
        found = [call_id for call_id, call in self.line.calls.items() if call.state in states]
        return data.draw(st.sampled_from(found)) if found else None

    def _mine(self) -> dict[str, dict[str, Any]]:
        """Return the calls that the cloud has the device in, by id."""
        found = {}
        for row in self.calls.list():
            me = next((one for one in row["roster"] if one["userId"] == self.user_id), None)
            if me is not None and me["devices"] and row["state"] in ("ACTIVE", "INITIALIZING"):
                found[row["id"]] = row
        return found

    # -- people at the device --

    @rule(what=ADDRESSES)
    def place(self, what: tuple[str, Leads]) -> None:
        call_id = next(self.numbers)
        if len(self.line.calls) < CALLS_MAX:
            self.placed.add(call_id)
            self.now(lambda: self.line.place(call_id, dial(*what)))

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        call_id = self._call(data, State.RINGING)
        if call_id is not None:
            self.now(lambda: self.line.answer(call_id))

    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        call_id = self._call(data, State.RINGING)
        if call_id is not None:
            self.now(lambda: self.line.decline(call_id, Refusal.BUSY))

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        call_id = self._call(data, *State)
        if call_id is not None:
            self.now(lambda: self.line.leave(call_id))

    @rule(data=st.data(), what=st.sampled_from(["hold", "resume", "mute", "share", "tones"]))
    def do(self, data: st.DataObject, what: str) -> None:
        call_id = self._call(data, State.CONNECTED, State.HELD)
        if call_id is None:
            return
        line = self.line
        works: dict[str, Callable[[], Coroutine[Any, Any, str]]] = {
            "hold": partial(line.hold, call_id, True), "resume": partial(line.hold, call_id, False),
            "mute": partial(line.mute, call_id, True), "share": partial(line.share, call_id, True),
            "tones": partial(line.dtmf, call_id, "1"),
        }  # fmt: skip
        self.run(works[what]())

    @rule()
    def join(self) -> None:
        found = [call_id for call_id, call in self.line.calls.items() if call.is_connected]
        self.run(self.line.join(found[:2]))

    # -- people elsewhere --

    @rule(cancel=st.one_of(st.none(), st.floats(0, 20)), elsewhere=st.one_of(st.none(), st.floats(0, 20)))
    def ring(self, cancel: float | None, elsewhere: float | None) -> None:
        self.now(
            lambda: self.calls.ring("eve@far.example", self.user_id, cancel_after_s=cancel, elsewhere_after_s=elsewhere)
        )

    @rule(
        data=st.data(),
        who=st.sampled_from(["Kim", "Lee"]),
        what=st.sampled_from(["join", "leave", "mute", "share", "hold", "raise_hand"]),
    )
    def somebody(self, data: st.DataObject, who: str, what: str) -> None:
        found = sorted(self._mine())
        if found:
            call = data.draw(st.sampled_from(found))
            self.now(lambda: self.calls.person(call, who, what))

    @rule(data=st.data(), what=st.sampled_from(["end", "drop", "lobby", "admit", "lock"]))
    def host(self, data: st.DataObject, what: str) -> None:
        found = sorted(self._mine())
        if not found:
            return
        call = data.draw(st.sampled_from(found))
        me = next(one["id"] for one in self._mine()[call]["roster"] if one["userId"] == self.user_id)
        works: dict[str, Callable[[], object]] = {
            "end": lambda: self.calls.end(call), "drop": lambda: self.calls.drop(call, me), "lobby": lambda: self.calls.lobby(call, me),
            "admit": lambda: self.calls.admit(call), "lock": lambda: self.calls.lock(call, True),
        }  # fmt: skip
        self.now(works[what])

    # -- trouble --

    @rule(do=st.sampled_from(["drop", "delay", "duplicate", "reorder", "gap"]), count=st.integers(1, 5))
    def disturb(self, do: str, count: int) -> None:
        self.now(lambda: self.stage.use.fault(f"fault {next(self.numbers)}", "mercury", do, count=count))

    @rule(
        do=st.sampled_from(["delta_gap", "out_of_order", "duplicate", "too_big", "url_changed"]),
        count=st.integers(1, 4),
    )
    def disturb_loci(self, do: str, count: int) -> None:
        self.now(lambda: self.stage.use.fault(f"fault {next(self.numbers)}", "locus", do, count=count))

    @rule(
        do=st.sampled_from(["error", "drop_reply", "redirect", "delay"]),
        status=st.sampled_from([409, 429, 500, 503]),
        count=st.integers(1, 4),
    )
    def fail(self, do: str, status: int, count: int) -> None:
        params = {"error": {"status": status}, "delay": {"seconds": 4.0}}.get(do, {})
        self.now(lambda: self.stage.use.fault(f"fault {next(self.numbers)}", "locus", do, params=params, count=count))

    @rule(service=st.sampled_from(["locus", "mercury"]), for_s=st.floats(1, 200))
    def maintain(self, service: str, for_s: float) -> None:
        self.now(lambda: self.stage.use.maintenance(service, 503, for_s))

    @rule(for_s=st.floats(1, 300))
    def cut_off(self, for_s: float) -> None:
        stage, here = self.stage, {"device": self.stage.device.who}
        fault = Fault(f"fault {next(self.numbers)}", "link", "down", here, until_s=stage.clock.time() + for_s)
        self.now(lambda: (stage.faults.arm(fault), stage.faults.strike(Fault("cut", "tcp", "reset", here))))

    @rule()
    def restart(self) -> None:
        self.run(self.stage.device.restart())
        self._plug()

    @rule(off_s=st.floats(0, 100))
    def crash(self, off_s: float) -> None:
        self.crashed |= set(self.line.calls)

        async def crash() -> None:
            await self.stage.device.crash()
            await self.stage.clock.sleep(off_s)
            await self.stage.device.boot()
            self._plug()

        self.run(crash())

    @rule(seconds=st.one_of(st.floats(0, 2), st.floats(0, 20), st.floats(0, 300)))
    def advance(self, seconds: float) -> None:
        self.run(self.stage.clock.sleep(seconds))

    # -- what has to be so --

    @precondition(lambda self: self.placed)
    @rule()
    def quiet(self) -> None:
        self.run(self._quiet())

    async def _quiet(self) -> None:
        stage, device = self.stage, self.stage.device
        stage.faults.heal_all()
        stage.use.mercury_close(1001)
        await stage.clock.sleep(QUIET_S)
        async with stage.clock.timeout(QUIET_S):
            await device.until_online()
        await stage.clock.sleep(30)
        held = {call.url.rpartition("/")[2]: call for call in self.line.calls.values()}
        mine = self._mine()
        assert set(held) == set(mine), (held, {name: row["roster"] for name, row in mine.items()}, self.ear.heard[-10:])
        for name, call in held.items():
            assert len([one for one in self.line.calls.values() if one.url == call.url]) == 1
            if call.is_connected:
                self._same_roster(call.id, mine[name]["roster"])
        known = {about[1] for about in self.ear.heard if len(about) > 1 and isinstance(about[1], int)} | self.placed
        over = {call_id for call_id, ends in self.ear.ends.items() if len(ends) == 1}
        assert set(self.ear.ends) == over
        assert known - set(self.line.calls) == over | (self.crashed & known - over)
        assert not over & set(self.line.calls)

    def _same_roster(self, call_id: int, roster: list[dict[str, Any]]) -> None:
        told = self.ear.conferences[call_id]
        seen = {
            one.id: (one.audio_muted, one.hand, one.is_sharing) for one in told.members if one.status == "connected"
        }
        there = {
            one["id"]: (one["muted"], one["hand"], one["sharing"])
            for one in roster
            if one["state"] == "JOINED" and not one["waiting"]
        }
        assert seen == there
        assert not told.is_syncing


TestDeviceInCalls = DeviceInCalls.TestCase
TestDeviceInCalls.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
