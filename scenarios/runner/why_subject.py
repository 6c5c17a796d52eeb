"""The subject `why`: which link of the chain to the Join button is broken, as `roomsim why` would say."""

from __future__ import annotations

from typing import Final

from endpoint.wire.why_causes import OK, UNKNOWN, WORDS
from scenarios.runner.conditions import Condition, StateCondition, View
from scenarios.runner.subjects import Context, literals_of
from scenarios.runner.why_text import plain
from scenarios.runner.yamltree import Entry, Sequence

SAYS: Final = f"a cause is {OK}, {UNKNOWN}, or a key of docs/reference/why.md"


def compile_why(context: Context, entry: Entry) -> list[Condition]:
    """Compile the subject `why`: meetings, and the cause of each; a list holds all causes, in the order of the answer."""
    node = context.map_of(entry, "meetings and causes")
    found: list[Condition] = []
    for one in node.entries if node else ():
        for scalar in literals_of(one.node):
            if scalar.value not in WORDS:
                context.problems.unknown(scalar.at, f"`{scalar.value}` is no cause: {SAYS}", str(scalar.value), WORDS)

        def read(
            view: View, device: str, meeting: str = one.key, whole: bool = isinstance(one.node, Sequence)
        ) -> object:
            report = view.why(device, meeting, thoroughly=False)
            return list(report.keys) if whole else report.cause

        def explain(view: View, device: str, meeting: str = one.key) -> tuple[str, ...]:
            return tuple(plain(view.why(device, meeting)))

        matcher = context.states.compile(one.node)
        what = "whys" if isinstance(one.node, Sequence) else "why"
        found.append(StateCondition(one.at, f"why {one.key}", read, matcher, explain, of=f"{what} {one.key}"))
    return found
