"""The device log says what the seed slides say, in their shape and in their order.

Source: protocol/activation-and-media.md 9.1 and 9.2; the lines that belong to activation, registration, discovery and catch-up.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from scenarios.runner.stage import Stage
from tests.scenarios.stories import play

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
BOOL = "(true|false)"
PREFIX = r"2022-04-2\dT\d\d:\d\d:\d\d\.\d{3}-05:00 appl\[\d{4}\]: "
JOIN = (
    rf"organizer='{UUID}' start='{ISO}' id='{UUID}' meetingJoinType='[A-Z]*' meetingJoinURI={BOOL} meetingJoinURL={BOOL}"
    rf" webexURI={BOOL} spaceURI={BOOL} callURI={BOOL}"
)
LINES = {
    "L01": r"Wx2\[3\]: process_additional_CAs: Parsed (?P<n>\d+) additional CA certificate\(s\)",
    "L02": r'Wx2 I: setup_all_symlinks: using tls proxy certs directory: "/config/certs/spark_ca_list/tls_proxy"'
    r" -> /config/certs/spark_ca_list/tls_proxy-\d{10}",
    "L03": r"Wx2 I: process_additional_CAs: Updated CA certificates from srpconfig",
    "L04": r"Wx2\[3\]: Restarting CA trust store refresh in (?P<n>\d+) second\(s\)",
    "L05": r"Wx2\[1\]: safe_extract_array: missing key trustList",
    "L06": r"Wx2 I: process_additional_CAs: No 'trustList' sub-document in configData\. No CA certificates will be updated",
    "L07": r"Wx2\[2\]: Starting calliope discovery",
    "L08": r"Wx2Http\[1\]: HTTP\((?P<n>\d+)\) => (?P<method>[A-Z]+) (?P<url>https://\S+)",
    "L09": r"Wx2Http\[1\]: HTTP\((?P<n>\d+)\) <= (?P<status>\d{3})",
    "L10": r"Wx2 I: CalliopeDiscovery Cache-Control::max-age=(?P<age>\d+) rand \(75 - 100\) -> (?P<n>\d+)",
    "L11": r"CalliopeDiscovery I: CalliopeDiscovery completed with response from (?P<answered>\d+) out of (?P<asked>\d+) servers\."
    r" (?P<udp>\d+) udp, (?P<tcp>\d+) tcp, (?P<xtls>\d+) xTls",
    "L12": r"CalliopeDiscovery I: CalliopeDiscovery: BEST callCenter:(?P<cluster>\S+), trnsp:(?P<transport>udp|tcp|xTls), protocol:stun,"
    r" ip:\d+\.\d+\.\d+\.\d+:\d+ with RTT:(?P<rtt>\d+)",
    "L21": rf"Wx2 I: NotificationChannel: (?P<event>[\w.]+), trackingid [A-Za-z]+_{UUID}",
    "L22": r"Wx2\[3\]: CalendarClientImpl::on_meeting_updated_event",
    "L23": rf"Wx2\[1\]: Inserting new meeting - {JOIN}",
    "L24": rf"Wx2\[1\]: Updating meeting - {JOIN}",
    "L26": rf"Wx2\[3\]: Decrypting title for calendar event with id='{UUID}'",
}  # fmt: skip

HEAD = 'clock: { start: "2022-04-24T18:58:15Z", zone: America/Chicago }\n'
STORIES = {
    "proxy CAs": "cloud: { tls: { trust_list: 3 } }\ndevice: { bring_up: manual }\nsteps: [{ activate: '${cloud.code}' }]",
    "no trustList": "device: { bring_up: manual }\nsteps: [{ activate: '${cloud.code}' }]",
    "discovery": """
cloud: { media: { servers: 210, transports: { udp: 96, tcp: 84, xtls: 30 }, silent: { udp: 20, tcp: 16, xtls: 8 } } }
device: { at: activated, bring_up: manual }
steps: [{ register: wdm }, { connect: mercury }, { discover: clusters }]
""",
    "calendar": """
device: { at: online }
steps:
  - cloud.meeting.create: { id: review, title: Design review, starts: +6m, lasts: 30m }
  - advance: 1s
  - cloud.meeting.update: { id: review, lasts: 45m }
  - advance: 1s
  - cloud.meeting.create: { id: notice, title: Notice, starts: +2h, lasts: 30m, push: minimal }
  - advance: 1s
  - cloud.meeting.delete: review
  - advance: 1s
""",
    "catch-up": """
device: { at: online }
steps:
  - cloud.meeting.create: { id: one, title: One, starts: +1h, lasts: 30m, push: none }
  - cloud.meeting.create: { id: two, title: Two, starts: +2h, lasts: 30m, push: none }
  - cloud.mercury.close: 1001
    expect: { mercury: [closed, connecting, open], request: { service: calendar, status: 200 }, within: 1m }
""",
}
"""Runs in which the lines of the slides come."""


@pytest.fixture(scope="module")
def logs() -> dict[str, list[str]]:
    """Return the device's own log of each story."""
    found: dict[str, list[str]] = {}

    def run(name: str, text: str) -> None:
        def after(stage: Stage) -> None:
            found[name] = list(stage.devices["room"].world.log.lines)

        outcome = play(HEAD + text, after=after)
        assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])

    for name, text in STORIES.items():
        run(name, text)
    return found


def read(line: str) -> tuple[str, dict[str, str]] | None:
    """Return which line of the slides a line of the log is, and its values."""
    for name, pattern in LINES.items():
        match = re.fullmatch(PREFIX + pattern, line)
        if match is not None:
            return name, match.groupdict()
    return None


def in_order(lines: list[str], wanted: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the lines that come in the wanted order, the first that fit; what is missing fails."""
    found = []
    rest = iter(lines)
    for name, values in wanted:
        for line in rest:
            known = read(line)
            if (
                known is not None
                and known[0] == name
                and all(known[1][key] == str(value) for key, value in values.items())
            ):
                found.append(line)
                break
        else:
            pytest.fail(f"{name} {values} does not follow {found[-1:]}")
    return found


def stamp(line: str) -> str:
    return line.partition(" ")[0]


@pytest.mark.parametrize("name", LINES)
def test_every_line_of_the_slides_is_produced(name: str, logs: dict[str, list[str]]) -> None:
    assert [line for lines in logs.values() for line in lines if re.fullmatch(PREFIX + LINES[name], line)]


def test_every_line_has_time_process_module_and_level(logs: dict[str, list[str]]) -> None:
    for lines in logs.values():
        assert [line for line in lines if not re.fullmatch(PREFIX + r"[A-Z]\w+(\[[1-6]\]| [IWE]): .*", line)] == []
        assert len({re.findall(r"appl\[(\d+)\]", line)[0] for line in lines}) == 1
        assert [stamp(line) for line in lines] == sorted(stamp(line) for line in lines)


def test_time_is_that_of_the_zone_of_the_device(logs: dict[str, list[str]]) -> None:
    assert stamp(in_order(logs["no trustList"], [("L05", {})])[0]).startswith("2022-04-24T13:58:15.")


def test_requests_are_counted_from_one_and_answered_by_their_number(logs: dict[str, list[str]]) -> None:
    for lines in logs.values():
        known = [one for one in map(read, lines) if one is not None]
        asked = [int(values["n"]) for name, values in known if name == "L08"]
        answered = [int(values["n"]) for name, values in known if name == "L09"]
        assert asked == list(range(1, len(asked) + 1))
        assert set(answered) <= set(asked)


def test_activation_with_certificates_of_proxies(logs: dict[str, list[str]]) -> None:
    lines = logs["proxy CAs"]
    found = in_order(lines, [("L01", {"n": 3}), ("L02", {}), ("L03", {}), ("L04", {})])
    first = lines.index(found[0])
    assert lines[first : first + 4] == found  # nothing between them
    values = read(found[3])
    assert values is not None
    assert 64_800 <= int(values[1]["n"]) <= 86_400
    assert not [line for line in lines if (read(line) or ("",))[0] in ("L05", "L06")]


def test_activation_without_certificates_of_proxies(logs: dict[str, list[str]]) -> None:
    lines = logs["no trustList"]
    found = in_order(lines, [("L05", {}), ("L06", {}), ("L01", {"n": 0}), ("L02", {}), ("L03", {})])
    first = lines.index(found[0])
    assert lines[first : first + 5] == found
    assert stamp(found[0]) == stamp(found[1])


def test_discovery_of_210_servers(logs: dict[str, list[str]]) -> None:
    found = in_order(
        logs["discovery"],
        [
            ("L07", {}),
            ("L08", {"method": "GET", "url": "https://calliope-a.wbx2.test/calliope/api/discovery/v1/clusters"}),
            ("L09", {"status": 200}),
            ("L10", {"age": 7200}),
            ("L11", {"answered": 166, "asked": 210, "udp": 76, "tcp": 68, "xtls": 22}),
            ("L12", {"cluster": "wdfw2.wdfw2.*", "transport": "udp", "rtt": 25}),
        ],
    )
    assert stamp(found[4]) == stamp(found[5])
    age = read(found[3])
    assert age is not None
    assert 5400 <= int(age[1]["n"]) <= 7200


def test_calendar_events_that_are_pushed(logs: dict[str, list[str]]) -> None:
    in_order(
        logs["calendar"],
        [
            ("L21", {"event": "calendar.meeting.create"}), ("L22", {}), ("L23", {}), ("L26", {}),
            ("L21", {"event": "calendar.meeting.update"}), ("L22", {}), ("L24", {}), ("L26", {}),
            ("L21", {"event": "calendar.meeting.create.minimal"}), ("L08", {"method": "GET"}), ("L09", {"status": 200}),
            ("L23", {}), ("L26", {}),
            ("L21", {"event": "calendar.meeting.delete"}),
        ],
    )  # fmt: skip
    asked = [line for line in logs["calendar"] if "=> GET" in line and "/calendarEvents/" in line]
    assert re.search(
        r"=> GET https://calendar-a\.wbx2\.test/calendar/api/v1/calendarEvents/[\w=-]+\?compact=true$", asked[0]
    )


def test_catch_up_with_its_query_and_its_events(logs: dict[str, list[str]]) -> None:
    lines = logs["catch-up"]
    last = max(number for number, line in enumerate(lines) if "=> GET" in line and "calendarEvents?" in line)
    query = lines[last].rpartition("?")[2]
    assert re.fullmatch(rf"max=50&offset=0&fromDate={ISO}&toDate={ISO}&compact=true", query)
    in_order(lines[last:], [("L08", {}), ("L09", {"status": 200}), ("L23", {}), ("L26", {}), ("L23", {}), ("L26", {})])


def test_nothing_of_a_title_or_a_code_is_in_the_log(logs: dict[str, list[str]]) -> None:
    everything = "\n".join(line for lines in logs.values() for line in lines)
    assert "Design review" not in everything
    assert not re.search(r"\b\d{16}\b", everything)
