from __future__ import annotations

import pytest

from scenarios.runner.problems import Place, Problems, ScenarioError
from scenarios.runner.references import Scope
from scenarios.runner.values import Ref, Template
from scenarios.runner.yamltree import graft, plain

HERE = Place("x.yaml", 1, 1)


def fill(value: object, scope: Scope) -> object:
    problems = Problems()
    found = plain(scope.fill(graft(value, HERE), problems))
    problems.raise_if_any()
    return found


def test_values_of_the_file_are_filled_in_and_keep_their_type() -> None:
    scope = Scope({"n": 5, "on": True, "list": [1, 2]}, case="first")
    written = {"a": "${vars.n}", "b": "n=${vars.n}, ${vars.on}", "c": ["${vars.list}"], "d": "${case.name}"}
    assert fill(written, scope) == {"a": 5, "b": "n=5, true", "c": [[1, 2]], "d": "first"}


def test_values_of_the_run_stay_templates() -> None:
    scope = Scope({"who": "Ada"})
    assert fill("${vars.who}: ${cloud.code}", scope) == Template(
        "${vars.who}: ${cloud.code}", ("Ada", ": ", Ref("cloud.code"))
    )
    assert fill("${cloud.url.wdm}", scope) == Template("${cloud.url.wdm}", (Ref("cloud.url.wdm"),))


def test_literal_brace_is_kept() -> None:
    assert fill("$${cloud.code}", Scope({})) == "${cloud.code}"


def test_saved_value_is_known_from_where_it_is_saved() -> None:
    scope = Scope({})
    with pytest.raises(ScenarioError, match=r"nothing is named `saved.x` \(nothing before this place saves it\)"):
        fill("${saved.x}", scope)
    scope.save("x")
    assert isinstance(fill("${saved.x}", scope), Template)


def test_key_can_refer_to_text_of_the_file_only() -> None:
    assert fill({"${vars.path}": 1}, Scope({"path": "Webex Status"})) == {"Webex Status": 1}
    with pytest.raises(ScenarioError, match="a key can only hold references to text of vars or case"):
        fill({"${cloud.code}": 1}, Scope({}))


def test_unknown_name_suggests_a_known_one() -> None:
    with pytest.raises(ScenarioError, match=r"nothing is named `cloud\.url\.wmd`; nearest: `cloud\.url\.wdm`"):
        fill("${cloud.url.wmd}", Scope({}))
