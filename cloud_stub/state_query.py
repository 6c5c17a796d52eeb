"""The state of the cloud by dotted paths: what expectations, the control API and pages look at.

    code.state              of the code created last
    code.43534500.state     of a certain one
    device.count            how many there are
    mercury.open            computed

Nothing secret can be reached: a record shows what its kind lists in `SHOWN`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import NotFound
from cloud_stub.platform.records import (
    Code,
    Device,
    Meeting,
    Org,
    Record,
    Registration,
    Toggle,
    Upgrade,
    User,
    Workspace,
)
from cloud_stub.services.activation_codes import Codes
from cloud_stub.services.device_status import connection_status
from cloud_stub.services.mercury import Mercury

KINDS: dict[str, type[Record]] = {
    "code": Code,
    "device": Device,
    "meeting": Meeting,
    "org": Org,
    "registration": Registration,
    "toggle": Toggle,
    "upgrade": Upgrade,
    "user": User,
    "workspace": Workspace,
}
COMPUTED = ("faults", "journal", "mercury")
Ask: TypeAlias = Callable[[str, list[str]], Any]
"""Who answers for a subject of its own: told the subject and the rest of the path."""


class StateQuery:
    """Reads the state of a cloud, and changes nothing."""

    def __init__(self, platform: Platform, codes: Codes, mercury: Mercury) -> None:
        self._platform = platform
        self._codes = codes
        self._mercury = mercury
        self.subjects: dict[str, Ask] = {}
        """Subjects that others know about."""

    def query(self, path: str) -> Any:
        """Return what a path leads to: a value, or all that may be shown of a record.

        Raises:
            NotFound: it leads nowhere; the text says which word was wrong, and what would have been right.
        """
        subject, *rest = path.split(".")
        if subject in self.subjects:
            return self.subjects[subject](subject, rest)
        if subject in COMPUTED:
            return _pick(subject, self._computed(subject), rest)
        if subject not in KINDS:
            raise NotFound(
                f"there is no {subject!r} in the cloud's state; there are {', '.join((*KINDS, *COMPUTED, *self.subjects))}"
            )
        table: Any = self._platform.store[KINDS[subject]]
        if rest == ["count"]:
            return len(table)
        record = table.last()
        if rest and rest[0] in table:
            record = table.get(rest.pop(0))
        elif len(rest) > 1:
            raise NotFound(f"there is no {subject} {rest[0]}")
        if record is None:
            raise NotFound(f"there is no {subject} yet")
        return _pick(subject, self._shown(record), rest)

    def export(self) -> dict[str, Any]:
        """Return everything that may be shown, by table."""
        return dict(msgspec.to_builtins(self._platform.store.export()))

    def _shown(self, record: Record) -> dict[str, Any]:
        if isinstance(record, Code):
            record = self._codes.current(record.id) or record
        shown = record.shown()
        if isinstance(record, Device):
            shown["status"] = connection_status(record, self._platform)
        return shown

    def _computed(self, subject: str) -> dict[str, Any]:
        if subject == "faults":
            return {"armed": [fault.id for fault in self._platform.faults.armed]}
        if subject == "journal":
            journal = self._platform.journal
            unmatched = len(journal.entries(unmatched=True))
            return {"count": journal.count, "unmatched": unmatched, "dropped": journal.dropped}
        sockets = self._mercury.open_sockets()
        return {
            "open": len(sockets),
            "unacked": sum(len(socket.unacked) for socket in sockets),
            "users": sorted({socket.registration.user_id for socket in sockets}),
        }


def _pick(subject: str, values: dict[str, Any], rest: list[str]) -> Any:
    if not rest:
        return values
    if len(rest) > 1 or rest[0] not in values:
        raise NotFound(f"{subject} has no {'.'.join(rest)!r}; it has {', '.join(sorted(values))}")
    return values[rest[0]]
