"""The Mercury connection against a server that behaves, breaks, drains, replaces, moves, floods or says nothing."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import WSMsgType

from endpoint.cloud.mercury_table import State
from endpoint.cloud.shared import Dropped
from endpoint.runtime.errors import EndpointError
from tests.endpoint.cloud.scripted import ACCESS, CODE, CUT, ORG, SOCKET_PATH, Peer, Reply, Scripted, play

OPEN = ["Wx2WebSocket[3]: connecting to mercury-connection-a.wbx2.test", "Wx2WebSocket I: connected"]
UPGRADE, MINE = "/registrations/", "/devices/"


async def _online(cloud: Scripted) -> Peer:
    peer = await cloud.online()
    cloud.asked.clear()
    cloud.log.clear()
    return peer


def _upgrades(cloud: Scripted) -> list[float]:
    return [asked.at_s for asked in cloud.to("GET", UPGRADE)]


def _is_complained(cloud: Scripted) -> bool:
    return "WebexNotificationConnectivity" in cloud.device.diagnostics.types


# -- opening ----------------------------------------------------------------------------------------------------------------------------


def test_the_first_seconds_in_frames_and_words() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await cloud.online()
        await cloud.clock.sleep(31.0)
        first, ack, *rest = peer.frames
        assert first == {
            "id": first["id"], "type": "authorization", "data": {"token": f"Bearer {ACCESS}"}, "trackingId": first["trackingId"]
        }  # fmt: skip
        assert re.fullmatch(r"[0-9a-f-]{36}_1772441400000", first["trackingId"])
        assert ack == {"type": "ack", "messageId": "hello-1"}
        pings = [frame["id"] for frame in rest if frame["type"] == "ping"]
        assert rest == [
            frame for ping in pings for frame in ({"type": "ping", "id": ping}, {"type": "ack", "messageId": ping})
        ]
        assert len(pings) == 3
        assert cloud.lines("Wx2WebSocket") == OPEN
        [upgrade] = cloud.to("GET", UPGRADE)
        assert upgrade.query == {
            "outboundWireFormat": "text", "bufferStates": "true", "aliasHttpStatus": "true", "clientTimestamp": "1772441400000"
        }  # fmt: skip
        assert not {"Authorization", "TrackingID"} & set(upgrade.headers)
        assert not _is_complained(cloud)

    play(story)


def test_a_ping_goes_out_fifteen_seconds_after_the_last_pong() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.pongs = False
        await cloud.online()
        sent_s = [cloud.clock.time()]
        for late_s in (0.0, 5.0, 13.9):
            await cloud.clock.sleep(late_s)
            await cloud.peer.send({"type": "pong", "id": cloud.peer.sent("ping")[-1]["id"]})
            ponged_s = cloud.clock.time()
            count = len(cloud.peer.sent("ping"))
            while len(cloud.peer.sent("ping")) == count:
                await cloud.clock.sleep(0.1)
            sent_s.append(cloud.clock.time())
            assert sent_s[-1] - ponged_s == pytest.approx(15.0, abs=0.11)
        assert len(cloud.peers) == 1

    play(story)


@pytest.mark.parametrize(
    "frame",
    [
        {"id": "1", "data": {"eventType": "conversation.activity"}},
        {"id": "1", "data": {"eventType": "mercury.buffer_state"}, "type": "event"},
        {"id": "1", "data": {}},
        {"id": "1"},
    ],
)
def test_another_first_message_is_no_opening(frame: dict[str, Any]) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.greets = False
        await cloud.peer.cut()
        await cloud.clock.sleep(1.0)
        await cloud.peer.send_at_once(frame)
        await cloud.peer.send({"id": "2", "data": {"eventType": "mercury.buffer_state"}})  # too late
        assert {"type": "ack", "messageId": "1"} in cloud.peer.frames
        assert not cloud.device.mercury.is_open
        assert cloud.peer.closed_with[0] == 1002
        assert cloud.lines("Wx2WebSocket W")[1:3] == [
            "Wx2WebSocket W: frame ignored: it came before the opening event",
            "Wx2WebSocket W: closed code=1002 reason='wrong opening event'",
        ]
        assert cloud.lines("Wx2WebSocket W")[3].startswith(
            "Wx2WebSocket W: connect failed: wrong opening event; retry 1 in "
        )
        cloud.greets = True
        await cloud.device.until_online()
        cloud.log.clear()
        await cloud.clock.sleep(40.0)
        assert not cloud.lines("Wx2WebSocket"), "nobody waits any more for the opening event of a socket that is closed"

    play(story)


def test_pongs_and_broken_frames_before_the_opening_event_are_no_messages() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.greets = False
        await cloud.peer.cut()
        for frame in ({"id": "1", "type": "pong"}, {"id": "2", "type": "shutdown"}, "nonsense", '{"no":"id"}'):
            await cloud.peer.send(frame)
        await cloud.peer.send({"id": "3", "data": {"eventType": "mercury.registration_status"}})
        assert cloud.device.mercury.is_open
        assert [frame["messageId"] for frame in cloud.peer.sent("ack")][:3] == ["1", "2", "3"]

    play(story)


def test_without_an_opening_event_the_attempt_ends_after_thirty_seconds() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.greets = False
        await cloud.peer.cut()
        await cloud.clock.sleep(29.0)
        assert cloud.device.mercury.state is State.AUTHORISING
        cloud.greets = True
        await cloud.clock.sleep(2.1)
        assert cloud.device.mercury.is_open
        assert cloud.lines("Wx2WebSocket W")[1] == "Wx2WebSocket W: closed code=1002 reason='no opening event'"

    play(story)


# -- frames -----------------------------------------------------------------------------------------------------------------------------


def test_everything_with_an_id_is_acknowledged_and_the_rest_is_dropped_in_words() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await _online(cloud)
        peer.frames.clear()
        await peer.event("conversation.activity", "a")
        await peer.send({"id": "b"})
        await peer.send({"id": "c", "type": "strange", "data": {"eventType": 5}})
        for junk in (
            "",
            "[]",
            "{}",
            "null",
            '{"id":1}',
            '{"id":""}',
            "\x00",
            '{"id":"x","type":"ping"}',
            '{"type":"ack"}',
            b"bytes",
        ):
            await peer.send(junk)
        await peer.send('{"id":"y","type":"authorization","data":{"token":"Bearer t"},"trackingId":""}')
        assert peer.sent("ack") == [{"type": "ack", "messageId": name} for name in ("a", "b", "c")]
        assert cloud.lines("Wx2 I") == ["Wx2 I: NotificationChannel: conversation.activity, trackingid ccc_a"]
        assert cloud.lines("Wx2WebSocket W")[:2] == ["Wx2WebSocket W: frame ignored: it has no data.eventType"] * 2
        drops = [event for event in cloud.trace.events if event.kind == "drop"]
        assert len(drops) == len(cloud.lines("Wx2WebSocket W: frame ignored")) == 12
        assert cloud.device.mercury.is_open

    play(story)


def test_a_gap_in_the_numbers_is_logged_and_nothing_else() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await _online(cloud)
        for number, frame_id in ((7, "a"), (8, "b"), (11, "c"), (None, "d"), (12, "e"), (12, "f")):
            await peer.send({"id": frame_id, "data": {"eventType": "x.y"}, "sequenceNumber": number})
        assert cloud.lines("Wx2WebSocket") == [
            "Wx2WebSocket W: sequence gap: expected 9, got 11", "Wx2WebSocket W: sequence gap: expected 13, got 12"
        ]  # fmt: skip
        await peer.close(1001)
        await cloud.peer.send({"id": "a", "data": {"eventType": "x.y"}, "sequenceNumber": 1})
        assert len([line for line in cloud.log if "gap" in line]) == 2

    play(story)


def test_thousands_of_frames_at_once_are_all_taken() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await _online(cloud)
        for number in range(2_000):
            await peer.ws.send_str(f'{{"id":"{number}","data":{{"eventType":"x.y"}}}}')
        await cloud.clock.sleep(0.1)
        assert len([frame for frame in peer.sent("ack") if frame["messageId"].isdigit()]) == 2_000

    play(story)


# -- pongs ------------------------------------------------------------------------------------------------------------------------------


def test_a_pong_that_does_not_come_in_fourteen_seconds_ends_the_socket() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await _online(cloud)
        cloud.pongs = False
        await cloud.clock.sleep(28.9)
        assert len(cloud.peers) == 1
        cloud.pongs = True
        await cloud.clock.sleep(0.2)
        assert cloud.lines("Wx2WebSocket") == [
            "Wx2WebSocket W: no pong within 14000 ms", "Wx2WebSocket W: closed code=1000 reason='Pong not received'", *OPEN
        ]  # fmt: skip
        assert peer.closed_with[0] == 1000
        assert len(cloud.peers) == 2
        assert cloud.device.mercury.is_open
        assert not _is_complained(cloud)

    play(story)


def test_a_pong_for_another_ping_ends_the_socket_at_once_if_it_was_good_before() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        await cloud.peer.send({"type": "pong", "id": "another"})
        assert cloud.lines("Wx2WebSocket") == ["Wx2WebSocket W: closed code=1000 reason='Pong mismatch'", *OPEN]
        assert cloud.device.mercury.is_open

    play(story)


async def _liar(peer: Peer, frame: dict[str, Any]) -> None:
    """Open, and answer every ping with the wrong pong."""
    if frame["type"] == "authorization":
        await peer.ws.send_str('{"id":"h","data":{"eventType":"mercury.buffer_state"}}')
    elif frame["type"] == "ping":
        await peer.ws.send_str('{"id":"wrong","type":"pong"}')


async def _door(peer: Peer, frame: dict[str, Any]) -> None:
    """Open, and close at once."""
    if frame["type"] == "authorization":
        await peer.ws.send_str('{"id":"h","data":{"eventType":"mercury.buffer_state"}}')
        await peer.ws.close(code=1011)


@pytest.mark.parametrize("server", [_liar, _door])
def test_a_server_that_never_proves_itself_is_not_come_back_to_in_a_tight_loop(server: Any) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on_frame = server  # type: ignore[method-assign]  # another script for the peer
        await cloud.peer.close(1001)
        await cloud.clock.sleep(300.0)
        gaps = [later - earlier for earlier, later in pairwise(_upgrades(cloud))]
        for base_s, gap_s in zip((1, 2, 4, 8, 16, 32, 32), gaps, strict=False):
            assert 0.75 * base_s <= gap_s <= base_s + 0.1
        assert len(gaps) > 6

    play(story)


# -- closes -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, ""), (1000, "bye"), (1000, "idle"), (1001, ""), (1002, ""), (1003, ""), (1008, ""), (1011, ""), (1012, ""),
        (3050, ""), (4001, ""), (4400, ""), (4401, "token"), (4403, ""), (4404, ""), (4999, ""),
    ],
)  # fmt: skip
def test_every_close_of_an_open_socket_but_replaced_is_followed_by_another_one_at_once(code: int, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        calls = len(cloud.to("GET", "/calendarEvents"))
        await cloud.peer.close(code, reason)
        await cloud.settle()
        assert cloud.lines("Wx2WebSocket") == [f"Wx2WebSocket W: closed code={code} reason='{reason}'", *OPEN]
        assert cloud.device.mercury.is_open
        assert len(cloud.to("GET", "/calendarEvents")) == calls + 1, "every connection is followed by a catch-up"

    play(story)


def test_a_cut_socket_is_1006() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        await cloud.peer.cut()
        await cloud.settle()
        assert cloud.lines("Wx2WebSocket") == ["Wx2WebSocket W: closed code=1006 reason=''", *OPEN]

    play(story)


def test_a_reason_of_the_server_stays_on_its_line() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        await cloud.peer.close(1011, "two\nlines\x1b[31m")
        assert cloud.lines("Wx2WebSocket W") == ["Wx2WebSocket W: closed code=1011 reason='two?lines?[31m'"]

    play(story)


def test_a_hardened_device_says_that_nobody_can_reach_it_while_it_is_offline() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        await cloud.device.activate(CODE, hardens=True)
        await cloud.device.until_online()
        assert "LockDown" not in cloud.device.diagnostics.types
        cloud.on("GET", UPGRADE, Reply(503), Reply(503), Reply())
        await cloud.peer.cut()
        await cloud.clock.sleep(0.1)
        assert cloud.device.diagnostics.types["LockDown"] == "Warning"
        await cloud.device.until_online()
        assert "LockDown" not in cloud.device.diagnostics.types
        cloud.on("GET", UPGRADE, Reply(503))
        await cloud.peer.cut()
        await cloud.clock.sleep(0.1)
        cloud.device.remove_account("test")
        await cloud.settle()
        assert "LockDown" not in cloud.device.diagnostics.types

    play(story)


def test_a_device_that_kept_its_local_users_raises_no_lock_down() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", UPGRADE, Reply(503))
        await cloud.peer.cut()
        await cloud.clock.sleep(0.1)
        assert _is_complained(cloud)
        assert "LockDown" not in cloud.device.diagnostics.types

    play(story)


def test_a_replaced_device_stays_off_until_it_is_told_otherwise_and_catches_up_every_quarter_of_an_hour() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        await cloud.peer.close(4000, "replaced")
        await cloud.clock.sleep(3_600.0)
        assert cloud.device.mercury.state is State.REPLACED
        assert not _upgrades(cloud)
        assert _is_complained(cloud)
        assert [round(asked.at_s / 900, 2) for asked in cloud.to("GET", "/calendarEvents")] == [1, 2, 3, 4]
        await cloud.device.connect()
        assert cloud.device.mercury.is_open
        assert not _is_complained(cloud)

    play(story)


def _refuse(cloud: Scripted, code: int, reason: str = "", times: int = 1) -> None:
    """Let the next attempts be closed before the opening event."""
    left = [times]
    usual = Scripted.on_frame

    async def on_frame(peer: Peer, frame: dict[str, Any]) -> None:
        if frame["type"] == "authorization" and left[0] > 0:
            left[0] -= 1
            if code == 1005:  # no code at all: not what aiohttp does by itself
                await peer.ws._writer.send_frame(b"", WSMsgType.CLOSE)  # type: ignore[union-attr]  # it is open
            else:
                await peer.ws.close(code=code, message=reason.encode())
        else:
            await usual(cloud, peer, frame)

    cloud.on_frame = on_frame  # type: ignore[method-assign]  # another script for the peer


@pytest.mark.parametrize("code", [4400, 4403])
def test_a_server_that_refuses_for_good_is_asked_again_after_a_quarter_of_an_hour(code: int) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        _refuse(cloud, code)
        await cloud.peer.close(1001)
        await cloud.clock.sleep(1.0)
        assert cloud.device.mercury.state is State.REFUSED
        assert cloud.lines("Wx2WebSocket W: connect") == [
            f"Wx2WebSocket W: connect failed: closed code={code}; retry 1 in 900000 ms"
        ]
        assert cloud.to("POST", "/access_token") == []
        await cloud.clock.sleep(900.0)
        assert cloud.device.mercury.is_open
        first, second = _upgrades(cloud)
        assert second - first == pytest.approx(900.0, abs=0.01)
        assert len(cloud.to("POST", "/access_token")) == 1, "the token may be what was refused: it is not tried again"

    play(story)


def test_a_token_that_is_refused_is_refreshed_before_the_next_attempt() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        _refuse(cloud, 4401)
        await cloud.peer.close(4401)
        await cloud.clock.sleep(2.0)
        assert len(cloud.to("POST", "/access_token")) == 1
        assert cloud.peer.sent("authorization")[0]["data"] == {"token": f"Bearer {1:032x}_P0A1_{ORG}"}
        words = [
            line.split(": ")[1].split(" ")[0]
            for line in cloud.log
            if line.startswith(("Wx2WebSocket", "Wx2[3]: Token"))
        ]
        assert words == ["closed", "connecting", "closed", "Token", "Token", "connect", "connecting", "connected"]

    play(story)


def test_a_token_that_cannot_be_refreshed_does_not_stop_the_attempts() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("POST", "/access_token", Reply(401, {"error": "invalid_client"}))
        _refuse(cloud, 4401, times=3)
        await cloud.peer.close(4401)
        await cloud.clock.sleep(10.0)
        assert cloud.device.mercury.is_open

    play(story)


@pytest.mark.parametrize(("code", "reason"), [(1005, ""), (4404, "no such registration")])
def test_a_registration_that_is_doubted_is_refreshed_before_the_next_attempt(code: int, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("PUT", MINE, Reply(404))
        _refuse(cloud, code, reason)
        await cloud.peer.close(1001)
        await cloud.clock.sleep(2.0)
        assert cloud.lines("Wx2 W") == ["Wx2 W: Device registration lost, creating a new one"]
        assert cloud.device.mercury.is_open

    play(story)


@pytest.mark.parametrize(
    ("reply", "reason", "refreshes"),
    [
        (Reply(503), "upgrade refused (503)", 0),
        (Reply(401), "upgrade refused (401)", 0),
        (Reply(404), "upgrade refused (404)", 1),
        (Reply(201), "upgrade refused (201)", 0),
        (CUT, "connection reset mercury-connection-a.wbx2.test:80", 0),
    ],
)
def test_an_upgrade_that_fails_is_tried_again_with_growing_waits(reply: Reply, reason: str, refreshes: int) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", UPGRADE, reply, reply, reply, Reply())
        await cloud.peer.cut()
        await cloud.clock.sleep(0.1)
        assert _is_complained(cloud)
        await cloud.device.until_online()
        failures = cloud.lines("Wx2WebSocket W: connect failed")
        pattern = re.escape(f"Wx2WebSocket W: connect failed: {reason}; retry ") + r"(\d) in (\d+) ms"
        found = [re.fullmatch(pattern, line) for line in failures]
        assert [match and int(match[1]) for match in found] == [1, 2, 3]
        waits = [int(match[2]) for match in found if match]
        assert all(750 * 2**n <= wait <= 1_000 * 2**n for n, wait in enumerate(waits))
        assert len(cloud.to("PUT", MINE)) == 3 * refreshes
        assert not _is_complained(cloud)
        cloud.log.clear()
        await cloud.settle()
        cloud.on("GET", UPGRADE, reply, Reply())
        await cloud.peer.cut()
        await cloud.clock.sleep(5.0)
        assert "; retry 1 in " in cloud.lines("Wx2WebSocket W: connect failed")[0], "a success starts the count anew"

    play(story)


def test_attempts_go_on_every_half_minute_for_as_long_as_it_takes() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", UPGRADE, Reply(503))
        await cloud.peer.cut()
        await cloud.clock.sleep(3_600.0)
        gaps = [later - earlier for earlier, later in pairwise(_upgrades(cloud))]
        assert all(24.0 <= gap <= 32.1 for gap in gaps[6:])
        assert len(set(gaps)) > 100, "a fleet does not come back in step"
        assert cloud.device.webex.status.value == "Registered"
        assert len(cloud.to("GET", "/calendarEvents")) == 4
        cloud.usual("GET", UPGRADE)
        await cloud.clock.sleep(33.0)
        assert cloud.device.mercury.is_open

    play(story)


def test_a_device_whose_websocket_never_opens_still_knows_its_meetings() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", UPGRADE, Reply(400))
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(2_000.0)
        assert cloud.device.calendar.caught_up
        assert [round(asked.at_s / 900, 2) for asked in cloud.to("GET", "/calendarEvents")] == [0, 1, 2]
        assert cloud.device.webex.status.value == "Registered"

    play(story)


# -- switch-over, another address -------------------------------------------------------------------------------------------------------


async def _shutdown(cloud: Scripted) -> Peer:
    """Announce a shutdown on the present socket and return it."""
    old = cloud.peer
    await old.send({"id": "s", "type": "shutdown"})
    return old


def test_a_shutdown_opens_a_second_socket_before_the_first_one_closes() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        states: list[str] = []
        cloud.trace.subscribe(
            lambda event: states.append(event.data["to"]) if event.data.get("machine") == "mercury" else None
        )
        old = await _shutdown(cloud)
        assert cloud.peer is not old
        assert states == ["switching", "open"]
        await old.send({"id": "late", "data": {"eventType": "x.late"}, "sequenceNumber": 900})
        await cloud.peer.event("x.new")
        await old.close(4001)
        await cloud.clock.sleep(40.0)
        assert len(cloud.peers) == 2
        assert states == ["switching", "open"]
        assert [line.split(" ")[3] for line in cloud.lines("Wx2 I: Notification")] == ["x.late,", "x.new,"]
        assert cloud.lines("Wx2WebSocket") == [*OPEN, "Wx2WebSocket W: closed code=4001 reason=''"]
        assert len(cloud.to("GET", "/calendarEvents")) == 1
        assert not _is_complained(cloud)

    play(story)


def test_an_old_socket_that_nobody_closes_is_closed_after_a_minute() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        old = await _shutdown(cloud)
        await cloud.clock.sleep(59.0)
        assert not old.ws.closed
        await cloud.clock.sleep(1.1)
        assert old.closed_with[0] == 1000
        assert cloud.device.mercury.is_open

    play(story)


def test_a_second_shutdown_during_a_switch_over_is_ignored_and_one_after_it_counts() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.greets = False
        old = await _shutdown(cloud)
        await old.send({"id": "s2", "type": "shutdown"})
        assert len(cloud.peers) == 2
        await cloud.peer.send({"id": "h", "data": {"eventType": "mercury.buffer_state"}})
        cloud.greets = True
        await _shutdown(cloud)
        assert len(cloud.peers) == 3
        assert old.ws.closed
        assert cloud.device.mercury.state is State.OPEN

    play(story)


def test_a_switch_over_that_fails_leaves_the_first_socket_and_its_end_is_a_reconnection() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", UPGRADE, Reply(503), Reply())
        old = await _shutdown(cloud)
        assert cloud.lines("Wx2WebSocket W") == ["Wx2WebSocket W: second connection failed: upgrade refused (503)"]
        assert cloud.device.mercury.state is State.OPEN
        await old.close(4001)
        await cloud.settle()
        assert cloud.device.mercury.is_open
        assert len(cloud.peers) == 2

    play(story)


@pytest.mark.parametrize("greets", [True, False])
@pytest.mark.parametrize(("code", "reason"), [(4000, "replaced"), (1001, ""), (4001, "")])
def test_a_first_socket_that_ends_too_early_hands_over_to_the_second(code: int, reason: str, greets: bool) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.greets = False
        if not greets:
            cloud.slow("GET", UPGRADE, 3.0)
        old = await _shutdown(cloud)
        await old.close(code, reason)
        assert cloud.device.mercury.state is (State.AUTHORISING if greets else State.OPENING)
        cloud.greets = True
        if greets:
            await cloud.peer.send({"id": "h", "data": {"eventType": "mercury.buffer_state"}})
        await cloud.clock.sleep(5.0)
        assert cloud.device.mercury.is_open
        assert len(cloud.peers) == 2

    play(story)


def test_a_refresh_that_names_another_address_moves_the_connection() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        old = cloud.peer
        moved = f"ws://mercury-connection-a.wbx2.test{SOCKET_PATH}?partition=2"
        cloud.on("PUT", MINE, Reply(body=cloud.dto(webSocketUrl=moved)))
        await cloud.device.registration.register()
        await cloud.settle()
        assert cloud.lines("WebSocketN") == [
            "WebSocketNotificationChannel I: endpoint changed to mercury-connection-a.wbx2.test"
        ]
        assert parse_qs(cloud.peer.request.query_string)["partition"] == ["2"]
        assert cloud.device.mercury.is_open
        await old.close(4000, "replaced")
        await cloud.clock.sleep(20.0)
        assert cloud.device.mercury.state is State.OPEN

    play(story)


def test_an_address_outside_the_catalogue_gets_no_token_and_the_registration_is_asked_for_another_one() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.services["mercuryConnectionPartition0"] = "wss://mercury-connection-z.wbx2.test/v1"
        await cloud.device.catalog.fetch()
        await cloud.peer.cut()
        await cloud.clock.sleep(5.0)
        assert not _upgrades(cloud)
        text = "no token for mercury-connection-a.wbx2.test:80: it is not in the service catalogue"
        assert cloud.lines("Wx2WebSocket W: connect")[0].startswith(
            f"Wx2WebSocket W: connect failed: {text}; retry 1 in "
        )
        moved = cloud.url(f"wss://mercury-connection-z.wbx2.test{SOCKET_PATH}")
        cloud.on("PUT", MINE, Reply(body=cloud.dto(webSocketUrl=moved)))
        await cloud.device.until_online()
        assert cloud.to("GET", UPGRADE)[-1].host == "mercury-connection-z.wbx2.test"

    play(story)


# -- on and off -------------------------------------------------------------------------------------------------------------------------


def test_disconnecting_says_goodbye_and_stays_off() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await _online(cloud)
        cloud.device.mercury.disconnect()
        await cloud.clock.sleep(100.0)
        assert peer.closed_with[0] == 1000
        assert cloud.device.mercury.state is State.OFF
        assert len(cloud.peers) == 1
        assert not _is_complained(cloud)

    play(story)


@pytest.mark.parametrize("late_s", [0.0, 3.0])
def test_disconnecting_in_the_middle_of_an_attempt_leaves_nothing_behind(late_s: float) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.greets = False
        cloud.slow("GET", UPGRADE, late_s)
        await cloud.peer.cut()
        await cloud.clock.sleep(1.0)
        opening = asyncio.create_task(cloud.device.connect())
        await cloud.settle()
        cloud.device.mercury.disconnect()
        with pytest.raises(Dropped):
            await opening
        await cloud.clock.sleep(60.0)
        assert cloud.device.mercury.state is State.OFF
        assert all(peer.ws.closed for peer in cloud.peers)

    play(story)


def test_a_loss_of_power_says_nothing_and_a_restart_says_done() -> None:
    async def story(cloud: Scripted) -> None:
        peer = await _online(cloud)
        await cloud.device.crash()
        await cloud.clock.sleep(100.0)
        assert peer.ws.close_code == 1006
        assert not cloud.log
        await cloud.device.boot()
        await cloud.device.until_online()
        peer = cloud.peer
        await cloud.device.restart()
        assert peer.closed_with[0] == 1000
        await cloud.device.until_online()
        assert cloud.connections <= 8

    play(story)


def test_a_registration_that_is_being_made_anew_does_not_disturb_the_attempts() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("PUT", MINE, Reply(404))
        cloud.slow("POST", "/devices", 10.0)
        registering = asyncio.create_task(cloud.device.registration.register())
        await cloud.settle()
        await cloud.peer.cut()
        await cloud.clock.sleep(5.0)
        assert cloud.device.mercury.state is State.WAITING
        await registering
        await cloud.device.until_online()
        assert "connect failed: not registered; retry" in cloud.lines("Wx2WebSocket W: connect")[0]
        assert len(cloud.to("POST", "/devices")) == 1, "the attempt waits for the request that is under way"

    play(story)


def test_a_registration_that_is_lost_for_good_is_made_before_the_next_attempt() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("PUT", MINE, Reply(404))
        cloud.on("POST", "/devices", Reply(404))
        with pytest.raises(EndpointError):
            await cloud.device.registration.register()
        cloud.usual("POST", "/devices")
        await cloud.peer.cut()
        await cloud.clock.sleep(60.0)
        assert cloud.device.mercury.is_open
        assert "connect failed: not registered; retry" in cloud.lines("Wx2WebSocket W: connect")[0]

    play(story)


def test_connecting_needs_a_registration() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        with pytest.raises(EndpointError, match="register it first"):
            await cloud.device.connect()

    play(story)
