"""The device's keys: fetched from the key service when a text first needs them, and kept.

Nothing is there until then: no cluster, no channel. Requests go out over HTTP, many in one; answers come over Mercury. An answer that
does not come is asked for again, with a new request id, after 6, 12, 24 and 48 s; after the second silence in a row over a new channel.
A key service that does not prove who it is is asked nothing more until the notification channel opens anew.

Source: protocol/cloud-services.md 7; waits documented, the rules for giving up a channel and for asking again ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Backoff, Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.kms_exchange import Asked, Exchange, Take
from endpoint.cloud.kms_failures import Failures, KmsNotTrusted, KmsRefused, KmsUnavailable
from endpoint.cloud.shared import Dropped, Shared
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import jose, kms
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import SharedKey
from endpoint.wire.kms_cluster import BadCertificate, Cluster, parse_cluster

KEYS_MAX: Final = 256
"""Keys that are kept; the one used longest ago leaves first."""
DETAILS_RETRIES_S: Final = (1.0, 2.0, 4.0)
DETAILS_TOTAL_S: Final = 60.0
NEW_CHANNEL_AFTER: Final = 2
"""Tries without an answer after which the channel is taken for dead."""


class Keys:
    """The keys of one device."""

    __slots__ = (
        "_catalog", "_channel", "_client", "_cluster", "_exchange", "_identity", "_is_distrusted", "_keys", "_opening", "_tasks", "_world",
        "failures", "on_key", "push_is_up",
    )  # fmt: skip

    def __init__(
        self, world: World, identity: Identity, catalog: ServiceCatalog, tasks: Tasks, client: Callable[[], str]
    ) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._tasks = tasks
        self._client = client
        self._cluster: Cluster | None = None
        self._channel: kms.Channel | None = None
        self._exchange: Exchange | None = None
        self._opening: Shared[kms.Channel] | None = None
        self._keys: dict[str, SharedKey] = {}
        self._is_distrusted = False
        self.failures = Failures(world.clock)
        self.push_is_up: Callable[[], bool] = lambda: False
        self.on_key: Callable[[str], object] = lambda url: None
        """Told the URL of each key that has come."""

    # what others ask

    def known(self, url: str) -> SharedKey | None:
        """Return a key that is at hand."""
        found = self._keys.pop(url, None)
        if found is not None:
            self._keys[url] = found  # the last to leave
        return found

    def distrust(self, url: str) -> None:
        """Give up a key that does not open what it should; it is asked for again later."""
        self._keys.pop(url, None)
        self.failures.note([url])

    async def fetch(self, urls: Iterable[str]) -> None:
        """Fetch keys that are not at hand; `on_key` is told of each as it comes, `failures` knows of those that do not.

        Raises:
            KmsError: the key service cannot be asked, or does not answer.
        """
        wanted = [url for url in dict.fromkeys(urls) if url not in self._keys]
        for at in range(0, len(wanted), kms.BATCH_MAX):
            left = dict.fromkeys(wanted[at : at + kms.BATCH_MAX])

            def take(asked: Asked, answer: kms.Answer, left: dict[str, None] = left) -> Asked | None:
                return self._take_key(asked, answer, left)

            try:
                await self._ask([Asked(kms.RETRIEVE, url, {}, about=url) for url in left], take)
            except EndpointError as error:
                self.failures.note(wanted[at + kms.BATCH_MAX :])
                self._world.log.line("Wx2", "W", f"KMS not available: {error}")
                raise
            finally:
                self.failures.note(left)

    def _take_key(self, asked: Asked, answer: kms.Answer, left: dict[str, None]) -> Asked | None:
        """Take the answer to a request for a key; returns what is to be asked instead, if the key has moved."""
        moved = answer.moved_to
        if moved is not None and asked.uri == asked.about:
            return Asked(kms.RETRIEVE, moved, {}, about=asked.about)
        if answer.is_refusal or moved is not None:
            self._world.log.line("Wx2", "W", f"KMS refused a key: {answer.status}")
            return None
        try:
            key = kms.read_key(answer.key, asked.uri)
        except RemoteProtocolError as error:
            self._world.log.line("Wx2", "W", f"KMS message ignored: {error}")
            return None
        left.pop(asked.about, None)
        self._keep(asked.about, key)
        self.on_key(asked.about)
        if asked.about in self._keys:  # it opens what it should
            self.failures.forget(asked.about)
        return None

    def _keep(self, url: str, key: SharedKey) -> None:
        self._keys[url] = key
        while len(self._keys) > KEYS_MAX:
            del self._keys[next(iter(self._keys))]

    async def create(self) -> tuple[str, SharedKey]:
        """Make a key of the device's own; returns its URL with it.

        Raises:
            KmsError: the key service cannot be asked, does not answer, or refuses.
        """
        answers: list[kms.Answer] = []

        await self._ask([Asked(kms.CREATE, "/keys", {"count": 1})], lambda one, answer: answers.append(answer))
        answer = answers[0]
        if answer.is_refusal:
            raise KmsRefused(answer.status)
        try:
            made = answer.keys[0] if answer.keys else None
            url = made.uri if made is not None else ""
            key = kms.read_key(made, url)
        except RemoteProtocolError:
            raise KmsUnavailable("unexpected content") from None
        self._keep(url, key)
        return url, key

    def again(self) -> None:
        """Forget what went wrong: the notification channel has opened anew."""
        self.failures.clear()
        self._is_distrusted = False

    def forget(self) -> None:
        """Drop keys, channel and what is on its way: the account is gone, or the device goes off."""
        self._cluster = self._channel = None
        self._keys.clear()
        self.again()
        if self._opening is not None:
            self._opening.drop()
        self._exchange = None

    def on_event(self, data: Mapping[str, Any]) -> None:
        """Take a pushed `encryption.kms_message`; a member that cannot be read is logged, and the others are taken.

        Raises:
            RemoteProtocolError: there is no message in it.
        """
        for message in kms.parse_event(data):
            try:
                plain = self._opened(message)
                self._world.tap.opened_message(plain)
                answer = kms.parse_answer(plain)
                if self._exchange is None or not self._exchange.answered(answer):
                    raise RemoteProtocolError("kms answer.requestId", "one that is waited for")
            except RemoteProtocolError as error:
                self._world.log.line("Wx2", "W", f"KMS message ignored: {error}")

    def _opened(self, message: str) -> bytes:
        if kms.is_signed(message):
            if self._cluster is None:
                raise RemoteProtocolError("kms message", "an answer to what was asked")
            return jose.verified(self._cluster.key, message, "kms message")
        channel = self._channel
        if channel is None or kms.channel_of(message) != channel.uri:
            raise RemoteProtocolError("kms message header", "kid is the channel that is open")
        return channel.key.open(message, "kms message")

    # asking

    async def _ask(self, asked: Sequence[Asked], take: Callable[[Asked, kms.Answer], Asked | None]) -> None:
        """Ask over the channel until everything is answered; `take` is given each answer, and may ask for something instead.

        Raises:
            KmsError: it cannot be asked, or four tries were not answered.
        """
        left, silences, is_renewed = list(asked), 0, False
        while left:
            channel = await self._open()
            stale: list[Asked] = []
            instead: list[Asked] = []

            def took(
                one: Asked, answer: kms.Answer, stale: list[Asked] = stale, instead: list[Asked] = instead
            ) -> None:
                if answer.error_code == kms.EXPIRED_CHANNEL:
                    stale.append(one)
                elif (other := take(one, answer)) is not None:
                    instead.append(other)

            silent = await self._round(channel, left, kms.TIMEOUTS_S[silences], took)
            silences += bool(silent)
            if silences == len(kms.TIMEOUTS_S):
                raise KmsUnavailable("no answer")
            if stale and is_renewed:
                raise KmsUnavailable("the channel is refused")
            if stale or silences == NEW_CHANNEL_AFTER:
                is_renewed = is_renewed or bool(stale)
                self._channel = None
            left = [*silent, *stale, *instead]

    async def _round(self, channel: kms.Channel, asked: Sequence[Asked], wait_s: float, take: Take) -> list[Asked]:
        cluster, exchange = self._cluster, self._exchange
        if cluster is None or exchange is None:
            raise KmsUnavailable("the device went off")
        draw = exchange.draws.bytes
        return await exchange.ask(
            cluster.uri, lambda plain: channel.key.seal(plain, draw(jose.IV_BYTES)), asked, wait_s, take
        )

    async def _open(self) -> kms.Channel:
        """Return the channel; agree on one if there is none, or it is about to end. Callers at the same time share one agreement."""
        if not self.push_is_up():
            raise KmsUnavailable("the notification channel is down")
        if self._is_distrusted:
            raise KmsNotTrusted("certificate refused")
        channel = self._channel
        if channel is not None and self._world.clock.now() < channel.expires - timedelta(seconds=kms.RENEWAL_S):
            return channel
        if self._opening is None:
            self._opening = Shared(self._tasks, "KMS channel")
        try:
            return await self._opening.run(self._agree)
        except Dropped:
            raise KmsUnavailable("the device went off") from None

    async def _agree(self) -> kms.Channel:
        exchange = self._exchange
        if exchange is None:
            exchange = self._exchange = Exchange(self._world, self._identity, self._catalog, self._client)
        cluster = self._cluster = self._cluster or await self._details()
        draw = exchange.draws.bytes
        answers: list[kms.Answer] = []
        mine = kms.Ephemeral(draw(kms.SCALAR_BYTES))
        asked = [Asked(kms.CREATE, f"{cluster.uri}/ecdhe", {"jwk": mine.jwk})]
        for wait_s in kms.TIMEOUTS_S:
            await exchange.ask(
                cluster.uri,
                lambda plain: jose.seal_to(cluster.key, cluster.kid, plain, draw(jose.ENTROPY_BYTES)),
                asked,
                wait_s,
                lambda one, answer: answers.append(answer),
            )
            if answers:
                break
        else:
            raise KmsUnavailable("no answer")
        if answers[0].is_refusal:
            raise KmsRefused(answers[0].status)
        try:
            channel = self._channel = kms.open_channel(answers[0], mine)
        except RemoteProtocolError:
            raise KmsUnavailable("unexpected content") from None
        until = iso_ms(channel.expires)
        self._world.log.line("Wx2", "3", f"KMS channel open until {until}")
        self._world.trace.event(self._world.who, "kms.channel", peer="cloud:encryption", data={"until": until})
        return channel

    async def _details(self) -> Cluster:
        """Ask who the key service is, and check it."""
        account = self._identity.account
        if account is None:
            raise KmsUnavailable("the device has no account")
        path = kms.user_path(account.user_id)
        try:
            answer = await self._identity.send_until_answered(
                lambda: Call("GET", self._catalog.url(kms.SERVICE) + path, kms.SERVICE),
                Backoff(self._world, "kms", DETAILS_RETRIES_S),
                total_s=DETAILS_TOTAL_S,
            )
        except EndpointError as error:
            raise KmsUnavailable(str(error)) from None
        if not answer.ok:
            raise KmsUnavailable(str(answer.status))
        try:
            return parse_cluster(answer.body)
        except BadCertificate as error:
            self._is_distrusted = True
            raise KmsNotTrusted(f"certificate refused: {error.rule}") from None
        except RemoteProtocolError:
            raise KmsUnavailable("unexpected content") from None
