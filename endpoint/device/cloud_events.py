"""What the cloud says over Mercury, and which part it is for.

Everything is checked by the part that takes it; what breaks a rule is logged, dropped, and changes nothing. Event types that nobody takes
are acknowledged and logged like all others. Source: protocol/cloud-services.md 3.3, 4.5, 6.2, 9.8; activation-and-media.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from endpoint.wire import calendar, catalog
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.features import FEATURE_UPDATE
from endpoint.wire.kms import KMS_MESSAGE
from endpoint.wire.locus.events import PREFIX as LOCUS
from endpoint.wire.mercury import Event
from endpoint.wire.swupgrade import OFFER_CHANGED
from endpoint.wire.xapi import relay

if TYPE_CHECKING:
    from endpoint.device.device import Device

IDENTITY_DELETED: Final = "room.identityDeleted"


def _meeting(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.calendar.on_event(data)


def _catalog(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.catalog.on_event(kind, data)


def _feature(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.registration.on_event(data)


def _gone(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.remove_account("event")


def _kms(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.keys.on_event(data)


def _software(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.offers.check_soon()


def _locus(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.calls.on_event(data)


def _xapi(device: Device, kind: str, data: Mapping[str, Any]) -> None:
    device.xapi_relay.on_event(data)


TAKERS: Final[Mapping[str, Callable[[Device, str, Mapping[str, Any]], None]]] = {
    **dict.fromkeys(sorted(calendar.MEETING_EVENTS), _meeting),
    catalog.CACHE_INVALIDATION: _catalog,
    catalog.ACTIVE_CLUSTERS: _catalog,
    FEATURE_UPDATE: _feature,
    IDENTITY_DELETED: _gone,
    KMS_MESSAGE: _kms,
    OFFER_CHANGED: _software,
    relay.REQUEST: _xapi,
}
"""Who takes which event type."""


def take(device: Device, event: Event) -> None:
    """Hand an event to the part that it is for."""
    taker = TAKERS.get(event.event_type)
    if taker is None and event.event_type.startswith(LOCUS):
        taker = _locus  # whatever else it is called: an unknown type counts by what it carries
    if taker is None:
        return
    try:
        taker(device, event.event_type, event.data)
    except RemoteProtocolError as error:
        device.world.log.line("Wx2", "W", f"{event.event_type} ignored: {error}")
        data = {"what": event.event_type, "why": str(error)}
        device.world.trace.event(device.who, "drop", peer="cloud:mercury", data=data)
