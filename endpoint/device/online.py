"""The way to the cloud: token, catalogue, registration, Mercury; tried again until it is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from endpoint.cloud.account import milliseconds
from endpoint.cloud.http import Call
from endpoint.cloud.status import Status
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.wire.activation.messages import ConfigData

if TYPE_CHECKING:
    from endpoint.device.device import Device

RETRY_S: Final = (45, 60)
"""Wait before the whole way to the cloud is tried again, drawn."""
TOKEN_NEAR_EXPIRY_S: Final = 300.0
TIME_AGAIN_S: Final = 60.0
"""Wait before the time is asked for again, while nobody answers."""


class NotActivated(EndpointError):
    """The device has no account; activate it first."""


class WayOnline:
    """Bring one device online, for one boot."""

    __slots__ = ("_asking_time", "_device", "_going", "_retries", "_retry")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._retry: Timer | None = None
        self._retries = 0
        self._going: asyncio.Task[None] | None = None
        self._asking_time: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take the whole way in the background, again and again until it is done."""
        self.cancel_retry()
        if self._going is None or self._going.done():
            self._going = self._device.tasks.start(self._go(), "going online")

    async def _go(self) -> None:
        device = self._device
        try:
            if self._retries and not device.bootstrap.knows_time:
                await device.bootstrap.run()
            await self.register()
        except EndpointError as error:
            if device.identity.account is None:
                return
            device.catalog.expire()
            self._retries += 1
            wait_s = device.world.chance.stream("online retry", self._retries).randint(*RETRY_S)
            device.world.log.line("Wx2", "W", f"not online: {error}; retry in {wait_s} second(s)")
            self._retry = device.world.clock.call_later(wait_s, self.start)
            return
        device.mercury.connect()

    def silent(self) -> None:
        """Take note that nobody answers: a clock that nobody has set can be why, so the time is asked for until it is known."""
        if self._asking_time is None or self._asking_time.done():
            self._asking_time = self._device.tasks.start(self._ask_time(), "time")

    async def _ask_time(self) -> None:
        device = self._device
        while device.webex.status is Status.ERROR and not device.bootstrap.knows_time:
            await device.bootstrap.run()
            await device.world.clock.sleep(TIME_AGAIN_S)

    def cancel_retry(self) -> None:
        """Plan no further try; one that is under way goes on."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def give_up(self) -> None:
        """Stop trying, also what is under way: the account is gone."""
        self.cancel_retry()
        going, self._going = self._going, None
        if going is not None and going is not asyncio.current_task():
            going.cancel()

    @property
    def is_going(self) -> bool:
        """Say whether a try is under way."""
        return self._going is not None and not self._going.done()

    async def register(self) -> None:
        """Renew the token if it is about to expire, fetch the catalogue, register with WDM; refresh if it is registered.

        Raises:
            NotActivated: there is no account.
            EndpointError: one of the steps failed; what was reached before stays.
        """
        device = self._device
        account = device.identity.account
        if account is None:
            raise NotActivated("the device has no account; activate it first")
        if account.token.remaining_s(milliseconds(device.world.clock.now())) < TOKEN_NEAR_EXPIRY_S:
            await device.identity.refresh()
        if not device.catalog.is_fresh:
            await device.catalog.fetch()
        await device.registration.register()

    async def fetch_config(self) -> ConfigData:
        """Ask the activation service again for configData.

        Raises:
            EndpointError: nobody answered, or the answer is no.
        """
        device = self._device
        account = device.identity.account
        told = account.services.get("activation") if account else None
        base = device.catalog.catalog.url("activation") or told or device.bases.activation
        answer = await device.identity.send(Call("GET", f"{base}/config", "activation"))
        if not answer.ok:
            raise answer.refusal(device.world.clock.now())
        return answer.read(ConfigData)

    async def connect(self) -> None:
        """Open Mercury and wait until it is open.

        Raises:
            NotActivated: the device is not registered.
        """
        device = self._device
        if device.registration.device is None:
            raise NotActivated("the device is not registered; register it first")
        device.mercury.connect()
        await device.mercury.until_open()

    def network_changed(self) -> None:
        """Take note that the network is back, or is another one: connect at once and measure again."""
        device = self._device
        if device.identity.account is None:
            return
        if device.registration.device is None:
            self.start()
        elif not device.mercury.is_open:
            device.mercury.connect()
        if device.reachability.result is not None:
            device.reachability.trigger("network")
