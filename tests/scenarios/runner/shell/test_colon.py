"""`:` commands at the prompt, through the control doors. Reference: docs/reference/device-control.md, control-api.md, faults.md."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_xapi import TOKEN, Scripted, scripted
from shell_talk import Talk, talk_to

from endpoint.device import control_faults
from endpoint.device.control_actions import KINDS
from endpoint.runtime.vocabulary import FAULTS, PARAMETERS
from scenarios.runner.shell.colon import COLON, known_name
from scenarios.runner.shell.colon_completion import complete_colon
from scenarios.runner.shell.faultwords import actions, layers, names, read_calls, read_fault, seconds
from scenarios.runner.shell.lines import LineError


def play(tmp_path: Path, scene: Any, *, has_cloud: bool = False, **changes: str | None) -> None:
    async def main() -> None:
        async with scripted() as device:
            cloud = (f"{device.url}/control/cloud", TOKEN) if has_cloud else ()
            async with talk_to(device.ready(tmp_path / "e.json", **changes), cloud) as talk:
                await scene(device, talk)

    asyncio.run(main())


FAULT = {"id": "fault-1", "on": "dns", "do": "nxdomain", "target": {"host": "u2c*", "device": "device:x"}, "skip": 0, "percent": 100.0,
         "untilSeconds": 301.5, "used": 2}  # fmt: skip
CLOUD_FAULT = {
    "id": "http-error",
    "on": "http",
    "do": "error",
    "target": {},
    "params": {"status": 503},
    "count": None,
    "used": 0,
}


def test_clock(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert await talk.good(":clock") == ["real time, 1.500 s of the run; the device has 2026-03-02T08:50:01.500Z"]
        assert (await talk.bad(":advance 5min"))[1] == "time is real here; there are skew"
        assert device.asked[-1] == ("POST /clock", {"advance": 300.0})
        device.door["POST /clock"] = {**device.door["GET /clock"], "mode": "stepped", "skewSeconds": -180.0}
        assert await talk.good(":skew -3min") == [
            "stepped time, 1.500 s of the run; the device has 2026-03-02T08:50:01.500Z, which is -3m off"
        ]
        assert device.asked[-1] == ("POST /clock", {"skew": -180.0})
        assert "write whole numbers with" in (await talk.bad(":advance soon"))[1]
        assert (await talk.bad(":advance"))[1] == "give a duration, such as :advance 5min"

    play(tmp_path, scene)


def test_clock_of_a_cloud_in_another_process(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.door["POST /cloud/clock/advance"] = {
            "mode": "stepped",
            "seconds": 91.5,
            "now": "2026-03-02T08:51:31.500Z",
        }
        assert await talk.good(":advance 90s") == [
            "stepped time, 91.500 s of the run; the cloud has 2026-03-02T08:51:31.500Z; its devices follow"
        ]
        assert device.asked[-1] == ("POST /cloud/clock/advance", {"seconds": 90.0})

    play(tmp_path, scene, has_cloud=True)


def test_faults_of_the_device(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.door |= {"POST /faults": FAULT, "GET /faults": {"items": [FAULT]}, "DELETE /faults/fault-1": FAULT}
        shown = "fault-1: dns nxdomain host=u2c*; bit 2 times; until second 301.500"
        assert await talk.good(":fault dns nxdomain host=u2c* for=5min count=3") == [shown]
        body = {"on": "dns", "do": "nxdomain", "target": {"host": "u2c*"}, "for": 300.0, "count": 3}
        assert device.asked[-1] == ("POST /faults", body)
        assert await talk.good(":faults") == [shown]
        assert await talk.good(":heal fault-1") == ["healed: fault-1"]
        assert (await talk.bad(":heal fault-2"))[1] == "no fault 'fault-2' is armed; nearest: fault-1"
        assert await talk.good(":heal all") == ["healed: fault-1"]
        device.door["GET /faults"] = {"items": []}
        assert await talk.good(":heal all", ":faults") == ["no fault was armed", "no fault is armed"]
        device.door["POST /faults"] = {"id": "fault-2", "on": "mercury", "do": "reset", "hit": False}
        assert await talk.good(":fault mercury reset") == ["fault-2: it met nothing"]

    play(tmp_path, scene)


def test_faults_of_the_cloud(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.door |= {"POST /cloud/faults": CLOUD_FAULT, "GET /faults": {"items": []}, "GET /cloud/faults": {"items": [CLOUD_FAULT]},
                        "DELETE /cloud/faults/http-error": ""}  # fmt: skip
        shown = "http-error: http error status=503; bit 0 times"
        assert await talk.good(":fault http error service=wdm status=503 retry_after=1min after=5s") == [shown]
        assert device.asked[-1] == (
            "POST /cloud/faults",
            {"on": "http", "do": "error", "id": "http-error", "afterSeconds": 5.0, "target": {"service": "wdm"},
             "params": {"status": 503, "retry_after": 60}},
        )  # fmt: skip
        assert await talk.good(":faults") == [shown]
        assert await talk.good(":heal http-error") == ["healed: http-error"]
        assert device.asked[-1][0] == "DELETE /cloud/faults/http-error"
        assert await talk.good(":heal all") == ["healed: http-error"]

    play(tmp_path, scene, has_cloud=True)


def test_without_the_doors(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert "give its ready file: roomsim shell TARGET --cloud" in (await talk.bad(":fault http error"))[1]
        assert "has no control door" in (await talk.bad(":clock"))[1]

    play(tmp_path, scene, control=None)


def test_door_that_refuses(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert (await talk.bad(":clock"))[1] == "the control token is wrong"

    play(tmp_path, scene, control_token="other")


def test_door_that_is_gone(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        assert (await talk.bad(":clock"))[1].startswith("the control door does not answer")

    play(tmp_path, scene, control="http://127.0.0.1:1/x")


def test_log_and_trace(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.door["GET /log"] = {"since": 0, "last": 2, "dropped": 0, "lines": ["one", "two"]}
        event = {
            "n": 1,
            "t": 1500000,
            "at": "x",
            "who": "device:room",
            "kind": "http.request",
            "peer": "cloud:wdm",
            "data": {"a": 1},
        }
        device.door["GET /trace"] = (
            json.dumps(event) + "\n" + json.dumps({"t": 0, "who": "world", "kind": "began"}) + "\n"
        )
        assert await talk.good(":log 2") == ["one", "two"]
        assert device.asked[-1] == ("GET /log", {"lines": "2"})
        assert await talk.good(":trace 5 http.") == [
            '       1.500  device:room   http.request          -> cloud:wdm {"a":1}',
            "       0.000  world         began",
        ]
        assert device.asked[-1] == ("GET /trace", {"limit": "5", "kind": "http."})
        assert "a number from 1" in (await talk.bad(":log all"))[1]

    play(tmp_path, scene)


def test_evidence(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.door["GET /evidence"] = '{"evidence": 1}'
        file = tmp_path / "evidence.json"
        assert await talk.good(f":save {file}") == [f"{file}: 15 characters of evidence"]
        assert file.read_text() == '{"evidence": 1}'
        assert (await talk.bad(f":evidence {tmp_path}/no/such/place"))[1].endswith(
            "cannot be written: No such file or directory"
        )

    play(tmp_path, scene)


def test_actions(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        run = {"id": 1, "action": "restart", "state": "done", "result": {"boots": 2}}
        failed = {"id": 2, "action": "sync", "state": "failed", "error": {"code": "x", "message": "no way"}}
        device.door |= {"POST /actions": run, "GET /actions": {"items": [failed, run]}}
        assert await talk.good(":do restart") == ["restart: done boots=2"]
        assert device.asked[-1] == ("POST /actions", {"action": "restart"})
        await talk.good(":do refresh service=token wait=false")
        assert device.asked[-1] == ("POST /actions", {"action": "refresh", "service": "token", "wait": False})
        out = await talk.good(":actions")
        assert [line for line in out if line.startswith("  refresh service=wdm|token|catalog|trust ")]
        assert [line for line in out if line.startswith("  activate code=... [security=none|harden] ")]
        assert out[-2:] == ["restart: done boots=2", "sync: failed: no way"]
        assert (await talk.bad(":do restrt"))[1] == "no action 'restrt'; nearest: restart"
        assert "write name=value; refresh takes service=" in (await talk.bad(":do refresh token"))[1]

    play(tmp_path, scene)


def test_status(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        page: dict[str, Any] = dict.fromkeys(
            ("isUp", "isActivated", "isOnline", "isHardened", "webexStatus", "registration", "mercury", "calendar"),
            True,
        )
        device.door["GET /status"] = {"device": {"name": "room"}, **page, "isOnline": False, "diagnostics": {}}
        out = await talk.good(":status")
        assert out[0].split() == ["device", "name=room"]
        assert ["isOnline", "no"] in [line.split() for line in out]
        assert out[-1].endswith("nothing is wrong")

    play(tmp_path, scene)


def test_names_may_be_shortened() -> None:
    assert known_name("adv") == "advance"
    assert known_name("fault") == "fault", "a whole name is no abbreviation"
    with pytest.raises(LineError, match=":fau is short for :fault and :faults"):
        known_name("fau")
    with pytest.raises(LineError, match="there is no :advnce; nearest: :advance"):
        known_name("advnce")
    with pytest.raises(LineError, match=":help lists"):
        known_name("")


def test_help_lists_every_command(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        out = "\n".join(await talk.good(":help"))
        assert all(row.usage in out and row.text in out for row in COLON.values())

    play(tmp_path, scene)


# the words of faults


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", ":fault ON DO"),
        ("dsn nxdomain", "no fault is on 'dsn'; nearest: dns"),
        ("zzz", "there are link, dns, tcp"),
        ("dns", "does one of nxdomain, servfail"),
        ("dns nxdomian", "cannot 'nxdomian'; nearest: nxdomain"),
        ("dns nxdomain u2c", "write name=value; dns nxdomain takes host"),
        ("dns nxdomain hst=u2c", "takes no 'hst'; nearest: host"),
        ("dns nxdomain host=", "write name=value"),
        ("dns nxdomain host=a host=b", "host is given twice"),
        ("dns nxdomain for=5", "a duration needs a unit|is no duration"),
        ("dns nxdomain count=few", "count is a whole number"),
        ("dns nxdomain percent=0", "percent is above 0"),
        ("mercury reset for=5s", "takes no 'for'"),
        ("clock jump", ":skew"),
        (
            "link lossy",
            "link lossy: it bites on packets, which only the network of a virtual run has; a scenario does it",
        ),
        ("tls intercept", "tls intercept: the cloud has to show another TLS for it"),
        ("link flap", "`down` with `for` takes the link away once"),
    ],
)
def test_wrong_faults_are_explained(line: str, why: str) -> None:
    with pytest.raises(LineError, match=why):
        read_fault(line.split())


def test_every_fault_can_be_said_with_every_name() -> None:
    samples = {"by": "5s", "for": "5s", "after": "5s", "count": "3", "skip": "1", "percent": "30%", "retry_after": "3"}
    for layer in layers():
        for do in actions(layer):
            pairs = [f"{name}={samples.get(name, 'x')}" for name in names(layer, do)]
            call = read_fault([layer, do, *pairs])
            assert (call.body["on"], call.body["do"]) == (layer, do)
            if call.door == "device":
                own = {name: call.body[name] for name in PARAMETERS if name in call.body}
                assert set(own) <= set(FAULTS[layer][do].params)
                members = {name: value for name, value in call.body.items() if name not in own}
                control_faults.read_members(members, control_faults.FaultRequest)
    assert set(layers()) | {"clock", "stun"} == set(FAULTS)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=6),
            st.sampled_from(["dns", "nxdomain", "http", "error", "for=5s", "host=x", "status=5", "="]),
        )
    )
)
def test_any_words_are_a_fault_or_refused_in_words(words: list[str]) -> None:
    try:
        call = read_fault(words)
    except LineError:
        return
    assert call.body["on"] in FAULTS


def test_a_row_of_the_fault_table_goes_to_each_door_that_has_a_part_in_it() -> None:
    (of_device,) = read_calls(["dns.nxdomain", "for=5min"])
    assert (of_device.door, of_device.body) == ("device", {"row": "dns.nxdomain", "for": 300.0})
    (of_cloud,) = read_calls(["token.revoked", "for=5min"])
    assert (of_cloud.door, of_cloud.body) == ("cloud", {"row": "token.revoked", "forSeconds": 300.0})
    assert read_calls(["dns", "nxdomain"]) == (read_fault(["dns", "nxdomain"]),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("dns.nxdomian", "no row 'dns.nxdomian'; nearest: dns.nxdomain"),
        ("multistream.refused", "cannot be switched on yet: it comes with multistream"),
        ("dns.nxdomain host=x", "dns.nxdomain takes no 'host'"),
    ],
)
def test_wrong_rows_are_explained(line: str, why: str) -> None:
    with pytest.raises(LineError, match=why):
        read_calls(line.split())


def test_a_row_is_armed_and_healed_whole(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        parts = [{"id": name, "on": "tcp", "do": "refuse", "used": 0} for name in ("a.b", "a.b.2")]
        device.door["POST /faults"] = {"id": "a.b", "items": [{"id": "a", "hit": True}, *parts], "elsewhere": []}
        assert await talk.good(":fault link.down") == [
            "a: it met something", "a.b: tcp refuse; bit 0 times", "a.b.2: tcp refuse; bit 0 times",
        ]  # fmt: skip
        device.door["GET /faults"] = {"items": parts}
        device.door["DELETE /faults/a.b"] = {}
        assert await talk.good(":heal a.b") == ["healed: a.b, a.b.2"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("text", "found"), [("5min", 300.0), ("1h30m", 5400.0), ("90s", 90.0), ("250ms", 0.25), ("2h5min", 7500.0)]
)
def test_durations(text: str, found: float) -> None:
    assert seconds(text) == found


# completion


@pytest.mark.parametrize(
    ("line", "become"),
    [
        (":adv", [":advance"]),
        (
            ":fault d",
            [
                ":fault dns",
                ":fault dns.nxdomain",
                ":fault dns.slow",
                ":fault dns.slow.servfail",
                ":fault dns.udp_blocked",
                ":fault discovery.failed",
                ":fault discovery.failed.timeout",
            ],
        ),
        (":fault dns nx", [":fault dns nxdomain"]),
        (":fault dns nxdomain ho", [":fault dns nxdomain host="]),
        (":fault dns nxdomain host=x ho", []),
        (":fault nope ", []),
        (":do rest", [":do restart"]),
        (":do refresh service=t", [":do refresh service=token", ":do refresh service=trust"]),
        (":heal a", [":heal all"]),
        (":clock ", []),
    ],
)
def test_colon_lines_are_completed(line: str, become: list[str]) -> None:
    assert [line[: len(line) - one.replaced] + one.text for one in complete_colon(line)] == become


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["fault", "do", "dns", "nxdomain", "refresh", "x=", " ", "heal"])).map(" ".join),
    )
)
def test_any_colon_line_has_completions_that_fit_it(text: str) -> None:
    line = ":" + text
    for one in complete_colon(line):
        assert 0 <= one.replaced <= len(line)
        assert one.text.startswith(line[len(line) - one.replaced :])


def test_all_actions_are_offered() -> None:
    assert {one.text for one in complete_colon(":do ")} == set(KINDS)
    assert not [one for one in complete_colon(":") if not re.fullmatch(r":\w+", one.text)]


def test_calls(tmp_path: Path) -> None:
    async def scene(device: Scripted, talk: Talk) -> None:
        device.door["GET /calls"] = {"items": []}
        assert await talk.good(":calls") == ["no calls"]
        member = {
            "id": "p-1",
            "name": "Ana",
            "status": "connected",
            "role": "host",
            "muted": True,
            "sharing": False,
            "hand": False,
        }
        call = {"id": 2, "status": "Connected", "direction": "Outgoing", "protocol": "Spark", "number": "ana", "displayName": "",
                "durationSeconds": 61, "held": False, "roster": [member]}  # fmt: skip
        device.door["GET /calls"] = {"items": [call]}
        assert await talk.good(":calls") == [
            "call 2: status=Connected direction=Outgoing protocol=Spark number=ana durationSeconds=61",
            "  id=p-1 name=Ana status=connected role=host muted=yes",
        ]

    play(tmp_path, scene)
