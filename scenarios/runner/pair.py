"""`roomsim demo --live`: a cloud and one device of it in one process, in real time."""

from __future__ import annotations

import asyncio

from cloud_stub.media_node.fleet import build_media
from endpoint.device.control import ControlDoor
from endpoint.device.doors import Doors
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.clock import LoopTime
from scenarios.runner.cloud_process import start_cloud
from scenarios.runner.device_process import make_device, tell_doors
from scenarios.runner.exits import Exit
from scenarios.runner.serving import Ground, for_ever, serve

_FREE = ("127.0.0.1", 0)


def serve_pair() -> int:
    """Keep a cloud and an online device serving until a signal comes; return the exit code."""

    async def main() -> int:
        ground = Ground.real(LoopTime(asyncio.get_running_loop()))
        plan = build_media(ground.chance.actor("media").stream("plan"))
        cloud = await start_cloud(ground, {"http": _FREE, "https": _FREE}, plan, None)
        device = make_device(DeviceSettings(anchors=(cloud.root_pem,)), ground)
        door = ControlDoor(device, ground.faults, ground.source)
        try:
            await door.start(*_FREE)
            device.doors = Doors({"ssh": _FREE, "https": _FREE, "http": _FREE})
            await device.boot()
            await device.activate(cloud.use_cases.code_create(workspace="Demo")[1].reveal())
            await device.until_online()
            ready = cloud.ready()
            print(f"cloud    {ready['https']}  (CA {ready['ca']}, control {ready['control']})")
            print(f"         admin token {ready['admin_token']}")
            print(f"device   {door.url}  token {door.token.reveal()}")
            tell_doors(device)
            await for_ever()
        finally:
            await door.stop()
            await device.close()
            await cloud.stop()
        return Exit.OK

    return serve(main)
