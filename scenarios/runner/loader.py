"""From files to scenarios, with every mistake at its place.

A file is read once as a tree. For each case its values are filled in, and the tree becomes models, steps and compiled expectations. The
problems of all files are reported together. What was read is kept, and taken again as long as no byte of its files has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from endpoint.wire.xapi.nodes import Nodes, nodes
from scenarios.runner.extensions import load_extensions
from scenarios.runner.fields import NAME_PATTERN
from scenarios.runner.model import CASES_MAX, DEVICE_DEFAULT, Case, Device, Head, Scenario, Step
from scenarios.runner.parts import Library, digest_now, is_part, read_part_head
from scenarios.runner.problems import Place, Problems, ScenarioError
from scenarios.runner.references import Scope
from scenarios.runner.steps import StepBuilder
from scenarios.runner.subjects import Context
from scenarios.runner.validation import check, keys_of
from scenarios.runner.verbs import Capability
from scenarios.runner.xapi_checks import check_configuration
from scenarios.runner.xapi_verbs import ANY_WIDGET
from scenarios.runner.yamltree import Entry, Mapping, Sequence, kind_of, parse, plain

FILES_MAX = 10_000
DEVICES_MAX = 50
KEPT_MAX: Final = CASES_MAX
"""Scenarios that are kept as they were read, of some 30 KiB each."""
_BODY_KEYS = ("device", "devices", "setup", "steps", "finally", "never")

_kept: dict[tuple[str, str | None], Scenario] = {}


def load(path: Path, *, table: Nodes | None = None) -> list[Scenario]:
    """Read one file.

    Args:
        path: a YAML file.
        table: the nodes of the device, against which xAPI paths and values are checked; default: the shipped table.

    Returns:
        One scenario, or one per case.

    Raises:
        ScenarioError: the file cannot be read or is wrong.
    """
    return load_all([path], table=table)


def load_case(file: str, case: str | None) -> Scenario:
    """Read one case of a file that was read before, perhaps by another process; here it is taken as it was read, if it still says the same.

    Raises:
        ScenarioError: the file is wrong by now.
    """
    scenario = _kept.get((file, case))
    if scenario is not None and _is_unchanged(scenario):
        return scenario
    return next(scenario for scenario in load(Path(file)) if scenario.case == case)


def _is_unchanged(scenario: Scenario) -> bool:
    try:
        return digest_now(scenario.file, scenario.parts) == scenario.sha256
    except OSError:
        return False


def _keep(scenarios: Iterable[Scenario]) -> None:
    """Keep scenarios in the place of those that were read first."""
    for scenario in scenarios:
        _kept.pop((scenario.file, scenario.case), None)
        _kept[scenario.file, scenario.case] = scenario
    while len(_kept) > KEPT_MAX:
        del _kept[next(iter(_kept))]


def load_all(paths: Iterable[Path], *, table: Nodes | None = None) -> list[Scenario]:
    """Read files, and all `*.yaml` below directories, in sorted order; names are unique in their directory.

    A file that is a part of scenarios holds none; it is read where it is used, here only its head.

    Raises:
        ScenarioError: with the problems of all files.
    """
    load_extensions()
    problems = Problems()
    found: list[Scenario] = []
    names: dict[tuple[Path, str], str] = {}
    for file in _files(paths, problems):
        for scenario in _load_file(file, table or nodes(), problems):
            found.append(scenario)
            first = names.setdefault((file.parent, scenario.head.name), str(file))
            if first != str(file):
                problems.add(Place(str(file), 1, 1), f"the name `{scenario.head.name}` is taken by {first}")
    problems.raise_if_any()
    if table is None or table is nodes():
        _keep(found)
    return found


def _files(paths: Iterable[Path], problems: Problems) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(file for file in path.rglob("*.yaml") if file.is_file())))
        elif path.is_file():
            found[path] = None
        else:
            problems.add(Place(str(path), 1, 1), "there is no such file")
    if len(found) > FILES_MAX:
        problems.add(Place(str(next(iter(found))), 1, 1), f"{len(found)} files; at most {FILES_MAX} are read at once")
        return []
    return list(found)


def _load_file(file: Path, table: Nodes, problems: Problems) -> list[Scenario]:
    try:
        return load_bytes(file.read_bytes(), str(file), table=table)
    except OSError as error:
        problems.add(Place(str(file), 1, 1), f"cannot be read: {error.strerror}")
    except ScenarioError as error:
        problems.take(error)
    return []


def load_bytes(data: bytes, file: str, *, table: Nodes | None = None) -> list[Scenario]:
    """Read the bytes of a scenario file; as `load`. Any bytes give scenarios or placed problems."""
    load_extensions()
    root = parse(data, file)
    problems = Problems()
    if not isinstance(root, Mapping):
        problems.add(root.at, f"a scenario is a map with name and steps, not {kind_of(root)}")
        problems.raise_if_any()
        raise AssertionError("a problem was raised")
    if is_part(root):
        read_part_head(root, problems)
        problems.raise_if_any()
        return []
    scenarios = [_scenario(root, data, case, table or nodes(), problems) for case in _cases(root, problems)]
    problems.raise_if_any()
    return [scenario for scenario in scenarios if scenario is not None]


def _cases(root: Mapping, problems: Problems) -> list[Case | None]:
    """Read the cases first: their values are filled in everywhere else."""
    entry = root.get("cases")
    if entry is None or not isinstance(entry.node, Sequence) or not entry.node.items:
        return [None]
    cases = [check(Case, item, problems) for item in entry.node.items[: CASES_MAX + 1]]
    return [case for case in cases if case is not None] or [None]


def _scope(root: Mapping, case: Case | None, problems: Problems) -> Scope:
    entry = root.get("vars")
    values: dict[str, object] = {}
    if entry is not None and isinstance(entry.node, Mapping):
        filled = Scope({}).fill(entry.node, problems)
        assert isinstance(filled, Mapping), "filling keeps a map"
        values = {one.key: plain(one.node) for one in filled.entries}
    if case is None:
        return Scope(values)
    return Scope(values | case.vars, case.name)


def _scenario(root: Mapping, data: bytes, case: Case | None, table: Nodes, problems: Problems) -> Scenario | None:
    scope = _scope(root, case, problems)
    head = _head(root, scope, problems)
    devices = _devices(root, scope, table, problems)
    context = Context(problems, table)
    if head is not None and "client" in head.needs:
        context.widgets.add(ANY_WIDGET)
    file = root.at.file
    library = Library(file)
    builder = StepBuilder(problems, scope, context, tuple(devices), library, file)
    lists = {}
    for key in ("setup", "steps", "finally"):
        entry = root.get(key)
        lists[key] = builder.steps(entry.node) if entry is not None else ()
    never = root.get("never")
    forbidden = builder.never(never.node) if never is not None else None
    if root.get("steps") is None:
        problems.add(root.at, "`steps` is missing")
    elif not lists["steps"] and not problems:
        problems.add(root.at, "a scenario has at least one step")
    if head is None or problems:
        return None
    needs = frozenset(head.needs).union(*(_needs(step) for steps in lists.values() for step in steps))
    name = None if case is None else case.name
    digest, parts = library.digest(data), library.files
    return Scenario(
        file, digest, name, head, devices, lists["steps"], lists["setup"], lists["finally"], forbidden, needs, parts
    )


def _needs(step: Step) -> frozenset[Capability]:
    return step.args.needs.union(*(_needs(one) for one in (*step.meanwhile, *step.inner)))


def _head(root: Mapping, scope: Scope, problems: Problems) -> Head | None:
    known = {*keys_of(Head), *_BODY_KEYS}
    entries = []
    for entry in root.entries:
        if entry.key in ("vars", "cases"):
            entries.append(entry)
        elif entry.key in _BODY_KEYS:
            continue
        elif entry.key in known:
            entries.append(Entry(entry.key, entry.at, scope.fill(entry.node, problems)))
        else:
            problems.unknown(entry.at, f"unknown key `{entry.key}`", entry.key, known)
    return check(Head, Mapping(tuple(entries), root.at), problems)


def _devices(root: Mapping, scope: Scope, table: Nodes, problems: Problems) -> dict[str, Device]:
    one, several = root.get("device"), root.get("devices")
    if one is not None and several is not None:
        problems.add(several.at, "write either device or devices")
    entries: tuple[Entry, ...]
    if several is None:
        entries = (Entry(DEVICE_DEFAULT, root.at, Mapping((), root.at) if one is None else one.node),)
    elif isinstance(several.node, Mapping) and 0 < len(several.node.entries) <= DEVICES_MAX:
        entries = several.node.entries
    else:
        problems.add(several.node.at, f"`devices` takes a map of 1 to {DEVICES_MAX} names and devices")
        return {}
    found: dict[str, Device] = {}
    for entry in entries:
        if not re.fullmatch(NAME_PATTERN, entry.key):
            problems.add(entry.at, f"`{entry.key}` is no name: letters, digits, - and _, a letter first")
        node = scope.fill(entry.node, problems)
        device = check(Device, node, problems)
        if device is not None:
            found[entry.key] = device
        config = node.get("config") if isinstance(node, Mapping) else None
        for setting in config.node.entries if config is not None and isinstance(config.node, Mapping) else ():
            check_configuration(setting, table, problems)
    return found
