"""What is remembered of loci without a call, and for how long."""

from __future__ import annotations

import pytest

from endpoint.cloud.calls.past import PAST_MAX, Past
from endpoint.wire.locus.dto import Locus, Participant, State
from endpoint.wire.locus.sequence import Sequence


def _locus(number: int = 1, state: State = State.IDLE, url: str = "http://locus.test/1") -> Locus:
    return Locus(url=url, sequence=Sequence((number,)), self_=Participant(url=f"{url}/me", state=state))


def test_a_locus_rings_again_only_after_the_device_was_out_of_it() -> None:
    past = Past()
    assert past.is_news(_locus())
    past.rang(_locus().url)
    assert not past.is_news(_locus(2))
    past.is_news(_locus(3, State.DECLINED))
    assert past.is_news(_locus(4))


def test_what_is_older_than_what_was_seen_is_no_news() -> None:
    past = Past()
    past.add(_locus().url, _locus(5, State.LEFT))
    assert not past.is_news(_locus(5))
    assert not past.is_news(_locus(4, State.LEFT))
    raw = {"self": {}, "sequence": {"entries": [5], "rangeStart": 0, "rangeEnd": 0}}
    assert past.is_stale(_locus().url, raw)
    assert past.is_stale(_locus().url, {**raw, "sequence": 7})
    assert past.is_stale(_locus().url, {"sequence": {"entries": [6], "rangeStart": 0, "rangeEnd": 0}}), (
        "of others in it"
    )
    assert not past.is_stale(_locus().url, {**raw, "sequence": {"entries": [6], "rangeStart": 0, "rangeEnd": 0}})
    assert not past.is_stale("http://locus.test/2", raw)


def test_a_stray_is_left_once_for_each_state_that_is_seen() -> None:
    past = Past()
    assert past.leaves(_locus(1))
    assert not past.leaves(_locus(1))
    assert past.leaves(_locus(2))


@pytest.mark.parametrize("how", ["add", "rang", "leaves"])
def test_the_oldest_are_forgotten(how: str) -> None:
    past = Past()
    for number in range(PAST_MAX + 1):
        locus = _locus(url=f"http://locus.test/{number}")
        {"add": lambda one: past.add(one.url, one), "rang": lambda one: past.rang(one.url), "leaves": past.leaves}[how](
            locus
        )
    raw = {"sequence": None}
    assert not past.is_stale("http://locus.test/0", raw)
    assert past.is_stale("http://locus.test/1", raw)
