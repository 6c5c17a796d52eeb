"""Feedback expressions of a shell. Source: protocol/xapi.md 4.8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import SubscriptionLimit
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.query import query_of_text
from endpoint.wire.xapi.shell import LINE_BYTES_MAX
from endpoint.xapi import feedback as feedback_module
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback, Notice
from endpoint.xapi.ssh.expressions import EXPRESSIONS_MAX, Expressions, in_slashes
from endpoint.xapi.tree import Tree


def made() -> tuple[Expressions, Tree, list[Notice]]:
    status, told = Tree({("Audio", "Volume"): 50}), list[Notice]()
    feedback = Feedback(status, Tree(), nodes())
    xapi = Xapi(nodes(), status, Tree(), Commands(nodes()), feedback, lambda values, caller: None)
    return Expressions(xapi, INTERNAL, told.append), status, told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/Status/Audio", "/Status/Audio"),
        ("Status/Audio/", "/Status/Audio/"),
        ("Status Audio Volume", "/Status/Audio/Volume"),
        ("/Status/Video/Input/Connector[@item='3']", "/Status/Video/Input/Connector[@item='3']"),
        ("/Status/Video/Input/Connector 3", "/Status/Video/Input/Connector[3]"),
        ("Status Call 3 Status", "/Status/Call[3]/Status"),
        ("//Volume", "//Volume"),
        ("Event", "/Event"),
    ],
)
def test_how_they_are_listed(text: str, shown: str) -> None:
    assert in_slashes(text) == shown
    assert query_of_text(shown).parts == query_of_text(text).parts


@given(st.text(alphabet="aZ/ .[]'@=*3", max_size=20))
def test_what_is_listed_means_the_same(text: str) -> None:
    try:
        query = query_of_text(text)
    except RemoteProtocolError:
        return
    assert in_slashes(text).startswith("/")
    assert query_of_text(in_slashes(text)).parts == query.parts


def test_one_change_is_told_once_and_never_after_the_end() -> None:
    expressions, status, told = made()
    for text in ("/Status", "Status/Audio", "/Status/Audio/Volume", "status audio"):
        expressions.register(query_of_text(text))
    assert expressions.listed == ["/Status", "/Status/Audio", "/Status/Audio/Volume"]
    status.put(("Audio", "Volume"), 1)
    assert [notice.leaves for notice in told] == [((("Status", "Audio", "Volume"), 1),)]
    expressions.deregister(query_of_text("/Status"))
    expressions.deregister(query_of_text("/Status/Nothing"))
    expressions.clear()
    status.put(("Audio", "Volume"), 2)
    assert len(told) == 1


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    expressions, status, told = made()
    for number in range(EXPRESSIONS_MAX):
        expressions.register(query_of_text(f"/Status/Call[{number}]"))
    with pytest.raises(SubscriptionLimit):
        expressions.register(query_of_text("/Status/Audio"))
    monkeypatch.setattr(feedback_module, "SUBSCRIPTIONS_MAX", 1)
    expressions.deregister(query_of_text("/Status/Call[1]"))
    with pytest.raises(LimitExceeded):
        expressions.register(query_of_text("/Status/Audio"))
    assert len(expressions.listed) == EXPRESSIONS_MAX - 1  # nothing else was lost
    status.put(("Call", 2, "Status"), "Connected")
    assert len(told) == 1


@pytest.mark.parametrize(("separators", "shown"), [("/", "/x//y"), (" ", "/x/y"), (".", "/x/y"), ("/ .", "/x/y")])
def test_a_long_row_of_separators_is_looked_at_once(separators: str, shown: str) -> None:
    row = separators * (LINE_BYTES_MAX // len(separators))
    assert in_slashes(f"x{row}y") == shown  # from every separator anew it would be half a minute
