"""How a change reaches those whom it concerns: numbers, wholes and deltas, what was missed, and faults on the way."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from callers import LOCUS, Caller, caller, member, told
from cloud_world import World

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import Made
from cloud_stub.services.locus import book, render
from cloud_stub.services.locus.state import LEGS_MAX, Locus, Participant
from endpoint.wire import codec
from endpoint.wire.locus.dto import parse_locus
from endpoint.wire.locus.merge import merge
from endpoint.wire.locus.sequence import Advice, Order, compare, parse_sequence


async def meeting(world: World, *, is_plain: bool = False) -> tuple[Caller, str]:
    """Let Ada begin a meeting; returns her client and the id of the locus."""
    ada = await caller(world, is_plain=is_plain)
    locus = (await ada.call(None)).json["locus"]
    await asyncio.sleep(0.05)
    return ada, locus["url"].rpartition("/")[2]


async def current(one: Caller) -> dict[str, Any]:
    """Fetch the locus as it is."""
    answer: dict[str, Any] = (await one.ask("GET", one.locus["url"])).json
    return answer


def test_every_number_rises_and_every_delta_starts_from_what_its_receiver_has() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        do = world.cloud.calls
        seen = [parse_sequence(ada.locus["sequence"])]
        for name in ("Bob", "Cyd", "Dan"):
            do.person(call, name, "join")
        for what in ("mute", "raise_hand", "share", "stop_share", "lower_hand", "unmute", "hold", "resume") * 3:
            do.person(call, "Bob", what)
            await asyncio.sleep(0.03)
            seen.append(parse_sequence(ada.locus["sequence"]))
        do.person(call, "Cyd", "leave")
        await asyncio.sleep(0.1)
        assert set(ada.advice) <= {Advice.USE_INCOMING, Advice.USE_CURRENT}
        for before, after in itertools.pairwise(seen):
            assert compare(before, after) is Order.LESS_THAN
            assert after.last > before.last
            assert len(after.entries) <= book.ENTRIES_MAX
            assert after.last < 2**53
        assert seen[-1].range_end > 0, "old numbers become a range"
        assert ada.locus == await current(ada)
        assert "locus.difference" in ada.kinds

    told(story)


@pytest.mark.parametrize(
    ("form", "is_plain", "kinds"),
    [
        ("auto", True, {"locus.participant_joined", "locus.participant_audio_muted"}),
        ("auto", False, {"locus.participant_joined", "locus.difference"}),
        ("full", False, {"locus.participant_joined", "locus.participant_audio_muted"}),
        ("delta", False, {"locus.participant_joined", "locus.difference"}),
        ("delta", True, {"locus.participant_joined", "locus.difference"}),
    ],
)
def test_the_form_of_events_is_what_the_client_takes_or_what_is_set(form: str, is_plain: bool, kinds: set[str]) -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world, is_plain=is_plain)
        world.cloud.calls.person(call, "Bob", "join")
        world.cloud.calls.person(call, "Bob", "mute")
        await asyncio.sleep(0.1)
        assert set(ada.kinds) == kinds
        assert "baseSequence" not in ada.events[0]["locus"], "the first one is whole"
        second = ada.events[1]
        assert ("baseSequence" in second["locus"]) is (form == "delta")
        assert member(ada.locus, "Bob")["controls"]["audio"]["muted"] is True

    told(story, CloudSettings(locus_events=form))


def test_what_was_missed_is_a_delta_nothing_or_the_whole() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        known = ada.locus
        assert (await ada.ask("GET", known["syncUrl"])).status == 204
        for n in range(5):
            world.cloud.calls.person(call, f"Person {n}", "join")
        delta = await ada.ask("GET", known["syncUrl"])
        assert delta.json["baseSequence"] == known["sequence"]
        assert merge(known, delta.json) == await current(ada)
        for _ in range(book.HISTORY_MAX):
            world.cloud.calls.person(call, "Person 1", "mute")
            world.cloud.calls.person(call, "Person 1", "unmute")
        whole = await ada.ask("GET", known["syncUrl"])
        assert "baseSequence" not in whole.json
        assert whole.json == await current(ada)
        for bad in ("", "x", "-1", "٣", "9" * 30):
            refused = await ada.ask("GET", f"{known['url']}/sync?since={bad}")
            assert (refused.status, refused.json["errorCode"]) == (400, 2400014)

    told(story)


async def healed(ada: Caller) -> None:
    """Do what a client does that is out of step: sync."""
    answer = await ada.ask("GET", ada.locus["syncUrl"])
    if answer.status == 200:
        key = next(reversed(ada.views))
        ada.views[key] = merge(ada.views[key], answer.json) if "baseSequence" in answer.json else answer.json


@pytest.mark.parametrize(
    ("do", "advice"),
    [
        ("delta_gap", [Advice.WAIT]),
        ("out_of_order", [Advice.WAIT, Advice.USE_INCOMING]),
        ("duplicate", [Advice.USE_INCOMING, Advice.USE_CURRENT, Advice.USE_INCOMING]),
        ("too_big", [Advice.FETCH, Advice.WAIT]),
        ("url_changed", [Advice.URL_CHANGED]),
    ],
)
def test_faults_of_events_lead_to_what_the_rules_say_and_a_sync_heals(do: str, advice: list[Advice]) -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        world.cloud.calls.person(call, "Bob", "join")
        await asyncio.sleep(0.05)
        ada.advice.clear()
        world.cloud.use_cases.fault("f", "locus", do, count=1)
        world.cloud.calls.person(call, "Bob", "mute")
        await asyncio.sleep(0.05)
        world.cloud.calls.person(call, "Bob", "raise_hand")
        await asyncio.sleep(0.1)
        assert ada.advice[: len(advice)] == advice
        if do == "url_changed":
            old = ada.locus["url"]
            assert ada.events[-2]["locusUrl"] == old, "its client knows it by the old address"
            assert ada.events[-2]["locus"]["url"] != old
        await healed(ada)
        assert ada.locus == await current(ada)
        bob = member(ada.locus, "Bob")
        assert (bob["controls"]["audio"]["muted"], bob["controls"]["hand"]["raised"]) == (True, True)
        ada.advice.clear()
        if do != "url_changed":
            world.cloud.calls.person(call, "Bob", "unmute")
            await asyncio.sleep(0.05)
            assert ada.advice == [Advice.USE_INCOMING]

    told(story)


def test_an_event_that_waits_for_its_successor_goes_out_without_one() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        world.cloud.use_cases.fault("f", "locus", "out_of_order")
        world.cloud.calls.person(call, "Bob", "join")
        await asyncio.sleep(1)
        assert len(ada.locus["participants"]) == 1
        await asyncio.sleep(2)
        assert len(ada.locus["participants"]) == 2

    told(story)


def test_a_roster_too_long_for_an_event_is_only_announced() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        for n in range(60):
            world.cloud.calls.person(call, f"Person {n}", "join")
        await asyncio.sleep(0.5)
        for event in ada.events:
            assert len(codec.encode(event)) <= book.EVENT_BYTES_MAX
        last = ada.events[-1]["locus"]
        assert last["baseSequence"] == last["sequence"]
        await healed(ada)
        assert len(ada.locus["participants"]) == 61

    told(story, CloudSettings(locus_events="full"))


def test_what_the_cloud_says_can_be_read_and_holds_no_secret_in_the_trace() -> None:
    async def story(world: World) -> None:
        shown: list[str] = []
        world.trace.subscribe(lambda event: shown.append(event.as_json()))
        ada, call = await meeting(world)
        offer = (
            '{"roapMessage": {"seq": 1, "messageType": "OFFER", "version": "2", "sdps": ["v=0 very-secret-ice-pwd"]}}'
        )
        body = ada.own(localMedias=[{"localSdp": offer, "mediaId": "m"}])
        answer = await ada.ask("PUT", f"{ada.locus['self']['url']}/media", body)
        assert '"messageType":"ANSWER"' in answer.json["mediaConnections"][0]["remoteSdp"]
        world.cloud.calls.meeting_set(call, pin="987654")
        for event in ada.events:
            parse_locus(event["locus"])
        everything = "".join(shown)
        assert "locus.participant_joined" in everything
        assert "very-secret-ice-pwd" not in everything
        assert "987654" not in everything
        assert "remoteSdp" not in everything

    told(story)


def test_loci_that_are_over_are_forgotten_after_a_while() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        await ada.leave(ada.locus)
        assert (await ada.ask("GET", f"/loci/{call}")).json["fullState"]["state"] == "INACTIVE"
        await asyncio.sleep(book.ENDED_KEPT_S + 1)
        gone = await ada.ask("GET", f"/loci/{call}")
        assert (gone.status, gone.json["errorCode"]) == (404, 2404001)
        assert world.cloud.calls.list() == []
        assert not [key for key in world.cloud.switchboard.book.timers._running if key[0] == call]

    told(story)


def test_at_most_so_many_loci_that_are_over_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "ENDED_MAX", 3)
    monkeypatch.setattr(book, "LOCI_MAX", 2)

    async def story(world: World) -> None:
        ada = await caller(world)
        for _ in range(5):
            made = await ada.call(None)
            await ada.leave(made.json["locus"])
        assert len(world.cloud.calls.list()) == 3
        assert [(await ada.call(None)).status for _ in range(3)] == [200, 200, 503]

    told(story)


def test_nothing_grows_with_the_calls_that_were_made() -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        store, board = world.cloud.platform.store, world.cloud.switchboard.book
        counts = []
        for _ in range(2):
            for _ in range(10):
                made = await ada.call("someone@elsewhere.example")
                world.cloud.calls.person(made.json["locus"]["url"].rpartition("/")[2], "Bob", "join")
                await ada.leave(made.json["locus"])
                world.cloud.calls.end(made.json["locus"]["url"].rpartition("/")[2])
            await asyncio.sleep(book.ENDED_KEPT_S + 1)
            counts.append(
                (len(store[Made]), len(board._kept), len(board._of_user), len(board.timers), len(board._aliases))
            )
        assert counts[0] == counts[1]
        assert counts[1][1:] == (0, 0, 0, 0)

    told(story)


def test_loci_under_an_address_of_ours_have_addresses_of_ours() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        reply = await world.ask("GET", f"{LOCUS}/loci/{call}", token=ada.token, host="locus-a.wbx2.test")
        assert reply.json["url"] == f"http://locus-a.wbx2.test/locus/api/v1/loci/{call}"

    told(story)


def test_an_event_draws_every_participant_once_however_many_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = render._participant

    def counted(locus: Locus, one: Participant, view: render.View) -> dict[str, Any]:
        drawn.append(one.id)
        return draw(locus, one, view)

    async def story(world: World) -> None:
        ada, call = await meeting(world)
        people = [await caller(world, f"Person {n}") for n in range(12)]
        for one in people:
            assert (await one.join(ada.locus["url"])).status == 200
        await asyncio.sleep(0.1)
        monkeypatch.setattr(render, "_participant", counted)
        world.cloud.calls.person(call, "Person 3", "raise_hand")
        await asyncio.sleep(0.1)
        monkeypatch.setattr(render, "_participant", draw)
        assert len(drawn) <= 4 * len(people), "once for all, and for each his own"
        for one in (ada, *people):
            assert one.locus == await current(one)

    told(story)


def test_clients_that_come_and_go_leave_nothing_in_a_meeting_that_goes_on() -> None:
    async def story(world: World) -> None:
        ada, call = await meeting(world)
        bob = await caller(world, "Bob")
        for _ in range(LEGS_MAX + 5):
            one = await caller(world, user_id=bob.user_id, is_plain=True)
            joined = await one.join(ada.locus["url"])
            assert joined.status == 200, joined.raw
            assert len(joined.json["mediaConnections"]) == len(joined.json["locus"]["self"]["devices"])
            await asyncio.sleep(0.05)
            assert (await world.ask("DELETE", one.device_url, token=one.token)).status == 204
            await asyncio.sleep(0.05)
        kept = world.cloud.switchboard.book._kept[call]
        assert len(kept.told) <= 2
        assert not kept.plain
        assert len(member(ada.locus, "Bob")["devices"]) == LEGS_MAX
        assert ada.locus == await current(ada)

    told(story)
