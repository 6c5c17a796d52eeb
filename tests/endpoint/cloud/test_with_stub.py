"""The device against the stub cloud, end to end: what only both together can show."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cloud_stub.platform.context import CloudSettings
from endpoint.cloud.activation import ActivationRefused
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.stubbed import START, Stubbed, play


async def _refused(stage: Stubbed, code: str) -> str:
    with pytest.raises(ActivationRefused) as caught:
        await stage.device.activate(code)
    return caught.value.code


def test_a_morning_from_the_first_boot_to_caught_up_and_discovered() -> None:
    async def story(stage: Stubbed) -> None:
        meeting = stage.use.meeting_create("Stand-up", START + timedelta(hours=1), 30, push="none")
        await stage.device.boot()
        await stage.device.activate(stage.code())
        stage.use.meeting_update(meeting.id, user_ids=tuple(user.id for user in stage.use._machines()), push="none")
        await stage.device.until_online(discovered=True)
        status = dict(stage.device.status)
        assert status["Webex", "Status"] == "Registered"
        assert status["Experimental", "CalliopeDiscovery", "Status"] == "Completed"
        assert stage.stored() == stage.window() != {}
        [device] = stage.use.devices()
        assert stage.use.device_status(device.id) == "connected"
        assert not stage.lines("Wx2 W", "Wx2Http W", "Wx2WebSocket W")

    play(story)


def test_five_wrong_guesses_lock_a_code_for_the_right_one_too() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        code = stage.code()
        wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
        assert [await _refused(stage, wrong) for _ in range(5)][:4] == ["srp.proof_failed"] * 4
        assert await _refused(stage, code) == "code.locked"
        left = [line.rsplit("left: ", 1)[1] for line in stage.lines("Wx2 W: Activation: failed: srp.proof_failed")]
        assert left[:4] == ["4)", "3)", "2)", "1)"]

    play(story)


def test_used_expired_and_unknown_codes_and_an_occupied_workspace() -> None:
    async def story(stage: Stubbed) -> None:
        code = stage.code()
        await stage.device.boot()
        await stage.device.activate(code)
        await stage.device.until_online()
        stage.device.remove_account("event")
        assert await _refused(stage, code) == "code.used"
        assert await _refused(stage, "9" * 16) == "code.unknown"
        assert await _refused(stage, stage.code()) == "workspace.occupied"
        late = stage.use.code_create(workspace="Other", lives_s=60.0)[1].reveal()
        await stage.clock.sleep(60.0)
        assert await _refused(stage, late) == "code.expired"
        await stage.device.activate(stage.use.code_create(workspace="Other")[1].reveal())

    play(story)


@pytest.mark.parametrize("path", ["*/challenges", "*/srp/invoke", "*/srp/register"])
def test_a_reply_that_is_lost_makes_one_device_not_two(path: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        name = path.removeprefix("*")
        base = "/activation/api/v1" if name == "/challenges" else "/idb/token/v1/actions"
        stage.use.fault("lost", "http", "drop_reply", target={"path": base + name}, count=1)
        await stage.device.activate(stage.code())
        await stage.device.until_online()
        assert len(stage.use.devices()) == 1
        assert len([line for line in stage.log if "failed: connection reset" in line]) == 1

    play(story)


@pytest.mark.parametrize(
    ("settings", "anchors", "works"),
    [
        (CloudSettings(deliver_root=False), None, True),  # the built-in root
        (CloudSettings(deliver_root=True), (), True),  # the service certificates
        (CloudSettings(deliver_root=False), (), False),  # nobody's: the trap
    ],
)
def test_after_activation_only_a_delivered_root_is_believed(
    settings: CloudSettings, anchors: tuple[str, ...] | None, works: bool
) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        await stage.device.activate(stage.code())
        await stage.clock.sleep(100.0)
        assert stage.device.is_online is works
        assert bool([line for line in stage.log if "unknown issuer" in line]) is not works

    play(story, cloud_settings=settings, **({} if anchors is None else {"anchors": anchors}))


def test_a_man_in_the_middle_works_only_if_the_trust_list_holds_his_ca() -> None:
    async def story(stage: Stubbed) -> None:
        stage.cloud.platform.settings.trust_list = (stage.cloud.root_pem,)
        await stage.online()
        stage.cloud.platform.settings.trust_list = ()
        await stage.device.trust.refresh()
        await stage.device.restart()
        await stage.clock.sleep(100.0)
        assert not stage.device.is_online

    play(story, cloud_settings=CloudSettings(deliver_root=False), anchors=())


def test_a_revoked_token_is_replaced_and_a_revoked_account_is_the_end() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.token_revoke("access")
        await stage.device.sync()
        assert stage.lines("Wx2[3]: Token refreshed")
        stage.use.token_revoke("all")
        with pytest.raises(EndpointError):
            await stage.device.sync()
        assert stage.lines("Wx2 W") == [
            "Wx2 W: Token refresh failed: invalid_grant",
            "Wx2 W: Account removed (invalid_grant)",
        ]
        assert stage.device.webex.status.value == "Stopped"

    play(story)


def test_a_deleted_device_learns_it_at_once_and_can_come_back() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.device_delete(stage.use.devices()[0].id)
        await stage.clock.sleep(1.0)
        assert not stage.device.is_activated
        await stage.clock.sleep(3_600.0)
        assert not [event for event in stage.trace.events if event.kind == "http.request" and event.t > 2_000_000]
        await stage.online()
        assert len(stage.use.devices()) == 1

    play(story)


def test_a_restart_needs_no_code_and_keeps_the_device(tmp_path: Path) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        url = stage.device.registration.device
        for how in (stage.device.restart, stage.device.crash):
            await how()
            if not stage.device.is_up:
                await stage.device.boot()
            await stage.device.until_online()
        assert stage.device.registration.device is not None
        assert url is not None
        assert stage.device.registration.device.url == url.url
        assert len(stage.use.devices()) == 1

    play(story, state_dir=tmp_path)


@pytest.mark.parametrize("form", ["hostmap", "U2CV2"])
def test_a_cluster_that_moves_is_followed(form: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        host = stage.use.cluster_rotate("calendar")
        await stage.clock.sleep(1.0)
        assert stage.device.catalog.url("calendar") == f"https://{host}/calendar/api/v1"
        await stage.device.sync()
        assert host in [line for line in stage.log if "calendarEvents" in line][-1]
        stage.use.active_clusters_push()
        await stage.clock.sleep(1.0)
        assert stage.device.catalog.url("calendar") == f"https://{host}/calendar/api/v1"

    play(story, catalog_format=form)


@pytest.mark.parametrize("service", ["u2c", "wdm", "mercury", "calendar", "calliope", "idbroker"])
def test_a_service_under_maintenance_delays_and_breaks_nothing(service: str) -> None:
    async def story(stage: Stubbed) -> None:
        stage.use.maintenance(service, for_s=45.0)
        await stage.online()
        await stage.clock.sleep(200.0)
        assert stage.device.is_online
        assert stage.device.reachability.view.status == "Completed"

    play(story)


def test_a_switch_over_and_a_reset_lose_no_meeting() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.mercury_shutdown(after_s=2.0)
        await stage.clock.sleep(1.0)
        stage.use.meeting_create("During", START + timedelta(hours=2), 30)
        await stage.clock.sleep(5.0)
        stage.faults.arm(Fault("gone", "link", "down"))
        stage.device.mercury.reset()
        stage.use.meeting_create("Meanwhile", START + timedelta(hours=3), 30)
        await stage.clock.sleep(20.0)
        stage.faults.heal("gone")
        await stage.device.until_online()
        await stage.device.calendar.quiet()
        assert stage.stored() == stage.window()
        assert len(stage.stored()) == 2
        assert len(stage.use.sockets()) == 1

    play(story)


def test_a_toggle_set_by_the_administrator_is_live() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.feature_set("room-feature", True)
        await stage.clock.sleep(0.1)
        assert stage.device.registration.feature("developer", "room-feature") is True
        await stage.device.registration.register()
        assert stage.device.registration.feature("developer", "room-feature") is True

    play(story)
