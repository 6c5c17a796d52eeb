"""Streams over sockets of the machine that have fallen silent: nothing of what comes is heard until the silence ends.

What is sent goes out still, as the kernel takes it. In memory, where both ends are at hand, nothing passes either way. Label: ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.quality import silences

Streams = Callable[[], Iterable[tuple[Callable[[], Any], Mapping[str, object]]]]


class Hush:
    """The silence on the streams of one actor.

    Args:
        streams: yields what is open: something that returns the transport, and what it is about.
    """

    def __init__(self, clock: Clock, faults: Faults, streams: Streams) -> None:
        self._clock = clock
        self._faults = faults
        self._streams = streams
        self._quiet: list[Any] = []
        self._timers: list[Timer] = []

    def changed(self) -> None:
        """Look again: a fault was armed or has ended; and once more when one begins or its time is over."""
        now_s = self._clock.time()
        known = [fault for fault in self._faults.armed if silences(fault)]
        for timer in self._timers:
            timer.cancel()
        # a loop may wake up a moment too early: what is still ahead then is waited for again
        ahead = {at_s for fault in known for at_s in (fault.from_s, fault.until_s) if at_s is not None and at_s > now_s}
        self._timers = [self._clock.call_later(at_s - now_s, self.changed) for at_s in sorted(ahead)]
        self._look([fault for fault in known if fault.from_s <= now_s and not fault.is_over(now_s)])

    def _look(self, holding: Sequence[Fault]) -> None:
        quiet = []
        for held, about in self._streams():
            transport = held()
            if transport is None or transport.get_extra_info("stream") is not None:
                continue
            fault = next((one for one in holding if one.aims_at(about)), None)
            if fault is not None:
                quiet.append(transport)
                self._silence(transport, fault)
        for transport in self._quiet:
            if not any(transport is one for one in quiet) and not transport.is_closing():
                transport.resume_reading()
        self._quiet = quiet

    def _silence(self, transport: Any, fault: Fault) -> None:
        if not any(transport is one for one in self._quiet):
            transport.pause_reading()
            self._faults.bite(fault)
