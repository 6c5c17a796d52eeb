"""Finding the recorded request that a request is, and explaining why it is none.

Strict: method, address, query and body are those of a recorded request, as far as the rules let them; each is answered once. Lenient: of
the recorded requests with the same method and address the best one, again and again where there is no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from scenarios.runner.recording.model import Exchange, read_json
from scenarios.runner.recording.rules import Difference, Pairs, Rules, show

SHOWN_MAX: Final = 8
"""Differences that a near miss shows."""
ALIKE_MIN: Final = 0.6
"""A recorded request that is less like the asked one, or whose path is, is no near miss."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: host without port, path, query as text, body as text."""

    method: str
    host: str
    path: str
    query: str = ""
    body: str = ""
    mime: str = ""

    @property
    def title(self) -> str:
        """Method and address in one line."""
        return f"{self.method} {self.host}{self.path}"


@dataclass
class Matcher:
    """Matches the requests of one replay, one after the other."""

    exchanges: list[Exchange]
    rules: Rules
    is_strict: bool
    pairs: Pairs = field(default_factory=Pairs)
    used: set[int] = field(default_factory=set)

    def find(self, asked: Asked) -> Exchange | None:
        """Return the recorded request that is meant, and take note that it was used; None if there is none."""
        there = [one for one in self.exchanges if one.method == asked.method and self._is_address(one, asked)]
        exact = [one for one in there if self.pairs.text(one.path) == asked.path]
        there = exact or there
        fitting = [one for one in there if not self.differences(one, asked)]
        unused = [one for one in fitting if one.n not in self.used]
        found = unused[0] if unused else None
        if found is None and not self.is_strict:
            left = [one for one in there if one.n not in self.used]
            found = next(iter(left or fitting[-1:] or there[-1:]), None)
        if found is not None:
            self.used.add(found.n)
            self.pairs.learn(found.path, asked.path)
            self.pairs.learn(content(found.body, found.mime), content(asked.body, asked.mime))
        return found

    def _is_address(self, one: Exchange, asked: Asked) -> bool:
        is_host = one.host == asked.host or "hosts" in self.rules.ignored
        return is_host and self.rules.text(self.pairs.text(one.path)) == self.rules.text(asked.path)

    def differences(self, one: Exchange, asked: Asked) -> list[Difference]:
        """Return where query and body of a request are others than the recorded ones."""
        found = self.rules.differences(
            self.rules.query(one.url), dict(parse_qsl(asked.query, keep_blank_values=True)), "query"
        )
        found += self.rules.differences(content(one.body, one.mime), content(asked.body, asked.mime), "body")
        return found

    def near_miss(self, asked: Asked) -> list[str]:
        """Explain a request that was not found by the recorded one that is most like it, field by field."""
        best, score = None, ALIKE_MIN
        for one in self.exchanges:
            alike = self._alike(one, asked)
            if alike > score:
                best, score = one, alike
        if best is None:
            return [f"{asked.title}: nothing like it was recorded"]
        rows = [f"{asked.title}: not recorded so; nearest is request {best.n}, {best.title}"]
        fields = [
            ("method", best.method, asked.method),
            ("host", best.host, asked.host),
            ("path", best.path, asked.path),
        ]
        for name, recorded, actual in fields:
            is_same = self.rules.text(self.pairs.text(recorded)) == self.rules.text(actual) or (
                name == "host" and "hosts" in self.rules.ignored
            )
            mark = "" if is_same else "   <<<"
            rows.append(f"  {name:<7} recorded {recorded}   asked {actual}{mark}")
        found = self.differences(best, asked)
        rows += [
            f"  {difference.place:<7} recorded {difference.recorded}   asked {difference.actual}   <<<"
            for difference in found[:SHOWN_MAX]
        ]
        if len(found) > SHOWN_MAX:
            rows.append(f"  ... {len(found) - SHOWN_MAX} more differences")
        if not found and best.n in self.used and self._is_address(best, asked) and best.method == asked.method:
            times = sum(1 for one in self.exchanges if one.title == best.title)
            rows.append(f"  times   recorded {times}   asked once more   <<<")
        return rows

    def _alike(self, one: Exchange, asked: Asked) -> float:
        path = SequenceMatcher(None, self.rules.text(one.path), self.rules.text(asked.path)).ratio()
        if path < ALIKE_MIN:
            return 0.0
        return 0.6 * path + 0.2 * (one.method == asked.method) + 0.2 * (one.host == asked.host)


def content(body: str, mime: str) -> Any:
    """Return a body as it is compared: JSON and forms by their members, everything else as text."""
    if "x-www-form-urlencoded" in mime:
        return dict(parse_qsl(body, keep_blank_values=True))
    found = read_json(body)
    return found if found is not None else body


def asked_of(method: str, url: str, body: str, mime: str) -> Asked:
    """Return a request by its URL."""
    parts = urlsplit(url)
    return Asked(method, parts.hostname or "", parts.path, parts.query, body, mime)


__all__ = ["Asked", "Matcher", "asked_of", "content", "show"]
