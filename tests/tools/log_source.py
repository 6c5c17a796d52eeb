"""Every line that the device's code can write to its log, read from the code itself.

A line is written by `log.line(module, level, text)`, or made as a tuple of the three. The parts of a text that are known only during a run
become `{}`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LEVELS: Final = frozenset({*"123456IWE", "ERROR"})
_LEVEL: Final = re.compile("""["'](?:[1-6IWE]|ERROR)["']""")
"""What stands in every file that writes lines."""
SKIPPED: Final = ("runtime", "wire")
"""Packages of `endpoint` that have no lines of their own."""


class Written(NamedTuple):
    """A line in the code: where, and its module, level and text."""

    file: str
    line: int
    module: str
    level: str
    text: str


def written(root: Path) -> list[Written]:
    """Return every line that code below `endpoint` writes."""
    files = sorted(file for file in (root / "endpoint").rglob("*.py") if file.relative_to(root).parts[1] not in SKIPPED)
    return [line for file in files for line in _of_file(file, str(file.relative_to(root)))]


def _of_file(file: Path, name: str) -> Iterator[Written]:
    code = file.read_text(encoding="utf-8")
    if _LEVEL.search(code) is None:
        return
    for scope in ast.walk(ast.parse(code)):
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
            for triple in _triples(scope):
                module, level, text = triple
                for one in _texts(text, scope):
                    yield Written(name, text.lineno, _constant(module), _constant(level), one)


def _triples(scope: ast.AST) -> Iterator[list[ast.expr]]:
    """Find the module, level and text of lines in one function, without the functions inside it."""
    for node in _own(scope):
        parts = node.args if isinstance(node, ast.Call) and _is_line(node.func) else None
        parts = node.elts if isinstance(node, ast.Tuple) else parts
        if parts is not None and len(parts) == 3 and _constant(parts[0]) and _constant(parts[1]) in LEVELS:
            yield parts


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    waiting = [*ast.iter_child_nodes(scope)][::-1]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
            waiting += [*ast.iter_child_nodes(node)][::-1]


def _is_line(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "line"


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _texts(node: ast.expr, scope: ast.AST) -> list[str]:
    """Return the texts that an expression can be."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join("{}" if isinstance(part, ast.FormattedValue) else _constant(part) for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, scope), *_texts(node.orelse, scope)]
    if isinstance(node, ast.Name):
        found = [text for value in _assigned(node.id, scope) for text in _texts(value, scope)]
        return found or ["{}"]
    return ["{}"]


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    for node in _own(scope):
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name for one in node.targets):
            yield node.value
