"""Connectivity checks: one STUN Binding to each candidate of the media node, all at once, and which of those that answer is taken.

The order is UDP, TCP, TLS. A worse path that answers waits a while for a better one, unless discovery has found that nothing answers over
the better one's transport. Whether a path in use still holds is another matter: see `obstacles`.

Source: protocol/activation-and-media.md sections 10.1 (order) and 13, RFC 8445; the waits are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endpoint.runtime.chance import Stream
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire.calliope import Transport
from endpoint.wire.sdp import Candidate
from endpoint.wire.stun import TRANSACTION_ID_BYTES, Framer, transaction_id_of
from endpoint.wire.stun_transaction import RC3_RM16, Answered, BindingTransaction

SERVICE: Final = "media"
"""Name of the media nodes, for faults aimed at a service."""
SCHEDULE: Final = RC3_RM16
"""Requests after 0, 0.5 and 1.5 s, given up after 9.5 s; a client gives ICE 10 s in all (cloud-services.md 9.7)."""
PATIENCE_S: Final = 2.0
"""How long a path that answers waits for a better one."""
CHECKS_MAX: Final = 16
"""Candidates that are checked; a media node has three."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way to the media node that has answered. `rtt_ms` is whole milliseconds."""

    candidate: Candidate
    rtt_ms: int


class Race:
    """Check candidates against each other; `end` gives up."""

    def __init__(
        self,
        world: World,
        candidates: Sequence[Candidate],
        ids: Stream,
        *,
        tls: TlsClient | None,
        hopeless: Collection[Transport] = (),
    ) -> None:
        ranked = sorted(candidates, key=lambda one: -one.priority)[:CHECKS_MAX]
        self._world = world
        self._tls = tls
        self._hopeless = hopeless
        self._plan = [(one, ids.bytes(TRANSACTION_ID_BYTES)) for one in ranked]
        self._open = list(ranked)
        self._best: Path | None = None
        self._is_patient = True
        self._timer: Timer | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def tried(self) -> int:
        """How many candidate pairs there are."""
        return len(self._plan)

    async def run(self) -> Path | None:
        """Return the path that is taken; None when no candidate has answered, or when it was ended before."""
        running = [asyncio.ensure_future(self._check(one, name)) for one, name in self._plan]
        outcomes: list[BaseException | None] = []
        try:
            if running:
                await self._over
        finally:
            self.end()
            for task in running:
                task.cancel()
            outcomes += await asyncio.gather(*running, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome  # a defect
        return self._best

    def end(self) -> None:
        """Be over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._over.done():
            self._over.set_result(None)

    async def _check(self, candidate: Candidate, name: bytes) -> None:
        rtt_ms = None
        try:
            rtt_ms = await check(self._world, candidate, BindingTransaction(name, SCHEDULE), self._tls)
        finally:
            self._open.remove(candidate)
            if rtt_ms is not None:
                self._passed(Path(candidate, rtt_ms))
            self._judge()

    def _passed(self, path: Path) -> None:
        if self._best is None:
            self._timer = self._world.clock.call_later(PATIENCE_S, self._lose_patience)
        if self._best is None or path.candidate.priority > self._best.candidate.priority:
            self._best = path

    def _lose_patience(self) -> None:
        self._is_patient = False
        self._judge()

    def _judge(self) -> None:
        best = self._best
        if best is None:
            hoped_for = self._open
        elif not self._is_patient:
            hoped_for = []
        else:
            better = (one for one in self._open if one.priority > best.candidate.priority)
            hoped_for = [one for one in better if one.transport not in self._hopeless]
        if not hoped_for:
            self.end()


async def check(
    world: World, candidate: Candidate, transaction: BindingTransaction, tls: TlsClient | None
) -> int | None:
    """Ask one candidate; returns the round trip in whole milliseconds, None when it does not answer or is not to be trusted."""
    if candidate.transport is Transport.UDP:
        return await _check_datagram(world, candidate, transaction)
    if candidate.transport is Transport.XTLS and tls is None:
        return None
    exchange = _Exchange(transaction, world.clock)
    security = tls if candidate.transport is Transport.XTLS else None
    try:
        async with world.clock.timeout(transaction.schedule.give_up_s):
            transport, _ = await world.net.connect(
                lambda: exchange, candidate.host, candidate.port, tls=security, timeout_s=None, service=SERVICE
            )
            try:
                transport.write(transaction.start(world.clock.time()))
                return await exchange.rtt_ms
            finally:
                transport.abort()
    except (TimeoutError, Unreachable):
        return None


async def _check_datagram(world: World, candidate: Candidate, transaction: BindingTransaction) -> int | None:
    net, where = world.net, (candidate.host, candidate.port)
    target = net.resolve_datagram(*where)
    if target is None:
        return None
    exchange = _Exchange(transaction, world.clock, lambda data, take: net.carry(data, "down", *where, take))
    try:
        transport, _ = await net.datagram(lambda: exchange, remote=target)
    except OSError:  # no descriptor is left
        return None

    def hand_over(packet: bytes) -> None:
        if not transport.is_closing():
            transport.sendto(packet)

    def send(packet: bytes) -> None:
        net.carry(packet, "up", *where, hand_over)

    try:
        send(transaction.start(world.clock.time()))
        exchange.keep_time(send)
        return await exchange.rtt_ms
    finally:
        exchange.stop()
        transport.close()


class _Exchange(asyncio.DatagramProtocol, asyncio.Protocol):
    """One transaction on a socket or a stream of its own."""

    def __init__(
        self,
        transaction: BindingTransaction,
        clock: Clock,
        carry: Callable[[bytes, Callable[[bytes], object]], object] = lambda data, take: take(data),
    ) -> None:
        self._transaction = transaction
        self._clock = clock
        self._carry = carry
        self._framer = Framer()
        self._timer: Timer | None = None
        self.rtt_ms: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def keep_time(self, send: Callable[[bytes], None]) -> None:
        """Repeat the request when it is time, and give up in the end."""
        self.stop()
        due_s = self._transaction.wake_at
        if due_s is not None:
            self._timer = self._clock.call_later(due_s - self._clock.time(), self._wake, send)
        self._settle()

    def stop(self) -> None:
        """Plan nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self, send: Callable[[bytes], None]) -> None:
        packet = self._transaction.wake(self._clock.time())
        if packet is not None:
            send(packet)
        self.keep_time(send)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if transaction_id_of(data) == self._transaction.transaction_id:
            self._carry(data, self._take)

    def data_received(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            self._take(message)
        if self._framer.error is not None:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None)

    def _take(self, message: bytes) -> None:
        self._transaction.receive(message, self._clock.time())
        self._settle()

    def _settle(self) -> None:
        outcome = self._transaction.outcome
        if outcome is not None:
            self._end(outcome.rtt_ms if isinstance(outcome, Answered) else None)

    def _end(self, rtt_ms: int | None) -> None:
        if not self.rtt_ms.done():
            self.rtt_ms.set_result(rtt_ms)
