"""Zones: Windows and IANA names of them, and wall times in them.

The table of names is that of tzlocal, made from CLDR. Two wall times of a year are no instants of their own: where the clock is set
back a time comes twice, and the first counts; where it is set forward a time is left out, and what is planned for it is moved by the
step. Source: protocol/calendar-and-obtp.md 12.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import tz_win, win_tz

from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent, UnknownTimeZone

UTC_ZONE: Final = "Etc/UTC"
WINDOWS: Final[Mapping[str, str]] = MappingProxyType({name.lower(): zone for name, zone in win_tz.items() if name})
"""IANA names by Windows names in lower case."""
_FURTHER: Final[Mapping[str, str]] = MappingProxyType({"tzone://microsoft/utc": UTC_ZONE, "utc": UTC_ZONE})


@cache
def _iana_names() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones() | set(tz_win) if name}


def iana(name: str) -> str:
    """Return the IANA name of a zone that is given by a Windows or an IANA name, in any case.

    Raises:
        UnknownTimeZone: it is neither. It is never taken for UTC.
    """
    key = name.strip().lower()
    found = _FURTHER.get(key) or WINDOWS.get(key) or _iana_names().get(key)
    if found is None:
        raise UnknownTimeZone(name)
    return found


def windows(zone: str) -> str:
    """Return the Windows name of an IANA zone; the IANA name itself where Windows has none."""
    return tz_win.get(zone, zone)


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its IANA name."""
    return ZoneInfo(name)


def to_utc(wall: datetime, zone: str) -> datetime:
    """Return the instant of a wall time: the first of two, and moved by the step where there is none.

    Raises:
        InvalidEvent: the instant is outside the years 1 to 9999.
    """
    try:
        return wall.replace(tzinfo=zone_of(zone), fold=0).astimezone(UTC)
    except OverflowError:
        raise InvalidEvent(f"{wall.isoformat()} in {zone} is outside the years 1 to 9999") from None


def to_wall(instant: datetime, zone: str) -> datetime:
    """Return the wall time of an instant, naive."""
    try:
        return instant.astimezone(zone_of(zone)).replace(tzinfo=None, fold=0)
    except OverflowError:
        raise InvalidEvent(f"{instant.isoformat()} in {zone} is outside the years 1 to 9999") from None


def span(wall: datetime, length: timedelta, zone: str) -> tuple[datetime, datetime]:
    """Return the instants of something that begins at a wall time and lasts `length` on the wall clock.

    On the day of a clock change the time really passed differs from `length`; it is taken as it is where the end would not be after
    the start.
    """
    start = to_utc(wall, zone)
    try:
        end = to_utc(wall + length, zone)
    except OverflowError:
        raise InvalidEvent(f"{wall.isoformat()} and {length} are outside the years 1 to 9999") from None
    return start, end if end > start or not length else start + length
