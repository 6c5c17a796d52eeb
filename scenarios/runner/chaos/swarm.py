"""Swarms: shipped scenarios played under plans of faults that the seed draws.

What a scenario expects is not demanded, a fault may well prevent it. What is demanded: at every step the safety rules (`invariants`), at
the end no secret in the history and no bound hit, and after everything has healed a device that is well again in bounded time. A plan that
breaks a rule is made smaller until no fault can be left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from endpoint.runtime.chance import Chance
from scenarios.runner import fault_actions
from scenarios.runner.chaos.invariants import Rules
from scenarios.runner.chaos.leftovers import leftovers
from scenarios.runner.chaos.menu import SWARM_MENU, served
from scenarios.runner.chaos.plan import Trouble, draw_plan
from scenarios.runner.checks import Finding
from scenarios.runner.fault_actions import spec_of
from scenarios.runner.fault_verbs import Fault, Heal
from scenarios.runner.model import Scenario, Step
from scenarios.runner.player import Part, Player, Stop
from scenarios.runner.run import Outcome, RunOptions, run_scenario
from scenarios.runner.stage import Stage, trusts_inspector
from scenarios.runner.values import show_duration
from scenarios.runner.watches import Moment
from scenarios.runner.wellness import ailments

TROUBLES_MAX: Final = 8
"""Faults of one plan: few enough to understand, enough to meet each other."""
STEP_MAX_S: Final = 3_600.0
"""Virtual seconds after which a verb that still waits for something is left alone."""
CONNECTED_S: Final = 2_000.0
"""Within so many virtual seconds after healing a device is registered and connected: longer than any wait that it plans."""
EQUAL_S: Final = 45_000.0
"""Within so many its calendar is that of the cloud: what was lost without a trace comes with the next catch-up, twice a day."""
LINGER_S: Final = 60.0
"""So many virtual seconds the last fault of a plan may hold when the story is over before."""
TIMEOUT_S: Final = 30 * 86_400.0
PLAN_STEP: Final = "0"
"""The step that arms the plan, before the first one of the story."""
CALMS_MAX: Final = 1_000
"""Scenarios of which it is remembered how they go without any plan."""


class SwarmPlayer(Player):
    """Plays the steps of a scenario whatever becomes of them, and looks at the rules after each."""

    def __init__(
        self,
        stage: Stage,
        *,
        until_step: int | None = None,
        trace_file: str = "",
        excused: frozenset[str] = frozenset(),
        plan_s: float = 0.0,
    ) -> None:
        super().__init__(stage, until_step=until_step, trace_file=trace_file)
        self._excused = excused
        self._plan_s = plan_s
        self.rules = Rules(stage)
        self.missed = 0
        """Steps that did not come about, or not as expected."""
        self.unwell: frozenset[str] = frozenset()
        """Devices that were not well in time."""

    async def play(self, part: Part) -> None:
        """Play a list; after the story and its plan, heal everything and wait until the devices are well."""
        await super().play(part)
        if part == "steps":
            await self._come_back()

    async def _play(self, step: Step) -> None:
        try:
            async with asyncio.timeout(step.args.takes_s + STEP_MAX_S):
                await super()._play(step)
        except TimeoutError:
            self.missed += 1
        for name in (*(name for name, _ in step.save), *(one.name for one in step.args.defines())):
            self._stage.saved.setdefault(name, "")
        self._demand(step, "invariant", self.rules.broken())

    def _fail(self, step: Step, start: Moment, finding: Finding, told: Mapping[str, object]) -> None:
        self.missed += 1
        if step.number == PLAN_STEP:
            self._demand(step, "invariant", [f"the plan was refused: {finding.note}"])

    def _replay(self, until_step: int) -> str:
        return ""  # the swarm's own command repeats it, see `command`

    def _demand(self, step: Step, kind: str, wrong: Sequence[str], waited_s: float = 0.0) -> None:
        """Object to what is wrong, and stop."""
        if not wrong:
            return
        stage = self._stage
        finding = Finding(
            "liveness" if kind == "liveness" else "invariant", step.place, stage.now_us, waited_us=round(waited_s * 1e6),
            note="; ".join(wrong),
        )  # fmt: skip
        self._report(step, Moment(0, 0), finding, is_of_a_step=False)
        raise Stop

    async def _come_back(self) -> None:
        stage, last = self._stage, self._stage.scenario.steps[-1]
        if self.story_s < self._plan_s:
            await stage.clock.sleep(self._plan_s - self.story_s)
            self._demand(last, "invariant", self.rules.broken())
        await fault_actions.heal(stage, Heal(fault="all"))
        await self._switch_on()
        meant = [name for name in stage.devices if self._is_meant_to_be_online(name)]
        for limit_s, is_about in ((CONNECTED_S, ("Webex", "Mercury")), (EQUAL_S, ())):
            left_s = limit_s
            while (wrong := _wrong(stage, meant, is_about)) and left_s > 0:
                await stage.clock.sleep(min(left_s, limit_s / 50))
                left_s -= limit_s / 50
            self.unwell = frozenset(one.partition(":")[0] for one in wrong)
            why = [f"not well {show_duration(limit_s)} after everything has healed", *wrong]
            self._demand(last, "liveness", why if wrong else (), limit_s)

    async def _switch_on(self) -> None:
        """Switch on, as a person would, what a plan has switched off; a device that is going down is waited for."""
        for device in self._stage.devices.values() if self._has_power_faults() else ():
            while not (device.is_up or device.is_off):
                await self._stage.clock.sleep(1.0)
            if device.is_off and device.settings.bring_up != "manual":
                await device.boot()

    def _has_power_faults(self) -> bool:
        return any(
            event.data.get("on") == "power" for event in self._stage.trace.events if event.kind == "fault.struck"
        )

    def _is_meant_to_be_online(self, name: str) -> bool:
        """Say whether a device comes back by itself: it is on, comes up by itself, and has an account that the cloud knows."""
        stage = self._stage
        device = stage.devices[name]
        if name in self._excused:
            return False
        if not device.is_up or not device.is_activated or device.settings.bring_up == "manual":
            return False
        account = device.identity.account
        known = {one.user_id for one in stage.cloud.use_cases.devices()}
        return account is not None and account.user_id in known

    def conclude(self) -> None:
        """Ask the rules for the last time; what the scenario expects of its whole history is not demanded."""
        self._demand(self._stage.scenario.steps[-1], "invariant", self.rules.broken(is_last=True))


def _wrong(stage: Stage, names: Sequence[str], about: Sequence[str]) -> list[str]:
    """Return what is wrong with devices; only what begins with certain words, if any are named."""
    return [
        f"{name}: {what}"
        for name in names
        for what in ailments(stage, name)
        if not about or what.startswith(tuple(about))
    ]


@dataclass(frozen=True)
class Swarmed:
    """What came of one plan: its outcome, and the plan that shows a failure with the fewest faults."""

    scenario: Scenario
    seed: int
    plan: tuple[Trouble, ...]
    outcome: Outcome
    excused: frozenset[str] = frozenset()

    @property
    def is_good(self) -> bool:
        """Say whether every rule held."""
        return self.outcome.result in ("passed", "skipped")


def swarm_plan(scenario: Scenario, seed: int, length_s: float) -> tuple[Trouble, ...]:
    """Draw the plan of a seed for a scenario that takes so long."""
    stream = Chance(seed).actor("swarm").stream("plan", scenario.file.rpartition("/")[2], scenario.case or "")
    troubles = stream.randint(1, TROUBLES_MAX)
    cloud = scenario.head.cloud
    menu = served(SWARM_MENU, has_proxy=cloud.proxy is not None, has_inspector=trusts_inspector(cloud))
    layers = stream.sample(tuple(menu), stream.randint(1, len(menu)))  # some plans stay on one layer, some are on all
    return tuple(draw_plan(stream, menu, layers, length_s=max(length_s, 60.0), troubles=troubles))


def play_plan(
    scenario: Scenario, seed: int, plan: Sequence[Trouble], *, excused: frozenset[str] = frozenset()
) -> Outcome:
    """Play a scenario under a plan that begins with its first step; of `excused` devices nobody demands that they are well."""
    return _play(scenario, seed, plan, excused)[0]


def _play(
    scenario: Scenario, seed: int, plan: Sequence[Trouble], excused: frozenset[str]
) -> tuple[Outcome, frozenset[str]]:
    """Return the outcome, and the devices that were not well in time."""
    specs = tuple(spec_of(trouble, f"swarm.{number}") for number, trouble in enumerate(plan, 1))
    first = scenario.steps[0]
    trouble = Step(first.place, PLAN_STEP, "what the seed has drawn", Fault(plan=specs), first.device)
    head = scenario.head.model_copy(update={"timeout": TIMEOUT_S, "xfail": None, "seed": seed})
    disturbed = replace(scenario, head=head, steps=(*((trouble,) if plan else ()), *scenario.steps), never=None)
    plan_s = plan[-1].at_s + LINGER_S if plan else 0.0
    left: list[str] = []
    players: list[SwarmPlayer] = []

    def player(stage: Stage, *, until_step: int | None, trace_file: str) -> Player:
        players.append(SwarmPlayer(stage, until_step=until_step, trace_file=trace_file, excused=excused, plan_s=plan_s))
        return players[0]

    options = RunOptions(player=player, at_the_end=lambda: left.extend(leftovers()))
    outcome = run_scenario(disturbed, options)
    if left:
        outcome.result, outcome.reason = "failed", f"left behind: {', '.join(left)}"
    return outcome, players[0].unwell if players else frozenset()


class Calm(NamedTuple):
    """How a scenario goes without any plan: how long the story is, and which devices it leaves disconnected by itself."""

    story_s: float
    excused: frozenset[str]


_calms: dict[tuple[str, str | None, str], Calm] = {}


def swarm(scenario: Scenario, seed: int) -> Swarmed:
    """Play a scenario under the plan of a seed.

    The story is played once without any plan, with the seed of its file; how that goes is the same for every plan, and remembered.
    """
    key = (scenario.file, scenario.case, scenario.sha256)
    calm = _calms.get(key)
    if calm is None:
        outcome, excused = _play(scenario, scenario.head.seed, (), frozenset())
        if outcome.result != "passed" and outcome.kinds != ["liveness"]:
            return Swarmed(scenario, seed, (), outcome)
        if len(_calms) >= CALMS_MAX:
            del _calms[next(iter(_calms))]
        calm = _calms[key] = Calm(outcome.story_s, excused)
    plan = swarm_plan(scenario, seed, calm.story_s)
    outcome = play_plan(scenario, seed, plan, excused=calm.excused)
    return Swarmed(scenario, seed, plan, outcome, calm.excused)


def smallest(found: Swarmed) -> Swarmed:
    """Leave faults out of a plan that breaks a rule, as long as a rule is still broken: all of them at once first."""
    plan, outcome = found.plan, found.outcome
    fewer = _fewer(found, plan)
    while (smaller := next(fewer, None)) is not None:
        plan, outcome = smaller
        fewer = _fewer(found, plan)
    return Swarmed(found.scenario, found.seed, plan, outcome, found.excused)


def _fewer(found: Swarmed, plan: tuple[Trouble, ...]) -> Iterator[tuple[tuple[Trouble, ...], Outcome]]:
    """Yield what is left of a plan and still breaks a rule, with what came of it."""
    parts = [plan[:index] + plan[index + 1 :] for index in range(len(plan))]
    if len(plan) > 1 and plan == found.plan:
        parts.insert(0, ())
    for part in parts:
        outcome = play_plan(found.scenario, found.seed, part, excused=found.excused)
        if outcome.result not in ("passed", "skipped"):
            yield part, outcome
