"""Judging a step by its history.

`StepChecks` is made at the start of a step, before its verb, is shown every trace event (`feed`) and is asked when time has passed
(`poll`). It does no I/O and knows no clock: instants are integer microseconds, as in the trace. Events count from the start of the step.
States count from the moment when the verb is done, or "true already" could be satisfied by what the verb is about to change.
Source: scenario-style.md sections 4, 6 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from endpoint.runtime.trace import Event
from scenarios.runner.conditions import MICROSECONDS, WITHIN_DEFAULT_S, Expectation, Never
from scenarios.runner.problems import Place
from scenarios.runner.values import show_duration
from scenarios.runner.watches import Moment, Scene, Unmet, Watch, watch

OVER_BEFORE: Final = (
    f"its time was over before its turn came: without `within` that is {show_duration(WITHIN_DEFAULT_S)} after the verb; "
    "write `within`, which counts from the item before"
)
Kind = Literal[
    "expectation",
    "never",
    "unexpected",
    "deadlock",
    "early",
    "bound",
    "verb",
    "fault_unused",
    "xpass",
    "invariant",
    "liveness",
    "internal",
]
"""Why a scenario failed; `internal` is a defect of ours and no verdict on the scenario."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a step failed: what was expected and what came nearest, what was met by then, how long of what it was waited."""

    kind: Kind
    place: Place
    at: int
    unmet: tuple[Unmet, ...] = ()
    met: tuple[str, ...] = ()
    waited_us: int = 0
    allowed_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a step stands; `at` is the instant (microseconds) of the decision."""

    state: Literal["pending", "met", "failed"]
    at: int = 0
    finding: Finding | None = None


PENDING: Final = Verdict("pending")


def _us(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


class Tracker:
    """Follows one expectation from a moment on.

    Args:
        takes_us: how long the verb takes by its own words (`advance: 1m`); deadlines count from its end.
        done_at: when the verb was done; None while it runs.
    """

    def __init__(
        self,
        expectation: Expectation,
        start: Moment,
        scene: Scene,
        *,
        takes_us: int = 0,
        done_at: int | None = None,
    ) -> None:
        self.expectation = expectation
        self.start = start
        self.matched: list[Event] = []
        """Events that satisfied event conditions, for `save`."""
        self._watches: tuple[Watch, ...] = tuple(watch(one, start, scene) for one in expectation.conditions)
        self._takes_us = takes_us
        self._done_at = done_at
        self._met_at: int | None = None
        self._verdict = PENDING

    @property
    def deadline(self) -> int | None:
        """The last instant at which the expectation may come true; None while the running verb decides that."""
        if self.expectation.within_s is not None:
            return self.start.t + self._takes_us + _us(self.expectation.within_s)
        return None if self._done_at is None else self._done_at + _us(WITHIN_DEFAULT_S)

    def verb_done(self, now: int) -> Verdict:
        """Take note that the verb is done: from here on states count."""
        if self._done_at is None:
            self._done_at = now
        return self.poll(now)

    def feed(self, event: Event) -> Verdict:
        """Take one more event of the history."""
        if self._verdict is not PENDING:
            return self._verdict
        is_late = self._is_past(event.t)
        if is_late and self._met_at is None:
            return self._too_late()
        for one in self._watches:
            if not (is_late and one.is_deferred) and one.feed(event):
                self.matched.append(event)
        return self._judge(event.t)

    def poll(self, now: int) -> Verdict:
        """Judge again because time has passed; a deadline is missed only after its very instant."""
        if self._verdict is not PENDING:
            return self._verdict
        if self._is_past(now) and self._met_at is None:
            return self._too_late()
        return self._judge(now)

    def deadlock(self, now: int) -> Verdict:
        """End the waiting because nothing is left that could happen; what only has to stay as it is stays."""
        if self._verdict is PENDING and self._met_at is None and self._ripens_at() is None:
            if self.expectation.is_optional:
                self._verdict = Verdict("met", now)
            else:
                self._fail("deadlock", now, "nothing left to happen")
        return self._verdict

    def wake_at(self) -> int | None:
        """Return the next instant at which `poll` may decide; None when it is decided, or only events can."""
        if self._verdict is not PENDING:
            return None
        if self._met_at is not None and not self._waits_for_verb():
            return self._end()
        ripens_at = self._ripens_at()
        if self.deadline is None:
            return ripens_at
        return self.deadline + 1 if ripens_at is None else ripens_at

    def _ripens_at(self) -> int | None:
        """Return when a measure comes to matter by itself, within the deadline."""
        wakes = [wake for one in self._watches if (wake := one.wake_at()) is not None]
        return min((wake for wake in wakes if not self._is_past(wake)), default=None)

    def _is_past(self, now: int) -> bool:
        return self.deadline is not None and now > self.deadline

    def _end(self) -> int:
        """Return when an expectation that is met is over: after `for`, and after the window if only that can tell."""
        assert self._met_at is not None, "an end follows a beginning"
        end = self._met_at + _us(self.expectation.for_s or 0.0)
        if any(one.is_deferred for one in self._watches) and self.deadline is not None:
            end = max(end, self.deadline + 1)
        return end

    def _judge(self, now: int) -> Verdict:
        if any(one.is_violated() for one in self._watches):
            return self._fail("expectation", now)
        if self._met_at is None:
            if not self._holds():
                return PENDING
            early_s = self.expectation.not_before_s
            if early_s is not None and now < self.start.t + _us(early_s):
                waited = show_duration((now - self.start.t) / MICROSECONDS)
                return self._fail(
                    "early", now, f"it came true after {waited}, not before {show_duration(early_s)} was right"
                )
            self._met_at = now
        elif self.expectation.for_s is not None and not self._holds() and now <= self._end():
            held = show_duration((now - self._met_at) / MICROSECONDS)
            return self._fail("expectation", now, f"it held for {held} of {show_duration(self.expectation.for_s)}")
        if not self._waits_for_verb() and now >= self._end():
            self._verdict = Verdict("met", self._end())
        return self._verdict

    def _waits_for_verb(self) -> bool:
        """Say whether only the end of the window can decide, and the verb, still running, decides that end."""
        return self.deadline is None and any(one.is_deferred for one in self._watches)

    def _holds(self) -> bool:
        """Say whether all conditions hold now: events first, states only when they count."""
        if not all(one.holds() for one in self._watches if not one.is_state):
            return False
        states = [one for one in self._watches if one.is_state]
        return not states or (self._done_at is not None and all(one.holds() for one in states))

    def _too_late(self) -> Verdict:
        assert self.deadline is not None, "late means after a deadline"
        if self.expectation.is_optional:
            self._verdict = Verdict("met", self.deadline)
            return self._verdict
        return self._fail("expectation", self.deadline)

    def _fail(self, kind: Kind, at: int, note: str = "") -> Verdict:
        wrong = [one for one in self._watches if one.is_violated() or not one.holds()]
        # all right now: it came too early, or everything was true but never together
        unmet = tuple(one.unmet() for one in wrong or self._watches)
        met = tuple(one.met() for one in self._watches if one not in wrong) if wrong else ()
        deadline = self.deadline
        if deadline is not None and deadline < self.start.t:  # an item of a list, without `within`
            deadline, at, note = None, self.start.t, note or OVER_BEFORE
        allowed_s = None if deadline is None else (deadline - self.start.t) / MICROSECONDS
        finding = Finding(kind, self.expectation.place, at, unmet, met, at - self.start.t, allowed_s, note)
        self._verdict = Verdict("failed", at, finding)
        return self._verdict


class NeverTracker:
    """Watches for what must not be true at any moment."""

    def __init__(self, never: Never, start: Moment, scene: Scene) -> None:
        self._never = never
        self._start = start
        self._watches: tuple[Watch, ...] = tuple(watch(one, start, scene) for one in never.conditions)

    @property
    def watch_until(self) -> int:
        """The instant up to which it has to be watched at least."""
        return self._start.t + _us(self._never.for_s or 0.0)

    def feed(self, event: Event) -> Finding | None:
        """Take one more event of the history."""
        for one in self._watches:
            one.feed(event)
        return self.poll(event.t)

    def wake_at(self) -> int | None:
        """Return the next instant at which something may come to be true without an event."""
        return min((wake for one in self._watches if (wake := one.wake_at()) is not None), default=None)

    def poll(self, now: int) -> Finding | None:
        """Say whether something forbidden is true now."""
        for one in self._watches:
            if one.holds():
                explained = one.unmet()
                unmet = Unmet(f"never {explained.text}", explained.place, one.met(), "", explained.event)
                return Finding("never", explained.place, now, (unmet,), waited_us=now - self._start.t)
        return None


class StepChecks:
    """Follows all that one step expects and forbids.

    Expectations in a list follow each other: each starts when the one before is met.
    """

    def __init__(
        self,
        expect: tuple[Expectation, ...],
        never: tuple[Never, ...],
        start: Moment,
        scene: Scene,
        *,
        takes_s: float = 0.0,
    ) -> None:
        self._left = list(expect)
        self._never = [NeverTracker(one, start, scene) for one in never]
        self._scene = scene._replace(began=start)
        self._takes_us = _us(takes_s)
        self._done_at: int | None = None
        self._last = start
        self._verdict = PENDING
        self._now: Tracker | None = self._follow(start, self._takes_us)
        self.matched: list[Event] = []
        """Events that satisfied event conditions, in order, for `save`."""
        self.acted: Moment | None = None
        """When the verb was done: the last event before that, and the instant; None while it runs."""

    def _follow(self, start: Moment, takes_us: int) -> Tracker | None:
        if not self._left:
            return None
        return Tracker(self._left.pop(0), start, self._scene, takes_us=takes_us, done_at=self._done_at)

    def verb_done(self, now: int) -> Verdict:
        """Take note that the verb is done."""
        if self._done_at is None:
            self._done_at = now
            self.acted = Moment(self._last.n, now)
            if self._now is not None:
                self._now.verb_done(now)
        return self.poll(now)

    def feed(self, event: Event) -> Verdict:
        """Take one more event of the history."""
        if self._verdict is not PENDING:
            return self._verdict
        self._last = Moment(event.n, event.t)
        for never in self._never:
            finding = never.feed(event)
            if finding is not None:
                return self._decide(Verdict("failed", event.t, finding))
        if self._now is not None:
            self._now.feed(event)
        return self._go_on(event.t)

    def poll(self, now: int) -> Verdict:
        """Judge again because time has passed."""
        if self._verdict is not PENDING:
            return self._verdict
        for never in self._never:
            finding = never.poll(now)
            if finding is not None:
                return self._decide(Verdict("failed", now, finding))
        if self._now is not None:
            self._now.poll(now)
        return self._go_on(now)

    def deadlock(self, now: int) -> Verdict:
        """End the waiting because nothing is left that could happen; pending when only time has to pass."""
        if self._verdict is PENDING and self._now is not None:
            self._now.deadlock(now)
            return self._go_on(now)
        return self._verdict

    def wake_at(self) -> int | None:
        """Return the next instant at which `poll` may decide; None when nothing waits for time."""
        if self._verdict is not PENDING:
            return None
        waits = [never.wake_at() for never in self._never]
        if self._now is not None:
            waits.append(self._now.wake_at())
        elif self._done_at is not None:  # the end of the verb wakes too
            waits += [never.watch_until for never in self._never]
        return min((wait for wait in waits if wait is not None), default=None)

    def _go_on(self, now: int) -> Verdict:
        """Move to the next expectation when the present one is met; decide when there is none left."""
        while self._now is not None:
            verdict = self._now.poll(now)
            if verdict.state == "pending":
                return PENDING
            if verdict.state == "failed":
                return self._decide(verdict)
            self.matched += self._now.matched
            self._now = self._follow(Moment(self._last.n, now), 0)
        if self._done_at is None or any(now < never.watch_until for never in self._never):
            return PENDING
        return self._decide(Verdict("met", now))

    def _decide(self, verdict: Verdict) -> Verdict:
        self._verdict = verdict
        return verdict
