"""Messages on the screens. Source: protocol/xapi.md 10.3, xapi-nodes.md 6.20, 7.12."""

from __future__ import annotations

from typing import Any

import pytest
from touching import Touched

from endpoint.room.messages import Messages
from endpoint.wire.xapi.errors import BadArguments, CommandFailed

ALERT, PROMPT, RATING, INPUT, LINE = (
    f"UserInterface Message {kind}" for kind in ("Alert", "Prompt", "Rating", "TextInput", "TextLine")
)
KINDS: Any = ("Alert", "Prompt", "Rating", "TextInput", "TextLine")
ENDS = {
    "Alert": [("UserInterface Message Alert Cleared", {})],
    "Prompt": [("UserInterface Message Prompt Cleared", {"FeedbackId": "f"})],
    "Rating": [("UserInterface Message Rating Cleared", {"FeedbackId": "f"})],
    "TextInput": [("UserInterface Message TextInput Clear", {"FeedbackId": "f"})],
    "TextLine": [],
}


class Screen(Touched):
    def __init__(self) -> None:
        super().__init__()
        self.redrawn = 0
        self.messages = Messages(self.room, self._redraw)
        self.own(self.messages)

    def _redraw(self) -> None:
        self.redrawn += 1

    def show(self, kind: str, /, **arguments: Any) -> None:
        identity = {"FeedbackId": "f"} if kind in ("Prompt", "Rating", "TextInput") else {}
        title = {"Title": "How was it?"} if kind == "Rating" else {}
        self.call(f"UserInterface Message {kind} Display", **{"Text": "Hi", **title, **identity, **arguments})


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_stays_until_it_is_cleared_and_sets_no_timer(kind: str) -> None:
    screen = Screen()
    screen.show(kind)
    screen.time.pass_by(10_000)
    assert (list(screen.messages.shown), screen.time.waiting, screen.told()) == ([kind], 0, [])
    screen.call(f"UserInterface Message {kind} Clear")
    assert (screen.messages.shown, screen.told(), screen.redrawn) == ({}, ENDS[kind], 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_with_a_duration_clears_itself_at_its_second(kind: str) -> None:
    screen = Screen()
    screen.show(kind, Duration=30)
    assert (screen.time.waiting, screen.messages.shown[kind].ends_s) == (1, 30.0)
    screen.time.pass_by(29.9)
    assert (list(screen.messages.shown), screen.told()) == ([kind], [])
    screen.time.pass_by(0.1)
    assert (screen.messages.shown, screen.told(), screen.time.waiting) == ({}, ENDS[kind], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_message_takes_the_place_and_the_time_of_the_old(kind: str) -> None:
    screen = Screen()
    screen.show(kind, Duration=30)
    screen.time.pass_by(20)
    screen.show(kind, Text="Second", Duration=30)
    assert (screen.time.waiting, screen.told()) == (1, [])
    screen.time.pass_by(29)
    assert [message.text for message in screen.messages.shown.values()] == ["Second"]
    screen.time.pass_by(1)
    assert (screen.messages.shown, screen.told()) == ({}, ENDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_clearing_nothing_is_no_error_and_no_event(kind: str) -> None:
    screen = Screen()
    screen.call(f"UserInterface Message {kind} Clear")
    assert (screen.told(), screen.redrawn) == ([], 0)


@pytest.mark.parametrize("kind", ["Prompt", "Rating", "TextInput"])
def test_who_waits_for_another_answer_is_told_when_the_message_is_replaced(kind: str) -> None:
    screen = Screen()
    screen.show(kind)
    screen.show(kind, FeedbackId="other")
    assert screen.told() == ENDS[kind]


@pytest.mark.parametrize(
    ("display", "clear", "goes"),
    [
        ({}, {"FeedbackId": "f"}, True),
        ({}, {"FeedbackId": "g"}, False),
        ({}, {"Target": "OSD"}, True),
        ({"Target": "OSD"}, {}, True),
        ({"Target": "OSD"}, {"Target": "OSD"}, True),
        ({"Target": "OSD"}, {"Target": "Controller"}, False),
        ({"PeripheralId": "a"}, {"PeripheralId": "b"}, False),
        ({"PeripheralId": "a"}, {"PeripheralId": "a", "FeedbackId": "f"}, True),
    ],
)
def test_clear_leaves_other_messages_alone(display: dict[str, Any], clear: dict[str, Any], goes: bool) -> None:
    screen = Screen()
    screen.show("Prompt", **display)
    screen.call(f"{PROMPT} Clear", **clear)
    assert (not screen.messages.shown, bool(screen.told())) == (goes, goes)


def test_messages_of_different_kinds_do_not_disturb_each_other() -> None:
    screen = Screen()
    for kind in KINDS:
        screen.show(kind, Duration=5)
    assert (set(screen.messages.shown), screen.time.waiting) == (set(KINDS), 5)
    screen.call(f"{ALERT} Clear")
    assert set(screen.messages.shown) == {"Prompt", "Rating", "TextInput", "TextLine"}


def test_what_is_shown_is_what_was_asked_for() -> None:
    screen = Screen()
    screen.call(
        f"{PROMPT} Display",
        Text="Blåbær?",
        Title="Q",
        FeedbackId="f",
        Option_2="Yes",
        Option_4="No",
        Option_5="",
        Target="osd",
    )
    prompt = screen.messages.shown["Prompt"]
    assert (prompt.text, prompt.title, prompt.options, prompt.target) == ("Blåbær?", "Q", {2: "Yes", 4: "No"}, "OSD")
    screen.call(f"{INPUT} Display", Text="PIN", InputType="pin", Placeholder="****")
    assert screen.messages.shown["TextInput"].extras == {
        "InputType": "PIN",
        "KeyboardState": "Open",
        "Placeholder": "****",
        "SubmitText": "OK",
    }
    screen.call(f"{LINE} Display", Text="x", X=10, Y=20)
    assert screen.messages.shown["TextLine"].extras == {"X": "10", "Y": "20"}


# -- answers --


@pytest.mark.parametrize(
    ("kind", "answer", "event"),
    [
        ("Prompt", {"OptionId": 2}, {"OptionId": 2}),
        ("Rating", {"Rating": 0}, {"Rating": 0}),
        ("TextInput", {"Text": "blåbær"}, {"Text": "blåbær"}),
        ("TextInput", {"Text": ""}, {"Text": ""}),
    ],
)
@pytest.mark.parametrize("place", [{}, {"Origin": "Controller", "PeripheralId": "00:00:5E:00:53:01"}])
def test_an_answer_is_told_and_clears(
    kind: str, answer: dict[str, Any], event: dict[str, Any], place: dict[str, str]
) -> None:
    screen = Screen()
    options = {"Option_1": "No", "Option_2": "Yes"} if kind == "Prompt" else {}
    screen.show(kind, Duration=9, **options)
    screen.call(f"UserInterface Message {kind} Response", **answer, **place)
    assert screen.told() == [(f"UserInterface Message {kind} Response", {"FeedbackId": "f", **event, **place})]
    assert (screen.messages.shown, screen.time.waiting) == ({}, 0)


@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        ("Prompt", {"OptionId": 1}, "No prompt is displayed"),
        ("Rating", {"Rating": 1}, "No rating is displayed"),
        ("TextInput", {"Text": "x"}, "No text input is displayed"),
    ],
)
def test_nobody_answers_what_is_not_there(command: str, arguments: dict[str, Any], reason: str) -> None:
    assert Screen().refused(f"UserInterface Message {command} Response", **arguments) == reason


def test_an_answer_must_be_one_of_the_options_and_to_this_prompt() -> None:
    screen = Screen()
    screen.show("Prompt", Option_1="a", Option_3="b")
    assert screen.refused(f"{PROMPT} Response", OptionId=2) == "The prompt has no such option; it has: 1, 3"
    assert "another FeedbackId" in screen.refused(f"{PROMPT} Response", OptionId=1, FeedbackId="g")
    assert list(screen.messages.shown) == ["Prompt"]
    screen.call(f"{PROMPT} Response", OptionId=1, FeedbackId="f")
    assert screen.messages.shown == {}


@pytest.mark.parametrize(
    ("command", "arguments", "wrong"),
    [
        ("Alert Display", {}, {"Text"}),
        ("Alert Display", {"Text": "x" * 256}, {"Text"}),
        ("Alert Display", {"Text": "x", "Duration": 3601}, {"Duration"}),
        ("Prompt Response", {"OptionId": 6}, {"OptionId"}),
        ("Rating Response", {"Rating": 6}, {"Rating"}),
        ("TextInput Display", {"Text": "x", "InputType": "Loud"}, {"InputType"}),
        ("TextLine Display", {"Text": "x", "X": 0}, {"X"}),
    ],
)
def test_arguments_outside_their_space_never_get_here(command: str, arguments: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(BadArguments) as error:
        Screen().call(f"UserInterface Message {command}", **arguments)
    assert set(error.value.wrong) == wrong


# -- people --


@pytest.mark.parametrize("option", [2, "Yes"])
def test_somebody_chooses_an_option(option: int | str) -> None:
    screen = Screen()
    screen.show("Prompt", Option_1="No", Option_2="Yes")
    screen.messages.answer_prompt(option)
    chosen = {"FeedbackId": "f", "OptionId": 2, "Origin": "Controller"}
    assert screen.told() == [("UserInterface Message Prompt Response", chosen)]


def test_somebody_types_rates_and_dismisses() -> None:
    screen = Screen()
    screen.show("TextInput")
    screen.show("Rating")
    screen.show("Alert")
    screen.messages.type_text("1234", "OSD")
    screen.messages.rate(5)
    screen.messages.dismiss("Alert")
    assert screen.told() == [
        ("UserInterface Message TextInput Response", {"FeedbackId": "f", "Text": "1234", "Origin": "OSD"}),
        ("UserInterface Message Rating Response", {"FeedbackId": "f", "Rating": 5, "Origin": "Controller"}),
        ("UserInterface Message Alert Cleared", {"Origin": "Controller"}),
    ]


def test_people_cannot_do_what_the_screen_does_not_offer() -> None:
    screen = Screen()
    with pytest.raises(CommandFailed, match="No prompt is displayed"):
        screen.messages.answer_prompt(1)
    screen.show("Prompt", Option_1="No")
    screen.show("TextInput")
    screen.show("Rating")
    with pytest.raises(CommandFailed, match="it has: 1"):
        screen.messages.answer_prompt("Perhaps")
    with pytest.raises(CommandFailed, match="takes 255"):
        screen.messages.type_text("å" * 128)
    with pytest.raises(CommandFailed, match="0 to 5"):
        screen.messages.rate(6)
    with pytest.raises(CommandFailed, match="No Alert"):
        screen.messages.dismiss("Alert")
    assert (len(screen.messages.shown), screen.told()) == (3, [])


def test_a_device_that_goes_down_leaves_no_timer_and_says_nothing() -> None:
    screen = Screen()
    screen.show("Prompt", Duration=10)
    screen.show("TextLine", Duration=10)
    screen.messages.stop()
    assert (screen.time.waiting, screen.messages.shown, screen.told()) == (0, {}, [])
