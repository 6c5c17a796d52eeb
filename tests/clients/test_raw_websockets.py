"""PyPI websockets, unmodified, on /ws and /ws/ of both doors. Source: protocol/xapi.md 3.10, 14 item 3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_device import HERE, Running, needs_python, run, running_device, steps_of

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_python("websockets")
    with running_device(tmp_path_factory.mktemp("websockets")) as pair:
        yield pair


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
@pytest.mark.parametrize("door", ["https", "http"])
def test_dialogue(running: Running, door: str, path: str) -> None:
    url = running.ready[door].replace("http", "ws", 1) + path
    done = run([needs_python("websockets"), HERE / "python/websockets_dialogue.py", url], running.environment)
    assert len(steps_of(done)) == 14
