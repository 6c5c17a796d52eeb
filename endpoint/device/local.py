"""The local side of a device: the room, its users, and the xAPI that shows and moves all of it. Made anew at each boot.

What its parts keep over restarts is handed to the device's storage here, each part's own piece of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from endpoint.device import room_bookings, room_calls
from endpoint.device.commands.bookings import BookingCommands
from endpoint.device.commands.diagnostics import DiagnosticsRun
from endpoint.device.commands.logs import Logging
from endpoint.device.commands.power import Power
from endpoint.device.commands.provisioning import Provisioning
from endpoint.device.commands.registration import CloudLink
from endpoint.device.storage import SavedRoom
from endpoint.room.banners import Banners
from endpoint.room.callhistory import CallHistory
from endpoint.room.calls.commands import CallCommands
from endpoint.room.calls.joining import Joining
from endpoint.room.calls.room import RoomCalls
from endpoint.room.certificates import Certificates, SavedCertificate
from endpoint.room.extensions import Extensions
from endpoint.room.features import Features
from endpoint.room.macros import Macros
from endpoint.room.messages import Messages
from endpoint.room.peripherals import Peripherals
from endpoint.room.phonebook import Phonebook
from endpoint.room.ports import RoomWorld
from endpoint.room.senses import Senses
from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.secret import Secret
from endpoint.wire.xapi import xmlform
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import BadValue, CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback
from endpoint.xapi.httpclient import HttpClient
from endpoint.xapi.httpfeedback import HttpFeedback
from endpoint.xapi.outgoing import Outgoing
from endpoint.xapi.saved import SavedFeedback, SavedUser
from endpoint.xapi.sessions import Sessions
from endpoint.xapi.user_commands import UserCommands
from endpoint.xapi.users import Users

if TYPE_CHECKING:
    from endpoint.device.device import Device


class LocalSide:
    """The room, the users and the xAPI of one boot."""

    __slots__ = (
        "_device", "banners", "bookings", "call_history", "calls", "certificates", "check_in", "commands", "desk", "extensions", "features",
        "feedback", "http_feedback", "joining", "logging", "macros", "messages", "peripherals", "phonebook", "room", "senses", "sessions",
        "users", "xapi",
    )  # fmt: skip

    def __init__(self, device: Device) -> None:
        self._device = device
        world, table, saved = device.world, device.table, device.state.room
        self.feedback = Feedback(device.status, device.configuration, table)
        self.commands = Commands(table, imported_succeed=device.settings.imported_succeed)
        self.commands.on_call = lambda asked: world.tap.command(
            asked.command.path, {name: asked.arguments[name] for name in sorted(asked.given)}
        )
        self.room = RoomWorld(world, device.status, device.configuration, self._raise_event)
        self.sessions = Sessions(world.clock, device.configuration)
        self.users = Users(
            world, device.configuration, self.sessions,
            saved=device.state.users, keep=self._keep_users, drawn=device.drawn, locked_down=device.state.is_hardened,
        )  # fmt: skip
        self.senses = Senses(self.room, saved.camera_presets, saved.room_presets)
        self.messages = Messages(self.room, device.notices.refresh)
        self.extensions = Extensions(self.room, self._store("panels"), saved.panels)
        self.features = Features(self.room)
        self.macros = Macros(self.room, self._store("macros"), saved.macros, complain=self._complain)
        self.peripherals = Peripherals(self.room, complain=self._complain)
        self.call_history = CallHistory(self.room, self._store("calls"), saved.calls)
        self.phonebook = Phonebook(self.room)
        self.banners = Banners(self._store("banners"), saved.banners)
        self.certificates = Certificates(self._store_certificates, saved.certificates)
        around = room_calls.around(device, self.senses, self.call_history)
        self.calls = RoomCalls(self.room, around)
        self.joining = Joining(self.room, around, self.calls)
        self.bookings = room_bookings.make(device, self.room)
        self.desk = room_bookings.make_desk(device, self.room, self.bookings)
        self.check_in = room_bookings.make_check_in(device, self.room, self.bookings, self.desk, self.senses)
        self.logging = Logging(device)
        send = Outgoing(world, lambda: device.trust.tls).send
        self.http_feedback = HttpFeedback(
            world, device.status, device.configuration, self.feedback,
            send=send, start=device.tasks.start, render_xml=xmlform.tree, saved=device.state.http_feedback,
            keep=self._keep_feedback,
        )  # fmt: skip
        self.commands.provide(
            (
                *self.senses.owners, self.messages, self.extensions, self.features, self.macros, self.peripherals, self.call_history,
                CallCommands(self.calls), self.joining, self.phonebook, self.banners, self.certificates, BookingCommands(device),
                self.http_feedback,
                HttpClient(device.configuration, send), UserCommands(world, self.users, self.sessions), Power(device),
                CloudLink(device), DiagnosticsRun(device), self.logging, Provisioning(device),
            )
        )  # fmt: skip
        self.xapi = Xapi(table, device.status, device.configuration, self.commands, self.feedback, self._configure)
        self._plug()

    def _plug(self) -> None:
        senses = self.senses
        self.users.on_change = self._users_changed
        self.http_feedback.on_failed = lambda slots: self._device.diagnostics.put(
            "HTTPFeedbackFailed", bool(slots), {"slots": ",".join(map(str, slots))}
        )
        senses.analytics.on_busy = self.features.in_use
        senses.cameras.motor.still = self._device.status.still
        senses.cameras.on_presets = lambda presets: self._keep_room(camera_presets=tuple(presets))
        senses.room_presets.on_presets = lambda presets: self._keep_room(room_presets=tuple(presets))

    # power

    def start(self) -> None:
        """Begin what waits and watches: the device is up."""
        self.senses.start()
        self.bookings.start(is_restart=self._device.state.boots > 1)
        self.http_feedback.resume()

    def stop(self) -> None:
        """End what waits and watches, and every session: the device goes down."""
        self.bookings.stop()
        self.calls.stop()
        self.senses.stop()
        self.logging.stop()
        self.messages.stop()
        self.peripherals.stop()
        self.sessions.close_all("the device goes down")

    def lock_down(self) -> None:
        """Switch off what `harden` switches off: users with their sessions, and macros."""
        self.users.lock_down()
        with suppress(CommandFailed):  # a full disk; the device is locked all the same
            self.macros.deactivate_all()

    # what the parts ask for

    def _raise_event(self, event: str, fields: Fields) -> None:
        if self._device.table.lacks("Event", parse_path(event)):
            return  # the software is older than the event
        world = self._device.world
        world.trace.event(world.who, "xapi.event", data={"event": event, "fields": fields})
        plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()}
        self.feedback.raise_event(event, plain)

    def _complain(self, kind: str, holds: bool) -> None:
        self._device.diagnostics.put(kind, holds)

    def _configure(self, values: Mapping[Path, Value], caller: Caller) -> None:
        device = self._device
        try:
            device.set_configurations({words(path): value for path, value in values.items()})
        except LocalProtocolError as error:
            raise BadValue(words(next(iter(values))), str(error)) from None
        except StorageError as error:  # the value is good, and the disk is full
            raise CommandFailed(str(error)) from None
        for path in values:
            device.world.log.line("Xapi", "I", f"{words(path)} set by {caller.user or '-'} from {caller.origin}")

    def _users_changed(self) -> None:
        names = self.users.without_passphrase
        self._device.diagnostics.put("ValidPasswords", bool(names), {"user": ",".join(names)})

    # keeping

    def _save(self, **changes: Any) -> None:
        self._device.save(msgspec.structs.replace(self._device.state, **changes))

    def _keep_users(self, users: tuple[SavedUser, ...]) -> None:
        self._save(users=users)

    def _keep_feedback(self, slots: tuple[SavedFeedback, ...]) -> None:
        self._save(http_feedback=slots)

    def _keep_room(self, **changes: Any) -> None:
        self._save(room=msgspec.structs.replace(self._device.state.room, **changes))

    def _store(self, name: str) -> Callable[[Any], None]:
        assert name in SavedRoom.__struct_fields__, "storage has a place for it"
        return lambda value: self._keep_room(**{name: value})

    def _store_certificates(self, certificates: tuple[SavedCertificate, ...]) -> None:
        self._keep_room(certificates=certificates)
        self._device.trust.set_own(tuple(certificate.pem for certificate in certificates))
        self._device.check_health()
