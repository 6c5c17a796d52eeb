"""The HTTP proxy on the command line: the one that `cloud serve` opens, and the one that `endpoint run` takes."""

from __future__ import annotations

from typing import Final, NamedTuple, get_args
from urllib.parse import unquote, urlsplit

from cloud_stub.platform.context import CloudSettings
from cloud_stub.premises.inspectors import TRUSTED, UNTRUSTED, Inspectors
from cloud_stub.premises.proxy_settings import ProxySettings, Scheme
from endpoint.runtime.chance import Chance
from endpoint.runtime.net import NameTable
from endpoint.runtime.tls import Authority
from endpoint.wire.conventions import is_url
from endpoint.wire.proxyauth import ProxyPassword
from scenarios.runner.commands import refused
from scenarios.runner.problems import nearest
from scenarios.runner.serving import Address, address

NODE: Final = "NetworkServices HTTP Proxy"


class ProxyDoor(NamedTuple):
    """A proxy as `cloud serve` asks for it: where, how it asks who is there, and whether it opens up TLS."""

    at: str = "off"
    schemes: tuple[str, ...] = ()
    intercept: str = "off"

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
        if self.address() is None:
            return CloudSettings()
        inspector = Authority("roomsim TLS inspection") if self.intercept == TRUSTED else None
        password = ProxyPassword(chance.actor("proxy").stream("password").bytes(9).hex())
        inspects = None if self.intercept == "off" else Inspectors(inspector).get(self.intercept)
        proxy = ProxySettings(schemes=self.schemes, password=password, inspects=inspects)
        return CloudSettings(trust_list=(inspector.pem,) if inspector else (), inspector=inspector, proxy=proxy)


def _hint(word: str) -> str:
    found = nearest(word, get_args(Scheme))
    return f"; nearest: {found}" if found else ""


def read_proxy(url: str | None, names: NameTable) -> dict[str, str | int]:
    """Read `--proxy` of a device: the settings that it stands for; its host may be reached. Refuses what is no URL of a proxy."""
    if url is None:
        return {}
    parts = urlsplit(url) if is_url(url) else None
    if parts is None or parts.scheme != "http" or parts.port is None or parts.path not in ("", "/") or parts.query:
        raise refused("--proxy: write http://host:port, or http://user:password@host:port")
    host = parts.hostname or ""
    names.allow(host)
    shown = f"[{host}]" if ":" in host else host
    return {
        f"{NODE} Mode": "Manual",
        f"{NODE} Url": f"http://{shown}:{parts.port}",
        f"{NODE} LoginName": unquote(parts.username or ""),
        f"{NODE} Password": unquote(parts.password or ""),
    }
