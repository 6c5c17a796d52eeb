"""Links in the Markdown files: `python -m tests.tools.links` says which relative ones lead nowhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from tests.tools.markdown import anchor

ROOT: Final = Path(__file__).resolve().parents[2]
SKIPPED: Final = frozenset({"node_modules", "build", "dist", "out"})
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_FOREIGN = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_CODE = re.compile(r"(`+).+?\1")


def pages(root: Path = ROOT) -> list[Path]:
    """Return every Markdown file of the repository."""
    files = (file for file in root.rglob("*.md") if not _is_skipped(file.relative_to(root)))
    return sorted(files)


def _is_skipped(file: Path) -> bool:
    return any(part in SKIPPED or part.startswith(".") for part in file.parts)


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines outside code blocks, with their numbers."""
    fence = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r"\s*(`{3,}|~{3,})", line)
        if found is not None and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
        elif not fence:
            yield number, line


def anchors(file: Path) -> set[str]:
    """Return the anchors of a page; of equal headings the second gets `-1`, the third `-2`."""
    found: set[str] = set()
    counts: dict[str, int] = {}
    for _, line in prose(file):
        heading = _HEADING.match(line)
        if heading is not None:
            name = anchor(heading[1])
            nth = counts.get(name, 0)
            counts[name] = nth + 1
            found.add(f"{name}-{nth}" if nth else name)
    return found


def broken(file: Path, root: Path = ROOT) -> Iterator[str]:
    """Yield `file:line: what is wrong` for each link of a page that leads nowhere."""
    for number, line in prose(file):
        for link in _LINK.finditer(_CODE.sub("", line)):
            why = _why(file, link[1], root)
            if why:
                yield f"{file.relative_to(root)}:{number}: {link[1]}: {why}"


def _why(file: Path, link: str, root: Path) -> str:
    if _FOREIGN.match(link):
        return ""
    path, _, fragment = link.partition("#")
    target = (file.parent / unquote(path)).resolve() if path else file
    if not target.is_relative_to(root):
        return "outside the repository"
    if not target.exists():
        return "no such file"
    if fragment and target.suffix == ".md" and fragment not in anchors(target):
        return "no such heading"
    return ""


def main(root: Path = ROOT) -> int:
    """Check every page; return the exit code."""
    found = [problem for file in pages(root) for problem in broken(file, root)]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
