"""The trees: defaults, groups, listeners, removal, spelling."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, folded
from endpoint.xapi.tree import LISTENERS_MAX, Changes, Tree

VOLUME: Path = ("Audio", "Volume")
MODE: Path = ("Conference", "Mode")
DEFAULTS: Mapping[Path, Value] = MappingProxyType({VOLUME: 50, MODE: "Off", ("Empty",): ""})


def _call(number: int, leaf: str = "Status") -> Path:
    return ("Call", number, leaf)


def _listening(tree: Tree, prefix: Path = ()) -> list[Changes]:
    told: list[Changes] = []
    tree.listen(prefix, told.append)
    return told


# -- values --


def test_a_device_begins_with_the_defaults_and_shares_them() -> None:
    one, other = Tree(DEFAULTS), Tree(DEFAULTS)
    one.put(VOLUME, 60)
    assert (one.get(VOLUME), other.get(VOLUME)) == (60, 50)
    assert DEFAULTS[VOLUME] == 50
    assert one._own == {VOLUME: 60}
    one.put(VOLUME, 50)
    assert one._own == {}  # a device stores only what differs


def test_an_empty_tree_has_nothing() -> None:
    tree = Tree()
    assert tree.get(VOLUME) is None
    assert list(tree) == tree.below(()) == tree.below(VOLUME) == []
    tree.remove(())


def test_an_empty_string_and_a_zero_are_values() -> None:
    tree = Tree(DEFAULTS)
    tree.put(VOLUME, 0)
    assert tree.get(("Empty",)) == ""
    assert tree.get(VOLUME) == 0
    assert len(list(tree)) == 3


def test_leaves_come_sorted_numbers_as_numbers() -> None:
    tree = Tree(DEFAULTS)
    for number in (10, 2, 1):
        tree.put(_call(number), "Connected")
        tree.put(_call(number, "CallbackNumber"), "x")
    assert [path for path, _ in tree] == [
        VOLUME,
        *(_call(number, leaf) for number in (1, 2, 10) for leaf in ("CallbackNumber", "Status")),
        MODE,
        ("Empty",),
    ]


def test_below_has_the_subtree_and_no_namesakes() -> None:
    tree = Tree()
    for path in (_call(3), _call(30), ("CallHistory", "Mode"), ("Conference", "Call", 3, "Mode")):
        tree.put(path, "x")
    assert [path for path, _ in tree.below(("Call",))] == [_call(3), _call(30)]
    assert [path for path, _ in tree.below(("call", 3))] == [_call(3)]
    assert [path for path, _ in tree.below(_call(3))] == [_call(3)]
    assert tree.below(("Cal",)) == []


def test_removal_takes_the_subtree_defaults_too_and_they_can_come_back() -> None:
    tree = Tree(DEFAULTS)
    tree.put(_call(3), "Connected")
    tree.put(_call(3, "Protocol"), "Spark")
    tree.put(_call(4), "Ringing")
    tree.remove(("call", 3))
    assert tree.below(("Call",)) == [(_call(4), "Ringing")]
    tree.remove(("Audio",))
    assert tree.get(VOLUME) is None
    assert VOLUME not in dict(tree)
    tree.put(VOLUME, 50)
    assert tree.get(VOLUME) == 50
    tree.remove(())
    assert list(tree) == []
    tree.put(_call(4), "again")
    assert dict(tree) == {_call(4): "again"}


def test_names_match_in_any_case_and_keep_their_first_spelling() -> None:
    tree = Tree(DEFAULTS)
    assert tree.get(("AUDIO", "volume")) == 50
    tree.put(("audio", "VOLUME"), 70)
    tree.put(("Video", "AirPlay"), "On")
    tree.put(("video", "airplay"), "Off")
    assert dict(tree) == {VOLUME: 70, MODE: "Off", ("Empty",): "", ("Video", "AirPlay"): "Off"}
    told = _listening(tree, ("AUDIO",))
    tree.put(("audio", "volume"), 80)
    assert told == [{VOLUME: 80}]
    tree.remove(("aUdIo",))
    assert tree.get(VOLUME) is None
    assert tree.get(("audio", "volume")) is None


# -- listeners --


def test_a_listener_hears_of_its_subtree_only() -> None:
    tree = Tree(DEFAULTS)
    everything, calls, third, leaf = (
        _listening(tree, prefix) for prefix in ((), ("call",), ("Call", 3), ("Call", 3, "Status"))
    )
    tree.put(_call(3), "Ringing")
    tree.put(_call(4), "Ringing")
    tree.put(_call(3, "Protocol"), "Spark")
    tree.put(("CallHistory", "Mode"), "On")
    assert [len(told) for told in (everything, calls, third, leaf)] == [4, 3, 2, 1]
    assert leaf == [{_call(3): "Ringing"}]


def test_the_same_value_again_is_no_change() -> None:
    tree = Tree(DEFAULTS)
    told = _listening(tree)
    tree.put(VOLUME, 50)
    tree.put(_call(3), "x")
    tree.put(_call(3), "x")
    tree.remove(("Nothing", "Here"))
    assert told == [{_call(3): "x"}]


def test_what_is_removed_is_told_as_none() -> None:
    tree = Tree(DEFAULTS)
    tree.put(_call(3), "x")
    told = _listening(tree)
    tree.remove(("Call",))
    tree.remove(("Call",))
    assert told == [{_call(3): None}]


def test_a_group_is_told_once_after_all_of_it_holds() -> None:
    tree = Tree(DEFAULTS)
    seen: list[tuple[Changes, dict[Path, Value]]] = []
    tree.listen((), lambda changes: seen.append((changes, dict(tree))))
    with tree.group():
        tree.put(VOLUME, 1)
        with tree.group():
            tree.put(_call(3), "Ringing")
            tree.put(VOLUME, 2)
        assert seen == []
        tree.remove(("Conference",))
    assert seen == [
        ({VOLUME: 2, _call(3): "Ringing", MODE: None}, {VOLUME: 2, _call(3): "Ringing", ("Empty",): ""}),
    ]


def test_what_ends_as_it_began_is_no_change() -> None:
    tree = Tree(DEFAULTS)
    told = _listening(tree)
    with tree.group():
        tree.put(VOLUME, 1)
        tree.put(VOLUME, 50)
        tree.put(_call(3), "Ringing")
        tree.remove(("Call", 3))
    with tree.group():
        pass
    assert told == []


def test_a_group_that_fails_tells_what_holds() -> None:
    tree = Tree(DEFAULTS)
    told = _listening(tree)
    with pytest.raises(ZeroDivisionError):
        _put_and_fail(tree)
    assert told == [{VOLUME: 1}]
    tree.put(VOLUME, 2)
    assert told[1:] == [{VOLUME: 2}]


def _put_and_fail(tree: Tree) -> None:
    with tree.group():
        tree.put(VOLUME, 1)
        _ = 1 / 0


def test_whoever_ends_it_hears_nothing_more_and_ends_nobody_else() -> None:
    tree = Tree(DEFAULTS)
    told: list[Changes] = []
    ends = [tree.listen((), told.append) for _ in range(2)]
    ends[0]()
    ends[0]()
    tree.put(VOLUME, 1)
    assert told == [{VOLUME: 1}]
    ends[1]()
    tree.put(VOLUME, 2)
    assert len(told) == 1


def test_a_listener_may_end_another_one_of_the_same_change() -> None:
    tree = Tree(DEFAULTS)
    told: list[str] = []
    tree.listen((), lambda changes: end())
    end = tree.listen((), lambda changes: told.append("late"))
    tree.put(VOLUME, 1)
    assert told == []


def test_all_listeners_hear_one_order_though_a_listener_changes_the_tree() -> None:
    tree = Tree(DEFAULTS)

    def follow(changes: Changes) -> None:
        if changes.get(VOLUME) == 1:
            tree.put(VOLUME, 2)

    first = _listening(tree)
    tree.listen((), follow)
    second = _listening(tree)
    tree.put(VOLUME, 1)
    assert first == second == [{VOLUME: 1}, {VOLUME: 2}]


def test_a_listener_that_fails_leaves_the_tree_working() -> None:
    tree = Tree(DEFAULTS)
    end = tree.listen((), lambda changes: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tree.put(VOLUME, 1)
    end()
    told = _listening(tree)
    tree.put(VOLUME, 2)
    assert told == [{VOLUME: 2}]


def test_listeners_are_bounded() -> None:
    tree = Tree()
    ends = [tree.listen((), lambda changes: None) for _ in range(LISTENERS_MAX)]
    with pytest.raises(LimitExceeded, match="listeners of one tree is limited to 1000"):
        tree.listen((), lambda changes: None)
    ends[0]()
    tree.listen((), lambda changes: None)


# -- against a model --

names = st.sampled_from(["Audio", "AUDIO", "Call", "call", "Status", "Mode", "Volume"])
some_paths = st.lists(names | st.integers(1, 3), min_size=1, max_size=3).map(tuple)


class AgainstAModel(RuleBasedStateMachine):
    """Whatever is done, the tree holds what a plain dictionary would, and what was told adds up to it."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree(DEFAULTS)
        self.model: dict[Path, Value] = {folded(path): value for path, value in DEFAULTS.items()}
        self.mirror: dict[Path, Any] = dict(self.model)
        self.tree.listen((), self._told)
        self.group: Any = None

    def _told(self, changes: Changes) -> None:
        for path, value in changes.items():
            assert self.mirror.get(folded(path)) != value
            if value is None:
                del self.mirror[folded(path)]
            else:
                self.mirror[folded(path)] = value

    @rule(path=some_paths, value=st.integers(0, 2) | st.sampled_from(["", "x"]))
    def put(self, path: Path, value: Value) -> None:
        self.tree.put(path, value)
        self.model[folded(path)] = value

    @rule(prefix=some_paths | st.just(()))
    def remove(self, prefix: Path) -> None:
        self.tree.remove(prefix)
        for path in [path for path in self.model if path[: len(prefix)] == folded(prefix)]:
            del self.model[path]

    @rule()
    def begin_or_end_a_group(self) -> None:
        if self.group is None:
            self.group = self.tree.group()
            self.group.__enter__()
        else:
            self.group.__exit__(None, None, None)
            self.group = None

    @invariant()
    def holds(self) -> None:
        assert {folded(path): value for path, value in self.tree} == self.model
        assert all(self.tree.get(path) == value for path, value in self.model.items())
        if self.group is None:
            assert self.mirror == self.model


TestAgainstAModel = AgainstAModel.TestCase


@given(some_paths, some_paths)
def test_a_subtree_is_what_begins_with_its_path(path: Path, prefix: Path) -> None:
    tree = Tree()
    tree.put(path, "x")
    assert bool(tree.below(prefix)) == (folded(path)[: len(prefix)] == folded(prefix))
