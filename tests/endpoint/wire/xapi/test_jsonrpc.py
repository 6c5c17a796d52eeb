"""JSON-RPC messages: what is read, what is refused, and how answers are printed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi import jsonrpc
from endpoint.wire.xapi.errors import (
    AccessDenied,
    BadArguments,
    BadValue,
    CommandFailed,
    NoMatch,
    NotReady,
    SubscriptionLimit,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.jsonrpc import Request, RpcError

GOOD = '{"jsonrpc":"2.0","method":"xGet","id":%s}'


@pytest.mark.parametrize("id_", ["1", 1, 0, -7, 1.5, "", None, 2**70, "ünï", "\x00"])
def test_an_id_is_echoed_with_its_type(id_: Any) -> None:
    request = jsonrpc.read(GOOD % json.dumps(id_))
    assert not request.is_notification
    assert request.id is not msgspec.UNSET
    echoed = json.loads(jsonrpc.answer(request.id, 50))
    assert echoed == {"id": id_, "jsonrpc": "2.0", "result": 50}
    assert type(echoed["id"]) is type(id_)


def test_a_request_without_an_id_is_a_notification() -> None:
    request = jsonrpc.read('{"jsonrpc":"2.0","method":"xGet","params":{"Path":["Status"]}}')
    assert request.is_notification
    assert request.params == {"Path": ["Status"]}


@pytest.mark.parametrize(
    ("message", "code", "id_"),
    [
        ("", -32700, None),
        ("hello", -32700, None),
        ("{", -32700, None),
        (b"\xff\xfe", -32700, None),
        ('{"jsonrpc":"2.0","method":"x","id":"\\ud800"}', -32700, None),
        ('{"jsonrpc":"2.0","method":"x","id":1} trailing', -32700, None),
        ("[" * 5_000, -32700, None),
        ("[]", -32600, None),
        ("null", -32600, None),
        ("7", -32600, None),
        ('"xGet"', -32600, None),
        ("{}", -32600, None),
        ('{"jsonrpc":"2.0","id":5}', -32600, 5),
        ('{"jsonrpc":"1.0","method":"xGet","id":"a"}', -32600, "a"),
        ('{"method":"xGet","id":3}', -32600, 3),
        ('{"jsonrpc":"2.0","method":7,"id":3}', -32600, 3),
        ('{"jsonrpc":"2.0","method":"xGet","id":true}', -32600, None),
        ('{"jsonrpc":"2.0","method":"xGet","id":[1]}', -32600, None),
        ('{"jsonrpc":"2.0","method":"xGet","id":1,"params":"Status"}', -32600, 1),
        ('[{"jsonrpc":"2.0","method":"xGet","id":1}]', -32600, None),
    ],
)
def test_what_is_no_request_is_refused(message: str | bytes, code: int, id_: Any) -> None:
    with pytest.raises(RpcError) as refused:
        jsonrpc.read(message)
    assert (refused.value.code, refused.value.id) == (code, id_)


def test_members_stand_in_alphabetical_order() -> None:
    assert jsonrpc.answer("10", {"status": "OK"}) == b'{"id":"10","jsonrpc":"2.0","result":{"status":"OK"}}'
    unknown = RpcError(jsonrpc.METHOD_NOT_FOUND)
    assert jsonrpc.failure(unknown, "6") == (
        b'{"error":{"code":-32601,"message":"Method not found."},"id":"6","jsonrpc":"2.0"}'
    )
    gone = RpcError(jsonrpc.INVALID_PARAMS, jsonrpc.UNKNOWN_SUBSCRIPTION, {"Id": 99})
    assert jsonrpc.failure(gone, 1) == (
        b'{"error":{"code":-32602,"data":{"Id":99},"message":"Unknown subscription Id"},"id":1,"jsonrpc":"2.0"}'
    )


@pytest.mark.parametrize(
    ("branch", "params"),
    [
        ("Status", b'{"Id":2,"Status":{"Audio":{"Volume":33}}}'),
        ("Configuration", b'{"Configuration":{"Audio":{"Volume":33}},"Id":2}'),
        ("Event", b'{"Event":{"Audio":{"Volume":33}},"Id":2}'),
    ],
)
def test_a_notification_has_its_subscription_and_its_tree(branch: str, params: bytes) -> None:
    tree = jsonrpc.tree_bytes({"Audio": {"Volume": 33}})
    assert jsonrpc.event(2, branch, tree) == b'{"jsonrpc":"2.0","method":"xFeedback/Event","params":' + params + b"}"


@pytest.mark.parametrize(
    ("error", "code", "message", "data"),
    [
        (NoMatch("Status/Nope"), -32602, "No match on Path argument", None),
        (UnknownCommand("No Such"), -32601, "Method not found.", None),
        (BadArguments({"Number": "missing"}), -32602, "Bad usage: Missing or invalid parameter(s).", None),
        (BadValue("Audio DefaultVolume", "0..100"), -32602, "Bad usage: Missing or invalid parameter(s).", None),
        (CommandFailed("Failed to parse xml"), 1, "Failed to parse xml", None),
        (CommandFailed(""), 1, "Command returned an error.", None),
        (CommandFailed("Not paired", cause=21), 1, "Not paired", {"Cause": 21}),
        (
            CommandFailed("", fields={"StatusCode": 404, "Headers": [{"Key": "a"}]}),
            1,
            "Command returned an error.",
            {"Headers": [{"Key": "a", "id": 1}], "StatusCode": 404},
        ),
        (AccessDenied(), -31999, "Permission denied.", None),
        (SubscriptionLimit(50), -31998, "Subscriber count exceeded.", None),
        (NotReady(), -31997, "Not ready.", None),
        (XapiError("?"), -32603, "Internal error.", None),
    ],
)
def test_every_no_of_the_device_has_its_code(error: XapiError, code: int, message: str, data: Any) -> None:
    refusal = jsonrpc.refusal(error)
    assert (refusal.code, refusal.message, refusal.data) == (code, message, data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | JSON,
        "method": st.sampled_from(["xGet", "xCommand/Dial"]) | JSON,
        "id": JSON,
        "params": JSON,
        "more": JSON,
    },
)


def outcome(data: str | bytes) -> Request | RpcError:
    """Return what became of a message."""
    try:
        return jsonrpc.read(data)
    except RpcError as error:
        return error


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_request_or_a_documented_error(data: bytes) -> None:
    found = outcome(data)
    if isinstance(found, RpcError):
        assert found.code in (jsonrpc.PARSE_ERROR, jsonrpc.INVALID_REQUEST)
        assert json.loads(jsonrpc.failure(found, found.id))["error"]["code"] == found.code
    else:
        assert json.loads(data)["method"] == found.method


@given(MEMBERS | JSON)
def test_any_json_is_a_request_or_an_invalid_one(message: Any) -> None:
    found = outcome(json.dumps(message))
    if isinstance(found, RpcError):
        # a lone surrogate is no text in any encoding; a number without end is none that could be echoed
        assert found.code in (jsonrpc.INVALID_REQUEST, jsonrpc.PARSE_ERROR)
        return
    assert message["jsonrpc"] == "2.0"
    assert found.method == message["method"]
    assert found.is_notification == ("id" not in message)
    if "id" in message:
        assert json.loads(jsonrpc.answer(message["id"], None))["id"] == message["id"]
