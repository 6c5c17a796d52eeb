"""xAPI clients that come through the doors of a device and ask one thing: `over: ssh`, `websocket`, or `http`, the XML API.

A door is opened when it is first used, and then follows the settings of the device. Each question has a connection of its own. The
built-in user asks as admin; users of the other roles are added when they are first needed. Source: protocol/xapi.md 3, 4 and 5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from endpoint.device.device import Device
from endpoint.device.doors import Doors
from endpoint.runtime.httpnet import NetConnector, no_timeout
from endpoint.runtime.net import Net
from endpoint.runtime.tls import TlsClient
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import AccessDenied, BadArguments, CommandFailed, XapiError
from endpoint.wire.xapi.xmlinput import Element, read
from scenarios.runner.clients import shelltext, ssh
from scenarios.runner.shell.frames import BAD_PARAMS, DENIED, FAILED, Answer, Failure, read_frame, request
from scenarios.runner.stage import Stage
from scenarios.runner.xapi_verbs import Role

ADDRESS: Final = ("127.0.0.1", 0)
ADMIN: Final = "admin"
"""The built-in user."""
PASSPHRASE_BYTES: Final = 16
REQUEST_ID: Final = 1
OK: Final = 200
NO_ENTRY: Final = (401, 403)


async def ask(stage: Stage, device: Device, role: Role, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask one thing over the websocket as a user of a role, and return the result.

    Raises:
        XapiError: the device refused it.
        ValueError: its websocket is not open; or it hung up.
    """
    async with _client(stage, device, role, "ws") as (session, url):
        try:
            async with session.ws_connect(url) as socket:
                await socket.send_str(request(REQUEST_ID, method, params))
                frame = read_frame(await socket.receive_str())
        except aiohttp.WSServerHandshakeError as error:
            if error.status in NO_ENTRY:
                raise AccessDenied from None
            raise ValueError(f"the websocket lets {role} not in: HTTP {error.status}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ValueError(f"the websocket cannot be reached, or hung up: {error}") from None
    if isinstance(frame, Failure):
        raise _refusal(frame)
    return frame.result if isinstance(frame, Answer) and isinstance(frame.result, Mapping) else {}


async def put(stage: Stage, device: Device, role: Role, document: str) -> Element:
    """Put an XML document as a user of a role, and return the root of the answer.

    Raises:
        AccessDenied: the door lets the user not in.
        ValueError: the door is shut; or it hung up; or what it answers is no XML.
    """
    async with _client(stage, device, role, "https") as (session, url):
        headers = {"Content-Type": "text/xml"}
        try:
            async with session.post(f"{url}/putxml", data=document.encode(), headers=headers) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise ValueError(f"the door cannot be reached, or hung up: {error}") from None
    if answer.status in NO_ENTRY:
        raise AccessDenied
    if answer.status != OK:
        raise ValueError(f"the door does not take it: HTTP {answer.status}")
    try:
        return read(body)
    except RemoteProtocolError as error:
        raise ValueError(f"the door answered no XML: {error}") from None


async def shell(stage: Stage, device: Device, role: Role, lines: Sequence[Callable[[str], bytes]]) -> Mapping[str, Any]:
    """Ask one thing after the other in a shell of a user of a role, up to the first that is refused; returns the last answer.

    Raises:
        XapiError: the device refused one.
        ValueError: the shell is not open, or lets nobody in; or it hung up; or what it writes is no shell's.
    """
    address = await address_of(device, "ssh")
    net = Net(f"client:{role}", stage.clock, stage.names, stage.faults)
    connection = await ssh.connect(net, address, role, await passphrase_of(stage, device, role))
    try:
        talk = await ssh.open_shell(connection)
        found: Mapping[str, Any] = {}
        for line in lines:
            found = shelltext.answer_of(await talk.ask(line))
    except (ssh.Hung, RemoteProtocolError) as error:
        raise ValueError(f"the shell hung up: {error}") from None
    finally:
        await ssh.hang_up(connection)
    return found


@asynccontextmanager
async def _client(
    stage: Stage, device: Device, role: Role, door: str
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """Open the door if it never was, and a session of a user with its own network; yields it with the url of the door.

    Raises:
        ValueError: the settings have shut it.
    """
    url = await address_of(device, door)
    net = Net(f"client:{role}", stage.clock, stage.names, stage.faults)
    async with web_session(net, role, await passphrase_of(stage, device, role)) as session:
        yield session, url


async def address_of(device: Device, door: str) -> str:
    """Open a door if it never was, `ssh`, `https` or `ws`, and return where it is.

    Raises:
        ValueError: the settings have shut it.
    """
    if device.doors is None:
        device.doors = Doors({})
        await device.doors.open(device)
    await device.doors.are_open.wait()
    await device.doors.add(device, "ssh" if door == "ssh" else "https", ADDRESS)
    found = device.doors.ready().get(door)
    if found is None:
        shut = "SSH Mode" if door == "ssh" else "HTTP Mode"
        raise ValueError(f"the door is shut: NetworkServices {shut} is Off")
    return str(found)


def web_session(net: Net, user: str, passphrase: Secret) -> aiohttp.ClientSession:
    """Return a session of a user with a network of its own."""
    headers = {"Authorization": aiohttp.encode_basic_auth(user, passphrase.reveal())}
    connector = NetConnector(net, lambda: TlsClient(verify=False))  # a device signs its own certificate
    return aiohttp.ClientSession(connector=connector, timeout=no_timeout(), headers=headers)


def _refusal(failure: Failure) -> XapiError:
    """Turn an error answer back into the device's own error. Source: protocol/xapi.md 3.7."""
    if failure.code == DENIED:
        return AccessDenied()
    data = failure.data if isinstance(failure.data, Mapping) else {}
    if failure.code == FAILED:
        cause = data.get("Cause")
        return CommandFailed(failure.message, cause=cause if isinstance(cause, int) else None, fields=data)
    if failure.code == BAD_PARAMS:
        wrong = BadArguments({})
        wrong.args = (failure.message,)
        return wrong
    return XapiError(f"{failure.message} ({failure.code})")


async def passphrase_of(stage: Stage, device: Device, role: Role) -> Secret:
    """Return the passphrase of the user of a role, who is added where there is none.

    Raises:
        ValueError: the scenario gave the built-in user another passphrase.
    """
    users = device.local.users
    if role == ADMIN:
        drawn = users.initial_passphrase
        if drawn is None:
            raise ValueError(
                "the built-in user has another passphrase by now, or is switched off; nobody knows it here"
            )
        return drawn
    key = (device.who, role)
    if key not in stage.passphrases:
        drawn_bytes = stage.chance.actor(f"client:{role}").stream("passphrase", device.who).bytes(PASSPHRASE_BYTES)
        stage.passphrases[key] = Secret("passphrase", drawn_bytes.hex())
    passphrase = stage.passphrases[key]
    if all(user.name != role for user in users.saved()):
        arguments = {
            "Username": role, "Passphrase": passphrase.reveal(), "Role": role.capitalize(), "PassphraseChangeRequired": "False",
        }  # fmt: skip
        commands = device.xapi.commands
        added = commands.call(commands.prepare(("UserManagement", "User", "Add"), arguments, None, INTERNAL))
        if isinstance(added, Awaitable):
            await added
    return passphrase
