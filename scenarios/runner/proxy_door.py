"""The HTTP proxy on the command line: the one that `cloud serve` opens, and the one that `endpoint run` takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, get_args

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.proxy_settings import ProxySettings
from cloud_stub.premises.inspectors import Inspectors
from endpoint.runtime.chance import Chance
from endpoint.runtime.fault_params import TRUSTED, UNTRUSTED, Scheme
from endpoint.runtime.tls import Authority
from endpoint.wire.proxyauth import ProxyPassword
from scenarios.runner.exits import refused
from scenarios.runner.problems import nearest
from scenarios.runner.serving import Address, address, read_anchors


class ProxyDoor(NamedTuple):
    """A proxy as `cloud serve` asks for it: where, how it asks who is there, whether it opens up TLS, and CAs of other proxies."""

    at: str = "off"
    schemes: tuple[str, ...] = ()
    intercept: str = "off"
    trust_list: Path | None = None

    def address(self) -> Address | None:
        """Return where it listens, None when there is none; refuses what makes no sense."""
        found = address(self.at, "--proxy")
        if found is None and (self.schemes or self.intercept != "off"):
            raise refused("--proxy: say where the proxy listens, such as 127.0.0.1:3128")
        return found

    def settings(self, chance: Chance) -> CloudSettings:
        """Return the settings of a cloud with this proxy; its password is drawn."""
        for scheme in self.schemes:
            if scheme not in get_args(Scheme):
                raise refused(f"--proxy-auth: {scheme!r} is none of {', '.join(get_args(Scheme))}{_hint(scheme)}")
        if self.intercept not in ("off", TRUSTED, UNTRUSTED):
            raise refused(f"--proxy-intercept: {self.intercept!r} is none of off, {TRUSTED}, {UNTRUSTED}")
        others = tuple(_certificates(pem) for pem in read_anchors(self.trust_list, "--trust-list"))
        trusted = tuple(pem for pems in others for pem in pems)
        if self.address() is None:
            return CloudSettings(trust_list=trusted)
        inspector = Authority("roomsim TLS inspection") if self.intercept == TRUSTED else None
        password = ProxyPassword(chance.actor("proxy").stream("password").bytes(9).hex())
        inspects = None if self.intercept == "off" else Inspectors(inspector).get(self.intercept)
        proxy = ProxySettings(schemes=self.schemes, password=password, inspects=inspects)
        return CloudSettings(
            trust_list=(inspector.pem, *trusted) if inspector else trusted, inspector=inspector, proxy=proxy
        )


def _certificates(text: str) -> list[str]:
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", text, re.DOTALL)


def _hint(word: str) -> str:
    found = nearest(word, get_args(Scheme))
    return f"; nearest: {found}" if found else ""
