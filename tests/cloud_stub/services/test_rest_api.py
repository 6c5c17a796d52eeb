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
        assert changed == {**kept, "displayName": "Hall", "capacity": 5}, "what is not given goes: notes"
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
        assert await status_of(world) == "connected", "it has ten minutes to come"
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
