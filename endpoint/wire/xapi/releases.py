"""Releases of the software: which of them a row of the node table is for.

Releases count by their first two numbers: a schema file such as 11.14.4 is the first of its line that is known, and says nothing of
the earlier ones of the line. Source: protocol/calendar-and-obtp.md 11.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from endpoint.wire.errors import LocalProtocolError

Release: TypeAlias = tuple[int, int]

NEWEST: Final[Release] = (999, 0)
"""Later than every release there is."""
_SOFTWARE: Final = re.compile(r"(?:ce|roomos)?\s*(\d{1,3})\.(\d{1,3})(?:\D.*)?", re.IGNORECASE | re.DOTALL)
_RANGE: Final = re.compile(r"(?:(\d{1,3}\.\d{1,3})(\.\.(\d{1,3}\.\d{1,3}))?|\.\.(\d{1,3}\.\d{1,3}))")


@dataclass(frozen=True, slots=True)
class Releases:
    """A stretch of releases, both ends in it; `last` None goes on to this day."""

    first: Release = (0, 0)
    last: Release | None = None

    @classmethod
    def read(cls, text: str) -> Releases:
        """Read the notation of the table: `11.14`, `11.19..11.22`, `..10.18`."""
        found = _RANGE.fullmatch(text)
        if found is None:
            raise LocalProtocolError(f"{text!r} is no stretch of releases, such as 11.14 or 11.19..11.22 or ..10.18")
        first, last = found[1], found[3] or found[4]
        return cls(_numbers(first) if first else (0, 0), _numbers(last) if last else None)

    def has(self, release: Release) -> bool:
        """Say whether a release is one of them."""
        return self.first <= release and (self.last is None or release <= self.last)

    def describe(self) -> str:
        """Say in words which ones: `from 11.14 on`, `from 11.19 to 11.22`, `up to 10.18`; nothing where it is all of them."""
        last = written(self.last) if self.last else ""
        if self.first == self.last:
            return f"in {last}"
        if any(self.first):
            return f"from {written(self.first)} " + (f"to {last}" if last else "on")
        return f"up to {last}" if last else ""


ALWAYS: Final = Releases()


def release_of(software: str) -> Release:
    """Return the release of a version such as `ce11.19.1.7.3055d561c16`; what is no version is taken for the newest."""
    found = _SOFTWARE.fullmatch(software)
    return (int(found[1]), int(found[2])) if found else NEWEST


def written(release: Release) -> str:
    """Write a release as the table does: `11.14`."""
    major, minor = release
    return f"{major}.{minor}"


def _numbers(text: str) -> Release:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
