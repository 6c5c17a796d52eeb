"""What the cloud knows, one record type per table.

A record is frozen and carries its key as `id`. `SHOWN` names the fields that exports and state queries may show: whatever is secret is
simply not in it. Instants are aware UTC; a life ends when `now >= expires`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from endpoint.wire.swupgrade import IMAGE_BYTES


class Record(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Base of all records."""

    SHOWN: ClassVar[tuple[str, ...]] = ()

    id: str

    def shown(self) -> dict[str, Any]:
        """Return the fields that may be shown, as plain JSON values."""
        return {name: msgspec.to_builtins(getattr(self, name)) for name in self.SHOWN}


class UserKind(StrEnum):
    """Who a user is."""

    PERSON = "PERSON"
    MACHINE = "MACHINE"


class CodeState(StrEnum):
    """Where an activation code stands. Source: protocol/activation-and-media.md 2.6."""

    NEW = "NEW"
    PENDING = "PENDING"
    CONSUMED = "CONSUMED"
    LOCKED = "LOCKED"
    EXPIRED = "EXPIRED"


class TokenKind(StrEnum):
    """What a token is good for."""

    ACCESS = "access"
    REFRESH = "refresh"


class Org(Record, kw_only=True, frozen=True):
    """An organization."""

    SHOWN = ("id", "name", "suspended", "created")

    name: str
    created: datetime
    suspended: bool = False


class User(Record, kw_only=True, frozen=True):
    """A person, or the machine account of a device. `tokens_issued` counts, so that each token's draw has a name.

    `hybrid_calendar`: the service works for the person's calendar. `has_personal_room` and `preferred_site` decide whether `@webex` finds
    a Personal Room (see `hybrid_calendar.site`).
    """

    SHOWN = (
        "id", "org_id", "kind", "name", "email", "workspace_id", "is_admin", "hybrid_calendar", "has_personal_room", "preferred_site",
        "created",
    )  # fmt: skip

    org_id: str
    kind: UserKind
    name: str
    created: datetime
    email: str = ""
    workspace_id: str = ""
    is_admin: bool = False
    tokens_issued: int = 0
    toggles_revision: int = 1
    hybrid_calendar: bool = True
    has_personal_room: bool = True
    preferred_site: str = ""


class Workspace(Record, kw_only=True, frozen=True):
    """A room. `calling`, `calendar`, `hotdesking` and `supported_devices` are words of the public API.

    `calendar_key` is `calendar_email` in small letters: addresses are found without regard to case.
    """

    SHOWN = (
        "id", "org_id", "name", "type", "capacity", "created", "calling", "calendar", "calendar_email", "location_id", "floor_id",
    )  # fmt: skip

    org_id: str
    name: str
    created: datetime
    type: str = "notSet"
    capacity: int | None = None
    notes: str = ""
    calling: str = "freeCalling"
    calendar: str = "none"
    calendar_email: str = ""
    calendar_key: str = ""
    calendar_group: str = ""
    hotdesking: str = "off"
    supported_devices: str = "collaborationDevices"
    hosts_meetings: bool = False
    meeting_site: str = ""
    location_id: str = ""
    floor_id: str = ""


class Code(Record, kw_only=True, frozen=True):
    """An activation code by its public half; of the secret half only the verifier is kept."""

    SHOWN = (
        "id",
        "org_id",
        "workspace_id",
        "person_id",
        "model",
        "created",
        "expires",
        "failures",
        "state",
        "device_id",
    )

    salt: bytes
    verifier: bytes
    org_id: str
    created: datetime
    expires: datetime
    workspace_id: str = ""
    person_id: str = ""
    model: str = ""
    failures: int = 0
    state: CodeState = CodeState.NEW
    device_id: str = ""
    ended: datetime | None = None
    pending_id: str = ""
    user_id: str = ""
    challenges_made: int = 0


class Challenge(Record, kw_only=True, frozen=True):
    """An open exchange by SHA-256(PAD(B)), hex. A decoy stands for a code that does not exist."""

    SHOWN = ("code_id", "issued", "expires", "used")

    code_id: str
    b: bytes
    server_public: bytes
    salt: bytes
    verifier: bytes
    issued: datetime
    expires: datetime
    used: bool = False
    is_decoy: bool = False


class Pending(Record, kw_only=True, frozen=True):
    """An exchange whose proof was good, by the key of its challenge; then the reply of its register, for retries."""

    SHOWN = ("code_id", "expires", "device_identifier", "model")

    code_id: str
    user_id: str
    transcript: bytes
    keys: tuple[bytes, bytes, bytes, bytes]
    token_ids: tuple[str, ...]
    device_identifier: str
    model: str
    serial: str
    software: str
    expires: datetime
    answered_hash: bytes = b""
    answer: bytes = b""


class Token(Record, kw_only=True, frozen=True):
    """A token by the SHA-256 of its text, hex: the text itself is nowhere.

    `unless_confirmed` is the instant at which a token of an activation that was never finished dies.
    """

    SHOWN = ("kind", "user_id", "org_id", "scopes", "issued", "expires", "revoked")

    kind: TokenKind
    user_id: str
    org_id: str
    scopes: tuple[str, ...]
    issued: datetime
    expires: datetime
    client_id: str = ""
    revoked: bool = False
    unless_confirmed: datetime | None = None


class Registration(Record, kw_only=True, frozen=True):
    """A WDM registration. `origin` is the address the client knows the cloud by: scheme and authority of its requests."""

    SHOWN = ("id", "user_id", "org_id", "device_identifier", "body", "created", "modified", "partition")

    user_id: str
    org_id: str
    origin: tuple[str, str]
    created: datetime
    modified: datetime
    device_identifier: str = ""
    body: dict[str, Any] = {}
    ttl_s: int | None = None
    partition: str = ""


class Device(Record, kw_only=True, frozen=True):
    """A device as the administrator sees it. `error_codes` were set from outside, `reported_codes` the device says itself.

    `first_seen` and `last_seen` tell of its websocket; None while it was never up.
    """

    SHOWN = (
        "id", "org_id", "user_id", "workspace_id", "person_id", "device_identifier", "name", "model", "serial", "software", "created",
        "first_seen", "last_seen", "online", "deep_sleep", "error_codes", "reported_codes", "tags",
    )  # fmt: skip

    org_id: str
    user_id: str
    created: datetime
    workspace_id: str = ""
    person_id: str = ""
    device_identifier: str = ""
    name: str = ""
    model: str = ""
    serial: str = ""
    software: str = ""
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    online: bool = False
    deep_sleep: bool = False
    error_codes: tuple[str, ...] = ()
    reported_codes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def issues(self) -> tuple[str, ...]:
        """What is wrong with it, types of diagnostics messages in lower case."""
        return tuple(sorted({*self.error_codes, *self.reported_codes}))


class Meeting(Record, kw_only=True, frozen=True):
    """A meeting in the calendars of some users. Texts are kept in clear; what leaves is sealed by the calendar service.

    `responses` says what users have answered, by their ids: ACCEPTED where it does not.
    """

    SHOWN = (
        "id", "series_id", "title", "start", "duration_minutes", "organizer_id", "user_ids", "join", "meeting_join_type", "is_recurring",
        "is_private", "is_all_day", "responses", "modified",
    )  # fmt: skip

    series_id: str
    title: str
    start: datetime
    duration_minutes: int
    organizer_id: str
    modified: datetime
    organizer_name: str = ""
    organizer_email: str = ""
    user_ids: tuple[str, ...] = ()
    location: str = ""
    notes: str = ""
    join: dict[str, str] = {}
    meeting_join_type: str = "WEBEX"
    meeting_number: str = ""
    password: str = ""
    host_key: str = ""
    is_recurring: bool = False
    is_private: bool = False
    is_all_day: bool = False
    responses: dict[str, str] = {}

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.start + timedelta(minutes=self.duration_minutes)


class HybridSettings(Record, kw_only=True, frozen=True):
    """What an organization has set for its Hybrid Calendar; see `hybrid_calendar.settings` for the words."""

    SHOWN = (
        "id", "provisioned", "platform", "webex", "meet", "lead_minutes", "sites", "managed_site", "language", "header", "footer",
        "phone_lines", "minimal", "minimal_bytes", "deliver_tentative", "join_delay_s",
    )  # fmt: skip

    provisioned: bool = True
    platform: str = "graph"
    webex: str = "personal_room"
    meet: str = "space"
    lead_minutes: int = 5
    sites: tuple[str, ...] = ("roomsim.webex.test",)
    managed_site: bool = True
    language: str = "en"
    header: str = ""
    footer: str = ""
    phone_lines: bool = False
    minimal: str = "auto"
    minimal_bytes: int = 16 * 1024
    deliver_tentative: bool = False
    join_delay_s: float = 0.0


class HybridEvent(Record, kw_only=True, frozen=True):
    """What the Hybrid Calendar service knows of an invitation, by its uid.

    Attributes:
        organizer: address.
        copies: ids of the events that it was seen as, by mailbox.
        seen: digest of what its writer last said; what the service wrote itself is not in it.
        reach: now, daily or later: a far meeting waits (7.3).
        start: of the meeting, or of the first instance that is still to come.
        copy_read: organizer or room (8.5); empty before anything was read.
        details: ids of what was made for it on the site, by keyword action.
        lines: of the block as it was last written; with `base_location` and `written_location` what the service knows its own edit by.
        diagnostics: keys of what is wrong with it.
        why: a sentence.
    """

    SHOWN = (
        "id", "organizer", "copies", "reach", "start", "copy_read", "action", "details", "written_location", "diagnostics", "why",
    )  # fmt: skip

    organizer: str
    copies: dict[str, tuple[str, ...]] = {}
    seen: str = ""
    reach: str = "now"
    start: datetime | None = None
    copy_read: str = ""
    action: str = ""
    details: dict[str, str] = {}
    lines: tuple[str, ...] = ()
    base_location: str = ""
    written_location: str = ""
    diagnostics: tuple[str, ...] = ()
    why: str = ""


class SiteMeeting(Record, kw_only=True, frozen=True):
    """Something that can be joined on a Webex site: a meeting, a Personal Room, or the meeting of a space."""

    SHOWN = ("id", "kind", "title", "site", "number", "sip", "url", "owner_id", "space_id", "members", "created")

    kind: str
    site: str
    number: str
    sip: str
    url: str
    created: datetime
    title: str = ""
    password: str = ""
    host_key: str = ""
    owner_id: str = ""
    space_id: str = ""
    space_url: str = ""
    members: tuple[str, ...] = ()


class Toggle(Record, kw_only=True, frozen=True):
    """A feature toggle of one user: `id` is user, kind and key."""

    SHOWN = ("user_id", "kind", "key", "val", "mutable", "modified")

    user_id: str
    kind: str
    key: str
    val: str
    modified: datetime
    mutable: bool = True


class Integration(Record, kw_only=True, frozen=True):
    """An application that works for the organization. `secret` is the SHA-256 of its client secret, hex."""

    SHOWN = ("id", "name", "user_id", "scopes", "state", "has_queue", "webhook", "created")

    name: str
    user_id: str
    secret: str
    scopes: tuple[str, ...]
    created: datetime
    state: str = "provisioning"
    has_queue: bool = False
    webhook: str = ""


class Upgrade(Record, kw_only=True, frozen=True):
    """A software version that is offered: to one device, to those of a workspace, or to all; on one channel, or on every one.

    Attributes:
        date: day of the release, `2026-05-04`.
        bytes: size of the image.
        urgency: Low, Medium or Critical.
        should, must: oldest versions that are recommended, and that are good enough.
        fails: what it is made to fail at: `download`, `install`, or nothing.
    """

    SHOWN = (
        "id", "version", "date", "bytes", "urgency", "device_id", "workspace_id", "channel", "should", "must", "fails", "created",
    )  # fmt: skip

    created: datetime
    version: str = ""
    date: str = ""
    bytes: int = IMAGE_BYTES
    urgency: str = "Medium"
    device_id: str = ""
    workspace_id: str = ""
    channel: str = ""
    should: str = ""
    must: str = ""
    fails: str = ""


class Made(Record, kw_only=True, frozen=True):
    """How many things were ever made under a name: so that none of them gets the id of an earlier one, also after a restart."""

    count: int


class KmsKey(Record, kw_only=True, frozen=True):
    """A key of texts by its URI. It is its creator's, or that of whoever is invited to a meeting, or of those a resource names."""

    SHOWN = ("id", "user_id", "meeting_id", "resource_uri", "created", "bound")

    secret: bytes
    created: datetime
    user_id: str = ""
    meeting_id: str = ""
    resource_uri: str = ""
    bound: datetime | None = None


class KmsResource(Record, kw_only=True, frozen=True):
    """What keys are bound to, by its URI: the users may have them."""

    SHOWN = ("id", "user_ids", "created")

    created: datetime
    user_ids: tuple[str, ...] = ()


class KmsChannel(Record, kw_only=True, frozen=True):
    """A channel to the key service, by its URI."""

    SHOWN = ("id", "user_id", "client_id", "created", "expires")

    secret: bytes
    user_id: str
    client_id: str
    created: datetime
    expires: datetime


class ServerKey(Record, kw_only=True, frozen=True):
    """Something the cloud must find again after a restart: the root's key and certificate, the key of decoys, the administrator's token."""

    text: str


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Name, limit and indexed fields of a table."""

    name: str
    limit: int
    indexed: tuple[str, ...] = ()


TABLES: dict[type[Record], TableSpec] = {
    Org: TableSpec("orgs", 100),
    User: TableSpec("users", 50_000, ("workspace_id", "email")),
    Workspace: TableSpec("workspaces", 50_000, ("calendar_key",)),
    Code: TableSpec("codes", 50_000, ("workspace_id", "user_id")),
    Challenge: TableSpec("challenges", 50_000, ("code_id",)),
    Pending: TableSpec("pendings", 50_000, ("code_id",)),
    Token: TableSpec("tokens", 200_000, ("user_id",)),
    Registration: TableSpec("registrations", 50_000, ("user_id",)),
    Device: TableSpec("devices", 50_000, ("workspace_id", "user_id")),
    Meeting: TableSpec("meetings", 100_000, ("user_ids", "series_id")),
    HybridSettings: TableSpec("hybrid_settings", 100),
    HybridEvent: TableSpec("hybrid_events", 100_000),
    SiteMeeting: TableSpec("site_meetings", 100_000, ("number", "owner_id", "members")),
    Toggle: TableSpec("toggles", 200_000, ("user_id",)),
    Integration: TableSpec("integrations", 1_000),
    Upgrade: TableSpec("upgrades", 1_000),
    KmsKey: TableSpec("kms_keys", 300_000, ("meeting_id", "resource_uri", "user_id")),
    KmsResource: TableSpec("kms_resources", 50_000),
    KmsChannel: TableSpec("kms_channels", 100_000, ("user_id",)),
    Made: TableSpec("made", 200_000),
    ServerKey: TableSpec("server_keys", 20),
}
"""Every table of the store."""
