"""npm workspace-integrations 0.10.0, unmodified, on the public API of the cloud. Source: protocol/xapi.md 12.7, 14 item 6."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from running_device import HERE, WORKSPACE, Running, needs_npm, run, running_device, steps_of

INTEGRATIONS = HERE / "integrations"

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_npm(INTEGRATIONS, "workspace-integrations")
    with running_device(tmp_path_factory.mktemp("integrations"), http=False) as pair:
        yield pair


def test_acceptance_steps(running: Running) -> None:
    cloud = running.cloud
    made = cloud.ask("POST", "/xapi/api/v1/appIntegrations", {"displayName": "Lobby lights"})
    environment = {**running.environment, "CONFIG": json.dumps(made), "NAME": WORKSPACE}
    done = run(["node", INTEGRATIONS / "acceptance.js"], environment)
    assert len(steps_of(done)) == 12
