from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.loader import load_bytes
from scenarios.runner.problems import ScenarioError
from scenarios.runner.schema import FILE_NAME, print_schema, scenario_schema
from scenarios.runner.schema_xapi import written
from scenarios.runner.verbs import VERBS
from scenarios.runner.yamltree import parse, plain

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "scenarios").rglob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(scenario_schema())


def read(text: str) -> object:
    return plain(parse(text.encode(), "x.yaml"))


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(scenario_schema())


def test_schema_file_is_up_to_date() -> None:
    assert print_schema() == (ROOT / "scenarios" / FILE_NAME).read_text(encoding="utf-8"), (
        "run: python -m scenarios.runner.schema > scenarios/scenario.v1.schema.json"
    )


def test_schema_is_the_same_in_another_process() -> None:
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "scenarios.runner.schema"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment).stdout
        assert print_schema() == printed


@pytest.mark.parametrize("file", SHIPPED, ids=[file.stem for file in SHIPPED])
def test_shipped_scenario_meets_the_schema(file: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(plain(parse(file.read_bytes(), str(file))))] == []


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        "name: x\nsteps: []\nstep: []",
        "name: x\nsteps: [ { advance: 5 } ]",
        "name: x\nsteps: [ { advance: 1m, note: hello } ]",
        "name: x\nsteps: [ { name: nothing } ]",
        "name: x\nsteps: [ { register: wmd } ]",
        "name: x\nsteps: [ { note: hello, expect: { xstats: { a: 1 } } } ]",
        "name: x\nsteps: [ { fault: { on: mecury, do: reset } } ]",
        "name: x\ndevice: { product: Room Kit Por }\nsteps: [ { note: hello } ]",
        "name: x\nsteps: [ { note: hello, expect: { xstatus: { Webex Status: Registred } } } ]",
        "name: x\nsteps: [ { note: hello, never: { xstatus: { Call 1 Status: Conected } } } ]",
        "name: x\nsteps: [ { note: hello, expect: { xevent: { CallDisconnect: { CauseOrigin: Spork } } } } ]",
        "part: x\nname: x\nsteps: [ { note: hello } ]",
        "part: x\nrequires: [a]\nsteps: [ { note: hello } ]",
    ],
)
def test_schema_refuses_what_the_loader_refuses(text: str) -> None:
    assert not VALIDATOR.is_valid(read(text))
    with pytest.raises(ScenarioError):
        load_bytes(text.encode(), "x.yaml")


def test_editors_complete_paths_words_and_commands() -> None:
    defs = scenario_schema()["$defs"]
    table = nodes()
    assert set(defs["Status"]["properties"]) == {written(path) for path in table.paths("Status")}
    assert set(defs["Settings"]["properties"]) == {written(path) for path in table.paths("Configuration")}
    assert defs["Command"]["examples"] == table.paths("Command")
    words = defs[defs["Status"]["properties"]["Webex Status"]["$ref"].rpartition("/")[2]]
    assert words["anyOf"][0]["enum"] == ["Disabled", "Error", "Registered", "Registering", "Stopped"]
    assert defs["Settings"]["properties"]["Conference AutoAnswer Mode"]["examples"] == ["Off", "On"]
    assert "Status Call 1 Status" in defs["Subscription"]["examples"]
    assert set(defs["Events"]["properties"]) == set(table.paths("Event"))


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nvars: { t: 1m }\nsteps: [ { advance: '${vars.t}' } ]",
        "name: x\nvars: { n: 5 }\ncloud: { media: { servers: '${vars.n}' } }\nsteps: [ { note: hello } ]",
        "name: x\nvars: { s: Error }\nsteps: [ { note: a, expect: { xstatus: { Webex Status: '${vars.s}', call 2 status: Idle } } } ]",
        "part: x\nrequired: [a]\nvars: { b: 1 }\nsteps: [ { use: { file: b.yaml, with: { a: 1 } } }, { together: [ { note: a } ] } ]",
        "name: x\nsteps: [ { wait: { mercury: open } }, { repeat: { times: 2, steps: [ { note: a } ] } } ]",
    ],
)
def test_schema_allows_references_and_nested_steps(text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read(text))] == []


def test_every_verb_is_described() -> None:
    step = json.loads(print_schema())["$defs"]["Step"]["properties"]
    assert [word for word in VERBS if "Done:" not in step[word]["description"]] == []
