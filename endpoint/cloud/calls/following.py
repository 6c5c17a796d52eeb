"""The copy of a locus that a call goes by, with the requests and the timer that keep it true.

Line R72. Source: protocol/cloud-services.md 9.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from endpoint.cloud.calls import replica
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.client import RETRIES_S, CallRefused
from endpoint.cloud.calls.replica import Replica
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.wire import conventions
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import sequence as numbering
from endpoint.wire.locus.dto import Locus, parse_locus


class Following:
    """Follows one locus.

    Args:
        changed: told when the locus is another, or is being asked for.
        refused: told when the cloud does not let the device see the locus any more.
        renamed: told the URL of the locus when it is another one.
    """

    __slots__ = ("_around", "_changed", "_draws", "_heard", "_is_closed", "_refused", "_renamed", "_replica", "_timer")

    def __init__(
        self,
        around: Around,
        correlation_id: str,
        *,
        changed: Callable[[], object],
        refused: Callable[[CallRefused], object],
        renamed: Callable[[str], object],
    ) -> None:
        self._around = around
        self._changed = changed
        self._refused = refused
        self._renamed = renamed
        self._replica = Replica("")
        self._draws = around.world.chance.stream("locus wait", correlation_id)
        self._timer: Timer | None = None
        self._is_closed = False
        self._heard = False

    @property
    def locus(self) -> Locus | None:
        """The locus; None before the first view of it."""
        return self._replica.locus

    @property
    def is_syncing(self) -> bool:
        """Say whether the cloud is being asked for what was missed."""
        return self._replica.is_syncing

    def sequence(self) -> numbering.Sequence:
        """Return what was seen of it."""
        return self._replica.sequence

    def take(self, raw: Mapping[str, Any]) -> None:
        """Take a locus, whole or a delta.

        Raises:
            RemoteProtocolError: it breaks a rule; nothing is changed.
        """
        if not self._is_closed:
            self._do(self._replica.take(raw), raises=True)
            self._find_again()

    def move(self, raw: Mapping[str, Any]) -> None:
        """Follow another locus, which has come after the one that was followed; errors as in `take`."""
        locus = parse_locus(raw)
        if not self._is_closed:
            self._stop_timer()
            self._replica = Replica(locus.url)
            self._renamed(locus.url)
            self._do(self._replica.take(raw), raises=True)

    async def refresh(self, schedule: Sequence[float] = RETRIES_S) -> bool:
        """Ask for what has changed; returns whether anybody answered, whatever it was.

        Args:
            schedule: waits between the attempts of one request, in seconds.
        """
        self._heard = False
        if not self._replica.is_syncing:
            effects = self._replica.resync()
            ask = next((one for one in effects if isinstance(one, (replica.Sync, replica.Fetch))), None)
            self._do(tuple(one for one in effects if one is not ask))
            while ask is not None and not self._is_closed:
                ask = await self._ask(ask, schedule)
        return self._heard

    async def refetch(self) -> bool:
        """Get the whole locus, because a request was refused that did not know the newest; returns whether it came."""
        locus = self._replica.locus
        if locus is None:
            return False
        try:
            body = (await self._around.client.get(locus.url)).body
        except (EndpointError, RemoteProtocolError):
            return False
        effects = self._replica.take(body)
        if not self._is_closed:
            self._do(effects)
        return True

    def close(self) -> None:
        """Follow it no longer."""
        self._is_closed = True
        self._stop_timer()

    def _do(self, effects: tuple[replica.Effect, ...], *, raises: bool = False) -> None:
        """Carry out what is to be done; what cannot be read is raised at the end, or logged."""
        wrong: RemoteProtocolError | None = None
        for effect in effects:
            match effect:
                case replica.Changed():
                    self._take_change(effect)
                case replica.Sync() | replica.Fetch():
                    self._around.world.log.line("Wx2", "W", f"locus sequence gap, fetching {_shown(effect.url)}")
                    self._around.tasks.start(self._ask_all(effect), "locus sync")
                    self._changed()
                case replica.Wait():
                    self._stop_timer()
                    wait_s = round(self._draws.uniform(effect.at_least_s, effect.at_most_s), 3)
                    self._timer = self._around.world.clock.call_later(wait_s, self._waited)
                case replica.StopWaiting():
                    self._stop_timer()
                case replica.Refused():
                    wrong = effect.error
                case replica.Dropped():
                    self._drop(effect.bound)
                case replica.Lost():
                    pass  # whoever asked has said why, and tries to find it again
        if wrong is not None and raises:
            raise wrong
        if wrong is not None:
            self._around.world.log.line("Wx2", "W", f"locus not understood: {wrong}")

    def _take_change(self, change: replica.Changed) -> None:
        if change.before is not None and change.before.url != change.after.url:
            self._renamed(change.after.url)
        self._changed()

    def _drop(self, bound: int) -> None:
        world = self._around.world
        world.trace.event(world.who, "drop", peer="cloud:locus", data={"what": "delta of a locus", "bound": bound})

    def _waited(self) -> None:
        self._timer = None
        if not self._is_closed:
            self._do(self._replica.waited())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _ask_all(self, ask: replica.Sync | replica.Fetch | None) -> None:
        while ask is not None and not self._is_closed:
            ask = await self._ask(ask)

    async def _ask(
        self, ask: replica.Sync | replica.Fetch, schedule: Sequence[float] = RETRIES_S
    ) -> replica.Sync | replica.Fetch | None:
        """Make one request and tell the copy; returns the one that is to follow."""
        refusal: CallRefused | None = None
        asked = self._replica
        try:
            body = (await self._around.client.send("GET", ask.url, schedule=schedule)).body
        except CallRefused as error:
            self._heard, refusal = True, error
            effects = asked.failed()
        except (EndpointError, RemoteProtocolError):
            effects = asked.failed()  # logged where it happened
        else:
            self._heard = True
            effects = asked.synced(body or None) if isinstance(ask, replica.Sync) else asked.fetched(body)
        if self._is_closed or asked is not self._replica:
            return None
        following = next((one for one in effects if isinstance(one, (replica.Sync, replica.Fetch))), None)
        self._do(tuple(one for one in effects if one is not following))
        if refusal is not None and following is None:
            self._refused(refusal)
        elif following is None:
            self._changed()
        self._find_again()
        return following

    def _find_again(self) -> None:
        """Have all loci looked at if this one was lost: nothing that is pushed is taken of it any more, not even its end."""
        if self._replica.is_lost and not self._is_closed and self._around.can_be_told():
            self._around.stray()


def _shown(url: str) -> str:
    return conventions.redact_url(url)
