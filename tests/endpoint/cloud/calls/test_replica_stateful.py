"""A view of a locus behind a network that drops, doubles and reorders: it is always one of the service's states, and ends as the last."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from endpoint.cloud.calls.replica import (
    PAUSED_MAX,
    QUEUE_MAX,
    Changed,
    Dropped,
    Effect,
    Fetch,
    Lost,
    Replica,
    StopWaiting,
    Sync,
    Wait,
)
from endpoint.cloud.calls.replica_table import State
from endpoint.wire.locus.dto import parse_locus
from endpoint.wire.locus.merge import difference
from endpoint.wire.locus.sequence import NONE, Order, Sequence, compare

URL = "http://locus.test/loci/1"
PEOPLE = [f"{URL}/participant/{name}" for name in "abcd"]
ENTRIES_MAX = 3

people = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["IDLE", "NOTIFIED", "JOINED", "LEFT"]), max_size=4)
steps = st.integers(1, 3)


class Service:
    """A locus with all its states, as its service keeps it; numbers rise by more than one, and old ones become a range."""

    def __init__(self) -> None:
        self.sequence = NONE
        self.states: list[dict[str, Any]] = []
        self.change({PEOPLE[0]: "JOINED"}, "", 1)

    def change(self, roster: dict[str, str], topic: str, step: int) -> None:
        self.sequence = self.sequence.advanced(self.sequence.last + step, ENTRIES_MAX)
        known = [one["url"] for one in self.states[-1]["participants"]] if self.states else []
        order = [url for url in known if url in roster] + [url for url in roster if url not in known]
        self.states.append(
            {
                "url": URL,
                "info": {"topic": topic},
                "participants": [{"url": url, "id": url[-1], "state": roster[url]} for url in order],
                "sequence": self.sequence.as_wire(),
                "syncUrl": f"{URL}/sync?since={len(self.states)}",
            }
        )

    def delta(self, base: int, to: int) -> dict[str, Any]:
        """Return the delta from one state to another, by their places."""
        return difference(self.states[base], self.states[to], self.states[base + 1 : to])

    def too_big(self) -> dict[str, Any]:
        """Return a delta that only says that there is one."""
        last = self.states[-1]
        return {"url": URL, "baseSequence": last["sequence"], "sequence": last["sequence"], "participants": []}

    def synced(self, url: str) -> dict[str, Any] | None:
        """Answer a sync: what is different from then, or nothing. What was changed back in between is not told."""
        since = int(url.rpartition("=")[2])
        return difference(self.states[since], self.states[-1]) if since < len(self.states) - 1 else None

    def state_of(self, sequence: dict[str, Any]) -> dict[str, Any]:
        """Return the state that a view with this sequence must be."""
        return next(state for state in self.states if state["sequence"] == sequence)


class Views(RuleBasedStateMachine):
    """The service, the network between, and the view; requests and the timer are answered when the test likes."""

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()
        self.replica = Replica(URL)
        self.network: list[dict[str, Any]] = []
        self.request: Sync | Fetch | None = None
        self.answer: tuple[dict[str, Any] | None] | None = None
        self.waits = False
        self.sequence = NONE

    def carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Changed():
                    assert compare(self.sequence, effect.after.sequence) is Order.LESS_THAN, "the view never goes back"
                    self.sequence = effect.after.sequence
                case Sync() | Fetch():
                    assert self.request is None, "one request at a time"
                    assert not self.waits, "nothing waits while the service is asked"
                    self.request = effect
                case Wait():
                    assert not self.waits, "one timer at a time"
                    self.waits = True
                case StopWaiting():
                    assert self.waits, "only what runs is stopped"
                    self.waits = False
                case Lost():
                    assert self.request is None
                case Dropped():
                    pass
                case _:
                    raise AssertionError(f"{effect}: everything that came can be read")

    # ---- the service ----

    @rule(
        roster=people,
        topic=st.sampled_from(["", "a", "b"]),
        step=steps,
        form=st.sampled_from(["full", "delta", "too big", "none"]),
    )
    def change(self, roster: dict[str, str], topic: str, step: int, form: str) -> None:
        self.service.change(roster, topic, step)
        last = len(self.service.states) - 1
        forms = {
            "full": self.service.states[-1],
            "delta": self.service.delta(last - 1, last),
            "too big": self.service.too_big(),
        }
        if form in forms:
            self.network.append(forms[form])

    @rule(back=st.integers(1, 5))
    def tell_several_changes_at_once(self, back: int) -> None:
        last = len(self.service.states) - 1
        self.network.append(self.service.delta(max(0, last - back), last))

    # ---- the network ----

    @precondition(lambda self: self.network)
    @rule(data=st.data(), keep=st.booleans())
    def deliver(self, data: st.DataObject, keep: bool) -> None:
        at = data.draw(st.integers(0, len(self.network) - 1))
        raw = self.network[at] if keep else self.network.pop(at)
        self.carry_out(self.replica.take(raw))

    @precondition(lambda self: self.network)
    @rule()
    def deliver_in_order(self) -> None:
        self.carry_out(self.replica.take(self.network.pop(0)))

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        del self.network[data.draw(st.integers(0, len(self.network) - 1))]

    # ---- requests and the timer ----

    @precondition(lambda self: self.request is not None and self.answer is None)
    @rule(whole=st.booleans())
    def serve(self, whole: bool) -> None:
        """The service answers; the answer is under way while other things happen."""
        is_sync = isinstance(self.request, Sync) and not whole
        self.answer = (self.service.synced(self.request.url) if is_sync else self.service.states[-1],)

    @precondition(lambda self: self.answer is not None)
    @rule()
    def receive_answer(self) -> None:
        assert self.answer is not None
        raw, request = self.answer[0], self.request
        self.answer = self.request = None
        if isinstance(request, Sync):
            self.carry_out(self.replica.synced(raw))
        else:
            assert raw is not None
            self.carry_out(self.replica.fetched(raw))

    @precondition(lambda self: self.request is not None)
    @rule()
    def fail_request(self) -> None:
        self.answer = self.request = None
        self.carry_out(self.replica.failed())

    @precondition(lambda self: self.waits)
    @rule()
    def time_passes(self) -> None:
        self.waits = False
        self.carry_out(self.replica.waited())

    @rule()
    def reconnect(self) -> None:
        self.carry_out(self.replica.resync())

    # ---- what holds always ----

    @invariant()
    def the_view_is_a_state_of_the_service(self) -> None:
        locus, raw = self.replica.locus, self.replica.raw
        if locus is None:
            return
        assert locus == parse_locus(raw)
        assert _unordered(raw) == _unordered(self.service.state_of(raw["sequence"]))

    @invariant()
    def requests_and_timer_are_those_of_the_state(self) -> None:
        state = self.replica.state
        assert self.waits is (state is State.WAITING)
        assert isinstance(self.request, Sync) is (state is State.SYNCING)
        assert isinstance(self.request, Fetch) is (state is State.FETCHING)

    @invariant()
    def bounds_hold(self) -> None:
        waiting = len(self.replica._queue)
        assert waiting <= PAUSED_MAX
        if self.replica.state is State.WAITING:
            assert 0 < waiting <= QUEUE_MAX
        if self.replica.state is State.FOLLOWING:
            assert waiting == 0

    def teardown(self) -> None:
        """Once the network is healed and the device asks again, the view is the service's last state, after two requests at most."""
        self.network.clear()
        self.carry_out(self.replica.resync())
        for _ in range(4):
            if self.request is not None and self.answer is None:
                self.serve(whole=False)
            if self.answer is not None:
                self.receive_answer()
        # what was served before the last change may have come just now
        self.carry_out(self.replica.resync())
        self.serve(whole=False)
        self.receive_answer()
        assert self.request is None
        assert not self.waits
        assert self.replica.state is State.FOLLOWING
        assert _unordered(self.replica.raw) == _unordered(self.service.states[-1])
        self.the_view_is_a_state_of_the_service()


def _unordered(raw: Any) -> dict[str, Any]:
    """Leave out the order of the participants: who went and came again has another place."""
    return {**raw, "participants": {one["url"]: one for one in raw["participants"]}}


TestViews = Views.TestCase
TestViews.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_range_is_used() -> None:
    """The service's numbers do become ranges, or the machine above would prove less than it says."""
    service = Service()
    for _ in range(ENTRIES_MAX + 1):
        service.change({}, "", 2)
    assert service.sequence == Sequence((5, 7, 9), 1, 3)
