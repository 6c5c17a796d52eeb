"""How good a path is, and what the device makes of it: less video while packets are lost, and a warning.

What the network would do to media is asked of its faults, as nothing is sent; thresholds and steps are ours.
Source: protocol/activation-and-media.md 15.4, line R71, fault row 40.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOSS_POOR: Final = 3.0
"""Percent of the packets from which a path is poor."""
JITTER_POOR_MS: Final = 50
LOOKS: Final = 2
"""Looks that have to agree before a path is called poor, or good again."""
RATE_MIN: Final = 384
"""kbit/s of video that is not gone below."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a path does to media now: `loss` in percent, `jitter_ms` beside what the round trip brings."""

    loss: float = 0.0
    jitter_ms: int = 0

    @property
    def is_poor(self) -> bool:
        """Say whether people would notice."""
        return self.loss >= LOSS_POOR or self.jitter_ms >= JITTER_POOR_MS


GOOD: Final = Conditions()


@dataclass(slots=True)
class Quality:
    """The quality of one path over time. `rate` is what video is kept to, in kbit/s; None: to nothing."""

    is_poor: bool = False
    rate: int | None = None
    looks: int = 0

    def look(self, now: Conditions) -> bool:
        """Take the conditions of the moment; returns whether the path is poor from now on, or no longer."""
        self.looks = self.looks + 1 if now.is_poor is not self.is_poor else 0
        if self.looks < LOOKS:
            return False
        self.is_poor, self.looks = now.is_poor, 0
        return True

    def adapt(self, now: Conditions, agreed: int) -> tuple[int, int] | None:
        """Halve the rate of video while packets are lost on a poor path, and double it again later.

        Args:
            agreed: what both sides have agreed on, in kbit/s.

        Returns:
            Rates before and after, in kbit/s; None if it stays.
        """
        before = agreed if self.rate is None else min(self.rate, agreed)
        after = before
        if self.is_poor and now.loss >= LOSS_POOR:
            after = max(min(RATE_MIN, agreed), before // 2)
        elif not self.is_poor and not now.is_poor:
            after = min(agreed, before * 2)
        self.rate = None if after == agreed else after
        return (before, after) if after != before else None
