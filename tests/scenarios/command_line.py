"""Calls of the command line by tests: in this process, or as processes of their own."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import pytest

from endpoint.runtime.clock import real_seconds
from scenarios.runner.commands import run_app

ROOMSIM = [sys.executable, "-m", "scenarios.runner.cli"]
PATIENCE_S = 60.0
"""After this long something has gone wrong: nothing here takes more than a few seconds on a machine that does nothing else."""


class Ran:
    """What one call of the command line did."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.code = run_app([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        self.out, self.err = captured.out, captured.err


class Process:
    """A process of ours, and what it has printed so far."""

    def __init__(self, *arguments: object) -> None:
        command = [*ROOMSIM, *(str(argument) for argument in arguments)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = ""
        self.cpu_s = 0.0
        self.exit_code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.exit_code is None:
            self.end(signal.SIGKILL)

    def until(self, pattern: str) -> re.Match[str]:
        """Read on until something has been printed."""
        gives_up_s = real_seconds() + PATIENCE_S
        while (found := re.search(pattern, self.output)) is None:
            assert self._read(gives_up_s - real_seconds()), f"no {pattern!r} in:\n{self.output}"
        return found

    def _read(self, patience_s: float) -> bool:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, patience_s))
        part = os.read(self._process.stdout.fileno(), 65536) if ready else b""
        self.output += part.decode()
        return bool(part)

    def end(self, number: int | None = signal.SIGTERM) -> int:
        """Send a signal, unless it ends by itself, and return the exit code."""
        if number is not None:
            self._process.send_signal(number)
        gives_up_s = real_seconds() + PATIENCE_S
        while self._read(gives_up_s - real_seconds()):
            pass
        _, status, usage = os.wait4(self._process.pid, 0)
        self.exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s = usage.ru_utime + usage.ru_stime
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self.exit_code


class CloudProcess(Process):
    """A cloud that serves, and its ready file."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.file = folder / "cloud.json"
        self.file.unlink(missing_ok=True)
        super().__init__("cloud", "serve", "--ready-file", self.file, *arguments)
        self.until("serving; stop with")
        self.ready: dict[str, str] = json.loads(self.file.read_text())

    def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """Send a request as the administrator."""
        url = path if path.startswith("http") else self.ready["http"] + path
        headers = {"Authorization": f"Bearer {self.ready['admin_token']}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url, data, headers, method=method), timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def new_code(self, name: str) -> str:
        """Create a workspace and return an activation code for it."""
        workspace = self.ask("POST", "/v1/workspaces", {"displayName": name})
        return str(self.ask("POST", "/v1/devices/activationCode", {"workspaceId": workspace["id"]})["code"])

    def status(self, name: str) -> list[str]:
        """Return the connection status of the devices of a workspace."""
        devices = self.ask("GET", "/v1/devices")["items"]
        return [device["connectionStatus"] for device in devices if device["displayName"] == name]

    def device(self, folder: Path, *arguments: object, scheme: str = "https", log: bool = True) -> Process:
        """Start a device of this cloud; its ready file is device.json."""
        trust = ("--ca", self.ready["ca"]) if scheme == "https" else ()
        shown = ("--log",) if log else ()
        return Process(
            "endpoint", "run", "--cloud", self.ready[scheme], *trust, "--ready-file", folder / "device.json", *shown, *arguments
        )  # fmt: skip


def eventually(look: Any, wanted: Any) -> None:
    """Look until something is so."""
    gives_up_s = real_seconds() + PATIENCE_S
    while (found := look()) != wanted:
        assert real_seconds() < gives_up_s, found
        select.select([], [], [], 0.02)


def is_private(file: Path) -> bool:
    """Say whether only its owner may read a file."""
    return file.stat().st_mode & 0o777 == 0o600
