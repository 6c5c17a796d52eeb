"""What the proxy reads of HTTP/1.1 when it opens up TLS."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.premises.relay import IDLE_S, BadMessage, Head, exchange, parse_head
from endpoint.runtime import virtual
from endpoint.runtime.clock import Clock, LoopTime


class Sink:
    """Stands where a writer is; what was written stays."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        """Nothing waits."""


def carried(asked: bytes, answered: bytes, alter: object = None) -> tuple[bytes, bytes]:
    """Return what arrives at the server, and what at the client."""

    async def main() -> tuple[bytes, bytes]:
        near, far, up, down = asyncio.StreamReader(), asyncio.StreamReader(), Sink(), Sink()
        for reader, data in ((near, asked), (far, answered)):
            reader.feed_data(data)
            reader.feed_eof()
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        await exchange((near, down), (far, up), alter or (lambda head: None), clock)  # type: ignore[arg-type]  # sinks
        return up.written, down.written

    return virtual.run(main)


GET = b"GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (GET + GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No Content\r\n\r\n"),
        (GET + POST, CHUNKS + b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        (POST, b"HTTP/1.1 200 OK\r\n\r\nuntil the end"),
        (b"HEAD / HTTP/1.1\r\n\r\n" + GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + CHUNKS),
    ],
)
def test_messages_pass_as_they_are(asked: bytes, answered: bytes) -> None:
    assert carried(asked, answered) == (asked, answered)


def test_what_is_altered_is_altered_in_requests_only() -> None:
    def strip(head: Head) -> None:
        head.drop("authorization")

    answer = b"HTTP/1.1 200 OK\r\nAuthorization: stays\r\nContent-Length: 0\r\n\r\n"
    assert carried(GET, answer, strip) == (b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", answer)


def test_an_answer_of_its_own_is_the_last() -> None:
    assert carried(GET + GET, b"", lambda head: b"HTTP/1.1 200 OK\r\n\r\n") == (b"", b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    "asked",
    [
        b"GET /a\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000,
        b"GET / HT",
    ],
)
def test_what_is_no_message(asked: bytes) -> None:
    with pytest.raises(BadMessage):
        carried(asked, b"")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes(asked: bytes, answered: bytes) -> None:
    try:
        up, _ = carried(b"GET / HTTP/1.1\r\n" + asked, b"HTTP/1.1 200 OK\r\n" + answered)
    except BadMessage:
        return
    assert up == b"" or up.startswith(b"GET / HTTP/1.1\r\n")


@given(st.binary(max_size=200))
def test_any_head(data: bytes) -> None:
    try:
        head = parse_head(data + b"\r\n\r\n")
    except BadMessage:
        return
    assert parse_head(head.encode()) == head


ASKS_FIRST = b"POST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", b"xyz"),
        (b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
def test_a_body_that_waits_to_be_asked_for_comes_when_the_server_asks(said: bytes, body: bytes) -> None:
    done = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

    async def main() -> None:
        near, far, up, down = asyncio.StreamReader(), asyncio.StreamReader(), Sink(), Sink()
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        near.feed_data(ASKS_FIRST)
        task = asyncio.ensure_future(exchange((near, down), (far, up), lambda head: None, clock))  # type: ignore[arg-type]  # sinks
        await clock.sleep(1)
        assert up.written == ASKS_FIRST
        far.feed_data(said)
        await clock.sleep(1)
        assert down.written == said
        near.feed_data(body)
        far.feed_data(done)
        await clock.sleep(1)
        assert up.written == ASKS_FIRST + body
        assert down.written == said + (done if body else b"")
        assert task.done()

    virtual.run(main)


@pytest.mark.parametrize("asked", [b"", GET, POST[:-1]], ids=["no-request", "no-answer", "half-a-body"])
def test_a_side_that_says_nothing_is_not_waited_for_without_end(asked: bytes) -> None:
    async def main() -> None:
        near, far = asyncio.StreamReader(), asyncio.StreamReader()
        near.feed_data(asked)
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        started_s = clock.time()
        with pytest.raises(TimeoutError):
            await exchange((near, Sink()), (far, Sink()), lambda head: None, clock)  # type: ignore[arg-type]  # sinks
        assert clock.time() - started_s == IDLE_S

    virtual.run(main)
