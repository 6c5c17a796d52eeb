"""The device side of a recording, played to a cloud under test: what it answers is compared with what was recorded.

Requests go out in their recorded order. What the cloud has given out in this run takes the place of what it gave out then: tokens by their
placeholders, ids by their places. The activation is computed from the code. Events that the cloud sends by itself are told, not judged:
nobody does here what made it send them.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from endpoint.runtime import httpnet
from endpoint.runtime.chance import Actor
from endpoint.runtime.clock import Clock
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.httpnet import NetConnectionError, NetConnector, no_timeout
from endpoint.runtime.net import Net
from endpoint.runtime.tls import TlsClient
from endpoint.wire import activation, codec, kms, srp
from endpoint.wire.activation.code import Code
from endpoint.wire.activation.messages import RegisterRequest
from endpoint.wire.conventions import is_url
from endpoint.wire.envelope import (
    CONFIG_DATA,
    OAUTH_DATA,
    REGISTER_DATA,
    SERVICE_DATA,
    Kind,
    Sealed,
    SessionKeys,
    transcript_hash,
)
from endpoint.wire.errors import RemoteProtocolError
from scenarios.runner.recording.matching import content
from scenarios.runner.recording.model import Exchange, Recording, Socket
from scenarios.runner.recording.rules import SECRET, Difference, Pairs, Rules, instant_of, shifted

TIMEOUT_S: Final = 30.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
FRAMES_MAX: Final = 10_000
OWN: Final = frozenset({"content-length", "host", "connection", "user-agent", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Compared:
    """One request that was played: its number and title in the recording, and where the answer differs."""

    n: int
    title: str
    differences: tuple[Difference, ...]


@dataclass
class Outcome:
    """What came of playing a device to a cloud."""

    compared: list[Compared] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    recorded_events: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)

    @property
    def differences(self) -> list[Compared]:
        """The requests whose answers differ."""
        return [one for one in self.compared if one.differences]

    def lines(self) -> list[str]:
        """Print it as a diff: recorded lines with a minus, those of now with a plus."""
        rows = []
        for one in self.differences:
            rows.append(f"@@ request {one.n}  {one.title}")
            for difference in one.differences:
                rows += [f"- {difference.place}: {difference.recorded}", f"+ {difference.place}: {difference.actual}"]
        rows.append(f"{len(self.compared)} requests compared, {len(self.differences)} with differences")
        rows += [f"not played: {count} x {why}" for why, count in sorted(self.skipped.items())]
        silent = self.recorded_events - self.events
        rows += [f"not judged: event {name}, recorded {count} x more" for name, count in sorted(silent.items())]
        return rows


class Unanswered(Exception):
    """The cloud under test did not answer."""


@dataclass
class DeviceSide:
    """Plays the device of a recording.

    Args:
        code: what the cloud under test expects for an activation; None plays none.
        pause: waits until the next request is due, given the recorded second.
    """

    recording: Recording
    code: Code | None
    clock: Clock
    chance: Actor
    net: Net
    tls: TlsClient
    rules: Rules
    pause: Callable[[float], Any]
    outcome: Outcome = field(default_factory=Outcome)
    pairs: Pairs = field(default_factory=Pairs)
    secrets: dict[str, str] = field(default_factory=dict)
    _shift: timedelta = timedelta()
    _exchange: _Activation | None = None
    _asked: int = 0

    async def run(self) -> Outcome:
        """Play everything, and return what came of it."""
        self._shift = self.clock.now() - instant_of(str(self.recording.about.get("start", "")))
        steps: list[tuple[int, Exchange | Socket]] = [(one.t_us, one) for one in self.recording.exchanges]
        steps += [(one.t_us, one) for one in self.recording.sockets]
        steps.sort(key=lambda step: (step[0], isinstance(step[1], Socket)))
        sockets: list[asyncio.Task[None]] = []
        async with self._session() as session:
            try:
                for t_us, step in steps:
                    await self.pause(t_us / 1e6)
                    if isinstance(step, Socket):
                        opened = asyncio.Event()
                        sockets.append(asyncio.create_task(self._listen(session, step, opened)))
                        with suppress(TimeoutError):
                            async with self.clock.timeout(TIMEOUT_S):
                                await opened.wait()
                    else:
                        await self._play(session, step)
            finally:
                for task in sockets:
                    task.cancel()
                await asyncio.gather(*sockets, return_exceptions=True)
        return self.outcome

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = NetConnector(self.net, lambda: self.tls)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=no_timeout(),
            skip_auto_headers=("Accept-Encoding", "User-Agent"),
        )
        try:
            yield session
        finally:
            await session.close()

    async def _play(self, session: aiohttp.ClientSession, one: Exchange) -> None:
        if not one.status:
            self.outcome.skipped["request that nobody had answered"] += 1
        elif one.path.endswith(kms.MESSAGES_PATH):
            self.outcome.skipped["message to the key service: what was sealed then cannot be sealed again"] += 1
        elif one.step and (self.code is None or one.status != 200):
            self.outcome.skipped["step of an activation: it was refused then, or there is no --code"] += 1
        else:
            await self._compare(session, one)

    async def _compare(self, session: aiohttp.ClientSession, one: Exchange) -> None:
        try:
            body = self._step_body(one) if one.step else self._now(one.body).encode()
        except RemoteProtocolError as error:
            self.outcome.skipped[f"step of an activation: {error}"] += 1
            return
        missing = SECRET.search(self._now(f"{one.url} {one.headers} {body.decode('utf-8', 'replace')}"))
        if missing is not None:
            kind = missing[0][1:].partition("#")[0]
            self.outcome.skipped[f"request with a {kind.replace('_', ' ')} that this run has not given out"] += 1
            return
        try:
            status, mime, answer = await self._send(session, one, body)
        except Unanswered as error:
            found = [Difference("answer", str(one.status), f"nothing: {error}")]
        else:
            found = self._judge(one, status, mime, answer)
        self.outcome.compared.append(Compared(one.n, one.title, tuple(found)))

    def _judge(self, one: Exchange, status: int, mime: str, answer: str) -> list[Difference]:
        found = [] if status == one.status else [Difference("status", str(one.status), str(status))]
        kinds = (one.answer_mime.partition(";")[0].strip(), mime.partition(";")[0].strip())
        if kinds[0] != kinds[1] and one.answer:
            found.append(Difference("content type", kinds[0] or "nothing", kinds[1] or "nothing"))
        recorded, actual = content(one.answer, one.answer_mime), content(answer, mime)
        if one.step and status == 200 and self._exchange is not None:
            found += self._opened(one, actual)
        else:
            self._learn(recorded, actual)
            found += self.rules.differences(recorded, actual, "")
        return found

    async def _send(self, session: aiohttp.ClientSession, one: Exchange, body: bytes) -> tuple[int, str, str]:
        self._asked += 1
        headers = {name: self._now(value) for name, value in one.headers if name.lower() not in OWN}
        url = self._now(one.url)
        if not is_url(url):
            raise Unanswered("the address is none")
        try:
            async with self.clock.timeout(TIMEOUT_S):
                with httpnet.request(one.service, is_direct=True, on_answer=None):
                    async with session.request(
                        one.method, url, data=body or None, headers=headers, ssl=not one.step, allow_redirects=False
                    ) as answer:
                        data = await answer.content.read(ANSWER_BYTES_MAX)
                        while not answer.content.at_eof() and len(data) < ANSWER_BYTES_MAX:
                            data += await answer.content.read(ANSWER_BYTES_MAX)
                        return answer.status, answer.headers.get("Content-Type", ""), data.decode("utf-8", "replace")
        except TimeoutError:
            raise Unanswered(f"timeout after {TIMEOUT_S:g} s") from None
        except NetConnectionError as error:
            raise Unanswered(error.reason.reason) from None
        except (aiohttp.ClientError, Unreachable, OSError, ValueError) as error:
            raise Unanswered(type(error).__name__) from None

    # -- what stands for what ---------------------------------------------------------------------------------------------------------

    def _now(self, text: str) -> str:
        """Return a recorded text as it is said in this run; secrets that nobody has given out stay placeholders."""
        text = self.pairs.text(text)
        text = SECRET.sub(lambda found: self.secrets.get(found[0], found[0]), text)
        return shifted(text, self._shift)

    def _learn(self, recorded: Any, actual: Any) -> None:
        """Take from an answer what this run has given out."""
        self.pairs.learn(recorded, actual)
        self._learn_secrets(recorded, actual)

    def _learn_secrets(self, recorded: Any, actual: Any) -> None:
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key in recorded.keys() & actual.keys():
                self._learn_secrets(recorded[key], actual[key])
        elif isinstance(recorded, list) and isinstance(actual, list):
            for one, other in zip(recorded, actual, strict=False):
                self._learn_secrets(one, other)
        elif isinstance(recorded, str) and isinstance(actual, str):
            if SECRET.fullmatch(recorded) and not SECRET.search(actual):
                self.secrets[recorded] = actual
            elif is_url(recorded) and is_url(actual):
                self.pairs.put([(_origin(recorded), _origin(actual))])

    # -- activation -------------------------------------------------------------------------------------------------------------------

    def _step_body(self, one: Exchange) -> bytes:
        """Make the body of a step of the activation anew."""
        assert self.code is not None, "asked for with a code"
        if one.step == "challenge":
            self._exchange = _Activation(self.code, self.chance)
            return codec.encode(activation.ChallengeRequest(activation_id=self.code.activation_id))
        if self._exchange is None:
            raise RemoteProtocolError(one.step, "a challenge before it")
        kind = OAUTH_DATA if one.step == "invoke" else REGISTER_DATA
        plain = json.loads(self._now(json.dumps(one.opened.get(kind.name) or {})))
        return self._exchange.sealed(kind, codec.encode(plain))

    def _opened(self, one: Exchange, answer: Any) -> list[Difference]:
        """Open what a step was answered, and compare what it holds."""
        assert self._exchange is not None, "the step was asked"
        if not isinstance(answer, dict):
            return [Difference("body", "an object", "none")]
        self.pairs.learn({"url": (one.answer_json or {}).get("url")}, {"url": answer.get("url")})
        try:
            if one.step == "challenge":
                self._exchange.challenged(codec.convert(answer, activation.ChallengeReply))
                return []
            kind = SERVICE_DATA if one.step == "invoke" else CONFIG_DATA
            plain = self._exchange.open(kind, answer)
        except RemoteProtocolError as error:
            return [Difference(error.where, "what proves the cloud", "what does not")]
        recorded = one.opened.get(kind.name) or {}
        self._learn(recorded, plain)
        hidden = {name: value for name, value in plain.items() if name not in ("certificates", "trustList")}
        return self.rules.differences(
            {key: recorded[key] for key in recorded if key in hidden or key not in plain}, hidden, kind.name
        )

    # -- websocket --------------------------------------------------------------------------------------------------------------------

    async def _listen(self, session: aiohttp.ClientSession, recorded: Socket, opened: asyncio.Event) -> None:
        """Open a websocket as the device did, and count what comes."""
        for message in recorded.messages:
            name = _event(message.json)
            if name and not message.is_sent:
                self.outcome.recorded_events[name] += 1
        first = next((message for message in recorded.messages if message.is_sent), None)
        try:
            with httpnet.request("mercury", is_direct=True, on_answer=None):
                ws = await session.ws_connect(self._now(recorded.url), autoping=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self.outcome.compared.append(
                Compared(recorded.n, f"websocket {recorded.url}", (Difference("upgrade", "101", type(error).__name__),))
            )
            opened.set()
            return
        self.outcome.compared.append(Compared(recorded.n, f"websocket {urlsplit(recorded.url).hostname}", ()))
        if first is not None:
            await ws.send_str(self._now(first.text))
        async for came in ws:
            frame = read(came.data)
            name = _event(frame)
            if isinstance(frame, dict) and "id" in frame:
                await ws.send_str(json.dumps({"type": "ack", "messageId": frame["id"]}))
            if name and sum(self.outcome.events.values()) < FRAMES_MAX:
                self.outcome.events[name] += 1
            opened.set()


class _Activation:
    """The device's side of one activation."""

    def __init__(self, code: Code, chance: Actor) -> None:
        self._code = code
        self._draws = chance.stream("played srp")
        self._keys: SessionKeys | None = None
        self._b = self._a = b""

    def challenged(self, reply: activation.ChallengeReply) -> None:
        """Compute the keys from the answer to the challenge; RemoteProtocolError if it is none."""
        identity = self._code.activation_id.encode()
        self._b, salt = codec.b64decode_strict(reply.srp_b, "srpB"), codec.b64decode_strict(reply.srp_s, "srpS")
        exponent = self._draws.bytes(srp.EXPONENT_BYTES)
        self._a = srp.client_public(exponent)
        key = srp.client_key(
            identity,
            self._code.secret.reveal().encode(),
            salt,
            a=exponent,
            client_public=self._a,
            server_public=self._b,
        )
        self._keys = SessionKeys.derive(key, transcript_hash(identity, salt, self._a, self._b))

    def sealed(self, kind: Kind, plain: bytes) -> bytes:
        """Return the body of invoke or register."""
        if self._keys is None:
            raise RemoteProtocolError(kind.name, "an answered challenge before it")
        sealed = self._keys.seal(kind, plain, self._draws.bytes(16))
        if kind is OAUTH_DATA:
            return codec.encode(activation.InvokeRequest.of(self._a, self._b, sealed))
        return codec.encode(RegisterRequest.of(self._b, sealed))

    def open(self, kind: Kind, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what a sealed member of an answer holds; RemoteProtocolError if it does not prove the cloud."""
        assert self._keys is not None, "sealed with them before"
        blob = codec.b64decode_strict(str(answer.get(kind.name, "")), kind.name)
        mac = codec.b64decode_strict(str(answer.get(f"{kind.name}HMAC", "")), kind.name)
        return codec.decode(self._keys.open(kind, Sealed(blob, mac)), dict[str, Any], kind.name)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _event(frame: Any) -> str:
    data = frame.get("data") if isinstance(frame, dict) else None
    return str(data.get("eventType") or "") if isinstance(data, dict) else ""


def read(text: Any) -> Any:
    """Read a frame, or return None."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return None
