"""A network that asks for a sign-in before it lets anybody through: a captive portal.

While nobody answers, although names are resolved, the device asks for the region over plain http, where such a network can answer in the
place of the cloud: a redirect to another host, or status 511, is the portal. It asks again every minute as long as that is so. That a
device asks, whom and how often is ours. Source: protocol/activation-and-media.md 15.4, 16 (row 6), line R07; RFC 6585 section 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import hdrs

from endpoint.cloud.http import Answer, Call
from endpoint.cloud.proxy_settings import NODE, OFF
from endpoint.cloud.status import Status
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.net import is_address
from endpoint.wire import conventions

if TYPE_CHECKING:
    from endpoint.device.device import Device

AGAIN_S: Final = 60.0
"""Wait while nobody answers."""
TIMEOUT_S: Final = 10.0
SHOWN_CHARS_MAX: Final = 200
"""So much of the address of a sign-in page is shown."""
ASKS_FOR_SIGN_IN: Final = 511
"""Network Authentication Required, RFC 6585."""
KIND: Final = "CaptivePortalDetected"


class Portal:
    """Look for a captive portal around one device, for one boot."""

    __slots__ = ("_asking", "_device", "_found", "_timer")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._found = ""
        self._timer: Timer | None = None
        self._asking = False

    def webex(self, now: Status) -> None:
        """Take the state of the relation to the cloud: a portal shows in silence, and is gone when the cloud has answered."""
        if now is Status.ERROR:
            self.ask()
        elif now is Status.REGISTERED:
            self.stop()
            self._tell("", "")

    def ask(self) -> None:
        """Ask now, unless that is under way or makes no sense; again in a minute if nobody answers still."""
        if self._asking or not self._device.is_up:
            return
        self.stop()
        if self._is_worth_it:
            self._asking = True
            self._device.tasks.start(self._ask(), "captive portal")
        else:
            self._plan()

    @property
    def _is_worth_it(self) -> bool:
        """Say whether a portal could be what is in the way: the lower layers are in order, and no proxy speaks for the cloud."""
        device, last = self._device, self._device.reach.last
        has_proxy = (device.configuration.get((*NODE, "Mode")) or OFF) != OFF
        return device.link.is_up and not has_proxy and last is not None and last.layer != "dns" and bool(self._url)

    @property
    def _url(self) -> str:
        """Return what is asked; nothing where the cloud is an address, whose port 80 is nobody's."""
        parts = urlsplit(self._device.bases.region)
        host = parts.hostname or ""
        return "" if is_address(host) or host == "localhost" else f"http://{host}{parts.path}"

    async def _ask(self) -> None:
        device, url = self._device, self._url
        call = Call("GET", url, "region", timeout_s=TIMEOUT_S, sees_redirects=True, is_direct=True)
        try:
            answer = await device.http.send(call)
        except Unreachable:
            pass  # a network that lets nothing through is no portal
        except EndpointError:
            return  # the device went off
        else:
            self._judge(url, answer)
        finally:
            self._asking = False
        self._plan()

    def _judge(self, url: str, answer: Answer) -> None:
        """Tell a portal from the cloud: it sends people elsewhere."""
        location = answer.headers.get(hdrs.LOCATION, "") if 300 <= answer.status < 400 else ""
        leads_to = urlsplit(location).hostname if conventions.is_url(location) else None
        is_elsewhere = leads_to is not None and leads_to != urlsplit(url).hostname
        if is_elsewhere or answer.status == ASKS_FOR_SIGN_IN:
            shown = conventions.redact_url(location)[:SHOWN_CHARS_MAX]
            self._tell(shown or url, f"{url} answered {answer.status} {shown}".rstrip())
        else:
            self._tell("", "")

    def _tell(self, page: str, what: str) -> None:
        """Raise or clear the message, and write down what is new."""
        if page == self._found:
            return
        self._found = page
        if page:
            self._device.world.log.line("Network", "W", f"captive portal: {what}")
        self._device.diagnostics.put(KIND, bool(page), {"url": page})

    def _plan(self) -> None:
        device = self._device
        if device.is_up and (self._found or device.webex.status is Status.ERROR):
            self._timer = device.world.clock.call_later(AGAIN_S, self.ask)

    def stop(self) -> None:
        """Ask no more: the device goes off, or is online."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
