"""An HTTP proxy on the premises, and the web server of its PAC script.

A tunnel by CONNECT is the only thing that it offers. It may ask who is there, block hosts, and open up TLS with an authority of its own;
opened up, it sees requests and can strip them of their headers. What it does wrong, a fault asks for. Rows 7 to 12, 16, 17 and 53 of
protocol/activation-and-media.md section 16.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from cloud_stub.platform import proxy_settings as at
from cloud_stub.platform.proxy_settings import ProxySettings
from cloud_stub.premises.proxy_auth import Gatekeeper
from cloud_stub.premises.relay import HEAD_BYTES_MAX, BadMessage, Head, Stream, exchange, hang_up, pipe, read_head
from endpoint.runtime.chance import Actor
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault
from endpoint.runtime.net import Listener, Net, reset
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import Trace

CONNECTIONS_MAX: Final = 20_000
"""Connections at a time; further ones are closed at once."""
PATIENCE_S: Final = 60.0
"""So long a client may take to say what it wants."""
CLEAR_PORTS: Final = (80,)
"""Ports behind which nobody expects TLS."""
_PORT: Final = re.compile(r"[0-9]{1,5}")
UPGRADE_FIELDS: Final = (
    "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions",
)  # fmt: skip
STRIPPED: Final = ("authorization", "trackingid")
"""What a proxy takes out of requests that alters headers and was not told which."""


class Proxy:
    """The proxy.

    Args:
        net: its own view of the network; names are published where others find them.
        anchors: what it believes of the servers behind it, PEM.
        services_at: names the cloud services behind a host, for faults aimed at them.
        inspector: the authority of a proxy that opens up TLS for a while: `trusted` or `untrusted` by devices.
    """

    def __init__(
        self,
        net: Net,
        chance: Actor,
        trace: Trace,
        settings: ProxySettings,
        *,
        anchors: tuple[str, ...],
        services_at: Callable[[str], frozenset[str]],
        inspector: Callable[[str], Authority],
    ) -> None:
        self._net = net
        self._chance = chance
        self._trace = trace
        self.settings = settings
        self._anchors = anchors
        self._services_at = services_at
        self._inspector = inspector
        self._drawn = 0
        self._gate = Gatekeeper(settings, self._draw_nonce)
        self._open: dict[asyncio.Task[None], None] = {}
        self._listener: Listener | None = None

    def _draw_nonce(self) -> str:
        self._drawn += 1
        return self._chance.stream("proxy nonce", self._drawn).bytes(16).hex()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, and be found under the names of the premises.

        Raises:
            OSError: the address is in use or not ours.
        """
        self._listener = await self._net.listen(self._accept, host, port)
        for name, logical in ((at.PROXY_HOST, at.PROXY_PORT), (at.PAC_HOST, 80), (at.WPAD_HOST, 80)):
            self._net.publish(name, logical, self._listener.host, self._listener.port)

    @property
    def url(self) -> str:
        """Where it really listens; empty while it does not."""
        return "" if self._listener is None else f"http://{self._listener.host}:{self._listener.port}"

    async def stop(self) -> None:
        """Close the door and every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        running = list(self._open)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _accept(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=HEAD_BYTES_MAX), self._met)

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS_MAX:
            self._trace.event("world", "drop", data={"what": "proxy connection", "bound": CONNECTIONS_MAX})
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._live((reader, writer)), name="proxy connection")
        self._open[task] = None
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _live(self, near: Stream) -> None:
        try:
            await self._serve(near)
        except (OSError, BadMessage):
            near[1].transport.abort()
        finally:
            near[1].close()

    async def _serve(self, near: Stream) -> None:
        async with self._net.clock.timeout(PATIENCE_S):
            request = await read_head(near[0])
        if request is None:
            return
        method, target, *_ = [*request.first.split(" "), ""]
        if method == "CONNECT":
            await self._connect(near, request, target)
        elif method == "GET" and target in at.PAC_PATHS:
            await _say(near, *self._script())
        else:
            await _say(near, 405, b"only CONNECT\n", ("Allow: CONNECT",))

    def _script(self) -> tuple[int, bytes, tuple[str, ...]]:
        kind = ("Content-Type: application/x-ns-proxy-autoconfig",)
        if self._hit("pac_missing") is not None:
            return 404, b"", ()
        if self._hit("pac_broken") is not None:
            return 200, b"function FindProxyForURL(url, host) { return", kind
        return 200, self.settings.script.encode(), kind

    # -- tunnels ----------------------------------------------------------------------------------------------------------------------

    async def _connect(self, near: Stream, request: Head, target: str) -> None:
        name, _, number = target.rpartition(":")
        host, port = name.strip("[]").lower(), int(number) if _PORT.fullmatch(number) else 0
        if not host or not 0 < port < 65_536:
            await _say(near, 400)
            return
        status, headers = self._judge(request, host)
        if status == 200:
            authority = self._authority(host, port)
            try:
                far = await self._reach(host, port, opens_up=authority is not None)
            except Unreachable as error:
                status = 504 if "timeout" in error.reason else 502
        data = {"host": host, "port": port, "status": status, "credentials": bool(request.get("proxy-authorization"))}
        self._trace.event("world", "proxy.connect", data=data)
        if status != 200:
            await _say(near, status, b"", headers)
            return
        try:
            near[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._carry(near, far, host, authority)
        finally:
            far[1].close()

    async def _carry(self, near: Stream, far: Stream, host: str, authority: Authority | None) -> None:
        if authority is None:
            await pipe(near, far)
            return
        with suppress(ssl.SSLError):  # whoever does not believe our certificate hangs up
            await near[1].start_tls(authority.server_context((host,)))
            await exchange(near, far, lambda head: self._alter(head, host, near), self._net.clock)
            await hang_up(near[1])

    async def _reach(self, host: str, port: int, *, opens_up: bool) -> Stream:
        reader = asyncio.StreamReader(limit=HEAD_BYTES_MAX)
        tls = TlsClient(self._anchors) if opens_up else None
        service = min(self._services_at(host), default="")
        transport, protocol = await self._net.connect(
            lambda: asyncio.StreamReaderProtocol(reader), host, port, tls=tls, service=service
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())

    def _authority(self, host: str, port: int) -> Authority | None:
        if port in CLEAR_PORTS:
            return None
        fault = self._hit("intercept", host=host)
        return self.settings.inspects if fault is None else self._inspector(str(fault.params.get("ca", "untrusted")))

    def _judge(self, request: Head, host: str) -> tuple[int, tuple[str, ...]]:
        """Return the status for a tunnel as far as it is the proxy's to decide, and the headers of a refusal."""
        asks, moved = self._hit("auth", host=host), self._hit("wrong_password", host=host)
        schemes = self.settings.schemes or (("basic",) if moved is not None else ())
        if asks is not None:
            schemes = _words(asks.params.get("schemes", "basic"))
        header = request.get("proxy-authorization")
        verdict = self._gate.judge(header, schemes, "CONNECT", knows=moved is None) if header else "none"
        if schemes and verdict != "good":
            offers = self._gate.challenges(schemes, is_stale=verdict == "stale")
            return 407, tuple(f"Proxy-Authenticate: {offer}" for offer in offers)
        blocked = self._hit("block", host=host)
        return (200 if blocked is None else int(blocked.params.get("status", 403))), ()

    # -- opened up --------------------------------------------------------------------------------------------------------------------

    def _alter(self, head: Head, host: str, near: Stream) -> bytes | None:
        """Do to a request what faults ask for."""
        strips = self._hit("strip_headers", host=host)
        if strips is not None:
            head.drop(*(name.lower() for name in _words(strips.params.get("headers", STRIPPED))))
        is_upgrade = "upgrade" in head.get("connection").lower()
        blocks = self._hit("strip_upgrade", host=host) if is_upgrade else None
        if blocks is None:
            return None
        if blocks.params.get("what") == "reset":
            reset(near[1].transport)
            raise ConnectionResetError
        if "status" in blocks.params:
            return _answer(int(blocks.params["status"]))
        head.drop(*UPGRADE_FIELDS)
        return None

    # -- small things -----------------------------------------------------------------------------------------------------------------

    def _hit(self, do: str, **about: Any) -> Fault | None:
        faults = self._net.faults
        return faults.hit("proxy", step=do, **about) if faults.armed else None


def _words(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _answer(status: int, body: bytes = b"", headers: tuple[str, ...] = ()) -> bytes:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Refused"
    lines = [f"HTTP/1.1 {status} {phrase}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _say(near: Stream, status: int, body: bytes = b"", headers: tuple[str, ...] = ()) -> None:
    near[1].write(_answer(status, body, headers))
    await hang_up(near[1])
