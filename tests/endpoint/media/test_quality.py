"""How good a path is: when the device says so, and what it does with the rate of video."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from endpoint.media.quality import GOOD, LOOKS, RATE_MIN, Conditions, Quality
from endpoint.media.session import WATCH_S
from endpoint.runtime.faults import Between
from tests.endpoint.media.media_world import MediaWorld, play

BAD = Conditions(loss=8.0)
LATE = Conditions(jitter_ms=80)
AGREED = 6000


def test_one_bad_look_is_no_bad_path() -> None:
    quality = Quality()
    assert [quality.look(now) for now in (BAD, GOOD, BAD, GOOD)] == [False] * 4
    assert not quality.is_poor


def test_a_path_is_poor_and_good_again_after_looks_that_agree() -> None:
    quality = Quality()
    assert [quality.look(BAD) for _ in range(LOOKS + 1)] == [False] * (LOOKS - 1) + [True, False]
    assert quality.is_poor
    assert [quality.look(GOOD) for _ in range(LOOKS + 1)] == [False] * (LOOKS - 1) + [True, False]
    assert not quality.is_poor


def test_video_is_halved_down_to_a_floor_and_doubled_up_to_what_was_agreed() -> None:
    quality = Quality(is_poor=True)
    assert [quality.adapt(BAD, AGREED) for _ in range(5)] == [(6000, 3000), (3000, 1500), (1500, 750), (750, 384), None]
    quality.is_poor = False
    assert [quality.adapt(GOOD, AGREED) for _ in range(5)] == [
        (384, 768),
        (768, 1536),
        (1536, 3072),
        (3072, 6000),
        None,
    ]
    assert quality.rate is None


def test_jitter_alone_is_poor_and_takes_no_rate() -> None:
    quality = Quality()
    assert [quality.look(LATE) for _ in range(LOOKS)][-1]
    assert quality.adapt(LATE, AGREED) is None


@given(st.integers(1, 20_000), st.lists(st.builds(Conditions, st.floats(0, 100), st.integers(0, 500)), max_size=40))
def test_the_rate_stays_between_floor_and_agreement(agreed: int, course: list[Conditions]) -> None:
    quality = Quality()
    for now in course:
        quality.look(now)
        quality.adapt(now, agreed)
        assert quality.rate is None or min(RATE_MIN, agreed) <= quality.rate < agreed


def test_a_call_on_a_bad_path_says_so_once_and_takes_it_back_when_it_ends() -> None:
    told: list[Conditions | None] = []

    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        judged = session.on_quality

        def on_quality(now: Conditions | None) -> None:
            told.append(now)
            judged(now)

        session.on_quality = on_quality
        stage.arm("loss", "media", "loss", percent=8.0, draws=stage.world.chance.stream("test"))
        stage.arm("late", "media", "jitter", params={"by": 0.1})
        await stage.clock.sleep(WATCH_S * 10)
        video = next(one for one in session.stats().streams if (one.media_type, one.direction) == ("video", "transmit"))
        audio = next(one for one in session.stats().streams if (one.media_type, one.direction) == ("audio", "receive"))
        assert video.rate == RATE_MIN
        assert audio.lost > 0
        assert audio.jitter_ms >= 100
        session.close()

    stage = play(story)
    assert [one and (round(one.loss, 3), one.jitter_ms) for one in told] == [(8.0, 100), None]
    assert next(line for line in stage.texts if "rate adapt" in line) == (
        "Wx2Call[3]: rate adapt p=2 video 6000000 -> 3000000 bit/s loss=8%"
    )
    assert all(fault.used for fault in stage.world.faults.armed)


def test_jitter_that_is_drawn_is_another_one_each_time() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        stage.arm("late", "media", "jitter", params={"by": Between(0.1, 0.3)}, draws=stage.world.chance.stream("test"))
        found = set()
        for _ in range(20):
            await stage.clock.sleep(WATCH_S)
            found |= {one.jitter_ms for one in session.stats().streams if one.direction == "receive"}
        assert len(found) > 10
        assert all(100 <= jitter_ms <= 310 for jitter_ms in found)
        session.close()

    play(story)


def test_all_packets_lost_is_a_path_that_is_lost() -> None:
    async def story(stage: MediaWorld) -> None:
        session, _ = await stage.connected()
        stage.arm("all", "media", "loss")
        await stage.clock.sleep(30)
        assert stage.lost_s
        session.close()

    play(story)
