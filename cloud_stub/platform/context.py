"""What every service of the cloud stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cloud_stub.platform.errors import Conflict
from cloud_stub.platform.hosts import Hosts
from cloud_stub.platform.journal import Journal
from cloud_stub.platform.later import Later
from cloud_stub.platform.proxy_settings import ProxySettings
from cloud_stub.platform.records import Made, Org
from cloud_stub.platform.store import Store
from cloud_stub.platform.tokens import Tokens
from endpoint.runtime.chance import Actor
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Trace


@dataclass(slots=True)
class CloudSettings:
    """What a run may choose of the cloud. Lives and limits of protocol/activation-and-media.md 2.8 are the defaults.

    Attributes:
        domain, webex_domain: reserved domains that the services live under.
        org_name, admin_name: of the organization and the administrator that a fresh store is seeded with.
        oracle: answer unknown codes with 404; off: with a challenge that leads nowhere.
        limit_sources: challenges per source address are limited; off for loopback, where every device has the same address.
        one_device_per_workspace: a workspace refuses a second device of a kind (`workspace.occupied`).
        proxy: the HTTP proxy between devices and cloud; None = there is none.
        inspector: the authority of TLS inspection whose certificate is in the `trust_list`; None = none is.
        trust_list: TLS-proxy CAs of configData as PEM; None leaves the member out; anything but a tuple is sent as it is.
        developer_toggles: feature toggles that every user has from the start.
        deliver_root: put the root of the stub's own certificates into serviceData.
        registrations_max: WDM registrations of a user, above which a POST is answered with the excess error.
        kms_join_fields: readable = devices get the join members of meetings in clear; strict = everybody gets them sealed.
        requires_tracking_id: requests of devices without a TrackingID are answered with 401; off: nobody misses it.
        xapi_unanswered: status of an xAPI request to a device that is offline or silent; 504 or 502.
        graph_needs_token: requests to Graph need a bearer token, whichever; off: nobody looks.
        locus_events: auto = clients that take deltas get them, but hear of who comes and goes as whole states; full or delta = always that.
        locus_ring_s: how long it rings before a call counts as not answered.
        locus_gone_s: how long a device may be without websocket before it is out of its calls.
        xapi_per_minute: xAPI requests that one device may be sent in a minute, above which clients are told to wait; 0 = no limit.
    """

    domain: str = "wbx2.test"
    webex_domain: str = "webex.test"
    org_name: str = "Roomsim"
    admin_name: str = "Admin"
    oracle: bool = True
    limit_sources: bool = False
    one_device_per_workspace: bool = True
    trust_list: Any = ()
    proxy: ProxySettings | None = None
    inspector: Authority | None = None
    developer_toggles: dict[str, bool | int | str] = field(default_factory=dict)
    deliver_root: bool = True
    registrations_max: int = 25
    kms_join_fields: str = "readable"
    requires_tracking_id: bool = False
    graph_needs_token: bool = False
    xapi_unanswered: int = 504
    xapi_per_minute: int = 0
    locus_events: str = "auto"
    locus_ring_s: float = 60.0
    locus_gone_s: float = 60.0


@dataclass(slots=True)
class Platform:
    """Clock, chance, trace, faults, store and what is built right on them."""

    clock: Clock
    chance: Actor
    trace: Trace
    faults: Faults
    store: Store
    tokens: Tokens
    hosts: Hosts
    journal: Journal
    settings: CloudSettings
    state_dir: Path | None = None
    nicknames: dict[str, str] = field(default_factory=dict)
    """User id to the name that trace and faults use for it, `device:room`; given by whoever runs both sides."""
    boot: int = 1
    """How often a cloud was started on this store: part of the names of draws that would otherwise repeat after a restart."""
    root_pem: str = ""
    """Root certificate of the stub's own certificate authority."""
    later: Later = field(init=False)
    """Takes what is to happen later and has nobody who would take it back."""

    def __post_init__(self) -> None:
        self.later = Later(self.clock)

    def now(self) -> datetime:
        """Return the wall time of the cloud."""
        return self.clock.now()

    def now_ms(self) -> int:
        """Return the wall time of the cloud in epoch milliseconds."""
        now = self.clock.now()
        return int(now.timestamp()) * 1000 + now.microsecond // 1000

    def uuid(self, purpose: str, *key: str | int) -> str:
        """Draw the UUID of a thing with a stable name."""
        return self.chance.stream(purpose, *key).uuid()

    def new_id(self, kind: str, *owner: str) -> str:
        """Draw the id of the next thing of a kind below an owner: a room of a name, a device of a room."""
        return self.uuid(kind, *owner, self.nth(kind, *owner))

    def nth(self, kind: str, *owner: str) -> int:
        """Count how many things of a kind were made below an owner before this one; the count outlives restarts and deletions."""
        key = "/".join((kind, *owner))
        made = self.store[Made].get(key)
        count = made.count if made is not None else 0
        self.store[Made].put(Made(id=key, count=count + 1))
        return count

    def org_id(self) -> str:
        """Return the organization that a store was seeded with.

        Raises:
            Conflict: the store is empty.
        """
        first = self.store[Org].first()
        if first is None:
            raise Conflict("the cloud has no organization yet")
        return first.id
