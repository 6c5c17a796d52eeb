"""Help of the shell. Source: protocol/xapi.md 4.3."""

from __future__ import annotations

from endpoint.wire.xapi.calls import INTERNAL, Caller
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.query import query_of_text
from endpoint.wire.xapi.shell import VERBS
from endpoint.wire.xapi.shell_help import command_help, event_help, leaf_help, verbs_help

TABLE = nodes()
USER = Caller("u", frozenset("U"))


def test_verbs() -> None:
    assert set(VERBS) <= set(verbs_help())


def test_a_command_is_explained_argument_by_argument() -> None:
    lines = command_help(TABLE, query_of_text("Command Audio Volume Set"), INTERNAL, deep=False)
    assert lines[:2] == ["*h xCommand Audio Volume Set", "    Level(r): <0..100>"]
    dial = command_help(TABLE, query_of_text("Command Dial"), INTERNAL, deep=False)
    assert dial[0] == "*h xCommand Dial"
    assert any(line.startswith("    Number(r): <S: ") for line in dial)


def test_commands_below_a_path_and_all_of_them() -> None:
    below = command_help(TABLE, query_of_text("Command Audio Volume"), INTERNAL, deep=False)
    assert below[0] == " - User Commands -"
    assert "xCommand Audio Volume Set" in below
    assert not any("Level" in line for line in below)
    everything = command_help(TABLE, None, INTERNAL, deep=True)
    assert {f"*h xCommand {row.path}" for row in TABLE.commands} <= set(everything)
    assert " - Admin Commands -" in everything


def test_nobody_is_shown_what_is_not_for_them() -> None:
    shown = command_help(TABLE, None, USER, deep=False)
    assert " - Admin Commands -" not in shown
    assert "xCommand Dial" in shown
    assert not any("UserManagement User Add" in line for line in shown)
    assert (
        leaf_help(
            TABLE,
            "Configuration",
            query_of_text("Configuration NetworkServices"),
            Caller("", frozenset("R")),
            deep=True,
        )
        == []
    )


def test_leaves() -> None:
    def shown(text: str, *, deep: bool = False) -> list[str]:
        return leaf_help(TABLE, "Configuration", query_of_text(f"Configuration {text}"), INTERNAL, deep=deep)

    assert shown("Audio DefaultVolume") == ["*? xConfiguration Audio DefaultVolume: <0..100>"]
    assert "*? xConfiguration Audio DefaultVolume: <0..100>" in shown("Audio")
    assert "*? xConfiguration SystemUnit Name: <S: 0, 50>" in shown("// Name")
    assert "*? xConfiguration Network [n] DNS Domain Name: <S: 0, 64>" in shown("// Name")
    assert "*? xConfiguration Network [n] DNS" in shown("Network")
    assert "*? xConfiguration Network [n] DNS Domain Name: <S: 0, 64>" in shown("Network 1 DNS Domain")
    assert "*? xConfiguration Network [n] DNS Domain Name: <S: 0, 64>" in shown("Network", deep=True)
    assert shown("Nonsense") == []


def test_all_leaves_and_their_first_words() -> None:
    top = leaf_help(TABLE, "Status", None, INTERNAL, deep=False)
    assert "*? xStatus Audio" in top
    assert len(top) == len({row.path.split(" ")[0].partition("[")[0] for row in TABLE.leaves("Status")})
    assert len(leaf_help(TABLE, "Status", None, INTERNAL, deep=True)) == len(TABLE.leaves("Status"))


def test_events() -> None:
    top = event_help(TABLE, (), INTERNAL)
    assert "*es Event CallDisconnect" in top
    assert "*es Event Bookings" in top
    assert all(len(line.split(" ")) == 3 for line in top)
    bookings = event_help(TABLE, ("bookings",), INTERNAL)
    assert "*es Event Bookings Updated" in bookings
    assert "*es Event Bookings Start Id" in bookings
    assert all(line.startswith("*es Event Bookings ") for line in bookings)
    assert len(event_help(TABLE, ("*",), INTERNAL)) >= sum(max(1, len(row.fields)) for row in TABLE.events)
    assert event_help(TABLE, ("Nonsense",), INTERNAL) == []
