"""Software upgrades, device and stub: what people and administrators see from the offer to the boot into the new version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cloud_stub.platform.records import Upgrade
from endpoint.cloud.software import AGAIN_S, FAILURES_MAX, INSTALL_S, NOTICE_S, PAUSES_S, TURN_S
from endpoint.cloud.software_offers import CHECK_AGAIN_S, CHECK_EVERY_S, CHECK_SOON_S
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.faults import Fault
from endpoint.wire import swupgrade
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.query import query_of_text
from tests.endpoint.cloud.stubbed import Stubbed, play

NEW, DAY = "ce26.5.1.3.1f0e9a7c2d4", "2026-05-04"
NEW_ID = "ce26.5.1.3 1f0e9a7c2d4 2026-05-04"
OLD = "ce26.4.1.12.67c6e508983"
CALLS = parse_path("SystemUnit State NumberOfActiveCalls")
WHOLE_S = TURN_S[1] + NOTICE_S["Medium"] + INSTALL_S + 10.0
"""Time enough for an upgrade that nothing stops."""


def offered(stage: Stubbed, version: str = NEW, **fields: Any) -> Upgrade:
    """Offer a version to every device."""
    return stage.use.upgrade_offer(version, date=DAY, **fields)


def at(stage: Stubbed, path: str) -> object:
    """Return a status."""
    return stage.device.status.get(parse_path(path))


def shown(stage: Stubbed) -> tuple[object, object]:
    """Return phase and status of the upgrade."""
    root = "Provisioning Software UpgradeStatus"
    return at(stage, f"{root} Phase"), at(stage, f"{root} Status")


def command(stage: Stubbed, path: str, **arguments: Any) -> object:
    """Give a command."""
    commands = stage.device.local.xapi.commands
    return commands.call(commands.prepare(parse_path(path), arguments, None, INTERNAL))


def message(stage: Stubbed, kind: str) -> Mapping[str, object]:
    """Return the diagnostics message of a type."""
    return next((fields for fields in stage.device.diagnostics.messages if fields["Type"] == kind), {})


def phases(stage: Stubbed) -> list[str]:
    """Return where the upgrade went, by its log lines."""
    return [line.rpartition(" -> ")[2] for line in stage.lines("Wx2 I: Software upgrade to")]


async def ready(stage: Stubbed, **fields: Any) -> Upgrade:
    """Go online, be offered a version, and wait until people are told of it."""
    await stage.online()
    upgrade = offered(stage, **fields)
    await stage.clock.sleep(TURN_S[1] + 2.0)
    assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")
    return upgrade


def test_an_upgrade_from_the_offer_to_the_boot_into_it(tmp_path: Path) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        events: list[object] = []
        stage.device.local.xapi.subscribe(query_of_text("Event"), INTERNAL, lambda notice: events.append(notice.leaves))
        asked = stage.clock.now()
        upgrade = offered(stage)
        await stage.clock.sleep(TURN_S[1] + 2.0)
        root = "Provisioning Software UpgradeStatus"
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")
        assert at(stage, f"{root} VersionId") == NEW_ID
        assert at(stage, f"{root} SessionId") == upgrade.id
        assert str(at(stage, f"{root} URL")).startswith("https://swupgrade-a.wbx2.test/")
        assert asked.isoformat()[:13] in str(at(stage, f"{root} LastChange"))
        await stage.clock.sleep(NOTICE_S["Medium"])
        assert shown(stage) == ("Installing", "InProgress")
        assert at(stage, "SystemUnit Software Version") == OLD
        await stage.clock.sleep(INSTALL_S + 1.0)
        await stage.device.until_online()
        assert (("Event", "BootEvent", "Action"), "Upgrade") in [leaf for leaves in events for leaf in leaves]  # type: ignore[attr-defined]  # leaves
        assert shown(stage) == ("None", "Succeeded")
        for path, value in {
            "SystemUnit Software Version": NEW,
            "SystemUnit Software DisplayName": "RoomOS 26.5.1.3 1f0e9a7c2d4",
            "SystemUnit Software ReleaseDate": DAY,
            "SystemUnit LastShutdownReason": "Upgrade",
            "SystemUnit Notifications Notification 1 Type": "SoftwareUpgradeOK",
            "SystemUnit Notifications Notification 1 Text": "OK",
            "Provisioning Software Current VersionId": NEW_ID,
            f"{root} VersionId": NEW_ID,
            f"{root} SessionId": upgrade.id,
        }.items():
            assert at(stage, path) == value, path
        assert str(at(stage, "Provisioning Software Current CompletedAt")).startswith("2026-03-02T08:")
        assert stage.use.devices()[0].software == NEW
        assert stage.device.registration.device is not None
        assert phases(stage) == ["DownloadPending", "Downloading", "AboutToInstallUpgrade", "Installing"]
        await stage.device.restart()
        assert shown(stage) == ("None", "None")
        assert at(stage, "SystemUnit Software Version") == NEW
        assert at(stage, "Provisioning Software Current VersionId") == NEW_ID
        assert at(stage, "SystemUnit Notifications Notification 1 Type") is None
        assert not stage.lines("Wx2 W", "Wx2Http W")

    play(story, state_dir=tmp_path)


def test_every_status_that_an_upgrade_shows_is_in_its_value_space() -> None:
    async def story(stage: Stubbed) -> None:
        wrong: list[object] = []

        def check(changes: Mapping[Any, Any]) -> None:
            for path, value in changes.items():
                node = stage.device.local.xapi.nodes.find("Status", path)
                if node is None or (value is not None and node.space.accept(value) != value):
                    wrong.append((path, value))

        for fails in ("download", "install", ""):
            stage.device.status.listen((), check)
            await stage.online() if not stage.device.is_activated else None
            offered(stage, fails=fails, should="ce26.5" if fails else "", urgency="Critical")
            await stage.clock.sleep(sum(PAUSES_S) + WHOLE_S)
        await stage.device.until_online()
        assert at(stage, "SystemUnit Software Version") == NEW
        assert not wrong

    play(story)


def test_after_the_upgrade_the_cloud_has_nothing_more_to_offer() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        offered(stage)
        await stage.clock.sleep(WHOLE_S)
        await stage.device.until_online()
        await stage.clock.sleep(2 * CHECK_EVERY_S)
        assert len(phases(stage)) == 4
        assert stage.device.state.boots == 2

    play(story)


def test_an_offer_of_a_day_without_push_is_found_soon_after_the_boot_and_then_daily() -> None:
    async def story(stage: Stubbed) -> None:
        offered(stage, "ce26.5.1.3.1f0e9a7c2d4")
        await stage.online()
        await stage.clock.sleep(CHECK_SOON_S[0] - 2.0)
        assert shown(stage) == ("None", "None")
        await stage.clock.sleep(CHECK_SOON_S[1] - CHECK_SOON_S[0] + 3.0)
        assert shown(stage)[1] == "InProgress"

    play(story)


def test_the_service_is_asked_daily() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(3 * CHECK_EVERY_S + 600.0)
        asked = [line for line in stage.log if "/swupgrade/api/v1/upgrade?" in line]
        assert len(asked) == 4
        assert f"product=Room+Bar&version={OLD}&channel=Stable" in asked[0]

    play(story)


def test_the_channel_is_a_setting_and_its_change_is_heard_at_once() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        offered(stage, channel="Preview")
        await stage.clock.sleep(600.0)
        assert shown(stage) == ("None", "None")
        stage.device.set_configurations({"Webex UpgradeChannel": "Preview"})
        await stage.clock.sleep(1.0)
        assert shown(stage)[1] == "InProgress"

    play(story)


@pytest.mark.parametrize(("whom", "meant"), [("device", True), ("workspace", True), ("all", True), ("other", False)])
def test_an_offer_is_for_a_device_a_workspace_or_all(whom: str, meant: bool) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.use.devices()[0]
        other = stage.use.workspace_create("Elsewhere")
        aim = {
            "device": {"device_id": device.id}, "workspace": {"workspace_id": device.workspace_id}, "all": {},
            "other": {"workspace_id": other.id},
        }[whom]  # fmt: skip
        offered(stage, **aim)
        await stage.clock.sleep(5.0)
        assert (shown(stage)[1] == "InProgress") is meant

    play(story)


def test_a_call_delays_the_installation_and_people_are_told_again_afterwards() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.device.status.put(CALLS, 1)
        offered(stage)
        await stage.clock.sleep(7_200.0)
        assert shown(stage) == ("DownloadDone", "InProgress")
        stage.device.status.put(CALLS, 0)
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")
        await stage.clock.sleep(NOTICE_S["Medium"] - 1.0)
        stage.device.status.put(CALLS, 1)
        await stage.clock.sleep(7_200.0)
        stage.device.status.put(CALLS, 2)
        stage.device.status.put(CALLS, 0)
        await stage.clock.sleep(NOTICE_S["Medium"] - 1.0)
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")
        await stage.clock.sleep(2.0)
        assert shown(stage) == ("Installing", "InProgress")

    play(story)


def test_a_critical_one_skips_the_notice_but_waits_for_the_end_of_a_call() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.device.status.put(CALLS, 1)
        offered(stage, urgency="Critical")
        await stage.clock.sleep(2.0)
        assert shown(stage) == ("DownloadDone", "InProgress")
        assert at(stage, "Provisioning Software UpgradeStatus Urgency") == "Critical"
        with pytest.raises(CommandFailed, match="cannot be postponed"):
            command(stage, "Provisioning PostponeUpgrade", SecondsToPostpone=60)
        stage.device.status.put(CALLS, 0)
        assert shown(stage) == ("Installing", "InProgress")
        await stage.clock.sleep(INSTALL_S + 2.0)
        assert at(stage, "SystemUnit LastShutdownReason") == "Upgrade"

    play(story)


def test_postponed_it_waits_says_why_and_can_be_postponed_again() -> None:
    async def story(stage: Stubbed) -> None:
        await ready(stage)
        command(stage, "Provisioning PostponeUpgrade", SecondsToPostpone=3600, Reason="Board meeting")
        assert shown(stage) == ("Postponed", "InProgress")
        assert at(stage, "Provisioning Software UpgradeStatus Message") == "Board meeting"
        await stage.clock.sleep(3_000.0)
        command(stage, "Provisioning PostponeUpgrade", SecondsToPostpone=1200)
        await stage.clock.sleep(1_199.0)
        assert shown(stage) == ("Postponed", "InProgress")
        assert at(stage, "Provisioning Software UpgradeStatus Message") == ""
        await stage.clock.sleep(2.0)
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")
        command(stage, "Provisioning PostponeUpgrade", SecondsToPostpone=0)
        await stage.clock.sleep(0.1)
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress"), "0 begins the notice anew"
        await stage.clock.sleep(NOTICE_S["Medium"] + INSTALL_S + 3.0)
        assert at(stage, "SystemUnit Software Version") == NEW

    play(story)


def test_whoever_wants_it_now_gets_it_now() -> None:
    async def story(stage: Stubbed) -> None:
        await ready(stage)
        command(stage, "Provisioning PostponeUpgrade", SecondsToPostpone=3600)
        command(stage, "Provisioning CompleteUpgrade")
        assert shown(stage) == ("Installing", "InProgress")
        command(stage, "Provisioning CompleteUpgrade")
        await stage.clock.sleep(INSTALL_S + 2.0)
        assert at(stage, "SystemUnit Software Version") == NEW

    play(story)


def test_wanted_before_it_is_here_it_is_installed_as_soon_as_it_is_and_not_in_a_call() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("slow", "swupgrade", "delay", target={"path": "*/images/*"}, params={"by": 20})
        offered(stage)
        await stage.clock.sleep(1.0)
        command(stage, "Provisioning CompleteUpgrade")
        assert shown(stage) == ("Downloading", "InProgress")
        stage.device.status.put(CALLS, 1)
        await stage.clock.sleep(60.0)
        assert shown(stage) == ("DownloadDone", "InProgress")
        stage.device.status.put(CALLS, 0)
        assert shown(stage) == ("Installing", "InProgress")

    play(story)


@pytest.mark.parametrize("path", ["Provisioning CompleteUpgrade", "Provisioning PostponeUpgrade"])
def test_without_an_upgrade_there_is_nothing_to_complete_or_to_postpone(path: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        with pytest.raises(CommandFailed, match="No upgrade"):
            command(stage, path, **({"SecondsToPostpone": 5} if "Postpone" in path else {}))

    play(story)


@pytest.mark.parametrize("do", ["drop_request", "drop_reply", "truncate", "error"])
def test_a_download_that_fails_once_is_tried_again(do: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("bad", "http", do, target={"service": "swupgrade", "path": "*/images/*"}, count=1)
        offered(stage)
        await stage.clock.sleep(TURN_S[1] + 1.0)
        assert shown(stage) == ("DownloadPaused", "InProgress")
        assert at(stage, "Provisioning Software UpgradeStatus Message")
        await stage.clock.sleep(PAUSES_S[0] + 1.0)
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")
        assert at(stage, "Provisioning Software UpgradeStatus Message") == ""
        assert not stage.device.diagnostics.types.keys() & {"SoftwareUpgrade", "SoftwareUpgradeKeepsFailing"}

    play(story)


@pytest.mark.parametrize(
    ("fails", "phase", "status", "each_s"),
    [
        ("download", "Downloading", "Failed", sum(PAUSES_S)),
        ("install", "Installing", "InstallationFailed", NOTICE_S["Medium"] + INSTALL_S),
    ],
)
def test_an_upgrade_that_keeps_failing_is_given_up_after_three_times(
    fails: str, phase: str, status: str, each_s: float
) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        offered(stage, fails=fails)
        await stage.clock.sleep(TURN_S[1] + each_s + 5.0)
        assert shown(stage) == ("None", status)
        assert stage.lines("Wx2 W") == [f"Wx2 W: Software upgrade failed in phase {phase}"]
        assert message(stage, "SoftwareUpgrade")["References"] == f"phase={phase}&count=1"
        assert at(stage, "SystemUnit Notifications Notification 1 Type") == "SoftwareUpgradeFailed"
        assert not message(stage, "SoftwareUpgradeKeepsFailing")
        await stage.clock.sleep((FAILURES_MAX - 1) * (AGAIN_S + each_s + 5.0))
        assert message(stage, "SoftwareUpgradeKeepsFailing")["References"] == f"phase={phase}&count=3"
        assert message(stage, "SoftwareUpgradeKeepsFailing")["Level"] == "Warning"
        tried = len([line for line in stage.log if "/images/" in line and "=>" in line])
        await stage.clock.sleep(2 * CHECK_EVERY_S)
        assert len([line for line in stage.log if "/images/" in line and "=>" in line]) == tried
        assert at(stage, "SystemUnit Software Version") == OLD
        offered(stage)
        await stage.clock.sleep(1.0)
        assert shown(stage) == ("DownloadPending", "InProgress")
        assert not stage.device.diagnostics.types.keys() & {"SoftwareUpgrade", "SoftwareUpgradeKeepsFailing"}
        assert at(stage, "SystemUnit Notifications Notification 1 Type") is None
        await stage.clock.sleep(WHOLE_S)
        assert at(stage, "SystemUnit Software Version") == NEW

    play(story)


def test_a_given_up_upgrade_can_be_asked_for_by_hand() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("gone", "swupgrade", "error", target={"path": "*/images/*"}, params={"status": 404})
        offered(stage)
        await stage.clock.sleep(3 * (AGAIN_S + sum(PAUSES_S)))
        assert "SoftwareUpgradeKeepsFailing" in stage.device.diagnostics.types
        stage.use.heal("gone")
        command(stage, "Provisioning CompleteUpgrade")
        await stage.clock.sleep(INSTALL_S + 3.0)
        assert at(stage, "SystemUnit Software Version") == NEW

    play(story)


def test_a_full_disk_fails_the_installation_and_keeps_the_old_version(tmp_path: Path) -> None:
    async def story(stage: Stubbed) -> None:
        await ready(stage)
        (tmp_path / "device.json.new").mkdir()
        await stage.clock.sleep(NOTICE_S["Medium"] + INSTALL_S + 2.0)
        assert shown(stage) == ("None", "InstallationFailed")
        assert "cannot be written" in str(at(stage, "Provisioning Software UpgradeStatus Message"))
        assert stage.device.profile.software == OLD
        (tmp_path / "device.json.new").rmdir()
        await stage.clock.sleep(AGAIN_S + WHOLE_S)
        assert at(stage, "SystemUnit Software Version") == NEW

    play(story, state_dir=tmp_path)


@pytest.mark.parametrize("phase_s", [0.5, TURN_S[1] + 5.0, TURN_S[1] + NOTICE_S["Medium"] + 20.0])
@pytest.mark.parametrize("how", ["restart", "crash", "account"])
def test_whatever_ends_an_upgrade_under_way_it_begins_anew_or_not_at_all(phase_s: float, how: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        offered(stage)
        await stage.clock.sleep(phase_s)
        is_installing = shown(stage)[0] == "Installing"
        if how == "account":
            stage.device.remove_account("test")
        elif how == "crash":
            await stage.device.crash()
            await stage.device.boot()
        else:
            await stage.device.restart()
        assert (shown(stage)[0] == "None") is not (how == "account" and is_installing)
        await stage.clock.sleep(CHECK_SOON_S[1] + WHOLE_S)
        upgraded = how != "account" or is_installing
        assert at(stage, "SystemUnit Software Version") == (NEW if upgraded else OLD)

    play(story)


def test_a_withdrawn_offer_is_dropped_and_another_one_takes_its_place() -> None:
    async def story(stage: Stubbed) -> None:
        upgrade = await ready(stage)
        stage.use.upgrade_withdraw(upgrade.id)
        await stage.clock.sleep(1.0)
        assert shown(stage) == ("None", "None")
        assert at(stage, "Provisioning Software UpgradeStatus VersionId") == ""
        await ready_again(stage)
        offered(stage, "ce26.6.1.1.00000000001")
        await stage.clock.sleep(1.0)
        assert shown(stage) == ("DownloadPending", "InProgress")
        assert at(stage, "Provisioning Software UpgradeStatus VersionId") == f"ce26.6.1.1 00000000001 {DAY}"
        await stage.clock.sleep(WHOLE_S)
        assert at(stage, "SystemUnit Software Version") == "ce26.6.1.1.00000000001"

    async def ready_again(stage: Stubbed) -> None:
        offered(stage)
        await stage.clock.sleep(TURN_S[1] + 2.0)
        assert shown(stage) == ("AboutToInstallUpgrade", "InProgress")

    play(story)


@pytest.mark.parametrize(
    ("should", "must", "kind", "level", "word", "minimum"),
    [
        ("ce26.5", "", "WebexShouldUpgradeCeSoftware", "Warning", "should", "ce26.5"),
        ("ce26.6", "ce26.5.1", "WebexMustUpgradeCeSoftware", "Critical", "must", "ce26.5.1"),
    ],
)
def test_a_version_that_is_too_old_is_complained_of_until_it_is_not(
    should: str, must: str, kind: str, level: str, word: str, minimum: str
) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.upgrade_offer("", should=should, must=must)
        await stage.clock.sleep(1.0)
        found = message(stage, kind)
        assert (found["Level"], found["References"]) == (level, f"version={OLD}&min={minimum}")
        line = f"Wx2 W: Software {OLD} is below {word} version {minimum}"
        assert stage.lines("Wx2 W") == [line]
        await stage.clock.sleep(CHECK_EVERY_S)
        assert stage.lines("Wx2 W") == [line], "said once"
        assert (
            len({"WebexShouldUpgradeCeSoftware", "WebexMustUpgradeCeSoftware"} & stage.device.diagnostics.types.keys())
            == 1
        )
        stage.use.upgrade_offer("", should="ce26.1", must="ce26.1")
        await stage.clock.sleep(1.0)
        assert not message(stage, kind)

    play(story)


def test_a_removed_account_takes_the_complaint_with_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.upgrade_offer("", must="ce99.1")
        await stage.clock.sleep(1.0)
        assert "WebexMustUpgradeCeSoftware" in stage.device.diagnostics.types
        stage.device.remove_account("test")
        assert "WebexMustUpgradeCeSoftware" not in stage.device.diagnostics.types

    play(story)


@pytest.mark.parametrize(("do", "says"), [("error", "503 maintenance"), ("malformed", "unexpected content (body)")])
def test_a_service_in_trouble_is_logged_and_asked_again(do: str, says: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("bad", "http", do, target={"service": "swupgrade"}, count=10)
        offered(stage)
        with pytest.raises(EndpointError):
            await stage.device.offers.check()
        assert stage.lines("Wx2 W: swup") == [f"Wx2 W: swupgrade unreachable: {says}"]
        stage.use.heal("bad")
        await stage.clock.sleep(CHECK_AGAIN_S + WHOLE_S)
        await stage.device.until_online()
        assert at(stage, "SystemUnit Software Version") == NEW

    play(story)


def test_a_push_while_the_channel_is_down_is_made_good_when_it_is_up_again() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(600.0)
        stage.faults.arm(Fault("gone", "link", "down"))
        stage.device.mercury.reset()
        offered(stage)
        await stage.clock.sleep(20.0)
        stage.faults.heal("gone")
        await stage.device.until_online()
        await stage.clock.sleep(CHECK_SOON_S[1] + 1.0)
        assert shown(stage)[1] == "InProgress"

    play(story)


def test_an_image_elsewhere_gets_no_token() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        image = swupgrade.make_image(NEW, DAY)
        offer = swupgrade.Offer(
            id="1", version=NEW, date=DAY, url="https://images.example.test/1", bytes=len(image), digest=swupgrade.digest(image)
        )  # fmt: skip
        stage.device.software.take(swupgrade.Answer(offer=offer))
        await stage.clock.sleep(TURN_S[1] + 1.0)
        assert shown(stage) == ("DownloadPaused", "InProgress")
        assert "no token for images.example.test" in str(at(stage, "Provisioning Software UpgradeStatus Message"))
        assert not [line for line in stage.log if "images.example.test/1" in line]

    play(story)


def test_a_cloud_without_the_service_is_asked_nothing() -> None:
    async def story(stage: Stubbed) -> None:
        stage.use.fault("none", "catalog", "missing", params={"service": "swupgrade"})
        await stage.online()
        offered(stage)
        await stage.clock.sleep(CHECK_EVERY_S)
        assert not [line for line in stage.log if "swupgrade" in line and "NotificationChannel" not in line]
        assert shown(stage) == ("None", "None")

    play(story)


def test_a_device_that_has_just_been_reset_knows_nothing_of_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        offered(stage)
        await stage.clock.sleep(WHOLE_S)
        await stage.device.until_online()
        await stage.device.reset((), boots=True)
        assert at(stage, "SystemUnit Software Version") == NEW, "the software stays"
        assert at(stage, "Provisioning Software Current CompletedAt") == ""
        assert shown(stage) == ("None", "None")

    play(story)


def test_two_devices_of_one_seed_tell_the_same_story() -> None:
    def told() -> list[tuple[int, str]]:
        async def story(stage: Stubbed) -> None:
            await stage.online()
            offered(stage, fails="install")
            await stage.clock.sleep(3 * AGAIN_S)

        stage = play(story)
        return [(event.t, event.kind) for event in stage.trace.events if event.who == "device:room"]

    assert told() == told()
