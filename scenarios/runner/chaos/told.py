"""Secrets that are told: what both sides keep to themselves, looked for in the history as it grows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from cloud_stub.platform.records import ServerKey
from endpoint.runtime.trace import Event
from endpoint.wire.secret import Secret
from scenarios.runner.stage import Stage

CODE_DIGITS: Final = 16
CHARS_MIN: Final = 12
"""Of a secret that is known only by having been hidden somewhere: a shorter one, a PIN for one, may be met by chance."""
SEALED: Final = re.compile(r"eyJ[\w-]+\.\.[\w.-]+")
"""A text sealed with a shared key, which may be read by whoever has that alone: hiding it is a courtesy."""


class Told:
    """Knows the secrets of a run, those that were replaced meanwhile included, and reads what is new in its history."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._known: dict[str, str] = {}

    def secrets(self, events: Sequence[Event]) -> Iterator[str]:
        """Yield which secrets are in a part of the history."""
        known = self._known
        known.update((text, what) for what, text in secrets_of(self._stage) if text not in known)
        shown = "\n".join(event.as_json() for event in events)
        yield from dict.fromkeys(f"{what} is in the history" for text, what in known.items() if text in shown)


def secrets_of(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield the secrets that both sides hold or have hidden, each with what it is; none of them may be in the history."""
    for name, value in stage.saved.items():
        digits = str(value).replace(" ", "")
        if len(digits) == CODE_DIGITS and digits.isdecimal():
            yield f"the code {name}", digits
            yield f"the secret half of {name}", digits[CODE_DIGITS // 2 :]
    for name, device in stage.devices.items():
        if device.state.account is not None:
            token = device.state.account.token
            yield f"the access token of {name}", token.access_token.reveal()
            if token.refresh_token is not None:
                yield f"the refresh token of {name}", token.refresh_token.reveal()
    for key in stage.cloud.platform.store[ServerKey]:
        if key.id in ("ca key", "admin token"):
            yield f"the {key.id} of the cloud", json.dumps(key.text)[1:-1]
    for kind, value in stage.trace.hidden():
        text = json.dumps(value.reveal(), ensure_ascii=False)[1:-1] if isinstance(value, Secret) else ""
        if len(text) >= CHARS_MIN and not SEALED.fullmatch(text):
            yield f"what is hidden elsewhere as <{kind}>", text
