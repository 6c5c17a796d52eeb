"""The control API: everything the use cases can do, over HTTP.

Below `/roomsim`; for loopback peers with the administrator's token. Only the clock and the names of media nodes are read without one.
Members are camel case, durations seconds, unknown members an error that names them. Reference: docs/reference/control-api.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.control_bodies import (
    AdvanceBody,
    CloseBody,
    CodeBody,
    DeviceBody,
    FaultBody,
    FeatureBody,
    FrameBody,
    MaintenanceBody,
    MeetingBody,
    NameBody,
    PushBody,
    RotateBody,
    ShutdownBody,
    SuspendBody,
    TokenBody,
    TokensBody,
    UpgradeBody,
    UpstreamBody,
    UserBody,
    WorkspaceBody,
)
from cloud_stub.platform.control_why import ControlWhy
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.use_cases import UseCases
from cloud_stub.why import Why
from endpoint.runtime.clock import parse_iso
from endpoint.runtime.faults import Fault
from endpoint.runtime.field_faults.parts import UnknownRow, split
from endpoint.runtime.net import is_loopback

VERSION = "/control/v1"
SCOPE = "roomsim:control"
CLOCK_WAIT_MAX_S = 60.0
"""Longest time that a question about the clock is kept waiting for it to move."""
Known = Callable[[], list[tuple[str, str, Label, str]]]
Names = Callable[[], list[dict[str, Any]]]
"""Logical addresses of media servers, and where they really are."""


class Control:
    """The control API as a service."""

    name = "control"

    def __init__(self, platform: Platform, use_cases: UseCases, why: Why, known: Known, names: Names) -> None:
        self._platform = platform
        self._do = use_cases
        self._why = ControlWhy(why)
        self._known = known
        self._published = names
        open_routes = (
            self._open("/clock", self._clock),
            self._open("/names", self._names),
            self._open(VERSION + "/clock", self._clock),
        )
        self.routes = (*open_routes, *self._things(), *self._mercury(), *self._run())

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- what can be created, changed, deleted ----------------------------------------------------------------------------------------

    def _things(self) -> tuple[Route, ...]:
        do, on = self._do, self._on
        return (
            on("POST", "/workspaces", lambda c: do.workspace_create(c.read(WorkspaceBody).name).shown()),
            on("DELETE", "/workspaces/{id}", lambda c: do.workspace_delete(c.params["id"])),
            on("POST", "/users", self._user_create),
            on("DELETE", "/users/{id}", lambda c: do.user_delete(c.params["id"])),
            on("POST", "/tokens", self._token_create),
            on("POST", "/tokens/revoke", lambda c: _ended(do.token_revoke, c)),
            on("POST", "/tokens/expire", lambda c: _ended(do.token_expire, c)),
            on("POST", "/codes", self._code_create),
            on("GET", "/codes/{id}", lambda c: do.code(c.params["id"]).shown()),
            on("POST", "/codes/{id}/expire", lambda c: do.code_expire(c.params["id"]).shown()),
            on("DELETE", "/codes/{id}", lambda c: do.code_delete(c.params["id"])),
            on("GET", "/devices", lambda _: {"items": [device.shown() for device in do.devices()]}),
            on("PATCH", "/devices/{id}", self._device_change),
            on("DELETE", "/devices/{id}", lambda c: do.device_delete(c.params["id"])),
            on("POST", "/meetings", self._meeting_create),
            on("PATCH", "/meetings/{id}", self._meeting_update),
            on("DELETE", "/meetings/{id}", self._meeting_delete),
            on("POST", "/features", self._feature_set),
            on("GET", "/upgrades", lambda _: {"items": [upgrade.shown() for upgrade in do.upgrades()]}),
            on("POST", "/upgrades", self._upgrade_offer),
            on("DELETE", "/upgrades/{id}", lambda c: do.upgrade_withdraw(c.params["id"])),
            on("POST", "/org/suspend", lambda c: do.org_suspend(c.read(SuspendBody).suspended)),
            on("POST", "/names", self._name),
        )

    def _user_create(self, call: Call) -> Any:
        body = call.read(UserBody)
        return self._do.user_create(body.name, body.email, admin=body.admin).shown()

    def _token_create(self, call: Call) -> Any:
        body = call.read(TokenBody)
        return self._do.token_create(body.user_id, body.scopes).as_wire()

    def _code_create(self, call: Call) -> Any:
        body = call.read(CodeBody)
        code, secret = self._do.code_create(
            workspace_id=body.workspace_id,
            person_id=body.person_id,
            workspace=body.workspace,
            model=body.model,
            lives_s=body.lives_seconds,
        )
        return {**code.shown(), "code": secret.reveal()}

    def _device_change(self, call: Call) -> Any:
        body, device_id = call.read(DeviceBody), call.params["id"]
        if body.error_codes is not None:
            self._do.device_diagnose(device_id, body.error_codes)
        if body.deep_sleep is not None:
            self._do.device_deep_sleep(device_id, body.deep_sleep)
        return self._do.query(f"device.{device_id}")

    def _meeting_create(self, call: Call) -> Any:
        body = call.read(MeetingBody)
        fields = _given(body)
        for name in ("title", "start", "duration_minutes"):
            if name not in fields:
                raise BadRequest(f"{name} is missing")
        title, start, minutes = fields.pop("title"), fields.pop("start"), fields.pop("duration_minutes")
        return self._do.meeting_create(title, start, minutes, push=body.push, **fields).shown()

    def _meeting_update(self, call: Call) -> Any:
        body = call.read(MeetingBody)
        if body.id is not None:
            raise BadRequest("the id of a meeting does not change")
        return self._do.meeting_update(call.params["id"], push=body.push, **_given(body)).shown()

    def _meeting_delete(self, call: Call) -> None:
        self._do.meeting_delete(call.params["id"], push=call.query.get("push", "full"))

    def _feature_set(self, call: Call) -> Any:
        body = call.read(FeatureBody)
        return {"items": self._do.feature_set(body.key, body.value, kind=body.kind, user_id=body.user_id)}

    def _upgrade_offer(self, call: Call) -> Any:
        body = call.read(UpgradeBody)
        return self._do.upgrade_offer(
            body.version, date=body.date, urgency=body.urgency, device_id=body.device_id, workspace_id=body.workspace_id,
            channel=body.channel, should=body.should_version, must=body.must_version, bytes=body.bytes, fails=body.fails,
        ).shown()  # fmt: skip

    def _name(self, call: Call) -> None:
        body = call.read(NameBody)
        self._do.name_user(body.user_id, body.name)

    # -- Mercury ----------------------------------------------------------------------------------------------------------------------

    def _mercury(self) -> tuple[Route, ...]:
        on = self._on
        return (
            on("GET", "/mercury/sockets", self._sockets),
            on("POST", "/mercury/push", self._push),
            on("POST", "/mercury/close", self._close),
            on("POST", "/mercury/shutdown", self._shutdown),
            on("POST", "/mercury/send", self._send),
        )

    def _sockets(self, _: Call) -> Any:
        items = [
            {
                "registrationId": socket.registration.id,
                "userId": socket.registration.user_id,
                "frames": socket.sequence,
                "acks": socket.acks,
                "unacked": len(socket.unacked),
                "switching": socket.is_switching,
            }
            for socket in self._do.sockets()
        ]
        return {"items": items}

    def _push(self, call: Call) -> Any:
        body = call.read(PushBody)
        heard = self._do.push_event(body.data, user_id=body.user_id, registration_id=body.registration_id)
        return {"sockets": heard}

    def _close(self, call: Call) -> Any:
        body = call.read(CloseBody)
        closed = self._do.mercury_close(
            body.code, body.reason, user_id=body.user_id, registration_id=body.registration_id
        )
        return {"sockets": closed}

    def _shutdown(self, call: Call) -> Any:
        body = call.read(ShutdownBody)
        return {"sockets": self._do.mercury_shutdown(user_id=body.user_id, after_s=body.after_seconds)}

    def _send(self, call: Call) -> Any:
        body = call.read(FrameBody)
        if (body.frame is None) == (body.text is None):
            raise BadRequest("give either frame or text")
        text = body.text if body.text is not None else msgspec.json.encode(body.frame).decode()
        return {"sockets": self._do.mercury_send(text, user_id=body.user_id)}

    # -- the run: faults, time, state -------------------------------------------------------------------------------------------------

    def _run(self) -> tuple[Route, ...]:
        on, do = self._on, self._do
        return (
            on("POST", "/catalog/rotate", self._rotate),
            on("POST", "/catalog/active-clusters", lambda _: {"sockets": do.active_clusters_push()}),
            on("POST", "/maintenance", self._maintenance),
            on("POST", "/gds/upstreams", self._upstream),
            on("GET", "/faults", lambda _: {"items": [_fault_json(fault) for fault in self._platform.faults.armed]}),
            on("POST", "/faults", self._fault),
            on("DELETE", "/faults/{id}", lambda c: do.heal(c.params["id"])),
            on("POST", "/clock/advance", self._advance),
            on("GET", "/state", self._state),
            on("GET", "/journal", self._journal),
            on("DELETE", "/journal", lambda _: self._platform.journal.clear()),
            on("GET", "/labels", self._labels),
            on("GET", "/why", self._why.ask),
            on("POST", "/why", self._why.judge),
        )

    def _rotate(self, call: Call) -> Any:
        body = call.read(RotateBody)
        return {"host": self._do.cluster_rotate(body.service, body.to, push=body.push)}

    def _maintenance(self, call: Call) -> Any:
        body = call.read(MaintenanceBody)
        return _fault_json(self._do.maintenance(body.service, body.status, body.for_seconds))

    def _upstream(self, call: Call) -> None:
        body = call.read(UpstreamBody)
        self._do.gds_upstream(body.name, body.state, required=body.required)

    def _fault(self, call: Call) -> Any:
        body = call.read(FaultBody)
        if body.row:
            return self._fault_row(body)
        if not (body.on and body.do):
            raise BadRequest("give `row`, or `on` and `do`")
        fault = self._do.fault(
            body.id or f"{body.on} {body.do}", body.on, body.do, target=body.target, params=body.params, count=body.count,
            skip=body.skip, percent=body.percent, after_s=body.after_seconds, for_s=body.for_seconds,
        )  # fmt: skip
        return _fault_json(fault)

    def _fault_row(self, body: FaultBody) -> Any:
        """Let the faults of a row hold that bite in the cloud, and say who does the others."""
        if body.on or body.do or body.params:
            raise BadRequest("a row has its own on, do and parameters; give either it or them")
        try:
            row, mine, others = split(body.row, body.id, "cloud")
        except UnknownRow as error:
            raise BadRequest(error.advice) from None
        armed = {fault.id for fault in self._platform.faults.armed} & {part.id for part in mine}
        if armed:
            raise BadRequest(f"fault {min(armed)!r} is armed already; heal it first")
        made = [
            self._do.fault(
                part.id, part.on, part.do, target={**part.target, **body.target}, params=part.params, count=body.count or part.bites,
                skip=body.skip, percent=body.percent, after_s=body.after_seconds, for_s=body.for_seconds,
            )
            for part in mine
        ]  # fmt: skip
        elsewhere = [part.told for part in others]
        return {"id": mine[0].id, "row": row.id, "items": list(map(_fault_json, made)), "elsewhere": elsewhere}

    async def _advance(self, call: Call) -> Any:
        await self._do.advance(call.read(AdvanceBody).seconds)
        return self._do.clock()

    async def _clock(self, call: Call) -> Any:
        after, wait = call.query.get("after"), call.query.get("wait", "0")
        if after is None:
            return self._do.clock()
        try:
            return await self._do.clock_after(float(after), min(float(wait), CLOCK_WAIT_MAX_S))
        except ValueError:
            raise BadRequest("after and wait are seconds, such as after=60&wait=25") from None

    def _names(self, _: Call) -> Any:
        return {"names": self._published()}

    def _state(self, call: Call) -> Any:
        path = call.query.get("path", "")
        return {"path": path, "value": self._do.query(path)} if path else self._do.export()

    def _journal(self, call: Call) -> Any:
        limit = call.query.get("limit", "100")
        if not limit.isdigit() or len(limit) > 6:
            raise BadRequest("limit is a whole number")
        journal = self._platform.journal
        entries = journal.entries(
            unmatched=call.query.get("unmatched") == "true", service=call.query.get("service", ""), limit=int(limit)
        )
        return {"items": journal.export(entries), "count": journal.count, "dropped": journal.dropped}

    def _labels(self, _: Call) -> Any:
        return {
            "items": [
                {"method": method, "path": path, "service": service, "label": label}
                for method, path, label, service in self._known()
            ]
        }

    # -- how routes are made ----------------------------------------------------------------------------------------------------------

    def _on(self, method: str, path: str, act: Callable[[Call], Any]) -> Route:
        return control_route(method, path, act)

    def _open(self, path: str, act: Callable[[Call], Any]) -> Route:
        route = self._on("GET", "", act)
        return replace(route, path=path, auth=False, scopes=())


def control_route(method: str, path: str, act: Callable[[Call], Any]) -> Route:
    """Make a route of the control API: what `act` returns is the answer, None an empty one."""

    async def handle(call: Call) -> Answer:
        require_loopback(call.remote)
        outcome = act(call)
        if isinstance(outcome, Awaitable):
            outcome = await outcome
        return Answer(status=204) if outcome is None else Answer(outcome)

    return Route(method, VERSION + path, handle, Label.OURS, scopes=(SCOPE,))


def require_loopback(remote: str) -> None:
    """Refuse a peer that is not on this machine; Forbidden."""
    if not is_loopback(remote):
        raise Forbidden("the control API is for this machine only")


def _ended(end: Callable[[str, str | None], int], call: Call) -> dict[str, int]:
    body = call.read(TokensBody)
    return {"tokens": end(body.token, body.user_id)}


def _given(body: MeetingBody) -> dict[str, Any]:
    fields = {name: getattr(body, name) for name in body.__struct_fields__ if name not in ("push", "id")}
    given = {name: value for name, value in fields.items() if value is not None}
    if body.id is not None:
        given["meeting_id"] = body.id
    if "user_ids" in given:
        given["user_ids"] = tuple(given["user_ids"])
    if "start" in given:
        try:
            given["start"] = parse_iso(given["start"])
        except ValueError:
            raise BadRequest("start is ISO 8601 with a zone, 2026-03-02T09:00:00Z") from None
    return given


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id, "on": fault.on, "do": fault.do, "target": dict(fault.target), "params": fault.told_params, "count": fault.count,
        "used": fault.used,
    }  # fmt: skip
