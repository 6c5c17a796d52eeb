"""The control door, over the network in memory: whom it lets in, what it never says, and its reference page."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from device_room import Room, opened, play
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.device.control import ControlDoor
from endpoint.device.control_answers import PREFIX
from endpoint.device.control_faults import LASTING, MOMENTARY, TARGETS
from endpoint.device.control_messages import BODY_BYTES_MAX
from endpoint.runtime.net import FAILURES
from endpoint.runtime.virtual import VirtualLoop

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "device-control.md"
ELSEWHERE = "192.0.2.1"


# -- who is let in --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/"])
def test_the_index_says_what_there_is(path: str) -> None:
    async def scene(room: Room) -> None:
        index = await room.get(path)
        assert (index["version"], index["device"]) == (1, "room")
        listed = {(endpoint["method"], endpoint["path"]) for endpoint in index["endpoints"]}
        assert ("POST", f"{PREFIX}/actions") in listed
        assert len(listed) == len(index["endpoints"])
        assert all(endpoint["text"] for endpoint in index["endpoints"])

    play(scene)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {}", "Bearer {}x", "{}", "bearer{}"]
)
def test_nobody_enters_without_the_token(authorization: str) -> None:
    async def scene(room: Room) -> None:
        header = authorization.format(room.door.token.reveal())
        for endpoint in (await room.get("/"))["endpoints"]:
            url = room.door.url.removesuffix(PREFIX) + endpoint["path"].replace("{id}", "1")
            reply = await room.ask(endpoint["method"], url, Authorization=header)
            assert (reply.status, reply.code) == (401, "unauthorized")
            assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert room.device.is_up

    play(scene)


def test_paths_are_not_told_to_strangers() -> None:
    async def scene(room: Room) -> None:
        assert (await room.ask("GET", "/nothing", Authorization="")).status == 401

    play(scene)


def test_a_client_elsewhere_is_refused_even_with_the_token() -> None:
    async def scene(room: Room) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        port = int(room.door.url.split(":")[2].partition("/")[0])
        factory = loop.network.listeners["127.0.0.1", port].factory
        loop.network.listen(factory, ELSEWHERE, port, None)
        room.names.allow(ELSEWHERE)
        reply = await room.ask("GET", f"http://{ELSEWHERE}:{port}{PREFIX}/status")
        assert (reply.status, reply.code) == (403, "not_local")

    play(scene)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ELSEWHERE, "localhost", ""])
def test_the_door_opens_on_loopback_only(host: str) -> None:
    async def scene(room: Room) -> None:
        with pytest.raises(ValueError, match="loopback only"):
            await ControlDoor(room.device, room.device.world.faults, room.device.world.clock.source).start(host)

    play(scene)


def test_a_door_that_cannot_open_can_be_opened_later() -> None:
    async def scene(room: Room) -> None:
        taken = int(room.door.url.split(":")[2].partition("/")[0])
        other = ControlDoor(room.device, room.device.world.faults, room.device.world.clock.source)
        with pytest.raises(OSError, match="in use"):
            await other.start(port=taken)
        await other.start(host="::1")
        assert other.url.startswith("http://[::1]:")
        await other.stop()

    play(scene)


def test_the_token_is_another_one_at_each_start_and_hides_itself() -> None:
    async def scene(room: Room) -> None:
        first = room.door.token
        await room.door.stop()
        await room.door.start()
        assert room.door.token != first
        assert len(room.door.token.reveal()) == 48
        assert str(room.door.token) == "<control_token>"
        assert (await room.ask("GET", "/status", Authorization=f"Bearer {first.reveal()}")).status == 401

    play(scene)


def test_a_path_that_is_none_is_answered_with_those_that_are() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", "/stats")
        assert (reply.status, reply.code) == (404, "unknown_path")
        assert f"{PREFIX}/status" in reply.json["expected"]

    play(scene)


def test_a_method_that_is_none_is_answered_with_those_that_are() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("DELETE", "/clock")
        assert (reply.status, reply.code, reply.json["expected"]) == (405, "method", ["GET", "POST"])
        assert reply.headers["Allow"] == "GET, POST"

    play(scene)


@pytest.mark.parametrize("path", ["/status?x=1", "/?x=1", "/xstatus?paht=Webex", "/actions?wait=1"])
def test_a_name_in_the_query_that_is_none_is_refused(path: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", path)
        assert (reply.status, reply.code) == (400, "unknown_field")

    play(scene)


def test_a_name_that_comes_twice_in_the_query_is_refused() -> None:
    async def scene(room: Room) -> None:
        assert (await room.ask("GET", "/log?lines=1&lines=2")).code == "bad_query"

    play(scene)


@pytest.mark.parametrize("path", ["/clock", "/faults", "/actions"])
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"x"', b"\xff{}", b"[" * 20_000])
def test_a_body_that_is_no_object_is_refused(path: str, data: bytes) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", path, data=data)
        assert (reply.status, reply.code) == (400, "bad_body")

    play(scene)


def test_a_body_over_the_limit_is_refused() -> None:
    async def scene(room: Room) -> None:
        assert (await room.ask("POST", "/clock", data=b" " * (BODY_BYTES_MAX - 2) + b"{}")).code == "bad_clock"
        reply = await room.ask("POST", "/clock", data=b" " * (BODY_BYTES_MAX + 1))
        assert (reply.status, reply.code) == (413, "too_large")

    play(scene)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "action",
        "wait",
        "code",
        "service",
        "schedule",
        "advance",
        "skew",
        "on",
        "do",
        "id",
        "target",
        "for",
        "by",
        "count",
    ]
)
WORDS = st.sampled_from(
    ["discover", "refresh", "activate", "connect", "link", "down", "tcp", "reset", "delay", "1m", "mercury"]
)


@settings(max_examples=40, deadline=None)
@given(
    bodies=st.lists(st.dictionaries(NAMES | st.text(max_size=8), VALUES | WORDS, max_size=5), min_size=1, max_size=12)
)
def test_whatever_is_sent_is_done_or_refused_with_a_reason(bodies: list[dict[str, Any]]) -> None:
    async def scene(room: Room) -> None:
        for method, path in (("POST", "/clock"), ("POST", "/faults"), ("POST", "/actions"), ("PUT", "/xconfiguration")):
            for body in bodies:
                reply = await room.ask(method, path, body)
                assert reply.status in (200, 201, 202, 400, 404, 409, 422), reply.text
                if reply.status >= 400:
                    assert reply.json["code"]
                    assert reply.json["message"]

    play(scene)


def test_over_real_sockets_it_is_the_same_door() -> None:
    async def main() -> None:
        async with opened(boots=False) as room, aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {room.door.token.reveal()}"}
            async with session.get(f"{room.door.url}/clock", headers=headers) as response:
                assert (response.status, (await response.json())["mode"]) == (200, "real")
            async with session.get(f"{room.door.url}/clock") as response:
                assert response.status == 401

    asyncio.run(main())


# -- secrets --------------------------------------------------------------------------------------------------------------------------


def test_no_answer_holds_a_secret_of_a_real_activation() -> None:
    async def scene(room: Room) -> None:
        code = await room.online()
        secrets = [code.reveal(), code.reveal()[8:], room.door.token.reveal(), "PRIVATE KEY", "BEGIN CERTIFICATE"]
        for action in ({"action": "refresh", "service": "token"}, {"action": "restart"}):
            account = room.device.state.account
            assert account is not None
            assert account.token.refresh_token is not None
            secrets += [account.token.access_token.reveal(), account.token.refresh_token.reveal()]
            assert (await room.ask("POST", "/actions", action)).status == 200
        async with room.device.world.clock.timeout(60):
            await room.device.until_online(discovered=True)
        await room.act("activate", code=code.reveal())
        await room.act("activate", code=code.reveal(), security=code.reveal()[:3])
        for endpoint in (await room.get("/"))["endpoints"]:
            if endpoint["method"] == "GET":
                path = endpoint["path"].removeprefix(PREFIX).replace("{id}", "1")
                reply = await room.ask("GET", path)
                assert reply.status == 200
        await room.ask("GET", "/trace?since=0&limit=10000")
        assert len(room.trace.events) < 10_000
        everything = "\n".join(room.heard)
        assert len(everything) > 50_000
        assert [secret for secret in secrets if secret in everything] == []

    play(scene, cloud=True)


# -- the reference page -----------------------------------------------------------------------------------------------------------------

EXAMPLE = re.compile(
    r"```http\n(?P<asked>.+?)\n```\n```(?P<kind>jsonl?|text)\n(?P<status>\d{3})\n(?P<answered>.+?)\n```", re.S
)


def _agrees(shown: Any, got: Any) -> bool:
    """Compare what the page shows with what came: `"..."` stands for anything."""
    if shown == "...":
        return True
    if isinstance(shown, dict) and isinstance(got, dict):
        return shown.keys() == got.keys() and all(_agrees(value, got[name]) for name, value in shown.items())
    if isinstance(shown, list) and isinstance(got, list):
        return len(shown) == len(got) and all(map(_agrees, shown, got))
    return type(shown) is type(got) and bool(shown == got)


def test_every_example_of_the_reference_page_is_true() -> None:
    async def scene(room: Room) -> None:
        examples = list(EXAMPLE.finditer(REFERENCE.read_text(encoding="utf-8")))
        assert len(examples) == REFERENCE.read_text(encoding="utf-8").count("```http") > 15
        for example in examples:
            head, _, body = example["asked"].partition("\n")
            method, _, path = head.partition(" ")
            reply = await room.ask(method, path.removeprefix(PREFIX), data=body.encode() or None)
            assert str(reply.status) == example["status"], (head, reply.text)
            if example["kind"] == "text":
                assert reply.text == example["answered"] + "\n"
            else:
                assert _agrees(json.loads(example["answered"]), reply.json), (head, reply.text)

    play(scene)


def test_the_reference_page_lists_every_endpoint_and_every_action() -> None:
    async def scene(room: Room) -> None:
        text = REFERENCE.read_text(encoding="utf-8")
        index = await room.get("/")
        served = {(endpoint["method"], endpoint["path"].removeprefix(PREFIX)) for endpoint in index["endpoints"]}
        assert set(re.findall(r"^\| ([A-Z]+) \| `(/[^`]*)` \|", text, re.M)) == served
        table = text.partition("## Actions")[2].partition("An action is answered")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(index["actions"])

    play(scene)


def test_the_reference_page_lists_every_fault_and_target() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.*?) ?\|$", REFERENCE.read_text(encoding="utf-8"), re.M)
    listed = {
        on: (set(re.findall(r"`(\w+)`", do)) - {"by"}, set(re.findall(r"`(\w+)`", to)))
        for on, do, to in rows
        if on in TARGETS
    }
    for layer, failures in FAILURES.items():
        assert set(failures) <= set(LASTING[layer])
    assert listed == {on: ({*LASTING.get(on, ()), *MOMENTARY.get(on, ())}, set(to)) for on, to in TARGETS.items()}
