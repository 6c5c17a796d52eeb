"""The control API's answer to "why is there no Join button?": the cloud's evidence, and the report on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from cloud_stub.platform.control_bodies import Body
from cloud_stub.platform.errors import BadRequest
from cloud_stub.platform.routes import Call
from cloud_stub.why import Why
from endpoint.runtime.clock import parse_iso
from endpoint.wire.why import judge
from endpoint.wire.why_evidence import EVIDENCE_VERSION, DeviceEvidence

QUERY: Final = ("meeting", "device", "at")


class WhyBody(Body, kw_only=True):
    """A question with the evidence of the other side; the meeting and the device are those of the evidence unless they are named."""

    evidence: DeviceEvidence
    meeting: str = ""
    device: str = ""
    at: str = ""


class ControlWhy:
    """Answers the question."""

    def __init__(self, why: Why) -> None:
        self._why = why

    def ask(self, call: Call) -> Any:
        """Answer `GET /why?meeting=&device=&at=` from the cloud's side alone."""
        unknown = sorted(set(call.query) - set(QUERY))
        if unknown:
            raise BadRequest(f"the query has no {unknown[0]}; it has {', '.join(QUERY)}")
        wanted, device, at = (call.query.get(name, "") for name in QUERY)
        return self._answer(wanted, device, at, None)

    def judge(self, call: Call) -> Any:
        """Answer `POST /why` with the device's evidence: the report on both sides."""
        body = call.read(WhyBody)
        wanted = body.meeting or body.evidence.meeting_id or ""
        if not wanted:
            raise BadRequest("evidence.meetingId is missing, and no meeting is named")
        return self._answer(wanted, body.device or body.evidence.user_id or "", body.at, body.evidence)

    def _answer(self, wanted: str, device: str, at_text: str, theirs: DeviceEvidence | None) -> Any:
        at, user = _instant(at_text), self._why.device(device)
        ids = self._why.find(wanted, user) if wanted else self._why.ahead(user, at or self._why.now())
        items = []
        for meeting_id in ids:
            mine = self._why.evidence(meeting_id, user)
            items.append({"evidence": mine, "report": judge(mine, theirs, at)})
        return {"side": "cloud", "version": EVIDENCE_VERSION, "items": items}


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        raise BadRequest("at is ISO 8601 with a zone, 2026-03-02T09:00:00Z") from None
