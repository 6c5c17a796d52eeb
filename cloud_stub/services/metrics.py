"""Client metrics: taken, counted, the last ones kept; the diagnostic events of calls in the order in which they came about.

Source: protocol/cloud-services.md section 11; that any JSON is good as an answer is observed. How long events are kept is ours.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError, NotFound
from cloud_stub.platform.looking import pick
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from endpoint.wire.client_metrics import Diagnostic, diagnostic_of
from endpoint.wire.errors import RemoteProtocolError

METRICS_MAX = 500
"""Metrics that are remembered; `Metrics.count` counts all."""
CALLS_MAX = 200
"""Calls whose events are remembered; the one that was heard of longest ago leaves."""
EVENTS_MAX = 1_000
"""Events of one call that are remembered; the oldest leave. A day of reports, one a minute, is 1440."""
NAMED_MAX = 9
"""Calls that an error names."""


class Metrics:
    """The metrics service. What clients report stays in memory; of diagnostic events, names and codes are shown in the state."""

    name = "metrics"

    def __init__(self, platform: Platform) -> None:
        self.last: deque[dict[str, Any]] = deque(maxlen=METRICS_MAX)
        self.count = 0
        self.malformed = 0
        """Diagnostic events without a name or a correlation id."""
        self._calls: dict[str, deque[Diagnostic]] = {}
        self.routes = (
            Route("POST", "/clientmetrics", self._take, Label.OBSERVED),
            Route("POST", "/clientmetrics-prelogin", self._take, Label.DOCUMENTED, auth=False),
            Route("POST", "/metrics", self._take, Label.DOCUMENTED),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    @property
    def calls(self) -> tuple[str, ...]:
        """Correlation ids of the calls with events, the one heard of last at the end."""
        return tuple(self._calls)

    def events(self, correlation_id: str) -> tuple[Diagnostic, ...]:
        """Return the diagnostic events of a call, in the order in which they came about there."""
        kept = self._calls.get(correlation_id, ())
        return tuple(sorted(kept, key=lambda event: event.triggered))  # stable: equal instants stay as they came

    def query(self, subject: str, rest: list[str]) -> Any:
        """Return what a path of the state leads to: `metrics.<correlation id>.names`, `metrics.names` of the call heard of last.

        Raises:
            NotFound: it leads nowhere; the text says what would have been right.
        """
        if rest and rest[0] in self._calls:
            return pick(f"{subject}.{rest[0]}", self._shown(rest[0]), rest[1:])
        if len(rest) > 1:
            known = ", ".join(self.calls[-NAMED_MAX:])
            raise NotFound(f"nobody has told of a call {rest[0]!r}; there are {known or 'none'}")
        latest = self._shown(self.calls[-1] if self.calls else "")
        return pick(subject, {**latest, "count": self.count, "malformed": self.malformed, "calls": [*self.calls]}, rest)

    def _shown(self, correlation_id: str) -> dict[str, Any]:
        """Return what may be shown of a call: names in order, client codes of errors, device."""
        events = self.events(correlation_id)
        return {
            "names": [event.name for event in events],
            "count": len(events),
            "errors": [code for event in events for code in event.error_codes],
            "device": events[-1].device_url if events else "",
        }

    def _take(self, call: Call) -> Answer:
        batch = call.read(dict[str, Any]).get("metrics", [])
        for metric in batch if isinstance(batch, list) else []:
            if isinstance(metric, dict):
                self.count += 1
                self.last.append(metric)
                self._keep(metric)
        return Answer({"items": []})

    def _keep(self, metric: dict[str, Any]) -> None:
        try:
            event = diagnostic_of(metric)
        except RemoteProtocolError:
            self.malformed += 1
            return
        if event is None:
            return
        kept = self._calls.pop(event.correlation_id, None) or deque(maxlen=EVENTS_MAX)
        kept.append(event)
        self._calls[event.correlation_id] = kept
        if len(self._calls) > CALLS_MAX:
            del self._calls[next(iter(self._calls))]
