"""The authorities of those who open up TLS: one that devices are told to trust, and one that nobody knows.

Source: protocol/activation-and-media.md section 16, rows 16 and 17.
"""

from __future__ import annotations

from functools import cached_property

from endpoint.runtime.fault_params import TRUSTED
from endpoint.runtime.tls import Authority


class Inspectors:
    """Makes the untrusted one when it is first needed; the trusted one is given, its certificate is in the trustList."""

    def __init__(self, trusted: Authority | None) -> None:
        self._trusted = trusted

    @cached_property
    def _untrusted(self) -> Authority:
        return Authority("TLS inspection that nobody was told of")

    def get(self, which: str) -> Authority:
        """Return an authority; without a trusted one there is only the other."""
        return self._trusted if which == TRUSTED and self._trusted is not None else self._untrusted
