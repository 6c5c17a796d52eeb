"""Whatever the cloud says of calls: understood, or dropped in words; a call goes on, or ends once."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoint.wire.callcontrol import Leads
from tests.endpoint.cloud.calls.ground import LOCUS, Stage, dial, play
from tests.endpoint.cloud.scripted import Asked, Reply

JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**70,
        1.5,
        "",
        "JOINED",
        "LEFT",
        "INACTIVE",
        "\x00",
        "http://[",
        f"{LOCUS}/loci/other",
        [],
        [None],
        {},
        {"a": 1},
    ]
)
KINDS = st.sampled_from(
    ["participant_joined", "difference", "self_changed", "message.roap", "message.dtmf", "state_message", "new_one"]
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every member of decoded JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inner for place in ((*path, key), *_places(one, (*path, key)))]


def _broken(value: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """Return decoded JSON with another value at a place."""
    whole = copy.deepcopy(value)
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    return whole


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_events_that_are_wrong_somewhere(data: st.DataObject) -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.person(2)
        await stage.rings()
        for _ in range(data.draw(st.integers(1, 6))):
            stage.loci.step(locus)
            told = dict(locus)
            if data.draw(st.booleans()):
                told["baseSequence"] = {**locus["sequence"], "entries": locus["sequence"]["entries"][:-1]}
            message = {"seq": 1, "messageType": "ANSWER", "sdps": ["v=0"], "tones": "1"}
            event = {"locusUrl": locus["url"], "locus": told, "message": message}
            broken = _broken(event, data.draw(st.sampled_from(_places(event))), data.draw(JUNK))
            await stage.cloud.peer.event(f"locus.{data.draw(KINDS)}", **broken)
            await stage.settle(data.draw(st.sampled_from([0.0, 1.0, 20.0])))
        stage.line.leave(2)
        stage.line.leave(51)
        await stage.settle(150)
        assert not stage.line.calls
        assert all(len(ends) == 1 for ends in stage.ear.ends.values())

    play(story)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_answers_that_are_wrong_somewhere(data: st.DataObject) -> None:
    async def story(stage: Stage) -> None:
        def answer(asked: Asked) -> Reply:
            body = stage.loci.answer(asked).body
            places = _places(body)
            return Reply(body=_broken(body, data.draw(st.sampled_from(places)), data.draw(JUNK)))

        path = data.draw(st.sampled_from(["/loci/call", "/media", "/hold", "/leave", "/v1/loci"]))
        for method in ("GET", "POST", "PUT"):
            stage.cloud.on(method, path, answer)
        stage.line.place(2, dial("123456789", Leads.MEETING))
        await stage.settle(1)
        await stage.line.hold(2, True)
        await stage.cloud.peer.cut()
        await stage.settle(20)
        stage.line.leave(2)
        await stage.settle(150)
        assert not stage.line.calls
        assert len(stage.ear.ends[2]) == 1

    play(story)
