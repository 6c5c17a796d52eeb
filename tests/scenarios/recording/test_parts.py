"""The parts of recording and replay, one by one: taking secrets out, rules, SRP computed anew."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance
from endpoint.wire import activation, codec
from endpoint.wire.activation.code import parse_code
from endpoint.wire.envelope import CONFIG_DATA, OAUTH_DATA, REGISTER_DATA, SERVICE_DATA
from endpoint.wire.secret import Secret
from scenarios.runner.recording.against import _Activation
from scenarios.runner.recording.redact import Redactor
from scenarios.runner.recording.remade import Refusal, SrpSide
from scenarios.runner.recording.rules import Pairs, Rules, shifted
from scenarios.runner.recording.secretcheck import find_secrets

ORG = "0a1b2c3d-1111-4222-8333-444455556666"
ID = "5f50eebd-c972-4c9a-8fb5-0e74ef7d7de2"
OTHER = "00000000-c972-4c9a-8fb5-0e74ef7d7de2"
ASKED = {
    "client_id": "c", "scope": "s", "deviceIdentifier": ID, "model": "m", "serial": "1", "softwareVersion": "ce26.4",
}  # fmt: skip


def redactor() -> Redactor:
    """Return one that numbers secrets as a trace does."""
    seen: dict[Secret, str] = {}
    return Redactor(lambda secret: seen.setdefault(secret, f"<{secret.secret_kind}#{len(seen) + 1}>"))


def test_members_are_secret_by_what_they_are() -> None:
    one = redactor()
    body = {
        "access_token": f"{'ab' * 20}_CLUS_{ORG}",
        "data": {"token": f"Bearer {'ab' * 20}_CLUS_{ORG}", "token_type": "Bearer"},
        "jwk": {"kty": "oct", "k": "c2VjcmV0", "kid": "kms://a/keys/1"},
        "k": "no key: it is in no JWK",
        "meetingJoinInfo": {"hostKey": 123456},
    }
    found = json.loads(one.body(json.dumps(body), "application/json"))
    assert found == {
        "access_token": "<access_token#1>",
        "data": {"token": "Bearer <access_token#1>", "token_type": "Bearer"},
        "jwk": {"kty": "oct", "k": "<key#2>", "kid": "kms://a/keys/1"},
        "k": "no key: it is in no JWK",
        "meetingJoinInfo": {"hostKey": "<pin#3>"},
    }
    assert one.about == {"<access_token#1>": {"org": ORG}}


def test_what_was_learned_is_replaced_wherever_it_stands() -> None:
    one = redactor()
    assert one.body(
        "grant_type=refresh_token&refresh_token=abcdefghijklmnopqrst", "application/x-www-form-urlencoded"
    ) == ("grant_type=refresh_token&refresh_token=<refresh_token#1>")
    assert one.swept("see abcdefghijklmnopqrst here") == "see <refresh_token#1> here"
    assert one.known == {"abcdefghijklmnopqrst"}


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["access_token", "password", "srpA", "a", "token"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_nothing_of_a_known_name_stays(value: object) -> None:
    found = json.loads(redactor().body(json.dumps(value), "application/json"))
    assert [finding for finding in find_secrets(found) if "in clear" in finding.what] == []


def test_a_secret_is_found_by_its_value_and_by_its_shape() -> None:
    assert [str(one) for one in find_secrets({"a": ["x sesame-open y"]}, frozenset({"sesame-open"}))] == [
        "a[0]: a secret that was met in this run"
    ]
    shapes = [
        "Bearer abc",
        "-----BEGIN PRIVATE KEY-----",
        "1234 5678 9012 3456",
        "a=ice-pwd:abc",
        f"{'ab' * 20}_CLUS_{ORG}",
    ]
    for shape in shapes:
        assert find_secrets({"a": shape}), shape
    assert find_secrets({"a": "Bearer <access_token#1>", "b": ID, "password": "<password#2>"}) == []


def test_rules_let_differ_what_differs_in_each_run_and_nothing_else() -> None:
    recorded = {
        "id": ID,
        "at": "2026-03-02T09:00:00.000Z",
        "token": "<access_token#1>",
        "url": f"https://a.test/x/{ID}",
        "n": 1,
        "list": [1],
    }
    actual = {
        "id": OTHER,
        "at": "2027-03-02T09:00:00.000Z",
        "token": "abc",
        "url": f"https://b.test/x/{OTHER}",
        "n": 2,
        "list": [1, 2],
    }
    assert [str(one) for one in Rules().differences(recorded, actual)] == [
        "list: recorded 1 elements, got 2 elements",
        "n: recorded 1, got 2",
    ]
    strict = Rules.of([], ["ids", "times", "hosts"])
    assert {one.place for one in strict.differences(recorded, actual)} == {"id", "at", "url", "n", "list"}
    assert Rules.of(["n", "list"], []).differences(recorded, actual) == []


def test_ids_of_the_other_side_take_the_place_of_recorded_ones() -> None:
    pairs = Pairs()
    pairs.learn({"url": f"https://a.test/devices/{ID}"}, {"url": f"https://a.test/devices/{OTHER}"})
    assert pairs.text(f"DELETE {ID}") == f"DELETE {OTHER}"


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("2026-03-02T09:00:00.000Z", "2026-03-02T10:00:00.000Z"),
        ("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-02T09:00:00+01:00", "2026-03-02T10:00:00+01:00"),
        ("Mon, 02 Mar 2026 09:00:00 GMT", "Mon, 02 Mar 2026 10:00:00 GMT"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_instants_move_and_keep_their_form(text: str, moved: str) -> None:
    assert shifted(f"at {text}.", timedelta(hours=1)) == f"at {moved}."


def exchange(device_code: str, cloud_code: str) -> tuple[dict[str, object], dict[str, object]]:
    """Let the two sides of a replay speak with each other; return what each has opened last."""
    chance = Chance(5)
    device = _Activation(parse_code(device_code), chance.actor("device"))
    cloud = SrpSide(parse_code(cloud_code), chance.actor("cloud"))
    recorded = activation.ChallengeReply(
        srp_b="", url="https://i.test/invoke", version="v1.0", srp_group="3072", srp_s=""
    )
    asked = codec.encode(activation.ChallengeRequest(activation_id=device_code[:8]))
    device.challenged(codec.decode(cloud.challenge(asked, recorded), activation.ChallengeReply))
    answer, _ = cloud.invoke(device.sealed(OAUTH_DATA, codec.encode(ASKED)), {"orgId": ORG}, "https://i.test/register")
    service = device.open(SERVICE_DATA, codec.decode(answer, dict))
    told = {"deviceIdentifier": ID, "model": "m", "serial": "1"}
    answer, introduced = cloud.register(device.sealed(REGISTER_DATA, codec.encode(told)), {"displayName": "Lab"})
    assert service == {"orgId": ORG}
    return device.open(CONFIG_DATA, codec.decode(answer, dict)), introduced


def test_an_activation_is_computed_from_the_code_on_both_sides() -> None:
    config, introduced = exchange("1234567812345678", "1234567812345678")
    assert config == {"displayName": "Lab"}
    assert introduced == {"deviceIdentifier": ID, "model": "m", "serial": "1"}


@pytest.mark.parametrize(
    ("code", "why"), [("1234567887654321", "srp.proof_failed"), ("8765432112345678", "code.unknown")]
)
def test_another_code_is_refused_as_the_cloud_would(code: str, why: str) -> None:
    with pytest.raises(Refusal) as found:
        exchange(code, "1234567812345678")
    assert found.value.code == why
