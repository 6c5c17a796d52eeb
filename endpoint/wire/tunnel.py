"""CONNECT: what a device asks of a proxy and how it reads the answer (RFC 9110 9.3.6, RFC 9112)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.proxyauth import ProxyAuthorization

HEAD_BYTES_MAX: Final = 16 * 1024
PORT_DEFAULT: Final = 80
USER_AGENT: Final = "roomsim"

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")


class ProxyAddress(NamedTuple):
    """Where a proxy listens."""

    host: str
    port: int


class Reply(NamedTuple):
    """The head of an answer to CONNECT, and what came after it."""

    status: int
    challenges: tuple[str, ...]
    rest: bytes

    @property
    def is_open(self) -> bool:
        """Say whether the tunnel is there."""
        return 200 <= self.status < 300


def parse_proxy(text: str) -> ProxyAddress | None:
    """Read the setting `Url`: `http://host:port`, or `host:port`; None for anything else."""
    url = text if "://" in text else f"http://{text}"
    if not is_url(url):
        return None
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return None
    return ProxyAddress(parts.hostname, parts.port or PORT_DEFAULT)


def target_of(host: str, port: int) -> str:
    """Return the request target of a CONNECT."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connect_request(host: str, port: int, authorization: ProxyAuthorization | None = None) -> bytes:
    """Write the request for a tunnel."""
    target = target_of(host, port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", f"User-Agent: {USER_AGENT}"]
    if authorization is not None:
        lines.append(f"Proxy-Authorization: {authorization.reveal()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class ReplyReader:
    """Collects bytes until the head of an answer is whole; answers of class 1xx are passed over."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; returns the answer once its head is there.

        Raises:
            RemoteProtocolError: it is no answer, or too long for one.
        """
        self._bytes += data
        while True:
            head, end, rest = self._bytes.partition(b"\r\n\r\n")
            if not end:
                if len(head) > HEAD_BYTES_MAX or not b"HTTP/1".startswith(head[:6]):
                    raise RemoteProtocolError("CONNECT", "an HTTP/1 answer with a short head")
                return None
            if len(head) > HEAD_BYTES_MAX:
                raise RemoteProtocolError("CONNECT", "an HTTP/1 answer with a short head")
            first, *lines = head.split(b"\r\n")
            status = _STATUS.fullmatch(first)
            if status is None:
                raise RemoteProtocolError("CONNECT", "an HTTP/1 answer")
            if status[1].startswith(b"1"):
                self._bytes = rest
                continue
            return Reply(int(status[1]), tuple(_values(lines, "proxy-authenticate")), rest)


def _values(lines: list[bytes], wanted: str) -> list[str]:
    found = []
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == wanted:
            found.append(value.strip())
    return found
