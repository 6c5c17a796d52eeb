"""Keys and texts of meetings, against the stub: read, waited for, lost, refused, and healed; and meetings that the device makes itself."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import Meeting
from endpoint.cloud.calendar_edit import EditFailed
from endpoint.cloud.keys import KEYS_MAX
from endpoint.cloud.meeting_texts import PATIENCE_S
from endpoint.wire import calendar
from endpoint.wire.calendar import meeting_event_data
from endpoint.wire.clear_meeting import ClearMeeting
from tests.endpoint.cloud.stubbed import START, Stubbed, play

SOON = START + timedelta(hours=1)
JOIN = {"webexURI": "1234@meet.example", "meetingJoinURI": "1234@meet.example"}
MESSAGES = "POST https://encryption-a.wbx2.test/encryption/api/v1/kms/messages"


class Ear:
    """Hears what becomes of meetings: what, title, and the second since the ear was put on."""

    def __init__(self, stage: Stubbed) -> None:
        self._stage = stage
        self._since_s = stage.clock.time()
        self.heard: list[tuple[str, str | None, float]] = []
        self.last: dict[str, ClearMeeting] = {}
        stage.device.calendar.listener = self

    def _note(self, what: str, title: str | None) -> None:
        self.heard.append((what, title, round(self._stage.clock.time() - self._since_s, 1)))

    def meeting_created(self, meeting: ClearMeeting) -> None:
        self.last[meeting.id] = meeting
        self._note("created", meeting.title)

    def meeting_updated(self, meeting: ClearMeeting) -> None:
        assert meeting.id in self.last
        self.last[meeting.id] = meeting
        self._note("updated", meeting.title)

    def meeting_deleted(self, meeting_id: str) -> None:
        self.last.pop(meeting_id, None)
        self._note("deleted", None)

    meeting_over = meeting_deleted

    def meetings_forgotten(self) -> None:
        self.last.clear()


async def listening(stage: Stubbed) -> Ear:
    await stage.online()
    await stage.clock.sleep(60)
    stage.log.clear()
    return Ear(stage)


def asked(stage: Stubbed) -> int:
    """Count the requests to the key service."""
    return len([line for line in stage.log if MESSAGES in line])


def test_nothing_is_asked_of_the_key_service_until_a_sealed_text_comes() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(7_200)
        assert not [line for line in stage.log if "encryption" in line]

    play(story)


def test_texts_are_read_once_per_key_and_at_once_where_it_is_at_hand() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        meeting = stage.use.meeting_create(
            "Review", SOON, 30, join=JOIN, location="Lab", password="hunter2", host_key="9", push="full"
        )  # fmt: skip
        await stage.clock.sleep(1)
        [clear] = ear.last.values()
        assert (clear.title, clear.location, clear.password, clear.host_key, clear.organizer_name) == (
            "Review", "Lab", "hunter2", "9", "Admin",
        )  # fmt: skip
        assert asked(stage) == 2  # the channel, the key
        stage.use.meeting_update(meeting.id, title="Other")
        await stage.clock.sleep(1)
        assert asked(stage) == 2
        assert [(what, title) for what, title, _ in ear.heard] == [("created", "Review"), ("updated", "Other")]
        history = json.dumps([repr(event.data) for event in stage.trace.events]) + "".join(stage.log)
        assert "hunter2" not in history
        assert "Review" not in "".join(stage.log)

    play(story)


@pytest.mark.parametrize("push", ["full", "minimal"])
def test_the_lines_of_a_push_are_those_of_the_slides(push: str) -> None:
    async def story(stage: Stubbed) -> None:
        await listening(stage)
        meeting = stage.use.meeting_create("Review", SOON, 30, join=JOIN, push=push)
        await stage.clock.sleep(1)
        own = ("NotificationChannel: enc", "encryption", "HTTP(", "KMS", "alliope")
        lines = [line.split(" - ")[0].split("', ")[0] for line in stage.log if not any(word in line for word in own)]
        about = f"for calendar event with id='{meeting.id}'"
        channel = f"Wx2 I: NotificationChannel: calendar.meeting.create{'' if push == 'full' else '.minimal'}"
        assert lines[0].startswith(channel)
        seen = ["Wx2[3]: CalendarClientImpl::on_meeting_updated_event"] if push == "full" else []
        found = [f"Wx2[3]: Found plaintext title {about}"] if push == "full" else []
        assert lines[1:] == [*seen, "Wx2[1]: Inserting new meeting", f"Wx2[3]: Decrypting title {about}", *found]

    play(story)


def test_a_silent_key_service_delays_a_meeting_by_a_moment_and_heals_it_later_without_an_event() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        stage.use.fault("down", "kms", "silent")
        stage.use.meeting_create("Review", SOON, 30, join=JOIN)
        await stage.clock.sleep(100)
        assert ear.heard == [("created", None, PATIENCE_S)]
        [clear] = ear.last.values()
        assert dict(clear.join_fields) == {"meetingJoinURI": JOIN["meetingJoinURI"], "webexURI": JOIN["webexURI"]}
        assert stage.lines("Wx2[3]: Failed to decrypt title")
        assert stage.lines("Wx2 W: KMS not available: no answer")
        pushed = len([line for line in stage.log if "NotificationChannel: calendar" in line])
        stage.use.heal("down")
        await stage.clock.sleep(200)
        assert ear.heard[1:] == [("updated", "Review", ear.heard[1][2])]
        assert ear.heard[1][2] <= 240
        assert len([line for line in stage.log if "NotificationChannel: calendar" in line]) == pushed
        assert stage.lines("Wx2[3]: Found plaintext title")

    play(story)


def test_with_everything_sealed_the_gate_is_open_and_what_to_dial_is_not_known() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        stage.use.fault("down", "kms", "error", params={"titles_only": False})
        stage.use.meeting_create("Review", SOON, 30, join=JOIN)
        await stage.clock.sleep(5)
        [clear] = ear.last.values()
        assert clear.is_joinable
        assert set(clear.join_fields.values()) == {None}
        stage.use.heal("down")
        await stage.clock.sleep(60)
        [clear] = ear.last.values()
        assert clear.join_fields["webexURI"] == JOIN["webexURI"]

    play(story)


@pytest.mark.parametrize(
    ("do", "within_s"),
    [("lost_answer", 7), ("expired_channel", 2), ("error", 40), ("wrong_key", 40), ("bad_certificate", 0)],
)
def test_every_fault_is_got_over(do: str, within_s: float) -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        lasting = do not in ("lost_answer", "expired_channel")
        stage.use.fault("it", "kms", do)
        stage.use.meeting_create("Review", SOON, 30)
        if lasting:
            await stage.clock.sleep(5)
            assert [meeting.title for meeting in ear.last.values()] == [None]
            stage.use.heal("it")
        if do == "bad_certificate":  # asked nothing more until the notification channel opens anew
            asked_before = [line for line in stage.log if "encryption" in line]
            await stage.clock.sleep(4_000)
            assert [line for line in stage.log if "encryption" in line] == asked_before
            assert not [line for line in asked_before if MESSAGES in line]
            stage.use.mercury_close(1001)
            within_s_now = 60.0
        else:
            within_s_now = within_s
        await stage.clock.sleep(within_s_now)
        assert [meeting.title for meeting in ear.last.values()] == ["Review"]

    play(story)


def test_a_text_that_no_key_opens_is_tried_less_and_less_often() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        made = stage.use.meeting_create("Review", SOON, 30, join=JOIN)
        await stage.clock.sleep(10)
        sound = stage.device.calendar.meetings[made.id]
        sealed = sound.encrypted_subject or ""
        spoilt = msgspec.structs.replace(sound, encrypted_location=sealed[:-6] + "AAAAAA")
        stage.device.calendar.on_event(meeting_event_data(calendar.UPDATE, spoilt))
        stage.log.clear()
        await stage.clock.sleep(6 * 3600)
        assert 20 <= asked(stage) <= 40, "after 30, 60, 120, 240, 480 s, then every 900 s; and a channel an hour"
        assert (ear.last[made.id].title, ear.last[made.id].location) == ("Review", None)

    play(story)


def test_a_channel_is_renewed_before_it_ends() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        for at_s, channels in ((0, 1), (3_500, 1), (75, 2)):
            await stage.clock.sleep(at_s)
            stage.use.meeting_create("Review", stage.clock.now() + timedelta(hours=1), 30)
            await stage.clock.sleep(1)
            assert len(stage.lines("Wx2[3]: KMS channel open")) == channels
        assert [title for _, title, _ in ear.heard] == ["Review"] * 3

    play(story)


def test_a_catch_up_of_120_meetings_fetches_its_keys_in_three_requests() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        for n in range(120):
            stage.use.meeting_create(f"M{n}", SOON + timedelta(minutes=n), 5, push="none")
        assert await stage.device.sync() == 120
        assert sorted(title or "" for _, title, _ in ear.heard) == sorted(f"M{n}" for n in range(120))
        assert asked(stage) == 1 + 3
        assert not stage.lines("Wx2[3]: Found plaintext title")

    play(story)


def test_more_keys_than_are_kept_are_read_all_the_same() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        for n in range(KEYS_MAX + 60):
            stage.use.meeting_create(f"M{n}", SOON, 5, push="none")
        await stage.device.sync()
        assert len(ear.last) == KEYS_MAX + 60
        assert None not in {meeting.title for meeting in ear.last.values()}

    play(story)


def test_a_meeting_that_is_gone_before_it_was_told_of_is_told_of_as_gone_alone() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        stage.use.fault("down", "kms", "silent")
        meeting = stage.use.meeting_create("Review", SOON, 30)
        await stage.clock.sleep(1)
        stage.use.meeting_delete(meeting.id)
        await stage.clock.sleep(600)
        assert ear.heard == [("deleted", None, 1.0)]
        assert stage.device.calendar.meetings == {}

    play(story)


def test_keys_do_not_outlive_the_power_or_the_account() -> None:
    async def story(stage: Stubbed) -> None:
        await listening(stage)
        stage.use.meeting_create("Review", SOON, 30)
        await stage.clock.sleep(1)
        before = stage.device.keys
        await stage.device.crash()
        await stage.device.boot()
        await stage.device.until_online()
        meeting = next(iter(stage.device.calendar.meetings.values()))
        assert stage.device.calendar.read(meeting).title == "Review"
        assert before.known(meeting.encryption_key_url or "") is None
        keys = stage.device.keys
        stage.device.remove_account("event")
        assert keys.known(meeting.encryption_key_url or "") is None

    play(story)


# -- meetings of the device's own ---------------------------------------------------------------------------------------------------------


def test_the_device_makes_changes_answers_and_deletes_a_meeting() -> None:
    async def story(stage: Stubbed) -> None:
        ear = await listening(stage)
        edits = stage.device.calendar_edits
        meeting_id = await edits.create("Ad hoc", SOON, 30, "r1")
        assert await edits.create("Ad hoc", SOON, 30, "r1") == meeting_id
        await stage.clock.sleep(1)
        await edits.change(meeting_id, title="Longer", minutes=45)
        await edits.respond(meeting_id, "TENTATIVE", "perhaps")
        await stage.clock.sleep(1)
        [clear] = ear.last.values()
        assert (clear.title, clear.ends - clear.starts, clear.response) == (
            "Longer",
            timedelta(minutes=45),
            "TENTATIVE",
        )
        await edits.delete(meeting_id)
        await edits.delete(meeting_id)
        await stage.clock.sleep(1)
        assert ear.last == {}
        assert len(stage.cloud.platform.store[Meeting]) == 0

    play(story)


def test_an_answer_that_is_lost_makes_one_meeting() -> None:
    async def story(stage: Stubbed) -> None:
        await listening(stage)
        stage.use.fault("lost", "http", "drop_reply", target={"service": "calendar", "method": "POST"}, count=1)
        await stage.device.calendar_edits.create("Ad hoc", SOON, 30, "r1")
        assert len(stage.cloud.platform.store[Meeting]) == 1

    play(story)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (("kms", "error", {}, {}), "KmsError"),
        (("http", "error", {"service": "calendar"}, {"status": 400}), "HttpError"),
        (("http", "error", {"service": "calendar"}, {"status": 409}), "Decline"),
        (("http", "drop_request", {"service": "calendar"}, {}), "Timeout"),
        (None, "ConfigError"),
    ],
)
def test_what_fails_has_a_cause(fault: tuple[str, str, dict[str, Any], dict[str, Any]] | None, cause: str) -> None:
    async def story(stage: Stubbed) -> None:
        await listening(stage)
        if fault is not None:
            on, do, target, params = fault
            stage.use.fault("it", on, do, target=target, params=params)
        edits = stage.device.calendar_edits
        if fault is None:
            stage.device.remove_account("event")
        works = (
            [edits.create("x", SOON, 5, "r")]
            if cause == "KmsError"
            else [edits.delete("x"), edits.change("x", minutes=1)]
        )
        for work in works:
            with pytest.raises(EditFailed) as caught:
                await work
            assert caught.value.cause == cause

    play(story)


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    async def story(stage: Stubbed) -> None:
        await listening(stage)
        stage.use.fault("down", "kms", "silent")
        task = asyncio.ensure_future(stage.device.keys.create())
        await stage.clock.sleep(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stage.use.heal("down")
        await stage.clock.sleep(10)
        assert (await stage.device.keys.create())[0].startswith("kms://")

    play(story, cloud_settings=CloudSettings(kms_join_fields="strict"))
