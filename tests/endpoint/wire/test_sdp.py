"""Session descriptions: what is printed is read back, offers are answered, and bytes from outside do no harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import sdp
from endpoint.wire.calliope import Transport
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.sdp import Candidate, Codec, Description, Direction, Ice, MediaLine
from endpoint.wire.sdp_text import LINES_MAX, MEDIA_MAX, TEXT_CHARS_MAX
from endpoint.wire.secret import Secret

NODE = [sdp.candidate(one, "192.0.2.1", 443 if one is Transport.XTLS else 5004) for one in Transport]
# as a browser writes it, with what nobody here needs
BROWSER = """v=0\r
o=- 4611731400430051336 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0 1\r
a=extmap-allow-mixed\r
a=msid-semantic: WMS\r
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r
c=IN IP4 0.0.0.0\r
b=TIAS:64000\r
a=rtcp:9 IN IP4 0.0.0.0\r
a=candidate:3988 1 udp 2122260223 198.51.100.7 58779 typ host generation 0 network-id 1\r
a=candidate:3988 2 udp 2122260222 198.51.100.7 58780 typ host\r
a=candidate:77 1 sctp 5 198.51.100.7 58780 typ host\r
a=candidate:12 1 tcp 1518280447 198.51.100.7 9 typ host tcptype active generation 0\r
a=ice-ufrag:8hhY\r
a=ice-pwd:asd88fgpdd777uzjYhagZg\r
a=ice-options:trickle\r
a=fingerprint:sha-256 AA:bb:0C\r
a=setup:actpass\r
a=mid:0\r
a=sendrecv\r
a=rtcp-mux\r
a=rtpmap:111 opus/48000/2\r
a=rtcp-fb:111 transport-cc\r
a=fmtp:111 minptime=10;useinbandfec=1\r
a=rtpmap:126 telephone-event/8000\r
m=video 9 UDP/TLS/RTP/SAVPF 96 102\r
a=mid:1\r
a=recvonly\r
a=rtpmap:96 VP8/90000\r
a=rtpmap:102 H264/90000\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
a=mid:2\r
"""


def offer(**options: Any) -> Description:
    """A device's offer."""
    made = {
        "session_id": 5, "version": 1, "address": "192.0.2.10", "port": 52050, "ice": sdp.ice_of(bytes(range(21))),
        "fingerprint": sdp.fingerprint_of(bytes(range(32))),
    }  # fmt: skip
    return sdp.make_offer(**{**made, **options})


# -- text -------------------------------------------------------------------------------------------------------------------------------

words = st.text("abcXYZ019-", min_size=1, max_size=8)
foundations = st.text("abcXYZ019+/", min_size=1, max_size=32)
icechars = st.text("abcXYZ019+/", min_size=22, max_size=30)
candidates = st.builds(
    Candidate, st.sampled_from(Transport), words, st.integers(0, 65535), st.integers(0, 2**31), foundations, words,
    st.sampled_from(["", "active", "passive"]),
)  # fmt: skip
codecs = st.builds(
    Codec,
    st.integers(0, 127),
    words,
    st.integers(1, 90000),
    st.integers(1, 8),
    st.text("a=;1 ", max_size=9).map(str.strip),
)


@st.composite
def media_lines(draw: st.DrawFn) -> MediaLine:
    """Draw a medium whose formats are those of its codecs."""
    listed = draw(st.lists(codecs, min_size=1, max_size=4, unique_by=lambda codec: codec.payload_type))
    return MediaLine(
        draw(words), draw(st.integers(0, 65535)), draw(words), tuple(str(codec.payload_type) for codec in listed), tuple(listed),
        draw(st.sampled_from(Direction)), draw(words), draw(st.sampled_from(["", "main", "slides"])), draw(st.integers(0, 99999)),
        tuple(draw(st.lists(candidates, max_size=4))),
    )  # fmt: skip


descriptions = st.builds(
    Description, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.sampled_from(["192.0.2.7", "2001:db8::7"]),
    st.lists(media_lines(), max_size=MEDIA_MAX).map(tuple),
    st.none() | st.builds(Ice, icechars, icechars.map(lambda text: Secret("ice_pwd", text)), st.booleans()),
    st.sampled_from(["", "sha-256 AA:0B"]), st.sampled_from(["", "active", "passive", "actpass"]), st.integers(0, 99999),
)  # fmt: skip


@given(descriptions)
def test_what_is_printed_is_read_back(made: Description) -> None:
    assert sdp.parse(made.text()) == made


@given(descriptions)
def test_no_key_is_shown(made: Description) -> None:
    if made.ice is not None:
        key = made.ice.pwd.reveal()
        assert key not in repr(made).replace(made.ice.ufrag, "")
        assert f"ice-pwd:{key}" not in sdp.redacted(made.text())


def test_a_browsers_offer_is_understood_and_the_rest_left_out() -> None:
    read = sdp.parse(BROWSER)
    audio, video, data = read.media
    assert read.ice is not None
    assert (read.ice.ufrag, read.ice.pwd.reveal()) == ("8hhY", "asd88fgpdd777uzjYhagZg")
    assert (read.fingerprint, read.setup, audio.rate) == ("sha-256 AA:bb:0C", "actpass", 64)
    assert [(one.transport, one.port, one.tcp_type) for one in audio.candidates] == [
        (Transport.UDP, 58779, ""), (Transport.TCP, 9, "active")
    ]  # fmt: skip
    assert audio.codecs[0] == Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1")
    assert (video.direction, data.codecs) == (Direction.RECVONLY, ())
    assert sdp.parse(BROWSER.replace("\r\n", "\n")) == read


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("v=0", "line 1"), ("t=0 0", "sdp"), ("o=- 4611731400430051336 2 IN IP4 127.0.0.1", "line 2"), ("s=-", "sdp"),
        ("c=IN IP4 0.0.0.0", "line 9"), ("a=ice-ufrag:8hhY", "line 16"), ("a=ice-pwd:asd88fgpdd777uzjYhagZg", "line 17"),
        ("a=fingerprint:sha-256 AA:bb:0C", "line 19"), ("a=setup:actpass", "line 20"), ("a=rtpmap:111 opus/48000/2", "line 24"),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96 102", "line 28"),
        ("a=candidate:3988 1 udp 2122260223 198.51.100.7 58779 typ host generation 0 network-id 1", "line 12"),
    ],
)  # fmt: skip
def test_a_line_that_breaks_a_rule_is_named(line: str, where: str) -> None:
    worse = "x=1" if where in ("sdp", "line 1") else f"{line.partition(':')[0]}: " if line[0] == "a" else line[:4]
    with pytest.raises(RemoteProtocolError) as caught:
        sdp.parse(BROWSER.replace(line, worse, 1))
    assert caught.value.where == where
    assert "asd88" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["v=0\n" + "a=b\n" * LINES_MAX, "v=0\n" + "m=audio 9 X 0\n" * (MEDIA_MAX + 1), "v" * (TEXT_CHARS_MAX + 1)]
)
def test_there_are_bounds(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        sdp.parse(text)


def _is_read_or_refused(text: str) -> None:
    try:
        read = sdp.parse(text)
    except RemoteProtocolError:
        return
    answer = sdp.answer(read, session_id=1, address="192.0.2.1", candidates=NODE, ice=sdp.ice_of(bytes(21)))
    assert [one.kind for one in answer.media] == [one.kind for one in read.media], "each part is answered, in its place"
    repr(read)


@given(st.text(max_size=200) | st.text(max_size=60).map("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n".__add__))
def test_any_text_is_read_or_refused(text: str) -> None:
    _is_read_or_refused(text)


@given(st.data())
def test_a_description_with_some_damage_is_read_or_refused(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([BROWSER, offer().text()]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = (
            text[:at]
            + data.draw(st.text(st.characters() | st.sampled_from("0123456789 :/=\r\n"), max_size=6))
            + text[at + cut :]
        )
    _is_read_or_refused(text)


# -- offer and answer -------------------------------------------------------------------------------------------------------------------


def test_a_device_offers_h264_as_126_and_slides_of_their_own() -> None:
    audio, video, slides = offer(rate=4000).media
    assert [audio.kind, video.formats, slides.formats] == ["audio", ("126",), ("126",)]
    assert [video.content, slides.content, slides.is_slides] == ["main", "slides", True]
    assert [line.rate for line in (audio, video)] == [64, 4000]
    assert len(offer(has_video=False).media) == 1
    assert len(offer(has_slides=False).media) == 2


@pytest.mark.parametrize(
    ("muted", "held", "audio", "video"),
    [
        (False, False, "sendrecv", "sendrecv"),
        (True, False, "recvonly", "sendrecv"),
        (False, True, "sendonly", "sendonly"),
        (True, True, "inactive", "sendonly"),
    ],
)
def test_mute_and_hold_are_directions(muted: bool, held: bool, audio: str, video: str) -> None:
    made = offer(muted=muted, held=held)
    assert [line.direction for line in made.media] == [audio, video, video]


def test_candidates_are_ranked_udp_tcp_tls() -> None:
    ranks = [one.priority for one in NODE]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] == 2130706431  # RFC 8445, a host candidate with one address


def _answer(made: Description, **options: Any) -> Description:
    ice = sdp.ice_of(bytes(21), lite=True)
    return sdp.answer(made, **{"session_id": 9, "address": "192.0.2.1", "candidates": NODE, "ice": ice, **options})


def test_a_node_takes_what_both_know_under_the_offers_types() -> None:
    audio, video, data = _answer(sdp.parse(BROWSER)).media
    assert audio.formats == ("111", "9", "0", "8", "126")
    assert (video.formats, video.direction) == (("102",), Direction.SENDONLY)
    assert (data.port, data.mid, data.direction) == (0, "2", Direction.INACTIVE)


@given(descriptions)
def test_an_answer_has_a_line_for_each_and_nothing_that_was_not_offered(made: Description) -> None:
    got = _answer(made)
    assert sdp.parse(got.text()) == got
    assert [line.kind for line in got.media] == [line.kind for line in made.media]
    for offered, answered in zip(made.media, got.media, strict=True):
        assert set(answered.formats) <= set(offered.formats)
        assert not (answered.port and not offered.port)
        if answered.port:
            assert answered.direction.sends <= offered.direction.receives
            assert answered.direction.receives <= offered.direction.sends


@pytest.mark.parametrize(("offered", "taken", "rate"), [(6000, 4000, 4000), (1000, 4000, 1000), (6000, 0, 6000)])
def test_the_lesser_rate_holds(offered: int, taken: int, rate: int) -> None:
    got = _answer(offer(rate=offered), rate=taken)
    assert (got.rate, got.media[1].rate) == (rate, rate)


def test_without_video_at_the_far_end_it_is_refused() -> None:
    assert [line.port for line in _answer(offer(), has_video=False).media] == [5004, 0, 0]


def test_without_ice_nothing_is_to_be_checked() -> None:
    got = _answer(offer(), ice=None)
    assert (got.ice, [line.candidates for line in got.media]) == (None, [(), (), ()])


def test_credentials_need_their_bytes() -> None:
    with pytest.raises(LocalProtocolError):
        sdp.ice_of(bytes(5))
