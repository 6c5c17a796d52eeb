"""Routes as data: what a service answers, and how sure we are that the real one answers so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import unquote

from aiohttp import web
from multidict import MultiMapping

from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.hosts import SERVICES, Origin
from cloud_stub.platform.records import Token, User
from endpoint.wire import codec
from endpoint.wire.conventions import error_body, format_http_date
from endpoint.wire.errors import RemoteProtocolError

T = TypeVar("T")
SERVER = "roomsim"
BODY_BYTES_MAX = 64 * 1024
"""What a request may carry where its route says nothing else."""


class Label(StrEnum):
    """What an answer of the stub rests on."""

    OBSERVED = "observed"
    DOCUMENTED = "documented"
    INFERRED = "inferred"
    OURS = "ours"


@dataclass(slots=True)
class Call:
    """One request, as its handler sees it.

    Attributes:
        params: what the `{slots}` of the route stand for.
        query: parameters; one that is repeated has its values in `getall`.
        origin: the address under which the client knows the cloud.
        answer_id: the tracking id that the answer carries; mostly that of the request.
        peer: name of the caller in trace and faults, `device:room`; None if nobody gave it one.
        upgraded: to be called by a route that upgrades, once it has answered 101.
    """

    route: Route
    service: str
    path: str
    params: Mapping[str, str]
    query: MultiMapping[str]
    headers: Mapping[str, str]
    body: bytes
    origin: Origin
    remote: str
    tracking_id: str
    answer_id: str
    token: Token | None = None
    user: User | None = None
    peer: str | None = None
    upgraded: Callable[[], None] | None = None

    @property
    def caller(self) -> User:
        """The user whose token came with the request; only for routes that ask for one."""
        assert self.user is not None, "the route asks for a token"
        return self.user

    def read(self, kind: type[T]) -> T:
        """Read the body as a message type.

        Raises:
            BadRequest: another shape; the text names the member.
        """
        try:
            return codec.decode(self.body, kind)
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers: an object to be sent as JSON, or bytes as they are, or no body."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Call], Answer | Awaitable[Answer]]
Upgrade: TypeAlias = Callable[[Call, web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One thing a service answers.

    Attributes:
        path: below the base of the service; `{name}` stands for one segment.
        label: what the answer rests on.
        auth: a bearer token is needed, and one of `scopes` if there are any.
        shows_body: bodies of this route, both ways, hold nothing secret by their type, and may be shown in the trace.
        media: the content type that a body must have, empty for any; `application/json` also asks for a JSON object in it.
        upgrade: serves a websocket instead of `handler`.
        body_bytes_max: what a body may have.
    """

    method: str
    path: str
    handler: Handler | None
    label: Label
    auth: bool = True
    scopes: tuple[str, ...] = ()
    shows_body: bool = False
    media: str = ""
    upgrade: Upgrade | None = None
    body_bytes_max: int = BODY_BYTES_MAX


ErrorShape: TypeAlias = Callable[[CloudError, str], Any]


def wx2_error(error: CloudError, tracking_id: str) -> dict[str, Any]:
    """Write an error as most services do: `{message, errorCode?, trackingId}`. Source: protocol/cloud-services.md 18.15."""
    number = int(error.code) if error.code.isdigit() else None
    body = error_body(error.text, number, tracking_id)
    if error.code and number is None:
        body["code"] = error.code
    return {**body, **error.extra}


def hydra_error(error: CloudError, tracking_id: str) -> dict[str, Any]:
    """Write an error as the public REST API does. Source: protocol/xapi.md 12.2."""
    return {"message": error.text, "errors": [{"description": error.text}], "trackingId": tracking_id, **error.extra}


def common_headers(now: datetime, tracking_id: str) -> dict[str, str]:
    """Return what every answer carries: the clock of the cloud, the tracking id, our name."""
    return {"Date": format_http_date(now), "trackingid": tracking_id, "Server": SERVER}


class Service(Protocol):
    """What the web door needs to know of a service."""

    @property
    def name(self) -> str:
        """Key of `hosts.SERVICES`."""
        ...

    @property
    def routes(self) -> Sequence[Route]:
        """Everything it answers."""
        ...

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error in the service's shape."""
        ...


@dataclass(frozen=True, slots=True)
class Match:
    """A route that meets a path, and what its slots stand for."""

    service: Service
    route: Route
    params: dict[str, str]


class Router:
    """All routes of all services, under their own hosts and under a single origin.

    A path belongs to one service under a host of ours; under a single origin the prefixes tell them apart.
    """

    def __init__(self, services: Iterable[Service], prefixes: Mapping[str, str] | None = None) -> None:
        self._single: dict[int, list[tuple[tuple[str, ...], Service, Route]]] = {}
        self._named: dict[str, dict[int, list[tuple[tuple[str, ...], Service, Route]]]] = {}
        self.known: list[tuple[str, str, Label, str]] = []
        """Method, path under a single origin, label and service of every route."""
        self._services: dict[str, Service] = {}
        self._prefixes: dict[str, str] = {}
        for service in services:
            self._services.setdefault(service.name, service)
            own = (prefixes or {}).get(service.name)
            self._prefixes[service.name] = own if own is not None else SERVICES[service.name].single_path
            for route in service.routes:
                single = (own if own is not None else SERVICES[service.name].single_path) + route.path
                named = (own if own is not None else SERVICES[service.name].named_path) + route.path
                self.known.append((route.method, single, route.label, service.name))
                _insert(self._single, single, service, route)
                if own is not None:
                    _insert(self._named.setdefault("", {}), single, service, route)
                else:
                    _insert(self._named.setdefault(service.name, {}), named, service, route)
        for table in (self._single, *self._named.values()):
            for rows in table.values():
                rows.sort(key=lambda row: sum(segment.startswith("{") for segment in row[0]))  # literal paths first

    def owner(self, path: str, at: frozenset[str] | None) -> Service | None:
        """Return the service below whose prefix a path lies that no route meets; None if prefixes do not tell."""
        if at is not None:
            return self._services[next(iter(at))] if len(at) == 1 else None
        below = [name for name, prefix in self._prefixes.items() if prefix and f"{path}/".startswith(f"{prefix}/")]
        return self._services[max(below, key=lambda name: len(self._prefixes[name]))] if below else None

    def find(self, path: str, at: frozenset[str] | None) -> list[Match]:
        """Return every route that meets a path, whatever its method.

        Args:
            path: as it came, still percent-encoded: an encoded slash does not divide segments.
            at: services of the host that was asked; None under a single origin.
        """
        segments = tuple(unquote(segment) for segment in path.strip("/").split("/"))
        tables = [self._single] if at is None else [self._named.get(name, {}) for name in sorted(at | {""})]
        found = []
        for table in tables:
            for pattern, service, route in table.get(len(segments), ()):
                params = _params(pattern, segments)
                if params is not None:
                    found.append(Match(service, route, params))
        return found


def _insert(
    table: dict[int, list[tuple[tuple[str, ...], Service, Route]]], path: str, service: Service, route: Route
) -> None:
    segments = tuple(path.strip("/").split("/"))
    table.setdefault(len(segments), []).append((segments, service, route))


def _params(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    params = {}
    for want, got in zip(pattern, segments, strict=True):
        if want.startswith("{"):
            if not got:
                return None
            params[want[1:-1]] = got
        elif want != got:
            return None
    return params
