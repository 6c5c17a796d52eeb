"""The service catalogue: which services there are, under the addresses that the asking client has to use.

Source: protocol/cloud-services.md 3; the formats are observed to be accepted, their shape documented, the list for devices observed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.hosts import HOME_CLUSTER, SERVICES, Origin
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from endpoint.wire import codec
from endpoint.wire.catalog import (
    DEVICE_PATH,
    FULL_PATH,
    LIMITED_PATH,
    LIMITED_SERVICES,
    Catalog,
    Service,
    ServiceUrl,
)
from endpoint.wire.catalog_formats import FORMAT_HOSTMAP, FORMAT_U2CV2, render_hostmap, render_records, render_u2cv2

REGION = "us-east-2"
PRIORITY = 5
LIMITED_KEYS = ("orgId", "emailhash", "userId", "mode")
OTHER_CLUSTER = "b"
SIGNIN_PATH = "/signin/catalog"
MADE_MAX = 64
"""Catalogues kept ready: one per origin, and printed once per format."""


class U2c:
    """The catalogue service."""

    name = "u2c"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._changed_ms = platform.now_ms()
        self._made: dict[tuple[Origin, int], Catalog] = {}
        self._printed: dict[tuple[Origin, bool, str], tuple[Catalog, bytes]] = {}
        self.routes = (
            Route("GET", LIMITED_PATH, self._limited, Label.OBSERVED, auth=False),
            Route("GET", FULL_PATH, self._full, Label.OBSERVED),
            Route("GET", SIGNIN_PATH, self._signin, Label.DOCUMENTED),
            Route("GET", DEVICE_PATH, self._for_device, Label.OBSERVED),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    @property
    def timestamp_ms(self) -> int:
        """The instant of the last change, epoch milliseconds."""
        return self._changed_ms

    def rotate(self, service: str, cluster: str) -> int:
        """Move a service to another cluster: its host name changes, the old one goes on answering. Returns the new timestamp."""
        self._platform.hosts.clusters[service] = cluster
        self._changed_ms = max(self._changed_ms + 1, self._platform.now_ms())
        return self._changed_ms

    def cluster_id(self, service: str) -> str:
        """Return the id of the cluster that a service is in, `urn:TEAM:us-east-2_a:wdm`."""
        address = SERVICES[service]
        team = "IDENTITY" if service in ("idbroker", "identity") else "TEAM"
        return f"urn:{team}:{REGION}_{self._platform.hosts.cluster_of(service)}:{address.catalog}"

    def catalog(self, origin: Origin, *, device: str | None = None) -> Catalog:
        """Return the catalogue for a client that knows the cloud by an origin; a fault can leave a service out, or at another address."""
        fault = self._platform.faults.hit("catalog", step="catalog", device=device)
        if fault is None:
            return self._whole(origin)
        do, about = fault.do, _names(fault.params.get("service"))
        elsewhere = str(fault.params.get("to") or OTHER_CLUSTER) if do == "moved" else ""
        records = []
        for service, address in SERVICES.items():
            is_meant = not about or bool(about & {service, address.catalog})
            if not address.catalog or (do == "missing" and is_meant):
                continue
            cluster = HOME_CLUSTER if do == "stale" else elsewhere if is_meant else ""
            records.append(self._record(service, origin, cluster or None))
        return Catalog.of(records, self._changed_ms, self._platform.org_id())

    def _whole(self, origin: Origin) -> Catalog:
        """Return the catalogue that no fault has touched; made once per origin and change, devices ask for it all the time."""
        key = (origin, self._changed_ms)
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= MADE_MAX:
                self._made.clear()
            records = [self._record(name, origin, None) for name, address in SERVICES.items() if address.catalog]
            found = self._made[key] = Catalog.of(records, self._changed_ms, self._platform.org_id())
        return found

    def _record(self, service: str, origin: Origin, cluster: str | None) -> Service:
        hosts = self._platform.hosts
        base = hosts.base(service, origin, cluster)
        logical = hosts.base(service, origin, HOME_CLUSTER)
        name = SERVICES[service].catalog
        urls = [ServiceUrl(base, PRIORITY)]
        if origin.is_named:
            # A registration may lead to another partition of a service: no token goes where the catalogue does not.
            aliases = SERVICES[service].aliases
            urls += [ServiceUrl(base.replace(SERVICES[service].label, one, 1), PRIORITY + 1) for one in aliases]
        return Service(name, tuple(urls), self.cluster_id(service), (logical,))

    def _limited(self, call: Call) -> Answer:
        if sum(key in call.query for key in LIMITED_KEYS) != 1:
            raise BadRequest(f"exactly one of {', '.join(LIMITED_KEYS)} is needed")
        return self._printed_answer(call, self.catalog(call.origin), is_limited=True)

    def _signin(self, call: Call) -> Answer:
        return self._printed_answer(call, self.catalog(call.origin))

    def _full(self, call: Call) -> Answer:
        return self._printed_answer(call, self.catalog(call.origin, device=call.peer))

    def _for_device(self, call: Call) -> Answer:
        teams = {team for team in call.query.get("types", "TEAM,IDENTITY").split(",") if team}
        catalog = self.catalog(call.origin, device=call.peer)
        wanted = [service.name for service in catalog.services.values() if service.cluster_id.split(":")[1] in teams]
        return Answer({"services": render_records(catalog.only(wanted))})

    def _printed_answer(self, call: Call, catalog: Catalog, *, is_limited: bool = False) -> Answer:
        """Answer with a catalogue in the format asked for; what was printed of the same catalogue before is used again."""
        wanted = call.query.get("format", FORMAT_HOSTMAP)
        render = _RENDER.get(wanted)
        if render is None:
            raise BadRequest(f"format is {FORMAT_HOSTMAP} or {FORMAT_U2CV2}")
        key = (call.origin, is_limited, wanted)
        known = self._printed.get(key)
        if known is None or known[0] is not catalog:
            if len(self._printed) >= MADE_MAX:
                self._printed.clear()
            shown = catalog.only(LIMITED_SERVICES) if is_limited else catalog
            known = self._printed[key] = (catalog, codec.encode(render(shown)))
        return Answer(known[1])


_RENDER: dict[str, Callable[[Catalog], object]] = {FORMAT_HOSTMAP: render_hostmap, FORMAT_U2CV2: render_u2cv2}


def _names(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    return frozenset(map(str, value)) if isinstance(value, (list, tuple)) else frozenset({str(value)})
