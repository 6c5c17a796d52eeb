"""The how-to pages on clients, followed by the letter: what they show is what comes.

A block of commands that is followed by a block of output has to print exactly that; `...` in a line stands for anything.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from running_device import HERE, ROOT, VENV, Running, free_port, needs, needs_npm, needs_python, run, running_device

pytestmark = pytest.mark.client

WORKSPACE = "Room 1"
FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"[Ww]rite `(?P<name>[\w.-]+)`:\s+```\w+\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
MARK = "--- next block ---"
PRELUDE = "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
SERVED = {
    "python3 receiver.py\n": "python3 receiver.py > received &\nuntil curl -s -d '{}' 127.0.0.1:8090; do sleep 0.05; done\n"
}
"""What runs beside the rest of a page, in place of a terminal of its own."""


class Block(NamedTuple):
    """Commands of a page, and what they print; None where the page does not say."""

    commands: str
    shown: str | None


def blocks(text: str) -> list[Block]:
    """Return the commands of a page in their order."""
    found: list[Block] = []
    fences = list(FENCE.finditer(text))
    for fence, after in zip(fences, [*fences[1:], None], strict=True):
        if fence["language"] != "sh":
            continue
        follows = after is not None and not text[fence.end() : after.start()].strip() and after["language"] != "sh"
        found.append(Block(dedented(fence["text"]), dedented(after["text"]) if after is not None and follows else None))
    return found


def dedented(text: str) -> str:
    lines = text.splitlines()
    by = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "".join(f"{line[by:].rstrip()}\n" for line in lines)


def fits(shown: str, printed: str) -> bool:
    """Compare output with a page, where `...` stands for anything."""
    pattern = re.escape("\n".join(line.rstrip() for line in shown.strip().splitlines())).replace(r"\.\.\.", ".*")
    return (
        re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip().splitlines()), re.DOTALL) is not None
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    needs("bash")
    with running_device(tmp_path, http=False, workspace=WORKSPACE, name="room1") as pair:
        yield pair


def written(page: str, folder: Path, port: str = "8090") -> str:
    """Return a page, and write the files that it tells one to write."""
    text = (ROOT / "docs/how-to" / page).read_text(encoding="utf-8")
    for file in FILE.finditer(text):
        (folder / file["name"]).write_text(dedented(file["text"]).replace("8090", port))
    return text


def follow(running: Running, page: str, folder: Path, skipping: Sequence[str] = ()) -> None:
    """Do what a page says, in a folder with both ready files. The port that it serves on is another, and its receiver runs beside."""
    port = str(free_port())
    text = written(page, folder, port)
    steps = [block for block in blocks(text) if not any(word in block.commands for word in skipping)]
    script = PRELUDE + f"echo '{MARK}'\n".join(SERVED.get(block.commands, block.commands) for block in steps)
    environment = running.environment | ssh_settings(running, folder)
    done = run(["bash", "-c", f"exec 2>&1\n{script.replace('8090', port)}"], environment, cwd=folder)
    assert done.returncode == 0, done.stdout
    printed = done.stdout.split(f"{MARK}\n")
    assert len(printed) == len(steps)
    for block, out in zip(steps, printed, strict=True):
        assert block.shown is None or fits(block.shown, out.replace(port, "8090")), f"$ {block.commands}{out}"


def ssh_settings(running: Running, folder: Path) -> dict[str, str]:
    """Let `ssh` find the passphrase by itself, and keep this machine's settings out of it."""
    asker, program = folder / "askpass", folder / "bin" / "ssh"
    asker.write_text(f"#!/bin/sh\necho '{running.ready['password']}'\n")
    program.parent.mkdir()
    real = shutil.which("ssh") or "ssh"
    options = f"-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile='{folder}/hosts' -o LogLevel=ERROR"
    program.write_text(f'#!/bin/sh\nexec {real} {options} "$@"\n')
    for file in (asker, program):
        file.chmod(0o700)
    path = f"{program.parent}:{running.environment['PATH']}"
    return {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force", "PATH": path}


def test_use_curl(running: Running, tmp_path: Path) -> None:
    needs("curl")
    follow(running, "use-curl.md", tmp_path)


def test_use_ssh(running: Running, tmp_path: Path) -> None:
    needs("ssh", "ssh-keygen")
    follow(running, "use-ssh.md", tmp_path)


def test_use_jsxapi(running: Running, tmp_path: Path) -> None:
    needs("curl")
    package = needs_npm(HERE / "jsxapi", "jsxapi")
    (tmp_path / "node_modules").symlink_to(package.parent)
    follow(running, "use-jsxapi.md", tmp_path, skipping=["npm install"])


def test_use_rest_xapi(running: Running, tmp_path: Path) -> None:
    needs("curl")
    needs_python("wxc_sdk")
    (tmp_path / "sdk").symlink_to(VENV)
    follow(running, "use-rest-xapi.md", tmp_path, skipping=["pip install"])


def test_import_a_schema(tmp_path: Path) -> None:
    needs("bash", "ssh")
    page = "import-a-schema.md"
    text = written(page, tmp_path)
    schema = ("--schema", tmp_path / "my-schema.json")
    with running_device(tmp_path, *schema, http=False, workspace=WORKSPACE, name="room1") as running:
        assert running.device.output.splitlines()[0] in text
        follow(running, page, tmp_path, skipping=["roomsim endpoint run"])
