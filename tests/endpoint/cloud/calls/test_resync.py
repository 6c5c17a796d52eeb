"""Calls and the way to the cloud: Mercury that comes and goes, a network that is gone, a device that goes off."""

from __future__ import annotations

from typing import Any

import pytest

from endpoint.cloud.calls.watch import GIVEN_UP_S, PRESERVED_S
from endpoint.wire.callcontrol import Leads
from tests.endpoint.cloud.calls.ground import Stage, dial, play
from tests.endpoint.cloud.scripted import CUT, Asked, Reply


async def _reconnect(stage: Stage) -> None:
    await stage.cloud.peer.cut()
    await stage.settle(10)
    assert stage.cloud.device.mercury.is_open


def test_what_was_missed_is_made_good_when_mercury_is_back() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        other = await stage.person(3)
        stage.loci.ada(locus, "JOINED", controls={"audio": {"muted": True}})
        stage.loci.step(locus)
        stage.loci.ada(other, "LEFT")
        stage.loci.me(other, "LEFT", "LEFT")
        stage.loci.step(other, state="INACTIVE")
        await _reconnect(stage)
        assert list(stage.line.calls) == [2]
        assert stage.end(3).cause_type == "RemoteDisconnect"
        assert stage.ear.conference is not None
        assert stage.ear.conference.members[0].audio_muted

    play(story)


def test_a_call_that_the_cloud_has_forgotten_is_over() -> None:
    async def story(stage: Stage) -> None:
        await stage.person(2)
        await stage.rings()
        stage.loci.loci.clear()
        await _reconnect(stage)
        assert not stage.line.calls
        assert stage.end(2).cause_type == "OtherRemote"

    play(story)


def test_a_call_that_came_while_nothing_was_pushed_rings() -> None:
    async def story(stage: Stage) -> None:
        locus = stage.loci.make(peer="JOINED")
        locus["self"]["alertType"] = {"action": "FULL"}
        await _reconnect(stage)
        assert stage.ear.words == ["ring"]

    play(story)


def test_a_call_that_was_left_behind_is_left() -> None:
    async def story(stage: Stage) -> None:
        locus = stage.loci.make(peer="JOINED", me="JOINED")
        stage.loci.me(locus, "JOINED", "JOINED")
        await stage.loci.push(locus)
        await stage.loci.push(locus)
        await stage.settle()
        assert len(stage.asked("PUT", "/leave")) == 1
        assert not stage.loci.is_in(locus)
        assert stage.cloud.lines("Wx2 W: leaving a call that was left behind: ")

    play(story)


def test_loci_that_are_named_only_and_those_of_other_clusters_are_asked_for() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        far = "http://locus-b.wbx2.test/locus/api/v1"
        stage.cloud.on(
            "GET",
            "locus-a.wbx2.test/locus/api/v1/loci",
            Reply(body={"loci": [], "remoteLocusClusterUrls": [far]}),
            stage.loci.answer,
        )
        stage.cloud.on(
            "GET", "locus-b.wbx2.test/locus/api/v1/loci", Reply(body={"loci": [], "locusUrls": [locus["url"]]})
        )
        stage.cloud.services["locus-b"] = far.replace("http:", "https:")
        await stage.cloud.device.catalog.fetch()
        await _reconnect(stage)
        assert list(stage.line.calls) == [2]
        assert stage.asked("GET", "/v1/loci")[-1].host == "locus-b.wbx2.test"

    play(story)


def test_a_look_at_all_loci_that_fails_is_repeated() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        stage.cloud.on("GET", "/v1/loci", *[Reply(500)] * 6, stage.loci.answer)
        stage.loci.me(locus, "LEFT", "LEFT")
        stage.loci.step(locus, state="INACTIVE")
        await _reconnect(stage)
        await stage.settle(60)
        assert not stage.line.calls

    play(story)


def test_while_nothing_is_pushed_the_cloud_is_asked() -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("GET", "/messages", Reply(503))
        locus = await stage.person(2)
        await stage.cloud.peer.cut()
        await stage.settle(60)
        assert "preserved True" not in stage.ear.words
        stage.loci.ada(locus, "LEFT")
        stage.loci.step(locus, state="INACTIVE")
        await stage.settle(12)
        assert stage.end(2).cause_type == "RemoteDisconnect"

    play(story)


def test_a_call_outlives_the_way_to_the_cloud_for_a_while() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        stage.cloud.on("GET", "/messages", CUT)
        stage.cloud.on("GET", "locus-a.wbx2.test", CUT)
        await stage.cloud.peer.cut()
        await stage.settle(PRESERVED_S - 1)
        assert "preserved True" not in stage.ear.words
        await stage.settle(15)
        assert stage.ear.words[-1] == "preserved True"
        stage.cloud.usual("GET", "locus-a.wbx2.test")
        await stage.settle(15)
        assert stage.ear.words[-1] == "preserved False"
        stage.cloud.on("GET", "locus-a.wbx2.test", CUT)
        await stage.settle(GIVEN_UP_S + 25)
        assert stage.end(2).cause_string == "Network lost"
        stage.cloud.usual("GET", "locus-a.wbx2.test")
        stage.cloud.usual("GET", "/messages")
        await stage.settle(120)
        assert not stage.loci.is_in(locus), "it was left when the cloud could be told"

    play(story)


@pytest.mark.parametrize("reply", [CUT, Reply(500), Reply(404, {"errorCode": 2404001})])
def test_hanging_up_when_the_cloud_does_not_take_it(reply: Reply) -> None:
    async def story(stage: Stage) -> None:
        await stage.person(2)
        stage.cloud.on("PUT", "/leave", reply)
        stage.line.leave(2)
        await stage.settle(2.1)
        assert stage.end(2).cause_type == "LocalDisconnect"
        await stage.settle(200)
        assert not stage.line.calls

    play(story)


def test_a_leave_that_is_refused_once_is_sent_again() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        stage.cloud.on(
            "PUT",
            "/leave",
            Reply(409, {"errorCode": 2409005}),
            Reply(429, {}, {"Retry-After": "3"}),
            CUT,
            stage.loci.answer,
        )
        stage.line.leave(2)
        await stage.settle(10)
        assert not stage.loci.is_in(locus)
        assert stage.end(2).cause_type == "LocalDisconnect"

    play(story)


# -- the device -------------------------------------------------------------------------------------------------------------------------


def test_a_device_that_goes_off_leaves_its_calls() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        await stage.cloud.device.shut_down()
        assert not stage.loci.is_in(locus)
        assert stage.end(2).cause_type == "LocalDisconnect"

    play(story)


def test_a_device_that_goes_off_lets_a_call_ring_elsewhere() -> None:
    async def story(stage: Stage) -> None:
        await stage.rings()
        await stage.cloud.device.shut_down()
        assert stage.end(51).cause_type == "OtherLocal"
        assert stage.asked("PUT", "/participant/decline") == []

    play(story)


def test_a_device_that_goes_off_does_not_wait_for_a_cloud_that_is_gone() -> None:
    async def story(stage: Stage) -> None:
        await stage.person(2)
        stage.cloud.on("PUT", "/leave", lambda asked: Reply(late_s=500))
        began_s = stage.clock.time()
        await stage.cloud.device.shut_down()
        assert stage.clock.time() - began_s < 5
        assert len(stage.ear.ends[2]) == 1

    play(story)


def test_a_device_that_lost_its_power_says_nothing_and_leaves_when_it_is_back() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        heard = len(stage.ear.heard)
        await stage.cloud.device.crash()
        assert len(stage.ear.heard) == heard
        assert stage.loci.is_in(locus)
        await stage.cloud.device.boot()
        stage.plug()
        await stage.cloud.device.until_online()
        await stage.settle(5)
        assert not stage.loci.is_in(locus)
        stage.ear.heard.clear()

    play(story)


def test_an_account_that_is_removed_ends_all_calls() -> None:
    async def story(stage: Stage) -> None:
        await stage.person(2)
        await stage.rings()
        stage.cloud.on("POST", "/loci/call", lambda asked: Reply(late_s=5.0))
        stage.line.place(3, dial("123456789", Leads.MEETING))
        await stage.settle()
        stage.cloud.device.remove_account("test")
        assert [stage.end(call_id).cause_type for call_id in (2, 51, 3)] == ["OtherLocal"] * 3
        assert all(session.is_closed for session in stage.media.sessions)
        await stage.settle(30)
        assert not stage.line.calls

    play(story)


# -- the order of news --------------------------------------------------------------------------------------------------------------------


def _delta(locus: dict[str, Any], base: list[int], **members: Any) -> dict[str, Any]:
    def sequence(entries: list[int]) -> dict[str, Any]:
        return {"entries": entries, "rangeStart": 0, "rangeEnd": 0}

    return {
        "url": locus["url"], "baseSequence": sequence(base), "sequence": sequence(locus["sequence"]["entries"]),
        "participants": [], **members,
    }  # fmt: skip


def test_a_gap_in_the_news_is_closed_by_asking() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        synced: list[Asked] = []

        def sync(asked: Asked) -> Reply:
            synced.append(asked)
            return Reply(body=locus)

        stage.cloud.on("GET", "/sync", sync)
        missed = stage.loci.step(locus)["sequence"]["entries"]
        stage.loci.step(locus)
        locus["controls"] = {"lock": {"locked": True}}
        await stage.loci.push(_delta(locus, missed), "difference")
        assert not synced
        await stage.settle(15.1)
        assert len(synced) == 1
        assert stage.ear.conference is not None
        assert stage.ear.conference.locked
        assert stage.cloud.lines("Wx2 W: locus sequence gap, fetching http")

    play(story)


def test_a_list_of_loci_with_something_strange_in_it() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        stage.cloud.on(
            "GET",
            "/v1/loci",
            Reply(body={"loci": [{"url": []}, {}, {"url": "no"}, locus]}),
        )
        await _reconnect(stage)
        assert list(stage.line.calls) == [2]
        assert len(stage.cloud.lines("Wx2 W: locus not understood: ")) == 3

    play(story)


@pytest.mark.parametrize(("down_s", "is_pushed"), [(60.0, True), (3600.0, True), (3600.0, False)])
def test_a_locus_that_was_lost_while_the_service_was_down_is_found_again_without_mercury_reconnecting(
    down_s: float, is_pushed: bool
) -> None:
    """What is pushed of it meanwhile is not taken: nobody but the service can tell that the call has ended."""

    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        stage.loci.step(locus)  # is never told
        is_down, served = True, stage.loci.answer
        for method in ("GET", "PUT"):
            stage.cloud.on(
                method, "locus-a.wbx2.test/locus/api/v1/loci", lambda asked: CUT if is_down else served(asked)
            )
        missed = locus["sequence"]
        gap = {"url": locus["url"], "baseSequence": missed, "sequence": stage.loci.step(locus)["sequence"]}
        await stage.loci.push(gap, "difference")
        await stage.settle(down_s)
        assert stage.cloud.device.mercury.is_open
        is_down = False
        before = locus["sequence"]
        stage.loci.ada(locus, "LEFT")
        stage.loci.me(locus, "LEFT", "LEFT")
        stage.loci.step(locus, state="INACTIVE")
        if is_pushed:
            told = {"url": locus["url"], "baseSequence": before, "sequence": locus["sequence"]}
            await stage.loci.push(told, "difference")
        await stage.settle(60.0)
        assert stage.end(2).cause_type == "RemoteDisconnect"

    play(story)
