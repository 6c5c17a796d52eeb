"""Checks that run with the device's diagnostics: what can become wrong without an event of its own.

Source: protocol/xapi-nodes.md 3.2, activation-and-media.md 15.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography import x509

if TYPE_CHECKING:
    from endpoint.device.device import Device

CERTIFICATE_WARNING: Final = timedelta(days=30)
CERTIFICATES_KNOWN_MAX: Final = 1_000
"""Certificates whose end is kept; devices of one cloud have the same ones."""
DAY: Final = timedelta(days=1)
Finding = tuple[bool, Mapping[str, str]]


def check(device: Device) -> Mapping[str, Finding]:
    """Return for each type of message whether it holds, and its references."""
    return {
        "HTTPSModeSecurity": _plain_http(device),
        "CertificateExpiry": certificates(device),
        "CertificateRenewedRebootRequired": _renewed(device),
    }


def next_change(device: Device) -> datetime | None:
    """Return the next instant at which a check can answer otherwise because time has passed; None if none can."""
    ends = _ends(device)
    if not ends:
        return None
    now, (end, _) = device.world.clock.now(), min(ends)
    moment = timedelta(microseconds=1)
    warns = end - CERTIFICATE_WARNING + moment
    if now < warns:
        return warns
    return end - ((end - now) // DAY) * DAY + moment  # then the days that are left become one less


def _plain_http(device: Device) -> Finding:
    return device.configuration.get(("NetworkServices", "HTTP", "Mode")) == "HTTP+HTTPS", {}


def _renewed(device: Device) -> Finding:
    """Look for certificates that wait for a restart."""
    renewed = [_end(pem) for pem in device.trust.renewed]
    return bool(renewed), {"subject": ",".join(found[1] for found in renewed if found is not None)}


def certificates(device: Device) -> Finding:
    """Look at the certificates of servers, at those that came from the cloud and at those that an administrator added."""
    if device.trust.spoilt:
        return True, {"subject": "trustList", "reason": device.trust.spoilt}
    if device.reach.expired:
        return True, {"subject": f"CN={device.reach.expired}"}
    ends = _ends(device)
    if not ends:
        return False, {}
    end, subject = min(ends)
    left = end - device.world.clock.now()
    if left >= CERTIFICATE_WARNING:
        return False, {}
    return True, {"subject": subject, "days": str(left // DAY)}


def _ends(device: Device) -> list[tuple[datetime, str]]:
    """Return when each certificate ends, and whose it is."""
    trust, own = device.state.trust, device.state.room.certificates
    pems = (*trust.service, *trust.proxy, *(certificate.pem for certificate in own))
    return [end for pem in pems if (end := _end(pem)) is not None]


@lru_cache(maxsize=CERTIFICATES_KNOWN_MAX)
def _end(pem: str) -> tuple[datetime, str] | None:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None  # was reported when it came
    return certificate.not_valid_after_utc, certificate.subject.rfc4514_string()
