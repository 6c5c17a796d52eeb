"""Exec requests: one line and out. Source: protocol/xapi.md 4.1."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from ssh_room import Room, room, until

SAVE, SAVED = (
    "xCommand UserInterface Extensions Panel Save PanelId: p1",
    "OK\n\n*r PanelSaveResult (status=OK):\n** end\n\n",
)
OK = "** end\n\nOK\n\n"


async def execute(device: Room, command: str, given: bytes | None = b"", **options: Any) -> tuple[str, int]:
    connection = await device.connect()
    process: Any = await connection.create_process(command, encoding=None, **options)
    if given is not None:
        with suppress(BrokenPipeError):  # the device may have ended already
            process.stdin.write(given)
            process.stdin.write_eof()
    async with asyncio.timeout(10):
        text = (await process.stdout.read()).decode()
        done = await process.wait()
    connection.close()
    await connection.wait_closed()
    return text, done.exit_status


@pytest.mark.parametrize(
    ("command", "given", "text", "status"),
    [
        ("xStatus Audio Volume", b"", f"*s Audio Volume: 50\n{OK}", 0),
        ("xStatus Audio Volume", None, f"*s Audio Volume: 50\n{OK}", 0),
        ("xStatus Audio Volume\nxStatus Call", b"", f"*s Audio Volume: 50\n{OK}{OK}", 0),
        ("xCommand Dial Number: nobody", None,
         'OK\n\n*r DialResult (status=Error):\n*r DialResult Reason: "No such number"\n** end\n\n', 1),
        ("frobnicate", None, "Command not recognized.\n\n", 1),
        ("bye", None, "", 0),
        (SAVE, b"<Extensions>\n<a/>", SAVED, 0),
        (SAVE, b"<Extensions>\n<a/>\n.\n", SAVED, 0),
    ],
)  # fmt: skip
def test_one_line_and_its_exit_status(command: str, given: bytes | None, text: str, status: int) -> None:
    async def run() -> None:
        async with room() as device:
            assert await execute(device, command, given) == (text, status)
            assert device.failures == []

    asyncio.run(run())


def test_a_command_that_takes_time_is_waited_for() -> None:
    async def run() -> None:
        async with room() as device:
            device.calls.answer.clear()
            work = asyncio.ensure_future(execute(device, "xCommand Dial Number: a", None))
            await until(lambda: bool(device.calls.dialled))
            device.calls.answer.set()
            text, status = await work
            assert text.endswith("*r DialResult ConferenceId: 1\n** end\n\n")
            assert status == 0

    asyncio.run(run())


def test_with_a_terminal_lines_end_with_cr_lf_and_nothing_is_echoed() -> None:
    async def run() -> None:
        async with room() as device:
            text, _ = await execute(device, "xStatus Audio Volume", None, term_type="vt100")
            assert text == f"*s Audio Volume: 50\n{OK}".replace("\n", "\r\n")

    asyncio.run(run())
