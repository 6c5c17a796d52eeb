"""The prompt and a running device, by its websocket. Source: protocol/xapi.md 3."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from scripted_xapi import Scripted, scripted
from shell_talk import Talk, talk_to

from scenarios.runner.shell.backend import Unusable
from scenarios.runner.shell.ready import read_cloud, read_device

Scene = Callable[[Scripted, Talk], Awaitable[None]]


def play(tmp_path: Path, scene: Scene, **changes: str | None) -> None:
    async def main() -> None:
        async with scripted() as device, talk_to(device.ready(tmp_path / "e.json", **changes)) as talk:
            await scene(device, talk)

    asyncio.run(main())


def test_reading(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert await talk.good("xStatus Audio Volume") == ["*s Audio Volume: 50", "** end"]
        assert await talk.good("status audio") == ["*s Audio Volume: 50", "** end"]
        assert await talk.good("xConfiguration SystemUnit Name") == [
            '*c xConfiguration SystemUnit Name: "Huddle 1"',
            "** end",
        ]
        assert await talk.good('xStatus Audio Volume | resultId="q"') == [
            "*s Audio Volume: 50",
            '** resultId: "q"',
            "** end",
        ]
        assert await talk.good("xStatus Call") == [
            "*s Call 3 Status: Connected",
            "*s Call 42 Status: Ringing",
            "** end",
        ]
        assert await talk.good("xStatus Call 42") == ["*s Call 42 Status: Ringing", "** end"]
        assert device.asked[0] == ("xGet", {"Path": ["Status", "Audio", "Volume"]})
        assert device.asked[1] == ("xGet", {"Path": ["Status", "Audio"]}), "names go out in canonical spelling"

    play(tmp_path, scene)


def test_queries(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        both = ["*s Call 3 Status: Connected", "*s Call 42 Status: Ringing", "** end"]
        assert await talk.good("xStatus call Status") == both
        assert device.asked[-1] == ("xQuery", {"Query": ["Status", "Call", "Status"]})
        assert await talk.good("xStatus Call * status") == both
        assert device.asked[-1] == ("xQuery", {"Query": ["Status", "Call", "*", "Status"]})
        assert await talk.good("xStatus //Vol") == ["*s Audio Volume: 50", "** end"]
        assert device.asked[-1] == ("xGet", {"Path": ["Status"]}), "what the websocket cannot say is picked out here"

    play(tmp_path, scene)


def test_setting(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert await talk.good("xConfiguration Audio DefaultVolume: 33") == ["OK"]
        assert device.asked[-1] == ("xSet", {"Path": ["Configuration", "Audio", "DefaultVolume"], "Value": 33})
        out, advice = await talk.bad("xConfiguration Audio DefaultVolume: 133")
        assert out == ['*c xConfiguration Audio DefaultVolume (error=True): "Illegal value"', "** end"]
        assert advice == "Audio DefaultVolume takes <0..100>"

    play(tmp_path, scene)


def test_commands(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert await talk.good("xCommand audio volume set level: 30") == ["*r VolumeSetResult (status=OK):", "** end"]
        assert device.asked[-1] == ("xCommand/Audio/Volume/Set", {"Level": 30}), "with the type that it has"
        assert await talk.good("xCommand Dial Number: 12345") == [
            "*r DialResult (status=OK):",
            "*r DialResult CallId: 3",
            "*r DialResult ConferenceId: 1",
            "** end",
        ]
        assert device.asked[-1] == ("xCommand/Dial", {"Number": "12345"})
        assert await talk.good("xCommand Bookings Put", "<a>", "..", "</a>", ".", "xStatus Audio") == [
            "*r BookingsPutResult (status=OK):",
            "*r BookingsPutResult Lines: 3",
            "** end",
            "*s Audio Volume: 30",
            "** end",
        ]
        assert ("xCommand/Bookings/Put", {"body": "<a>\n..\n</a>\n"}) in device.asked

    play(tmp_path, scene)


def test_what_goes_wrong_is_explained(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        out, advice = await talk.bad("xStatus Audio Volme")
        assert out == [
            "*s Status (status=Error):",
            '*s Status Reason: "No match on address expression"',
            '*s Status XPath: "Status Audio Volme"',
            "** end",
        ]
        assert advice == "Status Audio has no 'Volme'; nearest: Volume"
        assert await talk.good("xStatus Call 7") == ["** end"], "there could be one"
        assert (await talk.bad("xStatus Volume"))[1].startswith("Status has no 'Volume'; did you mean Audio Volume")
        out, advice = await talk.bad("xCommand Dil Number: 3")
        assert out[:2] == ["*r Result (status=Error):", '*r Result Reason: "Unknown command"']
        assert advice == "Command has no 'Dil'; nearest: Dial"
        out, advice = await talk.bad("xCommand Audio Volume Set Levl: 3")
        assert out == ["*r VolumeSetResult (status=ParameterError):", "** end"]
        assert advice == "Levl: no such argument; there are: Level, Device\nLevel: missing; one of <0..100>"
        out, advice = await talk.bad("xCommand Dial Number: nobody")
        assert out == ["*r DialResult (status=Error):", '*r DialResult Reason: "Nobody is there"', "** end"]
        assert (await talk.bad("xStatis"))[1] == "Command not recognized: 'xStatis'; nearest: xStatus"
        assert "ended without a line" in (await talk.bad("xCommand Bookings Put"))[1]

    play(tmp_path, scene)


def test_answer_stands_before_what_it_caused(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert await talk.good("xFeedback Register /Status/Audio") == ["OK"]
        assert device.asked[-1] == ("xFeedback/Subscribe", {"Query": ["Status", "Audio"]})
        await talk("xCommand Audio Volume Set Level: 31")
        await talk.session.settle()
        assert talk.said.out == ["*r VolumeSetResult (status=OK):", "** end", "*s Audio Volume: 31", "** end"]

    play(tmp_path, scene)


def test_registering(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        await talk.good("xFeedback Register /Status/Audio", "xFeedback Register Status Audio", "xfeed register event")
        assert await talk.good("xFeedback List") == ["/Status/Audio", "/event", "** end"]
        assert [query for method, query in device.asked if method == "xFeedback/Subscribe"] == [
            {"Query": ["Status", "Audio"]},
            {"Query": ["Event"]},
        ], "the same one is registered once"
        assert await talk.good("xFeedback Deregister status/audio") == ["OK"]
        assert device.asked[-1] == ("xFeedback/Unsubscribe", {"Id": 0})
        assert (await talk.bad("xFeedback Deregister /Status/Video"))[1].startswith("/Status/Video is not registered")
        assert await talk.good("xFeedback DeregisterAll") == ["OK"]
        assert await talk.good("xFeedback List") == ["** end"]
        is_good, out, advice = await talk("xFeedback Register /Status/Audo")
        assert (is_good, out) == (True, ["OK"])
        assert advice == ["registered, but it may never be heard: Status has no 'Audo'; nearest: Audio"]
        assert "no //" in (await talk.bad("xFeedback Register Status//Vol"))[1]

    play(tmp_path, scene)


def test_events_and_ghosts(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        await talk.good("xFeedback Register /Status/Call", "xFeedback Register /Event")
        talk.said.out.clear()
        await device.tell({"Status": {"Call": [{"ghost": "True", "id": 3}]}})
        await device.tell({"Event": {"CallDisconnect": {"CallId": 3, "CauseType": "LocalDisconnect", "id": 1}}})
        await device.tell({"Event": {"Bookings": {"Updated": {"id": 1}}}})
        await talk.session.settle()
        assert [line for line in talk.said.out if line != "** end"] == [
            "*s Call 3 (ghost=True):",
            "*e CallDisconnect CallId: 3",
            '*e CallDisconnect CauseType: "LocalDisconnect"',
            "*e Bookings Updated:",
        ]

    play(tmp_path, scene)


def test_connection_that_was_lost_is_opened_again(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        await talk.good("xFeedback Register /Status/Audio")
        assert "hung up" in (await talk.bad("xCommand SystemUnit Boot"))[1]
        is_good, out, advice = await talk("xStatus Audio")
        assert (is_good, out) == (True, ["*s Audio Volume: 50", "** end"])
        assert advice[-1] == "connected again"
        assert device.connections == 2
        assert device.subscriptions == {0: ["Status", "Audio"]}, "what was registered is registered again"

    play(tmp_path, scene)


def test_device_that_is_gone_is_told_line_by_line(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.refuses = 502
        await talk.bad("xCommand SystemUnit Boot")
        assert (await talk.bad("xStatus Audio"))[1].endswith("the device lets nobody in: it is starting")
        device.refuses = 0
        assert (await talk("xStatus Audio"))[0]

    play(tmp_path, scene)


def test_elements_that_there_are(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert await talk.backend.elements(("Status", "Call")) == [3, 42]
        assert await talk.backend.elements(("Status", "Nope")) == ()

    play(tmp_path, scene)


def test_what_cannot_be_read_is_told_and_harms_nothing(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        await talk.good("xStatus Audio")
        await device.sockets[-1].send_str("{")
        await device.sockets[-1].send_bytes(b"\x00")
        await device.sockets[-1].send_str('{"id": null, "error": {"code": -32700, "message": "Parse error"}}')
        is_good, out, advice = await talk("xStatus Audio Volume")
        assert (is_good, out) == (True, ["*s Audio Volume: 50", "** end"])
        assert len(advice) == 3
        assert "cannot be read" in advice[0]
        assert advice[2] == "the device says: Parse error"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("status", "why"),
    [(401, "not open on this scheme"), (403, "does not know that user"), (503, "as many connections"), (500, "it answers 500")],
)  # fmt: skip
def test_refusals_at_the_door(tmp_path: Path, status: int, why: str) -> None:
    async def main() -> None:
        async with scripted() as device:
            device.refuses = status
            with pytest.raises(Unusable, match=why):
                async with talk_to(device.ready(tmp_path / "e.json")):
                    pass

    asyncio.run(main())


def test_wrong_password_and_dead_device(tmp_path: Path) -> None:
    async def main() -> None:
        async with scripted() as device:
            ready = device.ready(tmp_path / "e.json", password="other")
            with pytest.raises(Unusable, match="does not know that user with that password"):
                async with talk_to(ready):
                    pass
        with pytest.raises(Unusable, match="cannot be reached"):
            async with talk_to(ready):
                pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is no ready file"),
        ("[]", "is no ready file"),
        ("[" * 100_000, "is no ready file"),
        ('{"org_id": "x", "control": "http://127.0.0.1:1"}', "is the ready file of a cloud"),
        ('{"control": "http://127.0.0.1:1"}', "has no `ws`"),
        ('{"ws": 3}', "has no `ws`"),
        ('{"ws": "http://127.0.0.1:1"}', "has no `ws`"),
    ],
)
def test_ready_files_that_are_none(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "e.json"
    file.write_text(content)
    with pytest.raises(Unusable, match=why):
        read_device(file)


def test_ready_file_of_a_cloud(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    with pytest.raises(Unusable, match="cannot be read"):
        read_cloud(file)
    file.write_text("{}")
    with pytest.raises(Unusable, match="no ready file of a cloud"):
        read_cloud(file)
    file.write_text('{"control": "http://127.0.0.1:1", "admin_token": "t"}')
    assert read_cloud(file).admin_token == "t"
