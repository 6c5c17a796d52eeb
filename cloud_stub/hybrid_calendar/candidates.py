"""Everything in a text that may be the meeting's address, with what it would have a device dial.

Source: protocol/calendar-and-obtp.md 5.1 to 5.3.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from cloud_stub.hybrid_calendar import numbers
from cloud_stub.hybrid_calendar.address_rows import MAIL_HOSTS, NO_SERVICE_USERS, AddressRow
from cloud_stub.hybrid_calendar.addresses import ADDRESS_INDEX, BARE_HOSTS, LINK_INDEX
from cloud_stub.hybrid_calendar.link_rows import LinkRow
from cloud_stub.hybrid_calendar.links import Link, find_urls, inner_links, resolve, trimmed
from cloud_stub.hybrid_calendar.meeting_services import SIP, TEAMS, Service
from cloud_stub.hybrid_calendar.numbers import Context
from cloud_stub.hybrid_calendar.texts import Text
from endpoint.wire.zoom import ZoomAddress

CANDIDATES_MAX: Final = 500
"""Links and addresses of one text that are looked at; later ones are left out and told (`candidates_truncated`)."""
USER_MAX: Final = 200
ADDRESS_MAX: Final = 255
"""Limits of a well-formed address (5.3)."""

# what comes first within one text (5.1): an explicit scheme, a service of the table, a user part of digits; aliases and bare links last
EXPLICIT, SERVICE, DIGITS, ALIAS, LINK_ONLY = range(5)

_USER: Final = re.compile(r"[A-Za-z0-9._+~%-]{1,200}$")
_HOST: Final = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,20}(?::\d{1,5}(?!\d))?"
)
_WELL_FORMED_HOST: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})|\d{1,3}(?:\.\d{1,3}){3}"
)
_SCHEME: Final = re.compile(r"(?<![A-Za-z0-9])sips?:(?://)?(?=[^\s<>\"',;])", re.IGNORECASE)
_SIP_END: Final = re.compile(r"[\s<>\"'`|\[\](){},]|&(?:lt|gt|quot|nbsp);")
_RUN_ON: Final = re.compile(r"(?<=[a-z0-9])(?:(?P<last>\.[a-z]{2,10})|\.)[A-Z][a-z]*$")
"""The end of a host on which the next sentence follows without a blank: `acme.comYou`, `acme.com.You`."""
_GROUPS_BEFORE: Final = re.compile(r"(?<![\d+.-])(\d{3,4})[ -](\d{3,4})[ -]$")
_SIP_LABEL: Final = re.compile(
    r"(?<![A-Za-z0-9])sip(?:[ /-]?(?:h\.?323|uri|url|address|adresse))?[ \t]?:[ \t]{1,4}$", re.IGNORECASE
)
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_BARE: Final = re.compile(
    r"(?<![\w@./%-])(?:[a-z0-9-]{1,63}\.){1,6}[a-z-]{2,18}/[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be the meeting's address.

    Attributes:
        rank: one of the five above; lower comes first.
        at: its place; what is only the target of a link comes behind everything that is shown.
        place: where it stands, or its link.
        written: as it stands there.
        dial: None where there is nothing to dial.
        number: the meeting, as far as one can tell, to compare candidates: an id, a user, a thread.
        is_sip: whether it is a video address; a link made into one is not.
        is_exact: whether a link spells the video address out: it settles what the text leaves open.
    """

    rank: int
    at: int
    written: str
    dial: str | None
    service: Service
    pattern: str
    is_sip: bool = False
    is_exact: bool = False
    number: str = ""
    link: str = ""
    passcode: str = ""
    label: str = "R"
    place: int = -1

    @property
    def is_web(self) -> bool:
        """Tell whether it is dialled as a browser meeting."""
        return self.dial is not None and "://" in self.dial


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a text."""

    candidates: tuple[Candidate, ...]
    diagnostics: tuple[str, ...]


def find_candidates(text: Text, context: Context) -> Found:
    """Find everything in a text that may be the meeting's address.

    `context` is the whole invitation: numbers and passcodes that belong to an address may stand in another part of it.
    """
    odd = list(text.diagnostics)
    found: list[Candidate] = []
    spans: list[tuple[int, int]] = []
    for looked, (at, written) in enumerate(_places(text, spans)):
        if looked >= CANDIDATES_MAX:
            odd.append("candidates_truncated")
            break
        made = _link(at, written, context, odd)
        if made is not None:
            found.append(made)
    found += _addresses(text.shown, context, spans, odd)
    for nth, href in enumerate(text.hrefs):
        scheme, _, rest = href.partition(":")
        if scheme.lower() in ("sip", "sips", "mailto"):
            shown = href if scheme.lower() != "mailto" else unquote(rest.partition("?")[0])
            later = _addresses(shown, context, [], odd)
            found += [replace(candidate, at=len(text.shown) + nth) for candidate in later]
    found = [replace(one, place=_place(one.at, text)) for one in found]
    found.sort(key=lambda candidate: candidate.at)
    return Found(tuple(found), tuple(dict.fromkeys(odd)))


def _place(at: int, text: Text) -> int:
    nth = at - len(text.shown)
    return at if nth < 0 else text.places[nth] if nth < len(text.places) else at


# ---- links ---------------------------------------------------------------------------------------------------------


def _places(text: Text, spans: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Yield every link with its place; note what the shown ones cover."""
    shown = text.shown
    slashes = shown.count("/")
    for at, url in find_urls(shown):
        slashes -= shown.count("/", at, at + len(url))
        spans.append((at, at + len(url)))
        yield at, url
    lowered = shown.lower() if slashes else ""
    if slashes and any(host + "/" in lowered for host in BARE_HOSTS):
        covered = list(spans)
        for found in _BARE.finditer(shown):
            host = found[0].partition("/")[0].lower()
            if not host.endswith(BARE_HOSTS) or any(start <= found.start() < end for start, end in covered):
                continue
            url = trimmed(found[0])
            spans.append((found.start(), found.start() + len(url)))
            yield found.start(), f"https://{url}"
    for nth, href in enumerate(text.hrefs):
        if "://" in href:
            yield len(shown) + nth, trimmed(href)


def _link(at: int, written: str, context: Context, odd: list[str]) -> Candidate | None:
    link, key = resolve(written)
    if key:
        odd.append(key)
    if link is None:
        return None
    for one in (link, *inner_links(link)):
        if row_made := _matched(one, at, written, context, odd):
            return row_made[0]
    return None


def _matched(link: Link, at: int, written: str, context: Context, odd: list[str]) -> tuple[Candidate | None] | None:
    """Return what the first row that fits makes of a link; None where no row fits."""
    for row in LINK_INDEX.fitting(link.host):
        match = row.pattern.match(link.path)
        if match is None or not all(link.query.get(name) for name in row.query):
            continue
        return (None if row.service is None else _from_link(row, row.service, match, link, at, written, context, odd),)
    return None


def _from_link(
    row: LinkRow,
    service: Service,
    match: re.Match[str],
    link: Link,
    at: int,
    written: str,
    context: Context,
    odd: list[str],
) -> Candidate | None:
    bare = Candidate(LINK_ONLY, at, written, None, service, row.key, link=link.url, label=row.label)
    if not row.dial:
        return bare
    if row.dial == "{url}":
        thread = link.path.partition("/meetup-join/")[2].partition("/")[0] or link.path.rstrip("/").rpartition("/")[2]
        url = link.url if link.url.startswith("http") else f"https:{link.url.partition(':')[2]}"
        return replace(bare, rank=SERVICE, dial=url, link=url, number=thread.lower())
    if row.dial == "{launched}":
        target = link.query["url"]
        path = target.removeprefix("/_#").removeprefix("/v2#")
        inner, _ = resolve(f"https://{link.host}{path}" if target.startswith("/") else target)
        return None if inner is None else _again(inner, at, written, context, odd)
    values = {"prefix": "", **link.query, **{name: value for name, value in match.groupdict().items() if value}}
    values |= {"host": link.host, "site": link.host.partition(".")[0]}
    if row.needs in ("webex_number", "zoom_number"):
        number = context.webex_number if row.needs == "webex_number" else context.zoom_number
        if not number:
            odd.append("meeting_number_missing")
            return bare
        values["number"] = number
    alias = (values.get("alias") or values.get("conference") or "").removeprefix("sip:")
    if "@" in alias:
        values["alias"], _, values["host"] = alias.partition("@")
        values["conference"] = values["alias"]
    address = row.dial.format_map(values).lower() if row.key.startswith("zoom") else row.dial.format_map(values)
    dial = well_formed(address)
    if dial is None:
        odd.append("address_malformed")
        return bare
    made = replace(
        bare, rank=SERVICE, dial=dial, number=dial.partition("@")[0], is_sip=row.is_exact, is_exact=row.is_exact
    )
    return _with_passcode(made, context) if row.key.startswith("zoom") else made


def _again(link: Link, at: int, written: str, context: Context, odd: list[str]) -> Candidate | None:
    """Read the link inside a launcher, which is no launcher any more."""
    for row in LINK_INDEX.fitting(link.host):
        if row.dial == "{url}" and row.service and (match := row.pattern.match(link.path)):
            return _from_link(row, row.service, match, link, at, written, context, odd)
    return None


def _with_passcode(made: Candidate, context: Context) -> Candidate:
    """Add the passcode of a Zoom meeting, unless its address has one."""
    assert made.dial is not None
    address = ZoomAddress.parse(made.dial)
    found = replace(made, number=address.meeting_id, passcode=address.passcode)
    if not address.passcode and (passcode := context.zoom_passcode(address.meeting_id, made.written)):
        address = replace(address, passcode=passcode)
        return replace(found, dial=str(address), passcode=passcode)
    return replace(found, dial=str(address))


# ---- addresses -----------------------------------------------------------------------------------------------------


def well_formed(address: str) -> str | None:
    """Return an address with its host in small letters, or None if it is not well formed (5.3)."""
    user, _, host = address.rpartition("@")
    if not host.islower() and (joined := _RUN_ON.search(host)):
        alone = host[: joined.end("last") if joined["last"] else joined.start()]
        host = alone if alone.islower() and "." in alone else host
    host = host.lower().rstrip(".")
    name = host.partition(":")[0]
    if not 1 <= len(user) <= USER_MAX or len(address) > ADDRESS_MAX or re.search(r"[\s\"'<>@]", user):
        return None
    if not _WELL_FORMED_HOST.fullmatch(name) or len(name) > 253:
        return None
    if name.replace(".", "").isdecimal() and any(int(part) > 255 for part in name.split(".")):
        return None
    return f"{user}@{host}"


def _addresses(shown: str, context: Context, spans: list[tuple[int, int]], odd: list[str]) -> list[Candidate]:
    """Find addresses, with a scheme or without; those inside links are parts of these."""
    found: list[Candidate] = []
    taken: set[int] = set()
    inside = _Spans(spans)
    for looked, scheme in enumerate(_SCHEME.finditer(shown)):
        if looked >= CANDIDATES_MAX:
            odd.append("candidates_truncated")
            break
        if inside.has(scheme.start()) or shown[max(0, scheme.start() - 5) : scheme.start()].lower() == "conf:":
            continue
        start = scheme.end()
        stop = _SIP_END.search(shown, start, start + ADDRESS_MAX + 100)
        end = stop.start() if stop else min(len(shown), start + ADDRESS_MAX + 100)
        written = shown[start:end]
        taken.add(start + written.find("@"))
        if made := _explicit(written, scheme.start(), end, shown, context, odd):
            found.append(made)
    at = shown.find("@")
    looked = 0
    while at >= 0:
        if at not in taken and not inside.has(at):
            looked += 1
            if looked > CANDIDATES_MAX:
                odd.append("candidates_truncated")
                break
            if made := _bare(at, shown, context, odd):
                found.append(made)
        at = shown.find("@", at + 1)
    if context.is_teams:
        found += _tenant_hosts(shown, inside)
    return found


def _tenant_hosts(shown: str, inside: _Spans) -> Iterator[Candidate]:
    """Yield tenant keys that are bare hosts."""
    for start, end, name in numbers.tenant_hosts(shown):
        if not inside.has(start) and _WELL_FORMED_HOST.fullmatch(name.lower()):
            made = _with_video_id(_OTHER_KEY, "", name.lower(), name, start, end, shown, [])
            if made is not None:
                yield made


class _Spans:
    """Stretches of a text that do not overlap."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._starts = sorted(start for start, _ in spans)
        self._ends = dict(spans)

    def has(self, at: int) -> bool:
        nth = bisect_right(self._starts, at)
        return nth > 0 and at < self._ends[self._starts[nth - 1]]


def _explicit(written: str, at: int, end: int, shown: str, context: Context, odd: list[str]) -> Candidate | None:
    bare = unquote(written) if "%40" in written else written
    if not bare.isascii():  # a host has no such sign: a quotation mark, or the next word of a script without blanks
        user, _, host = bare.partition("@")
        bare = f"{user}@{_NOT_ASCII.split(host, maxsplit=1)[0]}"
    bare = bare.partition(";")[0].partition("?")[0].rstrip(".,:!*\\").rstrip("&")
    if ";gruu" in written or ";opaque=" in written:
        return None  # the focus of a Skype for Business conference
    address = well_formed(bare)
    if address is None:
        odd.append("address_malformed")
        return None
    made = _of_service(address, written, at, end, shown, context, odd, is_explicit=True)
    if made is not None:
        return made if made.rank == ALIAS or made.dial is None else replace(made, rank=EXPLICIT)
    return Candidate(
        EXPLICIT, at, written, address, SIP, "sip_uri", is_sip=True, number=address.partition("@")[0], label="D"
    )


def _bare(at: int, shown: str, context: Context, odd: list[str]) -> Candidate | None:
    left = _USER.search(shown[max(0, at - USER_MAX - 1) : at])
    if left is None:
        return None
    user = left[0].lstrip("~%.-_+")
    right = _HOST.match(shown, at + 1)
    host = right[0] if right else ""
    has_digits = user.isdecimal() or (user.replace(".", "").isdecimal() and user[-1:] != ".")
    if right is None or not host:
        if has_digits and not shown[at + 1 : at + 2].isspace():
            odd.append("address_malformed")
        return None
    address = well_formed(f"{user}@{host}")
    if address is None:
        if has_digits:
            odd.append("address_malformed")
        return None
    start, end = at - len(user), right.end()
    if user.isdecimal() and len(user) <= 4 and (groups := _GROUPS_BEFORE.search(shown, max(0, start - 10), start)):
        whole = f"{groups[1]}{groups[2]}{address}"
        if made := _of_service(whole, shown[groups.start() : end], groups.start(), end, shown, context, odd):
            return made
    made = _of_service(address, f"{user}@{host}", start, end, shown, context, odd)
    if made is not None:
        return made
    host = host.lower()
    if has_digits and len(user) > 1 and host not in MAIL_HOSTS:
        return Candidate(
            DIGITS, start, f"{user}@{host}", address, SIP, "digits_at_host", is_sip=True, number=user, label="D"
        )
    if _SIP_LABEL.search(shown, max(0, start - 24), start):
        return Candidate(DIGITS, start, f"{user}@{host}", address, SIP, "sip_label", is_sip=True, number=user)
    return None


def _of_service(
    address: str,
    written: str,
    at: int,
    end: int,
    shown: str,
    context: Context,
    odd: list[str],
    *,
    is_explicit: bool = False,
) -> Candidate | None:
    user, _, host = address.partition("@")
    for row in ADDRESS_INDEX.fitting(host.partition(":")[0]):
        match = row.pattern.fullmatch(user)
        if match is None or (user.lower() in NO_SERVICE_USERS and not is_explicit):
            continue
        if not row.dial:
            return _with_video_id(row, user, host, written, at, end, shown, odd)
        dial = row.dial.format_map({**match.groupdict(), "user": user, "host": host})
        made = Candidate(
            ALIAS if row.is_alias else SERVICE,
            at,
            written,
            dial,
            row.service,
            row.key,
            is_sip=True,
            number=dial.partition("@")[0],
            label=row.label,
        )
        if row.is_alias:
            odd.append("alias_mapped")
        return _with_passcode(made, context) if row.needs == "passcode" else made
    if context.is_teams and (numbers.is_tenant_key(shown, at) or numbers.follows_video_id(shown, end)):
        return _with_video_id(_OTHER_KEY, user, host, written, at, end, shown, [])
    return None


_OTHER_KEY: Final = AddressRow("teams_cvi_other_key", TEAMS, ("*",), r".*", "", "I", "teams@video.acme.example")


def _with_video_id(
    row: AddressRow, user: str, host: str, written: str, at: int, end: int, shown: str, odd: list[str]
) -> Candidate | None:
    """Join a tenant key and the video id beside it: `<id>.<tenant>@m.webex.com`, elsewhere `<key>.<id>@host` (5.2 rows 8 and 10)."""
    number = numbers.video_id(shown, at, end, needs_word=row is _OTHER_KEY)
    if not number:
        odd.append("video_id_missing")
        return None
    parts = (number, user) if host == "m.webex.com" else (user, number)
    dial = f"{'.'.join(filter(None, parts))}@{host}"
    return Candidate(SERVICE, at, written, dial, TEAMS, row.key, is_sip=True, number=number, label=row.label)
