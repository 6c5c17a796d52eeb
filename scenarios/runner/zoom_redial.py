"""What a listener decides about calls that end: the pure part of `listener: zoom_redial`.

It knows what any xAPI client is told, the fields of the event CallDisconnect, and nothing else. A call from the room to Zoom that ended
because of SSL is dialled once again, by meeting and passcode; nothing else is. `examples/zoom-redial` decides the same from outside.
Source: protocol/calendar-and-obtp.md 9.4, 9.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

HOSTS: Final = ("zoomcrc.com", "zmau.us")
"""Domains at which Zoom's gateways answer; hosts below them too (protocol/calendar-and-obtp.md 9.1)."""
FORGETS_S: Final = 6 * 3_600
"""After this long a meeting may be dialled again: a series has one number for all its days."""
MEETINGS_MAX: Final = 100
"""Meetings that are remembered; the one dialled longest ago is forgotten."""

_ADDRESS: Final = re.compile(r"(?:[a-z0-9+.-]+:)?([0-9][0-9 -]*)((?:\.[^.@;?]*){0,5})@([a-z0-9.-]+)", re.IGNORECASE)
_SSL: Final = re.compile(r"ssl|tls", re.IGNORECASE)
_OURS: Final = ("LocalDisconnect", "LocalReject", "LocalBusy")
"""Types of causes that say that somebody at the device ended the call."""


@dataclass(slots=True)
class ZoomRedial:
    """Remembers which meetings were dialled again: each once."""

    _dialled: dict[str, float] = field(default_factory=dict)

    def number(self, ended: Mapping[str, Any], now_s: float) -> str | None:
        """Return what has to be dialled after a call has ended, None when nothing has.

        Args:
            ended: the fields of CallDisconnect.
            now_s: seconds on a clock that never goes back.
        """
        found = zoom_address(str(ended.get("RequestedURI") or ended.get("RemoteURI") or ""))
        if found is None or not _failed_by_ssl(ended):
            return None
        meeting, number = found
        last = self._dialled.get(meeting)
        if last is not None and now_s - last < FORGETS_S:
            return None
        self._dialled.pop(meeting, None)
        self._dialled[meeting] = now_s
        if len(self._dialled) > MEETINGS_MAX:
            del self._dialled[next(iter(self._dialled))]
        return number


def zoom_address(uri: str) -> tuple[str, str] | None:
    """Return the meeting and what dials it, out of the address of a call; None for an address elsewhere.

    `sip:81234567890.112233@zoomcrc.com;transport=tls` is dialled as `81234567890.112233@zoomcrc.com`.
    """
    match = _ADDRESS.match(uri.strip())
    if match is None:
        return None
    digits, more, host = re.sub(r"[ -]", "", match[1]), match[2], match[3].casefold()
    if not any(host == one or host.endswith(f".{one}") for one in HOSTS):
        return None
    return f"{digits}@{host}", f"{digits}{more.rstrip('.')}@{host}"


def _failed_by_ssl(ended: Mapping[str, Any]) -> bool:
    """Say whether a call that the room made never came about because of SSL."""
    cause = f"{ended.get('CauseType', '')} {ended.get('CauseString', '')}"
    return (
        _SSL.search(cause) is not None
        and ended.get("CauseType") not in _OURS
        and str(ended.get("OrigCallDirection", "")).casefold() != "incoming"
        and int(ended.get("Duration") or 0) == 0
    )
