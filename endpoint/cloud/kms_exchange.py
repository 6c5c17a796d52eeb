"""One round with the key service: requests go out in one HTTP request, answers come over Mercury one by one.

Source: protocol/cloud-services.md 7.2, 7.3, 7.7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.kms_failures import KmsUnavailable
from endpoint.runtime.chance import Stream
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.world import World
from endpoint.wire import codec, kms


@dataclass(frozen=True, slots=True)
class Asked:
    """Something to ask: what the request is about, and the members that it has of its own."""

    method: str
    uri: str
    more: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""


Take = Callable[[Asked, kms.Answer], object]


@dataclass(slots=True)
class _Round:
    left: dict[str, Asked]
    take: Take
    done: asyncio.Future[None]


class Exchange:
    """Ask for one device, and find out what an answer is the answer to."""

    __slots__ = ("_catalog", "_client", "_identity", "_waiting", "_world", "draws")

    def __init__(self, world: World, identity: Identity, catalog: ServiceCatalog, client: Callable[[], str]) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._client = client
        self._waiting: dict[str, _Round] = {}
        self.draws: Stream = world.chance.stream("kms")

    async def ask(
        self, cluster: str, wrap: Callable[[bytes], str], asked: Sequence[Asked], wait_s: float, take: Take
    ) -> list[Asked]:
        """Ask once, and give each answer to `take` as it comes; returns what was not answered in time.

        Raises:
            KmsUnavailable: nothing can be asked: no account, no registration, no such service.
        """
        account, client_id = self._identity.account, self._client()
        if account is None or not client_id:
            raise KmsUnavailable("the device is not registered")
        credential = kms.Credential(bearer=account.token.access_token, user_id=account.user_id)
        client = kms.Client(client_id=client_id, credential=credential)
        left: dict[str, Asked] = {}
        messages: list[str] = []
        plain: list[kms.Request] = []
        for one in asked:
            request_id = self.draws.uuid()
            left[request_id] = one
            request = kms.Request(method=one.method, uri=one.uri, request_id=request_id, client=client, **one.more)
            messages.append(wrap(codec.encode(request)))
            plain.append(request)
        mine = _Round(left, take, asyncio.get_running_loop().create_future())
        numbers = list(left)
        self._waiting |= dict.fromkeys(numbers, mine)
        try:
            with suppress(TimeoutError):
                async with self._world.clock.timeout(wait_s):
                    await self._post(cluster, messages, plain)
                    await mine.done
        finally:
            for number in numbers:
                self._waiting.pop(number, None)
        return list(mine.left.values())

    async def _post(self, cluster: str, messages: list[str], plain: list[kms.Request]) -> None:
        """Post the requests; a request that fails is in the log, and is made up for as one that is not answered."""
        body = kms.Post(destination=cluster, kms_messages=messages)
        try:
            url = self._catalog.url(kms.SERVICE) + kms.MESSAGES_PATH
            await self._identity.send(Call("POST", url, kms.SERVICE, body, opened={"kmsMessages": plain}))
        except Unreachable:
            return
        except EndpointError as error:
            raise KmsUnavailable(str(error)) from None

    def answered(self, answer: kms.Answer) -> bool:
        """Hand an answer to whoever waits for it; returns whether somebody did."""
        mine = self._waiting.pop(answer.request_id, None)
        if mine is None:
            return False
        one = mine.left.pop(answer.request_id)
        mine.take(one, answer)
        if not mine.left and not mine.done.done():
            mine.done.set_result(None)
        return True
