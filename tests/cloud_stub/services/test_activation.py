"""The three steps of the activation, from the wire: every row of the error table, every limit, every way to lose a reply."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cloud_world import IDENTIFIER, Exchange, Reply, World, in_cloud, started

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import Challenge, Code, CodeState, Device, Org, Token, User
from endpoint.runtime.virtual import run
from endpoint.wire import codec, srp
from endpoint.wire.activation import ERRORS, parse_code, rules
from endpoint.wire.envelope import OAUTH_DATA

WEEK_S = 7 * 86_400.0
CHALLENGES = "/activation/api/v1/challenges"
INVOKE = "/idbroker/idb/token/v1/actions/srp/invoke"
REGISTER = "/idbroker/idb/token/v1/actions/srp/register"


def assert_refused(reply: Reply, code: str, **extra: Any) -> None:
    row = ERRORS[code]
    body = reply.json
    assert (reply.status, body["error"]) == (row.status, code)
    assert body["error_description"] == row.when
    assert body["trackingId"] == reply.headers["trackingid"]
    assert {name: body.get(name) for name in extra} == extra


async def spoil(world: World, n: int = 5) -> Exchange:
    """Prove a wrong secret n times."""
    exchange = Exchange(world, world.code(), password="00000000")
    for _ in range(n):
        assert (await exchange.challenge()).status == 200
        assert_refused(await exchange.invoke(), "srp.proof_failed")
    return exchange


def state(world: World, exchange: Exchange) -> CodeState:
    return world.cloud.use_cases.code(exchange.code.activation_id).state


# -- the way it should go ----------------------------------------------------------------------------------------------


def test_device_with_a_code_gets_tokens_services_and_configuration() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code("Lab"))
        assert state(world, exchange) is CodeState.CONSUMED
        assert exchange.services["u2c"] == f"{world.base}/u2c/api/v1"
        assert exchange.config["displayName"] == "Lab"
        assert exchange.config["trustList"] == []
        device = world.cloud.platform.store[Device].last()
        assert device is not None
        assert (device.device_identifier, device.model, device.serial) == (IDENTIFIER, "Desk Pro", "TEST00000001")
        assert exchange.access_token.split("_")[1:] == ["P0A1", world.cloud.org_id]
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 200

    in_cloud(story)


def test_named_host_leads_to_named_urls() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        body = {"activationId": exchange.code.activation_id}
        reply = await world.ask("POST", f"http://activation.webex.test{CHALLENGES}", body)
        assert reply.json["url"] == "http://idbroker.webex.test/idb/token/v1/actions/srp/invoke"

    in_cloud(story)


@pytest.mark.parametrize(("trust", "expected"), [(None, None), ((), []), (("a", "b"), ["a", "b"])])
def test_trust_list_of_the_settings_reaches_the_device(trust: Any, expected: Any) -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        assert exchange.config.get("trustList") == expected
        again = await world.ask("GET", "/activation/api/v1/config", token=exchange.access_token)
        assert again.json == exchange.config

    in_cloud(story, CloudSettings(trust_list=trust))


# -- every row of the error table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHALLENGES, INVOKE, REGISTER])
def test_every_step_refuses_what_is_not_a_post_of_json(path: str) -> None:
    async def story(world: World) -> None:
        refused = await world.ask("GET", path)
        assert_refused(refused, "http.method")
        assert refused.headers["Allow"] == "POST"
        assert_refused(await world.ask("POST", path, b"{}", headers={"Content-Type": "text/plain"}), "http.media_type")
        assert_refused(await world.ask("POST", path, b"no json"), "http.media_type")
        assert_refused(await world.ask("POST", path, b"[]"), "http.media_type")
        assert_refused(await world.ask("POST", path, b" " * (64 * 1024 + 1)), "http.too_large")

    in_cloud(story)


@pytest.mark.parametrize(
    ("service", "path"), [("activation", CHALLENGES), ("idbroker", INVOKE), ("idbroker", REGISTER)]
)
def test_maintenance_answers_503_with_retry_after(service: str, path: str) -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.maintenance(service, for_s=30)
        refused = await world.ask("POST", path, {"activationId": "no"})
        assert_refused(refused, "maintenance")
        assert refused.headers["Retry-After"] == "30"
        assert_refused(await world.ask("POST", path, b""), "http.media_type")
        await world.clock.sleep(30)
        assert (await world.ask("POST", path, {"activationId": "no"})).status == 400

    in_cloud(story)


@pytest.mark.parametrize("given", ["", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨", 12345678, None])
def test_challenge_of_a_malformed_id_is_refused(given: Any) -> None:
    async def story(world: World) -> None:
        assert_refused(await world.ask("POST", CHALLENGES, {"activationId": given}), "code.malformed")

    in_cloud(story)


def test_challenge_of_an_unknown_code_is_refused() -> None:
    async def story(world: World) -> None:
        assert_refused(await world.ask("POST", CHALLENGES, {"activationId": "00000000"}), "code.unknown")

    in_cloud(story)


@pytest.mark.parametrize(("wait_s", "code"), [(WEEK_S - 1, ""), (WEEK_S, "code.expired"), (WEEK_S + 1, "code.expired")])
def test_code_lives_seven_days(wait_s: float, code: str) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await world.clock.sleep(wait_s)
        reply = await exchange.challenge()
        assert reply.status == 200 if not code else True
        if code:
            assert_refused(reply, code)

    in_cloud(story)


def test_used_code_is_refused() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        assert_refused(await exchange.challenge(), "code.used")

    in_cloud(story)


def test_errors_stay_specific_for_thirty_days() -> None:
    async def story(world: World) -> None:
        used, left = await Exchange.run(world, world.code("A")), Exchange(world, world.code("B"))
        await world.clock.sleep(WEEK_S + rules.CODE_KEPT_S - 1)
        world.code("C")
        assert_refused(await left.challenge(), "code.expired")
        await world.clock.sleep(WEEK_S + 2)
        world.code("D")
        assert_refused(await left.challenge(), "code.unknown")
        assert_refused(await used.challenge(), "code.unknown")

    in_cloud(story)


def test_fifth_wrong_proof_locks_the_code_for_good() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        spare = Exchange(world, exchange.code)
        await spare.challenge()
        exchange.password = "00000000"
        for left in (4, 3, 2, 1, 0):
            await exchange.challenge()
            assert_refused(await exchange.invoke(), "srp.proof_failed", attemptsLeft=left)
        assert state(world, exchange) is CodeState.LOCKED
        assert_refused(await spare.challenge(), "code.locked")
        assert_refused(await spare.invoke(), "code.locked")

    in_cloud(story)


def test_locked_code_is_told_to_the_holder_of_a_good_challenge_before_anything_else() -> None:
    async def story(world: World) -> None:
        code = world.code()
        holder, guesser = Exchange(world, code), Exchange(world, code, password="00000000")
        await holder.challenge()
        for _ in range(5):
            await guesser.challenge()
            await guesser.invoke()
        assert_refused(await holder.invoke({**holder.invoke_body(), "srpA": "junk"}), "code.locked")

    in_cloud(story)


def test_good_proof_does_not_reset_the_failures() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        exchange.password = "00000000"
        for _ in range(4):
            await exchange.challenge()
            await exchange.invoke()
        exchange.password = ""
        await exchange.challenge()
        assert (await exchange.invoke()).status == 200
        exchange.password = "00000000"
        await exchange.challenge()
        assert_refused(await exchange.invoke(), "srp.proof_failed", attemptsLeft=0)
        assert state(world, exchange) is CodeState.LOCKED

    in_cloud(story)


_N = srp.GROUP.modulus


@pytest.mark.parametrize(
    "public",
    [
        srp.GROUP.pad(0), srp.GROUP.pad(_N), (2 * _N).to_bytes(385, "big"), srp.GROUP.pad(_N + 1),
        srp.GROUP.pad(2**3072 - 1), b"", b"\1" * 383, b"\1" * 385,
    ],
)  # fmt: skip
def test_invoke_with_a_bad_a_is_refused_and_costs_nothing(public: bytes) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        body = {**exchange.invoke_body(), "srpA": codec.b64encode(public)}
        assert_refused(await exchange.invoke(body), "srp.bad_parameter")
        assert (await exchange.invoke()).status == 200, "the challenge is still good"

    in_cloud(story)


@pytest.mark.parametrize("name", ["srpA", "srpB"])
@pytest.mark.parametrize("value", ["", "no base64!", "AAAA", None, 7])
def test_invoke_without_readable_public_values_is_refused(name: str, value: Any) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        assert_refused(await exchange.invoke({**exchange.invoke_body(), name: value}), "srp.bad_parameter")

    in_cloud(story)


def test_unknown_srp_b_is_refused_in_both_steps() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        foreign = codec.b64encode(srp.client_public(b"\7" * 32))
        assert_refused(await exchange.invoke({**exchange.invoke_body(), "srpB": foreign}), "srp.session_unknown")
        assert (await exchange.invoke()).status == 200
        assert_refused(await exchange.register({**exchange.register_body(), "srpB": foreign}), "srp.session_unknown")
        assert_refused(await exchange.register({**exchange.register_body(), "srpB": 7}), "srp.session_unknown")

    in_cloud(story)


@pytest.mark.parametrize("size", [0, 16, 240, 255, 257, 4112])
def test_invoke_with_a_blob_of_a_wrong_length_is_refused_without_a_failure(size: int) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        body = {**exchange.invoke_body(), "oauthData": codec.b64encode(bytes(size))}
        assert_refused(await exchange.invoke(body), "srp.bad_envelope")
        assert world.cloud.use_cases.code(exchange.code.activation_id).failures == 0

    in_cloud(story)


@pytest.mark.parametrize(
    "plain", [b"no json", b"[]", b"{}", b'{"client_id": 1}', b"\xff", b'{"deviceIdentifier": "no uuid"}']
)
def test_invoke_with_a_proven_but_broken_content_is_refused_without_a_failure(plain: bytes) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        assert exchange.keys is not None
        sealed = exchange.keys.seal(OAUTH_DATA, plain, bytes(16))
        body = exchange.invoke_body() | {
            "oauthData": codec.b64encode(sealed.blob),
            "oauthDataHMAC": codec.b64encode(sealed.mac),
        }
        assert_refused(await exchange.invoke(body), "srp.bad_envelope")
        assert world.cloud.use_cases.code(exchange.code.activation_id).failures == 0

    in_cloud(story)


@pytest.mark.parametrize("flipped", ["oauthData", "oauthDataHMAC", "srpA"])
def test_one_flipped_bit_is_a_failed_proof(flipped: str) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        body = exchange.invoke_body()
        raw = bytearray(codec.b64decode_strict(body[flipped], flipped))
        raw[len(raw) // 2] ^= 1
        assert_refused(await exchange.invoke({**body, flipped: codec.b64encode(bytes(raw))}), "srp.proof_failed")

    in_cloud(story)


def test_envelope_of_one_code_proves_nothing_about_another() -> None:
    async def story(world: World) -> None:
        one, two = Exchange(world, world.code("A")), Exchange(world, world.code("B"))
        await one.challenge()
        await two.challenge()
        body = {**two.invoke_body(), "srpB": one.invoke_body()["srpB"]}
        assert_refused(await one.invoke(body), "srp.proof_failed")
        assert world.cloud.use_cases.code(one.code.activation_id).failures == 1
        assert world.cloud.use_cases.code(two.code.activation_id).failures == 0

    in_cloud(story)


def test_reply_of_the_cloud_sent_back_proves_nothing() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        reply = (await exchange.invoke()).json
        mirror = Exchange(world, exchange.code)
        await mirror.challenge()
        body = {
            **mirror.invoke_body(),
            "oauthData": reply["serviceData"],
            "oauthDataHMAC": reply["serviceDataHMAC"],
        }
        assert_refused(await mirror.invoke(body), "srp.proof_failed")

    in_cloud(story)


def test_register_with_a_wrong_mac_is_refused_and_counts_nothing() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        body = {**exchange.register_body(), "registerDataHMAC": codec.b64encode(bytes(32))}
        assert_refused(await exchange.register(body), "register.proof_failed")
        assert world.cloud.use_cases.code(exchange.code.activation_id).failures == 0
        assert (await exchange.register()).status == 200

    in_cloud(story)


def test_mac_of_another_field_is_refused_at_register() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        invoke = exchange.invoke_body()
        await exchange.invoke(invoke)
        body = {
            **exchange.register_body(),
            "registerData": invoke["oauthData"],
            "registerDataHMAC": invoke["oauthDataHMAC"],
        }
        assert_refused(await exchange.register(body), "register.proof_failed")

    in_cloud(story)


@pytest.mark.parametrize("data", ["", "AAAA", "no base64", None])
def test_register_with_a_broken_envelope_is_refused(data: Any) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        body = {**exchange.register_body(), "registerData": data}
        assert_refused(await exchange.register(body), "srp.bad_envelope")

    in_cloud(story)


@pytest.mark.parametrize(
    "other", [{"model": "Room Kit"}, {"serial": "X"}, {"device_identifier": "00000000-0000-0000-0000-000000000000"}]
)
def test_register_of_another_device_than_asked_is_refused(other: dict[str, str]) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        assert_refused(await exchange.register(exchange.register_body(**other)), "register.mismatch")
        assert state(world, exchange) is CodeState.PENDING

    in_cloud(story)


def test_second_device_of_a_kind_in_a_workspace_is_refused_unless_switched_off() -> None:
    async def second(world: World, model: str) -> Reply:
        workspace = world.cloud.directory.create_workspace("Lab")
        for model_of in ("Desk Pro", model):
            _, secret = world.cloud.use_cases.code_create(workspace_id=workspace.id)
            exchange = Exchange(world, parse_code(secret.reveal()), {"model": model_of, "serial": "S"})
            await exchange.challenge()
            await exchange.invoke()
            reply = await exchange.register()
        return reply

    async def strict(world: World) -> None:
        assert_refused(await second(world, "Room Bar"), "workspace.occupied")

    async def panel(world: World) -> None:
        assert (await second(world, "Room Navigator")).status == 200

    async def loose(world: World) -> None:
        assert (await second(world, "Room Bar")).status == 200

    in_cloud(strict)
    in_cloud(panel)
    in_cloud(loose, CloudSettings(one_device_per_workspace=False))


def test_suspended_organization_registers_nobody() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        world.cloud.use_cases.org_suspend()
        assert_refused(await exchange.register(), "org.suspended")
        world.cloud.use_cases.org_suspend(False)
        assert (await exchange.register()).status == 200
        assert len(world.cloud.platform.store[Org]) == 1

    in_cloud(story)


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wait_s", "status"), [(299.0, 200), (300.0, 400), (301.0, 400)])
def test_challenge_lives_five_minutes(wait_s: float, status: int) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await world.clock.sleep(wait_s)
        assert (await exchange.invoke()).status == status

    in_cloud(story)


def test_code_takes_twenty_challenges_an_hour() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        for _ in range(20):
            assert (await exchange.challenge()).status == 200
        await world.clock.sleep(1000)
        refused = await exchange.challenge()
        assert_refused(refused, "rate.limited")
        assert refused.headers["Retry-After"] == "2600"
        await world.clock.sleep(2600)
        assert (await exchange.challenge()).status == 200
        other = Exchange(world, world.code("B"))
        assert (await other.challenge()).status == 200

    in_cloud(story)


def test_source_takes_ten_challenges_a_minute_where_that_is_on() -> None:
    async def story(world: World) -> None:
        statuses = [(await Exchange(world, world.code(str(n))).challenge()).status for n in range(11)]
        assert statuses == [200] * 10 + [429]
        await world.clock.sleep(60)
        assert (await Exchange(world, world.code("late")).challenge()).status == 200

    async def off(world: World) -> None:
        statuses = [(await Exchange(world, world.code(str(n))).challenge()).status for n in range(11)]
        assert statuses == [200] * 11

    in_cloud(story, CloudSettings(limit_sources=True))
    in_cloud(off)


def test_rate_limit_tells_nothing_about_which_codes_exist() -> None:
    async def story(world: World) -> None:
        replies = [await world.ask("POST", CHALLENGES, {"activationId": "00000000"}) for _ in range(21)]
        assert [reply.status for reply in replies] == [404] * 20 + [429]

    in_cloud(story)


@pytest.mark.parametrize(("wait_s", "status"), [(299.0, 200), (300.0, 400)])
def test_pending_exchange_lives_five_minutes(wait_s: float, status: int) -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        await world.clock.sleep(wait_s)
        assert (await exchange.register()).status == status
        expected = CodeState.CONSUMED if status == 200 else CodeState.NEW
        assert state(world, exchange) is expected
        token = await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)
        assert token.status == (200 if status == 200 else 401)

    in_cloud(story)


def test_abandoned_exchange_leaves_a_code_that_works() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        await world.clock.sleep(301)
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401
        for step in (exchange.challenge, exchange.invoke, exchange.register):
            assert (await step()).status == 200
        assert len(world.cloud.platform.store[Device]) == 1
        accounts = [user for user in world.cloud.platform.store[User] if user.workspace_id]
        assert len(accounts) == 1, "the account of the first attempt is used again"

    in_cloud(story)


def test_pending_exchange_may_finish_after_its_code_expired() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await world.clock.sleep(WEEK_S - 10)
        await exchange.challenge()
        await exchange.invoke()
        spare = Exchange(world, exchange.code)
        await spare.challenge()
        await world.clock.sleep(20)
        assert state(world, exchange) is CodeState.EXPIRED
        assert_refused(await spare.invoke(), "srp.session_unknown")
        assert (await exchange.register()).status == 200
        assert state(world, exchange) is CodeState.CONSUMED

    in_cloud(story)


def test_clock_that_jumps_between_challenge_and_invoke_ends_the_challenge() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await world.clock.sleep(3 * 86_400)
        assert_refused(await exchange.invoke(), "srp.session_unknown")

    in_cloud(story)


# -- once and only once ------------------------------------------------------------------------------------------------


def test_invoke_replayed_is_refused() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        body = exchange.invoke_body()
        assert (await exchange.invoke(body)).status == 200
        assert_refused(await exchange.invoke(body), "srp.session_unknown")

    in_cloud(story)


def test_of_two_parallel_invokes_exactly_one_is_computed() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        body = exchange.invoke_body()
        replies = await asyncio.gather(*(world.ask("POST", INVOKE, body) for _ in range(5)))
        assert sorted(reply.status for reply in replies) == [200, 400, 400, 400, 400]

    in_cloud(story)


def test_second_good_invoke_replaces_the_first_and_revokes_its_tokens() -> None:
    async def story(world: World) -> None:
        first = Exchange(world, world.code())
        second = Exchange(world, first.code)
        await first.challenge()
        await second.challenge()
        assert (await first.invoke()).status == 200
        assert (await second.invoke()).status == 200
        assert_refused(await first.register(), "srp.session_unknown")
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=first.access_token)).status == 401
        assert (await second.register()).status == 200
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=second.access_token)).status == 200

    in_cloud(story)


def test_lost_reply_of_invoke_does_not_burn_the_code() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        world.cloud.use_cases.fault("lost", "activation", "lost_reply", params={"what": "invoke"})
        with pytest.raises(Exception, match=r"reset|disconnected"):
            await exchange.invoke()
        assert state(world, exchange) is CodeState.PENDING
        for step in (exchange.challenge, exchange.invoke, exchange.register):
            assert (await step()).status == 200

    in_cloud(story)


def test_lost_reply_of_register_is_given_again_byte_for_byte() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        body = exchange.register_body()
        world.cloud.use_cases.fault("lost", "activation", "lost_reply", params={"what": "register"})
        with pytest.raises(Exception, match=r"reset|disconnected"):
            await exchange.register(body)
        replies = []
        for _ in range(2):
            await world.clock.sleep(100)
            replies.append(await exchange.register(body))
        assert [reply.status for reply in replies] == [200, 200]
        assert replies[0].raw == replies[1].raw
        assert len(world.cloud.platform.store[Device]) == 1
        await world.clock.sleep(100)
        assert_refused(await exchange.register(body), "srp.session_unknown")

    in_cloud(story)


def test_register_with_another_body_after_the_first_is_refused() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        assert (await exchange.register()).status == 200
        other = exchange.register_body(name="Another")
        assert_refused(await exchange.register(other), "srp.session_unknown")

    in_cloud(story)


def test_deleted_code_is_unknown_and_its_pending_tokens_die() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        await exchange.invoke()
        world.cloud.use_cases.code_delete(exchange.code.activation_id)
        assert_refused(await exchange.challenge(), "code.unknown")
        assert_refused(await exchange.register(), "srp.session_unknown")
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=exchange.access_token)).status == 401

    in_cloud(story)


# -- across restarts ---------------------------------------------------------------------------------------------------


def restarted(path: Path, *stories: Callable[[World], Awaitable[None]]) -> None:
    """Run stories one after the other, each in a cloud of its own on one state directory."""

    async def main() -> None:
        for story in stories:
            async with started(state_dir=path) as world:
                await story(world)

    run(main)


def test_used_challenge_stays_used_over_a_restart(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def first(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        kept["body"] = exchange.invoke_body()
        assert (await exchange.invoke(kept["body"])).status == 200

    async def second(world: World) -> None:
        assert_refused(await world.ask("POST", INVOKE, kept["body"]), "srp.session_unknown")

    restarted(tmp_path, first, second)


def test_failures_and_lock_survive_a_restart(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def first(world: World) -> None:
        kept["code"] = (await spoil(world, 4)).code

    async def second(world: World) -> None:
        exchange = Exchange(world, kept["code"], password="00000000")
        await exchange.challenge()
        assert_refused(await exchange.invoke(), "srp.proof_failed", attemptsLeft=0)

    async def third(world: World) -> None:
        assert_refused(await Exchange(world, kept["code"]).challenge(), "code.locked")

    restarted(tmp_path, first, second, third)


def test_exchange_goes_on_over_restarts_between_its_steps(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def challenge(world: World) -> None:
        kept["exchange"] = exchange = Exchange(world, world.code())
        await exchange.challenge()

    def go_on(step: str) -> Callable[[World], Awaitable[None]]:
        async def story(world: World) -> None:
            exchange = dataclasses.replace(kept["exchange"], world=world)
            exchange.urls = {"invoke": world.base + INVOKE, "register": world.base + REGISTER}
            body = kept.setdefault("register", exchange.register_body()) if step == "register" else None
            reply = await getattr(exchange, step)(body)
            assert reply.status == 200, reply.raw
            assert kept.setdefault(f"reply of {step}", reply.raw) == reply.raw
            kept["exchange"] = exchange

        return story

    async def resumed(world: World) -> None:
        token = kept["exchange"].access_token
        assert (await world.ask("GET", "/u2c/api/v1/catalog", token=token)).status == 200

    restarted(tmp_path, challenge, go_on("invoke"), go_on("register"), go_on("register"), resumed)


# -- without the oracle ------------------------------------------------------------------------------------------------


def test_without_the_oracle_every_id_gets_a_challenge_that_ends_in_a_failed_proof() -> None:
    async def story(world: World) -> None:
        decoy = Exchange(world, parse_code("0000000012345678"))
        salts = set()
        for _ in range(3):
            reply = await decoy.challenge()
            assert reply.status == 200
            salts.add(reply.json["srpS"])
            refused = await decoy.invoke()
            assert_refused(refused, "srp.proof_failed")
            assert "attemptsLeft" not in refused.json
        assert len(salts) == 1
        assert codec.b64decode_strict(salts.pop(), "s")[0] != 0
        used = await Exchange.run(world, world.code())
        assert (await used.challenge()).status == 200
        assert_refused(await used.invoke(), "srp.proof_failed")
        wrong = Exchange(world, world.code("B"), password="00000000")
        await wrong.challenge()
        refused = await wrong.invoke()
        assert_refused(refused, "srp.proof_failed")
        assert "attemptsLeft" not in refused.json, "real and invented codes answer alike"

    in_cloud(story, CloudSettings(oracle=False))


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["unknown", "expired", "used", "locked"])
def test_fault_lets_a_challenge_be_refused(do: str) -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "activation", do)
        assert_refused(await Exchange(world, world.code()).challenge(), f"code.{do}")

    in_cloud(story)


@pytest.mark.parametrize(("what", "number"), [("zero", 0), ("n", srp.GROUP.modulus), ("2n", 2 * srp.GROUP.modulus)])
def test_fault_lets_a_man_in_the_middle_choose_b(what: str, number: int) -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "activation", "tampered_b", params={"what": what})
        reply = await world.ask("POST", CHALLENGES, {"activationId": world.code().activation_id})
        assert int.from_bytes(codec.b64decode_strict(reply.json["srpB"], "B"), "big") == number
        assert (await Exchange(world, world.code("B")).challenge()).status == 200, "it bites once"

    in_cloud(story)


def test_fault_lets_a_man_in_the_middle_send_the_device_elsewhere() -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "activation", "tampered_b", params={"what": "url"})
        reply = await world.ask("POST", CHALLENGES, {"activationId": world.code().activation_id})
        assert reply.json["url"].startswith("https://idbroker.elsewhere.example/")
        reply = await world.ask("POST", CHALLENGES, {"activationId": world.code("B").activation_id})
        assert "elsewhere" not in reply.json["url"], "it bites once"

    in_cloud(story)


def test_fault_breaks_the_mac_of_a_reply() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        world.cloud.use_cases.fault("f", "activation", "bad_mac")
        with pytest.raises(Exception, match="HMAC"):
            await exchange.invoke()
        await exchange.challenge()
        await exchange.invoke()
        world.cloud.use_cases.fault("g", "activation", "bad_mac", params={"what": "config"})
        body = exchange.register_body()
        with pytest.raises(Exception, match="HMAC"):
            await exchange.register(body)
        assert (await exchange.register(body)).status == 200

    in_cloud(story)


def test_fault_takes_a_good_proof_for_a_mistyped_one() -> None:
    async def story(world: World) -> None:
        exchange = Exchange(world, world.code())
        await exchange.challenge()
        world.cloud.use_cases.fault("f", "activation", "bad_proof")
        assert_refused(await exchange.invoke(), "srp.proof_failed", attemptsLeft=4)
        assert_refused(await exchange.invoke(), "srp.session_unknown")  # the challenge is spent
        await exchange.challenge()
        assert (await exchange.invoke()).status == 200

    in_cloud(story)


@pytest.mark.parametrize(("do", "count"), [("no_trust_list", None), ("malformed_pem", 1)])
def test_fault_changes_the_trust_list(do: str, count: int | None) -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.fault("f", "activation", do)
        trust = (await Exchange.run(world, world.code())).config.get("trustList")
        assert (None if trust is None else len(trust)) == count

    in_cloud(story)


# -- what never leaves -------------------------------------------------------------------------------------------------


def test_nothing_secret_reaches_trace_journal_or_export() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        wrong = Exchange(world, world.code("B"), password="00000000")
        await wrong.challenge()
        await wrong.invoke()
        await world.ask("GET", f"/nowhere/{exchange.access_token}?access_token={exchange.access_token}")
        ws = await world.socket(exchange.access_token)
        await ws.receive_json()
        await ws.close()
        platform = world.cloud.platform
        secrets = [
            exchange.access_token, exchange.refresh_token, exchange.code.secret.reveal(), wrong.code.secret.reveal(),
            world.cloud.admin_token.reveal(), *(codec.b64encode(challenge.b) for challenge in platform.store[Challenge]),
            *(codec.b64encode(code.verifier) for code in platform.store[Code]), *(token.id for token in platform.store[Token]),
        ]  # fmt: skip
        seen = "\n".join(event.as_json() for event in world.trace.events)
        seen += repr(platform.journal.entries()) + repr(world.cloud.use_cases.export())
        assert [secret for secret in secrets if secret in seen] == []
        assert "<access_token#1>" in seen

    in_cloud(story)
