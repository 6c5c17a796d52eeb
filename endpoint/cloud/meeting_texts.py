"""The texts of meetings: read with the keys that are at hand, fetched for those that are not, and healed when the key service is back.

Who makes bookings is told of a meeting once its texts were tried: at once if the key is at hand, else when it comes, and without them
when it does not come within a moment. A key that comes later is one more update, without a new event of the calendar.

Source: protocol/calendar-and-obtp.md 6.6 and 6.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from endpoint.cloud.keys import Keys
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire.clear_meeting import ClearMeeting, read_texts
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import SharedKey
from endpoint.wire.meeting import Meeting, is_cipher_text

PATIENCE_S: Final = 2.0
"""How long a meeting waits for its key before it is told of without its texts."""


@dataclass(frozen=True, slots=True)
class _Untold:
    """A meeting that nobody was told of yet: whether it is new, came by a create event, and until when it waits."""

    is_new: bool
    is_created: bool
    due_s: float


class MeetingTexts:
    """Read the texts of one device's meetings.

    Args:
        meetings: the store, which somebody else changes.
        tell: told of a meeting as it reads now, and whether it is new.
    """

    __slots__ = (
        "_keys", "_meetings", "_patience", "_retry", "_task", "_tasks", "_tell", "_unread", "_untold", "_waiters", "_waits_for",
        "_world",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        tasks: Tasks,
        keys: Keys,
        meetings: Mapping[str, Meeting],
        tell: Callable[[ClearMeeting, bool], object],
    ) -> None:
        self._world = world
        self._tasks = tasks
        self._keys = keys
        self._meetings = meetings
        self._tell = tell
        self._untold: dict[str, _Untold] = {}
        self._unread: dict[str, dict[str, None]] = {}
        """Meetings with a text that could not be read, by the URL of their key."""
        self._waits_for: dict[str, str] = {}
        self._patience: Timer | None = None
        self._retry: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        keys.on_key = self._key_came

    def take(self, meeting: Meeting, *, is_new: bool, is_created: bool = False) -> None:
        """Read a meeting that was stored, and tell of it, now or a moment later."""
        before = self._untold.pop(meeting.id, None)
        is_new = is_new or (before is not None and before.is_new)
        self._world.log.line("Wx2", "3", f"Decrypting title for calendar event with id='{meeting.id}'")
        clear, is_whole = self._read(meeting)
        self._forget_unread(meeting.id)
        url = meeting.encryption_key_url
        if is_whole or not url:
            self._finish(meeting, clear, is_new=is_new, says_found=is_created)
            return
        self._unread.setdefault(url, {})[meeting.id] = None
        self._waits_for[meeting.id] = url
        if self._keys.failures.wait_s(url) > 0:
            self._finish(meeting, clear, is_new=is_new, says_found=is_created)
            self._plan()
            return
        due_s = before.due_s if before is not None else self._world.clock.time() + PATIENCE_S
        self._untold[meeting.id] = _Untold(is_new, is_created, due_s)
        if self._patience is None:
            self._patience = self._world.clock.call_later(PATIENCE_S, self._lose_patience)
        self._begin()

    def drop(self, meeting_id: str) -> None:
        """Forget a meeting that is gone."""
        self._forget_unread(meeting_id)
        self._untold.pop(meeting_id, None)
        self._settle()

    async def settled(self) -> None:
        """Wait until everything was told, at the longest as long as a meeting waits for its key."""
        while self._untold:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def again(self) -> None:
        """Try all that could not be read once more, now: the notification channel has opened anew."""
        self._keys.again()
        if self._unread:
            self._begin()

    def forget(self) -> None:
        """Drop everything: the account is gone, or the device goes off."""
        for timer in (self._patience, self._retry):
            if timer is not None:
                timer.cancel()
        self._patience = self._retry = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._untold.clear()
        self._unread.clear()
        self._waits_for.clear()
        self._keys.forget()
        self._settle()

    # reading

    def read(self, meeting: Meeting) -> ClearMeeting:
        """Return a meeting as it reads with the keys that are at hand."""
        return self._read(meeting)[0]

    def _read(self, meeting: Meeting) -> tuple[ClearMeeting, bool]:
        """Read what can be read now; returns it, and whether that is all."""
        url = meeting.encryption_key_url
        key = self._keys.known(url) if url else None
        missed: list[str] = []
        clear = read_texts(meeting, lambda text: self._opened(key, text, missed, url or ""))
        if missed and key is not None and url:
            self._keys.distrust(url)
        return clear, not missed

    def _opened(self, key: SharedKey | None, text: str, missed: list[str], url: str) -> str | None:
        if key is not None:
            with suppress(RemoteProtocolError):
                plain = key.open_text(text)
                self._world.tap.opened_text(text, plain, url)
                return plain
        missed.append(text)
        return None

    def _finish(self, meeting: Meeting, clear: ClearMeeting, *, is_new: bool, says_found: bool) -> None:
        """Tell of a meeting."""
        if is_cipher_text(meeting.encrypted_subject or ""):
            if clear.title is None:
                self._say("Failed to decrypt title", meeting)
            elif says_found:
                self._say("Found plaintext title", meeting)
        self._tell(clear, is_new)
        self._settle()

    def _say(self, what: str, meeting: Meeting) -> None:
        self._world.log.line("Wx2", "3", f"{what} for calendar event with id='{meeting.id}'")

    def _key_came(self, url: str) -> None:
        """Read what waits for a key, and tell of it."""
        for meeting_id in tuple(self._unread.get(url, ())):
            meeting, untold = self._meetings.get(meeting_id), self._untold.get(meeting_id)
            if meeting is None or meeting.encryption_key_url != url:
                self._forget_unread(meeting_id)
                continue
            clear, is_whole = self._read(meeting)
            if is_whole:
                self._forget_unread(meeting_id)
            if untold is not None:
                del self._untold[meeting_id]
                self._finish(meeting, clear, is_new=untold.is_new, says_found=untold.is_created)
            elif is_whole:
                self._finish(meeting, clear, is_new=False, says_found=True)

    def _forget_unread(self, meeting_id: str) -> None:
        url = self._waits_for.pop(meeting_id, None)
        if url is not None:
            del self._unread[url][meeting_id]
            if not self._unread[url]:
                del self._unread[url]

    def _give_up(self, meeting_ids: Iterable[str]) -> None:
        """Tell of meetings as far as they can be read."""
        for meeting_id in meeting_ids:
            untold, meeting = self._untold.pop(meeting_id, None), self._meetings.get(meeting_id)
            if untold is not None and meeting is not None:
                self._finish(meeting, self._read(meeting)[0], is_new=untold.is_new, says_found=untold.is_created)

    def _lose_patience(self) -> None:
        now_s = self._world.clock.time()
        self._patience = None
        self._give_up([meeting_id for meeting_id, untold in self._untold.items() if untold.due_s <= now_s])
        if self._untold:
            next_s = min(untold.due_s for untold in self._untold.values())
            self._patience = self._world.clock.call_later(next_s - now_s, self._lose_patience)

    def _settle(self) -> None:
        if not self._untold and self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    # keys

    def _begin(self) -> None:
        """Fetch keys in the background, unless that is being done."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._task is None or self._task.done():
            self._task = self._tasks.start(self._fetch(), "keys of meetings")

    async def _fetch(self) -> None:
        while wanted := [url for url in self._unread if self._keys.failures.wait_s(url) <= 0]:
            with suppress(EndpointError):  # logged where it happened
                await self._keys.fetch(wanted)
            for url in wanted:
                self._key_came(url)  # also of those that did not come: who waits for them is told without
        self._task = None
        self._plan()

    def _plan(self) -> None:
        """Plan the next try of what could not be read."""
        if self._retry is None and self._unread and self._task is None:
            wait_s = min(self._keys.failures.wait_s(url) for url in self._unread)
            self._retry = self._world.clock.call_later(wait_s, self._begin)
