"""How the proxy of the premises is set up, and where it is.

Source: protocol/activation-and-media.md section 16, rows 6 to 12 and 53.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from endpoint.runtime.tls import Authority
from endpoint.wire.proxyauth import ProxyPassword

DOMAIN: Final = "example.test"
"""The domain of the premises: that of devices which were told no other."""
PROXY_HOST: Final = f"proxy.{DOMAIN}"
PROXY_PORT: Final = 8080
PAC_HOST: Final = f"pac.{DOMAIN}"
WPAD_HOST: Final = f"wpad.{DOMAIN}"
PAC_PATHS: Final = ("/proxy.pac", "/wpad.dat")

PAC_SCRIPT: Final = f"""function FindProxyForURL(url, host) {{
  if (isPlainHostName(host) || host === "127.0.0.1" || dnsDomainIs(host, ".{DOMAIN}")) return "DIRECT";
  return "PROXY {PROXY_HOST}:{PROXY_PORT}";
}}
"""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """How a proxy behaves when nothing is wrong with it.

    Attributes:
        schemes: how it asks who is there, of fault_params.SCHEMES; none lets everybody through.
        login, password: the one account.
        inspects: the authority whose certificates it shows in the place of the servers' own; None leaves TLS alone.
        script: what it serves as PAC script.
    """

    schemes: tuple[str, ...] = ()
    login: str = "room"
    password: ProxyPassword = field(default_factory=lambda: ProxyPassword("room-proxy-secret"))
    inspects: Authority | None = None
    script: str = PAC_SCRIPT
