"""Where faults bite in the cloud.

The vocabulary is that of the scenario language. A fault may be aimed at a service by name (`on: wdm`) or at a layer (`on: http`);
`aimed` turns the first form into the one that the injection points ask for. What a fault does to a request before and after the service is
asked is carried out here, for every service alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.hosts import SERVICES
from cloud_stub.platform.routes import Answer
from endpoint.runtime.clock import Clock
from endpoint.runtime.fault_params import problem
from endpoint.runtime.faults import Fault
from endpoint.runtime.net import reset
from endpoint.runtime.vocabulary import FAULTS, Action
from endpoint.wire import codec

HTTP_DOES = frozenset(
    {"error", "delay", "dribble", "drop_request", "drop_reply", "truncate", "malformed", "redirect", "duplicate"}
)
"""What a fault on `http` can do here."""

DRIBBLE_PIECES = 10
_OWN: Final[Mapping[tuple[str, str], Action]] = {
    ("mailbox", "decline"): FAULTS["hybrid"]["declined"],
    ("mailbox", "never"): FAULTS["hybrid"]["declined"],
    ("mailbox", "delete_comments"): FAULTS["hybrid"]["delete_comments"],
    ("hydra", "status_unknown"): Action(momentary=False),
}
"""What scenarios have other words for, or none."""

STEPS: Mapping[tuple[str, str], str] = {
    ("activation", "unknown"): "challenge",
    ("activation", "expired"): "challenge",
    ("activation", "used"): "challenge",
    ("activation", "locked"): "challenge",
    ("activation", "occupied"): "admission",
    ("activation", "tampered_b"): "challenge",
    ("activation", "bad_proof"): "invoke",
    ("activation", "bad_mac"): "reply",
    ("activation", "no_trust_list"): "config",
    ("activation", "malformed_pem"): "config",
    ("activation", "certificate_renewed"): "renewal",
    ("token", "invalid_grant"): "refresh",
    ("token", "wrong_scope"): "refresh",
    ("catalog", "missing"): "catalog",
    ("catalog", "stale"): "catalog",
    ("catalog", "moved"): "catalog",
    ("wdm", "excessive"): "register",
    ("wdm", "not_found"): "refresh",
    ("wdm", "moved"): "refresh",
    ("calendar", "push_lost"): "push",
    ("calendar", "push_late"): "push",
    ("calendar", "push_twice"): "push",
    ("calendar", "out_of_order"): "push",
    ("calendar", "no_join_fields"): "dto",
    ("calendar", "short_page"): "page",
    ("calendar", "sip_button"): "press",
    ("kms", "silent"): "answer",
    ("kms", "lost_answer"): "answer",
    ("kms", "error"): "answer",
    ("kms", "wrong_key"): "key",
    ("kms", "expired_channel"): "channel",
    ("kms", "bad_certificate"): "details",
    ("hybrid", "keyword_unknown"): "keyword",
    ("hybrid", "beyond_window"): "pick_up",
    ("hybrid", "no_interop"): "interop",
    ("hybrid", "subscription_expired"): "subscription",
    ("mailbox", "decline"): "decision",
    ("mailbox", "never"): "decision",
    ("mailbox", "delete_comments"): "content",
    ("hydra", "status_unknown"): "status",
    ("mercury", "refuse"): "upgrade",
    ("mercury", "no_first_frame"): "opening",
    ("mercury", "wrong_first_frame"): "opening",
    ("mercury", "auth_refused"): "authorization",
    ("mercury", "silent"): "frame",
    ("mercury", "delay"): "frame",
    ("mercury", "drop"): "frame",
    ("mercury", "duplicate"): "frame",
    ("mercury", "reorder"): "frame",
    ("mercury", "gap"): "frame",
    ("mercury", "malformed"): "frame",
    ("locus", "not_found"): "resolve",
    ("locus", "busy"): "dial",
    ("locus", "rejected"): "dial",
    ("locus", "no_answer"): "dial",
    ("locus", "elsewhere"): "ring",
    ("locus", "cancelled"): "ring",
    ("locus", "lost_passcode"): "passcode",
    ("locus", "locked"): "join",
    ("locus", "lobby"): "join",
    ("locus", "full"): "join",
    ("locus", "pin"): "join",
    ("locus", "moved"): "move",
    ("locus", "delta_gap"): "event",
    ("locus", "out_of_order"): "event",
    ("locus", "duplicate"): "event",
    ("locus", "too_big"): "event",
    ("locus", "url_changed"): "address",
    ("proxy", "auth"): "auth",
    ("proxy", "wrong_password"): "wrong_password",
    ("proxy", "block"): "block",
    ("proxy", "strip_upgrade"): "strip_upgrade",
    ("proxy", "strip_headers"): "strip_headers",
    ("proxy", "intercept"): "intercept",
    ("proxy", "pac_missing"): "pac_missing",
    ("proxy", "pac_broken"): "pac_broken",
    ("software", "too_old"): "minimum",
    ("hybrid", "notification_lost"): "notify",
    ("hybrid", "notification_late"): "notify",
    ("hybrid", "notification_twice"): "notify",
}
"""What the services themselves carry out, and at which of their steps the question is asked: an aimed fault names it in its target."""

_LIKE_HTTP: Mapping[tuple[str, str], dict[str, Any]] = {
    ("activation", "lost_reply"): {"do": "drop_reply", "target": {"service": ("activation", "idbroker")}},
    ("catalog", "error"): {"do": "error", "target": {"service": "u2c"}},
    ("calendar", "minimal_not_found"): {
        "do": "error", "target": {"service": "calendar", "path": "/calendar/api/v1/calendarEvents/*"}, "status": 404,
    },
    ("gds", "error"): {"do": "error", "target": {"service": "gds"}},
}  # fmt: skip

_OF_MAILBOXES: Mapping[str, str] = {"declined": "decline", "delete_comments": "delete_comments"}
"""What the mailboxes carry out of the faults of the hybrid calendar."""

_STEP_PATHS: Mapping[str, tuple[str, ...]] = {
    "challenge": ("/activation/api/v1/challenges",),
    "invoke": ("/idb/token/v1/actions/srp/invoke", "/idbroker/idb/token/v1/actions/srp/invoke"),
    "register": ("/idb/token/v1/actions/srp/register", "/idbroker/idb/token/v1/actions/srp/register"),
}


LAYERS = tuple(sorted({"http", "hybrid", "websocket", *(on for on, _do in (*STEPS, *_LIKE_HTTP))}))
"""What a fault can be on; besides, the name of any service."""


class Cut(Exception):
    """The connection was cut on purpose; there is nobody to answer."""


def aimed(
    on: str, do: str, target: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[str, str, dict[str, Any], dict[str, Any]] | None:
    """Return `on`, `do`, target and parameters as the cloud's injection points ask for them; None if none of them carries it out."""
    if on == "websocket" and ("mercury", do) in STEPS:
        on = "mercury"
    target, params = dict(target), dict(params)
    if (on, do) == ("activation", "bad_mac"):
        target["reply"] = params.pop("what", "service")
    if (on, do) == ("activation", "lost_reply") and "what" in params:
        target["path"] = _STEP_PATHS.get(str(params.pop("what")), ())
    if on == "hybrid" and do in _OF_MAILBOXES:
        on, do = "mailbox", _OF_MAILBOXES[do]
    if (on, do) in STEPS:
        return on, do, {"step": STEPS[on, do], **target}, params
    if (on, do) in _LIKE_HTTP:
        like = dict(_LIKE_HTTP[on, do])
        return "http", like.pop("do"), {**like.pop("target"), **target}, {**like, **params}
    if do in HTTP_DOES and on == "http":
        return on, do, target, params
    if do in HTTP_DOES and on in SERVICES:
        return "http", do, {"service": on, **target}, params
    return None


def objection(on: str, do: str, target: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Say what of a fault would do nothing, or something else than it says, when it bites; empty when all is well."""
    layer = "http" if do not in FAULTS.get(on, {}) and (on, do) not in _OWN else on
    action = _OWN.get((on, do)) or FAULTS[layer].get(do)
    if action is None:
        return ""  # `aimed` has nothing of the kind
    what = f"`{do}` on {on}"
    for name in params:
        if name not in action.params:
            return f"{what} takes no `{name[:40]}`; it takes: {', '.join(action.params) or 'nothing'}"
    for name in target:
        if name not in action.targets:
            return f"{what} cannot be aimed at a `{name[:40]}`; it can at: {', '.join(action.targets) or 'nothing'}"
    wrong = problem(on, do, params, layer)
    return wrong.text if wrong is not None else ""


def carried_out(on: str) -> list[str]:
    """List what can be done on a layer or a service, by `aimed`; nothing for one that is unknown."""
    of_http = sorted(HTTP_DOES) if on == "http" or on in SERVICES else []
    of_mailboxes = sorted(_OF_MAILBOXES) if on == "hybrid" else []
    known = sorted(do for layer, do in (*STEPS, *_LIKE_HTTP) if layer == ("mercury" if on == "websocket" else on))
    return list(dict.fromkeys([*known, *of_mailboxes, *of_http]))


async def before_answer(fault: Fault, request: web.BaseRequest, clock: Clock) -> None:
    """Carry out what a fault does to a request before its service sees it.

    Raises:
        CloudError: the request is to be answered so.
        Cut: the connection is gone.
    """
    params = fault.params
    if fault.do == "error":
        wait = params.get("retry_after")
        raise CloudError(
            int(params.get("status", 503)),
            str(params.get("text", "The service is not available.")),
            str(params.get("code", "maintenance")),
            retry_after_s=None if wait is None else max(0, round(float(wait))),
        )
    if fault.do == "delay":
        await clock.sleep(float(params.get("by", 1.0)))
    if fault.do == "drop_request":
        _cut(request)


def after_answer(fault: Fault, request: web.BaseRequest, answer: Answer) -> Answer:
    """Carry out what a fault does to an answer.

    Raises:
        Cut: the connection is gone, and the answer with it.
    """
    if fault.do == "drop_reply":
        _cut(request)
    if fault.do == "redirect":
        return Answer(None, int(fault.params.get("status", 307)), {"Location": str(fault.params.get("to", ""))})
    if fault.do in ("truncate", "malformed"):
        body = answer.body if isinstance(answer.body, bytes) else codec.encode(answer.body)
        spoiled = b"\xff\xfe" + body if fault.params.get("what") == "utf8" else body[: len(body) // 2]
        return Answer(spoiled, answer.status, answer.headers)
    return answer


async def dribble(fault: Fault, request: web.BaseRequest, clock: Clock, response: web.Response) -> web.StreamResponse:
    """Send an answer in pieces, `by` seconds apart."""
    body = bytes(response.body) if isinstance(response.body, bytes) else b""
    slow = web.StreamResponse(status=response.status, headers=response.headers)
    slow.content_length = len(body)
    await slow.prepare(request)
    size = max(1, -(-len(body) // DRIBBLE_PIECES))
    for at in range(0, len(body), size):
        await clock.sleep(float(fault.params.get("by", 1.0)))
        await slow.write(body[at : at + size])
    await slow.write_eof()
    return slow


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        reset(request.transport)
    raise Cut
