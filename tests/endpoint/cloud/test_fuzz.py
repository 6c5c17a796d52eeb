"""Any bytes from the cloud, in every answer and every frame: a documented reaction, and never an exception that nobody expected.

Afterwards the cloud is well again, and so is the device: whatever it was told, nothing of it stays in its way.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance, Stream
from endpoint.runtime.errors import EndpointError
from endpoint.wire import codec
from tests.endpoint.cloud.scripted import CODE, SERVICES, Asked, Reply, Scripted, meeting, play

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
ENDPOINTS = [
    ("GET", "/v1/region"), ("GET", "/ping"), ("POST", "/challenges"), ("POST", "/srp/invoke"), ("POST", "/srp/register"),
    ("POST", "/access_token"), ("GET", "/config"), ("GET", "/limited/catalog"), ("GET", "/api/v1/catalog"), ("POST", "/devices"),
    ("PUT", "/devices/"), ("GET", "/devices"), ("GET", "/registrations/"), ("GET", "/calendarEvents"), ("GET", "/calendarEvents/"),
    ("GET", "/clusters"), ("POST", "/clusters"),
]  # fmt: skip
STATUSES = [200, 200, 200, 201, 204, 301, 307, 400, 401, 403, 404, 409, 410, 429, 451, 500, 503, 599]
HEADERS = ["Retry-After", "ETag", "Date", "Location", "Cache-Control", "Content-Type", "TrackingID"]

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def spoiled(good: Any, draws: Stream) -> Any:
    """Return what was good JSON with one member changed, dropped, or replaced by anything."""
    if isinstance(good, dict) and good:
        name = draws.choice(sorted(good))
        if draws.below(4) == 0:
            return {key: value for key, value in good.items() if key != name}
        return {**good, name: spoiled(good[name], draws)}
    if isinstance(good, list) and good and draws.below(4):
        at = draws.below(len(good))
        return [*good[:at], spoiled(good[at], draws), *good[at + 1 :]]
    if isinstance(good, str) and draws.below(2):
        at = draws.below(len(good) + 1)
        return good[:at] + draws.choice(["", "/", "\n", "://", "\u00e9", "[", "0"]) + good[at + draws.below(2) :]
    return draws.choice([None, True, 0, -1, 2**70, 1.5, "", "x", [], {}, [[]], {"a": {}}, "9" * 400, good])


async def _go_all_ways(cloud: Scripted) -> None:
    """Let the device do everything that it can do by itself; what the cloud says no to is no concern here."""
    device = cloud.device
    await device.boot()
    with suppress(EndpointError):
        await device.activate(CODE)
    await cloud.clock.sleep(70.0)
    for work in (
        device.identity.refresh, device.trust.refresh, device.catalog.fetch, device.register, device.calendar.catch_up, device.discover,
    ):  # fmt: skip
        with suppress(EndpointError):
            await work()
    with suppress(EndpointError):
        await device.calendar.fetch("meeting-1")
    await cloud.clock.sleep(1_000.0)


async def _expect_well_again(cloud: Scripted) -> None:
    """Heal the cloud, restart the device, and see it come online."""
    cloud.scripts.clear()
    device = cloud.device
    await device.restart()
    if not device.is_activated:
        assert device.webex.status.value == "Stopped"
        await device.activate(CODE)
    async with cloud.clock.timeout(1_000.0):
        await device.until_online()
    assert device.mercury.is_open
    assert device.webex.status.value == "Registered"
    assert device.registration.device is not None
    assert {name: device.registration.device.members.get(name) for name in cloud.dto()} == cloud.dto()
    assert {name: device.catalog.url(name) for name in SERVICES} == {
        name: cloud.url(url) for name, url in SERVICES.items()
    }
    await device.calendar.catch_up()
    assert set(device.calendar.meetings) == {listed["id"] for listed in cloud.meetings}
    assert not cloud.defects
    too_long = [line for line in cloud.log if len(line) > 2_000]
    assert not too_long


@FUZZ
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    status=st.sampled_from(STATUSES),
    headers=st.dictionaries(st.sampled_from(HEADERS), header_text, max_size=3),
    body=st.none() | st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()),
    seed=st.integers(0, 2**32),
)
def test_any_answer_of_any_service(
    endpoint: tuple[str, str], status: int, headers: dict[str, str], body: bytes | None, seed: int
) -> None:
    draws = Chance(seed).actor("fuzz").stream("spoil")

    def spoil(cloud: Scripted, asked: Asked) -> Reply:
        if body is not None:
            return Reply(status, body, headers)
        good = cloud.usual_reply(asked).body
        plain = json.loads(codec.encode(good)) if good else {}
        return Reply(200, json.dumps(spoiled(plain, draws)).encode(), headers)

    async def story(cloud: Scripted) -> None:
        cloud.meetings = [meeting(1)]
        cloud.on(*endpoint, lambda asked: spoil(cloud, asked))
        await _go_all_ways(cloud)
        await _expect_well_again(cloud)

    play(story)


EVENTS = [
    {"eventType": "u2c.cache-invalidation", "timestamp": "5"},
    {"eventType": "ActiveClusterStatusEvent", "activeClusters": {"wdm": "urn:TEAM:a:wdm"}},
    {"eventType": "featureToggle_update", "featureToggle": {"key": "k", "val": "true", "type": "USER", "mutable": True}},
    *({"eventType": f"calendar.meeting.{kind}", "calendarMeetingExternal": meeting(1)} for kind in ("create", "update", "delete")),
    {"eventType": "calendar.meeting.update.minimal", "calendarMeetingExternal": {"id": "meeting-1"}},
    {"eventType": "room.identityDataChanged"},
    {"eventType": "mercury.buffer_state", "bufferState": {}},
    {"eventType": "mercury.registration_status", "localClusterServiceUrls": {}},
]  # fmt: skip
GOOD_FRAMES = [
    *({"id": f"e{n}", "data": event, "trackingId": "ccc_x", "sequenceNumber": n} for n, event in enumerate(EVENTS)),
    {"id": "p", "type": "pong", "sequenceNumber": 5},
    {"id": "s", "type": "shutdown"},
]


def _spoiled_frame(good: dict[str, Any], seed: int) -> str:
    return json.dumps(spoiled(good, Chance(seed).actor("fuzz").stream("spoil")))


frames = (
    st.text(max_size=60)
    | st.binary(max_size=60)
    | anything.map(json.dumps)
    | st.builds(_spoiled_frame, st.sampled_from(GOOD_FRAMES), st.integers(0, 2**32))
    | st.sampled_from(GOOD_FRAMES).map(json.dumps)
)


@FUZZ
@given(
    before=st.lists(frames, max_size=2),
    after=st.lists(frames, max_size=6),
    code=st.sampled_from([1000, 1001, 1011, 4401, 4404]),
)
def test_any_frame_before_and_after_the_opening_event(
    before: list[str | bytes], after: list[str | bytes], code: int
) -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.greets = False
        await cloud.peer.cut()
        await cloud.clock.sleep(1.0)
        for frame in before:
            await _send(cloud, frame)
        cloud.greets = True
        async with cloud.clock.timeout(1_000.0):
            if not cloud.device.mercury.is_open:
                await cloud.peer.cut()
            await cloud.device.until_online()
        for frame in after:
            await _send(cloud, frame)
        await cloud.peer.close(code)
        await cloud.clock.sleep(100.0)
        await _expect_well_again(cloud)

    play(story)


async def _send(cloud: Scripted, frame: str | bytes) -> None:
    if not cloud.peer.ws.closed:
        with suppress(ConnectionError):
            await cloud.peer.send(frame)


@FUZZ
@given(code=st.integers(1000, 4999), reason=st.text(max_size=20), when=st.sampled_from(["upgrade", "greeting", "open"]))
def test_any_close_at_any_moment(code: int, reason: str, when: str) -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.greets = when == "open"
        if when == "upgrade":
            cloud.on("GET", "/registrations/", Reply(code % 500 + 100 if code % 500 != 1 else 404))
        await cloud.peer.cut()
        await cloud.clock.sleep(1.0)
        with suppress(ConnectionError):
            await cloud.peer.close(code, reason)
        await cloud.clock.sleep(100.0)
        cloud.greets = True
        await _expect_well_again(cloud)

    play(story)
