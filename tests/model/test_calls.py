"""Programs: two devices, people and the cloud call, meet, mute, are cut off, restarted and healed in any order.

However it went: once the cloud is well and everything has gone quiet, a device is in the calls that the cloud has it in and sees whom the
cloud sees there; after everybody has hung up nothing is left on either side. Every call that a device had has ended exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cloud_stub.platform.errors import CloudError
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.faults import Fault
from endpoint.runtime.virtual import VirtualLoop
from endpoint.wire.conventions import room_address
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from tests.endpoint.cloud.stubbed import Stubbed

QUIET_S = 400.0
"""Longer than a call rings, than a device may be silent, and than any wait between two tries."""
MEETING = "24680246802@example.webex.test"
PEERS = {
    "answers@sip.example": "answer",
    "busy@sip.example": "busy",
    "silent@sip.example": "no_answer",
    "gone@sip.example": "not_found",
}
NAMES = ("room", "other")
PEOPLE = ("ada@room.example", "bob@room.example")
ROOMS = {"room": "Lab", "other": "Den"}
names = st.sampled_from(NAMES)
waits = st.sampled_from([0.0, 0.01, 0.05, 0.3, 1.0, 3.0, 3.0, 3.0])
people = st.sampled_from(PEOPLE)
commands = st.sampled_from(
    [
        "Call Accept", "Call Accept", "Call Accept", "Call Reject", "Call Disconnect", "Call Hold", "Call Join", "Call Resume",
        "Conference Hand Raise",
        "Conference Hand Lower", "Audio Microphones Mute", "Audio Microphones Unmute", "Presentation Start", "Presentation Stop",
        "Conference Recording Start", "Conference Recording Stop", "Conference EndMeeting", "Webex Meetings InstantMeeting Start",
    ]
)  # fmt: skip
troubles = st.one_of(
    st.tuples(
        st.just("locus"), st.sampled_from(["delta_gap", "out_of_order", "duplicate", "too_big", "url_changed", "lobby", "locked", "full"]),
        st.just({}), st.just({}),
    ),
    st.tuples(
        st.just("locus"), st.sampled_from(["drop_request", "drop_reply", "delay", "malformed"]),
        st.sampled_from([{"method": "POST"}, {"method": "PUT"}, {"method": "GET"}]), st.just({}),
    ),
    st.tuples(
        st.just("locus"), st.just("error"), st.just({}),
        st.sampled_from([404, 409, 423, 429, 500, 503]).map(lambda status: {"status": status}),
    ),
    st.tuples(st.just("mercury"), st.sampled_from(["drop", "delay", "duplicate", "reorder", "gap"]), st.just({}), st.just({})),
)  # fmt: skip
"""Layer, what is done on it, at what, and how."""


class TwoDevices(Stubbed):
    """The cloud with a second device; must be made inside the running loop."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.other = Device(
            DeviceSettings(name="other", anchors=(self.cloud.root_pem,)), source=self.device.world.clock.source, chance=self.chance,
            trace=self.trace, faults=self.faults, names=self.device.world.net.names, on_defect=self.defects.append,
        )  # fmt: skip

    @property
    def devices(self) -> dict[str, Device]:
        return {"room": self.device, "other": self.other}

    async def both_online(self) -> None:
        """Bring both online, each in a workspace of its own."""
        await self.online()
        await self.other.boot()
        await self.other.activate(self.use.code_create(workspace="Den")[1].reveal())
        await self.other.until_online()

    async def close(self) -> None:
        await self.other.close()
        await super().close()

    async def command(self, name: str, path: str, **arguments: object) -> None:
        """Give a command; that it is refused is one of the things that happen."""
        device = self.devices[name]
        if not device.is_up:
            return
        asked = device.xapi.commands
        with suppress(CommandFailed, BadArguments):
            outcome = asked.call(asked.prepare(tuple(path.split(" ")), arguments, "", INTERNAL))
            if hasattr(outcome, "__await__"):
                await outcome

    # what either side says

    def seen(self, name: str) -> dict[str, Counter[tuple[object, ...]]]:
        """Return the calls that a device is in, by locus, and whom it sees there."""
        device = self.devices[name]
        urls = {call_id: call.url for call_id, call in device.calls.calls.items()}
        return {
            urls[call["id"]].rpartition("/")[2]: Counter(
                (one["id"], one["status"], one["muted"], one["sharing"], one["hand"]) for one in call["roster"]
            )
            for call in device.local.calls.shown()
            if call["status"] in ("Connected", "OnHold") and not call["lobby"]
        }

    def meant(self, name: str) -> dict[str, Counter[tuple[object, ...]]]:
        """Return the same as the cloud has it."""
        registration = self.devices[name].registration.device
        assert registration is not None
        mine = registration.url.rpartition("/")[2]
        words = {"JOINED": "connected", "NOTIFIED": "alerting", "IDLE": "idle"}
        found = {}
        for locus in self.cloud.calls.list():
            if not any(mine in one["devices"] for one in locus["roster"]):
                continue
            found[locus["id"]] = Counter(
                (
                    one["id"],
                    "waiting" if one["waiting"] else words[one["state"]],
                    one["muted"],
                    one["sharing"],
                    one["hand"],
                )
                for one in locus["roster"]
                if one["state"] in words
            )
        return found


class CallsOfTwo(RuleBasedStateMachine):
    """One program."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.numbers = iter(range(10_000))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end of a piece of work, and let nothing go wrong unseen."""
        result = self.loop.run_until_complete(work)
        self.stage.complain()
        self.consistent()
        return result

    @initialize(seed=st.integers(0, 1_000))
    def begin(self, seed: int) -> None:
        async def begin() -> TwoDevices:
            stage = TwoDevices(seed)
            await stage.open()
            await stage.both_online()
            start = stage.clock.now()
            stage.use.meeting_create("Round", start, 600, join={"meetingJoinURI": MEETING}, user_ids=(), push="none")
            for address, behaves in PEERS.items():
                stage.cloud.calls.peer(address, behaves)
            for email in PEOPLE:
                stage.use.user_create(email.partition("@")[0], email)
            return stage

        self.stage = self.loop.run_until_complete(begin())

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.run(self._quiet())
            self.run(self._nothing_left())
            self.run(self.stage.close())
        self.loop.close()

    def consistent(self) -> None:
        """The status tree has what the calls are, at every moment."""
        for device in self.stage.devices.values():
            if not device.is_up:
                continue
            shown = device.local.calls.shown()
            in_tree = {path[1] for path, _ in device.status if path[0] == "Call"}
            assert in_tree == {call["id"] for call in shown}, "a call of the tree is none, or the other way round"
            active = device.status.get(("SystemUnit", "State", "NumberOfActiveCalls"))
            talking = sum(call["status"] in ("Connected", "Preserved") for call in shown)
            leaving = sum(call["status"] == "Disconnecting" for call in shown)
            assert isinstance(active, int)
            assert talking <= active <= talking + leaving

    # -- calls --

    @rule(name=names, data=st.data(), wait_s=waits)
    def dial(self, name: str, data: st.DataObject, wait_s: float) -> None:
        number = data.draw(st.sampled_from([*PEERS, *PEOPLE, "123456789"]))
        self.run(self.stage.command(name, "Dial", Number=number))
        self.run(self.stage.clock.sleep(wait_s))

    def meet(self, name: str, wait_s: float) -> None:
        self.run(self.stage.command(name, "Dial", Number=MEETING))
        self.run(self.stage.clock.sleep(wait_s))

    @rule(who=st.sampled_from([("room",), ("other",), NAMES, NAMES]), wait_s=waits)
    def dial_in(self, who: tuple[str, ...], wait_s: float) -> None:
        for name in who:
            self.meet(name, wait_s)

    @rule(name=names, rings_s=waits, wait_s=waits)
    def call_the_other(self, name: str, rings_s: float, wait_s: float) -> None:
        other = NAMES[1 - NAMES.index(name)]
        number = room_address(ROOMS[other], self.stage.cloud.org_id)
        self.run(self.stage.command(name, "Dial", Number=number))
        self.run(self.stage.clock.sleep(rings_s))
        self.run(self.stage.command(other, "Call Accept"))
        self.run(self.stage.clock.sleep(wait_s))

    @rule(name=names, command=commands)
    def command(self, name: str, command: str) -> None:
        self.run(self.stage.command(name, command))

    @rule(name=names, mode=st.sampled_from(["On", "Off"]))
    def let_answer(self, name: str, mode: str) -> None:
        async def configure() -> None:
            self.stage.devices[name].set_configurations({"Conference AutoAnswer Mode": mode})

        self.run(configure())

    @rule(
        who=people,
        name=names,
        cancel_s=st.one_of(st.none(), st.floats(0, 90)),
        elsewhere_s=st.one_of(st.none(), st.floats(0, 20)),
    )
    def ring(self, who: str, name: str, cancel_s: float | None, elsewhere_s: float | None) -> None:
        account = self.stage.devices[name].identity.account
        if account is not None:
            self.people(
                lambda: self.stage.cloud.calls.ring(
                    who, account.user_id, cancel_after_s=cancel_s, elsewhere_after_s=elsewhere_s
                )
            )

    @rule(
        who=people,
        do=st.sampled_from(
            ["join", "join", "leave", "mute", "unmute", "share", "stop_share", "raise_hand", "lower_hand"]
        ),
    )
    def person_in_meeting(self, who: str, do: str) -> None:
        self.people(lambda: self.stage.cloud.calls.person(MEETING, who, do))

    @precondition(lambda self: self.stage.cloud.calls.list())
    @rule(
        data=st.data(),
        do=st.sampled_from(["end", "drop", "lock", "unlock", "mute", "hard", "soft", "record", "lobby", "admit"]),
    )
    def host(self, data: st.DataObject, do: str) -> None:
        calls = self.stage.cloud.calls
        locus = data.draw(st.sampled_from([one["id"] for one in calls.list()]))
        acts: dict[str, Callable[[], object]] = {
            "end": lambda: calls.end(locus), "drop": lambda: calls.drop(locus), "lock": lambda: calls.lock(locus),
            "unlock": lambda: calls.lock(locus, on=False), "mute": lambda: calls.mute(locus, "all"),
            "hard": lambda: calls.hard_mute(locus), "soft": lambda: calls.hard_mute(locus, on=False),
            "record": lambda: calls.record(locus, "start"), "lobby": lambda: calls.lobby(locus, "Lab"), "admit": lambda: calls.admit(locus),
        }  # fmt: skip
        self.people(acts[do])

    def people(self, act: Callable[[], object]) -> None:
        async def acted() -> None:
            with suppress(CloudError):  # nobody of that name is in the call, or it is over
                act()

        self.run(acted())

    # -- trouble --

    @rule(trouble=troubles, count=st.integers(1, 4))
    def disturb(self, trouble: tuple[str, str, dict[str, Any], dict[str, Any]], count: int) -> None:
        on, do, target, params = trouble
        name = f"fault {next(self.numbers)}"
        self.people(lambda: self.stage.use.fault(name, on, do, target=target, params=params, count=count))

    @rule(name=names, how=st.sampled_from(["link", "link", "close", "restart", "crash"]), seconds=st.floats(0, 150))
    def hurt(self, name: str, how: str, seconds: float) -> None:
        stage, device = self.stage, self.stage.devices[name]

        async def hurt() -> None:
            if how == "link":
                until_s = stage.clock.time() + seconds
                stage.faults.arm(
                    Fault(f"fault {next(self.numbers)}", "link", "down", {"device": name}, until_s=until_s)
                )
            elif how == "close":
                stage.use.mercury_close(1001)
            elif how == "restart" and device.is_up:
                await device.restart()
            elif how == "crash":
                await device.crash()
                await stage.clock.sleep(seconds)
                await device.boot()

        self.run(hurt())

    @rule(seconds=st.one_of(st.floats(0, 0.1), st.floats(0, 5), st.floats(0, 120)))
    def advance(self, seconds: float) -> None:
        self.run(self.stage.clock.sleep(seconds))

    # -- what has to be so --

    @rule()
    def quiet(self) -> None:
        self.run(self._quiet())

    async def _quiet(self) -> None:
        stage = self.stage
        stage.faults.heal_all()
        await stage.clock.sleep(QUIET_S)
        for name, device in stage.devices.items():
            async with stage.clock.timeout(QUIET_S):
                await device.until_online()
            seen, meant = stage.seen(name), stage.meant(name)
            assert seen == meant, (name, seen, meant)

    async def _nothing_left(self) -> None:
        """Hang everything up; whatever was there is told as ended, once, and no locus has a device any more."""
        stage = self.stage
        for name, device in stage.devices.items():
            for call in device.local.calls.shown():
                await stage.command(name, "Call Disconnect", CallId=call["id"])
        await stage.clock.sleep(QUIET_S)
        for name, device in stage.devices.items():
            assert device.local.calls.shown() == []
            assert not device.calls.calls
            assert stage.meant(name) == {}
        told: Counter[tuple[str, int, int]] = Counter()
        begun: set[tuple[str, int, int]] = set()
        boots: Counter[str] = Counter()
        for event in stage.trace.events:
            if event.kind == "device.booted":
                boots[event.who] += 1
            if event.kind != "xapi.event":
                continue
            fields = event.data["fields"]
            key = (event.who, boots[event.who], fields.get("CallId"))
            if event.data["event"] == "CallDisconnect":
                told[key] += 1
            elif event.data["event"] in ("OutgoingCallIndication", "IncomingCallIndication"):
                assert key not in begun, "a number was used again"
                begun.add(key)
        assert all(count == 1 for count in told.values()), told
        crashed = {key for key in begun if key not in told}
        assert all(boot < boots[who] for who, boot, _ in crashed), "a call never ended"


TestCallsOfTwo = CallsOfTwo.TestCase
TestCallsOfTwo.settings = settings(max_examples=12, stateful_step_count=15, suppress_health_check=list(HealthCheck))
