"""One call of the call history: how it is kept, and how it is shown.

Source: protocol/xapi.md 8.5; the words of IsAcknowledged other than `Acknowledged` are ours.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Occurrence: TypeAlias = Literal[
    "Placed", "Received", "Missed", "NoAnswer", "Rejected", "Forwarded", "AnsweredElsewhere"
]


class Quality(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How one medium went in one direction; jitter in milliseconds, the share of lost packets as text."""

    packet_loss: int = 0
    packet_loss_percent: str = "0"
    max_jitter: int = 0


class Streams(msgspec.Struct, frozen=True, kw_only=True):
    """How one medium went; None for a direction that was not used."""

    incoming: Quality | None = None
    outgoing: Quality | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One call that is over. Instants are aware; `call_history_id` is given when it is added."""

    call_history_id: int = 0
    call_id: int
    callback_number: str
    remote_number: str
    display_name: str
    direction: Literal["Incoming", "Outgoing"]
    protocol: str = "Spark"
    call_rate: int = 20_000
    call_type: str = "Video"
    encryption_type: str = "AES-256"
    booking_id: str = ""
    start: Instant
    end: Instant
    duration_s: int = 0
    occurrence: Occurrence
    is_acknowledged: bool = True
    is_personal_room: bool = False
    """A meeting in somebody's personal room: the filter `Pmr`."""
    disconnect_cause: str = ""
    disconnect_cause_code: int = 0
    disconnect_cause_type: str = ""
    disconnect_cause_origin: str = ""
    correlation_id: str = ""
    audio: Streams | None = None
    video: Streams | None = None


def details(entry: Entry, now: datetime, zone: tzinfo, *, is_full: bool) -> dict[str, Any]:
    """Return an entry as CallHistory Get does; `Full` has what was measured as well."""
    return {
        "CallHistoryId": entry.call_history_id,
        "CallId": entry.call_id,
        "CallbackNumber": entry.callback_number,
        "RemoteNumber": entry.remote_number,
        "DisplayName": entry.display_name,
        "Direction": entry.direction,
        "Protocol": entry.protocol,
        "CallRate": entry.call_rate,
        "CallType": entry.call_type,
        "EncryptionType": entry.encryption_type,
        "BookingId": entry.booking_id,
        "StartTime": _local(entry.start, zone),
        "StartTimeUTC": _utc(entry.start),
        "EndTimeUTC": _utc(entry.end),
        "Duration": entry.duration_s,
        "DaysAgo": _days_ago(entry.start, now, zone),
        "OccurrenceType": entry.occurrence,
        "IsAcknowledged": _acknowledged(entry),
        "DisconnectCause": entry.disconnect_cause,
        "DisconnectCauseCode": entry.disconnect_cause_code,
        "DisconnectCauseType": entry.disconnect_cause_type,
        "DisconnectCauseOrigin": entry.disconnect_cause_origin,
        "CorrelationId": entry.correlation_id or None,
        "Audio": _streams(entry.audio) if is_full else None,
        "Video": _streams(entry.video) if is_full else None,
    }


def recent(last: Entry, count: int, now: datetime, zone: tzinfo, *, is_full: bool) -> dict[str, Any]:
    """Return the last of `count` calls with one number as CallHistory Recents does."""
    shown: dict[str, Any] = {
        "CallbackNumber": last.callback_number,
        "DisplayName": last.display_name,
        "LastOccurrenceStartTime": _local(last.start, zone),
        "LastOccurrenceDaysAgo": _days_ago(last.start, now, zone),
        "LastOccurrenceHistoryId": last.call_history_id,
        "OccurrenceType": last.occurrence,
        "IsAcknowledged": _acknowledged(last),
        "OccurrenceCount": count,
    }
    if is_full:
        shown["RemoteNumber"] = last.remote_number
        shown["Direction"] = last.direction
        shown["Protocol"] = last.protocol
        shown["CallType"] = last.call_type
    return shown


def _local(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def _days_ago(instant: datetime, now: datetime, zone: tzinfo) -> int:
    return max(0, (now.astimezone(zone).date() - instant.astimezone(zone).date()).days)


def _acknowledged(entry: Entry) -> str:
    return "Acknowledged" if entry.is_acknowledged else "Unacknowledged"


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _streams(streams: Streams | None) -> dict[str, Any] | None:
    if streams is None:
        return None
    return {"Incoming": _quality(streams.incoming), "Outgoing": _quality(streams.outgoing)}


def _quality(quality: Quality | None) -> dict[str, Any] | None:
    if quality is None:
        return None
    return {
        "PacketLoss": quality.packet_loss,
        "PacketLossPercent": quality.packet_loss_percent,
        "MaxJitter": quality.max_jitter,
    }
