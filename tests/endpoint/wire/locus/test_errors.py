from __future__ import annotations

import pytest

from endpoint.wire.locus import errors
from endpoint.wire.locus.errors import ERRORS, INTENT_TO_JOIN, reason_of, wants_pin

# protocol/cloud-services.md 9.9, and the code of the failed join
LISTED = """
400 2400006 2400008 2400009 2400011 2400012 2400014 2400025 2400127
401 2401002
403 2403001 2403002 2403003 2403004 2403007 2403010 2403014 2403015 2403018 2403019 2403022 2403025 2403135 2403136
404 2404001 2404002 404006
405 2405001
409 2409005 2409062 2409150
423 2423003 2423004 2423005 2423006 2423007 2423008 2423009 2423010 2423012 2423016 2423017 2423018 2423021 2423025
"""


def test_every_code_of_the_protocol_has_its_row_and_its_status() -> None:
    listed = {int(code): int(line.split()[0]) for line in LISTED.strip().splitlines() for code in line.split()[1:]}
    assert {code: row.status for code, row in ERRORS.items()} == listed


def test_no_two_codes_have_one_name_but_for_the_meeting_that_is_not_there() -> None:
    names = [row.name for code, row in ERRORS.items() if code != errors.NO_SUCH_MEETING]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, 404006, ("MeetingNotFound", False)),  # as the device printed it
        (423, 2423003, ("MeetingLocked", True)),
        (403, 2403018, ("JoinedParticipantsExceeded", True)),
        (404, None, ("NotFound", False)),
        (404, 9, ("NotFound", False)),
        (429, None, ("TooManyRequests", False)),
        (502, None, ("ServerError", False)),
        (418, None, ("UnexpectedStatus", False)),
        (0, None, ("NoResponse", False)),
    ],
)
def test_the_word_of_a_failure(status: int, code: int | None, expected: tuple[str, bool]) -> None:
    assert reason_of(status, code) == expected


def test_which_refusals_ask_for_a_pin() -> None:
    assert {code for code in ERRORS if wants_pin(423, code)} == INTENT_TO_JOIN
    assert {2423005, 2423006, 2423016, 2423017, 2423018} == INTENT_TO_JOIN
    assert not wants_pin(403, errors.PIN_NEEDED)
    assert not wants_pin(423, None)
