"""Media of a call against a media node, in virtual time: which path is taken, when it counts as lost, and how it comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.media_node.responder import Behaviour
from endpoint.media.checks import PATIENCE_S
from endpoint.media.session import LOST_S, WATCH_S
from endpoint.media.table import ATTEMPTS_MAX
from endpoint.wire import sdp
from endpoint.wire.calliope import Answer, Server, Transport
from endpoint.wire.client_metrics import (
    ICE_AND_REACHABILITY_FAILED,
    ICE_FAILURE,
    MISSING_ANSWER,
)
from tests.endpoint.media.media_world import DEVICE, HOST, MediaWorld, play

UDP, TCP, XTLS = Transport.UDP, Transport.TCP, Transport.XTLS
SILENT = Behaviour.SILENT


def best(*transports: Transport) -> dict[Transport, Answer]:
    """What discovery has found."""
    return {
        one: Answer(Server("a.a.*", one, HOST, 443 if one is XTLS else 5004), 30, "203.0.113.9") for one in transports
    }


# -- the path ---------------------------------------------------------------------------------------------------------------------------


def test_udp_is_taken_and_shown_with_its_ends() -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected(rate=4000)
        assert (media.ice, media.path, media.remote_ip, media.xtls_host) == ("Passed", "udp", "192.0.2.1:5004", "")
        assert media.local_ip.startswith("192.0.2.10:520")
        assert (media.receive_rate, media.transmit_rate, media.has_video) == (4000, 4000, True)
        assert media.negotiation_ms == 75  # one round trip to the node and two for the keys
        assert session.streams == ("audio", "video")
        session.close()

    assert play(story).texts == ["Wx2Call[3]: media path p=2 udp".replace("[3]", " I")]


@pytest.mark.parametrize(
    ("silent", "path", "remote", "within_s"),
    [
        ((UDP,), "tcp", "192.0.2.1:5004", PATIENCE_S + 0.1),
        ((UDP, TCP), "xTls", "192.0.2.1:443", PATIENCE_S + 0.2),
    ],
)
def test_what_is_silent_is_passed_over(silent: tuple[Transport, ...], path: str, remote: str, within_s: float) -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected()
        assert (media.ice, media.path, media.remote_ip) == ("Passed", path, remote)
        assert media.xtls_host == (HOST if path == "xTls" else "")
        assert PATIENCE_S <= stage.clock.time() <= within_s
        session.close()

    stage = play(story, conduct=dict.fromkeys(silent, SILENT))
    assert stage.texts == [f"Wx2Call I: media path p=2 {path}"]


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        (("udp", "drop", {"port": 5004}), "tcp"),
        (("udp", "drop", {"direction": "down"}), "tcp"),
        (("link", "down", {"device": "device:other"}), "udp"),
    ],
)
def test_faults_of_the_network_decide(fault: tuple[str, str, dict[str, Any]], path: str) -> None:
    async def story(stage: MediaWorld) -> None:
        stage.arm("f", *fault)
        session, media = await stage.connected()
        assert media.path == path
        session.close()

    play(story)


def test_nobody_waits_for_what_discovery_has_found_hopeless() -> None:
    async def story(stage: MediaWorld) -> None:
        stage.best = best(TCP, XTLS)
        session, media = await stage.connected()
        assert (media.path, media.negotiation_ms) == ("tcp", 87)
        session.close()

    play(story, conduct={UDP: SILENT})


def test_tls_needs_an_anchor() -> None:
    async def story(stage: MediaWorld) -> None:
        _, media = await stage.connected()
        assert media.ice == "Failed"

    assert play(story, conduct={UDP: SILENT, TCP: SILENT}, trusts=False).texts == [
        "Wx2Call W: ICE failed p=2: 3 candidate pairs tried"
    ]


@pytest.mark.parametrize(
    ("found", "code"), [(None, ICE_FAILURE), (best(UDP), ICE_FAILURE), ({}, ICE_AND_REACHABILITY_FAILED)]
)
def test_without_a_path_ice_fails_with_the_code_that_fits(found: Any, code: int) -> None:
    async def story(stage: MediaWorld) -> None:
        stage.best = found
        session, media = await stage.connected()
        assert (media.ice, media.path, media.has_video, media.receive_rate) == ("Failed", "", False, 0)
        assert session.failure.code == code
        assert stage.clock.time() <= LOST_S
        session.close()

    assert play(story, conduct=dict.fromkeys(Transport, SILENT)).texts == [
        "Wx2Call W: ICE failed p=2: 3 candidate pairs tried"
    ]


@pytest.mark.parametrize("junk", ["", "v=0", "v=0\r\no=- 1 1 IN IP4 x\r\nm=", "\x00" * 9])
def test_a_description_that_cannot_be_read_is_no_answer(junk: str) -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        session.offer()
        assert (await session.connect(junk)).ice == "Failed"
        assert session.failure.code == MISSING_ANSWER
        session.close()

    play(story)


def test_what_cannot_be_read_leaves_media_that_flows() -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected()
        assert await session.connect("v=1") == media
        session.close()

    play(story)


def test_a_far_side_without_ice_is_reached_without_checks() -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session(has_video=False)
        media = await session.connect(
            sdp.answer(sdp.parse(session.offer()), session_id=1, address="192.0.2.250").text()
        )
        assert (media.ice, media.path, media.encryption, media.has_video) == ("Disabled", "", "None", False)
        assert (session.streams, stage.clock.time()) == (("audio",), 0.0)
        stage.arm("link", "link", "down", {"device": DEVICE})
        await stage.clock.sleep(LOST_S + WATCH_S)
        stage.heal("link")
        await stage.clock.sleep(LOST_S + WATCH_S)
        assert (len(stage.lost_s), [media.ice for _, media in stage.changes]) == (1, ["Disabled"])
        session.close()

    play(story)


def test_a_far_end_without_video_leaves_audio() -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        media = await session.connect(stage.answer(session.offer(), has_video=False))
        assert (media.has_video, session.streams) == (False, ("audio",))
        session.close()

    play(story)


# -- offers -----------------------------------------------------------------------------------------------------------------------------


def test_offers_differ_in_version_and_direction_and_need_no_new_check() -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected()
        for offer, audio, video in (
            (session.mute(True), "recvonly", "sendrecv"),
            (session.hold(True), "inactive", "sendonly"),
            (session.mute(False), "sendonly", "sendonly"),
            (session.hold(False), "sendrecv", "sendrecv"),
        ):
            said = sdp.parse(offer)
            assert [line.direction for line in said.media] == [audio, video, video]
            assert await session.connect(stage.answer(offer)) == media
        assert said.version == 5
        session.close()

    assert len(play(story).texts) == 1


def test_the_key_of_the_checks_is_in_the_offer_alone() -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        offer = session.offer()
        key = next(line for line in offer.splitlines() if line.startswith("a=ice-pwd:")).removeprefix("a=ice-pwd:")
        await session.connect(stage.answer(offer))
        assert key not in sdp.redacted(offer)
        assert key not in repr(sdp.parse(offer))
        assert key not in str([event.data for event in stage.world.trace.events])
        session.close()

    play(story)


def test_every_call_has_credentials_of_its_own() -> None:
    async def story(stage: MediaWorld) -> None:
        offers = {sdp.parse(stage.session(call).offer()).ice for call in ("p=2", "p=3", "p=4")}
        assert len(offers) == 3

    play(story)


# -- loss and return --------------------------------------------------------------------------------------------------------------------


def test_media_is_lost_ten_seconds_after_the_last_packet_and_comes_back_with_the_link() -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected()
        await stage.clock.sleep(30)
        down_s = stage.clock.time()
        stage.arm("link", "link", "down", {"device": DEVICE})
        await stage.clock.sleep(15)
        assert [LOST_S - WATCH_S <= at - down_s <= LOST_S + 0.001 for at in stage.lost_s] == [True]
        stage.heal("link")
        await stage.clock.sleep(2 * LOST_S)
        [(_, back)] = stage.changes
        assert (back.ice, back.path) == ("Passed", media.path)
        session.close()

    play(story)


@pytest.mark.parametrize("seconds", [1.0, 5.0, 7.4])
def test_a_short_silence_is_not_told(seconds: float) -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        stage.arm("link", "link", "down", {"device": DEVICE})
        await stage.clock.sleep(seconds)
        stage.heal("link")
        await stage.clock.sleep(60)
        assert (stage.lost_s, stage.changes) == ([], [])
        session.close()

    play(story)


def _block(stage: MediaWorld) -> None:
    stage.arm("udp", "udp", "drop")
    stage.arm("tcp", "tcp", "block")


def test_after_three_reconnections_it_is_given_up_and_still_comes_back() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        _block(stage)
        await stage.clock.sleep(LOST_S + ATTEMPTS_MAX * LOST_S + 5)
        assert [media.ice for _, media in stage.changes] == ["Failed"]
        assert len(stage.texts) == 1 + ATTEMPTS_MAX
        await stage.clock.sleep(600)
        assert len(stage.texts) == 1 + ATTEMPTS_MAX, "what is blocked is not checked again and again"
        stage.heal("udp")
        await stage.clock.sleep(WATCH_S + 1)
        assert [media.ice for _, media in stage.changes] == ["Failed", "Passed"]
        assert len(stage.lost_s) == 1
        session.close()

    play(story)


@pytest.mark.parametrize("down_s", [15.0, 35.0, 110.0, 3_600.0])
def test_a_link_that_is_down_is_waited_for(down_s: float) -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected()
        stage.arm("link", "link", "down", {"device": DEVICE})
        await stage.clock.sleep(down_s)
        stage.heal("link")
        await stage.clock.sleep(WATCH_S + 1)
        assert [(media.ice, media.path) for _, media in stage.changes] == [(media.ice, media.path)]
        assert len(stage.lost_s) == 1
        session.close()

    assert play(story).texts == ["Wx2Call I: media path p=2 udp"] * 2


def test_media_moves_to_tcp_when_udp_is_blocked_in_a_call() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        stage.arm("firewall", "udp", "drop")
        await stage.clock.sleep(2 * LOST_S)
        assert [media.path for _, media in stage.changes] == ["tcp"]
        stage.arm("more", "tcp", "block", {"port": 5004})
        await stage.clock.sleep(2 * LOST_S)
        assert [media.path for _, media in stage.changes] == ["tcp", "xTls"]
        session.close()

    stage = play(story)
    assert [line for line in stage.texts if "media path" in line] == [
        f"Wx2Call I: media path p=2 {path}" for path in ("udp", "tcp", "xTls")
    ]


def test_a_node_that_is_gone_is_noticed() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        await stage.fleet.stop()
        await stage.clock.sleep(LOST_S + WATCH_S)
        assert len(stage.lost_s) == 1
        session.close()

    play(story)


def test_a_share_of_the_packets_is_a_figure_and_no_loss_of_the_path() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        draws = stage.world.chance.stream("test")
        stage.arm("bad", "udp", "drop", {"kind": "rtp"}, percent=40.0, draws=draws)
        await stage.clock.sleep(100)
        audio = next(one for one in session.stats().streams if (one.media_type, one.direction) == ("audio", "receive"))
        assert (stage.lost_s, audio.packets + audio.lost) == ([], 5000)
        assert 0.39 <= audio.lost / 5000 <= 0.41
        session.close()

    play(story)


def test_a_count_of_lost_packets_is_used_up() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        stage.arm("few", "udp", "drop", {"kind": "rtp"}, count=2)
        await stage.clock.sleep(60)
        assert (stage.lost_s, stage.world.faults.armed) == ([], ())
        session.close()

    play(story)


# -- figures ----------------------------------------------------------------------------------------------------------------------------


def test_figures_follow_what_flows() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected(rate=960)
        await stage.clock.sleep(60)
        session.mute(True)
        await stage.clock.sleep(40)
        stats = session.stats()
        got = {(one.media_type, one.direction): (one.packets, one.rate) for one in stats.streams}
        assert (stats.path, stats.rtt_ms, stats.is_modelled) == ("udp", 25, True)
        assert got == {
            ("audio", "transmit"): (3000, 0),
            ("audio", "receive"): (5000, 64),
            ("video", "transmit"): (10_000, 960),
            ("video", "receive"): (10_000, 960),
        }
        session.close()

    play(story)


def test_nothing_flows_before_and_after() -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        assert session.stats().streams == ()
        session.close()

    play(story)


# -- its end ----------------------------------------------------------------------------------------------------------------------------


def _pending() -> int:
    return len(asyncio.all_tasks()) - 1


@pytest.mark.parametrize("after_s", [0.0, 0.01, 5.0, 12.0, 25.0, 60.0])
@pytest.mark.parametrize("by_link", [True, False])
def test_closing_leaves_nothing_behind_at_any_moment(after_s: float, by_link: bool) -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        connecting = asyncio.ensure_future(session.connect(stage.answer(session.offer())))
        await stage.clock.sleep(1)
        if by_link:
            stage.arm("link", "link", "down", {"device": DEVICE})
        else:
            _block(stage)
        await stage.clock.sleep(after_s)
        session.close()
        session.close()
        told = (list(stage.lost_s), list(stage.changes))
        await stage.clock.sleep(0.001)
        assert _pending() == 0
        stage.world.faults.heal_all()
        await stage.clock.sleep(100)
        assert (stage.lost_s, stage.changes) == told
        assert (await session.connect(await connecting and "")).ice == "Failed"

    play(story)


def test_who_is_told_may_close() -> None:
    async def story(stage: MediaWorld) -> None:
        for end in ("on_lost", "on_change"):
            session, _ = await stage.connected(call=end)
            setattr(session, end, lambda *_, session=session: session.close())
            _block(stage)
            await stage.clock.sleep(100)
            stage.world.faults.heal_all()
            assert _pending() == 0

    play(story)


def test_of_two_connections_at_a_time_the_last_one_holds() -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        first = asyncio.ensure_future(session.connect(stage.answer(session.offer())))
        await stage.clock.sleep(0.01)
        second = asyncio.ensure_future(session.connect("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n"))
        assert ((await second).ice, (await first).ice) == ("Disabled", "Disabled")
        session.close()

    assert play(story).texts == []


def test_candidates_that_wait_for_nobody_are_not_checked() -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        text = stage.answer(session.offer()).replace("tcptype passive", "tcptype active").replace(" 5004 typ", " 0 typ")
        assert (await session.connect(text)).ice == "Failed"
        session.close()

    assert play(story).texts == ["Wx2Call W: ICE failed p=2: 0 candidate pairs tried"]


def test_another_node_is_checked_and_new_credentials_of_the_same_one_are_not() -> None:
    async def story(stage: MediaWorld) -> None:
        session, media = await stage.connected()
        offer = session.hold(True)
        other = sdp.answer(
            sdp.parse(offer), session_id=3, address=HOST, ice=sdp.ice_of(b"x" * 21, lite=True),
            candidates=sdp.parse(stage.answer(offer)).media[0].candidates,
        )  # fmt: skip
        assert await session.connect(other.text()) == media
        moved = await session.connect(other.text().replace(" 192.0.2.1 5004 typ", " 192.0.2.99 5004 typ"))
        assert (moved.path, moved.remote_ip) == ("xTls", "192.0.2.1:443")
        session.close()

    assert len(play(story).texts) == 2


@settings(max_examples=60, deadline=None)
@given(
    st.text("".join(map(chr, range(33, 127))), min_size=1, max_size=20)
    | st.sampled_from(["::1", "127.0.0.1", "localhost", "[::1]", HOST]),
    st.integers(0, 65535),
    st.sampled_from(["udp", "tcp", "xTLS"]),
    st.text(max_size=12),
    st.integers(0, 400),
)
def test_no_description_makes_it_raise(host: str, port: int, transport: str, damage: str, at: int) -> None:
    async def story(stage: MediaWorld) -> None:
        session = stage.session()
        good = stage.answer(session.offer())
        aimed = good.replace("192.0.2.1 5004 typ", f"{host} {port} typ").replace("2 1 TCP", f"2 1 {transport}")
        for text in (aimed, good[:at] + damage + good[at:], aimed[:at] + damage + aimed[at + 7 :]):
            media = await session.connect(text)
            assert (media.path == "") == (media.ice != "Passed")
        session.close()
        assert _pending() == 0

    play(story)
