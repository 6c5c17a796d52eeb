"""Call Analyzer: the order of events in log and cloud, batches, and what happens to them when the cloud does not listen."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from endpoint.cloud.call_analyzer import (
    BATCH_MAX,
    DEBOUNCE_S,
    QUALITY_S,
    QUEUE_MAX,
    RETRIES_MAX,
    RETRIES_S,
    WAIT_MAX_S,
    CallAnalyzer,
    CallEvents,
)
from endpoint.device.device import Device
from endpoint.runtime.faults import Fault
from endpoint.wire.client_metrics import MEDIA_ENGINE, MediaStats, MediaType, error_of_answer, error_of_ice
from tests.endpoint.cloud import scripted, stubbed
from tests.endpoint.cloud.scripted import CUT, Reply, Scripted
from tests.endpoint.cloud.stubbed import Stubbed

CORRELATION = "482e7108-1525-47d4-996e-4d42263e754c"
# protocol/activation-and-media.md section 12
COMPLETE_CALL = [
    "client.call.initiated", "client.media-engine.local-sdp-generated", "client.media.capabilities", "client.locus.join.request",
    "client.locus.join.response", "client.media-engine.remote-sdp-received", "client.ice.start", "client.ice.end",
    "client.media-engine.ready", "client.media.tx.start", "client.media.tx.start", "client.media.rx.start", "client.media.render.start",
    "client.media.rx.start", "client.media.render.start", "client.mediaquality.event", "client.call.leave", "client.media.tx.stop",
    "client.media.tx.stop", "client.media.render.stop", "client.media.render.stop", "client.mediaquality.event",
]  # fmt: skip
STREAMS: tuple[MediaType, ...] = ("audio", "video")


def analyzer_of(device: Device) -> CallAnalyzer:
    """The analyzer of a device, joined to it as the device does."""
    return CallAnalyzer(
        device.world, device.identity, device.catalog, device._tasks, device.profile,
        registration=lambda: device.registration.device, address=lambda: "192.0.2.77",
    )  # fmt: skip


def set_up(events: CallEvents, streams: tuple[MediaType, ...] = STREAMS) -> None:
    """Tell what comes before a call is connected, in the order of a device: its description is made before the join."""
    events.tell("client.call.initiated", trigger="user-interaction")
    events.tell("client.media-engine.local-sdp-generated")
    events.tell("client.media.capabilities")
    events.tell("client.locus.join.request")
    events.locus("https://locus-a.wbx2.test/locus/api/v1/loci/l1", started="2026-03-02T09:00:00.000Z")
    events.tell("client.locus.join.response", trigger="loci-update", tracking_id="roomsim_1")
    events.tell("client.media-engine.remote-sdp-received")
    events.tell("client.ice.start")
    events.tell("client.ice.end")
    events.media_started(streams, lambda: MediaStats("udp", 25))


def hang_up(events: CallEvents) -> None:
    """Tell the end."""
    events.tell("client.call.leave", trigger="user-interaction")
    events.media_stopped()
    events.end()


# -- the whole way --


def test_a_complete_call_has_the_order_of_the_slides_in_log_and_cloud() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        events = analyzer_of(stage.device).begin(CORRELATION, 2)
        set_up(events)
        await stage.clock.sleep(QUALITY_S + 1)
        hang_up(events)
        await stage.clock.sleep(5)
        lines = [line.removeprefix("Wx2[6]: Diagnostic event: ") for line in stage.lines("Wx2[6]:")]
        assert lines == COMPLETE_CALL
        assert stage.use.query(f"metrics.{CORRELATION}.names") == COMPLETE_CALL
        assert stage.use.query("metrics.names") == COMPLETE_CALL
        assert stage.use.query(f"metrics.{CORRELATION}.errors") == []
        assert stage.device.registration.device is not None
        assert stage.use.query("metrics.device") == stage.device.registration.device.url

    stubbed.play(story)


def test_the_log_line_comes_first() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.device.reachability.settled()
        stage.log.clear()
        analyzer_of(stage.device).begin(CORRELATION).tell("client.call.initiated")
        await stage.clock.sleep(5)
        assert [line.split(" ")[0] for line in stage.log] == ["Wx2[6]:", "Wx2Http[1]:", "Wx2Http[1]:"]
        assert "/metrics/api/v1/clientmetrics" in stage.log[1]

    stubbed.play(story)


def test_what_an_event_says() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        analyzer = analyzer_of(stage.device)
        events = analyzer.begin(CORRELATION)
        events.tell("client.call.initiated", trigger="user-interaction")
        events.locus("https://locus-a.wbx2.test/locus/api/v1/loci/l1", started="2026-03-02T09:00:00.000Z")
        events.tell("client.locus.join.response", tracking_id="t_1", error=error_of_answer(423, 2423003))
        await stage.clock.sleep(5)
        first, second = (metric["eventPayload"] for metric in stage.cloud.metrics.last)
        registration = stage.device.registration.device
        assert registration is not None
        who = {"userId": registration.user_id, "deviceId": registration.url, "orgId": registration.org_id}
        before = first["event"]["identifiers"]
        assert before == {"correlationId": CORRELATION, "locusUrl": stage.device.catalog.url("locus"), **who}
        assert second["event"]["identifiers"] == {
            **before, "locusUrl": "https://locus-a.wbx2.test/locus/api/v1/loci/l1", "locusId": "l1",
            "locusStartTime": "2026-03-02T09:00:00.000Z", "trackingId": "t_1",
        }  # fmt: skip
        assert first["originTime"]["triggered"] < first["originTime"]["sent"]
        assert first["eventId"] != second["eventId"]
        assert stage.use.query(f"metrics.{CORRELATION}.errors") == [4002]

    stubbed.play(story)


def test_quality_is_told_every_minute_while_media_flows() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        events = analyzer_of(stage.device).begin(CORRELATION)
        events.media_started(("audio",), lambda: MediaStats("tcp", 29))
        await stage.clock.sleep(3 * QUALITY_S + 1)
        hang_up(events)
        await stage.clock.sleep(10 * QUALITY_S)
        names = stage.use.query("metrics.names")
        assert names.count("client.mediaquality.event") == 4
        assert names.count("client.media.rx.start") == names.count("client.media.tx.stop") == 1
        told = [metric["eventPayload"]["event"] for metric in stage.cloud.metrics.last]
        paths = [event["intervals"][0]["transportType"] for event in told if "intervals" in event]
        assert paths == ["tcp"] * 4

    stubbed.play(story)


def test_a_call_that_had_no_media_tells_of_none() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        events = analyzer_of(stage.device).begin(CORRELATION)
        events.tell("client.ice.end", error=error_of_ice(reachable=False))
        hang_up(events)
        await stage.clock.sleep(5)
        assert stage.use.query("metrics.names") == ["client.ice.end", "client.call.leave"]
        assert stage.use.query("metrics.errors") == [2011]

    stubbed.play(story)


def test_media_that_stops_has_a_line_of_its_own() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        events = analyzer_of(stage.device).begin(CORRELATION, 2)
        events.tell("client.media.rx.stop", media_type="video", error=MEDIA_ENGINE)
        await stage.clock.sleep(5)
        assert stage.lines("Wx2Call") == [
            "Wx2Call[3]: wx2_call::diagnosticEvent(p=2) name=client.media.rx.stop mediaType=video error=media-engine"
        ]
        assert not stage.lines("Wx2[6]")
        assert stage.use.query("metrics.names") == ["client.media.rx.stop"]

    stubbed.play(story)


# -- batches --


def _metrics(cloud: Scripted, *replies: Any) -> None:
    cloud.services["metrics"] = "https://metrics-a.wbx2.test/metrics/api/v1"
    cloud.on("POST", "/clientmetrics", *(replies or (Reply(body={}),)))


def _sizes(cloud: Scripted) -> list[int]:
    return [len(asked.json["metrics"]) for asked in cloud.to("POST", "/clientmetrics")]


def play(story: Callable[[Scripted, CallAnalyzer], Any], *replies: Any) -> Scripted:
    """Play a story with a device that is online."""

    async def whole(cloud: Scripted) -> None:
        _metrics(cloud, *replies)
        await cloud.online()
        await story(cloud, analyzer_of(cloud.device))

    return scripted.play(whole)


def test_events_that_follow_each_other_go_together() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        began_s = cloud.clock.time()
        for _ in range(3):
            analyzer.begin("a").tell("client.muted")
            await cloud.clock.sleep(DEBOUNCE_S / 2)
        await cloud.clock.sleep(5)
        [asked] = cloud.to("POST", "/clientmetrics")
        assert _sizes(cloud) == [3]
        assert asked.at_s - began_s == pytest.approx(1.0, abs=0.01)

    play(story)


def test_a_stream_of_events_does_not_hold_the_first_one_back() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        began_s = cloud.clock.time()
        for _ in range(10):
            analyzer.begin("a").tell("client.muted")
            await cloud.clock.sleep(0.3)
        first = cloud.to("POST", "/clientmetrics")[0]
        assert first.at_s - began_s == pytest.approx(WAIT_MAX_S, abs=0.01)
        await cloud.clock.sleep(5)
        assert sum(_sizes(cloud)) == 10

    play(story)


def test_a_batch_has_at_most_fifty() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        events = analyzer.begin("a")
        for _ in range(2 * BATCH_MAX + 7):
            events.tell("client.muted")
        await cloud.clock.sleep(5)
        assert _sizes(cloud) == [BATCH_MAX, BATCH_MAX, 7]

    play(story)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_answer_settles_a_batch_whatever_it_says(status: int) -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        analyzer.begin("a").tell("client.muted")
        await cloud.clock.sleep(600)
        assert _sizes(cloud) == [1]
        assert analyzer.dropped == 1

    play(story, Reply(status))


def test_a_network_that_fails_is_tried_again_ever_more_slowly() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        analyzer.begin("a").tell("client.muted")
        await cloud.clock.sleep(200)
        times = [asked.at_s for asked in cloud.to("POST", "/clientmetrics")]
        waits = [round(after - before) for before, after in pairwise(times)]
        assert waits == [round(wait) for wait in RETRIES_S]
        assert analyzer.dropped == 0
        sent = [asked.json["metrics"][0]["eventPayload"]["originTime"] for asked in cloud.to("POST", "/clientmetrics")]
        assert len({one["sent"] for one in sent}) == len(sent)
        assert len({one["triggered"] for one in sent}) == 1

    play(story, *[CUT] * len(RETRIES_S), Reply())


def test_what_waits_is_bounded_and_the_oldest_leave() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        events = analyzer.begin("a")
        cloud.faults.arm(Fault("down", "link", "down"))
        for _ in range(QUEUE_MAX + 5):
            events.tell("client.muted")
        events.tell("client.unmuted")
        assert analyzer.dropped == 6
        await cloud.clock.sleep(20)
        cloud.faults.heal("down")
        await cloud.clock.sleep(200)
        assert sum(_sizes(cloud)) == QUEUE_MAX
        assert cloud.asked[-1].json["metrics"][-1]["eventPayload"]["event"]["name"] == "client.unmuted"

    play(story)


def test_in_the_end_a_batch_is_given_up() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        analyzer.begin("a").tell("client.muted")
        await cloud.clock.sleep(2_000)
        assert (len(cloud.to("POST", "/clientmetrics")), analyzer.dropped) == (RETRIES_MAX, 1)

    play(story, CUT)


def test_nothing_is_sent_without_a_registration() -> None:
    async def story(cloud: Scripted) -> None:
        _metrics(cloud)
        await cloud.device.boot()
        analyzer_of(cloud.device).begin("a").tell("client.muted")
        await cloud.clock.sleep(60)
        assert _sizes(cloud) == []
        assert cloud.lines("Wx2[6]") == ["Wx2[6]: Diagnostic event: client.muted"]

    scripted.play(story)


def test_what_waits_when_the_account_goes_is_dropped() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        analyzer.begin("a").tell("client.muted")
        cloud.device.remove_account("event")
        await cloud.clock.sleep(60)
        assert (_sizes(cloud), analyzer.dropped) == ([], 1)

    play(story)


def test_a_cloud_without_the_service_is_told_nothing() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        analyzer = analyzer_of(cloud.device)
        analyzer.begin("a").tell("client.muted")
        await cloud.clock.sleep(60)
        assert analyzer.dropped == 1
        assert cloud.lines("Wx2 W: Service catalogue has no url for metrics")

    scripted.play(story)


def test_going_off_forgets_what_waits() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        analyzer.begin("a").tell("client.muted")
        analyzer.stop()
        await cloud.clock.sleep(60)
        assert _sizes(cloud) == []

    play(story)


def test_after_calls_the_analyzer_holds_nothing() -> None:
    async def story(cloud: Scripted, analyzer: CallAnalyzer) -> None:
        events = analyzer.begin("a")
        set_up(events)
        hang_up(events)
        await cloud.clock.sleep(5)
        assert (analyzer._queue, analyzer._timer, analyzer._sending) == (None, None, None)
        assert events._timer is None

    play(story)
