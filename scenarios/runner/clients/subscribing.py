"""What `subscribe` does with a client that stays connected: it is made or found by its id, connects, and asks to be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenarios.runner import xapi_client
from scenarios.runner.clients.by_http import HttpClient
from scenarios.runner.clients.by_ssh import SshClient
from scenarios.runner.clients.by_websocket import WebsocketClient
from scenarios.runner.clients.kept import CLIENTS_MAX, KeptClient
from scenarios.runner.stage import Stage
from scenarios.runner.xapi_verbs import Over, Subscribe

KINDS: Final[Mapping[Over, type[KeptClient]]] = {kind.over: kind for kind in (SshClient, WebsocketClient, HttpClient)}
ASKED: Final = "xFeedback Register"
"""What a subscription is called in the trace."""


async def subscribe(stage: Stage, args: Subscribe) -> dict[str, Any]:
    """Let a client listen to paths.

    Raises:
        ValueError: the device is off, refused it, or lets the client not in; or the id is that of another client.
    """
    xapi_client.up(stage)
    client = _client(stage, args)

    async def ask() -> Mapping[str, Any]:
        await client.subscribe(args.paths)
        return {}

    return await xapi_client.asked(stage, client.who, ASKED, ask)


def _client(stage: Stage, args: Subscribe) -> KeptClient:
    assert args.over is not None, "it stays connected"
    key = (stage.acting, args.id or args.over)
    known = stage.clients.get(key)
    if known is None:
        if len(stage.clients) >= CLIENTS_MAX:
            raise ValueError(f"at most {CLIENTS_MAX} clients stay connected")
        known = stage.clients[key] = KINDS[args.over](stage, *key, args.as_)
    elif (known.over, known.role) != (args.over, args.as_):
        raise ValueError(f"client {known.name} is {known.role} over {known.over}; give another id")
    return known
