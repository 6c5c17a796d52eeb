"""The trust store: what configData may say, in which words it is taken, and how it is asked for again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from endpoint.cloud.trust import TrustStore
from endpoint.runtime.tls import Authority
from tests.endpoint.cloud.scripted import CODE, CUT, Reply, Scripted, authority, play

ONE, TWO, THREE = (Authority(f"proxy {number}").pem for number in range(3))
DIRECTORY = "/config/certs/spark_ca_list/tls_proxy"
MISSING = [
    "Wx2[1]: safe_extract_array: missing key trustList",
    "Wx2 I: process_additional_CAs: No 'trustList' sub-document in configData. No CA certificates will be updated",
]


def _rejected(number: int, of: int, reason: str) -> str:
    return f"Wx2 W: process_additional_CAs: rejected certificate {number} of {of}: {reason}"


def _lines(cloud: Scripted) -> list[str]:
    """Return the lines of one processing, without the last one, whose number is drawn."""
    words = ("process_additional", "safe_extract", "setup_all", "trust store refresh in")
    lines = [line for line in cloud.log if any(word in line for word in words)]
    assert lines.pop().startswith("Wx2[3]: Restarting CA trust store refresh in ")
    return lines


@pytest.mark.parametrize(
    ("config", "before", "parsed"),
    [
        ({}, MISSING, 0),
        ({"trustList": []}, [], 0),
        ({"trustList": [ONE, TWO, THREE]}, [], 3),
        ({"trustList": [ONE, "junk", TWO]}, [_rejected(2, 3, "not a PEM certificate")], 2),
        (
            {"trustList": [5, ONE + TWO]},
            [_rejected(1, 2, "not a string"), _rejected(2, 2, "more than one certificate")],
            0,
        ),
        ({"trustList": {"a": ONE}}, ["Wx2 W: safe_extract_array: key trustList is not an array"], 0),
        ({"trustList": None}, ["Wx2 W: safe_extract_array: key trustList is not an array"], 0),
        ({"trustList": ONE}, ["Wx2 W: safe_extract_array: key trustList is not an array"], 0),
    ],
)
def test_what_the_trust_list_may_be_and_the_lines_it_leaves(
    config: dict[str, Any], before: list[str], parsed: int
) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.config_data = config
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        now = int(cloud.clock.now().timestamp())
        assert _lines(cloud) == [
            *before,
            f"Wx2[3]: process_additional_CAs: Parsed {parsed} additional CA certificate(s)",
            f'Wx2 I: setup_all_symlinks: using tls proxy certs directory: "{DIRECTORY}" -> {DIRECTORY}-{now}',
            "Wx2 I: process_additional_CAs: Updated CA certificates from srpconfig",
        ]
        assert len(cloud.device.trust.proxy) == parsed
        assert cloud.device.state.trust.proxy == cloud.device.trust.proxy
        assert cloud.device.state.trust.proxy_directory == f"{DIRECTORY}-{now}"

    play(story, bring_up="manual")


async def _next_refresh(cloud: Scripted, trust: TrustStore) -> int:
    """Wait until just after the next refresh, and return the seconds that were announced for it."""
    line = next(line for line in reversed(cloud.log) if "trust store refresh" in line)
    wait_s = int(re.findall(r"in (\d+) second", line)[0])
    cloud.log.clear()
    cloud.asked.clear()
    await cloud.clock.sleep(wait_s + 1.0)
    return wait_s


def test_the_store_is_refreshed_every_75_to_100_percent_of_a_day() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.config_data = {"trustList": [ONE]}
        await cloud.online()
        waits = []
        for trust_list in ([TWO, THREE], [], None):
            cloud.config_data = {} if trust_list is None else {"trustList": trust_list}
            waits.append(await _next_refresh(cloud, cloud.device.trust))
            [asked] = cloud.to("GET", "/config")
            assert asked.headers["Authorization"].startswith("Bearer ")
            assert asked.host == "activation.webex.test"
            assert cloud.device.trust.proxy == tuple(trust_list or ())
        assert _lines(cloud)[:2] == MISSING
        assert all(64_800 <= wait <= 86_400 for wait in waits)
        assert len(set(waits)) == 3

    play(story)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(503, {"error": "maintenance"}), "503 maintenance"),
        (Reply(404), "404"),
        (Reply(200, b"nonsense"), "unexpected content"),
        (CUT, "connection reset activation.webex.test:80"),
    ],
)
def test_a_refresh_that_fails_keeps_what_there_is_and_is_tried_again_within_a_quarter_of_an_hour(
    reply: Reply, reason: str
) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.config_data = {"trustList": [ONE]}
        await cloud.online()
        cloud.on("GET", "/config", reply)
        before = cloud.device.trust.proxy_directory
        await _next_refresh(cloud, cloud.device.trust)
        [line] = cloud.lines("Wx2 W: CA trust")
        found = re.fullmatch(r"Wx2 W: CA trust store refresh failed: (.*); retry in (\d+) second\(s\)", line)
        assert found is not None
        assert found[1] == reason
        assert 675 <= int(found[2]) <= 900
        assert cloud.device.trust.proxy == (ONE,)
        assert cloud.device.trust.proxy_directory == before
        cloud.usual("GET", "/config")
        await cloud.clock.sleep(float(found[2]))
        assert len(_lines(cloud)) == 3

    play(story)


def test_a_restart_keeps_the_store_and_the_refreshing() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.config_data = {"trustList": [ONE]}
        await cloud.online()
        cloud.log.clear()
        await cloud.device.restart()
        await cloud.device.until_online()
        assert cloud.device.trust.proxy == (ONE,)
        assert len(cloud.lines("Wx2[3]: Restarting CA trust store refresh in ")) == 1
        assert not cloud.to("GET", "/config")
        await _next_refresh(cloud, cloud.device.trust)
        assert len(cloud.to("GET", "/config")) == 1

    play(story)


def test_a_ca_that_is_taken_away_counts_for_new_connections_and_open_ones_stay() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.config_data = {"trustList": [authority().pem]}
        await cloud.online()
        await cloud.clock.sleep(60.0)
        cloud.config_data = {"trustList": [ONE]}
        await cloud.device.trust.refresh()
        await cloud.clock.sleep(60.0)
        assert cloud.device.mercury.is_open
        with pytest.raises(Exception, match="unknown issuer"):
            await cloud.device.catalog.fetch()
        await cloud.device.restart()
        await cloud.clock.sleep(30.0)
        assert not cloud.device.is_online

    play(story, secure=True, anchors=())


def test_two_seeds_draw_different_seconds() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()

    drawn = {next(line for line in play(story, seed=seed).log if "trust store" in line) for seed in (1, 2, 3)}
    assert len(drawn) == 3
