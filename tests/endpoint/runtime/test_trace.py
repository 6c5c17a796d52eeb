"""The history: what an event looks like, that no secret gets into it, its bounds, its canonical order and hash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime import trace as trace_module
from endpoint.runtime.clock import Clock
from endpoint.runtime.trace import Event, NullTrace, Trace, canonical, header, trace_hash
from endpoint.runtime.virtual import run
from endpoint.wire.secret import AccessToken, RefreshToken, Secret
from tests.endpoint.runtime.ground import START, Ground


def _told(tell: Callable[[Trace], object], **how: Any) -> Trace:
    async def main() -> Trace:
        trace = Trace(Ground().clock, **how)
        tell(trace)
        return trace

    return run(main)


def _data(**data: Any) -> Any:
    """Return the data of an event as the trace holds it."""
    return _told(lambda trace: trace.event("device:a", "log", data=data)).events[0].data


# -- the shape of an event --


SENT = (
    '{"n":1,"t":84500000,"at":"2026-03-02T08:51:24.500Z","who":"device:room","kind":"ws.open","peer":"cloud:mercury",'
    '"id":"c7","step":8,"data":{"status":101}}'
)
RECEIVED = (
    '{"n":2,"t":84502000,"at":"2026-03-02T08:51:24.502Z","who":"cloud:mercury","kind":"ws.open","peer":"device:room",'
    '"id":"c7","cause":1,"step":8,"data":{"status":101},"label":"observed"}'
)
BARE = '{"n":3,"t":84502000,"at":"2026-03-02T08:51:24.502Z","who":"runner","kind":"step.ended"}'


def test_an_event_prints_as_the_format_says() -> None:
    async def main() -> list[str]:
        ground = Ground()
        await ground.clock.sleep(84.5)
        trace, data = ground.trace, {"status": 101}
        trace.step = 8
        n = trace.event("device:room", "ws.open", peer="cloud:mercury", id="c7", data=data)
        await ground.clock.sleep(0.002)
        trace.event("cloud:mercury", "ws.open", peer="device:room", id="c7", cause=n, data=data, label="observed")
        trace.step = None
        trace.event("runner", "step.ended")
        return [event.as_json() for event in trace.events]

    assert run(main) == [SENT, RECEIVED, BARE]


def test_the_header_names_the_run() -> None:
    line = header(scenario="größe.yaml", sha256="ab", seed=7, mode="virtual", start=START, versions={"python": "3.11"})
    assert line == (
        '{"roomsim_trace":"1.2","scenario":"größe.yaml","sha256":"ab","seed":7,"mode":"virtual","network":"memory",'
        '"start":"2026-03-02T08:50:00.000Z","versions":{"python":"3.11"}}'
    )
    other = header(scenario="", sha256="", seed=0, mode="wire", start=START, versions={})
    assert json.loads(other)["network"] == "loopback"


def test_each_actor_is_stamped_with_its_own_wall_clock() -> None:
    async def main() -> None:
        ground = Ground()
        wrong = Clock(ground.clock.source, skew=timedelta(days=-365))
        ground.trace.use_clock("device:room", wrong)
        await ground.clock.sleep(1)
        ground.trace.event("device:room", "log")
        ground.trace.event("device:other", "log")
        mine, others = ground.trace.events
        assert (mine.t, mine.at) == (1_000_000, "2025-03-02T08:50:01.000Z")
        assert (others.t, others.at) == (1_000_000, "2026-03-02T08:50:01.000Z")

    run(main)


class Colour(Enum):
    """A value of some package's own."""

    RED = "red"


class Word(str):
    """A text of some package's own."""


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        (None, None),
        (True, True),
        (12, 12),
        ("text", "text"),
        (Word("text"), "text"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({1: {"b": 2}}, {"1": {"b": 2}}),
        (Colour.RED, "red"),
        (datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=1))), "2026-03-02T08:00:00.000Z"),
        (4.0, 4),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
        (0.1 + 0.2, "0.3"),
        (1e-9, "0"),
        (float("nan"), "nan"),
    ],
)
def test_data_is_kept_as_plain_json_without_floats(given_: Any, kept: Any) -> None:
    assert _data(value=given_) == {"value": kept}


@pytest.mark.parametrize("value", [b"raw key", bytearray(b"x"), {1, 2}, object(), ValueError("x"), START.date()])
def test_what_has_no_place_in_a_trace_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"a trace holds no {type(value).__name__}"):
        _data(nested=[{"deep": value}])


def test_what_is_changed_later_does_not_change_history() -> None:
    body: Any = {"items": [1, {"a": 1}]}
    trace = _told(lambda trace: trace.event("cloud:wdm", "http.request", data=body))
    body["items"][1]["a"] = 2
    body["items"].append(2)
    assert trace.events[0].data == {"items": [1, {"a": 1}]}
    with pytest.raises(AttributeError):
        trace.events[0].kind = "other"  # type: ignore[misc]  # frozen: that is the point


# -- secrets --


def test_secrets_show_as_their_kind_and_number_however_deep_they_lie() -> None:
    def tell(trace: Trace) -> None:
        trace.event("device:a", "x", data={"token": AccessToken("aaaa"), "list": [{"deep": (AccessToken("bbbb"),)}]})
        trace.event("cloud:wdm", "x", data={"token": AccessToken("aaaa"), "refresh": RefreshToken("aaaa")})
        trace.event("cloud:wdm", "x", data={"own": Secret("code", "cccc"), "again": Secret("access_token", "bbbb")})

    trace = _told(tell)
    assert [event.data for event in trace.events] == [
        {"token": "<access_token#1>", "list": [{"deep": ["<access_token#2>"]}]},
        {"token": "<access_token#1>", "refresh": "<refresh_token#1>"},
        {"own": "<code#1>", "again": "<access_token#2>"},
    ]


plain = st.none() | st.booleans() | st.integers() | st.text()
nested = st.recursive(
    plain | st.builds(lambda n: AccessToken(f"SECRET{n}"), st.integers(0, 9)),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(nested)
def test_no_secret_gets_into_a_trace(data: Any) -> None:
    trace = _told(lambda trace: trace.event("device:a", "x", data={"value": data, "text": f"{data}"}))
    event = trace.events[0]
    assert "SECRET" not in event.as_json() + repr(event)


def test_a_secret_as_a_key_is_hidden_too() -> None:
    assert _data(map={AccessToken("SECRET"): 1}) == {"map": {"<access_token>": 1}}


def test_forgotten_secrets_get_new_numbers() -> None:
    def tell(trace: Trace) -> None:
        trace.event("a", "x", data={"t": AccessToken("aaaa"), "r": RefreshToken("r")})
        trace.forget_secrets("access_token")
        trace.event("a", "x", data={"t": AccessToken("aaaa"), "r": RefreshToken("r")})

    assert [event.data["t"] for event in _told(tell).events] == ["<access_token#1>", "<access_token#2>"]
    assert [event.data["r"] for event in _told(tell).events] == ["<refresh_token#1>", "<refresh_token#1>"]


def test_remembered_secrets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "SECRETS_MAX", 3)
    shown = []

    def tell(trace: Trace) -> None:
        for value in ("a", "b", "c", "d", "d", "b", "a"):
            n = trace.event("x", "y", data={"t": AccessToken(value)})
            shown.append(trace.events[n - 1].data["t"].strip("<>").partition("#")[2])

    _told(tell)
    assert shown == ["1", "2", "3", "4", "4", "2", "5"]  # the first was forgotten when the fourth came


# -- readers and bounds --


def test_readers_see_later_events_until_they_end_it() -> None:
    seen: list[str] = []

    def tell(trace: Trace) -> None:
        trace.event("a", "before")
        end = trace.subscribe(lambda event: seen.append(event.kind))
        trace.event("a", "during")
        end()
        end()
        trace.event("a", "after")

    _told(tell)
    assert seen == ["during"]


def test_all_readers_see_one_order_though_a_reader_appends() -> None:
    first: list[int] = []
    second: list[int] = []

    def tell(trace: Trace) -> None:
        def answer(event: Event) -> None:
            first.append(event.n)
            if event.kind == "question":
                trace.event("b", "answer", cause=event.n)

        trace.subscribe(answer)
        trace.subscribe(lambda event: second.append(event.n))
        trace.event("a", "question")
        trace.event("a", "question")

    _told(tell)
    assert first == second == [1, 2, 3, 4]


def test_a_reader_that_fails_fails_the_writer_and_nothing_later() -> None:
    seen: list[int] = []

    def tell(trace: Trace) -> None:
        end = trace.subscribe(lambda event: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trace.event("a", "x")
        end()
        trace.subscribe(lambda event: seen.append(event.n))
        trace.event("a", "y")

    _told(tell)
    assert seen == [2]


def test_old_events_leave_and_are_counted() -> None:
    trace = _told(lambda trace: [trace.event("a", "x") for _ in range(25)], events_max=10)
    assert [event.n for event in trace.events] == list(range(16, 26))
    assert trace.dropped == 15


def test_a_null_trace_counts_and_keeps_nothing() -> None:
    async def main() -> None:
        trace = NullTrace(Ground().clock)
        assert [trace.event("a", "x", data={"any": b"thing"}) for _ in range(3)] == [1, 2, 3]
        assert (list(trace.events), trace.dropped) == ([], 3)

    run(main)


def test_what_led_here_follows_the_task_and_its_timers() -> None:
    async def main() -> None:
        ground = Ground()
        trace, clock = ground.trace, ground.clock

        async def work(name: str, cause: int | None) -> None:
            trace.led_to_by(cause)
            await clock.sleep(1)
            trace.event(name, "done")
            clock.call_later(1, trace.event, name, "later")

        root = trace.event("world", "start")
        await asyncio.gather(work("a", root), work("b", None))
        await clock.sleep(2)
        trace.event("world", "end", cause=2)
        assert [(event.who, event.cause) for event in trace.events] == [
            ("world", None), ("a", 1), ("b", None), ("a", 1), ("b", None), ("world", 2)
        ]  # fmt: skip

    run(main)


# -- canonical order --


def _event(n: int, t: int, who: str, **more: Any) -> Event:
    fields: dict[str, Any] = {"peer": None, "id": None, "cause": None, "step": None, "data": {}, "label": None, **more}
    return Event(n=n, t=t, at="2026-03-02T08:50:00.000Z", who=who, kind="x", **fields)


def test_canonical_order_is_time_then_actor_then_the_actor_s_own() -> None:
    events = [_event(1, 5, "b"), _event(2, 5, "a"), _event(3, 0, "c"), _event(4, 5, "a")]
    assert [event.n for event in canonical(events)] == [3, 2, 4, 1]


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.data())
def test_the_hash_does_not_depend_on_how_actors_were_interleaved(who: list[str], data: st.DataObject) -> None:
    """Each actor does things in its own order; each thing was caused by what its neighbour in the list did."""
    things = list(enumerate(who))

    def play(order: list[str]) -> list[Event]:
        own = {name: iter([thing for thing in things if thing[1] == name]) for name in who}
        played = [next(own[name]) for name in order]
        ordinal = {thing: n for n, thing in enumerate(played, 1)}
        causes = {thing: ordinal.get(things[thing[0] - 1]) if thing[0] else None for thing in played}
        return [_event(ordinal[thing], 7, thing[1], data={"i": thing[0]}, cause=causes[thing]) for thing in played]

    assert trace_hash(play(who)) == trace_hash(play(data.draw(st.permutations(who))))


@pytest.mark.parametrize(
    "other",
    [
        _event(1, 6, "a", data={"v": 1}),
        _event(1, 5, "b", data={"v": 1}),
        _event(1, 5, "a", data={"v": 2}),
        _event(1, 5, "a", data={"v": "1"}),
        _event(1, 5, "a", data={"v": 1}, peer="b"),
        _event(1, 5, "a", data={"v": 1}, id="c7"),
        _event(1, 5, "a", data={"v": 1}, step=1),
        _event(1, 5, "a", data={"v": 1}, label="ours"),
    ],
)
def test_the_hash_depends_on_everything_else(other: Event) -> None:
    assert trace_hash([_event(1, 5, "a", data={"v": 1})]) != trace_hash([other])


def test_the_hash_knows_no_order_of_keys_and_no_ordinals() -> None:
    one, other = _event(1, 5, "a", data={"x": 1, "y": 2}), _event(9, 5, "a", data={"y": 2, "x": 1})
    assert trace_hash([one]) == trace_hash([other])
    assert trace_hash([]) == trace_hash(iter(()))


def test_half_a_character_of_a_broken_peer_is_written_as_an_escape() -> None:
    event = _event(1, 5, "a", data={"header": "x\udcff"})
    assert json.loads(event.as_json())["data"] == {"header": "x\udcff"}
    event.as_json().encode()
    assert len(trace_hash([event])) == 64


def test_the_zone_of_the_machine_is_nowhere() -> None:
    assert START.tzinfo is UTC
    assert _told(lambda trace: trace.event("a", "x")).events[0].at.endswith("Z")
