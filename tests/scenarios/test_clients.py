"""xAPI clients of scenarios at the doors of a device: what they ask, what they are told, and what befalls them."""

from __future__ import annotations

import gc
import warnings

import pytest

from endpoint.runtime.field_faults.parts import NOT_DEVICE
from endpoint.runtime.trace import Event
from endpoint.xapi.ssh import session
from scenarios.runner.loader import load
from scenarios.runner.run import Outcome, RunOptions, run_scenario
from scenarios.runner.shell.faultwords import read_fault
from scenarios.runner.shell.lines import LineError
from scenarios.runner.stage import Stage
from tests.scenarios.stories import SCENARIOS, fails, passes, story

DOORS = ["ssh", "websocket", "http"]


def events(outcome: Outcome, kind: str) -> list[Event]:
    assert outcome.trace is not None
    return [event for event in outcome.trace.events if event.kind == kind]


# asking over ssh


def test_a_shell_that_lets_nobody_in_is_an_answer() -> None:
    passes("""
        device: { at: factory }
        steps:
          - xcommand: { path: Audio Volume Set, args: { Level: 20 }, over: ssh }
          - xcommand: { path: UserManagement User Passphrase Set, args: { Username: admin, NewPassphrase: x, YourPassphrase: x } }
            expect: { result: { status: { any: [OK, Error] } } }
          - xcommand: { path: Audio Volume Set, args: { Level: 20 }, over: ssh, as: integrator }
          - activate: { code: "${cloud.code}", security: harden }
            expect: { well: true, within: 1m }
          - xcommand: { path: Audio Volume Set, args: { Level: 21 }, over: ssh, as: integrator }
            expect: { result: { status: Error, Reason: Access denied }, log: "local login refused for 'integrator'" }
    """)


def test_the_settings_shut_the_door() -> None:
    fails(
        'steps: [{ xconfig: { NetworkServices SSH Mode: "Off" } }, { xcommand: { path: Audio Volume Mute, over: ssh } }]',
        "verb",
        "the door is shut: NetworkServices SSH Mode is Off",
    )


def test_settings_go_as_far_as_the_first_that_is_refused() -> None:
    passes("""
        steps:
          - xconfig: { Audio DefaultVolume: 20, SystemUnit Name: Huddle, over: ssh, as: integrator }
            expect: { result: { status: Error, Reason: Access denied }, xconfig: { Audio DefaultVolume: 20, SystemUnit Name: "" } }
    """)


def test_no_passphrase_and_no_argument_comes_into_the_history() -> None:
    held: list[str] = []

    def look(stage: Stage) -> None:
        held.extend(secret.reveal() for secret in stage.passphrases.values())
        drawn = stage.devices["room"].local.users.initial_passphrase
        assert drawn is not None
        held.append(drawn.reveal())

    told = """
        steps:
          - xcommand: { path: UserManagement User Add, args: { Username: eva, Passphrase: open-sesame-9, Role: User }, over: ssh }
          - subscribe: { paths: [Status, Configuration], over: ssh, as: integrator }
          - subscribe: { paths: [Configuration], over: websocket, id: wall }
          - xconfig: { NetworkServices HTTP Proxy Password: open-sesame-9, over: ssh }
            expect: { client: { Configuration: { subscriber: wall } } }
    """
    outcome = run_scenario(story(told), RunOptions(after=look))
    assert outcome.result == "passed", outcome.reports
    assert outcome.trace is not None
    written = "".join(event.as_json() for event in outcome.trace.events)
    assert len(held) == 2
    assert not [secret for secret in (*held, "open-sesame-9") if secret in written]


# staying connected


@pytest.mark.parametrize("over", DOORS)
def test_what_a_client_is_told_reads_the_same_at_every_door(over: str) -> None:
    outcome = passes(f"""
        steps:
          - subscribe: {{ paths: [Status Audio Volume, "Event Audio Volume AlreadyAtLimit"], over: {over}, id: panel }}
          - volume: 100
            expect: {{ client: {{ Status Audio Volume: {{ subscriber: panel, is: 100, times: 1 }} }} }}
          - xcommand: Audio Volume Increase
            expect: {{ client: {{ Event Audio Volume AlreadyAtLimit: {{ times: 1 }} }} }}
            never: {{ client: {{ Status Audio Volume: {{}} }} }}
    """)
    told = [event for event in events(outcome, "xapi.feedback") if event.data["subscription"] == "Status Audio Volume"]
    assert [event.data["told"] for event in told] == [{"Status": {"Audio": {"Volume": 100}}}]
    assert {event.who for event in told} == {"client:panel"}


def test_a_client_listens_to_more_on_the_connection_that_it_has() -> None:
    outcome = passes("""
        steps:
          - subscribe: { paths: [Status Audio Volume], over: websocket }
          - subscribe: { paths: [Status Audio Microphones, Status Audio Volume], over: websocket }
          - volume: 30
            expect: { client: { Status Audio Volume: { is: 30, times: 1 } } }
          - mute: on
            expect: { client: { Status Audio Microphones: { Mute: "On" } } }
          - xcommand: Security Session List
            expect: { result: { Session: { count: 1 } } }
    """)
    assert [event.data["state"] for event in events(outcome, "xapi.client")] == ["open"]


def test_an_id_is_that_of_one_client() -> None:
    fails(
        "steps: [{ subscribe: { paths: [Status], over: ssh, id: a } }, { subscribe: { paths: [Status], over: websocket, id: a } }]",
        "verb",
        "client a is admin over ssh; give another id",
    )


def test_http_feedback_has_four_slots_and_is_for_admins() -> None:
    passes("""
        steps:
          - subscribe: { paths: [Status Audio], over: http, as: user }
            expect: { result: { status: Error, Reason: { contains: denied } } }
    """)
    fails(
        "steps: [" + ", ".join(f"{{ subscribe: {{ paths: [Status], over: http, id: r{n} }} }}" for n in range(5)) + "]",
        "verb",
        "HttpFeedback has 4 slots",
    )


def test_two_devices_have_clients_of_one_name() -> None:
    outcome = passes("""
        devices: { one: {}, two: {} }
        steps:
          - { subscribe: { paths: [Status Audio], over: ssh }, device: one }
          - { subscribe: { paths: [Status Audio], over: ssh }, device: two }
          - device: one
            fault: { on: client, do: drop, target: { client: ssh, device: one } }
            expect: { client: { ssh: closed } }
          - volume: 30
            device: two
            expect: { client: { Status Audio: { subscriber: ssh, Volume: 30 } } }
    """)
    assert {event.who for event in events(outcome, "xapi.client")} == {"client:one/ssh", "client:two/ssh"}


# what befalls them


def test_a_fault_without_a_client_to_meet_is_told() -> None:
    fails("steps: [{ fault: { on: client, do: drop } }]", "verb", "there is nothing that it could hit")
    fails("steps: [{ fault: { on: client, do: slow_reader } }, { advance: 1s }]", "fault_unused", "client slow_reader")


def test_a_shell_that_is_not_read_is_dropped_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "OUTGOING_BYTES_MAX", 64 * 1024)
    passes("""
        steps:
          - subscribe: { paths: [Status], over: ssh, id: panel }
          - fault: { on: client, do: slow_reader, target: { client: panel }, id: hangs }
          - repeat: { times: 900, steps: [{ mute: toggle }] }
            expect: { log: "ssh session of admin from 127.0.0.1 dropped: it has left 65536 bytes unread" }
            never: { client: { panel: closed } }
          - xcommand: Security Session List
            expect: { result: { Session: { exists: false } } }
          - heal: hangs
            expect: { client: { panel: closed } }
    """)


@pytest.mark.parametrize("over", ["ssh", "websocket"])
def test_a_client_that_reads_again_in_time_has_missed_nothing(over: str) -> None:
    passes(f"""
        steps:
          - subscribe: {{ paths: [Status Audio Volume], over: {over}, id: panel }}
          - fault: {{ on: client, do: slow_reader, target: {{ client: panel }}, id: hangs }}
          - repeat: {{ times: 5, steps: [{{ volume: 30 }}, {{ volume: 31 }}] }}
            never: {{ client: {{ Status Audio Volume: {{}} }}, for: 1m }}
          - heal: hangs
            expect: {{ client: {{ Status Audio Volume: {{ is: 31, times: 5 }} }} }}
    """)


@pytest.mark.parametrize("over", ["ssh", "websocket"])
def test_a_cable_that_is_back_soon_costs_nothing(over: str) -> None:
    passes(f"""
        steps:
          - subscribe: {{ paths: [Status Audio Volume], over: {over}, id: panel }}
          - fault: {{ on: client, do: half_open, for: 1m, target: {{ client: panel }} }}
          - volume: 30
            expect: {{ client: {{ Status Audio Volume: 30 }}, not_before: 1m, within: 3m }}
            never: {{ client: {{ panel: closed }} }}
    """)


def test_a_receiver_that_is_gone_without_a_word_costs_ten_seconds() -> None:
    passes("""
        steps:
          - subscribe: { paths: [Status Audio Volume], over: http, id: receiver }
          - fault: { on: client, do: half_open, target: { client: receiver } }
          - volume: 30
            expect: { log: "slot 1 failed: ", xstatus: { HttpFeedback 1 Status: Failed }, not_before: 9s, within: 11s }
    """)


def test_a_door_of_https_has_so_many_connections() -> None:
    outcome = passes("""
        steps:
          - subscribe: { paths: [Status Audio Volume], over: http, id: receiver }
          - fault: { on: client, do: flood, what: connections, id: many }
          - advance: 8500ms
          - heal: many
            expect: { trace: { kind: xapi.flood, data.answered: 200, data.refused: 25 } }
          - xcommand: { path: Audio Volume Mute, over: http }
            expect: { result: { status: OK } }
    """)
    assert len(events(outcome, "xapi.flood")) == 1


@pytest.mark.parametrize("over", DOORS)
@pytest.mark.parametrize(
    "more",
    ["{ note: it stays }", "{ fault: { on: client, do: half_open } }", "{ fault: { on: client, do: slow_reader } }"],
)
def test_nothing_of_a_client_is_left_open(over: str, more: str) -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        passes(
            f"device: {{ at: online }}\nsteps: [{{ subscribe: {{ paths: [Status Audio], over: {over} }} }}, {more}, {{ advance: 1s }}]"
        )
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize("over", DOORS)
def test_nothing_of_a_connection_is_left_open_when_its_client_comes_again(over: str) -> None:
    subscribe = f"{{ subscribe: {{ paths: [Status Audio], over: {over}, id: panel }} }}"
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        passes(
            f"device: {{ at: online }}\nsteps: [{subscribe}, {{ fault: {{ on: client, do: drop }} }}, {{ advance: 1s }}, {subscribe}]"
        )
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize("do", ["flood", "half_open", "slow_reader"])
def test_a_door_says_who_has_clients(do: str) -> None:
    with pytest.raises(LineError, match="a scenario has one"):
        read_fault(["client", do])
    assert ("client", do) in NOT_DEVICE


@pytest.mark.parametrize("file", ["xapi/over_ssh.yaml", "xapi/subscriptions.yaml", "faults/client_cut.yaml"])
def test_clients_work_over_real_sockets(file: str) -> None:
    outcome = run_scenario(load(SCENARIOS / file)[0], mode="wire")
    assert outcome.result == "passed", outcome.reports
