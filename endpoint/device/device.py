"""The device: its parts put together, powered on, activated, brought online, restarted.

    boot -> first contact -> (account? -> token -> catalogue -> registration -> Mercury -> discovery, calendar)

Parts know each other only through what is plugged in here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import Any

import msgspec

from endpoint.cloud import status
from endpoint.cloud.account import Account
from endpoint.cloud.activation import Activation
from endpoint.cloud.bases import Bases, bases
from endpoint.cloud.bootstrap import Bootstrap
from endpoint.cloud.calendar import Calendar
from endpoint.cloud.calendar_edit import CalendarEdits
from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.clusters import Clusters
from endpoint.cloud.http import Http, SwitchedOff
from endpoint.cloud.identity import Identity
from endpoint.cloud.keys import Keys
from endpoint.cloud.mercury import Mercury
from endpoint.cloud.profile import Profile
from endpoint.cloud.reachability import PROFILES
from endpoint.cloud.reachability_shell import Reachability
from endpoint.cloud.registration import Registration
from endpoint.cloud.status import WebexStatus
from endpoint.cloud.trust import TrustStore
from endpoint.cloud.xapi_relay import XapiRelay
from endpoint.device import bindings, calls, effects, proxy, storage, upgrades
from endpoint.device.calendar_edits import RoomCalendar
from endpoint.device.checks import Checks
from endpoint.device.cloud_xapi import CloudXapi
from endpoint.device.commands import power
from endpoint.device.defaults import configuration_defaults, status_tree
from endpoint.device.doors import Doors
from endpoint.device.hardware import Hardware
from endpoint.device.keeping import Keeper, keep_activation, keep_configurations, remove_account
from endpoint.device.link import Link
from endpoint.device.linking import Linking
from endpoint.device.local import LocalSide
from endpoint.device.notices import Notices
from endpoint.device.online import WayOnline
from endpoint.device.push import Push
from endpoint.device.reach import Reach
from endpoint.device.settings import DeviceSettings
from endpoint.device.waiting import Waiting
from endpoint.room.bookings import edits as room_edits
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, TimeSource, iso_seconds
from endpoint.runtime.devicelog import STYLES, DeviceLog
from endpoint.runtime.errors import StorageError
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.trace import Trace
from endpoint.runtime.world import World
from endpoint.wire.activation.messages import ConfigData, ServiceData
from endpoint.wire.calendar import Window
from endpoint.wire.calliope import Transport
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.xapi.access import Xapi
from endpoint.xapi.accounts import BUILT_IN
from endpoint.xapi.diagnostics import Diagnostics
from endpoint.xapi.passphrases import Drawn
from endpoint.xapi.tree import Tree


class Device:
    """One simulated device, from its first boot on."""

    def __init__(
        self,
        settings: DeviceSettings,
        *,
        source: TimeSource,
        chance: Chance,
        trace: Trace,
        faults: Faults,
        names: NameTable,
        on_defect: Callable[[BaseException], object] | None = None,
        store: storage.Storage | None = None,
    ) -> None:
        self.settings = settings
        self.who = f"device:{settings.name}"
        self._clock = Clock(source)
        self._chances = chance
        self._chance = chance.actor(self.who)
        self._on_defect = on_defect
        trace.use_clock(self.who, self._clock)
        net = Net(self.who, self._clock, names, faults)
        self.world = World(self.who, self._clock, self._chance, net, trace, faults, self._make_log(trace, 0))
        self._keeper = Keeper(settings, self._chance, store)
        self.is_up = False
        self.on_log: Callable[[str], object] | None = None
        """Given every line of the device log, over all boots."""
        self.doors: Doors | None = None
        """Local doors; whoever serves the device sets them before it boots."""
        self.on_seen: Callable[[], object] = lambda: None
        """Told when something that a ready file shows may have changed."""
        self.link = Link(self)
        self.hardware = Hardware(self, self._keeper)
        self.drawn = Drawn(self._chance)
        """Passphrase of the built-in user until somebody sets one."""
        self.booted_s = self._clock.time()
        """Second of the clock at which the device was last switched on."""
        self._waiting = Waiting()
        self._lasting = Tasks(on_defect)
        self._has_run = False
        self._going_down: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._assemble()

    @property
    def state(self) -> storage.State:
        """What would be found after a restart."""
        return self._keeper.state

    def _make_log(self, trace: Trace, boot: int) -> DeviceLog:
        return DeviceLog(
            self.who,
            self._clock,
            trace,
            pid=self._chance.stream("pid", boot).randint(2000, 4999),
            zone=self.settings.zone,
            style=STYLES[self.settings.log_style],
            lines_max=self.settings.log_lines,
        )

    def _assemble(self) -> None:
        """Make the parts of one process start; what they draw is theirs alone, so that no id comes twice."""
        world = self.world
        world.chance = self._chances.actor(f"{self.who} boot {self.state.boots + 1}")
        self._is_used = False
        self.profile: Profile = self.state.profile.profile()
        self.table = self.settings.table.of(self.profile.software)
        self.status: Tree = status_tree(self.profile, self.table)
        self.configuration: Tree = Tree(
            configuration_defaults(self.table), self.table.missing("Configuration")
        )  # what another release was told stays with the state, until one comes that knows it
        for text, value in {**self.settings.configuration, **self.state.configuration}.items():
            self.configuration.put(parse_path(text), value)
        self.diagnostics = Diagnostics(self.status)
        self.notices = Notices(self)
        self._tasks = Tasks(self._on_defect)
        self.local = LocalSide(self)
        effects.plug(self)
        self.online = WayOnline(self)
        self.linking = Linking(self)
        self.is_hardened = self.state.is_hardened
        self.bases: Bases = self._bases()
        self._assemble_cloud_side()
        self._plug()

    def _assemble_cloud_side(self) -> None:
        """Make the parts that speak with the cloud, or watch how that goes."""
        world = self.world
        self.trust = TrustStore(world, self._tasks, self.settings.anchors, insists=self.settings.revocation == "hard")
        self.trust.load(self.state.trust.service, self.state.trust.proxy, self.state.trust.proxy_directory)
        self.trust.set_own(tuple(certificate.pem for certificate in self.state.room.certificates))
        self.trust.on_change = self._keep_trust
        self.http = Http(world, lambda: self.trust.tls)
        self.proxy = proxy.plug(self)
        self.bootstrap = Bootstrap(world, self.http, self.bases)
        self.identity = Identity(
            world, self.http, self._tasks,
            keep=self._keep_account, on_gone=self.remove_account, allows=lambda where: self.catalog.allows_token(where),  # noqa: PLW0108  the catalogue is made below
        )  # fmt: skip
        self.catalog = ServiceCatalog(
            world, self.http, self.identity, self._tasks, self.bases, form=self.settings.catalog_format
        )
        self.registration = Registration(
            world, self.identity, self.catalog, self.profile, self._tasks,
            region=self._region, on_change=self._registration_changed,
        )  # fmt: skip
        self.mercury = Mercury(
            world, self.identity, self._tasks,
            tls=lambda: self.trust.tls, socket_url=self._socket_url, refresh_registration=self.registration.register,
        )  # fmt: skip
        self.keys = Keys(world, self.identity, self.catalog, self._tasks, self._registration_url)
        self.calendar = Calendar(world, self.identity, self.catalog, self._tasks, self.keys)
        self.calendar_edits = CalendarEdits(world, self.identity, self.catalog, self.keys)
        self.room_calendar: room_edits.CalendarEdits = RoomCalendar(self)
        self.xapi_relay = XapiRelay(world, self.identity, self.catalog, self._tasks, CloudXapi(self))
        self.reachability = self._make_reachability()
        self.calls = calls.make(self)
        self.http.is_wanted = lambda: bool(self.calls.calls)
        self.webex = WebexStatus(
            world, has_account=lambda: self.is_activated,
            is_registered=lambda: self.registration.device is not None, on_change=lambda now: bindings.show_webex(self, now),
            ask=lambda: self.reach.ask(),  # noqa: PLW0108  it is made below
        )  # fmt: skip
        self.checks = Checks(self)
        self.reach = Reach(self)
        self.software, self.offers = upgrades.plug(self)
        self.activation = Activation(
            world, self.http, self.bases, self.profile,
            keeper=self, process_trust=self._process_trust, lock_down=self._lock_down,
        )  # fmt: skip

    def _make_reachability(self) -> Reachability:
        clusters = Clusters(self.world, self.identity, self.catalog)
        screen = bindings.DiscoveryStatus(self.status, self.diagnostics)
        profile = PROFILES[self.settings.discovery]
        reachability = Reachability(clusters, lambda: self.trust.tls, screen, self.world, profile)
        clusters.last_report = reachability.report_v1
        screen.on_discovery(reachability.view)
        return reachability

    def _plug(self) -> None:
        """Join the parts: who is told what."""
        self.activation.on_wait = self.notices.activating
        self.http.on_failed = self.catalog.mark_failed
        self.http.on_reached = self.webex.reached
        self.http.on_outcome = self.mercury.on_outcome = self.reach.outcome
        self.trust.fetch_config = self.online.fetch_config
        self.identity.on_token_judged = self.reach.token
        self.catalog.on_change = lambda catalog: bindings.show_catalog(self)
        self.registration.on_moved = lambda url: self.mercury.moved()
        push = Push(self, self._waiting.progress)
        self.calendar.on_change = self._waiting.progress
        self.calendar.listener = self.local.bookings
        self.status.listen((), self._waiting.progress)
        self.status.listen(("Diagnostics",), lambda changes: push.report())
        self.status.listen(("Diagnostics",), lambda changes: self.notices.refresh())
        self.configuration.listen((), self.xapi_relay.on_configured)
        self._began_after = self.world.trace.last
        bindings.show_changes(self.status, self.world)
        self.status.listen(("Webex",), lambda changes: self.on_seen())
        self.diagnostics.put("WebexActivationRequired", self.state.account is None, {"reason": "not activated"})
        self.check_health()

    def screen(self) -> dict[str, dict[str, Any]]:
        """Return the elements on the screen by name: of bookings, of calls, of the device itself."""
        return {**self.local.bookings.screen(), **self.local.calls.screen(), **self.notices.screen()}

    def check_health(self) -> None:
        """Run the checks of the device's diagnostics now."""
        self.checks.run()

    @property
    def tasks(self) -> Tasks:
        """What runs in the background until the device goes off."""
        return self._tasks

    def _bases(self) -> Bases:
        def override(name: str) -> str:
            return str(self.configuration.get(("Spark", "ServiceOverrides", name)) or "").rstrip("/")

        return bases(
            secure=self.settings.secure,
            gds_override=override("GdsBaseUrl"),
            u2c_override=override("U2CBaseUrl"),
            wdm_override=override("WdmBaseUrl"),
        )

    # power

    async def boot(self) -> None:
        """Power on: make first contact and, with an account, go online in the background (bring-up `auto`).

        Raises:
            LocalProtocolError: the device is on, or going down.
            StorageError: the state cannot be written; the device is off. One that has been on boots all the same, and says so in its log.
        """
        if self.is_up:
            raise LocalProtocolError("the device is on already")
        if self.is_going_down and asyncio.current_task() is not self._going_down:
            raise LocalProtocolError("the device is going down; boot it when it is off")
        damage = self._keeper.read_again()
        if self._is_used or damage:
            self._assemble()
        boots = self.state.boots + 1
        reason, time = self.state.last_shutdown_reason, self.state.last_shutdown_time
        if self.state.running:
            reason, time = "Unknown", ""  # the power was lost
        state = msgspec.structs.replace(self.state, boots=boots, running=True)
        if not self._has_run:
            self.save(state)  # one that can keep nothing does not begin
        self.world.log = self._make_log(self.world.trace, boots)
        if self.on_log is not None:
            self.world.log.add_sink(self.on_log)
        if damage:
            self.world.log.line("MainEvents", "E", f"starting with factory settings: {damage}")
        if self._has_run:
            self.save_or_tell(state)
        self.is_up = self._is_used = self._has_run = True
        self.booted_s = self._clock.time()
        with self.status.group():
            self.status.put(("SystemUnit", "LastShutdownReason"), reason)
            self.status.put(("SystemUnit", "LastShutdownTime"), time)
            upgrades.show_boot(self, reason)
            self.link.show()
        if self.doors is not None:
            await self.doors.open(self)
        self.on_seen()
        if self.state.account is not None:
            self.webex.feed(status.Started())
        self.proxy.settings_changed()
        bootstrap = self.bootstrap
        with suppress(SwitchedOff):
            await bootstrap.run()
        if bootstrap is self.bootstrap and self.is_up:  # else the power was lost meanwhile
            self._booted()

    def _booted(self) -> None:
        """Go on after first contact: from now on the time is known."""
        account = self.state.account
        self.check_health()
        if self.bootstrap.region is None:
            self.checks.portal.ask()
        self.local.start()
        with self.status.group():
            self.status.put(("SystemUnit", "State", "Subsystem", "Application"), "Initialized")
            self.status.put(("SystemUnit", "State", "System"), "Initialized")
        if account is not None:
            self.identity.start(account)
            self.trust.resume()
        data = {"boots": self.state.boots, "activated": self.is_activated, "after": self._began_after}
        self.world.trace.event(self.who, "device.booted", data=data)
        if account is not None and self.settings.bring_up == "auto":
            self.online.start()

    async def shut_down(self, reason: str = "Shutdown") -> None:
        """Power off in good order; the registration stays with the cloud."""
        self.is_up = False
        await self._call_off()
        await self.calls.stop()
        stamp = iso_seconds(self._clock.now())
        self.save_or_tell(
            msgspec.structs.replace(self.state, running=False, last_shutdown_reason=reason, last_shutdown_time=stamp)
        )
        await self._stop()

    async def _call_off(self) -> None:
        """Forget what a command has asked for, unless it is that which asks: who switches the power off now is first."""
        await self._lasting.cancel()

    async def _stop(self) -> None:
        """Stop every part, to the end even if who waits for it is cancelled: nothing stays half shut."""
        if self._stopping is None or self._stopping.done():
            self._stopping = asyncio.get_running_loop().create_task(self._stop_parts(), name="stopping")
        await asyncio.shield(self._stopping)

    async def _stop_parts(self) -> None:
        self._is_used = True  # what has stopped does not start again
        self.calls.forget()
        self.local.stop()
        if self.doors is not None:
            await self.doors.close()
        self.on_seen()
        self.linking.cancel()
        self.online.cancel_retry()
        self.identity.stop()
        self.trust.stop()
        self.proxy.stop()
        self.calendar.forget()
        self.webex.stop()
        self.checks.stop()
        self.offers.stop()
        self.software.stop()
        self.xapi_relay.stop()
        await self.mercury.stop()
        await self.reachability.stop()
        await self._tasks.cancel()
        await self.http.close()

    async def restart(self, reason: str = "Restart") -> None:
        """Shut down and boot again, with what is on disk and nothing else; a device that is off boots."""
        if not self.is_off:
            await self.shut_down(reason)
        await self.boot()

    @property
    def is_going_down(self) -> bool:
        """Say whether a restart, a shut-down or a reset is under way that a command asked for."""
        return self._going_down is not None and not self._going_down.done()

    @property
    def is_off(self) -> bool:
        """Say whether it is switched off, and every part of it has stopped."""
        is_stopping = self._stopping is not None and not self._stopping.done()
        return not (self.is_up or self.is_going_down or is_stopping)

    def go_down(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work go on that outlives this boot: what a command that switches the power has asked for."""
        self._going_down = self._lasting.start(work, "going down")

    async def reset(self, keep: Sequence[str], *, boots: bool) -> None:
        """Forget everything but the named groups of `SystemUnit FactoryReset`, and boot as if new if that is asked for.

        Raises:
            StorageError: it cannot be written that all is forgotten; the device stays as it was.
        """
        await self.shut_down("FactoryReset")
        try:
            self.save(power.reset_state(self.state, keep))
        except StorageError:
            if boots:
                await self.boot()
            raise
        self._assemble()
        if boots:
            await self.boot()

    async def crash(self) -> None:
        """Lose the power: nothing is said and nothing is written. The next boot finds what was persisted last."""
        self.is_up = False
        self.mercury.cut()
        self.calls.cut()
        await self._call_off()
        await self._stop()
        self._assemble()

    async def close(self) -> None:
        """Shut down for good and let the state directory go."""
        await self._call_off()
        if self.is_up:
            await self.shut_down()
        elif self._stopping is not None:
            await self._stopping  # of a command that was called off meanwhile
        self._keeper.close()

    # what people and scenarios ask for

    @property
    def xapi(self) -> Xapi:
        """The xAPI of this boot."""
        return self.local.xapi

    def local_access(self) -> dict[str, Any]:
        """Return where the device can be talked to, and as whom while that was drawn; what a ready file says."""
        shown: dict[str, Any] = self.doors.ready() if self.doors is not None else {}
        passphrase = self.local.users.initial_passphrase
        if shown and passphrase is not None:
            shown |= {"username": BUILT_IN.name, "password": passphrase.reveal()}
        return shown

    @property
    def zone(self) -> tzinfo:
        """The time zone of the room."""
        return effects.zone(str(self.configuration.get(("Time", "Zone"))), self.settings.zone)

    @property
    def is_activated(self) -> bool:
        """Say whether the device has an account, on or off."""
        return self.state.account is not None

    async def activate(self, code: str, *, hardens: bool = False) -> None:
        """Activate with a code, and go online in the background (bring-up `auto`).

        Raises:
            MalformedCode: not 16 digits; nothing happened.
            ActivationRefused: the cloud said no, could not be reached, or it was cancelled; the device is as before.
            StorageError: the account could not be written; the device is as before.
            LocalProtocolError: the device is off, is activated already, or is being activated.
        """
        await self.linking.activate(code, hardens=hardens)

    async def register(self) -> None:
        """Register, or refresh the registration; errors as in `WayOnline.register`."""
        await self.online.register()

    async def join_registration(self) -> None:
        """Wait for a registration that is under way; where none is, register."""
        if self.online.is_going:
            await self._waiting.until(lambda: self.registration.device is not None)
        else:
            await self.register()

    def network_changed(self) -> None:
        """Take note that the network is back, or is another one: connect at once and measure again."""
        self.online.network_changed()

    async def connect(self) -> None:
        """Open Mercury and wait until it is open; errors as in `WayOnline.connect`."""
        await self.online.connect()

    @property
    def is_online(self) -> bool:
        """Say whether the device is registered, can be told things, and knows its meetings."""
        return self.registration.device is not None and self.mercury.is_open and self.calendar.caught_up

    async def until_online(self, *, discovered: bool = False) -> None:
        """Wait until the device is online, and until its media discovery is complete if that is asked for."""
        done = ("Completed", "Failed")
        await self._waiting.until(lambda: self.is_online and (not discovered or self.reachability.view.status in done))

    async def discover(self, profile: str | None = None, transports: Iterable[Transport] = tuple(Transport)) -> None:
        """Measure the media clusters, only the servers of some transports if so wanted, and wait for the result."""
        if profile is not None:
            self.reachability.profile = PROFILES[profile]
        self.reachability.transports = frozenset(transports)
        try:
            self.reachability.trigger("request")
            await self.reachability.settled()
        finally:
            self.reachability.transports = frozenset(Transport)

    async def sync(self, window: Window | None = None) -> int:
        """Catch up the calendar with a run of its own, by default a day to either side; returns the number of events."""
        await self.calendar.quiet()
        return await self.calendar.catch_up(window)

    def set_configuration(self, path: Path, value: Value) -> None:
        """Set a configuration, and keep it; errors as in `set_configurations`."""
        self.set_configurations({words(path): value})

    def set_configurations(self, values: Mapping[str, Value | None]) -> None:
        """Set configurations, and keep them: all of them or none. None takes back what was set: the default holds again.

        Raises:
            LocalProtocolError: no such configuration, or a value outside its space.
            StorageError: they cannot be kept.
        """
        keep_configurations(self, values)

    # what the parts tell

    def keep(self, account: Account, config: ConfigData, hardens: bool) -> None:
        """Write a proven activation to disk, in one piece: account, trust anchors and lock-down."""
        keep_activation(self, account, config, hardens)

    def _keep_account(self, account: Account) -> None:
        self.save_or_tell(msgspec.structs.replace(self.state, account=account))

    def _keep_trust(self) -> None:
        trust = self.trust
        saved = storage.SavedTrust(
            service=trust.renewed or trust.service, proxy=trust.proxy, proxy_directory=trust.proxy_directory
        )
        if trust.proxy_directory:
            self._keeper.write_proxy_certificates(trust.proxy_directory.rpartition("/")[2], trust.proxy)
        self.save(msgspec.structs.replace(self.state, trust=saved))
        self.check_health()

    def save(self, state: storage.State) -> None:
        """Write what survives a restart; StorageError if that fails, and the state before stays."""
        self._keeper.save(state)

    def save_or_tell(self, state: storage.State) -> None:
        """Save what is so whether it can be written or not; it then holds until the device goes off."""
        self._keeper.save_or_tell(state, lambda error: self.world.log.line("Wx2", "E", f"state not written: {error}"))

    def keep_keys(self, **keys: Any) -> None:
        """Keep keys of the doors: `host_keys`, `web_certificate`."""
        self.save(msgspec.structs.replace(self.state, **keys))

    def _process_trust(self, service: ServiceData, config: ConfigData) -> None:
        self.trust.set_service_certificates(service.certificates)
        self.trust.process(config)

    def _lock_down(self, hardens: bool) -> None:
        if hardens and not self.is_hardened:
            self.is_hardened = True  # written with the account, in one piece, as the users are
            self.local.lock_down()

    def _region(self) -> tuple[str | None, str | None]:
        region = self.bootstrap.region
        return (region.country_code or None, region.region_code or None) if region else (None, None)

    def _socket_url(self) -> str:
        device = self.registration.device
        return device.web_socket_url if device else ""

    def _registration_url(self) -> str:
        device = self.registration.device
        return device.url if device else ""

    def _registration_changed(self) -> None:
        registered = self.registration.device is not None
        self.webex.feed(status.Registered() if registered else status.Unregistered())
        bindings.show_registration(self)
        self.local.bookings.rules_changed()

    def remove_account(self, why: str) -> None:
        """Fall back to the setup state: everything that came from the cloud goes; what Harden switched off stays off."""
        remove_account(self, why)

    def discover_anew(self) -> None:
        """Forget what media discovery found, and what it is doing."""
        self._tasks.start(self.reachability.stop(), "discovery stops")
        self.reachability = self._make_reachability()
