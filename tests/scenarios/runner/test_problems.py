from __future__ import annotations

import pytest

from scenarios.runner import problems
from scenarios.runner.problems import Place, Problem, Problems, ScenarioError, nearest

HERE = Place("a.yaml", 3, 5)


def test_problem_prints_like_a_compiler() -> None:
    assert str(Problem(HERE, "unknown key `clok`", "clock")) == "a.yaml:3:5: unknown key `clok`; nearest: `clock`"
    assert str(Problem(HERE, "`name` is missing")) == "a.yaml:3:5: `name` is missing"


def test_problem_names_its_place() -> None:
    problem = Problem(HERE, "x")
    assert (problem.file, problem.line, problem.column) == ("a.yaml", 3, 5)


def test_problems_are_reported_in_the_order_of_the_file_and_once() -> None:
    found = Problems()
    found.add(Place("a.yaml", 10, 1), "second")
    found.add(Place("a.yaml", 9, 1), "first")
    found.add(Place("a.yaml", 9, 1), "first")
    with pytest.raises(ScenarioError) as caught:
        found.raise_if_any()
    assert str(caught.value) == "a.yaml:9:1: first\na.yaml:10:1: second"


def test_problems_beyond_the_bound_are_counted() -> None:
    found = Problems()
    for line in range(problems.PROBLEMS_MAX + 7):
        found.add(Place("a.yaml", line + 1, 1), "wrong")
    with pytest.raises(ScenarioError) as caught:
        found.raise_if_any()
    assert len(caught.value.problems) == problems.PROBLEMS_MAX
    assert str(caught.value).endswith("... and 7 more")


def test_no_problem_raises_nothing() -> None:
    found = Problems()
    found.raise_if_any()
    assert len(found) == 0


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("Registred", ["Registering", "Registered"], "Registered"),
        ("WEBEX STATUS", ["Webex Status", "Webex Domain"], "Webex Status"),
        ("zebra", ["advance", "wait"], None),
        ("x", [], None),
    ],
)
def test_nearest_word(word: str, known: list[str], expected: str | None) -> None:
    assert expected == nearest(word, known)


def test_few_known_words_are_listed_when_none_is_near() -> None:
    found = Problems()
    found.unknown(HERE, "no device is named `x`", "x", ["room", "desk"])
    with pytest.raises(ScenarioError, match="no device is named `x`; known: desk, room"):
        found.raise_if_any()
