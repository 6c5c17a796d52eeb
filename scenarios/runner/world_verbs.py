"""Verbs of the world and of the flow (scenario-style.md sections 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from scenarios.runner.conditions import Expectation
from scenarios.runner.faulttable import FAULTS, Action
from scenarios.runner.fields import AsBuilt, Duration, Flag, Name, Percent, SignedDuration, Text, TextOrNumber, wrong
from scenarios.runner.model import Step
from scenarios.runner.notyet import not_yet
from scenarios.runner.problems import nearest
from scenarios.runner.validation import Objection, Strict
from scenarios.runner.values import read_duration
from scenarios.runner.verbs import Build, Defined, Used, Verb, declare
from scenarios.runner.yamltree import Entry, Node, Sequence
from scenarios.runner.yamltree import Mapping as MapNode

REPEAT_TIMES_MAX = 1000
PLAN_MAX = 50
"""Faults in one plan."""
WAIT_DEFAULT_S = 30.0

Steps = Annotated[tuple[Step, ...], AsBuilt(), WithJsonSchema({"x-ref": "Steps"})]
Expected = Annotated[Expectation, AsBuilt(), WithJsonSchema({"x-ref": "Expectation"})]


@declare
class Advance(Verb):
    """Move the clock by exactly so much, running all that falls due."""

    verb = "advance"
    acts_on_device = False
    short = "by"
    needs = frozenset({"time"})
    done = "the clock has moved"
    by: Duration

    @property
    def takes_s(self) -> float:
        """Take what it is told to."""
        return self.by


@declare
class Wait(Verb):
    """Wait until an expectation holds, by default for 30s."""

    verb = "wait"
    short = "until"
    whole = True
    done = "it holds, or its deadline has passed"
    built: ClassVar[Mapping[str, Build]] = {"until": "expectation"}
    until: Expected


@declare
class SetClock(Verb):
    """Put a wall clock wrong: `skew` sets its distance from true time, `jump` moves it. Durations and timers are not touched."""

    verb = "clock"
    done = "the clock is set"
    of: Literal["device", "cloud"] = "device"
    skew: SignedDuration | None = None
    jump: SignedDuration | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to no change, and to two at once."""
        if (self.skew is None) == (self.jump is None):
            yield Objection((), "write either skew or jump")


@declare
class Network(Verb):
    """Change the base conditions of the device's network."""

    verb = "network"
    done = "the condition holds"
    link: Literal["up", "down"]
    for_: Annotated[Duration | None, Field(alias="for")] = None

    def objections(self) -> Iterable[Objection]:
        """Object to a limit on a link that is up."""
        if self.link == "up" and self.for_ is not None:
            yield Objection(("for",), "`for` limits how long the link is down", at_key=True)


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


def _until(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise wrong("write an anchor, such as mercury open")


class FaultSpec(Strict):
    """One fault: where it acts, what it does, what it is aimed at, when and how often; then the action's own parameters.

    `percent` is a share 0..1 of the matching items. A fault that never matched fails the run unless it is `optional`.
    """

    area: ClassVar[str] = "fault"
    on: Annotated[str, WithJsonSchema({"enum": sorted(FAULTS)})]
    do: Annotated[str, WithJsonSchema({"enum": sorted({do for actions in FAULTS.values() for do in actions})})]
    id: Name | None = None
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
    seed: Annotated[int, Field(ge=0)] | None = None
    optional: Flag = False

    status: Annotated[int, Field(ge=100, le=599)] | None = None
    code: TextOrNumber | None = None
    reason: Text | None = None
    retry_after: Duration | None = None
    what: str | None = None
    by: SignedDuration | None = None
    service: str | None = None
    to: Text | None = None
    titles_only: bool | None = None

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
        if self.what is not None and action.whats and self.what not in action.whats:
            words = ", ".join(action.whats)
            yield Objection(("what",), f"{what} takes as `what`: {words}", nearest(self.what, action.whats))
        if self.on == "clock" and self.by is None:
            yield Objection((), f"{what} takes `by`, such as -3s")
        yield from self._limits(action, what)
        if self.direction != "both" and "direction" not in action.targets:
            yield Objection(("direction",), f"{what} has no direction", at_key=True)
        for name in self.target:
            if name not in action.targets:
                words = ", ".join(action.targets) or "nothing"
                message = f"{what} cannot be aimed at a `{name}`; it can at: {words}"
                yield Objection(("target", name), message, nearest(name, action.targets), at_key=True)

    def _limits(self, action: Action, what: str) -> Iterable[Objection]:
        limits = {"for": self.for_, "count": self.count, "until": self.until, "percent": self.percent}
        if action.momentary:
            for name, limit in limits.items():
                if limit is not None:
                    yield Objection((name,), f"{what} happens once, now; `{name}` is for faults that last", at_key=True)
            if action.happens_now and self.after is not None and self.after.count is not None:
                yield Objection(("after",), f"{what} happens now, not at an item; write a duration or an anchor")
        elif sum(limit is not None for name, limit in limits.items() if name != "percent") > 1:
            yield Objection((), "a fault has one limit: for, count or until")
        elif self.do == "skew" and (self.count is not None or self.percent is not None or self._counts):
            yield Objection((), f"{what} is not made of items that could be counted")

    @property
    def _counts(self) -> bool:
        return self.after is not None and self.after.count is not None


_PARAMETERS = ("status", "code", "reason", "retry_after", "what", "by", "service", "to", "titles_only")


@declare
class Fault(Verb):
    """Break something: one fault, or a `plan` of several whose `after` counts from the plan's start."""

    verb = "fault"
    acts_on_device = False
    done = "armed; a momentary one has happened"
    plan: Annotated[tuple[FaultSpec, ...], Field(max_length=PLAN_MAX, strict=False)]

    @classmethod
    def arrange(cls, node: Node) -> Node:
        """Take one fault for a plan of one."""
        if isinstance(node, MapNode) and node.get("plan") is None:
            return MapNode((Entry("plan", node.at, Sequence((node,), node.at)),), node.at)
        return node

    @classmethod
    def written_forms(cls, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """Allow one fault beside a plan."""
        return [schema["properties"]["plan"]["items"], schema]

    def objections(self) -> Iterable[Objection]:
        """Object to an empty plan; pass on what each fault objects to."""
        if not self.plan:
            yield Objection(("plan",), "a plan has at least one fault")
        for index, spec in enumerate(self.plan):
            for objection in spec.objections():
                yield objection.under("plan", index)

    def defines(self) -> Iterable[Defined]:
        """Make the faults known to `heal` and to anchors."""
        for index, spec in enumerate(self.plan):
            if spec.id is not None:
                yield Defined("fault", spec.id, ("plan", index, "id"))

    def uses(self) -> Iterable[Used]:
        """Refer to the anchors that begin and end faults."""
        for index, spec in enumerate(self.plan):
            if spec.after is not None and spec.after.anchor is not None:
                yield Used("anchor", spec.after.anchor, ("plan", index, "after"))
            if spec.until is not None:
                yield Used("anchor", spec.until, ("plan", index, "until"))


@declare
class Heal(Verb):
    """End a fault by its id, or all of them."""

    verb = "heal"
    acts_on_device = False
    short = "fault"
    done = "healed"
    fault: Name

    def uses(self) -> Iterable[Used]:
        """Refer to a fault, unless to all."""
        if self.fault != "all":
            yield Used("fault", self.fault, ("fault",))


@declare
class Repeat(Verb):
    """Do steps several times; `every` is the time from one start to the next."""

    verb = "repeat"
    acts_on_device = False
    done = "the last round is done"
    built: ClassVar[Mapping[str, Build]] = {"steps": "steps"}
    times: Annotated[int, Field(ge=1, le=REPEAT_TIMES_MAX)]
    every: Duration | None = None
    steps: Steps


@declare
class Note(Verb):
    """Write a line into the trace."""

    verb = "note"
    acts_on_device = False
    short = "text"
    done = "at once"
    text: Text
