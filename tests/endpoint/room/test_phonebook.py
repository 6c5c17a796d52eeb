"""The phone book. Source: protocol/xapi-nodes.md 5.12, 6.14."""

from __future__ import annotations

from typing import Any

from touching import Touched

from endpoint.room.phonebook import CONTACTS_MAX, Contact, Directory, Found, Phonebook, Search
from endpoint.runtime.errors import Unreachable

SEARCH = "Phonebook Search"
EMPTY = {"ResultInfo": {"Limit": 50, "Offset": 0, "TotalRows": 0}}
ALICE = Contact("id-1", "Alice Ås", (("alice@example.test", "Spark"), ("+4722000000", "SIP")))


class Book(Touched):
    def __init__(self, found: Found | Exception | None = None, server: str = "Spark") -> None:
        super().__init__()
        self.set("Phonebook Server 1 Type", server)
        self.asked: list[Search] = []
        self._found = found
        directory: Directory | None = None if found is None else self._look
        self.own(Phonebook(self.room, directory))

    async def _look(self, search: Search) -> Found:
        self.asked.append(search)
        if isinstance(self._found, Exception):
            raise self._found
        assert self._found is not None
        return self._found


def test_without_a_directory_nobody_is_found() -> None:
    assert Book().call(SEARCH, PhonebookType="Corporate", SearchString="alice") == EMPTY


def test_a_contact_with_its_numbers() -> None:
    book = Book(Found((ALICE,), 12))
    assert book.call(SEARCH, PhonebookType="Corporate", SearchString="ali", Offset=3, Limit=5) == {
        "Contact": [
            {
                "ContactId": "id-1",
                "Name": "Alice Ås",
                "ContactMethod": [
                    {"Number": "alice@example.test", "Protocol": "Spark", "id": 1},
                    {"Number": "+4722000000", "Protocol": "SIP", "id": 2},
                ],
                "id": 1,
            }
        ],
        "ResultInfo": {"Limit": 5, "Offset": 3, "TotalRows": 12},
    }
    assert book.asked == [
        Search(
            text="ali",
            phonebook="Corporate",
            phonebook_id="",
            folder_id="",
            is_recursive=True,
            contact_type="Any",
            field="",
            filter="All",
            tag="",
            offset=3,
            limit=5,
        )
    ]


def test_the_answer_is_cut_to_what_was_asked_for() -> None:
    book = Book(Found((ALICE,) * 9, 9))
    contacts: list[dict[str, Any]] = book.call(SEARCH, Limit=2, ContactMethodLimit=1)["Contact"]
    assert [len(contact["ContactMethod"]) for contact in contacts] == [1, 1]
    book.call(SEARCH, Limit=65534)
    assert book.asked[-1].limit == CONTACTS_MAX


def test_a_corporate_search_without_a_server_asks_nobody() -> None:
    book = Book(Found((ALICE,), 1), server="Off")
    assert book.call(SEARCH, PhonebookType="Corporate") == EMPTY
    assert book.asked == []
    assert book.call(SEARCH)["ResultInfo"]["TotalRows"] == 1


def test_a_directory_that_does_not_answer() -> None:
    book = Book(Unreachable("tcp", "directory.wbx2.test", "connection refused"))
    assert book.refused(SEARCH) == "The directory did not answer: connection refused"
