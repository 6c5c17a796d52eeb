"""The phone book: what a directory answers to a search. The directory itself is elsewhere, behind a port.

Source: protocol/xapi-nodes.md 5.12, 6.14.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

from endpoint.room.ports import RoomWorld
from endpoint.runtime.errors import EndpointError
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields

CONTACTS_MAX: Final = 1_000
"""Contacts of one answer; a larger Limit is cut to this."""

_SERVER: Final = ("Phonebook", "Server", 1, "Type")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; literals as in the node table, `""` for what was not said.

    Attributes:
        limit: contacts that are wanted, at most CONTACTS_MAX.
    """

    text: str
    phonebook: str
    phonebook_id: str
    folder_id: str
    is_recursive: bool
    contact_type: str
    field: str
    filter: str
    tag: str
    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or a room; `methods` are pairs of number and protocol."""

    contact_id: str
    name: str
    methods: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a directory found: one page of contacts, and how many there are in all."""

    contacts: tuple[Contact, ...] = ()
    total: int = 0


Directory: TypeAlias = Callable[[Search], Awaitable[Found]]
"""Looks in a directory; raises EndpointError or WireError when it cannot."""


class Phonebook:
    """Answers searches.

    Args:
        directory: where to look; without one nobody is found.
    """

    __slots__ = ("_directory", "_room")

    def __init__(self, room: RoomWorld, directory: Directory | None = None) -> None:
        self._room = room
        self._directory = directory

    async def search(self, call: Invocation) -> Fields:
        """Look in the directory; a corporate search while no server is configured finds nobody."""
        search = _search(call)
        is_off = search.phonebook == "Corporate" and self._room.settings.get(_SERVER) == "Off"
        found = Found()
        if self._directory is not None and not is_off:
            try:
                found = await self._directory(search)
            except (EndpointError, WireError) as error:
                raise CommandFailed(f"The directory did not answer: {error}") from None
        methods_max = call.number("ContactMethodLimit") or None  # 0 is no limit
        return {
            "Contact": [_shown(contact, methods_max) for contact in found.contacts[: search.limit]],
            "ResultInfo": {"Offset": search.offset, "Limit": search.limit, "TotalRows": found.total},
        }

    COMMANDS: ClassVar[Mapping[str, Method]] = {"Phonebook Search": search}


def _search(call: Invocation) -> Search:
    return Search(
        text=call.text("SearchString"),
        phonebook=call.text("PhonebookType"),
        phonebook_id=call.text("PhonebookId"),
        folder_id=call.text("FolderId"),
        is_recursive=call.text("Recursive") == "True",
        contact_type=call.text("ContactType"),
        field=call.text("SearchField"),
        filter=call.text("SearchFilter"),
        tag=call.text("Tag"),
        offset=call.number("Offset") or 0,
        limit=min(call.number("Limit") or 0, CONTACTS_MAX),
    )


def _shown(contact: Contact, methods_max: int | None) -> dict[str, Any]:
    methods = [{"Number": number, "Protocol": protocol} for number, protocol in contact.methods[:methods_max]]
    return {"ContactId": contact.contact_id, "Name": contact.name, "ContactMethod": methods}
