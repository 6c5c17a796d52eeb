"""`roomsim trace`: what is done with histories that were written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from scenarios.runner.history.reader import History

trace_app = typer.Typer(
    help="Read histories that `--trace` wrote.",
    epilog="Example: roomsim trace show run.jsonl --step 3",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(help="A trace.", metavar="FILE")]


@trace_app.command(
    epilog="Example: roomsim trace show run.jsonl --step 3..5; roomsim trace show run.jsonl --html run.html"
)
def show(
    file: File,
    from_: Annotated[
        str,
        typer.Option(
            "--from", help="Not before: 10s (since the start), 08:51:22.4, 2026-03-02T08:51:22Z.", metavar="TIME"
        ),
    ] = "",
    to: Annotated[str, typer.Option(help="Not after.", metavar="TIME")] = "",
    step: Annotated[str, typer.Option(help="A step, or the first and the last: 3..5.", metavar="N")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="A kind (http.request) or a family (http); may be repeated.", metavar="KIND"),
    ] = None,
    who: Annotated[
        list[str] | None,
        typer.Option(
            help="An actor (cloud:mercury) or a side (device), as doer or peer; may be repeated.", metavar="WHO"
        ),
    ] = None,
    grep: Annotated[
        str, typer.Option(help="A regular expression for the line in the file, in any case.", metavar="TEXT")
    ] = "",
    each: Annotated[
        bool, typer.Option("--all", help="Every event on a line of its own; --kind, --who and --grep do that too.")
    ] = False,
    why: Annotated[
        int | None, typer.Option(help="Say what led to event N, and what that led to.", metavar="N", min=1)
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for a browser instead; it needs no network.", metavar="FILE")
    ] = None,
) -> None:
    """Draw both sides of a history: in the terminal, or as one HTML page with search, filters and causes.

    Exits with 4 when nothing in it is what was asked for.
    """
    from scenarios.runner.commands import Exit, refused
    from scenarios.runner.history import drawing, page
    from scenarios.runner.history.selection import select

    history = _read(file)
    try:
        selection = select(history.header, from_=from_, to=to, step=step, kinds=kind or (), who=who or (), grep=grep)
    except ValueError as error:
        raise refused(str(error)) from None
    if why is not None:
        event = history.by_n.get(why)
        if event is None:
            raise refused(f"{file}: has no event #{why}", Exit.NOTHING)
        for line in drawing.why(history, event):
            print(line)
        return
    if html is not None:
        try:
            html.write_text(page.html(history, selection), encoding="utf-8")
        except page.TooMuch as error:
            raise refused(f"{file}: {error}") from None
        except OSError as error:
            raise refused(f"{html}: cannot be written: {error.strerror}") from None
        print(f"written: {html}")
        return
    if not drawing.draw(history, selection, _console(), each=each):
        raise refused(f"{file}: no event of its {len(history.events)} is what was asked for", Exit.NOTHING)


def _read(file: Path) -> History:
    """Read a trace; one that is none ends the command."""
    from scenarios.runner.commands import refused
    from scenarios.runner.history.reader import TraceError, read_trace

    try:
        return read_trace(file)
    except TraceError as error:
        raise refused(str(error)) from None


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, soft_wrap=True)
