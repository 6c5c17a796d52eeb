"""Tokens: refreshed in time and when refused, replayed once, sent to nobody else, and gone with the account."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from itertools import pairwise

import pytest

from endpoint.cloud.http import Call
from endpoint.cloud.identity import AccountGone, ForeignHost
from endpoint.cloud.shared import Dropped
from endpoint.runtime.errors import Refused, Unreachable
from tests.endpoint.cloud.scripted import (
    ACCESS,
    CODE,
    CUT,
    ORG,
    REFRESH,
    SILENCE,
    START,
    Asked,
    Reply,
    Scripted,
    authority,
    play,
)

TOKEN, THING = "/access_token", "http://wdm-a.wbx2.test/wdm/api/v1/thing"
GONE = Reply(400, {"error": "invalid_grant", "error_description": f"{REFRESH} is no good"})


async def _online(cloud: Scripted) -> None:
    await cloud.online()
    cloud.asked.clear()
    cloud.log.clear()


def _seconds(line: str) -> int:
    return int(re.findall(r"in (\d+) second", line)[0])


def _bearer(asked: Asked) -> str:
    return asked.headers.get("Authorization", "").removeprefix("Bearer ")


def _is_set_up_state(cloud: Scripted) -> None:
    """Check that nothing is left of the account."""
    device = cloud.device
    assert not device.is_activated
    assert device.state.account is None
    assert device.state.trust.service == device.state.trust.proxy == ()
    assert device.webex.status.value == "Stopped"
    assert device.mercury.state.value == "off"
    assert device.registration.device is None
    assert device.registration.state.value == "Unregistered"
    assert not device.catalog.catalog.services
    assert not device.calendar.meetings
    assert not device.calendar.caught_up
    assert "WebexActivationRequired" in device.diagnostics.types
    assert device.status.get(("Provisioning", "Status")) == "NeedConfig"
    assert device.reachability.view.status == "NotStarted"


async def _stays_quiet(cloud: Scripted) -> None:
    """Check that a device without an account asks for nothing."""
    await cloud.settle()
    _is_set_up_state(cloud)
    asked, lines = len(cloud.asked), len(cloud.log)
    await cloud.clock.sleep(3 * 86_400.0)
    assert (len(cloud.asked), len(cloud.log)) == (asked, lines)


# -- in time ----------------------------------------------------------------------------------------------------------------------------


def test_the_token_is_refreshed_at_60_to_90_percent_of_its_life_again_and_again() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        said = [_seconds(line) for line in cloud.lines("Wx2[3]: Token refresh in")]
        assert 0.6 * 64_799 - 1 <= said[0] <= 0.9 * 64_799 + 1
        await cloud.clock.sleep(4 * 86_400.0)
        requests = cloud.to("POST", TOKEN)
        gaps = [b.at_s - a.at_s for a, b in pairwise(requests)]
        assert len(requests) >= 5
        assert len(set(gaps)) == len(gaps), "each is drawn anew"
        assert all(0.6 * 64_799 - 1 <= gap <= 0.9 * 64_799 + 1 for gap in gaps)
        assert requests[0].form == {
            "grant_type": "refresh_token",
            "refresh_token": REFRESH,
            "client_id": "roomsim-device",
        }
        assert len(cloud.lines("Wx2[3]: Token refreshed")) == len(requests)
        account = cloud.device.state.account
        assert account is not None
        assert account.token.access_token.reveal() == f"{len(requests):032x}_P0A1_{ORG}"
        assert account.token.refresh_token is not None
        assert account.token.refresh_token.reveal() == REFRESH

    play(story)


def test_a_restart_goes_on_with_the_life_that_is_left() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.clock.sleep(30_000.0)
        cloud.log.clear()
        await cloud.device.restart()
        await cloud.device.until_online()
        [line] = cloud.lines("Wx2[3]: Token refresh in")
        assert 0.6 * 34_799 - 30 <= _seconds(line) <= 0.9 * 34_799 + 1
        assert not cloud.to("POST", TOKEN)

    play(story)


def test_an_expired_token_is_renewed_before_anything_else() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.device.shut_down()
        await cloud.clock.sleep(64_800.0)
        cloud.asked.clear()
        await cloud.device.boot()
        await cloud.device.until_online()
        assert [asked.path for asked in cloud.asked][:4] == [
            "/v1/region", "/gds/api/v1/ping", "/idb/oauth2/v1/access_token", "/u2c/api/v1/limited/catalog"
        ]  # fmt: skip
        assert not [asked for asked in cloud.asked if _bearer(asked) == ACCESS]

    play(story)


def test_tokens_without_a_life_are_not_asked_for_in_a_tight_loop() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.on("POST", TOKEN, lambda asked: Reply(body={**cloud.token(asked).body, "expires_in": 0}))
        await cloud.device.identity.refresh()
        cloud.asked.clear()
        await cloud.clock.sleep(60.0)
        assert 50 <= len(cloud.to("POST", TOKEN)) <= 61

    play(story)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(401, {"error": "invalid_client"}), "invalid_client"),
        (Reply(400, {"error": f"because of {REFRESH}"}), "400"),
        (Reply(503, {"error": "invalid_grant"}), "503"),  # of the moment, whatever it says
        (Reply(200, b"nonsense"), "unexpected content (body)"),
        (Reply(200, {"access_token": ACCESS, "expires_in": 10}), "unexpected content (token.access_token)"),
        (Reply(200, {"access_token": "new"}), "unexpected content (token.expires_in)"),
        (Reply(200, {"access_token": "two lines\n", "expires_in": 10}), "unexpected content (token.access_token)"),
        (CUT, "connection reset idbroker.webex.test:80"),
    ],
)
def test_a_refresh_that_fails_keeps_the_old_token_and_is_tried_again(reply: Reply, reason: str) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("POST", TOKEN, reply)
        with pytest.raises((Refused, Unreachable)):
            await cloud.device.identity.refresh()
        [line] = cloud.lines("Wx2 W: Token")
        assert line in (
            f"Wx2 W: Token refresh failed: {reason}",
            "Wx2 W: Token refresh failed: unexpected content (token)",
        )
        assert cloud.device.is_activated
        cloud.usual("POST", TOKEN)
        await cloud.clock.sleep(61.0)
        assert cloud.lines("Wx2[3]: Token refreshed")

    play(story)


# -- when refused -----------------------------------------------------------------------------------------------------------------------


def test_a_401_is_answered_by_one_refresh_and_one_replay() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", "/thing", Reply(401), Reply(200, b"yes"))
        answer = await cloud.device.identity.send(Call("GET", THING, "wdm"))
        assert (answer.status, answer.body) == (200, b"yes")
        first, second = cloud.to("GET", "/thing")
        assert second.headers["TrackingID"] == first.headers["TrackingID"] + "+1"
        assert (_bearer(first), _bearer(second)) == (ACCESS, f"{1:032x}_P0A1_{ORG}")
        assert len(cloud.to("POST", TOKEN)) == 1

    play(story)


def test_a_second_401_is_the_answer() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", "/thing", Reply(401))
        assert (await cloud.device.identity.send(Call("GET", THING, "wdm"))).status == 401
        assert (len(cloud.to("GET", "/thing")), len(cloud.to("POST", TOKEN))) == (2, 1)

    play(story)


def test_a_401_stands_when_no_other_token_is_to_be_had() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", "/thing", Reply(401))
        cloud.on("POST", TOKEN, Reply(400, {"error": "invalid_client"}))
        assert (await cloud.device.identity.send(Call("GET", THING, "wdm"))).status == 401
        assert len(cloud.to("GET", "/thing")) == 1

    play(story)


def test_many_401s_at_once_share_one_refresh() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", "/thing", lambda asked: Reply(401 if _bearer(asked) == ACCESS else 200))
        cloud.on("POST", TOKEN, lambda asked: Reply(body=cloud.token(asked).body, late_s=2.0))
        asks = [cloud.device.identity.send(Call("GET", f"{THING}/{n}", "wdm")) for n in range(10)]
        answers = await asyncio.gather(*asks)
        assert {answer.status for answer in answers} == {200}
        assert len(cloud.to("POST", TOKEN)) == 1

    play(story)


# -- to whom ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.test/wdm/api/v1/devices",
        "http://wdm-a.wbx2.test:81/wdm/api/v1/devices",
        "http://wdm-a.wbx2.test.evil.test/",
        "http://wdm-a.wbx2.test@evil.test/",
        "ws://other.wbx2.test/v1",
        "nonsense",
        "",
    ],
)
def test_no_token_goes_to_a_host_that_is_not_in_the_catalogue(url: str) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        with pytest.raises(ForeignHost):
            await cloud.device.identity.send(Call("GET", url, "wdm"))
        assert not cloud.asked

    play(story)


@pytest.mark.parametrize("url", ["http://wdm-a.wbx2.test:443/x", "ws://mercury-connection-a.wbx2.test:443/v1"])
def test_no_token_goes_in_clear_where_the_catalogue_says_tls(url: str) -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        with pytest.raises(ForeignHost):
            cloud.device.identity.check_host(url)
        cloud.device.identity.check_host("https://wdm-a.wbx2.test/x")

    play(story, secure=True)


def test_a_redirect_does_not_carry_a_token_away() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.names.publish_domain("evil.test", 80, *cloud.names.resolve("wdm-a.wbx2.test", 80) or ("", 0))
        cloud.on("GET", "/thing", Reply(307, headers={"Location": "http://evil.test/thing"}))
        with pytest.raises(Unreachable, match="unexpected redirect to evil"):
            await cloud.device.identity.send(Call("GET", THING, "wdm"))
        assert not cloud.to("GET", "evil.test")

    play(story)


def test_every_token_went_to_the_catalogue_and_none_before_the_login() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        with_token = {asked.host for asked in cloud.asked if _bearer(asked)}
        assert with_token == {f"{name}-a.wbx2.test" for name in ("u2c", "wdm", "calendar", "calliope")}
        upgrades = [asked for asked in cloud.asked if "Upgrade" in asked.headers]
        assert upgrades
        assert not any("Authorization" in asked.headers for asked in upgrades)

    play(story)


def test_a_service_that_came_with_the_proof_may_have_the_token() -> None:
    async def story(cloud: Scripted) -> None:
        services = {"u2c": "http://u2c.example.test/u2c/", "idbroker": "http://id.example.test/", "odd": "no url"}
        cloud.service_data = {"services": services}
        cloud.names.publish_domain("example.test", 80, *cloud.names.resolve("wdm-a.wbx2.test", 80) or ("", 0))
        await cloud.online()
        await cloud.device.identity.refresh()
        assert {asked.host for asked in cloud.to("GET", "/catalog")} == {"u2c.example.test"}
        assert [asked.host for asked in cloud.to("POST", TOKEN)] == ["id.example.test"]

    play(story)


# -- the account goes -------------------------------------------------------------------------------------------------------------------


def test_invalid_grant_is_the_end_of_the_account() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.config_data = {"trustList": [authority().pem]}
        await cloud.online()
        cloud.log.clear()
        cloud.on("POST", TOKEN, GONE)
        with pytest.raises(AccountGone):
            await cloud.device.identity.refresh()
        assert cloud.lines("Wx2 W") == [
            "Wx2 W: Token refresh failed: invalid_grant", "Wx2 W: Account removed (invalid_grant)"
        ]  # fmt: skip
        assert cloud.lines("Wx2 I: Webex") == ["Wx2 I: Webex status Registered -> Stopped"]
        await _stays_quiet(cloud)

    play(story)


def test_a_hardened_device_stays_hardened_and_can_be_activated_again() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        await cloud.device.activate(CODE, hardens=True)
        await cloud.device.until_online()
        await cloud.peer.event("room.identityDeleted")
        assert cloud.lines("Wx2 W: Account") == ["Wx2 W: Account removed (event)"]
        _is_set_up_state(cloud)
        assert cloud.device.is_hardened
        await cloud.device.activate(CODE)
        await cloud.device.until_online()
        assert cloud.device.is_hardened
        assert "WebexActivationRequired" not in cloud.device.diagnostics.types

    play(story)


def test_a_device_whose_account_went_while_it_was_off_learns_it_at_its_next_refresh() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.device.shut_down()
        cloud.on("GET", "/api/v1/catalog", Reply(401))
        cloud.on("POST", TOKEN, GONE)
        await cloud.device.boot()
        await cloud.clock.sleep(5.0)
        await _stays_quiet(cloud)
        await cloud.device.restart()
        assert not cloud.device.is_activated

    play(story)


IN_FLIGHT = [
    ("POST", TOKEN, "refresh"), ("GET", "/catalog", "catalog"), ("PUT", "/devices/", "register"), ("GET", "/calendarEvents", "sync"),
    ("GET", "/config", "trust"), ("GET", "/clusters", "discover"), ("GET", "/registrations/", "reconnect"),
]  # fmt: skip


async def _begin(cloud: Scripted, what: str) -> None:
    device = cloud.device
    match what:
        case "refresh":
            await device.identity.refresh()
        case "catalog":
            await device.catalog.fetch()
        case "register":
            await device.registration.register()
        case "sync":
            await device.calendar.catch_up()
        case "trust":
            await device.trust.refresh()
        case "discover":
            await device.discover()
        case "reconnect":
            await cloud.peer.cut()


@pytest.mark.parametrize("late_s", [1.0, 40.0])
@pytest.mark.parametrize(("method", "where", "what"), IN_FLIGHT)
def test_the_account_goes_in_the_middle_of_something(method: str, where: str, what: str, late_s: float) -> None:
    """It is answered, or times out and would be repeated, when there is nobody any more whom it is for."""

    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.slow(method, where, late_s)
        work = asyncio.create_task(_begin(cloud, what))
        await cloud.clock.sleep(0.5)
        cloud.device.remove_account("event")
        cloud.log.clear()
        await cloud.clock.sleep(100.0)  # for the answer, and for the lines of the client about it
        assert work.done()
        assert work.exception() is None or type(work.exception()) in (AccountGone, Dropped)
        assert not [line for line in cloud.log if not line.startswith(("Wx2Http", "Wx2WebSocket"))]
        await _stays_quiet(cloud)

    play(story)


@pytest.mark.parametrize(("method", "where"), [("GET", "/limited/catalog"), ("GET", "/catalog"), ("POST", "/devices")])
def test_the_account_goes_on_the_way_online_and_another_one_comes(method: str, where: str) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on(method, where, SILENCE)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(10.0)
        cloud.device.remove_account("event")
        cloud.usual(method, where)
        await cloud.device.activate(CODE)
        began_s = cloud.clock.time()
        await cloud.device.until_online()
        assert cloud.clock.time() - began_s < 1.0
        await cloud.clock.sleep(200.0)
        assert cloud.device.is_online
        assert len(cloud.peers) == 1

    play(story)


def test_the_clock_of_the_account_is_the_devices_own() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        account = cloud.device.state.account
        assert account is not None
        assert account.token.expires == round((START + timedelta(seconds=64_799)).timestamp() * 1000)

    play(story)
