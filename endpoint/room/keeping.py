"""What parts of the room keep over a restart: handed over before it holds, so that a full disk changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from endpoint.runtime.errors import StorageError
from endpoint.wire import codec
from endpoint.wire.xapi.calls import Invocation
from endpoint.wire.xapi.errors import CommandFailed

T = TypeVar("T")


def keep(store: Callable[[T], object], state: T) -> None:
    """Hand a state over to be stored, before the part that asks takes it for its own.

    Raises:
        CommandFailed: it cannot be stored.
    """
    try:
        store(state)
    except StorageError as error:
        raise CommandFailed(str(error)) from None


def weight(text: str) -> int:
    """Return the bytes that a text takes in the state file, as JSON."""
    return len(codec.encode(text))


def content(call: Invocation, bytes_max: int) -> str:
    """Return the multi-line content of a call.

    Raises:
        CommandFailed: it is too large.
    """
    size = len(call.body.encode())
    if size > bytes_max:
        raise CommandFailed(f"The content has {size} bytes; at most {bytes_max} are taken")
    return call.body
