"""aiohttp's client on our network."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault
from endpoint.runtime.httpnet import NetConnectionError, NetConnector, no_timeout, service
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.virtual import run
from tests.endpoint.runtime.ground import AUTHORITY, Ground

HOST = "wdm-a.wbx2.test"
URL = f"https://{HOST}/wdm/api/v1/devices"


class Cloud:
    """A server for HOST that counts connections, and the session of a client."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.trusted = AUTHORITY
        self.peers: list[Any] = []

    async def __aenter__(self) -> Cloud:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            self.peers.append(request.transport.get_extra_info("peername"))
            return web.json_response({"host": request.host, "body": (await request.read()).decode()})

        self._server = web.Server(answer)
        self._listener = await self.ground.net.listen(self._server, tls=AUTHORITY.server_context([HOST]))
        self.ground.net.publish(HOST, 443, self._listener.host, self._listener.port)
        connector = NetConnector(self.ground.net, lambda: TlsClient((self.trusted.pem,)))
        self.session = aiohttp.ClientSession(connector=connector, timeout=no_timeout())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.session.close()
        self._listener.close()
        await self._server.shutdown()
        await self.ground.clock.sleep(1)

    async def get(self, url: str = URL, **how: Any) -> Any:
        """Return the JSON of an answer."""
        async with self.session.get(url, **how) as answer:
            return await answer.json()

    async def refusal(self, **how: Any) -> Unreachable:
        """Return why a request found nobody."""
        with pytest.raises(NetConnectionError) as refused:
            await self.get(**how)
        assert isinstance(refused.value, aiohttp.ClientError)
        assert str(refused.value) == refused.value.reason.reason
        return refused.value.reason


def test_requests_go_to_the_logical_host_and_share_a_connection_for_days() -> None:
    async def main() -> None:
        async with Cloud(Ground()) as cloud:
            for _ in range(3):
                assert (await cloud.get())["host"] == HOST
                await cloud.ground.clock.sleep(60)  # below the 75 s after which aiohttp's server hangs up
            async with cloud.session.post(URL, json={"a": 1}) as answer:
                assert (await answer.json())["body"] == '{"a": 1}'
            assert len(set(cloud.peers)) == 1

    run(main)


def test_a_connection_that_the_server_hung_up_is_opened_again() -> None:
    async def main() -> None:
        async with Cloud(Ground()) as cloud:
            await cloud.get()
            await cloud.ground.clock.sleep(86_400)
            await cloud.get()
            assert len(set(cloud.peers)) == 2

    run(main)


def test_a_failure_below_comes_out_as_our_own_error() -> None:
    async def main() -> None:
        async with Cloud(Ground()) as cloud:
            cloud.trusted = Authority("another")
            reason = await cloud.refusal()
            assert (reason.layer, reason.reason) == ("tls", f"certificate verify failed for {HOST}: unknown issuer")
            assert (await cloud.refusal(url="https://nobody.test/")).reason == "could not resolve nobody.test"
            assert (await cloud.refusal(url="http://127.0.0.1:9/")).reason == "connection refused 127.0.0.1:9"
            assert (await cloud.refusal(url="http://[::1]:9/")).layer == "tcp"

    run(main)


def test_anchors_are_asked_for_at_each_new_connection() -> None:
    async def main() -> None:
        async with Cloud(Ground()) as cloud:
            cloud.trusted = Authority("another")
            assert (await cloud.refusal()).layer == "tls"
            cloud.trusted = AUTHORITY
            await cloud.get()
            assert len(cloud.peers) == 1

    run(main)


def test_only_a_request_that_says_so_is_not_verified_and_no_other_takes_its_connection() -> None:
    async def main() -> None:
        async with Cloud(Ground()) as cloud:
            cloud.trusted = Authority("another")
            await cloud.get(ssl=False)
            assert (await cloud.refusal()).layer == "tls"
            await cloud.get(ssl=False)
            assert len(set(cloud.peers)) == 1

    run(main)


def test_faults_aim_at_the_service_that_a_request_is_for() -> None:
    async def main() -> None:
        async with Cloud(Ground()) as cloud:
            fault = cloud.ground.faults.arm(Fault("f", "tcp", "refuse", {"service": "wdm"}))
            service.set("u2c")
            await cloud.get()
            service.set("wdm")
            await cloud.get()  # over the connection that is open already
            assert fault.used == 0
            assert (await cloud.refusal(url=URL.replace("https", "http"))).reason == f"connection refused {HOST}:80"
            assert fault.used == 1

    run(main)


def test_plain_http_needs_no_anchors() -> None:
    async def main() -> None:
        ground = Ground()

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text=request.scheme)

        server = web.Server(answer)
        listener = await ground.net.listen(server)

        def anchors() -> TlsClient:
            raise AssertionError("nobody should ask")

        async with (
            aiohttp.ClientSession(connector=NetConnector(ground.net, anchors), timeout=no_timeout()) as session,
            session.get(f"http://localhost:{listener.port}/") as reply,
        ):
            assert await reply.text() == "http"
        listener.close()
        await server.shutdown()

    run(main)
