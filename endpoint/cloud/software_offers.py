"""Which version the cloud wants a device to have: asked a while after the notification channel opens, once a day, and when a push says so.

The protocol and all numbers are ours (`endpoint.wire.swupgrade`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Backoff, Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.profile import Profile
from endpoint.cloud.shared import Shared
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import swupgrade
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.swupgrade import SERVICE, Answer

CHECK_SOON_S: Final = (30, 120)
"""After the channel opened, drawn: a fleet that comes back does not ask all at once, and what was pushed meanwhile is heard of."""
CHECK_EVERY_S: Final = 86_400.0
CHECK_AGAIN_S: Final = 3_600.0
"""After a question that met no good answer."""
CHECK_WAITS_S: Final = (1.0, 4.0, 16.0)


class OffersUnavailable(EndpointError):
    """There is no such service, or it did not answer with an offer."""


class Offers:
    """Ask for one device."""

    __slots__ = (
        "_again", "_catalog", "_channel", "_identity", "_openings", "_profile", "_run", "_take", "_timer", "_world",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        identity: Identity,
        catalog: ServiceCatalog,
        profile: Profile,
        tasks: Tasks,
        *,
        channel: Callable[[], str],
        take: Callable[[Answer], object],
    ) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._profile = profile
        self._channel = channel
        self._take = take
        self._timer: Timer | None = None
        self._run: Shared[None] = Shared(tasks, "software check")
        self._again = False
        self._openings = 0

    def push_came_up(self) -> None:
        """Plan a question: whatever was pushed before was not heard."""
        if self._base() is not None:
            self._openings += 1
            draws = self._world.chance.stream("software check", self._openings)
            self._plan(draws.randint(*CHECK_SOON_S))

    def check_soon(self) -> None:
        """Ask in the background, logging what goes wrong; once more afterwards if a question is under way."""
        self._cancel()
        if self._run.is_running:
            self._again = True
        elif self._base() is not None:
            self._run.begin(self._ask)

    async def check(self) -> None:
        """Ask which version the device is to have; callers at the same time share one question.

        Raises:
            EndpointError: nobody answered, or not with an offer; logged, and planned anew.
        """
        await self._run.run(self._ask)

    async def _ask(self) -> None:
        try:
            while True:
                self._again = False
                answer = await self._answered()
                if not self._again:
                    break
        except EndpointError as error:
            if self._identity.account is not None:
                self._world.log.line("Wx2", "W", f"{SERVICE} unreachable: {error}")
                self._plan(CHECK_AGAIN_S)
            raise
        self._plan(CHECK_EVERY_S)
        self._take(answer)

    async def _answered(self) -> Answer:
        base = self._base()
        if base is None:
            raise OffersUnavailable("the catalogue has no such service")
        question = swupgrade.Question(
            product=self._profile.product.model, version=self._profile.software, channel=self._channel()
        )
        url = f"{base}{swupgrade.UPGRADE_PATH}?{question.query()}"
        answer = await self._identity.send_until_answered(
            lambda: Call("GET", url, SERVICE), Backoff(self._world, "software check", CHECK_WAITS_S)
        )
        if not answer.ok:
            raise answer.refusal(self._world.clock.now())
        try:
            return swupgrade.parse_answer(answer.body)
        except RemoteProtocolError as error:
            raise OffersUnavailable(f"unexpected content ({error.where})") from None

    def _base(self) -> str | None:
        return self._catalog.catalog.url(SERVICE) if self._identity.account is not None else None

    def _plan(self, wait_s: float) -> None:
        self._cancel()
        self._timer = self._world.clock.call_later(wait_s, self.check_soon)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stop(self) -> None:
        """Ask no more: the account is gone, or the device goes off."""
        self._cancel()
        self._run.drop()
        self._again = False
