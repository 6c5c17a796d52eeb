"""Local users: who gets in, who is kept out, and what becomes of accounts."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from endpoint.wire import codec
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import AccessDenied, BadArguments, CommandFailed
from endpoint.xapi import passphrases
from endpoint.xapi.accounts import USERS_MAX
from endpoint.xapi.saved import SavedUser
from endpoint.xapi.users import LOGINS_WAITING_MAX, ChangeRequired, LoginRefused, Users
from tests.endpoint.xapi.ground import ADMIN, CLOUD, XapiGround, play

GOOD = "correct horse battery"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f somebody@desk"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Passphrases that were hashed to be compared, in order; that is what costs time."""
    seen: list[str] = []
    matches = passphrases.matches

    def counted(kept: Any, passphrase: str) -> bool:
        seen.append(passphrase)
        return matches(kept, passphrase)

    monkeypatch.setattr(passphrases, "matches", counted)
    return seen


# logging in


def test_the_drawn_passphrase_lets_the_built_in_user_in_under_any_spelling_of_the_name() -> None:
    async def story(ground: XapiGround) -> None:
        for name in ("admin", "Admin", "ADMIN"):
            assert await ground.login(name, ground.initial) == Caller("admin", frozenset("A"), "192.0.2.7", "websocket")
        for name, passphrase in (
            ("admin", ""),
            ("admin", GOOD),
            ("nobody", ground.initial),
            ("", ""),
            ("admin", "\ud800"),
        ):
            assert await ground.login(name, passphrase) is None

    play(story)


def test_the_drawn_passphrase_repeats_with_a_seed_and_never_without() -> None:
    drawn: list[str] = []

    async def story(ground: XapiGround) -> None:
        drawn.append(ground.initial)
        assert len(ground.initial) == passphrases.DRAWN_CHARS
        assert ground.initial not in str(ground.users.initial_passphrase)

    for seed in (1, 1, 2, None, None):
        play(story, seed=seed)
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 4


def test_a_refusal_tells_the_reason_to_the_log_only_and_never_the_passphrase() -> None:
    async def story(ground: XapiGround) -> None:
        await ground.call("UserManagement User Add", Username="idle", Passphrase=GOOD, Active="False")
        await ground.call("UserManagement User Add", Username="web", Passphrase=GOOD, ShellLogin="False")
        for name, passphrase, door, why in (
            ("nobody", GOOD, "ssh", "unknown user"),
            ("admin", GOOD, "ssh", "wrong passphrase or key"),
            ("idle", GOOD, "ssh", "user is not active"),
            ("web", GOOD, "ssh", "user has no shell"),
            ("new\nline" + "x" * 99, GOOD, "ssh", "unknown user"),
        ):
            assert await ground.login(name, passphrase, door) is None
            assert ground.log[-1].startswith("MainEvents I: local login refused for '")
            assert ground.log[-1].endswith(f"': {why}")
            assert len(ground.log[-1]) < 120
        assert await ground.login("web", GOOD, "websocket") is not None
        assert not any(GOOD in line for line in ground.log)
        assert not any(GOOD in event.as_json() for event in ground.trace.events)

    play(story)


def test_an_unknown_user_costs_what_a_wrong_passphrase_costs(hashed: list[str]) -> None:
    async def story(ground: XapiGround) -> None:
        for name in ("admin", "nobody"):
            await ground.login(name, "wrong")
        assert hashed == ["wrong", "wrong"]

    play(story)


def test_a_passphrase_that_was_right_is_not_hashed_again_until_it_is_changed(hashed: list[str]) -> None:
    async def story(ground: XapiGround) -> None:
        first = ground.initial
        for _ in range(5):
            assert await ground.login("admin", first, "http")
        assert hashed == [first]
        await ground.call("UserManagement User Passphrase Change", OldPassphrase=first, NewPassphrase=GOOD)
        assert await ground.login("admin", first) is None
        assert await ground.login("admin", GOOD)
        assert ground.users.initial_passphrase is None

    play(story)


@pytest.mark.parametrize(
    ("limit", "minutes", "tries", "is_locked"),
    [(5, 5, 5, True), (5, 5, 4, False), (1, 1, 1, True), (0, 5, 30, False), (3, 0, 30, False), (10, 10_000, 10, True)],
)
def test_failed_logins_lock_a_user_out_for_some_minutes(limit: int, minutes: int, tries: int, is_locked: bool) -> None:
    async def story(ground: XapiGround) -> None:
        ground.configure("Security Session MaxFailedLogins", limit)
        ground.configure("Security Session FailedLoginsLockoutTime", minutes)
        doors = ("ssh", "websocket", "http")
        for number in range(tries):
            assert await ground.login("admin", "wrong", doors[number % 3]) is None
        assert (await ground.login("admin", ground.initial) is None) == is_locked
        locked = f"MainEvents W: user 'admin' locked out for {minutes} minute(s) after {limit} failed login(s)"
        assert (locked in ground.log) == is_locked
        if is_locked:
            await ground.clock.sleep(minutes * 60 - 1)
            assert await ground.login("admin", ground.initial) is None
            await ground.clock.sleep(1)
            assert await ground.login("admin", ground.initial)

    play(story)


def test_a_good_login_and_unblock_forget_the_failed_ones() -> None:
    async def story(ground: XapiGround) -> None:
        for _ in range(3):
            for _ in range(4):
                await ground.login("admin", "wrong")
            assert await ground.login("admin", ground.initial)
        await ground.call("UserManagement User Add", Username="second", Passphrase=GOOD)
        for _ in range(5):
            await ground.login("second", "wrong")
        assert await ground.login("second", GOOD) is None
        assert await ground.login("admin", ground.initial)  # the others are not concerned
        await ground.call("UserManagement User Unblock", Username="SECOND")
        assert await ground.login("second", GOOD)
        with pytest.raises(CommandFailed, match="No such user"):
            await ground.call("UserManagement User Unblock", Username="nobody")

    play(story)


def test_while_a_user_is_locked_out_the_right_passphrase_takes_as_long_as_a_wrong_one(hashed: list[str]) -> None:
    async def story(ground: XapiGround) -> None:
        assert await ground.login("admin", ground.initial)
        for _ in range(5):
            await ground.login("admin", "wrong")
        hashed.clear()
        assert await ground.login("admin", ground.initial) is None
        assert hashed == [ground.initial]

    play(story)


def test_a_burst_of_logins_gets_no_more_tries_than_one_after_the_other() -> None:
    async def story(ground: XapiGround) -> None:
        guesses = [f"guess {number}" for number in range(20)] + [ground.initial]
        assert not any(await asyncio.gather(*(ground.login("admin", guess) for guess in guesses)))

    play(story)


def test_more_logins_than_can_wait_are_refused_at_once() -> None:
    async def main() -> None:
        ground = XapiGround()
        outcomes = await asyncio.gather(*(ground.login("nobody", "x") for _ in range(LOGINS_WAITING_MAX + 5)))
        assert not any(outcomes)
        assert sum(line.endswith("too many logins at once") for line in ground.log) == 5
        assert await ground.login("admin", ground.initial)

    asyncio.run(main())  # on a loop with threads


# passphrases


@pytest.mark.parametrize(
    ("rule", "least", "bad", "good"),
    [
        ("Complexity MinimumLength", 12, "eleven char", "twelve chars"),
        ("Complexity MinimumDigits", 2, "one digit 1", "two digits 12"),
        ("Complexity MinimumLowercase", 3, "AB CDEFG xy", "AB CDEFG xyz"),
        ("Complexity MinimumUppercase", 1, "all in lower case", "not All in lower case"),
        ("Complexity MinimumSpecial", 2, "one special", "two specials!"),
        ("Complexity MinimumLength", 0, None, "x"),
    ],
)
def test_a_new_passphrase_follows_the_policy(rule: str, least: int, bad: str | None, good: str) -> None:
    async def story(ground: XapiGround) -> None:
        ground.configure(f"UserManagement PasswordPolicy {rule}", least)
        for command, name in (("Add", "second"), ("Passphrase Set", "admin")):
            argument = "Passphrase" if command == "Add" else "NewPassphrase"
            if bad is not None:
                with pytest.raises(CommandFailed, match=f"A passphrase has at least {least} "):
                    await ground.call(f"UserManagement User {command}", Username=name, **{argument: bad})
            await ground.call(f"UserManagement User {command}", Username=name, **{argument: good})
            assert await ground.login(name, good)

    play(story)


def test_the_last_passphrases_do_not_come_back() -> None:
    async def story(ground: XapiGround) -> None:
        ground.configure("UserManagement PasswordPolicy ReuseLimit", 3)
        old = ground.initial

        async def change(new: str) -> None:
            nonlocal old
            await ground.call("UserManagement User Passphrase Change", OldPassphrase=old, NewPassphrase=new)
            old = new

        for number in range(3):
            await change(f"passphrase {number}")
        for number in range(3):
            with pytest.raises(CommandFailed, match="one of the last 3"):
                await change(f"passphrase {number}")
        await change("passphrase 3")
        await change("passphrase 0")
        assert await ground.login("admin", "passphrase 0")

    play(story)


def test_the_old_passphrase_has_to_be_right_and_wrong_ones_count() -> None:
    async def story(ground: XapiGround) -> None:
        for _ in range(5):
            with pytest.raises(CommandFailed, match="old passphrase is wrong"):
                await ground.call("UserManagement User Passphrase Change", OldPassphrase="no", NewPassphrase=GOOD)
        with pytest.raises(CommandFailed, match="old passphrase is wrong"):
            await ground.users.change_passphrase("admin", ground.initial, GOOD)
        with pytest.raises(CommandFailed, match="Only a local user"):
            await ground.call("UserManagement User Passphrase Change", CLOUD, OldPassphrase="", NewPassphrase=GOOD)

    play(story)


def test_a_passphrase_that_is_too_old_or_was_given_has_to_be_changed_first() -> None:
    async def story(ground: XapiGround) -> None:
        add = "UserManagement User Add"
        await ground.call(add, Username="given", Passphrase=GOOD, PassphraseChangeRequired="True")
        with pytest.raises(ChangeRequired):
            await ground.users.authenticate("given", GOOD, origin="", door="ssh")
        with pytest.raises(LoginRefused) as wrong:
            await ground.users.authenticate("given", "wrong", origin="", door="ssh")
        assert not isinstance(wrong.value, ChangeRequired)
        await ground.users.change_passphrase("given", GOOD, "my own passphrase")
        assert await ground.login("given", "my own passphrase")
        ground.configure("UserManagement PasswordPolicy MaxLifetime", 30)
        await ground.clock.sleep(30 * 86_400 - 1)
        assert await ground.login("given", "my own passphrase")
        await ground.clock.sleep(1)
        with pytest.raises(ChangeRequired):
            await ground.users.authenticate("given", "my own passphrase", origin="", door="ssh")
        assert await ground.login("admin", ground.initial)  # drawn at this start, never old

    play(story)


def test_a_user_without_passphrase_gets_in_with_nothing_and_is_reported() -> None:
    async def story(ground: XapiGround) -> None:
        told: list[list[str]] = []
        ground.users.on_change = lambda: told.append(ground.users.without_passphrase)
        await ground.call("UserManagement User Add", Username="keyed")
        assert await ground.login("keyed", "") is None
        await ground.call("UserManagement User Passphrase Set", Username="keyed", NewPassphrase=GOOD)
        assert told == [["keyed"], []]

    play(story)


def test_your_passphrase_is_checked_where_it_is_given() -> None:
    async def story(ground: XapiGround) -> None:
        add = "UserManagement User Add"
        with pytest.raises(CommandFailed, match="YourPassphrase"):
            await ground.call(add, Username="second", YourPassphrase="wrong")
        await ground.call(add, Username="second", YourPassphrase=ground.initial)
        await ground.call(add, CLOUD, Username="third", YourPassphrase="the cloud has none")

    play(story)


# keys


def test_the_owner_of_a_key_gets_in_without_passphrase() -> None:
    async def story(ground: XapiGround) -> None:
        blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + bytes(range(32))
        await ground.call("UserManagement User SSHKey Add", Username="admin", PublicKey=ED25519)
        await ground.call("UserManagement User SSHKey Add", Username="admin", PublicKey=ED25519, Comment="desk")
        listed = dict(await ground.call("UserManagement User SSHKey List", Username="admin"))
        assert listed["Key", 1, "Algorithm"] == "ssh-ed25519"
        assert listed["Key", 1, "Comment"] == "desk"
        assert len(listed) == 3
        caller = ground.users.authenticate_key("Admin", blob, origin="192.0.2.9", door="ssh")
        assert caller == Caller("admin", frozenset("A"), "192.0.2.9", "ssh")
        with pytest.raises(LoginRefused):
            ground.users.authenticate_key("admin", blob[:-1], origin="", door="ssh")
        with pytest.raises(LoginRefused):
            ground.users.authenticate_key("nobody", blob, origin="", door="ssh")
        with pytest.raises(CommandFailed, match="no key of that fingerprint"):
            await ground.call("UserManagement User SSHKey Delete", Username="admin", Fingerprint="SHA256:x")
        fingerprint = listed["Key", 1, "Fingerprint"]
        await ground.call("UserManagement User SSHKey Delete", Username="admin", Fingerprint=fingerprint)
        assert not ground.users.owns_key("admin", blob)

    play(story)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 ????",
        "ssh-ed25519 AAAA",
        "ssh-rsa " + ED25519.split()[1],
        "ssh-dss AAAAB3NzaC1kc3M=",
        ED25519.split()[1],
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQDLYo4dLp3TFvwMYlBcvCOQ5CJ1q+I8q1cKC0F+0nqzOZcWQ3K2ZKfE9S0dK4mC3x6FfYrO0sU6hmqhIrdPOzfH",
    ],
)
def test_what_is_no_key_is_refused_with_words(line: str) -> None:
    async def story(ground: XapiGround) -> None:
        with pytest.raises(BadArguments) as refused:
            await ground.call("UserManagement User SSHKey Add", Username="admin", PublicKey=line)
        assert set(refused.value.wrong) == {"PublicKey"}

    play(story)


# accounts


def test_users_are_shown_by_name_in_order_and_in_pages() -> None:
    async def story(ground: XapiGround) -> None:
        for name in ("zoe", "Bob"):
            await ground.call(
                "UserManagement User Add", Username=name, Passphrase=GOOD, Role=["RoomControl", "Integrator"]
            )
        shown = dict(await ground.call("UserManagement User Get", Username="BOB"))
        assert shown == {
            ("User", 1, "Username"): "Bob",
            ("User", 1, "Active"): "True",
            ("User", 1, "PassphraseChangeRequired"): "False",
            ("User", 1, "ShellLogin"): "True",
            ("User", 1, "ClientCertificateDN"): "",
            ("User", 1, "Roles", "Role", 1): "Integrator",
            ("User", 1, "Roles", "Role", 2): "RoomControl",
        }
        for page, names in (({}, ["admin", "Bob", "zoe"]), ({"Limit": 1, "Offset": 1}, ["Bob"]), ({"Offset": 9}, [])):
            leaves = await ground.call("UserManagement User List", **page)
            assert [value for path, value in leaves if path[-1] == "Username"] == names

    play(story)


def test_roles_go_to_the_caller_and_decide_what_he_may() -> None:
    async def story(ground: XapiGround) -> None:
        await ground.call("UserManagement User Add", Username="bob", Passphrase=GOOD)
        bob = await ground.login("bob", GOOD)
        assert bob is not None
        assert bob.roles == frozenset("U")
        with pytest.raises(AccessDenied):
            await ground.call("UserManagement User List", bob)
        await ground.call("UserManagement User Passphrase Change", bob, OldPassphrase=GOOD, NewPassphrase="another one")
        await ground.call("UserManagement User Modify", Username="bob", AddRole="Admin", RemoveRole="User")
        bob = await ground.login("bob", "another one")
        assert bob is not None
        assert bob.roles == frozenset("A")

    play(story)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\tb", "x" * 128, "Admin", "\u2028"])
def test_a_name_that_is_none_or_taken_is_refused(name: str) -> None:
    async def story(ground: XapiGround) -> None:
        with pytest.raises((CommandFailed, BadArguments)):
            await ground.call("UserManagement User Add", Username=name, Passphrase=GOOD)
        assert not ground.kept

    play(story)


def test_a_device_has_so_many_users_and_no_more() -> None:
    async def story(ground: XapiGround) -> None:
        for number in range(USERS_MAX - 1):
            await ground.call("UserManagement User Add", Username=f"user{number}")
        with pytest.raises(CommandFailed, match=f"There are {USERS_MAX} users"):
            await ground.call("UserManagement User Add", Username="one-more")

    play(story)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("Delete", {}),
        ("Modify", {"Active": "False"}),
        ("Modify", {"RemoveRole": "Admin"}),
        ("Modify", {"RemoveRole": "Admin", "AddRole": ["User", "Integrator"]}),
    ],
)
def test_the_last_administrator_stays(command: str, arguments: dict[str, Any]) -> None:
    async def story(ground: XapiGround) -> None:
        add = "UserManagement User Add"
        await ground.call(add, Username="plain", Passphrase=GOOD)
        await ground.call(add, Username="idle", Passphrase=GOOD, Role="Admin", Active="False")
        await ground.call(add, Username="mute", Role="Admin")  # could not log in
        with pytest.raises(CommandFailed, match="last active administrator"):
            await ground.call(f"UserManagement User {command}", Username="admin", **arguments)
        assert await ground.login("admin", ground.initial)
        await ground.call("UserManagement User SSHKey Add", Username="mute", PublicKey=ED25519)
        await ground.call(f"UserManagement User {command}", Username="admin", **arguments)
        with pytest.raises(CommandFailed, match="last active administrator"):
            await ground.call("UserManagement User SSHKey DeleteAll", Username="mute")

    play(story)


def test_the_sessions_of_who_is_deleted_or_deactivated_or_loses_a_role_end() -> None:
    async def story(ground: XapiGround) -> None:
        for name in ("gone", "idle", "lesser", "stays"):
            await ground.call("UserManagement User Add", Username=name, Passphrase=GOOD)
            for _ in range(2):
                caller = await ground.login(name, GOOD)
                assert caller is not None
                ground.open(caller)
        await ground.call("UserManagement User Delete", Username="GONE")
        await ground.call("UserManagement User Modify", Username="idle", Active="False")
        await ground.call("UserManagement User Modify", Username="lesser", RemoveRole="User", AddRole="RoomControl")
        await ground.call("UserManagement User Modify", Username="stays", AddRole="Admin", RemoveRole="Audit")
        assert not ground.hung_up  # not before the answer has left
        await asyncio.sleep(0)
        expected = [(1, "user deleted"), (2, "user deleted"), (3, "user deactivated"), (4, "user deactivated")]
        expected += [(5, "role removed"), (6, "role removed")]
        assert ground.hung_up == expected
        assert [session.id for session in ground.sessions] == [7, 8]
        assert "MainEvents I: session 1 of 'gone' ended: user deleted" in ground.log

    play(story)


@pytest.mark.parametrize(
    ("command", "arguments", "why"),
    [
        ("Delete", {}, "user deleted"),
        ("Modify", {"Active": "False"}, "user deactivated"),
        ("Modify", {"AddRole": "RoomControl", "RemoveRole": "User"}, "role removed"),
        ("Modify", {"AddRole": "RoomControl"}, None),
    ],
)
def test_what_becomes_of_a_user_between_login_and_session_counts(
    command: str, arguments: dict[str, str], why: str | None
) -> None:
    async def story(ground: XapiGround) -> None:
        await ground.call("UserManagement User Add", Username="bob", Passphrase=GOOD)
        logged_in = await ground.login("bob", GOOD, "http")
        assert logged_in is not None
        await ground.call(f"UserManagement User {command}", Username="BOB", **arguments)
        session = ground.open(logged_in)
        await asyncio.sleep(0)
        assert ground.hung_up == ([(session.id, why)] if why else [])
        assert len(ground.sessions) == (0 if why else 1)

    play(story)


def test_nothing_changes_that_cannot_be_kept() -> None:
    async def story(ground: XapiGround) -> None:
        await ground.call("UserManagement User Add", Username="second", Passphrase=GOOD, Role="Admin")
        before = ground.users.saved()
        ground.disk_is_full = True
        for command, arguments in (
            ("Add", {"Username": "third"}),
            ("Delete", {"Username": "second"}),
            ("Modify", {"Username": "second", "Active": "False"}),
            ("Passphrase Set", {"Username": "second", "NewPassphrase": "another one"}),
        ):
            with pytest.raises(CommandFailed, match="could not be kept"):
                await ground.call(f"UserManagement User {command}", **arguments)
        assert ground.users.saved() == before
        assert await ground.login("second", GOOD)

    play(story)


def _again(ground: XapiGround, saved: tuple[SavedUser, ...]) -> Users:
    """Return the users after a restart that went through the disk."""
    read = codec.decode(codec.encode(saved), tuple[SavedUser, ...])
    return Users(ground.world, ground.configuration, ground.sessions, saved=read)


def test_accounts_survive_a_restart_and_hold_no_passphrase_in_clear() -> None:
    async def story(ground: XapiGround) -> None:
        add = "UserManagement User Add"
        await ground.call(add, Username="bob", Passphrase=GOOD, Role="Integrator", ClientCertificateDN="CN=bob")
        await ground.call("UserManagement User SSHKey Add", Username="bob", PublicKey=ED25519)
        await ground.login("bob", GOOD, "ssh")
        saved = ground.users.saved()
        assert GOOD.encode() not in codec.encode(saved)
        assert ground.initial.encode() not in codec.encode(saved)
        again = _again(ground, saved)
        assert again.saved() == saved
        assert (await again.authenticate("bob", GOOD, origin="", door="ssh")).roles == frozenset("I")
        before = again.previous_login("bob")
        assert before is not None
        assert before.origin == "192.0.2.7"
        await again.authenticate("admin", again.initial_passphrase.reveal(), origin="", door="ssh")  # type: ignore[union-attr]  # nobody set one

    play(story)


@pytest.mark.parametrize("broken", [{"cost": 0}, {"cost": 99}, {"salt": 5}, {"digest": "?"}])
def test_a_damaged_hash_is_found_when_it_is_read(broken: dict[str, Any]) -> None:
    good = msgspec.to_builtins(passphrases.make(GOOD, bytes(16)))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "bob", "roles": "A", "passphrase": good | broken}, SavedUser)


# lock-down


def test_lock_down_switches_every_local_user_off_for_good() -> None:
    async def story(ground: XapiGround) -> None:
        await ground.call("UserManagement User Add", Username="bob", Passphrase=GOOD)
        cloud, admin = ground.open(CLOUD), ground.open(ADMIN)
        written = ground.users.saved(locked_down=True)
        ground.users.lock_down()
        await asyncio.sleep(0)
        assert ground.hung_up == [(admin.id, "device is locked down")]
        assert [session.id for session in ground.sessions] == [cloud.id]
        assert ground.users.saved() == written
        for users in (ground.users, _again(ground, written)):
            for name, passphrase in (("admin", ground.world.chance.stream("x").uuid()), ("bob", GOOD)):
                with pytest.raises(LoginRefused):
                    await users.authenticate(name, passphrase, origin="", door="http")
                assert ground.log[-1] == f"MainEvents I: local login refused for '{name}': device is locked down"
            assert users.initial_passphrase is None
        with pytest.raises(CommandFailed, match="factory reset"):
            await ground.call("UserManagement User Modify", CLOUD, Username="bob", Active="True")
        await ground.call("UserManagement User Modify", CLOUD, Username="bob", AddRole="Admin")  # and stays off
        assert await ground.login("bob", GOOD) is None
        await ground.call("UserManagement User Add", CLOUD, Username="rescue", Passphrase=GOOD, Role="Admin")
        assert await ground.login("rescue", GOOD)

    play(story)


def test_nobody_slips_through_while_the_device_is_locked_down() -> None:
    async def main() -> None:
        ground = XapiGround()
        logged_in = await ground.login("admin", ground.initial)
        adding = asyncio.ensure_future(
            ground.call("UserManagement User Add", Username="spy", Passphrase=GOOD, Role="Admin")
        )
        knocking = asyncio.ensure_future(ground.login("Admin", ground.initial + "x"))
        await asyncio.sleep(0)
        ground.users.lock_down()
        with pytest.raises(CommandFailed, match="locked down meanwhile"):
            await adding
        assert await knocking is None
        assert logged_in is not None
        session = ground.open(logged_in)
        await asyncio.sleep(0)
        assert ground.hung_up == [(session.id, "device is locked down")]
        assert len(ground.sessions) == 0

    asyncio.run(main())  # on a loop with threads


def test_not_even_lock_down_lets_the_last_user_be_deleted() -> None:
    async def story(ground: XapiGround) -> None:
        ground.users.lock_down()
        with pytest.raises(CommandFailed, match="last user"):
            await ground.call("UserManagement User Delete", CLOUD, Username="admin")

    play(story)


def test_a_device_that_was_hardened_before_it_had_users_is_locked_down_as_well() -> None:
    async def story(ground: XapiGround) -> None:
        assert await ground.login("admin", "whatever") is None
        assert ground.log[-1] == "MainEvents I: local login refused for 'admin': device is locked down"

    play(story, locked_down=True)


def test_the_shell_greets_with_the_login_before() -> None:
    async def story(ground: XapiGround) -> None:
        await ground.login("admin", ground.initial, "ssh")
        assert ground.users.previous_login("admin") is None
        await ground.clock.sleep(60)
        await ground.login("admin", ground.initial, "http")  # a request is no login
        await ground.login("admin", ground.initial, "ssh")
        before = ground.users.previous_login("admin")
        assert before is not None
        assert before.at_s == int(ground.clock.now().timestamp()) - 60

    play(story)
