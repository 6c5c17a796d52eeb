"""The work of one step and its checks, side by side until the checks have decided."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from endpoint.runtime.clock import Timer
from endpoint.runtime.trace import Event
from scenarios.runner.checks import Finding, StepChecks, Verdict
from scenarios.runner.problems import Place
from scenarios.runner.stage import Stage


class StepFailed(Exception):
    """Work of a step could not be done, or what it waited for did not come; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.note)


class StepWork:
    """Shows every trace event to the checks, wakes them when time has passed, and asks them when nothing is left to happen."""

    def __init__(self, stage: Stage, checks: StepChecks, place: Place) -> None:
        self._stage = stage
        self._checks = checks
        self._place = place
        self._decided: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._timer: Timer | None = None
        self._wake_at: int | None = None

    async def follow(self, work: Sequence[Coroutine[Any, Any, object]]) -> tuple[Verdict, object]:
        """Do the work, all of it at one instant; return the verdict and the result of the first."""
        unsubscribe = self._stage.trace.subscribe(self._feed)
        self._stage.waiting.append(self._idle)
        tasks = [asyncio.get_running_loop().create_task(one) for one in work]
        try:
            self._judge(self._checks.poll(self._stage.now_us))
            return await self._verdict(tasks)
        except StepFailed as failed:
            return Verdict("failed", self._stage.now_us, failed.finding), None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._stage.waiting.remove(self._idle)
            unsubscribe()
            self._sleep_until(None)
            self._decided.cancel()

    async def _verdict(self, tasks: list[asyncio.Task[object]]) -> tuple[Verdict, object]:
        """Wait for the work and the checks; a verdict of "failed" does not wait for the work."""
        left: set[asyncio.Future[Any]] = set(tasks)
        while left and not self._decided.done():
            done, _ = await asyncio.wait({*left, self._decided}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task in done:
                    task.result()
            left -= done
        if not left:
            self._judge(self._checks.verb_done(self._stage.now_us))
        verdict = await self._decided
        return verdict, tasks[0].result() if tasks and not left else None

    def _feed(self, event: Event) -> None:
        try:
            self._judge(self._checks.feed(event))
        except Exception as error:  # a defect of a check is no business of whoever wrote the event
            if not self._decided.done():
                self._decided.set_exception(error)

    def _judge(self, verdict: Verdict) -> None:
        if verdict.state == "pending":
            self._sleep_until(self._checks.wake_at())
        elif not self._decided.done():
            self._decided.set_result(verdict)

    def _sleep_until(self, wake_at: int | None) -> None:
        if wake_at == self._wake_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wake_at = wake_at
        if wake_at is not None:
            delay_s = max(0.0, (wake_at - self._stage.now_us) / 1e6)
            self._timer = self._stage.alarm(delay_s, self._poll)

    def _poll(self) -> None:
        self._timer = self._wake_at = None
        self._judge(self._checks.poll(self._stage.now_us))

    def _idle(self) -> bool:
        """Decide, because nothing is scheduled any more; says whether that made a difference."""
        if self._decided.done():
            return False
        now = self._stage.now_us
        verdict = self._checks.deadlock(now)
        if verdict.state == "pending" and self._checks.wake_at() is not None:
            return False  # only time has to pass
        if verdict.state == "pending":
            note = "nothing left to happen, and the verb is not done"
            verdict = Verdict("failed", now, Finding("deadlock", self._place, now, note=note))
        self._judge(verdict)
        return True
