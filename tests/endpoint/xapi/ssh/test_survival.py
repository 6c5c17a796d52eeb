"""What clients do to a shell, by accident or not: the device goes on. Source: protocol/xapi.md 4.2, 4.3; the limits are ours."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ssh_room import GREETING, Room, Shell, room, until

from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.shell import LINE_BYTES_MAX
from endpoint.xapi.ssh import session

OK = "** end\n\nOK\n\n"
SAVE = "xCommand UserInterface Extensions Panel Save PanelId: p1\n"


async def works(device: Room) -> None:
    """The device lets somebody else in, and answers."""
    async with device.shell() as shell:
        await shell.expect(GREETING)
        await shell.ask("frobnicate", "frobnicate\nCommand not recognized.\n\n")


async def settled(device: Room) -> None:
    """Wait until the device has forgotten every client."""
    await until(lambda: not device.door.connections)
    assert len(device.sessions) == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"xStatus Audi",
        SAVE.encode() + b"<Extensions>\n<Panel>",
        b"{500} \n" + SAVE.encode(),
        b"{9999999999} \nxStatus",
        b"\x00\x00\xff\xfe\n" * 100,
        b"\x00" * 1_000_000,
        b"xStatus\n" * 200,
        b"xCommand ??\n" * 50,
        b'xStatus | resultId\nxStatus | resultId=\nxStatus | resultId="\nxStatus |\n| resultId="1"\n',
        "xStatus Ä 会議 \U0001f600\nxCommand Dial Number: \U0001f600\n".encode(),
        b"xCommand Dial Number: a\nxCommand Dial Number: b\n",
        b"xFeedback register /Status\nxCommand Audio Volume Set Level: 3\n",
        b"systemtools passwd\nsecret\n",
        b"\x1b[A\x1b[999999999999999999999999999999999999999999A\x1b\x1b\x1b\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("terminal", [False, True])
def test_a_client_that_goes_away_in_the_middle(sent: bytes, terminal: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with room() as device:
            connection = await device.connect()
            process: Any = await connection.create_process(encoding=None, term_type="vt100" if terminal else None)
            await process.stdout.readuntil(b"OK")
            process.stdin.write(sent)
            await asyncio.sleep(0)
            connection.abort()
            await connection.wait_closed()
            await settled(device)
            await works(device)
            assert device.feedback._subscriptions == {"Status": {}, "Configuration": {}, "Event": {}}
            assert device.failures == []

    asyncio.run(run())
    assert "socket.send() raised exception." not in caplog.messages, "asyncio complains of writes after the loss"


def test_ten_megabytes_without_an_end_of_line_are_one_error() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            await shell.ask("echo off", "echo off\n\nOK\n\n")
            for _ in range(200):
                shell.process.stdin.write(b"x" * 50_000)
                await shell.process.stdin.drain()
            shell.send("\nxStatus Audio\n")
            assert f"a line has at most {LINE_BYTES_MAX} bytes" in await shell.until("ERROR\n\n")
            await shell.expect(f"*s Audio Volume: 50\n{OK}")

    asyncio.run(run())


def test_a_client_that_closes_while_its_command_runs_does_not_stop_it() -> None:
    async def run() -> None:
        async with room() as device:
            device.calls.answer.clear()
            async with device.shell() as shell:
                await shell.expect(GREETING)
                shell.send("xCommand Dial Number: a\n")
                await shell.until("OK\n\n")
            await settled(device)
            device.calls.answer.set()
            await until(lambda: device.status.get(parse_path("Call 3 Status")) == "Connected")
            assert device.failures == []

    asyncio.run(run())


def test_a_client_that_does_not_read_is_dropped_and_nobody_else_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "OUTGOING_BYTES_MAX", 200_000)

    async def run() -> None:
        async with room() as device:
            connection = await device.connect()
            process: Any = await connection.create_process(encoding=None, window=65_536)
            await Shell(process).expect(GREETING)
            process.stdin.write(b"xFeedback register /Status\n")
            await process.stdout.readuntil(b"OK\n\n")
            process.channel.pause_reading()
            async with device.shell() as other:
                await other.expect(GREETING)
                for number in range(40_000):
                    device.status.put(("Audio", "Volume"), number % 100)
                    if not number % 1_000:
                        await asyncio.sleep(0)
                    if "dropped" in device.log:
                        break
                assert (
                    "Xapi W: ssh session of admin from 127.0.0.1 dropped: it has left 200000 bytes unread" in device.log
                )
                async with asyncio.timeout(10):
                    await connection.wait_closed()
                await other.ask("xStatus Call", f"xStatus Call\n{OK}")
            assert device.log.count("dropped") == 1
            assert device.failures == []

    asyncio.run(run())


def test_a_client_with_a_huge_window_that_leaves_its_socket_unread_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "OUTGOING_BYTES_MAX", 200_000)

    async def run() -> None:
        async with room() as device:
            connection = await device.connect()
            process: Any = await connection.create_process(encoding=None, window=2**31 - 1)
            await Shell(process).expect(GREETING)
            process.stdin.write(b"xFeedback register /Status\n")
            await process.stdout.readuntil(b"OK\n\n")
            transport: Any = connection._transport
            transport.pause_reading()
            filling = "x" * 10_000
            for number in range(100_000):
                device.status.put(("UserInterface", "ContactInfo", "Name"), f"{number} {filling}")
                if not number % 20:
                    await asyncio.sleep(0)
                if "dropped" in device.log:
                    break
            assert "it has left 200000 bytes unread" in device.log
            transport.resume_reading()
            await connection.wait_closed()
            assert device.failures == []

    asyncio.run(run())


def test_requests_of_a_client_that_does_not_read_wait_with_the_client() -> None:
    async def run() -> None:
        async with room() as device:
            connection = await device.connect()
            process: Any = await connection.create_process(encoding=None, window=65_536)
            await Shell(process).expect(GREETING)
            process.stdin.write(b"echo off\n")
            await process.stdout.readuntil(b"OK\n\n")
            process.channel.pause_reading()
            process.stdin.write(b"xCommand ??\n" * 300 + b"x" * 300_000 + b"\n" + b"xStatus Audio\n" * 3)
            for _ in range(200):
                await asyncio.sleep(0)
            (shell,) = [shell for held in device.door._connections for shell in held._shells]
            assert shell._framer.waiting < 200_000
            assert "dropped" not in device.log
            process.channel.resume_reading()
            async with asyncio.timeout(30):
                text = b""
                while text.count(b"*s Audio Volume: 50") < 3:
                    text += await process.stdout.read(1_000_000)
            assert text.count(b" - User Commands -") == 300
            assert text.count(b"a line has at most") == 1
            connection.close()
            await connection.wait_closed()

    asyncio.run(run())


def test_one_shell_does_not_keep_the_others_waiting() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as busy, device.shell() as other:
            await busy.expect(GREETING)
            await other.expect(GREETING)
            busy.send("echo off\n" + "xStatus Audio\n" * 5_000)
            await busy.until("*s Audio Volume: 50")
            await other.ask("xStatus Call", f"xStatus Call\n{OK}")
            (shell,) = [shell for held in device.door._connections for shell in held._shells if shell._framer.waiting]
            assert shell._framer.waiting > 1_000

    asyncio.run(run())


@pytest.mark.parametrize(
    "keys",
    [b"\t" * 20_000, b"x" * 4_000 + b"\r" + b"\x1b[A" * 8_000, b"x" * 4_000 + b"\r" + b"\x1b[A\x15" * 8_000, b"x\x7f" * 20_000],
    ids=["tabulators", "recalled lines", "lines recalled and erased", "erased letters"],
)  # fmt: skip
def test_keys_that_are_answered_with_much_more_than_themselves(keys: bytes) -> None:
    async def run() -> None:
        async with room() as device, device.shell(terminal=True) as busy, device.shell() as other:
            await busy.until("OK\r\n\r\n")
            await other.expect(GREETING)
            busy.send(keys)
            await busy.process.stdout.read(1)
            await other.ask("xStatus Call", f"xStatus Call\n{OK}")
            shells = [shell for held in device.door._connections for shell in held._shells]
            assert max(len(shell._keys) for shell in shells) > 1_000  # they wait until others had their turn
            assert max(shell._out_bytes for shell in shells) < 5_000_000
            busy.send(b"\x15xStatus Audio\rbye\r")
            assert "*s Audio Volume: 50" in await busy.rest()
            assert "dropped" not in device.log
            assert device.failures == []

    asyncio.run(run())


def test_the_end_of_input_waits_for_keys_that_wait() -> None:
    async def run() -> None:
        async with room() as device, device.shell(terminal=True) as shell:
            await shell.until("OK\r\n\r\n")
            shell.send(b"x\x7f" * 5_000 + b"xStatus Audio\r")
            shell.process.stdin.write_eof()
            assert "*s Audio Volume: 50" in await shell.rest()

    asyncio.run(run())


def test_an_answer_of_any_size_reaches_a_client_that_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "OUTGOING_BYTES_MAX", 1_000)

    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            shell.send("echo off\nxCommand ??\n")
            await shell.until("echo off\n\nOK\n\n")
            assert len(await shell.until("\nOK\n\n")) > 10_000
            assert "dropped" not in device.log

    asyncio.run(run())


def test_nothing_is_written_to_the_log_of_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record)

    async def run() -> None:
        async with room() as device:
            _, writer = await asyncio.open_connection(device.door.host, device.door.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n" + b"\x00" * 5_000)
            await writer.drain()
            reader, second = await asyncio.open_connection(device.door.host, device.door.port)
            second.write(b"SSH-2.0-x\r\n" + b"\xff" * 5_000)
            await second.drain()
            await reader.read()
            for open_one in (writer, second):
                open_one.close()
            with pytest.raises(asyncssh.PermissionDenied):
                await device.connect(password="wrong")
            await settled(device)
            await works(device)
            assert device.failures == []

    root, ear = logging.getLogger(), Ear()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        asyncio.run(run())
    finally:
        root.setLevel(level)
        root.removeHandler(ear)
    assert [record for record in told if record.name.startswith("asyncssh")] == []
    assert capfd.readouterr() == ("", "")


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"xStatus Audio Volume\n", b"xFeedback register /Status\n", b"xCommand Audio Volume Set Level: 3\n", b"echo off\n",
         b"xpreferences outputmode json\n", b"xpreferences outputmode xml\n", b"xpreferences outputmode terminal\n", b"\r", b"\n", b'"',
         b"xCommand Dial Number: a\n", b"{12} \n", SAVE.encode(), b".\n", b"systemtools passwd\n", b"xCommand ", b"| resultId=", b"\x1b["]
    ),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=12), st.booleans())
def test_any_bytes_leave_the_device_as_it_was(pieces: list[bytes], terminal: bool) -> None:
    async def run() -> None:
        async with room() as device:
            connection = await device.connect()
            process: Any = await connection.create_process(encoding=None, term_type="vt100" if terminal else None)
            for piece in pieces:
                process.stdin.write(piece)
            process.stdin.write_eof()
            async with asyncio.timeout(10):
                text = await process.stdout.read()
            assert terminal or text.decode()  # a terminal gives every byte back as it came
            assert b"Internal error" not in text
            connection.close()
            await connection.wait_closed()
            await works(device)
            assert device.failures == []

    asyncio.run(run())
