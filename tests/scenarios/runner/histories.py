"""Hand-made histories for the tests of checks, ladder and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from endpoint.runtime.trace import Event
from endpoint.wire.xapi.paths import Path
from scenarios.runner.checks import StepChecks
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.loader import load_bytes
from scenarios.runner.matchers import MISSING, lookup
from scenarios.runner.watches import Moment, Scene


@dataclass
class FakeView:
    """States that a test sets by hand."""

    status: dict[str, object] = field(default_factory=dict)
    configuration: dict[str, object] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, object] = field(default_factory=dict)
    stub: dict[str, object] = field(default_factory=dict)
    told: list[Mapping[str, object]] = field(default_factory=list)
    held: list[Mapping[str, object]] = field(default_factory=list)
    calls_before: list[Mapping[str, object]] = field(default_factory=list)

    def xstatus(self, device: str, below: Path = ()) -> Mapping[str, object]:
        return self.status

    def xconfig(self, device: str, below: Path = ()) -> Mapping[str, object]:
        return self.configuration

    def machine(self, device: str, name: str) -> str | None:
        return self.machines.get(name)

    def discovery(self, device: str) -> Mapping[str, object]:
        return self.numbers

    def calls(self, device: str) -> list[Mapping[str, object]]:
        return list(self.held)

    def history(self, device: str) -> list[Mapping[str, object]]:
        return list(self.calls_before)

    def metrics(self, device: str) -> list[Mapping[str, object]]:
        return list(self.told)

    def cloud(self, path: str) -> object:
        return lookup(self.stub, path) if self.stub else MISSING


class History:
    """Makes events with rising ordinals."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.first = 101
        """Ordinal of the first event."""

    def event(
        self,
        at_s: float,
        kind: str,
        data: Mapping[str, Any],
        *,
        who: str = "device:room",
        id: str | None = None,  # noqa: A002  the trace format's own word
        peer: str | None = None,
    ) -> Event:
        n = len(self.events) + self.first
        event = Event(
            n=n,
            t=round(at_s * MICROSECONDS),
            at="",
            who=who,
            kind=kind,
            peer=peer,
            id=id,
            cause=None,
            step=1,
            data=data,
            label=None,
        )
        self.events.append(event)
        return event

    def request(self, at_s: float, method: str, path: str, **more: Any) -> Event:
        return self.event(at_s, "http.request", {"method": method, "path": path, **more}, id=f"r{len(self.events)}")

    def answer(self, at_s: float, request: Event, status: int) -> Event:
        return self.event(at_s, "http.response", {**request.data, "status": status}, id=request.id)

    def mercury(self, at_s: float, to: str) -> Event:
        return self.event(at_s, "machine", {"machine": "mercury", "from": "x", "event": "y", "to": to})

    def log(self, at_s: float, module: str, level: str, text: str) -> Event:
        return self.event(at_s, "log", {"module": module, "level": level, "text": text})


def checks_of(
    step: str, view: FakeView | None = None, *, start_s: float = 0.0, labels: Mapping[str, Moment] | None = None
) -> StepChecks:
    """Load one step and start to check it."""
    data = f"name: x\nsteps:\n  - note: first\n    label: earlier\n  - fault: {{ on: http, do: error, id: outage }}\n{step}".encode()
    (scenario,) = load_bytes(data, "x.yaml")
    last = scenario.steps[-1]
    never = () if last.never is None else (last.never,)
    scene = Scene(
        view or FakeView(), "room", lambda template: template.resolve({"cloud.code": "1234"}.__getitem__), labels or {}
    )
    return StepChecks(last.expect, never, Moment(100, round(start_s * MICROSECONDS)), scene, takes_s=last.args.takes_s)
