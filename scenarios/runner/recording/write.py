"""Writing a recording: a directory with the trace, the HAR file and the skeleton of a scenario.

Nothing is kept that looks like a secret: it is written aside, looked at, and only then moved to its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from endpoint.runtime.trace import Event
from scenarios.runner.recording.har import to_har
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.secretcheck import Finding, find_secrets
from scenarios.runner.recording.skeleton import skeleton
from scenarios.runner.wholefile import is_free, write_whole

TRACE: Final = "trace.jsonl"
SESSION: Final = "session.har"
SKELETON: Final = "skeleton.yaml"
FINDINGS_SHOWN: Final = 20


class SecretsFound(Exception):
    """What was about to be written holds secrets; nothing was kept."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        shown = "\n".join(f"  {finding}" for finding in findings[:FINDINGS_SHOWN])
        super().__init__(f"nothing was recorded: what would have been written looks secret\n{shown}")


class FolderTaken(Exception):
    """A directory is not for a recording: it holds something, or is none; the text says what would be right."""


def check_folder(folder: Path) -> None:
    """Look, before anything is run, whether a recording can go into a directory.

    Raises:
        FolderTaken: it holds something already, or it is none.
    """
    try:
        free = is_free(folder)
    except OSError as error:
        raise FolderTaken(f"{folder}: {error.strerror}; name a directory that is empty, or not there yet") from None
    if not free:
        raise FolderTaken(f"{folder} is not empty; name another directory, or take away what is in it")


def check_apart(recording: Path | None, raw: Path | None) -> None:
    """Look whether the bytes of a run go elsewhere than its recording, which may be given away.

    Raises:
        FolderTaken: they would be in it.
    """
    if recording is not None and raw is not None and raw.resolve().is_relative_to(recording.resolve()):
        raise FolderTaken(f"{raw} is inside the recording, and holds secrets; name a directory outside of it")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the directory, and how much there is."""

    folder: Path
    exchanges: int
    sockets: int
    messages: int
    steps: int
    dropped: int

    def __str__(self) -> str:
        more = f", {self.dropped} dropped (a bound was hit)" if self.dropped else ""
        return (
            f"recorded {self.folder}: {self.exchanges} requests, {self.sockets} websocket(s) with {self.messages} messages, "
            f"a skeleton of {self.steps} steps{more}"
        )


def write_recording(
    folder: Path, header: str, events: Iterable[Event], recording: Recording, known: frozenset[str], lasted_us: int = 0
) -> Written:
    """Write a recording into a directory, which is made if it is not there.

    Args:
        header: first line of the trace.
        known: secrets that were met.
        lasted_us: how long it lasted, where no steps say it.

    Raises:
        SecretsFound: something secret-shaped is left; nothing is kept.
        OSError: it cannot be written.
    """
    events = list(events)
    har = to_har(recording, version("roomsim"))
    story = skeleton(header, events, recording, lasted_us)
    lines = [json.loads(event.as_json()) for event in events]
    findings = find_secrets(har, known, SESSION) + find_secrets(lines, known, TRACE)
    findings += find_secrets({"text": story.text}, known, SKELETON)
    if findings:
        raise SecretsFound(findings)
    folder.mkdir(parents=True, exist_ok=True)
    trace = header + "\n" + "".join(event.as_json() + "\n" for event in events)
    write_whole({folder / TRACE: trace, folder / SESSION: har_text(har), folder / SKELETON: story.text})
    messages = sum(len(socket.messages) for socket in recording.sockets)
    return Written(folder, len(recording.exchanges), len(recording.sockets), messages, story.steps, recording.dropped)


def har_text(har: dict[str, Any]) -> str:
    """Print a HAR file, one entry a line: it can be read, compared and searched."""
    log = dict(har["log"])
    entries = log.pop("entries")
    head = json.dumps(log, ensure_ascii=False, indent=1)[:-2]
    rows = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f'{{"log": {head},\n "entries": [\n{rows}\n ]\n}}}}\n'
