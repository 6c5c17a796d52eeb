"""PyPI xows 1.0.5, unmodified, over ws and wss. Source: protocol/xapi.md 3.9, 14 item 2."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_device import HERE, Running, needs_python, run, running_device, steps_of

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs_python("xows")
    with running_device(tmp_path_factory.mktemp("xows")) as pair:
        yield pair


@pytest.mark.parametrize("scheme", ["wss", "ws"])
def test_dialogue(running: Running, scheme: str) -> None:
    done = run([needs_python("xows"), HERE / "python/xows_dialogue.py", scheme], running.environment)
    assert len(steps_of(done)) == 17


def test_its_command_line(running: Running) -> None:
    ready = running.ready
    login = ("-u", ready["username"], "-p", ready["password"], ready["ws"])
    clixows = [needs_python("xows"), "-m", "xows", *login]
    done = run([*clixows, "get", "Status", "Audio", "Volume"], running.environment)
    assert (done.stdout, done.returncode) == ("50\n", 0), done.stderr
