"""From a tree to a matcher, with every complaint at its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from scenarios.runner import matchers as m
from scenarios.runner.fields import read_flag
from scenarios.runner.matchers import Matcher
from scenarios.runner.pattern import Pattern, PatternError
from scenarios.runner.problems import Problems
from scenarios.runner.values import Template, read_duration, read_rate
from scenarios.runner.yamltree import Mapping, Node, Scalar, Sequence, kind_of, plain

Measure = Literal["number", "duration", "rate"]

NOT_OPERATORS: Final = {
    "eq": "is", "equals": "is", "ne": "not", "gte": "ge", "lte": "le", "regex": "matches", "regexp": "matches",
    "startswith": "starts", "starts_with": "starts", "endswith": "ends", "ends_with": "ends", "length": "count", "len": "count",
}  # fmt: skip
"""Operators of other languages. Alone in a map they are taken for a slip, and the right word is shown."""

_PAIRS: Final = {"near": "by", "from": "to"}
_STATEFUL: Final = ("changed", "from", "to")


@dataclass(frozen=True, slots=True)
class MatcherCompiler:
    """Compiles matchers.

    `is_state` says that the subject has a value at the start of the step, so that `changed` and `from` make sense; `measure` how
    scalars of the subject are written (durations are compared in seconds, rates per second).
    """

    problems: Problems
    is_state: bool = False
    measure: Measure = "number"

    def compile(self, node: Node) -> Matcher:
        """Compile a node; `Anything` when it was wrong, which is then among the problems."""
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Sequence):
            return m.ListOf(tuple(self.compile(item) for item in node.items))
        if is_operator_map(node):
            return self._operators(node)
        if node.entries and all(entry.key in NOT_OPERATORS or entry.key in OPERATORS for entry in node.entries):
            return self._slips(node)
        return m.MapOf(tuple((entry.key, self.compile(entry.node)) for entry in node.entries))

    def literal(self, node: Node) -> Matcher:
        """Compile a node that holds no operators at any depth."""
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Sequence):
            return m.ListOf(tuple(self.literal(item) for item in node.items))
        return m.MapOf(tuple((entry.key, self.literal(entry.node)) for entry in node.entries))

    def _scalar(self, node: Scalar) -> Matcher:
        if self.measure != "number":
            amount = self.amount(node)
            return m.Anything() if amount is None else m.Literal(amount)
        return m.Literal(node.value)

    def amount(self, node: Node) -> float | None:
        """Read a duration in seconds or a rate per second, as the subject is one; None when it is wrong, which is a problem then."""
        try:
            return (read_rate if self.measure == "rate" else read_duration)(plain(node))
        except ValueError as error:
            self.problems.add(node.at, str(error))
            return None

    def seconds(self, node: Node) -> float | None:
        """Read a duration in seconds; None when it is wrong, which is then among the problems."""
        try:
            return read_duration(plain(node))
        except ValueError as error:
            self.problems.add(node.at, str(error))
            return None

    def _slips(self, node: Mapping) -> Matcher:
        for entry in node.entries:
            if entry.key in NOT_OPERATORS:
                message = f"`{entry.key}` is no operator (a map with such a key is written {{is: {{...}}}})"
                self.problems.add(entry.at, message, NOT_OPERATORS[entry.key])
        return m.Anything()

    def _operators(self, node: Mapping) -> Matcher:
        parts = []
        for entry in node.entries:
            if entry.key in _STATEFUL and not self.is_state:
                self.problems.add(entry.at, f"`{entry.key}` compares with the start of the step; this is no state")
            elif entry.key in _PAIRS.values():
                first = next(key for key, second in _PAIRS.items() if second == entry.key)
                if node.get(first) is None:
                    self.problems.add(entry.at, f"`{entry.key}` belongs to `{first}`, which is missing")
            elif entry.key in _PAIRS and node.get(_PAIRS[entry.key]) is None:
                self.problems.add(entry.at, f"`{entry.key}` needs `{_PAIRS[entry.key]}` beside it")
            else:
                parts.append(OPERATORS[entry.key](self, node, entry.node))
        return parts[0] if len(parts) == 1 else m.AllOf(tuple(parts))

    def several(self, node: Node, operator: str) -> tuple[Matcher, ...]:
        """Compile the list of an operator that takes several matchers."""
        if isinstance(node, Sequence) and node.items:
            return tuple(self.compile(item) for item in node.items)
        self.problems.add(node.at, f"`{operator}` takes a list of at least one matcher")
        return ()

    def text(self, node: Node, operator: str) -> str | Template:
        """Read the text of an operator that takes text."""
        value = plain(node)
        if isinstance(value, (str, Template)):
            return value
        self.problems.add(node.at, f"`{operator}` takes text, not {kind_of(node)}; put it in quotes")
        return ""

    def flag(self, node: Node, operator: str) -> bool:
        """Read the true or false of an operator."""
        try:
            return read_flag(plain(node))
        except ValueError as error:
            self.problems.add(node.at, f"`{operator}`: {error}")
            return False

    def bound(self, node: Node, operator: str) -> tuple[float, str, bool] | None:
        """Read a bound: a number, an instant, or a duration where the subject is one; with how to show it, and whether it is an instant."""
        value = plain(node)
        if self.measure != "number":
            amount = self.amount(node)
            return None if amount is None else (amount, str(value), False)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value), m.show(value), False
        instant = m.instant_of(value)
        if instant is not None:
            return instant.timestamp(), str(value), True
        self.problems.add(node.at, f"`{operator}` takes a number or an instant, not {kind_of(node)}")
        return None


def is_operator_map(node: Node) -> bool:
    """Say whether a node is a map of nothing but operators."""
    return isinstance(node, Mapping) and bool(node.entries) and all(entry.key in OPERATORS for entry in node.entries)


Operator = Callable[[MatcherCompiler, Mapping, Node], Matcher]


def _ordered(operator: str) -> Operator:
    def build(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
        bound = compiler.bound(node, operator)
        return m.Anything() if bound is None else m.Ordered(operator, *bound)

    return build


def _text_test(operator: str) -> Operator:
    return lambda compiler, whole, node: m.HasText(operator, compiler.text(node, operator))


def _matches(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    source = compiler.text(node, "matches")
    if isinstance(source, Template):
        compiler.problems.add(node.at, f"a pattern is needed before the run, and `{source}` is known only during it")
        return m.Anything()
    try:
        return m.Matches(Pattern(source))
    except PatternError as error:
        compiler.problems.add(node.at, str(error))
        return m.Anything()


def _near(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    by = whole.get("by")
    assert by is not None, "pairs are checked before"
    centre = compiler.bound(node, "near")
    if centre is None:
        return m.Anything()
    number, shown, is_instant = centre
    if is_instant or compiler.measure == "duration":
        tolerance = compiler.seconds(by.node)
    else:
        bound = compiler.bound(by.node, "by")
        tolerance = None if bound is None else bound[0]
    if tolerance is None:
        return m.Anything()
    return m.Near(number, tolerance, f"{shown} by {plain(by.node)}", is_instant)


def _from_to(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    to = whole.get("to")
    assert to is not None, "pairs are checked before"
    return m.FromTo(compiler.compile(node), compiler.compile(to.node))


def _count(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    return m.Count(MatcherCompiler(compiler.problems).compile(node))


def _type(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    name = plain(node)
    if isinstance(name, str) and name in m.TYPES:
        return m.OfType(name)
    message = f"{m.show(name)} is no type (a map with such a key is written {{is: {{type: ...}}}})"
    compiler.problems.unknown(node.at, message, str(name), m.TYPES)
    return m.Anything()


def _only(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    if not isinstance(node, Mapping):
        compiler.problems.add(node.at, f"`only` takes a map, not {kind_of(node)}")
        return m.Anything()
    return m.MapOf(tuple((entry.key, compiler.compile(entry.node)) for entry in node.entries), is_closed=True)


def _unreachable(compiler: MatcherCompiler, whole: Mapping, node: Node) -> Matcher:
    raise AssertionError("the second word of a pair is read with its first")


OPERATORS: Final[dict[str, Operator]] = {
    "is": lambda compiler, whole, node: compiler.literal(node),
    "not": lambda compiler, whole, node: m.Not(compiler.compile(node)),
    "any": lambda compiler, whole, node: m.AnyOf(compiler.several(node, "any")),
    "all": lambda compiler, whole, node: m.AllOf(compiler.several(node, "all")),
    **{operator: _ordered(operator) for operator in m.ORDERINGS},
    "matches": _matches,
    **{operator: _text_test(operator) for operator in m.TEXT_TESTS},
    "has": lambda compiler, whole, node: m.Has(compiler.compile(node)),
    "each": lambda compiler, whole, node: m.Each(compiler.compile(node)),
    "count": _count,
    "exists": lambda compiler, whole, node: m.Exists(compiler.flag(node, "exists")),
    "near": _near,
    "by": _unreachable,
    "changed": lambda compiler, whole, node: m.Changed(compiler.flag(node, "changed")),
    "from": _from_to,
    "to": _unreachable,
    "type": _type,
    "only": _only,
}
"""Every operator and what it makes of its value."""
