"""Region, GDS, pings, Calliope, toggles, metrics."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_world import World, in_cloud

from cloud_stub.media_node.fleet import build_media
from cloud_stub.platform.errors import BadRequest, NotFound
from cloud_stub.platform.hosts import SERVICES
from cloud_stub.platform.records import User
from cloud_stub.services.metrics import CALLS_MAX, EVENTS_MAX, METRICS_MAX
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import parse_iso

CLUSTERS = "/calliope/api/discovery/v1/clusters"


def test_region_is_told_without_a_token() -> None:
    async def story(world: World) -> None:
        assert (await world.ask("GET", "/v1/region")).json == {
            "countryCode": "US", "regionCode": "US-EAST", "clientRegion": "us-east-2", "clientAddress": "192.0.2.10",
            "timezone": "Etc/UTC",
        }  # fmt: skip

    in_cloud(story)


@pytest.mark.parametrize("service", [name for name in SERVICES if name not in ("region", "graph")])
def test_every_service_answers_its_ping(service: str) -> None:
    async def story(world: World) -> None:
        hosts = world.cloud.platform.hosts
        for authority in ("127.0.0.1", "x.wbx2.test"):
            base = hosts.base(service, hosts.origin("http", authority)).replace("ws:", "http:")
            single = base.replace("http://127.0.0.1", world.base)
            reply = await world.ask("GET", f"{single}/ping")
            assert (reply.status, reply.json["serviceState"]) == (200, "online")

    in_cloud(story)


def test_gds_tells_of_its_upstreams_and_their_faults() -> None:
    async def story(world: World) -> None:
        record = (await world.ask("GET", "/gds/api/v1/ping")).json
        assert list(record) == [
            "lastUpdated", "message", "serviceName", "serviceState", "serviceType", "upstreamServices",
        ]  # fmt: skip
        names = [upstream["serviceName"] for upstream in record["upstreamServices"]]
        assert names == ["FederationLookupService", "Cassandra", "CommonIdentity"]
        for upstream in record["upstreamServices"]:
            age = (parse_iso(record["lastUpdated"]) - parse_iso(upstream["lastUpdated"])).total_seconds()
            assert 0.79 <= age <= 0.951
        world.cloud.use_cases.gds_upstream("Cassandra", "fault")
        broken = (await world.ask("GET", "/gds/api/v1/ping")).json
        assert (broken["serviceState"], broken["message"]) == ("fault", "Cassandra is fault")
        world.cloud.use_cases.gds_upstream("Cassandra", "unreachable", required=False)
        assert (await world.ask("GET", "/gds/api/v1/ping")).json["serviceState"] == "online"
        with pytest.raises(BadRequest, match="online, fault, unreachable"):
            world.cloud.use_cases.gds_upstream("Cassandra", "tired")
        with pytest.raises(BadRequest, match="FederationLookupService"):
            world.cloud.use_cases.gds_upstream("Nobody", "fault")

    in_cloud(story)


def test_cluster_list_is_the_same_by_get_and_post_and_may_be_cached() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        got = await world.ask("GET", CLUSTERS, token=token)
        query = {
            "ipver": 4,
            "supported-options": {"report-version": 1, "early-call-min-clusters": True},
            "trigger": "startup",
        }
        posted = await world.ask("POST", CLUSTERS, query, token=token)
        assert got.json == posted.json
        assert got.headers["Cache-Control"] == "public, max-age=7200"
        assert len(got.json["clusters"]) == 3
        for urls in got.json["clusters"].values():
            assert set(urls) == {"udp", "tcp", "xtls"}
            assert all(url.startswith("stun:127.0.0.1:") for listed in urls.values() for url in listed)
        assert "joinCookie" in got.json
        named = await world.ask("GET", f"http://calliope-a.wbx2.test{CLUSTERS}", token=token)
        ports = {
            url.rpartition(":")[2] for urls in named.json["clusters"].values() for url in urls["udp"] + urls["xtls"]
        }
        assert ports == {"5004", "443"}
        assert (await world.ask("GET", CLUSTERS)).status == 401

    in_cloud(story, media=build_media(Chance(7).actor("cloud").stream("media")))


def test_reports_are_taken_and_the_last_ones_kept() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        report = {"wdfw2.wdfw2.*": {"udp": {"reachable": "true", "latencyInMilliseconds": "25"}}}
        await world.ask("POST", CLUSTERS, {"previous-report": report}, token=token)
        await world.ask("POST", "/calliope/api/discovery/v1/reachability", report, token=token)
        assert [entry["report"] for entry in world.cloud.calliope.reports] == [report, report]
        bad = await world.ask("POST", "/calliope/api/discovery/v1/reachability", b"[]", token=token)
        assert bad.status == 400

    in_cloud(story)


def test_toggle_is_stored_pushed_and_answered() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        user = next(user for user in world.cloud.platform.store[User] if user.workspace_id)
        ws = await world.socket(token)
        await ws.receive_json()
        base = f"/feature/api/v1/features/users/{user.id}"
        reply = await world.ask("POST", f"{base}/developer", {"key": "x", "val": True, "mutable": True}, token=token)
        assert (reply.json["key"], reply.json["val"]) == ("x", "true")
        pushed = (await ws.receive_json())["data"]
        assert pushed["eventType"] == "featureToggle_update"
        assert pushed["featureToggle"]["type"] == "DEVELOPER"
        toggles = [
            {"type": "USER", "key": "a", "val": "1", "mutable": "true"},
            {"type": "DEV", "key": "b", "val": "2", "mutable": "true"},
        ]
        bundle = await world.ask("POST", f"{base}/toggles", toggles, token=token)
        assert [(entry["type"], entry["val"]) for entry in bundle.json["featureToggles"]] == [
            ("USER", "1"),
            ("DEV", "2"),
        ]
        await ws.receive_json()
        await ws.receive_json()
        world.cloud.use_cases.feature_set("e", 1, kind="entitlement", user_id=user.id)
        await ws.send_json({"id": "p", "type": "ping"})
        assert (await ws.receive_json())["type"] == "pong", "entitlements are not pushed"
        await ws.close()

    in_cloud(story)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("%me%/developer", {"key": ""}, 400),
        ("%me%/developer", {"key": "x"}, 400),
        ("%me%/developer", {"key": "x" * 129, "val": "1"}, 400),
        ("%me%/nonsense", {"key": "x", "val": "1"}, 400),
        ("%me%/toggles", [{"type": "ADMIN", "key": "x", "val": "1"}], 400),
        ("somebody/developer", {"key": "x", "val": "1"}, 403),
    ],
)
def test_bad_toggle_is_refused(path: str, body: Any, status: int) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        user = next(user for user in world.cloud.platform.store[User] if user.workspace_id)
        path_of = f"/feature/api/v1/features/users/{path.replace('%me%', user.id)}"
        assert (await world.ask("POST", path_of, body, token=token)).status == status

    in_cloud(story)


def test_metrics_are_taken_counted_and_bounded() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        for _ in range(6):
            metrics = {"metrics": [{"metricName": "X"}] * 100 + ["no metric"]}
            assert (await world.ask("POST", "/metrics/api/v1/clientmetrics", metrics, token=token)).json == {
                "items": []
            }
        assert (world.cloud.metrics.count, len(world.cloud.metrics.last)) == (600, METRICS_MAX)
        assert (await world.ask("POST", "/metrics/api/v1/clientmetrics-prelogin", {})).status == 200
        assert (await world.ask("POST", "/metrics/api/v1/clientmetrics", {})).status == 401
        assert (await world.ask("POST", "/metrics/api/v1/metrics", {"metrics": 7}, token=token)).status == 200

    in_cloud(story)


def _told(correlation_id: str, name: str, second: int = 0, **event: Any) -> dict[str, Any]:
    said = {"name": name, "identifiers": {"correlationId": correlation_id, "deviceId": "https://d"}, **event}
    times = {"triggered": f"2026-03-02T09:00:{second:02d}.000Z"}
    return {"type": ["diagnostic-event"], "eventPayload": {"event": said, "originTime": times}}


def test_diagnostic_events_are_kept_by_call_in_the_order_in_which_they_came_about() -> None:
    async def story(world: World) -> None:
        token, query = await world.machine(), world.cloud.use_cases.query
        assert query("metrics.names") == []

        async def tell(*metrics: Any) -> None:
            body = {"metrics": list(metrics)}
            assert (await world.ask("POST", "/metrics/api/v1/clientmetrics", body, token=token)).status == 200

        await tell(_told("a", "client.ice.end", 3, errors=[{"errorCode": 2004}, {"errorCode": "x"}, 7]))
        await tell(
            _told("b", "client.call.initiated"), {"type": ["diagnostic-event"]}, _told("", "x"), {"metricName": "y"}
        )
        await tell(_told("a", "client.call.initiated", 1), _told("a", "client.ice.start", 2))
        names = ["client.call.initiated", "client.ice.start", "client.ice.end"]
        assert query("metrics.a") == {"names": names, "count": 3, "errors": [2004], "device": "https://d"}
        assert (query("metrics.names"), query("metrics.b.names")) == (names, ["client.call.initiated"])
        assert (query("metrics.calls"), query("metrics.count"), query("metrics.malformed")) == (["b", "a"], 7, 2)
        for path, words in (
            ("metrics.c.names", "there are b, a"),
            ("metrics.a.x", "it has count, device"),
            ("metrics.x", "names"),
        ):
            with pytest.raises(NotFound) as caught:
                query(path)
            assert words in caught.value.text

    in_cloud(story)


def test_calls_that_are_remembered_are_bounded() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        for number in range(CALLS_MAX + 3):
            metrics = {"metrics": [_told(f"call-{number}", "client.call.initiated")]}
            await world.ask("POST", "/metrics/api/v1/clientmetrics", metrics, token=token)
        assert len(world.cloud.metrics.calls) == CALLS_MAX
        assert world.cloud.metrics.calls[0] == "call-3"
        for _ in range(EVENTS_MAX // 100 + 1):
            metrics = {"metrics": [_told("long", "client.muted")] * 100}
            await world.ask("POST", "/metrics/api/v1/clientmetrics", metrics, token=token)
        assert len(world.cloud.metrics.events("long")) == EVENTS_MAX

    in_cloud(story)
