"""What every HTTP exchange with the cloud has in common: tracking ids, error bodies, dates, addresses.

Source: protocol/cloud-services.md 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

ROOM_DOMAIN: Final = "room.test"
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# ---- instants ------------------------------------------------------------------------------------------------------


def format_instant(instant: datetime) -> str:
    """Print an aware instant as the cloud does, cut to the millisecond: `2022-04-26T13:15:00.000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_instant(text: str, where: str) -> datetime:
    """Read an ISO 8601 instant with a zone, as UTC.

    Raises:
        RemoteProtocolError: no such instant, or no zone is given.
    """
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RemoteProtocolError(where, "an ISO 8601 instant with a zone")


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK: Final = r"(?P<clock>\d\d:\d\d:\d\d)"
_HTTP_DATES: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK} GMT",  # IMF-fixdate
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_CLOCK} GMT",  # RFC 850
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",  # asctime
    )
)


def format_http_date(instant: datetime) -> str:
    """Print an aware instant for the `Date` header: `Sun, 06 Nov 1994 08:49:37 GMT`. Source: RFC 9110, 5.6.7."""
    utc = instant.astimezone(UTC)
    return f"{_DAYS[utc.weekday()]}, {utc:%d} {_MONTHS[utc.month - 1]} {utc.year:04d} {utc:%H:%M:%S} GMT"


def parse_http_date(text: str, where: str = "Date") -> datetime:
    """Read an HTTP date in any of its three forms; a year of two digits lies in 1970..2069.

    Raises:
        RemoteProtocolError: none of the forms, or no such day or time. The name of the weekday is not checked.

    Source: RFC 9110, 5.6.7.
    """
    for form in _HTTP_DATES:
        if found := form.fullmatch(text):
            try:
                year = int(found["year"])
                if len(found["year"]) == 2:
                    year += 1900 if year >= 70 else 2000
                hour, minute, second = (int(part) for part in found["clock"].split(":"))
                second = 59 if second == 60 else second  # a leap second
                month = _MONTHS.index(found["month"]) + 1
                return datetime(year, month, int(found["day"]), hour, minute, second, tzinfo=UTC)
            except ValueError:
                break
    raise RemoteProtocolError(where, "an HTTP date (RFC 9110, 5.6.7)")


def parse_retry_after(text: str, now: datetime) -> float | None:
    """Read a `Retry-After` header as seconds from `now`; None if it says nothing usable.

    A wait is advice: junk in it must not turn an answer that was understood into an error.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, (parse_http_date(text) - now).total_seconds())
    except RemoteProtocolError:
        return None


# ---- tracking ids --------------------------------------------------------------------------------------------------

_TRACKING: Final = re.compile(
    r"(?P<prefix>[!-~]+)_(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_(?P<n>\d{1,18})(?:\+(?P<replay>\d{1,9}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TrackingId:
    """One request's name in the logs of both sides: `<prefix>_<uuid>_<n>`, with `+<k>` on its k-th replay.

    The uuid is made once per client, `n` counts its requests from 1. Source: protocol/cloud-services.md 2.1.
    """

    prefix: str
    uuid: str
    n: int
    replay: int = 0

    def __str__(self) -> str:
        return f"{self.prefix}_{self.uuid}_{self.n}" + (f"+{self.replay}" if self.replay else "")

    def replayed(self) -> TrackingId:
        """Return the id of the next replay of the same request."""
        return replace(self, replay=self.replay + 1)


def parse_tracking_id(text: str) -> TrackingId:
    """Read a tracking id.

    Raises:
        RemoteProtocolError: another form. Clients may send what they like: echo such a value, do not refuse it.
    """
    found = _TRACKING.fullmatch(text)
    if found is None:
        raise RemoteProtocolError("trackingid", "<prefix>_<uuid>_<n>, then +<k> on a replay")
    return TrackingId(found["prefix"], found["uuid"], int(found["n"]), int(found["replay"] or 0))


# ---- error bodies --------------------------------------------------------------------------------------------------

ERROR_TEXT_KEYS: Final = ("error", "errorString", "response", "errorResponse", "message", "msg")  # in this order


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What the body of an error answer says.

    Attributes:
        text: the first text among `ERROR_TEXT_KEYS`; empty if there is none.
        error_code: `errorCode`, a number of seven digits as a rule.
        code: `code`, where it is a text.
        members: all members of the body; empty if it was no JSON object.
    """

    text: str = ""
    error_code: int | None = None
    code: str = ""
    members: Mapping[str, Any] = field(default_factory=dict)


def read_error(body: bytes) -> ErrorBody:
    """Read the body of an error answer; any bytes are accepted, because the status alone is already an answer."""
    try:
        members = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorBody()
    if not isinstance(members, dict):
        return ErrorBody()
    texts = (members.get(key) for key in ERROR_TEXT_KEYS)
    number, code = members.get("errorCode"), members.get("code")
    return ErrorBody(
        text=next((text for text in texts if isinstance(text, str) and text), ""),
        error_code=number if isinstance(number, int) and not isinstance(number, bool) else None,
        code=code if isinstance(code, str) else "",
        members=members,
    )


def error_body(message: str, error_code: int | None = None, tracking_id: str = "") -> dict[str, Any]:
    """Build the body of an error answer: `{message, errorCode?, trackingId?}`."""
    body: dict[str, Any] = {"message": message}
    if error_code is not None:
        body["errorCode"] = error_code
    if tracking_id:
        body["trackingId"] = tracking_id
    return body


# ---- addresses -----------------------------------------------------------------------------------------------------


_URL_TEXT: Final = re.compile(r"[!-~]+")  # urlsplit drops tabs and line ends silently


def is_url(text: str) -> bool:
    """Tell whether a text is a full http, https, ws or wss URL with a host."""
    if not _URL_TEXT.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def authority(url: str) -> str:
    """Return `host:port` of a URL, in lower case, the port always written out.

    Raises:
        LocalProtocolError: not a URL by `is_url`.
    """
    if not is_url(url):
        raise LocalProtocolError("an address of a host has to be a full http(s) or ws(s) URL")
    parts = urlsplit(url)
    host = str(parts.hostname)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port or DEFAULT_PORTS[parts.scheme]}"


_SECRET_NAME: Final = re.compile(
    r"token|secret|password|passcode|signature|credential|authorization|api-?_?key|jwt", re.I
)
_SECRET_NAMES: Final = frozenset({"auth", "code", "key", "pin", "pwd", "sig"})
_SECRET_VALUE: Final = re.compile(
    r"(?:Bearer|Basic)(?:\+|%20| )"  # a header that lost its way
    r"|eyJ[\w-]+\."  # JWT, JWE
    r"|[^_]+_[A-Za-z0-9]{4}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # <opaque>_<cluster>_<org>
    re.I,
)


def redact_url(url: str) -> str:
    """Return a URL that may be logged: no userinfo, `***` for values that look like a token.

    Judged by the name of the member or by its value; everything else stays byte for byte, also in texts that are no URL.
    Source: protocol/activation-and-media.md 9.4.
    """
    head, mark, fragment = url.partition("#")
    path, question, query = head.partition("?")
    path = re.sub(r"^([A-Za-z][\w+.-]*:)?//[^/]*@", lambda found: (found[1] or "") + "//", path)
    return path + question + _redact_members(query) + mark + _redact_members(fragment)


def _redact_members(text: str) -> str:
    return "&".join(_redact_member(member) for member in text.split("&"))


def _redact_member(member: str) -> str:
    name, equals, value = member.partition("=")
    if not equals:
        return "***" if _SECRET_VALUE.match(name) else member
    is_secret = name.lower() in _SECRET_NAMES or _SECRET_NAME.search(name) or _SECRET_VALUE.match(value)
    return f"{name}=***" if is_secret and value else member


def room_address(name: str, org_id: str) -> str:
    """Return the address under which the device of a room is called: `huddle.1@0a1b2c3d.room.test`.

    Letters and digits of the name with dots between them, below a reserved domain with the first eight characters of the organization's id.
    The form is that of protocol/xapi.md section 9, the domain ours; two rooms of one name have one address.
    """
    user = re.sub(r"[^a-z0-9]+", ".", name.casefold()).strip(".") or "room"
    return f"{user}@{org_id[:8]}.{ROOM_DOMAIN}"
