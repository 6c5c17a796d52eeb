"""Literals of scenarios against what the members of lists and maps can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from scenarios.runner.booking_keys import SHAPE
from scenarios.runner.call_subjects import CALL, ENTRY
from scenarios.runner.cloud_paths import fields_of
from scenarios.runner.lifecycles import STATES
from scenarios.runner.model import Scenario
from scenarios.runner.run import RunOptions, run_scenario
from scenarios.runner.spaces import Space
from scenarios.runner.stage import Stage
from scenarios.runner.view import StageView
from tests.scenarios.stories import SCENARIOS, play, story

WATCHED = ("calls/incoming_not_taken.yaml", "calendar/join_button.yaml")


def outside(shape: Any, value: Any, path: str) -> list[str]:
    """Return the members of a value that its shape does not allow."""
    if isinstance(shape, Space):
        fits = {
            "words": value in shape.words,
            "text": isinstance(value, str),
            "number": isinstance(value, (int, float)) and not isinstance(value, bool),
            "flag": isinstance(value, bool),
            "any": True,
        }
        return [] if fits[shape.kind] or value is None else [f"{path}: {value!r} is no {shape}"]
    if isinstance(shape, list):
        return [found for item in value for found in outside(shape[0], item, path)]
    assert isinstance(value, Mapping), path
    return [
        found for key, inner in value.items()
        for found in (outside(shape[key], inner, f"{path}.{key}") if key in shape else [f"{path}: no {key}"])
    ]  # fmt: skip


@pytest.mark.parametrize("file", WATCHED)
def test_what_a_run_shows_is_within_the_spaces(file: str) -> None:
    wrong: dict[str, None] = {}
    states: dict[str, None] = {}

    def look(stage: Stage) -> None:
        view = StageView(stage)
        for name in stage.devices:
            found = outside([CALL], view.calls(name), "calls") + outside([ENTRY], view.history(name), "history")
            wrong.update(dict.fromkeys(found + outside(SHAPE, view.bookings(name), "bookings")))

    scenario = from_file(file)
    watched: list[Stage] = []
    outcome = run_scenario(scenario, RunOptions(after=watched.append))
    assert outcome.trace is not None
    for event in outcome.trace.events:
        if event.kind == "machine" and event.who.startswith("device:"):
            machine, to = str(event.data["machine"]), str(event.data["to"]).casefold()
            if machine != "mercury" and to not in STATES[machine]:
                states[f"{machine}: {to}"] = None
    for step in range(1, len(scenario.steps) + 1, 3):
        run_scenario(scenario, RunOptions(until_step=step, after=look))
    assert (list(wrong), list(states)) == ([], [])


def from_file(name: str) -> Scenario:
    return story((SCENARIOS / name).read_text())


def test_every_field_that_the_cloud_shows_has_its_values() -> None:
    assert fields_of("code")["state"] == Space("words", ("NEW", "PENDING", "CONSUMED", "LOCKED", "EXPIRED"))
    assert fields_of("device")["online"].kind == "flag"
    assert fields_of("nothing") == {}


def test_any_lifecycle_of_the_device_can_be_a_state() -> None:
    outcome = play(
        """
        device: { at: online }
        steps:
          - standby: halfwake
            expect: { machine: { standby: Halfwake }, within: 5s }
          - standby: "off"
            expect: { machine: { standby: { not: Halfwake } }, within: 5s }
        """
    )
    assert outcome.result == "passed", outcome.reports
