"""What the administrator sees of a device. Source: protocol/activation-and-media.md section 7."""

from __future__ import annotations

from datetime import timedelta

from cloud_stub.platform.context import Platform
from cloud_stub.platform.records import Device, Token, TokenKind

DISCONNECTED_AFTER = timedelta(minutes=10)
EXPIRED_AFTER = timedelta(days=30)


def connection_status(device: Device, platform: Platform) -> str:
    """Return the connectionStatus of a device now; one whose websocket was never up is disconnected from the start."""
    if platform.faults.hit("hydra", step="status") is not None:
        return "unknown"
    if device.online:
        return "connected_with_issues" if device.issues else "connected"
    now = platform.now()
    away = now - (device.last_seen or device.created)
    if away >= EXPIRED_AFTER or _has_lost_its_refresh_token(device, platform):
        return "offline_expired"
    if device.deep_sleep:
        return "offline_deep_sleep"
    if away > DISCONNECTED_AFTER or device.last_seen is None:
        return "disconnected"
    return "connected_with_issues" if device.issues else "connected"


def _has_lost_its_refresh_token(device: Device, platform: Platform) -> bool:
    now = platform.now()
    refresh = [t for t in platform.store[Token].where("user_id", device.user_id) if t.kind is TokenKind.REFRESH]
    return not any(not token.revoked and now < token.expires for token in refresh)
