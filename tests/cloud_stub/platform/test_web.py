"""The web door: conventions of every answer, strangers, and what faults do to a request."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from cloud_world import World, in_cloud
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import User
from cloud_stub.platform.routes import BODY_BYTES_MAX
from endpoint.runtime.faults import Fault

PING = "/wdm/api/v1/ping"


def test_every_answer_has_the_clouds_date_and_the_tracking_id_of_the_request() -> None:
    async def story(world: World) -> None:
        await world.clock.sleep(90_061)
        reply = await world.ask("GET", PING, headers={"trackingid": "abc_1+2"})
        assert reply.headers["Date"] == "Tue, 03 Mar 2026 09:01:01 GMT"
        assert reply.headers["trackingid"] == "abc_1+2"
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["Server"] == "roomsim"
        odd = await world.ask("GET", PING, headers={"trackingid": "x" * 300})
        assert odd.headers["trackingid"].startswith("ROUTERGW_")

    in_cloud(story)


@pytest.mark.parametrize(("is_required", "status"), [(True, 401), (False, 200)])
def test_devices_need_a_tracking_id_where_the_cloud_requires_one(is_required: bool, status: int) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        nameless = {"trackingid": ""}
        assert (await world.ask("GET", "/wdm/api/v1/devices", token=token)).status == 200
        assert (await world.ask("GET", "/wdm/api/v1/devices", token=token, headers=nameless)).status == status
        admin = world.cloud.admin_token.reveal()
        assert (await world.ask("GET", "/v1/devices", token=admin, headers=nameless)).status == 200, "people need none"

    in_cloud(story, CloudSettings(requires_tracking_id=is_required))


def test_both_ends_of_a_request_are_in_the_trace() -> None:
    async def story(world: World) -> None:
        await world.ask("GET", f"{PING}?max=1&token=secret", headers={"trackingid": "t1"})
        request, response = [event for event in world.trace.events if event.id == "t1"]
        assert (request.who, request.kind, request.label) == ("cloud:wdm", "http.request", "documented")
        assert dict(request.data) == {
            "side": "received", "method": "GET", "path": PING, "query": {"max": "1", "token": "<hidden>"}, "service": "wdm",
            "host": "127.0.0.1",
        }  # fmt: skip
        assert (response.kind, response.cause, response.data["side"]) == ("http.response", request.n, "sent")
        assert response.data["status"] == 200
        entry = world.cloud.platform.journal.entries()[-1]
        assert (entry.method, entry.path, entry.status, entry.label) == ("GET", PING, 200, "documented")

    in_cloud(story)


def test_stranger_gets_404_and_an_explanation() -> None:
    async def story(world: World) -> None:
        reply = await world.ask("GET", "/wdm/api/v1/devizes?max=5")
        assert (reply.status, reply.json["message"]) == (404, "not found")
        entry = world.cloud.platform.journal.entries(unmatched=True)[0]
        assert "nearest route: GET /wdm/api/v1/devices" in entry.explanation
        assert any("unexpected" in event.data for event in world.trace.events)

    in_cloud(story)


def test_wrong_method_gets_405() -> None:
    async def story(world: World) -> None:
        reply = await world.ask("PATCH", "/wdm/api/v1/devices")
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, POST")

    in_cloud(story)


def test_service_answers_under_its_own_name_only() -> None:
    async def story(world: World) -> None:
        statuses = [
            (await world.ask("GET", url)).status
            for url in (
                "http://wdm-a.wbx2.test/wdm/api/v1/ping",
                "http://wdm-b.wbx2.test/wdm/api/v1/ping",
                "http://calendar-a.wbx2.test/wdm/api/v1/ping",
                "http://idbroker.webex.test/ping",
                "http://ds.wbx2.test/v1/region",
                "http://ds.wbx2.test/v1/region/",
            )
        ]
        assert statuses == [200, 200, 404, 200, 200, 200]

    in_cloud(story)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer a b", "Bearer unknown"])
def test_request_without_a_good_token_gets_401(header: str) -> None:
    async def story(world: World) -> None:
        headers = {"Authorization": header} if header else {}
        reply = await world.ask("GET", "/wdm/api/v1/devices", headers=headers)
        assert reply.status == 401
        assert "trackingId" in reply.json

    in_cloud(story)


def test_token_without_the_scope_gets_403() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        assert (await world.ask("GET", "/v1/devices", token=token)).status == 403
        assert (await world.ask("GET", "/roomsim/control/v1/devices", token=token)).status == 403

    in_cloud(story)


def test_body_over_the_limit_gets_413() -> None:
    async def story(world: World) -> None:
        token = world.cloud.admin_token.reveal()
        fits = b'{"metrics": []}'.ljust(BODY_BYTES_MAX)
        path = "/metrics/api/v1/clientmetrics"
        assert (await world.ask("POST", path, fits, token=token)).status == 200
        assert (await world.ask("POST", path, fits + b" ", token=token)).status == 413

    in_cloud(story)


# -- faults ------------------------------------------------------------------------------------------------------------


def test_error_fault_answers_in_the_shape_of_the_service() -> None:
    async def story(world: World) -> None:
        cases = world.cloud.use_cases
        cases.fault(
            "a", "http", "error", target={"service": "wdm"}, params={"status": 500, "code": "5001", "text": "no"}
        )
        cases.fault("b", "hydra", "error", params={"retry_after": 7.4}, count=1)
        reply = await world.ask("GET", PING)
        assert (reply.status, reply.json["message"], reply.json["errorCode"]) == (500, "no", 5001)
        reply = await world.ask("GET", "/v1/ping")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
        assert "errors" in reply.json
        assert (await world.ask("GET", "/v1/ping")).status == 200
        cases.heal("a")
        assert (await world.ask("GET", PING)).status == 200

    in_cloud(story)


def test_fault_is_aimed_by_method_path_host_and_device() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        account = next(user for user in world.cloud.platform.store[User] if user.workspace_id)
        world.cloud.use_cases.name_user(account.id, "device:room")
        target = {"method": "GET", "path": "/wdm/api/v1/dev*", "host": "127.0.0.1", "device": "device:room"}
        world.cloud.use_cases.fault("f", "http", "error", target=target)
        assert (await world.ask("GET", "/wdm/api/v1/devices", token=token)).status == 503
        assert (await world.admin("GET", "/wdm/api/v1/devices")).status == 200
        assert (await world.ask("POST", "/wdm/api/v1/devices", {}, token=token)).status == 200

    in_cloud(story)


def test_delay_fault_takes_its_time_on_the_clock() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "wdm", "delay", params={"by": 12.5})
        before = world.clock.time()
        assert (await world.ask("GET", PING)).status == 200
        assert world.clock.time() - before == pytest.approx(12.5)

    in_cloud(story)


def test_dribbled_answer_arrives_in_pieces() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "http", "dribble", params={"by": 0.5})
        before = world.clock.time()
        reply = await world.ask("GET", PING)
        assert reply.json["serviceName"] == "wdm"
        assert world.clock.time() - before == pytest.approx(5.0, abs=0.6)

    in_cloud(story)


@pytest.mark.parametrize(("do", "reaches"), [("drop_request", False), ("drop_reply", True)])
def test_dropped_connection_is_cut_before_or_after_the_service(do: str, reaches: bool) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        world.cloud.use_cases.fault("f", "http", do, target={"method": "POST"}, count=1)
        with pytest.raises(aiohttp.ClientError):
            await world.ask("POST", "/wdm/api/v1/devices", {"name": "x"}, token=token)
        listed = (await world.ask("GET", "/wdm/api/v1/devices", token=token)).json["devices"]
        assert len(listed) == (1 if reaches else 0)

    in_cloud(story)


def test_duplicated_request_is_done_twice() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        world.cloud.use_cases.fault("f", "http", "duplicate", target={"method": "POST"})
        await world.ask("POST", "/wdm/api/v1/devices", {"name": "x"}, token=token)
        listed = (await world.ask("GET", "/wdm/api/v1/devices", token=token)).json["devices"]
        assert len(listed) == 2

    in_cloud(story)


@pytest.mark.parametrize(("do", "params"), [("truncate", {}), ("malformed", {}), ("malformed", {"what": "utf8"})])
def test_spoiled_body_is_no_json(do: str, params: dict[str, str]) -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "http", do, params=params)
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            _ = (await world.ask("GET", PING)).json
        assert (await world.ask("GET", PING)).status == 200, "it bites once"

    in_cloud(story)


def test_redirect_fault_names_another_place() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "http", "redirect", params={"to": "http://elsewhere.wbx2.test/x"})
        reply = await world.ask("GET", PING)
        assert (reply.status, reply.headers["Location"]) == (307, "http://elsewhere.wbx2.test/x")

    in_cloud(story)


def test_fault_ends_by_itself_and_starts_late() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "wdm", "error", after_s=10, for_s=20)
        statuses = []
        for _ in range(4):
            statuses.append((await world.ask("GET", PING)).status)
            await world.clock.sleep(10)
        assert statuses == [200, 503, 503, 200]

    in_cloud(story)


def test_fault_armed_past_the_use_cases_bites_too() -> None:
    async def story(world: World) -> None:
        world.faults.arm(Fault("raw", "http", "error", {"service": "wdm"}, {"status": 418}))
        assert (await world.ask("GET", PING)).status == 418

    in_cloud(story)


# -- anything may come -------------------------------------------------------------------------------------------------

PATHS = st.one_of(
    st.sampled_from(
        [
            "/activation/api/v1/challenges", "/idbroker/idb/token/v1/actions/srp/invoke", "/idbroker/idb/oauth2/v1/access_token",
            "/wdm/api/v1/devices", "/wdm/api/v1/devices/x", "/calendar/api/v1/calendarEvents", "/calendar/api/v1/calendarEvents/%C3%A9",
            "/calliope/api/discovery/v1/clusters", "/metrics/api/v1/clientmetrics", "/feature/api/v1/features/users/x/toggles",
            "/v1/devices", "/v1/workspaces", "/v1/devices/activationCode", "/u2c/api/v1/limited/catalog", "/roomsim/control/v1/faults",
            "/roomsim/control/v1/meetings", "/roomsim/control/v1/state",
        ]
    ),
    st.text(st.characters(codec="ascii", exclude_characters="?#\\ "), max_size=40).map(lambda text: "/" + text.lstrip("/")),
)  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.one_of(st.none(), st.binary(max_size=200), JSON_VALUES.map(lambda value: json.dumps(value).encode()))
QUERIES = st.dictionaries(
    st.sampled_from(["max", "offset", "start", "fromDate", "toDate", "compact", "format", "orgId", "path", "limit"]),
    st.text(max_size=12),
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), PATHS, QUERIES, BODIES, st.booleans()),
        min_size=5,
        max_size=15,
    )
)
def test_whatever_comes_is_answered_below_500(
    requests: list[tuple[str, str, dict[str, str], bytes | None, bool]],
) -> None:
    async def story(world: World) -> None:
        admin = world.cloud.admin_token.reveal()
        for method, path, query, body, is_admin in requests:
            url = str(URL(world.base).with_path(path).with_query(query))
            async with asyncio.timeout(60):
                reply = await world.ask(method, url, body, token=admin if is_admin else "")
            assert reply.status < 500, (method, path, query, body, reply.raw)

    in_cloud(story)


@pytest.mark.parametrize("host", ["", "Host: u2c.wbx2.test:99999\r\n", "Host: [oops\r\n", "Host: a b\r\n"])
def test_missing_or_strange_host_header_stands_for_the_door_itself(host: str) -> None:
    async def story(world: World) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(world.base.rpartition(":")[2]))
        writer.write(f"GET /u2c/api/v1/limited/catalog?orgId=x HTTP/1.0\r\n{host}\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.0 200")
        assert f'"hydra":"{world.base}/v1"'.encode() in answer

    in_cloud(story)


def test_control_api_stays_undisturbed_and_out_of_the_journal() -> None:
    async def story(world: World) -> None:
        path = "/roomsim/control/v1/faults"
        assert (await world.admin("POST", path, {"id": "all down", "on": "http", "do": "error"})).status == 200
        assert (await world.ask("GET", PING)).status == 503
        assert (await world.admin("DELETE", f"{path}/all")).status == 204
        assert (await world.ask("GET", PING)).status == 200
        assert {entry.service for entry in world.cloud.platform.journal.entries()} == {"wdm"}

    in_cloud(story)
