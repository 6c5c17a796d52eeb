"""The virtual loop: time jumps, nothing waits, nothing real gets in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiohttp import ClientSession, WSMsgType, web
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.clock import real_seconds
from endpoint.runtime.errors import Deadlock, NotSimulated
from endpoint.runtime.httpnet import NetConnector, no_timeout
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.virtual import VirtualLoop, run
from tests.endpoint.runtime.ground import AUTHORITY, START, Ground

DAY_S = 86_400.0


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_a_year_takes_no_time() -> None:
    async def main() -> str:
        await asyncio.sleep(365 * DAY_S)
        assert _loop().time() == 365 * DAY_S
        return "a year later"

    began_s = real_seconds()
    assert run(main) == "a year later"
    assert real_seconds() - began_s < 1


def test_time_passes_only_when_nothing_else_can_happen() -> None:
    async def main() -> None:
        turns = 0

        async def busy() -> None:
            nonlocal turns
            for _ in range(1000):
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.ensure_future(busy())
        await asyncio.sleep(1e-6)
        assert turns == 1000
        assert _loop().time() == 1e-6
        await task

    run(main)


@given(st.lists(st.integers(0, 50), max_size=60))
def test_timers_fire_by_time_and_in_the_order_they_were_set(delays_us: list[int]) -> None:
    async def main() -> None:
        fired: list[tuple[int, int]] = []
        loop = _loop()

        def note(number: int) -> None:
            fired.append((round(loop.time() * 1e6), number))

        for number, delay_us in enumerate(delays_us):
            loop.call_later(delay_us / 1e6, note, number)
        await asyncio.sleep(1)
        assert fired == sorted((delay_us, number) for number, delay_us in enumerate(delays_us))

    run(main)


def test_the_order_of_timers_outlives_the_clearing_of_cancelled_ones() -> None:
    async def main() -> None:
        fired: list[int] = []
        loop = _loop()
        for number in range(100):
            loop.call_later(10, fired.append, number)
            for _ in range(5):
                loop.call_later(5 + number, fired.append, -1).cancel()
        await asyncio.sleep(20)
        assert fired == list(range(100))

    run(main)


def test_equal_instants_are_equal_however_they_were_computed() -> None:
    async def main() -> None:
        fired: list[str] = []
        loop = _loop()
        loop.call_at(0.1 + 0.2, fired.append, "0.30000000000000004")
        loop.call_at(0.3, fired.append, "0.3")
        await asyncio.sleep(1)
        assert fired == ["0.30000000000000004", "0.3"]

    run(main)


def test_time_is_on_the_microsecond_grid() -> None:
    async def main() -> None:
        for delay_s in (1e-9, 0.3333333, 1e-6, 0.1, 2.0000004):
            before = _loop().time()
            await asyncio.sleep(delay_s)
            assert (_loop().time() * 1e6).is_integer()
            assert abs(_loop().time() - before - delay_s) < 1.5e-6

    run(main)


def test_who_comes_a_trifle_too_early_and_tries_again_gets_there() -> None:
    async def main() -> float:
        loop, done = _loop(), asyncio.Event()
        when = 299.08 + 5e-14  # what 224.08 + 75.0 is

        def try_it() -> None:
            if loop.time() < when:
                loop.call_at(when, try_it)
            else:
                done.set()

        loop.call_at(when, try_it)
        await done.wait()
        return loop.time()

    assert run(main) == 299.080001


def test_waiting_for_nothing_is_a_deadlock() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match="nowhere to go"):
        run(main)


def test_a_deadlock_ends_tasks_in_good_order() -> None:
    tidied: list[str] = []

    async def waiter() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            tidied.append("waiter")

    async def main() -> None:
        await asyncio.gather(waiter(), waiter())

    with pytest.raises(Deadlock):
        run(main)
    assert tidied == ["waiter", "waiter"]


def test_an_idle_loop_asks_before_it_gives_up() -> None:
    async def main() -> list[str]:
        loop, asked = _loop(), list[str]()
        future: asyncio.Future[None] = loop.create_future()

        def on_idle() -> bool:
            asked.append("asked")
            if len(asked) == 2:
                future.set_result(None)
            return len(asked) <= 2

        loop.on_idle = on_idle
        await future
        return asked

    assert run(main) == ["asked", "asked"]


def test_an_idle_loop_whose_answer_is_no_is_a_deadlock() -> None:
    async def main() -> None:
        _loop().on_idle = lambda: False
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run(main)


def test_functions_for_a_thread_run_here_and_now() -> None:
    async def main() -> None:
        loop = _loop()
        assert await loop.run_in_executor(None, sum, [1, 2, 3]) == 6
        assert await asyncio.to_thread(os.getpid) == os.getpid()
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        assert loop.time() == 0

    run(main)


def test_errors_and_results_come_out_of_a_run() -> None:
    async def fails() -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        run(fails)


def test_runs_know_nothing_of_each_other() -> None:
    async def main() -> float:
        before = _loop().time()
        await _loop().create_server(asyncio.Protocol, "127.0.0.1", 443)
        await asyncio.sleep(5)
        return before

    assert [run(main), run(main)] == [0.0, 0.0]


def test_cancelling_works_as_on_any_loop() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(asyncio.sleep(DAY_S))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.sleep(DAY_S)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(DAY_S), 3)
        assert _loop().time() == 7

    run(main)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda loop: loop.getaddrinfo("u2c.wbx2.test", 443),
        lambda loop: loop.getaddrinfo("192.0.2.1", 443),
        lambda loop: asyncio.open_connection("192.0.2.1", 443),
        lambda loop: loop.sock_connect(socket.socket(), ("192.0.2.1", 443)),
    ],
    ids=["name", "address", "stream", "socket"],
)
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_nothing_gets_out_of_the_house(attempt: Callable[[VirtualLoop], object]) -> None:
    async def main() -> None:
        with pytest.raises((OSError, NotSimulated)):
            await attempt(_loop())  # type: ignore[misc]  # some are coroutines, some futures

    run(main)


def test_loopback_has_an_address() -> None:
    async def main() -> None:
        expected = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))]
        assert await _loop().getaddrinfo("localhost", 80) == expected

    run(main)


def test_streams_of_the_standard_library_live_in_memory() -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                await asyncio.sleep(60)
                writer.write(line.upper())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 7)
        reader, writer = await asyncio.open_connection("127.0.0.1", 7)
        for _ in range(3):
            writer.write(b"hello\n")
            assert await reader.readline() == b"HELLO\n"
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        assert _loop().time() == 180

    run(main)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_aiohttp_on_both_ends_for_a_virtual_day(secure: bool) -> None:
    async def main() -> tuple[int, int]:
        ground = Ground()

        async def hello(request: web.Request) -> web.Response:
            await ground.clock.sleep(0.25)
            return web.json_response({"host": request.host})

        async def socket_(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(message.data + "!")
            return ws

        app = web.Application()
        app.add_routes([web.get("/", hello), web.get("/ws", socket_)])
        runner = web.AppRunner(app)
        await runner.setup()
        assert runner.server is not None
        tls = AUTHORITY.server_context(["wdm.wbx2.test"]) if secure else None
        listener = await ground.net.listen(runner.server, tls=tls)
        ground.net.publish("wdm.wbx2.test", 443 if secure else 80, listener.host, listener.port)
        base = "https://wdm.wbx2.test" if secure else "http://wdm.wbx2.test"
        answers = pongs = 0
        connector = NetConnector(ground.net, lambda: TlsClient((AUTHORITY.pem,)))
        async with (
            ClientSession(connector=connector, timeout=no_timeout()) as session,
            session.ws_connect(f"{base}/ws") as ws,
        ):
            for hour in range(24):
                await ground.clock.sleep(3600 - 0.25)
                async with session.get(base) as answer:
                    answers += (await answer.json()) == {"host": "wdm.wbx2.test"}
                await ws.send_str(str(hour))
                message = await ws.receive()
                pongs += message.type is WSMsgType.TEXT and message.data == f"{hour}!"
        listener.close()
        await runner.cleanup()
        assert ground.clock.now() == START + timedelta(days=1)
        return answers, pongs

    assert run(main) == (24, 24)
