"""The bytes of a run, kept apart from what is recorded: everything is in them, secrets too.

Each connection that a device opens has two files, what it sent and what it received, as they are inside TLS; datagrams stand one after the
other, each with its length in two bytes before it (RFC 4571). `index.jsonl` says which connection is which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from endpoint.runtime.clock import Clock
from endpoint.runtime.wiretap import Ear
from scenarios.runner.wholefile import PRIVATE, write_new

BYTES_MAX: Final = 256 * 1024 * 1024
"""What is kept of all connections together; what comes later is counted."""
CONNECTIONS_MAX: Final = 20_000
WARNING: Final = "warning: {folder} holds passwords, tokens and keys in clear; delete it afterwards"
_INDEX: Final = "index.jsonl"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass
class Connection:
    """What one connection carried; instants in microseconds since the start of the run."""

    n: int
    t_us: int
    transport: str
    about: Mapping[str, object]
    sent: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    dropped: int = 0

    @property
    def stem(self) -> str:
        """What both files are called before their ends; nothing in it is of a peer's choice but letters and digits."""
        who, host = (_UNFIT.sub("-", str(self.about[key])).strip("-.") for key in ("device", "host"))
        return f"{self.n:05d}-{who}-{host[:80]}-{self.about['port']}"

    def row(self) -> str:
        """Return the line of the index."""
        told = {
            "n": self.n, "t": self.t_us, "device": self.about["device"], "host": self.about["host"], "port": self.about["port"],
            "service": self.about["service"], "transport": self.transport, "sent": sum(map(len, self.sent)),
            "received": sum(map(len, self.received)), "dropped": self.dropped, "files": self.stem,
        }  # fmt: skip
        return json.dumps(told)


class RawBytes:
    """Keeps the bytes of devices, in memory until the run is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connections: list[Connection] = []
        self._kept = 0
        self.dropped = 0
        """Bytes that a bound has kept out."""

    def opened(self, transport: str, about: Mapping[str, object]) -> Ear | None:
        """Begin a connection, see `Wiretap`."""
        if len(self._connections) >= CONNECTIONS_MAX:
            return None
        one = Connection(len(self._connections) + 1, round(self._clock.time() * 1e6), transport, dict(about))
        self._connections.append(one)
        return partial(self._heard, one)

    def _heard(self, one: Connection, data: bytes, *, is_sent: bool) -> None:
        if one.transport == "udp":
            data = len(data).to_bytes(2, "big") + data
        if self._kept + len(data) > BYTES_MAX:
            one.dropped += len(data)
            self.dropped += len(data)
            return
        self._kept += len(data)
        (one.sent if is_sent else one.received).append(data)

    def write(self, folder: Path) -> str:
        """Write everything, readable to the owner only; return what to say of it.

        Raises:
            OSError: it cannot be written; `filename` says what.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        rows = "".join(one.row() + "\n" for one in self._connections)
        files = {_INDEX: rows.encode()}
        for one in self._connections:
            files |= {f"{one.stem}.sent": b"".join(one.sent), f"{one.stem}.received": b"".join(one.received)}
        for name, data in files.items():
            try:
                write_new(folder / name, data, PRIVATE)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(folder / name)) from None
        more = f", {self.dropped} dropped (a bound was hit)" if self.dropped else ""
        return f"kept {folder}: {self._kept} bytes of {len(self._connections)} connections{more}"
