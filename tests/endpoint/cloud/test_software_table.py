"""The lifecycle of a software upgrade: every row, and what holds on every way through it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from endpoint.cloud import software_table as t
from endpoint.cloud.software_table import TABLE, State
from endpoint.runtime.statetable import Machine
from tests.endpoint.cloud.tables import Row, walk

IDLE, PENDING, DOWNLOADING, PAUSED, DOWNLOADED, ABOUT, POSTPONED, INSTALLING, FAILED = State
DOWNLOAD, ANNOUNCE, INSTALL, LATER = (t.Download,), (t.Announce,), (t.Install,), (t.PlanPostponement,)
NO_MATTER = (t.CallBegan, t.CallEnded(hurries=False), t.CallEnded(hurries=True))

ROWS: list[Row[State]] = [
    (IDLE, t.Offered, PENDING, (t.PlanTurn,)),
    (IDLE, t.Withdrawn, IDLE, ()),
    (PENDING, t.TurnCame, DOWNLOADING, DOWNLOAD),
    (PENDING, t.Completed(in_call=True), DOWNLOADING, DOWNLOAD),
    (DOWNLOADING, t.Downloaded(in_call=False, hurries=False), ABOUT, ANNOUNCE),
    (DOWNLOADING, t.Downloaded(in_call=False, hurries=True), INSTALLING, INSTALL),
    (DOWNLOADING, t.Downloaded(in_call=True, hurries=True), DOWNLOADED, ()),
    (DOWNLOADING, t.Downloaded(in_call=True, hurries=False), DOWNLOADED, ()),
    (DOWNLOADING, t.DownloadFailed(is_final=False), PAUSED, (t.PlanPause,)),
    (DOWNLOADING, t.DownloadFailed(is_final=True), FAILED, (t.GiveUp("Downloading"),)),
    (DOWNLOADING, t.Completed(in_call=False), DOWNLOADING, ()),
    (PAUSED, t.PauseOver, DOWNLOADING, DOWNLOAD),
    (PAUSED, t.Completed(in_call=True), DOWNLOADING, DOWNLOAD),
    (DOWNLOADED, t.CallEnded(hurries=False), ABOUT, ANNOUNCE),
    (DOWNLOADED, t.CallEnded(hurries=True), INSTALLING, INSTALL),
    (DOWNLOADED, t.CallBegan, DOWNLOADED, ()),
    (DOWNLOADED, t.Postponed, POSTPONED, LATER),
    (DOWNLOADED, t.Completed(in_call=True), DOWNLOADED, ()),
    (DOWNLOADED, t.Completed(in_call=False), INSTALLING, INSTALL),
    (ABOUT, t.NoticeOver, INSTALLING, INSTALL),
    (ABOUT, t.CallBegan, DOWNLOADED, ()),
    (ABOUT, t.CallEnded(hurries=True), ABOUT, ()),
    (ABOUT, t.Postponed, POSTPONED, LATER),
    (ABOUT, t.Completed(in_call=False), INSTALLING, INSTALL),
    (ABOUT, t.Completed(in_call=True), DOWNLOADED, ()),
    (POSTPONED, t.PostponementOver(in_call=False), ABOUT, ANNOUNCE),
    (POSTPONED, t.PostponementOver(in_call=True), DOWNLOADED, ()),
    (POSTPONED, t.Postponed, POSTPONED, LATER),
    (POSTPONED, t.Completed(in_call=False), INSTALLING, INSTALL),
    (POSTPONED, t.Completed(in_call=True), DOWNLOADED, ()),
    (INSTALLING, t.Installed, INSTALLING, (t.Restart,)),
    (INSTALLING, t.InstallFailed, FAILED, (t.GiveUp("Installing"),)),
    (INSTALLING, t.Completed(in_call=False), INSTALLING, ()),
    (INSTALLING, t.Offered, INSTALLING, ()),
    (INSTALLING, t.Withdrawn, INSTALLING, ()),
    (FAILED, t.TurnCame, DOWNLOADING, DOWNLOAD),
    (FAILED, t.Completed(in_call=False), DOWNLOADING, DOWNLOAD),
    *[
        (state, event, state, ())
        for state in (IDLE, PENDING, DOWNLOADING, PAUSED, POSTPONED, INSTALLING, FAILED)
        for event in NO_MATTER
    ],
    *[
        (state, t.Offered, PENDING, (t.PlanTurn,))
        for state in (PENDING, DOWNLOADING, PAUSED, DOWNLOADED, ABOUT, POSTPONED, FAILED)
    ],
    *[
        (state, t.Withdrawn, IDLE, (t.Forget,))
        for state in (PENDING, DOWNLOADING, PAUSED, DOWNLOADED, ABOUT, POSTPONED, FAILED)
    ],
]


def test_every_row_and_every_pair_without_one() -> None:
    walk(TABLE, ROWS)


EVENTS: list[Any] = [
    t.Offered(), t.Withdrawn(), t.TurnCame(), t.PauseOver(), t.CallBegan(), t.NoticeOver(), t.Postponed(), t.Installed(), t.InstallFailed(),
    *[t.Downloaded(in_call=call, hurries=hurry) for call in (False, True) for hurry in (False, True)],
    *[t.DownloadFailed(is_final=final) for final in (False, True)], *[t.CallEnded(hurries=hurry) for hurry in (False, True)],
    *[t.PostponementOver(in_call=call) for call in (False, True)], *[t.Completed(in_call=call) for call in (False, True)],
]  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_on_every_way_nothing_is_installed_that_was_not_downloaded_nor_in_a_call(events: list[Any]) -> None:
    """Play what the table allows; what it does not is no event of that state."""
    machine = Machine(TABLE)
    has_image = in_call = False
    for event in events:
        if (machine.state, type(event)) not in TABLE.rows:
            continue
        if isinstance(event, (t.Downloaded, t.PostponementOver, t.Completed)) and event.in_call != in_call:
            continue  # the shell says what is so
        if isinstance(event, t.CallBegan):
            in_call = True
        if isinstance(event, t.CallEnded):
            in_call = False
        has_image = has_image or isinstance(event, t.Downloaded)
        if isinstance(event, t.Offered) and machine.state is not INSTALLING:
            has_image = False
        before = machine.state
        effects = machine.feed(event)
        if any(isinstance(effect, (t.Forget, t.GiveUp)) for effect in effects):
            has_image = False
        if any(isinstance(effect, t.Install) for effect in effects):
            assert has_image
            assert not in_call
            assert before is not INSTALLING
        assert not (machine.state is ABOUT and in_call)
