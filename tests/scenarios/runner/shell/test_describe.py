"""What `?` says. Source: protocol/xapi.md 4.3."""

from __future__ import annotations

import pytest

from endpoint.wire.xapi.nodes import Branch, nodes
from endpoint.wire.xapi.paths import Path, parse_path
from scenarios.runner.shell.describe import describe, overview
from scenarios.runner.shell.lines import VERBS, LineError

TABLE = nodes()


def test_overview_names_every_verb() -> None:
    text = "\n".join(overview())
    assert all(verb.name in text for verb in VERBS)


def test_words_below_a_path() -> None:
    out = describe(TABLE, "Status", ("audio",))
    assert out[0] == "*h xStatus Audio"
    assert "  Volume            <Integer>" in out
    assert "  Microphones       4 below" in out


def test_list_says_which_elements_it_can_have() -> None:
    assert describe(TABLE, "Status", ("Call",))[1].split() == ["[n]", "an", "element:", "any", "number"]
    assert describe(TABLE, "Configuration", ("Network",))[1].split() == ["[n]", "an", "element:", "1"]
    assert "[n]" not in describe(TABLE, "Status", ("Call", 3))[1]


def test_leaf() -> None:
    assert describe(TABLE, "Configuration", ("Audio", "DefaultVolume")) == [
        "*h xConfiguration Audio DefaultVolume: <0..100>",
        "  read by Admin, Integrator, User; set by Admin, Integrator, User; default 50",
        "  acts on: volume at boot and for SetToDefault",
        "  documented",
    ]


def test_command_with_arguments_and_roles() -> None:
    assert describe(TABLE, "Command", ("Audio", "Volume", "Set")) == [
        "*h xCommand Audio Volume Set",
        "  Level(r): <0..100>",
        "  Device:   <Internal/HeadsetBluetooth/HeadsetUSB/HandsetUSB>",
        "  for Admin, Integrator, User; observed",
    ]
    assert "  then the lines of its body, up to a line with a single ." in describe(
        TABLE, "Command", ("Bookings", "Put")
    )


def test_event_says_how_to_be_told() -> None:
    out = describe(TABLE, "Event", ("CallDisconnect",))
    assert out[0] == "*h xEvent CallDisconnect"
    assert out[-1].endswith("xFeedback Register /Event/CallDisconnect")


@pytest.mark.parametrize("branch", ["Status", "Configuration", "Command", "Event"])
def test_all_the_way_down_names_everything(branch: Branch) -> None:
    text = "\n".join(describe(TABLE, branch, (), is_deep=True))
    assert all(path in text for path in TABLE.paths(branch))


def test_deep_below_a_word() -> None:
    out = describe(TABLE, "Configuration", ("Standby",), is_deep=True)
    assert "*h xConfiguration Standby Control: <Off/On>" in out
    assert all(line.startswith("*h xConfiguration Standby ") for line in out)


@pytest.mark.parametrize(
    ("branch", "path", "why"),
    [
        ("Status", ("Audo",), "Status has no 'Audo'; nearest: Audio"),
        ("Status", ("Audio", "Volume", "Deeper"), "there is nothing below Status Audio Volume"),
        ("Status", ("CauseCode",), "did you mean|it has|nearest"),
        ("Command", ("Set",), "did you mean .*Set"),
        ("Status", ("Qqq",), "it has Audio, .* and \\d+ more"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(branch: Branch, path: Path, why: str) -> None:
    with pytest.raises(LineError, match=why):
        describe(TABLE, branch, path)


def test_every_path_of_the_table_can_be_described() -> None:
    for branch in ("Status", "Configuration", "Command", "Event"):
        for text in TABLE.paths(branch):
            path = parse_path(text.replace("[n]", "[1]"))
            for depth in range(1, len(path) + 1):
                assert describe(TABLE, branch, path[:depth])[0].startswith("*h ")
