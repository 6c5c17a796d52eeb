"""The cloud's replies as the device reads them: every check, in its order, and any bytes at all."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import codec, srp
from endpoint.wire.activation import (
    ChallengeRejected,
    ChallengeReply,
    ConfigData,
    ConfigReply,
    RefusalBody,
    ServiceReply,
    UrlRule,
    open_config_data,
    open_service_data,
    read_challenge_reply,
    read_config_reply,
    read_refusal,
    read_service_reply,
)
from endpoint.wire.envelope import CONFIG_DATA, SERVICE_DATA, BadEnvelope, BadMac, Sealed, SessionKeys
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import RefreshToken
from tests.endpoint.wire.nearly import nearly

URL = "https://idbroker.webex.test/idb/token/v1/actions/srp/invoke"
URLS = UrlRule(is_secure=True, domains=("wbx2.test", "webex.test"))
B = srp.GROUP.pad(7)
SALT = b"\x01" * 256
GOOD = msgspec.to_builtins(ChallengeReply.of(B, SALT, URL))
SEALED = Sealed(b"\x01" * 256, b"\x02" * 32)
KEYS = SessionKeys.derive(b"K" * 32, b"t" * 32)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _reply(**changes: Any) -> bytes:
    return codec.encode({name: value for name, value in (GOOD | changes).items() if value is not ...})


# ---- step 1 --------------------------------------------------------------------------------------------------------


def test_a_good_challenge_is_accepted() -> None:
    challenge = read_challenge_reply(_reply(), URLS)
    assert (challenge.server_public, challenge.salt, challenge.url) == (B, SALT, URL)


BAD_CHALLENGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no version": ({"version": ...}, "version", "version"),
    "another version": ({"version": "v1.1"}, "version", "version"),
    "a version as a number": ({"version": 1.0}, "version", "version"),
    "no group": ({"srpGroup": ...}, "group", "srpGroup"),
    "another group": ({"srpGroup": "2048"}, "group", "srpGroup"),
    "a group as a number": ({"srpGroup": 3072}, "group", "srpGroup"),
    "no B": ({"srpB": ...}, "length", "srpB"),
    "B as a list": ({"srpB": [1]}, "length", "srpB"),
    "B of no bytes": ({"srpB": ""}, "length", "srpB"),
    "B of 383 bytes": ({"srpB": _text(bytes(383))}, "length", "srpB"),
    "B of 385 bytes": ({"srpB": _text(b"\x00" + B)}, "length", "srpB"),
    "B is 2N": ({"srpB": _text((2 * srp.N).to_bytes(385, "big"))}, "length", "srpB"),
    "B without padding": ({"srpB": _text(B + b"\x00")[:-1]}, "length", "srpB"),
    "B with white space": ({"srpB": _text(B)[:52] + "\n" + _text(B)[52:]}, "length", "srpB"),
    "B in the url alphabet": ({"srpB": _text(b"\xff" * 384).replace("/", "_")}, "length", "srpB"),
    "no salt": ({"srpS": ...}, "length", "srpS"),
    "a salt of 255 bytes": ({"srpS": _text(SALT[1:])}, "length", "srpS"),
    "a salt of 257 bytes": ({"srpS": _text(SALT + b"\x01")}, "length", "srpS"),
    "B is 0": ({"srpB": _text(bytes(384))}, "zero", "srpB"),
    "B is N": ({"srpB": _text(srp.GROUP.pad(srp.N))}, "zero", "srpB"),
    "B is N + 1": ({"srpB": _text(srp.GROUP.pad(srp.N + 1))}, "zero", "srpB"),
    "B is all ones": ({"srpB": _text(b"\xff" * 384)}, "zero", "srpB"),
    "no url": ({"url": ...}, "url", "url"),
    "url as a number": ({"url": 5}, "url", "url"),
    "a foreign url": ({"url": "https://idbroker.evil.test/"}, "url", "url"),
}


@pytest.mark.parametrize("what", BAD_CHALLENGES)
def test_a_bad_challenge_is_rejected_with_its_reason(what: str) -> None:
    changes, reason, where = BAD_CHALLENGES[what]
    with pytest.raises(ChallengeRejected) as caught:
        read_challenge_reply(_reply(**changes), URLS)
    assert (caught.value.reason, caught.value.where) == (reason, where)


def test_the_first_wrong_thing_decides() -> None:
    wrong: dict[str, Any] = {"version": "v9", "srpGroup": "1", "srpB": "", "url": ""}
    wrong["srpB"] = _text(bytes(384))
    for reason, member, right in (
        ("version", "version", "v1.0"),
        ("group", "srpGroup", "3072"),
        ("zero", "srpB", _text(B)),
        ("url", "url", URL),
    ):
        with pytest.raises(ChallengeRejected) as caught:
            read_challenge_reply(_reply(**wrong), URLS)
        assert caught.value.reason == reason
        wrong[member] = right
    assert read_challenge_reply(_reply(**wrong), URLS).url == URL


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'"v1.0"', b"{", b"\xff", b"[" * 50_000, _reply(x="x" * 65_536)])
def test_a_body_that_is_no_small_json_object_has_no_version(data: bytes) -> None:
    with pytest.raises(ChallengeRejected, match="a JSON object of at most 64 KiB") as caught:
        read_challenge_reply(data, URLS)
    assert caught.value.reason == "version"


@pytest.mark.parametrize("size", [16, 255, 257, 512])
def test_a_foreign_salt_is_accepted_behind_its_switch_only(size: int) -> None:
    data = _reply(srpS=_text(bytes(size)))
    assert read_challenge_reply(data, URLS, strict_salt=False).salt == bytes(size)
    with pytest.raises(ChallengeRejected):
        read_challenge_reply(data, URLS)


@pytest.mark.parametrize("size", [0, 15, 513])
def test_a_foreign_salt_has_bounds_too(size: int) -> None:
    with pytest.raises(ChallengeRejected, match="16 to 512 bytes"):
        read_challenge_reply(_reply(srpS=_text(bytes(size))), URLS, strict_salt=False)


def test_a_salt_may_start_with_a_zero_byte() -> None:
    assert read_challenge_reply(_reply(srpS=_text(bytes(range(256)))), URLS).salt == bytes(range(256))


# ---- urls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://idbroker.webex.test/x",
        "https://webex.test/x",
        "https://IDBroker.Webex.TEST:8443/x?y#z",
        "HTTPS://a.b.wbx2.test",
    ],
)
def test_a_url_under_the_cloud_is_allowed(url: str) -> None:
    assert URLS.allows(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "//idbroker.webex.test/x",
        "https://",
        "https:///x",
        "http://idbroker.webex.test/x",
        "wss://idbroker.webex.test/x",
        "file://idbroker.webex.test/x",
        "https://evilwebex.test/",
        "https://webex.test.evil.test/",
        "https://webex.test.",
        "https://test/",
        "https://idbroker.webex.test@evil.test/",
        "https://user:secret@idbroker.webex.test/",
        "https://@idbroker.webex.test/",
        "https://evil.test/@idbroker.webex.test/",
        "https://evil.test#@idbroker.webex.test/",
        "https://evil.test?.webex.test",
        "https://evil.test\\@idbroker.webex.test/",
        "https://evil.test\\.webex.test/",
        "https://idbroker.webex.test\\evil",
        "https://idbroker.webex.test:99999/",
        "https://idbroker.webex.test:x/",
        "https://[::1/",
        "https://evil.test\t.webex.test/",
        "https://idbroker.webex.test/\n",
        " https://idbroker.webex.test/",
        "https://idbroker.web\u0435x.test/",
    ],
)
def test_a_url_elsewhere_or_of_doubtful_form_is_refused(url: str) -> None:
    assert not URLS.allows(url)


def test_a_single_origin_is_allowed_by_its_host() -> None:
    urls = UrlRule(is_secure=False, domains=("127.0.0.1",))
    assert urls.allows("http://127.0.0.1:8080/idb/x")
    assert urls.allows("https://127.0.0.1:8443/idb/x")
    assert not urls.allows("http://10.0.0.1/x")
    assert not UrlRule(is_secure=False, domains=()).allows("http://127.0.0.1/")


@given(st.text() | st.from_regex(r"https://[a-z.@\\/:#?\[\]]{0,12}webex\.test[a-z.@\\/:#?\[\]]{0,6}", fullmatch=True))
def test_an_allowed_url_has_its_host_where_everyone_reads_it(url: str) -> None:
    if URLS.allows(url):
        host = url.split("://")[1].split("/")[0].split("?")[0].split("#")[0].split(":")[0].lower()
        assert f".{host}".endswith((".webex.test", ".wbx2.test"))


# ---- steps 2 and 3 -------------------------------------------------------------------------------------------------

REGISTER_URL = "https://idbroker.webex.test/idb/token/v1/actions/srp/register"


def test_good_sealed_replies_are_read() -> None:
    assert read_service_reply(codec.encode(ServiceReply.of(SEALED, REGISTER_URL)), URLS) == (SEALED, REGISTER_URL)
    assert read_config_reply(codec.encode(ConfigReply.of(SEALED))) == SEALED


@pytest.mark.parametrize("url", ["http://idbroker.webex.test/x", "https://evil.test/x", ""])
def test_the_second_reply_may_not_lead_elsewhere_either(url: str) -> None:
    with pytest.raises(ChallengeRejected) as caught:
        read_service_reply(codec.encode(ServiceReply.of(SEALED, url)), URLS)
    assert caught.value.reason == "url"


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"configData":"' + b"A" * 65_536 + b'"}', "body"),
        (b"{}", "configData"),
        (b'{"configData":5,"configDataHMAC":"AAAA"}', "configData"),
        (b'{"configData":"A","configDataHMAC":"AAAA"}', "configData"),
        (b'{"configData":"AAAA"}', "configDataHMAC"),
        (b'{"configData":"AAAA","configDataHMAC":"AA=="}', None),
        (b'{"configData":"AAAA","configDataHMAC":"AB=="}', "configDataHMAC"),
    ],
)
def test_a_malformed_sealed_reply_is_a_bad_envelope(data: bytes, where: str | None) -> None:
    if where is None:
        assert read_config_reply(data) == Sealed(bytes(3), bytes(1))
        return
    with pytest.raises(BadEnvelope) as caught:
        read_config_reply(data)
    assert caught.value.where == where


SERVICE: dict[str, Any] = {
    "token": {
        "access_token": "access-SECRET",
        "token_type": "Bearer",
        "expires_in": 64799,
        "refresh_token": "refresh-SECRET",
        "refresh_token_expires_in": 5183999,
        "scope": "spark:all",
    },
    "services": {"u2c": "https://u2c-a.wbx2.test/u2c/api/v1"},
    "certificates": ["pem"],
    "orgId": "11111111-2222-4333-8444-555555555555",
    "userId": "66666666-7777-4888-9999-000000000000",
}


def _seal_service(data: object) -> Sealed:
    return KEYS.seal(SERVICE_DATA, codec.encode(data), bytes(16))


def test_service_data_is_opened_and_its_tokens_do_not_show() -> None:
    data = open_service_data(KEYS, _seal_service(SERVICE))
    assert data.token.access_token.reveal() == "access-SECRET"
    assert data.token.refresh_token is not None
    assert data.token.refresh_token.reveal() == "refresh-SECRET"
    assert (data.services, data.certificates) == (SERVICE["services"], ("pem",))
    assert "SECRET" not in repr(data)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"services": {}}, "serviceData"),
        ({"services": {"u2c": 5}}, "serviceData.services[...]"),
        ({"certificates": None}, "serviceData.certificates"),
        ({"orgId": "SECRET"}, "serviceData.orgId"),
        ({"userId": 5}, "serviceData.userId"),
        ({"token": None}, "serviceData.token"),
        ({"token": SERVICE["token"] | {"access_token": ["SECRET"]}}, "serviceData.token.access_token"),
        ({"token": SERVICE["token"] | {"access_token": ""}}, "serviceData.token.access_token"),
        ({"token": SERVICE["token"] | {"token_type": "SECRET"}}, "serviceData.token.token_type"),
        ({"token": SERVICE["token"] | {"expires_in": -1}}, "serviceData.token.expires_in"),
        ({"token": SERVICE["token"] | {"expires_in": "SECRET"}}, "serviceData.token.expires_in"),
        ({"token": SERVICE["token"] | {"refresh_token": None}}, "serviceData"),
    ],
)
def test_wrong_service_data_is_a_bad_envelope_that_repeats_nothing(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BadEnvelope) as caught:
        open_service_data(KEYS, _seal_service(SERVICE | changes))
    assert caught.value.where == where
    assert "SECRET" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("member", SERVICE)
def test_service_data_has_all_its_members(member: str) -> None:
    with pytest.raises(BadEnvelope, match=f"`{member}`"):
        open_service_data(KEYS, _seal_service({name: value for name, value in SERVICE.items() if name != member}))


def test_config_data_is_opened_also_with_a_wrong_trust_list() -> None:
    sealed = KEYS.seal(CONFIG_DATA, b'{"trustList":"x","displayName":"Aurora"}', bytes(16))
    assert open_config_data(KEYS, sealed) == ConfigData(trust_list="x", display_name="Aurora")
    with pytest.raises(BadMac):
        open_config_data(KEYS, Sealed(sealed.blob, bytes(32)))


# ---- refusals ------------------------------------------------------------------------------------------------------


def test_a_refusal_is_read_back() -> None:
    sent = RefusalBody.of("srp.proof_failed", "T_1", attempts_left=4)
    assert read_refusal(codec.encode(sent)) == RefusalBody(error="srp.proof_failed", tracking_id="T_1", attempts_left=4)


@pytest.mark.parametrize("left", [-1, 6, True, 2.0, "4", None, [4]])
def test_attempts_that_make_no_sense_are_left_out(left: object) -> None:
    data = codec.encode({"error": "srp.proof_failed", "attemptsLeft": left})
    assert read_refusal(data) == RefusalBody(error="srp.proof_failed")


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b'{"error":5,"trackingId":5}'])
def test_a_refusal_without_a_usable_body_is_still_a_refusal(data: bytes) -> None:
    assert read_refusal(data) == RefusalBody(error="")


# ---- any bytes -----------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_VALUES = _JSON | st.sampled_from([_text(B), _text(SALT), _text(bytes(384)), URL, "v1.0", "3072"])


def _bodies(*names: str) -> st.SearchStrategy[bytes]:
    near = st.dictionaries(st.sampled_from(names), _VALUES).map(codec.encode)
    return st.binary() | near | st.dictionaries(st.sampled_from(names), _VALUES).map(lambda some: _reply(**some))


@given(_bodies(*GOOD) | nearly(GOOD).map(codec.encode))
def test_any_reply_of_step_1_is_a_challenge_or_rejected(data: bytes) -> None:
    with contextlib.suppress(ChallengeRejected):
        challenge = read_challenge_reply(data, URLS)
        srp.GROUP.check_public(challenge.server_public, "srpB")
        assert len(challenge.salt) == 256
        assert URLS.allows(challenge.url)
        again = ChallengeReply.of(challenge.server_public, challenge.salt, challenge.url)
        assert read_challenge_reply(codec.encode(again), URLS) == challenge


SEALED_REPLY = msgspec.to_builtins(ServiceReply.of(SEALED, URL)) | msgspec.to_builtins(ConfigReply.of(SEALED))


@given(_bodies(*SEALED_REPLY) | nearly(SEALED_REPLY).map(codec.encode))
def test_any_sealed_reply_is_sealed_or_a_documented_error(data: bytes) -> None:
    with contextlib.suppress(BadEnvelope, ChallengeRejected):
        sealed, url = read_service_reply(data, URLS)
        assert URLS.allows(url)
        assert read_service_reply(codec.encode(ServiceReply.of(sealed, url)), URLS) == (sealed, url)
    with contextlib.suppress(BadEnvelope):
        sealed = read_config_reply(data)
        assert read_config_reply(codec.encode(ConfigReply.of(sealed))) == sealed


@given(st.binary() | nearly({"error": "srp.proof_failed", "attemptsLeft": 4, "trackingId": "T_1"}).map(codec.encode))
def test_any_refusal_is_a_refusal(data: bytes) -> None:
    refusal = read_refusal(data)
    assert refusal.attempts_left is None or 0 <= refusal.attempts_left <= 5
    assert read_refusal(codec.encode(refusal)) == refusal


CONFIG = {"trustList": ["pem"], "workspaceId": "w", "displayName": "Aurora", "deviceId": "d"}


@given(st.binary() | _JSON.map(codec.encode) | nearly(SERVICE).map(codec.encode))
def test_any_authentic_plaintext_is_service_data_or_a_bad_envelope(plaintext: bytes) -> None:
    try:
        data = open_service_data(KEYS, KEYS.seal(SERVICE_DATA, plaintext, bytes(16)))
    except BadEnvelope:
        return
    came = codec.decode(plaintext, dict[str, Any])
    assert data.token.refresh_token == RefreshToken(came["token"]["refresh_token"])
    assert (data.org_id, data.user_id, data.services) == (came["orgId"], came["userId"], came["services"])
    assert "u2c" in data.services
    assert open_service_data(KEYS, _seal_service(data)) == data
    assert open_service_data(KEYS, _seal_service(came | {"zone": 1})) == data


@given(st.binary() | _JSON.map(codec.encode) | nearly(CONFIG).map(codec.encode))
def test_any_authentic_plaintext_is_config_data_or_a_bad_envelope(plaintext: bytes) -> None:
    try:
        data = open_config_data(KEYS, KEYS.seal(CONFIG_DATA, plaintext, bytes(16)))
    except BadEnvelope:
        return
    came = codec.decode(plaintext, dict[str, Any])
    assert data.has_trust_list is ("trustList" in came)
    assert data.trust_items == (came["trustList"] if isinstance(came.get("trustList"), list) else None)
    assert (data.workspace_id, data.display_name) == (came.get("workspaceId"), came.get("displayName"))
    assert open_config_data(KEYS, KEYS.seal(CONFIG_DATA, codec.encode(data), bytes(16))) == data


def test_no_error_shows_what_a_foreign_reply_held() -> None:
    errors: list[RemoteProtocolError] = []
    for name in GOOD:
        with pytest.raises(RemoteProtocolError) as caught:
            read_challenge_reply(_reply(**{name: "SECRET"}), URLS)
        errors.append(caught.value)
    assert not any("SECRET" in str(error) + repr(error) for error in errors)
