"""The pytest plugin: scenarios are tests, and tests in Python get a stage.

It comes with the package (entry point `roomsim`) and is loaded by every pytest of its environment, so it imports nothing of ours before it
is needed. Source: scenario-style.md section 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from scenarios.runner.pytest_items import ScenarioFile
    from scenarios.runner.pytest_stage import ClockHandle, Cloud, DeviceHandle, PythonStage, TraceHandle

FOLDER: Final = "scenarios"
INI: Final = "roomsim_scenarios"
MARK: Final = "roomsim"
OWN: Final = frozenset(
    ("skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings", "tryfirst", "trylast", "timeout")
)
"""Marks that mean something to pytest and its common plugins; a tag of such a name is no mark."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and settings."""
    group = parser.getgroup("roomsim", "scenarios of a simulated video room")
    group.addoption("--roomsim-seed", type=int, default=None, metavar="N", help="seed in place of those of the files")
    group.addoption("--roomsim-seeds", type=int, default=1, metavar="N", help="run each scenario with so many seeds")
    group.addoption(
        "--roomsim-mode",
        choices=("virtual", "wire"),
        default="virtual",
        help="virtual (default): time jumps; wire: real",
    )
    group.addoption(
        "--roomsim-traces",
        type=Path,
        default=None,
        metavar="DIR",
        help="write the trace of each scenario that fails here",
    )
    parser.addini(INI, "folders whose *.yaml files are scenarios (*.scenario.yaml are, anywhere)", "args", [FOLDER])


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and let marks be known."""
    config.addinivalue_line(
        "markers", f"{MARK}(**head): what a scenario file says above its steps; all scenarios have it"
    )
    seed, seeds = config.getoption("--roomsim-seed"), config.getoption("--roomsim-seeds")
    if seeds < 1 or (seed is not None and seed < 0):
        raise pytest.UsageError("--roomsim-seeds counts from 1, --roomsim-seed from 0")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """Take files that are scenarios by their name or their folder."""
    if file_path.suffix != ".yaml":
        return None
    folders = [(parent.config.rootpath / name).resolve() for name in parent.config.getini(INI)]
    resolved = file_path.resolve()
    if not file_path.name.endswith(".scenario.yaml") and not any(resolved.is_relative_to(one) for one in folders):
        return None
    from scenarios.runner.pytest_items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Call a run whose stage could not be set an error, and show what both sides of a Python test did when it fails."""
    report = yield
    from sys import modules

    items, stages = (modules.get(f"scenarios.runner.pytest_{name}") for name in ("items", "stage"))
    if items is not None and isinstance(item, items.ScenarioItem):
        items.finish(report, call)
    if stages is not None and report.when == "call" and report.failed:
        stages.tell(item, report)
    return report


# for tests in Python


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run Python tests that have a stage with several seeds, too."""
    seeds = metafunc.config.getoption("--roomsim-seeds")
    if seeds > 1 and "stage" in metafunc.fixturenames:
        first = metafunc.config.getoption("--roomsim-seed") or 0
        numbers = range(first, first + seeds)
        metafunc.parametrize("stage", numbers, indirect=True, ids=[f"seed {number}" for number in numbers])


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[PythonStage]:
    """A cloud and its devices on one virtual clock, which stands still between the calls of the test."""
    from scenarios.runner.pytest_stage import opened

    with opened(request.node) as made:
        yield made


@pytest.fixture
def device(stage: PythonStage) -> DeviceHandle:
    """The first device of the stage."""
    return stage.device()


@pytest.fixture
def cloud(stage: PythonStage) -> Cloud:
    """The cloud of the stage."""
    return stage.cloud


@pytest.fixture
def clock(stage: PythonStage) -> ClockHandle:
    """The clock of the stage."""
    return stage.clock


@pytest.fixture
def trace(stage: PythonStage) -> TraceHandle:
    """The history of both sides."""
    return stage.trace
