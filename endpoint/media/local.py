"""The device's side of a negotiation: its credentials, its port, and its offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from endpoint.runtime.chance import Stream
from endpoint.wire.sdp import FINGERPRINT_BYTES, ICE_BYTES, Ice, fingerprint_of, ice_of, make_offer

PORTS: Final = (52050, 52099)  # ours: within the range of audio in the vendor's list of ports


@dataclass(slots=True)
class LocalSide:
    """What the device offers in one call. Credentials are drawn once: a new offer does not restart ICE."""

    address: str
    has_video: bool
    rate: int
    session_id: int
    port: int
    ice: Ice
    fingerprint: str
    version: int = 0
    muted: bool = False
    held: bool = False

    @classmethod
    def drawn(cls, draws: Stream, *, address: str, has_video: bool, rate: int) -> LocalSide:
        """Draw what a call needs."""
        return cls(
            address, has_video, rate, draws.below(2**62), draws.randint(*PORTS), ice_of(draws.bytes(ICE_BYTES)),
            fingerprint_of(draws.bytes(FINGERPRINT_BYTES)),
        )  # fmt: skip

    def offer(self) -> str:
        """Return the next offer; each has a version of its own."""
        self.version += 1
        offer = make_offer(
            session_id=self.session_id,
            version=self.version,
            address=self.address,
            port=self.port,
            ice=self.ice,
            fingerprint=self.fingerprint,
            has_video=self.has_video,
            muted=self.muted,
            held=self.held,
            rate=self.rate,
        )
        return offer.text()
