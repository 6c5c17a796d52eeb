"""Local users: who may log in, with which passphrase or key, and as what.

Limits, passphrase rules and what lock-down does are documented, the order of checks and all texts ours.
Source: protocol/xapi.md 2.6, 4.1, 4.9; activation-and-media.md section 4, R95.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from msgspec.structs import replace

from endpoint.runtime.world import World
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.xapi import passphrases
from endpoint.xapi.accounts import SHOWN_CHARS_MAX, Accounts, Keep, has_passphrase, is_on, key_of, switched_off
from endpoint.xapi.passphrases import Drawn, Kept, Policy
from endpoint.xapi.saved import SavedLogin, SavedPassphrase, SavedUser
from endpoint.xapi.sessions import MINUTE_S, Session, Sessions
from endpoint.xapi.tree import Tree

T = TypeVar("T")

LOGINS_WAITING_MAX: Final = 50
"""Logins of one device that wait while one is checked; more are refused."""
MARK_KEY_BYTES: Final = 32
_LIMITS: Final = ("Security", "Session")

LOCKED_DOWN: Final = "device is locked down"
DEACTIVATED: Final = "user deactivated"
DELETED: Final = "user deleted"
ROLE_REMOVED: Final = "role removed"
WRONG: Final = "wrong passphrase or key"


class LoginRefused(Exception):
    """Nobody of that name with that passphrase or key may log in now. The text is for the log, and not for who asks."""


class ChangeRequired(LoginRefused):
    """The passphrase is right and has to be changed before anything else: `Users.change_passphrase`."""


class _Watch:
    """What is known of an account for as long as the device is up."""

    __slots__ = ("before", "failed", "last", "locked_until_s", "mark")

    def __init__(self) -> None:
        self.failed = 0
        self.locked_until_s = 0.0
        self.mark = b""
        self.last: SavedLogin | None = None
        self.before: SavedLogin | None = None


class Users:
    """The local users of one device.

    Args:
        saved: the accounts as they were kept; none gives the built-in user.
        keep: keeps the accounts, or raises StorageError; it is asked before a change holds.
        drawn: the passphrase of the built-in user while it has no other; made once for a process, so that it outlives a restart.
        locked_down: the device is hardened; counts for the built-in user only, saved ones know it themselves.
    """

    __slots__ = (
        "_chance", "_configuration", "_drawn", "_mark_key", "_salts", "_sessions", "_turn", "_waiting", "_watches", "_world",
        "accounts", "on_change",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        configuration: Tree,
        sessions: Sessions,
        *,
        saved: tuple[SavedUser, ...] = (),
        keep: Keep = lambda accounts: None,
        drawn: Drawn | None = None,
        locked_down: bool = False,
    ) -> None:
        self._world = world
        self._chance = world.chance
        self._configuration = configuration
        self._sessions = sessions
        self._drawn = drawn or Drawn(world.chance)
        self.accounts = Accounts(
            saved, lambda accounts: keep(tuple(map(self._with_login, accounts))), locked_down=locked_down
        )
        self._watches: dict[str, _Watch] = {}
        self._mark_key = b""
        self._salts = self._chance.stream("passphrase salts")
        self._turn = asyncio.Lock()
        self._waiting = 0
        self.on_change: Callable[[], object] = lambda: None
        """Told after accounts have changed."""
        sessions.on_closed = self._session_closed
        sessions.refusal = self._session_refusal

    # what there is

    @property
    def initial_passphrase(self) -> Secret | None:
        """The drawn passphrase of the built-in user; None when somebody has set another, or switched the user off."""
        is_good = any(account.draws_passphrase and is_on(account) for account in self.accounts)
        return self._drawn.value if is_good else None

    @property
    def without_passphrase(self) -> list[str]:
        """Names of active users that have no passphrase: the diagnostics message ValidPasswords tells of them."""
        return [account.name for account in self.accounts if is_on(account) and not has_passphrase(account)]

    def saved(self, *, locked_down: bool = False) -> tuple[SavedUser, ...]:
        """Return what is to be kept of the users; as `lock_down` will leave them, if that is asked for."""
        kept = tuple(map(self._with_login, self.accounts))
        return tuple(map(switched_off, kept)) if locked_down else kept

    def _with_login(self, account: SavedUser) -> SavedUser:
        watch = self._watches.get(key_of(account.name))
        return account if watch is None or watch.last is None else replace(account, last_login=watch.last)

    def previous_login(self, name: str) -> SavedLogin | None:
        """Return the login before the latest one: what a shell greets with. Requests over HTTP do not count as logins."""
        watch = self._watches.get(key_of(name))
        return watch.before if watch is not None else None

    # logging in

    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        """Check a passphrase. One that was right is remembered, so that it costs little when it comes with every request.

        Raises:
            ChangeRequired: it is right, but too old, or somebody wants it changed.
            LoginRefused: the name or the passphrase is wrong, or the user is inactive, locked out, or has no shell.
        """
        is_right = self._remembers(name, passphrase) or await self._check(name, passphrase)
        account = self._admitted(name, is_right, door)
        lives = not account.draws_passphrase
        is_old = lives and passphrases.is_too_old(self._configuration, account.changed_s, self._now_s())
        if account.must_change or is_old:
            self._refused(name, "passphrase has to be changed")
            raise ChangeRequired("passphrase has to be changed")
        return self._logged_in(account, origin, door)

    def authenticate_key(self, name: str, key: bytes, *, origin: str, door: str) -> Caller:
        """Accept the owner of a public key (SSH wire format) whose possession was proven.

        Raises:
            LoginRefused: the key is not one of the user's, or the user is inactive or locked out.
        """
        return self._logged_in(self._admitted(name, self.owns_key(name, key), door), origin, door)

    def owns_key(self, name: str, key: bytes) -> bool:
        """Say whether a public key is one of a user's: to be asked before its possession is proven."""
        account = self.accounts.find(name)
        return account is not None and any(hmac.compare_digest(known.blob, key) for known in account.keys)

    def _admitted(self, name: str, is_right: bool, door: str) -> SavedUser:
        account = self.accounts.find(name)
        why = "unknown user" if account is None else self._objection(account, is_right, door)
        if account is None or why:
            self._refused(name, why)
            raise LoginRefused(why)
        return account

    def _objection(self, account: SavedUser, is_right: bool, door: str) -> str:
        if account.is_locked_down:
            return LOCKED_DOWN
        if not account.is_active:
            return "user is not active"
        if self._is_locked_out(account.name):
            return "locked out after too many failed logins"
        if not is_right:
            return WRONG
        return "user has no shell" if door == "ssh" and not account.has_shell else ""

    def _refused(self, name: str, why: str) -> None:
        self._world.log.line("MainEvents", "I", f"local login refused for '{name[:SHOWN_CHARS_MAX]}': {why}")

    def _logged_in(self, account: SavedUser, origin: str, door: str) -> Caller:
        watch = self._watch(account.name)
        watch.failed = 0
        if door != "http":
            watch.before = watch.last or account.last_login
            watch.last = SavedLogin(origin=origin, at_s=int(self._now_s()))
        return Caller(account.name, frozenset(account.roles), origin, door)

    # passphrases

    def _remembers(self, name: str, passphrase: str) -> bool:
        """Say whether a passphrase was right before; of who may not log in nothing is said, a quick refusal would tell it."""
        account, watch = self.accounts.find(name), self._watches.get(key_of(name))
        if account is None or watch is None or not watch.mark or not is_on(account) or self._is_locked_out(name):
            return False
        return hmac.compare_digest(watch.mark, self._mark(passphrase))

    def _mark(self, passphrase: str) -> bytes:
        self._mark_key = self._mark_key or self._chance.stream("login marks").bytes(MARK_KEY_BYTES)
        return passphrases.mark(self._mark_key, passphrase)

    async def _check(self, name: str, passphrase: str) -> bool:
        """Compare a passphrase with an account's. One at a time, so that no burst gets more tries than it may have."""
        if self._waiting >= LOGINS_WAITING_MAX:
            self._refused(name, "too many logins at once")
            raise LoginRefused("too many logins at once")
        self._waiting += 1
        try:
            async with self._turn:
                kept = self._kept(self.accounts.find(name))
                is_right = await _aside(partial(passphrases.matches, kept, passphrase))
                account = self.accounts.find(name)
                if account is None or self._is_locked_out(name) or self._kept(account) != kept:
                    return False
                if is_right:
                    self._watch(name).mark = self._mark(passphrase)
                else:
                    self._count_failure(account)
                return is_right
        finally:
            self._waiting -= 1

    def _kept(self, account: SavedUser | None) -> Kept:
        if account is None:
            return None
        return self._drawn.value if account.draws_passphrase else account.passphrase

    def _count_failure(self, account: SavedUser) -> None:
        if not is_on(account):
            return
        watch = self._watch(account.name)
        watch.failed += 1
        limit, minutes = self._limit("MaxFailedLogins"), self._limit("FailedLoginsLockoutTime")
        if not limit or not minutes or watch.failed < limit:
            return
        failed, watch.failed = watch.failed, 0
        watch.locked_until_s = self._world.clock.time() + minutes * MINUTE_S
        text = f"user '{account.name}' locked out for {minutes} minute(s) after {failed} failed login(s)"
        self._world.log.line("MainEvents", "W", text)

    def _is_locked_out(self, name: str) -> bool:
        watch = self._watches.get(key_of(name))
        return watch is not None and self._world.clock.time() < watch.locked_until_s

    def unblock(self, name: str) -> None:
        """End a lock-out; CommandFailed when there is no such user."""
        watch = self._watches.get(key_of(self.accounts.get(name).name))
        if watch is not None:
            watch.failed, watch.locked_until_s = 0, 0.0

    async def prove(self, name: str, passphrase: str) -> bool:
        """Say whether a passphrase is a user's; a wrong one counts as a failed login."""
        try:
            return self._remembers(name, passphrase) or await self._check(name, passphrase)
        except LoginRefused:
            return False

    async def change_passphrase(self, name: str, old: str, new: str) -> None:
        """Let a user change the own passphrase.

        Raises:
            CommandFailed: the old one is wrong, the user is locked out or inactive, or the new one breaks a rule.
        """
        is_right = await self.prove(name, old)
        account = self.accounts.find(name)
        if account is None or not is_right or not is_on(account) or self._is_locked_out(name):
            raise CommandFailed("The old passphrase is wrong, or the user may not log in now")
        await self.set_passphrase(name, new, must_change=False)

    async def set_passphrase(self, name: str, new: str, *, must_change: bool | None = None) -> None:
        """Give a user a passphrase.

        Args:
            must_change: whether it has to be changed at the next login; None leaves that as it is.

        Raises:
            CommandFailed: no such user, the passphrase breaks a rule or was used before, or it cannot be kept.
        """
        async with self._turn:
            account = self.accounts.get(name)
            policy = Policy.of(self._configuration)
            self._check_rules(policy, new)
            former = (self._kept(account), *account.earlier)[: policy.reuse]
            if await _aside(partial(passphrases.is_among, former, new)):
                raise CommandFailed(f"The passphrase is one of the last {policy.reuse}; choose another")
            made = await self._made(new)
            account = self.accounts.get(name)
            earlier = (account.passphrase, *account.earlier) if account.passphrase else account.earlier
            self.accounts.put(
                replace(
                    account,
                    passphrase=made,
                    draws_passphrase=False,
                    changed_s=int(self._now_s()),
                    earlier=earlier[: passphrases.EARLIER_MAX],
                    must_change=account.must_change if must_change is None else must_change,
                )
            )
            self._watch(name).mark = b""
        self.on_change()

    def _check_rules(self, policy: Policy, passphrase: str) -> None:
        problem = policy.problem(passphrase)
        if problem:
            raise CommandFailed(problem)
        if len(passphrase.encode(errors="replace")) > passphrases.PASSPHRASE_BYTES_MAX:
            raise CommandFailed(f"A passphrase has at most {passphrases.PASSPHRASE_BYTES_MAX} bytes")

    async def _made(self, passphrase: str) -> SavedPassphrase | None:
        """Hash a passphrase; an empty one is none, and nobody logs in with it."""
        if not passphrase:
            return None
        return await _aside(partial(passphrases.make, passphrase, self._salts.bytes(passphrases.SALT_BYTES)))

    # accounts

    async def add(self, account: SavedUser, passphrase: str | None) -> None:
        """Add an account; without a passphrase its user can log in with a key only.

        Raises:
            CommandFailed: the name is taken or no name, there are too many, the passphrase breaks a rule, or it cannot be kept.
        """
        was_locked_down = self.accounts.is_locked_down
        async with self._turn:
            self.accounts.check_new(account.name)
            if passphrase is not None:
                self._check_rules(Policy.of(self._configuration), passphrase)
                account = replace(account, passphrase=await self._made(passphrase), changed_s=int(self._now_s()))
            if self.accounts.is_locked_down and not was_locked_down:
                raise CommandFailed("The device was locked down meanwhile")
            self.accounts.put(account)
        self.on_change()

    def modify(self, name: str, change: Callable[[SavedUser], SavedUser]) -> None:
        """Change an account; sessions of one that is no longer active, or has lost a role, are ended.

        Raises:
            CommandFailed: no such user, nobody would be left who can administer the device, or it cannot be kept.
        """
        before = self.accounts.get(name)
        account = change(before)
        self.accounts.put(account)
        if not account.is_active:
            self._sessions.close_user(account.name, DEACTIVATED)
        elif not set(before.roles) <= set(account.roles):  # they would go on with the roles of their login
            self._sessions.close_user(account.name, ROLE_REMOVED)
        self.on_change()

    def delete(self, name: str) -> None:
        """Delete an account and end its sessions; errors as in `modify`."""
        self.accounts.remove(name)
        self._watches.pop(key_of(name), None)
        self._sessions.close_user(name, DELETED)
        self.on_change()

    def lock_down(self) -> None:
        """Switch every user off for good and end their sessions.

        Nothing is kept here: `saved(locked_down=True)` is written together with the cloud account, in one piece.
        """
        self.accounts.lock_down()
        for account in self.accounts:
            self._sessions.close_user(account.name, LOCKED_DOWN)
        self.on_change()

    # inside

    def _watch(self, name: str) -> _Watch:
        key = key_of(name)
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = _Watch()
        return watch

    def _limit(self, name: str) -> int:
        return int(self._configuration.get((*_LIMITS, name)) or 0)

    def _now_s(self) -> float:
        return self._world.clock.now().timestamp()

    def _session_refusal(self, caller: Caller) -> str:
        """Say whether a user was deleted, switched off or deprived of a role between login and session."""
        account = self.accounts.find(caller.user)
        if account is None:
            return DELETED if caller.user else ""
        if account.is_locked_down:
            return LOCKED_DOWN
        if not account.is_active:
            return DEACTIVATED
        return "" if caller.roles <= set(account.roles) else ROLE_REMOVED

    def _session_closed(self, session: Session, why: str) -> None:
        self._world.log.line("MainEvents", "I", f"session {session.id} of '{session.caller.user}' ended: {why}")


async def _aside(work: Callable[[], T]) -> T:
    """Compute in a thread, so that the loop goes on; on the virtual loop here and now."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
