"""Links in a text, and what is inside those that a mail filter has wrapped.

Source: protocol/calendar-and-obtp.md 5.3; the forms of the wrappers are those that their makers document.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

ROUNDS_MAX: Final = 5
"""Wrappers that are taken off one link (5.3)."""
MEMBERS_MAX: Final = 20
"""Members of a query that are looked at for a link."""
LINK_MAX: Final = 8192
"""Characters of a link; a longer one is not looked at."""

_URL: Final = re.compile(r"(?:https?|msteams|zoommtg|zoomus)://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%{}]+", re.IGNORECASE)
_INSIDE: Final = re.compile(r"https?://", re.IGNORECASE)
_ENCODED: Final = re.compile(r"https?(?:%3a|:)(?:%2f|/){2}", re.IGNORECASE)
_HOST: Final = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?){1,20}\.?"
)
_AND: Final = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)
_CUT: Final = re.compile(r"[<>\"\s]|&(?:lt|gt|quot|nbsp|#\d{1,5});", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link in its parts.

    Attributes:
        url: the whole, with scheme and host in small letters.
        host: in small letters, without a port.
        path: with its fragment where that is a path of its own (`#/...`), percent signs decoded.
        query: names in small letters, of the query and of a query in the fragment; the first of equal names counts.
    """

    url: str
    host: str
    path: str
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class Wrapper:
    """How one filter wraps links.

    Attributes:
        hosts: names, as in the table of links.
        path: start of the path.
        take: gets the link, returns the target, or an empty text where it cannot be read out of the link.
    """

    name: str
    hosts: tuple[str, ...]
    path: str
    take: Callable[[Link], str]


def _of(*names: str) -> Callable[[Link], str]:
    """Take the target from a member of the query."""

    def take(link: Link) -> str:
        return next((link.query[name] for name in names if link.query.get(name)), "")

    return take


def _proofpoint_v2(link: Link) -> str:
    return unquote(link.query.get("u", "").replace("-", "%").replace("_", "/"))


_V3: Final = re.compile(r"/v3/__(.{1,8000}?)__;([^!]{0,4000})!", re.DOTALL)
_RUN: Final = re.compile(r"\*(?:\*(.))?")


def _proofpoint_v3(link: Link) -> str:
    """Put back the signs that were taken out: `*` stands for one, `**X` for a run whose length X tells."""
    found = _V3.search(link.url)
    if found is None:
        start = link.url.find("/v3/__")
        return link.url[start + 6 :].split("__;")[0] if start >= 0 else ""
    try:
        kept = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode()
    except (binascii.Error, ValueError):
        return found[1]
    signs = iter(kept)
    lengths = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def back(star: re.Match[str]) -> str:
        count = lengths.find(star[1]) + 2 if star[1] and star[1] in lengths else 1
        return "".join(next(signs, "*") for _ in range(count))

    target = _RUN.sub(back, found[1])
    return target if "://" in target else re.sub(r"^(https?):/(?=[^/])", r"\1://", target)


def _behind_path(link: Link) -> str:
    """Take the target from behind the token in the path: `/TOKEN/https%3A%2F%2F...`."""
    found = _ENCODED.search(link.url, 9)
    return unquote(link.url[found.start() :]) if found else ""


def _between_lines(link: Link) -> str:
    """Take the target from between three underscores: `/v2/___https://...___.TOKEN`."""
    return link.url.partition("___")[2].partition("___")[0]


def _base64(link: Link) -> str:
    value = link.query.get("u", "").replace(" ", "+")
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_").decode()
    except (binascii.Error, ValueError):
        return ""


def _nothing(link: Link) -> str:
    return ""


WRAPPERS: Final = (
    Wrapper("SafeLinks", ("safelinks.protection.outlook.com", "safelinks.protection.office365.us"), "/", _of("url")),
    Wrapper(
        "SafeLinks", ("safelinks.protection.outlook.de", "safelinks.protection.partner.outlook.cn"), "/", _of("url")
    ),
    Wrapper("SafeLinks in Teams", ("statics.teams.cdn.office.net",), "/evergreen-assets/safelinks", _of("url")),
    Wrapper("Outlook on the web", ("*",), "/owa/redir.aspx", _of("url")),
    Wrapper("Proofpoint v1", ("urldefense.proofpoint.com", "urldefense.com"), "/v1/url", _of("u")),
    Wrapper("Proofpoint v2", ("urldefense.proofpoint.com", "urldefense.com"), "/v2/url", _proofpoint_v2),
    Wrapper("Proofpoint v3", ("urldefense.com", "urldefense.us", "urldefense.proofpoint.com"), "/v3/", _proofpoint_v3),
    Wrapper("Mimecast", ("mimecast.com", "mimecastprotect.com"), "/", _of("url", "u")),
    Wrapper("Barracuda", ("linkprotect.cudasvc.com",), "/url", _of("a")),
    Wrapper("Google", ("www.google.com", "google.com"), "/url", _of("q", "url")),
    Wrapper("Trend Micro", ("trendmicro.com",), "/wis/clicktime", _of("url")),
    Wrapper("Cisco Secure Email", ("secure-web.cisco.com",), "/", _behind_path),
    Wrapper("Symantec", ("clicktime.symantec.com",), "/", _of("u")),
    Wrapper("Cloud Post Office", ("clicktime.cloud.postoffice.net",), "/", _of("u")),
    Wrapper("FireEye", ("fireeye.com",), "/v1/url", _of("u")),
    Wrapper("FireEye", ("fireeye.com",), "/url", _of("u")),
    Wrapper("Check Point", ("protect.checkpoint.com", "url.avanan.click"), "/v2/", _between_lines),
    Wrapper("Sophos", ("protection.sophos.com",), "/", _base64),
    Wrapper("FortiMail", ("*",), "/fmlurlsvc/", _of("url")),
    Wrapper("Vade", ("vadesecure.com",), "/", _of("u")),
    Wrapper("Facebook", ("l.facebook.com",), "/l.php", _of("u")),
    Wrapper("Slack", ("slack-redir.net",), "/link", _of("url")),
    Wrapper("LinkedIn", ("www.linkedin.com",), "/redir", _of("url")),
    Wrapper("short links", ("aka.ms", "bit.ly", "tinyurl.com", "=t.co", "=goo.gl", "eurl.io"), "/", _nothing),
)
"""What wraps links, and where the target is. Some carry a key in place of the target: nobody but their maker can tell where these lead."""
_OWN_HOST: Final[dict[str, list[Wrapper]]] = {}
for _row in WRAPPERS:
    for _host in _row.hosts:
        _OWN_HOST.setdefault(_host, []).append(_row)


def parse_link(url: str) -> Link | None:
    """Take a link apart; None for what is none."""
    if len(url) > LINK_MAX:
        return None
    scheme, separator, rest = url.partition("://")
    if not separator:
        return None
    authority_end = min((at for at in (rest.find("/"), rest.find("?"), rest.find("#")) if at >= 0), default=len(rest))
    authority = rest[:authority_end].rpartition("@")[2].lower()
    host = authority.partition(":")[0].rstrip(".")
    if not _HOST.fullmatch(host):
        return None
    tail = rest[authority_end:]
    before, _, fragment = tail.partition("#")
    path, _, query = before.partition("?")
    members: dict[str, str] = {}
    fragment_path, _, fragment_query = fragment.partition("?")
    for text in (query, fragment_query):
        for name, value in parse_qsl(text, max_num_fields=None) if text else ():
            members.setdefault(name.lower(), value)
    if fragment_path.startswith(("/", "!/")):
        path = f"{path.rstrip('/')}/#{fragment_path.lstrip('!')}"
    return Link(f"{scheme.lower()}://{authority}{tail}", host, unquote(path) if "%" in path else path, members)


def trimmed(url: str) -> str:
    """Take off what stands behind a link in a sentence."""
    if "&" in url:
        url = _AND.sub("&", url)
    found = _CUT.search(url)
    if found:
        url = url[: found.start()]
    while url:
        last = url[-1]
        if (
            last in ".,;:!?'*|\\^`{"
            or (last == ")" and url.count("(") < url.count(")"))
            or (last == "}" and "{" not in url)
        ):
            url = url[:-1]
        else:
            break
    return url


def inner_links(link: Link) -> Iterator[Link]:
    """Yield links that members of a query hold: whoever made the outer one leads there. None is a wrapper of the table."""
    for value in list(link.query.values())[:MEMBERS_MAX]:
        inner = _as_link(value) if value[:4].lower() == "http" else None
        if inner is not None and _wrapper(inner) is None:
            yield inner


def find_urls(text: str) -> Iterator[tuple[int, str]]:
    """Yield the links of a text with their places, as they are written."""
    if "://" not in text:
        return
    for found in _URL.finditer(text):
        if url := trimmed(found[0]):
            yield found.start(), url


def unwrap(link: Link) -> tuple[Link | None, str]:
    """Take wrappers off a link; returns what is inside, or None, and the key of what was odd.

    `link_malformed`: the target is no link. `link_loop`: it leads to itself. `link_too_deep`: more than `ROUNDS_MAX` wrappers.
    `link_opaque`: a wrapper that does not carry its target. All of them end here; nothing is ever fetched.
    """
    seen = {link.url}
    for _ in range(ROUNDS_MAX):
        wrapper = _wrapper(link)
        if wrapper is None:
            return link, ""
        taken = wrapper.take(link)
        if not taken:
            return None, "link_opaque" if wrapper.take is _nothing or wrapper.name == "Mimecast" else "link_malformed"
        inner = _as_link(taken)
        if inner is None:
            return None, "link_malformed"
        if inner.url in seen:
            return None, "link_loop"
        seen.add(inner.url)
        link = inner
    return (link, "") if _wrapper(link) is None else (None, "link_too_deep")


def _wrapper(link: Link) -> Wrapper | None:
    labels = link.host.split(".")
    names = ["=" + link.host, *(".".join(labels[start:]) for start in range(len(labels) - 1))]
    for name in names:
        for row in _OWN_HOST.get(name, ()):
            if link.path.startswith(row.path):
                return row
    return next((row for row in _OWN_HOST["*"] if link.path.lower().startswith(row.path)), None)


def _as_link(text: str) -> Link | None:
    """Read a target, which may have been encoded once more than it should, or have lost its start."""
    for _ in range(3):
        found = _INSIDE.search(text)
        if found and found.start() < 9:
            return parse_link(trimmed(text[found.start() :].strip()))
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return None


def resolve(url: str) -> tuple[Link | None, str]:
    """Take a link apart and its wrappers off; see `unwrap`."""
    link = parse_link(url)
    return (None, "") if link is None else unwrap(link)
