"""PyPI wxc-sdk 1.41.0, unmodified, on the public API of the cloud. Source: protocol/xapi.md 12, 14 item 5."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_device import HERE, Running, needs_python, run, running_device, steps_of

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_python("wxc_sdk")
    with running_device(tmp_path_factory.mktemp("wxc"), http=False) as pair:
        yield pair


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_dialogue(running: Running, scheme: str) -> None:
    script = HERE / "python/wxc_dialogue.py"
    done = run([needs_python("wxc_sdk"), script, scheme], running.environment)
    assert len(steps_of(done)) == 14
