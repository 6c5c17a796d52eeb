"""Commands and configurations as XML documents, and what is answered to them: `over: http`. Source: protocol/xapi.md 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from endpoint.wire.xapi.errors import BadArguments, CommandFailed, XapiError
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.xmlinput import Element, leaves


def command_document(path: Path, arguments: Mapping[str, Any], body: str) -> str:
    """Return the document that gives one command; an argument with several values stands there as often."""
    inner = [_leaf(name, value) for name, values in arguments.items() for value in _each(values)]
    if body:
        inner.append(_leaf("body", body))
    return _around(("Command", *path), "".join(inner))


def configuration_document(values: Mapping[Path, Any]) -> str:
    """Return the document that sets configurations, all or none."""
    settings = "".join(_around(path[:-1], _leaf(str(path[-1]), value)) for path, value in values.items())
    return f"<Configuration>{settings}</Configuration>"


def answer_of(root: Element) -> Mapping[str, Any]:
    """Return the fields of an answer, all of them text, as XML has them.

    Raises:
        XapiError: the device refused it; `BadArguments` without saying more, as the XML API does.
    """
    found = root.children[0] if root.name == "Command" and len(root.children) == 1 else root
    status = found.attributes.get("status", "OK")
    if root.name == "Configuration":
        return _set(root, status)
    fields = typed([(path[1:], value) for path, value in leaves(found) if len(path) > 1])
    if status == "ParameterError":
        wrong = BadArguments({})
        wrong.args = ("ParameterError",)
        raise wrong
    if status != "OK":
        reason = fields.pop("Reason", status)
        raise CommandFailed(str(reason), fields=fields)
    return fields


def _set(root: Element, status: str) -> Mapping[str, Any]:
    reason = root.child("Reason")
    if status != "OK":
        raise XapiError(reason.text if reason is not None else status)
    refused = _refused(root)
    if refused is not None:
        raise XapiError(f"{refused.name}: {refused.text}")
    return {}


def _refused(element: Element) -> Element | None:
    if element.attributes.get("error") == "True":
        return element
    return next((found for child in element.children if (found := _refused(child)) is not None), None)


def _each(values: object) -> Sequence[object]:
    return values if isinstance(values, (list, tuple)) else (values,)


def _leaf(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value))}</{name}>"


def _around(path: Path, inner: str) -> str:
    """Put the elements of a path around a document; a number is the `item` of the word before it."""
    words: list[tuple[str, str]] = []
    for part in path:
        if isinstance(part, int):
            words[-1] = (words[-1][0], f' item="{part}"')
        else:
            words.append((part, ""))
    for name, item in reversed(words):
        inner = f"<{name}{item}>{inner}</{name}>"
    return inner
