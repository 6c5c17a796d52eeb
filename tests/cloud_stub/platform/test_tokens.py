"""Tokens: shape, lives, revocation, scopes, bounds."""

from __future__ import annotations

import pytest
from cloud_world import World, in_cloud

from cloud_stub.platform.errors import Forbidden, Unauthorized
from cloud_stub.platform.records import Token, TokenKind, User
from cloud_stub.platform.tokens import ACCESS_LIFE_S, REFRESH_LIFE_S, TOKENS_PER_USER
from endpoint.wire.secret import AccessToken, RefreshToken


def person(world: World) -> User:
    return world.cloud.use_cases.user_create("Ann")


def test_token_has_three_parts_and_ends_in_the_organization() -> None:
    async def story(world: World) -> None:
        pair = world.cloud.platform.tokens.issue(person(world), ("spark:all",))
        opaque, cluster, org = pair.access.reveal().split("_")
        assert (len(opaque), cluster, org) == (64, "P0A1", world.cloud.org_id)
        assert pair.access.reveal() != pair.refresh.reveal()
        assert pair.as_wire().scope == "spark:all"

    in_cloud(story)


def test_lives_end_on_the_clock() -> None:
    async def story(world: World) -> None:
        tokens = world.cloud.platform.tokens
        pair = tokens.issue(person(world), ())
        await world.clock.sleep(ACCESS_LIFE_S - 1)
        tokens.verify(pair.access)
        await world.clock.sleep(1)
        with pytest.raises(Unauthorized, match="expired"):
            tokens.verify(pair.access)
        await world.clock.sleep(REFRESH_LIFE_S - ACCESS_LIFE_S - 1)
        renewed = tokens.renew(pair.refresh)
        assert renewed.access.reveal() != pair.access.reveal()
        await world.clock.sleep(REFRESH_LIFE_S - 1)
        tokens.renew(pair.refresh)
        await world.clock.sleep(REFRESH_LIFE_S)
        with pytest.raises(Unauthorized, match="expired"):
            tokens.renew(pair.refresh)

    in_cloud(story)


def test_kinds_are_not_exchanged() -> None:
    async def story(world: World) -> None:
        tokens = world.cloud.platform.tokens
        pair = tokens.issue(person(world), ())
        with pytest.raises(Unauthorized, match="not known"):
            tokens.verify(pair.refresh)
        with pytest.raises(Unauthorized, match="not known"):
            tokens.renew(RefreshToken(pair.access.reveal()))
        with pytest.raises(Unauthorized, match="not known"):
            tokens.verify(AccessToken("x_P0A1_y"))

    in_cloud(story)


def test_revoked_and_provisional_tokens_die() -> None:
    async def story(world: World) -> None:
        tokens, user = world.cloud.platform.tokens, person(world)
        provisional = tokens.issue(user, (), provisional_s=300)
        confirmed = tokens.issue(user, (), provisional_s=300)
        tokens.confirm(confirmed.ids)
        await world.clock.sleep(300)
        with pytest.raises(Unauthorized, match="revoked"):
            tokens.verify(provisional.access)
        tokens.verify(confirmed.access)
        assert tokens.revoke_all(user.id, TokenKind.ACCESS) == 2
        with pytest.raises(Unauthorized, match="revoked"):
            tokens.verify(confirmed.access)
        tokens.renew(confirmed.refresh)
        assert tokens.revoke("no such id") is False

    in_cloud(story)


def test_scopes_are_required() -> None:
    async def story(world: World) -> None:
        tokens = world.cloud.platform.tokens
        record = tokens.verify(tokens.issue(person(world), ("a", "b")).access)
        tokens.require(record, ())
        tokens.require(record, ("b", "c"))
        with pytest.raises(Forbidden, match="c or d"):
            tokens.require(record, ("c", "d"))

    in_cloud(story)


def test_tokens_of_a_user_are_bounded_and_refresh_tokens_outlive_access_tokens() -> None:
    async def story(world: World) -> None:
        tokens, user = world.cloud.platform.tokens, person(world)
        pair = tokens.issue(user, ())
        for _ in range(TOKENS_PER_USER * 2):
            tokens.renew(pair.refresh)
        assert len(world.cloud.platform.store[Token].where("user_id", user.id)) <= TOKENS_PER_USER
        tokens.renew(pair.refresh)

    in_cloud(story)


def test_refresh_token_that_is_about_to_end_makes_no_room_for_its_own_access_token() -> None:
    async def story(world: World) -> None:
        tokens, user = world.cloud.platform.tokens, person(world)
        pair = tokens.issue(user, ())
        await world.clock.sleep(REFRESH_LIFE_S - 1)
        for _ in range(TOKENS_PER_USER - 1):
            tokens.issue_access(user, ())
        tokens.verify(tokens.renew(pair.refresh).access)

    in_cloud(story)


def test_a_pair_is_good_however_many_there_were_before() -> None:
    async def story(world: World) -> None:
        tokens, user = world.cloud.platform.tokens, person(world)
        for _ in range(TOKENS_PER_USER * 2):
            pair = tokens.issue(user, ())
            tokens.verify(pair.access)
            tokens.renew(pair.refresh)
        assert len(world.cloud.platform.store[Token].where("user_id", user.id)) <= TOKENS_PER_USER

    in_cloud(story)


def test_tokens_that_others_get_of_the_administrator_do_not_push_out_its_own() -> None:
    async def story(world: World) -> None:
        tokens = world.cloud.platform.tokens
        admin = tokens.owner(tokens.verify(world.cloud.admin_token))
        for _ in range(TOKENS_PER_USER):
            tokens.issue_access(admin, ())
            tokens.issue(admin, ())
        assert (await world.admin("GET", "/roomsim/control/v1/devices")).status == 200

    in_cloud(story)


def test_draws_of_one_user_do_not_depend_on_another() -> None:
    kept: list[str] = []

    async def alone(world: World) -> None:
        kept.append(world.cloud.platform.tokens.issue(person(world), ()).access.reveal())

    async def crowded(world: World) -> None:
        other = world.cloud.use_cases.user_create("Bob")
        world.cloud.platform.tokens.issue(other, ())
        await alone(world)

    in_cloud(alone)
    in_cloud(crowded)
    assert kept[0] == kept[1]
