"""What requests to the control API hold: members in camel case, durations in seconds, unknown members an error that names them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from endpoint.wire.swupgrade import IMAGE_BYTES


class Body(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of the API's requests: a member that it does not know is an error."""


class WorkspaceBody(Body, kw_only=True):
    """A workspace to create."""

    name: str


class UserBody(Body, kw_only=True):
    """A person to create."""

    name: str
    email: str = ""
    admin: bool = False


class TokenBody(Body, kw_only=True):
    """Tokens to issue; without scopes those of the kind of user."""

    user_id: str
    scopes: list[str] | None = None


class TokensBody(Body, kw_only=True):
    """Tokens to end: access, refresh or all; of one user, or of every machine account."""

    token: str = "all"  # noqa: S105  a word of the API
    user_id: str | None = None


class CodeBody(Body, kw_only=True):
    """An activation code to issue, for a workspace, a person, or a workspace named here."""

    workspace_id: str = ""
    person_id: str = ""
    workspace: str = ""
    model: str = ""
    lives_seconds: float = 7 * 86_400.0


class MeetingBody(Body, kw_only=True):
    """A meeting to create, or the fields of one to change. `start` is ISO 8601 with a zone."""

    id: str | None = None
    title: str | None = None
    start: str | None = None
    duration_minutes: int | None = None
    user_ids: list[str] | None = None
    organizer_id: str | None = None
    location: str | None = None
    notes: str | None = None
    join: dict[str, str] | None = None
    meeting_join_type: str | None = None
    meeting_number: str | None = None
    password: str | None = None
    host_key: str | None = None
    is_recurring: bool | None = None
    is_private: bool | None = None
    push: str = "full"


class PushBody(Body, kw_only=True):
    """A Mercury event: `data` with its `eventType`, to a user, a registration, or all."""

    data: dict[str, Any]
    user_id: str | None = None
    registration_id: str | None = None


class CloseBody(Body, kw_only=True):
    """Websockets to close."""

    code: int
    reason: str = ""
    user_id: str | None = None
    registration_id: str | None = None


class ShutdownBody(Body, kw_only=True):
    """Websockets to switch over."""

    user_id: str | None = None
    after_seconds: float = 0.2


class FrameBody(Body, kw_only=True):
    """A frame to send as it is: JSON in `frame`, or `text` that may be broken."""

    frame: dict[str, Any] | None = None
    text: str | None = None
    user_id: str | None = None


class FeatureBody(Body, kw_only=True):
    """A toggle to set."""

    key: str
    value: str | bool | int | float
    kind: str = "developer"
    user_id: str | None = None


class RotateBody(Body, kw_only=True):
    """A service to move to another host."""

    service: str
    to: str = ""
    push: bool = True


class MaintenanceBody(Body, kw_only=True):
    """A service to take out of order."""

    service: str
    status: int = 503
    for_seconds: float = 60.0


class FaultBody(Body, kw_only=True):
    """A fault, in the words of the scenario language: a row of the fault table, or `on` and `do`."""

    row: str = ""
    on: str = ""
    do: str = ""
    id: str = ""
    target: dict[str, Any] = {}
    params: dict[str, Any] = {}
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    percent: Annotated[float, msgspec.Meta(gt=0, le=100)] = 100.0
    after_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    for_seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None


class DeviceBody(Body, kw_only=True):
    """What a device reports of itself."""

    error_codes: list[str] | None = None
    deep_sleep: bool | None = None


class UpgradeBody(Body, kw_only=True):
    """A software version to offer: to a device, to those of a workspace, or to all; or only the oldest versions that are good enough."""

    version: str = ""
    date: str = ""
    urgency: str = "Medium"
    device_id: str = ""
    workspace_id: str = ""
    channel: str = ""
    should_version: str = ""
    must_version: str = ""
    bytes: int = IMAGE_BYTES
    fails: str = ""


class SuspendBody(Body, kw_only=True):
    """Whether the organization is suspended."""

    suspended: bool = True


class UpstreamBody(Body, kw_only=True):
    """The state of a service that GDS needs."""

    name: str
    state: str
    required: bool = True


class NameBody(Body, kw_only=True):
    """What trace and faults call a user's device: `device:room`."""

    user_id: str
    name: str


class AdvanceBody(Body, kw_only=True):
    """How far time jumps."""

    seconds: float
