"""The sentences below the fields of a model, read from its source when somebody asks.

Pydantic can note them itself, when it makes the model; that parses the sources of the runner at every start, for a schema that few make.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise


def sentences_of(model: type) -> dict[str, str]:
    """Return what stands below the fields of a model and of those it is made of, by the name of the field."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if kind.__module__.startswith(__package__):
            found |= _written(_classes(kind.__module__)[kind.__name__])
    return found


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    source = ast.parse(inspect.getsource(sys.modules[module]))
    return {one.name: one for one in ast.walk(source) if isinstance(one, ast.ClassDef)}


def _written(kind: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(kind.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
