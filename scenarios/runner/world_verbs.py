"""Verbs of the world and of the flow (scenario-style.md section 5); those of faults are in `fault_verbs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, WithJsonSchema

from scenarios.runner.conditions import Expectation
from scenarios.runner.fields import AsBuilt, Bits, Duration, KnownText, Packet, Percent, SignedDuration, Text
from scenarios.runner.model import Step
from scenarios.runner.validation import Objection
from scenarios.runner.verbs import Build, Verb, declare

REPEAT_TIMES_MAX = 1000
TOGETHER_MAX = 50
"""Steps that are begun at one instant."""
WAIT_DEFAULT_S = 30.0
DRIFT_S_MAX = 1800.0
DRIFT_COMPLAINT = "a clock drifts by at most 30m an hour"
NO_MODEL = "the machine's own network carries what a run on real time sends; conditions are for mode virtual"

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
    """Put a wall clock wrong: `skew` sets its distance from true time, `jump` moves it, `drift` lets it gain so much an hour.

    Durations and timers are not touched.
    """

    verb = "clock"
    done = "the clock is set"
    of: Literal["device", "cloud"] = "device"
    skew: SignedDuration | None = None
    jump: SignedDuration | None = None
    drift: SignedDuration | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to no change, to two at once, and to a clock that would run backwards."""
        if sum(change is not None for change in (self.skew, self.jump, self.drift)) != 1:
            yield Objection((), "write either skew, jump or drift")
        if self.drift is not None and abs(self.drift) > DRIFT_S_MAX:
            yield Objection(("drift",), DRIFT_COMPLAINT)


@declare
class Network(Verb):
    """Change the base conditions of the device's network; what is not named is as good as can be.

    Each of `latency` and `jitter` counts one way. A link that is `down` breaks what is connected.
    """

    verb = "network"
    done = "the condition holds"
    link: Literal["up", "down"] | None = None
    latency: Duration | None = None
    jitter: Duration | None = None
    loss: Percent | None = None
    rate: Bits | None = None
    mtu: Packet | None = None
    direction: Literal["up", "down", "both"] = "both"
    for_: Annotated[Duration | None, Field(alias="for")] = None

    @property
    def conditions(self) -> dict[str, float | int]:
        """What the path is like, as far as the file says; shares are 0..1."""
        named = {
            "latency": self.latency, "jitter": self.jitter, "loss": self.loss, "rate": self.rate, "mtu": self.mtu,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value is not None}

    def objections(self) -> Iterable[Objection]:
        """Object to what says nothing, and to limits and directions of what has none."""
        if self.link is None and not self.conditions:
            yield Objection((), "write link, or some of latency, jitter, loss, rate, mtu")
        if self.link == "up" and self.for_ is not None and not self.conditions:
            yield Objection(("for",), "`for` limits how long the link is down", at_key=True)
        if self.direction != "both" and not self.conditions:
            yield Objection(("direction",), "a link has no direction", at_key=True)
        if self.link == "down" and self.conditions:
            yield Objection(("link",), "a link that is down has no other conditions", at_key=True)

    def why_not(self, mode: str) -> str:
        """Say that conditions need a network in memory."""
        return NO_MODEL if self.conditions and mode != "virtual" else ""


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
