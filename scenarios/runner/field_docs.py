"""The sentences below the fields of a model, read from its source when somebody asks.

Pydantic can note them itself, when it makes the model; that parses the sources of the runner at every start, for a schema that few make.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise


def sentences_of(model: type) -> dict[str, str]:
    """Return what stands below the fields of a model and of those it is made of, by the name of the field."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if "__annotations__" in vars(kind) and kind.__module__.startswith(__package__):
            found |= _written(kind)
    return found


def _written(kind: type) -> dict[str, str]:
    (stated,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(stated, ast.ClassDef), "the source of a class is one"
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(stated.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
