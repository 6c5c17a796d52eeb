"""The handshake and the dialogue of jsxapi over SSH: its lines are verbatim. Source: protocol/xapi.md 4.5, 4.6."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from ssh_room import GREETING, Shell, room

PANEL = "<Extensions>\n<Panel><Name>æøå</Name></Panel>\n</Extensions>"


async def answer(shell: Shell) -> Any:
    """Read one JSON document; it begins and ends with a brace alone on its line."""
    text = await shell.until("\n}\n")
    assert text.startswith("{\n"), text
    return json.loads(text)


@pytest.mark.parametrize("command", [None, "/bin/tsh", "tsh"])
def test_the_handshake_of_jsxapi(command: str | None) -> None:
    async def run() -> None:
        async with room() as device, device.shell(command=command) as shell:
            await shell.expect(GREETING)

            async def ask(line: str) -> Any:
                shell.send(line)
                return await answer(shell)

            shell.send("echo off\n")
            await shell.expect("echo off\n\nOK\n\n")
            shell.send("xpreferences outputmode json\n")
            assert await ask('xStatus Audio Volume | resultId="1"\n') == {
                "Status": {"Audio": {"Volume": {"Value": "50"}}}, "ResultId": "1"}  # fmt: skip
            assert await ask('xConfiguration Audio DefaultVolume: 60 | resultId="4"\n') == {"ResultId": "4"}
            assert device.configuration.get(("Audio", "DefaultVolume")) == 60
            assert await ask('xStatus Not A Real Status | resultId="5"\n') == {
                "CommandResponse": {"Status": {
                    "status": "Error", "Reason": {"Value": "No match on address expression"},
                    "XPath": {"Value": "Status/Not/A/Real/Status"}}},
                "ResultId": "5",
            }  # fmt: skip
            assert await ask('xCommand Not A Real Command | resultId="6"\n') == {
                "CommandResponse": {"Result": {
                    "status": "Error", "Reason": {"Value": "Unknown command"}, "XPath": {"Value": "/Not/A/Real/Command"}}},
                "ResultId": "6",
            }  # fmt: skip
            assert await ask('xfeedback register /Status/Audio/Volume | resultId="7"\n') == {"ResultId": "7"}
            assert await ask('xfeedback register /Status/Call[3] | resultId="8"\n') == {"ResultId": "8"}
            assert await ask('xCommand Audio Volume Set Level: 33 | resultId="10"\n') == {
                "CommandResponse": {"VolumeSetResult": {"status": "OK"}}, "ResultId": "10"}  # fmt: skip
            assert await answer(shell) == {"Status": {"Audio": {"Volume": {"Value": "33"}}}}
            shell.send('xCommand Dial Number: "alice@example.com" Protocol: "SIP" | resultId="11"\n')
            assert await answer(shell) == {"Status": {"Call": [{"Status": {"Value": "Dialling"}, "id": "3"}]}}
            assert await answer(shell) == {"Status": {"Call": [{"Status": {"Value": "Connected"}, "id": "3"}]}}
            assert await answer(shell) == {
                "CommandResponse": {"DialResult": {"status": "OK", "CallId": {"Value": "3"}, "ConferenceId": {"Value": "1"}}},
                "ResultId": "11",
            }  # fmt: skip
            assert device.calls.dialled[-1]["Protocol"] == "Sip"
            frame = f'xCommand UserInterface Extensions Panel Save PanelId: "p1" | resultId="14"\n{PANEL}\n'
            shell.send(f"{{{len(frame.encode())}}} \n{frame}")
            assert await answer(shell) == {
                "CommandResponse": {"PanelSaveResult": {"status": "OK"}}, "ResultId": "14"}  # fmt: skip
            assert device.audio.bodies == [PANEL]
            assert await ask(
                'xCommand UserInterface Message Alert Display Duration: 3 Extra: "x" Extra: "y" Text: "a \\"b\\"" | resultId="15"\n'
            ) == {
                "CommandResponse": {"AlertDisplayResult": {"status": "ParameterError"}},
                "ResultId": "15",
            }  # no such argument
            assert (await ask('xCommand UserInterface Message Alert Display Duration: 3 Text: "a \\"b\\"" | resultId="15"\n'))[
                "CommandResponse"] == {"AlertDisplayResult": {"status": "OK"}}  # fmt: skip
            assert device.calls.dialled[-1]["Text"] == 'a "b"'
            found = await ask('xDocument Format: "JSON" Path: "Status/Audio/Volume" Schema: "True" | resultId="16"\n')
            assert found["ResultId"] == "16"
            assert found["StatusSchema"]["Audio"]["Volume"]["ValueSpace"] == {"type": "Integer"}
            assert await ask('xfeedback deregister /Status/Audio/Volume | resultId="17"\n') == {"ResultId": "17"}
            assert await ask('xStatus SystemUnit Nothing Here | resultId="18"\n')
            assert await ask('xCommand Call Disconnect CallId: 3 | resultId="19"\n') == {
                "CommandResponse": {"CallDisconnectResult": {"status": "OK"}}, "ResultId": "19"}  # fmt: skip
            assert await answer(shell) == {"Status": {"Call": [{"ghost": "True", "id": "3"}]}}
            assert await ask('xStatus Call | resultId="20"\n') == {"ResultId": "20"}
            assert device.failures == []

    asyncio.run(run())


def test_every_failure_is_json_and_has_the_tag_of_its_request() -> None:
    lines = {
        'frobnicate | resultId="0"': "Command not recognized.",
        'xCommand Dial Number: "open | resultId="1"': "shell: a blank follows a closing quote",
        'xCommand Dial ? | resultId="2"': "Help is for people",
        'xPreferences outputmode line | resultId="3"': "xPreferences outputmode terminal, json or xml",
        'echo perhaps | resultId="4"': "echo on, or echo off",
        'log x | resultId="5"': "log is not simulated",
        'xFeedback nonsense | resultId="6"': "xFeedback Register",
        'xFeedback register | resultId="7"': "xFeedback Register",
        'xDocument Path: "Nonsense[" | resultId="8"': "no part of an xAPI path",
        'xCommand Audio Volume Mute | resultId="9"': "Internal error",
        'xEvent Nonsense | resultId="10"': "No match",
    }

    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            shell.send("echo off\nxpreferences outputmode json\n")
            await shell.expect("echo off\n\nOK\n\n")
            for number, (line, reason) in enumerate(lines.items()):
                shell.send(f"{line}\n")
                found = await answer(shell)
                assert found["ResultId"] == str(number)
                result = found["CommandResponse"]["Result"]
                assert result["status"] == "Error"
                assert reason in result["Reason"]["Value"]
            shell.send(b'\xff\nxConfiguration Audio DefaultVolume: "x" | resultId="20"\n')
            assert "UTF-8" in (await answer(shell))["CommandResponse"]["Result"]["Reason"]["Value"]
            assert (await answer(shell))["Configuration"]["Audio"]["DefaultVolume"]["error"] == "True"

    asyncio.run(run())


def test_nothing_but_json_is_written_even_if_echo_was_left_on() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            shell.send("xpreferences outputmode json\n")
            await shell.expect("xpreferences outputmode json\n")
            shell.send("echo on\n\n  \nxStatus Audio Volume\nxFeedback register /Event\n")
            assert await answer(shell) == {"Status": {"Audio": {"Volume": {"Value": "50"}}}}
            assert await answer(shell) == {}
            device.feedback.raise_event("Bookings Updated", {})
            assert await answer(shell) == {"Event": {"Bookings": {"Updated": {"id": "1"}}}}

    asyncio.run(run())


def test_a_configuration_says_its_value_space() -> None:
    async def run() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            shell.send("xpreferences outputmode json\nxConfiguration Audio\n")
            await shell.expect("xpreferences outputmode json\n")
            leaf = (await answer(shell))["Configuration"]["Audio"]["DefaultVolume"]
            assert leaf == {"Value": "50", "valueSpaceRef": "/Valuespace/INT_0_100"}

    asyncio.run(run())
