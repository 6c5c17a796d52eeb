"""What a recorded cloud cannot say again as it was, because it is another in each run, and is made anew: tokens, keys, sealed parts.

The activation is computed from the code: salt, B and keys are drawn, what the sealed members held is sealed again. The key service gets a
key of its own; what it answered is answered again over the channel that the device agrees on. Source: protocol/activation-and-media.md 2,
protocol/cloud-services.md 7.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from endpoint.runtime.chance import Actor, Stream
from endpoint.runtime.clock import iso_ms
from endpoint.wire import activation, codec, jose, kms, srp
from endpoint.wire.activation import rules as limits
from endpoint.wire.activation.code import Code
from endpoint.wire.envelope import CONFIG_DATA, SERVICE_DATA, SessionKeys, transcript_hash
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import SharedKey
from endpoint.wire.kms_cluster import cluster_details, host_of, self_made_certificate
from scenarios.runner.recording.model import Exchange, Recording
from scenarios.runner.recording.rules import SECRET

EXCHANGES_MAX: Final = 1_000
"""Challenges that are remembered; the oldest is forgotten."""
CHANNELS_MAX: Final = 1_000
RSA_BITS: Final = 2048
CHANNEL_LIFE: Final = timedelta(hours=1)
VALID: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC))
NO_ORG: Final = "00000000-0000-4000-8000-000000000000"


class Refusal(Exception):
    """The activation is refused, as the real cloud would: a key of the table of errors."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Remade:
    """Gives each placeholder of a recording a value, the same one whenever it is asked.

    Args:
        root_pem: root certificate of who serves; it takes the place of those that the recorded cloud handed out.
    """

    def __init__(self, recording: Recording, chance: Actor, root_pem: str) -> None:
        self._recording = recording
        self._chance = chance
        self._root_pem = root_pem
        self._values: dict[str, str] = {}
        self._made: set[str] = set()
        self.lost: dict[str, int] = {}
        """Kinds of what could not be made anew, and how often it was asked for."""

    def value(self, placeholder: str) -> str:
        """Return what stands for a placeholder in this replay."""
        found = self._values.get(placeholder)
        if found is None:
            found = self._make(placeholder)
            self.put(placeholder, found)
        return found

    def put(self, placeholder: str, value: str) -> None:
        """Let a value that somebody else has made stand for a placeholder from now on."""
        self._values[placeholder] = value
        self._made.add(value)

    def is_known(self, placeholder: str) -> bool:
        """Say whether something stands for a placeholder already."""
        return placeholder in self._values

    def has_made(self, value: str) -> bool:
        """Say whether a value stands for some placeholder."""
        return value in self._made

    def text(self, text: str) -> str:
        """Return a text with a value for each placeholder; JSON stays JSON."""
        return SECRET.sub(lambda found: json.dumps(self.value(found[0]))[1:-1], text)

    def json(self, value: Any) -> Any:
        """Return JSON with a value for each placeholder."""
        return msgspec.json.decode(self.text(msgspec.json.encode(value).decode()))

    def certificates(self, service_data: dict[str, Any]) -> dict[str, Any]:
        """Return the plaintext of a serviceData with the root that the device has to believe now."""
        return {**service_data, "certificates": [self._root_pem]} if service_data.get("certificates") else service_data

    def shared_key(self, key_url: str) -> bytes:
        """Return the key of texts behind a URL of the key service."""
        return self._chance.stream("replayed key", key_url).bytes(jose.KEY_BYTES)

    def _make(self, placeholder: str) -> str:
        kind = placeholder[1:].partition("#")[0]
        draws = self._chance.stream("replayed secret", placeholder)
        match kind:
            case "access_token" | "id_token":
                org = self._recording.secrets.get(placeholder, {}).get("org", NO_ORG)
                return f"{draws.bytes(32).hex()}_REPL_{org}"
            case "pin":
                return draws.digits(8)
            case "key":
                return jose.b64url(draws.bytes(jose.KEY_BYTES))
            case "sealed":
                return self._seal(placeholder, draws)
            case "sdp" | "envelope" | "mac" | "srp_a" | "srp_b" | "srp_salt":
                self.lost[kind] = self.lost.get(kind, 0) + 1
                return draws.bytes(16).hex()
        return draws.bytes(32).hex()

    def _seal(self, placeholder: str, draws: Stream) -> str:
        told = self._recording.sealed.get(placeholder)
        if told is None:
            self.lost["sealed"] = self.lost.get("sealed", 0) + 1
            return SharedKey(draws.bytes(jose.KEY_BYTES)).seal(b"", draws.bytes(jose.IV_BYTES))
        key = SharedKey(self.shared_key(told["key"]))
        plain = SECRET.sub(lambda found: self.value(found[0]), told["plain"])
        return key.seal(plain.encode(), draws.bytes(jose.IV_BYTES))


@dataclass(slots=True)
class _Open:
    b: bytes
    server_public: bytes
    salt: bytes
    verifier: int
    keys: SessionKeys | None = None


class SrpSide:
    """The cloud's side of an activation, computed anew from the code.

    Args:
        code: the code that the device is given.
    """

    def __init__(self, code: Code, chance: Actor) -> None:
        self._code = code
        self._chance = chance
        self._open: dict[bytes, _Open] = {}

    def challenge(self, body: bytes, recorded: activation.ChallengeReply) -> bytes:
        """Answer step 1; the address to go on at is the recorded one.

        Raises:
            Refusal: another code, or no request of step 1.
        """
        try:
            asked = activation.read_challenge_request(body)
        except activation.RequestRefused as error:
            raise Refusal(error.code) from None
        if asked != self._code.activation_id:
            raise Refusal("code.unknown")
        draws = self._chance.stream("replayed srp", len(self._open))
        salt = b"\x01" + draws.bytes(limits.SALT_BYTES - 1)
        verifier = srp.verifier(asked.encode(), self._code.secret.reveal().encode(), salt)
        b = draws.bytes(srp.EXPONENT_BYTES)
        public = srp.server_public(verifier, b)
        if len(self._open) >= EXCHANGES_MAX:
            del self._open[next(iter(self._open))]
        self._open[activation.challenge_key(public)] = _Open(b, public, salt, verifier)
        return codec.encode(activation.ChallengeReply.of(public, salt, recorded.url))

    def invoke(self, body: bytes, service_data: dict[str, Any], url: str) -> tuple[bytes, dict[str, Any]]:
        """Answer step 2 with the plaintext sealed anew; returns the answer, and what the request's sealed member said.

        Raises:
            Refusal: the device does not know the code, or the request is none.
        """
        try:
            request = activation.read_invoke_request(body)
        except activation.RequestRefused as error:
            raise Refusal(error.code) from None
        one = self._open.get(request.session or b"")
        if one is None or one.keys is not None:
            raise Refusal("srp.session_unknown")
        try:
            public = request.client_public()
            key = srp.server_key(one.verifier, one.b, public)
            transcript = transcript_hash(self._code.activation_id.encode(), one.salt, public, one.server_public)
            one.keys = SessionKeys.derive(key, transcript)
            asked = request.open(one.keys, activation.OauthData)
        except activation.RequestRefused as error:
            raise Refusal(error.code) from None
        except RemoteProtocolError:
            raise Refusal("srp.bad_parameter") from None
        iv = self._chance.stream("replayed iv", "invoke", one.server_public.hex()).bytes(16)
        sealed = one.keys.seal(SERVICE_DATA, codec.encode(service_data), iv)
        return codec.encode(activation.ServiceReply.of(sealed, url)), codec.builtins(asked)

    def register(self, body: bytes, config_data: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        """Answer step 3, as `invoke` step 2; errors as there."""
        try:
            request = activation.read_register_request(body)
            one = self._open.get(request.session or b"")
            if one is None or one.keys is None:
                raise Refusal("srp.session_unknown")
            told = request.open(one.keys, activation.RegisterData)
        except activation.RequestRefused as error:
            raise Refusal(error.code) from None
        iv = self._chance.stream("replayed iv", "register", one.server_public.hex()).bytes(16)
        sealed = one.keys.seal(CONFIG_DATA, codec.encode(config_data), iv)
        return codec.encode(activation.ConfigReply.of(sealed)), codec.builtins(told)


@dataclass
class KmsSide:
    """The key service of a recorded cloud, with a key of its own."""

    recording: Recording
    chance: Actor
    remade: Remade
    now: Callable[[], datetime]
    _channels: dict[str, SharedKey] = field(default_factory=dict)
    _drawn: int = 0
    kid: str = ""

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        """The RSA key, made when it is first asked for."""
        return rsa.generate_private_key(65537, RSA_BITS)

    @cached_property
    def answers(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What was answered, by method and URI of the request; requests and answers share a request id."""
        asked = {
            one["requestId"]: (one.get("method", ""), one.get("uri", ""))
            for exchange in self.recording.exchanges
            for one in exchange.opened.get("kmsMessages") or ()
            if isinstance(one, dict) and "requestId" in one
        }
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for message in self.recording.messages:
            for answer in message.opened:
                if isinstance(answer, dict) and answer.get("requestId") in asked:
                    found.setdefault(asked[answer["requestId"]], answer)
        return found

    def details(self, recorded: dict[str, Any]) -> dict[str, Any] | None:
        """Return the details of the cluster with a key that is known here; None if the recorded ones are none."""
        cluster, key = recorded.get("kmsCluster"), recorded.get("rsaPublicKey")
        try:
            self.kid = str(msgspec.json.decode(key)["kid"]) if isinstance(key, str) else ""
        except (msgspec.DecodeError, KeyError, TypeError):
            return None
        host = host_of(self.kid)
        if not isinstance(cluster, str) or not host:
            return None
        certificate = self_made_certificate(self.private, host, serial=1, not_before=VALID[0], not_after=VALID[1])
        return cluster_details(cluster, self.kid, self.private.public_key(), certificate)

    def answer(self, message: str) -> str:
        """Answer one wrapped request, wrapped.

        Raises:
            RemoteProtocolError: it cannot be opened.
        """
        if jose.header_of(message, "kms message").get("alg") == "RSA-OAEP":
            request = kms.parse_request(jose.open_from(self.private, message, "kms message"))
            return jose.sign(self.private, self.kid, codec.encode(self._agree(request)))
        uri = kms.channel_of(message)
        key = self._channels.get(uri)
        if key is None:
            raise RemoteProtocolError("kms message header", "kid is a channel of this replay")
        request = kms.parse_request(key.open(message, "kms message"))
        recorded = self.answers.get((request.method, request.uri))
        if recorded is None:
            plain = codec.encode(kms.Answer(status=404, request_id=request.request_id, reason="not recorded"))
        else:
            plain = msgspec.json.encode(self._with_keys({**recorded, "requestId": request.request_id}))
        return key.seal(plain, self._bytes(jose.IV_BYTES))

    def _agree(self, request: kms.Request) -> kms.Answer:
        if request.jwk is None:
            return kms.Answer(status=400, request_id=request.request_id, reason="The first request creates /ecdhe.")
        mine = kms.Ephemeral(self._bytes(kms.SCALAR_BYTES))
        recorded = self.answers.get((request.method, request.uri), {}).get("key") or {}
        uri = f"{recorded.get('uri') or self.kid.rpartition('/keys/')[0] + '/ecdhe/replay'}"
        if len(self._channels) >= CHANNELS_MAX:
            del self._channels[next(iter(self._channels))]
        self._channels[uri] = SharedKey(mine.agree(request.jwk), uri)
        expires = iso_ms(self.now() + CHANNEL_LIFE)
        key = kms.KeyObject(uri=uri, jwk=mine.jwk, expiration_date=expires, create_date=iso_ms(self.now()))
        return kms.Answer(status=201, request_id=request.request_id, key=key)

    def _with_keys(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put the keys that seal texts now where the recorded ones were."""
        for key in (answer.get("key"), *(answer.get("keys") or ())):
            if isinstance(key, dict) and isinstance(key.get("jwk"), dict) and "k" in key["jwk"]:
                key["jwk"] = {**key["jwk"], "k": jose.b64url(self.remade.shared_key(str(key.get("uri"))))}
        found: dict[str, Any] = self.remade.json(answer)
        return found

    def _bytes(self, count: int) -> bytes:
        self._drawn += 1
        return self.chance.stream("replayed kms", self._drawn).bytes(count)


def can_activate(recording: Recording) -> str:
    """Say what an activation of a recording lacks to be played again; empty if nothing."""
    steps: dict[str, Exchange] = {one.step: one for one in recording.exchanges if one.step and one.status == 200}
    missing = [step for step in ("challenge", "invoke", "register") if step not in steps]
    if missing:
        return f"no {', '.join(missing)} of an activation that succeeded"
    for step, name in (("invoke", SERVICE_DATA.name), ("register", CONFIG_DATA.name)):
        if not isinstance(steps[step].opened.get(name), dict):
            return f"what {name} of the {step} held is not in the recording (only a recording of roomsim has it)"
    return ""
