"""xows 1.0.5 against a device. Source: protocol/xapi.md 3.9, 14 item 2. Argument: `ws` or `wss`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable

import xows
from steps import PATIENCE_S, end, equal, ready, step

BAD_USAGE = "Bad usage: Missing or invalid parameter(s)."


async def refusal(awaitable: Awaitable[object]) -> tuple[object, ...]:
    try:
        result = await awaitable
    except xows.XoWSError as error:
        return type(error).__name__, *error.args
    raise AssertionError(f"no refusal: {result!r}")


async def main(scheme: str) -> None:
    device = ready("DEVICE")
    url = device["https" if scheme == "wss" else "http"].replace("http", "ws", 1) + "/ws"
    login = device["username"], device["password"]
    with step("wrong passphrase"):
        try:
            await xows.XoWSClient(url, login[0], "wrong").connect()
        except xows.AuthenticationFailure as error:
            equal(error.args[1], 403)
        else:
            raise AssertionError("logged in")
    async with xows.XoWSClient(url, *login) as client:
        await talk(client)
        await as_a_guest(client, url)
        closed = asyncio.ensure_future(client.wait_until_closed())
    with step("clean close"):
        async with asyncio.timeout(PATIENCE_S):
            equal(await closed, None)


async def talk(client: xows.XoWSClient) -> None:
    with step("xGet of a leaf"):
        equal(await client.xGet(["Status", "Audio", "Volume"]), 50)
        equal(await client.xGet(["status", "audio", "volume"]), 50)
    with step("xGet of a subtree is at the path"):
        audio = await client.xGet(["Status", "Audio"])
        equal((audio["Volume"], audio["VolumeMute"], audio["Microphones"]["Mute"]), (50, "Off", "Off"))
    with step("xGet of an element, by number and by text"):
        equal(await client.xGet(["Status", "Video", "Input", "Connector", 1, "Connected"]), "True")
        equal(await client.xGet(["Status", "Video", "Input", "Connector", "1", "Connected"]), "True")
    with step("xQuery with ** is from the root"):
        found = await client.xQuery(["Status", "**", "DisplayName"])
        equal(list(found), ["Status"])
        name = found["Status"]["SystemUnit"]["Software"]["DisplayName"]
        equal(name, await client.xGet(["Status", "SystemUnit", "Software", "DisplayName"]))
        equal("Audio" in found["Status"], False)
    with step("xSet and back"):
        path = ["Configuration", "Audio", "DefaultVolume"]
        equal(await client.xSet(path, 61), True)
        equal(await client.xGet(path), 61)
        equal(await client.xSet(path, "50"), True)
        equal(await client.xGet(path), 50)
    with step("xSet of what may not be"):
        equal(await refusal(client.xSet(path, 101)), ("InvalidParameter", BAD_USAGE))
        equal(await client.xGet(path), 50)
    with step("xGet of a path that is none"):
        wanted = ("InvalidParameter", "No match on Path argument")
        equal(await refusal(client.xGet(["Status", "Nope"])), wanted)
        equal(await refusal(client.xGet(["Status", "Call", 3, "Status"])), wanted)
        equal(await refusal(client.xGet(["Status", "Call"])), wanted)
    told: asyncio.Queue[object] = asyncio.Queue()
    with step("subscribe with the current value"):
        subscription = await client.subscribe(["Status", "Audio", "Volume"], lambda *said: told.put_nowait(said), True)
        equal(subscription, 0)
        equal(await next_of(told), ({"Status": {"Audio": {"Volume": 50}}}, 0))
    with step("a command, its answer and its notification"):
        equal(await client.xCommand(["Audio", "Volume", "Set"], Level=33), {"status": "OK"})
        equal(await next_of(told), ({"Status": {"Audio": {"Volume": 33}}}, 0))
        equal(await client.xCommand(["Audio", "Volume", "Set"], Level="50"), {"status": "OK"})
        equal(await next_of(told), ({"Status": {"Audio": {"Volume": 50}}}, 0))
    with step("a second subscription has the next id"):
        again = await client.subscribe(["Status", "Audio"], lambda *said: told.put_nowait(said))
        equal(again, 1)
        await client.xCommand(["Audio", "Volume", "Set"], Level=34)
        both = [await next_of(told), await next_of(told)]
        equal(sorted(number for _, number in both), [0, 1])
        equal(await client.unsubscribe(1), True)
        await client.xCommand(["Audio", "Volume", "Set"], Level=50)
        equal(await next_of(told), ({"Status": {"Audio": {"Volume": 50}}}, 0))
    with step("a command without its required argument"):
        equal(await refusal(client.xCommand(["Audio", "Volume", "Set"])), ("InvalidParameter", BAD_USAGE))
        equal(await refusal(client.xCommand(["Audio", "Volume", "Set"], Level=101)), ("InvalidParameter", BAD_USAGE))
    with step("an unknown command and an unknown method"):
        equal(await refusal(client.xCommand(["Not", "There"])), ("MethodNotFound", "Method not found."))
        equal(await refusal(client.api_call("xNope")), ("MethodNotFound", "Method not found."))
    with step("a command that fails"):
        name, text, *_ = await refusal(client.xCommand(["UserManagement", "User", "Delete"], Username="nobody"))
        equal(name, "CommandError")
        equal(bool(text), True)
    with step("unsubscribe"):
        wanted = ("InvalidParameter", "Unknown subscription Id", {"Id": 99})
        equal(await refusal(client.unsubscribe(99)), wanted)
        equal(await client.unsubscribe(0), True)
        await client.xCommand(["Audio", "Volume", "Set"], Level=35)
        await client.xCommand(["Audio", "Volume", "Set"], Level=50)
        equal(told.qsize(), 0)


async def as_a_guest(client: xows.XoWSClient, url: str) -> None:
    users = ["UserManagement", "User"]
    with step("what a user may not"):
        add = {"Username": "guest", "Passphrase": "guest-guest-1", "Role": ["User"]}
        equal(await client.xCommand([*users, "Add"], **add), {"status": "OK"})
        async with xows.XoWSClient(url, "guest", "guest-guest-1") as guest:
            equal(await guest.xGet(["Status", "Audio", "Volume"]), 50)
            wanted = ("PermissionDenied", "Permission denied.")
            equal(await refusal(guest.xCommand([*users, "List"])), wanted)
            equal(await refusal(guest.xSet(["Configuration", "SystemUnit", "Name"], "mine")), wanted)
        equal(await client.xCommand([*users, "Delete"], Username="guest"), {"status": "OK"})


async def next_of(queue: asyncio.Queue[object]) -> object:
    async with asyncio.timeout(PATIENCE_S):
        return await queue.get()


asyncio.run(main(sys.argv[1]))
end()
