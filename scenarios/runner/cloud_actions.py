"""What the verbs of the cloud do: each is a use case of the stub."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from cloud_stub.platform.records import Meeting
from endpoint.wire import codec
from endpoint.wire.xapi.paths import parse_path, words
from endpoint.wire.xapi.relay import Change, CommandCall, ConfigurationPatch, dotted
from scenarios.runner import cloud_verbs as c
from scenarios.runner import xapi_client as client
from scenarios.runner.stage import Stage
from scenarios.runner.values import When
from scenarios.runner.verbs import implements


def _instant(stage: Stage, when: When) -> datetime:
    return when.resolve(stage.clock.now(), stage.zone)


@implements(c.CodeCreate)
async def code_create(stage: Stage, args: c.CodeCreate) -> object:
    """Issue an activation code."""
    workspace = str(args.workspace) if args.workspace is not None else stage.acting
    code, digits = stage.cloud.use_cases.code_create(workspace=workspace, lives_s=args.lives)
    stage.ids[args.id] = code.id
    stage.saved[args.id] = digits.reveal()
    return {"id": code.id}


@implements(c.CodeExpire)
async def code_expire(stage: Stage, args: c.CodeExpire) -> object:
    """Let the life of a code end."""
    given = str(args.id)
    stage.cloud.use_cases.code_expire(stage.ids.get(given, given[:8]))
    return {}


@implements(c.MeetingCreate)
async def meeting_create(stage: Stage, args: c.MeetingCreate) -> object:
    """Put a meeting into the calendar of the step's device."""
    meeting = stage.cloud.use_cases.meeting_create(
        str(args.title or args.id),
        _instant(stage, args.starts),
        round(args.lasts / 60),
        name=args.id,
        user_ids=[stage.account(stage.acting)],
        push=args.push,
        **_fields(args),
    )
    stage.ids[args.id] = meeting.id
    return {"id": meeting.id}


@implements(c.MeetingUpdate)
async def meeting_update(stage: Stage, args: c.MeetingUpdate) -> object:
    """Change a meeting; of one that is not there the device is told as if it were."""
    if stage.ids.get(args.id, args.id) not in stage.cloud.platform.store[Meeting]:
        if args.starts is None or args.lasts is None:
            raise ValueError(
                f"there is no meeting {args.id}; to tell of one that nobody knows, write starts and lasts too"
            )
        title, starts = str(args.title or args.id), _instant(stage, args.starts)
        unknown = stage.cloud.use_cases.meeting_create(
            title, starts, round(args.lasts / 60), name=args.id, user_ids=[stage.account(stage.acting)], push="none"
        )
        stage.ids[args.id] = unknown.id
    fields = _fields(args)
    if args.title is not None:
        fields["title"] = str(args.title)
    if args.starts is not None:
        fields["start"] = _instant(stage, args.starts)
    if args.lasts is not None:
        fields["duration_minutes"] = round(args.lasts / 60)
    meeting = stage.cloud.use_cases.meeting_update(stage.ids.get(args.id, args.id), push=args.push, **fields)
    return {"id": meeting.id}


@implements(c.MeetingDelete)
async def meeting_delete(stage: Stage, args: c.MeetingDelete) -> object:
    """Take a meeting out of the calendar."""
    stage.cloud.use_cases.meeting_delete(stage.ids.get(args.id, args.id), push=args.push)
    return {}


def _fields(args: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if args.organizer is not None:
        fields["organizer_name"] = str(args.organizer)
    if args.private is not None:
        fields["is_private"] = bool(args.private)
    if args.all_day is not None:
        fields["is_all_day"] = bool(args.all_day)
    if args.join is not None:
        fields["join"] = {name: str(text) for name, text in args.join.items()}
    return fields


@implements(c.MercuryClose)
async def mercury_close(stage: Stage, args: c.MercuryClose) -> object:
    """Close the device's websocket."""
    closed = stage.cloud.use_cases.mercury_close(args.code, str(args.reason), user_id=stage.account(stage.acting))
    if not closed:
        raise ValueError("the device has no open websocket that could be closed")
    return {"closed": closed}


@implements(c.MercurySend)
async def mercury_send(stage: Stage, args: c.MercurySend) -> object:
    """Send any frame."""
    text = str(args.raw) if args.raw is not None else codec.encode(args.frame).decode()
    user_id = stage.account(stage.acting)
    if args.after:
        stage.cloud.platform.later.call(args.after, partial(stage.cloud.use_cases.mercury_send, text, user_id=user_id))
        return {}
    return {"sent": stage.cloud.use_cases.mercury_send(text, user_id=user_id)}


@implements(c.MercuryShutdown)
async def mercury_shutdown(stage: Stage, args: c.MercuryShutdown) -> object:
    """Announce that the socket ends."""
    user_id = stage.account(stage.acting)
    if args.after:
        stage.cloud.platform.later.call(args.after, partial(stage.cloud.use_cases.mercury_shutdown, user_id=user_id))
        return {}
    return {"announced": stage.cloud.use_cases.mercury_shutdown(user_id=user_id)}


@implements(c.TokenRevoke)
async def token_revoke(stage: Stage, args: c.TokenRevoke) -> object:
    """Revoke tokens."""
    return {"ended": stage.cloud.use_cases.token_revoke(args.token, stage.account(args.device or stage.acting))}


@implements(c.TokenExpire)
async def token_expire(stage: Stage, args: c.TokenExpire) -> object:
    """Let tokens expire."""
    return {"ended": stage.cloud.use_cases.token_expire(args.token, stage.account(args.device or stage.acting))}


@implements(c.DeviceDelete)
async def device_delete(stage: Stage, args: c.DeviceDelete) -> object:
    """Remove the device's account."""
    stage.cloud.use_cases.device_delete(stage.cloud_device(args.device).id)
    return {}


@implements(c.ClusterRotate)
async def cluster_rotate(stage: Stage, args: c.ClusterRotate) -> object:
    """Move a service to another host."""
    return {"host": stage.cloud.use_cases.cluster_rotate(str(args.service), str(args.to or ""))}


@implements(c.FeatureSet)
async def feature_set(stage: Stage, args: c.FeatureSet) -> object:
    """Set a feature toggle."""
    value = args.value if isinstance(args.value, (bool, int)) else str(args.value)
    stage.cloud.use_cases.feature_set(str(args.key), value, kind=args.type, user_id=stage.account(stage.acting))
    return {}


@implements(c.SoftwareOffer)
async def software_offer(stage: Stage, args: c.SoftwareOffer) -> object:
    """Offer a software version to the step's device."""
    upgrade = stage.cloud.use_cases.upgrade_offer(
        str(args.version),
        urgency=args.urgency,
        device_id=stage.cloud_device(stage.acting).id,
        channel=str(args.channel),
        should=str(args.should),
        must=str(args.must),
        fails=args.fails or "",
    )
    return {"id": upgrade.id, "version": upgrade.version}


@implements(c.Maintenance)
async def maintenance(stage: Stage, args: c.Maintenance) -> object:
    """Take a service out of order."""
    fault = stage.cloud.use_cases.maintenance(str(args.service), args.status, args.for_)
    fault.optional = True
    return {}


@implements(c.CloudCommand)
async def command(stage: Stage, args: c.CloudCommand) -> object:
    """Give an xCommand by way of the cloud's relay."""
    path = parse_path(args.path)
    relay, device = stage.cloud.xapi, stage.cloud_device(stage.acting)
    request = CommandCall(relay.new_id(device), ".".join(map(str, path)), args.args, str(args.body) or None)
    return await client.asked(stage, client.CLOUD, words(path), partial(relay.ask, device, request))


@implements(c.ConfigPush)
async def config_push(stage: Stage, args: c.ConfigPush) -> object:
    """Set configurations by way of the cloud's relay."""
    relay, device = stage.cloud.xapi, stage.cloud_device(stage.acting)
    changes = tuple(
        Change(op="replace", key=dotted(parse_path(path)), value=value) for path, value in args.values.items()
    )

    async def ask() -> dict[str, Any]:
        await relay.ask(device, ConfigurationPatch(relay.new_id(device), changes))
        return {}

    return await client.asked(stage, client.CLOUD, client.CONFIGURATION, ask)
