"""What holds for any invitation: an answer comes, and what does not matter does not change it."""

from __future__ import annotations

import html
import re
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.hybrid_calendar.candidates import well_formed
from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.invitation_files import InvitationError, read_file, read_ics
from cloud_stub.hybrid_calendar.keywords import KeywordRules
from cloud_stub.hybrid_calendar.reading import DIAGNOSTICS, Reading, read_invitation
from cloud_stub.hybrid_calendar.texts import TEXT_MAX
from endpoint.runtime.clock import cpu_seconds
from tests.cloud_stub.hybrid_calendar.corpus import Case, cases

PIECES = [
    *(
        "sip:",
        "sips:",
        "@",
        "@webex",
        "@meet:",
        ":space",
        "mailto:",
        "tel:",
        "<",
        ">",
        "<a href=",
        '"',
        "'",
        "&amp;",
        "&#x40;",
        "</a>",
    ),
    *(
        "<!--",
        "-->",
        "https://",
        "http:",
        "://",
        "zoom.us/j/",
        "meet.google.com/abc-defg-hij",
        "teams.microsoft.com/meet/",
        "?url=",
    ),
    *(
        "?conference=",
        "%3A%2F%2F",
        "x.safelinks.protection.outlook.com/",
        "urldefense.com/v3/__",
        "__;",
        "!!",
        "*",
        "**A",
        "webex.com",
    ),
    *(
        "m.webex.com",
        "lync.webex.com",
        "a.webex.com",
        "123456789",
        "812 5555 7890",
        "Passcode: ",
        "Microsoft Teams",
        "Video ID:",
    ),
    *(
        "Tenant key:",
        "#",
        "+1 ",
        ",,",
        "\n",
        "\r\n ",
        "\0",
        "\u200b",
        "１",
        "é",
        "a",
        ".",
        "BEGIN:VCALENDAR\n",
        "BEGIN:VEVENT\n",
    ),
    *("END:VEVENT\n", "END:VCALENDAR\n", "DESCRIPTION:", "LOCATION;X=", "ENCODING=QUOTED-PRINTABLE:", "=\n"),
]
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
TOLD = [case for _, case in cases() if case.ics is None and not case.rigid]
CORPUS = st.sampled_from(TOLD)
DIALLED = st.sampled_from([case for case in TOLD if case.dial is not None])
PLAIN = st.sampled_from(
    [case for case in TOLD if case.dial is not None and case.html is None and not case.location.startswith("<")]
)
DECOYS = (
    "Intro: https://www.youtube.com/watch?v=dQw4w9WgXcQ",
    "Questions? support@northwind.example or help@contoso.example <mailto:help@contoso.example>",
    "Call +47 21 55 50 12, conference ID 814 555 027#",
    "Meeting ID: 371 555 902 118, passcode bT9xQ2",
    "Agenda: https://docs.northwind.example/d/81255557890/edit#heading=h.5551234",
    "Join using Microsoft Skype for Business: 1630000000.other@lync.webex.com",
    "https://teams.microsoft.com/meetingOptions/?organizerId=1 https://us02web.zoom.us/u/kdAbCdEf https://www.webex.com/pdf/x.pdf",
)  # fmt: skip


def check(reading: Reading) -> None:
    """Check that a reading is one of those that the documentation tells of."""
    assert reading.protocol in ("Spark", "WebRTC", None)
    assert reading.source in ("location", "body", None)
    assert reading.join_type in ("WEBEX", "TEAMS", "MSTEAMS", "OTHER", "")
    assert set(reading.diagnostics) <= set(DIAGNOSTICS)
    assert reading.why.endswith(".")
    if reading.dial is None:
        assert reading.protocol is None
        assert reading.join == {}
    elif reading.protocol == "WebRTC":
        assert re.fullmatch(r"(https?|msteams)://\S+", reading.dial)
    else:
        assert well_formed(reading.dial) == reading.dial


@given(TEXTS, TEXTS, TEXTS, st.sampled_from([None, True, False]))
def test_any_text_is_read(subject: str, location: str, body: str, is_html: bool | None) -> None:
    check(read_invitation(Invitation(subject, location, body, is_html), KeywordRules(webex="none")))


@given(st.one_of(st.binary(max_size=300), TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_are_invitations_or_refused(content: bytes) -> None:
    for read in (read_ics, read_file):
        with suppress(InvitationError):
            for invitation in read(content):
                check(read_invitation(invitation))


@given(TEXTS)
def test_any_description_of_a_calendar_is_read(text: str) -> None:
    folded = text.replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")
    content = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDESCRIPTION:{folded}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    assert len(read_ics(content.encode("utf-8", "replace"))) == 1


def swapped(text: str) -> str:
    """Change the case of hosts and schemes."""
    text = re.sub(r"(?i)\b(https?|sips?):", lambda found: found[0].swapcase(), text)
    text = re.sub(r"://[^/\s<>\"]+", lambda found: found[0].swapcase(), text)
    return re.sub(r"@(?!\s)[\w.-]+", lambda found: found[0].swapcase(), text)


@given(CORPUS)
@settings(max_examples=300)
def test_case_of_hosts_does_not_matter(case: Case) -> None:
    before = case.invitation
    after = Invitation(before.subject, swapped(before.location), swapped(before.body))
    assert read_invitation(after).dial == case.dial


@given(DIALLED, st.lists(st.sampled_from(DECOYS), min_size=1, max_size=4))
@settings(max_examples=300)
def test_decoys_behind_the_text_do_not_matter(case: Case, decoys: list[str]) -> None:
    if "lync" in case.dial or case.name.startswith("only the Skype alias"):
        return
    before = case.invitation
    glue = "<br>{}</p>" if case.html else "\n{}\n"
    shown = [html.escape(decoy) if case.html else decoy for decoy in decoys]
    after = Invitation(before.subject, before.location, before.body + "".join(glue.format(decoy) for decoy in shown))
    assert read_invitation(after).dial == case.dial


@given(PLAIN, st.integers(1, 3))
@settings(max_examples=300)
def test_quoting_does_not_matter(case: Case, depth: int) -> None:
    body = re.sub(r"^", "> " * depth, case.body or "", flags=re.MULTILINE)
    assert read_invitation(Invitation(case.subject, case.location, body)).dial == case.dial


@given(
    PLAIN, st.sampled_from(["<div>{}</div>", "<p><span style='x'>{}</span></p>", "<table><tr><td>{}</td></tr></table>"])
)
@settings(max_examples=300)
def test_html_does_not_matter(case: Case, line: str) -> None:
    lines = "".join(line.format(html.escape(text)) for text in (case.body or "").split("\n"))
    body = f"<html><body>{lines}</body></html>"
    assert read_invitation(Invitation(case.subject, case.location, body)).dial == case.dial


def wrapped(text: str) -> str:
    """Wrap every link as SafeLinks does."""

    def wrap(found: re.Match[str]) -> str:
        kept = found[0].rstrip(".,;)*")
        return (
            f"https://eur01.safelinks.protection.outlook.com/?url={quote(kept, safe='')}&data=05%7C02"
            + found[0][len(kept) :]
        )

    return re.sub(r"https?://[^\s<>\"\[\]]+", wrap, text)


@given(PLAIN, st.integers(1, 3))
@settings(max_examples=300)
def test_safelinks_do_not_matter(case: Case, rounds: int) -> None:
    body, location = case.body or "", case.location
    if "safelinks" in body or ("<http" in body and "\n " in body):
        return
    for _ in range(rounds):
        body, location = wrapped(body), wrapped(location)
    assert read_invitation(Invitation(case.subject, location, body)).dial == case.dial


def test_a_link_is_unwrapped_five_times_and_no_more() -> None:
    link = "https://meet.google.com/abc-defg-hij"
    for rounds in range(1, 8):
        link = wrapped(link)
        reading = read_invitation(Invitation(body=link))
        assert (reading.dial is not None) == (rounds <= 5)
        assert ("link_too_deep" in reading.diagnostics) == (rounds > 5)


HOSTILE = (
    *(
        "a",
        "@",
        "1",
        "1 ",
        "<",
        '<a "',
        "<div>",
        "https://",
        "https://x.y/ ",
        "https://zoom.us/my/a ",
        "sip:",
        "sip:1@",
        "a.",
        "zoom.us/",
    ),
    *(
        "https://zoom.us/j/8125555789 Passcode: 1234 ",
        "microsoft teams a@m.webex.com 1234 ",
        "> ",
        ">\n",
        "&amp;",
        "&#",
        "passcode 123 ",
    ),
    *(
        "+1 650 555 3208 ",
        ",,1234567890#",
        "microsoft teams tenant a.b.c ",
        '<a href="x">',
        "<a href=",
        "<https:",
        "%25",
        "-",
        "\n",
        " ",
    ),
    *("1" * 199 + "@", "https://urldefense.com/v3/__*", "&#" + "1" * 5000 + ";", "&#x" + "f" * 5000 + ";"),
)
"""What makes careless patterns slow."""


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_text_and_not_faster(piece: str) -> None:
    def cost(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        began = cpu_seconds()
        for is_html in (False, True):
            check(read_invitation(Invitation(location=text[:2000], body=text, is_html=is_html)))
        return cpu_seconds() - began

    small, large = cost(25_000), cost(200_000)
    assert large < max(
        24 * small, 1.0
    )  # eight times the text; what grows with its square takes sixty-four times as long


def test_what_is_too_long_is_cut_and_told() -> None:
    reading = read_invitation(Invitation(body="sip:a@b.example " + "x" * TEXT_MAX + " sip:c@d.example"))
    assert (reading.dial, reading.diagnostics) == ("a@b.example", ("text_truncated",))


@pytest.mark.parametrize(
    "body",
    [
        "Minutes " * 700_000 + "\nsip:a@b.example",
        "<p>" + "x" * 5_000_000 + "</p><a href='sip:a@b.example'>Join</a>",
        "<img src='data:image/png;base64," + "QUJD" * 1_000_000 + "'><p>sip:a@b.example</p>" + "<p>notes</p>" * 10_000,
        "\0".join("sip:a@b.example") + "\0",
    ],
)
def test_an_address_behind_a_long_text_is_found(body: str) -> None:
    assert read_invitation(Invitation(body=body)).dial == "a@b.example"
