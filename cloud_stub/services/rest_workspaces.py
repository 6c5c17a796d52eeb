"""Workspaces of the public REST API. Source: protocol/xapi.md 12.6, documented; capabilities and health are worked out by rules of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError, Conflict
from cloud_stub.platform.records import Device, Workspace
from cloud_stub.platform.routes import Answer, Call, Label, Route
from cloud_stub.services.public_api import HYDRA, error_body, page, public_id, read_id
from cloud_stub.use_cases import UseCases
from endpoint.runtime.clock import iso_ms
from endpoint.wire.conventions import room_address

WORKSPACES_READ = ("spark-admin:workspaces_read", "spark:workspaces_read")
WORKSPACES_WRITE = ("spark-admin:workspaces_write", "spark:workspaces_write")
SUPPORTED = (
    "occupancyDetection", "presenceDetection", "ambientNoise", "soundLevel", "reverberationTime", "checkIn", "adhocBooking", "hotDesking",
)  # fmt: skip
CONFIGURED = ("occupancyDetection", "presenceDetection")
"""What a room device does without anybody having set anything."""
UNSUPPORTED = ("temperature", "airQuality", "relativeHumidity", "lightingConditions")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Text = Annotated[str, msgspec.Meta(max_length=1_024)]
Id = Annotated[str, msgspec.Meta(max_length=256)]
Kind = Literal["notSet", "focus", "huddle", "meetingRoom", "open", "desk", "other"]
CallingKind = Literal[
    "freeCalling", "hybridCalling", "webexCalling", "webexEdgeForDevices", "thirdPartySipCalling", "none"
]
CalendarKind = Literal["none", "google", "microsoft"]
OnOff = Literal["on", "off"]
Supported = Literal["collaborationDevices", "phones"]


class _Calling(msgspec.Struct, kw_only=True):
    type: CallingKind


class _Calendar(msgspec.Struct, kw_only=True, rename="camel"):
    type: CalendarKind
    email_address: Id = ""
    resource_group_id: Id = ""


class _Hosted(msgspec.Struct, kw_only=True, rename="camel"):
    enabled: bool
    site_url: Id = ""


class _Body(msgspec.Struct, kw_only=True, rename="camel"):
    display_name: Name | None = None
    capacity: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None
    type: Kind | None = None
    notes: Text | None = None
    calling: _Calling | None = None
    calendar: _Calendar | None = None
    hotdesking_status: OnOff | None = None
    device_hosted_meetings: _Hosted | None = None
    supported_devices: Supported | None = None
    location_id: Id | None = None
    workspace_location_id: Id | None = None
    floor_id: Id | None = None


class RestWorkspaces:
    """Workspaces: made, listed, changed, deleted."""

    name = HYDRA

    def __init__(
        self,
        platform: Platform,
        directory: Directory,
        use_cases: UseCases,
        device_json: Callable[[Device], dict[str, Any]],
        calendar_changed: Callable[[Workspace], object] = lambda _: None,
    ) -> None:
        self._platform = platform
        self._directory = directory
        self._use_cases = use_cases
        self._device_json = device_json
        self._calendar_changed = calendar_changed
        documented = Label.DOCUMENTED
        self.routes: Sequence[Route] = (
            Route("GET", "/workspaces", self._list, documented, scopes=WORKSPACES_READ),
            Route("POST", "/workspaces", self._create, documented, scopes=WORKSPACES_WRITE),
            Route("GET", "/workspaces/{id}", self._get, documented, scopes=WORKSPACES_READ),
            Route("GET", "/workspaces/{id}/capabilities", self._capabilities, documented, scopes=WORKSPACES_READ),
            Route("PUT", "/workspaces/{id}", self._put, documented, scopes=WORKSPACES_WRITE),
            Route("DELETE", "/workspaces/{id}", self._delete, documented, scopes=WORKSPACES_WRITE),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as the public API does."""
        return error_body(error, tracking_id)

    def _list(self, call: Call) -> Answer:
        query = call.query
        items = [self._json(workspace) for workspace in self._platform.store[Workspace]]
        found = [item for item in items if _fits(item, query)]
        for item in found:
            self._widen(item, query)
        return page(self._platform, call, found)

    def _create(self, call: Call) -> Answer:
        body = _read(call)
        if body.display_name is None:
            raise BadRequest("displayName is missing")
        self._check_name(body.display_name)
        _check_place(body, None)
        made = self._use_cases.workspace_create(
            body.display_name, kind=body.type or "notSet", capacity=body.capacity, notes=body.notes or ""
        )
        return Answer(self._json(self._store(made, body)))

    def _get(self, call: Call) -> Answer:
        item = self._json(self._workspace(call))
        self._widen(item, call.query)
        return Answer(item)

    def _put(self, call: Call) -> Answer:
        """Change a workspace: capacity, type and notes go when they are not given, everything else stays."""
        workspace, body = self._workspace(call), _read(call)
        if body.display_name is not None and body.display_name != workspace.name:
            self._check_name(body.display_name)
        _check_place(body, workspace)
        changed = self._platform.store[Workspace].change(
            workspace.id,
            name=body.display_name or workspace.name,
            capacity=body.capacity,
            type=body.type or "notSet",
            notes=body.notes or "",
        )
        return Answer(self._json(self._store(changed, body)))

    def _delete(self, call: Call) -> Answer:
        self._use_cases.workspace_delete(self._workspace(call).id)
        return Answer(status=204)

    def _capabilities(self, call: Call) -> Answer:
        workspace = self._workspace(call)
        return Answer({"id": public_id("PLACE", workspace.id), "capabilities": self._able(workspace.id)})

    # -- inside -----------------------------------------------------------------------------------------------------------------------

    def _workspace(self, call: Call) -> Workspace:
        return self._directory.workspace(read_id("PLACE", call.params["id"]))

    def _check_name(self, name: str) -> None:
        if any(other.name == name for other in self._platform.store[Workspace]):
            raise Conflict(f"There is a workspace of the name {name!r} already.")

    def _store(self, workspace: Workspace, body: _Body) -> Workspace:
        """Keep what a body says of a workspace besides name, type, capacity and notes."""
        given: dict[str, Any] = {}
        if body.calling is not None:
            given["calling"] = body.calling.type
        if body.calendar is not None:
            given |= _calendar_fields(body.calendar)
        if body.hotdesking_status is not None:
            given["hotdesking"] = body.hotdesking_status
        if body.device_hosted_meetings is not None:
            given |= {
                "hosts_meetings": body.device_hosted_meetings.enabled,
                "meeting_site": body.device_hosted_meetings.site_url,
            }
        once = {
            "location_id": body.location_id or body.workspace_location_id, "floor_id": body.floor_id,
        }  # fmt: skip
        given |= {name: value for name, value in once.items() if value}
        if body.supported_devices is not None:
            given["supported_devices"] = body.supported_devices
        changed = self._platform.store[Workspace].change(workspace.id, **given) if given else workspace
        if body.calendar is not None:
            self._calendar_changed(changed)
        return changed

    def _json(self, workspace: Workspace) -> dict[str, Any]:
        calendar = {"type": workspace.calendar}
        if workspace.calendar_email:
            calendar["emailAddress"] = workspace.calendar_email
        if workspace.calendar_group:
            calendar["resourceGroupId"] = workspace.calendar_group
        hosted: dict[str, Any] = {"enabled": workspace.hosts_meetings}
        if workspace.meeting_site:
            hosted["siteUrl"] = workspace.meeting_site
        optional = {
            "capacity": workspace.capacity, "notes": workspace.notes or None, "floorId": workspace.floor_id or None,
            "locationId": workspace.location_id or None, "workspaceLocationId": workspace.location_id or None,
        }  # fmt: skip
        return {
            "id": public_id("PLACE", workspace.id),
            "orgId": public_id("ORGANIZATION", workspace.org_id),
            "displayName": workspace.name,
            "type": workspace.type,
            "sipAddress": room_address(workspace.name, workspace.org_id),
            "created": iso_ms(workspace.created),
            "calling": {"type": workspace.calling},
            "calendar": calendar,
            "hotdeskingStatus": workspace.hotdesking,
            "deviceHostedMeetings": hosted,
            "supportedDevices": workspace.supported_devices,
            "devicePlatform": "cisco",
            "health": self._health(workspace.id),
            "plannedMaintenance": {"mode": "off"},
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _widen(self, item: dict[str, Any], query: Mapping[str, str]) -> None:
        workspace_id = read_id("PLACE", item["id"])
        if query.get("includeDevices") == "true":
            item["devices"] = [self._device_json(device) for device in self._devices(workspace_id)]
        if query.get("includeCapabilities") == "true":
            item["capabilities"] = self._able(workspace_id)

    def _devices(self, workspace_id: str) -> list[Device]:
        return list(self._platform.store[Device].where("workspace_id", workspace_id))

    def _health(self, workspace_id: str) -> dict[str, Any]:
        issues = sorted({issue for device in self._devices(workspace_id) for issue in device.issues})
        shown = [{"id": issue, "title": issue, "level": "warning"} for issue in issues]
        return {"level": "warning" if issues else "ok", "issues": shown}

    def _able(self, workspace_id: str) -> dict[str, dict[str, bool]]:
        has_device = bool(self._devices(workspace_id))
        able = {name: {"supported": has_device, "configured": has_device and name in CONFIGURED} for name in SUPPORTED}
        return able | {name: {"supported": False, "configured": False} for name in UNSUPPORTED}


def _read(call: Call) -> _Body:
    body = call.read(_Body)
    if body.calendar is not None:
        _calendar_fields(body.calendar)  # refused before anything is changed
    return body


def _check_place(body: _Body, workspace: Workspace | None) -> None:
    """Refuse a place that cannot be, before anything is made or changed."""
    known = (workspace.location_id, workspace.floor_id) if workspace is not None else ("", "")
    location = body.location_id or body.workspace_location_id or known[0]
    if (body.floor_id or known[1]) and not location:
        raise BadRequest("floorId needs a locationId")
    if known[0] and location != known[0]:
        raise BadRequest("locationId does not change once it is set")


def _calendar_fields(calendar: _Calendar) -> dict[str, str]:
    """Read the calendar of a workspace: one of a kind has the address of its room mailbox, `none` has nothing (8.1)."""
    if calendar.type == "none":
        return {"calendar": "none", "calendar_email": "", "calendar_key": "", "calendar_group": ""}
    if calendar.email_address.count("@") != 1 or not all(calendar.email_address.split("@")):
        raise BadRequest(f"a {calendar.type} calendar has the address of the room mailbox in calendar.emailAddress")
    email, group = calendar.email_address, calendar.resource_group_id
    return {
        "calendar": calendar.type, "calendar_email": email, "calendar_key": email.casefold(), "calendar_group": group,
    }  # fmt: skip


def _fits(item: dict[str, Any], query: Mapping[str, str]) -> bool:
    shown = {
        "displayName": item["displayName"],
        "type": item["type"],
        "capacity": str(item.get("capacity", -1)),
        "calling": item["calling"]["type"],
        "calendar": item["calendar"]["type"],
        "supportedDevices": item["supportedDevices"],
        "deviceHostedMeetingsEnabled": str(item["deviceHostedMeetings"]["enabled"]).lower(),
        "devicePlatform": item["devicePlatform"],
        "healthLevel": item["health"]["level"],
        "plannedMaintenance": item["plannedMaintenance"]["mode"],
        "locationId": item.get("locationId"),
        "workspaceLocationId": item.get("locationId"),
        "floorId": item.get("floorId"),
        "customAttribute": None,
    }
    if any(name in query and query[name] != value for name, value in shown.items()):
        return False
    org = query.get("orgId")
    return org is None or public_id("ORGANIZATION", read_id("ORGANIZATION", org)) == item["orgId"]
