"""Documents that scenarios put, and what they make of any answer."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.errors import BadArguments, CommandFailed, XapiError
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.xmlinput import put, read
from scenarios.runner.xapi_xml import answer_of, command_document, configuration_document

texts = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Zs", "Cc"]), min_size=1, max_size=20
)


@given(texts, texts)
def test_device_reads_what_is_put(value: str, body: str) -> None:
    document = command_document(
        ("UserInterface", "Message", "Alert", "Display"), {"Text": value, "Title": ["a", "b"]}, ""
    )
    (call,) = put(read(document.encode()), nodes()).calls
    assert (call.path, call.arguments) == (
        ("UserInterface", "Message", "Alert", "Display"), {"Text": value, "Title": ["a", "b"]},
    )  # fmt: skip
    (saved,) = put(read(command_document(("Macros", "Macro", "Save"), {"Name": "m"}, body).encode()), nodes()).calls
    assert saved.body == body


def test_number_of_a_list_is_an_item() -> None:
    document = configuration_document(
        {("Video", "Output", "Connector", 2, "Resolution"): "Auto", ("Audio", "DefaultVolume"): 5}
    )
    changes = put(read(document.encode()), nodes()).changes
    assert [(change.path, change.value) for change in changes] == [
        (("Video", "Output", "Connector", 2, "Resolution"), "Auto"), (("Audio", "DefaultVolume"), "5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "error", "told"),
    [
        (
            '<Command><XResult status="Error"><Reason>No</Reason><Cause>3</Cause></XResult></Command>',
            CommandFailed,
            "No",
        ),
        ('<Command><XResult status="ParameterError"/></Command>', BadArguments, "ParameterError"),
        ('<Configuration status="Error"><Reason>Access denied</Reason></Configuration>', XapiError, "Access denied"),
        (
            '<Configuration><Audio><A error="True">Illegal value</A></Audio></Configuration>',
            XapiError,
            "A: Illegal value",
        ),
    ],
)
def test_refusals_are_the_devices_own(document: str, error: type[XapiError], told: str) -> None:
    with pytest.raises(error) as caught:
        answer_of(read(document.encode()))
    assert str(caught.value) == told


def test_answer_has_its_members_as_text() -> None:
    document = '<Command><R status="OK"><B item="1" maxOccurrence="n"><Id>7</Id></B><N>2</N></R></Command>'
    assert answer_of(read(document.encode())) == {"B": [{"id": 1, "Id": "7"}], "N": "2"}


names = st.sampled_from(["Command", "Configuration", "Result", "Reason", "A", "B"])
attributes = st.sampled_from(
    ["", ' status="OK"', ' status="Error"', ' item="1" maxOccurrence="n"', ' item="x"', ' error="True"']
)
documents = st.recursive(
    texts.map(escape),
    lambda inner: st.builds("<{0}{1}>{2}</{0}>".format, names, attributes, st.lists(inner, max_size=3).map("".join)),
    max_leaves=8,
)


@given(names, attributes, documents)
def test_any_document_is_an_answer_or_a_refusal(name: str, attribute: str, inner: str) -> None:
    root = read(f"<{name}{attribute}>{inner}</{name}>".encode())
    try:
        fields = answer_of(root)
    except XapiError as error:
        assert str(error) or error.args  # noqa: PT017  either is right
    else:
        assert isinstance(fields, dict)
