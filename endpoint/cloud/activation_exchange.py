"""One activation as the device computes it: what it sends, and what it makes of each answer. No I/O, no clock.

Requests come out as `Request`s, answers go in as bytes and come out as events of `activation_table`. Keys, proofs and tokens live here and
nowhere else until the reply of register is proven. Source: protocol/activation-and-media.md 2.3 to 2.7, 2.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from endpoint.cloud import activation_table as table
from endpoint.cloud.account import Account, check_sendable
from endpoint.cloud.bases import Bases
from endpoint.cloud.profile import Profile
from endpoint.runtime.chance import Stream
from endpoint.wire import codec, srp
from endpoint.wire.activation import messages, replies
from endpoint.wire.activation.code import Code
from endpoint.wire.activation.messages import ConfigData, OauthData, RegisterData, ServiceData
from endpoint.wire.activation.replies import ChallengeRejected, UrlRule
from endpoint.wire.envelope import (
    CONFIG_DATA,
    IV_BYTES,
    OAUTH_DATA,
    REGISTER_DATA,
    SERVICE_DATA,
    SessionKeys,
    transcript_hash,
)
from endpoint.wire.errors import RemoteProtocolError

EXPONENT_BYTES: Final = 32
SESSION_UNKNOWN: Final = "srp.session_unknown"
BAD_REPLY: Final = "srp.bad_reply"
"""Our own code, beside those of protocol 2.9: the cloud's answer broke a rule."""
_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,47}", re.ASCII)


class Step(Enum):
    """The three requests."""

    CHALLENGE = 1
    INVOKE = 2
    REGISTER = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A POST to be made; `shown` is what may be seen of its body, `opened` what its sealed member holds."""

    url: str
    service: str
    body: object
    shown: Any = None
    opened: Any = None


class Exchange:
    """One run of the protocol.

    Args:
        draws: source of exponents and IVs; never the same twice.
        strict_salt: ask for a salt of 256 bytes.
    """

    def __init__(self, code: Code, profile: Profile, bases: Bases, draws: Stream, *, strict_salt: bool = True) -> None:
        self._code = code
        self._profile = profile
        self._draws = draws
        self._strict_salt = strict_salt
        self._url = f"{bases.activation}/challenges"
        self._urls = UrlRule(is_secure=self._url.startswith("https:"), domains=bases.domains)
        self._challenge: replies.Challenge | None = None
        self._invoke: messages.InvokeRequest | None = None
        self._register: messages.RegisterRequest | None = None
        self._register_url = ""
        self._keys: SessionKeys | None = None
        self._proofs_lost = 0
        self._unknown = 0
        self._unproven = 0
        self.service: ServiceData | None = None
        self.config: ConfigData | None = None

    def request(self, step: Step) -> Request:
        """Return the request of a step; that of register is the same to the byte each time."""
        if step is Step.CHALLENGE:
            body = messages.ChallengeRequest(activation_id=self._code.activation_id)
            return Request(self._url, "activation", body, {"activationId": self._code.activation_id})
        assert self._challenge is not None
        if step is Step.INVOKE:
            return Request(self._challenge.url, "idbroker", self._invoke, opened={OAUTH_DATA.name: self._asked()})
        return Request(self._register_url, "idbroker", self._register, opened={REGISTER_DATA.name: self._told()})

    def opened(self, step: Step) -> dict[str, Any]:
        """Return what the sealed member of a step's answer held, by its name; secrets are in clear."""
        found = {
            SERVICE_DATA.name: self.service if step is Step.INVOKE else None,
            CONFIG_DATA.name: self.config if step is Step.REGISTER else None,
        }
        return {name: codec.builtins(message) for name, message in found.items() if message is not None}

    def answered(self, step: Step, body: bytes) -> object:
        """Read the success of a step."""
        if step is Step.CHALLENGE:
            return self._read_challenge(body)
        return self._read_service(body) if step is Step.INVOKE else self._read_config(body)

    def refused(self, step: Step, status: int, body: bytes, *, is_late: bool) -> object:
        """Read an answer that is no success."""
        if status in (429, 503) or (step is Step.REGISTER and status >= 500):
            return table.Busy(is_late)
        if status >= 500:
            return self.lost(step, is_late=is_late)
        refusal = replies.read_refusal(body)
        if refusal.error == SESSION_UNKNOWN and step is not Step.CHALLENGE:
            self._unknown += 1
            return table.SessionUnknown(self._unknown)
        code = refusal.error if _CODE.fullmatch(refusal.error) else f"http.{status}"
        return table.RefusedByCloud(code, refusal.attempts_left)

    def lost(self, step: Step, *, is_late: bool) -> table.NoAnswer:
        """Take note that nobody answered."""
        self._proofs_lost += step is Step.INVOKE
        return table.NoAnswer(self._proofs_lost, is_late)

    def account(self, now: datetime) -> Account:
        """Return the account of a proven run."""
        assert self.service is not None
        assert self.config is not None
        assert self._challenge is not None
        return Account.granted(self.service, self.config, self._challenge.url, now)

    def _read_challenge(self, body: bytes) -> object:
        try:
            self._challenge = replies.read_challenge_reply(body, self._urls, strict_salt=self._strict_salt)
            self._invoke = self._prove(self._challenge)
        except ChallengeRejected as error:
            return table.ReplyRejected(BAD_REPLY, f"challenge rejected: {error.reason}")
        except RemoteProtocolError:  # u = 0
            return table.ReplyRejected(BAD_REPLY, "challenge rejected: zero")
        return table.ChallengeAccepted()

    def _prove(self, challenge: replies.Challenge) -> messages.InvokeRequest:
        identity = self._code.activation_id.encode()
        exponent = self._draws.bytes(EXPONENT_BYTES)
        public = srp.client_public(exponent)
        key = srp.client_key(
            identity, self._code.secret.reveal().encode(), challenge.salt,
            a=exponent, client_public=public, server_public=challenge.server_public,
        )  # fmt: skip
        transcript = transcript_hash(identity, challenge.salt, public, challenge.server_public)
        self._keys = SessionKeys.derive(key, transcript)
        sealed = self._keys.seal(OAUTH_DATA, codec.encode(self._asked()), self._draws.bytes(IV_BYTES))
        return messages.InvokeRequest.of(public, challenge.server_public, sealed)

    def _asked(self) -> OauthData:
        profile = self._profile
        return OauthData(
            client_id=messages.CLIENT_ID,
            scope=messages.DEFAULT_SCOPE,
            device_identifier=profile.device_identifier,
            model=profile.product.model,
            serial=profile.serial,
            software_version=profile.software,
        )

    def _read_service(self, body: bytes) -> object:
        assert self._keys is not None
        try:
            sealed, self._register_url = replies.read_service_reply(body, self._urls)
            service = replies.open_service_data(self._keys, sealed)
            check_sendable(service.token)
        except ChallengeRejected as error:
            return table.ReplyRejected(BAD_REPLY, f"challenge rejected: {error.reason}")
        except RemoteProtocolError:  # BadMac, BadEnvelope
            return table.ReplyRejected("srp.bad_envelope", "serviceData authentication failed")
        self.service, self._register = service, self._introduction(self._keys)
        return table.ProofAccepted()

    def _introduction(self, keys: SessionKeys) -> messages.RegisterRequest:
        sealed = keys.seal(REGISTER_DATA, codec.encode(self._told()), self._draws.bytes(IV_BYTES))
        assert self._challenge is not None
        return messages.RegisterRequest.of(self._challenge.server_public, sealed)

    def _told(self) -> RegisterData:
        profile = self._profile
        return RegisterData(
            device_identifier=profile.device_identifier,
            model=profile.product.model,
            serial=profile.serial,
            name=profile.product.name,
            software_version=profile.software,
        )

    def _read_config(self, body: bytes) -> object:
        assert self._keys is not None
        try:
            self.config = replies.open_config_data(self._keys, replies.read_config_reply(body))
        except RemoteProtocolError:
            self._unproven += 1
            return table.ConfigUnproven(self._unproven)
        return table.ConfigReceived()
