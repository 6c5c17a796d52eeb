"""Software upgrades: what the cloud offers is downloaded, announced, and installed at a moment that suits the room.

The image is kept in memory from the download to the installation; a device that goes off in between begins anew.
Source: protocol/xapi-nodes.md 4.18, 6.16, log lines R90 and R91 (activation-and-media.md 9.4), fault row 50; all numbers are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from endpoint.cloud.http import Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.profile import Profile
from endpoint.cloud.software_table import (
    TABLE,
    Announce,
    CallBegan,
    CallEnded,
    Completed,
    Download,
    Downloaded,
    DownloadFailed,
    Forget,
    GiveUp,
    Install,
    Installed,
    InstallFailed,
    NoticeOver,
    Offered,
    PauseOver,
    PlanPause,
    PlanPostponement,
    PlanTurn,
    Postponed,
    PostponementOver,
    Restart,
    State,
    TurnCame,
    Withdrawn,
)
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, StorageError
from endpoint.runtime.statetable import Machine
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import swupgrade
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.swupgrade import Answer, Offer

TURN_S: Final = (0, 30)
"""Between offer and download, drawn; none for a critical upgrade."""
DOWNLOAD_TIMEOUT_S: Final = 120.0
PAUSES_S: Final = (60.0, 120.0, 300.0, 600.0)
"""Between the tries of a download; after the last one the upgrade has failed."""
NOTICE_S: Final[Mapping[str, float]] = MappingProxyType({"Low": 900.0, "Medium": 300.0, "Critical": 0.0})
"""How long people are told before the installation, by urgency."""
INSTALL_S: Final = 90.0
AGAIN_S: Final = 3_600.0
"""After an upgrade that failed."""
FAILURES_MAX: Final = 3
"""Of one offer in one boot; then it waits for another one, or for somebody who wants it now."""

_PHASELESS: Final = (State.IDLE, State.FAILED)
_POSTPONABLE: Final = (State.DOWNLOADED, State.ABOUT, State.POSTPONED)


class NotPossible(EndpointError):
    """The upgrade is in no state for what was asked."""


@dataclass(frozen=True, slots=True)
class View:
    """What is to be seen of the upgrade.

    Attributes:
        phase, status: words of `Provisioning Software UpgradeStatus`.
        failures: of this offer, in this boot.
        failed_in: the phase that failed last, empty for none.
        changed: when that became so.
    """

    phase: str
    status: str
    message: str
    offer: Offer | None
    failures: int
    failed_in: str
    changed: datetime


@dataclass(frozen=True, slots=True)
class Minimum:
    """What is wrong with the version in use: it is below one that `should` or `must` be there."""

    word: str
    version: str


class Software:
    """Keep the software of one device up to date."""

    __slots__ = (
        "_failed_in", "_failures", "_identity", "_image", "_in_call", "_is_hurried", "_keep", "_machine", "_message", "_offer",
        "_postponed_s", "_profile", "_restart", "_task", "_tasks", "_tries", "_turns", "_wait", "_world", "minimum", "on_change",
        "on_minimum",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        identity: Identity,
        profile: Profile,
        tasks: Tasks,
        *,
        in_call: Callable[[], bool],
        keep: Callable[[Offer], object],
        restart: Callable[[], object],
        on_change: Callable[[View], object],
        on_minimum: Callable[[Minimum | None], object],
    ) -> None:
        """Make the part.

        Args:
            in_call: says whether somebody would be disturbed now; `calls_changed` has to be called when it changes.
            keep: writes the new version; StorageError if it cannot.
            restart: boots into what was written, soon.
        """
        self._world = world
        self._identity = identity
        self._profile = profile
        self._tasks = tasks
        self._in_call = in_call
        self._keep = keep
        self._restart = restart
        self.on_change = on_change
        self.on_minimum = on_minimum
        self._machine = Machine(TABLE, self._changed)
        self._wait: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._offer: Offer | None = None
        self._image: bytes | None = None
        self._is_hurried = False
        self._tries = 0
        self._turns = 0
        self._failures = 0
        self._failed_in = ""
        self._message = ""
        self._postponed_s = 0.0
        self.minimum: Minimum | None = None

    @property
    def state(self) -> State:
        """Where the upgrade is."""
        return self._machine.state

    @property
    def view(self) -> View:
        """What is to be seen of it now."""
        state = self.state
        if state is State.FAILED:
            status = "InstallationFailed" if self._failed_in == State.INSTALLING.value else "Failed"
        else:
            status = "None" if state is State.IDLE else "InProgress"
        phase = State.IDLE.value if state in _PHASELESS else state.value
        now = self._world.clock.now()
        return View(phase, status, self._message, self._offer, self._failures, self._failed_in, now)

    # what the cloud wants

    def take(self, answer: Answer) -> None:
        """Take what the service says."""
        self._judge(answer)
        offer = answer.offer
        if offer is not None and offer.version == self._profile.software:
            offer = None
        if self.state is State.INSTALLING:
            return  # too late for anything else; asked for again after the restart
        if offer is None:
            self._feed(Withdrawn())
        elif self._offer is None or offer.id != self._offer.id:
            self._drop()
            self._offer = offer
            self._feed(Offered())
            self.on_change(self.view)

    def _judge(self, answer: Answer) -> None:
        """Compare the version in use with those that the cloud wants at least."""
        running, found = self._profile.software, None
        for word, minimum in (("must", answer.must), ("should", answer.should)):
            if found is None and minimum and swupgrade.is_below(running, minimum):
                found = Minimum(word, minimum)
        if found != self.minimum:
            self.minimum = found
            if found is not None:
                self._world.log.line("Wx2", "W", f"Software {running} is below {found.word} version {found.version}")
            self.on_minimum(found)

    # what people want

    def calls_changed(self) -> None:
        """Take note that a call began or that the last one ended."""
        self._feed(CallBegan() if self._in_call() else CallEnded(self._hurries))

    def postpone(self, seconds: float, reason: str = "") -> None:
        """Install later.

        Raises:
            NotPossible: nothing waits to be installed, or it is critical.
        """
        if self.state not in _POSTPONABLE:
            raise NotPossible("No upgrade is waiting to be installed")
        if self._hurries:
            raise NotPossible("The upgrade cannot be postponed")
        self._postponed_s, self._message = seconds, reason
        self._feed(Postponed())
        self.on_change(self.view)

    def complete(self) -> None:
        """Install without further notice: now, or when the image is here and no call is left.

        Raises:
            NotPossible: no upgrade is offered.
        """
        if self.state is State.IDLE:
            raise NotPossible("No upgrade is offered")
        self._is_hurried = True
        if self.state is State.FAILED:
            self._tries = 0
        self._feed(Completed(self._in_call()))

    @property
    def _hurries(self) -> bool:
        return self._is_hurried or (self._offer is not None and self._offer.urgency == "Critical")

    # the machine

    def _changed(self, machine: str, before: State, event: object, after: State) -> None:
        """Take note of a transition; what belonged to the state before ends."""
        world = self._world
        self._end_state()
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        world.trace.event(world.who, "machine", data=data)
        version = self._offer.version if self._offer is not None else "-"
        world.log.line("Wx2", "I", f"Software upgrade to {version}: {before.value} -> {after.value}")

    def _end_state(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _feed(self, event: object) -> None:
        before = self.state
        effects = self._machine.feed(event)
        for effect in effects:
            self._do(effect)
        if self.state is not before:
            self.on_change(self.view)

    def _do(self, effect: object) -> None:
        match effect:
            case PlanTurn():
                self._after(0.0 if self._hurries else self._turn_s(), TurnCame)
            case Download():
                assert self._offer is not None
                self._tries += 1
                self._task = self._tasks.start(self._download(self._offer), "software download")
            case PlanPause():
                self._after(PAUSES_S[self._tries - 1], PauseOver)
            case Announce():
                assert self._offer is not None
                self._after(NOTICE_S[self._offer.urgency], NoticeOver)
            case PlanPostponement():
                self._end_state()
                self._wait = self._world.clock.call_later(self._postponed_s, self._postponement_over)
            case Install():
                self._wait = self._world.clock.call_later(INSTALL_S, self._install)
            case Restart():
                self._restart()
            case GiveUp(phase=phase):
                self._give_up(phase)
            case Forget():
                self._drop()

    def _after(self, wait_s: float, event: type) -> None:
        self._end_state()
        self._wait = self._world.clock.call_later(wait_s, lambda: self._feed(event()))

    def _turn_s(self) -> float:
        self._turns += 1
        return float(self._world.chance.stream("software turn", self._turns).randint(*TURN_S))

    def _postponement_over(self) -> None:
        self._message = ""
        self._feed(PostponementOver(self._in_call()))

    async def _download(self, offer: Offer) -> None:
        mine = asyncio.current_task()
        image = None
        try:
            image = await self._fetch(offer)
        except (EndpointError, RemoteProtocolError) as error:
            self._message = str(error)
        if self._task is not mine:
            return  # the offer is another one, or the device goes off
        if image is None:
            self._feed(DownloadFailed(self._tries > len(PAUSES_S)))
            return
        self._image, self._message = image, ""
        self._feed(Downloaded(self._in_call(), self._hurries))

    async def _fetch(self, offer: Offer) -> bytes:
        headers = {"Accept": "application/octet-stream"}
        answer = await self._identity.send(
            Call("GET", offer.url, swupgrade.SERVICE, headers=headers, timeout_s=DOWNLOAD_TIMEOUT_S)
        )
        if not answer.ok:
            raise answer.refusal(self._world.clock.now())
        swupgrade.check_download(answer.body, offer)
        return answer.body

    def _install(self) -> None:
        self._wait = None
        offer, image = self._offer, self._image
        assert offer is not None
        assert image is not None, "nothing is installed before it is here"
        try:
            swupgrade.check_image(image, offer)
            self._keep(offer)
        except (RemoteProtocolError, StorageError) as error:
            self._message = str(error)
            self._feed(InstallFailed())
            return
        self._feed(Installed())

    def _give_up(self, phase: str) -> None:
        self._failures += 1
        self._failed_in = phase
        self._tries = 0
        self._image = None
        self._is_hurried = False
        self._world.log.line("Wx2", "W", f"Software upgrade failed in phase {phase}")
        if self._failures < FAILURES_MAX:
            self._after(AGAIN_S, TurnCame)

    def _drop(self) -> None:
        self._offer = self._image = None
        self._is_hurried = False
        self._tries = self._failures = 0
        self._failed_in = self._message = ""

    def forget(self) -> None:
        """Drop what the cloud said: the account is gone. An installation that has begun goes on."""
        if self.minimum is not None:
            self.minimum = None
            self.on_minimum(None)
        self._feed(Withdrawn())

    def stop(self) -> None:
        """Let everything be: the device goes off."""
        self._end_state()
