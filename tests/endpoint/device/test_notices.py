"""What people see of the device itself: banner, activation page, whether bookings are up to date."""

from __future__ import annotations

import pytest

from endpoint.device.notices import BANNERS
from endpoint.xapi.diagnostics import HIDDEN_BY, KINDS
from tests.scenarios.stories import ONLINE, passes


def test_banners_stand_for_messages_and_the_lower_layer_goes_first() -> None:
    order = list(BANNERS)
    assert set(order) <= set(KINDS)
    for kind, lower in HIDDEN_BY.items():
        assert all(order.index(one) < order.index(kind) for one in lower if one in order and kind in order)


@pytest.mark.parametrize(
    ("fault", "title"),
    [
        ("{ on: link, do: down }", "No network"),
        ("{ on: link, do: no_address }", "No network"),
        ("{ on: tcp, do: refuse }", "Offline"),
        ("{ on: dns, do: servfail }", "Offline"),
    ],
)
def test_a_banner_comes_with_its_fault_and_goes_with_it(fault: str, title: str) -> None:
    outcome = passes(
        ONLINE
        + f"  - fault: {fault}\n"
        + "  - fault: { on: mercury, do: close, code: 1001, optional: true }\n"
        + f"    expect: {{ screen: {{ banner: {{ visible: true, title: {title} }} }}, within: 3m }}\n"
        + "  - heal: all\n"
        + "    expect: { well: true, screen: { banner: { visible: false, title: '' } }, within: 3m }\n"
    )
    assert outcome.trace is not None
    told = [event.data["banner"]["visible"] for event in outcome.trace.events if event.kind == "device.screen"]
    assert True in told
    assert told[-1] is False


def test_the_history_hears_of_an_alert_at_once() -> None:
    outcome = passes(
        ONLINE
        + "  - xcommand: { path: UserInterface Message Alert Display, args: { Title: Fire, Text: Leave, Duration: 20 } }\n"
        + "    expect: { screen: { banner: { title: Fire } } }\n"
        + "  - advance: 30s\n"
        + "    expect: { screen: { banner: { visible: false } } }\n"
        + "  - xcommand: { path: UserInterface Message Alert Display, args: { Text: Again } }\n"
        + "  - advance: 5s\n"
        + "  - xcommand: UserInterface Message Alert Clear\n"
    )
    assert outcome.trace is not None
    events = [event for event in outcome.trace.events if event.kind == "device.screen"]
    start = next(event.t for event in outcome.trace.events if event.kind == "step.start")
    told = [((event.t - start) / 1e6, event.data["banner"]["text"]) for event in events if event.t >= start]
    assert told == [(0.0, "Leave"), (20.0, ""), (30.0, "Again"), (35.0, "")]


def test_bookings_are_marked_as_long_as_nobody_can_tell_of_others() -> None:
    passes("""
        clock: { start: "2026-03-02T08:50:00Z", zone: Europe/Oslo }
        device: { at: online }
        steps:
          - cloud.meeting.create: { id: review, title: Design review, starts: +1h, lasts: 30m }
            expect: { screen: { booking list: { visible: true, text: "" } } }
          - fault: link.down
            expect: { bookings: { count: 1 }, screen: { booking list: { text: Not updated since 09:50 } }, within: 1m }
          - advance: 1h
            expect: { screen: { booking list: { text: Not updated since 09:50 } } }
          - heal: link.down
            expect: { well: true, screen: { booking list: { text: "" } }, within: 1m }
    """)


def test_the_activation_page_says_what_is_to_be_done_and_how_many_attempts_are_left() -> None:
    passes("""
        device: { at: factory }
        steps:
          - wait: { screen: { activation page: { visible: true, enabled: true, text: Enter the activation code. } } }
          - fault: link.down
            expect: { screen: { activation page: { enabled: false, text: Connect the device to a network. } } }
          - heal: link.down
            expect: { screen: { activation page: { enabled: true, text: Enter the activation code. } }, within: 5s }
          - cloud.code.create: right
          - activate: { code: "${saved.right}", link: async }
            expect: { screen: { activation page: { visible: true, enabled: false } } }
          - wait: { well: true, screen: { activation page: { visible: false, text: "" } }, within: 1m }
    """)


def test_after_five_wrong_proofs_the_code_is_locked_and_the_page_counts_down() -> None:
    steps = "".join(
        "  - fault: { on: activation, do: bad_proof }\n"
        "  - activate: ${cloud.code}\n"
        f"    expect: {{ screen: {{ activation page: {{ text: {{ ends: 'Attempts left: {left}.' }} }} }} }}\n"
        for left in (4, 3, 2, 1, 0)
    )
    passes(
        f"steps:\n{steps}"
        "  - activate: ${cloud.code}\n"
        "    expect: { screen: { activation page: { text: This code is locked. Ask for a new one. } }, cloud: { code.state: LOCKED } }\n"
    )


def test_an_alert_that_somebody_put_up_stands_in_the_place_of_the_banner() -> None:
    passes(
        ONLINE
        + "  - fault: link.down\n"
        + "  - xcommand: { path: UserInterface Message Alert Display, args: { Title: Fire drill, Text: Leave the building } }\n"
        + "    expect: { screen: { banner: { visible: true, enabled: true, title: Fire drill, text: Leave the building } } }\n"
        + "  - xcommand: UserInterface Message Alert Clear\n"
        + "    expect: { screen: { banner: { visible: true, enabled: false, title: No network } } }\n"
        + "  - heal: link.down\n"
    )
