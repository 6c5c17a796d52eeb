"""The xAPI as doors use it: reading, setting, calling, listening; roles and value spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from endpoint.device.defaults import configuration_defaults
from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.xapi.calls import Caller, Invocation, Method
from endpoint.wire.xapi.errors import AccessDenied, BadArguments, BadValue, CommandFailed, NoMatch, UnknownCommand
from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import query_of_list, query_of_text
from endpoint.xapi import feedback as feedback_module
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import BODY_BYTES_MAX, Commands
from endpoint.xapi.feedback import Feedback, Notice
from endpoint.xapi.tree import Tree

ADMIN = Caller("admin", frozenset("A"))
USER = Caller("uma", frozenset("U"))
ROOM_CONTROL = Caller("rick", frozenset("R"))


class Volumes:
    """Owns a few commands."""

    def __init__(self, status: Tree) -> None:
        self.status = status
        self.calls: list[Invocation] = []

    def _set(self, call: Invocation) -> None:
        self.calls.append(call)
        self.status.put(("Audio", "Volume"), call.number("Level") or 0)

    def _display(self, call: Invocation) -> dict[str, object]:
        self.calls.append(call)
        return {"Text": call.text("Text")}

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Audio Volume Set": _set,
        "UserInterface Message Prompt Display": _display,
        "UserInterface Extensions Panel Save": _display,
        "HttpFeedback Register": _display,
    }


class Bench:
    """A small device."""

    def __init__(self) -> None:
        self.status = Tree({("Audio", "Volume"): 50, ("Audio", "VolumeMute"): "Off", ("SystemUnit", "Uptime"): 7})
        self.configuration = Tree(configuration_defaults())
        self.feedback = Feedback(self.status, self.configuration, nodes())
        self.commands = Commands(nodes())
        self.volumes = Volumes(self.status)
        self.commands.provide([self.volumes])
        self.xapi = Xapi(nodes(), self.status, self.configuration, self.commands, self.feedback, self._configure)

    def _configure(self, values: Mapping[Path, Value], caller: Caller) -> None:
        with self.configuration.group():
            for path, value in values.items():
                self.configuration.put(path, value)

    def get(self, text: str, caller: Caller = ADMIN) -> list[Leaf]:
        return self.xapi.get(query_of_text(text), caller)

    def set(self, text: str, value: Any, caller: Caller = ADMIN) -> None:
        self.xapi.set(query_of_text(text), value, caller)

    def call(self, words: str, arguments: Mapping[str, Any], body: str = "", caller: Caller = ADMIN) -> Any:
        return self.commands.call(self.commands.prepare(tuple(words.split()), arguments, body, caller))

    def listen(self, text: str, caller: Caller = ADMIN) -> list[Notice]:
        heard: list[Notice] = []
        self.xapi.subscribe(query_of_text(text), caller, heard.append)
        return heard

    def add_call(self, number: int) -> None:
        with self.status.group():
            self.status.put(("Call", number, "Status"), "Connected")
            self.status.put(("Call", number, "DisplayName"), "Ann")


# -- reading --


@pytest.mark.parametrize("text", ["Status/Audio/Volume", "status audio VOLUME", "/Status//volu"])
def test_a_leaf_is_read_in_any_case_and_answered_in_canonical_spelling(text: str) -> None:
    assert Bench().get(text)[0] == (("Status", "Audio", "Volume"), 50)


def test_a_subtree_is_read_in_order() -> None:
    bench = Bench()
    for number in (10, 3):
        bench.add_call(number)
    assert [path for path, _ in bench.get("Status/Call")] == [
        ("Status", "Call", number, name) for number in (3, 10) for name in ("DisplayName", "Status")
    ]
    assert bench.get("Status/Call 10 Status") == [(("Status", "Call", 10, "Status"), "Connected")]
    assert [path[2] for path, _ in bench.get("Status/Call/Status")] == [3, 10]


def test_all_of_both_trees_is_read() -> None:
    bench = Bench()
    assert len(bench.get("Status")) == 3
    assert len(bench.get("Configuration")) == len(configuration_defaults().values)


@pytest.mark.parametrize(
    "text", ["Status/Nope", "Status/Audio/Volume/More", "Configuration/Audio/Nope", "Command/Dial", "Nope"]
)
def test_what_no_table_has_is_no_match(text: str) -> None:
    with pytest.raises(NoMatch) as caught:
        Bench().get(text)
    assert caught.value.path == text


@pytest.mark.parametrize("text", ["Status/Call", "Status/Call 3", "Status/Call 3 Status", "Status/Bookings"])
def test_what_is_known_and_not_there_is_empty(text: str) -> None:
    assert Bench().get(text) == []


def test_a_secret_reads_as_empty() -> None:
    bench = Bench()
    bench.set("Configuration NetworkServices HTTP Proxy Password", "s3cret")
    assert bench.configuration.get(("NetworkServices", "HTTP", "Proxy", "Password")) == "s3cret"
    assert bench.get("Configuration/NetworkServices/HTTP/Proxy/Password")[0][1] == ""
    assert "s3cret" not in str(bench.get("Configuration"))


def test_what_a_role_may_not_read_is_left_out_and_no_match() -> None:
    bench = Bench()
    assert bench.get("Status/Audio/Volume", USER) == [(("Status", "Audio", "Volume"), 50)]
    for text in ("Status/Audio/Volume", "Status/Audio"):
        with pytest.raises(NoMatch):
            bench.get(text, ROOM_CONTROL)
    assert {path[1] for path, _ in bench.get("Configuration", ROOM_CONTROL)} == {"SystemUnit"}


# -- setting --


@pytest.mark.parametrize("value", [60, "60"])
def test_a_configuration_is_set(value: Any) -> None:
    bench = Bench()
    heard = bench.listen("Configuration")
    bench.set("Configuration audio DEFAULTVOLUME", value)
    assert bench.get("Configuration/Audio/DefaultVolume") == [(("Configuration", "Audio", "DefaultVolume"), 60)]
    assert heard == [Notice("Configuration", ((("Configuration", "Audio", "DefaultVolume"), 60),))]


def test_the_value_that_it_has_is_success_and_no_change() -> None:
    bench = Bench()
    heard = bench.listen("Configuration")
    bench.set("Configuration Audio DefaultVolume", 50)
    assert heard == []


def test_a_literal_is_stored_in_its_own_spelling() -> None:
    bench = Bench()
    bench.set("Configuration NetworkServices HTTP Mode", "http+https")
    assert bench.get("Configuration/NetworkServices/HTTP/Mode")[0][1] == "HTTP+HTTPS"


def test_an_element_of_a_list_is_set_and_without_a_number_all_are() -> None:
    bench = Bench()
    bench.set("Configuration Network 1 DNS Server 2 Address", "192.0.2.2")
    shown = [value for _, value in bench.get("Configuration/Network/DNS/Server")]
    assert shown == ["", "192.0.2.2", ""]
    bench.set("Configuration Network 1 DNS Server Address", "192.0.2.9")
    assert [value for _, value in bench.get("Configuration/Network/DNS/Server")] == ["192.0.2.9"] * 3


@pytest.mark.parametrize(
    "text",
    [
        "Configuration Nope",
        "Configuration Audio",
        "Status Audio Volume",
        "Configuration Network 2 MTU",
        "Configuration",
    ],
)
def test_what_is_no_configuration_cannot_be_set(text: str) -> None:
    with pytest.raises(NoMatch):
        Bench().set(text, 1)


@pytest.mark.parametrize("value", [101, -1, "x", "", 1.5, None, [1], True])
def test_a_value_outside_its_space_is_refused(value: Any) -> None:
    bench = Bench()
    with pytest.raises(BadValue):
        bench.set("Configuration Audio DefaultVolume", value)
    assert bench.configuration.get(("Audio", "DefaultVolume")) == 50


def test_of_several_with_one_wrong_none_is_set() -> None:
    bench = Bench()
    pairs = [
        (query_of_text("Configuration Audio DefaultVolume"), 60),
        (query_of_text("Configuration Standby Delay"), 0),
    ]
    with pytest.raises(BadValue, match="outside"):
        bench.xapi.set_all(pairs, ADMIN)
    assert bench.configuration.get(("Audio", "DefaultVolume")) == 50


def test_one_name_in_thousands_of_changes_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, looked_up = Bench(), list[str]()
    settable = bench.xapi._settable
    monkeypatch.setattr(bench.xapi, "_settable", lambda query: looked_up.append(query.text) or settable(query))
    bench.xapi.set_all(
        [(query_of_text("Configuration/Network/DNS/Server/Address"), str(number)) for number in range(2_000)], ADMIN
    )
    assert looked_up == ["Configuration/Network/DNS/Server/Address"]
    assert {value for _, value in bench.get("Configuration/Network 1/DNS/Server/Address")} == {"1999"}


def test_a_role_that_may_not_set_is_told() -> None:
    with pytest.raises(AccessDenied):
        Bench().set("Configuration SystemUnit Name", "x", USER)
    Bench().set("Configuration Audio DefaultVolume", 60, USER)


# -- calling --


def test_a_command_is_called_in_any_case() -> None:
    bench = Bench()
    assert bench.call("audio volume SET", {"level": "33"}) is None
    assert bench.status.get(("Audio", "Volume")) == 33
    assert bench.volumes.calls[0].arguments == {"Level": 33}


def test_defaults_are_filled_in_and_names_keep_their_dot() -> None:
    bench = Bench()
    bench.call("UserInterface Message Prompt Display", {"text": "x", "option.1": "yes"})
    assert bench.volumes.calls[0].arguments == {"Text": "x", "Option.1": "yes", "Duration": 0}


def test_an_argument_that_may_repeat_is_a_tuple() -> None:
    bench = Bench()
    base = {"FeedbackSlot": 1, "ServerUrl": "http://127.0.0.1/"}
    bench.call("HttpFeedback Register", {**base, "Expression": "/Event"})
    bench.call("HttpFeedback Register", {**base, "Expression": ["/Event", "/Status"]})
    assert [call.many("Expression") for call in bench.volumes.calls] == [("/Event",), ("/Event", "/Status")]
    with pytest.raises(BadArguments, match="at most 50"):
        bench.call("HttpFeedback Register", {**base, "Expression": ["/Event"] * 51})


@pytest.mark.parametrize(
    ("arguments", "name", "why"),
    [
        ({}, "Level", "missing"),
        ({"Level": 101}, "Level", "outside"),
        ({"Level": "loud"}, "Level", "no whole number"),
        ({"Level": [1, 2]}, "Level", "at most 1"),
        ({"Level": []}, "Level", "empty"),
        ({"Level": None}, "Level", "text, or"),
        ({"Level": {}}, "Level", "text, or"),
        ({"Level": 3, "Lebel": 4}, "Lebel", "there are: Level, Device"),
        ({"Level": 3, "level": 4}, "Level", "twice"),
        ({"Level": 3, "Device": "Phone"}, "Device", "none of"),
    ],
)
def test_wrong_arguments_are_named_with_what_would_be_right(arguments: dict[str, Any], name: str, why: str) -> None:
    bench = Bench()
    with pytest.raises(BadArguments) as caught:
        bench.call("Audio Volume Set", arguments)
    assert why in caught.value.wrong[name]
    assert bench.volumes.calls == []


def test_a_body_is_for_commands_that_take_one() -> None:
    bench = Bench()
    bench.call("UserInterface Extensions Panel Save", {"PanelId": "p"}, "<Extensions/>\næ")
    assert bench.volumes.calls[0].body == "<Extensions/>\næ"
    with pytest.raises(BadArguments, match="no multi-line"):
        bench.call("Audio Volume Set", {"Level": 1}, "body")
    with pytest.raises(BadArguments, match="at most"):
        bench.call("UserInterface Extensions Panel Save", {"PanelId": "p"}, "x" * (BODY_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "path",
    [("Audio Volume", "Set"), ("Audio Volume Set",), ("Audio", "Volume", "\u017fet"), ("Audio", "Volume", "Set", "")],
)  # fmt: skip
def test_words_that_only_look_like_a_command(path: Path) -> None:
    bench = Bench()
    with pytest.raises(UnknownCommand):
        bench.commands.prepare(path, {"Level": 1}, None, ADMIN)


def test_unknown_forbidden_and_unowned_commands() -> None:
    bench = Bench()
    with pytest.raises(UnknownCommand):
        bench.call("Not A Real Command", {})
    with pytest.raises(AccessDenied):
        bench.call("HttpFeedback Register", {"FeedbackSlot": 1, "ServerUrl": "x"}, caller=USER)
    with pytest.raises(CommandFailed, match="Not simulated"):
        bench.call("Dial", {"Number": "1"})
    assert "Dial" in bench.commands.unowned
    assert "Audio Volume Set" not in bench.commands.unowned


# -- listening --


def test_a_group_is_one_notice_in_order() -> None:
    bench = Bench()
    heard = bench.listen("Status")
    bench.add_call(3)
    assert heard == [
        Notice(
            "Status", ((("Status", "Call", 3, "DisplayName"), "Ann"), (("Status", "Call", 3, "Status"), "Connected"))
        )
    ]


@pytest.mark.parametrize("text", ["Status", "Status/Call", "Status/Call[3]", "Status/Call/Status", "Status/**/Status"])
def test_an_element_that_goes_is_one_ghost(text: str) -> None:
    bench = Bench()
    bench.add_call(3)
    bench.add_call(4)
    heard = bench.listen(text)
    bench.status.remove(("Call", 3))
    assert heard == [Notice("Status", ((("Status", "Call", 3), Mark.GHOST),))]


def test_a_ghost_of_another_element_is_not_told() -> None:
    bench = Bench()
    bench.add_call(3)
    heard = bench.listen("Status/Call[4]")
    bench.status.remove(("Call", 3))
    assert heard == []


def test_the_outermost_element_is_the_ghost() -> None:
    bench = Bench()
    bench.status.put(("ICE", "Call", 3, "MediaLine", 1, "Local", "IP"), "192.0.2.1")
    heard = bench.listen("Status")
    bench.status.remove(("ICE", "Call", 3))
    assert heard[0].leaves == ((("Status", "ICE", "Call", 3), Mark.GHOST),)


def test_an_element_that_comes_back_in_the_same_group_is_no_ghost() -> None:
    bench = Bench()
    bench.add_call(3)
    heard = bench.listen("Status")
    with bench.status.group():
        bench.status.remove(("Call", 3))
        bench.status.put(("Call", 3, "Status"), "Ringing")
    assert heard[0].leaves == ((("Status", "Call", 3, "Status"), "Ringing"),)


def test_events_are_told_with_and_without_fields() -> None:
    bench = Bench()
    heard = bench.listen("Event")
    bench.feedback.raise_event("Bookings Updated", {})
    bench.feedback.raise_event("CallDisconnect", {"CallId": 3, "CauseType": "LocalDisconnect"})
    updated, ended = ("Event", "Bookings", "Updated"), ("Event", "CallDisconnect")
    assert heard == [
        Notice("Event", ((updated, Mark.NODE),), updated),
        Notice("Event", (((*ended, "CallId"), 3), ((*ended, "CauseType"), "LocalDisconnect")), ended),
    ]


def test_roles_count_for_feedback_too() -> None:
    bench = Bench()
    bench.add_call(3)
    heard = {name: bench.listen("Status", caller) for name, caller in (("user", USER), ("room", ROOM_CONTROL))}
    events = bench.listen("Event", ROOM_CONTROL)
    bench.status.put(("Audio", "Volume"), 1)
    bench.status.remove(("Call", 3))
    bench.feedback.raise_event("CallDisconnect", {"CallId": 3})
    assert [len(notices) for notices in heard.values()] == [2, 0]
    assert events == []


def test_a_secret_is_not_told() -> None:
    bench = Bench()
    heard = bench.listen("Configuration")
    bench.set("Configuration NetworkServices HTTP Proxy Password", "s3cret")
    assert heard[0].leaves[0][1] == ""


def test_who_has_closed_hears_nothing_and_the_tree_is_at_rest() -> None:
    bench = Bench()
    heard: list[Notice] = []
    one = bench.xapi.subscribe(query_of_text("Status"), ADMIN, heard.append)
    two = bench.xapi.subscribe(query_of_text("**/Volume"), ADMIN, lambda notice: one.close())
    one.close()
    one.close()
    bench.status.put(("Audio", "Volume"), 1)
    assert heard == []
    two.close()
    assert not bench.status._listeners
    assert not bench.configuration._listeners


def test_subscriptions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_module, "SUBSCRIPTIONS_MAX", 2)
    bench = Bench()
    bench.listen("Status")
    bench.listen("Event")
    with pytest.raises(LimitExceeded):
        bench.listen("Status")


def test_a_list_and_a_text_are_the_same_question() -> None:
    bench = Bench()
    bench.add_call(3)
    assert bench.xapi.get(query_of_list(["Status", "Call", 3]), ADMIN) == bench.get("/Status/Call[@item='3']")
