"""Where first contact goes: the fixed addresses of a device that knows nothing yet.

Every later URL comes from an answer or from the catalogue. Source: protocol/activation-and-media.md section 0, 1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from endpoint.wire.conventions import is_url

DEFAULT_DOMAINS: Final = ("wbx2.test", "webex.test")
OVERRIDES: Final = ("GdsBaseUrl", "U2CBaseUrl", "WdmBaseUrl")
"""Leaves of the hidden configuration `Spark ServiceOverrides`."""


@dataclass(frozen=True, slots=True)
class Bases:
    """Base URLs, without a trailing slash, and the domains that an unverified reply may lead to.

    `u2c_override` and `wdm` are None unless they are set by hand: then they go before what the cloud says.
    """

    region: str
    gds: str
    activation: str
    u2c: str
    u2c_override: str | None
    wdm: str | None
    domains: tuple[str, ...]


def is_base_url(text: str) -> bool:
    """Tell whether a text can be an override: empty for the default, or an http(s) URL without query and fragment."""
    return not text or (is_url(text) and text.startswith("http") and not {"?", "#", "@", "\\"} & set(text))


def bases(*, secure: bool = True, gds_override: str = "", u2c_override: str = "", wdm_override: str = "") -> Bases:
    """Work out the addresses of first contact.

    Args:
        secure: False when the cloud is served over plain http.
        gds_override, u2c_override, wdm_override: `Spark ServiceOverrides GdsBaseUrl`, `U2CBaseUrl`, `WdmBaseUrl`; empty = default. Region
            and activation follow the origin of the first.
    """
    scheme = "https" if secure else "http"
    domains: tuple[str, ...] = DEFAULT_DOMAINS
    region, gds = f"{scheme}://ds.wbx2.test/v1/region", f"{scheme}://gds-a.wbx2.test/gds/api/v1"
    activation = f"{scheme}://activation.webex.test/activation/api/v1"
    if gds_override:
        parts = urlsplit(gds_override)
        origin = f"{parts.scheme}://{parts.netloc}"
        gds, region, activation = gds_override, f"{origin}/v1/region", f"{origin}/activation/api/v1"
        domains = (parts.hostname or "", *domains)
    u2c = u2c_override or f"{scheme}://u2c-a.wbx2.test/u2c/api/v1"
    return Bases(region, gds, activation, u2c, u2c_override or None, wdm_override or None, domains)
