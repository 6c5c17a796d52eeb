"""The clouds that a recorded device is played to: a stub of our own in virtual time, or one behind a URL."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import build_media
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.trace import Trace
from endpoint.wire.activation.code import Code, parse_code
from endpoint.wire.envelope import CONFIG_DATA
from scenarios.runner.recording.against import DeviceSide, Outcome
from scenarios.runner.recording.media import plan_of
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.rules import Rules, instant_of
from scenarios.runner.recording.serve import names_of

GAP_MAX_S: Final = 0.25
"""Longest pause between two requests to a cloud in real time."""


def against_stub(recording: Recording, rules: Rules, seed: int | None = None) -> Outcome:
    """Play a device to a stub of our own, in virtual time and at the recorded pace."""

    async def main() -> Outcome:
        loop = asyncio.get_running_loop()
        source = LoopTime(loop, instant_of(str(recording.about.get("start", ""))))
        clock, names, trace = Clock(source), NameTable(), Trace(Clock(source))
        recorded_seed = recording.about.get("seed")
        chance = Chance(seed if seed is not None else recorded_seed if isinstance(recorded_seed, int) else 0)
        faults = Faults(clock, trace)
        recorded_media = plan_of(recording)  # so that the cluster lists are comparable
        media = recorded_media if recorded_media.nodes else build_media(chance.actor("media").stream("plan"))
        cloud = Cloud(clock, chance, trace, faults, names, media=media)
        await cloud.start(https=("127.0.0.1", 0), http=("127.0.0.1", 0))

        async def pause(second: float) -> None:
            if second > clock.time():
                await clock.sleep(second - clock.time())

        try:
            code = parse_code(cloud.use_cases.code_create(workspace=workspace_of(recording))[1].reveal())
            net, tls = Net("client:replay", clock, names, faults), TlsClient((cloud.root_pem,))
            return await DeviceSide(recording, code, clock, chance.actor("replay"), net, tls, rules, pause).run()
        finally:
            await cloud.stop()

    return virtual.run(main)


def workspace_of(recording: Recording) -> str:
    """Return the name of the room that the recorded device was activated for."""
    found = (one.opened.get(CONFIG_DATA.name) for one in recording.exchanges if one.step == "register")
    told = next((one.get("displayName") for one in found if isinstance(one, dict)), None)
    return told if isinstance(told, str) and told else "Replay"


def against_url(recording: Recording, rules: Rules, url: str, anchors: tuple[str, ...], code: Code | None) -> Outcome:
    """Play a device to the cloud at a base URL; every host of the recording leads there."""

    async def main() -> Outcome:
        loop = asyncio.get_running_loop()
        clock = Clock(LoopTime(loop))
        trace, names = Trace(clock), NameTable()
        faults = Faults(clock, trace)
        place = urlsplit(url)
        host = place.hostname or ""
        port = place.port or (443 if place.scheme == "https" else 80)
        for name in names_of(recording):
            if not name.startswith("*") and name not in ("localhost", "127.0.0.1"):
                names.publish_domain(name, 443 if place.scheme == "https" else 80, host, port)
        names.allow(host)
        last = [0.0]

        async def pause(second: float) -> None:
            await clock.sleep(min(GAP_MAX_S, max(0.0, second - last[0])))
            last[0] = second

        net, tls = Net("client:replay", clock, names, faults), TlsClient(anchors)
        return await DeviceSide(recording, code, clock, Chance(None).actor("replay"), net, tls, rules, pause).run()

    return asyncio.run(main())
