"""What a tester can ask a device to do through its control door, as a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from endpoint.cloud.reachability import PROFILES
from endpoint.device import control_calls
from endpoint.device.control_messages import Action, ControlError
from endpoint.device.device import Device

CHOICES_MAX: Final = 40
"""How many right words a refusal lists."""


class Activate(Action, kw_only=True, frozen=True):
    """Activate with a code."""

    code: str
    security: Literal["none", "harden"] = "none"


class Discover(Action, kw_only=True, frozen=True):
    """Measure the media clusters; `schedule` stays for later runs too."""

    schedule: Literal["fast", "rfc", "faithful"] | None = None


class Refresh(Action, kw_only=True, frozen=True):
    """Renew something before its time."""

    service: Literal["wdm", "token", "catalog", "trust"]


class Press(Action, kw_only=True, frozen=True):
    """Press Join: the button that is shown, or that of a booking, by its id."""

    booking: str = ""


async def _press(device: Device, asked: Action) -> dict[str, Any]:
    assert isinstance(asked, Press)
    bookings = device.local.bookings
    wanted = bookings.store.find(asked.booking) if asked.booking else None
    if asked.booking and wanted is None:
        ids = [booking.id for booking in bookings.store][:CHOICES_MAX]
        raise ControlError(404, "unknown_booking", f"the device has no booking {asked.booking!r}", ids)
    device.local.senses.standby.activity()
    pressed = bookings.button.press(wanted)
    return {"booking": pressed.id, "meetingId": pressed.meeting_id}


async def _activate(device: Device, asked: Action) -> dict[str, Any]:
    assert isinstance(asked, Activate)
    if device.is_activated:
        raise ControlError(409, "activated", "the device is activated already")
    await device.activate(asked.code, hardens=asked.security == "harden")
    return {"isActivated": device.is_activated}


async def _register(device: Device, asked: Action) -> dict[str, Any]:
    await device.register()
    registration = device.registration.device
    return {"deviceId": registration.url.rpartition("/")[2] if registration else None}


async def _connect(device: Device, asked: Action) -> dict[str, Any]:
    await device.connect()
    return {"mercury": device.mercury.state.value}


async def _disconnect(device: Device, asked: Action) -> dict[str, Any]:
    device.mercury.disconnect()
    return {"mercury": device.mercury.state.value}


async def _discover(device: Device, asked: Action) -> dict[str, Any]:
    assert isinstance(asked, Discover)
    assert asked.schedule is None or asked.schedule in PROFILES
    await device.discover(asked.schedule)
    view = device.reachability.view
    if view.status != "Completed" or device.reachability.result is None:
        raise ControlError(422, "discovery_failed", "no list of media servers could be had; the device log says why")
    figures = dict(device.reachability.result.summary())
    took_ms = figures.pop("took_ms")
    return {**figures, "tookMs": took_ms}


async def _sync(device: Device, asked: Action) -> dict[str, Any]:
    return {"events": await device.sync()}


async def _refresh(device: Device, asked: Action) -> dict[str, Any]:
    assert isinstance(asked, Refresh)
    match asked.service:
        case "wdm":
            if device.registration.device is None:
                raise ControlError(409, "not_registered", "the device is not registered; register it first")
            await device.registration.register()
        case "token":
            await device.identity.refresh()
        case "catalog":
            await device.catalog.fetch(forced=True)
        case "trust":
            assert device.trust.fetch_config is not None, "the device plugs it in"
            device.trust.process(await device.trust.fetch_config())
    return {}


async def _restart(device: Device, asked: Action) -> dict[str, Any]:
    await device.restart()
    return {"boots": device.state.boots}


async def _crash(device: Device, asked: Action) -> dict[str, Any]:
    await device.crash()
    return {"boots": device.state.boots}


async def _boot(device: Device, asked: Action) -> dict[str, Any]:
    await device.boot()
    return {"boots": device.state.boots}


async def _shut_down(device: Device, asked: Action) -> dict[str, Any]:
    await device.shut_down()
    return {"boots": device.state.boots}


Doing: TypeAlias = Callable[[Device, Action], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of action.

    Attributes:
        text: what it does, for the index.
        power: it switches the device off or on, and ends what runs.
        from_up: the device has to be up before; otherwise it has to be off.
        needs_account: the device has to be activated.
    """

    body: type[Action]
    do: Doing
    text: str
    power: bool = False
    from_up: bool = True
    needs_account: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "activate": Kind(Activate, _activate, "activate with a 16-digit code"),
    "register": Kind(Action, _register, "fetch the catalogue, register or refresh with WDM", needs_account=True),
    "connect": Kind(Action, _connect, "open Mercury", needs_account=True),
    "disconnect": Kind(Action, _disconnect, "close Mercury and leave it closed", needs_account=True),
    "discover": Kind(Discover, _discover, "measure the media clusters", needs_account=True),
    "sync": Kind(Action, _sync, "catch up the calendar", needs_account=True),
    "refresh": Kind(Refresh, _refresh, "renew registration, token, catalogue or trust store", needs_account=True),
    "join": Kind(Press, _press, "press the Join button"),
    "dial": Kind(control_calls.Dial, control_calls.dial, "dial a number, an address or a link"),
    **{
        name: Kind(control_calls.OneCall, control_calls.act, text)
        for name, (_command, text) in control_calls.COMMANDS.items()
    },
    "restart": Kind(Action, _restart, "shut down and boot again", power=True),
    "crash": Kind(Action, _crash, "lose the power", power=True),
    "shutdown": Kind(Action, _shut_down, "power off in good order", power=True),
    "boot": Kind(Action, _boot, "power on", power=True, from_up=False),
}
