"""Whatever is asked in whatever order: answers are of the documented kinds, numbers rise, and everybody ends with the same roster."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from callers import Caller, caller, told
from cloud_world import World
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.platform.errors import CloudError, Conflict, NotFound
from cloud_stub.services.locus import changes
from cloud_stub.services.locus.state import Leg, Locus, Participant
from endpoint.runtime.clock import parse_iso
from endpoint.wire.locus.dto import LocusState, State, parse_locus
from endpoint.wire.locus.merge import merge
from endpoint.wire.locus.sequence import Advice, Order, advise_delta, compare, parse_sequence

NOW = parse_iso("2026-03-02T08:00:00Z")
PEOPLE = ("Ana", "Ben", "Cyd")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**54)
    | st.text(max_size=6)
    | st.sampled_from(["GRANTED", "all", "1#", "BUSY"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "deviceUrl", "device", "correlationId", "sequence", "invitee", "localMedias", "reason", "pin", "moderator", "role", "floor", "dtmf",
        "held", "locusUrls", "invitees", "lock", "record", "audio", "video", "disallowUnmute", "admit", "layout", "hand", "lobby",
        "clientMediaPreferences",
    ]
)  # fmt: skip
BODIES = st.dictionaries(MEMBERS, JSON, max_size=6)
ROUTES = [
    ("POST", "/loci/call"), ("POST", "{url}/participant"), ("PUT", "{url}/participant/alert"), ("PUT", "{url}/participant/decline"),
    ("PUT", "{me}/media"), ("POST", "{me}/sendDtmf"), ("PUT", "{me}/hold"), ("PATCH", "{me}/controls"), ("PUT", "{url}/mediashares/0"),
    ("PATCH", "{url}/controls"), ("POST", "{url}/participants"), ("PUT", "{url}/merge"), ("PUT", "{me}/leave"),
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ROUTES), BODIES | JSON, st.booleans()), max_size=12))
def test_any_body_gets_an_answer_that_is_documented(asked: list[tuple[tuple[str, str], Any, bool]]) -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        locus = (await ada.call(None)).json["locus"]
        for (method, path), body, is_known in asked:
            url = path.format(url=locus["url"], me=locus["self"]["url"])
            if is_known and isinstance(body, dict):
                body = {**body, "device": {"url": ada.device_url, "deviceType": "WEB"}, "deviceUrl": ada.device_url}
            reply = await ada.ask(method, url, body)
            assert reply.status in (200, 400, 403, 404, 409, 423), (method, url, body, reply.raw)
            if reply.status != 200:
                assert reply.json["message"]
        await asyncio.sleep(0.1)
        for event in ada.events:
            parse_locus(event["locus"])

    told(story)


STEPS = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from(
        [
            "join",
            "leave",
            "mute",
            "unmute",
            "share",
            "stop_share",
            "raise_hand",
            "hold",
            "resume",
            "lobby",
            "admit",
            "drop",
        ]
    ),
    st.sampled_from([0.0, 0.0, 0.01, 0.05]),
)
FAULTS = st.lists(st.sampled_from(["delta_gap", "out_of_order", "duplicate", "too_big", "url_changed"]), max_size=4)


async def healed(one: Caller) -> None:
    """Sync as often as a client would."""
    url = list(one.views)[-1]
    for _ in range(3):
        answer = await one.ask("GET", one.views[url]["syncUrl"])
        if answer.status == 204:
            return
        came = answer.json
        one.views[url] = merge(one.views[url], came) if "baseSequence" in came else came


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=25), FAULTS)
def test_views_converge_whatever_becomes_of_events(steps: list[tuple[str, str, float]], faults: list[str]) -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        call = (await ada.call(None)).json["locus"]["url"].rpartition("/")[2]
        await asyncio.sleep(0.05)
        for n, do in enumerate(faults):
            world.cloud.use_cases.fault(f"f{n}", "locus", do, count=2, skip=3 * n)
        last = parse_sequence(ada.locus["sequence"])
        use = world.cloud.calls
        for who, what, wait_s in steps:
            with suppress(NotFound, Conflict):
                if what in ("lobby", "admit", "drop"):
                    getattr(use, what)(call, who)
                else:
                    use.person(call, who, what)
            await asyncio.sleep(wait_s)
            now = world.cloud.switchboard.book.find(call)
            assert now is not None
            assert compare(last, now.sequence) in (Order.LESS_THAN, Order.EQUAL)
            last = now.sequence
        await asyncio.sleep(3)
        if not faults:
            assert set(ada.advice) <= {Advice.USE_INCOMING, Advice.USE_CURRENT}
        else:
            await healed(ada)
        url = list(ada.views)[-1]
        current = (await ada.ask("GET", url)).json
        assert ada.views[url] == current
        shown = {one["name"]: one["state"] for one in use.query("call", [call])["roster"]}
        assert {one["person"]["name"]: one["state"] for one in current["participants"]} == shown

    told(story)


WORDS = ["invite", "alert", "enter", "wait", "admit", "refuse", "go", "lose"]
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(WORDS)), max_size=30)


def changed(locus: Locus, one: Participant, what: str) -> Locus:
    """Do something with a participant; what does not fit is refused with 409 and leaves the locus as it is."""
    leg = Leg(id=f"d{one.id}")
    acts = {
        "invite": lambda: changes.invited(locus, one),
        "alert": lambda: changes.alerted(locus, one, leg),
        "enter": lambda: changes.entered(locus, one, leg, alone=not locus.is_meeting),
        "wait": lambda: changes.waits(locus, one, leg),
        "admit": lambda: changes.admitted(locus, one),
        "refuse": lambda: changes.refused(locus, one, "BUSY"),
        "go": lambda: changes.gone(locus, one),
        "lose": lambda: changes.without_leg(locus, one, leg.id, "INACTIVE"),
    }
    try:
        return acts[what]()
    except CloudError as refused:
        if refused.status != 409:
            raise
        return locus


@given(st.booleans(), EVENTS)
def test_a_locus_keeps_its_rules(is_meeting: bool, steps: list[tuple[int, str]]) -> None:
    people = [Participant(id=f"p{n}", name=f"P{n}", user_id=f"u{n}") for n in range(4)]
    locus = Locus(id="l", created=NOW, last_active=NOW, is_meeting=is_meeting)
    locus = changes.entered(locus, people[0], Leg(id="dp0"))
    locus = changes.invited(locus, people[1])
    for n, what in steps:
        locus = changed(locus, locus.participant(f"p{n}") or people[n], what)
        for each in locus.participants:
            assert (each.state is State.JOINED) == bool(each.joined_legs)
            if each.state in (State.LEFT, State.DECLINED):
                assert (each.is_alerted, each.is_waiting, each.hand) == (False, False, False)
        if locus.state is LocusState.INACTIVE:
            assert not locus.joined
            break
        if what in ("go", "lose", "refuse"):
            assert locus.joined or any(one.is_waiting for one in locus.participants)


ACTS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), STEPS.map(lambda step: step[1])), min_size=2, max_size=12
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(ACTS)
def test_what_was_missed_leads_from_every_state_since_to_the_present_one(acts: list[tuple[str, str]]) -> None:
    """A sync is asked from one state, and taken on a later one, if an answer to a request came first."""

    async def story(world: World) -> None:
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        url = (await ada.call(None)).json["locus"]["url"]
        await bob.join(url)
        call, use = url.rpartition("/")[2], world.cloud.calls
        views: dict[str, list[Any]] = {one.user_id: [(await one.ask("GET", url)).json] for one in (ada, bob)}
        for who, what in acts:
            with suppress(NotFound, Conflict):
                if what in ("lobby", "admit", "drop"):
                    getattr(use, what)(call, who)
                else:
                    use.person(call, who, what)
            for one in (ada, bob):
                views[one.user_id].append((await one.ask("GET", url)).json)
        for one in (ada, bob):
            seen = views[one.user_id]
            for n, known in enumerate(seen):
                missed = await one.ask("GET", known["syncUrl"])
                if missed.status == 204:
                    assert known == seen[-1]
                    continue
                for later in seen[n:]:
                    current = parse_sequence(later["sequence"])
                    base, incoming = (parse_sequence(missed.json[name]) for name in ("baseSequence", "sequence"))
                    advice = advise_delta(current, base, incoming)
                    taken = merge(later, missed.json) if advice is Advice.USE_INCOMING else later
                    assert {**taken, "participants": people(taken)} == {**seen[-1], "participants": people(seen[-1])}

    told(story)


def people(locus: dict[str, Any]) -> dict[str, Any]:
    return {one["url"]: one for one in locus["participants"]}


ASKED = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["mute", "unmute", "hold", "resume", "hand", "share", "leave", "join"]),
        st.sampled_from([0.0, 0.005, 0.015, 0.03]),
        st.booleans(),
    ),
    min_size=3,
    max_size=25,
)


async def does(one: Caller, url: str, what: str, is_heard: bool) -> None:
    """Ask for something; an answer that is not heard leaves the client where it was."""
    mine = one.views[url]["self"]["url"]
    wishes: dict[str, tuple[str, str, dict[str, Any]]] = {
        "mute": ("PUT", f"{mine}/media", {"localMedias": [{"localSdp": '{"audioMuted": true}'}]}),
        "unmute": ("PUT", f"{mine}/media", {"localMedias": [{"localSdp": '{"audioMuted": false}'}]}),
        "hold": ("PUT", f"{mine}/hold", {"held": True}),
        "resume": ("PUT", f"{mine}/hold", {"held": False}),
        "hand": ("PATCH", f"{mine}/controls", {"hand": {"raised": True}}),
        "share": ("PUT", f"{url}/mediashares/0", {"floor": {"disposition": "GRANTED"}}),
        "leave": ("PUT", f"{mine}/leave", {}),
        "join": ("POST", f"{url}/participant", {"correlationId": "again"}),
    }
    method, path, wish = wishes[what]
    reply = await one.ask(method, path, one.own(**wish))
    assert reply.status in (200, 409), reply.raw
    if is_heard:
        one.take(reply)


@settings(max_examples=40, deadline=None)
@given(ASKED)
def test_clients_that_hear_answers_and_events_in_any_mixture_see_the_same(
    asked: list[tuple[int, str, float, bool]],
) -> None:
    async def story(world: World) -> None:
        ada, *others = [await caller(world, name) for name in ("Ada", "Bob", "Cyd")]
        url = (await ada.call(None)).json["locus"]["url"]
        for one in others:
            await one.join(url)
        for who, what, wait_s, is_heard in asked:
            await does([ada, *others][who], url, "hand" if (who, what) == (0, "leave") else what, is_heard)
            await asyncio.sleep(wait_s)
        await asyncio.sleep(1)
        for one in (ada, *others):
            current = (await one.ask("GET", url)).json
            if current["self"]["state"] == "JOINED":
                assert {**one.views[url], "participants": people(one.views[url])} == {
                    **current,
                    "participants": people(current),
                }
            assert set(one.advice) <= {Advice.USE_INCOMING, Advice.USE_CURRENT}

    told(story)
