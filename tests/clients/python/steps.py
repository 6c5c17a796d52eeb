"""What the dialogues share: one JSON line a step, the login of the ready file, and an exit status."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 60.0


def ready(name: str) -> dict[str, Any]:
    """Read the ready file of the `DEVICE` or of the `CLOUD`."""
    with open(os.environ[name], encoding="utf-8") as file:
        return json.load(file)


_failed = 0


@contextmanager
def step(name: str) -> Iterator[None]:
    """Take a step, and say how it went; the dialogue goes on."""
    global _failed  # noqa: PLW0603  the exit status of this process
    try:
        yield
    except Exception:
        _failed += 1
        line = {"step": name, "ok": False, "error": traceback.format_exc()}
    else:
        line = {"step": name, "ok": True}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def equal(got: object, wanted: object) -> None:
    """Compare values, and their types with them: 50 is not "50"."""
    if type(got) is not type(wanted) or got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def refused(kind: type[Exception], call: Callable[[], object]) -> Any:
    """Return the exception that a call has to raise."""
    try:
        result = call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}: {result!r}")


def end() -> None:
    """Exit with 1 when a step has failed."""
    sys.exit(1 if _failed else 0)
