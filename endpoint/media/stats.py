"""Figures of media that is modelled: what would have been sent and received in the time that it flowed.

Every number here is ours: packets at the usual pace of a codec, losses as faults take them, jitter from the round trip.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from endpoint.wire.client_metrics import MediaType, StreamStats

AUDIO_RATE: Final = 64
"""kbit/s"""
AUDIO_PACKETS_S: Final = 50.0
VIDEO_PACKET_BITS: Final = 1200 * 8
JITTER_SHARE: Final = 20
"""Jitter is a millisecond, and one more for so many of the round trip."""


@dataclass(slots=True)
class Figures:
    """What has flowed since the media began, by stream. Losses are those of receiving: of its own the device knows nothing."""

    seconds: float = 0.0
    sent: dict[MediaType, float] = field(default_factory=dict)
    received: dict[MediaType, float] = field(default_factory=dict)
    lost: dict[MediaType, float] = field(default_factory=dict)

    def flow(self, seconds: float, rates: dict[MediaType, tuple[int, int]], loss_percent: float) -> None:
        """Let time pass.

        Args:
            rates: kbit/s that are sent and received, by stream; 0 for a way that is closed.
            loss_percent: 100 while nothing arrives.
        """
        self.seconds += seconds
        for stream, (sending, receiving) in rates.items():
            self.sent[stream] = self.sent.get(stream, 0.0) + seconds * _packets_s(stream, sending)
            expected = seconds * _packets_s(stream, receiving)
            lost = expected * loss_percent / 100
            self.received[stream] = self.received.get(stream, 0.0) + expected - lost
            self.lost[stream] = self.lost.get(stream, 0.0) + lost

    def streams(
        self, rates: dict[MediaType, tuple[int, int]], rtt_ms: int, added_jitter_ms: int = 0
    ) -> tuple[StreamStats, ...]:
        """Return what is told of each stream."""
        jitter_ms = 1 + rtt_ms // JITTER_SHARE + added_jitter_ms
        found = []
        for stream, (sending, receiving) in rates.items():
            sent, received = round(self.sent.get(stream, 0.0)), round(self.received.get(stream, 0.0))
            found.append(StreamStats(stream, "transmit", sent, 0, 0, sending))
            lost = round(self.lost.get(stream, 0.0))
            found.append(StreamStats(stream, "receive", received, lost, jitter_ms, receiving))
        return tuple(found)


def _packets_s(stream: MediaType, rate: int) -> float:
    if not rate:
        return 0.0
    return AUDIO_PACKETS_S if stream == "audio" else rate * 1000 / VIDEO_PACKET_BITS
