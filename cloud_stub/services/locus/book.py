"""The loci that there are, and how everybody in them hears of each change.

A change makes a new state with the next number, kept for a while so that deltas can be made from any state that a client may have. Each
registration of everybody concerned is told 20 ms later, in order: as a whole state the first time, then whole or as what has changed since
it was last told. Loci live in memory: a restart of the cloud ends them.

Source: protocol/cloud-services.md 9.4, 9.8, 18.10, 18.11; which form an event has is ours.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, Final

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.hosts import Origin
from cloud_stub.platform.rate import Counter
from cloud_stub.platform.records import Registration
from cloud_stub.platform.routes import Label
from cloud_stub.services.locus.render import Drawn, View, locus_dto
from cloud_stub.services.locus.state import PRESENT, Locus
from cloud_stub.services.locus.timers import Timers
from cloud_stub.services.mercury import Mercury
from cloud_stub.services.wdm import Wdm
from endpoint.runtime.clock import Timer
from endpoint.runtime.faults import Fault
from endpoint.wire import codec
from endpoint.wire.locus import events
from endpoint.wire.locus.merge import difference
from endpoint.wire.wdm import DEVICES_PATH

LOCI_MAX: Final = 5_000
"""Loci that go on at once."""
ENDED_MAX: Final = 500
"""Loci that are over and can still be asked for; the oldest are forgotten first."""
ENDED_KEPT_S: Final = 300.0
HISTORY_MAX: Final = 20
"""States of a locus that deltas can be made from; who has an older one gets the whole."""
ENTRIES_MAX: Final = 10
"""Numbers that a sequence lists; older ones become its range."""
ALIASES_MAX: Final = 10
"""Former addresses under which a locus is still found."""
TELL_AFTER_S: Final = 0.02
OUTBOX_MAX: Final = 10_000
"""Changes that wait to be told, of all loci."""
HELD_S: Final = 2.0
"""How long an event that is to arrive after its successor waits for one."""
EVENT_BYTES_MAX: Final = 48 * 1024
"""Beyond it an event only says that there is something new, and is too big to be sent."""
MEASURED_FROM: Final = 20
"""Participants from which on events are measured."""
NAMED: Final = frozenset(
    {
        events.PARTICIPANT_JOINED,
        events.PARTICIPANT_LEFT,
        events.PARTICIPANT_DECLINED,
        events.PARTICIPANT_ALERTED,
    }
)
"""What is told as a whole state also to those who take deltas."""
FORMS: Final = ("auto", "full", "delta")


@dataclass(slots=True, eq=False)
class Kept:
    """A locus as it is, as it was, and who knows it how.

    Attributes:
        told: state that a registration has last heard of.
        plain: registrations whose clients take whole states only.
        held: events that are to arrive after their successors, by registration.
    """

    now: Locus
    history: deque[Locus] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))
    aliases: deque[str] = field(default_factory=deque)
    told: dict[str, Locus] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Book:
    """All loci."""

    def __init__(self, platform: Platform, mercury: Mercury, wdm: Wdm) -> None:
        self._platform = platform
        self._mercury = mercury
        self._wdm = wdm
        self._kept: dict[str, Kept] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._aliases: dict[str, str] = {}
        self._by_key: dict[str, str] = {}
        self._of_user: dict[str, dict[Kept, None]] = {}
        self._made = Counter()
        self._outbox: deque[tuple[float, Kept, Locus, Locus | None, str]] = deque()
        self._telling: Timer | None = None
        """Apart from the timers that are bounded: what has changed is told whatever happens."""
        self._is_over = False
        self.timers = Timers(platform.clock)

    # -- looking ----------------------------------------------------------------------------------------------------------------------

    def find(self, locus_id: str) -> Locus | None:
        """Return a locus by its id, also a former one; None if there is none or it is forgotten."""
        kept = self._found(locus_id)
        return None if kept is None else kept.now

    def active(self) -> list[Locus]:
        """Return the loci that go on, oldest first."""
        return [kept.now for kept in self._kept.values() if kept.now.is_active]

    def of_user(self, user_id: str) -> list[Locus]:
        """Return the loci that go on in which somebody is, or was, a participant, oldest first."""
        return [kept.now for kept in self._of_user.get(user_id, ()) if kept.now.is_active]

    def all(self) -> list[Locus]:
        """Return every locus that can still be asked for, oldest first."""
        return [kept.now for kept in self._kept.values()]

    def of_meeting(self, key: str) -> Locus | None:
        """Return the locus that a meeting has now; None without one."""
        locus = self.find(self._by_key.get(key, ""))
        return locus if locus is not None and locus.is_active else None

    def since(self, locus_id: str, number: int) -> tuple[Locus, ...]:
        """Return the states of a locus from the one whose newest number it was; none if it is not kept, or had another address."""
        kept = self._found(locus_id)
        if kept is None:
            return ()
        states = tuple(one for one in kept.history if one.sequence.last >= number)
        return states if states and states[0].sequence.last == number and states[0].id == kept.now.id else ()

    def _found(self, locus_id: str) -> Kept | None:
        return self._kept.get(locus_id) or self._kept.get(self._aliases.get(locus_id, ""))

    # -- who looks --------------------------------------------------------------------------------------------------------------------

    def view(self, user_id: str, registration: Registration | None, origin: Origin) -> View:
        """Return how somebody sees loci; a registration is always told the addresses that it was made under."""
        if registration is not None:
            origin = self._wdm.origin(registration)
        hosts = self._platform.hosts
        registration_id = registration.id if registration is not None else ""
        return View(user_id, registration_id, hosts.base("locus", origin), hosts.base("wdm", origin) + DEVICES_PATH)

    def note_client(self, locus_id: str, registration_id: str, *, takes_deltas: bool) -> None:
        """Remember which events the client of a registration understands."""
        kept = self._found(locus_id)
        if kept is None or not registration_id:
            return
        if takes_deltas:
            kept.plain.discard(registration_id)
        else:
            kept.plain.add(registration_id)

    def forget_client(self, registration: Registration) -> None:
        """Forget what a client was told: it is gone, and comes back as a new one, if ever."""
        for kept in self._of_user.get(registration.user_id, ()):
            kept.told.pop(registration.id, None)
            kept.plain.discard(registration.id)
            kept.held.pop(registration.id, None)

    def draw(self, kind: str, owner: str) -> str:
        """Draw the id of the next thing of a kind below an owner, whose own id never comes again."""
        return self._platform.uuid(kind, owner, self._made.next(f"{kind} {owner}"))

    # -- changing ---------------------------------------------------------------------------------------------------------------------

    def open(self, locus: Locus, event: str) -> Locus:
        """Take in a new locus and tell it.

        Raises:
            BoundHit: LOCI_MAX go on.
        """
        if len(self._kept) - len(self._ended) >= LOCI_MAX:
            raise BoundHit("loci", LOCI_MAX)
        self._kept[locus.id] = Kept(locus)
        return self.commit(locus, event)

    def commit(self, locus: Locus, event: str) -> Locus:
        """Make a changed locus the present state under the next number, and tell it; returns it as it is now."""
        kept = self._found(locus.id)
        assert kept is not None, "a locus is opened before it changes"
        before = kept.history[-1] if kept.history else None
        locus = locus.changed(sequence=kept.now.sequence.advanced(self._number(), ENTRIES_MAX))
        if before is not None and locus.is_active:
            locus = self._readdressed(kept, locus)
        kept.now = locus
        kept.history.append(locus)
        if locus.key and locus.is_active:
            self._by_key[locus.key] = locus.id
        for one in locus.participants:
            if one.user_id:
                self._of_user.setdefault(one.user_id, {})[kept] = None
        self._note(locus, event)
        self._enqueue(kept, locus, before, event)
        if before is not None and before.is_active and not locus.is_active:
            self._end(kept)
        return locus

    def _number(self) -> int:
        now = self._platform.now()
        return int(now.timestamp()) * 1_000_000 + now.microsecond

    def _readdressed(self, kept: Kept, locus: Locus) -> Locus:
        fault = self._platform.faults.hit("locus", step="address", call=locus.id, meeting=locus.meeting_id)
        if fault is None:
            return locus
        old, new = locus.id, self._platform.new_id("locus", "moved")
        self._kept[new] = self._kept.pop(old)
        kept.aliases.append(old)
        if len(kept.aliases) > ALIASES_MAX:
            self._aliases.pop(kept.aliases.popleft(), None)
        for alias in kept.aliases:
            self._aliases[alias] = new
        return locus.changed(id=new, replaces=(*locus.replaces, old))

    def _end(self, kept: Kept) -> None:
        locus = kept.now
        for name in (locus.id, *kept.aliases):
            self.timers.cancel_of(name)
        if locus.key and self._by_key.get(locus.key) == locus.id:
            del self._by_key[locus.key]
        self._ended[locus.id] = None
        while len(self._ended) > ENDED_MAX:
            self.forget(next(iter(self._ended)))
        self.timers.set((locus.id, "forget"), ENDED_KEPT_S, lambda: self.forget(locus.id))

    def forget(self, locus_id: str) -> None:
        """Drop a locus that is over."""
        self._ended.pop(locus_id, None)
        kept = self._kept.pop(locus_id, None)
        self.timers.cancel_of(locus_id)
        if kept is None:
            return
        for alias in kept.aliases:
            self._aliases.pop(alias, None)
        for user_id in {one.user_id for locus in kept.history for one in locus.participants}:
            mine = self._of_user.get(user_id, {})
            mine.pop(kept, None)
            if not mine:
                self._of_user.pop(user_id, None)

    def _note(self, locus: Locus, event: str) -> None:
        roster = {one.name or one.id: one.state.value for one in locus.participants}
        data = {
            "event": event,
            "locus": locus.id,
            "state": locus.state.value,
            "sequence": locus.sequence.last,
            "roster": roster,
        }
        self._platform.trace.event("cloud:locus", "locus.change", id=locus.id, data=data, label=Label.INFERRED)

    # -- telling ----------------------------------------------------------------------------------------------------------------------

    def _enqueue(self, kept: Kept, locus: Locus, before: Locus | None, event: str) -> None:
        if self._is_over:
            return
        while len(self._outbox) >= OUTBOX_MAX:
            self._tell(*self._outbox.popleft()[1:])
        due_s = self._platform.clock.time() + TELL_AFTER_S
        self._outbox.append((due_s, kept, locus, before, event))
        if self._telling is None:
            self._telling = self._platform.clock.call_later(TELL_AFTER_S, self._flush)

    def _flush(self) -> None:
        self._telling = None
        now_s = self._platform.clock.time()
        while self._outbox and self._outbox[0][0] <= now_s + 1e-6:
            self._tell(*self._outbox.popleft()[1:])
        if self._outbox:
            self._telling = self._platform.clock.call_later(max(0.0, self._outbox[0][0] - now_s), self._flush)

    def _tell(self, kept: Kept, locus: Locus, before: Locus | None, event: str) -> None:
        drawn = Drawn()
        for one in locus.participants:
            was = before.participant(one.id) if before is not None else None
            if not one.user_id or (one.state not in PRESENT and (was is None or was.state not in PRESENT)):
                continue
            for record in self._wdm.of_user(one.user_id):
                self._tell_registration(kept, locus, event, record, drawn)
                if one.state not in PRESENT:
                    kept.told.pop(record.id, None)

    def _tell_registration(self, kept: Kept, locus: Locus, event: str, record: Registration, drawn: Drawn) -> None:
        fault = self._platform.faults.hit(
            "locus",
            step="event",
            call=locus.id,
            meeting=locus.meeting_id,
            event=event,
            device=self._platform.nicknames.get(record.user_id),
        )
        data = self._event(kept, locus, event, record, fault, drawn)
        kept.told[record.id] = locus
        if fault is not None and fault.do == "delta_gap":
            return
        if fault is not None and fault.do == "out_of_order":
            kept.held.setdefault(record.id, []).append(data)
            self.timers.set((locus.id, "held", record.id), HELD_S, lambda: self._release(kept, record.id))
            return
        self._send(record.id, data)
        if fault is not None and fault.do == "duplicate":
            self._send(record.id, data)
        self._release(kept, record.id)

    def _release(self, kept: Kept, registration_id: str) -> None:
        for data in kept.held.pop(registration_id, ()):
            self._send(registration_id, data)

    def _send(self, registration_id: str, data: dict[str, Any]) -> None:
        self._mercury.push(data, registration_id=registration_id)

    def message(self, locus: Locus, user_id: str, kind: str, message: dict[str, Any]) -> None:
        """Send an event that carries no locus to the devices of a user that are in one."""
        me = locus.of_user(user_id)
        for leg in me.joined_legs if me is not None else ():
            record = self._wdm.find(leg.id)
            if record is not None:
                url = self.view(user_id, record, self._wdm.origin(record)).url(locus.id)
                data = {"eventType": kind, "locusUrl": url, "correlationId": leg.correlation_id, "message": message}
                self._send(record.id, data)

    def _event(
        self, kept: Kept, locus: Locus, event: str, record: Registration, fault: Fault | None, drawn: Drawn
    ) -> dict[str, Any]:
        view = self.view(record.user_id, record, self._wdm.origin(record))
        told = kept.told.get(record.id)
        is_too_big = fault is not None and fault.do == "too_big"
        if told is None or (not is_too_big and not self._as_delta(kept, locus, told, event, record.id)):
            whole = events.locus_event_data(event, view.url(locus.id), locus_dto(locus, view, drawn))
            return self._fitting(whole, locus, view)
        delta = difference(locus_dto(told, view, drawn), locus_dto(locus, view, drawn))
        data = events.locus_event_data(events.DIFFERENCE, view.url(told.id), delta)  # its client knows it by that
        return _too_big(locus, view) if is_too_big else self._fitting(data, locus, view)

    def _as_delta(self, kept: Kept, locus: Locus, told: Locus, event: str, registration_id: str) -> bool:
        form = self._platform.settings.locus_events
        if told.id != locus.id:
            return registration_id not in kept.plain  # a whole state under another address would be another call
        if form == "auto":
            return registration_id not in kept.plain and event not in NAMED
        return form == "delta"

    def _fitting(self, data: dict[str, Any], locus: Locus, view: View) -> dict[str, Any]:
        if len(locus.participants) < MEASURED_FROM or len(codec.encode(data)) <= EVENT_BYTES_MAX:
            return data
        return _too_big(locus, view)

    def stop(self) -> None:
        """Forget every timer; nobody is told anything any more."""
        self._is_over = True
        self.timers.stop()
        self._outbox.clear()
        if self._telling is not None:
            self._telling.cancel()


def _too_big(locus: Locus, view: View) -> dict[str, Any]:
    """Return the delta that says of itself that it is too big: its base is what it leads to."""
    url, sequence = view.url(locus.id), locus.sequence.as_wire()
    part = {"url": url, "baseSequence": sequence, "sequence": sequence, "participants": []}
    return events.locus_event_data(events.DIFFERENCE, url, part)
