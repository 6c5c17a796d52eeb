from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import decode, encode
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.identity import (
    INVALID_GRANT,
    LIFE_S_MAX,
    OAuthError,
    Token,
    TokenRequest,
    bearer,
    make_token,
    org_of,
    parse_bearer,
    parse_token,
    parse_token_form,
    refresh_delay_s,
    refresh_form,
    renewed,
)
from endpoint.wire.secret import AccessToken, RefreshToken, Secret
from tests.endpoint.wire.nearly import nearly

ORG = "0a0b0c0d-1111-4222-8333-444455556666"
NOW_MS = 1_795_198_460_000

parts = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)


def _jwt(claims: object) -> AccessToken:
    pieces = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "RS256"}, claims)
    ]
    return AccessToken(".".join([*pieces, "c2ln"]))


def _token(**members: object) -> Token:
    return parse_token(encode({"access_token": "a", "expires_in": 43200, **members}))


# ---- shape ----


def test_a_token_is_three_parts_and_tells_its_org() -> None:
    token = make_token("tok", "P0A1", ORG)
    assert token.reveal() == f"tok_P0A1_{ORG}"
    assert org_of(token) == ORG
    assert str(token) == "<access_token>"


@given(parts, parts, parts)
def test_every_built_token_tells_its_org(opaque: str, cluster: str, org: str) -> None:
    assert org_of(make_token(opaque, cluster, org)) == org


@pytest.mark.parametrize("three", [("", "P0A1", ORG), ("a_b", "P0A1", ORG), ("a", "P0A1", "")])
def test_a_token_that_hides_its_org_is_not_built(three: tuple[str, str, str]) -> None:
    with pytest.raises(LocalProtocolError):
        make_token(*three)


def test_a_jwt_tells_its_realm() -> None:
    assert org_of(_jwt({"realm": ORG, "user_type": "guest"})) == ORG


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a_b", "a_b_", "a_b_c_d", "eyJ.e30.x", "eyJ.!.x", _jwt({"realm": 5}).reveal(), _jwt([]).reveal()],
)
def test_other_tokens_tell_no_org(token: str) -> None:
    assert org_of(AccessToken(token)) is None


@given(st.text() | st.binary().map(lambda raw: f"eyJ.{base64.urlsafe_b64encode(raw).decode()}.x"))
def test_org_of_fuzz(text: str) -> None:
    org = org_of(AccessToken(text))
    assert org is None or org


# ---- answers ----


def test_a_token_answer_is_read_with_its_secrets_hidden() -> None:
    body = (
        b'{"access_token":"aaa","token_type":"Bearer","expires_in":43200,"refresh_token":"rrr",'
        b'"refresh_token_expires_in":5184000,"scope":"spark:all spark:kms","more":1}'
    )
    token = parse_token(body)
    assert (token.access_token, token.refresh_token) == (AccessToken("aaa"), RefreshToken("rrr"))
    assert "aaa" not in repr(token)
    assert "rrr" not in repr(token)
    assert encode(token) == body.replace(b',"more":1', b"")


def test_lives_become_instants() -> None:
    dated = _token(refresh_token="r", refresh_token_expires_in=60).dated(NOW_MS)
    assert (dated.expires, dated.refresh_token_expires) == (NOW_MS + 43_200_000, NOW_MS + 60_000)
    assert (dated.expires_in, dated.refresh_token_expires_in) == (None, None)
    assert dated.remaining_s(NOW_MS + 200_000) == 43_000.0
    assert dated.dated(NOW_MS + 5) == dated


def test_an_undated_token_has_no_remaining_life() -> None:
    with pytest.raises(LocalProtocolError):
        _token().remaining_s(NOW_MS)


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"access_token": ""}, "token.access_token"),
        ({"access_token": 5}, "token.access_token"),
        ({"token_type": "mac"}, "token.token_type"),
        ({"expires_in": None}, "token.expires_in"),
        ({"expires_in": -1}, "token.expires_in"),
        ({"expires_in": 10**12}, "token.expires_in"),
        ({"expires_in": None, "expires": 2**53}, "token.expires"),
        ({"refresh_token_expires_in": -1}, "token.refresh_token_expires_in"),
        ({"refresh_token_expires": -1}, "token.refresh_token_expires"),
    ],
)
def test_unusable_token_answers(members: dict[str, object], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        _token(**members)
    assert caught.value.where == where


def test_a_refresh_keeps_the_refresh_token_unless_a_new_one_comes() -> None:
    stored = _token(refresh_token="old", refresh_token_expires_in=60).dated(NOW_MS)
    kept = renewed(stored, _token(access_token="b").dated(NOW_MS + 1))
    assert (kept.access_token, kept.refresh_token) == (AccessToken("b"), RefreshToken("old"))
    assert kept.refresh_token_expires == NOW_MS + 60_000
    rotated = renewed(stored, _token(access_token="b", refresh_token="new").dated(NOW_MS + 1))
    assert rotated.refresh_token == RefreshToken("new")
    with pytest.raises(RemoteProtocolError):
        renewed(stored, _token().dated(NOW_MS + 1))


@pytest.mark.parametrize(
    ("remaining", "fraction", "delay"),
    [(1000.0, 0.60, 600.0), (1000.0, 0.90, 900.0), (43_200.0, 0.75, 32_400.0), (0.0, 0.60, 0.0), (-5.0, 0.90, 0.0)],
)
def test_refresh_delay(remaining: float, fraction: float, delay: float) -> None:
    assert refresh_delay_s(remaining, fraction) == delay


@pytest.mark.parametrize("fraction", [0.0, 0.599, 0.901, 1.0, float("nan")])
def test_a_fraction_outside_the_rule_is_our_own_fault(fraction: float) -> None:
    with pytest.raises(LocalProtocolError):
        refresh_delay_s(1000.0, fraction)


def test_a_refusal() -> None:
    error = decode(b'{"error":"invalid_grant","error_description":"gone"}', OAuthError, "token")
    assert (error.error, error.error_description) == (INVALID_GRANT, "gone")
    assert encode(error) == b'{"error":"invalid_grant","error_description":"gone"}'


lives = st.none() | st.integers(0, 10**8)
tokens = st.builds(
    Token,
    access_token=st.text(min_size=1).map(AccessToken),
    token_type=st.sampled_from(["Bearer", "bearer", ""]),
    expires_in=st.integers(0, 10**8),
    expires=st.none() | st.integers(0, 2**53 - 1),
    refresh_token=st.none() | st.text(min_size=1).map(RefreshToken),
    refresh_token_expires_in=lives,
    refresh_token_expires=lives,
    scope=st.none() | st.text(),
)


@given(tokens)
def test_tokens_round_trip(token: Token) -> None:
    assert parse_token(encode(token)) == token


ANSWER = {
    "access_token": "a",
    "token_type": "Bearer",
    "expires_in": 43200,
    "refresh_token": "r",
    "refresh_token_expires_in": 5184000,
    "scope": "spark:all",
}


@given(
    st.binary()
    | nearly(ANSWER).map(encode)
    | nearly({**ANSWER, "expires": NOW_MS, "refresh_token_expires": 5}).map(encode)
)
def test_any_answer_is_a_token_or_refused(body: bytes) -> None:
    try:
        token = parse_token(body)
    except RemoteProtocolError:
        return
    members = json.loads(body)
    assert token.access_token == AccessToken(members["access_token"])
    assert parse_token(encode(token)) == token
    assert parse_token(encode({**members, "zone": 1})) == token
    assert str(token.access_token) == "<access_token>"
    dated = token.dated(NOW_MS)
    assert dated.expires is not None
    assert dated.remaining_s(NOW_MS) == (dated.expires - NOW_MS) / 1000 <= max(LIFE_S_MAX, 2**53 / 1000)
    life_s = token.refresh_token_expires_in
    told_ms = token.refresh_token_expires if life_s is None else NOW_MS + int(life_s * 1000)
    assert dated.refresh_token_expires == told_ms
    if token.expires_in is not None:
        assert 0 <= dated.remaining_s(NOW_MS) <= token.expires_in
    assert dated.dated(0) == dated == parse_token(encode(dated))


@given(st.binary() | nearly({"error": INVALID_GRANT, "error_description": "gone"}).map(encode))
def test_any_refusal_is_read_or_refused(body: bytes) -> None:
    try:
        refusal = decode(body, OAuthError, "token")
    except RemoteProtocolError:
        return
    assert refusal.error == json.loads(body)["error"]
    assert decode(encode(refusal), OAuthError, "token") == refusal


# ---- requests ----


def test_the_refresh_form_in_its_order() -> None:
    form = refresh_form(RefreshToken("r&1"), redirect_uri="https://h.test/", client_id="roomsim-device")
    assert form == (
        b"grant_type=refresh_token&redirect_uri=https%3A%2F%2Fh.test%2F&refresh_token=r%261&client_id=roomsim-device"
    )
    assert refresh_form(RefreshToken("r")) == b"grant_type=refresh_token&refresh_token=r"


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_refresh_forms_round_trip(token: str, client: str) -> None:
    request = parse_token_form(refresh_form(RefreshToken(token), client_id=client))
    assert request == TokenRequest(grant_type="refresh_token", refresh_token=RefreshToken(token), client_id=client)


def test_a_downscope_form() -> None:
    request = parse_token_form(
        b"grant_type=urn:cisco:oauth:grant-type:scope-reduction&token=t&scope=spark%3Akms&client_id=c"
        b"&self_contained_token=true&cisco=1"
    )
    assert (request.token, request.scope, request.self_contained_token) == (AccessToken("t"), "spark:kms", "true")
    assert "AccessToken" not in str(msgspec.structs.asdict(request)["token"])


@pytest.mark.parametrize("body", [b"token=a&token=b", b"token=%ff", b"\xff", b"a=1&" * 40, b"token=" + b"a" * 70_000])
def test_bad_forms(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_token_form(body)


members_of_forms = st.tuples(
    st.sampled_from(TokenRequest.__struct_fields__) | st.text(max_size=5), st.text(max_size=10)
)


@given(
    st.binary()
    | st.from_regex(rb"([a-z_]{1,6}=[a-z%0-9]{0,6}&?){0,9}", fullmatch=True)
    | st.lists(members_of_forms, max_size=6).map(lambda pairs: urlencode(pairs).encode())
)
def test_any_form_is_read_or_refused(body: bytes) -> None:
    try:
        request = parse_token_form(body)
    except RemoteProtocolError:
        return
    members = {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in msgspec.structs.asdict(request).items()
        if value
    }
    assert parse_token_form(urlencode(members).encode()) == request
    assert b"zone=" in body or parse_token_form(body + b"&zone=1") == request
    sent = dict(parse_qsl(body.decode()))
    assert members == {name: sent[name] for name in TokenRequest.__struct_fields__ if name in sent}


def test_bearer_values() -> None:
    assert bearer(AccessToken("t")) == "Bearer t"
    assert parse_bearer("bearer t") == AccessToken("t")


@pytest.mark.parametrize("value", ["", "t", "Bearer", "Bearer ", "Basic dDp0", "Bearer a b"])
def test_no_bearer_value_and_no_secret_in_the_error(value: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_bearer(value)
    assert str(caught.value) == "authorization: Bearer <token>"
