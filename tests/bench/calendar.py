"""A day of meetings in virtual time, and what bookings weigh."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

from endpoint.runtime import virtual
from endpoint.runtime.clock import cpu_seconds
from endpoint.wire.clear_meeting import ClearMeeting
from tests.bench.ground import ground

MEETINGS = 40
EVERY = timedelta(minutes=15)
BOOKINGS = 1_000
DAY_S = MEETINGS * EVERY.total_seconds() + 3_600.0
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def measure() -> list[str]:
    """Measure a work day of 40 meetings, without calls and with them, device and cloud with TLS, and the memory of 1,000 bookings."""
    used_s, shown = virtual.run(lambda: _day(joins=False))
    calling_s, joined = virtual.run(lambda: _day(joins=True))
    bytes_each = virtual.run(_weigh) / BOOKINGS
    return [
        f"a work day of {MEETINGS} meetings, {shown} with a button: {used_s:.2f} s of processor time   (goal: under 1 s)",
        f"the same with {joined} joined, one call after the other all day long: {calling_s:.2f} s",
        f"{BOOKINGS:,} bookings: {bytes_each:,.0f} bytes each, {bytes_each * BOOKINGS / 1024:,.0f} KiB",
    ]


async def _day(*, joins: bool) -> tuple[float, int]:
    """Make 40 meetings back to back, wait for the button of each, and perhaps join it and leave the one before."""
    stage = await ground()
    device = stage.device(0)
    await device.boot()
    await device.activate(stage.code(0))
    await device.until_online(discovered=True)
    began, seen = cpu_seconds(), set[str]()
    now = stage.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for nth in range(MEETINGS):
        stage.cloud.use_cases.meeting_create(
            f"Meeting {nth}", now + nth * EVERY, 15, join={"meetingJoinURI": f"{nth}@site.webex.test"}
        )
    ends = stage.clock.time() + DAY_S
    while stage.clock.time() < ends:
        await stage.clock.sleep(EVERY.total_seconds() / 3)
        for booking in device.local.bookings.button.screen.joinable:
            if booking.id in seen:
                continue
            seen.add(booking.id)
            if joins:
                for call in device.local.calls.shown():
                    device.calls.leave(call["id"])
                device.local.bookings.button.press(booking)
    used = cpu_seconds() - began
    await device.close()
    await stage.cloud.stop()
    return used, len(seen)


async def _weigh() -> int:
    """Return the bytes that 1,000 bookings take on a device, with their place on the time line and in every index."""
    stage = await ground()
    device = stage.device(0)
    await device.boot()
    bookings = device.local.bookings
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for nth in range(BOOKINGS):
        starts = START + nth * EVERY
        bookings.meeting_created(
            ClearMeeting(
                id=f"6103501f-3650-6ae0-bf76-{nth:012}", series_id="", starts=starts, ends=starts + EVERY, title=f"Meeting {nth}",
                join_fields={"meetingJoinURI": f"{nth}@site.webex.test"},
            )
        )  # fmt: skip
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bookings.store) == BOOKINGS
    await device.close()
    await stage.cloud.stop()
    return after - before
