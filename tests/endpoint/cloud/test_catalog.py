"""The catalogue: both formats, what is missing, who is next when an address fails, and what the cloud says about it later."""

from __future__ import annotations

from typing import Any

import pytest

from endpoint.cloud.catalog import CatalogUnavailable
from endpoint.cloud.http import Call
from endpoint.cloud.identity import ForeignHost
from endpoint.runtime.errors import Unreachable
from tests.endpoint.cloud.scripted import CODE, CUT, ORG, SERVICES, START, Reply, Scripted, play

FULL, LIMITED = "/api/v1/catalog", "/limited/catalog"


def _u2cv2(cloud: Scripted, timestamp: int = 100, **other: str) -> dict[str, Any]:
    """Return a catalogue in the newer format; `other` are addresses in a cluster b that is not active."""
    services = [
        {"id": f"urn:TEAM:a:{name}", "serviceName": name, "serviceUrls": [{"baseUrl": cloud.url(url), "priority": 5}]}
        for name, url in SERVICES.items()
    ] + [
        {"id": f"urn:TEAM:b:{name}", "serviceName": name, "serviceUrls": [{"baseUrl": url, "priority": 5}]}
        for name, url in other.items()
    ]
    active = {name: f"urn:TEAM:a:{name}" for name in SERVICES}
    return {
        "orgId": ORG,
        "format": "U2CV2",
        "timestamp": str(timestamp),
        "activeServices": active,
        "services": services,
    }


def _with_spares(cloud: Scripted) -> dict[str, Any]:
    """Return a host map in which WDM has a second and a third host."""
    hosts = [("wdm-a.wbx2.test", 1), ("wdm-b.wbx2.test", 2), ("wdm-never.wbx2.test", -1)]
    entries = [{"host": host, "ttl": -1, "priority": priority, "id": "urn:TEAM:a:wdm"} for host, priority in hosts]
    return {**cloud.hostmap(*SERVICES), "hostCatalog": {"wdm-a.wbx2.test": entries}}


@pytest.mark.parametrize("form", ["hostmap", "U2CV2"])
def test_both_formats_are_asked_for_limited_then_full_and_used(form: str) -> None:
    async def story(cloud: Scripted) -> None:
        if form == "U2CV2":
            cloud.on("GET", LIMITED, Reply(body=_u2cv2(cloud)))
            cloud.on("GET", FULL, Reply(body=_u2cv2(cloud)))
        await cloud.online()
        [limited], [full] = cloud.to("GET", LIMITED), cloud.to("GET", FULL)
        assert limited.query == {"orgId": ORG, "format": form}
        assert full.query == {"format": form}
        assert ("Authorization" in limited.headers, "Authorization" in full.headers) == (False, True)
        assert cloud.lines("Wx2[3]: Service") == ["Wx2[3]: Service catalogue updated: 9 services"]
        assert cloud.device.catalog.url("wdm") == cloud.url(SERVICES["wdm"])

    play(story, catalog_format=form)


def test_a_forced_fetch_defeats_caches() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.device.catalog.fetch(forced=True)
        stamp = str(round(START.timestamp() * 1000))
        assert cloud.to("GET", LIMITED)[-1].query["timestamp"] == cloud.to("GET", FULL)[-1].query["timestamp"] == stamp

    play(story)


def test_a_missing_service_is_told_once_per_catalogue_and_shown() -> None:
    async def story(cloud: Scripted) -> None:
        del cloud.services["calendar"]
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(5.0)
        line = "Wx2 W: Service catalogue has no url for calendar"
        assert cloud.lines("Wx2 W: Service") == [line]
        assert cloud.device.diagnostics.types["ProvisioningStatus"] == "Warning"
        with pytest.raises(CatalogUnavailable, match="no url for calendar"):
            await cloud.device.sync()
        with pytest.raises(CatalogUnavailable, match="no url for hydra"):
            cloud.device.catalog.url("hydra")
        assert cloud.lines("Wx2 W: Service") == [line, "Wx2 W: Service catalogue has no url for hydra"]
        cloud.services = dict(SERVICES)
        await cloud.device.catalog.fetch()
        assert "ProvisioningStatus" not in cloud.device.diagnostics.types

    play(story)


def test_without_wdm_the_whole_way_is_tried_again_with_a_new_catalogue() -> None:
    async def story(cloud: Scripted) -> None:
        del cloud.services["wdm"]
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(10.0)
        [line] = cloud.lines("Wx2 W: not online")
        assert line.startswith("Wx2 W: not online: the service catalogue has no url for wdm; retry in ")
        cloud.services = dict(SERVICES)
        await cloud.device.until_online()
        assert 45 <= cloud.clock.time() <= 61

    play(story)


@pytest.mark.parametrize("trouble", [Reply(500), Reply(502), Reply(503), CUT])
def test_a_service_moves_on_to_its_next_address_and_comes_back_when_that_fails(trouble: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", FULL, Reply(body=_with_spares(cloud)))
        cloud.on("POST", "wdm-a.wbx2.test", trouble)
        await cloud.online()
        assert [asked.host for asked in cloud.to("POST", "/devices")] == ["wdm-a.wbx2.test", "wdm-b.wbx2.test"]
        assert cloud.device.catalog.url("wdm") == "http://wdm-b.wbx2.test/wdm/api/v1"
        cloud.device.catalog.mark_failed("http://wdm-b.wbx2.test/wdm/api/v1/devices")
        assert cloud.device.catalog.url("wdm") == "http://wdm-a.wbx2.test/wdm/api/v1"

    play(story)


@pytest.mark.parametrize("status", [400, 404, 429])
def test_a_refusal_does_not_move_a_service(status: int) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", FULL, Reply(body=_with_spares(cloud)))
        await cloud.online()
        cloud.on("GET", "/thing", Reply(status))
        await cloud.device.http.send(Call("GET", "http://wdm-a.wbx2.test/wdm/api/v1/thing", "wdm"))
        assert cloud.device.catalog.url("wdm") == "http://wdm-a.wbx2.test/wdm/api/v1"

    play(story)


def test_devices_with_the_same_catalogue_share_it_also_after_a_failure_that_changes_nothing() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        first = cloud.device.catalog.catalog
        cloud.device.catalog.mark_failed(SERVICES["wdm"])
        await cloud.device.catalog.fetch()
        assert cloud.device.catalog.catalog is first

    play(story)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{}", b'{"serviceLinks":{}}', b'{"activeServices":1}', b"\xff"])
def test_what_is_no_catalogue_leaves_the_old_one(body: bytes) -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.on("GET", FULL, Reply(body=body))
        with pytest.raises(CatalogUnavailable):
            await cloud.device.catalog.fetch()
        assert cloud.device.catalog.url("wdm") == cloud.url(SERVICES["wdm"])

    play(story)


def test_a_catalogue_that_cannot_be_had_is_unreachable_after_two_minutes() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.on("GET", LIMITED, CUT)
        began_s = cloud.clock.time()
        with pytest.raises(Unreachable):
            await cloud.device.catalog.fetch()
        assert 60 < cloud.clock.time() - began_s <= 120
        assert cloud.lines("Wx2 W") == ["Wx2 W: u2c unreachable: connection reset u2c-a.wbx2.test:80"]

    play(story)


# -- events -----------------------------------------------------------------------------------------------------------------------------


async def _newer(cloud: Scripted, **other: str) -> None:
    cloud.on("GET", "/catalog", Reply(body=_u2cv2(cloud, 100, **other)))
    await cloud.online()
    cloud.asked.clear()


def test_an_invalidation_that_is_newer_fetches_once_however_often_it_comes() -> None:
    async def story(cloud: Scripted) -> None:
        await _newer(cloud)
        for timestamp in (100, 99, "7"):
            await cloud.peer.event("u2c.cache-invalidation", timestamp=timestamp)
        assert not cloud.asked
        cloud.on("GET", "/catalog", Reply(body=_u2cv2(cloud, 200), late_s=1.0))
        for _ in range(20):
            await cloud.peer.event("u2c.cache-invalidation", timestamp="150")
        await cloud.clock.sleep(10.0)
        assert len(cloud.to("GET", FULL)) == 2  # the one that the first event began, and one more for all the others
        assert all("timestamp" in asked.query for asked in cloud.asked)
        await cloud.peer.event("u2c.cache-invalidation", timestamp="150")
        assert len(cloud.to("GET", FULL)) == 2

    play(story, catalog_format="U2CV2")


def test_without_a_timestamp_every_invalidation_counts() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.peer.event("u2c.cache-invalidation", timestamp=5)
        assert len(cloud.to("GET", FULL)) == 2

    play(story)


def test_another_active_cluster_is_used_at_once() -> None:
    async def story(cloud: Scripted) -> None:
        await _newer(cloud, wdm="http://wdm-b.wbx2.test/wdm/api/v1")
        await cloud.peer.event("ActiveClusterStatusEvent", activeClusters={"wdm": "urn:TEAM:b:wdm"})
        assert cloud.device.catalog.url("wdm") == "http://wdm-b.wbx2.test/wdm/api/v1"
        assert not cloud.asked
        with pytest.raises(ForeignHost):
            cloud.device.identity.check_host("http://wdm-c.wbx2.test/wdm/api/v1")

    play(story, catalog_format="U2CV2")


def test_an_unknown_active_cluster_fetches_anew() -> None:
    async def story(cloud: Scripted) -> None:
        await _newer(cloud)
        await cloud.peer.event("ActiveClusterStatusEvent", activeClusters={"wdm": "urn:TEAM:c:wdm"})
        assert len(cloud.to("GET", FULL)) == 1

    play(story, catalog_format="U2CV2")


def test_a_fetch_in_the_background_that_fails_is_one_line() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.on("GET", FULL, Reply(403))
        await cloud.peer.event("u2c.cache-invalidation", timestamp=5)
        assert cloud.lines("Wx2 W") == ["Wx2 W: Service catalogue not updated: u2c answered 403"]

    play(story)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("u2c.cache-invalidation", {}),
        ("u2c.cache-invalidation", {"timestamp": "soon"}),
        ("u2c.cache-invalidation", {"timestamp": [1]}),
        ("ActiveClusterStatusEvent", {}),
        ("ActiveClusterStatusEvent", {"activeClusters": {"wdm": 5}}),
        ("featureToggle_update", {}),
        ("featureToggle_update", {"featureToggle": {"key": "a", "val": True}}),
        ("calendar.meeting.create", {}),
        ("calendar.meeting.update", {"calendarMeetingExternal": {"id": "x", "start": "never"}}),
    ],
)
def test_an_event_that_breaks_a_rule_is_logged_dropped_and_acknowledged(kind: str, data: dict[str, Any]) -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.peer.event(kind, "e1", **data)
        [line] = cloud.lines("Wx2 W")
        assert line.startswith(f"Wx2 W: {kind} ignored: data")
        assert {"type": "ack", "messageId": "e1"} in cloud.peer.frames
        assert cloud.device.is_online

    play(story)
