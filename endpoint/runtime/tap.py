"""The tap: where somebody who records a device is shown what it says and hears, in clear.

Nothing of it enters trace or log. Whoever listens keeps it to himself until the secrets are out of it. A device without a recorder has
this tap, which is open to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Tap:
    """Listens to nothing; recorders override it. Numbers that it returns name an exchange or a socket from then on."""

    def asked(
        self, method: str, url: str, service: str, headers: Mapping[str, str], body: bytes | None, opened: Any
    ) -> int:
        """Take a request as it goes out; `opened` is what its sealed members hold."""
        return 0

    def answered(self, number: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Take the answer to a request."""

    def failed(self, number: int, reason: str) -> None:
        """Take that nobody answered."""

    def opened(self, number: int, plain: Mapping[str, Any]) -> None:
        """Take what the sealed members of an answer hold, by their names."""

    def command(self, path: str, arguments: Mapping[str, Any]) -> None:
        """Take a command that somebody gives the device."""

    def socket_opened(self, url: str) -> int:
        """Take that a websocket is open."""
        return 0

    def message(self, number: int, text: str, *, is_sent: bool) -> None:
        """Take a message of a websocket."""

    def opened_message(self, plain: object) -> None:
        """Take what a sealed part of the message holds that came last."""

    def opened_text(self, sealed: str, plain: str, key_url: str) -> None:
        """Take a text that was opened with a key of the key service."""

    def socket_closed(self, number: int, code: int, reason: str) -> None:
        """Take that a websocket is gone."""


CLOSED = Tap()
"""The tap of a device that nobody records."""
