"""The device behind an HTTP proxy: what it shows whom, how often, and what it says of it. Rows 7 to 11 of the fault table."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.proxy_settings import ProxySettings
from endpoint.cloud import proxy as proxy_module
from endpoint.cloud import proxy_script
from endpoint.cloud.http import Call, NoAnswer
from endpoint.cloud.proxy import REFUSED_S
from endpoint.runtime.fault_params import Scheme
from endpoint.runtime.faults import Fault
from endpoint.wire import pac
from endpoint.wire.proxyauth import ProxyPassword
from tests.endpoint.cloud.stubbed import Stubbed, play

NODE = "NetworkServices HTTP Proxy"
PASSWORD = "open-sesame-4711"


def behind(*schemes: Scheme, script: str | None = None, **config: str) -> dict[str, Any]:
    """Return the settings of a cloud with a proxy, and of a device that is told of it."""
    proxy = ProxySettings(schemes=schemes, password=ProxyPassword(PASSWORD), **({"script": script} if script else {}))
    told = {
        "Mode": "Manual",
        "Url": "http://proxy.example.test:8080",
        "LoginName": "room",
        "Password": PASSWORD,
        **config,
    }
    return {
        "cloud_settings": CloudSettings(proxy=proxy),
        "configuration": {f"{NODE} {name}": value for name, value in told.items()},
    }


def tunnels(stage: Stubbed, **about: Any) -> list[dict[str, Any]]:
    """Return the CONNECTs that the proxy has seen."""
    events = [dict(event.data) for event in stage.trace.events if event.kind == "proxy.connect"]
    return [data for data in events if all(data[name] == value for name, value in about.items())]


def status(stage: Stubbed) -> str:
    """Return what the message about the proxy says."""
    messages = [one for one in stage.device.diagnostics.messages if one["Type"] == "HttpProxyStatus"]
    return f"{messages[0]['Level']} {messages[0]['References']}" if messages else ""


async def ask(stage: Stubbed, host: str) -> str:
    """Ask a host something; returns why there was no answer, empty when there was one."""
    try:
        await stage.device.http.send(Call("GET", f"https://{host}.wbx2.test/", host, verify=False))
    except NoAnswer as error:
        return error.reason
    return ""


def break_(stage: Stubbed, do: str, **params: Any) -> None:
    stage.faults.arm(Fault(do, "proxy", do, {"step": do}, params))


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_everything_for_the_cloud_goes_through_the_proxy_and_media_does_not(scheme: Scheme) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.device.discover()
        hosts = {data["host"] for data in tunnels(stage, status=200)}
        assert {"ds.wbx2.test", "activation.webex.test", "wdm-a.wbx2.test", "mercury-connection-a.wbx2.test"} <= hosts
        assert not any(host.startswith("192.0.2.") for host in hosts)
        assert stage.device.reachability.view.best
        assert len(tunnels(stage, status=407)) == 1  # the first question; then the answer is known
        assert status(stage) == ""

    stage = play(story, **behind(scheme))
    assert stage.lines("Network I: proxy") == ["Network I: proxy Manual http://proxy.example.test:8080"]
    shown = "\n".join([*stage.log, *(event.as_json() for event in stage.trace.events)])
    assert PASSWORD not in shown


def test_many_connections_at_once_show_a_wrong_password_once() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(60)
        break_(stage, "wrong_password")
        seen = len(tunnels(stage, credentials=True))
        reasons = await asyncio.gather(*(ask(stage, f"h{number}") for number in range(20)))
        assert set(reasons) == {"proxy authentication required"}
        assert len(tunnels(stage, credentials=True)) - seen == 1
        assert status(stage) == "Error mode=Manual&status=AuthenticationFailed"
        await stage.clock.sleep(REFUSED_S / 2)
        await ask(stage, "later")
        assert len(tunnels(stage, credentials=True)) - seen == 1
        await stage.clock.sleep(REFUSED_S / 2)
        await ask(stage, "much-later")
        assert len(tunnels(stage, credentials=True)) - seen == 2

    stage = play(story, **behind("basic"))
    refusals = stage.lines("Network W: proxy refused our credentials")
    assert len(refusals) == 2


def test_another_password_is_tried_at_once() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        assert status(stage) == "Error mode=Manual&status=AuthenticationFailed"
        stage.device.set_configurations({f"{NODE} Password": PASSWORD})
        assert await ask(stage, "u2c-a") == ""
        assert status(stage) == ""

    play(story, **behind("digest", Password="wrong"))


def test_a_stale_nonce_is_no_refusal() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        for number in range(60):  # more than a nonce of the stub is good for
            await stage.clock.sleep(20)
            assert await ask(stage, "u2c-a") == "", number
        assert len(tunnels(stage, status=407)) == 2

    assert not play(story, **behind("digest")).lines("Network W")


@pytest.mark.parametrize(
    ("schemes", "login", "problem", "line"),
    [
        (("basic",), "", "AuthenticationRequired", ""),
        (("ntlm", "negotiate"), "room", "AuthenticationUnsupported", "(NTLM, Negotiate)"),
        (("digest-sha-256",), "room", "AuthenticationUnsupported", "(Digest SHA-256)"),
    ],
)
def test_what_a_proxy_wants_that_the_device_has_not(
    schemes: tuple[Scheme, ...], login: str, problem: str, line: str
) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        assert status(stage) == f"Error mode=Manual&status={problem}"
        assert not tunnels(stage, credentials=True)

    stage = play(story, **behind(*schemes, LoginName=login))
    assert "Wx2Http[1]: HTTP(1) <= 407" in stage.log
    assert "Wx2Http W: HTTP(1) failed: proxy authentication required" in stage.log
    offered = [f"Network W: proxy offers no supported authentication {line}"] if line else []
    assert stage.lines("Network W") == offered


@pytest.mark.parametrize("url", ["http://nobody.example.test:8080", "socks://proxy.example.test:1", ""])
def test_a_proxy_that_is_not_there(url: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        assert await ask(stage, "u2c-a") == "proxy unreachable"
        assert status(stage) == "Error mode=Manual&status=Unreachable"
        stage.device.set_configurations({f"{NODE} Mode": "Off"})
        assert status(stage) == ""
        assert await ask(stage, "u2c-a") == ""

    play(story, **behind(Url=url))


def test_a_script_may_name_a_second_way() -> None:
    script = (
        "function FindProxyForURL(url, host) { return 'PROXY gone.example.test:1; PROXY proxy.example.test:8080'; }"
    )

    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        assert await ask(stage, "u2c-a") == ""
        assert tunnels(stage, host="u2c-a.wbx2.test", status=200)

    play(story, **behind(script=script, Mode="PACUrl", PACUrl="http://pac.example.test/proxy.pac"))


@pytest.mark.parametrize(("remembered", "challenges"), [(64, 1), (1, 3)])
def test_of_many_proxies_only_the_last_ones_are_remembered(
    remembered: int, challenges: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "KNOWN_MAX", remembered)
    script = (
        "function FindProxyForURL(url, host) {"
        " return shExpMatch(host, 'u2c*') ? 'PROXY other.example.test:8080' : 'PROXY proxy.example.test:8080'; }"
    )

    async def story(stage: Stubbed) -> None:
        names = stage.device.world.net.names
        there = names.resolve("proxy.example.test", 8080)
        assert there is not None
        names.publish("other.example.test", 8080, *there)
        await stage.device.boot()
        before = len(tunnels(stage, status=407))
        for host in ("u2c-a", "wdm-a", "u2c-b"):
            assert await ask(stage, host) == ""
        assert len(tunnels(stage, status=407)) - before == challenges

    play(story, **behind("basic", script=script, Mode="PACUrl", PACUrl="http://pac.example.test/proxy.pac"))


@pytest.mark.parametrize(("kept", "runs"), [(256, 1), (1, 3)])
def test_a_script_is_asked_once_for_a_place_until_it_is_fetched_again(
    kept: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_script, "ANSWERS_MAX", kept)
    asked: list[str] = []
    find = pac.find_proxies

    def counted(script: str, url: str, *rest: Any) -> Any:
        asked.append(url)
        return find(script, url, *rest)

    async def tunnel(stage: Stubbed, host: str, port: int = 443) -> None:
        way = stage.device.world.net.way
        assert way is not None
        (await way.tunnel(f"{host}.wbx2.test", port, secure=True, service=host)).abort()

    async def story(stage: Stubbed) -> None:
        await stage.online()
        monkeypatch.setattr(pac, "find_proxies", counted)
        await stage.clock.sleep(proxy_script.LIFE_S)
        await tunnel(stage, "gds")  # fetched again
        asked.clear()
        for host in ("u2c-a", "wdm-a", "u2c-a", "wdm-a", "u2c-a"):
            await tunnel(stage, host)
        assert asked.count("https://u2c-a.wbx2.test/") == runs
        await stage.clock.sleep(proxy_script.LIFE_S)
        asked.clear()
        await tunnel(stage, "u2c-a")
        assert asked.count("https://u2c-a.wbx2.test/") == 1

    play(story, **behind(Mode="WPAD"))


def test_a_script_is_fetched_again_until_it_can_be_used() -> None:
    async def story(stage: Stubbed) -> None:
        break_(stage, "pac_broken")
        await stage.device.boot()
        assert status(stage) == "Warning mode=WPAD&status=PacUnavailable"
        assert not tunnels(stage)  # the direct way is the only one that it knows
        stage.faults.heal("pac_broken")
        await stage.clock.sleep(61)
        assert status(stage) == ""
        assert await ask(stage, "u2c-a") == ""
        assert tunnels(stage, host="u2c-a.wbx2.test")

    stage = play(story, **behind(Mode="WPAD"))
    (line,) = stage.lines("Network W: PAC load failed")
    assert line.startswith("Network W: PAC load failed http://wpad.example.test/wpad.dat: script error: SyntaxError")


def test_one_blocked_host_is_no_silence_of_the_cloud_and_all_of_them_are() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        break_(stage, "block")
        for host in ("one", "two", "one", "two"):
            assert await ask(stage, host) == "proxy refused CONNECT (403)"
            await stage.clock.sleep(30)
        assert stage.device.webex.status.value == "Registered"
        stage.device.mercury.disconnect()
        for host in ("three", "four", "five"):
            await ask(stage, host)
            await stage.clock.sleep(30)
        assert stage.device.webex.status.value == "Error"
        assert status(stage) == ""

    stage = play(story, **behind())
    assert len(stage.lines("Wx2 W: one unreachable: proxy refused CONNECT (403)")) == 1


def test_a_host_that_does_not_answer_keeps_nobody_from_the_others() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await stage.clock.sleep(60)
        stage.faults.arm(Fault("silent", "tcp", "silent", {"device": "proxy", "host": "calliope*"}))
        silent = asyncio.gather(*(ask(stage, "calliope-a") for _ in range(4)))
        await stage.clock.sleep(0.1)
        began_s = stage.clock.time()
        assert await ask(stage, "u2c-a") == ""
        assert stage.clock.time() - began_s < 10.0
        assert set(await silent) == {"proxy refused CONNECT (504)"}
        assert status(stage) == "", "the proxy itself is well"

    play(story, **behind("basic"))
