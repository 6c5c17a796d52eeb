"""The XML of panels: what is read, what is refused, and that nothing else can happen. Source: protocol/xapi.md 10.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.room import panelxml
from endpoint.room.panelxml import (
    DEPTH_MAX,
    ELEMENTS_MAX,
    XML_BYTES_MAX,
    Element,
    Widget,
    panel_of,
    panels_in,
    parse,
    read_panel,
    shown,
    write,
)
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.jsonform import strings, typed
from endpoint.wire.xapi.leaves import flatten

PANEL = """<?xml version="1.0" encoding="iso-8859-1"?>
<!-- from the editor -->
<Extensions>
  <Version>1.11</Version>
  <Panel item="1">
    <PanelId>lights</PanelId>
    <Icon>Lightbulb</Icon>
    <Name>Lys og skygge – æøå</Name>
    <Page>
      <Name>Room</Name>
      <PageId>page_1</PageId>
      <Row>
        <Name>Row &amp; more</Name>
        <Widget><WidgetId>dimmer</WidgetId><Type>Slider</Type><Options>size=2</Options></Widget>
        <Widget>
          <WidgetId>scene</WidgetId><Type>GroupButton</Type>
          <ValueSpace><Value><Key>day</Key><Name>Day</Name></Value><Value><Key>night</Key></Value></ValueSpace>
        </Widget>
      </Row>
    </Page>
  </Panel>
</Extensions>"""


def test_a_panel_of_the_editor() -> None:
    (element,) = panels_in(PANEL)
    panel = panel_of(element)
    assert (panel.panel_id, panel.pages, panel.activity, panel.is_hidden) == ("lights", ("page_1",), "Custom", False)
    assert panel.element.child("Name") == "Lys og skygge – æøå"
    assert dict(panel.widgets) == {
        "dimmer": Widget("dimmer", "Slider", ()),
        "scene": Widget("scene", "GroupButton", ("day", "night")),
    }
    assert read_panel(panel.xml) == panel


def test_a_panel_as_the_result_of_a_command() -> None:
    row = {
        "Name": "Row & more",
        "Widget": [
            {"WidgetId": "dimmer", "Type": "Slider", "Options": "size=2"},
            {
                "WidgetId": "scene",
                "Type": "GroupButton",
                "ValueSpace": {"Value": [{"Key": "day", "Name": "Day"}, {"Key": "night"}]},
            },
        ],
    }
    assert shown(panels_in(PANEL)[0]) == {
        "PanelId": "lights",
        "Icon": "Lightbulb",
        "Name": "Lys og skygge – æøå",
        "Page": [{"Name": "Room", "PageId": "page_1", "Row": [row]}],
    }


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("<a/>", Element("a")),
        ("\ufeff\n <a> b </a>\n", Element("a", "b")),
        ("<a>x<b/>y</a>", Element("a", "", (Element("b"),))),
        ("<a><![CDATA[<&>]]></a>", Element("a", "<&>")),
        ("<a>&#xe6;&lt;&quot;</a>", Element("a", 'æ<"')),
        ("<a>1\r\n2</a>", Element("a", "1\n2")),
        ("<a>1&#13;2</a>", Element("a", "1\r2")),
        ("<?go now?><a><!-- b --></a>", Element("a")),
    ],
)
def test_what_is_kept_of_a_document(text: str, element: Element) -> None:
    assert parse(text) == element
    assert parse(write(element)) == element


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element found"),
        ("lights", "syntax error"),
        ("<a>", "line 1, column 4: no element found"),
        ("<a>\n<b></a>", "line 2, column 6: mismatched tag"),
        ("<a></a><b/>", "junk after document element"),
        ("<a>&nbsp;</a>", "undefined entity"),
        ("<a>\x00</a>", "not well-formed"),
        ("<a>\ud800</a>", "lone surrogate"),
        ("<!DOCTYPE a><a/>", "a document type"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "a document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a document type"),
        ("<a:b/>", "'a:b'"),
        ("<æ/>", "'æ'"),
        (f"<{'a' * 65}/>", "up to 64 ASCII letters"),
        ("<a>" * (DEPTH_MAX + 1) + "</a>" * (DEPTH_MAX + 1), "nested more than"),
        (f"<a>{'<b/>' * ELEMENTS_MAX}</a>", "more than 5000 elements"),
        (f"<a>{'x' * XML_BYTES_MAX}</a>", "bytes of XML"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        parse(text)


def test_the_greatest_document_that_is_taken() -> None:
    deep = "<a>" * DEPTH_MAX + "</a>" * DEPTH_MAX
    wide = f"<a>{'<b/>' * (ELEMENTS_MAX - 1)}</a>"
    long = f"<a>{'x' * (XML_BYTES_MAX - 7)}</a>"
    assert [parse(text).name for text in (deep, wide, long)] == ["a", "a", "a"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<Panel><PanelId>a</PanelId></Panel>", "Extensions is expected"),
        ("<Extensions><Panel/></Extensions>", "without PanelId"),
        (f"<Extensions><Panel><PanelId>{'æ' * 128}</PanelId></Panel></Extensions>", "more than 255 bytes"),
        (
            f"<Extensions><Panel><PanelId>a</PanelId><Widget><WidgetId>{'w' * 256}</WidgetId></Widget></Panel></Extensions>",
            "more than 255 bytes",
        ),
    ],
)
def test_documents_that_are_no_panels(text: str, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        [panel_of(element) for element in panels_in(text)]


def test_a_child_is_set_in_its_place_or_before_all_others() -> None:
    element = parse("<a><b>1</b><c>2</c><b>3</b></a>")
    assert write(element.put("c", "9")) == "<a><b>1</b><c>9</c><b>3</b></a>"
    assert write(element.put("b", "9")) == "<a><b>9</b><c>2</c><b>3</b></a>"
    assert write(element.put("d", Element("e", "9"))) == "<a><d><e>9</e></d><b>1</b><c>2</c><b>3</b></a>"
    assert write(Element("a", "text").put("b", "1")) == "<a><b>1</b></a>"


_XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))
_NAMES = st.sampled_from(
    ["Panel", "PanelId", "Page", "PageId", "Row", "Widget", "WidgetId", "Value", "Key", "id", "x-1"]
)
_LEAVES = st.builds(lambda name, text: Element(name, text.strip(" \t\r\n")), _NAMES, _XML_TEXT)
_ELEMENTS = st.recursive(
    _LEAVES,
    lambda inner: st.builds(
        lambda name, some: Element(name, "", tuple(some)), _NAMES, st.lists(inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(_ELEMENTS)
def test_what_is_written_is_read_again(element: Element) -> None:
    assert parse(write(element)) == element


@given(_ELEMENTS)
def test_every_element_can_be_shown_in_every_rendering(element: Element) -> None:
    leaves = flatten(shown(element))
    assert len(leaves) <= sum(1 for _ in _all(element))
    typed(leaves)
    strings(leaves)


def _all(element: Element) -> list[Element]:
    return [element, *(found for child in element.children for found in _all(child))]


@given(st.text(max_size=60) | st.text("<>/&;!?[]ab \"'=#x1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        element = parse(text)
    except LocalProtocolError:
        return
    assert parse(write(element)) == element


@given(st.integers(0, len(PANEL)), st.integers(0, 8), st.text("<>/&;![]aP \n\0æ", max_size=4))
def test_a_damaged_panel_is_read_or_refused(at: int, cut: int, new: str) -> None:
    damaged = PANEL[:at] + new + PANEL[at + cut :]
    try:
        panels = [panel_of(element) for element in panels_in(damaged)]
    except LocalProtocolError:
        return
    for panel in panels:
        assert read_panel(panel.xml) == panel
        assert len(panel.widgets) <= 2
        typed(flatten(shown(panel.element)))


def test_names_of_the_bounds_are_what_commands_take() -> None:
    assert panelxml.NAME_BYTES_MAX == 255
