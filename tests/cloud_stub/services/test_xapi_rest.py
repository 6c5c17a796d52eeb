"""The xAPI of the public REST API, with a device that is played by hand: what it is asked, and what clients see of its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from cloud_world import World, in_cloud

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import Device, User
from cloud_stub.services.public_api import public_id
from cloud_stub.services.xapi_configurations import is_elsewhere
from cloud_stub.services.xapi_relay import PENDING_PER_DEVICE
from endpoint.wire.xapi import relay

PATCH = {"Content-Type": "application/json-patch+json"}
VOLUME = {
    "key": "Audio.DefaultVolume", "value": 50, "default": 50, "configured": None,
    "valueSpace": {"type": "integer", "minimum": 0, "maximum": 100},
    "updatedAt": "2026-03-02T08:00:00Z",
}  # fmt: skip
SIP = {
    "key": "NetworkServices.SIP.Mode", "value": "Off", "default": "On", "configured": "Off",
    "valueSpace": {"type": "string", "enum": ["Off", "On"]},
    "updatedAt": "2026-03-02T08:00:00Z",
}  # fmt: skip
Reply = Callable[[relay.Request], Any]


def done(**result: Any) -> dict[str, Any]:
    return {"outcome": "done", "result": result}


def refused(why: str, text: str = "") -> dict[str, Any]:
    return {"outcome": "refused", "why": why, "text": text}


class Played:
    """A device that answers what `reply` says, or nothing where that is None."""

    def __init__(self, world: World, token: str, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.world, self.token, self.ws = world, token, ws
        self.asked: list[relay.Request] = []
        self.reply: Reply = lambda _: done()
        self.statuses: list[int] = []
        self.frames: list[dict[str, Any]] = []
        self._task = asyncio.get_running_loop().create_task(self._live())

    @classmethod
    async def online(cls, world: World, name: str = "Lab") -> Played:
        token = await world.machine(name)
        device = cls(world, token, await world.socket(token))
        await world.clock.sleep(0.1)
        return device

    @property
    def id(self) -> str:
        device = self.world.cloud.platform.store[Device].last()
        assert device is not None
        return public_id("DEVICE", device.id)

    async def _live(self) -> None:
        async for message in self.ws:
            frame = message.json()
            if frame.get("data", {}).get("eventType") != relay.REQUEST:
                continue
            self.frames.append(frame)
            request = relay.parse_request(frame["data"])
            self.asked.append(request)
            answer = self.reply(request)
            if answer is not None:
                self.statuses.append(await self.answer(request.id, answer))

    async def answer(self, request_id: str, answer: Any, token: str = "") -> int:
        path = f"/xapi/api/v1/answers/{request_id}"
        return (await self.world.ask("POST", path, answer, token=token or self.token)).status

    async def gone(self) -> None:
        await self.ws.close()
        await self._task
        await self.world.clock.sleep(0.1)


def token_with(world: World, *scopes: str, person: str = "") -> str:
    """Return a token of the administrator, or of a new person, that has these scopes only."""
    use = world.cloud.use_cases
    admin = next(user for user in world.cloud.platform.store[User] if user.is_admin)
    user = use.user_create(person) if person else admin
    return world.cloud.platform.tokens.issue_access(user, scopes).reveal()


def play(story: Callable[[World, Played], Any], settings: CloudSettings | None = None) -> None:
    async def whole(world: World) -> None:
        device = await Played.online(world)
        try:
            await story(world, device)
        finally:
            await device.gone()

    in_cloud(whole, settings)


# -- statuses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=Audio.Volume", ("Audio.Volume",)),
        ("name=Audio.Volume%2CSystemUnit.Uptime", ("Audio.Volume", "SystemUnit.Uptime")),
        ("name=Audio.Volume&name=RoomAnalytics.*", ("Audio.Volume", "RoomAnalytics.*")),
        ("name=Network%5B1%5D.IPv4.Address,Call[*].Status", ("Network[1].IPv4.Address", "Call[*].Status")),
        ("name=" + ",".join(f"A{n}" for n in range(10)), tuple(f"A{n}" for n in range(10))),
        ("name=A,,A, B ", ("A", "B")),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_statuses_are_asked_of_the_device(query: str, names: tuple[str, ...], slash: str) -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: done(Audio={"Volume": 50})
        reply = await world.admin("GET", f"/v1/xapi/status{slash}?deviceId={device.id}&{query}")
        assert reply.json == {"deviceId": device.id, "result": {"Audio": {"Volume": 50}}}
        assert reply.headers["trackingid"].startswith("ROUTERGW_")
        [asked] = device.asked
        assert isinstance(asked, relay.StatusQuery)
        assert asked.names == names
        assert device.statuses == [204]

    play(story)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/xapi/status?name=A&deviceId=nobody", 404, "The requested resource could not be found."),
        ("/v1/xapi/status?name=A", 400, "deviceId is missing"),
        (
            "/v1/xapi/status?deviceId=DEVICE",
            400,
            "name is 1 to 10 status expressions, such as Audio.Volume; 0 were given",
        ),
        ("/v1/xapi/status?deviceId=DEVICE&name=" + ",".join(f"A{n}" for n in range(11)), 400, "11 were given"),
        ("/v1/xapi/status?deviceId=DEVICE&name=" + "x" * 1025, 400, "name has at most 1024 characters"),
        (
            "/v1/deviceConfigurations?deviceId=DEVICE&key=" + ",".join(f"A{n}" for n in range(11)),
            400,
            "key: at most 10",
        ),
    ],
)
def test_a_question_that_makes_no_sense_never_reaches_the_device(path: str, status: int, says: str) -> None:
    async def story(world: World, device: Played) -> None:
        reply = await world.admin("GET", path.replace("DEVICE", device.id))
        assert reply.status == status
        assert says in reply.json["message"]
        assert reply.json["errors"] == [{"description": reply.json["message"]}]
        assert reply.json["trackingId"] == reply.headers["trackingid"]
        assert reply.json["trackingId"].startswith("ROUTERGW_")
        assert device.asked == []

    play(story)


def test_status_query_by_post_does_not_exist() -> None:
    async def story(world: World, device: Played) -> None:
        reply = await world.admin("POST", "/v1/xapi/status/query", {"deviceId": device.id, "name": ["Audio.Volume"]})
        assert (reply.status, reply.json["message"]) == (404, "The requested resource could not be found.")

    play(story)


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "arguments", "body"),
    [
        ({}, {}, None),
        (
            {"arguments": {"Level": 50, "Names": ["a", "b"], "On": True}},
            {"Level": 50, "Names": ["a", "b"], "On": True},
            None,
        ),
        ({"arguments": None, "body": "<a>\næøå</a>"}, {}, "<a>\næøå</a>"),
        ({"body": {"Bookings": []}}, {}, '{"Bookings":[]}'),
    ],
)
def test_command_with_arguments_and_body(sent: dict[str, Any], arguments: dict[str, Any], body: str | None) -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: done(CallId=3, ConferenceId=2)
        reply = await world.admin("POST", "/v1/xapi/command/Dial/", {"deviceId": device.id, **sent})
        assert reply.json == {"deviceId": device.id, "result": {"CallId": 3, "ConferenceId": 2}}
        [asked] = device.asked
        assert isinstance(asked, relay.CommandCall)
        assert (asked.name, asked.arguments, asked.body) == ("Dial", arguments, body)

    play(story)


def test_what_clients_give_is_in_no_trace() -> None:
    async def story(world: World, device: Played) -> None:
        given = {"Username": "ann", "Passphrase": "open-sesame"}
        await world.admin(
            "POST", "/v1/xapi/command/A.B", {"deviceId": device.id, "arguments": given, "body": "open-sesame"}
        )
        value = [{"op": "replace", "path": "SystemUnit.Name/sources/configured/value", "value": "open-sesame"}]
        device.reply = lambda _: done(settings=[])
        url = f"/v1/deviceConfigurations?deviceId={device.id}"
        token = world.cloud.admin_token.reveal()
        assert (await world.ask("PATCH", url, value, token=token, headers=PATCH)).status == 200
        assert len(device.asked) == 2
        assert "open-sesame" not in repr(device.asked)
        assert not [event for event in world.trace.events if "open-sesame" in event.as_json()]
        assert [event for event in world.trace.events if '"sealed":"<sealed#1>"' in event.as_json()]

    play(story)


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (refused("unknownCommand", "No Such"), 400, "[Command 'No.Such' not supported]"),
        (refused("badRequest", "Level: 500 is outside 0..100"), 400, "Level: 500 is outside 0..100"),
        (refused("failed", "Booking not found"), 400, "Booking not found"),
        (refused("denied", "Access denied"), 403, "Access denied"),
        (refused("notReady", "Not ready"), 504, "Not ready"),
    ],
)
def test_what_the_device_refuses(answer: dict[str, Any], status: int, message: str) -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: answer
        reply = await world.admin("POST", "/v1/xapi/command/No.Such", {"deviceId": device.id})
        assert (reply.status, reply.json["message"]) == (status, message)

    play(story)


def test_a_large_body_goes_through_and_one_that_no_frame_holds_does_not() -> None:
    async def story(world: World, device: Played) -> None:
        url = "/v1/xapi/command/Macros.Macro.Save"
        large = {"deviceId": device.id, "body": "x" * 700_000}
        assert (await world.admin("POST", url, large)).status == 200
        assert device.asked[0].body == large["body"]  # type: ignore[union-attr]  # a command
        quoted = {"deviceId": device.id, "body": '"' * 300_000}
        assert (await world.admin("POST", url, quoted)).status == 413, "quoted twice it is too much"
        assert (await world.admin("POST", url, {"deviceId": device.id, "body": "x" * 800_000})).status == 413

    play(story)


# -- who may, who answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/v1/xapi/status?name=A&deviceId=DEVICE", ("spark:xapi_commands",)),
        ("POST", "/v1/xapi/command/A", ("spark:xapi_statuses",)),
        ("GET", "/v1/deviceConfigurations?deviceId=DEVICE", ("spark:devices_read",)),
        ("PATCH", "/v1/deviceConfigurations?deviceId=DEVICE", ("spark-admin:devices_write",)),
        ("PATCH", "/v1/deviceConfigurations?deviceId=DEVICE", ("spark-admin:devices_read",)),
        ("PATCH", "/v1/devices/DEVICE", ("spark-admin:devices_read",)),
    ],
)
def test_each_route_needs_its_scope(method: str, path: str, scopes: tuple[str, ...]) -> None:
    async def story(world: World, device: Played) -> None:
        path_of = path.replace("DEVICE", device.id)
        reply = await world.ask(method, path_of, {"deviceId": device.id}, token=token_with(world, *scopes))
        assert reply.status == 403
        assert "scope" in reply.json["message"]
        nobody = await world.ask(method, path_of, {"deviceId": device.id})
        assert nobody.status == 401
        assert nobody.json["message"].startswith("The request requires a valid access token")
        assert device.asked == []

    play(story)


def test_a_person_without_rights_of_an_administrator_has_only_devices_of_its_own() -> None:
    async def story(world: World, device: Played) -> None:
        token = token_with(world, "spark:xapi_statuses", "spark:devices_read", person="Ann")
        reply = await world.ask("GET", f"/v1/xapi/status?name=A&deviceId={device.id}", token=token)
        assert (reply.status, reply.json["message"]) == (403, "The device is not yours.")
        assert (await world.ask("GET", f"/v1/devices/{device.id}", token=token)).status == 403
        assert (await world.ask("GET", "/v1/devices", token=token)).json == {"items": []}

    play(story)


@pytest.mark.parametrize("status", [504, 502])
def test_an_offline_device_is_said_to_be_so_at_once_and_a_silent_one_after_ten_seconds(status: int) -> None:
    async def story(world: World, device: Played) -> None:
        url = f"/v1/xapi/status?name=A&deviceId={device.id}"
        device.reply = lambda _: None
        before = world.clock.time()
        reply = await world.admin("GET", url)
        assert (reply.status, reply.json["message"]) == (status, "The device did not answer within 10 seconds.")
        assert world.clock.time() - before == pytest.approx(10, abs=0.1)
        assert await device.answer(device.asked[0].id, done()) == 404, "too late"
        await device.gone()
        before = world.clock.time()
        reply = await world.admin("GET", url)
        assert (reply.status, reply.json["message"]) == (status, "The device is not connected.")
        assert world.clock.time() - before < 0.1

    play(story, CloudSettings(xapi_unanswered=status))


def test_only_the_device_that_was_asked_can_answer_and_only_with_an_answer() -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: None
        device_id = device.id
        waiting = asyncio.ensure_future(world.admin("GET", f"/v1/xapi/status?name=A&deviceId={device_id}"))
        await world.clock.sleep(0.1)
        request_id = device.asked[0].id
        other = await world.machine("Other")
        assert await device.answer(request_id, done(), other) == 404
        assert await device.answer("nonsense", done()) == 404
        for broken in (
            b"{",
            {"outcome": "maybe"},
            {"outcome": "done", "result": 7},
            {"outcome": "refused", "why": "x"},
        ):
            assert await device.answer(request_id, broken) == 400
        assert await device.answer(request_id, done(Audio={"Volume": 7})) == 204
        assert (await waiting).json["result"] == {"Audio": {"Volume": 7}}
        assert await device.answer(request_id, done()) == 404

    play(story)


def test_a_device_that_is_asked_too_much_at_once() -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: None
        url = f"/v1/xapi/status?name=A&deviceId={device.id}"
        waiting = [asyncio.ensure_future(world.admin("GET", url)) for _ in range(PENDING_PER_DEVICE)]
        await world.clock.sleep(0.1)
        more = await world.admin("GET", url)
        assert (more.status, more.headers["Retry-After"]) == (429, "1")
        assert {reply.status for reply in await asyncio.gather(*waiting)} == {504}
        device.reply = lambda _: done()
        assert (await world.admin("GET", url)).status == 200

    play(story)


def test_requests_a_minute_can_be_limited() -> None:
    async def story(world: World, device: Played) -> None:
        url = f"/v1/xapi/status?name=A&deviceId={device.id}"
        assert [(await world.admin("GET", url)).status for _ in range(3)] == [200, 200, 429]
        wait_s = int((await world.admin("GET", url)).headers["Retry-After"])
        assert 58 <= wait_s <= 60
        await world.clock.sleep(wait_s)
        assert (await world.admin("GET", url)).status == 200

    play(story, CloudSettings(xapi_per_minute=2))


def test_while_the_device_changes_sockets_it_is_asked_once() -> None:
    async def story(world: World, device: Played) -> None:
        record = world.cloud.mercury.open_sockets()[0].registration
        url = f"{world.base.replace('http', 'ws')}/v1/apps/wx2/registrations/{record.id}/messages"
        world.cloud.use_cases.mercury_shutdown(after_s=5)
        second = Played(world, device.token, await world.socket(device.token, url))
        await world.clock.sleep(0.1)
        assert len(world.cloud.mercury.open_sockets()) == 2
        assert (await world.admin("GET", f"/v1/xapi/status?name=A&deviceId={device.id}")).status == 200
        assert (len(device.asked), len(second.asked)) == (0, 1)
        await second.gone()

    play(story)


# -- configurations ----------------------------------------------------------------------------------------------------


def test_configuration_document() -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: done(settings=[VOLUME, SIP])
        reply = await world.admin("GET", f"/v1/deviceConfigurations/?deviceId={device.id}")
        assert device.asked == [relay.ConfigurationQuery(device.asked[0].id, ("*",))]
        assert reply.json["deviceId"] == device.id
        assert reply.json["items"]["Audio.DefaultVolume"] == {
            "value": 50, "source": "default",
            "sources": {
                "default": {
                    "value": 50, "editability": {"isEditable": False, "reason": "FACTORY_DEFAULT"},
                    "level": "schemaDefault", "enforced": False,
                },
                "configured": {"value": None, "editability": {"isEditable": True}, "level": "device", "enforced": False},
            },
            "valueSpace": {"type": "integer", "minimum": 0, "maximum": 100},
            "appliedConfigurationValue": {"value": 50, "updatedAt": "2026-03-02T08:00:00Z"},
        }  # fmt: skip
        sip = reply.json["items"]["NetworkServices.SIP.Mode"]
        reason = {"isEditable": False, "reason": "CONFIG_MANAGED_BY_DIFFERENT_AUTHORITY"}
        assert (sip["value"], sip["source"], sip["sources"]["configured"]["editability"]) == (
            "Off",
            "configured",
            reason,
        )
        assert sip["sources"]["default"]["value"] == "On"

    play(story)


def test_keys_are_handed_to_the_device() -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: done(settings=[])
        url = (
            f"/v1/deviceConfigurations?deviceId={device.id}&key=Audio.*&key=Network%5B1%5D.DNS.Server%5B2..n%5D.Address"
        )
        assert (await world.admin("GET", url)).json == {"deviceId": device.id, "items": {}}
        assert device.asked[0].keys == ("Audio.*", "Network[1].DNS.Server[2..n].Address")  # type: ignore[union-attr]  # such a query

    play(story)


def operation(op: str, key: str, *value: Any) -> dict[str, Any]:
    return {"op": op, "path": f"{key}/sources/configured/value", **({"value": value[0]} if value else {})}


def test_patch_is_handed_over_whole_and_answered_with_the_whole_document() -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: done(settings=[VOLUME, SIP])
        body = [operation("replace", "Audio.DefaultVolume", 60), operation("remove", "SystemUnit.Name")]
        token = world.cloud.admin_token.reveal()
        reply = await world.ask(
            "PATCH", f"/v1/deviceConfigurations/?deviceId={device.id}", body, token=token, headers=PATCH
        )
        assert list(reply.json["items"]) == ["Audio.DefaultVolume", "NetworkServices.SIP.Mode"]
        [asked] = device.asked
        assert isinstance(asked, relay.ConfigurationPatch)
        assert asked.changes == (
            relay.Change(op="replace", key="Audio.DefaultVolume", value=60), relay.Change(op="remove", key="SystemUnit.Name"),
        )  # fmt: skip

    play(story)


def test_a_patch_may_have_as_many_operations_as_it_says() -> None:
    async def story(world: World, device: Played) -> None:
        device.reply = lambda _: done(settings=[VOLUME])
        body = [operation("replace", f"Video.Input.Connector[{number}].Name", "x" * 40) for number in range(1, 1_001)]
        token = world.cloud.admin_token.reveal()
        reply = await world.ask(
            "PATCH", f"/v1/deviceConfigurations?deviceId={device.id}", body, token=token, headers=PATCH
        )
        assert reply.status == 200
        [asked] = device.asked
        assert isinstance(asked, relay.ConfigurationPatch)
        assert len(asked.changes) == 1_000

    play(story)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ([], 400, "a patch has 1 to 1000 operations"),
        ({}, 400, "op"),
        ([operation("add", "Audio.DefaultVolume", 1)], 400, "op is replace or remove"),
        ([operation("move", "Audio.DefaultVolume")], 400, "op"),
        (
            [{"op": "replace", "path": "/Audio.DefaultVolume/sources/configured/value", "value": 1}],
            400,
            "without a slash before it",
        ),
        ([{"op": "replace", "path": "Audio.DefaultVolume", "value": 1}], 400, "path is <key>/sources/configured/value"),
        ([operation("replace", "Audio.DefaultVolume")], 400, "value is missing"),
        ([operation("replace", "Audio.DefaultVolume", None)], 400, "value is missing"),
        ([operation("replace", "networkservices.sip.mode", "On")], 400, "CONFIG_MANAGED_BY_DIFFERENT_AUTHORITY"),
        (b"[", 400, "JSON"),
    ],
)
def test_bad_patch_changes_nothing(body: Any, status: int, says: str) -> None:
    async def story(world: World, device: Played) -> None:
        token, url = world.cloud.admin_token.reveal(), f"/v1/deviceConfigurations?deviceId={device.id}"
        sent = [operation("replace", "Audio.DefaultVolume", 60), *body] if isinstance(body, list) and body else body
        reply = await world.ask("PATCH", url, sent, token=token, headers=PATCH)
        assert reply.status == status
        assert says in reply.json["message"]
        plain = await world.ask("PATCH", url, sent, token=token)
        assert (plain.status, plain.json["message"]) == (415, "The body has to be application/json-patch+json.")
        assert device.asked == []

    play(story)


@pytest.mark.parametrize(
    ("key", "elsewhere"),
    [
        ("Network[1].IPv4.Assignment", True), ("Network[1].DNS.Server[2].Address", True), ("Network[1].MTU", True),
        ("NetworkServices.HTTP.Proxy.Mode", True), ("NetworkServices.HTTP.Mode", False),
        ("NetworkServices.HTTPS.Server.MinimumTLSVersion", True),
        ("NetworkServices.SSH.HostKeyAlgorithm", True), ("NetworkServices.SSH.Mode", False), ("NetworkServices.UPnP.Mode", True),
        ("NetworkServices.Websocket", False), ("SIP.URI", True), ("SIP.Proxy[1].Address", True), ("Provisioning.Mode", True),
        ("Provisioning.WebexEdge", True), ("Conference.DefaultCall.Protocol", True), ("Conference.DefaultCall.Rate", False),
        ("Phonebook.Server[1].Type", True), ("Audio.DefaultVolume", False), ("SystemUnit.Name", False),
        ("SystemUnit.CrashReporting.Mode", True),
    ],
)  # fmt: skip
def test_which_configurations_another_authority_manages(key: str, elsewhere: bool) -> None:
    assert is_elsewhere(key) is elsewhere
    assert is_elsewhere(key.upper()) is elsewhere


# -- what the device reports -------------------------------------------------------------------------------------------


def test_issues_that_a_device_reports_are_seen_until_it_connects_anew() -> None:
    async def story(world: World, device: Played) -> None:
        async def shown() -> tuple[str, list[str]]:
            found = (await world.admin("GET", f"/v1/devices/{device.id}")).json
            return found["connectionStatus"], found["errorCodes"]

        assert await shown() == ("connected", [])
        path = "/xapi/api/v1/report"
        told = await world.ask("POST", path, relay.Report(error_codes=("tcpmediafallback",)), token=device.token)
        assert told.status == 204
        assert await shown() == ("connected_with_issues", ["tcpmediafallback"])
        assert (await world.ask("POST", path, {"errorCodes": [7]}, token=device.token)).status == 400
        filtered = await world.admin("GET", "/v1/devices?errorCode=tcpmediafallback")
        assert [item["id"] for item in filtered.json["items"]] == [device.id]
        await device.gone()
        assert await shown() == ("connected_with_issues", ["tcpmediafallback"])
        again = Played(world, device.token, await world.socket(device.token))
        await world.clock.sleep(0.1)
        assert await shown() == ("connected", [])
        await again.gone()

    play(story)
