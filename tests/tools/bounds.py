"""Bounds of the local doors, with their numbers from the code: the block of docs/reference/local-doors.md."""

from __future__ import annotations

from importlib import import_module
from typing import Final

BOUNDS: Final = (
    ("shell", "connections of the door", "", "endpoint.xapi.ssh.server.CONNECTIONS_MAX"),
    ("shell", "time for a login", "s", "endpoint.xapi.ssh.server.LOGIN_S_MAX"),
    ("shell", "failed logins of a connection", "", "endpoint.xapi.ssh.server.LOGINS_FAILED_MAX"),
    ("shell", "shells of a connection", "", "endpoint.xapi.ssh.server.CHANNELS_MAX"),
    ("shell", "a line", "B", "endpoint.wire.xapi.shell.LINE_BYTES_MAX"),
    ("shell", "a body of several lines", "B", "endpoint.wire.xapi.shell_framing.BODY_BYTES_MAX"),
    ("shell", "feedback expressions of a session", "", "endpoint.xapi.ssh.expressions.EXPRESSIONS_MAX"),
    ("shell", "what waits for a client that does not read", "B", "endpoint.xapi.ssh.session.OUTGOING_BYTES_MAX"),
    ("websocket", "a message of the client", "B", "endpoint.xapi.http.websocket.MESSAGE_BYTES_MAX"),
    ("websocket", "subscriptions of a connection", "", "endpoint.xapi.http.rpc.SUBSCRIPTIONS_MAX"),
    ("websocket", "commands under way at once", "", "endpoint.xapi.http.rpc.PENDING_MAX"),
    ("websocket", "messages that wait for a client", "", "endpoint.xapi.http.websocket.QUEUE_MESSAGES_MAX"),
    ("websocket", "and their size", "B", "endpoint.xapi.http.websocket.QUEUE_BYTES_MAX"),
    ("http", "connections of the door", "", "endpoint.xapi.http.line.CONNECTIONS_MAX"),
    ("http", "a body", "B", "endpoint.wire.xapi.xmlinput.DOCUMENT_BYTES_MAX"),
    ("http", "time for a body", "s", "endpoint.xapi.http.bodies.BODY_S_MAX"),
    ("http", "all bodies of the door at once", "B", "endpoint.xapi.http.bodies.BODIES_BYTES_MAX"),
    ("http", "elements of a document", "", "endpoint.wire.xapi.xmlinput.ELEMENTS_MAX"),
    ("http", "how deep they nest", "", "endpoint.wire.xapi.xmlinput.DEPTH_MAX"),
    ("feedback", "slots of HttpFeedback", "", "endpoint.xapi.httpfeedback.SLOTS"),
    ("feedback", "expressions of a slot", "", "endpoint.xapi.httpfeedback.EXPRESSIONS_MAX"),
    ("feedback", "time for a delivery", "s", "endpoint.xapi.httpfeedback.DELIVERY_S"),
    ("feedback", "notices that wait in a slot", "", "endpoint.xapi.httpfeedback.WAITING_MAX"),
    ("feedback", "subscriptions of a device, all doors", "", "endpoint.xapi.feedback.SUBSCRIPTIONS_MAX"),
    ("users", "users", "", "endpoint.xapi.accounts.USERS_MAX"),
    ("users", "keys of a user", "", "endpoint.xapi.user_commands.KEYS_MAX"),
    ("users", "a passphrase", "B", "endpoint.xapi.passphrases.PASSPHRASE_BYTES_MAX"),
    ("users", "logins that wait while one is checked", "", "endpoint.xapi.users.LOGINS_WAITING_MAX"),
    ("all", "parts of a path", "", "endpoint.wire.xapi.paths.PARTS_MAX"),
    ("all", "characters of a path or an expression", "", "endpoint.wire.xapi.query.QUERY_CHARS_MAX"),
)
"""Where it holds, what is bounded, in which unit, and the constant."""


def bounds() -> str:
    """Return the bounds as lines of text, in columns."""
    rows = [(where, what, _number(place, unit)) for where, what, unit, place in BOUNDS]
    return "\n".join(f"{where:<10} {what:<44} {number:>12}" for where, what, number in rows)


def _number(place: str, unit: str) -> str:
    module, _, name = place.rpartition(".")
    value = getattr(import_module(module), name)
    if unit == "B":
        for size, word in ((1024 * 1024, "MiB"), (1024, "KiB")):
            if value % size == 0:
                return f"{value // size} {word}"
        return f"{value} bytes"
    return f"{value:g} {unit}".strip()
