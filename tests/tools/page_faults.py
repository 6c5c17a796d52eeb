"""docs/reference/faults.md: the vocabulary of faults, from its table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from endpoint.runtime.field_faults import ROWS
from endpoint.runtime.field_faults.row import Row
from endpoint.runtime.vocabulary import FAULTS, PARAMETERS, Action
from scenarios.runner.schema import scenario_schema
from scenarios.runner.values import show_duration
from tests.tools import words
from tests.tools.markdown import anchor, code, page, table
from tests.tools.page_language import keys, known

INTRODUCTION = """
A fault is armed by the verb `fault` of a scenario, by the control API of the cloud, or by the control door of a device. It names a layer or
a service (`on`) and what it does there (`do`). A momentary fault happens once: now, or at the next occasion. A lasting one holds until it
is healed, until its limit is reached, or until the run ends. A fault that never bit fails the run unless it is `optional`.
"""

TABLE = """
Faults that devices meet in the field, each one switch: `fault: dns.nxdomain` in a scenario, `{"row": "dns.nxdomain"}` for the doors, see
[switch on a row](../how-to/use-the-fault-table.md). Lines of the device log are called by their marks, see the [device log](device-log.md).
C, E, W and I are the levels of Diagnostics Messages (Critical, Error, Warning, Info), WS is the xStatus `Webex Status`.
A variant is another way in which the same breaks, a switch of its own: `fault: dns.slow.servfail`; it heals by its own name.
*Well again* is the virtual time after the end of the fault within which the device is registered, has Mercury open, and holds the meetings
that the cloud has for it. Rows that cannot be switched on yet say why.

Of the messages the lower layer wins: one is shown only while the check behind it could run. Without a link nobody complains of the
cloud, and without the cloud nobody of the notification channel; what holds still shows when the layer below is well again.
"""


def faults() -> str:
    """Return the page."""
    known("FAULTS", (name for name, _ in _actions()), words.FAULTS)
    known("LAYERS", FAULTS, words.LAYERS)
    known("TARGETS", targets := _targets(), words.TARGETS)
    schemas = scenario_schema()["$defs"]["FaultSpec"]
    own = {name: one for name, one in schemas["properties"].items() if name not in PARAMETERS}
    own["row"] = own["on"] = own["do"] = {"type": "string"}
    parts = [part for layer in FAULTS for part in _layer(layer)]
    return page(
        "Faults",
        INTRODUCTION,
        "## Keys",
        keys("FAULT_KEYS", own, words.FAULT_KEYS, ["on", "do"]),
        f"The parameters of an action stand beside these keys: {code(*PARAMETERS)}.",
        "## Targets",
        table(("key", "meaning"), [(code(name), words.TARGETS[name]) for name in targets]),
        *parts,
        "## The fault table",
        TABLE,
        *_rows(),
    )


def _actions() -> list[tuple[str, str]]:
    """List what is told: actions that `mercury` shares with `websocket` are told once."""
    return [
        (f"{layer}.{do}", do)
        for layer, actions in FAULTS.items()
        for do in actions
        if layer != "mercury" or do not in FAULTS["websocket"]
    ]


def _targets() -> list[str]:
    every = (name for actions in FAULTS.values() for action in actions.values() for name in action.targets)
    return list(dict.fromkeys(every))


def _layer(layer: str) -> list[str]:
    rows = [
        (code(do), words.FAULTS[name], _parameters(FAULTS[layer][do]), code(*FAULTS[layer][do].targets), _when(FAULTS[layer][do]))
        for name, do in _actions()
        if name.partition(".")[0] == layer
    ]  # fmt: skip
    about = words.LAYERS[layer]
    head = ("do", "effect", "parameters", "aimed at", "happens")
    return [f"## {layer}", f"{about[0].upper()}{about[1:]}.", table(head, rows)]


def _parameters(action: Action) -> str:
    plain = code(*(name for name in action.params if name != "what"))
    whats = f"`what`: {code(*action.whats)}" if action.whats else ""
    return "; ".join(filter(None, (plain, whats)))


def _when(action: Action) -> str:
    if not action.momentary:
        return "until it ends"
    return "once, now" if action.happens_now else "once, at the next occasion"


def _rows() -> list[str]:
    built = sum(row.is_built for row in ROWS.values())
    told = [
        f"{built} of {len(ROWS)} rows can be switched on.",
        table(("row", "fault", "well again"), map(_line, ROWS.values())),
    ]
    for row in ROWS.values():
        told += [f"### {row.number}. {row.id}", table(("", ""), _facts(row))]
    return told


def _line(row: Row) -> tuple[str, str, str]:
    name = f"{row.number}. {row.id}"
    return f"[{name}](#{anchor(name)})", row.what, "pending" if row.pending else _recovery(row)


def _facts(row: Row) -> list[tuple[str, str]]:
    plan = _plan(row)
    facts = [
        ("fault", row.what),
        ("switch", f"pending: {row.pending}" if row.pending else f"{code(f'fault: {row.id}')} = {plan}"),
        *(("variant", _variant(one)) for one in row.switches[1:]),
        ("needs", row.before),
        ("log", row.log),
        ("xStatus, diagnostics", row.shown),
        ("people; admin site", row.people),
        ("well again", "" if row.pending else _recovery(row)),
        ("scenario", f"[{row.scenario}](../../scenarios/{row.scenario})" if row.scenario else ""),
        ("known from", row.source),
    ]
    return [(name, text) for name, text in facts if text]


def _variant(switch: Row) -> str:
    return f"{code(f'fault: {switch.id}')} = {_plan(switch)}: {switch.what}"


def _plan(switch: Row) -> str:
    return "; ".join(code(_written(spec)) for spec in switch.plan)


def _written(spec: Mapping[str, Any]) -> str:
    return json.dumps(spec).replace('"', "")


def _recovery(row: Row) -> str:
    return "never: it needs a new code" if row.recovers_s is None else f"within {show_duration(row.recovers_s)}"
