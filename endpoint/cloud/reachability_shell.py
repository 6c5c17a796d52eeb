"""Media discovery, running: timers, tasks and listeners around the table of `reachability`.

An idle device costs one timer, the next run; after a failed run a second one, the end of the old result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from endpoint.cloud.reachability import (
    FAST,
    STARTED,
    TABLE,
    ClusterSource,
    DiscoveryListener,
    DiscoveryView,
    Effect,
    ListFailed,
    ListReceived,
    Profile,
    Result,
    ResultAged,
    ServerAnswered,
    ServersDone,
    State,
    Triggered,
    TrustSource,
    age_line,
    early_line,
    failed_line,
    improve,
    reason_of,
    result_lines,
    whole_seconds,
)
from endpoint.cloud.reachability_probes import Probes
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.statetable import Machine
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire.calliope import (
    MAX_AGE_DEFAULT_S,
    Answer,
    Best,
    ClusterList,
    Report,
    Server,
    Transport,
    VersionedReport,
    best_of,
    max_age_s,
    refresh_bounds,
    report,
    report_v1,
    servers_of,
)
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.stun_transaction import whole_ms


@dataclass(slots=True)
class _Run:
    """What is known of the present run so far."""

    number: int = 0
    began_s: float = 0.0
    listed_s: float = 0.0
    age_s: int = MAX_AGE_DEFAULT_S
    clusters: ClusterList = field(default_factory=lambda: ClusterList(clusters={}))
    asked: tuple[Server, ...] = ()
    answers: list[Answer] = field(default_factory=list)


class Reachability:
    """The media discovery of one device.

    `trigger` starts a run; during a run it starts another one at its end. Runs repeat by themselves before the age of the list has passed.
    """

    def __init__(
        self,
        source: ClusterSource,
        trust: TrustSource,
        listener: DiscoveryListener,
        world: World,
        profile: Profile = FAST,
    ) -> None:
        self.profile = profile
        self.transports: frozenset[Transport] = frozenset(Transport)
        """Servers of these are asked in runs that begin from now on."""
        self.result: Result | None = None
        """The last complete run; it stays until the next one is complete."""
        self._source = source
        self._trust = trust
        self._listener = listener
        self._world = world
        self._machine = Machine(TABLE, self._on_change)
        self._do: Mapping[Effect, Callable[[Any], None]] = {
            Effect.FETCH_LIST: self._fetch_list,
            Effect.RUN_AGAIN: self._run_again,
            Effect.PROBE: self._probe,
            Effect.KEEP_OLD: self._keep_old,
            Effect.IMPROVE_BEST: self._improve_best,
            Effect.CONCLUDE: self._conclude,
            Effect.DROP_OLD: self._drop_old,
        }
        self._run = _Run()
        self._best: Best = {}
        self._again: Triggered | None = None
        self._tasks = Tasks()
        self._task: asyncio.Task[None] | None = None
        self._next: Timer | None = None
        self._stale: Timer | None = None

    @property
    def view(self) -> DiscoveryView:
        """What xStatus shows now."""
        took_s = self.result.took_s if self.result else 0.0
        return DiscoveryView(self._machine.state.status, self._best, whole_seconds(took_s))

    def trigger(self, cause: str) -> None:
        """Measure, because of `boot`, `network`, `request` or the like."""
        self._feed(Triggered(cause))

    async def settled(self) -> None:
        """Wait until no run is under way and none is due at its end."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """End what is under way and forget the timers."""
        for timer in (self._next, self._stale):
            if timer is not None:
                timer.cancel()
        await self._tasks.cancel()

    def report(self) -> Report | None:
        """Return what is sent with a join: the last complete result, untested once its age has passed; None before the first one."""
        if self.result is None:
            return None
        is_stale = self._world.clock.time() >= self.result.stale_at_s
        return report(self.result.clusters.clusters, self.result.asked, self.result.answers, is_stale=is_stale)

    def report_v1(self) -> VersionedReport | None:
        """Return the same in the form of version 1."""
        tests = self.report()
        if tests is None or self.result is None:
            return None
        return report_v1(tests, whole_ms(self.result.took_s), self.result.clusters.discovery_options)

    # -- the machine --

    def _feed(self, event: object) -> None:
        for effect in self._machine.feed(event):
            assert isinstance(effect, Effect)
            self._do[effect](event)

    def _on_change(self, machine: str, before: State, event: object, after: State) -> None:
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        self._world.trace.event(self._world.who, "machine", data=data)

    def _fetch_list(self, event: Triggered) -> None:
        if self._next is not None:
            self._next.cancel()
        self._run = _Run(self._run.number + 1, self._world.clock.time())
        self._world.log.line(*STARTED)
        self._show()
        self._task = self._tasks.start(self._list(), "discovery: cluster list")

    def _run_again(self, event: Triggered) -> None:
        self._again = event

    def _probe(self, event: ListReceived) -> None:
        run = self._run
        run.clusters, run.asked = event.answer.clusters, event.asked
        run.listed_s, run.age_s = self._world.clock.time(), max_age_s(event.answer.cache_control)
        self._world.log.line(*age_line(run.age_s, self._schedule_next(run.age_s)))
        if event.unusable:
            data = {"what": "stun url", "count": len(event.unusable), "first": event.unusable[0][:80]}
            self._world.trace.event(self._world.who, "drop", data=data)
        self._task = self._tasks.start(self._measure(), "discovery: servers")

    def _improve_best(self, event: ServerAnswered) -> None:
        self._run.answers.append(event.answer)
        best = improve(self._best, event.answer)
        if best is not None:
            self._best = best
            self._world.log.line(*early_line(event.answer))
            self._show()

    def _conclude(self, event: ServersDone) -> None:
        run = self._run
        self._best = best_of(run.answers)
        self.result = Result(
            clusters=run.clusters,
            asked=run.asked,
            answers=tuple(run.answers),
            best=self._best,
            completed_at=self._world.clock.now(),
            took_s=self._world.clock.time() - run.began_s,
            listed_at_s=run.listed_s,
            age_s=run.age_s,
        )
        for line in result_lines(self.result):
            self._world.log.line(*line)
        self._world.trace.event(self._world.who, "stun.discovery", data=self.result.summary())
        self._end_run()

    def _keep_old(self, event: ListFailed) -> None:
        log = self._world.log
        log.line(*failed_line(event.reason, log.stamp(self.result.completed_at) if self.result else "never"))
        self._schedule_next(self.result.age_s if self.result else MAX_AGE_DEFAULT_S)
        if self._best and self.result and self._stale is None:
            left_s = self.result.stale_at_s - self._world.clock.time()
            self._stale = self._world.clock.call_later(left_s, self._feed, ResultAged())
        self._end_run()

    def _drop_old(self, event: ResultAged) -> None:
        self._stale = None
        self._best = best_of(self._run.answers)
        self._show()

    def _end_run(self) -> None:
        if self._machine.state is State.COMPLETED and self._stale is not None:
            self._stale.cancel()
            self._stale = None
        self._show()
        if self._again is not None:
            again, self._again = self._again, None
            self._feed(again)

    # -- timers and tasks --

    def _schedule_next(self, age_s: int) -> int:
        drawn_s = self._world.chance.stream("discovery age", self._run.number).randint(*refresh_bounds(age_s))
        self._next = self._world.clock.call_later(drawn_s, self.trigger, "age")
        return drawn_s

    async def _list(self) -> None:
        try:
            answer = await self._source.fetch()
            servers, unusable = servers_of(answer.clusters)
            asked = [server for server in servers if server.transport in self.transports]
        except (EndpointError, RemoteProtocolError) as error:
            self._feed(ListFailed(reason_of(error)))
        else:
            self._feed(ListReceived(answer, tuple(asked), tuple(unusable)))

    async def _measure(self) -> None:
        probes = Probes(
            self._run.asked,
            self.profile,
            lambda answer: self._feed(ServerAnswered(answer)),
            world=self._world,
            run=self._run.number,
            tls=self._trust() or TlsClient(),
        )
        await probes.run()
        self._feed(ServersDone())

    def _show(self) -> None:
        self._listener.on_discovery(self.view)
