"""The way from the cloud to a device's xAPI: asked over Mercury, answered over HTTP.

All of it is ours; what clients see of it is in `xapi_rest`. Source of limits and texts: protocol/xapi.md 12.2, R.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden, NotFound
from cloud_stub.platform.rate import Counter, RateLimit
from cloud_stub.platform.records import Device
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from cloud_stub.services.mercury import SCOPE, Mercury
from cloud_stub.services.mercury_socket import Socket
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.xapi import relay

PENDING_PER_DEVICE = 10
"""Requests that one device has not answered yet; one more is told to come again."""
RETRY_AFTER_S = 1
WINDOW_S = 60.0
OFFLINE = "The device is not connected."
SILENT = f"The device did not answer within {relay.ANSWER_LIMIT_S:g} seconds."


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request that a device has not answered yet."""

    user_id: str
    answer: asyncio.Future[relay.Answer]


class XapiRelay:
    """Ask devices, and take their answers and reports."""

    name = relay.SERVICE

    def __init__(self, platform: Platform, mercury: Mercury) -> None:
        self._platform = platform
        self._mercury = mercury
        self._pending: dict[str, _Pending] = {}
        self._asked = Counter()
        self._rates: RateLimit | None = None
        ours, scopes, large = Label.OURS, (SCOPE,), relay.ANSWER_BYTES_MAX
        self.routes = (
            Route("POST", f"{relay.ANSWERS_PATH}/{{id}}", self._take, ours, scopes=scopes, body_bytes_max=large),
            Route("POST", relay.REPORT_PATH, self._note, ours, scopes=scopes, shows_body=True),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def new_id(self, device: Device) -> str:
        """Draw the id of the next request to a device."""
        return self._platform.uuid("xapi request", device.id, self._platform.boot, self._asked.next(device.id))

    async def ask(self, device: Device, request: relay.Request) -> dict[str, Any]:
        """Ask a device and return the result.

        Raises:
            CloudError: 504, or what `xapi_unanswered` says, if it is offline, not ready, or silent for 10 s; 429 if it is asked too much;
                413 if the request is too large; 400 or 403 if the device said no.
        """
        self._limit(device)
        socket = self._socket(device)
        if socket is None:
            raise self._unanswered(OFFLINE)
        try:
            data = relay.request_data(request)
        except LocalProtocolError as error:
            raise CloudError(413, str(error)) from None
        future: asyncio.Future[relay.Answer] = asyncio.get_running_loop().create_future()
        self._pending[request.id] = _Pending(device.user_id, future)
        try:
            self._mercury.tell(socket, data)
            async with self._platform.clock.timeout(relay.ANSWER_LIMIT_S):
                answer = await future
        except TimeoutError:
            raise self._unanswered(SILENT) from None
        finally:
            del self._pending[request.id]
        if isinstance(answer, relay.Refused):
            raise self._refusal(request, answer)
        return answer.result

    def _limit(self, device: Device) -> None:
        per_minute = self._platform.settings.xapi_per_minute
        if per_minute and (self._rates is None or self._rates.limit != per_minute):
            self._rates = RateLimit(per_minute, WINDOW_S)
        waiting = sum(pending.user_id == device.user_id for pending in self._pending.values())
        if waiting >= PENDING_PER_DEVICE:
            raise CloudError(429, f"The device has {waiting} requests to answer.", retry_after_s=RETRY_AFTER_S)
        wait_s = self._rates.take(device.id, self._platform.clock.time()) if per_minute and self._rates else 0.0
        if wait_s > 0:
            raise CloudError(
                429, f"At most {per_minute} requests a minute for one device.", retry_after_s=max(1, -int(-wait_s // 1))
            )

    def _socket(self, device: Device) -> Socket | None:
        """Return the socket to ask over: the youngest, rather one that stays."""
        mine = [
            socket
            for socket in self._mercury.open_sockets(device.user_id)
            if device.device_identifier in ("", socket.registration.device_identifier) and socket.closing is None
        ]
        staying = [socket for socket in mine if not socket.is_switching]
        return next(reversed(staying or mine), None)

    def _unanswered(self, text: str) -> CloudError:
        return CloudError(self._platform.settings.xapi_unanswered, text)

    def _refusal(self, request: relay.Request, refused: relay.Refused) -> CloudError:
        if refused.why == "unknownCommand" and isinstance(request, relay.CommandCall):
            return BadRequest(f"[Command '{request.name}' not supported]")  # protocol/xapi.md 12.2, O
        if refused.why == "denied":
            return Forbidden(refused.text)
        return self._unanswered(refused.text) if refused.why == "notReady" else BadRequest(refused.text)

    # -- what devices post ------------------------------------------------------------------------------------------------------------

    def _take(self, call: Call) -> Answer:
        pending = self._pending.get(call.params["id"])
        if pending is None or pending.user_id != call.caller.id or pending.answer.done():
            raise NotFound("nobody waits for this answer")
        try:
            pending.answer.set_result(relay.parse_answer(call.body))
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None
        return Answer(status=204)

    def _note(self, call: Call) -> Answer:
        codes = call.read(relay.Report).error_codes
        devices = self._platform.store[Device]
        for device in devices.where("user_id", call.caller.id):
            devices.change(device.id, reported_codes=codes)
        return Answer(status=204)
