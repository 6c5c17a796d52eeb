"""What the runner makes of the language: every flow word, every way to fail, both modes."""

from __future__ import annotations

import pytest

from scenarios.runner.loader import load
from scenarios.runner.run import run_scenario
from tests.scenarios.stories import ONLINE, SCENARIOS, fails, passes, play

# devices


def test_several_devices_have_an_identity_each() -> None:
    outcome = passes("""
        devices:
          room: { at: online }
          desk: { product: Desk Pro, at: online }
        steps:
          - cloud.meeting.create: { id: mine, starts: +1h, lasts: 15m }
            device: desk
            expect: { frame: { data.eventType: calendar.meeting.create }, within: 1s }
          - note: the other one hears nothing of it
            device: room
            never: { frame: { data.eventType: calendar.meeting.create }, for: 5s }
          - cloud.mercury.close: 1001
            device: room
            expect: { mercury: [closed, connecting, open], within: 1m }
          - wait: { mercury: open }
            device: desk
    """)
    assert outcome.trace is not None
    peers = {event.peer for event in outcome.trace.events if event.who == "cloud:mercury" and event.kind == "ws.open"}
    assert peers == {"device:room", "device:desk"}


def test_verbs_at_one_instant_act_on_their_own_devices() -> None:
    passes("""
        devices: { room: { at: factory }, desk: { product: Desk Pro, at: factory } }
        steps:
          - activate: ${cloud.code}
            device: room
            meanwhile:
              - activate: ${cloud.code}
                device: desk
            expect: { xstatus: { Webex Status: Registered }, within: 10s }
          - wait: { xstatus: { Webex Status: Registered, SystemUnit ProductId: Cisco Webex Desk Pro } }
            device: desk
    """)


def test_device_is_online_and_has_measured_by_the_start_of_the_clock() -> None:
    outcome = passes("""
        clock: { start: "2026-03-02T08:50:00Z", zone: Europe/Oslo }
        device: { at: online }
        steps:
          - note: on time
            expect:
              mercury: open
              discovery: { status: Completed }
              xstatus: { Webex Status: Registered }
              within: 0s
    """)
    assert outcome.trace is not None
    assert next(event.at for event in outcome.trace.events if event.kind == "step.start") == "2026-03-02T08:50:00.000Z"


def test_device_that_cannot_be_brought_online_is_an_error_with_its_reason() -> None:
    outcome = play("device: { at: online }\ncloud: { tls: { trust_list: no_array } }\nsteps: [{ note: x }]")
    assert outcome.result == "passed"  # a wrong trustList hurts nobody
    outcome = play("cloud: { media: { silent: 500 } }\nsteps: [{ note: x }]")
    assert outcome.result == "error"
    assert outcome.reason.startswith("the stage could not be set: ")
    assert "500" in outcome.reason


def test_bring_up_by_hand_waits_for_each_verb() -> None:
    passes("""
        device: { bring_up: manual }
        steps:
          - activate: ${cloud.code}
            never: { request: { POST: /wdm/api/v1/devices }, for: 1m }
          - register: wdm
            expect: { xstatus: { Webex Status: Registered } }
            never: { mercury: open, for: 1m }
          - connect: mercury
            expect: { mercury: open }
            never: { request: { service: calendar }, for: 1m }
          - sync: calendar
            expect: { request: { service: calendar, status: 200 } }
          - disconnect: mercury
            expect: { mercury: closed }
    """)


# flow


def test_setup_and_finally_are_run_around_the_steps() -> None:
    outcome = passes("""
        setup: [{ note: before }]
        steps: [{ note: in between }]
        finally: [{ note: after }]
    """)
    assert outcome.trace is not None
    assert [(e.step, e.data["text"]) for e in outcome.trace.events if e.kind == "note"] == [
        (None, "before"), (1, "in between"), (None, "after"),
    ]  # fmt: skip


def test_failing_setup_is_an_error_and_finally_still_runs() -> None:
    outcome = play("""
        setup: [{ advance: 1s, expect: { mercury: open } }]
        steps: [{ note: never reached }]
        finally: [{ note: tidied up }]
    """)
    assert (outcome.result, outcome.kinds) == ("error", ["expectation"])
    assert "step setup 1" in outcome.reports[0]
    assert outcome.trace is not None
    assert [event.data["text"] for event in outcome.trace.events if event.kind == "note"] == ["tidied up"]


def test_finally_runs_after_a_failure_and_can_fail_by_itself() -> None:
    outcome = play("""
        steps: [{ advance: 1s, expect: { mercury: open } }]
        finally: [{ advance: 1s, expect: { mercury: open } }]
    """)
    assert (outcome.result, outcome.kinds) == ("failed", ["expectation", "expectation"])
    assert play("steps: [{ note: x }]\nfinally: [{ connect: mercury }]").result == "failed"


def test_step_numbers_of_the_report_are_those_of_the_trace() -> None:
    outcome = play("""
        setup: [{ note: a }, { note: b }]
        steps:
          - note: c
          - repeat: { times: 2, steps: [{ note: d }, { note: e }] }
          - advance: 1s
            expect: { mercury: open }
    """)
    assert outcome.failures[0].step == "3"
    assert "--until-step 3" in outcome.reports[0]
    assert outcome.trace is not None
    last = [event for event in outcome.trace.events if event.kind == "step.failed"]
    assert [(event.step, event.data["step"], event.data["kind"]) for event in last] == [(3, "3", "expectation")]


@pytest.mark.parametrize(("until", "done"), [(0, 0), (2, 2), (3, 3), (9, 3)])
def test_until_step_is_the_last_step_that_runs(until: int, done: int) -> None:
    outcome = play("setup: [{ note: a }]\nsteps: [{ note: b }, { note: c }, { note: d }]", until_step=until)
    assert (outcome.result, outcome.steps_done) == ("passed", done)


def test_replayed_piece_does_not_fail_for_faults_that_bite_later() -> None:
    text = ONLINE + "  - fault: { on: wdm, do: excessive }\n  - note: x"
    assert play(text, until_step=1).result == "passed"
    assert play(text).kinds == ["fault_unused"]


def test_repeat_runs_its_steps_at_its_own_pace() -> None:
    outcome = passes("""
        steps:
          - repeat: { times: 3, every: 1h, steps: [{ note: again }, { advance: 10m }] }
          - note: done
    """)
    assert outcome.trace is not None
    notes = [(event.t // 1_000_000, event.data["text"]) for event in outcome.trace.events if event.kind == "note"]
    assert notes == [(0, "again"), (3600, "again"), (7200, "again"), (7800, "done")]


def test_step_in_a_repeat_fails_at_its_place() -> None:
    outcome = fails(
        "steps:\n  - repeat:\n      times: 2\n      steps:\n        - advance: 1s\n          expect: { mercury: open }\n",
        "expectation",
        "step 1.1",
    )
    assert outcome.failures[0].place.line == 7


def test_meanwhile_happens_at_the_instant_of_the_verb() -> None:
    outcome = passes(
        ONLINE
        + """
  - fault: { on: mercury, do: reset }
    meanwhile:
      - cloud.meeting.create: { id: lost, starts: +1h, lasts: 15m }
    expect: { mercury: [closed, connecting, open], log: "calendar catch-up: 1 event(s)", within: 1m }
    never: { frame: { data.eventType: calendar.meeting.create } }
    """
    )
    assert outcome.trace is not None
    struck = next(event for event in outcome.trace.events if event.kind == "fault.struck")
    pushed = next(event for event in outcome.trace.events if event.kind == "calendar.push")
    assert struck.t == pushed.t


def test_what_is_saved_comes_from_the_result_or_from_what_matched() -> None:
    passes(
        ONLINE
        + """
  - cloud.meeting.create: { id: review, title: Review, starts: +1h, lasts: 15m }
    save: { meeting: id }
    expect: { frame: { data.eventType: calendar.meeting.create } }
  - cloud.meeting.update: { id: review, title: Preview }
    expect: { log: "Decrypting title for calendar event with id='${saved.meeting}'" }
  - refresh: wdm
    save: { path: path }
    expect: { request: { PUT: /wdm/api/v1/devices/*, status: 200 } }
  - refresh: wdm
    expect: { request: { PUT: "${saved.path}", status: 200 } }
  - wait: { log: { module: Wx2Http, text: { starts: HTTP } } }
    save: { line: text }
    meanwhile: [{ refresh: wdm }]
  - note: ${saved.line}
    expect: { trace: { kind: note, data.text: { matches: "HTTP[(][0-9]+[)] => PUT https://.*" } } }
    """
    )


def test_saving_what_is_not_there_fails_the_step() -> None:
    fails("steps: [{ note: x, save: { y: status } }]", "verb", "nothing at `status` to save")


def test_references_of_the_run_are_filled_in() -> None:
    passes("""
        steps:
          - activate: ${cloud.code}
            expect:
              request: { POST: /wdm/api/v1/devices, body: { deviceIdentifier: "${device.id}" } }
              within: 10s
          - note: ${cloud.url.wdm} of ${device.name}
            expect: { trace: { kind: note, data.text: { matches: "https://wdm-a[.]wbx2[.]test/wdm/api/v1 of room" } } }
    """)


def test_state_of_the_cloud_is_found_by_the_names_of_the_scenario() -> None:
    passes("""
        devices: { room: { at: online }, desk: { at: online } }
        steps:
          - cloud.code.create: spare
            device: room
            expect: { cloud: { code.spare.state: NEW, device.room.online: true, device.desk.online: true, device.count: 2 }, within: 0s }
          - disconnect: mercury
            device: room
            expect: { cloud: { device.room.online: false, device.desk.online: true } }
          - cloud.meeting.create: { id: review, title: Review, starts: +1h, lasts: 15m, push: none }
            device: desk
            expect: { cloud: { meeting.review.title: Review, meeting.other.title: { exists: false } }, within: 0s }
    """)


def test_never_watches_a_step_and_as_long_as_it_is_told() -> None:
    fails(
        ONLINE + "  - fault: { on: mercury, do: reset }\n    never: { mercury: closed }\n",
        "never",
        "never mercury",
        "found",
    )
    text = (
        ONLINE
        + "  - fault: { on: mercury, do: reset, after: 20s }\n    never: { mercury: closed, for: FOR }\n  - advance: 1m\n"
    )
    passes(text.replace("FOR", "19s"))
    fails(text.replace("FOR", "21s"), "never")


def test_never_of_the_file_holds_in_every_step() -> None:
    fails(
        "never: { mercury: closed }\n" + ONLINE + "  - note: x\n  - fault: { on: mercury, do: reset }\n",
        "never",
        "step 2",
    )


def test_wait_is_tracked_like_an_expectation() -> None:
    passes(ONLINE + "  - fault: { on: mercury, do: reset }\n  - wait: { mercury: open }\n")
    fails(
        ONLINE + "  - wait: { xstatus: { Webex Status: Stopped }, within: 10s }\n",
        "expectation",
        "expected  Webex Status = Stopped  within 10s",
        'got "Registered"',
        "10.000s of 10s",
    )


def test_waiting_takes_30_seconds_by_default() -> None:
    outcome = play(ONLINE + "  - wait: { xstatus: { Webex Status: Stopped } }\n")
    assert "30.000s of 30s" in outcome.reports[0]


def test_note_is_a_line_of_the_trace() -> None:
    outcome = passes("steps: [{ note: lunch }]")
    assert outcome.trace is not None
    assert [(event.who, event.data) for event in outcome.trace.events if event.kind == "note"] == [
        ("runner", {"text": "lunch"})
    ]


def test_activation_can_be_accepted_without_waiting_for_its_end() -> None:
    passes("""
        steps:
          - fault: { on: http, do: delay, by: 2s, count: 1, target: { service: activation } }
          - activate: { code: "${cloud.code}", link: async }
            never: { log: "Activation: registered" }
          - wait: { log: "Activation: registered", xstatus: { Webex Status: Registered } }
    """)


def test_device_that_was_shut_down_stays_off_until_it_is_booted() -> None:
    passes(
        ONLINE
        + """
  - restart: { action: shutdown }
    expect: { mercury: closed }
  - note: nobody is there
    never: { mercury: open, for: 5m }
  - boot: device
    expect: { xstatus: { SystemUnit LastShutdownReason: Shutdown }, mercury: open, within: 10s }
  - boot: { from: crash }
    expect: { xstatus: { SystemUnit LastShutdownReason: Unknown }, within: 10s }
    """
    )


def test_clock_of_a_device_can_be_wrong_without_hurting_timers() -> None:
    outcome = passes(
        ONLINE
        + """
  - clock: { of: device, jump: -2h }
  - advance: 10s
  - note: late
    """
    )
    assert outcome.trace is not None
    runner, room = (
        next(event for event in reversed(outcome.trace.events) if event.who == who) for who in ("runner", "device:room")
    )
    assert (runner.at[:13], room.at[:13]) == ("2026-01-05T08", "2026-01-05T06")


# ways to end


def test_expected_failure_and_unexpected_success() -> None:
    text = "xfail: { reason: known, issue: '#7' }\n"
    outcome = play(text + "steps: [{ advance: 1s, expect: { mercury: open } }]")
    assert (outcome.result, outcome.reason) == ("xfailed", "known (#7)")
    outcome = play(text + "steps: [{ note: x }]")
    assert (outcome.result, outcome.reason) == ("xpassed", "known (#7)")
    assert play(text + "setup: [{ connect: mercury }]\nsteps: [{ note: x }]").result == "error"


@pytest.mark.parametrize(
    ("head", "mode", "reason"),
    [
        ("needs: [raw]", "virtual", "needs raw, which this version does not have"),
        ("needs: [exact]", "wire", "needs exact, which mode wire does not have"),
        ("modes: [wire]", "virtual", "only for wire"),
    ],
)
def test_scenario_is_skipped_with_its_reason(head: str, mode: str, reason: str) -> None:
    outcome = play(f"{head}\nsteps: [{{ note: x }}]", mode=mode)
    assert (outcome.result, outcome.reason) == ("skipped", reason)


def test_step_is_skipped_with_its_reason_and_leaves_its_names_behind() -> None:
    outcome = passes("""
        steps:
          - cloud.code.create: here
            modes: [wire]
          - note: there is no ${saved.here}
    """)
    assert outcome.skipped_steps == [("1", "only for wire")]


def test_step_that_would_really_wait_too_long_is_skipped_in_wire_mode() -> None:
    outcome = play("steps: [{ advance: 1h }, { advance: 10ms }]", mode="wire", max_wait_s=5.0)
    assert (outcome.result, outcome.skipped_steps) == (
        "passed", [("1", "takes longer than --max-wait 5s of real time")],
    )  # fmt: skip


def test_verb_that_cannot_be_done_says_why() -> None:
    fails("steps: [{ connect: mercury }]", "verb", "register it first")
    fails("steps: [{ boot: device }]", "verb", "the device is on already")
    fails("steps: [{ cloud.mercury.close: 1001 }]", "verb", "room is not activated")
    fails('steps: [{ activate: "1234" }]', "verb", "the activation was refused (code.malformed)")
    fails(
        ONLINE + "  - cloud.device.delete: room\n  - cloud.device.delete: room\n", "verb", "no device of room any more"
    )
    fails(ONLINE + "  - cloud.device.delete: rom\n", "verb", "no device is named rom")


def test_traffic_that_nobody_expects_fails_a_strict_run() -> None:
    text = """
        device: { at: online }
        cloud: { strict: STRICT }
        steps:
          - xconfig: { Spark ServiceOverrides U2CBaseUrl: "https://u2c-a.wbx2.test/nowhere/api/v1" }
          - restart: device
            expect: { request: { service: u2c, status: 404 }, within: 30s }
    """
    fails(text.replace("STRICT", "true"), "unexpected", "nothing unexpected, web: GET /nowhere")
    passes(text.replace("STRICT", "false"))


def test_fault_that_never_bit_fails_unless_it_is_optional() -> None:
    fails(
        "steps: [{ fault: { on: wdm, do: excessive, id: idle } }]",
        "fault_unused",
        "fault idle to bite",
        "armed, never used",
    )
    fails("steps: [{ fault: { on: wdm, do: excessive, after: 1h } }]", "fault_unused")
    passes("steps: [{ fault: { on: wdm, do: excessive, optional: true } }]")


def test_waiting_for_nothing_is_a_deadlock_at_once() -> None:
    outcome = fails(
        "steps:\n  - note: x\n    expect: { xstatus: { Webex Status: Registered }, within: 7d }",
        "deadlock",
        "nothing left to happen",
    )
    assert outcome.scenario_s < 86_400


def test_verb_that_nothing_can_finish_is_a_deadlock() -> None:
    from scenarios.runner import verbs
    from scenarios.runner.world_verbs import Note

    async def stuck(stage: object, args: object) -> object:
        import asyncio

        return await asyncio.get_running_loop().create_future()

    real = verbs._actions[Note]
    verbs._actions[Note] = stuck
    try:
        fails("steps: [{ note: x }]", "deadlock", "the verb is not done")
    finally:
        verbs._actions[Note] = real


def test_scenario_that_outlasts_its_timeout_fails_at_the_step_it_was_in() -> None:
    outcome = fails(
        "timeout: 1h\nsteps: [{ note: x }, { advance: 2h }]\nfinally: [{ note: tidied up }]",
        "bound",
        "step 2",
        "not done within its timeout of scenario time, 1h",
        "3600.000s",
    )
    assert outcome.trace is not None
    assert outcome.trace.events[-1].data != {}
    assert "tidied up" in [event.data.get("text") for event in outcome.trace.events]


def test_early_is_a_failure_of_its_own() -> None:
    fails(
        ONLINE + "  - refresh: wdm\n    expect: { request: { service: wdm }, not_before: 1s, within: 5s }\n",
        "early",
        "not before 1s was right",
    )


def test_defect_of_a_check_is_told_and_not_thrown_at_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    from scenarios.runner.checks import StepChecks

    def broken(self: object, event: object) -> object:
        raise RuntimeError("broken check")

    monkeypatch.setattr(StepChecks, "feed", broken)
    with pytest.raises(RuntimeError, match="broken check"):
        play("steps: [{ note: x }]")


def test_defect_that_a_task_leaves_behind_is_an_error_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from cloud_stub.services.wdm import Wdm

    def broken(self: object, call: object) -> object:
        raise RuntimeError("broken service")

    monkeypatch.setattr(Wdm, "_register", broken)
    outcome = play(
        "steps: [{ activate: '${cloud.code}', expect: { request: { service: wdm, status: 500 }, within: 5s } }]"
    )
    assert outcome.result == "error"
    assert "internal" in outcome.kinds
    assert any("broken service" in report for report in outcome.reports)


# real sockets, real time


@pytest.mark.parametrize("file", ["activation/activation.yaml", "discovery/udp_blocked.yaml"])
def test_same_file_runs_on_real_sockets(file: str) -> None:
    (scenario,) = load(SCENARIOS / file)
    outcome = run_scenario(scenario, mode="wire")
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    assert outcome.took_s > 0


def test_real_time_of_a_run_is_bounded() -> None:
    outcome = play("steps: [{ advance: 50s }]", mode="wire", max_real_s=0.2)
    assert (outcome.result, outcome.kinds) == ("failed", ["bound"])
    assert "--max-real, 200ms" in outcome.reports[0]
