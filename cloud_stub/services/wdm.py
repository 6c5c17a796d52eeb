"""WDM: device registrations and the feature toggles that come with them.

Source: protocol/cloud-services.md 4; register, refresh, unregister and list observed. That a second POST of the same device returns its
registration, instead of a second one, is ours: a lost answer leaves no orphan.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.hosts import SERVICES, Origin
from cloud_stub.platform.records import Device, Registration
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.features import Features
from cloud_stub.services.health import ping_route
from endpoint.runtime.clock import iso_ms
from endpoint.wire import wdm

EPHEMERAL_TTL_S_MAX = 86_400
PARTITION = "mercury-connection-partition2"
"""Label of the host that sockets are moved to, and that the slides show."""


class Wdm:
    """The registration service."""

    name = "wdm"

    def __init__(self, platform: Platform, features: Features) -> None:
        self._platform = platform
        self._features = features
        self._registrations = platform.store[Registration]
        self.on_gone: Callable[[Registration], object] = lambda record: None
        """Told a registration that its client, or a fault, has taken away."""
        self.routes = (
            Route("POST", wdm.DEVICES_PATH, self._register, Label.OBSERVED, shows_body=True),
            Route("GET", wdm.DEVICES_PATH, self._list, Label.OBSERVED, shows_body=True),
            Route("GET", wdm.DEVICES_PATH + "/{id}", self._get, Label.DOCUMENTED, shows_body=True),
            Route("PUT", wdm.DEVICES_PATH + "/{id}", self._refresh, Label.OBSERVED, shows_body=True),
            Route("DELETE", wdm.DEVICES_PATH + "/{id}", self._unregister, Label.OBSERVED, shows_body=True),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- what others ask --------------------------------------------------------------------------------------------------------------

    def find(self, registration_id: str) -> Registration | None:
        """Return a registration that is good now; an ephemeral one whose time is over is forgotten."""
        record = self._registrations.get(registration_id)
        if record is None or record.ttl_s is None:
            return record
        if self._platform.now() < record.modified + timedelta(seconds=record.ttl_s):
            return record
        self._registrations.drop(registration_id)
        return None

    def of_user(self, user_id: str) -> list[Registration]:
        """Return the registrations of a user, oldest first."""
        known = self._registrations.where("user_id", user_id)
        return [record for record in known if self.find(record.id) is not None]

    def move(self, registration_id: str) -> Registration:
        """Give a registration another websocket address, which its next refresh tells."""
        record = self._found(registration_id)
        host = "" if record.partition else PARTITION
        return self._registrations.change(registration_id, partition=host)

    def origin(self, record: Registration) -> Origin:
        """Return the address under which a registration knows the cloud."""
        return self._platform.hosts.origin(*record.origin)

    def url(self, record: Registration, origin: Origin) -> str:
        """Return the device URL of a registration."""
        return f"{self._platform.hosts.base('wdm', origin)}{wdm.DEVICES_PATH}/{record.id}"

    def web_socket_url(self, record: Registration, origin: Origin) -> str:
        """Return the websocket URL of a registration."""
        base = self._platform.hosts.base("mercury", origin)
        if record.partition and origin.is_named:
            base = base.replace(SERVICES["mercury"].label, record.partition, 1)
        moved = f"?partition={record.partition}" if record.partition and not origin.is_named else ""
        return f"{base}/apps/wx2/registrations/{record.id}/messages{moved}"

    # -- routes -----------------------------------------------------------------------------------------------------------------------

    def _register(self, call: Call) -> Answer:
        body = call.read(wdm.Registration)
        user = call.caller
        fault = self._platform.faults.hit("wdm", step="register", device=call.peer)
        own = self.of_user(user.id)
        if fault is not None or len(own) >= self._platform.settings.registrations_max:
            raise CloudError(400, wdm.EXCESS_MESSAGE, str(wdm.EXCESS_CODE))
        known = next((r for r in own if body.device_identifier and r.device_identifier == body.device_identifier), None)
        now = self._platform.now()
        origin = (call.origin.scheme, call.origin.authority)
        self._note_software(user.id, body)
        if known is not None:
            record = self._registrations.change(
                known.id, body=msgspec.to_builtins(body), modified=now, ttl_s=_ttl(body), origin=origin
            )
            return self._answer(call, record)
        with self._platform.store.transaction():
            record = self._registrations.put(
                Registration(
                    id=self._platform.new_id("registration", user.id),
                    user_id=user.id,
                    org_id=user.org_id,
                    origin=origin,
                    created=now,
                    modified=now,
                    device_identifier=body.device_identifier or "",
                    body=msgspec.to_builtins(body),
                    ttl_s=_ttl(body),
                )
            )
        return self._answer(call, record)

    def _note_software(self, user_id: str, body: wdm.Registration) -> None:
        """Show the administrator the version that a device registers with: it may have been upgraded."""
        version = (body.system_version or "").partition(" ")[0]
        devices = self._platform.store[Device]
        for device in devices.where("user_id", user_id):
            if version and device.software != version and device.device_identifier == body.device_identifier:
                devices.change(device.id, software=version)

    def _refresh(self, call: Call) -> Answer:
        record = self._own(call)
        body = call.read(wdm.Registration)
        fault = self._platform.faults.hit("wdm", step="refresh", device=call.peer)
        if fault is not None and fault.do == "not_found":
            self._registrations.drop(record.id)
            self.on_gone(record)
            raise NotFound(code=str(wdm.UNKNOWN_DEVICE_CODE))
        if fault is not None and fault.do == "moved":
            record = self.move(record.id)
        said = {**record.body, **msgspec.to_builtins(body)}
        origin = (call.origin.scheme, call.origin.authority)
        record = self._registrations.change(record.id, body=said, modified=self._platform.now(), origin=origin)
        return self._answer(call, record, known_etag=call.headers.get("If-None-Match", ""))

    def _get(self, call: Call) -> Answer:
        return self._answer(call, self._own(call))

    def _list(self, call: Call) -> Answer:
        return Answer({"devices": [self._dto(call, record) for record in self.of_user(call.caller.id)]})

    def _unregister(self, call: Call) -> Answer:
        record = self._own(call)
        self._registrations.drop(record.id)
        self.on_gone(record)
        return Answer(status=204)

    # -- small things -----------------------------------------------------------------------------------------------------------------

    def _own(self, call: Call) -> Registration:
        record = self._found(call.params["id"])
        if record.user_id != call.caller.id:
            raise NotFound(code=str(wdm.UNKNOWN_DEVICE_CODE))
        return record

    def _found(self, registration_id: str) -> Registration:
        record = self.find(registration_id)
        if record is None:
            raise NotFound(code=str(wdm.UNKNOWN_DEVICE_CODE))
        return record

    def _answer(self, call: Call, record: Registration, known_etag: str = "") -> Answer:
        etag = self._features.etag(record.user_id)
        dto = self._dto(call, record, developer=etag != known_etag)
        return Answer(dto, headers={"ETag": etag})

    def _dto(self, call: Call, record: Registration, *, developer: bool = True) -> dict[str, Any]:
        dto = wdm.device_answer(
            msgspec.convert(record.body, wdm.Registration),
            url=self.url(record, call.origin),
            web_socket_url=self.web_socket_url(record, call.origin),
            user_id=record.user_id,
            org_id=record.org_id,
            features=self._features.sets(record.user_id),
            created=iso_ms(record.created),
            modified=iso_ms(record.modified),
            developer=developer,
        )
        if call.query.get("includeUpstreamServices", "all").partition(",")[0] == "all":
            names = (name for name in SERVICES if SERVICES[name].catalog)
            bases = {SERVICES[name].catalog: self._platform.hosts.base(name, call.origin) for name in names}
            dto["services"] = {f"{name}ServiceUrl": base for name, base in bases.items()}
            dto["serviceHostMap"] = {"serviceLinks": bases, "hostCatalog": {}}
        return dto


def _ttl(body: wdm.Registration) -> int | None:
    if body.ttl is None:
        return None
    if not 1 <= body.ttl <= EPHEMERAL_TTL_S_MAX:
        raise BadRequest(f"ttl is 1 to {EPHEMERAL_TTL_S_MAX} seconds")
    return body.ttl
