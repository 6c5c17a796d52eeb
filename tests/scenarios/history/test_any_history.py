"""Whatever is in the data of events: a history that can be read can be drawn, counted, compared, judged, and made a page of."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.runner.history import counting, drawing, page
from scenarios.runner.history.comparing import compare, report
from scenarios.runner.history.judging import judge
from scenarios.runner.history.rules import ignoring
from scenarios.runner.history.selection import Selection
from scenarios.runner.loader import load
from tests.tools.trace_kinds import KINDS

from .old import SCENARIO, history

(STORY,) = load(SCENARIO)

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["1", "3", "mercury", "call", "open", "\x1b[2J", "<b>"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["step", "frame", "data"]), inner),
    max_leaves=4,
)
_members = sorted({name for kind in KINDS.values() for name in kind.data})
_events = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(sorted(KINDS)),
        "who": st.sampled_from(["device:room", "cloud:mercury", "node:x", "runner", "world"]),
        "t": st.integers(0, 5),
        "data": st.dictionaries(st.sampled_from(_members), _values, max_size=4),
    },
    optional={"id": st.sampled_from("ab"), "cause": st.just(1), "step": st.integers(0, 3), "peer": st.just("cloud:x")},
)


def made(events: list[dict[str, Any]]) -> Any:
    return history({"kind": "note"}, *events)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_events, max_size=8), st.lists(_events, max_size=3))
def test_nothing_in_the_data_breaks_a_reader(events: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    one, other = made(events), made(others)
    for each in (True, False):
        for line in drawing.lines(one, one.events, each=each):
            assert "\x1b" not in drawing.clean(line.text(0))
    for event in one.events:
        assert list(drawing.why(one, event))
    assert counting.lines(counting.stats(one))
    assert "<b>" not in page.html(one, Selection())
    found = compare(one, other, ignoring(["ids,times"]))
    assert found is None or list(report(one, other, found))
    judgement = judge(STORY, one)
    assert judgement.judged + len(judgement.unjudged) > 0
