"""The shell's JSON mode as a client sees it: lines in, documents out, answers back into fields and leaves.

Pure. Commands are written as jsxapi writes them. Source: protocol/xapi.md 4.3, 4.5, 4.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import BadArguments, CommandFailed, XapiError
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.paths import Path, words
from endpoint.wire.xapi.terminal import quoted
from scenarios.runner.shell.frames import leaves_of
from scenarios.runner.xpaths import read_path

READY: Final = "OK"
"""The line that ends the greeting, and acknowledges `echo off`."""
HUSH: Final = b"echo off\n"
JSON_MODE: Final = b"xPreferences outputmode json\n"
LINE_BYTES_MAX: Final = 1024 * 1024
DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest line, and longest document, that is read of a device; beyond them it is no shell."""
BAD_ARGUMENTS: Final = "ParameterError"

Document = Mapping[str, Any]


# what is asked


def command(path: Path, arguments: Mapping[str, Any], body: str, tag: str) -> bytes:
    """Write a command; one with a body goes in a frame that says how many bytes it has."""
    given = [f" {name}: {_value(one)}" for name in sorted(arguments) for one in _each(arguments[name])]
    line = f"xCommand {words(path)}{''.join(given)}{_tag(tag)}\n"
    if not body:
        return line.encode()
    framed = f"{line}{body}\n".encode()
    return b"{%d} \n%b" % (len(framed), framed)


def setting(path: Path, value: object, tag: str) -> bytes:
    """Write the setting of one configuration."""
    return f"xConfiguration {words(path)}: {_value(value)}{_tag(tag)}\n".encode()


def status(path: str, tag: str) -> bytes:
    """Write a question for a status."""
    return f"xStatus {path}{_tag(tag)}\n".encode()


def registration(path: str, tag: str) -> bytes:
    """Write the wish to be told of a path of a scenario."""
    return f"xFeedback register {expression(path)}{_tag(tag)}\n".encode()


def expression(path: str) -> str:
    """Write a path of a scenario as feedback expressions are: `/Status/Call[3]/Status`; an element that stands for all is left out."""
    parts = read_path(path)
    return "".join(f"/{one.name}" + (f"[{one.element}]" if (one.element or "*") != "*" else "") for one in parts)


def _each(values: object) -> Sequence[object]:
    return values if isinstance(values, (list, tuple)) else (values,)


def _value(value: object) -> str:
    return str(value) if isinstance(value, (int, float)) else quoted(str(value))


def _tag(tag: str) -> str:
    return f' | resultId="{tag}"'


# what is answered


class Lines:
    """Cuts what a shell writes into lines, and in JSON mode into documents: from a line `{` to the next line `}`."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._document: list[bytes] | None = None
        self._document_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the lines that are whole by now, without their ends.

        Raises:
            RemoteProtocolError: a line without an end.
        """
        self._rest += data
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        if len(rest) > LINE_BYTES_MAX:
            raise RemoteProtocolError("shell", f"a line has at most {LINE_BYTES_MAX} bytes")
        return lines

    def document(self, line: bytes) -> Document | None:
        """Take a line of JSON mode; return the document that it ends, if it does.

        Raises:
            RemoteProtocolError: it is no part of a document, or the document is none.
        """
        if self._document is None:
            if not line.strip():
                return None
            if line != b"{":
                raise RemoteProtocolError("shell", "in JSON mode a shell writes documents only", repr(line[:40]))
            self._document = []
            self._document_bytes = 0
        self._document.append(line)
        self._document_bytes += len(line)
        if self._document_bytes > DOCUMENT_BYTES_MAX:
            raise RemoteProtocolError("shell", f"a document has at most {DOCUMENT_BYTES_MAX} bytes")
        if line != b"}":
            return None
        whole, self._document = b"\n".join(self._document), None
        return codec.decode(whole, dict[str, Any], "shell")


def tag_of(document: Document) -> str | None:
    """Return the tag of the request that a document answers; None for what the device tells of its own accord."""
    tag = document.get("ResultId")
    return tag if isinstance(tag, str) else None


def answer_of(document: Document) -> Mapping[str, Any]:
    """Return the fields of a command's answer, all of them text, as the shell has them; none for other answers.

    Raises:
        XapiError: the device refused it; `BadArguments` without saying more, as the shell does.
        RemoteProtocolError: it is no answer.
    """
    response = document.get("CommandResponse")
    if response is None:
        _raise_if_refused(document, ())
        return {}
    found = list(response.values()) if isinstance(response, dict) else []
    if len(found) != 1 or not isinstance(found[0], dict):
        raise RemoteProtocolError("shell", "the answer of a command has one result")
    said = str(found[0].get("status", READY))
    fields = typed(plain_leaves({name: value for name, value in found[0].items() if name != "status"}))
    if said == BAD_ARGUMENTS:
        wrong = BadArguments({})
        wrong.args = (BAD_ARGUMENTS,)
        raise wrong
    if said != READY:
        raise CommandFailed(str(fields.pop("Reason", said)), fields=fields)
    return fields


def _raise_if_refused(node: Any, path: tuple[str, ...]) -> None:
    """Look for a value that was refused, and for a branch that is an error itself."""
    if not isinstance(node, dict):
        return
    if node.get("error") == "True":
        raise XapiError(f"{' '.join(path)}: {node.get('Value')}")
    if node.get("status") == "Error":
        raise CommandFailed(str(_plain(node.get("Reason", {}))))
    for name, below in node.items():
        _raise_if_refused(below, (*path, str(name)))


def plain_leaves(tree: Any, root: Path = ()) -> list[Leaf]:
    """Turn a tree of the shell back into leaves, all values text.

    Raises:
        RemoteProtocolError: it is too deep, or holds what no tree of a device does.
    """
    found = leaves_of(_plain(tree), root)
    if any(not path for path, _ in found):
        raise RemoteProtocolError("shell", "a tree has names at its root")
    return found


def _plain(node: Any) -> Any:
    """Put the text of a leaf in the place of its object; the number of an element stays beside it."""
    if isinstance(node, list):
        return [_plain(element) for element in node]
    if not isinstance(node, dict):
        return node
    value = node.get("Value")
    if isinstance(value, str):
        return {"Value": value, "id": node["id"]} if "id" in node else value
    return {name: _plain(below) for name, below in node.items()}
