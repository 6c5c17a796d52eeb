"""Client metrics: taken, counted, the last ones kept.

Source: protocol/cloud-services.md 11.1; that any JSON is good as an answer is observed.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route

METRICS_MAX = 500
"""Metrics that are remembered; `Metrics.count` counts all."""


class Metrics:
    """The metrics service. What clients report stays in memory and is not shown in the trace."""

    name = "metrics"

    def __init__(self, platform: Platform) -> None:
        self.last: deque[dict[str, Any]] = deque(maxlen=METRICS_MAX)
        self.count = 0
        self.routes = (
            Route("POST", "/clientmetrics", self._take, Label.OBSERVED),
            Route("POST", "/clientmetrics-prelogin", self._take, Label.DOCUMENTED, auth=False),
            Route("POST", "/metrics", self._take, Label.DOCUMENTED),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def _take(self, call: Call) -> Answer:
        batch = call.read(dict[str, Any]).get("metrics", [])
        for metric in batch if isinstance(batch, list) else []:
            if isinstance(metric, dict):
                self.count += 1
                self.last.append(metric)
        return Answer({"items": []})
