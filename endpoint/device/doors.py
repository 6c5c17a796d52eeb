"""The doors of a device: SSH, HTTPS and HTTP, open as its settings say, for as long as it is up.

Addresses belong to the process: a device that restarts comes back on the same ports. Keys and the certificate are made once and kept with
the state. Source: protocol/xapi.md 3.1, 4.1; that a change acts at once on the listeners is ours.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import self_signed, server_context
from endpoint.wire.xapi import documents
from endpoint.xapi.http.server import HttpDoor
from endpoint.xapi.ssh import greeting
from endpoint.xapi.ssh.hostkey import make_host_key
from endpoint.xapi.ssh.server import SshDoor

if TYPE_CHECKING:
    from endpoint.device.device import Device

Address: TypeAlias = tuple[str, int]

TLS_VERSIONS: Final = {
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
CERTIFICATE_NAMES: Final = ("127.0.0.1", "::1", "localhost")


class Door(Protocol):
    """One open door."""

    @property
    def host(self) -> str:
        """Where it listens."""

    @property
    def port(self) -> int:
        """Where it listens."""

    async def stop(self) -> None:
        """Shut it."""

    def cut(self, fits: Callable[[Mapping[str, str]], bool]) -> int:
        """Break the connections of clients that `fits` accepts, by `over` and `user`; return how many."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the doors tell of the device."""

    device: Device

    @property
    def product_type(self) -> str:
        """The product as documents name it."""
        return self.device.profile.product.product_type

    @property
    def software(self) -> str:
        """The software version."""
        return self.device.profile.software

    @property
    def is_ready(self) -> bool:
        """Say whether the device has started."""
        return self.device.is_up

    def serves(self, *, secure: bool, websocket: bool) -> bool:
        """Say whether `NetworkServices` lets this scheme be used, by websockets or by plain requests."""
        mode = str(self.device.configuration.get(("NetworkServices", "HTTP", "Mode")))
        is_on = mode == "HTTP+HTTPS" or (secure and mode == "HTTPS")
        follows = self.device.configuration.get(("NetworkServices", "Websocket")) == "FollowHTTPService"
        return is_on and (follows or not websocket)


class Doors:
    """The local doors of one device, over all its boots.

    Args:
        addresses: where `ssh`, `https` and `http` may open; port 0 takes a free one and keeps it. What is not named stays shut.
    """

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self._addresses = dict(addresses)
        self._open: dict[str, tuple[Door, object]] = {}
        self._turn = asyncio.Lock()
        self._tasks = Tasks()
        self._deaf: Callable[[], None] | None = None
        self.on_change: Callable[[], object] = lambda: None
        """Told when doors have opened or shut."""
        self.are_open = asyncio.Event()
        """Set once the doors of a boot are open."""

    async def open(self, device: Device) -> None:
        """Open the doors of a device that has booted, and let them follow its settings.

        Raises:
            OSError: an address is in use or not ours; what could be opened is open.
        """
        await self._follow(device)
        self.are_open.set()
        self._deaf = device.configuration.listen(("NetworkServices",), lambda _: self._follow_soon(device))

    async def add(self, device: Device, name: str, address: Address) -> None:
        """Let one more door open, under the settings like the others; nothing happens when it is one of them already.

        Raises:
            OSError: the address is in use or not ours.
        """
        if self._addresses.setdefault(name, address) == address and self.are_open.is_set():
            await self._follow(device)

    def _follow_soon(self, device: Device) -> None:
        async def follow() -> None:
            try:
                await self._follow(device)
            except OSError as error:
                device.world.log.line("MainEvents", "E", f"door not opened: {error.strerror or error}")

        self._tasks.start(follow(), "doors")

    async def _follow(self, device: Device) -> None:
        async with self._turn:
            for name in self._addresses:
                wanted = _wanted(device, name) if device.is_up else None
                door, how = self._open.get(name, (None, None))
                if how == wanted:
                    continue
                if door is not None:
                    del self._open[name]
                    await door.stop()
                if wanted is not None:
                    await self._start(device, name, wanted)
        self.on_change()

    async def _start(self, device: Device, name: str, how: object) -> None:
        host, port = self._addresses[name]
        local = device.local
        door: SshDoor | HttpDoor
        if name == "ssh":
            key = await _host_key(device, str(how))
            door = SshDoor(device.world, device.xapi, local.users, local.sessions, _greeting(device), key)
        else:
            tls = _context(device, str(how)) if name == "https" else None
            door = HttpDoor(device.world, device.xapi, local.users, local.sessions, Facts(device), documents, tls)
        await door.start(host, port)
        self._addresses[name] = (host, door.port)
        self._open[name] = (door, how)

    async def close(self) -> None:
        """Shut every door; harmless when they are shut."""
        if self._deaf is not None:
            self._deaf()
            self._deaf = None
        await self._tasks.cancel()
        self.are_open.clear()
        async with self._turn:
            doors, self._open = list(self._open.values()), {}
            await asyncio.gather(
                *(door.stop() for door, _ in doors)
            )  # each may have clients that do not let go at once
        self.on_change()

    def cut(self, fits: Callable[[Mapping[str, str]], bool]) -> int:
        """Break the connections of clients that stay connected and that `fits` accepts; return how many."""
        return sum(door.cut(fits) for door, _ in self._open.values())

    def ready(self) -> dict[str, Any]:
        """Return what a ready file says of the open doors: `http`, `https`, `ws`, `ssh`."""
        shown: dict[str, Any] = {}
        for name, (door, _) in self._open.items():
            place = f"[{door.host}]:{door.port}" if ":" in door.host else f"{door.host}:{door.port}"
            shown[name] = place if name == "ssh" else f"{name}://{place}"
        secure = shown.get("https") or shown.get("http")
        if secure is not None:
            shown["ws"] = secure.replace("http", "ws", 1) + "/ws"
        return shown


def _greeting(device: Device) -> greeting.Facts:
    """Return what the shell's greeting shows."""
    local = device.local
    return greeting.Facts(lambda: device.zone, local.users.previous_login, lambda: local.banners.now.welcome)


def _wanted(device: Device, name: str) -> object:
    """Return how a door has to be open now, None for shut; another answer than before opens it anew."""

    def setting(*path: str) -> str:
        return str(device.configuration.get(("NetworkServices", *path)))

    if name == "ssh":
        return setting("SSH", "HostKeyAlgorithm") if setting("SSH", "Mode") == "On" else None
    if name == "https":
        return setting("HTTPS", "Server", "MinimumTLSVersion") if setting("HTTP", "Mode") != "Off" else None
    return "plain" if setting("HTTP", "Mode") == "HTTP+HTTPS" else None


async def _host_key(device: Device, algorithm: str) -> str:
    keys = device.state.host_keys
    if algorithm not in keys:
        made = await asyncio.get_running_loop().run_in_executor(None, make_host_key, algorithm)
        device.keep_keys(host_keys={**keys, algorithm: made})
    return device.state.host_keys[algorithm]


def _context(device: Device, minimum: str) -> ssl.SSLContext:
    if not device.state.web_certificate:
        device.keep_keys(web_certificate="".join(self_signed(CERTIFICATE_NAMES)))
    certificate, _, key = device.state.web_certificate.partition("-----BEGIN PRIVATE KEY-----")
    context = server_context(certificate, f"-----BEGIN PRIVATE KEY-----{key}")
    context.minimum_version = TLS_VERSIONS[minimum]
    return context
