"""Invitations as files: iCalendar, mail, HTML, text; and the error of one that cannot be read.

Parameters of iCalendar are the library's; only what an invitation has to tell is taken, so that a zone or a rule that
nobody can make sense of costs no meeting. Times and recurrence are not read here.

Source: RFC 5545, RFC 7986 section 5.11; protocol/calendar-and-obtp.md 5.
"""

from __future__ import annotations

import binascii
import email
import email.policy
import quopri
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Final

from icalendar.parser import Parameters

from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.texts import is_markup, read_text

FILE_MAX: Final = 8 * 1024 * 1024
"""Bytes of a file; a longer one is refused."""
EVENTS_MAX: Final = 1000
"""Events of a file; one with more is refused."""
HEADERS_MAX: Final = 20
"""Lines at the start of a text that may be headers such as `Location: Room 5`."""

_LINE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*+)((?:;(?:[^\":;]|\"[^\"]*+\")*+)*+):(.*)", re.DOTALL)
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_ESCAPE: Final = re.compile(r"\\(.)")
_BREAK: Final = re.compile(r"\r\n|\n|\r")
_CALENDAR: Final = re.compile(rb"\s*BEGIN[ \t]*:[ \t]*VCALENDAR\s", re.IGNORECASE)
_MAIL: Final = re.compile(
    rb"\s*(?:From |(?:[A-Za-z][A-Za-z0-9-]{0,60}:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n)*(?:MIME-Version|Content-Type|Received|Message-ID):)",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"(subject|title|summary|location|where|when|date|time|from|to|organi[sz]er)[ \t]*:[ \t]*(.*)", re.IGNORECASE
)

_CONFERENCE: Final = (
    "X-GOOGLE-CONFERENCE",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL",
    "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK",
    "X-ZOOM-MEETING-URL",
    "X-WEBEX-JOIN-URL",
    "CONFERENCE",
)
"""Properties that hold the meeting's link or address. They come before the description, as in other products (5.1)."""
_BEHIND: Final = ("URL", "CONTACT")
"""Properties that may hold it; they come behind the description."""
_TAKEN: Final = frozenset(
    {*_CONFERENCE, *_BEHIND, "SUMMARY", "LOCATION", "DESCRIPTION", "X-ALT-DESC", "STYLED-DESCRIPTION", "UID", "STATUS"}
)


class InvitationError(ValueError):
    """A file that is no invitation; the text says what would have been right."""


@dataclass(slots=True)
class _Event:
    """Properties of an event, each value in the lines it came in."""

    properties: dict[str, list[list[str]]] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        return ["\n".join(lines) for lines in self.properties.get(name, ())]

    def first(self, name: str) -> str:
        return next(iter(self.values(name)), "")


def read_ics(content: bytes) -> list[Invitation]:
    """Read the events of an iCalendar file, in its order.

    Raises:
        InvitationError: no calendar, one that ends too early, one without an event, or one that is too large.
    """
    text = _decoded(content)
    if len(content) > FILE_MAX:
        raise InvitationError(f"the calendar is too long: at most {FILE_MAX} bytes are read")
    if not _CALENDAR.match(text[:1000].encode()):
        raise InvitationError("this is no calendar: its first line is BEGIN:VCALENDAR")
    events, method = _events(text)
    if not events:
        raise InvitationError("the calendar has no event: BEGIN:VEVENT is missing")
    return [_invitation(event, method) for event in events]


def read_file(content: bytes) -> list[Invitation]:
    """Read a file of any form by looking at it: calendar, mail, HTML or text.

    Raises:
        InvitationError: see `read_ics`; or an empty file, or one that is no text.
    """
    if len(content) > FILE_MAX:
        raise InvitationError(f"the file is too long: at most {FILE_MAX} bytes are read")
    if not content.strip():
        raise InvitationError("the file is empty; an invitation is text, HTML, a mail, or a calendar (.ics)")
    text = _decoded(content)
    if _CALENDAR.match(text[:1000].encode()):
        return read_ics(content)
    if "\0" in text[:4096]:
        raise InvitationError("the file is no text; an invitation is text, HTML, a mail, or a calendar (.ics)")
    if _MAIL.match(content[:8192]):
        return _mail(content)
    return [_plain(text)]


def _plain(text: str) -> Invitation:
    """Read a text, whose first lines may be headers; the whole is searched all the same."""
    if is_markup(text):
        return Invitation(body=text, is_html=True)
    found: dict[str, str] = {}
    lines = _BREAK.split(text.lstrip("\n\r \t"), HEADERS_MAX)
    taken = 0
    for line in lines[:HEADERS_MAX]:
        header = _HEADER.match(line)
        if header is None:
            break
        found.setdefault(header[1].lower(), header[2].strip())
        taken += 1
    subject = found.get("subject") or found.get("title") or found.get("summary") or ""
    return Invitation(
        subject, found.get("location") or found.get("where") or "", "\n".join(lines[taken:]), is_html=False
    )


def _decoded(content: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


# ---- iCalendar -----------------------------------------------------------------------------------------------------


def _events(text: str) -> tuple[list[_Event], str]:
    events: list[_Event] = []
    inside: list[str] = []
    method, last, closed = "", None, False
    for line in _lines(text):
        found = _LINE.match(line)
        if found is None:
            if last is not None and inside[-1:] == [
                "VEVENT"
            ]:  # a line that lost its fold goes on with what stands before it
                last.append(_unescaped(line))
            continue
        name = found[1].upper().rpartition(".")[2]
        if name == "BEGIN":
            inside.append(found[3].strip().upper())
            if inside[-1] == "VEVENT":
                if len(events) >= EVENTS_MAX:
                    raise InvitationError(f"the calendar has more than {EVENTS_MAX} events")
                events.append(_Event())
            last = None
        elif name == "END":
            ended = found[3].strip().upper()
            closed = closed or ended == "VCALENDAR"
            while inside and inside.pop() != ended:
                pass
            last = None
        elif name == "METHOD" and inside[-1:] == ["VCALENDAR"]:
            method = found[3].strip().upper()
        elif inside[-1:] == ["VEVENT"]:
            if name in _TAKEN:
                last = _take(events[-1], name, found[2], found[3])
            elif not name.startswith("X-") and name not in _KNOWN and last is not None:
                last.append(
                    f"{last.pop()}\n{_unescaped(line)}"
                )  # such as `Meeting ID: 12` of a description without folds
            else:
                last = None
    if not closed:
        raise InvitationError("the calendar ends too early: END:VCALENDAR is missing")
    return events, method


_KNOWN: Final = frozenset(
    [
        *(
            "ATTACH",
            "ATTENDEE",
            "CATEGORIES",
            "CLASS",
            "COLOR",
            "COMMENT",
            "CREATED",
            "DTEND",
            "DTSTAMP",
            "DTSTART",
            "DURATION",
        ),
        *(
            "EXDATE",
            "EXRULE",
            "GEO",
            "IMAGE",
            "LAST-MODIFIED",
            "LOCATION-ID",
            "ORGANIZER",
            "PRIORITY",
            "RDATE",
            "RECURRENCE-ID",
        ),
        *(
            "RELATED-TO",
            "REQUEST-STATUS",
            "RESOURCES",
            "RRULE",
            "SEQUENCE",
            "STRUCTURED-DATA",
            "TRANSP",
            "NAME",
            "REFRESH-INTERVAL",
        ),
    ]
)
"""Other properties of an event."""


def _lines(text: str) -> list[str]:
    """Return the content lines, unfolded; those of vCalendar 1.0 in quoted-printable are joined where they end with `=`."""
    lines = _BREAK.split(_FOLD.sub("", text))
    if "QUOTED-PRINTABLE" not in text.upper():
        return lines
    joined: list[list[str]] = []
    goes_on = False
    for line in lines:
        is_quoted = goes_on or "QUOTED-PRINTABLE" in line.partition(":")[0].upper()
        if goes_on:
            joined[-1].append(line)
        else:
            joined.append([line])
        goes_on = is_quoted and line.endswith("=")
    return ["\n".join(parts) for parts in joined]


def _take(event: _Event, name: str, raw_parameters: str, value: str) -> list[str]:
    """Note a property; returns the list of its lines."""
    parameters = _parameters(raw_parameters)
    encoding = str(parameters.get("ENCODING", "")).upper()
    if encoding == "QUOTED-PRINTABLE":
        charset = str(parameters.get("CHARSET", "utf-8"))
        value = _as_text(quopri.decodestring(value.encode()), charset)
    elif encoding in ("BASE64", "B"):
        try:
            value = _as_text(binascii.a2b_base64(value.encode()), "utf-8")
        except (binascii.Error, ValueError):
            value = ""
    elif name not in ("URL", "CONFERENCE", "X-GOOGLE-CONFERENCE"):
        value = _unescaped(value)
    is_html = name == "X-ALT-DESC" or (
        name == "STYLED-DESCRIPTION" and "html" in str(parameters.get("FMTTYPE", "")).lower()
    )
    kind = "HTML" if is_html else "DESCRIPTION" if name == "STYLED-DESCRIPTION" else name
    event.properties.setdefault(kind, []).append([value])
    return event.properties[kind][-1]


def _parameters(raw: str) -> Mapping[str, object]:
    if not raw:
        return {}
    try:
        return dict(Parameters.from_ical(raw.lstrip(";"), strict=False))  # type: ignore[no-untyped-call]  # the library says no types
    except ValueError:
        return {}


def _unescaped(value: str) -> str:
    """Take the backslashes out of a text value; before any other sign than RFC 5545 names they stand for that sign too."""
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value) if "\\" in value else value


def _as_text(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return content.decode("utf-8", errors="replace")


def _invitation(event: _Event, method: str) -> Invitation:
    """Put an event together: conference properties, description, its HTML form, what else may hold an address."""
    parts = [
        value for name in _CONFERENCE for value in event.values(name) if ":" in value and not value.startswith("tel:")
    ]
    for name in ("DESCRIPTION", "HTML"):
        for markup in event.values(name):
            text = read_text(markup, True if name == "HTML" else None)
            parts += [text.shown, *text.hrefs]
    parts += [value for name in _BEHIND for value in event.values(name)]
    return Invitation(
        event.first("SUMMARY"),
        event.first("LOCATION"),
        "\n".join(parts),
        is_html=False,
        uid=event.first("UID"),
        is_cancelled=method == "CANCEL" or event.first("STATUS").strip().upper() == "CANCELLED",
    )


# ---- mail ----------------------------------------------------------------------------------------------------------


def _mail(content: bytes) -> list[Invitation]:
    """Read a mail: its calendar if it has one, else its body."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    bodies: dict[str, str] = {}
    try:
        for part in message.walk():
            kind = part.get_content_type()
            if part.is_multipart() or kind not in ("text/calendar", "text/html", "text/plain", "application/ics"):
                continue
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                bodies.setdefault(
                    "text/calendar" if kind == "application/ics" else kind,
                    _as_text(payload, part.get_content_charset() or "utf-8"),
                )
        subject = str(message.get("Subject", ""))
    except (ValueError, LookupError, KeyError, AttributeError, TypeError, IndexError) as error:
        # the parser of the standard library trips over some broken headers
        raise InvitationError(f"the mail cannot be read: {error}") from None
    body = bodies.get("text/html") or bodies.get("text/plain")
    if calendar := bodies.get("text/calendar"):
        try:
            return [
                one if one.body.strip() or body is None else replace(one, body=body, is_html="text/html" in bodies)
                for one in read_ics(calendar.encode())
            ]
        except InvitationError:
            if body is None:
                raise
    if body is None:
        raise InvitationError("the mail has no text, no HTML and no calendar")
    return [Invitation(subject, "", body, is_html="text/html" in bodies)]
