"""OData query options of event lists: pure. What is not one of them is refused, with the part that was not understood.

$filter: comparisons joined with `and`; $orderby, $select, $top, $skip, $count, $expand of extended properties.
Source: protocol/calendar-and-obtp.md 13.2; OData 4.01 part 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from cloud_stub.hybrid_calendar.mailboxes.errors import CalendarError
from cloud_stub.hybrid_calendar.platforms.graph_json import MEMBERS
from cloud_stub.platform.mailbox_records import MailboxEvent

TOP_DEFAULT: Final = 10
TOP_MAX: Final = 1_000
QUERY_CHARS_MAX: Final = 4_096
OPTIONS: Final = frozenset({"$filter", "$orderby", "$select", "$top", "$skip", "$count", "$expand"})

Test: TypeAlias = Callable[[MailboxEvent], bool]
_FIELDS: Final[Mapping[str, Callable[[MailboxEvent], Any]]] = {
    "id": lambda event: event.id,
    "start/datetime": lambda event: event.start,
    "end/datetime": lambda event: event.end,
    "createddatetime": lambda event: event.created,
    "lastmodifieddatetime": lambda event: event.modified,
    "subject": lambda event: event.subject.lower(),
    "icaluid": lambda event: event.uid.lower(),
    "seriesmasterid": lambda event: event.series_id,
    "type": lambda event: event.kind.value.lower(),
    "iscancelled": lambda event: event.is_cancelled,
    "isallday": lambda event: event.is_all_day,
    "isorganizer": lambda event: event.is_organizer,
    "showas": lambda event: event.show_as.lower(),
    "sensitivity": lambda event: event.sensitivity,
}
_EXACT: Final = frozenset({"id", "seriesmasterid"})
_TIMES: Final = frozenset({"start/datetime", "end/datetime", "createddatetime", "lastmodifieddatetime"})
_COMPARES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
_QUOTED: Final = r"'(?:[^']|'')*'"
_COMPARE = re.compile(rf"([A-Za-z/]+)\s+(eq|ne|gt|ge|lt|le)\s+({_QUOTED}|[^\s'()]+)", re.IGNORECASE)
_FUNCTION = re.compile(rf"(contains|startswith)\(\s*([A-Za-z/]+)\s*,\s*({_QUOTED})\s*\)", re.IGNORECASE)
_PROPERTY = re.compile(
    rf"singleValueExtendedProperties/any\(\s*(\w+)\s*:\s*\1/id eq ({_QUOTED}) and \1/value eq ({_QUOTED})\s*\)",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_EXPAND = re.compile(r"singleValueExtendedProperties(?:\(\s*\$filter=(.*)\))?", re.IGNORECASE | re.DOTALL)
_EXPAND_ID = re.compile(rf"id eq ({_QUOTED})(?:\s+or\s+|$)", re.IGNORECASE)


class BadQuery(CalendarError):
    """400: a query option that is not understood; the text names it."""

    def __init__(self, text: str, code: str = "ErrorInvalidUrlQuery") -> None:
        super().__init__(400, text, code)


@dataclass(frozen=True, slots=True)
class Query:
    """What a list request asks for.

    `shows_property` says which extended properties are expanded, by id; None: none.
    """

    tests: tuple[Test, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    select: frozenset[str] = frozenset()
    top: int = TOP_DEFAULT
    skip: int = 0
    counts: bool = False
    shows_property: Callable[[str], bool] | None = None

    def apply(self, events: list[MailboxEvent]) -> list[MailboxEvent]:
        """Return the events that pass, in the order that was asked for; all pages of them."""
        found = [event for event in events if all(test(event) for test in self.tests)]
        for name, is_descending in reversed(self.order):
            found.sort(key=_FIELDS[name], reverse=is_descending)
        return found

    def cut(self, written: dict[str, Any]) -> dict[str, Any]:
        """Return the members of an event that were selected."""
        if not self.select:
            return written
        kept = (
            self.select | {"@odata.etag", "id"} | ({"singleValueExtendedProperties"} if self.shows_property else set())
        )
        return {name: value for name, value in written.items() if name in kept}


def parse_query(given: Mapping[str, str], *, further: frozenset[str] = frozenset()) -> Query:
    """Read query options.

    Args:
        further: parameters of the call itself, `startDateTime`.

    Raises:
        BadQuery: the text names the option.
    """
    for name, value in given.items():
        if len(value) > QUERY_CHARS_MAX:
            raise BadQuery(f"{name[:40]} is longer than {QUERY_CHARS_MAX} characters")
        if name.startswith("$") and name not in OPTIONS:
            raise BadQuery(f"The query option {name[:40]} is not supported here; {', '.join(sorted(OPTIONS))} are.")
        if not name.startswith("$") and name not in further:
            raise BadQuery(f"The query parameter {name[:40]} is unknown here.")
    return Query(
        tests=_filter(given.get("$filter", "")),
        order=_order(given.get("$orderby", "")),
        select=_select(given.get("$select", "")),
        top=_number(given, "$top", TOP_DEFAULT, 1, TOP_MAX),
        skip=_number(given, "$skip", 0, 0, 1_000_000),
        counts=given.get("$count", "").lower() == "true",
        shows_property=_expand(given["$expand"]) if "$expand" in given else None,
    )


def _number(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and low <= int(text) <= high):
        raise BadQuery(f"{name} is {low} to {high}")
    return int(text)


def _select(text: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    by_case = {name.lower(): name for name in MEMBERS}
    for name in sorted(names):
        if name.lower() not in by_case:
            raise BadQuery(
                f"Could not find a property named '{name[:60]}' on type 'microsoft.graph.event'.",
                "RequestBroker--ParseUri",
            )
    return frozenset(by_case[name.lower()] for name in names)


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        name, _, way = part.partition(" ")
        way = way.strip().lower()
        if name.lower() not in _FIELDS or way not in ("", "asc", "desc"):
            raise BadQuery(f"$orderby: {part[:60]!r} is not understood; write start/dateTime desc")
        order.append((name.lower(), way == "desc"))
    return tuple(order)


def _filter(text: str) -> tuple[Test, ...]:
    tests: list[Test] = []
    rest = text.strip()
    while rest:
        for pattern, make in ((_PROPERTY, _property_test), (_FUNCTION, _function_test), (_COMPARE, _compare_test)):
            found = pattern.match(rest)
            if found is not None:
                tests.append(make(found))
                break
        else:
            raise _not_understood(rest)
        rest = rest[found.end() :].strip()
        if rest:
            joined = _AND.match(f" {rest}")
            if joined is None:
                raise _not_understood(rest)
            rest = rest[joined.end() - 1 :]
            if not rest:
                raise _not_understood("and")
    return tuple(tests)


def _not_understood(rest: str) -> BadQuery:
    return BadQuery(
        f"$filter: {rest[:60]!r} is not understood; comparisons (eq, ne, gt, ge, lt, le), contains and startswith are, joined with and"
    )


def _property_test(found: re.Match[str]) -> Test:
    name, value = _text(found[2]), _text(found[3])
    return lambda event: event.properties.get(name) == value


def _function_test(found: re.Match[str]) -> Test:
    field = found[2].lower()
    if field != "subject":
        raise BadQuery(f"$filter: {found[1].lower()} works on subject only")
    wanted = _text(found[3]).lower()
    if found[1].lower() == "contains":
        return lambda event: wanted in event.subject.lower()
    return lambda event: event.subject.lower().startswith(wanted)


def _compare_test(found: re.Match[str]) -> Test:
    name, compare = found[1].lower(), _COMPARES[found[2].lower()]
    read = _FIELDS.get(name)
    if read is None:
        raise BadQuery(f"$filter: {found[1][:60]} cannot be compared here")
    wanted = _literal(name, found[3])
    if isinstance(wanted, bool) and found[2].lower() not in ("eq", "ne"):
        raise BadQuery(f"$filter: {found[1]} is compared with eq or ne")
    return lambda event: compare(read(event), wanted)


def _literal(name: str, text: str) -> Any:
    if name in _TIMES:
        try:
            at = datetime.fromisoformat(_text(text) if text.startswith("'") else text)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadQuery(f"$filter: {text[:40]} is no time; write '2026-03-02T09:00:00Z'") from None
    if name.startswith("is"):
        if text.lower() not in ("true", "false"):
            raise BadQuery(f"$filter: {name} is true or false")
        return text.lower() == "true"
    if not text.startswith("'"):
        raise BadQuery(f"$filter: {text[:40]} has to stand in quotes")
    return _text(text) if name in _EXACT else _text(text).lower()


def _text(quoted: str) -> str:
    return quoted[1:-1].replace("''", "'")


def _expand(text: str) -> Callable[[str], bool]:
    found = _EXPAND.fullmatch(text.strip())
    if found is None:
        raise BadQuery(
            f"$expand: {text[:60]!r} is not understood; singleValueExtendedProperties($filter=id eq '...') is"
        )
    condition = found[1]
    if condition is None:
        return lambda _: True
    wanted, rest = [], condition.strip()
    while rest:
        one = _EXPAND_ID.match(rest)
        if one is None:
            raise BadQuery(f"$expand: {rest[:60]!r} is not understood; write id eq '...', joined with or")
        wanted.append(_text(one[1]).lower())
        rest = rest[one.end() :]
    return lambda name: name.lower() in wanted
