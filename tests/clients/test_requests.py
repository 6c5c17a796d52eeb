"""PyPI requests, unmodified, on the XML API of both doors. Source: protocol/xapi.md 5, 6, 14 item 4."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_device import HERE, Running, needs_python, run, running_device, steps_of

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_python("requests")
    with running_device(tmp_path_factory.mktemp("requests")) as pair:
        yield pair


@pytest.mark.parametrize("door", ["https", "http"])
def test_dialogue(running: Running, door: str) -> None:
    script = HERE / "python/requests_dialogue.py"
    done = run([needs_python("requests"), script, running.ready[door]], running.environment)
    assert len(steps_of(done)) == 12
