"""An invitation, as far as it matters to whoever looks for a video address in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation.

    Attributes:
        is_html: whether the body is HTML; None where nobody says: it is looked at.
        uid: of the event, where it came in a calendar file.
        is_cancelled: whether the file calls the meeting off; its address is read all the same.
    """

    subject: str = ""
    location: str = ""
    body: str = ""
    is_html: bool | None = None
    uid: str = ""
    is_cancelled: bool = False
