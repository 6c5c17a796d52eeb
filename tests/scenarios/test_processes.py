"""Cloud and device as processes of their own: real sockets, real time, real signals."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from endpoint.cloud.activation import ActivationRefused
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.clock import LoopTime, real_seconds
from scenarios.runner.commands import run_app
from scenarios.runner.device_process import make_device
from scenarios.runner.serving import Ground, lead_names
from tests.scenarios.command_line import PATIENCE_S, CloudProcess, Process, eventually, is_private


def ready(folder: Path) -> dict[str, str]:
    return json.loads((folder / "device.json").read_text())  # type: ignore[no-any-return]  # one object


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudProcess]:
    with CloudProcess(tmp_path_factory.mktemp("cloud")) as process:
        yield process
        assert process.end() == 0


def test_ready_file_of_a_cloud(cloud: CloudProcess) -> None:
    assert set(cloud.ready) == {"http", "https", "ca", "org_id", "control", "admin_token"}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", cloud.ready["http"])
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", cloud.ready["https"])
    assert cloud.ready["control"].startswith(cloud.ready["http"])
    assert Path(cloud.ready["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert is_private(cloud.file)


LIBRARIES_MAX = 7
"""As many times the CPU of loading the libraries of a device may the whole of it take; four to five are usual."""


def libraries_s() -> float:
    """Return the seconds of CPU that a process takes to load those libraries, on this machine and at this moment."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    loads = "import aiohttp, aioice, asyncssh, websockets, typer, cryptography.x509"
    subprocess.run([sys.executable, "-c", loads], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_device_is_registered_for_little_more_than_its_libraries_cost(
    scheme: str, cloud: CloudProcess, tmp_path: Path
) -> None:
    name = f"Speed {scheme}"
    with cloud.device(
        tmp_path, "--code", cloud.new_code(name), "--name", "speedy", "--state", tmp_path / "state", scheme=scheme
    ) as device:
        eventually(lambda: "device_id" in ready(tmp_path) if (tmp_path / "device.json").exists() else False, True)
        eventually(lambda: cloud.status(name), ["connected"])
        content = ready(tmp_path)
        doors = {"ssh", "https", "ws", "username", "password"}
        assert set(content) == {"name", "control", "control_token", "state", "device_id"} | doors
        assert (content["name"], content["state"]) == ("speedy", str(tmp_path / "state"))
        assert is_private(tmp_path / "device.json")
        device.until("activated\n")
        assert device.end() == 0
    # Wall time tells little on a machine that does other things as well. What the process itself takes, from its first import to its
    # last farewell, is measured against the loading of its libraries.
    assert device.cpu_s < LIBRARIES_MAX * libraries_s()


def test_control_door_answers_with_the_token_of_the_ready_file(cloud: CloudProcess, tmp_path: Path) -> None:
    with cloud.device(tmp_path) as device:
        device.until("serving")
        content = ready(tmp_path)
        request = Request(content["control"], headers={"Authorization": f"Bearer {content['control_token']}"})
        with urlopen(request, timeout=PATIENCE_S) as answer:
            assert answer.status == 200


def test_device_restarts_with_its_state_alone(cloud: CloudProcess, tmp_path: Path) -> None:
    state = ("--state", tmp_path / "state")
    with cloud.device(tmp_path, "--code", cloud.new_code("Restart"), *state) as device:
        device.until("Wx2WebSocket I: connected")
        first = ready(tmp_path)["device_id"]
        assert device.end() == 0
    with cloud.device(tmp_path, *state) as device:
        device.until("Wx2WebSocket I: connected")
        assert ready(tmp_path)["device_id"] == first
        assert "/challenges" not in device.output
        assert device.end() == 0
    with cloud.device(tmp_path, *state, "--code", "1234567812345678") as device:
        device.until("the device is activated already; the code was not used")
        with cloud.device(tmp_path, *state) as second:
            assert second.end(None) == 2
            assert re.fullmatch(r"--state: \S+: another process uses this state directory; .*\n", second.output)


def test_cloud_that_keeps_its_state_keeps_its_devices(tmp_path: Path) -> None:
    state = ("--state", tmp_path / "cloud")
    with ExitStack() as stack:
        cloud = stack.enter_context(CloudProcess(tmp_path, *state))
        device = stack.enter_context(
            cloud.device(tmp_path, "--code", cloud.new_code("Kept"), "--state", tmp_path / "device")
        )
        device.until("Wx2WebSocket I: connected")
        doors = (
            "--http",
            cloud.ready["http"].removeprefix("http://"),
            "--https",
            cloud.ready["https"].removeprefix("https://"),
        )
        assert cloud.end() == 0
        device.until("Wx2WebSocket W: closed")
        again = stack.enter_context(CloudProcess(tmp_path, *state, *doors))
        assert again.ready == cloud.ready
        device.output = ""
        device.until("Wx2WebSocket I: connected")
        eventually(lambda: again.status("Kept"), ["connected"])
        assert (device.end(), again.end()) == (0, 0)


def test_refused_code_leaves_the_device_serving_or_ends_it(cloud: CloudProcess, tmp_path: Path) -> None:
    with cloud.device(tmp_path, "--code", "0000000000000000", "--exit-on-refusal", log=False) as device:
        assert device.end(None) == 1
        assert re.search(r"(?m)^activation refused: code\.unknown: \S.*\n\Z", device.output)
    with cloud.device(tmp_path, "--code", "12345", "--exit-on-refusal", log=False) as device:
        assert device.end(None) == 1
        assert re.search(r"(?m)^activation refused: \S.*\n\Z", device.output)
    with cloud.device(tmp_path, "--code", "0000000000000000", log=False) as device:
        device.until("activation refused: code.unknown: ")
        device.until("serving; stop with")
        assert "device_id" not in ready(tmp_path)
        assert device.end() == 0


@pytest.mark.parametrize(("style", "process"), [((), "appl"), (("--log-style", "2026"), "main")])
def test_the_log_of_a_device_has_the_style_that_was_asked_for(
    style: tuple[str, ...], process: str, cloud: CloudProcess, tmp_path: Path
) -> None:
    with cloud.device(tmp_path, *style) as device:
        device.until("serving; stop with")
        assert device.end() == 0
    lines = re.findall(r"(?m)^\d{4}-\d\d-\d\dT\S+ (\w+)\[\d+\]: ", device.output)
    assert set(lines) == {process}, device.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_both_sides(number: signal.Signals, code: int, cloud: CloudProcess, tmp_path: Path) -> None:
    with cloud.device(tmp_path, log=False) as device, CloudProcess(tmp_path) as other:
        device.until("serving")
        assert (device.end(number), other.end(number)) == (code, code)
        assert "Traceback" not in device.output + other.output


def test_signal_ends_a_device_whose_cloud_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Process("endpoint", "run", "--cloud", url, "--code", "1234567812345678") as device:
            with silent.accept()[0]:
                began_s = real_seconds()
                assert device.end() == 0
                assert real_seconds() - began_s < 5
            assert "Traceback" not in device.output


def test_state_that_is_gone_does_not_keep_a_device_from_ending(cloud: CloudProcess, tmp_path: Path) -> None:
    with cloud.device(tmp_path, "--state", tmp_path / "state") as device:
        device.until("serving")
        shutil.rmtree(tmp_path / "state")
        assert device.end() == 0
        assert "device.json: cannot be written: No such file or directory" in device.output
        assert "Traceback" not in device.output


# the power fails during an activation

MOMENTS = (
    "Activation: started", r"=> POST \S+/challenges", "challenge received", r"=> POST \S+/srp/invoke", "proof accepted",
    r"=> POST \S+/srp/register", "Activation: registered", "setup_all_symlinks", "lock-down applied", "Service catalogue updated",
)  # fmt: skip
"""Log lines after which the process is killed: before and behind every step that could leave something behind."""


def test_kill_during_activation_leaves_nothing_half(cloud: CloudProcess, tmp_path: Path) -> None:
    slow = {
        "id": "slow",
        "on": "http",
        "do": "delay",
        "params": {"by": 0.03},
        "target": {"service": ["activation", "idbroker"]},
    }
    cloud.ask("POST", f"{cloud.ready['control']}/faults", slow)
    codes = {moment: cloud.new_code(f"Kill {number}") for number, moment in enumerate(MOMENTS)}
    folders = {moment: tmp_path / str(number) for number, moment in enumerate(MOMENTS)}
    for pair in zip(MOMENTS[::2], MOMENTS[1::2], strict=True):  # two at a time: most of it is their start-up
        with ExitStack() as stack:
            devices = {}
            for moment in pair:
                folders[moment].mkdir()
                arguments = ("--code", codes[moment], "--state", folders[moment] / "state")
                devices[moment] = stack.enter_context(cloud.device(folders[moment], *arguments))
            for moment, device in devices.items():
                device.until(moment)
                assert device.end(signal.SIGKILL) == -signal.SIGKILL
    anchor = Path(cloud.ready["ca"]).read_text()
    ends = [asyncio.run(next_start(cloud.ready["https"], anchor, folders[moment], codes[moment])) for moment in MOMENTS]
    assert len(ends) >= 8
    assert (ends[0], ends[-1]) == ("the same code", "activated")
    assert set(ends) <= {"the same code", "code.used", "activated"}


async def next_start(cloud: str, anchor: str, folder: Path, code: str) -> str:
    """Start a device again with what the kill left, and say what it needs; it comes online unless its code has been used."""
    ground = Ground.real(LoopTime(asyncio.get_running_loop()))
    lead_names(ground.names, cloud, [])
    device = make_device(DeviceSettings(anchors=(anchor,), state_dir=folder / "state"), ground)
    try:
        kept = device.state
        assert (kept.account is None) == (kept.trust.service == ()), "half an activation"
        await device.boot()
        if device.is_activated:
            found = "activated"
        else:
            try:
                await device.activate(code)
            except ActivationRefused as error:
                return error.code  # the cloud had given the account away, and its answer met nobody
            found = "the same code"
        async with asyncio.timeout(PATIENCE_S):
            await device.until_online()
        return found
    finally:
        await device.close()


# what cannot be used is said in one line


@pytest.fixture
def busy() -> Iterator[str]:
    """Return an address that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


ENDPOINT = "endpoint run --cloud http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("cloud serve --http 8080", r"--http: '8080' is no address; write HOST:PORT, .*"),
        ("cloud serve --https 127.0.0.1:66000", r"--https: '127.0.0.1:66000' is no address; .*"),
        ("cloud serve --http off --https off", r"--https: a cloud with both doors off serves nobody"),
        ("cloud serve --http {busy}", r"a door cannot be opened: .*ddress already in use.*"),
        ("cloud serve --state {file}", r"--state: .*"),
        ("cloud serve --clock fast", r"--clock: 'fast' is no clock; .*"),
        ("cloud serve --clock x0", r"--clock: 'x0' is no clock; .*"),
        ("cloud serve --media 3 --silent 4", r"--media: media has 3 servers, 4 of them cannot be silent"),
        ("cloud serve --ready-file {file}/ready", r"--ready-file: \S+ cannot be written: Not a directory"),
        ("endpoint run --cloud ftp://host", r"--cloud: 'ftp://host' is no http\(s\) URL, .*"),
        ("endpoint run --cloud http://host:port", r"--cloud: 'http://host:port' is no http\(s\) URL, .*"),
        ("endpoint run", r"roomsim endpoint run: Missing option '--cloud'.*"),
        (f"{ENDPOINT} --security some", r"roomsim endpoint run: Invalid value for --security: .*"),
        (f"{ENDPOINT} --ca {{missing}}", r"--ca: \S+ cannot be read: No such file or directory"),
        (f"{ENDPOINT} --ca {{file}}", r"--ca: \S+ holds no certificates in PEM form"),
        (f"{ENDPOINT} --state {{file}}", r"--state: \S+: the state directory cannot be used: .*"),
        (f"{ENDPOINT} --state {{foreign}}", r"--state: \S+/device\.json: not a state file of roomsim; move it away .*"),
        (f"{ENDPOINT} --control {{busy}}", r"--control: \S+ cannot be opened: .*"),
        (f"{ENDPOINT} --control 0.0.0.0:0", r"--control: the control door opens on loopback only, .*"),
        (f"{ENDPOINT} --product Toaster", r"no product 'Toaster'; there are .*"),
        (f"{ENDPOINT} --log-style 1999", r"roomsim endpoint run: Invalid value for --log-style: it is 2022 or 2026 .*"),
        (f"{ENDPOINT} --ready-file {{file}}/ready", r"--ready-file: \S+ cannot be written: Not a directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_one_line(
    command: str, complaint: str, tmp_path: Path, busy: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("-----BEGIN CERTIFICATE-----\nno certificate\n-----END CERTIFICATE-----\n")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "device.json").write_text('{"somebody": "else"}')
    places = {name: tmp_path / name for name in ("file", "missing", "foreign")}
    assert run_app(command.format(busy=busy, **places).split()) == 2
    captured = capfd.readouterr()
    assert re.fullmatch(complaint + "\n", captured.err), captured.err
    assert captured.out == ""
    assert (tmp_path / "foreign" / "device.json").read_text() == '{"somebody": "else"}'
