from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import words
from endpoint.xapi.tree import Tree
from scenarios.runner import xpaths
from scenarios.runner.xpaths import Part, read_path, show_path, stem, values_at


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Webex Status", (Part("Webex"), Part("Status"))),
        ("Call 1 Status", (Part("Call", "1"), Part("Status"))),
        ("Call[1] Status", (Part("Call", "1"), Part("Status"))),
        ("Call/1/Status", (Part("Call", "1"), Part("Status"))),
        ("Call[*] Status", (Part("Call", "*"), Part("Status"))),
        ("Call * Status", (Part("Call", "*"), Part("Status"))),
    ],
)
def test_path_is_read(text: str, path: tuple[Part, ...]) -> None:
    assert path == read_path(text)


@pytest.mark.parametrize("text", ["", "1 Call", "Call 1 2", "Call [1]", "Call!", "Call[x] Status", "Call[1] 2"])
def test_path_that_cannot_be_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        read_path(text)


@given(st.lists(st.tuples(st.sampled_from(["Call", "Status", "Webex"]), st.sampled_from([None, "1", "*"])), min_size=1))
def test_path_survives_printing(parts: list[tuple[str, str | None]]) -> None:
    path = tuple(Part(*part) for part in parts)
    assert path == read_path(show_path(path))


def test_values_are_found_in_any_case_and_for_all_elements() -> None:
    tree = {
        "Call 1 Status": "Connected",
        "Call 12 Status": "OnHold",
        "Call 1 Status Text": "x",
        "Webex Status": "Stopped",
    }
    assert values_at(tree, read_path("webex status")) == ["Stopped"]
    assert values_at(tree, read_path("Call 12 Status")) == ["OnHold"]
    assert values_at(tree, read_path("call[*] status")) == ["Connected", "OnHold"]
    assert values_at(tree, read_path("Call 2 Status")) == []


@pytest.mark.parametrize(
    "text", ["Call 2 Status", "call[*] status", "Conference Call[*] Capabilities", "Call 1 Status", "Webex Status"]
)
def test_a_tree_is_read_no_further_than_a_path_needs(text: str) -> None:
    tree = Tree({("Webex", "Status"): "Stopped", ("Call", 1, "Status"): "Connected"})
    tree.put(("Call", 2, "Status"), "OnHold")
    tree.put(("Conference", "Call", 2, "Capabilities"), "x")
    whole, part = ({words(path): value for path, value in tree.below(below)} for below in ((), stem(read_path(text))))
    assert values_at(part, read_path(text)) == values_at(whole, read_path(text)) != []
    assert len(part) < len(whole)


def test_node_table_decides() -> None:
    table = nodes()
    assert xpaths.check_path("Status", read_path("webex status"), table) is None
    assert xpaths.check_path("Status", read_path("Diagnostics Message[*] Type"), table) is None
    wrong = xpaths.check_path("Status", read_path("Diagnostics Message 3 Tpye"), table)
    assert wrong == ("`Diagnostics Message 3 Tpye` is no xStatus path of Room Bar ce26.4", "Diagnostics Message 3 Type")
    assert xpaths.check_word("Status", read_path("Webex Status"), "Registered", table) is None
    wrong = xpaths.check_word("Status", read_path("Webex Status"), 5, table)
    assert wrong is not None
    assert "is never `5`" in wrong[0]
    assert xpaths.check_setting(read_path("Audio DefaultVolume"), 50, table) is None
    assert xpaths.check_setting(read_path("Macros Mode"), "on", table) is None
