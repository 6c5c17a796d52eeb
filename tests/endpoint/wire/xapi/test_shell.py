"""The grammar of a command line. Source: protocol/xapi.md 4.3, 4.6."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.shell import VERBS, Line, command_words, read_line, tag_of, takes_body, verb_of
from endpoint.wire.xapi.terminal import quoted


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", Line("")),
        ("   \t ", Line("")),
        ("xStatus", Line("xStatus")),
        ("XSTATUS Audio Volume", Line("xStatus", ("Audio", "Volume"), rest="Audio Volume")),
        (' xstat  Audio\tVolume | resultId="1"', Line("xStatus", ("Audio", "Volume"), {}, "1", 0, "Audio\tVolume")),
        ("xStatus Call|resultid=7", Line("xStatus", ("Call|resultid=7",), rest="Call|resultid=7")),
        ("xStatus Call |  resultId = 7 ", Line("xStatus", ("Call",), {}, "7", 0, "Call")),
        ('xStatus | resultId="a \\"b\\" | c"', Line("xStatus", (), {}, 'a "b" | c')),
        ("xStatus // Name ?", Line("xStatus", ("//", "Name"), help=1, rest="// Name ?")),
        ("xConfiguration ??", Line("xConfiguration", help=2, rest="??")),
        ('xConf SystemUnit Name: "Huddle 2"',
         Line("xConfiguration", ("SystemUnit",), {"Name": "Huddle 2"}, rest='SystemUnit Name: "Huddle 2"')),
        ("xConfiguration Audio DefaultVolume:60",
         Line("xConfiguration", ("Audio",), {"DefaultVolume": "60"}, rest="Audio DefaultVolume:60")),
        ("xConfiguration SystemUnit Name:", Line("xConfiguration", ("SystemUnit",), {"Name": ""}, rest="SystemUnit Name:")),
        ('xConfiguration SystemUnit Name: | resultId="x"',
         Line("xConfiguration", ("SystemUnit",), {"Name": ""}, "x", 0, "SystemUnit Name:")),
        ('xCom Dial Number: "sip:a@b.c" Protocol: Sip',
         Line("xCommand", ("Dial",), {"Number": "sip:a@b.c", "Protocol": "Sip"}, rest='Dial Number: "sip:a@b.c" Protocol: Sip')),
        ("xCommand Dial Number: sip:a@b.c", Line("xCommand", ("Dial",), {"Number": "sip:a@b.c"}, rest="Dial Number: sip:a@b.c")),
        ('xCommand A X: 1 x: 2 Y: "" X: "3"', Line("xCommand", ("A",), {"X": ("1", "2", "3"), "Y": ""}, rest='A X: 1 x: 2 Y: "" X: "3"')),
        ("xCommand UserInterface Message Prompt Display Option.1: Yes",
         Line("xCommand", ("UserInterface", "Message", "Prompt", "Display"), {"Option.1": "Yes"},
              rest="UserInterface Message Prompt Display Option.1: Yes")),
        ("xCommand A Text: two words", Line("xCommand", ("A",), {"Text": "two", "words": ""}, rest="A Text: two words")),
        ("xCommand Dial Number: ?", Line("xCommand", ("Dial",), {"Number": "?"}, rest="Dial Number: ?")),
        ('xCommand A Text: "?"', Line("xCommand", ("A",), {"Text": "?"}, rest='A Text: "?"')),
        ('xCommand A Text: "a \\"b\\" \\\\ \\u00e6 \\ud83d\\ude00 \\n"',
         Line("xCommand", ("A",), {"Text": 'a "b" \\ æ 😀 \n'}, rest='A Text: "a \\"b\\" \\\\ \\u00e6 \\ud83d\\ude00 \\n"')),
        ("xFeedback Register /Status/Video/Input/Connector[@item='3']",
         Line("xFeedback", ("Register", "/Status/Video/Input/Connector[@item='3']"),
              rest="Register /Status/Video/Input/Connector[@item='3']")),
        ("systemtools network ping fe80::1", Line("systemtools", ("network", "ping", "fe80::1"), rest="network ping fe80::1")),
        ("?", Line("?")),
        ("??", Line("?")),
        ("help", Line("help")),
        ("nonsense Audio", Line("", ("Audio",), rest="Audio")),
        ('nonsense | resultId="3"', Line("", (), {}, "3")),
    ],
)  # fmt: skip
def test_lines(text: str, line: Line) -> None:
    assert read_line(text) == line


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('xCommand A Text: "open', "a quote is closed"),
        ('xCommand A Text: "a"b', "a blank follows a closing quote"),
        ('xStatus "', "a quote is closed"),
        ("xStatus | resultId", "resultId"),
        ('xStatus | resultId="a" more', "resultId"),
        ('xStatus | resultId="a', "resultId"),
        ("xStatus | nonsense", "resultId"),
        ("xStatus |", "resultId"),
        ("xStatus\x00Audio", "control characters"),
        ("xStatus Audio\x1b[A", "control characters"),
        ('xCommand A Text: "\\ud800"', "half characters"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, rule: str) -> None:
    with pytest.raises(RemoteProtocolError, match=rule):
        read_line(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('xCommand A Text: "open | resultId="7"', "7"),
        ("xStatus \x00 | resultId=8", "8"),
        ("xStatus | resultId", None),
        ("xStatus", None),
    ],
)
def test_a_line_that_cannot_be_read_keeps_its_tag(text: str, tag: str | None) -> None:
    assert tag_of(text) == tag


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("xstatus", "xStatus"), ("xstat", "xStatus"), ("xpref", "xPreferences"), ("xconf", "xConfiguration"), ("xcom", "xCommand"),
        ("xfeed", "xFeedback"), ("xdoc", "xDocument"), ("xDocument", "xDocument"), ("xev", "xEvent"), ("xget", "xGetxml"),
        ("xtr", "xTransaction"), ("ECHO", "echo"), ("bye", "bye"), ("sys", "systemtools"), ("?", "?"),
        ("x", ""), ("xc", ""), ("xco", ""), ("b", ""), ("by", ""), ("", ""), ("xStatusx", ""),
    ],
)  # fmt: skip
def test_verbs_may_be_shortened_while_they_are_clear(word: str, verb: str) -> None:
    assert verb_of(word) == verb


def test_every_verb_is_itself_in_any_case() -> None:
    assert [verb_of(verb.swapcase()) for verb in VERBS] == list(VERBS)


def test_only_commands_with_a_body_wait_for_one() -> None:
    table = nodes()
    assert takes_body('xCommand UserInterface Extensions Panel Save PanelId: "p1" | resultId="14"', table)
    assert takes_body("xcom userinterface/extensions/panel/save", table)
    assert not takes_body("xCommand UserInterface Extensions Panel Save ?", table)
    assert not takes_body("xCommand Dial", table)
    assert not takes_body("xStatus Audio", table)
    assert not takes_body('xCommand UserInterface Extensions Panel Save PanelId: "', table)


def test_slashes_in_a_command_are_blanks() -> None:
    assert command_words(read_line("xCommand /Audio/Volume Set")) == ("Audio", "Volume", "Set")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.from_regex(r"[A-Z][A-Za-z]{0,9}(\.[1-9])?", fullmatch=True)


@given(
    st.lists(NAMES.filter(lambda name: "." not in name), min_size=1, max_size=4),
    st.dictionaries(NAMES, TEXTS, max_size=4),
    TEXTS,
)
def test_what_jsxapi_writes_is_read_as_it_was_meant(path: list[str], arguments: dict[str, str], tag: str) -> None:
    folded = {name.casefold(): value for name, value in arguments.items()}
    parts = [f"{name}: {json.dumps(value)}" for name, value in folded.items()]
    line = read_line(f"xCommand {' '.join([*path, *parts])} | resultId={quoted(tag)}")
    assert (line.verb, line.words, line.arguments, line.result_id) == ("xCommand", tuple(path), folded, tag)


@given(st.text())
@example('xCommand A: "\\')
@example('xStatus | resultId="\\')
@example("xConfiguration a: b: c: ? ??")
def test_any_line_is_read_or_refused(text: str) -> None:
    for whole in (text, f"xCommand {text}", f"xStatus {text}"):
        tag_of(whole)
        try:
            line = read_line(whole)
        except RemoteProtocolError:
            continue
        assert line.verb in ("", *VERBS)
        assert line.rest in whole
        assert 0 <= line.help <= 2
