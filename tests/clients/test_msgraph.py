"""PyPI msgraph-sdk 1.65.0, unmodified, on the mailboxes of the stub. Source: protocol/calendar-and-obtp.md 13.2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_device import HERE, ROOT, needs_python, run, steps_of
from running_stub import running_cloud

from cloud_stub.cloud import Cloud
from cloud_stub.platform.mailbox_records import MailboxKind
from tests.scenarios.command_line import Process

pytestmark = pytest.mark.client


def people(cloud: Cloud) -> None:
    """Give the organization a room and two people."""
    cloud.mailboxes.create_mailbox("room@contoso.test", "Oslo", zone="W. Europe Standard Time")
    for address in ("anna@contoso.test", "bo@contoso.test"):
        cloud.mailboxes.create_mailbox(address, kind=MailboxKind.USER)


@pytest.fixture
def ready_file(tmp_path: Path) -> Iterator[Path]:
    needs_python("msgraph")
    with running_cloud(people) as ready:
        file = tmp_path / "cloud.json"
        file.write_text(json.dumps(ready))
        yield file


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_dialogue(ready_file: Path, scheme: str) -> None:
    done = run([needs_python("msgraph"), HERE / "python/graph_dialogue.py", scheme], {"CLOUD": str(ready_file)})
    assert len(steps_of(done)) == 15


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_story_from_the_client_to_the_button(tmp_path: Path, scheme: str) -> None:
    python, file = needs_python("msgraph"), tmp_path / "run.json"
    story = ROOT / "scenarios/calendar/graph_client.yaml"
    with Process("run", "--mode", "wire", "--ready-file", file, story) as played:
        done = run([python, HERE / "python/graph_story.py", file, scheme], {})
        assert done.returncode == 0, done.stderr + played.output
        assert played.end(None) == 0, played.output
    assert done.stdout == "created, moved, cancelled\n"
    assert "1 passed, 0 failed" in played.output
