"""What meetings and calls both sides hold at the end of a run, written to the history for `bookings_equal` and `calls_balanced`."""

from __future__ import annotations

from typing import Any

from cloud_stub.platform.records import Meeting
from endpoint.device.device import Device
from endpoint.room.bookings.booking import Source
from endpoint.room.bookings.room import DECLINED
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.calendar import Window
from scenarios.runner.call_parts import shown_ids
from scenarios.runner.stage import Stage


def write_holdings(stage: Stage) -> None:
    """Write down, for each device that knows its calendar, what it holds and what the cloud has for it within a day of now."""
    for name, device in stage.devices.items():
        if device.identity.account is None or not device.calendar.caught_up:
            continue
        ours, theirs = held(stage, name)
        stage.trace.event(device.who, "calendar.holds", data={"device": name, "meetings": ours})
        stage.trace.event("cloud:calendar", "calendar.holds", data={"device": name, "meetings": theirs})


def held(stage: Stage, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the meetings within a day of now: those that an activated device holds, and those that the cloud has for it."""
    device = stage.devices[name]
    account = device.identity.account
    assert account is not None, "a device that is not activated has no meetings"
    window = Window.around(device.world.clock.now())
    return _in_order(_of_device(device, window)), _in_order(_of_cloud(stage, account.user_id, window))


def _in_order(meetings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(meetings, key=lambda one: (one["start"], one["meeting"]))


def _of_device(device: Device, window: Window) -> list[dict[str, Any]]:
    return [
        {"meeting": booking.meeting_id, "start": iso_seconds(booking.starts), "minutes": booking.minutes}
        for booking in device.local.bookings.store
        if booking.source is Source.CLOUD and booking.ends > window.start and booking.starts < window.end
    ]


def _of_cloud(stage: Stage, user_id: str, window: Window) -> list[dict[str, Any]]:
    return [
        {"meeting": meeting.id, "start": iso_seconds(meeting.start), "minutes": meeting.duration_minutes}
        for meeting in stage.cloud.platform.store[Meeting].where("user_ids", user_id)
        if meeting.end > window.start and meeting.start < window.end and meeting.responses.get(user_id) != DECLINED
    ]


def write_calls(stage: Stage) -> None:
    """Write down the calls that each device shows, and those that the cloud has with one of them in it."""
    accounts = {stage.ids.get(f"account of {name}") for name in stage.devices}
    for device in stage.devices.values():
        stage.trace.event(device.who, "calls.holds", data={"calls": shown_ids(device)})
    held = [
        str(one["id"])
        for one in stage.cloud.calls.list()
        if any(member["state"] == "JOINED" and member["userId"] in accounts for member in one["roster"])
    ]
    stage.trace.event("cloud:locus", "calls.holds", data={"calls": held})
