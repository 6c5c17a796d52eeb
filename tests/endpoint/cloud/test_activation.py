"""Activation against a cloud that plays along, lies, stays silent or refuses: what is sent, said, kept, and above all not kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from endpoint.cloud.activation import ActivationRefused
from endpoint.cloud.activation_table import State
from endpoint.device import storage
from endpoint.runtime.errors import StorageError
from endpoint.runtime.tls import Authority
from endpoint.wire import codec, srp
from endpoint.wire.activation.code import MalformedCode
from endpoint.wire.activation.messages import ConfigReply, ServiceReply
from endpoint.wire.activation.rules import ERRORS
from endpoint.wire.envelope import CONFIG_DATA, REGISTER_DATA, SERVICE_DATA, Kind, Sealed
from endpoint.wire.errors import LocalProtocolError
from tests.endpoint.cloud.scripted import (
    ACCESS,
    CODE,
    CUT,
    PASSWORD,
    REFRESH,
    SILENCE,
    Asked,
    Reply,
    Scripted,
    authority,
    play,
)

N = srp.GROUP.modulus
DIRECTORY = "/config/certs/spark_ca_list/tls_proxy"
CHALLENGES, INVOKE, REGISTER = "/challenges", "/srp/invoke", "/srp/register"


async def _refused(cloud: Scripted, code: str = CODE) -> ActivationRefused:
    """Boot, fail to activate, and check that nothing came of it."""
    await cloud.device.boot()
    before = cloud.device.state
    with pytest.raises(ActivationRefused) as caught:
        await cloud.device.activate(code)
    device = cloud.device
    assert device.state == before
    assert not device.is_activated
    assert not device.activation.is_running
    assert device.webex.status.value == "Stopped"
    assert device.status.get(("Webex", "Status")) == "Stopped"
    assert device.status.get(("Provisioning", "Status")) == "NeedConfig"
    assert "WebexActivationRequired" in device.diagnostics.types
    return caught.value


def _warnings(cloud: Scripted) -> list[str]:
    return cloud.lines("Wx2 W: Activation")


def _challenge(**members: Any) -> Callable[[Scripted], Callable[[Asked], Reply]]:
    """Return a script that answers step 1 with some members changed."""

    def script(cloud: Scripted) -> Callable[[Asked], Reply]:
        def answer(asked: Asked) -> Reply:
            good = codec.decode(codec.encode(cloud.challenge(asked).body), dict[str, Any])
            return Reply(body={**good, **members})

        return answer

    return script


# -- the whole way ----------------------------------------------------------------------------------------------------------------------


def test_the_whole_way_in_the_words_of_the_log() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        await cloud.device.activate(CODE, hardens=True)
        lines = cloud.log[cloud.log.index("Wx2 I: Webex status Stopped -> Registering") :]
        drawn = next(line for line in lines if "trust store refresh" in line).rsplit(" ", 2)[1]
        assert [line for line in lines if not line.startswith("Wx2Http")] == [
            "Wx2 I: Webex status Stopped -> Registering",
            "Wx2 I: Activation: started",
            "Wx2[3]: Activation: challenge received, group 3072 version v1.0",
            "Wx2[3]: Activation: proof accepted",
            "Wx2[3]: Activation: registered",
            "Wx2[3]: process_additional_CAs: Parsed 0 additional CA certificate(s)",
            f'Wx2 I: setup_all_symlinks: using tls proxy certs directory: "{DIRECTORY}" -> {DIRECTORY}-1772441400',
            "Wx2 I: process_additional_CAs: Updated CA certificates from srpconfig",
            f"Wx2[3]: Restarting CA trust store refresh in {drawn} second(s)",
            "Wx2 I: Activation: lock-down applied (Harden)",
            lines[-1],
        ]
        assert 64_800 <= int(drawn) <= 86_400
        assert lines[-1].startswith("Wx2[3]: Token refresh in ")
        assert cloud.device.activation.state is State.DONE
        assert cloud.device.is_hardened
        assert not cloud.asked[-1].headers.get("Authorization")

    play(story, bring_up="manual")


def test_the_proof_names_the_device_and_register_repeats_it() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        [challenge], [register] = cloud.to("POST", CHALLENGES), cloud.to("POST", REGISTER)
        assert challenge.json == {"activationId": "43534500"}
        assert cloud.keys is not None
        sealed = Sealed(*(codec.b64decode_strict(register.json[n], n) for n in ("registerData", "registerDataHMAC")))
        told = json.loads(cloud.keys.open(REGISTER_DATA, sealed))
        profile = cloud.device.profile
        assert told == {
            "deviceIdentifier": profile.device_identifier, "model": "Room Bar", "serial": profile.serial,
            "name": "Cisco Room Bar", "softwareVersion": profile.software,
        }  # fmt: skip

    play(story, bring_up="manual")


def test_a_malformed_code_uses_no_network_and_changes_nothing() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        asked, lines = len(cloud.asked), len(cloud.log)
        with pytest.raises(MalformedCode):
            await cloud.device.activate("1234")
        assert (len(cloud.asked), len(cloud.log)) == (asked, lines)

    play(story)


def test_a_second_activation_is_refused_while_one_runs_and_after_it() -> None:
    async def story(cloud: Scripted) -> None:
        with pytest.raises(LocalProtocolError, match="off"):
            await cloud.device.activate(CODE)
        await cloud.device.boot()
        cloud.on("POST", CHALLENGES, Reply(503), cloud.challenge)
        first = asyncio.create_task(cloud.device.activate(CODE))
        await cloud.settle()
        with pytest.raises(LocalProtocolError, match="about to be"):
            await cloud.device.activate(CODE)
        await first
        with pytest.raises(LocalProtocolError, match="already"):
            await cloud.device.activate(CODE)

    play(story, bring_up="manual")


# -- what the device rejects ------------------------------------------------------------------------------------------------------------


def _b64(number: int, width: int = 384) -> str:
    return codec.b64encode(number.to_bytes(width, "big"))


@pytest.mark.parametrize(
    ("reason", "members"),
    [
        ("version", {"version": "v1.1"}),
        ("version", {"version": None}),
        ("group", {"srpGroup": "2048"}),
        ("group", {"srpGroup": 3072}),
        ("length", {"srpB": _b64(5, 383)}),
        ("length", {"srpB": _b64(5, 385)}),
        ("length", {"srpB": ""}),
        ("length", {"srpB": "no base64!"}),
        ("length", {"srpB": _b64(2 * N, 385)}),
        ("length", {"srpS": _b64(5, 255)}),
        ("length", {"srpS": _b64(5, 257)}),
        ("zero", {"srpB": _b64(0)}),
        ("zero", {"srpB": _b64(N)}),
        ("zero", {"srpB": _b64(N + 1)}),
        ("zero", {"srpB": _b64(2**3072 - 1)}),
        ("url", {"url": "http://evil.test/idb/token/v1/actions/srp/invoke"}),
        ("url", {"url": "http://idbroker.webex.test.evil.test/"}),
        ("url", {"url": "http://user@idbroker.webex.test/"}),
        ("url", {"url": "ftp://idbroker.webex.test/"}),
        ("url", {"url": 5}),
    ],
)
def test_a_challenge_that_breaks_a_rule_is_rejected(reason: str, members: dict[str, Any]) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, _challenge(**members)(cloud))
        error = await _refused(cloud)
        assert (error.code, error.text) == ("srp.bad_reply", "Activation failed.")
        assert _warnings(cloud) == [f"Wx2 W: Activation: challenge rejected: {reason}"]
        assert not cloud.to("POST", INVOKE)

    play(story)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff\xfe", b"null", b"{" * 5000, b'{"version":"' + b"x" * 70_000]
)
def test_a_challenge_that_is_none_is_rejected(body: bytes) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, Reply(body=body))
        await _refused(cloud)
        assert _warnings(cloud) == ["Wx2 W: Activation: challenge rejected: version"]

    play(story)


@pytest.mark.parametrize("step", [CHALLENGES, INVOKE])
def test_a_reply_over_tls_may_not_lead_out_of_tls(step: str) -> None:
    async def story(cloud: Scripted) -> None:
        def downgraded(asked: Asked) -> Reply:
            reply = cloud.challenge(asked) if step == CHALLENGES else cloud.invoke(asked)
            members = codec.decode(codec.encode(reply.body), dict[str, Any])
            return Reply(body={**members, "url": members["url"].replace("https:", "http:")})

        cloud.on("POST", step, downgraded)
        await _refused(cloud)
        assert _warnings(cloud) == ["Wx2 W: Activation: challenge rejected: url"]

    play(story, secure=True)


def test_a_wrong_salt_of_a_foreign_cloud_is_rejected_only_if_strict() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, _challenge(srpS=_b64(5, 16))(cloud))
        cloud.device.activation._strict_salt = False
        await cloud.device.boot()
        with pytest.raises(ActivationRefused):  # the salt is not that of the verifier, so the proof fails
            await cloud.device.activate(CODE)
        assert cloud.to("POST", INVOKE)

    play(story)


def _tampered(cloud: Scripted, change: Callable[[Sealed], Sealed]) -> Callable[[Asked], Reply]:
    def script(asked: Asked) -> Reply:
        good = cloud.invoke(asked).body
        sealed = Sealed(
            codec.b64decode_strict(good.service_data, ""), codec.b64decode_strict(good.service_data_hmac, "")
        )
        return Reply(body=ServiceReply.of(change(sealed), good.url))

    return script


def _flipped(data: bytes, at: int) -> bytes:
    return bytes([*data[:at], data[at] ^ 1, *data[at + 1 :]]) if at >= 0 else _flipped(data, len(data) + at)


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: replace(sealed, blob=_flipped(sealed.blob, 0)),  # the IV
        lambda sealed: replace(sealed, blob=_flipped(sealed.blob, -1)),  # the last block
        lambda sealed: replace(sealed, blob=sealed.blob[:-16]),
        lambda sealed: replace(sealed, blob=sealed.blob[:-1]),
        lambda sealed: replace(sealed, blob=b""),
        lambda sealed: replace(sealed, mac=_flipped(sealed.mac, 31)),
        lambda sealed: replace(sealed, mac=sealed.mac[:31]),
        lambda sealed: replace(sealed, mac=bytes(32)),
    ],
)
def test_service_data_that_was_touched_is_rejected(change: Callable[[Sealed], Sealed]) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", INVOKE, _tampered(cloud, change))
        error = await _refused(cloud)
        assert error.code == "srp.bad_envelope"
        assert _warnings(cloud) == ["Wx2 W: Activation: serviceData authentication failed"]
        assert not cloud.to("POST", REGISTER)

    play(story)


def _resealed(cloud: Scripted, kind: Kind, plain: bytes) -> Callable[[Asked], Reply]:
    def script(asked: Asked) -> Reply:
        url = cloud.invoke(asked).body.url
        assert cloud.keys is not None
        return Reply(body=ServiceReply.of(cloud.keys.seal(kind, plain, bytes(16)), url))

    return script


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (CONFIG_DATA, b"{}"),  # another field's label
        (REGISTER_DATA, b"{}"),  # the other direction
        (SERVICE_DATA, b"{}"),
        (SERVICE_DATA, b"no JSON"),
        (SERVICE_DATA, b'{"token":{"access_token":""}}'),
    ],
)
def test_a_blob_of_another_place_and_a_blob_without_sense_are_rejected(kind: Kind, plain: bytes) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", INVOKE, _resealed(cloud, kind, plain))
        await _refused(cloud)
        assert _warnings(cloud) == ["Wx2 W: Activation: serviceData authentication failed"]

    play(story)


@pytest.mark.parametrize(
    "members",
    [
        {"expires_in": -1},
        {"expires_in": 1e300},
        {"token_type": "mac"},
        {"access_token": ""},
        {"access_token": "a\nb"},
        {"access_token": "\u00e9"},
        {"refresh_token": None},
    ],
)
def test_a_token_that_no_clock_can_keep_is_no_service_data(members: dict[str, Any]) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.service_data = {"token": {**cloud.granted()["token"], **members}}
        await _refused(cloud)
        assert _warnings(cloud) == ["Wx2 W: Activation: serviceData authentication failed"]

    play(story)


def test_the_reply_of_invoke_may_not_lead_elsewhere() -> None:
    async def story(cloud: Scripted) -> None:
        def elsewhere(asked: Asked) -> Reply:
            good = codec.decode(codec.encode(cloud.invoke(asked).body), dict[str, Any])
            return Reply(body={**good, "url": "http://evil.test/register"})

        cloud.on("POST", INVOKE, elsewhere)
        await _refused(cloud)
        assert _warnings(cloud) == ["Wx2 W: Activation: challenge rejected: url"]

    play(story)


def test_a_wrong_digit_is_refused_by_the_cloud_and_says_how_many_attempts_are_left() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", INVOKE, Reply(401, {"error": "srp.proof_failed", "attemptsLeft": 4}))
        error = await _refused(cloud, CODE[:-1] + "9")
        assert (error.code, error.attempts_left) == ("srp.proof_failed", 4)
        assert _warnings(cloud) == ["Wx2 W: Activation: failed: srp.proof_failed (attempts left: 4)"]

    play(story)


def test_config_data_without_proof_is_asked_for_three_times_more_with_the_same_body() -> None:
    async def story(cloud: Scripted) -> None:
        bad = Reply(body=ConfigReply.of(Sealed(bytes(32), bytes(32))))
        cloud.on("POST", REGISTER, bad, Reply(body=b"{}"), bad, cloud.register)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        sent = cloud.to("POST", REGISTER)
        assert len(sent) == 4
        assert len({asked.raw for asked in sent}) == 1
        assert _warnings(cloud) == ["Wx2 W: Activation: configData authentication failed"] * 3
        assert cloud.device.is_activated

    play(story, bring_up="manual")


def test_config_data_without_proof_four_times_is_the_end() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", REGISTER, Reply(body=ConfigReply.of(Sealed(bytes(32), bytes(32)))))
        error = await _refused(cloud)
        assert error.code == "srp.bad_envelope"
        assert len(cloud.to("POST", REGISTER)) == 4

    play(story)


# -- what the cloud refuses -------------------------------------------------------------------------------------------------------------

STEPS = {1: CHALLENGES, 2: INVOKE, 3: REGISTER}
FINAL = [
    (code, step)
    for code, row in ERRORS.items()
    for step in row.steps
    if row.status not in (429, 503) and code != "srp.session_unknown"
]


@pytest.mark.parametrize(("code", "step"), FINAL)
def test_a_refusal_is_logged_with_its_code_and_told_in_words(code: str, step: int) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", STEPS[step], Reply(ERRORS[code].status, {"error": code, "error_description": "words"}))
        error = await _refused(cloud)
        assert (error.code, error.text) == (code, ERRORS[code].device_text)
        assert _warnings(cloud) == [f"Wx2 W: Activation: failed: {code}"]
        assert len(cloud.to("POST", STEPS[step])) == 1
        reasons = cloud.device.status.below(("Diagnostics", "Message"))
        assert any(value == f"reason={code}" for _, value in reasons)

    play(story)


@pytest.mark.parametrize("error", [5, None, "", "two\nlines", "x" * 999, ACCESS])
def test_a_refusal_without_a_code_is_called_by_its_status(error: object) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, Reply(418, {"error": error}))
        assert (await _refused(cloud)).code == "http.418"

    play(story)


def test_an_unknown_session_starts_over_once() -> None:
    async def story(cloud: Scripted) -> None:
        unknown = Reply(400, {"error": "srp.session_unknown"})
        cloud.on("POST", INVOKE, unknown, cloud.invoke)
        cloud.on("POST", REGISTER, unknown)
        assert (await _refused(cloud)).code == "srp.session_unknown"
        assert [len(cloud.to("POST", step)) for step in STEPS.values()] == [2, 2, 1]
        assert _warnings(cloud) == ["Wx2 W: Activation: failed: srp.session_unknown"] * 2

    play(story)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_cloud_is_waited_for_as_long_as_it_asks_but_not_longer_than_a_minute(status: int) -> None:
    async def story(cloud: Scripted) -> None:
        busy = [Reply(status, headers={"Retry-After": text}) for text in ("7", "9999", "nonsense")]
        cloud.on("POST", CHALLENGES, *busy, cloud.challenge)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        at = [asked.at_s for asked in cloud.to("POST", CHALLENGES)]
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert gaps[:2] == pytest.approx([7, 60])
        assert 3 <= gaps[2] <= 4
        assert [line.rsplit(" ", 2)[1] for line in cloud.lines("Wx2Http[1]: HTTP(3) retry")] == ["7000"]
        assert cloud.device.is_activated

    play(story, bring_up="manual")


def test_a_busy_cloud_is_given_up_after_five_minutes() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, Reply(503))
        assert (await _refused(cloud)).code == "maintenance"
        assert 240 < cloud.clock.time() <= 300
        assert cloud.lines("Wx2Http W: HTTP(")[-1].endswith("attempts")

    play(story)


# -- what is lost on the way ------------------------------------------------------------------------------------------------------------


def test_a_lost_challenge_is_repeated_with_growing_waits() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, CUT, CUT, CUT, cloud.challenge)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        at = [asked.at_s for asked in cloud.to("POST", CHALLENGES)]
        for base_s, earlier, later in zip((1, 2, 4), at, at[1:], strict=False):
            assert 0.75 * base_s <= later - earlier <= base_s + 0.01

    play(story, bring_up="manual")


def test_silence_is_given_up_after_five_minutes_in_all() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, SILENCE)
        error = await _refused(cloud)
        assert (error.code, error.text) == ("unreachable", "Cannot connect to the activation service.")
        assert cloud.lines("Wx2Http W: HTTP(3)") == ["Wx2Http W: HTTP(3) failed: timeout after 30 s"]
        assert _warnings(cloud) == ["Wx2 W: Activation: failed: unreachable"]

    play(story)


def test_a_lost_proof_starts_over_with_another_challenge_and_another_a() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, CUT, CUT, CUT, CUT, cloud.challenge)  # losses there do not count
        cloud.on("POST", INVOKE, CUT, Reply(500), CUT, cloud.invoke)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        invokes = cloud.to("POST", INVOKE)
        assert len({asked.json["srpA"] for asked in invokes}) == len(invokes) == 4
        assert len(cloud.to("POST", CHALLENGES)) == 8

    play(story, bring_up="manual")


def test_a_proof_lost_four_times_is_the_end() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", INVOKE, CUT)
        assert (await _refused(cloud)).code == "unreachable"
        assert len(cloud.to("POST", INVOKE)) == 4

    play(story)


def test_a_busy_proof_is_repeated_as_it_was() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", INVOKE, Reply(503), cloud.invoke)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        first, second = cloud.to("POST", INVOKE)
        assert first.raw == second.raw
        assert len(cloud.to("POST", CHALLENGES)) == 1

    play(story, bring_up="manual")


@pytest.mark.parametrize("trouble", [CUT, SILENCE, Reply(500), Reply(502), Reply(503), Reply(429)])
def test_a_lost_register_is_repeated_with_the_same_body(trouble: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", REGISTER, trouble, trouble, cloud.register)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        sent = cloud.to("POST", REGISTER)
        assert len(sent) == 3
        assert len({asked.raw for asked in sent}) == 1

    play(story, bring_up="manual")


def test_register_has_a_patience_of_its_own() -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", CHALLENGES, *[Reply(503, headers={"Retry-After": "55"})] * 5, cloud.challenge)
        cloud.on("POST", REGISTER, *[Reply(503, headers={"Retry-After": "55"})] * 5, cloud.register)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        assert cloud.clock.time() > 540

    play(story, bring_up="manual")


# -- cancelled, cut off, no disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [SILENCE, Reply(503, headers={"Retry-After": "50"})])
@pytest.mark.parametrize("step", STEPS.values())
def test_cancel_ends_it_at_once_in_every_step_before_trusting(step: str, reply: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", step, reply)
        cloud.clock.call_later(5.0, cloud.device.activation.cancel)
        assert not cloud.device.activation.cancel()
        error = await _refused(cloud)
        assert (error.code, error.text) == ("cancelled", "The activation was cancelled.")
        assert cloud.clock.time() == pytest.approx(5.0)
        assert cloud.device.activation.state is State.IDLE
        assert not _warnings(cloud)
        cloud.usual("POST", step)
        await cloud.device.activate(CODE)
        assert not cloud.device.activation.cancel()

    play(story, bring_up="manual")


@pytest.mark.parametrize("step", STEPS.values())
def test_a_loss_of_power_in_any_step_leaves_an_unactivated_device(step: str, tmp_path: Path) -> None:
    async def story(cloud: Scripted) -> None:
        cloud.on("POST", step, SILENCE)
        await cloud.device.boot()
        activating = asyncio.create_task(cloud.device.activate(CODE))
        await cloud.clock.sleep(1.0)
        lines = len(cloud.log)
        await cloud.device.crash()
        with pytest.raises(ActivationRefused):
            await activating
        await cloud.clock.sleep(600.0)
        assert len(cloud.log) == lines
        assert json.loads((tmp_path / storage.FILE).read_bytes())["account"] is None
        await cloud.device.boot()
        assert not cloud.device.is_activated
        cloud.usual("POST", step)
        await cloud.device.activate(CODE)

    play(story, bring_up="manual", state_dir=tmp_path)


class Disk(storage.Memory):
    """Remembers what was written, and is full when told."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[storage.State] = []
        self.is_full = self.has_room_for_states_only = False

    def save(self, state: storage.State) -> None:
        if self.is_full:
            raise StorageError("device.json: cannot be written: No space left on device")
        self.written.append(state)
        super().save(state)

    def write_proxy_certificates(self, name: str, certificates: tuple[str, ...]) -> None:
        if self.has_room_for_states_only:
            raise StorageError("tls_proxy-1: cannot be written: No space left on device")


def test_the_first_state_with_an_account_is_a_whole_one() -> None:
    disk, proxy = Disk(), Authority("proxy").pem

    async def story(cloud: Scripted) -> None:
        cloud.config_data = {"trustList": [proxy], "workspaceId": "w", "displayName": "Lab"}
        cloud.service_data = {"certificates": [authority().pem]}
        await cloud.device.boot()
        await cloud.device.activate(CODE, hardens=True)

    play(story, bring_up="manual", store=disk)
    first = next(state for state in disk.written if state.account is not None)
    assert (first.trust.service, first.trust.proxy) == ((authority().pem,), (proxy,))
    assert first.is_hardened
    assert first.account is not None
    assert (first.account.workspace_id, first.account.display_name) == ("w", "Lab")


def test_a_full_disk_refuses_the_activation_and_keeps_the_device_as_it_was() -> None:
    disk = Disk()

    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        disk.is_full = True
        with pytest.raises(StorageError):
            await cloud.device.activate(CODE)
        assert not cloud.device.is_activated
        assert cloud.device.webex.status.value == "Stopped"
        assert cloud.device.activation.state is State.IDLE
        disk.is_full = False
        await cloud.device.activate(CODE)

    play(story, bring_up="manual", store=disk)


def test_a_disk_that_fills_up_behind_the_account_costs_nothing_but_a_line() -> None:
    disk = Disk()
    disk.has_room_for_states_only = True

    async def story(cloud: Scripted) -> None:
        await cloud.online()
        text = "CA trust store not written: tls_proxy-1: cannot be written: No space left on device"
        assert cloud.lines("Wx2 E") == [f"Wx2 E: {text}"]

    play(story, store=disk)


# -- secrets ----------------------------------------------------------------------------------------------------------------------------


@contextmanager
def _no_secrets(cloud: Scripted) -> Iterator[list[str]]:
    """Collect texts; none of them may hold a secret of the exchange."""
    texts: list[str] = []
    yield texts
    assert cloud.keys is not None
    keys = (cloud.keys.d2c_enc, cloud.keys.d2c_mac, cloud.keys.c2d_enc, cloud.keys.c2d_mac)
    secrets = [PASSWORD.decode(), ACCESS, REFRESH, *(key.hex() for key in keys), *map(codec.b64encode, keys)]
    texts += cloud.log + [event.as_json() for event in cloud.trace.events]
    for text in texts:
        assert not [secret for secret in secrets if secret in text], text


def test_no_secret_of_a_good_run_is_seen_anywhere_but_in_the_state_file(tmp_path: Path) -> None:
    async def story(cloud: Scripted) -> None:
        with _no_secrets(cloud) as texts:
            await cloud.online()
            texts += [repr(cloud.device.activation), repr(cloud.device.identity.account), repr(cloud.device.state)]

    play(story, state_dir=tmp_path)
    others = [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.name != storage.FILE]
    assert not [text for text in others if ACCESS in text or REFRESH in text]
    kept = tmp_path / storage.FILE
    assert ACCESS in kept.read_text()
    assert PASSWORD.decode() not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cloud: cloud.on("POST", INVOKE, _tampered(cloud, lambda sealed: replace(sealed, mac=bytes(32)))),
        lambda cloud: cloud.on("POST", REGISTER, Reply(409, {"error": "workspace.occupied"})),
        lambda cloud: cloud.on("POST", REGISTER, Reply(body=ConfigReply.of(Sealed(bytes(32), bytes(32))))),
    ],
)
def test_no_secret_of_a_failed_run_is_left(spoil: Callable[[Scripted], None]) -> None:
    async def story(cloud: Scripted) -> None:
        spoil(cloud)
        with _no_secrets(cloud) as texts:
            error = await _refused(cloud)
            texts += [str(error), repr(error), str(error.__context__), str(error.__cause__), repr(cloud.device.state)]
            assert cloud.device.identity.account is None

    play(story)


# -- TLS --------------------------------------------------------------------------------------------------------------------------------

STRANGER = "Wx2Http W: HTTP(6) failed: certificate verify failed for u2c-a.wbx2.test: unknown issuer"


def test_tls_is_not_verified_in_activation_and_strictly_afterwards() -> None:
    """The classic trap: a proxy that inspects TLS, and whose CA nobody told the device of."""

    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(30.0)
        assert cloud.lines("Wx2Http W: HTTP(6)")[0] == STRANGER
        assert cloud.device.catalog.catalog.services == {}
        await cloud.clock.sleep(60.0)
        assert cloud.device.webex.status.value == "Error"

    play(story, secure=True, anchors=(Authority("somebody else").pem,))


@pytest.mark.parametrize("where", ["trustList", "certificates"])
def test_a_chain_is_accepted_that_ends_in_what_activation_delivered(where: str) -> None:
    async def story(cloud: Scripted) -> None:
        if where == "trustList":
            cloud.config_data = {"trustList": [authority().pem]}
        else:
            cloud.service_data = {"certificates": [authority().pem, "no certificate"]}
        await cloud.online()
        rejected = cloud.lines("Wx2 W: rejected service certificate")
        assert rejected == (
            [] if where == "trustList" else ["Wx2 W: rejected service certificate 2 of 2: not a PEM certificate"]
        )
        await cloud.device.restart()
        await cloud.device.until_online()

    play(story, secure=True, anchors=())


def test_a_connection_of_the_activation_is_not_used_for_what_has_to_be_verified() -> None:
    """The same host and port before and after: the connection that is still open was never verified."""

    async def story(cloud: Scripted) -> None:
        base = "https://idbroker.webex.test/u2c/api/v1"
        cloud.service_data = {"services": {"u2c": base, "idbroker": "https://idbroker.webex.test"}}
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(5.0)
        assert any("unknown issuer" in line for line in cloud.lines("Wx2Http W"))
        assert not cloud.to("GET", "/catalog")

    play(story, secure=True, anchors=(Authority("somebody else").pem,))
