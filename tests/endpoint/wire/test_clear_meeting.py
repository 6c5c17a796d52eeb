from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.clear_meeting import read_texts
from endpoint.wire.meeting import JOIN_FIELDS, EncryptedPerson, JoinInfo, Meeting

JWE = "eyJhbGciOiJkaXIifQ..a.b.c"
CLEAR = Meeting(
    id="m", series_id="s", start="2026-03-02T09:00:00Z", duration_minutes=30, organizer="o", encrypted_subject="Review",
    encrypted_organizer=EncryptedPerson(encrypted_name="Ann Example", encrypted_email_address="ann@example.test"),
    meeting_join_type="WEBEX", webex_uri="1@site.webex.test", webex_url="https://site.webex.test/1",
    meeting_join_info=JoinInfo(meeting_number="1", meeting_password="p", host_key="h"), meeting_sensitivity="Private",
    is_all_day=True, is_recurring=True, response_type="TENTATIVE",
)  # fmt: skip


def refuse(text: str) -> str | None:
    raise AssertionError(f"{text} is clear already")


def test_clear_text_is_taken_as_it_is() -> None:
    read = read_texts(CLEAR, refuse)
    assert (read.title, read.organizer_name, read.organizer_email) == ("Review", "Ann Example", "ann@example.test")
    assert (read.meeting_number, read.password, read.host_key) == ("1", "p", "h")
    assert read.join_fields == {"webexURI": "1@site.webex.test"}
    assert (read.is_private, read.is_all_day, read.is_recurring, read.response) == (True, True, True, "TENTATIVE")
    assert (read.ends - read.starts).total_seconds() == 1800
    assert "'p'" not in repr(read), "no password in a log"


def test_what_cannot_be_read_is_none_and_what_is_not_there_is_empty() -> None:
    sealed = msgspec.structs.replace(CLEAR, encrypted_subject=JWE, webex_uri=JWE, encrypted_organizer=None)
    read = read_texts(sealed, lambda _: None)
    assert (read.title, read.location, read.organizer_name) == (None, "", "")
    assert read.join_fields == {"webexURI": None}
    assert read.is_joinable, "the gate tests presence"
    assert read_texts(sealed, lambda _: "read").join_fields == {"webexURI": "read"}


@given(st.sets(st.sampled_from(JOIN_FIELDS)), st.booleans())
def test_the_gate_opens_for_any_join_field_whatever_can_be_read(present: set[str], readable: bool) -> None:
    info = JoinInfo(
        meeting_join_uri=JWE if "meetingJoinURI" in present else None,
        meeting_join_url=JWE if "meetingJoinURL" in present else None,
    )
    meeting = Meeting(
        id="m", start="2026-03-02T09:00:00Z", meeting_join_info=info, webex_uri=JWE if "webexURI" in present else None,
        space_uri=JWE if "spaceURI" in present else None, call_uri=JWE if "callURI" in present else None,
    )  # fmt: skip
    read = read_texts(meeting, lambda _: "x" if readable else None)
    assert read.is_joinable == meeting.is_joinable == bool(present)
    assert tuple(read.join_fields) == tuple(name for name in JOIN_FIELDS if name in present)
