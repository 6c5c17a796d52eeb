"""The HTTP proxy at the device: the settings that it follows and the message that tells of it.

Source: protocol/xapi-nodes.md, NetworkServices HTTP Proxy; activation-and-media.md 15.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from endpoint.cloud.proxy import HttpProxy
from endpoint.cloud.proxy_settings import NODE, ProxySettings, read_settings
from endpoint.device.effects import domain_of

if TYPE_CHECKING:
    from endpoint.device.device import Device


def plug(device: Device) -> HttpProxy:
    """Let a device that is about to boot take the proxy of its settings."""

    def read() -> ProxySettings:
        return read_settings(lambda name: str(device.configuration.get((*NODE, name)) or ""), domain_of(device))

    def show(problem: str, is_script: bool) -> None:
        references = {"mode": read().mode, "status": problem}
        device.diagnostics.put("HttpProxyStatus", bool(problem), references, "Warning" if is_script else "Error")

    def follow() -> None:
        if device.is_up:
            proxy.settings_changed()

    proxy = HttpProxy(device.world, device.http, device.tasks, read, show, lambda: device.zone)
    device.world.net.way = proxy
    device.configuration.listen(NODE, lambda _: follow())
    return proxy
