"""Locus over HTTP: what clients ask of calls and meetings.

Bodies may hold session descriptions and PINs: they are not shown. Every answer with a locus holds it whole, as the asking device sees it.

Source: protocol/cloud-services.md 9.6, 9.7, 18.10; create, get, list and leave observed, the rest documented. What is ours says so by
its label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.records import Registration, User
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from cloud_stub.services.locus import changes, media
from cloud_stub.services.locus.addresses import MeetingTarget, Nobody, UserTarget
from cloud_stub.services.locus.admission import asks_for_host
from cloud_stub.services.locus.controls import Controls, require_host
from cloud_stub.services.locus.peers import tones_of
from cloud_stub.services.locus.render import Drawn, View, locus_dto
from cloud_stub.services.locus.state import MODERATOR, Leg, Locus, Participant, with_leg
from cloud_stub.services.locus.switchboard import FAULTY, Switchboard
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import errors, events, requests
from endpoint.wire.locus.dto import State
from endpoint.wire.locus.merge import difference
from endpoint.wire.locus.requests import ConnectionAnswer, JoinAnswer, SdpText

DEVICE_HEADER: Final = "cisco-device-url"
CORRELATION_CHARS_MAX: Final = 128
B = TypeVar("B", bound=requests._Body)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to call or to join: whose, from which device, and what is answered to its media."""

    user: User
    record: Registration
    request: requests.JoinRequest
    leg: Leg
    mutes: tuple[bool | None, bool | None]
    remote: SdpText | None


class LocusService:
    """The call control service."""

    name = "locus"

    def __init__(self, platform: Platform, board: Switchboard, nodes: media.MediaNodes) -> None:
        self._platform = platform
        self._board = board
        self._book = board.book
        self._nodes = nodes
        self._controls = Controls(board)
        seen, told, ours = Label.OBSERVED, Label.DOCUMENTED, Label.OURS
        one, me = "/loci/{locus}", "/loci/{locus}/participant/{participant}"
        self.routes: tuple[Route, ...] = (
            Route("GET", "/loci", self._list, seen),
            Route("POST", "/loci/call", self._call, seen),
            Route("POST", "/loci/call/{address}", self._call, ours),
            Route("GET", one, self._get, seen),
            Route("GET", one + "/sync", self._sync, told),
            Route("POST", one + "/participant", self._join, told),
            Route("PUT", one + "/participant/alert", self._alert, told),
            Route("PUT", one + "/participant/decline", self._decline, told),
            Route("PUT", me + "/leave", self._leave, seen),
            Route("PUT", me + "/media", self._media, told),
            Route("POST", me + "/sendDtmf", self._dtmf, told),
            Route("PUT", me + "/hold", self._hold, ours),
            Route("GET", me + "/device/{device}/keepalive", self._keep_alive, told),
            Route("PATCH", me + "/controls", self._participant_controls, told),
            Route("PUT", one + "/mediashares/{share}", self._floor, told),
            Route("PATCH", one + "/controls", self._locus_controls, told),
            Route("PUT", one + "/controls", self._locus_controls, told),
            Route("POST", one + "/participants", self._invite, ours),
            Route("PUT", one + "/merge", self._merge, ours),
            Route("POST", one + "/end", self._end, told),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do; `code` is told beside `errorCode`, as the real one does for 404006."""
        body = wx2_error(error, tracking_id)
        return {"code": body["errorCode"], **body} if "errorCode" in body else body

    # -- calling and joining ----------------------------------------------------------------------------------------------------------

    def _call(self, call: Call) -> Answer:
        asked = self._asked(call, requests.CallRequest)
        request = asked.request
        assert isinstance(request, requests.CallRequest), "it was read as one"
        again = self._same_call(asked.record, asked.leg.correlation_id)
        if again is not None:
            return self._joined(again, asked)
        address = call.params.get("address", request.target)
        if not address:
            return self._instant(asked)
        fault = self._platform.faults.hit("locus", step="resolve", address=address, device=call.peer)
        target = Nobody() if fault is not None else self._board.resolve(address)
        if isinstance(target, Nobody):
            raise _nobody(target)
        if isinstance(target, MeetingTarget):
            locus, is_new = self._board.meeting_locus(target)
            return self._enter(call, locus, target, asked, is_new=is_new)
        if isinstance(target, UserTarget) and target.user.id == asked.user.id:
            raise CloudError(403, "nobody calls himself", str(errors.ONE_ON_ONE_TO_SELF))
        locus = self._board.new_locus()
        caller = self._board.person(locus, asked.user, is_creator=True, roles=(MODERATOR,))
        caller = msgspec.structs.replace(with_leg(caller, asked.leg), state=State.JOINED)
        behaves = self._faulty(call, address)
        if isinstance(target, UserTarget):
            locus = self._board.call_user(caller, locus, target, behaves)
        else:
            locus = self._board.call_gateway(caller, locus, target, behaves)
        return self._joined(locus, asked)

    def _faulty(self, call: Call, address: str) -> str:
        fault = self._platform.faults.hit("locus", step="dial", address=address, device=call.peer)
        return FAULTY[fault.do] if fault is not None else ""

    def _same_call(self, record: Registration, correlation_id: str) -> Locus | None:
        """Return the call that a device has already made by this request; its answer was lost."""
        if not correlation_id:
            return None
        for locus in self._book.of_user(record.user_id):
            one = locus.having(record.id)
            leg = one.leg(record.id) if one is not None else None
            if leg is not None and leg.correlation_id == correlation_id and (leg.state is State.JOINED or leg.intent):
                return locus
        return None

    def _instant(self, asked: Asked) -> Answer:
        title = f"{asked.user.name}'s meeting"
        locus = self._board.new_locus(is_meeting=True, title=title, owner_id=asked.user.id, platform="Webex")
        return self._joined(self._board.enter(locus, asked.user, asked.leg, asked.request, is_new=True), asked)

    def _enter(self, call: Call, locus: Locus, target: MeetingTarget, asked: Asked, *, is_new: bool) -> Answer:
        moved = self._moved(call, locus, target)
        if moved:
            location = f"{self._platform.hosts.base(self.name, call.origin)}/loci/call/{quote(moved, safe='')}"
            return Answer({"errorCode": errors.REDIRECT, "location": location})
        host_key = target.host_key
        locus = self._board.enter(locus, asked.user, asked.leg, asked.request, is_new=is_new, host_key=host_key)
        return self._joined(locus, asked)

    def _moved(self, call: Call, locus: Locus, target: MeetingTarget) -> str:
        """Return the address that a meeting has moved to; a fault lets it move to itself."""
        moved_to = self._board.settings_of(target.key).moved_to
        if moved_to:
            return moved_to
        fault = self._platform.faults.hit(
            "locus", step="move", call=locus.id, meeting=target.meeting_id, device=call.peer
        )
        if fault is None:
            return ""
        return str(fault.params.get("to") or target.number or target.sip or target.link or target.meeting_id)

    def _join(self, call: Call) -> Answer:
        asked = self._asked(call, requests.JoinRequest)
        locus = self._found(call)
        if not locus.is_active:
            raise CloudError(403, "the call is over", str(errors.INACTIVE))
        one = locus.of_user(asked.user.id)
        if locus.is_meeting and not (one is not None and one.is_alerted):
            is_there = one is not None and one.is_waiting and one.leg(asked.record.id) is not None
            if is_there and not asks_for_host(asked.request):
                return self._joined(locus, asked)
            target = self._board.addresses.meeting(locus.number or locus.sip) if locus.key else None
            host_key = target.host_key if target is not None else ""
            locus = self._board.enter(locus, asked.user, asked.leg, asked.request, is_new=False, host_key=host_key)
            return self._joined(locus, asked)
        if one is None:
            raise _no_call()
        if one.state is State.JOINED and one.leg(asked.record.id) not in one.joined_legs:
            raise changes.conflict("the call was answered on another device")
        self._book.timers.cancel((locus.id, "ring", one.id))
        if one.state is not State.JOINED:
            entered = changes.entered(locus, one, asked.leg, alone=True)
            locus = self._board.commit(entered, events.PARTICIPANT_JOINED)
        return self._joined(locus, asked)

    def _alert(self, call: Call) -> Answer:
        request = _read(call, requests.AlertRequest)
        record = self._registered(call, request.own_url)
        locus, me = self._mine(call)
        if not locus.is_active:
            raise changes.conflict("the call is over")
        self._note(locus, record, request)
        leg = me.leg(record.id)
        if leg is None or leg.state is not State.NOTIFIED:
            leg = self._leg(record, request)
            locus = self._board.commit(changes.alerted(locus, me, leg), events.PARTICIPANT_ALERTED)
        return self._answer(locus, call.caller, record)

    def _decline(self, call: Call) -> Answer:
        request = _read(call, requests.DeclineRequest)
        record = self._registered(call, request.own_url)
        locus, me = self._mine(call)
        if not locus.is_active:
            raise changes.conflict("the call is over")
        locus = changes.refused(locus, me, request.reason[:32])
        self._book.timers.cancel((locus.id, "ring", me.id))
        return self._answer(self._board.commit(locus, events.PARTICIPANT_DECLINED), call.caller, record)

    def _leave(self, call: Call) -> Answer:
        request = _read(call, requests.LeaveRequest)
        record = self._registered(call, request.own_url) if request.own_url else self._record(call)
        locus, me = self._mine(call)
        if call.params["participant"] != me.id:
            locus, me = self._in_call(call)
            return self._answer(self._controls.expel(locus, me, call.params["participant"]), call.caller, record)
        leg = me.leg(record.id) if record is not None else None
        if leg is None or leg.state not in (State.JOINED, State.IDLE, State.NOTIFIED) or not locus.is_active:
            raise changes.conflict("the device is not in this call")
        return self._answer(self._board.device_left(locus, me, leg.id), call.caller, record)

    # -- looking ----------------------------------------------------------------------------------------------------------------------

    def _list(self, call: Call) -> Answer:
        user, record = call.caller, self._record(call)
        view = self._book.view(user.id, record, call.origin)
        mine = (State.IDLE, State.NOTIFIED, State.JOINED)
        there = [
            locus
            for locus in self._book.of_user(user.id)
            if (one := locus.of_user(user.id)) is not None and one.state in mine
        ]
        return Answer(requests.loci_answer(locus_dto(locus, view) for locus in there))

    def _get(self, call: Call) -> Answer:
        locus, _ = self._mine(call)
        return Answer(locus_dto(locus, self._book.view(call.caller.id, self._record(call), call.origin)))

    def _sync(self, call: Call) -> Answer:
        since = call.query.get("since", "")
        if not since.isascii() or not since.isdigit() or len(since) > 19:
            raise CloudError(400, "since is the last number that was seen", str(errors.BAD_SINCE))
        locus, _ = self._mine(call)
        view = self._book.view(call.caller.id, self._record(call), call.origin)
        states = self._book.since(locus.id, int(since)) if locus.id == call.params["locus"] else ()
        if not states:
            return Answer(locus_dto(locus, view))
        if len(states) == 1:
            return Answer(status=204)
        drawn = Drawn()
        known, *between, now = [locus_dto(state, view, drawn) for state in states]
        return Answer(difference(known, now, between))  # by the time it comes, the client may know of one in between

    def _keep_alive(self, call: Call) -> Answer:
        locus, me = self._mine(call)
        leg = me.leg(call.params["device"])
        if call.params["participant"] != me.id or leg is None:
            raise NotFound("there is no such device")
        if me.is_waiting:
            self._board.keep_waiting(locus, me, leg.id)
        return Answer(locus_dto(locus, self._book.view(call.caller.id, self._record(call), call.origin)))

    # -- in a call --------------------------------------------------------------------------------------------------------------------

    def _media(self, call: Call) -> Answer:
        request = _read(call, requests.MediaRequest)
        record = self._registered(call, request.own_url)
        locus, me = self._as_self(call)
        local = _local(request)
        audio, video = media.mutes(local)
        if audio is False and me.may_not_unmute and not me.is_host:
            raise CloudError(403, "the host has muted everybody")
        muted = me.audio_muted if audio is None else audio
        hidden = me.video_muted if video is None else video
        leg = me.leg(record.id)
        remote = self._remote(record, leg.correlation_id if leg is not None else request.correlation_id, local)
        if (muted, hidden) != (me.audio_muted, me.video_muted):
            fields = {"audio_muted": muted, "video_muted": hidden, "muted_by": ""}
            asked = me.asked_to_unmute and muted
            locus = self._board.commit(
                locus.with_change(me.id, asked_to_unmute=asked, **fields), events.PARTICIPANT_UPDATED
            )
        return self._answer(locus, call.caller, record, remote)

    def _hold(self, call: Call) -> Answer:
        request = _read(call, requests.HoldRequest)
        record = self._registered(call, request.own_url)
        locus, me = self._as_self(call)
        if me.held is not request.held:
            locus = self._board.commit(locus.with_change(me.id, held=request.held), events.PARTICIPANT_UPDATED)
        return self._answer(locus, call.caller, record)

    def _dtmf(self, call: Call) -> Answer:
        request = _read(call, requests.DtmfRequest)
        tones = tones_of(request.dtmf.tones)
        locus, me = self._as_self(call)
        self._board.dtmf(locus, me, tones)
        return Answer({})

    def _floor(self, call: Call) -> Answer:
        request = _read(call, requests.FloorRequest)
        locus, me = self._in_call(call)
        if call.params["share"] != "0":
            raise NotFound("there is no such media share")
        return self._answer(self._controls.floor(locus, me, request.floor), call.caller, self._record(call))

    def _locus_controls(self, call: Call) -> Answer:
        request = _read(call, requests.ControlsRequest)
        locus, me = self._in_call(call)
        return self._answer(self._controls.of_locus(locus, me, request), call.caller, self._record(call))

    def _participant_controls(self, call: Call) -> Answer:
        request = _read(call, requests.ParticipantControls)
        locus, me = self._in_call(call)
        changed = self._controls.of_participant(locus, me, call.params["participant"], request)
        return self._answer(changed, call.caller, self._record(call))

    def _invite(self, call: Call) -> Answer:
        request = _read(call, requests.InviteRequest)
        locus, me = self._in_call(call)
        return self._answer(self._controls.invite(locus, me, request), call.caller, self._record(call))

    def _merge(self, call: Call) -> Answer:
        request = _read(call, requests.MergeRequest)
        record = self._registered(call, request.own_url)
        locus, me = self._in_call(call)
        require_host(locus, me)
        others = []
        for url in dict.fromkeys(request.locus_urls[:10]):
            other = self._book.find(url.rstrip("/").rpartition("/")[2])
            there = other.of_user(me.user_id) if other is not None else None
            if (
                other is None
                or there is None
                or there.state is not State.JOINED
                or other.id == locus.id
                or other.is_meeting
            ):
                raise changes.conflict("only calls that the device is in can be joined")
            others.append(other)
        if not others:
            raise BadRequest("locusUrls names the calls to be joined")
        return self._answer(self._board.merge(locus, others), call.caller, record)

    def _end(self, call: Call) -> Answer:
        locus, me = self._in_call(call)
        return self._answer(self._controls.end(locus, me), call.caller, self._record(call))

    # -- who asks, and about what -----------------------------------------------------------------------------------------------------

    def _asked(self, call: Call, kind: type[requests.JoinRequest]) -> Asked:
        """Read a request to call or to join, whole: nothing begins before all of it is good."""
        request = _read(call, kind)
        record = self._registered(call, request.own_url)
        local = _local(request)
        self._nodes.note(record.id, request.reachability)
        remote = self._remote(record, request.correlation_id, local)
        return Asked(call.caller, record, request, self._leg(record, request), media.mutes(local), remote)

    def _remote(self, record: Registration, correlation_id: str, local: tuple[SdpText, ...]) -> SdpText | None:
        """Return what is answered to the media of a request; real ports for clients that do not use the names of the cloud."""
        is_real = not self._board.wdm.origin(record).is_named
        return media.answered(self._nodes, local, record.id, correlation_id, real=is_real)

    def _registered(self, call: Call, device_url: str) -> Registration:
        """Return the registration that a request names.

        Raises:
            BadRequest: it names none of the caller's.
        """
        record = self._board.wdm.find(device_url.rstrip("/").rpartition("/")[2]) if device_url else None
        if record is None or record.user_id != call.caller.id:
            raise BadRequest("deviceUrl, or device.url, is a registration of the caller")
        return record

    def _record(self, call: Call) -> Registration | None:
        """Return the registration that asks, as far as a header tells; None if it does not."""
        url = call.headers.get(DEVICE_HEADER, "")
        record = self._board.wdm.find(url.rstrip("/").rpartition("/")[2]) if url else None
        return record if record is not None and record.user_id == call.caller.id else None

    def _found(self, call: Call) -> Locus:
        locus = self._book.find(call.params["locus"])
        if locus is None:
            raise _no_call()
        return locus

    def _mine(self, call: Call) -> tuple[Locus, Participant]:
        """Return the locus of the path and the caller in it; NotFound if he never was."""
        locus = self._found(call)
        one = locus.of_user(call.caller.id)
        if one is None:
            raise _no_call()
        return locus, one

    def _in_call(self, call: Call) -> tuple[Locus, Participant]:
        """Return the locus of the path and the caller, who has to be in it."""
        locus, one = self._mine(call)
        if not locus.is_active or one.state is not State.JOINED:
            raise changes.conflict("the caller is not in this call")
        return locus, one

    def _as_self(self, call: Call) -> tuple[Locus, Participant]:
        """Return the locus of the path and the participant there, who has to be the caller, and in it."""
        locus, one = self._in_call(call)
        if call.params["participant"] != one.id:
            raise CloudError(403, "everybody has media, hold and tones of his own only")
        return locus, one

    def _leg(self, record: Registration, request: Any) -> Leg:
        device_type = request.device_type or str(record.body.get("deviceType") or "WEB")
        return Leg(
            id=record.id,
            device_type=device_type[:64],
            correlation_id=request.correlation_id[:CORRELATION_CHARS_MAX],
            media_id=self._book.draw("media connection", record.id),
        )

    # -- answers ----------------------------------------------------------------------------------------------------------------------

    def _joined(self, locus: Locus, asked: Asked) -> Answer:
        """Answer a call or a join, with the answer to the media that came with it; clients may come muted."""
        self._note(locus, asked.record, asked.request)
        self._board.watch(asked.record.id)
        me = locus.of_user(asked.user.id)
        if me is not None and me.state is State.JOINED:
            audio, video = asked.mutes
            muted = {"audio_muted": bool(audio) or me.audio_muted, "video_muted": bool(video) or me.video_muted}
            if (muted["audio_muted"], muted["video_muted"]) != (me.audio_muted, me.video_muted):
                locus = self._board.commit(locus.with_change(me.id, **muted), events.PARTICIPANT_UPDATED)
        return self._answer(locus, asked.user, asked.record, asked.remote)

    def _note(self, locus: Locus, record: Registration, request: Any) -> None:
        self._book.note_client(locus.id, record.id, takes_deltas=request.takes_deltas)

    def _answer(self, locus: Locus, user: User, record: Registration | None, remote: SdpText | None = None) -> Answer:
        view = self._view(user, record)
        connections = self._connections(locus, user, record, remote)
        return Answer(JoinAnswer(locus=locus_dto(locus, view), media_connections=connections).to_wire())

    def _view(self, user: User, record: Registration | None) -> View:
        registrations = self._board.wdm.of_user(user.id)
        known = record or (registrations[-1] if registrations else None)
        origin = self._board.wdm.origin(known) if known is not None else self._platform.hosts.origin("https", "")
        return self._book.view(user.id, record, origin)

    def _connections(
        self, locus: Locus, user: User, record: Registration | None, remote: SdpText | None
    ) -> tuple[ConnectionAnswer, ...]:
        """Return a media connection for each device of self, in the order of the DTO: the asking one first."""
        me = locus.of_user(user.id)
        legs = me.legs if me is not None else ()
        own = record.id if record is not None else ""
        ordered = [*(leg for leg in legs if leg.id == own), *(leg for leg in legs if leg.id != own)]
        text = remote.text() if remote is not None else None
        return tuple(
            ConnectionAnswer(
                media_id=leg.media_id or leg.id,
                remote_sdp=text if leg.id == own else None,
                media_agent_alias=media.MEDIA_AGENT,
            )
            for leg in ordered
        )


def _read(call: Call, kind: type[B]) -> B:
    raw = call.read(dict[str, Any]) if call.body else {}
    try:
        return requests.parse_request(raw, kind)
    except RemoteProtocolError as error:
        raise BadRequest(f"{error.where}: {error.rule}") from None


def _local(request: requests.JoinRequest | requests.MediaRequest) -> tuple[SdpText, ...]:
    try:
        return request.local_sdps()
    except RemoteProtocolError as error:
        raise BadRequest(f"{error.where}: {error.rule}") from None


def _no_call() -> CloudError:
    return NotFound("there is no such call", "2404001")


def _nobody(target: Nobody) -> CloudError:
    if target.is_malformed:
        return CloudError(400, "this is no address", str(errors.BAD_INVITEE))
    return CloudError(404, "Cannot find the data", str(errors.MEETING_NOT_FOUND))
