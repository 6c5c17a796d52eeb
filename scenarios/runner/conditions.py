"""What an expectation consists of, compiled: conditions on states and on events, and when they have to hold.

Everything here is frozen and knows nothing of a run; `checks` follows a run with it. Source: scenario-style.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from endpoint.runtime.trace import Event
from endpoint.wire.why_report import Report
from endpoint.wire.xapi.paths import Path
from scenarios.runner.matchers import Matcher, Resolve
from scenarios.runner.problems import Place
from scenarios.runner.values import show_duration

if TYPE_CHECKING:
    from scenarios.runner.meters import Meter

WITHIN_DEFAULT_S: Final = 1.0
MICROSECONDS: Final = 1_000_000

MachineOf: TypeAlias = Callable[[str], str]
"""Tells what the history calls a machine: `call 1` is the first call of the device, whose own number for it is another: `call #2`."""
Fields: TypeAlias = Mapping[str, object]


class View(Protocol):
    """The present state of both sides; states are read here, everything else from the trace."""

    def xstatus(self, device: str, below: Path = ()) -> Mapping[str, object]:
        """Return the leaves of the status tree by canonical path (`Call 1 Status`), values as text or whole numbers.

        Args:
            below: all that is asked for is at or below this path; the others may be left out.
        """
        ...

    def xconfig(self, device: str, below: Path = ()) -> Mapping[str, object]:
        """Return the leaves of the configuration tree, in the same form."""
        ...

    def machine(self, device: str, name: str) -> str | None:
        """Return the state of a lifecycle: of the device (`registration`), or of the cloud (`cloud code`); None when there is none."""
        ...

    def discovery(self, device: str) -> Mapping[str, object]:
        """Return asked, answered, silent, udp, tcp, xtls, took (seconds), best (a list), status of the last discovery."""
        ...

    def screen(self, device: str) -> Mapping[str, Mapping[str, object]]:
        """Return the elements on the screen: visible, enabled, title, text."""
        ...

    def bookings(self, device: str) -> list[Mapping[str, object]]:
        """Return the bookings as `Bookings List` tells them."""
        ...

    def calls(self, device: str) -> list[Mapping[str, object]]:
        """Return the calls that a device has, oldest first: `call_subjects.CALL`."""
        ...

    def history(self, device: str) -> list[Mapping[str, object]]:
        """Return the call history as `CallHistory Get` tells it, newest first."""
        ...

    def metrics(self, device: str) -> list[Mapping[str, object]]:
        """Return the events of calls that the metrics service has of a device, in their order: `name`, and what else an event has."""
        ...

    def cloud(self, path: str) -> object:
        """Return a value of the stub's state by dotted path, `matchers.MISSING` when there is none."""
        ...

    def why(self, device: str, meeting: str, *, thoroughly: bool = True) -> Report:
        """Return the answer to "why is there no Join button?" about a meeting."""
        ...

    def past(self) -> Sequence[Event]:
        """Return the history so far."""
        ...

    def now(self) -> int:
        """Return the microseconds since the start of the run."""
        ...

    def ailments(self, device: str) -> list[str]:
        """Return what keeps a device from being well: registered, connected, its calendar equal to the cloud's."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """A point in the history that `after` and `before` refer to."""

    text: str
    kind: Literal["machine", "fault", "start", "label"]
    name: str = ""
    state: str = ""

    def is_at(self, event: Event, device: str, machine_of: MachineOf = str) -> bool:
        """Say whether an event is this point."""
        if self.kind == "machine":
            return (
                is_machine(event, device, machine_of(self.name))
                and state_word(self.name, event.data.get("to")) == self.state
            )
        if self.kind == "fault":
            return event.kind in ("fault.armed", "fault.struck") and event.data.get("id") == self.name
        return self.kind == "label" and event.kind == "step.start" and event.data.get("label") == self.name


def actor(device: str) -> str:
    """Return how the trace calls a device."""
    return f"device:{device}"


def is_machine(event: Event, device: str, name: str) -> bool:
    """Say whether an event is a transition of a lifecycle: `registration` of the device, `call #2`, `cloud code` of the cloud."""
    if event.kind != "machine":
        return False
    machine = str(event.data.get("machine", "")).casefold().replace("_", " ")
    if machine == "call":
        machine = f"call #{event.data.get('call')}"
    wanted = name.casefold()
    if event.who == actor(device):
        return machine == wanted
    return event.who.startswith("cloud") and f"cloud {machine}" == wanted


MERCURY_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "closed": ("closed", "off", "waiting", "refused", "replaced"),
    "connecting": ("connecting", "authorising"),
    "open": ("open", "switching"),
}
"""The three words of the language for Mercury, and the states of the machine that each stands for."""
_MERCURY_WORD: Final = {state: word for word, states in MERCURY_WORDS.items() for state in states}


def state_word(machine: str, state: object) -> str:
    """Return the word of the language for a state of a machine; states are compared in lower case, `_` as a blank."""
    word = str(state).casefold().replace("_", " ")
    return _MERCURY_WORD.get(word, word) if machine.casefold() == "mercury" else word


@dataclass(frozen=True, slots=True)
class StateCondition:
    """Something that is true or not at an instant.

    `explain` writes lines about it for the report of a failure; `of` names what is read, where the title could be something else's, too.
    """

    place: Place
    title: str
    read: Callable[[View, str], object]
    matcher: Matcher
    explain: Callable[[View, str], tuple[str, ...]] | None = None
    of: str = ""

    def __str__(self) -> str:
        return f"{self.title} = {self.matcher}"


@dataclass(frozen=True, slots=True)
class MeterCondition:
    """Something that is measured on the history: true or not at an instant. `make` makes its meter, for a device and its references."""

    place: Place
    title: str
    make: Callable[[str, Resolve], Meter]
    matcher: Matcher

    def __str__(self) -> str:
        return f"{self.title} {self.matcher}"


@dataclass(frozen=True, slots=True)
class EventCondition:
    """Something that happens, as often as `times` says, after one anchor and before another.

    `select` returns the fields of an event that is of the kind in question, else None; `joined` adds the fields of the answer, for
    requests whose status matters. For reports: only events that `is_kin` accepts can be the nearest one, `closeness` ranks those that
    differ in equally many fields, and `none` is what to say when there is no nearest one.
    """

    place: Place
    subject: str
    title: str
    select: Callable[[Event, str], Fields | None]
    matcher: Matcher
    show: Callable[[Fields], str]
    none: str
    is_kin: Callable[[Fields], bool] = lambda fields: True
    closeness: Callable[[Fields], int] = lambda fields: 0
    times: Matcher | None = None
    after: Anchor | None = None
    before: Anchor | None = None
    joined: bool = False

    def __str__(self) -> str:
        text = f"{self.subject} {self.title}"
        if self.times is not None:
            text += f"  times {self.times}"
        if self.after is not None:
            text += f"  after {self.after.text}"
        if self.before is not None:
            text += f"  before {self.before.text}"
        return text


@dataclass(frozen=True, slots=True)
class OrderCondition:
    """States that a lifecycle passes through in this order; `is_exact` forbids others between."""

    place: Place
    machine: str
    states: tuple[str, ...]
    is_exact: bool = False

    def __str__(self) -> str:
        exactly = "exactly " if self.is_exact else ""
        return f"{self.machine} {exactly}{', '.join(self.states)}"


Condition: TypeAlias = StateCondition | MeterCondition | EventCondition | OrderCondition


@dataclass(frozen=True, slots=True)
class Expectation:
    """Conditions that all have to hold, and when. Durations are seconds from the start of the step.

    `within_s` None is the default deadline: `WITHIN_DEFAULT_S` after the verb is done, however long that takes.
    """

    place: Place
    conditions: tuple[Condition, ...]
    within_s: float | None = None
    not_before_s: float | None = None
    for_s: float | None = None
    is_optional: bool = False

    def __str__(self) -> str:
        within = WITHIN_DEFAULT_S if self.within_s is None else self.within_s
        return f"{'; '.join(map(str, self.conditions))}  within {show_duration(within)}"


@dataclass(frozen=True, slots=True)
class Never:
    """Conditions of which none may hold or happen; watched to the end of the step, and at least `for_s` seconds."""

    place: Place
    conditions: tuple[Condition, ...]
    for_s: float | None = None
