"""The public REST API: workspaces, codes, devices and their connection status, pages, errors."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_world import DEVICE, Exchange, World, in_cloud

from cloud_stub.services.public_api import public_id, read_id
from endpoint.wire.activation import parse_code

DAY_S = 86_400.0


async def workspace(world: World, name: str = "Lab", **fields: Any) -> dict[str, Any]:
    reply = await world.admin("POST", "/v1/workspaces", {"displayName": name, **fields})
    assert reply.status == 200, reply.raw
    return dict(reply.json)


async def status_of(world: World) -> str:
    (device,) = (await world.admin("GET", "/v1/devices")).json["items"]
    return str(device["connectionStatus"])


def test_workspace_lives() -> None:
    async def story(world: World) -> None:
        made = await workspace(world, type="huddle", capacity=4, notes="n")
        url = f"/v1/workspaces/{made['id']}"
        assert (made["displayName"], made["type"], made["capacity"], made["notes"]) == ("Lab", "huddle", 4, "n")
        assert made["orgId"] == public_id("ORGANIZATION", world.cloud.org_id)
        assert (await world.admin("GET", url)).json == made
        changed = (await world.admin("PUT", url, {"displayName": "Hall", "type": "huddle", "capacity": 5})).json
        kept = {name: value for name, value in made.items() if name != "notes"}
        org = world.cloud.org_id[:8]
        assert (made["sipAddress"], changed["sipAddress"]) == (f"lab@{org}.room.test", f"hall@{org}.room.test")
        renamed = {"displayName": "Hall", "sipAddress": changed["sipAddress"], "capacity": 5}
        assert changed == {**kept, **renamed}, "what is not given goes: notes"
        listed = (await world.admin("GET", "/v1/workspaces/?displayName=Hall")).json["items"]
        assert listed == [changed]
        assert (await world.admin("DELETE", url)).status == 204
        assert (await world.admin("GET", url)).status == 404

    in_cloud(story)


@pytest.mark.parametrize(
    "body",
    [{}, {"displayName": ""}, {"displayName": "x", "type": "castle"}, {"displayName": 7}, {"displayName": "x" * 257}],
)
def test_bad_workspace_is_refused(body: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        reply = await world.admin("POST", "/v1/workspaces", body)
        assert reply.status == 400
        assert reply.json["errors"] == [{"description": reply.json["message"]}]
        assert reply.json["trackingId"]

    in_cloud(story)


def test_errors_have_the_texts_of_the_api() -> None:
    async def story(world: World) -> None:
        missing = await world.ask("GET", "/v1/devices")
        assert missing.json["message"].startswith("The request requires a valid access token")
        unknown = await world.admin("GET", "/v1/devices/nobody")
        assert (unknown.status, unknown.json["message"]) == (404, "The requested resource could not be found.")

    in_cloud(story)


def test_code_leads_to_a_device() -> None:
    async def story(world: World) -> None:
        place = await workspace(world)
        reply = await world.admin(
            "POST", "/v1/devices/activationCode", {"workspaceId": place["id"], "model": "Desk Pro"}
        )
        assert reply.json["expiryTime"] == "2026-03-09T08:00:00.000Z"
        code = parse_code(reply.json["code"])
        assert await status_of(world) == "activating"
        await Exchange.run(world, code)
        (device,) = (await world.admin("GET", f"/v1/devices?workspaceId={place['id']}")).json["items"]
        assert (device["product"], device["serial"], device["displayName"]) == (*DEVICE.values(), "Lab")
        assert (device["workspaceId"], device["placeId"]) == (place["id"], place["id"])
        assert (await world.admin("GET", f"/v1/devices/{device['id']}")).json == device
        assert (await world.admin("GET", "/v1/devices?product=Other")).json == {"items": []}
        assert (await world.admin("GET", f"/v1/devices?serial={device['serial']}&tag=x")).json == {"items": []}
        assert (await world.admin("DELETE", f"/v1/devices/{device['id']}")).status == 204
        assert (await world.admin("GET", "/v1/devices")).json == {"items": []}

    in_cloud(story)


def test_code_of_a_person_makes_a_personal_device() -> None:
    async def story(world: World) -> None:
        person = world.cloud.use_cases.user_create("Ann", "ann@room.example")
        reply = await world.admin("POST", "/v1/devices/activationCode", {"personId": public_id("PEOPLE", person.id)})
        exchange = await Exchange.run(world, parse_code(reply.json["code"]))
        me = (await world.ask("GET", "/v1/people/me", token=exchange.access_token)).json
        assert (me["displayName"], me["emails"]) == ("Ann", ["ann@room.example"])
        (device,) = (await world.admin("GET", "/v1/devices")).json["items"]
        assert (device["personId"], "workspaceId" in device) == (public_id("PEOPLE", person.id), False)
        await world.admin("DELETE", f"/v1/devices/{device['id']}")
        assert world.cloud.use_cases.query(f"user.{person.id}.name") == "Ann", "the person stays"
        assert (await world.ask("GET", "/v1/people/me", token=exchange.access_token)).status == 401

    in_cloud(story)


@pytest.mark.parametrize("body", [{}, {"workspaceId": "a", "personId": "b"}, {"workspaceId": "nobody"}])
def test_code_needs_one_known_owner(body: dict[str, str]) -> None:
    async def story(world: World) -> None:
        reply = await world.admin("POST", "/v1/devices/activationCode", body)
        assert reply.status == (404 if len(body) == 1 else 400)

    in_cloud(story)


def test_connection_status_follows_the_table() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        cases = world.cloud.use_cases
        device_id = cases.devices()[0].id
        ws = await world.socket(token)
        await ws.receive_json()
        assert await status_of(world) == "connected"
        cases.device_diagnose(device_id, ["TCPMediaFallback"])
        assert await status_of(world) == "connected_with_issues"
        (shown,) = (await world.admin("GET", "/v1/devices")).json["items"]
        assert shown["errorCodes"] == ["tcpmediafallback"]
        cases.device_diagnose(device_id, [])
        await ws.close()
        await world.clock.sleep(599)
        assert await status_of(world) == "connected"
        await world.clock.sleep(2)
        assert await status_of(world) == "disconnected"
        cases.device_deep_sleep(device_id)
        assert await status_of(world) == "offline_deep_sleep"
        cases.fault("f", "hydra", "status_unknown", count=1)
        assert await status_of(world) == "unknown"
        await world.clock.sleep(30 * DAY_S)
        assert await status_of(world) == "offline_expired"

    in_cloud(story)


def test_device_without_a_refresh_token_is_expired() -> None:
    async def story(world: World) -> None:
        await world.machine()
        assert await status_of(world) == "disconnected", "its websocket was never up"
        world.cloud.use_cases.token_revoke("refresh")
        assert await status_of(world) == "offline_expired"

    in_cloud(story)


def test_lists_come_in_pages_with_a_link() -> None:
    async def story(world: World) -> None:
        for n in range(5):
            await workspace(world, f"Room {n}")
        names: list[str] = []
        url = f"{world.base}/v1/workspaces?max=2"
        for _ in range(3):
            reply = await world.admin("GET", url)
            names += [item["displayName"] for item in reply.json["items"]]
            link = reply.headers.get("Link", "")
            url = link.partition(">")[0].removeprefix("<")
        assert (names, url) == ([f"Room {n}" for n in range(5)], "")
        named = await world.admin("GET", "http://api.webex.test/v1/workspaces?max=1&start=1")
        assert named.headers["Link"] == '<http://api.webex.test/v1/workspaces?max=1&start=2>; rel="next"'
        for bad in ("max=0", "max=1001", "start=-1", "max=x"):
            assert (await world.admin("GET", f"/v1/workspaces?{bad}")).status == 400

    in_cloud(story)


def test_who_am_i() -> None:
    async def story(world: World) -> None:
        me = (await world.admin("GET", "/v1/people/me")).json
        assert (me["displayName"], me["type"]) == ("Admin", "person")
        room = (await world.ask("GET", "/v1/people/me/", token=await world.machine("Lab"))).json
        assert (room["displayName"], room["type"]) == ("Lab", "bot")

    in_cloud(story)


@pytest.mark.parametrize("text", ["x", "", "é", "Y2lzY29zcGFyazovL3VzL1BFT1BMRS94"])
def test_foreign_ids_are_taken_as_they_are(text: str) -> None:
    assert read_id("DEVICE", text) == text


def test_public_id_is_read_back() -> None:
    uuid = "5d2a7616-d05e-43f5-a64e-38920c61afb8"
    assert read_id("DEVICE", public_id("DEVICE", uuid)) == uuid
    assert read_id("PLACE", public_id("DEVICE", uuid)) != uuid
    assert "=" not in public_id("DEVICE", uuid)


# -- filters, tags, workspaces -----------------------------------------------------------------------------------------

PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("capability=xapi", True),
        ("capability=other", False),
        ("permission=xapi:all", True),
        ("permission=no", False),
        ("type=roomdesk", True),
        ("type=phone", False),
        ("product=Desk+Pro", True),
        ("connectionStatus=disconnected", True),
        ("connectionStatus=connected", False),
        ("upgradeChannel=Stable", True),
        ("upgradeChannel=Beta", False),
        ("devicePlatform=cisco", True),
        ("devicePlatform=microsoftTeamsRoom", False),
        ("plannedMaintenance=off", True),
        ("plannedMaintenance=on", False),
        ("errorCode=mediablockingdetected", True),
        ("errorCode=other", False),
        ("mac=AA:BB:CC:DD:EE:FF", False),
        ("tag=red", True),
        ("tag=red,blue", True),
        ("tag=red&tag=blue", True),
        ("tag=red&tag=green", False),
        ("locationId=L1", True),
        ("workspaceLocationId=L1", True),
        ("locationId=L2", False),
        ("orgId=ORG", True),
        ("orgId=other", False),
        ("personId=PERSON", False),
        ("displayName=Lab&serial=TEST00000001", True),
        ("software=none", False),
    ],
)
def test_devices_are_filtered(query: str, found: bool) -> None:
    async def story(world: World) -> None:
        place = await workspace(world, locationId="L1")
        code = (await world.admin("POST", "/v1/devices/activationCode", {"workspaceId": place["id"]})).json["code"]
        await Exchange.run(world, parse_code(code))
        (device,) = (await world.admin("GET", "/v1/devices")).json["items"]
        assert (device["locationId"], device["workspaceLocationId"]) == ("L1", "L1")
        use = world.cloud.use_cases
        use.device_diagnose(read_id("DEVICE", device["id"]), ["MediaBlockingDetected"])
        tagged = {"op": "add", "path": "tags", "value": ["red", "blue"]}
        token = world.cloud.admin_token.reveal()
        await world.ask("PATCH", f"/v1/devices/{device['id']}", [tagged], token=token, headers=PATCH)
        asked = query.replace("ORG", device["orgId"])
        items = (await world.admin("GET", f"/v1/devices/?{asked}")).json["items"]
        assert [item["id"] for item in items] == ([device["id"]] if found else [])

    in_cloud(story)


@pytest.mark.parametrize(
    ("body", "status", "tags"),
    [
        ([{"op": "add", "path": "tags", "value": ["b", "c"]}], 200, ["a", "b", "c"]),
        ({"op": "add", "path": "tags", "value": ["b"]}, 200, ["a", "b"]),
        ([{"op": "add", "path": "tags", "value": "b"}], 200, ["a", "b"]),
        ([{"op": "replace", "path": "/tags", "value": ["x", "y", "x"]}], 200, ["x", "y"]),
        ([{"op": "remove", "path": "tags"}], 200, []),
        ([{"op": "remove", "path": "tags", "value": ["z"]}], 200, ["a"]),
        ([{"op": "remove", "path": "tags"}, {"op": "add", "path": "tags", "value": ["b"]}], 200, ["b"]),
        ([{"op": "add", "path": "tags", "value": ["a"]}], 409, ["a"]),
        ([{"op": "add", "path": "tags", "value": ["b"]}, {"op": "add", "path": "tags", "value": [7]}], 400, ["a"]),
        ([{"op": "add", "path": "tags"}], 400, ["a"]),
        ([{"op": "add", "path": "tags", "value": [""]}], 400, ["a"]),
        ([{"op": "add", "path": "tags", "value": [f"t{n}" for n in range(100)]}], 400, ["a"]),
        ([{"op": "replace", "path": "displayName", "value": "x"}], 400, ["a"]),
        ([{"op": "move", "path": "tags"}], 400, ["a"]),
        ([], 400, ["a"]),
        (7, 400, ["a"]),
    ],
)
def test_tags_are_patched_all_or_none(body: Any, status: int, tags: list[str]) -> None:
    async def story(world: World) -> None:
        await world.machine()
        (device,) = (await world.admin("GET", "/v1/devices")).json["items"]
        url, token = f"/v1/devices/{device['id']}", world.cloud.admin_token.reveal()
        first = [{"op": "replace", "path": "tags", "value": ["a"]}]
        assert (await world.ask("PATCH", url, first, token=token, headers=PATCH)).json["tags"] == ["a"]
        assert (await world.ask("PATCH", url, body, token=token)).status == 415
        reply = await world.ask("PATCH", url, body, token=token, headers=PATCH)
        assert reply.status == status
        assert (await world.admin("GET", url)).json["tags"] == tags

    in_cloud(story)


def test_workspace_keeps_what_it_was_told() -> None:
    async def story(world: World) -> None:
        told = {
            "calling": {"type": "webexCalling"}, "calendar": {"type": "microsoft", "emailAddress": "lab@room.example"},
            "hotdeskingStatus": "on", "deviceHostedMeetings": {"enabled": True, "siteUrl": "site.example"}, "locationId": "L1",
            "floorId": "F1", "supportedDevices": "phones",
        }  # fmt: skip
        made = await workspace(world, **told)
        assert {name: made[name] for name in told} == told
        url = f"/v1/workspaces/{made['id']}"
        assert (await world.admin("PUT", url, {"displayName": "Lab"})).json == made, (
            "none of this goes by being left out"
        )
        group = {"type": "microsoft", "emailAddress": "lab@room.example", "resourceGroupId": "G1"}
        assert (await world.admin("PUT", url, {"displayName": "Lab", "calendar": group})).json["calendar"] == group
        none = (await world.admin("PUT", url, {"displayName": "Lab", "calendar": {"type": "none"}})).json
        assert none["calendar"] == {"type": "none"}
        for wrong in (
            {"locationId": "L2"},
            {"calling": {"type": "smoke"}},
            {"calendar": 7},
            {"calendar": {"type": "microsoft"}},
            {"calendar": {"type": "google", "emailAddress": "nobody"}},
            {"hotdeskingStatus": "maybe"},
        ):
            assert (await world.admin("PUT", url, {"displayName": "Lab", **wrong})).status == 400
        assert (await world.admin("POST", "/v1/workspaces", {"displayName": "x", "floorId": "F"})).status == 400
        assert (await world.admin("GET", "/v1/workspaces?displayName=x")).json["items"] == []  # nor made

    in_cloud(story)


def test_names_of_workspaces_come_once() -> None:
    async def story(world: World) -> None:
        await workspace(world, "A")
        second = await workspace(world, "B")
        assert (await world.admin("POST", "/v1/workspaces", {"displayName": "A"})).status == 409
        assert (await world.admin("PUT", f"/v1/workspaces/{second['id']}", {"displayName": "A"})).status == 409
        assert (await world.admin("PUT", f"/v1/workspaces/{second['id']}", {"displayName": "B"})).status == 200

    in_cloud(story)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("type=huddle", ["Lab"]),
        ("capacity=4", ["Lab"]),
        ("capacity=-1", ["Hall"]),
        ("calling=freeCalling&calendar=none&supportedDevices=collaborationDevices", ["Lab", "Hall"]),
        ("deviceHostedMeetingsEnabled=false&devicePlatform=cisco&plannedMaintenance=off", ["Lab", "Hall"]),
        ("healthLevel=ok", ["Hall"]),
        ("healthLevel=warning", ["Lab"]),
        ("locationId=L", []),
        ("floorId=F", []),
        ("customAttribute=x", []),
        ("displayName=Hall", ["Hall"]),
        ("orgId=nobody", []),
    ],
)
def test_workspaces_are_filtered(query: str, names: list[str]) -> None:
    async def story(world: World) -> None:
        place = await workspace(world, type="huddle", capacity=4)
        await workspace(world, "Hall")
        code = (await world.admin("POST", "/v1/devices/activationCode", {"workspaceId": place["id"]})).json["code"]
        await Exchange.run(world, parse_code(code))
        (device,) = (await world.admin("GET", "/v1/devices")).json["items"]
        world.cloud.use_cases.device_diagnose(read_id("DEVICE", device["id"]), ["TCPMediaFallback"])
        items = (await world.admin("GET", f"/v1/workspaces?{query}")).json["items"]
        assert [item["displayName"] for item in items] == names

    in_cloud(story)


def test_workspace_with_its_devices_and_capabilities() -> None:
    async def story(world: World) -> None:
        place = await workspace(world)
        url = f"/v1/workspaces/{place['id']}"
        empty = (await world.admin("GET", f"{url}/capabilities/")).json
        assert empty["id"] == place["id"]
        assert empty["capabilities"]["occupancyDetection"] == {"supported": False, "configured": False}
        code = (await world.admin("POST", "/v1/devices/activationCode", {"workspaceId": place["id"]})).json["code"]
        await Exchange.run(world, parse_code(code))
        able = (await world.admin("GET", f"{url}/capabilities")).json["capabilities"]
        assert able["occupancyDetection"] == {"supported": True, "configured": True}
        assert able["temperature"] == {"supported": False, "configured": False}
        wide = (await world.admin("GET", f"{url}?includeDevices=true&includeCapabilities=true")).json
        assert [device["workspaceId"] for device in wide["devices"]] == [place["id"]]
        assert wide["capabilities"] == able
        assert "devices" not in (await world.admin("GET", url)).json
        (listed,) = (await world.admin("GET", "/v1/workspaces?includeDevices=true")).json["items"]
        assert len(listed["devices"]) == 1

    in_cloud(story)


def test_pages_by_cursor() -> None:
    async def story(world: World) -> None:
        for n in range(3):
            await workspace(world, f"Room {n}")
        reply = await world.admin("GET", "/v1/workspaces?max=2&cursor=0&type=notSet")
        assert "type=notSet&max=2&cursor=2" in reply.headers["Link"]
        url = reply.headers["Link"].partition(">")[0].removeprefix("<")
        last = await world.admin("GET", url)
        assert [item["displayName"] for item in last.json["items"]] == ["Room 2"]
        assert "Link" not in last.headers
        assert (await world.admin("GET", "/v1/workspaces?cursor=abc")).status == 400

    in_cloud(story)
