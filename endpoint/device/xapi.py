"""The xAPI of a device: who owns which commands, and what setting a configuration leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from endpoint.device.commands.bookings import Bookings
from endpoint.device.commands.diagnostics import DiagnosticsRun
from endpoint.device.commands.logs import Logging
from endpoint.device.commands.power import Power
from endpoint.device.commands.registration import CloudLink
from endpoint.room.ports import RoomWorld
from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import BadValue
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path, words
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback

if TYPE_CHECKING:
    from endpoint.device.device import Device


def make_xapi(device: Device) -> Xapi:
    """Join the trees, the parts that own commands, and who listens."""
    table = nodes()
    feedback = Feedback(device.status, device.configuration, table)
    commands = Commands(table)
    device.room = RoomWorld(device.world, device.status, device.configuration, feedback.raise_event)
    commands.provide([Power(device), CloudLink(device), DiagnosticsRun(device), Bookings(device), Logging(device)])

    def configure(values: Mapping[Path, Value], caller: Caller) -> None:
        try:
            device.set_configurations({words(path): value for path, value in values.items()})
        except (LocalProtocolError, StorageError) as error:
            raise BadValue(words(next(iter(values))), str(error)) from None
        for path in values:
            device.world.log.line("Xapi", "I", f"{words(path)} set by {caller.user or '-'} from {caller.origin}")

    return Xapi(table, device.status, device.configuration, commands, feedback, configure)
