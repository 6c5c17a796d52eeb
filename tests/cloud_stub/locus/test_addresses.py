"""What an address leads to, by table; and what a far end does, by its address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from callers import told
from cloud_world import START, World
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.platform.records import User, Workspace
from cloud_stub.services.locus.addresses import GatewayTarget, MeetingTarget, Target, UserTarget, bare
from cloud_stub.services.locus.peers import Peer, Script, begin_prompt, dialled, peer_key, planned
from endpoint.wire.conventions import room_address
from endpoint.wire.secret import Pin


def short(target: Target) -> str:
    """Name what an address leads to."""
    if isinstance(target, MeetingTarget):
        return f"meeting {target.title}"
    if isinstance(target, UserTarget):
        return f"user {target.user.name}"
    if isinstance(target, GatewayTarget):
        return "zoom" if target.is_zoom else "gateway"
    return "malformed" if target.is_malformed else "nobody"


ROWS = [
    # a meeting of the site
    ("{number}", "meeting Review"),
    ("{spaced}", "meeting Review"),
    ("wbxmn:{number}", "meeting Review"),
    ("{number}@webex.com", "meeting Review"),
    ("spark:{number}@webex.com", "meeting Review"),
    ("{number}@roomsim.webex.test", "meeting Review"),
    ("sip:{number}@ROOMSIM.webex.test", "meeting Review"),
    ("{number}@other.webex.test", "nobody"),
    ("{url}", "meeting Review"),
    ("{review}", "meeting Review"),
    # a Personal Room, a space
    ("jo@roomsim.webex.test", "meeting Jo's Personal Room"),
    ("https://roomsim.webex.test/meet/jo", "meeting Jo's Personal Room"),
    ("kim@roomsim.webex.test", "meeting Kim's Personal Room"),  # which nobody has been invited to yet
    ("https://roomsim.webex.test/meet/lee", "meeting Lee's Personal Room"),
    ("kim@other.webex.test", "nobody"),
    ("max@roomsim.webex.test", "nobody"),  # a person without one
    ("{space_number}", "meeting Lounge"),
    ("{space_url}", "meeting Lounge"),
    # a meeting that is in a calendar only
    ("lab@site.webex.test", "meeting Lab"),
    ("https://site.webex.test/j/1", "meeting Lab"),
    ("555 123", "meeting Lab"),
    ("{lab}", "meeting Lab"),
    ("call-me@meet.example", "meeting Elsewhere"),
    # of another service, whatever a calendar says
    ("81234567890.112233@zoomcrc.com", "zoom"),
    ("81234567890@zmau.us", "zoom"),
    ("1180330477.acme@m.webex.com", "gateway"),
    # accounts
    ("ada@room.example", "user Ada"),
    ("sip:Ada@Room.Example;transport=tls", "user Ada"),
    ("{ada}", "user Ada"),
    ("{room_address}", "user Huddle"),
    ("huddle@room.example", "user Huddle"),
    ("{workspace}", "user Huddle"),
    # nobody, elsewhere, no address
    ("2999999999", "nobody"),
    ("2999999999@webex.com", "nobody"),
    ("nobody@roomsim.webex.test", "nobody"),
    ("https://roomsim.webex.test/meet/nobody", "nobody"),
    ("somebody", "nobody"),
    ("someone@elsewhere.example", "gateway"),
    ("81234567890@sip.example", "gateway"),
    ("no address", "malformed"),
    ("a@b@c", "malformed"),
    ("", "malformed"),
    ("x" * 2000, "malformed"),
]


def laid_out(world: World) -> dict[str, Any]:
    """Make meetings, people and rooms; returns what addresses are made of."""
    cloud = world.cloud
    use, store = cloud.use_cases, cloud.platform.store
    jo = use.user_create("Jo", "jo@room.example")
    ada = use.user_create("Ada", "ada@room.example")
    for name in ("Kim", "Lee"):
        use.user_create(name, f"{name}@room.example".casefold())
    cloud.hybrid.person("max@room.example", personal_room=False)
    room = use.workspace_create("Huddle")
    cloud.directory.create_machine(room)
    store[Workspace].change(room.id, calendar_email="huddle@room.example", calendar_key="huddle@room.example")
    site = cloud.hybrid.site
    review = site.one_time("Review", jo, "roomsim.webex.test")
    site.personal_room(store[User].get(jo.id) or jo, cloud.hybrid.settings())
    space = site.space("Lounge", jo, ["jo@room.example", "ada@room.example"], "roomsim.webex.test")
    at = START + timedelta(hours=1)
    lab = use.meeting_create(
        "Lab", at, 30, push="none", meeting_number="555123",
        join={"meetingJoinURI": "sip:lab@site.webex.test", "meetingJoinURL": "https://site.webex.test/j/1"},
    )  # fmt: skip
    use.meeting_create("Elsewhere", at, 30, push="none", join={"callURI": "call-me@meet.example"})
    use.meeting_create("Zoom", at, 30, push="none", join={"callURI": "81234567890.112233@zoomcrc.com"})
    return {
        "number": review.number, "spaced": f"{review.number[:4]} {review.number[4:7]}-{review.number[7:]}", "url": review.url,
        "review": review.id, "space_number": space.number, "space_url": space.space_url, "lab": lab.id, "ada": ada.id,
        "room_address": room_address("Huddle", room.org_id), "workspace": room.id,
    }  # fmt: skip


def test_every_address_leads_where_the_table_says() -> None:
    async def story(world: World) -> None:
        values = laid_out(world)
        resolve = world.cloud.switchboard.addresses.resolve
        got = [(row, short(resolve(row.format(**values)))) for row, _ in ROWS]
        assert got == ROWS

    told(story)


def test_one_meeting_has_one_locus_however_it_is_dialled() -> None:
    async def story(world: World) -> None:
        values = laid_out(world)
        meeting = world.cloud.switchboard.addresses.meeting
        keys = {getattr(meeting(row.format(**values)), "key", None) for row, to in ROWS if to == "meeting Lab"}
        assert keys == {"meeting lab@site.webex.test"}
        keys = {getattr(meeting(row.format(**values)), "key", None) for row, to in ROWS if to == "meeting Review"}
        assert len(keys) == 1

    told(story)


@given(
    st.text(max_size=80) | st.from_regex(r"(sips?:|spark:)?[0-9. -]{0,12}@?[a-z.]{0,12}(;[a-z=]{0,8})?", fullmatch=True)
)
def test_any_text_has_a_bare_form_that_is_known_by_the_same_name(text: str) -> None:
    assert bare(text) == bare(text.upper()).casefold() or not text.isascii()
    assert peer_key(text) == peer_key(text + ";transport=tls") or any(sign in text for sign in "?;") or "://" in text
    assert isinstance(peer_key(text), str)


ZOOM = [
    # address, script, known passcode, lost on the way -> what happens
    ("81234567890@zoomcrc.com", None, "", False, "answer"),
    ("81234567890.112233@zoomcrc.com", None, "", False, "answer"),
    ("81234567890.112233@zoomcrc.com", None, "112233", False, "answer"),
    ("81234567890.112233.504@zoomcrc.com", None, "112233", False, "answer"),
    ("81234567890.112233..654321@zmau.us", None, "112233", False, "answer"),
    ("812 3456-7890.112233@zoomcrc.com", None, "112233", False, "answer"),
    ("81234567890@zoomcrc.com", None, "112233", False, "prompt"),
    ("81234567890..504@zoomcrc.com", None, "112233", False, "prompt"),
    ("81234567890.999999@zoomcrc.com", None, "112233", False, "prompt"),
    ("81234567890.112233@zoomcrc.com", None, "112233", True, "prompt"),
    ("81234567890.112233@zoomcrc.com", None, "", True, "prompt"),
    ("81234567890@zoomcrc.com", None, "", True, "prompt"),
    ("81234567890.112233@zoomcrc.com", Script("answer", passcode=Pin("5")), "112233", False, "prompt"),
    ("81234567890.5@zoomcrc.com", Script("prompt", passcode=Pin("5")), "", False, "answer"),
    ("81234567890@zoomcrc.com", Script("prompt"), "", False, "prompt"),
    ("81234567890.112233@zoomcrc.com", Script("busy"), "112233", False, "busy"),
    ("sip:81234567890.112233@zoomcrc.com;transport=tls", None, "112233", False, "ssl"),
    ("sip:81234567890.112233@zoomcrc.com;transport=TLS", Script("answer"), "112233", False, "ssl"),
    ("sip:81234567890.112233@zoomcrc.com;transport=tls", Script("busy"), "112233", False, "busy"),
    ("sip:81234567890.112233@zoomcrc.com", None, "112233", False, "answer"),
    ("someone@elsewhere.example", None, "", False, "answer"),
    ("sip:someone@elsewhere.example;transport=tls", None, "", False, "answer"),
    ("someone@elsewhere.example", Script("reject"), "", False, "reject"),
]


@pytest.mark.parametrize(("address", "script", "known", "is_lost", "behaves"), ZOOM)
def test_what_happens_follows_from_the_address(
    address: str, script: Script | None, known: str, is_lost: bool, behaves: str
) -> None:
    async def story(world: World) -> None:
        target = world.cloud.switchboard.addresses.resolve(address.replace(" ", ""))
        assert isinstance(target, GatewayTarget)
        made = planned(target, script, known, is_stripped=is_lost)
        assert made.behaves == behaves
        if behaves == "ssl":
            assert made.after_s == 2.0

    told(story)


@pytest.mark.parametrize(
    ("script", "tones", "state", "prompts"),
    [
        (Script("prompt", meeting_id="77", passcode=Pin("5")), "77#5#", "in_meeting", 2),
        (Script("prompt", meeting_id="77", passcode=Pin("5")), "78#77#6#5#", "in_meeting", 4),
        (Script("prompt", meeting_id="77"), "77#", "in_meeting", 1),
        (Script("prompt", passcode=Pin("5")), "5", "prompt", 1),
        (Script("prompt", passcode=Pin("5")), "#", "prompt", 2),
        (Script("prompt"), "123#", "in_meeting", 1),
        (Script("prompt"), "#", "prompt", 2),
        (Script("prompt", passcode=Pin("5")), "1" * 500 + "#", "prompt", 2),
    ],
)
def test_a_prompt_takes_digits_until_they_are_right(script: Script, tones: str, state: str, prompts: int) -> None:
    peer = Peer("bridge@sip.example")
    begin_prompt(peer, script)
    assert dialled(peer, script, tones) is (state == "in_meeting")
    assert (peer.state, peer.prompts) == (state, prompts)
    assert len(peer.digits) <= 64


def test_nothing_of_a_far_end_shows_what_it_asks_for() -> None:
    peer = Peer("bridge@sip.example", script=Script("prompt", passcode=Pin("246813")))
    begin_prompt(peer, peer.script)
    dialled(peer, peer.script, "97531")
    assert "246813" not in f"{peer!r}{peer.shown()}"
    assert "97531" not in f"{peer!r}{peer.shown()}"
