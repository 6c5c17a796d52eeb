"""Who gets in, and what else a connection may ask for. Source: protocol/xapi.md 4.1, 4.9."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest
from ssh_room import GREETING, PASSPHRASE, USER, Room, Shell, room

from endpoint.xapi.ssh import server
from endpoint.xapi.ssh.hostkey import ALGORITHMS, make_host_key

OK = "** end\n\nOK\n\n"


class Prompted(asyncssh.SSHClient):
    """Answers keyboard-interactive, and keeps what it was asked."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    def kbdint_auth_requested(self) -> str:
        return ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str]:
        self.asked.append(list(prompts))
        return self.answers[: len(prompts)] if len(self.asked) == 1 else []


async def works(connection: asyncssh.SSHClientConnection) -> None:
    process: Any = await connection.create_process(encoding=None)
    await Shell(process).expect(GREETING)
    process.close()
    connection.close()
    await connection.wait_closed()


def test_keyboard_interactive_has_one_prompt() -> None:
    async def run() -> None:
        async with room() as device:
            client = Prompted([PASSPHRASE])
            connection = await device.connect(
                password=None, preferred_auth="keyboard-interactive", client_factory=lambda: client
            )
            assert client.asked[0] == [("Password: ", False)]
            await works(connection)

    asyncio.run(run())


@pytest.mark.parametrize("answers", [["wrong"], [""], []])
def test_wrong_answers_do_not_get_in(answers: list[str]) -> None:
    async def run() -> None:
        async with room() as device:
            client = Prompted(answers)
            with pytest.raises(asyncssh.PermissionDenied):
                await device.connect(
                    password=None, preferred_auth="keyboard-interactive", client_factory=lambda: client
                )
            assert len(client.asked) == server.LOGINS_FAILED_MAX  # it tries for as long as it may

    asyncio.run(run())


def test_password() -> None:
    async def run() -> None:
        async with room() as device:
            await works(await device.connect(preferred_auth="password"))
            for name, password in ((USER, "wrong"), ("nobody", PASSPHRASE), (USER, "")):
                with pytest.raises(asyncssh.PermissionDenied):
                    await device.connect(username=name, password=password, preferred_auth="password")
            assert device.failures == []

    asyncio.run(run())


def test_keys() -> None:
    mine, other = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ecdsa-sha2-nistp256")

    async def run() -> None:
        async with room() as device:
            device.users.keys.append(mine.public_data)
            await works(await device.connect(password=None, client_keys=[other, mine]))
            with pytest.raises(asyncssh.PermissionDenied):
                await device.connect(password=None, client_keys=[other])
            with pytest.raises(asyncssh.PermissionDenied):
                await device.connect(username="nobody", password=None, client_keys=[mine])
            device.users.is_locked = True  # the key is right, and its owner may not come in now
            connection = await device.connect(password=None, client_keys=[mine])
            async with asyncio.timeout(10):
                await connection.wait_closed()
            assert len(device.sessions) == 0

    asyncio.run(run())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_host_keys(algorithm: str) -> None:
    names = {"RSA": "ssh-rsa", "ECDSA": "ecdsa-sha2-nistp384", "ed25519": "ssh-ed25519"}

    async def run() -> None:
        async with room(algorithm=algorithm) as device:
            key = await asyncssh.get_server_host_key(device.door.host, device.door.port, config=None)
            assert key is not None
            assert key.get_algorithm() == names[algorithm]
            await works(await device.connect())

    asyncio.run(run())


def test_a_host_key_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="RSA, ECDSA, ed25519"):
        make_host_key("DSA")


def test_too_many_sessions_are_refused_with_a_reason() -> None:
    async def run() -> None:
        async with room() as device:
            device.configuration.put(("Security", "Session", "MaxTotalSessions"), 1)
            first = await device.connect()
            second = await device.connect()
            async with asyncio.timeout(10):
                await second.wait_closed()
            assert "Xapi W: ssh session of admin from 127.0.0.1 refused: at most 1 sessions" in device.log
            await works(first)
            await works(await device.connect())

    asyncio.run(run())


def test_the_device_can_end_a_session() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            connection = shell.process.channel.get_connection()
            device.sessions.close_all("user deleted")
            assert await shell.rest() == ""
            async with asyncio.timeout(10):
                await connection.wait_closed()

    asyncio.run(run())


def test_the_session_is_touched_by_what_the_client_says() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            (session,) = tuple(device.sessions)
            before = session.active_s
            await shell.ask("xStatus Audio", f"xStatus Audio\n*s Audio Volume: 50\n{OK}")
            assert session.active_s > before

    asyncio.run(run())


def test_two_shells_on_one_connection_are_one_session() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            connection = shell.process.channel.get_connection()
            second = Shell(await connection.create_process("/bin/tsh", encoding=None))
            await second.expect(GREETING)
            await second.ask("echo off", "echo off\n\nOK\n\n")
            await second.ask("xFeedback register /Status/Audio", OK)
            await shell.ask("xCommand Audio Volume Set Level: 5", "xCommand Audio Volume Set Level: 5\nOK\n\n"
                            "*r VolumeSetResult (status=OK):\n** end\n\n")  # fmt: skip
            await second.expect("*s Audio Volume: 5\n** end\n")
            assert len(device.sessions) == 1
            for _ in range(server.CHANNELS_MAX - 2):
                await connection.create_process(encoding=None)
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.create_process(encoding=None)

    asyncio.run(run())


def test_too_many_connections_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 1)

    async def run() -> None:
        async with room() as device:
            first = await device.connect()
            with pytest.raises((asyncssh.ConnectionLost, ConnectionError)):
                await device.connect()
            assert device.door.connections == 1
            await works(first)

    asyncio.run(run())


def test_nothing_but_shells_is_served() -> None:
    async def run() -> None:
        async with room() as device:
            connection = await device.connect()
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.start_sftp_client()
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("127.0.0.1", 1)
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1)
            connection.close()
            await connection.wait_closed()
            assert device.failures == []

    asyncio.run(run())


def test_a_stopped_door_ends_what_is_open_and_can_be_opened_again() -> None:
    async def run() -> None:
        device = Room()
        await device.door.start()
        port = device.door.port
        connection = await device.connect()
        process: Any = await connection.create_process(encoding=None)
        await Shell(process).expect(GREETING)
        device.calls.answer.clear()
        process.stdin.write(b"xCommand Dial Number: a\n")
        await process.stdout.readuntil(b"OK\n\n")
        await device.door.stop()
        await connection.wait_closed()
        with pytest.raises(OSError):
            await device.connect()
        await device.door.start(port=port)
        await works(await device.connect())
        await device.door.stop()
        await device.door.stop()
        assert device.failures == []

    asyncio.run(run())


def test_an_address_in_use_is_an_oserror() -> None:
    async def run() -> None:
        async with room() as device:
            second = Room()
            with pytest.raises(OSError):
                await second.door.start(port=device.door.port)

    asyncio.run(run())
