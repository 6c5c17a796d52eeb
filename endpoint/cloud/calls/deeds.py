"""What is done in a call that is connected: each wish becomes a request, and its answer the new state.

Source: protocol/cloud-services.md 9.6, 9.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from endpoint.cloud.calls import endings, wishes
from endpoint.cloud.calls.asking import NOT_CONNECTED
from endpoint.cloud.calls.table import IN, Held, Resumed, State
from endpoint.runtime.chance import Actor
from endpoint.wire.callcontrol import Action, Control

if TYPE_CHECKING:
    from endpoint.cloud.calls.call import LiveCall


class Deeds:
    """Does what people want of one call; each returns "" when it is granted, else why it is not."""

    __slots__ = ("_call", "_chance", "_tones")

    def __init__(self, call: LiveCall, chance: Actor) -> None:
        self._call = call
        self._chance = chance
        self._tones = 0

    async def hold(self, held: bool) -> str:
        """Hold it, or take it back."""
        if not self._call.is_connected:
            return NOT_CONNECTED
        # also what seems to be so already: the cloud may still hold a call that came back from the lobby
        why = await self._call.asking.wish(lambda asker: wishes.hold(asker, held))
        if why or not self._call.is_connected:
            return why or NOT_CONNECTED
        if self._call.is_held is not held:
            self._call.feed(Held() if held else Resumed())
            self._call.leg.hold(held)
            if not await self._call.ask_media():  # else the cloud has it held already all the same
                await self._call.leg.renew()
        return ""

    async def mute(self, muted: bool) -> str:
        """Tell that the microphones were muted here, or not."""
        if not self._call.is_connected:
            return NOT_CONNECTED
        async with self._call.media_lock:
            local = self._call.leg.only_muted(muted)
            why = await self._call.asking.wish(lambda asker: wishes.media(asker, local, answers=False))
        if not why:
            self._call.leg.mute(muted)
            self._call.events.tell("client.muted" if muted else "client.unmuted")
        return why

    async def share(self, on: bool) -> str:
        """Take the floor, or give it back."""
        if not self._call.is_connected:
            return NOT_CONNECTED
        why = await self._call.asking.wish(lambda asker: wishes.floor(asker, on))
        if not why:
            self._call.events.tell("client.share.initiated" if on else "client.share.stopped", media_type="share")
        return why

    async def dtmf(self, tones: str) -> str:
        """Send tones."""
        if self._call.state not in (*IN, State.WAITING):
            return NOT_CONNECTED
        self._tones += 1
        correlation_id = self._chance.stream("dtmf", self._call.correlation_id, self._tones).uuid()
        return await self._call.asking.wish(lambda asker: wishes.dtmf(asker, tones, correlation_id))

    async def merge(self, urls: tuple[str, ...]) -> str:
        """Take other calls into this one."""
        if not self._call.is_connected:
            return NOT_CONNECTED
        return await self._call.asking.wish(lambda asker: wishes.merge(asker, urls))

    async def control(self, control: Control) -> str:
        """Change something of the conference."""
        if not self._call.is_connected:
            return NOT_CONNECTED
        if control.action is Action.END:
            self._call.will_end(endings.LOCAL)
        why = await self._call.asking.wish(lambda asker: wishes.control(asker, control))
        if why and control.action is Action.END and self._call.is_connected:
            self._call.will_end(None)
        if not why and control.action is Action.HAND_OVER:
            self._call.hang_up()
        return why
