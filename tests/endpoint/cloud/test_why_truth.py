"""The answer and the screen agree: whatever is broken, and only what is broken, is named when the button is due and does not show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.runtime.faults import Fault
from endpoint.wire.why_causes import CAUSE, Severity
from endpoint.wire.why_report import Verdict
from tests.endpoint.cloud.stubbed import Stubbed, play
from tests.endpoint.cloud.test_why_invited import ADDRESS, Office

AFTER = timedelta(minutes=20)
Break = Callable[[Office, dict[str, Any]], Awaitable[None]]


async def never(office: Office, invitation: dict[str, Any]) -> None:
    office.hybrid.mailbox(office.room, accept="never")


async def decline(office: Office, invitation: dict[str, Any]) -> None:
    office.hybrid.mailbox(office.room, accept="decline")


async def outside(office: Office, invitation: dict[str, Any]) -> None:
    invitation["organizer"] = "eve@elsewhere.example"


async def deaf(office: Office, invitation: dict[str, Any]) -> None:
    office.stage.faults.arm(Fault("deaf", "hybrid", "subscription_expired", {"step": "subscription"}))


async def far(office: Office, invitation: dict[str, Any]) -> None:
    office.stage.faults.arm(Fault("far", "hybrid", "beyond_window", {"step": "pick_up"}))


async def nowhere(office: Office, invitation: dict[str, Any]) -> None:
    invitation["location"] = "Canteen"


async def comments(office: Office, invitation: dict[str, Any]) -> None:
    office.hybrid.person("Ann", enabled=False)
    invitation.update(location="", body=f"Join {ADDRESS}")


async def roomless(office: Office, invitation: dict[str, Any]) -> None:
    office.hybrid.settings(managed_site=False)
    office.hybrid.person("Ann", personal_room=True)
    invitation["location"] = "@webex"


async def unlicensed(office: Office, invitation: dict[str, Any]) -> None:
    office.stage.faults.arm(Fault("interop", "hybrid", "no_interop", {"step": "interop"}))
    invitation["location"] = "Microsoft Teams Meeting"
    invitation["body"] = "Join with a video conferencing device: 123456789@m.webex.com Video ID: 118 923 456 7"


async def other_address(office: Office, invitation: dict[str, Any]) -> None:
    office.hybrid.workspace_calendar(office.workspace, "microsoft", "other@room.example")


async def no_calendar(office: Office, invitation: dict[str, Any]) -> None:
    office.hybrid.workspace_calendar(office.workspace, "none")


async def no_keys(office: Office, invitation: dict[str, Any]) -> None:
    office.stage.faults.arm(Fault("keys", "kms", "silent", {"step": "answer"}))


async def off(office: Office, invitation: dict[str, Any]) -> None:
    await office.stage.device.shut_down()


async def no_socket(office: Office, invitation: dict[str, Any]) -> None:
    await office.stage.device.mercury.stop()


async def hidden(office: Office, invitation: dict[str, Any]) -> None:
    invitation["is_all_day"] = True
    path = ("UserInterface", "Bookings", "Visibility", "AllDayMeetings")
    office.stage.device.set_configuration(path, "Hidden")


async def slow(office: Office, invitation: dict[str, Any]) -> None:
    office.stage.device.world.clock.jump_wall(timedelta(minutes=-90))


BREAKS: dict[str, Break] = {
    "mailbox_not_auto_accept": never, "room_declined": decline, "external_sender": outside, "subscription_expired": deaf,
    "beyond_window": far, "no_join_field": nowhere, "delete_comments": comments, "no_personal_room": roomless,
    "no_interop": unlicensed,
    "workspace_address_mismatch": other_address, "workspace_no_calendar": no_calendar, "kms_down": no_keys,
    "device_not_registered": off, "websocket_down": no_socket, "visibility": hidden, "clock_wrong": slow,
}  # fmt: skip
"""How to break each link in a running world."""


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(sorted(BREAKS)), max_size=3))
def test_the_answer_and_the_screen_agree(truth: set[str]) -> None:
    truth = set({CAUSE[key].link: key for key in sorted(truth)}.values())

    async def story(stage: Stubbed) -> None:
        office = Office(stage)
        await office.open()
        invitation: dict[str, Any] = {"after": AFTER}
        for key in sorted(truth):
            await BREAKS[key](office, invitation)
        uid = await office.invite(**invitation)
        own = office.hybrid.mailboxes.organizers_copy(uid)
        assert own is not None
        wait = (own.start - timedelta(minutes=4) - stage.clock.now()).total_seconds()
        await stage.clock.sleep(max(10.0, wait))
        report = office.why(uid)
        is_shown = any(one.starts == own.start for one in stage.device.local.bookings.button.screen.joinable)
        assert (report.verdict is Verdict.SHOWN) == is_shown, report.headline
        assert set(report.keys) <= truth
        blocking = {key for key in truth if CAUSE[key].severity is not Severity.SPOILS}
        if is_shown:
            assert blocking <= {"websocket_down"}  # the next catch-up brings the meeting, if not its title
        else:
            assert report.cause in blocking, report.headline

    play(story)
