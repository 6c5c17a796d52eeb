"""The xAPI in the public REST API: statuses, commands, configurations. The device answers by way of the relay.

Source: protocol/xapi.md 12.2 to 12.5; shapes, texts and the configuration document observed, names and keys documented, limits ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.records import Device
from cloud_stub.platform.routes import Answer, Call, Label, Route
from cloud_stub.platform.tokens import Tokens
from cloud_stub.services.public_api import HYDRA, error_body, public_id, read_id, read_patch, require_own
from cloud_stub.services.xapi_configurations import document, read_changes
from cloud_stub.services.xapi_relay import XapiRelay
from endpoint.wire import codec
from endpoint.wire.xapi import relay
from endpoint.wire.xapi.query import QUERY_CHARS_MAX

STATUSES = ("spark:xapi_statuses",)
COMMANDS = ("spark:xapi_commands",)
CONFIGURATIONS_READ = ("spark-admin:devices_read",)
CONFIGURATIONS_WRITE = ("spark-admin:devices_write",)
EVERYTHING = ("*",)


class _CommandBody(msgspec.Struct, kw_only=True, rename="camel"):
    device_id: Annotated[str, msgspec.Meta(min_length=1)]
    arguments: dict[str, Any] | None = None
    body: str | dict[str, Any] | list[Any] | None = None


class XapiRest:
    """Statuses, commands and configurations of connected devices."""

    name = HYDRA

    def __init__(self, directory: Directory, tokens: Tokens, devices: XapiRelay) -> None:
        self._directory = directory
        self._tokens = tokens
        self._relay = devices
        observed = Label.OBSERVED
        self.routes: Sequence[Route] = (
            Route("GET", "/xapi/status", self._status, observed, scopes=STATUSES),
            Route("POST", "/xapi/status/query", _nothing, observed, scopes=STATUSES),
            Route(
                "POST", "/xapi/command/{name}", self._command, observed, scopes=COMMANDS, body_bytes_max=relay.SEALED_BYTES_MAX
            ),
            Route("GET", "/deviceConfigurations", self._configurations, observed, scopes=CONFIGURATIONS_READ),
            Route(
                "PATCH", "/deviceConfigurations", self._configure, observed, scopes=CONFIGURATIONS_WRITE,
                body_bytes_max=relay.SEALED_BYTES_MAX,
            ),
        )  # fmt: skip

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as the public API does."""
        return error_body(error, tracking_id)

    def _device(self, call: Call, device_id: str) -> Device:
        if not device_id:
            raise BadRequest("deviceId is missing")
        return require_own(call, self._directory.device(read_id("DEVICE", device_id)), CONFIGURATIONS_READ)

    async def _status(self, call: Call) -> Answer:
        device = self._device(call, call.query.get("deviceId", ""))
        names = _listed(call, "name")
        if not 1 <= len(names) <= relay.NAMES_MAX:
            raise BadRequest(
                f"name is 1 to {relay.NAMES_MAX} status expressions, such as Audio.Volume; {len(names)} were given"
            )
        request = relay.StatusQuery(self._relay.new_id(device), names)
        return self._answer(device, await self._relay.ask(device, request))

    async def _command(self, call: Call) -> Answer:
        given = call.read(_CommandBody)
        device = self._device(call, given.device_id)
        body = given.body if given.body is None or isinstance(given.body, str) else codec.encode(given.body).decode()
        arguments = given.arguments or {}
        if len(arguments) > relay.ARGUMENTS_MAX:
            raise BadRequest(f"arguments: at most {relay.ARGUMENTS_MAX}")
        name = call.params["name"]
        if len(name) > QUERY_CHARS_MAX:
            raise BadRequest(f"[Command '{name[:80]}...' not supported]")
        request = relay.CommandCall(self._relay.new_id(device), name, arguments, body)
        return self._answer(device, await self._relay.ask(device, request))

    def _answer(self, device: Device, result: dict[str, Any]) -> Answer:
        return Answer({"deviceId": public_id("DEVICE", device.id), "result": result})

    async def _configurations(self, call: Call) -> Answer:
        device = self._device(call, call.query.get("deviceId", ""))
        keys = _listed(call, "key") or EVERYTHING
        if len(keys) > relay.KEYS_MAX:
            raise BadRequest(f"key: at most {relay.KEYS_MAX}")
        return await self._document(device, relay.ConfigurationQuery(self._relay.new_id(device), keys))

    async def _configure(self, call: Call) -> Answer:
        assert call.token is not None, "the route asks for a token"
        self._tokens.require(call.token, CONFIGURATIONS_READ)  # both are needed
        device = self._device(call, call.query.get("deviceId", ""))
        changes = read_changes(read_patch(call))
        return await self._document(device, relay.ConfigurationPatch(self._relay.new_id(device), changes))

    async def _document(self, device: Device, request: relay.Request) -> Answer:
        result = await self._relay.ask(device, request)
        return Answer(document(public_id("DEVICE", device.id), relay.parse_settings(result).settings))


def _nothing(_: Call) -> Answer:
    raise NotFound


def _listed(call: Call, name: str) -> tuple[str, ...]:
    """Return the values of a parameter that may be repeated, or hold several with commas; each once."""
    texts = [text.strip() for given in call.query.getall(name, []) for text in given.split(",")]
    names = tuple(dict.fromkeys(text for text in texts if text))
    if any(len(text) > QUERY_CHARS_MAX for text in names):
        raise BadRequest(f"{name} has at most {QUERY_CHARS_MAX} characters")
    return names
