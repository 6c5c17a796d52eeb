"""Why is there no Join button: the evidence of a real device and the stub cloud, broken in one place at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from endpoint.device import why as device_why
from endpoint.runtime.faults import Fault
from endpoint.wire.why import judge
from endpoint.wire.why_report import Report, State, Verdict
from tests.endpoint.cloud.stubbed import START, Stubbed, play

JOIN = {"meetingJoinURI": "sip:1@site.example", "webexURI": "1@site.example"}
SOON = timedelta(minutes=10)


def make(stage: Stubbed, title: str = "Review", after: timedelta = SOON, **fields: Any) -> str:
    """Create a meeting that can be joined, unless told otherwise; return its id."""
    fields.setdefault("join", JOIN)
    return stage.use.meeting_create(title, stage.clock.now() + after, 30, **fields).id


def why(stage: Stubbed, meeting: str, at: datetime | None = None) -> Report:
    """Ask both sides."""
    account = stage.device.state.account
    assert account is not None
    cloud = stage.cloud.why.evidence(meeting, stage.cloud.why.device(account.user_id))
    return judge(cloud, device_why.evidence(stage.device, meeting), at)


def broken(report: Report) -> dict[str, State]:
    return {one.id: one.state for one in report.links if one.state not in (State.OK, State.NOT_NEEDED)}


def test_a_meeting_that_came_by_push() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = make(stage)
        await stage.clock.sleep(2)
        report = why(stage, meeting)
        assert (report.cause, report.verdict) == ("ok", Verdict.COMES)
        assert report.button.comes == report.meeting.start - timedelta(minutes=5)  # type: ignore[operator]
        assert broken(report) == {"keys": State.UNKNOWN} or broken(report) == {}
        assert next(one.text for one in report.links if one.id == "delivery").startswith("in the device's store since")
        await stage.clock.sleep(5 * 60)
        assert why(stage, meeting).verdict is Verdict.SHOWN
        assert why(stage, meeting, stage.clock.now() + timedelta(hours=1)).verdict is Verdict.OVER

    play(story)


def test_a_meeting_that_leads_nowhere() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = make(stage, join={})
        await stage.clock.sleep(2)
        assert why(stage, meeting).keys == ("no_join_field",)

    play(story)


def test_join_fields_that_a_fault_takes_out_on_the_way() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.faults.arm(Fault(id="f", on="calendar", do="no_join_fields"))
        meeting = make(stage)
        await stage.clock.sleep(2)
        report = why(stage, meeting)
        assert report.keys == ("no_join_field",)
        assert "meetingJoinURI" in next(one.text for one in report.findings[0].proof if one.side == "cloud")

    play(story)


@pytest.mark.parametrize("do", ["push_lost", "frame"])
def test_a_push_that_is_lost_and_a_catch_up_that_brings_it(do: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(1)
        fault = Fault(id="f", on="calendar", do=do) if do == "push_lost" else Fault(id="f", on="mercury", do="drop")
        stage.faults.arm(fault)
        meeting = make(stage)
        await stage.clock.sleep(2)
        report = why(stage, meeting)
        assert report.keys == ("websocket_down",)
        assert {one.side for one in report.findings[0].proof} == {"cloud", "device", "trace"}
        stage.faults.heal("f")
        await stage.device.sync()
        assert why(stage, meeting).cause == "ok"

    play(story)


def test_a_websocket_that_is_down() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.device.mercury.stop()
        await stage.clock.sleep(1)
        meeting = make(stage)
        report = why(stage, meeting)
        assert report.keys == ("websocket_down",)
        assert "websocket off since then" in [one.text for one in report.findings[0].proof]
        await stage.device.connect()
        await stage.device.sync()
        assert why(stage, meeting).cause == "ok"

    play(story)


def test_an_update_that_never_came() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = make(stage)
        await stage.clock.sleep(2)
        await stage.device.mercury.stop()
        await stage.clock.sleep(1)
        stage.use.meeting_update(meeting, start=START + timedelta(hours=3))
        report = why(stage, meeting)
        assert report.keys == ("websocket_down",)
        assert report.meeting.start == START + timedelta(hours=3)

    play(story)


def test_a_notice_that_was_not_followed_up() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.faults.arm(Fault(id="f", on="http", do="error", target={"service": "calendar"}, params={"status": 500}))
        meeting = make(stage, push="minimal")
        await stage.clock.sleep(120)
        assert why(stage, meeting).keys == ("websocket_down",)

    play(story)


def test_a_device_whose_account_is_gone() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = make(stage)
        await stage.clock.sleep(2)
        account = stage.device.state.account
        assert account is not None
        cloud = stage.cloud.why.evidence(meeting, stage.cloud.why.device(account.user_id))
        stage.use.device_delete(stage.use.devices()[0].id)
        await stage.clock.sleep(5)
        report = judge(cloud, device_why.evidence(stage.device, meeting))
        assert report.keys == ("device_not_registered",)
        assert report.findings[0].because.endswith("it is not activated.")

    play(story)


def test_a_device_that_is_off() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = make(stage)
        await stage.clock.sleep(2)
        await stage.device.shut_down()
        assert why(stage, meeting).keys == ("device_not_registered",)
        await stage.device.boot()
        await stage.device.until_online()
        assert why(stage, meeting).cause == "ok"

    play(story)


def test_a_clock_that_is_behind() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = make(stage)
        await stage.clock.sleep(2)
        stage.device.world.clock.jump_wall(timedelta(minutes=-7))
        report = why(stage, meeting)
        assert report.keys == ("clock_wrong",)
        assert report.button.skewed_comes == report.button.comes + timedelta(minutes=7)  # type: ignore[operator]

    play(story)


def test_meetings_are_found_by_title_and_listed_by_start() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        late, early = make(stage, "Late", timedelta(hours=3)), make(stage, "Early", timedelta(hours=1))
        far = make(stage, "Far", timedelta(hours=30))
        await stage.clock.sleep(2)
        user = stage.cloud.why.device()
        now = stage.clock.now()
        assert stage.cloud.why.ahead(user, now) == device_why.ahead(stage.device, now) == [early, late]
        assert stage.cloud.why.find("fAR", user) == device_why.find(stage.device, "far") == [far]
        assert stage.cloud.why.find("nothing", user) == device_why.find(stage.device, "nothing") == ["nothing"]
        report = why(stage, "nothing")
        assert (report.cause, report.verdict, report.keys) == ("unknown", Verdict.MISSING, ())

    play(story)


def test_two_devices_are_told_apart() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        mine = stage.cloud.why.device()
        workspace = stage.use.workspace_create("Other")
        other = stage.cloud.directory.create_machine(workspace)
        meeting = make(stage, user_ids=(other.id,))
        await stage.clock.sleep(2)
        assert stage.cloud.why.device("Other") == other
        assert stage.cloud.why.evidence(meeting, mine).is_published is False
        report = why(stage, meeting)
        assert (report.cause, report.keys, report.verdict) == ("unknown", (), Verdict.MISSING)
        assert "has not put it into this device's calendar" in report.links[0].text

    play(story)
