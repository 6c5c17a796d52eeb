from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import decode, encode
from endpoint.wire.conventions import error_body, read_error
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.features import Feature, FeatureSets
from endpoint.wire.wdm import (
    EXCESS_CODE,
    EXCESS_MESSAGE,
    ROOM_DEVICE,
    Device,
    DeviceList,
    DeviceSummary,
    Registration,
    device_answer,
    excess_to_delete,
    is_excess,
    parse_device,
    room_registration,
)
from tests.endpoint.wire.nearly import json_values, nearly

# protocol/activation-and-media.md 8.1
BODY = (
    b'{"deviceIdentifier":"00000000-abcd-0000-abcd-000000000000","systemName":"s53300",'
    b'"systemVersion":"ce10.12.1.6.cd735cb1ea2 2022-04-14","deviceType":"TP_ENDPOINT","model":"Desk Pro",'
    b'"name":"Cisco Webex Desk Pro","localizedModel":"Cisco Webex Desk Pro","capabilities":{"groupCallSupported":true},'
    b'"isDeviceManaged":true}'
)
# protocol/cloud-services.md 18.4 and 18.5
SDK_BODY = (
    b'{"name":"node","deviceType":"WEB","model":"web-js-sdk","localizedModel":"webex-js-sdk",'
    b'"systemName":"WEBEX_JS_SDK","systemVersion":"1.0.0"}'
)
URL = "http://127.0.0.1:8080/wdm/api/v1/devices/5d2a7616-d05e-43f5-a64e-38920c61afb8"
SOCKET = "ws://127.0.0.1:8080/v1/apps/wx2/registrations/5d2a7616-d05e-43f5-a64e-38920c61afb8/messages"
USER = "c0ffee00-1111-4222-8333-444455556666"
ORG = "0a0b0c0d-1111-4222-8333-444455556666"
TIME = "2026-11-20T18:14:20.834Z"
ANSWER: dict[str, Any] = {
    "url": URL,
    "webSocketUrl": SOCKET,
    "userId": USER,
    "orgId": ORG,
    "deviceType": "WEB",
    "name": "node",
    "modificationTime": TIME,
    "features": {
        "developer": [
            {"key": "stub-dev", "type": "boolean", "val": "true", "value": True, "mutable": True, "lastModified": TIME}
        ],
        "entitlement": [{"key": "sparkKms", "val": "true", "value": True, "mutable": False}],
        "user": [],
    },
}
REFRESH: dict[str, Any] = {
    "register-request-id": "c6c5414b-2e61-4f71-97fb-830890d2f5be",
    "refresh-request-id": "10223239-6630-4f7c-94d0-47ff4c0012f1",
    "name": "node",
    "model": "web-js-sdk",
    "localizedModel": "webex-js-sdk",
    "systemName": "WEBEX_JS_SDK",
    "systemVersion": "1.0.0",
    "orgId": ORG,
    "country": "NO",
    "isDeviceManaged": False,
    "deviceType": "WEB",
    "ecmSupportedStorageProviders": [],
    "modificationTime": "2026-11-20T18:37:22.826Z",
    "url": URL,
    "userId": USER,
    "webSocketUrl": SOCKET,
    "ipNetworkDetector": {"firstIpV4": -1, "firstIpV6": -1, "firstMdns": -1, "totalTime": -1, "state": "initial"},
}


def _parse(etag: str = "", stored: Device | None = None, **changes: Any) -> Device:
    members = {name: value for name, value in {**ANSWER, **changes}.items() if value is not ...}
    return parse_device(json.dumps(members).encode(), etag, stored)


def _desk_pro(**changes: Any) -> Registration:
    members = {
        "device_identifier": "00000000-abcd-0000-abcd-000000000000",
        "system_name": "s53300",
        "system_version": "ce10.12.1.6.cd735cb1ea2 2022-04-14",
        "model": "Desk Pro",
        "name": "Cisco Webex Desk Pro",
    }
    return room_registration(**members, **changes)


# ---- registration ----


def test_the_body_of_the_slides_byte_for_byte() -> None:
    assert encode(_desk_pro()) == BODY
    assert decode(BODY, Registration, "registration") == _desk_pro()


def test_country_and_region_are_optional_members() -> None:
    assert encode(_desk_pro(country_code="US", region_code="US-EAST")).endswith(
        b',"countryCode":"US","regionCode":"US-EAST"}'
    )


def test_bodies_of_the_sdk_are_read() -> None:
    registration = decode(SDK_BODY, Registration, "registration")
    assert (registration.device_type, registration.device_identifier) == ("WEB", None)
    assert decode(json.dumps(REFRESH), Registration, "registration").name == "node"


@given(
    st.binary()
    | st.builds(lambda i, junk: BODY[:i] + junk + BODY[i + 1 :], st.integers(0, len(BODY)), st.binary(max_size=3))
    | st.sampled_from([json.loads(BODY), REFRESH]).flatmap(nearly).map(encode)
)
def test_any_body_is_a_registration_or_refused(body: bytes) -> None:
    try:
        registration = decode(body, Registration, "registration")
    except RemoteProtocolError:
        return
    members = json.loads(body.decode(errors="replace"))  # what is skipped unread may be no UTF-8
    assert registration.device_type == members.get("deviceType")
    assert registration.is_device_managed is members.get("isDeviceManaged")
    assert decode(encode(registration), Registration, "registration") == registration
    assert "ttl" not in _answer(registration)
    device = parse_device(encode(_answer(registration)))
    assert device.device_type == (registration.device_type or "")


# ---- answer ----


def test_the_smallest_useful_answer_is_read() -> None:
    device = _parse(etag='W/"1"')
    assert (device.url, device.web_socket_url, device.user_id, device.org_id) == (URL, SOCKET, USER, ORG)
    assert (device.device_type, device.modification_time, device.etag) == ("WEB", TIME, 'W/"1"')
    assert device.features.get("developer", "stub-dev") is True
    assert device.features.get("entitlement", "sparkKms") is True


def test_the_spelling_of_the_slides_is_accepted_and_the_usual_one_wins() -> None:
    assert _parse(webSocketUrl=..., websocketUrl="wss://b.test/v1").web_socket_url == "wss://b.test/v1"
    assert _parse(websocketUrl="wss://b.test/v1").web_socket_url == SOCKET
    assert _parse(webSocketUrl=None, websocketUrl="wss://b.test/v1").web_socket_url == "wss://b.test/v1"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"url": ...}, "device"),
        ({"url": 5}, "device.url"),
        ({"url": "wss://a.test"}, "device.url"),
        ({"webSocketUrl": ...}, "device.webSocketUrl"),
        ({"webSocketUrl": 5}, "device.webSocketUrl"),
        ({"webSocketUrl": "https://a.test"}, "device.webSocketUrl"),
        ({"userId": None}, "device.userId"),
        ({"features": ...}, "device"),
        ({"features": {"user": [{"key": "k", "val": True}]}}, "device.features.user[0].val"),
        ({"modificationTime": 5}, "device.modificationTime"),
    ],
)
def test_unusable_answers_name_the_member(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        _parse(**changes)
    assert caught.value.where == where


def test_everything_but_toggles_and_legacy_goes_back_on_refresh() -> None:
    extras: dict[str, Any] = {"country": "NO", "deviceSettings": {"a": [1]}, "zone": None}
    device = _parse(**extras, mediaCluster={}, etag="x", services={"a": 1}, serviceHostMap={})
    body = device.refresh_body()
    assert body == {**{name: value for name, value in ANSWER.items() if name != "features"}, **extras}


def test_a_stored_registration_is_read_back_with_its_toggles_as_they_are_now() -> None:
    device = _parse(etag="1", zone="x")
    changed = replace(device, features=device.features.with_feature("user", Feature(key="k", val="5")))
    again = parse_device(encode(changed.dto()), "1")
    assert (again.features, again.members["zone"]) == (changed.features, "x")


# ---- etag ----


def test_an_equal_etag_keeps_the_developer_toggles() -> None:
    stored = _parse(etag='W/"1"')
    answer = _parse(etag='W/"1"', stored=stored, features={"user": [{"key": "u", "val": "1"}], "entitlement": []})
    assert answer.features.developer == stored.features.developer
    assert (answer.features.get("user", "u"), answer.features.entitlement) == (1, ())


@pytest.mark.parametrize("etag", ['W/"2"', ""])
def test_another_etag_or_none_takes_all_toggles_anew(etag: str) -> None:
    answer = _parse(etag=etag, stored=_parse(etag='W/"1"' if etag else ""), features={"user": []})
    assert answer.features == FeatureSets()


@pytest.mark.parametrize("missing", ["user", "entitlement"])
def test_an_equal_etag_needs_both_other_sets(missing: str) -> None:
    sets: dict[str, list[object]] = {"user": [], "entitlement": []}
    del sets[missing]
    with pytest.raises(RemoteProtocolError) as caught:
        _parse(etag="1", stored=_parse(etag="1"), features=sets)
    assert caught.value.where == f"device.features.{missing}"


# ---- the service's side ----


def _answer(registration: Registration, **changes: Any) -> dict[str, Any]:
    members: dict[str, Any] = {
        "url": URL,
        "web_socket_url": SOCKET,
        "user_id": USER,
        "org_id": ORG,
        "features": FeatureSets(developer=(Feature(key="d", val="1"),)),
        "created": TIME,
        "modified": TIME,
    }
    return device_answer(registration, **{**members, **changes})


def test_the_service_answers_with_the_echo_and_its_own_members() -> None:
    answer = _answer(_desk_pro())
    device = parse_device(encode(answer))
    assert (device.url, device.device_type, device.features.get("developer", "d")) == (URL, ROOM_DEVICE, 1)
    assert answer["capabilities"] == {"groupCallSupported": True}
    assert answer["isDeviceManaged"] is True
    assert decode(encode(device.refresh_body()), Registration, "registration") == _desk_pro()


def test_the_service_keeps_ttl_to_itself_and_defaults_what_was_not_said() -> None:
    answer = _answer(Registration(device_type="WEB", ttl=1800))
    assert "ttl" not in answer
    assert answer["isDeviceManaged"] is False


def test_the_service_leaves_developer_toggles_out_for_a_known_etag() -> None:
    answer = _answer(_desk_pro(), developer=False)
    assert set(answer["features"]) == {"entitlement", "user"}


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_unknown_members_are_kept(extras: dict[str, object]) -> None:
    kept = {name: value for name, value in extras.items() if name not in ANSWER}
    assert _parse(**ANSWER | kept).dto().items() >= kept.items()


extended = {**ANSWER, "etag": "x", "mediaCluster": {}, "services": {"a": 1}, "country": "NO"}


@given(
    st.binary() | st.sampled_from([ANSWER, extended]).flatmap(nearly).map(encode),
    st.sampled_from(["", "1", "2"]),
)
def test_any_answer_is_a_device_or_refused(body: bytes, etag: str) -> None:
    stored = _parse(etag="1", features={"developer": [{"key": "kept", "val": "1"}]})
    try:
        device = parse_device(body, etag, stored)
    except RemoteProtocolError as error:
        where = error.where
        assert where.startswith("device")
        return
    members = json.loads(body)
    assert device.members == members
    assert (device.url, device.user_id, device.org_id) == (members["url"], members["userId"], members["orgId"])
    assert device.web_socket_url in (members.get("webSocketUrl"), members.get("websocketUrl"))
    assert (device.features.developer == stored.features.developer) is (etag == "1")
    again = parse_device(encode(device.dto()), etag)
    assert replace(again, members=device.members) == device
    assert again.dto() == device.dto()
    assert again.refresh_body() == device.refresh_body()
    assert not {"features", "mediaCluster", "etag", "services", "serviceHostMap"} & set(device.refresh_body())
    assert parse_device(encode({**members, "zone": 1}), etag, stored).dto() == {**device.dto(), "zone": 1}


@given(st.binary() | nearly({"devices": [ANSWER, {"url": URL, "deviceType": "WEB"}]}).map(encode))
def test_any_body_is_a_list_of_devices_or_refused(body: bytes) -> None:
    try:
        listed = decode(body, DeviceList, "devices")
    except RemoteProtocolError:
        return
    assert [device.url for device in listed.devices] == [device["url"] for device in json.loads(body)["devices"]]
    assert decode(encode(listed), DeviceList, "devices") == listed
    assert set(excess_to_delete(listed.devices * 2, "WEB")) <= {device.url for device in listed.devices}


# ---- excess ----


def _devices(count: int, device_type: str = ROOM_DEVICE) -> list[DeviceSummary]:
    return [
        DeviceSummary(
            url=f"http://h.test/{i}", device_type=device_type, modification_time=f"2026-11-{20 - i:02}T18:14:20Z"
        )
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "deleted"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (5, 2), (6, 2), (7, 3), (15, 5)]
)
def test_the_oldest_third_goes_rounded_up_when_there_are_more_than_two(count: int, deleted: int) -> None:
    oldest_first = [device.url for device in reversed(_devices(count))]
    assert list(excess_to_delete(_devices(count), ROOM_DEVICE)) == oldest_first[:deleted]


def test_devices_of_another_type_stay() -> None:
    assert excess_to_delete([*_devices(9, "WEB"), *_devices(2)], ROOM_DEVICE) == ()


def test_a_device_without_a_readable_time_counts_as_the_oldest() -> None:
    devices = [*_devices(2), DeviceSummary(url="http://h.test/x", device_type=ROOM_DEVICE, modification_time="?")]
    assert excess_to_delete(devices, ROOM_DEVICE) == ("http://h.test/x",)


def test_the_list_is_read() -> None:
    listed = decode(json.dumps({"devices": [ANSWER]}), DeviceList, "devices")
    assert listed.devices == (DeviceSummary(url=URL, device_type="WEB", modification_time=TIME),)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error_body(EXCESS_MESSAGE, EXCESS_CODE), True),
        ({"message": EXCESS_MESSAGE}, True),
        ({"error": EXCESS_MESSAGE}, False),
        ({"message": EXCESS_MESSAGE.lower()}, False),
        ({"message": "no", "errorCode": EXCESS_CODE}, False),
    ],
)
def test_only_the_message_tells_an_excess(body: dict[str, Any], expected: bool) -> None:
    assert is_excess(read_error(encode(body))) is expected
