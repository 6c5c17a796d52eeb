"""What a scenario file holds: head, world, steps.

The models are the reference of the keys: their JSON Schema is the schema of the file. Source: scenario-style.md sections 3 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from endpoint.device.settings import AUTO_JOIN_MAX_S
from endpoint.room.analytics import PEOPLE_MAX
from endpoint.runtime.devicelog import STYLES
from endpoint.runtime.fault_params import Scheme
from scenarios.runner.conditions import Expectation, Never
from scenarios.runner.fields import (
    Duration,
    Flag,
    Instant,
    KnownText,
    Lead,
    Name,
    SignedDuration,
    TextOrNumber,
    Toggle,
    Zone,
    wrong,
)
from scenarios.runner.hybrid_verbs import MailboxSettings
from scenarios.runner.problems import Place, nearest
from scenarios.runner.validation import Objection, Strict
from scenarios.runner.verbs import Capability, Verb

LANGUAGE = 1
CASES_MAX = 1_000
SERVERS_MAX = 1_000
CERTIFICATES_MAX = 20
START_DEFAULT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
TIMEOUT_DEFAULT_S = 86_400.0
DEVICE_DEFAULT = "room"
"""The name of the device of a file that has only one."""

Mode = Literal["virtual", "wire", "stepped", "accelerated"]
Check = Literal[
    "strict", "secrets", "bounds", "acks", "one_registration", "monotone", "no_storm", "bookings_equal", "calls_balanced",
]  # fmt: skip
CHECK_NAMES: Final[list[str]] = [*get_args(Check)]
"""The checks that can be asked for; other packages add theirs."""
Transport = Literal["udp", "tcp", "xtls"]
Tag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Positive = Annotated[int, Field(ge=0, le=2**63 - 1)]
Number = Annotated[int, Field(ge=0, le=SERVERS_MAX)]

_OURS = re.compile(r"([a-z0-9-]+\.)*[a-z0-9-]+\.(test|example|localhost)|localhost|127(\.[0-9]{1,3}){3}")


def _silent(value: object) -> object:
    if isinstance(value, dict):
        wrong_keys = [key for key in value if key not in ("udp", "tcp", "xtls")]
        if not wrong_keys and all(isinstance(number, int) and 0 <= number <= SERVERS_MAX for number in value.values()):
            return value
        raise wrong("write silent servers by transport, such as { udp: 20, tcp: 16, xtls: 8 }")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= SERVERS_MAX:
        return value
    raise wrong(f"write a number from 0 to {SERVERS_MAX}, or numbers by transport")


def _domain(value: object) -> object:
    if isinstance(value, str) and _OURS.fullmatch(value):
        return value
    raise wrong(
        f"`{value}` is no reserved name; write one under .test or .example (a real cloud is named on the command line: --target)"
    )


def _check(value: object) -> object:
    if value in CHECK_NAMES:
        return value
    raise wrong(f"`{value}` is none of {', '.join(CHECK_NAMES)}", nearest(str(value), CHECK_NAMES))


CheckName = Annotated[str, PlainValidator(_check), WithJsonSchema({"enum": CHECK_NAMES, "type": "string"})]


def _language(value: object) -> object:
    if value == LANGUAGE and isinstance(value, int):
        return value
    raise wrong(f"this version reads language {LANGUAGE}")


def _auto_join(seconds: float) -> float:
    if 0 < seconds <= AUTO_JOIN_MAX_S and seconds == int(seconds):
        return seconds
    raise wrong(f"write whole seconds from 1s to {AUTO_JOIN_MAX_S}s, usually 60s")


def _trust_list(value: object) -> object:
    if value in ("absent", "no_array") or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= CERTIFICATES_MAX
    ):
        return value
    raise wrong(f"write absent, no_array, or a number of certificates from 0 to {CERTIFICATES_MAX}")


class Clock(Strict):
    """Where time starts, and how wrong the device's clock is."""

    area: ClassVar[str] = "clock"
    start: Instant = START_DEFAULT
    zone: Zone = "UTC"
    skew: SignedDuration = 0.0
    """Device minus cloud."""


class Media(Strict):
    """The media nodes of the cloud: servers asked in a discovery, and those of them that never answer."""

    area: ClassVar[str] = "media"
    servers: Annotated[int, Field(ge=0, le=SERVERS_MAX)] | None = None
    silent: Annotated[
        int | dict[str, int],
        PlainValidator(_silent),
        WithJsonSchema(
            {"anyOf": [{"type": "integer"}, {"type": "object", "additionalProperties": {"type": "integer"}}]}
        ),
    ] = 0
    transports: dict[Transport, Number] | None = None
    """Servers by transport; they add up to `servers`."""
    udp_port: Literal[5004, 9000] = 5004
    """The UDP port that the cluster list names; nodes answer at both."""

    def objections(self) -> Iterable[Objection]:
        """Object to numbers that do not fit together."""
        by_transport = None if self.transports is None else {str(key): value for key, value in self.transports.items()}
        total = self.servers if self.servers is not None else sum(by_transport.values()) if by_transport else None
        if by_transport is not None and total != sum(by_transport.values()):
            yield Objection(("transports",), f"the transports have {sum(by_transport.values())} servers, not {total}")
        silent = self.silent if isinstance(self.silent, int) else sum(self.silent.values())
        if total is not None and silent > total:
            yield Objection(("silent",), f"{silent} servers cannot be silent when there are {total}")
        if isinstance(self.silent, dict):
            for transport, number in self.silent.items():
                have = (by_transport or {}).get(transport)
                if have is None or number > have:
                    yield Objection(("silent", transport), f"{transport} has {have or 'no'} servers in `transports`")


class Tls(Strict):
    """Certificates that the cloud hands out beyond its own."""

    area: ClassVar[str] = "tls"
    trust_list: Annotated[
        int | str,
        PlainValidator(_trust_list),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": CERTIFICATES_MAX},
                    {"enum": ["absent", "no_array"]},
                ]
            }
        ),
    ] = "absent"
    """Certificates of TLS-inspecting proxies in configData.trustList (protocol/activation-and-media.md section 3)."""


class Proxy(Strict):
    """The HTTP proxy of the premises; devices take it only if their settings say so."""

    area: ClassVar[str] = "proxy"
    schemes: Annotated[tuple[Scheme, ...], Field(max_length=5, strict=False)] = ()
    """How it asks who is there; none lets everybody through."""
    login: Annotated[str, Field(min_length=1, max_length=80)] = "room"
    password: Annotated[str, Field(min_length=1, max_length=64)] = "room-proxy-secret"  # noqa: S105  of a stub
    """The password of its one account."""
    intercept: Literal["off", "trusted", "untrusted"] = "off"
    """Whether it opens up TLS, with an authority that is in the `trust_list` or with one that nobody knows."""
    script: Annotated[str, Field(min_length=1, max_length=65_536)] | None = None
    """Its PAC script; without one a script that names the proxy for everything outside its domain."""


class Mailbox(MailboxSettings):
    """The mailbox that every room has."""

    rooms: Flag = True
    """Whether rooms have one by themselves."""


class Cloud(Strict):
    """The stub cloud."""

    area: ClassVar[str] = "cloud"
    domain: Annotated[str, PlainValidator(_domain), WithJsonSchema({"type": "string"})] = "wbx2.test"
    strict: Flag = True
    media: Media = Field(default_factory=Media)
    platform: Literal["graph"] = "graph"
    """The calendar platform that mailboxes live on."""
    mailbox: Mailbox = Field(default_factory=Mailbox)
    features: dict[str, Toggle] = Field(default_factory=dict)
    """Feature toggles by key, developer ones."""
    lead: Lead | None = None
    """How long before the start the Join button comes, a setting of the organization: 0m, 5m, 10m or 15m."""
    tls: Tls = Field(default_factory=Tls)
    proxy: Proxy | None = None
    """An HTTP proxy between devices and cloud, as `proxy.example.test:8080`."""
    kms_join_fields: Literal["readable", "strict"] = "readable"
    """Whether devices get the join fields of meetings in clear, or sealed as everybody else does."""
    tracking_id: Literal["optional", "required"] = "optional"
    """Whether requests of devices need a TrackingID."""

    def objections(self) -> Iterable[Objection]:
        """Pass on what the parts object to."""
        for objection in self.media.objections():
            yield objection.under("media")
        for objection in self.mailbox.objections():
            yield objection.under("mailbox")
        trusts = isinstance(self.tls.trust_list, int) and self.tls.trust_list > 0
        if self.proxy is not None and self.proxy.intercept == "trusted" and not trusts:
            yield Objection(
                ("proxy", "intercept"), "devices trust nobody who inspects TLS; write tls: { trust_list: 1 }"
            )


_LOG_STYLES = [one for year in STYLES for one in (year, int(year))]


def _log_style(value: object) -> str:
    if isinstance(value, (str, int)) and str(value) in STYLES:
        return str(value)
    raise wrong(f"a log style is {' or '.join(STYLES)}")


class Device(Strict):
    """One device."""

    area: ClassVar[str] = "device"
    product: Literal[
        "Room Bar",
        "Room Bar Pro",
        "Room Kit Mini",
        "Room Kit Pro",
        "Codec Plus",
        "Codec Pro",
        "Desk Pro",
        "Board Pro",
        "Codec C60",
    ] = "Room Bar"
    software: Annotated[str, Field(pattern=r"^ce[0-9]{1,2}(\.[0-9]{1,3}){1,3}$")] = "ce26.4"
    bring_up: Literal["auto", "manual"] = "auto"
    at: Literal["factory", "activated", "online"] = "factory"
    config: dict[str, TextOrNumber] = Field(default_factory=dict)
    """Configurations before the device boots, by path."""
    auto_join: Annotated[Duration, AfterValidator(_auto_join)] | None = None
    """How long before the start the device joins its meetings by itself; without it, it does not."""
    people: Annotated[int, Field(ge=0, le=PEOPLE_MAX)] | None = None
    """How many are in the room from the first boot on."""
    log_style: Annotated[str, PlainValidator(_log_style), WithJsonSchema({"enum": _LOG_STYLES})] = "2022"
    """How lines of the device log look: as software of that year writes them."""
    revocation: Literal["soft", "hard"] = "soft"
    """What a certificate is worth whose status nobody tells: taken for good, or refused."""
    kms_down_title: Literal["empty", "generic"] = "empty"
    """What stands for the title of a meeting while it cannot be read: nothing, or the word `Meeting`."""


class XFail(Strict):
    """Why a scenario is expected to fail."""

    area: ClassVar[str] = "xfail"
    reason: KnownText
    issue: KnownText | None = None

    @property
    def shown(self) -> str:
        """The reason, with the issue if one is named."""
        return self.reason if self.issue is None else f"{self.reason} ({self.issue})"


class Case(Strict):
    """One variant of a scenario: its values win over those of the file."""

    area: ClassVar[str] = "case"
    name: Annotated[str, Field(min_length=1, max_length=80)]
    vars: dict[str, Any] = Field(default_factory=dict)


class Head(Strict):
    """Everything of a file but its devices, its steps and what must never be."""

    area: ClassVar[str] = "file"
    name: Annotated[str, Field(min_length=1, max_length=120)]
    about: KnownText = ""
    language: Annotated[int, PlainValidator(_language), WithJsonSchema({"const": LANGUAGE})] = LANGUAGE
    seed: Positive = 0
    tags: tuple[Tag, ...] = Field(default=(), strict=False)
    modes: tuple[Mode, ...] = Field(default=(), strict=False)
    """Modes that make sense; empty means all."""
    needs: tuple[Capability, ...] = Field(default=(), strict=False)
    clock: Clock = Field(default_factory=Clock)
    cloud: Cloud = Field(default_factory=Cloud)
    vars: dict[str, Any] = Field(default_factory=dict)
    cases: tuple[Case, ...] = Field(default=(), max_length=CASES_MAX, strict=False)
    checks: tuple[CheckName, ...] = Field(default=("strict", "secrets", "bounds"), strict=False)
    xfail: XFail | None = None
    timeout: Duration = TIMEOUT_DEFAULT_S

    def objections(self) -> Iterable[Objection]:
        """Pass on what the cloud objects to; object to cases of one name."""
        for objection in self.cloud.objections():
            yield objection.under("cloud")
        names = [case.name for case in self.cases]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Objection(("cases", index, "name"), f"two cases are named `{name}`")


class StepFrame(Strict):
    """What a step may have beside its verb and its expectations."""

    area: ClassVar[str] = "step"
    name: KnownText | None = None
    device: str | None = None
    """Which device; needed when there are several."""
    save: dict[str, str] = Field(default_factory=dict)
    """Names for `${saved.<name>}`, and the path of each in the verb's result or in the matched event."""
    label: Name | None = None
    """A name for `after` and `before`."""
    modes: tuple[Mode, ...] = Field(default=(), strict=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a verb with its arguments, and what must follow.

    `number` counts from 1 within its list, inner steps as `3.1`; `save` maps names to dotted paths in the result or the matched event.
    """

    place: Place
    number: str
    title: str
    args: Verb
    device: str
    expect: tuple[Expectation, ...] = ()
    never: Never | None = None
    meanwhile: tuple[Step, ...] = ()
    save: tuple[tuple[str, str], ...] = ()
    label: str | None = None
    modes: tuple[Mode, ...] = ()
    uses: tuple[Place, ...] = ()
    """Of a step of a part: where that is used, the outermost first."""

    @property
    def inner(self) -> tuple[Step, ...]:
        """The steps that its verb plays."""
        return tuple(getattr(self.args, "steps", ()))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test: a file, or one case of it."""

    file: str
    sha256: str
    case: str | None
    head: Head
    devices: dict[str, Device]
    steps: tuple[Step, ...]
    setup: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    never: Never | None = None
    needs: frozenset[Capability] = field(default_factory=frozenset)
    """What the file says it needs, and what its verbs need."""
    parts: tuple[str, ...] = ()
    """The files of the parts that it uses, in the order of their first use."""

    @property
    def name(self) -> str:
        """The sentence of the file, with the case in brackets."""
        return self.head.name if self.case is None else f"{self.head.name} [{self.case}]"

    @property
    def files(self) -> frozenset[str]:
        """The file, and those of the parts that it uses."""
        return frozenset({self.file, *self.parts})
