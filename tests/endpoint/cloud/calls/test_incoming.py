"""Calls that come in: taken, refused, taken away; and what of the cloud's news does not ring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from endpoint.cloud.calls.call import RINGING_S_MAX
from endpoint.wire.callcontrol import Leads, Refusal
from tests.endpoint.cloud.calls.ground import ADA, DEVICE_URL, Stage, dial, play
from tests.endpoint.cloud.scripted import CUT, Reply


def test_a_call_rings_and_is_answered() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.rings()
        (told,) = stage.ear.rung
        assert (told.remote_uri, told.remote_number, told.display_name) == (f"spark:{ADA['email']}", ADA["id"], "Ada")
        (alert,) = stage.asked("PUT", "/participant/alert")
        assert alert.json["device"]["url"] == DEVICE_URL
        stage.line.answer(51)
        stage.line.answer(51)
        await stage.settle()
        assert stage.ear.words == ["ring", "established"]
        (join,) = stage.asked("POST", "/participant")
        assert join.json["correlationId"] == told.correlation_id
        assert join.json["sequence"]["entries"]
        assert stage.loci.is_in(locus)
        stage.line.leave(51)
        await stage.settle()
        assert stage.end(51).cause_type == "LocalDisconnect"

    play(story)


@pytest.mark.parametrize(("reason", "kind"), [(Refusal.BUSY, "LocalBusy"), (Refusal.DND, "LocalReject")])
def test_a_call_is_refused_by_people(reason: Refusal, kind: str) -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.rings()
        stage.line.decline(51, reason)
        assert stage.end(51).cause_type == kind
        await stage.loci.push(stage.loci.step(locus))
        await stage.settle()
        (decline,) = stage.asked("PUT", "/participant/decline")
        assert decline.json["reason"] == reason.value
        assert stage.ear.words.count("ring") == 1

    play(story)


def test_hanging_up_a_call_that_rings_refuses_it() -> None:
    async def story(stage: Stage) -> None:
        await stage.rings()
        stage.line.leave(51)
        assert stage.end(51).cause_type == "LocalReject"
        await stage.settle()
        assert len(stage.asked("PUT", "/participant/decline")) == 1

    play(story)


def test_a_room_that_lets_nothing_ring() -> None:
    async def story(stage: Stage) -> None:
        stage.ear.refuses = Refusal.DND
        stage.cloud.on("PUT", "/participant/decline", Reply(409, {"errorCode": 2409005}), stage.loci.answer)
        locus = await stage.rings()
        first, second = stage.asked("PUT", "/participant/decline")
        assert (first.json["reason"], second.json["reason"]) == ("DND", "DND")
        assert locus["self"]["state"] == "DECLINED"
        assert stage.ear.words == ["ring"]
        stage.loci.me(locus, "LEFT")
        await stage.loci.push(stage.loci.step(locus))
        locus["self"]["alertType"] = {"action": "FULL"}
        stage.loci.me(locus, "IDLE")
        await stage.loci.push(stage.loci.step(locus, state="ACTIVE"))
        assert stage.ear.words == ["ring", "ring"], "whoever calls anew is heard"

    play(story)


@pytest.mark.parametrize(
    ("change", "kind", "elsewhere"),
    [
        (lambda loci, locus: loci.step(locus, state="INACTIVE"), "RemoteDisconnect", False),
        (lambda loci, locus: loci.ada(locus, "LEFT"), "RemoteDisconnect", False),
        (lambda loci, locus: loci.me(locus, "LEFT", reason="ANSWERED_ELSEWHERE"), "OtherRemote", True),
        (
            lambda loci, locus: loci.me(locus, "JOINED", devices=[{"url": "http://other.test/d", "state": "JOINED"}]),
            "OtherRemote",
            True,
        ),
        (lambda loci, locus: loci.me(locus, "DECLINED"), "LocalReject", False),
        (lambda loci, locus: loci.me(locus, "LEFT", reason="UNANSWERED"), "OtherRemote", False),
    ],
)
def test_a_call_that_rings_is_taken_away(change: Any, kind: str, elsewhere: bool) -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.rings()
        change(stage.loci, locus)
        await stage.loci.push(stage.loci.step(locus))
        end = stage.end(51)
        assert (end.cause_type, end.elsewhere) == (kind, elsewhere)
        await stage.settle()
        assert not stage.asked("PUT", "/participant/decline")
        assert not stage.asked("PUT", "/leave")

    play(story)


def test_a_call_of_whose_end_nobody_tells_rings_no_longer_than_it_may() -> None:
    async def story(stage: Stage) -> None:
        await stage.rings()
        await stage.settle(RINGING_S_MAX - 1)
        assert not stage.ear.ends
        await stage.settle(1)
        assert stage.end(51).cause_string == "Unanswered"

    play(story)


def test_the_caller_is_faster_than_the_answer() -> None:
    async def story(stage: Stage) -> None:
        await stage.rings()
        stage.cloud.on("POST", "/participant", Reply(403, {"errorCode": 2403004}))
        stage.line.answer(51)
        await stage.settle()
        assert stage.end(51).cause_type == "RemoteDisconnect"

    play(story)


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_answer_that_is_refused_or_lost(is_lost: bool) -> None:
    async def story(stage: Stage) -> None:
        await stage.rings()

        def lost(asked: Any) -> Reply:
            stage.loci.answer(asked)
            return CUT

        reply = lost if is_lost else Reply(409, {"errorCode": 2409005})
        stage.cloud.on("POST", "/participant", reply, stage.loci.answer)
        stage.line.answer(51)
        await stage.settle(0.1)
        assert stage.ear.words == ["ring", "established"]
        assert len(stage.asked("POST", "/participant")) == (1 if is_lost else 2)

    play(story)


def test_hanging_up_while_the_answer_is_on_its_way() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.rings()
        stage.cloud.on("POST", "/participant", lambda asked: replace(stage.loci.answer(asked), late_s=1.0))
        stage.line.answer(51)
        await stage.settle(0.1)
        stage.line.leave(51)
        assert stage.end(51).cause_type == "LocalDisconnect"
        await stage.loci.push(stage.loci.step(locus))
        await stage.settle(2)
        assert not stage.loci.is_in(locus)

    play(story)


def test_two_calls_at_once() -> None:
    async def story(stage: Stage) -> None:
        await stage.person(2)
        await stage.rings()
        stage.line.answer(51)
        await stage.settle()
        assert await stage.line.hold(2, True) == ""
        assert sorted(stage.line.calls) == [2, 51]
        assert all(call.is_connected for call in stage.line.calls.values())
        stage.line.leave(2)
        await stage.settle()
        assert sorted(stage.line.calls) == [51]

    play(story)


# -- what does not ring -----------------------------------------------------------------------------------------------------------------


def test_a_part_of_a_locus_that_is_not_known_is_asked_for_as_a_whole() -> None:
    async def story(stage: Stage) -> None:
        locus = stage.loci.make(peer="JOINED")
        locus["self"]["alertType"] = {"action": "FULL"}
        part = {name: locus[name] for name in ("url", "sequence", "self")} | {
            "baseSequence": {"entries": [1], "rangeStart": 0, "rangeEnd": 0}, "participants": [],
        }  # fmt: skip
        await stage.loci.push(part, "difference")
        await stage.loci.push(part, "difference")
        await stage.settle()
        assert stage.ear.words == ["ring"]

    play(story)


def test_a_part_where_a_whole_locus_was_asked_for_does_not_ring() -> None:
    async def story(stage: Stage) -> None:
        locus = stage.loci.make(peer="JOINED")
        locus["self"]["alertType"] = {"action": "FULL"}
        part = {**locus, "baseSequence": {"entries": [1], "rangeStart": 0, "rangeEnd": 0}}
        stage.cloud.on("GET", locus["url"].partition("//")[2], Reply(body=part))
        await stage.loci.push(part, "difference")
        await stage.settle()
        assert stage.ear.words == []
        assert stage.cloud.lines("Wx2 W: locus not understood: locus.baseSequence")

    play(story)


def test_a_call_that_was_given_up_before_it_rang_does_not_go_on_ringing() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", "/loci/call", lambda asked: replace(stage.loci.answer(asked), late_s=500.0))
        stage.cloud.on("PUT", "/participant/alert", Reply(403, {"errorCode": 2403004}))
        stage.line.place(2, dial("ada@room.example", Leads.PERSON))  # while it is set up, parts of unknown loci wait
        locus = stage.loci.make(peer="JOINED")
        locus["self"]["alertType"] = {"action": "FULL"}
        whole = {**locus}
        stage.loci.step(locus, state="INACTIVE")
        part = {name: locus[name] for name in ("url", "sequence", "fullState")} | {"baseSequence": whole["sequence"]}
        await stage.loci.push(part, "difference")
        await stage.loci.push(whole, "participant_joined")
        await stage.settle()
        assert stage.ear.words[-2:] == ["ring", "ended RemoteDisconnect"]
        stage.line.leave(2)

    play(story)


@pytest.mark.parametrize(
    "change",
    [
        {"self": {"alertType": {"action": "NONE"}}},
        {"self": {"alertType": {"action": "FULL"}, "state": "LEFT"}},
        {"self": {"alertType": {"action": "FULL"}, "removed": True}},
        {"fullState": {"state": "INACTIVE", "active": False, "type": "CALL"}},
        {"self": {"alertType": {"action": "FULL"}, "state": "JOINED", "devices": [{"url": "http://other.test/d", "state": "JOINED"}]}},
    ],
)  # fmt: skip
def test_what_does_not_ring(change: dict[str, Any]) -> None:
    async def story(stage: Stage) -> None:
        locus = stage.loci.make(peer="JOINED")
        for name, members in change.items():
            locus[name] = {**locus[name], **members}
        await stage.loci.push(locus, "participant_joined")
        await stage.settle()
        assert stage.ear.words == []
        assert not stage.line.calls

    play(story)


def test_late_and_repeated_news_do_not_ring_again() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.rings()
        first = {**locus}
        await stage.loci.push(first)
        stage.loci.ada(locus, "LEFT")
        await stage.loci.push(stage.loci.step(locus, state="INACTIVE"))
        assert stage.end(51)
        await stage.loci.push(first)
        await stage.settle()
        assert stage.ear.words.count("ring") == 1

    play(story)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"locusUrl": "no"},
        {"locusUrl": "http://locus-a.wbx2.test/locus/api/v1/loci/1", "locus": []},
        {"locus": {"url": "http://locus-a.wbx2.test/locus/api/v1/loci/1", "self": 7}},
    ],
)
def test_what_breaks_a_rule_is_dropped(data: dict[str, Any]) -> None:
    async def story(stage: Stage) -> None:
        await stage.cloud.peer.event("locus.participant_joined", **data)
        assert stage.cloud.lines("Wx2 W: locus.participant_joined ignored: ")
        await stage.rings()
        assert stage.ear.words == ["ring"]

    play(story)
