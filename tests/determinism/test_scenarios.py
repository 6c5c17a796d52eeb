"""The same scenario and seed give the same history, byte for byte; and nothing secret is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cloud_stub.platform.records import ServerKey
from endpoint.runtime.trace import Event, canonical
from endpoint.wire import srp
from endpoint.wire.envelope import SessionKeys
from scenarios.runner.loader import load
from scenarios.runner.run import Outcome, RunOptions, run_scenario
from scenarios.runner.stage import Stage
from scenarios.runner.suite import Play, verdict_of
from scenarios.runner.verdict_files import as_json, as_junit
from tests.determinism.written import written

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
FILES = (
    "activation/activation.yaml", "morning.yaml", "discovery/udp_blocked.yaml", "mercury/mercury_reset_catch_up.yaml",
    "identity/token_revoked.yaml", "discovery/discovery_210_44.yaml", "calendar/kms_outage.yaml",
)  # fmt: skip
MATRIX = (
    "calendar/hybrid_faults.yaml",
    "calls/two_calls.yaml", "calls/two_devices_meet.yaml", "calls/network_loss.yaml", "calls/locus_events.yaml",
    "faults/dns_nxdomain.yaml", "network/cut_again_and_again.yaml",
    "network/flapping_link.yaml", "network/half_open.yaml", "network/slow_and_lossy.yaml", "tls/bad_server_certificates.yaml",
    "xapi/from_the_cloud.yaml", "xapi/subscriptions.yaml", "faults/client_flood.yaml", "faults/client_half_open.yaml",
)  # fmt: skip
"""Scenarios whose written bytes are compared: something of every part that could make runs differ."""


def run(file: str, seed: int | None = None) -> Outcome:
    outcome = run_scenario(load(SCENARIOS / file)[0], seed=seed)
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    return outcome


def lines(outcome: Outcome) -> Iterator[str]:
    """Print a history in canonical order, without the ordinals that interleaving gives."""
    assert outcome.trace is not None
    for event in canonical(outcome.trace.events):
        yield f"{event.t} {event.who} {event.kind} {event.id} {json.dumps(event.data, sort_keys=True)}"


@pytest.fixture(scope="module")
def first_runs() -> dict[str, Outcome]:
    return {file: run(file) for file in FILES}


@pytest.mark.parametrize("file", FILES)
def test_same_seed_gives_the_same_history_again(file: str, first_runs: dict[str, Outcome]) -> None:
    again = run(file)
    assert (
        next((pair for pair in zip(lines(first_runs[file]), lines(again), strict=True) if pair[0] != pair[1]), None)
        is None
    )
    assert again.hash == first_runs[file].hash


@pytest.mark.parametrize("file", FILES)
def test_another_seed_gives_another_history_and_the_same_verdict(file: str, first_runs: dict[str, Outcome]) -> None:
    other = run(file, seed=first_runs[file].seed + 1000)
    assert other.hash != first_runs[file].hash


def _in_processes(*commands: list[str]) -> list[str]:
    """Run Python programs side by side, each under another hash seed and time zone; return what they print."""
    zones = ("UTC", "Asia/Kolkata", "America/St_Johns")
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=SCENARIOS.parent,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": str(number + 1), "TZ": zones[number % len(zones)], "LC_ALL": "C"},
        )
        for number, command in enumerate(commands)
    ]
    return [process.communicate(timeout=240)[0] for process in processes]


def test_written_traces_do_not_depend_on_process_hash_seed_zone_and_order() -> None:
    program = ["-m", "tests.determinism.written"]
    forth, back = _in_processes([*program, *MATRIX], [*program, *reversed(MATRIX)])
    assert {name.partition(".yaml")[0] + ".yaml" for name in json.loads(forth)} == set(MATRIX)
    assert json.loads(forth) == json.loads(back)


def test_the_command_writes_the_same_bytes(tmp_path: Path) -> None:
    files = ["network/slow_and_lossy.yaml", "calls/two_calls.yaml"]
    run = ["-m", "scenarios.runner.cli", "run"]
    _in_processes(*[
        [*run, f"scenarios/{file}", "--trace", str(tmp_path / f"{number}.jsonl")] for number, file in enumerate(files)
    ])  # fmt: skip
    here = written(files)
    for number, file in enumerate(files):
        assert sha256((tmp_path / f"{number}.jsonl").read_bytes()).hexdigest() == here[file]


def test_hashes_are_the_same_in_parallel_processes(first_runs: dict[str, Outcome], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    files = [f"scenarios/{file}" for file in FILES]
    _in_processes(["-m", "scenarios.runner.cli", "run", *files, "-j", "2", "--json", str(report)])
    runs = json.loads(report.read_text())["runs"]
    assert {one["file"]: one["trace_hash"] for one in runs} == {
        f"scenarios/{file}": outcome.hash for file, outcome in first_runs.items()
    }


SWARMS = ("calls/network_loss.yaml", "mercury/mercury_reset_catch_up.yaml", "proxy/inspected.yaml")
SWARM_PROGRAM = """
import json, sys
from pathlib import Path
from scenarios.runner.chaos.swarm import swarm
from scenarios.runner.loader import load
found = {}
for file in sys.argv[1:]:
    swarmed = swarm(load(Path("scenarios", file))[0], 3)
    bites = sum(event.kind in ("fault.bit", "fault.struck") for event in swarmed.outcome.trace.events)
    found[file] = [swarmed.outcome.result, bites, list(map(str, swarmed.plan)), swarmed.outcome.hash]
print(json.dumps(found))
"""


def test_swarms_do_not_depend_on_process_hash_seed_zone_and_order() -> None:
    program = ["-c", SWARM_PROGRAM]
    forth, back = map(json.loads, _in_processes([*program, *SWARMS], [*program, *reversed(SWARMS)]))
    assert forth == back
    assert {result for result, *_ in forth.values()} == {"passed"}
    assert all(bites for _, bites, *_ in forth.values()), forth
    assert len({history for *_, history in forth.values()}) == len(SWARMS)


# secrets


@dataclass
class Secrets:
    """Every secret that a run really had."""

    known: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, value: str | bytes) -> None:
        texts = (value,) if isinstance(value, str) else (value.hex(), value.hex().upper(), b64encode(value).decode())
        self.known |= dict.fromkeys(texts, kind)

    def found_in(self, text: str) -> set[str]:
        """Return the kinds of the secrets that occur in a text."""
        return {kind for value, kind in self.known.items() if value in text}

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note what is derived in the exchange: the premaster S, the key K, and what is derived of them."""
        client, server, derive = srp.client_key, srp.server_key, SessionKeys.derive

        def client_key(identity: bytes, password: bytes, salt: bytes, **publics: Any) -> bytes:
            key = client(identity, password, salt, **publics)
            self.add("SRP premaster", premaster(identity, password, salt, key=key, **publics))
            self.add("SRP key", key)
            return key

        def server_key(*args: object, **kwargs: object) -> bytes:
            key = server(*args, **kwargs)  # type: ignore[arg-type]  # as it was called
            self.add("SRP key", key)
            return key

        def derived(*args: object, **kwargs: object) -> SessionKeys:
            keys = derive(*args, **kwargs)  # type: ignore[arg-type]  # as it was called
            for name in ("d2c_enc", "d2c_mac", "c2d_enc", "c2d_mac"):
                self.add(f"session {name}", getattr(keys, name))
            return keys

        monkeypatch.setattr(srp, "client_key", client_key)
        monkeypatch.setattr(srp, "server_key", server_key)
        monkeypatch.setattr(SessionKeys, "derive", staticmethod(derived))

    def collect(self, stage: Stage) -> None:
        """Note what device and cloud hold at the end."""
        for name, value in stage.saved.items():
            digits = str(value).replace(" ", "")
            if len(digits) == 16 and digits.isdecimal():
                self.add(f"code {name}", digits)
                self.add(f"secret half of {name}", digits[8:])
        for device in stage.devices.values():
            if device.state.account is not None:
                token = device.state.account.token
                self.add("access token", token.access_token.reveal())
                assert token.refresh_token is not None
                self.add("refresh token", token.refresh_token.reveal())
        for key in stage.cloud.platform.store[ServerKey]:
            if key.id in ("ca key", "admin token"):
                self.add(key.id, key.text)


def premaster(
    identity: bytes, password: bytes, salt: bytes, *, a: bytes, client_public: bytes, server_public: bytes, key: bytes
) -> bytes:
    """Compute S = (B - k g^x)^(a + u x) mod N by hand (RFC 5054 2.6), and see that K is its hash."""
    group = srp.GROUP

    def number(data: bytes) -> int:
        return int.from_bytes(data, "big")

    k = number(group.digest(group.pad(group.modulus) + group.pad(group.generator)))
    x = number(group.digest(salt + group.digest(identity + b":" + password)))
    u = number(group.digest(client_public + server_public))
    base = number(server_public) - k * pow(group.generator, x, group.modulus)
    secret = pow(base, number(a) + u * x, group.modulus)
    premaster = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
    assert key in (group.digest(premaster), group.digest(group.pad(secret)))
    return premaster


@pytest.mark.parametrize("file", [*FILES, "activation/wrong_code.yaml", "activation/malformed_proxy_certificate.yaml"])
def test_nothing_secret_is_in_trace_log_and_reports(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets, logs = Secrets(), list[str]()
    secrets.watch(monkeypatch)
    scenario = load(SCENARIOS / file)[0]

    def after(stage: Stage) -> None:
        secrets.collect(stage)
        logs.extend(line for device in stage.devices.values() for line in device.world.log.lines)

    def watch(event: Event) -> None:
        seen.append(event.as_json())

    seen: list[str] = []
    outcome = run_scenario(scenario, RunOptions(watch=watch, after=after))
    assert outcome.trace is not None
    kinds = set(secrets.known.values())
    assert {"SRP premaster", "SRP key", "ca key", "admin token"} <= kinds
    assert any(kind.startswith("session ") for kind in kinds)
    assert any(kind.startswith("secret half") for kind in kinds)
    assert secrets.found_in("\n".join(seen)) == set()
    assert secrets.found_in("\n".join(logs)) == set()
    assert secrets.found_in(str(outcome)) == set()


def test_nothing_secret_is_in_the_report_of_a_failure(tmp_path: Path) -> None:
    text = (SCENARIOS / "identity/token_revoked.yaml").read_text()
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace("status: 400", "status: 418").replace("$schema=../", "$schema="))
    secrets = Secrets()
    scenario = load(broken)[0]
    outcome = run_scenario(scenario, RunOptions(after=secrets.collect))
    assert outcome.result == "failed"
    verdict = verdict_of(Play(scenario.file, None, scenario.name, outcome.seed), outcome)
    shown = "\n".join([*outcome.reports, as_json([verdict]).decode(), as_junit([verdict]).decode()])
    assert "418" in shown
    assert secrets.known
    assert secrets.found_in(shown) == set()
