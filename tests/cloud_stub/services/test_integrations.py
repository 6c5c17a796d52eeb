"""Workspace integrations: made by the administrator, connected by an application, cut off when they are deleted."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from cloud_world import World, in_cloud

from cloud_stub.services.integrations import POLL_S, QUEUE_MAX, Integrations

MAKE = "/xapi/api/v1/appIntegrations"


async def made(world: World, **fields: Any) -> dict[str, Any]:
    reply = await world.admin("POST", MAKE, {"displayName": "App", **fields})
    assert reply.status == 200, reply.raw
    return dict(reply.json)


def grant(app: dict[str, Any], **changed: str) -> dict[str, str]:
    return {
        "grant_type": "refresh_token", "client_id": app["clientId"], "client_secret": app["clientSecret"],
        "refresh_token": app["activationCode"]["refreshToken"], **changed,
    }  # fmt: skip


async def connected(world: World, app: dict[str, Any], **patch: Any) -> tuple[str, Any]:
    """Do what an application does first; returns its token, and what it is told of itself."""
    token = (await world.ask("POST", app["activationCode"]["oauthUrl"], grant(app))).json["access_token"]
    body = {"provisioningState": "completed", **patch}
    reply = await world.ask("PATCH", app["activationCode"]["appUrl"], body, token=token)
    assert reply.status == 200, reply.raw
    return token, reply.json


def test_an_application_connects_and_sees_the_devices() -> None:
    async def story(world: World) -> None:
        await world.machine()
        app = await made(world)
        code = app["activationCode"]
        assert code["oauthUrl"] == f"{world.base}/v1/access_token"
        assert code["webexapisBaseUrl"] == f"{world.base}/v1"
        token, about = await connected(world, app, webhook={"targetUrl": "http://app.test/hook", "type": "none"})
        assert (about["provisioningState"], about["webhook"]) == ("completed", {"targetUrl": "http://app.test/hook"})
        assert "queue" not in about
        assert (await world.ask("GET", code["appUrl"], token=token)).json == about
        listed = await world.ask("GET", f"{code['webexapisBaseUrl']}/devices?max=999&start=0&undefined", token=token)
        assert len(listed.json["items"]) == 1
        assert (await world.ask("GET", "/v1/workspaces", token=token)).status == 200
        assert (await world.ask("GET", f"{code['appUrl']}/messages", token=token)).status == 400

    in_cloud(story)


def test_a_form_is_as_good_as_json() -> None:
    async def story(world: World) -> None:
        app = await made(world)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await world.ask("POST", "/v1/access_token", urlencode(grant(app)).encode(), headers=headers)
        assert (reply.status, reply.json["token_type"], reply.json["expires_in"]) == (200, "Bearer", 64_799)
        broken = await world.ask("POST", "/v1/access_token", b"\xff\xfe=1", headers=headers)
        assert broken.status == 400

    in_cloud(story)


@pytest.mark.parametrize(
    "changed",
    [
        {"grant_type": "authorization_code"},
        {"client_id": "nobody"},
        {"client_secret": "wrong"},
        {"refresh_token": "wrong"},
        {"refresh_token": ""},
    ],
)
def test_wrong_credentials_get_no_token(changed: dict[str, str]) -> None:
    async def story(world: World) -> None:
        app = await made(world)
        reply = await world.ask("POST", "/v1/access_token", grant(app, **changed))
        assert reply.status == 400
        assert set(reply.json) == {"message", "errors", "trackingId"}
        other = await made(world)
        foreign = grant(app, refresh_token=other["activationCode"]["refreshToken"])
        assert (await world.ask("POST", "/v1/access_token", foreign)).status == 400

    in_cloud(story)


def test_only_its_own_token_opens_an_integration() -> None:
    async def story(world: World) -> None:
        app, other = await made(world), await made(world)
        token, _ = await connected(world, other)
        url = app["activationCode"]["appUrl"]
        assert (await world.ask("GET", url, token=token)).status == 403
        assert (await world.ask("PATCH", url, {}, token=token)).status == 403
        assert (await world.ask("POST", MAKE, {"displayName": "x"}, token=token)).status == 403
        assert (await world.admin("POST", MAKE, {})).status == 400
        narrow = await made(world, scopes=["spark:xapi_statuses"])
        token, _ = await connected(world, narrow)
        assert (await world.ask("GET", "/v1/devices", token=token)).status == 403

    in_cloud(story)


def test_a_deleted_integration_is_cut_off() -> None:
    async def story(world: World) -> None:
        app = await made(world)
        token, _ = await connected(world, app)
        assert (await world.admin("DELETE", f"{MAKE}/{app['clientId']}")).status == 204
        assert (await world.ask("GET", "/v1/devices", token=token)).status == 401
        assert (await world.ask("POST", "/v1/access_token", grant(app))).status == 400
        assert (await world.admin("DELETE", f"{MAKE}/{app['clientId']}")).status == 404

    in_cloud(story)


def test_queue_is_polled_for_messages() -> None:
    async def story(world: World) -> None:
        app = await made(world)
        token, about = await connected(world, app, queue={"state": "enabled"})
        url = about["queue"]["pollUrl"]

        async def poll() -> Any:
            return (await world.ask("GET", url, token=token)).json["messages"]

        assert [message["type"] for message in await poll()] == ["healthCheck"]
        before = world.clock.time()
        assert await poll() == []
        assert world.clock.time() - before == pytest.approx(POLL_S, abs=0.1)
        waiting = asyncio.ensure_future(poll())
        await world.clock.sleep(1)
        service = next(service for service in world.cloud.services if isinstance(service, Integrations))
        for n in range(2):
            service.notify(app["clientId"], {"type": "status", "n": n})
        assert [message["n"] for message in await waiting] == [0, 1]
        for n in range(QUEUE_MAX + 1):
            service.notify(app["clientId"], {"n": n})
        assert (await poll())[0]["n"] == 1
        assert service._queue(app["clientId"]).dropped == 1

    in_cloud(story)


def test_secrets_of_an_integration_are_in_no_trace_and_no_export() -> None:
    async def story(world: World) -> None:
        app = await made(world)
        token, _ = await connected(world, app)
        secrets = (app["clientSecret"], app["activationCode"]["refreshToken"], token)
        trace = "\n".join(event.as_json() for event in world.trace.events)
        export = repr(world.cloud.use_cases.export())
        assert not [secret for secret in secrets if secret in trace or secret in export]

    in_cloud(story)
