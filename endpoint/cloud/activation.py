"""Activation with a 16-digit code over SRP: the shell around `activation_table` and `activation_exchange`.

The table decides what follows what, the exchange computes; here requests are sent and waits kept. Until the reply of register is proven
nothing is written to disk, and from then on until the end nothing is waited for: no cut can leave half an activation.
Source: protocol/activation-and-media.md section 2.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from endpoint.cloud import activation_table as table
from endpoint.cloud.account import Account
from endpoint.cloud.activation_exchange import BAD_REPLY, Exchange, Step
from endpoint.cloud.bases import Bases
from endpoint.cloud.http import Backoff, Call, Http, NoAnswer, log_giving_up, log_retry
from endpoint.cloud.profile import Profile
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.statetable import Machine
from endpoint.runtime.world import World
from endpoint.wire.activation import messages
from endpoint.wire.activation.code import parse_code
from endpoint.wire.activation.messages import ConfigData, ServiceData
from endpoint.wire.activation.rules import RETRYING_MAX_S, device_text
from endpoint.wire.errors import LocalProtocolError


class ActivationRefused(EndpointError):
    """The activation ended without an identity.

    Attributes:
        code: error code of protocol 2.9, or `unreachable`, `cancelled`, `srp.bad_reply`.
        text: what the person at the device reads.
        attempts_left: with `srp.proof_failed`, if the cloud told.
    """

    def __init__(self, code: str, attempts_left: int | None = None) -> None:
        self.code = code
        self.text = TEXTS.get(code) or device_text(code)
        self.attempts_left = attempts_left
        super().__init__(f"{code}: {self.text}")


ENDS: Final = (table.State.IDLE, table.State.FAILED, table.State.DONE)
CANCELLED: Final = "cancelled"
MAINTENANCE: Final = "maintenance"
TEXTS: Final = {
    table.UNREACHABLE: "Cannot connect to the activation service.",
    CANCELLED: "The activation was cancelled.",
    BAD_REPLY: "Activation failed.",
}


class Keeper(Protocol):
    """Who keeps an identity: written whole or not at all."""

    def keep(self, account: Account, config: ConfigData, hardens: bool) -> None:
        """Write to disk, in one piece, what the device is from now on."""


class Activation:
    """Activate one device."""

    def __init__(
        self,
        world: World,
        http: Http,
        bases: Bases,
        profile: Profile,
        *,
        keeper: Keeper,
        process_trust: Callable[[ServiceData, ConfigData], None],
        lock_down: Callable[[bool], None],
        strict_salt: bool = True,
    ) -> None:
        self._world = world
        self._http = http
        self._bases = bases
        self._profile = profile
        self._keeper = keeper
        self._process_trust = process_trust
        self._lock_down = lock_down
        self._strict_salt = strict_salt
        self._draws = world.chance.stream("srp")
        self._backoff = Backoff(world, "activation")
        self._give_up_s = 0.0
        self._number = 0
        self._setback: table.NoAnswer | table.Busy | None = None
        self._retry_after_s: float | None = None
        self._hardens = False
        self._is_cancelled = False
        self._task: asyncio.Task[object] | None = None
        self._exchange: Exchange | None = None
        self._machine = Machine(table.TABLE, self._changed)
        self.on_wait: Callable[[str], object] = lambda code: None
        """Told the error code for which the cloud asks for patience; empty when it has answered."""

    @property
    def state(self) -> table.State:
        """Where the activation stands."""
        return self._machine.state

    @property
    def is_running(self) -> bool:
        """Say whether one is under way."""
        return self._exchange is not None

    def _changed(self, machine: str, before: table.State, event: object, after: table.State) -> None:
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        self._world.trace.event(self._world.who, "machine", data=data)
        if after is table.State.REGISTERING:  # a patience of its own, as long as the cloud's for the device
            self._be_patient()

    async def run(self, code_text: str, *, hardens: bool) -> Account:
        """Activate with a code.

        Args:
            code_text: 16 digits; blanks and hyphens do not count.
            hardens: SecurityAction Harden.

        Raises:
            MalformedCode: not 16 digits; the network was not used.
            ActivationRefused: no identity; nothing was kept.
            StorageError: the identity could not be written; nothing was kept.
            LocalProtocolError: an activation is under way.
        """
        if self.is_running:
            raise LocalProtocolError("an activation is under way; wait for its end or cancel it")
        code = parse_code(code_text)
        world = self._world
        world.log.line("Wx2", "I", "Activation: started")
        self._machine = Machine(table.TABLE, self._changed)
        exchange = Exchange(code, self._profile, self._bases, self._draws, strict_salt=self._strict_salt)
        self._exchange, self._task = exchange, asyncio.current_task()
        self._hardens, self._is_cancelled = hardens, False
        self._be_patient()
        try:
            await self._follow(self._machine.feed(table.CodeEntered()))
            return exchange.account(world.clock.now())
        except asyncio.CancelledError:
            if not self._is_cancelled or self._task is None or self._task.uncancel():
                raise
            self._machine.feed(table.Cancelled())
            raise ActivationRefused(CANCELLED) from None
        finally:
            self._exchange = self._task = None  # keys, proofs and tokens of a failed run go with them
            if self._machine.state not in ENDS:  # cut off from outside, or the disk is full
                self._machine = Machine(table.TABLE, self._changed)

    def cancel(self) -> bool:
        """Stop before an identity is kept; returns whether there was something to stop."""
        if self._exchange is None or self._exchange.config is not None or self._is_cancelled:
            return False
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()
        return True

    def _be_patient(self) -> None:
        self._backoff.reset()
        self._give_up_s = self._world.clock.time() + RETRYING_MAX_S

    async def _follow(self, effects: tuple[object, ...]) -> None:
        todo = deque(effects)
        while todo:
            event = await self._do(todo.popleft())
            if event is None:
                continue
            if self._is_cancelled:
                await asyncio.sleep(0)  # the cancellation arrives here
            todo.extend(self._machine.feed(event))

    async def _do(self, effect: object) -> object | None:
        exchange, log = self._exchange, self._world.log
        assert exchange is not None
        match effect:
            case table.AskChallenge(waits):
                return await self._request(exchange, Step.CHALLENGE, waits)
            case table.SendProof(waits):
                return await self._request(exchange, Step.INVOKE, waits)
            case table.SendRegister(waits):
                return await self._request(exchange, Step.REGISTER, waits)
            case table.Persist():
                assert exchange.config is not None
                self._keeper.keep(exchange.account(self._world.clock.now()), exchange.config, self._hardens)
                log.line("Wx2", "3", "Activation: registered")
                return None
            case table.ProcessTrust():
                assert exchange.service is not None
                assert exchange.config is not None
                self._process_trust(exchange.service, exchange.config)
                return table.TrustProcessed()
            case table.LockDown():
                self._lock_down(self._hardens)
                action = "Harden" if self._hardens else "NoAction"
                log.line("Wx2", "I", f"Activation: lock-down applied ({action})")
                return table.LockDownApplied()
            case table.Warn(line):
                log.line("Wx2", "W", f"Activation: {line}")
                return None
            case table.Fail(code, attempts_left):
                raise ActivationRefused(code, attempts_left)
        raise AssertionError(f"no such effect: {effect!r}")

    async def _request(self, exchange: Exchange, step: Step, waits: bool) -> object:
        """Wait if asked to, send, and turn what comes back into an event."""
        world = self._world
        if waits and not await self._wait():
            return replace(self._setback or table.NoAnswer(0, is_late=True), is_late=True)
        self._setback = self._retry_after_s = None
        request = exchange.request(step)
        call = Call(
            "POST", request.url, request.service, request.body, shown=request.shown, verify=False, opened=request.opened
        )
        try:
            answer = await self._http.send(call)
        except NoAnswer as error:
            self._number = error.number
            event: object = exchange.lost(step, is_late=self._is_late)
        else:
            self._number = answer.number
            self._retry_after_s = answer.refusal(world.clock.now()).retry_after_s
            if answer.ok:
                event = exchange.answered(step, answer.body)
                world.tap.opened(answer.tapped, exchange.opened(step))
            else:
                event = exchange.refused(step, answer.status, answer.body, is_late=self._is_late)
        if isinstance(event, (table.NoAnswer, table.Busy)):
            self._setback = event
        self.on_wait(MAINTENANCE if isinstance(event, table.Busy) else "")
        self._tell(event)
        return event

    @property
    def _is_late(self) -> bool:
        return self._world.clock.time() >= self._give_up_s

    async def _wait(self) -> bool:
        """Wait before the next attempt; False if that would be beyond all patience."""
        world = self._world
        wait_s = self._backoff.next_s(self._retry_after_s)
        if world.clock.time() + wait_s > self._give_up_s:
            log_giving_up(world, self._number, self._backoff.attempts)
            return False
        log_retry(world, self._number, self._backoff, wait_s)
        await world.clock.sleep(wait_s)
        return True

    def _tell(self, event: object) -> None:
        if isinstance(event, table.ChallengeAccepted):
            text = f"challenge received, group {messages.SRP_GROUP} version {messages.VERSION}"
            self._world.log.line("Wx2", "3", f"Activation: {text}")
        elif isinstance(event, table.ProofAccepted):
            self._world.log.line("Wx2", "3", "Activation: proof accepted")
