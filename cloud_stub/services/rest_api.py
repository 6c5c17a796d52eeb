"""The public REST API, as far as devices and workspaces go.

Ids are base64 of `ciscospark://urn:TEAM:us-east-2_a/<TYPE>/<uuid>`; the bare uuid is accepted too. Source: protocol/xapi.md 12.2 and 12.6;
error texts observed, the rest documented.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.records import Code, CodeState, Device, User, UserKind, Workspace
from cloud_stub.platform.routes import Answer, Call, Label, Route, hydra_error
from cloud_stub.services.activation_exchange import device_kind
from cloud_stub.services.device_status import connection_status
from cloud_stub.services.health import ping_route
from cloud_stub.use_cases import UseCases
from endpoint.runtime.clock import iso_ms

ID_PREFIX = "ciscospark://urn:TEAM:us-east-2_a/"
PAGE_DEFAULT = 100
PAGE_MAX = 1_000
TYPES = ("notSet", "focus", "huddle", "meetingRoom", "open", "desk", "other")
NO_TOKEN = "The request requires a valid access token set in the Authorization request header."  # noqa: S105  an error text
NOT_FOUND = "The requested resource could not be found."
DEVICES_READ = ("spark-admin:devices_read", "spark:devices_read")
DEVICES_WRITE = ("spark-admin:devices_write", "spark:devices_write")
WORKSPACES_READ = ("spark-admin:workspaces_read", "spark:workspaces_read")
WORKSPACES_WRITE = ("spark-admin:workspaces_write", "spark:workspaces_write")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _WorkspaceBody(msgspec.Struct, kw_only=True, rename="camel"):
    display_name: Name | None = None
    capacity: int | None = None
    type: str | None = None
    notes: str | None = None


class _CodeBody(msgspec.Struct, kw_only=True, rename="camel"):
    workspace_id: str = ""
    person_id: str = ""
    model: str = ""


def public_id(kind: str, uuid: str) -> str:
    """Return the id under which the API shows a thing: base64 without padding, as `xStatus Webex DeveloperId` has it."""
    return base64.urlsafe_b64encode(f"{ID_PREFIX}{kind}/{uuid}".encode()).decode().rstrip("=")


def read_id(kind: str, text: str) -> str:
    """Return the uuid of a public id, or of a bare uuid; anything else is returned as it is and will not be found."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return text
    head = f"{ID_PREFIX}{kind}/"
    return plain.removeprefix(head) if plain.startswith(head) else text


class RestApi:
    """Workspaces, devices, activation codes, and who am I."""

    name = "hydra"

    def __init__(self, platform: Platform, directory: Directory, use_cases: UseCases) -> None:
        self._platform = platform
        self._directory = directory
        self._use_cases = use_cases
        documented = Label.DOCUMENTED
        self.routes: Sequence[Route] = (
            Route("GET", "/people/me", self._me, documented),
            Route("GET", "/workspaces", self._workspaces, documented, scopes=WORKSPACES_READ),
            Route("POST", "/workspaces", self._workspace_create, documented, scopes=WORKSPACES_WRITE),
            Route("GET", "/workspaces/{id}", self._workspace_get, documented, scopes=WORKSPACES_READ),
            Route("PUT", "/workspaces/{id}", self._workspace_put, documented, scopes=WORKSPACES_WRITE),
            Route("DELETE", "/workspaces/{id}", self._workspace_delete, documented, scopes=WORKSPACES_WRITE),
            Route("POST", "/devices/activationCode", self._code_create, documented, scopes=DEVICES_WRITE),
            Route("GET", "/devices", self._devices, documented, scopes=DEVICES_READ),
            Route("GET", "/devices/{id}", self._device_get, documented, scopes=DEVICES_READ),
            Route("DELETE", "/devices/{id}", self._device_delete, documented, scopes=DEVICES_WRITE),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as the public API does; 401 and 404 have one text each."""
        texts = {401: NO_TOKEN, 404: NOT_FOUND}
        return hydra_error(CloudError(error.status, texts.get(error.status, error.text)), tracking_id)

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

    # -- workspaces -------------------------------------------------------------------------------------------------------------------

    def _workspaces(self, call: Call) -> Answer:
        wanted = call.query.get("displayName")
        found = [w for w in self._platform.store[Workspace] if wanted in (None, w.name)]
        return self._page(call, [_workspace_json(workspace) for workspace in found])

    def _workspace_create(self, call: Call) -> Answer:
        body = call.read(_WorkspaceBody)
        if body.display_name is None:
            raise BadRequest("displayName is missing")
        _check_type(body.type)
        workspace = self._use_cases.workspace_create(
            body.display_name, kind=body.type or TYPES[0], capacity=body.capacity, notes=body.notes or ""
        )
        return Answer(_workspace_json(workspace))

    def _workspace_get(self, call: Call) -> Answer:
        return Answer(_workspace_json(self._workspace(call)))

    def _workspace_put(self, call: Call) -> Answer:
        workspace, body = self._workspace(call), call.read(_WorkspaceBody)
        _check_type(body.type)
        changes = {
            "name": body.display_name, "capacity": body.capacity, "type": body.type, "notes": body.notes,
        }  # fmt: skip
        given = {name: value for name, value in changes.items() if value is not None}
        return Answer(_workspace_json(self._platform.store[Workspace].change(workspace.id, **given)))

    def _workspace_delete(self, call: Call) -> Answer:
        self._use_cases.workspace_delete(self._workspace(call).id)
        return Answer(status=204)

    def _workspace(self, call: Call) -> Workspace:
        return self._directory.workspace(read_id("PLACE", call.params["id"]))

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
        shown = [self._device_json(device) for device in self._platform.store[Device]]
        shown += [_activating_json(code) for code in self._platform.store[Code] if self._is_open(code)]
        return self._page(call, [item for item in shown if _fits(item, call.query)])

    def _is_open(self, code: Code) -> bool:
        now = self._use_cases.code(code.id)
        return now.state in (CodeState.NEW, CodeState.PENDING)

    def _device_get(self, call: Call) -> Answer:
        return Answer(self._device_json(self._device(call)))

    def _device_delete(self, call: Call) -> Answer:
        self._use_cases.device_delete(self._device(call).id)
        return Answer(status=204)

    def _device(self, call: Call) -> Device:
        return self._directory.device(read_id("DEVICE", call.params["id"]))

    def _device_json(self, device: Device) -> dict[str, Any]:
        user = self._platform.store[User].get(device.user_id)
        owner = {"workspaceId": device.workspace_id, "placeId": device.workspace_id} if device.workspace_id else {}
        owner = {name: public_id("PLACE", uuid) for name, uuid in owner.items()}
        if device.person_id:
            owner["personId"] = public_id("PEOPLE", device.person_id)
        return {
            "id": public_id("DEVICE", device.id),
            "displayName": user.name if user is not None else device.name,
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
            "primarySipUrl": "",
            "sipUrls": [],
            "errorCodes": list(device.error_codes),
            "created": iso_ms(device.created),
            "firstSeen": iso_ms(device.first_seen or device.created),
            "lastSeen": iso_ms(device.last_seen or device.created),
            "managedBy": "CISCO",
            "devicePlatform": "cisco",
        }

    # -- pages ------------------------------------------------------------------------------------------------------------------------

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Answer:
        limit = _number(call.query, "max", PAGE_DEFAULT, 1, PAGE_MAX)
        start = _number(call.query, "start", 0, 0, 10**9)
        page = items[start : start + limit]
        headers = {}
        if start + limit < len(items):
            query = urlencode({**call.query, "max": limit, "start": start + limit})
            path = call.path.rstrip("/").removeprefix("/v1")
            headers["Link"] = f'<{self._platform.hosts.base("hydra", call.origin)}{path}?{query}>; rel="next"'
        return Answer({"items": page}, headers=headers)


def _number(query: Any, name: str, default: int, low: int, high: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not low <= int(text) <= high:
        raise BadRequest(f"{name} is {low} to {high}")
    return int(text)


def _check_type(kind: str | None) -> None:
    if kind is not None and kind not in TYPES:
        raise BadRequest(f"type is one of {', '.join(TYPES)}")


_FILTERS = ("connectionStatus", "product", "type", "serial", "software", "displayName")


def _fits(item: dict[str, Any], query: Any) -> bool:
    if any(name in query and item.get(name) != query[name] for name in _FILTERS):
        return False
    for name, kind in (("workspaceId", "PLACE"), ("personId", "PEOPLE")):
        if name in query and item.get(name) != public_id(kind, read_id(kind, query[name])):
            return False
    return "tag" not in query or query["tag"] in item.get("tags", [])


def _workspace_json(workspace: Workspace) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": public_id("PLACE", workspace.id),
        "orgId": public_id("ORGANIZATION", workspace.org_id),
        "displayName": workspace.name,
        "type": workspace.type,
        "sipAddress": "",
        "created": iso_ms(workspace.created),
        "calling": {"type": "freeCalling"},
        "calendar": {"type": "none"},
        "hotdeskingStatus": "off",
        "supportedDevices": "collaborationDevices",
        "devicePlatform": "cisco",
    }
    if workspace.capacity is not None:
        shown["capacity"] = workspace.capacity
    if workspace.notes:
        shown["notes"] = workspace.notes
    return shown


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
