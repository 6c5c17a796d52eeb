"""Ready files as the prompt and `roomsim why` read them. Reference: docs/reference/ready-files.md."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from scenarios.runner.shell.backend import Unusable

READY_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """What a ready file says that the prompt needs; `""` where it says nothing."""

    ws: str = ""
    username: str = ""
    password: str = ""
    control: str = ""
    control_token: str = ""
    admin_token: str = ""
    name: str = "device"


def read_device(file: Path) -> Ready:
    """Read the ready file of a device.

    Raises:
        Unusable: it is none, or the device serves no websocket.
    """
    found = read_ready(file)
    if "org_id" in found:
        raise Unusable(f"{file}: is the ready file of a cloud; give that of `roomsim endpoint run`")
    ready = _ready(found)
    if not ready.ws.startswith(("ws://", "wss://")):
        raise Unusable(f"{file}: has no `ws`: that device serves no websocket (NetworkServices HTTP Mode, Websocket)")
    return ready


def read_cloud(file: Path) -> Ready:
    """Read the ready file of a cloud.

    Raises:
        Unusable: it is none.
    """
    ready = _ready(read_ready(file))
    if not ready.control or not ready.admin_token:
        raise Unusable(f"{file}: is no ready file of a cloud; `roomsim cloud serve --ready-file F` writes one")
    return ready


def read_ready(file: Path) -> dict[str, Any]:
    """Read a ready file, of either side.

    Raises:
        Unusable: it is none.
    """
    try:
        with file.open("rb") as stream:
            found = json.loads(stream.read(READY_BYTES_MAX))
    except OSError as error:
        raise Unusable(f"{file}: cannot be read: {error.strerror}; is it running?") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unusable(f"{file}: is no ready file; `roomsim endpoint run --ready-file F` writes one")
    return found


def _ready(found: dict[str, Any]) -> Ready:
    names = (field.name for field in fields(Ready))
    return Ready(**{name: found[name] for name in names if isinstance(found.get(name), str) and found[name]})
