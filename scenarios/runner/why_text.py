"""The answer to "why is there no Join button?" as people read it: the chain drawn link by link, then each cause with its evidence.

80 columns are enough, and colours say nothing that the characters do not say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.text import Text

from endpoint.wire.why_causes import OK, Severity
from endpoint.wire.why_cloud import NO_MEETING
from endpoint.wire.why_report import Finding, LinkState, Report, State, Verdict

WIDTH: Final = 80
_TITLE_AT: Final = 5
_TEXT_AT: Final = 36
STYLES: Final = {
    State.OK: "green",
    State.BROKEN: "bold red",
    State.WAITING: "yellow",
    State.FLAWED: "yellow",
    State.UNKNOWN: "yellow",
    State.NOT_REACHED: "dim",
    State.NOT_NEEDED: "dim",
}
VERDICT_STATES: Final = {
    Verdict.SHOWN: State.OK,
    Verdict.COMES: State.OK,
    Verdict.OVER: State.NOT_REACHED,
    Verdict.MISSING: State.BROKEN,
    Verdict.UNKNOWN: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters that a stream can print."""

    states: dict[State, str]
    whole: str
    cut: str
    first: str
    last: str


UNICODE: Final = Marks(
    {
        State.OK: "✓", State.BROKEN: "✗", State.WAITING: "◷", State.FLAWED: "!", State.UNKNOWN: "?", State.NOT_REACHED: "·",
        State.NOT_NEEDED: "-",
    },
    whole="│", cut="┆", first="┌", last="└",
)  # fmt: skip
ASCII: Final = Marks(
    {
        State.OK: "+", State.BROKEN: "x", State.WAITING: "~", State.FLAWED: "!", State.UNKNOWN: "?", State.NOT_REACHED: ".",
        State.NOT_NEEDED: "-",
    },
    whole="|", cut=":", first="|", last="|",
)  # fmt: skip


def marks_for(encoding: str | None) -> Marks:
    """Return the characters that an encoding has."""
    try:
        "✓✗◷│┆┌└·".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def explain(report: Report, marks: Marks = UNICODE, width: int = WIDTH) -> Iterator[Text]:
    """Write a whole answer, line by line."""
    yield from _head(report, width)
    yield Text("")
    state = _state(report)
    yield from _wrapped(f"{marks.states[state]} ", report.headline, 2, width, STYLES[state])
    for note in report.notes:
        yield from _wrapped("", note, 2, width, "")
    yield Text("")
    yield from chain(report, marks, width)
    for number, finding in enumerate(report.findings, start=1):
        yield Text("")
        yield from cause(finding, number, width, report.at)


def plain(report: Report, width: int = WIDTH) -> list[str]:
    """Write a whole answer without colours."""
    return [line.plain.rstrip() for line in explain(report, UNICODE, width)]


def _head(report: Report, width: int) -> Iterator[Text]:
    about = report.meeting
    title = about.title or "(title not known)" if about.start is not None else about.title or about.id or "(no meeting)"
    when = _span(about.start, about.end)
    room = max(10, width - len(when) - 2)
    shown = textwrap.shorten(title, room, placeholder=" ...") or title[:room]
    line = Text(shown, style="bold")
    line.append(" " * max(2, width - len(shown) - len(when)) + when if when else "")
    yield line
    where = f"at {report.device}, " if report.device else ""
    local = _local(about.start, report.zone)
    asked = f"{where}asked about {_instant(report.at)}" if report.at is not None else where.removesuffix(", ")
    left = f"{asked}{f'; starts {local}' if local else ''}"
    yield from _wrapped("", left, 0, width, "dim")
    if about.id and about.id != title:
        yield Text(f"id {about.id}", style="dim")


def _span(start: datetime | None, end: datetime | None) -> str:
    if start is None:
        return ""
    till = "" if end is None else f" - {end:%H:%M}" if end.date() == start.date() else f" - {end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}{till} UTC"


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%SZ}"


def _local(start: datetime | None, zone: str) -> str:
    if start is None or not zone or zone in ("UTC", "Etc/UTC"):
        return ""
    try:
        return f"{start.astimezone(ZoneInfo(zone)):%H:%M} {zone}"
    except (ZoneInfoNotFoundError, ValueError, OverflowError):
        return ""


def _state(report: Report) -> State:
    """Return the state of a link that looks like the verdict."""
    is_waiting = report.verdict is Verdict.COMES and any(one.severity is Severity.DELAYS for one in report.findings)
    return State.WAITING if is_waiting else VERDICT_STATES[report.verdict]


def chain(report: Report, marks: Marks, width: int) -> Iterator[Text]:
    """Draw the chain; the line on the left is whole as far as the meeting came."""
    rows = list(_rows(report.links))
    is_cut = False
    for place, row in enumerate(rows):
        edge = marks.first if place == 0 else marks.cut if is_cut else marks.whole
        edge = marks.last if place == len(rows) - 1 and not is_cut else edge
        yield from _link(row, edge, marks, width)
        is_cut = is_cut or row.state in (State.BROKEN, State.WAITING)


def _rows(links: Sequence[LinkState]) -> Iterator[LinkState]:
    """Fold links in a row of which the same is said: not on the way, or not asked."""
    for (state, text), group in groupby(links, key=lambda one: (one.state, one.text)):
        found = list(group)
        shown = [one for one in found if one.id != "premises"]
        if state is State.NOT_NEEDED and not shown:
            continue
        folds = state is State.NOT_NEEDED or (state is State.UNKNOWN and text.endswith(("not asked", NO_MEETING)))
        if folds and len(shown) > 1:
            yield LinkState(id="", title=", ".join(one.id for one in shown), state=state, text=text)
        else:
            yield from shown


def _link(row: LinkState, edge: str, marks: Marks, width: int) -> Iterator[Text]:
    style = STYLES[row.state]
    said = row.text + (f"  [{', '.join(row.keys)}]" if row.keys else "")
    titles = textwrap.wrap(row.title, _TEXT_AT - _TITLE_AT - 2) or [""]
    texts = textwrap.wrap(said, width - _TEXT_AT) or [""]
    cut = marks.whole if edge == marks.first else " " if edge == marks.last else edge
    for place in range(max(len(titles), len(texts))):
        mark = marks.states[row.state] if place == 0 else " "
        title = titles[place] if place < len(titles) else ""
        text = texts[place] if place < len(texts) else ""
        line = Text(f" {edge if place == 0 else cut} ", style="dim")
        line.append(mark, style=style)
        line.append(f" {title:<{_TEXT_AT - _TITLE_AT}}", style="" if row.state is State.OK else style)
        line.append(text, style="" if row.state is State.OK else style)
        line.rstrip()
        yield line


def cause(finding: Finding, number: int, width: int, at: datetime | None) -> Iterator[Text]:
    """Explain one cause: what is so, who says so, what to do."""
    style = {Severity.BLOCKS: "bold red", Severity.DELAYS: "yellow", Severity.SPOILS: "yellow"}[finding.severity]
    yield from _wrapped(f"{number}. ", f"{finding.title}  [{finding.key}]", 3, width, style)
    yield from _wrapped("   ", finding.because, 3, width, "")
    for proof in finding.proof:
        is_today = proof.at is not None and at is not None and proof.at.date() == at.date()
        stamp = "" if proof.at is None else f"{proof.at:%H:%M:%SZ}" if is_today else f"{proof.at:%Y-%m-%d}"
        number_text = "" if proof.n is None else f"#{proof.n} "
        yield from _wrapped(f"     {proof.side:<8}{stamp:<11}", f"{number_text}{proof.text}", 24, width, "dim")
    yield from _wrapped("   do this: ", finding.todo, 12, width, "bold")
    yield from _wrapped("   seeds:   ", f"{', '.join(finding.seeds)}", 12, width, "dim")


def _wrapped(first: str, text: str, indent: int, width: int, style: str) -> Iterator[Text]:
    """Write a paragraph with a hanging indent."""
    rest = " " * indent
    for line in textwrap.wrap(text, width, initial_indent=first or rest, subsequent_indent=rest):
        yield Text(line, style=style)


def table(reports: Sequence[Report], marks: Marks, width: int = WIDTH) -> Iterator[Text]:
    """List several meetings, one line each."""
    yield Text(f"  {'start':<11}{'button':<11}{'meeting':<28}answer", style="dim")
    for report in reports:
        state = _state(report)
        comes = report.button.skewed_comes or report.button.comes
        title = report.meeting.title or report.meeting.id
        line = Text(f"{marks.states[state]} ", style=STYLES[state])
        line.append(f"{_clock(report.meeting.start):<11}")
        line.append(f"{_clock(comes) if report.is_good else '-':<11}")
        line.append(f"{title if len(title) <= 26 else title[:23] + '...':<28}")
        line.append(_answer(report)[: max(10, width - 52)], style=STYLES[state])
        yield line


def _clock(instant: datetime | None) -> str:
    return "?" if instant is None else f"{instant:%H:%M:%SZ}"


def _answer(report: Report) -> str:
    word = {Verdict.SHOWN: "shown", Verdict.COMES: "comes", Verdict.OVER: "over"}.get(report.verdict, "")
    keys = ", ".join(report.keys) or ("" if report.cause == OK else report.cause)
    return ", ".join(part for part in (word, keys) if part)
