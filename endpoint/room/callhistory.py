"""The call history: who was called, who called, and who has not been noticed yet.

Newest first in every answer. Source: protocol/xapi.md 8.5, xapi-nodes.md 5.3, 6.4, 7.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from endpoint.room.callentry import Entry, details, recent
from endpoint.room.keeping import keep
from endpoint.room.ports import RoomWorld
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields

ENTRIES_MAX: Final = 200
"""Entries kept; a new one pushes the oldest out."""
TEXT_CHARS_MAX: Final = 255
"""Of every text of an entry: most of them come from the far end."""


class CallHistory:
    """The calls that this device has had.

    Args:
        store: keeps the entries over a restart; StorageError when it cannot.
        saved: what it was given last.
    """

    __slots__ = ("_entries", "_last", "_room", "_store")

    def __init__(
        self, room: RoomWorld, store: Callable[[tuple[Entry, ...]], object], saved: Sequence[Entry] = ()
    ) -> None:
        self._room = room
        self._store = store
        self._entries = tuple(saved)
        self._last = max((entry.call_history_id for entry in saved), default=0)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries, oldest first."""
        return self._entries

    def add(self, entry: Entry) -> int | None:
        """Take a call that is over; a missed one waits to be acknowledged.

        Returns:
            Its number; None when the history is switched off.

        Raises:
            CommandFailed: it cannot be stored; the history is as before.
        """
        if self._room.settings.get(("CallHistory", "Mode")) == "Off":
            return None
        cut = {
            name: value[:TEXT_CHARS_MAX]
            for name, value in msgspec.structs.asdict(entry).items()
            if isinstance(value, str) and len(value) > TEXT_CHARS_MAX
        }
        number = self._last + 1
        missed = entry.occurrence == "Missed"
        added = msgspec.structs.replace(entry, **cut, call_history_id=number, is_acknowledged=not missed)
        self._keep((*self._entries, added)[-ENTRIES_MAX:])
        self._last = number
        self._updated()
        return number

    # commands

    def get(self, call: Invocation) -> Fields:
        """Return entries, or the one of a CallHistoryId."""
        number = call.number("CallHistoryId")
        found = [self._entry(number)] if number is not None else self._entries
        now, zone, is_full = self._room.world.clock.now(), self._zone(), call.text("DetailLevel") == "Full"
        return _page(call, [details(entry, now, zone, is_full=is_full) for entry in _chosen(found, call)])

    def recents(self, call: Invocation) -> Fields:
        """Return whom the calls were with, each once, with the last call and how many there were."""
        groups: dict[str, list[Entry]] = {}
        for entry in _chosen(self._entries, call):
            groups.setdefault(entry.callback_number, []).append(entry)
        together = list(groups.values())
        if call.text("Order") == "OccurrenceFrequency":
            together.sort(key=len, reverse=True)
        now, zone, is_full = self._room.world.clock.now(), self._zone(), call.text("DetailLevel") == "Full"
        return _page(call, [recent(group[0], len(group), now, zone, is_full=is_full) for group in together])

    def delete_entry(self, call: Invocation) -> None:
        """Forget an entry, with the same calls right before it if that is asked for."""
        gone = self._with_duplicates(call, "DeleteConsecutiveDuplicates")
        self._keep(tuple(entry for entry in self._entries if entry not in gone))
        self._updated()

    def delete_all(self, call: Invocation) -> None:
        """Forget all entries, or those of one kind."""
        kind = call.text("Filter")
        self._keep(tuple(entry for entry in self._entries if kind not in ("All", entry.occurrence)))
        self._room.raise_event("CallLog Cleared", {})
        self._updated()

    def acknowledge(self, call: Invocation) -> None:
        """Take note of a missed call, with the same calls right before it if that is asked for."""
        self._acknowledge(self._with_duplicates(call, "AcknowledgeConsecutiveDuplicates"))

    def acknowledge_all(self, call: Invocation) -> None:
        """Take note of every missed call."""
        self._acknowledge(self._entries)

    # inside

    def _entry(self, number: int | None) -> Entry:
        for entry in self._entries:
            if entry.call_history_id == number:
                return entry
        raise CommandFailed(f"No entry {number} in the call history")

    def _with_duplicates(self, call: Invocation, asked: str) -> list[Entry]:
        """Return the entry of a call, and those right before it with the same number and outcome."""
        entry = self._entry(call.number("CallHistoryId"))
        found = [entry]
        if call.text(asked) == "True":
            for older in reversed(self._entries[: self._entries.index(entry)]):
                if (older.callback_number, older.occurrence) != (entry.callback_number, entry.occurrence):
                    break
                found.append(older)
        return found

    def _acknowledge(self, noticed: Sequence[Entry]) -> None:
        waiting = [entry for entry in noticed if not entry.is_acknowledged]
        if not waiting:
            return
        self._keep(
            tuple(
                msgspec.structs.replace(entry, is_acknowledged=True) if entry in waiting else entry
                for entry in self._entries
            )
        )
        self._updated()

    def _keep(self, entries: tuple[Entry, ...]) -> None:
        keep(self._store, entries)
        self._entries = entries

    def _updated(self) -> None:
        self._room.raise_event("CallHistory Updated", {})

    def _zone(self) -> tzinfo:
        try:
            return ZoneInfo(str(self._room.settings.get(("Time", "Zone")) or "Etc/UTC"))
        except (ZoneInfoNotFoundError, ValueError):
            return UTC  # a machine without a time zone database

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "CallHistory AcknowledgeAllMissedCalls": acknowledge_all,
        "CallHistory AcknowledgeMissedCall": acknowledge,
        "CallHistory DeleteAll": delete_all,
        "CallHistory DeleteEntry": delete_entry,
        "CallHistory Get": get,
        "CallHistory Recents": recents,
    }


def _page(call: Invocation, found: list[dict[str, Any]]) -> Fields:
    """Return what Offset and Limit leave of an answer; entries are counted from 0 (D)."""
    offset, limit = call.number("Offset") or 0, call.number("Limit") or 0
    page = found[offset : offset + limit]
    return {
        "Entry": [{"id": number, **fields} for number, fields in enumerate(page)],
        "ResultInfo": {"Offset": offset, "Limit": limit},
    }


def _chosen(entries: Iterable[Entry], call: Invocation) -> list[Entry]:
    """Return the entries that a filter and a search leave, newest first."""
    kind, wanted = call.text("Filter"), call.text("SearchString").casefold()
    return [
        entry
        for entry in reversed(tuple(entries))
        if _passes(entry, kind)
        and any(wanted in text.casefold() for text in (entry.display_name, entry.callback_number, entry.remote_number))
    ]


def _passes(entry: Entry, kind: str) -> bool:
    match kind:
        case "All":
            return True
        case "UnacknowledgedMissed":
            return entry.occurrence == "Missed" and not entry.is_acknowledged
        case "Pmr":
            return entry.is_personal_room
        case _:
            return entry.occurrence == kind
