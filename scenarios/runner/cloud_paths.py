"""What `cloud` may name: the parts of the stub's state by dotted paths, checked while a scenario is read.

    code.state              a kind of record, and a field of the one that was made last
    device.room.online      with the name or id of one
    device.count            how many there are
    mercury.open            computed

Ids are not checked: most are made during the run.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Final

from cloud_stub.state_query import COMPUTED, KINDS
from scenarios.runner.problems import Place, Problems, nearest
from scenarios.runner.spaces import ANY, FLAG, NUMBER, TEXT, Space, space_of, words

_PEER: Final = {"address": TEXT, "state": TEXT, "prompts": NUMBER, "calls": NUMBER, "behaves": TEXT}
_CALL: Final = {
    "id": TEXT, "type": words("MEETING", "CALL"), "state": TEXT, "title": TEXT, "meeting": TEXT, "number": TEXT, "address": TEXT,
    "locked": FLAG, "recording": ANY, "hardMuted": FLAG, "created": TEXT, "sequence": NUMBER, "clients": NUMBER, "roster": ANY,
}  # fmt: skip
OTHERS: Final[Mapping[str, Mapping[str, Space]]] = {
    "faults": {"armed": ANY},
    "journal": {"count": NUMBER, "unmatched": NUMBER, "dropped": NUMBER},
    "mercury": {"open": NUMBER, "unacked": NUMBER, "users": ANY},
    "call": _CALL,
    "calls": {"count": NUMBER, "ids": ANY},
    "peer": _PEER,
    "mailbox": {"address": TEXT, "responses": ANY, "count": NUMBER},
    "metrics": {"names": ANY, "count": NUMBER, "errors": ANY, "device": TEXT, "malformed": NUMBER, "calls": ANY},
}
"""What else there is beside records, and the fields of each."""
assert set(COMPUTED) <= set(OTHERS), "all that is computed can be named"


def fields_of(kind: str) -> Mapping[str, Space]:
    """Return the fields of a kind of records, or of what else the cloud tells; empty where it knows no such thing."""
    if kind in OTHERS:
        return OTHERS[kind]
    if kind not in KINDS:
        return {}
    types = typing.get_type_hints(KINDS[kind])
    found = {name: space_of(types.get(name)) for name in KINDS[kind].SHOWN}
    return {**found, **({"status": TEXT} if kind == "device" else {}), "count": NUMBER}


def field_space(kind: str, field: str) -> Space | None:
    """Return what a field can be; None where there is none."""
    return fields_of(kind).get(field)


def check_cloud_path(problems: Problems, path: str, at: Place) -> Space:
    """Return what there can be at a path; anything, and a problem, where there is nothing."""
    kind, *rest = path.split(".")
    fields = fields_of(kind)
    if not fields:
        known = sorted({*KINDS, *OTHERS})
        near = nearest(kind, known)
        listed = "" if near else f"; it has {', '.join(known)}"
        problems.add(at, f"the cloud's state has no `{kind}`{listed}", near)
        return ANY
    if not rest:
        return ANY
    last = rest[-1]
    if last in fields:
        return fields[last]
    near = nearest(last, fields)
    if len(rest) > 1 or near is not None or kind in COMPUTED:
        shown = None if near is None else ".".join((kind, *rest[:-1], near))
        listed = "" if near else f"; it has {', '.join(sorted(fields))}"
        problems.add(at, f"a `{kind}` of the cloud has no `{last}`{listed}", shown)
    return ANY  # the name or id of one, all of it
