"""What the conditions of a network do to everything that one actor carries: its streams and its datagrams.

Streams are shaped in memory, where both ends are at hand; over sockets of the machine only connections that are being made and datagrams
are. Source: scenario-style.md sections 5 (`network`) and 7. Label: ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.line import RTO_SYN_S, Line
from endpoint.runtime.quality import UDP_HEADERS, shapes, shaping
from endpoint.runtime.tls import flights
from endpoint.runtime.way import Activity, Pipes, Way

DIRECTIONS: Final = ("up", "down")
SYN_BYTES: Final = 20
"""Options of the packets that make a connection, beyond their headers."""
WAYS_MAX: Final = 10_000
"""Flows of datagrams that are remembered; the oldest leave first."""
LATE_MAX: Final = 10_000
"""Datagrams that are under way at a time; further ones are lost."""
QUEUE_S_MAX: Final = 1.0
"""A datagram that would wait longer than this for a slow link is dropped."""
DELAY_S: Final = 1.0
REORDER_S: Final = 0.1
"""What `delay` and `reorder` of datagrams are taken for without a figure."""
ELSEWHERE: Final = "203.0.113.77"
"""What `rewrite` puts in the place of an address without a figure (RFC 5737)."""
Deliver = Callable[[bytes], object]


class Shaper:
    """The streams and datagrams of one actor, under conditions."""

    def __init__(self, who: str, clock: Clock, faults: Faults) -> None:
        self._who = who
        self._clock = clock
        self._faults = faults
        self._pipes = Pipes()
        self._streams = 0
        self._ways: dict[tuple[str, str, int, str], Way] = {}
        self._late = 0
        self._held: dict[tuple[str, str, int, str], tuple[Timer, Callable[[], object]]] = {}

    def changed(self, fault: Fault) -> None:
        """Forget what a fault held up that has ended."""
        if shapes(fault) and fault not in self._faults.armed:
            self._pipes.forget(fault.id)

    # streams

    def begin(self, about: Mapping[str, object]) -> Shaped | None:
        """Return what a new stream goes through; None: nothing is in the way."""
        if not shaping(self._faults, "tcp", about):
            return None
        self._streams += 1
        path = {**about, "stream": self._streams}
        activity = Activity(self._clock.time())
        up, down = (Way(self._clock, self._faults, "tcp", {**path, "direction": name}, activity) for name in DIRECTIONS)
        return Shaped(self._clock, up, down, self._pipes)

    def surround(self, stream: Any, about: Mapping[str, object]) -> None:
        """Let the conditions reach a stream that is open already."""
        if stream is None or stream.line is not None or stream.peer is None:
            return
        shaped = self.begin(about)
        if shaped is not None:
            shaped.surround(stream)

    # datagrams

    def carry(self, data: bytes, flow: tuple[str, str, int, str], deliver: Deliver) -> bool:
        """Carry a datagram: now, later, twice, changed or never; says whether it arrives.

        Args:
            flow: direction, host, port and kind.
        """
        way = self._way(flow)
        found = way.look()
        size = len(data) + UDP_HEADERS
        if way.swallows(size) or (found is not None and (size > found.mtu or way.loses(found))):
            return False
        late_s = 0.0
        if found is not None:
            now_s = self._clock.time()
            late_s = self._pipes.through(found.rates, size, now_s) - now_s
            if late_s > QUEUE_S_MAX:
                return False
            late_s += way.travel_s(found)
        return self._mistreat(data, flow, deliver, late_s)

    def _way(self, flow: tuple[str, str, int, str]) -> Way:
        way = self._ways.get(flow)
        if way is None:
            if len(self._ways) >= WAYS_MAX:
                del self._ways[next(iter(self._ways))]
            way = self._ways[flow] = Way(self._clock, self._faults, "udp", self._about(flow))
        return way

    def _about(self, flow: tuple[str, str, int, str]) -> dict[str, Any]:
        direction, host, port, kind = flow
        return {"host": host, "port": port, "direction": direction, "kind": kind, "device": self._who}

    def _mistreat(self, data: bytes, flow: tuple[str, str, int, str], deliver: Deliver, late_s: float) -> bool:
        """Let faults of datagrams bite, each kind once; says whether the datagram arrives."""
        hit = partial(self._faults.hit, "udp", **self._about(flow))
        if fault := hit(among=("corrupt",)):
            data = _corrupted(data, fault)
        if _names(data, flow[1]) and (fault := hit(among=("rewrite",))):
            data = _rewritten(data, flow[1], str(fault.params.get("to", ELSEWHERE)))
        if fault := hit(among=("delay",)):
            late_s += float(fault.params.get("by", DELAY_S))
        copies = 2 if hit(among=("duplicate",)) else 1
        fault = hit(among=("reorder",)) if flow not in self._held else None
        if fault is not None:
            self._hold(flow, partial(_repeat, copies, deliver, data), float(fault.params.get("by", REORDER_S)) + late_s)
            return True
        if late_s and self._late >= LATE_MAX:
            return False
        if late_s:
            self._late += 1
            self._clock.call_later(late_s, self._arrive, copies, deliver, data)
        else:
            _repeat(copies, deliver, data)
        self._let_go(flow)
        return True

    def _arrive(self, copies: int, deliver: Deliver, data: bytes) -> None:
        self._late -= 1
        _repeat(copies, deliver, data)

    def _hold(self, flow: tuple[str, str, int, str], deliver: Callable[[], object], limit_s: float) -> None:
        """Keep a datagram until the next one of its flow has passed, or a while is over."""
        self._held[flow] = (self._clock.call_later(limit_s, self._let_go, flow), deliver)

    def _let_go(self, flow: tuple[str, str, int, str]) -> None:
        held = self._held.pop(flow, None)
        if held is not None:
            timer, deliver = held
            timer.cancel()
            deliver()


class Shaped:
    """A stream under conditions: the lines of both directions, as soon as there is something to send through them."""

    def __init__(self, clock: Clock, up: Way, down: Way, pipes: Pipes) -> None:
        self._clock = clock
        self._ways = (up, down)
        self._pipes = pipes

    def _line(self, number: int, on_gone: Callable[[Exception], object], *, is_sealed: bool = False) -> Line:
        return Line(self._clock, self._ways[number], self._pipes, is_sealed=is_sealed, on_gone=on_gone)

    async def connect(self) -> None:
        """Wait for as long as it takes to make a connection: a packet there and one back. It may be for ever."""
        for number in range(len(DIRECTIONS)):
            line = self._line(number, lambda _: None)
            try:
                await line.passes(SYN_BYTES, RTO_SYN_S)
            finally:
                line.drop()

    def surround(self, stream: Any) -> None:
        """Put both lines between the ends of a stream."""
        for number, end in enumerate((stream, stream.peer)):
            end.send_through(self._line(number, end.give_up, is_sealed=stream.is_secured))

    async def secure(self, stream: Any) -> None:
        """Wait for as long as the handshake of TLS takes on a stream whose lines are there. It may be for ever."""
        lines = (stream.line, stream.peer.line if stream.peer is not None else None)
        agreed = stream.get_extra_info("ssl_object")
        for number, size in enumerate(flights(agreed) if agreed is not None else ()):
            line = lines[number % 2]
            if line is not None:
                await line.passes(size)


def _repeat(copies: int, deliver: Deliver, data: bytes) -> None:
    for _ in range(copies):
        deliver(data)


def _corrupted(data: bytes, fault: Fault) -> bytes:
    """Turn one bit over."""
    if not data:
        return data
    bit = fault.draws.below(len(data) * 8) if fault.draws is not None else 0
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _octets(host: str) -> bytes:
    with suppress(ValueError):
        return ipaddress.ip_address(host).packed
    return b""


def _names(data: bytes, host: str) -> bool:
    """Say whether an address stands openly in a datagram."""
    octets = _octets(host)
    return bool(octets) and octets in data


def _rewritten(data: bytes, host: str, other: str) -> bytes:
    """Put another address in the place of one, as gateways do that mean well."""
    return data.replace(_octets(host), _octets(other) or _octets(ELSEWHERE))
