"""From bytes to requests. Source: protocol/xapi.md 4.2, 4.3, 14.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi import shell_framing
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.shell import LINE_BYTES_MAX, takes_body
from endpoint.wire.xapi.shell_framing import BODY_BYTES_MAX, FRAME_BYTES_MAX, Framer, Incoming, Request, Unreadable

SAVE = 'xCommand UserInterface Extensions Panel Save PanelId: "p1"'
PANEL = "<Extensions>\n<Panel><Name>æøå</Name></Panel>\n</Extensions>"


def framer() -> Framer:
    return Framer(lambda text: takes_body(text, nodes()))


def cut(*pieces: bytes, end: bool = False, closes_body: bool = False) -> list[Incoming]:
    """What a framer makes of bytes that come in pieces."""
    made, found = framer(), []
    for piece in pieces:
        made.feed(piece)
        while (incoming := made.next()) is not None:
            found.append(incoming)
    if end and (last := made.end(closes_body=closes_body)) is not None:
        found.append(last)
    return found


def texts(found: list[Incoming]) -> list[tuple[str, str | None]]:
    return [(request.text, request.body) for request in found if isinstance(request, Request)]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"xStatus\n", [("xStatus", None)]),
        (b"xStatus\r", [("xStatus", None)]),
        (b"a\r\nb\nc\rd\n\n\r\n", [("a", None), ("b", None), ("c", None), ("d", None), ("", None), ("", None)]),
        (b"half", []),
        (f"{SAVE}\n{PANEL}\n.\nxStatus\n".encode(), [(SAVE, PANEL), ("xStatus", None)]),
        (f"{SAVE}\r\n<a/>\r\n..\r\n.\r\n".encode(), [(SAVE, "<a/>\n..")]),
        (f"{SAVE}\n.\n".encode(), [(SAVE, "")]),
        (f"{SAVE}\n\n.\n".encode(), [(SAVE, "")]),
        (f"{SAVE}\n{{3}} \n.\n".encode(), [(SAVE, "{3} ")]),
        (b"{16} \nxStatus\n<body/>\nb\n", [("xStatus", "<body/>"), ("b", None)]),
        (b"{7}\nxStatusb\n", [("xStatus", None), ("b", None)]),
        (b"{8}\nxStatus\nb\n", [("xStatus", None), ("b", None)]),
        (b"{9}\r\nxStatus\r\nb\n", [("xStatus", None), ("b", None)]),
        (b"{0} \nxStatus\n", [("", None), ("xStatus", None)]),
        (b"{x} \n{} \n{-1}\n{12345678901}\n", [("{x} ", None), ("{} ", None), ("{-1}", None), ("{12345678901}", None)]),
    ],
)
def test_requests(data: bytes, found: list[tuple[str, str | None]]) -> None:
    assert texts(cut(data)) == found
    assert texts(cut(*(bytes([code]) for code in data))) == found


def test_the_frame_of_the_acceptance_dialogue_has_137_bytes() -> None:
    frame = f'{SAVE} | resultId="14"\n{PANEL}\n'
    assert len(frame.encode()) == 137
    assert texts(cut(f"{{137}} \n{frame}xStatus\n".encode())) == [(f'{SAVE} | resultId="14"', PANEL), ("xStatus", None)]


def test_what_is_echoed_is_what_was_sent() -> None:
    assert [incoming.shown for incoming in cut(f"xStatus\n{SAVE}\n<a/>\n.\n\xff".encode("latin-1") + b"\n")] == [
        "xStatus",
        f"{SAVE}\n<a/>\n.",
        "�",
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"xStatus \xff\n", "UTF-8"),
        (b"{3} \n\xff\n\xff", "UTF-8"),
        (SAVE.encode() + b"\n\xff\n.\n", "UTF-8"),
        (b"x" * (LINE_BYTES_MAX + 1) + b"\n", f"a line has at most {LINE_BYTES_MAX} bytes"),
        (b"x" * 10_000_000 + b"\n", f"a line has at most {LINE_BYTES_MAX} bytes"),
        (b"{%d} \n" % (FRAME_BYTES_MAX + 1) + b"x" * (FRAME_BYTES_MAX + 1), f"a frame has at most {FRAME_BYTES_MAX} bytes"),
        (b"{%d} \n" % (LINE_BYTES_MAX + 2) + b"x" * (LINE_BYTES_MAX + 1) + b"\n", f"a line has at most {LINE_BYTES_MAX}"),
        (SAVE.encode() + b"\n" + b"x" * (BODY_BYTES_MAX + 1) + b"\n.\n", f"a body has at most {BODY_BYTES_MAX} bytes"),
        (SAVE.encode() + b"\n" + (b"x" * 1023 + b"\n") * 8193 + b".\n", f"a body has at most {BODY_BYTES_MAX} bytes"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_once_and_what_follows_is_read(data: bytes, why: str) -> None:
    pieces = [data[start : start + 30_000] for start in range(0, len(data), 30_000)]
    found = cut(*pieces, b"xStatus Audio\n")
    (unreadable, request) = found
    assert isinstance(unreadable, Unreadable)
    assert why in unreadable.why
    assert request == Request("xStatus Audio", None, "xStatus Audio")


def test_memory_is_bounded_while_bytes_without_an_end_come_in() -> None:
    made = framer()
    for _ in range(200):
        made.feed(b"\x00" * 50_000)
        while made.next() is not None:
            pass
        assert made.waiting <= LINE_BYTES_MAX + 50_000


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"xStatus", [("xStatus", None)]),
        (b"  ", []),
        (b"{20} \nxStatus\n", []),
        (f"{SAVE}\n<a/>\n".encode(), []),
        (f"{SAVE}\n<a/>".encode(), []),
    ],
)
def test_the_end_of_input(data: bytes, found: list[tuple[str, str | None]]) -> None:
    assert texts(cut(data, end=True)) == found


def test_the_end_of_input_ends_a_body_where_that_is_wanted() -> None:
    assert texts(cut(f"{SAVE}\n<a/>\n<b/>".encode(), end=True, closes_body=True)) == [(SAVE, "<a/>\n<b/>")]
    assert texts(cut(b"xStatus", end=True, closes_body=True)) == [("xStatus", None)]


LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=30)


@given(st.lists(st.tuples(LINES, st.one_of(st.none(), LINES)), max_size=6), st.data())
def test_frames_and_lines_come_out_as_they_went_in_however_they_are_cut(
    sent: list[tuple[str, str | None]], data: st.DataObject
) -> None:
    wanted: list[tuple[str, str | None]] = []
    stream = b""
    for line, body in sent:
        if body is None:
            if shell_framing._FRAME.fullmatch(line.encode()) or takes_body(line, nodes()):
                continue
            stream += line.encode() + b"\n"
            wanted.append((line if line.encode().strip() else "", None))
        else:
            frame = f"{line}\n{body}\n".encode()
            stream += b"{%d} \n" % len(frame) + frame
            wanted.append((line, body or None))
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[start:end] for start, end in zip([0, *at], [*at, len(stream)], strict=True)]
    assert texts(cut(*pieces)) == wanted


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_requests_or_refused(pieces: list[bytes]) -> None:
    found = cut(*pieces, end=True)
    assert len(found) <= sum(map(len, pieces))
    assert all(isinstance(incoming, (Request, Unreadable)) for incoming in found)
    for request in found:
        assert "\n" not in request.text if isinstance(request, Request) else request.why
