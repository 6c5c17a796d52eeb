"""A client that keeps a shell and has registered for feedback there, as jsxapi over SSH. Source: protocol/xapi.md 4.6, 4.8."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import asyncssh

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import AccessDenied
from scenarios.runner import xapi_door
from scenarios.runner.clients import shelltext, ssh
from scenarios.runner.clients.flood import Tally
from scenarios.runner.clients.kept import CUT, KeptClient
from scenarios.runner.clients.shelltext import Document
from scenarios.runner.xapi_verbs import Over

QUESTION = "Audio Volume"
"""The status that a flood asks for."""


class SshClient(KeptClient):
    """A client at the SSH door."""

    over: ClassVar[Over] = "ssh"
    _connection: asyncssh.SSHClientConnection
    _shell: ssh.Shell

    async def connect(self) -> None:
        address = await xapi_door.address_of(self.device, "ssh")
        self._connection = await ssh.connect(self.net, address, self.role, await self.passphrase())
        self._shell = await ssh.open_shell(self._connection)
        self._shell.on_told = self._told
        self._shell.on_end = self.ended

    async def register(self, wanted: Sequence[str]) -> None:
        try:
            for path in wanted:
                shelltext.answer_of(await self._shell.ask(partial(shelltext.registration, path)))
        except (ssh.Hung, RemoteProtocolError) as error:
            raise ValueError(f"the shell hung up: {error}") from None

    def _told(self, document: Document) -> None:
        self.tell_text(document)

    def cut(self) -> None:
        self.ended(CUT)
        self.net.break_streams()

    async def ask_much(self, count: int, tally: Tally) -> None:
        for _ in range(count):
            if self._shell.is_paused:  # its own buffers are full: the device takes no more
                return
            tally.sent += 1
            self._shell.send(partial(shelltext.status, QUESTION)).add_done_callback(tally.count)

    async def connect_once_more(self, tally: Tally) -> None:
        tally.sent += 1
        try:
            address = await xapi_door.address_of(self.device, "ssh")
            connection = await ssh.connect(self.net, address, self.role, await self.passphrase())
            await ssh.open_shell(connection)  # one session too many is hung up on after its login
        except (AccessDenied, ValueError):
            tally.refused += 1
            return
        tally.answered += 1
        tally.kept.append(connection.abort)
