"""Terminals: CR LF, echo, keys. Source: protocol/xapi.md 4.1, 4.2."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from ssh_room import GREETING, Room, Shell, room

OK = "** end\n\nOK\n\n"


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def run(talk: Callable[[Room, Shell], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with room() as device, device.shell(terminal=True) as shell:
            await shell.expect(crlf(GREETING))
            await talk(device, shell)
            assert device.failures == []

    asyncio.run(whole())


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_end_with_cr_lf_and_what_is_typed_is_echoed(end: str) -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send(f"xStatus Audio Volume{end}")
        await shell.expect(crlf(f"xStatus Audio Volume\n*s Audio Volume: 50\n{OK}"))
        shell.send("xSta")
        await shell.expect("xSta")  # at once, character by character
        shell.send(f"tus Audio{end}xpreferences outputmode json{end}xStatus Audio{end}")
        await shell.expect(crlf(f"tus Audio\n*s Audio Volume: 50\n{OK}xpreferences outputmode json\nxStatus Audio\n"))
        await shell.expect(
            crlf('{\n  "Status": {\n    "Audio": {\n      "Volume": {\n        "Value": "50"\n      }\n    }\n  }\n}\n')
        )
        shell.send(f"xFeedback List{end}")  # PepperDash waits for its own lines to come back
        await shell.expect(crlf(f"xFeedback List\n{OK}"))

    run(talk)


def test_echo_off_and_on() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("echo off\r")
        await shell.expect(crlf("echo off\n\nOK\n\n"))
        shell.send("xStatus Audio\recho on\rbye\r")
        await shell.expect(crlf(f"*s Audio Volume: 50\n{OK}\nOK\n\nbye\n"))
        assert await shell.rest() == ""

    run(talk)


def test_keys_that_erase_and_recall() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        wipe = "\b \b"
        shell.send("xStatus Audiø\x7fo\r")
        await shell.expect(crlf(f"xStatus Audiø{wipe}o\n*s Audio Volume: 50\n{OK}"))
        shell.send("nonsense\x15xStatus  Nope \x17Audio\r")
        await shell.expect(crlf(f"nonsense{wipe * 8}xStatus  Nope {wipe * 5}Audio\n*s Audio Volume: 50\n{OK}"))
        shell.send("\x1b[A\x1b[A\x1b[A\x1b[B\r")
        first, second = "xStatus Audio", "xStatus  Audio"
        echo = f"{second}{wipe * len(second)}{first}\a{wipe * len(first)}{second}"
        await shell.expect(crlf(f"{echo}\n*s Audio Volume: 50\n{OK}"))
        shell.send("\x1b[1;5C\x1bOP\x01\x00xStatus Audio\r")  # keys that mean nothing here
        await shell.expect(crlf(f"xStatus Audio\n*s Audio Volume: 50\n{OK}"))

    run(talk)


def test_the_tabulator_completes() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        wipe = "\b \b"
        shell.send("xsta\tau\tV\t")
        await shell.expect(f"xsta{wipe * 4}xStatus au{wipe * 2}Audio V{wipe}Volume")  # several begin so
        shell.send("\t\r")
        assert (await shell.until("\r\n")) == "\r\n"
        assert (await shell.until("\r\n")).startswith("Volume  Volume")
        await shell.expect(crlf(f"xStatus Audio Volume\n*s Audio Volume: 50\n{OK}"))
        device.status.put(("Call", 7, "Status"), "Connected")
        shell.send("xStatus Call \t\x15nonsense \t\x15")
        await shell.until("\r\n")
        assert (await shell.until("\r\n")).split()[0] == "7"
        await shell.until("nonsense \a")
        await shell.expect(wipe * len("nonsense "))
        shell.send("xFeedback register /Status/Au\t\r")
        await shell.expect(f"xFeedback register /Status/Au{wipe * 2}Audio \r\n{crlf(OK)}")

    run(talk)


def test_in_content_a_tabulator_is_a_character() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("xCommand UserInterface Extensions Panel Save PanelId: p1\r<Extensions>\r\tx\r.\r")
        await shell.until("(status=OK):")
        assert device.audio.bodies == ["<Extensions>\n\tx"]

    run(talk)


@pytest.mark.parametrize("keys", ["\x03", "xStatus\x03", "\x04", "xSta\x15\x04"])
def test_ctrl_c_and_ctrl_d_end_the_session(keys: str) -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send(keys + "xCommand Audio Volume Set Level: 1\r")
        assert "*r" not in await shell.rest()
        assert device.status.get(("Audio", "Volume")) == 50
        assert (await shell.process.wait()).exit_status == 0

    run(talk)


def test_a_break_and_a_signal_end_the_session() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.process.send_signal("INT")
        assert await shell.rest() == ""

    run(talk)

    async def talk_again(device: Room, shell: Shell) -> None:
        shell.process.send_break(100)
        assert await shell.rest() == ""

    run(talk_again)


def test_ctrl_d_behind_text_is_nothing() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("xStatus Audio\x04\r")
        await shell.expect(crlf(f"xStatus Audio\n*s Audio Volume: 50\n{OK}"))

    run(talk)


def test_a_passphrase_is_not_echoed() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("systemtools passwd\r")
        await shell.expect(crlf("systemtools passwd\nCurrent password: "))
        shell.send("old\x7f\x7f\x7fold\rnew\rother\r")
        await shell.expect(crlf("\nNew password: \nNew password again: \n"))
        await shell.until("ERROR\r\n")
        shell.send("\x1b[A\r")
        assert "old" not in await shell.until("password: ")

    run(talk)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_frames_and_content_on_a_terminal(end: str) -> None:
    async def talk(device: Room, shell: Shell) -> None:
        frame = "xCommand UserInterface Extensions Panel Save PanelId: p1\n<Extensions>\x03\x7f\n"
        shell.send(f"echo off{end}")
        await shell.expect(crlf("echo off\n\nOK\n\n"))
        done = crlf("OK\n\n*r PanelSaveResult (status=OK):\n** end\n\n")
        shell.send(f"{{{len(frame)}}} {end}{frame}")
        await shell.expect(done)
        shell.send(f"xCommand UserInterface Extensions Panel Save PanelId: p1{end}<Extensions>{end}a{end}.{end}")
        await shell.expect(done)
        assert device.audio.bodies == ["<Extensions>\x03\x7f", "<Extensions>\na"]

    run(talk)


def test_a_line_without_end_is_no_danger() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("echo off\r")
        await shell.expect(crlf("echo off\n\nOK\n\n"))
        for _ in range(20):
            shell.send(b"x" * 50_000)
        shell.send("\rxStatus Audio\r")
        assert "a line has at most 65536 bytes" in await shell.until("ERROR\r\n\r\n")
        await shell.expect(crlf(f"*s Audio Volume: 50\n{OK}"))

    run(talk)
