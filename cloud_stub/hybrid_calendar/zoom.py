"""The address of a Zoom meeting: six slots between dots, the fifth always empty.

Source: protocol/calendar-and-obtp.md 9.1 (documented; the place of the dial code inferred).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DOMAIN: Final = "zoomcrc.com"
_SEPARATORS: Final = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class ZoomAddress:
    """`<meeting id>.<passcode>.<options>.<host key>..<dial code>@<domain>`; empty slots at the end are left out."""

    meeting_id: str
    passcode: str = ""
    options: str = ""
    host_key: str = ""
    dial_code: str = ""
    domain: str = DOMAIN

    def __str__(self) -> str:
        slots = (self.meeting_id, self.passcode, self.options, self.host_key, "", self.dial_code)
        return f"{'.'.join(slots).rstrip('.')}@{self.domain}"

    @classmethod
    def parse(cls, address: str) -> ZoomAddress:
        """Read an address; slots behind the sixth are part of the dial code."""
        user, _, domain = address.rpartition("@")
        slots = [*user.split(".", 5), "", "", "", "", ""]
        return cls(meeting_id(slots[0]), slots[1], slots[2], slots[3], slots[5], domain)


def meeting_id(text: str) -> str:
    """Take the separators out of a meeting id."""
    return _SEPARATORS.sub("", text)
