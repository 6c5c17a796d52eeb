"""The bytes of written traces: `python -m tests.determinism.written [FILE...]` plays shipped scenarios and prints the SHA-256 of each.

Without files all of them are played, which takes minutes. What two processes print has to be equal, whatever their hash seed, time zone and
order of files.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.runner.loader import load
from scenarios.runner.run import run_scenario
from scenarios.runner.suite import write_trace
from tests.scenarios.stories import SCENARIOS, identity, plays_alone, shipped


def written(files: list[str]) -> dict[str, str]:
    """Play the scenarios of files, named below `scenarios/`, and return the hash of each trace file by file and case."""
    found = {}
    stories = [scenario for file in files for scenario in load(SCENARIOS / file)] if files else shipped()
    with TemporaryDirectory(prefix="roomsim-") as folder:
        trace_file = Path(folder, "trace.jsonl")
        for scenario in filter(plays_alone, stories):
            outcome = run_scenario(scenario)
            assert outcome.trace is not None
            write_trace(trace_file, outcome, outcome.trace)
            found[identity(scenario)] = sha256(trace_file.read_bytes()).hexdigest()
    return found


if __name__ == "__main__":
    print(json.dumps(written(sys.argv[1:]), indent=1))  # noqa: T201  it is a program
