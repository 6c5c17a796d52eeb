"""What can be done to the cloud from outside: the verbs behind scenarios, the control API, and Python tests.

Nothing else changes the state of the cloud from outside. Ids are those of the cloud; a name that a caller gives to a thing it creates
(`name`) makes the draw of its id repeatable. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory, found
from cloud_stub.platform.errors import BadRequest, Conflict, NotFound
from cloud_stub.platform.fault_points import LAYERS, aimed, carried_out, objection
from cloud_stub.platform.hosts import SERVICES
from cloud_stub.platform.records import (
    Code,
    Device,
    Meeting,
    Org,
    Registration,
    Toggle,
    TokenKind,
    Upgrade,
    User,
    UserKind,
    Workspace,
)
from cloud_stub.platform.tokens import ADMIN_SCOPES, DEVICE_SCOPES, Pair
from cloud_stub.services.activation_codes import Codes, check_life
from cloud_stub.services.calendar import Calendar, check_push, check_times
from cloud_stub.services.device_status import connection_status
from cloud_stub.services.features import Features
from cloud_stub.services.health import Gds
from cloud_stub.services.mercury import SWITCH_OVER_S, Mercury
from cloud_stub.services.mercury_socket import Socket
from cloud_stub.services.swupgrade import SwUpgrade
from cloud_stub.services.u2c import U2c
from cloud_stub.state_query import Ask, StateQuery
from endpoint.runtime.clock import ScaledTime, SteppedTime, iso_ms
from endpoint.runtime.fault_params import read_spread
from endpoint.runtime.faults import Between, Fault
from endpoint.runtime.field_faults.parts import of_row
from endpoint.wire import calendar as events
from endpoint.wire import health
from endpoint.wire.activation.rules import CODE_LIFE_S
from endpoint.wire.catalog import active_clusters_data, cache_invalidation_data
from endpoint.wire.features import Feature
from endpoint.wire.mercury_close import GOING_AWAY, NOT_AUTHORIZED
from endpoint.wire.secret import Secret

IDENTITY_DELETED = "room.identityDeleted"
MAINTENANCE_S = 60.0
HEALTH_STATES = (health.ONLINE, health.FAULT, health.UNREACHABLE)
ONCE = frozenset(
    {
        ("activation", "tampered_b"), ("activation", "bad_proof"), ("activation", "bad_mac"), ("activation", "lost_reply"),
        ("wdm", "not_found"), ("mercury", "auth_refused"), ("mercury", "malformed"), ("websocket", "malformed"),
        ("kms", "lost_answer"), ("kms", "expired_channel"),
        ("http", "truncate"), ("http", "malformed"),
        ("locus", "delta_gap"), ("locus", "out_of_order"), ("locus", "too_big"), ("locus", "url_changed"),
    }
)  # fmt: skip
"""Momentary faults that wait for the next occasion: they are armed to bite once."""
STRUCK = frozenset(
    {
        ("mercury", "close"), ("mercury", "reset"), ("mercury", "replaced"), ("websocket", "close"), ("websocket", "reset"),
        ("token", "expire"), ("token", "revoke"), ("locus", "ended"),
    }
)  # fmt: skip
"""Momentary faults that are carried out at once."""


class UseCases:
    """The verbs of the cloud."""

    def __init__(
        self,
        platform: Platform,
        directory: Directory,
        codes: Codes,
        mercury: Mercury,
        calendar: Calendar,
        features: Features,
        u2c: U2c,
        gds: Gds,
        swupgrade: SwUpgrade,
    ) -> None:
        self._platform = platform
        self._store = platform.store
        self._directory = directory
        self._codes = codes
        self._mercury = mercury
        self._calendar = calendar
        self._features = features
        self._u2c = u2c
        self._gds = gds
        self._swupgrade = swupgrade
        self._state = StateQuery(platform, codes, mercury)
        platform.faults.on_momentary(self._strike)

    # -- people, rooms, tokens --------------------------------------------------------------------------------------------------------

    def workspace_create(self, name: str, **fields: Any) -> Workspace:
        """Create a workspace; further fields as in `Directory.create_workspace`."""
        return self._directory.create_workspace(name, **fields)

    def workspace_delete(self, workspace_id: str) -> None:
        """Delete a workspace with its codes and devices."""
        workspace = self._directory.workspace(workspace_id)
        for code in self._store[Code].where("workspace_id", workspace_id):
            self._codes.delete(code.id)
        for device in self._store[Device].where("workspace_id", workspace_id):
            self.device_delete(device.id)
        for user in self._store[User].where("workspace_id", workspace_id):
            self._forget_user(user.id)
        self._store[Workspace].drop(workspace.id)

    def user_create(self, name: str, email: str = "", *, admin: bool = False) -> User:
        """Create a person."""
        return self._directory.create_person(name, email, is_admin=admin)

    def user_delete(self, user_id: str) -> None:
        """Delete a person or a machine account: tokens die, sockets close, codes are unknown.

        Raises:
            Conflict: it is the last administrator.
        """
        user = self._directory.user(user_id)
        if user.is_admin and sum(other.is_admin for other in self._store[User]) == 1:
            raise Conflict("the last administrator stays")
        for code in self._store[Code]:
            if code.person_id == user_id:
                self._codes.delete(code.id)
        self._forget_user(user_id)

    def token_create(self, user_id: str, scopes: Sequence[str] | None = None) -> Pair:
        """Issue an access and a refresh token for a user; without scopes those of its kind of user."""
        user = self._directory.user(user_id)
        return self._platform.tokens.issue(user, scopes or (ADMIN_SCOPES if user.is_admin else DEVICE_SCOPES))

    def token_revoke(self, which: str = "all", user_id: str | None = None) -> int:
        """Revoke tokens: services refuse them from now on, a revoked refresh token gives `invalid_grant`.

        Args:
            which: access, refresh or all.
            user_id: whose; None = of every machine account.

        Returns:
            How many were good until now.
        """
        return self._end_tokens(which, user_id, self._platform.tokens.revoke_all)

    def token_expire(self, which: str = "all", user_id: str | None = None) -> int:
        """Let the lives of tokens end now; arguments as in `token_revoke`."""
        return self._end_tokens(which, user_id, self._platform.tokens.expire_all)

    def _end_tokens(self, which: str, user_id: str | None, end: Callable[[str, TokenKind | None], int]) -> int:
        if which not in ("access", "refresh", "all"):
            raise BadRequest("token is access, refresh or all")
        kind = None if which == "all" else TokenKind(which)
        users = [self._directory.user(user_id).id] if user_id else [user.id for user in self._machines()]
        return sum(end(user, kind) for user in users)

    def name_user(self, user_id: str, name: str) -> None:
        """Let trace and faults call a user's device by a name, `device:room`."""
        self._platform.nicknames[self._directory.user(user_id).id] = name

    # -- activation -------------------------------------------------------------------------------------------------------------------

    def code_create(
        self,
        *,
        workspace_id: str = "",
        person_id: str = "",
        workspace: str = "",
        model: str = "",
        lives_s: float = CODE_LIFE_S,
    ) -> tuple[Code, Secret]:
        """Issue an activation code for a workspace, a person, or the workspace of the name `workspace`, made if there is none.

        Returns:
            The code as it is kept, and its 16 digits: they are nowhere else.

        Raises:
            BadRequest: not one owner, or a life that no code has.
            NotFound: there is no such workspace or person.
        """
        if [bool(workspace_id), bool(workspace), bool(person_id)].count(True) != 1:
            raise BadRequest("give either a workspace or a person, and a workspace by its id or by its name")
        check_life(lives_s)
        if workspace:
            known = next((room for room in self._store[Workspace] if room.name == workspace), None)
            workspace_id = (known or self._directory.create_workspace(workspace)).id
        return self._codes.create(workspace_id=workspace_id, person_id=person_id, model=model, life_s=lives_s)

    def code(self, code_id: str) -> Code:
        """Return an activation code by its public half, as it stands now; NotFound if there is none."""
        return found(self._codes.current(code_id), "activation code")

    def code_expire(self, code_id: str) -> Code:
        """Let the life of a code end now."""
        return found(self._codes.expire(code_id), "activation code")

    def code_delete(self, code_id: str) -> None:
        """Delete a code: later requests meet `code.unknown`."""
        found(self._codes.delete(code_id), "activation code")

    def org_suspend(self, suspended: bool = True) -> None:
        """Suspend the organization, or lift that: a suspended one registers no devices."""
        self._store[Org].change(self._platform.org_id(), suspended=suspended)

    # -- devices ----------------------------------------------------------------------------------------------------------------------

    def devices(self) -> list[Device]:
        """Return every device."""
        return list(self._store[Device])

    def device_delete(self, device_id: str) -> None:
        """Remove a device as an administrator does: it is told over Mercury, its socket closes, its tokens and registrations are gone."""
        device = self._directory.device(device_id)
        told = {"eventType": IDENTITY_DELETED, "deviceId": device.id, "userId": device.user_id}
        self._mercury.push(told, user_id=device.user_id)
        self._store[Device].drop(device.id)
        user = self._store[User].get(device.user_id)
        if user is not None and user.kind is UserKind.MACHINE:
            self._forget_user(user.id)
        else:
            self._cut_off(device.user_id)

    def device_status(self, device_id: str) -> str:
        """Return the connectionStatus of a device."""
        return connection_status(self._directory.device(device_id), self._platform)

    def device_diagnose(self, device_id: str, types: Sequence[str]) -> Device:
        """Set the diagnostics types, lower case, that a device reports; an empty list means healthy."""
        codes = tuple(sorted(name.lower() for name in types))
        return self._store[Device].change(self._directory.device(device_id).id, error_codes=codes)

    def device_deep_sleep(self, device_id: str, asleep: bool = True) -> Device:
        """Say that a device closed its websocket to sleep deeply."""
        return self._store[Device].change(self._directory.device(device_id).id, deep_sleep=asleep)

    def _forget_user(self, user_id: str) -> None:
        self._cut_off(user_id)
        for toggle in self._store[Toggle].where("user_id", user_id):
            self._store[Toggle].drop(toggle.id)
        self._store[User].drop(user_id)

    def _cut_off(self, user_id: str) -> None:
        self._platform.tokens.revoke_all(user_id)
        sockets = self._mercury.open_sockets(user_id)
        self._mercury.close(sockets, NOT_AUTHORIZED, "the account is gone")
        for record in self._store[Registration].where("user_id", user_id):
            self._store[Registration].drop(record.id)

    # -- calendar ---------------------------------------------------------------------------------------------------------------------

    def meeting_create(
        self,
        title: str,
        start: datetime,
        duration_minutes: int,
        *,
        name: str = "",
        meeting_id: str = "",
        user_ids: Sequence[str] | None = None,
        push: str = "full",
        **fields: Any,
    ) -> Meeting:
        """Put a meeting into calendars and push it.

        Args:
            start: aware.
            name: the caller's own name for it; makes the id repeatable.
            meeting_id: the id itself, if it matters.
            user_ids: whose calendars; None = of every machine account.
            push: full, minimal or none.
            fields: further fields of `records.Meeting`.

        Raises:
            Conflict: there is one of this id.
            BadRequest: times that no meeting has, or another word as `push`.
            NotFound: one of the users is not there.
        """
        check_push(push)
        check_times(start, duration_minutes)
        who = tuple(user.id for user in self._machines()) if user_ids is None else self._users(user_ids)
        meeting_id = meeting_id or self._platform.new_id("meeting", name or title)
        if meeting_id in self._store[Meeting]:
            raise Conflict(f"there is a meeting {meeting_id} already")
        organizer = self._organizer(fields)
        meeting = Meeting(
            id=meeting_id,
            title=title,
            start=start,
            duration_minutes=duration_minutes,
            modified=self._platform.now(),
            user_ids=who,
            **{"series_id": meeting_id, **organizer, **fields},
        )
        self._store[Meeting].put(meeting)
        self._push_meeting(meeting, push, events.CREATE, events.CREATE_MINIMAL)
        return meeting

    def meeting_update(self, meeting_id: str, *, push: str = "full", **fields: Any) -> Meeting:
        """Change fields of a meeting (`title`, `start`, `duration_minutes` ...) and push it.

        Raises:
            NotFound: there is no such meeting, or one of the users is not there.
            BadRequest: a field that a meeting does not have, times that none has, or another word as `push`.
        """
        check_push(push)
        meeting = found(self._store[Meeting].get(meeting_id), "meeting")
        unknown = set(fields) - set(Meeting.__struct_fields__)
        if unknown:
            raise BadRequest(f"a meeting has no {', '.join(sorted(unknown))}")
        check_times(fields.get("start", meeting.start), fields.get("duration_minutes", meeting.duration_minutes))
        self._users(fields.get("user_ids", ()))
        meeting = self._store[Meeting].change(meeting_id, **{**fields, "modified": self._platform.now()})
        self._push_meeting(meeting, push, events.UPDATE, events.UPDATE_MINIMAL)
        return meeting

    def meeting_delete(self, meeting_id: str, *, push: str = "full") -> None:
        """Take a meeting out of all calendars and push that; a deletion has no minimal form."""
        check_push(push)
        meeting = found(self._store[Meeting].drop(meeting_id), "meeting")
        self._push_meeting(meeting, push, events.DELETE, events.DELETE)

    def _push_meeting(self, meeting: Meeting, push: str, full: str, minimal: str) -> None:
        if push != "none":
            self._calendar.push(full if push == "full" else minimal, meeting)

    def _users(self, user_ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._directory.user(user_id).id for user_id in user_ids)

    def _organizer(self, fields: Mapping[str, Any]) -> dict[str, str]:
        named = self._store[User].get(str(fields.get("organizer_id", "")))
        person = named or next((user for user in self._store[User] if user.kind is UserKind.PERSON), None)
        if person is None:
            return {"organizer_id": ""}
        return {"organizer_id": person.id, "organizer_name": person.name, "organizer_email": person.email}

    # -- mercury ----------------------------------------------------------------------------------------------------------------------

    def push_event(
        self, data: Mapping[str, Any], *, user_id: str | None = None, registration_id: str | None = None
    ) -> int:
        """Send any Mercury event to a user, to one registration, or to all; returns to how many sockets.

        Raises:
            BadRequest: `data` has no `eventType`.
        """
        if not isinstance(data.get("eventType"), str) or not data["eventType"]:
            raise BadRequest("an event has data.eventType")
        return self._mercury.push(data, user_id=user_id, registration_id=registration_id)

    def mercury_send(self, text: str, *, user_id: str | None = None) -> int:
        """Send any text as a frame, also a broken one; it has no number. Returns to how many sockets."""
        sockets = self._mercury.open_sockets(user_id)
        for socket in sockets:
            socket.send_raw(text)
        return len(sockets)

    def mercury_close(
        self, code: int, reason: str = "", *, user_id: str | None = None, registration_id: str | None = None
    ) -> int:
        """Close websockets with a code and a reason; returns how many.

        Raises:
            BadRequest: a code that no close frame may carry, or a reason over 123 bytes.
        """
        if not (code in range(3000, 5000) or (code in range(1000, 1016) and code not in (1004, 1005, 1006, 1015))):
            raise BadRequest("a close code is 1000 to 1014 without 1004 to 1006, or 3000 to 4999")
        if len(reason.encode()) > 123:
            raise BadRequest("a reason has at most 123 bytes")
        return self._mercury.close(self._mercury.open_sockets(user_id, registration_id), code, reason)

    def mercury_shutdown(self, *, user_id: str | None = None, after_s: float = SWITCH_OVER_S) -> int:
        """Announce that sockets end: clients open a second one, the first is closed with 4001. Returns how many."""
        return self._mercury.shutdown(self._mercury.open_sockets(user_id), after_s)

    def sockets(self) -> list[Socket]:
        """Return every open websocket."""
        return self._mercury.open_sockets()

    # -- catalogue, toggles, maintenance ----------------------------------------------------------------------------------------------

    def cluster_rotate(self, service: str, to: str = "", *, push: bool = True) -> str:
        """Move a service to another host and tell everybody that the catalogue changed.

        Args:
            service: a name of `hosts.SERVICES`, or its name in the catalogue.
            to: letter of the cluster; empty = the next one.

        Returns:
            The new host name.
        """
        name = self._service(service)
        letter = to or chr(ord(self._platform.hosts.cluster_of(name)) + 1)
        if len(letter) != 1 or not ("a" <= letter <= "z"):
            raise BadRequest("a cluster is a letter, a to z")
        timestamp = self._u2c.rotate(name, letter)
        if push:
            self._mercury.push(cache_invalidation_data(timestamp))
        return self._platform.hosts.host(name)

    def active_clusters_push(self) -> int:
        """Push an `ActiveClusterStatusEvent` with the present clusters; returns to how many sockets."""
        names = {SERVICES[name].catalog: self._u2c.cluster_id(name) for name in SERVICES if SERVICES[name].catalog}
        return self._mercury.push(active_clusters_data(names))

    def feature_set(
        self, key: str, value: str | bool | int | float, *, kind: str = "developer", user_id: str | None = None
    ) -> list[Feature]:
        """Set a feature toggle of a user, or of every machine account, and push it."""
        users = [user_id] if user_id else [user.id for user in self._machines()]
        return [self._features.set(user, kind, key, value) for user in users]

    def upgrade_offer(self, version: str = "", *, name: str = "", **fields: Any) -> Upgrade:
        """Offer a software version to a device, to those of a workspace, or to all, and tell them.

        Args:
            version: such as `ce26.5`, with its build or without; empty to set minimums only.
            name: the caller's own name for it; makes the id repeatable.
            fields: further fields of `records.Upgrade`.
        """
        upgrade_id = self._platform.new_id("upgrade", name or version)
        return self._swupgrade.offer(Upgrade(id=upgrade_id, created=self._platform.now(), version=version, **fields))

    def upgrades(self) -> list[Upgrade]:
        """Return every offer, oldest first; for each device the youngest one that is meant for it decides."""
        return list(self._store[Upgrade])

    def upgrade_withdraw(self, upgrade_id: str) -> None:
        """Take an offer back, and tell the devices that it was meant for."""
        self._swupgrade.withdraw(upgrade_id)

    def maintenance(self, service: str, status: int = 503, for_s: float = MAINTENANCE_S) -> Fault:
        """Take a service out of order for a while: it answers with a status, and Mercury closes its sockets."""
        name = self._service(service)
        if not 400 <= status <= 599:
            raise BadRequest("an outage answers with 400 to 599")
        fault = self.fault(
            f"maintenance {name}",
            "http",
            "error",
            target={"service": name},
            params={"status": status, "retry_after": min(for_s, 60.0)},
            for_s=for_s,
        )
        if name == "mercury":
            self._mercury.close(self._mercury.open_sockets(), GOING_AWAY, "maintenance")
        return fault

    def gds_upstream(self, name: str, state: str, *, required: bool = True) -> None:
        """Set the state of one of the services that GDS needs: online, fault or unreachable; a broken required one makes GDS `fault`."""
        if name not in self._gds.upstreams:
            raise BadRequest(f"GDS needs {', '.join(self._gds.upstreams)}")
        if state not in HEALTH_STATES:
            raise BadRequest(f"a state is one of {', '.join(HEALTH_STATES)}")
        self._gds.upstreams[name] = (state, health.REQUIRED if required else health.OPTIONAL)

    def _service(self, name: str) -> str:
        key = next((key for key, address in SERVICES.items() if name in (key, address.catalog)), None)
        if key is None:
            raise BadRequest(f"there is no service {name!r}; there are {', '.join(SERVICES)}")
        return key

    # -- faults and time --------------------------------------------------------------------------------------------------------------

    def fault(
        self,
        fault_id: str,
        on: str,
        do: str,
        *,
        target: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        count: int | None = None,
        skip: int = 0,
        percent: float = 100.0,
        after_s: float = 0.0,
        for_s: float | None = None,
    ) -> Fault:
        """Let a fault of the cloud hold, in the words of the scenario language; momentary ones bite once, or are carried out now.

        Raises:
            BadRequest: the cloud does not carry it out, a parameter is none that it could have, or its id is taken.
        """
        about, own = dict(target or {}), _read_spreads(params or {})
        wrong = objection(on, do, about, own)
        if wrong:
            raise BadRequest(wrong)
        draws = self._platform.chance.stream("fault", fault_id)
        if (on, do) in STRUCK:
            fault = Fault(fault_id, on, do, about, own, draws=draws)
            if after_s > 0:
                self._platform.later.call(after_s, self._platform.faults.strike, fault)
            else:
                self._platform.faults.strike(fault)
            return fault
        aim = aimed(on, do, about, own)
        if aim is None:
            known = [*carried_out(on), *sorted(struck for layer, struck in STRUCK if layer == on)]
            can = f"; on it: {', '.join(known)}" if known else "; layers: " + ", ".join(LAYERS)
            raise BadRequest(f"the cloud does not carry out {do!r} on {on!r}{can}")
        if (on, do) in ONCE and count is None:
            count = 1
        from_s = self._platform.clock.time() + after_s
        until_s = None if for_s is None else from_s + for_s
        aim_on, aim_do, aim_target, aim_params = aim
        fault = Fault(
            fault_id, aim_on, aim_do, aim_target, aim_params, count=count, skip=skip, percent=percent, from_s=from_s, until_s=until_s,
            draws=draws,
        )  # fmt: skip
        try:
            return self._platform.faults.arm(fault)
        except ValueError as error:
            raise BadRequest(str(error)) from None

    def heal(self, fault_id: str = "all") -> None:
        """End a fault, with all of its row, or every one."""
        faults = self._platform.faults
        ending = [one.id for one in faults.armed if fault_id == "all" or of_row(one.id, fault_id)]
        if not ending and fault_id != "all":
            raise NotFound(f"no fault {fault_id!r} holds")
        for one in ending:
            faults.heal(one)

    def _strike(self, fault: Fault) -> bool:
        """Carry out a momentary fault on tokens."""
        if fault.on != "token" or fault.do not in ("expire", "revoke"):
            return False
        end = self.token_expire if fault.do == "expire" else self.token_revoke
        which = str(fault.target.get("kind", "all"))
        name = fault.target.get("device")
        users = [user for user, nickname in self._platform.nicknames.items() if nickname == name]
        return sum(end(which, user) for user in users) > 0 if name else end(which) > 0

    async def advance(self, seconds: float) -> None:
        """Let time jump, where it is stepped.

        Raises:
            Conflict: time passes by itself here.
            BadRequest: it would go back.
        """
        source = self._platform.clock.source
        if not isinstance(source, SteppedTime):
            raise Conflict("time passes by itself here; it can be advanced in stepped mode only")
        if seconds < 0:
            raise BadRequest("time never goes back; give 0 or more seconds")
        await source.advance(seconds)

    def clock(self) -> dict[str, Any]:
        """Return the present second and instant of the cloud, how time passes, and how far it was moved by `advance`."""
        source = self._platform.clock.source
        mode, factor, jumped_s = "real", 1.0, 0.0
        if isinstance(source, ScaledTime):
            mode, factor = "accelerated", source.factor
        elif isinstance(source, SteppedTime):
            mode, jumped_s = "frozen" if source.is_frozen else "stepped", source.jumped_s
        seconds = round(self._platform.clock.time(), 6)
        now = iso_ms(self._platform.now())
        return {"mode": mode, "seconds": seconds, "now": now, "factor": factor, "jumped": jumped_s}

    async def clock_after(self, jumped_s: float, wait_s: float) -> dict[str, Any]:
        """Return the clock once time was moved beyond `jumped_s`, at the latest after `wait_s` real seconds."""
        source = self._platform.clock.source
        if isinstance(source, SteppedTime):
            await source.moved(jumped_s, wait_s)
        return self.clock()

    # -- looking ----------------------------------------------------------------------------------------------------------------------

    def query(self, path: str) -> Any:
        """Return something of the cloud's state by a dotted path; see `state_query`."""
        return self._state.query(path)

    def add_subjects(self, names: Iterable[str], ask: Ask) -> None:
        """Let `query` know further subjects, each with who knows about them."""
        self._state.subjects |= dict.fromkeys(names, ask)

    def export(self) -> dict[str, Any]:
        """Return everything of the state that may be shown, by table; nothing in it is secret."""
        return self._state.export()

    def _machines(self) -> list[User]:
        return [user for user in self._store[User] if user.kind is UserKind.MACHINE]


def _read_spreads(params: Mapping[str, Any]) -> dict[str, Any]:
    """Read what is drawn anew each time, `{"from": 1, "to": 3}` seconds."""
    found = dict(params)
    bounds = read_spread(found.get("by"))
    if bounds is not None and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in bounds):
        found["by"] = Between(*bounds)
    return found
