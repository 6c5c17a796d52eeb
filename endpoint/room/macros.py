"""Macros: kept, renamed, switched on and off, with their log. This build has no engine that runs them, and says so.

Source: protocol/xapi.md 11.1, xapi-nodes.md 5.7, 6.12, 7.7. What is written to the log, and names of its fields, are ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from endpoint.room.keeping import content, keep, weight
from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import iso_ms
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

MACROS_MAX: Final = 100
MACRO_BYTES_MAX: Final = 512 * 1024
MACROS_BYTES_MAX: Final = 2 * 1024 * 1024
"""All macros together, as they are in the state file."""
LOG_MAX: Final = 1_000
"""Entries of the log; older ones are dropped, their offsets are not given again."""
MESSAGE_CHARS_MAX: Final = 1_000

NO_ENGINE: Final = "This build of roomsim has no macro engine: macros are kept, and none is run"
MODE_OFF: Final = "Macros are off; set Configuration Macros Mode to On"

Level: TypeAlias = Literal["Debug", "Log", "Info", "Warn", "Error"]


class SavedMacro(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A macro as it is kept."""

    name: str
    content: str
    is_active: bool = False


class Macros:
    """The macros of one device.

    Args:
        store: keeps them over a restart; StorageError when it cannot.
        saved: what it was given last.
        complain: raises or clears a diagnostics message: its type, and whether it holds.
    """

    __slots__ = ("_complain", "_log", "_macros", "_offset", "_room", "_store")

    def __init__(
        self,
        room: RoomWorld,
        store: Callable[[tuple[SavedMacro, ...]], object],
        saved: Sequence[SavedMacro] = (),
        complain: Callable[[str, bool], object] = lambda kind, holds: None,
    ) -> None:
        self._room = room
        self._store = store
        self._complain = complain
        self._macros: dict[str, SavedMacro] = {macro.name: macro for macro in saved}
        self._log: deque[Mapping[str, Value]] | None = None
        self._offset = 0
        room.settings.listen(("Macros", "Mode"), self._mode_changed)
        self._judge()

    @property
    def macros(self) -> Mapping[str, SavedMacro]:
        """The macros by their name, in the order in which they came."""
        return self._macros

    def log(self, level: Level, macro: str, message: str) -> None:
        """Write an entry of the macro log; `macro` is `""` for what none of them says."""
        entry: dict[str, Value] = {
            "Level": level,
            "Macro": macro,
            "Message": message[:MESSAGE_CHARS_MAX],
            "Offset": self._offset,
            "Timestamp": iso_ms(self._room.world.clock.now()),
        }
        self._offset += 1
        if self._log is None:  # most devices never have one
            self._log = deque(maxlen=LOG_MAX)
        self._log.append(entry)
        self._room.raise_event("Macros Log", entry)

    # commands: the store

    def get(self, call: Invocation) -> Fields:
        """Return one macro or all, with what is in them if that is asked for."""
        name, with_content = call.text("Name"), call.text("Content") == "True"
        if name:
            self._macro(name)
        found: list[dict[str, Any]] = []
        for number, macro in enumerate(self._macros.values(), start=1):
            if name in ("", macro.name):
                active = "True" if macro.is_active else "False"
                text = macro.content if with_content else None
                found.append({"id": number, "Name": macro.name, "Active": active, "Content": text})
        return {"Macro": found}

    def save(self, call: Invocation) -> None:
        """Take a macro; one that is replaced stays switched on. Nothing is transpiled: that is an engine's matter."""
        name = _new_name(call.text("Name"))
        old = self._macros.get(name)
        if old is not None and call.text("Overwrite") == "False":
            raise CommandFailed(f"There is a macro {name}; Overwrite: True replaces it")
        text = content(call, MACRO_BYTES_MAX)
        new = SavedMacro(name=name, content=text, is_active=old is not None and old.is_active)
        self._keep({**self._macros, name: new})
        self._tell("Saved", name)

    def remove(self, call: Invocation) -> None:
        """Forget a macro."""
        gone = self._macro(call.text("Name"))
        self._keep({name: macro for name, macro in self._macros.items() if macro is not gone})
        self._tell("Removed", gone.name)

    def remove_all(self, call: Invocation) -> None:
        """Forget every macro."""
        gone = tuple(self._macros)
        if gone:
            self._keep({})
        for name in gone:
            self._tell("Removed", name)

    def rename(self, call: Invocation) -> None:
        """Give a macro another name, and its place."""
        old, name = self._macro(call.text("Name")), _new_name(call.text("NewName"))
        if name == old.name:
            return
        if name in self._macros and call.text("Overwrite") == "False":
            raise CommandFailed(f"There is a macro {name}; Overwrite: True replaces it")
        renamed = msgspec.structs.replace(old, name=name)
        rest = (macro for macro in self._macros.values() if macro.name != name)
        self._keep({new.name: new for new in (renamed if macro is old else macro for macro in rest)})
        self._room.raise_event("Macros Macro Renamed", {"Name": old.name, "NewName": name})
        self.log("Info", name, f"Renamed from {old.name}")

    def activate(self, call: Invocation) -> None:
        """Switch a macro on."""
        self._switch(call.text("Name"), True)

    def deactivate(self, call: Invocation) -> None:
        """Switch a macro off."""
        self._switch(call.text("Name"), False)

    def deactivate_all(self) -> None:
        """Switch every macro off: the device is locked down."""
        for macro in tuple(self._macros.values()):
            self._switch(macro.name, False)

    # commands: the runtime and its log

    def start(self, call: Invocation) -> None:
        """Refuse to run macros, and say why."""
        reason = NO_ENGINE if self._is_on else MODE_OFF
        self.log("Error", "", reason)
        raise CommandFailed(reason)

    def stop(self, call: Invocation) -> None:
        """Succeed without effect: nothing runs."""

    def status(self, call: Invocation) -> Fields:
        """Return whether macros run, how many are switched on, and how many times the runtime crashed."""
        active = sum(macro.is_active for macro in self._macros.values())
        return {"Running": "False", "ActiveMacros": active, "Crashes": 0}

    def get_log(self, call: Invocation) -> Fields:
        """Return the entries of the log from an offset on."""
        first = call.number("Offset") or 0
        return {"Log": [entry for entry in self._log or () if int(entry["Offset"]) >= first]}

    def clear_log(self, call: Invocation) -> None:
        """Drop the entries of the log; offsets go on."""
        self._log = None

    # inside

    @property
    def _is_on(self) -> bool:
        return self._room.settings.get(("Macros", "Mode")) == "On"

    def _macro(self, name: str) -> SavedMacro:
        macro = self._macros.get(name)
        if macro is None:
            raise CommandFailed(f"No macro {name}")
        return macro

    def _switch(self, name: str, is_active: bool) -> None:
        macro = self._macro(name)
        if macro.is_active is not is_active:
            self._keep({**self._macros, name: msgspec.structs.replace(macro, is_active=is_active)})
            self._tell("Activated" if is_active else "Deactivated", name)

    def _keep(self, macros: dict[str, SavedMacro]) -> None:
        if len(macros) > MACROS_MAX:
            raise CommandFailed(f"At most {MACROS_MAX} macros can be saved")
        if sum(weight(macro.content) for macro in macros.values()) > MACROS_BYTES_MAX:
            raise CommandFailed(f"All macros together take at most {MACROS_BYTES_MAX} bytes")
        keep(self._store, tuple(macros.values()))
        self._macros = macros
        self._judge()

    def _tell(self, what: str, name: str) -> None:
        self._room.raise_event(f"Macros Macro {what}", {"Name": name})
        self.log("Info", name, what)

    def _mode_changed(self, changes: Mapping[Path, Value | None]) -> None:
        self._judge()

    def _judge(self) -> None:
        """Complain about macros that somebody wants to run, and that do not."""
        self._complain("MacrosRuntimeStopped", self._is_on and any(macro.is_active for macro in self._macros.values()))

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Macros Log Clear": clear_log,
        "Macros Log Get": get_log,
        "Macros Macro Activate": activate,
        "Macros Macro Deactivate": deactivate,
        "Macros Macro Get": get,
        "Macros Macro Remove": remove,
        "Macros Macro RemoveAll": remove_all,
        "Macros Macro Rename": rename,
        "Macros Macro Save": save,
        "Macros Runtime Restart": start,
        "Macros Runtime Start": start,
        "Macros Runtime Status": status,
        "Macros Runtime Stop": stop,
    }


def _new_name(name: str) -> str:
    if not name.strip():
        raise CommandFailed("A macro needs a name")
    return name
