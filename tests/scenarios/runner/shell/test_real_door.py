"""The prompt at the device's real websocket, and its lines at the device's real shell grammar."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from shell_talk import Talk, talk_to

from endpoint.device.control import ControlDoor
from endpoint.device.device import Device
from endpoint.device.doors import Doors
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, SteppedTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.wire.xapi.shell import read_line
from endpoint.wire.xapi.terminal import quoted
from scenarios.runner.shell.lines import Call, parse_line

FREE = ("127.0.0.1", 0)


@asynccontextmanager
async def at_a_device(tmp_path: Path) -> AsyncIterator[tuple[Talk, Device]]:
    """A device that has no cloud, with its doors, and somebody at a prompt."""
    source = SteppedTime(asyncio.get_running_loop())
    clock = Clock(source)
    trace = Trace(clock)
    faults = Faults(clock, trace)
    device = Device(DeviceSettings(), source=source, chance=Chance(5), trace=trace, faults=faults, names=NameTable())
    device.doors = Doors({"https": FREE})
    door = ControlDoor(device, faults, source)
    await door.start(*FREE)
    await device.boot()
    passphrase = device.local.users.initial_passphrase
    assert passphrase is not None
    ready = {**device.doors.ready(), "control": door.url, "control_token": door.token.reveal(), "name": "room",
              "username": "admin", "password": passphrase.reveal()}  # fmt: skip
    file = tmp_path / "room.json"
    file.write_text(json.dumps(ready))
    try:
        async with talk_to(file) as talk:
            yield talk, device
    finally:
        await door.stop()
        await device.close()


def test_lines_at_the_real_websocket(tmp_path: Path) -> None:
    async def main() -> None:
        async with at_a_device(tmp_path) as (talk, _):
            assert await talk.good("xStatus Audio Volume") == ["*s Audio Volume: 50", "** end"]
            await talk.good("xFeedback Register /Status/Audio", "xFeedback Register /Configuration")
            await talk("xCommand Audio Volume Set Level: 31")
            await talk.session.settle()
            assert talk.said.out[:2] == ["*r VolumeSetResult (status=OK):", "** end"]
            assert "*s Audio Volume: 31" in talk.said.out
            assert (await talk.good("xConfiguration Audio DefaultVolume: 33"))[0] == "OK"
            out, advice = await talk.bad("xCommand Audio Volume Set Level: 131")
            assert out == ["*r VolumeSetResult (status=ParameterError):", "** end"]
            assert advice == "Level: 131 is outside 0..100"
            assert (await talk.bad("xConfiguration Audio DefaultVolume: 133"))[
                1
            ] == "Audio DefaultVolume takes <0..100>"
            assert (await talk.bad("xStatus Audo"))[1] == "Status has no 'Audo'; nearest: Audio"
            assert (await talk.bad("xCommand Audio Volume St Level: 3"))[
                1
            ] == "Command Audio Volume has no 'St'; nearest: Set"
            assert await talk.good("xStatus Call") == ["** end"]
            assert await talk.good("xFeedback DeregisterAll") == ["OK"]
            assert await talk.backend.elements(("Status", "Video", "Input", "Connector")) == [1, 2, 3, 4, 5]
            connectors = await talk.good("xStatus Video Input Connector Connected")
            assert connectors[0] == "*s Video Input Connector 1 Connected: True"
            assert "*s Audio Volume: 31" in await talk.good("xStatus //Vol")

    asyncio.run(main())


def test_restart_is_survived(tmp_path: Path) -> None:
    async def main() -> None:
        async with at_a_device(tmp_path) as (talk, device):
            assert (await talk.good(":clock"))[0].startswith("stepped time")
            is_good, out, _ = await talk(":do restart")
            assert (is_good, out) == (True, ["restart: done boots=2"])
            port = json.loads((tmp_path / "room.json").read_text())
            (tmp_path / "room.json").write_text(json.dumps({**port, **device.doors.ready()}))
            is_good, out, advice = await talk("xStatus Audio Volume")
            assert (is_good, out) == (True, ["*s Audio Volume: 50", "** end"])
            assert advice[-1] == "connected again"

    asyncio.run(main())


names = st.sampled_from(["Level", "Text", "CallId", "Option.1"])
values = st.one_of(
    st.from_regex(r"[A-Za-z0-9@.:/_-]{1,8}", fullmatch=True),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8).map(quoted),
)


@given(
    st.lists(st.sampled_from(["Audio", "Volume", "Set", "X1"]), min_size=1, max_size=4),
    st.lists(st.tuples(names, values), max_size=4),
    st.sampled_from(["", ' | resultId="7"']),
)
def test_calls_are_read_as_the_device_reads_them(words: list[str], pairs: list[tuple[str, str]], tag: str) -> None:
    line = f"xCommand {' '.join(words)} {' '.join(f'{name}: {value}' for name, value in pairs)}{tag}"
    theirs, parsed = read_line(line), parse_line(line)
    assert parsed is not None
    ours, result_id = parsed
    assert isinstance(ours, Call)
    assert (ours.words, result_id) == (theirs.words, theirs.result_id or "")
    many = {name: list(value) if isinstance(value, tuple) else value for name, value in theirs.arguments.items()}
    assert ours.arguments == many
