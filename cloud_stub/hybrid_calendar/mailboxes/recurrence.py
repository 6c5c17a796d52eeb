"""Rules of series: the patterns of Graph, RRULE of RFC 5545, and the wall times that a rule gives.

A pattern on the 29th to 31st takes the last day of a shorter month, as Outlook does; RFC 5545 would leave such months out, so that the
rule is written with BYSETPOS. Source: protocol/calendar-and-obtp.md 12.1, 12.3 pitfall 6; RFC 5545 section 3.3.10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any, Final, Literal

from dateutil import rrule

from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent
from cloud_stub.hybrid_calendar.mailboxes.zones import to_utc, to_wall
from cloud_stub.platform.mailbox_records import Recurrence

COUNT_MAX: Final = 999
"""Instances that a rule with a count may have, as in Exchange."""
INTERVAL_MAX: Final = 999
DAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "monday": "MO",
        "tuesday": "TU",
        "wednesday": "WE",
        "thursday": "TH",
        "friday": "FR",
        "saturday": "SA",
        "sunday": "SU",
    }
)
INDEXES: Final[Mapping[str, int]] = MappingProxyType({"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1})
TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "daily": "DAILY", "weekly": "WEEKLY", "absoluteMonthly": "MONTHLY", "relativeMonthly": "MONTHLY", "absoluteYearly": "YEARLY",
        "relativeYearly": "YEARLY",
    }
)  # fmt: skip
_FREQUENCIES: Final[Mapping[str, Literal[0, 1, 2, 3]]] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
_WEEKDAYS: Final = dict(zip(DAYS, (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU), strict=True))
_NAMES: Final = {code: name for name, code in DAYS.items()}
_INDEX_NAMES: Final = {number: name for name, number in INDEXES.items()}
_SHORTEST: Final = 28


def check(recurrence: Recurrence, first: datetime) -> None:
    """Refuse a rule that is none.

    Args:
        first: wall time of the start of the series.

    Raises:
        InvalidEvent: the text names the member.
    """
    problem = _problem(recurrence, first)
    if problem is not None:
        raise InvalidEvent(problem, "ErrorPropertyValidationFailure")
    if next(walls(recurrence, first), None) is None:
        raise InvalidEvent("the recurrence has no instance before it ends", "ErrorPropertyValidationFailure")


def _problem(recurrence: Recurrence, first: datetime) -> str | None:
    kind = recurrence.type
    if kind not in TYPES:
        return f"pattern.type is one of {', '.join(TYPES)}"
    if not 1 <= recurrence.interval <= INTERVAL_MAX:
        return f"pattern.interval is 1 to {INTERVAL_MAX}"
    if recurrence.first_day not in DAYS or any(day not in DAYS for day in recurrence.days):
        return f"days of week are {', '.join(DAYS)}"
    if (kind == "weekly" or kind.startswith("relative")) and not recurrence.days:
        return f"pattern.daysOfWeek is needed for {kind}"
    if kind.startswith("relative") and recurrence.index not in INDEXES:
        return f"pattern.index is one of {', '.join(INDEXES)}"
    if kind.startswith("absolute") and not 1 <= recurrence.day_of_month <= 31:
        return f"pattern.dayOfMonth is 1 to 31 for {kind}"
    if kind.endswith("Yearly") and not 1 <= recurrence.month <= 12:
        return f"pattern.month is 1 to 12 for {kind}"
    if not 0 <= recurrence.count <= COUNT_MAX:
        return f"range.numberOfOccurrences is 1 to {COUNT_MAX}"
    if recurrence.ends is not None and recurrence.ends < first.date():
        return "range.endDate is not before the start"
    return None


def walls(recurrence: Recurrence, first: datetime) -> Iterator[datetime]:
    """Return the wall times at which instances start, from the start of the series on, endless if the rule is."""
    kind = recurrence.type
    options: dict[str, Any] = {"interval": recurrence.interval, "wkst": _WEEKDAYS[recurrence.first_day]}
    if kind == "weekly" or kind.startswith("relative"):
        options["byweekday"] = [_WEEKDAYS[day] for day in recurrence.days]
    if kind.startswith("relative"):
        options["bysetpos"] = INDEXES[recurrence.index]
    if kind.startswith("absolute"):
        options["bymonthday"] = _month_days(recurrence.day_of_month)
        options["bysetpos"] = -1
    if kind.endswith("Yearly"):
        options["bymonth"] = recurrence.month
    if recurrence.count:
        options["count"] = recurrence.count
    elif recurrence.ends is not None:
        options["until"] = datetime.combine(recurrence.ends, time.max)
    return iter(rrule.rrule(_FREQUENCIES[TYPES[kind]], dtstart=first, **options))


def _month_days(day: int) -> list[int]:
    return list(range(_SHORTEST, day + 1)) if day > _SHORTEST else [day]


# -- RRULE --------------------------------------------------------------------------------------------------------------------------------


def to_rrule(recurrence: Recurrence, zone: str) -> str:
    """Write a rule as RRULE value; UNTIL, if there is one, in UTC: the end of the last day in the zone of the series."""
    kind = recurrence.type
    parts = [f"FREQ={TYPES[kind]}"]
    if recurrence.interval != 1:
        parts.append(f"INTERVAL={recurrence.interval}")
    if kind.endswith("Yearly"):
        parts.append(f"BYMONTH={recurrence.month}")
    if kind.startswith("absolute"):
        days = _month_days(recurrence.day_of_month)
        parts.append(f"BYMONTHDAY={','.join(map(str, days))}")
        parts += ["BYSETPOS=-1"] if len(days) > 1 else []
    if kind == "weekly":
        parts.append(f"BYDAY={','.join(DAYS[day] for day in recurrence.days)}")
    if kind.startswith("relative"):
        number = INDEXES[recurrence.index]
        if len(recurrence.days) == 1:
            parts.append(f"BYDAY={number}{DAYS[recurrence.days[0]]}")
        else:
            parts += [f"BYDAY={','.join(DAYS[day] for day in recurrence.days)}", f"BYSETPOS={number}"]
    parts.append(f"WKST={DAYS[recurrence.first_day]}")
    if recurrence.count:
        parts.append(f"COUNT={recurrence.count}")
    elif recurrence.ends is not None:
        until = to_utc(datetime.combine(recurrence.ends, time(23, 59, 59)), zone)
        parts.append(f"UNTIL={until:%Y%m%dT%H%M%SZ}")
    return ";".join(parts)


def from_rrule(text: str, first: datetime, zone: str) -> Recurrence:
    """Read an RRULE value.

    Args:
        first: wall time of the start of the series: what the rule leaves out follows from it.

    Raises:
        InvalidEvent: it is no rule, or none that a calendar of Graph can hold; the text names the part.
    """
    parts = _parts(text)
    frequency = parts.pop("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise _unfit("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY")
    fields: dict[str, Any] = {"interval": _number(parts.pop("INTERVAL", "1"), "INTERVAL")}
    fields["first_day"] = _day_names([parts.pop("WKST", "MO")])[0]
    fields |= _range(parts, zone)
    match frequency:
        case "DAILY":
            fields["type"] = "daily"
        case "WEEKLY":
            days = _day_names(parts.pop("BYDAY", DAYS[tuple(DAYS)[first.weekday()]]).split(","))
            fields |= {"type": "weekly", "days": days}
        case _:
            fields |= _monthly(parts, first, "Monthly" if frequency == "MONTHLY" else "Yearly")
    if parts:
        raise _unfit(f"{', '.join(sorted(parts))} with FREQ={frequency} is no pattern of Graph")
    recurrence = Recurrence(**fields)
    check(recurrence, first)
    return recurrence


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").upper().split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in parts:
            raise _unfit(f"{part[:40]!r} is no part of a rule; write FREQ=WEEKLY;BYDAY=MO")
        parts[name] = value
    return parts


def _range(parts: dict[str, str], zone: str) -> dict[str, Any]:
    if "COUNT" in parts and "UNTIL" in parts:
        raise _unfit("a rule has COUNT or UNTIL, not both")
    if "COUNT" in parts:
        return {"count": _number(parts.pop("COUNT"), "COUNT")}
    if "UNTIL" not in parts:
        return {}
    return {"ends": _until(parts.pop("UNTIL"), zone)}


def _until(text: str, zone: str) -> date:
    """Return the last day of a rule, in the zone of the series."""
    for form in ("%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d"):
        try:
            at = datetime.strptime(text, form)  # noqa: DTZ007  a wall time, or the Z is looked at below
        except ValueError:
            continue
        return to_wall(at.replace(tzinfo=UTC), zone).date() if form.endswith("Z") else at.date()
    raise _unfit("UNTIL is written 20260331T215959Z")


def _monthly(parts: dict[str, str], first: datetime, period: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if period == "Yearly":
        fields["month"] = _number(parts.pop("BYMONTH", str(first.month)), "BYMONTH")
    position = parts.pop("BYSETPOS", "")
    if "BYDAY" in parts:
        names = parts.pop("BYDAY").split(",")
        number = names[0].rstrip("ADEFHMORSTUW")
        if len(names) == 1 and number and not position:
            position, names = number, [names[0].removeprefix(number)]
        if not position:
            raise _unfit("BYDAY of a month needs a number, BYDAY=2TU")
        index = _INDEX_NAMES.get(_number(position, "BYSETPOS"))
        if index is None:
            raise _unfit("the days of a month are counted 1 to 4 or -1")
        return fields | {"type": f"relative{period}", "days": _day_names(names), "index": index}
    if (
        "BYMONTHDAY" not in parts and not position
    ):  # the day of the start, as Outlook reads it: the last one where a month is shorter
        return fields | {"type": f"absolute{period}", "day_of_month": first.day}
    days = [_number(day, "BYMONTHDAY") for day in parts.pop("BYMONTHDAY", str(first.day)).split(",")]
    return fields | {"type": f"absolute{period}", "day_of_month": _day_of_month(days, position)}


def _day_of_month(days: list[int], position: str) -> int:
    if days == [-1] and position in ("", "-1", "1", "+1"):
        return 31
    if len(days) == 1 and 1 <= days[0] <= _SHORTEST and position in ("", "-1", "1", "+1"):
        return days[0]
    if len(days) > 1 and position == "-1" and sorted(days) == list(range(_SHORTEST, max(days) + 1)) and max(days) <= 31:
        return max(days)
    raise _unfit(
        "Graph has one day of the month, and takes the last day of shorter months: BYMONTHDAY=15, BYMONTHDAY=28,29,30,31;BYSETPOS=-1"
    )


def _day_names(codes: list[str]) -> tuple[str, ...]:
    if any(code not in _NAMES for code in codes):
        raise _unfit(f"days of week are {', '.join(_NAMES)}")
    return tuple(dict.fromkeys(_NAMES[code] for code in codes))


def _number(text: str, name: str) -> int:
    digits = text.lstrip("+-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 4 and len(text) - len(digits) <= 1):
        raise _unfit(f"{name} is a number")
    return int(text)


def _unfit(text: str) -> InvalidEvent:
    return InvalidEvent(f"recurrence: {text}", "ErrorPropertyValidationFailure")
