"""Calendar files and mails of the field: folds, encodings, properties, and what is wrong with some of them."""

from __future__ import annotations

import base64
import quopri

import pytest

from cloud_stub.hybrid_calendar.invitation_files import InvitationError, read_file, read_ics
from cloud_stub.hybrid_calendar.reading import read_invitation

MEET = "https://meet.google.com/abc-defg-hij"


def event(*lines: str, head: str = "") -> bytes:
    """Return a calendar with one event."""
    return "\r\n".join(
        ["BEGIN:VCALENDAR", *filter(None, [head]), "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]
    ).encode()


def dial(content: bytes) -> str | None:
    """Return what the first event makes dial."""
    return read_invitation(read_ics(content)[0]).dial


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["LOCATION:sip:a@b.example"], "a@b.example"),
        (["DESCRIPTION:Dial sip:a@b.exa", " mple"], "a@b.example"),
        (["DESCRIPTION:Dial sip:a@b.exa", "\tmple"], "a@b.example"),
        (["DESCRIPTION;LANGUAGE=sv-SE;ALTREP=\"cid:a:b\":first\\nsip:a@b.example\\, second"], "a@b.example"),
        ([f"X-GOOGLE-CONFERENCE:{MEET}"], MEET),
        (["X-MICROSOFT-SKYPETEAMSMEETINGURL:https://teams.microsoft.com/meet/2123?p=a"], "https://teams.microsoft.com/meet/2123?p=a"),
        ([f"CONFERENCE;VALUE=URI;FEATURE=VIDEO;LABEL=\"Join: now\":{MEET}"], MEET),
        (["CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+4721555012", "CONFERENCE;VALUE=URI:sip:a@b.example"], "a@b.example"),
        ([f"URL:{MEET}"], MEET),
        (["CONTACT:4125556789@acme.call.sl"], "4125556789@acme.call.sl"),
        ([f'X-ALT-DESC;FMTTYPE=text/html:<html><body><a href="{MEET}">Join\\, now</a></body></html>'], MEET),
        ([f'DESCRIPTION:<p>Join <a href="{MEET}">here</a></p>'], MEET),
        (["DESCRIPTION:see below", 'X-ALT-DESC;FMTTYPE=text/html:<a href="https://acme.webex.com/meet/jane">x</a>'], "jane@acme.webex.com"),
        (["DESCRIPTION:Zoom", "Meeting ID: 812 5555 7890", "https://zoom.us/my/ada"], "81255557890@zoomcrc.com"),
        ([f"DESCRIPTION;ENCODING=BASE64:{base64.b64encode(b'sip:a@b.example').decode()}"], "a@b.example"),
        (["DTSTART;TZID=W. Europe Standard Time:20261121T100000", "RRULE:FREQ=NONSENSE", "LOCATION:sip:a@b.example"], "a@b.example"),
        (["ORGANIZER;CN=1:mailto:5551234@northwind.example", "ATTENDEE:mailto:5551235@northwind.example", "SUMMARY:x"], None),
        (["DESCRIPTION:C:\\\\new\\\\folder"], None),
    ],
)  # fmt: skip
def test_properties(lines: list[str], expected: str | None) -> None:
    assert dial(event(*lines)) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    content = event("SUMMARY:Møte", "LOCATION:sip:a@b.example").decode().encode(encoding)
    found = read_ics(content)[0]
    assert (found.subject, found.location) == ("Møte", "sip:a@b.example")


def test_quoted_printable_of_the_old_form() -> None:
    text = "Møte i rom 5, ring inn med adressen som står her nede på linjen:\r\nsip:a@b.example"
    quoted = quopri.encodestring(text.encode()).decode().replace("\r\n", "=0D=0A").replace("\r=0A", "=0D=0A")
    quoted = quoted.replace("=\n", "=\r\n")
    found = read_ics(event(f"DESCRIPTION;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:{quoted}"))[0]
    assert "Møte i rom 5" in found.body
    assert read_invitation(found).dial == "a@b.example"


def test_conference_properties_come_before_the_description() -> None:
    assert (
        dial(event("DESCRIPTION:Old room: https://us02web.zoom.us/j/81255557890", f"X-GOOGLE-CONFERENCE:{MEET}"))
        == MEET
    )


def test_several_events_keep_their_order() -> None:
    content = event("UID:1", "LOCATION:sip:a@b.example").replace(
        b"END:VCALENDAR", event("UID:2")[17:-15] + b"END:VCALENDAR"
    )
    assert [one.uid for one in read_ics(content)] == ["1", "2"]


def test_inner_components_do_not_speak_for_the_event() -> None:
    alarm = ("BEGIN:VALARM", "DESCRIPTION:sip:bad@b.example", "END:VALARM")
    assert dial(event(*alarm, "LOCATION:sip:a@b.example")) == "a@b.example"


@pytest.mark.parametrize(("head", "lines"), [("METHOD:CANCEL", ()), ("", ("STATUS:CANCELLED",))])
def test_a_cancelled_meeting_says_so(head: str, lines: tuple[str, ...]) -> None:
    assert read_ics(event("SUMMARY:x", *lines, head=head))[0].is_cancelled


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"hello", "its first line is BEGIN:VCALENDAR"),
        (b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "BEGIN:VEVENT is missing"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\n", "END:VCALENDAR is missing"),
        (event("SUMMARY:x") + b" " * (8 * 1024 * 1024), "at most 8388608 bytes are read"),
        (b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nEND:VEVENT\n" * 1001 + b"END:VCALENDAR\n", "more than 1000 events"),
    ],
)
def test_what_is_no_calendar_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(InvitationError, match=complaint):
        read_ics(content)


def test_a_mail_gives_its_calendar_else_its_body() -> None:
    html = base64.b64encode(f'<p><a href="{MEET}">x</a></p>'.encode()).decode()
    coded = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64"
    parts = f"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n{coded}\r\n\r\n{html}\r\n"
    head = "From: ada@northwind.example\r\nSubject: =?utf-8?q?M=C3=B8te?=\r\nMIME-Version: 1.0\r\n"
    head += "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    found = read_file(f"{head}{parts}--b--\r\n".encode())[0]
    assert (found.subject, read_invitation(found).dial) == ("Møte", MEET)
    calendar = event("LOCATION:sip:a@b.example").decode()
    found = read_file(f"{head}{parts}--b\r\nContent-Type: text/calendar\r\n\r\n{calendar}--b--\r\n".encode())[0]
    assert read_invitation(found).dial == "a@b.example"


MAIL = """MIME-Version: 1.0
Subject: Weekly
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain

sip:a@b.example
--b
Content-Type: text/calendar

{}
--b--
"""


@pytest.mark.parametrize(
    "calendar",
    [
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Weekly\nEND:VEVENT\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n",
        "x",
    ],
)
def test_the_text_of_a_mail_counts_where_its_calendar_says_nothing(calendar: str) -> None:
    (invitation,) = read_file(MAIL.format(calendar).encode())
    assert (invitation.subject, invitation.body.strip()) == ("Weekly", "sip:a@b.example")
