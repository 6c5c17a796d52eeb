"""JSON-RPC as a client reads it. Source: protocol/xapi.md 3.3 to 3.7."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import (
    AccessDenied,
    BadArguments,
    BadValue,
    CommandFailed,
    NoMatch,
    NotReady,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.query import query_of_text
from scenarios.runner.shell.frames import Answer, Failure, Told, leaves_of, list_of, read_frame, refusal, request


def test_request() -> None:
    assert json.loads(request(7, "xGet", {"Path": ["Status", "Audio"]})) == {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "xGet",
        "params": {"Path": ["Status", "Audio"]},
    }


@pytest.mark.parametrize(
    ("frame", "read"),
    [
        ({"id": 1, "jsonrpc": "2.0", "result": 50}, Answer(1, 50)),
        ({"id": 1, "result": True}, Answer(1, True)),
        ({"id": 2, "error": {"code": -32601, "message": "Method not found."}}, Failure(2, -32601, "Method not found.")),
        ({"id": None, "error": {"code": -32700, "message": "Parse error"}}, Failure(None, -32700, "Parse error")),
        (
            {"method": "xFeedback/Event", "params": {"Id": 0, "Status": {"Call": [{"ghost": "True", "id": 3}]}}},
            Told(((("Status", "Call", 3), Mark.GHOST),)),
        ),
        (
            {"method": "xFeedback/Event", "params": {"Id": 0, "Event": {"Bookings": {"Updated": {"id": 1}}}}},
            Told(((("Event", "Bookings", "Updated"), Mark.NODE),)),
        ),
        (
            {"method": "xFeedback/Event", "params": {"Id": 0, "Event": {"CallDisconnect": {"CallId": 3, "id": 1}}}},
            Told(((("Event", "CallDisconnect", "CallId"), 3),)),
        ),
    ],
)
def test_frames(frame: dict[str, Any], read: object) -> None:
    assert read_frame(json.dumps(frame)) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{}",
        '{"id": 1}',
        '{"id": "x", "result": 1}',
        '{"id": true, "result": 1}',
        '{"id": 1, "error": {"code": "x", "message": "y"}}',
        '{"id": 1, "error": {"code": 1}}',
        '{"method": "xFeedback/Event", "params": {"Status": {"Call": [{"id": "x"}]}}}',
        '{"method": "xFeedback/Event", "params": ' + '{"a":' * 30 + "1" + "}" * 31,
    ],
)
def test_other_frames_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        read_frame(text)


names = st.sampled_from(["Audio", "Call", "Volume", "Status", "Connector", "Name"])
trees = st.recursive(
    st.one_of(st.integers(-5, 5), st.text(max_size=3), st.just(Mark.NODE)),
    lambda inner: st.one_of(
        st.dictionaries(names, inner, min_size=1, max_size=3),
        st.dictionaries(st.integers(0, 9), st.dictionaries(names, inner, min_size=1, max_size=2), min_size=1, max_size=2),
    ),
    max_leaves=8,
)  # fmt: skip


def flat(tree: Any, path: tuple[str | int, ...] = ()) -> list[Leaf]:
    if not isinstance(tree, dict):
        return [(path, tree)]
    return [leaf for name, below in tree.items() for leaf in flat(below, (*path, name))]


@given(st.dictionaries(names, trees, min_size=1, max_size=3))
def test_what_a_device_renders_comes_back(tree: dict[str, Any]) -> None:
    leaves = flat(tree)
    assert sorted(leaves_of(typed(leaves)), key=repr) == sorted(leaves, key=repr)


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(
                        ["id", "result", "error", "code", "message", "method", "params", "ghost", "Status"]
                    ),
                    inner,
                    max_size=4,
                ),
            ),
        ).map(json.dumps),
    )
)
def test_any_frame_is_read_or_refused(text: str) -> None:
    try:
        frame = read_frame(text)
    except RemoteProtocolError:
        return
    if isinstance(frame, Told):
        assert all(isinstance(path, tuple) and path for path, _ in frame.leaves)
    else:
        assert frame.id is None or isinstance(frame.id, int)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Status/Audio/Volume", ["status", "audio", "volume"]),
        ("Status Call 3", ["status", "call", 3]),
        ("Status Call * Status", ["status", "call", "*", "status"]),
        ("Status ** Name", ["status", "**", "name"]),
        ("Status //Vol", None),
        ("Configuration Network[1..2]", None),
    ],
)
def test_queries_as_lists(text: str, parts: list[str | int] | None) -> None:
    assert list_of(query_of_text(text)) == parts


@pytest.mark.parametrize(
    ("asked", "code", "message", "kind"),
    [
        ("xGet Status Call 3", -32602, "No match on Path argument", NoMatch),
        ("xSet Configuration X", -32602, "No match on Path argument", NoMatch),
        ("xSet Configuration X", -32602, "Bad usage: Missing or invalid parameter(s).", BadValue),
        ("xCommand Dial", -32601, "Method not found.", UnknownCommand),
        ("xCommand Dial", -32602, "Bad usage: Missing or invalid parameter(s).", BadArguments),
        ("xCommand Dial", 1, "Command returned an error.", CommandFailed),
        ("xCommand Dial", -31999, "Permission denied", AccessDenied),
        ("xGet Status", -31997, "Not ready", NotReady),
        ("xGet Status", -32603, "Internal error", XapiError),
    ],
)
def test_errors(asked: str, code: int, message: str, kind: type[XapiError]) -> None:
    error = refusal(Failure(1, code, message, {"Cause": 21} if code == 1 else None), asked)
    assert type(error) is kind
    if isinstance(error, CommandFailed):
        assert (str(error), error.cause) == (message, 21)
