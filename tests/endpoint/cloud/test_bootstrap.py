"""First contact: region, GDS and the time, with a cloud that is well, unwell, silent or talks nonsense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from endpoint.cloud.bases import bases, is_base_url
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.paths import parse_path
from tests.endpoint.cloud.scripted import CODE, CUT, SILENCE, START, Reply, Scripted, play

YEARS = timedelta(days=9 * 365)
UNHEALTHY = {"serviceName": "GDS", "serviceState": "fault", "message": "Cassandra is unreachable"}


def _date(text: str) -> Reply:
    return Reply(body={}, headers={"Date": text})


def test_region_and_gds_are_asked_without_a_token_at_every_boot() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.device.restart()
        for where in ("/v1/region", "/gds/api/v1/ping"):
            asked = cloud.to("GET", where)
            assert len(asked) == 2
            assert not any("Authorization" in request.headers for request in asked)
        assert cloud.device.bootstrap.gds_is_healthy is True
        [body] = {request.raw for request in cloud.to("POST", "/devices")}
        assert b'"countryCode":"US","regionCode":"US-EAST"' in body

    play(story)


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply(body=UNHEALTHY), "Wx2 W: GDS is fault: Cassandra is unreachable"),
        (Reply(503, UNHEALTHY), "Wx2 W: GDS is fault: Cassandra is unreachable"),
        (Reply(503, {"message": "later"}), "Wx2 W: GDS unreachable: 503"),
        (Reply(200, b"<html>"), "Wx2 W: GDS unreachable: unexpected content"),
        (Reply(200, b"x" * 5_000_000), "Wx2 W: GDS unreachable: unexpected content"),
        (Reply(302, headers={"Location": "http://login.test/"}), "Wx2 W: GDS unreachable: unexpected redirect to login.test"),
        (CUT, "Wx2 W: GDS unreachable: connection reset gds-a.wbx2.test:80"),
        (SILENCE, "Wx2 W: GDS unreachable: timeout after 10 s"),
    ],
)  # fmt: skip
def test_an_unhealthy_gds_is_logged_and_the_way_goes_on(reply: Reply, line: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/gds/api/v1/ping", reply)
        await cloud.online()
        assert cloud.lines("Wx2 W") == [line]
        assert cloud.device.bootstrap.gds_is_healthy is False

    play(story)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(500), "500"),
        (Reply(200, b"[]"), "unexpected content"),
        (SILENCE, "timeout after 5 s"),
    ],
)
def test_a_region_that_is_not_told_is_left_out_of_the_registration(reply: Reply, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("GET", "/v1/region", reply)
        await cloud.online()
        assert cloud.lines("Wx2 W") == [f"Wx2 W: region unreachable: {reason}"]
        assert "countryCode" not in cloud.to("POST", "/devices")[0].json

    play(story)


def test_a_clock_that_is_years_off_is_set_by_the_first_answer() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.device.world.clock.jump_wall(-YEARS)
        await cloud.device.boot()
        old = START - YEARS
        text = f"system time set from ds.wbx2.test: {old:%Y-%m-%dT%H:%M:%S}.000Z -> 2026-03-02T08:50:00.000Z"
        assert cloud.lines("Network") == [f"Network I: {text}"]
        assert cloud.device.world.clock.now() == START

    play(story)


@pytest.mark.parametrize("seconds", [-60, -59, 0, 60])
def test_a_clock_that_is_a_minute_off_is_left_alone(seconds: int) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.device.world.clock.jump_wall(timedelta(seconds=seconds))
        await cloud.device.boot()
        assert not cloud.lines("Network")

    play(story)


def test_the_second_answer_sets_nothing_and_the_timers_do_not_move() -> None:
    async def story(cloud: Scripted) -> None:
        fired: list[float] = []
        cloud.device.world.clock.call_later(30.0, lambda: fired.append(cloud.clock.time()))
        cloud.device.world.clock.jump_wall(YEARS)
        cloud.on("GET", "/gds/api/v1/ping", _date("Sun, 06 Nov 2033 08:49:37 GMT"))
        await cloud.device.boot()
        assert len(cloud.lines("Network")) == 1
        await cloud.clock.sleep(60.0)
        assert fired == [30.0]

    play(story)


@pytest.mark.parametrize("date", ["", "nonsense", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_a_date_that_is_none_or_that_no_calendar_goes_on_from_is_passed_over(date: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.device.world.clock.jump_wall(YEARS)
        cloud.on("GET", "/v1/region", _date(date))
        await cloud.device.boot()
        [line] = cloud.lines("Network")
        assert "from gds-a.wbx2.test" in line

    play(story)


def test_without_first_contact_the_activation_tells_the_time() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.device.world.clock.jump_wall(-YEARS)
        cloud.on("GET", "/v1/region", CUT)
        cloud.on("GET", "/gds/api/v1/ping", CUT)
        await cloud.device.boot()
        assert not cloud.lines("Network")
        await cloud.device.activate(CODE)
        [line] = cloud.lines("Network")
        assert "from activation.webex.test" in line
        account = cloud.device.identity.account
        assert account is not None
        assert account.token.expires == round((START + timedelta(seconds=64_799)).timestamp() * 1000)

    play(story, bring_up="manual")


def test_only_region_gds_and_activation_are_believed() -> None:
    """Nobody tells the time, and the catalogue's own date is another one: TLS was verified against the device's clock by then."""

    async def story(cloud: Scripted) -> None:
        await cloud.online()
        for where in ("/v1/region", "/gds/api/v1/ping"):
            cloud.on("GET", where, CUT)
        cloud.on(
            "GET", "/limited/catalog", Reply(body=cloud.hostmap(), headers={"Date": "Sun, 06 Nov 2033 08:49:37 GMT"})
        )
        await cloud.device.restart()
        await cloud.device.until_online()
        assert not cloud.lines("Network")

    play(story)


# -- where it goes ----------------------------------------------------------------------------------------------------------------------


def test_overrides_lead_every_first_request_elsewhere_and_widen_where_replies_may_lead() -> None:
    found = bases(
        gds_override="http://127.0.0.1:8080/gds/api/v1", u2c_override="http://u.test/u", wdm_override="http://w.test/w"
    )
    assert found.region == "http://127.0.0.1:8080/v1/region"
    assert found.activation == "http://127.0.0.1:8080/activation/api/v1"
    assert (found.u2c, found.wdm) == ("http://u.test/u", "http://w.test/w")
    assert found.domains == ("127.0.0.1", "wbx2.test", "webex.test")
    plain = bases(secure=False)
    assert (plain.region, plain.u2c_override, plain.wdm) == ("http://ds.wbx2.test/v1/region", None, None)


@pytest.mark.parametrize("text", ["", "http://a.test", "https://127.0.0.1:8443/gds/api/v1"])
def test_what_an_override_may_be(text: str) -> None:
    assert is_base_url(text)


@pytest.mark.parametrize(
    "text", ["gds", "ftp://a.test", "wss://a.test", "http://", "http://u@a.test", "http://a.test/?q", "http://a b"]
)
def test_an_override_that_is_no_url_is_refused(text: str) -> None:
    assert not is_base_url(text)

    async def story(cloud: Scripted) -> None:
        with pytest.raises(LocalProtocolError, match="Spark ServiceOverrides GdsBaseUrl is empty, or"):
            cloud.device.set_configuration(parse_path("Spark ServiceOverrides GdsBaseUrl"), text)
        assert cloud.device.state.configuration == {}

    play(story)


def test_an_override_takes_effect_at_the_next_boot() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.asked.clear()
        for leaf, host in (("GdsBaseUrl", "x.wbx2.test"), ("U2CBaseUrl", "y.wbx2.test"), ("WdmBaseUrl", "z.wbx2.test")):
            cloud.device.set_configuration(parse_path(f"Spark ServiceOverrides {leaf}"), f"http://{host}/base")
        await cloud.device.catalog.fetch()
        assert {asked.host for asked in cloud.asked} == {"u2c-a.wbx2.test"}
        cloud.asked.clear()
        await cloud.device.restart()
        await cloud.device.until_online()
        where = {asked.path: asked.host for asked in cloud.asked}
        assert where["/v1/region"] == where["/base/ping"] == "x.wbx2.test"
        assert where["/base/limited/catalog"] == where["/base/catalog"] == "y.wbx2.test"
        assert where["/base/devices"] == "z.wbx2.test"

    play(story)


def test_a_device_that_loses_its_power_in_first_contact_stays_off() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.on("GET", "/v1/region", SILENCE)
        cloud.clock.call_later(2.0, lambda: cloud.loop.create_task(cloud.device.crash()))
        await cloud.device.restart()
        assert cloud.clock.time() < 3
        await cloud.clock.sleep(100.0)
        assert (cloud.device.is_up, cloud.device.is_activated, cloud.device.identity.account) == (False, True, None)
        cloud.usual("GET", "/v1/region")
        await cloud.device.boot()
        with pytest.raises(LocalProtocolError, match="on already"):
            await cloud.device.boot()
        await cloud.device.until_online()
        assert cloud.device.status.get(("SystemUnit", "LastShutdownReason")) == "Unknown"
        assert datetime(2026, 3, 2, tzinfo=UTC) < cloud.device.world.clock.now()

    play(story)
