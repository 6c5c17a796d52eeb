"""YAML read like JSON, with the place of every key and value.

Plain `true`, `false`, `null` and JSON numbers are what they are in JSON; every other scalar is text, so that the key `on`, the value `no`,
`12:30`, `010` and `1_000` stay as written. What YAML has beyond that (tags, anchors, aliases, merge keys, second documents, duplicate
keys, empty values, directives) is an error at its place. The tree is built from PyYAML's events, never from its constructors: events
show anchors and aliases, come one by one so that the limits hold while reading, and need no recursion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml
from yaml.reader import Reader

from scenarios.runner.problems import Place, Problems

FILE_BYTES_MAX = 256 * 1024
"""Largest scenario file; the largest shipped one has a few KiB."""
DEPTH_MAX = 32
"""Maps and lists inside one another."""
NODES_MAX = 20_000
"""Scalars, maps and lists of a file."""
SCALAR_CHARACTERS_MAX = 64 * 1024
"""Characters of one text."""
INTEGER_MAX = 2**63 - 1
"""Largest whole number; larger ones lose their value in other JSON readers."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number, true, false or null; `quoted` says that it was written in quotes or as a block.

    After references are filled in, `value` may be any value, or a `Template` that is known only during the run.
    """

    value: object
    at: Place
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a map, its place, and its value."""

    key: str
    at: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map in the order it was written; keys are text and different from each other."""

    entries: tuple[Entry, ...]
    at: Place

    def get(self, key: str) -> Entry | None:
        """Return the entry of a key, or None."""
        return next((entry for entry in self.entries if entry.key == key), None)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    at: Place


Node: TypeAlias = Scalar | Mapping | Sequence


def plain(node: Node) -> object:
    """Return the bare value of a tree: dicts, lists and scalars, places dropped."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {entry.key: plain(entry.node) for entry in node.entries}
    return [plain(item) for item in node.items]


def graft(value: object, at: Place) -> Node:
    """Make a tree of a bare value; every part of it stands at one place."""
    if isinstance(value, dict):
        return Mapping(tuple(Entry(key, at, graft(item, at)) for key, item in value.items()), at)
    if isinstance(value, list):
        return Sequence(tuple(graft(item, at) for item in value), at)
    return Scalar(value, at, quoted=isinstance(value, str))


def kind_of(node: Node) -> str:
    """Name what a node is, for messages: text, a number, true or false, null, a map, a list."""
    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    return kind_of_value(node.value)


def kind_of_value(value: object) -> str:
    """Name what a bare value is, in the words of `kind_of`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, dict):
        return "a map"
    return "a list" if isinstance(value, list) else "text"


def parse(data: bytes, file: str) -> Node:
    """Read one YAML document.

    Args:
        data: the whole file, UTF-8, at most `FILE_BYTES_MAX`.
        file: the name to print in places.

    Raises:
        ScenarioError: everything that is wrong, with places; a syntax error ends the reading, the others are collected.
    """
    problems = Problems()
    root = _Builder(_text(data, file), file, problems).build()
    problems.raise_if_any()
    assert root is not None, "no tree without a problem"
    return root


def _text(data: bytes, file: str) -> str:
    if len(data) > FILE_BYTES_MAX:
        _fail(Place(file, 1, 1), f"the file has {len(data)} bytes, more than the {FILE_BYTES_MAX} a scenario may have")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        _fail(_place_after(before, file), f"byte 0x{data[error.start]:02x} is no UTF-8")
    found = Reader.NON_PRINTABLE.search(text)
    if found is not None:
        _fail(_place_after(text[: found.start()], file), f"character U+{ord(found.group()):04X} is not allowed in YAML")
    return text


def _place_after(before: str, file: str) -> Place:
    """Return the place of the character that follows `before`, lines counted as PyYAML counts them."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", before)
    return Place(file, len(lines), len(lines[-1]) + 1)


def _fail(place: Place, message: str) -> None:
    problems = Problems()
    problems.add(place, message)
    problems.raise_if_any()


class _Open:
    """A map or list that is being read."""

    __slots__ = ("at", "entries", "is_map", "items", "key", "seen")

    def __init__(self, at: Place, is_map: bool) -> None:
        self.at = at
        self.is_map = is_map
        self.items: list[Node] = []
        self.entries: list[Entry] = []
        self.seen: dict[str, Place] = {}
        self.key: tuple[str, Place] | None = None


class _Builder:
    """Turns PyYAML's events into a tree."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text = text
        self._file = file
        self._problems = problems
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0
        self._documents = 0

    def build(self) -> Node | None:
        """Read to the end, or to the first thing that cannot be read past."""
        for event in self._events():
            if not self._take(event):
                return None
        if self._root is None and not self._problems:
            self._problems.add(Place(self._file, 1, 1), "the file is empty; a scenario is a map with name and steps")
        return self._root

    def _events(self) -> Iterator[yaml.Event]:
        loader = yaml.SafeLoader(self._text)
        next_event: Callable[[], yaml.Event] = loader.get_event
        try:
            while loader.check_event():
                yield next_event()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self._file, 1, 1) if mark is None else self._place(mark)
            self._problems.add(place, self._syntax(error, place))
        except (yaml.YAMLError, ValueError, OverflowError):
            # escapes such as "\UFFFFFFFF" and directives with huge numbers leave PyYAML as bare Python errors
            self._problems.add(
                self._place(loader.get_mark()), "this is no YAML: an escape or a directive is impossible"
            )
        finally:
            loader.dispose()

    def _syntax(self, error: yaml.MarkedYAMLError, place: Place) -> str:
        what = error.problem or error.context or "this is no YAML"
        if "cannot start any token" in what and "\\t" in what:
            return "a tab cannot indent; write spaces"
        mark = error.problem_mark
        if mark is not None and mark.buffer is not None and mark.buffer[mark.pointer - 1 : mark.pointer + 1] == "${":
            return 'quote the reference, "${...}": inside {...} or [...] YAML takes the brace for a map'
        return what

    def _place(self, mark: Any) -> Place:
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _take(self, event: yaml.Event) -> bool:
        """Take one event; False ends the reading."""
        if event.start_mark is None:
            return True
        at = self._place(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            return self._document(event, at)
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
            return True
        if not isinstance(event, yaml.NodeEvent):
            return True
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self._problems.add(at, f"the file has more than {NODES_MAX} values")
            return False
        if isinstance(event, yaml.AliasEvent):
            self._problems.add(at, f"aliases are not allowed (*{event.anchor}); repeat the value, or use vars")
            self._put(Scalar("", at, quoted=True))
            return True
        return self._node(event, at)

    def _document(self, event: yaml.DocumentStartEvent, at: Place) -> bool:
        self._documents += 1
        if self._documents > 1:
            self._problems.add(at, "one file holds one scenario; a second document starts here")
            return False
        if event.version is not None or event.tags:
            self._problems.add(at, "YAML directives (%) are not allowed")
        return True

    def _node(self, event: yaml.NodeEvent, at: Place) -> bool:
        assert isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
        if event.anchor is not None:
            self._problems.add(at, f"anchors are not allowed (&{event.anchor}); repeat the value, or use vars")
        if event.tag is not None:
            self._problems.add(at, f"tags are not allowed ({event.tag[:60]}); a value is what JSON makes of it")
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._scalar(event, at))
            return True
        if len(self._stack) >= DEPTH_MAX:
            self._problems.add(at, f"maps and lists are nested deeper than {DEPTH_MAX}")
            return False
        self._stack.append(_Open(at, isinstance(event, yaml.MappingStartEvent)))
        return True

    def _scalar(self, event: yaml.ScalarEvent, at: Place) -> Scalar:
        text = event.value
        if len(text) > SCALAR_CHARACTERS_MAX:
            self._problems.add(at, f"a text of {len(text)} characters; {SCALAR_CHARACTERS_MAX} are allowed")
            return Scalar("", at, quoted=True)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._problems.add(at, "half of a surrogate pair is no character; write it directly")
            return Scalar("", at, quoted=True)
        if event.style is not None:
            return Scalar(text, at, quoted=True)
        is_key = bool(self._stack) and self._stack[-1].is_map and self._stack[-1].key is None
        return Scalar(text if is_key else self._resolve(text, at), at)

    def _resolve(self, text: str, at: Place) -> object:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        number = _NUMBER.fullmatch(text)
        if number is None:
            return text
        if number[1] or number[2]:
            value = float(text)
            if math.isfinite(value):
                return value
        elif len(text) <= 20 and abs(int(text)) <= INTEGER_MAX:
            return int(text)
        self._problems.add(at, f"the number {text[:40]} is too large; quote it if it is text")
        return 0

    def _put(self, node: Node) -> None:
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        if not top.is_map:
            if self._is_empty(node):
                self._problems.add(node.at, "an element of this list is empty; write null, or take it out")
            top.items.append(node)
        elif top.key is None:
            top.key = self._key(node, top)
        else:
            key, at = top.key
            top.key = None
            if self._is_empty(node):
                self._problems.add(at, f"`{key}` has no value; write one, or take the key out")
            top.entries.append(Entry(key, at, node))

    @staticmethod
    def _is_empty(node: Node) -> bool:
        return isinstance(node, Scalar) and node.value == "" and not node.quoted

    def _key(self, node: Node, top: _Open) -> tuple[str, Place]:
        """Read a key: text as it was written, whatever JSON would make of it."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            self._problems.add(node.at, f"a key is text, not {kind_of(node)}")
            return "", node.at
        key = node.value
        if key == "<<" and not node.quoted:
            self._problems.add(node.at, "merge keys (<<) are not allowed; repeat the keys, or use vars")
        elif key == "":
            self._problems.add(node.at, "a key is empty")
        elif key in top.seen:
            first = top.seen[key]
            self._problems.add(node.at, f"`{key}` is here twice; the first is in line {first.line}")
        top.seen.setdefault(key, node.at)
        return key, node.at

    def _close(self) -> None:
        done = self._stack.pop()
        if done.is_map:
            self._put(Mapping(tuple(done.entries), done.at))
        else:
            self._put(Sequence(tuple(done.items), done.at))
