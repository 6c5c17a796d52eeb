"""A recorded cloud: what it answers and says by itself, without I/O.

Answers are the recorded ones with what differs per run made anew: secrets, sealed parts, ids of the device, instants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from cloud_stub.media_node.fleet import Fleet
from endpoint.runtime.chance import Actor
from endpoint.runtime.clock import Clock
from endpoint.wire import activation, codec, identity, kms, mercury
from endpoint.wire.activation import ERRORS, RefusalBody
from endpoint.wire.activation.code import Code
from endpoint.wire.envelope import CONFIG_DATA, OAUTH_DATA, REGISTER_DATA, SERVICE_DATA
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.requests import LOCI
from scenarios.runner.recording.calls import CallSide
from scenarios.runner.recording.matching import Asked, Matcher
from scenarios.runner.recording.model import Exchange, Headers, Message, Recording, Socket, activation_step
from scenarios.runner.recording.remade import KmsSide, Refusal, Remade, SrpSide, can_activate
from scenarios.runner.recording.rules import Rules, instant_of, shifted, shifted_json
from scenarios.runner.recording.tokens import Tokens, is_refresh

UNMATCHED_MAX: Final = 1_000
DROPPED: Final = frozenset(
    {"content-length", "connection", "transfer-encoding", "content-encoding", "keep-alive", "upgrade", "date", "server", "alt-svc",
     "strict-transport-security", "set-cookie", "trackingid"}
)  # fmt: skip
"""Headers that belong to the recorded connection."""
LOCUS: Final = "locus."
DONE: Final = 1000
"""Code of an end that was the device's own."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: `cuts` hangs up instead, as somebody did when it was recorded."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    cuts: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A frame that the recorded cloud says by itself, so many seconds after its socket was authorized.

    `follows` is the number of the request that it came of, which has to be made first; 0 where it came of none.
    """

    after_s: float
    frame: dict[str, Any]
    follows: int = 0


class RecordedCloud:
    """Answer as a recording says.

    Args:
        code: the code that a device is activated with.
        clock: the clock that answers are dated by.
        is_strict: each recorded request is answered once, and only if everything is as recorded.
        root_pem: the root of who serves.
        fleet: media nodes that answer the offers of calls.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        code: Code,
        clock: Clock,
        chance: Actor,
        rules: Rules,
        is_strict: bool,
        root_pem: str,
        fleet: Fleet,
    ) -> None:
        self.recording = recording
        self._clock = clock
        began = instant_of(str(recording.about.get("start", "")))
        self._shift = clock.now() - began
        self.matcher = Matcher(recording.exchanges, rules, is_strict)
        self.remade = Remade(recording, chance, root_pem)
        self._srp = SrpSide(code, chance)
        self._kms = KmsSide(recording, chance, self.remade, clock.now)
        self._calls = CallSide(chance, fleet, self.remade)
        self._tokens = Tokens(recording, self.remade)
        self._is_strict = is_strict
        self._given_up: set[int] = set()
        self._sockets = list(recording.sockets)
        self.requests = 0
        self.unmatched: list[list[str]] = []
        """Near misses of the requests that were not found, a list of lines each."""
        self.unmatched_count = 0
        self.notes: list[str] = []
        """What could not be played as recorded, said once."""
        why = can_activate(recording)
        if why:
            self.notes.append(f"an activation cannot be played: {why}")

    # -- requests ---------------------------------------------------------------------------------------------------------------------

    def answer(self, asked: Asked, headers: Mapping[str, str], body: bytes) -> tuple[Reply, list[str]]:
        """Answer a request; returns the answer, and the wrapped messages of the key service that are to be pushed."""
        self.requests += 1
        tracking_id = headers.get("TrackingID", "")
        step = activation_step(asked.method, msgspec_json(body))
        found = self._of_step(asked, step) if step else self.matcher.find(asked)
        if found is None:
            return self._stranger(asked, tracking_id), []
        if self._tokens.is_strange(found, headers, asked.body) and (
            refusal := self._no_token(found, asked, tracking_id)
        ):
            return refusal, []
        if found.failed and not found.status:
            return Reply(0, cuts=True), []
        try:
            if step and found.status == 200:
                return self._reply(found, self._activation(step, found, body), tracking_id), []
        except Refusal as error:
            refused = RefusalBody.of(error.code, tracking_id)
            return Reply(ERRORS[error.code].status, _head(tracking_id), codec.encode(refused)), []
        if asked.path.endswith(kms.MESSAGES_PATH):
            return self._reply(found, b"{}", tracking_id), self._kms_answers(body)
        why = self._calls.answer(found, body)
        if why:
            self._note(f"{found.title}: the media of a call could not be made anew: {why}")
        return self._reply(found, self._body(found), tracking_id), []

    def _no_token(self, found: Exchange, asked: Asked, tracking_id: str) -> Reply | None:
        """Refuse a token that was not given out, as the cloud would; a lenient cloud only takes note of it."""
        told = f"{asked.title}: with a token that was not given out in this replay"
        if not self._is_strict:
            self._note(f"{told}; it is answered all the same")
            return None
        self.matcher.used.discard(found.n)
        self._miss([told])
        if is_refresh(found):
            error = identity.OAuthError(
                error=identity.INVALID_GRANT, error_description="The refresh token is not good."
            )
            return Reply(400, _head(tracking_id), codec.encode(error))
        body = {"message": "The token is not of this replay.", "trackingId": tracking_id}
        return Reply(401, _head(tracking_id), codec.encode(body))

    def _of_step(self, asked: Asked, step: str) -> Exchange | None:
        """Return the recorded request of a step of the activation: its body is another in each run."""
        same = [one for one in self.recording.exchanges if one.step == step and one.path == asked.path]
        unused = [one for one in same if one.n not in self.matcher.used]
        found = next(iter(unused or same[-1:]), None)
        if found is not None:
            self.matcher.used.add(found.n)
        return found

    def _activation(self, step: str, found: Exchange, body: bytes) -> bytes:
        """Compute the answer to a step, and learn the ids of the device from what it sealed.

        Raises:
            Refusal: the code is another, or the request is none.
        """
        recorded = found.answer_json or {}
        if step == "challenge":
            return self._srp.challenge(
                body, codec.convert({**recorded, "srpB": "", "srpS": ""}, activation.ChallengeReply)
            )
        if step == "invoke":
            plain = self.remade.certificates(found.opened.get(SERVICE_DATA.name) or {})
            answer, asked = self._srp.invoke(body, self._now(plain), str(recorded.get("url", "")))
            self.matcher.pairs.learn(found.opened.get(OAUTH_DATA.name), asked)
            return answer
        answer, told = self._srp.register(body, self._now(found.opened.get(CONFIG_DATA.name) or {}))
        self.matcher.pairs.learn(found.opened.get(REGISTER_DATA.name), told)
        return answer

    def _kms_answers(self, body: bytes) -> list[str]:
        answers: list[str] = []
        try:
            messages = codec.decode(body, kms.Post).kms_messages
        except RemoteProtocolError as error:
            self._note(f"a request to the key service was not understood: {error}")
            return answers
        for message in messages:
            try:
                answers.append(self._kms.answer(message))
            except RemoteProtocolError as error:
                self._note(f"a message to the key service was not answered: {error}")
        return answers

    def _body(self, found: Exchange) -> bytes:
        recorded = found.answer_json
        if isinstance(recorded, dict) and "rsaPublicKey" in recorded and (details := self._kms.details(recorded)):
            return codec.encode(details)
        if recorded is not None:
            return msgspec.json.encode(self._now(recorded))
        text = self.matcher.pairs.text(self.remade.text(found.answer))
        return shifted(text, self._shift).encode()

    def _now(self, value: Any) -> Any:
        """Return recorded JSON as it is said now."""
        text = self.remade.text(self.matcher.pairs.text(msgspec.json.encode(value).decode()))
        return shifted_json(msgspec.json.decode(text), self._shift)

    def _reply(self, found: Exchange, body: bytes, tracking_id: str) -> Reply:
        kept = [
            (name, shifted(self.remade.text(self.matcher.pairs.text(value)), self._shift))
            for name, value in found.answer_headers
            if name.lower() not in DROPPED
        ]
        return Reply(found.status, [*kept, *_head(tracking_id, has_type=False)], body)

    def _stranger(self, asked: Asked, tracking_id: str) -> Reply:
        rows = self.matcher.near_miss(asked)
        self._miss(rows)
        body = {"message": "This request is not in the recording.", "nearest": rows, "trackingId": tracking_id}
        return Reply(404, _head(tracking_id), codec.encode(body))

    def _miss(self, rows: list[str]) -> None:
        self.unmatched_count += 1
        if len(self.unmatched) < UNMATCHED_MAX:
            self.unmatched.append(rows)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    # -- websockets -------------------------------------------------------------------------------------------------------------------

    def connect(self) -> Socket | None:
        """Return the recording of the next websocket; after the last one, an empty one of it; None if there never was one."""
        if not self._sockets:
            return None
        found, *rest = self._sockets
        opening = [message for message in found.messages if message.is_sent or _is_opening(message.json)][:2]
        self._sockets = rest or [msgspec.structs.replace(found, messages=opening, closed_us=None)]
        return found

    def admits(self, socket: Socket, frame: Any) -> bool:
        """Say whether a websocket is authorized by a frame; one that is not leaves its recording to the next one."""
        if not self._tokens.is_strange_line(socket, frame):
            return True
        told = f"websocket {urlsplit(socket.url).hostname}: with a token that was not given out in this replay"
        if not self._is_strict:
            self._note(f"{told}; it is open all the same")
            return True
        self._miss([told])
        self._sockets = [socket, *self._sockets]
        return False

    def says(self, socket: Socket) -> list[Said]:
        """Return what the cloud says by itself over a socket; pongs and answers of the key service are made when they are asked for."""
        rows = []
        for message in socket.messages:
            frame = message.json
            if message.is_sent or not isinstance(frame, dict) or frame.get("type") in ("pong", "ack"):
                continue
            data = frame.get("data")
            if isinstance(data, dict) and data.get("eventType") == kms.KMS_MESSAGE:
                continue
            is_of_call = isinstance(data, dict) and str(data.get("eventType")).startswith(LOCUS)
            follows = self._last_deed(message) if is_of_call else 0
            rows.append(Said(max(0.0, (message.t_us - socket.t_us) / 1e6), frame, follows))
        return rows

    def _last_deed(self, message: Message) -> int:
        """Return the number of the last request before a message that did something to a call, 0 if there was none."""
        deeds = (
            one.n
            for one in reversed(self.recording.exchanges)
            if one.method != "GET" and LOCI in one.path and (one.n <= message.after or one.t_us < message.t_us)
        )
        return next(deeds, 0)

    def is_held(self, said: Said) -> bool:
        """Say whether a frame waits for the request that it came of."""
        return bool(said.follows) and said.follows not in self.matcher.used and said.follows not in self._given_up

    def give_up(self, said: Said) -> None:
        """Wait no longer for the request that a frame came of: nobody makes it in this replay."""
        self._given_up.add(said.follows)

    def frame(self, said: Said) -> dict[str, Any]:
        """Return a frame as it is said now."""
        found: dict[str, Any] = self._now(said.frame)
        return found

    def event_of(self, answers: list[str], number: int) -> dict[str, Any]:
        """Return the event that brings answers of the key service."""
        data = {"eventType": kms.KMS_MESSAGE, "encryption": {mercury.KMS_MESSAGES: answers}}
        return {"id": f"replayed-kms-{number}", "data": data, "timestamp": round(self.now().timestamp() * 1000)}

    def ends(self, socket: Socket) -> tuple[float, int, str] | None:
        """Return when and how the cloud ended a socket; None if it did not."""
        if socket.closed_us is None or socket.code == DONE:
            return None
        return (socket.closed_us - socket.t_us) / 1e6, socket.code, socket.reason

    def now(self) -> datetime:
        """Return the wall time of the replay."""
        return self._clock.now()


def _is_opening(frame: Any) -> bool:
    data = frame.get("data") if isinstance(frame, dict) else None
    return isinstance(data, dict) and data.get("eventType") in mercury.OPENING_EVENTS


def _head(tracking_id: str, *, has_type: bool = True) -> Headers:
    typed = [("Content-Type", "application/json")] if has_type else []
    return [*typed, ("trackingid", tracking_id)] if tracking_id else typed


def msgspec_json(body: bytes) -> Any:
    """Read a body as JSON, or return None."""
    try:
        return msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
