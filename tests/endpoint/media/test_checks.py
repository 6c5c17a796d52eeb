"""Which of several candidates is taken, whatever answers and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.media_node.responder import Behaviour, Conduct
from endpoint.media import checks
from endpoint.media.checks import CHECKS_MAX, PATIENCE_S, Race
from endpoint.runtime.tls import TlsClient
from endpoint.wire.calliope import Transport
from endpoint.wire.sdp import candidate
from tests.endpoint.media.media_world import AUTHORITY, HOST, MediaWorld, play

ALL = tuple(candidate(one, HOST, 443 if one is Transport.XTLS else 5004) for one in Transport)
BEHAVIOURS = st.sampled_from([*Behaviour])
ANSWERING = (Behaviour.HEALTHY, Behaviour.SLOW)


def _race(stage: MediaWorld, *hopeless: Transport) -> Race:
    return Race(stage.world, ALL, stage.world.chance.stream("ids"), tls=TlsClient((AUTHORITY.pem,)), hopeless=hopeless)


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(Transport, BEHAVIOURS)), st.sets(st.sampled_from(Transport)))
def test_the_best_that_answers_in_time_is_taken(behaves: dict[Transport, Behaviour], hopeless: set[Transport]) -> None:
    async def story(stage: MediaWorld) -> None:
        path = await _race(stage, *hopeless).run()
        answering = [one for one in Transport if behaves[one] in ANSWERING]
        if not answering:
            assert path is None
            return
        assert path is not None
        taken = path.candidate.transport
        assert taken in answering
        better = [one for one in answering if one.number < taken.number]
        assert all(behaves[one] is Behaviour.SLOW for one in better), "only what is late is passed over"
        assert stage.clock.time() <= 10.0

    play(story, conduct=behaves)


def test_a_better_path_that_comes_in_time_wins() -> None:
    async def story(stage: MediaWorld) -> None:
        slow = Conduct(Behaviour.SLOW, 0.025, slow_s=PATIENCE_S - 0.5)
        stage.fleet.set_conduct(f"{HOST}:5004/udp", slow)
        path = await _race(stage).run()
        assert path is not None
        assert path.candidate.transport is Transport.UDP

    play(story)


def test_a_race_that_is_ended_ends_at_once_and_leaves_nothing() -> None:
    async def story(stage: MediaWorld) -> None:
        race = _race(stage)
        running = asyncio.ensure_future(race.run())
        await stage.clock.sleep(0.001)
        race.end()
        assert await running is None
        assert stage.clock.time() < 0.01
        assert asyncio.all_tasks() == {asyncio.current_task()}

    play(story)


def test_a_far_end_cannot_have_the_device_check_the_whole_world() -> None:
    async def story(stage: MediaWorld) -> None:
        many = [replace(ALL[0], port=port, priority=port) for port in range(1, 65)]
        race = Race(stage.world, many, stage.world.chance.stream("ids"), tls=None)
        assert race.tried == CHECKS_MAX
        assert await race.run() is None

    play(story)


def test_without_candidates_there_is_no_path() -> None:
    async def story(stage: MediaWorld) -> None:
        race = Race(stage.world, (), stage.world.chance.stream("ids"), tls=None)
        assert await race.run() is None
        assert stage.clock.time() == 0.0

    play(story)


def test_a_defect_of_a_check_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    async def story(stage: MediaWorld) -> None:
        monkeypatch.setattr(checks, "check", fails)
        with pytest.raises(ZeroDivisionError):
            await _race(stage).run()

    play(story)
