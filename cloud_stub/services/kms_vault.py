"""What the key service keeps: its own RSA key, channels, keys of texts, resources, and who may have which key.

Source: protocol/cloud-services.md 7.1 and 7.5. That a meeting's key is for everybody who is invited to it is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BoundHit, Forbidden, NotFound
from cloud_stub.platform.records import KmsChannel, KmsKey, KmsResource, Meeting, ServerKey
from endpoint.wire.jose import KEY_BYTES, SharedKey
from endpoint.wire.kms import UNKNOWN_KEY
from endpoint.wire.kms_cluster import cluster_details, self_made_certificate

RSA_BITS = 2048
CHANNEL_LIFE_S = 3600.0
CHANNELS_PER_USER = 20
"""The oldest are forgotten."""
KEYS_PER_USER = 10_000
"""Keys that a user may make, so that there is room for those of meetings."""
CIPHERS_KEPT = 5_000
KEYS_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC))
STRANGER = "kms.elsewhere.test"
_OWN_KEY = "kms key"


@dataclass(frozen=True, slots=True)
class Own:
    """The RSA key of the cluster, and its URI."""

    private: rsa.RSAPrivateKey
    kid: str


class _Kept(msgspec.Struct):
    kid: str
    pem: str


@lru_cache(maxsize=1)
def _simulated_key() -> rsa.RSAPrivateKey:
    """Make the RSA key of all clouds of this process that keep nothing and repeat: making one takes longer than a whole run."""
    return rsa.generate_private_key(65537, RSA_BITS)


class Vault:
    """All keys of the cloud."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._keys = platform.store[KmsKey]
        self._resources = platform.store[KmsResource]
        self._channels = platform.store[KmsChannel]
        self._ciphers: dict[str, SharedKey] = {}
        self.host = f"kms.{platform.hosts.domains['wbx2']}"
        self.uri = f"kms://{self.host}"

    # -- the cluster ------------------------------------------------------------------------------------------------------------------

    @cached_property
    def own(self) -> Own:
        """The RSA key, made when it is first asked for."""
        kept = self._platform.store[ServerKey].get(_OWN_KEY)
        if kept is not None:
            found = msgspec.json.decode(kept.text, type=_Kept)
            private = serialization.load_pem_private_key(found.pem.encode(), None)
            assert isinstance(private, rsa.RSAPrivateKey), "we wrote it"
            return Own(private, found.kid)
        kid = f"{self.uri}/keys/{self._platform.uuid('kms cluster key')}"
        lasts = self._platform.state_dir is not None
        if not lasts and self._platform.chance.seeded:
            return Own(_simulated_key(), kid)
        own = Own(rsa.generate_private_key(65537, RSA_BITS), kid)
        if lasts:
            form = serialization.PrivateFormat.PKCS8
            pem = own.private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
            kept_text = msgspec.json.encode(_Kept(kid, pem)).decode()
            self._platform.store[ServerKey].put(ServerKey(id=_OWN_KEY, text=kept_text))
        return own

    @cached_property
    def details(self) -> dict[str, Any]:
        """What clients are told of the cluster, with a certificate that it has made itself."""
        return self._details(self.host)

    @cached_property
    def false_details(self) -> dict[str, Any]:
        """The same with a certificate for another host."""
        return self._details(STRANGER)

    def _details(self, host: str) -> dict[str, Any]:
        begins, ends = CERTIFICATE_LIFE
        certificate = self_made_certificate(self.own.private, host, serial=1, not_before=begins, not_after=ends)
        return cluster_details(self.uri, self.own.kid, self.own.private.public_key(), certificate)

    # -- channels ---------------------------------------------------------------------------------------------------------------------

    def add_channel(self, secret: bytes, uri: str, user_id: str, client_id: str) -> KmsChannel:
        """Keep a channel that was agreed on; the oldest of its user go."""
        now = self._platform.now()
        mine = self._channels.where("user_id", user_id)
        for old in mine[: max(0, len(mine) - CHANNELS_PER_USER + 1)]:
            self._channels.drop(old.id)
        expires = now + timedelta(seconds=CHANNEL_LIFE_S)
        return self._channels.put(
            KmsChannel(id=uri, secret=secret, user_id=user_id, client_id=client_id, created=now, expires=expires)
        )

    def channel(self, uri: str) -> KmsChannel | None:
        """Return a channel, over or not; None if there is none."""
        return self._channels.get(uri)

    def is_over(self, channel: KmsChannel) -> bool:
        """Tell whether a channel's life has ended."""
        return self._platform.now() >= channel.expires

    def end_channel(self, uri: str) -> None:
        """Let a channel's life end now."""
        if uri in self._channels:
            self._channels.change(uri, expires=self._platform.now())

    # -- keys -------------------------------------------------------------------------------------------------------------------------

    def new_key(self, user_id: str) -> KmsKey:
        """Make a key that is nobody's but its creator's.

        Raises:
            BoundHit: the user has too many.
        """
        if self._keys.count("user_id", user_id) >= KEYS_PER_USER:
            raise BoundHit("keys of a user", KEYS_PER_USER)
        return self._make(f"{self.uri}/keys/{self._platform.new_id('kms key', user_id)}", user_id=user_id)

    def meeting_key(self, meeting_id: str) -> KmsKey:
        """Return the key of a meeting; made when it is first asked for."""
        known = self._keys.where("meeting_id", meeting_id)
        if known:
            return known[0]
        if len(self._keys) >= self._keys.limit:
            self._forget_meetings_gone()
        return self._make(f"{self.uri}/keys/{self._platform.new_id('meeting key', meeting_id)}", meeting_id=meeting_id)

    def user_key(self, user_id: str) -> KmsKey:
        """Return the key for what a user is told apart from meetings; made when it is first asked for."""
        uri = f"{self.uri}/keys/{uuid5(NAMESPACE_URL, self.uri + '/users/' + user_id)}"
        return self._keys.get(uri) or self._make(uri, user_id=user_id)

    def _make(self, uri: str, *, user_id: str = "", meeting_id: str = "") -> KmsKey:
        secret = self._platform.chance.stream("kms key", uri).bytes(KEY_BYTES)
        now = self._platform.now()
        return self._keys.put(KmsKey(id=uri, secret=secret, created=now, user_id=user_id, meeting_id=meeting_id))

    def _forget_meetings_gone(self) -> None:
        """Make room: keys of meetings that are in no calendar any more are of no use."""
        meetings = self._platform.store[Meeting]
        for key in self._keys:
            if key.meeting_id and key.meeting_id not in meetings:
                self._keys.drop(key.id)

    def cipher(self, key: KmsKey) -> SharedKey:
        """Return what seals and opens texts with a key."""
        found = self._ciphers.get(key.id)
        if found is None:
            if len(self._ciphers) >= CIPHERS_KEPT:
                self._ciphers.clear()
            found = self._ciphers[key.id] = SharedKey(key.secret)
        return found

    def key_for(self, uri: str, user_id: str) -> KmsKey:
        """Return a key to a user who may have it.

        Raises:
            NotFound: there is none, or its meeting is gone.
            Forbidden: it is not for this user.
        """
        key = self._keys.get(uri)
        meeting = self._platform.store[Meeting].get(key.meeting_id) if key is not None and key.meeting_id else None
        if key is None or (key.meeting_id and meeting is None):
            raise NotFound("not found", str(UNKNOWN_KEY))
        resource = self._resources.get(key.resource_uri) if key.resource_uri else None
        is_invited = meeting is not None and user_id in (meeting.organizer_id, *meeting.user_ids)
        is_named = resource is not None and user_id in resource.user_ids
        if user_id != key.user_id and not is_invited and not is_named:
            raise Forbidden("The user is not authorized for the key.", "403001")
        return key

    # -- resources --------------------------------------------------------------------------------------------------------------------

    def new_resource(self, creator: str, user_ids: tuple[str, ...], keys: list[KmsKey]) -> KmsResource:
        """Make a resource, and bind keys to it."""
        uri = f"{self.uri}/resources/{self._platform.new_id('kms resource', creator)}"
        who = tuple(dict.fromkeys((creator, *user_ids)))
        with self._platform.store.transaction():
            resource = self._resources.put(KmsResource(id=uri, user_ids=who, created=self._platform.now()))
            for key in keys:
                self.bind(key, uri)
        return resource

    def bind(self, key: KmsKey, resource_uri: str) -> KmsKey:
        """Bind a key to a resource."""
        return self._keys.change(key.id, resource_uri=resource_uri, bound=self._platform.now())

    def bound_to(self, resource_uri: str) -> list[KmsKey]:
        """Return the keys of a resource."""
        return self._keys.where("resource_uri", resource_uri)

    def resource_for(self, uri: str, user_id: str) -> KmsResource:
        """Return a resource to a user whom it names; NotFound, Forbidden as in `key_for`."""
        resource = self._resources.get(uri)
        if resource is None:
            raise NotFound("not found", "404003")
        if user_id not in resource.user_ids:
            raise Forbidden("The user is not authorized for the resource.", "403001")
        return resource

    def allow(self, resource: KmsResource, user_ids: tuple[str, ...]) -> KmsResource:
        """Let exactly these users have the keys of a resource."""
        return self._resources.change(resource.id, user_ids=tuple(dict.fromkeys(user_ids)))
