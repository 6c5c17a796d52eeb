"""A bar of progress on terminals: how much of the work is done, and how much of it has gone wrong."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """Shows how far so many pieces of work have come, below what is printed; nothing where the console is no terminal.

    Args:
        total: with fewer than two there is nothing to show.
        bad: what is said of those that went wrong: `3 failed`.
    """

    def __init__(self, console: Console, total: int, *, bad: str) -> None:
        self._bad_word = bad
        self._bad = 0
        self._progress: Progress | None = None
        if total < 2 or not console.is_terminal:
            return
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[bad]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total, bad="")
        self._progress.start()

    def done(self, *, is_good: bool) -> None:
        """One more is done."""
        self._bad += not is_good
        if self._progress is not None:
            self._progress.update(self._task, advance=1, bad=f"{self._bad} {self._bad_word}" if self._bad else "")

    def over(self) -> None:
        """Nothing more is done: take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
