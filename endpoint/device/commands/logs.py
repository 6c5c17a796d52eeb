"""Logging: extended logging, and the bundle that goes to the cloud. Source: protocol/activation-and-media.md 9.1, xapi.md 10.2."""

from __future__ import annotations

import gzip
import inspect
import io
import tarfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from endpoint.cloud.http import Answer, Call
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.wire import clientlogs
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.calls import INTERNAL, Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed, XapiError
from endpoint.wire.xapi.leaves import Fields, Mark, flatten
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, parse_path
from endpoint.wire.xapi.query import query_of_text
from endpoint.wire.xapi.terminal import configuration_lines, status_lines

if TYPE_CHECKING:
    from endpoint.device.device import Device

EXTENDED_S: Final = 600
"""How long extended logging lasts at the longest."""
SERVICE: Final = "clientLogs"


class Logging:
    """The log of one device, as its commands see it."""

    __slots__ = ("_device", "_timer")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._timer: Timer | None = None

    def _start(self, call: Invocation) -> None:
        packets = call.text("PacketDump")
        self._show("On", "Off" if packets == "None" else "On")
        self._cancel()
        seconds = call.number("Duration") or EXTENDED_S
        self._timer = self._device.world.clock.call_later(seconds, self._over)

    def _stop(self, call: Invocation) -> None:
        self._cancel()
        self._show("Off", "Off")

    def _over(self) -> None:
        self._timer = None
        self._show("Off", "Off")

    def stop(self) -> None:
        """Wait for nothing more: the device goes off."""
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _show(self, mode: str, packets: str) -> None:
        status = self._device.status
        with status.group():
            status.put(("Logging", "ExtendedLogging", "Mode"), mode)
            status.put(("Logging", "ExtendedLogging", "PacketDump"), packets)

    async def _send(self, call: Invocation) -> Fields:
        device = self._device
        if device.registration.device is None:
            raise CommandFailed("The device is not registered")
        log_id = device.world.chance.stream("log bundle", device.world.log.http.count).uuid()
        base = device.catalog.catalog.url(SERVICE)
        if base is None:
            raise CommandFailed("The cloud has no service for logs")
        try:
            await self._upload(base, log_id)
        except (EndpointError, WireError) as error:
            raise CommandFailed(f"Logs not sent: {error}") from None
        device.world.log.line("MainEvents", "I", f"logs sent: {log_id}")
        return {"LogId": log_id}

    async def _upload(self, base: str, log_id: str) -> None:
        identity = self._device.identity
        asked = await self._post(f"{base}/logs/url", clientlogs.UrlRequest(file=f"{log_id}.tar.gz"))
        place = asked.read(clientlogs.UrlReply)
        identity.check_host(place.temp_url)
        binary = {"Content-Type": "application/gzip"}
        sent = await identity.send(Call("PUT", place.temp_url, SERVICE, form=bundle(self._device), headers=binary))
        if not sent.ok:
            raise sent.refusal(self._device.world.clock.now())
        about = (clientlogs.Entry(key="logId", value=log_id), clientlogs.Entry(key="source", value="device"))
        await self._post(f"{base}/logs/meta", clientlogs.MetaRequest(filename=place.log_filename, data=about))

    async def _post(self, url: str, body: object) -> Answer:
        answer = await self._device.identity.send(Call("POST", url, SERVICE, body))
        if not answer.ok:
            raise answer.refusal(self._device.world.clock.now())
        return answer

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Logging ExtendedLogging Start": _start,
        "Logging ExtendedLogging Stop": _stop,
        "Logging SendLogs": _send,
    }


SECRETS: Final = ("Password", "HostKey")
"""Leaves of answers that a log does not tell: those of a booking let anybody into its meeting."""


def bundle(device: Device) -> bytes:
    """Return a log bundle, gzipped tar: what the device says of itself, and its log. The same state gives the same bytes."""
    now = int(device.world.clock.now().timestamp())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, lines in _files(device).items():
            data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), now, 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=now)


def _files(device: Device) -> Mapping[str, Iterable[str]]:
    log = list(device.world.log.lines)
    return {
        "all.log": log,
        "application.log": [line for line in log if " MainEvents" in line or " Xapi" in line],
        "xstatus.txt": status_lines(_shown(device, "Status")),
        "xconfig.txt": configuration_lines(_shown(device, "Configuration")),
        "bookings.txt": _answered(device, "Bookings List"),
        "callhistory.txt": _answered(device, "CallHistory Get"),
    }


def _shown(device: Device, branch: str) -> list[tuple[Path, Value]]:
    """Return the leaves of a branch without its name; secrets are empty already."""
    leaves = device.xapi.find(query_of_text(branch), INTERNAL)
    return [(path[1:], value) for path, value in leaves if not isinstance(value, Mark)]


def _answered(device: Device, command: str) -> list[str]:
    """Return what a shell prints for a command without arguments; nothing for one that nobody carries out yet."""
    commands = device.xapi.commands
    try:
        outcome = commands.call(commands.prepare(parse_path(command), {}, None, INTERNAL))
    except XapiError:
        return []
    if inspect.isawaitable(outcome):
        raise TypeError(f"{command} takes time")
    node = device.xapi.nodes.command(parse_path(command))
    assert node is not None, "it was just called"
    leaves = [
        (path, "" if path[-1] in SECRETS else value)
        for path, value in flatten(outcome or {})
        if not isinstance(value, Mark)
    ]
    shown = [line.removeprefix("*s ") for line in status_lines(leaves)]
    head = f"*r {node.result_name} (status=OK):"
    return ["OK", "", head, *(f"*r {node.result_name} {line}" for line in shown), "** end"]
