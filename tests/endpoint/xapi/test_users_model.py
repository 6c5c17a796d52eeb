"""Programs about users: whatever is done, somebody who can administer the device is left, and tries are counted."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from endpoint.runtime.virtual import VirtualLoop
from endpoint.wire import codec
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.xapi import passphrases
from endpoint.xapi.accounts import has_passphrase, is_on
from endpoint.xapi.saved import SavedPassphrase, SavedUser
from endpoint.xapi.user_commands import UserCommands
from endpoint.xapi.users import Users
from tests.endpoint.xapi.ground import CLOUD, XapiGround

LIMIT, MINUTES = 3, 5
names = st.sampled_from(["admin", "Admin", "bob", "BOB", "carol"])
secrets = st.sampled_from(["passphrase one", "passphrase two", "passphrase three"])
roles = st.lists(st.sampled_from(["Admin", "Integrator", "User", "RoomControl", "Audit"]), max_size=2, unique=True)
truths = st.sampled_from(["True", "False"])


class People(RuleBasedStateMachine):
    """Accounts come, change and go; somebody knocks. A model in a dictionary says what should be so."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.ground = self.run(self._begin())
        self.known: dict[str, str | None] = {"admin": self.ground.initial}
        """The passphrase of each account."""
        self.failed: dict[str, int] = {}
        self.locked: dict[str, float] = {}
        self.is_locked_down = False

    async def _begin(self) -> XapiGround:
        ground = XapiGround()
        ground.configure("Security Session MaxFailedLogins", LIMIT)
        ground.configure("Security Session FailedLoginsLockoutTime", MINUTES)
        ground.configure("UserManagement PasswordPolicy ReuseLimit", 0)
        return ground

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        assert not self.ground.failures
        self.loop.close()

    def call(self, command: str, **arguments: Any) -> bool:
        """Call as the cloud; returns whether it succeeded."""

        async def called() -> None:
            await self.ground.call(f"UserManagement User {command}", CLOUD, **arguments)

        with suppress(CommandFailed):
            self.run(called())
            return True
        return False

    @rule(name=names, passphrase=st.none() | secrets, given=roles, active=truths)
    def add(self, name: str, passphrase: str | None, given: list[str], active: str) -> None:
        more = {"Passphrase": passphrase} if passphrase else {}
        more |= {"Role": given} if given else {}
        is_done = self.call("Add", Username=name, Active=active, **more)
        assert is_done == (name.lower() not in self.known)
        if is_done:
            self.known[name.lower()] = passphrase

    @rule(name=names)
    def delete(self, name: str) -> None:
        if self.call("Delete", Username=name):
            del self.known[name.lower()]
            self.failed.pop(name.lower(), None)
            self.locked.pop(name.lower(), None)

    @rule(name=names, added=roles, removed=roles, active=st.none() | truths)
    def modify(self, name: str, added: list[str], removed: list[str], active: str | None) -> None:
        given: dict[str, Any] = {"AddRole": added, "RemoveRole": removed, "Active": active}
        self.call("Modify", Username=name, **{key: value for key, value in given.items() if value})

    @rule(name=names, passphrase=secrets)
    def set_passphrase(self, name: str, passphrase: str) -> None:
        assert self.call("Passphrase Set", Username=name, NewPassphrase=passphrase) == (name.lower() in self.known)
        if name.lower() in self.known:
            self.known[name.lower()] = passphrase

    @rule(name=names)
    def unblock(self, name: str) -> None:
        self.call("Unblock", Username=name)
        self.failed.pop(name.lower(), None)
        self.locked.pop(name.lower(), None)

    @rule(name=names, is_right=st.booleans(), guess=secrets, door=st.sampled_from(["ssh", "websocket", "http"]))
    def log_in(self, name: str, is_right: bool, guess: str, door: str) -> None:
        key = name.lower()
        passphrase = (self.known.get(key) if is_right else None) or guess
        account = self.ground.users.accounts.find(name)
        is_locked = self.ground.clock.time() < self.locked.get(key, 0)
        matches = self.known.get(key) == passphrase
        expected = account is not None and is_on(account) and not is_locked and matches
        assert (self.run(self.ground.login(name, passphrase, door)) is not None) == expected
        if expected:
            self.failed[key] = 0
        elif account is not None and is_on(account) and not is_locked:
            self.failed[key] = self.failed.get(key, 0) + 1
            if self.failed[key] == LIMIT:
                self.failed[key], self.locked[key] = 0, self.ground.clock.time() + MINUTES * 60

    @rule(seconds=st.integers(1, MINUTES * 60))
    def wait(self, seconds: int) -> None:
        self.run(self.ground.clock.sleep(seconds))

    @rule()
    def restart(self) -> None:
        saved = codec.decode(codec.encode(self.ground.users.saved()), tuple[SavedUser, ...])
        assert {account.name.lower() for account in saved} == set(self.known)

        self.run(self._restart(saved))
        self.failed.clear()
        self.locked.clear()
        assert self.ground.users.saved() == saved

    async def _restart(self, saved: tuple[SavedUser, ...]) -> None:
        ground = self.ground
        drawn = ground.users._drawn
        ground.users = Users(
            ground.world, ground.configuration, ground.sessions, saved=saved, keep=ground.keep, drawn=drawn
        )
        ground.commands.provide([UserCommands(ground.world, ground.users, ground.sessions)])

    @rule(seldom=st.integers(0, 9))
    def lock_down(self, seldom: int) -> None:
        if seldom:
            return
        self.run(self._lock_down())
        self.is_locked_down = True
        self.failed.clear()
        self.locked.clear()

    async def _lock_down(self) -> None:
        self.ground.users.lock_down()

    @invariant()
    def somebody_can_administer_the_device(self) -> None:
        accounts = list(self.ground.users.accounts)
        assert {account.name.lower() for account in accounts} == set(self.known)
        if not self.is_locked_down:
            assert any(is_on(account) and "A" in account.roles and has_passphrase(account) for account in accounts)
        for account in accounts:
            assert not (account.is_locked_down and account.is_active)


def test_programs_about_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrases, "COST", 1)  # a hundred thousand hashes are wanted here
    monkeypatch.setattr(passphrases, "_NOBODY", SavedPassphrase(cost=1, salt=bytes(16), digest=bytes(32)))
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis has no types for it
        People,
        settings=settings(
            max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
