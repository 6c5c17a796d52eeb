"""The list of media clusters, asked from Calliope. Source: protocol/activation-and-media.md 10.1, cloud-services.md 10.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import hdrs

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Backoff, Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.reachability import ClusterAnswer
from endpoint.runtime.world import World
from endpoint.wire.calliope import ClusterList, ClusterQuery, VersionedReport

RETRY_ON: Final = frozenset({429, 503})
TOTAL_S: Final = 60.0


class Clusters:
    """Ask for the clusters: the first time as the seed's device does, later with the report of the run before."""

    def __init__(self, world: World, identity: Identity, catalog: ServiceCatalog) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self.last_report: Callable[[], VersionedReport | None] = lambda: None

    async def fetch(self) -> ClusterAnswer:
        """Get the list; GET before the first result, then POST, which carries the last report back to the cloud.

        Raises:
            EndpointError: no answer, or a refusal.
            RemoteProtocolError: the answer is no cluster list.
        """
        answer = await self._identity.send_until_answered(
            self._call, Backoff(self._world, "calliope"), retry=lambda status: status in RETRY_ON, total_s=TOTAL_S
        )
        if not answer.ok:
            raise answer.refusal(self._world.clock.now())
        return ClusterAnswer(answer.read(ClusterList), answer.headers.get(hdrs.CACHE_CONTROL))

    def _call(self) -> Call:
        url = f"{self._catalog.url('calliopeDiscovery')}/clusters"
        report = self.last_report()
        if report is None:
            return Call("GET", url, "calliope")
        query = ClusterQuery(ipver=4, previous_report=report)
        return Call("POST", url, "calliope", query, shown=msgspec.to_builtins(query))
