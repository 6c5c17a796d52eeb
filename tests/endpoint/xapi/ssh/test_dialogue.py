"""Dialogues over SSH, byte for byte, without a terminal. Source: protocol/xapi.md 4.1 to 4.8, 14.7."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from ssh_room import GREETING, Room, Shell, room

from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.shell_answers import Choices
from endpoint.xapi.saved import SavedLogin
from endpoint.xapi.ssh.expressions import EXPRESSIONS_MAX

OK = "** end\n\nOK\n\n"

Talk = Callable[[Room, Shell], Awaitable[None]]


def run(
    talk: Talk, *, greeting: str = GREETING, prepare: Callable[[Room], object] = lambda device: None, roles: str = "A"
) -> None:
    """Let a client talk to a device; no defect may be seen."""

    async def whole() -> None:
        async with room(roles=roles) as device:
            prepare(device)
            async with device.shell() as shell:
                await shell.expect(greeting)
                await talk(device, shell)
            assert device.failures == []

    asyncio.run(whole())


def test_reading_and_setting() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("xStatus Audio Volume", f"xStatus Audio Volume\n*s Audio Volume: 50\n{OK}")
        shell.send("echo off\n")
        await shell.expect("echo off\n\nOK\n\n")
        await shell.ask("xconf systemunit name", f'*c xConfiguration SystemUnit Name: "Huddle 1"\n{OK}')
        await shell.ask('xConfiguration SystemUnit Name: "Huddle 2" | resultId="x"', f'** resultId: "x"\n{OK}')
        await shell.ask("xConfiguration SystemUnit Name", f'*c xConfiguration SystemUnit Name: "Huddle 2"\n{OK}')
        await shell.ask("xStatus //Vol", f"*s Audio Volume: 50\n{OK}")
        await shell.ask("xStatus /Status/Audio", f"*s Audio Volume: 50\n{OK}")
        await shell.ask("xStatus Call", OK)
        await shell.ask("", "")
        await shell.ask("xStatus Nope 3 What", '*s Status (status=Error):\n*s Status Reason: "No match on address expression"\n'
                        '*s Status XPath: "Status/Nope[3]/What"\n** end\n\nERROR\n\n')  # fmt: skip
        await shell.ask("xConfiguration Nope: 1", '*c Configuration (status=Error):\n*c Configuration Reason: "No match on address '
                        'expression"\n*c Configuration XPath: "Configuration/Nope"\n** end\n\nERROR\n\n')  # fmt: skip
        illegal = '*c xConfiguration Audio DefaultVolume (error=True): "Illegal value"\n** end\n\nERROR\n\n'
        await shell.ask("xConfiguration Audio DefaultVolume: 101", illegal)
        await shell.ask("xConfiguration Audio DefaultVolume: 10 20", illegal)
        await shell.ask("xConfiguration Audio: 10", '*c Configuration (status=Error):\n*c Configuration Reason: "No match on address '
                        'expression"\n*c Configuration XPath: "Configuration/Audio"\n** end\n\nERROR\n\n')  # fmt: skip
        await shell.ask("xConfiguration SystemUnit Name: unkept", '*c Configuration (status=Error):\n*c Configuration Reason: '
                        '"the disk is full"\n** end\n\nERROR\n\n')  # fmt: skip
        await shell.ask("frobnicate", "Command not recognized.\n\n")

    run(talk)


def test_commands_and_their_failures() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        await shell.ask("xCommand Audio Volume Set Level: 30", "OK\n\n*r VolumeSetResult (status=OK):\n** end\n\n")
        assert device.status.get(("Audio", "Volume")) == 30
        await shell.ask('xCommand Dial Number: "a b" | resultId="d"',
                        'OK\n\n*r DialResult (status=OK):\n*r DialResult CallId: 3\n*r DialResult ConferenceId: 1\n'
                        '** resultId: "d"\n** end\n\n')  # fmt: skip
        await shell.ask("xCommand Dial Number: nobody",
                        'OK\n\n*r DialResult (status=Error):\n*r DialResult Reason: "No such number"\n** end\n\n')  # fmt: skip
        await shell.ask("xCommand Dial", "*r DialResult (status=ParameterError):\n** end\n\nERROR\n\n")
        await shell.ask("xCommand Dial Number: a b", "*r DialResult (status=ParameterError):\n** end\n\nERROR\n\n")
        await shell.ask("xCommand Not A Real Command", '*r Result (status=Error):\n*r Result Reason: "Unknown command"\n'
                        '*r Result XPath: "/Not/A/Real/Command"\n** end\n\nERROR\n\n')  # fmt: skip
        await shell.ask("xCommand Standby Activate",
                        'OK\n\n*r StandbyActivateResult (status=Error):\n*r StandbyActivateResult Reason: "Not simulated yet"\n'
                        "** end\n\n")  # fmt: skip

    run(talk)


def test_a_role_that_does_not_suffice() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        await shell.ask("xConfiguration SystemUnit Name: x",
                        '*c Configuration (status=Error):\n*c Configuration Reason: "Access denied"\n** end\n\nERROR\n\n')  # fmt: skip
        await shell.ask("xCommand UserManagement User List",
                        '*r UserListResult (status=Error):\n*r UserListResult Reason: "Access denied"\n** end\n\nERROR\n\n')  # fmt: skip

    run(talk, roles="U")


def test_a_defect_is_an_internal_error_and_the_shell_goes_on() -> None:
    async def whole() -> None:
        async with room() as device, device.shell() as shell:
            await shell.expect(GREETING)
            await shell.ask("echo off\nxCommand Audio Volume Mute", "echo off\n\nOK\n\n")
            await shell.expect('*r Result (status=Error):\n*r Result Reason: "Internal error"\n** end\n\nERROR\n\n')
            await shell.ask("xStatus Audio Volume", f"*s Audio Volume: 50\n{OK}")
            assert "Xapi E: a request over ssh failed: ZeroDivisionError" in device.log
            assert [type(failure["exception"]) for failure in device.failures] == [ZeroDivisionError]

    asyncio.run(whole())


def test_the_answer_leaves_before_what_it_causes() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        for expression in ("/Status/Audio", "Status/Audio/Volume", "/Configuration", "/Status/Call", "Event"):
            await shell.ask(f"xFeedback Register {expression}", OK)
        await shell.ask("xCommand Audio Volume Set Level: 33",
                        "OK\n\n*r VolumeSetResult (status=OK):\n** end\n\n*s Audio Volume: 33\n** end\n")  # fmt: skip
        await shell.ask("xConfiguration Audio DefaultVolume: 60",
                        f"{OK}*c xConfiguration Audio DefaultVolume: 60\n** end\n")  # fmt: skip
        await shell.ask("xConfiguration Audio DefaultVolume: 60", OK)
        await shell.ask("xCommand Dial Number: a", "OK\n\n*s Call 3 Status: Dialling\n** end\n*s Call 3 Status: Connected\n** end\n"
                        "*r DialResult (status=OK):\n*r DialResult CallId: 3\n*r DialResult ConferenceId: 1\n** end\n\n")  # fmt: skip
        await shell.ask("xCommand Call Disconnect CallId: 3", "OK\n\n*r CallDisconnectResult (status=OK):\n** end\n\n"
                        "*s Call 3 (ghost=True):\n** end\n"
                        '*e CallDisconnect CallId: 3\n*e CallDisconnect CauseType: "LocalDisconnect"\n*e CallDisconnect CauseValue: 1\n'
                        "** end\n")  # fmt: skip

    run(talk)


def test_a_group_is_one_block_however_many_expressions_cover_it() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send(
            "echo off\nxFeedback Register /Status/Call\nxFeedback Register /Status/SystemUnit/State\nxFeedback Register Status\n"
        )
        await shell.expect("echo off\n\nOK\n\n" + 3 * OK)
        with device.status.group():
            device.status.put(parse_path("Call 4 Status"), "Connected")
            device.status.put(parse_path("SystemUnit State NumberOfInProgressCalls"), 2)
        await shell.expect("*s Call 4 Status: Connected\n*s SystemUnit State NumberOfInProgressCalls: 2\n** end\n")
        await shell.ask("xFeedback Deregister Status", OK)
        device.status.put(("Audio", "Volume"), 1)
        device.status.put(parse_path("Call 4 Status"), "OnHold")
        await shell.expect("*s Call 4 Status: OnHold\n** end\n")
        await shell.ask("xFeedback DeregisterAll", OK)
        device.status.put(parse_path("Call 4 Status"), "Connected")
        await shell.ask("xFeedback List", OK)

    run(talk)


def test_forty_overlapping_registrations_are_listed_and_the_fifty_first_is_refused() -> None:
    expressions = ["/Status", "/Event", "/Configuration", "/Status/Video/Input/Connector[3]", "/Event/CallDisconnect"]
    expressions += [f"/Status/Call[{number}]" for number in range(1, 36)]

    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        for expression in expressions:
            await shell.ask(f"xFeedback Register {expression}", OK)
        await shell.ask("xFeedback Register status/call 1", OK)  # the same in another spelling
        await shell.ask("xFeedback Register /Status/Call[@item='2']", OK)
        listed = "".join(f"{expression}\n" for expression in expressions)
        await shell.ask("xFeedback List", listed + OK)
        for number in range(100, 100 + EXPRESSIONS_MAX - len(expressions)):
            await shell.ask(f"xFeedback Register /Status/Call[{number}]", OK)
        await shell.ask("xFeedback Register /Status/Call[200]",
                        '*r Result (status=Error):\n*r Result Reason: "At most 50 feedback expressions per session"\n'
                        "** end\n\nERROR\n\n")  # fmt: skip
        device.feedback.raise_event("CallDisconnect", {"CallId": 3})
        await shell.expect("*e CallDisconnect CallId: 3\n** end\n")
        await shell.ask("xpreferences outputmode json", "")
        shell.send('xFeedback List | resultId="1"\nxFeedback List\n')
        found = json.loads(await shell.until("\n}\n"))
        assert len(found["CommandResponse"]["FeedbackListResult"]["Expression"]) == EXPRESSIONS_MAX
        await shell.expect(listed)

    run(talk)


@pytest.mark.parametrize(
    "line", ["xFeedback", "xFeedback Register", "xFeedback Nonsense", "xFeedback Deregister ", "xFeedback Register ]["]
)
def test_feedback_that_is_none(line: str) -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        shell.send(f"{line}\n")
        assert "*r Result (status=Error):" in await shell.until("ERROR\n\n")

    run(talk)


def test_content_in_a_frame_and_by_hand() -> None:
    panel = "<Extensions>\n<Panel><Name>æøå</Name></Panel>\n</Extensions>"
    done = "OK\n\n*r PanelSaveResult (status=OK):\n** end\n\n"

    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        command = "xCommand UserInterface Extensions Panel Save PanelId: p1"
        await shell.ask(f"{command}\n{panel}\n.", done)
        frame = f"{command}\n{panel}\n".encode()
        shell.send(b"{%d} \n" % len(frame) + frame)
        await shell.expect(done)
        await shell.ask(f"{command}\nrubbish\n.", 'OK\n\n*r PanelSaveResult (status=Error):\n'
                        '*r PanelSaveResult Reason: "Failed to parse xml"\n** end\n\n')  # fmt: skip
        frame = f"xCommand Dial Number: x\n{panel}\n".encode()
        shell.send(b"{%d} \n" % len(frame) + frame)
        await shell.expect("*r DialResult (status=ParameterError):\n** end\n\nERROR\n\n")
        assert device.audio.bodies == [panel, panel, "rubbish"]

    run(talk)


def test_requests_in_one_packet_are_answered_in_order_while_one_takes_time() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        device.calls.answer.clear()
        shell.send('xFeedback Register Status/Audio\nxCommand Dial Number: a\nxStatus Audio Volume | resultId="2"\n')
        await shell.expect(f"{OK}OK\n\n")
        device.status.put(("Audio", "Volume"), 7)
        await shell.expect("*s Audio Volume: 7\n** end\n")  # between the question and its answer
        device.calls.answer.set()
        await shell.expect("*r DialResult (status=OK):\n*r DialResult CallId: 3\n*r DialResult ConferenceId: 1\n** end\n\n"
                           f'*s Audio Volume: 7\n** resultId: "2"\n{OK}')  # fmt: skip

    run(talk)


def test_output_modes() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        await shell.ask("xPreferences OutputMode xml", "")
        await shell.ask('xStatus Audio Volume | resultId="7"', '<XmlDoc resultId="7">\n  <Status>\n    <Audio>\n'
                        "      <Volume>50</Volume>\n    </Audio>\n  </Status>\n</XmlDoc>\n")  # fmt: skip
        await shell.ask("xConfiguration Audio DefaultVolume: 60",
                        "<XmlDoc>\n  <Configuration>\n    <Success/>\n  </Configuration>\n</XmlDoc>\n")  # fmt: skip
        await shell.ask("xCommand Audio Volume Set Level: 1", '<XmlDoc>\n  <Command>\n    <VolumeSetResult status="OK"/>\n'
                        "  </Command>\n</XmlDoc>\n")  # fmt: skip
        await shell.ask('xpref outputmode json | resultId="1"', '{\n  "ResultId": "1"\n}\n')
        await shell.ask("xpreferences outputmode terminal", "\nOK\n\n")
        for gone in ("outputmode line", "detaillevel 2", "", "outputmode"):
            shell.send(f"xPreferences {gone}\n")
            assert "xPreferences outputmode terminal, json or xml" in await shell.until("ERROR\n\n")
        await shell.ask("xGetxml /Status/Audio", "<XmlDoc>\n  <Status>\n    <Audio>\n      <Volume>1</Volume>\n"
                        "    </Audio>\n  </Status>\n</XmlDoc>\n")  # fmt: skip
        await shell.ask("xGetxml /Status/Nope", "<XmlDoc>\n  <EmptyResult/>\n</XmlDoc>\n")

    run(talk)


def test_help_and_schema() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        shell.send("?\n")
        assert "xStatus\nxConfiguration\n" in await shell.until("\n\nOK\n\n")
        shell.send("xCommand Audio Volume Set ?\n")
        await shell.expect("*h xCommand Audio Volume Set\n    Level(r): <0..100>\n")
        await shell.until("\nOK\n\n")
        await shell.ask(
            "xConfiguration Audio DefaultVolume ?", "*? xConfiguration Audio DefaultVolume: <0..100>\n\nOK\n\n"
        )
        shell.send("xCommand ??\nxStatus ?\nxEvent\n")
        assert " - Admin Commands -" in await shell.until("\nOK\n\n")
        assert "*? xStatus Audio\n" in await shell.until("\nOK\n\n")
        assert "*es Event CallDisconnect\n" in await shell.until("** end\n\nOK\n\n")
        shell.send("xEvent CallDisconnect\n")
        assert "*es Event CallDisconnect CauseType\n" in await shell.until("** end\n\nOK\n\n")
        shell.send('xDocument Format: "JSON" Path: "Status/Audio/Volume" Schema: "True"\n')
        found = json.loads((await shell.until("\n\nOK\n\n")).removesuffix("OK\n\n"))
        assert found["StatusSchema"]["Audio"]["Volume"]["ValueSpace"]["type"] == "Integer"
        shell.send("xDocument Path: Status Format: XML\n")
        assert "xDocument Format" in await shell.until("ERROR\n\n")

    run(talk)


def test_tools() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        device.world.net.publish("u2c.wbx2.test", 443, "127.0.0.1", 4443)
        await shell.ask("echo off", "echo off\n\nOK\n\n")
        shell.send("systemtools network ping u2c.wbx2.test\n")
        assert "4 packets received, 0% packet loss" in await shell.until("\nOK\n\n")
        await shell.ask("systemtools network ping nobody.test", "ping: bad address 'nobody.test'\n\nOK\n\n")
        for line in (
            "systemtools rootsettings on",
            "systemtools",
            "xTransaction begin",
            "log ctx Wx2 debug 9",
            "systemtools network ping",
        ):
            shell.send(f"{line}\n")
            assert "*r Result Reason: " in await shell.until("ERROR\n\n")

    run(talk)


def test_the_passphrase_is_changed_by_questions_and_never_echoed() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("systemtools passwd\nold one\nnew one\nnew two\n")
        await shell.expect("systemtools passwd\nCurrent password: \nNew password: \nNew password again: \n"
                           '*r Result (status=Error):\n*r Result Reason: "The new passwords are not the same; nothing was changed"\n'
                           "** end\n\nERROR\n\n")  # fmt: skip
        shell.send("systemtools passwd\nold one\nnew one\nnew one\n")
        await shell.until("again: \n")
        assert "PassphraseChangeResult" in await shell.until("** end\n\n")
        shell.send("xpreferences outputmode json\nsystemtools passwd\n")
        assert "outputmode terminal" in await shell.until("\n}\n")
        assert not any("new one" in line for line in device.log.splitlines())

    run(talk)


def test_bye_ends_the_session_and_nothing_after_it_is_carried_out() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("bye\nxCommand Audio Volume Set Level: 1\n")
        assert await shell.rest() == "bye\n"
        assert device.status.get(("Audio", "Volume")) == 50
        assert (await shell.process.wait()).exit_status == 0

    run(talk)


def test_the_end_of_input_ends_the_session_after_the_last_line() -> None:
    async def talk(device: Room, shell: Shell) -> None:
        shell.send("echo off\nxCommand Dial Number: a\nxStatus Audio Volume")
        shell.process.stdin.write_eof()
        assert (await shell.rest()).endswith(f"ConferenceId: 1\n** end\n\n*s Audio Volume: 50\n{OK}")

    run(talk)


def test_the_greeting_follows_the_settings() -> None:
    async def nothing(device: Room, shell: Shell) -> None:
        pass

    def quiet(device: Room) -> None:
        device.configuration.put(("NetworkServices", "WelcomeText"), "Off")

    def last(device: Room, origin: str) -> None:
        device.configuration.put(("Security", "Session", "ShowLastLogon"), "On")
        device.logins["admin"] = SavedLogin(origin=origin, at_s=1_741_778_831)

    def nameless(device: Room) -> None:
        device.configuration.put(("SystemUnit", "Name"), "")

    def forged(device: Room) -> None:
        device.configuration.put(("SystemUnit", "Name"), "x\x1b[2J\nOK\r\u2028\x9b2J\xa0ø")

    run(nothing, prepare=forged, greeting=GREETING.replace("Huddle 1", "x\ufffd[2J\ufffdOK\ufffd\ufffd\ufffd2J\xa0ø"))
    run(nothing, prepare=quiet, greeting="*r Login successful\nOK\n\n")
    shown = "Last login from {} at 2025-03-12 11:27:11\n\n"
    run(nothing, prepare=lambda device: last(device, ""), greeting=GREETING + shown.format("<unknown>"))
    run(nothing, prepare=lambda device: last(device, "10.0.0.1"), greeting=GREETING + shown.format("10.0.0.1"))
    run(nothing, prepare=nameless, greeting=GREETING.replace("Huddle 1", "127.0.0.1"))


def test_the_word_after_a_path_error_is_a_choice() -> None:
    async def whole() -> None:
        async with room(choices=Choices(path_error_word="OK")) as device, device.shell() as shell:
            await shell.expect(GREETING)
            shell.send("xStatus Nope\n")
            assert (await shell.until("\n\nOK\n")).startswith("xStatus Nope\n*s Status (status=Error):")

    asyncio.run(whole())
