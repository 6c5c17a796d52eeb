"""Regular expressions that cannot run away.

Python's `re` backtracks: `(a+)+b` on thirty letters takes minutes, and a scenario file, or a log line that somebody else's device wrote,
must not be able to stop a run. Patterns here are compiled to a finite automaton that is stepped through all its states at once, so that
matching takes time proportional to pattern times text, whatever both hold. That excludes what no automaton can do: backreferences and
looking around. A pattern matches the whole text; there is no search, hence nothing lazy. Syntax: literals, `.`, `[a-z]`, `[^a-z]`,
`\\d \\w \\s` and their capitals, `( )`, `(?: )`, `|`, `* + ? {m} {m,} {m,n}`, and `^` and `$` at the ends.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass

PATTERN_CHARACTERS_MAX = 500
STATES_MAX = 4_000
"""States of an automaton; `{m,n}` writes its part out that often."""
REPEAT_MAX = 500
TEXT_CHARACTERS_MAX = 100_000
"""Longer texts match nothing; no value of a trace is that long."""
_GROUPS_DEEP_MAX = 30

Test = Callable[[str], bool]

_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}


class PatternError(ValueError):
    """A pattern cannot be used; the text says why and at which character."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of a pattern: `kind` is test, cat, alt or repeat."""

    kind: str
    test: Test | None = None
    parts: tuple[_Node, ...] = ()
    least: int = 0
    most: int | None = None


class Pattern:
    """A compiled pattern.

    Raises:
        PatternError: bad syntax, something that needs backtracking, or a bound of this module.
    """

    def __init__(self, source: str) -> None:
        if len(source) > PATTERN_CHARACTERS_MAX:
            raise PatternError(f"a pattern has at most {PATTERN_CHARACTERS_MAX} characters")
        self.source = source
        # A state is either a test with the state after it, or a fork with the states it leads to for nothing.
        self._tests: list[Test | None] = []
        self._next: list[list[int]] = []
        self._accept = self._state(None)
        self._start = self._compile(_Parser(source).parse(), self._accept)

    def matches(self, text: str) -> bool:
        """Say whether the whole text fits."""
        if len(text) > TEXT_CHARACTERS_MAX:
            return False
        here = self._closure([self._start])
        for character in text:
            stepped = []
            for state in here:
                test = self._tests[state]
                if test is not None and test(character):
                    stepped.extend(self._next[state])
            if not stepped:
                return False
            here = self._closure(stepped)
        return self._accept in here

    def _closure(self, states: Iterable[int]) -> list[int]:
        """Return the states reached for nothing, each once."""
        todo = list(states)
        seen = dict.fromkeys(todo)
        while todo:
            state = todo.pop()
            if self._tests[state] is None:
                fresh = [following for following in self._next[state] if following not in seen]
                seen.update(dict.fromkeys(fresh))
                todo.extend(fresh)
        return list(seen)

    def _state(self, test: Test | None, *following: int) -> int:
        if len(self._tests) >= STATES_MAX:
            raise PatternError(f"the pattern needs more than {STATES_MAX} states; repeat less")
        self._tests.append(test)
        self._next.append(list(following))
        return len(self._tests) - 1

    def _compile(self, node: _Node, after: int) -> int:
        """Add the states of a part that goes on to `after`; return its first state."""
        if node.kind == "test":
            return self._state(node.test, after)
        if node.kind == "alt":
            return self._state(None, *[self._compile(part, after) for part in node.parts])
        if node.kind == "cat":
            for part in reversed(node.parts):
                after = self._compile(part, after)
            return after
        return self._repeat(node, after)

    def _repeat(self, node: _Node, after: int) -> int:
        (part,) = node.parts
        if node.most is None:
            fork = self._state(None, after)
            self._next[fork].append(self._compile(part, fork))
            start = fork
        else:
            start = after
            for _ in range(node.most - node.least):
                start = self._state(None, after, self._compile(part, start))
        for _ in range(node.least):
            start = self._compile(part, start)
        return start


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._deep = 0

    def parse(self) -> _Node:
        if self._source.startswith("^"):
            self._at = 1
        node = self._alternatives()
        if self._at < len(self._source):
            raise self._error("a ) closes nothing")
        return node

    def _error(self, what: str) -> PatternError:
        return PatternError(f"{what}, at character {self._at + 1} of the pattern")

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise self._error("the pattern ends too early")
        self._at += 1
        return character

    def _alternatives(self) -> _Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else _Node("alt", parts=tuple(branches))

    def _sequence(self) -> _Node:
        parts = []
        while self._peek() not in ("", "|", ")"):
            if self._peek() == "$" and self._at == len(self._source) - 1:
                self._at += 1
                break
            parts.append(self._repeated(self._atom()))
        return _Node("cat", parts=tuple(parts))

    def _atom(self) -> _Node:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return _Node("test", test=self._set())
        if character == ".":
            return _Node("test", test=lambda other: other != "\n")
        if character == "\\":
            return _Node("test", test=self._escape())
        self._at -= 1
        if character in "*+?{":
            raise self._error(f"{character} has nothing to repeat; a literal one is \\{character}")
        if character in "^$":
            raise self._error(f"{character} only stands at the end of a pattern, which always matches the whole text")
        self._at += 1
        return _Node("test", test=character.__eq__)

    def _group(self) -> _Node:
        if self._peek() == "?":
            if self._source[self._at : self._at + 2] != "?:":
                raise self._error("looking around, flags and names are not supported; only (?: ) is")
            self._at += 2
        self._deep += 1
        if self._deep > _GROUPS_DEEP_MAX:
            raise self._error(f"groups are nested deeper than {_GROUPS_DEEP_MAX}")
        inner = self._alternatives()
        if self._peek() != ")":
            raise self._error("a ( is not closed")
        self._at += 1
        self._deep -= 1
        return inner

    def _repeated(self, node: _Node) -> _Node:
        character = self._peek()
        if not character or character not in "*+?{":
            return node
        self._at += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(character) or self._counts()
        if self._peek() and self._peek() in "*+?{":
            raise self._error("nothing is lazy, possessive or repeated twice here: the whole text is matched")
        return _Node("repeat", parts=(node,), least=least, most=most)

    def _counts(self) -> tuple[int, int | None]:
        found = re.compile(r"([0-9]{1,4})(,([0-9]{0,4}))?\}").match(self._source, self._at)
        if found is None:
            raise self._error("a repetition is written {3}, {3,} or {3,5}; a literal brace is \\{")
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if least > REPEAT_MAX or (most is not None and not least <= most <= REPEAT_MAX):
            raise self._error(f"a repetition counts up, to {REPEAT_MAX} at most")
        self._at = found.end()
        return least, most

    def _escape(self) -> Test:
        character = self._take()
        if character.lower() in _CLASSES:
            test = _CLASSES[character.lower()]
            return test if character.islower() else lambda other: not test(other)
        return self._literal(character).__eq__

    def _literal(self, character: str) -> str:
        """Return what an escaped character stands for."""
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character in string.ascii_letters or character in string.digits:
            self._at -= 1
            raise self._error(f"\\{character} is not supported (no backreferences, no \\b)")
        return character

    def _set(self) -> Test:
        is_negated = self._peek() == "^"
        if is_negated:
            self._at += 1
        tests: list[Test] = []
        while True:
            character = self._take()
            if character == "]" and tests:
                break
            tests.append(self._member(character))
        if is_negated:
            return lambda other: not any(test(other) for test in tests)
        return lambda other: any(test(other) for test in tests)

    def _member(self, character: str) -> Test:
        if character == "\\":
            escaped = self._take()
            if escaped.lower() in _CLASSES:
                self._at -= 1
                return self._escape()
            character = self._literal(escaped)
        if self._peek() != "-" or self._source[self._at + 1 : self._at + 2] in ("]", ""):
            return character.__eq__
        self._at += 1
        last = self._take()
        if last == "\\":
            last = self._literal(self._take())
        if last < character:
            raise self._error(f"the range {character}-{last} runs backwards")
        return lambda other: character <= other <= last
