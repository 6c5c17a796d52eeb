"""Verbs of the world and of the flow (scenario-style.md section 5); those of faults are in `fault_verbs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, WithJsonSchema

from scenarios.runner.conditions import Expectation
from scenarios.runner.fields import AsBuilt, Duration, KnownText, SignedDuration, Text
from scenarios.runner.model import Step
from scenarios.runner.validation import Objection
from scenarios.runner.verbs import Build, Verb, declare

REPEAT_TIMES_MAX = 1000
TOGETHER_MAX = 50
"""Steps that are begun at one instant."""
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
class Use(Verb):
    """Do the steps of another file, a part, with values of this one; `device` beside it goes for those of its steps that name none.

    A part has `part`, a sentence, instead of a name, and `steps`; `required` names the values that `with` has to give, `vars` those that
    it may, with what they are otherwise. Its steps refer to them as `${vars.<name>}`. The path is relative to the file that it stands in.
    """

    verb = "use"
    acts_on_device = False
    short = "file"
    done = "its last step is done"
    file: KnownText
    with_: Annotated[dict[str, Any], Field(alias="with")] = Field(default_factory=dict)
    _steps: tuple[Step, ...] = PrivateAttr(())

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the part, its values filled in."""
        return self._steps

    def filled(self, steps: tuple[Step, ...]) -> Use:
        """Return the verb with its steps; the values are in them and are not kept."""
        made = Use.model_validate({"file": self.file})
        made._steps = steps
        return made


@declare
class Together(Verb):
    """Begin several steps at one instant, in their order, each with what must follow from it."""

    verb = "together"
    acts_on_device = False
    short = "steps"
    whole = True
    done = "the last of them is done"
    built: ClassVar[Mapping[str, Build]] = {"steps": "together"}
    steps: Steps

    def objections(self) -> Iterable[Objection]:
        """Object to no steps, and to too many."""
        if not 0 < len(self.steps) <= TOGETHER_MAX:
            yield Objection((), f"`together` takes 1 to {TOGETHER_MAX} steps, not {len(self.steps)}")


@declare
class Note(Verb):
    """Write a line into the trace."""

    verb = "note"
    acts_on_device = False
    short = "text"
    done = "at once"
    text: Text
