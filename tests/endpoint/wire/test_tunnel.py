"""CONNECT as bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.proxyauth import ProxyAuthorization
from endpoint.wire.tunnel import HEAD_BYTES_MAX, Reply, ReplyReader, connect_request, parse_proxy


def test_the_request() -> None:
    assert connect_request("a.test", 443, ProxyAuthorization("Basic eA==")) == (
        b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nUser-Agent: roomsim\r\nProxy-Authorization: Basic eA==\r\n\r\n"
    )
    assert connect_request("::1", 443).startswith(b"CONNECT [::1]:443 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://p.test:8080", ("p.test", 8080)),
        ("p.test:3128", ("p.test", 3128)),
        ("p.test", ("p.test", 80)),
        ("http://p.test/", ("p.test", 80)),
        ("http://[::1]:8080", ("::1", 8080)),
        ("https://p.test:443", None),
        ("socks://p.test:1080", None),
        ("", None),
        ("http://", None),
        ("p.test:0", None),
        ("p.test:99999", None),
        ("p test:1", None),
    ],
)
def test_the_setting_url(text: str, found: tuple[str, int] | None) -> None:
    assert parse_proxy(text) == found


ANSWER = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.0 407 Who are you\r\nPROXY-Authenticate: Basic realm=x\r\nproxy-authenticate:NTLM\r\nContent-Length: 2\r\n\r\nhi"
)


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=6))
def test_an_answer_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    reader, places = ReplyReader(), [0, *sorted(cuts), len(ANSWER)]
    found = [reader.feed(ANSWER[start:end]) for start, end in pairwise(places)]
    whole = [reply for reply in found if reply is not None]
    assert whole[0].status == 407
    assert whole[0].challenges == ("Basic realm=x", "NTLM")
    assert not whole[0].is_open


def test_what_follows_a_tunnel_is_kept() -> None:
    assert ReplyReader().feed(b"HTTP/1.1 200\r\n\r\nx") == Reply(200, (), b"x")


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n", b"\x15\x03\x01\x00\x02"]
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ReplyReader().feed(data)


def test_a_head_without_an_end() -> None:
    with pytest.raises(RemoteProtocolError):
        ReplyReader().feed(b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES_MAX)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    try:
        reply = ReplyReader().feed(data)
    except RemoteProtocolError:
        return
    assert reply is None or 200 <= reply.status <= 999
