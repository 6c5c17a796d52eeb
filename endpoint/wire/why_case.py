"""One meeting at one device, as both sides' evidence shows it: the facts that rules of several links need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from endpoint.wire.why_causes import CAUSE, Severity
from endpoint.wire.why_evidence import CloudEvidence, DeviceEvidence
from endpoint.wire.why_report import Finding, Proof, State

LEAD_S: Final = 300
"""How long before the start the button comes where nobody says otherwise (10.1)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of its link.

    Attributes:
        waits: what is said holds only if the meeting comes so far: with a broken link before it, the link is not reached.
    """

    state: State
    text: str = ""
    findings: tuple[Finding, ...] = ()
    waits: bool = False


@dataclass(frozen=True)
class Case:
    """The evidence of both sides, that of a side that was not asked empty."""

    cloud: CloudEvidence = field(default_factory=CloudEvidence)
    device: DeviceEvidence = field(default_factory=DeviceEvidence)
    asked: tuple[str, ...] = ()
    at_given: datetime | None = None

    @cached_property
    def at(self) -> datetime | None:
        """The instant that is asked about: what was given, the cloud's, the device's without its error."""
        return self.at_given or self.cloud.at or self.device_now

    @cached_property
    def device_now(self) -> datetime | None:
        """The true instant of the device's evidence."""
        return self.true(self.device.at)

    @cached_property
    def skew_s(self) -> float:
        """Seconds that the device's clock is ahead; none where nobody says so."""
        clock = self.device.clock
        return clock.skew_s if clock is not None and clock.skew_s is not None else 0.0

    def true(self, instant: datetime | None) -> datetime | None:
        """Turn an instant of the device's clock into the true one."""
        return None if instant is None else moved(instant, -self.skew_s)

    @cached_property
    def is_stored(self) -> bool | None:
        """Whether the device has the meeting, in any version."""
        if self.device.is_stored is not None:
            return self.device.is_stored
        return True if self.device.meeting is not None else None

    @cached_property
    def is_stale(self) -> bool:
        """Whether the device is known to have an older version than the cloud."""
        mine, theirs = self.device.meeting, self.cloud.dto
        if mine is None or theirs is None:
            return False
        times = ((mine.start, theirs.start), (mine.end, theirs.end))
        if mine.modified is not None and theirs.modified is not None and mine.modified != theirs.modified:
            return mine.modified < theirs.modified
        return any(None not in pair and pair[0] != pair[1] for pair in times)

    @cached_property
    def has_arrived(self) -> bool:
        """Whether the device has the meeting as the cloud has it, as far as that is known."""
        return bool(self.is_stored) and not self.is_stale

    @cached_property
    def is_pushed(self) -> bool:
        """Whether this is a booking that somebody pushed into the device: no cloud stands behind it."""
        booking, replaced = self.device.booking, self.device.replaced
        if self.cloud.is_published or self.cloud.source is not None:
            return False
        is_one = booking is not None and booking.source not in (None, "cloud")
        return is_one or (replaced is not None and replaced.dropped_this is True)

    @cached_property
    def is_from_site(self) -> bool:
        """Whether the meeting came without a calendar platform."""
        return self.cloud.source == "site"

    @cached_property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """Start and end, by whoever knows them best: the cloud, its calendar platform, the device."""
        for one in (self.cloud.dto, self.cloud.event, self.device.meeting, self.device.booking):
            if one is not None and one.start is not None:
                return one.start, one.end
        return None, None

    @cached_property
    def title(self) -> str:
        """The title, by whoever knows it."""
        dto, event, meeting = self.cloud.dto, self.cloud.event, self.device.meeting
        found = (dto and dto.title, event and event.subject, meeting and meeting.title)
        return next((text for text in found if text), "")

    @cached_property
    def lead_s(self) -> int:
        """Seconds before the start at which the button comes."""
        button = self.device.button
        found = button.lead_s if button is not None else None
        found = self.cloud.lead_s if found is None else found
        return LEAD_S if found is None else found

    @cached_property
    def comes(self) -> datetime | None:
        """When the button ought to come."""
        button = self.device.button
        if self.has_arrived and button is not None and button.comes is not None:
            return button.comes
        start = self.span[0]
        return None if start is None else moved(start, -self.lead_s)

    @cached_property
    def goes(self) -> datetime | None:
        """When the button ought to go."""
        button = self.device.button
        if self.has_arrived and button is not None and button.goes is not None:
            return button.goes
        return self.span[1]

    @cached_property
    def is_shown(self) -> bool | None:
        """What the device says of the button, if it was asked about now."""
        button, now = self.device.button, self.device_now
        if button is None or now is None or self.at is None or abs((now - self.at).total_seconds()) > 1:
            return None
        return button.is_shown

    # words

    def clock(self, instant: datetime | None) -> str:
        """Print an instant: the time alone on the day that is asked about."""
        if instant is None:
            return "at an unknown time"
        form = "%H:%M:%SZ" if self.at is not None and instant.date() == self.at.date() else "%Y-%m-%d %H:%M:%SZ"
        return instant.strftime(form)

    def finding(
        self, key: str, because: str, *proof: Proof | None, severity: Severity | None = None, todo: str = ""
    ) -> Finding:
        """Make a finding of a cause with what proves it; sides that were asked and have not spoken say what they see of the meeting."""
        cause = CAUSE[key]
        told = [one for one in proof if one is not None]
        told += [
            one for one in (self._cloud_sees(), self._device_sees()) if all(one.side != other.side for other in told)
        ]
        return Finding(
            key=key, link=cause.link, severity=severity or cause.severity, title=cause.title, because=because,
            proof=tuple(told), todo=todo or cause.cure, seeds=cause.seeds,
        )  # fmt: skip

    def last_hop(self, *names: str) -> Proof | None:
        """Return the last hop of the chain in the trace, or the last one of certain names."""
        found = [hop for hop in self.cloud.hops or () if not names or hop.name in names]
        if not found:
            return None
        hop = found[-1]
        return Proof(
            side="trace",
            text=f"{hop.name}{f': {hop.text}' if hop.text else ''}{'' if names else ', the last hop of this meeting'}",
            at=hop.at,
            n=hop.n,
        )

    def _cloud_sees(self) -> Proof:
        cloud = self.cloud
        if "cloud" not in self.asked:
            return Proof(side="cloud", text="was not asked")
        if cloud.is_published:
            dto = cloud.dto
            fields = None if dto is None or dto.join_fields is None else ", ".join(dto.join_fields) or "none"
            text = "has the meeting for this device" + ("" if fields is None else f"; join fields: {fields}")
            return Proof(side="cloud", text=text, at=None if dto is None else dto.modified)
        if cloud.missing:
            return Proof(side="cloud", text="knows no such meeting")
        return Proof(side="cloud", text="has nothing of it for this device")

    def _device_sees(self) -> Proof:
        device, caught_up = self.device, self.device.catch_up
        if "device" not in self.asked:
            return Proof(side="device", text="was not asked")
        if self.is_stored:
            meeting = device.meeting
            since = meeting.stored_at if meeting is not None else None
            return Proof(
                side="device", text="has the meeting" + (", an older version" if self.is_stale else ""), at=since
            )
        if device.is_up is False:
            return Proof(side="device", text="is switched off")
        text = "does not tell whether it has the meeting" if self.is_stored is None else "has no such meeting"
        if caught_up is not None and caught_up.at is not None:
            return Proof(side="device", text=f"last catch-up; {text}", at=caught_up.at)
        return Proof(side="device", text=text)


def moved(instant: datetime, seconds: float) -> datetime:
    """Return an instant so many seconds later; the ends of the calendar stay where they are."""
    try:
        return instant + timedelta(seconds=seconds)
    except OverflowError:
        return instant


def span_text(seconds: float) -> str:
    """Print a length of time in its two largest units: `4 min 30 s`, `2 d 3 h`."""
    rest = round(abs(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def ok(text: str) -> Judged:
    """Say that a link is in order."""
    return Judged(State.OK, text)


def unknown(text: str = "not known", *, waits: bool = True) -> Judged:
    """Say that nothing is known of a link."""
    return Judged(State.UNKNOWN, text, waits=waits)


def not_needed(text: str) -> Judged:
    """Say that a link is no part of the meeting's way."""
    return Judged(State.NOT_NEEDED, text)


def broken(text: str, *findings: Finding, state: State = State.BROKEN) -> Judged:
    """Say that a link is broken, flawed or waiting, and why."""
    return Judged(state, text, findings)
