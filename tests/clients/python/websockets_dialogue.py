"""websockets 17 against a device, as the home automation integration uses it. Source: protocol/xapi.md 3.10, 14 item 3.

Argument: URL of the websocket.
"""

from __future__ import annotations

import base64
import json
import ssl
import sys
from typing import Any

from steps import PATIENCE_S, end, equal, ready, refused, step
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""The integration's own limit: the library ends the connection when a message is larger."""


class Client:
    """A connection, and the notifications that came while an answer was waited for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []

    def send(self, **message: object) -> None:
        self.socket.send(json.dumps({"jsonrpc": "2.0", **message}))

    def receive(self) -> dict[str, Any]:
        return json.loads(self.socket.recv(PATIENCE_S))

    def ask(self, method: str, params: object = None, number: object = 1) -> dict[str, Any]:
        given = {} if params is None else {"params": params}
        self.send(id=number, method=method, **given)
        message = self.answer()
        equal(message["id"], number)
        return message

    def answer(self) -> dict[str, Any]:
        while (message := self.receive()).get("method") == "xFeedback/Event":
            self.told.append(message["params"])
        return message

    def next(self) -> dict[str, Any]:
        if not self.told:
            message = self.receive()
            equal(message["method"], "xFeedback/Event")
            equal("id" in message, False)
            return message["params"]
        return self.told.pop(0)


def open_it(url: str, name: str, passphrase: str, **options: Any) -> ClientConnection:
    context = ssl._create_unverified_context() if url.startswith("wss:") else None
    pair = base64.b64encode(f"{name}:{passphrase}".encode()).decode()
    headers = {} if "subprotocols" in options else {"Authorization": f"Basic {pair}"}
    return connect(
        url,
        additional_headers=headers,
        ssl=context,
        max_size=MESSAGE_BYTES_MAX,
        proxy=None,
        open_timeout=PATIENCE_S,
        **options,
    )


def talk(client: Client) -> None:
    with step("subscribe to all of Status with current values"):
        answer = client.ask("xFeedback/Subscribe", {"Query": ["Status"], "NotifyCurrentValue": True}, 1)
        equal(answer["result"], {"Id": 0})
        equal(client.told, [])
        first = client.next()
        equal((first["Id"], first["Status"]["Audio"]["Volume"]), (0, 50))
    with step("subscribe to all of Event: nothing is there to tell"):
        equal(
            client.ask("xFeedback/Subscribe", {"Query": ["Event"], "NotifyCurrentValue": True}, 2)["result"], {"Id": 1}
        )
    with step("the whole tree"):
        status = client.ask("xGet", {"Path": ["Status"]}, 3)["result"]
        equal((status["Audio"]["Volume"], status["SystemUnit"]["ProductPlatform"]), (50, "Room Bar"))
        equal("Call" in status, False)
        equal(type(status["SystemUnit"]["Uptime"]), int)
    with step("a command with an id of text"):
        answer = client.ask("xCommand/Bookings/List", {"Days": 100, "Limit": 100}, "list-1")
        equal(answer["result"]["ResultInfo"]["TotalRows"], 0)
        equal(answer["result"]["status"], "OK")
    with step("one that changes the status"):
        equal(client.ask("xCommand/Standby/Activate", number=4.5)["result"], {"status": "OK"})
        seen = [client.next()]
        while "Standby" not in seen[-1].get("Status", {}):
            seen.append(client.next())
        equal(seen[-1]["Status"]["Standby"]["State"], "Standby")
        equal(client.ask("xGet", {"Path": ["Status", "Standby", "State"]})["result"], "Standby")
        equal(client.ask("xCommand/Standby/Deactivate", {})["result"], {"status": "OK"})
    with step("a notification is carried out and not answered"):
        client.send(method="xCommand/Audio/Volume/Set", params={"Level": 21})
        equal(client.ask("xGet", {"Path": ["Status", "Audio", "Volume"]}, "after")["result"], 21)
        volumes = [said["Status"]["Audio"]["Volume"] for said in client.told if "Audio" in said.get("Status", {})]
        equal(volumes, [21])
        client.ask("xCommand/Audio/Volume/Set", {"Level": 50})
        client.told.clear()
    with step("frames that are no JSON, and no request"):
        client.socket.send("{no JSON")
        error = client.answer()
        equal((error["id"], error["error"]["code"]), (None, -32700))
        client.socket.send("[]")
        equal(client.answer()["error"]["code"], -32600)
        client.socket.send('{"jsonrpc": "2.0", "id": 7, "method": 5}')
        equal(client.answer()["error"]["code"], -32600)
    with step("a path and a value that are none"):
        for path in (["Status", "Nope"], ["Nope"], [], "Status", [["Status"]], ["Event"]):
            answer = client.ask("xGet", {"Path": path}, 5)
            equal(answer["error"]["code"], -32602)
        equal(client.ask("xGet", {"Path": ["Status", "Nope"]})["error"]["message"], "No match on Path argument")
        equal(client.ask("xGet")["error"]["code"], -32602)
    with step("the connection is still there"):
        equal(client.ask("xGet", {"Path": ["Status", "Audio", "Volume"]}, "last")["result"], 50)


def main(url: str) -> None:
    device = ready("DEVICE")
    login = device["username"], device["password"]
    with step("no login, and a wrong one"):
        error = refused(InvalidStatus, lambda: open_it(url, login[0], "wrong"))
        equal(error.response.status_code, 403)
        error = refused(InvalidStatus, lambda: open_it(url, *login, subprotocols=["auth-bm9ib2R5"]))
        equal(error.response.status_code, 403)
    for padding in (True, False):
        with step(f"sub-protocol {'with' if padding else 'without'} padding"):
            pair = base64.urlsafe_b64encode(":".join(login).encode()).decode()
            name = "auth-" + (pair if padding else pair.rstrip("="))
            try:
                socket = open_it(url, *login, subprotocols=[name])
            except ValueError as error:  # = is no character of a token, and this library says so before it connects
                equal((padding, "=" in name), (True, True))
                equal("subprotocol" in str(error), True)
                continue
            with socket:
                equal(socket.subprotocol, name)
    with open_it(url, *login) as socket:
        client = Client(socket)
        talk(client)
    with step("clean close"):
        equal(socket.close_code, 1000)
    with step("a binary frame ends the connection"), open_it(url, *login) as socket:
        socket.send(b"\x00\xff")
        error = refused(ConnectionClosedError, lambda: socket.recv(PATIENCE_S))
        equal(error.rcvd.code, 1003)


main(sys.argv[1])
end()
