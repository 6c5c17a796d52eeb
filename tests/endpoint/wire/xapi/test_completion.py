"""Completion of xAPI lines. Source: protocol/xapi.md 2.5, 4.3, 4.8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.completion import (
    COMPLETIONS_MAX,
    LINE_CHARS_MAX,
    VERBS,
    Completion,
    complete,
    elements,
    list_at,
    unambiguous,
    verb_of,
)
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import Path

TABLE = nodes()


def here(path: Path) -> list[int]:
    """Two calls, and inputs 1 to 3."""
    return {("Status", "Call"): [42, 3], ("Status", "Video", "Input", "Connector"): [1, 2, 3]}.get(path, [])


def shown(line: str, **more: object) -> list[str]:
    """What a list shows."""
    return [one.shown for one in complete(line, TABLE, numbers=here, **more)]  # type: ignore[arg-type]  # keywords


def lines(line: str, **more: object) -> list[str]:
    """What the line becomes."""
    found = complete(line, TABLE, numbers=here, **more)  # type: ignore[arg-type]  # keywords
    return [applied(line, one) for one in found if not one.is_hint]


def applied(line: str, one: Completion) -> str:
    return line[: len(line) - one.replaced] + one.text


@pytest.mark.parametrize(
    ("line", "become"),
    [
        # verbs
        ("xs", ["xStatus"]),
        ("XSTAT", ["xStatus"]),
        ("xc", ["xConfiguration", "xCommand"]),
        ("  xco", ["  xConfiguration", "  xCommand"]),
        ("y", []),
        # paths: any case in, canonical spelling out
        ("xStatus audio volumem", ["xStatus audio VolumeMute"]),
        ("xstat AUD", ["xstat Audio"]),
        ("xStatus Audio/VolumeM", ["xStatus Audio/VolumeMute"]),
        ("xStatus Nope ", []),
        ("xStatus Audio Volume ", []),
        # elements
        ("xStatus Call 4", ["xStatus Call 42"]),
        ("xStatus call[", ["xStatus Call[3]", "xStatus Call[42]"]),
        ("xStatus Call 42 Dur", ["xStatus Call 42 Duration"]),
        ("xStatus Call * Dur", ["xStatus Call * Duration"]),
        ("xStatus Call[42] Dur", ["xStatus Call[42] Duration"]),
        ("xStatus Audio 3", []),
        # anywhere
        ("xStatus //multipoi", ["xStatus //Multipoint"]),
        # configurations: the colon, then values
        ("xConfiguration Audio DefaultVolume", ["xConfiguration Audio DefaultVolume", "xConfiguration Audio DefaultVolume: "]),
        ("xConfiguration Audio DefaultVolume ", ["xConfiguration Audio DefaultVolume: "]),
        ("xConfiguration Standby Control: ", ["xConfiguration Standby Control: Off", "xConfiguration Standby Control: On"]),
        ("xConfiguration Standby Control:", ["xConfiguration Standby Control: Off", "xConfiguration Standby Control: On"]),
        ("xConfiguration Standby Control: of", ["xConfiguration Standby Control: Off"]),
        ('xConfiguration Standby Control: "of', ['xConfiguration Standby Control: "Off"']),
        ("xConfiguration Standby Control: Off ", []),
        ("xConfiguration Standby Nope: ", []),
        ("xConfiguration Time Zone: europe/am", ["xConfiguration Time Zone: Europe/Amsterdam"]),
        ("xStatus Standby State: ", []),
        # commands
        ("xCommand audio volume se", ["xCommand audio volume Set", "xCommand audio volume SetToDefault"]),
        ("xCommand Audio Volume Set l", ["xCommand Audio Volume Set Level: "]),
        ("xCommand Audio Volume Set Level: 3 D", ["xCommand Audio Volume Set Level: 3 Device: "]),
        ("xCommand Audio Volume Set Level: 3 L", []),
        ("xCommand Audio Volume Set Device: Int", ["xCommand Audio Volume Set Device: Internal"]),
        ("xCommand Audio Volume Set Level: 3 | ", []),
        ("xCommand No Such Level: ", []),
        # feedback
        ("xFeedback reg", ["xFeedback Register"]),
        ("xFeedback Register ", ["xFeedback Register /Status", "xFeedback Register /Configuration", "xFeedback Register /Event"]),
        ("xFeedback Register ev", ["xFeedback Register Event"]),
        ("xFeedback Register /Status/Aud", ["xFeedback Register /Status/Audio"]),
        ("xFeedback Register Status Aud", ["xFeedback Register Status Audio"]),
        ("xFeedback Register /Event/CallD", ["xFeedback Register /Event/CallDisconnect"]),
        ("xFeedback Register /Status/Call[4", ["xFeedback Register /Status/Call[42]"]),
        ("xFeedback Register /Configuration/Audio/DefaultVolume", ["xFeedback Register /Configuration/Audio/DefaultVolume"]),
        ("xFeedback List ", []),
        # words
        ("xPreferences OutputMode j", ["xPreferences OutputMode json"]),
        ("echo o", ["echo on", "echo off"]),
        # nothing
        ("xStatus Audio ?", []),
        ("xStatus Audio\nxStatus ", []),
        ("xStatus [", []),
        ("xStatus 3 ", []),
    ],
)  # fmt: skip
def test_what_a_line_becomes(line: str, become: list[str]) -> None:
    assert lines(line) == become


def test_first_words_come_with_what_they_are() -> None:
    assert {one.name for one in VERBS} == set(shown(""))
    assert "Audio" in shown("xStatus ")
    assert complete("xStatus Audio Volum", TABLE)[0].note == "<Integer>"
    assert next(one for one in complete("xStatus ", TABLE) if one.text == "Call").note == "list"


def test_elements_come_before_words_and_only_after_lists() -> None:
    assert shown("xStatus Call ")[:3] == ["3", "42", "AnswerState"]
    assert "1" not in shown("xStatus Audio ")
    assert shown("xStatus Call 3 ")[0] == "AnswerState", "an element has one number"


def test_elements_that_only_the_table_knows() -> None:
    assert shown("xConfiguration Network ")[0] == "1"


def test_required_arguments_come_first_and_given_ones_not_again() -> None:
    names = shown("xCommand Audio Volume Set ")
    assert names == ["Level", "Device"]
    first, second = complete("xCommand Audio Volume Set ", TABLE)
    assert first.note == "<0..100>, required"
    assert "required" not in second.note
    assert shown("xCommand Audio Volume Set LEVEL: 3 ") == ["Device"]
    assert shown("xCommand Audio Volume Set Device: Internal Level: 4 ") == []


def test_argument_that_may_repeat_is_offered_again() -> None:
    (repeated,) = {
        (command.path, argument.name)
        for command in TABLE.commands
        for argument in command.arguments
        if argument.many > 1 and command.path == "Call Join"
    }
    path, name = repeated
    assert name in shown(f"xCommand {path} {name}: 3 ")


def test_free_values_are_told_as_hints() -> None:
    (hint,) = complete("xCommand Audio Volume Set Level: ", TABLE)
    assert (hint.shown, hint.text, hint.replaced, hint.is_hint) == ("<0..100>", "", 0, True)
    (hint,) = complete("xConfiguration Audio DefaultVolume: 5", TABLE)
    assert (hint.shown, hint.note) == ("<0..100>", "default 50")


def test_default_among_the_words_is_told() -> None:
    assert [(one.shown, one.note) for one in complete("xConfiguration Standby Control: ", TABLE)] == [
        ("Off", ""),
        ("On", "default"),
    ]


def test_body_is_announced() -> None:
    assert shown("xCommand Bookings Put ") == ["Enter"]
    assert shown("xCommand UserInterface Extensions Panel Save ") == ["PanelId"], "what is required comes first"
    assert shown("xCommand UserInterface Extensions Panel Save PanelId: p1 ") == ["Enter"]


def test_registered_expressions_can_be_deregistered() -> None:
    registered = ("/Status/Audio", "/Event")
    assert shown("xFeedback Deregister ", registered=registered) == ["/Status/Audio", "/Event"]
    assert lines("xFeedback Deregister /S", registered=registered) == ["xFeedback Deregister /Status/Audio"]
    assert lines("xFeedback Deregister /St") == ["xFeedback Deregister /Status"]


def test_roles_hide_what_they_may_not() -> None:
    user = Caller("joe", frozenset("U"))
    admin = Caller("admin", frozenset("A"))
    assert "Put" in shown("xCommand Bookings ", caller=admin)
    assert "Put" not in shown("xCommand Bookings ", caller=user)
    assert shown("xCommand UserInterface Extensions Panel Save ", caller=user) == []
    assert lines("xConfiguration Bookings AllowDecline", caller=user) == ["xConfiguration Bookings AllowDecline"]
    assert len(shown("xStatus ", caller=user)) <= len(shown("xStatus ", caller=admin))


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("xStatus Call ", ("Status", "Call")),
        ("xStatus Call 4", ("Status", "Call")),
        ("xStatus video input connector ", ("Status", "Video", "Input", "Connector")),
        ("xFeedback Register /Status/Call[", ("Status", "Call")),
        ("xConfiguration Network ", ("Configuration", "Network")),
        ("xStatus Call", None),
        ("xStatus Call 3 ", None),
        ("xStatus Audio ", None),
        ("xCommand Call ", None),
        ("", None),
    ],
)
def test_which_list_a_line_is_at(line: str, path: Path | None) -> None:
    assert list_at(line, TABLE) == path


def test_elements_of_leaves() -> None:
    leaves = [
        (("Status", "Call", 3, "Status"), "Connected"),
        (("Status", "Call", 42, "Status"), "Ringing"),
        (("Status", "Call", 42, "Media", 1, "Rate"), 1),
        (("Status", "Audio", "Volume"), 50),
    ]
    assert elements(leaves, ("status", "call")) == [3, 42]
    assert elements(leaves, ("Status", "Call", 42, "Media")) == [1]
    assert elements(leaves, ("Status", "Call", "Media")) == [1]
    assert elements(leaves, ("Status", "Call", 3, "Media")) == []
    assert elements(leaves, ("Status", "Audio")) == []


@pytest.mark.parametrize(
    ("word", "name"),
    [("xstat", "xStatus"), ("XSTATUS", "xStatus"), ("xconf", "xConfiguration"), ("xcom", "xCommand"), ("xpref", "xPreferences"),
     ("xc", None), ("x", None), ("", None), ("b", None), ("by", "bye"), ("status", None)],
)  # fmt: skip
def test_verbs_may_be_shortened_while_unambiguous(word: str, name: str | None) -> None:
    verb = verb_of(word, VERBS)
    assert (verb.name if verb is not None else None) == name


@pytest.mark.parametrize(
    ("line", "become"),
    [
        ("xst", "xStatus "),
        ("xc", "xCo"),
        ("xCo", None),
        ("xStatus audio volu", "xStatus audio Volume"),
        ("xStatus audio Volume", None),
        ("xStatus aud", "xStatus Audio "),
        ("xCommand Audio Volume Set L", "xCommand Audio Volume Set Level: "),
        ("xConfiguration Standby Control: o", "xConfiguration Standby Control: O"),
        ("xConfiguration Standby Control: O", None),
        ("xCommand Audio Volume Set Level: ", None),
        ("xStatus Call ", None),
        ("nothing", None),
    ],
)
def test_what_the_tab_key_can_do_alone(line: str, become: str | None) -> None:
    found = unambiguous(line, complete(line, TABLE, numbers=here))
    assert (applied(line, found) if found is not None else None) == become


def test_bounds() -> None:
    assert complete("xStatus " + "a" * LINE_CHARS_MAX, TABLE) == []
    assert len(complete("xConfiguration Time Zone: ", TABLE)) <= COMPLETIONS_MAX
    many = complete("xStatus Call ", TABLE, numbers=lambda path: range(100_000))
    assert len(many) == COMPLETIONS_MAX


WORDS = ("xStatus", "xConfiguration", "xCommand", "xFeedback", "Register", "Deregister", "/Status", "/", "//", "Audio", "Call", "Call[",
         "Volume", "Set", "Level:", "Standby", "Control:", "Device:", '"', "\\", "[", "]", "3", "*", "**", "|", "?", ":", " ", "\t", "\x00",
         "é", "２", "Dial", "Network", "1", "xEvent", "@item='")  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(" ".join), st.lists(st.sampled_from(WORDS)).map("".join))
)
def test_any_line_has_completions_that_fit_it(line: str) -> None:
    found = complete(line, TABLE, numbers=here, registered=("/Status/Audio",))
    assert len(found) <= COMPLETIONS_MAX
    for one in found:
        assert 0 <= one.replaced <= len(line)
        assert one.is_hint == (one.text == "")
        replaced = line[len(line) - one.replaced :].strip('"')
        assert one.text.strip(' "').casefold().startswith(replaced.strip().casefold()) or one.text == ": "
        complete(applied(line, one), TABLE, numbers=here)
    place = list_at(line, TABLE)
    assert place is None or place[0] in ("Status", "Configuration")


@given(st.data())
def test_following_completions_leads_to_what_the_table_knows(data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from(["xStatus", "xConfiguration", "xCommand", "xEvent"]))
    branch = {"xStatus": "Status", "xConfiguration": "Configuration", "xCommand": "Command", "xEvent": "Event"}[verb]
    line, parts = f"{verb} ", []
    for _ in range(data.draw(st.integers(1, 8))):
        choices = [one for one in complete(line, TABLE, numbers=here) if one.text.isalnum()]
        if not choices:
            break
        one = data.draw(st.sampled_from(choices))
        line = applied(line, one) + " "
        parts.append(one.text)
    above: list[str | int] = []
    for part in parts:
        if part.isdecimal():
            above.append(int(part))
            continue
        assert part in TABLE.children(branch, tuple(above))  # type: ignore[arg-type]  # one of the four
        above.append(part)
