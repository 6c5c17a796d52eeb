"""Software upgrades: which version each device is to have, and the images.

What is offered is a record: the youngest one that is meant for a device decides. Nothing is offered to a device that runs the version
already. All of it is ours (see `endpoint.wire.swupgrade`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory, found
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.records import Device, Upgrade, User
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from endpoint.wire import swupgrade
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

IMAGE_PATH = "/images"
FAILS = ("", "download", "install")
"""What an upgrade can be offered to fail at: the image does not have its digest, or is of another version."""
NEWER = "ce99.1"
"""A minimum that no version reaches."""
OTHER_VERSION = "ce0.0.0.0.00000000000"
BUILD_BYTES = 6
Push = Callable[[str, dict[str, Any]], int]


class SwUpgrade:
    """The upgrade service, and what the use cases need of it."""

    name = swupgrade.SERVICE

    def __init__(self, platform: Platform, directory: Directory, push: Push) -> None:
        self._platform = platform
        self._directory = directory
        self._push = push
        self._upgrades = platform.store[Upgrade]
        self.routes = (
            Route("GET", swupgrade.UPGRADE_PATH, self._ask, Label.OURS, shows_body=True),
            Route("GET", IMAGE_PATH + "/{id}", self._image, Label.OURS),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- what the use cases do --------------------------------------------------------------------------------------------------------

    def offer(self, upgrade: Upgrade) -> Upgrade:
        """Offer a version, or set which ones are too old, and tell every device that it is meant for.

        A version without a build gets one, a missing day is today, a missing digest is made.

        Raises:
            BadRequest: no version, a day that is none, or nothing in it.
            NotFound: there is no such device or workspace.
        """
        if not (upgrade.version or upgrade.should or upgrade.must):
            raise BadRequest("give version, shouldVersion or mustVersion")
        if upgrade.device_id and upgrade.workspace_id:
            raise BadRequest("give either deviceId or workspaceId, or neither for every device")
        if upgrade.device_id:
            self._directory.device(upgrade.device_id)
        if upgrade.workspace_id:
            self._directory.workspace(upgrade.workspace_id)
        if upgrade.urgency not in swupgrade.URGENCIES:
            raise BadRequest(f"urgency is {', '.join(swupgrade.URGENCIES)}")
        if upgrade.fails not in FAILS:
            raise BadRequest("fails is download or install")
        try:
            self._upgrades.put(upgrade := self._completed(upgrade))
        except LocalProtocolError as error:
            raise BadRequest(str(error)) from None
        self._tell(upgrade)
        return upgrade

    def _completed(self, upgrade: Upgrade) -> Upgrade:
        version, date = upgrade.version, upgrade.date
        for minimum in (upgrade.should, upgrade.must):
            if minimum:
                swupgrade.version_numbers(minimum)
        if version:
            swupgrade.version_numbers(version)
            if not swupgrade.has_build(version):
                build = self._platform.chance.stream("software build", version).bytes(BUILD_BYTES).hex()[:11]
                version = f"{version}.{build}"
            date = swupgrade.check_day(date) if date else f"{self._platform.now():%Y-%m-%d}"
            swupgrade.make_image(version, date, upgrade.bytes)  # whether it has a good size
        return msgspec.structs.replace(upgrade, version=version, date=date)

    def withdraw(self, upgrade_id: str) -> Upgrade:
        """Take an offer back, and tell every device that it was meant for; NotFound if there is none of that id."""
        upgrade = found(self._upgrades.drop(upgrade_id), "upgrade")
        self._tell(upgrade)
        return upgrade

    def _tell(self, upgrade: Upgrade) -> None:
        users = {device.user_id: None for device in self._platform.store[Device] if _is_meant(upgrade, device)}
        for user_id in users:
            self._push(user_id, swupgrade.changed_data(upgrade.id))

    def decided(self, device: Device | None, channel: str) -> Upgrade | None:
        """Return the upgrade that is meant for a device on a channel; None if there is none."""
        meant = (
            upgrade
            for upgrade in reversed(list(self._upgrades))
            if upgrade.channel in ("", channel) and (device is not None and _is_meant(upgrade, device))
        )
        return next(meant, None)

    # -- routes -----------------------------------------------------------------------------------------------------------------------

    def _ask(self, call: Call) -> Answer:
        try:
            question = swupgrade.Question.read(call.query)
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None
        upgrade = self.decided(self._device(call.caller), question.channel)
        if upgrade is None:
            return Answer(self._minimums(call, "", "", None))
        offer = None
        if upgrade.version and upgrade.version != question.version:
            base = self._platform.hosts.base(self.name, call.origin)
            announced = swupgrade.make_image(upgrade.version, upgrade.date, upgrade.bytes)
            served = _image(upgrade)
            offer = swupgrade.Offer(
                id=upgrade.id,
                version=upgrade.version,
                date=upgrade.date,
                url=f"{base}{IMAGE_PATH}/{upgrade.id}",
                bytes=len(served),
                digest=swupgrade.digest(served if upgrade.fails == "install" else announced),
                urgency=upgrade.urgency,  # type: ignore[arg-type]  # checked when it was offered
            )
        return Answer(self._minimums(call, upgrade.should, upgrade.must, offer))

    def _minimums(self, call: Call, should: str, must: str, offer: swupgrade.Offer | None) -> swupgrade.Answer:
        """Say which versions are too old; a fault makes it every one."""
        fault = self._platform.faults.hit("software", step="minimum", device=call.peer)
        if fault is not None and fault.params.get("what") == "should":
            should, must = NEWER, ""
        elif fault is not None:
            must = NEWER
        return swupgrade.Answer(offer=offer, should=should, must=must)

    def _image(self, call: Call) -> Answer:
        upgrade = self._upgrades.get(call.params["id"])
        device = self._device(call.caller)
        if upgrade is None or not upgrade.version or device is None or not _is_meant(upgrade, device):
            raise NotFound("no such image")
        return Answer(_image(upgrade), headers={"Content-Type": "application/octet-stream"})

    def _device(self, user: User) -> Device | None:
        return self._directory.device_of(user.id)


def _is_meant(upgrade: Upgrade, device: Device) -> bool:
    if upgrade.device_id:
        return upgrade.device_id == device.id
    return upgrade.workspace_id in ("", device.workspace_id)


def _image(upgrade: Upgrade) -> bytes:
    """Return the bytes that are served: the image, or what the upgrade is to fail with."""
    version = OTHER_VERSION if upgrade.fails == "install" else upgrade.version
    image = swupgrade.make_image(version, upgrade.date, upgrade.bytes)
    return image[:-1] + bytes([image[-1] ^ 1]) if upgrade.fails == "download" else image
