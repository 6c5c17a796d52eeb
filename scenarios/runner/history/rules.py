"""What two histories may differ in and still be called equal: ids, times, and what else is named.

Ids are not cut out but paired: what one history calls `a`, the other calls `b`, from its first mention to its last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from scenarios.runner.matchers import MISSING

RULES: Final[Mapping[str, str]] = {
    "ids": (
        "what looks like an id: a UUID, 8 or more hexadecimal digits, 22 or more characters of base64url with a digit"
        " among them; an id of one history stands for the same id of the other everywhere"
    ),
    "times": (
        "instants (`t`, `at`, ISO 8601, HTTP dates, milliseconds since 1970), members that end in `_ms`, `_us`, `took` or `took_s`,"
        " causes, and the order of different actors"
    ),
    "steps": "which step was running",
    "labels": "what an answer of the cloud rests on",
    "logs": "lines of the device log",
}
"""The rules by name, and what each passes over. A dotted path such as `data.body.etag` is a rule too: that member is passed over."""

PAIRS_MAX: Final = 200_000
"""Ids that are remembered in a comparison; those that come later are passed over without being paired."""

_ID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|(?<![0-9A-Za-z_-])(?:(?=[a-f]{0,200}[0-9])[0-9a-f]{8,}|[0-9A-F]{16,})(?![0-9A-Za-z_-])"
    r"|(?<![0-9A-Za-z_-])(?=[A-Za-z_-]{0,200}[0-9])[0-9A-Za-z_-]{22,}={0,2}(?![0-9A-Za-z_-])"
)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
    r"|(?<![0-9])1[0-9]{12}(?![0-9])"
)
_TIMED = re.compile(r"(?:.*_(?:ms|us)|took(?:_s)?)\Z")
_MILLISECONDS: Final = range(10**12, 2 * 10**12)


class Difference(NamedTuple):
    """A member that differs: its dotted path, and what stands there on each side."""

    path: str
    left: object
    right: object


@dataclass
class Ignoring:
    """The rules of one comparison, and the ids that were paired so far."""

    names: frozenset[str] = frozenset()
    _pairs: dict[str, str] = field(default_factory=dict)
    _back: dict[str, str] = field(default_factory=dict)

    @property
    def has_times(self) -> bool:
        """Say whether times are passed over."""
        return "times" in self.names

    def differences(self, left: object, right: object, path: str = "", *, pairs: bool = True) -> Iterator[Difference]:
        """Yield where two values differ; without `pairs` any id is like any other, and none is remembered."""
        if path in self.names:
            return
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            for key in [*left, *(key for key in right if key not in left)]:
                below = f"{path}.{key}" if path else str(key)
                if not (self.has_times and _TIMED.match(str(key))):
                    yield from self.differences(left.get(key, MISSING), right.get(key, MISSING), below, pairs=pairs)
        elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
            for nth in range(max(len(left), len(right))):
                one, other = (side[nth] if nth < len(side) else MISSING for side in (left, right))
                yield from self.differences(one, other, f"{path}.{nth}", pairs=pairs)
        elif not self._is_same(left, right, pairs):
            yield Difference(path, left, right)

    def _is_same(self, left: Any, right: Any, pairs: bool) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return left == right if not self.names else self._is_same_text(left, right, pairs)
        if self.has_times and all(type(side) is int and side in _MILLISECONDS for side in (left, right)):
            return True
        return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)

    def _is_same_text(self, left: str, right: str, pairs: bool) -> bool:
        if self.has_times:
            left, right = (_TIME.sub("<time>", text) for text in (left, right))
        if "ids" not in self.names:
            return left == right
        if _ID.sub("<id>", left) != _ID.sub("<id>", right):
            return False
        both = list(zip(_ID.findall(left), _ID.findall(right), strict=True))
        if not pairs:
            return True
        if any(self._pairs.get(one, other) != other or self._back.get(other, one) != one for one, other in both):
            return False
        for one, other in both:
            if len(self._pairs) < PAIRS_MAX:
                self._pairs[one], self._back[other] = other, one
        return True


def ignoring(text: Iterable[str]) -> Ignoring:
    """Read rules as the command line has them: names and dotted paths, separated by commas.

    Raises:
        ValueError: a name is no rule.
    """
    names = [name.strip() for part in text for name in part.split(",") if name.strip()]
    for name in names:
        if name not in RULES and "." not in name:
            raise ValueError(
                f"--ignore: no rule is named `{name}`; there are {', '.join(RULES)}, and paths such as data.body.etag"
            )
    return Ignoring(frozenset(names))
