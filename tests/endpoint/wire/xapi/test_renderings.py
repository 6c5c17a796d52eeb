"""All renderings of the same leaves agree, and each reads back to the same values."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi import terminal, xmlform, xmlinput
from endpoint.wire.xapi.jsonform import strings, typed
from endpoint.wire.xapi.leaves import Leaf, flatten
from endpoint.wire.xapi.nodes import Nodes, Value, nodes
from endpoint.wire.xapi.paths import Path
from tests.endpoint.wire.xapi.trees import leaf_lists

EMPTY = Nodes(())


def _texts(leaves: list[Leaf]) -> dict[Path, str]:
    return {path: str(value) for path, value in leaves}


def _plain(shown: Any) -> Any:
    """Turn the string form into fields: the value object of a leaf is its value."""
    if isinstance(shown, dict):
        if set(shown) == {"Value"} and isinstance(shown["Value"], str):
            return shown["Value"]
        return {key: _plain(value) for key, value in shown.items()}
    return [_plain(value) for value in shown] if isinstance(shown, list) else shown


def _elements(leaves: list[Leaf]) -> list[Leaf]:
    """Return leaves with elements that are values as they are inside the device: JSON gives them a member `Value`."""
    return [(path[:-1] if path[-1] == "Value" and path[-3] == "Expression" else path, value) for path, value in leaves]


def _agree(leaves: list[Leaf], table: Nodes) -> None:
    native, words = json.loads(json.dumps(typed(leaves))), json.loads(json.dumps(strings(leaves)))
    assert dict(_elements(flatten(native))) == dict(leaves)
    assert _texts(_elements(flatten(_plain(words)))) == _texts(leaves)
    printed = terminal.lines(leaves, table)
    assert len(printed) == len(leaves)
    assert _texts(terminal.read_lines(printed, table)) == _texts(leaves)
    document = xmlform.document(xmlform.tree(leaves))
    assert _texts(xmlinput.leaves(xmlinput.read(document.encode()))) == _texts(leaves)


@given(leaf_lists())
def test_renderings_of_any_leaves_agree(leaves: list[Leaf]) -> None:
    _agree(leaves, EMPTY)


@st.composite
def _of_the_table(draw: st.DrawFn) -> list[Leaf]:
    """Draw leaves that the device could have, with values that they could have."""
    found: dict[Path, Value] = {}
    for node in draw(st.lists(st.sampled_from(nodes().leaves("Status")), min_size=1, max_size=6)):
        path: list[str | int] = ["Status"]
        for word in node.path.split(" "):
            name, bracket, _ = word.partition("[")
            path.append(name)
            if bracket:
                path.append(draw(st.integers(1, 20)))
        space = node.space
        if space.kind == "literal":
            value: Value = draw(st.sampled_from(space.literals))
        elif space.kind == "integer":
            value = draw(st.integers(space.low or -99, space.high or 99_999))
        else:
            value = draw(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20))
        found[tuple(path)] = value
    return sorted(found.items(), key=lambda leaf: [(isinstance(part, str), part) for part in leaf[0]])


@given(_of_the_table())
def test_renderings_of_what_a_device_has_agree(leaves: list[Leaf]) -> None:
    _agree(leaves, nodes())
