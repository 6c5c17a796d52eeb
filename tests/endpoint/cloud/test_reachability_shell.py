"""Discovery against media nodes, in virtual time: the field's figures, faults, and what starts the next run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from cloud_stub.media_node.fleet import Fleet, MediaPlan, build_media, field_media
from cloud_stub.media_node.node import NodeSeams, NodeSpec
from cloud_stub.media_node.responder import Behaviour, Conduct
from endpoint.cloud.reachability import FAITHFUL_PROFILE, FAST, ClusterAnswer, DiscoveryView, Profile
from endpoint.cloud.reachability_shell import Reachability
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance, Stream
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.errors import EndpointError, Refused, Unreachable
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import Trace, trace_hash
from endpoint.runtime.world import World
from endpoint.wire.calliope import Best, ClusterList, ClusterUrls, Transport, best_nodes
from endpoint.wire.codec import encode
from endpoint.wire.errors import RemoteProtocolError

UDP, TCP, XTLS = Transport.UDP, Transport.TCP, Transport.XTLS
START = datetime(2022, 4, 24, 18, 58, 15, 538_000, UTC)
AUTHORITY = Authority()


@dataclass
class Cloud:
    """The cluster list, as a source for the device; `failure` is what fetching raises."""

    clusters: Callable[[], dict[str, ClusterUrls]]
    clock: Clock
    header: str | None = "public, max-age=7200"
    takes_s: float = 0.366
    failure: EndpointError | RemoteProtocolError | None = None
    fetched: int = 0

    async def fetch(self) -> ClusterAnswer:
        self.fetched += 1
        await self.clock.sleep(self.takes_s)
        if self.failure is not None:
            raise self.failure
        return ClusterAnswer(ClusterList(clusters=self.clusters()), self.header)


@dataclass
class Screen:
    """Everything that xStatus showed, with the second it changed at."""

    clock: Clock
    views: list[tuple[float, DiscoveryView]] = field(default_factory=list)

    def on_discovery(self, view: DiscoveryView) -> None:
        self.views.append((self.clock.time(), view))


@dataclass
class Stage:
    """A device and the media nodes it finds."""

    clock: Clock
    trace: Trace
    faults: Faults
    fleet: Fleet
    cloud: Cloud
    screen: Screen
    device: Reachability
    log: DeviceLog

    async def run(self, cause: str = "boot") -> Mapping[str, Any]:
        """Trigger a run, wait for its end, and return its figures."""
        self.device.trigger(cause)
        await self.device.settled()
        return self.summary

    @property
    def summary(self) -> Mapping[str, Any]:
        assert self.device.result is not None
        return self.device.result.summary()

    def texts(self, start: str) -> list[str]:
        """Return the log lines whose module part starts like this, without time and process."""
        lines = [line.split("]: ", 1)[1] for line in self.log.lines]
        return [line for line in lines if line.startswith(start)]


def _small(stream: Stream) -> MediaPlan:
    return build_media(stream, clusters=2, servers=10)


def _stage(plan: Callable[[Stream], MediaPlan], profile: Profile, tls: TlsClient | None, seed: int) -> Stage:
    clock = Clock(LoopTime(asyncio.get_running_loop(), START))
    trace = Trace(clock)
    faults, names, chance = Faults(clock, trace), NameTable(), Chance(seed)
    media = plan(chance.actor("cloud").stream("media"))
    net = Net("cloud", clock, names, faults)
    context = AUTHORITY.server_context(media.tls_names)
    fleet = Fleet(media, NodeSeams(net, clock, faults, trace, context))
    who = "device:room"
    log = DeviceLog(who, clock, trace, pid=3899, zone=timezone(timedelta(hours=-5)))
    world = World(who, clock, chance.actor(who), Net(who, clock, names, faults), trace, faults, log)
    cloud, screen = Cloud(fleet.clusters, clock), Screen(clock)
    device = Reachability(cloud, lambda: tls, screen, world, profile)
    return Stage(clock, trace, faults, fleet, cloud, screen, device, log)


def _play(
    scene: Callable[[Stage], Awaitable[None]],
    *,
    plan: Callable[[Stream], MediaPlan] = _small,
    profile: Profile = FAST,
    tls: TlsClient | None = TlsClient((AUTHORITY.pem,)),
    seed: int = 7,
) -> Stage:
    async def main() -> Stage:
        stage = _stage(plan, profile, tls, seed)
        await stage.fleet.start()
        await scene(stage)
        await stage.device.stop()
        await stage.fleet.stop()
        return stage

    return virtual.run(main)


async def _once(stage: Stage) -> None:
    await stage.run()


@pytest.fixture(scope="module")
def field_run() -> Stage:
    """One run over 210 servers of which 44 are silent."""
    return _play(_once, plan=field_media)


def _spread(best: Best) -> list[int]:
    return list(best_nodes(best))


# -- the field --------------------------------------------------------------------------------------------------------------------------


def test_the_field_answers_as_on_the_slides(field_run: Stage) -> None:
    counts = {"asked": 210, "answered": 166, "silent": 44, "udp": 76, "tcp": 68, "xtls": 22}
    assert {key: field_run.summary[key] for key in counts} == counts


def test_the_field_is_done_within_ten_seconds(field_run: Stage) -> None:
    assert 9_500 < field_run.summary["took_ms"] - 366 <= 10_000


def test_the_first_best_comes_within_a_second_and_is_logged(field_run: Stage) -> None:
    first = next(at for at, view in field_run.screen.views if view.best)
    assert first - field_run.cloud.takes_s < 1.0
    early = field_run.texts("CalliopeDiscovery[3]: early BEST callCenter:")
    assert len(early) == len(set(early)) >= 3


def test_the_log_of_a_run_has_the_lines_of_the_slides_in_their_order(field_run: Stage) -> None:
    lines = [line for line in field_run.log.lines if "early" not in line]
    where = "callCenter:wdfw2.wdfw2.*, trnsp:{}, protocol:stun, ip:192.0.2.1:{} with RTT:{}"
    best = "CalliopeDiscovery I: CalliopeDiscovery: BEST " + where
    drawn = lines[1].rsplit(" ", 1)[1]
    assert 5400 <= int(drawn) <= 7200
    assert [line.split("]: ", 1)[1] for line in lines] == [
        "Wx2[2]: Starting calliope discovery",
        f"Wx2 I: CalliopeDiscovery Cache-Control::max-age=7200 rand (75 - 100) -> {drawn}",
        "CalliopeDiscovery I: CalliopeDiscovery completed with response from 166 out of 210 servers. 76 udp, 68 tcp, 22 xTls",
        best.format("udp", 5004, 25),
        best.format("tcp", 5004, 29),
        best.format("xTls", 443, 32),
    ]
    assert lines[0].startswith("2022-04-24T13:58:15.538-05:00 appl[3899]: ")
    assert lines[1].startswith("2022-04-24T13:58:15.904-05:00 appl[3899]: ")


def test_xstatus_shows_the_run_from_its_start_to_its_end(field_run: Stage) -> None:
    words = list(dict.fromkeys(view.status for _, view in field_run.screen.views))
    last = field_run.screen.views[-1][1]
    assert words == ["InProgress", "Completed"]
    assert (last.discovery_time_s, _spread(last.best)) == (11, [1, 2, 3])
    assert best_nodes(last.best)[1] == {
        "Cluster": "wdfw2.wdfw2.*", "Ip": "192.0.2.1:5004", "RTT": 25, "Transport": "udp"
    }  # fmt: skip


def test_one_socket_serves_all_udp_servers() -> None:
    async def scene(stage: Stage) -> None:
        loop: Any = asyncio.get_running_loop()
        before = len(loop.network.bound)
        stage.device.trigger("boot")
        await stage.clock.sleep(5.0)
        assert len(loop.network.bound) == before + 1
        await stage.device.settled()
        assert len(loop.network.bound) == before

    assert _play(scene, plan=field_media).summary["udp"] == 76


def test_the_faithful_profile_takes_as_long_as_the_slides() -> None:
    stage = _play(_once, plan=field_media, profile=FAITHFUL_PROFILE)
    assert (stage.summary["answered"], 180_000 < stage.summary["took_ms"] < 205_000) == (166, True)


def test_the_same_seed_is_the_same_run_and_another_seed_another(field_run: Stage) -> None:
    hashes = [trace_hash(_play(_once, plan=field_media, seed=seed).trace.events) for seed in (7, 7, 8)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert hashes[0] == trace_hash(field_run.trace.events)


# -- faults of the fault table, rows 33 to 37 -------------------------------------------------------------------------------------------


def _blocked(*faults: Fault) -> Stage:
    async def scene(stage: Stage) -> None:
        for fault in faults:
            stage.faults.arm(fault)
        await stage.run()

    return _play(scene)


NO_UDP = Fault("udp", "udp", "drop", {"port": 5004, "direction": "up"})
NO_TCP = Fault("tcp", "tcp", "block", {"port": 5004})
NO_TLS = Fault("tls", "tcp", "block", {"port": 443})
IN_VAIN = "CalliopeDiscovery W: CalliopeDiscovery: no server answered over "


@pytest.mark.parametrize(
    ("faults", "counts", "spread"),
    [
        ([NO_UDP], "from 6 out of 10 servers. 0 udp, 4 tcp, 2 xTls", [2, 3]),
        (
            [replace(NO_UDP, target={"port": 5004, "direction": "down"})],
            "from 6 out of 10 servers. 0 udp, 4 tcp, 2 xTls",
            [2, 3],
        ),
        ([NO_UDP, NO_TCP], "from 2 out of 10 servers. 0 udp, 0 tcp, 2 xTls", [3]),
        ([NO_UDP, NO_TCP, NO_TLS], "from 0 out of 10 servers. 0 udp, 0 tcp, 0 xTls", []),
    ],
    ids=["UDP up", "UDP down", "UDP and TCP", "all"],
)
def test_blocked_transports_are_counted_named_and_left_out_of_best(
    faults: list[Fault], counts: str, spread: list[int]
) -> None:
    stage = _blocked(*[replace(fault) for fault in faults])
    view = stage.device.view
    in_vain = [transport.log_name for transport in Transport if transport.number not in spread]
    assert stage.texts("CalliopeDiscovery I")[0].endswith(counts)
    assert stage.texts("CalliopeDiscovery W") == [IN_VAIN + name for name in in_vain]
    assert (view.status, _spread(view.best)) == ("Completed", spread)
    assert stage.summary["took_ms"] <= 9_500 + 20 + 366


def _conduct(conduct: Conduct) -> Callable[[Stream], MediaPlan]:
    return lambda stream: MediaPlan((NodeSpec("a", "192.0.2.1", dict.fromkeys(Transport, conduct)),))


@pytest.mark.parametrize(
    ("conduct", "answered", "least_ms"),
    [
        (Conduct(rtt_s=0.025), 3, 0),
        (Conduct(Behaviour.SILENT), 0, 9_500),
        (Conduct(Behaviour.REFUSE), 0, 9_500),
        (Conduct(Behaviour.MALFORMED), 0, 9_500),
        (Conduct(Behaviour.WRONG_TRANSACTION), 0, 9_500),
        (Conduct(Behaviour.NO_MAPPED_ADDRESS), 0, 9_500),
        (Conduct(Behaviour.ERROR), 0, 0),
        (Conduct(Behaviour.SLOW, rtt_s=0.025), 3, 2_025),
        (Conduct(Behaviour.SLOW, slow_s=9.6), 0, 9_500),
    ],
    ids=lambda value: f"{value.behaviour} {value.slow_s:g}" if isinstance(value, Conduct) else None,
)
def test_each_conduct_of_a_server_has_its_outcome(conduct: Conduct, answered: int, least_ms: int) -> None:
    stage = _play(_once, plan=_conduct(conduct))
    assert stage.summary["answered"] == answered
    assert least_ms <= stage.summary["took_ms"] - 366 <= least_ms + 50


def test_a_slow_answer_counts_from_the_first_send() -> None:
    stage = _play(_once, plan=_conduct(Conduct(Behaviour.SLOW, rtt_s=0.025)))
    assert {answer.rtt_ms for answer in stage.device.result.answers} == {2025}  # type: ignore[union-attr]


@pytest.mark.parametrize("hops", [1, 2])
def test_error_300_is_followed_once(hops: int) -> None:
    def plan(stream: Stream) -> MediaPlan:
        chain = ["192.0.2.1", "192.0.2.2", "192.0.2.3"][: hops + 1]
        port = {UDP: 5004, TCP: 5004, XTLS: 443}
        nodes = [
            NodeSpec(f"c{number}", host, {
                transport: Conduct(Behaviour.ERROR, code=300, alternate=(chain[number + 1], port[transport]))
                if number < hops else Conduct(rtt_s=0.025)
                for transport in Transport
            })
            for number, host in enumerate(chain)
        ]  # fmt: skip
        return MediaPlan(tuple(nodes))

    async def scene(stage: Stage) -> None:
        asked = stage.fleet.clusters()
        stage.cloud.clusters = lambda: {"c0": asked["c0"]}
        await stage.run()

    stage = _play(scene, plan=plan)
    answers = stage.device.result.answers if stage.device.result else ()
    expected = [("192.0.2.1", 25)] * 3 if hops == 1 else []
    assert [(answer.server.host, answer.rtt_ms) for answer in answers] == expected


@pytest.mark.parametrize(
    "tls", [None, TlsClient(), TlsClient((Authority("another").pem,))], ids=["none", "empty", "other"]
)
def test_tls_servers_are_verified_against_the_trust_store(tls: TlsClient | None) -> None:
    stage = _play(_once, tls=tls)
    assert (stage.summary["udp"], stage.summary["tcp"], stage.summary["xtls"]) == (4, 4, 0)


def test_a_url_that_leads_nowhere_is_no_answer() -> None:
    async def scene(stage: Stage) -> None:
        clusters = stage.fleet.clusters()
        await stage.fleet.stop()
        stage.cloud.clusters = lambda: clusters
        await stage.run()

    assert _play(scene).summary["answered"] == 0


def test_an_empty_list_is_a_complete_run() -> None:
    async def scene(stage: Stage) -> None:
        stage.cloud.clusters = dict
        await stage.run()

    stage = _play(scene)
    assert (stage.device.view.status, stage.summary["asked"], stage.texts("CalliopeDiscovery W")) == (
        "Completed",
        0,
        [],
    )


# -- the list fails ---------------------------------------------------------------------------------------------------------------------

OUTAGES = [
    (Refused(500), "unexpected content"),
    (Unreachable("http", "calliope-a.wbx2.test", "timeout after 5 s"), "timeout after 5 s"),
    (RemoteProtocolError("clusters", "an object"), "unexpected content"),
]


@pytest.mark.parametrize(("failure", "reason"), OUTAGES)
def test_a_first_run_without_a_list_fails_with_nothing_to_keep(failure: Any, reason: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.cloud.failure = failure
        stage.device.trigger("boot")
        await stage.device.settled()

    stage = _play(scene)
    text = f"CalliopeDiscovery request failed: {reason}; keeping the result of never"
    assert [line.split("]: ", 1)[1] for line in stage.log.lines] == [
        "Wx2[2]: Starting calliope discovery", f"CalliopeDiscovery W: {text}"
    ]  # fmt: skip
    assert (stage.device.view, stage.device.report()) == (DiscoveryView("Failed", {}, 0), None)


def test_a_failed_run_keeps_best_until_the_age_of_the_old_result_has_passed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.run()
        took_s = stage.device.view.discovery_time_s
        stage.cloud.failure = Refused(503)
        stage.device.trigger("network")
        await stage.device.settled()
        assert stage.device.view.status == "Failed"
        assert _spread(stage.device.view.best) == [1, 2, 3]
        await stage.clock.sleep(7200 + stage.cloud.takes_s - stage.clock.time() - 0.001)
        assert _spread(stage.device.view.best) == [1, 2, 3]
        await stage.clock.sleep(0.002)
        assert stage.device.view == DiscoveryView("Failed", {}, took_s)

    stage = _play(scene)
    kept = stage.log.stamp(stage.device.result.completed_at) if stage.device.result else ""
    assert stage.texts("CalliopeDiscovery W")[0].endswith(f"failed: unexpected content; keeping the result of {kept}")
    assert kept.startswith("2022-04-24T13:58:16.")
    assert kept.endswith("-05:00")


def test_after_a_failure_the_next_run_comes_by_itself() -> None:
    async def scene(stage: Stage) -> None:
        stage.cloud.failure = Refused(503)
        stage.device.trigger("boot")
        await stage.device.settled()
        stage.cloud.failure = None
        await stage.clock.sleep(7300)
        assert stage.device.view.status == "Completed"

    assert _play(scene).cloud.fetched == 2


def test_a_success_after_a_failure_ends_the_countdown_of_the_old_result() -> None:
    async def scene(stage: Stage) -> None:
        await stage.run()
        stage.cloud.failure = Refused(503)
        await stage.run("network")
        stage.cloud.failure = None
        await stage.run("request")
        await stage.clock.sleep(7200 - stage.clock.time() + 10)
        assert _spread(stage.device.view.best) == [1, 2, 3]

    _play(scene)


# -- when runs start --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "low", "high"), [("max-age=7200", 5400, 7200), ("max-age=5", 45, 60), (None, 5400, 7200)]
)
def test_runs_repeat_between_three_quarters_and_all_of_the_age(header: str | None, low: int, high: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.cloud.header = header
        stage.cloud.takes_s = 0.0
        await stage.run()
        await stage.clock.sleep(high * 8 + 30)

    stage = _play(scene)
    starts = [
        event.t / 1e6 for event in stage.trace.events if event.kind == "machine" and event.data["to"] == "Listing"
    ]
    gaps = {round(later - earlier, 6) for earlier, later in pairwise(starts)}
    assert len(gaps) > 4
    assert all(low <= gap <= high and gap == int(gap) for gap in gaps)


def test_an_idle_device_has_one_timer_and_no_socket() -> None:
    async def scene(stage: Stage) -> None:
        loop: Any = asyncio.get_running_loop()
        before = set(loop.network.bound)
        await stage.run()
        await stage.clock.sleep(60)
        waiting = [handle for handle in loop._scheduled if not handle.cancelled()]
        assert set(loop.network.bound) == before
        assert len(waiting) == 1

    _play(scene)


def test_triggers_during_a_run_start_one_more_at_its_end() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.trigger("boot")
        stage.device.trigger("network")
        await stage.clock.sleep(0.4)
        stage.device.trigger("network")
        stage.device.trigger("request")
        await stage.device.settled()

    stage = _play(scene)
    assert stage.cloud.fetched == 2
    assert [view.status for _, view in stage.screen.views if view.status == "Completed"] == ["Completed"] * 2


def test_the_old_result_is_valid_until_the_new_one_is_complete() -> None:
    async def scene(stage: Stage) -> None:
        await stage.run()
        old = stage.device.result
        for server_id in stage.fleet.doors:
            stage.fleet.set_conduct(server_id, Conduct(Behaviour.SILENT))
        stage.device.trigger("network")
        await stage.clock.sleep(5.0)
        assert (stage.device.view.status, stage.device.result) == ("InProgress", old)
        assert _spread(stage.device.view.best) == [1, 2, 3]
        assert b'"reachable":"true"' in encode(stage.device.report())
        await stage.device.settled()
        assert (stage.device.view.status, _spread(stage.device.view.best)) == ("Completed", [])
        assert b'"reachable":"true"' not in encode(stage.device.report())

    _play(scene)


def test_a_better_answer_is_best_before_the_run_is_over_and_a_worse_one_is_not() -> None:
    async def scene(stage: Stage) -> None:
        await stage.run()
        (silent, faster, *slower) = [server_id for server_id in stage.fleet.doors if server_id.endswith("/udp")]
        stage.fleet.set_conduct(silent, Conduct(Behaviour.SILENT))
        for server_id in slower:
            stage.fleet.set_conduct(server_id, Conduct(rtt_s=0.3))
        stage.fleet.set_conduct(faster, Conduct(rtt_s=0.005))
        stage.device.trigger("network")
        await stage.clock.sleep(1.0)
        assert stage.device.view.status == "InProgress"
        assert (best_nodes(stage.device.view.best)[1]["RTT"]) == 5
        before = len(stage.texts("CalliopeDiscovery[3]"))
        await stage.device.settled()
        assert len(stage.texts("CalliopeDiscovery[3]")) == before

    _play(scene)


def test_a_report_older_than_its_age_is_untested() -> None:
    async def scene(stage: Stage) -> None:
        assert stage.device.report() is None
        assert stage.device.report_v1() is None
        await stage.run()
        assert b'"latencyInMilliseconds":"25"' in encode(stage.device.report_v1())
        stage.cloud.failure = Refused(503)
        await stage.clock.sleep(7300)
        assert b'"reachable"' not in encode(stage.device.report())

    _play(scene)


def test_stopping_in_the_middle_leaves_nothing_behind() -> None:
    async def scene(stage: Stage) -> None:
        loop: Any = asyncio.get_running_loop()
        before = set(loop.network.bound)
        stage.device.trigger("boot")
        await stage.clock.sleep(0.45)
        await stage.device.stop()
        await stage.clock.sleep(1.0)
        assert set(loop.network.bound) == before
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        assert [view.status for _, view in stage.screen.views][-1] == "InProgress"

    _play(scene)


def test_unusable_urls_are_dropped_and_told_in_the_trace() -> None:
    async def scene(stage: Stage) -> None:
        clusters = {name: replace_url(urls) for name, urls in stage.fleet.clusters().items()}
        stage.cloud.clusters = lambda: clusters
        await stage.run()

    def replace_url(urls: Any) -> Any:
        return type(urls)(udp=("http://nowhere", *urls.udp), tcp=urls.tcp, xtls=urls.xtls)

    stage = _play(scene)
    assert stage.summary["asked"] == 10
    assert [event.data for event in stage.trace.events if event.kind == "drop"] == [
        {"what": "stun url", "count": 2, "first": "http://nowhere"}
    ]


class Babbler(asyncio.Protocol):
    """A server that talks HTTP to everybody."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_server_that_speaks_something_else_is_given_up_at_once() -> None:
    async def scene(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(Babbler, "127.0.0.1", 8080)
        stage.cloud.clusters = lambda: {"a": ClusterUrls(tcp=("stun:127.0.0.1:8080",))}
        await stage.run()

    assert _play(scene).summary == {
        "asked": 1, "answered": 0, "silent": 1, "udp": 0, "tcp": 0, "xtls": 0, "took_ms": 366, "best": {}
    }  # fmt: skip
