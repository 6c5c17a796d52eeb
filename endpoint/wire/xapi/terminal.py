"""The terminal rendering of status and configuration. Source: protocol/xapi.md 4.4."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from endpoint.wire.xapi.nodes import Branch, Value, nodes
from endpoint.wire.xapi.paths import Path, words

_ESCAPES: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(32), 127)},
    **str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}),
}
"""What is written differently between quotes: a value is one line, whatever is in it."""


def status_lines(leaves: Iterable[tuple[Path, Value]]) -> list[str]:
    """Print status leaves: `*s Audio Volume: 50`; strings quoted, integers and literals bare."""
    return [f"*s {words(path)}: {_shown('Status', path, value)}" for path, value in leaves]


def configuration_lines(leaves: Iterable[tuple[Path, Value]]) -> list[str]:
    """Print configuration leaves: `*c xConfiguration SystemUnit Name: "Huddle 1"`."""
    return [f"*c xConfiguration {words(path)}: {_shown('Configuration', path, value)}" for path, value in leaves]


def _shown(branch: Branch, path: Path, value: Value) -> str:
    node = nodes().find(branch, path)
    if isinstance(value, int) or (node is not None and node.space.kind == "literal" and not _is_free_text(path)):
        return str(value)
    return f'"{value.translate(_ESCAPES)}"'


def _is_free_text(path: Path) -> bool:
    # A string leaf whose values happen to be three words; printed with quotes on the slides.
    return path[:2] == ("Experimental", "CalliopeDiscovery") and path[-1] == "Transport"
