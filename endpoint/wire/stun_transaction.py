"""One STUN Binding transaction without a socket or a clock: when to send again, when to give up, what the round trip was.

    IDLE --start--> WAITING --answer, error, last wake--> ENDED

The owner sends what `start` and `wake` return, calls `wake` at second `wake_at`, and hands in every datagram that carries the id. What
cannot be an answer is dropped and counted; what comes after the end is ignored, as a second copy of an answer is.

Source: RFC 8489 section 6.2; protocol/activation-and-media.md sections 10.4 and 10.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.stun import TRY_ALTERNATE, Address, Binding, binding_request, parse_binding_response

RTO_MIN_S: Final = 0.5  # RFC 8489 section 6.2.1
CLOCK_GRAIN_S: Final = 1e-6
"""A timer may fire this much early: sums of floats are not exact."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds after the start at which a request is sent, and at which the transaction is given up."""

    sends_s: tuple[float, ...]
    give_up_s: float

    def within(self, seconds: float) -> Schedule:
        """Return the schedule cut off at `seconds`."""
        return Schedule(tuple(at for at in self.sends_s if at <= seconds), min(self.give_up_s, seconds))


def schedule(rc: int, rm: int, rto_s: float = RTO_MIN_S) -> Schedule:
    """Return the schedule of RFC 8489 section 6.2.1.

    Args:
        rc: how often the request is sent, 1..16.
        rm: what is waited after the last send, in units of the first retransmission timeout, 1 or more.
        rto_s: first retransmission timeout; each later gap is twice the one before.

    Raises:
        LocalProtocolError: a value that the RFC forbids.
    """
    if rto_s < RTO_MIN_S or not 1 <= rc <= 16 or rm < 1:
        raise LocalProtocolError("RTO starts at 0.5 s or more, Rc is 1 to 16, Rm is 1 or more")
    sends_s = tuple(rto_s * (2**number - 1) for number in range(rc))
    return Schedule(sends_s, sends_s[-1] + rm * rto_s)


RFC_DEFAULT: Final = schedule(rc=7, rm=16)
RC3_RM16: Final = schedule(rc=3, rm=16)
RC4_RM4: Final = schedule(rc=4, rm=4)
FAITHFUL: Final = schedule(rc=3, rm=4)


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered; `rtt_ms` is whole milliseconds, at least 1."""

    binding: Binding
    rtt_ms: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """The server told us to ask another one (error 300)."""

    alternate: Address


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No usable answer: `timeout`, or `error <code>`."""

    reason: str


Outcome = Answered | Redirected | Unanswered


class BindingTransaction:
    """Run one Binding request through a schedule."""

    __slots__ = ("_message", "_sent", "_started", "dropped", "outcome", "schedule", "transaction_id")

    def __init__(self, transaction_id: bytes, schedule: Schedule, *, software: str = "") -> None:
        self._message = binding_request(transaction_id, software=software)
        self.schedule = schedule
        self._started: float | None = None
        self._sent = 0
        self.transaction_id = transaction_id
        self.outcome: Outcome | None = None
        self.dropped = 0
        """Messages that were handed in and could not be the answer."""

    @property
    def wake_at(self) -> float | None:
        """The second at which `wake` has something to do; None before the start and after the end."""
        if self._started is None or self.outcome is not None:
            return None
        sends_s = self.schedule.sends_s
        return self._started + (sends_s[self._sent] if self._sent < len(sends_s) else self.schedule.give_up_s)

    def start(self, now: float) -> bytes:
        """Begin at second `now`; returns the request to send.

        Raises:
            LocalProtocolError: it has begun before.
        """
        if self._started is not None:
            raise LocalProtocolError("a STUN transaction starts once")
        self._started = now
        self._sent = 1
        return self._message

    def wake(self, now: float) -> bytes | None:
        """Do what is due at second `now`; returns the request if it is to be sent again."""
        due = self.wake_at
        if due is None or now < due - CLOCK_GRAIN_S:
            return None
        if self._sent < len(self.schedule.sends_s):
            self._sent += 1
            return self._message
        self.outcome = Unanswered("timeout")
        return None

    def receive(self, data: bytes, now: float) -> None:
        """Take a message that came at second `now`.

        The round trip counts from the first send: all sends carry one id, so an answer may be to any of them (protocol/ section 10.5,
        pessimistic and simple).
        """
        if self._started is None or self.outcome is not None:
            return
        try:
            answer = parse_binding_response(data, self.transaction_id)
        except RemoteProtocolError:
            self.dropped += 1  # RFC 8489 section 6.3: silently, and the schedule goes on
            return
        if isinstance(answer, Binding):
            self.outcome = Answered(answer, whole_ms(now - self._started))
        elif answer.code == TRY_ALTERNATE and answer.alternate is not None:
            self.outcome = Redirected(answer.alternate)
        else:
            self.outcome = Unanswered(f"error {answer.code}")


def whole_ms(seconds: float) -> int:
    """Round a round trip down to whole milliseconds, at least 1; below a microsecond is noise of the floats."""
    return max(1, round(seconds * 1e6) // 1000)
