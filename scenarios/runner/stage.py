"""The stage: one run's time, chance, trace, network, cloud and devices.

Everything on it shares one clock and one seed; verbs act on it, expectations look at it through `view`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import MediaPlan, build_media
from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.proxy_settings import ProxySettings
from cloud_stub.platform.records import Device as CloudDevice
from cloud_stub.platform.records import User, Workspace
from cloud_stub.premises.inspectors import Inspectors
from endpoint.device.device import Device
from endpoint.device.room_bookings import LEAD_TOGGLE
from endpoint.device.settings import AutoJoin, DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime, Timer
from endpoint.runtime.errors import DeadlineMissed
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Event, Trace
from endpoint.runtime.virtual import VirtualLoop
from endpoint.wire.calliope import Transport
from endpoint.wire.proxyauth import ProxyPassword
from endpoint.wire.secret import Secret
from scenarios.runner.callbook import CallBook
from scenarios.runner.conditions import Expectation
from scenarios.runner.model import Cloud as CloudModel
from scenarios.runner.model import Device as DeviceModel
from scenarios.runner.model import Media, Scenario, Step
from scenarios.runner.model import Proxy as ProxyModel
from scenarios.runner.recording.raw import RawBytes
from scenarios.runner.recording.recorder import Recorder
from scenarios.runner.storyloop import StoryLoop

if TYPE_CHECKING:
    from scenarios.runner.clients.kept import KeptClient

LEAD_TIME_S: Final = 60.0
"""Scenario time before `clock.start` in which devices that are `at: online` come online."""
BRING_UP_MAX_S: Final = 50.0
NO_ARRAY: Final = "no array"
"""What `trust_list: no_array` puts in the place of a list."""


class Acting(NamedTuple):
    """The device of a verb, and what its step expects."""

    device: str = ""
    has_expectation: bool = False
    expects_result: bool = False


NOBODY: Final = Acting()
_acting: ContextVar[Acting] = ContextVar("acting", default=NOBODY)


@dataclass
class Stage:
    """What one run happens on.

    Attributes:
        saved: values of `${saved.x}`.
        people: how many are in the rooms of devices, where a scenario has said so.
        passphrases: those of users that were added to devices, by device and role.
        clients: xAPI clients that stay connected, by device and id.
        ids: the scenario's own names of meetings and codes, and the real ids behind them.
        injected: faults that steps have asked for, in their order.
        pending: what takes back the beginnings and ends that faults wait for, by the fault's id.
        on_over: what else ends with a fault, by its id.
        defects: exceptions that tasks of device and cloud left behind.
        ready_file: where clients from outside find the doors, if they are let in.
        recorder: who records the devices, if anybody does.
        raw: who keeps the bytes of their connections, if anybody does.
        calls: the calls of all devices, by ordinal and by name.
        lifecycles: the state that each lifecycle of a device has come to, by device and name.
        listeners: what ends an integration that listens, by device and kind.
        waiting: steps that wait for something, the innermost last: it has to decide when nothing is left to happen.
    """

    scenario: Scenario
    seed: int
    mode: str
    clock: Clock
    chance: Chance
    trace: Trace
    faults: Faults
    names: NameTable
    cloud: Cloud
    max_wait_s: float = 60.0
    devices: dict[str, Device] = field(default_factory=dict)
    saved: dict[str, object] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    passphrases: dict[tuple[str, str], Secret] = field(default_factory=dict)
    clients: dict[tuple[str, str], KeptClient] = field(default_factory=dict)
    injected: list[Fault] = field(default_factory=list)
    pending: dict[str, list[Callable[[], object]]] = field(default_factory=dict)
    on_over: dict[str, Callable[[], object]] = field(default_factory=dict)
    defects: list[BaseException] = field(default_factory=list)
    calls: CallBook = field(default_factory=CallBook)
    lifecycles: dict[tuple[str, str], str] = field(default_factory=dict)
    listeners: dict[tuple[str, str], Callable[[], object]] = field(default_factory=dict)
    waiting: list[Callable[[], bool]] = field(default_factory=list)
    folder: TemporaryDirectory[str] | None = None
    ready_file: Path | None = None
    recorder: Recorder | None = None
    raw: RawBytes | None = None
    play: Callable[[tuple[Step, ...]], Awaitable[None]] = field(default=lambda steps: asyncio.sleep(0))
    play_together: Callable[[tuple[Step, ...]], Awaitable[None]] = field(default=lambda steps: asyncio.sleep(0))
    until: Callable[[Expectation], Awaitable[object]] = field(default=lambda expectation: asyncio.sleep(0))

    def __post_init__(self) -> None:
        self._tasks = Tasks(self.defects.append)

    @property
    def now_us(self) -> int:
        """Microseconds since the start of the run, as in the trace."""
        return round(self.clock.time() * 1e6)

    @property
    def zone(self) -> tzinfo:
        """The zone of the devices."""
        return ZoneInfo(self.scenario.head.clock.zone)

    @property
    def acting(self) -> str:
        """The device of the verb that is asking; verbs at one instant do not see each other's."""
        return _acting.get().device

    @property
    def has_expectation(self) -> bool:
        """Whether the step of the verb that is asking says what must follow."""
        return _acting.get().has_expectation

    @property
    def expects_result(self) -> bool:
        """Whether the step of the verb that is asking says something of the `result` of a command."""
        return _acting.get().expects_result

    @contextmanager
    def acts(self, acting: Acting) -> Iterator[None]:
        """Let a device be the acting one within a block."""
        token = _acting.set(acting)
        try:
            yield
        finally:
            _acting.reset(token)

    def device(self, name: str) -> Device:
        """Return a device by its name in the scenario.

        Raises:
            ValueError: there is none of this name.
        """
        if name not in self.devices:
            raise ValueError(f"no device is named {name}; there are {', '.join(self.devices)}")
        return self.devices[name]

    def cloud_device(self, name: str) -> CloudDevice:
        """Return what the cloud knows of a device.

        Raises:
            ValueError: it knows nothing of it.
        """
        user_id = self.account(name)
        found = next((device for device in self.cloud.use_cases.devices() if device.user_id == user_id), None)
        if found is None:
            raise ValueError(f"the cloud has no device of {name} any more")
        return found

    def account(self, name: str) -> str:
        """Return the user id of a device's account, and let trace and faults of the cloud know whose it is.

        Raises:
            ValueError: it has none, and never had one in this run.
        """
        device = self.device(name)
        if device.identity.account is not None:
            self.ids[f"account of {name}"] = device.identity.account.user_id
            self.cloud.use_cases.name_user(device.identity.account.user_id, device.who)
        known = self.ids.get(f"account of {name}")
        if known is None:
            raise ValueError(f"{name} is not activated, so the cloud knows no account of it")
        return known

    async def activate(self, name: str, code: str, *, hardens: bool = False) -> None:
        """Activate a device; errors as in `Device.activate`."""
        await self.devices[name].activate(code, hardens=hardens)
        self.account(name)

    def code_for(self, name: str) -> str:
        """Return the activation code of a device's workspace, issued when it is first asked for: `${cloud.code}`."""
        key = f"code for {name}"
        if key not in self.saved:
            self.saved[key] = self.cloud.use_cases.code_create(workspace=workspace_of(name))[1].reveal()
            self.room(name)
        return str(self.saved[key])

    def room(self, name: str) -> str:
        """Return the workspace of a device; it gets a room mailbox when it is first asked for, unless the file wants none.

        Raises:
            ValueError: there is no such device.
        """
        self.device(name)
        key = f"workspace of {name}"
        workspace = self._workspace(name)
        wanted = self.scenario.head.cloud.mailbox
        if key not in self.ids and wanted.rooms:
            do = self.cloud.hybrid
            address = do.room(workspace).address
            processing = wanted.processing()
            if wanted.accept is not None or processing:
                do.mailbox(address, accept=wanted.accept, processing=processing)
        self.ids[key] = workspace
        return workspace

    def _workspace(self, name: str) -> str:
        account = self.devices[name].identity.account
        user = self.cloud.platform.store[User].get(account.user_id) if account is not None else None
        if user is not None and user.workspace_id:
            return user.workspace_id
        wanted = workspace_of(name)
        known = next((room for room in self.cloud.platform.store[Workspace] if room.name == wanted), None)
        return (known or self.cloud.use_cases.workspace_create(wanted)).id

    def pick_servers(self, count: int, of: int | None, how: str, transport: str | None) -> tuple[str, ...]:
        """Choose media servers for a fault: the `first` ones of the list, or drawn.

        Raises:
            ValueError: there are not so many, or not `of` as the file says.
        """
        fleet = self.cloud.fleet
        assert fleet is not None, "a cloud of a scenario has media nodes"
        there = len(fleet.plan.servers)
        if of not in (None, there):
            raise ValueError(f"there are {there} media servers, not {of}")
        stream = None if how == "first" else self.chance.actor("world").stream("stun fault", len(self.injected))
        wanted = Transport(transport) if transport is not None else None
        return tuple(fleet.pick(count, transport=wanted, stream=stream))

    def let_people_in(self, event: Event) -> None:
        """Let those who are in a room be there when its device has booted."""
        name = event.who.removeprefix("device:")
        if event.kind == "device.booted" and name in self.people:
            senses = self.devices[name].local.senses
            asyncio.get_running_loop().call_soon(senses.analytics.people, self.people[name])

    def follow_lifecycles(self, event: Event) -> None:
        """Remember where the lifecycles of devices are; there are as many as there are tables."""
        if event.kind == "machine" and event.who.startswith("device:"):
            self.lifecycles[event.who, str(event.data["machine"])] = str(event.data["to"])

    def alarm(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call back after a while, without that being anything that happens in the story."""
        loop = asyncio.get_running_loop()
        return loop.set_alarm(delay_s, callback) if isinstance(loop, StoryLoop) else loop.call_later(delay_s, callback)

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Let something go on after its step is done; it ends with the run at the latest."""
        return self._tasks.start(work, name)

    async def quit(self) -> None:
        """End what goes on in the background, and let clients go."""
        await self._tasks.cancel()
        for client in self.clients.values():
            await client.close()


def workspace_of(device: str) -> str:
    """Name the workspace of a device."""
    return device.replace("_", " ").title()


def make_stage(scenario: Scenario, *, seed: int, mode: str) -> Stage:
    """Set the stage for a scenario; must be called on the loop that it runs on.

    Raises:
        ValueError: figures of the file that do not fit together.
    """
    head = scenario.head
    leads = any(device.at == "online" for device in scenario.devices.values())
    start = head.clock.start - timedelta(seconds=LEAD_TIME_S if leads else 0.0)
    source = LoopTime(asyncio.get_running_loop(), start if mode == "virtual" else None)
    clock = Clock(source)
    chance = Chance(seed if mode == "virtual" else None)
    trace = Trace(clock)
    faults = Faults(clock, trace)
    names = NameTable()
    inspector = Authority("TLS proxy 1") if trusts_inspector(head.cloud) else None
    settings = CloudSettings(
        domain=head.cloud.domain,
        trust_list=trust_list(head.cloud.tls.trust_list, inspector),
        inspector=inspector,
        proxy=proxy_settings(head.cloud.proxy, inspector),
        developer_toggles=_toggles(head.cloud),
        kms_join_fields=head.cloud.kms_join_fields,
        requires_tracking_id=head.cloud.tracking_id == "required",
    )
    media = media_plan(head.cloud.media, chance)
    cloud = Cloud(Clock(source), chance, trace, faults, names, settings, media=media)
    for service in cloud.services:
        trace.use_clock(f"cloud:{service.name}", cloud.platform.clock)
    return Stage(scenario, seed, mode, clock, chance, trace, faults, names, cloud)


def _toggles(cloud: CloudModel) -> dict[str, bool | int | str]:
    """Return the developer toggles: those of the file, and the organization's lead time."""
    lead = {} if cloud.lead is None else {LEAD_TOGGLE: round(cloud.lead / 60)}
    return {**lead, **cloud.features}


def media_plan(media: Media, chance: Chance) -> MediaPlan:
    """Turn the file's `cloud.media` into media nodes."""
    servers: Any = media.servers
    if media.transports is not None:
        servers = {Transport(name): number for name, number in media.transports.items()}
    silent: Any = media.silent
    if not isinstance(silent, int):
        silent = {Transport(name): number for name, number in silent.items()}
    return build_media(chance.actor("media").stream("plan"), servers=servers, silent=silent, udp_port=media.udp_port)


def trusts_inspector(cloud: CloudModel) -> bool:
    """Say whether devices of this cloud trust somebody who inspects TLS."""
    return cloud.tls.trust_list not in (0, "absent", "no_array")


def trust_list(wanted: int | str, inspector: Authority | None) -> Any:
    """Make what configData.trustList shall hold: certificates, the inspector's first, nothing at all, or no array."""
    if isinstance(wanted, str):
        return None if wanted == "absent" else NO_ARRAY
    if inspector is None:
        return ()
    return (inspector.pem, *(Authority(f"TLS proxy {number}").pem for number in range(2, wanted + 1)))


def proxy_settings(model: ProxyModel | None, trusted: Authority | None) -> ProxySettings | None:
    """Turn the file's `cloud.proxy` into how the proxy behaves."""
    if model is None:
        return None
    inspects = None if model.intercept == "off" else Inspectors(trusted).get(model.intercept)
    script = {} if model.script is None else {"script": model.script}
    return ProxySettings(model.schemes, model.login, ProxyPassword(model.password), inspects, **script)


async def open_stage(stage: Stage) -> None:
    """Start the cloud, make the devices and bring them to where the file wants them, `at: online` by `clock.start`.

    Raises:
        EndpointError: a device could not be brought there.
    """
    await stage.cloud.start(https=("127.0.0.1", 0), http=("127.0.0.1", 0))
    stage.trace.subscribe(stage.let_people_in)
    stage.trace.subscribe(stage.calls.take)
    stage.trace.subscribe(stage.follow_lifecycles)
    for name, model in stage.scenario.devices.items():
        stage.devices[name] = make_device(stage, name, model)
        if model.people is not None:
            stage.people[name] = model.people
        # in a task of its own: what the device causes is not what causes the steps
        await asyncio.get_running_loop().create_task(_bring(stage, name, model))
    for name, model in stage.scenario.devices.items():
        if model.at == "online":
            await _until_online(stage, name, model)
    left_s = (stage.scenario.head.clock.start - stage.clock.now()).total_seconds()
    if left_s > 0 and stage.mode == "virtual":
        await stage.clock.sleep(left_s)


def make_device(stage: Stage, name: str, model: DeviceModel) -> Device:
    """Make a device of the scenario; its state lasts as long as the run."""
    clock = stage.scenario.head.clock
    if stage.folder is None:
        stage.folder = TemporaryDirectory(prefix="roomsim-")
    settings = DeviceSettings(
        name=name,
        model=model.product,
        software=model.software,
        anchors=(stage.cloud.root_pem,),
        bring_up="auto" if model.at == "online" else model.bring_up,
        zone=ZoneInfo(clock.zone),
        configuration=dict(model.config),
        state_dir=Path(stage.folder.name, name),
        state_lasts=False,
        revocation=model.revocation,
        kms_down_title=model.kms_down_title,
        log_style=model.log_style,
        auto_join=AutoJoin() if model.auto_join is None else AutoJoin(True, int(model.auto_join)),
    )
    device = Device(
        settings,
        source=stage.clock.source,
        chance=stage.chance,
        trace=stage.trace,
        faults=stage.faults,
        names=stage.names,
        on_defect=stage.defects.append,
    )
    if stage.recorder is not None:
        device.world.tap = stage.recorder.tap(device.who, device.world.clock)
    device.world.net.wiretap = stage.raw
    if clock.skew:
        device.world.clock.jump_wall(timedelta(seconds=clock.skew))
    return device


async def _bring(stage: Stage, name: str, model: DeviceModel) -> None:
    await stage.devices[name].boot()
    if model.at != "factory":
        await stage.activate(name, stage.code_for(name))


async def _until_online(stage: Stage, name: str, model: DeviceModel) -> None:
    """Wait until a device is online and has measured; from then on it comes up as the file says."""
    device = stage.devices[name]
    try:
        async with stage.clock.timeout(BRING_UP_MAX_S):
            await device.until_online(discovered=True)
    except TimeoutError:
        raise DeadlineMissed(f"bringing {name} online", BRING_UP_MAX_S) from None
    device.settings = replace(device.settings, bring_up=model.bring_up)


async def close_stage(stage: Stage) -> None:
    """Take everything down, devices first."""
    await stage.quit()
    loop = asyncio.get_running_loop()
    network = loop.network if isinstance(loop, VirtualLoop) else None
    if network is not None:
        network.calm()
    for device in stage.devices.values():
        await device.close()
    await stage.cloud.stop()
    if network is not None:
        network.calm()  # what goodbyes have sent through a bad network
    if stage.folder is not None:
        stage.folder.cleanup()
