"""HAR 1.2: what browsers and proxies write and open.

Requests are entries. A websocket is an entry with status 101 and `_webSocketMessages`, as Chrome and Firefox write it. What the format has
no place for stands under `_roomsim`. Times are those of the run. Source: the HAR 1.2 specification; for websockets Chromium's HAR writer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from scenarios.runner.recording.model import Exchange, Headers, Message, Recording, Socket

HAR_VERSION: Final = "1.2"
OURS: Final = "_roomsim"
FORMAT: Final = "1.1"
"""Version of what stands under `_roomsim`; a reader refuses another major one."""
SENT, RECEIVED = "send", "receive"
TEXT_OPCODE: Final = 1


def to_har(recording: Recording, version: str) -> dict[str, Any]:
    """Write a recording as the object of a HAR file; `version` is that of the program."""
    rows = [(one.t_us, 0, one.n, _entry(one)) for one in recording.exchanges]
    rows += [(one.t_us, 1, one.n, _socket_entry(one)) for one in recording.sockets]
    rows.sort(key=lambda row: row[:3])
    ours = {
        "format": FORMAT,
        "about": recording.about,
        "commands": [msgspec.to_builtins(command) for command in recording.commands],
        "presses": [msgspec.to_builtins(press) for press in recording.presses],
        "secrets": recording.secrets,
        "sealed": recording.sealed,
        "dropped": recording.dropped,
    }
    creator = {"name": "roomsim", "version": version}
    return {
        "log": {
            "version": HAR_VERSION,
            "creator": creator,
            "pages": [],
            "entries": [row[3] for row in rows],
            OURS: ours,
        }
    }


def _entry(one: Exchange) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "startedDateTime": one.at,
        "time": one.took_us / 1000,
        "request": _request(one.method, one.url, one.headers, one.body),
        "response": {
            "status": one.status,
            "statusText": _phrase(one.status),
            "httpVersion": "HTTP/1.1" if one.status else "",
            "cookies": [],
            "headers": _pairs(one.answer_headers),
            "content": {"size": len(one.answer.encode()), "mimeType": one.answer_mime, "text": one.answer},
            "redirectURL": _header(one.answer_headers, "location"),
            "headersSize": -1,
            "bodySize": len(one.answer.encode()),
        },
        "cache": {},
        "timings": {"send": 0, "wait": one.took_us / 1000, "receive": 0},
    }
    if one.body:
        entry["request"]["postData"] = {"mimeType": one.mime, "text": one.body}
    if one.failed:
        entry["response"]["_error"] = one.failed
    entry[OURS] = {"n": one.n, "t": one.t_us, "took": one.took_us, "device": one.device, "service": one.service}
    if one.opened:
        entry[OURS]["opened"] = one.opened
    return entry


def _socket_entry(one: Socket) -> dict[str, Any]:
    ended = one.closed_us if one.closed_us is not None else max((m.t_us for m in one.messages), default=one.t_us)
    ours: dict[str, Any] = {"n": one.n, "t": one.t_us, "device": one.device, "service": "mercury"}
    if one.closed_us is not None:
        ours["closed"] = {"t": one.closed_us, "code": one.code, "reason": one.reason}
    return {
        "startedDateTime": one.at,
        "time": (ended - one.t_us) / 1000,
        "request": _request("GET", one.url, [("Connection", "Upgrade"), ("Upgrade", "websocket")], ""),
        "response": {
            "status": 101,
            "statusText": _phrase(101),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs([("Connection", "Upgrade"), ("Upgrade", "websocket")]),
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": (ended - one.t_us) / 1000},
        "_resourceType": "websocket",
        "_webSocketMessages": [_message(message) for message in one.messages],
        OURS: ours,
    }


def _message(message: Message) -> dict[str, Any]:
    kind = SENT if message.is_sent else RECEIVED
    epoch_s = datetime.fromisoformat(message.at).astimezone(UTC).timestamp()
    ours: dict[str, Any] = {"t": message.t_us, "after": message.after}
    if message.opened:
        ours["opened"] = message.opened
    return {"type": kind, "time": epoch_s, "opcode": TEXT_OPCODE, "data": message.text, OURS: ours}


def _request(method: str, url: str, headers: Headers, body: str) -> dict[str, Any]:
    query = parse_qsl(
        url.partition("?")[2], keep_blank_values=True
    )  # "#" is of a placeholder: no request has a fragment
    return {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers),
        "queryString": _pairs(query),
        "headersSize": -1,
        "bodySize": len(body.encode()),
    }


def _pairs(pairs: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _header(headers: Headers, name: str) -> str:
    return next((value for known, value in headers if known.lower() == name), "")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
