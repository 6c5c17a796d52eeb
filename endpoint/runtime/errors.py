"""The error tree of the device.

EndpointError
├── Refused          the cloud said no by the rules
├── Unreachable      a layer below the message failed
├── DeadlineMissed   an answer did not come in time
├── StateError       an event that the state table does not know
├── LimitExceeded    a bound with a name was hit
├── StorageError     the state on disk cannot be read or written
├── NotSimulated     asked for something roomsim does not do; never a guess
└── Deadlock         virtual time has nothing left to jump to
"""

from __future__ import annotations


class EndpointError(Exception):
    """Root of everything the device reports instead of a result."""


class Refused(EndpointError):
    """The cloud answered, and the answer is no.

    Attributes:
        status: HTTP status.
        code: the service's own error code (text or digits), empty where it gave none.
        retry_after_s: seconds of a Retry-After header, else None.
    """

    def __init__(self, status: int, code: str = "", message: str = "", retry_after_s: float | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        super().__init__(f"{status}" + (f" {code}" if code else "") + (f": {message}" if message else ""))


class Unreachable(EndpointError):
    """No answer, because a layer below the message failed.

    Attributes:
        layer: dns, tcp, tls, proxy, http or websocket.
        host: the logical host.
        reason: one of the closed set of device log reasons (protocol/activation-and-media.md 9.4).
        is_silence: whether it speaks for the cloud being silent; a proxy that blocks one host does not.
    """

    is_silence = True

    def __init__(self, layer: str, host: str, reason: str) -> None:
        self.layer = layer
        self.host = host
        self.reason = reason
        super().__init__(reason)


class DeadlineMissed(EndpointError):
    """An answer did not come in time; `waited_s` is how long we waited."""

    def __init__(self, what: str, waited_s: float) -> None:
        self.what = what
        self.waited_s = waited_s
        super().__init__(f"{what}: no answer within {waited_s:g} s")


class StateError(EndpointError):
    """A lifecycle met an event that its table has no row for. Nothing was changed."""

    def __init__(self, machine: str, state: object, event: object) -> None:
        self.machine = machine
        self.state = state
        self.event = event
        super().__init__(f"{machine}: no row for {type(event).__name__} in state {state}")


class LimitExceeded(EndpointError):
    """A bound was hit: `bound` is its name, `limit` its value."""

    def __init__(self, bound: str, limit: float) -> None:
        self.bound = bound
        self.limit = limit
        super().__init__(f"{bound} is limited to {limit:g}")


class StorageError(EndpointError):
    """The state on disk is missing, foreign, corrupt or not writable; the text says which file and what is wrong."""


class NotSimulated(EndpointError):
    """Asked for something that roomsim does not do."""

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what} is not simulated: {why}")


class Deadlock(EndpointError):
    """Virtual time has nothing left to jump to, and somebody still waits."""
