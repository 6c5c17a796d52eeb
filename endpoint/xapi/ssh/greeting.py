"""What a shell says first. Source: protocol/xapi.md 4.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from endpoint.wire.xapi.calls import INTERNAL, Caller
from endpoint.wire.xapi.query import query_of_text
from endpoint.xapi.access import Xapi
from endpoint.xapi.saved import SavedLogin

LOGGED_IN: Final = "*r Login successful"
UNKNOWN_ORIGIN: Final = "<unknown>"
_UNPRINTABLE: Final = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), "\ufffd")
"""What ends a line or moves a cursor: a name with it in could say `OK` before the greeting does."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the door is told of the device besides its trees.

    Attributes:
        zone: zone in which times are shown.
        previous_login: the last login of a user before this one, see `Users.previous_login`; None when there was none.
        welcome_banner: what `SystemUnit WelcomeBanner Set` has set; `""` for none.
    """

    zone: Callable[[], tzinfo]
    previous_login: Callable[[str], SavedLogin | None] = lambda user: None
    welcome_banner: Callable[[], str] = lambda: ""


def greeting(xapi: Xapi, caller: Caller, facts: Facts, address: str) -> str:
    """Return the greeting of a shell, lines ended by LF.

    Args:
        address: where the client reached the device; its name when it has none.
    """
    lines: list[str] = []
    if _value(xapi, "Configuration NetworkServices WelcomeText") != "Off":
        lines += facts.welcome_banner().splitlines()
        lines.append(f"Welcome to {_value(xapi, 'Configuration SystemUnit Name') or address}")
        lines.append(f"Cisco Codec Release {_value(xapi, 'Status SystemUnit Software DisplayName')}")
        lines.append(f"SW Release Date: {_value(xapi, 'Status SystemUnit Software ReleaseDate')}")
    lines += [LOGGED_IN, "OK", ""]
    if _value(xapi, "Configuration Security Session ShowLastLogon") == "On":
        login = facts.previous_login(caller.user)
        if login is not None:
            when = datetime.fromtimestamp(login.at_s, facts.zone()).strftime("%Y-%m-%d %H:%M:%S")
            lines += [f"Last login from {login.origin or UNKNOWN_ORIGIN} at {when}", ""]
    return "".join(f"{line.translate(_UNPRINTABLE)}\n" for line in lines)


def _value(xapi: Xapi, path: str) -> str:
    found = xapi.find(query_of_text(path), INTERNAL)
    return str(found[0][1]) if found else ""
