"""Event types of the notification channel: what a scenario may look for in a frame, or aim a fault at."""

from __future__ import annotations

from typing import Final

from cloud_stub.services.mercury import FOREIGN_EVENT
from endpoint.device.cloud_events import TAKERS
from endpoint.wire import mercury, scheduling
from endpoint.wire.locus import events as locus
from scenarios.runner.problems import Problems
from scenarios.runner.yamltree import Scalar

ANY_EVENT: Final = "*"
"""Stands for events that a scenario sends and whose type the file does not know."""
EVENT_TYPES: Final = frozenset(
    {
        *TAKERS,
        *locus.FULL_EVENTS,
        *locus.MESSAGE_EVENTS,
        locus.DIFFERENCE,
        mercury.BUFFER_STATE,
        mercury.REGISTRATION_STATUS,
        scheduling.FREE_BUSY,
        FOREIGN_EVENT,
    }
)
"""What the cloud sends; a scenario may send others by `cloud.mercury.send`."""


def check_event_type(problems: Problems, scalar: Scalar, sent: set[str]) -> None:
    """Object to an event type that nobody sends.

    Args:
        sent: those that the scenario sends itself, `ANY_EVENT` among them.
    """
    name = scalar.value
    if isinstance(name, str) and "*" not in name and name not in EVENT_TYPES and not {name, ANY_EVENT} & sent:
        problems.unknown(scalar.at, f"nobody sends an event `{name}`", name, EVENT_TYPES | sent)
