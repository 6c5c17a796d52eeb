"""Where each service lives: host names under reserved domains, and path prefixes under a single origin.

The address under which a request came decides which URLs its answer holds. Under a name of ours the answer holds named URLs, under
anything else (127.0.0.1, localhost, [::1]) URLs of that one origin. Source: protocol/cloud-services.md 1, activation-and-media.md 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

HOME_CLUSTER = "a"
MICROSOFT_DOMAIN = "microsoft.test"
"""The calendar platform's domain: it is not one of the cloud's, and is never renamed with them."""
LOOPBACK_NAMES = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Address:
    """Where one service lives.

    Attributes:
        label: first label of its host, without the cluster letter.
        zone: `wbx2`, `webex` or `microsoft`: which of the domains it is under.
        named_path, single_path: base path under its own host, and under a single origin.
        is_clustered: its label ends in the letter of a cluster, `wdm-a`.
        bare_label: it also answers without the letter, and that is the name it is published under.
        aliases: further labels.
        scheme: `http` or `ws`; an s is added under TLS.
        catalog: its name in the catalogue, empty if the catalogue does not list it.
    """

    label: str
    zone: str
    named_path: str
    single_path: str
    is_clustered: bool = True
    bare_label: bool = False
    aliases: tuple[str, ...] = ()
    scheme: str = "http"
    catalog: str = ""


def _wbx2(label: str, path: str, catalog: str = "") -> Address:
    return Address(label, "wbx2", path, path, catalog=catalog)


SERVICES: Mapping[str, Address] = MappingProxyType(
    {
        "u2c": Address("u2c", "wbx2", "/u2c/api/v1", "/u2c/api/v1", bare_label=True, catalog="u2c"),
        "hydra": Address("api", "webex", "/v1", "/v1", is_clustered=False, catalog="hydra"),
        "region": Address("ds", "wbx2", "/v1/region", "/v1/region", is_clustered=False),
        "gds": _wbx2("gds", "/gds/api/v1"),
        "activation": Address("activation", "webex", "/activation/api/v1", "/activation/api/v1", is_clustered=False),
        "idbroker": Address("idbroker", "webex", "", "/idbroker", is_clustered=False, catalog="idbroker"),
        "identity": Address("identity", "webex", "", "/identity-root", is_clustered=False, catalog="identity"),
        "identityLookup": _wbx2("identitylookup", "/identity/api/v1", "identityLookup"),
        "wdm": _wbx2("wdm", "/wdm/api/v1", "wdm"),
        "mercury": Address(
            "mercury-connection", "wbx2", "/v1", "/v1",
            aliases=("mercury-connection-partition2",), scheme="ws", catalog="mercuryConnectionPartition0",
        ),
        "encryption": _wbx2("encryption", "/encryption/api/v1", "encryption"),
        "calendar": _wbx2("calendar", "/calendar/api/v1", "calendar"),
        "locus": _wbx2("locus", "/locus/api/v1", "locus"),
        "calliope": _wbx2("calliope", "/calliope/api/discovery/v1", "calliopeDiscovery"),
        "metrics": _wbx2("metrics", "/metrics/api/v1", "metrics"),
        "clientLogs": _wbx2("client-logs", "/client-logs/api/v1", "clientLogs"),
        "conversation": _wbx2("conv", "/conversation/api/v1", "conversation"),
        "feature": _wbx2("feature", "/feature/api/v1", "feature"),
        "lyra": _wbx2("lyra", "/lyra/api/v1", "lyra"),
        "proximity": _wbx2("proximity", "/proximity/api/v1", "proximity"),
        "thousandEyes": _wbx2("thousandeyes", "/thousandeyes/api/v1", "thousandEyes"),
        "swupgrade": _wbx2("swupgrade", "/swupgrade/api/v1", "swupgrade"),
        "xapi": _wbx2("xapi", "/xapi/api/v1", "xapi"),
        "graph": Address("graph", "microsoft", "/v1.0", "/v1.0", is_clustered=False),
    }
)  # fmt: skip
"""Every service by the name that trace, faults and journal use."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The address under which a client knows the cloud: scheme (http or https), authority, and whether that is a name of ours."""

    scheme: str
    authority: str
    is_named: bool

    @property
    def port(self) -> str:
        """The port with its colon, empty where it is the scheme's own."""
        port = urlsplit(f"//{self.authority}").port
        return f":{port}" if port is not None else ""


class Hosts:
    """The names of all services under their domains, and the clusters that they are in now."""

    def __init__(self, domain: str = "wbx2.test", webex_domain: str = "webex.test") -> None:
        self.domains = {"wbx2": domain, "webex": webex_domain, "microsoft": MICROSOFT_DOMAIN}
        self.clusters: dict[str, str] = {}
        """Cluster letter of services that were moved away from the home cluster."""

    def cluster_of(self, service: str) -> str:
        """Return the letter of the cluster that a service is in."""
        return self.clusters.get(service, HOME_CLUSTER)

    def host(self, service: str, cluster: str | None = None) -> str:
        """Return the name under which a service is published."""
        address = SERVICES[service]
        letter = cluster or self.cluster_of(service)
        has_letter = address.is_clustered and not (address.bare_label and letter == HOME_CLUSTER)
        label = f"{address.label}-{letter}" if has_letter else address.label
        return f"{label}.{self.domains[address.zone]}"

    def origin(self, scheme: str, authority: str) -> Origin:
        """Return the origin that a Host header and the scheme of its connection stand for."""
        return Origin(scheme, authority.lower(), self.is_ours(host_of(authority)))

    def is_ours(self, host: str) -> bool:
        """Tell whether a host name lies under one of our domains."""
        return any(host == domain or host.endswith(f".{domain}") for domain in self.domains.values())

    def base(self, service: str, origin: Origin, cluster: str | None = None) -> str:
        """Return the base URL of a service, without a slash at its end, as a client of this origin has to use it."""
        address = SERVICES[service]
        scheme = origin.scheme if address.scheme == "http" else origin.scheme.replace("http", "ws")
        if origin.is_named:
            return f"{scheme}://{self.host(service, cluster)}{origin.port}{address.named_path}"
        return f"{scheme}://{origin.authority}{address.single_path}"

    def services_at(self, host: str) -> frozenset[str]:
        """Return the services that answer under a name of ours; any cluster's letter is good."""
        found = set()
        for service, address in SERVICES.items():
            label, dot, domain = host.partition(".")
            if not dot or domain != self.domains[address.zone]:
                continue
            labels = (address.label, *address.aliases)
            stem, dash, letter = label.rpartition("-")
            is_lettered = address.is_clustered and dash and len(letter) == 1 and stem in labels
            if is_lettered or ((address.bare_label or not address.is_clustered) and label in labels):
                found.add(service)
        return frozenset(found)

    def certificate_names(self) -> tuple[str, ...]:
        """Return what a server certificate has to be good for: loopback, every published name, and every domain one level deep."""
        names = [*LOOPBACK_NAMES]
        for service, address in SERVICES.items():
            names.append(self.host(service))
            suffix = f"-{HOME_CLUSTER}" if address.is_clustered else ""
            names += [f"{alias}{suffix}.{self.domains[address.zone]}" for alias in (address.label, *address.aliases)]
        names += [f"*.{domain}" for domain in self.domains.values()]
        return tuple(dict.fromkeys(names))


def host_of(authority: str) -> str:
    """Return the host of a `Host` header, lower case, without port and brackets; empty if it is none."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower()
    except ValueError:
        return ""
