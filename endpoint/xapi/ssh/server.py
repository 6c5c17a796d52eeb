"""The SSH door of one device: who may come in, and how many. The shells behind it are in `session`.

Source: protocol/xapi.md 4.1, 4.9.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import asyncssh

from endpoint.runtime.net import reset
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.shell_answers import Choices
from endpoint.xapi.access import Xapi
from endpoint.xapi.sessions import Session, Sessions, TooManySessions
from endpoint.xapi.ssh.greeting import Facts
from endpoint.xapi.ssh.session import Ground, ShellSession
from endpoint.xapi.users import ChangeRequired, LoginRefused

CONNECTIONS_MAX: Final = 100
"""Connections of one door, logged in or not; one more is hung up on at once."""
CHANNELS_MAX: Final = 10
"""Shells of one connection."""
LOGIN_S_MAX: Final = 60.0
LOGINS_FAILED_MAX: Final = 6
"""Passphrases that one connection may get wrong."""
KEYS_TRIED_MAX: Final = 20
"""Keys that one connection may offer in vain; a client with an agent offers them all."""
BACKLOG: Final = 128
VERSION: Final = "roomsim"
PROMPT: Final = "Password: "
CHANGE: Final = "The passphrase has to be changed."
ASKED_ANEW: Final = [("New passphrase: ", False), ("The same again: ", False)]
DOOR: Final = "ssh"


class Logins(Protocol):
    """Who may log in; see `endpoint.xapi.users.Users`."""

    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        """Check a passphrase; raises LoginRefused."""

    async def change_passphrase(self, name: str, old: str, new: str) -> None:
        """Let a user change the own passphrase; raises CommandFailed."""

    def owns_key(self, name: str, key: bytes) -> bool:
        """Say whether a public key (SSH wire format) is one of a user's."""

    def authenticate_key(self, name: str, key: bytes, *, origin: str, door: str) -> Caller:
        """Accept the owner of a public key; raises LoginRefused."""


class SshDoor:
    """The SSH door of one device.

    Args:
        facts: what the greeting shows besides the trees.
        host_key: private key, PEM text; see `hostkey.make_host_key`.
        choices: what it does where no source says how it is.
    """

    def __init__(
        self,
        world: World,
        xapi: Xapi,
        users: Logins,
        sessions: Sessions,
        facts: Facts,
        host_key: str,
        choices: Choices | None = None,
    ) -> None:
        self.world = world
        self.users = users
        self.sessions = sessions
        self._tasks = Tasks()
        self.ground = Ground(world, xapi, facts, self._tasks, choices or Choices())
        self._host_key = asyncssh.import_private_key(host_key)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: dict[Connection, None] = {}
        self.host = ""
        self.port = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the door; port 0 takes a free one. `host` and `port` say afterwards where it is.

        Raises:
            OSError: the address is in use or not ours.
        """
        assert self._acceptor is None, "the door is shut"
        _silence()
        self._acceptor = await asyncssh.listen(
            host,
            port,
            backlog=BACKLOG,
            config=None,
            server_factory=self._connect,
            server_host_keys=[self._host_key],
            server_version=VERSION,
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            allow_scp=False,
            gss_host=None,
            x509_trusted_certs=None,
            compression_algs=None,
            login_timeout=LOGIN_S_MAX,
        )
        self.host, self.port = self._acceptor.get_addresses()[0][:2]

    async def stop(self) -> None:
        """Shut the door and end every connection; commands that run are given up."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            acceptor.close()
        held = list(self._connections)
        for connection in held:
            connection.close("the door is shut")
        await self._tasks.cancel()
        for connection in held:
            await connection.wait_closed()
        if acceptor is not None:
            await acceptor.wait_closed()

    def cut(self, fits: Callable[[Mapping[str, str]], bool]) -> int:
        """Break the connections of clients that have logged in and that `fits` accepts, by `over` and `user`; return how many."""
        hit = [one for one in self._connections if one.has_logged_in and fits({"over": DOOR, "user": one.user})]
        for connection in hit:
            connection.cut()
        return len(hit)

    @property
    def connections(self) -> int:
        """How many are connected, logged in or not."""
        return len(self._connections)

    def _connect(self) -> Connection:
        return Connection(self, self._gone)

    def admits(self, connection: Connection) -> bool:
        """Count a new connection; False when there are CONNECTIONS_MAX already."""
        if len(self._connections) >= CONNECTIONS_MAX or self._acceptor is None:
            return False
        self._connections[connection] = None
        return True

    def _gone(self, connection: Connection) -> None:
        self._connections.pop(connection, None)


class Connection(asyncssh.SSHServer):
    """One SSH connection: its login, its session and its shells."""

    def __init__(self, door: SshDoor, on_end: Callable[[Connection], object]) -> None:
        self._door = door
        self._on_end = on_end
        self._ssh: asyncssh.SSHServerConnection | None = None
        self._origin = ""
        self._address = ""
        self._caller: Caller | None = None
        self._key: tuple[str, bytes] | None = None
        self._failed = 0
        self._outdated: str | None = None
        """The right passphrase of who has to change it."""
        self._keys_failed = 0
        self._session: Session | None = None
        self._shells: dict[ShellSession, None] = {}
        self._is_paused = False

    # the connection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Take the connection, or hang up where there are too many."""
        self._ssh = conn
        self._origin = _host(conn.get_extra_info("peername"))
        self._address = _host(conn.get_extra_info("sockname"))
        # asyncssh lets the transport's buffer grow; whoever opens a huge window and does not read would fill our memory
        conn.pause_writing = self._pause  # type: ignore[method-assign]  # as said above
        conn.resume_writing = self._resume  # type: ignore[method-assign]  # as said above
        if not self._door.admits(self):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._session is not None:
            self._session.end()
        self._on_end(self)

    def is_paused(self) -> bool:
        """Say whether the client takes nothing at present, or never will: asyncssh writes to a broken connection without a word."""
        transport = self._ssh._transport if self._ssh is not None else None
        return self._is_paused or transport is None or transport.is_closing()

    def _pause(self) -> None:
        self._is_paused = True

    def _resume(self) -> None:
        self._is_paused = False
        for shell in tuple(self._shells):
            shell.resume()

    def drop(self, why: str) -> None:
        """End the connection at once, and say so in the device log."""
        self._door.world.log.line("Xapi", "W", f"ssh session of {self.user} from {self._origin} dropped: {why}")
        if self._ssh is not None:
            asyncio.get_running_loop().call_soon(self._ssh.abort)  # not inside the notice that was too much

    def cut(self) -> None:
        """Break the connection, as a network does."""
        if self._ssh is not None and self._ssh._transport is not None:
            reset(self._ssh._transport)

    def close(self, why: str, code: int = asyncssh.DISC_BY_APPLICATION) -> None:
        """End the connection, with a reason that the client is told."""
        if self._ssh is not None:
            self._ssh.disconnect(code, why)

    async def wait_closed(self) -> None:
        """Wait until the connection is gone."""
        if self._ssh is not None:
            await self._ssh.wait_closed()

    def touch(self) -> None:
        """Take note that the client said something."""
        if self._session is not None:
            self._session.touch(self._door.world.clock.now())

    # login

    def begin_auth(self, username: str) -> bool:
        """Want a login of everybody."""
        return True

    def password_auth_supported(self) -> bool:
        """Take `password`, for paramiko and its like."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Check a passphrase."""
        try:
            self._caller = await self._door.users.authenticate(username, password, origin=self._origin, door=DOOR)
        except ChangeRequired:
            raise asyncssh.PasswordChangeRequired(CHANGE) from None
        except LoginRefused:
            return self._count_failure()
        return True

    async def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        """Take a passphrase in place of one that has to be changed, and log in with it."""
        try:
            await self._door.users.change_passphrase(username, old_password, new_password)
        except CommandFailed as error:
            self._count_failure()
            raise asyncssh.PasswordChangeRequired(f"{error}.") from None
        return await self.validate_password(username, new_password)

    def _count_failure(self) -> bool:
        self._failed += 1
        if self._failed >= LOGINS_FAILED_MAX:
            self.close("Too many failed logins", asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE)
        return False

    def kbdint_auth_supported(self) -> bool:
        """Take `keyboard-interactive`, the only method that jsxapi has."""
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        """Ask for the passphrase, of whoever begins anew as well."""
        self._outdated = None
        return "", "", "", [(PROMPT, False)]

    async def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        """Check the one answer; who has to change the passphrase is asked for another, twice."""
        if self._outdated is None:
            if len(responses) != 1:
                return self._count_failure()
            given, change = responses[0], None
        elif len(responses) != len(ASKED_ANEW) or responses[0] != responses[1]:
            self._count_failure()
            return "", "The two are not the same.", "", ASKED_ANEW
        else:
            given, change = self._outdated, responses[0]
        try:
            if change is None:
                return await self.validate_password(username, given)
            return await self.change_password(username, given, change)
        except asyncssh.PasswordChangeRequired as error:
            self._outdated = given
            return "", error.prompt, "", ASKED_ANEW

    def public_key_auth_supported(self) -> bool:
        """Take public keys."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Say whether a key is one of the user's; asyncssh asks before the client has signed, and again when it has."""
        owns = self._door.users.owns_key(username, key.public_data)
        self._key = (username, key.public_data) if owns else None
        self._keys_failed += not owns
        if self._keys_failed >= KEYS_TRIED_MAX:
            self.close("Too many keys", asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE)
        return owns

    def auth_completed(self) -> None:
        """Begin the session of whoever has logged in."""
        try:
            if self._caller is None:
                assert self._key is not None, "it was a passphrase or a key"
                name, key = self._key
                self._caller = self._door.users.authenticate_key(name, key, origin=self._origin, door=DOOR)
            self._session = self._door.sessions.open(self._caller, self.close)
        except LoginRefused:
            self.close("Access denied", asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE)
        except TooManySessions as error:
            self._door.world.log.line("Xapi", "W", f"ssh session of {self.user} from {self._origin} refused: {error}")
            self.close(f"Too many sessions: {error}", asyncssh.DISC_TOO_MANY_CONNECTIONS)

    @property
    def has_logged_in(self) -> bool:
        """Say whether there is a session."""
        return self._session is not None

    @property
    def user(self) -> str:
        """The name of the user, `-` before there is one."""
        return self._caller.user if self._caller is not None else "-"

    # shells

    def session_requested(self) -> ShellSession | bool:
        """Open a channel for a shell or for one command."""
        if self._caller is None or self._session is None or len(self._shells) >= CHANNELS_MAX:
            return False
        shell = ShellSession(self._door.ground, self._caller, self, self._address, self._ended)
        self._shells[shell] = None
        return shell

    def _ended(self, shell: ShellSession) -> None:
        self._shells.pop(shell, None)


def _host(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) and address else ""


def _silence() -> None:
    """Keep asyncssh's own log to itself: whoever connects must not be able to write to our standard error."""
    logger = logging.getLogger("asyncssh")
    logger.propagate = False
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
