"""The Webex site, its join details, and the block in an invitation."""

from __future__ import annotations

import string

import pytest
from cloud_world import World, in_cloud
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.hybrid_calendar.join_details import (
    FIRST_LINE,
    LAST_LINE,
    block_lines,
    details_of,
    holds,
    read_block,
    with_block,
    without_block,
    write_block,
)
from cloud_stub.hybrid_calendar.settings import Settings, import_users, missing_step, setup_steps
from cloud_stub.hybrid_calendar.site import Site, personal_site
from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.records import HybridSettings, User
from endpoint.runtime.clock import cpu_seconds

SETTINGS = HybridSettings(id="org")
SITE = "roomsim.webex.test"


def test_each_meeting_has_a_number_of_its_own_that_leads_to_it() -> None:
    async def story(world: World) -> None:
        site = Site(world.cloud.platform)
        ana = world.cloud.use_cases.user_create("Ana Smith", "ana@room.example")
        made = [site.one_time("Review", ana, SITE) for _ in range(20)]
        assert len({one.number for one in made}) == 20
        for one in made:
            assert site.by_number(one.number) == one
            assert one.sip == f"{one.number}@{SITE}"
            assert one.url.startswith(f"https://{SITE}/")
            assert one.password
            assert len(one.host_key) == 6
        assert not {"password", "host_key"} & set(made[0].shown())

    in_cloud(story)


def test_a_seed_repeats_its_numbers() -> None:
    numbers: list[str] = []

    async def story(world: World) -> None:
        numbers.append(Site(world.cloud.platform).one_time("Review", None, SITE).number)

    in_cloud(story)
    in_cloud(story)
    in_cloud(story, seed=8)
    assert numbers[0] == numbers[1] != numbers[2]


def test_a_personal_room_is_its_owners_for_good() -> None:
    async def story(world: World) -> None:
        site, make = Site(world.cloud.platform), world.cloud.use_cases.user_create
        ana, other = make("Ana", "ana.smith@room.example"), make("Ana", "ana.smith@other.example")
        room = site.personal_room(ana, SETTINGS)
        assert room is not None
        assert site.personal_room(ana, SETTINGS) == room
        assert (room.sip, room.url) == (f"ana.smith@{SITE}", f"https://{SITE}/meet/ana.smith")
        theirs = site.personal_room(other, SETTINGS)
        assert theirs is not None
        assert theirs.sip == f"ana.smith2@{SITE}"

    in_cloud(story)


@pytest.mark.parametrize(
    ("has_room", "preferred", "managed", "expected"),
    [
        (True, "", True, SITE),
        (True, "", False, None),
        (True, "b.webex.test", False, "b.webex.test"),
        (True, "b.webex.test", True, "b.webex.test"),
        (True, "gone.webex.test", True, None),
        (False, "b.webex.test", True, None),
    ],
)
def test_what_ties_a_personal_room(has_room: bool, preferred: str, managed: bool, expected: str | None) -> None:
    """Rows O10 and O11."""
    user = User(
        id="u",
        org_id="o",
        kind="PERSON",
        name="Ana",
        created=None,
        has_personal_room=has_room,
        preferred_site=preferred,
    )  # type: ignore[arg-type]  # when it was made does not matter here
    settings = HybridSettings(id="org", sites=(SITE, "b.webex.test"), managed_site=managed)
    assert personal_site(user, settings) == expected


def test_two_people_share_one_space_and_more_get_one_by_subject() -> None:
    async def story(world: World) -> None:
        site = Site(world.cloud.platform)
        first = site.space("Review", None, ["Ana@room.example", "ben@room.example"], SITE)
        assert site.space("Lunch", None, ["ben@room.example", "ana@room.example"], SITE) == first
        three = ["ana@room.example", "ben@room.example", "cyn@room.example"]
        assert site.space("Plan", None, three, SITE).space_id != site.space("Plan", None, three, SITE).space_id
        assert first.title == "Review"

    in_cloud(story)


def test_flags_of_the_two_samples() -> None:
    """Row L10: WEBEX without spaceURI, TEAMS without webexURI, the other three in both."""
    five = ("meetingJoinURI", "meetingJoinURL", "webexURI", "spaceURI", "callURI")

    async def story(world: World) -> None:
        site = Site(world.cloud.platform)
        webex = details_of(site.one_time("Review", None, SITE))
        space = details_of(site.space("Review", None, ["a@x.example"], SITE))
        assert (webex.join_type, [name in webex.join for name in five]) == ("WEBEX", [True, True, True, False, True])
        assert (space.join_type, [name in space.join for name in five]) == ("TEAMS", [True, True, False, True, True])

    in_cloud(story)


def test_the_block_has_its_lines_in_order() -> None:
    async def story(world: World) -> None:
        meeting = Site(world.cloud.platform).one_time("Review", None, SITE)
        settings = HybridSettings(id="org", header="Hello\nall", footer="Bye", phone_lines=True)
        lines = block_lines(details_of(meeting), settings)
        assert lines == [
            "Hello", "all", "", f"Video address: {meeting.sip}", f"Link: {meeting.url}", f"Meeting number: {meeting.number}",
            "Phone: +1-555-0100-200", "Phone (toll-free): +1-555-0100-300", "Bye",
        ]  # fmt: skip
        assert write_block(lines, is_html=False).splitlines() == [FIRST_LINE, *lines, LAST_LINE]
        assert block_lines(details_of(meeting), settings, "nb")[3].startswith("Videoadresse: ")
        assert block_lines(details_of(meeting), settings, "xx") == lines
        assert meeting.host_key not in "\n".join(lines)

    in_cloud(story)


TEXT = st.text(string.printable.replace("\x0b", "").replace("\x0c", "").replace("\r", "") + "äß<>&@", max_size=200)
LINES = st.lists(st.text(string.ascii_letters + " <>&;:/@äß", max_size=30).map(str.strip), max_size=6)


@given(TEXT, LINES, LINES, st.booleans())
def test_a_body_has_one_block_that_is_read_as_it_was_written(
    body: str, first: list[str], second: list[str], is_html: bool
) -> None:
    once = with_block(body, first, is_html=is_html)
    assert holds(once, first, is_html=is_html)
    twice = with_block(once, second, is_html=is_html)
    assert holds(twice, second, is_html=is_html)
    assert twice.count(FIRST_LINE) == 1
    assert without_block(twice).strip() == body.strip()


def test_html_that_a_platform_has_rewritten_is_still_our_own_block() -> None:
    lines = ["", "Link: https://x.example/?a=1&b=2", "Meeting number: 1"]
    body = with_block("<html><body><p>Hi</p></body></html>", lines, is_html=True)
    assert body.endswith("</div></body></html>")
    rewritten = body.replace("<br>\n", "<br/>\r\n")
    assert holds(rewritten, lines, is_html=True)
    assert not holds(rewritten.replace("number: 1", "number: 2"), lines, is_html=True)
    assert read_block("<p>none</p>", is_html=True) is None


@pytest.mark.parametrize("is_html", [False, True])
def test_first_lines_without_a_last_one_cost_no_more_than_their_length(is_html: bool) -> None:
    def cost(count: int) -> float:
        body = FIRST_LINE * count
        began = cpu_seconds()
        assert without_block(body) == body
        assert read_block(body, is_html=is_html) is None
        assert with_block(body, [], is_html=is_html).startswith(body)
        return cpu_seconds() - began

    assert cost(18_000) < 1.0  # a body of this length takes minutes where every first line looks for its end


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"webex": "tms"}, "@webex cannot be set to tms"),
        ({"meet": "lunch"}, "@meet cannot be set to lunch"),
        ({"lead_minutes": 7}, "0, 5, 10, 15 minutes"),
        ({"language": "xx"}, "a language is one of de, en"),
        ({"sites": ["www.example.com"]}, "sites are"),
        ({"sites": []}, "sites are"),
        ({"sites": 5}, "not iterable"),
        ({"join_delay_s": -1}, "join details take 0 to"),
        ({"join_delay_s": 1e300}, "join details take 0 to"),
        ({"header": "x" * 1025}, "at most 1024"),
        ({"footer": "x" * 1025}, "at most 1024"),
        ({"footer": f"a\n{LAST_LINE}"}, "not the lines that mark"),
        ({"minimal": "often"}, "minimal is one of"),
        ({"minimal_bytes": 1}, "minimal_bytes is"),
        ({"lead": 5}, "there is no setting lead; there are"),
        ({"id": "x"}, "there is no setting id"),
        ({"phone_lines": "yes"}, "phone_lines"),
    ],
)
def test_settings_that_cannot_be(fields: dict[str, object], says: str) -> None:
    async def story(world: World) -> None:
        settings = Settings(world.cloud.platform)
        before = settings.now
        with pytest.raises(BadRequest, match=says):
            settings.change(**fields)
        assert settings.now == before

    in_cloud(story)


def test_settings_stay() -> None:
    async def story(world: World) -> None:
        settings = Settings(world.cloud.platform)
        settings.change(meet="onetime", lead_minutes=0, header="x" * 1024)
        assert Settings(world.cloud.platform).now.meet == "onetime"
        assert settings.rules.action("meet") == "onetime"
        assert settings.rules.action("webex") == "personal_room"

    in_cloud(story)


def test_each_missing_step_of_the_setup_is_named() -> None:
    """Row O06."""

    async def story(world: World) -> None:
        cloud = world.cloud
        ana = cloud.use_cases.user_create("Ana", "ana@room.example")
        room = cloud.use_cases.workspace_create("Lab")
        settings = HybridSettings(id="org", provisioned=False, managed_site=False)
        keys = [step.key for step in setup_steps(settings, room, ana) if not step.is_done]
        assert keys == ["hybrid_calendar", "workspace_calendar", "workspace_address", "personal_room"]
        done = HybridSettings(id="org")
        step = missing_step(done, room)
        assert step is not None
        assert step.key == "workspace_calendar"
        assert "Lab" in step.todo

    in_cloud(story)


def test_an_import_sets_the_preferred_site() -> None:
    """Row O12."""

    async def story(world: World) -> None:
        platform, directory = world.cloud.platform, world.cloud.directory
        ana = world.cloud.use_cases.user_create("Ana", "ana@room.example")
        text = (
            "Display Name,User ID/Email (Required),preferredWebExSite,Licence\r\n"
            f"Ana,ANA@room.example,{SITE},x\r\nBen Bo,ben@room.example,,\r\nCyn,cyn@room.example,other.example,\r\nDan,nobody,,\r\n"
        )
        came = import_users(text, platform, directory, SETTINGS)
        assert (came.created, came.changed, [row for row, _ in came.refused]) == (1, 1, [4, 5])
        assert platform.store[User].get(ana.id).preferred_site == SITE  # type: ignore[union-attr]  # it is there
        assert [user.name for user in platform.store[User].where("email", "ben@room.example")] == ["Ben Bo"]

    in_cloud(story)


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(st.lists(st.text(max_size=9), max_size=5)).map(
            lambda rows: "email\n" + "\n".join(",".join(r) for r in rows)
        ),
    )
)
def test_any_text_is_imported_or_refused(text: str) -> None:
    async def story(world: World) -> None:
        users = world.cloud.platform.store[User]
        before = list(users)
        try:
            came = import_users(text, world.cloud.platform, world.cloud.directory, SETTINGS)
        except CloudError:
            assert list(users) == before
            return
        made = [user for user in users if user not in before]
        assert len(made) == came.created
        assert all(user.email.count("@") == 1 for user in made)

    in_cloud(story)
