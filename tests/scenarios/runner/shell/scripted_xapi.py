"""A device that answers by script: an xAPI websocket and a control door, as small as can be. Source: protocol/xapi.md 3."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from endpoint.wire.xapi.jsonform import at

USER, PASSWORD, TOKEN = "admin", "s3cret+/=", "door-token"
NO_MATCH = (-32602, "No match on Path argument")
BAD_USAGE = (-32602, "Bad usage: Missing or invalid parameter(s).")


class Scripted:
    """The device: one tree, a few commands, and everything that it was asked."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {
            "Status": {
                "Audio": {"Volume": 50},
                "Call": [{"Status": "Connected", "id": 3}, {"Status": "Ringing", "id": 42}],
                "SystemUnit": {"ProductPlatform": "Room Bar", "Uptime": 7},
            },
            "Configuration": {"Audio": {"DefaultVolume": 60}, "SystemUnit": {"Name": "Huddle 1"}},
        }
        self.asked: list[tuple[str, Any]] = []
        self.subscriptions: dict[int, list[str]] = {}
        self.after: Callable[[], list[dict[str, Any]]] = list
        """What is told right after the next answer."""
        self.connections = 0
        self.refuses = 0
        """Status at the upgrade, in place of an open socket."""
        self.sockets: list[web.WebSocketResponse] = []
        self.door: dict[str, Any] = {"GET /clock": {"mode": "real", "seconds": 1.5, "now": "2026-03-02T08:50:01.500Z"}}
        self.url = ""

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            return web.Response(status=self.refuses)
        if request.headers.get("Authorization") != aiohttp.encode_basic_auth(USER, PASSWORD):
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        self.sockets.append(socket)
        self.subscriptions.clear()
        async for message in socket:
            asked = json.loads(message.data)
            self.asked.append((asked["method"], asked.get("params")))
            if asked["method"] == "xCommand/SystemUnit/Boot":
                await socket.close()
                break
            told = self.answer(asked["method"], asked.get("params") or {})
            await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}))
            after, self.after = self.after, list
            for leaves in after():
                await self.tell(leaves)
        return socket

    async def tell(self, tree: dict[str, Any]) -> None:
        """Tell every subscription of the branch."""
        (branch,) = tree
        for number, query in self.subscriptions.items():
            if query[0] == branch:
                params = {"Id": number, **tree}
                frame = {"jsonrpc": "2.0", "method": "xFeedback/Event", "params": params}
                await self.sockets[-1].send_str(json.dumps(frame))

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result or the error."""
        try:
            return {"result": self._result(method, params)}
        except KeyError:
            code, message = NO_MATCH
        except ValueError:
            code, message = BAD_USAGE
        except LookupError:
            code, message = -32601, "Method not found."
        except RuntimeError as error:
            code, message = 1, str(error)
        return {"error": {"code": code, "message": message}}

    def _result(self, method: str, params: dict[str, Any]) -> Any:
        match method:
            case "xGet":
                return at(self.tree, tuple(params["Path"]))
            case "xQuery":
                return {
                    "Status": {
                        "Call": [{"Status": one["Status"], "id": one["id"]} for one in self.tree["Status"]["Call"]]
                    }
                }
            case "xSet":
                if not 0 <= int(params["Value"]) <= 100:
                    raise ValueError
                self.tree["Configuration"]["Audio"]["DefaultVolume"] = params["Value"]
                return True
            case "xFeedback/Subscribe":
                self.subscriptions[len(self.subscriptions)] = params["Query"]
                return {"Id": len(self.subscriptions) - 1}
            case "xFeedback/Unsubscribe":
                del self.subscriptions[params["Id"]]
                return True
            case "xCommand/Audio/Volume/Set":
                if not isinstance(params.get("Level"), int):
                    raise ValueError
                self.tree["Status"]["Audio"]["Volume"] = params["Level"]
                self.after = lambda: [{"Status": {"Audio": {"Volume": params["Level"]}}}]
                return {"status": "OK"}
            case "xCommand/Dial":
                if params["Number"] == "nobody":
                    raise RuntimeError("Nobody is there")
                return {"CallId": 3, "ConferenceId": 1, "status": "OK"}
            case "xCommand/Bookings/Put":
                return {"status": "OK", "Lines": params["body"].count("\n")}
        raise LookupError

    async def control(self, request: web.Request) -> web.StreamResponse:
        """Answer as a control door by script."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"code": "unauthorized", "message": "the control token is wrong"}, status=401)
        text = await request.text()
        key = f"{request.method} /{request.match_info['path']}"
        self.asked.append((key, json.loads(text) if text else dict(request.query)))
        if key not in self.door:
            body = {"code": "not_stepped", "message": "time is real here", "expected": ["skew"]}
            return web.json_response(body, status=409)
        answer = self.door[key]
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)

    def ready(self, file: Path, **changes: str | None) -> Path:
        """Write a ready file."""
        content: dict[str, str | None] = {
            "name": "huddle", "ws": f"{self.url.replace('http', 'ws')}/ws", "username": USER, "password": PASSWORD,
            "control": f"{self.url}/control", "control_token": TOKEN, **changes,
        }  # fmt: skip
        file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
        return file


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """Let a scripted device serve on loopback."""
    device = Scripted()
    app = web.Application()
    app.router.add_get("/ws", device.websocket)
    app.router.add_route("*", "/control/{path:.*}", device.control)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    device.url = f"http://{host}:{port}"
    try:
        yield device
    finally:
        await runner.cleanup()
