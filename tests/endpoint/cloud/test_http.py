"""The device's HTTP client: numbers, words of the log, bounds, and whatever a server may do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from endpoint.cloud.http import Backoff, Call, NoAnswer, SwitchedOff, is_passing
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault
from endpoint.wire.conventions import parse_tracking_id
from tests.endpoint.cloud import scripted
from tests.endpoint.cloud.scripted import ACCESS, CODE, CUT, SILENCE, START, Reply, Scripted

URL = "http://wdm-a.wbx2.test/wdm/api/v1/thing"


def play(story: Callable[[Scripted], Awaitable[None]]) -> None:
    """Play a story with a device that has booted: its next request is HTTP(3)."""

    async def booted(cloud: Scripted) -> None:
        await cloud.device.boot()
        for history in (cloud.log, cloud.asked, cloud.trace.events):
            history.clear()
        await story(cloud)

    scripted.play(booted)


def _call(url: str = URL, **fields: object) -> Call:
    return Call("GET", url, "wdm", **fields)  # type: ignore[arg-type]  # fields of a Call


async def _reason(cloud: Scripted, url: str = URL) -> str:
    with pytest.raises(NoAnswer) as caught:
        await cloud.device.http.send(_call(url))
    number = caught.value.number
    assert cloud.log[-1] == f"Wx2Http W: HTTP({number}) failed: {caught.value.reason}"
    assert cloud.trace.events[-1].data["failed"] == caught.value.reason
    return caught.value.reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (CUT, "connection reset wdm-a.wbx2.test:80"),
        (SILENCE, "timeout after 30 s"),
        (Reply(307, headers={"Location": "http://evil.test/x"}), "unexpected redirect to evil.test"),
        (Reply(301, headers={"Location": "//[broken"}), "unexpected redirect to wdm-a.wbx2.test"),
        (Reply(302), "unexpected redirect to wdm-a.wbx2.test"),
        (Reply(body=b"x" * (4 * 1024 * 1024 + 1)), "unexpected content"),
    ],
)
def test_what_is_no_answer_has_a_reason_of_the_closed_set(reply: Reply, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/thing", reply)
        assert await _reason(cloud) == reason

    play(story)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://nobody.test/", "could not resolve nobody.test"),
        ("http://wdm-a.wbx2.test:81/", "could not resolve wdm-a.wbx2.test"),
        ("http://127.0.0.1:9/", "connection refused 127.0.0.1:9"),
        ("nonsense", "could not resolve "),
        ("http://[::1", "could not resolve "),
        (f"http://{'a' * 70}.test/", f"could not resolve {'a' * 70}.test"),
        ("http://a..test/", "could not resolve a..test"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        assert await _reason(cloud, url) == reason

    play(story)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("f", "dns", "nxdomain"), "could not resolve wdm-a.wbx2.test"),
        (Fault("f", "dns", "silent"), "dns timeout wdm-a.wbx2.test"),
        (Fault("f", "tcp", "refuse"), "connection refused wdm-a.wbx2.test:80"),
        (Fault("f", "tcp", "silent"), "connect timeout wdm-a.wbx2.test:80"),
    ],
)
def test_faults_of_the_lower_layers_keep_their_words(fault: Fault, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.faults.arm(fault)
        assert await _reason(cloud) == reason

    play(story)


class _Noise(asyncio.Protocol):
    """A server that says something that is no HTTP to everybody."""

    def __init__(self, data: bytes, *, stays: bool = False) -> None:
        self.data, self.stays = data, stays

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.data)
        if not self.stays:
            transport.close()


@pytest.mark.parametrize(
    "noise",
    [
        b"", b"\x00" * 100, b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)  # fmt: skip
def test_a_server_that_speaks_no_http_is_no_answer(noise: bytes) -> None:
    async def story(cloud: Scripted) -> None:
        listener = await cloud.net.listen(lambda: _Noise(noise))
        cloud.names.publish("noise.test", 80, listener.host, listener.port)
        assert await _reason(cloud, "http://noise.test/") in ("unexpected content", "connection reset noise.test:80")
        listener.close()

    play(story)


def test_requests_are_numbered_from_one_at_each_boot_and_their_tracking_ids_never_repeat() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.activate(CODE)
        await cloud.device.until_online()
        await cloud.device.restart()
        await cloud.device.until_online()
        ids = [parse_tracking_id(asked.headers["TrackingID"]) for asked in cloud.asked if "TrackingID" in asked.headers]
        assert len({str(found) for found in ids}) == len(ids)
        assert len({found.uuid for found in ids}) == 2
        assert all(found.prefix == "roomsim" for found in ids)
        assert len([line for line in cloud.log if "HTTP(3) =>" in line]) == 2
        frames = [frame["id"] for peer in cloud.peers for frame in peer.frames if frame["type"] != "ack"]
        assert len(set(frames)) == len(frames)

    play(story)


def test_both_ends_of_a_request_are_in_the_trace_under_one_id() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.http.send(_call(URL + "?token=abc&x=1"))
        sent, received = (event for event in cloud.trace.events if event.kind.startswith("http."))
        [asked] = cloud.to("GET", "/thing")
        assert sent.id == received.id == asked.headers["TrackingID"]
        assert (sent.data["side"], received.data["side"], received.data["status"]) == ("sent", "received", 404)
        assert sent.data["query"] == {"token": "***", "x": "1"}
        assert "token=***" in cloud.log[0]

    play(story)


def test_a_retry_is_logged_with_the_number_of_its_own_request() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/thing", Reply(503, late_s=1.0), Reply(200))
        http = cloud.device.http
        slow = asyncio.create_task(http.send_until_answered(_call, Backoff(cloud.device.world, "test")))
        await cloud.settle()
        await http.send(_call("http://wdm-a.wbx2.test/other"))
        answer = await slow
        assert (answer.status, answer.number) == (200, 5)
        [retry] = cloud.lines("Wx2Http[1]: HTTP(3) retry 1 in ")
        assert retry.endswith(" ms")

    play(story)


def test_patience_ends_with_the_last_answer_or_the_last_failure() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/thing", Reply(503))
        http, world = cloud.device.http, cloud.device.world
        answer = await http.send_until_answered(_call, Backoff(world, "test"), total_s=10.0)
        assert answer.status == 503
        at = [asked.at_s for asked in cloud.asked]
        for base_s, (earlier, later) in zip((1, 2, 4), pairwise(at), strict=True):
            assert 0.75 * base_s <= later - earlier <= base_s + 0.001
        assert cloud.log[-1] == "Wx2Http W: HTTP(6) giving up after 4 attempts"
        cloud.on("GET", "/thing", CUT)
        with pytest.raises(Unreachable):
            await http.send_until_answered(_call, Backoff(world, "test", (1.0, 2.0)))
        assert cloud.log[-1].endswith("giving up after 3 attempts")

    play(story)


def test_a_schedule_is_kept_to_the_second_and_retry_after_wins() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/thing", CUT, Reply(429, headers={"Retry-After": "33"}), CUT, Reply(200))
        backoff = Backoff(cloud.device.world, "test", (1.0, 2.0, 4.0))
        await cloud.device.http.send_until_answered(_call, backoff)
        gaps = [later.at_s - earlier.at_s for earlier, later in pairwise(cloud.asked)]
        assert gaps == pytest.approx([1.0, 33.0, 4.0], abs=1e-3)
        assert backoff.is_over

    play(story)


def test_what_passes_and_what_stays() -> None:
    assert all(map(is_passing, (429, 500, 502, 503, 504, 599)))
    assert not any(map(is_passing, (200, 400, 401, 403, 404, 409)))


def test_an_idle_client_keeps_no_connection_and_no_timer() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.http.send(_call())
        assert cloud.connections == 3
        await cloud.clock.sleep(16.0)
        assert cloud.connections == 0
        await cloud.device.http.send(_call())

    play(story)


def test_a_client_keeps_its_connections_while_it_is_wanted() -> None:
    async def story(cloud: Scripted) -> None:
        http = cloud.device.http
        http.is_wanted = lambda: True
        await http.send(_call())
        opened = cloud.connections
        await cloud.clock.sleep(61.0)
        assert cloud.connections == opened
        http.is_wanted = lambda: False
        await cloud.clock.sleep(16.0)
        assert cloud.connections == 0

    play(story)


def test_a_client_that_is_closed_says_so_and_writes_nothing() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/thing", SILENCE)
        asking = asyncio.create_task(cloud.device.http.send_until_answered(_call, Backoff(cloud.device.world, "test")))
        await cloud.settle()
        lines = len(cloud.log)
        await cloud.device.http.close()
        with pytest.raises(SwitchedOff):
            await asking
        with pytest.raises(SwitchedOff):
            await cloud.device.http.send(_call())
        assert len(cloud.log) == lines

    play(story)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": "code.used"}, "code.used"),
        ({"errorCode": 4404002, "message": "no"}, "4404002"),
        ({"code": "404006"}, "404006"),
        ({"error": f"the token {ACCESS} is not good"}, ""),
        ({"error": "x" * 100}, ""),
        ({"code": {"a": 1}}, ""),
        ([], ""),
    ],
)
def test_a_refusal_repeats_codes_and_nothing_else(body: object, code: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/thing", Reply(403, body, {"Retry-After": "5"}))
        refusal = (await cloud.device.http.send(_call())).refusal(START)
        assert (refusal.status, refusal.code, refusal.retry_after_s) == (403, code, 5.0)
        assert str(refusal) == f"403 {code}".strip()

    play(story)
