"""What the software of a release has: the table of protocol/calendar-and-obtp.md 11.1 and the older arguments of 11.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import BRANCHES, Branch, Nodes, nodes
from endpoint.wire.xapi.releases import NEWEST, Releases, release_of
from endpoint.wire.xapi.rows import Command, EventNode, Imported, Node
from endpoint.wire.xapi.spaces import ValueSpace

LINES: Final = (
    "9.15", "10.12", "10.19", "11.1", "11.14", "11.15", "11.16", "11.17", "11.18", "11.19", "11.20", "11.23", "11.24", "11.26",
    "11.27", "26.1", "26.2", "26.4", "26.5",
)  # fmt: skip
VISIBLE: Final = "UserInterface Bookings Visibility "
ADDED: Final[Mapping[tuple[str, Branch], str]] = {
    ("9.15", "Command"): "Book, Clear, Delete, Get, List, NotificationSnooze, Put",
    ("9.15", "Status"): "Current Id",
    ("9.15", "Configuration"): "ProtocolPriority",
    ("10.19", "Command"): "Respond",
    ("10.19", "Event"): "BookingRequested, End, EndTimeBuffer, ExtensionRequested, NotificationSnoozed, Start, StartTimeBuffer, "
    "TimeRemaining, Updated",
    ("10.19", "Status"): "Availability Status, Availability TimeStamp",
    ("11.14", "Command"): "Edit, Extend",
    ("11.14", "Event"): "Deleted",
    ("11.15", "Configuration"): "CheckIn Enabled",
    ("11.16", "Configuration"): "AllowDecline, CheckIn WindowDuration",
    ("11.17", "Configuration"): "AdhocBooking Enabled, AdhocBooking BookingTimeout",
    ("11.18", "Event"): "EditRequested",
    ("11.18", "Configuration"): "MaxDuration",
    ("11.19", "Event"): "CheckedIn",
    ("11.23", "Event"): "BookingCreated, BookingFailed, ExtensionFailed",
    ("11.23", "Configuration"): "AdhocBooking BookAhead Enabled, DeclinableBookingType",
    ("11.24", "Event"): "BookingMoved, SyncRequired",
    ("11.26", "Command"): "CheckOut",
    ("26.1", "Command"): "CheckIn",
    ("26.1", "Event"): "EditFailed",
    ("26.1", "Configuration"): "CheckIn AutoCheckInDuration",
}  # fmt: skip
"""Below `Bookings`, by the release that the row of 11.1 names."""
OTHERS: Final = {
    "WebRTC Join": ("Command", "10.19"), "Zoom Join": ("Command", "11.14"), "MicrosoftTeams Join": ("Command", "11.19"),
    f"{VISIBLE}Title": ("Configuration", "9.15"), f"{VISIBLE}TentativeMeetings": ("Configuration", "10.19"),
    "UserInterface Assistant ProactiveMeetingJoin": ("Configuration", "10.19"), f"{VISIBLE}EarlyJoin": ("Configuration", "11.14"),
    "UserInterface Bookings AdhocBooking DefaultTitle": ("Configuration", "11.14"),
    f"{VISIBLE}JoinedParticipants Avatars": ("Configuration", "11.14"), "Zoom DefaultDomain": ("Configuration", "11.14"),
    "Zoom EnhancedCallControls": ("Configuration", "11.18"), f"{VISIBLE}AllDayMeetings": ("Configuration", "11.23"),
    "UserInterface Bookings AdhocBooking TimeSlotSize": ("Configuration", "11.23"),
    f"{VISIBLE}Personal NonJoinableMeetings": ("Configuration", "11.23"), "Zoom AppExperience Mode": ("Configuration", "26.1"),
    "Zoom AppExperience State": ("Status", "26.2"),
}  # fmt: skip


def at(line: str) -> Nodes:
    return nodes().of(f"ce{line}.4.1.0123456789a")


def arguments(line: str, command: str) -> list[str]:
    """Return the arguments of a command as the table writes them, without their bounds."""
    row = at(line).command(("Bookings", command) if " " not in command else tuple(command.split(" ")))
    assert row is not None
    return [argument.name + "*" * argument.required for argument in row.arguments]


@pytest.mark.parametrize("line", LINES)
def test_bookings_have_what_their_release_lists(line: str) -> None:
    reached = [key for key in LINES if release_of(key) <= release_of(line)]
    for branch in BRANCHES:
        listed = [text for (release, of), text in ADDED.items() if of == branch and release in reached]
        expected = {f"Bookings {name}" for text in listed for name in text.split(", ")}
        assert {path for path in at(line).paths(branch) if path.startswith("Bookings ")} == expected


@pytest.mark.parametrize("path", OTHERS)
def test_what_else_a_release_adds(path: str) -> None:
    branch, since = OTHERS[path]
    having = [line for line in LINES if path in at(line).paths(branch)]  # type: ignore[arg-type]  # branches
    assert having == LINES_FROM[since]


LINES_FROM: Final = {line: list(LINES[number:]) for number, line in enumerate(LINES)}


def test_a_configuration_that_moved_is_at_one_place_at_a_time() -> None:
    old, new = f"{VISIBLE}FullDayCalendar", f"{VISIBLE}Personal FullDayCalendar"
    found = {line: [path for path in (old, new) if path in at(line).paths("Configuration")] for line in LINES}
    assert {line: paths for line, paths in found.items() if paths} == {
        line: [new] if release_of(line) >= (11, 23) else [old] for line in LINES_FROM["11.19"]
    }


@pytest.mark.parametrize(
    ("command", "line", "expected"),
    [
        ("Get", "9.15", ["Id*"]),
        ("Get", "10.19", ["Id", "MeetingId"]),
        ("Delete", "9.15", ["Id*"]),
        ("Delete", "10.19", ["MeetingId*"]),
        ("Delete", "11.14", ["Id", "MeetingId"]),
        ("NotificationSnooze", "9.15", ["Id", "SecondsToSnooze"]),
        ("NotificationSnooze", "10.19", ["Id", "MeetingId", "SecondsToSnooze"]),
        ("Book", "9.15", ["BookingRequestUUID", "Duration", "StartTime", "Title"]),
        ("Book", "11.17", ["BookingRequestUUID", "Duration", "StartTime", "Title"]),
        ("Edit", "11.14", ["Duration", "MeetingId*", "StartTime", "Title"]),
        ("Extend", "11.14", ["Duration*", "Id*"]),
        ("Extend", "26.4", ["Duration*", "Id", "MeetingId"]),
        ("List", "11.20", ["DayOffset", "Days", "Limit", "Offset"]),
        ("List", "11.23", ["AccountType", "DayOffset", "Days", "Limit", "Offset", "ScheduleType"]),
    ],
)
def test_older_software_has_fewer_arguments(command: str, line: str, expected: list[str]) -> None:
    assert arguments(line, command) == expected


def test_zoom_join_gained_its_arguments_one_by_one() -> None:
    missing = {line: {"Domain", "DialCode"} - set(arguments(line, "Zoom Join")) for line in ("11.14", "11.17", "11.18")}
    assert missing == {"11.14": {"Domain", "DialCode"}, "11.17": {"DialCode"}, "11.18": set()}


def test_an_argument_can_have_been_free_text_before() -> None:
    row, before = at("26.4").command(("Bookings", "Book")), at("11.23").command(("Bookings", "Book"))
    assert row is not None
    assert before is not None
    now, then = row.argument("Protocol"), before.argument("protocol")
    assert now is not None
    assert then is not None
    assert (now.space.kind, then.space) == ("literal", ValueSpace.read("S(0..128)"))
    snooze = at("9.15").command(("Bookings", "NotificationSnooze"))
    assert snooze is not None
    assert snooze.arguments[0].default == ""


def test_releases_with_the_same_rows_share_a_table() -> None:
    assert nodes().of("ce26.4.1.12.67c6e508983") is nodes() is nodes().of("ce26.5") is nodes().of("somebody's own")
    assert at("11.20") is at("11.21") is not at("11.18")
    assert at("11.14").of("ce26.4").paths("Event") == nodes().paths("Event")


def test_what_a_release_lacks_is_told_with_the_release_that_has_it() -> None:
    table = at("11.20")
    assert table.lacks("Command", ("bookings", "checkin"))
    assert table.when("Command", ("Bookings", "CheckIn")) == "from 26.1 on"
    assert table.when("Event", ("Bookings", "Start")) == "from 10.19 on"
    assert nodes().when("Configuration", tuple(f"{VISIBLE}FullDayCalendar".split(" "))) == "from 11.19 to 11.22"
    assert Releases.read("11.14..11.14").describe() == "in 11.14"
    assert Releases.read("..10.18").describe() == "up to 10.18"
    assert (table.when("Status", ("Nothing",)), table.lacks("Status", ("Nothing",))) == ("", False)
    assert table.title == "Room Bar ce11.19"


def test_an_imported_schema_keeps_its_own_surface() -> None:
    start = EventNode("Bookings Start", (), "AU", "documented", "nothing: imported", is_imported=True)
    row = Command("Bookings CheckIn", "A", (), False, "documented", "nothing: imported", "", is_imported=True)
    leaf = Node(
        "Status", "Bookings Availability Status", ValueSpace("string"), "A", "", "documented", "", is_imported=True
    )
    table = nodes().widened(Imported((leaf,), (row,), (start,), {}))
    old = table.of("ce9.15.17")
    assert old.command(("Bookings", "CheckIn")) is row
    assert old.event(("Bookings", "Start")) is start
    assert old.find("Status", ("Bookings", "Availability", "Status")) is leaf
    assert not old.lacks("Event", ("Bookings", "Start"))
    assert old.command(("Bookings", "CheckOut")) is None
    kept = table.command(("Bookings", "CheckIn"))
    assert kept is not None
    assert not kept.is_imported


@pytest.mark.parametrize(
    ("software", "release"),
    [
        ("ce9.15.17.2", (9, 15)),
        ("ce11.19.1.7.3055d561c16", (11, 19)),
        ("RoomOS 26.4.1.12 67c6e508983", (26, 4)),
        ("ce26.4", (26, 4)),
        ("", NEWEST),
        ("main", NEWEST),
    ],
)
def test_the_release_of_a_version(software: str, release: tuple[int, int]) -> None:
    assert release_of(software) == release


@given(
    st.text(max_size=12) | st.from_regex(re.compile(r"[0-9]{0,3}\.{0,3}[0-9]{0,3}\.{0,3}[0-9.]{0,6}"), fullmatch=True)
)
def test_any_text_is_a_stretch_of_releases_or_refused_with_what_would_be_right(text: str) -> None:
    try:
        found = Releases.read(text)
    except LocalProtocolError:
        return
    assert found.has(found.first) or (found.last is not None and found.last < found.first)
    assert found.last is not None or found.has(NEWEST)
