"""curl on the XML API, as people use it. Source: protocol/xapi.md 5, 6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_device import Running, needs, run, running_device

pytestmark = pytest.mark.client

REFUSED = 22
"""What curl exits with for an HTTP status of 400 and above, with --fail."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs("curl")
    with running_device(tmp_path_factory.mktemp("curl")) as pair:
        yield pair


@pytest.fixture(params=["https", "http"])
def base(running: Running, request: pytest.FixtureRequest) -> str:
    return str(running.ready[request.param])


def curl(running: Running, *arguments: object, exit_code: int = 0) -> str:
    """Run curl without its own configuration, believing any certificate; give what it prints."""
    done = run(["curl", "--disable", "--silent", "--fail", "--insecure", *arguments], running.environment)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


def login(running: Running) -> tuple[str, str]:
    return "--user", f"{running.ready['username']}:{running.ready['password']}"


def test_get_set_and_command(running: Running, base: str) -> None:
    user = login(running)
    volume = f"{base}/getxml?location=/Status/Audio/Volume"
    assert re.fullmatch(
        r'<\?xml version="1.0"\?>\n<Status product="Cisco Codec" version="ce26\.4\.[^"]+" apiVersion="4">\n'
        r"  <Audio>\n    <Volume>50</Volume>\n  </Audio>\n</Status>\n+",
        curl(running, *user, volume),
    )
    put = (*user, f"{base}/putxml", "--header", "Content-Type: text/xml", "--data")
    done = curl(running, *put, "<Command><Audio><Volume><Set><Level>70</Level></Set></Volume></Audio></Command>")
    assert done.strip() == '<?xml version="1.0"?>\n<Command>\n  <VolumeSetResult status="OK"/>\n</Command>'
    assert "<Volume>70</Volume>" in curl(running, *user, volume)
    curl(running, *put, "<Command><Audio><Volume><SetToDefault/></Volume></Audio></Command>")
    assert "<Volume>50</Volume>" in curl(running, *user, volume)
    done = curl(running, *put, "<Configuration><SystemUnit><Name>Huddle 1</Name></SystemUnit></Configuration>")
    assert done.strip() == '<?xml version="1.0"?>\n<Configuration>\n  <Success/>\n</Configuration>'
    name = curl(running, *user, f"{base}/getxml?location=/Configuration/SystemUnit/Name")
    assert re.search(r'<Name valueSpaceRef="/Valuespace/STR_0_50[^"]*">Huddle 1</Name>', name)


def test_a_document_from_a_file_without_the_type_said(running: Running, base: str, tmp_path: Path) -> None:
    """People forget the type; curl then says it is a form."""
    (tmp_path / "volume.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<Command>\n  <Audio><Volume><Set command="True">\n'
        "    <Level>50</Level>\n  </Set></Volume></Audio>\n</Command>\n"
    )
    data = ("--data-binary", f"@{tmp_path / 'volume.xml'}")
    put = (*login(running), f"{base}/putxml", *data)
    assert '<VolumeSetResult status="OK"/>' in curl(running, *put, "--header", "Content-Type: text/xml")
    assert '<VolumeSetResult status="OK"/>' in curl(running, *put, "--header", "Content-Type: application/xml")
    assert '<VolumeSetResult status="OK"/>' in curl(running, *put)
    curl(running, *put, "--header", "Content-Type: application/json", exit_code=REFUSED)


def test_the_four_documents(running: Running, base: str) -> None:
    for name, inside in (
        ("status", '<Status product="Cisco Codec"'),
        ("configuration", '<DefaultVolume valueSpaceRef="/Valuespace/INT_0_100">50</DefaultVolume>'),
        ("command", '<Set command="True">'),
        ("valuespace", '<INT_0_100 type="Integer">'),
    ):
        assert inside in curl(running, *login(running), f"{base}/{name}.xml")


def test_no_login_and_a_wrong_one(running: Running, base: str) -> None:
    curl(running, f"{base}/status.xml", exit_code=REFUSED)
    code = ("--write-out", "%{http_code} %header{www-authenticate}", "--output", "/dev/null", "--no-fail")
    assert curl(running, *code, "--user", "admin:wrong", f"{base}/status.xml") == '401 Basic realm="CISCO-Endpoint"'
    curl(running, "--anyauth", *login(running), f"{base}/getxml?location=/Status/Audio/Volume")


def test_a_session_in_a_cookie_jar(running: Running, base: str, tmp_path: Path) -> None:
    jar = tmp_path / "jar"
    keeps = ("--cookie-jar", jar, "--cookie", jar)
    curl(running, "--request", "POST", *keeps, *login(running), f"{base}/xmlapi/session/begin")
    assert "\tSessionId\t" in jar.read_text()
    curl(running, *keeps, f"{base}/status.xml")
    curl(running, "--request", "POST", *keeps, f"{base}/xmlapi/session/end")
    curl(running, *keeps, f"{base}/status.xml", exit_code=REFUSED)


def test_head_and_keep_alive(running: Running, base: str) -> None:
    head = curl(running, "--head", *login(running), f"{base}/status.xml").lower()
    assert head.startswith("http/1.1 200 ok")
    assert "server: nginx" in head
    twice = f"{base}/getxml?location=/Status/Audio/Volume"
    assert curl(running, *login(running), twice, twice).count("<Volume>50</Volume>") == 2


def test_a_websocket_is_refused_before_it_is_one(running: Running, base: str) -> None:
    upgrade = ("--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket")
    key = ("--header", "Sec-WebSocket-Version: 13", "--header", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    code = ("--write-out", "%{http_code}", "--output", "/dev/null", "--no-fail")
    assert curl(running, *code, *upgrade, *key, "--user", "admin:wrong", f"{base}/ws") == "403"
    assert curl(running, *code, *login(running), f"{base}/ws") == "400"
