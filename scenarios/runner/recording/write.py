"""Writing a recording: a directory with the trace, the HAR file and the skeleton of a scenario.

Nothing is kept that looks like a secret: it is written aside, looked at, and only then moved to its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from endpoint.runtime.trace import Event
from scenarios.runner.recording.har import to_har
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.secretcheck import Finding, find_secrets
from scenarios.runner.recording.skeleton import skeleton

TRACE: Final = "trace.jsonl"
SESSION: Final = "session.har"
SKELETON: Final = "skeleton.yaml"


class SecretsFound(Exception):
    """What was about to be written holds secrets; nothing was kept."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(map(str, findings[:3])))


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
    folder: Path, header: str, events: Iterable[Event], recording: Recording, known: frozenset[str]
) -> Written:
    """Write a recording into a directory, which is made if it is not there.

    Args:
        header: first line of the trace.
        known: secrets that were met.

    Raises:
        SecretsFound: something secret-shaped is left; nothing is kept.
        OSError: it cannot be written.
    """
    events = list(events)
    har = to_har(recording, version("roomsim"))
    story = skeleton(header, events, recording)
    lines = [json.loads(event.as_json()) for event in events]
    findings = find_secrets(har, known, SESSION) + find_secrets(lines, known, TRACE)
    findings += find_secrets({"text": story.text}, known, SKELETON)
    if findings:
        raise SecretsFound(findings)
    folder.mkdir(parents=True, exist_ok=True)
    trace = header + "\n" + "".join(event.as_json() + "\n" for event in events)
    _put({folder / TRACE: trace, folder / SESSION: har_text(har), folder / SKELETON: story.text})
    messages = sum(len(socket.messages) for socket in recording.sockets)
    return Written(folder, len(recording.exchanges), len(recording.sockets), messages, story.steps, recording.dropped)


def har_text(har: dict[str, Any]) -> str:
    """Print a HAR file, one entry a line: it can be read, compared and searched."""
    log = dict(har["log"])
    entries = log.pop("entries")
    head = json.dumps(log, ensure_ascii=False, indent=1)[:-2]
    rows = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f'{{"log": {head},\n "entries": [\n{rows}\n ]\n}}}}\n'


def _put(texts: Mapping[Path, str]) -> None:
    """Write files, all or none: a recording is never of two runs."""
    new = {file: file.with_name(file.name + ".new") for file in texts}
    try:
        for file, text in texts.items():
            try:
                new[file].write_text(text, encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(file)) from None  # a full disk names no file
        for file, written in new.items():
            written.replace(file)
    finally:
        for written in new.values():
            with suppress(OSError):
                written.unlink()
