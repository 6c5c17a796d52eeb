"""Words of other packages in the scenario language: verbs, event subjects and checks.

A package names a module under the entry point `roomsim.scenarios`; it is imported before the first file is read, and its words are then
like those that are here:

    @declare                                # a verb: a model whose fields are its keys
    class Badge(Verb): ...

    @implements(Badge)                      # what it does on the stage
    async def badge(stage: Stage, args: Badge) -> object: ...

    @event_subject("badge")                 # what `expect` can look at
    def badges(event: Event, device: str) -> Mapping[str, object] | None: ...

    @history_check("badge_once")            # what a whole history has to be like
    def once(events: Sequence[Event]) -> Iterator[Broken]: ...

Source: scenario-style.md section 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Final, NamedTuple

from endpoint.runtime.trace import Event
from scenarios.runner import fields
from scenarios.runner.checks import Finding
from scenarios.runner.conditions import Condition, EventCondition, Fields
from scenarios.runner.event_subjects import read_limits
from scenarios.runner.ladder import DRAWN, other
from scenarios.runner.matchers import MapOf, show
from scenarios.runner.model import CHECK_NAMES
from scenarios.runner.problems import Place, Problem, ScenarioError
from scenarios.runner.steps import SUBJECTS
from scenarios.runner.subjects import Context
from scenarios.runner.verbs import Verb, declare, implements
from scenarios.runner.whole_run import CHECKS, finding_of
from scenarios.runner.yamltree import Entry

__all__ = ["Broken", "Event", "Verb", "declare", "draw", "event_subject", "fields", "history_check", "implements"]

GROUP: Final = "roomsim.scenarios"

Select = Callable[[Event, str], Fields | None]
"""Returns the fields of an event that is of the kind in question and concerns a device (`room`), else None."""


class Broken(NamedTuple):
    """What is wrong with a history: the event that shows it, what is expected, and what is there instead."""

    event: Event
    expected: str
    found: str


Judge = Callable[[Sequence[Event]], Iterator[Broken]]


def event_subject(name: str) -> Callable[[Select], Select]:
    """Add a subject that is an event: `{field: matcher}`, with `times`, `after` and `before`."""

    def add(select: Select) -> Select:
        assert name not in SUBJECTS, f"there is a subject {name} already"

        def compile_subject(context: Context, entry: Entry) -> list[Condition]:
            node = context.map_of(entry, "fields and matchers")
            if node is None:
                return []
            limits = read_limits(context, node)
            matcher = MapOf(tuple((one.key, context.events.compile(one.node)) for one in limits.own))
            return [
                EventCondition(
                    entry.at,
                    name,
                    str(matcher),
                    select,
                    matcher,
                    lambda found: f"{name} {show(dict(found))}",
                    f"no {name} at all",
                    times=limits.times,
                    after=limits.after,
                    before=limits.before,
                )
            ]

        SUBJECTS[name] = compile_subject
        return select

    return add


def draw(family: str) -> None:
    """Let ladders draw events of a family (`badge` of `badge.seen`) on the side of who they are about."""
    assert family not in DRAWN, f"events of {family} are drawn already"
    DRAWN[family] = other


def history_check(name: str) -> Callable[[Judge], Judge]:
    """Add a check of whole histories, for `checks`."""

    def add(judge: Judge) -> Judge:
        assert name not in CHECKS, f"there is a check {name} already"

        def check(events: Sequence[Event], place: Place) -> Iterator[Finding]:
            for event, expected, found in judge(events):
                yield finding_of("unexpected", event, place, expected, found)

        CHECKS[name] = check
        CHECK_NAMES.append(name)
        return judge

    return add


@cache
def load_extensions() -> tuple[str, ...]:
    """Import what other packages bring along, once; return their names.

    Raises:
        ScenarioError: one of them cannot be imported.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
    for entry in found:
        try:
            entry.load()
        except Exception as error:
            package = entry.dist.name if entry.dist is not None else "an unknown package"
            message = f"the entry point {entry.name} of {package} cannot be loaded: {type(error).__name__}: {error}"
            raise ScenarioError([Problem(Place(entry.value, 1, 1), message)]) from error
    return tuple(entry.name for entry in found)
