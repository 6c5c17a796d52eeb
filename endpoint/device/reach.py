"""How far a device gets on its way to the cloud, and what it says is in the way.

Each request ends at somebody or at nobody; what the last one to each host met is kept, so that a message can name the host and the
reason, and goes when that host has answered. Source: protocol/activation-and-media.md 15.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from endpoint.cloud.http import Call
from endpoint.cloud.mercury_table import State
from endpoint.cloud.status import DOUBT_S, Status
from endpoint.device.link import Condition
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.wire.health import PING_PATH

if TYPE_CHECKING:
    from endpoint.device.device import Device

HOSTS_MAX: Final = 64
"""Hosts whose failure is kept; the oldest leaves first."""
EXPIRED: Final = ": expired"


class Reach:
    """What stands between one device and the cloud, for one boot."""

    __slots__ = ("_device", "_failures", "_refuses_tokens")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._failures: dict[str, Unreachable] = {}
        self._refuses_tokens = ""

    @property
    def last(self) -> Unreachable | None:
        """What the last request met that nobody answered; None when everybody answered who was asked last."""
        return next(reversed(self._failures.values()), None)

    def outcome(self, host: str, failure: Unreachable | None) -> None:
        """Take note of what a request to a host met; None is an answer."""
        known = self._failures.pop(host, None)
        if failure is not None:
            if len(self._failures) >= HOSTS_MAX:
                del self._failures[next(iter(self._failures))]
            self._failures[host] = failure
        if known is not failure:
            self.judge()

    def token(self, is_good: bool, url: str) -> None:
        """Take note of a service that takes no token, not even a new one: somebody on the way alters headers (row 53)."""
        refuses = "" if is_good else urlsplit(url).hostname or ""
        if refuses != self._refuses_tokens:
            self._refuses_tokens = refuses
            self.judge()

    def forget(self) -> None:
        """Forget what went wrong while nobody answered: what goes wrong still will show."""
        self._failures.clear()
        self.judge()

    def ask(self) -> None:
        """Ask the catalogue service whether anybody is there; the answer is taken note of as any other."""
        self._device.tasks.start(self._ask(), "reach")

    async def _ask(self) -> None:
        url = self._device.bases.u2c + PING_PATH
        with suppress(EndpointError):
            await self._device.http.send(Call("GET", url, "u2c", timeout_s=DOUBT_S))

    def judge(self) -> None:
        """Say what is in the way: no network, no cloud, a certificate that is over."""
        device = self._device
        is_silent = device.webex.status is Status.ERROR
        for kind, (holds, references) in {
            "NetworkConnectivity": self._network(is_silent),
            "WebexConnectivity": (is_silent or bool(self._refuses_tokens), self._cloud()),
            "CertificateExpiry": device.checks.certificates(),
        }.items():
            device.diagnostics.put(kind, holds, references)

    def _network(self, is_silent: bool) -> tuple[bool, Mapping[str, str]]:
        last = self.last
        if self._device.link.condition is Condition.NO_ADDRESS:
            return True, {"reason": "no address"}
        if is_silent and last is not None and last.layer == "dns":
            return True, {"reason": last.reason}
        return False, {}

    def _cloud(self) -> Mapping[str, str]:
        if self._refuses_tokens and self._device.webex.status is not Status.ERROR:
            return {"host": self._refuses_tokens, "reason": "401"}
        if self.last is not None:
            return {"host": self.last.host, "reason": self.last.reason}
        return {"host": urlsplit(self._device.bases.u2c).hostname or "", "reason": "no answer"}

    @property
    def expired(self) -> str:
        """Return a host whose certificate is over, empty if there is none."""
        return next((host for host, failure in self._failures.items() if failure.reason.endswith(EXPIRED)), "")

    def notifications(self, now: State) -> bool:
        """Complain while nothing can be pushed; returns whether that is so."""
        device = self._device
        is_down = now in (State.WAITING, State.REFUSED, State.REPLACED)
        registration = device.registration.device
        if is_down or now in (State.OPEN, State.OFF):
            host = urlsplit(registration.web_socket_url).hostname if registration else None
            references = {"host": host or "", "reason": device.mercury.failure or now.value}
            device.diagnostics.put("WebexNotificationConnectivity", is_down, references)
        return is_down
