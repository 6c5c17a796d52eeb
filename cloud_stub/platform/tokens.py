"""Tokens: issued, verified, revoked, expired on the clock.

Only digests are kept. A presented token is looked up by its SHA-256, so nothing that is compared depends on how much of a guess is
right. Shape and grants: protocol/cloud-services.md 8; lives as in the example of activation-and-media.md 2.11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from cloud_stub.platform.errors import Forbidden, Unauthorized
from cloud_stub.platform.records import Token, TokenKind, User
from cloud_stub.platform.store import Store
from endpoint.runtime.chance import Actor
from endpoint.runtime.clock import Clock
from endpoint.wire import identity
from endpoint.wire.secret import AccessToken, RefreshToken, Secret

CLUSTER = "P0A1"
ACCESS_LIFE_S = 64_799
REFRESH_LIFE_S = 5_183_999
TOKENS_PER_USER = 50
"""Tokens of one user that are remembered; dead ones go first, then those whose lives end first."""

DEVICE_SCOPES = ("spark:all", "spark:kms")
ADMIN_SCOPES = (
    "spark:all", "spark:kms", "spark-admin:devices_read", "spark-admin:devices_write", "spark-admin:workspaces_read",
    "spark-admin:workspaces_write", "spark-admin:people_read", "spark:xapi_statuses", "spark:xapi_commands", "webexsquare:admin",
    "identity:placeonetimepassword_create", "roomsim:control",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the refresh token that renews it; lives in seconds."""

    access: AccessToken
    refresh: RefreshToken
    scopes: tuple[str, ...]
    access_life_s: int
    refresh_life_s: int
    ids: tuple[str, str]

    def as_wire(self) -> identity.Token:
        """Return the token object that goes to the client."""
        return identity.Token(
            access_token=self.access,
            token_type="Bearer",  # noqa: S106  the scheme's name
            expires_in=self.access_life_s,
            refresh_token=self.refresh,
            refresh_token_expires_in=self.refresh_life_s,
            scope=" ".join(self.scopes),
        )


def digest(token: Secret) -> str:
    """Return the key under which a token is kept."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


class Tokens:
    """All tokens of the cloud."""

    def __init__(self, store: Store, clock: Clock, chance: Actor) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self.access_life_s = ACCESS_LIFE_S
        self.refresh_life_s = REFRESH_LIFE_S

    def issue(
        self,
        user: User,
        scopes: Iterable[str],
        *,
        client_id: str = "",
        provisional_s: float | None = None,
    ) -> Pair:
        """Issue an access and a refresh token.

        Args:
            provisional_s: seconds after which both die unless `confirm`ed; None = at once good for their lives.
        """
        scopes = tuple(scopes)
        self._make_room(user.id, 2)
        access = self._draw(user.id, "access token")
        refresh = RefreshToken(self._draw(user.id, "refresh token").reveal())
        ids = (
            self._keep(access, TokenKind.ACCESS, user, scopes, self.access_life_s, client_id, provisional_s),
            self._keep(refresh, TokenKind.REFRESH, user, scopes, self.refresh_life_s, client_id, provisional_s),
        )
        return Pair(access, refresh, scopes, self.access_life_s, self.refresh_life_s, ids)

    def issue_access(
        self, user: User, scopes: Iterable[str], *, client_id: str = "", life_s: int | None = None
    ) -> AccessToken:
        """Issue an access token alone, as scope reduction does."""
        self._make_room(user.id, 1)
        token = self._draw(user.id, "access token")
        self._keep(token, TokenKind.ACCESS, user, tuple(scopes), life_s or self.access_life_s, client_id, None)
        return token

    def renew(self, refresh: RefreshToken) -> Pair:
        """Issue a new access token for a refresh token, which stays the same and starts its life anew.

        Raises:
            Unauthorized: the refresh token is unknown, expired or revoked, or its user is gone.
        """
        record = self.verify(refresh, TokenKind.REFRESH)
        user = self.owner(record)
        expires = self._clock.now() + timedelta(seconds=self.refresh_life_s)
        self._store[Token].change(record.id, expires=expires, unless_confirmed=None)
        access = self.issue_access(user, record.scopes, client_id=record.client_id)
        ids = (digest(access), record.id)
        return Pair(access, refresh, record.scopes, self.access_life_s, self.refresh_life_s, ids)

    def peek(self, token: Secret) -> Token | None:
        """Return the record of a token whether it is good or not; None if there is none."""
        return self._store[Token].get(digest(token))

    def verify(self, token: Secret, kind: TokenKind = TokenKind.ACCESS) -> Token:
        """Return the record of a token that is good now.

        Raises:
            Unauthorized: unknown, of another kind, revoked or expired; the text says which of the last two.
        """
        record = self._store[Token].get(digest(token))
        now = self._clock.now()
        if record is None or record.kind is not kind:
            raise Unauthorized("The token is not known.")
        if record.revoked or (record.unless_confirmed is not None and now >= record.unless_confirmed):
            raise Unauthorized("The token was revoked.")
        if now >= record.expires:
            raise Unauthorized("The token has expired.")
        return record

    def require(self, record: Token, any_of: Iterable[str]) -> None:
        """Check that a token has at least one of the scopes.

        Raises:
            Forbidden: it has none of them.
        """
        wanted = tuple(any_of)
        if wanted and not set(wanted) & set(record.scopes):
            raise Forbidden(f"The token lacks the scope {' or '.join(wanted)}.")

    def owner(self, record: Token) -> User:
        """Return the user of a token.

        Raises:
            Unauthorized: the user is gone.
        """
        user = self._store[User].get(record.user_id)
        if user is None:
            raise Unauthorized("The account of the token is gone.")
        return user

    def confirm(self, token_ids: Iterable[str]) -> None:
        """Let provisional tokens live their lives."""
        for token_id in token_ids:
            if token_id in self._store[Token]:
                self._store[Token].change(token_id, unless_confirmed=None)

    def narrow(self, token_id: str, scopes: Iterable[str]) -> None:
        """Leave a token only these scopes."""
        self._store[Token].change(token_id, scopes=tuple(scopes))

    def revoke(self, token_id: str) -> bool:
        """Make a token bad for good; returns whether it was known."""
        if token_id not in self._store[Token]:
            return False
        self._store[Token].change(token_id, revoked=True)
        return True

    def revoke_all(self, user_id: str, kind: TokenKind | None = None) -> int:
        """Revoke the tokens of a user, all or those of one kind; returns how many were good until now."""
        return self._end(user_id, kind, revoked=True)

    def expire_all(self, user_id: str, kind: TokenKind | None = None) -> int:
        """Let the tokens of a user expire now; returns how many were good until now."""
        return self._end(user_id, kind, expires=self._clock.now())

    def _end(self, user_id: str, kind: TokenKind | None, **fields: object) -> int:
        now = self._clock.now()
        ended = 0
        for token in self._store[Token].where("user_id", user_id):
            if kind in (None, token.kind) and not token.revoked and now < token.expires:
                self._store[Token].change(token.id, **fields)
                ended += 1
        return ended

    def _draw(self, user_id: str, purpose: str) -> AccessToken:
        user = self._store[User].get(user_id)
        assert user is not None, "tokens are issued to known users"
        self._store[User].change(user_id, tokens_issued=user.tokens_issued + 1)
        opaque = self._chance.stream(purpose, user_id, user.tokens_issued).bytes(32).hex()
        return identity.make_token(opaque, CLUSTER, user.org_id)

    def _keep(
        self,
        token: Secret,
        kind: TokenKind,
        user: User,
        scopes: tuple[str, ...],
        life_s: int,
        client_id: str,
        provisional_s: float | None,
    ) -> str:
        now = self._clock.now()
        record = Token(
            id=digest(token),
            kind=kind,
            user_id=user.id,
            org_id=user.org_id,
            scopes=scopes,
            issued=now,
            expires=now + timedelta(seconds=life_s),
            client_id=client_id,
            unless_confirmed=None if provisional_s is None else now + timedelta(seconds=provisional_s),
        )
        self._store[Token].put(record)
        return record.id

    def _make_room(self, user_id: str, count: int) -> None:
        """Forget tokens of a user where there is no room for so many more."""
        known = self._store[Token].where("user_id", user_id)
        excess = len(known) + count - TOKENS_PER_USER
        if excess <= 0:
            return
        now = self._clock.now()
        dead = [token for token in known if token.revoked or now >= token.expires]
        living = sorted((token for token in known if token not in dead), key=lambda token: token.expires)
        for token in dead + living[: max(0, excess - len(dead))]:
            self._store[Token].drop(token.id)
