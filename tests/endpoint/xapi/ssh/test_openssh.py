"""Debian's OpenSSH client against the door. Source: protocol/xapi.md 4.1, 4.2, 13."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from pathlib import Path

import asyncssh
import pytest
from ssh_room import GREETING, PASSPHRASE, USER, Room, room

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(
        shutil.which("ssh") is None,
        reason="SKIPPED: OpenSSH's client is not installed (apt-get install openssh-client)",
    ),
]
OK = "** end\n\nOK\n\n"


async def ssh(device: Room, *arguments: str, given: bytes = b"", **environment: str) -> tuple[str, str, int]:
    options = [
        "UserKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=no",
        "LogLevel=ERROR",
        "IdentityAgent=none",
        "ConnectTimeout=10",
    ]
    process = await asyncio.create_subprocess_exec(
        "ssh", "-F", "/dev/null", "-p", str(device.door.port), *[word for option in options for word in ("-o", option)], *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate(given)
    return out.decode(), err.decode(), process.returncode or 0


def keyed(device: Room, tmp_path: Path) -> list[str]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    file = tmp_path / "key"
    key.write_private_key(str(file))
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    device.users.keys.append(key.public_data)
    return [
        "-i",
        str(file),
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "PreferredAuthentications=publickey",
        f"{USER}@127.0.0.1",
    ]


@pytest.mark.parametrize("algorithm", ["RSA", "ECDSA", "ed25519"])
def test_a_key_and_one_line(tmp_path: Path, algorithm: str) -> None:
    async def run() -> None:
        async with room(algorithm=algorithm) as device:
            who = keyed(device, tmp_path)
            assert await ssh(device, *who, "xStatus Audio Volume") == (f"*s Audio Volume: 50\n{OK}", "", 0)
            assert (await ssh(device, *who, "frobnicate"))[2] == 1

    asyncio.run(run())


def test_a_shell_without_and_with_a_terminal(tmp_path: Path) -> None:
    async def run() -> None:
        async with room() as device:
            who = keyed(device, tmp_path)
            lines = b"xStatus Audio Volume\nbye\n"
            shown = f"{GREETING}xStatus Audio Volume\n*s Audio Volume: 50\n{OK}bye\n"
            assert await ssh(device, "-T", *who, given=lines) == (shown, "", 0)
            assert await ssh(device, "-tt", *who, given=lines) == (shown.replace("\n", "\r\n"), "", 0)

    asyncio.run(run())


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_a_passphrase(tmp_path: Path, method: str) -> None:
    helper = tmp_path / "askpass"
    helper.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n", encoding="utf-8")
    helper.chmod(stat.S_IRWXU)

    async def run() -> None:
        async with room() as device:
            found = await ssh(
                device, "-o", f"PreferredAuthentications={method}", "-o", "NumberOfPasswordPrompts=1", f"{USER}@127.0.0.1",
                "xStatus Audio Volume", SSH_ASKPASS=str(helper), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0",
            )  # fmt: skip
            assert found == (f"*s Audio Volume: 50\n{OK}", "", 0)

    asyncio.run(run())


def test_too_many_sessions_say_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with room() as device:
            who = keyed(device, tmp_path)
            device.configuration.put(("Security", "Session", "MaxTotalSessions"), 1)
            async with device.shell() as shell:
                await shell.expect(GREETING)
                out, err, status = await ssh(device, *who, "xStatus Audio Volume")
                assert (out, status) == ("", 255)
                assert "Too many sessions" in err

    asyncio.run(run())
