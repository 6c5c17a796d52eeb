"""The public REST API, as far as devices go: list, change of tags, activation codes, and who am I.

Workspaces are in `rest_workspaces`, the xAPI in `xapi_rest`, what is common to all in `public_api`.
Source: protocol/xapi.md 12.2 and 12.6; error texts observed, the rest documented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError, Conflict
from cloud_stub.platform.records import Code, CodeState, Device, User, UserKind, Workspace
from cloud_stub.platform.routes import Answer, Call, Label, Route
from cloud_stub.services.activation_exchange import device_kind
from cloud_stub.services.device_status import connection_status
from cloud_stub.services.health import ping_route
from cloud_stub.services.public_api import (
    DEVICES_READ,
    DEVICES_WRITE,
    HYDRA,
    Operation,
    error_body,
    page,
    public_id,
    read_id,
    read_patch,
    require_own,
    sees_all,
)
from cloud_stub.use_cases import UseCases
from endpoint.runtime.clock import iso_ms
from endpoint.wire.conventions import room_address

TAGS_MAX = 100
TAG_CHARS_MAX = 256


class _CodeBody(msgspec.Struct, kw_only=True, rename="camel"):
    workspace_id: str = ""
    person_id: str = ""
    model: str = ""


class RestApi:
    """Devices, activation codes, and who am I."""

    name = HYDRA

    def __init__(self, platform: Platform, directory: Directory, use_cases: UseCases) -> None:
        self._platform = platform
        self._directory = directory
        self._use_cases = use_cases
        documented = Label.DOCUMENTED
        self.routes: Sequence[Route] = (
            Route("GET", "/people/me", self._me, documented),
            Route("POST", "/devices/activationCode", self._code_create, documented, scopes=DEVICES_WRITE),
            Route("GET", "/devices", self._devices, documented, scopes=DEVICES_READ),
            Route("GET", "/devices/{id}", self._device_get, documented, scopes=DEVICES_READ),
            Route("PATCH", "/devices/{id}", self._device_patch, documented, scopes=DEVICES_WRITE),
            Route("DELETE", "/devices/{id}", self._device_delete, documented, scopes=DEVICES_WRITE),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as the public API does."""
        return error_body(error, tracking_id)

    # -- people -----------------------------------------------------------------------------------------------------------------------

    def _me(self, call: Call) -> Answer:
        user = call.caller
        return Answer(
            {
                "id": public_id("PEOPLE", user.id),
                "emails": [user.email or f"{user.id}@room.example"],
                "displayName": user.name,
                "orgId": public_id("ORGANIZATION", user.org_id),
                "type": "person" if user.kind is UserKind.PERSON else "bot",
                "created": iso_ms(user.created),
            }
        )

    # -- devices ----------------------------------------------------------------------------------------------------------------------

    def _code_create(self, call: Call) -> Answer:
        body = call.read(_CodeBody)
        if bool(body.workspace_id) == bool(body.person_id):
            raise BadRequest("give either workspaceId or personId")
        code, secret = self._use_cases.code_create(
            workspace_id=read_id("PLACE", body.workspace_id),
            person_id=read_id("PEOPLE", body.person_id),
            model=body.model,
        )
        return Answer({"code": secret.reveal(), "expiryTime": iso_ms(code.expires)})

    def _devices(self, call: Call) -> Answer:
        shown = [self.device_json(device) for device in self._platform.store[Device]]
        shown += [_activating_json(code) for code in self._platform.store[Code] if self._is_open(code)]
        if not sees_all(call, DEVICES_READ):
            shown = [item for item in shown if item.get("personId") == public_id("PEOPLE", call.caller.id)]
        tags = [tag for given in call.query.getall("tag", []) for tag in given.split(",") if tag]
        return page(self._platform, call, [item for item in shown if _fits(item, call.query, tags)])

    def _is_open(self, code: Code) -> bool:
        now = self._use_cases.code(code.id)
        return now.state in (CodeState.NEW, CodeState.PENDING)

    def _device_get(self, call: Call) -> Answer:
        return Answer(self.device_json(self._device(call)))

    def _device_patch(self, call: Call) -> Answer:
        device = self._device(call)
        tags = list(device.tags)
        for operation in read_patch(call):
            tags = _retagged(tags, operation)
        changed = self._platform.store[Device].change(device.id, tags=tuple(tags))
        return Answer(self.device_json(changed))

    def _device_delete(self, call: Call) -> Answer:
        self._use_cases.device_delete(self._device(call).id)
        return Answer(status=204)

    def _device(self, call: Call) -> Device:
        return require_own(call, self._directory.device(read_id("DEVICE", call.params["id"])), call.route.scopes)

    def device_json(self, device: Device) -> dict[str, Any]:
        """Return a device as the API shows it."""
        user = self._platform.store[User].get(device.user_id)
        workspace = self._platform.store[Workspace].get(device.workspace_id)
        owner = {"workspaceId": device.workspace_id, "placeId": device.workspace_id} if device.workspace_id else {}
        owner = {name: public_id("PLACE", uuid) for name, uuid in owner.items()}
        if device.person_id:
            owner["personId"] = public_id("PEOPLE", device.person_id)
        if workspace is not None and workspace.location_id:
            owner |= {"locationId": workspace.location_id, "workspaceLocationId": workspace.location_id}
        name = user.name if user is not None else device.name
        address = room_address(name, device.org_id)
        return {
            "id": public_id("DEVICE", device.id),
            "displayName": name,
            **owner,
            "orgId": public_id("ORGANIZATION", device.org_id),
            "capabilities": ["xapi"],
            "permissions": ["xapi:readonly", "xapi:all"],
            "connectionStatus": connection_status(device, self._platform),
            "product": device.model,
            "type": "roomdesk" if device_kind(device.model) == "room" else "accessory",
            "tags": list(device.tags),
            "serial": device.serial,
            "software": device.software,
            "upgradeChannel": "Stable",
            "primarySipUrl": address,
            "sipUrls": [address],
            "errorCodes": list(device.issues),
            "created": iso_ms(device.created),
            "firstSeen": iso_ms(device.first_seen or device.created),
            "lastSeen": iso_ms(device.last_seen or device.created),
            "managedBy": "CISCO",
            "devicePlatform": "cisco",
            "plannedMaintenance": "off",
        }


def _retagged(tags: list[str], operation: Operation) -> list[str]:
    """Return the tags of a device after an operation; `remove` without a value takes all of them away."""
    if operation.path.strip("/") != "tags":
        raise BadRequest(f"{operation.path[:80]}: only tags can be changed")
    if operation.op == "remove" and operation.value in (msgspec.UNSET, None):
        return []
    given = [operation.value] if isinstance(operation.value, str) else operation.value
    if not isinstance(given, list) or not all(isinstance(tag, str) and 0 < len(tag) <= TAG_CHARS_MAX for tag in given):
        raise BadRequest(f"value is a list of tags, each 1 to {TAG_CHARS_MAX} characters")
    if operation.op == "remove":
        return [tag for tag in tags if tag not in given]
    if operation.op == "add" and any(tag in tags for tag in given):
        raise Conflict("The device has this tag already.")
    changed = list(dict.fromkeys([*(tags if operation.op == "add" else []), *given]))
    if len(changed) > TAGS_MAX:
        raise BadRequest(f"a device has at most {TAGS_MAX} tags")
    return changed


_EQUAL = (
    "connectionStatus", "product", "type", "serial", "software", "displayName", "upgradeChannel", "devicePlatform", "plannedMaintenance",
    "locationId", "workspaceLocationId",
)  # fmt: skip
_AMONG = {"errorCode": "errorCodes", "capability": "capabilities", "permission": "permissions"}
_IDS = {"workspaceId": "PLACE", "personId": "PEOPLE", "orgId": "ORGANIZATION"}


def _fits(item: dict[str, Any], query: Mapping[str, str], tags: Sequence[str]) -> bool:
    """Say whether a device passes every filter; a device has to have all the tags."""
    if any(name in query and item.get(name) != query[name] for name in _EQUAL):
        return False
    if any(name in query and query[name] not in item.get(member, ()) for name, member in _AMONG.items()):
        return False
    if any(
        name in query and item.get(name) != public_id(kind, read_id(kind, query[name])) for name, kind in _IDS.items()
    ):
        return False
    if "mac" in query and _bare(query["mac"]) != _bare(str(item.get("mac", ""))):
        return False
    return set(tags) <= set(item["tags"])


def _bare(mac: str) -> str:
    return mac.replace(":", "").replace("-", "").casefold()


def _activating_json(code: Code) -> dict[str, Any]:
    """Show a code that was issued and not used as the device that it will be."""
    owner = {"workspaceId": public_id("PLACE", code.workspace_id)} if code.workspace_id else {}
    if code.person_id:
        owner["personId"] = public_id("PEOPLE", code.person_id)
    return {
        "id": public_id("DEVICE", f"activating-{code.id}"),
        "displayName": code.model or "Activating",
        **owner,
        "orgId": public_id("ORGANIZATION", code.org_id),
        "connectionStatus": "activating",
        "product": code.model,
        "type": "roomdesk",
        "tags": [],
        "errorCodes": [],
        "created": iso_ms(code.created),
        "devicePlatform": "cisco",
    }
