"""Deltas of a locus, on its raw form: members that are not known survive.

    merge(before, difference(before, after)) == after

Source: protocol/cloud-services.md 9.5 (merge), worked example 18.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

_APART: Final = frozenset({"baseSequence", "participants"})


def merge(current: Mapping[str, Any], delta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the locus after a delta; neither is changed.

    Every member that is not null replaces, but `baseSequence`, which is dropped, and `participants`, which are put in or replaced by
    `url`; `removed: true` takes one away. The order of those that stay is kept, new ones follow.
    """
    merged = {**current, **{name: value for name, value in delta.items() if value is not None and name not in _APART}}
    merged.pop("baseSequence", None)
    if changed := delta.get("participants"):
        merged["participants"] = merge_participants(current.get("participants") or (), changed)
    return merged


def merge_participants(current: Any, changed: Any) -> list[Any]:
    """Return the participants after those of a delta; one without `url` is passed over, it could not be found again."""
    by_url = {one.get("url"): one for one in current if isinstance(one, dict)}
    for one in changed:
        url = one.get("url") if isinstance(one, dict) else None
        if not isinstance(url, str):
            continue
        if one.get("removed") is True:
            by_url.pop(url, None)
        else:
            by_url[url] = one
    return list(by_url.values())


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any], between: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the delta that leads from one state to a later one: `url`, both sequences, `participants` always, and what changed.

    A member of `before` that `after` lacks, and participants in another order, cannot be told by a delta: a locus keeps its members, and
    new participants come last.

    Args:
        between: the states between the two. What was changed and changed back in them is told as well; without them the delta must not
            be taken on one of them, as 9.5 allows.
    """
    states = (before, *between)
    delta = {
        name: value
        for name, value in after.items()
        if name not in _APART and any(state.get(name, _MISSING) != value for state in states)
    }
    delta["url"] = after["url"]
    delta["baseSequence"] = before.get("sequence")
    delta["sequence"] = after.get("sequence")
    new = {one["url"]: one for one in after.get("participants") or ()}
    known = [{one["url"]: one for one in state.get("participants") or ()} for state in states]
    gone = dict.fromkeys(url for people in known for url in people if url not in new)
    delta["participants"] = [
        *({"url": url, "removed": True} for url in gone),
        *(one for url, one in new.items() if any(people.get(url) != one for people in known)),
    ]
    return delta


_MISSING: Final = object()
