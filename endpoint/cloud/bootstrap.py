"""First contact at every boot: region, GDS health, and the time.

Nothing here is fatal: the service calls that follow decide. TLS is not verified, which is how a device whose clock is wrong can learn the
time at all. Source: protocol/activation-and-media.md 1.1 to 1.5.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from endpoint.cloud.bases import Bases
from endpoint.cloud.http import Call, Http
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.world import World
from endpoint.wire import health
from endpoint.wire.errors import RemoteProtocolError

REGION_TIMEOUT_S: Final = 5.0  # js-sdk, protocol 1.1
GDS_TIMEOUT_S: Final = 10.0
CLOCK_TOLERANCE_S: Final = 60.0
TIME_SOURCES: Final = frozenset({"region", "gds", "activation"})
PLAUSIBLE_YEARS: Final = range(2000, 2100)
"""An answer that nobody vouches for may set the clock wrong, but not to where no calendar goes on."""


class Bootstrap:
    """Make first contact for one device."""

    def __init__(self, world: World, http: Http, bases: Bases) -> None:
        self._world = world
        self._http = http
        self._bases = bases
        self._wants_time = False
        self.region: health.Region | None = None
        self.gds_is_healthy: bool | None = None
        """None until GDS was asked."""
        http.on_date = self._dated

    @property
    def knows_time(self) -> bool:
        """Say whether the wall clock was compared with somebody's since the boot."""
        return not self._wants_time

    def trust_dates(self) -> None:
        """Compare the wall clock with the next answer of region, GDS or activation: first contact may not have reached anybody."""
        self._wants_time = True

    def _dated(self, service: str, host: str, date: datetime) -> None:
        if not self._wants_time or service not in TIME_SOURCES or date.year not in PLAUSIBLE_YEARS:
            return
        self._wants_time = False
        clock = self._world.clock
        old = clock.now()
        if abs((date - old).total_seconds()) > CLOCK_TOLERANCE_S:
            clock.set_wall(date)
            self._world.log.line("Network", "I", f"system time set from {host}: {iso_ms(old)} -> {iso_ms(date)}")

    async def run(self) -> None:
        """Ask for region and GDS health; log what is wrong and go on."""
        self.trust_dates()
        await self._ask_region()
        await self._ask_gds()

    async def _ask_region(self) -> None:
        call = Call("GET", self._bases.region, "region", verify=False, timeout_s=REGION_TIMEOUT_S)
        try:
            answer = await self._http.send(call)
            if answer.ok:
                self.region = answer.read(health.Region)
            else:
                self._unreachable("region", str(answer.status))
        except Unreachable as error:
            self._unreachable("region", error.reason)
        except RemoteProtocolError:
            self._unreachable("region", "unexpected content")

    async def _ask_gds(self) -> None:
        call = Call("GET", f"{self._bases.gds}{health.PING_PATH}", "gds", verify=False, timeout_s=GDS_TIMEOUT_S)
        self.gds_is_healthy = False
        try:
            answer = await self._http.send(call)
            record = answer.read(health.Health)
        except Unreachable as error:
            self._unreachable("GDS", error.reason)
        except RemoteProtocolError:
            self._unreachable("GDS", "unexpected content" if answer.ok else str(answer.status))
        else:
            self.gds_is_healthy = record.is_healthy
            if not record.is_healthy:
                text = f"GDS is {record.service_state}: {record.message}"
                self._world.log.line("Wx2", "W", text)

    def _unreachable(self, service: str, reason: str) -> None:
        self._world.log.line("Wx2", "W", f"{service} unreachable: {reason}")
