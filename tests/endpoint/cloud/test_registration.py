"""Registration with WDM: made, refreshed, lost, refused, deleted, too many; and the toggles that come with it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from endpoint.cloud.registration import TABLE, Asked, Deleted, Failed, Lost, State, Stored
from endpoint.runtime.errors import Refused, Unreachable
from endpoint.wire.wdm import EXCESS_MESSAGE
from tests.endpoint.cloud.scripted import CODE, CUT, DEVICE_ID, SERVICES, Reply, Scripted, play
from tests.endpoint.cloud.tables import Row, walk

UNREGISTERED, REGISTERING, REGISTERED, REFRESHING = State
DEVICES, MINE = "/wdm/api/v1/devices", f"/devices/{DEVICE_ID}"

ROWS: list[Row[State]] = [
    (UNREGISTERED, Asked, REGISTERING, ()),
    (UNREGISTERED, Deleted, UNREGISTERED, ()),
    (REGISTERING, Stored, REGISTERED, ()),
    (REGISTERING, Failed, UNREGISTERED, ()),
    (REGISTERING, Deleted, UNREGISTERED, ()),
    (REGISTERED, Asked, REFRESHING, ()),
    (REGISTERED, Deleted, UNREGISTERED, ()),
    (REFRESHING, Stored, REGISTERED, ()),
    (REFRESHING, Lost, REGISTERING, ()),
    (REFRESHING, Failed, REGISTERED, ()),
    (REFRESHING, Deleted, UNREGISTERED, ()),
]


def test_every_row_and_every_pair_without_one() -> None:
    walk(TABLE, ROWS)


async def _online(cloud: Scripted) -> None:
    await cloud.online()
    cloud.asked.clear()
    cloud.log.clear()


def test_the_body_is_that_of_the_slides() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        [asked] = cloud.to("POST", DEVICES)
        assert asked.query == {"includeUpstreamServices": "all"}
        assert asked.json == {
            "deviceIdentifier": cloud.device.profile.device_identifier, "systemName": "s53300",
            "systemVersion": "ce10.12.1.6.cd735cb1ea2 2022-04-14", "deviceType": "TP_ENDPOINT", "model": "Desk Pro",
            "name": "Cisco Webex Desk Pro", "localizedModel": "Cisco Webex Desk Pro",
            "capabilities": {"groupCallSupported": True}, "isDeviceManaged": True, "countryCode": "US", "regionCode": "US-EAST",
        }  # fmt: skip
        assert cloud.lines("Wx2[3]: Device") == ["Wx2[3]: Device registered"]

    play(story, model="Desk Pro", software="ce10.12")


def test_a_refresh_sends_everything_back_with_the_etag_and_keeps_toggles_under_an_equal_one() -> None:
    async def story(cloud: Scripted) -> None:
        toggle = {"key": "one", "val": "true", "mutable": True}
        sets = {"developer": [toggle], "entitlement": [], "user": []}
        cloud.on(
            "POST",
            DEVICES,
            Reply(body=cloud.dto(features=sets, deviceStatusUrl="x", unknown=[1]), headers={"ETag": "W/7"}),
        )
        await _online(cloud)
        bare = {"entitlement": [], "user": [{"key": "two", "val": "3", "mutable": True}]}
        cloud.on("PUT", MINE, Reply(body=cloud.dto(features=bare), headers={"ETag": "W/7"}))
        await cloud.device.registration.register()
        [asked] = cloud.to("PUT", MINE)
        assert asked.headers["If-None-Match"] == "W/7"
        assert asked.query == {"includeUpstreamServices": "all"}
        assert asked.json["unknown"] == [1]
        assert "features" not in asked.json
        assert cloud.log[-1] == "Wx2[3]: Device registration refreshed"
        feature = cloud.device.registration.feature
        assert (feature("developer", "one"), feature("user", "two"), feature("user", "three")) == (True, 3, None)

    play(story)


def test_a_lost_registration_is_made_anew_and_mercury_follows_it() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        first, moved = (
            cloud.peer,
            cloud.url("wss://mercury-connection-b.wbx2.test/v1/apps/wx2/registrations/r1/messages"),
        )
        cloud.on("PUT", MINE, Reply(404, {"message": "who?"}))
        cloud.on("POST", DEVICES, Reply(body=cloud.dto(webSocketUrl=moved)))
        cloud.services["mercuryConnectionPartition1"] = "wss://mercury-connection-b.wbx2.test/v1"
        await cloud.device.catalog.fetch()
        await cloud.device.registration.register()
        await cloud.settle()
        assert [line for line in cloud.log if not line.startswith("Wx2Http")][1:4] == [
            "Wx2 W: Device registration lost, creating a new one",
            "Wx2 I: Webex status Registered -> Registering",
            "Wx2[3]: Device registered",
        ]
        assert cloud.device.webex.status.value == "Registered"
        assert cloud.lines("WebSocketN") == [
            "WebSocketNotificationChannel I: endpoint changed to mercury-connection-b.wbx2.test"
        ]
        assert cloud.peer is not first
        assert cloud.device.mercury.is_open

    play(story)


def test_a_registration_at_a_host_that_left_the_catalogue_is_made_anew() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.services["wdm"] = "https://wdm-b.wbx2.test/wdm/api/v1"
        await cloud.device.catalog.fetch()
        cloud.on(
            "POST",
            DEVICES,
            Reply(body=cloud.dto(url=cloud.url(f"https://wdm-b.wbx2.test/wdm/api/v1/devices/{DEVICE_ID}"))),
        )
        await cloud.device.registration.register()
        assert cloud.lines("Wx2 W") == ["Wx2 W: Device registration lost, creating a new one"]
        assert not cloud.to("PUT", MINE)
        assert [asked.host for asked in cloud.to("POST", DEVICES)] == ["wdm-b.wbx2.test"]

    play(story)


@pytest.mark.parametrize(("status", "body"), [(403, {"errorCode": 4404002}), (400, {}), (409, b""), (451, {})])
def test_a_refused_refresh_leaves_the_registration_as_it_is(status: int, body: Any) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("PUT", MINE, Reply(status, body))
        with pytest.raises(Refused) as caught:
            await cloud.device.registration.register()
        assert caught.value.status == status
        assert cloud.lines("Wx2 W") == [f"Wx2 W: Device registration failed: {status}"]
        assert cloud.device.registration.state is REGISTERED
        assert cloud.device.webex.status.value == "Registered"
        assert len(cloud.asked) == 1

    play(story)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_trouble_of_the_moment_is_waited_out_as_the_cloud_asks(method: str, status: int) -> None:
    async def story(cloud: Scripted) -> None:
        trouble = Reply(status, headers={"Retry-After": "20"})
        usual = Reply(body=cloud.dto())
        cloud.on(method, "/devices", trouble, trouble, usual)
        await cloud.online()
        if method == "PUT":
            await cloud.device.registration.register()
        at = [asked.at_s for asked in cloud.to(method, "/devices")]
        assert [round(later - earlier, 3) for earlier, later in pairwise(at)] == [20.0, 20.0]
        assert len([line for line in cloud.log if "retry" in line]) == 2

    play(story)


def test_a_refused_registration_is_tried_again_later() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", DEVICES, Reply(403), Reply(body=cloud.dto()))
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(1.0)
        assert cloud.lines("Wx2 W")[0] == "Wx2 W: Device registration failed: 403"
        assert cloud.device.webex.status.value == "Registering"
        await cloud.device.until_online()
        first, second = cloud.to("POST", DEVICES)
        assert 45 <= second.at_s - first.at_s <= 60

    play(story)


def test_silence_is_given_up_after_five_minutes() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("PUT", MINE, CUT)
        with pytest.raises(Unreachable):
            await cloud.device.registration.register()
        assert cloud.lines("Wx2 W") == ["Wx2 W: wdm unreachable: connection reset wdm-a.wbx2.test:80"]
        assert cloud.device.registration.state is REGISTERED

    play(story)


def test_callers_at_the_same_time_share_one_request() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.slow("PUT", MINE, 2.0)
        devices = await asyncio.gather(*(cloud.device.registration.register() for _ in range(5)))
        assert len(cloud.to("PUT", MINE)) == 1
        assert len({id(device) for device in devices}) == 1

    play(story)


@pytest.mark.parametrize(
    "members",
    [
        {"url": "http://evil.test/devices/1"},
        {"webSocketUrl": "ws://evil.test/v1"},
        {"webSocketUrl": "http://wdm-a.wbx2.test/"},
        {"url": 5},
        {"features": []},
        {"features": {"user": [{"key": "a", "val": True}]}},
        {"userId": None},
    ],
)
def test_an_answer_that_breaks_a_rule_registers_nothing(members: dict[str, Any]) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", DEVICES, Reply(body=cloud.dto(**members)))
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(1.0)
        assert cloud.lines("Wx2 W")[0].startswith("Wx2 W: Device registration failed: 200, ")
        assert cloud.device.registration.device is None
        assert cloud.device.registration.state is UNREGISTERED
        assert not cloud.peers
        assert not cloud.to("GET", "evil.test")

    play(story)


def test_the_other_spelling_of_the_websocket_url_is_good_too() -> None:
    async def story(cloud: Scripted) -> None:
        dto = cloud.dto()
        socket = dto["websocketUrl"] = dto.pop("webSocketUrl")
        cloud.on("POST", DEVICES, Reply(body=dto))
        peer = await cloud.online()
        assert socket.endswith(peer.request.path)
        assert cloud.device.registration.device is not None
        assert cloud.device.registration.device.web_socket_url == socket

    play(story)


# -- too many, deleted ------------------------------------------------------------------------------------------------------------------


def _others(cloud: Scripted, *ages: int, kind: str = "TP_ENDPOINT") -> list[dict[str, Any]]:
    return [
        {"url": cloud.url(f"{SERVICES['wdm']}/devices/{age}"), "deviceType": kind, "modificationTime": f"2026-01-{age:02d}T00:00:00Z"}
        for age in ages
    ]  # fmt: skip


@pytest.mark.parametrize("status", [400, 403, 500])
def test_of_too_many_registrations_the_oldest_third_of_our_kind_is_deleted(status: int) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", DEVICES, Reply(status, {"message": EXCESS_MESSAGE}), Reply(body=cloud.dto()))
        others = [
            *_others(cloud, 9, 1, 5, 3),
            *_others(cloud, 2, kind="WEB"),
            {"url": "http://evil.test/1", "deviceType": "TP_ENDPOINT"},
        ]
        cloud.on("GET", DEVICES, Reply(body={"devices": others}))
        await cloud.online()
        if status == 500:  # of the moment: the second attempt was good
            return
        assert [asked.path for asked in cloud.to("DELETE", "/devices/")] == ["/wdm/api/v1/devices/1"]
        assert len(cloud.to("POST", DEVICES)) == 2

    play(story)


@pytest.mark.parametrize(
    "listed", [Reply(body={"devices": []}), Reply(404), Reply(200, b"?"), Reply(body={"devices": [{"url": 1}]})]
)
def test_an_excess_without_anything_to_delete_is_tried_twice_more_and_fails(listed: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", DEVICES, Reply(400, {"message": EXCESS_MESSAGE}))
        cloud.on("GET", DEVICES, listed)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(1.0)
        assert len(cloud.to("POST", DEVICES)) == 3
        assert cloud.lines("Wx2 W")[0] == "Wx2 W: Device registration failed: 400"

    play(story)


@pytest.mark.parametrize("reply", [Reply(204), Reply(404), CUT])
def test_unregistering_forgets_whatever_the_cloud_says(reply: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("DELETE", MINE, reply)
        await cloud.device.registration.unregister()
        assert len(cloud.to("DELETE", MINE)) == 1
        assert cloud.device.registration.device is None
        assert cloud.device.webex.status.value == "Registering"
        await cloud.device.registration.unregister()
        assert len(cloud.asked) == 1
        await cloud.device.register()
        assert cloud.device.webex.status.value == "Registered"

    play(story)


def test_logging_out_forgets_a_registration_whose_host_is_not_in_the_catalogue_any_more() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.services["wdm"] = "https://wdm-z.wbx2.test/wdm/api/v1"
        await cloud.device.catalog.fetch()
        await cloud.device.linking.log_out()
        assert not cloud.to("DELETE", MINE), "no token goes there"
        assert cloud.device.registration.device is None
        assert not cloud.device.is_activated

    play(story)


# -- toggles ----------------------------------------------------------------------------------------------------------------------------


def test_a_pushed_toggle_is_live() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        for kind, val in (("DEVELOPER", "true"), ("USER", "7"), ("DEV", "nothing")):
            toggle = {"key": "k", "val": val, "mutable": True, "type": kind}
            await cloud.peer.event("featureToggle_update", featureToggle=toggle)
        feature = cloud.device.registration.feature
        assert (feature("developer", "k"), feature("user", "k"), feature("entitlement", "k")) == (True, 7, None)
        assert not cloud.asked

    play(story)
