"""The configuration document of the public API: one entry a configuration, and patches of it. Source: protocol/xapi.md 12.5."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from cloud_stub.platform.errors import BadRequest
from cloud_stub.services.public_api import Operation
from endpoint.wire.xapi.relay import Change, Setting

OTHER_AUTHORITY: Final = "CONFIG_MANAGED_BY_DIFFERENT_AUTHORITY"
_ELSEWHERE: Final = re.compile(
    r"network\[1\]\.(ipv4|ipv6|dns|ieee8021x|mtu|vlan|speed|ipstack|remoteaccess)(\..*)?"
    r"|networkservices\.(http\.proxy|https)\..*"
    r"|networkservices\.(ssh\.hostkeyalgorithm|(cdp|lldp|sip|upnp)\.mode|wifi\.allowed)"
    r"|sip\..*|provisioning\.(mode|tlsverify|webexedge)|conference\.defaultcall\.protocol"
    r"|phonebook\.server\[1\]\..*|systemunit\.crashreporting\..*",
    re.ASCII,
)
"""Keys, folded, of which the cloud is not the authority. O"""
_PATH: Final = re.compile(r"(?P<key>[^/]+)/sources/configured/value")
SHOWN_CHARS_MAX: Final = 80


def is_elsewhere(key: str) -> bool:
    """Say whether a configuration is managed by another authority, so that the cloud cannot set it."""
    return _ELSEWHERE.fullmatch(key.casefold()) is not None


def document(device_id: str, settings: Iterable[Setting]) -> dict[str, Any]:
    """Return the document of a device."""
    return {"deviceId": device_id, "items": {setting.key: _item(setting) for setting in settings}}


def _item(setting: Setting) -> dict[str, Any]:
    editability = (
        {"isEditable": False, "reason": OTHER_AUTHORITY} if is_elsewhere(setting.key) else {"isEditable": True}
    )
    return {
        "value": setting.value,
        "source": "default" if setting.configured is None else "configured",
        "sources": {
            "default": {
                "value": setting.default,
                "editability": {"isEditable": False, "reason": "FACTORY_DEFAULT"},
                "level": "schemaDefault",
                "enforced": False,
            },
            "configured": {
                "value": setting.configured, "editability": editability, "level": "device", "enforced": False,
            },
        },
        "valueSpace": setting.value_space,
        "appliedConfigurationValue": {"value": setting.value, "updatedAt": setting.updated_at},
    }  # fmt: skip


def read_changes(operations: Sequence[Operation]) -> tuple[Change, ...]:
    """Return the changes that a patch asks for.

    Raises:
        BadRequest: one of them cannot be; the text says for each what would be right.
    """
    changes: list[Change] = []
    wrong: list[str] = []
    for operation in operations:
        found = _PATH.fullmatch(operation.path)
        problem = _problem(operation, found["key"] if found else None)
        if found is None or problem:
            wrong.append(f"{operation.path[:SHOWN_CHARS_MAX]}: {problem}")
        elif operation.op == "remove":
            changes.append(Change(op="remove", key=found["key"]))
        else:
            changes.append(Change(op="replace", key=found["key"], value=operation.value))
    if wrong:
        raise BadRequest("; ".join(wrong))
    return tuple(changes)


def _problem(operation: Operation, key: str | None) -> str:
    if operation.op == "add":
        return "op is replace or remove"
    if key is None:
        return "path is <key>/sources/configured/value without a slash before it, Audio.DefaultVolume/sources/configured/value"
    if is_elsewhere(key):
        return f"cannot be set from here: {OTHER_AUTHORITY}"
    if operation.op == "replace" and operation.value in (msgspec.UNSET, None):
        return "value is missing"
    return ""
