"""Faults by the control door: armed, healed, struck, refused."""

from __future__ import annotations

import pytest
from device_room import Room, play

from endpoint.runtime.net import Net


def test_a_fault_bites_until_it_is_healed() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask(
            "POST", "/faults", {"on": "dns", "do": "nxdomain", "target": {"host": "gds*"}, "id": "no-gds"}
        )
        assert (reply.status, reply.json["used"]) == (201, 0)
        await room.act("restart")
        assert (await room.get("/status"))["gdsIsHealthy"] is False
        (armed,) = (await room.get("/faults"))["items"]
        assert (armed["id"], armed["used"], armed["target"]) == ("no-gds", 1, {"host": "gds*", "device": "device:room"})
        assert (await room.ask("DELETE", "/faults/no-gds")).json["used"] == 1
        await room.act("restart")
        assert (await room.get("/status"))["gdsIsHealthy"] is True
        assert await room.get("/faults") == {"items": []}

    play(scene, cloud=True)


def test_a_fault_ends_at_its_limit() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask(
            "POST", "/faults", {"on": "tcp", "do": "refuse", "count": 1, "target": {"service": "gds"}}
        )
        assert reply.json["id"] == "fault-1"
        for healthy in (False, True):
            await room.act("restart")
            assert (await room.get("/status"))["gdsIsHealthy"] is healthy
        reply = await room.ask("DELETE", "/faults/fault-1")
        assert (reply.status, reply.code) == (404, "not_armed")

    play(scene, cloud=True)


def test_a_dead_network_does_not_close_the_door() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"on": "link", "do": "down", "for": "1h", "after": "1s"})
        await room.device.world.clock.sleep(2)
        reply = await room.act("register")
        assert (reply.status, reply.code) == (409, "not_activated")
        assert (await room.act("activate", code="1234567890123456")).code == "unreachable"
        assert (await room.get("/faults"))["items"][0]["used"] > 0

    play(scene, cloud=True)


def test_lock_down_does_not_close_the_door() -> None:
    async def scene(room: Room) -> None:
        assert (await room.act("activate", code=room.new_code().reveal(), security="harden")).status == 200
        assert (await room.get("/status"))["isHardened"] is True

    play(scene, cloud=True)


def test_a_momentary_fault_says_whether_it_hit() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", "/faults", {"on": "mercury", "do": "reset"})
        assert (reply.status, reply.json["hit"]) == (200, False)
        await room.online()
        reply = await room.ask("POST", "/faults", {"on": "mercury", "do": "reset"})
        assert reply.json["hit"] is True
        assert await room.get("/faults") == {"items": []}

    play(scene, cloud=True)


def test_a_delay_that_is_drawn_is_armed_and_shown_in_the_words_of_the_language() -> None:
    async def scene(room: Room) -> None:
        fault = {"on": "tcp", "do": "delay", "by": {"from": "500ms", "to": 2}}
        reply = await room.ask("POST", "/faults", fault)
        assert (reply.status, reply.json["by"]) == (201, {"from": 0.5, "to": 2.0})
        (shown,) = (await room.get("/faults"))["items"]
        assert shown["by"] == {"from": 0.5, "to": 2.0}
        assert (await room.ask("DELETE", f"/faults/{shown['id']}")).json["by"] == shown["by"]

    play(scene)


@pytest.mark.parametrize(
    ("body", "status", "code", "expected"),
    [
        ({"on": "link"}, 400, "bad_field", "do"),
        ({"on": "wifi", "do": "down"}, 422, "unknown_fault", "link"),
        ({"on": "client", "do": "flood"}, 422, "unknown_fault", "drop"),
        ({"on": "client", "do": "drop", "target": {"client": "panel"}}, 422, "bad_target", "user"),
        ({"on": "link", "do": "flap"}, 422, "unknown_fault", "down"),
        ({"on": "http", "do": "error"}, 422, "unknown_fault", "tcp"),
        ({"on": "link", "do": "down", "target": {"cluster": "a"}}, 422, "bad_target", "host"),
        ({"on": "link", "do": "down", "target": {"host": ["a"]}}, 400, "bad_field", "target"),
        ({"on": "link", "do": "down", "count": 0}, 400, "bad_field", "count"),
        ({"on": "link", "do": "down", "percent": 101}, 400, "bad_field", "percent"),
        ({"on": "link", "do": "down", "id": "a b"}, 400, "bad_field", "id"),
        ({"on": "link", "do": "down", "for": "soon"}, 422, "bad_duration", None),
        ({"on": "link", "do": "down", "by": 1}, 422, "bad_fault", None),
        ({"on": "tcp", "do": "delay"}, 422, "bad_fault", None),
        ({"on": "tcp", "do": "reset", "for": 1}, 422, "bad_fault", None),
        ({"on": "link", "do": "down", "until": 1}, 400, "unknown_field", "for"),
        ({"on": "link", "do": "down", "id": "a\n"}, 400, "bad_field", "id"),
        ({"on": "clock", "do": "jump", "by": 1e300}, 422, "bad_duration", None),
        ({"on": "clock", "do": "jump", "by": -1e12}, 422, "bad_duration", None),
        ({"on": "udp", "do": "reorder", "by": True}, 422, "bad_fault", None),
        ({"on": "udp", "do": "rewrite", "to": "example.test"}, 422, "bad_fault", None),
        ({"on": "udp", "do": "rewrite", "to": "[::1]"}, 422, "bad_fault", None),
        ({"on": "dns", "do": "wrong_address", "to": ""}, 422, "bad_fault", None),
        ({"on": "tcp", "do": "delay", "by": {"from": 3, "to": 1}}, 422, "bad_fault", None),
        ({"on": "tcp", "do": "delay", "by": {"from": 3}}, 422, "bad_fault", None),
        ({"on": "clock", "do": "jump", "by": {"from": 1, "to": 3}}, 422, "bad_fault", None),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(body: object, status: int, code: str, expected: str | None) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", "/faults", body)
        assert (reply.status, reply.code) == (status, code)
        assert expected is None or expected in reply.json["expected"]
        assert await room.get("/faults") == {"items": []}

    play(scene)


def test_a_fault_of_one_device_does_not_disturb_another() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"on": "link", "do": "down"})
        other = Net("device:other", room.device.world.clock, room.names, room.device.world.faults)
        assert room.device.world.net.loses("up", "media.test", 5004)
        assert not other.loses("up", "media.test", 5004)

    play(scene)


def test_the_fault_of_the_join_button_bites_at_a_press_and_nowhere_else() -> None:
    async def scene(room: Room) -> None:
        fault = {"on": "calendar", "do": "sip_button", "target": {"meeting": "sales"}}
        assert (await room.ask("POST", "/faults", fault)).status == 201
        faults, who = room.device.world.faults, room.device.who
        assert faults.hit("calendar", step="push", meeting="sales", device=who) is None
        assert faults.hit("calendar", step="press", meeting="lunch", device=who) is None
        assert faults.hit("calendar", step="press", meeting="sales", device=who) is not None

    play(scene)


def test_an_id_that_is_armed_is_refused() -> None:
    async def scene(room: Room) -> None:
        fault = {"on": "link", "do": "down", "id": "twice", "after": "1h"}
        assert (await room.ask("POST", "/faults", fault)).status == 201
        reply = await room.ask("POST", "/faults", fault)
        assert (reply.status, reply.code) == (409, "fault_refused")

    play(scene)


def test_percent_takes_its_share() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"on": "udp", "do": "drop", "percent": 50})
        net = room.device.world.net
        lost = sum(net.loses("up", "media.test", 5004) for _ in range(400))
        assert 150 < lost < 250

    play(scene)


def test_a_row_of_the_fault_table_is_one_switch() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", "/faults", {"row": "clock.wrong_no_source", "id": "stray"})
        assert (reply.status, reply.json["row"]) == (201, "clock.wrong_no_source")
        assert [one["id"] for one in reply.json["items"]] == ["stray", "stray.2", "stray.3", "stray.4"]
        assert reply.json["items"][0]["hit"] is True
        assert room.device.world.clock.now().year < 1980
        again = await room.ask("POST", "/faults", {"row": "clock.wrong_no_source", "id": "stray"})
        assert (again.status, again.code) == (409, "fault_refused")
        assert len((await room.get("/faults"))["items"]) == 3
        assert (await room.ask("DELETE", "/faults/stray")).status == 200
        assert await room.get("/faults") == {"items": []}

    play(scene)


@pytest.mark.parametrize("more", [{"for": "soon"}, {"target": {"service": "gds"}}, {"after": -1}])
def test_of_a_row_that_makes_no_sense_nothing_bites(more: dict[str, object]) -> None:
    async def scene(room: Room) -> None:
        before = room.device.world.clock.now()
        reply = await room.ask("POST", "/faults", {"row": "clock.wrong_no_source", **more})
        assert reply.status == 422
        assert room.device.world.clock.now() == before
        assert await room.get("/faults") == {"items": []}

    play(scene)


def test_a_row_that_ends_by_itself() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"row": "link.down", "for": "1m"})
        assert (await room.get("/status"))["diagnostics"]["NetLinkStatus"] == "Error"
        await room.device.world.clock.sleep(61)
        assert room.device.link.is_up

    play(scene)


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"row": "dns.nxdomian"}, "unknown_fault", "no row 'dns.nxdomian'"),
        ({"row": "token.revoked"}, "unknown_fault", "the cloud's control API does it"),
        ({"row": "multistream.refused"}, "unknown_fault", "it comes with multistream"),
        ({"row": "link.down", "on": "dns"}, "bad_fault", "give either"),
        ({"row": "link.down", "by": 3}, "bad_fault", "give either"),
        ({"row": "power.loss", "target": {"host": "x"}}, "bad_target", "cannot be aimed at 'host'"),
        ({"on": "clock", "do": "jump"}, "bad_fault", "needs `by`"),
        ({"on": "http", "do": "error"}, "unknown_fault", "the cloud's control API has faults on http"),
        ({"on": "link", "do": "mtu"}, "unknown_fault", "only the network of a virtual run has; a scenario does it"),
        ({"on": "tls", "do": "intercept"}, "unknown_fault", "the cloud has to show another TLS for it"),
        ({"on": "clock", "do": "drift"}, "unknown_fault", "`skew` at /clock"),
    ],
)
def test_a_row_that_is_none_of_the_device_is_refused(body: dict[str, object], code: str, says: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", "/faults", body)
        assert (reply.status, reply.code) == (422, code)
        assert says in reply.json["message"]
        assert await room.get("/faults") == {"items": []}

    play(scene)
