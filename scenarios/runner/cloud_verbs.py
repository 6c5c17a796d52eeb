"""Verbs of the stub cloud (scenario-style.md section 5); all call the use cases of its services."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, WithJsonSchema

from scenarios.runner.device_verbs import version_objections
from scenarios.runner.event_types import ANY_EVENT
from scenarios.runner.fields import Duration, Flag, KnownText, Moment, Name, Text, Toggle
from scenarios.runner.validation import Objection
from scenarios.runner.verbs import Capability, Defined, Verb, declare
from scenarios.runner.xapi_verbs import value_objections, widgets_of

_STUB: frozenset[Capability] = frozenset({"stub"})

Service = Literal[
    "activation",
    "calendar",
    "calliope",
    "encryption",
    "feature",
    "gds",
    "idbroker",
    "locus",
    "mercury",
    "metrics",
    "region",
    "swupgrade",
    "u2c",
    "wdm",
]
"""Services of the stub that can move to another host or be down."""
JoinField = Literal["meetingJoinURI", "meetingJoinURL", "webexURI", "spaceURI", "callURI"]
Join = Annotated[
    dict[JoinField, Text],
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {name: {"type": "string"} for name in get_args(JoinField)},
                    "additionalProperties": False,
                },
                {"x-ref": "Reference"},
            ]
        }
    ),
]
CloseCode = Annotated[int, Field(ge=1000, le=4999)]


@declare
class CodeCreate(Verb):
    """Issue an activation code; `${saved.<id>}` is the code from here on."""

    verb = "cloud.code.create"
    short = "id"
    needs = _STUB
    done = "issued"
    id: Name
    workspace: Text | None = None
    lives: Duration = 7 * 86_400.0

    def defines(self) -> Iterable[Defined]:
        """Make the code known."""
        yield Defined("saved", self.id, ("id",))


@declare
class CodeExpire(Verb):
    """Let the life of a code end now."""

    verb = "cloud.code.expire"
    short = "id"
    needs = _STUB
    done = "expired"
    id: Text


class _Meeting(Verb):
    """What creating and updating a meeting have in common."""

    title: Text | None = None
    starts: Moment | None = None
    lasts: Duration | None = None
    organizer: Text | None = None
    private: Flag | None = None
    all_day: Flag | None = None
    join: Join | None = None
    """What leads into the meeting, by the names of the five join fields; an update takes them in place of all that there were."""
    push: Literal["full", "minimal", "none"] = "full"


@declare
class MeetingCreate(_Meeting):
    """Put a meeting into the room's calendar and push it: whole, as a notice, or not at all."""

    verb = "cloud.meeting.create"
    needs = _STUB
    done = "stored and pushed"
    id: Name
    starts: Moment
    lasts: Duration


@declare
class MeetingUpdate(_Meeting):
    """Change a meeting; one that was never sent needs `starts` and `lasts`, and the device is told of a change all the same."""

    verb = "cloud.meeting.update"
    needs = _STUB
    done = "stored and pushed"
    id: Name

    def objections(self) -> Iterable[Objection]:
        """Object to an update that changes nothing."""
        changes = ("title", "starts", "lasts", "organizer", "private", "all_day", "join")
        if all(getattr(self, name) is None for name in changes):
            yield Objection((), f"write what changes: {', '.join(changes)}")


@declare
class MeetingDelete(Verb):
    """Take a meeting out of the calendar."""

    verb = "cloud.meeting.delete"
    short = "id"
    needs = _STUB
    done = "stored and pushed"
    id: Name
    push: Literal["full", "none"] = "full"


@declare
class MercuryClose(Verb):
    """Close the device's websocket from the cloud's side."""

    verb = "cloud.mercury.close"
    short = "code"
    needs = _STUB
    done = "the close frame is sent"
    code: CloseCode
    reason: Text = ""


@declare
class MercurySend(Verb):
    """Send any frame to the device: as JSON, or `raw` text that may be broken."""

    verb = "cloud.mercury.send"
    needs = _STUB
    done = "sent"
    frame: dict[str, Any] | None = None
    raw: Text | None = None
    after: Duration = 0.0

    def objections(self) -> Iterable[Objection]:
        """Object to nothing to send, and to both forms."""
        if (self.frame is None) == (self.raw is None):
            yield Objection((), "write either frame or raw")

    def defines(self) -> Iterable[Defined]:
        """Make the type of the event known to expectations of frames."""
        data = self.frame.get("data") if self.frame is not None else None
        kind = data.get("eventType") if isinstance(data, dict) else None
        yield Defined("event", kind if isinstance(kind, str) else ANY_EVENT, ("frame",))


@declare
class MercuryShutdown(Verb):
    """Announce that the socket ends: the device opens a second one, then the cloud closes the first with 4001."""

    verb = "cloud.mercury.shutdown"
    needs = _STUB
    done = "announced"
    after: Duration = 0.0


class _Tokens(Verb):
    """What the token verbs have in common."""

    short = "token"
    needs = _STUB
    token: Literal["access", "refresh", "all"]
    device: Name | None = None


@declare
class TokenRevoke(_Tokens):
    """Revoke tokens: services refuse them, a revoked refresh token gives invalid_grant."""

    verb = "cloud.token.revoke"
    done = "refused at the next use"


@declare
class TokenExpire(_Tokens):
    """Let the life of tokens end now."""

    verb = "cloud.token.expire"
    done = "refused at the next use"


@declare
class DeviceDelete(Verb):
    """Remove the device's account, as an administrator does."""

    verb = "cloud.device.delete"
    short = "device"
    needs = _STUB
    done = "the account is gone"
    device: Name


@declare
class ClusterRotate(Verb):
    """Move a service to another host."""

    verb = "cloud.cluster.rotate"
    short = "service"
    needs = _STUB
    done = "the catalogue names the other host"
    service: Service
    to: Annotated[str, Field(pattern=r"^[a-z]$")] | None = None
    """The letter of the cluster; without it the next one."""


@declare
class FeatureSet(Verb):
    """Set a feature toggle and push it."""

    verb = "cloud.feature.set"
    needs = _STUB
    done = "stored and pushed"
    key: Text
    value: Toggle
    type: Literal["developer", "user", "entitlement"] = "developer"


@declare
class SoftwareOffer(Verb):
    """Offer the device a software version, or none and only say which ones are too old; `fails` is what it is made to fail at.

    The device downloads and installs it at a moment that suits the room.
    """

    verb = "cloud.software.offer"
    short = "version"
    needs = _STUB
    done = "offered and pushed"
    version: Text = ""
    urgency: Literal["Low", "Medium", "Critical"] = "Medium"
    channel: Text = ""
    should: Text = ""
    must: Text = ""
    fails: Literal["download", "install"] | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to an offer of nothing, and to what is no version."""
        if not (self.version or self.should or self.must):
            yield Objection((), "write what is offered: version, should, must")
        for key in ("version", "should", "must"):
            yield from version_objections(key, getattr(self, key))


@declare
class Maintenance(Verb):
    """Take a service out of order for a while, answering with a status."""

    verb = "cloud.maintenance"
    short = "service"
    needs = _STUB
    done = "out of order; it comes back by itself after `for`"
    service: Service
    status: Annotated[int, Field(ge=400, le=599)] = 503
    for_: Annotated[Duration, Field(alias="for")] = 60.0


@declare
class ConfigPush(Verb):
    """Set configurations from the cloud, all or none: a map of paths and values."""

    verb = "cloud.config.push"
    short = "values"
    whole = True
    needs = _STUB
    done = "the device has answered"
    values: Annotated[dict[str, Any], Field(min_length=1)]

    def objections(self) -> Iterable[Objection]:
        """Object to values that no configuration can have."""
        yield from value_objections(self.area, self.values)


@declare
class CloudCommand(Verb):
    """Give the device an xCommand from the cloud; one that fails is a failure of the step, as with `xcommand`."""

    verb = "cloud.command"
    short = "path"
    needs = _STUB
    done = "the device has answered"
    path: KnownText
    args: dict[str, Any] = Field(default_factory=dict)
    body: Text = ""

    def defines(self) -> Iterable[Defined]:
        """Make the panels and widgets known that it puts up."""
        yield from widgets_of(self.path, self.args, self.body)
