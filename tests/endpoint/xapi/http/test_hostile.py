"""What clients do to an HTTP door, by accident or not: the device goes on, and its process's log stays empty. The limits are ours."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable
from typing import Any

import pytest
from doors import Room, Socket, basic, opened

from endpoint.xapi.http import bodies, server, websocket

VOLUME = {"Path": ["Status", "Audio", "Volume"]}
SET = b"<Command><Audio><Volume><Set><Level>7</Level></Set></Volume></Audio></Command>"
PACKED = gzip.compress(SET)


async def until(holds: Callable[[], bool]) -> None:
    """Give the loop turns until something holds that nobody tells of."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  # there is no event to wait for, and the test is about that
            await asyncio.sleep(0)


async def raw(room: Room, data: bytes, *, ends: bool = False) -> bytes:
    """Send bytes and return everything that is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
    writer.write(data)
    if ends:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


def head(method: str = "POST", path: str = "/putxml", *lines: str, user: str | None = "admin") -> bytes:
    """Print the head of a request."""
    given = [*lines, *([f"Authorization: {basic(user)}"] if user else [])]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: device.test", *given, "", ""]).encode()


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> Any:
    """See to it that nothing reaches the log of the process."""
    caplog.set_level(logging.INFO)
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff" * 50 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
        head("POST", "/putxml", "Content-Length: -5"),
        head("POST", "/putxml", "Content-Length: 5", "Transfer-Encoding: chunked"),
        head("POST", "/putxml", "Transfer-Encoding: chunked") + b"ZZ\r\nabc\r\n",
        head("POST", "/putxml", "Content-Encoding: gzip", "Content-Length: 5") + b"abcde",
        head("POST", "/putxml", "Content-Encoding: gzip", f"Content-Length: {len(PACKED)}") + PACKED,
        head("POST", "/putxml", 'Content-Type: text/xml; charset="a\x01b"', "Content-Length: 4") + b"<a/>",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_the_name_of_the_device(sent: bytes) -> None:
    async def run() -> None:
        async with opened() as room:
            answer = await raw(room, sent)
            assert answer.split(b"\r\n")[0].split(b" ", 1)[1] == b"400 Bad Request"
            assert b"Server: nginx\r\n" in answer
            assert b"Python" not in answer
            assert "50" in await room.get("/getxml?location=/Status/Audio/Volume")

    asyncio.run(run())


@pytest.mark.usefixtures("silent")
def test_a_client_that_goes_away_in_the_middle_of_a_body() -> None:
    async def run() -> None:
        async with opened() as room:
            for sent in (head("POST", "/putxml", "Content-Length: 50") + b"<Command>", head("GET", "/ws")[:-30]):
                _, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
                writer.write(sent)
                await writer.drain()
                await asyncio.sleep(0)
                writer.transport.abort()
            assert "50" in await room.get("/getxml?location=/Status/Audio/Volume")

    asyncio.run(run())


@pytest.mark.usefixtures("silent")
def test_a_defect_is_told_to_the_device_log_and_the_client_hears_500(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    async def run() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        async with opened() as room:
            monkeypatch.setattr(room.stage.xapi, "find", broken)
            status, text, headers = await room.ask("GET", "/status.xml")
            assert (status, headers["Server"]) == (500, "nginx")
            assert "defect" not in text
            assert "GET of an HTTP client failed: ZeroDivisionError" in "\n".join(room.stage.world.log.lines)
            assert isinstance(told[0]["exception"], ZeroDivisionError)

    asyncio.run(run())


def test_one_connection_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 3)

    async def run() -> None:
        async with opened() as room:
            idle = [await asyncio.open_connection("127.0.0.1", room.door.port) for _ in range(3)]
            assert (await raw(room, b"")).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            for reader, writer in idle:
                writer.close()
                await reader.read()
            held: Any = room.door._server
            await until(lambda: not held.connections)
            assert (await raw(room, head("GET", "/"))).startswith(b"HTTP/1.1 200 OK\r\n")

    asyncio.run(run())


def test_nobody_keeps_bytes_in_a_device_without_logging_in() -> None:
    async def run() -> None:
        async with opened() as room:
            for path, status in (("/xmlapi/session/end", b"200"), ("/putxml", b"401")):
                reader, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
                writer.write(head("POST", path, "Content-Length: 10000000", user=None) + b"x" * 100_000)
                answer = await asyncio.wait_for(reader.readline(), 5)  # without waiting for the rest
                assert answer.split(b" ")[1] == status
                assert room.door._requests._bodies.held == 0
                writer.close()

    asyncio.run(run())


def test_large_bodies_at_once_have_a_limit_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODIES_BYTES_MAX", 300_000)

    async def run() -> None:
        async with opened() as room:
            held = room.door._requests._bodies
            _, writer = await asyncio.open_connection("127.0.0.1", room.door.port)
            writer.write(head("POST", "/putxml", "Content-Length: 10000000") + b"x" * 250_000)
            await until(lambda: held.held == 250_000)
            status, _, _ = await room.ask("POST", "/putxml", b"x" * 100_000)
            assert status == 503
            assert held.held == 250_000
            writer.transport.abort()
            await until(lambda: held.held == 0)
            assert "VolumeSetResult" in await room.put(SET.decode())
            assert held.held == 0

    asyncio.run(run())


def test_a_body_that_does_not_come_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S_MAX", 0.02)

    async def run() -> None:
        async with opened() as room:
            answer = await raw(room, head("POST", "/putxml", "Content-Length: 50") + b"<Command>")
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")

    asyncio.run(run())


def counted(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Count what is got."""
    got: list[object] = []
    get = room.stage.xapi.get

    def counting(*asked: Any) -> Any:
        got.append(asked)
        return get(*asked)

    monkeypatch.setattr(room.stage.xapi, "get", counting)
    return got


def test_a_document_of_many_commands_keeps_nobody_waiting() -> None:
    async def run() -> None:
        async with opened() as room:
            done: list[object] = []
            room.stage.status.listen(("Audio",), done.append)
            inside = "".join(
                f"<Audio><Volume><Set><Level>{n % 100}</Level></Set></Volume></Audio>" for n in range(3_000)
            )
            asked = asyncio.create_task(room.put(f"<Command>{inside}</Command>"))
            await until(lambda: bool(done))
            await room.get("/getxml?location=/Status/Audio/Volume")
            assert len(done) < 2_900
            assert (await asked).count("VolumeSetResult") == 3_000

    asyncio.run(run())


async def flood(socket: Socket, messages: int) -> None:
    """Send many requests and read nothing."""
    for number in range(messages):
        await socket.send("xGet", VOLUME, number)


def test_one_client_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "TURN_S", 0.0)

    async def run() -> None:
        async with opened() as room:
            busy, other = await room.socket(), await room.socket()
            got = counted(room, monkeypatch)
            await flood(busy, 400)
            assert await other.ask("xQuery", {"Query": VOLUME["Path"]}) == {"Status": {"Audio": {"Volume": 50}}}
            assert len(got) < 300
            for number in range(400):
                assert (await busy.next())["id"] == number

    asyncio.run(run())


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("secure", [False, True])
def test_what_a_client_asked_before_it_went_is_not_carried_out(secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "TURN_S", 0.0)

    async def run() -> None:
        async with opened(secure=secure) as room:
            socket = await room.socket()
            got = counted(room, monkeypatch)
            await flood(socket, 400)
            transport: Any = socket.ws._response.connection.transport  # type: ignore[union-attr]  # it is open
            transport.abort()
            await room.stage.sessions.emptied()
            assert len(got) < 300

    asyncio.run(run())


@pytest.mark.usefixtures("silent")
def test_a_client_that_pings_and_goes_away_unread() -> None:
    async def run() -> None:
        async with opened() as room:
            socket = await room.socket()
            transport: Any = socket.ws._response.connection.transport  # type: ignore[union-attr]  # it is open
            transport.pause_reading()
            for _ in range(40_000):
                if transport.get_write_buffer_size():
                    break
                await socket.ws.ping(b"x" * 125)
                await asyncio.sleep(0)
            transport.abort()
            await room.stage.sessions.emptied()

    asyncio.run(run())


def test_the_reason_of_a_close_is_never_half_a_character() -> None:
    async def run() -> None:
        async with opened() as room:
            socket = await room.socket()
            (session,) = room.stage.sessions
            session.close("x" + "ä" * 100)
            message = await asyncio.wait_for(socket.ws.receive(), 5)
            assert (message.data, message.extra) == (1000, "x" + "ä" * 59)

    asyncio.run(run())
