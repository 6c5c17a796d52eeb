from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.dto import (
    Delta,
    FullState,
    Locus,
    LocusState,
    LocusType,
    Participant,
    Reason,
    State,
    locus_id,
    parse_delta,
    parse_locus,
)
from endpoint.wire.locus.merge import merge
from endpoint.wire.locus.sequence import NONE, Sequence
from tests.endpoint.wire.locus.samples import CORRELATION, DELTA, DEVICE, DTO, LOCUS, SELF
from tests.endpoint.wire.nearly import json_values, nearly

RICH: dict[str, Any] = {
    **DTO,
    "fullState": {**DTO["fullState"], "type": "MEETING", "count": 3},
    "host": {"id": "h", "name": "Host"},
    "participants": [
        {**SELF, "held": True},
        {
            "url": f"{LOCUS}/participant/bb",
            "id": "bb",
            "state": "IDLE",
            "devices": [{"url": "http://d.test/2", "state": "IDLE", "intent": {"type": "WAIT"}}],
            "controls": {
                "role": {"roles": [{"type": "COHOST", "hasRole": True}, {"type": "MODERATOR", "hasRole": False}]},
                "hand": {"raised": True},
            },
        },
        {
            "url": f"{LOCUS}/participant/cc",
            "id": "cc",
            "state": "DECLINED",
            "reason": "BUSY",
            "gatewayCause": {"code": 486, "text": "Busy here", "type": "RemoteBusy", "origin": "SIP", "value": 17},
        },
    ],
    "mediaShares": [
        {"name": "whiteboard", "url": f"{LOCUS}/mediashares/1", "floor": {"disposition": "RELEASED"}},
        {
            "name": "content",
            "url": f"{LOCUS}/mediashares/0",
            "floor": {"disposition": "GRANTED", "beneficiary": {"id": "bb", "devices": [{"url": "http://d.test/2"}]}},
        },
    ],
    "controls": {
        "lock": {"locked": True},
        "record": {"recording": True, "paused": True},
        "disallowUnmute": {"enabled": True},
    },
    "replaces": [{"locusUrl": "http://127.0.0.1:8080/locus/api/v1/loci/old"}],
}


def test_the_worked_example() -> None:
    locus = parse_locus(DTO)
    assert (locus.id, locus.is_meeting, locus.base_sequence) == ("9efe87fb-557a-4679-8212-7803fdfbedb6", False, None)
    assert locus.sequence == Sequence((1795199210021001,))
    assert locus.full_state.state is LocusState.ACTIVE
    assert locus.me == locus.participants[0] == locus.participant("7cfc97f3")
    assert locus.others == ()
    device = locus.own_device(DEVICE)
    assert device is not None
    assert (device.state, device.correlation_id, device.keep_alive_secs) == (State.JOINED, CORRELATION, 300)
    assert locus.own_device("http://d.test/other") is None
    share = locus.share()
    assert share is not None
    assert share.holder is None


def test_a_meeting_with_everything_in_it() -> None:
    locus = parse_locus(RICH)
    _, waiting, gone = locus.participants
    assert locus.others == (waiting, gone)
    assert (waiting.is_in_lobby, waiting.has_role("COHOST"), waiting.has_role("MODERATOR")) == (True, True, False)
    assert (gone.state, gone.reason, gone.is_in_lobby) == (State.DECLINED, Reason.BUSY, False)
    assert gone.gateway_cause is not None
    assert (gone.gateway_cause.code, gone.gateway_cause.type) == (486, "RemoteBusy")
    share = locus.share()
    assert share is not None
    assert share.holder is not None
    assert share.holder.id == "bb"
    assert (locus.controls.lock.locked, locus.controls.record.paused, locus.controls.disallow_unmute.enabled) == (
        True,
    ) * 3
    assert locus.replaces[-1].locus_url.endswith("/old")


@pytest.mark.parametrize("dto", [DTO, RICH])
def test_what_is_read_is_written_again(dto: dict[str, Any]) -> None:
    locus = parse_locus(dto)
    wire = json.loads(json.dumps(locus.to_wire()))
    assert parse_locus(wire) == locus
    assert wire.keys() <= dto.keys()


def test_what_clients_test_for_is_written_even_when_it_is_false() -> None:
    bare = Locus(
        url=LOCUS, full_state=FullState(last_active="x"), participants=(Participant(url=f"{LOCUS}/participant/1"),)
    )
    wire = bare.to_wire()
    assert wire["sequence"] == {"entries": [], "rangeStart": 0, "rangeEnd": 0}
    assert wire["fullState"] == {
        "active": False, "count": 0, "locked": False, "state": "ACTIVE", "type": "UNKNOWN", "lastActive": "x",
    }  # fmt: skip
    assert wire["participants"] == [{"url": f"{LOCUS}/participant/1", "state": "IDLE", "type": "USER"}]
    assert Locus(url=LOCUS).to_wire()["participants"] == []


def test_null_reads_as_absent_at_any_depth_and_unknown_members_are_passed_over() -> None:
    holes: dict[str, Any] = copy.deepcopy(DTO)
    holes |= {
        "info": None,
        "host": None,
        "self": {**SELF, "status": None, "guest": None, "x": {"y": 1}},
        "zone": [None],
    }
    holes["controls"] = {"lock": {"locked": None}, "record": None}
    locus = parse_locus(holes)
    assert locus.info == parse_locus({"url": LOCUS}).info
    assert locus.me is not None
    assert locus.me.status.audio_status == ""
    assert not locus.controls.lock.locked
    device = locus.own_device(DEVICE)
    assert device is not None
    assert device.intents == (None,)  # a place of a list stays


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"url": None}, "locus.url"),
        ({"url": "ftp://x.test/1"}, "locus.url"),
        ({"url": "9efe"}, "locus.url"),
        ({"url": 5}, "locus.url"),
        ({"self": {**SELF, "state": "LEAVING"}}, "locus.self.state"),
        ({"self": {**SELF, "url": ""}}, "locus.self.url"),
        ({"participants": [{"id": "1"}]}, "locus.participants[0]"),
        ({"participants": [None]}, "locus.participants[0]"),
        ({"fullState": {"state": "PAUSED"}}, "locus.fullState.state"),
        ({"fullState": {"count": "1"}}, "locus.fullState.count"),
        ({"sequence": {"entries": [1]}}, "locus.sequence.rangeStart"),
        ({"baseSequence": {"entries": [1]}}, "locus.baseSequence.rangeStart"),
    ],
)
def test_what_breaks_a_rule_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_locus({**DTO, **change})
    assert caught.value.where == where


def test_an_unknown_type_of_locus_is_read() -> None:
    assert parse_locus({**DTO, "fullState": {"type": "HOLOGRAM"}}).full_state.type is LocusType.UNKNOWN


@pytest.mark.parametrize(
    ("state", "kind", "removed", "expected"),
    [
        ("INACTIVE", "CALL", False, True),
        ("TERMINATING", "CALL", False, False),
        ("TERMINATING", "MEETING", False, True),
        ("INACTIVE", "MEETING", False, True),
        ("INITIALIZING", "MEETING", False, False),
        ("ACTIVE", "MEETING", True, True),
    ],
)
def test_when_a_locus_is_over(state: str, kind: str, removed: bool, expected: bool) -> None:
    full = FullState(state=LocusState(state), type=LocusType(kind), removed=removed)
    assert full.is_over is expected


@pytest.mark.parametrize(("url", "expected"), [(LOCUS, LOCUS[-36:]), (LOCUS + "/", LOCUS[-36:]), ("", "")])
def test_the_id_of_a_locus(url: str, expected: str) -> None:
    assert locus_id(url) == expected


# ---- deltas ----


def test_the_worked_delta() -> None:
    delta = parse_delta(DELTA)
    assert (delta.url, delta.base.entries, delta.sequence.entries[1:]) == (
        LOCUS,
        (1795199210021001,),
        (1795199210021002,),
    )
    merged = parse_locus(DTO).merged(delta)
    assert [one.id for one in merged.participants] == ["7cfc97f3", "bb"]
    assert merged.sync_url.endswith("since=1795199210021002")
    assert merged.sequence == delta.sequence
    assert merged.full_state == parse_locus(DTO).full_state


def test_a_delta_may_leave_out_url_and_sequence() -> None:
    delta = parse_delta({"baseSequence": DELTA["baseSequence"], "participants": []})
    assert (delta.url, delta.sequence, dict(delta.changes)) == ("", NONE, {"participants": ()})
    assert parse_locus(DTO).merged(delta) == parse_locus(DTO)


@pytest.mark.parametrize("raw", [DTO, {**DELTA, "baseSequence": None}, None, []])
def test_a_delta_without_base_is_none(raw: object) -> None:
    with pytest.raises(RemoteProtocolError, match=r"locus\.baseSequence"):
        parse_delta(raw)


@given(nearly(DTO) | nearly(RICH) | json_values)
def test_anything_is_a_locus_or_refused(raw: Any) -> None:
    try:
        locus = parse_locus(raw)
    except RemoteProtocolError:
        return
    assert parse_locus(json.loads(json.dumps(locus.to_wire()))) == locus


@given(nearly(RICH), nearly(DELTA) | nearly({**RICH, "baseSequence": DTO["sequence"]}) | json_values)
def test_merging_what_was_read_is_reading_what_was_merged(raw: Any, raw_delta: Any) -> None:
    try:
        locus, delta = parse_locus(raw), parse_delta(raw_delta)
    except RemoteProtocolError:
        return
    assert isinstance(delta, Delta)
    # the raw form keeps the base that a whole locus came with out of the merged one
    merged = msgspec.structs.replace(locus.merged(delta), base_sequence=None)
    assert parse_locus(merge(raw, raw_delta)) == merged
