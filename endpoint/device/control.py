"""The device's control door: the simulation's own way in, for clock, faults, trace and evidence.

It is no part of the simulated product. It listens on loopback, wants its own token, and stays open whatever becomes of the device: neither
lock-down nor a dead network closes it. Nothing secret leaves by it. Reference: docs/reference/device-control.md.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from endpoint.device.control_answers import PREFIX, Answers
from endpoint.device.control_messages import BODY_BYTES_MAX, ControlError, answer
from endpoint.device.control_runs import refusal
from endpoint.device.device import Device
from endpoint.runtime.clock import TimeSource
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Listener, is_loopback
from endpoint.wire.errors import WireError
from endpoint.wire.secret import Secret

TOKEN_BYTES: Final = 24
KEEP_ALIVE_S: Final = 75.0
CLOSING_S_MAX: Final = 1.0


class ControlDoor:
    """The control door of one device.

    Args:
        source: what all clocks of the run stand on; `POST /clock` advances it where it is a stepped one.
    """

    def __init__(self, device: Device, faults: Faults, source: TimeSource) -> None:
        self._device = device
        self._answers = Answers(device, faults, source)
        self._tokens = device.world.chance.stream("control token")
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None
        self.token = Secret("control_token", "")
        """What a client has to show; drawn anew at each start."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the door; port 0 takes a free one.

        Raises:
            ValueError: the host is not a loopback address.
            OSError: the address is in use.
        """
        if not is_loopback(host):
            raise ValueError(f"the control door opens on loopback only, such as 127.0.0.1; not on {host}")
        assert self._runner is None, "the door is shut"
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_BYTES_MAX)
        for endpoint in self._answers.endpoints:
            app.router.add_route(endpoint.method, PREFIX + endpoint.path, endpoint.handle)
        app.router.add_route("GET", PREFIX, self._answers.endpoints[0].handle)
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=KEEP_ALIVE_S, shutdown_timeout=CLOSING_S_MAX
        )
        await self._runner.setup()
        self.token = Secret("control_token", self._tokens.bytes(TOKEN_BYTES).hex())
        try:
            self._listener = await self._device.world.net.listen(self._runner.server, host, port)
        except OSError:
            await self.stop()
            raise

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        assert self._listener is not None, "the door is open"
        host = self._listener.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._listener.port}{PREFIX}"

    async def stop(self) -> None:
        """Shut the door; actions that run are ended."""
        listener, self._listener = self._listener, None
        runner, self._runner = self._runner, None
        if listener is not None:
            listener.close()
        await self._answers.close()
        if runner is not None:
            await runner.cleanup()
        if listener is not None:
            await listener.wait_closed()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who is at this machine and has the token; turn every refusal into JSON."""
        try:
            self._admit(request)
            return await handler(request)
        except (EndpointError, WireError) as error:
            return _refused(refusal(error))
        except web.HTTPRequestEntityTooLarge:
            return _refused(ControlError(413, "too_large", f"a body has at most {BODY_BYTES_MAX} bytes"))
        except web.HTTPMethodNotAllowed as error:
            methods = sorted(error.allowed_methods)
            response = _refused(ControlError(405, "method", f"only {', '.join(methods)} is answered here", methods))
            response.headers["Allow"] = ", ".join(methods)
            return response
        except web.HTTPNotFound:
            paths = dict.fromkeys(PREFIX + endpoint.path for endpoint in self._answers.endpoints)
            return _refused(ControlError(404, "unknown_path", "there is nothing at this path", paths))

    def _admit(self, request: web.Request) -> None:
        if not is_loopback(request.remote or ""):
            raise ControlError(403, "not_local", "the control door answers this machine only")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or Secret("control_token", given.strip()) != self.token:  # in constant time
            message = "the control token is missing or wrong; the ready file has it as `control_token`"
            raise ControlError(401, "unauthorized", message, ["Authorization: Bearer <control_token>"])


def _refused(error: ControlError) -> web.Response:
    response = answer(error.body(), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="roomsim device"'
    return response
