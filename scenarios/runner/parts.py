"""Parts of scenarios: files whose steps `use` puts in its place.

A part has steps as a scenario has, and says which values it takes: `vars` are those that have a default, `required` those that whoever
uses it has to write. It does not run by itself. Source: scenario-style.md section 5.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from pydantic import Field

from scenarios.runner.fields import KnownText, Name
from scenarios.runner.problems import Place, Problem, Problems, ScenarioError
from scenarios.runner.validation import Objection, Strict, check, keys_of, report_unknown_key
from scenarios.runner.yamltree import FILE_BYTES_MAX, Mapping, Node, kind_of, parse

PARTS_DEEP_MAX: Final = 4
"""Parts inside one another."""
USES_MAX: Final = 200
"""Parts that one scenario takes in, each as often as it is used."""
VALUES_MAX: Final = 50
"""Values of one part."""


class PartHead(Strict):
    """Everything of a part but its steps."""

    area: ClassVar[str] = "part"
    part: Annotated[str, Field(min_length=1, max_length=120)]
    """What it does, as a sentence; it marks the file as a part."""
    about: KnownText = ""
    required: Annotated[tuple[Name, ...], Field(max_length=VALUES_MAX, strict=False)] = ()
    """Names of values that `with` has to give."""
    vars: Annotated[dict[str, Any], Field(max_length=VALUES_MAX)] = Field(default_factory=dict)
    """Values that `with` may give, and what they are otherwise."""

    def objections(self) -> Iterable[Objection]:
        """Object to a value that is required and has a default."""
        for index, name in enumerate(self.required):
            if name in self.vars:
                yield Objection(("required", index), f"`{name}` has a default in `vars`, so it is not required")


class Part(NamedTuple):
    """A part as it was read: its file as places name it, its head, and the tree of the file."""

    file: str
    head: PartHead
    root: Mapping


def is_part(root: Node) -> bool:
    """Say whether the tree of a file is that of a part."""
    return isinstance(root, Mapping) and root.get("part") is not None and root.get("name") is None


def read_part_head(root: Mapping, problems: Problems) -> PartHead | None:
    """Read the head of a part; None when it is wrong, which is then among the problems."""
    own = [*keys_of(PartHead), "steps"]
    for entry in root.entries:
        if entry.key not in own:
            report_unknown_key(PartHead, entry.at, entry.key, problems, own)
    if root.get("steps") is None:
        problems.add(root.at, "`steps` is missing")
    known = tuple(entry for entry in root.entries if entry.key in keys_of(PartHead))
    return check(PartHead, Mapping(known, root.at), problems)


class Library:
    """Reads the parts that one scenario uses, each file once.

    Args:
        file: the scenario; what it uses stands relative to its directory.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._trees: dict[str, Node | ScenarioError] = {}
        self._digests: dict[str, str] = {}
        self._uses = 0

    @property
    def files(self) -> tuple[str, ...]:
        """The files that were read, in the order of their first use."""
        return tuple(self._digests)

    def digest(self, data: bytes) -> str:
        """Return the digest of a scenario and of the parts that it uses."""
        return _digest_of([_digest(data), *self._digests.values()])

    def open(self, name: str, at: Place, stack: tuple[str, ...], problems: Problems) -> Part | None:
        """Read the part that a file of the stack uses; None when it cannot be used, which is then among the problems.

        Args:
            at: where its name stands.
            stack: the files that are being read, the scenario first.
        """
        file = self._resolve(name, at, stack, problems)
        if file is None:
            return None
        self._uses += 1
        if self._uses > USES_MAX:
            problems.add(at, f"a scenario takes in at most {USES_MAX} parts")
            return None
        tree = self._trees.get(file)
        if tree is None and not Path(file).is_file():
            problems.add(at, f"there is no file {file}")
            return None
        if tree is None:
            tree = self._trees[file] = self._read(file)
        if isinstance(tree, ScenarioError):
            problems.take(tree)
            return None
        if not isinstance(tree, Mapping):
            problems.add(tree.at, f"a part is a map with part and steps, not {kind_of(tree)}")
            return None
        if not is_part(tree):
            what = "a scenario" if tree.get("name") is not None else "no part"
            problems.add(at, f"{file} is {what}; a part begins with `part:` and a sentence, and has `steps`")
            return None
        head = read_part_head(tree, problems)
        return None if head is None else Part(file, head, tree)

    def _resolve(self, name: str, at: Place, stack: tuple[str, ...], problems: Problems) -> str | None:
        path = PurePosixPath(name)
        if path.is_absolute() or "\\" in name or "\0" in name or path.suffix != ".yaml":
            problems.add(
                at, f"write the path of a .yaml file, relative to the directory of this one, not `{name[:80]}`"
            )
            return None
        file = os.path.normpath(Path(stack[-1]).parent / path)
        if file in map(os.path.normpath, stack):
            problems.add(at, f"{file} uses itself: {' -> '.join((*stack, file))}")
            return None
        if len(stack) > PARTS_DEEP_MAX:
            problems.add(at, f"parts are used {PARTS_DEEP_MAX} deep at most: {' -> '.join((*stack, file))}")
            return None
        return file

    def _read(self, file: str) -> Node | ScenarioError:
        try:
            with Path(file).open("rb") as stream:
                data = stream.read(FILE_BYTES_MAX + 1)
            self._digests[file] = _digest(data)
            return parse(data, file)
        except ScenarioError as error:
            return error
        except OSError as error:
            return ScenarioError([Problem(Place(file, 1, 1), f"cannot be read: {error.strerror}")])


def digest_now(file: str, parts: Iterable[str]) -> str:
    """Return the digest that a scenario and the parts that it uses, in the order of their first use, have as they are by now.

    Raises:
        OSError: one of them cannot be read.
    """
    return _digest_of([_digest(Path(one).read_bytes()) for one in (file, *parts)])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_of(digests: list[str]) -> str:
    """Return the only SHA-256, or that of all of them."""
    return digests[0] if len(digests) == 1 else _digest(" ".join(digests).encode())
