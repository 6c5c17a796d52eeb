"""docs/reference/trace.md: the form of traces, from its table of kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from endpoint.runtime.trace import EVENTS_MAX, TRACE_VERSION
from scenarios.runner.history.reader import LINE_MAX
from scenarios.runner.history.rules import RULES
from tests.tools.markdown import code, page, table
from tests.tools.trace_kinds import ANY, KINDS

INTRODUCTION: Final = f"""
A trace is the history of one run, both sides in one order: JSON Lines in UTF-8. `roomsim run --trace FILE` writes it; `roomsim trace show`,
`diff`, `stats` and `check` read it, see [Read a trace](../how-to/read-a-trace.md). This page is about version {TRACE_VERSION}.
"""
HEADER: Final = {
    "roomsim_trace": "version of this form",
    "scenario": "name of the scenario, its case in brackets",
    "sha256": "digest of its file, and of the parts that it uses, in hexadecimal",
    "seed": "where chance started",
    "mode": "virtual or wire",
    "network": "memory or loopback",
    "start": "wall time at microsecond 0, ISO 8601 in UTC",
    "versions": "of roomsim, and of the libraries that carry the traffic",
}
MEMBERS: Final = {
    "n": "ordinal, from 1, counting up",
    "t": "microseconds since the start, a whole number",
    "at": "the wall clock of `who` then, with what it is wrong by",
    "who": "`device:<name>`, `cloud:<service>`, `node:<address>`, `client:<user>`, `world`, `runner`",
    "kind": "see below",
    "peer": "whom it is done with",
    "id": "shared by the two sides of one message, and by its answer",
    "cause": "the `n` of the event that led to this one, always an earlier one",
    "step": "number of the step of the story that was running",
    "data": "what belongs to the kind",
    "label": "of events of the cloud: what the answer rests on (observed, documented, inferred, ours)",
}
RULES_TEXT: Final = f"""
- Absent members are left out; members come in the order of this table. There are no floats.
- Adding a member or a kind makes a new minor version, changing or removing one a new major one. A published version never changes. Readers
  leave alone what they do not know, take every minor version of their major one, and refuse the others. Extensions of others go in `meta`.
- What must not be told is not in it: a secret is `<kind#number>`, equal values with equal numbers within a run. No switch shows it.
- Real durations, ports, process ids and bytes that libraries draw by themselves do not enter. In mode `virtual` the same seed gives the
  same bytes.
- The trace hash (`trace_hash` in reports) is SHA-256 over the events in canonical order: time, actor, the actor's own order.
- Bounds: a run keeps its last {EVENTS_MAX:,} events; readers take as many, in lines of up to {LINE_MAX // 1024 // 1024} MiB.
"""
HISTORY: Final = {
    "1.0": "the first one",
    "1.1": "`acted` and `acted_us` of `step.end` and `step.failed`; `after` of `device.booted`; `headers` of `http.request`",
    "1.2": "`seen` and `given` of `step.end` and `step.failed`",
}
FOLLOWING: Final = """
What led to an event is found so: of what was received (`ws.recv`, `side: received`) it is the sending on the other side, the event with the
same `id` before it; else it is `cause`; else the event that began the exchange. `roomsim trace show --why` and the page follow that.
"""
DIFF: Final = """
`roomsim trace diff` compares in canonical order. `--ignore` names what two histories may differ in; the page of the command has the rest.
"""


def trace() -> str:
    """Return the page."""
    return page(
        "Traces",
        INTRODUCTION,
        "## The header",
        "The first line:",
        table(("member", "value"), [(code(name), text) for name, text in HEADER.items()]),
        "## Events",
        "Every other line:",
        table(("member", "value"), [(code(name), text) for name, text in MEMBERS.items()]),
        "## Rules",
        RULES_TEXT,
        "## Versions",
        table(("version", "what is new"), [(version, text) for version, text in HISTORY.items()]),
        "## What led to an event",
        FOLLOWING,
        "## What a comparison passes over",
        DIFF,
        table(("rule", "passes over"), [(code(name), text) for name, text in RULES.items()]),
        "## Kinds",
        table(
            ("kind", "what happened", "data"),
            [(code(name), kind.text, _data(kind.data)) for name, kind in KINDS.items()],
        ),
    )


def _data(data: Mapping[str, str]) -> str:
    return "; ".join(text if name == ANY else f"`{name}`: {text}" for name, text in data.items())
