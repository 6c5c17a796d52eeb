"""What the expectations of a step saw: the states that they read, and what references stood for.

It is written with the end of the step, so that whoever judges it again from its history has what no event tells: bookings, calls, the state
of the cloud. Values are kept when they change; a value that may be a secret is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from endpoint.runtime.trace import Event
from scenarios.runner.checks import Finding
from scenarios.runner.conditions import StateCondition
from scenarios.runner.matchers import MISSING, Matcher, Mismatches, Subject, show
from scenarios.runner.recording.redact import MEMBERS
from scenarios.runner.values import Template
from scenarios.runner.watches import Moment
from scenarios.runner.whole_run import SECRET

VALUES_MAX: Final = 100
"""Values that are kept of one state in one step; what comes later is counted."""
STATES_MAX: Final = 100
REFERENCES_MAX: Final = 100
_MEMBER: Final = "secret"
"""What stands for a secret says by this which member it is."""
_DIGITS: Final = 15
"""Digits of a number with a fraction that would look like a secret with all of them."""
HIDDEN: Final = re.compile(r"pass(?:word|phrase|code)|secret|token|credential|(?:^| )(?:pin|key)$", re.I)
"""Names of states whose values are not kept."""


class Unfit(Exception):
    """A value has no place in a history."""


class NotSeen(Exception):
    """Nobody had looked; the text says at what."""


class Untold(str):
    """Stands for a secret, named by its member: what is said of it is no proof."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """Matches what was seen, unless what does not fit is a secret."""

    matcher: Matcher

    def check(self, subject: Subject) -> Mismatches:
        """Check as the matcher does.

        Raises:
            NotSeen: a secret would have to be known.
        """
        found = self.matcher.check(subject)
        secret = next((one.got for one in found if isinstance(one.got, Untold)), None)
        if secret is not None:
            raise NotSeen(f"{secret} is secret, and in no history")
        return found

    def __str__(self) -> str:
        return str(self.matcher)


@dataclass
class _State:
    values: list[dict[str, Any]] = field(default_factory=list)
    is_hidden: bool = False
    more: int = 0


class Seen:
    """Keeps what the expectations of one step see.

    Args:
        moment: says where the history is.
    """

    def __init__(self, moment: Callable[[], Moment]) -> None:
        self._moment = moment
        self._states: dict[str, _State] = {}
        self._given: dict[str, Any] = {}

    def state(self, condition: StateCondition, value: object) -> None:
        """Take the value that was read for a condition."""
        name = name_of(condition)
        state = self._states.get(name)
        if state is None:
            if len(self._states) >= STATES_MAX:
                return
            state = self._states[name] = _State(is_hidden=HIDDEN.search(name) is not None)
        if state.is_hidden:
            return
        try:
            told = {} if value is MISSING else {"value": packed(value)}
        except Unfit:
            state.is_hidden = True
            state.values.clear()
            return
        last = state.values[-1] if state.values else None
        if last is not None and told == {key: last[key] for key in last if key == "value"}:
            return
        if len(state.values) >= VALUES_MAX:
            state.more += 1
            return
        n, t = self._moment()
        state.values.append({"n": n, "t_us": t, **told})

    def reference(self, template: Template, value: object) -> None:
        """Take what a reference stood for."""
        if len(self._given) < REFERENCES_MAX and not HIDDEN.search(str(template)) and str(template) not in self._given:
            try:
                self._given[str(template)] = packed(value)
            except Unfit:
                return

    def data(self) -> dict[str, Any]:
        """Return what is written down: members of the event that ends the step."""
        seen = [
            {"of": name, "values": state.values, **({"more": state.more} if state.more else {})}
            for name, state in self._states.items()
            if not state.is_hidden
        ]
        return {**({"seen": seen} if seen else {}), **({"given": self._given} if self._given else {})}


def with_values(finding: Finding, told: Mapping[str, object]) -> Finding:
    """Show beside each reference of a finding what it stood for; `told` is what the end of the step tells."""
    given = told.get("given")
    if not isinstance(given, Mapping) or not finding.unmet:
        return finding
    shown = {text: f"{text} ({show(unpacked(value))})" for text, value in given.items()}
    known = re.compile("|".join(re.escape(text) for text in sorted(shown, key=len, reverse=True)))

    def fill(text: str) -> str:
        return known.sub(lambda found: shown[found[0]], text)

    return replace(
        finding, unmet=tuple(replace(one, text=fill(one.text), nearest=fill(one.nearest)) for one in finding.unmet)
    )


class Remembered:
    """What a step of a history saw, for judging it again.

    Args:
        over: the event that ends the step, None if it has none.
    """

    def __init__(self, over: Event | None) -> None:
        data = over.data if over is not None else {}
        states = data.get("seen", ())
        self._values: dict[str, list[Mapping[str, Any]]] = {state["of"]: state["values"] for state in states}
        self._cut = {state["of"] for state in states if state.get("more")}
        self._given: Mapping[str, Any] = data.get("given", {})

    def has(self, condition: StateCondition) -> bool:
        """Say whether the step looked at what a condition reads, be it later than others."""
        return bool(self._values.get(name_of(condition)))

    def value(self, condition: StateCondition, at: Moment) -> object:
        """Return what was last seen of a state up to a moment.

        Raises:
            NotSeen: nobody had looked by then, or so much had changed that not all of it was kept.
        """
        name = name_of(condition)
        values = self._values.get(name)
        if not values:
            raise NotSeen(f"nobody looked at {name} in that step")
        by_then = [one for one in values if one["t_us"] <= at.t and one["n"] <= at.n]
        if not by_then and values[0]["t_us"] > at.t:
            raise NotSeen(f"nobody had looked at {name} by then")
        last = by_then[-1] if by_then else values[0]
        if last is values[-1] and name in self._cut:
            raise NotSeen(f"{name} changed more than {VALUES_MAX} times")
        return unpacked(last["value"]) if "value" in last else MISSING

    def given(self, template: Template) -> object:
        """Return what a reference stood for; NotSeen if it was not kept."""
        if str(template) not in self._given:
            raise NotSeen(f"what {template} stood for, only the run knew")
        return unpacked(self._given[str(template)])


def name_of(condition: StateCondition) -> str:
    """Name what a condition reads, the same whatever it expects of it."""
    return condition.of or condition.title


def packed(value: object) -> Any:
    """Return a value as a history holds it: JSON without floats.

    Raises:
        Unfit: it has no place there, or looks like a secret.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        text = repr(value)  # one of 16 digits looks like an activation code
        return {"float": f"{value:.{_DIGITS}g}" if SECRET.search(text) else text}
    if isinstance(value, str) and getattr(value, "secret_kind", None) is None:
        if SECRET.search(value):
            raise Unfit
        return str(value)
    if isinstance(value, Mapping):
        return {
            str(packed(str(key))): {_MEMBER: str(key)} if item and str(key).lower() in MEMBERS else packed(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [packed(item) for item in value]
    raise Unfit


def unpacked(value: Any) -> Any:
    """Return a value that was packed."""
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            return float(value["float"])
        if value.keys() == {_MEMBER}:
            return Untold(value[_MEMBER])
        return {key: unpacked(item) for key, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value
