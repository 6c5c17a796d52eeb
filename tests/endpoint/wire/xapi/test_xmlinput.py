"""XML of clients: limits, hostile documents, and what a putxml document asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi import xmlinput
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.xmlinput import DEPTH_MAX, DOCUMENT_BYTES_MAX, ELEMENTS_MAX, Call, Change, Put

LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10)
)


def asked(document: str) -> Put:
    """Return what a putxml document asks for."""
    return xmlinput.put(xmlinput.read(document.encode()), nodes())


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "no element found"),
        ("hello", "syntax error"),
        ("<a>", "no element found"),
        ("<a></b>", "mismatched tag"),
        ("<a/><b/>", "junk after document element"),
        ("<a>&nbsp;</a>", "undefined entity"),
        ("<a b='1' b='2'/>", "duplicate attribute"),
        ("<a>\x00</a>", "not well-formed"),
        (f"{LAUGHS}]><x>&k;</x>", "no document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "no document type"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "no document type"),
        ('<!DOCTYPE x [<!ENTITY % e SYSTEM "http://x.test/e">%e;]><x/>', "no document type"),
        ("<!DOCTYPE x><x/>", "no document type"),
        ("<a>" * (DEPTH_MAX + 1), f"at most {DEPTH_MAX} deep"),
        ("<a>" * 100_000, f"at most {DEPTH_MAX} deep"),
        (f"<a>{'<b/>' * ELEMENTS_MAX}</a>", f"at most {ELEMENTS_MAX} elements"),
        (f"<{'a' * 200}/>", "a name has at most"),
        ("<a " + " ".join(f"b{n}='1'" for n in range(20)) + "/>", "16 attributes"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "encoding"),
        ('<?xml version="1.0" encoding="rot13"?><a/>', "encoding"),
        (" " * (DOCUMENT_BYTES_MAX + 1), f"at most {DOCUMENT_BYTES_MAX} bytes"),
    ],
    ids=lambda text: text[:24],
)
def test_what_is_not_taken(document: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        xmlinput.read(document.encode())


def test_what_is_wrong_is_shown_with_its_place() -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        xmlinput.read(b"<a>\n  <b>\n</a>")
    assert (refused.value.where, refused.value.rule) == ("line 3, column 2", "well-formed XML")


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("<a>æ</a>".encode(), None),
        ("<a>æ</a>".encode("utf-16"), None),
        ('<?xml version="1.0" encoding="iso-8859-1"?><a>æ</a>'.encode("latin-1"), None),
        ('<?xml version="1.0" encoding="utf-8"?><a>æ</a>'.encode("latin-1"), "iso-8859-1"),
        ("<a>æ</a>".encode("windows-1252"), "windows-1252"),
        (b"<a>&#230;</a>", None),
        ("\ufeff<a>æ</a>".encode(), None),
    ],
)
def test_encodings(data: bytes, charset: str | None) -> None:
    assert xmlinput.read(data, charset).text == "æ"


SET = "<Audio><Volume>%s</Volume></Audio>"
VOLUME = ("Audio", "Volume", "Set")


@pytest.mark.parametrize(
    ("document", "calls"),
    [
        ("<Command/>", ()),
        ("<Nothing/>", ()),
        ("<Command>" + SET % "<Set><Level>41</Level></Set>" + "</Command>", (Call(VOLUME, {"Level": "41"}, None),)),
        (
            "<Command>" + SET % '<Set command="True"><Level> 41\n</Level></Set>' + "</Command>",
            (Call(VOLUME, {"Level": "41"}, None),),
        ),
        (
            "<command>" + "<audio><volume><set/></volume></audio>" + "</command>",
            (Call(("audio", "volume", "set"), {}, None),),
        ),
        (
            "<Command>" + SET % "<Set><Level>1</Level></Set><Mute/>" + "<Dial><Number>a</Number></Dial></Command>",
            (
                Call(VOLUME, {"Level": "1"}, None),
                Call(("Audio", "Volume", "Mute"), {}, None),
                Call(("Dial",), {"Number": "a"}, None),
            ),
        ),
        (
            "<Command><Dial><Number>a</Number><number>b</number><Number>c</Number></Dial></Command>",
            (Call(("Dial",), {"Number": ["a", "b", "c"]}, None),),
        ),
        (
            "<Command><Dial><Number><b>a</b></Number></Dial></Command>",
            (Call(("Dial",), {"Number": {}}, None),),
        ),
        (
            "<Command><Bookings><Put><body> &lt;a/&gt;\n</body></Put></Bookings></Command>",
            (Call(("Bookings", "Put"), {}, " <a/>\n"),),
        ),
        (
            '<Command><Bookings><Put><body><![CDATA[{"a":1}]]></body></Put></Bookings></Command>',
            (Call(("Bookings", "Put"), {}, '{"a":1}'),),
        ),
        (
            "<Command><No><Such><Deep>1</Deep></Such></No></Command>",
            (Call(("No", "Such", "Deep"), {}, None, is_known=False),),
        ),
        (
            '<Command><No><Such command="True"><Deep>1</Deep></Such></No><Dial/></Command>',
            (Call(("No", "Such"), {"Deep": "1"}, None, is_known=False), Call(("Dial",), {}, None)),
        ),
    ],
)
def test_commands(document: str, calls: tuple[Call, ...]) -> None:
    found = asked(document)
    assert found == Put(calls=calls)
    assert found.is_empty == (not any(call.is_known for call in calls))


@pytest.mark.parametrize(
    ("document", "changes"),
    [
        ("<Configuration/>", ()),
        ("<Configuration>  </Configuration>", ()),
        (
            "<Configuration><Audio><DefaultVolume>55</DefaultVolume></Audio></Configuration>",
            (Change(("Audio", "DefaultVolume"), "55"),),
        ),
        (
            (
                "<Configuration><SystemUnit><Name/></SystemUnit><Video><Input>"
                '<Connector item="2"><Name>PC &amp; more</Name></Connector></Input></Video></Configuration>'
            ),
            (
                Change(("SystemUnit", "Name"), ""),
                Change(("Video", "Input", "Connector", 2, "Name"), "PC & more"),
            ),
        ),
    ],
)
def test_configurations(document: str, changes: tuple[Change, ...]) -> None:
    assert asked(document) == Put(changes=changes)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ('<Configuration><Audio item="x"><Name>a</Name></Audio></Configuration>', "item of Audio: a number"),
        ('<Configuration><Audio item="99999999999"/></Configuration>', "item of Audio: a number"),
        ("<Command><Bookings><Put><body><a/></body></Put></Bookings></Command>", "escaped text, or CDATA"),
    ],
)
def test_documents_that_cannot_be_meant(document: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        asked(document)


ODD = st.sampled_from(
    [b"<", b">", b"</a>", b"<a>", b"<!DOCTYPE a>", b"<![CDATA[", b"]]>", b"&amp;", b"&x;", b"<?xml version='1.0'?>", b"<body>",
     b"<Command>", b"</Command>", b"<Configuration>", b"</Configuration>", b"<Dial>", b"</Dial>", b" item='2'", b"\xff", b"\x00", b"x"]
)  # fmt: skip


def outcome(data: bytes, charset: str | None = None) -> Put | RemoteProtocolError:
    """Return what became of a document."""
    try:
        return xmlinput.put(xmlinput.read(data, charset), nodes())
    except RemoteProtocolError as error:
        return error


@given(
    st.binary() | st.lists(ODD, max_size=20).map(b"".join), st.sampled_from([None, "utf-8", "utf-7", "idna", "x", ""])
)
@example(b"<?xml version='1.0' encoding='hex'?><a/>", None)
@example(b"<a/>", "utf-32")
@example(b"<a/>", "\x00")
def test_any_bytes_are_a_document_or_a_rule(data: bytes, charset: str | None) -> None:
    found = outcome(data, charset)
    if isinstance(found, RemoteProtocolError):
        assert found.where
    else:
        assert not (found.changes and found.calls)
        assert not found.changes or b"Configuration" in data


TREES: st.SearchStrategy[Any] = st.recursive(
    st.text("ab <&", max_size=4),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(["Audio", "Volume", "Set", "Dial", "Level", "body", "Call", "Join"]), inner),
        max_size=4,
    ),
    max_leaves=12,
)


def printed(tree: Any) -> str:
    """Print a tree as elements."""
    if isinstance(tree, str):
        return tree.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"<{name}>{printed(below)}</{name}>" for name, below in tree)


@given(st.sampled_from(["Command", "Configuration"]), TREES)
def test_commands_are_those_of_the_table(root: str, tree: Any) -> None:
    found = outcome(f"<{root}>{printed(tree)}</{root}>".encode())
    if isinstance(found, RemoteProtocolError):
        assert found.where == "body"
        return
    for call in found.calls:
        assert call.is_known == (nodes().command(call.path) is not None)
        assert all(isinstance(value, (str, list)) or value == {} for value in call.arguments.values())
