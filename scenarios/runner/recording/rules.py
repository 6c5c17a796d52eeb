"""What counts as the same: ids, times and secrets differ in each run, and are told from what must not.

A rule says what it ignores. Texts are compared after what a rule ignores was replaced by its name; where such parts differ, the pair is
remembered, so that the other side's id stands where the recorded one stood from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from endpoint.runtime.clock import EPOCH
from endpoint.wire.conventions import format_http_date, parse_http_date
from endpoint.wire.errors import RemoteProtocolError

PAIRS_MAX: Final = 50_000
DIFFERENCES_MAX: Final = 200
SHOWN_MAX: Final = 90
"""Characters of a value that a line of a report shows."""
ID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|\b(?=[A-Za-z0-9+/_=-]{0,128}?\d)(?=[A-Za-z0-9+/_=-]{0,128}?[A-Za-z])[A-Za-z0-9+_=-]{20,}"
)
"""It looks ahead lazily and within a bound, or long texts in base64 would take minutes."""
TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)"
    r"|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
)
SECRET: Final = re.compile(r"<[a-z_]+#\d+>")
HOST: Final = re.compile(r"\b(?:https?|wss?)://[^/\s\"'?#]+|(?<![\w.])(?:127\.0\.0\.1|localhost):\d+")
KEY_MEMBERS: Final = frozenset({"rsapublickey", "x5c", "certificates", "trustlist"})
EPOCH_MS: Final = range(10**12, 10**13)
TIME_MEMBERS: Final = frozenset(
    {"timestamp", "clienttimestamp", "wswritetimestamp", "expires", "expires_in", "refresh_token_expires", "fromdate", "todate",
     "refresh_token_expires_in", "lastmodified", "lastsequence", "time", "date", "clockskew", "sequence", "sequencenumber",
     "latencyinmilliseconds", "total-duration-ms"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that may differ: a name for `--ignore` and `--compare`, and what it covers."""

    name: str
    what: str
    is_default: bool = True


RULES: Final = (
    Rule("ids", "UUIDs, tracking ids and other long ids inside texts"),
    Rule(
        "times",
        "instants, HTTP dates, epoch milliseconds, members such as expires_in or sequenceNumber, measured latencies",
    ),
    Rule("secrets", "what stands as <kind#n> in the recording: any value is as good"),
    Rule("keys", "public keys and certificates of the cloud"),
    Rule("hosts", "scheme, host and port of addresses"),
    Rule("order", "the order of a list's elements", is_default=False),
)
NAMES: Final = tuple(rule.name for rule in RULES)


@dataclass(frozen=True, slots=True)
class Difference:
    """A place at which two values differ."""

    place: str
    recorded: str
    actual: str

    def __str__(self) -> str:
        return f"{self.place}: recorded {self.recorded}, got {self.actual}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold; `members` are names of members, or dotted places with `*`, that are not compared."""

    ignored: frozenset[str] = frozenset(rule.name for rule in RULES if rule.is_default)
    members: tuple[str, ...] = ()

    @classmethod
    def of(cls, ignore: Iterable[str], compare: Iterable[str]) -> Rules:
        """Widen the rules by names of rules or members, and narrow them by names of rules.

        Raises:
            ValueError: `compare` names no rule.
        """
        given, narrower = list(ignore), list(compare)
        for name in narrower:
            if name not in NAMES:
                raise ValueError(f"{name!r} is no rule; there are {', '.join(NAMES)}")
        default = {rule.name for rule in RULES if rule.is_default}
        ignored = (default | {name for name in given if name in NAMES}) - set(narrower)
        return cls(frozenset(ignored), tuple(name for name in given if name not in NAMES))

    def lines(self) -> list[str]:
        """Print the rules, those that hold marked."""
        rows = [
            f"{'ignore ' if rule.name in self.ignored else 'compare'}  {rule.name:<8} {rule.what}" for rule in RULES
        ]
        return [*rows, *(f"ignore   member   {name}" for name in self.members)]

    def differences(self, recorded: Any, actual: Any, place: str = "") -> list[Difference]:
        """Return where two JSON values differ, as far as the rules let them."""
        found: list[Difference] = []
        for difference in self._walk(recorded, actual, place, ""):
            found.append(difference)
            if len(found) == DIFFERENCES_MAX:
                break
        return found

    def _walk(self, recorded: Any, actual: Any, place: str, name: str) -> Iterator[Difference]:
        if name and self._is_free(name, place):
            return
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key in sorted({*recorded, *actual}):
                inner = f"{place}.{key}" if place else str(key)
                if key in recorded and key in actual:
                    yield from self._walk(recorded[key], actual[key], inner, str(key))
                elif not self._is_free(str(key), inner):
                    has = key in recorded
                    yield Difference(
                        inner, show(recorded[key]) if has else "nothing", "nothing" if has else show(actual[key])
                    )
            return
        if isinstance(recorded, list) and isinstance(actual, list):
            if "order" in self.ignored:
                recorded, actual = (
                    sorted(items, key=lambda item: show(self._masked(item))) for items in (recorded, actual)
                )
            for at, (one, other) in enumerate(zip(recorded, actual, strict=False)):
                yield from self._walk(one, other, f"{place}[{at}]", "")
            if len(recorded) != len(actual):
                yield Difference(place, f"{len(recorded)} elements", f"{len(actual)} elements")
            return
        if not self.same(recorded, actual):
            yield Difference(place or "body", show(recorded), show(actual))

    def _is_free(self, name: str, place: str) -> bool:
        if "times" in self.ignored and name.lower() in TIME_MEMBERS:
            return True
        if "keys" in self.ignored and name.lower() in KEY_MEMBERS:
            return True
        bare = re.sub(r"\[\d+\]", "", place)
        return any(name == member or _fits(bare, member) for member in self.members)

    def same(self, recorded: Any, actual: Any) -> bool:
        """Say whether two values that hold no others are the same."""
        if isinstance(recorded, str) and isinstance(actual, str):
            if "secrets" in self.ignored and (SECRET.search(recorded) or SECRET.search(actual)):
                pattern = ".+".join(re.escape(self.text(part)) for part in SECRET.split(recorded))
                return bool(re.fullmatch(pattern, self.text(actual), re.DOTALL)) or bool(SECRET.search(actual))
            return self.text(recorded) == self.text(actual)
        if isinstance(recorded, (int, float)) and isinstance(actual, (int, float)) and "times" in self.ignored:
            return recorded == actual or (int(recorded) in EPOCH_MS and int(actual) in EPOCH_MS)
        return bool(recorded == actual)

    def _masked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._masked(item) for key, item in sorted(value.items())}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Return a text with the name of the rule where something may differ."""
        for name, pattern in (("times", TIME), ("hosts", HOST), ("ids", ID)):
            if name in self.ignored:
                text = pattern.sub(f"<{name}>", text)
        return text

    def query(self, url: str) -> dict[str, str]:
        """Return the query of a URL as a map, to be compared like one."""
        return dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))


def _fits(place: str, pattern: str) -> bool:
    parts, wanted = place.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(want in ("*", part) for part, want in zip(parts, wanted, strict=True))


def show(value: Any) -> str:
    """Print a value in a difference, cut to what a line takes."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 3]}..."


@dataclass
class Pairs:
    """Which id of the other side stands for which recorded one."""

    known: dict[str, str] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    def learn(self, recorded: Any, actual: Any) -> None:
        """Remember ids that stand at the same place of two values."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key in recorded.keys() & actual.keys():
                self.learn(recorded[key], actual[key])
        elif isinstance(recorded, list) and isinstance(actual, list):
            for one, other in zip(recorded, actual, strict=False):
                self.learn(one, other)
        elif (
            isinstance(recorded, str) and isinstance(actual, str) and recorded != actual and not SECRET.search(recorded)
        ):
            theirs, ours = ID.findall(recorded), ID.findall(actual)
            if len(theirs) == len(ours) and ID.split(HOST.sub("", recorded)) == ID.split(HOST.sub("", actual)):
                self.put(zip(theirs, ours, strict=True))

    def put(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Remember pairs; the first one that is told of an id stays."""
        for recorded, actual in pairs:
            if recorded != actual and recorded not in self.known and len(self.known) < PAIRS_MAX:
                self.known[recorded] = actual
                self._pattern = None

    def text(self, text: str) -> str:
        """Return a recorded text with the other side's ids."""
        if not self.known:
            return text
        if self._pattern is None:
            self._pattern = re.compile("|".join(map(re.escape, sorted(self.known, key=len, reverse=True))))
        return self._pattern.sub(lambda found: self.known[found[0]], text)


def shifted(text: str, by: timedelta) -> str:
    """Return a text whose instants are moved."""

    def move(found: re.Match[str]) -> str:
        told = found[0]
        try:
            if told[0].isalpha():
                return format_http_date(parse_http_date(told) + by)
            moved = datetime.fromisoformat(told) + by
        except (ValueError, OverflowError, RemoteProtocolError):
            return told
        digits = re.search(r"\.(\d+)", told)
        text = f"{moved:%Y-%m-%dT%H:%M:%S}" + (f".{moved:%f}"[: len(digits[0])] if digits else "")
        zone = re.search(r"(?:Z|[+-]\d\d:?\d\d)$", told)
        return text + (zone[0] if zone else "")

    return TIME.sub(move, text) if by else text


def shifted_json(value: Any, by: timedelta, name: str = "") -> Any:
    """Return JSON whose instants are moved, epoch milliseconds of members that hold times among them."""
    if isinstance(value, dict):
        return {key: shifted_json(item, by, key) for key, item in value.items()}
    if isinstance(value, list):
        return [shifted_json(item, by, name) for item in value]
    if isinstance(value, str):
        return shifted(value, by)
    if isinstance(value, int) and value in EPOCH_MS and not isinstance(value, bool):
        return value + round(by / timedelta(milliseconds=1))
    return value


def instant_of(text: str) -> datetime:
    """Read an instant of a recording; the epoch where there is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
