"""The device's side of the xAPI by way of the cloud: what it does for a request, and what it posts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import pytest

from endpoint.cloud.xapi_relay import CALLER, REPORT_DELAY_S, RUNNING_MAX, SEEN_MAX, XapiRelay
from endpoint.runtime.virtual import run
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi import relay
from endpoint.wire.xapi.calls import Caller, Invocation, Method
from endpoint.wire.xapi.errors import AccessDenied, BadValue, CommandFailed, NotReady
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Nodes, Value, nodes
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import Query
from endpoint.wire.xapi.relay import Change, CommandCall, ConfigurationPatch, ConfigurationQuery, StatusQuery
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback
from endpoint.xapi.tree import Tree
from tests.endpoint.cloud.scripted import CUT, Reply, Scripted

ANSWERS = "/xapi/api/v1/answers"


class Owner:
    """Somebody who carries out a few commands."""

    def __init__(self) -> None:
        self.called: list[Invocation] = []
        self.gate: asyncio.Event | None = None

    def set_volume(self, call: Invocation) -> Mapping[str, Any] | None:
        self.called.append(call)
        return None

    async def dial(self, call: Invocation) -> Mapping[str, Any]:
        self.called.append(call)
        if self.gate is not None:
            await self.gate.wait()
        return {"CallId": 3, "Entry": [{"id": 7, "Name": "x"}]}

    def fail(self, call: Invocation) -> None:
        raise CommandFailed("No active call")

    def not_ready(self, call: Invocation) -> None:
        raise NotReady

    def deny(self, call: Invocation) -> None:
        raise AccessDenied

    def much(self, call: Invocation) -> Mapping[str, Any]:
        return {"Content": "x" * relay.ANSWER_BYTES_MAX}

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Audio Volume Set": set_volume, "Dial": dial, "Call Disconnect": fail, "Standby Activate": not_ready, "Standby Deactivate": deny,
        "Macros Macro Get": much,
    }  # fmt: skip


class Port:
    """An xAPI with trees of its own."""

    def __init__(self) -> None:
        table = nodes()
        defaults = {
            path: int(node.default) if node.space.kind == "integer" and node.default else node.default
            for node in table.leaves("Configuration")
            for path in node.instances()
        }
        self.status, self.configuration = Tree(), Tree(defaults)
        self.status.put(("Audio", "Volume"), 50)
        self.status.put(("Call", 2, "Status"), "Connected")
        self.status.put(("Call", 5, "Status"), "OnHold")
        self.owner, self.commands = Owner(), Commands(table)
        self.commands.provide([self.owner])
        feedback = Feedback(self.status, self.configuration, table)
        self._xapi = Xapi(table, self.status, self.configuration, self.commands, feedback, lambda values, caller: None)
        self.set: dict[Path, Value] = {}
        self.refusal = ""

    @property
    def nodes(self) -> Nodes:
        return self._xapi.nodes

    def find(self, query: Query, caller: Caller) -> list[Leaf]:
        return self._xapi.find(query, caller)

    def configured(self) -> Mapping[Path, Value]:
        return self.set

    def configure(self, values: Mapping[Path, Value | None], caller: Caller) -> None:
        assert caller is CALLER
        if self.refusal:
            raise BadValue("SystemUnit Name", self.refusal)
        for path, value in values.items():
            self.set.pop(path, None)
            if value is not None:
                self.set[path] = value
            self.configuration.put(path, self.configuration.defaults.values[path] if value is None else value)


class Stage:
    """A device in front of a scripted cloud, with a relay of its own on a port of ours."""

    def __init__(self, cloud: Scripted) -> None:
        self.cloud, self.port = cloud, Port()
        device = cloud.device
        self.relay = XapiRelay(device.world, device.identity, device.catalog, device._tasks, self.port)
        self.port.configuration.listen((), self.relay.on_configured)
        self.n = 0

    def new_id(self) -> str:
        self.n += 1
        return f"request-{self.n}"

    async def ask(self, kind: Callable[..., relay.Request], *given: Any) -> Any:
        """Send a request through and return what the device posts for it."""
        request = kind(self.new_id(), *given)
        self.relay.on_event(self.wire(request))
        await self.cloud.settle()
        return self.answer(request.id)

    def wire(self, request: relay.Request) -> dict[str, Any]:
        return dict(codec.decode(codec.encode(relay.request_data(request)), dict[str, Any]))

    def answer(self, request_id: str) -> Any:
        [asked] = self.cloud.to("POST", f"{ANSWERS}/{request_id}")
        return asked.json


def play(story: Callable[[Stage], Awaitable[None]], *, knows_service: bool = True) -> None:
    async def main() -> None:
        cloud = Scripted()
        if knows_service:
            cloud.services["xapi"] = "https://xapi-a.wbx2.test/xapi/api/v1"
        cloud.on("POST", "/xapi/api/v1", Reply(204))
        await cloud.open()
        try:
            await cloud.online()
            await story(Stage(cloud))
        finally:
            await cloud.close()

    run(main)


def done(**result: Any) -> dict[str, Any]:
    return {"outcome": "done", "result": result}


# -- statuses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "result"),
    [
        (("Audio.Volume",), {"Audio": {"Volume": 50}}),
        (("audio.VOLUME",), {"Audio": {"Volume": 50}}),
        (("Audio.*",), {"Audio": {"Volume": 50}}),
        (("Call[5].Status",), {"Call": [{"Status": "OnHold", "id": 5}]}),
        (("Call[*].Status",), {"Call": [{"Status": "Connected", "id": 2}, {"Status": "OnHold", "id": 5}]}),
        (("Call", "Audio"), {"Audio": {"Volume": 50}, "Call": [{"Status": "Connected", "id": 2}, {"Status": "OnHold", "id": 5}]}),
        (("Audio.Volume", "No.Such"), {"Audio": {"Volume": 50}}),
        (("No.Such",), {}),
        (("Audio.DefaultVolume",), {}),
        (("Call[9].Status",), {}),
    ],
)  # fmt: skip
def test_statuses(names: tuple[str, ...], result: dict[str, Any]) -> None:
    async def story(stage: Stage) -> None:
        assert await stage.ask(StatusQuery, names) == {"outcome": "done", "result": result}

    play(story)


def test_a_name_that_nothing_can_have() -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.ask(StatusQuery, ("Audio[",))
        assert (answer["outcome"], answer["why"]) == ("refused", "badRequest")

    play(story)


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("Audio.Volume.Set", {"Level": 7}, done()),
        ("audio.volume.set", {"level": "7"}, done()),
        ("Dial", {"Number": "a@b.test"}, done(CallId=3, Entry=[{"Name": "x", "id": 7}])),
        ("No.Such", {}, {"outcome": "refused", "why": "unknownCommand", "text": "No Such"}),
        ("Audio Volume Set", {"Level": 7}, {"outcome": "refused", "why": "unknownCommand", "text": "Audio Volume Set"}),
        ("Audio.Volume", {}, {"outcome": "refused", "why": "unknownCommand", "text": "Audio Volume"}),
        ("Audio.Volume.Set", {"Level": 500}, {"outcome": "refused", "why": "badRequest", "text": "Level: 500 is outside 0..100"}),
        ("Audio.Volume.Set", {"Level": 1.5}, {"outcome": "refused", "why": "badRequest", "text": "Level: text, or a whole number"}),
        ("Audio.Volume.Set", {"Level": {}}, {"outcome": "refused", "why": "badRequest", "text": "Level: text, or a whole number"}),
        ("Audio.Volume.Set", {}, {"outcome": "refused", "why": "badRequest", "text": "Level: missing; one of <0..100>"}),
        ("Call.Disconnect", {}, {"outcome": "refused", "why": "failed", "text": "No active call"}),
        ("Standby.Activate", {}, {"outcome": "refused", "why": "notReady", "text": "Not ready"}),
        ("Standby.Deactivate", {}, {"outcome": "refused", "why": "denied", "text": "Access denied"}),
        ("Macros.Macro.Get", {}, {"outcome": "refused", "why": "failed", "text": "The answer has more than 4194304 bytes"}),
    ],
)  # fmt: skip
def test_commands(name: str, arguments: dict[str, Any], answer: dict[str, Any]) -> None:
    async def story(stage: Stage) -> None:
        assert await stage.ask(CommandCall, name, arguments, None) == answer
        for call in stage.port.owner.called:
            assert (call.caller.user, call.caller.origin, call.caller.door, call.caller.roles) == (
                "",
                "cloud",
                "cloud",
                {"A"},
            )

    play(story)


def test_an_event_that_comes_twice_is_carried_out_once() -> None:
    async def story(stage: Stage) -> None:
        data = stage.wire(CommandCall("same", "Audio.Volume.Set", {"Level": 1}))
        for _ in range(3):
            stage.relay.on_event(data)
            await stage.cloud.settle()
        assert len(stage.port.owner.called) == 1
        for _ in range(SEEN_MAX):
            await stage.ask(StatusQuery, ("Audio.Volume",))
        stage.relay.on_event(data)
        assert len(stage.cloud.to("POST", f"{ANSWERS}/same")) == 1

    play(story)


def test_requests_beyond_the_bound_are_dropped_and_told_of() -> None:
    async def story(stage: Stage) -> None:
        stage.port.owner.gate = asyncio.Event()
        for n in range(RUNNING_MAX + 2):
            stage.relay.on_event(stage.wire(CommandCall(f"r{n}", "Dial", {"Number": "a@b.test"})))
        await stage.cloud.settle()
        assert stage.cloud.lines("Xapi W") == ["Xapi W: request of the cloud dropped: 20 are running"] * 2
        stage.port.owner.gate.set()
        await stage.cloud.settle()
        assert len(stage.cloud.to("POST", ANSWERS)) == RUNNING_MAX
        assert (await stage.ask(StatusQuery, ("Audio.Volume",)))["outcome"] == "done"

    play(story)


@pytest.mark.parametrize("reply", [CUT, Reply(404, {"message": "x"}), Reply(500)])
def test_an_answer_that_nobody_takes_harms_nothing(reply: Reply) -> None:
    async def story(stage: Stage) -> None:
        stage.cloud.on("POST", ANSWERS, reply)
        await stage.ask(StatusQuery, ("Audio.Volume",))
        stage.cloud.usual("POST", ANSWERS)
        assert await stage.ask(StatusQuery, ("Audio.Volume",)) == done(Audio={"Volume": 50})

    play(story)


def test_a_cloud_without_the_service_gets_no_answer_anywhere() -> None:
    async def story(stage: Stage) -> None:
        stage.relay.on_event(stage.wire(StatusQuery("r", ("Audio.Volume",))))
        await stage.cloud.settle()
        assert not stage.cloud.to("POST", ANSWERS)
        assert stage.cloud.lines("Wx2 W")[-1] == "Wx2 W: Service catalogue has no url for xapi"

    play(story, knows_service=False)


def test_a_broken_request_is_refused_to_whoever_brings_it() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(RemoteProtocolError):
            stage.relay.on_event({"eventType": relay.REQUEST, "kind": "status"})

    play(story)


# -- configurations ----------------------------------------------------------------------------------------------------


def test_configurations_with_what_was_set_and_what_was_not() -> None:
    async def story(stage: Stage) -> None:
        await stage.cloud.clock.sleep(60)
        stage.port.configure({("Audio", "DefaultVolume"): 60, ("SystemUnit", "Name"): ""}, CALLER)
        answer = await stage.ask(ConfigurationQuery, ("Audio.DefaultVolume", "SystemUnit.Name", "Standby.Delay"))
        volume, delay, name = answer["result"]["settings"]
        assert volume == {
            "key": "Audio.DefaultVolume", "value": 60, "default": 50, "configured": 60,
            "valueSpace": {"type": "integer", "minimum": 0, "maximum": 100}, "updatedAt": "2026-03-02T08:51:00Z",
        }  # fmt: skip
        assert (name["value"], name["default"], name["configured"]) == ("", "", ""), "set to its default is set"
        assert (delay["value"], delay["default"], delay["configured"]) == (10, 10, None)
        assert delay["updatedAt"] == "2026-03-02T08:50:00Z"

    play(story)


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("Network[1].DNS.Server[2..n].Address", ["Network[1].DNS.Server[2].Address", "Network[1].DNS.Server[3].Address"]),
        ("Audio.Ultrasound.*", ["Audio.Ultrasound.MaxVolume"]),
        ("Audio", []),
        ("Webex.Privacy.*", []),
        ("NetworkServices.HTTP.Proxy.Password", []),
    ],
)  # fmt: skip
def test_keys(key: str, found: list[str]) -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.ask(ConfigurationQuery, (key,))
        assert [setting["key"] for setting in answer["result"]["settings"]] == found

    play(story)


def test_everything_but_what_the_cloud_may_not_see() -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.ask(ConfigurationQuery, ("*",))
        keys = [setting["key"] for setting in answer["result"]["settings"]]
        known = [path for node in nodes().leaves("Configuration") for path in node.instances()]
        missing = {relay.dotted(path) for path in known} - set(keys)
        assert "Webex.Privacy.AllowUsageDataLogging" in missing
        assert "NetworkServices.HTTP.Proxy.Password" in missing
        assert not [key for key in keys if "Password" in key and "Policy" not in key]

    play(story)


def test_patch_replaces_and_takes_back_and_answers_with_everything() -> None:
    async def story(stage: Stage) -> None:
        changes = (
            Change(op="replace", key="audio.defaultvolume", value="60"),
            Change(op="replace", key="SystemUnit.Name", value="R1"),
        )
        answer = await stage.ask(ConfigurationPatch, changes)
        assert stage.port.set == {("Audio", "DefaultVolume"): 60, ("SystemUnit", "Name"): "R1"}
        assert len(answer["result"]["settings"]) > 100
        again = (Change(op="replace", key="SystemUnit.Name", value="R2"), Change(op="remove", key="SystemUnit.Name"))
        await stage.ask(ConfigurationPatch, again)
        assert stage.port.set == {("Audio", "DefaultVolume"): 60}
        assert stage.port.configuration.get(("SystemUnit", "Name")) == ""

    play(story)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Change(op="replace", key="Audio.DefaultVolume", value=500), "Audio.DefaultVolume: 500 is outside 0..100"),
        (Change(op="replace", key="Audio.DefaultVolume", value=[1]), "Audio.DefaultVolume: a text, or a whole number: <0..100>"),
        (Change(op="replace", key="Standby.Control", value="Maybe"), "Standby.Control: 'Maybe' is none of Off, On"),
        (Change(op="remove", key="No.Such"), "No.Such: no such configuration"),
        (Change(op="remove", key="Audio.*"), "Audio.*: no such configuration"),
        (Change(op="remove", key="Audio"), "Audio: no such configuration"),
        (Change(op="replace", key="Network.MTU", value=1000), "Network.MTU: no such configuration"),
        (Change(op="replace", key="NetworkServices.HTTP.Proxy.Password", value="x"), "no such configuration"),
        (Change(op="replace", key="Webex.Privacy.AllowUsageDataLogging", value="True"), "no such configuration"),
        (Change(op="replace", key="[[", value="x"), "[["),
    ],
)  # fmt: skip
def test_one_bad_change_and_nothing_is_changed(change: Change, says: str) -> None:
    async def story(stage: Stage) -> None:
        good = Change(op="replace", key="SystemUnit.Name", value="R1")
        answer = await stage.ask(ConfigurationPatch, (good, change))
        assert (answer["outcome"], answer["why"]) == ("refused", "badRequest")
        assert says in answer["text"]
        assert stage.port.set == {}

    play(story)


def test_what_only_the_owner_of_a_configuration_can_refuse() -> None:
    async def story(stage: Stage) -> None:
        stage.port.refusal = "an http(s) URL"
        answer = await stage.ask(ConfigurationPatch, (Change(op="replace", key="SystemUnit.Name", value="R1"),))
        assert answer == {"outcome": "refused", "why": "badRequest", "text": "an http(s) URL"}

    play(story)


# -- reports -----------------------------------------------------------------------------------------------------------


def test_issues_are_reported_when_they_change() -> None:
    async def story(stage: Stage) -> None:
        async def reports(*types: str, anew: bool = False) -> list[list[str]]:
            stage.cloud.asked.clear()
            stage.relay.report(types, anew=anew)
            await stage.cloud.clock.sleep(REPORT_DELAY_S + 0.1)
            return [asked.json["errorCodes"] for asked in stage.cloud.to("POST", "/xapi/api/v1/report")]

        await stage.cloud.clock.sleep(2)  # the device may have something to report itself
        assert await reports() == [], "the cloud knows of none"
        assert await reports("TCPMediaFallback", "LockDown") == [["lockdown", "tcpmediafallback"]]
        assert await reports("LockDown", "TCPMediaFallback") == []
        assert await reports("LockDown", "TCPMediaFallback", anew=True) == [["lockdown", "tcpmediafallback"]]
        assert await reports() == [[]]
        assert await reports(anew=True) == []
        stage.relay.report(["A"])
        stage.relay.report(["A", "B"])
        assert await reports("B") == [["b"]], "what changes together is told once"

    play(story)


def test_a_device_that_goes_off_reports_nothing_any_more() -> None:
    async def story(stage: Stage) -> None:
        await stage.cloud.clock.sleep(2)
        stage.cloud.asked.clear()
        stage.relay.report(["LockDown"])
        stage.relay.stop()
        await stage.cloud.clock.sleep(REPORT_DELAY_S + 0.1)
        assert stage.cloud.to("POST", "/xapi/api/v1/report") == []

    play(story)


def test_a_cloud_without_the_service_gets_no_report_and_no_complaint() -> None:
    async def story(stage: Stage) -> None:
        before = stage.cloud.lines("Wx2 W")
        stage.relay.report(["LockDown"])
        await stage.cloud.clock.sleep(REPORT_DELAY_S + 0.1)
        assert stage.cloud.lines("Wx2 W") == before

    play(story, knows_service=False)
