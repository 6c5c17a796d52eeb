"""The invitations of tests/data/invitations, with what has to be read in each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.invitation_files import read_ics

FOLDER = Path(__file__).parents[2] / "data" / "invitations"


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invitation and what is expected of it.

    Attributes:
        rigid: whether its lines have to stay as they are: it is about what a mail program did to them.
        diagnostics: those that must be among others.
    """

    name: str
    dial: str | None
    service: str
    subject: str = ""
    location: str = ""
    body: str | None = None
    html: str | None = None
    ics: str | None = None
    protocol: str | None = None
    source: str | None = None
    keyword: str | None = None
    action: str | None = None
    rigid: bool = False
    diagnostics: tuple[str, ...] = ()

    @property
    def invitation(self) -> Invitation:
        if self.ics is not None:
            return read_ics(self.ics.encode())[0]
        return Invitation(self.subject, self.location, self.html or self.body or "")

    @property
    def expected(self) -> dict[str, Any]:
        protocol = None if self.dial is None else self.protocol or "Spark"
        found = {"dial": self.dial, "service": self.service, "protocol": protocol}
        if self.dial is not None or self.source is not None:
            found["source"] = self.source or "body"
        return found


@cache
def cases() -> tuple[tuple[str, Case], ...]:
    """Return every case with the name of its file."""
    read = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both read the same; the other one takes seconds
    return tuple(
        (file.stem, case)
        for file in sorted(FOLDER.glob("*.yaml"))
        for case in msgspec.convert(yaml.load(file.read_text(encoding="utf-8"), read), list[Case])
    )
