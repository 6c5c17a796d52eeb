"""The identity broker: tokens for grants, revocation, and the two SRP actions that finish an activation.

Source: protocol/cloud-services.md 8; documented, the refresh and scope reduction observed.
"""

from __future__ import annotations

from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, Unauthorized
from cloud_stub.platform.records import TokenKind, User
from cloud_stub.platform.routes import Answer, Call, Label, Route
from cloud_stub.platform.tokens import Pair
from cloud_stub.services.activation import SrpActions, activation_error
from cloud_stub.services.health import ping_route
from endpoint.wire import identity
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import RefreshToken

CLIENT_SCOPES = frozenset(
    {"webexsquare:admin", "webexsquare:get_conversation", "Identity:SCIM", "Identity:OAuthClient"}
)
CACHE_OFF = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 5.1


class IdBroker:
    """The token endpoint and the SRP actions.

    Clients are not registered: any client id and secret is good, as long as the token itself is.
    """

    name = "idbroker"

    def __init__(self, platform: Platform, srp_actions: SrpActions) -> None:
        self._platform = platform
        self.routes = (
            Route("POST", identity.GRANT_PATH, self._token, Label.DOCUMENTED, auth=False),
            Route("POST", identity.REVOKE_PATH, self._revoke, Label.DOCUMENTED, auth=False),
            *srp_actions.routes,
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as OAuth does (RFC 6749 5.2), or as the activation does where the code is one of its own."""
        if "." in error.code or error.code == "maintenance":
            return activation_error(error, tracking_id)
        return identity.OAuthError(error=error.code or identity.INVALID_REQUEST, error_description=error.text)

    def _token(self, call: Call) -> Answer:
        try:
            form = identity.parse_token_form(call.body)
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}", identity.INVALID_REQUEST) from None
        match form.grant_type:
            case identity.GRANT_REFRESH:
                pair = self._refresh(form)
                return Answer(pair.as_wire(), headers=CACHE_OFF)
            case identity.GRANT_SCOPE_REDUCTION:
                return Answer(self._reduce(form), headers=CACHE_OFF)
            case identity.GRANT_CLIENT_CREDENTIALS:
                return Answer(self._client_credentials(form, call.headers.get("Authorization", "")), headers=CACHE_OFF)
            case "":
                raise BadRequest("grant_type is missing", identity.INVALID_REQUEST)
            case _:
                raise BadRequest("this grant is not served", identity.UNSUPPORTED_GRANT_TYPE)

    def _refresh(self, form: identity.TokenRequest) -> Pair:
        if form.refresh_token is None:
            raise BadRequest("refresh_token is missing", identity.INVALID_REQUEST)
        fault = self._platform.faults.hit("token", step="refresh", device=self._device(form.refresh_token))
        if fault is not None and fault.do == "invalid_grant":
            raise BadRequest("The refresh token is not good.", identity.INVALID_GRANT)
        try:
            pair = self._platform.tokens.renew(form.refresh_token)
        except Unauthorized as error:
            raise BadRequest(error.text, identity.INVALID_GRANT) from None
        if fault is not None and fault.do == "wrong_scope":
            self._platform.tokens.narrow(pair.ids[0], ())
        return pair

    def _device(self, token: RefreshToken) -> str | None:
        record = self._platform.tokens.peek(token)
        return self._platform.nicknames.get(record.user_id) if record else None

    def _reduce(self, form: identity.TokenRequest) -> identity.Token:
        if form.token is None or not form.scope:
            raise BadRequest("token and scope are needed", identity.INVALID_REQUEST)
        tokens = self._platform.tokens
        try:
            record = tokens.verify(form.token)
            user = tokens.owner(record)
        except Unauthorized as error:
            raise BadRequest(error.text, identity.INVALID_GRANT) from None
        wanted = tuple(form.scope.split())
        if not set(wanted) <= set(record.scopes):
            raise BadRequest("the scope is not within that of the token", identity.INVALID_SCOPE)
        return self._alone(user, wanted, form.client_id)

    def _client_credentials(self, form: identity.TokenRequest, authorization: str) -> identity.Token:
        if not authorization.lower().startswith("basic "):
            raise CloudError(401, "the client has to name itself", identity.INVALID_CLIENT)
        admin = next((user for user in self._platform.store[User] if user.is_admin), None)
        wanted = tuple(form.scope.split())
        if admin is None or not wanted or not set(wanted) <= CLIENT_SCOPES:
            raise BadRequest("a client gets no such scope", identity.INVALID_SCOPE)
        return self._alone(admin, wanted, form.client_id)

    def _alone(self, user: User, scopes: tuple[str, ...], client_id: str) -> identity.Token:
        tokens = self._platform.tokens
        return identity.Token(
            access_token=tokens.issue_access(user, scopes, client_id=client_id),
            token_type="Bearer",  # noqa: S106  the scheme's name
            expires_in=tokens.access_life_s,
            scope=" ".join(scopes),
        )

    def _revoke(self, call: Call) -> Answer:
        try:
            form = identity.parse_token_form(call.body)
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}", identity.INVALID_REQUEST) from None
        if form.token is None:
            raise BadRequest("token is missing", identity.INVALID_REQUEST)
        tokens = self._platform.tokens
        record = tokens.peek(form.token)
        if record is not None:
            tokens.revoke(record.id)
            if record.kind is TokenKind.REFRESH:
                tokens.revoke_all(record.user_id, TokenKind.ACCESS)
        return Answer({})
