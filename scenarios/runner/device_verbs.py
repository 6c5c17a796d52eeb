"""Verbs of the device (scenario-style.md section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.swupgrade import version_numbers
from scenarios.runner.fields import Moment, Text
from scenarios.runner.validation import Objection
from scenarios.runner.verbs import Capability, Verb, declare

Kept = Literal[
    "LocalSetup", "Network", "Webex", "Provisioning", "SerialPort", "Certificates", "HTTP", "RemoteSupportUser"
]
"""Groups that a factory reset can keep."""
_STUB: frozenset[Capability] = frozenset({"stub"})


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
class FactoryReset(Verb):
    """Reset the device to factory settings, keeping groups of configurations, and let it boot again or stay off."""

    verb = "factory_reset"
    short = "what"
    done = "the device has booted and the xAPI answers, or it is off"
    what: Literal["device"] = "device"
    keep: tuple[Kept, ...] = Field(default=(), strict=False)
    then: Literal["restart", "shutdown"] = "restart"


@declare
class Upgrade(Verb):
    """Let the cloud offer the device a critical upgrade, and wait until it is installed, or has failed as `fails` wants it."""

    verb = "upgrade"
    short = "to"
    needs = _STUB
    done = "the device has booted the new version, or has given up"
    to: Text
    fails: Literal["download", "install"] | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to what is no version."""
        yield from version_objections("to", self.to)


def version_objections(key: str, version: object) -> Iterable[Objection]:
    """Object to text that is no software version; empty text says nothing."""
    if isinstance(version, str) and version:
        try:
            version_numbers(version)
        except LocalProtocolError as error:
            yield Objection((key,), str(error))


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
    """Measure the media clusters; `transports` asks only the servers of some."""

    verb = "discover"
    short = "what"
    done = "the last server has answered or was given up"
    what: Literal["clusters"] = "clusters"
    schedule: Literal["rfc", "faithful"] = "rfc"
    transports: tuple[Literal["udp", "tcp", "xtls"], ...] = Field(default=("udp", "tcp", "xtls"), strict=False)

    def objections(self) -> Iterable[Objection]:
        """Object to asking nobody."""
        if not self.transports:
            yield Objection(("transports",), "write at least one of udp, tcp, xtls")


@declare
class Sync(Verb):
    """Catch up the calendar: read all pages of the window `from` .. `to`, by default a day to either side of now."""

    verb = "sync"
    short = "what"
    done = "the last page is read"
    what: Literal["calendar"] = "calendar"
    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
