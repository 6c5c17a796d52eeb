"""The device's service catalogue (U2C): fetched limited and full, failed over, and fetched anew when the cloud says so.

Source: protocol/cloud-services.md section 3; activation-and-media.md 1.6, lines R40, R41.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from endpoint.cloud.account import milliseconds
from endpoint.cloud.bases import Bases
from endpoint.cloud.http import Answer, Backoff, Call, Http
from endpoint.cloud.identity import AccountGone, Identity, Origin, origin
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import catalog
from endpoint.wire.catalog import Catalog
from endpoint.wire.catalog_formats import FORMAT_HOSTMAP, parse_catalog
from endpoint.wire.errors import RemoteProtocolError

REQUIRED: Final = ("wdm", "calendar", "calliopeDiscovery")
TOTAL_S: Final = 120.0
_parse = lru_cache(maxsize=16)(parse_catalog)
"""Devices that were answered the same share one value."""


@lru_cache(maxsize=16)
def _origins(prefixes: frozenset[str]) -> frozenset[Origin]:
    return frozenset(origin(prefix) for prefix in prefixes)


class CatalogUnavailable(EndpointError):
    """No usable catalogue could be had."""


class ServiceCatalog:
    """Know where the services of one device are."""

    def __init__(
        self, world: World, http: Http, identity: Identity, tasks: Tasks, bases: Bases, *, form: str = FORMAT_HOSTMAP
    ) -> None:
        self._world = world
        self._http = http
        self._identity = identity
        self._tasks = tasks
        self._bases = bases
        self._form = form
        self._missing: set[str] = set()
        self._updating: asyncio.Task[None] | None = None
        self._again = False
        self._origins: frozenset[Origin] = frozenset()
        self.catalog = Catalog()
        self.is_fresh = False
        """Whether there is a catalogue that nothing speaks against."""
        self.on_change: Callable[[Catalog], object] = lambda catalog: None

    @property
    def missing(self) -> tuple[str, ...]:
        """The services that the device cannot do without and the catalogue does not have."""
        return tuple(name for name in REQUIRED if name in self._missing)

    def url(self, name: str) -> str:
        """Return the base URL of a service.

        Raises:
            CatalogUnavailable: the catalogue has none; line R41 is written once per catalogue.
        """
        url = self._find(name)
        if url is None:
            self._miss(name)
            raise CatalogUnavailable(f"the service catalogue has no url for {name}")
        return url

    def _find(self, name: str) -> str | None:
        if name == "wdm" and self._bases.wdm is not None:
            return self._bases.wdm
        return self.catalog.url(name)

    def _miss(self, name: str) -> None:
        if name not in self._missing:
            self._missing.add(name)
            self._world.log.line("Wx2", "W", f"Service catalogue has no url for {name}")

    def allows_token(self, where: Origin) -> bool:
        """Tell whether a token may be sent there: it is in the catalogue, is configured, or came with the proof."""
        if where in self._origins:
            return True
        account = self._identity.account
        known = {self._u2c(), self._bases.activation, *(account.services.values() if account else ())}
        if self._bases.wdm is not None:
            known.add(self._bases.wdm)
        return where in {origin(url) for url in known}

    def _u2c(self) -> str:
        account = self._identity.account
        told = account.services.get("u2c") if account else None
        return self._bases.u2c_override or told or self._bases.u2c

    async def fetch(self, *, forced: bool = False) -> Catalog:
        """Fetch the limited catalogue, then the full one, and use it from now on.

        Args:
            forced: adds `timestamp`, which defeats caches on the way.

        Raises:
            CatalogUnavailable: the cloud answered no, or with something that is no catalogue; the old one stays.
            Unreachable: nobody answered within two minutes; the old one stays.
        """
        account = self._identity.account
        org = account.org_id if account else ""
        extra = f"&timestamp={milliseconds(self._world.clock.now())}" if forced else ""
        await self._get(f"{catalog.LIMITED_PATH}?orgId={org}&format={self._form}{extra}", with_token=False)
        fetched = await self._get(f"{catalog.FULL_PATH}?format={self._form}{extra}", with_token=True)
        self._world.log.line("Wx2", "3", f"Service catalogue updated: {len(fetched.services)} services")
        self.use(fetched)
        return fetched

    def use(self, fetched: Catalog) -> None:
        """Use a catalogue from now on."""
        self._missing.clear()
        self.catalog, self.is_fresh = fetched, True
        self._origins = _origins(fetched.prefixes())
        for name in REQUIRED:
            if self._find(name) is None:
                self._miss(name)
        self.on_change(fetched)

    def expire(self) -> None:
        """Take note that the catalogue led nowhere: it stays, but the next way to the cloud begins with a new one."""
        self.is_fresh = False

    async def _get(self, path: str, *, with_token: bool) -> Catalog:
        generation = self._identity.generation

        def call() -> Call:
            if self._identity.generation != generation:
                raise AccountGone("the account was removed while its catalogue was asked for")
            return Call("GET", self._u2c() + path, "u2c")

        try:
            answer = await self._http.send_until_answered(
                call,
                Backoff(self._world, "u2c"),
                total_s=TOTAL_S,
                sender=self._identity.send if with_token else None,
            )
        except Unreachable as error:
            self._world.log.line("Wx2", "W", f"u2c unreachable: {error.reason}")
            raise
        return self._read(answer)

    def _read(self, answer: Answer) -> Catalog:
        if not answer.ok:
            raise CatalogUnavailable(f"u2c answered {answer.refusal(self._world.clock.now())}")
        try:
            return _parse(answer.body)
        except RemoteProtocolError as error:
            raise CatalogUnavailable(f"u2c answered no catalogue: {error}") from None

    def mark_failed(self, url: str) -> None:
        """Move the service of a URL to its next address, after a failure there."""
        marked = self.catalog.mark_failed(url)
        if marked.failed != self.catalog.failed:
            self.catalog = marked

    def on_event(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Take the Mercury events about the catalogue: cache invalidation, active clusters.

        Raises:
            RemoteProtocolError: there is no timestamp, or no clusters, in it.
        """
        if event_type == catalog.CACHE_INVALIDATION:
            if self.catalog.is_outdated(catalog.parse_cache_invalidation(data)):
                self._update()
        elif event_type == catalog.ACTIVE_CLUSTERS:
            switched = self.catalog.activate(catalog.parse_active_clusters(data))
            if switched is None:
                self._update()
            elif switched.services != self.catalog.services:
                self.use(switched)

    def _update(self) -> None:
        """Fetch in the background; an event during a fetch makes one more fetch, however many they are."""
        if self._updating is not None and not self._updating.done():
            self._again = True
        else:
            self._updating = self._tasks.start(self._fetch_quietly(), "catalogue")

    async def _fetch_quietly(self) -> None:
        generation = self._identity.generation
        while generation == self._identity.generation:
            self._again = False
            try:
                await self.fetch(forced=True)
            except EndpointError as error:
                if generation == self._identity.generation:
                    self._world.log.line("Wx2", "W", f"Service catalogue not updated: {error}")
            if not self._again:
                return

    def forget(self) -> None:
        """Drop the catalogue: the account is gone."""
        self._missing.clear()
        self._updating = None
        self.catalog, self.is_fresh, self._origins = Catalog(), False, frozenset()
        self.on_change(self.catalog)
