"""Meetings that the device makes, changes, deletes and answers itself, through the calendar service.

Texts leave sealed with a key of the device's own. What comes of it in the calendars comes back as an event, like everything else.
A request that met no answer is sent again: `requestId` tells the service that it is the same one.

Source: protocol/cloud-services.md 6.1 (documented), `respond` ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Answer, Backoff, Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.keys import Keys
from endpoint.cloud.kms_failures import KmsError
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.world import World
from endpoint.wire import calendar, scheduling
from endpoint.wire.conventions import format_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import IV_BYTES

Cause = Literal["Timeout", "Decline", "ConfigError", "HttpError", "KmsError"]
RETRIES_S: Final = (1.0, 2.0)
TOTAL_S: Final = 30.0
DECLINED: Final = frozenset({403, 409})
GONE: Final = 404


class EditFailed(EndpointError):
    """A meeting was not made, changed, deleted or answered; `cause` says why in a word of the xAPI."""

    def __init__(self, cause: Cause, why: str) -> None:
        self.cause = cause
        super().__init__(f"{cause}: {why}")


class CalendarEdits:
    """Change the calendar of one device's room."""

    __slots__ = ("_catalog", "_identity", "_key_url", "_keys", "_sealings", "_world")

    def __init__(self, world: World, identity: Identity, catalog: ServiceCatalog, keys: Keys) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._keys = keys
        self._key_url = ""
        self._sealings = 0

    async def create(self, title: str, start: datetime, minutes: int, request_id: str) -> str:
        """Make a meeting in the room's calendar, whose organizer is the room; returns its id.

        Args:
            start: aware.
            request_id: the same for the same meeting, however often it is asked for.

        Raises:
            EditFailed: it was not made, as far as the device knows.
        """
        texts = await self._sealed(subject=title)
        body = {
            **texts,
            "start": format_instant(start),
            "durationMinutes": minutes,
            "attendees": [],
            "requestId": request_id,
        }
        answer = await self._send("POST", calendar.EVENTS_PATH + scheduling.SYNC_PATH, body)
        try:
            return answer.read(scheduling.EventReply).meeting_id
        except RemoteProtocolError:
            raise EditFailed("HttpError", "unexpected content") from None

    async def change(
        self, meeting_id: str, *, title: str | None = None, start: datetime | None = None, minutes: int | None = None
    ) -> None:
        """Change what is given of a meeting that the room organizes.

        Raises:
            EditFailed: it stays as it was, as far as the device knows.
        """
        body: dict[str, Any] = await self._sealed(subject=title) if title is not None else {}
        if start is not None:
            body["start"] = format_instant(start)
        if minutes is not None:
            body["durationMinutes"] = minutes
        await self._send("PATCH", calendar.event_path(meeting_id) + scheduling.SYNC_PATH, body)

    async def delete(self, meeting_id: str) -> None:
        """Delete a meeting that the room organizes; one that is gone already is no failure.

        Raises:
            EditFailed: it was not deleted, as far as the device knows.
        """
        await self._send("DELETE", calendar.event_path(meeting_id) + scheduling.SYNC_PATH, None, is_gone_fine=True)

    async def respond(self, meeting_id: str, answer: str, comment: str = "") -> None:
        """Answer an invitation: ACCEPTED, TENTATIVE or DECLINED.

        Raises:
            EditFailed: it was not answered, as far as the device knows.
        """
        body = {"response": answer, **({"comment": comment} if comment else {})}
        await self._send("POST", calendar.event_path(meeting_id) + scheduling.RESPOND_PATH, body)

    async def _sealed(self, **texts: str) -> dict[str, Any]:
        """Seal texts with the device's own key, which is made when there is none."""
        try:
            key = self._keys.known(self._key_url)
            if key is None:
                self._key_url, key = await self._keys.create()
        except KmsError as error:
            raise EditFailed("KmsError", str(error)) from None
        self._sealings += 1
        draws = self._world.chance.stream("text iv", self._key_url, self._sealings)
        sealed = {name: key.seal_text(text, draws.bytes(IV_BYTES)) for name, text in texts.items()}
        return {"encryptionKeyUrl": self._key_url, **sealed}

    async def _send(self, method: str, path: str, body: dict[str, Any] | None, *, is_gone_fine: bool = False) -> Answer:
        if self._identity.account is None or self._catalog.catalog.url("calendar") is None:
            raise EditFailed("ConfigError", "the device has no calendar service")
        try:
            answer = await self._identity.send_until_answered(
                lambda: Call(method, self._catalog.url("calendar") + path, "calendar", body),
                Backoff(self._world, "calendar edit", RETRIES_S),
                total_s=TOTAL_S,
            )
        except Unreachable as error:
            raise EditFailed("Timeout", error.reason) from None
        except EndpointError as error:
            raise EditFailed("ConfigError", str(error)) from None
        if answer.ok or (is_gone_fine and answer.status == GONE):
            return answer
        raise EditFailed("Decline" if answer.status in DECLINED else "HttpError", str(answer.status))
