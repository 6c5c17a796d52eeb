"""What a media node says to a STUN Binding request, and when: bytes in, replies with their delays out.

Behaviours are named like the faults of the scenario language (scenario-style.md section 7, `on: stun`). A healthy answer is documented
(RFC 8489); that a node can be told to misbehave, and its round trip, are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.stun import HEADER_BYTES, Address, Request, binding_error, binding_success, parse_request

SOFTWARE: Final = "roomsim media node"
SLOW_S: Final = 2.0  # ours: beyond the third send of the device's schedule, well before its end


class Behaviour(StrEnum):
    """How a server treats requests."""

    HEALTHY = "healthy"
    SILENT = "silent"
    """Streams are accepted; nothing is ever said."""
    SLOW = "slow"
    """As healthy, `slow_s` later."""
    REFUSE = "refuse"
    """Streams are reset as soon as they are open; over UDP as silent."""
    MALFORMED = "malformed"
    """The first attribute claims to be longer than the message."""
    ERROR = "error"
    """An error answer with `code`; 300 sends the client to `alternate`."""
    WRONG_TRANSACTION = "wrong_transaction"
    NO_MAPPED_ADDRESS = "no_mapped_address"


@dataclass(frozen=True, slots=True)
class Conduct:
    """A behaviour and its figures. `rtt_s` passes between a request and its answer in any case."""

    behaviour: Behaviour = Behaviour.HEALTHY
    rtt_s: float = 0.0
    slow_s: float = SLOW_S
    code: int = 500
    alternate: Address | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to send `delay_s` seconds from now."""

    delay_s: float
    data: bytes


def respond(data: bytes, source: Address, conduct: Conduct, origin: Address | None = None) -> list[Reply]:
    """Answer one message.

    Args:
        data: a datagram, or one message cut from a stream.
        source: where it came from, as the answer will say.
        origin: the address that was asked (RESPONSE-ORIGIN), None leaves it out.

    Returns:
        Nothing when the message is no Binding request: it is dropped, as RFC 8489 section 6.3 wants it.
    """
    try:
        request = parse_request(data)
    except RemoteProtocolError:
        return []
    if conduct.behaviour in (Behaviour.SILENT, Behaviour.REFUSE):
        return []
    delay_s = conduct.rtt_s + (conduct.slow_s if conduct.behaviour is Behaviour.SLOW else 0.0)
    return [Reply(delay_s, _answer(request, source, conduct, origin))]


def _answer(request: Request, source: Address, conduct: Conduct, origin: Address | None) -> bytes:
    behaviour = conduct.behaviour
    if behaviour is Behaviour.ERROR:
        return binding_error(request, conduct.code, alternate=conduct.alternate, software=SOFTWARE)
    if behaviour is Behaviour.WRONG_TRANSACTION:
        other = Request(bytes(byte ^ 0xFF for byte in request.transaction_id), (), request.has_fingerprint)
        return binding_success(other, source, origin=origin, software=SOFTWARE)
    if request.unknown:
        return binding_error(request, 420, unknown=request.unknown, software=SOFTWARE)
    mapped = behaviour is not Behaviour.NO_MAPPED_ADDRESS
    answer = binding_success(request, source, origin=origin, software=SOFTWARE, mapped=mapped)
    if behaviour is Behaviour.MALFORMED:
        return answer[: HEADER_BYTES + 2] + b"\xff\xff" + answer[HEADER_BYTES + 4 :]
    return answer
