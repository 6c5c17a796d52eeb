"""Matchers: what a value has to be, and in which point it is not.

A literal matches itself: text exactly, numbers by value, a map when the named keys match, a list when length and order match. A map of
nothing but operators is an operator map. Matchers are compiled, with all complaints placed, before anything runs; a mismatch names
path, value and operator and, for text, the first character that differs. Source: scenario-style.md section 6.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from scenarios.runner.pattern import Pattern
from scenarios.runner.values import Template, show_duration

SHOWN_CHARACTERS_MAX = 100
"""Values are cut after so many characters in messages."""


class _Missing:
    """The value of what is not there."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()
"""Stands for a value that does not exist, which is not null."""

Resolve: TypeAlias = Callable[[Template], object]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a matcher looks at: a value, what it was at the start of the step, its path, and how to fill in references."""

    value: object
    path: str
    resolve: Resolve
    before: object = MISSING

    def part(self, value: object, before: object, step: str) -> Subject:
        """Return a part of the value as a subject of its own."""
        return Subject(value, f"{self.path}{step}".lstrip("."), self.resolve, before)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One point in which a value is not what it had to be."""

    path: str
    got: object
    operator: str
    expected: str
    note: str = ""

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        note = f"; {self.note}" if self.note else ""
        return f"{path}got {show(self.got)}, expected {self.operator} {self.expected}{note}"


Mismatches: TypeAlias = tuple[Mismatch, ...]


class Matcher(Protocol):
    """What a value has to be."""

    def check(self, subject: Subject) -> Mismatches:
        """Return every point that does not fit; empty when the value fits."""
        ...

    def __str__(self) -> str: ...


def show(value: object) -> str:
    """Print a value for a message: JSON on one line, cut at `SHOWN_CHARACTERS_MAX`."""
    if value is MISSING:
        return "nothing"
    if isinstance(value, Template):
        return value.text
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 3] + "..."


def is_number(value: object) -> bool:
    """Say whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def instant_of(value: object) -> datetime | None:
    """Read ISO 8601 text with a date, a time and a zone as an aware time; None when it is something else."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def same(expected: object, got: object) -> bool:
    """Say whether two scalars are the same: text exactly, numbers by value, true and false only themselves."""
    if is_number(expected) and is_number(got):
        return expected == got
    return type(expected) is type(got) and expected == got


def first_difference(expected: object, got: object) -> str:
    """Say at which character two texts part, or that the types differ; empty when there is nothing to add."""
    if isinstance(expected, str) and isinstance(got, str):
        for position, (right, wrong) in enumerate(zip(expected, got, strict=False), 1):
            if right != wrong:
                return f"first difference at character {position}: {show(wrong)} for {show(right)}"
        if not expected or not got:
            return ""
        longer = "too long" if len(got) > len(expected) else "too short"
        return f"{longer}: the same up to character {min(len(expected), len(got))}"
    if is_number(expected) and isinstance(got, str):
        return "text, not a number"
    if isinstance(expected, str) and is_number(got):
        return "a number, not text; write it without quotes"
    return ""


@dataclass(frozen=True, slots=True)
class Anything:
    """Match whatever is there; stands where a matcher could not be compiled."""

    def check(self, subject: Subject) -> Mismatches:
        """Find nothing wrong."""
        return ()

    def __str__(self) -> str:
        return "anything"


@dataclass(frozen=True, slots=True)
class Literal:
    """Match one scalar."""

    expected: object

    def check(self, subject: Subject) -> Mismatches:
        """Compare by type and value; references are filled in now."""
        expected = subject.resolve(self.expected) if isinstance(self.expected, Template) else self.expected
        if same(expected, subject.value):
            return ()
        note = first_difference(expected, subject.value)
        return (Mismatch(subject.path, subject.value, "is", show(expected), note),)

    def __str__(self) -> str:
        return self.expected if isinstance(self.expected, str) else show(self.expected)


@dataclass(frozen=True, slots=True)
class MapOf:
    """Match a map when the named keys match; `is_closed` forbids others. A dotted key reaches into maps of maps."""

    keys: tuple[tuple[str, Matcher], ...]
    is_closed: bool = False

    def check(self, subject: Subject) -> Mismatches:
        """Collect what is wrong with each key."""
        if not isinstance(subject.value, Mapping):
            return (
                Mismatch(subject.path, subject.value, "is", f"a map with {', '.join(key for key, _ in self.keys)}"),
            )
        found: Mismatches = ()
        for key, matcher in self.keys:
            value, before = lookup(subject.value, key), lookup(subject.before, key)
            found += matcher.check(subject.part(value, before, f".{key}"))
        if self.is_closed:
            named = {key for key, _ in self.keys}
            for key in subject.value:
                if key not in named:
                    found += (
                        Mismatch(f"{subject.path}.{key}".lstrip("."), subject.value[key], "only", "the named keys"),
                    )
        return found

    def __str__(self) -> str:
        inner = ", ".join(f"{key}: {matcher}" for key, matcher in self.keys)
        return f"{{only: {{{inner}}}}}" if self.is_closed else f"{{{inner}}}"


def lookup(value: object, key: str) -> object:
    """Return the value under a key, or under a dotted path through maps and lists; MISSING when it is not there."""
    if isinstance(value, Mapping):
        if key in value:
            return value[key]
        head, dot, rest = key.partition(".")
        while dot:
            if head in value:
                return lookup(value[head], rest)
            more, dot, rest = rest.partition(".")
            head = f"{head}.{more}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        head, dot, rest = key.partition(".")
        if head.isdecimal() and len(head) <= 6 and int(head) < len(value):
            return lookup(value[int(head)], rest) if dot else value[int(head)]
    return MISSING


@dataclass(frozen=True, slots=True)
class ListOf:
    """Match a list of the same length, element by element."""

    items: tuple[Matcher, ...]

    def check(self, subject: Subject) -> Mismatches:
        """Collect what is wrong with each element, or the length."""
        value = subject.value
        if not isinstance(value, (list, tuple)):
            return (Mismatch(subject.path, value, "is", f"a list of {len(self.items)}"),)
        if len(value) != len(self.items):
            return (Mismatch(subject.path, value, "is", f"a list of {len(self.items)}", f"it has {len(value)}"),)
        found: Mismatches = ()
        for index, matcher in enumerate(self.items):
            found += matcher.check(subject.part(value[index], lookup(subject.before, str(index)), f"[{index}]"))
        return found

    def __str__(self) -> str:
        return f"[{', '.join(str(item) for item in self.items)}]"


@dataclass(frozen=True, slots=True)
class Not:
    """Match what another matcher does not, a missing value too."""

    inner: Matcher

    def check(self, subject: Subject) -> Mismatches:
        """Object when the inner one does not."""
        if self.inner.check(subject):
            return ()
        return (Mismatch(subject.path, subject.value, "not", str(self.inner)),)

    def __str__(self) -> str:
        return f"{{not: {self.inner}}}"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Match what one of several matches."""

    options: tuple[Matcher, ...]

    def check(self, subject: Subject) -> Mismatches:
        """Object when all do."""
        if any(not option.check(subject) for option in self.options):
            return ()
        return (Mismatch(subject.path, subject.value, "any", f"[{', '.join(map(str, self.options))}]"),)

    def __str__(self) -> str:
        return f"{{any: [{', '.join(map(str, self.options))}]}}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Match what each of several matches."""

    parts: tuple[Matcher, ...]

    def check(self, subject: Subject) -> Mismatches:
        """Collect the objections of all."""
        found: Mismatches = ()
        for part in self.parts:
            found += part.check(subject)
        return found

    def __str__(self) -> str:
        return f"{{all: [{', '.join(map(str, self.parts))}]}}"


ORDERINGS: Final[dict[str, Callable[[float, float], bool]]] = {
    "gt": lambda got, bound: got > bound,
    "ge": lambda got, bound: got >= bound,
    "lt": lambda got, bound: got < bound,
    "le": lambda got, bound: got <= bound,
}


@dataclass(frozen=True, slots=True)
class Ordered:
    """Compare a number, or an instant in ISO 8601, with a bound."""

    operator: str
    bound: float
    shown: str
    is_instant: bool = False

    def check(self, subject: Subject) -> Mismatches:
        """Object to what is no number (or instant), or on the wrong side."""
        got = _measure(subject.value, self.is_instant)
        if got is not None and ORDERINGS[self.operator](got, self.bound):
            return ()
        note = "" if got is not None else "no instant" if self.is_instant else "no number"
        return (Mismatch(subject.path, subject.value, self.operator, self.shown, note),)

    def __str__(self) -> str:
        return f"{{{self.operator}: {self.shown}}}"


@dataclass(frozen=True, slots=True)
class Near:
    """Match a number, or an instant, at most `by` away."""

    centre: float
    by: float
    shown: str
    is_instant: bool = False

    def check(self, subject: Subject) -> Mismatches:
        """Object to what is further away; the note says how far."""
        got = _measure(subject.value, self.is_instant)
        if got is not None and abs(got - self.centre) <= self.by:
            return ()
        if got is None:
            note = "no instant" if self.is_instant else "no number"
        else:
            off = abs(got - self.centre)
            note = f"off by {show_duration(off) if self.is_instant else f'{off:g}'}"
        return (Mismatch(subject.path, subject.value, "near", self.shown, note),)

    def __str__(self) -> str:
        return f"{{near: {self.shown}}}"


def _measure(value: object, is_instant: bool) -> float | None:
    if is_instant:
        instant = instant_of(value)
        return None if instant is None else instant.timestamp()
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Matches:
    """Match text that a pattern describes from end to end."""

    pattern: Pattern

    def check(self, subject: Subject) -> Mismatches:
        """Object to other text and to what is no text."""
        value = subject.value
        if isinstance(value, str) and self.pattern.matches(value):
            return ()
        note = "a pattern covers the whole text" if isinstance(value, str) else "no text"
        return (Mismatch(subject.path, value, "matches", show(self.pattern.source), note),)

    def __str__(self) -> str:
        return f"{{matches: {show(self.pattern.source)}}}"


TEXT_TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda got, part: part in got,
    "starts": str.startswith,
    "ends": str.endswith,
}


@dataclass(frozen=True, slots=True)
class HasText:
    """Match text that contains, starts with or ends with other text."""

    operator: str
    part: str | Template

    def check(self, subject: Subject) -> Mismatches:
        """Object to other text; for `starts` and `ends` the note says where they part."""
        part = subject.resolve(self.part) if isinstance(self.part, Template) else self.part
        got = subject.value
        if isinstance(got, str) and TEXT_TESTS[self.operator](got, str(part)):
            return ()
        note = "" if isinstance(got, str) else "no text"
        if isinstance(got, str) and self.operator == "starts":
            note = first_difference(str(part), got[: len(str(part))])
        return (Mismatch(subject.path, got, self.operator, show(part), note),)

    def __str__(self) -> str:
        return f"{{{self.operator}: {show(self.part)}}}"


@dataclass(frozen=True, slots=True)
class Has:
    """Match a list with at least one element that fits."""

    inner: Matcher

    def check(self, subject: Subject) -> Mismatches:
        """Object when no element fits, and to what is no list."""
        value = subject.value
        if not isinstance(value, (list, tuple)):
            return (Mismatch(subject.path, value, "has", str(self.inner), "no list"),)
        if any(not self.inner.check(subject.part(item, MISSING, f"[{index}]")) for index, item in enumerate(value)):
            return ()
        return (Mismatch(subject.path, value, "has", str(self.inner)),)

    def __str__(self) -> str:
        return f"{{has: {self.inner}}}"


@dataclass(frozen=True, slots=True)
class Each:
    """Match a list whose elements all fit; an empty one does."""

    inner: Matcher

    def check(self, subject: Subject) -> Mismatches:
        """Collect the objections to each element."""
        value = subject.value
        if not isinstance(value, (list, tuple)):
            return (Mismatch(subject.path, value, "each", str(self.inner), "no list"),)
        found: Mismatches = ()
        for index, item in enumerate(value):
            found += self.inner.check(subject.part(item, MISSING, f"[{index}]"))
        return found

    def __str__(self) -> str:
        return f"{{each: {self.inner}}}"


@dataclass(frozen=True, slots=True)
class Count:
    """Match a list or map by the number of its elements; what is missing has none."""

    inner: Matcher

    def check(self, subject: Subject) -> Mismatches:
        """Check the number of elements."""
        value = () if subject.value is MISSING else subject.value
        if not isinstance(value, (list, tuple, Mapping)):
            return (Mismatch(subject.path, value, "count", str(self.inner), "no list"),)
        return self.inner.check(subject.part(len(value), MISSING, ".count"))

    def __str__(self) -> str:
        return f"{{count: {self.inner}}}"


@dataclass(frozen=True, slots=True)
class Exists:
    """Match what is there, or what is not."""

    wanted: bool

    def check(self, subject: Subject) -> Mismatches:
        """Object to the opposite."""
        if (subject.value is not MISSING) == self.wanted:
            return ()
        return (Mismatch(subject.path, subject.value, "exists", show(self.wanted)),)

    def __str__(self) -> str:
        return f"{{exists: {show(self.wanted)}}}"


@dataclass(frozen=True, slots=True)
class Changed:
    """Match a value that is not, or still is, what it was at the start of the step."""

    wanted: bool

    def check(self, subject: Subject) -> Mismatches:
        """Compare with the start of the step."""
        if (subject.value != subject.before) == self.wanted:
            return ()
        return (Mismatch(subject.path, subject.value, "changed", show(self.wanted), f"it was {show(subject.before)}"),)

    def __str__(self) -> str:
        return f"{{changed: {show(self.wanted)}}}"


@dataclass(frozen=True, slots=True)
class FromTo:
    """Match a value that was one thing at the start of the step and is another now."""

    before: Matcher
    after: Matcher

    def check(self, subject: Subject) -> Mismatches:
        """Check both ends."""
        was = self.before.check(Subject(subject.before, f"{subject.path} (at the start)", subject.resolve))
        return was + self.after.check(subject)

    def __str__(self) -> str:
        return f"{{from: {self.before}, to: {self.after}}}"


def _is_base64url(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", value) is not None


TYPES: Final[dict[str, Callable[[object], bool]]] = {
    "uuid": lambda value: (
        isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None
    ),
    "url": lambda value: isinstance(value, str) and re.fullmatch(r"(https?|wss?)://[^\s/]+(/\S*)?", value) is not None,
    "iso_time": lambda value: instant_of(value) is not None,
    "base64": lambda value: (
        isinstance(value, str) and len(value) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value) is not None
    ),
    "base64url": lambda value: isinstance(value, str) and _is_base64url(value),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": is_number,
    "text": lambda value: isinstance(value, str),
    "jwe": lambda value: (
        isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}", value) is not None
    ),
}


@dataclass(frozen=True, slots=True)
class OfType:
    """Match by form: uuid, url, iso_time, ..."""

    name: str

    def check(self, subject: Subject) -> Mismatches:
        """Object to what has another form."""
        if TYPES[self.name](subject.value):
            return ()
        return (Mismatch(subject.path, subject.value, "type", self.name),)

    def __str__(self) -> str:
        return f"{{type: {self.name}}}"
