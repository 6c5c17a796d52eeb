"""The subjects of expectations: what each looks at, and how its value is compiled.

Source: scenario-style.md sections 6 and 9 (kinds of trace events and their data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Literal

from endpoint.cloud import reachability
from endpoint.wire.xapi.nodes import Branch, Nodes, nodes
from endpoint.xapi.diagnostics import KINDS
from scenarios.runner import matchers as m
from scenarios.runner.booking_keys import check_bookings, check_members
from scenarios.runner.cloud_paths import check_cloud_path
from scenarios.runner.conditions import Condition, OrderCondition, StateCondition, View, state_word
from scenarios.runner.lifecycles import check_machine, check_state
from scenarios.runner.matcher_compiler import OPERATORS, MatcherCompiler, is_operator_map
from scenarios.runner.matchers import MISSING
from scenarios.runner.problems import Problems
from scenarios.runner.spaces import ANY, FLAG, NUMBER, TEXT, Shape, Space, check_literal, space_of, words
from scenarios.runner.xpaths import (
    Path,
    check_path,
    check_word,
    elsewhere,
    has_wildcard,
    read_path,
    show_path,
    stem,
    values_at,
)
from scenarios.runner.yamltree import Entry, Mapping, Node, Scalar, Sequence, kind_of, plain

LEVELS: Final = ("Critical", "Error", "Warning", "Info")
"""Levels of diagnostics messages (protocol/activation-and-media.md 15.3)."""
DISCOVERY_KEYS: Final = ("asked", "answered", "silent", "udp", "tcp", "xtls", "best", "took", "status")
DISCOVERY: Final[dict[str, Space]] = {
    **dict.fromkeys(("asked", "answered", "silent", "udp", "tcp", "xtls"), NUMBER),
    "status": space_of(type(reachability.TABLE.start)),
}
"""What the numbers and words of a discovery can be; `took` is a duration, `best` a list."""
OTHERS_SHOWN_MAX: Final = 3
"""Elements of a list that a report names in place of the one that is not there."""
_LIST_OPERATORS: Final = ("has", "each", "count", "exists")
_OF_LITERALS: Final = ("is", "not", "any", "all", "has", "each", "from", "to")


@dataclass
class Context:
    """What is known while expectations are compiled."""

    problems: Problems
    table: Nodes = field(default_factory=nodes)
    faults: set[str] = field(default_factory=set)
    invitations: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    subscribed: set[str] = field(default_factory=set)
    """Paths that a client listens to."""
    widgets: set[str] = field(default_factory=set)
    """Panels and widgets; `ANY_WIDGET` when others may put up some that the file does not know."""
    clients: set[str] = field(default_factory=set)
    """Clients that stay connected, by their ids."""

    asked: tuple[str, ...] | None = None
    """The commands of the step whose expectations are compiled; None where it may give others, too."""
    sent: set[str] = field(default_factory=set)
    """Event types that the scenario sends itself; `ANY_EVENT` when the file does not know them."""

    def made(
        self, kind: Literal["fault", "invitation", "subscription", "call", "widget", "client", "event"]
    ) -> set[str]:
        """Return the names that steps have made so far, of a kind; a name is added to them."""
        return {
            "fault": self.faults,
            "invitation": self.invitations,
            "subscription": self.subscribed,
            "call": self.calls,
            "widget": self.widgets,
            "event": self.sent,
            "client": self.clients,
        }[kind]

    @property
    def states(self) -> MatcherCompiler:
        """The compiler for values that states have."""
        return MatcherCompiler(self.problems, is_state=True)

    @property
    def events(self) -> MatcherCompiler:
        """The compiler for fields of events."""
        return MatcherCompiler(self.problems)

    def map_of(self, entry: Entry, what: str) -> Mapping | None:
        """Return the value of a key as a map with at least one key; None when it is none, which is a problem then."""
        if isinstance(entry.node, Mapping) and entry.node.entries:
            return entry.node
        found = "an empty one" if isinstance(entry.node, Mapping) else kind_of(entry.node)
        self.problems.add(entry.node.at, f"`{entry.key}` takes a map of {what}, not {found}")
        return None


Compile = Callable[[Context, Entry], list[Condition]]


def _leaf(branch: Branch, path: Path) -> Callable[[View, str], object]:
    below = stem(path)

    def read(view: View, device: str) -> object:
        tree = view.xstatus(device, below) if branch == "Status" else view.xconfig(device, below)
        values = values_at(tree, path)
        if has_wildcard(path):
            return values
        return values[0] if values else MISSING

    return read


def _other_elements(branch: Branch, path: Path) -> Callable[[View, str], tuple[str, ...]]:
    def explain(view: View, device: str) -> tuple[str, ...]:
        tree = view.xstatus(device) if branch == "Status" else view.xconfig(device)
        found = list(elsewhere(tree, path).items())[:OTHERS_SHOWN_MAX]
        return tuple(f"        there is {name} = {m.show(value)}" for name, value in found)

    return explain


def _tree(branch: Branch) -> Compile:
    def compile_paths(context: Context, entry: Entry) -> list[Condition]:
        paths = context.map_of(entry, "paths and matchers")
        found = [_leaf_condition(context, branch, leaf) for leaf in paths.entries] if paths else []
        return [condition for condition in found if condition is not None]

    return compile_paths


def _leaf_condition(context: Context, branch: Branch, leaf: Entry) -> Condition | None:
    try:
        path = read_path(leaf.key)
    except ValueError as error:
        context.problems.add(leaf.at, str(error))
        return None
    wrong_path = check_path(branch, path, context.table)
    if wrong_path is not None:
        context.problems.add(leaf.at, *wrong_path)
        return None
    for scalar in literals_of(leaf.node):
        wrong_word = check_word(branch, path, scalar.value, context.table)
        if wrong_word is not None:
            context.problems.add(scalar.at, *wrong_word)
    before = len(context.problems)
    matcher = context.states.compile(leaf.node)
    if isinstance(leaf.node, Mapping) and not is_operator_map(leaf.node) and len(context.problems) == before:
        for one in leaf.node.entries:
            message = f"`{show_path(path)}` is one value: `{one.key}` is no operator"
            context.problems.unknown(one.at, message, one.key, OPERATORS)
    if has_wildcard(path) and not is_about_lists(leaf.node):
        matcher = m.Has(matcher)
    subject = "xstatus" if branch == "Status" else "xconfig"
    read, others = _leaf(branch, path), _other_elements(branch, path)
    return StateCondition(leaf.at, show_path(path), read, matcher, others, of=f"{subject} {show_path(path)}")


def is_about_lists(node: Node) -> bool:
    if isinstance(node, Sequence):
        return True
    return (
        is_operator_map(node) and isinstance(node, Mapping) and any(one.key in _LIST_OPERATORS for one in node.entries)
    )


def literals_of(node: Node) -> Iterator[Scalar]:
    """Find the scalars that a value is compared with for being the same."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from literals_of(item)
    else:
        for entry in node.entries:
            if entry.key in _OF_LITERALS:
                yield from literals_of(entry.node)


def _mercury(context: Context, entry: Entry) -> list[Condition]:
    return _lifecycle(context, entry, "mercury")


def _machine(context: Context, entry: Entry) -> list[Condition]:
    machines = context.map_of(entry, "lifecycles and states")
    return [one for inner in machines.entries for one in _lifecycle(context, inner, inner.key)] if machines else []


def _lifecycle(context: Context, entry: Entry, machine: str) -> list[Condition]:
    """Compile a state, a list of states, or `exactly` such a list."""
    node, is_exact = entry.node, False
    if isinstance(node, Mapping) and [one.key for one in node.entries] == ["exactly"]:
        node, is_exact = node.entries[0].node, True
        if not isinstance(node, Sequence):
            context.problems.add(node.at, f"`exactly` takes a list of states, not {kind_of(node)}")
            return []
    states = check_machine(context.problems, machine, entry.at, context.calls)
    for scalar in literals_of(node):
        if not isinstance(scalar.value, str):
            context.problems.add(scalar.at, f"a state is text, not {kind_of(scalar)}")
        else:
            check_state(context.problems, machine, scalar.value, scalar.at, states)
    if isinstance(node, Sequence):
        words = [state_word(machine, plain(item)) for item in node.items]
        wanted = tuple(word for word, _ in groupby(words))  # states that are one word of the language come as one
        if not wanted:
            context.problems.add(node.at, "a list of states has at least one")
            return []
        return [OrderCondition(entry.at, machine, wanted, is_exact)]

    def read(view: View, device: str) -> object:
        state = view.machine(device, machine)
        return MISSING if state is None else state_word(machine, state)

    if isinstance(node, Scalar):
        matcher: m.Matcher = m.Literal(state_word(machine, node.value))
    else:
        matcher = context.states.compile(_folded(machine, node))
    return [StateCondition(entry.at, machine, read, matcher, of=f"machine {machine}")]


def _folded(machine: str, node: Node) -> Node:
    """Write the states in a matcher as they are compared."""
    if isinstance(node, Scalar):
        return Scalar(state_word(machine, node.value), node.at, quoted=True) if isinstance(node.value, str) else node
    if isinstance(node, Sequence):
        return Sequence(tuple(_folded(machine, item) for item in node.items), node.at)
    return Mapping(tuple(Entry(one.key, one.at, _folded(machine, one.node)) for one in node.entries), node.at)


def _discovery(context: Context, entry: Entry) -> list[Condition]:
    node = context.map_of(entry, "numbers of the last discovery")
    keys = []
    for one in node.entries if node else ():
        if one.key not in DISCOVERY_KEYS:
            context.problems.unknown(one.at, f"a discovery has no `{one.key}`", one.key, DISCOVERY_KEYS)
        for scalar in literals_of(one.node) if one.key != "took" else ():
            check_literal(context.problems, scalar, DISCOVERY.get(one.key, ANY), f"`{one.key}` of a discovery")
        measure = MatcherCompiler(
            context.problems, is_state=True, measure="duration" if one.key == "took" else "number"
        )
        keys.append((one.key, measure.compile(one.node)))
    return [StateCondition(entry.at, "discovery", lambda view, device: view.discovery(device), m.MapOf(tuple(keys)))]


MESSAGES: Final[Shape] = [{"Type": words(*KINDS), "Level": words(*LEVELS), "Description": TEXT, "References": TEXT}]
"""What the list of diagnostics messages can hold."""


def diagnostics(xstatus: AbstractMapping[str, object]) -> list[dict[str, object]]:
    """Return the diagnostics messages of a status tree, by ordinal: Type, Level, Description, References."""
    messages: dict[int, dict[str, object]] = {}
    for path, value in xstatus.items():
        words = path.split(" ")
        if words[:2] == ["Diagnostics", "Message"] and len(words) == 4 and words[2].isdecimal():
            messages.setdefault(int(words[2]), {})[words[3]] = value
    return [messages[index] for index in sorted(messages)]


def _messages(view: View, device: str) -> list[dict[str, object]]:
    return diagnostics(view.xstatus(device, ("Diagnostics",)))


def _level(kind: str) -> Callable[[View, str], object]:
    def read(view: View, device: str) -> object:
        levels = [one.get("Level") for one in _messages(view, device) if one.get("Type") == kind]
        return levels[0] if levels else MISSING

    return read


def _diagnostics(context: Context, entry: Entry) -> list[Condition]:
    if is_operator_map(entry.node) or isinstance(entry.node, Sequence):
        check_members(context.problems, entry.node, MESSAGES, "diagnostics", "a diagnostics message")
        matcher = context.states.compile(entry.node)
        return [StateCondition(entry.at, "diagnostics", _messages, matcher)]
    types = context.map_of(entry, "types and levels")
    found: list[Condition] = []
    for one in types.entries if types else ():
        if one.key not in KINDS:
            context.problems.unknown(one.at, f"no diagnostics message has the type `{one.key}`", one.key, KINDS)
        for scalar in literals_of(one.node):
            if scalar.value not in LEVELS:
                message = f"a level is one of {', '.join(LEVELS)}"
                context.problems.unknown(scalar.at, message, str(scalar.value), LEVELS)
        title = f"diagnostics {one.key}"
        found.append(StateCondition(one.at, title, _level(one.key), context.states.compile(one.node)))
    return found


ELEMENTS: Final = (
    "join button", "reminder", "call bar", "incoming", "prompt", "banner", "booking list", "activation page",
)  # fmt: skip
"""Elements of the screen that are simulated."""
ELEMENT_KEYS: Final = (
    "visible", "enabled", "title", "text", "booking", "place", "call", "muted", "sharing", "recording", "locked",
)  # fmt: skip
"""What an element tells; `booking` is that of the button, `place` that of the reminder, the last five are of calls."""
ELEMENTS_SHAPE: Final[dict[str, Space]] = {
    **dict.fromkeys(("visible", "enabled", "muted", "sharing", "recording", "locked"), FLAG),
    **dict.fromkeys(("title", "text", "booking"), TEXT),
    "place": words("", "All", "ControllerOnly"),
    "call": NUMBER,
}
assert set(ELEMENTS_SHAPE) == set(ELEMENT_KEYS), "every key of an element has its values"


def _screen(context: Context, entry: Entry) -> list[Condition]:
    elements = context.map_of(entry, "elements of the screen")
    found: list[Condition] = []
    for one in elements.entries if elements else ():
        if one.key not in ELEMENTS:
            context.problems.unknown(one.at, f"the screen has no `{one.key}`", one.key, ELEMENTS)
            continue
        keys = context.map_of(one, "what the element tells")
        for key in keys.entries if keys else ():
            if key.key not in ELEMENTS_SHAPE:
                context.problems.unknown(key.at, f"an element has no `{key.key}`", key.key, ELEMENT_KEYS)
            for scalar in literals_of(key.node):
                space = ELEMENTS_SHAPE.get(key.key, ANY)
                check_literal(context.problems, scalar, space, f"`{key.key}` of an element")

        def read(view: View, device: str, element: str = one.key) -> object:
            return view.screen(device)[element]

        found.append(StateCondition(one.at, one.key, read, context.states.compile(one.node), of=f"screen {one.key}"))
    return found


def _bookings(context: Context, entry: Entry) -> list[Condition]:
    check_bookings(context.problems, entry.node)
    matcher = context.states.compile(entry.node)
    return [StateCondition(entry.at, "bookings", lambda view, device: view.bookings(device), matcher)]


def _cloud(context: Context, entry: Entry) -> list[Condition]:
    paths = context.map_of(entry, "paths and matchers")
    found: list[Condition] = []
    for one in paths.entries if paths else ():
        space = check_cloud_path(context.problems, one.key, one.at)
        for scalar in literals_of(one.node):
            check_literal(context.problems, scalar, space, f"`{one.key}`")

        def read(view: View, device: str, path: str = one.key) -> object:
            return view.cloud(path)

        found.append(StateCondition(one.at, f"cloud {one.key}", read, context.states.compile(one.node)))
    return found


STATE_SUBJECTS: Final[dict[str, Compile]] = {
    "xstatus": _tree("Status"),
    "xconfig": _tree("Configuration"),
    "mercury": _mercury,
    "machine": _machine,
    "discovery": _discovery,
    "diagnostics": _diagnostics,
    "screen": _screen,
    "bookings": _bookings,
    "cloud": _cloud,
}
"""Subjects that are states (`mercury` and `machine` with a list are events)."""
