"""Invitations: how many are read in a second, beside what it takes to read their JSON."""

from __future__ import annotations

import gc
import html
import io
import statistics
from typing import Final

import msgspec

from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.invitation_files import read_ics
from cloud_stub.hybrid_calendar.keywords import KeywordRules
from cloud_stub.hybrid_calendar.reading import read_invitation
from endpoint.runtime.clock import cpu_seconds
from scenarios.runner.invite_command import InviteCommand

ROUNDS: Final = 5
COUNT: Final = 400
FLOOR: Final = 2_000
"""Invitations a second that `invite --jsonl` is meant to answer on one core."""
TEXT: Final = """Ada Quill is inviting you to a scheduled Zoom meeting.

Join Zoom Meeting
https://us02web.zoom.us/j/81255557890?pwd=QmFzZTY0VG9rZW5IZXJl.1

Meeting ID: 812 5555 7890
Passcode: 112233

One tap mobile
+16695550128,,81255557890#,,,,*112233# US (San Jose)

Dial by your location
+1 669 555 0128 US (San Jose)
Find your local number: https://us02web.zoom.us/u/kdAbCdEf

Join by SIP
81255557890@zoomcrc.com
Questions? ada.quill@northwind.example
"""


def measure() -> list[str]:
    """Measure text, HTML of the size that mail programs write, calendar files, and lines."""
    line = f'<p class="MsoNormal"><span style="{"font-size:10.5pt;color:#252424;" * 6}">%s<o:p></o:p></span></p>'
    markup = f"<html><body>{''.join(line % html.escape(text) for text in TEXT.splitlines())}</body></html>"
    escaped = TEXT.replace("\n", "\\n").replace(",", "\\,")
    ics = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nDESCRIPTION:{escaped}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()
    lines = msgspec.json.encode({"subject": "x", "location": "Room 5", "body": TEXT}) + b"\n"

    def answered() -> None:
        InviteCommand(KeywordRules(), io.StringIO()).jsonl(io.BytesIO(lines * COUNT))

    def decoded() -> None:
        for _ in range(COUNT):
            msgspec.json.decode(lines)

    jsonl, bare = _rate(answered), _rate(decoded)
    text, long = _each(Invitation(body=TEXT)), _each(Invitation(body=markup))
    return [
        f"invite --jsonl: {jsonl:,.0f}/s of {len(lines)} bytes   (floor: {FLOOR:,}/s; their JSON alone {bare:,.0f}/s)",
        f"text of {len(TEXT)} characters {text:,.0f}/s, HTML of {len(markup)} {long:,.0f}/s",
        f"calendar file with the text: {_rate(lambda: [read_invitation(read_ics(ics)[0]) for _ in range(COUNT)]):,.0f}/s",
    ]


def _each(invitation: Invitation) -> float:
    return _rate(lambda: [read_invitation(invitation) for _ in range(COUNT)])


def _rate(work: object) -> float:
    """Return invitations per second of processor time: the median of some rounds."""
    assert callable(work)
    rates = []
    for _ in range(ROUNDS):
        gc.collect()
        began = cpu_seconds()
        work()
        rates.append(COUNT / (cpu_seconds() - began))
    return statistics.median(rates)
