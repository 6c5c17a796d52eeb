"""The prompt itself: editing, completion, history, feedback above the line that is being typed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.completion import Completion as Shown
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle

from endpoint.wire.xapi.completion import Completion, complete, list_at
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.tokens import tokens
from scenarios.runner.shell.backend import Backend
from scenarios.runner.shell.colon_completion import complete_colon
from scenarios.runner.shell.lines import ALL_VERBS, VERBS
from scenarios.runner.shell.screen import Screen
from scenarios.runner.shell.session import Leaving, Session

ELEMENTS_S_MAX: Final = 0.5
"""How long a device may take to say which elements a list has, before completion goes on without."""
HISTORY_BYTES_MAX: Final = 256 * 1024
"""A longer history is cut to its later half when it is opened."""
SECRET_WORDS: Final = ("password", "passphrase", "secret", "token", "pin", "code")
"""A line that gives one of these is not written to the history."""


class ShellCompleter(Completer):
    """Shows what the completer of the wire proposes; asks the device which elements there are."""

    def __init__(self, backend: Backend, session: Session, table: Nodes) -> None:
        self._backend = backend
        self._session = session
        self._table = table

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Shown]:
        """Propose without asking the device."""
        return map(_shown, self._proposals(document.text_before_cursor, ()))

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Shown, None]:
        """Propose, having asked the device for the elements of the list that the line is at."""
        text = document.text_before_cursor
        place = None if text.lstrip().startswith(":") else list_at(text, self._table, verbs=ALL_VERBS)
        numbers: Sequence[int] = ()
        if place is not None:
            try:
                async with asyncio.timeout(ELEMENTS_S_MAX):
                    numbers = await self._backend.elements(place)
            except TimeoutError:
                pass
        for proposal in self._proposals(text, numbers):
            yield _shown(proposal)

    def _proposals(self, text: str, numbers: Sequence[int]) -> list[Completion]:
        if text.lstrip().startswith(":"):
            return complete_colon(text, self._session.rows)
        verbs = ALL_VERBS if " " in text.lstrip() else VERBS
        return complete(
            text, self._table, verbs=verbs, numbers=lambda path: numbers, registered=self._session.registered
        )


def _shown(proposal: Completion) -> Shown:
    style = "italic" if proposal.is_hint else ""
    return Shown(proposal.text, -proposal.replaced, proposal.shown, proposal.note, style=style)


def state_file() -> Path:
    """Return where the history is kept: the XDG directory for state."""
    base = os.environ.get("XDG_STATE_HOME", "")
    directory = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return directory / "roomsim" / "shell_history"


class CarefulHistory(FileHistory):
    """A history that only its owner can read, and that leaves out lines with secrets."""

    def store_string(self, string: str) -> None:
        """Write a line, unless it gives a secret."""
        if not is_secret(string):
            super().store_string(string)


def is_secret(line: str) -> bool:
    """Say whether a line gives a value to something that sounds secret."""
    names = [token.text.casefold() for token in tokens(line) if token.kind == "name"]
    names += [word.partition("=")[0].casefold() for word in line.split() if "=" in word]
    return any(name.endswith(SECRET_WORDS) for name in names)


def open_history() -> History:
    """Return the history on disk; one in memory where the disk has no place for it."""
    file = state_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        _shorten(file)
        return CarefulHistory(str(file))
    except OSError:
        return InMemoryHistory()


def _shorten(file: Path) -> None:
    if file.stat().st_size > HISTORY_BYTES_MAX:
        kept = file.read_bytes()[-HISTORY_BYTES_MAX // 2 :]
        file.write_bytes(kept[kept.find(b"\n#") + 1 :])  # an entry begins with its date


class Prompt:
    """Asks for lines until somebody leaves.

    Args:
        terminal: where keys come from and what is drawn on, in place of the terminal of the process.
    """

    def __init__(
        self,
        session: Session,
        completer: Completer,
        screen: Screen,
        name: str,
        history: History,
        terminal: tuple[Input, Output] | None = None,
    ) -> None:
        given, drawn = terminal or (None, None)
        self._session = session
        self._name = name
        self._lines: PromptSession[str] = PromptSession(
            history=history,
            completer=completer,
            complete_while_typing=True,
            complete_style=CompleteStyle.COLUMN,
            auto_suggest=AutoSuggestFromHistory(),
            reserve_space_for_menu=8,
            input=given,
            output=drawn,
        )
        self._body: PromptSession[str] = PromptSession(history=InMemoryHistory(), input=given, output=drawn)
        for asking in (self._lines, self._body):
            screen.share_with(asking.app)

        self.changed = self._lines.default_buffer.on_text_changed
        """Tells of every change of the line that is being typed."""

    @property
    def typed(self) -> str:
        """What stands on the line that is being typed."""
        return self._lines.default_buffer.text

    async def run(self) -> None:
        """Ask, do, print; Ctrl-C drops the line or the command that runs, Ctrl-D and :quit leave."""
        while True:
            try:
                line = await self._lines.prompt_async(FormattedText([("bold", f"{self._name}> ")]))
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            try:
                await self._carry_out(line)
            except Leaving:
                return

    async def _carry_out(self, line: str) -> None:
        """Do what a line asks for; Ctrl-C ends it."""
        work = asyncio.ensure_future(self._session.line(line, self._next_line))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, work.cancel)
        try:
            await asyncio.wait({work})
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            if not work.done():  # this task itself is being ended
                work.cancel()
        if not work.cancelled():
            work.result()

    async def _next_line(self) -> str | None:
        try:
            return await self._body.prompt_async(FormattedText([("", "... ")]))
        except EOFError:
            return None
        except KeyboardInterrupt:
            raise asyncio.CancelledError from None
