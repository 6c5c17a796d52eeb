"""A device's media engine and the media nodes of a cloud, on the virtual loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloud_stub.media_node.fleet import Fleet, MediaPlan
from cloud_stub.media_node.node import NodeSeams, NodeSpec
from cloud_stub.media_node.responder import Behaviour, Conduct
from endpoint.media.engine import Engine
from endpoint.media.session import Session
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import Trace
from endpoint.runtime.world import World
from endpoint.wire import sdp
from endpoint.wire.callcontrol import Media
from endpoint.wire.calliope import Best, Transport

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AUTHORITY = Authority()
HOST, DEVICE = "192.0.2.1", "device:room"
RTT_S = {Transport.UDP: 0.025, Transport.TCP: 0.029, Transport.XTLS: 0.032}


@dataclass
class MediaWorld:
    """What a story has: the engine of one device, one media node, and what the device told."""

    world: World
    fleet: Fleet
    engine: Engine
    tasks: Tasks
    defects: list[BaseException]
    best: Best | None = None
    lost_s: list[float] = field(default_factory=list)
    changes: list[tuple[float, Media]] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def session(self, call: str = "p=2", *, has_video: bool = True, rate: int = 6000) -> Session:
        """Make a session whose news are kept."""
        session = self.engine.session(call, has_video=has_video, rate=rate)
        session.on_lost = lambda: self.lost_s.append(round(self.clock.time(), 3))
        session.on_change = lambda media: self.changes.append((round(self.clock.time(), 3), media))
        return session

    def answer(self, offer: str, **options: Any) -> str:
        """Answer as the media node."""
        doors = self.fleet.nodes[0].doors.values()
        made = sdp.answer(
            sdp.parse(offer),
            session_id=1,
            address=HOST,
            candidates=[sdp.candidate(door.server.transport, door.server.host, door.server.port) for door in doors],
            ice=sdp.ice_of(bytes(sdp.ICE_BYTES), lite=True),
            fingerprint=sdp.fingerprint_of(bytes(sdp.FINGERPRINT_BYTES)),
            **options,
        )
        return made.text()

    async def connected(self, **options: Any) -> tuple[Session, Media]:
        """Offer, answer, connect."""
        session = self.session(**options)
        return session, await session.connect(self.answer(session.offer()))

    def arm(self, fault_id: str, on: str, do: str, target: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Arm a fault."""
        self.world.faults.arm(Fault(fault_id, on, do, target or {}, **options))

    def heal(self, fault_id: str) -> None:
        """End a fault."""
        self.world.faults.heal(fault_id)

    @property
    def texts(self) -> list[str]:
        """The lines of the log, without time and process."""
        return [line.split("]: ", 1)[1] for line in self.world.log.lines]


def play(
    story: Callable[[MediaWorld], Awaitable[None]],
    *,
    conduct: Mapping[Transport, Behaviour] | None = None,
    trusts: bool = True,
) -> MediaWorld:
    """Tell a story with one media node; `conduct` is how its transports behave, healthy ones are left out."""

    async def main() -> MediaWorld:
        clock = Clock(LoopTime(asyncio.get_running_loop(), START))
        trace = Trace(clock)
        faults, names, chance = Faults(clock, trace), NameTable(), Chance(7)
        behaves = {transport: (conduct or {}).get(transport, Behaviour.HEALTHY) for transport in Transport}
        node = NodeSpec("a.a.*", HOST, {name: Conduct(behaves[name], RTT_S[name]) for name in Transport})
        net = Net("cloud", clock, names, faults)
        fleet = Fleet(
            MediaPlan((node,)), NodeSeams(net, clock, faults, trace, AUTHORITY.server_context((HOST, "127.0.0.1")))
        )
        log = DeviceLog(DEVICE, clock, trace, pid=3899, zone=UTC)
        world = World(DEVICE, clock, chance.actor(DEVICE), Net(DEVICE, clock, names, faults), trace, faults, log)
        defects: list[BaseException] = []
        tasks = Tasks(defects.append)
        stage: MediaWorld
        tls = TlsClient((AUTHORITY.pem,)) if trusts else None
        engine = Engine(world, tasks, address=lambda: "192.0.2.10", tls=lambda: tls, discovered=lambda: stage.best)
        stage = MediaWorld(world, fleet, engine, tasks, defects)
        await fleet.start()
        await story(stage)
        await tasks.cancel()
        await fleet.stop()
        assert not defects, defects
        return stage

    return virtual.run(main)
