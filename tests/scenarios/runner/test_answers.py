"""Names of fields in answers: the node table says what a command returns, and the code returns no other way."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import endpoint
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.answers import Answer, fields_of
from tests.scenarios.stories import ONLINE, play

TELLS_NOTHING = {"Webex Registration Start"}  # it returns None in any case
ELSEWHERE = {"Bookings Book"}  # an event has what follows


def implemented() -> Iterator[tuple[str, str]]:
    """Every command, and what the method behind it is annotated to return."""
    for found in pkgutil.walk_packages(endpoint.__path__, "endpoint."):
        for one in vars(importlib.import_module(found.name)).values():
            if inspect.isclass(one) and "COMMANDS" in vars(one):
                for path, method in one.COMMANDS.items():
                    yield path, str(inspect.signature(method).return_annotation)


def test_whatever_returns_fields_has_them_in_the_table() -> None:
    methods = dict(implemented())
    assert len(methods) > 150
    returning = {path for path, told in methods.items() if "Fields" in told} - TELLS_NOTHING
    told = {path for path in methods if fields_of([path], nodes())} - ELSEWHERE
    assert returning == told


@pytest.mark.parametrize(
    "command",
    [
        "Bookings List", "CallHistory Get", "CallHistory Recents", "Camera Preset List", "Diagnostics Run", "Dial", "Macros Macro Get",
        "Macros Runtime Status", "Security Session List", "UserInterface Extensions List", "UserManagement User List",
        "SystemUnit SignInBanner Get", "Conference ParticipantList Search", "Logging SendLogs",
    ],
)  # fmt: skip
def test_an_answer_has_no_field_that_the_table_does_not_tell(command: str) -> None:
    args = ", args: { Number: ada@sip.example }" if command == "Dial" else ""
    outcome = play(
        ONLINE
        + "  - cloud.meeting.create: { id: a, starts: +1h, lasts: 30m, join: { webexURI: a@b.webex.test } }\n"
        + "    expect: { bookings: { count: 1 }, within: 5s }\n"
        + "  - cloud.call: { id: one, from: ben@acme.example, cancel_after: 2s }\n"
        + "    expect: { history: { count: 1 }, within: 10s }\n"
        + "  - xcommand: { path: Camera Preset Store, args: { CameraId: 1 } }\n"
        + f"  - {{ xcommand: {{ path: {command}{args} }}, expect: {{ result: {{ status: {{ exists: true }} }} }} }}\n"
    )
    assert outcome.trace is not None
    said = [event.data for event in outcome.trace.events if event.kind == "xapi.result"]
    answers = [one["result"] for one in said if one["command"] == command]
    known = fields_of([command], nodes())
    assert known is not None
    assert answers
    assert [
        path for one in answers for path in untold(one, {**known, "status": None, "Reason": None, "Cause": None})
    ] == []


def untold(value: object, known: Answer | None, path: str = "") -> Iterator[str]:
    """The paths in an answer that the table does not tell; items of lists have an `id`."""
    for item in value if isinstance(value, list) else [value]:
        if known is not None and isinstance(item, dict):
            for name, inner in item.items():
                if name == "id" and path:
                    continue
                if name not in known:
                    yield f"{path} {name}"
                else:
                    yield from untold(inner, known[name], f"{path} {name}")
