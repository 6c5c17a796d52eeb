"""The table of docs/reference/calls.md that stands in the code: why calls end, and what CallDisconnect says then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloud_stub.services.locus.peers import CAUSES
from endpoint.cloud.calls import endings
from endpoint.wire.callcontrol import End
from endpoint.wire.locus.dto import GatewayCause

_OF_DEVICE: Final[tuple[tuple[str, End], ...]] = (
    ("somebody here hangs up", endings.LOCAL),
    ("somebody here rejects", endings.REJECTED),
    ("do not disturb, or five calls already", endings.BUSY),
    ("answered on another device", endings.ELSEWHERE),
    ("rejected on another device", endings.REJECTED_ELSEWHERE),
    ("the caller gives up", endings.REMOTE),
    ("nobody takes it", endings.UNANSWERED),
    ("joined with another call", endings.JOINED),
    ("nobody gives the PIN", endings.NO_PIN),
    ("no path for media", endings.ICE_FAILED),
    ("media is lost and not found again", endings.MEDIA_LOST),
    ("the cloud cannot be asked any more", endings.NETWORK_LOST),
    ("the request has no answer", endings.failed("startOutgoing", endings.UNREACHABLE)[0]),
)
_REASONS: Final = (
    "BUSY", "DND", "UNANSWERED", "NOT_FOUND", "UNREACHABLE", "FORCED", "INACTIVE", "MEETING_ENDED", "MEETING_LOCKED", "MEETING_FULL",
    "INVALID_PIN", "LOBBY_EXPIRED", "REMOTE",
)  # fmt: skip
_ANSWERS: Final = ((404, 404006), (404, 2404001), (423, 2423003), (403, 2403001), (503, 0))


def causes() -> str:
    """Return the causes: what happens, and the fields of CallDisconnect."""
    rows = [_row("what happens", "CauseType", "CauseOrigin", "CauseCode", "CauseString")]
    rows += [
        _row(what, end.cause_type, end.cause_origin, str(end.cause_code), end.cause_string) for what, end in _ends()
    ]
    return "\n".join(rows)


def _ends() -> Iterator[tuple[str, End]]:
    yield from _OF_DEVICE
    for status, code in _ANSWERS:
        yield f"refused: {status}, {code}", endings.refused("startOutgoing", status, code)[0]
    for reason in _REASONS:
        yield f"reason {reason}", endings.by_reason(reason)
    for name, (_, cause) in CAUSES.items():
        told = GatewayCause(code=cause.code, text=cause.text, type=cause.type, origin=cause.origin, value=cause.value)
        yield f"behind the gateway: {name}", endings.by_gateway(told)


def _row(what: str, kind: str, origin: str, code: str, text: str) -> str:
    return f"{what:<39}{kind:<19}{origin:<13}{code:<11}{text}".rstrip()
