"""The key service: cluster details over HTTP, requests over HTTP, answers over Mercury to the device that asked, and to no other.

Source: protocol/cloud-services.md 7; details, wrapping, channel, creating and fetching keys observed, the rest of table 7.5 documented.
Customer master keys are not kept here: the answer is the documented 501. Texts of refusals, and that a request under a channel that is
over is refused with 401003, are ours; one under a channel that nobody knows cannot be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden, NotFound, Unauthorized
from cloud_stub.platform.rate import Counter
from cloud_stub.platform.records import KmsChannel, KmsKey, KmsResource
from cloud_stub.platform.routes import Answer as HttpAnswer
from cloud_stub.platform.routes import Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from cloud_stub.services.kms_vault import KEYS_LIFE, Vault
from cloud_stub.services.mercury import Mercury
from cloud_stub.services.wdm import Wdm
from endpoint.runtime.clock import iso_ms
from endpoint.wire import codec, jose, kms
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import SharedKey
from endpoint.wire.kms import Answer, Authorization, KeyObject, Request, Resource

BODY_BYTES_MAX = 1024 * 1024
KEYS_PER_REQUEST = 100
USERS_PER_RESOURCE = 1_000
SCOPE = "spark:kms"
ERROR_STATUS = 503
METHODS = (kms.CREATE, kms.RETRIEVE, kms.UPDATE, kms.DELETE)
NO_MASTER_KEYS = CloudError(501, "This KMS does not support BYOK.")


class Kms:
    """The key service."""

    name = kms.SERVICE

    def __init__(self, platform: Platform, mercury: Mercury, wdm: Wdm) -> None:
        self._platform = platform
        self._mercury = mercury
        self._wdm = wdm
        self._draws = Counter(keys_max=100_000)
        self.vault = Vault(platform)
        self.routes = (
            Route("GET", "/kms/{user}", self._details, Label.OBSERVED),
            Route("POST", kms.MESSAGES_PATH, self._take, Label.OBSERVED, body_bytes_max=BODY_BYTES_MAX),
            ping_route(platform, self.name),
        )
        self._answers: dict[tuple[str, str], Callable[[Request, str], Answer]] = {
            ("create", "keys"): self._create_keys,
            ("retrieve", "keys/*"): self._retrieve_key,
            ("update", "keys/*"): self._bind_key,
            ("create", "resources"): self._create_resource,
            ("create", "authorizations"): self._authorize,
            ("retrieve", "resources/*/authorizations"): self._list_authorizations,
            ("delete", "resources/*/authorizations"): self._remove_authorization,
            ("update", "ping"): lambda request, user_id: Answer(status=200, request_id=request.request_id),
        }

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- HTTP -------------------------------------------------------------------------------------------------------------------------

    def _details(self, call: Call) -> HttpAnswer:
        if call.params["user"] != call.caller.id:
            raise Forbidden("a user asks for the cluster of its own keys")
        fault = self._platform.faults.hit("kms", step="details", device=call.peer)
        return HttpAnswer(self.vault.details if fault is None else self.vault.false_details)

    def _take(self, call: Call) -> HttpAnswer:
        post = call.read(kms.Post)
        if post.destination.rstrip("/") != self.vault.uri:
            raise BadRequest(f"destination: {self.vault.uri}")
        answers: dict[str, list[str]] = {}
        for message in post.kms_messages:
            try:
                to, answer = self._serve(call, message)
            except RemoteProtocolError as error:
                self._note("drop", call, {"what": "kms message", "why": str(error)})
                continue
            if answer:
                answers.setdefault(to, []).append(answer)
        for registration_id, wrapped in answers.items():
            self._platform.later.call(0.0, self._tell, registration_id, wrapped)
        return HttpAnswer({}, 202)

    def _tell(self, registration_id: str, answers: list[str]) -> None:
        self._mercury.push(kms.event_data(answers), registration_id=registration_id)

    def _note(self, kind: str, call: Call, data: dict[str, Any]) -> None:
        self._platform.trace.event("cloud:encryption", kind, peer=call.peer, data=data, label=Label.OURS)

    # -- one message ------------------------------------------------------------------------------------------------------------------

    def _serve(self, call: Call, message: str) -> tuple[str, str]:
        """Open a message and answer it; returns the registration to tell, and the wrapped answer, empty if there is none to be.

        Raises:
            RemoteProtocolError: it cannot be opened, or is no request: there is nobody to answer.
        """
        header = jose.header_of(message, "kms message")
        if header.get("alg") == "RSA-OAEP":
            own = self.vault.own
            request = kms.parse_request(jose.open_from(own.private, message, "kms message"))
            answer = self._judged(call, request, lambda who: self._agree(request, who))
            wrapped = jose.sign(own.private, own.kid, codec.encode(answer))
        else:
            channel = self._channel(call, kms.channel_of(message))
            key = SharedKey(channel.secret, channel.id)
            request = kms.parse_request(key.open(message, "kms message"))
            answer = self._judged(call, request, lambda who: self._answer(call, channel, request, who))
            wrapped = key.seal(codec.encode(answer), self._bytes("kms iv", channel.id, jose.IV_BYTES))
        method = request.method if request.method in METHODS else "other"
        about = {"method": method, "what": _kind(request.uri) if answer.status < 400 else "", "status": answer.status}
        self._note("kms.answered", call, about)
        fault = self._platform.faults.hit("kms", step="answer", device=call.peer)
        if fault is not None and fault.do in ("silent", "lost_answer"):
            return "", ""
        if fault is not None:  # an error: what was done stays done
            status = int(fault.params.get("status", ERROR_STATUS))
            refused = codec.encode(
                Answer(status=status, request_id=request.request_id, reason="The KMS is not available.")
            )
            own, is_first = self.vault.own, header.get("alg") == "RSA-OAEP"
            iv = b"" if is_first else self._bytes("kms iv", channel.id, jose.IV_BYTES)
            wrapped = jose.sign(own.private, own.kid, refused) if is_first else key.seal(refused, iv)
        return self._registration(call, request), wrapped

    def _channel(self, call: Call, uri: str) -> KmsChannel:
        fault = self._platform.faults.hit("kms", step="channel", device=call.peer)
        if fault is not None:
            self.vault.end_channel(uri)
        channel = self.vault.channel(uri)
        if channel is None:
            raise RemoteProtocolError("kms message header", "kid is a channel of this key service")
        return channel

    def _registration(self, call: Call, request: Request) -> str:
        """Return the registration of the device that asks."""
        record = self._wdm.find(request.client.client_id.partition("?")[0].rpartition("/")[2])
        if record is None or record.user_id != call.caller.id:
            raise RemoteProtocolError("client.clientId", "the URL of a device of the caller")
        return record.id

    def _judged(self, call: Call, request: Request, act: Callable[[str], Answer]) -> Answer:
        """Do what is asked if whoever asks may; a refusal becomes the answer."""
        try:
            token = self._platform.tokens.verify(request.client.credential.bearer)
            if token.user_id != call.caller.id or SCOPE not in token.scopes:
                raise Forbidden(f"The token is not the caller's, or does not have {SCOPE}.", "403002")
            return act(token.user_id)
        except CloudError as error:
            code = int(error.code) if error.code.isdigit() else None
            return Answer(status=error.status, request_id=request.request_id, reason=error.text, error_code=code)

    def _answer(self, call: Call, channel: KmsChannel, request: Request, user_id: str) -> Answer:
        if channel.user_id != user_id or channel.client_id != request.client.client_id:
            raise Forbidden("The channel is another client's.", "403003")
        if self.vault.is_over(channel):
            raise Unauthorized("The channel has expired.", str(kms.EXPIRED_CHANNEL))
        kind = _kind(request.uri)
        if kind.split("/")[0] in ("publicKey", "cmk", "awsKmsCmk", "default"):
            raise NO_MASTER_KEYS
        act = self._answers.get((request.method, kind))
        if act is None:
            raise CloudError(405, f"{request.method} is not for {kind or 'this'}.", "405001")
        answer = act(request, user_id)
        if answer.key is not None and self._platform.faults.hit("kms", step="key", device=call.peer) is not None:
            return _with_wrong_key(answer, self._bytes("wrong key", answer.key.uri, jose.KEY_BYTES))
        return answer

    def _bytes(self, purpose: str, name: str, count: int) -> bytes:
        return self._platform.chance.stream(purpose, name, self._platform.boot, self._draws.next(name)).bytes(count)

    # -- what is asked ----------------------------------------------------------------------------------------------------------------

    def _agree(self, request: Request, user_id: str) -> Answer:
        if request.method != kms.CREATE or _kind(request.uri) != "ecdhe" or request.jwk is None:
            raise BadRequest("The first request creates /ecdhe with a jwk.")
        client_id = request.client.client_id
        mine = kms.Ephemeral(self._bytes("ecdhe", client_id, kms.SCALAR_BYTES))
        try:
            secret = mine.agree(request.jwk)
        except RemoteProtocolError as error:
            raise BadRequest(str(error)) from None
        uri = f"{self.vault.uri}/ecdhe/{self._platform.new_id('kms channel', user_id)}"
        channel = self.vault.add_channel(secret, uri, user_id, client_id)
        key = KeyObject(
            uri=uri,
            jwk=mine.jwk,
            user_id=user_id,
            client_id=client_id,
            create_date=iso_ms(channel.created),
            expiration_date=iso_ms(channel.expires),
        )
        return Answer(status=201, request_id=request.request_id, key=key)

    def _create_keys(self, request: Request, user_id: str) -> Answer:
        count = request.count or 1
        if not 1 <= count <= KEYS_PER_REQUEST:
            raise BadRequest(f"count is 1 to {KEYS_PER_REQUEST}.")
        with self._platform.store.transaction():
            keys = [_shown(self.vault.new_key(user_id)) for _ in range(count)]
        return Answer(status=201, request_id=request.request_id, keys=keys)

    def _retrieve_key(self, request: Request, user_id: str) -> Answer:
        key = self.vault.key_for(self._absolute(request.uri), user_id)
        return Answer(status=200, request_id=request.request_id, key=_shown(key))

    def _bind_key(self, request: Request, user_id: str) -> Answer:
        key = self._own_key(request.uri, user_id)
        resource = self.vault.resource_for(self._absolute(request.resource_uri or ""), user_id)
        return Answer(status=200, request_id=request.request_id, key=_shown(self.vault.bind(key, resource.id)))

    def _own_key(self, uri: str, user_id: str) -> KmsKey:
        key = self.vault.key_for(self._absolute(uri), user_id)
        if key.user_id != user_id:
            raise Forbidden("Only who made a key binds it.", "403001")
        return key

    def _create_resource(self, request: Request, user_id: str) -> Answer:
        keys = [self._own_key(uri, user_id) for uri in request.key_uris or ()]
        if not keys:
            raise BadRequest("keyUris names at least one key.")
        resource = self.vault.new_resource(user_id, _users(request), keys)
        shown = Resource(
            uri=resource.id,
            key_uris=[key.id for key in keys],
            authorization_uris=[str(found.uri) for found in _authorizations(resource)],
        )
        return Answer(status=201, request_id=request.request_id, resource=shown)

    def _authorize(self, request: Request, user_id: str) -> Answer:
        resource = self.vault.resource_for(self._absolute(request.resource_uri or ""), user_id)
        users = _users(request)
        if not users:
            raise BadRequest("userIds names at least one user.")
        if len({*resource.user_ids, *users}) > USERS_PER_RESOURCE:
            raise BadRequest(f"A resource is for at most {USERS_PER_RESOURCE} users.")
        resource = self.vault.allow(resource, (*resource.user_ids, *users))
        added = [found for found in _authorizations(resource) if found.auth_id in users]
        return Answer(status=201, request_id=request.request_id, authorizations=added)

    def _list_authorizations(self, request: Request, user_id: str) -> Answer:
        resource = self._resource_of(request, user_id)
        return Answer(status=200, request_id=request.request_id, authorizations=_authorizations(resource))

    def _remove_authorization(self, request: Request, user_id: str) -> Answer:
        resource = self._resource_of(request, user_id)
        [gone] = parse_qs(urlsplit(request.uri).query).get("authId", [""])[:1]
        removed = [found for found in _authorizations(resource) if found.auth_id == gone]
        if not removed:
            raise NotFound("not found", "404004")
        self.vault.allow(resource, tuple(user for user in resource.user_ids if user != gone))
        return Answer(status=200, request_id=request.request_id, authorizations=removed)

    def _resource_of(self, request: Request, user_id: str) -> KmsResource:
        uri = self._absolute(request.uri).partition("?")[0]
        return self.vault.resource_for(uri.removesuffix("/authorizations"), user_id)

    def _absolute(self, uri: str) -> str:
        return self.vault.uri + uri if uri.startswith("/") else uri


def _kind(uri: str) -> str:
    """Return what a URI names, ids as stars: it comes relative and absolute. `keys/*`."""
    try:
        parts = [part for part in urlsplit(uri).path.split("/") if part]
    except ValueError:
        return ""
    return "/".join("*" if at == 1 else part for at, part in enumerate(parts))


def _users(request: Request) -> tuple[str, ...]:
    users = tuple(request.user_ids or ())
    if len(users) > USERS_PER_RESOURCE:
        raise BadRequest(f"A resource is for at most {USERS_PER_RESOURCE} users.")
    return users


def _authorizations(resource: KmsResource) -> list[Authorization]:
    return [
        Authorization(auth_id=user, resource_uri=resource.id, uri=f"{resource.id}/authorizations/{user}")
        for user in resource.user_ids
    ]


def _shown(key: KmsKey) -> KeyObject:
    return KeyObject(
        uri=key.id,
        jwk=kms.key_jwk(key.id, key.secret),
        user_id=key.user_id or None,
        create_date=iso_ms(key.created),
        expiration_date=iso_ms(key.created + KEYS_LIFE),
        bind_date=iso_ms(key.bound) if key.bound else None,
        resource_uri=key.resource_uri or None,
    )


def _with_wrong_key(answer: Answer, secret: bytes) -> Answer:
    assert answer.key is not None, "asked for answers that have one"
    key = KeyObject(uri=answer.key.uri, jwk=kms.key_jwk(answer.key.uri, secret), user_id=answer.key.user_id)
    return Answer(status=answer.status, request_id=answer.request_id, key=key)
