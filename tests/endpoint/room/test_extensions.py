"""Panels, pages and widgets. Source: protocol/xapi.md 10.3, xapi-nodes.md 4.27, 6.20, 7.12."""

from __future__ import annotations

import pytest
from desk import LAYOUT, REMOVE, ROOT, SAVE, SET, VALUE, Desk, document, panel, widget
from touching import ghosts

from endpoint.room import extensions
from endpoint.room.extensions import SavedPanel
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.jsonform import typed

# -- saving --


def test_the_panel_of_the_acceptance_dialogue() -> None:
    desk = Desk()
    desk.call(SAVE, "<Extensions>\n<Panel><Name>æøå</Name></Panel>\n</Extensions>", PanelId="p1")
    assert desk.told() == [LAYOUT]
    assert desk.call(f"{ROOT} List") == {
        "Extensions": {"Version": "1.11", "Panel": [{"PanelId": "p1", "Name": "æøå", "id": 1}]}
    }


def test_the_panel_id_of_the_argument_wins() -> None:
    desk = Desk()
    desk.call(SAVE, document(panel(panel_id="inside")), PanelId="outside")
    assert list(desk.extensions.panels) == ["outside"]
    assert desk.kept[-1][0].xml.startswith("<Panel><PanelId>outside</PanelId>")


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "<Extensions>",
        "<Extensions><Panel></Extensions>",
        "<Panel/>",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><Extensions><Panel><Name>&a;&a;</Name></Panel></Extensions>',
        f"<Extensions>{'<a>' * 20}{'</a>' * 20}</Extensions>",
        f"<Extensions><Panel><Name>{'x' * 300_000}</Name></Panel></Extensions>",
    ],
)
@pytest.mark.parametrize(("command", "arguments"), [(SAVE, {"PanelId": "p"}), (SET, {"ConfigId": "1"})])
def test_broken_xml_is_refused_in_the_observed_words_and_the_log_says_why(
    command: str, arguments: dict[str, str], body: str | None
) -> None:
    desk = Desk()
    desk.save("before", widget("w"))
    assert desk.refused(command, body, **arguments) == "Failed to parse xml"
    assert "UserInterface W: extensions not saved: " in desk.room.world.log.lines[-1]


@pytest.mark.parametrize("panels", [(), (panel(), panel())])
def test_panel_save_takes_one_panel(panels: tuple[str, ...]) -> None:
    assert Desk().refused(SAVE, document(*panels), PanelId="p") == (
        f"Panel Save takes one Panel element, and got {len(panels)}"
    )


def test_widgets_appear_together_with_empty_values() -> None:
    desk = Desk()
    desk.save("p", widget("a"), widget("b", "Slider"), widget("a", "Text"))
    assert len(desk.changes) == 1
    assert desk.widgets == {"1 WidgetId": "a", "1 Value": "", "2 WidgetId": "b", "2 Value": ""}


def test_a_widget_keeps_its_number_and_its_value_while_a_panel_has_it() -> None:
    desk = Desk()
    desk.save("p", widget("a"), widget("b"))
    desk.call(VALUE, WidgetId="b", Value="on")
    desk.changes.clear()
    desk.save("p", widget("b"), widget("c"))
    assert desk.widgets == {"2 WidgetId": "b", "2 Value": "on", "3 WidgetId": "c", "3 Value": ""}
    (change,) = desk.changes
    assert {path[3] for path in ghosts(change)} == {1}
    desk.save("q", widget("b"))
    desk.call(REMOVE, PanelId="p")
    assert desk.widgets == {"2 WidgetId": "b", "2 Value": "on"}
    desk.call(REMOVE, PanelId="q")
    desk.save("p", widget("b"))
    assert desk.widgets == {"4 WidgetId": "b", "4 Value": ""}


def test_a_value_that_does_not_fit_the_changed_widget_is_dropped() -> None:
    desk = Desk()
    desk.save("p", widget("a"))
    desk.call(VALUE, WidgetId="a", Value="on")
    desk.save("p", widget("a", "Slider"))
    assert desk.widgets == {"1 WidgetId": "a", "1 Value": ""}


def test_panel_remove() -> None:
    desk = Desk()
    assert desk.refused(REMOVE, PanelId="p") == "No panel p"
    desk.save("p", widget("a"))
    desk.told()
    desk.call(REMOVE, PanelId="p")
    assert (desk.widgets, desk.extensions.panels, desk.kept[-1], desk.told()) == ({}, {}, (), [LAYOUT])


def test_set_replaces_all_panels() -> None:
    desk = Desk()
    desk.save("old", widget("a"), widget("b"))
    desk.told()
    panels = document(panel(widget("b"), panel_id="x"), panel(widget("c"), panel_id="y"))
    desk.call(SET, panels, ConfigId="1")
    assert (list(desk.extensions.panels), desk.told()) == (["x", "y"], [LAYOUT])
    assert desk.widgets == {"2 WidgetId": "b", "2 Value": "", "3 WidgetId": "c", "3 Value": ""}
    desk.call(SET, document(), ConfigId="1")
    assert desk.extensions.panels == {}


@pytest.mark.parametrize(
    ("panels", "reason"),
    [
        ((panel(panel_id="x"), panel(panel_id="x")), "Two panels have the same PanelId"),
        ((panel(panel_id="x"), panel()), "Not saved: a Panel without PanelId"),
    ],
)
def test_set_is_all_or_nothing(panels: tuple[str, ...], reason: str) -> None:
    desk = Desk()
    desk.save("p", widget("a"))
    assert desk.refused(SET, document(*panels), ConfigId="1") == reason


def test_clear_and_list_by_activity_type() -> None:
    desk = Desk()
    desk.save("a")
    desk.save("b", more="<ActivityType>WebWidget</ActivityType>")
    desk.save("c", more="<ActivityType>Custom</ActivityType>")

    def listed(**arguments: str) -> list[str]:
        panels = desk.call(f"{ROOT} List", **arguments)["Extensions"].get("Panel", [])
        return [shown["PanelId"] for shown in panels]

    assert (listed(), listed(ActivityType="WebWidget")) == (["a", "b", "c"], ["b"])
    desk.call(f"{ROOT} Clear", ActivityType="Custom")
    assert listed() == ["b"]
    desk.told()
    desk.call(f"{ROOT} Clear")
    assert (listed(), desk.told()) == ([], [LAYOUT])
    desk.call(f"{ROOT} Clear")
    assert desk.told() == []


def test_update_changes_the_button_alone() -> None:
    desk = Desk()
    desk.save("p", widget("a"), more="<Icon>Home</Icon>")
    desk.call(VALUE, WidgetId="a", Value="on")
    desk.told()
    update = {"Color": "#ff0000", "Icon": "custom", "IconId": "i", "Name": "Ny", "Visibility": "Hidden"}
    desk.call(f"{ROOT} Panel Update", PanelId="p", **update)
    (shown,) = desk.call(f"{ROOT} List")["Extensions"]["Panel"]
    assert {**shown, "Page": []} == {
        "PanelId": "p",
        "Name": "Ny",
        "Icon": "Custom",
        "Color": "#ff0000",
        "Visibility": "Hidden",
        "CustomIcon": {"Id": "i"},
        "Page": [],
        "id": 1,
    }
    assert (desk.widgets, desk.told()) == ({"1 WidgetId": "a", "1 Value": "on"}, [])
    assert "Ny" in desk.kept[-1][0].xml
    assert desk.refused(f"{ROOT} Panel Update", PanelId="q", Name="x") == "No panel q"


@pytest.mark.parametrize("panel_id", ["\x01", "a\ufffe", " \n"])
def test_a_panel_id_that_xml_cannot_hold(panel_id: str) -> None:
    desk = Desk()
    assert desk.refused(SAVE, document(panel()), PanelId=panel_id).startswith("Not saved: ")
    desk.save("p")
    if panel_id.strip():
        assert desk.refused(f"{ROOT} Panel Update", PanelId="p", Name=panel_id).startswith("Not saved: ")


def test_blanks_around_a_panel_id_do_not_count() -> None:
    desk = Desk()
    desk.save(" p\t")
    desk.call(f"{ROOT} Panel Clicked", PanelId="p ")
    assert list(desk.extensions.panels) == ["p"]


def test_what_grows_too_large_when_it_is_written_is_refused() -> None:
    body = document(panel(more=f"<Custom>{'>' * 80_000}</Custom>"))
    assert "at most 262144" in Desk().refused(SAVE, body, PanelId="p")


def test_what_clients_hear() -> None:
    desk = Desk()
    desk.listen("/Status/UserInterface")
    desk.listen("/Event/UserInterface/Extensions")
    desk.save("p", widget("a"))
    desk.call(REMOVE, PanelId="p")
    heard = [typed(notice.leaves, event=notice.event) for notice in desk.notices]
    shown, layout, ghost, _ = heard
    assert shown == {"Status": {"UserInterface": {"Extensions": {"Widget": [{"WidgetId": "a", "Value": "", "id": 1}]}}}}
    assert layout == {"Event": {"UserInterface": {"Extensions": {"Widget": {"LayoutUpdated": {"id": 1}}}}}}
    assert ghost == {"Status": {"UserInterface": {"Extensions": {"Widget": [{"ghost": "True", "id": 1}]}}}}


# -- what survives --


def test_panels_survive_a_restart_and_values_do_not() -> None:
    desk = Desk()
    desk.save("p", widget("a"), more="<CustomIcon><Content>QUJD</Content></CustomIcon>")
    desk.call(VALUE, WidgetId="a", Value="on")
    before = desk.call(f"{ROOT} List")
    saved = codec.decode(codec.encode(desk.kept[-1]), tuple[SavedPanel, ...])
    again = Desk(*saved)
    assert again.call(f"{ROOT} List") == before
    assert (again.widgets, again.told()) == ({"1 WidgetId": "a", "1 Value": ""}, [])


@pytest.mark.parametrize("xml", ["", "<Panel/>", "<Page/>", "<Panel><PanelId>a</PanelId>"])
def test_a_damaged_panel_in_the_state_file_is_told_where_it_is(xml: str) -> None:
    with pytest.raises(RemoteProtocolError) as error:
        codec.decode(codec.encode([{"xml": xml}]), tuple[SavedPanel, ...], "file")
    assert error.value.where == "file[0]"


def test_a_full_disk_changes_nothing() -> None:
    desk = Desk()
    desk.save("p", widget("a"))
    desk.is_disk_full = True
    for command, body, arguments in (
        (SAVE, document(panel(widget("b"))), {"PanelId": "q"}),
        (SET, document(), {"ConfigId": "1"}),
        (REMOVE, None, {"PanelId": "p"}),
        (f"{ROOT} Clear", None, {}),
        (f"{ROOT} Panel Update", None, {"PanelId": "p", "Name": "x"}),
    ):
        assert "No space left" in desk.refused(command, body, **arguments)
    assert desk.extensions.panels["p"].element.child("Name") == "Blåbær"


# -- bounds --


def test_the_number_of_panels_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "PANELS_MAX", 2)
    desk = Desk()
    desk.save("a")
    desk.save("b")
    assert desk.refused(SAVE, document(panel()), PanelId="c") == "At most 2 panels can be saved"
    desk.save("b", widget("w"))


def test_the_number_of_widgets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "WIDGETS_MAX", 2)
    desk = Desk()
    desk.save("a", widget("a"), widget("b"))
    assert desk.refused(SAVE, document(panel(widget("c"))), PanelId="c") == "At most 2 widgets can be saved"
    desk.save("c", widget("a"))


def test_the_size_of_all_panels_is_bounded() -> None:
    desk = Desk()
    icon = f"<CustomIcon><Content>{'A' * 250_000}</Content></CustomIcon>"
    for name in "abcd":
        desk.save(name, more=icon)
    reason = desk.refused(SAVE, document(panel(more=icon)), PanelId="e")
    assert reason == "All panels together take at most 1048576 bytes"


# -- pages --


def test_a_click_is_told_and_opens_the_first_page() -> None:
    desk = Desk()
    desk.save("p")
    desk.save("button", page="")
    desk.told()
    desk.call(f"{ROOT} Panel Clicked", PanelId="p", Origin="OSD", PeripheralId="x")
    assert desk.extensions.opened == ("p", "page_1")
    desk.extensions.click_panel("button")
    assert desk.told() == [
        (f"{ROOT} Panel Clicked", {"PanelId": "p", "Origin": "OSD", "PeripheralId": "x"}),
        (f"{ROOT} Page Action", {"PageId": "page_1", "Type": "Opened"}),
        (f"{ROOT} Panel Clicked", {"PanelId": "button", "Origin": "Controller"}),
    ]


def test_pages_open_and_close() -> None:
    desk = Desk()
    desk.call(
        SAVE,
        document("<Panel><Page><PageId>a</PageId></Page><Page><PageId>b</PageId></Page></Panel>"),
        PanelId="p",
    )
    desk.told()
    desk.call(f"{ROOT} Panel Open", PanelId="p", PageId="b")
    desk.call(f"{ROOT} Panel Open", PanelId="p", PageId="b")
    desk.call(f"{ROOT} Panel Open", PanelId="p")
    desk.call(f"{ROOT} Panel Close")
    desk.call(f"{ROOT} Panel Close")
    assert [(fields["Type"], fields["PageId"]) for _, fields in desk.told()] == [
        ("Opened", "b"),
        ("Closed", "b"),
        ("Opened", "a"),
        ("Closed", "a"),
    ]
    assert desk.refused(f"{ROOT} Panel Open", PanelId="p", PageId="c") == "The panel p has no page c; it has: a, b"
    desk.save("q", page="")
    assert desk.refused(f"{ROOT} Panel Open", PanelId="q") == "The panel q has no page to open"
    assert desk.refused(f"{ROOT} Panel Open", PanelId="r") == "No panel r"


def test_people_turn_pages_and_leave() -> None:
    desk = Desk()
    desk.call(
        SAVE, document("<Panel><Page><PageId>a</PageId></Page><Page><PageId>b</PageId></Page></Panel>"), PanelId="p"
    )
    with pytest.raises(CommandFailed, match="No panel with a page a is open"):
        desk.extensions.turn_page("a")
    desk.extensions.click_panel("p")
    desk.extensions.turn_page("b")
    with pytest.raises(CommandFailed, match="No panel with a page c is open"):
        desk.extensions.turn_page("c")
    assert desk.extensions.opened == ("p", "b")
    desk.extensions.leave_panel()
    desk.extensions.leave_panel()
    assert desk.extensions.opened is None


def test_what_is_open_closes_when_it_goes() -> None:
    desk = Desk()
    desk.save("p")
    desk.call(f"{ROOT} Panel Open", PanelId="p")
    desk.told()
    desk.save("p", widget("a"))
    assert (desk.extensions.opened, desk.told()) == (("p", "page_1"), [LAYOUT])
    desk.save("p", page="other")
    assert desk.told() == [(f"{ROOT} Page Action", {"PageId": "page_1", "Type": "Closed"}), LAYOUT]
    assert desk.extensions.opened is None


def test_a_page_without_an_id_opens_silently() -> None:
    desk = Desk()
    desk.call(SAVE, document("<Panel><Page><Name>x</Name></Page></Panel>"), PanelId="p")
    desk.told()
    desk.call(f"{ROOT} Panel Open", PanelId="p")
    assert (desk.extensions.opened, desk.told()) == (("p", ""), [])


def test_nobody_clicks_what_is_hidden_or_not_there() -> None:
    desk = Desk()
    desk.save("p", more="<Visibility>Hidden</Visibility>")
    desk.told()
    with pytest.raises(CommandFailed, match="The panel p is hidden"):
        desk.extensions.click_panel("p")
    with pytest.raises(CommandFailed, match="No panel q"):
        desk.extensions.click_panel("q")
    assert desk.told() == []


# -- widgets --


def test_set_value_changes_the_status_and_is_no_action() -> None:
    desk = Desk()
    desk.save("p", widget("a"))
    desk.told()
    desk.changes.clear()
    desk.call(VALUE, WidgetId="a", Value="ON")
    assert desk.changes == [{("UserInterface", "Extensions", "Widget", 1, "Value"): "on"}]
    assert (desk.told(), desk.extensions.value("a"), desk.extensions.value("b")) == ([], "on", "")
    desk.call(VALUE, WidgetId="a", Value="on")
    assert len(desk.changes) == 1
    desk.call(f"{ROOT} Widget UnsetValue", WidgetId="a")
    assert desk.extensions.value("a") == ""


@pytest.mark.parametrize(
    ("kind", "value", "shows"),
    [
        ("ToggleButton", "off", "off"),
        ("ToggleButton", "1", None),
        ("Button", "Active", "active"),
        ("IconButton", "inactive", "inactive"),
        ("Button", "on", None),
        ("Slider", "0", "0"),
        ("Slider", "255", "255"),
        ("Slider", "007", "7"),
        ("Slider", "256", None),
        ("Slider", "-1", None),
        ("Slider", "٣", None),
        ("GroupButton", "day", "day"),
        ("GroupButton", "Day", None),
        ("GroupButton", "", ""),
        ("Spinner", "21.5 °C", "21.5 °C"),
        ("Text", "anything", "anything"),
        ("SomethingNew", "anything", "anything"),
    ],
)
def test_the_values_of_the_types(kind: str, value: str, shows: str | None) -> None:
    desk = Desk()
    desk.save("p", widget("a", kind, "day", "night"))
    if shows is None:
        assert desk.refused(VALUE, WidgetId="a", Value=value) == f"{value!r} is no value of the {kind} a"
    else:
        desk.call(VALUE, WidgetId="a", Value=value)
        assert desk.extensions.value("a") == shows


@pytest.mark.parametrize("command", ["SetValue", "UnsetValue", "Action"])
def test_a_widget_must_be_there(command: str) -> None:
    more = {} if command == "UnsetValue" else {"Value": "on"}
    more |= {"Type": "Changed"} if command == "Action" else {}
    assert Desk().refused(f"{ROOT} Widget {command}", WidgetId="a", **more) == "No widget a"


@pytest.mark.parametrize(
    ("kind", "action", "value", "shows"),
    [
        ("ToggleButton", "Changed", "on", "on"),
        ("Slider", "Pressed", "10", ""),
        ("Slider", "Changed", "20", "20"),
        ("Slider", "Released", "30", "30"),
        ("GroupButton", "Pressed", "day", "day"),
        ("Button", "Clicked", "", ""),
        ("Spinner", "Clicked", "increment", ""),
        ("DirectionalPad", "Released", "up", ""),
    ],
)
def test_actions_are_told_and_some_leave_their_value(kind: str, action: str, value: str, shows: str) -> None:
    desk = Desk()
    desk.save("p", widget("a", kind, "day", "night"))
    desk.told()
    desk.extensions.widget_action("a", action, value)
    desk.call(f"{ROOT} Widget Action", WidgetId="a", Type=action.lower(), Value=value, PeripheralId="x")
    told = {"WidgetId": "a", "Type": action.lower(), "Value": value}
    assert desk.told() == [
        (f"{ROOT} Widget Action", {**told, "Origin": "Controller"}),
        (f"{ROOT} Widget Action", {**told, "PeripheralId": "x"}),
    ]
    assert desk.extensions.value("a") == shows


def test_people_do_only_what_a_widget_can() -> None:
    desk = Desk()
    desk.save("p", widget("a", "Slider"))
    desk.told()
    with pytest.raises(CommandFailed, match="No action Shaken"):
        desk.extensions.widget_action("a", "Shaken")
    with pytest.raises(CommandFailed, match="no value of the Slider a"):
        desk.extensions.widget_action("a", "Changed", "999")
    assert desk.told() == []
