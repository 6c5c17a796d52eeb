"""State on disk: whole or not at all, whoever dies, whatever is found there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoint.cloud.account import Account
from endpoint.cloud.profile import make_profile
from endpoint.device import storage
from endpoint.device.storage import BYTES_MAX, FILE, Directory, Memory, SavedProfile, SavedTrust, State
from endpoint.runtime.chance import Chance
from endpoint.runtime.errors import StorageError
from endpoint.wire import codec
from endpoint.wire.identity import Token
from endpoint.wire.secret import AccessToken, RefreshToken

ROOT = Path(__file__).parents[3]
KILLS = 20
PROFILE = SavedProfile.of(make_profile(Chance(3).actor("device:room")))
TOKEN = Token(
    access_token=AccessToken("access-token-text"),
    refresh_token=RefreshToken("refresh-token-text"),
    token_type="Bearer",
    expires=1_772_441_400_000,
    refresh_token_expires=1_777_441_400_000,
)
ACCOUNT = Account(
    token=TOKEN,
    org_id="org",
    user_id="user",
    idbroker="https://idbroker.webex.test",
    services={"u2c": "https://u2c.wbx2.test/u2c/api/v1"},
    certificates=("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",),
)
STATE = State(
    profile=PROFILE,
    account=ACCOUNT,
    trust=SavedTrust(
        service=ACCOUNT.certificates, proxy=("pem 1", "pem 2"), proxy_directory="/config/certs/tls_proxy-1"
    ),
    configuration={"SystemUnit Name": "Huddle 1", "Audio DefaultVolume": 70},
    is_hardened=True,
    boots=3,
    last_shutdown_reason="Restart",
    last_shutdown_time="2026-03-02T08:50:00Z",
    running=True,
)


def _saved(folder: Path, state: State = STATE) -> bytes:
    """Save a state and return the bytes of its file."""
    place = Directory(folder)
    place.save(state)
    place.close()
    return (folder / FILE).read_bytes()


def _refusal(folder: Path, data: bytes) -> str:
    """Put bytes where the state is, and return the one line that loading them ends in."""
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(data)
    place = Directory(folder)
    with pytest.raises(StorageError) as caught:
        place.load()
    place.close()
    assert (folder / FILE).read_bytes() == data, "what was found is left as it is"
    text = str(caught.value)
    assert text.startswith(str(folder / FILE))
    assert "\n" not in text
    return text.removeprefix(f"{folder / FILE}: ")


def _changed(**members: object) -> bytes:
    return json.dumps({**json.loads(codec.encode(STATE)), **members}).encode()


# -- whole ----------------------------------------------------------------------------------------------------------------------------


def test_a_fresh_directory_has_no_state(tmp_path: Path) -> None:
    place = Directory(tmp_path / "deep" / "state")
    assert place.load() is None
    assert not (place.path / FILE).exists()
    place.close()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    _saved(tmp_path)
    place = Directory(tmp_path)
    loaded = place.load()
    place.close()
    assert loaded == STATE
    assert loaded.account is not None
    assert loaded.account.token.access_token.reveal() == "access-token-text"


def test_memory_keeps_what_was_saved_as_long_as_it_lives() -> None:
    place = Memory()
    assert place.load() is None
    place.save(STATE)
    assert place.load() is STATE
    place.close()
    assert Memory().load() is None


def test_the_last_of_many_saves_counts_and_nothing_else_is_left(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    for boots in range(5):
        place.save(msgspec.structs.replace(STATE, boots=boots))
    loaded = place.load()
    assert loaded is not None
    assert loaded.boots == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, storage.LOCK]
    place.close()


@pytest.mark.parametrize(("lasts", "waits"), [(True, 2), (False, 0)])
def test_a_write_waits_for_the_disk_where_it_has_to_outlive_the_process(
    lasts: bool, waits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    place = Directory(tmp_path, lasts=lasts)
    place.save(STATE)
    assert place.load() == STATE
    place.close()
    assert len(synced) == waits, "the file and the name that it took"


TEXT = st.text(max_size=30)
STATES = st.builds(
    State,
    profile=st.just(PROFILE),
    account=st.none() | st.builds(lambda name, certificates: msgspec.structs.replace(
        ACCOUNT, display_name=name, certificates=tuple(certificates)), TEXT, st.lists(TEXT, max_size=3)),
    trust=st.builds(SavedTrust, service=st.lists(TEXT, max_size=2).map(tuple), proxy_directory=TEXT),
    configuration=st.dictionaries(TEXT, TEXT | st.integers(-(2**53), 2**53), max_size=5),
    is_hardened=st.booleans(),
    boots=st.integers(0, 2**31),
    running=st.booleans(),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(state=STATES)
def test_any_state_comes_back_as_it_was(tmp_path: Path, state: State) -> None:
    place = Directory(tmp_path)
    place.save(state)
    assert place.load() == state
    place.close()


# -- one process ----------------------------------------------------------------------------------------------------------------------


def test_a_directory_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    first = Directory(tmp_path)
    with pytest.raises(StorageError, match="another process uses this state directory") as caught:
        Directory(tmp_path)
    assert "\n" not in str(caught.value)
    first.save(STATE)
    first.close()
    second = Directory(tmp_path)
    assert second.load() == STATE
    second.close()


def test_the_lock_of_a_process_that_was_killed_is_gone(tmp_path: Path) -> None:
    with _saver(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StorageError, match="another process"):
            Directory(tmp_path)
        process.kill()
    Directory(tmp_path).close()


def test_a_directory_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StorageError, match="cannot be used") as caught:
        Directory(tmp_path / "file" / "state")
    assert "\n" not in str(caught.value)


# -- foreign files --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not JSON"),
        (b"\x00" * 100, "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"hello", "not JSON"),
        (b"[]", "not JSON"),
        (b"null", "not JSON"),
        (b"{}", "not a state file of roomsim"),
        (b'{"format": "something else", "version": 1}', "not a state file of roomsim"),
        (b'{"format": ["roomsim device state"]}', "not a state file of roomsim"),
        (_changed(version=2), "written by another version of roomsim"),
        (_changed(version=0), "written by another version of roomsim"),
        (_changed(version=None), "written by another version of roomsim"),
        (_changed(version=True), "damaged at file.version"),
        (_changed(profile=None), "damaged at file.profile"),
        (_changed(profile={}), "damaged at file.profile"),
        (_changed(boots="three"), "damaged at file.boots"),
        (_changed(account={"orgId": "org"}), "damaged at file.account"),
        (_changed(configuration={"SystemUnit Name": None}), "damaged at file.configuration"),
        (_changed(profile={**msgspec.to_builtins(PROFILE), "model": "Toaster"}), "no product 'Toaster'"),
        (b" " * (BYTES_MAX + 1), f"larger than {BYTES_MAX} bytes"),
        (b'{"a":' * 200_000, "not JSON"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_state_is_refused_in_one_line_and_left_alone(
    tmp_path: Path, data: bytes, text: str
) -> None:
    refusal = _refusal(tmp_path, data)
    assert text in refusal
    assert len(refusal) < 300


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    assert _refusal(tmp_path, b"hello").endswith("move it away to start anew, or restore a copy")


def test_a_state_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    data = codec.encode(STATE)
    for length in range(0, len(data), 7):
        _refusal(tmp_path, data[:length])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(at=st.integers(0, 10_000), flips=st.binary(min_size=1, max_size=4))
def test_a_state_that_was_damaged_is_refused_or_still_a_state(tmp_path: Path, at: int, flips: bytes) -> None:
    data = bytearray(codec.encode(STATE))
    at %= len(data)
    data[at : at + len(flips)] = flips
    (tmp_path / FILE).write_bytes(data)
    place = Directory(tmp_path)
    with suppress(StorageError):
        assert isinstance(place.load(), State)
    place.close()
    assert (tmp_path / FILE).read_bytes() == data


def test_a_refusal_repeats_no_secret(tmp_path: Path) -> None:
    account = json.loads(codec.encode(STATE))["account"]
    for broken in ({**account, "orgId": 5}, {**account, "token": "access-token-text"}, {**account, "services": None}):
        assert "token-text" not in _refusal(tmp_path, _changed(account=broken))


def test_a_directory_in_the_place_of_the_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    place = Directory(tmp_path)
    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        place.load()
    with pytest.raises(StorageError, match="cannot be written"):
        place.save(STATE)
    place.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, storage.LOCK]


# -- the disk is full -----------------------------------------------------------------------------------------------------------------

FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    import msgspec
    from endpoint.device.storage import Directory
    from endpoint.runtime.errors import StorageError

    place = Directory(Path(sys.argv[1]))
    state = place.load()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    try:
        place.save(msgspec.structs.replace(state, boots=state.boots + 1))
    except StorageError as error:
        print(error)
    else:
        print("saved")
"""


def _python(text: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text), *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


@pytest.mark.parametrize("room", [0, 1, 500])
def test_on_a_full_disk_the_state_before_is_kept(tmp_path: Path, room: int) -> None:
    before = _saved(tmp_path)
    with _python(FULL_DISK, str(tmp_path), str(room)) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == f"{tmp_path / FILE}: cannot be written: File too large; the state before is kept\n"
    assert (tmp_path / FILE).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, storage.LOCK]


def test_what_stands_in_the_way_of_the_new_file_is_replaced_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's file")
    place = Directory(tmp_path / "state")
    (tmp_path / "state" / f"{FILE}.new").symlink_to(elsewhere)
    place.save(STATE)
    place.close()
    place.close()
    file = tmp_path / "state" / FILE
    assert (elsewhere.read_text(), file.is_symlink(), file.stat().st_mode & 0o777) == ("somebody's file", False, 0o600)


# -- kill -9 --------------------------------------------------------------------------------------------------------------------------

SAVER = """
    import sys
    from itertools import count
    from pathlib import Path
    import msgspec
    from endpoint.device.storage import Directory

    place = Directory(Path(sys.argv[1]))
    state = place.load()
    for boots in count(state.boots):
        text = f"{boots:06d}" * (1 + boots % 50 * 1_000)  # another length each time
        place.save(msgspec.structs.replace(state, boots=boots, configuration={"SystemUnit Name": text}))
        print(boots, flush=True)
"""


def _saver(folder: Path) -> subprocess.Popen[str]:
    if not (folder / FILE).exists():
        _saved(folder, msgspec.structs.replace(STATE, boots=0))
    return _python(SAVER, str(folder))


def _let_it_save(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait in real time: the other process knows no other."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def test_killed_at_any_moment_the_file_holds_a_state_that_was_saved_whole(tmp_path: Path) -> None:
    delays = Chance(5).actor("test").stream("kills")
    last = 0
    for _ in range(KILLS):
        with _saver(tmp_path) as process:
            assert process.stdout is not None
            assert process.stdout.readline()  # it saves, as fast as it can
            _let_it_save(process, delays.uniform(0.0, 0.03))
            process.send_signal(signal.SIGKILL)
            said = process.stdout.read().split()
        assert process.returncode == -signal.SIGKILL
        place = Directory(tmp_path)
        state = place.load()
        place.close()
        assert state is not None
        if state.boots:
            assert state.configuration == {"SystemUnit Name": f"{state.boots:06d}" * (1 + state.boots % 50 * 1_000)}
        acknowledged = [int(line) for line in said if line.isdigit()]
        assert state.boots >= max([last, *acknowledged[:-1]])  # the last number may have been cut short
        last = state.boots


# -- certificates ---------------------------------------------------------------------------------------------------------------------


def test_proxy_certificates_are_switched_by_a_link(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    link = tmp_path / "certs" / "tls_proxy"
    place.write_proxy_certificates("tls_proxy-1", ("pem one", "pem two"))
    assert (os.readlink(link), (link / "1.pem").read_text(), (link / "2.pem").read_text()) == (
        "tls_proxy-1", "pem one", "pem two"
    )  # fmt: skip
    place.write_proxy_certificates("tls_proxy-2", ("pem three",))
    assert (os.readlink(link), [path.name for path in link.iterdir()]) == ("tls_proxy-2", ["1.pem"])
    place.write_proxy_certificates("tls_proxy-2", ())
    assert (os.readlink(link), list(link.iterdir())) == ("tls_proxy-2", []), "a second one in the same second"
    place.write_proxy_certificates("tls_proxy-3", ())
    assert (os.readlink(link), list(link.iterdir())) == ("tls_proxy-3", [])
    assert sorted(path.name for path in link.parent.iterdir()) == ["tls_proxy", "tls_proxy-3"]
    place.close()


def test_a_link_that_was_left_half_switched_is_no_hindrance(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "tls_proxy.new").symlink_to("nowhere")
    place.write_proxy_certificates("tls_proxy-1", ("pem",))
    assert os.readlink(tmp_path / "certs" / "tls_proxy") == "tls_proxy-1"
    assert not (tmp_path / "certs" / "tls_proxy.new").is_symlink()
    place.close()


def test_certificates_that_cannot_be_written_are_reported_in_one_line(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    (tmp_path / "certs").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        place.write_proxy_certificates("tls_proxy-1", ("pem",))
    assert "\n" not in str(caught.value)
    place.close()


# -- secrets --------------------------------------------------------------------------------------------------------------------------


def test_secrets_are_in_the_state_file_only_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    old = os.umask(0)
    try:
        place = Directory(folder)
        place.save(STATE)
        place.write_proxy_certificates("tls_proxy-1", STATE.trust.proxy)
        place.close()
    finally:
        os.umask(old)
    assert _mode(folder) == 0o700
    assert _mode(folder / FILE) == _mode(folder / storage.LOCK) == 0o600
    holders = [path.name for path in folder.rglob("*") if path.is_file() and b"token-text" in path.read_bytes()]
    assert holders == [FILE]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_printed_state_shows_no_secret() -> None:
    def shown(value: Any) -> str:
        return f"{value!r} {value}"

    assert "token-text" not in shown(STATE) + shown(ACCOUNT) + shown(TOKEN)
