"""For mitmproxy: the names of the cloud lead to the stub, whose https door is written in the file of STUB."""

import os
from pathlib import Path
from urllib.parse import urlsplit


def server_connect(data) -> None:
    host, _ = data.server.address
    if host.endswith((".wbx2.test", ".webex.test")):
        door = urlsplit(Path(os.environ["STUB"]).read_text())
        data.server.address = (door.hostname, door.port)
