"""Calls that the device makes: the order of things, and every way in which they fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from endpoint.cloud.calls.call import ASKED_S_MAX
from endpoint.cloud.calls.question import PINS_MAX
from endpoint.wire.callcontrol import Leads, Media
from endpoint.wire.secret import Secret
from tests.endpoint.cloud.calls.ground import ADA, DEVICE_URL, LOCUS, Stage, dial, play
from tests.endpoint.cloud.scripted import CUT, SILENCE, Asked, Reply, Script


def test_a_meeting_is_joined_and_left() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.meeting()
        assert stage.ear.words == ["connecting", "established"]
        assert stage.ear.what is not None
        assert stage.ear.what.is_meeting
        assert stage.ear.what.title == "Weekly"
        stage.line.leave(2)
        await stage.settle()
        assert not stage.loci.is_in(locus)
        assert stage.end(2).cause_type == "LocalDisconnect"
        told = [
            line.removeprefix("Wx2[6]: Diagnostic event: ") for line in stage.cloud.lines("Wx2[6]: Diagnostic event")
        ]
        assert told == [
            "client.call.initiated", "client.media-engine.local-sdp-generated", "client.media.capabilities", "client.locus.join.request",
            "client.locus.join.response", "client.media-engine.remote-sdp-received", "client.ice.start", "client.ice.end",
            "client.media-engine.ready", "client.media.tx.start", "client.media.tx.start", "client.media.rx.start",
            "client.media.render.start", "client.media.rx.start", "client.media.render.start", "client.call.leave",
            "client.media.tx.stop", "client.media.tx.stop", "client.media.render.stop", "client.media.render.stop",
            "client.mediaquality.event",
        ]  # fmt: skip

    play(story)


def _no_answer_but_done(stage: Stage) -> Script:
    """Do what is asked, and lose the answer."""

    def cut(asked: Asked) -> Reply:
        stage.loci.answer(asked)
        return CUT

    return cut


def test_a_person_is_called_and_answers() -> None:
    async def story(stage: Stage) -> None:
        stage.line.place(2, dial("ada@room.example", Leads.PERSON))
        await stage.settle()
        locus = stage.loci.only
        assert stage.ear.words == ["connecting"]
        stage.loci.ada(locus, "NOTIFIED")
        await stage.loci.push(stage.loci.step(locus))
        assert stage.ear.words == ["connecting", "alerting"]
        stage.loci.ada(locus, "JOINED")
        await stage.loci.push(stage.loci.step(locus))
        assert stage.ear.words == ["connecting", "alerting", "established"]
        assert stage.ear.what is not None
        assert (stage.ear.what.is_meeting, stage.ear.what.title, stage.ear.what.remote_number) == (
            False,
            "Ada",
            ADA["id"],
        )
        (call,) = stage.asked("POST", "/call")
        assert call.json["invitee"] == {"address": "ada@room.example"}
        assert call.json["device"] == {"url": DEVICE_URL, "deviceType": "TP_ENDPOINT"}
        stage.loci.ada(locus, "LEFT")
        await stage.loci.push(stage.loci.step(locus))
        assert stage.end(2).cause_type == "RemoteDisconnect"

    play(story)


@pytest.mark.parametrize(
    ("state", "members", "cause"),
    [
        ("DECLINED", {"reason": "BUSY"}, ("RemoteBusy", 0, "")),
        ("DECLINED", {}, ("RemoteRejected", 0, "")),
        ("LEFT", {"reason": "UNANSWERED"}, ("RemoteNoAnswer", 0, "Unanswered")),
        (
            "DECLINED",
            {"gatewayCause": {"code": 486, "text": "Busy here", "type": "RemoteBusy", "origin": "SIP", "value": 17}},
            ("RemoteBusy", 486, "Busy here"),
        ),
        (
            "LEFT",
            {"gatewayCause": {"code": 500, "text": "SSL", "type": "not one", "origin": "nobody", "value": 0}},
            ("OtherRemote", 500, "SSL"),
        ),
    ],
)
def test_who_does_not_take_the_call_says_why(state: str, members: dict[str, Any], cause: tuple[str, int, str]) -> None:
    async def story(stage: Stage) -> None:
        stage.line.place(2, dial("ada@room.example", Leads.PERSON))
        await stage.settle()
        locus = stage.loci.only
        stage.loci.ada(locus, state, **members)
        await stage.loci.push(stage.loci.step(locus))
        end = stage.end(2)
        assert (end.cause_type, end.cause_code, end.cause_string) == cause
        await stage.settle()
        assert not stage.loci.is_in(locus), "the device has left what it was alone in"

    play(story)


FAILED = "startOutgoingForWebexMeeting"


@pytest.mark.parametrize(
    ("status", "body", "leads", "kind", "told"),
    [
        (404, {"code": 404006, "message": "Cannot find the data"}, Leads.MEETING, "OtherRemote",
         f"{FAILED}, unexpected, MeetingNotFound, response 404/404006"),
        (423, {"errorCode": 2423003}, Leads.PERSONAL_ROOM, "RemoteRejected", f"{FAILED}, expected, MeetingLocked, response 423/2423003"),
        (403, {"errorCode": 2403018}, Leads.MEETING, "RemoteRejected",
         f"{FAILED}, expected, JoinedParticipantsExceeded, response 403/2403018"),
        (400, {"errorCode": 2400025}, Leads.SIP, "OtherRemote", "startOutgoing, expected, InvalidInviteeAddress, response 400/2400025"),
        (418, b"no JSON", Leads.INSTANT, "OtherRemote", "startInstantMeeting, unexpected, UnexpectedStatus, response 418/0"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_in_the_words_of_the_field(
    status: int, body: Any, leads: Leads, kind: str, told: str
) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", Reply(status, body))
        stage.line.place(2, dial("123456789", leads))
        await stage.settle()
        end = stage.end(2)
        assert (end.cause_type, end.cause_string) == (kind, f"CallError ({told})")
        assert end.screen
        assert len(stage.asked("POST", "/call")) == 1
        lines = [line for line in stage.cloud.log if "Diagnostic" not in line and "HTTP" not in line]
        assert lines[1:3] == [
            f"Wx2 ERROR: CallImpl::verror: '{told}'",
            "Wx2[3]: CallServiceImpl::onCallError: locusId='', lastActive=''",
        ]
        assert lines[3].startswith("Wx2[3]: CallServiceImpl: Removing Call with correlationId='")
        assert lines[0].startswith("Wx2[1]: Response: {")

    play(story)


def test_what_the_cloud_repeats_of_a_pin_is_not_logged() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", Reply(423, {"errorCode": 2423003, "message": "the pin 4711 is wrong"}))
        stage.line.place(2, dial("123456789", Leads.MEETING, pin=Secret("pin", "4711")))
        await stage.settle()
        assert stage.asked("POST", "/call")[0].json["pin"] == "4711"
        assert not [line for line in stage.cloud.log if "4711" in line]
        assert "4711" not in "".join(str(event) for event in stage.cloud.trace.events)

    play(story)


# -- answers that come late, elsewhere or not at all ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "waits_s"),
    [
        (Reply(429, {}, {"Retry-After": "7"}), 7.0),
        (Reply(503, {}), 1.0),
        (Reply(500, {}), 0.0),
        (Reply(502, b"<html>"), 0.0),
        (CUT, 0.0),
    ],
)
def test_a_request_that_was_not_taken_is_sent_again(reply: Reply, waits_s: float) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", reply, stage.loci.answer)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(waits_s + 0.1)
        first, second = stage.asked("POST", "/call")
        assert first.json["correlationId"] == second.json["correlationId"]
        assert second.at_s - first.at_s == pytest.approx(waits_s, abs=0.05)
        assert stage.ear.words == ["connecting", "established"]
        assert len(stage.loci.loci) == 1

    play(story)


def test_a_lost_answer_makes_no_second_call() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", _no_answer_but_done(stage), stage.loci.answer)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(0.1)
        assert len(stage.asked("POST", "/call")) == 1
        assert len(stage.loci.loci) == 1
        assert len(stage.asked("PUT", "/media")) == 1, "the answer's SDP was lost, so it is asked for again"
        assert stage.ear.words == ["connecting", "established"]

    play(story)


def test_what_could_not_be_found_again_is_left_when_the_cloud_is_back() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", _no_answer_but_done(stage))
        stage.cloud.on("GET", "/v1/loci", CUT)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(60)
        assert stage.end(2).cause_string == f"CallError ({FAILED}, unexpected, NoResponse, response 0/0)"
        assert stage.loci.is_in(stage.loci.only)
        stage.cloud.usual("GET", "/v1/loci")
        stage.cloud.on("GET", "/v1/loci", stage.loci.answer)
        await stage.settle(60)
        assert not stage.loci.is_in(stage.loci.only)

    play(story)


def test_the_cloud_never_answers() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", SILENCE)
        stage.cloud.on("GET", "/v1/loci", SILENCE)
        stage.line.place(2, dial("ada@room.example", Leads.PERSON))
        await stage.settle(120)
        assert stage.end(2).cause_type == "OtherLocal"

    play(story)


@pytest.mark.parametrize(
    "redirect",
    [
        Reply(307, b"", {"Location": "/locus/api/v1/loci/call?alternateRedirect=true&to=b"}),
        Reply(200, {"errorCode": 2000002, "location": f"{LOCUS}/loci/call?alternateRedirect=true&to=b"}),
        Reply(200, {}, {"cisco-location": f"{LOCUS}/loci/call?to=b"}),
    ],
)
def test_a_request_follows_where_it_is_sent(redirect: Reply) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", redirect, stage.loci.answer)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        first, second = stage.asked("POST", "/call")
        assert second.query["to"] == "b"
        assert first.json == second.json
        assert "established" in stage.ear.words

    play(story)


@pytest.mark.parametrize("location", [f"{LOCUS}/loci/call", "https://elsewhere.example/loci/call", "http://[", ""])
def test_a_redirect_that_leads_nowhere_is_the_end(location: str) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", Reply(307, b"", {"Location": location}))
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(60)
        assert stage.end(2).cause_type == "OtherLocal"
        assert not stage.loci.loci

    play(story)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", {"locus": 7}, {"locus": {"url": "no"}}])
def test_an_answer_that_makes_no_sense_is_the_end(body: Any) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", Reply(200, body))
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(5)
        assert "UnexpectedAnswer" in stage.end(2).cause_string

    play(story)


@pytest.mark.parametrize("reply_late_s", [1.0, 8.0])
def test_hanging_up_while_the_request_is_on_its_way(reply_late_s: float) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", lambda asked: replace(stage.loci.answer(asked), late_s=reply_late_s))
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(0.1)
        stage.line.leave(2)
        stage.line.leave(2)
        assert stage.end(2).cause_type == "LocalDisconnect"
        assert stage.loci.is_in(stage.loci.only)
        await stage.settle(reply_late_s + 1)
        assert not stage.loci.is_in(stage.loci.only)
        assert not stage.line.calls

    play(story)


def test_news_that_come_before_the_answer_are_not_lost() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", lambda asked: replace(stage.loci.answer(asked), late_s=1.0))
        stage.line.place(2, dial("ada@room.example", Leads.PERSON))
        await stage.settle(0.1)
        locus = dict(stage.loci.only)
        stage.loci.ada(locus, "JOINED")
        await stage.loci.push(stage.loci.step(locus), "participant_joined")
        assert stage.ear.words == ["connecting"]
        await stage.settle(1)
        assert stage.ear.words == ["connecting", "established"]

    play(story)


def test_a_device_that_is_not_registered_says_so() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.device.remove_account("test")
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        assert "NotRegistered" in stage.end(2).cause_string

    play(story)


# -- media ------------------------------------------------------------------------------------------------------------------------------


def test_a_call_without_a_path_for_media_is_dropped() -> None:
    async def story(stage: Stage) -> None:
        stage.media.media = Media(ice="Failed")
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        assert stage.ear.words == ["connecting", "established", "ended OtherLocal"]
        assert stage.ear.what is not None
        assert stage.ear.what.media.ice == "Failed"
        assert stage.end(2).cause_string == "ICE failed"
        assert not stage.loci.is_in(stage.loci.only)

    play(story)


def test_the_answer_to_the_offer_can_be_pushed() -> None:
    async def story(stage: Stage) -> None:
        def without(asked: Asked) -> Reply:
            reply = stage.loci.answer(asked)
            return Reply(body={**reply.body, "mediaConnections": [{"mediaId": "m1"}]})

        stage.cloud.on("POST", "/loci/call", without)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        assert stage.ear.words == ["connecting"]
        message = {"seq": 1, "messageType": "ANSWER", "version": "2", "sdps": ["v=0 pushed"]}
        await stage.cloud.peer.event("locus.message.roap", locusUrl=stage.loci.only["url"], message=message)
        assert stage.media.sessions[0].remotes == ["v=0 pushed"]
        assert stage.ear.words == ["connecting", "established"]

    play(story)


def test_media_that_is_lost_and_comes_back_or_does_not() -> None:
    async def story(stage: Stage) -> None:
        await stage.meeting()
        session = stage.media.sessions[0]
        session.on_lost()
        session.on_change(Media(path="tcp"))
        assert stage.ear.words[-1] == "media"
        session.on_lost()
        session.on_change(Media(ice="Failed"))
        await stage.settle()
        assert stage.end(2).cause_string == "Media connection lost"
        assert not stage.loci.is_in(stage.loci.only)
        told = [line.rpartition(": ")[2] for line in stage.cloud.lines("Wx2[6]: Diagnostic event: client.media.rec")]
        assert told == ["client.media.reconnecting", "client.media.recovered", "client.media.reconnecting"]

    play(story)


# -- lobby and PIN ----------------------------------------------------------------------------------------------------------------------


def _lobby(stage: Stage) -> None:
    stage.cloud.on(
        "POST", "/loci/call", lambda asked: Reply(body=stage.loci.join(stage.loci.make("MEETING", me="LEFT"), asked, waits=True))
    )  # fmt: skip


def test_the_device_waits_in_the_lobby_and_is_let_in() -> None:
    async def story(stage: Stage) -> None:
        _lobby(stage)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(13)
        locus = stage.loci.only
        assert stage.ear.words == ["connecting", "lobby"]
        assert len(stage.asked("GET", "/keepalive")) == 2
        locus["self"]["devices"][0].pop("intent")
        stage.loci.me(locus, "JOINED", "JOINED")
        await stage.loci.push(stage.loci.step(locus))
        assert stage.ear.words == ["connecting", "lobby", "established"]
        locus["self"]["devices"][0]["intent"] = {"type": "WAIT"}
        stage.loci.me(locus, "IDLE", "IDLE")
        await stage.loci.push(stage.loci.step(locus))
        assert stage.ear.words[3:] == ["lobby"]
        locus["self"]["devices"][0].pop("intent")
        stage.loci.me(locus, "JOINED", "JOINED")
        await stage.loci.push(stage.loci.step(locus))
        await stage.settle()
        assert stage.ear.words[4:] == ["established"]
        assert len(stage.media.sessions) == 2

    play(story)


@pytest.mark.parametrize(("reason", "kind"), [("LOBBY_EXPIRED", "RemoteNoAnswer"), ("FORCED", "RemoteDisconnect")])
def test_the_device_is_not_let_in(reason: str, kind: str) -> None:
    async def story(stage: Stage) -> None:
        _lobby(stage)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        stage.loci.me(stage.loci.only, "LEFT", "LEFT", reason=reason)
        await stage.loci.push(stage.loci.step(stage.loci.only))
        assert stage.end(2).cause_type == kind
        await stage.settle(30)
        assert not stage.asked("GET", "/keepalive")

    play(story)


def test_hanging_up_in_the_lobby() -> None:
    async def story(stage: Stage) -> None:
        _lobby(stage)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        stage.line.leave(2)
        await stage.settle()
        assert stage.end(2).cause_type == "LocalDisconnect"
        assert len(stage.asked("PUT", "/leave")) == 1

    play(story)


def _pin(stage: Stage, right: str) -> None:
    def check(asked: Asked) -> Reply:
        is_right = asked.json.get("pin") == right or asked.json.get("moderator") is False
        return stage.loci.answer(asked) if is_right else Reply(423, {"errorCode": 2423005})

    stage.cloud.on("POST", "/loci/call", check)


def test_a_meeting_asks_for_a_pin_until_it_is_right() -> None:
    async def story(stage: Stage) -> None:
        _pin(stage, "4711")
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        assert stage.ear.words == ["connecting", "asked HostPinOrGuest"]
        assert await stage.line.authenticate(2, "Host", Secret("pin", "1")) == "The PIN was wrong"
        assert stage.ear.words[2:] == ["asked HostPinOrGuest wrong"]
        assert await stage.line.authenticate(2, "Host", Secret("pin", "4711")) == ""
        await stage.settle()
        assert stage.ear.words[3:] == ["asked None", "established"]
        assert await stage.line.authenticate(2, "Host", None) == "The call does not ask for a PIN"
        assert await stage.line.authenticate(9, "Host", None) == "No such call"

    play(story)


def test_a_guest_needs_none() -> None:
    async def story(stage: Stage) -> None:
        _pin(stage, "4711")
        stage.line.place(2, dial("123456789", Leads.MEETING, role="Guest"))
        await stage.settle()
        assert stage.ear.words == ["connecting", "established"]

    play(story)


def test_a_question_that_nobody_answers_or_that_is_hung_up_on() -> None:
    async def story(stage: Stage) -> None:
        _pin(stage, "4711")
        stage.line.place(2, dial("123456789", Leads.MEETING))
        stage.line.place(3, dial("123456789", Leads.MEETING))
        await stage.settle()
        stage.line.leave(2)
        assert stage.end(2).cause_type == "LocalDisconnect"
        await stage.settle(ASKED_S_MAX)
        assert stage.end(3).cause_string == "No PIN was given"
        assert not stage.asked("PUT", "/leave"), "the device was never in"

    play(story)


def test_only_so_many_pins_are_tried() -> None:
    async def story(stage: Stage) -> None:
        _pin(stage, "4711")
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle()
        for _ in range(PINS_MAX - 1):
            assert await stage.line.authenticate(2, "Host", Secret("pin", "1")) == "The PIN was wrong"
        assert await stage.line.authenticate(2, "Host", Secret("pin", "1")) == "The call has ended"
        assert stage.end(2).cause_type == "RemoteRejected"

    play(story)
