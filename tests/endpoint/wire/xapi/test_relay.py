"""The messages between cloud and device about the xAPI: read what was written, refuse what breaks a rule, and show no value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import codec, mercury
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.mercury import Event
from endpoint.wire.xapi import relay
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import PARTS_MAX, Path, folded, parse_path
from endpoint.wire.xapi.query import Begins, Query, Span, Wild, query_of_text
from endpoint.wire.xapi.relay import (
    Change,
    CommandCall,
    ConfigurationPatch,
    ConfigurationQuery,
    Done,
    Refused,
    Setting,
    StatusQuery,
)
from endpoint.wire.xapi.spaces import ValueSpace
from tests.endpoint.wire.nearly import nearly

ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
names = st.text(min_size=1, max_size=40)
lists = st.lists(names, min_size=1, max_size=10).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
changes = st.builds(Change, op=st.sampled_from(["replace", "remove"]), key=names, value=json_values)
requests = st.one_of(
    st.builds(StatusQuery, ids, lists),
    st.builds(ConfigurationQuery, ids, lists),
    st.builds(CommandCall, ids, names, st.dictionaries(names, json_values, max_size=5), st.none() | st.text()),
    st.builds(ConfigurationPatch, ids, st.lists(changes, min_size=1, max_size=5).map(tuple)),
)


def over_the_wire(request: relay.Request) -> Event:
    frame = mercury.parse_frame(mercury.encode_frame(Event(id="e", data=relay.request_data(request))))
    assert isinstance(frame, Event)
    return frame


@given(requests)
def test_what_is_asked_arrives(request: relay.Request) -> None:
    event = over_the_wire(request)
    assert event.event_type == relay.REQUEST
    assert relay.parse_request(event.data) == request


@given(st.text(alphabet="xyz", min_size=8, max_size=20))
def test_values_are_shown_nowhere(secret: str) -> None:
    for request in (
        CommandCall("a", "A.B", {"Passphrase": secret}, secret),
        ConfigurationPatch("a", (Change(op="replace", key="A.B", value=secret),)),
    ):
        event = over_the_wire(request)
        assert secret not in repr(event)
        assert secret not in repr(relay.parse_request(event.data))
        assert secret not in repr(relay.request_data(request))


@given(st.dictionaries(st.sampled_from(["requestId", "kind", "names", "name", "sealed", "x"]), json_values))
def test_any_event_is_a_request_or_breaks_a_rule(data: dict[str, Any]) -> None:
    try:
        request = relay.parse_request(data)
    except RemoteProtocolError:
        return
    assert relay.parse_request(over_the_wire(request).data) == request


@given(
    ids, st.sampled_from(["command", "configurationPatch"]), names, st.text(max_size=60) | json_values.map(json.dumps)
)
def test_any_sealed_text_is_read_or_breaks_a_rule(request_id: str, kind: str, name: str, sealed: str) -> None:
    data = {"requestId": request_id, "kind": kind, "name": name, "sealed": sealed}
    try:
        request = relay.parse_request(data)
    except RemoteProtocolError:
        return
    assert relay.parse_request(over_the_wire(request).data) == request


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"requestId": ""}, "data.requestId"),
        ({"requestId": "a/b"}, "data.requestId"),
        ({"requestId": "a\n"}, "data.requestId"),
        ({"requestId": "x" * 65}, "data.requestId"),
        ({"kind": "other"}, "data.kind"),
        ({"names": []}, "data.names"),
        ({"names": ["A"] * 11}, "data.names"),
        ({"names": [""]}, "data.names[0]"),
        ({"names": ["x" * 1025]}, "data.names[0]"),
        ({"kind": "command"}, "data.sealed"),
        ({"kind": "command", "sealed": "{}"}, "data"),
        ({"kind": "command", "name": "A", "sealed": '{"arguments": 1}'}, "data.sealed.arguments"),
        ({"kind": "configurationPatch", "sealed": '{"changes": []}'}, "data.sealed.changes"),
        ({"kind": "configurationPatch", "sealed": "["}, "data.sealed"),
    ],
)
def test_a_broken_request_says_where(change: dict[str, Any], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        relay.parse_request({"requestId": "a", "kind": "status", "names": ["A.B"], **change})
    assert caught.value.where == where


def test_more_than_a_frame_can_hold_is_not_sealed() -> None:
    fits = relay.request_data(CommandCall("a", "A", {}, "x" * (relay.SEALED_BYTES_MAX - 100)))
    assert len(mercury.encode_frame(Event(id="e", data=fits))) < 1024 * 1024
    with pytest.raises(LocalProtocolError, match="768 KiB"):
        relay.request_data(CommandCall("a", "A", {}, "x" * relay.SEALED_BYTES_MAX))


# ---- answers ---------------------------------------------------------------------------------------------------------


@given(
    st.builds(Done, result=st.dictionaries(st.text(max_size=10), json_values, max_size=4))
    | st.builds(Refused, why=st.sampled_from(["badRequest", "failed", "denied"]), text=st.text())
)
def test_what_is_answered_arrives(answer: relay.Answer) -> None:
    assert relay.parse_answer(codec.encode(answer)) == answer


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_answer_or_break_a_rule(body: bytes) -> None:
    try:
        answer = relay.parse_answer(body)
    except RemoteProtocolError:
        return
    assert relay.parse_answer(codec.encode(answer)) == answer


SETTING = {
    "key": "Audio.DefaultVolume",
    "value": 50,
    "default": 50,
    "configured": None,
    "valueSpace": {"type": "integer", "minimum": 0, "maximum": 100},
    "updatedAt": "2026-03-02T09:00:00.000Z",
}


@given(
    st.dictionaries(st.sampled_from(["settings", "x"]), json_values)
    | nearly({"settings": [SETTING, {**SETTING, "key": "A.B", "value": "On"}]}).filter(
        lambda result: isinstance(result, dict)
    )
)
def test_any_result_is_settings_or_breaks_a_rule(result: dict[str, Any]) -> None:
    try:
        found = relay.parse_settings(result)
    except RemoteProtocolError:
        return
    assert all(isinstance(setting, Setting) for setting in found.settings)
    assert [setting.key for setting in found.settings] == [setting["key"] for setting in result["settings"]]
    assert relay.parse_settings(json.loads(codec.encode(found))) == found


# ---- keys ------------------------------------------------------------------------------------------------------------

DNS = ("Configuration", "Network", 1, "DNS", "Server", 2, "Address")


@pytest.mark.parametrize(
    ("key", "path", "named"),
    [
        ("Audio.DefaultVolume", ("Configuration", "Audio", "DefaultVolume"), True),
        ("audio.defaultvolume", ("Configuration", "Audio", "DefaultVolume"), True),
        ("Audio", ("Configuration", "Audio", "DefaultVolume"), False),
        ("Audio.*", ("Configuration", "Audio", "DefaultVolume"), True),
        ("Audio.*", ("Configuration", "Audio", "Ultrasound", "MaxVolume"), True),
        ("Video.*", ("Configuration", "Audio", "DefaultVolume"), False),
        ("*", DNS, True),
        ("Network[1].DNS.Server[2].Address", DNS, True),
        ("Network[1].DNS.Server[3].Address", DNS, False),
        ("Network[1].DNS.Server[1..3].Address", DNS, True),
        ("Network[1].DNS.Server[3..9].Address", DNS, False),
        ("Network[1].DNS.Server[2..n].Address", DNS, True),
        ("Network[1].DNS.Server[3..n].Address", DNS, False),
        ("Network[*].DNS.Server[*].Address", DNS, True),
        ("Network.DNS.Server.Address", DNS, True),
        ("Network[1].DNS.Server[2]", DNS, False),
        ("Network[1].DNS.Server", DNS, False),
        ("Network[1].DNS.*", DNS, True),
        ("Network[2].*", DNS, False),
    ],
)
def test_what_a_key_stands_for(key: str, path: Path, named: bool) -> None:
    assert relay.names_leaf(relay.configuration_query(key), folded(path)) is named


@pytest.mark.parametrize("key", ["", "a b[", "Audio..", "[1]", "*" * 2, "x" * 1025, "A[99999999999]", "é"])
def test_what_is_no_key(key: str) -> None:
    for read in (relay.configuration_query, relay.status_query):
        try:
            query = read(key)
        except RemoteProtocolError:
            continue
        assert not relay.names_leaf(query, ("configuration", "audio", "defaultvolume")) or "*" in key


words_of_keys = st.from_regex(r"([A-Za-z]{1,5}|\*\*?)(\[([0-9]{1,3}|\*|[0-9]\.\.([0-9]|n))\])?", fullmatch=True)
likely_keys = st.lists(words_of_keys, min_size=1, max_size=5).flatmap(
    lambda words: st.sampled_from(".. /").map(lambda separator: separator.join(words))
)
spoiled_keys = st.builds(
    lambda key, at, junk: key[:at] + junk + key[at + 1 :],
    likely_keys,
    st.integers(0, 20),
    st.text(".*[]n19- ", max_size=2),
)


def _an_example(query: Query) -> Path:
    """Return one folded path that an expression stands for, spans taken at their lower end."""
    path: list[str | int] = []
    for part in query.parts:
        if part is Wild.DEEP:
            continue
        path.append(
            "any"
            if isinstance(part, Wild)
            else part.low
            if isinstance(part, Span)
            else part.text
            if isinstance(part, Begins)
            else part
        )
    return tuple(path)


@pytest.mark.parametrize("branch", ["configuration", "status"])
@given(text=st.text(max_size=40) | likely_keys | spoiled_keys)
def test_any_text_is_a_key_or_breaks_a_rule(branch: str, text: str) -> None:
    read = relay.configuration_query if branch == "configuration" else relay.status_query
    try:
        query = read(text)
    except RemoteProtocolError:
        return
    assert query.parts[0] == branch
    assert 1 < len(query.parts) <= PARTS_MAX
    assert query_of_text(query.text) == query
    path = _an_example(query)
    if not any(isinstance(part, Span) and part.low > part.high for part in query.parts):
        assert query.covers(path)
        assert query.covers((*path, "below"))
        assert all(query.reaches(path[:length]) for length in range(len(path)))
    if query.plain is not None:
        assert path == query.plain
        assert relay.names_leaf(query, path)
        assert not relay.names_leaf(query, (*path, "below"))


def test_every_configuration_is_named_by_its_own_key_and_no_other() -> None:
    paths = [path for node in nodes().leaves("Configuration") for path in node.instances()]
    keys = [relay.dotted(path) for path in paths]
    assert len(set(keys)) == len(keys)
    for key, path in zip(keys, paths, strict=True):
        assert parse_path(key) == path
        whole = folded(("Configuration", *path))
        assert relay.names_leaf(relay.configuration_query(key), whole)


def test_what_the_cloud_does_not_show() -> None:
    hidden = [node.path for node in nodes().leaves("Configuration") if not relay.is_in_cloud_view(node)]
    assert "Webex Privacy AllowUsageDataLogging" in hidden
    assert "NetworkServices HTTP Proxy Password" in hidden
    assert all(name.endswith(("Password", "Passphrase")) for name in hidden if not name.startswith("Webex Privacy"))


@pytest.mark.parametrize(
    ("space", "schema"),
    [
        ("0..100", {"type": "integer", "minimum": 0, "maximum": 100}),
        ("int", {"type": "integer"}),
        ("Off/On", {"type": "string", "enum": ["Off", "On"]}),
        ("S(0..64)", {"type": "string", "minLength": 0, "maxLength": 64}),
        ("S", {"type": "string"}),
    ],
)
def test_value_spaces_as_json_schema(space: str, schema: dict[str, Any]) -> None:
    assert relay.json_schema(ValueSpace.read(space)) == schema
