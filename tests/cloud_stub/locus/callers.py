"""Clients that call: a registration with its websocket, and a view of each locus that is kept as a device keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from cloud_world import Reply, World, in_cloud

from endpoint.wire.locus.merge import merge
from endpoint.wire.locus.sequence import Advice, Sequence, advise_delta, advise_full, parse_sequence

LOCUS = "/locus/api/v1"
EMPTY = {"entries": [], "rangeStart": 0, "rangeEnd": 0}
OFFER = '{"type":"SDP","sdp":"v=0"}'


@dataclass
class Caller:
    """A client of one user: it sends requests of either plugin, hears events, and keeps what it is told.

    `views` are the loci as it sees them, by the id that they had first; `advice` what each event led to.
    """

    world: World
    user_id: str
    token: str
    device_url: str
    ws: aiohttp.ClientWebSocketResponse
    is_plain: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    advice: list[Advice] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    n: int = 0

    @property
    def kinds(self) -> list[str]:
        """The types of the events so far."""
        return [event["eventType"] for event in self.events]

    def own(self, **more: Any) -> dict[str, Any]:
        """Return what every body has."""
        device = (
            {"deviceUrl": self.device_url}
            if self.is_plain
            else {"device": {"url": self.device_url, "deviceType": "WEB"}}
        )
        return {**device, "sequence": EMPTY, **more}

    async def ask(self, method: str, url: str, body: Any = None) -> Reply:
        """Send a request of this client."""
        headers = {"cisco-device-url": self.device_url}
        path = url if url.startswith("http") else LOCUS + url
        return await self.world.ask(method, path, body, token=self.token, headers=headers)

    async def call(self, address: str | None, **more: Any) -> Reply:
        """Call somebody, or begin a meeting."""
        self.n += 1
        who: dict[str, Any] = (
            {} if address is None else {"invitee": {"invitee" if self.is_plain else "address": address}}
        )
        body = self.own(correlationId=f"call-{self.n}", localMedias=[{"localSdp": OFFER}], **who, **more)
        return self.take(await self.ask("POST", "/loci/call", body))

    async def join(self, url: str, **more: Any) -> Reply:
        """Answer, or join."""
        self.n += 1
        body = self.own(correlationId=f"call-{self.n}", localMedias=[{"localSdp": OFFER}], **more)
        return self.take(await self.ask("POST", f"{url}/participant", body))

    async def put(self, url: str, **more: Any) -> Reply:
        """Send a PUT that has a locus in its answer."""
        return self.take(await self.ask("PUT", url, self.own(**more)))

    async def leave(self, locus: dict[str, Any]) -> Reply:
        """Leave."""
        return await self.put(f"{locus['self']['url']}/leave", sequence=locus["sequence"])

    def take(self, reply: Reply) -> Reply:
        """Keep the locus of an answer."""
        if reply.status == 200 and reply.raw and isinstance(reply.json.get("locus"), dict):
            self._full(reply.json["locus"])
        return reply

    @property
    def locus(self) -> dict[str, Any]:
        """The locus that was told of last."""
        return list(self.views.values())[-1]

    def _full(self, locus: dict[str, Any]) -> Advice:
        key = locus["url"]
        current = self.sequence(key)
        advice = advise_full(current, parse_sequence(locus["sequence"]))
        if advice is Advice.USE_INCOMING:
            self.views[key] = locus
        return advice

    def sequence(self, url: str) -> Sequence:
        """Return what it has seen of a locus."""
        return parse_sequence(self.views.get(url, {}).get("sequence"))

    async def listen(self) -> None:
        """Take frames until the socket ends."""
        async for message in self.ws:
            frame = message.json()
            data = frame.get("data", {})
            kind = str(data.get("eventType", ""))
            if not kind.startswith("locus."):
                continue
            self.events.append(data)
            locus = data.get("locus")
            if locus is None:
                continue
            if "baseSequence" not in locus:
                self.advice.append(self._full(locus))
                continue
            assert isinstance(locus["participants"], list), "a delta always has participants"
            view = self.views.get(locus["url"], {})
            base, incoming = parse_sequence(locus["baseSequence"]), parse_sequence(locus["sequence"])
            is_same = locus["url"] in self.views
            current = self.sequence(locus["url"]) if is_same else parse_sequence(self.locus["sequence"])
            advice = advise_delta(current, base, incoming, same_url=is_same)
            if advice is Advice.USE_INCOMING:
                self.views[locus["url"]] = merge(view, locus)
            self.advice.append(advice)


async def caller(world: World, name: str = "Ada", *, is_plain: bool = False, user_id: str = "") -> Caller:
    """Make a person with a client that listens; `user_id`: a further client of somebody."""
    use = world.cloud.use_cases
    if not user_id:
        user_id = use.user_create(name, f"{name.lower()}@room.example").id
    token = use.token_create(user_id).access.reveal()
    registered = await world.ask("POST", "/wdm/api/v1/devices", {"deviceType": "WEB", "name": name}, token=token)
    ws = await world.socket(token, registered.json["webSocketUrl"])
    one = Caller(world, user_id, token, registered.json["url"], ws, is_plain)
    one.task = asyncio.get_running_loop().create_task(one.listen())
    await asyncio.sleep(0.01)
    return one


def told(story: Callable[[World], Awaitable[None]], settings: Any = None, **options: Any) -> None:
    """Run a story in a cloud of its own."""
    in_cloud(story, settings, **options)


def member(locus: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a participant by the name of its person."""
    return next(one for one in locus["participants"] if one["person"]["name"] == name)
