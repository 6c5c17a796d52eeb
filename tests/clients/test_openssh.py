"""OpenSSH's client, by hand and in scripts. Source: protocol/xapi.md 4, 14 item 7.

By hand means a terminal of our own (pty) that the real `ssh` runs in, and what a person types and sees.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from running_device import Running, needs, run, running_device

from endpoint.runtime.clock import real_seconds

pytestmark = pytest.mark.client

PATIENCE_S = 60.0
GREETING = (
    "Welcome to 127.0.0.1\nCisco Codec Release RoomOS 26.4.1.12 67c6e508983\nSW Release Date: 2026-04-02\n"
    "*r Login successful\nOK\n\n"
)
VOLUME = "*s Audio Volume: 50\n** end\n\nOK\n\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs("ssh", "ssh-keygen")
    with running_device(tmp_path_factory.mktemp("openssh")) as pair:
        yield pair


@pytest.fixture
def environment(running: Running, tmp_path: Path) -> dict[str, str]:
    """Let ssh ask a script for the passphrase, as it does on a desktop, and know no agent."""
    asker = tmp_path / "askpass"
    asker.write_text(f"#!/bin/sh\necho \"$1\" >> '{tmp_path}/asked'\necho '{running.ready['password']}'\n")
    asker.chmod(0o700)
    kept = {name: value for name, value in running.environment.items() if name not in ("SSH_AUTH_SOCK", "SSH_ASKPASS")}
    return {**kept, "SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force", "TERM": "xterm"}


def ssh(running: Running, folder: Path, *options: str, user: str = "admin") -> list[str]:
    """Return the command: no configuration of this machine, and a list of known hosts of its own."""
    host, port = running.ready["ssh"].split(":")
    own = {"StrictHostKeyChecking": "accept-new", "UserKnownHostsFile": str(folder / "hosts"), "LogLevel": "ERROR"}
    settings = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", *settings, "-o", "ConnectTimeout=20", "-p", port, *options, f"{user}@{host}"]


# scripts: no terminal, so lines end with LF


def test_one_command(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    done = run([*ssh(running, tmp_path), "xStatus Audio Volume"], environment)
    assert (done.stdout, done.stderr, done.returncode) == (VOLUME, "", 0)
    assert (tmp_path / "asked").read_text() == "(admin@127.0.0.1) Password: \n"


ILLEGAL = '*c xConfiguration Audio DefaultVolume (error=True): "Illegal value"'
WRONG = "*s Status (status=Error):\n*s Status Reason: {}\n*s Status XPath: {}\n** end\n\nERROR\n\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("xStatus Nope", WRONG.format('"No match on address expression"', '"Status/Nope"')),
        ("xCommand Not There", WRONG.format('"Unknown command"', '"/Not/There"').replace("*s Status", "*r Result")),
        ("xCommand Audio Volume Set Level: 101", "*r VolumeSetResult (status=ParameterError):\n** end\n\nERROR\n\n"),
        ("xCommand Audio Volume Set", "*r VolumeSetResult (status=ParameterError):\n** end\n\nERROR\n\n"),
        ("xConfiguration Audio DefaultVolume: 101", f"{ILLEGAL}\n** end\n\nERROR\n\n"),
        ("nonsense", "Command not recognized.\n\n"),
    ],
)
def test_what_goes_wrong_is_said_and_shows_in_the_exit_status(
    running: Running, environment: Mapping[str, str], tmp_path: Path, line: str, answer: str
) -> None:
    done = run([*ssh(running, tmp_path), line], environment)
    assert done.returncode == 1, done.stdout
    assert done.stdout == answer


def test_lines_of_a_pipe(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    lines = 'echo off\nxStatus Audio Volume\nxConfiguration SystemUnit Name | resultId="7"\nbye\nxStatus Audio Volume\n'
    done = run(ssh(running, tmp_path, "-T"), environment, input=lines)
    assert done.stdout == (
        f'{GREETING}echo off\n\nOK\n\n{VOLUME}*c xConfiguration SystemUnit Name: ""\n** resultId: "7"\n** end\n\nOK\n\n'
    )
    assert done.returncode == 0


def test_a_shell_by_its_name(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    done = run([*ssh(running, tmp_path), "/bin/tsh"], environment, input="xStatus Audio Volume\n")
    assert done.stdout == f"{GREETING}xStatus Audio Volume\n{VOLUME}"
    assert done.returncode == 0


def test_a_body_of_several_lines(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    panel = "<Extensions>\n<Panel><PanelId>p1</PanelId><Name>æøå</Name></Panel>\n</Extensions>"
    save = "xCommand UserInterface Extensions Panel Save PanelId: p1"
    saved = "OK\n\n*r PanelSaveResult (status=OK):\n** end\n"
    counted = f"{save}\n{panel}\n".encode()
    for text in (f"{save}\n{panel}\n.\n", f"{{{len(counted)}}} \n{counted.decode()}"):
        done = run([*ssh(running, tmp_path), "tsh"], environment, input=f"echo off\n{text}xStatus Audio Volume\n")
        assert done.stdout.removeprefix(f"{GREETING}echo off\n\nOK\n\n").strip() == f"{saved}\n{VOLUME}".strip()
    command = "xCommand UserInterface Extensions Panel Remove PanelId: p1"
    assert run([*ssh(running, tmp_path), command], environment).returncode == 0


def test_a_wrong_passphrase(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    asker = Path(environment["SSH_ASKPASS"])
    asker.write_text("#!/bin/sh\necho wrong\n")
    command = [*ssh(running, tmp_path, "-o", "NumberOfPasswordPrompts=1"), "xStatus"]
    done = run(command, environment)
    assert (done.stdout, done.returncode) == ("", 255)
    assert "admin@127.0.0.1: Permission denied (publickey,keyboard-interactive,password)." in done.stderr


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_either_method_alone(running: Running, environment: Mapping[str, str], tmp_path: Path, method: str) -> None:
    done = run(
        [*ssh(running, tmp_path, "-o", f"PreferredAuthentications={method}"), "xStatus Audio Volume"], environment
    )
    assert (done.stdout, done.returncode) == (VOLUME, 0)


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa", "rsa"])
def test_a_key(running: Running, environment: Mapping[str, str], tmp_path: Path, algorithm: str) -> None:
    key = tmp_path / "key"
    run(["ssh-keygen", "-q", "-t", algorithm, "-N", "", "-C", "mine", "-f", key], environment)
    public = Path(f"{key}.pub").read_text().strip()
    with_key = ("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", str(key))
    assert run([*ssh(running, tmp_path, *with_key), "xStatus Audio Volume"], environment).returncode == 255
    users = "xCommand UserManagement User SSHKey"
    added = run([*ssh(running, tmp_path), f'{users} Add Username: admin PublicKey: "{public}"'], environment)
    assert "*r SSHKeyAddResult (status=OK):" in added.stdout, added.stdout
    done = run([*ssh(running, tmp_path, *with_key), "xStatus Audio Volume"], environment)
    assert (done.stdout, done.stderr, done.returncode) == (VOLUME, "", 0)
    printed = run(["ssh-keygen", "-l", "-f", f"{key}.pub"], environment).stdout.split()[1]
    assert printed in run([*ssh(running, tmp_path), f"{users} List Username: admin"], environment).stdout
    run([*ssh(running, tmp_path), f"{users} DeleteAll Username: admin"], environment)
    assert run([*ssh(running, tmp_path, *with_key), "xStatus Audio Volume"], environment).returncode == 255


def test_no_files_no_tunnels(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    done = run([*ssh(running, tmp_path, "-s"), "sftp"], environment, input="")
    assert done.returncode != 0
    done = run([*ssh(running, tmp_path, "-W", "127.0.0.1:9")], environment, input="")
    assert done.returncode != 0


# by hand: a terminal, so lines end with CR LF


class Terminal:
    """A person at a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.seen = ""

    def until(self, text: str) -> str:
        """Read until something is there, and forget it with what came before."""
        gives_up_s = real_seconds() + PATIENCE_S
        while text not in self.seen:
            patience_s = gives_up_s - real_seconds()
            assert self._read(max(0.0, patience_s)), f"no {text!r} in {self.seen!r}"
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def _read(self, patience_s: float) -> bool:
        if not select.select([self._descriptor], [], [], patience_s)[0]:
            return False
        try:
            part = os.read(self._descriptor, 65536)
        except OSError:  # the other side has hung up
            return False
        self.seen += part.decode()
        return bool(part)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._descriptor, text.encode())

    def rest(self) -> str:
        """Read to the end."""
        while self._read(PATIENCE_S):
            pass
        return self.seen


@contextmanager
def at_a_terminal(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """Run a command in a terminal; the passphrase is asked for there."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in environment.items() if not name.startswith("SSH_ASKPASS")}
    owning = ["setsid", "--ctty", "--wait", *command]  # ssh asks on /dev/tty, so it needs one
    process = subprocess.Popen(owning, stdin=theirs, stdout=theirs, stderr=theirs, env=kept)
    os.close(theirs)
    try:
        yield Terminal(ours), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)


def logged_in(terminal: Terminal, running: Running) -> None:
    terminal.until("Password: ")
    terminal.type(running.ready["password"] + "\n")
    assert terminal.until("\r\nOK\r\n\r\n").endswith(GREETING.replace("\n", "\r\n"))


def test_by_hand(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    with at_a_terminal(ssh(running, tmp_path), environment) as (terminal, process):
        logged_in(terminal, running)
        terminal.type("xstatus audio volume\r")
        assert terminal.until("OK\r\n\r\n") == "xstatus audio volume\r\n" + VOLUME.replace("\n", "\r\n")
        terminal.type("xFeedback register Status/Audio/Volume\r")
        terminal.until("OK\r\n\r\n")
        terminal.type("xCommand Audio Volume Set Level: 33\r")
        assert terminal.until("*s Audio Volume: 33\r\n** end\r\n") == (
            "xCommand Audio Volume Set Level: 33\r\nOK\r\n\r\n*r VolumeSetResult (status=OK):\r\n** end\r\n\r\n"
            "*s Audio Volume: 33\r\n** end\r\n"
        )
        terminal.type("xCommand Audio Volume Set Level: 5o\x7f0\r")  # with a typing mistake put right
        assert "Level: 50\r\n" in terminal.until("*s Audio Volume: 50\r\n").replace("o\b \b", "")
        terminal.type("bye\r")
        terminal.rest()
        assert process.wait(PATIENCE_S) == 0


def test_help_by_hand(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    with at_a_terminal(ssh(running, tmp_path), environment) as (terminal, process):
        logged_in(terminal, running)
        terminal.type("?\r")
        assert "xCommand" in terminal.until("OK\r\n")
        terminal.type("xCommand Audio Volume Set ?\r")
        shown = terminal.until("OK\r\n")
        assert "*h xCommand Audio Volume Set\r\n" in shown
        assert "Level(r): <0..100>" in shown
        terminal.type("xConfiguration // DefaultVolume ?\r")
        assert "*? xConfiguration Audio DefaultVolume: <0..100>\r\n" in terminal.until("OK\r\n")
        terminal.type("xConf Audio DefaultV\x03")  # CTRL-C
        terminal.rest()
        assert process.wait(PATIENCE_S) == 0


def test_an_event_and_json_by_hand(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    with at_a_terminal(ssh(running, tmp_path), environment) as (terminal, process):
        logged_in(terminal, running)
        terminal.type("xFeedback Register /Event/UserInterface\r")
        terminal.until("OK\r\n")
        terminal.type('xCommand UserInterface Message Prompt Display Text: "Sure?" Option.1: "Yes" FeedbackId: f1\r')
        terminal.until("** end\r\n")
        terminal.type('xCommand UserInterface Message Prompt Response FeedbackId: "f1" OptionId: 1\r')
        seen = terminal.until("*e UserInterface Message Prompt Response OptionId: 1\r\n** end\r\n")
        assert '*e UserInterface Message Prompt Response FeedbackId: "f1"\r\n' in seen
        terminal.type("xPreferences OutputMode json\r")
        terminal.type('xStatus Audio Volume | resultId="a"\r')
        assert terminal.until("\r\n}\r\n").endswith(
            '\r\n{\r\n  "Status": {\r\n    "Audio": {\r\n      "Volume": {\r\n        "Value": "50"\r\n'
            '      }\r\n    }\r\n  },\r\n  "ResultId": "a"\r\n}\r\n'
        )
        terminal.type("\x04")  # CTRL-D
        terminal.rest()
        assert process.wait(PATIENCE_S) == 0


def test_a_terminal_is_forced_on_a_pipe(running: Running, environment: Mapping[str, str], tmp_path: Path) -> None:
    typed = b"echo off\rxStatus Audio Volume\rbye\r"
    done = run(ssh(running, tmp_path, "-tt"), environment, input=typed, text=False)
    assert done.stdout.decode() == f"{GREETING}echo off\n\nOK\n\n{VOLUME}".replace("\n", "\r\n")
    assert done.returncode == 0
