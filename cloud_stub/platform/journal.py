"""The request journal: what came in lately, what was answered, and for strangers the route that they nearly met.

Nothing secret is in it: no headers, no bodies, and of queries only values whose names are known to be harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any

ENTRIES_MAX = 2_000
"""Requests that are remembered; older ones are counted in `Journal.dropped`."""

SHOWN_QUERY = frozenset(
    {
        "max", "offset", "start", "cursor", "fromDate", "toDate", "compact", "format", "orgId", "mode", "timestamp", "types",
        "includeUpstreamServices", "JCSupport", "ipver", "workspaceId", "personId", "deviceId", "connectionStatus", "product", "type",
        "displayName", "serial", "name", "path", "bufferStates", "aliasHttpStatus", "outboundWireFormat", "clientTimestamp",
        "mercuryRegistrationStatus", "isRegistrationRefreshEnabled", "multipleConnections", "status", "unmatched", "service", "limit",
        "tag",
    }
)  # fmt: skip
"""Query members whose values may be shown; of any other only the name is."""


def shown_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return a query that may be shown."""
    return {name: value if name in SHOWN_QUERY else "<hidden>" for name, value in query.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `explanation` is there when no route met it: what was nearest, and where they differ."""

    n: int
    at: str
    method: str
    host: str
    path: str
    query: dict[str, str]
    service: str
    status: int
    tracking_id: str
    label: str = ""
    explanation: str = ""

    @property
    def is_matched(self) -> bool:
        """Tell whether a route answered it."""
        return not self.explanation


class Journal:
    """The last requests, oldest first."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: deque[Entry] = deque(maxlen=entries_max)
        self.count = 0

    @property
    def dropped(self) -> int:
        """Requests that the bound has pushed out."""
        return self.count - len(self._entries)

    def add(self, **fields: Any) -> Entry:
        """Append a request; the fields are those of `Entry` but for `n`."""
        self.count += 1
        entry = Entry(n=self.count, **fields)
        self._entries.append(entry)
        return entry

    def entries(self, *, unmatched: bool = False, service: str = "", limit: int = ENTRIES_MAX) -> list[Entry]:
        """Return the newest entries that fit, oldest first."""
        fitting = [
            entry
            for entry in self._entries
            if (not unmatched or not entry.is_matched) and (not service or entry.service == service)
        ]
        return fitting[-limit:] if limit > 0 else []

    def clear(self) -> None:
        """Forget all entries; the numbers go on."""
        self._entries.clear()

    def export(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """Return entries as plain JSON values."""
        return [asdict(entry) for entry in entries]


def nearest(method: str, path: str, known: Iterable[tuple[str, str]]) -> str:
    """Explain a request that no route met by the one that is most like it.

    Args:
        known: method and path pattern of every route; a pattern's `{name}` stands for one segment.
    """
    best: tuple[float, str, str] = (-1.0, "", "")
    for candidate, pattern in known:
        score = _likeness(path, pattern) + (0.25 if candidate == method else 0.0)
        if score > best[0]:
            best = (score, candidate, pattern)
    _, candidate, pattern = best
    if not pattern:
        return "there are no routes"
    if _segments_fit(path, pattern):
        return f"{path} answers {candidate}, not {method}"
    return f"nearest route: {candidate} {pattern}; differs at {_first_difference(path, pattern)}"


def _likeness(path: str, pattern: str) -> float:
    asked, wanted = path.strip("/").split("/"), pattern.strip("/").split("/")
    pairs = list(zip(asked, wanted, strict=False))
    alike = sum(0.9 if _is_slot(want) else SequenceMatcher(None, ask, want).ratio() for ask, want in pairs)
    return alike / max(len(asked), len(wanted))


def _segments_fit(path: str, pattern: str) -> bool:
    asked, wanted = path.strip("/").split("/"), pattern.strip("/").split("/")
    return len(asked) == len(wanted) and all(
        _is_slot(want) or ask == want for ask, want in zip(asked, wanted, strict=True)
    )


def _first_difference(path: str, pattern: str) -> str:
    asked, wanted = path.strip("/").split("/"), pattern.strip("/").split("/")
    for ask, want in zip(asked, wanted, strict=False):
        if not _is_slot(want) and ask != want:
            return f"{ask!r}, which is {want!r} there"
    return f"the end: {len(asked)} segments instead of {len(wanted)}"


def _is_slot(segment: str) -> bool:
    return segment.startswith("{")
