"""The websocket of the door, on real sockets: who gets in, what ends it, and the dialogue of the reference."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import aiohttp
import pytest
import websockets
from doors import PASSPHRASES, Room, basic, opened

from endpoint.xapi.http import websocket
from endpoint.xapi.http.websocket import MESSAGE_BYTES_MAX

VOLUME = {"Path": ["Status", "Audio", "Volume"]}


def offer(text: str, *, url: bool = True, padded: bool = False) -> str:
    """Print credentials as a sub-protocol."""
    encoded = (base64.urlsafe_b64encode if url else base64.b64encode)(text.encode()).decode()
    return "auth-" + (encoded if padded else encoded.rstrip("="))


async def refused(room: Room, path: str = "/ws", headers: dict[str, str] | None = None) -> int:
    """Return the status with which an upgrade is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await room.client.ws_connect(room.url + path, headers=headers or {})
    return error.value.status


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
@pytest.mark.parametrize("secure", [False, True])
def test_basic_credentials_open_it(path: str, secure: bool) -> None:
    async def body() -> None:
        async with opened(secure=secure) as room:
            socket = await room.socket(path)
            assert await socket.ask("xGet", VOLUME) == 50
            await socket.ws.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "subprotocol",
    [
        offer("admin:s3cret+/="),
        offer("admin:s3cret+/=", padded=True),
        offer("admin:s3cret+/=", url=False),
        offer("admin:s3cret+/=", url=False, padded=True),
        offer("ann:ünï:cödé"),
    ],
)
def test_a_subprotocol_opens_it_and_is_echoed(subprotocol: str) -> None:
    async def body() -> None:
        async with opened() as room:
            request = (
                f"GET /ws HTTP/1.1\r\nHost: device.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
            writer.write(request.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert head.startswith("HTTP/1.1 101 ")
            assert f"Sec-WebSocket-Protocol: {subprotocol}\r\n" in head
            assert "Sec-WebSocket-Extensions" not in head
            assert "Server: nginx\r\n" in head
            writer.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    ("headers", "is_in"),
    [
        ({}, False),
        ({"Authorization": basic("admin", "wrong")}, False),
        ({"Authorization": basic("nobody", "")}, False),
        ({"Authorization": "Basic ?"}, False),
        ({"Authorization": "Basic " + base64.b64encode(b"admin").decode()}, False),
        ({"Authorization": "Basic " + "A" * 5_000}, False),
        ({"Authorization": basic("admin").replace("Basic", "Bearer")}, False),
        ({"Sec-WebSocket-Protocol": offer("admin:wrong")}, False),
        ({"Sec-WebSocket-Protocol": "chat"}, False),
        ({"Authorization": basic("admin"), "Sec-WebSocket-Protocol": "chat"}, True),
        ({"Authorization": basic("admin", "wrong"), "Sec-WebSocket-Protocol": offer("admin:s3cret+/=")}, True),
        ({"Authorization": basic("admin"), "Sec-WebSocket-Protocol": offer("admin:wrong")}, True),
        ({"Sec-WebSocket-Protocol": "chat, " + offer("admin:s3cret+/=")}, True),
    ],
)
def test_who_gets_in(headers: dict[str, str], is_in: bool) -> None:
    async def body() -> None:
        async with opened() as room:
            if not is_in:
                assert await refused(room, headers=headers) == 403
                assert room.stage.sessions.count == 0
                return
            socket = await room.socket(headers=headers)
            assert await socket.ask("xGet", VOLUME) == 50
            assert room.stage.sessions.count == 1
            await socket.ws.close()

    asyncio.run(body())


def test_refusals_before_the_first_frame() -> None:
    async def body() -> None:
        async with opened() as room:
            admin = {"Authorization": basic("admin")}
            room.stage.facts.is_ready = False
            assert await refused(room, headers=admin) == 502
            room.stage.facts.is_ready = True
            room.stage.facts.served = {(False, False): False}
            assert await refused(room, headers=admin) == 401
            room.stage.facts.served = {(False, True): False}
            assert await refused(room, headers=admin) == 404
            room.stage.facts.served = {}
            room.stage.sessions.limit = 1
            first = await room.socket()
            assert await refused(room, headers=admin) == 503
            await first.ws.close()
            await room.stage.sessions.emptied()
            second = await room.socket()
            assert await second.ask("xGet", VOLUME) == 50
            status, text, _ = await room.ask("GET", "/ws")
            assert (status, text) == (400, "400 Bad Request\nA websocket is opened here: GET with Upgrade: websocket\n")

    asyncio.run(body())


def test_the_dialogue_with_jsxapi() -> None:
    """protocol/xapi.md 3.8, byte for byte, but for the commands that other parts own."""
    dialogue = [
        (
            '{"jsonrpc":"2.0","method":"xGet","id":"1","params":{"Path":["Status","Audio","Volume"]}}',
            ['{"id":"1","jsonrpc":"2.0","result":50}'],
        ),
        (
            '{"jsonrpc":"2.0","method":"xSet","id":"4","params":{"Path":["Configuration","Audio","DefaultVolume"],"Value":60}}',
            ['{"id":"4","jsonrpc":"2.0","result":true}'],
        ),
        (
            '{"jsonrpc":"2.0","method":"xCommand/Not/A/Real/Command","id":"6"}',
            ['{"error":{"code":-32601,"message":"Method not found."},"id":"6","jsonrpc":"2.0"}'],
        ),
        (
            '{"jsonrpc":"2.0","method":"xFeedback/Subscribe","id":"7","params":{"Query":["Status","Audio","Volume"]}}',
            ['{"id":"7","jsonrpc":"2.0","result":{"Id":0}}'],
        ),
        (
            '{"jsonrpc":"2.0","method":"xFeedback/Subscribe","id":"8","params":{"Query":["Status","Call"]}}',
            ['{"id":"8","jsonrpc":"2.0","result":{"Id":1}}'],
        ),
        (
            '{"jsonrpc":"2.0","method":"xCommand/Audio/Volume/Set","id":"10","params":{"Level":33}}',
            [
                '{"id":"10","jsonrpc":"2.0","result":{"status":"OK"}}',
                '{"jsonrpc":"2.0","method":"xFeedback/Event","params":{"Id":0,"Status":{"Audio":{"Volume":33}}}}',
            ],
        ),
        (
            '{"jsonrpc":"2.0","method":"xCommand/Dial","id":"11","params":{"Number":"alice@example.com","Protocol":"SIP"}}',
            [
                '{"id":"11","jsonrpc":"2.0","result":{"CallId":7,"ConferenceId":1,"status":"OK"}}',
                (
                    '{"jsonrpc":"2.0","method":"xFeedback/Event","params":{"Id":1,"Status":{"Call":'
                    '[{"RemoteNumber":"alice@example.com","Status":"Connected","id":7}]}}}'
                ),
            ],
        ),
        (
            '{"jsonrpc":"2.0","method":"xCommand/Call/Disconnect","id":"13","params":{"CallId":7}}',
            [
                '{"id":"13","jsonrpc":"2.0","result":{"status":"OK"}}',
                (
                    '{"jsonrpc":"2.0","method":"xFeedback/Event","params":'
                    '{"Id":1,"Status":{"Call":[{"ghost":"True","id":7}]}}}'
                ),
            ],
        ),
        (
            (
                '{"jsonrpc":"2.0","method":"xCommand/UserInterface/Extensions/Panel/Save","id":"14",'
                '"params":{"body":"<Extensions>\\n<Panel><Name>æøå</Name></Panel>\\n</Extensions>","PanelId":"p1"}}'
            ),
            ['{"id":"14","jsonrpc":"2.0","result":{"status":"OK"}}'],
        ),
        (
            '{"jsonrpc":"2.0","method":"xFeedback/Unsubscribe","id":"17","params":{"Id":0}}',
            ['{"id":"17","jsonrpc":"2.0","result":true}'],
        ),
    ]

    async def body() -> None:
        async with opened(secure=True) as room:
            offered = [offer("admin:s3cret+/=")]
            ws = await room.client.ws_connect(room.url + "/ws", protocols=offered, compress=15)
            assert ws.protocol == "auth-YWRtaW46czNjcmV0Ky89"
            for said, answers in dialogue:
                await ws.send_str(said)
                for answer in answers:
                    assert (await ws.receive_str(timeout=5)) == answer
            assert room.stage.owner.bodies == ["<Extensions>\n<Panel><Name>æøå</Name></Panel>\n</Extensions>"]
            await ws.close()
            assert ws.close_code == 1000

    asyncio.run(body())


def test_the_websockets_library() -> None:
    """protocol/xapi.md 14.3."""

    async def body() -> None:
        async with opened() as room:
            url = f"ws://127.0.0.1:{room.door.port}/ws/"
            headers = {"Authorization": basic("admin")}
            async with websockets.connect(url, additional_headers=headers, max_size=4 * 1024 * 1024) as ws:
                for id_, query in ((1, ["Status"]), ("two", ["Event"])):
                    params = {"Query": query, "NotifyCurrentValue": True}
                    await ws.send(
                        json.dumps({"jsonrpc": "2.0", "id": id_, "method": "xFeedback/Subscribe", "params": params})
                    )
                assert json.loads(await ws.recv())["result"] == {"Id": 0}
                assert json.loads(await ws.recv())["params"]["Status"]["Audio"]["Volume"] == 50
                assert json.loads(await ws.recv()) == {"id": "two", "jsonrpc": "2.0", "result": {"Id": 1}}
                await ws.send("no json")
                assert json.loads(await ws.recv())["error"]["code"] == -32700
                await ws.send('{"jsonrpc":"2.0","method":"xCommand/Audio/Volume/Set","params":{"Level":9}}')
                assert json.loads(await ws.recv())["params"] == {"Id": 0, "Status": {"Audio": {"Volume": 9}}}
                await ws.send(json.dumps({"jsonrpc": "2.0", "id": 5, "method": "xGet", "params": VOLUME}))
                assert json.loads(await ws.recv())["result"] == 9

    asyncio.run(body())


async def closed(socket: Any) -> int:
    """Return the code with which the device closes."""
    message = await asyncio.wait_for(socket.ws.receive(), 5)
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING), message
    return int(socket.ws.close_code)


def test_messages_that_end_it() -> None:
    async def body() -> None:
        async with opened() as room:
            socket = await room.socket()
            await socket.ws.send_bytes(b"{}")
            assert await closed(socket) == 1003
            socket = await room.socket()
            await socket.ws.send_str("x" * (MESSAGE_BYTES_MAX + 1))
            assert await closed(socket) == 1009
            socket = await room.socket()
            await socket.ask("xFeedback/Subscribe", {"Query": ["Status"]})
            await socket.ws.close()
            await room.stage.sessions.emptied()
            room.stage.status.put(("Audio", "Volume"), 3)  # nobody listens any more

    asyncio.run(body())


def test_a_large_body_is_taken() -> None:
    async def body() -> None:
        async with opened() as room:
            socket = await room.socket()
            large = "x" * (8 * 1024 * 1024)
            assert await socket.ask("xCommand/Bookings/Put", {"body": large}) == {"status": "OK"}
            assert room.stage.owner.bodies == [large]
            assert (await socket.ask("xCommand/Bookings/Put", {"body": large + "x"}))["code"] == -32602

    asyncio.run(body())


def test_a_client_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "QUEUE_BYTES_MAX", 256 * 1024)

    async def body() -> None:
        async with opened() as room:
            slow, quick = await room.socket(), await room.socket()
            for socket in (slow, quick):
                await socket.ask("xFeedback/Subscribe", {"Query": ["Status", "UserInterface"]})
            transport = slow.ws._response.connection.transport  # type: ignore[union-attr]  # the only way to a client that does not read
            transport.pause_reading()
            for number in range(200):
                room.stage.status.put(("UserInterface", "ContactInfo", "Name"), f"{number}" * 30_000)
                assert (await quick.next())["params"]["Id"] == 0
                if room.stage.sessions.count == 1:
                    break
            assert room.stage.sessions.count == 1
            (line,) = [line for line in room.stage.world.log.lines if "dropped" in line]
            assert line.endswith(" messages wait for it")
            assert await quick.ask("xGet", VOLUME) == 50
            transport.abort()

    asyncio.run(body())


def test_many_requests_at_once_are_answered_in_order() -> None:
    async def body() -> None:
        async with opened() as room:
            socket = await room.socket()
            await socket.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio"]})
            for number in range(500):
                await socket.send("xCommand/Audio/Volume/Set", {"Level": number % 100}, number)
            for number in range(500):
                assert (await socket.next())["id"] == number
                level = (await socket.next())["params"]["Status"]["Audio"]["Volume"]
                assert level == number % 100

    asyncio.run(body())


def test_the_device_hangs_up() -> None:
    async def body() -> None:
        async with opened() as room:
            socket = await room.socket()
            await socket.ask("xGet", VOLUME)
            room.stage.sessions.close_all("Inactive")
            message = await asyncio.wait_for(socket.ws.receive(), 5)
            assert (message.data, message.extra) == (1000, "Inactive")
            socket = await room.socket()
            code, _ = await asyncio.gather(closed(socket), room.door.stop())
            assert code == 1001
            assert room.stage.sessions.count == 0
            with pytest.raises(aiohttp.ClientConnectorError):
                await room.socket()
            await room.door.stop()
            await room.door.start()
            assert room.door.port

    asyncio.run(body())


def test_a_session_that_ends_while_it_begins_takes_its_websocket_along() -> None:
    async def body() -> None:
        async with opened() as room:
            room.stage.sessions.hangs_up = True
            try:
                socket = await room.socket()
            except aiohttp.ClientError:  # cut before the upgrade
                return
            assert await closed(socket) in (1000, 1006)
            assert room.stage.sessions.count == 0

    asyncio.run(body())


def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async def body() -> None:
        async with opened() as room:
            socket = await room.socket()
            await socket.ask("xFeedback/Subscribe", {"Query": ["Status"]})
            await socket.send("xCommand/Call/Join", {}, 1)
            socket.ws._response.connection.transport.abort()  # type: ignore[union-attr]  # a RST, not a close
            await room.stage.sessions.emptied()
            room.stage.status.put(("Audio", "Volume"), 3)
            room.stage.owner.gate.set()

    asyncio.run(body())


def test_the_passphrase_is_in_no_log() -> None:
    async def body() -> None:
        async with opened() as room:
            await refused(room, headers={"Sec-WebSocket-Protocol": offer("admin:hidden")})
            await room.socket(headers={"Sec-WebSocket-Protocol": offer("admin:" + PASSPHRASES["admin"])})
            assert not any("hidden" in line or "s3cret" in line for line in room.stage.world.log.lines)

    asyncio.run(body())
