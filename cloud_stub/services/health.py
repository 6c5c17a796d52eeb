"""What a client asks before it has a token: region, GDS, and the `/ping` that every service has.

Source: protocol/activation-and-media.md 1.2 and 1.3; the record is observed, its place on other services documented.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from endpoint.runtime.clock import iso_ms
from endpoint.wire import health

GDS_NAME = "GDS"


def ping_route(platform: Platform, service: str) -> Route:
    """Return the `/ping` of a service that needs nobody else."""

    def ping(_: Call) -> Answer:
        return Answer(health.evaluate(service, iso_ms(platform.now())))

    return Route("GET", health.PING_PATH, ping, Label.DOCUMENTED, auth=False, shows_body=True)


class Region:
    """The region lookup: where the client seems to be."""

    name = "region"

    def __init__(self, platform: Platform) -> None:
        self.region = health.DEFAULT_REGION
        self.routes = (
            Route("GET", "", self._get, Label.DOCUMENTED, auth=False, shows_body=True),
            ping_route(platform, self.name),
        )
        self.error_body = wx2_error

    def _get(self, _: Call) -> Answer:
        return Answer(self.region)


class Gds:
    """GDS: its own health with that of its upstreams, each of which can be faulted."""

    name = "gds"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._pings = 0
        self.upstreams: dict[str, tuple[str, str]] = dict.fromkeys(
            health.GDS_UPSTREAMS, (health.ONLINE, health.REQUIRED)
        )
        """State and type of each upstream by its name."""
        self.routes: Sequence[Route] = (
            Route("GET", health.PING_PATH, self._ping, Label.OBSERVED, auth=False, shows_body=True),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def _ping(self, _: Call) -> Answer:
        now = self._platform.now()
        self._pings += 1
        draws = self._platform.chance.stream("gds upstreams", self._pings)
        upstream = [
            health.evaluate(
                name,
                iso_ms(now - timedelta(seconds=draws.uniform(*health.UPSTREAM_AGE_S))),
                state=state,
                service_type=kind,
            )
            for name, (state, kind) in self.upstreams.items()
        ]
        return Answer(health.evaluate(GDS_NAME, iso_ms(now), upstream))


class Idle:
    """A service that the catalogue names and that only answers its ping yet."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.name = name
        self.routes = (ping_route(platform, name),)
        self.error_body = wx2_error
