"""Logging: extended logging, and the bundle that goes to the cloud."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import timedelta
from typing import Any

import pytest

from cloud_stub.services.client_logs import BUNDLES_MAX
from endpoint.device.commands.logs import EXTENDED_S, bundle
from endpoint.wire.xapi.errors import CommandFailed
from tests.endpoint.cloud.stubbed import START, Stubbed, play
from tests.endpoint.device.commands.commanding import at, command

SEND = "Logging SendLogs"
EXTENDED = "Logging ExtendedLogging"
FILES = ["all.log", "application.log", "xstatus.txt", "xconfig.txt", "bookings.txt", "callhistory.txt"]


def unpacked(data: bytes) -> dict[str, str]:
    """Return the files of a bundle, in order."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        return {entry.name: archive.extractfile(entry).read().decode() for entry in archive}  # type: ignore[union-attr]  # files all


def extended(stage: Stubbed) -> tuple[object, object]:
    """Return mode and packet dump as xStatus shows them."""
    return at(stage.device, f"{EXTENDED} Mode"), at(stage.device, f"{EXTENDED} PacketDump")


@pytest.mark.parametrize(
    ("arguments", "packets", "lasts_s"),
    [({}, "Off", EXTENDED_S), ({"Duration": 60}, "Off", 60), ({"PacketDump": "Full", "Duration": 120}, "On", 120)],
)
def test_extended_logging_ends_by_itself(arguments: dict[str, Any], packets: str, lasts_s: int) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        await command(stage.device, f"{EXTENDED} Start", arguments)
        assert extended(stage) == ("On", packets)
        await stage.clock.sleep(lasts_s - 1.0)
        assert extended(stage) == ("On", packets)
        await stage.clock.sleep(2.0)
        assert extended(stage) == ("Off", "Off")

    play(story)


def test_extended_logging_can_be_stopped_and_begun_anew() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        await command(stage.device, f"{EXTENDED} Stop")
        await command(stage.device, f"{EXTENDED} Start", {"Duration": 60})
        await stage.clock.sleep(50.0)
        await command(stage.device, f"{EXTENDED} Start", {"Duration": 60})
        await stage.clock.sleep(50.0)
        assert extended(stage) == ("On", "Off")
        await command(stage.device, f"{EXTENDED} Stop")
        assert extended(stage) == ("Off", "Off")

    play(story)


@pytest.mark.parametrize("how", ["shut_down", "crash"])
def test_extended_logging_does_not_outlive_its_boot(how: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        await command(stage.device, f"{EXTENDED} Start")
        await getattr(stage.device, how)()
        seen = len([event for event in stage.trace.events if event.who == "device:room"])
        await stage.clock.sleep(2 * EXTENDED_S)
        assert len([event for event in stage.trace.events if event.who == "device:room"]) == seen
        await stage.device.boot()
        assert extended(stage) == ("Off", "Off")

    play(story)


def test_a_bundle_goes_to_the_cloud_in_three_steps() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.meeting_create("Stand-up", START + timedelta(hours=1), 30)
        await stage.clock.sleep(1.0)
        stage.device.set_configurations({"SystemUnit Name": "Fjord"})
        result = await command(stage.device, SEND)
        log_id = result["LogId"]
        [(name, sent)] = stage.cloud.client_logs.bundles.items()
        assert log_id in name
        assert sent.about == {"logId": log_id, "source": "device"}
        account = stage.device.identity.account
        assert account is not None
        assert sent.user_id == account.user_id
        assert sent.data is not None
        files = unpacked(sent.data)
        assert list(files) == FILES
        assert "Activation: registered" in files["all.log"]
        assert '*s SystemUnit Software Version: "ce26.4.1.12.67c6e508983"' in files["xstatus.txt"]
        assert "*s Audio Volume: 50" in files["xstatus.txt"]
        assert '*c xConfiguration SystemUnit Name: "Fjord"' in files["xconfig.txt"]
        assert files["bookings.txt"].startswith("OK\n\n*r BookingsListResult (status=OK):\n")
        assert '*r BookingsListResult Booking 1 Id: "webex-1"\n' in files["bookings.txt"]
        assert files["bookings.txt"].endswith("** end\n")
        assert f"MainEvents I: logs sent: {log_id}" in stage.log

    play(story)


def test_a_bundle_lets_nobody_into_a_meeting() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        secrets = {"password": "Pass-4711", "host_key": "815815"}
        stage.use.meeting_create(
            "Stand-up", START + timedelta(hours=1), 30, join={"webexURI": "2512@site.webex.test"}, **secrets
        )
        await stage.clock.sleep(1.0)
        [told] = (await command(stage.device, "Bookings List"))["Booking"]
        assert (told["Webex"]["Password"], told["Webex"]["HostKey"]) == tuple(secrets.values())
        files = unpacked(bundle(stage.device))
        assert '*r BookingsListResult Booking 1 Webex Password: ""\n' in files["bookings.txt"]
        assert not any(secret in text for text in files.values() for secret in secrets.values())

    play(story)


def test_the_same_state_gives_the_same_bytes_and_the_same_run_the_same_bundle() -> None:
    def sent() -> bytes:
        async def story(stage: Stubbed) -> None:
            await stage.online()
            assert bundle(stage.device) == bundle(stage.device)
            await command(stage.device, SEND)

        [found] = play(story).cloud.client_logs.bundles.values()
        assert found.data is not None
        return found.data

    first, second = sent(), sent()
    assert unpacked(first) == unpacked(second)
    assert first == second


def test_no_secret_is_in_a_bundle() -> None:
    async def story(stage: Stubbed) -> None:
        code = stage.code()
        await stage.device.boot()
        await stage.device.activate(code)
        await stage.device.until_online()
        account = stage.device.identity.account
        assert account is not None
        assert account.token.refresh_token is not None
        passphrase = stage.device.local.users.initial_passphrase
        secrets = [code, code[8:], account.token.access_token.reveal(), account.token.refresh_token.reveal()]
        secrets += [passphrase.reveal()] if passphrase is not None else []
        text = "".join(unpacked(bundle(stage.device)).values())
        assert not [secret for secret in secrets if secret in text]

    play(story)


def test_each_bundle_has_an_id_of_its_own_and_the_cloud_keeps_the_last_ones() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        ids = [(await command(stage.device, SEND))["LogId"] for _ in range(BUNDLES_MAX + 2)]
        assert len(set(ids)) == len(ids)
        assert len(stage.cloud.client_logs.bundles) == BUNDLES_MAX

    play(story)


def test_a_long_log_fits() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        draws = stage.chance.actor("test").stream("noise")
        for _ in range(2_000):
            stage.device.world.log.line("Wx2", "I", draws.bytes(60).hex())
        assert len(bundle(stage.device)) > 64 * 1024
        await command(stage.device, SEND)
        [sent] = stage.cloud.client_logs.bundles.values()
        assert sent.data is not None

    play(story)


def test_without_a_registration_there_is_nowhere_to_send_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        with pytest.raises(CommandFailed, match="not registered"):
            await command(stage.device, SEND)

    play(story)


def test_a_cloud_without_the_service_is_said_to_have_none() -> None:
    async def story(stage: Stubbed) -> None:
        stage.use.fault("none", "catalog", "missing", params={"service": "clientLogs"})
        await stage.online()
        with pytest.raises(CommandFailed, match="no service for logs"):
            await command(stage.device, SEND)

    play(story)


@pytest.mark.parametrize("path", ["*/logs/url", "*/logs/files/*", "*/logs/meta"])
@pytest.mark.parametrize(
    ("do", "says"), [("error", "503 maintenance"), ("drop_reply", "connection reset"), ("malformed", "")]
)
def test_a_step_that_fails_fails_the_command_with_a_reason(path: str, do: str, says: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("bad", "http", do, target={"service": "clientLogs", "path": path}, count=1)
        if do == "malformed" and not path.endswith("url"):
            await command(stage.device, SEND)  # nothing is read of these answers
            return
        with pytest.raises(CommandFailed, match=f"Logs not sent: .*{says}"):
            await command(stage.device, SEND)
        assert (await command(stage.device, SEND))["LogId"]

    play(story)


def test_a_place_outside_the_catalogue_gets_nothing() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        hosts = stage.cloud.platform.hosts
        real = hosts.base
        hosts.base = lambda service, *rest: (  # type: ignore[method-assign]  # a cloud that lies
            "https://elsewhere.test/x" if service == "clientLogs" else real(service, *rest)
        )
        with pytest.raises(CommandFailed, match=r"Logs not sent: no token for elsewhere\.test"):
            await command(stage.device, SEND)

    play(story)
