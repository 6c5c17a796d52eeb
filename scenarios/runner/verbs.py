"""What a verb is, and the registry of all verbs.

A verb is a model: its fields are the keys of its map form, its docstring is its reference, `needs` are the capabilities that it takes,
`done` says when it is finished. What it does is attached from where device and cloud are known:

    @implements(Boot)
    async def boot(stage: Stage, args: Boot) -> object: ...

The declarations are in `device_verbs`, `xapi_verbs`, `call_verbs`, `cloud_verbs`, `hybrid_verbs`, `world_verbs`
and `fault_verbs`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from scenarios.runner.validation import Path, Strict
from scenarios.runner.yamltree import Entry, Node
from scenarios.runner.yamltree import Mapping as MapNode

Capability = Literal["stub", "time", "raw", "udp", "tls", "media", "panel", "exact", "client"]
Build = Literal["steps", "together", "expectation"]
NameKind = Literal["fault", "saved", "subscription", "invitation", "call", "widget", "client", "event"]


class Defined(NamedTuple):
    """A name that a verb makes known: a fault that can be healed, a value for `${saved.<name>}`, a path that a client
    listens to, an invitation that can be changed, a call, a panel or widget, a client that stays connected, a type of
    events that are sent."""

    kind: NameKind
    name: str
    path: Path


class Used(NamedTuple):
    """A name that a verb takes from earlier steps or of a device, and where it is written."""

    kind: Literal["fault", "anchor", "invitation", "device", "call", "widget", "client", "event"]
    name: str
    path: Path


class Verb(Strict):
    """Base of all verbs; an instance holds the arguments of one step."""

    verb: ClassVar[str]
    """The word in the file, such as `cloud.code.create`."""
    short: ClassVar[str | None] = None
    """The key that the short form fills, as in `verb: value`; None when there is only the map form."""
    whole: ClassVar[bool] = False
    """Whether the value belongs to the short key even when it is a map."""
    needs: ClassVar[frozenset[Capability]] = frozenset()
    done: ClassVar[str]
    """When the verb is finished, in a few words."""
    acts_on_device: ClassVar[bool] = True
    """Whether it concerns one device, which has to be named when there are several."""
    built: ClassVar[Mapping[str, Build]] = {}
    """Keys that hold steps or an expectation; the loader reads them."""

    @property
    def takes_s(self) -> float:
        """The scenario time that the verb takes by its own words; deadlines count from its end."""
        return 0.0

    def why_not(self, mode: str) -> str:
        """Say why a step with these arguments cannot be done in a run mode; empty when it can."""
        return ""

    def defines(self) -> Iterable[Defined]:
        """Return the names that later steps may use."""
        return ()

    def uses(self) -> Iterable[Used]:
        """Return the names of earlier steps and of devices that this one uses."""
        return ()

    @classmethod
    def arrange(cls, node: Node) -> Node:
        """Turn what was written into the map form; every part keeps its place."""
        if cls.short is not None and (cls.whole or not isinstance(node, MapNode)):
            return MapNode((Entry(cls.short, node.at, node),), node.at)
        return node

    @classmethod
    def written_forms(cls, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the JSON Schemas of the ways to write the verb, given that of its map form."""
        if cls.short is None:
            return [schema]
        short = schema["properties"][cls.short]
        return [short] if cls.whole else [short, schema]


V = TypeVar("V", bound=Verb)
S = TypeVar("S")

VERBS: dict[str, type[Verb]] = {}
"""All verbs by the word in the file, in the order they were declared."""

_actions: dict[type[Verb], Callable[[Any, Any], Awaitable[object]]] = {}


def declare(kind: type[V]) -> type[V]:
    """Add a verb to the registry."""
    assert kind.verb not in VERBS, f"{kind.verb} is declared twice"
    assert kind.__doc__, f"{kind.verb} has no docstring"
    VERBS[kind.verb] = kind
    if not kind.area:
        kind.area = kind.verb
    return kind


def implements(kind: type[V]) -> Callable[[Callable[[S, V], Awaitable[object]]], Callable[[S, V], Awaitable[object]]]:
    """Attach what a verb does: a coroutine function of the stage and the arguments that returns the verb's result."""

    def attach(action: Callable[[S, V], Awaitable[object]]) -> Callable[[S, V], Awaitable[object]]:
        assert kind not in _actions, f"{kind.verb} is implemented twice"
        _actions[kind] = action
        return action

    return attach


def unimplemented() -> list[str]:
    """Return the words of verbs that have no action yet."""
    return [word for word, kind in VERBS.items() if kind not in _actions]


async def perform(stage: object, args: Verb) -> object:
    """Do a verb and return its result.

    Raises:
        KeyError: the verb has no action.
    """
    return await _actions[type(args)](stage, args)
