"""A room in Python tests."""

import pytest

pytestmark = pytest.mark.roomsim(device={"at": "online"}, seed=7)


def test_a_working_day_on_one_websocket(device, clock, trace):
    clock.advance("8h")
    assert device.xstatus("Webex Status") == "Registered"
    assert len(trace.find("ws.open", "device:")) == 1


@pytest.mark.parametrize("minutes", [6, 30, 120])
def test_the_button_comes_five_minutes_ahead(stage, clock, minutes):
    stage.play(
        """
        - cloud.meeting.create:
            { id: review, title: Review, starts: "${vars.starts}", lasts: 30m, join: { webexURI: review@site.webex.test } }
          expect: { bookings: { count: 1 }, within: 2s }
        """,
        starts=f"+{minutes}m",
    )
    clock.advance((minutes - 5) * 60 - 1)
    stage.play("- note: a second before\n  expect: { screen: { join button: { visible: false } } }")
    clock.advance(1)
    stage.play("- note: now\n  expect: { screen: { join button: { visible: true, title: Review } } }")


def test_a_client_hears_of_the_volume(device):
    told = device.feedback("Status/Audio/Volume")
    for level in (10, 20, 30):
        device.xcommand("Audio Volume Set", Level=level)
    assert [value for _, value in told] == [10, 20, 30]


def test_the_cloud_revokes_what_it_gave(stage, cloud):
    cloud.token_revoke("access")
    stage.play("- refresh: wdm\n  expect: { xstatus: { Webex Status: Registered }, within: 1m }")
