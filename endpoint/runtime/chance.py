"""Chance: every id, nonce, jitter and draw.

A stream is named by who draws and what for, never by when: `chance.actor("device:room").stream("mercury backoff")`. With a seed the
same name gives the same sequence, in any process and whatever else is drawn; without one the bytes are the operating system's.

A stream is a counter under SHA-256 rather than a `random.Random`: 100 bytes instead of 2.5 KiB, and there are ten thousand devices.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")

_UUID_DRAWN = ~(0xF000 << 64 | 0xC000 << 48)  # all but the version and the variant, RFC 9562 section 5.4
_UUID_4 = 0x4000 << 64 | 0x8000 << 48


class Stream:
    """One named sequence of draws."""

    __slots__ = ("_counter", "_key", "_pool")

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._counter = 0
        self._pool = b""

    def bytes(self, count: int) -> bytes:
        """Draw `count` bytes."""
        if self._key is None:
            return os.urandom(count)
        while len(self._pool) < count:
            self._pool += sha256(self._key + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        drawn, self._pool = self._pool[:count], self._pool[count:]
        return drawn

    def below(self, limit: int) -> int:
        """Draw an integer of 0..limit-1, each equally likely."""
        if limit < 1:
            raise ValueError("there is nothing below 1 to draw")
        width = (limit.bit_length() + 7) // 8 + 1
        ceiling = (256**width // limit) * limit
        while (drawn := int.from_bytes(self.bytes(width), "big")) >= ceiling:
            pass  # rejected, so that no value is favoured; less than one draw in 256
        return drawn % limit

    def randint(self, low: int, high: int) -> int:
        """Draw an integer of low..high, both included."""
        return low + self.below(high - low + 1)

    def uniform(self, low: float, high: float) -> float:
        """Draw a float of low..high."""
        return low + (high - low) * (int.from_bytes(self.bytes(7), "big") >> 3) / (1 << 53)

    def digits(self, count: int) -> str:
        """Draw `count` decimal digits."""
        return f"{self.below(10**count):0{count}d}"

    def choice(self, items: Sequence[T]) -> T:
        """Draw one of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Draw `count` different items, in drawn order."""
        rest = list(items)
        if count > len(rest):
            raise ValueError(f"cannot draw {count} of {len(rest)} items")
        return [rest.pop(self.below(len(rest))) for _ in range(count)]

    def uuid(self) -> str:
        """Draw a version 4 UUID."""
        digits = f"{int.from_bytes(self.bytes(16), 'big') & _UUID_DRAWN | _UUID_4:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def branch(self, *key: str | int) -> Stream:
        """Open a stream of its own for one of many occasions; nothing is drawn from this one."""
        if self._key is None:
            return Stream(None)
        return Stream(sha256(b"\x1f".join((self._key, *(str(part).encode() for part in key)))).digest())


class Actor:
    """The streams of one actor."""

    __slots__ = ("_seed", "who")

    def __init__(self, seed: int | None, who: str) -> None:
        self._seed = seed
        self.who = who

    @property
    def seeded(self) -> bool:
        """Say whether the draws repeat: then nothing drawn here is safe outside a simulation."""
        return self._seed is not None

    def stream(self, purpose: str, *key: str | int) -> Stream:
        """Open the stream of a purpose; `key` tells apart its occasions (a device, an attempt)."""
        if self._seed is None:
            return Stream(None)
        name = "\x1f".join((str(self._seed), self.who, purpose, *map(str, key)))
        return Stream(sha256(name.encode()).digest())


class Chance:
    """The seed of a run, or the operating system's generator when there is none."""

    def __init__(self, seed: int | None) -> None:
        self.seed = seed

    @property
    def seeded(self) -> bool:
        """Say whether the run repeats."""
        return self.seed is not None

    def actor(self, who: str) -> Actor:
        """Return the streams of one actor, named as in the trace: `device:room`, `cloud`."""
        return Actor(self.seed, who)
