"""`roomsim endpoint run`: a device as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from endpoint.cloud.activation import ActivationRefused
from endpoint.device.control import ControlDoor
from endpoint.device.device import Device
from endpoint.device.doors import Doors
from endpoint.device.settings import AutoJoin, DeviceSettings
from endpoint.runtime.errors import EndpointError, StorageError
from endpoint.runtime.net import NameTable
from endpoint.wire.activation.code import MalformedCode
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.nodes import Nodes, nodes
from endpoint.wire.xapi.schema_import import read_schema
from scenarios.runner.exits import Exit, refused
from scenarios.runner.follow import Follower
from scenarios.runner.serving import (
    Address,
    Ground,
    address,
    first_ready,
    for_ever,
    lead_names,
    read_anchors,
    serve,
    write_ready,
)

HTTP_MODE: Final = "NetworkServices HTTP Mode"


NODE: Final = "NetworkServices HTTP Proxy"
"""The settings of a proxy."""


@dataclass(slots=True)
class DeviceProcess:
    """A device as the command line asks for it, with its control door and its ready file."""

    cloud: str
    control: str
    ca: Path | None
    targets: list[str]
    state: Path | None
    ready_file: Path | None
    prints_log: bool
    ssh: str = "127.0.0.1:0"
    https: str = "127.0.0.1:0"
    http: str | None = None
    """None opens plain HTTP on a free port when the settings ask for it; an address makes them ask."""
    schema: Path | None = None
    imported_succeed: bool = False
    auto_join: bool = False
    proxy: str | None = None
    log_style: str = "2022"
    _written: dict[str, Any] = field(default_factory=dict)

    def serve(
        self, code: str | None, *, hardens: bool, exits_on_refusal: bool, product: str, software: str, name: str
    ) -> int:
        """Boot, activate if there is a code and no account, serve until a signal comes; return the exit code."""
        check_url(self.cloud)
        door_address = address(self.control, "--control") or ("127.0.0.1", 0)
        addresses = self._addresses()
        table = read_table(self.schema, product)
        anchors = read_anchors(self.ca, "--ca")
        http_mode: dict[str, str | int] = {} if self.http in (None, "off") else {HTTP_MODE: "HTTP+HTTPS"}

        async def main() -> int:
            follower = Follower(self.cloud)
            try:
                ground = Ground.real(await follower.time_source())
                lead_names(ground.names, self.cloud, self.targets)
                await follower.names(ground.names)
                settings = DeviceSettings(
                    name=name,
                    model=product,
                    software=software,
                    anchors=anchors,
                    secure=urlsplit(self.cloud).scheme == "https",
                    state_dir=self.state,
                    table=table,
                    imported_succeed=self.imported_succeed,
                    auto_join=AutoJoin(enabled=self.auto_join),
                    log_style=self.log_style,
                    configuration={**http_mode, **read_proxy(self.proxy, ground.names)},
                )
                device = make_device(settings, ground)
                device.doors = Doors(addresses)
                door = ControlDoor(device, ground.faults, ground.source)
                return await self._live(device, door, door_address, code, hardens, exits_on_refusal)
            except StorageError as error:
                raise refused(f"--state: {error}") from None
            finally:
                await follower.close()

        return serve(main)

    async def _live(
        self, device: Device, door: ControlDoor, at: Address, code: str | None, hardens: bool, exits_on_refusal: bool
    ) -> int:
        if self.prints_log:
            device.on_log = lambda line: print(line, flush=True)
        try:
            await open_door(door, at)
            booting = await doors_open(device)
            first_ready(self.ready_file, self._ready(device, door))
            device.on_seen = lambda: self._rewrite(device, door)
            tell_doors(device)
            await booting
            self._rewrite(device, door)
            if code is not None and not await _activated(device, code, hardens) and exits_on_refusal:
                return Exit.NO
            await for_ever()
            return Exit.OK
        finally:
            device.on_seen = lambda: None
            await door.stop()
            await device.close()

    def _addresses(self) -> dict[str, Address]:
        given = {"ssh": self.ssh, "https": self.https, "http": self.http or "127.0.0.1:0"}
        found = {name: address(text, f"--{name}") for name, text in given.items()}
        return {name: place for name, place in found.items() if place is not None}

    def _ready(self, device: Device, door: ControlDoor) -> dict[str, Any]:
        content = {"control": door.url, "control_token": door.token.reveal(), "name": device.settings.name}
        content |= device.local_access()
        if self.state is not None:
            content["state"] = str(self.state)
        registration = device.registration.device
        account = device.identity.account
        if registration is not None and account is not None:
            content["device_id"] = account.device_id or registration.url.rpartition("/")[2]
        return content

    def _rewrite(self, device: Device, door: ControlDoor) -> None:
        """Write the ready file again when something in it has changed."""
        content = self._ready(device, door)
        if self.ready_file is None or content == self._written:
            return
        try:
            write_ready(self.ready_file, content)
        except OSError as error:
            with suppress(OSError):  # the same disk may be under the standard error
                print(f"{self.ready_file}: cannot be written: {error.strerror}", file=sys.stderr, flush=True)
        self._written = content


async def doors_open(device: Device) -> asyncio.Task[None]:
    """Power a device on, and wait until its doors are open; the boot itself goes on, whether there is a cloud or not.

    A door that cannot be opened is told in one line, and ends the command.
    """
    assert device.doors is not None, "the device has doors"
    booting = asyncio.create_task(device.boot(), name="boot")
    opened = asyncio.create_task(device.doors.are_open.wait(), name="doors")
    await asyncio.wait({booting, opened}, return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    try:
        if booting.done():
            booting.result()
    except OSError as error:
        raise refused(
            f"a door cannot be opened: {error.strerror or error}; give --ssh, --https or --http a free address"
        ) from None
    return booting


def tell_doors(device: Device) -> None:
    """Print where the device can be talked to, and as whom: the only place where the passphrase is shown."""
    access = device.local_access()
    for name in ("ssh", "https", "http", "ws"):
        if name in access:
            print(f"{name:<8} {access[name]}", flush=True)
    if "password" in access:
        print(f"user     {access['username']}  passphrase {access['password']}  (drawn for this start)", flush=True)


def check_url(cloud: str) -> None:
    """Refuse what is no base URL."""
    try:
        url = urlsplit(cloud)
        is_good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise refused(f"--cloud: {cloud!r} is no http(s) URL, such as https://127.0.0.1:8443")


def read_table(schema: Path | None, product: str) -> Nodes:
    """Return the node table, widened by a schema file; says what came of it, or refuses."""
    if schema is None:
        return nodes()
    try:
        found = read_schema(schema.read_bytes(), product)
    except OSError as error:
        raise refused(f"--schema: {schema} cannot be read: {error.strerror}") from None
    except WireError as error:
        raise refused(f"--schema: {schema}: {error}") from None
    table = nodes().widened(found)
    read = len(found.leaves) + len(found.commands) + len(found.events)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(found.skipped.items()))
    print(f"schema   {read} nodes of {product}" + (f"; left out: {why}" if why else ""), flush=True)
    return table


def make_device(settings: DeviceSettings, ground: Ground) -> Device:
    """Make a device, or say in one line why its settings cannot be used.

    Raises:
        StorageError: its state cannot be used.
    """
    try:
        return Device(
            settings,
            source=ground.source,
            chance=ground.chance,
            trace=ground.trace,
            faults=ground.faults,
            names=ground.names,
        )
    except ValueError as error:
        raise refused(str(error)) from None


async def open_door(door: ControlDoor, at: Address) -> None:
    """Open the control door, or refuse."""
    try:
        await door.start(*at)
    except ValueError as error:
        raise refused(f"--control: {error}") from None
    except OSError as error:
        raise refused(f"--control: {at[0]}:{at[1]} cannot be opened: {error.strerror or error}") from None


async def _activated(device: Device, code: str, hardens: bool) -> bool:
    """Activate, and tell how it went; says whether the device has an account now."""
    if device.is_activated:
        print("the device is activated already; the code was not used", flush=True)
        return True
    try:
        await device.activate(code, hardens=hardens)
    except MalformedCode as error:
        why = f"refused: {error}"
    except ActivationRefused as error:
        why = f"refused: {error.code}: {error.text}"
    except (EndpointError, WireError) as error:
        why = f"failed: {error}"
    else:
        print("activated", flush=True)
        return True
    print(f"activation {why}", file=sys.stderr, flush=True)
    return False


def read_proxy(url: str | None, names: NameTable) -> dict[str, str | int]:
    """Read `--proxy` of a device: the settings that it stands for; its host may be reached. Refuses what is no URL of a proxy."""
    if url is None:
        return {}
    parts = urlsplit(url) if is_url(url) else None
    if parts is None or parts.scheme != "http" or parts.port is None or parts.path not in ("", "/") or parts.query:
        raise refused("--proxy: write http://host:port, or http://user:password@host:port")
    host = parts.hostname or ""
    names.allow(host)
    shown = f"[{host}]" if ":" in host else host
    return {
        f"{NODE} Mode": "Manual",
        f"{NODE} Url": f"http://{shown}:{parts.port}",
        f"{NODE} LoginName": unquote(parts.username or ""),
        f"{NODE} Password": unquote(parts.password or ""),
    }
