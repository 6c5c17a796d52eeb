"""What all of the public REST API has in common: ids, error texts, scopes, pages, json-patch.

Ids are base64 of `ciscospark://urn:TEAM:us-east-2_a/<TYPE>/<uuid>`; the bare uuid is accepted too. Source: protocol/xapi.md 12.2;
error texts observed, the rest documented.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden
from cloud_stub.platform.records import Device
from cloud_stub.platform.routes import Answer, Call, hydra_error

HYDRA = "hydra"
ID_PREFIX = "ciscospark://urn:TEAM:us-east-2_a/"
PAGE_DEFAULT = 100
PAGE_MAX = 1_000
NO_TOKEN = "The request requires a valid access token set in the Authorization request header."  # noqa: S105  an error text
NOT_FOUND = "The requested resource could not be found."
DEVICES_READ = ("spark-admin:devices_read", "spark:devices_read")
DEVICES_WRITE = ("spark-admin:devices_write", "spark:devices_write")
PATCH_TYPE = "application/json-patch+json"
OPERATIONS_MAX = 1_000


def public_id(kind: str, uuid: str) -> str:
    """Return the id under which the API shows a thing: base64 without padding, as `xStatus Webex DeveloperId` has it."""
    return base64.urlsafe_b64encode(f"{ID_PREFIX}{kind}/{uuid}".encode()).decode().rstrip("=")


def read_id(kind: str, text: str) -> str:
    """Return the uuid of a public id, or of a bare uuid; anything else is returned as it is and will not be found."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return text
    head = f"{ID_PREFIX}{kind}/"
    return plain.removeprefix(head) if plain.startswith(head) else text


def error_body(error: CloudError, tracking_id: str) -> Any:
    """Write an error as the public API does; 401 and 404 have one text each."""
    texts = {401: NO_TOKEN, 404: NOT_FOUND}
    return hydra_error(CloudError(error.status, texts.get(error.status, error.text)), tracking_id)


def sees_all(call: Call, scopes: Iterable[str]) -> bool:
    """Say whether the caller may see every device of the organization: an administrator, by account or by scope."""
    held = call.token.scopes if call.token is not None else ()
    return call.caller.is_admin or any(scope in held for scope in scopes if scope.startswith("spark-admin:"))


def require_own(call: Call, device: Device, scopes: Iterable[str] = ()) -> Device:
    """Return a device that the caller may use.

    Raises:
        Forbidden: it is somebody else's, and the caller is no administrator.
    """
    if device.person_id != call.caller.id and not sees_all(call, scopes):
        raise Forbidden("The device is not yours.")
    return device


def page(platform: Platform, call: Call, items: list[dict[str, Any]]) -> Answer:
    """Return one page of a list: `max`, and `start` or `cursor`; where more follows, a `Link` to it (RFC 5988)."""
    limit = _number(call.query, "max", PAGE_DEFAULT, 1, PAGE_MAX)
    place = "cursor" if "cursor" in call.query else "start"
    start = _number(call.query, place, 0, 0, 10**9)
    shown = items[start : start + limit]
    headers = {}
    if start + limit < len(items):
        kept = [(name, value) for name, value in call.query.items() if name not in ("max", "start", "cursor")]
        query = urlencode([*kept, ("max", limit), (place, start + limit)])
        path = call.path.rstrip("/").removeprefix("/v1")
        headers["Link"] = f'<{platform.hosts.base(HYDRA, call.origin)}{path}?{query}>; rel="next"'
    return Answer({"items": shown}, headers=headers)


def _number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not low <= int(text) <= high:
        raise BadRequest(f"{name} is {low} to {high}")
    return int(text)


class Operation(msgspec.Struct, kw_only=True, frozen=True):
    """One operation of a patch. `value` is UNSET where there is none."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = msgspec.UNSET


def read_patch(call: Call) -> list[Operation]:
    """Read a json-patch body: a list of operations, or one alone, as wxc-sdk 1.41.0 sends it.

    Raises:
        CloudError: 415, another content type.
        BadRequest: no such list.
    """
    media = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media != PATCH_TYPE:
        raise CloudError(415, f"The body has to be {PATCH_TYPE}.", "http.media_type")
    is_single = call.body.lstrip().startswith(b"{")
    operations = [call.read(Operation)] if is_single else call.read(list[Operation])
    if not 1 <= len(operations) <= OPERATIONS_MAX:
        raise BadRequest(f"a patch has 1 to {OPERATIONS_MAX} operations")
    return operations
