"""Names of fields in answers: the node table says what a command returns, and the code returns no other way."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import endpoint
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.answers import fields_of
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
        + f"  - {{ xcommand: {{ path: {command}{args} }}, expect: {{ result: {{ status: {{ exists: true }} }} }} }}\n"
    )
    assert outcome.trace is not None
    answers = [event.data["result"] for event in outcome.trace.events if event.kind == "xapi.result"]
    known = fields_of([command], nodes())
    assert known is not None
    assert answers
    assert {name for one in answers for name in one} <= known | {"status", "Reason", "Cause"}
