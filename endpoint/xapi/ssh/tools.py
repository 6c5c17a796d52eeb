"""`systemtools`: what is simulated of it, and a polite no to the rest. Source: protocol/xapi.md 4.3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from endpoint.wire.secret import Secret
from endpoint.wire.xapi.shell_answers import Answer, Printed, Prompt, Refusal

PINGS: Final = 4
HOST_CHARS_MAX: Final = 253
_TOOLS: Final = "systemtools passwd and systemtools network ping HOST are simulated"


def ping(words: Sequence[str], resolve: Callable[[str], str | None]) -> Answer:
    """Answer `systemtools network ping HOST` from the names of the simulation; no packet is sent."""
    host = words[-1] if words else ""
    if not host or len(host) > HOST_CHARS_MAX:
        return Refusal("Result", "systemtools network ping takes the name or the address of a host")
    address = resolve(host)
    if address is None:
        return Printed([f"ping: bad address '{host}'"])
    lines = [f"PING {host} ({address}): 56 data bytes"]
    lines += [f"64 bytes from {address}: seq={number} ttl=64 time=0.1 ms" for number in range(PINGS)]
    summary = f"{PINGS} packets transmitted, {PINGS} packets received, 0% packet loss"
    return Printed([*lines, "", f"--- {host} ping statistics ---", summary])


def refused(words: Sequence[str]) -> Answer:
    """Say that a tool is not simulated, and which are."""
    return Refusal("Result", f"systemtools {' '.join(words)[:40]} is not simulated; {_TOOLS}")


class PassphraseDialogue:
    """The questions of `systemtools passwd`."""

    PROMPTS: Final = ("Current password: ", "New password: ", "New password again: ")

    def __init__(self) -> None:
        self._given: list[Secret] = []

    def first(self) -> Prompt:
        """Return the first question."""
        return Prompt(self.PROMPTS[0])

    def take(self, text: str) -> Prompt | Refusal | tuple[Secret, Secret]:
        """Take an answer; return the next question, in the end the old and the new passphrase."""
        self._given.append(Secret("passphrase", text))
        if len(self._given) < len(self.PROMPTS):
            return Prompt(self.PROMPTS[len(self._given)])
        old, new, again = self._given
        if new != again:
            return Refusal("Result", "The new passwords are not the same; nothing was changed")
        return old, new
