"""The account of an activated device: what activation leaves behind, and what is kept on disk."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from endpoint.wire.activation.messages import ConfigData, ServiceData
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.identity import Token

_SENDABLE: Final = re.compile(r"[!-~]+", re.ASCII)


class Account(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """A machine account.

    Attributes:
        token: access and refresh token with their expiry instants, on the device's own clock.
        idbroker: base URL of the identity service, without `/idb`.
        services: base URLs by service name that came with the proof, at least `u2c` as a rule.
        certificates: service trust anchors, PEM.
    """

    token: Token
    org_id: str
    user_id: str
    idbroker: str
    services: dict[str, str]
    certificates: tuple[str, ...] = ()
    workspace_id: str = ""
    display_name: str = ""
    device_id: str = ""

    @classmethod
    def granted(cls, service: ServiceData, config: ConfigData, invoked: str, now: datetime) -> Account:
        """Make the account of a proven activation.

        Args:
            invoked: the URL of the invoke. The identity service is where serviceData says, which is proven; only where it says
                nothing it is where the proof was sent.
        """
        services = {name: url.rstrip("/") for name, url in service.services.items() if is_url(url)}
        return cls(
            token=service.token.dated(milliseconds(now)),
            org_id=str(service.org_id),
            user_id=str(service.user_id),
            idbroker=services.get("idbroker") or invoked.partition("/idb/")[0],
            services=services,
            certificates=tuple(service.certificates),
            workspace_id=config.workspace_id or "",
            display_name=config.display_name or "",
            device_id=config.device_id or "",
        )

    def with_token(self, token: Token) -> Account:
        """Return the account with a new token."""
        return msgspec.structs.replace(self, token=token)


def check_sendable(token: Token) -> Token:
    """Return a token that can stand in a header.

    Raises:
        RemoteProtocolError: it has other characters than visible ASCII ones (RFC 6749, appendix A.12): no server would ever see it.
    """
    if not _SENDABLE.fullmatch(token.access_token.reveal()):
        raise RemoteProtocolError("token.access_token", "visible ASCII characters")
    return token


def milliseconds(instant: datetime) -> int:
    """Return an instant as epoch milliseconds."""
    return round(instant.timestamp() * 1000)
