"""The device's trust store: built-in anchors, service certificates, and the CAs of TLS-inspecting proxies.

Processing of configData and its log lines L01 to L06, R27b to R29: protocol/activation-and-media.md section 3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, StorageError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire.activation.messages import ConfigData
from endpoint.wire.errors import WireError
from endpoint.wire.trust import parse_trust_list

REFRESH_BOUNDS_S: Final = (64_800, 86_400)  # 75..100 % of a day; 81465 observed
RETRY_BOUNDS_S: Final = (675, 900)
CA_DIRECTORY: Final = "/config/certs/spark_ca_list/tls_proxy"


class TrustStore:
    """Who this device believes. A server's chain is accepted if it ends in any of the three stores."""

    def __init__(self, world: World, tasks: Tasks, built_in: tuple[str, ...], *, insists: bool = False) -> None:
        self._world = world
        self._tasks = tasks
        self._draws = world.chance.stream("CA trust store refresh")
        self._timer: Timer | None = None
        self._tls: TlsClient | None = None
        self._built_in = built_in
        self._insists = insists
        self._generation = 0
        self.service: tuple[str, ...] = ()
        self.proxy: tuple[str, ...] = ()
        self.proxy_directory = ""
        self.renewed: tuple[str, ...] = ()
        """Service certificates that came since the boot; they are used from the next one on."""
        self.spoilt = ""
        """What was wrong with the last certificate of a list that none could be taken of; empty where one could."""
        self._own: tuple[str, ...] = ()
        self.fetch_config: Callable[[], Awaitable[ConfigData]] | None = None
        """Asks the cloud for configData again; plugged in once the device is activated."""
        self.on_change: Callable[[], object] = lambda: None

    @property
    def tls(self) -> TlsClient:
        """How new connections are verified from now on."""
        if self._tls is None:
            anchors = tuple(dict.fromkeys(self._built_in + self._own + self.service + self.proxy))
            self._tls = TlsClient(anchors, insists=self._insists)
        return self._tls

    def load(self, service: tuple[str, ...], proxy: tuple[str, ...], proxy_directory: str) -> None:
        """Take over what was persisted."""
        self.service, self.proxy, self.proxy_directory, self._tls = service, proxy, proxy_directory, None
        self.renewed, self.spoilt = (), ""

    def set_own(self, certificates: tuple[str, ...]) -> None:
        """Trust what an administrator has added, besides all others; PEM that can be read."""
        self._own, self._tls = certificates, None

    def set_service_certificates(self, certificates: tuple[str, ...]) -> None:
        """Take the service certificates of serviceData; a bad one spoils no other."""
        parsed = parse_trust_list(certificates)
        for number, reason in parsed.rejected:
            text = f"rejected service certificate {number} of {len(certificates)}: {reason}"
            self._world.log.line("Wx2", "W", text)
        self.service, self._tls = parsed.certificates, None

    def process(self, config: ConfigData) -> None:
        """Work through a configData: extract, parse, write the directory, switch the link, restart the timer."""
        log = self._world.log
        items = config.trust_items
        if not config.has_trust_list:
            log.line("Wx2", "1", "safe_extract_array: missing key trustList")
            text = "No 'trustList' sub-document in configData. No CA certificates will be updated"
            log.line("Wx2", "I", f"process_additional_CAs: {text}")
        elif items is None:
            log.line("Wx2", "W", "safe_extract_array: key trustList is not an array")
        parsed = parse_trust_list(items or [])
        for index, reason in parsed.rejected:
            text = f"rejected certificate {index} of {len(items or [])}: {reason}"
            log.line("Wx2", "W", f"process_additional_CAs: {text}")
        self.spoilt = parsed.rejected[-1][1] if parsed.rejected and not parsed.certificates else ""
        log.line("Wx2", "3", f"process_additional_CAs: Parsed {len(parsed.certificates)} additional CA certificate(s)")
        if items is not None:
            self.proxy, self._tls = parsed.certificates, None
        self._renew(config.service_certificates)
        self.proxy_directory = f"{CA_DIRECTORY}-{int(self._world.clock.now().timestamp())}"
        self._changed()
        target = f'using tls proxy certs directory: "{CA_DIRECTORY}" -> {self.proxy_directory}'
        log.line("Wx2", "I", f"setup_all_symlinks: {target}")
        log.line("Wx2", "I", "process_additional_CAs: Updated CA certificates from srpconfig")
        wait_s = self._schedule(REFRESH_BOUNDS_S)
        log.line("Wx2", "3", f"Restarting CA trust store refresh in {wait_s} second(s)")

    def _renew(self, certificates: tuple[str, ...]) -> None:
        """Keep renewed service certificates until the next boot; those of now go on to be used."""
        renewed = parse_trust_list(certificates).certificates
        if renewed and renewed not in (self.service, self.renewed):
            self.renewed = renewed
            self._world.log.line("Wx2", "I", "certificate renewed, restart required")

    def _changed(self) -> None:
        try:
            self.on_change()
        except StorageError as error:
            self._world.log.line("Wx2", "E", f"CA trust store not written: {error}")  # it holds until the next boot

    def _schedule(self, bounds: tuple[int, int]) -> int:
        self._cancel()
        wait_s = self._draws.randint(*bounds)
        self._timer = self._world.clock.call_later(wait_s, self._due)
        return wait_s

    def _due(self) -> None:
        self._timer = None
        self._tasks.start(self.refresh(), "trust refresh")

    def resume(self) -> None:
        """Start refreshing again after a restart, without processing anything."""
        wait_s = self._schedule(REFRESH_BOUNDS_S)
        self._world.log.line("Wx2", "3", f"Restarting CA trust store refresh in {wait_s} second(s)")

    async def refresh(self) -> None:
        """Ask for configData again and process it; on failure the old directory stays and a retry is scheduled."""
        if self.fetch_config is None:
            return
        generation = self._generation
        try:
            config = await self.fetch_config()
        except (EndpointError, WireError) as error:
            if generation == self._generation:  # else the account is gone, and the timer with it
                reason = "unexpected content" if isinstance(error, WireError) else str(error)
                wait_s = self._schedule(RETRY_BOUNDS_S)
                text = f"CA trust store refresh failed: {reason}; retry in {wait_s} second(s)"
                self._world.log.line("Wx2", "W", text)
            return
        if generation == self._generation:
            self.process(config)

    def stop(self) -> None:
        """Stop refreshing; what is on its way is not taken any more."""
        self._generation += 1
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def forget_cloud(self) -> None:
        """Drop everything that came from the cloud."""
        self.stop()
        self.load((), (), "")
        self._changed()
