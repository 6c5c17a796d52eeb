"""The REST API of the stub and the device behind it, end to end: one tree, asked by way of the cloud."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from cloud_stub.services.public_api import public_id
from endpoint.runtime.faults import Fault
from endpoint.runtime.httpnet import NetConnector, no_timeout
from endpoint.runtime.net import Net
from endpoint.runtime.tls import TlsClient
from tests.endpoint.cloud.stubbed import Stubbed, play


class Client:
    """Somebody with the administrator's token."""

    def __init__(self, stage: Stubbed, http: aiohttp.ClientSession) -> None:
        self.stage, self.http = stage, http

    @property
    def device_id(self) -> str:
        [device] = self.stage.use.devices()
        return public_id("DEVICE", device.id)

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        kind = "json-patch+json" if method == "PATCH" else "json"
        headers = {
            "Authorization": f"Bearer {self.stage.cloud.admin_token.reveal()}", "Content-Type": f"application/{kind}",
        }  # fmt: skip
        url = f"{self.stage.cloud.url('http')}/v1{path.replace('DEVICE', self.device_id)}"
        data = None if body is None else json.dumps(body)
        async with self.http.request(method, url, data=data, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    async def status(self, names: str) -> Any:
        status, answer = await self.ask("GET", f"/xapi/status?deviceId=DEVICE&name={names}")
        return answer["result"] if status == 200 else (status, answer["message"])

    async def command(self, name: str, **arguments: Any) -> tuple[int, Any]:
        return await self.ask("POST", f"/xapi/command/{name}", {"deviceId": self.device_id, "arguments": arguments})

    async def items(self, key: str = "*") -> Any:
        return (await self.ask("GET", f"/deviceConfigurations?deviceId=DEVICE&key={key}"))[1]["items"]

    async def patch(self, *operations: tuple[Any, ...]) -> tuple[int, Any]:
        body = [
            {"op": op, "path": f"{key}/sources/configured/value", **({"value": value[0]} if value else {})}
            for op, key, *value in operations
        ]
        return await self.ask("PATCH", "/deviceConfigurations?deviceId=DEVICE", body)


def with_client(story: Any, **settings: Any) -> None:
    async def whole(stage: Stubbed) -> None:
        await stage.online()
        connector = NetConnector(
            Net("client", stage.clock, stage.cloud.names, stage.faults), lambda: TlsClient((stage.cloud.root_pem,))
        )
        async with aiohttp.ClientSession(connector=connector, timeout=no_timeout()) as http:
            await story(stage, Client(stage, http))

    play(whole, **settings)


def test_statuses_commands_and_errors() -> None:
    async def story(stage: Stubbed, client: Client) -> None:
        assert await client.status("Webex.Status,SystemUnit.State.System") == {
            "Webex": {"Status": "Registered"}, "SystemUnit": {"State": {"System": "Initialized"}},
        }  # fmt: skip
        assert await client.status("No.Such") == {}
        status, answer = await client.command("No.Such")
        assert (status, answer["message"]) == (400, "[Command 'No.Such' not supported]")
        status, answer = await client.command("Bookings.List", Days=1)
        assert (status, answer["result"]["ResultInfo"]["TotalRows"]) == (200, 0)
        assert (await client.command("Bookings.List", Days="many"))[0] == 400

    with_client(story)


def test_configurations_of_a_cloud_device_and_their_patch() -> None:
    async def story(stage: Stubbed, client: Client) -> None:
        configured = {
            key: item["value"] for key, item in (await client.items()).items() if item["source"] == "configured"
        }
        assert configured == {
            "Provisioning.Mode": "Webex", "Conference.DefaultCall.Protocol": "Spark", "NetworkServices.SIP.Mode": "Off",
            "Phonebook.Server[1].Type": "Spark",
        }  # fmt: skip
        status, answer = await client.patch(
            ("replace", "Audio.DefaultVolume", 60), ("replace", "SystemUnit.Name", "R1")
        )
        assert status == 200
        assert answer["items"]["Audio.DefaultVolume"]["sources"]["configured"]["value"] == 60
        assert stage.device.configuration.get(("Audio", "DefaultVolume")) == 60
        await stage.device.restart()
        await stage.device.until_online()
        assert (await client.items("Audio.DefaultVolume"))["Audio.DefaultVolume"]["source"] == "configured"
        status, answer = await client.patch(("remove", "Audio.DefaultVolume"), ("replace", "SystemUnit.Nome", "R2"))
        assert (status, stage.device.configuration.get(("Audio", "DefaultVolume"))) == (400, 60)
        status, answer = await client.patch(("remove", "Audio.DefaultVolume"), ("remove", "Video.Monitors"))
        volume = answer["items"]["Audio.DefaultVolume"]
        assert (status, volume["value"], volume["source"]) == (200, 50, "default")
        assert stage.device.configuration.get(("Audio", "DefaultVolume")) == 50
        assert "Audio DefaultVolume" not in stage.device.state.configuration
        assert stage.lines("Xapi I")[:2] == [
            "Xapi I: Audio DefaultVolume set by - from cloud",
            "Xapi I: SystemUnit Name set by - from cloud",
        ]

    with_client(story)


def test_what_the_settings_of_a_run_say_can_be_taken_back() -> None:
    async def story(stage: Stubbed, client: Client) -> None:
        assert (await client.items("SystemUnit.Name"))["SystemUnit.Name"]["value"] == "R1"
        status, answer = await client.patch(("remove", "SystemUnit.Name"))
        assert (status, answer["items"]["SystemUnit.Name"]["value"]) == (200, "")
        await stage.device.restart()
        await stage.device.until_online()
        assert (await client.items("SystemUnit.Name"))["SystemUnit.Name"]["value"] == ""

    with_client(story, configuration={"SystemUnit Name": "R1"})


def test_an_event_that_the_network_doubles_is_one_command() -> None:
    async def story(stage: Stubbed, client: Client) -> None:
        stage.use.fault("twice", "mercury", "duplicate", target={"eventType": "xapi.request"})
        assert (await client.command("Bookings.List", Days=1))[0] == 200
        answers = [
            event
            for event in stage.trace.events
            if event.kind == "http.request" and "/answers/" in str(event.data.get("path"))
        ]
        assert len({event.id for event in answers}) == 1

    with_client(story)


def test_a_device_off_the_net_is_said_to_be_so() -> None:
    async def story(stage: Stubbed, client: Client) -> None:
        stage.use.fault("lost", "mercury", "drop", target={"eventType": "xapi.request"}, count=1)
        before = stage.clock.time()
        assert (await client.status("Webex.Status"))[0] == 504
        assert stage.clock.time() - before == pytest.approx(10, abs=0.2)
        assert await client.status("Webex.Status") == {"Webex": {"Status": "Registered"}}
        await stage.device.shut_down()
        await stage.clock.sleep(1)
        assert await client.status("Webex.Status") == (504, "The device is not connected.")

    with_client(story)


def test_what_the_device_finds_wrong_is_its_connection_status() -> None:
    async def story(stage: Stubbed, client: Client) -> None:
        async def shown() -> tuple[str, list[str]]:
            _, answer = await client.ask("GET", "/devices/DEVICE")
            return answer["connectionStatus"], answer["errorCodes"]

        await stage.device.until_online(discovered=True)
        assert await shown() == ("connected", [])
        stage.device.diagnostics.put("FirstTimeWizardNotCompleted", True)
        await stage.clock.sleep(2)
        assert await shown() == ("connected", []), "Info is no issue"
        stage.device.diagnostics.put("TCPMediaFallback", True, {"transport": "tcp"})
        await stage.clock.sleep(2)
        assert await shown() == ("connected_with_issues", ["tcpmediafallback"])
        stage.device.mercury.reset()
        stage.faults.arm(Fault("gone", "tcp", "refuse"))
        await stage.clock.sleep(20)
        stage.faults.heal("gone")
        await stage.device.until_online()
        await stage.clock.sleep(2)
        assert await shown() == ("connected_with_issues", ["tcpmediafallback"])
        stage.device.diagnostics.put("TCPMediaFallback", False)
        await stage.clock.sleep(2)
        assert await shown() == ("connected", [])

    with_client(story)
