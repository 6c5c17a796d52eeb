"""What the verbs of calls do: commands at the device as people and integrations give them, use cases in the cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from endpoint.device.device import Device
from endpoint.wire.xapi.query import query_of_text
from endpoint.xapi.feedback import Notice
from scenarios.runner import call_verbs as v
from scenarios.runner import xapi_client as client
from scenarios.runner.booking_names import named_booking
from scenarios.runner.call_parts import call_id, conference, far, shown_ids
from scenarios.runner.stage import Acting, Stage
from scenarios.runner.verbs import implements
from scenarios.runner.zoom_redial import ZoomRedial

RINGING: Final = ("Ringing",)
PROTOCOLS: Final = {"spark": "Spark", "sip": "Sip"}


def _meant(stage: Stage, device: Device, ref: int | str, *states: str) -> dict[str, Any]:
    """Return the argument that names a call; without one, the device takes the call that fits."""
    return {} if ref == v.ONE else {"CallId": call_id(stage, device, ref, *states)}


async def _about(stage: Stage, command: str, ref: int | str, *states: str, **more: Any) -> object:
    """Give a command about one call."""
    device = client.up(stage)
    return await client.command(stage, command, {**_meant(stage, device, ref, *states), **more})


# at the device


@implements(v.Dial)
async def dial(stage: Stage, args: v.Dial) -> object:
    """Dial."""
    device, given = client.up(stage), {"Number": str(args.number)}
    if args.protocol != "auto":
        given["Protocol"] = PROTOCOLS[args.protocol]
    if args.type != "auto":
        given["CallType"] = args.type.capitalize()
    if args.booking is not None:
        given["BookingId"] = named_booking(stage, device, str(args.booking)).id
    if args.display_name is not None:
        given["DisplayName"] = str(args.display_name)
    answer = await client.command(stage, "Dial", given)
    if args.id is not None and "CallId" in answer:
        stage.calls.dialled(args.id, stage.acting, str(args.number), int(answer["CallId"]))
    return answer


@implements(v.AnswerCall)
async def answer_call(stage: Stage, args: v.AnswerCall) -> object:
    """Answer."""
    return await _about(stage, "Call Accept", args.call)


@implements(v.RejectCall)
async def reject_call(stage: Stage, args: v.RejectCall) -> object:
    """Reject."""
    return await _about(stage, "Call Reject", args.call)


@implements(v.IgnoreCall)
async def ignore_call(stage: Stage, args: v.IgnoreCall) -> object:
    """Ignore; the command wants to know which call."""
    device = client.up(stage)
    return await client.command(stage, "Call Ignore", {"CallId": call_id(stage, device, args.call, *RINGING)})


@implements(v.HoldCall)
async def hold_call(stage: Stage, args: v.HoldCall) -> object:
    """Hold."""
    return await _about(stage, "Call Hold", args.call)


@implements(v.ResumeCall)
async def resume_call(stage: Stage, args: v.ResumeCall) -> object:
    """Take back from hold."""
    return await _about(stage, "Call Resume", args.call)


@implements(v.HangUp)
async def hang_up(stage: Stage, args: v.HangUp) -> object:
    """Hang up one call, or all of them."""
    if args.call != "all":
        return await _about(stage, "Call Disconnect", args.call)
    for one in shown_ids(client.up(stage)):
        await client.command(stage, "Call Disconnect", {"CallId": one})
    return {}


@implements(v.JoinCalls)
async def join_calls(stage: Stage, args: v.JoinCalls) -> object:
    """Make one call of several."""
    device = client.up(stage)
    return await client.command(stage, "Call Join", {"CallId": [call_id(stage, device, ref) for ref in args.calls]})


@implements(v.Dtmf)
async def dtmf(stage: Stage, args: v.Dtmf) -> object:
    """Send tones."""
    return await _about(stage, "Call DTMFSend", args.call, DTMFString=str(args.tones))


@implements(v.Share)
async def share(stage: Stage, args: v.Share) -> object:
    """Share, or stop it."""
    if args.call is not None:
        call_id(stage, client.up(stage), args.call)
    given = {} if args.connector is None else {"ConnectorId": args.connector}
    return await client.command(stage, f"Presentation {args.state.capitalize()}", given)


@implements(v.Authenticate)
async def authenticate(stage: Stage, args: v.Authenticate) -> object:
    """Answer an authentication request."""
    pin = {} if args.pin is None else {"Pin": str(args.pin)}
    role = args.role.capitalize()
    return await _about(stage, "Conference Call AuthenticationResponse", args.call, ParticipantRole=role, **pin)


@implements(v.Listener)
async def listener(stage: Stage, args: v.Listener) -> object:
    """Let an integration listen, or end that."""
    name = stage.acting
    stop = stage.listeners.pop((name, args.what), None)
    if args.state == "off":
        if stop is None:
            raise ValueError(f"no {args.what} listens to {name}")
        stop()
        return {}
    if stop is not None:
        stop()
    stage.listeners[name, args.what] = _zoom_redial(stage, client.up(stage), name)
    return {}


def _zoom_redial(stage: Stage, device: Device, name: str) -> Callable[[], object]:
    """Listen to calls that end, by the xAPI alone; what has to be dialled again is dialled at once."""
    decide = ZoomRedial()

    def ended(notice: Notice) -> None:
        number = decide.number({str(path[2]): value for path, value in notice.leaves}, stage.clock.time())
        if number is not None:
            stage.background(_redial(stage, name, number), "zoom redial")

    return device.xapi.subscribe(query_of_text("Event CallDisconnect"), client.caller("admin"), ended).close


async def _redial(stage: Stage, name: str, number: str) -> None:
    with stage.acts(Acting(name, has_expectation=True, expects_result=True)):  # a refusal is not the step's
        await client.command(stage, "Dial", {"Number": number, "Protocol": "Spark"})


# in the cloud


@implements(v.CloudCall)
async def cloud_call(stage: Stage, args: v.CloudCall) -> object:
    """Call the account of the device."""
    caller = str(args.from_)
    stage.calls.called(args.id, stage.acting, "", str(args.name) or caller)
    locus_id = stage.cloud.calls.ring(
        caller,
        stage.account(stage.acting),
        name=args.id,
        display_name=str(args.name),
        cancel_after_s=args.cancel_after,
        elsewhere_after_s=args.elsewhere_after,
        is_meeting=args.meeting,
    )
    stage.calls.named(args.id).far = locus_id
    stage.ids[args.id] = locus_id
    return {"id": locus_id}


@implements(v.CloudAnswer)
async def cloud_answer(stage: Stage, args: v.CloudAnswer) -> object:
    """Let the far end answer."""
    stage.cloud.calls.answer(far(stage, args.call), after_s=args.after)
    return {}


@implements(v.CloudDecline)
async def cloud_decline(stage: Stage, args: v.CloudDecline) -> object:
    """Let the far end refuse."""
    stage.cloud.calls.decline(far(stage, args.call), reason=args.reason, after_s=args.after)
    return {}


def _participant(stage: Stage, args: v.CloudLobby | v.CloudAdmit | v.CloudDrop | v.CloudConference) -> str:
    return stage.account(stage.acting) if args.participant is None else str(args.participant)


@implements(v.CloudLobby)
async def cloud_lobby(stage: Stage, args: v.CloudLobby) -> object:
    """Put a participant into the lobby."""
    stage.cloud.calls.lobby(conference(stage, args.meeting, args.call), _participant(stage, args))
    return {}


@implements(v.CloudAdmit)
async def cloud_admit(stage: Stage, args: v.CloudAdmit) -> object:
    """Let in one, or all."""
    whom = None if args.participant == "all" else _participant(stage, args)
    stage.cloud.calls.admit(conference(stage, args.meeting, args.call), whom)
    return {}


@implements(v.CloudDrop)
async def cloud_drop(stage: Stage, args: v.CloudDrop) -> object:
    """Remove a participant."""
    where, whom = conference(stage, args.meeting, args.call), _participant(stage, args)
    stage.cloud.calls.drop(where, whom, reason=str(args.reason))
    return {}


@implements(v.CloudEnd)
async def cloud_end(stage: Stage, args: v.CloudEnd) -> object:
    """End it for all."""
    stage.cloud.calls.end(conference(stage, args.meeting, args.call))
    return {}


@implements(v.CloudPeer)
async def cloud_peer(stage: Stage, args: v.CloudPeer) -> object:
    """Script a peer behind the gateway."""
    stage.cloud.calls.peer(
        str(args.address),
        args.behaves,
        after_s=args.after,
        meeting_id=str(args.meeting),
        passcode=str(args.passcode),
    )
    return {}


@implements(v.CloudParticipant)
async def cloud_participant(stage: Stage, args: v.CloudParticipant) -> object:
    """Let a person do something."""
    stage.cloud.calls.person(
        conference(stage, args.meeting, args.call),
        str(args.who),
        args.do,
        name=str(args.name),
        role=args.role,
        value=str(args.value),
    )
    return {}


@implements(v.CloudConference)
async def cloud_conference(stage: Stage, args: v.CloudConference) -> object:
    """Change a meeting."""
    where, do = conference(stage, args.meeting, args.call), stage.cloud.calls
    settings: dict[str, Any] = {
        name: value if isinstance(value, (bool, int)) else str(value) for name, value in args.settings.items()
    }
    if "moved_to" in settings:
        settings["moved_to"] = stage.ids.get(str(settings["moved_to"]), str(settings["moved_to"]))
    if settings:
        do.meeting_set(where, **settings)
    if args.recording is not None:
        do.record(where, args.recording)
    if args.hard_mute is not None:
        do.hard_mute(where, args.hard_mute)
    if args.mute is not None:
        do.mute(where, _participant(stage, args), args.mute)
    return {}
