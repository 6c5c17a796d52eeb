"""Workspace integrations: an application's way in. Made by the administrator, connected with a refresh token, told to be complete.

What the application does is observed of the npm client (protocol/xapi.md 12.7); how one is made, paths and queues are ours: the
real cloud does it on a web page. Notifications of statuses and events are not sent; a queue that is asked holds health checks only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory, found
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden, Unauthorized
from cloud_stub.platform.hosts import Origin
from cloud_stub.platform.records import Integration, User
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.platform.tokens import Pair, digest
from cloud_stub.services.public_api import HYDRA, error_body, public_id
from endpoint.runtime.clock import iso_ms
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import RefreshToken, Secret
from endpoint.wire.xapi import relay

MAKE_SCOPE = "roomsim:control"
SCOPES = (
    "spark-admin:devices_read", "spark-admin:devices_write", "spark-admin:workspaces_read", "spark-admin:workspaces_write",
    "spark:xapi_statuses", "spark:xapi_commands",
)  # fmt: skip
POLL_S = 25.0
"""A poll that nothing comes for is answered with nothing after this time."""
QUEUE_MAX = 1_000
"""Messages that wait for a poll; the oldest leave first, and the queue counts them in `dropped`."""
INTEGRATIONS_PATH = "/appIntegrations"
TOKEN_PATH = "/access_token"  # noqa: S105  a path
HEALTH_CHECK = {"type": "healthCheck"}

Url = Annotated[str, msgspec.Meta(max_length=2_048)]


class _Made(msgspec.Struct, kw_only=True, rename="camel"):
    display_name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    scopes: Annotated[list[str], msgspec.Meta(max_length=50)] | None = None


class _Queue(msgspec.Struct):
    state: Literal["enabled", "disabled"] = "enabled"


class _Webhook(msgspec.Struct, kw_only=True, rename="camel"):
    target_url: Url
    type: str = "none"


class _Patch(msgspec.Struct, kw_only=True, rename="camel"):
    provisioning_state: Literal["completed", "error"] | None = None
    queue: _Queue | None = None
    webhook: _Webhook | None = None
    actions_url: Url | None = None


class _Grant(msgspec.Struct, kw_only=True):
    grant_type: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""


class Integrations:
    """The applications, and the queues that they poll."""

    name = relay.SERVICE

    def __init__(self, platform: Platform, directory: Directory) -> None:
        self._platform = platform
        self._directory = directory
        self._queues: dict[str, _Messages] = {}
        observed, one = Label.OBSERVED, INTEGRATIONS_PATH + "/{id}"
        self.routes: Sequence[Route] = (
            Route("POST", INTEGRATIONS_PATH, self._make, Label.OURS, scopes=(MAKE_SCOPE,)),
            Route("GET", one, self._get, observed),
            Route("PATCH", one, self._patch, observed),
            Route("DELETE", one, self._delete, Label.OURS, scopes=(MAKE_SCOPE,)),
            Route("GET", one + "/messages", self._poll, Label.DOCUMENTED),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- made and connected -----------------------------------------------------------------------------------------------------------

    def _make(self, call: Call) -> Answer:
        """Make an integration: the answer is what a web page would show once, and what its application is started with."""
        body, platform = call.read(_Made), self._platform
        scopes = tuple(body.scopes) if body.scopes is not None else SCOPES
        user = self._directory.create_person(body.display_name)
        integration_id = platform.new_id("integration", body.display_name)
        secret = Secret("client_secret", platform.chance.stream("client secret", integration_id).bytes(32).hex())
        pair = platform.tokens.issue(user, scopes, client_id=integration_id)
        platform.store[Integration].put(
            Integration(
                id=integration_id, name=body.display_name, user_id=user.id, secret=digest(secret), scopes=scopes, created=platform.now(),
            )
        )  # fmt: skip
        return Answer(
            {
                "clientId": integration_id,
                "clientSecret": secret.reveal(),
                "activationCode": self._activation(call.origin, integration_id, pair),
            }
        )

    def _activation(self, origin: Origin, integration_id: str, pair: Pair) -> dict[str, str]:
        hosts = self._platform.hosts
        return {
            "oauthUrl": hosts.base(HYDRA, origin) + TOKEN_PATH,
            "orgId": public_id("ORGANIZATION", self._platform.org_id()),
            "appUrl": self._app_url(origin, integration_id),
            "webexapisBaseUrl": hosts.base(HYDRA, origin),
            "region": "us-east-2_a",
            "refreshToken": pair.refresh.reveal(),
            "action": "provision",
        }

    def _app_url(self, origin: Origin, integration_id: str) -> str:
        return f"{self._platform.hosts.base(relay.SERVICE, origin)}{INTEGRATIONS_PATH}/{integration_id}"

    def _get(self, call: Call) -> Answer:
        return Answer(self._json(self._own(call), call.origin))

    def _patch(self, call: Call) -> Answer:
        integration, body = self._own(call), call.read(_Patch)
        given: dict[str, Any] = {}
        if body.provisioning_state is not None:
            given["state"] = body.provisioning_state
        if body.queue is not None:
            given["has_queue"] = body.queue.state == "enabled"
        if body.webhook is not None:
            given["webhook"] = body.webhook.target_url
        changed = self._platform.store[Integration].change(integration.id, **given) if given else integration
        if changed.has_queue and not integration.has_queue:
            self.notify(changed.id, HEALTH_CHECK)
        return Answer(self._json(changed, call.origin))

    def _delete(self, call: Call) -> Answer:
        integration = found(self._platform.store[Integration].drop(call.params["id"]), "integration")
        self._platform.tokens.revoke_all(integration.user_id)
        self._platform.store[User].drop(integration.user_id)
        self._queues.pop(integration.id, None)
        return Answer(status=204)

    def _own(self, call: Call) -> Integration:
        """Return the integration of a path, which only its own tokens may touch."""
        integration = found(self._platform.store[Integration].get(call.params["id"]), "integration")
        if call.caller.id != integration.user_id:
            raise Forbidden("The integration is not yours.")
        return integration

    def _json(self, integration: Integration, origin: Origin) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": integration.id,
            "displayName": integration.name,
            "provisioningState": integration.state,
            "scopes": list(integration.scopes),
            "created": iso_ms(integration.created),
        }
        if integration.has_queue:
            shown["queue"] = {
                "state": "enabled", "pollUrl": self._app_url(origin, integration.id) + "/messages",
            }  # fmt: skip
        if integration.webhook:
            shown["webhook"] = {"targetUrl": integration.webhook}
        return shown

    # -- messages ---------------------------------------------------------------------------------------------------------------------

    def notify(self, integration_id: str, message: dict[str, Any]) -> None:
        """Put a message into the queue of an integration."""
        self._queue(integration_id).put({**message, "timestamp": iso_ms(self._platform.now())})

    def _queue(self, integration_id: str) -> _Messages:
        return self._queues.setdefault(integration_id, _Messages())

    async def _poll(self, call: Call) -> Answer:
        integration = self._own(call)
        if not integration.has_queue:
            raise BadRequest("the integration has no queue; ask for one with queue.state enabled")
        queue = self._queue(integration.id)
        try:
            async with self._platform.clock.timeout(POLL_S):
                messages = await queue.take()
        except TimeoutError:
            messages = []
        return Answer({"messages": messages})


class _Messages:
    """What waits for a poll. Two polls at a time share what comes."""

    def __init__(self) -> None:
        self._waiting: deque[dict[str, Any]] = deque(maxlen=QUEUE_MAX)
        self._there = asyncio.Event()
        self.dropped = 0

    def put(self, message: dict[str, Any]) -> None:
        """Add a message."""
        self.dropped += len(self._waiting) == QUEUE_MAX
        self._waiting.append(message)
        self._there.set()

    async def take(self) -> list[dict[str, Any]]:
        """Wait for messages and take all that are there."""
        while not self._waiting:
            self._there.clear()
            await self._there.wait()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class IntegrationTokens:
    """The token grant of the public API: a refresh token for an access token, for integrations only."""

    name = HYDRA

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.routes: Sequence[Route] = (Route("POST", TOKEN_PATH, self._grant, Label.OBSERVED, auth=False),)

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as the public API does."""
        return error_body(error, tracking_id)

    def _grant(self, call: Call) -> Answer:
        grant = _read_grant(call)
        if grant.grant_type != "refresh_token":
            raise BadRequest("grant_type is refresh_token")
        integration = self._platform.store[Integration].get(grant.client_id)
        if integration is None or digest(Secret("client_secret", grant.client_secret)) != integration.secret:
            raise BadRequest("client_id and client_secret do not belong together")
        refresh = RefreshToken(grant.refresh_token)
        known = self._platform.tokens.peek(refresh)
        try:
            if known is None or known.client_id != integration.id:
                raise Unauthorized
            pair = self._platform.tokens.renew(refresh)
        except Unauthorized:
            raise BadRequest("The refresh token is not good.") from None
        return Answer(pair.as_wire(), headers={"Cache-Control": "no-store"})


def _read_grant(call: Call) -> _Grant:
    """Read the body, JSON as the npm client sends it or a form as OAuth has it."""
    if "urlencoded" not in call.headers.get("Content-Type", ""):
        return call.read(_Grant)
    try:
        return codec.convert(dict(parse_qsl(call.body.decode("ascii"))), _Grant)
    except (RemoteProtocolError, ValueError):
        raise BadRequest("a form with grant_type, client_id, client_secret, refresh_token") from None
