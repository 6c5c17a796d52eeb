"""The table of video addresses, by host: rows of links and rows of addresses.

Source: protocol/calendar-and-obtp.md 5.2.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from cloud_stub.hybrid_calendar.address_rows import ADDRESSES, AddressRow
from cloud_stub.hybrid_calendar.link_rows import LINK_ONLY, LINKS, LinkRow

RowT = TypeVar("RowT", LinkRow, AddressRow)


class Index(Generic[RowT]):
    """Rows by the ends of their hosts, each with its place in the table; those for every host come last."""

    def __init__(self, rows: tuple[RowT, ...]) -> None:
        self._rows: dict[str, list[tuple[int, RowT]]] = {}
        for place, row in enumerate(rows):
            for host in row.hosts:
                self._rows.setdefault(host, []).append((place + (len(rows) if host == "*" else 0), row))

    def fitting(self, host: str) -> list[RowT]:
        """Return the rows that may fit a host, in the order of the table."""
        found = [*self._rows.get("*", ()), *self._rows.get("=" + host, ())]
        start = 0
        while start >= 0:
            found += self._rows.get(host[start:], ())
            start = host.find(".", start) + 1 or -1
        found.sort(key=lambda row: row[0])
        return [row for _, row in found]


LINK_INDEX: Final[Index[LinkRow]] = Index((*LINKS, *LINK_ONLY))
ADDRESS_INDEX: Final[Index[AddressRow]] = Index(ADDRESSES)
BARE_HOSTS: Final = tuple(
    sorted({host.lstrip("=") for row in (*LINKS, *LINK_ONLY) for host in row.hosts if host != "*" and row.service})
)
"""Hosts whose links are recognised without a scheme."""
