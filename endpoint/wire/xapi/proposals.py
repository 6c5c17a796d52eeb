"""Proposals for the end of a line: their form, and those for arguments and values. Source: protocol/xapi.md 2.3, 4.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from endpoint.wire.xapi.nodes import Argument, Command, ValueSpace
from endpoint.wire.xapi.tokens import Token

NOTE_CHARS_MAX: Final = 48


@dataclass(frozen=True, slots=True)
class Completion:
    """One proposal.

    Attributes:
        text: what takes the place of the last `replaced` characters of the line.
        shown: how a list shows it.
        note: what it is.
        is_hint: it only says what is expected; `text` is empty.
    """

    text: str
    replaced: int
    shown: str
    note: str = ""
    is_hint: bool = False


def begins(name: str, text: str) -> bool:
    """Say whether a name begins with a text, in any case."""
    return name.casefold().startswith(text.casefold())


def short(text: str) -> str:
    """Return a note that is not too long for a list."""
    return text if len(text) <= NOTE_CHARS_MAX else text[: NOTE_CHARS_MAX - 1] + "…"


def after_command(command: Command, read: list[Token], rest: str) -> list[Completion]:
    """Propose what follows the first `Name:` of a call."""
    last = read[-1]
    if last.kind == "name":
        value: list[Token] = []
    elif last.kind == "value" and last.end == len(rest) and read[-2].kind == "name":
        value = [last]
    else:
        partial = last.text if last.kind == "word" and last.end == len(rest) else ""
        given = [token.text for token in read if token.kind == "name"]
        return arguments_left(command, given, partial)
    argument = command.argument(next(token.text for token in reversed(read) if token.kind == "name"))
    return values_of(argument.space, argument.default, value, rest) if argument is not None else []


def arguments_left(command: Command, given: list[str], partial: str) -> list[Completion]:
    """Propose the names that can still be given, required ones first."""
    counts: dict[str, int] = {}
    for name in given:
        counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
    left = [one for one in command.arguments if counts.get(one.name.casefold(), 0) < one.many]
    left.sort(key=lambda one: (not one.required, one.name.casefold() in counts))
    found = [
        Completion(f"{one.name}: ", len(partial), one.name, _about(one)) for one in left if begins(one.name, partial)
    ]
    needs_more = any(one.required and one.name.casefold() not in counts for one in command.arguments)
    if command.multiline and not partial and not needs_more:
        found.append(Completion("", 0, "Enter", "then the lines of its body, up to a single .", is_hint=True))
    return found


def _about(argument: Argument) -> str:
    traits = [short(argument.space.describe())]
    if argument.required:
        traits.append("required")
    if argument.default is not None:
        traits.append(f"default {argument.default}")
    if argument.many > 1:
        traits.append(f"up to {argument.many} times")
    return ", ".join(traits)


def values_of(space: ValueSpace, default: str | None, value: list[Token], rest: str) -> list[Completion]:
    """Propose values; what is free is told as a hint."""
    if len(value) > 1 or (value and (value[0].end != len(rest) or (value[0].is_quoted and not value[0].is_open))):
        return []
    token = value[0] if value else None
    partial = token.text if token is not None else ""
    replaced = token.end - token.start if token is not None else 0
    before = " " if rest.endswith(":") else ""
    if space.kind != "literal":
        note = f"default {default}" if default else ""
        return [Completion("", 0, short(space.describe()), note, is_hint=True)]
    quote = '"' if token is not None and token.is_quoted else ""
    return [
        Completion(f"{before}{quote}{one}{quote}", replaced, one, "default" if one == default else "")
        for one in space.literals
        if begins(one, partial)
    ]
