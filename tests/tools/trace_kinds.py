"""The kinds of trace events, and what their `data` holds, in words.

`tests/docs/test_trace_page.py` holds the kinds to the code, `tests/scenarios/test_shipped.py` the members to what shipped scenarios write.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

ANY: Final = "*"
"""A member that stands for any other: the parameters of a fault, the body of a frame."""


class Kind(NamedTuple):
    """A kind: what happened, and the members of its data."""

    text: str
    data: Mapping[str, str] = MappingProxyType({})


_OUTGOING: Final = {
    "service": "`httpfeedback` or `httpclient`",
    "method": "its method",
    "url": "where to, what looks like a secret replaced",
}
_HTTP: Final = {
    "side": "`sent` or `received`",
    "method": "as in the request",
    "path": "as in the request",
    "query": "a map; in the cloud's events text",
    "host": "the name that was asked",
    "service": "which service that is",
    "headers": "of a request as the device sends it, in small letters; `authorization` is the number of its token (since 1.1)",
    "body": "what was sent, secrets as `<kind#n>`; not of all services",
}
_FRAME: Final = {
    "type": "of frames that are no event: `authorization`, `ack`, `ping`, `pong`",
    "token": "of `authorization`, as `<access_token#n>`",
    "eventType": "of events",
    "data": "of events: what they tell",
    "sequenceNumber": "as the cloud counts",
    ANY: "other members of a frame, as they stand",
}
_ABOUT: Final = {"mailbox": "whose", "event": "which"}
_REQUEST: Final = {"mailbox": "of the room", "uid": "of the invitation", "instance": "of a series"}
_DISCOVERY: Final = dict.fromkeys(("asked", "answered", "silent"), "how many servers") | dict.fromkeys(
    ("udp", "tcp", "xtls"), "how many answered over it"
)
_BOOKING: Final = {"booking": "its id", "meeting": "the id of its meeting", "start": "when it starts"}

KINDS: Final[dict[str, Kind]] = {
    # the story
    "step.start": Kind(
        "A step begins.",
        {
            "step": "its number, `setup 1` or `finally 1` outside the story, `3.1` inside a step",
            "title": "its name or verb",
            "label": "the name that anchors call it by",
        },
    ),
    "step.end": Kind(
        "A step is over: its verb is done, and what it expects is met.",
        {
            "step": "its number",
            "acted": "the last event before the verb was done (since 1.1)",
            "acted_us": "when that was (since 1.1)",
            "seen": "the states that its expectations read: `of` (`xstatus`, `machine`, `screen` ... with a name, `bookings`, `cloud` and "
            "its path ...) and `values`, each with `n` (the last event then), `t_us` and `value`, which is absent where there was nothing; "
            "a value that may be secret is not told, `more` counts changes that a bound has kept out; numbers with a fraction are "
            '`{"float": "1.5"}` (since 1.2)',
            "given": "what references stood for, such as `${device.id}` (since 1.2)",
        },
    ),
    "step.failed": Kind(
        "A step failed.",
        {
            "step": "its number",
            "kind": "why, a word of the reports",
            "acted": "as of `step.end`",
            "acted_us": "as of `step.end`",
            "seen": "as of `step.end`",
            "given": "as of `step.end`",
        },
    ),
    "step.skipped": Kind("A step is left out.", {"step": "its number", "reason": "why"}),
    "note": Kind("The verb `note`.", {"text": "what it says"}),
    "fault.armed": Kind(
        "A fault waits for what it aims at.",
        {"id": "its name", "on": "layer", "do": "action", "target": "what it aims at", ANY: "its parameters"},
    ),
    "fault.bit": Kind(
        "A fault did what it is for.", {"id": "its name", "on": "layer", "do": "action", "nth": "how often by now"}
    ),
    "fault.struck": Kind(
        "A fault that happens once did.",
        {"id": "its name", "on": "layer", "do": "action", "hit": "whether there was anything to hit"},
    ),
    "fault.healed": Kind("A fault is over.", {"id": "its name", "used": "how often it bit"}),
    "clock.set": Kind(
        "A wall clock was put wrong, or right.",
        {
            "of": "whose",
            "jump": "by so many seconds",
            "skew": "to so many seconds from true time",
            "ppm": "gains so many millionths",
        },
    ),
    # traffic
    "http.request": Kind(
        "A request, as sent by one side and received by the other; both events have its tracking id.", _HTTP
    ),
    "http.response": Kind("The answer, again twice.", {**_HTTP, "status": "the status"}),
    "http.failed": Kind(
        "A request came to nothing.", {**_HTTP, "failed": "how", "layer": "where: dns, tcp, tls, http"}
    ),
    "outgoing.request": Kind(
        "The device asks a server that is none of its cloud: HTTP feedback, or the HttpClient commands.", _OUTGOING
    ),
    "outgoing.response": Kind("The server has answered.", {**_OUTGOING, "status": "the status"}),
    "outgoing.failed": Kind("Nobody answered.", {**_OUTGOING, "failed": "how", "layer": "where: dns, tcp, tls, http"}),
    "proxy.connect": Kind(
        "A proxy was asked for a tunnel.",
        {
            "host": "where to",
            "port": "where to",
            "status": "what it answered",
            "credentials": "whether the device gave a password",
        },
    ),
    "ws.open": Kind(
        "The notification channel is open, on each side.", {"service": "mercury", "status": "of the handshake"}
    ),
    "ws.send": Kind("A frame was sent.", _FRAME),
    "ws.recv": Kind("A frame came; the id is that of `ws.send`.", _FRAME),
    "ws.close": Kind(
        "The channel is closed.",
        {
            "code": "1006 without a word of the other side",
            "reason": "what it said",
            "service": "mercury",
            "by": "who began: device or cloud",
        },
    ),
    "stun.send": Kind(
        "A STUN request was sent, or an answer of a media node.",
        {"transport": "udp, tcp, xtls", "cluster": "of the node", "behaviour": "how the node is set to answer"},
    ),
    "stun.recv": Kind(
        "The same, where it came.",
        {"transport": "udp, tcp, xtls", "cluster": "of the node", "behaviour": "how the node is set to answer"},
    ),
    "stun.discovery": Kind(
        "A discovery is over.", {**_DISCOVERY, "took_ms": "how long it took", "best": "the nearest node by transport"}
    ),
    "drop": Kind(
        "Something was dropped: nobody took it, or a bound was hit.",
        {"why": "why", "what": "what", "bound": "the bound that was hit", ANY: "more about it"},
    ),
    # the device
    "device.booted": Kind(
        "A device is up.",
        {
            "boots": "how often by now",
            "activated": "whether it is",
            "after": "the last event before this boot (since 1.1)",
        },
    ),
    "machine": Kind(
        "A lifecycle changed its state, see [lifecycles](lifecycles.md).",
        {
            "machine": "which",
            "from": "state before",
            "to": "state now",
            "event": "what made it",
            "code": "of an activation code",
            "booking": "of a booking",
            "call": "of a call",
            "why": "what woke a device up",
        },
    ),
    "xapi.status": Kind(
        "A leaf of the status tree changed.", {"path": "its path", "value": "what it is now, `null` when it is gone"}
    ),
    "xapi.event": Kind("The device raised an xAPI event.", {"event": "its path", "fields": "its fields"}),
    "xapi.call": Kind(
        "A step asks the xAPI.",
        {"command": "which command", "arguments": "the names of its arguments: values may be secrets"},
    ),
    "xapi.result": Kind(
        "What was answered, as `result` sees it.", {"command": "which command", "result": "`status` and the rest"}
    ),
    "xapi.feedback": Kind(
        "A client was told what it subscribed to.",
        {"subscription": "its path", "told": "what", "client": "the id of one that stays connected"},
    ),
    "xapi.client": Kind(
        "A client that stays connected is connected, or its connection has ended.",
        {"client": "its id", "over": "its door", "state": "`open` or `closed`", "why": "why it has ended"},
    ),
    "xapi.flood": Kind(
        "A client has ceased to send far more than it should.",
        {
            "client": "its id",
            "what": "`requests` or `connections`",
            "sent": "how many",
            "answered": "how many the device answered, or took",
            "refused": "how many it refused, or hung up on",
        },
    ),
    "log": Kind("A line of the device log.", {"module": "which", "level": "a digit or letter", "text": "the line"}),
    "screen": Kind(
        "The button or the reminder on the screen changed.",
        {"join button": "`visible`, `enabled`, `title`, `text`, `booking`", "reminder": "the same, and `place`"},
    ),
    "room.screen": Kind(
        "What the screen shows of calls changed.",
        dict.fromkeys(("call bar", "incoming", "prompt"), "as `screen` of expectations"),
    ),
    "device.screen": Kind(
        "What the screen shows of the device itself changed.",
        dict.fromkeys(("banner", "booking list", "activation page"), "as `screen` of expectations"),
    ),
    "booking.added": Kind("A meeting became a booking.", {**_BOOKING, "source": "calendar, or who booked"}),
    "booking.changed": Kind("A booking is not what it was.", {**_BOOKING, "moved": "whether its times changed"}),
    "booking.removed": Kind("A booking is gone.", {**_BOOKING, "cause": "why"}),
    "call.dial": Kind(
        "Somebody or something dials.",
        {
            "number": "what",
            "protocol": "over what",
            "booking": "of which booking",
            "meeting": "of which meeting",
            "by": "button, xapi, auto_join",
        },
    ),
    "media.path": Kind(
        "The media of a call found their way.",
        {"call": "which", "ice": "how that ended", "path": "over which transport", "took_ms": "how long it took"},
    ),
    "calendar.stored": Kind(
        "A device keeps a meeting.", {"id": "which", "start": "when it starts", "was_known": "whether it had it"}
    ),
    "calendar.removed": Kind("A device lets go of a meeting.", {"id": "which"}),
    "calendar.caught_up": Kind(
        "A device has read its calendar.", {"events": "how many came", "stored": "how many it holds"}
    ),
    "calendar.holds": Kind(
        "Written at the end of a run for the check `bookings_equal`, by each side.",
        {"device": "whose", "meetings": "`meeting`, `start`, `minutes` of each"},
    ),
    "calls.holds": Kind(
        "Written at the end of a run for the check `calls_balanced`.", {"calls": "those that are left"}
    ),
    "kms.channel": Kind("A device has a channel to the key service.", {"until": "how long it holds"}),
    # the cloud
    "calendar.push": Kind(
        "The calendar told devices of a meeting.",
        {"eventType": "what", "meeting": "which", "heard": "how many sockets took it", "users": "whose"},
    ),
    "locus.change": Kind(
        "A call or meeting is in another state.",
        {
            "event": "what is told",
            "locus": "which",
            "state": "its state",
            "sequence": "number of the state",
            "roster": "who is how",
        },
    ),
    "kms.answered": Kind(
        "The key service answered.",
        {"method": "of the sealed request", "what": "about what", "status": "of the sealed answer"},
    ),
    "kms.key": Kind("A meeting was sealed.", {"meeting": "which", "key": "as `<kms_key#n>`"}),
    "mailbox.request": Kind(
        "An invitation is in a mailbox.", {**_REQUEST, "organizer": "who invites", "request": "create, update"}
    ),
    "mailbox.decision": Kind(
        "A mailbox decided.",
        {**_REQUEST, "action": "accept, tentative, decline", "reason": "why", "detail": "more about it"},
    ),
    "mailbox.answer": Kind(
        "An answer went to the organizer.",
        {
            "organizer": "to whom",
            "attendee": "of whom",
            "uid": "of the invitation",
            "answer": "what",
            "instance": "of a series",
        },
    ),
    "mailbox.cancel": Kind(
        "A meeting was called off.", {"mailbox": "of the room", "has_comment": "whether a word was sent with it"}
    ),
    "graph.subscribe": Kind(
        "The hybrid calendar subscribes to a mailbox.",
        {"subscription": "its id", "mailbox": "whose", "expires": "until when"},
    ),
    "graph.renew": Kind(
        "It prolongs a subscription.", {"subscription": "its id", "mailbox": "whose", "expires": "until when"}
    ),
    "graph.unsubscribe": Kind("It ends a subscription.", {"subscription": "its id"}),
    "graph.expired": Kind("A subscription ran out.", {"subscription": "its id", "mailbox": "whose"}),
    "graph.notify": Kind(
        "The mailbox platform tells of a change.",
        {"subscription": "its id", **_ABOUT, "change": "created, updated, deleted", "lost": "a fault lost it"},
    ),
    "graph.delivered": Kind("A client of the platform took a notice.", {ANY: "what it was about"}),
    "graph.undelivered": Kind("A client of the platform did not take a notice.", {ANY: "what it was about, and why"}),
    "cal.notify": Kind(
        "The hybrid calendar got a notice.",
        {**_ABOUT, "notice": "what changed", "subscription": "of which subscription"},
    ),
    "cal.fetch": Kind("It read an event of a mailbox.", {**_ABOUT, "found": "whether it is there"}),
    "cal.validate": Kind(
        "It looked for something to join.",
        {
            "organizer": "who",
            "copy": "whose copy was read",
            "rooms": "how many are invited",
            "action": "what a keyword asks for",
            "dial": "what an address asks for",
            "diagnostics": "oddities",
            "why": "in a sentence",
        },
    ),
    "cal.join": Kind("It made join details.", {"action": "which", "sip": "address", "url": "link"}),
    "cal.map": Kind(
        "It linked a series to a space.", {"series": "which", "space": "which", "number": "of the meeting"}
    ),
    "cal.space": Kind("It made a space.", {"space": "which", "title": "its title"}),
    "cal.patch": Kind("It wrote join details into the invitation.", {**_ABOUT, "location": "what Location says now"}),
    "cal.own_edit": Kind("It knows a change as its own.", _ABOUT),
    "cal.encrypt": Kind(
        "It sealed what a meeting says.",
        {"meeting": "which", "key": "as `<kms_key#n>`", "texts": "how many", "chars": "how many"},
    ),
    "cal.dto": Kind(
        "It gave the meeting to the calendar service.",
        {"meeting": "which", "events": "what is told", "join": "how it can be joined"},
    ),
    "cal.wait": Kind("A meeting is too far away.", {"start": "when it starts", "reach": "daily or never"}),
    "cal.daily": Kind("The daily look at what waits.", {"invitations": "how many"}),
    "cal.renew": Kind("It prolongs what it listens to.", {"mailbox": "whose"}),
}
"""Every kind, in the order of the page."""


def untold(kind: str, data: object) -> list[str]:
    """Return what of an event is not in the table: its kind, or members of its data."""
    row = KINDS.get(kind)
    if row is None:
        return [kind]
    members = data if isinstance(data, dict) else {}
    return [f"{kind}: {name}" for name in members if name not in row.data and ANY not in row.data]
