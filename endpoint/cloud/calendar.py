"""The device's side of the calendar: catch-up, single events, pushed changes, and the store of meetings by id.

After a catch-up the store holds what the cloud's window holds, except for what was pushed while its pages were on their way: the last
message about a meeting wins. Source: protocol/calendar-and-obtp.md 6.1, 6.2, 6.5, 6.6; lines L22 to L26, R81, R82, R94.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Answer, Backoff, Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.keys import Keys
from endpoint.cloud.meeting_texts import MeetingTexts
from endpoint.cloud.shared import Shared
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import calendar
from endpoint.wire.calendar import Window
from endpoint.wire.clear_meeting import ClearMeeting
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.meeting import JOIN_FIELDS, Meeting, Received, log_values

CATCH_UP_EVERY_S: Final = 12 * 3600.0  # protocol 6.2, R
CATCH_UP_SOON_S: Final = 900.0
"""While Mercury is down (fault table row 12), and after a catch-up that failed."""
TOTAL_S: Final = 300.0
EVENT_RETRIES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)  # then the next catch-up brings it; protocol 6.1
EVENT_TOTAL_S: Final = 600.0
FETCHES_MAX: Final = 50
"""Single events on their way at once; one more, and a catch-up takes their place."""
REPEATS_MAX: Final = 3
"""Catch-ups in a row because pushes came between their pages."""
MEETINGS_MAX: Final = 5_000


class CalendarUnavailable(EndpointError):
    """The calendar service did not answer with a list of meetings, or with the meeting that was asked for."""


class MeetingListener(Protocol):
    """Who makes bookings of meetings."""

    def meeting_created(self, meeting: ClearMeeting) -> None:
        """Take a meeting that was not stored before."""

    def meeting_updated(self, meeting: ClearMeeting) -> None:
        """Take a stored meeting as it is now."""

    def meeting_deleted(self, meeting_id: str) -> None:
        """Drop a meeting; it may be one that was never told of, such as one whose texts were still waited for."""

    def meeting_over(self, meeting_id: str) -> None:
        """Drop a meeting that was stored and is long over: nobody has deleted it."""

    def meetings_forgotten(self) -> None:
        """Drop all meetings: the account is gone, or the device goes off."""


class Nobody:
    """Nobody listens."""

    def meeting_created(self, meeting: ClearMeeting) -> None:
        """Do nothing."""

    meeting_updated = meeting_created

    def meeting_deleted(self, meeting_id: str) -> None:
        """Do nothing."""

    meeting_over = meeting_deleted

    def meetings_forgotten(self) -> None:
        """Do nothing."""


class Calendar:
    """Know the meetings of one device's room."""

    def __init__(self, world: World, identity: Identity, catalog: ServiceCatalog, tasks: Tasks, keys: Keys) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._tasks = tasks
        self._timer: Timer | None = None
        self._run: Shared[int] = Shared(tasks, "calendar catch-up")
        self._again = False
        self._touched: set[str] | None = None
        """Ids that something was heard of while the pages of a catch-up are on their way; None while none are."""
        self._fetches: dict[str, object] = {}
        """The last message about each event that is being fetched: the answer to an older one is not taken."""
        self._fetching = 0
        self.meetings: dict[str, Meeting] = {}
        self._texts = MeetingTexts(world, tasks, keys, self.meetings, self._tell)
        self.caught_up = False
        """Whether a catch-up has succeeded since the store was last emptied."""
        self.last_window: Window | None = None
        """What the last catch-up that succeeded has asked for."""
        self.push_is_up: Callable[[], bool] = lambda: False
        self.on_change: Callable[[], object] = lambda: None
        self.listener: MeetingListener = Nobody()

    # catch-up

    async def catch_up(self, window: Window | None = None) -> int:
        """Make the store equal to the cloud's window, by default 24 hours to either side of now; returns the number of events.

        Callers at the same time share one run.

        Raises:
            CalendarUnavailable: the service refused, or answered something else.
            Unreachable: nobody answered within five minutes.
        """
        return await self._run.run(lambda: self._catch_up(window))

    async def quiet(self) -> None:
        """Wait until no catch-up is on its way."""
        if self._run.is_running:
            with suppress(EndpointError):
                await self.catch_up()

    def catch_up_soon(self) -> None:
        """Catch up in the background, logging what goes wrong; once more afterwards if a run is under way already."""
        if self._run.is_running:
            self._again = True
        else:
            self._run.begin(self._catch_up)  # logged where it fails, and planned anew

    def catch_up_at_least_once(self) -> None:
        """Catch up in the background unless that was done, is being done, or is planned."""
        if not self.caught_up and not self._run.is_running and self._timer is None:
            self.catch_up_soon()

    async def _catch_up(self, window: Window | None = None) -> int:
        repeats = 0
        try:
            while True:
                self._again = False
                count, is_sure = await self._once(window)
                repeats += not is_sure
                if not self._again and (is_sure or repeats > REPEATS_MAX):
                    break
        except EndpointError:
            self._plan(CATCH_UP_SOON_S)
            raise
        self._plan(CATCH_UP_EVERY_S if self.push_is_up() else CATCH_UP_SOON_S)
        return count

    async def _once(self, wanted: Window | None) -> tuple[int, bool]:
        """Read all pages once; returns the number of events, and whether pages and pushes did not get in each other's way."""
        world = self._world
        window = wanted or Window.around(world.clock.now())
        touched = self._touched = set()
        try:
            found, is_whole, is_paged = await self._pages(window)
        except Unreachable as error:
            world.log.line("Wx2", "W", f"calendar unreachable: {error.reason}")
            raise
        finally:
            self._touched = None
        is_sure = not (touched and is_paged)  # else items may have moved from a page to one that was read before
        self._merge(window, found, touched, removes=is_whole and is_sure)
        world.log.line("Wx2", "3", f"calendar catch-up: {len(found)} event(s)")
        world.trace.event(world.who, "calendar.caught_up", data={"events": len(found), "stored": len(self.meetings)})
        await self._texts.settled()
        self.caught_up = True
        self.last_window = window
        self.on_change()
        return len(found), is_sure

    async def _pages(self, window: Window) -> tuple[dict[str, Received], bool, bool]:
        """Read page after page; returns what was found, whether that is all of it, and whether it was more than one page."""
        found: dict[str, Received] = {}
        offset = 0
        while True:
            page = await self._page(window, offset)
            found |= {received.meeting.id: received for received in page.meetings}
            for error in page.rejected:
                self._world.log.line("Wx2", "W", f"calendar event ignored: {error}")
            following = calendar.next_offset(offset, page.count)
            if following is None:
                return found, page.count < calendar.PAGE_SIZE, offset > 0
            offset = following

    async def _page(self, window: Window, offset: int) -> calendar.Page:
        query = calendar.catch_up_query(window, offset)
        answer = await self._identity.send_until_answered(
            lambda: Call("GET", f"{self._catalog.url('calendar')}{calendar.EVENTS_PATH}?{query}", "calendar"),
            Backoff(self._world, "calendar"),
            total_s=TOTAL_S,
        )
        if not answer.ok:
            refusal = answer.refusal(self._world.clock.now())
            self._world.log.line("Wx2", "W", f"calendar unreachable: {refusal}")
            raise CalendarUnavailable(f"the calendar answered {refusal}")
        try:
            return calendar.parse_page(answer.body)
        except RemoteProtocolError as error:
            raise self._not_understood(error) from None

    def _not_understood(self, error: RemoteProtocolError) -> CalendarUnavailable:
        self._world.log.line("Wx2", "W", f"calendar answer not understood: {error}")
        return CalendarUnavailable(str(error))

    def _merge(self, window: Window, found: Mapping[str, Received], touched: set[str], *, removes: bool) -> None:
        """Take what was found; drop what the window should hold and does not, and what is long over.

        What lies ahead of the window stays: it was pushed, and is not asked for yet.
        """
        for meeting_id, received in found.items():
            if meeting_id not in touched:
                self._upsert(received.meeting)
        for meeting_id, meeting in list(self.meetings.items()):
            if meeting_id in found or meeting_id in touched:
                continue
            if meeting.ends <= window.start:
                self._remove(meeting_id, is_over=True)
            elif removes and meeting.is_within(window.start, window.end):
                self._remove(meeting_id)

    def _plan(self, wait_s: float) -> None:
        """Plan the next catch-up."""
        self._cancel_timer()
        if self._identity.account is not None:
            self._timer = self._world.clock.call_later(wait_s, self.catch_up_soon)

    def push_went_down(self) -> None:
        """Plan catch-ups closer together: from now on nothing is pushed."""
        if self.caught_up and not self._run.is_running:
            self._plan(CATCH_UP_SOON_S)

    # single events

    def is_fetching(self, meeting_id: str) -> bool:
        """Say whether an event is being asked for."""
        return meeting_id in self._fetches

    async def fetch(self, meeting_id: str) -> Meeting | None:
        """Get one event by its id and store it; None when the cloud does not know it (any more).

        A message about the event that comes meanwhile is newer than the answer, which is then not taken.

        Raises:
            CalendarUnavailable: the service refused, or answered something else.
            Unreachable: nobody answered, after five retries.
        """
        mine = self._fetches[meeting_id] = object()
        try:
            received = await self._get(meeting_id)
            if self._fetches.get(meeting_id) is mine:
                self._take(meeting_id, received)
        finally:
            if self._fetches.get(meeting_id) is mine:
                del self._fetches[meeting_id]
        return self.meetings.get(meeting_id)

    async def _get(self, meeting_id: str) -> Received | None:
        log = self._world.log
        path = f"{calendar.event_path(meeting_id)}?compact=true"
        try:
            answer = await self._identity.send_until_answered(
                lambda: Call("GET", self._catalog.url("calendar") + path, "calendar"),
                Backoff(self._world, "calendar event", EVENT_RETRIES_S),
                total_s=EVENT_TOTAL_S,
            )
        except Unreachable as error:
            log.line("Wx2", "W", f"calendar unreachable: {error.reason}")
            raise
        if not answer.ok:
            text = f"calendar event with id='{meeting_id}' not available: {answer.status}"
            log.line("Wx2", "W", text)
            if answer.status != 404:
                raise CalendarUnavailable(text)
            return None
        return self._read_event(answer, meeting_id)

    def _read_event(self, answer: Answer, meeting_id: str) -> Received:
        try:
            received = calendar.parse_meeting(answer.body)
            if received.meeting.id != meeting_id:
                raise RemoteProtocolError("meeting.id", "that of the event that was asked for")
        except RemoteProtocolError as error:
            raise self._not_understood(error) from None
        return received

    def _take(self, meeting_id: str, received: Received | None, *, is_created: bool = False) -> None:
        """Take the last message about a meeting; None says that it is gone."""
        self._fetches.pop(meeting_id, None)
        if self._touched is not None:
            self._touched.add(meeting_id)
        if received is not None:
            self._upsert(received.meeting, is_created=is_created)
        elif meeting_id in self.meetings:
            self._remove(meeting_id)
        else:
            self.listener.meeting_deleted(meeting_id)  # the room may know it: it has booked it
            return
        self.on_change()

    def on_event(self, data: Mapping[str, Any]) -> None:
        """Take a pushed `calendar.meeting.*`.

        Raises:
            RemoteProtocolError: there is no meeting in it; nothing is changed.
        """
        event = calendar.parse_meeting_event(data)
        if event.is_minimal:
            self._fetch_soon(event.meeting_id)
            return
        if event.received is not None:
            if event.event_type == calendar.UPDATE or event.meeting_id in self.meetings:
                text = f"updateMeetingFromCalendarEvent resourceUrl='{event.received.meeting.self_url}'"
                self._world.log.line("Wx2", "1", text)
            self._world.log.line("Wx2", "3", "CalendarClientImpl::on_meeting_updated_event")
        self._take(event.meeting_id, event.received, is_created=event.event_type == calendar.CREATE)

    def _fetch_soon(self, meeting_id: str) -> None:
        if self._fetching < FETCHES_MAX:
            self._fetching += 1
            self._tasks.start(self._fetch_quietly(meeting_id), "calendar event")
            return
        data = {"what": "calendar event to fetch", "bound": FETCHES_MAX}
        self._world.trace.event(self._world.who, "drop", data=data)
        self.catch_up_soon()

    async def _fetch_quietly(self, meeting_id: str) -> None:
        try:
            with suppress(EndpointError):  # logged where it happened
                await self.fetch(meeting_id)
        finally:
            self._fetching -= 1

    # the store

    def _upsert(self, meeting: Meeting, *, is_created: bool = False) -> None:
        log = self._world.log
        if len(self.meetings) >= MEETINGS_MAX and meeting.id not in self.meetings:
            log.line("Wx2", "W", f"calendar event with id='{meeting.id}' dropped: {MEETINGS_MAX} are stored")
            self._world.trace.event(self._world.who, "drop", data={"what": "meeting", "bound": MEETINGS_MAX})
            return
        is_known = meeting.id in self.meetings
        values = log_values(meeting)
        shown = (f"{name}={value}" if name in JOIN_FIELDS else f"{name}='{value}'" for name, value in values.items())
        log.line("Wx2", "1", f"{'Updating' if is_known else 'Inserting new'} meeting - {' '.join(shown)}")
        self.meetings[meeting.id] = meeting
        data = {"id": meeting.id, "start": values["start"], "was_known": is_known}
        self._world.trace.event(self._world.who, "calendar.stored", data=data)
        self._texts.take(meeting, is_new=not is_known, is_created=is_created and not is_known)

    def read(self, meeting: Meeting) -> ClearMeeting:
        """Return a meeting as it reads with the keys that are at hand."""
        return self._texts.read(meeting)

    def _tell(self, clear: ClearMeeting, is_new: bool) -> None:
        if is_new:
            self.listener.meeting_created(clear)
        else:
            self.listener.meeting_updated(clear)

    def _remove(self, meeting_id: str, *, is_over: bool = False) -> None:
        del self.meetings[meeting_id]
        self._world.trace.event(self._world.who, "calendar.removed", data={"id": meeting_id})
        self._texts.drop(meeting_id)
        tell = self.listener.meeting_over if is_over else self.listener.meeting_deleted
        tell(meeting_id)

    def push_came_up(self) -> None:
        """Catch up, and try texts once more that could not be read: the notification channel has opened anew."""
        self._texts.again()
        self.catch_up_soon()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def forget(self) -> None:
        """Drop every meeting and what is on its way: the account is gone, or the device goes off."""
        self._cancel_timer()
        self._run.drop()
        self._again = False
        self._fetches.clear()
        self._texts.forget()
        self.meetings.clear()
        self.listener.meetings_forgotten()
        self.caught_up = False
        self.last_window = None
