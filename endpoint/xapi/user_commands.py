"""The commands about local users and sessions: `UserManagement ...`, `Security Session ...`.

Arguments are documented; result names, texts and what is done without `YourPassphrase` are ours: newer software wants it, roomsim checks
it where it is given. A caller that is no local user (the cloud) needs none. Source: protocol/xapi-nodes.md 6.17, section `UserManagement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from endpoint.runtime.clock import iso_ms
from endpoint.runtime.world import World
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import ROLES
from endpoint.xapi.saved import ROLE_LETTERS, SavedUser
from endpoint.xapi.sessions import Sessions
from endpoint.xapi.ssh_keys import fingerprint, parse_key
from endpoint.xapi.users import Users

KEYS_MAX: Final = 20
"""Public keys of one user."""
_LETTERS: Final[Mapping[str, str]] = {name: letter for letter, name in ROLES.items()}


class UserCommands:
    """Owner of the commands about users and sessions."""

    __slots__ = ("_sessions", "_users", "_world")

    def __init__(self, world: World, users: Users, sessions: Sessions) -> None:
        self._world = world
        self._users = users
        self._sessions = sessions

    # users

    async def user_add(self, call: Invocation) -> None:
        """Add a user; an empty passphrase is none, and nobody logs in with it."""
        await self._check_caller(call)
        account = SavedUser(
            name=call.text("Username"),
            roles=_with_roles("", call, "Role"),
            is_active=call.text("Active") != "False",
            has_shell=call.text("ShellLogin") != "False",
            must_change=_is_true(call, "PassphraseChangeRequired"),
            certificate_dn=call.text("ClientCertificateDN"),
        )
        await self._users.add(account, call.text("Passphrase") or None)
        self._tell(call, "added")

    async def user_delete(self, call: Invocation) -> None:
        """Delete a user; the own account as well, while another administrator is left."""
        await self._check_caller(call)
        self._users.delete(call.text("Username"))
        self._tell(call, "deleted")

    async def user_modify(self, call: Invocation) -> None:
        """Change what is given of a user; roles are added before others are removed."""
        await self._check_caller(call)
        self._users.modify(call.text("Username"), lambda account: _modified(account, call))
        self._tell(call, "modified")

    def user_get(self, call: Invocation) -> Fields:
        """Show a user, found by name or by the subject of a client certificate."""
        name, subject = call.text("Username"), call.text("ClientCertificateDN")
        if not name and not subject:
            raise BadArguments({"Username": "the name of a user, or ClientCertificateDN in its place"})
        if name:
            return {"User": [_shown(self._users.accounts.get(name))]}
        found = [_shown(account) for account in self._users.accounts if account.certificate_dn == subject]
        if not found:
            raise CommandFailed("No user has that client certificate")
        return {"User": found}

    def user_list(self, call: Invocation) -> Fields:
        """Show the users in the order of their names; a `Limit` of 0 is none."""
        offset, limit = call.number("Offset") or 0, call.number("Limit") or None
        wanted = list(self._users.accounts)[offset:]
        return {"User": [_shown(account) for account in wanted[:limit]]}

    async def user_unblock(self, call: Invocation) -> None:
        """End a lock-out."""
        await self._check_caller(call)
        self._users.unblock(call.text("Username"))
        self._tell(call, "unblocked")

    async def passphrase_change(self, call: Invocation) -> None:
        """Change the own passphrase."""
        if self._users.accounts.find(call.caller.user) is None:
            raise CommandFailed("Only a local user has a passphrase; use UserManagement User Passphrase Set")
        await self._users.change_passphrase(call.caller.user, call.text("OldPassphrase"), call.text("NewPassphrase"))
        self._tell(call, "given another passphrase", call.caller.user)
        self._end_sessions(call, call.caller.user)

    async def passphrase_set(self, call: Invocation) -> None:
        """Give a user a passphrase."""
        await self._check_caller(call)
        await self._users.set_passphrase(call.text("Username"), call.text("NewPassphrase"))
        self._tell(call, "given another passphrase")
        self._end_sessions(call, call.text("Username"))

    def _end_sessions(self, call: Invocation, user: str) -> None:
        if call.text("SecurityAction") == "InvalidateAllUserSessions":
            self._sessions.close_user(user, "passphrase changed")

    # public keys

    def key_add(self, call: Invocation) -> None:
        """Let a user log in with a public key, given as OpenSSH writes it."""
        try:
            key = parse_key(call.text("PublicKey"), call.text("Comment"))
        except LocalProtocolError as error:
            raise BadArguments({"PublicKey": str(error)}) from None

        def added(account: SavedUser) -> SavedUser:
            others = tuple(known for known in account.keys if known.blob != key.blob)
            if len(others) >= KEYS_MAX:
                raise CommandFailed(f"A user has at most {KEYS_MAX} public keys")
            return replace(account, keys=(*others, key))

        self._users.modify(call.text("Username"), added)
        self._tell(call, "given a public key")

    def key_delete(self, call: Invocation) -> None:
        """Take a public key from a user."""
        wanted = call.text("Fingerprint").removeprefix("SHA256:")

        def without(account: SavedUser) -> SavedUser:
            rest = tuple(key for key in account.keys if fingerprint(key) != f"SHA256:{wanted}")
            if len(rest) == len(account.keys):
                raise CommandFailed(
                    "The user has no key of that fingerprint; UserManagement User SSHKey List shows them"
                )
            return replace(account, keys=rest)

        self._users.modify(call.text("Username"), without)
        self._tell(call, "deprived of a public key")

    def key_delete_all(self, call: Invocation) -> None:
        """Take every public key from a user."""
        self._users.modify(call.text("Username"), lambda account: replace(account, keys=()))
        self._tell(call, "deprived of all public keys")

    def key_list(self, call: Invocation) -> Fields:
        """Show the public keys of a user."""
        keys = self._users.accounts.get(call.text("Username")).keys
        return {
            "Key": [
                {"Fingerprint": fingerprint(key), "Algorithm": key.algorithm, "Comment": key.comment} for key in keys
            ]
        }

    # sessions

    def session_list(self, call: Invocation) -> Fields:
        """Show the open sessions, the oldest first."""
        return {
            "Session": [
                {
                    "SessionId": str(session.id),
                    "UserName": session.caller.user,
                    "Origin": session.caller.origin,
                    "LastActivity": iso_ms(session.last_activity),
                }
                for session in self._sessions
            ]
        }

    def session_terminate(self, call: Invocation) -> None:
        """End a session; its own client hears the answer first."""
        session = self._sessions.find(call.text("SessionId"))
        if session is None:
            raise CommandFailed("No such session; Security Session List shows them")
        self._sessions.close(session, f"terminated by '{call.caller.user}'")

    # inside

    async def _check_caller(self, call: Invocation) -> None:
        """Check `YourPassphrase` where it is given; a wrong one counts as a failed login."""
        user, given = call.caller.user, call.text("YourPassphrase")
        if given and self._users.accounts.find(user) is not None and not await self._users.prove(user, given):
            raise CommandFailed("YourPassphrase is not the passphrase of the user who calls")

    def _tell(self, call: Invocation, what: str, name: str = "") -> None:
        who = call.caller.user or call.caller.door
        self._world.log.line("MainEvents", "I", f"user '{name or call.text('Username')}' {what} by '{who}'")

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "UserManagement User Add": user_add,
        "UserManagement User Delete": user_delete,
        "UserManagement User Get": user_get,
        "UserManagement User List": user_list,
        "UserManagement User Modify": user_modify,
        "UserManagement User Passphrase Change": passphrase_change,
        "UserManagement User Passphrase Set": passphrase_set,
        "UserManagement User SSHKey Add": key_add,
        "UserManagement User SSHKey Delete": key_delete,
        "UserManagement User SSHKey DeleteAll": key_delete_all,
        "UserManagement User SSHKey List": key_list,
        "UserManagement User Unblock": user_unblock,
        "Security Session List": session_list,
        "Security Session Terminate": session_terminate,
    }


def _modified(account: SavedUser, call: Invocation) -> SavedUser:
    changes: dict[str, Any] = {
        field: _is_true(call, name)
        for name, field in (
            ("Active", "is_active"),
            ("ShellLogin", "has_shell"),
            ("PassphraseChangeRequired", "must_change"),
        )
        if call.has(name)
    }
    if call.has("ClientCertificateDN"):
        changes["certificate_dn"] = call.text("ClientCertificateDN")
    removed = {_LETTERS[str(role)] for role in call.many("RemoveRole")} if call.has("RemoveRole") else set()
    roles = _with_roles(account.roles, call, "AddRole")
    return replace(account, roles="".join(letter for letter in roles if letter not in removed), **changes)


def _with_roles(letters: str, call: Invocation, argument: str) -> str:
    """Return role letters in their order, with those that an argument names."""
    added = {_LETTERS[str(role)] for role in call.many(argument)} if call.has(argument) else set()
    return "".join(letter for letter in ROLE_LETTERS if letter in letters or letter in added)


def _is_true(call: Invocation, name: str) -> bool:
    return call.text(name) == "True"


def _shown(account: SavedUser) -> dict[str, Any]:
    return {
        "Username": account.name,
        "Active": account.is_active,
        "PassphraseChangeRequired": account.must_change,
        "ShellLogin": account.has_shell,
        "ClientCertificateDN": account.certificate_dn,
        "Roles": {"Role": [ROLES[letter] for letter in account.roles]},
    }
