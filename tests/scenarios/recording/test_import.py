"""HAR files of others: what is used, what is not, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner.commands import run_app
from scenarios.runner.recording.har_read import HarError, parse_har
from tests.scenarios.recording.recordings import har_of, recorded


def entry(url: str, **more: Any) -> dict[str, Any]:
    """Return an entry as Chrome writes it."""
    return {
        "startedDateTime": "2026-03-02T09:00:00.000+01:00",
        "time": 12.5,
        "request": {"method": "GET", "url": url, "httpVersion": "http/2.0", "headers": [{"name": ":method", "value": "GET"}],
                    "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 0},
        "response": {"status": 200, "statusText": "", "httpVersion": "http/2.0", "headers": [], "cookies": [],
                     "content": {"size": 2, "mimeType": "application/json", "text": "{}"}, "redirectURL": "",
                     "headersSize": -1, "bodySize": -1},
        "cache": {}, "timings": {"send": 0, "wait": 12.5, "receive": 0},
        **more,
    }  # fmt: skip


def har(*entries: dict[str, Any], creator: str = "WebInspector") -> bytes:
    """Return a HAR file."""
    log = {"version": "1.2", "creator": {"name": creator, "version": "537.36"}, "pages": [], "entries": list(entries)}
    return json.dumps({"log": log}).encode()


def answered(url: str, text: str, **more: Any) -> dict[str, Any]:
    found = entry(url)
    found["response"]["content"] = {"size": len(text), "mimeType": "application/json", "text": text, **more}
    return found


SOCKET = entry(
    "wss://mercury.example/v1/socket",
    _resourceType="websocket",
    _webSocketMessages=[
        {"type": "send", "time": 1772438400.25, "opcode": 1, "data": '{"type":"ping","id":"1"}'},
        {"type": "receive", "time": 1772438401.5, "opcode": 1, "data": '{"type":"pong","id":"1"}'},
        {"type": "receive", "time": 1772438402.0, "opcode": 2, "data": "AAEC"},
    ],
)


def test_what_a_browser_wrote_is_used_and_accounted_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = entry("https://api.example/blocked")
    blocked["response"]["status"] = 0
    broken = {
        "startedDateTime": "yesterday",
        "request": {"method": "GET", "url": "https://api.example/"},
        "response": {"status": 200},
    }
    data = har(
        answered("https://api.example/things", '{"a":1}'),
        entry("https://api.example/logo.png", _resourceType="image"),
        entry("data:text/plain,hello"),
        blocked,
        broken,
        SOCKET,
    )
    file = tmp_path / "chrome.har"
    file.write_bytes(data)
    assert run_app(["replay", "--import", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written by WebInspector 537.36",
        "used: 1 requests, 1 websocket(s) with 2 messages",
        "not used: 1 x a binary message (first: log.entries[5]._webSocketMessages[2])",
        "not used: 1 x a page's own (image) (first: log.entries[1])",
        "not used: 1 x broken: a member of it cannot be read (first: log.entries[4])",
        "not used: 1 x no answer (blocked, cancelled or from a cache) (first: log.entries[3])",
        "not used: 1 x no http(s) or ws(s) address (first: log.entries[2])",
        "an activation cannot be played: no challenge, invoke, register of an activation that succeeded",
    ]


def test_times_and_bodies_are_read_as_they_were_written() -> None:
    recording, _ = parse_har(
        har(answered("https://api.example/a?b=1", "eyJhIjoxfQ==", encoding="base64"), SOCKET, creator="mitmproxy")
    )
    [one] = recording.exchanges
    assert (one.t_us, one.took_us, one.answer_json, one.host) == (0, 12_500, {"a": 1}, "api.example")
    assert one.headers == []  # those of HTTP/2 that begin with a colon are no headers
    [socket] = recording.sockets
    assert [(message.t_us, message.is_sent) for message in socket.messages] == [(250_000, True), (1_500_000, False)]


@pytest.mark.parametrize(
    ("url", "text", "place"),
    [
        ("https://api.example/", '{"access_token":"abcdefgh"}', "log.entries[0].response.content.text.access_token"),
        ("https://api.example/", '{"note":"Bearer abcdef"}', "log.entries[0].response.content.text.note"),
        ("https://api.example/?password=hunter2", "{}", "log.entries[0].request.queryString[0].value"),
    ],
)
def test_what_looks_secret_is_refused_with_its_place(
    url: str, text: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secret.har"
    file.write_bytes(har(answered(url, text)))
    assert run_app(["replay", "--import", str(file)]) == 2
    told = capsys.readouterr().err
    assert f"refused: {place}: " in told
    for secret in ("abcdef", "hunter2"):
        assert secret not in told
    assert run_app(["replay", str(file)]) == 2


def test_a_header_with_a_token_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = entry("https://api.example/")
    found["request"]["headers"] = [
        {"name": "Cookie", "value": "sid=1"},
        {"name": "Authorization", "value": "Bearer <access_token#1>"},
    ]
    file = tmp_path / "secret.har"
    file.write_bytes(har(found))
    assert run_app(["replay", "--import", str(file)]) == 2
    assert "log.entries[0].request.headers[0].value: `Cookie` holds a cookie in clear" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "no JSON"),
        (b"[]", "Expected `object`"),
        (b'{"log": {}}', "missing required field `entries`"),
        (b'{"log": {"entries": [], "_roomsim": {"format": "2.0"}}}', "log._roomsim.format: 1.1, not 2.0"),
    ],
)
def test_what_is_no_har_file_is_told_with_its_place(data: bytes, rule: str) -> None:
    with pytest.raises(HarError) as found:
        parse_har(data, "x.har")
    assert rule in str(found.value)


def test_a_file_of_ours_is_read_as_it_was_recorded() -> None:
    folder = recorded("calls/pin")
    recording, account = parse_har((folder / "session.har").read_bytes())
    entries = har_of(folder)["log"]["entries"]
    assert account.unused == {}
    assert account.exchanges + account.sockets == len(entries)
    assert [one.url for one in recording.exchanges] == [
        row["request"]["url"] for row in entries if "_webSocketMessages" not in row
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20)
    | st.sampled_from(["https://a.example/", "GET", "2026-03-02T09:00:00Z"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["startedDateTime", "request", "response", "url", "method", "status", "content", "text", "headers", "_webSocketMessages",
             "type", "time", "data", "opcode", "_roomsim", "t", "opened", "closed", "encoding"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(entries=st.lists(JSON, max_size=4), ours=JSON)
def test_any_entries_are_read_or_refused(entries: list[Any], ours: Any) -> None:
    data = json.dumps({"log": {"entries": entries, "_roomsim": ours}}).encode()
    try:
        recording, account = parse_har(data)
    except HarError:
        return
    used = account.exchanges + account.sockets
    assert used == len(recording.exchanges) + len(recording.sockets)
    assert used + sum(account.unused.values()) >= len(entries)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(HarError):  # two hundred bytes at random are no HAR file
        parse_har(data)
