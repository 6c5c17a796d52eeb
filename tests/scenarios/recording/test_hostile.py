"""What a recording must bear: secrets in odd places, a full disk, files and requests that somebody made up."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import cpu_seconds
from endpoint.wire import jose
from endpoint.wire.jose import SharedKey
from endpoint.wire.kms import MESSAGES_PATH
from endpoint.wire.meeting import is_cipher_text
from endpoint.wire.secret import Secret
from scenarios.runner import wholefile
from scenarios.runner.commands import run_app
from scenarios.runner.recording import har_read, write
from scenarios.runner.recording.cloud import RecordedCloud
from scenarios.runner.recording.har_read import HarError, parse_har, read_har
from scenarios.runner.recording.matching import Asked
from scenarios.runner.recording.model import ACTIVATION as ACTIVATION_MEMBERS
from scenarios.runner.recording.model import Message, Recording, Socket, activation_step
from scenarios.runner.recording.redact import OPEN_KINDS
from scenarios.runner.recording.remade import Remade
from scenarios.runner.recording.rules import Rules
from scenarios.runner.recording.secretcheck import Finding, find_secrets
from scenarios.runner.recording.skeleton import skeleton
from tests.scenarios.recording.recordings import SHIPPED, cloud_of

DATA = Path(__file__).parents[2] / "data" / "har"
ACTIVATION = SHIPPED / "activation" / "activation.yaml"


@pytest.mark.parametrize("story", ["calendar/auto_join_invited", "calls/pin", "faults/proxy_auth_wrong"])
def test_no_secret_that_there_was_in_a_run_stands_in_a_file(
    story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: dict[str, str] = {}
    begin = Secret.__init__

    def note(self: Secret, kind: str, value: str) -> None:
        begin(self, kind, value)
        met.setdefault(value, kind)

    monkeypatch.setattr(Secret, "__init__", note)
    assert run_app(["run", str(SHIPPED / f"{story}.yaml"), "--record", str(tmp_path / "rec")]) == 0
    clear = [
        value for value, kind in met.items() if len(value) >= 6 and kind not in OPEN_KINDS and not is_cipher_text(value)
    ]
    assert clear
    shown = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in clear))
    for file in sorted((tmp_path / "rec").iterdir()):
        found = shown.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file.name}: a {met[found[0]]} at {found.start()}"


def test_a_sealed_pin_is_made_anew_and_sealed_again() -> None:
    recording = Recording(sealed={"<sealed#1>": {"key": "kms://a/keys/1", "plain": "<pin#1>"}})
    remade = Remade(recording, Chance(1).actor("replay"), "")
    key = SharedKey(remade.shared_key("kms://a/keys/1"))
    assert len(remade.shared_key("kms://a/keys/1")) == jose.KEY_BYTES
    assert key.open_text(remade.value("<sealed#1>")) == remade.value("<pin#1>")
    assert re.fullmatch(r"\d{8}", remade.value("<pin#1>"))


@pytest.mark.parametrize(
    "value",
    [
        {"body": ' \n{"password": "hunter2"}'},
        {"body": '\ufeff{"password": "hunter2"}'},
        {"meetingInfo": {"hostKey": 123456}},
        {"text": "grant_type=refresh_token&refresh_token=short"},
        {"url": "https://api.example/?client_secret=short"},
        {"url": "https://user:hunter2@proxy.example/"},
        {"Bearer abcdefgh": 1},
        {"note": "Basic cm9vbTpnb29k"},
        {"plain": "216870"},
    ],
)
def test_a_secret_is_found_wherever_it_stands(value: dict[str, Any]) -> None:
    findings = find_secrets(value, frozenset({"216870"}))
    assert len(findings) == 1
    assert not re.search(r"hunter2|123456|short|cm9v|abcdefgh|216870", str(findings[0]))


def test_what_is_no_secret_is_none() -> None:
    sealed = "eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0..ya4rCnGiJNHKkRoa.ABY0O3PQ.Syup3hjWi7iM-LsMB5R8mg"
    harmless = {
        "title": "Basic introduction",
        "hostKey": sealed,
        "url": "https://api.example/?access_token=<access_token#1>&max=5",
        "size": "12168700",
    }
    assert find_secrets(harmless, frozenset({"216870"})) == []


@pytest.mark.parametrize(
    ("name", "used", "told"),
    [
        ("mitmproxy", (5, 1, 6), set()),
        (
            "chromium",
            (6, 1, 2),
            {
                "a binary message",
                "a body that is no text: the answer is kept without it",
                "a page's own (document)",
                "a page's own (image)",
                "a page's own (stylesheet)",
                "no answer (blocked, cancelled or from a cache)",
            },
        ),
    ],
)
def test_a_file_that_was_really_written_elsewhere_is_read(
    name: str, used: tuple[int, int, int], told: set[str]
) -> None:
    recording, account = read_har(DATA / f"{name}.har")
    assert (account.exchanges, account.sockets, account.messages) == used
    assert set(account.unused) == told
    times = [message.t_us for message in recording.messages]
    assert times == sorted(times)
    assert 0 < times[0] <= times[-1] < 10_000_000  # since the first request, whatever unit the writer has chosen
    [socket] = recording.sockets
    assert [message.is_sent for message in socket.messages][:2] == [True, False]


def test_posted_parameters_are_the_form_that_they_were() -> None:
    post = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "scope", "value": "a b&c"}]}
    entry = {
        "startedDateTime": "2026-03-02T09:00:00Z",
        "request": {"method": "POST", "url": "https://a.example/", "postData": post},
        "response": {"status": 200},
    }
    recording, _ = parse_har(json.dumps({"log": {"entries": [entry]}}).encode())
    assert recording.exchanges[0].body == "scope=a+b%26c"


@pytest.mark.parametrize("start", ["x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_start_that_is_no_instant_is_told_with_its_place(start: str) -> None:
    ours = {"format": "1.0", "about": {"start": start}}
    with pytest.raises(HarError, match=r"log\._roomsim\.about\.start: an instant"):
        parse_har(json.dumps({"log": {"entries": [], "_roomsim": ours}}).encode())


def test_a_file_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har_read, "FILE_BYTES_MAX", 1024 * 1024)
    with pytest.raises(HarError, match="at most 1 MiB"):
        read_har(Path("/dev/zero"))


def test_a_long_text_in_base64_is_compared_in_no_time() -> None:
    text = "QUJDRE+FGSElKS0xNTk9QUVJT/VFVWV1hZWg" * 8_000
    began = cpu_seconds()
    assert Rules().differences({"a": text}, {"a": text + "!"})
    assert find_secrets({"a": text}) == []
    assert cpu_seconds() - began < 10


def test_a_disk_that_takes_not_all_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = wholefile.write_new

    def full(file: Path, data: bytes, mode: int) -> None:
        if file.name == "session.har.new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, data, mode)

    monkeypatch.setattr(wholefile, "write_new", full)
    assert run_app(["run", str(ACTIVATION), "--record", str(tmp_path / "rec")]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/rec/session.har: cannot be written: No space left on device\n"
    assert list((tmp_path / "rec").iterdir()) == []


@pytest.mark.parametrize("command", [["run", str(ACTIVATION), "--record"], ["record"]], ids=["run", "record"])
def test_a_directory_that_holds_something_is_refused_before_anything_is_run(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept.txt").write_text("mine", encoding="utf-8")
    assert run_app([*command, str(tmp_path)]) == 2
    ran = capsys.readouterr()
    assert f"{tmp_path} is not empty; name another directory, or take away what is in it" in ran.err
    assert run_app([*command, str(tmp_path / "kept.txt")]) == 2
    assert "Not a directory; name a directory that is empty, or not there yet" in capsys.readouterr().err
    assert (ran.out, [file.name for file in tmp_path.iterdir()]) == ("", ["kept.txt"])


def test_a_secret_that_is_left_ends_either_command_in_the_same_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "find_secrets", lambda value, known, place: [Finding(place, "it looks like a code")])
    for command in (["run", str(ACTIVATION), "--record"], ["record"]):
        assert run_app([*command, str(tmp_path / "rec")]) == 3
        told = capsys.readouterr().err.splitlines()
        assert told[:2] == [
            "nothing was recorded: what would have been written looks secret",
            "  session.har: it looks like a code",
        ]
        assert not (tmp_path / "rec").exists()


def test_names_that_the_cloud_chooses_write_no_steps() -> None:
    told = json.dumps({"data": {"eventType": "x\nsteps: [{ note: mine }]\u2028y\u0085\u007f"}})
    message = Message(t_us=5, at="2026-03-02T09:00:00Z", is_sent=False, text=told)
    recording = Recording(sockets=[Socket(n=1, t_us=0, at="", url="wss://a.example/", messages=[message])])
    header = json.dumps({"start": "2026-03-02T09:00:00+00:00", "scenario": "A \u0085\u007f\u2028 name", "seed": 1})
    text = skeleton(header, [], recording).text
    found = yaml.safe_load(text)
    assert found["name"] == "Skeleton of A \u0085\u007f\u2028 name"
    assert found["steps"] == [{"note": "nothing was done"}]
    assert "event x\\nsteps" in text


VALUES = st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["12345678", "AAAA", ["a.b.c.d.e"]])
BODIES = st.sampled_from([*ACTIVATION_MEMBERS.values(), {"kmsMessages", "destination"}, {"a"}]).flatmap(
    lambda names: st.fixed_dictionaries(
        dict.fromkeys(sorted(names), VALUES),
        optional=dict.fromkeys(("srpB", "oauthDataHMAC", "registerDataHMAC"), VALUES),
    )
)


@pytest.fixture(scope="module")
def cloud() -> RecordedCloud:
    """The recorded cloud of a story with an activation and sealed titles."""
    return cloud_of("calendar/join_button")


@given(body=BODIES, at=st.integers(min_value=0, max_value=40))
def test_any_request_is_answered(cloud: RecordedCloud, body: dict[str, Any], at: int) -> None:
    steps = {step: one for one in cloud.recording.exchanges if (step := activation_step("POST", one.json))}
    step = activation_step("POST", body)
    posts = [one for one in cloud.recording.exchanges if one.method == "POST"]
    one = steps[step] if step else posts[at % len(posts)]
    data = json.dumps(body).encode()
    reply, _ = cloud.answer(Asked(one.method, one.host, one.path, "", data.decode(), "application/json"), {}, data)
    assert 200 <= reply.status < 600
    assert not step or reply.status >= 400 or step == "challenge"


@pytest.mark.parametrize("members", [{"srpA", "oauthData"}, {"registerData"}], ids=["invoke", "register"])
def test_a_step_that_is_too_long_is_refused_as_the_cloud_would(cloud: RecordedCloud, members: set[str]) -> None:
    data = json.dumps(dict.fromkeys(members, "A" * 100_000)).encode()
    step = activation_step("POST", json.loads(data))
    one = next(one for one in cloud.recording.exchanges if one.step == step)
    reply, _ = cloud.answer(Asked(one.method, one.host, one.path, "", data.decode(), "application/json"), {}, data)
    assert reply.status == 413


def test_a_request_to_the_key_service_that_is_none_is_noted(cloud: RecordedCloud) -> None:
    one = next(one for one in cloud.recording.exchanges if one.path.endswith(MESSAGES_PATH))
    for data in (b"[]", b"{", b'{"kmsMessages": 1}'):
        reply, answers = cloud.answer(Asked(one.method, one.host, one.path, "", data.decode(), ""), {}, data)
        assert (reply.status, answers) == (one.status, [])
    assert any("was not understood" in note for note in cloud.notes)
