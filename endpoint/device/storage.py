"""What a device keeps on disk: one file, written whole or not at all.

`device.json` in the state directory holds profile, account with its tokens, trust store and configuration. It is written to a new file
that then takes the old one's name, so that a kill at any moment leaves the old state or the new one. A file that is not ours, or that
cannot be read, is left as it is and reported in one line.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from endpoint.cloud.account import Account
from endpoint.cloud.profile import PRODUCTS, Profile
from endpoint.room.banners import SavedBanners
from endpoint.room.callentry import Entry
from endpoint.room.cameras import Preset
from endpoint.room.certificates import SavedCertificate
from endpoint.room.extensions import SavedPanel
from endpoint.room.macros import SavedMacro
from endpoint.room.room_presets import RoomPreset
from endpoint.runtime.errors import StorageError
from endpoint.wire import codec
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.xapi.nodes import Nodes, Value, nodes
from endpoint.wire.xapi.paths import Path as XPath
from endpoint.wire.xapi.paths import parse_path, words
from endpoint.xapi.access import spelt
from endpoint.xapi.saved import SavedFeedback, SavedUser

FORMAT: Final = "roomsim device state"
VERSION: Final = 1
FILE: Final = "device.json"
LOCK: Final = "lock"
BYTES_MAX: Final = 16 * 1024 * 1024


class SavedProfile(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """Who the device is."""

    model: str
    software: str
    software_date: str
    serial: str
    device_identifier: str

    @classmethod
    def of(cls, profile: Profile) -> SavedProfile:
        """Take what is kept of a profile."""
        return cls(
            model=profile.product.model,
            software=profile.software,
            software_date=profile.software_date,
            serial=profile.serial,
            device_identifier=profile.device_identifier,
        )

    def profile(self) -> Profile:
        """Return the profile again; KeyError for a model that this version does not know."""
        return Profile(PRODUCTS[self.model], self.software, self.software_date, self.serial, self.device_identifier)


class SavedTrust(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """What came from the cloud into the trust store: PEM, and the directory of the proxy CAs as it is printed."""

    service: tuple[str, ...] = ()
    proxy: tuple[str, ...] = ()
    proxy_directory: str = ""


class SavedUpgrade(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The upgrade that the software in use came with, in the words of `Provisioning Software`."""

    version_id: str
    url: str
    session_id: str
    urgency: str
    completed_at: str


class SavedRoom(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """What the parts of the room keep."""

    panels: tuple[SavedPanel, ...] = ()
    macros: tuple[SavedMacro, ...] = ()
    calls: tuple[Entry, ...] = ()
    banners: SavedBanners = SavedBanners()
    certificates: tuple[SavedCertificate, ...] = ()
    camera_presets: tuple[Preset, ...] = ()
    room_presets: tuple[RoomPreset, ...] = ()


class State(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """Everything that survives a restart.

    Attributes:
        users: local users; none = the built-in one, whose passphrase is drawn at each start.
        host_keys: private keys of the SSH door, PEM, by algorithm.
        web_certificate: certificate of the HTTPS door and its private key, PEM.
    """

    format: str = FORMAT
    version: int = VERSION
    profile: SavedProfile
    account: Account | None = None
    trust: SavedTrust = SavedTrust()
    configuration: dict[str, str | int] = {}
    is_hardened: bool = False
    users: tuple[SavedUser, ...] = ()
    http_feedback: tuple[SavedFeedback, ...] = ()
    room: SavedRoom = SavedRoom()
    host_keys: dict[str, str] = {}
    web_certificate: str = ""
    boots: int = 0
    last_shutdown_reason: str = "FirstBoot"
    last_shutdown_time: str = ""
    upgrade: SavedUpgrade | None = None
    running: bool = False
    """Set while the device is up: found set at a boot, the power was lost."""


class Memory:
    """State without a directory: it lasts as long as the process."""

    def __init__(self) -> None:
        self._state: State | None = None

    def load(self) -> State | None:
        """Return what was saved last."""
        return self._state

    def save(self, state: State) -> None:
        """Keep the state."""
        self._state = state

    def corrupt(self) -> None:
        """Lose the state: there is no file that could be half there."""
        self._state = None

    def set_aside(self) -> None:
        """Nothing to set aside."""

    def write_proxy_certificates(self, name: str, certificates: tuple[str, ...]) -> None:
        """Keep nothing: the certificates are part of the state."""

    def close(self) -> None:
        """Nothing to let go."""


class Directory:
    """State in a directory that belongs to one device, and to one process at a time.

    Args:
        lasts: what is written outlives a failure of power; not worth its time in a directory that goes with the process.
    """

    def __init__(self, path: Path, *, lasts: bool = True) -> None:
        self.path = path
        self._lasts = lasts
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock: int | None = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"{path}: the state directory cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise StorageError(
                f"{path}: another process uses this state directory; stop it or give another one"
            ) from None

    def load(self) -> State | None:
        """Read the state; None in a directory that has none yet.

        Raises:
            StorageError: the file is foreign, corrupt, of another version, or cannot be read; it is left as it is.
        """
        file = self.path / FILE
        try:
            with file.open("rb") as stream:
                data = stream.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{file}: cannot be read: {error.strerror}") from None
        if len(data) > BYTES_MAX:
            raise StorageError(f"{file}: larger than {BYTES_MAX} bytes; this is not a state file of roomsim")
        return self._decode(file, data)

    def _decode(self, file: Path, data: bytes) -> State:
        remedy = "move it away to start anew, or restore a copy"
        try:
            head = codec.decode(data, dict[str, Any], "file")
        except RemoteProtocolError:
            raise StorageError(f"{file}: not JSON, so it is damaged or not ours; {remedy}") from None
        if head.get("format") != FORMAT:
            raise StorageError(f"{file}: not a state file of roomsim; {remedy}")
        if head.get("version") != VERSION:
            version = repr(head.get("version"))[:20]
            raise StorageError(f"{file}: written by another version of roomsim ({version}); {remedy}")
        try:
            state = codec.decode(data, State, "file")
            state.profile.profile()
        except RemoteProtocolError as error:
            raise StorageError(f"{file}: damaged at {error.where}: {error.rule}; {remedy}") from None
        except KeyError as error:
            raise StorageError(f"{file}: no product {error}; {remedy}") from None
        return state

    def save(self, state: State) -> None:
        """Write the state, whole or not at all.

        Raises:
            StorageError: the disk is full or not writable; the old state is still there.
        """
        file = self.path / FILE
        new = self.path / (FILE + ".new")
        try:
            # What a killed process left, or somebody else put there: neither its mode nor a link counts.
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(codec.encode(state))
                stream.flush()
                if self._lasts:
                    os.fsync(stream.fileno())
            new.replace(file)
            if self._lasts:
                self._sync_directory()
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise StorageError(f"{file}: cannot be written: {error.strerror}; the state before is kept") from None

    def corrupt(self) -> None:
        """Cut the file in the middle, as a disk does that fails under a write."""
        file = self.path / FILE
        with suppress(OSError):
            os.truncate(file, file.stat().st_size // 2)

    def set_aside(self) -> None:
        """Keep a file that cannot be read under another name: somebody may want to look at it."""
        with suppress(OSError):
            (self.path / FILE).replace(self.path / (FILE + ".damaged"))

    def write_proxy_certificates(self, name: str, certificates: tuple[str, ...]) -> None:
        """Write the proxy CAs to a directory of their own, let the link `certs/tls_proxy` point to it, and remove those before.

        Raises:
            StorageError: the disk is full or not writable; the link still points to the certificates before.
        """
        folder = self.path / "certs"
        target = folder / name
        try:
            target.mkdir(parents=True, exist_ok=True)
            for stale in target.iterdir():  # of a refresh within the same second
                stale.unlink()
            for number, pem in enumerate(certificates, start=1):
                (target / f"{number}.pem").write_text(pem)
            link = folder / "tls_proxy.new"
            link.unlink(missing_ok=True)
            link.symlink_to(name)
            link.replace(folder / "tls_proxy")
            for old in folder.glob("tls_proxy-*"):
                if old.name != name:
                    shutil.rmtree(old, ignore_errors=True)  # what stays is never read
        except OSError as error:
            raise StorageError(f"{target}: cannot be written: {error.strerror}") from None

    def _sync_directory(self) -> None:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Let another process use the directory; harmless when that was done before."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


Storage = Memory | Directory


def check_configuration(values: Mapping[str, Value], table: Nodes | None = None) -> dict[XPath, Value]:
    """Return configurations by path in the spelling of the node table, each value as it is stored.

    Args:
        table: the node table of the device, where it is another than the built-in one.

    Raises:
        LocalProtocolError: no such configuration, or a value outside its space; the text says which.
    """
    checked: dict[XPath, Value] = {}
    for text, value in values.items():
        path = parse_path(text)
        known = table or nodes()
        node = known.find("Configuration", path)
        if node is None:
            when = known.when("Configuration", path)
            raise LocalProtocolError(f"no configuration {words(path)}" + (f"; there is one {when}" if when else ""))
        try:
            checked[spelt(node, path)] = node.space.accept(value)
        except LocalProtocolError as error:
            raise LocalProtocolError(f"{words(path)}: {error}") from None
    return checked
