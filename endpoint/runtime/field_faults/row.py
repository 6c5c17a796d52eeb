"""What one row of the fault table is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Source = Literal["observed", "documented", "inferred", "ours"]
"""Where the behaviour behind a row is known from."""

RECOVERS_S = 120.0
"""Virtual seconds within which a device is well again after a fault has healed, where a row names no other time."""


class Variant(NamedTuple):
    """Another way in which a row breaks: its own word behind the name of the row, what is broken, and its own faults."""

    word: str
    what: str
    plan: tuple[Mapping[str, Any], ...]


class Row(NamedTuple):
    """One fault of the field: a switch, and what follows from it.

    Attributes:
        number: place in the table.
        id: the name to use: `fault: dns.nxdomain`.
        what: what is broken.
        log: lines of the device log by their marks, see docs/reference/device-log.md.
        shown: Webex Status and Diagnostics Messages, with C, E, W or I for the level.
        people: what people at the device see; then the state in the admin site.
        source: where the behaviour is known from.
        plan: the faults that make it, in the words of `endpoint.runtime.vocabulary`; every one is lasting or momentary as its word is.
        before: what has to be so before the fault can bite, for the reader: `a proxy is configured`.
        recovers_s: virtual seconds within which the device is well again after the fault has healed; None when it is not meant to be
            (an account that is gone).
        scenario: the file below `scenarios/` that plays it.
        pending: why it cannot be switched on yet; empty when it can.
        variants: other ways in which the same breaks, each a switch of its own: `dns.slow.servfail`.
    """

    number: int
    id: str
    what: str
    log: str
    shown: str
    people: str
    source: Source
    plan: tuple[Mapping[str, Any], ...] = ()
    before: str = ""
    recovers_s: float | None = RECOVERS_S
    scenario: str = ""
    pending: str = ""
    variants: tuple[Variant, ...] = ()

    @property
    def is_built(self) -> bool:
        """Say whether it can be switched on."""
        return not self.pending

    @property
    def switches(self) -> tuple[Row, ...]:
        """The row itself and its variants, each as a row that is switched on by its own id."""
        others = (
            self._replace(id=f"{self.id}.{one.word}", what=one.what, plan=one.plan, variants=())
            for one in self.variants
        )
        return self, *others
