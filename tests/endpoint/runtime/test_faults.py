"""When faults bite: what they are aimed at, how often, how long."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance
from endpoint.runtime.faults import ACTIVE_MAX, HISTORY_MAX, Fault, Faults
from endpoint.runtime.virtual import run
from tests.endpoint.runtime.ground import Ground

ASKED = {"service": "wdm", "host": "wdm-a.wbx2.test", "port": 443, "method": "POST"}


@pytest.mark.parametrize(
    ("target", "bites"),
    [
        ({}, True),
        ({"service": "wdm"}, True),
        ({"service": "WDM"}, True),
        ({"service": "wdm", "method": "post"}, True),
        ({"service": "wdm", "method": "GET"}, False),
        ({"host": "wdm*"}, True),
        ({"host": "*.wbx2.test"}, True),
        ({"host": "*-A.*.test"}, True),
        ({"host": "*"}, True),
        ({"host": "u2c*"}, False),
        ({"host": "wdm-a.wbx2.tes?"}, False),
        ({"host": "wdm.a*"}, False),
        ({"port": 443}, True),
        ({"port": 80}, False),
        ({"port": "443"}, False),
        ({"service": ["u2c", "wdm"]}, True),
        ({"service": ("U2C", "W*")}, True),
        ({"service": []}, False),
        ({"port": [80, 443]}, True),
        ({"cluster": "*"}, False),
        ({"device": "device:room"}, False),
    ],
)
def test_a_fault_bites_where_everything_it_names_is_so(target: dict[str, Any], bites: bool) -> None:
    async def main() -> None:
        faults = Ground().faults
        fault = faults.arm(Fault("f", "http", "error", target))
        assert faults.hit("http", **ASKED) is (fault if bites else None)
        assert faults.hit("tcp", **ASKED) is None
        assert fault.used == bites

    run(main)


@given(st.text(max_size=20), st.text(max_size=20))
def test_only_the_star_is_special_in_a_target(wanted: str, got: str) -> None:
    fault = Fault("f", "http", "error", {"path": wanted})
    if "*" not in wanted:
        assert fault.aims_at({"path": got}) or wanted.lower() != got.lower()
    assert fault.aims_at({"path": wanted.replace("*", got)})


def test_nothing_armed_is_nothing_hit() -> None:
    async def main() -> None:
        ground = Ground()
        assert ground.faults.hit("http", **ASKED) is None
        assert ground.faults.armed == ()
        assert list(ground.trace.events) == []

    run(main)


def _bites(faults: Faults, times: int) -> list[bool]:
    return [faults.hit("http", **ASKED) is not None for _ in range(times)]


@pytest.mark.parametrize(
    ("how", "bites"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"count": 2}, [1, 1, 0, 0, 0]),
        ({"skip": 2}, [0, 0, 1, 1, 1]),
        ({"skip": 1, "count": 2}, [0, 1, 1, 0, 0]),
        ({"skip": 9}, [0, 0, 0, 0, 0]),
    ],
)
def test_skip_and_count(how: dict[str, Any], bites: list[int]) -> None:
    async def main() -> None:
        faults = Ground().faults
        fault = faults.arm(Fault("f", "http", "error", **how))
        assert _bites(faults, 5) == [bool(bite) for bite in bites]
        assert fault.used == sum(bites)
        assert (fault in faults.armed) == (how.get("count") is None)  # one that is used up is armed no longer

    run(main)


@pytest.mark.parametrize("percent", [0, 10, 50, 90, 100])
def test_a_share_is_drawn_from_the_fault_s_own_stream(percent: float) -> None:
    async def main() -> list[bool]:
        faults = Ground().faults
        draws = Chance(7).actor("world").stream("fault", "f")
        faults.arm(Fault("f", "http", "error", percent=percent, draws=draws))
        return _bites(faults, 2000)

    bites = run(main)
    assert bites == run(main)
    assert abs(Counter(bites)[True] - 20 * percent) < 70


def test_a_share_needs_a_stream() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="takes 30 percent and has no stream"):
            Ground().faults.arm(Fault("f", "http", "error", percent=30))

    run(main)


def test_a_fault_has_its_time() -> None:
    async def main() -> None:
        ground = Ground()
        ground.faults.arm(Fault("f", "http", "error", from_s=10, until_s=30))
        bites = []
        for _ in range(8):
            bites.append(_bites(ground.faults, 1)[0])
            await ground.clock.sleep(5)
        assert bites == [False, False, True, True, True, True, False, False]
        assert ground.faults.armed == ()
        assert ground.trace.events[-1].kind == "fault.healed"

    run(main)


def test_the_first_one_armed_wins_and_the_next_takes_over() -> None:
    async def main() -> None:
        faults = Ground().faults
        first = faults.arm(Fault("one", "http", "error", count=1))
        second = faults.arm(Fault("two", "http", "delay"))
        assert [faults.hit("http", **ASKED) for _ in range(2)] == [first, second]
        assert (first.used, second.used) == (1, 1)

    run(main)


def test_healing() -> None:
    async def main() -> None:
        ground = Ground()
        faults = ground.faults
        for name in "abc":
            faults.arm(Fault(name, "http", "error"))
        faults.heal("b")
        assert [fault.id for fault in faults.armed] == ["a", "c"]
        with pytest.raises(KeyError):
            faults.heal("b")
        faults.heal_all()
        faults.heal_all()
        assert faults.armed == ()
        assert [fault.id for fault in faults.history] == ["a", "b", "c"]
        faults.arm(Fault("b", "http", "error"))  # the name is free again
        kinds = Counter(event.kind for event in ground.trace.events)
        assert kinds == {"fault.armed": 4, "fault.healed": 3}

    run(main)


def test_names_and_numbers_of_faults_are_bounded() -> None:
    async def main() -> None:
        faults = Ground().faults
        faults.arm(Fault("f", "http", "error"))
        with pytest.raises(ValueError, match="'f' is armed already"):
            faults.arm(Fault("f", "tcp", "refuse"))
        for number in range(ACTIVE_MAX - 1):
            faults.arm(Fault(str(number), "http", "error"))
        with pytest.raises(ValueError, match=f"at most {ACTIVE_MAX} faults"):
            faults.arm(Fault("one too many", "http", "error"))
        faults.heal_all()
        for number in range(HISTORY_MAX):
            faults.arm(Fault(str(number), "http", "error"))
            faults.heal(str(number))
        assert len(faults.history) == HISTORY_MAX

    run(main)


def test_a_momentary_fault_is_carried_out_by_whoever_can() -> None:
    async def main() -> None:
        ground = Ground()
        done: list[str] = []

        def actor(name: str, does: str) -> None:
            def act(fault: Fault) -> bool:
                if fault.do == does:
                    done.append(name)
                return fault.do == does

            ground.faults.on_momentary(act)

        actor("device", "reset")
        actor("cloud", "reset")
        actor("cloud", "close")
        reset, nothing = Fault("1", "mercury", "reset"), Fault("2", "mercury", "explode")
        assert ground.faults.strike(reset) is True
        assert ground.faults.strike(nothing) is False
        assert done == ["device", "cloud"]
        assert (reset.used, nothing.used) == (2, 0)
        assert list(ground.faults.history) == [reset, nothing]
        assert [(event.kind, event.data["hit"]) for event in ground.trace.events] == [
            ("fault.struck", True),
            ("fault.struck", False),
        ]

    run(main)


def test_the_trace_tells_what_was_armed_and_what_bit() -> None:
    async def main() -> None:
        ground = Ground()
        ground.faults.arm(Fault("f", "http", "error", {"service": "wdm"}, {"status": 503, "retry_after": 1.5}))
        _bites(ground.faults, 2)
        assert [(event.who, event.kind, event.data) for event in ground.trace.events] == [
            ("world", "fault.armed",
             {"id": "f", "on": "http", "do": "error", "target": {"service": "wdm"}, "status": 503, "retry_after": "1.5"}),
            ("world", "fault.bit", {"id": "f", "on": "http", "do": "error", "nth": 1}),
            ("world", "fault.bit", {"id": "f", "on": "http", "do": "error", "nth": 2}),
        ]  # fmt: skip

    run(main)
