"""Every row of the table of faults is carried out: it arms, its injection point is asked, it bites, and it ends."""

from __future__ import annotations

import pytest

from endpoint.runtime.quality import SHAPES
from endpoint.runtime.vocabulary import FAULTS, PARAMETERS
from scenarios.runner.fault_verbs import FaultSpec
from scenarios.runner.notyet import NOT_YET
from scenarios.runner.problems import ScenarioError
from scenarios.runner.run import Outcome
from tests.scenarios.stories import ONLINE, passes, play, story

BITES = "expect: { trace: { kind: fault.bit }, within: 5m, optional: true }"
NEW_CONNECTION = ["advance: 1m", "refresh: wdm\n    " + BITES]
IDLE = ["advance: 30s\n    " + BITES]
REQUEST = ["refresh: wdm\n    " + BITES]
FRAME = ["cloud.meeting.create: { id: m, starts: +1h, lasts: 15m }\n    " + BITES]
RECONNECTION = ["cloud.mercury.close: 1001\n    " + BITES]
DISCOVERY = ["discover: clusters\n    " + BITES]
TOKEN = ["refresh: token\n    " + BITES]
CATALOG = ["refresh: catalog\n    " + BITES]
RESTART = ["restart: device\n    " + BITES]
ACTIVATION = ["activate: ${cloud.code}\n    " + BITES]
RENEWAL = ["activate: ${cloud.code}", "refresh: trust\n    " + BITES]
MINIMAL = ["cloud.meeting.create: { id: m, starts: +1h, lasts: 15m, push: minimal }\n    " + BITES]
PRESS = [
    "cloud.meeting.create: { id: m, starts: +1m, lasts: 15m, join: { callURI: 1@zoomcrc.com } }",
    "wait: { screen: { join button: { visible: true } } }",
    "press: join button\n    " + BITES,
]
PAGE = ["cloud.meeting.create: { id: m, starts: +1h, lasts: 15m }", "sync: calendar\n    " + BITES]

INVITE = [
    "cloud.person: { who: Ana Smith, enabled: false }",
    'cloud.invite: { id: m, starts: +1h, lasts: 15m, location: "@webex", body: x }\n    ' + BITES,
]

DIAL = ["dial: ada@sip.example\n    " + BITES]
RING = ["cloud.call: ring\n    " + BITES]
MEETING = (
    "webex_meeting: { id: m, starts: +1m, lasts: 15m }\n    expect: { screen: { join button: { visible: true } } }"
)
HOST = "cloud.participant: { meeting: m, who: Ana Smith, do: join, role: host }"
JOIN = [MEETING, HOST, "press: join button\n    " + BITES]
IN_CALL = [
    MEETING,
    "press: join button\n    expect: { calls: [{ status: Connected }], within: 5s }",
    HOST,
    "cloud.participant: { meeting: m, who: Ana Smith, do: mute }\n    " + BITES,
]

INTEROP = [
    "cloud.invite: { id: m, starts: +1h, lasts: 15m, location: Microsoft Teams Meeting, "
    'body: "Join with a video conferencing device: 123456789@m.webex.com Video ID: 118 923 456 7" }\n    ' + BITES,
]
OFFER = ["cloud.software.offer: { version: ce26.5, urgency: Critical }\n    " + BITES]
CALL = ["dial: ada@sip.example\n    " + BITES]

PROVOKED = {
    "tcp.idle_cut": IDLE,
    "link": NEW_CONNECTION, "dns": NEW_CONNECTION, "tcp": NEW_CONNECTION, "tls": NEW_CONNECTION, "http": REQUEST, "websocket": FRAME,
    "mercury": FRAME, "udp": DISCOVERY, "stun": DISCOVERY, "token": TOKEN, "catalog": CATALOG, "activation": ACTIVATION, "wdm": REQUEST,
    "calendar": FRAME, "mercury.refuse": RECONNECTION, "websocket.refuse": RECONNECTION, "mercury.no_first_frame": RECONNECTION,
    "mercury.wrong_first_frame": RECONNECTION, "mercury.auth_refused": RECONNECTION, "wdm.excessive": RESTART,
    "media": CALL, "software": OFFER, "hybrid.no_interop": INTEROP, "proxy": RESTART, "proxy.strip_upgrade": RECONNECTION,
    "kms": FRAME, "hybrid": INVITE, "calendar.minimal_not_found": MINIMAL, "calendar.short_page": PAGE, "calendar.sip_button": PRESS,
    "client": ["advance: 2s"], "storage": RESTART, "activation.certificate_renewed": RENEWAL,
    "locus": DIAL, "locus.elsewhere": RING, "locus.locked": JOIN, "locus.lobby": JOIN, "locus.full": JOIN, "locus.pin": JOIN,
    "locus.moved": JOIN, "locus.cancelled": RING,
    "locus.delta_gap": IN_CALL, "locus.out_of_order": IN_CALL, "locus.duplicate": IN_CALL, "locus.too_big": IN_CALL,
    "locus.url_changed": IN_CALL, "locus.lost_passcode": ["dial: 81234567890.112233@zoomcrc.com\n    " + BITES],
}  # fmt: skip
"""How to make a fault bite: by layer, or by row where that differs."""
CONNECTED = "subscribe: { paths: [Status Audio], over: websocket }"
BEFORE = {
    "locus.ended": ["dial: ada@sip.example\n    expect: { calls: [{ status: Connected }], within: 5s }"],
    **{f"client.{do}": [CONNECTED] for do in FAULTS["client"]},
}
"""What has to be there that a momentary fault can hit."""
OWN = {
    "clock": "by: 1h",
    "clock.drift": "by: 30s",
    "clock.freeze": "",
    "link.flap": "every: 1m",
    "tcp.idle_cut": "idle: 10s",
    "http.redirect": "to: https://elsewhere.wbx2.test/",
    "locus.redirect": "to: https://elsewhere.wbx2.test/",
}
"""Parameters that a fault needs."""
MANUAL = "NetworkServices HTTP Proxy Mode: Manual, NetworkServices HTTP Proxy Url: http://proxy.example.test:8080"
SCRIPT = "NetworkServices HTTP Proxy Mode: PACUrl, NetworkServices HTTP Proxy PACUrl: http://pac.example.test/proxy.pac"
ROWS = [(on, do) for on, actions in FAULTS.items() for do in actions]


def written(on: str, do: str) -> str:
    """Write a row as a step."""
    own = OWN.get(f"{on}.{do}", OWN.get(on))
    is_counted = not FAULTS[on][do].momentary and on not in ("clock", "link", "client") and (on, do) not in SHAPES
    more = [
        part
        for part in (
            own,
            "count: 1" if is_counted else "",
            "target: { kind: access }" if on == "token" and do == "revoke" else "",
        )
        if part
    ]
    return f"fault: {{ on: {on}, do: {do}, id: it, {', '.join(more)} }}"


def head(on: str, do: str) -> str:
    """Write the stage on which a fault can bite."""
    at = "factory" if on == "activation" else "online"
    if on != "proxy":
        return f"device: {{ at: {at} }}\n"
    way = SCRIPT if do.startswith("pac") else MANUAL
    return (
        "cloud: { tls: { trust_list: 1 }, proxy: { intercept: trusted } }\n"
        f"device: {{ at: {at}, config: {{ {way} }} }}\n"
    )


def provoke(on: str, do: str) -> Outcome:
    """Run a story in which a fault has every reason to bite; one that does not bite fails it."""
    steps = [*BEFORE.get(f"{on}.{do}", ()), written(on, do)]
    if not FAULTS[on][do].happens_now and on != "clock":
        steps += PROVOKED.get(f"{on}.{do}") or PROVOKED[on]
    return play(f"{head(on, do)}steps:\n" + "".join(f"  - {step}\n" for step in [*steps, "heal: it"]))


@pytest.mark.parametrize(("on", "do"), ROWS, ids=[f"{on}-{do}" for on, do in ROWS])
def test_every_row_of_the_table_bites(on: str, do: str) -> None:
    outcome = provoke(on, do)
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    assert outcome.trace is not None
    seen = {event.kind for event in outcome.trace.events if event.data.get("id") == "it"}
    assert seen & ({"fault.struck"} if FAULTS[on][do].happens_now else {"fault.armed"})


@pytest.mark.parametrize(("on", "do", "what"), [(on, do, what) for on, do in ROWS for what in FAULTS[on][do].whats[1:]])
def test_every_value_of_what_is_a_way_of_its_own(on: str, do: str, what: str) -> None:
    provocation = (PROVOKED.get(f"{on}.{do}") or PROVOKED[on])[-1]
    own = f", {OWN[f'{on}.{do}']}" if f"{on}.{do}" in OWN else ""
    fault = f"fault: {{ on: {on}, do: {do}, what: {what}{own} }}"
    steps = [*BEFORE.get(f"{on}.{do}", ()), fault, provocation, "heal: all"]
    outcome = play(f"{head(on, do)}steps:\n" + "".join(f"  - {step}\n" for step in steps))
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])


def test_table_and_model_fit() -> None:
    assert set(PARAMETERS) <= set(FaultSpec.model_fields)
    rows = {f"{on}.{do}" for on, do in ROWS}
    assert rows & set(NOT_YET) == set()
    assert set(PROVOKED) <= rows | set(FAULTS)
    for on, do in ROWS:
        action = FAULTS[on][do]
        assert action.momentary or not action.waits
        assert bool(action.whats) == ("what" in action.params), (on, do)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("{ on: http, do: malformed, what: headers }", "`malformed` on http takes as `what`: json, utf8"),
        ("{ on: http, do: error, direction: up }", "`error` on http has no direction"),
        ("{ on: wdm, do: excessive, target: { path: /x } }", "`excessive` on wdm cannot be aimed at a `path`; it can at: device"),
        ("{ on: activation, do: bad_proof, target: { code: x } }", "cannot be aimed at a `code`; it can at: nothing"),
        ("{ on: mercury, do: reset, after: { count: 3 } }", "`reset` on mercury happens now, not at an item"),
        ("{ on: clock, do: jump }", "`jump` on clock takes `by`, such as -3s"),
        ("{ on: clock, do: skew, by: 1s, count: 2 }", "`skew` on clock is not made of items that could be counted"),
        ("{ on: http, do: error, count: 2, for: 1m }", "a fault has one limit: for, count or until"),
        ("{ on: http, do: error, every: 1m }", "`error` on http lasts; `every` is for what happens once"),
        ("{ on: mercury, do: reset, every: 0s }", "write a duration above 0s"),
        ("{ on: mercury, do: reset, every: 1m, count: 2, for: 1m }", "a fault has one limit: for, count or until"),
        ("{ on: link, do: flap, every: 1s, by: 2s }", "the link is down for `by`, which is less than `every`"),
        ("{ on: link, do: mtu, bytes: 20B }", "a packet has 68B to 9000B"),
        ("{ on: link, do: mtu, percent: 10% }", "`mtu` on link is not made of items that could be counted"),
        ("{ on: link, do: throttle, rate: 2000 }", "write bits per second, such as 2000kbit"),
        ("{ on: tcp, do: delay, by: { from: 3s, to: 1s } }", "`from` is at most `to`"),
        ("{ on: tcp, do: delay, by: { from: 3s } }", "write { from: 1s, to: 3s }"),
        ("{ on: clock, do: skew, by: { from: 1s, to: 3s } }", "`skew` on clock takes one duration as `by`"),
        ("{ on: clock, do: drift, by: 2h }", "a clock drifts by at most 30m an hour"),
        ("{ row: dns.nxdomain, id: { a: b } }", "write a name"),
        ("{ row: websocket.4401, for: 1m }", "happens once, now; `for` is for faults that last"),
    ],
)  # fmt: skip
def test_what_would_be_ignored_is_refused(fault: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        story(f"steps: [{{ fault: {fault} }}]")
    assert complaint in str(caught.value)


# when faults begin and end


def run_steps(*steps: str) -> Outcome:
    """Run steps in front of an online device; every expectation in them has to be met."""
    return passes(ONLINE + "".join(f"  - {step}\n" for step in steps))


def instants(outcome: Outcome, kind: str) -> list[float]:
    """Return when something happened to the fault `it`, in seconds since the first step."""
    assert outcome.trace is not None
    events = list(outcome.trace.events)
    start = next(event.t for event in events if event.kind == "step.start")
    return [(event.t - start) / 1e6 for event in events if event.kind == kind and event.data.get("id") == "it"]


def test_fault_begins_after_a_while_and_ends_after_a_while() -> None:
    outcome = run_steps("fault: { on: wdm, do: error, id: it, after: 10s, for: 20s, optional: true }", "advance: 1m")
    assert (instants(outcome, "fault.armed"), instants(outcome, "fault.healed")) == ([10.0], [30.0])


def test_fault_begins_and_ends_at_anchors() -> None:
    outcome = run_steps(
        "fault: { on: http, do: delay, by: 1s, id: it, after: mercury closed, until: mercury open, optional: true }",
        "advance: 10s",
        "cloud.mercury.close: 1001\n    expect: { mercury: [closed, connecting, open], within: 1m }",
        "advance: 10s",
    )
    (began,), (ended,) = instants(outcome, "fault.armed"), instants(outcome, "fault.healed")
    assert 10.0 <= began < ended < 70.0


def test_fault_follows_another_one() -> None:
    outcome = run_steps(
        "fault: { on: udp, do: drop, id: first, after: 5s, optional: true }",
        "fault: { on: http, do: delay, by: 1s, id: it, after: fault first, optional: true }",
        "advance: 10s",
    )
    assert instants(outcome, "fault.armed") == [5.0]


def test_fault_that_is_healed_before_it_begins_does_not_begin() -> None:
    outcome = run_steps("fault: { on: wdm, do: error, id: it, after: 1m, optional: true }", "heal: it", "advance: 1h")
    assert instants(outcome, "fault.armed") == []


def test_used_up_fault_can_be_healed_and_its_id_used_again() -> None:
    outcome = run_steps(*["fault: { on: wdm, do: error, status: 503, count: 1, id: it }", *REQUEST, "heal: it"] * 2)
    assert len(instants(outcome, "fault.armed")) == len(instants(outcome, "fault.bit")) == 2


def test_fault_holds_once_under_one_id() -> None:
    outcome = play(ONLINE + "  - fault: { on: wdm, do: error, id: it }\n" * 2)
    assert outcome.kinds == ["verb"]
    assert "fault it holds already" in outcome.reports[0]


def test_fault_skips_matches_and_takes_a_share() -> None:
    outcome = run_steps(
        "fault: { on: http, do: error, status: 500, id: it, after: { count: 2 }, count: 1, target: { service: wdm } }",
        "refresh: wdm", "refresh: wdm",
        "refresh: wdm\n    expect: { request: { service: wdm, status: 500 } }",
    )  # fmt: skip
    assert len(instants(outcome, "fault.bit")) == 1
    hits = []
    for seed in range(6):
        outcome = play(
            ONLINE
            + "  - fault: { on: http, do: delay, by: 10ms, id: it, percent: 50%, target: { service: wdm }, optional: true }\n"
            "  - repeat: { times: 20, steps: [{ refresh: wdm }] }\n",
            seed=seed,
        )
        hits.append(len(instants(outcome, "fault.bit")))
    assert all(2 <= hit <= 18 for hit in hits)
    assert len(set(hits)) > 1


@pytest.mark.parametrize(
    "fault", ["link.down", "{ on: link, do: down, id: link.down }", "{ on: link, do: flap, by: 20s, id: link.down }"]
)
def test_a_link_is_that_of_the_device_of_the_step(fault: str) -> None:
    outcome = play(
        "devices: { desk: { at: online }, room: { at: online } }\n"
        "steps:\n"
        f"  - {{ fault: {fault}, device: desk, expect: {{ diagnostics: {{ NetLinkStatus: Error }} }} }}\n"
        "  - { advance: 5s, device: room, expect: { diagnostics: { count: 0 }, mercury: open } }\n"
        "  - { heal: link.down, device: desk, expect: { well: true, within: 2m } }\n"
    )
    assert outcome.result == "passed", "\n\n".join(outcome.reports)


def test_limits_beside_a_row_go_to_those_of_its_faults_that_last() -> None:
    outcome = run_steps(
        "fault: { row: captive_portal, for: 5m, id: it }\n"
        "    expect: { diagnostics: { CaptivePortalDetected: Warning }, within: 4m }",
        "wait: { well: true, diagnostics: { count: 0 }, within: 6m }",
    )
    assert instants(outcome, "fault.healed") == [300.0]


@pytest.mark.parametrize(
    "fault", ["fault: { on: mercury, do: reset, every: 10s, count: 2, id: it }", "chaos: { on: [mercury], every: 10s, for: 20s, id: it }"]
)  # fmt: skip
def test_a_name_is_free_again_when_all_has_happened(fault: str) -> None:
    run_steps(fault, "advance: 1m", fault, "wait: { well: true, within: 3m }")


def test_a_parameter_that_only_the_run_knows_is_held_to_the_same() -> None:
    rotated = "cloud.cluster.rotate: locus\n    save: { host: host }"
    outcome = play(ONLINE + f"  - {rotated}\n" + '  - fault: { on: udp, do: rewrite, to: "${saved.host}" }\n')
    assert outcome.result == "failed"
    assert "`rewrite` on udp leads to an address, such as 192.0.2.7" in "".join(outcome.reports)


def test_heal_ends_a_row_whole_and_no_other_whose_name_begins_so() -> None:
    outcome = run_steps(
        "fault: { on: wdm, do: error, id: it, optional: true }",
        "fault: { on: dns, do: delay, id: it.too, optional: true }",
        "fault: { row: captive_portal, id: portal, optional: true }",
        "heal: it",
        "heal: portal",
        "note: healed",
    )
    assert outcome.trace is not None
    events = list(outcome.trace.events)
    note = next(event.n for event in events if event.kind == "note")
    healed = [event.data["id"] for event in events if event.kind == "fault.healed" and event.n < note]
    assert healed == ["it", "portal", "portal.2"]


def test_chaos_of_one_name_is_there_once() -> None:
    chaos = "{ chaos: { on: [link], every: 1h, for: 2h, id: storm } }"
    outcome = play(f"device: {{ at: online }}\nsteps: [{chaos}, {chaos}]")
    assert "storm holds already; heal it first or give another id" in outcome.reports[0]


def test_bounds_of_a_delay_stand_in_any_order() -> None:
    (step,) = story("steps: [{ fault: { on: tcp, do: delay, by: { to: 3s, from: 1s } } }]").steps
    (same,) = story("steps: [{ fault: { on: tcp, do: delay, by: { from: 1s, to: 3s } } }]").steps
    assert step.args == same.args


def test_aim_at_a_device_by_its_own_name() -> None:
    outcome = play("""
        devices: { room: { at: online }, desk: { at: online } }
        steps:
          - fault: { on: mercury, do: close, code: 1001, target: { device: desk } }
            device: desk
            expect: { mercury: closed }
          - note: the other one stays
            device: room
            expect: { mercury: open, within: 0s }
          - fault: { on: wdm, do: error, status: 503, count: 1, target: { device: desk } }
          - refresh: wdm
            device: room
          - refresh: wdm
            device: desk
            expect: { request: { service: wdm, status: 503 }, within: 10s }
    """)
    assert outcome.result == "passed", "\n\n".join(outcome.reports)
    assert (
        "no device is named dsk"
        in play(ONLINE + "  - fault: { on: wdm, do: error, target: { device: dsk } }").reports[0]
    )


def test_aim_at_meetings_and_codes_by_their_own_names() -> None:
    outcome = run_steps(
        "cloud.meeting.create: { id: one, starts: +1h, lasts: 15m }",
        "cloud.meeting.create: { id: two, starts: +1h, lasts: 15m }",
        "fault: { on: calendar, do: push_lost, target: { meeting: two }, id: it }",
        "cloud.meeting.update: { id: one, lasts: 30m }\n    expect: { frame: { data.eventType: calendar.meeting.update } }",
        "cloud.meeting.update: { id: two, lasts: 30m }\n    never: { frame: { data.eventType: calendar.meeting.update }, for: 3s }",
    )
    assert len(instants(outcome, "fault.bit")) == 1
    outcome = play("""
        steps:
          - cloud.code.create: one
          - cloud.code.create: two
          - fault: { on: activation, do: locked, target: { code: one } }
          - activate: ${saved.one}
            expect: { log: "Activation: failed: code.locked" }
          - activate: ${saved.two}
    """)
    assert outcome.result == "passed", "\n\n".join(outcome.reports)


def test_media_servers_are_picked_as_many_as_there_are() -> None:
    head = "cloud: { media: { servers: 30 } }\n" + ONLINE
    fault = "  - fault: { on: stun, do: silent, target: { servers: 10, of: OF, pick: PICK } }\n"
    discovery = "  - discover: clusters\n    expect: { discovery: { asked: 30, answered: 20 }, within: 15s }\n"
    for pick in ("first", "seeded"):
        outcome = play(head + fault.replace("OF", "30").replace("PICK", pick) + discovery)
        assert outcome.result == "passed", "\n\n".join(outcome.reports)
    assert (
        "there are 30 media servers, not 210"
        in play(head + fault.replace("OF", "210").replace("PICK", "first")).reports[0]
    )


def test_clock_faults_put_clocks_wrong_and_right_again() -> None:
    outcome = run_steps(
        "fault: { on: clock, do: skew, by: 1h, id: it, target: { device: room } }",
        "refresh: wdm",
        "heal: it",
        "fault: { on: clock, do: jump, by: -30m, target: { of: cloud } }",
        "refresh: wdm",
    )
    assert outcome.trace is not None
    sent = [
        event.at[11:16]
        for event in outcome.trace.events
        if event.kind == "http.request" and event.data["method"] == "PUT"
    ]
    assert sent == ["09:00", "08:00", "08:00", "07:30"]  # as sent and as received, twice


def test_link_that_is_down_cuts_everything_and_comes_back_by_itself() -> None:
    run_steps(
        "network: { link: down, for: 5m }\n    expect: { mercury: closed }",
        "refresh: wdm\n    expect: { trace: { kind: http.failed }, within: 6m }",
        "wait: { mercury: open, xstatus: { Webex Status: Registered }, within: 10m }",
    )
    run_steps(
        "fault: { on: link, do: down, id: it }\n    expect: { mercury: closed }",
        "heal: it\n    expect: { mercury: open, within: 10s }",
    )


# the conditions of a network


def conditions_of(outcome: Outcome) -> list[tuple[str, dict[str, object]]]:
    """List what was armed for the verb `network`, and what was taken back, in their order."""
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    assert outcome.trace is not None
    return [
        (event.kind, dict(event.data))
        for event in outcome.trace.events
        if event.kind in ("fault.armed", "fault.healed") and str(event.data["id"]).startswith("network of")
    ]


def test_conditions_take_the_place_of_those_before_in_their_direction() -> None:
    told = conditions_of(play(
        "steps:\n"
        "  - network: { latency: 80ms, loss: 1% }\n"
        "  - network: { rate: 2000kbit, direction: up, for: 1m }\n"
        "  - advance: 2m\n"
        "  - network: { latency: 0s }\n"
    ))  # fmt: skip
    assert [(kind, data["id"]) for kind, data in told] == [
        ("fault.armed", "network of room up"),
        ("fault.armed", "network of room down"),
        ("fault.healed", "network of room up"),
        ("fault.armed", "network of room up"),
        ("fault.healed", "network of room up"),
        ("fault.healed", "network of room down"),
    ]
    assert {name: told[0][1][name] for name in ("latency", "loss")} == {"latency": "0.08", "loss": "0.01"}
    assert "latency" not in told[3][1]
    assert told[3][1]["rate"] == 2_000_000


def test_what_the_network_of_the_machine_cannot_do_is_skipped_with_its_reason() -> None:
    outcome = play("steps:\n  - network: { latency: 80ms }\n  - fault: { on: link, do: mtu }\n", mode="wire")
    assert outcome.result == "passed"
    assert [(step, "mode virtual" in reason) for step, reason in outcome.skipped_steps] == [("1", True), ("2", True)]


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        ("{ for: 1m }", "write link, or some of latency, jitter, loss, rate, mtu"),
        ("{ link: down, latency: 1s }", "a link that is down has no other conditions"),
        ("{ link: down, direction: up }", "a link has no direction"),
        ("{ loss: 0.01 }", "write a percentage, such as 30%"),
        ("{ mtu: 20B }", "a packet has 68B to 9000B"),
        ("{ rate: 0kbit }", "write bits per second"),
    ],
)
def test_conditions_that_say_nothing_or_too_much_are_refused(network: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        story(f"steps: [{{ network: {network} }}]")
    assert complaint in str(caught.value)


def test_what_happens_once_happens_as_often_as_the_file_says() -> None:
    outcome = play(
        "device: { at: online }\n"
        "steps:\n"
        "  - fault: { on: mercury, do: reset, every: 30s, count: 3, id: it }\n"
        "  - advance: 10m\n"
        "  - fault: { on: mercury, do: malformed, every: 1m, for: 150s, id: that }\n"
        "  - advance: 10m\n"
    )
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    assert outcome.trace is not None
    times = [event.t // 1_000_000 for event in outcome.trace.events if event.kind == "fault.struck"]
    assert [second - times[0] for second in times] == [0, 30, 60]
    armed = [event for event in outcome.trace.events if event.kind == "fault.armed" and event.data["id"] == "that"]
    bites = [event for event in outcome.trace.events if event.kind == "fault.bit" and event.data["id"] == "that"]
    assert 1 <= len(bites) <= len(armed) <= 3
