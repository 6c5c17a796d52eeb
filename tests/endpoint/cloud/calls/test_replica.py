"""The device's view of a locus: each way in which it gets behind, and how it catches up."""

from __future__ import annotations

from itertools import permutations
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.cloud.calls.replica import (
    PAUSED_MAX,
    QUEUE_MAX,
    Changed,
    Dropped,
    Effect,
    Fetch,
    Lost,
    Refused,
    Replica,
    StopWaiting,
    Sync,
    Wait,
)
from endpoint.cloud.calls.replica_table import State
from endpoint.wire.locus.merge import difference
from tests.endpoint.wire.locus.samples import DELTA, DTO
from tests.endpoint.wire.nearly import json_values, nearly

URL = "http://locus.test/loci/1"
MOVED = "http://locus.test/loci/2"
WAIT = Wait(10.0, 15.0)
SYNC = "http://locus.test/loci/1/sync?since={}"


def numbers(*entries: int) -> dict[str, Any]:
    return {"entries": list(entries), "rangeStart": 0, "rangeEnd": 0}


def state(n: int, **more: Any) -> dict[str, Any]:
    """Return the n-th state of a locus, n from 1: it has seen 1 to n, and its topic is n."""
    return {
        "url": URL,
        "sequence": numbers(*range(1, n + 1)),
        "syncUrl": SYNC.format(n),
        "info": {"topic": str(n)},
        "participants": [{"url": f"{URL}/participant/1", "id": "1", "state": "JOINED", "held": n % 2 == 0}],
        **more,
    }


def delta(base: int, to: int) -> dict[str, Any]:
    return difference(state(base), state(to), [state(n) for n in range(base + 1, to)])


def following(n: int = 1) -> Replica:
    replica = Replica(URL)
    replica.take_full(state(n))
    return replica


def kinds(effects: tuple[Effect, ...]) -> list[Any]:
    """Leave out what a change is from and to."""
    return [Changed if isinstance(effect, Changed) else effect for effect in effects]


def topic(replica: Replica) -> str:
    assert replica.locus is not None
    assert replica.raw["info"]["topic"] == replica.locus.info.topic
    assert replica.raw["sequence"] == replica.sequence.as_wire()
    return replica.locus.info.topic


# ---- events in their order ----


def test_the_first_view_and_what_follows() -> None:
    replica = Replica(URL)
    (first,) = replica.take(state(1))
    assert isinstance(first, Changed)
    assert (first.before, first.after.info.topic) == (None, "1")
    (second,) = replica.take(delta(1, 2))
    assert isinstance(second, Changed)
    assert (second.before, second.after.info.topic) == (first.after, "2")
    assert (topic(replica), replica.state, replica.is_syncing) == ("2", State.FOLLOWING, False)


@pytest.mark.parametrize("raw", [state(2), state(1), delta(1, 2)])
def test_what_is_known_already_changes_nothing(raw: dict[str, Any]) -> None:
    replica = following(2)
    assert replica.take(raw) == ()


def test_members_that_are_not_known_are_kept() -> None:
    replica = Replica(URL)
    replica.take({**state(1), "zone": {"a": 1}})
    replica.take({**delta(1, 2), "breakout": {"b": 2}})
    assert (replica.raw["zone"], replica.raw["breakout"]) == ({"a": 1}, {"b": 2})


def test_a_delta_before_the_first_view_lets_it_be_fetched_and_is_not_lost() -> None:
    replica = Replica(URL)
    assert replica.take(delta(2, 3)) == (Fetch(URL),)
    assert kinds(replica.fetched(state(2))) == [Changed]
    assert topic(replica) == "3"


# ---- too early ----


def test_a_delta_that_came_too_early_waits_for_the_one_between() -> None:
    replica = following(1)
    assert replica.take(delta(2, 3)) == (WAIT,)
    assert replica.take(delta(3, 4)) == ()
    assert (topic(replica), replica.state) == ("1", State.WAITING)
    assert kinds(replica.take(delta(1, 2))) == [Changed, StopWaiting()]
    assert (topic(replica), replica.state) == ("4", State.FOLLOWING)


def test_a_whole_locus_ends_the_wait_too() -> None:
    replica = following(1)
    replica.take(delta(2, 3))
    assert kinds(replica.take(state(2))) == [Changed, StopWaiting()]
    assert topic(replica) == "3"


@pytest.mark.parametrize("order", list(permutations(range(1, 5))))
def test_any_order_of_a_few_deltas_leads_to_the_same_view_without_asking(order: tuple[int, ...]) -> None:
    replica = following(1)
    for n in order:
        for _ in range(2):
            assert not {Sync, Fetch} & set(map(type, replica.take(delta(n, n + 1))))
    assert (topic(replica), replica.state) == ("5", State.FOLLOWING)


def test_after_the_wait_the_service_is_asked() -> None:
    replica = following(1)
    replica.take(delta(2, 3))
    assert replica.waited() == (Sync(SYNC.format(1)),)
    assert replica.is_syncing
    assert kinds(replica.synced(delta(1, 3))) == [Changed]
    assert (topic(replica), replica.state) == ("3", State.FOLLOWING)


def test_with_one_more_than_may_wait_the_service_is_asked_at_once() -> None:
    replica = following(1)
    for n in range(3, 3 + QUEUE_MAX):
        assert replica.take(delta(n, n + 1)) == ((WAIT,) if n == 3 else ())
    assert replica.take(delta(8, 9)) == (StopWaiting(), Sync(SYNC.format(1)))
    assert kinds(replica.synced(delta(1, 3))) == [Changed]  # the rest was there
    assert (topic(replica), replica.state) == ("9", State.FOLLOWING)


def test_the_same_delta_waits_only_once() -> None:
    replica = following(1)
    for _ in range(3 * QUEUE_MAX):
        replica.take(delta(2, 3))
    assert replica.state is State.WAITING


def test_a_timer_that_was_too_late_to_be_stopped_does_nothing() -> None:
    assert following().waited() == ()


# ---- out of step ----


def test_too_big_to_be_sent() -> None:
    replica = following(1)
    too_big = {**delta(2, 3), "baseSequence": numbers(1, 2, 3)}
    assert replica.take(too_big) == (Sync(SYNC.format(1)),)
    assert replica.take(delta(3, 4)) == ()  # kept meanwhile
    assert kinds(replica.synced(delta(1, 3))) == [Changed]
    assert topic(replica) == "4"


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_sync_without_what_is_known_to_be_missing_is_followed_by_a_fetch(nothing: Any) -> None:
    replica = following(1)
    replica.take({**delta(2, 3), "baseSequence": numbers(1, 2, 3)})
    assert replica.synced(nothing) == (Fetch(URL),)
    assert kinds(replica.fetched(state(3))) == [Changed]
    assert replica.state is State.FOLLOWING


def test_a_whole_locus_that_is_out_of_step_is_fetched() -> None:
    replica = following(2)
    other = {**state(3), "sequence": numbers(1, 3)}
    assert replica.take(other) == (Fetch(URL),)
    assert kinds(replica.fetched(other)) == [Changed]  # the service is right
    assert (topic(replica), replica.state) == ("3", State.FOLLOWING)


def test_a_delta_that_is_out_of_step_is_synced() -> None:
    replica = following(2)
    assert replica.take({**delta(2, 3), "sequence": numbers(1, 3)}) == (Sync(SYNC.format(2)),)
    assert kinds(replica.synced({**state(3), "sequence": numbers(1, 3)})) == [Changed]


def test_without_an_address_for_the_sync_the_whole_is_fetched() -> None:
    replica = Replica(URL)
    replica.take(state(1, syncUrl=""))
    assert replica.resync() == (Fetch(URL),)


def test_after_a_reconnect_the_service_is_asked_whatever_is_known() -> None:
    replica = following(1)
    assert replica.resync() == (Sync(SYNC.format(1)),)
    assert replica.resync() == ()  # it is being asked
    assert replica.synced(None) == ()
    assert replica.state is State.FOLLOWING
    assert Replica(URL).resync() == (Fetch(URL),)


def test_a_whole_locus_during_the_sync_is_taken_and_the_older_answer_is_not() -> None:
    replica = following(1)
    replica.resync()
    assert kinds(replica.take(state(4))) == [Changed]
    assert replica.is_syncing
    assert replica.synced(delta(1, 3)) == ()
    assert (topic(replica), replica.state) == ("4", State.FOLLOWING)


def test_a_sync_for_an_earlier_view_than_the_present_one_is_followed_by_a_fetch() -> None:
    replica = following(1)
    replica.resync()
    replica.take(state(2))
    assert replica.synced(difference(state(1), state(3))) == (Fetch(URL),)
    assert kinds(replica.fetched(state(3))) == [Changed]


def test_without_a_url_nobody_can_be_asked_until_something_brings_one() -> None:
    replica = Replica("")
    assert replica.resync() == ()
    (refused,) = replica.take({**delta(1, 2), "url": None})
    assert isinstance(refused, Refused)
    assert replica.take(delta(1, 2)) == (Fetch(URL),)


def test_a_sync_that_does_not_fit_is_followed_by_a_fetch() -> None:
    replica = following(1)
    replica.resync()
    assert replica.synced(delta(2, 3)) == (Fetch(URL),)


# ---- moved ----


def test_a_locus_that_has_moved_is_synced_and_then_fetched_where_it_is() -> None:
    replica = following(2)
    assert replica.take({**delta(2, 3), "url": MOVED}) == (Sync(SYNC.format(2)),)
    assert replica.synced(None) == (Fetch(MOVED),)
    assert kinds(replica.fetched(state(1, url=MOVED))) == [Changed]  # it counts anew there
    assert (replica.url, topic(replica), replica.state) == (MOVED, "1", State.FOLLOWING)


def test_the_sync_of_a_locus_that_has_moved_may_bring_it() -> None:
    replica = following(2)
    replica.take({**delta(2, 3), "url": MOVED})
    assert kinds(replica.synced(state(3, url=MOVED))) == [Changed]
    assert (replica.url, replica.state) == (MOVED, State.FOLLOWING)


# ---- failures ----


def test_a_failed_sync_and_a_failed_fetch_lose_the_locus() -> None:
    replica = following(2)
    replica.resync()
    assert replica.failed() == (Fetch(URL),)
    assert replica.failed() == (Lost(),)
    assert replica.failed() == replica.take(delta(2, 3)) == replica.take(state(1)) == replica.waited() == ()
    assert replica.state is State.LOST


@pytest.mark.parametrize(("n", "expected"), [(1, []), (2, [Changed])])
def test_a_lost_locus_is_found_by_a_whole_one(n: int, expected: list[Any]) -> None:
    replica = following(1)
    for _ in (replica.resync(), replica.failed(), replica.failed()):
        pass
    assert kinds(replica.take(state(n))) == expected
    assert replica.state is State.FOLLOWING


def test_a_lost_locus_is_fetched_when_it_is_asked_for_again() -> None:
    replica = following(1)
    for _ in (replica.resync(), replica.failed(), replica.failed()):
        pass
    assert replica.resync() == (Fetch(URL),)
    assert kinds(replica.fetched(state(2))) == [Changed]


def test_nothing_failed_when_nothing_was_asked() -> None:
    assert following().failed() == ()


def test_answers_that_nobody_waits_for_are_taken_like_events() -> None:
    replica = following(1)
    assert kinds(replica.synced(delta(1, 2))) == [Changed]
    assert kinds(replica.fetched(state(3))) == [Changed]
    assert replica.synced(None) == ()


@pytest.mark.parametrize("raw", [{}, {"url": 5}, {**state(2), "self": 1}, {**delta(1, 2), "participants": [{}]}])
def test_what_cannot_be_read_changes_nothing(raw: dict[str, Any]) -> None:
    replica = following(1)
    (refused,) = replica.take(raw)
    assert isinstance(refused, Refused)
    assert (topic(replica), replica.state) == ("1", State.FOLLOWING)


def test_an_answer_that_cannot_be_read_is_none() -> None:
    replica = following(1)
    replica.resync()
    refused, fetch = replica.synced({"url": 5})
    assert isinstance(refused, Refused)
    assert fetch == Fetch(URL)
    refused, lost = replica.fetched(delta(1, 2))
    assert isinstance(refused, Refused)
    assert lost == Lost()


def test_more_than_can_be_kept_is_dropped_and_asked_for_afterwards() -> None:
    replica = following(1)
    replica.resync()
    for n in range(2, 2 + PAUSED_MAX):
        assert replica.take(delta(n, n + 1)) == ()
    assert replica.take(delta(PAUSED_MAX + 2, PAUSED_MAX + 3)) == (Dropped(PAUSED_MAX),)
    assert replica.dropped == 1
    assert kinds(replica.synced(delta(1, 2))) == [Changed, Fetch(URL)]  # one is known to be missing
    assert kinds(replica.fetched(state(PAUSED_MAX + 3))) == [Changed]
    assert (topic(replica), replica.state) == (str(PAUSED_MAX + 3), State.FOLLOWING)


def test_what_was_dropped_during_a_fetch_is_asked_for_afterwards() -> None:
    replica = Replica(URL)
    for n in range(2, 3 + PAUSED_MAX):
        replica.take(delta(n, n + 1))
    assert replica.dropped == 1
    assert kinds(replica.fetched(state(2))) == [Changed, Sync(SYNC.format(2 + PAUSED_MAX))]


def test_each_step_of_the_lifecycle_is_told() -> None:
    told: list[tuple[str, str, str]] = []
    replica = Replica(URL, lambda name, before, _, after: told.append((name, before.value, after.value)))
    replica.take(state(1))
    replica.take(delta(2, 3))
    replica.take(delta(1, 2))
    assert told == [("locus", "following", "waiting"), ("locus", "waiting", "following")]


# ---- anything ----

loci = (
    nearly(DTO)
    | nearly(DELTA)
    | nearly(state(2))
    | nearly(delta(1, 2))
    | st.dictionaries(st.text(max_size=8), json_values)
)
calls = st.tuples(st.sampled_from(["take", "synced", "fetched", "failed", "waited", "resync"]), loci)


@given(st.lists(calls, max_size=8))
def test_nothing_that_comes_breaks_it(steps: list[tuple[str, Any]]) -> None:
    replica = Replica(URL)
    for name, raw in steps:
        if not isinstance(raw, dict):
            continue
        takes = name in ("take", "synced", "fetched")
        effects = getattr(replica, name)(raw) if takes else getattr(replica, name)()
        assert isinstance(effects, tuple)
        if replica.locus is not None:
            assert cast("str", replica.raw["url"]) == replica.url
