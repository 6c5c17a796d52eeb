"""The control API: each endpoint, who may use it, and that its reference page knows it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from cloud_world import DEVICE, Exchange, World, in_cloud

from cloud_stub.cloud import Cloud
from cloud_stub.platform.fault_points import HTTP_DOES, LAYERS, carried_out
from cloud_stub.platform.routes import Label
from cloud_stub.platform.web import WebDoor
from cloud_stub.use_cases import STRUCK
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, SteppedTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.runtime.vocabulary import FAULTS
from endpoint.wire.activation import parse_code

BASE = "/roomsim/control/v1"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "control-api.md"


async def do(world: World, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    reply = await world.admin(method, BASE + path, body)
    assert reply.status == status, reply.raw
    return reply.json if reply.raw else None


def test_reference_page_names_every_route_and_no_other() -> None:
    async def story(world: World) -> None:
        known = WebDoor(world.cloud.platform, world.cloud.services).router.known
        served = {(m, path.removeprefix(BASE)) for m, path, _, service in known if service == "control"}
        documented = {
            (method, path.partition("?")[0])
            for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`", PAGE.read_text())
        }
        assert served - documented == {("GET", "/roomsim/clock")}
        assert documented - served == set()

    in_cloud(story)


def test_nobody_without_the_administrators_token_gets_in() -> None:
    async def story(world: World) -> None:
        assert (await world.ask("GET", f"{BASE}/devices")).status == 401
        assert (await world.ask("GET", f"{BASE}/devices", token=await world.machine())).status == 403
        for path in ("/roomsim/clock", f"{BASE}/clock"):
            reply = await world.ask("GET", path)
            assert (reply.status, reply.json["mode"]) == (200, "real")

    in_cloud(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/workspaces", {"nmae": "x"}, 400, "nmae"),
        ("POST", "/workspaces", {}, 400, "name"),
        ("POST", "/users", {"name": ""}, 400, "displayName"),
        ("POST", "/tokens", {"userId": "nobody"}, 404, "user"),
        ("POST", "/tokens/revoke", {"token": "both"}, 400, "access, refresh or all"),
        ("POST", "/codes", {}, 400, "either a workspace or a person"),
        ("GET", "/codes/00000000", None, 404, "activation code"),
        ("POST", "/codes/00000000/expire", None, 404, "activation code"),
        ("DELETE", "/codes/00000000", None, 404, "activation code"),
        ("PATCH", "/devices/nobody", {"deepSleep": True}, 404, "device"),
        ("DELETE", "/devices/nobody", None, 404, "device"),
        ("POST", "/meetings", {"title": "x"}, 400, "start is missing"),
        ("POST", "/meetings", {"title": "x", "start": "today", "durationMinutes": 1}, 400, "ISO 8601"),
        ("PATCH", "/meetings/nobody", {"title": "x"}, 404, "meeting"),
        ("PATCH", "/meetings/nobody", {"id": "x"}, 400, "does not change"),
        ("DELETE", "/meetings/nobody", None, 404, "meeting"),
        ("POST", "/mercury/push", {"data": {}}, 400, "eventType"),
        ("POST", "/mercury/close", {"code": 7}, 400, "close code"),
        ("POST", "/mercury/send", {}, 400, "either frame or text"),
        ("POST", "/catalog/rotate", {"service": "nobody"}, 400, "no service 'nobody'"),
        ("POST", "/catalog/rotate", {"service": "wdm", "to": "bb"}, 400, "a to z"),
        ("POST", "/features", {"key": "k", "value": 1, "kind": "x", "userId": "y"}, 400, "developer"),
        ("POST", "/maintenance", {"service": "wdm", "status": 200}, 400, "400 to 599"),
        ("POST", "/gds/upstreams", {"name": "x", "state": "fault"}, 400, "GDS needs"),
        (
            "POST",
            "/faults",
            {"on": "gravity", "do": "reverse"},
            400,
            "does not carry out 'reverse' on 'gravity'; layers: activation, calendar, ",
        ),
        (
            "POST",
            "/faults",
            {"on": "hybrid", "do": "x"},
            400,
            "on it: beyond_window, keyword_unknown, no_interop, notification_late, ",
        ),
        ("POST", "/faults", {"on": "mercury", "do": "x"}, 400, "on it: "),
        ("DELETE", "/faults/nobody", None, 404, "holds"),
        ("POST", "/clock/advance", {"seconds": 1}, 409, "stepped"),
        ("GET", "/state?path=weather", None, 404, "there is no 'weather'"),
        ("GET", "/state?path=org.colour", None, 404, "it has"),
        ("GET", "/state?path=code.state", None, 404, "no code yet"),
        ("GET", "/state?path=org.nobody.name", None, 404, "there is no org nobody"),
        ("GET", "/journal?limit=x", None, 400, "limit"),
        ("DELETE", "/users/%admin%", None, 409, "last administrator"),
        ("POST", "/names", {"userId": "nobody", "name": "x"}, 404, "user"),
    ],
)
def test_mistake_is_told_in_words(method: str, path: str, body: Any, status: int, words: str) -> None:
    async def story(world: World) -> None:
        admin = (await do(world, "GET", "/state"))["users"][0]["id"]
        answer = await do(world, method, path.replace("%admin%", admin), body, status)
        assert words in answer["message"]

    in_cloud(story)


def test_rooms_people_and_tokens() -> None:
    async def story(world: World) -> None:
        room = await do(world, "POST", "/workspaces", {"name": "Lab"})
        person = await do(world, "POST", "/users", {"name": "Ann", "email": "ann@room.example"})
        await do(world, "POST", "/users", {"name": "Ann 2", "email": "ann@room.example"}, 400)
        token = await do(world, "POST", "/tokens", {"userId": person["id"]})
        assert token["scope"] == "spark:all spark:kms"
        me = "/v1/people/me"
        assert (await world.ask("GET", me, token=token["access_token"])).status == 200
        assert await do(world, "POST", "/tokens/expire", {"token": "access", "userId": person["id"]}) == {"tokens": 1}
        assert (await world.ask("GET", me, token=token["access_token"])).status == 401
        other = await do(world, "POST", "/tokens", {"userId": person["id"], "scopes": ["a"]})
        assert other["scope"] == "a"
        assert await do(world, "POST", "/tokens/revoke", {"userId": person["id"]}) == {"tokens": 3}
        await do(world, "DELETE", f"/users/{person['id']}", status=204)
        await do(world, "DELETE", f"/workspaces/{room['id']}", status=204)
        assert (await do(world, "GET", "/state?path=workspace.count"))["value"] == 0

    in_cloud(story)


def test_codes_and_devices() -> None:
    async def story(world: World) -> None:
        made = await do(world, "POST", "/codes", {"workspace": "Lab", "livesSeconds": 60, "model": "Desk Pro"})
        assert (made["state"], made["expires"]) == ("NEW", "2026-03-02T08:01:00Z")
        assert made["code"].startswith(made["id"])
        again = await do(world, "POST", "/codes", {"workspace": "Lab"})
        assert again["workspace_id"] == made["workspace_id"]
        assert (await do(world, "POST", f"/codes/{again['id']}/expire"))["state"] == "EXPIRED"
        await do(world, "DELETE", f"/codes/{again['id']}", status=204)
        await Exchange.run(world, parse_code(made["code"]))
        assert (await do(world, "GET", f"/codes/{made['id']}"))["state"] == "CONSUMED"
        assert (await do(world, "GET", "/state?path=code.state"))["value"] == "CONSUMED"
        (device,) = (await do(world, "GET", "/devices"))["items"]
        assert device["model"] == DEVICE["model"]
        changed = await do(world, "PATCH", f"/devices/{device['id']}", {"errorCodes": ["X"], "deepSleep": True})
        assert (changed["error_codes"], changed["deep_sleep"], changed["status"]) == (["x"], True, "offline_deep_sleep")
        await do(world, "POST", "/org/suspend", {}, 204)
        assert (await do(world, "GET", "/state?path=org.suspended"))["value"] is True
        await do(world, "DELETE", f"/devices/{device['id']}", status=204)
        assert (await do(world, "GET", "/devices")) == {"items": []}

    in_cloud(story)


def test_deleted_device_is_told_then_cut_off() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        ws = await world.socket(token)
        await ws.receive_json()
        (device,) = (await do(world, "GET", "/devices"))["items"]
        await do(world, "DELETE", f"/devices/{device['id']}", status=204)
        data = (await ws.receive_json())["data"]
        assert (data["eventType"], data["deviceId"]) == ("room.identityDeleted", device["id"])
        assert (await ws.receive()).data == 4401
        assert (await world.ask("GET", "/wdm/api/v1/devices", token=token)).status == 401

    in_cloud(story)


def test_meetings() -> None:
    async def story(world: World) -> None:
        await world.machine()
        body = {
            "title": "Review",
            "start": "2026-03-02T10:00:00+01:00",
            "durationMinutes": 30,
            "join": {"webexURI": "x"},
        }
        meeting = await do(world, "POST", "/meetings", {**body, "id": "m1", "push": "none"})
        assert (meeting["id"], meeting["start"]) == ("m1", "2026-03-02T09:00:00Z")
        changed = await do(
            world, "PATCH", "/meetings/m1", {"durationMinutes": 45, "isPrivate": True, "push": "minimal"}
        )
        assert (changed["duration_minutes"], changed["title"], changed["is_private"]) == (45, "Review", True)
        await do(world, "DELETE", "/meetings/m1?push=none", status=204)
        assert (await do(world, "GET", "/state?path=meeting.count"))["value"] == 0

    in_cloud(story)


def test_mercury() -> None:
    async def story(world: World) -> None:
        ws = await world.socket(await world.machine())
        await ws.receive_json()
        (socket,) = (await do(world, "GET", "/mercury/sockets"))["items"]
        assert (socket["frames"], socket["switching"]) == (1, False)
        to = {"registrationId": socket["registrationId"]}
        assert await do(world, "POST", "/mercury/push", {"data": {"eventType": "x.y"}, **to}) == {"sockets": 1}
        assert (await ws.receive_json())["data"]["eventType"] == "x.y"
        assert await do(world, "POST", "/mercury/push", {"data": {"eventType": "x.y"}, "userId": "nobody"}) == {
            "sockets": 0
        }
        assert await do(world, "POST", "/mercury/send", {"frame": {"id": "raw"}}) == {"sockets": 1}
        assert await ws.receive_json() == {"id": "raw"}
        assert await do(world, "POST", "/mercury/send", {"text": "{"}) == {"sockets": 1}
        assert await ws.receive_str() == "{"
        assert await do(world, "POST", "/mercury/shutdown", {"afterSeconds": 60}) == {"sockets": 1}
        assert (await ws.receive_json())["type"] == "shutdown"
        assert await do(world, "POST", "/mercury/close", {"code": 1011, "reason": "r", **to}) == {"sockets": 1}
        message = await ws.receive()
        assert (message.data, message.extra) == (1011, "r")

    in_cloud(story)


def test_catalogue_toggles_and_outages() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        assert await do(world, "POST", "/catalog/rotate", {"service": "calliopeDiscovery", "to": "k"}) == {
            "host": "calliope-k.wbx2.test"
        }
        assert await do(world, "POST", "/catalog/active-clusters") == {"sockets": 0}
        (feature,) = (await do(world, "POST", "/features", {"key": "x", "value": True}))["items"]
        assert feature["val"] == "true"
        await do(world, "POST", "/gds/upstreams", {"name": "Cassandra", "state": "fault"}, 204)
        await do(world, "POST", "/maintenance", {"service": "wdm", "status": 502, "forSeconds": 5})
        assert (await world.ask("GET", "/wdm/api/v1/devices", token=token)).status == 502

    in_cloud(story)


def test_faults() -> None:
    async def story(world: World) -> None:
        made = await do(world, "POST", "/faults", {"on": "wdm", "do": "error", "params": {"status": 500}, "count": 2})
        assert made["target"] == {"service": "wdm"}
        await do(world, "POST", "/faults", {"on": "wdm", "do": "error"}, 400)
        await do(
            world, "POST", "/faults", {"id": "late", "on": "http", "do": "delay", "afterSeconds": 9, "forSeconds": 1}
        )
        listed = (await do(world, "GET", "/faults"))["items"]
        assert [fault["id"] for fault in listed] == ["wdm error", "late"]
        await do(world, "DELETE", "/faults/wdm%20error", status=204)
        await do(world, "DELETE", "/faults/all", status=204)
        assert (await do(world, "GET", "/faults")) == {"items": []}

    in_cloud(story)


def test_names_state_journal_and_labels() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        user = (await do(world, "GET", "/state?path=user"))["value"]
        await do(world, "POST", "/names", {"userId": user["id"], "name": "device:room"}, 204)
        await world.ask("GET", "/wdm/api/v1/devices", token=token)
        assert world.trace.events[-1].peer == "device:room"
        await world.ask("GET", "/nowhere")
        assert (await do(world, "GET", f"/state?path=user.{user['id']}.kind"))["value"] == "MACHINE"
        assert (await do(world, "GET", "/state?path=journal.unmatched"))["value"] == 1
        (entry,) = (await do(world, "GET", "/journal?unmatched=true"))["items"]
        assert (entry["path"], entry["explanation"] != "") == ("/nowhere", True)
        assert len((await do(world, "GET", "/journal?service=wdm&limit=1"))["items"]) == 1
        await do(world, "DELETE", "/journal", status=204)
        assert (await do(world, "GET", "/journal?service=wdm"))["items"] == []
        labels = (await do(world, "GET", "/labels"))["items"]
        assert {entry["label"] for entry in labels} <= set(Label)
        assert {"method": "POST", "path": "/wdm/api/v1/devices", "service": "wdm", "label": "observed"} in labels

    in_cloud(story)


def test_clock_is_advanced_where_it_is_stepped() -> None:
    async def main() -> None:
        source = SteppedTime(asyncio.get_running_loop())
        clock = Clock(source)
        trace = Trace(clock)
        cloud = Cloud(clock, Chance(7), trace, Faults(clock, trace), NameTable())
        assert cloud.use_cases.clock()["mode"] == "frozen"
        waiting = asyncio.ensure_future(cloud.use_cases.clock_after(0.0, 60.0))
        fired: list[float] = []
        clock.call_later(5, lambda: fired.append(clock.time()))
        await cloud.use_cases.advance(86_400)
        assert (fired, cloud.use_cases.clock()["seconds"]) == ([5.0], 86_400.0)
        assert (await waiting)["jumped"] == 86_400.0
        with pytest.raises(Exception, match="never goes back"):
            await cloud.use_cases.advance(-1)
        await cloud.stop()

    asyncio.run(main())


def test_a_row_of_the_fault_table_is_one_switch() -> None:
    async def story(world: World) -> None:
        made = await do(world, "POST", "/faults", {"row": "token.revoked", "id": "gone"})
        assert (made["id"], made["row"], made["elsewhere"]) == ("gone", "token.revoked", [])
        assert [one["id"] for one in made["items"]] == ["gone", "gone.2"]
        assert [fault["id"] for fault in (await do(world, "GET", "/faults"))["items"]] == ["gone"]
        await do(world, "DELETE", "/faults/gone", status=204)
        assert (await do(world, "GET", "/faults")) == {"items": []}
        for body, why in (
            ({"row": "token.revokd"}, "token.revoked"),
            ({"row": "link.down"}, "a device's control door does it"),
            ({"row": "token.revoked", "on": "dns"}, "give either"),
            ({}, "give `row`"),
        ):
            refused = await do(world, "POST", "/faults", body, 400)
            assert why in str(refused)

    in_cloud(story)


def test_a_delay_that_is_drawn_is_armed_and_shown_in_the_words_of_the_language() -> None:
    async def story(world: World) -> None:
        spread = {"by": {"from": 0.5, "to": 1.5}}
        made = await do(world, "POST", "/faults", {"on": "u2c", "do": "delay", "params": spread})
        assert made["params"] == spread
        (shown,) = (await do(world, "GET", "/faults"))["items"]
        assert shown["params"] == spread
        before_s = world.clock.time()
        await world.ask("GET", "/u2c/api/v1/limited/catalog")
        assert 0.5 <= world.clock.time() - before_s <= 1.5

    in_cloud(story)


def test_reference_page_names_every_fault_that_the_cloud_carries_out() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {name: row[1] for row in rows if len(row) == 2 for name in re.findall(r"`(\w+)`", row[0])}
    for on in set(LAYERS) - {"gds", "mailbox"}:  # other names of what `http` and `hybrid` have
        own = set(carried_out(on)) - (HTTP_DOES if on != "http" else set()) | {
            do for layer, do in STRUCK if layer == on
        }
        assert own <= set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", told[on]))), on
        named = {
            do: re.findall(r"`(\w+)`", about.partition("target")[0])
            for do, about in re.findall(r"(\w+) \(([^)]*)\)", told[on])
        }
        for do in own & set(FAULTS.get(on, {})):
            assert sorted(named.get(do, [])) == sorted(FAULTS[on][do].params), (on, do)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"on": "http", "do": "error", "params": {"status": "abc"}}, "`status` is a whole number, 100 to 599"),
        ({"on": "http", "do": "error", "params": {"status": 5000}}, "100 to 599"),
        ({"on": "u2c", "do": "error", "params": {"status": None}}, "100 to 599"),
        ({"on": "proxy", "do": "block", "params": {"status": True}}, "300 to 599"),
        ({"on": "http", "do": "delay", "params": {"by": "soon"}}, "`by` is a number"),
        ({"on": "http", "do": "delay", "params": {"by": -1}}, "`by` is a number"),
        ({"on": "mercury", "do": "close", "params": {"code": 12}}, "`code` is a whole number, 1000 to 4999"),
        ({"on": "mercury", "do": "auth_refused", "params": {"code": "4403"}}, "`code` is a whole number, 1000 to 4999"),
        ({"on": "mercury", "do": "close", "params": {"reason": "é" * 62}}, "`reason` has at most 123 bytes"),
        ({"on": "http", "do": "error", "params": {"status": 503.5}}, "`status` is a whole number"),
        ({"on": "http", "do": "error", "params": {"code": [1]}}, "`code` is a text or a number"),
        (
            {"on": "http", "do": "redirect", "params": {"to": "https://a.example\r\nX: y"}},
            "`to` is a text, of one line",
        ),
        ({"on": "u2c", "do": "redirect", "params": {"status": 200}}, "`status` is a whole number, 300 to 399"),
        ({"on": "u2c", "do": "delay", "params": {"by": {"from": 3, "to": 1}}}, "`by` is a number"),
        ({"on": "kms", "do": "silent", "params": {"titles_only": "no"}}, "`titles_only` is true or false"),
        ({"on": "catalog", "do": "missing", "params": {"service": [7]}}, "`service` is a text"),
        ({"on": "u2c", "do": "delay", "params": {"status": 503}}, "`delay` on u2c takes no `status`; it takes: by"),
        ({"on": "locus", "do": "elsewhere", "params": {"after": 3}}, "`elsewhere` on locus takes no `after`"),
        ({"on": "wdm", "do": "excessive", "target": {"path": "/x"}}, "cannot be aimed at a `path`; it can at: device"),
        (
            {"on": "mercury", "do": "close", "target": {"service": "x"}},
            "cannot be aimed at a `service`; it can at: device",
        ),
        ({"on": "activation", "do": "tampered_b", "params": {"what": "one"}}, "zero, n, 2n, short, url"),
        ({"on": "activation", "do": "tampered_b", "params": {"what": ["one"]}}, "zero, n, 2n, short, url"),
        ({"on": "proxy", "do": "auth", "params": {"schemes": ["basic", "bearer"]}}, "basic, digest, digest-sha-256"),
        ({"on": "proxy", "do": "auth", "params": {"schemes": 5}}, "basic, digest"),
        ({"on": "proxy", "do": "intercept", "params": {"ca": "mine"}}, "trusted, untrusted"),
        ({"on": "proxy", "do": "strip_headers", "params": {"headers": [1]}}, "`headers` are names"),
        ({"on": "http", "do": "error", "count": 0}, "count"),
        ({"on": "http", "do": "error", "skip": -1}, "skip"),
        ({"on": "http", "do": "error", "percent": 101}, "percent"),
        ({"on": "http", "do": "error", "afterSeconds": -1}, "afterSeconds"),
    ],
)
def test_a_fault_with_a_parameter_that_it_could_not_have_is_refused(body: dict[str, Any], says: str) -> None:
    async def story(world: World) -> None:
        assert says in str(await do(world, "POST", "/faults", body, 400))
        assert not world.faults.armed

    in_cloud(story)


def test_a_row_of_which_a_part_still_holds_is_refused_whole() -> None:
    async def story(world: World) -> None:
        again = {"row": "register.lost", "id": "lost"}
        first, second = (await do(world, "POST", "/faults", again))["items"]
        world.faults.heal(first["id"])  # as when it is used up
        assert "'lost.2' is armed already" in str(await do(world, "POST", "/faults", again, 400))
        assert [fault["id"] for fault in (await do(world, "GET", "/faults"))["items"]] == [second["id"]]

    in_cloud(story)
