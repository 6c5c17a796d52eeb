"""What an administrator says of the HTTP proxy: `NetworkServices HTTP Proxy`.

Source: protocol/xapi-nodes.md section 4, activation-and-media.md section 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from endpoint.wire.proxyauth import ProxyPassword

OFF: Final = "Off"
MANUAL: Final = "Manual"
PAC: Final = "PACUrl"
WPAD: Final = "WPAD"
NODE: Final = ("NetworkServices", "HTTP", "Proxy")


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The settings, as they are at one moment.

    Attributes:
        url: of the proxy with mode Manual, of the script with PACUrl and WPAD.
    """

    mode: str = OFF
    url: str = ""
    login: str = ""
    password: ProxyPassword = field(default_factory=lambda: ProxyPassword(""))

    @property
    def is_on(self) -> bool:
        """Say whether there is a proxy to think of."""
        return self.mode != OFF

    @property
    def uses_script(self) -> bool:
        """Say whether a script tells which proxy to take."""
        return self.mode in (PAC, WPAD)


def read_settings(setting: Callable[[str], str], domain: str) -> ProxySettings:
    """Read the settings; WPAD asks `wpad` in the device's own domain, the only place that a lookup by DNS knows."""
    mode = setting("Mode")
    if mode not in (MANUAL, PAC, WPAD):
        return ProxySettings()
    url = {MANUAL: setting("Url"), PAC: setting("PACUrl"), WPAD: f"http://wpad.{domain}/wpad.dat"}[mode]
    return ProxySettings(mode, url, setting("LoginName"), ProxyPassword(setting("Password")))
