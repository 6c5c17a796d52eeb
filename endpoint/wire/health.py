"""What a booting device asks before it has a token: where it is, and whether the cloud is well.

Source: protocol/activation-and-media.md 1.2 and 1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

REGION_PATH: Final = "/v1/region"
PING_PATH: Final = "/ping"  # every service has it, below its base

ONLINE: Final = "online"
FAULT: Final = "fault"
UNREACHABLE: Final = "unreachable"

REQUIRED: Final = "REQUIRED"
OPTIONAL: Final = "OPTIONAL"  # R: only REQUIRED was ever seen

HEALTHY: Final = "Healthy"

GDS_UPSTREAMS: Final = ("FederationLookupService", "Cassandra", "CommonIdentity")
UPSTREAM_AGE_S: Final = (0.80, 0.95)  # an upstream's lastUpdated is that much older than its parent's; the slides, O


class Health(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The answer of `GET <base>/ping`: a service's own state and that of the services it needs.

    Members are in the order of the slides. `last_updated` is an ISO instant with milliseconds and `Z`; `service_state` is `online`,
    `fault` or `unreachable`, and a reader has to live with others.
    """

    last_updated: str = ""
    message: str = ""
    service_name: str
    service_state: str
    service_type: str = REQUIRED
    upstream_services: tuple[Health, ...] = ()
    service_instance: str | UnsetType = UNSET
    default_charset: str | UnsetType = UNSET
    base_url: str | UnsetType = UNSET

    @property
    def is_healthy(self) -> bool:
        """Tell whether the service calls itself online. Only the real calls decide whether it is."""
        return self.service_state == ONLINE

    @property
    def is_required(self) -> bool:
        """Tell whether a service above this one cannot work without it."""
        return self.service_type == REQUIRED


def evaluate(
    service_name: str,
    last_updated: str,
    upstream: Sequence[Health] = (),
    *,
    state: str = ONLINE,
    service_type: str = REQUIRED,
) -> Health:
    """Build a service's record from its own state and its upstreams.

    The first REQUIRED upstream that is not online makes an online service `fault`, and the message names it; others do not count.
    """
    message = HEALTHY if state == ONLINE else f"{service_name} is {state}"
    broken = next((record for record in upstream if record.is_required and not record.is_healthy), None)
    if state == ONLINE and broken is not None:
        state, message = FAULT, f"{broken.service_name} is {broken.service_state}"
    return Health(
        last_updated=last_updated,
        message=message,
        service_name=service_name,
        service_state=state,
        service_type=service_type,
        upstream_services=tuple(upstream),
    )


class Region(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The answer of `GET <region>/v1/region`. Clients use the country, the region and the time zone, and live without any of it."""

    country_code: str = ""
    region_code: str = ""
    client_region: str = ""
    client_address: str = ""
    timezone: str = ""


DEFAULT_REGION: Final = Region(
    country_code="US",
    region_code="US-EAST",
    client_region="us-east-2",
    client_address="192.0.2.10",
    timezone="Etc/UTC",
)
