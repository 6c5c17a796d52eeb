"""Every kind of trace event that the code can write, read from the code itself: the second argument of `….event(who, kind, …)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_KIND: Final = re.compile(r"[a-z]+(?:\.[a-z_]+)?")
PACKAGES: Final = ("endpoint", "cloud_stub", "scenarios")


def kinds(root: Path) -> dict[str, str]:
    """Return the kinds that are written as literals, with the place of the first."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            code = file.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(code)) if ".event(" in code else ():
                for kind in _kinds(node):
                    found.setdefault(kind, f"{file.relative_to(root)}:{getattr(node, 'lineno', 0)}")
    return found


def _kinds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and len(node.args) == 2 and _is_trace(node.func):
        for part in ast.walk(node.args[1]):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and _KIND.fullmatch(part.value):
                yield part.value


def _is_trace(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute) or function.attr != "event":
        return False
    return ast.unparse(function.value).rpartition(".")[2] in ("trace", "_trace")
