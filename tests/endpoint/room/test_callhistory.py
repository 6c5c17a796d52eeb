"""The call history. Source: protocol/xapi.md 8.5, xapi-nodes.md 5.3, 6.4, 7.4."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from touching import BEGIN, Touched

from endpoint.room.callentry import Entry, Occurrence, Quality, Streams
from endpoint.room.callhistory import ENTRIES_MAX, TEXT_CHARS_MAX, CallHistory
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError

UPDATED = ("CallHistory Updated", {})
CLEARED = ("CallLog Cleared", {})


def entry(number: str = "alice@example.test", occurrence: Occurrence = "Placed", **more: Any) -> Entry:
    placed = occurrence in ("Placed", "NoAnswer")
    fields: dict[str, Any] = {
        "call_id": 2,
        "callback_number": f"spark:{number}",
        "remote_number": number,
        "display_name": number.partition("@")[0].capitalize(),
        "direction": "Outgoing" if placed else "Incoming",
        "start": BEGIN,
        "end": BEGIN + timedelta(seconds=65),
        "duration_s": 60,
        "occurrence": occurrence,
    }
    return Entry(**{**fields, **more})


class Log(Touched):
    def __init__(self, *saved: Entry, mode: str = "On", zone: str = "Etc/UTC") -> None:
        super().__init__()
        self.set("CallHistory Mode", mode)
        self.set("Time Zone", zone)
        self.history = CallHistory(self.room, self.store, saved)
        self.own(self.history)

    def add(self, *entries: Entry) -> None:
        for one in entries:
            self.history.add(one)
        self.told()

    def got(self, **arguments: Any) -> list[int]:
        return [found["CallHistoryId"] for found in self.call("CallHistory Get", **arguments).get("Entry", [])]

    def recent(self, **arguments: Any) -> list[tuple[str, int]]:
        found = self.call("CallHistory Recents", **arguments).get("Entry", [])
        return [(one["DisplayName"], one["OccurrenceCount"]) for one in found]


def test_a_call_that_is_over_is_kept_and_told() -> None:
    log = Log()
    assert log.history.add(entry()) == 1
    assert (log.told(), len(log.kept[-1])) == ([UPDATED], 1)


def test_get_answers_what_readers_know() -> None:
    log = Log(zone="Europe/Oslo")
    log.add(entry(disconnect_cause="Normal", disconnect_cause_type="RemoteDisconnect", correlation_id="c"))
    log.time.pass_by(16 * 3600)
    assert log.call("CallHistory Get") == {
        "Entry": [
            {
                "BookingId": "",
                "CallHistoryId": 1,
                "CallId": 2,
                "CallRate": 20000,
                "CallType": "Video",
                "CallbackNumber": "spark:alice@example.test",
                "CorrelationId": "c",
                "DaysAgo": 1,
                "Direction": "Outgoing",
                "DisconnectCause": "Normal",
                "DisconnectCauseCode": 0,
                "DisconnectCauseOrigin": "",
                "DisconnectCauseType": "RemoteDisconnect",
                "DisplayName": "Alice",
                "Duration": 60,
                "EncryptionType": "AES-256",
                "EndTimeUTC": "2026-03-02T08:51:05Z",
                "IsAcknowledged": "Acknowledged",
                "OccurrenceType": "Placed",
                "Protocol": "Spark",
                "RemoteNumber": "alice@example.test",
                "StartTime": "2026-03-02T09:50:00",
                "StartTimeUTC": "2026-03-02T08:50:00Z",
                "id": 0,
            }
        ],
        "ResultInfo": {"Limit": 65534, "Offset": 0},
    }


def test_full_details_have_what_was_measured() -> None:
    log = Log()
    quality = Quality(packet_loss=3, packet_loss_percent="0.1", max_jitter=12)
    log.add(entry(audio=Streams(incoming=quality, outgoing=quality), video=Streams(outgoing=quality)), entry())
    shown = {"MaxJitter": 12, "PacketLoss": 3, "PacketLossPercent": "0.1"}
    plain, measured = log.call("CallHistory Get", DetailLevel="Full")["Entry"]
    assert (measured["Audio"], measured["Video"]) == ({"Incoming": shown, "Outgoing": shown}, {"Outgoing": shown})
    assert "Audio" not in plain
    assert all("Audio" not in found for found in log.call("CallHistory Get")["Entry"])


@pytest.fixture
def log() -> Log:
    """Newest first: 6 bob missed, 5 bob missed, 4 alice placed, 3 carol rejected, 2 bob missed, 1 alice received (personal room)."""
    log = Log()
    log.add(
        entry("alice@example.test", "Received", is_personal_room=True),
        entry("bob@example.test", "Missed"),
        entry("carol@example.test", "Rejected"),
        entry("alice@example.test", "Placed"),
        entry("bob@example.test", "Missed"),
        entry("bob@example.test", "Missed"),
    )
    return log


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"Limit": 2}, [6, 5]),
        ({"Limit": 2, "Offset": 3}, [3, 2]),
        ({"Offset": 9}, []),
        ({"Limit": 0}, []),
        ({"Filter": "Missed"}, [6, 5, 2]),
        ({"Filter": "received"}, [1]),
        ({"Filter": "Forwarded"}, []),
        ({"Filter": "Pmr"}, [1]),
        ({"Filter": "UnacknowledgedMissed"}, [6, 5, 2]),
        ({"SearchString": "ALICE"}, [4, 1]),
        ({"SearchString": "spark:carol"}, [3]),
        ({"SearchString": "example.test", "Filter": "Rejected"}, [3]),
        ({"CallHistoryId": 4}, [4]),
    ],
)
def test_which_entries_get_returns(log: Log, arguments: dict[str, Any], numbers: list[int]) -> None:
    assert log.got(**arguments) == numbers


def test_recents_are_one_entry_for_each_number(log: Log) -> None:
    assert log.recent() == [("Bob", 3), ("Alice", 2), ("Carol", 1)]
    log.add(entry("carol@example.test"))
    assert log.recent() == [("Carol", 2), ("Bob", 3), ("Alice", 2)]
    assert log.recent(Order="OccurrenceFrequency") == [("Bob", 3), ("Carol", 2), ("Alice", 2)]
    assert log.recent(Limit=1, Offset=1) == [("Bob", 3)]
    assert log.recent(Filter="Missed") == [("Bob", 3)]


def test_the_fields_of_recents(log: Log) -> None:
    basic = log.call("CallHistory Recents", Limit=1)["Entry"][0]
    assert basic == {
        "CallbackNumber": "spark:bob@example.test",
        "DisplayName": "Bob",
        "IsAcknowledged": "Unacknowledged",
        "LastOccurrenceDaysAgo": 0,
        "LastOccurrenceHistoryId": 6,
        "LastOccurrenceStartTime": "2026-03-02T08:50:00",
        "OccurrenceCount": 3,
        "OccurrenceType": "Missed",
        "id": 0,
    }
    full = log.call("CallHistory Recents", Limit=1, DetailLevel="Full")["Entry"][0]
    more = {"RemoteNumber": "bob@example.test", "Direction": "Incoming", "Protocol": "Spark", "CallType": "Video"}
    assert full == {**basic, **more}


@pytest.mark.parametrize(
    ("number", "duplicates", "left"),
    [
        (4, "True", [6, 5, 3, 2, 1]),
        (6, "False", [5, 4, 3, 2, 1]),
        (6, "True", [4, 3, 2, 1]),
        (5, "True", [6, 4, 3, 2, 1]),
    ],
)
def test_delete_entry(log: Log, number: int, duplicates: str, left: list[int]) -> None:
    log.call("CallHistory DeleteEntry", CallHistoryId=number, DeleteConsecutiveDuplicates=duplicates)
    assert (log.got(), log.told()) == (left, [UPDATED])


@pytest.mark.parametrize(("kind", "left"), [("All", []), ("Missed", [4, 3, 1]), ("Placed", [6, 5, 3, 2, 1])])
def test_delete_all(log: Log, kind: str, left: list[int]) -> None:
    log.call("CallHistory DeleteAll", Filter=kind)
    assert (log.got(), log.told()) == (left, [CLEARED, UPDATED])


def test_acknowledging_missed_calls(log: Log) -> None:
    log.call("CallHistory AcknowledgeMissedCall", CallHistoryId=2)
    assert (log.got(Filter="UnacknowledgedMissed"), log.told()) == ([6, 5], [UPDATED])
    log.call("CallHistory AcknowledgeMissedCall", CallHistoryId=2)
    log.call("CallHistory AcknowledgeMissedCall", CallHistoryId=4)
    assert log.told() == []
    log.call("CallHistory AcknowledgeMissedCall", CallHistoryId=6, AcknowledgeConsecutiveDuplicates="True")
    assert (log.got(Filter="UnacknowledgedMissed"), log.told()) == ([], [UPDATED])
    log.add(entry(occurrence="Missed"), entry(occurrence="Missed"))
    log.call("CallHistory AcknowledgeAllMissedCalls")
    log.call("CallHistory AcknowledgeAllMissedCalls")
    assert (log.got(Filter="UnacknowledgedMissed"), log.told()) == ([], [UPDATED])
    assert log.got(Filter="Missed") == [8, 7, 6, 5, 2]


@pytest.mark.parametrize("command", ["Get", "DeleteEntry", "AcknowledgeMissedCall"])
def test_an_entry_must_be_there(log: Log, command: str) -> None:
    assert log.refused(f"CallHistory {command}", CallHistoryId=99) == "No entry 99 in the call history"


def test_the_history_can_be_switched_off() -> None:
    log = Log(entry(call_history_id=7), mode="Off")
    assert log.history.add(entry()) is None
    assert (log.told(), log.kept, log.got()) == ([], [], [7])
    log.set("CallHistory Mode", "On")
    assert log.history.add(entry()) == 8


def test_the_oldest_entry_makes_room() -> None:
    log = Log()
    log.add(*(entry() for _ in range(ENTRIES_MAX + 3)))
    assert (len(log.got()), log.got(Limit=1), min(log.got()), len(log.kept[-1])) == (200, [203], 4, 200)


def test_what_comes_from_the_far_end_is_cut() -> None:
    log = Log()
    log.add(entry(display_name="x" * 10_000, disconnect_cause="y" * 10_000))
    (kept,) = log.history.entries
    assert (len(kept.display_name), len(kept.disconnect_cause)) == (TEXT_CHARS_MAX, TEXT_CHARS_MAX)


def test_the_history_survives_a_restart_and_numbers_go_on(log: Log) -> None:
    log.call("CallHistory AcknowledgeMissedCall", CallHistoryId=6)
    again = Log(*codec.decode(codec.encode(log.kept[-1]), tuple[Entry, ...]))
    assert again.call("CallHistory Get") == log.call("CallHistory Get")
    assert again.history.add(entry()) == 7


@pytest.mark.parametrize("change", [{"start": "2026-03-02T08:50:00"}, {"occurrence": "Dreamt"}, {"callId": "2"}])
def test_a_damaged_entry_in_the_state_file_is_refused(change: dict[str, str]) -> None:
    data = {**msgspec.json.decode(codec.encode(entry())), **change}
    with pytest.raises(RemoteProtocolError):
        codec.decode(codec.encode(data), Entry)


def test_a_full_disk_changes_nothing(log: Log) -> None:
    log.is_disk_full = True
    for command, arguments in (
        ("DeleteEntry", {"CallHistoryId": 1}),
        ("DeleteAll", {}),
        ("AcknowledgeMissedCall", {"CallHistoryId": 6}),
        ("AcknowledgeAllMissedCalls", {}),
    ):
        assert "No space left" in log.refused(f"CallHistory {command}", **arguments)
    assert log.got() == [6, 5, 4, 3, 2, 1]


def test_a_call_from_the_future_was_not_days_ago() -> None:
    log = Log()
    log.add(entry(start=BEGIN + timedelta(days=3), end=datetime.fromisoformat("2026-03-06T00:00:00Z")))
    assert log.call("CallHistory Get")["Entry"][0]["DaysAgo"] == 0
