"""What the cloud may ask of the device's xAPI: the port of `endpoint.cloud.xapi_relay`, joined to the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import BadValue
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Nodes, Value
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.wire.xapi.query import Query
from endpoint.xapi.commands import Commands
from endpoint.xapi.diagnostics import Diagnostics

if TYPE_CHECKING:
    from endpoint.device.device import Device


class CloudXapi:
    """The xAPI of one device, as its relay sees it."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    @property
    def nodes(self) -> Nodes:
        """The node table."""
        return self._device.xapi.nodes

    @property
    def commands(self) -> Commands:
        """The commands."""
        return self._device.xapi.commands

    def find(self, query: Query, caller: Caller) -> list[Leaf]:
        """Return the leaves that a query covers."""
        return self._device.xapi.find(query, caller)

    def configured(self) -> Mapping[Path, Value]:
        """Return what was set, by the settings of the run or by anybody since."""
        device = self._device
        given = {**device.settings.configuration, **device.state.configuration}
        return {parse_path(text): value for text, value in given.items()}

    def configure(self, values: Mapping[Path, Value | None], caller: Caller) -> None:
        """Set configurations, and take back those that are None, all or none."""
        try:
            self._device.set_configurations({words(path): value for path, value in values.items()})
        except (LocalProtocolError, StorageError) as error:
            raise BadValue(words(next(iter(values))), str(error)) from None
        for path in values:
            self._device.world.log.line("Xapi", "I", f"{words(path)} set by - from {caller.origin}")


def issues(diagnostics: Diagnostics) -> list[str]:
    """Return the types of the messages above Info: what makes a connected device one with issues (protocol/xapi.md 12.6)."""
    return [kind for kind, level in diagnostics.types.items() if level != "Info"]
