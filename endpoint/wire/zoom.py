"""The address of a Zoom meeting: `<meeting id>.<passcode>.<options>.<host key>..<dial code>@<domain>`, six slots, the fifth always empty.

Source: protocol/calendar-and-obtp.md 9.1, 9.2 (documented; the place of the dial code inferred).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from endpoint.wire.errors import LocalProtocolError

DOMAIN: Final = "zoomcrc.com"
NO_DTMF_MENU: Final = "504"
"""Option that takes Zoom's menu of tones away: the device has controls of its own."""
_SEPARATORS: Final = re.compile(r"[\s-]+")
_SLOT: Final = re.compile(r"[^\s.@]*")
_MEETING_ID: Final = re.compile(r"[^\s.@:/]+")


@dataclass(frozen=True, slots=True)
class ZoomAddress:
    """What leads into a Zoom meeting; `str()` is the address, empty slots at its end left out."""

    meeting_id: str
    passcode: str = ""
    options: str = ""
    host_key: str = ""
    dial_code: str = ""
    domain: str = DOMAIN

    def __str__(self) -> str:
        slots = (self.meeting_id, self.passcode, self.options, self.host_key, "", self.dial_code)
        return f"{'.'.join(slots).rstrip('.')}@{self.domain}"

    @property
    def is_plain(self) -> bool:
        """Say whether there is nothing beside meeting id and domain."""
        return not (self.passcode or self.options or self.host_key or self.dial_code)

    @classmethod
    def parse(cls, address: str) -> ZoomAddress:
        """Read whatever was sent as an address, as Zoom does; slots behind the sixth are part of the dial code."""
        user, _, domain = address.rpartition("@")
        slots = [*user.split(".", 5), "", "", "", "", ""]
        return cls(meeting_id(slots[0]), slots[1], slots[2], slots[3], slots[5], domain)


def meeting_id(text: str) -> str:
    """Take the separators out of a meeting id."""
    return _SEPARATORS.sub("", text)


def read_zoom(address: str) -> ZoomAddress:
    """Read an address without scheme and parameters.

    Raises:
        LocalProtocolError: it has no meeting id or no domain, or more than six slots.
    """
    user, _, domain = address.rpartition("@")
    slots = user.split(".")
    if len(slots) > 6 or (len(slots) > 4 and slots[4]):
        raise LocalProtocolError(
            f"{address[:80]!r} is no Zoom address; it has six slots at most, the fifth of them empty:"
            " <meeting id>.<passcode>.<options>.<host key>..<dial code>@<domain>"
        )
    slots += [""] * (6 - len(slots))
    return made(slots[0], passcode=slots[1], options=slots[2], host_key=slots[3], dial_code=slots[5], domain=domain)


def made(
    number: str, *, passcode: str = "", options: str = "", host_key: str = "", dial_code: str = "", domain: str
) -> ZoomAddress:
    """Make an address; blanks and `-` in the meeting id are left out.

    Raises:
        LocalProtocolError: a part is missing, or has a character that parts the slots.
    """
    digits = meeting_id(number)
    if not _MEETING_ID.fullmatch(digits):
        raise LocalProtocolError(f"{number[:40]!r} is no Zoom meeting id; give its digits")
    for name, value in (("passcode", passcode), ("host key", host_key), ("dial code", dial_code), ("options", options)):
        if not _SLOT.fullmatch(value):
            shown = "" if name in ("passcode", "host key") else f" {value[:40]!r}"
            raise LocalProtocolError(f"the {name}{shown} has a dot, a blank or an @; give it without")
    if not domain or "@" in domain or _SEPARATORS.fullmatch(domain):
        raise LocalProtocolError(f"{domain[:40]!r} is no domain; give one like {DOMAIN}")
    return ZoomAddress(digits, passcode, options, host_key, dial_code, domain)


def with_menu_off(address: ZoomAddress) -> ZoomAddress:
    """Return the address without Zoom's menu of tones; one that has options already stays as it is."""
    return address if address.options else replace(address, options=NO_DTMF_MENU)
