"""A cloud on the virtual loop, and a client of it that is not our device: requests by hand, with aiohttp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from cloud_stub.cloud import Cloud
from cloud_stub.platform.context import CloudSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.httpnet import NetConnector, no_timeout
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.trace import Trace
from endpoint.runtime.virtual import run
from endpoint.wire import activation, codec, srp
from endpoint.wire.activation import Code, OauthData, RegisterData, parse_code
from endpoint.wire.envelope import CONFIG_DATA, OAUTH_DATA, REGISTER_DATA, SERVICE_DATA, SessionKeys, transcript_hash

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
IDENTIFIER = "00000000-abcd-0000-abcd-000000000000"
DEVICE = {"model": "Desk Pro", "serial": "TEST00000001"}
WDM_BODY = {
    "deviceIdentifier": IDENTIFIER, "systemName": "s53300", "systemVersion": "ce10.12.1.6.cd735cb1ea2 2022-04-14",
    "deviceType": "TP_ENDPOINT", "model": "Desk Pro", "name": "Cisco Webex Desk Pro", "localizedModel": "Cisco Webex Desk Pro",
    "capabilities": {"groupCallSupported": True}, "isDeviceManaged": True,
}  # fmt: skip


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.raw)


@dataclass
class World:
    """A started cloud with everything around it."""

    cloud: Cloud
    clock: Clock
    trace: Trace
    faults: Faults
    http: aiohttp.ClientSession
    n: int = 0
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The single origin."""
        url = self.cloud.url("http")
        assert url is not None
        return url

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        host: str = "",
    ) -> Reply:
        """Send a request; `body` is JSON unless it is bytes, `path` may be a whole URL."""
        self.n += 1
        sent = {"trackingid": f"test_00000000-0000-4000-8000-000000000000_{self.n}", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if host:
            sent["Host"] = host
        data = body if isinstance(body, bytes) or body is None else codec.encode(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        url = path if path.startswith("http") else self.base + path
        async with self.http.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def admin(self, method: str, path: str, body: Any = None) -> Reply:
        """Send a request as the administrator."""
        return await self.ask(method, path, body, token=self.cloud.admin_token.reveal())

    def code(self, name: str = "Lab", **fields: Any) -> Code:
        """Create a workspace with an activation code."""
        workspace = self.cloud.directory.create_workspace(name)
        _, secret = self.cloud.codes.create(workspace_id=workspace.id, **fields)
        return parse_code(secret.reveal())

    async def machine(self, name: str = "Lab") -> str:
        """Activate a device in a new workspace and return its access token."""
        return (await Exchange.run(self, self.code(name))).access_token

    async def socket(self, token: str, url: str = "", **options: Any) -> aiohttp.ClientWebSocketResponse:
        """Register, if no websocket URL is given, open the websocket and authorize."""
        if not url:
            dto = (await self.ask("POST", "/wdm/api/v1/devices", WDM_BODY, token=token)).json
            url = dto["webSocketUrl"]
        query = "?outboundWireFormat=text&bufferStates=true&aliasHttpStatus=true&clientTimestamp=1"
        ws = await self.http.ws_connect(url + query, compress=0, **options)
        await ws.send_json({"id": "auth-1", "type": "authorization", "data": {"token": f"Bearer {token}"}})
        return ws


@dataclass
class Exchange:
    """The device's side of an activation, one step at a time, with fixed exponents."""

    world: World
    code: Code
    device: dict[str, str] = field(default_factory=lambda: dict(DEVICE))
    password: str = ""
    a: bytes = bytes([1]) * 32
    keys: SessionKeys | None = None
    b: bytes = b""
    urls: dict[str, str] = field(default_factory=dict)
    access_token: str = ""
    refresh_token: str = ""
    services: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    n: int = 0

    @classmethod
    async def run(cls, world: World, code: Code, **device: str) -> Exchange:
        """Do all three steps."""
        exchange = cls(world, code, {**DEVICE, **device})
        for step in (exchange.challenge, exchange.invoke, exchange.register):
            reply = await step()
            assert reply.status == 200, reply.raw
        return exchange

    async def challenge(self) -> Reply:
        """Step 1."""
        reply = await self.world.ask("POST", "/activation/api/v1/challenges", {"activationId": self.code.activation_id})
        if reply.status == 200:
            self.n += 1
            self.b = codec.b64decode_strict(reply.json["srpB"], "srpB")
            self.urls["invoke"] = reply.json["url"]
            self._derive(codec.b64decode_strict(reply.json["srpS"], "srpS"))
        return reply

    def _derive(self, salt: bytes) -> None:
        identity = self.code.activation_id.encode()
        password = (self.password or self.code.secret.reveal()).encode()
        public = srp.client_public(self.a)
        key = srp.client_key(identity, password, salt, a=self.a, client_public=public, server_public=self.b)
        self.keys = SessionKeys.derive(key, transcript_hash(identity, salt, public, self.b))

    def invoke_body(self) -> dict[str, Any]:
        """Build the body of step 2."""
        assert self.keys is not None
        asked = OauthData(
            client_id="roomsim-device", scope="spark:all spark:kms", device_identifier=IDENTIFIER, software_version="ce11", **self.device
        )  # fmt: skip
        sealed = self.keys.seal(OAUTH_DATA, codec.encode(asked), bytes([self.n]) * 16)
        request = activation.InvokeRequest.of(srp.client_public(self.a), self.b, sealed)
        return dict(codec.decode(codec.encode(request), dict[str, Any]))

    async def invoke(self, body: dict[str, Any] | None = None) -> Reply:
        """Step 2."""
        reply = await self.world.ask("POST", self.urls["invoke"], body or self.invoke_body())
        if reply.status == 200:
            assert self.keys is not None
            sealed = activation.replies.Sealed(
                *(codec.b64decode_strict(reply.json[name], name) for name in ("serviceData", "serviceDataHMAC"))
            )
            plain = codec.decode(self.keys.open(SERVICE_DATA, sealed), dict[str, Any])
            self.urls["register"] = reply.json["url"]
            self.access_token = plain["token"]["access_token"]
            self.refresh_token = plain["token"]["refresh_token"]
            self.services = plain["services"]
        return reply

    def register_body(self, **device: str) -> dict[str, Any]:
        """Build the body of step 3."""
        assert self.keys is not None
        told = RegisterData(**{"device_identifier": IDENTIFIER, **self.device, **device})  # type: ignore[arg-type]  # texts all
        sealed = self.keys.seal(REGISTER_DATA, codec.encode(told), bytes([100 + self.n]) * 16)
        return dict(codec.decode(codec.encode(activation.RegisterRequest.of(self.b, sealed)), dict[str, Any]))

    async def register(self, body: dict[str, Any] | None = None) -> Reply:
        """Step 3."""
        reply = await self.world.ask("POST", self.urls["register"], body or self.register_body())
        if reply.status == 200:
            assert self.keys is not None
            sealed = activation.replies.Sealed(
                *(codec.b64decode_strict(reply.json[name], name) for name in ("configData", "configDataHMAC"))
            )
            self.config = codec.decode(self.keys.open(CONFIG_DATA, sealed), dict[str, Any])
        return reply


@asynccontextmanager
async def started(
    settings: CloudSettings | None = None,
    *,
    seed: int | None = 7,
    state_dir: Path | None = None,
    https: tuple[str, int] | None = None,
    **options: Any,
) -> AsyncIterator[World]:
    """Start a cloud on the running loop, with an http door, and stop it afterwards."""
    clock = Clock(LoopTime(asyncio.get_running_loop(), START))
    trace = Trace(clock)
    faults = Faults(clock, trace)
    names = NameTable()
    cloud = Cloud(clock, Chance(seed), trace, faults, names, settings, state_dir, **options)
    await cloud.start(http=("127.0.0.1", 0), https=https)
    connector = NetConnector(Net("client:test", clock, names, faults), lambda: TlsClient((cloud.root_pem,)))
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=no_timeout()) as http:
            yield World(cloud, clock, trace, faults, http)
    finally:
        await cloud.stop()


def in_cloud(story: Callable[[World], Awaitable[None]], settings: CloudSettings | None = None, **options: Any) -> None:
    """Run a story against a cloud of its own, in virtual time."""

    async def main() -> None:
        async with started(settings, **options) as world:
            await story(world)

    run(main)
