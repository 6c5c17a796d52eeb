"""Mercury from the wire: opening, frames, closes, switch-over, faults."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from cloud_world import WDM_BODY, World, in_cloud

from cloud_stub.platform.records import Device
from cloud_stub.services.mercury_socket import QUEUE_FRAMES_MAX
from endpoint.runtime.faults import Fault

DEVICES = "/wdm/api/v1/devices"


async def register(world: World, token: str, **body: Any) -> str:
    return str((await world.ask("POST", DEVICES, {**WDM_BODY, **body}, token=token)).json["webSocketUrl"])


async def closed(ws: ClientWebSocketResponse) -> tuple[int | None, str]:
    """Read until the socket closes; returns code and reason."""
    while True:
        message = await ws.receive()
        if message.type is WSMsgType.CLOSE:
            return message.data, message.extra or ""
        if message.type in (WSMsgType.CLOSED, WSMsgType.ERROR):
            return ws.close_code, ""


async def opened(world: World, token: str, url: str = "") -> ClientWebSocketResponse:
    """Open a socket and take its opening event."""
    ws = await world.socket(token, url)
    assert (await ws.receive_json())["data"]["eventType"] == "mercury.buffer_state"
    return ws


# -- opening -----------------------------------------------------------------------------------------------------------


def test_opening_event_is_the_first_frame_and_has_no_type() -> None:
    async def story(world: World) -> None:
        ws = await world.socket(await world.machine())
        frame = await ws.receive_json()
        assert "type" not in frame
        assert frame["data"] == {"eventType": "mercury.buffer_state", "bufferState": {}}
        assert frame["sequenceNumber"] == 1
        assert frame["timestamp"] == frame["wsWriteTimestamp"] == 1_772_438_400_000
        assert {"id", "trackingId", "alertType", "headers", "filterMessage"} <= set(frame)
        await ws.close()

    in_cloud(story)


def test_upgrade_needs_no_headers_and_declines_compression() -> None:
    async def story(world: World) -> None:
        url = await register(world, await world.machine())
        ws = await world.http.ws_connect(url, compress=15)
        assert (ws.compress, ws.get_extra_info("peername")[0]) == (0, "127.0.0.1")
        await ws.close()

    in_cloud(story)


def test_shared_mercury_gets_its_registration_status() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        ws = await world.http.ws_connect(f"{url}?mercuryRegistrationStatus=true&isRegistrationRefreshEnabled=true")
        await ws.send_json({"id": "a", "type": "authorization", "data": {"token": f"Bearer {token}"}})
        data = (await ws.receive_json())["data"]
        assert data["eventType"] == "mercury.registration_status"
        assert data["localClusterServiceUrls"]["mercuryConnectionServiceClusterUrl"].startswith("ws://")
        await ws.close()

    in_cloud(story)


def test_missing_authorization_closes_after_thirty_seconds() -> None:
    async def story(world: World) -> None:
        url = await register(world, await world.machine())
        ws = await world.http.ws_connect(url)
        before = world.clock.time()
        code, reason = await closed(ws)
        assert world.clock.time() - before == pytest.approx(30, abs=0.01)
        assert code == 1008
        assert "timeout window of 30000" in reason

    in_cloud(story)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"id": "a", "type": "authorization", "data": {"token": "Bearer nobodys"}}', 4401),
        ('{"id": "a", "type": "authorization", "data": {"token": "Bearer %other%"}}', 4403),
        ('{"id": "a", "type": "authorization", "data": {"token": "Bearer %narrow%"}}', 4403),
        ('{"id": "a", "type": "authorization", "data": {}}', 4400),
        ('{"id": "a", "type": "authorization", "data": {"token": "Basic x"}}', 4400),
        ('{"type": "authorization", "data": {"token": "Bearer x"}}', 4400),
        ('{"id": "a", "type": "ping"}', 4400),
        ("no json", 4400),
        ("[]", 4400),
        ("", 4400),
    ],
)
def test_bad_authorization_closes_with_its_code(frame: str, code: int) -> None:
    async def story(world: World) -> None:
        token = await world.machine("A")
        url = await register(world, token)
        other = await world.machine("B")
        cases = world.cloud.use_cases
        narrow = cases.token_create(cases.query("registration.user_id"), ["spark:kms"]).access.reveal()
        ws = await world.http.ws_connect(url)
        await ws.send_str(frame.replace("%other%", other).replace("%narrow%", narrow))
        assert (await closed(ws))[0] == code
        assert cases.query("mercury.open") == 0

    in_cloud(story)


def test_binary_first_frame_is_a_bad_request() -> None:
    async def story(world: World) -> None:
        ws = await world.http.ws_connect(await register(world, await world.machine()))
        await ws.send_bytes(b"x")
        assert (await closed(ws))[0] == 4400

    in_cloud(story)


def test_expired_token_is_not_authorized() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        world.cloud.use_cases.token_expire("access")
        assert (await closed(await world.socket(token, url)))[0] == 4401

    in_cloud(story)


def test_unknown_registration_is_404_or_4404() -> None:
    async def story(world: World) -> None:
        base = world.base.replace("http", "ws") + "/v1/apps/wx2/registrations/nobody/messages"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.http.ws_connect(base)
        assert refused.value.status == 404
        ws = await world.http.ws_connect(base + "?aliasHttpStatus=true")
        assert (await closed(ws))[0] == 4404

    in_cloud(story)


# -- frames ------------------------------------------------------------------------------------------------------------


def test_ping_is_answered_with_its_id_and_numbers_count_all_frames() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        await world.clock.sleep(1.5)
        await ws.send_json({"id": "p1", "type": "ping"})
        pong = await ws.receive_json()
        assert pong == {"id": "p1", "type": "pong", "sequenceNumber": 2, "wsWriteTimestamp": 1_772_438_401_500}
        world.cloud.use_cases.push_event({"eventType": "a.b"})
        assert (await ws.receive_json())["sequenceNumber"] == 3
        await ws.close()

    in_cloud(story)


def test_acks_are_tracked_pongs_included() -> None:
    async def story(world: World) -> None:
        ws = await world.socket(await world.machine())
        opening = await ws.receive_json()
        await ws.send_json({"id": "p1", "type": "ping"})
        await ws.receive_json()
        socket = world.cloud.use_cases.sockets()[0]
        assert list(socket.unacked) == [opening["id"], "p1"]
        for frame_id in (opening["id"], "p1", "never sent"):
            await ws.send_json({"messageId": frame_id, "type": "ack"})
        await world.clock.sleep(0.1)
        assert (list(socket.unacked), socket.acks) == ([], 3)
        assert [event.id for event in world.trace.events if "unexpected" in event.data] == ["never sent"]
        await ws.close()

    in_cloud(story)


@pytest.mark.parametrize("frame", ["no json", '{"type": "ack"}', "[]"])
def test_broken_frame_closes_an_open_socket(frame: str) -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        await ws.send_str(frame)
        assert (await closed(ws))[0] == 4400

    in_cloud(story)


def test_events_go_to_a_user_a_registration_or_all() -> None:
    async def story(world: World) -> None:
        cases = world.cloud.use_cases
        one = await opened(world, await world.machine("A"))
        mine = cases.sockets()[0].registration
        two = await opened(world, await world.machine("B"))
        assert cases.push_event({"eventType": "x.user"}, user_id=mine.user_id) == 1
        assert cases.push_event({"eventType": "x.registration"}, registration_id=mine.id) == 1
        assert cases.push_event({"eventType": "x.all"}) == 2
        heard = [(await one.receive_json())["data"]["eventType"] for _ in range(3)]
        assert heard == ["x.user", "x.registration", "x.all"]
        assert (await two.receive_json())["data"]["eventType"] == "x.all"
        await one.close()
        await two.close()

    in_cloud(story)


def test_event_for_nobody_is_dropped_visibly_and_not_kept() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        assert world.cloud.use_cases.push_event({"eventType": "x.y"}) == 0
        assert [event.data["why"] for event in world.trace.events if event.kind == "drop"] == ["no socket"]
        ws = await opened(world, token, url)
        await ws.send_json({"id": "p", "type": "ping"})
        assert (await ws.receive_json())["type"] == "pong"
        await ws.close()

    in_cloud(story)


def test_reader_who_does_not_read_is_closed_and_told_of() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        for n in range(QUEUE_FRAMES_MAX + 2):
            world.cloud.use_cases.push_event({"eventType": "x.y", "n": n})
        assert (await closed(ws))[0] == 1011
        assert [event.data["why"] for event in world.trace.events if event.kind == "drop"] == ["queue full"]

    in_cloud(story)


# -- closing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"), [(1001, "away"), (1011, ""), (1000, "idle"), (4401, "x"), (4999, "é" * 60)]
)
def test_socket_is_closed_with_a_code_and_a_reason(code: int, reason: str) -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        world.cloud.use_cases.push_event({"eventType": "x.last"})
        assert world.cloud.use_cases.mercury_close(code, reason) == 1
        assert (await ws.receive_json())["data"]["eventType"] == "x.last", "what was sent before is written first"
        assert await closed(ws) == (code, reason)
        await world.clock.sleep(1)
        assert world.cloud.use_cases.query("mercury.open") == 0

    in_cloud(story)


@pytest.mark.parametrize(
    ("code", "reason"), [(999, ""), (1005, ""), (1006, ""), (2000, ""), (5000, ""), (1000, "x" * 124)]
)
def test_impossible_close_is_refused(code: int, reason: str) -> None:
    async def story(world: World) -> None:
        with pytest.raises(Exception, match=r"close code|reason"):
            world.cloud.use_cases.mercury_close(code, reason)

    in_cloud(story)


def test_second_socket_of_a_registration_replaces_the_first() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        first = await opened(world, token, url)
        second = await opened(world, token, url)
        assert await closed(first) == (4000, "replaced")
        assert world.cloud.use_cases.query("mercury.open") == 1
        await second.close()

    in_cloud(story)


def test_ephemeral_clients_may_have_several() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        first = await opened(world, token, url)
        second = await world.http.ws_connect(url + "?multipleConnections=true&bufferStates=true")
        await second.send_json({"id": "a", "type": "authorization", "data": {"token": f"Bearer {token}"}})
        await second.receive_json()
        assert world.cloud.use_cases.push_event({"eventType": "x.y"}) == 2
        await first.close()
        await second.close()

    in_cloud(story)


def test_shutdown_lets_a_second_socket_come_before_the_first_goes() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        first = await opened(world, token, url)
        before = world.clock.time()
        assert world.cloud.use_cases.mercury_shutdown() == 1
        assert (await first.receive_json())["type"] == "shutdown"
        second = await opened(world, token, url)
        assert world.cloud.use_cases.query("mercury.open") == 2
        assert world.cloud.use_cases.mercury_shutdown(after_s=9) == 1, "only the one that is not leaving yet"
        assert (await closed(first))[0] == 4001
        assert world.clock.time() - before == pytest.approx(0.2, abs=0.01)
        await second.close()

    in_cloud(story)


def test_device_is_online_while_its_socket_is_open() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        devices = world.cloud.platform.store[Device]
        assert [device.online for device in devices] == [True]
        await world.clock.sleep(5)
        await ws.close()
        await world.clock.sleep(1)
        device = devices.last()
        assert device is not None
        assert (device.online, str(device.last_seen)) == (False, "2026-03-02 08:00:05+00:00")

    in_cloud(story)


def test_cloud_that_stops_says_going_away() -> None:
    kept: list[Any] = []

    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        kept.append(ws)
        await world.cloud.stop()
        assert (await closed(ws))[0] == 1001

    in_cloud(story)


# -- faults ------------------------------------------------------------------------------------------------------------


def test_upgrade_is_refused_with_a_status() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        world.cloud.use_cases.fault("f", "websocket", "refuse", params={"status": 401}, count=1)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.http.ws_connect(url)
        assert refused.value.status == 401
        await (await opened(world, token, url)).close()

    in_cloud(story)


def test_authorization_is_refused_once_with_a_code() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        world.cloud.use_cases.fault("f", "mercury", "auth_refused", params={"code": 4404, "reason": "x"})
        assert await closed(await world.socket(token, url)) == (4404, "x")
        await (await opened(world, token, url)).close()

    in_cloud(story)


def test_foreign_first_frame_and_none_at_all() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        world.cloud.use_cases.fault("f", "mercury", "wrong_first_frame", count=1)
        ws = await world.socket(token, url)
        heard = [(await ws.receive_json())["data"]["eventType"] for _ in range(2)]
        assert heard == ["conversation.activity", "mercury.buffer_state"]
        await ws.close()
        world.cloud.use_cases.fault("g", "mercury", "no_first_frame", count=1)
        ws = await world.socket(token, url)
        await ws.send_json({"id": "p", "type": "ping"})
        assert (await ws.receive_json())["type"] == "pong"
        await ws.close()

    in_cloud(story)


@pytest.mark.parametrize(
    ("do", "params", "numbers"),
    [
        ("drop", {}, [3]),
        ("gap", {}, [3, 4]),
        ("duplicate", {}, [2, 2, 3]),
        ("reorder", {}, [3, 2]),
        ("delay", {"by": 5}, [3, 2]),
    ],
)
def test_frame_is_disturbed_once(do: str, params: dict[str, Any], numbers: list[int]) -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        world.cloud.use_cases.fault("f", "mercury", do, target={"eventType": "x.y"}, params=params, count=1)
        world.cloud.use_cases.push_event({"eventType": "x.y"})
        world.cloud.use_cases.push_event({"eventType": "x.z"})
        assert [(await ws.receive_json())["sequenceNumber"] for _ in numbers] == numbers
        await ws.close()

    in_cloud(story)


def test_of_two_frames_that_are_held_back_none_is_lost() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        world.cloud.use_cases.fault("f", "mercury", "reorder", target={"eventType": "x.y"}, count=2)
        for _ in range(2):
            world.cloud.use_cases.push_event({"eventType": "x.y"})
        assert [(await ws.receive_json())["sequenceNumber"] for _ in range(2)] == [3, 2]
        await ws.close()

    in_cloud(story)


def test_held_frame_goes_out_alone_where_no_other_comes() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        world.cloud.use_cases.fault("f", "mercury", "reorder", params={"by": 3}, count=1)
        before = world.clock.time()
        world.cloud.use_cases.push_event({"eventType": "x.y"})
        await ws.receive_json()
        assert world.clock.time() - before == pytest.approx(3, abs=0.01)
        await ws.close()

    in_cloud(story)


@pytest.mark.parametrize("what", ["json", "no_id", "no_event_type", "oversize"])
def test_malformed_frame_goes_out(what: str) -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        world.cloud.use_cases.fault("f", "mercury", "malformed", params={"what": what})
        world.cloud.use_cases.push_event({"eventType": "x.y"})
        if what == "oversize":
            assert (await closed(ws))[0] == 1009
            return
        text = await ws.receive_str()
        assert {"json": not text.endswith("}"), "no_id": '"id"' not in text, "no_event_type": "eventType" not in text}[
            what
        ]
        await ws.close()

    in_cloud(story)


def test_text_that_is_no_utf_8_goes_out() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        world.cloud.use_cases.fault("f", "mercury", "malformed", params={"what": "utf8"})
        world.cloud.use_cases.push_event({"eventType": "x.y"})
        assert (await closed(ws))[0] == 1007

    in_cloud(story)


def test_any_text_is_sent_as_it_is() -> None:
    async def story(world: World) -> None:
        ws = await opened(world, await world.machine())
        assert world.cloud.use_cases.mercury_send("{broken") == 1
        assert await ws.receive_str() == "{broken"
        await ws.close()

    in_cloud(story)


@pytest.mark.parametrize("do", ["close", "reset", "replaced"])
def test_momentary_faults_hit_the_sockets_of_a_device(do: str) -> None:
    async def story(world: World) -> None:
        token, other = await world.machine("A"), await world.machine("B")
        url = await register(world, token)
        world.cloud.use_cases.name_user(world.cloud.use_cases.query("registration.user_id"), "device:room")
        ws, bystander = await opened(world, token, url), await opened(world, other)
        fault = Fault("f", "mercury", do, {"device": "device:room"}, {"code": 1011, "reason": "r"})
        assert world.faults.strike(fault) is True
        assert (await closed(ws))[0] == {"close": 1011, "reset": 1006, "replaced": 4000}[do]
        assert world.cloud.use_cases.query("mercury.open") == 1
        assert world.faults.strike(fault) is False
        await bystander.close()

    in_cloud(story)


def test_maintenance_closes_sockets_and_refuses_upgrades_for_a_while() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = await register(world, token)
        ws = await opened(world, token, url)
        world.cloud.use_cases.maintenance("mercury", for_s=40)
        assert (await closed(ws))[0] == 1001
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.http.ws_connect(url)
        assert refused.value.status == 503
        await world.clock.sleep(40)
        await (await opened(world, token, url)).close()

    in_cloud(story)
