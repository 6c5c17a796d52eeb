"""Client logs: bundles that devices upload, in three steps; the last ones are kept, in memory.

Source: the public SDK's support plugin for steps and members; that the stub keeps what comes is ours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from endpoint.wire.clientlogs import BUNDLE_BYTES_MAX, MetaRequest, UrlReply, UrlRequest

BUNDLES_MAX: Final = 20
"""Bundles that are kept over all devices; the oldest goes."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One upload: whose, its bytes once they came, and what was said of it."""

    user_id: str
    data: bytes | None = field(default=None, repr=False)
    about: dict[str, str] = field(default_factory=dict)


class ClientLogs:
    """The client logs service."""

    name = "clientLogs"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.bundles: OrderedDict[str, Bundle] = OrderedDict()
        """Uploads by name, oldest first."""
        self.routes = (
            Route("POST", "/logs/url", self._place, Label.DOCUMENTED, shows_body=True),
            Route("PUT", "/logs/files/{name}", self._put, Label.OURS, body_bytes_max=BUNDLE_BYTES_MAX),
            Route("POST", "/logs/meta", self._meta, Label.DOCUMENTED, shows_body=True),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def _place(self, call: Call) -> Answer:
        wanted = call.read(UrlRequest).file
        name = f"{self._platform.new_id('log bundle', call.caller.id)[:8]}-{wanted}"
        while len(self.bundles) >= BUNDLES_MAX:
            self.bundles.popitem(last=False)
        self.bundles[name] = Bundle(call.caller.id)
        base = self._platform.hosts.base(self.name, call.origin)
        return Answer(UrlReply(temp_url=f"{base}/logs/files/{name}", log_filename=name))

    def _put(self, call: Call) -> Answer:
        if not call.body or len(call.body) > BUNDLE_BYTES_MAX:
            raise BadRequest(f"a bundle has 1 to {BUNDLE_BYTES_MAX} bytes")
        name = call.params["name"]
        self.bundles[name] = replace(self._own(call, name), data=call.body)
        return Answer(status=200)

    def _meta(self, call: Call) -> Answer:
        said = call.read(MetaRequest)
        bundle = self._own(call, said.filename)
        self.bundles[said.filename] = replace(bundle, about={entry.key: entry.value for entry in said.data})
        return Answer({"filename": said.filename})

    def _own(self, call: Call, name: str) -> Bundle:
        bundle = self.bundles.get(name)
        if bundle is None or bundle.user_id != call.caller.id:
            raise NotFound("no such upload")
        return bundle
