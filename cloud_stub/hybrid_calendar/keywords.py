"""Keywords in the Location of an invitation: `@webex`, `@meet`, and their suffixes.

Source: protocol/calendar-and-obtp.md 4.1 (documented) and 4.2 (ours).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Action = Literal["personal_room", "space", "onetime", "tms", "none"]

SUFFIXES: Final[Mapping[str, Action]] = MappingProxyType(
    {"space": "space", "myroom": "personal_room", "onetime": "onetime"}
)
"""What a suffix asks for, on either word; it comes before the setting of the organization."""
WEBEX_ACTIONS: Final[tuple[Action, ...]] = ("personal_room", "space", "onetime", "none")
MEET_ACTIONS: Final[tuple[Action, ...]] = (*WEBEX_ACTIONS, "tms")
"""TMS is offered for `@meet` only (4.1.2)."""
_WORD: Final = re.compile(r"(?:^|(?<=[\s,;(<]))@(webex|meet)(?::([^\s,;()<>]*+))?(?=$|[\s,;)>])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeywordRules:
    """What the organization has set each word to.

    Raises:
        ValueError: an action that the word cannot have.
    """

    webex: Action = "personal_room"
    meet: Action = "space"

    def __post_init__(self) -> None:
        for word, action, allowed in (("webex", self.webex, WEBEX_ACTIONS), ("meet", self.meet, MEET_ACTIONS)):
            if action not in allowed:
                raise ValueError(f"@{word} cannot be set to {action}; it can be {', '.join(allowed)}")

    def action(self, word: str) -> Action:
        """Return what the bare word asks for."""
        return self.webex if word == "webex" else self.meet


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword as it was found.

    Attributes:
        word: `webex` or `meet`.
        suffix: in small letters; None where there is none, or none that is known.
        written: as it stands in the text.
    """

    word: str
    suffix: str | None
    action: Action
    written: str

    @property
    def has_unknown_suffix(self) -> bool:
        """Tell whether something stands behind the colon that is no suffix."""
        return self.suffix is None and ":" in self.written

    @property
    def shown(self) -> str:
        """The keyword as it counts, such as `@meet:space`."""
        return f"@{self.word}:{self.suffix}" if self.suffix else f"@{self.word}"


def find_keyword(location: str, rules: KeywordRules) -> Keyword | None:
    """Return the first keyword of a Location; later ones do not count (4.1.4)."""
    found = _WORD.search(location)
    if found is None:
        return None
    word, written = found[1].lower(), (found[2] or "").lower()
    suffix = written if written in SUFFIXES else None
    return Keyword(word, suffix, SUFFIXES[suffix] if suffix else rules.action(word), found[0])
