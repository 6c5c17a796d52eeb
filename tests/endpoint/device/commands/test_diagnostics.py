"""Diagnostics Run, the checks behind it, and when they run without it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from endpoint.device import health
from endpoint.device.checks import OFFLINE_S
from endpoint.device.device import Device
from endpoint.device.storage import SavedTrust
from endpoint.runtime.clock import STANDS_STILL_PPM
from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.stubbed import START, Stubbed, play
from tests.endpoint.device.commands.commanding import command

RUN = "Diagnostics Run"
DAY = timedelta(days=1)


@cache
def pem(name: str, ends: datetime) -> str:
    """Return a certificate that ends at an instant."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(ends)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def trusting(stage: Stubbed, **ends: datetime) -> None:
    """Let the device have certificates, by name and end, and tell it so."""
    pems = tuple(pem(name, end) for name, end in ends.items())
    stage.device.save(msgspec.structs.replace(stage.device.state, trust=SavedTrust(service=pems)))
    stage.device.check_health()


def message(stage: Stubbed, kind: str) -> Mapping[str, Any]:
    """Return the message of a type."""
    return next((fields for fields in stage.device.diagnostics.messages if fields["Type"] == kind), {})


async def types(stage: Stubbed, **arguments: str) -> list[str]:
    """Return the types that a run answers."""
    answer = await command(stage.device, RUN, arguments)
    return [str(fields["Type"]) for fields in answer["Message"]]


def test_a_run_answers_what_holds() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        answer = await command(stage.device, RUN)
        assert answer["Message"] == [
            {
                "Type": "WebexActivationRequired",
                "Level": "Warning",
                "Description": "The device must be activated.",
                "References": "reason=not activated",
            }
        ]
        assert await command(stage.device, RUN, {"ResultSet": "None"}) is None
        stage.device.diagnostics.put("FirstTimeWizardNotCompleted", True)
        assert await types(stage) == ["WebexActivationRequired"]
        assert await types(stage, ResultSet="Alerts") == ["WebexActivationRequired"]
        assert await types(stage, ResultSet="All") == ["WebexActivationRequired", "FirstTimeWizardNotCompleted"]
        await stage.online()
        assert await types(stage) == []

    play(story)


def test_a_run_looks_anew() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.device.configuration.put(("NetworkServices", "HTTP", "Mode"), "HTTP+HTTPS")
        assert "HTTPSModeSecurity" in await types(stage)

    play(story)


def test_plain_http_is_complained_of_at_once_and_as_long_as_it_is_on() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.device.set_configurations({"NetworkServices HTTP Mode": "HTTP+HTTPS"})
        assert message(stage, "HTTPSModeSecurity")["Level"] == "Warning"
        await stage.device.restart()
        assert message(stage, "HTTPSModeSecurity")
        stage.device.set_configurations({"NetworkServices HTTP Mode": "HTTPS"})
        assert not message(stage, "HTTPSModeSecurity")

    play(story)


def test_a_certificate_is_complained_of_from_30_days_before_its_end_on_and_counted_down() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        trusting(stage, near=START + 40 * DAY, far=START + 400 * DAY)
        assert not message(stage, "CertificateExpiry")
        await stage.clock.sleep(10 * 86_400.0 - 2.0)
        assert not message(stage, "CertificateExpiry")
        await stage.clock.sleep(3.0)
        found = message(stage, "CertificateExpiry")
        assert (found["Level"], found["References"]) == ("Warning", "subject=CN=near&days=29")
        number = stage.device.diagnostics.types
        for days in (28, 27):
            await stage.clock.sleep(86_400.0)
            assert message(stage, "CertificateExpiry")["References"] == f"subject=CN=near&days={days}"
        assert stage.device.diagnostics.types == number, "the same message, counted down"
        await stage.clock.sleep(27 * 86_400.0)
        assert message(stage, "CertificateExpiry")["References"] == "subject=CN=near&days=0"
        await stage.clock.sleep(86_400.0)
        assert message(stage, "CertificateExpiry")["References"] == "subject=CN=near&days=-1"
        trusting(stage, far=START + 400 * DAY)
        assert not message(stage, "CertificateExpiry")

    play(story)


@pytest.mark.parametrize(("left", "days"), [(29 * DAY, 29), (DAY / 2, 0), (-DAY / 2, -1), (-3 * DAY, -3)])
def test_the_days_that_are_left(left: timedelta, days: int) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        trusting(stage, it=START + left, other=START + 20 * DAY + left)
        assert message(stage, "CertificateExpiry")["References"] == f"subject=CN=it&days={days}"

    play(story)


def test_what_is_no_certificate_is_passed_over() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.device.save(msgspec.structs.replace(stage.device.state, trust=SavedTrust(service=("nothing",))))
        assert await types(stage) == ["WebexActivationRequired"]
        assert health.next_change(stage.device) is None

    play(story)


def test_a_clock_that_was_set_is_noticed_within_a_day() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        trusting(stage, it=START + 400 * DAY)
        stage.device.world.clock.jump_wall(390 * DAY)
        await stage.clock.sleep(86_401.0)
        assert message(stage, "CertificateExpiry")["References"] == "subject=CN=it&days=8"

    play(story)


def test_certificates_are_looked_at_seldom_while_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[datetime | None] = []
    found = health.next_change

    def counted(device: Device) -> datetime | None:
        looks.append(found(device))
        return looks[-1]

    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.device.world.clock.run_at(STANDS_STILL_PPM)
        trusting(stage, it=stage.device.world.clock.now() + 30 * DAY + timedelta(seconds=1))
        monkeypatch.setattr(health, "next_change", counted)
        await stage.clock.sleep(7_300.0)
        assert not message(stage, "CertificateExpiry")
        stage.device.world.clock.run_at(0)
        await stage.clock.sleep(3_700.0)
        assert message(stage, "CertificateExpiry")

    play(story)
    assert len(looks) <= 6


def test_nothing_looks_any_more_on_a_device_that_is_off() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        trusting(stage, it=START + 35 * DAY)
        await stage.device.shut_down()
        seen = len(stage.trace.events)
        await stage.clock.sleep(40 * 86_400.0 + 10.0)
        assert len(stage.trace.events) == seen
        await stage.device.boot()
        assert message(stage, "CertificateExpiry")["References"] == "subject=CN=it&days=-6"

    play(story)


def test_certificates_that_an_activation_brings_are_looked_at_at_once() -> None:
    async def story(stage: Stubbed) -> None:
        stage.cloud.platform.settings.trust_list = (pem("soon", START + 5.5 * DAY),)
        await stage.online()
        assert message(stage, "CertificateExpiry")["References"] == "subject=CN=soon&days=5"

    play(story)


def test_a_device_that_nobody_answers_is_offline_after_ten_minutes_and_not_before() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(600.0)
        stage.faults.arm(Fault("down", "tcp", "refuse"))
        stage.device.mercury.reset()
        await stage.clock.sleep(OFFLINE_S - 10.0)
        assert message(stage, "WebexConnectivity")
        assert not message(stage, "WebexOffline")
        await stage.clock.sleep(20.0)
        found = message(stage, "WebexOffline")
        assert (found["Level"], found["References"]) == ("Error", "since=2026-03-02T08:10:00Z")
        stage.faults.heal("down")
        await stage.device.until_online()
        assert not message(stage, "WebexOffline")

    play(story)


@pytest.mark.parametrize("how", ["short", "account", "restart"])
def test_what_ends_a_silence_ends_the_wait(how: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.faults.arm(Fault("down", "tcp", "refuse"))
        stage.device.mercury.reset()
        await stage.clock.sleep(300.0)
        assert message(stage, "WebexConnectivity")
        if how == "account":
            stage.device.remove_account("test")
        if how == "restart":
            await stage.device.restart()
        stage.faults.heal("down")
        await stage.clock.sleep(2 * OFFLINE_S)
        assert not message(stage, "WebexOffline")

    play(story)
