"""Activation over SRP: the cloud's side of the three steps.

The challenge is issued by the activation service and consumed by the identity broker; `activation_exchange` knows what holds between them.
The order of checks is the order of the error table. Source: protocol/activation-and-media.md 2.3 to 2.9. Label: shapes of steps 1 and 2
observed, everything else ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.hosts import Origin
from cloud_stub.platform.records import Device, Workspace
from cloud_stub.platform.routes import Answer, Call, Label, Route
from cloud_stub.services.activation_codes import refusal
from cloud_stub.services.activation_exchange import Exchanges
from cloud_stub.services.health import ping_route
from endpoint.runtime.faults import Fault
from endpoint.runtime.tls import Authority
from endpoint.wire import activation, codec, srp
from endpoint.wire.activation import ERRORS, RequestRefused
from endpoint.wire.envelope import CONFIG_DATA, MAC_BYTES, SERVICE_DATA

INVOKE_PATH = "/idb/token/v1/actions/srp/invoke"
REGISTER_PATH = "/idb/token/v1/actions/srp/register"
JSON = "application/json"
FOREIGN_URL = "https://idbroker.elsewhere.example" + INVOKE_PATH
"""Where somebody in the middle wants the second step to go."""
T = TypeVar("T")
_MALFORMED_PEM = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
_NO_ARRAY = "no array"


def activation_error(error: CloudError, tracking_id: str) -> dict[str, Any]:
    """Write an error as the activation does: `{error, error_description, trackingId}`, `attemptsLeft` after a wrong proof."""
    code = error.code if error.code in ERRORS else ("maintenance" if error.status == 503 else error.code or "error")
    text = ERRORS[code].when if code in ERRORS else error.text
    return {"error": code, "error_description": text, "trackingId": tracking_id, **error.extra}


class Activation:
    """The activation service: challenges, and the configuration that a device asks for again every day."""

    name = "activation"

    def __init__(self, platform: Platform, state: Exchanges) -> None:
        self._platform = platform
        self._state = state
        self.routes = (
            Route("POST", "/challenges", self._challenge, Label.OBSERVED, auth=False, media=JSON),
            Route("GET", "/config", self._config, Label.OURS),
            ping_route(platform, self.name),
        )
        self.error_body = activation_error

    def _challenge(self, call: Call) -> Answer:
        code_id = _checked(activation.read_challenge_request, call.body)
        fault = self._platform.faults.hit("activation", step="challenge", code=code_id)
        if fault is not None and fault.do in ("unknown", "expired", "used", "locked"):
            raise refusal(f"code.{fault.do}")
        challenge = self._state.challenge(code_id, call.remote)
        url = self._platform.hosts.base("idbroker", call.origin) + INVOKE_PATH
        public = challenge.server_public
        if fault is not None and fault.params.get("what") == "url":
            url = FOREIGN_URL
        elif fault is not None:
            public = _tampered(public, fault)
        return Answer(activation.ChallengeReply.of(public, challenge.salt, url))

    def _config(self, call: Call) -> Answer:
        device = self._platform.store[Device].where("user_id", call.caller.id)
        told = config_data(self._platform, call.caller.workspace_id, next((one.id for one in device), None))
        if self._platform.faults.hit("activation", step="renewal") is not None:
            renewed = (renewed_certificate(), self._platform.root_pem)
            told = msgspec.structs.replace(told, service_certificates=renewed)
        return Answer(told)


class SrpActions:
    """The two actions of the identity broker that finish an activation; its routes join those of the broker."""

    def __init__(self, platform: Platform, state: Exchanges) -> None:
        self._platform = platform
        self._state = state
        self.routes = (
            Route("POST", INVOKE_PATH, self._invoke, Label.OBSERVED, auth=False, media=JSON),
            Route("POST", REGISTER_PATH, self._register, Label.OBSERVED, auth=False, media=JSON),
        )

    def _invoke(self, call: Call) -> Answer:
        request = _checked(activation.read_invoke_request, call.body)
        self._state.refuse_locked(request.session)
        public = _checked(request.client_public)
        keys, challenge = self._state.spend(request.session, public)
        if self._platform.faults.hit("activation", step="invoke"):  # as if the other half had been mistyped
            raise self._state.failed(challenge, "srp.proof_failed")
        try:
            asked = request.open(keys, activation.OauthData)
        except RequestRefused as error:
            raise self._state.failed(challenge, error.code) from None
        if challenge.is_decoy:
            raise self._state.failed(challenge, "srp.proof_failed")
        pending, tokens = self._state.proven(challenge, keys, asked)
        plain = activation.ServiceData(
            token=tokens.as_wire(),
            services=first_services(self._platform, call.origin),
            certificates=(self._platform.root_pem,) if self._platform.settings.deliver_root else (),
            org_id=self._platform.org_id(),
            user_id=pending.user_id,
        )
        sealed = self._state.seal(pending, SERVICE_DATA, codec.encode(plain))
        if self._platform.faults.hit("activation", step="reply", reply="service"):
            sealed = replace(sealed, mac=bytes(MAC_BYTES))
        url = self._platform.hosts.base("idbroker", call.origin) + REGISTER_PATH
        return Answer(activation.ServiceReply.of(sealed, url))

    def _register(self, call: Call) -> Answer:
        request = _checked(activation.read_register_request, call.body)
        pending, answered = self._state.pending_of(request.session, call.body)
        if answered is not None:
            return self._config_answer(answered)
        try:
            introduced = request.open(self._state.keys_of(pending), activation.RegisterData)
        except RequestRefused as error:
            raise refusal(error.code) from None
        device = self._state.admit(pending, introduced)
        plain = config_data(self._platform, device.workspace_id, device.id)
        sealed = self._state.seal(pending, CONFIG_DATA, codec.encode(plain))
        reply = codec.encode(activation.ConfigReply.of(sealed))
        self._state.register(pending, device, call.body, reply)
        return self._config_answer(reply)

    def _config_answer(self, reply: bytes) -> Answer:
        """Send the reply of a register, under a broken MAC where a fault says so; what is kept for retries is the good one."""
        if not self._platform.faults.hit("activation", step="reply", reply="config"):
            return Answer(reply)
        good = codec.decode(reply, activation.ConfigReply)
        return Answer(msgspec.structs.replace(good, config_data_hmac=codec.b64encode(bytes(MAC_BYTES))))


def first_services(platform: Platform, origin: Origin) -> dict[str, str]:
    """Return the services that a device needs to know before it has a catalogue."""
    return {name: platform.hosts.base(name, origin) for name in ("u2c", "idbroker", "activation")}


@lru_cache(maxsize=1)
def renewed_certificate() -> str:
    """Return a service certificate that no device has yet, PEM; the same one as long as the process runs."""
    return Authority("roomsim renewed root").pem


def config_data(platform: Platform, workspace_id: str, device_id: str | None) -> activation.ConfigData:
    """Build the configuration of a device; a `trustList` of the settings, or what a fault makes of it."""
    wanted = platform.settings.trust_list
    trust: Any = msgspec.UNSET if wanted is None else list(wanted) if isinstance(wanted, tuple) else wanted
    fault = platform.faults.hit("activation", step="config")
    if fault is not None:
        trust = _spoilt(trust, fault)
    workspace = platform.store[Workspace].get(workspace_id)
    told = activation.ConfigData(trust_list=trust, device_id=device_id)
    if workspace is None:
        return told
    return msgspec.structs.replace(told, workspace_id=workspace.id, display_name=workspace.name)


def _spoilt(trust: Any, fault: Fault) -> Any:
    """Return what a fault makes of a `trustList`: none at all, no array, or one certificate more that is none."""
    if fault.do == "no_trust_list":
        return msgspec.UNSET
    if fault.params.get("what") == "no_array":
        return _NO_ARRAY
    return [*(trust if isinstance(trust, list) else ()), _MALFORMED_PEM]


def _checked(read: Callable[..., T], *arguments: bytes) -> T:
    try:
        return read(*arguments)
    except RequestRefused as error:
        raise refusal(error.code) from None


def _tampered(public: bytes, fault: Fault) -> bytes:
    """Return the B that a man in the middle would send: 0, N, 2N, or one byte short."""
    group = srp.GROUP
    numbers = {"zero": 0, "n": group.modulus}
    wanted = str(fault.params.get("what", "zero"))
    if wanted in numbers:
        return group.pad(numbers[wanted])
    return public[:-1] if wanted == "short" else (2 * group.modulus).to_bytes(group.width + 1, "big")
