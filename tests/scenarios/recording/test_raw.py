"""`--raw`: the bytes of connections, apart from the recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endpoint.runtime.clock import Clock
from scenarios.runner.commands import run_app
from scenarios.runner.recording import raw
from scenarios.runner.recording.raw import RawBytes
from tests.endpoint.room.bookings.diary import ManualTime
from tests.scenarios.command_line import is_private
from tests.scenarios.recording.recordings import SHIPPED, har_of

ACTIVATION = SHIPPED / "activation" / "activation.yaml"
CALL = SHIPPED / "calls" / "join_from_the_button.yaml"


def index(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the index."""
    return [json.loads(line) for line in (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()]


def datagrams(data: bytes) -> list[bytes]:
    """Take datagrams apart, as RFC 4571 frames them."""
    found = []
    while data:
        size = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found


def test_each_connection_has_what_it_sent_and_received(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, recording = tmp_path / "bytes", tmp_path / "rec"
    assert run_app(["run", str(CALL), "--raw", str(folder), "--record", str(recording)]) == 0
    ran = capsys.readouterr()
    assert ran.err == f"warning: {folder} holds passwords, tokens and keys in clear; delete it afterwards\n"
    rows = index(folder)
    assert f"kept {folder}: " in ran.out
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        ["index.jsonl", *(f"{row['files']}.{side}" for row in rows for side in ("sent", "received"))]
    )
    for entry in har_of(recording)["log"]["entries"]:
        line = (
            f"{entry['request']['method']} {entry['request']['url'].partition('.test')[2].partition('<')[0]}".encode()
        )
        host = entry["request"]["url"].split("/")[2]
        said = b"".join((folder / f"{row['files']}.sent").read_bytes() for row in rows if row["host"] == host)
        assert line in said, line
    [mercury] = [row for row in rows if row["service"] == "mercury"]
    assert (folder / f"{mercury['files']}.received").read_bytes().startswith(b"HTTP/1.1 101 ")
    assert mercury["transport"] == "tls"
    udp = [row for row in rows if row["transport"] == "udp"]
    cookie = bytes.fromhex("2112a442")  # RFC 8489, 5
    for row in udp:
        for side in ("sent", "received"):
            parts = datagrams((folder / f"{row['files']}.{side}").read_bytes())
            assert parts
            assert all(part[4:8] == cookie and len(part) == 20 + int.from_bytes(part[2:4], "big") for part in parts)


def test_it_is_for_the_owner_only_and_holds_what_nothing_else_holds(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "bytes"
    assert run_app(["run", str(ACTIVATION), "--raw", str(folder)]) == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(is_private(file) for file in folder.iterdir())
    assert any(b"Authorization: Bearer " in file.read_bytes() for file in folder.glob("*.sent"))


def test_keeping_bytes_changes_nothing_of_the_run(tmp_path: Path) -> None:
    plain, beside = tmp_path / "plain.jsonl", tmp_path / "beside.jsonl"
    assert run_app(["run", str(CALL), "--trace", str(plain)]) == 0
    assert run_app(["run", str(CALL), "--trace", str(beside), "--raw", str(tmp_path / "bytes")]) == 0
    assert plain.read_bytes() == beside.read_bytes()


def test_real_sockets_are_heard_inside_tls(tmp_path: Path) -> None:
    run_app(
        ["run", str(ACTIVATION), "--mode", "wire", "--raw", str(tmp_path / "bytes")]
    )  # a slow machine may miss a deadline
    rows = index(tmp_path / "bytes")
    [activated] = [row for row in rows if row["service"] == "activation"]
    sent = (tmp_path / "bytes" / f"{activated['files']}.sent").read_bytes()
    assert sent.startswith(b"POST /activation/api/v1/challenges HTTP/1.1\r\n")


def test_a_tunnel_and_what_goes_through_it_are_two(tmp_path: Path) -> None:
    assert run_app(["run", str(SHIPPED / "faults/proxy_pac_broken.yaml"), "--raw", str(tmp_path / "bytes")]) == 0
    rows = index(tmp_path / "bytes")
    told = {row["files"]: (tmp_path / "bytes" / f"{row['files']}.sent").read_bytes() for row in rows}
    tunnels = [data for data in told.values() if data.startswith(b"CONNECT ")]
    assert tunnels
    assert all(data.endswith(b"\r\n\r\n") for data in tunnels)
    assert any(data.startswith(b"GET /v1/region") for data in told.values())


def test_a_device_that_only_lives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["record", str(tmp_path / "rec"), "--raw", str(tmp_path / "bytes"), "--for", "10s"]) == 0
    ran = capsys.readouterr()
    assert "holds passwords, tokens and keys in clear" in ran.err
    assert f"kept {tmp_path / 'bytes'}: " in ran.out
    assert len(index(tmp_path / "bytes")) > 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", str(ACTIVATION), "--raw", "{full}"], "{full} is not empty; name another directory"),
        (["record", "{new}", "--raw", "{full}"], "{full} is not empty; name another directory"),
        (["run", str(ACTIVATION.parent), "--raw", "{new}"], "one directory, but 8 runs were selected"),
        (["run", str(ACTIVATION), "--watch", "--raw", "{new}"], "leave out --watch"),
        (["run", str(ACTIVATION), "--record", "{new}", "--raw", "{new}/raw"], "is inside the recording, and holds secrets"),
        (["record", "{new}", "--raw", "{new}/raw"], "is inside the recording, and holds secrets"),
        (
            ["record", "{new}", "--cloud", "https://cloud.example", "--code", "1234567812345678", "--raw", "{other}"],
            "--raw: https://cloud.example is not on this machine",
        ),
    ],
)  # fmt: skip
def test_what_must_not_be_is_refused_before_anything_is_run(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {name: str(tmp_path / name) for name in ("full", "new", "other")}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    assert run_app([argument.format(**names) for argument in arguments]) == 2
    ran = capsys.readouterr()
    assert told.format(**names) in ran.err
    assert (ran.out, sorted(file.name for file in tmp_path.iterdir())) == ("", ["full"])


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "BYTES_MAX", 10)
    monkeypatch.setattr(raw, "CONNECTIONS_MAX", 1)
    kept = RawBytes(Clock(ManualTime()))
    ear = kept.opened("tcp", {"device": "device:room", "host": "../x/y", "port": 1, "service": ""})
    assert ear is not None
    assert kept.opened("tcp", {}) is None
    ear(b"12345678", is_sent=True)
    ear(b"1234", is_sent=False)
    assert kept.write(tmp_path) == f"kept {tmp_path}: 8 bytes of 1 connections, 4 dropped (a bound was hit)"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "00001-device-room-x-y-1.received", "00001-device-room-x-y-1.sent", "index.jsonl",
    ]  # fmt: skip
    assert index(tmp_path)[0]["dropped"] == 4
