"""Requests about a call that the cloud knows: sent with what was seen of the locus, and again where it has changed meanwhile.

Source: protocol/cloud-services.md 9.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from endpoint.cloud.calls import wishes
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.client import RETRIES_S, CallRefused, Reply
from endpoint.cloud.calls.following import Following
from endpoint.cloud.calls.joining import CONFLICT
from endpoint.cloud.calls.leg import MediaLeg
from endpoint.cloud.calls.wishes import Asker, NotPossible, Wish
from endpoint.runtime.errors import EndpointError
from endpoint.wire.callcontrol import Refusal
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import errors, requests
from endpoint.wire.locus.dto import Locus, parse_locus

CONFLICTS_MAX: Final = 2
"""How often a request is sent again because the locus has changed meanwhile."""
LEAVE_RETRIES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
NOT_CONNECTED: Final = "The call is not connected"

Make = Callable[[Asker], Wish]


class Asking:
    """Makes the requests of one call."""

    __slots__ = ("_around", "_copy", "_correlation_id", "_is_closed", "_leg")

    def __init__(self, around: Around, copy: Following, leg: MediaLeg, correlation_id: str) -> None:
        self._around = around
        self._copy = copy
        self._leg = leg
        self._correlation_id = correlation_id
        self._is_closed = False

    def close(self) -> None:
        """Ask for nothing any more, not even what is on its way and would be sent again."""
        self._is_closed = True

    async def wish(self, make: Make) -> str:
        """Ask for something; returns why it was not granted, "" if it was."""
        try:
            await self._send(make, RETRIES_S)
        except NotPossible as error:
            return str(error)
        except CallRefused as error:
            word, _ = errors.reason_of(error.status, error.code)
            return f"The cloud refused: {word} ({error})"
        except EndpointError as error:
            return f"The cloud cannot be asked: {error}"
        except RemoteProtocolError as error:  # it was granted; what has become of the locus is told by events
            self._around.world.log.line("Wx2", "W", f"locus not understood: {error}")
        return ""

    async def leave(self) -> None:
        """Leave; what does not get through is left again when the cloud can be asked."""
        if not self._around.device_url():
            return
        try:
            await self._send(wishes.leave, LEAVE_RETRIES_S)
        except (NotPossible, CallRefused):
            return  # the device is not in it (any more)
        except (EndpointError, RemoteProtocolError):
            self._around.stray()

    async def _send(self, make: Make, schedule: Sequence[float]) -> None:
        tries = 0
        while True:
            locus = self._copy.locus
            if locus is None or self._is_closed:
                raise NotPossible(NOT_CONNECTED)
            wanted = make(Asker(locus, self._around.device_url(), self._correlation_id))
            try:
                reply = await self._around.client.send(
                    wanted.method, wanted.url, wanted.body, wanted.shown,
                    schedule=schedule, is_wanted=lambda: not self._is_closed,
                )  # fmt: skip
            except CallRefused as error:
                tries += 1
                if error.status != CONFLICT or tries > CONFLICTS_MAX or not await self._copy.refetch():
                    raise
            else:
                self._take(reply)
                return

    def _take(self, reply: Reply) -> None:
        """Take the locus and the media of an answer, if there are any."""
        if not isinstance(reply.body.get("locus"), dict):
            return
        answer = requests.parse_join_answer(reply.body)
        self._copy.take(answer.locus)
        if self._copy.locus is not None:
            self._leg.answered(answer, self._copy.locus)


def alert(asker: Asker) -> Wish:
    """Tell that it rings here."""
    return Wish("PUT", requests.alert_url(asker.locus.url), requests.AlertRequest(**asker.members), {})


async def decline(around: Around, locus: Locus, correlation_id: str, reason: Refusal) -> None:
    """Tell the cloud that a call is not taken; where that fails its ring time ends it."""
    asker = Asker(locus, around.device_url(), correlation_id)
    for _ in range(CONFLICTS_MAX + 1):
        body = requests.DeclineRequest(reason=reason.value, **asker.members)
        try:
            await around.client.send("PUT", requests.decline_url(locus.url), body, {"reason": reason.value})
        except CallRefused as error:
            if error.status != CONFLICT:
                return
        except (EndpointError, RemoteProtocolError):
            return
        else:
            return
        try:
            locus = parse_locus((await around.client.get(locus.url)).body)
        except (EndpointError, RemoteProtocolError):
            return
        asker = Asker(locus, asker.device_url, correlation_id)
