"""Bodies of requests, read with limits: of one, of all together, and of the time that one takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from endpoint.runtime.clock import Clock
from endpoint.wire.xapi.xmlinput import DOCUMENT_BYTES_MAX
from endpoint.xapi.http.answers import Answer, plain

BODIES_BYTES_MAX: Final = 64 * 1024 * 1024
"""What one door holds of all bodies that are being read or carried out; one more byte and a request is answered 503."""
BODY_S_MAX: Final = 60.0
"""How long a client may take to send a body."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class Bodies:
    """How many bytes of bodies one door holds."""

    held: int = 0


@dataclass(slots=True)
class Body:
    """One body; what was read of it counts until `drop`."""

    bodies: Bodies
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    async def read(self, request: web.BaseRequest, clock: Clock) -> Answer | None:
        """Read it; return what its client is told where that cannot be."""
        if request.headers.get("Expect", "").casefold() == "100-continue" and request.transport is not None:
            request.transport.write(_CONTINUE)
        try:
            async with clock.timeout(BODY_S_MAX):
                while chunk := await request.content.readany():
                    self.chunks.append(chunk)
                    self.size += len(chunk)
                    self.bodies.held += len(chunk)
                    if self.size > DOCUMENT_BYTES_MAX:
                        return plain(413, f"A body has at most {DOCUMENT_BYTES_MAX} bytes")
                    if self.bodies.held > BODIES_BYTES_MAX:
                        return plain(503, "Too many large bodies at once")
        except TimeoutError:
            return plain(408, f"A body comes within {BODY_S_MAX:g} seconds")
        except web.RequestPayloadError:
            return plain(400, "The body is not what its headers say")
        return None

    def drop(self) -> None:
        """Give its bytes free."""
        self.bodies.held -= self.size
        self.chunks.clear()
