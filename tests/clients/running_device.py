"""A cloud and a device of it, as processes of their own with every door open, for clients that are not ours."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.command_line import CloudProcess, Process, eventually

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VENV = Path(os.environ.get("ROOMSIM_CLIENTS_VENV", ROOT / ".venv-clients"))
RUN_S = 120
INSTALL = "run `make test-clients`"
WORKSPACE = "Huddle 1"


@dataclass(frozen=True)
class Running:
    """A device that is online, and its cloud; `ready` is what the device's ready file says."""

    cloud: CloudProcess
    device: Process
    file: Path

    @property
    def ready(self) -> dict[str, Any]:
        """The device's ready file as it is now."""
        return json.loads(self.file.read_text())  # type: ignore[no-any-return]  # one object

    @property
    def environment(self) -> dict[str, str]:
        """Where a client finds both ready files; nothing that would lead it elsewhere."""
        led = ("_PROXY", "_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS")
        kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(led)}
        return {**kept, "DEVICE": str(self.file), "CLOUD": str(self.cloud.file)}


@contextmanager
def running_device(
    folder: Path, *arguments: object, http: bool = True, workspace: str = WORKSPACE, name: str = "device"
) -> Iterator[Running]:
    """Run both until the device is online; at the end both have to end by themselves, and without a defect.

    Args:
        arguments: for `roomsim endpoint run`.
        http: open the doors for http and ws as well, which a device warns of.
        name: of the device's ready file.
    """
    with CloudProcess(folder) as cloud:
        code = cloud.new_code(workspace)
        options = ["--code", code, "--ready-file", folder / f"{name}.json", *arguments]
        options += ["--http", "127.0.0.1:0"] if http else []
        with cloud.device(folder, *options, log=False) as device:
            device.until("activated")
            running = Running(cloud, device, folder / f"{name}.json")
            eventually(lambda: "device_id" in running.ready, True)
            eventually(lambda: cloud.status(workspace), ["connected_with_issues" if http else "connected"])
            yield running
            assert device.end() == 0, device.output
            assert "Traceback" not in device.output, device.output
        assert cloud.end() == 0, cloud.output
        assert "Traceback" not in cloud.output, cloud.output


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def needs(*programs: str) -> None:
    """Skip, loudly, unless all programs are installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {', '.join(missing)} not installed: {INSTALL}, or `make ci-deps` as root")


def needs_python(package: str) -> Path:
    """Return the Python that has a client package; skip, loudly, where there is none."""
    python = VENV / "bin" / "python"
    if not any(VENV.glob(f"lib/python3*/site-packages/{package}")):
        pytest.skip(f"NOT TESTED: the Python package {package} is not installed in {VENV}: {INSTALL}")
    return python


def needs_npm(folder: Path, package: str) -> Path:
    """Return where a package is; skip, loudly, where it is not."""
    needs("node")
    found = folder / "node_modules" / package
    if not found.is_dir():
        pytest.skip(f"NOT TESTED: {package} is not installed: {INSTALL}, or `npm ci --ignore-scripts` in {folder}")
    return found


def run(command: Sequence[object], environment: Mapping[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a client to its end."""
    words = [str(word) for word in command]
    settings = {"capture_output": True, "text": True, "timeout": RUN_S, **options}
    return subprocess.run(words, env=dict(environment), check=False, **settings)


def steps_of(done: subprocess.CompletedProcess[str], *, exit_code: int = 0) -> list[str]:
    """Return the names of the steps that a client took, all of which have to be good, as has its exit code."""
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"step"')]
    failed = [line for line in lines if not line["ok"]]
    assert not failed, json.dumps(failed, indent=2) + done.stderr[-2000:]
    assert done.returncode == exit_code, done.stdout + done.stderr
    return [line["step"] for line in lines]
