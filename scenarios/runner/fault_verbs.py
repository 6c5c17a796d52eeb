"""The verbs `fault` and `heal` (scenario-style.md section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from endpoint.runtime.fault_params import STATUS, Scheme, problem
from endpoint.runtime.faults import Between
from endpoint.runtime.field_faults import SWITCHES
from endpoint.runtime.quality import SHAPES
from endpoint.runtime.vocabulary import FAULTS, Action
from scenarios.runner.chaos.menu import MENU
from scenarios.runner.fields import (
    Bits,
    Duration,
    FaultName,
    Flag,
    Packet,
    Percent,
    Text,
    TextOrNumber,
    wrong,
)
from scenarios.runner.notyet import not_yet
from scenarios.runner.problems import nearest
from scenarios.runner.validation import Objection, Strict
from scenarios.runner.values import Template, read_duration, read_signed_duration
from scenarios.runner.verbs import Defined, Used, Verb, declare
from scenarios.runner.world_verbs import DRIFT_COMPLAINT, DRIFT_S_MAX, NO_MODEL
from scenarios.runner.yamltree import Entry, Node, Scalar, Sequence, graft
from scenarios.runner.yamltree import Mapping as MapNode

PLAN_MAX = 50
"""Faults in one plan."""
_LAYERS = {"type": "array", "minItems": 1, "items": {"enum": sorted(MENU)}}


@dataclass(frozen=True, slots=True)
class After:
    """When a fault begins: after a while, after so many matching items, or at an anchor. One of the three is set."""

    delay_s: float | None = None
    count: int | None = None
    anchor: str | None = None


def _after(value: object) -> After:
    if isinstance(value, dict):
        count = value.get("count")
        if list(value) == ["count"] and isinstance(count, int) and not isinstance(count, bool) and count > 0:
            return After(count=count)
        raise wrong("write { count: 3 } for so many matching items")
    if isinstance(value, str) and not value[:1].isdigit():
        return After(anchor=value)
    try:
        return After(delay_s=read_duration(value))
    except ValueError as error:
        raise wrong(str(error)) from None


def _by(value: object) -> float | Between:
    if not isinstance(value, dict):
        try:
            return read_signed_duration(value)
        except ValueError as error:
            raise wrong(str(error)) from None
    if set(value) != {"from", "to"}:
        raise wrong("write { from: 1s, to: 3s } for what is drawn anew each time")
    try:
        low, high = read_duration(value["from"]), read_duration(value["to"])
    except ValueError as error:
        raise wrong(str(error)) from None
    if low > high:
        raise wrong("`from` is at most `to`")
    return Between(low, high)


def _until(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise wrong("write an anchor, such as mercury open")


_BUILT_ROWS = [row.id for row in SWITCHES.values() if row.is_built]
_HARMLESS: Mapping[str, Any] = {"on": "link", "do": "down"}
"""Stands in the place of a row that is refused, so that nothing else about it is wrong."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """A row whose own `on` or `do` stands beside it."""

    row: object
    key: str


def _row(value: object) -> object:
    if isinstance(value, _Beside):
        row = SWITCHES.get(value.row) if isinstance(value.row, str) else None
        variants = [one.id for one in row.switches[1:]] if row is not None else []
        others = f"; its variants: {', '.join(variants)}" if variants else ""
        raise wrong(f"a row of the fault table has its own `{value.key}`; leave out one of them{others}")
    row = SWITCHES.get(value) if isinstance(value, str) else None
    if row is None:
        raise wrong(f"the fault table has no row `{value}`", nearest(str(value), SWITCHES))
    if not row.is_built:
        raise wrong(f"not built yet: row {row.number} of the fault table, `{row.id}`: {row.pending}")
    return value


_ENDS = ("for", "count", "until")
"""Limits of which a fault has one."""


def _spread(node: Node) -> list[Node]:
    """Put the faults of a row of the table in the place of its name; what is written beside it goes to each of them."""
    entry = node.get("row") if isinstance(node, MapNode) else None
    if entry is not None and isinstance(node, MapNode):
        crowding = node.get("on") or node.get("do")
        if crowding is not None:
            return [_crowded(entry, crowding)]
    name = node if entry is None else entry.node
    if not isinstance(name, Scalar):
        return [node]
    own = tuple(one for one in node.entries if one is not entry) if isinstance(node, MapNode) else ()
    row = SWITCHES.get(name.value) if isinstance(name.value, str) else None
    plan = row.plan if row is not None and row.is_built else (_HARMLESS,)
    parts = [{"row": name.value, **spec} for spec in plan]
    has_lasting = not all(map(_happens_once, parts))
    found: list[Node] = []
    for number, part in enumerate(parts, 1):
        passed_over = (*_ENDS, "percent") if has_lasting and _happens_once(part) else ()
        beside = [one for one in own if one.key not in passed_over]
        written = {one.key for one in beside}
        if not written.isdisjoint(_ENDS):
            written.update(_ENDS)
        entries = [Entry(key, name.at, graft(value, name.at)) for key, value in part.items() if key not in written]
        found.append(_named(MapNode((*entries, *beside), node.at), name, number))
    return found


def _crowded(entry: Entry, beside: Entry) -> Node:
    """Return a fault that is refused because its row stands beside words of its own."""
    name = entry.node.value if isinstance(entry.node, Scalar) else None
    refused = Entry("row", entry.at, Scalar(_Beside(name, beside.key), beside.at))
    harmless = (Entry(key, entry.at, graft(value, entry.at)) for key, value in _HARMLESS.items())
    return MapNode((refused, *harmless), entry.at)


def _happens_once(spec: Mapping[str, Any]) -> bool:
    return FAULTS[spec["on"]][spec["do"]].momentary


def _named(fault: MapNode, row: Scalar, number: int) -> MapNode:
    """Name a fault of a row: the first as the row or as it is written, the others with their number behind that."""
    own = fault.get("id")
    given = row if own is None else own.node
    if not isinstance(given, Scalar):
        return fault
    named = Entry("id", given.at, Scalar(given.value if number == 1 else f"{given.value}.{number}", given.at))
    return MapNode((named, *(one for one in fault.entries if one is not own)), fault.at)


def _either_a_row_or_its_own_words(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["row"]}]


class FaultSpec(Strict):
    """One fault: where it acts, what it does, what it is aimed at, when and how often; then the action's own parameters.

    `percent` is a share 0..1 of the matching items. A fault that never matched fails the run unless it is `optional`.
    """

    area: ClassVar[str] = "fault"
    model_config = ConfigDict(json_schema_extra=_either_a_row_or_its_own_words)
    row: Annotated[str | None, PlainValidator(_row), WithJsonSchema({"enum": _BUILT_ROWS})] = None
    """A row of the fault table; its faults stand in the place of `on` and `do`."""
    on: Annotated[str, WithJsonSchema({"enum": sorted(FAULTS)})]
    do: Annotated[str, WithJsonSchema({"enum": sorted({do for actions in FAULTS.values() for do in actions})})]
    id: FaultName | None = None
    target: dict[str, Any] = Field(default_factory=dict)
    direction: Literal["up", "down", "both"] = "both"
    after: Annotated[
        After | None,
        PlainValidator(_after),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "required": ["count"]}]}),
    ] = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    count: Annotated[int, Field(ge=1, le=10_000)] | None = None
    until: Annotated[str | None, PlainValidator(_until), WithJsonSchema({"type": "string"})] = None
    percent: Percent | None = None
    every: Duration | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    optional: Flag = False

    status: Annotated[int, Field(ge=STATUS[0], le=STATUS[1])] | None = None
    code: TextOrNumber | None = None
    reason: Text | None = None
    retry_after: Duration | None = None
    what: str | None = None
    by: Annotated[
        float | Between | None,
        PlainValidator(_by),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "required": ["from", "to"]}]}),
    ] = None
    bytes: Packet | None = None
    rate: Bits | None = None
    idle: Duration | None = None
    service: str | None = None
    to: Text | None = None
    titles_only: bool | None = None
    schemes: Annotated[tuple[Scheme, ...], Field(max_length=5, strict=False)] | None = None
    headers: Annotated[tuple[Text, ...], Field(max_length=20, strict=False)] | None = None
    ca: Literal["trusted", "untrusted"] | None = None
    text: Text | None = None
    event_type: Text | None = None
    pin: Text | None = None

    @property
    def action(self) -> Action | None:
        """The row of the vocabulary, None when there is none."""
        return FAULTS.get(self.on, {}).get(self.do)

    @property
    def params(self) -> dict[str, Any]:
        """The action's own parameters that are set."""
        names = () if self.action is None else self.action.params
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def objections(self) -> Iterable[Objection]:
        """Object to what the vocabulary does not have, and to keys that the action does not take."""
        actions = FAULTS.get(self.on)
        if actions is None:
            later = not_yet("fault", self.on)
            words = ", ".join(sorted(FAULTS))
            yield Objection(
                ("on",), later or f"no fault acts on `{self.on}`; layers: {words}", nearest(self.on, FAULTS)
            )
            return
        if self.action is None:
            later = not_yet(self.on, self.do)
            words = ", ".join(actions)
            yield Objection(
                ("do",),
                later or f"`{self.do}` is nothing that {self.on} can do; it can: {words}",
                nearest(self.do, actions),
            )
            return
        yield from self._own(self.action)

    def _own(self, action: Action) -> Iterable[Objection]:
        what = f"`{self.do}` on {self.on}"
        for name in _PARAMETERS:
            if getattr(self, name) is not None and name not in action.params:
                yield Objection((name,), f"{what} takes no `{name}`", at_key=True)
        known = {name: value for name, value in self.params.items() if not _is_open(value)}
        wrong = problem(self.on, self.do, known)
        if wrong is not None:
            yield Objection((wrong.name,), wrong.text, nearest(str(getattr(self, wrong.name)), wrong.known))
        if self.on == "clock" and "by" in action.params and self.by is None:
            yield Objection((), f"{what} takes `by`, such as -3s")
        if (self.on, self.do) == ("clock", "drift") and isinstance(self.by, float) and abs(self.by) > DRIFT_S_MAX:
            yield Objection(("by",), DRIFT_COMPLAINT)
        yield from self._limits(action, what)
        yield from self._rhythm(action, what)
        if self.direction != "both" and "direction" not in action.targets:
            yield Objection(("direction",), f"{what} has no direction", at_key=True)
        for name in self.target:
            if name not in action.targets:
                words = ", ".join(action.targets) or "nothing"
                message = f"{what} cannot be aimed at a `{name}`; it can at: {words}"
                yield Objection(("target", name), message, nearest(name, action.targets), at_key=True)

    def _limits(self, action: Action, what: str) -> Iterable[Objection]:
        limits = {"for": self.for_, "count": self.count, "until": self.until, "percent": self.percent}
        if action.momentary and self.every is not None:
            if self.percent is not None:
                yield Objection(("percent",), f"{what} happens again and again, each time", at_key=True)
            if sum(limit is not None for name, limit in limits.items() if name != "percent") > 1:
                yield Objection((), "a fault has one limit: for, count or until")
        elif action.momentary:
            for name, limit in limits.items():
                if limit is not None:
                    yield Objection((name,), f"{what} happens once, now; `{name}` is for faults that last", at_key=True)
            if action.happens_now and self.after is not None and self.after.count is not None:
                yield Objection(("after",), f"{what} happens now, not at an item; write a duration or an anchor")
        elif sum(limit is not None for name, limit in limits.items() if name != "percent") > 1:
            yield Objection((), "a fault has one limit: for, count or until")
        elif self._is_a_state and (self.count is not None or self._counts or self._takes_no_share):
            yield Objection((), f"{what} is not made of items that could be counted")

    def _rhythm(self, action: Action, what: str) -> Iterable[Objection]:
        """Object to `every` on what lasts, and to a link that never comes up between two times."""
        if self.every is None:
            return
        if not action.momentary and self.do != "flap":
            yield Objection(("every",), f"{what} lasts; `every` is for what happens once, again and again", at_key=True)
        elif self.every <= 0:
            yield Objection(("every",), "write a duration above 0s")
        elif self.do == "flap" and isinstance(self.by, float) and self.by >= self.every:
            yield Objection(("by",), "the link is down for `by`, which is less than `every`")

    @property
    def _takes_no_share(self) -> bool:
        return self.percent is not None and self.do != "lossy"

    @property
    def _is_a_state(self) -> bool:
        return (self.on, self.do) in STATES or (self.on, self.do) in SHAPES

    @property
    def _counts(self) -> bool:
        return self.after is not None and self.after.count is not None


def _is_open(value: object) -> bool:
    """Say whether a value has references that only the run knows."""
    return isinstance(value, Template) or (isinstance(value, tuple) and any(map(_is_open, value)))


_PARAMETERS = (
    "status", "code", "reason", "retry_after", "what", "by", "bytes", "rate", "idle", "service", "to", "titles_only", "schemes",
    "headers", "ca", "text", "event_type", "pin",
)  # fmt: skip
STATES = frozenset({
    ("clock", "skew"), ("clock", "drift"), ("clock", "freeze"), ("link", "flap"),
    ("client", "flood"), ("client", "half_open"), ("client", "slow_reader"),
})  # fmt: skip
"""What is not made of items, beside what shapes a path."""
_MODELLED = SHAPES | {("client", "half_open")}
"""What takes a network in memory."""


@declare
class Fault(Verb):
    """Break something: one fault, or a `plan` of several whose `after` counts from the plan's start."""

    verb = "fault"
    acts_on_device = False
    done = "armed; a momentary one has happened"
    plan: Annotated[tuple[FaultSpec, ...], Field(max_length=PLAN_MAX, strict=False)]

    @classmethod
    def arrange(cls, node: Node) -> Node:
        """Take one fault for a plan of one, and the name of a row of the fault table for the faults of the row."""
        plan = node.get("plan") if isinstance(node, MapNode) else None
        if plan is None:
            return MapNode((Entry("plan", node.at, Sequence(tuple(_spread(node)), node.at)),), node.at)
        if not isinstance(plan.node, Sequence):
            return node
        items = tuple(made for item in plan.node.items for made in _spread(item))
        return MapNode((Entry("plan", plan.at, Sequence(items, plan.node.at)),), node.at)

    @classmethod
    def written_forms(cls, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """Allow one fault, or the name of a row, beside a plan."""
        row = {"anyOf": [{"enum": _BUILT_ROWS}, {"$ref": "#/$defs/Reference"}]}
        spec = schema["properties"]["plan"]["items"]
        schema["properties"]["plan"]["items"] = {"anyOf": [row, spec]}
        return [row, spec, schema]

    def objections(self) -> Iterable[Objection]:
        """Object to an empty plan; pass on what each fault objects to."""
        if not self.plan:
            yield Objection(("plan",), "a plan has at least one fault")
        for index, spec in enumerate(self.plan):
            for objection in spec.objections():
                yield objection.under("plan", index)

    def why_not(self, mode: str) -> str:
        """Say that faults which shape paths need a network in memory."""
        return NO_MODEL if mode != "virtual" and any((one.on, one.do) in _MODELLED for one in self.plan) else ""

    def defines(self) -> Iterable[Defined]:
        """Make the faults known to `heal` and to anchors."""
        for index, spec in enumerate(self.plan):
            if spec.id is not None:
                yield Defined("fault", spec.id, ("plan", index, "id"))

    def uses(self) -> Iterable[Used]:
        """Refer to the anchors that begin and end faults, to the events that they are aimed at, and to clients."""
        for index, spec in enumerate(self.plan):
            if spec.after is not None and spec.after.anchor is not None:
                yield Used("anchor", spec.after.anchor, ("plan", index, "after"))
            if spec.until is not None:
                yield Used("anchor", spec.until, ("plan", index, "until"))
            kind = spec.target.get("eventType")
            if isinstance(kind, str):
                yield Used("event", kind, ("plan", index, "target", "eventType"))
            client = spec.target.get("client")
            if isinstance(client, str):
                yield Used("client", client, ("plan", index, "target", "client"))


@declare
class Heal(Verb):
    """End a fault by its id (that of a row of the table is its name), or all of them."""

    verb = "heal"
    acts_on_device = False
    short = "fault"
    done = "healed"
    fault: FaultName

    def uses(self) -> Iterable[Used]:
        """Refer to a fault, unless to all."""
        if self.fault != "all":
            yield Used("fault", self.fault, ("fault",))


@declare
class Chaos(Verb):
    """Let the seed pick faults on some layers, one about every so long; when the time is over all of them heal."""

    verb = "chaos"
    acts_on_device = False
    done = "it has begun; the next steps are played under it"
    on: Annotated[tuple[str, ...], Field(min_length=1, strict=False), WithJsonSchema(_LAYERS)]
    for_: Annotated[Duration, Field(alias="for")]
    every: Duration
    id: FaultName = "chaos"
    seed: Annotated[int, Field(ge=0)] = 0

    def objections(self) -> Iterable[Objection]:
        """Object to layers from which nothing is drawn, and to more faults than a plan has."""
        for index, layer in enumerate(self.on):
            if layer not in MENU:
                message = f"nothing is drawn on `{layer}`; layers: {', '.join(MENU)}"
                yield Objection(("on", index), message, nearest(layer, MENU))
        if self.for_ <= 0:
            yield Objection(("for",), "write a duration above 0s")
        elif self.every <= 0 or self.troubles > PLAN_MAX:
            yield Objection(
                ("every",), f"at most {PLAN_MAX} faults are drawn, so write at least a {PLAN_MAX}th of `for`"
            )

    @property
    def troubles(self) -> int:
        """How many faults are drawn."""
        return max(1, round(self.for_ / self.every))

    def defines(self) -> Iterable[Defined]:
        """Make it known to `heal`."""
        yield Defined("fault", self.id, ("id",))
