"""npm jsxapi 6.0.0, unmodified, over wss, ws and ssh, and its command line. Source: protocol/xapi.md 3.8, 4.6, 14 item 1."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh
import pytest
from running_device import HERE, RUN_S, Running, needs_npm, run, running_device, steps_of

from tests.scenarios.command_line import CloudProcess, eventually

JSXAPI = HERE / "jsxapi"
NEVER_READY_S = 3.0
"""A client that has its handshake has it in a tenth of this."""

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def jsxapi() -> Path:
    return needs_npm(JSXAPI, "jsxapi")


@pytest.fixture(scope="module")
def running(jsxapi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_device(tmp_path_factory.mktemp("jsxapi")) as pair:
        yield pair


def url_of(running: Running, scheme: str) -> str:
    ready = running.ready
    return {
        "wss": ready["https"].replace("https", "wss"),
        "ws": ready["http"].replace("http", "ws"),
        "ssh": f"ssh://{ready['ssh']}",
    }[scheme]


def with_login(running: Running, url: str) -> str:
    return url.replace("://", f"://{running.ready['username']}:{running.ready['password']}@")


def accept(running: Running, url: str, password: str | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    ready = running.ready
    login = {"USERNAME": ready["username"], "PASSWORD": ready["password"] if password is None else password}
    return run(["node", JSXAPI / "acceptance.js"], {**running.environment, "URL": url, **login}, **options)


@pytest.mark.parametrize("scheme", ["wss", "ws", "ssh"])
def test_acceptance_steps(running: Running, scheme: str) -> None:
    assert len(steps_of(accept(running, url_of(running, scheme)))) == 18


@pytest.mark.parametrize(
    ("scheme", "complaint"),
    [("wss", "Unexpected server response: 403"), ("ssh", "client-authentication")],
)
def test_a_wrong_passphrase_is_an_error_and_no_connection(running: Running, scheme: str, complaint: str) -> None:
    done = accept(running, url_of(running, scheme), password="wrong")
    assert done.returncode == 1
    assert done.stdout.count('"step"') == 1
    assert complaint in done.stdout


# what the handshake needs: without it the same client does not come up, so that the steps above show that it is there


def test_without_the_echo_of_the_subprotocol_the_client_gives_up(running: Running) -> None:
    parts = urlsplit(url_of(running, "ws"))
    assert parts.hostname is not None
    assert parts.port is not None
    with without_line((parts.hostname, parts.port), b"sec-websocket-protocol:") as (host, port):
        done = accept(running, f"ws://{host}:{port}")
    assert done.returncode == 1
    assert "Server sent no subprotocol" in done.stdout


@contextmanager
def without_line(target: tuple[str, int], beginning: bytes) -> Iterator[tuple[str, int]]:
    """Stand between one client and a server, and leave a header out of the server's answer."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def carry() -> None:
            with closing(door.accept()[0]) as client, socket.create_connection(target) as server:
                server.sendall(client.recv(65536))
                head = server.recv(65536).split(b"\r\n")
                client.sendall(b"\r\n".join(line for line in head if not line.lower().startswith(beginning)))
                client.recv(65536)

        thread = threading.Thread(target=carry, daemon=True)
        thread.start()
        yield door.getsockname()[:2]
        thread.join(RUN_S)


@pytest.mark.parametrize(("line_end", "comes_up"), [("\n", True), ("\r\n", False)])
def test_with_cr_lf_and_no_terminal_the_client_never_comes_up(running: Running, line_end: str, comes_up: bool) -> None:
    said: list[str] = []
    with greeting_server(line_end, said.append) as port, pytest.raises(subprocess.TimeoutExpired):
        accept(running, f"ssh://127.0.0.1:{port}", timeout=NEVER_READY_S)
    assert ("xpreferences outputmode json\n" in "".join(said)) is comes_up


@contextmanager
def greeting_server(line_end: str, hear: Callable[[str], object]) -> Iterator[int]:
    """Be an SSH server that greets and confirms as a device does, with line ends of choice, and answers nothing else."""
    port, is_up, stop = [0], threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    async def shell(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(f"*r Login successful{line_end}OK{line_end}{line_end}")
        async for line in process.stdin:
            hear(line)
            if line == "echo off\n":
                process.stdout.write(f"{line_end}OK{line_end}")

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Server, server_host_keys=[key], process_factory=shell
        )
        port[0] = server.get_port()
        is_up.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert is_up.wait(RUN_S)
    yield port[0]
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(RUN_S)


# its command line

VOLUME = """
xapi.Status.Audio.Volume.on((volume) => {
  console.log(`now ${volume}`);
  xapi.close();
});
xapi.Status.Audio.Volume.get()
  .then((volume) => console.log(`was ${volume}`))
  .then(() => xapi.Command.Audio.Volume.Increase({ Steps: 2 }));
"""


@pytest.mark.parametrize("scheme", ["wss", "ws", "ssh"])
def test_the_command_line_runs_a_file(running: Running, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "volume.js").write_text(VOLUME)
    login = ("--username", running.ready["username"], "--password", running.ready["password"])
    command = ["node", JSXAPI / "node_modules/.bin/jsxapi", *login, url_of(running, scheme), tmp_path / "volume.js"]
    done = run(command, running.environment)
    assert (done.stdout, done.stderr, done.returncode) == ("was 50\nnow 52\n", "", 0)
    back = "xapi.Command.Audio.Volume.Set({ Level: 50 }).then(() => xapi.close());"
    (tmp_path / "volume.js").write_text(back)
    assert run(command, running.environment).returncode == 0


@pytest.mark.parametrize("scheme", ["wss", "ssh"])
def test_the_command_line_generates_types_from_the_schema(running: Running, scheme: str) -> None:
    url = with_login(running, url_of(running, scheme))
    done = run(["node", JSXAPI / "node_modules/.bin/jsxapi", "generate-api", url], running.environment)
    assert (done.stderr, done.returncode) == ("", 0)
    for line in (
        'import { XAPI, connectGen } from "jsxapi";',
        "export interface CommandAudioVolumeSetArgs {",
        "Set<R=any>(args: CommandAudioVolumeSetArgs): Promise<R>,",
    ):
        assert line in done.stdout, done.stdout[:2000]


@pytest.fixture(scope="module")
def unbooked(jsxapi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run a device that nobody has activated: no calendar is behind it."""
    folder = tmp_path_factory.mktemp("unbooked")
    with CloudProcess(folder) as cloud, cloud.device(folder, "--http", "127.0.0.1:0", log=False) as device:
        file = folder / "device.json"
        eventually(lambda: file.is_file() and "ssh" in json.loads(file.read_text()), True)
        yield Running(cloud, device, file)
        assert device.end() == 0, device.output
        assert "Traceback" not in device.output, device.output


@pytest.mark.parametrize("scheme", ["wss", "ssh"])
def test_bookings(unbooked: Running, scheme: str) -> None:
    ready = unbooked.ready
    login = {"USERNAME": ready["username"], "PASSWORD": ready["password"], "URL": url_of(unbooked, scheme)}
    done = run(["node", JSXAPI / "bookings.js"], {**unbooked.environment, **login})
    assert len(steps_of(done)) == 10
