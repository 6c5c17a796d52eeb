"""What of a device survives a restart: read at the start, written whenever it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from endpoint.cloud import status
from endpoint.cloud.bases import OVERRIDES, is_base_url
from endpoint.cloud.profile import make_profile
from endpoint.device import bindings, effects, storage
from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.trust import parse_trust_list
from endpoint.wire.xapi.nodes import Nodes, Value
from endpoint.wire.xapi.paths import Path, folded, parse_path, words

if TYPE_CHECKING:
    from endpoint.cloud.account import Account
    from endpoint.device.device import Device
    from endpoint.device.settings import DeviceSettings
    from endpoint.runtime.chance import Actor
    from endpoint.wire.activation.messages import ConfigData


class Keeper:
    """The state of one device and where it is kept."""

    def __init__(self, settings: DeviceSettings, chance: Actor, store: storage.Storage | None = None) -> None:
        directory = settings.state_dir
        self.before_write: Callable[[str], object] = lambda file: None
        """Asked before a file is written; StorageError if that cannot be done."""
        self._is_suspect = False
        self._store = store or (
            storage.Directory(directory, lasts=settings.state_lasts) if directory else storage.Memory()
        )
        try:
            self.state = self._load(settings, chance)
        except BaseException:
            self._store.close()
            raise

    def _load(self, settings: DeviceSettings, chance: Actor) -> storage.State:
        found = self._store.load()
        table = settings.table.of(found.profile.software if found is not None else settings.software)
        _check(settings.configuration, table)
        if found is not None:
            try:
                _check({text: value for text, value in found.configuration.items() if not _is_left(text, table)}, table)
            except LocalProtocolError as error:
                where = settings.state_dir
                raise StorageError(f"{where}: the state is damaged: {error}; move it away, or restore a copy") from None
            return found
        profile = make_profile(chance, settings.model, settings.software)
        state = storage.State(profile=storage.SavedProfile.of(profile))
        self._store.save(state)
        return state

    def save(self, state: storage.State) -> None:
        """Write a state; it is the device's from then on.

        Raises:
            StorageError: it cannot be written; the one before stays.
        """
        self.before_write(storage.FILE)
        self._store.save(state)
        self.state = state

    def corrupt(self) -> None:
        """Damage the file as a disk does; nobody notices before it is read again."""
        self._store.corrupt()
        self._is_suspect = True

    def read_again(self) -> str:
        """Read the file as a boot does, where it may be damaged; returns what is wrong with it.

        The damaged file is set aside, and the device is as new but for what is not on its disk: who it is.
        """
        if not self._is_suspect:
            return ""
        self._is_suspect = False
        found, damage = None, "there is no state any more"
        try:
            found = self._store.load()
        except StorageError as error:
            damage = str(error)
        if found is not None:
            self.state = found
            return ""
        self._store.set_aside()
        new = storage.State(profile=self.state.profile, boots=self.state.boots)
        self.save_or_tell(new, lambda error: None)  # a boot writes again, and says it itself when that fails
        return damage

    def save_or_tell(self, state: storage.State, tell: Callable[[StorageError], object]) -> None:
        """Save what is so whether it can be written or not; it then holds until the device goes off."""
        try:
            self.save(state)
        except StorageError as error:
            self.state = state
            tell(error)

    def write_proxy_certificates(self, name: str, certificates: tuple[str, ...]) -> None:
        """Write the proxy CAs; errors as in `storage.Directory`."""
        self.before_write(name)
        self._store.write_proxy_certificates(name, certificates)

    def close(self) -> None:
        """Let the state directory go."""
        self._store.close()


def keep_activation(device: Device, account: Account, config: ConfigData, hardens: bool) -> None:
    """Write a proven activation to disk, in one piece: account, trust anchors and lock-down."""
    items, before = config.trust_items, device.state
    trust = msgspec.structs.replace(
        before.trust,
        service=parse_trust_list(account.certificates).certificates,
        proxy=before.trust.proxy if items is None else parse_trust_list(items).certificates,
    )
    is_hardened = before.is_hardened or hardens
    settings = {**before.configuration, **effects.CLOUD_SETTINGS}
    device.save(
        msgspec.structs.replace(
            before,
            account=account,
            trust=trust,
            is_hardened=is_hardened,
            users=device.local.users.saved(locked_down=True) if hardens else before.users,
            configuration=settings,
        )
    )
    with device.configuration.group():
        for path, value in effects.CLOUD_SETTINGS.items():
            device.configuration.put(parse_path(path), value)
    device.check_health()


def keep_configurations(device: Device, values: Mapping[str, Value | None]) -> None:
    """Set configurations, and keep them: all of them or none; errors as in `Device.set_configurations`."""
    given = {text: value for text, value in values.items() if value is not None}
    accepted = storage.check_configuration(given, device.table)
    for path, value in accepted.items():
        check_override(path, value)
    back = {parse_path(text): _default(device, text) for text, value in values.items() if value is None}
    gone = set(map(folded, back))
    kept = {**device.state.configuration, **{words(path): value for path, value in accepted.items()}}
    kept = {text: value for text, value in kept.items() if folded(parse_path(text)) not in gone}
    for text in device.settings.configuration:  # which would bring their value back with the next boot
        if folded(parse_path(text)) in gone:
            kept[text] = _default(device, text)
    device.save(msgspec.structs.replace(device.state, configuration=kept))
    with device.configuration.group():
        for path, value in {**accepted, **back}.items():
            device.configuration.put(path, value)


def _default(device: Device, text: str) -> Value:
    defaults = device.configuration.defaults
    path = defaults.spelt(folded(parse_path(text)))
    if path is None:
        raise LocalProtocolError(f"no configuration {text}")
    return defaults.values[path]


def remove_account(device: Device, why: str) -> None:
    """Let a device fall back to the setup state; nothing happens where there is no account."""
    if device.identity.account is None:
        return
    device.world.log.line("Wx2", "W", f"Account removed ({why})")
    device.online.give_up()
    device.calls.forget()
    device.identity.stop()
    kept = {path: value for path, value in device.state.configuration.items() if path not in effects.CLOUD_SETTINGS}
    device.save_or_tell(msgspec.structs.replace(device.state, account=None, configuration=kept))
    with device.configuration.group():
        for path in map(parse_path, effects.CLOUD_SETTINGS):
            device.configuration.put(path, device.configuration.defaults.values[path])
    device.webex.feed(status.Removed())
    device.calendar.forget()
    device.mercury.disconnect()
    device.registration.forget()
    device.catalog.forget()
    device.offers.stop()
    device.software.forget()
    device.trust.forget_cloud()
    device.discover_anew()
    device.diagnostics.put("WebexActivationRequired", True, {"reason": why})
    bindings.show_registration(device)


def _check(configuration: Mapping[str, Value], table: Nodes) -> None:
    storage.check_configuration(configuration, table)
    for text, value in configuration.items():
        check_override(parse_path(text), value)


def _is_left(text: str, table: Nodes) -> bool:
    """Say whether a configuration that was kept is one of another release, which ran on the device before."""
    return table.lacks("Configuration", parse_path(text))


def check_override(path: Path, value: Value) -> None:
    """Refuse a service override that is no base URL.

    Raises:
        LocalProtocolError: neither empty nor an http(s) URL.
    """
    if path[:2] == ("Spark", "ServiceOverrides") and path[-1] in OVERRIDES and not is_base_url(str(value)):
        raise LocalProtocolError(f"{words(path)} is empty, or an http(s) URL such as http://127.0.0.1:8080/gds/api/v1")
