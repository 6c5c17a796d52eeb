"""What is wrong with a scenario file, and where.

A problem is a place, a sentence and, where a known word is near, that word. All problems of a file are reported at once, in the order
of the file, as a compiler prints them: `file:line:column: message`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

PROBLEMS_MAX = 100
"""Problems kept per load; what comes after them is counted only."""

NEAREST_CUTOFF = 0.6
"""How alike (difflib ratio, 0..1) a known word must be to be worth suggesting."""


class Place(NamedTuple):
    """A position in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of the author: where it is, what it is, and the nearest right word if there is one."""

    place: Place
    message: str
    suggestion: str | None = None

    @property
    def file(self) -> str:
        """The file that holds the mistake."""
        return self.place.file

    @property
    def line(self) -> int:
        """Its line, from 1."""
        return self.place.line

    @property
    def column(self) -> int:
        """Its column in characters, from 1."""
        return self.place.column

    def __str__(self) -> str:
        nearest = f"; nearest: `{self.suggestion}`" if self.suggestion else ""
        return f"{self.place}: {self.message}{nearest}"


class ScenarioError(Exception):
    """One or more scenario files cannot be used; `str()` is one line per problem, in the order of the files."""

    def __init__(self, problems: Iterable[Problem], left_out: int = 0) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.place, problem.message)))
        self.left_out = left_out
        lines = [str(problem) for problem in self.problems]
        if left_out:
            lines.append(f"... and {left_out} more")
        super().__init__("\n".join(lines))


class Problems:
    """Collects problems while a file is read; `raise_if_any` ends the reading."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._found) + self._left_out

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those that were found so far, in the order in which they were noted."""
        return tuple(self._found)

    @property
    def left_out(self) -> int:
        """How many more there were than are kept."""
        return self._left_out

    def add(self, place: Place, message: str, suggestion: str | None = None) -> None:
        """Note a problem. The same one at the same place (a file read once per case) counts once."""
        problem = Problem(place, message, suggestion)
        if problem in self._found:
            return
        if len(self._found) >= PROBLEMS_MAX:
            self._left_out += 1
        else:
            self._found[problem] = None

    def unknown(self, place: Place, message: str, word: str, known: Iterable[str]) -> None:
        """Note an unknown word; the nearest of the known ones is suggested, or all of them when they are few."""
        words = sorted(set(known))
        near = nearest(word, words)
        if near is None and 0 < len(words) <= 8:
            message = f"{message}; known: {', '.join(words)}"
        self.add(place, message, near)

    def take(self, others: Problems | ScenarioError) -> None:
        """Note the problems of another file as well."""
        for problem in others.problems:
            self.add(problem.place, problem.message, problem.suggestion)
        self._left_out += others.left_out

    def raise_if_any(self) -> None:
        """Raise `ScenarioError` with everything found so far, if there is something."""
        if self._found:
            raise ScenarioError(self._found, self._left_out)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, capitals ignored, or None when none is near."""
    by_fold: dict[str, str] = {}
    for candidate in known:
        by_fold.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(word.casefold()[:200], by_fold, n=1, cutoff=NEAREST_CUTOFF)
    return by_fold[found[0]] if found else None
