"""The XML rendering: documents, results, errors; and that it says the same as the JSON rendering."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi import xmlform, xmlinput
from endpoint.wire.xapi.errors import (
    AccessDenied,
    BadArguments,
    BadValue,
    CommandFailed,
    NoMatch,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.jsonform import strings
from endpoint.wire.xapi.leaves import Leaf, Mark, flatten
from endpoint.wire.xapi.nodes import Command, ValueSpace, nodes
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.xmlform import Look

LOOK = Look("Cisco Codec", "ce26.7.1.12.67c6e508983", nodes(), lambda space: f"{space.kind}_{space.low}_{space.high}")


def command(path: str) -> Command:
    """Return a command of the table."""
    found = nodes().command(tuple(path.split(" ")))
    assert found is not None
    return found


def test_the_document_of_the_reference() -> None:
    leaves: list[Leaf] = [(("Status", "Audio", "Volume"), 50), (("Status", "Call", 3, "Status"), "Connected")]
    assert xmlform.document(xmlform.tree(leaves, LOOK)) == (
        '<?xml version="1.0"?>\n'
        '<Status product="Cisco Codec" version="ce26.7.1.12.67c6e508983" apiVersion="4">\n'
        "  <Audio>\n"
        "    <Volume>50</Volume>\n"
        "  </Audio>\n"
        '  <Call item="3" maxOccurrence="n">\n'
        "    <Status>Connected</Status>\n"
        "  </Call>\n"
        "</Status>\n"
        "\n"
    )


def test_configurations_say_their_value_space_and_how_many_there_can_be() -> None:
    leaves: list[Leaf] = [
        (("Configuration", "Audio", "DefaultVolume"), 50),
        (("Configuration", "Network", 1, "DNS", "Server", 2, "Address"), ""),
    ]
    lines = xmlform.tree(leaves, LOOK)
    assert '  <Network item="1" maxOccurrence="1">' in lines
    assert '      <Server item="2" maxOccurrence="3">' in lines
    assert '    <DefaultVolume valueSpaceRef="/Valuespace/integer_0_100">50</DefaultVolume>' in lines


def test_ghosts_events_and_leaves_of_arrays() -> None:
    assert xmlform.tree([(("Status", "Call", 3), Mark.GHOST)]) == [
        "<Status>",
        '  <Call item="3" maxOccurrence="n" ghost="True"/>',
        "</Status>",
    ]
    event: Path = ("Event", "CallDisconnect")
    assert xmlform.tree([((*event, "CauseType"), "LocalDisconnect"), ((*event, "CallId"), 3)]) == [
        "<Event>",
        "  <CallDisconnect>",
        '    <CallId item="1">3</CallId>',
        '    <CauseType item="1">LocalDisconnect</CauseType>',
        "  </CallDisconnect>",
        "</Event>",
    ]
    assert xmlform.tree([(("Event", "Bookings", "Updated"), Mark.NODE)])[2] == '    <Updated item="1"/>'
    assert xmlform.tree([(("Status", "HttpFeedback", 1, "Expression", 2), "/Event")])[2] == (
        '    <Expression item="2" maxOccurrence="n">/Event</Expression>'
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('a < b & "c" > d', 'a &lt; b &amp; "c" &gt; d'),
        ("two\nlines\r\n", "two\nlines&#13;\n"),
        ("bell\x07 and \ud800 and \uffff", "bell� and � and �"),
        ("æøå 🙂", "æøå 🙂"),
        ("", ""),
        (7, "7"),
    ],
)
def test_text_is_what_xml_can_hold(value: str | int, shown: str) -> None:
    assert xmlform.tree([(("Status", "A"), value)]) == ["<Status>", f"  <A>{shown}</A>", "</Status>"]


def test_the_wrapper_of_the_shell() -> None:
    assert xmlform.xmldoc(["<Status>", "</Status>"], 'x"1') == [
        '<XmlDoc resultId="x&quot;1">',
        "  <Status>",
        "  </Status>",
        "</XmlDoc>",
    ]
    assert xmlform.xmldoc([]) == ["<XmlDoc>", "</XmlDoc>"]


def test_results() -> None:
    assert xmlform.result("VolumeSetResult", None) == ['<VolumeSetResult status="OK"/>']
    assert xmlform.result("DialResult", {"CallId": 3, "ConferenceId": 2, "Absent": None}) == [
        '<DialResult status="OK">',
        "  <CallId>3</CallId>",
        "  <ConferenceId>2</ConferenceId>",
        "</DialResult>",
    ]
    assert xmlform.result("BookingsListResult", {"Booking": [{"Id": "webex-1"}]}) == [
        '<BookingsListResult status="OK">',
        '  <Booking item="1" maxOccurrence="n">',
        "    <Id>webex-1</Id>",
        "  </Booking>",
        "</BookingsListResult>",
    ]


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            UnknownCommand("Not A Command"),
            '<Result status="Error"> <Reason>Unknown command</Reason> <XPath>/Not/A/Command</XPath> </Result>',
        ),
        (BadArguments({"Number": "missing"}), '<DialResult status="ParameterError"/>'),
        (CommandFailed("No route"), '<DialResult status="Error"> <Reason>No route</Reason> </DialResult>'),
        (
            CommandFailed("No", fields={"StatusCode": 404}),
            '<DialResult status="Error"> <Reason>No</Reason> <StatusCode>404</StatusCode> </DialResult>',
        ),
        (AccessDenied(), '<DialResult status="Error"> <Reason>Access denied</Reason> </DialResult>'),
    ],
)
def test_failures_of_commands(error: XapiError, shown: str) -> None:
    known = None if isinstance(error, UnknownCommand) else command("Dial")
    assert " ".join(line.strip() for line in xmlform.failure(error, known)) == shown


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            BadValue("Audio DefaultVolume", "0..100"),
            '<Configuration> <Audio> <DefaultVolume error="True">Illegal value</DefaultVolume> </Audio> </Configuration>',
        ),
        (
            BadValue("Video Input Connector 2 Name", "too long"),
            (
                '<Configuration> <Video> <Input> <Connector item="2"> <Name error="True">Illegal value</Name> '
                "</Connector> </Input> </Video> </Configuration>"
            ),
        ),
        (
            NoMatch("Configuration/Nope"),
            (
                '<Configuration status="Error"> <Reason>No match on address expression</Reason> '
                "<XPath>Configuration/Nope</XPath> </Configuration>"
            ),
        ),
        (AccessDenied(), '<Configuration status="Error"> <Reason>Access denied</Reason> </Configuration>'),
    ],
)
def test_refused_configurations(error: XapiError, shown: str) -> None:
    assert " ".join(line.strip() for line in xmlform.refused_set(error)) == shown


def test_every_command_is_in_the_document() -> None:
    root = xmlinput.read(xmlform.document(xmlform.commands(nodes().commands, LOOK)).encode())
    assert root.attributes["product"] == "Cisco Codec"
    for row in nodes().commands:
        element: xmlinput.Element | None = root
        for word in row.path.split(" "):
            element = element and element.child(word)
        assert element is not None, row.path
        assert element.attributes["command"] == "True"
        for argument in row.arguments:
            shown = element.child(argument.name)
            assert shown is not None
            assert shown.attributes["required"] == str(argument.required)
            space = shown.child("ValueSpace")
            assert space is not None
            assert tuple(value.text for value in space.children if value.name == "Value") == argument.space.literals


def test_value_spaces() -> None:
    spaces = {
        "INT_0_100": ValueSpace.read("0..100"),
        "INT": ValueSpace.read("int"),
        "STR_0_50": ValueSpace.read("S(0..50)"),
        "TTPAR_OnOff": ValueSpace.read("On/Off"),
    }
    assert " ".join(line.strip() for line in xmlform.valuespaces(spaces)) == (
        '<Valuespace> <INT type="Integer"/> '
        '<INT_0_100 type="Integer"> <Min>0</Min> <Max>100</Max> <Step>1</Step> </INT_0_100> '
        '<STR_0_50 type="String"> <MinLength>0</MinLength> <MaxLength>50</MaxLength> </STR_0_50> '
        '<TTPAR_OnOff type="Literal"> <Value>On</Value> <Value>Off</Value> </TTPAR_OnOff> </Valuespace>'
    )


NAMES = st.sampled_from(["Audio", "Call", "Connector", "Input", "Name", "Status", "IPv4"])
NUMBERS = st.integers(0, 99)
VALUES = st.integers() | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]) | st.sampled_from("\n\r\t<&>\"']")
)
FIELDS: st.SearchStrategy[Any] = st.recursive(
    VALUES,
    lambda inner: (
        st.dictionaries(NAMES, inner, min_size=1, max_size=4)
        | st.lists(st.dictionaries(NAMES, inner, min_size=1, max_size=3), min_size=1, max_size=3)
    ),
    max_leaves=15,
)


@given(st.sampled_from(["Status", "Configuration", "Event"]), st.dictionaries(NAMES, FIELDS, min_size=1, max_size=4))
def test_both_renderings_say_the_same(branch: str, fields: dict[str, Any]) -> None:
    leaves = flatten(fields, (branch,))
    read = xmlinput.leaves(xmlinput.read(xmlform.document(xmlform.tree(leaves, LOOK)).encode()))
    assert sorted(read, key=str) == sorted(((path, str(value)) for path, value in leaves), key=str)
    assert strings(read) == strings(leaves)


@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), NUMBERS), min_size=1, max_size=4))
def test_ghosts_come_back(elements: list[tuple[list[str], int]]) -> None:
    leaves: list[Leaf] = [(("Status", *dict.fromkeys(names), number), Mark.GHOST) for names, number in elements[:1]]
    assert xmlinput.leaves(xmlinput.read(xmlform.document(xmlform.tree(leaves)).encode())) == leaves
