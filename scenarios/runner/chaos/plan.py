"""Plans: which trouble, when, and for how long; drawn from a stream, written in the words of the language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endpoint.runtime.chance import Stream
from endpoint.runtime.quality import SHAPES
from endpoint.runtime.vocabulary import FAULTS
from scenarios.runner.chaos.menu import COUNT_MAX, LONGEST_S, Dish
from scenarios.runner.fault_verbs import STATES

PERCENT_SHARE: Final = 4
"""One of so many lasting faults takes only a share of what it could hit."""
Menu = Mapping[str, Mapping[str, Dish]]
NO_ITEMS: Final = frozenset({*STATES, *SHAPES, ("media", "loss"), ("media", "jitter"), ("token", "wrong_scope")})
"""Faults that are not made of items which could be counted."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault of a plan: `at_s` virtual seconds after the plan begins, `spec` as a scenario writes it under `fault`."""

    at_s: float
    spec: Mapping[str, Any]

    @property
    def words(self) -> dict[str, Any]:
        """All that a scenario would write."""
        return {**self.spec, "after": f"{round(self.at_s * 1000)}ms", "optional": True}

    def __str__(self) -> str:
        return _written(self.words)


def draw(stream: Stream, menu: Menu, layers: Sequence[str], at_s: float) -> Trouble:
    """Draw one fault of a menu on one of the layers."""
    layer = stream.choice(layers)
    dishes = menu[layer]
    do = stream.choice([name for name, dish in dishes.items() for _ in range(dish.weight)])
    return Trouble(at_s, _spec(stream, layer, do, dishes[do]))


def _spec(stream: Stream, layer: str, do: str, dish: Dish) -> dict[str, Any]:
    spec: dict[str, Any] = {"on": layer, "do": do}
    spec |= _drawn(stream, dish.params)
    target = _drawn(stream, dish.target)
    if target:
        spec["target"] = target
    if not FAULTS[layer][do].momentary:
        has_items = (layer, do) not in NO_ITEMS
        if has_items and stream.below(2):
            spec["count"] = stream.randint(1, COUNT_MAX)
        else:
            spec["for"] = f"{stream.randint(1, LONGEST_S)}s"
        if has_items and not stream.below(PERCENT_SHARE):
            spec["percent"] = f"{stream.randint(5, 95)}%"
    return spec


def _drawn(stream: Stream, draws: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value(stream) for name, value in draws.items()}
    return {name: value for name, value in values.items() if value is not None}


def draw_plan(stream: Stream, menu: Menu, layers: Sequence[str], *, length_s: float, troubles: int) -> list[Trouble]:
    """Draw so many faults of a menu that begin within `length_s`, in the order in which they begin."""
    instants = sorted(stream.uniform(0.0, length_s) for _ in range(troubles))
    return [draw(stream, menu, layers, round(at_s, 3)) for at_s in instants]


def written(plan: Sequence[Trouble]) -> str:
    """Write a plan as a step of a scenario."""
    return "\n".join(["- fault:", "    plan:", *(f"      - {trouble}" for trouble in plan)])


def _written(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and value[:1] in "+-" else str(value)
