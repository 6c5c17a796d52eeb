"""Schema files that a user brings. The files here are made up in the documented shape. Source: protocol/xapi.md 2.7."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi import schema_import
from endpoint.wire.xapi.nodes import BRANCHES, Argument, Branch, Field, Imported, Node, ValueSpace, nodes
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.schema_import import read_schema

ADMIN = {"role": ["Admin", "Audit", "User"], "read": ["Admin", "Integrator"]}


def thing(kind: str, path: str, products: tuple[str, ...] = ("davinci",), **attributes: object) -> dict[str, object]:
    return {
        "id": 1,
        "type": kind,
        "path": path,
        "normPath": path,
        "products": list(products),
        "attributes": {"access": "public-api", "backend": "any", **ADMIN, **attributes},
    }


def integer(low: int, high: int) -> dict[str, object]:
    return {"type": "Integer", "Min": str(low), "Max": str(high), "Step": str(high)}


def file(*objects: object) -> bytes:
    return json.dumps({"objects": objects}).encode()


def read(*objects: object, product: str = "davinci") -> Imported:
    return read_schema(file(*objects), product)


def test_a_status_is_read_by_its_role_and_has_no_default() -> None:
    found = read(
        thing("Status", "Video Output Monitor[n] Backlight", valuespace={"type": "Literal", "Values": ["On", "Off"]})
    )
    assert found.leaves == (
        Node(
            "Status",
            "Video Output Monitor[n] Backlight",
            ValueSpace("literal", ("On", "Off")),
            "AUY",
            "",
            "documented",
            "",
            (None,),
            "nothing: imported",
            is_imported=True,
        ),
    )
    assert found.skipped == {}


def test_a_configuration_is_set_by_its_role_and_keeps_the_numbers_of_its_elements() -> None:
    found = read(
        thing(
            "Configuration",
            "Video Output Connector[2..5] Brightness[1]",
            valuespace=integer(-24, 0),
            default="-3",
            hide_value="True",
        )
    )
    (leaf,) = found.leaves
    assert (leaf.read, leaf.set, leaf.default, leaf.space.low) == ("AI", "AUY", "-3", -24)
    assert leaf.elements == (range(2, 6), range(1, 2))
    assert leaf.is_hidden
    assert leaf.instances()[-1] == ("Video", "Output", "Connector", 5, "Brightness", 1)


def test_a_command_has_its_arguments_and_its_body() -> None:
    found = read(
        thing(
            "Command",
            "UserInterface Translation Override Set",
            multiline="True",
            params=[
                {"name": "Id", "required": True, "valuespace": {"type": "String", "MinLength": "1", "MaxLength": 128}},
                {
                    "name": "Way",
                    "required": "False",
                    "valuespace": {"type": "LiteralArray", "Values": ["A", 2], "multiple": 4},
                },
                {"name": "Delay", "valuespace": integer(0, 9), "default": 5, "description": "text of a vendor"},
            ],
        )
    )
    (command,) = found.commands
    assert command.multiline
    assert command.roles == "AUY"
    assert command.arguments == (
        Argument("Id", ValueSpace("string", low=1, high=128), True, None),
        Argument("Way", ValueSpace("literal", ("A", "2")), False, None, 4),
        Argument("Delay", ValueSpace("integer", low=0, high=9), False, "5"),
    )
    assert "vendor" not in repr(found)


def test_an_event_has_the_leaves_below_it_as_fields() -> None:
    found = read(
        thing(
            "Event",
            "Bookings Wandered",
            role=[],
            children={
                "Id": {"required": "True", "valuespace": "string"},
                "Cause": {"required": "False", "valuespace": "literal", "values": ["Here", "There"]},
                "Way": {"required": "True", "valuespace": "literal"},
                "Device": {"multiple": "True", "children": {"Count": {"required": "True", "valuespace": "int"}}},
                "At": {"children": {"Time": {"required": "True", "valuespace": "string"}}},
            },
        )
    )
    (event,) = found.events
    assert event.read == "AI"
    assert event.fields == (
        Field("Id", ValueSpace("string"), optional=False),
        Field("Cause", ValueSpace("literal", ("Here", "There")), optional=True),
        Field("Way", ValueSpace("string"), optional=False),
        Field("Device[n] Count", ValueSpace("integer"), optional=False),
        Field("At Time", ValueSpace("string"), optional=False),
    )


def test_the_product_decides_before_the_first_of_the_same_path_counts() -> None:
    path = "Audio Extra Level"
    objects = (
        thing("Configuration", path, ("barents",), valuespace=integer(0, 1)),
        thing("Configuration", path, ("davinci", "hopen"), valuespace=integer(0, 2)),
        thing("Configuration", path, ("davinci",), valuespace=integer(0, 3)),
    )
    found = read(*objects)
    assert [leaf.space.high for leaf in found.leaves] == [2]
    assert found.skipped == {"for other products": 1, "the same path again": 1}
    assert [leaf.space.high for leaf in read(*objects, product="Codec Pro").leaves] == [1]


def test_what_only_premises_have_is_left_out() -> None:
    found = read(thing("Status", "H323 Extra", backend="onprem"), thing("Status", "Audio Extra"))
    assert [leaf.path for leaf in found.leaves] == ["Audio Extra"]
    assert found.skipped == {"only on premises": 1}


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        (thing("Action", "Audio Extra"), "a type other than"),
        (thing("Status", "Audio 3D"), "a word that no path can have"),
        (thing("Status", "Audio/Extra"), "another spelling"),
        (thing("Status", "Audio Line 3 Extra"), "another spelling"),
        (thing("Status", "Audio Line[3..1]"), "elements that cannot be"),
        (thing("Status", "Audio Line[1..999999999] Level[1..9]"), "elements that cannot be"),
        (thing("Status", "Audio Line[" + "9" * 5000 + "]"), "a word that no path can have"),
        (thing("Command", "Audio Line[1] Set"), "with elements"),
        (thing("Status", "Audio Extra", valuespace={"type": "Float"}), "other than Literal, Integer, String"),
        (thing("Status", "Audio Extra", valuespace="int"), "no object"),
        (thing("Status", "Audio Extra", valuespace=integer(9, 1)), "wrong way round"),
        (thing("Status", "Audio Extra", valuespace={"type": "Literal", "Values": []}), "without values"),
        (thing("Status", "Audio Extra", valuespace={"type": "Literal", "Values": [None]}), "no word"),
        (thing("Command", "Audio Extra", params={"Level": {}}), "params that are no list"),
        (thing("Command", "Audio Extra", params=["Level"]), "no object"),
        (thing("Command", "Audio Extra", params=[{"name": "two words"}]), "no word"),
        (thing("Event", "Audio Extra", children="Level"), "children that are no object"),
        (thing("Event", "Audio Extra", children={"Level": 3}), "no object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_understood_is_counted_with_its_reason(strange: dict[str, object], reason: str) -> None:
    found = read(strange, thing("Status", "Audio More"))
    assert [leaf.path for leaf in found.leaves] == ["Audio More"]
    assert found.commands == found.events == ()
    ((why, count),) = found.skipped.items()
    assert why.startswith("not understood: ")
    assert reason in why
    assert count == 1


def test_an_event_whose_fields_go_too_deep_is_not_understood() -> None:
    children: dict[str, Any] = {"Leaf": {"valuespace": "string"}}
    for _ in range(schema_import.FIELD_DEPTH_MAX):
        children = {"Deep": {"children": children}}
    assert list(read(thing("Event", "Audio Extra", children=children)).skipped.values()) == [1]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", r"schema file: JSON in UTF-8"),
        (b"\xff\xfe", r"schema file: JSON in UTF-8"),
        (b"[" * 100_000, r"schema file: JSON in UTF-8"),
        (b"false", r"schema file: an object with a list of nodes, \{\"objects\": \[\.\.\.\]\}, got only `false`"),
        (b"[]", r"schema file: an object .*, got list"),
        (b'{"objects": {}}', r"schema file: an object .*, got dict"),
        (file(thing("Status", "Audio Volume"), 3), r"objects\[1\]: an object with type, path, .*, got int"),
        (file({"type": "Status"}), r"objects\[0\]\.path: a text, got NoneType"),
        (file({**thing("Status", "A"), "attributes": []}), r"objects\[0\]\.attributes: an object, got list"),
        (file(), r"products: nodes for the product 'davinci'; the file has: none"),
        (file(thing("Status", "A", ("hopen",))), r"products: nodes for the product 'davinci'; the file has: hopen"),
    ],
)
def test_no_schema_file_says_where_and_what_would_be_right(data: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        read_schema(data, "davinci")


def test_a_file_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_import, "OBJECTS_MAX", 1)
    with pytest.raises(RemoteProtocolError, match="objects: at most 1 nodes, got 2"):
        read(thing("Status", "A"), thing("Status", "B"))
    monkeypatch.setattr(schema_import, "SCHEMA_BYTES_MAX", 10)
    with pytest.raises(RemoteProtocolError, match="schema file: at most 10 bytes"):
        read(thing("Status", "A"))


def test_a_table_is_widened_by_what_it_has_not() -> None:
    imported = read(
        thing("Status", "audio volume", valuespace=integer(0, 1)),
        thing("Status", "Audio Extra"),
        thing(
            "Configuration", "Audio Extra[1] Mode", valuespace={"type": "Literal", "Values": ["A", "B"]}, default="b"
        ),
        thing("Configuration", "Audio Extra[2..3] Mode", valuespace={"type": "Literal", "Values": ["C", "D"]}),
        thing("Command", "Dial", params=[]),
        thing("Command", "Audio Extra Ring"),
        thing("Event", "Shutdown", children={"X": {"valuespace": "string"}}),
        thing("Event", "Audio Extra Rang"),
    )
    table = nodes()
    wide = table.widened(imported)
    assert wide.find("Status", ("Audio", "Volume")) is table.find("Status", ("Audio", "Volume"))
    assert wide.command(("Dial",)) is table.command(("Dial",))
    assert wide.event(("Shutdown",)) is table.event(("Shutdown",))
    extra = wide.find("Status", ("audio", "extra"))
    assert extra is not None
    assert extra.is_imported
    first, second = (wide.find("Configuration", ("Audio", "Extra", number, "Mode")) for number in (1, 3))
    assert first is not None
    assert second is not None
    assert (first.default, first.space.literals, second.space.literals) == ("B", ("A", "B"), ("C", "D"))
    assert wide.find("Configuration", ("Audio", "Extra", 4, "Mode")) is None
    command = wide.command(("Audio", "Extra", "Ring"))
    assert command is not None
    assert command.is_imported
    assert wide.event(("Audio", "Extra", "Rang")) is not None
    assert "Extra" in wide.children("Command", ("Audio",))
    assert table.find("Status", ("Audio", "Extra")) is None
    added = [len(wide.paths(branch)) - len(table.paths(branch)) for branch in BRANCHES]
    assert added == [1, 2, 1, 1]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_SPACES = _VALUES | st.fixed_dictionaries(
    {"type": st.sampled_from(["Literal", "integer", "StringArray", "Float"])},
    optional={
        "Values": st.lists(st.sampled_from(["On", "off", "a/b", 3]) | st.text(max_size=4), max_size=4),
        "Min": st.integers() | st.text(max_size=3),
        "Max": st.integers() | st.text(max_size=3),
        "MinLength": st.integers(-2, 9),
        "MaxLength": st.integers(-2, 9),
        "multiple": _VALUES,
    },
)
_PATHS = st.text(max_size=12) | st.lists(
    st.sampled_from(["Audio", "Volume[n]", "Line[1..3]", "X[4..2]", "Y[1]", "z"]), min_size=1, max_size=4
).map(" ".join)
_OBJECTS = st.fixed_dictionaries(
    {"type": st.sampled_from([*BRANCHES, "Action"]), "path": _PATHS, "products": st.just(["davinci"])},
    optional={
        "attributes": st.fixed_dictionaries(
            {},
            optional={
                "role": st.just(["Admin"]) | _VALUES,
                "read": _VALUES,
                "backend": st.sampled_from(["any", "onprem"]) | _VALUES,
                "valuespace": _SPACES,
                "default": _VALUES,
                "params": st.lists(
                    st.fixed_dictionaries(
                        {"name": st.text(max_size=5)}, optional={"valuespace": _SPACES, "default": _VALUES}
                    ),
                    max_size=2,
                )
                | _VALUES,
                "children": st.dictionaries(
                    st.text(max_size=4),
                    st.fixed_dictionaries({}, optional={"valuespace": _SPACES, "children": _VALUES}),
                    max_size=2,
                )
                | _VALUES,
            },
        )
    },
)


@given(st.lists(_OBJECTS, min_size=1, max_size=6))
def test_any_objects_are_read_or_counted_and_what_was_read_can_be_used(objects: list[dict[str, object]]) -> None:
    data = file(*objects)
    try:
        found = read_schema(data, "davinci")
    except RemoteProtocolError:
        return
    read = len(found.leaves) + len(found.commands) + len(found.events)
    assert read + sum(found.skipped.values()) == len(objects)
    wide = nodes().widened(found)
    for leaf in found.leaves:
        for path in leaf.instances() or [parse_path(leaf.path.replace("[n]", "[1]"))]:
            assert wide.find(leaf.branch, path) is not None or None in leaf.elements
        assert leaf.default == "" or str(leaf.space.accept(leaf.default)) == leaf.default
    for command in found.commands:
        assert wide.command(tuple(command.path.split(" "))) is not None
        assert all(argument.name and argument.many > 0 for argument in command.arguments)
    for event in found.events:
        assert wide.event(tuple(event.path.split(" "))) is not None
    branches: tuple[Branch, ...] = BRANCHES
    assert all(wide.children(branch, ()) for branch in branches)


@given(st.binary(max_size=200) | _VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_schema_or_a_documented_error(data: bytes) -> None:
    try:
        found = read_schema(data, "davinci")
    except RemoteProtocolError:
        return
    assert found.leaves or found.commands or found.events or found.skipped
