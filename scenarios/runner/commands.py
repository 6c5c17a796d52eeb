"""The commands of `roomsim`. Options and exit codes are a contract: design.md section 6.

What a command needs is imported when it runs: a device or a cloud of its own shall not wait for the scenario language.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from scenarios.runner.exits import Exit, refused
from scenarios.runner.recording.commands import recording_app
from scenarios.runner.trace_commands import trace_app

if TYPE_CHECKING:
    from scenarios.runner.model import Scenario


app = typer.Typer(
    name="roomsim",
    help="A simulated cloud-registered video room endpoint, and a stub of the cloud it lives in.",
    epilog="Example: roomsim demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cloud_app = typer.Typer(
    help="The stub cloud as a process of its own.", epilog="Example: roomsim cloud serve", no_args_is_help=True
)
endpoint_app = typer.Typer(
    help="A device as a process of its own.",
    epilog="Example: roomsim endpoint run --cloud https://127.0.0.1:8443 --ca ca.pem --code 4353450012345678",
    no_args_is_help=True,
)
app.add_typer(cloud_app, name="cloud")
app.add_typer(endpoint_app, name="endpoint")
app.add_typer(trace_app, name="trace")
app.add_typer(recording_app)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        print(f"roomsim {version('roomsim')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take what goes before a command."""


Paths = Annotated[list[Path], typer.Argument(help="Scenario files, or directories of them.", metavar="PATH...")]
Tags = Annotated[list[str] | None, typer.Option(help="Only scenarios with this tag; may be repeated.")]
Cases = Annotated[list[str] | None, typer.Option(help="Only this case of the files; may be repeated.", metavar="NAME")]
LetIn = Annotated[
    Path | None,
    typer.Option(
        help="Let clients in, in mode wire: says where the doors are and which step is played, until it is over.",
        metavar="FILE",
    ),
]
Door = Annotated[str, typer.Option(metavar="HOST:PORT")]
ReadyFile = Annotated[
    Path | None, typer.Option(help="Written when the doors are open, and on changes.", metavar="FILE")
]
State = Annotated[Path | None, typer.Option(help="Keep the state here, across restarts.", metavar="DIR")]


@app.command(epilog="Example: roomsim run scenarios --tag activation --seeds 20 -j 2")
def run(
    paths: Paths,
    seed: Annotated[int | None, typer.Option(help="Instead of the seed in the file.", min=0)] = None,
    seeds: Annotated[
        int, typer.Option(help="Run each scenario with so many seeds, counting up.", min=1, max=10_000)
    ] = 1,
    mode: Annotated[
        str, typer.Option(help="virtual: in one process, time jumps. wire: real sockets, real time.")
    ] = "virtual",
    tag: Tags = None,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", help="Run so many scenarios at once, in processes.", min=1, max=64)
    ] = 1,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML report.", metavar="FILE")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the verdicts as one JSON object.", metavar="FILE")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace (of a single run) as JSON Lines.", metavar="FILE")
    ] = None,
    until_step: Annotated[int | None, typer.Option(help="Stop after this step.", min=0)] = None,
    max_wait: Annotated[
        float, typer.Option(help="Longest real wait of one step, in seconds (mode wire).", min=0)
    ] = 60.0,
    max_real: Annotated[
        float, typer.Option(help="Longest real time of one run, in seconds (mode wire).", min=0)
    ] = 60.0,
    ready_file: LetIn = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Record the devices of a single run: trace, HAR and the skeleton of a scenario.", metavar="DIR"
        ),
    ] = None,
    raw: Annotated[
        Path | None,
        typer.Option(
            help="Keep the bytes of the devices' connections (of a single run), secrets and all.", metavar="DIR"
        ),
    ] = None,
    ladder: Annotated[bool, typer.Option("--ladder", help="Draw both sides while it runs.")] = False,
    case: Cases = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print each failure as an annotation of GitHub, too.")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="Print what the answers of the cloud rest on, service by service.")
    ] = False,
    times: Annotated[bool, typer.Option("--times", help="Print how long each step took, on both clocks.")] = False,
    repl: Annotated[
        bool, typer.Option("--repl", help="Open a shell on the frozen stage when the story is told, or has failed.")
    ] = False,
    repl_on_failure: Annotated[
        bool, typer.Option("--repl-on-failure", help="Open a shell on the frozen stage where a run fails.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file changes, until Ctrl-C.")] = False,
) -> None:
    """Run scenarios and print a verdict for each."""
    from scenarios.runner.run import RunOptions
    from scenarios.runner.run_command import RunCommand, Selection, Wanted
    from scenarios.runner.suite import Suite

    selection = Selection(paths, tag or (), case or (), seed, seeds)
    options = RunOptions(until_step=until_step, max_wait_s=max_wait, max_real_s=max_real, ready_file=ready_file)
    suite = Suite(mode, options, trace, record, raw)
    wanted = Wanted(junit, json_file, github=github, labels=labels, times=times, ladder=ladder)
    shell = "always" if repl else "on failure" if repl_on_failure else ""
    raise typer.Exit(RunCommand(selection, suite, jobs, wanted, shell=shell, watch=watch).run())


@app.command(epilog="Example: roomsim check scenarios")
def check(paths: Paths) -> None:
    """Validate scenarios without running them."""
    found = _load(paths)
    if not found:
        raise refused("no scenario there; parts are read by the scenarios that use them", Exit.NOTHING)
    files = {scenario.file for scenario in found}
    print(f"{len(found)} scenario(s) in {len(files)} file(s) are valid")


@app.command(
    epilog="Example: roomsim swarm scenarios --seeds 20 -j 2", short_help="Play scenarios under faults that seeds draw."
)
def swarm(
    paths: Paths,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 1,
    seeds: Annotated[int, typer.Option(help="Play so many plans of each scenario, counting up.", min=1)] = 1,
    tag: Tags = None,
    case: Cases = None,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", help="Play so many plans at once, in processes.", min=1, max=64)
    ] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what broke, and the count.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of each plan as JSON.", metavar="FILE")
    ] = None,
) -> None:
    """Play scenarios under faults that the seed draws, and demand safety at every step and a device that is well in the end."""
    from scenarios.runner.chaos.answers import as_json
    from scenarios.runner.chaos.command import SwarmCommand, tasks
    from scenarios.runner.suite import missed, select

    found = _load(paths)
    chosen = select(found, tags=tag or [], cases=case or ())
    work = tasks(chosen, seed=seed, seeds=seeds)
    if not work:
        why = "no scenario that plays alone" if chosen else missed(found, tags=tag or (), cases=case or ())
        raise refused(f"nothing selected: {why}", Exit.NOTHING)
    answers = SwarmCommand(sys.stdout, is_quiet=quiet).run(work, jobs)
    if json_file is not None:
        try:
            json_file.write_bytes(as_json(answers))
        except OSError as error:
            raise refused(f"{json_file}: cannot be written: {error.strerror}") from None
    if any(answer.is_internal for answer in answers):
        raise typer.Exit(Exit.INTERNAL)
    raise typer.Exit(Exit.OK if all(answer.is_good for answer in answers) else Exit.NO)


@app.command(epilog="Example: roomsim schema > scenario.v1.schema.json")
def schema() -> None:
    """Print the JSON Schema of the scenario language, for editors."""
    from scenarios.runner.problems import ScenarioError
    from scenarios.runner.schema import print_schema

    try:
        print(print_schema(), end="")
    except ScenarioError as error:
        raise refused(str(error)) from None


@app.command(epilog="Example: roomsim demo", short_help="Play a whole morning of a device and its cloud.")
def demo(
    live: Annotated[
        bool, typer.Option("--live", help="Afterwards keep a cloud and a device serving, in real time.")
    ] = False,
) -> None:
    """Play a whole morning of a room device and its cloud, and print the xStatus that a tester would look at."""
    from scenarios.runner.demo import play_demo

    code: int = Exit.OK if play_demo(sys.stdout) else Exit.NO
    if live and code == Exit.OK:
        from scenarios.runner.pair import serve_pair

        code = serve_pair()
    raise typer.Exit(code)


@app.command(
    short_help="Say why there is no Join button.",
    epilog='Example: roomsim why room.json cloud.json; one meeting: roomsim why --meeting "Design review" --at 08:56Z room.json cloud.json',
)
def why(
    target: Annotated[
        list[Path] | None,
        typer.Argument(help="Ready files: of a device, of its cloud, or better of both.", metavar="[TARGET...]"),
    ] = None,
    meeting: Annotated[
        str, typer.Option(help="Id or title; without it all meetings of the next 24 hours.", metavar="ID|TITLE")
    ] = "",
    at: Annotated[
        str, typer.Option(help="Ask about another moment: 2026-03-02T08:55:00Z, 08:55Z, +10m, -1h.", metavar="TIME")
    ] = "",
    device: Annotated[
        str,
        typer.Option(help="Which device of the cloud, by id or name, where its own file is not given.", metavar="NAME"),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print reports and evidence as one JSON object.")] = False,
) -> None:
    """Say why there is no Join button: which link of the chain from the organizer to the device is broken, and what to do.

    Exits with 0 when the button is or will be on, with 1 when it is not, with 4 when there is no meeting.
    """
    from scenarios.runner.why_command import WhyCommand

    raise typer.Exit(WhyCommand(target or [], meeting=meeting, at=at, device=device, as_json=as_json).run())


@app.command(
    epilog='Example: roomsim shell room.json -c "xStatus Audio Volume"',
    short_help="Carry out xAPI lines, at a prompt or from a script.",
)
def shell(
    target: Annotated[
        Path | None,
        typer.Argument(help="Ready file of a device; without one a cloud and a device are made.", metavar="[TARGET]"),
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Option("-c", "--command", help="Carry this line out instead of asking; may be repeated.", metavar="LINE"),
    ] = None,
    cloud: Annotated[
        Path | None, typer.Option(help="Ready file of its cloud, for the faults and the clock there.", metavar="FILE")
    ] = None,
    clock: Annotated[
        str, typer.Option(help="Of a device that is made: real; stepped or frozen (:advance moves it); x60.")
    ] = "real",
) -> None:
    """Ask for xAPI lines and carry them out, at a prompt with completion; from standard input where that is no terminal."""
    from scenarios.runner.shell.entry import Shell

    raise typer.Exit(Shell(target=target, commands=command or [], cloud=cloud, clock=clock).run())


@app.command(
    epilog="Example: roomsim invite meeting.ics; echo 'Dial sip:room@video.example' | roomsim invite; roomsim invite --jsonl < corpus.jsonl"
)
def invite(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Invitations: text, HTML, mail or .ics, told apart by their content; - or none is standard input.",
            metavar="[FILE...]",
        ),
    ] = None,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            help="Answer each line of standard input, an object with subject, location, body or ics, with a line.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything that was found, as one JSON object.")
    ] = False,
    location: Annotated[str, typer.Option(help="Location of invitations that have none, such as @webex.")] = "",
    webex: Annotated[
        str, typer.Option(help="What @webex asks for: personal_room, space, onetime, or none.")
    ] = "personal_room",
    meet: Annotated[str, typer.Option(help="What @meet asks for: the same, or tms.")] = "space",
) -> None:
    """Tell what the cloud would dial for an invitation, and why."""
    from typing import cast

    from cloud_stub.hybrid_calendar.keywords import Action, KeywordRules
    from scenarios.runner.invite_command import InviteCommand

    try:
        rules = KeywordRules(webex=cast(Action, webex), meet=cast(Action, meet))
    except ValueError as error:
        raise refused(str(error)) from None
    command = InviteCommand(rules, sys.stdout, location)
    if jsonl and (as_json or any(str(file) != "-" for file in files or ())):
        raise refused("--jsonl reads standard input; it takes neither files nor --json")
    raise typer.Exit(command.jsonl(sys.stdin.buffer) if jsonl else command.files(files or [], as_json=as_json))


@cloud_app.command("serve", epilog="Example: roomsim cloud serve --https 127.0.0.1:8443 --ready-file cloud.json")
def cloud_serve(
    http: Annotated[str, typer.Option(help="Door for plain http, or off.", metavar="HOST:PORT")] = "127.0.0.1:0",
    https: Annotated[str, typer.Option(help="Door for https, or off.", metavar="HOST:PORT")] = "127.0.0.1:0",
    state: State = None,
    ready_file: ReadyFile = None,
    clock: Annotated[
        str, typer.Option(help="real; stepped or frozen (moved by the control API); x60 (accelerated).")
    ] = "real",
    media: Annotated[
        int | None, typer.Option(help="Media servers of the cluster list; 210 with --silent 44 is the field's.", min=1)
    ] = None,
    silent: Annotated[int, typer.Option(help="How many of them never answer.", min=0)] = 0,
    proxy: Annotated[
        str, typer.Option(help="Door of an HTTP proxy in front of the cloud, or off.", metavar="HOST:PORT")
    ] = "off",
    proxy_auth: Annotated[
        list[str] | None,
        typer.Option(
            help="How the proxy asks who is there: basic, digest, ntlm ...; may be repeated.", metavar="SCHEME"
        ),
    ] = None,
    proxy_intercept: Annotated[
        str, typer.Option(help="Whether the proxy opens up TLS: off; trusted (its CA is in trustList); untrusted.")
    ] = "off",
    trust_list: Annotated[
        Path | None,
        typer.Option(help="CAs of TLS-inspecting proxies that devices are told to trust, PEM.", metavar="FILE"),
    ] = None,
) -> None:
    """Serve the stub cloud until SIGTERM."""
    from scenarios.runner.cloud_process import CloudProcess
    from scenarios.runner.proxy_door import ProxyDoor

    asked = ProxyDoor(proxy, tuple(proxy_auth or ()), proxy_intercept, trust_list)
    process = CloudProcess(http=http, https=https, state=state, ready_file=ready_file, clock=clock, proxy=asked)
    raise typer.Exit(process.serve(media=media, silent=silent))


@endpoint_app.command(
    "run",
    epilog="Example: roomsim endpoint run --cloud https://127.0.0.1:8443 --ca ca.pem --code 4353450012345678 --state room1",
)
def endpoint_run(
    cloud: Annotated[str, typer.Option(help="Base URL of the cloud; every default name leads there.", metavar="URL")],
    code: Annotated[str | None, typer.Option(help="Activation code: 16 digits.")] = None,
    security: Annotated[
        str, typer.Option(help="none keeps local users after activation, harden locks the device down.")
    ] = "none",
    ca: Annotated[
        Path | None, typer.Option(help="Root certificate(s) that the device believes, PEM.", metavar="FILE")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Another host that may be reached; may be repeated.", metavar="HOST")
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(
            help="HTTP proxy to take, http://[user:password@]host:port; the settings NetworkServices HTTP Proxy.",
            metavar="URL",
        ),
    ] = None,
    state: State = None,
    ssh: Annotated[str, typer.Option(help="Door for the xAPI over SSH, or off.", metavar="HOST:PORT")] = "127.0.0.1:0",
    https: Annotated[
        str, typer.Option(help="Door for the xAPI over https and wss, or off.", metavar="HOST:PORT")
    ] = "127.0.0.1:0",
    http: Annotated[
        str | None,
        typer.Option(
            help="Door for the xAPI over http and ws; open only while HTTP Mode is HTTP+HTTPS, which this sets.",
            metavar="HOST:PORT",
        ),
    ] = None,
    control: Annotated[str, typer.Option(help="The simulation's own door.", metavar="HOST:PORT")] = "127.0.0.1:0",
    ready_file: ReadyFile = None,
    schema_file: Annotated[
        Path | None,
        typer.Option("--schema", help="A schema file of yours that widens the xAPI; see the how-to.", metavar="FILE"),
    ] = None,
    imported_commands: Annotated[
        str, typer.Option(help="What commands of --schema answer: fail (they have no effect), or succeed.")
    ] = "fail",
    exit_on_refusal: Annotated[
        bool, typer.Option("--exit-on-refusal", help="Exit with 1 when the code is refused.")
    ] = False,
    auto_join: Annotated[
        bool, typer.Option("--auto-join", help="Join meetings by itself, a minute before they start.")
    ] = False,
    product: Annotated[str, typer.Option(help="Model of the device.")] = "Room Bar",
    software: Annotated[str, typer.Option(help="Its software version.")] = "ce26.4",
    name: Annotated[str, typer.Option(help="Its name in trace and reports.")] = "room",
    log: Annotated[bool, typer.Option("--log", help="Print the device log.")] = False,
    log_style: Annotated[
        str,
        typer.Option(help="How its lines look, as software of that year writes them: 2022 or 2026.", metavar="YEAR"),
    ] = "2022",
) -> None:
    """Run a device against a cloud until SIGTERM."""
    from endpoint.runtime.devicelog import STYLES
    from scenarios.runner.device_process import DeviceProcess

    _one_of("--log-style", log_style, STYLES)
    _one_of("--security", security, ("none", "harden"))
    _one_of("--imported-commands", imported_commands, ("fail", "succeed"))
    process = DeviceProcess(
        cloud, control=control, ca=ca, targets=target or [], state=state, ready_file=ready_file, prints_log=log,
        ssh=ssh, https=https, http=http, schema=schema_file, imported_succeed=imported_commands == "succeed",
        auto_join=auto_join, proxy=proxy, log_style=log_style,
    )  # fmt: skip
    exit_code = process.serve(
        code, hardens=security == "harden", exits_on_refusal=exit_on_refusal, product=product, software=software, name=name
    )  # fmt: skip
    raise typer.Exit(exit_code)


def _one_of(option: str, value: str, words: Iterable[str]) -> None:
    if value not in words:
        raise typer.BadParameter(f"it is {' or '.join(words)}", param_hint=option)


def _load(paths: list[Path]) -> list[Scenario]:
    from endpoint.wire.xapi.nodes import nodes
    from scenarios.runner.loader import load_all
    from scenarios.runner.problems import ScenarioError

    try:
        return load_all(paths, table=nodes())
    except ScenarioError as error:
        raise refused("\n".join(map(str, error.problems))) from None


def run_app(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; a defect of ours shows a traceback and exits with 3."""
    try:
        result = app(arguments, prog_name="roomsim", standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.OK
    except (typer.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except TyperException as error:
        _complain(error)
        return Exit.USAGE
    except (BrokenPipeError, SystemExit):  # typer leaves with the latter when somebody has closed the pipe
        return Exit.OK
    except Exception:
        import traceback

        traceback.print_exc()
        print(
            "This is a defect of roomsim. Please report it with the command line and the lines above.", file=sys.stderr
        )
        return Exit.INTERNAL


def _complain(error: TyperException) -> None:
    """Print a wrong use in one line; a command group without a command prints its help."""
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if "\n" in text:
        print(text, file=sys.stderr)
    else:
        command = context.command_path if context is not None else "roomsim"
        print(f"{command}: {text} (see {command} --help)", file=sys.stderr)
