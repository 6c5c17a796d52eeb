"""The websocket client against the sans-I/O server of `websockets`, which these tests also make misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from endpoint.runtime import websocket
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault
from endpoint.runtime.net import reset
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.virtual import run
from endpoint.runtime.websocket import CLOSE_PATIENCE_S, HANDSHAKE_TIMEOUT_S, MESSAGE_BYTES_MAX, WebSocket
from tests.endpoint.runtime.ground import AUTHORITY, Ground, until

HOST = "mercury-connection-a.wbx2.test"
URL = f"wss://{HOST}/v1/apps/wx2/registrations/1/messages?text=true"


class Far(asyncio.Protocol):
    """The server's end: keeps what came; answers pings and closes as it should, unless told otherwise."""

    def __init__(self, *, refuses: int = 0, answers: bool = True, closes: bool = True) -> None:
        self.ws = ServerProtocol(max_size=None)
        self.texts: list[str] = []
        self.requests: list[Request] = []
        self.transport: Any = None
        self.is_lost = False
        self._refuses = refuses
        self._answers = answers
        self._closes = closes
        self._is_mute = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._answers:
            return
        self.ws.receive_data(data)
        for event in self.ws.events_received():
            if isinstance(event, Request):
                self._meet(event)
            elif isinstance(event, Frame):
                if event.opcode is Opcode.TEXT:
                    self.texts.append(bytes(event.data).decode())
                if event.opcode is Opcode.CLOSE and not self._closes:
                    self._is_mute = True
        self.flush()

    def _meet(self, request: Request) -> None:
        self.requests.append(request)
        refused = self.ws.reject(HTTPStatus(self._refuses), "no") if self._refuses else self.ws.accept(request)
        self.ws.send_response(refused)

    def eof_received(self) -> bool:
        return not self._closes

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True

    def flush(self) -> None:
        """Send what the protocol has to send."""
        for data in self.ws.data_to_send():
            if self._is_mute:
                continue
            if data:
                self.transport.write(data)
            else:
                self.transport.close()

    def text(self, *parts: str) -> None:
        """Send a text message, in as many fragments as there are parts."""
        self.ws.send_text(parts[0].encode(), fin=len(parts) == 1)
        for number, part in enumerate(parts[1:], 2):
            self.ws.send_continuation(part.encode(), fin=number == len(parts))
        self.flush()

    def frame(self, opcode: Opcode, data: bytes, *, fin: bool = True) -> None:
        """Send a frame that need not be allowed."""
        self.transport.write(Frame(opcode, data, fin).serialize(mask=False))


class Near:
    """The owner of a client socket: keeps what it is told."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.told: list[Any] = []
        self.at_s: float | None = None

    def socket_opened(self, socket: WebSocket) -> None:
        self.told.append("opened")

    def socket_received(self, socket: WebSocket, text: str) -> None:
        self.told.append(text)

    def socket_closed(self, socket: WebSocket, code: int, reason: str) -> None:
        self.told.append((code, reason))
        self.at_s = self.ground.clock.time()


class Scene:
    """Both ends of one socket."""

    def __init__(self, ground: Ground, near: Near, far: Far, socket: WebSocket) -> None:
        self.ground, self.near, self.far, self.socket = ground, near, far, socket

    async def settled(self, seconds: float = 1) -> None:
        """Let everything arrive."""
        await self.ground.clock.sleep(seconds)


def _play(act: Callable[[Scene], Awaitable[None]], *, secure: bool = True, **far: Any) -> Scene:
    """Connect, play, and let go."""

    async def main() -> Scene:
        ground, ends = Ground(), list[Far]()

        def accept() -> Far:
            ends.append(Far(**far))
            return ends[0]

        listener = await ground.net.listen(accept, tls=AUTHORITY.server_context([HOST]) if secure else None)
        ground.net.publish(HOST, 443 if secure else 80, listener.host, listener.port)
        near, url = Near(ground), URL if secure else URL.replace("wss", "ws")
        socket = await websocket.connect(
            ground.net, url, near, tls=lambda: TlsClient((AUTHORITY.pem,)), service="mercury"
        )
        await ground.clock.sleep(0.1)
        scene = Scene(ground, near, ends[0], socket)
        await act(scene)
        socket.let_go()
        await ground.clock.sleep(10)
        scene.far.transport.abort()
        await ground.clock.sleep(1)
        assert ground.failures == []
        return scene

    return run(main)


CARRIERS = pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])


@CARRIERS
def test_a_socket_opens_and_carries_text_both_ways(secure: bool) -> None:
    async def act(scene: Scene) -> None:
        assert scene.socket.is_open
        scene.socket.send("hello")
        scene.socket.send("größer")
        scene.far.text("welcome")
        scene.far.text("frag", "men", "", "ted ü")
        await scene.settled()
        assert scene.far.texts == ["hello", "größer"]

    scene = _play(act, secure=secure)
    assert scene.near.told == ["opened", "welcome", "fragmented ü"]  # the owner that let go is not told of the end
    assert scene.far.ws.close_rcvd is not None
    assert scene.far.ws.close_rcvd.code == 1000
    request = scene.far.requests[0]
    assert request.path == "/v1/apps/wx2/registrations/1/messages?text=true"
    assert request.headers["Host"] == HOST
    assert "Authorization" not in request.headers


def test_pings_are_answered_and_pongs_are_not_messages() -> None:
    async def act(scene: Scene) -> None:
        scene.far.frame(Opcode.PING, b"are you there")
        scene.far.ws.send_pong(b"unasked")
        scene.far.flush()
        await scene.settled()

    assert _play(act).near.told == ["opened"]


@CARRIERS
def test_pings_whose_pongs_cannot_be_sent_are_answered_once(secure: bool, caplog: pytest.LogCaptureFixture) -> None:
    """On a real loop: asyncio complains in the process's log of whoever writes on to a connection that is lost."""

    async def main() -> None:
        ground, far = Ground(), Far()
        listener = await ground.net.listen(lambda: far, tls=AUTHORITY.server_context([HOST]) if secure else None)
        ground.net.publish(HOST, 443, listener.host, listener.port)
        url, near = URL if secure else f"ws://{HOST}:443/", Near(ground)
        client = await websocket.connect(
            ground.net, url, near, tls=lambda: TlsClient((AUTHORITY.pem,)), service="mercury"
        )
        await until(lambda: bool(near.told), turns=20_000)
        far.transport.write(Frame(Opcode.PING, b"").serialize(mask=False) * 50)
        client._transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await until(lambda: near.at_s is not None, turns=20_000)
        assert near.told == ["opened", (1006, "")]
        listener.close()

    asyncio.run(main())
    assert caplog.messages == []


def test_fragments_with_a_ping_between_them_and_frames_in_one_packet() -> None:
    async def act(scene: Scene) -> None:
        frames = (
            Frame(Opcode.TEXT, b"a", fin=False),
            Frame(Opcode.PING, b""),
            Frame(Opcode.CONT, b"b"),
            Frame(Opcode.TEXT, b"c"),
        )
        scene.far.transport.write(b"".join(frame.serialize(mask=False) for frame in frames))
        await scene.settled()

    assert _play(act).near.told == ["opened", "ab", "c"]


def test_every_byte_may_come_alone() -> None:
    async def act(scene: Scene) -> None:
        for byte in Frame(Opcode.TEXT, b"slowly").serialize(mask=False):
            scene.far.transport.write(bytes([byte]))
            await scene.settled(0.01)

    assert _play(act).near.told == ["opened", "slowly"]


def test_binary_messages_are_not_shown_whole_or_in_fragments() -> None:
    async def act(scene: Scene) -> None:
        scene.far.frame(Opcode.BINARY, b"raw")
        scene.far.frame(Opcode.BINARY, b"raw", fin=False)
        scene.far.frame(Opcode.CONT, b"more")
        scene.far.text("text")
        await scene.settled()

    assert _play(act).near.told == ["opened", "text"]


def test_text_that_is_not_utf_8_is_shown_as_well_as_it_can_be() -> None:
    async def act(scene: Scene) -> None:
        scene.far.frame(Opcode.TEXT, b"\xff{}")
        await scene.settled()

    assert _play(act).near.told == ["opened", "\ufffd{}"]


# -- ends --


@CARRIERS
@pytest.mark.parametrize(
    ("code", "reason"), [(1000, "Done"), (1001, ""), (1011, "upset"), (4000, "replaced"), (4401, "")]
)
def test_the_code_of_a_peer_that_closes_is_told(code: int, reason: str, secure: bool) -> None:
    async def act(scene: Scene) -> None:
        scene.far.ws.send_close(code, reason)
        scene.far.flush()
        await scene.settled()
        assert not scene.socket.is_open
        scene.socket.send("swallowed")

    scene = _play(act, secure=secure)
    assert scene.near.told == ["opened", (code, reason)]
    assert scene.far.ws.close_rcvd is not None
    assert scene.far.ws.close_rcvd.code == code


def test_a_close_without_a_code_is_1005() -> None:
    async def act(scene: Scene) -> None:
        scene.far.ws.send_close()
        scene.far.flush()
        await scene.settled()

    assert _play(act).near.told == ["opened", (1005, "")]


@CARRIERS
def test_our_close_is_answered(secure: bool) -> None:
    async def act(scene: Scene) -> None:
        scene.socket.close(1000, "Pong not received")
        assert not scene.socket.is_open
        await scene.settled()
        assert scene.near.told == ["opened", (1000, "Pong not received")]
        scene.socket.close(1000, "again")

    scene = _play(act, secure=secure)
    assert scene.far.ws.close_rcvd is not None
    assert (scene.far.ws.close_rcvd.code, scene.far.ws.close_rcvd.reason) == (1000, "Pong not received")
    assert len(scene.near.told) == 2


@CARRIERS
def test_a_peer_that_answers_no_close_is_cut_off_after_two_seconds(secure: bool) -> None:
    async def act(scene: Scene) -> None:
        scene.socket.close(1000, "Pong not received")
        for _ in range(30):  # it goes on talking, which wins it no time
            scene.far.frame(Opcode.PING, b"")
            await scene.settled(0.1)

    scene = _play(act, secure=secure, closes=False)
    assert scene.near.told == ["opened", (1006, "")]
    assert scene.near.at_s == 0.1 + CLOSE_PATIENCE_S


def test_a_peer_that_closes_and_stays_on_the_line_is_cut_off() -> None:
    async def act(scene: Scene) -> None:
        scene.far.frame(Opcode.CLOSE, (1001).to_bytes(2, "big"))
        await scene.settled(5)

    scene = _play(act, closes=False)
    assert scene.near.told == ["opened", (1001, "")]
    assert scene.near.at_s == 0.1 + CLOSE_PATIENCE_S


@CARRIERS
@pytest.mark.parametrize("how", ["reset", "abort", "fault", "own"])
def test_a_broken_connection_is_1006(secure: bool, how: str) -> None:
    async def act(scene: Scene) -> None:
        if how == "reset":
            reset(scene.far.transport)
        elif how == "abort":
            scene.far.transport.abort()
        elif how == "fault":
            assert scene.ground.faults.strike(Fault("f", "mercury", "reset"))
        else:
            scene.socket.reset()
        await scene.settled()
        assert not scene.socket.is_open

    scene = _play(act, secure=secure)
    assert scene.near.told == ["opened", (1006, "")]
    assert scene.far.is_lost


def test_a_message_that_is_too_big_is_refused_with_1009_and_not_kept() -> None:
    async def act(scene: Scene) -> None:
        scene.far.text("x" * (MESSAGE_BYTES_MAX + 1))
        await scene.settled(5)

    scene = _play(act)
    assert scene.near.told == ["opened", (1006, "")]  # whoever fails a connection reads no answer to its close
    assert scene.far.ws.close_rcvd is not None
    assert scene.far.ws.close_rcvd.code == 1009


def test_fragments_that_are_too_big_together_are_refused_with_1009() -> None:
    async def act(scene: Scene) -> None:
        scene.far.text(*["x" * (MESSAGE_BYTES_MAX // 4)] * 5)
        await scene.settled(5)

    scene = _play(act)
    assert scene.far.ws.close_rcvd is not None
    assert scene.far.ws.close_rcvd.code == 1009
    assert scene.near.told == ["opened", (1006, "")]


def test_the_biggest_message_passes() -> None:
    async def act(scene: Scene) -> None:
        scene.far.text("x" * MESSAGE_BYTES_MAX)
        await scene.settled()

    assert [len(item) for item in _play(act).near.told] == [6, MESSAGE_BYTES_MAX]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_after_the_handshake_leave_an_open_socket_or_one_close(packets: list[bytes]) -> None:
    async def act(scene: Scene) -> None:
        for packet in packets:
            if not scene.far.is_lost:
                scene.far.transport.write(packet)
            await scene.settled()
        await scene.settled(5)

    told = _play(act, secure=False, closes=False).near.told
    assert told[0] == "opened"
    assert sum(isinstance(item, tuple) for item in told) <= 1
    assert all(isinstance(item, str) for item in told[:-1])


# -- before the handshake is done --


@CARRIERS
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 302])
def test_a_refused_upgrade_is_told_with_its_status(status: int, secure: bool) -> None:
    async def act(scene: Scene) -> None:
        assert not scene.socket.is_open

    scene = _play(act, secure=secure, refuses=status)
    assert scene.near.told == [(status, "upgrade refused")]


def test_a_refusal_from_aiohttp_is_understood_and_not_waited_for() -> None:
    async def main() -> None:
        ground = Ground()

        async def refuse(request: web.BaseRequest) -> web.Response:
            return web.json_response({"message": "gone"}, status=404)

        server = web.Server(refuse)
        listener = await ground.net.listen(server)
        near = Near(ground)
        url = f"ws://127.0.0.1:{listener.port}/x"
        await websocket.connect(ground.net, url, near, tls=TlsClient, service="mercury")
        await ground.clock.sleep(CLOSE_PATIENCE_S + 1)
        assert near.told == [(404, "upgrade refused")]
        await server.shutdown()

    run(main)


@CARRIERS
def test_a_peer_that_never_answers_the_upgrade_is_given_up(secure: bool) -> None:
    async def act(scene: Scene) -> None:
        await scene.settled(HANDSHAKE_TIMEOUT_S)

    scene = _play(act, secure=secure, answers=False)
    assert scene.near.told == [(1006, "upgrade failed")]
    assert scene.near.at_s == HANDSHAKE_TIMEOUT_S


@given(st.binary(min_size=1, max_size=200) | st.just(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"))
def test_any_bytes_instead_of_a_handshake_end_in_one_close(answer: bytes) -> None:
    async def act(scene: Scene) -> None:
        scene.far.transport.write(answer)
        await scene.settled()
        scene.far.transport.close()
        await scene.settled(HANDSHAKE_TIMEOUT_S)

    told = _play(act, secure=False, answers=False, closes=False).near.told
    assert len(told) == 1
    assert isinstance(told[0], tuple)


def test_closing_before_the_handshake_is_done_ends_it() -> None:
    async def act(scene: Scene) -> None:
        scene.socket.close(1000, "changed my mind")
        await scene.settled()
        assert scene.near.told == [(1006, "upgrade failed")]
        timers: Any = scene.ground.loop._scheduled  # type: ignore[attr-defined]  # asyncio shows them to nobody
        assert [timer for timer in timers if not timer.cancelled()] == [], "nobody waits for the handshake any more"

    _play(act, answers=False)


def test_an_owner_that_lets_go_before_the_handshake_hears_nothing() -> None:
    async def act(scene: Scene) -> None:
        scene.socket.let_go()
        await scene.settled(HANDSHAKE_TIMEOUT_S)

    assert _play(act, answers=False).near.told == []


# -- no connection at all --


async def _unreachable(ground: Ground, url: str = URL, root: Authority = AUTHORITY) -> tuple[str, list[Any]]:
    near = Near(ground)
    with pytest.raises(Unreachable) as refused:
        await websocket.connect(ground.net, url, near, tls=lambda: TlsClient((root.pem,)), service="mercury")
    await ground.clock.sleep(HANDSHAKE_TIMEOUT_S)
    return refused.value.reason, near.told


def test_without_a_connection_the_owner_is_told_by_the_error_only() -> None:
    async def main() -> None:
        ground, accepted = Ground(), list[Far]()
        assert await _unreachable(ground) == (f"could not resolve {HOST}", [])

        def accept() -> Far:
            accepted.append(Far())
            return accepted[-1]

        listener = await ground.net.listen(accept, tls=AUTHORITY.server_context([HOST]))
        ground.net.publish(HOST, 443, listener.host, listener.port)
        problem = f"certificate verify failed for {HOST}: unknown issuer"
        assert await _unreachable(ground, root=Authority("another")) == (problem, [])
        ground.clock.set_wall(ground.clock.now().replace(year=2150))
        assert await _unreachable(ground) == (f"certificate verify failed for {HOST}: expired", [])
        assert [far.requests for far in accepted] == [[], []]  # nothing was said to a peer that is not trusted

    run(main)


@pytest.mark.parametrize(
    "url", ["https://x.test/", "ws://", "wss://x.test:99999/", "nonsense", "", "ws://x.test/#part"]
)
def test_what_is_no_websocket_url_is_unexpected_content(url: str) -> None:
    async def main() -> None:
        assert await _unreachable(Ground(), url) == ("unexpected content", [])

    run(main)
