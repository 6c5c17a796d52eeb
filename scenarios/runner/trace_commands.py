"""`roomsim trace`: what is done with histories that were written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenarios.runner.exits import Exit, refused

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
    short_help="Draw both sides of a history, or write a page of it.",
    epilog="Example: roomsim trace show run.jsonl --step 3..5; roomsim trace show run.jsonl --html run.html",
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
            print(drawing.clean(line))
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
        why_not = selection.missed(history) or f"no event of its {len(history.events)} is what was asked for"
        raise refused(f"{file}: {why_not}", Exit.NOTHING)


def _read(file: Path) -> History:
    """Read a trace; one that is none ends the command."""
    from scenarios.runner.history.reader import TraceError, read_trace

    try:
        return read_trace(file)
    except TraceError as error:
        raise refused(str(error)) from None


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


@trace_app.command(
    short_help="Compare two histories, and show where they part.",
    epilog="Example: roomsim trace diff seed7.jsonl seed8.jsonl --ignore ids,times",
)
def diff(
    left: Annotated[Path | None, typer.Argument(help="A trace.", metavar="LEFT")] = None,
    right: Annotated[Path | None, typer.Argument(help="Another one.", metavar="RIGHT")] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Rules, or dotted paths such as data.body.etag; with commas, or repeated.", metavar="RULE"),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Print the rules, and do nothing else.")] = False,
) -> None:
    """Compare two histories, and show the first place where they part with what led there on both sides.

    Exits with 0 when they are equal, with 1 when they are not.
    """
    from scenarios.runner.history import comparing
    from scenarios.runner.history.rules import RULES, ignoring

    if rules:
        for name, text in RULES.items():
            print(f"{name:<8} {text}")
        return
    if left is None or right is None:
        raise refused("two traces are compared: roomsim trace diff LEFT RIGHT")
    try:
        chosen = ignoring(ignore or ())
    except ValueError as error:
        raise refused(str(error)) from None
    histories = _read(left), _read(right)
    for line in comparing.headers(*histories):
        print(f"header  {line}")
    found = comparing.compare(*histories, chosen)
    if found is None:
        passed_over = f", but for {', '.join(sorted(chosen.names))}" if chosen.names else ""
        print(f"equal{passed_over}: {len(histories[0].events)} events")
        return
    for line in comparing.report(*histories, found):
        print(line)
    raise typer.Exit(Exit.NO)


@trace_app.command(epilog="Example: roomsim trace stats run.jsonl", short_help="Count what is in a history.")
def stats(
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as one JSON object.")] = False,
) -> None:
    """Count what is in a history: kinds, actors, requests with their durations, frames, faults, steps, silences."""
    import json

    from scenarios.runner.history import counting
    from scenarios.runner.history.drawing import clean

    found = counting.stats(_read(file))
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for line in counting.lines(found):
        print(clean(line))


@trace_app.command(epilog="Example: roomsim trace check scenarios/morning.yaml run.jsonl")
def check(
    scenario: Annotated[Path, typer.Argument(help="The scenario file, as it stands now.", metavar="SCENARIO")],
    file: File,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the verdict as one JSON object.", metavar="FILE")
    ] = None,
) -> None:
    """Judge an old history again, by what a scenario expects now.

    What happened is judged from the events, other states by what the expectations of that run saw; what nobody knows is listed.
    Exits like `run`: 0, 1 when something is not as expected, 4 when nothing could be judged, or not what failed in that run.
    """
    from scenarios.runner.history.verdicts import CheckCommand

    command = CheckCommand(scenario, _read(file), sys.stdout)
    try:
        code = command.run(json_file)
    except OSError as error:
        raise refused(f"{error.filename}: cannot be written: {error.strerror}") from None
    raise typer.Exit(code)
