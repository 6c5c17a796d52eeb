"""HTTP feedback: what a receiver gets, in which order, and what becomes of a slot that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from xml.etree import ElementTree

import pytest

from endpoint.runtime.tls import TlsClient
from endpoint.runtime.virtual import run
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.jsonform import nest
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.paths import parse_path
from endpoint.xapi import httpfeedback
from endpoint.xapi.httpfeedback import HttpFeedback
from endpoint.xapi.outgoing import Outgoing
from endpoint.xapi.saved import SavedFeedback
from tests.endpoint.runtime.ground import AUTHORITY, until
from tests.endpoint.xapi.ground import XapiGround
from tests.endpoint.xapi.receiver import HOST, Receiver

WHO = {
    "SystemName": "Huddle 1",
    "MACAddress": "00:00:5E:00:53:01",
    "IPAddress": "192.0.2.10",
    "ProductType": "Cisco Codec",
    "ProductID": "Cisco Room Bar",
    "SWVersion": "ce26.7.1.12.67c6e508983",
    "SerialNumber": "SIM00000001",
}


def plain_xml(leaves: Iterable[Leaf]) -> list[str]:
    """Print leaves as XML, without any finesse."""
    lines: list[str] = []

    def add(name: str, node: Any, depth: int) -> None:
        if isinstance(node, dict):
            lines.append("  " * depth + f"<{name}>")
            for key, below in node.items():
                add(str(key), below, depth + 1)
            lines.append("  " * depth + f"</{name}>")
        else:
            lines.append("  " * depth + f"<{name}>{node}</{name}>")

    for branch, node in nest(leaves).items():
        add(str(branch), node, 0)
    return lines


class Slots:
    """HTTP feedback on a ground, with a receiver."""

    def __init__(self, ground: XapiGround, receiver: Receiver, saved: tuple[SavedFeedback, ...] = ()) -> None:
        self.ground = ground
        self.receiver = receiver
        self.failed: list[list[int]] = []
        self.outgoing = Outgoing(ground.world, lambda: TlsClient((AUTHORITY.pem,)))
        self.part = HttpFeedback(
            ground.world, ground.status, ground.configuration, ground.feedback,
            send=self.outgoing.send, start=ground.tasks.start, render_xml=plain_xml, saved=saved, keep=ground.keep,
        )  # fmt: skip
        self.part.on_failed = self.failed.append
        ground.commands.provide([self.part])
        for path, value in (
            ("Network 1 Ethernet MacAddress", WHO["MACAddress"]),
            ("Network 1 IPv4 Address", WHO["IPAddress"]),
            ("SystemUnit ProductType", WHO["ProductType"]),
            ("SystemUnit ProductId", WHO["ProductID"]),
            ("SystemUnit Software Version", WHO["SWVersion"]),
            ("SystemUnit Hardware Module SerialNumber", WHO["SerialNumber"]),
            ("Audio Volume", 50),
        ):
            ground.status.put(parse_path(path), value)
        ground.configure("SystemUnit Name", WHO["SystemName"])

    async def register(self, slot: int, *expressions: str, form: str = "JSON", url: str = "") -> None:
        """Register a slot with the receiver."""
        given: dict[str, Any] = {"FeedbackSlot": slot, "ServerUrl": url or self.receiver.url, "Format": form}
        if expressions:
            given["Expression"] = list(expressions)
        await self.ground.call("HttpFeedback Register", **given)

    def volume(self, level: int) -> None:
        """Turn the volume."""
        self.ground.status.put(("Audio", "Volume"), level)

    @property
    def volumes(self) -> list[str]:
        """The volumes that the receiver was told, in order."""
        return [heard.json["Status"]["Audio"]["Volume"]["Value"] for heard in self.receiver.heard]

    def shown(self, slot: int) -> dict[str, Any]:
        """The status of a slot."""
        prefix = ("HttpFeedback", slot)
        return {" ".join(map(str, path[2:])): value for path, value in self.ground.status.below(prefix)}


def play(
    story: Callable[[Slots], Awaitable[None]], *, tls: bool = False, saved: tuple[SavedFeedback, ...] = ()
) -> None:
    """Play a story on a virtual loop."""

    async def main() -> None:
        ground = XapiGround()
        async with Receiver(ground, AUTHORITY.server_context([HOST]) if tls else None) as receiver:
            await story(Slots(ground, receiver, saved))
            await ground.tasks.cancel()
        assert not ground.failures

    run(main)


def test_a_change_of_status_arrives_as_json_with_who_tells_it() -> None:
    async def story(slots: Slots) -> None:
        await slots.register(1, "/Status/Audio")
        assert slots.shown(1) == {
            "Expression 1": "/Status/Audio",
            "Format": "JSON",
            "Status": "OK",
            "URL": slots.receiver.url,
        }
        slots.volume(60)
        slots.ground.status.put(("Standby", "State"), "Off")
        await slots.receiver.until(1)
        (heard,) = slots.receiver.heard
        assert (heard.method, heard.path, heard.headers["Content-Type"]) == ("POST", "/in", "application/json")
        who = {name: {"Value": value} for name, value in WHO.items()}
        assert heard.json == {"Status": {"Identification": who, "Audio": {"Volume": {"Value": "60"}}}}
        assert next(iter(heard.json["Status"])) == "Identification"

    play(story)


def test_an_event_and_a_configuration_arrive_as_xml_with_who_tells_it_first() -> None:
    async def story(slots: Slots) -> None:
        await slots.register(2, "/Event/CallDisconnect", "/Configuration/Audio", form="XML")
        slots.ground.feedback.raise_event("CallDisconnect", {"CauseType": "LocalDisconnect", "CallId": 3})
        slots.ground.configure("Audio DefaultVolume", 70)
        await slots.receiver.until(2)
        event, configuration = (ElementTree.fromstring(heard.body) for heard in slots.receiver.heard)
        assert slots.receiver.heard[0].headers["Content-Type"].startswith("text/xml")
        assert [child.tag for child in event] == ["Identification", "CallDisconnect"]
        assert {child.tag: child.text for child in event[0]} == WHO
        assert event.findtext("CallDisconnect/CallId") == "3"
        assert configuration.tag == "Configuration"
        assert configuration.findtext("Audio/DefaultVolume") == "70"

    play(story)


def test_an_element_that_is_gone_arrives_as_a_ghost() -> None:
    async def story(slots: Slots) -> None:
        slots.ground.status.put(("Call", 3, "Status"), "Connected")
        await slots.register(1, "/Status/Call[@item='3']")
        slots.ground.status.remove(("Call", 3))
        await slots.receiver.until(1)
        assert slots.receiver.heard[0].json["Status"]["Call"] == [{"ghost": "True", "id": "3"}]

    play(story)


def test_expressions_that_overlap_tell_once() -> None:
    async def story(slots: Slots) -> None:
        await slots.register(1, "/Status/Audio", "/Status/Audio/Volume", "//Volume", "/Status")
        slots.volume(60)
        await slots.receiver.quiet()
        assert slots.volumes == ["60"]

    play(story)


def test_nobody_is_told_of_the_own_registration() -> None:
    async def story(slots: Slots) -> None:
        await slots.register(1, "/Status/HttpFeedback")
        await slots.receiver.quiet()
        assert not slots.receiver.heard
        await slots.register(2, "/Status/Call")
        await slots.receiver.until(1)

    play(story)


def test_one_request_at_a_time_in_order_and_slots_do_not_wait_for_each_other() -> None:
    async def story(slots: Slots) -> None:
        slots.receiver.late_s = 2
        await slots.register(1, "/Status/Audio")
        for level in range(1, 6):
            slots.volume(level)
        await slots.ground.clock.sleep(20)
        assert slots.volumes == ["1", "2", "3", "4", "5"]
        assert [round(heard.at_s) for heard in slots.receiver.heard] == [0, 2, 4, 6, 8]
        assert slots.receiver.at_once == 1
        await slots.register(2, "/Status/Audio")
        slots.volume(6)
        await slots.ground.clock.sleep(20)
        assert slots.receiver.at_once == 2

    play(story)


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_a_slot_that_fails_is_silent_until_it_is_enabled(status: int) -> None:
    async def story(slots: Slots) -> None:
        await slots.register(1, "/Status/Audio")
        slots.receiver.status = status
        for level in (1, 2, 3):
            slots.volume(level)
        await slots.receiver.quiet()
        assert slots.volumes == ["1"]  # what waited was dropped, and nothing is sent again
        assert slots.shown(1)["Status"] == "Failed"
        assert slots.failed == [[], [1]]
        url = slots.receiver.url
        assert slots.ground.log == [
            f"HttpFeedback W: slot 1 failed: answered {status}; silent towards {url} until enabled"
        ]
        slots.volume(4)
        await slots.receiver.quiet()
        slots.receiver.status = 200
        await slots.ground.call("HttpFeedback Enable", FeedbackSlot=1)
        assert slots.shown(1)["Status"] == "OK"
        assert slots.failed[-1] == []
        slots.volume(5)
        await slots.receiver.quiet()
        assert slots.volumes == ["1", "5"]

    play(story)


def test_a_receiver_that_does_not_answer_has_ten_seconds() -> None:
    async def story(slots: Slots) -> None:
        slots.receiver.late_s = 60
        await slots.register(1, "/Status/Audio")
        slots.volume(1)
        await slots.ground.clock.sleep(9.9)
        assert slots.shown(1)["Status"] == "OK"
        await slots.ground.clock.sleep(0.2)
        assert slots.shown(1)["Status"] == "Failed"
        assert "timeout after 10 s" in slots.ground.log[0]

    play(story)


@pytest.mark.parametrize("url", ["http://nobody.test/", "http://127.0.0.1:9/", "https://192.0.2.20/fb?token=hunter2"])
def test_who_cannot_be_reached_fails_the_slot_and_no_packet_leaves_the_house(url: str) -> None:
    async def story(slots: Slots) -> None:
        await slots.register(4, "/Status/Audio", url=url)
        slots.volume(1)
        await slots.ground.clock.sleep(30)
        assert slots.shown(4)["Status"] == "Failed"
        assert "hunter2" not in "".join(slots.ground.log)
        assert not any("hunter2" in event.as_json() for event in slots.ground.trace.events if event.kind != "xapi")

    play(story)


def test_a_receiver_that_is_too_slow_fails_instead_of_filling_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpfeedback, "WAITING_MAX", 5)

    async def story(slots: Slots) -> None:
        slots.receiver.late_s = 9
        await slots.register(1, "/Status/Audio")
        for level in range(1, 10):
            slots.volume(level)
        await slots.ground.clock.sleep(100)
        assert slots.shown(1)["Status"] == "Failed"
        assert "5 messages wait" in slots.ground.log[0]
        assert len(slots.receiver.heard) <= 1

    play(story)


def test_a_certificate_is_verified_unless_that_is_switched_off() -> None:
    async def story(slots: Slots) -> None:
        slots.outgoing._anchors = lambda: TlsClient(())
        await slots.register(1, "/Status/Audio")
        slots.volume(1)
        await slots.ground.clock.sleep(5)
        assert "unknown issuer" in slots.ground.log[0]
        slots.ground.configure("HttpFeedback TlsVerify", "Off")
        await slots.ground.call("HttpFeedback Enable", FeedbackSlot=1)
        slots.volume(2)
        await slots.receiver.until(1)
        assert slots.volumes == ["2"]

    play(story, tls=True)


def test_a_slot_can_be_taken_again_and_given_free() -> None:
    async def story(slots: Slots) -> None:
        await slots.register(1, "/Status/Audio", "/Status/Call")
        slots.receiver.late_s = 5
        slots.volume(1)
        await slots.ground.clock.sleep(1)
        await slots.register(1, "/Status/Standby", form="XML")
        assert slots.shown(1)["Expression 1"] == "/Status/Standby"
        assert "Expression 2" not in slots.shown(1)
        slots.volume(2)
        await slots.ground.call("HttpFeedback Deregister", FeedbackSlot=1)
        await slots.ground.call("HttpFeedback Deregister", FeedbackSlot=1)
        assert not slots.shown(1)
        slots.volume(3)
        await slots.ground.clock.sleep(20)
        assert slots.volumes == ["1"]
        with pytest.raises(CommandFailed, match="Nothing is registered in slot 1"):
            await slots.ground.call("HttpFeedback Enable", FeedbackSlot=1)
        assert slots.ground.kept[-1] == ()
        assert not slots.ground.status._listeners

    play(story)


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"FeedbackSlot": 5}, "FeedbackSlot"),
        ({"FeedbackSlot": 0}, "FeedbackSlot"),
        ({"ServerUrl": "ftp://room.test/"}, "ServerUrl"),
        ({"ServerUrl": "room.test"}, "ServerUrl"),
        ({"ServerUrl": "ws://room.test/"}, "ServerUrl"),
        ({"Format": "YAML"}, "Format"),
        ({"Expression": ["/Status"] * 16}, "Expression"),
        ({"Expression": ["/Status", "/Status/["]}, "Expression"),
        ({"Expression": ["**"]}, "Expression"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(wrong: dict[str, Any], argument: str) -> None:
    async def story(slots: Slots) -> None:
        good = {"FeedbackSlot": 1, "ServerUrl": slots.receiver.url, "Expression": "/Status"}
        with pytest.raises(BadArguments) as refused:
            await slots.ground.call("HttpFeedback Register", **(good | wrong))
        assert set(refused.value.wrong) == {argument}
        assert not slots.shown(1)
        assert not slots.ground.status._listeners

    play(story)


def test_registrations_come_back_after_a_restart_and_one_that_failed_stays_silent() -> None:
    async def before(slots: Slots) -> None:
        await slots.register(3, "/Status/Audio")
        await slots.register(1, "/Status/Audio", url="http://nobody.test/")
        slots.volume(1)
        await slots.receiver.quiet()
        kept.extend(slots.ground.kept[-1])

    async def after(slots: Slots) -> None:
        slots.volume(2)
        assert not slots.shown(3)
        slots.part.resume()
        assert (slots.shown(1)["Status"], slots.shown(3)["Status"]) == ("Failed", "OK")
        assert slots.failed == [[1]]
        slots.volume(3)
        await slots.receiver.quiet()
        assert slots.volumes == ["3"]
        assert slots.part.saved() == tuple(kept)

    kept: list[SavedFeedback] = []
    play(before)
    play(after, saved=tuple(kept))


def test_a_registration_that_cannot_be_read_any_more_is_left_out_with_a_word() -> None:
    async def story(slots: Slots) -> None:
        slots.part.resume()
        assert slots.shown(2)
        assert "slot 1 not taken up" in slots.ground.log[0]

    good = SavedFeedback(slot=2, url="http://room.test/", expressions=("/Status",))
    play(story, saved=(SavedFeedback(slot=1, url="http://room.test/", expressions=("[",)), good))


def test_nothing_is_registered_that_cannot_be_kept() -> None:
    async def story(slots: Slots) -> None:
        await slots.register(1, "/Status/Audio")
        slots.ground.disk_is_full = True
        with pytest.raises(CommandFailed, match="could not be kept"):
            await slots.register(1, "/Status/Call")
        with pytest.raises(CommandFailed, match="could not be kept"):
            await slots.register(2, "/Status/Audio")
        slots.volume(1)
        await slots.receiver.quiet()
        assert slots.volumes == ["1"]
        assert slots.shown(1)["Expression 1"] == "/Status/Audio"
        assert not slots.shown(2)

    play(story)


def test_delivery_over_real_sockets() -> None:
    async def main() -> None:
        ground = XapiGround()
        async with Receiver(ground) as receiver:
            slots = Slots(ground, receiver)
            await slots.register(1, "/Status/Audio", url=receiver.loopback)
            for level in range(1, 21):
                slots.volume(level)
            async with asyncio.timeout(20):
                await receiver.arrival(20)
            assert slots.volumes == [str(level) for level in range(1, 21)]
            await until(lambda: not ground.tasks._running)

    asyncio.run(main())
