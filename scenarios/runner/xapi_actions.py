"""What the verbs of the xAPI and of people in the room do."""

from __future__ import annotations

from typing import Final

from endpoint.device.device import Device
from endpoint.room.bookings.dialling import JoinFieldsUnreadable
from endpoint.room.bookings.fields import EXTENSION_MINUTES
from endpoint.room.panelxml import Widget
from scenarios.runner import xapi_client as client
from scenarios.runner import xapi_verbs as x
from scenarios.runner.booking_names import named_booking
from scenarios.runner.call_parts import call_id
from scenarios.runner.clients import subscribing
from scenarios.runner.stage import Stage
from scenarios.runner.verbs import implements

TOUCH: Final = ("Pressed", "Released", "Clicked")
TOUCHES: Final = {
    "ToggleButton": ("Changed",),
    "Slider": ("Pressed", "Changed", "Released"),
    "GroupButton": ("Pressed", "Released"),
}
"""What a touch of a widget says, by kind; of all others `TOUCH`. Source: the vendor's customization guide, protocol/xapi-nodes.md 7.12."""
STANDBY: Final = {"on": "Activate", "halfwake": "Halfwake", "off": "Deactivate"}
CALL_BUTTONS: Final = {"answer": "Call Accept", "decline": "Call Reject", "end call": "Call Disconnect"}
MUTE: Final = {"on": "Mute", "off": "Unmute", "toggle": "ToggleMute"}


@implements(x.XCommand)
async def xcommand(stage: Stage, args: x.XCommand) -> object:
    """Give a command."""
    return await client.command(stage, args.path, args.args, body=str(args.body), role=args.as_, over=args.over)


@implements(x.XConfig)
async def xconfig(stage: Stage, args: x.XConfig) -> object:
    """Set configurations."""
    return await client.configure(stage, args.values, args.as_, args.over)


@implements(x.Subscribe)
async def subscribe(stage: Stage, args: x.Subscribe) -> object:
    """Listen."""
    if args.over is not None:
        return await subscribing.subscribe(stage, args)
    for path in args.paths:
        client.listen(stage, path, args.as_)
    return {}


@implements(x.Standby)
async def standby(stage: Stage, args: x.Standby) -> object:
    """Let the device sleep or wake."""
    return await client.command(stage, f"Standby {STANDBY[args.state]}", {})


@implements(x.Mute)
async def mute(stage: Stage, args: x.Mute) -> object:
    """Mute the microphones, or not."""
    _in_call(stage, args.call)
    return await client.command(stage, f"Audio Microphones {MUTE[args.state]}", {})


@implements(x.Volume)
async def volume(stage: Stage, args: x.Volume) -> object:
    """Set the volume."""
    _in_call(stage, args.call)
    return await client.command(stage, "Audio Volume Set", {"Level": args.level})


def _in_call(stage: Stage, call: int | str | None) -> None:
    """Make sure that a call that a step names is there; volume and microphones are the device's, whatever the call."""
    if call is not None:
        call_id(stage, client.up(stage), call)


@implements(x.People)
async def people(stage: Stage, args: x.People) -> object:
    """Let people come and go."""
    room = stage.device(stage.acting).local.senses.analytics
    if args.presence is not None:
        room.presence(args.presence)
        if not args.presence:
            stage.people[stage.acting] = 0
        return {}
    assert args.count is not None, "one of the two is given"
    stage.people[stage.acting] = args.count
    room.people(args.count)
    return {}


@implements(x.Press)
async def press(stage: Stage, args: x.Press) -> object:
    """Touch the screen, a button of a panel, or a widget."""
    device, what = client.up(stage), str(args.what)
    local = device.local
    local.senses.standby.activity()
    if what == "wake":
        return {}
    if what == x.JOIN_BUTTON:
        return _join(stage, device, args)
    if what == x.EXTEND:
        return await _extend(stage, device, args)
    if what in CALL_BUTTONS:
        given = {} if args.call is None else {"CallId": call_id(stage, device, args.call)}
        return await client.command(stage, CALL_BUTTONS[what], given, door=client.PANEL)
    extensions = local.extensions
    if what in extensions.panels:
        extensions.click_panel(what)
        return {}
    widgets = {name: widget for panel in extensions.panels.values() for name, widget in panel.widgets.items()}
    if what not in widgets:
        known = ", ".join((*extensions.panels, *widgets)) or "neither panels nor widgets"
        raise ValueError(f"nothing on the panel is called {what}; there are: {known}")
    value = str(args.value) or _value(widgets[what], extensions.value(what))
    for action in (args.action.capitalize(),) if args.action else TOUCHES.get(widgets[what].kind, TOUCH):
        extensions.widget_action(what, action, value)
    return {}


def _join(stage: Stage, device: Device, args: x.Press) -> object:
    """Press Join: the button that is shown, or that of a booking."""
    wanted = None if args.booking is None else named_booking(stage, device, str(args.booking))
    try:
        booking = device.local.bookings.button.press(wanted)
    except JoinFieldsUnreadable as error:  # the device says so itself, by a diagnostics message
        if not stage.has_expectation:
            raise
        return {"status": "failed", "why": str(error)}
    return {"booking": booking.id, "meeting": booking.meeting_id}


async def _extend(stage: Stage, device: Device, args: x.Press) -> object:
    """Press Extend: of the booking that runs, or of one that is named, for as long as the panel offers, 30 minutes."""
    booking = (
        named_booking(stage, device, str(args.booking))
        if args.booking is not None
        else device.local.bookings.timeline.current
    )
    if booking is None:
        raise ValueError("no booking runs that could be extended")
    given = {"Id": booking.id, "Duration": EXTENSION_MINUTES}
    return await client.command(stage, "Bookings Extend", given, door=client.PANEL)


@implements(x.Respond)
async def respond(stage: Stage, args: x.Respond) -> object:
    """Answer an invitation."""
    device = client.up(stage)
    device.local.senses.standby.activity()
    if args.booking is not None:
        booking = named_booking(stage, device, str(args.booking))
    else:
        bookings, now = device.local.bookings, device.world.clock.now()
        found = bookings.timeline.current or bookings.store.first_after(now)
        if found is None:
            raise ValueError("there is no booking to be answered")
        booking = found
    comment = {"Comment": str(args.comment)} if args.comment else {}
    given = {"MeetingId": booking.meeting_id, "Type": args.answer.capitalize(), **comment}
    return await client.command(stage, "Bookings Respond", given, door=client.PANEL)


def _value(widget: Widget, present: str) -> str:
    """Return what a widget is set to by a touch that names no value: a toggle is turned.

    Raises:
        ValueError: the widget has several things to touch.
    """
    if widget.kind == "ToggleButton":
        return "off" if present == "on" else "on"
    if widget.kind in TOUCHES or widget.kind in ("Spinner", "DirectionalPad"):
        raise ValueError(f"write which `value` of the {widget.kind} {widget.widget_id} is touched")
    return ""
