"""What people dial, and where it leads. Source: protocol/activation-and-media.md section 5, calendar-and-obtp.md 5.2, 5.3, 9.1, 9.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.room.calls.addresses import ADDRESS_CHARS_MAX, OPTIMIZED, NotDialable, bare, is_zoom, target_of
from endpoint.wire.callcontrol import Leads
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.zoom import ZoomAddress, made, read_zoom, with_menu_off


@pytest.mark.parametrize(
    ("dialled", "address", "leads", "platform"),
    [
        ("1234567890", "1234567890", Leads.MEETING, "Webex"),
        ("123 456 789", "123456789", Leads.MEETING, "Webex"),
        ("123-456-7890", "1234567890", Leads.MEETING, "Webex"),
        ("4711", "4711", Leads.PERSON, "Unknown"),
        ("+1 (555) 010-0000", "+15550100000", Leads.PERSON, "Unknown"),
        ("1234567890@site.webex.com", "1234567890@site.webex.com", Leads.MEETING, "Webex"),
        ("spark:1234567890@webex.com", "1234567890@webex.com", Leads.MEETING, "Webex"),
        ("ana.smith@roomsim.webex.test", "ana.smith@roomsim.webex.test", Leads.PERSONAL_ROOM, "Webex"),
        ("sip:ana@site.webex.com;transport=tls", "ana@site.webex.com", Leads.PERSONAL_ROOM, "Webex"),
        ("ana@meet.ciscospark.com", "ana@meet.ciscospark.com", Leads.PERSONAL_ROOM, "Webex"),
        ("huddle@1234abcd.room.test", "huddle@1234abcd.room.test", Leads.PERSON, "Unknown"),
        ("ada@org.rooms.webex.com", "ada@org.rooms.webex.com", Leads.PERSON, "Unknown"),
        ("112233.tenant@m.webex.com", "112233.tenant@m.webex.com", Leads.MEETING, "MSTeams"),
        ("Ada@Example.com", "Ada@Example.com", Leads.PERSON, "Unknown"),
        ("sip:ada@example.com", "ada@example.com", Leads.SIP, "Unknown"),
        ("SIPS:ada@example.com?subject=x", "ada@example.com", Leads.SIP, "Unknown"),
        ("1234@meet.example.com", "1234@meet.example.com", Leads.SIP, "Unknown"),
        ("1234@webex.com.evil.test", "1234@webex.com.evil.test", Leads.SIP, "Unknown"),
        ("81234567890@zoomcrc.com", "81234567890@zoomcrc.com", Leads.SIP, "Zoom"),
        ("sip:81234567890.112233@zoomcrc.com;transport=tls", "81234567890.112233@zoomcrc.com", Leads.SIP, "Zoom"),
        ("81234567890@eu.zmau.us", "81234567890@eu.zmau.us", Leads.SIP, "Zoom"),
        ("https://zoom.us/j/81234567890?pwd=abc", "81234567890@zoomcrc.com", Leads.SIP, "Zoom"),
        ("https://site.webex.test/meet/ana", "https://site.webex.test/meet/ana", Leads.PERSONAL_ROOM, "Webex"),
        ("https://site.webex.com/j.php?MTID=m1", "https://site.webex.com/j.php?MTID=m1", Leads.MEETING, "Webex"),
    ],
)
def test_an_address_tells_where_it_leads(dialled: str, address: str, leads: Leads, platform: str) -> None:
    found = target_of(dialled)
    assert (found.address, found.leads, found.platform) == (address, leads, platform)


@pytest.mark.parametrize(
    ("dialled", "why"),
    [
        ("", "nothing to dial"),
        ("   ", "nothing to dial"),
        ("ada", "like user@example.com, or a number"),
        ("ada@localhost", "like user@example.com"),
        ("ada@example.com@example.com", "like user@example.com"),
        ("a b@example.com", "like user@example.com"),
        ("x" * (ADDRESS_CHARS_MAX + 1), "at most 255"),
        ("https://teams.microsoft.com/l/meetup-join/19", "Microsoft Teams meetings over WebRTC cannot be dialled here"),
        ("https://meet.google.com/abc-defg-hij", "Google Meet meetings over WebRTC cannot be dialled here"),
        ("https://example.com/join", "none of a meeting that can be dialled"),
        ("https://[bad/join", "none of a meeting that can be dialled"),
    ],
)
def test_what_cannot_be_dialled_says_what_would_be_right(dialled: str, why: str) -> None:
    with pytest.raises(NotDialable, match=why):
        target_of(dialled)


@pytest.mark.parametrize(
    "text",
    ["x@webex.com.evil.test", "xwebex.com", "@webex.com", "a b@site.webex.com", "x@notwebex.com", "x@webex.com "],
)
def test_the_optimized_rule_is_about_the_whole_text(text: str) -> None:
    assert OPTIMIZED.fullmatch(text) is None


@pytest.mark.parametrize(
    ("dialled", "called"),
    [
        ("81234567890@zoomcrc.com", "81234567890..504@zoomcrc.com"),
        ("81234567890.112233@zoomcrc.com", "81234567890.112233.504@zoomcrc.com"),
        ("81234567890.112233..654321@zoomcrc.com", "81234567890.112233.504.654321@zoomcrc.com"),
        ("81234567890.112233.306@zoomcrc.com", "81234567890.112233.306@zoomcrc.com"),
        ("1.2.3.4.5.6.7@zoomcrc.com", "1.2.3.4.5.6.7@zoomcrc.com"),
        ("ada@example.com", "ada@example.com"),
    ],
)
def test_the_menu_of_zoom_is_hidden_where_no_option_says_otherwise(dialled: str, called: str) -> None:
    assert target_of(dialled, hides_zoom_menu=True).address == called


def test_another_zoom_domain_is_one_when_it_is_configured() -> None:
    assert target_of("1@crc.example.com").platform == "Unknown"
    assert target_of("1@CRC.example.com", zoom_domain="crc.example.com").platform == "Zoom"
    assert is_zoom("1@crc.example.com", "crc.example.com")


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        found = target_of(text, hides_zoom_menu=True)
    except NotDialable:
        return
    assert found.address
    assert target_of(found.address, hides_zoom_menu=True).leads is not Leads.INSTANT  # it can be dialled again


SLOT = st.text("0123456789", max_size=6)
ADDRESSES = st.builds(
    ZoomAddress, st.text("0123456789", min_size=1, max_size=11), SLOT, SLOT, SLOT, SLOT, st.just("zoomcrc.com")
)


@given(ADDRESSES)
def test_a_zoom_address_is_read_as_it_was_written(address: ZoomAddress) -> None:
    assert read_zoom(str(address)) == address
    assert ".@" not in str(address)
    assert with_menu_off(address).options == (address.options or "504")


@pytest.mark.parametrize(
    ("slots", "text"),
    [
        ({}, "81234567890@zoomcrc.com"),
        ({"passcode": "112233"}, "81234567890.112233@zoomcrc.com"),
        ({"options": "504"}, "81234567890..504@zoomcrc.com"),
        ({"passcode": "112233", "options": "504"}, "81234567890.112233.504@zoomcrc.com"),
        ({"passcode": "112233", "host_key": "654321"}, "81234567890.112233..654321@zoomcrc.com"),
        ({"host_key": "654321"}, "81234567890...654321@zoomcrc.com"),
        (
            {"passcode": "112233", "options": "504", "host_key": "654321", "dial_code": "77"},
            "81234567890.112233.504.654321..77@zoomcrc.com",
        ),
    ],
)
def test_the_documented_addresses_come_out(slots: dict[str, str], text: str) -> None:
    assert str(made("812 3456-7890", domain="zoomcrc.com", **slots)) == text


@pytest.mark.parametrize(
    ("meeting_id", "slots"),
    [
        ("", {}),
        ("a@b", {}),
        ("1", {"passcode": "1.2"}),
        ("1", {"host_key": "1 2"}),
        ("1", {"options": "a@b"}),
        ("1", {"domain": ""}),
        ("1", {"domain": "a@b"}),
    ],
)
def test_parts_that_would_break_the_grammar_are_refused_without_showing_secrets(
    meeting_id: str, slots: dict[str, str]
) -> None:
    with pytest.raises(LocalProtocolError) as refused:
        made(meeting_id, **{"domain": "zoomcrc.com", **slots})
    for name in ("passcode", "host_key"):
        assert name not in slots or slots[name] not in str(refused.value)


@given(st.text(max_size=60))
def test_any_zoom_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_zoom(text)
    except LocalProtocolError:
        return
    assert read_zoom(str(found)) == found


@pytest.mark.parametrize(
    ("text", "address"),
    [("tel:+1555;ext=2", "+1555"), ("h323:1@example.com", "1@example.com"), ("mailto:a@b.c", "mailto:a@b.c")],
)
def test_schemes_and_parameters_go(text: str, address: str) -> None:
    assert bare(text) == address
