"""What goes in and out of the control door: bodies, queries, durations, refusals.

Answers are encoded without any way to write a `Secret`: one that strayed into an answer is an error of ours, never a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec
from aiohttp import web

from endpoint.runtime.errors import EndpointError
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError

T = TypeVar("T", bound=msgspec.Struct)

BODY_BYTES_MAX: Final = 64 * 1024
DURATION_S_MAX: Final = 366 * 86_400.0
SHOWN_CHARS_MAX: Final = 40
"""How much of a wrong name is repeated in a refusal."""
_UNITS_S: Final = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_DURATION: Final = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?")


class Action(msgspec.Struct, kw_only=True, frozen=True):
    """Any action; `wait` false answers at once."""

    action: str
    wait: bool = True


class ControlError(EndpointError):
    """A request to the control door that is refused.

    Attributes:
        status: HTTP status: 400 not understood, 404 no such thing, 409 not in the present state, 422 understood, and the answer is no.
        code: one word for programs.
        message: a sentence for people.
        expected: what would have been right.
    """

    def __init__(self, status: int, code: str, message: str, expected: Iterable[str] = ()) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.expected = tuple(expected)
        super().__init__(f"{status} {code}: {message}")

    def body(self) -> dict[str, Any]:
        """Return the error as it is answered: `{code, message, expected?}`."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.expected:
            body["expected"] = list(self.expected)
        return body


def answer(body: object, status: int = 200) -> web.Response:
    """Answer JSON."""
    text = msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n"
    return web.Response(
        status=status, body=text, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def answer_text(lines: Iterable[str], content_type: str = "text/plain", **headers: str) -> web.Response:
    """Answer lines of text."""
    text = "".join(f"{line}\n" for line in lines)
    shown = {"Cache-Control": "no-store", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return web.Response(text=text, content_type=content_type, headers=shown)


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read a body that is a JSON object.

    Raises:
        ControlError: it is not.
    """
    try:
        return codec.decode(await request.read(), dict[str, Any])
    except RemoteProtocolError:
        raise ControlError(400, "bad_body", "the body has to be a JSON object in UTF-8") from None


def read_query(request: web.Request, kind: type[T]) -> T:
    """Read the query of a request.

    Raises:
        ControlError: a name that is unknown or comes twice, or a value that does not fit.
    """
    members = dict(request.query)
    if len(members) != len(request.query):
        raise ControlError(400, "bad_query", "each name once")
    return read_members(members, kind, "the query", strict=False)


def read_members(members: Mapping[str, Any], kind: type[T], where: str = "the body", *, strict: bool = True) -> T:
    """Read named members as a message type.

    Raises:
        ControlError: a member that is unknown, missing or does not fit; `expected` lists what there is.
    """
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for name in members:
        if name not in known:
            raise ControlError(400, "unknown_field", f"{where} has no {name[:SHOWN_CHARS_MAX]!r}", known)
    try:
        return msgspec.convert(members, kind, strict=strict)
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at ")
        name = path.strip("`").removeprefix("$").removeprefix(".")
        message = f"{where}: {name}: {rule}" if name else f"{where}: {rule}"
        raise ControlError(400, "bad_field", message, _literals(kind, name) or known) from None


def _literals(kind: type[T], name: str) -> list[str]:
    """Return the words that a member may be, none if it is free."""
    hint = get_type_hints(kind).get(name)
    parts = [value for part in get_args(hint) for value in (get_args(part) or (part,))]
    return [value for value in parts if isinstance(value, str)]


def read_duration(value: str | float, name: str, *, signed: bool = False) -> float:
    """Read seconds, or a text such as `1h30m`; a sign in front where `signed`.

    Raises:
        ControlError: another form, too long, or negative where it must not be.
    """
    example = "write seconds, or a text such as 90s, 1h30m, 250ms" + (", -3m" if signed else "")
    wrong = ControlError(422, "bad_duration", f"{name} is no duration; {example}")
    if isinstance(value, str):
        sign, text = (-1.0, value[1:]) if value[:1] == "-" else (1.0, value.removeprefix("+"))
        found = _DURATION.fullmatch(text)
        if found is None or not text:
            raise wrong
        value = sign * sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS_S, strict=True))
    if value < 0 and not signed:
        raise ControlError(422, "bad_duration", f"{name} cannot be negative: time never goes back")
    if abs(value) > DURATION_S_MAX:
        raise ControlError(422, "bad_duration", f"{name} is longer than a year")
    return float(value)
