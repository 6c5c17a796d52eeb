"""Macros: the store is real, the engine is not there and says so. Source: protocol/xapi.md 11.1, xapi-nodes.md 6.12, 7.7."""

from __future__ import annotations

from typing import Any

import pytest
from touching import Touched

from endpoint.room import macros
from endpoint.room.macros import LOG_MAX, MESSAGE_CHARS_MAX, MODE_OFF, NO_ENGINE, Macros, SavedMacro
from endpoint.wire import codec
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import AccessDenied

ROOT = "Macros Macro"
CODE = "import xapi from 'xapi';\nxapi.Command.Dial({Number: 'æ@example.test'});\n"


class Editor(Touched):
    def __init__(self, *saved: SavedMacro, mode: str = "Off") -> None:
        super().__init__()
        self.set("Macros Mode", mode)
        self.complaints: list[tuple[str, bool]] = []
        self.macros = Macros(self.room, self.store, saved, lambda kind, holds: self.complaints.append((kind, holds)))
        self.own(self.macros)

    def save(self, *names: str) -> None:
        for name in names:
            self.call(f"{ROOT} Save", CODE, Name=name)

    def listed(self, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(f"{ROOT} Get", **arguments).get("Macro", [])
        return found


def _events(editor: Editor) -> list[tuple[str, dict[str, Any]]]:
    return [(event.removeprefix("Macros Macro "), fields) for event, fields in editor.told() if event != "Macros Log"]


def test_a_macro_is_saved_and_got() -> None:
    editor = Editor()
    editor.call(f"{ROOT} Save", CODE, name="redial", transpile=False)
    assert _events(editor) == [("Saved", {"Name": "redial"})]
    assert editor.listed() == [{"Name": "redial", "Active": "False", "id": 1}]
    assert editor.listed(Name="redial", Content="True") == [
        {"Name": "redial", "Active": "False", "Content": CODE, "id": 1}
    ]
    assert editor.kept[-1] == (SavedMacro(name="redial", content=CODE),)


def test_the_number_of_a_macro_is_its_place() -> None:
    editor = Editor()
    editor.save("a", "b", "c")
    assert [macro["id"] for macro in editor.listed(Name="b")] == [2]
    assert [macro["Name"] for macro in editor.listed()] == ["a", "b", "c"]


def test_saving_again_overwrites_unless_told_not_to() -> None:
    editor = Editor()
    editor.save("a")
    editor.call(f"{ROOT} Activate", Name="a")
    editor.call(f"{ROOT} Save", "new", Name="a")
    assert editor.listed(Content="True") == [{"Name": "a", "Active": "True", "Content": "new", "id": 1}]
    reason = editor.refused(f"{ROOT} Save", "newer", Name="a", Overwrite="False")
    assert reason == "There is a macro a; Overwrite: True replaces it"


def test_switching_on_and_off_tells_of_changes_only() -> None:
    editor = Editor()
    editor.save("a")
    _events(editor)
    for command in ("Activate", "Activate", "Deactivate", "Deactivate"):
        editor.call(f"{ROOT} {command}", Name="a")
    assert _events(editor) == [("Activated", {"Name": "a"}), ("Deactivated", {"Name": "a"})]


def test_removing_one_and_all() -> None:
    editor = Editor()
    editor.save("a", "b", "c")
    _events(editor)
    editor.call(f"{ROOT} Remove", Name="b")
    editor.call(f"{ROOT} RemoveAll")
    editor.call(f"{ROOT} RemoveAll")
    assert _events(editor) == [("Removed", {"Name": name}) for name in ("b", "a", "c")]
    assert (editor.listed(), editor.kept[-1]) == ([], ())


def test_renaming_keeps_the_place_and_the_switch() -> None:
    editor = Editor()
    editor.save("a", "b", "c")
    editor.call(f"{ROOT} Activate", Name="a")
    _events(editor)
    editor.call(f"{ROOT} Rename", Name="a", NewName="a")
    editor.call(f"{ROOT} Rename", Name="a", NewName="z")
    assert _events(editor) == [("Renamed", {"Name": "a", "NewName": "z"})]
    assert [(macro["Name"], macro["Active"]) for macro in editor.listed()][:2] == [("z", "True"), ("b", "False")]
    assert "Overwrite: True" in editor.refused(f"{ROOT} Rename", Name="z", NewName="c")
    editor.call(f"{ROOT} Rename", Name="z", NewName="c", Overwrite="True")
    assert [(macro["Name"], macro["Active"]) for macro in editor.listed()] == [("c", "True"), ("b", "False")]


@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        ("Get", {"Name": "x"}, "No macro x"),
        ("Remove", {"Name": "x"}, "No macro x"),
        ("Activate", {"Name": "x"}, "No macro x"),
        ("Deactivate", {"Name": "A"}, "No macro A"),
        ("Rename", {"Name": "x", "NewName": "y"}, "No macro x"),
        ("Rename", {"Name": "a", "NewName": ""}, "A macro needs a name"),
        ("Save", {"Name": " "}, "A macro needs a name"),
    ],
)
def test_what_cannot_be_done(command: str, arguments: dict[str, str], reason: str) -> None:
    editor = Editor()
    editor.save("a")
    assert editor.refused(f"{ROOT} {command}", **arguments) == reason


def test_macros_survive_a_restart_and_a_full_disk_changes_nothing() -> None:
    editor = Editor()
    editor.save("a", "b")
    editor.call(f"{ROOT} Activate", Name="b")
    again = Editor(*codec.decode(codec.encode(editor.kept[-1]), tuple[SavedMacro, ...]))
    assert again.listed(Content="True") == editor.listed(Content="True")
    editor.is_disk_full = True
    for command, arguments in (
        ("Save", {"Name": "c"}),
        ("Remove", {"Name": "a"}),
        ("RemoveAll", {}),
        ("Rename", {"Name": "a", "NewName": "c"}),
        ("Activate", {"Name": "a"}),
    ):
        assert "No space left" in editor.refused(f"{ROOT} {command}", **arguments)
    assert [macro["Name"] for macro in editor.listed()] == ["a", "b"]


def test_number_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = Editor()
    assert "at most 524288" in editor.refused(f"{ROOT} Save", "x" * 524_289, Name="a")
    for name in "abcd":
        editor.call(f"{ROOT} Save", "x" * 524_280, Name=name)
    assert editor.refused(f"{ROOT} Save", "x" * 1000, Name="e") == "All macros together take at most 2097152 bytes"
    monkeypatch.setattr(macros, "MACROS_MAX", 4)
    assert editor.refused(f"{ROOT} Save", "", Name="e") == "At most 4 macros can be saved"


@pytest.mark.parametrize(("mode", "reason"), [("Off", MODE_OFF), ("On", NO_ENGINE)])
@pytest.mark.parametrize("command", ["Start", "Restart"])
def test_the_runtime_does_not_start_and_says_why(command: str, mode: str, reason: str) -> None:
    editor = Editor(mode=mode)
    editor.save("a")
    editor.call(f"{ROOT} Activate", Name="a")
    assert editor.refused(f"Macros Runtime {command}") == reason
    assert editor.call("Macros Runtime Status") == {"Running": "False", "ActiveMacros": 1, "Crashes": 0}
    assert editor.call("Macros Log Get")["Log"][-1]["Message"] == reason
    assert editor.call("Macros Runtime Stop") == {}


def test_macros_that_should_run_and_do_not_are_complained_about() -> None:
    editor = Editor()
    editor.save("a")
    editor.call(f"{ROOT} Activate", Name="a")
    assert editor.complaints[-1] == ("MacrosRuntimeStopped", False)
    editor.set("Macros Mode", "On")
    assert editor.complaints[-1] == ("MacrosRuntimeStopped", True)
    editor.call(f"{ROOT} Deactivate", Name="a")
    assert editor.complaints[-1] == ("MacrosRuntimeStopped", False)
    again = Editor(SavedMacro(name="a", content="", is_active=True), mode="On")
    assert again.complaints == [("MacrosRuntimeStopped", True)]


def test_the_log_tells_what_happened_and_can_be_read_from_an_offset() -> None:
    editor = Editor()
    editor.save("a")
    editor.time.pass_by(2.5)
    editor.call(f"{ROOT} Activate", Name="a")
    editor.macros.log("Warn", "a", "x" * 2_000)
    entries = editor.call("Macros Log Get")["Log"]
    assert [(entry["Offset"], entry["Level"], entry["Macro"], entry["Message"][:9]) for entry in entries] == [
        (0, "Info", "a", "Saved"),
        (1, "Info", "a", "Activated"),
        (2, "Warn", "a", "xxxxxxxxx"),
    ]
    assert (entries[1]["Timestamp"], len(entries[2]["Message"])) == ("2026-03-02T08:50:02.500Z", MESSAGE_CHARS_MAX)
    assert [entry["Offset"] for entry in editor.call("Macros Log Get", Offset=2)["Log"]] == [2]
    logged = [fields for event, fields in editor.told() if event == "Macros Log"]
    assert [{**fields, "id": fields["Offset"] + 1} for fields in logged] == entries
    editor.call("Macros Log Clear")
    assert editor.call("Macros Log Get") == {}
    editor.macros.log("Log", "", "after")
    assert [entry["Offset"] for entry in editor.call("Macros Log Get")["Log"]] == [3]


def test_the_log_is_bounded() -> None:
    editor = Editor()
    for _ in range(LOG_MAX + 5):
        editor.macros.log("Log", "a", "x")
    entries = editor.call("Macros Log Get")["Log"]
    assert (len(entries), entries[0]["Offset"]) == (LOG_MAX, 5)


def test_macros_are_for_administrators() -> None:
    with pytest.raises(AccessDenied):
        Editor().call(f"{ROOT} Get", None, Caller("u", frozenset("IUR")))
