"""The device's Mercury connection: the shell around `mercury_table`.

It opens lines, sends and reads frames, keeps the timers and acknowledges; what follows what is in the table. There is one line as a rule;
in a switch-over a second one on its way (the spare), and after it the first one until the server closes it (the old one).
Source: protocol/cloud-services.md section 5; lines R50 to R55, L21 of activation-and-media.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from websockets.exceptions import WebSocketException

from endpoint.cloud import mercury_table as table
from endpoint.cloud.identity import ForeignHost, Identity
from endpoint.cloud.mercury_line import PEER, Line
from endpoint.cloud.mercury_table import State
from endpoint.cloud.shared import Dropped
from endpoint.runtime import websocket
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.statetable import Machine
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire import conventions, mercury, mercury_close
from endpoint.wire.mercury import Authorization, Event, Ping, Pong, Shutdown, Unknown
from endpoint.wire.mercury_close import BeforeOpen

JITTER: Final = (0.75, 1.0)
"""A fleet that lost the same server must not come back in step; browsers have no jitter (protocol 5.5)."""
REFUSED_RETRY_S: Final = 900.0
GREETING_TIMEOUT_S: Final = 30.0
OLD_LINE_S: Final = 60.0
"""How long the server has after a switch-over to close the old socket; then the device does."""
GONE: Final = frozenset({404, mercury_close.NOT_FOUND})
"""Codes before the opening event that say that the registration is unknown. A browser learns it at its next refresh; a device has none
planned, so it makes one (ours)."""
GOODBYE_TURNS: Final = 3

_OPEN: Final = (State.OPEN, State.SWITCHING)


class Mercury:
    """Keep one device connected."""

    def __init__(
        self,
        world: World,
        identity: Identity,
        tasks: Tasks,
        *,
        tls: Callable[[], TlsClient],
        socket_url: Callable[[], str],
        refresh_registration: Callable[[], Awaitable[object]],
    ) -> None:
        self._world = world
        self._identity = identity
        self._tasks = tasks
        self._tls = tls
        self._socket_url = socket_url
        self._refresh_registration = refresh_registration
        self._machine = Machine(table.TABLE, self._changed)
        self.since = world.clock.now()
        """Since when it is open, or not."""
        self._ids = world.chance.stream("mercury ids")
        self._session = self._ids.uuid()
        self._jitter = world.chance.stream("mercury backoff")
        self._line: Line | None = None
        self._spare: Line | None = None
        self._old: Line | None = None
        self._old_timer: Timer | None = None
        self._timer: Timer | None = None
        self._ping_id = ""
        self._pinged_s = 0.0
        self._attempt = 0
        self._failure = ""
        self._waiters: list[asyncio.Future[None]] = []
        self._inbox: deque[object] = deque()
        self._is_feeding = False
        self.on_open: Callable[[], object] = lambda: None
        self.on_close: Callable[[], object] = lambda: None
        self.on_event: Callable[[Event], object] = lambda event: None
        self.on_state: Callable[[State], object] = lambda state: None
        self.on_reached: Callable[[bool, float], object] = lambda answered, asked_s: None
        """Told whether the cloud answered an attempt or a ping, and the second at which it was asked."""
        self.on_outcome: Callable[[str, Unreachable | None], object] = lambda host, failure: None
        """Told after each attempt the host, and what was met instead of a websocket."""

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._machine.state

    @property
    def failure(self) -> str:
        """Why there is no connection, empty if none has failed."""
        return self._failure

    @property
    def is_open(self) -> bool:
        """Say whether events can arrive."""
        return self._machine.state in _OPEN

    def connect(self) -> None:
        """Want to be connected; attempts go on until there is a connection."""
        self._attempt = 0
        self._feed(table.Wanted())

    def disconnect(self) -> None:
        """Want to be disconnected."""
        self._drop_old()
        self._feed(table.Unwanted())

    def moved(self) -> None:
        """Follow the registration to another websocket URL."""
        host = mercury_host(self._socket_url())
        self._world.log.line("WebSocketNotificationChannel", "I", f"endpoint changed to {host}")
        self._feed(table.Moved())

    async def until_open(self) -> None:
        """Wait until the connection is open.

        Raises:
            Dropped: it was switched off meanwhile.
        """
        if not self.is_open:
            opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(opened)
            await opened

    async def stop(self) -> None:
        """Disconnect because the device goes off: say so, but do not wait for an answer that may never come."""
        sockets = [line.socket for line in self._lines() if line.socket is not None]
        self.disconnect()
        for _ in range(GOODBYE_TURNS if sockets else 0):
            await asyncio.sleep(0)
        for socket in sockets:
            socket.close(1000, mercury_close.DONE)  # the second time it closes at once

    def reset(self) -> None:
        """Break every socket as a RST does."""
        for line in self._lines():
            if line.socket is not None:
                line.socket.reset()

    def cut(self) -> None:
        """Lose the power: every socket breaks, and nothing follows."""
        self._cancel_timer()
        if self._old_timer is not None:
            self._old_timer.cancel()
        for line in self._lines():
            line.cut()
        self._line = self._spare = self._old = None

    def _lines(self) -> list[Line]:
        return [line for line in (self._line, self._spare, self._old) if line is not None]

    # the machine

    def _changed(self, machine: str, before: State, event: object, after: State) -> None:
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        self._world.trace.event(self._world.who, "machine", data=data)
        if (before in _OPEN) != (after in _OPEN):
            self.since = self._world.clock.now()
        if after is State.OFF:
            for waiter in self._take_waiters():
                waiter.set_exception(Dropped("Mercury was switched off"))
        self.on_state(after)

    def _feed(self, event: object) -> None:
        """Feed one event and carry out its effects; effects that feed again wait for their turn."""
        self._inbox.append(event)
        if self._is_feeding:
            return
        self._is_feeding = True
        try:
            while self._inbox:
                for effect in self._machine.feed(self._inbox.popleft()):
                    self._do(effect)
        finally:
            self._is_feeding = False
            self._inbox.clear()

    def _do(self, effect: object) -> None:
        match effect:
            case table.OpenSocket():
                self._line = self._begin("mercury")
            case table.OpenSpare():
                self._spare = self._begin("mercury switch-over")
            case table.Authorise():
                self._authorise(self._line)
            case table.Announce():
                self._announce()
            case table.AnnounceClosed():
                self.on_close()
            case table.Ping():
                self._ping()
            case table.PlanPing():
                self._attempt = 0
                self._plan(mercury.PING_INTERVAL_S, table.PingDue())
            case table.Close(code, reason):
                self._hang_up(code, reason)
            case table.BackOff():
                self._back_off()
            case table.RetryAtOnce():
                self._feed(table.BackoffOver())
            case table.BackOffLong():
                self._wait_for_next(REFUSED_RETRY_S)
            case table.RefreshToken():
                self._tasks.start(self._refresh_then(self._back_off, self._identity.refresh), "mercury token")
            case table.RefreshTokenFirst():
                again = partial(self._feed, table.BackoffOver())
                self._tasks.start(self._refresh_then(again, self._identity.refresh), "mercury token")
            case table.RefreshRegistration():
                self._tasks.start(
                    self._refresh_then(self._back_off, self._refresh_registration), "mercury registration"
                )
            case table.Swap():
                self._swap()
            case table.Promote():
                self._line, self._spare = self._spare, None
            case table.DropSpare():
                spare, self._spare = self._spare, None
                if spare is not None:
                    spare.close(1000, mercury_close.DONE)
            case table.StopTimers():
                self._cancel_timer()

    def _announce(self) -> None:
        self._world.log.line("Wx2WebSocket", "I", "connected")
        for waiter in self._take_waiters():
            waiter.set_result(None)
        self.on_open()

    def _take_waiters(self) -> list[asyncio.Future[None]]:
        waiters, self._waiters = self._waiters, []
        return [waiter for waiter in waiters if not waiter.done()]

    def _plan(self, delay_s: float, event: object) -> None:
        self._cancel_timer()
        self._timer = self._world.clock.call_later(delay_s, self._fired, event)

    def _fired(self, event: object) -> None:
        self._timer = None
        if isinstance(event, table.PongOverdue):
            patience_ms = round(mercury.PONG_TIMEOUT_S * 1000)
            self._world.log.line("Wx2WebSocket", "W", f"no pong within {patience_ms} ms")
            self.on_reached(False, self._pinged_s)
        self._feed(event)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _back_off(self) -> None:
        self._wait_for_next(mercury.backoff_s(self._attempt) * self._jitter.uniform(*JITTER))

    def _wait_for_next(self, wait_s: float) -> None:
        self._attempt += 1
        text = f"connect failed: {self._failure}; retry {self._attempt} in {round(wait_s * 1000)} ms"
        self._world.log.line("Wx2WebSocket", "W", text)
        self._plan(round(wait_s, 3), table.BackoffOver())

    async def _refresh_then(self, then: Callable[[], object], refresh: Callable[[], Awaitable[object]]) -> None:
        attempt = self._attempt
        with suppress(EndpointError):  # it has lines of its own; the next attempt is made all the same
            await refresh()
        if self._machine.state is State.WAITING and self._attempt == attempt and self._timer is None:
            then()

    # lines

    def _begin(self, name: str) -> Line:
        line = Line(self, self._world)
        self._tasks.start(self._connect(line), name)
        return line

    async def _connect(self, line: Line) -> None:
        world = self._world
        try:
            if not self._socket_url():
                raise Dropped("not registered")
            url = mercury.socket_url(self._socket_url(), round(world.clock.now().timestamp() * 1000))
            self._identity.check_host(url)
            world.log.line("Wx2WebSocket", "3", f"connecting to {mercury_host(url)}")
            line.socket = await websocket.connect(world.net, url, line, tls=self._tls, service="mercury")
        except (EndpointError, WebSocketException, ValueError) as error:
            if isinstance(error, Unreachable):
                self.on_outcome(error.host, error)
            is_silence = isinstance(error, Unreachable) and error.is_silence
            reason = str(error) if isinstance(error, EndpointError) else "unexpected content"
            if line in self._lines():
                if is_silence:
                    self.on_reached(False, line.asked_s)
                self._trace_close(1006, reason)
                # The registration was lost and could not be made anew, or the catalogue has moved on without it.
                is_lost = isinstance(error, (Dropped, ForeignHost))
                self._fail(line, BeforeOpen.REREGISTER if is_lost else BeforeOpen.BACK_OFF, reason)
            return
        if line not in self._lines():
            line.close(1000, mercury_close.DONE)  # overtaken: nobody wants it any more

    def _fail(self, line: Line, reaction: BeforeOpen, reason: str) -> None:
        """Give up a line that is not open yet."""
        if line is self._spare:
            self._world.log.line("Wx2WebSocket", "W", f"second connection failed: {reason}")
            self._feed(table.SpareFailed())
        elif line is self._line:
            self._line, self._failure = None, reason
            self._feed(table.SocketFailed(reaction))

    def _hang_up(self, code: int, reason: str) -> None:
        """Close the first line from our side."""
        line, self._line = self._line, None
        if line is not None:
            if line.is_open:
                self._note_close(code, reason)
            line.close(code, reason)

    def _swap(self) -> None:
        self._drop_old()
        self._old, self._line, self._spare = self._line, self._spare, None
        self._old_timer = self._world.clock.call_later(OLD_LINE_S, self._drop_old)

    def _drop_old(self) -> None:
        if self._old_timer is not None:
            self._old_timer.cancel()
            self._old_timer = None
        old, self._old = self._old, None
        if old is not None:
            old.close(1000, mercury_close.DONE)

    def line_opened(self, line: Line) -> None:
        """Authorise a line whose handshake is done."""
        self.on_outcome(mercury_authority(self._socket_url()).rpartition(":")[0], None)
        self.on_reached(True, line.asked_s)
        if line is self._line:
            self._feed(table.SocketOpened())
        elif line is self._spare:
            self._authorise(line)

    def _authorise(self, line: Line | None) -> None:
        account = self._identity.account
        if line is None or account is None:
            return
        frame_id = self._ids.uuid()
        tracking = f"{self._session}_{round(self._world.clock.now().timestamp() * 1000)}"
        token = account.token.access_token
        frame = Authorization(id=frame_id, token=token, tracking_id=tracking)
        line.send(frame, frame_id, {"type": "authorization", "token": token})
        line.greeting = self._world.clock.call_later(GREETING_TIMEOUT_S, self._not_greeted, line, "no opening event")

    def _not_greeted(self, line: Line, why: str) -> None:
        self._note_close(1002, why)
        line.close(1002, why)
        self._fail(line, BeforeOpen.BACK_OFF, why)

    def _ping(self) -> None:
        if self._line is not None:
            self._ping_id, self._pinged_s = self._ids.uuid(), self._world.clock.time()
            self._line.send(Ping(id=self._ping_id), self._ping_id, {"type": "ping"})
            self._plan(mercury.PONG_TIMEOUT_S, table.PongOverdue())

    def line_received(self, line: Line, frame: mercury.ServerFrame) -> None:
        """Take a frame as the line it came over stands."""
        if line is self._old:
            if isinstance(frame, Event) and not frame.is_opening:
                self._dispatch(frame)  # it delivers until it is closed
        elif line.is_greeted:
            self._take(line, frame)
        else:
            self._greet(line, frame)

    def _greet(self, line: Line, frame: mercury.ServerFrame) -> None:
        """Judge what comes before the line is open: the first message has to be the opening event; pongs are no messages."""
        if isinstance(frame, Event) and frame.is_opening:
            line.stop_waiting()
            line.is_greeted = True
            self._feed(table.Greeted() if line is self._line else table.SpareGreeted())
        elif not isinstance(frame, (Pong, Shutdown)):
            line.ignore("it came before the opening event")
            self._not_greeted(line, "wrong opening event")
        elif line is self._line:
            self._feed(table.PongReceived(matches=False) if isinstance(frame, Pong) else table.ShutdownAnnounced())

    def _take(self, line: Line, frame: mercury.ServerFrame) -> None:
        if isinstance(frame, Pong):
            matches, was_proven = frame.id == self._ping_id, line.is_proven
            line.is_proven = was_proven or matches
            self.on_reached(True, self._pinged_s)
            self._feed(table.PongReceived(matches, was_proven))
        elif isinstance(frame, Shutdown):
            self._feed(table.ShutdownAnnounced())
        elif isinstance(frame, Unknown):
            line.ignore("it has no data.eventType")
        elif not frame.is_opening:
            self._dispatch(frame)

    def _dispatch(self, event: Event) -> None:
        text = f"NotificationChannel: {event.event_type}, trackingid {event.tracking_id or ''}"
        self._world.log.line("Wx2", "I", text)
        self.on_event(event)

    def line_closed(self, line: Line, code: int, reason: str) -> None:
        """Work out what the end of a line means."""
        if line is self._old:
            self._note_close(code, reason)
            self._drop_old()
        elif not line.is_open:
            self._upgrade_failed(line, code, reason)
        elif not line.is_greeted:
            self._note_close(code, reason)
            reaction = BeforeOpen.REREGISTER if code in GONE else mercury_close.before_open(code, reason)
            self._fail(line, reaction, f"closed code={code}")
        elif line is self._line:
            self._note_close(code, reason)
            self._line, self._failure = None, f"closed code={code}"
            spare = self._spare
            reaction_open = mercury_close.DEVICE.decide(code, reason)
            self._feed(
                table.SocketClosed(
                    reaction_open,
                    line.is_proven,
                    None if spare is None else "authorising" if spare.is_open else "opening",
                )
            )

    def _upgrade_failed(self, line: Line, code: int, reason: str) -> None:
        """Take note of a socket that did not open; `code` is an HTTP status, or 1006."""
        self._trace_close(code, reason)
        is_answer = code < 1000
        self.on_reached(is_answer, line.asked_s)
        reaction = BeforeOpen.REREGISTER if code in GONE else mercury_close.before_open(code, reason)
        reset = f"connection reset {mercury_authority(self._socket_url())}"
        self._fail(line, reaction, f"upgrade refused ({code})" if is_answer else reset)

    def _note_close(self, code: int, reason: str) -> None:
        shown = "".join(sign if sign.isprintable() else "?" for sign in reason)
        self._world.log.line("Wx2WebSocket", "W", f"closed code={code} reason='{shown}'")
        self._trace_close(code, shown)

    def _trace_close(self, code: int, reason: str) -> None:
        data = {"code": code, "reason": reason, "service": "mercury"}
        self._world.trace.event(self._world.who, "ws.close", peer=PEER, data=data)


def mercury_authority(url: str) -> str:
    """Return `host:port` of a websocket URL, empty for what is none."""
    return conventions.authority(url) if conventions.is_url(url) else ""


def mercury_host(url: str) -> str:
    """Return the host of a websocket URL, without the default port."""
    host, _, port = mercury_authority(url).rpartition(":")
    return host if port in ("443", "80") else f"{host}:{port}"
