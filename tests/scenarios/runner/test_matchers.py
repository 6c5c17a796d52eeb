from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner.matcher_compiler import OPERATORS, MatcherCompiler, Measure
from scenarios.runner.matchers import MISSING, Matcher, Subject, lookup
from scenarios.runner.problems import Problems, ScenarioError
from scenarios.runner.values import Ref, Template
from scenarios.runner.yamltree import graft, parse

UUID = "7d8f1f7e-0d3a-4c55-9a3f-6f8f6d2f9b10"


def compiled(text: str, *, is_state: bool = True, measure: Measure = "number") -> Matcher:
    problems = Problems()
    matcher = MatcherCompiler(problems, is_state, measure).compile(parse(text.encode(), "x.yaml"))
    problems.raise_if_any()
    return matcher


def objections(text: str, value: object, before: object = MISSING) -> list[str]:
    subject = Subject(value, "v", lambda template: template.resolve({"cloud.code": "1234"}.__getitem__), before)
    return [str(mismatch) for mismatch in compiled(text).check(subject)]


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        ("Registered", ["Registered"], ["registered", "Registered ", 1, None, MISSING, ["Registered"]]),
        ("5", [5, 5.0], ["5", 6, True, MISSING]),
        ("true", [True], [1, "true", False]),
        ("null", [None], [MISSING, 0, ""]),
        ("{ a: 1 }", [{"a": 1}, {"a": 1, "b": 2}], [{"a": 2}, {}, [], "a", MISSING]),
        ("{ a.b: 1 }", [{"a": {"b": 1}}, {"a.b": 1}], [{"a": 1}, {"b": 1}]),
        ("{ a.1.b: 1 }", [{"a": [0, {"b": 1}]}], [{"a": [{"b": 1}]}]),
        ("[1, 2]", [[1, 2]], [[1], [2, 1], [1, 2, 3], {}, "12"]),
        ("{ only: { a: 1 } }", [{"a": 1}], [{"a": 1, "b": 2}, {}]),
        ("{ is: { gt: 5 } }", [{"gt": 5}], [6]),
        ("{ is: Free }", ["Free"], ["FreeUntil"]),
        ("{ not: Free }", ["Busy", MISSING], ["Free"]),
        ("{ any: [Free, FreeUntil] }", ["Free", "FreeUntil"], ["Busy", MISSING]),
        ("{ all: [{ gt: 1 }, { lt: 5 }] }", [2, 4.9], [1, 5]),
        ("{ ge: 160, le: 166 }", [160, 163.5, 166], [159, 167, "163", True, None, MISSING]),
        ("{ gt: 1 }", [2], [1, 0]),
        ("{ lt: 1 }", [0], [1, 2]),
        ("{ ge: 2026-03-02T09:00:00Z }", ["2026-03-02T09:00:00.000Z", "2026-03-02T11:00:00+01:00"],
         ["2026-03-02T08:59:59Z", "2026-03-02T09:00:00", "noon", 5]),
        ("{ matches: '[a-z]+[0-9]' }", ["abc1"], ["abc", " abc1", 5, MISSING]),
        ("{ contains: lo }", ["hello"], ["help", 5, ["lo"], MISSING]),
        ("{ starts: he }", ["hello"], ["The"]),
        ("{ ends: lo }", ["hello"], ["low"]),
        ("{ has: { id: 2 } }", [[{"id": 1}, {"id": 2}]], [[{"id": 1}], [], {"id": 2}, MISSING]),
        ("{ each: { gt: 0 } }", [[1, 2], []], [[1, 0], 5, MISSING]),
        ("{ count: 0 }", [[], {}, MISSING], [[1], 0, "x"]),
        ("{ count: { ge: 2 } }", [[1, 2], {"a": 1, "b": 2}], [[1]]),
        ("{ exists: true }", [None, 0, ""], [MISSING]),
        ("{ exists: false }", [MISSING], [None, 0]),
        ("{ near: 10, by: 2 }", [8, 12.0], [7.9, 13, "10", MISSING]),
        ("{ near: 2026-03-02T09:00:00Z, by: 2s }", ["2026-03-02T09:00:02Z"], ["2026-03-02T09:00:02.001Z", 5]),
        ("{ type: uuid }", [UUID], [UUID.upper(), UUID[:-1], 5]),
        ("{ type: url }", ["https://wdm-a.wbx2.test/x", "wss://h"], ["wdm-a.wbx2.test", "ftp://h", ""]),
        ("{ type: iso_time }", ["2026-03-02T09:00:00.000Z"], ["2026-03-02", "09:00", 0]),
        ("{ type: base64 }", ["YWI=", "YWJj"], ["YWI", "Y-I=", ""]),
        ("{ type: base64url }", ["YWI", "a-_b"], ["a+b", ""]),
        ("{ type: integer }", [5], [5.0, True, "5"]),
        ("{ type: number }", [5, 5.5], [False, "5"]),
        ("{ type: text }", ["", "x"], [5, MISSING]),
        ("{ type: jwe }", ["a.b.c.d.e", "a....e"], ["a.b.c", ""]),
    ],
)  # fmt: skip
def test_matcher(text: str, fitting: list[object], others: list[object]) -> None:
    assert [value for value in fitting if objections(text, value)] == []
    assert [value for value in others if not objections(text, value)] == []


@pytest.mark.parametrize(
    ("text", "before", "now", "fits"),
    [
        ("{ changed: true }", 1, 2, True),
        ("{ changed: true }", 1, 1, False),
        ("{ changed: true }", MISSING, 1, True),
        ("{ changed: false }", 1, 1, True),
        ("{ from: Free, to: Busy }", "Free", "Busy", True),
        ("{ from: Free, to: Busy }", "Busy", "Busy", False),
        ("{ from: Free, to: Busy }", "Free", "Free", False),
        ("{ a: { changed: true } }", {"a": 1}, {"a": 2}, True),
        ("{ a: { changed: true } }", {"a": 1}, {"a": 1}, False),
    ],
)
def test_matcher_compares_with_the_start_of_the_step(text: str, before: object, now: object, fits: bool) -> None:
    assert fits == (not objections(text, now, before))


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("Registered", "Registring", 'v: got "Registring", expected is "Registered"; first difference at character 7: "r" for "e"'),
        ("Registered", "", 'v: got "", expected is "Registered"'),
        ("Registered", "Register", 'v: got "Register", expected is "Registered"; too short: the same up to character 8'),
        ("Free", "FreeUntil", 'v: got "FreeUntil", expected is "Free"; too long: the same up to character 4'),
        ("5", "5", 'v: got "5", expected is 5; text, not a number'),
        ('"5"', 5, 'v: got 5, expected is "5"; a number, not text; write it without quotes'),
        ("5", MISSING, "v: got nothing, expected is 5"),
        ("{ a: { b: 1 } }", {"a": {"b": 2}}, "v.a.b: got 2, expected is 1"),
        ("[1, 2]", [1], "v: got [1], expected is a list of 2; it has 1"),
        ("[1, 2]", [1, 3], "v[1]: got 3, expected is 2"),
        ("{ only: { a: 1 } }", {"a": 1, "b": 2}, "v.b: got 2, expected only the named keys"),
        ("{ ge: 160 }", 12, "v: got 12, expected ge 160"),
        ("{ ge: 160 }", "x", 'v: got "x", expected ge 160; no number'),
        ("{ near: 10, by: 2 }", 14, "v: got 14, expected near 10 by 2; off by 4"),
        ("{ near: 2026-03-02T09:00:00Z, by: 2s }", "2026-03-02T09:01:00Z",
         'v: got "2026-03-02T09:01:00Z", expected near 2026-03-02T09:00:00Z by 2s; off by 1m'),
        ("{ starts: ca }", "ce26.4", 'v: got "ce26.4", expected starts "ca"; first difference at character 2: "e" for "a"'),
        ("{ any: [Free, Busy] }", "x", 'v: got "x", expected any [Free, Busy]'),
        ("{ count: 0 }", [1, 2], "v.count: got 2, expected is 0"),
        ("{ matches: a+ }", "ab", 'v: got "ab", expected matches "a+"; a pattern covers the whole text'),
        ("{ changed: true }", 1, "v: got 1, expected changed true; it was 1"),
    ],
)  # fmt: skip
def test_mismatch_says_what_is_wrong(text: str, value: object, said: str) -> None:
    assert [said] == objections(text, value, before=1)


def test_every_wrong_key_is_named() -> None:
    assert len(objections("{ a: 1, b: 2, c: 3 }", {"a": 0, "b": 2})) == 2


def test_references_of_the_run_are_filled_in_while_matching() -> None:
    problems = Problems()
    here = parse(b"a: b", "x.yaml").at
    node = graft({"code": Template("${cloud.code}", (Ref("cloud.code"),))}, here)
    matcher = MatcherCompiler(problems).compile(node)
    resolve = {"cloud.code": "1234"}.__getitem__
    assert not matcher.check(Subject({"code": "1234"}, "", lambda template: template.resolve(resolve)))
    assert matcher.check(Subject({"code": "999"}, "", lambda template: template.resolve(resolve)))


def test_durations_are_compared_in_seconds() -> None:
    matcher = compiled("{ ge: 9s, le: 10s }", measure="duration")
    assert not matcher.check(Subject(9.5, "took", str))
    assert matcher.check(Subject(10.5, "took", str))


def test_state_operators_are_refused_for_events() -> None:
    for text in ("{ changed: true }", "{ from: a, to: b }"):
        with pytest.raises(ScenarioError, match="this is no state"):
            compiled(text, is_state=False)


def test_lookup_prefers_the_key_as_written() -> None:
    assert lookup({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert lookup({"a.b": {"c": 3}}, "a.b.c") == 3
    assert lookup({"a": 1}, "a.b") is MISSING


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("ab ", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_a_literal_matches_itself(value: object) -> None:
    assert objections(json.dumps({"is": value}), value) == []


@given(values, values)
def test_not_is_the_opposite(expected: object, value: object) -> None:
    plain_says = bool(objections(json.dumps({"is": expected}), value))
    assert plain_says != bool(objections(json.dumps({"not": {"is": expected}}), value))


@given(values, values)
def test_matching_never_raises(expected: object, value: object) -> None:
    operators = [operator for operator in OPERATORS if operator not in ("by", "to", "near", "from")]
    for operator in operators:
        try:
            said = objections(yaml.safe_dump({operator: expected}, default_flow_style=True), value)
        except ScenarioError:
            continue  # an operator may refuse the value that it is given
        negated = objections(yaml.safe_dump({"not": {operator: expected}}, default_flow_style=True), value)
        assert bool(said) != bool(negated), operator
        assert all(objection.startswith("v") for objection in said + negated)
