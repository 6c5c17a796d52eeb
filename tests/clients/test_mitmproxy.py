"""The real mitmproxy between a device and the stub: it opens up TLS with an authority of its own. Source: protocol section 3, 16."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running_device import INSTALL, ROOT, free_port

from tests.scenarios.command_line import CloudProcess, Process, eventually

pytestmark = pytest.mark.client

MITMDUMP = Path(os.environ.get("ROOMSIM_MITMPROXY_VENV", ROOT / ".venv-mitmproxy")) / "bin" / "mitmdump"
ADDON = Path(__file__).parent / "mitmproxy" / "to_the_stub.py"


class Mitm:
    """A running mitmproxy: where it listens, its CA, and what it says of the requests that it saw."""

    def __init__(self, folder: Path, *options: str) -> None:
        if not MITMDUMP.exists():
            pytest.skip(f"NOT TESTED: mitmproxy is not installed: {INSTALL}")
        self.port = free_port()
        self.stub, self.ca, self.log = folder / "stub", folder / "conf" / "mitmproxy-ca-cert.pem", folder / "mitm.log"
        command = [
            MITMDUMP, "--set", f"confdir={folder / 'conf'}", "--listen-host", "127.0.0.1", "--listen-port", str(self.port),
            "--set", "ssl_insecure=true", "--set", "flow_detail=1", "--set", "connection_strategy=lazy", *options,
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "STUB": str(self.stub)}
            )
        eventually(lambda: self.ca.exists() and "listening" in self.log.read_text(), True)

    def lead_to(self, cloud: CloudProcess) -> None:
        """Let the names of the cloud lead to its https door."""
        self.stub.write_text(cloud.ready["https"])

    def end(self) -> str:
        """End it; returns what it has said."""
        self._process.terminate()
        self._process.wait(20)
        return self.log.read_text()


@contextmanager
def mitm(folder: Path, *options: str) -> Iterator[Mitm]:
    running = Mitm(folder, *options)
    try:
        yield running
    finally:
        running.end()


def device_of(cloud: CloudProcess, folder: Path, url: str, name: str) -> Process:
    return cloud.device(folder, "--code", cloud.new_code(name), "--proxy", url)


def test_a_device_that_trusts_it_works_through_it_as_if_it_were_not_there(tmp_path: Path) -> None:
    with mitm(tmp_path, "-s", str(ADDON)) as proxy, CloudProcess(tmp_path, "--trust-list", proxy.ca) as cloud:
        proxy.lead_to(cloud)
        with device_of(cloud, tmp_path, f"http://127.0.0.1:{proxy.port}", "Inspected") as device:
            device.until(r"Parsed 1 additional CA certificate")
            device.until(r"Wx2WebSocket I: connected")
            eventually(lambda: cloud.status("Inspected"), ["connected"])
            assert device.end() == 0
        assert "certificate verify failed" not in device.output
        seen = proxy.end()
    assert "https://u2c" in seen  # it saw what was said: TLS was opened up
    assert "mercury-connection-a.wbx2.test" in seen


def test_a_device_that_does_not_is_activated_and_then_believes_nobody(tmp_path: Path) -> None:
    with mitm(tmp_path, "-s", str(ADDON)) as proxy, CloudProcess(tmp_path) as cloud:
        proxy.lead_to(cloud)
        with device_of(cloud, tmp_path, f"http://127.0.0.1:{proxy.port}", "Trapped") as device:
            device.until(r"Wx2\[3\]: Activation: registered")
            device.until(r"failed: certificate verify failed for u2c\.wbx2\.test: unknown issuer")
            assert device.end() == 0
        assert "Device registered" not in device.output


@pytest.mark.parametrize("password", ["good", "bad"])
def test_it_asks_who_is_there(password: str, tmp_path: Path) -> None:
    options = ("-s", str(ADDON), "--proxyauth", "room:good")
    with mitm(tmp_path, *options) as proxy, CloudProcess(tmp_path, "--trust-list", proxy.ca) as cloud:
        proxy.lead_to(cloud)
        with device_of(cloud, tmp_path, f"http://room:{password}@127.0.0.1:{proxy.port}", "Known") as device:
            device.until(r"HTTP\(1\) <= 407")
            if password == "good":
                device.until(r"Wx2WebSocket I: connected")
            else:
                device.until(r"Network W: proxy refused our credentials, not trying again")
                device.until(r"failed: proxy authentication required")
            assert device.end() == 0
        assert f"room:{password}" not in device.output


def test_it_leads_on_to_the_proxy_of_the_stub(tmp_path: Path) -> None:
    """mitmproxy is a client of our proxy, as a proxy in front of another one; it shows our proxy the account."""
    port = free_port()
    with mitm(tmp_path, "--mode", f"upstream:http://127.0.0.1:{port}") as proxy:
        doors = ("--trust-list", proxy.ca, "--proxy", f"127.0.0.1:{port}")
        with (
            CloudProcess(tmp_path, *doors) as cloud,
            device_of(cloud, tmp_path, f"http://127.0.0.1:{proxy.port}", "Behind two") as device,
        ):
            device.until(r"Wx2WebSocket I: connected")
            eventually(lambda: cloud.status("Behind two"), ["connected"])
            assert device.end() == 0
