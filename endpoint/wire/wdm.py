"""Device registration (WDM): what a device says of itself, what it gets, and what it keeps.

Source: protocol/cloud-services.md 4, protocol/activation-and-media.md 8.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from endpoint.wire.codec import convert, decode
from endpoint.wire.conventions import ErrorBody, is_url, parse_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.features import FeatureSets

DEVICES_PATH: Final = "/devices"  # below the wdm base
UPSTREAM_QUERY: Final = "includeUpstreamServices=all"  # of POST and PUT

ROOM_DEVICE: Final = "TP_ENDPOINT"
WEB_CLIENT: Final = "WEB"

EXCESS_MESSAGE: Final = "User has excessive device registrations"  # clients compare the message, no code
EXCESS_CODE: Final = 4400001  # R
UNKNOWN_DEVICE_CODE: Final = 404001  # R
RATE_CODE: Final = 4429001  # R
BLOCKED_COUNTRY_CODES: Final = (4404002, 4404003)  # with 403


class Capabilities(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """What a device can do; only `groupCallSupported` was seen in a room device's body."""

    group_call_supported: bool | None = None
    local_notification_supported: bool | None = None
    delete_notification_supported: bool | None = None
    sdp_supported: bool | None = None


class Registration(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """The body of `POST devices`, members in the order of the slides; absent members are None.

    A service reads `PUT <device.url>` as the same type: that body is the whole answer sent back, the rest of it does not count.
    """

    device_identifier: str | None = None
    system_name: str | None = None
    system_version: str | None = None
    device_type: str | None = None
    model: str | None = None
    name: str | None = None
    localized_model: str | None = None
    capabilities: Capabilities | None = None
    is_device_managed: bool | None = None
    country_code: str | None = None
    region_code: str | None = None
    ttl: int | None = None  # seconds; ephemeral clients only


def room_registration(
    *,
    device_identifier: str,
    system_name: str,
    system_version: str,
    model: str,
    name: str,
    country_code: str | None = None,
    region_code: str | None = None,
) -> Registration:
    """Build the registration of a room device, e.g. model `Desk Pro` with name `Cisco Webex Desk Pro`.

    Country and region, known from the region service, are optional members.
    """
    return Registration(
        device_identifier=device_identifier,
        system_name=system_name,
        system_version=system_version,
        device_type=ROOM_DEVICE,
        model=model,
        name=name,
        localized_model=name,
        capabilities=Capabilities(group_call_supported=True),
        is_device_managed=True,
        country_code=country_code,
        region_code=region_code,
    )


# ---- the answer ----------------------------------------------------------------------------------------------------

_UNREAD: Final = ("services", "serviceHostMap")  # legacy: deleted unread, services come from the catalogue
_NOT_SENT_BACK: Final = ("features", "mediaCluster", "etag", *_UNREAD)


class _DeviceMembers(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    url: str
    user_id: str
    org_id: str
    device_type: str
    features: dict[str, Any]
    modification_time: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A registration as the client keeps it; registered means that there is one.

    Attributes:
        url: its identity: `cisco-device-url` of other requests, client id of the key service.
        web_socket_url: where Mercury listens for this device, without a query.
        etag: of the answer it came with; empty if there was none.
        members: the whole answer as it came, unknown members included.
    """

    url: str
    web_socket_url: str
    user_id: str
    org_id: str
    device_type: str
    features: FeatureSets
    modification_time: str = ""
    etag: str = ""
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def dto(self) -> dict[str, Any]:
        """Return the whole answer with the toggles as they are now: `parse_device` reads it back, for instance from disk."""
        return {**self.members, "features": msgspec.to_builtins(self.features)}

    def refresh_body(self) -> dict[str, Any]:
        """Return the body of `PUT <url>`: everything the service sent, without toggles, media cluster, etag and legacy members."""
        return {name: value for name, value in self.members.items() if name not in _NOT_SENT_BACK}


def parse_device(body: bytes, etag: str = "", stored: Device | None = None) -> Device:
    """Read the answer to POST or PUT.

    Both `webSocketUrl` and `websocketUrl` are accepted. An `etag` equal to the stored one means that the developer toggles were left out:
    the stored ones stay.

    Raises:
        RemoteProtocolError: a needed member is missing or of the wrong type, a URL is none, or user and entitlement toggles are not both
            there under an equal etag.
    """
    members = decode(body, dict[str, Any], "device")
    known = convert(members, _DeviceMembers, "device")
    web_socket_url = members.get("webSocketUrl") or members.get("websocketUrl")
    if not is_url(known.url) or not known.url.startswith("http"):
        raise RemoteProtocolError("device.url", "an http(s) URL")
    if not isinstance(web_socket_url, str) or not is_url(web_socket_url) or not web_socket_url.startswith("ws"):
        raise RemoteProtocolError("device.webSocketUrl", "a ws(s) URL")
    features = convert(known.features, FeatureSets, "device.features")
    if stored is not None and etag and etag == stored.etag:
        for name in ("user", "entitlement"):
            if name not in known.features:
                raise RemoteProtocolError(f"device.features.{name}", "present when the etag is the known one")
        features = msgspec.structs.replace(features, developer=stored.features.developer)
    return Device(
        url=known.url,
        web_socket_url=web_socket_url,
        user_id=known.user_id,
        org_id=known.org_id,
        device_type=known.device_type,
        features=features,
        modification_time=known.modification_time,
        etag=etag,
        members=members,
    )


# What the service answers beside the echo and its own members; values of the run in protocol/cloud-services.md 18.5.
DEFAULT_MEMBERS: Final[Mapping[str, Any]] = {
    "deviceSettings": {},
    "deviceSettingsString": "{}",
    "showSupportText": False,
    "isDeviceManaged": False,
    "reportingSiteUrl": "",
    "reportingSiteDesc": "",
    "clientSecurityPolicy": "",
    "intranetInactivityDuration": 0,
    "inNetworkInactivityDuration": 0,
    "ecmEnabledForAllUsers": False,
    "ecmSupportedStorageProviders": [],
}


def device_answer(
    registration: Registration,
    *,
    url: str,
    web_socket_url: str,
    user_id: str,
    org_id: str,
    features: FeatureSets,
    created: str,
    modified: str,
    developer: bool = True,
) -> dict[str, Any]:
    """Build the service's answer: its own members, policy defaults, and the registration's members echoed.

    Times are ISO instants. `developer` false leaves the developer toggles out: only together with the etag that the client already has.
    """
    echo = msgspec.to_builtins(registration)
    echo.pop("ttl", None)
    sets = msgspec.to_builtins(features)
    if not developer:
        del sets["developer"]
    return {
        "url": url,
        "webSocketUrl": web_socket_url,
        "userId": user_id,
        "orgId": org_id,
        **DEFAULT_MEMBERS,
        "deviceType": "",
        **echo,
        "creationTime": created,
        "modificationTime": modified,
        "features": sets,
    }


# ---- excess of registrations ---------------------------------------------------------------------------------------


class DeviceSummary(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """What is read of one member of the device list."""

    url: str
    device_type: str = ""
    modification_time: str = ""


class DeviceList(msgspec.Struct, kw_only=True, frozen=True):
    """The answer to `GET devices`."""

    devices: tuple[DeviceSummary, ...]


def is_excess(error: ErrorBody) -> bool:
    """Tell whether a refused POST, of any status, says that there are too many registrations."""
    return error.members.get("message") == EXCESS_MESSAGE


def excess_to_delete(devices: Sequence[DeviceSummary], device_type: str) -> tuple[str, ...]:
    """Return the URLs to delete before registering again: of more than two of the own type, the oldest third, rounded up.

    Age goes by modification time; a device without a readable one counts as the oldest.
    """
    own = [device for device in devices if device.device_type == device_type]
    if len(own) <= 2:
        return ()
    own.sort(key=_modified)
    return tuple(device.url for device in own[: (len(own) + 2) // 3])


def _modified(device: DeviceSummary) -> datetime:
    try:
        return parse_instant(device.modification_time, "modificationTime")
    except RemoteProtocolError:
        return datetime.min.replace(tzinfo=UTC)
