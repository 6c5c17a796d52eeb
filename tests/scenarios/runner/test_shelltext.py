"""The shell's JSON mode from a client's side, against jsxapi's lines, against the device's own reader, and against any bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import BadArguments, CommandFailed, XapiError
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.shell import read_line
from endpoint.wire.xapi.shell_answers import Got, Illegal, Mode, Refusal, Result, Writer
from endpoint.wire.xapi.shell_framing import Framer, Request
from scenarios.runner.clients.kept import event_of
from scenarios.runner.clients.shelltext import (
    Document,
    Lines,
    answer_of,
    command,
    expression,
    plain_leaves,
    setting,
    tag_of,
)

TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
VOLUME = ("Status", "Audio", "Volume")


def documents(data: bytes) -> list[Document]:
    lines = Lines()
    return [found for line in lines.feed(data) if (found := lines.document(line)) is not None]


def said(answer: Got | Illegal | Refusal | Result, tag: str | None = "1") -> Document:
    writer = Writer(nodes())
    writer.mode = Mode.JSON
    (found,) = documents(writer.write(answer, tag).encode())
    return found


def test_lines_are_those_that_jsxapi_writes() -> None:  # protocol/xapi.md 4.6
    given_to = parse_path("UserInterface Message Alert Display")
    line = command(given_to, {"Text": 'a "b"', "Extra": ["x", "y"], "Duration": 3}, "", "15")
    assert line == (
        b'xCommand UserInterface Message Alert Display Duration: 3 Extra: "x" Extra: "y" Text: "a \\"b\\"" | resultId="15"\n'
    )
    assert (
        setting(parse_path("Audio DefaultVolume"), 60, "4")
        == b'xConfiguration Audio DefaultVolume: 60 | resultId="4"\n'
    )
    framed = command(parse_path("UserInterface Extensions Panel Save"), {"PanelId": "p1"}, "<A>ø</A>", "14")
    head, rest = framed.split(b" \n", 1)
    assert head == b"{%d}" % len(rest)
    assert rest.endswith("\n<A>ø</A>\n".encode())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Status Audio Volume", "/Status/Audio/Volume"),
        ("Status Call[*] Status", "/Status/Call/Status"),
        ("Status Call 3 Status", "/Status/Call[3]/Status"),
        ("Event", "/Event"),
    ],
)
def test_expressions_are_written_with_slashes(path: str, text: str) -> None:
    assert expression(path) == text


@given(st.dictionaries(st.sampled_from(["Text", "Title", "Duration"]), st.one_of(TEXTS, st.integers()), max_size=3))
def test_a_device_reads_what_was_meant(arguments: dict[str, str | int]) -> None:
    line = command(("Message",), arguments, "", "7").decode()
    assert line.count("\n") == 1
    read = read_line(line.removesuffix("\n"))
    assert read.arguments == {name: str(value) for name, value in arguments.items()}
    assert read.result_id == "7"


@given(TEXTS.filter(bool))
def test_a_device_takes_a_body_as_it_is(body: str) -> None:
    framer = Framer(lambda text: False)
    framer.feed(command(("Panel", "Save"), {}, body, "1"))
    found = framer.next()
    assert isinstance(found, Request)
    assert (found.body or "").rstrip("\r\n") == body.rstrip("\r\n")


def test_answers_are_what_the_device_says() -> None:
    done = said(Result("DialResult", {"CallId": 7, "Tags": [{"Name": "a"}, {"Name": "b"}]}))
    assert tag_of(done) == "1"
    assert answer_of(done) == {"CallId": "7", "Tags": [{"Name": "a", "id": 1}, {"Name": "b", "id": 2}]}
    assert answer_of(said(Got("Status", []))) == {}
    with pytest.raises(CommandFailed, match="Unknown command") as caught:
        answer_of(said(Refusal("Result", "Unknown command", "/No")))
    assert caught.value.fields == {"XPath": "/No"}
    with pytest.raises(BadArguments, match="ParameterError"):
        answer_of(said(Refusal("DialResult", status="ParameterError")))
    with pytest.raises(XapiError, match="Configuration Audio DefaultVolume: Illegal value"):
        answer_of(said(Illegal(("Configuration", "Audio", "DefaultVolume"))))
    with pytest.raises(CommandFailed, match="No match"):
        answer_of(said(Refusal("Status", "No match on address expression", "Status/No")))


def test_what_is_told_comes_back_as_leaves() -> None:
    told = said(Got("Status", [(VOLUME, 33), (("Status", "Call", 3, "Status"), "Connected")]), None)
    assert tag_of(told) is None
    assert plain_leaves(told) == [(VOLUME, "33"), (("Status", "Call", 3, "Status"), "Connected")]
    assert event_of({"Event": {"Audio": {"Muted": {"Mute": {"Value": "On"}, "id": "1"}}}}) == (
        "Event",
        "Audio",
        "Muted",
    )
    assert event_of(told) is None


def test_documents_are_cut_wherever_the_bytes_are() -> None:
    data = b'{\n  "ResultId": "1"\n}\n\n{\n}\n{\n  "Status": {\n  }\n}\n'
    whole = documents(data)
    assert whole == [{"ResultId": "1"}, {}, {"Status": {}}]
    lines, found = Lines(), []
    for place in range(len(data)):
        found += [one for line in lines.feed(data[place : place + 1]) if (one := lines.document(line)) is not None]
    assert found == whole


def test_a_stray_line_is_no_document() -> None:
    with pytest.raises(RemoteProtocolError, match="documents only"):
        documents(b"OK\n")
    with pytest.raises(RemoteProtocolError, match="at most"):
        Lines().feed(b"x" * (1024 * 1024 + 1))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.sampled_from(["Value", "id", "status", "ghost", "error", "Reason", "Event", "A"]), below, max_size=4
        ),
    ),
    max_leaves=12,
)


@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.sampled_from([b"{\n", b"}\n", b'"a": 1\n', b"\n", b"OK\n"])).map(b"".join)
    )
)
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        documents(data)


@given(
    st.dictionaries(
        st.sampled_from(["CommandResponse", "ResultId", "Status", "Event", "Configuration"]), JSON, max_size=3
    )
)
def test_no_document_breaks_what_reads_it(document: dict[str, object]) -> None:
    for read in (tag_of, answer_of, plain_leaves, event_of):
        with suppress(RemoteProtocolError, XapiError):
            read(document)
