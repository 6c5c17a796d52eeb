"""Webex Registration Start, Cancel and Logout."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from tests.endpoint.cloud.stubbed import Stubbed, play
from tests.endpoint.device.commands.commanding import at, command

START = "Webex Registration Start"
CANCEL = "Webex Registration Cancel"
LOGOUT = "Webex Registration Logout"
SLOW = {"service": "activation"}


def start(stage: Stubbed, code: str, **more: str) -> Any:
    """Give the command."""
    return command(stage.device, START, {"ActivationCode": code, "SecurityAction": "NoAction", **more})


def test_the_synchronous_form_answers_when_the_device_is_linked() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        assert await start(stage, stage.code()) is None
        assert stage.device.is_activated
        assert at(stage.device, "Provisioning Status") == "Provisioning"
        await stage.device.until_online()
        assert at(stage.device, "Webex Status") == "Registered"
        assert at(stage.device, "Provisioning Status") == "Provisioned"
        assert at(stage.device, "UserInterface ContactInfo Name") == "Lab"

    play(story)


def test_the_asynchronous_form_answers_at_once() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        assert await start(stage, stage.code(), AccountLinkMode="Asynchronous") is None
        assert not stage.device.is_activated
        await stage.device.until_online()
        assert at(stage.device, "Webex Status") == "Registered"

    play(story)


@pytest.mark.parametrize(("action", "hardened"), [("Harden", True), ("NoAction", False)])
def test_security_action_decides_about_the_lock_down(action: str, hardened: bool) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        await start(stage, stage.code(), SecurityAction=action)
        assert stage.device.is_hardened is hardened
        assert stage.lines(f"Wx2 I: Activation: lock-down applied ({action})")

    play(story)


def _wrong(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("unknown", "Activation code not found"),
        ("wrong", "Activation code rejected"),
        ("expired", "Activation code expired"),
        ("used", "Activation code already used"),
        ("locked", "Activation code rejected"),
        ("short", "16 digits"),
        ("letters", "16 digits"),
        ("unreachable", "Cannot connect to the activation service"),
    ],
)
def test_a_refusal_has_a_reason_and_leaves_the_device_as_it_was(which: str, reason: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        record, secret = stage.use.code_create(workspace="Lab")
        code = secret.reveal()
        given = {"unknown": "9" * 16, "wrong": _wrong(code), "short": code[:-1], "letters": "x" * 16}.get(which, code)
        if which == "expired":
            stage.use.code_expire(record.id)
        if which in ("used", "locked"):
            stage.use.fault("it", "activation", which)
        if which == "unreachable":
            stage.use.fault("it", "activation", "drop_request")
        with pytest.raises(CommandFailed, match=reason):
            await start(stage, given)
        assert not stage.device.is_activated
        assert at(stage.device, "Webex Status") == "Stopped"
        assert at(stage.device, "Provisioning Status") == "NeedConfig"
        assert "WebexActivationRequired" in stage.device.diagnostics.types
        stage.use.heal()
        await start(stage, stage.code())
        assert stage.device.is_activated

    play(story)


def test_arguments_are_required() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        for arguments in ({"ActivationCode": "1" * 16}, {"SecurityAction": "NoAction"}):
            with pytest.raises(BadArguments):
                await command(stage.device, START, arguments)

    play(story)


@pytest.mark.parametrize("mode", ["Synchronous", "Asynchronous"])
def test_a_second_start_is_refused_while_one_is_under_way_and_afterwards(mode: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        first = asyncio.ensure_future(start(stage, stage.code(), AccountLinkMode=mode))
        second = asyncio.ensure_future(start(stage, stage.code(), AccountLinkMode=mode))
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert outcomes[0] is None
        assert isinstance(outcomes[1], CommandFailed), outcomes
        assert "registered already" in str(outcomes[1])
        await stage.device.until_online()
        with pytest.raises(CommandFailed, match="registered already"):
            await start(stage, stage.code())

    play(story)


def test_a_start_can_be_cancelled_and_given_anew() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.use.fault("slow", "activation", "delay", params={"by": 10})
        starting = asyncio.ensure_future(start(stage, stage.code()))
        await stage.clock.sleep(1.0)
        await command(stage.device, CANCEL)
        with pytest.raises(CommandFailed, match="Activation cancelled"):
            await starting
        assert at(stage.device, "Webex Status") == "Stopped"
        stage.use.heal()
        await start(stage, stage.code())
        assert stage.device.is_activated

    play(story)


@pytest.mark.parametrize("after_s", [None, 0.0, 1.0])
def test_an_asynchronous_start_can_be_cancelled_from_its_answer_on(after_s: float | None) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.use.fault("slow", "activation", "delay", params={"by": 10})
        await start(stage, stage.code(), AccountLinkMode="Asynchronous")
        if after_s is not None:
            await stage.clock.sleep(after_s)
        await command(stage.device, CANCEL)
        await stage.clock.sleep(60.0)
        assert not stage.device.is_activated
        assert at(stage.device, "Webex Status") == "Stopped"
        assert at(stage.device, "Provisioning Status") == "NeedConfig"

    play(story)


def test_without_a_start_there_is_nothing_to_cancel() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        with pytest.raises(CommandFailed, match="No registration is in progress"):
            await command(stage.device, CANCEL)
        await stage.online()
        with pytest.raises(CommandFailed, match="No registration is in progress"):
            await command(stage.device, CANCEL)

    play(story)


def test_a_logout_deletes_the_registration_and_a_new_code_brings_the_device_back() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        assert stage.use.query("registration.count") == 1
        await command(stage.device, LOGOUT)
        assert stage.use.query("registration.count") == 0
        assert not stage.device.is_activated
        assert at(stage.device, "Webex Status") == "Stopped"
        assert at(stage.device, "Webex DeveloperId") is None
        assert "WebexActivationRequired" in stage.device.diagnostics.types
        with pytest.raises(CommandFailed, match="not registered"):
            await command(stage.device, LOGOUT)
        stage.use.device_delete(stage.use.devices()[0].id)
        await stage.online()
        assert stage.device.is_online

    play(story)


def test_a_logout_needs_no_answer_of_the_cloud() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("gone", "wdm", "drop_request")
        await command(stage.device, LOGOUT)
        assert not stage.device.is_activated
        await stage.device.restart()
        assert not stage.device.is_activated
        assert at(stage.device, "Webex Status") == "Stopped"

    play(story)
