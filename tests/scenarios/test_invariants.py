"""The rules of a swarm: what they notice, each on a small case."""

from __future__ import annotations

import asyncio

import pytest

from endpoint.runtime.tasks import Tasks
from endpoint.runtime.virtual import VirtualLoop, run
from scenarios.runner.chaos import invariants
from scenarios.runner.chaos.invariants import Meter, leftovers
from tests.endpoint.runtime.ground import Ear


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def _nothing() -> None:
    """Be planned."""


def test_what_is_left_behind_is_named() -> None:
    async def main() -> None:
        assert leftovers() == []
        network = _loop().network
        server = network.listen(Ear, "127.0.0.1", 4000, None)
        datagrams, _ = network.bind(Ear, ("127.0.0.1", 4001), None)
        stream, _ = await network.connect(Ear, "127.0.0.1", 4000, None, None)
        timer = _loop().call_later(5, Tasks().cancel)
        assert leftovers() == [
            "a listener on 127.0.0.1:4000",
            "a datagram socket on 127.0.0.1:4001",
            "a stream of Ear",
            "a stream of Ear",
            "a timer of Tasks.cancel",
        ]
        for one in (server, datagrams, stream):
            one.close()
        timer.cancel()
        await asyncio.sleep(1)
        assert leftovers() == []

    run(main)


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        ("STREAMS_PER_DEVICE", "3 streams were open at once; 2 are allowed"),
        ("TIMERS_PER_DEVICE", "3 timers are planned; 2 are allowed"),
        ("UNREAD_MAX", "3 bytes wait at one end of a stream; 2 are allowed"),
    ],
)
def test_what_is_more_than_it_may_be_is_told(bound: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        network, meter = _loop().network, Meter(devices=1)
        ears: list[Ear] = []

        def accept() -> Ear:
            ears.append(Ear())
            return ears[-1]

        server = network.listen(accept, "127.0.0.1", 0, None)
        near = [(await network.connect(Ear, *server.address, None, None))[1] for _ in range(3)]
        meter.look()
        await asyncio.sleep(0)
        ears[0].transport.pause_reading()
        near[0].transport.write(b"abc")  # type: ignore[attr-defined]  # an Ear
        for second in range(3):
            _loop().call_later(second + 1, _nothing)
        assert list(meter.violations()) == []
        monkeypatch.setattr(invariants, bound, 2)
        assert list(meter.violations()) == [told]
        for one in near[1:]:
            one.transport.close()  # type: ignore[attr-defined]  # an Ear
        await asyncio.sleep(0.5)
        meter.look()
        assert list(meter.violations()) == [told], "what was too much at one event is not forgotten"

    run(main)
