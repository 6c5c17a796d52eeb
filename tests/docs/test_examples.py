"""The pages show what is so: examples run, command lines parse, outputs are real."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.loader import load, load_bytes
from scenarios.runner.problems import ScenarioError
from scenarios.runner.run import run_scenario
from tests.tools.blocks import content, filled, has_blocks
from tests.tools.generated import ROOT
from tests.tools.links import pages
from tests.tools.page_commands import commands

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
PAGES = [page for page in pages() if page.is_relative_to(ROOT / "docs") or page.parent == ROOT]
COMMANDS = dict(commands())
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
FRAGMENT = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(roomsim [^`]*)`")


def name_of(page: Path) -> str:
    """Name a page or an example for a test id."""
    return str(page.relative_to(ROOT))


def shell_lines(text: str) -> Iterator[str]:
    """Yield the lines of shell blocks, continued ones joined."""
    for block in SHELL.findall(text):
        yield from re.sub(r"\\\n\s*", "", block).splitlines()


def fragments(text: str) -> Iterator[str]:
    """Yield the YAML that a page shows, each made a scenario: steps and expectations get what is around them."""
    for block in FRAGMENT.findall(text):
        shown = dedent(block)
        if shown.startswith("- "):
            yield f"name: x\ndevice: {{ at: online }}\nsteps:\n{indent(shown, '  ')}"
        elif shown.startswith(("expect:", "never:")):
            yield f"name: x\nsteps:\n  - note: hello\n{indent(shown, '    ')}"
        elif shown.startswith("name:"):
            yield shown


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Find the command that words call, or the program itself where an option follows at once, and the arguments.

    Raises:
        KeyError: there is none.
    """
    if words[1:] and words[1].startswith("-"):
        return COMMANDS[words[0]], words[1:]
    for length in (3, 2):
        command = COMMANDS.get(" ".join(words[:length]))
        if command is not None:
            return command, words[length:]
    raise KeyError(" ".join(words))


@pytest.mark.parametrize("file", EXAMPLES, ids=name_of)
def test_examples_pass(file: Path) -> None:
    for scenario in load(file, table=nodes()):
        outcome = run_scenario(scenario)
        assert outcome.result == "passed", "\n".join(outcome.reports)


def test_examples_that_fail_on_purpose_fail() -> None:
    failing = ROOT / "docs" / "examples" / "failing"
    for file in sorted(failing.glob("*.yaml")):
        if file.name != "slips.yaml":
            assert run_scenario(load(file, table=nodes())[0]).result == "failed", file
    with pytest.raises(ScenarioError):
        load(failing / "slips.yaml", table=nodes())


@pytest.mark.parametrize("page", [page for page in PAGES if list(fragments(page.read_text()))], ids=name_of)
def test_every_step_that_a_page_shows_is_one(page: Path) -> None:
    slips = (ROOT / "docs" / "examples" / "failing" / "slips.yaml").read_text()
    for text in fragments(page.read_text(encoding="utf-8")):
        if text != slips:
            assert load_bytes(text.encode(), str(ROOT / "docs" / "examples" / "page.yaml"))


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "examples").rglob("*.yaml")), ids=name_of)
def test_every_example_is_shown_as_it_is(file: Path) -> None:
    text = content(f"file {name_of(file)}")
    assert any(text in page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("page", [page for page in PAGES if has_blocks(page.read_text())], ids=name_of)
def test_blocks_show_the_present_output(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "run `make update`"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_command_lines_parse(page: Path) -> None:
    for line in shell_lines(page.read_text(encoding="utf-8")):
        if line.startswith("roomsim "):
            plain = re.sub(r'"\$\([^)]*\)"', "value", line)
            command, arguments = command_of(shlex.split(plain, comments=True))
            command.make_context("roomsim", arguments)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_sentences_exist(page: Path) -> None:
    for line in INLINE.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(line.replace("...", ""))
        command, arguments = command_of(words)
        known = {spelling for param in command.params for spelling in param.opts}
        assert {word for word in arguments if word.startswith("-")} <= known, line


def test_python_files_that_pages_name_exist() -> None:
    named = {
        name for page in PAGES for name in re.findall(r"`([a-z_]+/[\w/.-]+\.(?:yaml|py|txt|json))`", page.read_text())
    }
    places = (ROOT, ROOT / "docs" / "examples")
    assert [name for name in sorted(named) if not any((place / name).is_file() for place in places)] == []
