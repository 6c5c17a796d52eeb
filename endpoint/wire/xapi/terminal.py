"""The terminal rendering of status and configuration. Source: protocol/xapi.md 4.4."""

from __future__ import annotations

from collections.abc import Iterable

from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path, words


def status_lines(leaves: Iterable[tuple[Path, Value]]) -> list[str]:
    """Print status leaves: `*s Audio Volume: 50`; strings quoted, integers and literals bare."""
    return [f"*s {words(path)}: {_shown('Status', path, value)}" for path, value in leaves]


def configuration_lines(leaves: Iterable[tuple[Path, Value]]) -> list[str]:
    """Print configuration leaves: `*c xConfiguration SystemUnit Name: "Huddle 1"`."""
    return [f"*c xConfiguration {words(path)}: {_shown('Configuration', path, value)}" for path, value in leaves]


def _shown(branch: str, path: Path, value: Value) -> str:
    node = nodes().find("Status" if branch == "Status" else "Configuration", path)
    if isinstance(value, int) or (node is not None and node.space.kind == "literal" and not _is_free_text(path)):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_free_text(path: Path) -> bool:
    # A string leaf whose values happen to be three words; printed with quotes on the slides.
    return path[:2] == ("Experimental", "CalliopeDiscovery") and path[-1] == "Transport"
