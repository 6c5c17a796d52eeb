"""Where services live, and which URLs a client gets to see."""

from __future__ import annotations

import pytest

from cloud_stub.platform.hosts import SERVICES, Hosts, host_of

NAMED = {
    "u2c": "https://u2c.wbx2.test/u2c/api/v1",
    "hydra": "https://api.webex.test/v1",
    "region": "https://ds.wbx2.test/v1/region",
    "gds": "https://gds-a.wbx2.test/gds/api/v1",
    "activation": "https://activation.webex.test/activation/api/v1",
    "idbroker": "https://idbroker.webex.test",
    "identity": "https://identity.webex.test",
    "wdm": "https://wdm-a.wbx2.test/wdm/api/v1",
    "mercury": "wss://mercury-connection-a.wbx2.test/v1",
    "encryption": "https://encryption-a.wbx2.test/encryption/api/v1",
    "calendar": "https://calendar-a.wbx2.test/calendar/api/v1",
    "locus": "https://locus-a.wbx2.test/locus/api/v1",
    "calliope": "https://calliope-a.wbx2.test/calliope/api/discovery/v1",
    "metrics": "https://metrics-a.wbx2.test/metrics/api/v1",
    "conversation": "https://conv-a.wbx2.test/conversation/api/v1",
    "feature": "https://feature-a.wbx2.test/feature/api/v1",
    "clientLogs": "https://client-logs-a.wbx2.test/client-logs/api/v1",
    "lyra": "https://lyra-a.wbx2.test/lyra/api/v1",
    "proximity": "https://proximity-a.wbx2.test/proximity/api/v1",
    "thousandEyes": "https://thousandeyes-a.wbx2.test/thousandeyes/api/v1",
    "swupgrade": "https://swupgrade-a.wbx2.test/swupgrade/api/v1",
    "xapi": "https://xapi-a.wbx2.test/xapi/api/v1",
    "graph": "https://graph.microsoft.test/v1.0",
    "identityLookup": "https://identitylookup-a.wbx2.test/identity/api/v1",
}
"""The column "stub, named host" of protocol/cloud-services.md section 1, and those of ours."""


@pytest.mark.parametrize("service", SERVICES)
def test_named_base_is_that_of_the_protocol(service: str) -> None:
    hosts = Hosts()
    assert hosts.base(service, hosts.origin("https", "anything.wbx2.test")) == NAMED[service]


@pytest.mark.parametrize(
    ("authority", "scheme", "service", "base"),
    [
        ("127.0.0.1:8080", "http", "wdm", "http://127.0.0.1:8080/wdm/api/v1"),
        ("localhost:8443", "https", "idbroker", "https://localhost:8443/idbroker"),
        ("[::1]:8080", "http", "mercury", "ws://[::1]:8080/v1"),
        ("[::1]:8443", "https", "mercury", "wss://[::1]:8443/v1"),
        ("U2C.WBX2.TEST:8443", "https", "wdm", "https://wdm-a.wbx2.test:8443/wdm/api/v1"),
        ("u2c.wbx2.test", "http", "mercury", "ws://mercury-connection-a.wbx2.test/v1"),
        ("evil-wbx2.test", "http", "wdm", "http://evil-wbx2.test/wdm/api/v1"),
    ],
)
def test_origin_decides_about_the_urls(authority: str, scheme: str, service: str, base: str) -> None:
    hosts = Hosts()
    assert hosts.base(service, hosts.origin(scheme, authority)) == base


def test_no_single_origin_base_is_a_prefix_of_another_services() -> None:
    hosts = Hosts()
    origin = hosts.origin("http", "127.0.0.1:8080")
    bases = {service: hosts.base(service, origin) for service, address in SERVICES.items() if address.catalog}
    for name, base in bases.items():
        for other, longer in bases.items():
            assert name == other or not longer.startswith(base), f"{name} swallows {other}"


@pytest.mark.parametrize(
    ("host", "services"),
    [
        ("u2c.wbx2.test", {"u2c"}),
        ("u2c-a.wbx2.test", {"u2c"}),
        ("wdm-b.wbx2.test", {"wdm"}),
        ("wdm.wbx2.test", set()),
        ("wdm-a.webex.test", set()),
        ("api.webex.test", {"hydra"}),
        ("mercury-connection-partition2-a.wbx2.test", {"mercury"}),
        ("nobody.wbx2.test", set()),
        ("wbx2.test", set()),
    ],
)
def test_services_of_a_host(host: str, services: set[str]) -> None:
    assert Hosts().services_at(host) == services


def test_moved_service_has_another_host() -> None:
    hosts = Hosts()
    hosts.clusters["wdm"] = "b"
    hosts.clusters["u2c"] = "c"
    assert (hosts.host("wdm"), hosts.host("u2c")) == ("wdm-b.wbx2.test", "u2c-c.wbx2.test")


def test_certificate_is_good_for_loopback_and_every_name() -> None:
    names = Hosts("airgap.example", "id.example").certificate_names()
    assert {"127.0.0.1", "::1", "localhost", "u2c-a.airgap.example", "*.id.example"} <= set(names)
    assert "mercury-connection-partition2-a.airgap.example" in names


@pytest.mark.parametrize(
    ("authority", "host"), [("A.b:1", "a.b"), ("[::1]:2", "::1"), ("", ""), ("[oops", ""), ("x", "x")]
)
def test_host_of_an_authority(authority: str, host: str) -> None:
    assert host_of(authority) == host
