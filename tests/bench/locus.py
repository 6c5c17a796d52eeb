"""Events through the Locus machine: from the text of the frame to the new view, beside what it takes to read their JSON."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import msgspec

from endpoint.cloud.calls.replica import Replica
from endpoint.runtime.clock import cpu_seconds
from endpoint.wire.locus import events
from endpoint.wire.locus.events import parse_locus_event
from endpoint.wire.locus.merge import difference
from endpoint.wire.locus.sequence import NONE
from endpoint.wire.mercury import Event, parse_frame

ROUNDS: Final = 5
COUNT: Final = 2_000
ENTRIES_MAX: Final = 10
SMALL, LARGE = 3, 200
"""People in a call and in a large meeting."""
URL: Final = "https://locus.stub.test/locus/api/v1/loci/9efe87fb-557a-4679-8212-7803fdfbedb6"


def measure() -> list[str]:
    """Measure deltas in and out of order, and whole loci."""
    return [line for people in (SMALL, LARGE) for line in _sized(people)]


def _sized(people: int) -> list[str]:
    states = _states(people)
    deltas = [_frame(events.DIFFERENCE, difference(one, two)) for one, two in pairwise(states)]
    swapped = [deltas[n ^ 1] if n ^ 1 < len(deltas) else deltas[n] for n in range(len(deltas))]
    whole = [_frame(events.PARTICIPANT_UPDATED, state) for state in states[1:]][
        : COUNT if people == SMALL else COUNT // 10
    ]
    last = states[-1]["sequence"]["entries"][-1]

    def through(frames: list[bytes]) -> Callable[[], None]:
        def work() -> None:
            replica = Replica(URL)
            replica.take(states[0])
            for text in frames:
                frame = parse_frame(text)
                assert isinstance(frame, Event)
                event = parse_locus_event(frame.data)
                if event.raw_locus is not None:
                    replica.take(event.raw_locus)
            assert frames is whole or replica.sequence.last == last

        return work

    plain, mixed, full = (_rate(len(frames), through(frames)) for frames in (deltas, swapped, whole))
    bare = _rate(len(deltas), lambda: [msgspec.json.decode(text) for text in deltas])
    about = f"{people} people: {plain:,.0f} events/s, each two swapped {mixed:,.0f}/s"
    return [
        f"{about}   (deltas of {len(deltas[0]):,} bytes; their JSON alone {bare:,.0f}/s)",
        f"{people} people: {full:,.0f} events/s with the whole locus, {len(whole[0]):,} bytes",
    ]


def _states(people: int) -> list[dict[str, Any]]:
    """Build a meeting in which one after the other mutes and unmutes."""
    roster = [_participant(n) for n in range(people)]
    states: list[dict[str, Any]] = []
    sequence = NONE
    for n in range(COUNT + 1):
        sequence = sequence.advanced(1_795_199_210_021_001 + 1_000 * n, ENTRIES_MAX)
        at = n % people
        roster = list(roster)
        roster[at] = {**roster[at], "controls": {"audio": {"muted": n // people % 2 == 0}, "video": {"muted": False}}}
        states.append(
            {
                "url": URL,
                "fullState": {"active": True, "count": people, "locked": False, "state": "ACTIVE", "type": "MEETING"},
                "info": {"topic": "Weekly", "webExMeetingId": "25000000000", "sipUri": "25000000000@site.webex.test"},
                "self": roster[0],
                "participants": roster,
                "mediaShares": [{"name": "content", "url": f"{URL}/mediashares/0"}],
                "controls": {"lock": {"locked": False}},
                "sequence": sequence.as_wire(),
                "syncUrl": f"{URL}/sync?since={sequence.last}",
            }
        )
    return states


def _participant(n: int) -> dict[str, Any]:
    return {
        "url": f"{URL}/participant/{n:08}-e250-45e7-8f97-995a73e00a88",
        "id": f"{n:08}-e250-45e7-8f97-995a73e00a88",
        "state": "JOINED",
        "type": "USER",
        "person": {"id": f"person-{n}", "name": f"Person {n}", "orgId": "0a0b"},
        "devices": [
            {"url": f"https://wdm.stub.test/devices/{n}", "deviceType": "WEB", "state": "JOINED", "keepAliveSecs": 300}
        ],
        "status": {"audioStatus": "SENDRECV", "videoStatus": "SENDRECV", "csis": [n]},
        "controls": {"audio": {"muted": False}, "video": {"muted": False}},
    }


def _frame(kind: str, locus: dict[str, Any]) -> bytes:
    data = events.locus_event_data(kind, URL, locus)
    return msgspec.json.encode({"id": "15aa", "data": data, "timestamp": 1_795_198_460_846, "sequenceNumber": 1})


def _rate(count: int, work: Callable[[], object]) -> float:
    """Return events per second of processor time: the median of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        gc.collect()
        gc.freeze()  # the frames that wait are the bench's, not the machine's
        began = cpu_seconds()
        work()
        rates.append(count / (cpu_seconds() - began))
        gc.unfreeze()
    return statistics.median(rates)
