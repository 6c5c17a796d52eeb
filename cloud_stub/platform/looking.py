"""What may be looked at of the cloud's state, by dotted paths."""

from __future__ import annotations

from typing import Any

from cloud_stub.platform.errors import NotFound


def pick(subject: str, values: dict[str, Any], rest: list[str]) -> Any:
    if not rest:
        return values
    if len(rest) > 1 or rest[0] not in values:
        raise NotFound(f"{subject} has no {'.'.join(rest)!r}; it has {', '.join(sorted(values))}")
    return values[rest[0]]
