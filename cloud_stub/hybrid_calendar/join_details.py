"""Join details as members of a DTO and as the block that stands in an invitation.

Pure. The block has a fixed first and a fixed last line, by which the service knows what it wrote itself; between them: header, blank line,
video address, URL, meeting number, phone lines if they are switched on, footer.

Source: protocol/calendar-and-obtp.md 4.2 and 7.2, ours; which members a type has is observed for WEBEX and TEAMS (L10).
"""

from __future__ import annotations

import html
import re
from typing import Final, NamedTuple

import msgspec

from cloud_stub.hybrid_calendar.site import SPACE
from cloud_stub.platform.records import HybridSettings, SiteMeeting

FIRST_LINE: Final = "-- Join details: please leave the lines from here --"
LAST_LINE: Final = "-- to here as they are --"
TEXT_CHARS_MAX: Final = 1024
"""Longest header and longest footer."""
PHONES: Final = (("toll", "+1-555-0100-200"), ("toll_free", "+1-555-0100-300"))
"""Numbers of the simulated site to call in by; 555-01xx is kept free for fiction."""

LABELS: Final[dict[str, dict[str, str]]] = {
    "de": {"video": "Videoadresse", "url": "Link", "number": "Meeting-Nummer", "toll": "Telefon", "toll_free": "Telefon (kostenfrei)"},
    "en": {"video": "Video address", "url": "Link", "number": "Meeting number", "toll": "Phone", "toll_free": "Phone (toll-free)"},
    "fr": {"video": "Adresse vidéo", "url": "Lien", "number": "Numéro de réunion", "toll": "Téléphone", "toll_free": "Téléphone (gratuit)"},
    "nb": {"video": "Videoadresse", "url": "Lenke", "number": "Møtenummer", "toll": "Telefon", "toll_free": "Telefon (gratis)"},
}  # fmt: skip
"""The words of the block by language."""

_BREAK = re.compile(r"<br\s*/?>|</?(?:div|p|pre|li|tr)\b[^<>]*>|\r\n?|\n", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_LEAD: Final = "<div>"
_TAIL: Final = "</div>"


class JoinDetails(msgspec.Struct, frozen=True, kw_only=True):
    """How a meeting is joined: the members of the DTO, and what the invitation says."""

    join_type: str
    join: dict[str, str]
    sip: str = ""
    url: str = ""
    number: str = ""
    password: str = ""
    host_key: str = ""
    space_id: str = ""


def details_of(meeting: SiteMeeting) -> JoinDetails:
    """Return the join details of something on a site.

    All five flags but one are true: a Webex meeting has no spaceURI, a space no webexURI (L10).
    """
    join = {"meetingJoinURI": meeting.sip, "meetingJoinURL": meeting.url, "callURI": meeting.sip}
    if meeting.kind == SPACE:
        join |= {"spaceURI": meeting.sip, "spaceURL": meeting.space_url, "spaceMeetURL": meeting.url}
        return JoinDetails(
            join_type="TEAMS", join=join, sip=meeting.sip, url=meeting.url, number=meeting.number, space_id=meeting.space_id
        )  # fmt: skip
    join |= {"webexURI": meeting.sip, "webexURL": meeting.url}
    return JoinDetails(
        join_type="WEBEX", join=join, sip=meeting.sip, url=meeting.url, number=meeting.number, password=meeting.password,
        host_key=meeting.host_key,
    )  # fmt: skip


def block_lines(details: JoinDetails, settings: HybridSettings, language: str = "") -> list[str]:
    """Return the lines between the markers. A language without words of its own is written in that of the organization."""
    words = LABELS.get(language) or LABELS[settings.language]
    lines = [*settings.header.splitlines(), ""]
    lines += [f"{words[key]}: {value}" for key, value in _told(details) if value]
    if settings.phone_lines:
        lines += [f"{words[key]}: {number}" for key, number in PHONES]
    return [*lines, *settings.footer.splitlines()]


def _told(details: JoinDetails) -> tuple[tuple[str, str], ...]:
    return ("video", details.sip), ("url", details.url), ("number", details.number)


class _Found(NamedTuple):
    """Where a block stands in a body, with the `<div>` around it and without."""

    start: int
    inside: int
    inside_end: int
    end: int


def _find_block(body: str, start: int = 0) -> _Found | None:
    """Return where the next block stands. The time it takes grows with the body and no faster, however many first lines have no last."""
    first = body.find(FIRST_LINE, start)
    last = body.find(LAST_LINE, first + len(FIRST_LINE)) if first >= 0 else -1
    if last < 0:
        return None
    end = last + len(LAST_LINE)
    has_lead, has_tail = body.endswith(_LEAD, start, first), body.startswith(_TAIL, end)
    return _Found(first - len(_LEAD) * has_lead, first + len(FIRST_LINE), last, end + len(_TAIL) * has_tail)


def write_block(lines: list[str], *, is_html: bool) -> str:
    """Write the block with its markers, as plain text or as HTML."""
    whole = [FIRST_LINE, *lines, LAST_LINE]
    if is_html:
        return "<div>" + "<br>\n".join(html.escape(line) for line in whole) + "</div>"
    return "\n".join(whole)


def read_block(body: str, *, is_html: bool) -> list[str] | None:
    """Return the lines between the markers of a body; None if it has no block."""
    found = _find_block(body)
    if found is None:
        return None
    inside = body[found.inside : found.inside_end]
    if is_html:
        inside = _TAG.sub("", _BREAK.sub("\n", inside.replace("\r", "").replace("\n", "")))
        inside = html.unescape(inside)
    lines = [line.strip() for line in inside.split("\n")]
    return lines[1:-1] if len(lines) > 1 else lines


def with_block(body: str, lines: list[str], *, is_html: bool) -> str:
    """Put the block into a body: in the place of the one it has, or at its end."""
    block = write_block(lines, is_html=is_html)
    found = _find_block(body)
    if found is not None:
        return body[: found.start] + block + body[found.end :]
    if is_html:
        at = re.search(r"</body\s*>", body, re.IGNORECASE)
        return body[: at.start()] + block + body[at.start() :] if at is not None else body + block
    return f"{body.rstrip()}\n\n{block}\n" if body.strip() else f"{block}\n"


def without_block(body: str) -> str:
    """Return a body as its writer left it: what the service wrote there does not count as an address of the invitation."""
    kept, at = [], 0
    while (found := _find_block(body, at)) is not None:
        kept.append(body[at : found.start])
        at = found.end
    return "".join([*kept, body[at:]])


def holds(body: str, lines: list[str], *, is_html: bool) -> bool:
    """Say whether a body has the block with exactly these lines, whatever form the platform has given it."""
    return read_block(body, is_html=is_html) == [line.strip() for line in lines]
