"""The answer to "why is there no Join button?": the chain link by link, what is broken, the evidence, and what to do.

Members cross the doors and `roomsim why --json` in camel case; they are only ever added. Reference: docs/reference/why.md.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from endpoint.wire.why_causes import OK, Severity

REPORT_VERSION: Final = 1


class Shown(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """Base of what a report holds: every member is written, also an empty one."""


class State(StrEnum):
    """How a link is: in order; broken; letting the meeting through later; working with a flaw; not asked, or not to be found out; not
    reached, since a link before it is broken; no part of this meeting's way."""

    OK = "ok"
    BROKEN = "broken"
    WAITING = "waiting"
    FLAWED = "flawed"
    UNKNOWN = "unknown"
    NOT_REACHED = "not_reached"
    NOT_NEEDED = "not_needed"


class Verdict(StrEnum):
    """What becomes of the button at the instant that was asked about: it shows; it comes; the meeting is over; it is missing; or what was
    asked does not tell."""

    SHOWN = "shown"
    COMES = "comes"
    OVER = "over"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Proof(Shown, kw_only=True, frozen=True):
    """One piece of evidence: whose, what it says, from when, and the number of the trace event where there is one."""

    side: str
    text: str
    at: datetime | None = None
    n: int | None = None


class Finding(Shown, kw_only=True, frozen=True):
    """One cause that was found."""

    key: str
    link: str
    severity: Severity
    title: str
    because: str
    proof: tuple[Proof, ...]
    todo: str
    seeds: tuple[str, ...]


class LinkState(Shown, kw_only=True, frozen=True):
    """One link of the chain: how it is, in a few words, and the keys of what was found there."""

    id: str
    title: str
    state: State
    text: str
    keys: tuple[str, ...] = ()


class About(Shown, kw_only=True, frozen=True):
    """Which meeting; members that nobody knows are empty."""

    id: str = ""
    title: str = ""
    start: datetime | None = None
    end: datetime | None = None


class Times(Shown, kw_only=True, frozen=True):
    """When the button comes and goes, or would if nothing were broken; None while that is not known.

    `skewed_comes` is when the device's wrong clock lets it come.
    """

    comes: datetime | None = None
    goes: datetime | None = None
    lead_s: int | None = None
    skewed_comes: datetime | None = None


class Report(Shown, kw_only=True, frozen=True):
    """The answer about one meeting at one device.

    Attributes:
        zone: the device's time zone, empty where it was not told.
        cause: key of the first broken link, or of a flaw where none is broken; `ok` where nothing is wrong, `unknown` where nothing that
            was asked explains a missing button.
        findings: every cause that was found: `cause` first, then the others in the order of the chain.
        asked, not_asked: sides, `cloud` and `device`.
        notes: what a reader must know besides, a sentence each.
    """

    meeting: About
    device: str
    zone: str
    at: datetime | None
    verdict: Verdict
    cause: str
    headline: str
    button: Times
    links: tuple[LinkState, ...]
    findings: tuple[Finding, ...]
    asked: tuple[str, ...]
    not_asked: tuple[str, ...]
    notes: tuple[str, ...] = ()
    version: int = REPORT_VERSION

    @property
    def is_good(self) -> bool:
        """Tell whether the button is or will be on."""
        return self.verdict in (Verdict.SHOWN, Verdict.COMES)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of all causes found, in their order."""
        return tuple(finding.key for finding in self.findings)

    @property
    def is_ok(self) -> bool:
        """Tell whether nothing was found."""
        return self.cause == OK
