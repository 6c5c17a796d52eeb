"""`roomsim shell` as a command: its input, its output, its exit codes."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
import termios
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripted_xapi import Scripted, scripted

from scenarios.runner.commands import run_app

SHELL = [sys.executable, "-m", "scenarios.runner.cli", "shell"]
PATIENCE_S = 60.0
"""After this long something has gone wrong."""
CALL = "xCommand Audio Volume Set Level: 31"
VOLUME = "*s Audio Volume: 50\n** end\n"


@dataclass
class Ran:
    """What one call of the command did."""

    code: int | None
    out: str
    err: str


async def shell(*arguments: object, given: str | None = "", file: Path | None = None) -> Ran:
    """Run the command; standard input is a pipe with `given`, or a file."""
    stdin = file.open("rb") if file is not None else None
    process = await asyncio.create_subprocess_exec(
        *SHELL,
        *map(str, arguments),
        stdin=stdin or asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if stdin is not None:
        stdin.close()
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate(None if file is not None else (given or "").encode())
    return Ran(process.returncode, out.decode(), err.decode())


def play(tmp_path: Path, scene: Callable[[Scripted, Path], Awaitable[None]]) -> None:
    async def main() -> None:
        async with scripted() as device:
            await scene(device, device.ready(tmp_path / "room.json"))

    asyncio.run(main())


def test_given_lines_are_carried_out(tmp_path: Path) -> None:
    async def scene(device: Scripted, ready: Path) -> None:
        assert await shell(ready, "-c", "xStatus Audio Volume") == Ran(0, VOLUME, "")
        ran = await shell(
            ready, "-c", "xFeedback register /Status", "--command", CALL, "-c", "xCommand Bookings Put\n<a>\n."
        )
        assert ran == Ran(
            0,
            "OK\n*r VolumeSetResult (status=OK):\n** end\n*s Audio Volume: 31\n** end\n"
            "*r BookingsPutResult (status=OK):\n*r BookingsPutResult Lines: 1\n** end\n",
            "",
        )

    play(tmp_path, scene)


def test_feedback_of_the_last_line_is_printed(tmp_path: Path) -> None:
    async def scene(device: Scripted, ready: Path) -> None:
        ran = await shell(ready, "-c", "xFeedback register /Status", "-c", CALL)
        assert ran.out == "OK\n*r VolumeSetResult (status=OK):\n** end\n*s Audio Volume: 31\n** end\n"

    play(tmp_path, scene)


def test_an_error_exits_with_1_and_keeps_nothing_from_the_next_line(tmp_path: Path) -> None:
    async def scene(device: Scripted, ready: Path) -> None:
        ran = await shell(ready, "-c", "xStatus Audo", "-c", "xStatus Audio Volume")
        assert ran.code == 1
        assert ran.out.endswith(VOLUME)
        assert ran.err == "Status has no 'Audo'; nearest: Audio\n"
        ran = await shell(ready, "-c", "frobnicate", "-c", ":advance 3s")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.endswith("time is real here; there are skew\n")

    play(tmp_path, scene)


def test_lines_from_a_pipe_and_from_a_file(tmp_path: Path) -> None:
    lines = "# a remark\n\nxStatus Audio Volume\nxCommand Bookings Put\n<a>\n.\n"
    out = VOLUME + "*r BookingsPutResult (status=OK):\n*r BookingsPutResult Lines: 1\n** end\n"
    file = tmp_path / "lines"
    file.write_text(lines + ":quit\nxStatus Nope\n")

    async def scene(device: Scripted, ready: Path) -> None:
        last = "xStatus Audio Volume"  # which needs no end
        assert await shell(ready, given=lines + last) == Ran(0, out + VOLUME, "")
        assert await shell(ready, file=file) == Ran(0, out, ""), "nothing after :quit"
        assert await shell(ready, file=Path(os.devnull)) == Ran(0, "", "")
        half = await shell(ready, given="xCommand Bookings Put\n<a>\n")
        assert (half.code, half.out) == (1, "")

    play(tmp_path, scene)


def test_answers_come_before_the_input_ends(tmp_path: Path) -> None:
    async def scene(device: Scripted, ready: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *SHELL, str(ready), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"xFeedback register /Status\n")
        async with asyncio.timeout(PATIENCE_S):
            assert await process.stdout.readline() == b"OK\n"
            await device.tell({"Status": {"Audio": {"Volume": 9}}})
            assert await process.stdout.readline() == b"*s Audio Volume: 9\n"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        process.stdin.close()

    play(tmp_path, scene)


@pytest.mark.parametrize("broken", ["missing", "empty", "dead"])
def test_unusable_target_exits_with_2_and_one_line(
    tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "room.json"
    if broken == "empty":
        file.write_text("")
    elif broken == "dead":
        file.write_text('{"ws": "ws://127.0.0.1:1/ws", "username": "a", "password": "b"}')
    assert run_app(["shell", str(file), "-c", "xStatus"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1


def test_device_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    ran = asyncio.run(
        shell(
            "--clock",
            "frozen",
            "-c",
            ":advance 1min",
            "-c",
            "xStatus Webex Status",
            "-c",
            "xConfiguration SystemUnit Name: Desk",
        )
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("stepped time, ")
    assert ran.out.endswith("*s Webex Status: Registered\n** end\nOK\n")
    assert run_app(["shell", "--clock", "sundial", "-c", "xStatus"]) == 2
    assert capsys.readouterr().err == (
        "--clock: 'sundial' is no clock; write real, stepped, frozen, or a factor such as x60\n"
    )


def test_on_a_terminal_there_is_a_prompt(tmp_path: Path) -> None:
    async def scene(device: Scripted, ready: Path) -> None:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (30, 100))
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        environment.pop("NO_COLOR", None)
        process = await asyncio.create_subprocess_exec(
            *SHELL, str(ready), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        screen = Screen(ours)
        async with asyncio.timeout(PATIENCE_S):
            await screen.until("huddle: Room Bar")
            await screen.until("huddle>")
            os.write(ours, b"xStatus Audio Volume\r")
            await screen.until("\x1b[36m 50")
            await screen.until("huddle>")
            os.write(ours, b"\x04")
            assert await process.wait() == 0
        screen.close()
        assert "xStatus Audio Volume" in (tmp_path / "roomsim" / "shell_history").read_text()

    play(tmp_path, scene)


class Screen:
    """What a terminal was sent."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._text = ""
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(end, self._take)

    def _take(self) -> None:
        try:
            self._text += os.read(self._end, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._end)
        self._came.set()

    async def until(self, text: str) -> None:
        """Wait until something stands there."""
        while text not in self._text:
            self._came.clear()
            await self._came.wait()
        self._text = self._text.partition(text)[2]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._end)
        os.close(self._end)
