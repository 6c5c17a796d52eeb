"""Calliope: the list of media clusters, and the report that comes back.

Source: protocol/activation-and-media.md 10.1, cloud-services.md 10. GET is observed, POST observed to be accepted.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from cloud_stub.media_node.fleet import Fleet
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from endpoint.wire.calliope import (
    MAX_AGE_DEFAULT_S,
    ClusterClasses,
    ClusterList,
    ClusterQuery,
    DiscoveryOptions,
)

REPORTS_MAX = 100
"""Reports that are remembered."""
JOIN_COOKIE = {"anycastEntryPoint": "roomsim"}


class Calliope:
    """The discovery service in front of the media nodes."""

    name = "calliope"

    def __init__(self, platform: Platform, fleet: Fleet | None) -> None:
        self._platform = platform
        self._fleet = fleet
        self.max_age_s = MAX_AGE_DEFAULT_S
        self.reports: deque[dict[str, Any]] = deque(maxlen=REPORTS_MAX)
        """The last reports that came, newest last."""
        self.routes = (
            Route("GET", "/clusters", self._get, Label.OBSERVED, shows_body=True),
            Route("POST", "/clusters", self._post, Label.OBSERVED, shows_body=True),
            Route("POST", "/reachability", self._report, Label.DOCUMENTED),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def clusters(self, *, real: bool) -> ClusterList:
        """Return the cluster list: logical addresses, or the real ports for clients that know nothing of the mapping."""
        return ClusterList(
            clusters=self._fleet.clusters(real=real) if self._fleet is not None else {},
            cluster_classes=ClusterClasses(),
            join_cookie=JOIN_COOKIE,
            discovery_options=DiscoveryOptions(early_call_min_clusters=1, report_version=1),
        )

    def _get(self, call: Call) -> Answer:
        return self._list(call)

    def _post(self, call: Call) -> Answer:
        query = call.read(ClusterQuery)
        if query.previous_report is not None:
            self.reports.append({"user": call.caller.id, "report": query.previous_report})
        return self._list(call)

    def _list(self, call: Call) -> Answer:
        real = not call.origin.is_named
        return Answer(self.clusters(real=real), headers={"Cache-Control": f"public, max-age={self.max_age_s}"})

    def _report(self, call: Call) -> Answer:
        self.reports.append({"user": call.caller.id, "report": call.read(dict[str, Any])})
        return Answer({})
