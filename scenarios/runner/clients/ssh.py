"""A client of the SSH door: it logs in as jsxapi does, switches the shell to JSON, asks, and listens.

Which algorithms it offers is fixed, so that what it sends has the same length everywhere. Source: protocol/xapi.md 4.1, 4.6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import asyncssh

from endpoint.runtime.errors import Unreachable
from endpoint.runtime.net import Net
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.errors import AccessDenied
from scenarios.runner.clients import shelltext
from scenarios.runner.clients.shelltext import Document, Lines

WINDOW_BYTES: Final = 64 * 1024
"""Bytes that a device may send before this client has taken them."""
SERVICE: Final = "ssh"
LOST: Final = "connection lost"
_ALGORITHMS: Final[dict[str, Any]] = {
    "kex_algs": ("curve25519-sha256",),
    "encryption_algs": ("aes256-gcm@openssh.com",),
    "compression_algs": None,
    "signature_algs": ("rsa-sha2-256", "ecdsa-sha2-nistp384", "ssh-ed25519"),
}


class Hung(Exception):
    """The device hung up; the text is what it said."""


class Shell(asyncssh.SSHClientSession[bytes]):
    """One shell in JSON mode.

    Attributes:
        on_told: shown what the device tells of its own accord.
        on_end: told once, when the shell is gone, why.
        is_paused: whether the device takes nothing at present.
    """

    def __init__(self) -> None:
        self.on_told: Callable[[Document], object] = lambda document: None
        self.on_end: Callable[[str], object] = lambda why: None
        self.is_paused = False
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._lines = Lines()
        self._answers: dict[str, asyncio.Future[Document]] = {}
        self._greets = 2  # lines `OK` that come before JSON mode
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked = 0
        self._end: str | None = None

    # the channel

    def connection_made(self, chan: Any) -> None:
        """Take the channel."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: Any) -> None:
        """Take what the device writes."""
        try:
            for line in self._lines.feed(data):
                self._take(line)
        except RemoteProtocolError as error:
            self._over(str(error))
            if self._channel is not None:
                self._channel.abort()

    def pause_writing(self) -> None:
        """Take note that the device takes nothing."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """Take note that it takes more."""
        self.is_paused = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._channel = None
        self._over(_why(exc))

    def _over(self, why: str) -> None:
        if self._end is not None:
            return
        self._end = why
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        self._answers = {}
        for future in waiting:
            if not future.done():
                future.set_exception(Hung(why))
                future.exception()  # nobody may be waiting
        self.on_end(why)

    def _take(self, line: bytes) -> None:
        if self._greets:
            self._greet(line.rstrip(b"\r"))
            return
        document = self._lines.document(line)
        if document is None:
            return
        tag = shelltext.tag_of(document)
        if tag is None:
            self.on_told(document)
        elif (answer := self._answers.pop(tag, None)) is not None and not answer.done():
            answer.set_result(document)

    def _greet(self, line: bytes) -> None:
        if line != shelltext.READY.encode():
            return
        self._greets -= 1
        self._write(shelltext.HUSH if self._greets else shelltext.JSON_MODE)
        if not self._greets:
            self._ready.set_result(None)

    def _write(self, data: bytes) -> None:
        if self._channel is not None:
            self._channel.write(data)

    # the client

    async def ready(self) -> None:
        """Wait until the shell speaks JSON; Hung when it never does."""
        await self._ready

    def send(self, line: Callable[[str], bytes]) -> asyncio.Future[Document]:
        """Ask without waiting; `line` writes the question with its tag. The answer fails with Hung when the device hangs up."""
        self._asked += 1
        tag = str(self._asked)
        answer: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        if self._end is not None:
            answer.set_exception(Hung(self._end))
        else:
            self._answers[tag] = answer
            self._write(line(tag))
        return answer

    async def ask(self, line: Callable[[str], bytes]) -> Document:
        """Ask and wait for the answer; errors as in `send`."""
        return await self.send(line)


class _ByNet:
    """Lets asyncssh connect through our network, as it would through a connection that is there already."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self.logger = logging.getLogger("roomsim.ssh.clients")

    async def create_connection(self, factory: Any, host: str, port: int) -> tuple[Any, Any]:
        return await self._net.connect(factory, host, port, service=SERVICE)


async def connect(net: Net, address: str, user: str, passphrase: Secret) -> asyncssh.SSHClientConnection:
    """Log in.

    Raises:
        AccessDenied: the device lets this user not in.
        ValueError: nobody answers, or the device hung up.
    """
    host, _, port = address.rpartition(":")
    try:
        return await asyncssh.connect(
            host.strip("[]"),
            int(port),
            tunnel=_ByNet(net),
            config=None,
            username=user,
            password=passphrase.reveal(),
            preferred_auth="keyboard-interactive",
            known_hosts=None,  # a device makes its own key
            client_keys=None,
            agent_path=None,
            rekey_seconds=0,  # measured in real time
            **_ALGORITHMS,
        )
    except asyncssh.PermissionDenied:
        raise AccessDenied from None
    except asyncssh.Error as error:
        raise ValueError(f"the shell lets {user} not in: {error.reason}") from None
    except (Unreachable, OSError) as error:
        raise ValueError(f"the shell cannot be reached: {error}") from None


async def open_shell(connection: asyncssh.SSHClientConnection) -> Shell:
    """Open a shell and wait until it speaks JSON.

    Raises:
        ValueError: the device hung up.
    """
    try:
        shell: Shell
        _, shell = await connection.create_session(  # type: ignore[assignment]  # what our own factory has made
            Shell, encoding=None, request_pty=False, window=WINDOW_BYTES, send_env=(), env=()
        )
        await shell.ready()
    except asyncssh.Error as error:
        raise ValueError(f"the shell hung up: {error.reason}") from None
    except Hung as error:
        raise ValueError(f"the shell hung up: {error}") from None
    return shell


async def hang_up(connection: asyncssh.SSHClientConnection) -> None:
    """Say goodbye, and wait until the connection is gone."""
    connection.close()
    await connection.wait_closed()


def _why(error: Exception | None) -> str:
    """Say why a connection is gone, without what differs from run to run."""
    if error is None:
        return "closed"
    is_said = isinstance(error, asyncssh.DisconnectError) and not isinstance(error, asyncssh.ConnectionLost)
    return str(error.reason) if is_said else LOST  # type: ignore[attr-defined]  # just asked
