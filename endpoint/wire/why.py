"""Why is there no Join button? Walk the chain from the organizer to the button and name the link that is broken.

`judge` is total and pure: any evidence gives a report, the same evidence the same one. What is not known is never called broken, and what
follows from a broken link is not called broken itself.

Source: protocol/calendar-and-obtp.md 15; the facts behind each cause in 6.5, 7, 8, 10 and 14.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from endpoint.wire import why_cloud, why_device
from endpoint.wire.why_case import Case, Judged, span_text
from endpoint.wire.why_causes import LINKS, OK, UNKNOWN, Severity
from endpoint.wire.why_evidence import CloudEvidence, DeviceEvidence
from endpoint.wire.why_report import About, Finding, LinkState, Report, State, Times, Verdict

Rule = Callable[[Case], Judged]
RULES: Final[Mapping[str, Rule]] = {
    "organizer": why_cloud.organizer,
    "room": why_cloud.room,
    "notification": why_cloud.notification,
    "horizon": why_cloud.horizon,
    "join": why_cloud.join,
    "workspace": why_cloud.workspace,
    "premises": why_cloud.premises,
    "keys": why_device.keys,
    "device": why_device.device,
    "delivery": why_device.delivery,
    "booking": why_device.booking,
    "clock": why_device.clock,
    "button": why_device.button,
}
"""How each link is judged."""
SIDES: Final = ("cloud", "device")


def judge(cloud: CloudEvidence | None, device: DeviceEvidence | None, at: datetime | None = None) -> Report:
    """Judge the evidence of both sides, or of one.

    Args:
        cloud, device: None = that side was not asked.
        at: the instant that is asked about; without it the evidence's own.
    """
    asked = tuple(side for side, one in zip(SIDES, (cloud, device), strict=True) if one is not None)
    case = Case(cloud or CloudEvidence(), device or DeviceEvidence(), asked, at)
    judged = _walk(case)
    findings = _ranked(tuple(finding for one in judged.values() for finding in one.findings))
    verdict = _verdict(case, judged, findings)
    cause = findings[0].key if findings else _unnamed(case, verdict)
    start, end = case.span
    answer = _Answer(case, verdict, findings, judged)
    return Report(
        meeting=About(id=_id(case), title=case.title, start=start, end=end),
        device=case.device.name or (case.cloud.account.name if case.cloud.account is not None else None) or "",
        zone=(case.device.clock.zone if case.device.clock is not None else None) or "",
        at=case.at,
        verdict=verdict,
        cause=cause,
        headline=answer.headline(),
        button=_times(case),
        links=tuple(
            LinkState(
                id=link.id, title=link.title, state=one.state, text=one.text, keys=tuple(f.key for f in one.findings)
            )
            for link, one in ((link, judged[link.id]) for link in LINKS)
        ),
        findings=findings,
        asked=asked,
        not_asked=tuple(side for side in SIDES if side not in asked),
        notes=answer.notes(),
    )


def _ranked(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Put the answer first: the first broken link, before flaws that stand earlier in the chain."""
    answer = next((one for one in findings if one.severity is not Severity.SPOILS), None)
    return findings if answer is None else (answer, *(one for one in findings if one is not answer))


def _walk(case: Case) -> dict[str, Judged]:
    """Judge each link; one that waits for the meeting is not reached where a link before it keeps it back."""
    judged: dict[str, Judged] = {}
    is_kept = False
    for link in LINKS:
        one = RULES[link.id](case)
        if is_kept and one.waits:
            one = replace(one, state=State.NOT_REACHED, text="not reached")
        judged[link.id] = one
        is_kept = is_kept or one.state in (State.BROKEN, State.WAITING)
    return judged


def _id(case: Case) -> str:
    return next((one for one in (case.cloud.meeting_id, case.device.meeting_id) if one), "")


def _times(case: Case) -> Times:
    comes = case.comes
    skewed = case.true(comes) if abs(case.skew_s) > why_device.SKEW_S_MAX else None
    return Times(comes=comes, goes=case.goes, lead_s=case.lead_s, skewed_comes=skewed)


def _verdict(case: Case, judged: Mapping[str, Judged], findings: tuple[Finding, ...]) -> Verdict:
    if any(finding.severity is Severity.BLOCKS for finding in findings):
        return Verdict.MISSING
    if judged["organizer"].state is State.BROKEN:
        return Verdict.OVER
    if case.is_shown:
        return Verdict.SHOWN
    at, comes, goes = case.at, case.true(case.comes), case.true(case.goes)
    if at is None or comes is None or goes is None:
        return Verdict.UNKNOWN if case.is_stored is not False and not case.cloud.missing else Verdict.MISSING
    if at >= goes:
        return Verdict.OVER
    if any(finding.severity is Severity.DELAYS for finding in findings):
        return Verdict.COMES
    if case.is_stored is False:
        return Verdict.MISSING
    if "device" not in case.asked or not case.has_arrived:
        return Verdict.UNKNOWN
    if at < comes:
        return Verdict.COMES
    return Verdict.MISSING if case.is_shown is False else Verdict.SHOWN


def _unnamed(case: Case, verdict: Verdict) -> str:
    return UNKNOWN if verdict in (Verdict.MISSING, Verdict.UNKNOWN) else OK


@dataclass(frozen=True)
class _Answer:
    """Puts the answer into words."""

    case: Case
    verdict: Verdict
    findings: tuple[Finding, ...]
    judged: Mapping[str, Judged]

    def headline(self) -> str:
        """Say in one sentence what becomes of the button."""
        case, verdict = self.case, self.verdict
        first = self.findings[0] if verdict is Verdict.MISSING and self.findings else None
        if first is not None:
            return f"No Join button: {first.title[0].lower()}{first.title[1:]}."
        comes, goes = case.true(case.comes), case.true(case.goes)
        if verdict is Verdict.OVER:
            is_cancelled = self.judged["organizer"].state is State.BROKEN
            return (
                "The meeting was cancelled."
                if is_cancelled
                else f"The meeting is over; the button went at {case.clock(goes)}."
            )
        if verdict is Verdict.SHOWN and case.at is not None and comes is not None and case.at < comes:
            return f"The Join button shows already (EarlyJoin), till {case.clock(goes)}."
        mine = case.device.meeting
        stored = None if mine is None else case.true(mine.stored_at)
        if verdict is Verdict.SHOWN and stored is not None and comes is not None and comes < stored:
            return f"The Join button shows; it was due at {case.clock(comes)}, and goes at {case.clock(goes)}."
        if verdict is Verdict.SHOWN:
            return f"The Join button shows since {case.clock(comes)}, till {case.clock(goes)}."
        delay = next((one for one in self.findings if one.severity is Severity.DELAYS), None)
        if delay is not None:
            return f"Not yet: {delay.title[0].lower()}{delay.title[1:]}. The button comes at {case.clock(comes)}."
        if verdict is Verdict.COMES:
            wait = (
                f", in {span_text((comes - case.at).total_seconds())}" if comes and case.at and comes > case.at else ""
            )
            return f"The Join button comes at {case.clock(comes)}{wait}."
        return self._open_headline()

    def _open_headline(self) -> str:
        case, asked = self.case, self.case.asked
        if not asked:
            return "Nobody was asked."
        if case.cloud.missing and not case.is_stored:
            return (
                "No Join button: "
                + ("neither side knows" if "device" in asked else "the cloud does not know")
                + " such a meeting."
            )
        if self.verdict is Verdict.UNKNOWN:
            side = "cloud" if "device" not in asked else "device"
            missing = "" if len(asked) == 2 else f"; the {'device' if side == 'cloud' else 'cloud'} was not asked"
            return f"Nothing is broken as far as is known{missing}."
        if "cloud" not in asked:
            return "No Join button: the device has no such meeting; the cloud, which may know why, was not asked."
        return "No Join button, and nothing that is known explains it."

    def notes(self) -> tuple[str, ...]:
        """Say what a reader must know besides."""
        case = self.case
        notes: list[str] = []
        others = [one for one in self.findings if one.severity is Severity.SPOILS]
        if others and self.verdict in (Verdict.SHOWN, Verdict.COMES):
            notes.append(
                "It comes with a flaw: " + "; ".join(one.title[0].lower() + one.title[1:] for one in others) + "."
            )
        if self.verdict is Verdict.COMES and any(one.severity is Severity.DELAYS for one in self.findings):
            notes.append("Until then there is nothing at the device, and nothing is wrong.")
        if self.verdict is Verdict.MISSING and self.findings and case.comes is not None:
            is_past = case.at is not None and case.comes <= case.at
            notes.append(f"{'It should have come' if is_past else 'It should come'} at {case.clock(case.comes)}.")
        is_gone = "cloud" in case.asked and (case.cloud.missing or case.cloud.is_published is False)
        if case.is_stored and is_gone and not case.is_pushed:
            notes.append("The cloud has it no more for this device: the device has not heard of that.")
        if case.cloud.missing and case.is_stored is False:
            notes.append(
                "Ids and whole titles are known, but nothing that was deleted: ask without a meeting what there is."
            )
        if case.lead_s == 0:
            notes.append("The lead is 0: the button comes at the start itself.")
        silent = [side for side in SIDES if side not in case.asked and case.asked]
        return (*notes, *(f"The {side} was not asked: give its ready file too." for side in silent))
