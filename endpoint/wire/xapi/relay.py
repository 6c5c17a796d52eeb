"""The xAPI by way of the cloud: what the cloud asks a device in a Mercury event, and what the device posts back. All of it is ours (R).

    cloud -> device    event `xapi.request`: request id, kind, names; what clients gave as values is sealed
    device -> cloud    POST <xapi>/answers/<request id>: done, or refused

The event says nowhere where to answer: that is the service `xapi` of the catalogue, so that no event can lead a token elsewhere.
Arguments, bodies and configuration values can be passphrases: they travel as one text, `sealed`, which neither side's trace shows.
What a client sees of it: protocol/xapi.md 12.3 to 12.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from endpoint.wire.codec import convert, decode, encode
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.mercury import SEALED
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.nodes import Node, Value, ValueSpace
from endpoint.wire.xapi.paths import INDEX_MAX, Path
from endpoint.wire.xapi.query import QUERY_CHARS_MAX, Query, query_of_text

REQUEST: Final = "xapi.request"
SERVICE: Final = "xapi"
"""The service of the catalogue that takes answers and reports."""
ANSWERS_PATH: Final = "/answers"
REPORT_PATH: Final = "/report"
ANSWER_LIMIT_S: Final = 10.0  # protocol/xapi.md 12.2, R
NAMES_MAX: Final = 10  # protocol/xapi.md 12.3, D
KEYS_MAX: Final = 10
CHANGES_MAX: Final = 1_000
ARGUMENTS_MAX: Final = 100
SEALED_BYTES_MAX: Final = 768 * 1024
"""A frame of Mercury may have 1 MiB; see `endpoint.runtime.websocket`."""
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
ERROR_TYPES_MAX: Final = 100

CLOUD_INVISIBLE: Final = frozenset({"webex privacy allowusagedatalogging"})
"""Configurations that the cloud does not show: `cloud_visible` is False in the schema. Source: protocol/xapi.md 2.7, 12.5."""

_Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=QUERY_CHARS_MAX)]
_Names: TypeAlias = Annotated[tuple[_Name, ...], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]


# ---- what is asked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """Read statuses. `names` are dotted, with wildcards: `Audio.Volume`, `Call[*].Status`."""

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandCall:
    """Call a command; `name` is dotted. `arguments` are as the client gave them, of any JSON type."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    body: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConfigurationQuery:
    """Read configurations. `keys` are dotted: a leaf, `Audio.*`, `*`, with ranges of elements."""

    id: str
    keys: tuple[str, ...]


class Change(msgspec.Struct, kw_only=True, frozen=True):
    """Set one configuration, or take back what was set: then `value` does not count."""

    op: Literal["replace", "remove"]
    key: _Name
    value: Any = None

    def __repr__(self) -> str:
        return f"Change({self.op} {self.key})"


@dataclass(frozen=True, slots=True)
class ConfigurationPatch:
    """Change configurations, all or none, in this order; the answer has every configuration."""

    id: str
    changes: tuple[Change, ...]


Request: TypeAlias = StatusQuery | CommandCall | ConfigurationQuery | ConfigurationPatch


class _Head(msgspec.Struct, kw_only=True, rename="camel"):
    request_id: _Id
    kind: Literal["status", "command", "configuration", "configurationPatch"]


class _Asked(msgspec.Struct):
    names: _Names


class _Called(msgspec.Struct):
    name: _Name


class _Given(msgspec.Struct, kw_only=True, omit_defaults=True):
    arguments: Annotated[dict[str, Any], msgspec.Meta(max_length=ARGUMENTS_MAX)] = {}
    body: str | None = None


class _Changes(msgspec.Struct):
    changes: Annotated[tuple[Change, ...], msgspec.Meta(min_length=1, max_length=CHANGES_MAX)]


def request_data(request: Request) -> dict[str, Any]:
    """Build the `data` of the event.

    Raises:
        LocalProtocolError: what is to be sealed is more than a frame can hold.
    """
    head = {"eventType": REQUEST, "requestId": request.id}
    match request:
        case StatusQuery():
            return {**head, "kind": "status", "names": list(request.names)}
        case ConfigurationQuery():
            return {**head, "kind": "configuration", "names": list(request.keys)}
        case CommandCall():
            given = _Given(arguments=dict(request.arguments), body=request.body)
            return {**head, "kind": "command", "name": request.name, SEALED: _seal(given)}
        case ConfigurationPatch():
            return {**head, "kind": "configurationPatch", SEALED: _seal(_Changes(request.changes))}


def _seal(message: msgspec.Struct) -> Secret:
    text = encode(message).decode()
    if len(encode(text)) > SEALED_BYTES_MAX:
        raise LocalProtocolError(f"arguments, body or values of more than {SEALED_BYTES_MAX // 1024} KiB")
    return Secret(SEALED, text)


def parse_request(data: Mapping[str, Any]) -> Request:
    """Read the `data` of a `REQUEST` event.

    Raises:
        RemoteProtocolError: an unknown kind, a missing member, one of a wrong type or over its bound. Nothing that came is repeated.
    """
    head = convert(data, _Head, "data")
    if head.kind == "status":
        return StatusQuery(head.request_id, convert(data, _Asked, "data").names)
    if head.kind == "configuration":
        return ConfigurationQuery(head.request_id, convert(data, _Asked, "data").names)
    sealed = data.get(SEALED)
    text = sealed.reveal() if isinstance(sealed, Secret) else sealed
    if not isinstance(text, str):
        raise RemoteProtocolError(f"data.{SEALED}", "a text")
    where = f"data.{SEALED}"
    if head.kind == "command":
        given = decode(text, _Given, where)
        return CommandCall(head.request_id, convert(data, _Called, "data").name, given.arguments, given.body)
    return ConfigurationPatch(head.request_id, decode(text, _Changes, where).changes)


# ---- what is answered -----------------------------------------------------------------------------------------------


class Done(msgspec.Struct, kw_only=True, frozen=True, tag_field="outcome", tag="done"):
    """It is done: `result` is typed JSON, as on the websocket."""

    result: dict[str, Any]


class Refused(msgspec.Struct, kw_only=True, frozen=True, tag_field="outcome", tag="refused"):
    """The device said no. `why` is what it was, `text` is for people."""

    why: Literal["badRequest", "unknownCommand", "failed", "denied", "notReady"]
    text: str = ""


Answer: TypeAlias = Done | Refused


def parse_answer(body: bytes) -> Answer:
    """Read what a device posts; RemoteProtocolError for anything else."""
    answer: Answer = decode(body, Answer, "answer")  # type: ignore[arg-type]  # a union is no class, and decodes all the same
    return answer


class Setting(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """One configuration as the device knows it.

    Attributes:
        key: dotted, canonical: `Network[1].DNS.Server[2].Address`.
        default: what the schema says; None where it says nothing.
        configured: what was set; None where nothing was.
        value_space: as JSON schema.
        updated_at: when the value took effect, ISO 8601.
    """

    key: str
    value: Value
    default: Value | None
    configured: Value | None
    value_space: dict[str, Any]
    updated_at: str


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """The result of reading or changing configurations."""

    settings: tuple[Setting, ...]


def parse_settings(result: Mapping[str, Any]) -> Settings:
    """Read the result of a configuration request; RemoteProtocolError for anything else."""
    return convert(result, Settings, "answer.result")


class Report(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """What a device finds wrong with itself: types of diagnostics messages above Info, lower case."""

    error_codes: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=100)], ...], msgspec.Meta(max_length=ERROR_TYPES_MAX)
    ]


# ---- names, keys, value spaces --------------------------------------------------------------------------------------


def dotted(path: Path) -> str:
    """Print a path without its branch as the REST API does: `Network[1].DNS.Server[2].Address`."""
    shown: list[str] = []
    for part in path:
        if isinstance(part, int) and shown:
            shown[-1] += f"[{part}]"
        else:
            shown.append(str(part))
    return ".".join(shown)


def status_query(name: str) -> Query:
    """Read a status expression; RemoteProtocolError if nothing can be called so."""
    return query_of_text(f"Status.{name}")


_TO_THE_LAST: Final = re.compile(r"\.\.n\]")


def configuration_query(key: str) -> Query:
    """Read a configuration key; `[2..n]` are the elements from 2 on. RemoteProtocolError if nothing can be called so."""
    return query_of_text(f"Configuration.{_TO_THE_LAST.sub(f'..{INDEX_MAX}]', key)}")


def names_leaf(query: Query, path: Path) -> bool:
    """Say whether a key stands for a leaf, given by its folded path with the branch: a name alone is no subtree, `Audio.*` is.

    Source: protocol/xapi.md 12.5.
    """
    if not query.covers(path):
        return False
    if query.text.endswith("*"):
        return True
    return not query.covers(path[:-1])


def is_in_cloud_view(node: Node) -> bool:
    """Say whether the cloud may see a configuration: neither a password nor one that the schema keeps from it (protocol/xapi.md 12.5)."""
    return not node.is_hidden and node.path.casefold() not in CLOUD_INVISIBLE


def json_schema(space: ValueSpace) -> dict[str, Any]:
    """Describe a value space as the configuration document does (protocol/xapi.md 12.5)."""
    if space.kind == "literal":
        return {"type": "string", "enum": list(space.literals)}
    low, high = ("minimum", "maximum") if space.kind == "integer" else ("minLength", "maxLength")
    bounds = {name: bound for name, bound in ((low, space.low), (high, space.high)) if bound is not None}
    return {"type": "integer" if space.kind == "integer" else "string", **bounds}
