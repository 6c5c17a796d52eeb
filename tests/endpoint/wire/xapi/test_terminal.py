"""The terminal rendering. Source: protocol/xapi.md 4.4, activation-and-media.md 10.7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.terminal import configuration_lines, status_lines, unescaped

SLIDE = """\
*s Experimental CalliopeDiscovery Best 1 Cluster: "wdfw2.wdfw2.*"
*s Experimental CalliopeDiscovery Best 1 Ip: "207.182.171.212:5004"
*s Experimental CalliopeDiscovery Best 1 RTT: 32
*s Experimental CalliopeDiscovery Best 1 Transport: "udp"
*s Experimental CalliopeDiscovery Best 2 Cluster: "wdfw2.wdfw2.*"
*s Experimental CalliopeDiscovery Best 2 Ip: "207.182.188.205:5004"
*s Experimental CalliopeDiscovery Best 2 RTT: 29
*s Experimental CalliopeDiscovery Best 2 Transport: "tcp"
*s Experimental CalliopeDiscovery Best 3 Cluster: "wdfw2.wdfw2.*"
*s Experimental CalliopeDiscovery Best 3 Ip: "207.182.171.212:443"
*s Experimental CalliopeDiscovery Best 3 RTT: 32
*s Experimental CalliopeDiscovery Best 3 Transport: "xtls"
*s Experimental CalliopeDiscovery DiscoveryTimeInSec: 195
*s Experimental CalliopeDiscovery Status: "Completed"
"""


def _read(line: str) -> tuple[str, Value]:
    path, _, value = line.removeprefix("*s ").partition(": ")
    return path, value.strip('"') if value.startswith('"') else int(value)


def test_the_discovery_block_of_the_slides_comes_out_exactly() -> None:
    leaves = [(parse_path(path), value) for path, value in map(_read, SLIDE.splitlines())]
    assert status_lines(leaves) == SLIDE.splitlines()


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("Audio Volume", 50, "*s Audio Volume: 50"),
        ("Call 3 Status", "Connected", "*s Call 3 Status: Connected"),
        ("call 3 status", "Connected", "*s call 3 status: Connected"),
        ("Webex Status", "Registered", "*s Webex Status: Registered"),
        ("Diagnostics Message 4 Type", "TCPMediaFallback", "*s Diagnostics Message 4 Type: TCPMediaFallback"),
        ("Diagnostics Message 4 Level", "Warning", "*s Diagnostics Message 4 Level: Warning"),
        ("Diagnostics Message 4 References", "a=1&b=2", '*s Diagnostics Message 4 References: "a=1&b=2"'),
        ("UserInterface ContactInfo Name", "", '*s UserInterface ContactInfo Name: ""'),
        ("UserInterface ContactInfo Name", 'the "big" room', '*s UserInterface ContactInfo Name: "the \\"big\\" room"'),
        ("UserInterface ContactInfo Name", "a\\b", '*s UserInterface ContactInfo Name: "a\\\\b"'),
        ("UserInterface ContactInfo Name", "a\nb\r\tc\x00\x7f", '*s UserInterface ContactInfo Name: "a\\nb\\r\\tc\\x00\\x7f"'),
        ("UserInterface ContactInfo Name", "Größe 会議", '*s UserInterface ContactInfo Name: "Größe 会議"'),
        ("No Such Leaf", "text", '*s No Such Leaf: "text"'),
    ],
)  # fmt: skip
def test_strings_are_quoted_integers_and_words_are_bare(path: str, value: Value, line: str) -> None:
    assert status_lines([(parse_path(path), value)]) == [line]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("SystemUnit Name", "Huddle 1", '*c xConfiguration SystemUnit Name: "Huddle 1"'),
        ("CallHistory Mode", "On", "*c xConfiguration CallHistory Mode: On"),
        ("Audio DefaultVolume", 50, "*c xConfiguration Audio DefaultVolume: 50"),
    ],
)
def test_configurations_begin_with_their_verb(path: str, value: Value, line: str) -> None:
    assert configuration_lines([(parse_path(path), value)]) == [line]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_is_one_line_and_can_be_read_back(value: str) -> None:
    (line,) = status_lines([(("UserInterface", "ContactInfo", "Name"), value)])
    shown = line.removeprefix('*s UserInterface ContactInfo Name: "').removesuffix('"')
    assert not set("\n\r\x00\x1b\u2028") & set(line)
    assert unescaped(shown) == value
