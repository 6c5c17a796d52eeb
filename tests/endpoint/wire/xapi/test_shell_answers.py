"""Answers in the three output modes. Source: protocol/xapi.md 4.4 to 4.8."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.leaves import Mark
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.shell_answers import (
    Accepted,
    Answer,
    Choices,
    Done,
    Got,
    Illegal,
    Mode,
    Printed,
    Prompt,
    Refusal,
    Result,
    Schema,
    Silence,
    Unknown,
    Writer,
    Xml,
    is_failure,
)
from endpoint.wire.xapi.terminal import read_lines

VOLUME = Got("Status", [(("Status", "Audio", "Volume"), 50)])
NAME = Got("Configuration", [(("Configuration", "SystemUnit", "Name"), 'The "big" æ')])
DIALLED = Result("DialResult", {"CallId": 7, "ConferenceId": 1})
NO_STATUS = Refusal("Status", "No match on address expression", "Status/Not/A/Real/Status")
NO_COMMAND = Refusal("Result", "Unknown command", "/Not/A/Real/Command")
BAD = Refusal("DialResult", status="ParameterError", wrong={"Number": "missing; one of <S: 0, 255>"})
ILLEGAL = Illegal(("Configuration", "Audio", "DefaultVolume"))
LISTED = Printed(["/Status/Audio", "/Event"], is_list=True)


def writer(mode: Mode, choices: Choices | None = None) -> Writer:
    made = Writer(nodes(), choices)
    made.mode = mode
    return made


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (VOLUME, "*s Audio Volume: 50\n** end\n\nOK\n\n"),
        (NAME, '*c xConfiguration SystemUnit Name: "The \\"big\\" æ"\n** end\n\nOK\n\n'),
        (Got("Status", []), "** end\n\nOK\n\n"),
        (Done(), "** end\n\nOK\n\n"),
        (Accepted(), "\nOK\n\n"),
        (Silence(), ""),
        (Prompt("Password: "), "Password: "),
        (DIALLED, "*r DialResult (status=OK):\n*r DialResult CallId: 7\n*r DialResult ConferenceId: 1\n** end\n\n"),
        (Result("XResult", {"StatusCode": 404}, "Error", "Gone"),
         '*r XResult (status=Error):\n*r XResult Reason: "Gone"\n*r XResult StatusCode: 404\n** end\n\n'),
        (NO_STATUS, """*s Status (status=Error):\n*s Status Reason: "No match on address expression"
*s Status XPath: "Status/Not/A/Real/Status"\n** end\n\nERROR\n\n"""),
        (Refusal("Configuration", "Access denied"),
         '*c Configuration (status=Error):\n*c Configuration Reason: "Access denied"\n** end\n\nERROR\n\n'),
        (NO_COMMAND, """*r Result (status=Error):\n*r Result Reason: "Unknown command"
*r Result XPath: "/Not/A/Real/Command"\n** end\n\nERROR\n\n"""),
        (BAD, "*r DialResult (status=ParameterError):\n** end\n\nERROR\n\n"),
        (ILLEGAL, '*c xConfiguration Audio DefaultVolume (error=True): "Illegal value"\n** end\n\nERROR\n\n'),
        (Unknown(), "Command not recognized.\n\n"),
        (Printed(["xStatus", "?"]), "xStatus\n?\n\nOK\n\n"),
        (LISTED, "/Status/Audio\n/Event\n** end\n\nOK\n\n"),
        (Schema({"Event": {}}), '{\n  "Event": {}\n}\n\nOK\n\n'),
    ],
)  # fmt: skip
def test_terminal_mode(answer: Answer, text: str) -> None:
    assert writer(Mode.TERMINAL).write(answer) == text


def test_a_tag_stands_before_the_end() -> None:
    shown = writer(Mode.TERMINAL)
    assert shown.write(VOLUME, 'a "b"') == '*s Audio Volume: 50\n** resultId: "a \\"b\\""\n** end\n\nOK\n\n'
    assert shown.write(Done(), "7") == '** resultId: "7"\n** end\n\nOK\n\n'
    assert '** resultId: "7"\n** end' in shown.write(DIALLED, "7")
    assert '** resultId: "7"\n** end' in shown.write(NO_COMMAND, "7")


@pytest.mark.parametrize(
    ("answer", "tree"),
    [
        (VOLUME, {"Status": {"Audio": {"Volume": {"Value": "50"}}}}),
        (NAME, {"Configuration": {"SystemUnit": {"Name": {"Value": 'The "big" æ', "valueSpaceRef": "/Valuespace/STR_0_50_NoFilt"}}}}),
        (Got("Status", []), {}),
        (Got("Status", [(("Status", "Call", 3, "Status"), "Connected"), (("Status", "Call", 3, "CallId"), 3)]),
         {"Status": {"Call": [{"CallId": {"Value": "3"}, "Status": {"Value": "Connected"}, "id": "3"}]}}),
        (Done(), {}),
        (Accepted(), {}),
        (DIALLED, {"CommandResponse": {"DialResult": {"status": "OK", "CallId": {"Value": "7"}, "ConferenceId": {"Value": "1"}}}}),
        (Result("VolumeSetResult"), {"CommandResponse": {"VolumeSetResult": {"status": "OK"}}}),
        (Result("XResult", None, "Error", "Gone"), {"CommandResponse": {"XResult": {"status": "Error", "Reason": {"Value": "Gone"}}}}),
        (NO_STATUS, {"CommandResponse": {"Status": {
            "status": "Error", "Reason": {"Value": "No match on address expression"}, "XPath": {"Value": "Status/Not/A/Real/Status"}}}}),
        (NO_COMMAND, {"CommandResponse": {"Result": {
            "status": "Error", "Reason": {"Value": "Unknown command"}, "XPath": {"Value": "/Not/A/Real/Command"}}}}),
        (BAD, {"CommandResponse": {"DialResult": {"status": "ParameterError"}}}),
        (ILLEGAL, {"Configuration": {"Audio": {"DefaultVolume": {"Value": "Illegal value", "error": "True"}}}}),
        (Unknown(), {"CommandResponse": {"Result": {"status": "Error", "Reason": {"Value": "Command not recognized."}}}}),
        (Schema({"Event": {}}), {"Event": {}}),
        (LISTED, {"CommandResponse": {"FeedbackListResult": {
            "status": "OK", "Expression": [{"Value": "/Status/Audio", "id": "1"}, {"Value": "/Event", "id": "2"}]}}}),
    ],
)  # fmt: skip
def test_json_mode(answer: Answer, tree: dict[str, Any]) -> None:
    text = writer(Mode.JSON).write(answer, "9")
    assert json.loads(text) == {**tree, "ResultId": "9"}
    lines = text.splitlines()
    assert [number for number, line in enumerate(lines) if line == "{"] == [0]
    assert [number for number, line in enumerate(lines) if line == "}"] == [len(lines) - 1]
    assert list(json.loads(text))[-1] == "ResultId"


def test_json_without_a_tag() -> None:
    shown = writer(Mode.JSON)
    assert shown.write(Done()) == "{\n}\n"
    assert shown.write(Accepted()) == ""
    assert (
        shown.write(VOLUME)
        == '{\n  "Status": {\n    "Audio": {\n      "Volume": {\n        "Value": "50"\n      }\n    }\n  }\n}\n'
    )
    assert (
        shown.write(LISTED) == "/Status/Audio\n/Event\n** end\n\nOK\n\n"
    )  # what polls it reads lines, whatever the mode
    assert "outputmode terminal" in shown.write(Printed(["*h xCommand Dial"]))


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (VOLUME, "<Status><Audio><Volume>50</Volume></Audio></Status>"),
        (Done(), ""),
        (Done(is_set=True), "<Configuration><Success /></Configuration>"),
        (DIALLED, '<Command><DialResult status="OK"><CallId>7</CallId><ConferenceId>1</ConferenceId></DialResult></Command>'),
        (NO_COMMAND,
         '<Command><Result status="Error"><Reason>Unknown command</Reason><XPath>/Not/A/Real/Command</XPath></Result></Command>'),
        (NO_STATUS,
         '<Status status="Error"><Reason>No match on address expression</Reason><XPath>Status/Not/A/Real/Status</XPath></Status>'),
        (BAD, '<Command><DialResult status="ParameterError" /></Command>'),
        (ILLEGAL, '<Configuration><Audio><DefaultVolume error="True">Illegal value</DefaultVolume></Audio></Configuration>'),
        (Unknown(), '<Command><Result status="Error"><Reason>Command not recognized.</Reason></Result></Command>'),
        (Xml([(("Status", "Call", 3), Mark.GHOST)]), '<Status><Call item="3" maxOccurrence="n" ghost="True" /></Status>'),
        (Xml(()), "<EmptyResult />"),
    ],
)  # fmt: skip
def test_xml_mode(answer: Answer, content: str) -> None:
    text = writer(Mode.XML).write(answer, 'a"<')
    document = ET.fromstring(text)
    assert document.attrib == {"resultId": 'a"<'}
    shown = "".join(ET.tostring(part, encoding="unicode") for part in document)
    assert "".join(line.strip() for line in shown.splitlines()) == content
    assert writer(Mode.XML).write(answer).startswith("<XmlDoc>\n")


def test_xml_of_a_get_is_xml_in_every_mode() -> None:
    for mode in Mode:
        assert writer(mode).write(Xml(VOLUME.leaves)).startswith("<XmlDoc>\n  <Status>\n")


def test_notices() -> None:
    event: Any = [(("Event", "Bookings", "Updated"), Mark.NODE)]
    ghost: Any = [(("Status", "Call", 3), Mark.GHOST)]
    assert writer(Mode.TERMINAL).notice(VOLUME.leaves) == "*s Audio Volume: 50\n** end\n"
    assert writer(Mode.TERMINAL).notice(ghost) == "*s Call 3 (ghost=True):\n** end\n"
    assert json.loads(writer(Mode.JSON).notice(ghost)) == {"Status": {"Call": [{"ghost": "True", "id": "3"}]}}
    found = json.loads(writer(Mode.JSON).notice(event, ("Event", "Bookings", "Updated")))
    assert found == {"Event": {"Bookings": {"Updated": {"id": "1"}}}}
    assert ET.fromstring(writer(Mode.XML).notice(event)).find("Event/Bookings/Updated") is not None


def test_choices() -> None:
    choices = Choices(path_error_word="OK", names_wrong_arguments=True)
    assert writer(Mode.TERMINAL, choices).write(NO_STATUS).endswith("** end\n\nOK\n\n")
    assert json.loads(writer(Mode.JSON, choices).write(BAD)) == {
        "CommandResponse": {
            "DialResult": {"status": "ParameterError", "Number": {"Value": "missing; one of <S: 0, 255>"}}
        }
    }


def test_failures() -> None:
    assert all(is_failure(answer) for answer in (NO_STATUS, BAD, ILLEGAL, Unknown(), Result("X", status="Error")))
    assert not any(is_failure(answer) for answer in (VOLUME, Done(), DIALLED, Silence()))


TEXTS = st.text()
FIELDS = st.dictionaries(st.from_regex(r"[A-Z][a-z]{0,5}", fullmatch=True), TEXTS | st.integers(), max_size=4)


@given(FIELDS, TEXTS, st.none() | TEXTS)
def test_whatever_a_result_holds_each_mode_stays_well_formed(
    fields: dict[str, Any], reason: str, tag: str | None
) -> None:
    answer = Result("XResult", fields, "Error", reason)
    said = {**({"Reason": reason} if reason else {}), **fields}
    tree = json.loads(writer(Mode.JSON).write(answer, tag))["CommandResponse"]["XResult"]
    assert {name: value["Value"] for name, value in tree.items() if name != "status"} == {
        k: str(v) for k, v in said.items()
    }
    ET.fromstring(writer(Mode.XML).write(answer, tag).encode(errors="replace"))
    lines = writer(Mode.TERMINAL).write(answer, tag).split("\n")
    assert lines[0] == "*r XResult (status=Error):"
    assert lines[-3:] == ["** end", "", ""]
    assert len(lines) == len(said) + (tag is not None) + 4
    if not any("\ud800" <= c <= "\udfff" for value in said.values() for c in str(value)):
        assert {path[-1]: value for path, value in read_lines(lines[1:])} == said
