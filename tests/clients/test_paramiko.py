"""PyPI paramiko, unmodified, on the SSH door: scripts, feedback, modes, roles. Source: protocol/xapi.md 4, 14 item 7."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_device import HERE, Running, needs_python, run, running_device, steps_of

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_python("paramiko")
    with running_device(tmp_path_factory.mktemp("paramiko")) as pair:
        yield pair


def test_dialogue(running: Running) -> None:
    done = run([needs_python("paramiko"), HERE / "python/paramiko_dialogue.py"], running.environment)
    assert len(steps_of(done)) == 16
