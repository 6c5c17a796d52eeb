"""One websocket client's conversation, without a socket: every method, every error, and the order of messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from doors import ROLES, Stage, stage
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime import virtual
from endpoint.wire.xapi import documents
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.jsonrpc import MESSAGES
from endpoint.xapi.http.rpc import PENDING_MAX, SUBSCRIPTIONS_MAX, RpcSession

NO_MATCH = {"code": -32602, "message": "No match on Path argument"}
BAD_USAGE = {"code": -32602, "message": "Bad usage: Missing or invalid parameter(s)."}
NOT_FOUND = {"code": -32601, "message": "Method not found."}
DENIED = {"code": -31999, "message": "Permission denied."}


class Client:
    """A client, and what it was sent."""

    def __init__(self, behind: Stage, user: str = "admin") -> None:
        self.behind = behind
        self.heard: list[Any] = []
        self.defects: list[tuple[str, BaseException]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.rpc = RpcSession(
            behind.xapi,
            documents,
            Caller(user, frozenset(ROLES[user]), "192.0.2.1", "websocket"),
            send=lambda message: self.heard.append(json.loads(message)),
            start=lambda work, name: self.tasks.append(asyncio.get_running_loop().create_task(work)),
            defect=lambda method, error: self.defects.append((method, error)),
        )

    def send(self, method: str, params: Any = None, **more: Any) -> list[Any]:
        """Send a request; return what came back at once."""
        before = len(self.heard)
        given = {} if params is None else {"params": params}
        self.rpc.receive(json.dumps({"jsonrpc": "2.0", "method": method, "id": 1, **given, **more}))
        return self.heard[before:]

    def ask(self, method: str, params: Any = None) -> Any:
        """Return the one answer of a request."""
        (answer,) = self.send(method, params)
        assert (answer["id"], answer["jsonrpc"]) == (1, "2.0")
        return answer["result"] if "result" in answer else answer["error"]


def on_a_loop(test: Callable[[Client], Awaitable[None] | None], user: str = "admin") -> None:
    """Run a test with a client, in virtual time."""

    async def body() -> None:
        client = Client(stage(), user)
        outcome = test(client)
        if outcome is not None:
            await outcome

    virtual.run(body)


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        ("xGet", {"Path": ["Status", "Audio", "Volume"]}, 50),
        ("xGet", {"Path": ["status", "AUDIO", "volume"]}, 50),
        ("xGet", {"Path": ["Status", "Audio"]}, {"Microphones": {"Mute": "Off"}, "Volume": 50}),
        ("xGet", {"Path": ["Status", "Video", "Input", "Connector", 2, "Connected"]}, "False"),
        ("xGet", {"Path": ["Status", "Video", "Input", "Connector", "2", "Connected"]}, "False"),
        ("xGet", {"Path": ["Status", "Video", "Input", "Connector", 2]}, {"Connected": "False", "id": 2}),
        (
            "xGet",
            {"Path": ["Status", "Video", "Input", "Connector"]},
            [{"Connected": "True", "id": 1}, {"Connected": "False", "id": 2}],
        ),
        ("xGet", {"Path": ["Status", "network", "ipv4", "address"]}, [{"IPv4": {"Address": "192.0.2.10"}, "id": 1}]),
        ("xGet", {"Path": ["Configuration", "Audio", "DefaultVolume"]}, 50),
        ("xGet", {"Path": ["Configuration", "SystemUnit", "Name"]}, ""),
        ("xGet", {"Path": ["Status", "Call"]}, NO_MATCH),
        ("xGet", {"Path": ["Status", "Call", 3, "Status"]}, NO_MATCH),
        ("xGet", {"Path": ["Status", "Nope"]}, NO_MATCH),
        ("xGet", {"Path": ["Status", "Audio", True]}, NO_MATCH),
        ("xGet", {"Path": ["Status", "**"]}, NO_MATCH),
        ("xGet", {"Path": ["Command", "Dial"]}, NO_MATCH),
        ("xGet", {"Path": ["Event"]}, NO_MATCH),
        ("xGet", {"Path": []}, NO_MATCH),
        ("xGet", {"Path": [["Status"]]}, NO_MATCH),
        ("xGet", {"Path": ["Status", "x" * 3_000]}, NO_MATCH),
        ("xGet", {"Path": "Status/Audio/Volume"}, BAD_USAGE),
        ("xGet", {}, BAD_USAGE),
        ("xGet", ["Status"], BAD_USAGE),
        ("xQuery", {"Query": ["Status", "**", "Volume"]}, {"Status": {"Audio": {"Volume": 50}}}),
        (
            "xQuery",
            {"Query": ["Status", "Video", "Input", "Connector", "*", "Connected"]},
            {
                "Status": {
                    "Video": {"Input": {"Connector": [{"Connected": "True", "id": 1}, {"Connected": "False", "id": 2}]}}
                }
            },
        ),
        ("xQuery", {"Query": ["Status", "Nope"]}, {}),
        ("xQuery", {"Query": ["**"]}, BAD_USAGE),
        ("xQuery", {}, BAD_USAGE),
        ("xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"], "Value": 60}, True),
        ("xSet", {"Path": ["configuration", "audio", "defaultvolume"], "Value": "60"}, True),
        ("xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"], "Value": 101}, BAD_USAGE),
        ("xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"], "Value": None}, BAD_USAGE),
        ("xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"], "Value": {"a": 1}}, BAD_USAGE),
        ("xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"]}, BAD_USAGE),
        ("xSet", {"Path": ["Configuration", "SystemUnit", "Name"], "Value": "refused"}, BAD_USAGE),
        ("xSet", {"Path": ["Configuration", "Nope"], "Value": 1}, NO_MATCH),
        ("xSet", {"Path": ["Status", "Audio", "Volume"], "Value": 1}, NO_MATCH),
        ("xCommand/Audio/Volume/Set", {"Level": 33}, {"status": "OK"}),
        ("xCommand/audio/VOLUME/set", {"level": "33"}, {"status": "OK"}),
        ("xCommand/Audio/Volume/Set", {"Level": 101}, BAD_USAGE),
        ("xCommand/Audio/Volume/Set", {"Level": 1, "Nope": 1}, BAD_USAGE),
        ("xCommand/Audio/Volume/Set", None, BAD_USAGE),
        ("xCommand/Audio/Volume/Set", {"Level": 1, "body": "x"}, BAD_USAGE),
        ("xCommand/Bookings/Put", {"body": {"Bookings": []}}, BAD_USAGE),
        ("xCommand/Dial", {"Number": "a@b.test"}, {"CallId": 7, "ConferenceId": 1, "status": "OK"}),
        (
            "xCommand/Bookings/List",
            {"Days": 100, "Limit": 100},
            {
                "Booking": [{"Id": "webex-1", "Time": {"StartTimeBuffer": 300}, "id": 1}],
                "ResultInfo": {"TotalRows": 1},
                "status": "OK",
            },
        ),
        ("xCommand/Call/Disconnect", {}, {"code": 1, "data": {"Cause": 21}, "message": "No active call"}),
        (
            "xCommand/UserInterface/Extensions/Panel/Save",
            {"PanelId": "p1", "body": "<broken"},
            {"code": 1, "message": "Failed to parse xml"},
        ),
        ("xCommand/Dial", {"Number": "defect"}, {"code": -32603, "message": "Internal error."}),
        ("xCommand/Not/A/Real/Command", None, NOT_FOUND),
        ("xCommand/" + "A/" * 200, None, NOT_FOUND),
        ("xCommand/", None, NOT_FOUND),
        ("xCommand", None, NOT_FOUND),
        ("xNope", None, NOT_FOUND),
        ("", None, NOT_FOUND),
        ("xDoc", {"Path": ["Status", "Nope"], "Type": "Schema"}, {}),
        ("xDoc", {"Path": ["Command", "*"]}, NO_MATCH),
        ("xDoc", {"Path": ["Command"], "Type": "Novel"}, BAD_USAGE),
        ("xDoc", {}, BAD_USAGE),
        ("xFeedback/Subscribe", {"Query": ["Status"]}, {"Id": 0}),
        ("xFeedback/Subscribe", {"Query": ["Event", "NotInTheTable"]}, {"Id": 0}),
        ("xFeedback/Subscribe", {"Query": ["Command"]}, BAD_USAGE),
        ("xFeedback/Subscribe", {"Query": "Status"}, BAD_USAGE),
        ("xFeedback/Subscribe", {}, BAD_USAGE),
        (
            "xFeedback/Unsubscribe",
            {"Id": 99},
            {"code": -32602, "data": {"Id": 99}, "message": "Unknown subscription Id"},
        ),
        ("xFeedback/Unsubscribe", {"Id": "0"}, BAD_USAGE),
        ("xFeedback/Unsubscribe", {"Id": False}, BAD_USAGE),
        ("xFeedback/Unsubscribe", {}, BAD_USAGE),
    ],
)
def test_methods(method: str, params: Any, answer: Any) -> None:
    on_a_loop(lambda client: _same(client.ask(method, params), answer))


def _same(got: Any, wanted: Any) -> None:
    assert got == wanted
    assert json.dumps(got) == json.dumps(wanted), "members in alphabetical order, numbers as numbers"


def test_a_whole_branch() -> None:
    def test(client: Client) -> None:
        whole = client.ask("xGet", {"Path": ["Status"]})
        assert whole["Audio"]["Volume"] == 50
        assert "Call" not in whole

    on_a_loop(test)


def test_schemas() -> None:
    def test(client: Client) -> None:
        shown = client.ask("xDoc", {"Path": ["Status", "Audio", "Volume"], "Type": "Schema"})
        assert shown["ValueSpace"]["type"] == "Integer"
        for root in ("Command", "Configuration", "Event", "Status"):
            assert client.ask("xDoc", {"Path": [root], "Type": "Schema"})

    on_a_loop(test)


@pytest.mark.parametrize(
    ("user", "method", "params", "answer"),
    [
        ("ann", "xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"], "Value": 1}, True),
        ("ann", "xSet", {"Path": ["Configuration", "SystemUnit", "Name"], "Value": "x"}, DENIED),
        ("ann", "xCommand/Bookings/Put", {"body": "{}"}, DENIED),
        ("observer", "xCommand/Audio/Volume/Set", {"Level": 1}, DENIED),
        ("observer", "xGet", {"Path": ["Status", "Audio", "Volume"]}, NO_MATCH),
        ("observer", "xQuery", {"Query": ["Status", "Audio"]}, {}),
        ("observer", "xDoc", {"Path": ["Command", "Dial"], "Type": "Schema"}, {}),
    ],
)
def test_roles(user: str, method: str, params: Any, answer: Any) -> None:
    on_a_loop(lambda client: _same(client.ask(method, params), answer), user)


def test_a_defect_is_told_and_the_conversation_goes_on() -> None:
    def test(client: Client) -> None:
        client.ask("xCommand/Dial", {"Number": "defect"})
        ((method, error),) = client.defects
        assert (method, type(error)) == ("xCommand/Dial", ZeroDivisionError)
        assert client.ask("xGet", {"Path": ["Status", "Audio", "Volume"]}) == 50

    on_a_loop(test)


def test_a_notification_is_carried_out_and_never_answered() -> None:
    def test(client: Client) -> None:
        for message in (
            {"method": "xCommand/Audio/Volume/Set", "params": {"Level": 20}},
            {"method": "xCommand/No/Such"},
            {"method": "xGet", "params": ["Status"]},
        ):
            client.rpc.receive(json.dumps({"jsonrpc": "2.0", **message}))
        assert client.heard == []
        assert client.behind.status.get(("Audio", "Volume")) == 20

    on_a_loop(test)


def test_what_is_no_request_is_answered_and_the_conversation_goes_on() -> None:
    def test(client: Client) -> None:
        for message in ("?", "[]", '{"jsonrpc":"2.0","id":"a"}'):
            client.rpc.receive(message)
        assert [(heard["error"]["code"], heard["id"]) for heard in client.heard] == [
            (-32700, None), (-32600, None), (-32600, "a"),
        ]  # fmt: skip
        assert client.ask("xGet", {"Path": ["Status", "Audio", "Volume"]}) == 50

    on_a_loop(test)


def event(number: int, **tree: Any) -> Any:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": "xFeedback/Event", "params": {"Id": number, **tree}}


def test_the_answer_leaves_before_what_the_request_caused() -> None:
    def test(client: Client) -> None:
        client.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio"]})
        client.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio", "Volume"]})
        tree = {"Audio": {"Volume": 33}}
        assert client.send("xCommand/Audio/Volume/Set", {"Level": 33}) == [
            {"id": 1, "jsonrpc": "2.0", "result": {"status": "OK"}},
            event(0, Status=tree),
            event(1, Status=tree),
        ]

    on_a_loop(test)


def test_current_values_follow_the_answer() -> None:
    def test(client: Client) -> None:
        asked = {"Query": ["Status", "Audio", "Volume"], "NotifyCurrentValue": True}
        assert client.send("xFeedback/Subscribe", asked) == [
            {"id": 1, "jsonrpc": "2.0", "result": {"Id": 0}},
            event(0, Status={"Audio": {"Volume": 50}}),
        ]
        both = {"Query": ["*", "Audio"], "NotifyCurrentValue": True}
        answer, status, configuration = client.send("xFeedback/Subscribe", both)
        assert answer["result"] == {"Id": 1}
        assert status["params"]["Status"]["Audio"]["Volume"] == 50
        assert configuration["params"]["Configuration"]["Audio"]["DefaultVolume"] == 50
        for quiet in (["Event"], ["Status", "Call"]):
            assert len(client.send("xFeedback/Subscribe", {"Query": quiet, "NotifyCurrentValue": True})) == 1

    on_a_loop(test)


def test_a_call_comes_and_goes() -> None:
    def test(client: Client) -> None:
        client.ask("xFeedback/Subscribe", {"Query": ["Status", "Call"]})
        client.ask("xFeedback/Subscribe", {"Query": ["Event"]})
        answer, born = client.send("xCommand/Dial", {"Number": "a@b.test"})
        assert answer["result"]["CallId"] == 7
        assert born == event(0, Status={"Call": [{"RemoteNumber": "a@b.test", "Status": "Connected", "id": 7}]})
        answer, ghost, ended = client.send("xCommand/Call/Disconnect", {"CallId": 7})
        assert answer["result"] == {"status": "OK"}
        assert ghost == event(0, Status={"Call": [{"ghost": "True", "id": 7}]})
        assert ended == event(1, Event={"CallDisconnect": {"CallId": 7, "CauseType": "LocalDisconnect", "id": 1}})
        client.behind.feedback.raise_event("Bookings Updated", {})
        assert client.heard[-1] == event(1, Event={"Bookings": {"Updated": {"id": 1}}})

    on_a_loop(test)


def test_ids_grow_and_are_not_used_again() -> None:
    def test(client: Client) -> None:
        for number in range(3):
            assert client.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio"]}) == {"Id": number}
        assert client.ask("xFeedback/Unsubscribe", {"Id": 2}) is True
        assert client.ask("xFeedback/Unsubscribe", {"Id": 2})["message"] == "Unknown subscription Id"
        assert client.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio"]}) == {"Id": 3}

    on_a_loop(test)


def test_so_many_subscriptions_and_no_more() -> None:
    def test(client: Client) -> None:
        for number in range(SUBSCRIPTIONS_MAX):
            assert client.ask("xFeedback/Subscribe", {"Query": ["Status", "Call", number]}) == {"Id": number}
        over = {"code": -31998, "message": "Subscriber count exceeded."}
        assert client.ask("xFeedback/Subscribe", {"Query": ["Status"]}) == over
        client.ask("xFeedback/Unsubscribe", {"Id": 7})
        assert client.ask("xFeedback/Subscribe", {"Query": ["Status"]}) == {"Id": SUBSCRIPTIONS_MAX}

    on_a_loop(test)


def test_the_end_of_a_conversation_ends_its_subscriptions() -> None:
    def test(client: Client) -> None:
        client.ask("xFeedback/Subscribe", {"Query": ["Status"]})
        client.rpc.close()
        heard = len(client.heard)
        client.behind.status.put(("Audio", "Volume"), 1)
        assert len(client.heard) == heard

    on_a_loop(test)


def test_others_are_answered_while_a_command_takes_its_time() -> None:
    async def test(client: Client) -> None:
        client.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio"]})
        assert client.send("xCommand/Call/Join", {}, id="join") == []
        await asyncio.sleep(0)
        assert client.heard[-1] == event(0, Status={"Audio": {"Volume": 77}})
        assert client.ask("xGet", {"Path": ["Status", "Audio", "Volume"]}) == 77
        client.behind.owner.gate.set()
        await asyncio.gather(*client.tasks)
        assert client.heard[-1] == {"id": "join", "jsonrpc": "2.0", "result": {"CallId": 9, "status": "OK"}}
        client.send("xCommand/HttpClient/Get", {"Url": "http://a.test"})
        await asyncio.gather(*client.tasks)
        assert client.heard[-1]["error"] == {
            "code": 1, "data": {"StatusCode": 404}, "message": "Command returned an error.",
        }  # fmt: skip

    on_a_loop(test)


def test_commands_that_take_time_are_bounded_and_outlive_their_client() -> None:
    async def test(client: Client) -> None:
        for number in range(PENDING_MAX):
            assert client.send("xCommand/Call/Join", {}, id=number) == []
        assert client.ask("xCommand/Call/Join") == {"code": -31997, "message": "Not ready."}
        client.rpc.close()
        heard = len(client.heard)
        client.behind.owner.gate.set()
        await asyncio.gather(*client.tasks)
        assert len(client.heard) == heard

    on_a_loop(test)


PATHS = st.lists(
    st.sampled_from(
        ["Status", "Configuration", "Event", "Command", "Audio", "Volume", "DefaultVolume", "Call", "*", "**", "3"]
    )
    | st.integers(-2, 9)
    | st.text(max_size=3)
    | st.none()
    | st.booleans(),
    max_size=5,
)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "Path": PATHS | st.text(max_size=5),
        "Query": PATHS | st.none(),
        "Value": st.integers()
        | st.text(max_size=5)
        | st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False),
        "Id": st.integers(-1, 3) | st.text(max_size=2),
        "NotifyCurrentValue": st.booleans() | st.text(max_size=2),
        "Level": st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
        "Number": st.text(max_size=4),
        "body": st.text(max_size=4) | st.integers(),
    },
)
METHODS = st.sampled_from(
    ["xGet", "xQuery", "xSet", "xDoc", "xFeedback/Subscribe", "xFeedback/Unsubscribe", "xCommand/Audio/Volume/Set", "xCommand/Dial",
     "xCommand/Call/Disconnect", "xCommand/Bookings/Put"]
) | st.text(max_size=8)  # fmt: skip


@given(st.lists(st.tuples(METHODS, PARAMS), max_size=8))
def test_any_request_has_one_answer_and_it_comes_first(requests: list[tuple[str, Any]]) -> None:
    def test(client: Client) -> None:
        known: set[int] = set()
        for method, params in requests:
            answer, *notified = client.send(method, params)
            assert answer["id"] == 1
            assert ("result" in answer) != ("error" in answer)
            if "error" in answer:
                assert answer["error"]["code"] in MESSAGES
                assert answer["error"]["code"] != -32603, client.defects
            elif method == "xFeedback/Subscribe":
                known.add(answer["result"]["Id"])
            for notification in notified:
                assert notification["params"]["Id"] in known

    on_a_loop(test)
