"""Measure the servers of one run: one STUN Binding each over UDP, TCP or TLS.

All UDP servers share one socket, and answers find their transaction by its id: a device holds one descriptor for them, not eighty. TCP
and TLS open a stream, send one request and close. Transaction ids are drawn in the order of the list before anything is sent, so they do
not depend on who answers first.

Source: protocol/activation-and-media.md sections 10.4 and 10.5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from sys import intern
from typing import Any

from endpoint.cloud.reachability import PACE_S, Profile
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire.calliope import Answer, Server, Transport
from endpoint.wire.stun import TRANSACTION_ID_BYTES, Address, Framer, transaction_id_of
from endpoint.wire.stun_transaction import Answered, BindingTransaction, Outcome, Redirected, Unanswered

SERVICE = "media"
"""Name of the media nodes, for faults aimed at a service."""


class Probes(asyncio.DatagramProtocol):
    """One run over a list of servers."""

    def __init__(
        self,
        servers: Sequence[Server],
        profile: Profile,
        on_answer: Callable[[Answer], object],
        *,
        world: World,
        run: int,
        tls: TlsClient,
    ) -> None:
        ids = world.chance.stream("discovery", run)
        self._plan = [(server, ids.bytes(TRANSACTION_ID_BYTES)) for server in servers]
        self._profile = profile
        self._on_answer = on_answer
        self._world = world
        self._tls = tls
        self._socket: Any = None
        self._exchanges: dict[bytes, _Exchange] = {}

    async def run(self) -> None:
        """Measure every server; returns when each has answered or was given up. Cancelling it closes what is open."""
        try:
            if any(server.transport is Transport.UDP for server, _ in self._plan):
                await self._open_socket()
            if self._profile.is_sequential:
                for server, transaction_id in self._plan:
                    await self._measure(server, transaction_id)
            else:
                await self._all_at_once()
        finally:
            if self._socket is not None:
                self._socket.close()

    async def _open_socket(self) -> None:
        with suppress(OSError):  # no descriptor left: then no server answers over UDP
            self._socket, _ = await self._world.net.datagram(lambda: self)

    async def _all_at_once(self) -> None:
        began_s = self._world.clock.time()
        async with asyncio.TaskGroup() as group:
            for number, (server, transaction_id) in enumerate(self._plan):
                early_s = began_s + number * PACE_S - self._world.clock.time()
                if early_s > 0:
                    await self._world.clock.sleep(early_s)
                group.create_task(self._measure(server, transaction_id))

    async def _measure(self, server: Server, transaction_id: bytes) -> None:
        ask = self._ask_datagram if server.transport is Transport.UDP else self._ask_stream
        schedule = self._profile.schedule
        ends_s = self._world.clock.time() + schedule.give_up_s
        outcome = await ask(server, (server.host, server.port), BindingTransaction(transaction_id, schedule))
        left_s = ends_s - self._world.clock.time()
        if isinstance(outcome, Redirected) and left_s > 0:  # once; a second redirection is no answer
            second_id = self._world.chance.stream("discovery alternate", transaction_id.hex()).bytes(
                TRANSACTION_ID_BYTES
            )
            second = BindingTransaction(second_id, schedule.within(left_s))
            outcome = await ask(server, outcome.alternate, second)
        if isinstance(outcome, Answered):
            self._on_answer(Answer(server, outcome.rtt_ms, intern(outcome.binding.address)))

    # -- UDP --

    async def _ask_datagram(self, server: Server, address: Address, transaction: BindingTransaction) -> Outcome:
        target = self._world.net.resolve_datagram(*address)
        if target is None or self._socket is None:
            return Unanswered("could not be sent")

        def send(packet: bytes) -> None:
            self._tell("stun.send", server, transaction)
            self._world.net.carry(packet, "up", *address, lambda sent: self._send(sent, target))

        exchange = self._exchanges[transaction.transaction_id] = _Exchange(server, transaction, self._world.clock, send)
        try:
            return await exchange.run()
        finally:
            del self._exchanges[transaction.transaction_id]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Hand a datagram to its transaction; what belongs to none is dropped."""
        exchange = self._exchanges.get(transaction_id_of(data) or b"")
        if exchange is None:
            self._drop(data)
            return
        server = exchange.server
        if not self._world.net.carry(data, "down", server.host, server.port, self._take):
            self._drop(data)

    def _send(self, data: bytes, target: Address) -> None:
        if not self._socket.is_closing():
            self._socket.sendto(data, target)

    def _take(self, data: bytes) -> None:
        exchange = self._exchanges.get(transaction_id_of(data) or b"")
        if exchange is None:  # it was late, or is broken
            self._drop(data)
            return
        self._tell("stun.recv", exchange.server, exchange.transaction)
        exchange.receive(data)

    def _drop(self, data: bytes) -> None:
        self._world.trace.event(self._world.who, "drop", data={"what": "stun", "bytes": len(data)})

    # -- TCP and TLS --

    async def _ask_stream(self, server: Server, address: Address, transaction: BindingTransaction) -> Outcome:
        tls = self._tls if server.transport is Transport.XTLS else None
        try:
            async with self._world.clock.timeout(transaction.schedule.give_up_s):
                transport, stream = await self._world.net.connect(
                    lambda: _Stream(transaction, self._world.clock), *address, tls=tls, timeout_s=None, service=SERVICE
                )
                try:
                    self._tell("stun.send", server, transaction)
                    transport.write(transaction.start(self._world.clock.time()))
                    outcome: Outcome = await stream.outcome
                finally:
                    transport.abort()
        except TimeoutError:
            return Unanswered("timeout")
        except Unreachable as error:
            return Unanswered(error.reason)
        self._tell("stun.recv", server, transaction)
        return outcome

    def _tell(self, kind: str, server: Server, transaction: BindingTransaction) -> None:
        data = {"transport": server.transport.value, "cluster": server.cluster}
        self._world.trace.event(
            self._world.who, kind, peer=f"node:{server.address}", id=transaction.transaction_id.hex(), data=data
        )


class _Exchange:
    """One transaction on the shared socket: its timer and its end."""

    __slots__ = ("_clock", "_outcome", "_send", "_timer", "server", "transaction")

    def __init__(
        self, server: Server, transaction: BindingTransaction, clock: Clock, send: Callable[[bytes], None]
    ) -> None:
        self.server = server
        self.transaction = transaction
        self._clock = clock
        self._send = send
        self._timer: Timer | None = None
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def run(self) -> Outcome:
        self._send(self.transaction.start(self._clock.time()))
        self._go_on()
        try:
            return await self._outcome
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def receive(self, data: bytes) -> None:
        self.transaction.receive(data, self._clock.time())
        self._go_on()

    def _wake(self) -> None:
        packet = self.transaction.wake(self._clock.time())
        if packet is not None:
            self._send(packet)
        self._go_on()

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.transaction.wake_at is not None:
            self._timer = self._clock.call_later(self.transaction.wake_at - self._clock.time(), self._wake)
        elif self.transaction.outcome is not None and not self._outcome.done():
            self._outcome.set_result(self.transaction.outcome)


class _Stream(asyncio.Protocol):
    """One transaction on a stream of its own."""

    def __init__(self, transaction: BindingTransaction, clock: Clock) -> None:
        self._transaction = transaction
        self._clock = clock
        self._framer = Framer()
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            self._transaction.receive(message, self._clock.time())
        if self._transaction.outcome is not None:
            self._end(self._transaction.outcome)
        elif self._framer.error is not None:
            self._end(Unanswered("no STUN stream"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Unanswered("closed"))

    def _end(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)
