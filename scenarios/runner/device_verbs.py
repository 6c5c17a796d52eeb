"""Verbs of the device (scenario-style.md section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from scenarios.runner.fields import Text
from scenarios.runner.notyet import not_yet
from scenarios.runner.problems import nearest
from scenarios.runner.validation import Objection
from scenarios.runner.values import Template
from scenarios.runner.verbs import Verb, declare
from scenarios.runner.yamltree import kind_of_value

COMMANDS = ("Webex Registration Start", "Webex Registration Cancel")
"""Commands that the device answers by now; the node table replaces this list."""


@declare
class Boot(Verb):
    """Switch the device on."""

    verb = "boot"
    short = "what"
    done = "the xAPI answers"
    what: Literal["device"] = "device"
    from_: Annotated[Literal["off", "crash"], Field(alias="from")] = "off"


@declare
class Restart(Verb):
    """Restart the device, or shut it down; `from: crash` cuts the power instead of stopping cleanly."""

    verb = "restart"
    short = "what"
    done = "the device has booted and the xAPI answers, or it is off"
    what: Literal["device"] = "device"
    from_: Annotated[Literal["command", "crash"], Field(alias="from")] = "command"
    action: Literal["restart", "shutdown"] = "restart"


@declare
class Activate(Verb):
    """Enter an activation code on the device."""

    verb = "activate"
    short = "code"
    done = "`link: sync`: linked or refused; `link: async`: accepted"
    code: Text
    security: Literal["harden", "none"] = "none"
    link: Literal["sync", "async"] = "sync"


@declare
class Register(Verb):
    """Register the device with the cloud, or join a registration that is under way or done."""

    verb = "register"
    short = "service"
    done = "the registration is stored or refused"
    service: Literal["wdm"] = "wdm"


@declare
class Connect(Verb):
    """Open the notification channel."""

    verb = "connect"
    short = "service"
    done = "open"
    service: Literal["mercury"] = "mercury"


@declare
class Disconnect(Verb):
    """Close the notification channel from the device's side and leave it closed."""

    verb = "disconnect"
    short = "service"
    done = "closed"
    service: Literal["mercury"] = "mercury"


@declare
class Refresh(Verb):
    """Let the device renew something now instead of when its timer says so."""

    verb = "refresh"
    short = "service"
    done = "answered"
    service: Literal["wdm", "token", "catalog", "trust", "reachability"]


@declare
class Discover(Verb):
    """Measure the media clusters."""

    verb = "discover"
    short = "what"
    done = "the last server has answered or was given up"
    what: Literal["clusters"] = "clusters"
    schedule: Literal["rfc", "faithful"] = "rfc"


@declare
class Sync(Verb):
    """Catch up the calendar: read all pages of the window around now, a day to either side."""

    verb = "sync"
    short = "what"
    done = "the last page is read"
    what: Literal["calendar"] = "calendar"


@declare
class XCommand(Verb):
    """Give the device an xCommand, as an administrator on its own console."""

    verb = "xcommand"
    short = "path"
    done = "answered"
    path: Text
    args: dict[str, Any] = Field(default_factory=dict)

    def objections(self) -> Iterable[Objection]:
        """Object to a command that the device does not have."""
        if isinstance(self.path, str) and self.path.casefold() not in {command.casefold() for command in COMMANDS}:
            message = f"`{self.path}` is no xCommand of this device"
            yield Objection(("path",), message, nearest(self.path, COMMANDS))


@declare
class XConfig(Verb):
    """Set configurations: a map of paths and values."""

    verb = "xconfig"
    short = "values"
    done = "answered"
    whole: ClassVar[bool] = True
    values: Annotated[dict[str, Any], Field(min_length=1)]

    def objections(self) -> Iterable[Objection]:
        """Object to keys that are no paths and to values that no configuration can have."""
        for path, value in self.values.items():
            later = not_yet(self.area, path)
            if later is not None:
                yield Objection(("values", path), later, at_key=True)
            elif not isinstance(value, (str, int, float, Template)) or isinstance(value, bool):
                yield Objection(("values", path), f"write text or a number, not {kind_of_value(value)}")
