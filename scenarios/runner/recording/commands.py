"""The commands `roomsim record` and `roomsim replay`. Options and exit codes are a contract: design.md section 6."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scenarios.runner.exits import Exit, refused

if TYPE_CHECKING:
    from scenarios.runner.recording.model import Recording
    from scenarios.runner.recording.rules import Rules

recording_app = typer.Typer()
LASTS: Final = "1m"
KEYLOG_WARNING: Final = (
    "warning: {file} opens every TLS session of this run to whoever has the packets; delete it afterwards"
)


@recording_app.command(
    short_help="Record a run: trace, HAR file, scenario skeleton.",
    epilog="Example: roomsim record out/day --for 2h; "
    "roomsim record out --cloud https://127.0.0.1:8443 --ca ca.pem --code 4353450012345678",
)
def record(
    folder: Annotated[
        Path,
        typer.Argument(help="Where the recording goes: a directory that is empty, or not there yet.", metavar="DIR"),
    ],
    scenario: Annotated[
        Path | None, typer.Option(help="Play this scenario and record its devices.", metavar="FILE")
    ] = None,
    cloud: Annotated[
        str | None,
        typer.Option(help="Record a device of ours with the cloud at this base URL, in real time.", metavar="URL"),
    ] = None,
    code: Annotated[str | None, typer.Option(help="Activation code, with --cloud: 16 digits.")] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Root certificate(s) that the device believes, PEM.", metavar="FILE")
    ] = None,
    lasts: Annotated[
        str | None,
        typer.Option("--for", help="How long to stay after the activation; 1m without it.", metavar="DURATION"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of what is drawn; without it the scenario's own, else 0. Not with --cloud.", min=0),
    ] = None,
    mode: Annotated[str | None, typer.Option(help="With --scenario: virtual (without it) or wire.")] = None,
    keylog: Annotated[
        Path | None,
        typer.Option(
            help="Write the TLS keys of the device's connections for Wireshark; real sockets only.", metavar="FILE"
        ),
    ] = None,
    raw: Annotated[
        Path | None,
        typer.Option(
            help="Keep the bytes of the device's connections on this machine here, secrets and all.", metavar="DIR"
        ),
    ] = None,
) -> None:
    """Record a run as trace, HAR 1.2 with websocket messages, and the skeleton of a scenario.

    Without --scenario and --cloud a device is activated at a stub of our own and stays for a while of virtual time. Exits with 1 when the
    device was refused, or the scenario failed.
    """
    asked = _Asked(folder, scenario, cloud, code, ca, lasts, seed, mode, keylog, raw)
    asked.check()
    if scenario is not None:
        from scenarios.runner.commands import run

        run([scenario], record=folder, mode=asked.mode or "virtual", seed=seed, raw=raw)
    from scenarios.runner.recording.write import SecretsFound

    try:
        asked.record()
    except SecretsFound as error:
        raise refused(str(error), Exit.INTERNAL) from None
    except OSError as error:
        if error.filename is None:
            raise
        raise refused(f"{error.filename}: cannot be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What `roomsim record` is asked for; what was not given is None."""

    folder: Path
    scenario: Path | None
    cloud: str | None
    code: str | None
    ca: Path | None
    lasts: str | None
    seed: int | None
    mode: str | None
    keylog: Path | None
    raw: Path | None

    def check(self) -> None:
        """Refuse what does not go together, before anything is run."""
        if self.cloud is not None and (self.code is None or self.scenario is not None):
            raise refused("--cloud needs --code, the code that the cloud has given out, and takes no --scenario")
        if self.code is not None and self.cloud is None:
            raise refused(
                "--code is of somebody's cloud: say which with --cloud URL; a stub of our own makes its own codes"
            )
        idle = {
            "--ca goes with --cloud": self.ca is not None and self.cloud is None,
            "--seed: what happens with --cloud is drawn by nobody here": self.seed is not None
            and self.cloud is not None,
            "--mode goes with --scenario": self.mode is not None and self.scenario is None,
            "--for: a scenario lasts as long as it lasts": self.lasts is not None and self.scenario is not None,
        }
        for told, is_idle in idle.items():
            if is_idle:
                raise refused(f"{told}; leave it out")
        if self.keylog is not None and self.cloud is None and self.mode != "wire":
            raise refused("--keylog: a virtual run has no packets; use --cloud, or --scenario with --mode wire")
        if self.raw is not None and self.cloud is not None and not _is_here(self.cloud):
            raise refused(
                f"--raw: {self.cloud} is not on this machine, and what others say is not kept in clear; use --keylog and a capture"
            )
        self._check_folder()
        if self.keylog is not None:
            _log_keys(self.keylog)
        if self.raw is not None and self.scenario is None:
            from scenarios.runner.recording.raw import WARNING

            print(WARNING.format(folder=self.raw), file=sys.stderr)

    def _check_folder(self) -> None:
        from scenarios.runner.recording.write import FolderTaken, check_apart, check_folder

        try:
            check_folder(self.folder)
            if self.raw is not None:
                check_folder(self.raw)
                check_apart(self.folder, self.raw)
        except FolderTaken as error:
            raise refused(str(error)) from None

    def record(self) -> None:
        """Record a device that does nothing but live; errors as in `live`."""
        from scenarios.runner.recording import live
        from scenarios.runner.values import read_duration

        try:
            lasts_s = read_duration(self.lasts or LASTS)
        except ValueError as error:
            raise refused(f"--for: {error}") from None
        if self.cloud is None:
            told = live.record_stub(self.folder, lasts_s=lasts_s, seed=self.seed or 0, raw=self.raw)
        else:
            from scenarios.runner.device_process import check_url
            from scenarios.runner.serving import read_anchors

            check_url(self.cloud)
            anchors = read_anchors(self.ca, "--ca")
            told = live.record_cloud(
                self.folder, self.cloud, anchors, code=self.code or "", lasts_s=lasts_s, raw=self.raw
            )
        print("\n".join(filter(None, (str(told.written), told.kept))))
        if told.refusal:
            raise refused(f"the device got no account: {told.refusal}", Exit.NO)


def _is_here(url: str) -> bool:
    """Say whether a base URL leads to this machine."""
    from urllib.parse import urlsplit

    from endpoint.runtime.net import is_loopback

    host = urlsplit(url).hostname or ""
    return host == "localhost" or is_loopback(host)


def _log_keys(keylog: Path) -> None:
    from endpoint.runtime.tls import log_keys

    try:
        log_keys(keylog)
    except OSError as error:
        raise refused(f"--keylog: {keylog} cannot be written: {error.strerror}") from None
    print(KEYLOG_WARNING.format(file=keylog))


@recording_app.command(
    short_help="Play a recording back, to a device or to a cloud.",
    epilog="Example: roomsim replay out/day; roomsim replay out/day --serve --ready-file replay.json; "
    "roomsim replay out/day --against stub",
)
def replay(
    recording: Annotated[
        Path | None, typer.Argument(help="A directory that was recorded, or a HAR file.", metavar="[REC]")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the recorded cloud to any device, in real time.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            help="Play the recorded device to this cloud and compare its answers; stub is one of our own.",
            metavar="URL|stub",
        ),
    ] = None,
    har: Annotated[
        Path | None,
        typer.Option("--import", help="Tell what of a HAR file made elsewhere can be used.", metavar="FILE"),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict/--lenient", help="Answer each recorded request once, and only if all of it is as recorded."
        ),
    ] = False,
    code: Annotated[str, typer.Option(help="Activation code of this replay; drawn without it.")] = "",
    ca: Annotated[
        Path | None, typer.Option(help="Root certificate(s) of the cloud of --against, PEM.", metavar="FILE")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="A rule, a member or a place (body.items.*.etag) that is not compared.", metavar="NAME"),
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(help="A rule that shall not hold; see --rules.", metavar="RULE")
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Print what is not compared, and stop.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of what is drawn anew, in virtual time.", min=0)] = None,
    https: Annotated[str, typer.Option(help="With --serve: door for https.", metavar="HOST:PORT")] = "127.0.0.1:0",
    http: Annotated[str, typer.Option(help="With --serve: door for plain http, or off.", metavar="HOST:PORT")] = "off",
    ready_file: Annotated[
        Path | None, typer.Option(help="With --serve: written when the doors are open.", metavar="FILE")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Print the device log of a replay to a device of ours.")] = False,
) -> None:
    """Play a recording back: to a device of ours (virtual time), to any device (--serve), or to a cloud under test (--against).

    Exits with 1 when the device did not come online or asked for something else than was recorded, and when answers differ.
    """
    from scenarios.runner.recording import judge

    held = _rules(ignore or [], compare or [])
    if rules:
        print("\n".join(held.lines()))
        return
    _check_side(serve, against, har, recording, ca)
    if har is not None:
        raise typer.Exit(judge.import_har(har))
    if recording is None:
        raise refused("name a recording: the directory that was recorded, or a HAR file")
    found = judge.load(recording)
    if against is not None:
        raise typer.Exit(judge.against(found, against, held, ca, code, seed))
    if serve:
        raise typer.Exit(_serve(found, held, strict, code, https, http, ready_file))
    raise typer.Exit(judge.to_device(found, held, is_strict=strict, seed=seed, code=code, prints_log=log))


def _check_side(serve: bool, against: str | None, har: Path | None, recording: Path | None, ca: Path | None) -> None:
    """Refuse to play to two sides at once."""
    sides = {"--serve": serve, "--against": against is not None, "--import": har is not None}
    asked = [option for option, is_asked in sides.items() if is_asked]
    if len(asked) > 1:
        raise refused(f"{' and '.join(asked)} are played one at a time; leave out all but one")
    if har is not None and recording is not None:
        raise refused("--import names the file that is read; leave out the recording")
    if ca is not None and against in (None, "stub"):
        raise refused("--ca is of the cloud of --against URL; leave it out")


def _serve(
    found: Recording, rules: Rules, strict: bool, code: str, https: str, http: str, ready_file: Path | None
) -> int:
    from scenarios.runner.recording.judge import check_code
    from scenarios.runner.recording.replaying import ReplayProcess
    from scenarios.runner.serving import address

    check_code(code)
    at = address(https, "--https")
    if at is None:
        raise refused("--https: the door of a replay cannot be off")
    return ReplayProcess(found, rules, strict, code, at, address(http, "--http"), ready_file).serve()


def _rules(ignore: list[str], compare: list[str]) -> Rules:
    from scenarios.runner.recording.rules import Rules

    try:
        return Rules.of(ignore, compare)
    except ValueError as error:
        raise refused(f"--compare: {error}") from None
