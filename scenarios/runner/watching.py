"""`roomsim run --watch`: wait for files that change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from watchfiles import Change, watch

SUFFIXES: Final = (".yaml", ".js")
"""Files that a run reads: scenarios, what they use, macros. Reports that it writes do not start it again."""
LOOK_MS: Final = 300
"""How long one look for changes lasts at most."""


def changes(paths: Sequence[Path]) -> Iterator[frozenset[Path]]:
    """Yield the files that have changed, resolved, time after time; the first time none, as soon as changes begin to be noticed.

    Args:
        paths: directories, and files, whose directories are watched: an editor may put a new file in the place of the old one.
    """
    roots = sorted({path if path.is_dir() else path.parent for path in paths})
    looks = watch(
        *roots,
        watch_filter=_counts,
        yield_on_timeout=True,
        rust_timeout=LOOK_MS,
        ignore_permission_denied=True,
    )
    is_first = True
    for look in looks:
        if look or is_first:
            yield frozenset(Path(name).resolve() for _, name in look)
        is_first = False


def _counts(change: Change, name: str) -> bool:
    return name.endswith(SUFFIXES)
