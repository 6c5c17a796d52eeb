"""The cloud: its services put together, behind one door for http and one for https.

Store ── Platform ── services ── WebDoor ── listeners
             └────── UseCases   (what scenarios, tests and the control API call)
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from cloud_stub.calls_control import CallsControl
from cloud_stub.calls_use_cases import CallUseCases
from cloud_stub.hybrid_calendar.control_api import HybridControl
from cloud_stub.hybrid_calendar.editor import MailboxEditor
from cloud_stub.hybrid_calendar.evidence import Invitations
from cloud_stub.hybrid_calendar.mailboxes.control import MailboxControl
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.platforms.graph import Graph
from cloud_stub.hybrid_calendar.platforms.hooks import Hooks
from cloud_stub.hybrid_calendar.service import HybridCalendar
from cloud_stub.hybrid_calendar.settings import Settings
from cloud_stub.hybrid_calendar.site import Site
from cloud_stub.hybrid_calendar.use_cases import HybridUseCases
from cloud_stub.media_node.fleet import Fleet, MediaPlan
from cloud_stub.media_node.node import NodeSeams
from cloud_stub.platform.certificates import Certificates
from cloud_stub.platform.context import CloudSettings, Platform
from cloud_stub.platform.control import Control
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import Unauthorized
from cloud_stub.platform.hosts import SERVICES, Hosts
from cloud_stub.platform.journal import Journal
from cloud_stub.platform.records import Org, ServerKey, User
from cloud_stub.platform.routes import Service
from cloud_stub.platform.store import Store
from cloud_stub.platform.tokens import ADMIN_SCOPES, Tokens
from cloud_stub.platform.web import CONTROL_PREFIX, WebDoor
from cloud_stub.premises.inspectors import Inspectors
from cloud_stub.premises.proxy import Proxy
from cloud_stub.services.activation import Activation, SrpActions
from cloud_stub.services.activation_codes import Codes
from cloud_stub.services.activation_exchange import Exchanges
from cloud_stub.services.calendar import Calendar
from cloud_stub.services.calliope import Calliope
from cloud_stub.services.client_logs import ClientLogs
from cloud_stub.services.features import Features
from cloud_stub.services.health import Gds, Idle, Region
from cloud_stub.services.identity import IdBroker
from cloud_stub.services.integrations import Integrations, IntegrationTokens
from cloud_stub.services.kms import Kms
from cloud_stub.services.locus.media import MediaNodes
from cloud_stub.services.locus.service import LocusService
from cloud_stub.services.locus.switchboard import Switchboard
from cloud_stub.services.mercury import Mercury
from cloud_stub.services.metrics import Metrics
from cloud_stub.services.rest_api import RestApi
from cloud_stub.services.rest_workspaces import RestWorkspaces
from cloud_stub.services.scheduling import Scheduling
from cloud_stub.services.swupgrade import SwUpgrade
from cloud_stub.services.u2c import U2c
from cloud_stub.services.wdm import Wdm
from cloud_stub.services.xapi_relay import XapiRelay
from cloud_stub.services.xapi_rest import XapiRest
from cloud_stub.use_cases import UseCases
from cloud_stub.why import Why
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Listener, NameTable, Net
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Trace
from endpoint.wire.conventions import DEFAULT_PORTS
from endpoint.wire.secret import AccessToken

WHO = "cloud"
CA_FILE = "ca.pem"
ADMIN_LIFE_S = 10 * 365 * 86_400
"""The administrator's token outlives every run: expiry is tested with others."""
Address = tuple[str, int]
_CA_KEY, _CA_CERT, _ADMIN_TOKEN, _BOOTS = "ca key", "ca certificate", "admin token", "boots"


class Cloud:
    """The stub cloud.

    Args:
        names: where its names and those of its media nodes are published.
        state_dir: keeps the store across restarts; None = in memory only.
        media: the media nodes to run; None = none.

    Raises:
        StoreError: the state directory cannot be used.
    """

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        trace: Trace,
        faults: Faults,
        names: NameTable,
        settings: CloudSettings | None = None,
        state_dir: Path | None = None,
        media: MediaPlan | None = None,
    ) -> None:
        settings = settings or CloudSettings()
        store = Store(state_dir)
        actor = chance.actor(WHO)
        self.names = names
        self.net = Net(WHO, clock, names, faults)
        self.platform = Platform(
            clock=clock,
            chance=actor,
            trace=trace,
            faults=faults,
            store=store,
            tokens=Tokens(store, clock, actor),
            hosts=Hosts(settings.domain, settings.webex_domain),
            journal=Journal(),
            settings=settings,
            state_dir=state_dir,
        )
        self.authority = self._authority()
        self.platform.root_pem = self.authority.pem
        self.directory = Directory(self.platform)
        self.mailboxes = MailboxStore(self.platform)
        self.fleet = self._fleet(media) if media is not None else None
        self._seed()
        self._build()
        self.inspectors = Inspectors(settings.inspector)
        self.proxy = self._proxy(chance, trace, faults)
        self._door: WebDoor | None = None
        self._listeners: dict[str, Listener] = {}
        self._ca_dir: Path | None = None

    # -- putting it together ----------------------------------------------------------------------------------------------------------

    def _authority(self) -> Authority:
        keys = self.platform.store[ServerKey]
        key, cert = keys.get(_CA_KEY), keys.get(_CA_CERT)
        if key is not None and cert is not None:
            return Authority(key_pem=key.text, cert_pem=cert.text)
        authority = Authority()
        with self.platform.store.transaction():
            keys.put(ServerKey(id=_CA_KEY, text=authority.key_pem))
            keys.put(ServerKey(id=_CA_CERT, text=authority.pem))
        return authority

    def _fleet(self, media: MediaPlan) -> Fleet:
        tls = self.authority.server_context(media.tls_names)
        platform = self.platform
        return Fleet(media, NodeSeams(self.net, platform.clock, platform.faults, platform.trace, tls))

    def _proxy(self, chance: Chance, trace: Trace, faults: Faults) -> Proxy | None:
        platform = self.platform
        if platform.settings.proxy is None:
            return None
        net = Net("proxy", platform.clock, self.names, faults)
        return Proxy(
            net, chance.actor("proxy"), trace, platform.settings.proxy,
            anchors=(self.root_pem,), services_at=platform.hosts.services_at, inspector=self.inspectors.get,
        )  # fmt: skip

    def _seed(self) -> None:
        """Give a fresh store its organization and administrator, and any store a good administrator's token."""
        platform, keys = self.platform, self.platform.store[ServerKey]
        boots = keys.get(_BOOTS)
        platform.boot = int(boots.text) + 1 if boots is not None else 1
        keys.put(ServerKey(id=_BOOTS, text=str(platform.boot)))
        if platform.store[Org].first() is None:
            self.directory.create_org(platform.settings.org_name)
        admin = next((user for user in platform.store[User] if user.is_admin), None)
        if admin is None:
            admin = self.directory.create_person(platform.settings.admin_name, "admin@room.example", is_admin=True)
        kept = keys.get(_ADMIN_TOKEN)
        try:
            platform.tokens.verify(AccessToken(kept.text if kept is not None else ""))
        except Unauthorized:
            token = platform.tokens.issue_access(admin, ADMIN_SCOPES, life_s=ADMIN_LIFE_S)
            keys.put(ServerKey(id=_ADMIN_TOKEN, text=token.reveal()))

    def _build(self) -> None:
        platform = self.platform
        self.codes = Codes(platform, self.directory)
        exchanges = Exchanges(platform, self.directory, self.codes)
        self.gds = Gds(platform)
        self.region = Region(platform)
        self.u2c = U2c(platform)
        self.features = Features(platform, lambda user_id, data: self.mercury.push(data, user_id=user_id))
        self.wdm = Wdm(platform, self.features)
        self.mercury = Mercury(platform, self.wdm)
        self.kms = Kms(platform, self.mercury, self.wdm)
        self.calendar = Calendar(platform, self.mercury, self.kms.vault)
        self.scheduling = Scheduling(platform, self.directory, self.mercury, self.calendar, self.kms.vault)
        self.calliope = Calliope(platform, self.fleet)
        self.swupgrade = SwUpgrade(
            platform, self.directory, lambda user_id, data: self.mercury.push(data, user_id=user_id)
        )
        self.use_cases = UseCases(
            platform, self.directory, self.codes, self.mercury, self.calendar, self.features, self.u2c, self.gds, self.swupgrade
        )  # fmt: skip
        self.graph = Graph(platform, self.mailboxes, Hooks(self.net, platform.clock, platform.root_pem))
        self.hybrid = self._hybrid()
        self.use_cases.add_subjects(("mailbox",), self.hybrid.query)
        invitations = Invitations(platform, self.mailboxes, self.hybrid.service, self.hybrid.settings_of)
        self.why = Why(platform, self.mercury, invitations)
        self.switchboard = self._switchboard()
        self.calls = CallUseCases(self.switchboard, self.directory)
        self.use_cases.add_subjects(("call", "calls", "peer"), self.calls.query)
        self.metrics = Metrics(platform)
        self.use_cases.add_subjects(("metrics",), self.metrics.query)
        self.client_logs = ClientLogs(platform)
        self.xapi = XapiRelay(platform, self.mercury)
        self.services = self._services(exchanges)

    def _services(self, exchanges: Exchanges) -> list[Service]:
        """List everything that answers; services that nobody is yet answer their ping alone."""
        platform = self.platform
        rest = RestApi(platform, self.directory, self.use_cases)
        busy: list[Service] = [
            Control(
                platform,
                self.use_cases,
                self.why,
                lambda: self._door.router.known if self._door is not None else [],
                lambda: self.fleet.names() if self.fleet is not None else [],
            ),
            HybridControl(self.hybrid),
            CallsControl(self.calls),
            rest,
            RestWorkspaces(platform, self.directory, self.use_cases, rest.device_json, self.hybrid.calendar_entered),
            XapiRest(self.directory, platform.tokens, self.xapi),
            self.xapi,
            Integrations(platform, self.directory),
            IntegrationTokens(platform),
            self.metrics,
            self.client_logs,
            self.region,
            self.gds,
            Activation(platform, exchanges),
            IdBroker(platform, SrpActions(platform, exchanges)),
            self.u2c,
            self.features,
            self.wdm,
            self.mercury,
            self.kms,
            self.calendar,
            self.scheduling,
            self.calliope,
            self.swupgrade,
            LocusService(platform, self.switchboard, MediaNodes(platform.chance, self.fleet)),
            self.graph,
            MailboxControl(self.mailboxes, self.hybrid.service.watch, self.hybrid.person),
        ]
        served = {service.name for service in busy}
        return [*busy, *(Idle(platform, name) for name in SERVICES if name not in served)]

    def _hybrid(self) -> HybridUseCases:
        platform = self.platform
        settings, site = Settings(platform), Site(platform)
        calendars = self.graph.office365
        service = HybridCalendar(platform, calendars, settings, site, self.calendar)
        self.directory.on_machine = service.machine_created
        self.scheduling.editor = MailboxEditor(platform, self.mailboxes, service, self.scheduling.editor)
        return HybridUseCases(
            platform,
            self.directory,
            self.mailboxes,
            calendars,
            service,
            settings,
            site,
            self.calendar,
            self.use_cases.feature_set,
        )

    def _switchboard(self) -> Switchboard:
        board = Switchboard(self.platform, self.mercury, self.wdm)
        self.mercury.on_presence = board.connected
        self.wdm.on_gone = board.unregistered
        return board

    # -- life -------------------------------------------------------------------------------------------------------------------------

    async def start(
        self,
        http: Address | None = None,
        https: Address | None = ("127.0.0.1", 0),
        proxy: Address = ("127.0.0.1", 0),
    ) -> None:
        """Open the doors: names lead to them from here on. Port 0 takes a free one.

        Raises:
            OSError: an address is in use or not ours.
        """
        self.platform.later.start()
        self._door = WebDoor(self.platform, self.services)
        self.graph.subscriptions.start()
        try:
            if self.fleet is not None:
                await self.fleet.start()
            if http is not None:
                self._listeners["http"] = await self.net.listen(self._door.server, *http)
            if https is not None:
                platform = self.platform
                shown = Certificates(
                    self.authority, platform.hosts, platform.clock, platform.faults, self.inspectors.get
                )
                self._listeners["https"] = await self.net.listen(self._door.server, *https, tls=shown.context)
            if self.proxy is not None:
                await self.proxy.start(*proxy)
        except BaseException:
            await self.stop()
            raise
        self.hybrid.service.start()
        for scheme, listener in self._listeners.items():
            for domain in self.platform.hosts.domains.values():
                self.names.publish_domain(domain, DEFAULT_PORTS[scheme], listener.host, listener.port)

    async def stop(self) -> None:
        """Close sockets, doors, media nodes and store, and forget what was to happen later."""
        self.platform.later.stop()
        self.hybrid.service.stop()
        self.switchboard.stop()
        for listener in self._listeners.values():
            listener.close()
        await self.graph.stop()
        if self.proxy is not None:
            await self.proxy.stop()
        await self.mercury.stop()
        if self._door is not None:
            await self._door.close()
        for listener in self._listeners.values():
            await listener.wait_closed()
        self._listeners.clear()
        if self.fleet is not None:
            await self.fleet.stop()
        self.platform.store.close()
        if self._ca_dir is not None:
            shutil.rmtree(self._ca_dir, ignore_errors=True)

    # -- what others need to know -----------------------------------------------------------------------------------------------------

    @property
    def admin_token(self) -> AccessToken:
        """The access token of the seeded administrator, with all scopes."""
        kept = self.platform.store[ServerKey].get(_ADMIN_TOKEN)
        assert kept is not None, "seeding puts it there"
        return AccessToken(kept.text)

    @property
    def org_id(self) -> str:
        """The seeded organization."""
        return self.platform.org_id()

    @property
    def root_pem(self) -> str:
        """The root certificate of the cloud's own servers, PEM."""
        return self.authority.pem

    def url(self, scheme: str) -> str | None:
        """Return the base URL of a door, None if it is not open."""
        listener = self._listeners.get(scheme)
        if listener is None:
            return None
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        return f"{scheme}://{host}:{listener.port}"

    def ready(self) -> dict[str, Any]:
        """Return what the ready file says; writes the root certificate to disk, next to the store or into a temporary directory."""
        urls = {scheme: url for scheme in ("http", "https") if (url := self.url(scheme)) is not None}
        control = urls.get("http") or urls.get("https")
        return {
            **urls,
            "ca": str(self._ca_path()),
            "org_id": self.org_id,
            "control": f"{control}{CONTROL_PREFIX}/control/v1",
            "admin_token": self.admin_token.reveal(),
            **self._proxy_ready(),
        }

    def _proxy_ready(self) -> dict[str, str]:
        """Return where the proxy is, its account where it asks for one, and the certificate of an authority that opens up TLS."""
        proxy = self.proxy
        if proxy is None:
            return {}
        found = {"proxy": proxy.url}
        if proxy.settings.schemes:
            found |= {"proxy_login": proxy.settings.login, "proxy_password": proxy.settings.password.reveal()}
        if proxy.settings.inspects is not None:
            path = self._ca_path().with_name("proxy-ca.pem")
            path.write_text(proxy.settings.inspects.pem)
            found["proxy_ca"] = str(path)
        return found

    def _ca_path(self) -> Path:
        directory = self.platform.state_dir
        if directory is None:
            if self._ca_dir is None:
                self._ca_dir = Path(tempfile.mkdtemp(prefix="roomsim-ca-"))
            directory = self._ca_dir
        path = directory / CA_FILE
        path.write_text(self.root_pem)
        return path
