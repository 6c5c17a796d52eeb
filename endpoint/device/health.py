"""Checks that run with the device's diagnostics: what can become wrong without an event of its own.

Source: protocol/xapi-nodes.md 3.2, activation-and-media.md 15.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

if TYPE_CHECKING:
    from endpoint.device.device import Device

CERTIFICATE_WARNING: Final = timedelta(days=30)
Finding = tuple[bool, Mapping[str, str]]


def check(device: Device) -> Mapping[str, Finding]:
    """Return for each type of message whether it holds, and its references."""
    return {
        "HTTPSModeSecurity": _plain_http(device),
        "CertificateExpiry": _certificates(device),
    }


def _plain_http(device: Device) -> Finding:
    return device.configuration.get(("NetworkServices", "HTTP", "Mode")) == "HTTP+HTTPS", {}


def _certificates(device: Device) -> Finding:
    """Look at the certificates that came from the cloud and at those that an administrator added."""
    now = device.world.clock.now()
    soon = []
    for pem in (*device.state.trust.service, *device.state.trust.proxy):
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            continue  # was reported when it came
        left = certificate.not_valid_after_utc - now
        if left < CERTIFICATE_WARNING:
            soon.append((left, certificate.subject.rfc4514_string()))
    if not soon:
        return False, {}
    left, subject = min(soon)
    return True, {"subject": subject, "days": str(left.days)}
