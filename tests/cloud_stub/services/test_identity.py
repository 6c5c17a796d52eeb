"""The identity broker: grants, revocation, refusals."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from cloud_world import Exchange, Reply, World, in_cloud

from cloud_stub.platform.records import User

GRANT = "/idbroker/idb/oauth2/v1/access_token"
REVOKE = "/idbroker/idb/oauth2/v1/revoke"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REDUCTION = "urn:cisco:oauth:grant-type:scope-reduction"


async def grant(world: World, path: str = GRANT, **members: str) -> Reply:
    return await send(world, path, FORM, members)


async def grant_client(world: World, **members: str) -> Reply:
    return await send(world, GRANT, {**FORM, "Authorization": "Basic YTpi"}, members)


async def send(world: World, path: str, headers: dict[str, str], members: dict[str, str]) -> Reply:
    return await world.ask("POST", path, urlencode(members).encode(), headers=headers)


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]


def test_refresh_gives_a_new_access_token_and_the_same_refresh_token() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        reply = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token, redirect_uri="x")
        token = reply.json
        assert reply.headers["Cache-Control"] == "no-store"
        assert token["access_token"] != exchange.access_token
        assert token["refresh_token"] == exchange.refresh_token
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 64_799)
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=token["access_token"])).status == 200

    in_cloud(story)


def test_named_host_has_no_prefix() -> None:
    async def story(world: World) -> None:
        reply = await grant(world, "http://idbroker.webex.test/idb/oauth2/v1/access_token", grant_type="refresh_token")
        assert refused(reply) == (400, "invalid_request")

    in_cloud(story)


def test_removed_device_gets_invalid_grant() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        world.cloud.use_cases.device_delete(world.cloud.use_cases.devices()[0].id)
        reply = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token)
        assert refused(reply) == (400, "invalid_grant")
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401

    in_cloud(story)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": REDUCTION, "token": "unknown", "scope": "spark:kms"}, "invalid_grant"),
        ({"grant_type": REDUCTION, "scope": "spark:kms"}, "invalid_request"),
    ],
)
def test_bad_grant_is_refused_as_oauth_does(members: dict[str, str], error: str) -> None:
    async def story(world: World) -> None:
        assert refused(await grant(world, **members)) == (400, error)

    in_cloud(story)


def test_form_with_a_member_twice_is_refused() -> None:
    async def story(world: World) -> None:
        reply = await world.ask("POST", GRANT, b"grant_type=a&grant_type=b", headers=FORM)
        assert refused(reply) == (400, "invalid_request")
        reply = await world.ask("POST", REVOKE, b"token=\xff", headers=FORM)
        assert refused(reply) == (400, "invalid_request")

    in_cloud(story)


def test_scope_reduction_gives_a_narrower_token() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        reply = await grant(world, grant_type=REDUCTION, token=token, scope="spark:kms", self_contained_token="true")
        assert (reply.json["scope"], "refresh_token" in reply.json) == ("spark:kms", False)
        wider = await grant(world, grant_type=REDUCTION, token=token, scope="spark:kms spark-admin:devices_read")
        assert refused(wider) == (400, "invalid_scope")

    in_cloud(story)


def test_client_credentials_need_a_client_and_give_no_power_over_the_cloud() -> None:
    async def story(world: World) -> None:
        scope = "webexsquare:admin"
        assert refused(await grant(world, grant_type="client_credentials", scope=scope)) == (401, "invalid_client")
        reply = await grant_client(world, grant_type="client_credentials", scope=scope)
        assert reply.json["scope"] == scope
        assert (await world.ask("GET", "/v1/devices", token=reply.json["access_token"])).status == 403
        for much in ("roomsim:control", "spark-admin:devices_write", ""):
            refusal = await grant_client(world, grant_type="client_credentials", scope=much)
            assert refused(refusal) == (400, "invalid_scope")

    in_cloud(story)


def test_revoked_refresh_token_takes_its_access_tokens_along() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        assert (await grant(world, REVOKE, token="unknown")).status == 200
        assert refused(await grant(world, REVOKE)) == (400, "invalid_request")
        assert (await grant(world, REVOKE, token=exchange.refresh_token)).status == 200
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401

    in_cloud(story)


def test_revoked_access_token_leaves_the_refresh_token() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        await grant(world, REVOKE, token=exchange.access_token, token_type_hint="access_token")
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401
        reply = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token)
        assert reply.status == 200

    in_cloud(story)


def test_faults_refuse_a_refresh_or_narrow_its_scope() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        account = next(user for user in world.cloud.platform.store[User] if user.workspace_id)
        world.cloud.use_cases.name_user(account.id, "device:room")
        cases = world.cloud.use_cases
        cases.fault("a", "token", "invalid_grant", target={"device": "device:other"})
        cases.fault("b", "token", "wrong_scope", count=1)
        narrow = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token)
        token = narrow.json["access_token"]
        assert (await world.ask("GET", "/v1/workspaces", token=token)).status == 403
        cases.fault("c", "token", "invalid_grant", target={"device": "device:room"})
        reply = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token)
        assert refused(reply) == (400, "invalid_grant")

    in_cloud(story)


def test_struck_faults_end_tokens_at_once() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        world.cloud.use_cases.fault("a", "token", "expire", target={"kind": "access"})
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401
        reply = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token)
        assert reply.status == 200
        world.cloud.use_cases.fault("b", "token", "revoke", after_s=5)
        await world.clock.sleep(6)
        reply = await grant(world, grant_type="refresh_token", refresh_token=exchange.refresh_token)
        assert refused(reply) == (400, "invalid_grant")

    in_cloud(story)
