"""Schema documents and names of value spaces. Source: protocol/xapi.md 2.8, 4.6, 5.2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.documents import (
    NAME_CHARS_MAX,
    document,
    document_from_root,
    space_document,
    value_spaces,
    valuespace_name,
)
from endpoint.wire.xapi.nodes import BRANCHES, Argument, Branch, Command, Imported, Node, Nodes, ValueSpace, nodes
from endpoint.wire.xapi.paths import Path, parse_path


def test_a_status_is_below_its_own_root_on_the_shell_and_bare_on_the_websocket() -> None:
    volume = {
        "access": "public-api",
        "role": "Admin;Integrator;User",
        "ValueSpace": {"type": "Integer"},
    }
    for path in (("Status", "Audio", "Volume"), ("statusschema", "AUDIO", "volume")):
        assert document_from_root(nodes(), path) == {"StatusSchema": {"Audio": {"Volume": volume}}}
        assert document(nodes(), path) == volume


def test_a_configuration_has_its_default_and_its_elements_numbers() -> None:
    proxies = document(nodes(), ("Configuration", "SIP", "Proxy"))
    assert isinstance(proxies, list)
    assert [proxy["id"] for proxy in proxies] == ["1", "2", "3", "4"]
    second = document(nodes(), ("Configuration", "SIP", "Proxy", 2))
    assert second == proxies[1]
    assert document_from_root(nodes(), ("Configuration", "SIP", "Proxy", 2)) == {
        "Configuration": {"SIP": {"Proxy": [second]}}
    }
    assert document(nodes(), ("Configuration", "SIP", "Proxy", 5)) == {}
    assert document(nodes(), ("Configuration", "Audio", "DefaultVolume")) == {
        "access": "public-api",
        "role": "Admin;Integrator;User",
        "read": "Admin;Integrator;User",
        "default": "50",
        "ValueSpace": {"type": "Integer", "Min": "0", "Max": "100", "Step": "1"},
    }


def test_a_list_of_status_is_one_element_for_any_number() -> None:
    calls = document(nodes(), ("Status", "Call"))
    assert isinstance(calls, list)
    assert len(calls) == 1
    assert "id" not in calls[0]
    status = document(nodes(), ("Status", "Call", 42, "Status"))
    assert status == document(nodes(), ("Status", "Call", "Status")) == calls[0]["Status"]


def test_a_command_has_its_arguments_as_children() -> None:
    assert document(nodes(), ("Command", "Security", "Certificates", "CA", "Add")) == {
        "access": "public-api",
        "command": "True",
        "role": "Admin",
        "multiline": "True",
    }
    volume = document(nodes(), ("Command", "Audio", "Volume", "Increase"))
    assert isinstance(volume, dict)
    assert volume["Steps"] == {
        "required": "False",
        "default": "5",
        "ValueSpace": {"type": "Integer", "Min": "1", "Max": "10", "Step": "1"},
    }
    register = document(nodes(), ("Command", "HttpFeedback", "Register"))
    assert isinstance(register, dict)
    assert register["Expression"]["ValueSpace"]["type"] == "StringArray"
    assert register["FeedbackSlot"]["required"] == "True"


def test_an_event_has_its_fields_as_children_and_lists_below_it() -> None:
    added = document(nodes(), ("Event", "Conference", "ParticipantList", "ParticipantAdded"))
    assert isinstance(added, dict)
    assert added["CallId"] == {"type": "int", "required": "True"}
    assert added["IsHost"] == {"type": "literal", "required": "True", "Value": ["False", "True"]}
    assert added["Device"] == [{"Id": {"type": "string", "required": "False"}}]
    assert document_from_root(nodes(), ("Event", "Shutdown")) == {
        "Event": {"Shutdown": {"access": "public-api", "read": "Admin;User"}}
    }


@pytest.mark.parametrize(
    "path", [(), ("Nonsense",), ("Status", "Nonsense"), ("Status", "Audio", 3), ("Event", "Shutdown", "X")]
)
def test_where_nothing_is_the_document_is_empty(path: Path) -> None:
    assert document(nodes(), path) == document_from_root(nodes(), path) == {}


def test_a_role_sees_what_it_may_read_and_call() -> None:
    everything, user, paired = (document(nodes(), ("Command",), roles) for roles in (None, "U", "P"))
    assert isinstance(user, dict)
    assert isinstance(everything, dict)
    assert "Macros" in everything
    assert "Macros" not in user
    assert "Dial" in user
    assert isinstance(paired, dict)
    assert set(paired) == {"SystemUnit", "UserManagement"}
    assert document(nodes(), ("Status", "SystemUnit", "Uptime"), "R") == {}


def test_imported_nodes_have_no_text_and_elements_may_differ() -> None:
    def leaf(numbers: range, *words: str) -> Node:
        space = ValueSpace("literal", words)
        return Node(
            "Configuration", "Audio Line[n] Mode", space, "A", "A", "documented", "", (numbers,), "x", is_imported=True
        )

    command = Command(
        "Audio Line Ring", "A", (Argument("N", ValueSpace("integer", low=1), True, None),), False, "", "x", "", True
    )
    wide = Nodes([], []).widened(
        Imported((leaf(range(1, 2), "A", "B"), leaf(range(2, 4), "C", "D")), (command,), (), {})
    )
    lines = document(wide, ("Configuration", "Audio", "Line"))
    assert isinstance(lines, list)
    assert [(line["id"], line["Mode"]["ValueSpace"]["Value"]) for line in lines] == [
        ("1", ["A", "B"]),
        ("2", ["C", "D"]),
        ("3", ["C", "D"]),
    ]
    assert document(wide, ("Command",)) == {
        "Audio": {
            "Line": {
                "Ring": {
                    "access": "public-api",
                    "command": "True",
                    "role": "Admin",
                    "N": {"required": "True", "ValueSpace": {"type": "Integer", "Min": "1", "Step": "1"}},
                }
            }
        }
    }


def _objects(found: object) -> Iterator[dict[str, Any]]:
    if isinstance(found, list):
        for element in found:
            yield from _objects(element)
    elif isinstance(found, dict):
        yield found
        for key, value in found.items():
            if key != "ValueSpace":
                yield from _objects(value)


@pytest.mark.parametrize("branch", BRANCHES)
def test_jsxapi_could_generate_its_types_from_every_branch(branch: Branch) -> None:
    # what its generator relies on: attributes in lower case, value spaces with a type it knows, one element per list of status
    everything = document(nodes(), (branch,))
    leaves = 0
    for found in _objects(everything):
        for key, value in found.items():
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*", key)
            assert key == "Value" or isinstance(value, str) == (key[0].islower())
            if isinstance(value, list) and branch == "Status":
                assert len(value) == 1
        if "ValueSpace" in found:
            space = found["ValueSpace"]
            leaves += 1
            assert space["type"].removesuffix("Array") in ("Integer", "Literal", "String")
            assert ("Value" in space) == space["type"].startswith("Literal")
    arguments = sum(len(command.arguments) for command in nodes().commands)
    configurations = sum(max(1, len(leaf.instances())) for leaf in nodes().leaves("Configuration"))
    assert leaves == {"Status": 397, "Configuration": configurations, "Command": arguments, "Event": 0}[branch]


@pytest.mark.parametrize("branch", BRANCHES)
def test_every_node_is_in_the_document_at_its_own_path(branch: Branch) -> None:
    for text in nodes().paths(branch):
        path = (branch, *parse_path(text.replace("[n]", "[1]")))
        found = document(nodes(), path)
        assert isinstance(found, dict)
        assert found["access"] == "public-api"
        (root,) = document_from_root(nodes(), path)
        assert root == ("StatusSchema" if branch == "Status" else branch)


@pytest.mark.parametrize(
    ("space", "name"),
    [
        ("0..100", "INT_0_100"),
        ("-24..0", "INT_-24_0"),
        ("int", "INT"),
        ("S(0..128)", "STR_0_128_NoFilt"),
        ("S", "STR_NoFilt"),
        ("Off/On", "TTPAR_OnOff"),
        ("On/Off", "TTPAR_OnOff"),
        ("Auto/Off/On", "TTPAR_OnOffAuto"),
        ("Auto/Current/Off/On", "TTPAR_OnOffAutoCurrent"),
        ("False/True", "TTPAR_FalseTrue"),
        ("auto/equal", "TTPAR_AutoEqual"),
    ],
)
def test_names_of_value_spaces(space: str, name: str) -> None:
    assert valuespace_name(ValueSpace.read(space)) == name


def test_a_name_that_lost_something_ends_in_a_digest() -> None:
    signs, other = (valuespace_name(ValueSpace.read(text)) for text in ("HTTP+HTTPS/Off", "HTTP-HTTPS/Off"))
    assert signs != other
    assert re.fullmatch(r"TTPAR_OffHTTPHTTPS_[0-9a-f]{8}", signs)
    assert re.fullmatch(r"TTPAR_110_[0-9a-f]{8}", valuespace_name(ValueSpace.read("1/10")))
    assert len(valuespace_name(ValueSpace.read("zone"))) == len("TTPAR_") + NAME_CHARS_MAX


def test_every_name_of_the_table_stands_for_one_set_of_values() -> None:
    known = value_spaces(nodes())
    assert list(known) == sorted(known)
    spaces = [leaf.space for branch in BRANCHES for leaf in nodes().leaves(branch)]
    spaces += [argument.space for command in nodes().commands for argument in command.arguments]
    for space in spaces:
        same = known[valuespace_name(space)]
        assert (set(same.literals), same.low, same.high, same.kind) == (
            set(space.literals),
            space.low,
            space.high,
            space.kind,
        )
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9_-]*", name) for name in known)


@given(
    st.builds(
        ValueSpace, st.just("integer"), st.just(()), st.none() | st.integers(-9, 9), st.none() | st.integers(-9, 9)
    )
    | st.builds(
        ValueSpace, st.just("literal"), st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=5).map(tuple)
    )
)
def test_any_space_has_a_name_that_can_stand_in_xml(space: ValueSpace) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z0-9_-]*", valuespace_name(space))
    assert all(isinstance(value, (str, list)) for value in space_document(space).values())


@given(
    st.lists(
        st.sampled_from(
            ["Status", "Configuration", "Command", "Event", "Audio", "Call", "Network", "SIP", "Proxy", "Volume"]
        )
        | st.text(max_size=5)
        | st.integers(0, 5),
        max_size=6,
    ).map(tuple)
)
def test_any_path_has_a_document_or_an_empty_one(path: Path) -> None:
    found = document(nodes(), path)
    root = document_from_root(nodes(), path)
    assert bool(found) == bool(root)
