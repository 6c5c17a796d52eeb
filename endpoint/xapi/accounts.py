"""The accounts of a device: found in any case, kept before a change holds, and never without somebody who can administer the device.

That lock-down switches local users off is documented, that it is for good is ours, and so are all texts.
Source: protocol/xapi.md 2.6; activation-and-media.md sections 4 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from endpoint.runtime.errors import StorageError
from endpoint.wire.xapi.calls import ADMIN
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.xapi.saved import SavedUser

BUILT_IN: Final = SavedUser(name="admin", roles=ADMIN, draws_passphrase=True)
USERS_MAX: Final = 50
NAME_BYTES_MAX: Final = 127
SHOWN_CHARS_MAX: Final = 40

Keep = Callable[[tuple[SavedUser, ...]], object]


class Accounts:
    """The accounts of one device.

    Args:
        saved: as they were kept; none gives the built-in user.
        keep: keeps all of them, or raises StorageError.
        locked_down: whether the built-in user is born switched off; saved ones know it themselves.
    """

    __slots__ = ("_all", "_keep")

    def __init__(self, saved: Iterable[SavedUser], keep: Keep, *, locked_down: bool = False) -> None:
        accounts = tuple(saved) or (switched_off(BUILT_IN) if locked_down else BUILT_IN,)
        self._all: Mapping[str, SavedUser] = {key_of(account.name): account for account in accounts}
        self._keep = keep

    def __iter__(self) -> Iterator[SavedUser]:
        """Yield the accounts in the order of their names."""
        return iter([self._all[key] for key in sorted(self._all)])

    @property
    def is_locked_down(self) -> bool:
        """Say whether lock-down has switched users off."""
        return any(account.is_locked_down for account in self._all.values())

    def find(self, name: str) -> SavedUser | None:
        """Return the account of a name, or None."""
        return self._all.get(key_of(name))

    def get(self, name: str) -> SavedUser:
        """Return the account of a name.

        Raises:
            CommandFailed: there is none.
        """
        account = self.find(name)
        if account is None:
            raise CommandFailed(f"No such user: {name[:SHOWN_CHARS_MAX]}")
        return account

    def check_new(self, name: str) -> None:
        """Refuse a name that is none, or taken, and one account too many.

        Raises:
            CommandFailed: it cannot be added; the text says why.
        """
        if not is_name(name):
            raise CommandFailed(f"A user name has 1 to {NAME_BYTES_MAX} bytes, without blanks and colons")
        if key_of(name) in self._all:
            raise CommandFailed(f"There is a user {name[:SHOWN_CHARS_MAX]} already")
        if len(self._all) >= USERS_MAX:
            raise CommandFailed(f"There are {USERS_MAX} users, the most that a device can have")

    def put(self, account: SavedUser) -> None:
        """Add or change an account.

        Raises:
            CommandFailed: nobody would be left who can administer the device, lock-down forbids it, or it cannot be kept.
        """
        before = self.find(account.name)
        if before is not None and before.is_locked_down and (account.is_active or not account.is_locked_down):
            raise CommandFailed("Lock-down has switched the user off; only a factory reset brings it back")
        self._replace({**self._all, key_of(account.name): account})

    def remove(self, name: str) -> None:
        """Remove an account; errors as in `get` and `put`."""
        gone = key_of(self.get(name).name)
        self._replace({key: account for key, account in self._all.items() if key != gone})

    def lock_down(self) -> None:
        """Switch all of them off for good. Nothing is kept: lock-down is written with the cloud account, in one piece."""
        self._all = {key: switched_off(account) for key, account in self._all.items()}

    def _replace(self, after: Mapping[str, SavedUser]) -> None:
        if not after:  # after lock-down; without any, the next start would begin with the built-in one
            raise CommandFailed("The last user has to stay")
        if _can_administer(self._all) and not _can_administer(after):
            raise CommandFailed("The last active administrator with a passphrase or a key has to stay")
        try:
            self._keep(tuple(after.values()))
        except StorageError as error:
            raise CommandFailed(f"The users could not be kept: {error}") from None
        self._all = after


def key_of(name: str) -> str:
    """Return the form under which names are compared."""
    return name.casefold()


def is_name(name: str) -> bool:
    """Say whether a text can be a user name: without blanks, and without a colon, which Basic authentication could not carry."""
    is_plain = name.isprintable() and not any(c.isspace() or c == ":" for c in name)
    return is_plain and 0 < len(name.encode(errors="replace")) <= NAME_BYTES_MAX


def is_on(account: SavedUser) -> bool:
    """Say whether a user may log in at all."""
    return account.is_active and not account.is_locked_down


def has_passphrase(account: SavedUser) -> bool:
    """Say whether a user has a passphrase, drawn or set."""
    return account.draws_passphrase or account.passphrase is not None


def switched_off(account: SavedUser) -> SavedUser:
    """Return an account as lock-down leaves it."""
    return replace(account, is_active=False, is_locked_down=True)


def _can_administer(accounts: Mapping[str, SavedUser]) -> bool:
    return any(
        is_on(account) and ADMIN in account.roles and (has_passphrase(account) or account.keys)
        for account in accounts.values()
    )
