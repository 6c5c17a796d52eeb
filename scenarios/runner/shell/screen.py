"""The terminal that prompt and answers share: what is printed while somebody types stands above the line that is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from prompt_toolkit.application import Application, run_in_terminal

WAITING_CHARS_MAX: Final = 1024 * 1024
"""More than this is printed at once, wherever the cursor is."""


class Screen:
    """Prints text as it is, and never into a line that is being typed.

    Args:
        out: writes to the terminal.
    """

    def __init__(self, out: Callable[[str], object]) -> None:
        self._out = out
        self._waiting: list[str] = []
        self._drawing: asyncio.Future[None] | None = None
        self._prompts: list[Application[Any]] = []

    def share_with(self, prompt: Application[Any]) -> None:
        """Take note of a prompt that draws on the same terminal."""
        self._prompts.append(prompt)

    def write(self, text: str) -> None:
        """Print text: now, or as soon as the prompt has made room for it."""
        self._waiting.append(text)
        is_full = sum(map(len, self._waiting)) > WAITING_CHARS_MAX
        if is_full or not any(prompt.is_running for prompt in self._prompts):
            self._flush()
        elif self._drawing is None or self._drawing.done():
            self._drawing = asyncio.ensure_future(run_in_terminal(self._flush))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._out("".join(waiting))
