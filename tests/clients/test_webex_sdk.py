"""The unmodified npm client packages against the stub cloud: single origin, over http and over https."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_device import running_device
from running_stub import running_cloud

SDK = Path(os.environ.get("ROOMSIM_SDK", Path(__file__).parent / "sdk"))
SCRIPTS = Path(__file__).parent / "sdk"
RUN_S = 120

pytestmark = pytest.mark.client


def _why_not() -> str:
    if shutil.which("node") is None:
        return "NOT TESTED: node is not installed; the client packages need it"
    if not (SDK / "node_modules" / "@webex" / "internal-plugin-locus").is_dir():
        return f"NOT TESTED: the client packages are not installed: run `make test-clients`, or `npm ci --ignore-scripts` in {SDK}"
    return ""


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, Any]]:
    if reason := _why_not():
        pytest.skip(reason)
    with running_cloud() as ready:
        yield ready


@pytest.mark.parametrize(("scheme", "catalog"), [("http", "v1"), ("https", "v1"), ("https", "v2")])
def test_webex_sdk_runs_its_acceptance_steps(cloud: dict[str, Any], scheme: str, catalog: str) -> None:
    assert len(_run("acceptance.js", cloud, scheme, CATALOG=catalog)) == 19


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_its_plugins_for_encryption_and_calendars_read_and_change_meetings(cloud: dict[str, Any], scheme: str) -> None:
    assert len(_run("calendar.js", cloud, scheme)) == 21


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_its_plugin_for_calls_makes_them_and_follows_them(cloud: dict[str, Any], scheme: str) -> None:
    assert len(_run("locus.js", cloud, scheme)) == 16


def test_a_person_and_a_device_call_each_other_and_meet(tmp_path: Path) -> None:
    if reason := _why_not():
        pytest.skip(reason)
    with running_device(tmp_path) as running:
        ready = running.cloud.ready
        assert len(_run("meet.js", ready, "http", API=f"{ready['http']}/v1")) == 9


def _run(script: str, cloud: dict[str, Any], scheme: str, **more: str) -> list[dict[str, Any]]:
    base = cloud[scheme]
    environment = {
        **os.environ,
        "BASE": base,
        **more,
        "CONTROL": f"{base}/roomsim/control/v1",
        "ADMIN_TOKEN": cloud["admin_token"],
        "NODE_EXTRA_CA_CERTS": cloud["ca"],
        "NODE_PATH": str(SDK / "node_modules"),
    }
    done = subprocess.run(
        ["node", str(SCRIPTS / script)], env=environment, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    steps = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    failed = [step for step in steps if not step["ok"]]
    assert not failed, json.dumps(failed, indent=2) + done.stderr[-2000:]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return steps
