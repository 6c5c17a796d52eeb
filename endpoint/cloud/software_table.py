"""The lifecycle of a software upgrade as a table: offered, downloaded, announced, installed.

The words of the states are those of `Provisioning Software UpgradeStatus Phase` (protocol/xapi-nodes.md 4.18); the way between them is
ours. A timer or a download belongs to its state and ends with it. Waiting for a call to end is DownloadDone, waiting between two tries
of a download DownloadPaused. What was installed is in use after the restart, where the lifecycle begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from endpoint.runtime.statetable import Next, Row, Table


class State(Enum):
    """Where the upgrade is."""

    IDLE = "None"
    PENDING = "DownloadPending"
    DOWNLOADING = "Downloading"
    PAUSED = "DownloadPaused"
    DOWNLOADED = "DownloadDone"
    ABOUT = "AboutToInstallUpgrade"
    POSTPONED = "Postponed"
    INSTALLING = "Installing"
    FAILED = "Failed"


# events


class Offered:
    """The cloud offers a version that was not offered before."""


class Withdrawn:
    """It offers none any more, or the account is gone."""


class TurnCame:
    """The wait is over that keeps a fleet from downloading all at once; or the wait after a failure."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The image is here, and it is what was announced."""

    in_call: bool
    hurries: bool


@dataclass(frozen=True, slots=True)
class DownloadFailed:
    """It did not come, or came damaged; `is_final`: that was the last try."""

    is_final: bool


class PauseOver:
    """It is time for the next try."""


class CallBegan:
    """There is a call now."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """There is no call any more."""

    hurries: bool


class NoticeOver:
    """People were told for long enough."""


class Postponed:
    """Somebody wants it later."""


@dataclass(frozen=True, slots=True)
class PostponementOver:
    """Later is now."""

    in_call: bool


@dataclass(frozen=True, slots=True)
class Completed:
    """Somebody wants it now."""

    in_call: bool


class Installed:
    """The new version is on disk."""


class InstallFailed:
    """It is not: the image does not fit, or the disk took no more."""


# effects


class PlanTurn:
    """Wait for a drawn while."""


class Download:
    """Get the image."""


class PlanPause:
    """Wait before the next try."""


class Announce:
    """Tell people, and wait."""


class PlanPostponement:
    """Wait for as long as was asked."""


class Install:
    """Write the new version."""


class Restart:
    """Boot into it."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Report the failure; try again later if there were few."""

    phase: str


class Forget:
    """Drop the offer and the image."""


def _downloaded(event: object) -> Next[State]:
    assert isinstance(event, Downloaded)
    return _ready(in_call=event.in_call, hurries=event.hurries)


def _download_failed(event: object) -> Next[State]:
    assert isinstance(event, DownloadFailed)
    if event.is_final:
        return Next(State.FAILED, GiveUp(State.DOWNLOADING.value))
    return Next(State.PAUSED, PlanPause())


def _call_ended(event: object) -> Next[State]:
    assert isinstance(event, CallEnded)
    return _ready(in_call=False, hurries=event.hurries)


def _postponement_over(event: object) -> Next[State]:
    assert isinstance(event, PostponementOver)
    return _ready(in_call=event.in_call, hurries=False)


def _completed(event: object) -> Next[State]:
    assert isinstance(event, Completed)
    return _ready(in_call=event.in_call, hurries=True)


def _ready(*, in_call: bool, hurries: bool) -> Next[State]:
    """Say what follows once nothing is missing but the right moment."""
    if in_call:
        return Next(State.DOWNLOADED)
    return Next(State.INSTALLING, Install()) if hurries else Next(State.ABOUT, Announce())


_ROWS: dict[tuple[State, type], Row[State]] = {
    (State.IDLE, Offered): Next(State.PENDING, PlanTurn()),
    (State.IDLE, Withdrawn): Next(State.IDLE),
    (State.PENDING, TurnCame): Next(State.DOWNLOADING, Download()),
    (State.PENDING, Completed): Next(State.DOWNLOADING, Download()),
    (State.DOWNLOADING, Downloaded): _downloaded,
    (State.DOWNLOADING, DownloadFailed): _download_failed,
    (State.DOWNLOADING, Completed): Next(State.DOWNLOADING),
    (State.PAUSED, PauseOver): Next(State.DOWNLOADING, Download()),
    (State.PAUSED, Completed): Next(State.DOWNLOADING, Download()),
    (State.DOWNLOADED, CallEnded): _call_ended,
    (State.DOWNLOADED, Postponed): Next(State.POSTPONED, PlanPostponement()),
    (State.DOWNLOADED, Completed): _completed,
    (State.ABOUT, NoticeOver): Next(State.INSTALLING, Install()),
    (State.ABOUT, CallBegan): Next(State.DOWNLOADED),
    (State.ABOUT, Postponed): Next(State.POSTPONED, PlanPostponement()),
    (State.ABOUT, Completed): _completed,
    (State.POSTPONED, PostponementOver): _postponement_over,
    (State.POSTPONED, Postponed): Next(State.POSTPONED, PlanPostponement()),
    (State.POSTPONED, Completed): _completed,
    (State.INSTALLING, Installed): Next(State.INSTALLING, Restart()),
    (State.INSTALLING, InstallFailed): Next(State.FAILED, GiveUp(State.INSTALLING.value)),
    (State.INSTALLING, Completed): Next(State.INSTALLING),
    (State.INSTALLING, Offered): Next(State.INSTALLING),  # asked for again after the restart
    (State.INSTALLING, Withdrawn): Next(State.INSTALLING),
    (State.FAILED, TurnCame): Next(State.DOWNLOADING, Download()),
    (State.FAILED, Completed): Next(State.DOWNLOADING, Download()),
}
for _state in State:
    _ROWS.setdefault((_state, CallBegan), Next(_state))
    _ROWS.setdefault((_state, CallEnded), Next(_state))
    if _state not in (State.IDLE, State.INSTALLING):
        _ROWS[_state, Offered] = Next(State.PENDING, PlanTurn())
        _ROWS[_state, Withdrawn] = Next(State.IDLE, Forget())

TABLE: Final = Table("software upgrade", State.IDLE, _ROWS)
