"""The cloud as a whole: doors, names, ready file, restarts, repeatability."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cloud_world import Exchange, World, in_cloud, started

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import build_media
from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.errors import BadRequest, NotFound
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.httpnet import NetConnectionError
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace, trace_hash
from endpoint.runtime.virtual import run
from endpoint.wire.activation import parse_code
from endpoint.wire.secret import AccessToken


def make_cloud(names: NameTable | None = None, **options: Any) -> Cloud:
    clock = Clock(LoopTime(asyncio.get_running_loop()))
    trace = Trace(clock)
    return Cloud(clock, Chance(7), trace, Faults(clock, trace), names or NameTable(), **options)


def _read(path: str) -> str:
    return Path(path).read_text()


def test_ready_tells_all_that_a_client_needs() -> None:
    async def main() -> None:
        cloud = make_cloud()
        await cloud.start(http=("127.0.0.1", 0), https=("127.0.0.1", 0))
        ready = cloud.ready()
        assert set(ready) == {"http", "https", "ca", "org_id", "control", "admin_token"}
        assert ready["control"] == f"{ready['http']}/roomsim/control/v1"
        assert _read(ready["ca"]) == cloud.root_pem
        assert ready["admin_token"].endswith(f"_P0A1_{ready['org_id']}")
        directory = Path(ready["ca"]).parent
        assert cloud.ready() == ready
        await cloud.stop()
        assert not directory.exists()

    run(main)


def test_door_that_is_not_opened_is_not_named() -> None:
    async def main() -> None:
        cloud = make_cloud()
        await cloud.start()
        ready = cloud.ready()
        assert "http" not in ready
        assert ready["control"].startswith("https://")
        await cloud.stop()

    run(main)


def test_names_lead_to_the_doors() -> None:
    async def main() -> None:
        names = NameTable()
        cloud = make_cloud(names, settings=CloudSettings("airgap.example", "id.example"))
        await cloud.start(http=("127.0.0.1", 0), https=("127.0.0.1", 0))
        urls = {scheme: cloud.url(scheme) for scheme in ("http", "https")}
        for name in ("u2c.airgap.example", "idbroker.id.example", "wdm-q.airgap.example"):
            for scheme, port in (("http", 80), ("https", 443)):
                found = names.resolve(name, port)
                assert found is not None
                assert f"{scheme}://{found[0]}:{found[1]}" == urls[scheme]
        await cloud.stop()

    run(main)


def test_certificate_is_good_for_names_and_loopback() -> None:
    async def story(world: World) -> None:
        port = int(str(world.cloud.url("https")).rpartition(":")[2])
        for url in ("https://u2c.wbx2.test", "https://idbroker.webex.test", f"https://127.0.0.1:{port}"):
            reply = await world.ask("GET", f"{url}/{'' if 'id' in url else 'u2c/api/v1/'}ping")
            assert reply.status == 200
        base = f"https://127.0.0.1:{port}"
        catalog = await world.ask("GET", f"{base}/u2c/api/v1/limited/catalog?orgId=x")
        assert catalog.json["serviceLinks"]["idbroker"] == f"{base}/idbroker"

    in_cloud(story, https=("127.0.0.1", 0))


def test_door_in_use_is_an_error_and_leaves_nothing_open() -> None:
    async def main() -> None:
        first, second = make_cloud(), make_cloud(media=build_media(Chance(1).actor("cloud").stream("media")))
        await first.start(http=("127.0.0.1", 8080), https=None)
        with pytest.raises(OSError, match="in use"):
            await second.start(http=("127.0.0.1", 8080), https=("127.0.0.1", 8443))
        assert second.url("http") is None
        await first.stop()
        again = make_cloud()
        await again.start(http=("127.0.0.1", 8080), https=("127.0.0.1", 8443))
        await again.stop()

    run(main)


def test_restart_keeps_identity_trust_and_registrations(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def main() -> None:
        async with started(state_dir=tmp_path / "s", seed=None) as world:
            exchange = await Exchange.run(world, world.code())
            registered = await world.ask("POST", "/wdm/api/v1/devices", {"name": "x"}, token=exchange.access_token)
            kept.update(
                ready=world.cloud.ready(), token=exchange.access_token, path=registered.json["url"][len(world.base) :]
            )
            world.cloud.use_cases.meeting_create("Review", world.clock.now(), 30)
        async with started(state_dir=tmp_path / "s", seed=None) as world:
            ready = world.cloud.ready()
            assert {name: ready[name] for name in ("ca", "org_id", "admin_token")} == {
                name: kept["ready"][name] for name in ("ca", "org_id", "admin_token")
            }
            assert (await world.ask("PUT", kept["path"], {}, token=kept["token"])).status == 200
            events = await world.ask("GET", "/calendar/api/v1/calendarEvents", token=kept["token"])
            assert len(events.json["items"]) == 1
            assert world.cloud.platform.boot == 2

    run(main)
    assert Path(kept["ready"]["ca"]) == tmp_path / "s" / "ca.pem"


def test_frames_and_tokens_after_a_restart_repeat_none_of_before(tmp_path: Path) -> None:
    seen: list[str] = []

    async def main() -> None:
        token = ""
        for _ in range(3):
            async with started(state_dir=tmp_path) as world:
                token = token or await world.machine()
                ws = await world.socket(token)
                seen.append((await ws.receive_json())["id"])
                await ws.close()
                user = world.cloud.use_cases.query("user.id")
                seen.append(world.cloud.use_cases.token_create(user).access.reveal())
                seen.append(world.cloud.use_cases.workspace_create("Again").id)

    run(main)
    assert len(set(seen)) == len(seen)


def test_admin_token_that_died_is_replaced_at_the_next_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(state_dir=tmp_path) as world:
            before = world.cloud.admin_token
            admin = world.cloud.platform.tokens.verify(before).user_id
            world.cloud.use_cases.token_revoke("all", admin)
        async with started(state_dir=tmp_path) as world:
            assert world.cloud.admin_token != before
            assert (await world.admin("GET", "/v1/devices")).status == 200

    run(main)


def test_state_directory_is_private(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(state_dir=tmp_path / "s"):
            mode = stat.S_IMODE(os.stat(tmp_path / "s").st_mode)
            assert mode == 0o700

    run(main)


async def _morning(world: World, names: tuple[str, ...]) -> None:
    exchanges = await asyncio.gather(*(Exchange.run(world, world.code(name), serial=name) for name in names))
    sockets = [await world.socket(exchange.access_token) for exchange in exchanges]
    for ws in sockets:
        await ws.receive_json()
    world.cloud.use_cases.meeting_create("Review", world.clock.now(), 30, name="review")
    for ws in sockets:
        await ws.receive_json()
        await ws.close()
    await world.clock.sleep(3600)


def _hash_of(seed: int, names: tuple[str, ...] = ("A", "B", "C")) -> str:
    hashes: list[str] = []

    async def story(world: World) -> None:
        await _morning(world, names)
        hashes.append(trace_hash(world.trace.events))

    in_cloud(story, seed=seed)
    return hashes[0]


def test_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    assert _hash_of(7) == _hash_of(7)
    assert _hash_of(7) != _hash_of(8)


def test_what_one_device_gets_does_not_depend_on_who_else_is_there() -> None:
    async def token_of(world: World, order: tuple[str, ...]) -> str:
        codes = {name: world.code(name) for name in sorted(order)}
        tokens = {name: (await Exchange.run(world, codes[name], serial=name)).access_token for name in order}
        return tokens["B"]

    found: list[str] = []

    def story(order: tuple[str, ...]) -> Any:
        async def run_it(world: World) -> None:
            token = await token_of(world, order)
            found.append(token.partition("_")[0])

        return run_it

    for order in (("B",), ("A", "B"), ("C", "B", "A")):
        in_cloud(story(order))
    assert len(set(found)) == 1


def test_workspace_that_is_deleted_takes_everything_along() -> None:
    async def story(world: World) -> None:
        cases = world.cloud.use_cases
        exchange = await Exchange.run(world, world.code("Lab"))
        spare, secret = cases.code_create(workspace="Lab")
        cases.feature_set("x", True)
        cases.workspace_delete(spare.workspace_id)
        assert [cases.query(f"{table}.count") for table in ("workspace", "device", "registration", "toggle")] == [0] * 4
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401
        refused = await Exchange(world, parse_code(secret.reveal())).challenge()
        assert refused.json["error"] == "code.unknown"

    in_cloud(story)


def test_what_is_refused_changes_nothing() -> None:
    async def story(world: World) -> None:
        cases = world.cloud.use_cases
        person = cases.user_create("Ann Example", "ann@example.test")
        meeting = cases.meeting_create("Review", world.clock.now(), 30, user_ids=[person.id])
        far = datetime(9995, 1, 1, tzinfo=UTC)
        for error, match, refused in (
            (
                BadRequest,
                "either a workspace or a person",
                lambda: cases.code_create(workspace="New", person_id=person.id),
            ),
            (BadRequest, "lives 0 to", lambda: cases.code_create(workspace="New", lives_s=-1.0)),
            (BadRequest, "push is", lambda: cases.meeting_create("x", world.clock.now(), 30, push="twice")),
            (BadRequest, "push is", lambda: cases.meeting_update(meeting.id, title="x", push="twice")),
            (BadRequest, "push is", lambda: cases.meeting_delete(meeting.id, push="twice")),
            (BadRequest, "starts from", lambda: cases.meeting_create("x", far, 30)),
            (NotFound, "404", lambda: cases.meeting_create("x", world.clock.now(), 30, user_ids=["nobody"])),
            (NotFound, "404", lambda: cases.meeting_update(meeting.id, title="x", user_ids=["nobody"])),
        ):
            with pytest.raises(error, match=match):
                refused()
        assert cases.query("workspace.count") == 0
        assert (cases.query("meeting.count"), cases.query("meeting.title")) == (1, "Review")

    in_cloud(story)


def test_person_that_is_deleted_takes_codes_along() -> None:
    async def story(world: World) -> None:
        cases = world.cloud.use_cases
        person = cases.user_create("Ann Example", "ann@example.test")
        _, secret = cases.code_create(person_id=person.id)
        cases.user_delete(person.id)
        refused = await Exchange(world, parse_code(secret.reveal())).challenge()
        assert refused.json["error"] == "code.unknown"

    in_cloud(story)


def test_state_is_read_by_dotted_paths() -> None:
    async def story(world: World) -> None:
        query = world.cloud.use_cases.query
        code = world.code("Lab")
        assert query("code.state") == query(f"code.{code.activation_id}.state") == "NEW"
        assert query(f"code.{code.activation_id}")["failures"] == 0
        await world.clock.sleep(8 * 86_400)
        assert query("code.state") == "EXPIRED", "what time did to it is seen"
        assert (query("workspace.name"), query("mercury.open"), query("faults.armed")) == ("Lab", 0, [])
        assert query("faults") == {"armed": []}

    in_cloud(story)


def test_real_doors_serve_http_and_https() -> None:
    async def main() -> None:
        cloud = make_cloud()
        await cloud.start(http=("127.0.0.1", 0), https=("127.0.0.1", 0))
        tls = ssl.create_default_context(cadata=cloud.root_pem)
        async with aiohttp.ClientSession() as http:
            for scheme in ("http", "https"):
                async with http.get(f"{cloud.url(scheme)}/gds/api/v1/ping", ssl=tls) as answer:
                    assert (await answer.json())["serviceName"] == "GDS"
        await cloud.stop()

    asyncio.run(main())


def test_admin_token_is_a_secret_until_it_is_revealed() -> None:
    async def story(world: World) -> None:
        assert str(world.cloud.admin_token) == "<access_token>"
        assert isinstance(world.cloud.admin_token, AccessToken)

    in_cloud(story)


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("expired", "expired"),
        ("not_yet_valid", "not yet valid"),
        ("wrong_name", "host name mismatch"),
        ("unknown_ca", "unknown issuer"),
    ],
)
def test_certificate_is_a_bad_one_where_a_fault_asks_for_it(do: str, reason: str) -> None:
    async def story(world: World) -> None:
        world.faults.arm(Fault("f", "tls", do, {"host": "wdm-a.wbx2.test"}))
        with pytest.raises(NetConnectionError, match=reason):
            await world.ask("GET", "https://wdm-a.wbx2.test/wdm/api/v1/ping")
        assert (await world.ask("GET", "https://gds-a.wbx2.test/gds/api/v1/ping")).status == 200
        world.faults.heal("f")
        assert (await world.ask("GET", "https://wdm-a.wbx2.test/wdm/api/v1/ping")).status == 200

    in_cloud(story, https=("127.0.0.1", 0))
