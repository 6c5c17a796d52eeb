"""examples/zoom-redial: its decision, and the listener with npm jsxapi 6.0.0 at a device in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from running_device import HERE, ROOT, RUN_S, Running, needs, needs_npm, run, running_device

from tests.scenarios.command_line import eventually

EXAMPLE = ROOT / "examples" / "zoom-redial"
MEETING = "81234567890.112233@zoomcrc.com"

pytestmark = pytest.mark.client


def test_decision() -> None:
    needs("node")
    done = run(["node", "--test", EXAMPLE], dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout


def test_example_asks_for_the_client_that_is_tested() -> None:
    versions = [
        json.loads((folder / "package.json").read_text())["dependencies"]["jsxapi"]
        for folder in (EXAMPLE, HERE / "jsxapi")
    ]
    assert versions[0] == versions[1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_npm(HERE / "jsxapi", "jsxapi")
    with running_device(tmp_path_factory.mktemp("zoom-redial"), http=False) as pair:
        yield pair


def door(running: Running, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the device's control door."""

    async def ask() -> Any:
        headers = {"Authorization": f"Bearer {running.ready['control_token']}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, running.ready["control"] + path, json=body, headers=headers) as answer,
        ):
            return await answer.json()

    return asyncio.run(ask())


def ended(running: Running) -> list[str]:
    """Return how the calls of the history ended, oldest first."""
    return [item["DisconnectCauseType"] for item in reversed(door(running, "GET", "/history")["items"])]


def test_listener_dials_once_what_ssl_ended_and_nothing_else(running: Running, tmp_path: Path) -> None:
    ready, said = running.ready, tmp_path / "said.txt"
    login = {"USERNAME": ready["username"], "PASSWORD": ready["password"]}
    places = {"URL": ready["https"].replace("https", "wss"), "NODE_PATH": str(HERE / "jsxapi" / "node_modules")}
    peer = f"{running.cloud.ready['control']}/peers/{MEETING}"
    with said.open("w") as out:
        command = ["node", str(EXAMPLE / "listen.js")]
        environment = {**running.environment, **login, **places}
        listener = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(said.read_text, "listening\n")
        running.cloud.ask("PUT", peer, {"behaves": "busy", "afterSeconds": 0})
        door(running, "POST", "/actions", {"action": "dial", "number": MEETING})
        eventually(lambda: ended(running), ["RemoteBusy"])
        running.cloud.ask("PUT", peer, {"behaves": "ssl", "afterSeconds": 0})
        door(running, "POST", "/actions", {"action": "dial", "number": MEETING})
        eventually(lambda: ended(running), ["RemoteBusy", "SslRejected", "SslRejected"])
        running.cloud.ask("PUT", peer, {"behaves": "answer", "afterSeconds": 0})
        door(running, "POST", "/actions", {"action": "dial", "number": MEETING})
        eventually(lambda: [call["status"] for call in door(running, "GET", "/calls")["items"]], ["Connected"])
        door(running, "POST", "/actions", {"action": "hangup"})
        eventually(lambda: ended(running), ["RemoteBusy", "SslRejected", "SslRejected", "LocalDisconnect"])
        assert said.read_text().count("dialling once again") == 1
    finally:
        listener.terminate()
        listener.wait(timeout=RUN_S)


def test_example_says_what_it_needs() -> None:
    needs("node")
    needs_npm(HERE / "jsxapi", "jsxapi")
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(HERE / "jsxapi" / "node_modules")}
    done = run(["node", EXAMPLE / "listen.js"], environment)
    assert (done.returncode, done.stderr.split(":")[0]) == (2, "set URL, USERNAME and PASSWORD")
