"""Basic and Digest towards proxies: the examples of RFC 7616 and 7617, the grammar of RFC 9110 11.6.1, and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.proxyauth import (
    CHALLENGES_MAX,
    Challenge,
    ProxyPassword,
    authorize,
    choose,
    digest_response,
    parse_challenges,
)

MUFASA = {
    "username": "Mufasa", "realm": "http-auth@example.org", "uri": "/dir/index.html", "qop": "auth", "nc": "00000001",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
}  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_of_rfc_7616(algorithm: str, response: str) -> None:
    assert digest_response(algorithm, ProxyPassword("Circle of Life"), "GET", MUFASA) == response


def test_digest_without_qop_of_rfc_2069() -> None:
    fields = {
        "username": "Mufasa", "realm": "testrealm@host.com", "uri": "/dir/index.html", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    }  # fmt: skip
    assert digest_response("MD5", ProxyPassword("Circle Of Life"), "GET", fields) == "670fd8c2df070c60b045671b8b24ff02"


def test_basic_of_rfc_7617() -> None:
    header = authorize(
        Challenge("basic", {}),
        "Aladdin",
        ProxyPassword("open sesame"),
        method="CONNECT",
        uri="a:443",
        cnonce="",
        count=1,
    )
    assert header.reveal() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert str(header) == "<proxy_authorization>"


def test_a_digest_is_written_as_the_grammar_wants_it() -> None:
    (challenge,) = parse_challenges(
        ['Digest realm="a \\"b\\"", nonce="n", qop="auth,auth-int", opaque="o", algorithm=MD5']
    )
    header = authorize(
        challenge, 'r"x', ProxyPassword("p"), method="CONNECT", uri="a:443", cnonce="c", count=10
    ).reveal()
    (read,) = parse_challenges([header])
    assert read.params | {"response": ""} == {
        "username": 'r"x', "realm": 'a "b"', "nonce": "n", "uri": "a:443", "qop": "auth", "nc": "0000000a", "cnonce": "c",
        "opaque": "o", "algorithm": "MD5", "response": "",
    }  # fmt: skip
    assert "qop=auth," in header
    assert "nc=0000000a," in header


@pytest.mark.parametrize(
    ("headers", "schemes"),
    [
        (['Basic realm="x"'], ["basic"]),
        (["Negotiate", "NTLM"], ["negotiate", "ntlm"]),
        (["Negotiate YII=, NTLM"], ["negotiate", "ntlm"]),
        (['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'], ["newauth", "basic"]),
        (['Digest realm="a, b", nonce="c=d", stale=TRUE,Basic realm=x'], ["digest", "basic"]),
        (["  ,  Basic  "], ["basic"]),
        ([""], []),
        (["Basic é"], ["basic"]),
    ],
)
def test_challenges(headers: list[str], schemes: list[str]) -> None:
    assert [challenge.scheme for challenge in parse_challenges(headers)] == schemes


@pytest.mark.parametrize(
    ("headers", "chosen"),
    [
        (['Basic realm="x"', 'Digest realm="x", nonce="n"'], "Digest"),
        (['Basic realm="x"', 'Digest realm="x", nonce="n", algorithm=SHA-256'], "Basic"),
        (['Digest realm="x", nonce="n", qop="auth-int"'], None),
        (['Digest realm="x"'], None),
        (["NTLM", "Negotiate"], None),
        ([], None),
    ],
)
def test_a_device_takes_digest_with_md5_before_basic_and_nothing_else(headers: list[str], chosen: str | None) -> None:
    found = choose(parse_challenges(headers))
    assert (None if found is None else found.shown) == chosen


def test_an_offer_is_called_as_people_know_it() -> None:
    offers = parse_challenges(["NTLM, Negotiate", 'Digest realm="x", nonce="n", algorithm=SHA-256'])
    assert [offer.shown for offer in offers] == ["NTLM", "Negotiate", "Digest SHA-256"]


@given(st.lists(st.text(st.characters(max_codepoint=300), max_size=200), max_size=4))
def test_any_headers_are_read_in_bounds(headers: list[str]) -> None:
    found = parse_challenges(headers)
    assert len(found) <= CHALLENGES_MAX
    assert all(challenge.scheme == challenge.scheme.lower() and challenge.scheme for challenge in found)
    assert choose(found) in (None, *found)


@given(
    st.dictionaries(
        st.sampled_from(["realm", "nonce", "opaque"]), st.text(st.characters(min_codepoint=32, max_codepoint=126))
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_what_was_quoted_is_read_back(params: dict[str, str], login: str) -> None:
    challenge = Challenge("digest", {"nonce": "n", **params})
    header = authorize(challenge, login, ProxyPassword("p"), method="CONNECT", uri="a:1", cnonce="c", count=1)
    (read,) = parse_challenges([header.reveal()])
    assert read.params["username"] == login
    assert {name: read.params.get(name) for name in params} == params
