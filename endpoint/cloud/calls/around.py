"""What the calls of one device share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from endpoint.cloud.call_analyzer import CallAnalyzer
from endpoint.cloud.calls.client import LocusClient
from endpoint.cloud.calls.ports import MediaEngine
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire.callcontrol import Calls
from endpoint.wire.calliope import VersionedReport

if TYPE_CHECKING:
    from endpoint.cloud.calls.call import LiveCall


@dataclass(slots=True, kw_only=True)
class Around:
    """The parts of a device that a call needs.

    Attributes:
        room: who shows calls.
        device_url: gives the URL of the registration, "" without one.
        report: gives what media discovery has found, for the join.
        is_reachable: says whether media discovery has reached any server, or has not been made.
        can_be_told: says whether Mercury is open.
        moved: told the URL that a call had before, "" for none, when it has another one.
        gone: told of a call whose life is over.
        stray: told that a call may have been left behind in the cloud, or that its copy here was lost.
        call_of: finds the call of a locus, by its URL.
    """

    world: World
    client: LocusClient
    tasks: Tasks
    room: Calls
    engine: MediaEngine
    analyzer: CallAnalyzer
    device_url: Callable[[], str]
    report: Callable[[], VersionedReport | None]
    is_reachable: Callable[[], bool] = lambda: True
    can_be_told: Callable[[], bool] = lambda: True
    moved: Callable[[LiveCall, str], object] = lambda call, before: None
    gone: Callable[[LiveCall], object] = lambda call: None
    stray: Callable[[], object] = lambda: None
    call_of: Callable[[str], LiveCall | None] = lambda url: None
