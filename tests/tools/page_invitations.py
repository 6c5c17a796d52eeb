"""docs/reference/invitations.md: what is recognised in an invitation, from the tables that recognise it."""

from __future__ import annotations

from collections.abc import Iterable

from cloud_stub.hybrid_calendar import candidates, invitation_files, links, texts
from cloud_stub.hybrid_calendar.address_rows import ADDRESSES
from cloud_stub.hybrid_calendar.keywords import MEET_ACTIONS, SUFFIXES, WEBEX_ACTIONS
from cloud_stub.hybrid_calendar.link_rows import LINK_ONLY, LINKS
from cloud_stub.hybrid_calendar.reading import DIAGNOSTICS
from scenarios.runner import invite_command
from tests.tools.markdown import code, page, table

INTRODUCTION = """
What the cloud reads in an invitation, and what it has a device dial. `roomsim invite` shows it for any text, HTML, mail or calendar file
([how to](../how-to/ask-what-an-invitation-dials.md)). Only texts are looked at: no link is ever followed.
"""
ORDER = """
1. A keyword in the Location. The first one counts.
2. An address in the Location.
3. An address in the body.

Within one text an address with `sip:` or `sips:` comes first, then an address or link of a service of the tables below, then an address
whose user part is all digits. Of several services the one that stands first counts, and of one service its video address comes before its
link. What stands behind a link to another meeting of the same service belongs to an older invitation and does not count. A link in the
Location and a video address of the same meeting in the body belong together: the video address is dialled.

`name@host` without a scheme is a mail address, not a video address, except at the hosts of the tables and behind `SIP:` with a blank.
Digits at the hosts of large mail providers are mail addresses too. Telephone numbers, conference ids for keypads (they end with `#`),
PINs and ids of Teams meetings are never dialled. HTML counts as it is shown; targets of links come behind everything that is shown. A
service of which there is only a link that no device can dial is named, and there is nothing to dial.
"""
LABELS = """
Labels: O observed, D documented, I inferred from what invitations and public programs have in common, R ours. In a dial string, names in
braces are parts of the link or address. `{number}` is a meeting number that stands in the text, `{url}` the link itself, which a device
opens over WebRTC, `{launched}` the link inside. A passcode that is a number is added to addresses of Zoom.
"""
KEYWORDS = """
A keyword is a word of its own, in capitals or small letters. A suffix comes before the setting of the organization. An unknown suffix does
not count, which is told (`keyword_suffix_unknown`).
"""
ANSWERS = """
`--jsonl` answers every line with an object. `--json` prints `{"invitations": [...]}`, where each has these members and those of the second
table. Members are added over time, never renamed. A line that cannot be used is answered with an object that has only `error`.
"""
SHORT = (
    ("dial", "what the device dials, or null"),
    ("protocol", "`Spark`, `WebRTC` for a link that is opened as a browser meeting, or null"),
    ("service", "whose meeting it is, or null"),
    ("source", "`location`, `body`, or null"),
    ("why", "one sentence for people"),
    ("keyword", "the keyword that was found, as it counts, or null"),
    ("diagnostics", "keys of what was odd"),
)
WHOLE = (
    ("file", "the file, or `standard input`"),
    ("subject", "of the meeting"),
    ("is_cancelled", "whether a calendar file calls the meeting off"),
    ("action", "what the keyword asks for, or null"),
    ("platform", "`MeetingPlatform` of the booking"),
    ("join_type", "`meetingJoinType` of the calendar event"),
    ("join", "join members of the calendar event, in clear; empty where no button would show"),
    ("link", "link of the meeting, or null"),
    ("pattern", "key of the row that made the dial string, or null"),
    ("label", "its label"),
    ("candidates", "everything that was found: `source`, `written`, `dial`, `service`, `pattern`, `chosen`, and `because`: why it lost"),
)  # fmt: skip
CODES = (
    ("0", "at least one can be joined"),
    ("1", "nothing to dial in any"),
    ("2", "a file, or every line, cannot be used"),
)
BOUNDS = (
    ("characters of one text", texts.TEXT_MAX, "the middle is left out: `text_truncated`"),
    ("link targets of one HTML text", texts.LINKS_MAX, "the rest is left out: `candidates_truncated`"),
    ("links, and addresses, of one text", candidates.CANDIDATES_MAX, "the rest is left out: `candidates_truncated`"),
    ("wrappers around one link", links.ROUNDS_MAX, "the link does not count: `link_too_deep`"),
    ("characters of one link", links.LINK_MAX, "the link does not count"),
    ("bytes of a file", invitation_files.FILE_MAX, "refused"),
    ("events of a calendar file", invitation_files.EVENTS_MAX, "refused"),
    ("bytes of a line of `--jsonl`", invite_command.LINE_MAX, "answered with an error"),
)


def invitations() -> str:
    """Return the page."""
    link_rows = [
        (code(row.key), row.service.name if row.service else "none", code(row.example), _dial(row.dial), row.label)
        for row in LINKS
    ]
    address_rows = [
        (code(row.key), row.service.name, code(row.example), _dial(row.dial), row.label) for row in ADDRESSES
    ]
    only = [(row.service.name if row.service else "", _hosts(row.hosts)) for row in LINK_ONLY]
    wrappers = [(row.name, _hosts(row.hosts), code(row.path)) for row in links.WRAPPERS]
    return page(
        "Invitations",
        INTRODUCTION,
        "## Order",
        ORDER,
        "## Keywords",
        KEYWORDS,
        table(("suffix", "asks for"), [(code(f":{suffix}"), code(action)) for suffix, action in SUFFIXES.items()]),
        f"Without a suffix `@webex` can be set to {code(*WEBEX_ACTIONS)}; it is `personal_room`."
        f" `@meet` can be set to {code(*MEET_ACTIONS)};"
        " it is `space`. A word that is set to `none` is no keyword.",
        "## Links",
        LABELS,
        table(("row", "service", "example", "dials", "label"), link_rows),
        "### Links that no device can dial",
        table(("service", "hosts"), only),
        "### Wrapped links",
        "A filter's wrapper is taken off where it carries its target.",
        table(("filter", "hosts", "path starts with"), wrappers),
        "## Addresses",
        table(("row", "service", "example", "dials", "label"), address_rows),
        "A tenant key for Teams at any other host is joined with the video id beside it: `<key>.<id>@host`, or `<id>@host` where the key is"
        " a host.",
        "## What can be odd",
        table(("key", "meaning"), [(code(key), meaning) for key, meaning in DIAGNOSTICS.items()]),
        "## Answers",
        ANSWERS,
        table(("member", "meaning"), [(code(name), meaning) for name, meaning in SHORT]),
        table(("member of `--json`", "meaning"), [(code(name), meaning) for name, meaning in WHOLE]),
        table(("exit code", "meaning"), CODES),
        "## Bounds",
        table(("what", "at most", "beyond"), [(what, f"{limit:,}", beyond) for what, limit, beyond in BOUNDS]),
    )  # fmt: skip


def _dial(dial: str) -> str:
    return code(dial) if dial else ""


def _hosts(hosts: Iterable[str]) -> str:
    return code(*("any" if host == "*" else host.lstrip("=") for host in hosts))
