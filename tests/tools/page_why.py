"""docs/reference/why.md: the chain, the catalogue of causes and the report, from their data."""

from __future__ import annotations

from datetime import datetime
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from endpoint.wire import why_evidence as ev
from endpoint.wire.why_causes import CAUSES, LINKS, OK, UNKNOWN, Severity
from endpoint.wire.why_report import Finding, LinkState, Proof, Report, State, Times, Verdict
from tests.tools.markdown import code, page, table

INTRODUCTION: Final = """
Why is there no Join button? `roomsim why` walks the chain from the organizer of a meeting to the button at a device, says which link
is broken, shows what each side knows about it, and what to do. How to use it: [Find out why there is no
button](../how-to/why-no-button.md).

The same answer comes from four places: the [command](command-line.md#roomsim-why), the [control door of a device](device-control.md)
and the [control API of the cloud](control-api.md) (`GET /why` from that side alone; `POST /why` with the other side's evidence), the
subject `why` of [scenarios](scenario-language.md), and the function `scenarios.runner.why_stage.why(stage, meeting, device)` in
Python.

Keys, texts and order are roomsim's own; the causes are documented or observed in the places that are named (Z, O, H, L: rows of the
inventory in `calendar-and-obtp.md`).
"""
EXIT: Final = """
Exit code 0: the button is on, or will be without anybody doing anything. 1: it is not, or what was asked does not tell. 4: no meeting
was named, and there is none in the next 24 hours.
"""
REPORT: Final = """
`roomsim why --json` prints `{version, isGood, items: [{report, cloud, device}]}`, where `cloud` and `device` are the evidence of each
side, null of a side that was not asked. The doors answer `{side, version, items: [{evidence, report}]}`. Members are only ever added.
"""
EVIDENCE: Final = """
What each side says, and what `POST /why` takes of the other one. A member that is absent is not known, and proves nothing. Of texts only
what their owner shows is here; of join fields their names alone.
"""
STATES: Final = {
    State.OK: "in order",
    State.BROKEN: "broken: here is a cause",
    State.WAITING: "the meeting waits here, and goes on by itself",
    State.FLAWED: "works, with a flaw; a cause is named when it can be seen at this meeting",
    State.UNKNOWN: "that side was not asked, or it cannot be found out: it proves nothing",
    State.NOT_REACHED: "not reached: a link before it keeps the meeting back",
    State.NOT_NEEDED: "no part of this meeting's way, such as mailboxes for a meeting that comes from a space",
}
VERDICTS: Final = {
    Verdict.SHOWN: "the button shows",
    Verdict.COMES: "it comes, at `button.comes`",
    Verdict.OVER: "the meeting is over, or was cancelled",
    Verdict.MISSING: "there is none, and there should be, now or when its time comes",
    Verdict.UNKNOWN: "what was asked does not tell",
}
SEVERITIES: Final = {
    Severity.BLOCKS: "no button",
    Severity.DELAYS: "not yet; it comes by itself",
    Severity.SPOILS: "the button comes, with a flaw",
}
RULES: Final = f"""
- `cause` is the key of the first broken link; of a flaw where none is broken; `{OK}` where nothing is wrong; `{UNKNOWN}` where the
  button is missing and nothing that was asked explains it.
- `findings` holds that cause first, then all others in the order of the chain. What only follows from a cause is not listed: a device
  that is not registered has no websocket, and that is no cause of its own.
- What is not known is never called broken. With one side alone, the report says which side was not asked.
- A broken link does not count while the device has the meeting all the same: whoever has arrived needs no way.
- `at` is the instant that is asked about. The evidence is always of now.
- A device whose clock is wrong is told by the true time: `button.comes` is when the button is due, `button.skewedComes` when it really
  comes.
- A lead of 0 is no fault: the button then comes at the start itself.
"""


def why() -> str:
    """Return the page."""
    return page(
        "Why there is no Join button",
        INTRODUCTION,
        "## The chain",
        table(("link", "what has to be so", "who knows"), [(code(link.id), link.title, link.side) for link in LINKS]),
        "## Causes",
        table(
            ("row", "key", "link", "cause", "what to do", "proved by", "seeds", "effect", "scenario"),
            [
                (
                    str(cause.row),
                    code(cause.key),
                    code(cause.link),
                    cause.title,
                    cause.cure,
                    cause.proof,
                    ", ".join(cause.seeds),
                    f"not here yet: it comes with {cause.needs}" if cause.needs else cause.severity.value,
                    "" if cause.needs else f"[{cause.key}.yaml](../../scenarios/why/{cause.key}.yaml)",
                )
                for cause in CAUSES
            ],
        ),
        table(("effect", "meaning"), [(code(one.value), text) for one, text in SEVERITIES.items()]),
        "## Rules",
        RULES,
        "## Report",
        REPORT,
        *(part for kind in (Report, Times, LinkState, Finding, Proof) for part in _members(kind)),
        "### States of links",
        table(("state", "meaning"), [(code(one.value), text) for one, text in STATES.items()]),
        "### Verdicts",
        table(("verdict", "meaning"), [(code(one.value), text) for one, text in VERDICTS.items()]),
        EXIT,
        "## Evidence",
        EVIDENCE,
        *(part for kind in _parts(ev.CloudEvidence, ev.DeviceEvidence) for part in _told(kind)),
    )


def _parts(*kinds: type[ev.Known]) -> list[type[ev.Known]]:
    """Return kinds of evidence, each followed by those that it has not shared with an earlier one."""
    found: dict[type[ev.Known], None] = {}

    def visit(kind: type[ev.Known]) -> None:
        if kind in found:
            return
        found[kind] = None
        for hint in get_type_hints(kind).values():
            for part in _kinds(hint):
                visit(part)

    for kind in kinds:
        visit(kind)
    return list(found)


def _kinds(hint: Any) -> list[type[ev.Known]]:
    """Return the kinds of evidence in a type hint."""
    if isinstance(hint, type) and issubclass(hint, ev.Known):
        return [hint]
    return [kind for part in get_args(hint) for kind in _kinds(part)]


def _told(kind: type[ev.Known]) -> list[str]:
    hints = get_type_hints(kind)
    rows = [(code(one.encode_name), _form(hints[one.name])) for one in msgspec.structs.fields(kind)]
    docs = " ".join((kind.__doc__ or "").split())
    for one in msgspec.structs.fields(kind):
        docs = docs.replace(f"`{one.name}`", f"`{one.encode_name}`")
    return [f"### {kind.__name__}", docs, table(("member", "form"), rows)]


def _form(hint: Any) -> str:
    """Say in a word what a member is."""
    is_union = isinstance(hint, UnionType) or get_origin(hint) is Union
    parts = [part for part in get_args(hint) if part is not type(None)] if is_union else [hint]
    (one,) = parts
    if get_origin(one) is tuple:
        return f"list of {_form(get_args(one)[0])}"
    if isinstance(one, type) and issubclass(one, ev.Known):
        return f"[{one.__name__}](#{one.__name__.lower()})"
    return {str: "text", bool: "bool", int: "whole number", float: "number", datetime: "instant"}[one]


MEMBERS: Final = {
    "meeting": "id, title, start and end, as far as anybody knows them",
    "device": "its name",
    "zone": "its time zone",
    "at": "the instant: asked about, or of the evidence",
    "verdict": "what becomes of the button, see below",
    "cause": "the answer in one word",
    "headline": "the answer in one sentence",
    "button": "when it comes and goes, or would",
    "links": "every link of the chain, in its order",
    "findings": "every cause that was found",
    "asked": "sides that have answered: `cloud`, `device`",
    "notAsked": "the others",
    "notes": "what a reader must know besides",
    "version": "of this form",
    "comes": "when the button is due",
    "goes": "when it goes",
    "leadS": "seconds before the start",
    "skewedComes": "when a wrong clock lets it come, null where the clock is right",
    "id": "of the link",
    "title": "what has to be so; of a finding: the cause",
    "state": "see below",
    "text": "what is so, in a few words",
    "keys": "causes found at this link",
    "key": "of the cause",
    "link": "where it is",
    "severity": "its effect, see above",
    "because": "what happened here, in a sentence or two",
    "proof": "pieces of evidence, of both sides where both were asked",
    "todo": "what to do",
    "seeds": "rows of the inventory",
    "side": "`cloud`, `device`, or `trace` for a hop of the chain",
    "n": "number of the event in the trace",
}


def _members(kind: type[msgspec.Struct]) -> list[str]:
    """Tell the members of a part of the report."""
    rows = []
    for member in msgspec.structs.fields(kind):
        text = "instant of what is said" if (kind, member.encode_name) == (Proof, "at") else MEMBERS[member.encode_name]
        rows.append((code(member.encode_name), text))
    names = {
        Report: "Report",
        Times: "`button`",
        LinkState: "One of `links`",
        Finding: "One of `findings`",
        Proof: "One of `proof`",
    }
    return [f"### {names[kind]}", table(("member", "meaning"), rows)]
