"""The prompt, driven by keys. No terminal is needed."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path as File
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import Query
from scenarios.runner.shell import prompt as prompts
from scenarios.runner.shell.backend import Gate
from scenarios.runner.shell.colon import Simulation
from scenarios.runner.shell.printing import Printer
from scenarios.runner.shell.prompt import Prompt, ShellCompleter, is_secret, open_history, state_file
from scenarios.runner.shell.screen import WAITING_CHARS_MAX, Screen
from scenarios.runner.shell.session import Session


class Still:
    """A device where nothing happens by itself."""

    name = "still"

    def __init__(self) -> None:
        self.gate = Gate()
        self.tell: Callable[[str], object] = lambda text: None
        self.called: list[tuple[Path, Mapping[str, Any], str | None]] = []
        self.hangs = asyncio.Event()
        self.was_asked = asyncio.Event()

    async def get(self, query: Query) -> list[Leaf]:
        return [(("Status", "Audio", "Volume"), 50)]

    async def set(self, query: Query, value: str) -> None:
        pass

    async def call(self, words: Path, arguments: Mapping[str, Any], body: str | None) -> list[Leaf]:
        self.called.append((words, arguments, body))
        if words == ("Dial",):
            self.was_asked.set()
            await self.hangs.wait()
        return []

    async def subscribe(self, query: Query) -> int:
        return 1

    async def unsubscribe(self, number: int) -> None:
        pass

    async def elements(self, path: Path) -> Sequence[int]:
        if path == ("Status", "Call"):
            return [3, 42]
        await self.hangs.wait()
        return []

    async def settle(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Desk:
    """Somebody at a keyboard."""

    def __init__(self, keys: PipeInput) -> None:
        self.keys = keys
        self.device = Still()
        self.printed: list[str] = []
        self.moved = asyncio.Event()
        self.screen = Screen(self._print)
        self.session = Session(self.device, Simulation(None), nodes(), Printer(self.screen.write, self.screen.write))
        self.completer = ShellCompleter(self.device, self.session, nodes())
        self.history = InMemoryHistory()
        terminal = (keys, DummyOutput())
        self.prompt = Prompt(self.session, self.completer, self.screen, "still", self.history, terminal)

        self.prompt.changed.add_handler(lambda _: self.moved.set())

    def _print(self, text: str) -> None:
        self.printed.append(text)
        self.moved.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is printed or typed."""
        while not holds():
            self.moved.clear()
            await self.moved.wait()

    @property
    def lines(self) -> list[str]:
        return "".join(self.printed).splitlines()


def sit(scene: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
            await scene(Desk(keys))

    asyncio.run(main())


def type_in(text: str) -> Desk:
    """Type keys and wait until the prompt is left."""
    desks: list[Desk] = []

    async def scene(desk: Desk) -> None:
        desks.append(desk)
        desk.keys.send_text(text)
        await desk.prompt.run()

    sit(scene)
    return desks[0]


def test_line_is_answered_and_remembered() -> None:
    desk = type_in("xStatus Audio Volume\r\x04")
    assert desk.lines == ["*s Audio Volume: 50", "** end"]
    assert desk.history.get_strings() == ["xStatus Audio Volume"]


def test_ctrl_c_drops_the_line() -> None:
    assert type_in("xCommand Standby Activate\x03xStatus Audio\r\x04").lines == ["*s Audio Volume: 50", "** end"]


@pytest.mark.parametrize("way", ["\x04", ":quit\r", ":q\r", "bye\r"])
def test_ways_to_leave(way: str) -> None:
    assert type_in(way).lines == []


def test_lines_of_a_body_are_asked_for() -> None:
    desk = type_in("xCommand Bookings Put\r<a>\r  b: ?\r.\rxStatus Audio\r\x04")
    assert desk.device.called == [(("Bookings", "Put"), {}, "<a>\n  b: ?\n")]
    assert desk.lines[0] == "*r BookingsPutResult (status=OK):"
    assert desk.history.get_strings() == ["xCommand Bookings Put", "xStatus Audio"], "a body is no line"


@pytest.mark.parametrize("end", ["\x03", "\x04"])
def test_body_can_be_given_up(end: str) -> None:
    desk = type_in(f"xCommand Bookings Put\r<a>\r{end}xStatus Audio\r\x04")
    assert desk.device.called == []
    assert "*s Audio Volume: 50" in desk.lines


def test_wrong_lines_are_explained_and_the_prompt_goes_on() -> None:
    desk = type_in("xStatis Audio\r:advnce 3s\rxStatus Audio\r\x04")
    assert desk.lines[:2] == [
        "Command not recognized: 'xStatis'; nearest: xStatus",
        "there is no :advnce; nearest: :advance",
    ]
    assert "*s Audio Volume: 50" in desk.lines


def test_ctrl_c_ends_the_command_that_runs() -> None:
    async def scene(desk: Desk) -> None:
        desk.keys.send_text("xCommand Dial Number: x\r")
        asking = asyncio.ensure_future(desk.prompt.run())
        await desk.device.was_asked.wait()
        os.kill(os.getpid(), signal.SIGINT)
        desk.keys.send_text("xStatus Audio\r\x04")
        await asking
        assert desk.lines == ["*s Audio Volume: 50", "** end"]

    sit(scene)


def test_feedback_does_not_disturb_the_line_that_is_typed() -> None:
    async def scene(desk: Desk) -> None:
        desk.keys.send_text("xSta")
        asking = asyncio.ensure_future(desk.prompt.run())
        await desk.until(lambda: desk.prompt.typed == "xSta")
        desk.device.gate.notice([(("Status", "Call", 3, "Status"), "Ringing")])
        desk.device.gate.notice([(("Status", "Call", 3, "Status"), "Connected")])
        assert desk.lines == [], "first the prompt makes room"
        await desk.until(lambda: len(desk.lines) == 4)
        desk.keys.send_text("tus Audio\r\x04")
        await asking
        assert desk.lines == [
            "*s Call 3 Status: Ringing",
            "** end",
            "*s Call 3 Status: Connected",
            "** end",
            "*s Audio Volume: 50",
            "** end",
        ]

    sit(scene)


def test_screen_does_not_hold_back_without_limit() -> None:
    async def scene(desk: Desk) -> None:
        desk.keys.send_text("x")
        asking = asyncio.ensure_future(desk.prompt.run())
        await desk.until(lambda: desk.prompt.typed == "x")
        desk.screen.write("x" * (WAITING_CHARS_MAX + 1))
        assert len("".join(desk.printed)) == WAITING_CHARS_MAX + 1
        desk.keys.send_text("\x03\x04")
        await asking

    sit(scene)


# completion


def proposals(text: str) -> list[tuple[str, str]]:
    """Return what is proposed for a line: the text, and how many characters it replaces."""
    found: list[tuple[str, str]] = []

    async def scene(desk: Desk) -> None:
        document = Document(text)
        proposed = [one async for one in desk.completer.get_completions_async(document, CompleteEvent())]
        found.extend((text[: len(text) + one.start_position] + one.text, one.display_text) for one in proposed)

    sit(scene)
    return found


def test_completion_asks_the_device_for_elements() -> None:
    assert proposals("xStatus Call ")[:2] == [("xStatus Call 3", "3"), ("xStatus Call 42", "42")]


def test_completion_goes_on_without_a_device_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "ELEMENTS_S_MAX", 0.001)
    assert proposals("xConfiguration Network ")[0] == ("xConfiguration Network 1", "1")


def test_completion_of_verbs_bare_branches_and_colon_lines() -> None:
    assert [text for text, _ in proposals("xs")] == ["xStatus"]
    assert ("Status Audio", "Audio") in proposals("Status Aud")
    assert proposals(":adv") == [(":advance", ":advance DURATION")]
    assert proposals("xCommand Audio Volume Set Level: ") == [("xCommand Audio Volume Set Level: ", "<0..100>")]


def test_completion_without_asking() -> None:
    async def scene(desk: Desk) -> None:
        found = desk.completer.get_completions(Document("xStatus Call 3 Dur"), CompleteEvent())
        assert [one.text for one in found] == ["Duration"]

    sit(scene)


# history


def test_history_is_in_the_directory_for_state(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_file() == tmp_path / "state" / "roomsim" / "shell_history"
    history = open_history()
    history.store_string("xStatus Audio")
    history.store_string('xCommand UserManagement User Passphrase Set NewPassphrase: "hush"')
    text = state_file().read_text()
    assert "+xStatus Audio" in text
    assert "hush" not in text
    assert stat.S_IMODE(state_file().stat().st_mode) == 0o600
    assert list(open_history().load_history_strings()) == ["xStatus Audio"]
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_file().is_absolute()


def test_history_is_bounded(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(prompts, "HISTORY_BYTES_MAX", 1_000)
    history = open_history()
    for number in range(100):
        history.store_string(f"xStatus Call {number}")
    kept = list(open_history().load_history_strings())
    assert state_file().stat().st_size <= 500
    assert 0 < len(kept) < 100
    assert kept[0] == "xStatus Call 99"
    assert all(line.startswith("xStatus Call ") for line in kept)


def test_history_without_a_place(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert isinstance(open_history(), InMemoryHistory)


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("xCommand UserManagement User Add Username: x Passphrase: y", True),
        ("xConfiguration NetworkServices Wifi Password: x", True),
        (":do activate code=4353450012345678", True),
        ("xStatus Audio", False),
        ('xCommand Dial Number: "password"', False),
    ],
)
def test_lines_with_secrets(line: str, secret: bool) -> None:
    assert is_secret(line) is secret
