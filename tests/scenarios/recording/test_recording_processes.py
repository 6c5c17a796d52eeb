"""Recording and replaying over real sockets: processes of ours that know nothing of each other but an address, a root and a code."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from endpoint.runtime.clock import real_seconds
from scenarios.runner.commands import run_app
from tests.scenarios.command_line import ROOMSIM
from tests.scenarios.recording.recordings import har_of

PATIENCE_S = 60.0


class Running:
    """A process, and the lines it has printed."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [*ROOMSIM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []

    def until(self, text: str) -> None:
        """Read on until a line has a text."""
        gives_up_s = real_seconds() + PATIENCE_S
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return
            assert real_seconds() < gives_up_s
        raise AssertionError(f"no {text!r} in:\n{''.join(self.lines)}")

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return exit code and the rest of what was printed."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, rest


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    one = Running(list(arguments))
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def ready(file: Path) -> dict[str, Any]:
    """Return a ready file."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_any_device_is_activated_by_a_recorded_cloud_and_a_wrong_code_is_refused(tmp_path: Path) -> None:
    assert run_app(["record", str(tmp_path / "day")]) == 0
    file = tmp_path / "replay.json"
    with running("replay", str(tmp_path / "day"), "--serve", "--ready-file", str(file)) as cloud:
        cloud.until("serving")
        at = ready(file)
        where = ["endpoint", "run", "--cloud", at["https"], "--ca", at["ca"], "--log"]
        with running(*where, "--code", at["code"]) as device:
            device.until("Wx2WebSocket I: connected")
            device.until("CalliopeDiscovery completed with response from 21 out of 21 servers")
            assert device.end(signal.SIGTERM)[0] == 0
        wrong = at["code"][:8] + f"{(int(at['code'][8:]) + 1) % 10**8:08d}"
        with running(*where, "--code", wrong, "--exit-on-refusal") as device:
            device.until("srp.proof_failed")
        code, told = cloud.end(signal.SIGTERM)
    assert (code, told.splitlines()[-1].endswith("0 of them not in the recording")) == (0, True), told


def test_a_device_is_recorded_with_a_foreign_cloud_until_somebody_ends_it(tmp_path: Path) -> None:
    file, keys, folder = tmp_path / "cloud.json", tmp_path / "keys.log", tmp_path / "live"
    with running("cloud", "serve", "--http", "127.0.0.1:0", "--ready-file", str(file)) as cloud:
        cloud.until("serving")
        at = ready(file)
        asked = Request(
            f"{at['control']}/codes",
            data=b'{"workspace": "Lab"}',
            headers={"Authorization": f"Bearer {at['admin_token']}"},
        )
        with urlopen(asked) as answer:
            code = json.load(answer)["code"]
        given = [
            "record",
            str(folder),
            "--cloud",
            at["https"],
            "--ca",
            at["ca"],
            "--code",
            code,
            "--for",
            "10m",
            "--keylog",
            str(keys),
        ]
        with running(*given) as recorder:
            recorder.until("warning: ")
            recorder.until("activated; recording for 10m")
            ended, told = recorder.end(signal.SIGINT)
        cloud.end(signal.SIGTERM)
    assert (ended, f"recorded {folder}" in told) == (0, True), told
    assert keys.stat().st_mode & 0o777 == 0o600
    assert "TRAFFIC_SECRET" in keys.read_text(encoding="ascii")
    assert code[8:] not in (folder / "session.har").read_text(encoding="utf-8")
    urls = [entry["request"]["url"] for entry in har_of(folder)["log"]["entries"]]
    assert any(url.endswith("/actions/srp/register") for url in urls)
