"""Leaves as Hypothesis draws them: a tree that a device could have, for properties that all renderings must keep."""

from __future__ import annotations

from hypothesis import strategies as st

from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path
from endpoint.xapi.tree import known

NAMES = ("Audio", "Volume", "Call", "Status", "Id", "Mode", "Name", "A", "zone")
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
values: st.SearchStrategy[Value] = st.one_of(st.integers(-(2**31), 2**31), texts)


@st.composite
def leaf_lists(draw: st.DrawFn, values: st.SearchStrategy[Value] = values) -> list[Leaf]:
    """Draw leaves in order below one root: an array's elements are objects, no leaf stands above another."""
    found: dict[Path, Value] = {}
    for _ in range(draw(st.integers(1, 8))):
        path: Path = ("Status",)
        for depth in range(draw(st.integers(1, 3))):
            name = f"{draw(st.sampled_from(NAMES))}{depth}"
            is_array = name < "C"  # the same name is always an array or never: as in the node table
            path = (*path, name, draw(st.integers(1, 99))) if is_array else (*path, name)
        path = (*path, "Leaf")
        found[path] = draw(values)
    return sorted(found.items(), key=lambda leaf: known(leaf[0])[2])
