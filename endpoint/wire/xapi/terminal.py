"""The terminal rendering of leaves, and how it is read back.

One line a leaf: `*s` status, `*c` configuration, `*r` result, `*e` event; strings quoted, integers and literals bare.
Source: protocol/xapi.md 4.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.leaves import Leaf, LeafValue, Mark
from endpoint.wire.xapi.nodes import Branch, Nodes, Value, nodes
from endpoint.wire.xapi.paths import Path, words
from endpoint.wire.xapi.spaces import ValueSpace

Root: TypeAlias = Literal["Status", "Configuration", "Event", "Result"]

END: Final = "** end"
_LINE_OF: Final = {"Status": "*s ", "Configuration": "*c xConfiguration ", "Event": "*e ", "Result": "*r "}
_ROOT_OF: Final[dict[str, Root]] = {"s": "Status", "c": "Configuration", "e": "Event", "r": "Result"}
_BRANCHES: Final[dict[str, Branch]] = {"Status": "Status", "Configuration": "Configuration"}
_READ: Final = re.compile(
    r"\*(?P<kind>[scer]) (?P<path>[^ :(\"]+(?: [^ :(\"]+)*)(?: \((?P<name>\w+)=(?P<mark>\w+)\))?:(?: (?P<value>.*))?"
)
_ESCAPES: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)},
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    **str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}),
}
"""What is written differently between quotes: a value is one line, whatever is in it."""
_ESCAPED: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_BARE: Final = re.compile(r"[^\s\"\\]+")


def lines(leaves: Iterable[Leaf], table: Nodes | None = None) -> list[str]:
    """Print leaves whose paths begin with `Status`, `Configuration`, `Event` or `Result`.

    An element that is gone is `*s Call 3 (ghost=True):`, a node without fields `*e Bookings Updated:`.

    Args:
        table: says which values are literals; without it the built-in one does.
    """
    known = table or nodes()
    return [_line(path, value, known) for path, value in leaves]


def status_lines(leaves: Iterable[tuple[Path, Value]]) -> list[str]:
    """Print status leaves without their branch: `*s Audio Volume: 50`; strings quoted, integers and literals bare."""
    return lines((("Status", *path), value) for path, value in leaves)


def configuration_lines(leaves: Iterable[tuple[Path, Value]]) -> list[str]:
    """Print configuration leaves without their branch: `*c xConfiguration SystemUnit Name: "Huddle 1"`."""
    return lines((("Configuration", *path), value) for path, value in leaves)


def mark_line(root: Root, name: str, mark: str, value: str) -> str:
    """Print what is said of a node as a whole: `*r DialResult (status=OK):`, `*s Status (status=Error):`."""
    begin = _LINE_OF[root] if root != "Configuration" else "*c "
    return f"{begin}{name} ({mark}={value}):"


def quoted(text: str) -> str:
    """Print a text between quotes, on one line."""
    return f'"{text.translate(_ESCAPES)}"'


def unescaped(text: str) -> str:
    r"""Return what stands between quotes; `\"`, `\\`, `\n`, `\t`, `\x7f` and `\u1234` are escapes, as in JSON.

    Raises:
        RemoteProtocolError: half a character, which no UTF-8 text can hold.
    """
    if "\\" not in text:
        return text
    read = _ESCAPED.sub(_character, text)
    try:
        return read.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise RemoteProtocolError("shell", "a text holds no half characters", text[:40]) from None


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _LETTERS.get(found[3], found[3])


def _line(path: Path, value: LeafValue, table: Nodes) -> str:
    root, *below = path
    begin = _LINE_OF[str(root)] + words(tuple(below))
    if isinstance(value, Mark):
        return f"{begin} (ghost=True):" if value is Mark.GHOST else f"{begin}:"
    return f"{begin}: {_shown(path, value, table)}"


def _shown(path: Path, value: Value, table: Nodes) -> str:
    if isinstance(value, int):
        return str(value)
    space = space_of(path, table)
    if space is not None and space.kind == "literal" and not _is_free_text(path) and _BARE.fullmatch(value):
        return value
    return quoted(value)


def space_of(path: Path, table: Nodes) -> ValueSpace | None:
    """Return the value space of a leaf or of an event's field; None where the table has none."""
    root, below = path[0], path[1:]
    if root == "Event":
        return _field_space(below, table)
    branch = _BRANCHES.get(str(root))
    node = table.find(branch, below) if branch is not None else None
    return node.space if node is not None else None


def _field_space(path: Path, table: Nodes) -> ValueSpace | None:
    for length in range(len(path) - 1, 0, -1):
        event = table.event(path[:length])
        if event is None:
            continue
        name = [part for part in path[length:] if isinstance(part, str)]
        wanted = " ".join(name).casefold()
        return next((field.space for field in event.fields if field.name.replace("[n]", "").casefold() == wanted), None)
    return None


def _is_free_text(path: Path) -> bool:
    # A string leaf whose values happen to be three words; printed with quotes on the slides.
    return path[1:3] == ("Experimental", "CalliopeDiscovery") and path[-1] == "Transport"


def read_lines(text: Iterable[str], table: Nodes | None = None) -> list[Leaf]:
    """Read lines back into leaves, with the branch in front; the result's status is its leaf `status`.

    Lines that are no leaves (`** end`, `OK`, an empty line, a tag) are passed over.

    Raises:
        RemoteProtocolError: a line that begins like a leaf is none.
    """
    known = table or nodes()
    return [_read(line, known) for line in text if line.startswith(("*s ", "*c ", "*r ", "*e "))]


def _read(line: str, table: Nodes) -> Leaf:
    found = _READ.fullmatch(line)
    if found is None:
        raise RemoteProtocolError("shell", "a leaf is *s, *c, *r or *e, a path, a colon and a value", line[:60])
    root = _ROOT_OF[found["kind"]]
    parts = found["path"].split(" ")
    if root == "Configuration" and parts[0] == "xConfiguration":
        parts = parts[1:]
    path: Path = (root, *(int(part) if part.isdecimal() and part.isascii() else part for part in parts))
    if found["mark"] is not None:
        return (path, Mark.GHOST) if found["name"] == "ghost" else ((*path, found["name"]), found["mark"])
    if found["value"] is None:
        return path, Mark.NODE
    return path, _value(found["value"], path, table)


def _value(text: str, path: Path, table: Nodes) -> Value:
    if text.startswith('"'):
        if len(text) < 2 or not text.endswith('"'):
            raise RemoteProtocolError("shell", "a text ends with a quote", text[:60])
        return unescaped(text[1:-1])
    space = space_of(path, table)
    is_number = re.fullmatch(r"-?[0-9]{1,1000}", text) is not None
    return int(text) if is_number and (space is None or space.kind != "literal") else text
