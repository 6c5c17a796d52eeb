"""The device's registration (WDM): made, refreshed, lost, deleted; and the feature toggles that come with it.

Source: protocol/cloud-services.md section 4; activation-and-media.md 8.1, lines R42 to R44.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final

import msgspec

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Answer, Backoff, Call
from endpoint.cloud.identity import AccountGone, ForeignHost, Identity
from endpoint.cloud.profile import Profile
from endpoint.cloud.shared import Shared
from endpoint.runtime.errors import EndpointError, Refused, Unreachable
from endpoint.runtime.statetable import Machine, Next, Table
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import conventions, features, wdm
from endpoint.wire.errors import RemoteProtocolError

TOTAL_S: Final = 300.0
EXCESS_ROUNDS_MAX: Final = 2


class State(Enum):
    """Whether the cloud holds a registration of this device, as far as the device knows."""

    UNREGISTERED = "Unregistered"
    REGISTERING = "Registering"
    REGISTERED = "Registered"
    REFRESHING = "Refreshing"


class Asked:
    """Somebody wants the device registered, or its registration refreshed."""


class Stored:
    """The cloud answered with a registration."""


class Lost:
    """The cloud does not know the registration any more (404)."""


class Failed:
    """The cloud refused, or nobody answered."""


class Deleted:
    """The registration was given up."""


TABLE: Final = Table(
    "registration",
    State.UNREGISTERED,
    {
        (State.UNREGISTERED, Asked): Next(State.REGISTERING),
        (State.UNREGISTERED, Deleted): Next(State.UNREGISTERED),
        (State.REGISTERING, Stored): Next(State.REGISTERED),
        (State.REGISTERING, Failed): Next(State.UNREGISTERED),
        (State.REGISTERING, Deleted): Next(State.UNREGISTERED),
        (State.REGISTERED, Asked): Next(State.REFRESHING),
        (State.REGISTERED, Deleted): Next(State.UNREGISTERED),
        (State.REFRESHING, Stored): Next(State.REGISTERED),
        (State.REFRESHING, Lost): Next(State.REGISTERING),
        (State.REFRESHING, Failed): Next(State.REGISTERED),  # the cloud still holds it, as far as we know
        (State.REFRESHING, Deleted): Next(State.UNREGISTERED),
    },
)


class Registration:
    """Keep one device registered."""

    def __init__(
        self,
        world: World,
        identity: Identity,
        catalog: ServiceCatalog,
        profile: Profile,
        tasks: Tasks,
        *,
        region: Callable[[], tuple[str | None, str | None]],
        on_change: Callable[[], object],
    ) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._profile = profile
        self._region = region
        self._on_change = on_change
        self._machine = Machine(TABLE, self._changed)
        self._work: Shared[wdm.Device] = Shared(tasks, "registration")
        self.device: wdm.Device | None = None
        self.on_moved: Callable[[str], object] = lambda url: None
        """Told the new websocket URL when an answer brings another one than the device knew."""

    @property
    def state(self) -> State:
        """Where the registration stands."""
        return self._machine.state

    def _changed(self, machine: str, before: State, event: object, after: State) -> None:
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        self._world.trace.event(self._world.who, "machine", data=data)
        self._on_change()

    async def register(self) -> wdm.Device:
        """Register, or refresh the registration that there is; callers at the same time share one request.

        Raises:
            Refused: the cloud said no for good, or with what is no registration; an existing one stays as it is.
            Unreachable: nobody answered within five minutes.
            EndpointError: there is no account, no URL for WDM, or one that no token may go to.
        """
        return await self._work.run(self._register)

    async def _register(self) -> wdm.Device:
        work = self._refresh if self._machine.state is State.REGISTERED else self._create
        self._machine.feed(Asked())
        try:
            return await work()
        except EndpointError:
            self._machine.feed(Failed())
            raise

    async def _create(self, known_socket: str = "") -> wdm.Device:
        body = self._body()
        answer = await self._until_answered(lambda: self._post(body), "wdm register")
        for _ in range(EXCESS_ROUNDS_MAX):
            if answer.ok or not wdm.is_excess(conventions.read_error(answer.body)):
                break
            await self._delete_excess()
            answer = await self._identity.send(self._post(body))
        return self._store(answer, known_socket, "Device registered")

    def _post(self, body: wdm.Registration) -> Call:
        url = f"{self._catalog.url('wdm')}{wdm.DEVICES_PATH}?{wdm.UPSTREAM_QUERY}"
        return Call("POST", url, "wdm", body, shown=msgspec.to_builtins(body))  # a registration holds no secret

    def _body(self) -> wdm.Registration:
        profile = self._profile
        country, region = self._region()
        return wdm.room_registration(
            device_identifier=profile.device_identifier,
            system_name=profile.product.system_name,
            system_version=profile.system_version,
            model=profile.product.model,
            name=profile.product.name,
            country_code=country,
            region_code=region,
        )

    async def _delete_excess(self) -> None:
        """Delete the oldest third of the account's registrations of our kind; what cannot be deleted stays."""
        answer = await self._identity.send(Call("GET", self._catalog.url("wdm") + wdm.DEVICES_PATH, "wdm"))
        try:
            devices = answer.read(wdm.DeviceList).devices
        except RemoteProtocolError:
            return
        for url in wdm.excess_to_delete(devices, wdm.ROOM_DEVICE):
            try:
                await self._identity.send(Call("DELETE", url, "wdm"))
            except (ForeignHost, Unreachable):
                continue

    async def _refresh(self) -> wdm.Device:
        device = self.device
        assert device is not None
        headers = {"If-None-Match": device.etag} if device.etag else {}
        url = f"{device.url}?{wdm.UPSTREAM_QUERY}"
        try:
            answer = await self._until_answered(
                lambda: Call("PUT", url, "wdm", device.refresh_body(), headers=headers), "wdm refresh"
            )
        except ForeignHost:  # the catalogue has moved on without it
            answer = None
        if answer is None or answer.status == 404:
            self._world.log.line("Wx2", "W", "Device registration lost, creating a new one")
            self.device = None
            self._machine.feed(Lost())
            return await self._create(device.web_socket_url)
        return self._store(answer, device.web_socket_url, "Device registration refreshed")

    async def _until_answered(self, make: Callable[[], Call], purpose: str) -> Answer:
        try:
            return await self._identity.send_until_answered(make, Backoff(self._world, purpose), total_s=TOTAL_S)
        except Unreachable as error:
            self._world.log.line("Wx2", "W", f"wdm unreachable: {error.reason}")
            raise

    def _store(self, answer: Answer, known_socket: str, text: str) -> wdm.Device:
        if not answer.ok:
            self._world.log.line("Wx2", "W", f"Device registration failed: {answer.status}")
            raise answer.refusal(self._world.clock.now())
        try:
            device = wdm.parse_device(answer.body, answer.headers.get("etag", ""), self.device)
            self._identity.check_host(device.url)
            self._identity.check_host(device.web_socket_url)
        except (RemoteProtocolError, ForeignHost) as error:
            self._world.log.line("Wx2", "W", f"Device registration failed: {answer.status}, {error}")
            raise Refused(answer.status, "", str(error)) from None
        self.device = device
        self._world.log.line("Wx2", "3", text)
        self._machine.feed(Stored())
        if known_socket and known_socket != device.web_socket_url:
            self.on_moved(device.web_socket_url)
        return device

    async def unregister(self) -> None:
        """Delete the registration in the cloud; one that cannot be told does not keep the device from forgetting it."""
        device = self.device
        self.forget()
        if device is not None:
            try:
                await self._identity.send(Call("DELETE", device.url, "wdm"))
            except (Unreachable, AccountGone, ForeignHost):
                return  # the first is in the log; the others leave nobody to tell

    def forget(self) -> None:
        """Drop the registration, and the request for one that is under way."""
        self._work.drop()
        self.device = None
        self._machine.feed(Deleted())

    def feature(self, kind: str, key: str) -> bool | int | float | str | None:
        """Return the value of a toggle, None where there is none."""
        return self.device.features.get(kind, key) if self.device else None

    def on_event(self, data: Mapping[str, Any]) -> None:
        """Take a pushed `featureToggle_update`.

        Raises:
            RemoteProtocolError: there is no toggle in it; nothing is changed.
        """
        if self.device is not None:
            sets = features.apply_update(self.device.features, data)
            self.device = replace(self.device, features=sets)
            self._on_change()
