"""Every row of the pattern tables, by its example; the grammar of Zoom; keywords; wrappers."""

from __future__ import annotations

import pytest

from cloud_stub.hybrid_calendar.address_rows import ADDRESSES, AddressRow
from cloud_stub.hybrid_calendar.candidates import well_formed
from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.keywords import KeywordRules
from cloud_stub.hybrid_calendar.link_rows import LINK_ONLY, LINKS, LinkRow
from cloud_stub.hybrid_calendar.links import WRAPPERS, parse_link, unwrap
from cloud_stub.hybrid_calendar.reading import read_invitation
from endpoint.wire.zoom import ZoomAddress, meeting_id

LINK_DIALS = {
    "teams_cvi_webex_link": "1180330477.acme@m.webex.com",
    "webex_personal_room": "jane.doe@acme.webex.com",
    "webex_meeting": "23745551180@acme.webex.com",
    "teams_pexip_link": "771260440391@acme.example",
    "teams_pexip_me": "1260440391@acme.example",
    "teams_poly_link": "702660143.014455209@t.plcm.vc",
    "teams_bluejeans_link": "140660031.1180220455@teams.bjn.vc",
    "teams_link": "https://teams.microsoft.com/meet/21234567890123?p=aBcDeFgHiJ",
    "teams_launcher": "https://teams.microsoft.com/l/meetup-join/19:meeting_x@thread.v2/0",
    "meet_link": "https://meet.google.com/abc-defg-hij",
    "webex_meeting_key": "921553480@acme.webex.com",
    "webex_event_key": "921553480@acme.webex.com",
    "zoom_link": "81234567890@zoomcrc.com",
    "zoom_join_scheme": "81234567890@zoomcrc.com",
    "zoom_personal_link": "23745551180@zoomcrc.com",
    "bluejeans_link_passcode": "206610075.4321@bjn.vc",
    "bluejeans_link": "206610075@bjn.vc",
    "lifesize_link": "1234567@sip.lifesizecloud.com",
    "pexip_conference_path": "123456@acme.example",
    "pexip_fragment": "123456@video.acme.example",
    "pexip_conference": "123456@acme.example",
    "pexip_alias": "123456@acme.example",
    "pexip_me": "123456@acme.example",
    "cms_invited": "552201866@join.acme.example",
    "cms_index": "552201866@join.acme.example",
    "cms_meeting": "552201866@join.acme.example",
    "pexip_meet": "123456@video.acme.example",
}
ADDRESS_DIALS = {
    "teams_cvi_webex_key": "1185556406.acme@m.webex.com",
    "teams_cvi_key": "702660143.1185556406@t.plcm.vc",
    "webex_lync": "1720440533@acme.webex.com",
}
NUMBERED = "\nMeeting number: 2374 555 1180\n"


@pytest.mark.parametrize("row", LINKS, ids=lambda row: row.key)
def test_link(row: LinkRow) -> None:
    reading = read_invitation(Invitation(body=row.example + (NUMBERED if row.needs.endswith("_number") else "")))
    assert reading.dial == LINK_DIALS.get(row.key)
    assert reading.service == (row.service.name if row.service else "")
    if row.key != "teams_launcher":
        assert reading.pattern == (row.key if row.service else "")


@pytest.mark.parametrize("row", LINK_ONLY, ids=lambda row: row.key)
def test_link_of_which_no_device_dials_anything(row: LinkRow) -> None:
    tails = {
        "app.slack.com": "huddle/T1",
        "facetime.apple.com": "join#v=1",
        "voovmeeting.com": "dm/1",
        "vc.feishu.cn": "j/1",
        "vsee.com": "c/a",
    }
    tails |= {"workplace.com": "groupcall/1", "hangouts.google.com": "call/1", "riverside.fm": "studio/1"}
    stars = {"BigBlueButton": "b/abc-def-ghi", "Nextcloud Talk": "call/abcd1234"}
    host = row.hosts[0]
    assert row.service is not None
    tail = stars[row.service.name] if host == "*" else tails.get(host, "room1")
    reading = read_invitation(Invitation(body=f"Join https://{'meet.acme.example' if host == '*' else host}/{tail}"))
    assert (reading.dial, reading.service, reading.pattern) == (None, row.service.name, row.key)
    assert reading.why.endswith("nothing to dial.")


@pytest.mark.parametrize("row", ADDRESSES, ids=lambda row: row.key)
def test_address(row: AddressRow) -> None:
    body = row.example + ("\nVideo ID: 118 555 640 6" if not row.dial else "")
    reading = read_invitation(Invitation(body=body))
    assert reading.dial == ADDRESS_DIALS.get(row.key, row.example)
    assert (reading.pattern, reading.service, reading.protocol) == (row.key, row.service.name, "Spark")


def test_rows_have_different_keys() -> None:
    keys = [row.key for row in (*LINKS, *LINK_ONLY, *ADDRESSES)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("parts", "address"),
    [
        (("81234567890",), "81234567890@zoomcrc.com"),
        (("81234567890", "112233"), "81234567890.112233@zoomcrc.com"),
        (("81234567890", "", "504"), "81234567890..504@zoomcrc.com"),
        (("81234567890", "112233", "504"), "81234567890.112233.504@zoomcrc.com"),
        (("81234567890", "112233", "", "654321"), "81234567890.112233..654321@zoomcrc.com"),
        (("81234567890", "", "", "654321"), "81234567890...654321@zoomcrc.com"),
        (("81234567890", "112233", "504", "654321", "77"), "81234567890.112233.504.654321..77@zoomcrc.com"),
    ],
)
def test_the_grammar_of_zoom(parts: tuple[str, ...], address: str) -> None:
    assert str(ZoomAddress(*parts)) == address
    assert ZoomAddress.parse(address) == ZoomAddress(*parts)


def test_separators_of_a_meeting_id_are_taken_out() -> None:
    assert meeting_id("812 3456-7890") == "81234567890"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("a@b.example", "a@b.example"),
        ("A@B.Example", "A@b.example"),
        ("a@203.0.113.7", "a@203.0.113.7"),
        ("a@b", None),
        ("@b.example", None),
        ("a@", None),
        ("a b@c.example", None),
        ('"a"@c.example', None),
        ("a@256.0.0.1", None),
        ("a@-b.example", None),
        ("u" * 200 + "@b.example", "u" * 200 + "@b.example"),
        ("u" * 201 + "@b.example", None),
        ("u" * 100 + "@" + "b." * 80 + "example", None),
    ],
)
def test_well_formed(address: str, expected: str | None) -> None:
    assert well_formed(address) == expected


@pytest.mark.parametrize(
    ("rules", "location", "action"),
    [
        (KeywordRules(webex="space"), "@webex", "space"),
        (KeywordRules(webex="space"), "@webex:myroom", "personal_room"),
        (KeywordRules(meet="tms"), "@meet", "tms"),
        (KeywordRules(meet="tms"), "@meet:space", "space"),
        (KeywordRules(meet="onetime"), "@meet:nonsense", "onetime"),
        (KeywordRules(webex="none"), "@webex:onetime", "onetime"),
    ],
)
def test_the_organization_sets_what_a_word_asks_for(rules: KeywordRules, location: str, action: str) -> None:
    reading = read_invitation(Invitation(location=location, body="sip:a@b.example"), rules)
    assert reading.keyword is not None
    assert (reading.keyword.action, reading.dial, reading.source) == (action, None, "location")


def test_a_word_that_is_off_makes_way_for_addresses() -> None:
    reading = read_invitation(Invitation(location="@webex", body="sip:a@b.example"), KeywordRules(webex="none"))
    assert (reading.dial, reading.diagnostics) == ("a@b.example", ("keyword_off",))


def test_actions_that_a_word_cannot_have_are_refused() -> None:
    with pytest.raises(ValueError, match="@webex cannot be set to tms; it can be personal_room, space, onetime, none"):
        KeywordRules(webex="tms")


def test_join_members_follow_the_samples() -> None:
    webex = read_invitation(Invitation(body="https://a.webex.com/meet/jane"))
    assert set(webex.join) == {"meetingJoinURI", "meetingJoinURL", "webexURI", "webexURL", "callURI"}
    assert (webex.join_type, webex.platform) == ("WEBEX", "Webex")
    teams = read_invitation(Invitation(body="https://teams.microsoft.com/meet/2123?p=a\n1180330477.acme@m.webex.com"))
    assert teams.join == {
        "meetingJoinURI": "1180330477.acme@m.webex.com",
        "meetingJoinURL": "https://teams.microsoft.com/meet/2123?p=a",
    }
    assert (teams.join_type, teams.platform) == ("MSTEAMS", "MicrosoftTeams")
    meet = read_invitation(Invitation(body="https://meet.google.com/abc-defg-hij"))
    assert (dict(meet.join), meet.platform) == (
        {"meetingJoinURL": "https://meet.google.com/abc-defg-hij"},
        "GoogleMeet",
    )
    zoom = read_invitation(Invitation(body="81234567890.112233@zoomcrc.com"))
    assert (zoom.join_type, zoom.platform, zoom.meeting_number, zoom.passcode) == (
        "OTHER",
        "Zoom",
        "81234567890",
        "112233",
    )


def test_the_sentence_says_what_won_over_what() -> None:
    link = "https://teams.microsoft.com/meet/2123?p=a"
    reading = read_invitation(Invitation(location="sip:board@video.example", body=link))
    assert (
        reading.why
        == "Location holds the SIP address board@video.example, which wins over the Microsoft Teams link in the body."
    )
    assert [lost.because for lost in reading.lost] == ["an address in the Location comes first"]


def test_wrappers_have_a_name_and_never_lead_to_nothing_at_all() -> None:
    for row in WRAPPERS:
        host = (
            "mail.acme.example"
            if row.hosts[0] == "*"
            else f"x.{row.hosts[0]}"
            if row.hosts[0].count(".") > 1
            else row.hosts[0]
        )
        link = parse_link(f"https://{host}{row.path}")
        assert row.name
        assert link is not None
        assert unwrap(link)[1] in ("link_malformed", "link_opaque")
