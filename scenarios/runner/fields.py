"""Field types of the models: each reads what a person writes, says what would have been right, and knows its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, GetCoreSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from endpoint.room.bookings.marks import LEADS_S
from endpoint.runtime.fault_params import PACKET_BYTES
from scenarios.runner import values
from scenarios.runner.values import Template, When
from scenarios.runner.yamltree import kind_of_value

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"
_NAME = re.compile(NAME_PATTERN[1:-1])
FAULT_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_.-]*$"
_FAULT_NAME = re.compile(FAULT_NAME_PATTERN[1:-1])
_FALSE_FRIENDS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}


def wrong(message: str, suggestion: str | None = None) -> PydanticCustomError:
    """Make the error of a field: a sentence for the author, and the nearest right word if there is one."""
    return PydanticCustomError("wrong", "{message}", {"message": message, "suggestion": suggestion})


class AsBuilt:
    """Mark a field whose value the loader has built: pydantic takes it as it is and does not look inside."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept anything."""
        return core_schema.any_schema()


def _reader(read: Callable[[Any], Any]) -> PlainValidator:
    def validate(value: object) -> object:
        if isinstance(value, Template):
            raise wrong(f"`{value}` is known only during the run, and this value is needed before it")
        try:
            return read(value)
        except ValueError as error:
            raise wrong(str(error)) from None

    return PlainValidator(validate)


def _text(value: object) -> str | Template:
    if isinstance(value, (str, Template)):
        return value
    raise wrong(no_text(value))


def no_text(value: object) -> str:
    """Say that text was expected, and how a number becomes text."""
    quote = "; put it in quotes" if isinstance(value, (bool, int, float)) else ""
    return f"write text, not {kind_of_value(value)}{quote}"


def _known_text(value: object) -> str:
    text = _text(value)
    if isinstance(text, Template):
        raise ValueError("known only during the run")
    return text


def read_flag(value: object) -> bool:
    """Read true or false.

    Raises:
        ValueError: something else; `yes` and `True` are told what they mean.
    """
    if isinstance(value, bool):
        return value
    right = _FALSE_FRIENDS.get(value.casefold()) if isinstance(value, str) else None
    raise ValueError(f"write {right}, not `{value}`" if right else f"write true or false, not {kind_of_value(value)}")


def _text_or_number(value: object) -> str | int:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    raise ValueError(f"write text or a whole number, not {kind_of_value(value)}")


def _toggle(value: object) -> bool | int | str:
    if isinstance(value, (bool, int, str)):
        return value
    raise ValueError(f"write true or false, a whole number or text, not {kind_of_value(value)}")


def _name(value: object) -> str:
    if isinstance(value, str) and len(value) <= 64 and _NAME.fullmatch(value):
        return value
    raise ValueError("write a name: letters, digits, - and _, a letter first, at most 64")


def _fault_name(value: object) -> str:
    if isinstance(value, str) and len(value) <= 64 and _FAULT_NAME.fullmatch(value):
        return value
    raise ValueError("write a name: letters, digits, -, _ and dots, a letter first, at most 64")


def _lead(seconds: float) -> float:
    if seconds in LEADS_S:
        return seconds
    raise wrong(f"a lead is one of {', '.join(f'{lead // 60}m' for lead in LEADS_S)}")


def _zone(value: object) -> str:
    if isinstance(value, str) and value:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return value
    raise ValueError("write a time zone of the IANA list, such as Europe/Oslo or UTC")


Text: TypeAlias = Annotated[str | Template, PlainValidator(_text), WithJsonSchema({"type": "string"})]
"""Text; it may hold references that only the run knows."""
KnownText: TypeAlias = Annotated[str, _reader(_known_text), WithJsonSchema({"type": "string"})]
"""Text that is needed before the run."""
Name: TypeAlias = Annotated[str, _reader(_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
"""A scenario's own name for a meeting, a code, a fault, a step."""
FaultName: TypeAlias = Annotated[
    str, _reader(_fault_name), WithJsonSchema({"type": "string", "pattern": FAULT_NAME_PATTERN})
]
"""A name of a fault; rows of the fault table have dots in theirs."""
Flag: TypeAlias = Annotated[bool, _reader(read_flag), WithJsonSchema({"type": "boolean"})]
TextOrNumber: TypeAlias = Annotated[
    str | int, _reader(_text_or_number), WithJsonSchema({"type": ["string", "integer"]})
]
Toggle: TypeAlias = Annotated[
    bool | int | str, _reader(_toggle), WithJsonSchema({"type": ["boolean", "integer", "string"]})
]
"""The value of a feature toggle."""
Zone: TypeAlias = Annotated[str, _reader(_zone), WithJsonSchema({"type": "string"})]
Duration: TypeAlias = Annotated[
    float, _reader(values.read_duration), WithJsonSchema({"type": "string", "pattern": values.DURATION_PATTERN})
]
"""Seconds, written `250ms`, `1h30m`, `7d`."""
Lead: TypeAlias = Annotated[Duration, AfterValidator(_lead)]
"""How long before the start the Join button comes, in seconds."""
SignedDuration: TypeAlias = Annotated[
    float,
    _reader(values.read_signed_duration),
    WithJsonSchema({"type": "string", "pattern": r"^[+-]?[0-9][0-9dhms]*$"}),
]
Instant: TypeAlias = Annotated[
    datetime, _reader(values.read_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Moment: TypeAlias = Annotated[When, _reader(values.read_when), WithJsonSchema({"type": "string"})]
"""An instant, an offset from now, or a time of day."""
Percent: TypeAlias = Annotated[
    float, _reader(values.read_percent), WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"})
]
Size: TypeAlias = Annotated[
    int, _reader(values.read_size), WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(B|KiB|MiB|GiB)$"})
]
Bits: TypeAlias = Annotated[
    int, _reader(values.read_bits), WithJsonSchema({"type": "string", "pattern": values.BITS_PATTERN})
]
"""Bits per second, written `2000kbit`."""


def _packet(size: int) -> int:
    if not PACKET_MIN <= size <= PACKET_MAX:
        raise wrong(f"a packet has {PACKET_MIN}B to {PACKET_MAX}B")
    return size


PACKET_MIN, PACKET_MAX = PACKET_BYTES
Packet: TypeAlias = Annotated[Size, AfterValidator(_packet)]
"""Bytes of the largest packet of a network."""
