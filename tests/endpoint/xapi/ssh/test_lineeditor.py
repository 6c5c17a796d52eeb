"""The keyboard of a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.shell import LINE_BYTES_MAX
from endpoint.xapi.ssh.lineeditor import HISTORY_MAX, KEY_BYTES_MAX, LineEditor


def typed(editor: LineEditor, data: bytes, *, is_secret: bool = False) -> tuple[bytes, list[bytes], bool]:
    """Everything that comes of keys: echo, lines, and whether somebody hung up."""
    echo, lines = b"", []
    while data:
        found, data = editor.take(data, is_secret=is_secret)
        echo += found.echo
        lines += [found.line] if found.line else []
        if found.hangs_up:
            return echo, lines, True
    return echo, lines, False


@given(st.lists(st.binary(max_size=30), max_size=8), st.booleans())
def test_any_keys_make_lines_and_nothing_grows(pieces: list[bytes], is_secret: bool) -> None:
    editor, whole = LineEditor(), b"".join(pieces)
    for piece in pieces:
        echo, lines, _ = typed(editor, piece, is_secret=is_secret)
        assert all(line.endswith(b"\n") and not set(line[:-1]) & set(b"\r\n\x00\x03\x1b") for line in lines)
        assert not is_secret or set(echo) <= set(b"\r\n")
    assert len(editor._line) <= sum(map(len, pieces)) * (HISTORY_MAX + 1)
    assert len(editor._key) <= KEY_BYTES_MAX + 1
    cut, straight = LineEditor(), LineEditor()
    by_byte = [typed(cut, bytes([code])) for code in whole]
    if not any(hung for _, _, hung in by_byte):
        assert typed(straight, whole)[1] == [line for _, lines, _ in by_byte for line in lines]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_plain_text_comes_back_and_can_be_erased(text: str) -> None:
    data = text.encode()
    assert typed(LineEditor(), data + b"\r") == (data + b"\r\n", [data + b"\n"], False)
    assert typed(LineEditor(), data + b"\x7f" * len(text) + b"!\r")[1] == [b"!\n"]
    assert typed(LineEditor(), data + b"\x15!\r")[1] == [b"!\n"]


def test_a_line_that_is_too_long_is_cut_where_it_is_seen_to_be() -> None:
    _, (line,), _ = typed(LineEditor(), b"x" * (LINE_BYTES_MAX + 500) + b"\r")
    assert len(line) == LINE_BYTES_MAX + 2


def test_only_so_many_lines_are_remembered() -> None:
    editor = LineEditor()
    for number in range(HISTORY_MAX + 5):
        typed(editor, f"line {number}\r".encode())
    echo, lines, _ = typed(editor, b"\x1b[A" * (HISTORY_MAX + 1) + b"\r")
    assert lines == [b"line 5\n"]
    assert echo.count(b"\a") == 1


def test_a_sequence_without_end_is_no_key() -> None:
    assert typed(LineEditor(), b"\x1b[" + b"1" * 100 + b"x\r")[2] is False
    assert typed(LineEditor(), b"\x1b[" + b"1" * KEY_BYTES_MAX + b"ok\r")[1][0].endswith(b"ok\n")


def test_raw_bytes_lose_the_line_feed_of_the_line_before() -> None:
    editor = LineEditor()
    typed(editor, b"{3} \r")
    assert editor.raw(b"\nabc") == b"abc"
    assert editor.raw(b"\nabc") == b"\nabc"
