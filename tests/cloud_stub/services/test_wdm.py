"""Registrations: answer, etag, excess, loss, lives."""

from __future__ import annotations

import pytest
from cloud_world import IDENTIFIER, WDM_BODY, World, in_cloud

from cloud_stub.platform.context import CloudSettings
from endpoint.wire.wdm import EXCESS_MESSAGE, parse_device

DEVICES = "/wdm/api/v1/devices"


def test_answer_is_what_both_kinds_of_client_read() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        reply = await world.ask("POST", f"{DEVICES}?includeUpstreamServices=all", WDM_BODY, token=token)
        device = parse_device(reply.raw, reply.headers["ETag"])
        assert device.url.startswith(f"{world.base}{DEVICES}/")
        registration = device.url.rpartition("/")[2]
        ws = world.base.replace("http", "ws")
        assert device.web_socket_url == f"{ws}/v1/apps/wx2/registrations/{registration}/messages"
        assert device.features.get("developer", "Android-one-on-one-space-obtp") is True
        assert device.features.get("entitlement", "sparkKms") is True
        assert {name: reply.json[name] for name in WDM_BODY} == WDM_BODY
        assert all(isinstance(f["val"], str) for kind in reply.json["features"].values() for f in kind)
        assert "intranetInactivityCheckUrl" not in reply.json
        assert reply.json["services"]["wdmServiceUrl"] == f"{world.base}/wdm/api/v1"
        assert reply.json["creationTime"] == "2026-03-02T08:00:00.000Z"
        lean = await world.ask("GET", f"{device.url}?includeUpstreamServices=none", token=token)
        assert "services" not in lean.json

    in_cloud(story)


def test_named_origin_gets_named_urls() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        reply = await world.ask("POST", f"http://wdm-a.wbx2.test{DEVICES}", WDM_BODY, token=token)
        device = parse_device(reply.raw)
        assert device.url.startswith("http://wdm-a.wbx2.test/wdm/api/v1/devices/")
        assert device.web_socket_url.startswith("ws://mercury-connection-a.wbx2.test/v1/apps/wx2/registrations/")

    in_cloud(story)


def test_refresh_ignores_what_it_does_not_know_and_keeps_the_url() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        first = (await world.ask("POST", DEVICES, WDM_BODY, token=token)).json
        await world.clock.sleep(60)
        body = {**first, "ipNetworkDetector": {"firstIpV4": -1}, "refresh-request-id": "x", "name": "Renamed"}
        del body["features"]
        second = (await world.ask("PUT", first["url"], body, token=token)).json
        assert (second["url"], second["name"]) == (first["url"], "Renamed")
        assert second["modificationTime"] == "2026-03-02T08:01:00.000Z"
        assert second["creationTime"] == first["creationTime"]

    in_cloud(story)


def test_known_etag_leaves_developer_toggles_out_until_they_change() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        first = await world.ask("POST", DEVICES, WDM_BODY, token=token)
        etag = first.headers["ETag"]
        url, user = first.json["url"], first.json["userId"]
        same = await world.ask("PUT", url, {}, token=token, headers={"If-None-Match": etag})
        assert same.headers["ETag"] == etag
        assert set(same.json["features"]) == {"entitlement", "user"}
        world.cloud.use_cases.feature_set("x", True, user_id=user)
        changed = await world.ask("PUT", url, {}, token=token, headers={"If-None-Match": etag})
        assert changed.headers["ETag"] != etag
        assert {f["key"] for f in changed.json["features"]["developer"]} == {"Android-one-on-one-space-obtp", "x"}
        world.cloud.use_cases.feature_set("y", "1", kind="user", user_id=user)
        again = await world.ask("PUT", url, {}, token=token, headers={"If-None-Match": changed.headers["ETag"]})
        assert again.headers["ETag"] == changed.headers["ETag"]
        assert [f["key"] for f in again.json["features"]["user"]] == ["y"]

    in_cloud(story)


def test_second_registration_of_a_device_is_the_first() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        urls = [(await world.ask("POST", DEVICES, WDM_BODY, token=token)).json["url"] for _ in range(2)]
        assert urls[0] == urls[1]
        other = {**WDM_BODY, "deviceIdentifier": IDENTIFIER.replace("abcd", "ffff")}
        assert (await world.ask("POST", DEVICES, other, token=token)).json["url"] != urls[0]

    in_cloud(story)


def test_unregistered_and_foreign_registrations_are_unknown() -> None:
    async def story(world: World) -> None:
        one, two = await world.machine("A"), await world.machine("B")
        url = (await world.ask("POST", DEVICES, WDM_BODY, token=one)).json["url"]
        assert (await world.ask("PUT", url, {}, token=two)).status == 404
        assert (await world.ask("GET", url, token=one)).status == 200
        deleted = await world.ask("DELETE", url, token=one)
        assert (deleted.status, deleted.raw) == (204, b"")
        for method in ("GET", "PUT", "DELETE"):
            reply = await world.ask(method, url, {} if method == "PUT" else None, token=one)
            assert (reply.status, reply.json["errorCode"]) == (404, 404001)

    in_cloud(story)


def test_excess_is_told_in_the_words_that_clients_compare_and_heals_by_deleting() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        for n in range(3):
            assert (await world.ask("POST", DEVICES, {"name": f"{n}", "deviceType": "WEB"}, token=token)).status == 200
            await world.clock.sleep(1)
        reply = await world.ask("POST", DEVICES, {"name": "4"}, token=token)
        assert (reply.status, reply.json["message"]) == (400, EXCESS_MESSAGE)
        listed = (await world.ask("GET", DEVICES, token=token)).json["devices"]
        assert [entry["deviceType"] for entry in listed] == ["WEB"] * 3
        assert sorted(listed, key=lambda entry: entry["modificationTime"]) == listed
        await world.ask("DELETE", listed[0]["url"], token=token)
        assert (await world.ask("POST", DEVICES, {"name": "4"}, token=token)).status == 200

    in_cloud(story, CloudSettings(registrations_max=3))


def test_ephemeral_registration_ends_with_its_ttl() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        dto = (await world.ask("POST", DEVICES, {"name": "x", "ttl": 1800}, token=token)).json
        assert "ttl" not in dto
        await world.clock.sleep(1799)
        assert (await world.ask("PUT", dto["url"], {}, token=token)).status == 200
        await world.clock.sleep(1800)
        assert (await world.ask("PUT", dto["url"], {}, token=token)).status == 404
        assert (await world.ask("GET", DEVICES, token=token)).json["devices"] == []

    in_cloud(story)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ttl": "x"}', b'{"ttl": 0}', b'{"name": 7}'])
def test_bad_body_is_refused(body: bytes) -> None:
    async def story(world: World) -> None:
        assert (await world.ask("POST", DEVICES, body, token=await world.machine())).status == 400

    in_cloud(story)


def test_faults_of_registration() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        cases = world.cloud.use_cases
        cases.fault("excess", "wdm", "excessive", count=1)
        assert (await world.ask("POST", DEVICES, WDM_BODY, token=token)).json["message"] == EXCESS_MESSAGE
        cases.fault(
            "rate", "wdm", "error", target={"method": "POST"}, params={"status": 429, "retry_after": 1}, count=1
        )
        assert (await world.ask("POST", DEVICES, WDM_BODY, token=token)).headers["Retry-After"] == "1"
        first = (await world.ask("POST", DEVICES, WDM_BODY, token=token)).json
        cases.fault("gone", "wdm", "not_found")
        assert (await world.ask("PUT", first["url"], {}, token=token)).status == 404
        assert (await world.ask("PUT", first["url"], {}, token=token)).status == 404, "it is really gone"
        second = (await world.ask("POST", DEVICES, WDM_BODY, token=token)).json
        assert second["url"] != first["url"]
        cases.fault("moved", "wdm", "moved", count=1)
        moved = (await world.ask("PUT", second["url"], {}, token=token)).json
        assert moved["webSocketUrl"] != second["webSocketUrl"]
        ws = await world.http.ws_connect(moved["webSocketUrl"])
        await ws.close()

    in_cloud(story)


def test_moved_registration_has_another_host_under_names() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = f"http://wdm-a.wbx2.test{DEVICES}"
        first = (await world.ask("POST", url, WDM_BODY, token=token)).json
        world.cloud.use_cases.fault("moved", "wdm", "moved", count=1)
        moved = (await world.ask("PUT", first["url"], {}, token=token)).json
        assert moved["webSocketUrl"].startswith("ws://mercury-connection-partition2-a.wbx2.test/v1/apps/wx2/")
        ws = await world.socket(token, moved["webSocketUrl"])
        assert (await ws.receive_json())["data"]["eventType"] == "mercury.buffer_state"
        await ws.close()

    in_cloud(story)
