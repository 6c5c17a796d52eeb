"""What the command `replay` does with a recording, told on the terminal with an exit code."""

from __future__ import annotations

import sys
from pathlib import Path

from endpoint.wire.activation.code import MalformedCode, parse_code
from scenarios.runner.exits import Exit, refused
from scenarios.runner.recording.har import to_har
from scenarios.runner.recording.har_read import HarError, read_har
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.play import har_file, play
from scenarios.runner.recording.remade import can_activate
from scenarios.runner.recording.rules import Rules
from scenarios.runner.recording.secretcheck import find_secrets

MISSES_SHOWN = 20


def load(path: Path) -> Recording:
    """Read a recording that holds no secrets, or refuse."""
    try:
        recording, _ = read_har(har_file(path))
    except HarError as error:
        raise refused(str(error)) from None
    except OSError as error:
        raise refused(f"{har_file(path)} cannot be read: {error.strerror}") from None
    findings = find_secrets(to_har(recording, ""))
    if findings:
        rows = "\n".join(f"  {finding}" for finding in findings[:MISSES_SHOWN])
        raise refused(f"{path} holds what looks secret; put <kind#1> in its place (see --import)\n{rows}")
    return recording


def import_har(file: Path) -> int:
    """Tell what of a HAR file can be used, and what not; return the exit code."""
    try:
        recording, account = read_har(file)
    except HarError as error:
        raise refused(str(error)) from None
    except OSError as error:
        raise refused(f"{file} cannot be read: {error.strerror}") from None
    print("\n".join(account.lines()))
    findings = find_secrets(to_har(recording, ""))
    for finding in findings[:MISSES_SHOWN]:
        print(f"refused: {finding}", file=sys.stderr)
    if findings:
        more = f" and {len(findings) - MISSES_SHOWN} more" if len(findings) > MISSES_SHOWN else ""
        print(
            f"{len(findings[:MISSES_SHOWN])} place(s){more} look secret; put <kind#1> there, the same number for the same value",
            file=sys.stderr,
        )
        return Exit.USAGE
    why = can_activate(recording)
    print(f"an activation cannot be played: {why}" if why else "an activation can be played")
    return Exit.OK if recording.exchanges or recording.sockets else Exit.NOTHING


def to_device(
    recording: Recording, rules: Rules, *, is_strict: bool, seed: int | None, code: str, prints_log: bool
) -> int:
    """Play a recorded cloud to a device of ours, and tell what came of it."""
    check_code(code)
    why = can_activate(recording)
    if why:
        raise refused(f"a device of ours cannot be activated with this recording: {why}")
    played = play(recording, rules=rules, is_strict=is_strict, seed=seed, code=code)
    if prints_log:
        print("\n".join(played.log))
    for rows in played.near_misses[:MISSES_SHOWN]:
        print("\n".join(rows))
    for note in played.notes:
        print(f"note: {note}")
    for missed in played.missed:
        print(f"not done again: {missed}")
    for problem in played.problems:
        print(f"problem: {problem}")
    meetings = ", ".join(map(str, played.status.get("Bookings", []))) or "none"
    state = played.status.get("Webex Status", "not reached")
    print(
        f"{played.requests} requests, {played.unmatched} not in the recording, {played.left} recorded ones not asked for"
    )
    connected = f"; calls connected: {played.status['Calls']}" if played.status.get("Calls") else ""
    print(f"device: Webex Status {state}; bookings: {meetings}{connected}")
    return Exit.OK if played.is_good or (played.is_online and not is_strict) else Exit.NO


def against(recording: Recording, target: str, rules: Rules, ca: Path | None, code: str, seed: int | None) -> int:
    """Play a recorded device to a cloud under test, and print the differences."""
    from scenarios.runner.device_process import check_url
    from scenarios.runner.recording.against_clouds import against_stub, against_url
    from scenarios.runner.serving import read_anchors

    if target == "stub":
        outcome = against_stub(recording, rules, seed)
    else:
        check_url(target)
        check_code(code)
        outcome = against_url(recording, rules, target, read_anchors(ca, "--ca"), parse_code(code) if code else None)
    print("\n".join(outcome.lines()))
    if not outcome.compared:
        return Exit.NOTHING
    return Exit.NO if outcome.differences else Exit.OK


def check_code(code: str) -> None:
    """Refuse what is no code."""
    try:
        if code:
            parse_code(code)
    except MalformedCode as error:
        raise refused(f"--code: {error}") from None
