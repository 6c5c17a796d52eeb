"""The upgrade service of the stub: who is offered what, over HTTP, the control API and the state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud_stub.platform.records import Upgrade
from endpoint.runtime.virtual import run
from endpoint.wire import swupgrade
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.swupgrade import Answer, Question
from tests.cloud_stub.cloud_world import WDM_BODY, World, in_cloud, started

BASE = "/swupgrade/api/v1"
CONTROL = "/roomsim/control/v1"
OLD, NEW, DAY = "ce26.4.1.12.67c6e508983", "ce26.5.1.3.1f0e9a7c2d4", "2026-05-04"


async def asked(world: World, token: str, *, version: str = OLD, channel: str = "Stable", host: str = "") -> Answer:
    """Ask as a device does."""
    query = Question(product="Desk Pro", version=version, channel=channel).query()
    reply = await world.ask("GET", f"{host}{BASE}/upgrade?{query}", token=token)
    assert reply.status == 200, reply.raw
    return swupgrade.parse_answer(reply.raw)


def test_an_offer_and_its_image() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        assert await asked(world, token) == Answer()
        upgrade = world.cloud.use_cases.upgrade_offer(NEW, date=DAY, urgency="Low", should="ce26.5", must="ce26.1")
        answer = await asked(world, token)
        assert (answer.should, answer.must) == ("ce26.5", "ce26.1")
        offer = answer.offer
        assert offer is not None
        assert (offer.id, offer.version, offer.date, offer.urgency) == (upgrade.id, NEW, DAY, "Low")
        assert offer.url == f"{world.base}{BASE}/images/{upgrade.id}"
        image = await world.ask("GET", offer.url, token=token)
        assert image.headers["Content-Type"] == "application/octet-stream"
        swupgrade.check_download(image.raw, offer)
        swupgrade.check_image(image.raw, offer)
        named = await asked(world, token, host="http://swupgrade-a.wbx2.test")
        assert named.offer is not None
        assert named.offer.url == f"http://swupgrade-a.wbx2.test{BASE}/images/{upgrade.id}"
        assert (await asked(world, token, version=NEW)).offer is None

    in_cloud(story)


@pytest.mark.parametrize("fails", ["download", "install"])
def test_an_offer_can_be_made_to_fail(fails: str) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        world.cloud.use_cases.upgrade_offer(NEW, fails=fails)
        offer = (await asked(world, token)).offer
        assert offer is not None
        image = (await world.ask("GET", offer.url, token=token)).raw
        good = {"download": swupgrade.check_image, "install": swupgrade.check_download}[fails]
        bad = {"download": swupgrade.check_download, "install": swupgrade.check_image}[fails]
        good(image, offer)
        with pytest.raises(RemoteProtocolError):
            bad(image, offer)

    in_cloud(story)


def test_the_youngest_that_is_meant_for_a_device_decides() -> None:
    async def story(world: World) -> None:
        tokens = {name: await world.machine(name) for name in ("Lab", "Hall")}
        use = world.cloud.use_cases
        lab, hall = use.devices()
        everybody = use.upgrade_offer("ce26.5")
        preview = use.upgrade_offer("ce26.6", channel="Preview")
        only = use.upgrade_offer("ce26.7", workspace_id=hall.workspace_id)

        async def version(name: str, **more: str) -> str:
            offer = (await asked(world, tokens[name], **more)).offer
            return offer.id if offer is not None else ""

        assert await version("Lab") == everybody.id
        assert await version("Lab", channel="Preview") == preview.id
        assert await version("Hall") == only.id
        one = use.upgrade_offer("ce26.8", device_id=lab.id)
        assert (await version("Lab"), await version("Hall")) == (one.id, only.id)
        offer = (await asked(world, tokens["Lab"])).offer
        assert offer is not None
        assert (await world.ask("GET", offer.url, token=tokens["Hall"])).status == 404, "not its image"
        use.upgrade_withdraw(one.id)
        assert await version("Lab") == everybody.id
        assert (await world.ask("GET", offer.url, token=tokens["Lab"])).status == 404
        assert [upgrade.id for upgrade in use.upgrades()] == [everybody.id, preview.id, only.id]

    in_cloud(story)


def test_an_offer_and_its_end_are_pushed_to_those_it_is_meant_for() -> None:
    async def story(world: World) -> None:
        token = await world.machine("Lab")
        await world.machine("Hall")
        lab, hall = world.cloud.use_cases.devices()
        socket = await world.socket(token)
        await socket.receive_json()
        use = world.cloud.use_cases
        use.upgrade_offer("ce26.5", device_id=hall.id)
        mine = use.upgrade_offer("ce26.5", device_id=lab.id)
        use.upgrade_withdraw(mine.id)
        for _ in range(2):
            data = (await socket.receive_json())["data"]
            assert (data["eventType"], data["offerId"]) == ("swupgrade.offerChanged", mine.id)
        await socket.send_json({"id": "p", "type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
        await socket.close()

    in_cloud(story)


def test_what_is_left_out_is_drawn_or_today_and_the_same_for_a_seed() -> None:
    def offered() -> Upgrade:
        found: list[Upgrade] = []

        async def story(world: World) -> None:
            found.append(world.cloud.use_cases.upgrade_offer("ce26.5"))

        in_cloud(story)
        return found[0]

    upgrade = offered()
    assert swupgrade.has_build(upgrade.version)
    assert upgrade.version.startswith("ce26.5.")
    assert (upgrade.date, upgrade.bytes, upgrade.urgency) == ("2026-03-02", swupgrade.IMAGE_BYTES, "Medium")
    assert offered() == upgrade


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        (f"product=x&version={OLD}", 400),
        ("product=x&version=26&channel=Stable", 400),
        (f"product=x&version={OLD}&channel={'x' * 300}", 400),
        (f"product=x&version={OLD}&channel=Stable&more=1", 200),
    ],
)
def test_a_question_that_is_none_is_refused(query: str, status: int) -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        assert (await world.ask("GET", f"{BASE}/upgrade?{query}", token=token)).status == status
        assert (await world.ask("GET", f"{BASE}/upgrade?{query}")).status == 401

    in_cloud(story)


def test_somebody_without_a_device_is_offered_nothing() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.upgrade_offer("ce26.5", must="ce26.1")
        assert await asked(world, world.cloud.admin_token.reveal()) == Answer()
        assert (await world.admin("GET", f"{BASE}/images/nothing")).status == 404

    in_cloud(story)


def test_the_control_api_offers_lists_and_withdraws() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        [device] = world.cloud.use_cases.devices()
        body = {
            "version": NEW, "date": DAY, "urgency": "Critical", "deviceId": device.id, "shouldVersion": "ce26.5", "mustVersion": "ce26.1",
            "bytes": 256,
        }  # fmt: skip
        made = await world.admin("POST", f"{CONTROL}/upgrades", body)
        assert made.status == 200, made.raw
        assert made.json == {
            "id": made.json["id"], "version": NEW, "date": DAY, "bytes": 256, "urgency": "Critical", "device_id": device.id,
            "workspace_id": "", "channel": "", "should": "ce26.5", "must": "ce26.1", "fails": "", "created": made.json["created"],
        }  # fmt: skip
        offer = (await asked(world, token)).offer
        assert offer is not None
        assert (offer.id, offer.bytes) == (made.json["id"], 256)
        assert (await world.admin("GET", f"{CONTROL}/upgrades")).json == {"items": [made.json]}
        state = await world.admin("GET", f"{CONTROL}/state?path=upgrade.version")
        assert state.json["value"] == NEW
        assert (await world.admin("DELETE", f"{CONTROL}/upgrades/{made.json['id']}")).status == 204
        assert (await world.admin("DELETE", f"{CONTROL}/upgrades/{made.json['id']}")).status == 404
        assert (await asked(world, token)).offer is None

    in_cloud(story)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "version"),
        ({"version": "26.5"}, 400, "no software version"),
        ({"version": "ce26.5", "date": "04.05.2026"}, 400, "no day"),
        ({"version": "ce26.5", "urgency": "High"}, 400, "Low, Medium, Critical"),
        ({"version": "ce26.5", "fails": "always"}, 400, "download or install"),
        ({"version": "ce26.5", "bytes": 1}, 400, "an image has"),
        ({"version": "ce26.5", "bytes": 10**9}, 400, "an image has"),
        ({"mustVersion": "old"}, 400, "no software version"),
        ({"version": "ce26.5", "deviceId": "nothing"}, 404, "no such device"),
        ({"version": "ce26.5", "workspaceId": "nothing"}, 404, "no such workspace"),
        ({"version": "ce26.5", "deviceId": "a", "workspaceId": "b"}, 400, "either"),
        ({"version": "ce26.5", "colour": "red"}, 400, "colour"),
    ],
)
def test_an_offer_that_is_none_is_refused_and_not_kept(body: dict[str, Any], status: int, says: str) -> None:
    async def story(world: World) -> None:
        reply = await world.admin("POST", f"{CONTROL}/upgrades", body)
        assert reply.status == status
        assert says in reply.json["message"]
        assert world.cloud.use_cases.upgrades() == []

    in_cloud(story)


async def _offered_after_a_restart(path: Path) -> None:
    async with started(state_dir=path) as world:
        token = await world.machine()
        upgrade = world.cloud.use_cases.upgrade_offer(NEW)
    async with started(state_dir=path) as world:
        offer = (await asked(world, token)).offer
        assert offer is not None
        assert offer.id == upgrade.id


def test_offers_survive_a_restart_of_the_cloud(tmp_path: Path) -> None:
    run(lambda: _offered_after_a_restart(tmp_path))


def test_a_registration_tells_the_version_and_only_that_of_its_own_device() -> None:
    async def story(world: World) -> None:
        token = await world.machine("Lab")
        await world.machine("Hall")
        body = {**WDM_BODY, "systemVersion": f"{NEW} {DAY}"}
        assert (await world.ask("POST", "/wdm/api/v1/devices", body, token=token)).status == 200
        lab, hall = world.cloud.use_cases.devices()
        assert (lab.software, hall.software != NEW) == (NEW, True)
        without = {name: value for name, value in WDM_BODY.items() if name != "systemVersion"}
        await world.ask("POST", "/wdm/api/v1/devices", without, token=token)
        assert world.cloud.use_cases.devices()[0].software == NEW

    in_cloud(story)
