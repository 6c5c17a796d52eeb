"""Exchanges: what holds between the three steps of an activation.

A challenge is used up before anything is computed with it; a good proof makes it a pending exchange with provisional tokens; register
turns that into a device. Everything a step changes is one transaction. Source: protocol/activation-and-media.md 2.4 to 2.8. Label: ours.
"""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.rate import Counter, RateLimit
from cloud_stub.platform.records import (
    Challenge,
    Code,
    CodeState,
    Device,
    Org,
    Pending,
    ServerKey,
    User,
    UserKind,
)
from cloud_stub.platform.tokens import DEVICE_SCOPES, Pair
from cloud_stub.services.activation_codes import Codes, problem_of, refusal
from endpoint.wire import srp
from endpoint.wire.activation import ERRORS, OauthData, RegisterData, challenge_key, rules
from endpoint.wire.envelope import Kind, Sealed, SessionKeys, transcript_hash
from endpoint.wire.errors import RemoteProtocolError

DECOY_KEY = "decoys"


class Exchanges:
    """The exchanges that are under way."""

    def __init__(self, platform: Platform, directory: Directory, codes: Codes) -> None:
        self._platform = platform
        self._directory = directory
        self._codes = codes
        self._store = platform.store
        self._per_code = RateLimit(rules.CHALLENGES_PER_CODE, rules.CHALLENGES_PER_CODE_WINDOW_S)
        self._decoys = Counter()
        self._per_source = RateLimit(rules.CHALLENGES_PER_SOURCE, rules.CHALLENGES_PER_SOURCE_WINDOW_S)

    # -- step 1 -----------------------------------------------------------------------------------------------------------------------

    def challenge(self, code_id: str, source: str) -> Challenge:
        """Issue a challenge.

        Raises:
            CloudError: rate.limited, code.unknown, code.expired, code.used, code.locked; in this order.
        """
        self._limit(code_id, source)
        code = self._codes.current(code_id)
        problem = problem_of(code)
        if problem is not None and self._platform.settings.oracle:
            raise refusal(problem)
        self._forget_challenges()
        now = self._platform.now()
        if code is None or problem is not None:
            draws = self._platform.chance.stream("decoy", code_id, self._platform.boot, self._decoys.next(code_id))
            salt = code.salt if code is not None else self._decoy_salt(code_id)
            verifier = int.from_bytes(draws.bytes(srp.GROUP.width), "big") % srp.N
        else:
            draws = self._platform.chance.stream("srp b", code_id, code.challenges_made)
            salt, verifier = code.salt, int.from_bytes(code.verifier, "big")
        b = draws.bytes(srp.EXPONENT_BYTES)
        public = srp.server_public(verifier, b)
        challenge = Challenge(
            id=challenge_key(public).hex(),
            code_id=code_id,
            b=b,
            server_public=public,
            salt=salt,
            verifier=srp.GROUP.pad(verifier),
            issued=now,
            expires=now + timedelta(seconds=rules.CHALLENGE_LIFE_S),
            is_decoy=code is None or problem is not None,
        )
        with self._store.transaction():
            self._store[Challenge].put(challenge)
            if code is not None and not challenge.is_decoy:
                self._store[Code].change(code_id, challenges_made=code.challenges_made + 1)
        return challenge

    # -- step 2 -----------------------------------------------------------------------------------------------------------------------

    def refuse_locked(self, session: bytes | None) -> None:
        """Tell the holder of a good challenge that its code is locked.

        Raises:
            CloudError: code.locked.
        """
        challenge = self._store[Challenge].get(session.hex()) if session is not None else None
        if challenge is None or challenge.is_decoy or challenge.used or self._platform.now() >= challenge.expires:
            return
        code = self._codes.current(challenge.code_id)
        if code is not None and code.state is CodeState.LOCKED:
            raise refusal("code.locked")

    def spend(self, session: bytes | None, client_public: bytes) -> tuple[SessionKeys, Challenge]:
        """Use a challenge up, then compute the keys that its exchange leads to: of two invokes with one srpB one gets here.

        Raises:
            CloudError: srp.session_unknown, or srp.bad_parameter if A leads to u = 0.
        """
        challenge = self._store[Challenge].get(session.hex()) if session is not None else None
        if challenge is None or challenge.used or self._platform.now() >= challenge.expires:
            raise refusal("srp.session_unknown")
        code = self._codes.current(challenge.code_id)
        if not challenge.is_decoy and (code is None or problem_of(code) is not None):
            raise refusal("srp.session_unknown")
        self._store[Challenge].change(challenge.id, used=True)
        verifier = int.from_bytes(challenge.verifier, "big")
        try:
            key = srp.server_key(verifier, challenge.b, client_public)
        except RemoteProtocolError:
            raise refusal("srp.bad_parameter") from None
        identity = challenge.code_id.encode()
        transcript = transcript_hash(identity, challenge.salt, client_public, challenge.server_public)
        return SessionKeys.derive(key, transcript), challenge

    def failed(self, challenge: Challenge, code: str) -> CloudError:
        """Write down what a sealed request that could not be opened costs, and return the refusal."""
        if not ERRORS[code].counts_as_failure or challenge.is_decoy:
            return refusal(code)
        record = self._codes.current(challenge.code_id)
        if record is None:
            return refusal(code)
        failures = record.failures + 1
        with self._store.transaction():
            if failures >= rules.PROOF_FAILURES_MAX:
                self._codes.move(record, CodeState.LOCKED, failures=failures, ended=self._platform.now())
            else:
                self._store[Code].change(record.id, failures=failures)
        left = rules.PROOF_FAILURES_MAX - failures
        return refusal(code, attempts_left=left if self._platform.settings.oracle else None)

    def proven(self, challenge: Challenge, keys: SessionKeys, asked: OauthData) -> tuple[Pending, Pair]:
        """Take over an exchange whose proof was good: tokens that last until register, in place of those of an earlier one."""
        code = self._codes.current(challenge.code_id)
        assert code is not None, "the challenge was good a moment ago"
        with self._store.transaction():
            if code.pending_id:
                self._codes.drop_pending(code)
            user = self._account(code)
            tokens = self._platform.tokens.issue(
                user, DEVICE_SCOPES, client_id=asked.client_id, provisional_s=rules.PENDING_LIFE_S
            )
            pending = Pending(
                id=challenge.id,
                code_id=code.id,
                user_id=user.id,
                transcript=keys.transcript,
                keys=(keys.d2c_enc, keys.d2c_mac, keys.c2d_enc, keys.c2d_mac),
                token_ids=tokens.ids,
                device_identifier=asked.device_identifier,
                model=asked.model,
                serial=asked.serial,
                software=asked.software_version,
                expires=self._platform.now() + timedelta(seconds=rules.PENDING_LIFE_S),
            )
            self._store[Pending].put(pending)
            self._codes.move(code, CodeState.PENDING, pending_id=pending.id, user_id=user.id)
        return pending, tokens

    # -- step 3 -----------------------------------------------------------------------------------------------------------------------

    def pending_of(self, session: bytes | None, body: bytes) -> tuple[Pending, bytes | None]:
        """Return the exchange that a register belongs to, and the reply if this very body was answered before.

        Raises:
            CloudError: srp.session_unknown.
        """
        pending = self._store[Pending].get(session.hex()) if session is not None else None
        if pending is None or self._platform.now() >= pending.expires:
            if pending is not None:
                self._codes.current(pending.code_id)
            raise refusal("srp.session_unknown")
        if not pending.answer:
            return pending, None
        if hashlib.sha256(body).digest() != pending.answered_hash:
            raise refusal("srp.session_unknown")
        return pending, pending.answer

    def keys_of(self, pending: Pending) -> SessionKeys:
        """Return the keys of an exchange."""
        return SessionKeys(pending.transcript, *pending.keys)

    def seal(self, pending: Pending, kind: Kind, plaintext: bytes) -> Sealed:
        """Seal a field for the device of an exchange."""
        iv = self._platform.chance.stream("envelope iv", kind.name, pending.id).bytes(16)
        return self.keys_of(pending).seal(kind, plaintext, iv)

    def admit(self, pending: Pending, introduced: RegisterData) -> Device:
        """Check who registers, and return the device that it will be.

        Raises:
            CloudError: register.mismatch, workspace.occupied, org.suspended; in this order.
        """
        told = (introduced.device_identifier, introduced.model, introduced.serial)
        if told != (pending.device_identifier, pending.model, pending.serial):
            raise refusal("register.mismatch")
        if self._platform.faults.hit("activation", step="admission"):
            raise refusal("workspace.occupied")
        user = self._directory.user(pending.user_id)
        if self._platform.settings.one_device_per_workspace and user.workspace_id:
            kinds = {
                device_kind(device.model) for device in self._store[Device].where("workspace_id", user.workspace_id)
            }
            if device_kind(pending.model) in kinds:
                raise refusal("workspace.occupied")
        org = self._store[Org].get(user.org_id)
        if org is not None and org.suspended:
            raise refusal("org.suspended")
        now = self._platform.now()
        return Device(
            id=self._platform.new_id("device", user.workspace_id or user.id),
            org_id=user.org_id,
            user_id=user.id,
            created=now,
            workspace_id=user.workspace_id,
            person_id="" if user.kind is UserKind.MACHINE else user.id,
            device_identifier=pending.device_identifier,
            name=introduced.name or pending.model,
            model=pending.model,
            serial=pending.serial,
            software=introduced.software_version or pending.software,
        )

    def register(self, pending: Pending, device: Device, body: bytes, answer: bytes) -> None:
        """Consume the code: the device exists, its tokens live, and the same body gets the same answer for five minutes."""
        code = self._store[Code].get(pending.code_id)
        now = self._platform.now()
        with self._store.transaction():
            self._store[Device].put(device)
            self._platform.tokens.confirm(pending.token_ids)
            self._store[Pending].change(
                pending.id,
                answered_hash=hashlib.sha256(body).digest(),
                answer=answer,
                expires=now + timedelta(seconds=rules.REGISTER_RETRY_S),
            )
            if code is not None:
                self._codes.kill_challenges(code)
                self._codes.move(code, CodeState.CONSUMED, device_id=device.id, ended=now)

    # -- what the steps share ---------------------------------------------------------------------------------------------------------

    def _limit(self, code_id: str, source: str) -> None:
        now_s = self._platform.clock.time()
        wait_s = self._per_source.take(source, now_s) if self._platform.settings.limit_sources else 0.0
        wait_s = wait_s or self._per_code.take(code_id, now_s)
        if wait_s > 0:
            raise refusal("rate.limited", retry_after_s=max(1, math.ceil(wait_s)))

    def _account(self, code: Code) -> User:
        known = self._store[User].get(code.user_id or code.person_id)
        return known or self._directory.create_machine(self._directory.workspace(code.workspace_id))

    def _decoy_salt(self, code_id: str) -> bytes:
        key = self._store[ServerKey].get(DECOY_KEY)
        if key is None:
            text = self._platform.chance.stream("decoy key").bytes(32).hex()
            key = self._store[ServerKey].put(ServerKey(id=DECOY_KEY, text=text))
        info = code_id.encode()
        salt = HKDF(algorithm=SHA256(), length=rules.SALT_BYTES, salt=None, info=info).derive(bytes.fromhex(key.text))
        return bytes([salt[0] or 1]) + salt[1:]

    def _forget_challenges(self) -> None:
        now = self._platform.now()
        while (oldest := self._store[Challenge].first()) is not None and now >= oldest.expires:
            self._store[Challenge].drop(oldest.id)


def device_kind(model: str) -> str:
    """Return what a workspace may have one of: a room system, or a touch panel that stands alone."""
    return "panel" if "navigator" in model.lower() else "room"
