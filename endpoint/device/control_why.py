"""The control door's answer to "why is there no Join button?": the device's evidence, and the report on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from endpoint.device import why
from endpoint.device.control_messages import ControlError, answer, read_members, read_object, read_query
from endpoint.device.device import Device
from endpoint.runtime.clock import parse_iso
from endpoint.wire.why import judge
from endpoint.wire.why_evidence import EVIDENCE_VERSION, CloudEvidence


class WhyQuery(msgspec.Struct):
    """Which meeting, by id or title, and at what instant; without a meeting all of the next 24 hours."""

    meeting: str = ""
    at: str = ""


class WhyRequest(msgspec.Struct):
    """A question with the cloud's evidence; the meeting is that of the evidence unless it is named."""

    evidence: CloudEvidence
    meeting: str = ""
    at: str = ""


class ControlWhy:
    """Answers the question for one device."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def ask(self, request: web.Request) -> web.Response:
        """Answer from the device's side alone."""
        asked = read_query(request, WhyQuery)
        return self._answer(asked.meeting, _instant(asked.at), None)

    async def judge(self, request: web.Request) -> web.Response:
        """Answer on both sides."""
        asked = read_members(await read_object(request), WhyRequest)
        wanted = asked.meeting or asked.evidence.meeting_id or ""
        if not wanted:
            raise ControlError(422, "no_meeting", "evidence.meetingId is missing, and no meeting is named", ["meeting"])
        return self._answer(wanted, _instant(asked.at), asked.evidence)

    def _answer(self, wanted: str, at: datetime | None, theirs: CloudEvidence | None) -> web.Response:
        device = self._device
        ids = why.find(device, wanted) if wanted else why.ahead(device, at or why.true_now(device))
        items: list[dict[str, Any]] = []
        for meeting_id in ids:
            mine = why.evidence(device, meeting_id)
            items.append({"evidence": mine, "report": judge(theirs, mine, at)})
        return answer({"side": "device", "version": EVIDENCE_VERSION, "items": items})


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        message = "at is ISO 8601 with a zone"
        raise ControlError(400, "bad_instant", message, ["2026-03-02T09:00:00Z"]) from None
