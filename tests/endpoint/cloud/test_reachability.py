"""Discovery without a loop: every row of the table, results, and the words of the log."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from endpoint.cloud.reachability import (
    FAITHFUL_PROFILE,
    FAST,
    PROFILES,
    STARTED,
    TABLE,
    ClusterAnswer,
    Effect,
    ListFailed,
    ListReceived,
    Result,
    ResultAged,
    ServerAnswered,
    ServersDone,
    State,
    Triggered,
    age_line,
    early_line,
    failed_line,
    improve,
    reason_of,
    result_lines,
    whole_seconds,
)
from endpoint.runtime.errors import DeadlineMissed, EndpointError, Refused, StateError, Unreachable
from endpoint.runtime.statetable import Machine
from endpoint.wire.calliope import Answer, ClusterList, Server, Transport, best_of
from endpoint.wire.errors import RemoteProtocolError

UDP, TCP, XTLS = Transport.UDP, Transport.TCP, Transport.XTLS
LIST = ClusterAnswer(ClusterList(clusters={}))
BEST_UDP = Answer(Server("wdfw2.wdfw2.*", UDP, "207.182.171.136", 5004), 25, "203.0.113.7")
EVENTS = {
    type(event): event
    for event in (
        Triggered("boot"),
        ListReceived(LIST, ()),
        ListFailed("x"),
        ServerAnswered(BEST_UDP),
        ServersDone(),
        ResultAged(),
    )
}

ROWS = [
    (State.NOT_STARTED, Triggered, State.LISTING, Effect.FETCH_LIST),
    (State.LISTING, Triggered, State.LISTING, Effect.RUN_AGAIN),
    (State.LISTING, ListReceived, State.PROBING, Effect.PROBE),
    (State.LISTING, ListFailed, State.FAILED, Effect.KEEP_OLD),
    (State.LISTING, ResultAged, State.LISTING, Effect.DROP_OLD),
    (State.PROBING, Triggered, State.PROBING, Effect.RUN_AGAIN),
    (State.PROBING, ServerAnswered, State.PROBING, Effect.IMPROVE_BEST),
    (State.PROBING, ServersDone, State.COMPLETED, Effect.CONCLUDE),
    (State.PROBING, ResultAged, State.PROBING, Effect.DROP_OLD),
    (State.COMPLETED, Triggered, State.LISTING, Effect.FETCH_LIST),
    (State.FAILED, Triggered, State.LISTING, Effect.FETCH_LIST),
    (State.FAILED, ResultAged, State.FAILED, Effect.DROP_OLD),
]


def _machine(state: State) -> Machine[State]:
    machine = Machine(TABLE)
    machine.state = state
    return machine


@pytest.mark.parametrize(("before", "event", "after", "effect"), ROWS)
def test_every_row_leads_where_it_should(before: State, event: type, after: State, effect: Effect) -> None:
    machine = _machine(before)
    assert machine.feed(EVENTS[event]) == (effect,)
    assert machine.state is after


def test_every_other_pair_is_refused_and_changes_nothing() -> None:
    known = {(before, event) for before, event, _, _ in ROWS}
    assert known == set(TABLE.rows)
    for state, event in itertools.product(State, EVENTS):
        if (state, event) not in known:
            machine = _machine(state)
            with pytest.raises(StateError):
                machine.feed(EVENTS[event])
            assert machine.state is state


def test_every_state_is_reached_and_left() -> None:
    assert {after for _, _, after, _ in ROWS} | {State.NOT_STARTED} == set(State)
    assert {before for before, _, after, _ in ROWS if before is not after} == set(State)


def test_status_has_the_four_words_of_xstatus() -> None:
    assert [state.status for state in State] == ["NotStarted", "InProgress", "InProgress", "Completed", "Failed"]


def test_profiles_have_the_names_of_the_scenario_language() -> None:
    assert PROFILES == {"fast": FAST, "rfc": FAST, "faithful": FAITHFUL_PROFILE}


# -- results ----------------------------------------------------------------------------------------------------------------------------


def _result(counts: dict[Transport, tuple[int, int]]) -> Result:
    """Make a result of (answered, asked) servers of each transport; the first of each is the fastest."""
    asked = {
        transport: [
            Server("wdfw2.wdfw2.*", transport, f"198.18.{number // 250}.{number % 250 + 1}", 5004)
            for number in range(total)
        ]
        for transport, (_, total) in counts.items()
    }
    answers = [
        Answer(server, 25 + number, "203.0.113.7")
        for transport, (answered, _) in counts.items()
        for number, server in enumerate(asked[transport][:answered])
    ]
    return Result(
        clusters=ClusterList(clusters={}),
        asked=tuple(itertools.chain(*asked.values())),
        answers=tuple(answers),
        best=best_of(answers),
        completed_at=datetime(2022, 4, 24, 19, 1, 29, 156_000, UTC),
        took_s=193.617,
        listed_at_s=100.366,
        age_s=7200,
    )


def test_the_lines_of_a_run_are_those_of_the_slides() -> None:
    lines = result_lines(_result({UDP: (76, 84), TCP: (68, 84), XTLS: (22, 42)}))
    text = "CalliopeDiscovery completed with response from 166 out of 210 servers. 76 udp, 68 tcp, 22 xTls"
    where = "callCenter:wdfw2.wdfw2.*, trnsp:{}, protocol:stun, ip:198.18.0.1:5004 with RTT:25"
    assert lines == [
        ("CalliopeDiscovery", "I", text),
        *(
            ("CalliopeDiscovery", "I", f"CalliopeDiscovery: BEST {where.format(name)}")
            for name in ("udp", "tcp", "xTls")
        ),
    ]


def test_the_best_line_of_the_slides_is_reproduced() -> None:
    text = "BEST callCenter:wdfw2.wdfw2.*, trnsp:udp, protocol:stun, ip:207.182.171.136:5004 with RTT:25"
    assert early_line(BEST_UDP) == ("CalliopeDiscovery", "3", f"early {text}")


def test_a_transport_that_was_asked_in_vain_is_named() -> None:
    lines = result_lines(_result({UDP: (0, 3), TCP: (1, 3), XTLS: (0, 3)}))
    assert lines[0][2].endswith("1 out of 9 servers. 0 udp, 1 tcp, 0 xTls")
    assert lines[2:] == [
        ("CalliopeDiscovery", "W", "CalliopeDiscovery: no server answered over udp"),
        ("CalliopeDiscovery", "W", "CalliopeDiscovery: no server answered over xTls"),
    ]


def test_a_transport_that_was_not_asked_is_not() -> None:
    assert [level for _, level, _ in result_lines(_result({UDP: (1, 1)}))] == ["I", "I"]


def test_the_other_lines_have_their_shapes() -> None:
    assert STARTED == ("Wx2", "2", "Starting calliope discovery")
    assert age_line(7200, 6962) == ("Wx2", "I", "CalliopeDiscovery Cache-Control::max-age=7200 rand (75 - 100) -> 6962")
    kept = "2022-04-24T14:01:29.156-05:00"
    text = f"CalliopeDiscovery request failed: dns timeout a.test; keeping the result of {kept}"
    assert failed_line("dns timeout a.test", kept) == ("CalliopeDiscovery", "W", text)


def test_the_summary_counts_what_the_scenario_language_asks_for() -> None:
    summary = _result({UDP: (76, 84), TCP: (68, 84), XTLS: (0, 42)}).summary()
    best = {name: {"cluster": "wdfw2.wdfw2.*", "ip": "198.18.0.1:5004", "rtt": 25} for name in ("udp", "tcp")}
    counts = {"asked": 210, "answered": 144, "silent": 66, "udp": 76, "tcp": 68, "xtls": 0}
    assert summary == {**counts, "took_ms": 193617, "best": best}


@pytest.mark.parametrize(
    ("seconds", "whole"), [(0.0, 0), (0.001, 1), (9.0, 9), (9.0 + 1e-9, 9), (193.617, 194), (194.3, 195)]
)
def test_the_duration_is_rounded_up(seconds: float, whole: int) -> None:
    assert whole_seconds(seconds) == whole


def test_an_answer_improves_best_only_when_it_is_better() -> None:
    worse = Answer(Server("a", UDP, "198.18.0.1", 5004), 26, "")
    tied = Answer(Server("a", UDP, "198.18.0.1", 5004), 25, "")
    tcp = Answer(Server("a", TCP, "198.18.0.1", 5004), 99, "")
    assert improve({}, BEST_UDP) == {UDP: BEST_UDP}
    assert improve({UDP: BEST_UDP}, worse) is None
    assert improve({UDP: BEST_UDP}, BEST_UDP) is None
    assert improve({UDP: BEST_UDP}, tied) == {UDP: tied}  # the cluster's name decides
    assert list(improve({TCP: tcp}, BEST_UDP) or ()) == [UDP, TCP]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreachable("dns", "a.test", "could not resolve a.test"), "could not resolve a.test"),
        (DeadlineMissed("cluster list", 5.0), "timeout after 5 s"),
        (Refused(500), "unexpected content"),
        (RemoteProtocolError("clusters", "an object"), "unexpected content"),
    ],
)
def test_reasons_are_of_the_closed_set(error: EndpointError | RemoteProtocolError, reason: str) -> None:
    assert reason_of(error) == reason
