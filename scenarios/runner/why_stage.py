"""Why is there no Join button, asked on a stage: both sides' evidence without a door between."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cloud_stub.platform.errors import CloudError
from endpoint.device import why as device_why
from endpoint.wire.why import judge
from endpoint.wire.why_evidence import CloudEvidence, DeviceAccount
from endpoint.wire.why_report import Report, Verdict
from scenarios.runner.stage import Stage

SHORT_MAX: Final = 20
"""Meetings that a short answer looks at."""
_ORDER: Final = (Verdict.MISSING, Verdict.UNKNOWN, Verdict.COMES, Verdict.OVER)


def why(stage: Stage, meeting: str, device: str, at: datetime | None = None, *, thoroughly: bool = True) -> Report:
    """Say why a device has no Join button for a meeting, as `roomsim why` does with both ready files.

    Args:
        meeting: the scenario's own name of it, its id, or its title.
        device: the device's name in the scenario.
        at: the instant that is asked about; without it now.
        thoroughly: look into the trace, too, for when things happened.

    Raises:
        ValueError: there is no such device.
    """
    mine, wanted = stage.device(device), stage.ids.get(meeting, meeting)
    cloud: CloudEvidence | None = None
    if mine.is_activated or f"account of {device}" in stage.ids:
        user_id = stage.account(device)
        try:
            user = stage.cloud.why.device(user_id)
            wanted = stage.cloud.why.find(wanted, user)[0]
            cloud = stage.cloud.why.evidence(wanted, user)
        except CloudError:
            gone = DeviceAccount(user_id=user_id, exists=False)
            cloud = CloudEvidence(at=stage.cloud.why.now(), meeting_id=wanted, missing=True, account=gone)
    wanted = device_why.find(mine, wanted)[0]
    return judge(cloud, device_why.evidence(mine, wanted, thoroughly=thoroughly), at)


def in_short(stage: Stage, device: str) -> str:
    """Say in one line why a device shows no Join button: of the meetings of a day the first that misses it, else the next one.

    Empty when it shows one, or when nobody can tell.
    """
    try:
        if stage.device(device).screen()["join button"]["visible"]:
            return ""
        user = stage.cloud.why.device(stage.account(device))
        ahead = stage.cloud.why.ahead(user, stage.cloud.why.now())
        reports = [why(stage, meeting, device, thoroughly=False) for meeting in ahead[:SHORT_MAX]]
    except (ValueError, CloudError) as error:
        return str(error)
    told = [one for verdict in _ORDER for one in reports if one.verdict is verdict]
    if not told:
        return "the cloud has no meeting for this device within a day"
    first = told[0]
    which = f"{first.meeting.title or first.meeting.id}: " if len(reports) > 1 else ""
    key = f"  [{first.cause}]" if first.findings else ""
    return f"{which}{first.headline}{key}"
