"""The values a person writes: durations, instants, shares, rates, sizes, and references.

Each reader takes text and returns a value, or raises `ValueError` with a sentence that says what would have been right. Durations are
seconds as `float` on a grid of a millisecond; shares are 0..1; rates are per second; sizes are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,8})h)?(?:([0-9]{1,8})m)?(?:([0-9]{1,9})s)?(?:([0-9]{1,12})ms)?")
DURATION_PATTERN = r"^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
DURATION_S_MAX = 366 * 86_400.0
"""Longest duration: a leap year, longer than any timer of the protocol."""
SIGNED_S_MAX = 100 * DURATION_S_MAX
"""Longest duration with a sign: how far a clock may be wrong that has lost its battery."""

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?Z")
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)/(s|m|h)")
_SIZE = re.compile(r"([0-9]{1,12})(B|KiB|MiB|GiB)")
_BITS = re.compile(r"([0-9]{1,9})(bit|kbit|Mbit|Gbit)")
BITS_PATTERN = r"^[0-9]+(bit|kbit|Mbit|Gbit)$"
_BITS_UNITS = {"bit": 1, "kbit": 1000, "Mbit": 1000**2, "Gbit": 1000**3}
_SIZE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_RATE_UNITS_S = {"s": 1, "m": 60, "h": 3600}


def read_duration(value: object, longest_s: float = DURATION_S_MAX) -> float:
    """Read `250ms`, `1h30m`, `7d` as seconds.

    Raises:
        ValueError: a bare number (no unit), or another form.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        example = f"{value}s" if isinstance(value, int) and value > 0 else "30s"
        raise ValueError(f"a duration needs a unit: write {example}")
    if not isinstance(value, str):
        raise ValueError("write a duration, such as 30s")
    found = _DURATION.fullmatch(value)
    if found is None or value == "":
        raise ValueError(f"`{value[:40]}` is no duration; write whole numbers with d, h, m, s, ms, such as 1h30m")
    counts = [int(group or 0) for group in found.groups()]
    total_ms = sum(count * unit for count, unit in zip(counts, _UNITS_MS.values(), strict=True))
    if total_ms > longest_s * 1000:
        raise ValueError(f"`{value}` is longer than " + ("a year" if longest_s == DURATION_S_MAX else "a century"))
    return total_ms / 1000


def read_signed_duration(value: object) -> float:
    """Read a duration that may have a sign: `-3s`, `+6m`."""
    if isinstance(value, str) and value[:1] in ("-", "+"):
        amount = read_duration(value[1:], SIGNED_S_MAX)
        return -amount if value[0] == "-" else amount
    return read_duration(value)


def show_duration(seconds: float) -> str:
    """Print seconds in the shortest written form: 5400.0 is `1h30m`, 0.0 is `0s`."""
    rest = round(abs(seconds) * 1000)
    parts = []
    for unit, size_ms in _UNITS_MS.items():
        count, rest = divmod(rest, size_ms)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if seconds < 0 and parts else "") + ("".join(parts) or "0s")


@dataclass(frozen=True, slots=True)
class When:
    """An instant as it was written: absolute, so far from now, or the next such time of day in the device's zone."""

    text: str
    instant: datetime | None = None
    offset_s: float | None = None
    clock_time: time | None = None

    def resolve(self, now: datetime, zone: tzinfo = UTC) -> datetime:
        """Return the instant that is meant when it is `now` (aware); a time of day that is `now` means now."""
        if self.instant is not None:
            return self.instant
        if self.offset_s is not None:
            return now + timedelta(seconds=self.offset_s)
        assert self.clock_time is not None, "one of three forms"
        local = now.astimezone(zone)
        then = datetime.combine(local.date(), self.clock_time, zone)
        if then < local:
            then = datetime.combine(local.date() + timedelta(days=1), self.clock_time, zone)
        return then.astimezone(UTC)


def read_instant(value: object) -> datetime:
    """Read `2026-03-02T08:50:00Z` as an aware UTC time.

    Raises:
        ValueError: another form, or a date that does not exist.
    """
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError as error:
            raise ValueError(f"`{value}` does not exist: {error}") from None
    raise ValueError("write an instant in UTC, such as 2026-03-02T08:50:00Z")


def read_when(value: object) -> When:
    """Read an instant, an offset from now (`+6m`, `-1h`) or a time of day (`08:55`).

    Raises:
        ValueError: another form.
    """
    if isinstance(value, str):
        if value[:1] in ("+", "-"):
            return When(value, offset_s=read_signed_duration(value))
        found = _CLOCK_TIME.fullmatch(value)
        if found is not None:
            return When(value, clock_time=time(int(found[1]), int(found[2])))
        if _INSTANT.fullmatch(value):
            return When(value, instant=read_instant(value))
    raise ValueError("write an instant: 2026-03-02T08:50:00Z, +6m from now, or 08:55")


def read_percent(value: object) -> float:
    """Read `30%` as 0.3, from 0% to 100%."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise ValueError("write a percentage, such as 30%")
    return float(found[1]) / 100


def read_rate(value: object) -> float:
    """Read `200/s` (or `/m`, `/h`) as events per second."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a rate, such as 200/s")
    return float(found[1]) / _RATE_UNITS_S[found[2]]


def read_size(value: object) -> int:
    """Read `64KiB`, `1300B` as bytes."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a size, such as 64KiB or 1300B")
    return int(found[1]) * _SIZE_UNITS[found[2]]


def read_bits(value: object) -> int:
    """Read `2000kbit`, `10Mbit` as bits per second, at least one."""
    found = _BITS.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError("write bits per second, such as 2000kbit or 10Mbit")
    return int(found[1]) * _BITS_UNITS[found[2]]


REFERENCE_PATTERN = r"^\$\{[^}]+\}$"
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class Ref:
    """The name inside `${...}`, such as `cloud.code`."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """Text with references whose values are known only during the run.

    One without parts stands where a reference was wrong; the file that holds it is refused.
    """

    text: str
    parts: tuple[str | Ref, ...]

    def resolve(self, lookup: Callable[[str], object]) -> object:
        """Fill in the references; a reference that stands alone keeps the type of its value."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Ref):
            return lookup(self.parts[0].name)
        return "".join(part if isinstance(part, str) else str(lookup(part.name)) for part in self.parts)

    def __str__(self) -> str:
        return self.text


def split_references(text: str) -> tuple[str | Ref, ...]:
    """Split text at its `${name}` references; `$${` stands for a literal `${`.

    Raises:
        ValueError: a reference without its brace, or a name that cannot be one.
    """
    parts: list[str | Ref] = []
    literal = ""
    position = 0
    for found in _REFERENCE.finditer(text):
        literal += text[position : found.start()]
        position = found.end()
        if found[1] is None:
            literal += "${"
            continue
        if not found[0].endswith("}"):
            raise ValueError("a reference lacks its closing brace; a literal ${ is written $${")
        if not _NAME.fullmatch(found[1]):
            raise ValueError(f"`{found[1][:40]}` is no name; write ${{vars.x}} or ${{cloud.code}}")
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(Ref(found[1]))
    literal += text[position:]
    if literal or not parts:
        parts.append(literal)
    return tuple(parts)
