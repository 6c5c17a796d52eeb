"""Commands given to a device as a door gives them, and what is seen of it afterwards."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from endpoint.device.device import Device
from endpoint.wire.xapi.calls import INTERNAL, Caller
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.query import query_of_text


async def command(
    device: Device,
    path: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    caller: Caller = INTERNAL,
    body: str | None = None,
) -> Any:
    """Give a command and return what its result holds besides the status."""
    commands = device.local.commands
    outcome = commands.call(commands.prepare(parse_path(path), arguments or {}, body, caller))
    return await outcome if inspect.isawaitable(outcome) else outcome


def at(device: Device, path: str) -> object:
    """Return a status."""
    return device.status.get(parse_path(path))


def setting(device: Device, path: str) -> object:
    """Return a configuration."""
    return device.configuration.get(parse_path(path))


def events(device: Device) -> list[dict[str, object]]:
    """Return a list that fills with the events of this boot: name and fields."""
    told: list[dict[str, object]] = []

    def take(notice: Any) -> None:
        fields = {str(path[-1]): value for path, value in notice.leaves if path != notice.event}
        told.append({"event": " ".join(map(str, notice.event[1:])), **fields})

    device.local.xapi.subscribe(query_of_text("Event"), INTERNAL, take)
    return told
