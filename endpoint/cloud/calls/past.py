"""What is remembered of loci that no call is known for: late news of them neither rings again nor is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.dto import Locus, State
from endpoint.wire.locus.sequence import NONE, Order, Sequence, compare, parse_sequence

PAST_MAX: Final = 50
"""Loci that are remembered; the oldest are forgotten first."""


class Past:
    """Remembers what was seen last of loci, and whether they may ring."""

    __slots__ = ("_left", "_quiet", "_seen")

    def __init__(self) -> None:
        self._seen: dict[str, Sequence] = {}
        self._quiet: set[str] = set()
        self._left: dict[str, Sequence] = {}

    def add(self, url: str, locus: Locus | None) -> None:
        """Remember a locus whose call is over here."""
        if not url:
            return
        self._seen.pop(url, None)
        self._remember(url, locus.sequence if locus is not None else NONE)
        self._quiet.add(url)

    def rang(self, url: str) -> None:
        """Take note that a locus has rung: it does not ring again before the device was out of it."""
        self._remember(url, NONE)
        self._quiet.add(url)

    def _remember(self, url: str, sequence: Sequence) -> None:
        self._seen.setdefault(url, sequence)
        while len(self._seen) > PAST_MAX:
            self.forget(next(iter(self._seen)))

    def forget(self, url: str) -> None:
        """Take note that there is a call of it (again)."""
        self._seen.pop(url, None)
        self._quiet.discard(url)
        self._left.pop(url, None)

    def is_stale(self, url: str, raw: Mapping[str, Any]) -> bool:
        """Tell whether a part of a locus is about one that is over, and older than what was seen, or no news for the device."""
        seen = self._seen.get(url)
        if seen is None:
            return False
        if not isinstance(raw.get("self"), Mapping):
            return True  # of others in it
        try:
            sequence = parse_sequence(raw.get("sequence"))
        except RemoteProtocolError:
            return True
        return compare(seen, sequence) is not Order.LESS_THAN

    def is_news(self, locus: Locus) -> bool:
        """Take note of a whole locus; returns whether it may ring."""
        seen, me = self._seen.get(locus.url), locus.me
        if seen is None:
            return True
        if not (seen.is_empty or locus.sequence.is_empty) and compare(seen, locus.sequence) is not Order.LESS_THAN:
            return False
        self._seen[locus.url] = locus.sequence
        if locus.full_state.is_over or (me is not None and me.state in (State.LEFT, State.DECLINED, State.JOINED)):
            self._quiet.discard(locus.url)
        return locus.url not in self._quiet

    def leaves(self, locus: Locus) -> bool:
        """Take note that a locus is to be left; returns whether that is news, and not told a moment ago."""
        if self._left.get(locus.url) == locus.sequence:
            return False
        self._remember(locus.url, locus.sequence)
        self._left[locus.url] = locus.sequence
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()
        self._quiet.clear()
        self._left.clear()
