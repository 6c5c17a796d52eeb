"""`roomsim cloud serve`: the stub cloud as a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import MediaPlan, build_media
from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.store import StoreError
from endpoint.runtime.clock import Clock
from scenarios.runner.exits import Exit, refused
from scenarios.runner.proxy_door import ProxyDoor
from scenarios.runner.serving import Address, Ground, address, first_ready, for_ever, serve, time_source

NO_PROXY = ProxyDoor()
PROXY_KEYS = ("proxy", "proxy_login", "proxy_password", "proxy_ca")


@dataclass(frozen=True, slots=True)
class CloudProcess:
    """A cloud as the command line asks for it."""

    http: str
    https: str
    state: Path | None
    ready_file: Path | None
    clock: str
    proxy: ProxyDoor = NO_PROXY

    def serve(self, *, media: int | None, silent: int) -> int:
        """Serve until a signal comes; return the exit code."""
        doors = {"http": address(self.http, "--http"), "https": address(self.https, "--https")}
        if not any(doors.values()):
            raise refused("--https: a cloud with both doors off serves nobody")
        doors["proxy"] = self.proxy.address()

        async def main() -> int:
            ground = Ground.real(time_source(self.clock))
            try:
                plan = build_media(ground.chance.actor("media").stream("plan"), servers=media, silent=silent)
            except ValueError as error:
                raise refused(f"--media: {error}") from None
            cloud = await start_cloud(ground, doors, plan, self.state, self.proxy.settings(ground.chance))
            try:
                ready = cloud.ready()
                first_ready(self.ready_file, ready)
                for key in ("http", "https", "ca", "control", "org_id", "admin_token", *PROXY_KEYS):
                    if key in ready:
                        print(f"{key:<11} {ready[key]}")
                await for_ever()
            finally:
                await cloud.stop()
            return Exit.OK

        return serve(main)


async def start_cloud(
    ground: Ground,
    doors: dict[str, Address | None],
    plan: MediaPlan,
    state: Path | None,
    settings: CloudSettings | None = None,
) -> Cloud:
    """Start a cloud, or say in one line why it cannot."""
    try:
        cloud = Cloud(
            Clock(ground.source),
            ground.chance,
            ground.trace,
            ground.faults,
            ground.names,
            settings,
            state_dir=state,
            media=plan,
        )
    except StoreError as error:
        raise refused(f"--state: {error}") from None
    try:
        await cloud.start(http=doors["http"], https=doors["https"], proxy=doors.get("proxy") or ("127.0.0.1", 0))
    except OSError as error:
        await cloud.stop()
        raise refused(f"a door cannot be opened: {error.strerror or error}") from None
    return cloud
