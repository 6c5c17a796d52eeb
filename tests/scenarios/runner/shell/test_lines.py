"""What lines ask for, and what is said of those that ask for nothing. Source: protocol/xapi.md 4.3."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.query import query_of_text
from scenarios.runner.shell.lines import (
    LINE_CHARS_MAX,
    Call,
    Colon,
    Deregister,
    Help,
    Leave,
    LineError,
    ListRegistered,
    Read,
    Register,
    Set,
    parse_line,
)


@pytest.mark.parametrize(
    ("line", "branch", "text"),
    [
        ("xStatus Audio Volume", "Status", "Status Audio Volume"),
        ("xstat audio/volume", "Status", "Status audio/volume"),
        ("  xStatus  ", "Status", "Status "),
        ("xStatus\tAudio", "Status", "Status Audio"),
        ("Status Audio", "Status", "Status Audio"),
        ("xConfiguration SystemUnit Name", "Configuration", "Configuration SystemUnit Name"),
        ("xStatus Call[3] Status", "Status", "Status Call[3] Status"),
        ("xStatus //Volume", "Status", "Status //Volume"),
        ("xEvent CallDisconnect", "Event", "Event CallDisconnect"),
    ],
)
def test_reading(line: str, branch: str, text: str) -> None:
    parsed = parse_line(line)
    assert parsed is not None
    assert isinstance(parsed[0], Read)
    assert (parsed[0].branch, parsed[0].query.parts) == (branch, query_of_text(text).parts)


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("xConfiguration Audio DefaultVolume: 60", "Configuration Audio DefaultVolume", "60"),
        ("xconf Audio DefaultVolume:60", "Configuration Audio DefaultVolume", "60"),
        ("xConfiguration Audio DefaultVolume : 60", "Configuration Audio DefaultVolume", "60"),
        ('Configuration SystemUnit Name: "Huddle \\"1\\""', "Configuration SystemUnit Name", 'Huddle "1"'),
        ("xConfiguration SystemUnit Name: what?", "Configuration SystemUnit Name", "what?"),
        ('xConfiguration SystemUnit Name: "?"', "Configuration SystemUnit Name", "?"),
        ('xConfiguration SystemUnit Name: ""', "Configuration SystemUnit Name", ""),
        ("xConfiguration Network 1 DNS Server 2 Address: 192.0.2.1", "Configuration Network 1 DNS Server 2 Address", "192.0.2.1"),
        ("xConfiguration Network[1]/DNS/Server[2]/Address: 192.0.2.1", "Configuration Network 1 DNS Server 2 Address", "192.0.2.1"),
    ],
)  # fmt: skip
def test_setting(line: str, path: str, value: str) -> None:
    parsed = parse_line(line)
    assert parsed is not None
    assert isinstance(parsed[0], Set)
    assert (parsed[0].query.parts, parsed[0].value) == (query_of_text(path).parts, value)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("xCommand Standby Activate", Call(("Standby", "Activate"))),
        ("xCommand Audio Volume Set Level: 30", Call(("Audio", "Volume", "Set"), {"Level": "30"})),
        ("Command Dial Number: sip:a@b.test", Call(("Dial",), {"Number": "sip:a@b.test"})),
        ('xcom X Y A: "b c" D: ""', Call(("X", "Y"), {"A": "b c", "D": ""})),
        ("xCommand X Y CallId: 2 Z: 1 callid: 3", Call(("X", "Y"), {"CallId": ["2", "3"], "Z": "1"})),
    ],
)
def test_calling(line: str, call: Call) -> None:
    assert parse_line(line) == (call, "")


def test_result_id_is_taken_off() -> None:
    assert parse_line('xCommand Standby Activate | resultId="a b"') == (Call(("Standby", "Activate")), "a b")
    parsed = parse_line("xStatus Audio | resultid=7")
    assert parsed is not None
    assert parsed[1] == "7"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("xFeedback list", ListRegistered()),
        ("xFeedback DeregisterAll", Deregister(None)),
        ("xFeedback deregister /Status/Audio", Deregister("/Status/Audio")),
        ("?", Help()),
        ("help", Help()),
        ("xCommand Dial ?", Help("Command", ("Dial",))),
        ("xStatus ?", Help("Status")),
        ("xStatus Audio?", Help("Status", ("Audio",))),
        ("xCommand Dial Number: x Protocol: ?", Help("Command", ("Dial",))),
        ("xConfiguration Audio DefaultVolume: ?", Help("Configuration", ("Audio", "DefaultVolume"))),
        ("xFeedback ?", Help("Event")),
        ("xConfiguration Audio ??", Help("Configuration", ("Audio",), is_deep=True)),
        ("bye", Leave()),
        (":advance 5min", Colon("advance", "5min")),
        (": quit ", Colon("quit", "")),
    ],
)
def test_other_lines(line: str, found: object) -> None:
    assert parse_line(line) == (found, "")


def test_registering() -> None:
    parsed = parse_line("xFeedback register /Status/Video/Input/Connector[@item='3']")
    assert parsed is not None
    assert isinstance(parsed[0], Register)
    assert parsed[0].query.parts == ("status", "video", "input", "connector", 3)


@pytest.mark.parametrize("line", ["", "   ", "# a remark"])
def test_nothing_is_asked(line: str) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("xSttus Audio", "nearest: xStatus"),
        ("frobnicate", "a line begins with xStatus"),
        ("xc Dial", "short for xConfiguration and xCommand"),
        ("xPreferences OutputMode json", "output modes are for ssh"),
        ("echo off", "for ssh"),
        ("xStatus Audio Volume: 3", "only configurations can be set"),
        ("xConfiguration Audio DefaultVolume:", "value is missing"),
        ('xConfiguration SystemUnit Name "x"', "a colon stands between"),
        ("xConfiguration SystemUnit Name: Huddle 2", 'blanks need quotes: "Huddle 2"'),
        ('xConfiguration SystemUnit Name: "Huddle', "a quote is not closed"),
        ("xCommand", "which command"),
        ("xCommand Dial Number:", "value of Number is missing"),
        ("xCommand X Text: hello there", 'blanks needs quotes: "hello there"'),
        ('xCommand X "text"', "belongs to no argument"),
        ("xCommand 3", "begins with a word"),
        ("xStatus [", "a name, a number"),
        ("xStatus Audio | tag", 'resultId="..."'),
        ("xFeedback", "goes on with Register"),
        ("xFeedback regster /Status", "nearest: xFeedback Register"),
        ("xFeedback register", "xFeedback register /Status/Audio"),
        ("xFeedback register /Command/Dial", "begins with Status, Configuration or Event"),
        ("xFeedback register Audio", "begins with Status, Configuration or Event"),
        ("x" * (LINE_CHARS_MAX + 1), "at most"),
    ],
)
def test_errors_say_what_would_have_been_right(line: str, why: str) -> None:
    with pytest.raises(LineError, match=re.escape(why)):
        parse_line(line)


PIECES = ("xStatus", "xConf", "xCommand", "xFeedback", "Register", "/Status", "Audio", "Volume", "Level:", "Name:", '"', '"a b"', "30", "|",
          "?", 'resultId="x"', ":", ":fault", "[", "*", "//", "\\", "é", "#", "\x00")  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join)))
def test_any_line_is_read_or_refused_in_words(line: str) -> None:
    try:
        parsed = parse_line(line)
    except LineError:
        return
    if parsed is None:
        assert not line.strip() or line.strip().startswith("#")
    elif isinstance(parsed[0], Set):
        assert parsed[0].query.parts[0] == "configuration"
    elif isinstance(parsed[0], Call):
        assert parsed[0].words
