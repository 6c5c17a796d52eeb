"""The pages on two processes, followed by the letter: real sockets, real time, on free ports."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.generated import ROOT

SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PAGES = {
    "README.md": ('"connectionStatus": "connected"',),
    "docs/tutorial/first-device.md": ('"connectionStatus": "connected"', "*s Webex Status: Registered"),
    "docs/tutorial/see-the-button.md": (
        '"calendar_email": "lab@room.example"',
        '"title": "Design review"',
        '"number":"ana.smith@roomsim.webex.test","protocol":"Spark","booking":"webex-1"',
        '"id": 2,\n            "status": "Connected",\n            "direction": "Outgoing",',
    ),
    "docs/how-to/make-calls.md": (
        "2 Connected bob@partner.example ['Lab', 'bob@partner.example']",
        "is no address; it has to be like user@example.com",
        "2 OnHold Outgoing bob@partner.example\n3 Connected Incoming Ana Smith",
        "INACTIVE ['Lab', 'bob@partner.example']\nACTIVE ['Ana Smith', 'Lab', 'bob@partner.example']",
        "2 Placed LocalDisconnect bob@partner.example",
        "4 Connected True ['Lab', 'Ana Smith']",
    ),
    "docs/how-to/script-a-far-end.md": (
        "2 RemoteBusy SIP 486 Busy Here",
        "bridge@sip.example in_meeting 2",
        "4 Connecting HostPinOrGuest",
        "4 Connected None",
        "5 Connecting True",
        "5 Connected False ['Lab', 'Ana Smith']",
        "*s Conference Presentation Mode: Receiving",
        "Recording True ['Lab', 'Ana Smith', 'Ben Bo']",
        "there is no 'Bne' in the call; there are Ana Smith, Lab, Ben Bo",
        "5 RemoteDisconnect MEETING_ENDED",
        "ACTIVE ['Lab', 'bob@partner.example']",
    ),
    "docs/how-to/find-out-why-a-call-failed.md": (
        "CallImpl::verror: 'startOutgoingForWebexMeeting, unexpected, MeetingNotFound, response 404/404006'",
        "OrigCallDirection: Outgoing\nPeopleCountAverage: 0",
        "2 Placed Spark OtherRemote CallError (startOutgoingForWebexMeeting, unexpected, MeetingNotFound, response 404/404006)",
        '"client.locus.join.request","client.locus.join.response"],"count":5,"errors":[4100]',
    ),
    "docs/how-to/use-the-fault-table.md": (
        '"row": "dns.nxdomain"',
        '"row":"calendar.push_lost"',
        "dns.nxdomain is nothing of the cloud; a device's control door does it",
    ),
}
"""What is shown on the way."""
BEGINS_WITH = dict.fromkeys(
    (
        "docs/how-to/script-a-far-end.md",
        "docs/how-to/find-out-why-a-call-failed.md",
        "docs/how-to/use-the-fault-table.md",
    ),
    ("docs/how-to/make-calls.md", "## Dial"),
)
"""Pages that go on where another one is at a heading."""
FOLLOWED = ("roomsim cloud serve", "roomsim endpoint run", "ready()", "curl", "control", "device", "xapi", "START=")
"""Beginnings of the blocks of a page that belong to its walk."""
PRELUDE = """set -eu
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
until_there() { for _ in $(seq 100); do if grep -q "$1" "$2" 2>/dev/null; then return; fi; sleep 0.1; done; cat ./*.log; exit 1; }
"""
SERVED = {
    "roomsim cloud serve": "> cloud.log 2>&1 &\nuntil_there admin_token cloud.json\n",
    "roomsim endpoint run": "> room.log 2>&1 &\nuntil_there 'calendar catch-up' room.log\n",
    "START=": "\nuntil_there 'Attaching CalendarEvent' room.log\n",
}
"""What follows a command that serves: it goes to the background, and is waited for, as is what reaches the device by itself."""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def text_of(page: str) -> str:
    """Return a page, with what it takes for granted in front of it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page not in BEGINS_WITH:
        return text
    other, heading = BEGINS_WITH[page]
    return (ROOT / other).read_text(encoding="utf-8").partition(f"{heading}\n")[0] + text


def walk(text: str) -> str:
    """Turn the blocks of a page into a script."""
    script = PRELUDE
    for block in SHELL.findall(text):
        if block.startswith(FOLLOWED):
            rest = next((rest for command, rest in SERVED.items() if block.startswith(command)), "")
            script += f"{block.rstrip()} {rest}\n"
    return script.replace("8080", str(free_port())).replace("8443", str(free_port()))


@pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("curl") is None, reason="NOT TESTED: bash or curl is not installed"
)
@pytest.mark.parametrize("page", PAGES)
def test_walk(page: str, tmp_path: Path) -> None:
    script = walk(text_of(page))
    assert script.count("roomsim ") == 2, "one cloud and one device are served"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [shown for shown in PAGES[page] if shown not in done.stdout] == [], done.stdout
