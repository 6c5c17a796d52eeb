"""What is done and seen in a call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from endpoint.cloud.calls.call import MOVED_S
from endpoint.wire.callcontrol import Action, Control
from tests.endpoint.cloud.calls.ground import ANSWER, Stage, play
from tests.endpoint.cloud.scripted import CUT, Reply


def test_hold_and_resume() -> None:
    async def story(stage: Stage) -> None:
        await stage.person()
        assert await stage.line.hold(2, True) == ""
        assert await stage.line.hold(2, True) == ""
        assert await stage.line.hold(2, False) == ""
        assert [one.json["held"] for one in stage.asked("PUT", "/hold")] == [True, True, False]
        offers = [one.json["localMedias"][0]["localSdp"] for one in stage.asked("PUT", "/media")]
        assert ["held True" in offers[0], "held False" in offers[1], len(offers)] == [True, True, 2]
        assert stage.media.sessions[0].remotes == [ANSWER] * 3
        stage.cloud.on("PUT", "/hold", Reply(403, {"errorCode": 2403010}))
        assert await stage.line.hold(2, True) == "The cloud refused: NotInRoom (403/2403010)"

    play(story)


def test_the_far_end_holds() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person()
        stage.loci.ada(locus, "JOINED", held=True)
        await stage.loci.push(stage.loci.step(locus))
        assert stage.ear.conference is not None
        assert stage.ear.conference.held

    play(story)


def test_tones_go_out_and_come_in_and_are_nowhere_written() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person()
        assert await stage.line.dtmf(2, "8642#") == ""
        (sent,) = stage.asked("POST", "/sendDtmf")
        assert sent.json["dtmf"]["tones"] == "8642#"
        assert "8642" not in "".join(stage.cloud.log) + "".join(str(event) for event in stage.cloud.trace.events)
        await stage.cloud.peer.event("locus.message.dtmf", locusUrl=locus["url"], message={"tones": "7"})
        assert stage.ear.words[-1] == "dtmf 7"

    play(story)


def test_microphones_and_floor() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person()
        assert await stage.line.mute(2, True) == ""
        (muted,) = stage.asked("PUT", "/media")
        assert '"audioMuted":true' in muted.json["localMedias"][0]["localSdp"]
        assert muted.json["respOnlySdp"] is True
        assert await stage.line.share(2, True) == ""
        assert await stage.line.share(2, False) == ""
        floors = [one.json["floor"] for one in stage.asked("PUT", "/mediashares/0")]
        assert [floor["disposition"] for floor in floors] == ["GRANTED", "RELEASED"]
        assert floors[0]["beneficiary"]["url"] == locus["self"]["url"]
        locus["mediaShares"] = []
        await stage.loci.push(stage.loci.step(locus))
        assert await stage.line.share(2, True) == "Nothing can be shared in this call"

    play(story)


def test_a_wish_in_a_call_that_has_changed_meanwhile() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person()
        stage.loci.step(locus)  # not told
        stage.cloud.on("PUT", "/hold", Reply(409, {"errorCode": 2409005}), stage.loci.answer)
        assert await stage.line.hold(2, True) == ""
        first, second = stage.asked("PUT", "/hold")
        assert first.json["sequence"] != second.json["sequence"]
        stage.cloud.on("PUT", "/hold", Reply(409, {"errorCode": 2409005}))
        assert await stage.line.hold(2, False) == "The cloud refused: Conflict (409/2409005)"
        assert len(stage.asked("PUT", "/hold")) == 5
        stage.cloud.on("PUT", "/hold", CUT)
        assert (await stage.line.hold(2, False)).startswith("The cloud cannot be asked: ")

    play(story)


@pytest.mark.parametrize(
    ("control", "method", "tail", "member"),
    [
        (Control(Action.LOCK), "PATCH", "/controls", {"lock": {"locked": True}}),
        (Control(Action.MUTE_ALL, on=False), "PATCH", "/controls", {"audio": {"muted": False}}),
        (Control(Action.HARD_MUTE), "PATCH", "/controls", {"disallowUnmute": {"enabled": True}}),
        (Control(Action.RECORD, value="start"), "PATCH", "/controls", {"record": {"recording": True}}),
        (Control(Action.RECORD, value="pause"), "PATCH", "/controls", {"record": {"recording": True, "paused": True}}),
        (Control(Action.MUTE, participant_id="ada"), "PATCH", "/ada/controls", {"audio": {"muted": True}}),
        (Control(Action.ADMIT, participant_id="ada"), "PATCH", "/ada/controls", {"lobby": {"admit": True}}),
        (Control(Action.TO_LOBBY, participant_id="ada"), "PATCH", "/ada/controls", {"lobby": {"admit": False}}),
        (Control(Action.HAND), "PATCH", "/me-1/controls", {"hand": {"raised": True}}),
        (Control(Action.HAND, on=False, participant_id="ada"), "PATCH", "/ada/controls", {"hand": {"raised": False}}),
        (Control(Action.ROLE, participant_id="ada", value="Cohost"), "PATCH", "/ada/controls",
         {"role": {"roles": [{"type": "COHOST", "hasRole": True}]}}),
        (Control(Action.ADMIT_ALL), "PUT", "/controls", {"admit": {"participantIds": "all"}}),
        (Control(Action.LAYOUT, value="Equal"), "PUT", "/controls", {}),
        (Control(Action.EXPEL, participant_id="ada"), "PUT", "/ada/leave", {}),
        (Control(Action.ADD, value="bob@room.example"), "POST", "/participants", {"invitees": [{"address": "bob@room.example"}]}),
    ],
)  # fmt: skip
def test_controls(control: Control, method: str, tail: str, member: dict[str, Any]) -> None:
    async def story(stage: Stage) -> None:
        await stage.person()
        stage.cloud.on(method, tail, Reply(body=b""))
        assert await stage.line.control(2, control) == ""
        (asked,) = stage.asked(method, tail)
        assert {name: asked.json[name] for name in member} == member

    play(story)


@pytest.mark.parametrize(
    ("control", "why"),
    [
        (Control(Action.RECORD, value="rewind"), "Recording can be started, stopped, paused and resumed"),
        (Control(Action.MUTE, participant_id="nobody"), "No such participant"),
        (Control(Action.ROLE, participant_id="ada", value="King"), "Roles are Host, Cohost, Presenter, Panelist"),
    ],
)
def test_controls_that_make_no_sense(control: Control, why: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.person()
        before = len(stage.cloud.asked)
        assert await stage.line.control(2, control) == why
        assert len(stage.cloud.asked) == before

    play(story)


def test_the_meeting_is_ended_for_all_or_handed_over() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.meeting(2)

        def end(asked: Any) -> Reply:
            stage.loci.me(locus, "LEFT", "LEFT", reason="MEETING_ENDED")
            return Reply(body={"locus": stage.loci.step(locus, state="INACTIVE")})

        stage.cloud.on("POST", "/end", Reply(403, {"errorCode": 2423007}), end)
        assert "refused" in await stage.line.control(2, Control(Action.END))
        assert await stage.line.control(2, Control(Action.END)) == ""
        assert stage.end(2).cause_type == "LocalDisconnect"
        await stage.meeting(3)
        assert await stage.line.control(3, Control(Action.HAND_OVER, participant_id="ada")) == ""
        await stage.settle()
        assert stage.end(3).cause_type == "LocalDisconnect"

    play(story)


def test_calls_become_one() -> None:
    async def story(stage: Stage) -> None:
        await stage.person(2)
        other = await stage.person(3)
        assert await stage.line.join([2]) == "Joining takes two calls or more"
        assert await stage.line.join([2, 9]) == "No such call"
        stage.cloud.on("PUT", "/merge", Reply(403, {}), Reply(body=b""))
        assert "refused" in await stage.line.join([2, 3])
        joining = asyncio.ensure_future(stage.line.join([2, 3]))
        stage.loci.me(other, "LEFT", "LEFT", reason="MOVED")
        await stage.loci.push(stage.loci.step(other, state="INACTIVE"))
        assert await joining == ""
        assert stage.asked("PUT", "/merge")[-1].json["locusUrls"] == [other["url"]]
        assert stage.ear.heard[-2:] == [("joined", 2, (3,)), ("ended LocalDisconnect", 3)]

    play(story)


def test_a_meeting_that_moves_takes_the_call_with_it() -> None:
    async def story(stage: Stage) -> None:
        old = await stage.meeting()
        stage.loci.me(old, "LEFT", "LEFT", reason="MOVED")
        await stage.loci.push(stage.loci.step(old, state="INACTIVE"))
        assert not stage.ear.ends
        new = stage.loci.make("MEETING", me="JOINED", replaces=[{"locusUrl": old["url"]}])
        new["sequence"] = {"entries": [7], "rangeStart": 0, "rangeEnd": 0}  # the numbers of another locus
        stage.loci.me(new, "JOINED", "JOINED")
        await stage.loci.push(new)
        assert stage.line.calls[2].url == new["url"]
        stage.line.leave(2)
        await stage.settle()
        assert not stage.loci.is_in(new)

    play(story)


def test_a_meeting_that_moves_to_nowhere_is_over() -> None:
    async def story(stage: Stage) -> None:
        old = await stage.meeting()
        stage.loci.me(old, "LEFT", "LEFT", reason="MOVED")
        await stage.loci.push(stage.loci.step(old, state="INACTIVE"))
        await stage.settle(MOVED_S + 1)
        assert stage.end(2).cause_type == "RemoteDisconnect"

    play(story)


def test_what_is_wished_of_a_call_that_there_is_not() -> None:
    async def story(stage: Stage) -> None:
        line = stage.line
        for why in (
            await line.hold(7, True), await line.dtmf(7, "1"), await line.mute(7, True), await line.share(7, True),
            await line.control(7, Control(Action.LOCK)),
        ):  # fmt: skip
            assert why == "No such call"
        line.answer(7)
        line.leave(7)
        await stage.rings()
        for why in (
            await line.hold(51, True), await line.dtmf(51, "1"), await line.mute(51, True), await line.share(51, True),
            await line.control(51, Control(Action.LOCK)), await line.join([51, 51]),
        ):  # fmt: skip
            assert why in ("The call is not connected", "Joining takes two calls or more")

    play(story)


def test_the_roster_is_told_as_it_is() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.meeting()
        stage.loci.ada(locus, "JOINED", moderator=True, controls={"audio": {"muted": True}, "hand": {"raised": True}})
        locus["controls"] = {
            "lock": {"locked": True},
            "record": {"recording": True, "paused": True},
            "disallowUnmute": {"enabled": True},
        }
        locus["mediaShares"][0]["floor"] = {"disposition": "GRANTED", "beneficiary": {"id": "ada"}}
        locus["participants"].append(
            {"id": "bob", "url": f"{locus['url']}/participant/bob", "state": "IDLE", "person": {"name": "Bob"},
             "devices": [{"url": "http://b", "intent": {"type": "WAIT"}}]}
        )  # fmt: skip
        await stage.loci.push(stage.loci.step(locus))
        told = stage.ear.conference
        assert told is not None
        assert (told.locked, told.recording, told.all_hard_muted, told.shared_by) == (True, "Paused", True, "ada")
        ada, me, bob = told.members
        assert (ada.is_host, ada.audio_muted, ada.hand, ada.is_sharing, ada.uri) == (
            True,
            True,
            True,
            True,
            "ada@room.example",
        )
        assert (me.is_self, bob.status) == (True, "waiting")

    play(story)
