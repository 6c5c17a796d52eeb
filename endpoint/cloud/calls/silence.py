"""What becomes of a call whose media is given up: it ends, unless the cloud is out of reach as well and both come back in time. Ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from endpoint.cloud.calls import endings
from endpoint.runtime.clock import Clock

if TYPE_CHECKING:
    from endpoint.cloud.calls.call import LiveCall

MEDIA_GONE_S_MAX: Final = 120.0
"""How long a call may go on without media when the cloud cannot be asked either."""
MEDIA_GRACE_S: Final = 20.0
"""How long media may take to come back once the cloud can be asked again."""
ASK_AGAIN_S: Final = 5.0


async def outlast(call: LiveCall, clock: Clock) -> None:
    """Hang up if only media is gone; where the cloud is out of reach as well, how long decides whether the call survives."""
    until_s, grace_s = clock.time() + MEDIA_GONE_S_MAX, 0.0
    while call.is_without_media and clock.time() < until_s:
        if await call.refresh():
            await clock.sleep(grace_s)
            break
        grace_s = MEDIA_GRACE_S
        await clock.sleep(ASK_AGAIN_S)
    if call.is_without_media:
        call.hang_up(endings.MEDIA_LOST)
