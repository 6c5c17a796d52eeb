"""Every door says the same to the same user: what can be read, what can be set, what can be called. Source: protocol/xapi.md 2.6."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncssh
import pytest

from endpoint.device.device import Device
from endpoint.device.doors import Doors
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.wire.xapi import xmlinput
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.leaves import flatten
from endpoint.wire.xapi.nodes import ROLES, Command, Node, nodes
from endpoint.wire.xapi.query import query_of_text
from endpoint.wire.xapi.terminal import read_lines

ANYWHERE = ("127.0.0.1", 0)
PASSPHRASE = "correct horse 1"
WRONG = "§ of no value space" * 200
BRANCHES = ("Status", "Configuration")
EVERY = 5
"""Of the table's rows every fifth is tried: enough for each role to meet a yes and a no."""
CODES = {-31999: "denied", -32602: "bad", -32601: "unknown"}
SETTINGS = [node for node in nodes().leaves("Configuration") if "[n]" not in node.path][::EVERY]
COMMANDS = nodes().commands[::EVERY]


def said(text: str) -> str:
    """Return what kind of answer a text is."""
    kinds = {"Access denied": "denied", "Illegal value": "bad", "ParameterError": "bad", "Unknown command": "unknown"}
    return next((kind for words_, kind in kinds.items() if words_ in text), text)


@dataclass
class Clients:
    """One user at every door."""

    https: str
    http: aiohttp.ClientSession
    ws: aiohttp.ClientWebSocketResponse
    ssh: asyncssh.SSHClientConnection

    async def websocket(self, method: str, **params: Any) -> Any:
        await self.ws.send_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = json.loads((await self.ws.receive(timeout=10)).data)
        return answer["result"] if "result" in answer else CODES.get(answer["error"]["code"], answer)

    async def xml(self, method: str, path: str, body: str | None = None) -> str:
        data = None if body is None else body.encode()
        async with self.http.request(method, self.https + path, data=data, ssl=False) as answer:
            assert answer.status == 200, answer
            return await answer.text()

    async def shell(self, line: str) -> str:
        return str((await self.ssh.run(line, check=False)).stdout)


def nested(root: str, path: str, inside: str) -> str:
    """Print a putxml document."""
    names = [root, *path.split(" ")]
    return "".join(f"<{name}>" for name in names) + inside + "".join(f"</{name}>" for name in reversed(names))


@asynccontextmanager
async def connected(device: Device, name: str) -> AsyncIterator[Clients]:
    """Connect a user to every door."""
    access = device.local_access()
    host, _, port = access["ssh"].rpartition(":")
    login = {"Authorization": aiohttp.encode_basic_auth(name, PASSPHRASE)}
    shell = {"username": name, "password": PASSPHRASE, "known_hosts": None, "client_keys": None, "config": None}
    async with (
        aiohttp.ClientSession(headers=login) as http,
        http.ws_connect(access["ws"], ssl=False, max_msg_size=2**24) as ws,
        asyncssh.connect(host, int(port), **shell) as ssh,
    ):
        yield Clients(access["https"], http, ws, ssh)


async def compare_reading(clients: Clients, device: Device, branch: str) -> None:
    got = await clients.websocket("xGet", Path=[branch])
    by_websocket = set() if got == "bad" else {path for path, _ in flatten({branch: got})}
    document = await clients.xml("GET", f"/{branch.lower()}.xml")
    by_xml = {path for path, _ in xmlinput.leaves(xmlinput.read(document.encode())) if len(path) > 1}
    lines = [line for line in (await clients.shell(f"x{branch}")).splitlines() if "(status" not in line]
    by_shell = {path for path, _ in read_lines(lines)} if by_websocket else set()
    assert by_websocket == by_xml == by_shell
    assert by_websocket <= {path for path, _ in device.xapi.find(query_of_text(branch), INTERNAL)}


async def compare_setting(clients: Clients, role: str, node: Node) -> None:
    answers = (
        await clients.websocket("xSet", Path=["Configuration", *node.path.split(" ")], Value=WRONG),
        said(await clients.xml("POST", "/putxml", nested("Configuration", node.path, WRONG))),
        said(await clients.shell(f'xConfiguration {node.path}: "{WRONG}"')),
    )
    expected = "bad" if role == "A" or role in node.set else "denied"
    assert (node.path, *answers) == (node.path, *[expected] * 3)


async def compare_calling(clients: Clients, role: str, row: Command) -> None:
    line = f"xCommand {row.path} NoArgument: 1"
    answers = (
        await clients.websocket("xCommand/" + row.path.replace(" ", "/"), NoArgument="1"),
        said(await clients.xml("POST", "/putxml", nested("Command", row.path, "<NoArgument>1</NoArgument>"))),
        said(await clients.shell(f"{line}\n." if row.multiline else line)),
    )
    expected = "bad" if role == "A" or role in row.roles else "denied"
    assert (row.path, *answers) == (row.path, *[expected] * 3)


@pytest.mark.parametrize("role", list("AIURY"))
def test_every_door_agrees(role: str) -> None:
    async def scene() -> None:
        source = LoopTime(asyncio.get_running_loop())
        clock = Clock(source)
        trace = Trace(clock)
        device = Device(
            DeviceSettings(),
            source=source,
            chance=Chance(None),
            trace=trace,
            faults=Faults(clock, trace),
            names=NameTable(),
        )
        device.doors = Doors({"ssh": ANYWHERE, "https": ANYWHERE})
        try:
            await device.boot()
            commands = device.xapi.commands
            given = {"Username": f"only-{role}", "Passphrase": PASSPHRASE, "Role": ROLES[role]}
            outcome: Any = commands.call(commands.prepare(("UserManagement", "User", "Add"), given, None, INTERNAL))
            await outcome
            async with connected(device, given["Username"]) as clients:
                for branch in BRANCHES:
                    await compare_reading(clients, device, branch)
                for node in SETTINGS:
                    await compare_setting(clients, role, node)
                for row in COMMANDS:
                    await compare_calling(clients, role, row)
        finally:
            await device.close()

    asyncio.run(asyncio.wait_for(scene(), 60))
