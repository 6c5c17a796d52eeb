"""Media discovery of the device: which clusters can be reached, over what, and how far away they are.

Here is what can be said without a loop: the lifecycle as a table, the pace of a run, its result, and the words of the log. The shell that
owns timers and tasks is `reachability_shell`; `reachability_probes` measures the servers of one run.

A result is valid until the next one is complete. Best is more eager: while a run goes on, an answer that beats what is shown replaces it
at once (R62), so that a device that has just booted can place a call within a second. When the run is complete, Best is that of the run.

Source: protocol/activation-and-media.md section 10; log lines in 9.2 and 9.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final, Protocol

from endpoint.runtime.errors import DeadlineMissed, EndpointError, Unreachable
from endpoint.runtime.statetable import Next, Table
from endpoint.runtime.tls import TlsClient
from endpoint.wire.calliope import Answer, Best, ClusterList, Server, Transport
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.stun_transaction import FAITHFUL, RC3_RM16, Schedule, whole_ms

PACE_S: Final = 0.002  # section 10.4: starts of a parallel run

# -- ports ------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClusterAnswer:
    """The cluster list as it came, and its Cache-Control header."""

    clusters: ClusterList
    cache_control: str | None = None


class ClusterSource(Protocol):
    """Where the cluster list comes from."""

    async def fetch(self) -> ClusterAnswer:
        """Get the list, writing the log lines of the HTTP request.

        Raises:
            EndpointError: no answer, or a refusal.
            RemoteProtocolError: the answer is no cluster list.
        """
        ...


class DiscoveryListener(Protocol):
    """Who shows the state in xStatus."""

    def on_discovery(self, view: DiscoveryView) -> None:
        """Take the state after each change of status, Best or duration."""
        ...


TrustSource = Callable[[], TlsClient | None]
"""Gives what TLS servers are verified against at the moment; None: nothing is trusted, so no TLS server is reached."""


# -- lifecycle --------------------------------------------------------------------------------------------------------------------------


class State(Enum):
    """Where discovery stands."""

    NOT_STARTED = "NotStarted"
    LISTING = "Listing"
    PROBING = "Probing"
    COMPLETED = "Completed"
    FAILED = "Failed"

    @property
    def status(self) -> str:
        """The Status of xStatus Experimental CalliopeDiscovery; only Completed is observed."""
        return "InProgress" if self in (State.LISTING, State.PROBING) else self.value


@dataclass(frozen=True, slots=True)
class Triggered:
    """There is a reason to measure: `boot`, `age`, `network`, `request`."""

    cause: str


@dataclass(frozen=True, slots=True)
class ListReceived:
    """The cluster list is here; `asked` are its servers, `unusable` the urls that name none."""

    answer: ClusterAnswer
    asked: tuple[Server, ...]
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListFailed:
    """The cluster list is not to be had; the reason is of the closed set of 9.4."""

    reason: str


@dataclass(frozen=True, slots=True)
class ServerAnswered:
    """One server answered."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class ServersDone:
    """Every server has answered or was given up."""


@dataclass(frozen=True, slots=True)
class ResultAged:
    """The age of the last result has passed, and no run has replaced it."""


class Effect(Enum):
    """What a row asks for. It is carried out with the event that led to the row."""

    FETCH_LIST = auto()
    RUN_AGAIN = auto()
    PROBE = auto()
    KEEP_OLD = auto()
    IMPROVE_BEST = auto()
    CONCLUDE = auto()
    DROP_OLD = auto()


TABLE: Final = Table(
    "discovery",
    State.NOT_STARTED,
    {
        (State.NOT_STARTED, Triggered): Next(State.LISTING, Effect.FETCH_LIST),
        (State.LISTING, Triggered): Next(State.LISTING, Effect.RUN_AGAIN),
        (State.LISTING, ListReceived): Next(State.PROBING, Effect.PROBE),
        (State.LISTING, ListFailed): Next(State.FAILED, Effect.KEEP_OLD),
        (State.LISTING, ResultAged): Next(State.LISTING, Effect.DROP_OLD),
        (State.PROBING, Triggered): Next(State.PROBING, Effect.RUN_AGAIN),
        (State.PROBING, ServerAnswered): Next(State.PROBING, Effect.IMPROVE_BEST),
        (State.PROBING, ServersDone): Next(State.COMPLETED, Effect.CONCLUDE),
        (State.PROBING, ResultAged): Next(State.PROBING, Effect.DROP_OLD),
        (State.COMPLETED, Triggered): Next(State.LISTING, Effect.FETCH_LIST),
        (State.FAILED, Triggered): Next(State.LISTING, Effect.FETCH_LIST),
        (State.FAILED, ResultAged): Next(State.FAILED, Effect.DROP_OLD),
    },
)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a run goes about its servers: the retransmission schedule, and all at once or one after the other."""

    schedule: Schedule
    is_sequential: bool = False


FAST: Final = Profile(RC3_RM16)
FAITHFUL_PROFILE: Final = Profile(FAITHFUL, is_sequential=True)
PROFILES: Final[Mapping[str, Profile]] = {"fast": FAST, "rfc": FAST, "faithful": FAITHFUL_PROFILE}
"""Profiles by the names that scenarios and settings use (section 10.4)."""


# -- results ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """A complete run. Seconds are those of the device's clock; `age_s` counts from the cluster list."""

    clusters: ClusterList
    asked: tuple[Server, ...]
    answers: tuple[Answer, ...]
    best: Best
    completed_at: datetime
    took_s: float
    listed_at_s: float
    age_s: int

    @property
    def stale_at_s(self) -> float:
        """The second from which the answers are too old to be reported."""
        return self.listed_at_s + self.age_s

    def answered(self, transport: Transport) -> int:
        """Count the servers that answered over a transport."""
        return sum(answer.server.transport is transport for answer in self.answers)

    def summary(self) -> dict[str, Any]:
        """Return the figures of the run for trace and expectations; `took_ms` is whole milliseconds."""
        return {
            "asked": len(self.asked),
            "answered": len(self.answers),
            "silent": len(self.asked) - len(self.answers),
            **{transport.value: self.answered(transport) for transport in Transport},
            "took_ms": whole_ms(self.took_s),
            "best": {
                transport.value: {"cluster": answer.server.cluster, "ip": answer.server.address, "rtt": answer.rtt_ms}
                for transport, answer in self.best.items()
            },
        }


@dataclass(frozen=True, slots=True)
class DiscoveryView:
    """What xStatus Experimental CalliopeDiscovery shows; `best` goes through `wire.calliope.best_nodes`."""

    status: str
    best: Best
    discovery_time_s: int


def whole_seconds(seconds: float) -> int:
    """Round a duration up to whole seconds, as DiscoveryTimeInSec does; below a microsecond is noise of the floats."""
    return -(-round(seconds * 1e6) // 1_000_000)


def improve(best: Best, answer: Answer) -> Best | None:
    """Return Best with this answer in it, or None when it is no improvement."""
    shown = best.get(answer.server.transport)
    if shown is not None and shown.order <= answer.order:
        return None
    merged = {**best, answer.server.transport: answer}
    return {transport: merged[transport] for transport in Transport if transport in merged}


# -- words ------------------------------------------------------------------------------------------------------------------------------

Line = tuple[str, str, str]
"""Module, level and text of a device log line."""

STARTED: Final[Line] = ("Wx2", "2", "Starting calliope discovery")  # L07


def age_line(age_s: int, drawn_s: int) -> Line:
    """Return L10: the age of the list and the seconds drawn until the next run."""
    return "Wx2", "I", f"CalliopeDiscovery Cache-Control::max-age={age_s} rand (75 - 100) -> {drawn_s}"


def early_line(answer: Answer) -> Line:
    """Return R62: Best while a run goes on."""
    return "CalliopeDiscovery", "3", f"early {_best_text(answer)}"


def failed_line(reason: str, kept: str) -> Line:
    """Return R60; `kept` is the log time of the result that stays, or `never`."""
    return "CalliopeDiscovery", "W", f"CalliopeDiscovery request failed: {reason}; keeping the result of {kept}"


def result_lines(result: Result) -> list[Line]:
    """Return the lines at the end of a run: L11, L12 for each transport with an answer, R61 for each that was asked in vain."""
    counts = ", ".join(f"{result.answered(transport)} {transport.log_name}" for transport in Transport)
    servers = f"{len(result.answers)} out of {len(result.asked)} servers"
    lines: list[Line] = [
        ("CalliopeDiscovery", "I", f"CalliopeDiscovery completed with response from {servers}. {counts}")
    ]
    lines += [("CalliopeDiscovery", "I", f"CalliopeDiscovery: {_best_text(answer)}") for answer in result.best.values()]
    in_vain = {server.transport for server in result.asked} - set(result.best)
    lines += [
        ("CalliopeDiscovery", "W", f"CalliopeDiscovery: no server answered over {transport.log_name}")
        for transport in Transport
        if transport in in_vain
    ]
    return lines


def _best_text(answer: Answer) -> str:
    server = answer.server
    where = f"callCenter:{server.cluster}, trnsp:{server.transport.log_name}, protocol:stun, ip:{server.address}"
    return f"BEST {where} with RTT:{answer.rtt_ms}"


def reason_of(error: EndpointError | RemoteProtocolError) -> str:
    """Name why there is no cluster list, in the closed set of 9.4; a status has its own line (L09)."""
    if isinstance(error, Unreachable):
        return error.reason
    if isinstance(error, DeadlineMissed):
        return f"timeout after {error.waited_s:g} s"
    return "unexpected content"
