"""One shell on one SSH channel: bytes in, bytes out, in order and bounded.

Requests are carried out one after the other. The answer of a request leaves before the first notice that it caused; while a command
takes its time, notices may pass. Nothing more is read or carried out while the client does not take what is written; notices that pile
up meanwhile end the connection at a limit. Source: protocol/xapi.md 4.2, 4.3, 4.8.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import asyncssh

from endpoint.runtime.errors import LimitExceeded
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.shell import tag_of
from endpoint.wire.xapi.shell_answers import Answer, Choices, Mode, Refusal, Result, is_failure
from endpoint.wire.xapi.shell_framing import Framer, Incoming, Request
from endpoint.xapi.access import Xapi
from endpoint.xapi.feedback import Notice
from endpoint.xapi.ssh.greeting import Facts, greeting
from endpoint.xapi.ssh.interpreter import Begun, Interpreter
from endpoint.xapi.ssh.lineeditor import LineEditor

OUTGOING_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes that may wait for a client that does not read; one more and it is dropped."""
PIECE_BYTES: Final = 32 * 1024
"""Bytes that are written at once, before it is asked whether the client still takes them."""
INPUT_WAITING_MAX: Final = 64 * 1024
"""Bytes of requests that may wait here; more stay in the channel's window, with the client."""
PING_PORTS: Final = (443, 80, 5004)
"""A host of the simulation is known by the ports that it serves; a ping has none."""
INTERNAL_ERROR: Final = "Internal error"
REQUESTS_PER_TURN: Final = 16
TURN_S: Final = 0.005
"""Requests that one shell may carry out, and the time that it may take, before all others of the process have their turn."""
KEYS_PER_TURN: Final = 256
"""Bytes typed on a terminal that are looked at in one turn: a key can be answered with thousands of bytes."""


class Connection(Protocol):
    """The connection that a shell is on."""

    def is_paused(self) -> bool:
        """Say whether the client takes nothing at present."""

    def drop(self, why: str) -> None:
        """End the connection at once."""

    def touch(self) -> None:
        """Take note that the client said something."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all shells of one device stand on."""

    world: World
    xapi: Xapi
    facts: Facts
    tasks: Tasks
    choices: Choices = field(default_factory=Choices)


class ShellSession(asyncssh.SSHServerSession[bytes]):
    """A shell, or the one command of an exec request.

    Args:
        address: where the client reached the device.
        on_end: called once when the channel is gone.
    """

    def __init__(
        self,
        ground: Ground,
        caller: Caller,
        connection: Connection,
        address: str,
        on_end: Callable[[ShellSession], object],
    ) -> None:
        self._ground = ground
        self._caller = caller
        self._connection = connection
        self._address = address
        self._on_end = on_end
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._shell = Interpreter(ground.xapi, caller, self._notify, self._resolve, ground.choices)
        self._framer = Framer(self._shell.takes_body)
        self._editor: LineEditor | None = None
        self._keys = bytearray()  # typed, and not looked at yet
        self._command: str | None = None
        self._out: deque[bytes] = deque()
        self._out_bytes = 0
        self._held: list[Notice] | None = None
        self._is_paused = False
        self._is_stopped = False  # the channel delivers nothing
        self._is_pumping = False
        self._is_scheduled = False
        self._is_busy = False
        self._input_ended = False
        self._status: int | None = None  # the exit status, once nothing more will be carried out
        self._failed = False
        self._is_gone = False

    # the channel

    def connection_made(self, chan: Any) -> None:
        """Take the channel."""
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        """Be a terminal: echo what is typed, and end lines with CR LF."""
        self._editor = LineEditor()
        return True

    def shell_requested(self) -> bool:
        """Be a shell."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Be a shell for `tsh`; otherwise carry one command line out and end."""
        program = command.split(" ", 1)[0].rpartition("/")[2]
        if program != "tsh":
            self._command = command
        return True

    def session_started(self) -> None:
        """Greet, or begin the one command."""
        if self._command is None:
            self._write(greeting(self._ground.xapi, self._caller, self._ground.facts, self._address))
            return
        self._shell.echoes = False
        self._framer.feed(self._command.encode(errors="replace") + b"\n")
        self._pump()

    def data_received(self, data: bytes, datatype: Any) -> None:
        """Take what the client sends."""
        self._connection.touch()
        if self._status is not None:
            return
        if self._editor is None:
            self._framer.feed(data)
            self._pump()
        else:
            self._keys += data
            self._type()
        self._throttle()

    def eof_received(self) -> bool:
        """Carry out what has come, then end."""
        self._input_ended = True
        self._pump()
        return True

    def break_received(self, msec: int) -> bool:
        """End, as for CTRL-C."""
        self._finish(0)
        return True

    def signal_received(self, signal: str) -> None:
        """End, as for CTRL-C."""
        self._finish(0)

    def pause_writing(self) -> None:
        """Write nothing for now: the client takes nothing."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_paused = False
        self.resume()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget everything; a command that runs goes on, as on a device."""
        self._is_gone = True
        self._channel = None
        self._out.clear()
        self._shell.close()
        self._on_end(self)

    # in

    def _type(self) -> None:
        """Take some of what was typed on a terminal, unless the client does not take what is written."""
        if self._editor is None or not self._keys or self._out:
            return
        taken = PIECE_BYTES if self._framer.counted else KEYS_PER_TURN
        data = bytes(self._keys[:taken])
        del self._keys[:taken]
        self._typed(self._editor, data)
        if self._keys:
            self._soon()

    def _typed(self, editor: LineEditor, data: bytes) -> None:
        while data and not self._is_gone and self._status is None:
            counted = self._framer.counted
            if counted:
                data = editor.raw(data)
                self._framer.feed(data[:counted])
                self._echo(data[:counted])
                data = data[counted:]
            else:
                is_secret = self._shell.asks_secret
                completes = not is_secret and not self._framer.is_inside and self._shell.echoes
                complete = self._shell.complete if completes else None
                typed, data = editor.take(data, is_secret=is_secret, complete=complete)
                self._echo(typed.echo)
                if typed.hangs_up:
                    self._keys.clear()
                    self._finish(0)
                    return
                self._framer.feed(typed.line)
            self._pump()

    def _echo(self, data: bytes) -> None:
        if self._shell.echoes and data:
            self._put(data)

    def _pump(self) -> None:
        """Carry out requests until one takes time, the client takes nothing, or it is somebody else's turn."""
        if self._is_pumping:
            return
        self._is_pumping = True
        loop = asyncio.get_running_loop()
        until_s = loop.time() + TURN_S
        try:
            for _ in range(REQUESTS_PER_TURN):
                if not self._may_go_on():
                    return
                incoming = self._framer.next() or self._last()
                if incoming is None:
                    self._end_of_requests()
                    return
                self._serve(incoming)
                if loop.time() >= until_s:
                    break
        finally:
            self._is_pumping = False
        if self._may_go_on():
            self._soon()

    def _soon(self) -> None:
        """Go on when all others have had their turn."""
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._again)

    def _again(self) -> None:
        self._is_scheduled = False
        self.resume()

    def resume(self) -> None:
        """Go on writing, carrying out and reading, as far as that is possible now."""
        self._flush()
        self._type()
        self._pump()
        self._throttle()

    def _may_go_on(self) -> bool:
        return not (self._is_busy or self._is_gone or self._status is not None or self._out)

    def _last(self) -> Incoming | None:
        return self._framer.end(closes_body=self._command is not None) if self._is_at_end else None

    @property
    def _is_at_end(self) -> bool:
        """Say whether no more bytes will come."""
        return self._input_ended and not self._keys

    def _end_of_requests(self) -> None:
        if self._is_at_end or (self._command is not None and not self._framer.is_inside):
            self._finish(1 if self._failed else 0)

    def _throttle(self) -> None:
        """Let the client keep what would only wait here."""
        channel = self._channel
        if channel is None:
            return
        waits, waiting = not self._may_go_on() or self._is_scheduled, self._framer.waiting + len(self._keys)
        if waits and not self._is_stopped and waiting > INPUT_WAITING_MAX:
            self._is_stopped = True
            channel.pause_reading()
        elif self._is_stopped and (not waits or waiting <= INPUT_WAITING_MAX // 2):
            self._is_stopped = False
            channel.resume_reading()

    # carrying out

    def _serve(self, incoming: Incoming) -> None:
        """Carry a request out; what it changes at once is told after its answer."""
        shell = self._shell
        if self._editor is None and shell.echoes and shell.writer.mode is not Mode.JSON:
            self._write("\n" if shell.asks_secret else f"{incoming.shown}\n")
        self._held = []
        try:
            said = shell.run(incoming)
            if isinstance(said, Begun):
                self._write(shell.writer.begun())
            else:
                begun = shell.writer.begun() if isinstance(said.answer, Result) else ""
                self._answer(said.answer, said.tag, begun)
        except Exception as error:  # a defect of whoever carries the command out: the shell goes on
            self._defect("a request over ssh", error)
            tag = tag_of(incoming.text) if isinstance(incoming, Request) else None
            self._answer(Refusal("Result", INTERNAL_ERROR), tag)
            return
        finally:
            held, self._held = self._held, None
            for notice in held:
                self._notify(notice)
        if isinstance(said, Begun):
            self._is_busy = True
            self._begin(said)
        elif shell.is_over:
            self._finish(0)

    def _begin(self, begun: Begun) -> None:
        work = self._wait(begun)
        try:
            self._ground.tasks.start(work, f"ssh {begun.name}")
        except LimitExceeded as error:
            begun.result.close()
            self._is_busy = False
            self._answer(Result(begun.name, status="Error", reason=str(error)), begun.tag)

    async def _wait(self, begun: Begun) -> None:
        try:
            answer = await begun.result
        except Exception as error:  # as above
            self._defect(f"{begun.name} over ssh", error)
            answer = Result(begun.name, status="Error", reason=INTERNAL_ERROR)
        self._is_busy = False
        if not self._is_gone:
            self._answer(answer, begun.tag)
            self.resume()

    def _answer(self, answer: Answer, tag: str | None, begun: str = "") -> None:
        self._failed = self._failed or is_failure(answer)
        self._write(begun + self._shell.writer.write(answer, tag))

    def _notify(self, notice: Notice) -> None:
        if self._is_gone or self._status is not None:
            return
        if self._held is not None:
            self._held.append(notice)
        else:
            self._write(self._shell.writer.notice(notice.leaves, notice.event))

    def _resolve(self, host: str) -> str | None:
        names = self._ground.world.net.names
        found = next(filter(None, (names.resolve(host, port) for port in PING_PORTS)), None)
        return found[0] if found is not None else None

    def _defect(self, what: str, error: Exception) -> None:
        self._ground.world.log.line("Xapi", "E", f"{what} failed: {type(error).__name__}")
        context = {"message": f"{what} failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)

    # out

    def _write(self, text: str) -> None:
        """Write text with the line ends of this session."""
        if text:
            self._put((text.replace("\n", "\r\n") if self._editor is not None else text).encode(errors="replace"))

    def _put(self, data: bytes) -> None:
        """Write bytes, or keep them for a client that takes nothing now; whoever leaves too many lying is dropped."""
        if self._is_gone:
            return
        if self._out and self._out_bytes + len(data) > OUTGOING_BYTES_MAX:
            self._out.clear()
            self._out_bytes = 0
            self._connection.drop(f"it has left {OUTGOING_BYTES_MAX} bytes unread")
            return
        self._out.extend(data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES))
        self._out_bytes += len(data)
        self._flush()

    def _flush(self) -> None:
        """Write what waits, piece by piece, as long as the client takes it."""
        while self._out and not (self._is_paused or self._is_gone or self._connection.is_paused()):
            data = self._out.popleft()
            self._out_bytes -= len(data)
            try:
                assert self._channel is not None, "the channel is there until it is gone"
                self._channel.write(data)
            except OSError:  # closed by the client a moment ago; connection_lost follows
                self._out.clear()
                self._out_bytes = 0
                return
        if self._status is not None and not self._out and self._channel is not None:
            self._exit(self._channel, self._status)

    def _finish(self, status: int) -> None:
        """Carry out nothing more; end when everything is written."""
        if self._status is None:
            self._status = status
            self._shell.close()
            self._flush()

    def _exit(self, channel: asyncssh.SSHServerChannel[bytes], status: int) -> None:
        if not channel.is_closing():
            channel.exit(status)
