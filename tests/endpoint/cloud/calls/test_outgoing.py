"""Calls that the device makes: the order of things, and every way in which they fail."""

from __future__ import annotations

from tests.endpoint.cloud.calls.ground import Stage, play


def test_a_meeting_is_joined_and_left() -> None:
    async def story(stage: Stage) -> None:
        locus = await stage.meeting()
        assert stage.ear.words == ["connecting", "established"]
        assert stage.ear.what is not None
        assert stage.ear.what.is_meeting
        assert stage.ear.what.title == "Weekly"
        stage.line.leave(2)
        await stage.settle()
        assert not stage.loci.is_in(locus)
        assert stage.end(2).cause_type == "LocalDisconnect"
        told = [
            line.removeprefix("Wx2[6]: Diagnostic event: ") for line in stage.cloud.lines("Wx2[6]: Diagnostic event")
        ]
        assert told == [
            "client.call.initiated", "client.media-engine.local-sdp-generated", "client.media.capabilities", "client.locus.join.request",
            "client.locus.join.response", "client.media-engine.remote-sdp-received", "client.ice.start", "client.ice.end",
            "client.media-engine.ready", "client.media.tx.start", "client.media.tx.start", "client.media.rx.start",
            "client.media.render.start", "client.media.rx.start", "client.media.render.start", "client.call.leave",
            "client.media.tx.stop", "client.media.tx.stop", "client.media.render.stop", "client.media.render.stop",
            "client.mediaquality.event",
        ]  # fmt: skip

    play(story)
