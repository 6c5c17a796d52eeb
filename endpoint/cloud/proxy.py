"""The device's way through an HTTP proxy: which proxy, as whom, and what is said of it.

All cloud traffic takes it, websockets too; each connection is a tunnel by CONNECT, also to services without TLS. Credentials are tried
once: a proxy that refuses them does not see them again for ten minutes, so that no account is locked by a device that does not give up.
Lines R08, R10, R11, R94 of protocol/activation-and-media.md 9.4, rows 7 to 11 of section 16.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import tzinfo
from typing import Any, Final

from endpoint.cloud.http import Http
from endpoint.cloud.proxy_connect import ProxyDown, ask
from endpoint.cloud.proxy_script import Script
from endpoint.cloud.proxy_settings import ProxySettings
from endpoint.runtime import httpnet
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import conventions, proxyauth
from endpoint.wire.proxyauth import Challenge, ProxyAuthorization
from endpoint.wire.tunnel import ProxyAddress, Reply, parse_proxy, target_of

REFUSED_S: Final = 600.0  # protocol section 16, row 9: at most one try per 10 minutes and process
REFUSES_WITHIN_S: Final = 2.0
"""A proxy that takes longer than this is looking for the host, and has let us in (ours)."""
NEEDS_LOGIN: Final = "proxy authentication required"
BLOCKED_MAX: Final = 256
"""Hosts remembered as blocked, so that each is told once."""
KNOWN_MAX: Final = 64
"""Proxies whose last challenge is remembered; a script may name any number of them."""
BLOCKED_MANY: Final = 3
"""So many blocked hosts are no longer a feature that is missing: the cloud counts as silent (ours)."""


class Blocked(Unreachable):
    """The proxy does not let a host through."""

    def __init__(self, host: str, reason: str, *, is_silence: bool) -> None:
        super().__init__("proxy", host, reason)
        self.is_silence = is_silence


class HttpProxy:
    """The proxy of one device, for one boot.

    Args:
        tasks: where a script is fetched again in the background.
        settings: what holds at present.
        on_problem: told what is wrong with the proxy, empty when nothing is, and whether that is the script's fault.
    """

    def __init__(
        self,
        world: World,
        http: Http,
        tasks: Tasks,
        settings: Callable[[], ProxySettings],
        on_problem: Callable[[str, bool], object],
        zone: Callable[[], tzinfo],
    ) -> None:
        self._world = world
        self._http = http
        self._tasks = tasks
        self._read = settings
        self._on_problem = on_problem
        self._zone = zone
        self._script: Script | None = None
        self._turn = asyncio.Lock()
        """Of whoever shows credentials, see `_alone`."""
        self._settings = ProxySettings()
        self._uses = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        settings = self._settings
        self.stop()
        if settings.uses_script:
            self._script = Script(self._world, self._http, self._tasks, settings.url, self._zone, self._tell)
        self._known: dict[ProxyAddress, Challenge] = {}
        self._count = 0
        self._refused_until_s = float("-inf")
        self._blocked: dict[str, None] = {}
        self._problem = ""

    def stop(self) -> None:
        """Fetch no script any more."""
        if self._script is not None:
            self._script.stop()
            self._script = None

    def settings_changed(self) -> None:
        """Take up the settings: what was learned of the proxy before is forgotten."""
        settings = self._read()
        if settings == self._settings:
            return
        self._settings = settings
        self._begin_anew()
        self._tell()
        if settings.is_on:
            url = conventions.redact_url(settings.url)
            self._world.log.line("Network", "I", f"proxy {settings.mode} {url}")

    async def tunnel(self, host: str, port: int, *, secure: bool, service: str) -> Any:
        """Return a stream that leads to a host through the proxy, or None for the direct way; errors as in `Way.tunnel`."""
        if not self._settings.is_on:
            return None
        down: ProxyDown | None = None
        for proxy in await self._ways(host, port, secure=secure):
            if proxy is None:
                return None
            try:
                return await self._through(proxy, host, port, service)
            except ProxyDown as error:
                down = error
        self._notice("Unreachable")
        raise down or ProxyDown(host)

    async def _ways(self, host: str, port: int, *, secure: bool) -> tuple[ProxyAddress | None, ...]:
        script = self._script
        if script is not None:
            return await script.ways(host, port, secure=secure)
        found = parse_proxy(self._settings.url)
        return () if found is None else (found,)

    async def _through(self, proxy: ProxyAddress, host: str, port: int, service: str) -> Any:
        if not self._settings.login:
            reply, stream = await self._ask(proxy, host, port, None)
        else:
            async with self._alone():
                reply, stream = await self._as_somebody(proxy, host, port)
        if stream is not None:
            self._blocked.pop(host, None)
            self._notice("")
            return stream
        if reply.status == 407:
            self._judge(proxyauth.parse_challenges(reply.challenges))
            raise Unreachable("proxy", host, NEEDS_LOGIN)
        self._notice("")
        reason = f"proxy refused CONNECT ({reply.status})"
        self._tell_blocked(host, service, reason)
        raise Blocked(host, reason, is_silence=reply.status >= 500 or len(self._blocked) >= BLOCKED_MANY)

    async def _ask(self, proxy: ProxyAddress, host: str, port: int, challenge: Challenge | None) -> tuple[Reply, Any]:
        reply, stream = await ask(self._world, proxy, host, port, self._answer(challenge, host, port))
        note = httpnet.on_proxy_answer.get()
        if stream is None and note is not None:
            note(reply.status)  # L09, of the request that waits for the tunnel
        return reply, stream

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Let nobody else show credentials before a proxy has had the time to refuse them: a wrong password is shown once, not often."""
        await self._turn.acquire()
        is_mine = True

        def let_go() -> None:
            nonlocal is_mine
            if is_mine:
                is_mine = False
                self._turn.release()

        patience = self._world.clock.call_later(REFUSES_WITHIN_S, let_go)
        try:
            yield
        finally:
            patience.cancel()
            let_go()

    async def _as_somebody(self, proxy: ProxyAddress, host: str, port: int) -> tuple[Reply, Any]:
        """Ask with what is known of the proxy; answer a challenge once, and once more when only its nonce was too old."""
        known = self._known.get(proxy) if self._may_try else None
        reply, stream = await self._ask(proxy, host, port, known)
        while reply.status == 407 and self._may_try:
            offered = proxyauth.parse_challenges(reply.challenges)
            challenge = proxyauth.choose(offered)
            if known is not None and not (challenge is not None and challenge.is_stale):
                self._refused(proxy)
                break
            if challenge is None or (known is not None and known.is_stale):
                break
            known = challenge
            self._learn(proxy, challenge)
            self._count = 0
            reply, stream = await self._ask(proxy, host, port, known)
        return reply, stream

    @property
    def _may_try(self) -> bool:
        return self._world.clock.time() >= self._refused_until_s

    def _learn(self, proxy: ProxyAddress, challenge: Challenge) -> None:
        """Keep what a proxy has asked last; a script may name any number of them, the oldest leaves first."""
        self._known.pop(proxy, None)
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[proxy] = challenge

    def _answer(self, challenge: Challenge | None, host: str, port: int) -> ProxyAuthorization | None:
        if challenge is None:
            return None
        self._uses, self._count = self._uses + 1, self._count + 1
        settings, cnonce = self._settings, self._world.chance.stream("proxy cnonce", self._uses).bytes(8).hex()
        return proxyauth.authorize(
            challenge, settings.login, settings.password,
            method="CONNECT", uri=target_of(host, port), cnonce=cnonce, count=self._count,
        )  # fmt: skip

    def _refused(self, proxy: ProxyAddress) -> None:
        self._known.pop(proxy, None)
        self._refused_until_s = self._world.clock.time() + REFUSED_S
        self._world.log.line("Network", "W", "proxy refused our credentials, not trying again")

    def _judge(self, offered: tuple[Challenge, ...]) -> None:
        """Work out what is wrong when a proxy wants to know who is there."""
        if proxyauth.choose(offered) is None:
            names = ", ".join(dict.fromkeys(one.shown for one in offered))
            if self._problem != "AuthenticationUnsupported":
                self._world.log.line("Network", "W", f"proxy offers no supported authentication ({names})")
            self._notice("AuthenticationUnsupported")
        elif self._settings.login:
            self._notice("AuthenticationFailed")
        else:
            self._notice("AuthenticationRequired")

    def _tell_blocked(self, host: str, service: str, reason: str) -> None:
        if host not in self._blocked:
            if len(self._blocked) >= BLOCKED_MAX:
                del self._blocked[next(iter(self._blocked))]
            self._blocked[host] = None
            self._world.log.line("Wx2", "W", f"{service or host} unreachable: {reason}")

    def _notice(self, problem: str) -> None:
        self._problem = problem
        self._tell()

    def _tell(self) -> None:
        by_script = self._script is not None and bool(self._script.problem) and not self._problem
        self._on_problem("PacUnavailable" if by_script else self._problem, by_script)
