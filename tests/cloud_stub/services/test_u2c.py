"""The catalogue: both formats and the list for devices, under both kinds of origin, limited and full."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_world import World, in_cloud

from cloud_stub.platform.hosts import SERVICES
from endpoint.wire.catalog_formats import parse_catalog

SINGLE, NAMED = "", "http://u2c.wbx2.test"
PUBLISHED = {address.catalog for address in SERVICES.values() if address.catalog}
LIMITED = {"idbroker", "identity", "hydra", "metrics"}


@pytest.mark.parametrize("origin", [SINGLE, NAMED])
@pytest.mark.parametrize("query", ["?format=hostmap", "?format=U2CV2", ""])
def test_full_catalogue_names_every_service_for_the_asking_origin(origin: str, query: str) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        reply = await world.ask("GET", f"{origin}/u2c/api/v1/catalog{query}", token=token)
        catalog = parse_catalog(reply.raw)
        assert set(catalog.services) == PUBLISHED
        wdm = "http://wdm-a.wbx2.test" if origin else world.base
        assert catalog.url("wdm") == f"{wdm}/wdm/api/v1"
        mercury = "ws://mercury-connection-a.wbx2.test" if origin else world.base.replace("http", "ws")
        assert catalog.url("mercuryConnectionPartition0") == f"{mercury}/v1"
        assert catalog.url("idbroker") == ("http://idbroker.webex.test" if origin else f"{world.base}/idbroker")

    in_cloud(story)


def test_the_other_partition_of_mercury_is_in_the_catalogue_behind_the_first() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        catalog = parse_catalog((await world.ask("GET", f"{NAMED}/u2c/api/v1/catalog?format=U2CV2", token=token)).raw)
        assert {"ws://mercury-connection-a.wbx2.test/v1", "ws://mercury-connection-partition2-a.wbx2.test/v1"} <= set(
            catalog.prefixes()
        )
        assert catalog.url("mercuryConnectionPartition0") == "ws://mercury-connection-a.wbx2.test/v1"

    in_cloud(story)


def test_hostmap_and_u2cv2_have_the_members_that_clients_index() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        hostmap = (await world.ask("GET", "/u2c/api/v1/catalog?format=hostmap", token=token)).json
        assert hostmap["hostCatalog"] == {}
        v2 = (await world.ask("GET", "/u2c/api/v1/catalog?format=U2CV2", token=token)).json
        assert (v2["format"], v2["orgId"]) == ("U2CV2", world.cloud.org_id)
        assert v2["timestamp"].isdigit()
        assert v2["activeServices"]["wdm"] == "urn:TEAM:us-east-2_a:wdm"
        named = (await world.ask("GET", f"{NAMED}/u2c/api/v1/catalog?format=hostmap", token=token)).json
        assert named["hostCatalog"]["wdm-a.wbx2.test"] == [
            {"host": "wdm-a.wbx2.test", "ttl": -1, "priority": 5, "id": "urn:TEAM:us-east-2_a:wdm"}
        ]

    in_cloud(story)


def test_device_gets_a_list_of_records() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        reply = await world.ask("GET", f"{NAMED}/u2c/api/v1/user/catalog?types=TEAM,IDENTITY", token=token)
        record = next(entry for entry in reply.json["services"] if entry["serviceName"] == "wdm")
        base = "http://wdm-a.wbx2.test/wdm/api/v1"
        assert record == {
            "id": "urn:TEAM:us-east-2_a:wdm", "serviceUrls": [{"priority": 5, "baseUrl": base}], "ttl": -1,
            "internalServiceUrls": [], "serviceName": "wdm", "logicalNames": [base],
        }  # fmt: skip
        only = await world.ask("GET", "/u2c/api/v1/user/catalog?types=IDENTITY", token=token)
        assert {entry["serviceName"] for entry in only.json["services"]} == {"idbroker", "identity"}

    in_cloud(story)


@pytest.mark.parametrize("key", ["orgId=x", "emailhash=x", "userId=x", "mode=DEFAULT_BY_PROXIMITY"])
def test_limited_catalogue_needs_no_token_and_names_few_services(key: str) -> None:
    async def story(world: World) -> None:
        reply = await world.ask("GET", f"/u2c/api/v1/limited/catalog?{key}&format=hostmap")
        assert set(reply.json["serviceLinks"]) == LIMITED

    in_cloud(story)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/limited/catalog?format=hostmap", 400),
        ("/limited/catalog?orgId=a&userId=b", 400),
        ("/limited/catalog?orgId=a&format=XML", 400),
        ("/catalog?format=hostmap", 401),
        ("/signin/catalog", 401),
        ("/user/catalog", 401),
    ],
)
def test_bad_request_for_a_catalogue_is_refused(path: str, status: int) -> None:
    async def story(world: World) -> None:
        assert (await world.ask("GET", f"/u2c/api/v1{path}")).status == status

    in_cloud(story)


def test_rotation_moves_a_service_and_tells_the_sockets() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        ws = await world.socket(token)
        await ws.receive_json()
        before = world.cloud.u2c.timestamp_ms
        assert world.cloud.use_cases.cluster_rotate("wdm") == "wdm-b.wbx2.test"
        data = (await ws.receive_json())["data"]
        assert (data["eventType"], data["timestamp"] > before) == ("u2c.cache-invalidation", True)
        reply = await world.ask("GET", f"{NAMED}/u2c/api/v1/catalog?format=U2CV2", token=token)
        assert parse_catalog(reply.raw).url("wdm") == "http://wdm-b.wbx2.test/wdm/api/v1"
        assert (await world.ask("GET", "http://wdm-b.wbx2.test/wdm/api/v1/ping")).status == 200
        assert world.cloud.use_cases.active_clusters_push() == 1
        assert (await ws.receive_json())["data"]["activeClusters"]["wdm"] == "urn:TEAM:us-east-2_b:wdm"
        await ws.close()

    in_cloud(story)


@pytest.mark.parametrize(
    ("do", "target", "params", "expected"),
    [
        ("missing", {}, {"service": "calliopeDiscovery"}, None),
        ("missing", {}, {"service": ["calliope", "wdm"]}, None),
        ("moved", {}, {"service": "calliope", "to": "z"}, "http://calliope-z.wbx2.test/calliope/api/discovery/v1"),
        ("stale", {}, {}, "http://calliope-a.wbx2.test/calliope/api/discovery/v1"),
    ],
)
def test_faults_change_what_the_catalogue_says(do: str, target: Any, params: Any, expected: str | None) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        world.cloud.use_cases.cluster_rotate("calliope", "q")
        world.cloud.use_cases.fault("f", "catalog", do, target=target, params=params)
        reply = await world.ask("GET", f"{NAMED}/u2c/api/v1/user/catalog", token=token)
        assert parse_catalog(reply.raw).url("calliopeDiscovery") == expected

    in_cloud(story)


def test_fault_lets_the_catalogue_fail() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "catalog", "error", params={"status": 500})
        assert (await world.ask("GET", "/u2c/api/v1/limited/catalog?orgId=x")).status == 500

    in_cloud(story)
