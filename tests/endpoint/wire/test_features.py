from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import decode, encode
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.features import KINDS, PUSHED_KINDS, Feature, FeatureSets, apply_update, coerce, text_of, update_data
from tests.endpoint.wire.nearly import nearly

SLIDE = (
    b'{"developer":[{"key":"Android-one-on-one-space-obtp","val":"true","mutable":true,"group":"ALL","percentage":100,'
    b'"orgId":"GLOBAL","type":"DEV","deletedTime":0,"lastModified":"2018-06-07T18:54:23.332Z"}],"entitlement":[],"user":[]}'
)


@pytest.mark.parametrize(
    ("val", "value"),
    [
        ("", 0),
        ("  ", 0),
        ("0", 0),
        ("42", 42),
        (" 42 ", 42),
        ("-7", -7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("0x10", 16),
        ("0b11", 3),
        ("1e400", float("inf")),
        ("-Infinity", float("-inf")),
        ("9007199254740993", 9007199254740992.0),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        (" true", " true"),
        ("yes", "yes"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("infinity", "infinity"),
        ("0x", "0x"),
        ("٣", "٣"),
    ],
)
def test_coerce(val: str, value: object) -> None:
    assert coerce(val) == value
    assert type(coerce(val)) is type(value)


@given(st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_values_survive_their_text(value: bool | int | float) -> None:
    assert coerce(text_of(value)) == value


@given(st.text())
def test_coerce_fuzz(val: str) -> None:
    assert isinstance(coerce(val), bool | int | float | str)


def test_the_toggle_of_the_slides_is_read_and_rebuilt_byte_for_byte() -> None:
    sets = decode(SLIDE, FeatureSets, "features")
    assert sets.get("developer", "Android-one-on-one-space-obtp") is True
    assert encode(sets) == SLIDE


@pytest.mark.parametrize("val", [b"true", b"1", b"null"])
def test_val_has_to_be_a_string(val: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(b'{"user":[{"key":"k","val":' + val + b"}]}", FeatureSets, "features")
    assert caught.value.where == "features.user[0].val"


def test_get_reads_one_set_and_the_last_of_equal_keys() -> None:
    sets = FeatureSets(user=(Feature(key="k", val="1"), Feature(key="k", val="2")))
    assert (sets.get("user", "k"), sets.get("developer", "k"), sets.get("user", "x")) == (2, None, None)
    with pytest.raises(LocalProtocolError):
        sets.get("team", "k")


@pytest.mark.parametrize(("sent", "kind"), [("DEVELOPER", "developer"), ("user", "user"), ("User", "user")])
def test_a_push_changes_or_adds_one_toggle(sent: str, kind: str) -> None:
    old = FeatureSets(
        developer=(Feature(key="x", val="false"), Feature(key="y", val="1")), user=(Feature(key="x", val="no"),)
    )
    data = {
        "eventType": "featureToggle_update",
        "featureToggle": {"type": sent, "key": "x", "val": "true", "mutable": True},
    }
    new = apply_update(old, data)
    assert new.get(kind, "x") is True
    assert [feature.key for feature in getattr(new, kind)] == [feature.key for feature in getattr(old, kind)]
    data["featureToggle"] = {"type": sent, "key": "z", "val": "5"}
    assert apply_update(new, data).get(kind, "z") == 5


@pytest.mark.parametrize("sent", ["DEV", "ENTITLEMENT", "entitlement", "", "team"])
def test_pushes_of_other_types_are_ignored(sent: str) -> None:
    old = FeatureSets(developer=(Feature(key="x", val="false"),))
    assert apply_update(old, {"featureToggle": {"type": sent, "key": "x", "val": "true"}}) is old


@pytest.mark.parametrize(
    ("toggle", "where"),
    [
        ({"key": "x", "val": "true"}, "data.featureToggle.type"),
        ({"type": "USER", "key": "x", "val": True}, "data.featureToggle.val"),
        ({"type": "USER", "val": "1"}, "data.featureToggle"),
        (None, "data.featureToggle"),
    ],
)
def test_bad_pushes_are_refused(toggle: object, where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        apply_update(FeatureSets(), {"featureToggle": toggle})
    assert caught.value.where == where


features = st.builds(Feature, key=st.text(), val=st.text(), mutable=st.none() | st.booleans())


@given(st.sampled_from(["developer", "user"]), features)
def test_what_the_cloud_pushes_the_device_takes(kind: str, feature: Feature) -> None:
    sets = apply_update(FeatureSets(), update_data(kind, feature))
    assert sets.get(kind, feature.key) == feature.value


def test_entitlements_are_not_pushed() -> None:
    with pytest.raises(LocalProtocolError):
        update_data("entitlement", Feature(key="k", val="1"))


OLD = FeatureSets(
    developer=(Feature(key="k", val="1"), Feature(key="other", val="x")),
    user=(Feature(key="k", val="2"), Feature(key="other", val="y")),
)


@given(nearly(update_data("user", Feature(key="k", val="true", mutable=True, percentage=100))))
def test_any_push_sets_one_toggle_or_is_refused(data: Any) -> None:
    try:
        new = apply_update(OLD, data)
    except RemoteProtocolError:
        return
    toggle = data["featureToggle"]
    kind = toggle["type"].lower()
    if kind not in PUSHED_KINDS:
        assert new is OLD
        return
    assert new.get(kind, toggle["key"]) == coerce(toggle["val"])
    for other, name in {(kind, known) for kind in KINDS for known in ("k", "other")} - {(kind, toggle["key"])}:
        assert new.get(other, name) == OLD.get(other, name)
    assert apply_update(new, data) == new
    assert apply_update(OLD, {**data, "featureToggle": {"zone": 1, **toggle}}) == new


@given(nearly(json.loads(SLIDE)))
def test_any_sets_are_read_or_refused(sets: Any) -> None:
    try:
        read = decode(encode(sets), FeatureSets, "features")
    except RemoteProtocolError:
        return
    assert decode(encode(read), FeatureSets, "features") == read
    for kind in KINDS:
        for toggle in sets.get(kind, []):
            assert read.get(kind, toggle["key"]) in [coerce(known["val"]) for known in sets[kind]]
