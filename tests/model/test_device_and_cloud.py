"""Programs: a device and the cloud under one clock, pushed, cut, restarted, forgotten and healed in any order.

However it went: once the cloud is well and everything has gone quiet, the device is registered, connected, its calendar is the cloud's, and
it can read every title.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.records import Meeting
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.faults import Fault
from endpoint.runtime.virtual import VirtualLoop
from tests.endpoint.cloud.stubbed import Stubbed

QUIET_S = 2_000.0
"""Longer than any wait that the device plans while something is wrong."""
SERVICES = ["u2c", "wdm", "mercury", "calendar", "calliope", "idbroker", "encryption"]
KMS = ["silent", "lost_answer", "error", "wrong_key", "expired_channel", "bad_certificate"]
PUSHES = ["push_lost", "push_late", "push_twice", "out_of_order", "short_page", "minimal_not_found"]
pushes = st.sampled_from(["full", "full", "minimal", "none"])
hours = st.integers(-30, 40)


class DeviceAndCloud(RuleBasedStateMachine):
    """One program."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.numbers = iter(range(10_000))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end of a piece of work, and let nothing go wrong unseen."""
        result = self.loop.run_until_complete(work)
        self.stage.complain()
        return result

    @initialize(seed=st.integers(0, 1_000), form=st.sampled_from(["hostmap", "U2CV2"]))
    def begin(self, seed: int, form: str) -> None:
        async def begin() -> Stubbed:
            stage = Stubbed(seed=seed, catalog_format=form)
            await stage.open()
            return stage

        self.stage = self.loop.run_until_complete(begin())
        self.run(self.stage.online())

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.run(self._quiet())
            self.run(self.stage.close())
        self.loop.close()

    # -- the calendar --

    @property
    def meetings(self) -> list[Meeting]:
        return list(self.stage.cloud.platform.store[Meeting])

    @rule(hour=hours, push=pushes)
    def create(self, hour: int, push: str) -> None:
        start = self.stage.clock.now() + timedelta(hours=hour)
        self.run(_now(lambda: self.stage.use.meeting_create(f"m{next(self.numbers)}", start, 45, push=push)))

    @precondition(lambda self: self.meetings)
    @rule(data=st.data(), hour=hours, push=pushes)
    def move(self, data: st.DataObject, hour: int, push: str) -> None:
        meeting = data.draw(st.sampled_from([found.id for found in self.meetings]))
        start = self.stage.clock.now() + timedelta(hours=hour)
        title = f"moved {next(self.numbers)}"
        self.run(_now(lambda: self.stage.use.meeting_update(meeting, start=start, title=title, push=push)))

    @precondition(lambda self: self.meetings)
    @rule(data=st.data(), push=pushes)
    def delete(self, data: st.DataObject, push: str) -> None:
        meeting = data.draw(st.sampled_from([found.id for found in self.meetings]))
        self.run(_now(lambda: self.stage.use.meeting_delete(meeting, push=push)))

    # -- the connection --

    @rule(code=st.sampled_from([1000, 1001, 1011, 4000, 4001, 4400, 4401, 4404]))
    def close(self, code: int) -> None:
        self.run(_now(lambda: self.stage.use.mercury_close(code)))

    @rule()
    def reset(self) -> None:
        self.run(_now(self.stage.device.mercury.reset))

    @rule(after_s=st.floats(0, 90))
    def shut_down_socket(self, after_s: float) -> None:
        self.run(_now(lambda: self.stage.use.mercury_shutdown(after_s=after_s)))

    @rule(service=st.sampled_from(SERVICES))
    def rotate(self, service: str) -> None:
        with suppress(CloudError):  # beyond the last letter
            self.run(_now(lambda: self.stage.use.cluster_rotate(service)))

    # -- trouble --

    @rule(service=st.sampled_from(SERVICES), status=st.sampled_from([404, 429, 500, 503]), for_s=st.floats(1, 400))
    def maintain(self, service: str, status: int, for_s: float) -> None:
        with suppress(CloudError):  # it is out of order already
            self.run(_now(lambda: self.stage.use.maintenance(service, status, for_s)))

    @rule(on=st.sampled_from(["link", "dns", "tcp"]), for_s=st.floats(1, 400))
    def cut_off(self, on: str, for_s: float) -> None:
        faults, clock = self.stage.faults, self.stage.clock
        do = {"link": "down", "dns": "nxdomain", "tcp": "silent"}[on]
        fault = Fault(f"fault {next(self.numbers)}", on, do, {"device": "room"}, until_s=clock.time() + for_s)
        self.run(_now(lambda: faults.arm(fault)))

    @rule(do=st.sampled_from(["drop", "delay", "duplicate", "reorder", "gap"]), count=st.integers(1, 5))
    def disturb(self, do: str, count: int) -> None:
        name = f"fault {next(self.numbers)}"
        self.run(_now(lambda: self.stage.use.fault(name, "mercury", do, count=count)))

    @rule(do=st.sampled_from(PUSHES), count=st.integers(1, 3))
    def disturb_pushes(self, do: str, count: int) -> None:
        self.run(_now(lambda: self.stage.use.fault(f"fault {next(self.numbers)}", "calendar", do, count=count)))

    @rule(do=st.sampled_from(KMS), count=st.integers(1, 5))
    def disturb_keys(self, do: str, count: int) -> None:
        self.run(_now(lambda: self.stage.use.fault(f"fault {next(self.numbers)}", "kms", do, count=count)))

    @rule(which=st.sampled_from(["access", "access", "all"]), how=st.sampled_from(["token_revoke", "token_expire"]))
    def end_tokens(self, which: str, how: str) -> None:
        self.run(_now(lambda: getattr(self.stage.use, how)(which)))

    @rule()
    def forget_registration(self) -> None:
        self.run(_now(lambda: self.stage.use.fault(f"fault {next(self.numbers)}", "wdm", "not_found", count=1)))

    @rule()
    def remove(self) -> None:
        for device_id in [device.id for device in self.stage.use.devices()]:
            self.run(_now(partial(self.stage.use.device_delete, device_id)))

    # -- the device --

    @rule()
    def restart(self) -> None:
        if self.stage.device.is_up:
            self.run(self.stage.device.restart())

    @rule(off_s=st.floats(0, 4_000))
    def crash(self, off_s: float) -> None:
        async def crash() -> None:
            await self.stage.device.crash()
            await self.stage.clock.sleep(off_s)
            await self.stage.device.boot()

        self.run(crash())

    @rule(what=st.sampled_from(["refresh", "register", "sync", "catalog", "trust"]))
    def ask(self, what: str) -> None:
        device = self.stage.device
        works: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "refresh": device.identity.refresh, "register": device.register, "sync": device.sync, "catalog": device.catalog.fetch,
            "trust": device.trust.refresh,
        }  # fmt: skip

        async def ask() -> None:
            with suppress(EndpointError):
                await works[what]()

        self.run(ask())

    @rule(seconds=st.one_of(st.floats(0, 2), st.floats(0, 100), st.floats(0, 9_000)))
    def advance(self, seconds: float) -> None:
        self.run(self.stage.clock.sleep(seconds))

    # -- what has to be so --

    @rule()
    def quiet(self) -> None:
        self.run(self._quiet())

    async def _quiet(self) -> None:
        stage, device = self.stage, self.stage.device
        stage.faults.heal_all()
        stage.use.mercury_close(1001)  # with the next connection a device learns that its account is gone
        await stage.clock.sleep(QUIET_S)
        if not device.is_activated:
            assert device.webex.status.value == "Stopped"
            assert device.state.account is None
            for left in stage.use.devices():  # a workspace takes one device
                stage.use.device_delete(left.id)
            await stage.online()
        if device.mercury.state.value == "replaced":
            device.mercury.connect()
        stage.use.mercury_close(1001)  # the catch-up that follows a connection is what makes up for silent changes
        async with stage.clock.timeout(QUIET_S):
            await stage.clock.sleep(1.0)
            await device.until_online()
        await device.calendar.quiet()
        assert device.webex.status.value == "Registered"
        assert device.status.get(("Webex", "Status")) == "Registered"
        assert device.mercury.state.value == "open"
        assert len(stage.use.sockets()) == 1
        assert stage.stored() == stage.window()
        assert stage.titles() == {
            meeting.id: meeting.title for meeting in self.meetings if meeting.id in stage.window()
        }
        complaints = set(device.diagnostics.types) & {
            "WebexConnectivity",
            "WebexNotificationConnectivity",
            "ProvisioningStatus",
        }
        assert not complaints


async def _now(act: Callable[[], object]) -> object:
    """Act inside the loop, and let happen what can happen at once."""
    return act()


TestDeviceAndCloud = DeviceAndCloud.TestCase
TestDeviceAndCloud.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
