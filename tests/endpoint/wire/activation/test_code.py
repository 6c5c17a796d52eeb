"""Activation codes as people type them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.activation import MalformedCode, is_activation_id, parse_code
from endpoint.wire.errors import LocalProtocolError


@pytest.mark.parametrize(
    "text",
    [
        "4353450012345678",
        "4353-4500-1234-5678",
        "4353 4500 1234 5678",
        " 4353450012345678 ",
        "4-3-5-3-4-5-0-0 1 2 3 4 5 6 7 8",
        "----4353450012345678",
    ],
)
def test_spaces_and_hyphens_do_not_count(text: str) -> None:
    code = parse_code(text)
    assert (code.activation_id, code.secret.reveal()) == ("43534500", "12345678")


def test_leading_zeros_count() -> None:
    code = parse_code("0000 0000 0000 0001")
    assert (code.activation_id, code.secret.reveal()) == ("00000000", "00000001")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "this one has 0 digits"),
        ("435345001234567", "this one has 15 digits"),
        ("43534500123456789", "this one has 17 digits"),
        ("4353-4500-1234-567x", "this one has other characters"),
        ("4353\t4500\t1234\t5678", "this one has other characters"),
        ("4353450012345678\n", "this one has other characters"),
        ("4353_4500_1234_5678", "this one has other characters"),
        ("4353\u20134500\u20131234\u20135678", "this one has other characters"),
        ("4353\u00a0450012345678", "this one has other characters"),
        ("\u0664353450012345678", "this one has other characters"),
        ("\uff14353450012345678", "this one has other characters"),
        ("435345001234567\u00b2", "this one has other characters"),
    ],
)
def test_anything_else_is_malformed_and_the_text_says_what_would_be_right(text: str, what: str) -> None:
    with pytest.raises(MalformedCode) as caught:
        parse_code(text)
    assert str(caught.value) == (
        f"an activation code has 16 digits, like 1234-5678-9012-3456; spaces and hyphens do not count; {what}"
    )
    assert isinstance(caught.value, LocalProtocolError)


def test_a_code_does_not_show_its_secret_half() -> None:
    code = parse_code("4353450098765432")
    assert repr(code) == "Code(activation_id='43534500', secret=<activation_secret>)"


@pytest.mark.parametrize(
    "value", ["4353450", "435345001", "4353450x", "4353450\u0660", "", 43534500, None, ["43534500"]]
)
def test_an_activation_id_is_eight_ascii_digits(value: object) -> None:
    assert is_activation_id("43534500")
    assert not is_activation_id(value)


@given(st.text() | st.text("0123456789 -", max_size=24))
def test_any_text_is_a_code_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedCode):
        code = parse_code(text)
        assert code.activation_id + code.secret.reveal() == text.replace(" ", "").replace("-", "")
        assert is_activation_id(code.activation_id)


@given(st.text("0123456789", min_size=17, max_size=40))
def test_a_malformed_code_is_not_repeated(text: str) -> None:
    with pytest.raises(MalformedCode) as caught:
        parse_code(text)
    assert text not in str(caught.value)
