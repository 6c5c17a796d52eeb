"""The store: tables, transactions, and what survives the end of the process."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.records import TABLES, Meeting, Org, ServerKey, Token, TokenKind, User, UserKind
from cloud_stub.platform.store import DATABASE, Store, StoreError, as_json

NOW = datetime(2026, 3, 2, 8, 0, 0, 123456, UTC)


def user(name: str, workspace: str = "") -> User:
    return User(
        id=name, org_id="org", kind=UserKind.MACHINE, name=name, created=NOW, workspace_id=workspace, email=f"{name}@x"
    )


def test_record_is_found_by_key_and_by_indexed_field() -> None:
    table = Store()[User]
    table.put(user("a", "lab"))
    table.put(user("b", "lab"))
    table.put(user("c"))
    assert [record.id for record in table.where("workspace_id", "lab")] == ["a", "b"]
    assert table.get("c") == user("c")
    assert (table.first(), table.last()) == (user("a", "lab"), user("c"))
    assert ("b" in table, "x" in table, len(table)) == (True, False, 3)


def test_change_moves_a_record_in_its_indexes() -> None:
    table = Store()[User]
    table.put(user("a", "lab"))
    table.change("a", workspace_id="hall")
    assert (table.where("workspace_id", "lab"), len(table.where("workspace_id", "hall"))) == ([], 1)
    table.drop("a")
    assert (table.where("workspace_id", "hall"), table.get("a"), table.drop("a")) == ([], None, None)
    with pytest.raises(KeyError):
        table.change("a", name="x")


def test_field_of_several_values_is_indexed_by_each() -> None:
    table = Store()[Meeting]
    fields = {"series_id": "s", "title": "t", "start": NOW, "duration_minutes": 1, "organizer_id": "", "modified": NOW}
    table.put(Meeting(id="m", user_ids=("a", "b"), **fields))  # type: ignore[arg-type]  # a table of fields
    assert [len(table.where("user_ids", who)) for who in ("a", "b", "c")] == [1, 1, 0]
    table.change("m", user_ids=("b",))
    assert [len(table.where("user_ids", who)) for who in ("a", "b")] == [0, 1]


def test_full_table_refuses_and_names_its_bound() -> None:
    store = Store()
    table = store[Org]
    for n in range(table.limit):
        table.put(Org(id=str(n), name="", created=NOW))
    with pytest.raises(BoundHit, match="orgs is limited to 100"):
        table.put(Org(id="one more", name="", created=NOW))
    table.put(Org(id="0", name="changed", created=NOW))


@pytest.mark.parametrize("on_disk", [False, True])
def test_transaction_that_fails_changes_nothing(on_disk: bool, tmp_path: Path) -> None:
    store = Store(tmp_path if on_disk else None)
    store[User].put(user("a"))

    def fail() -> None:
        with store.transaction():
            store[User].change("a", name="other")
            store[User].put(user("b"))
            with store.transaction():
                store[User].drop("a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [record.id for record in store[User]] == ["a"]
    assert store[User].get("a") == user("a")
    assert len(store[User].where("email", "b@x")) == 0
    store.close()
    if on_disk:
        again = Store(tmp_path)
        assert [record.id for record in again[User]] == ["a"]
        again.close()


def test_every_kind_of_value_survives_a_restart(tmp_path: Path) -> None:
    token = Token(
        id="d", kind=TokenKind.REFRESH, user_id="a", org_id="o", scopes=("x", "y"), issued=NOW, expires=NOW, unless_confirmed=NOW
    )  # fmt: skip
    store = Store(tmp_path)
    store[Token].put(token)
    store[User].put(user("a"))
    store[User].drop("a")
    store.close()
    again = Store(tmp_path)
    assert (again[Token].get("d"), again[User].get("a"), again.is_persistent) == (token, None, True)
    again.close()


def test_order_survives_a_restart_and_changes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in "abc":
        store[User].put(user(name))
    store[User].change("a", name="changed last")
    store.close()
    again = Store(tmp_path)
    assert [record.id for record in again[User]] == ["a", "b", "c"]
    again.close()


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from cloud_stub.platform.store import Store; from cloud_stub.platform.records import Org\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for n in range(50): store[Org].put(Org(id=str(n), name='x', created=datetime(2026, 1, 1, tzinfo=UTC)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    store = Store(tmp_path)
    assert len(store[Org]) == 50
    store.close()


FULL_DISK = """
    import resource, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from cloud_stub.platform.records import Org
    from cloud_stub.platform.store import Store, StoreError

    def org(name, chars=1):
        return Org(id=name, name="x" * chars, created=datetime(2026, 1, 1, tzinfo=UTC))

    store = Store(Path(sys.argv[1]))
    store[Org].put(org("before"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails, as on a full disk
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        if sys.argv[2] == "alone":
            store[Org].put(org("lost"))
        else:
            with store.transaction():
                store[Org].change("before", name="other")
                store[Org].put(org("lost", int(sys.argv[3])))
    except StoreError as error:
        print(error.status, str(error).partition(":")[0])
    print([(record.id, record.name) for record in store[Org]])
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    with store.transaction():
        store[Org].put(org("after"))
"""


@pytest.mark.parametrize("how", [("alone",), ("together", "10"), ("together", "5000000")])
def test_on_a_full_disk_memory_and_file_keep_what_they_had(how: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path), *how]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], check=False, capture_output=True, text=True)
    said = "503 cloud.sqlite3 cannot be written\n[('before', 'x')]\n"
    assert (done.stdout, done.stderr, done.returncode) == (said, "", 0)
    store = Store(tmp_path)
    assert [(record.id, record.name) for record in store[Org]] == [("before", "x"), ("after", "x")]
    store.close()


def test_second_cloud_on_one_directory_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store[User].put(user("a"))
    with pytest.raises(StoreError, match=DATABASE):
        Store(tmp_path)
    store.close()


def test_foreign_or_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    path.write_bytes(b"not a database, but somebody's file " * 10)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=DATABASE):
        Store(tmp_path)
    assert path.read_bytes() == before
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreError, match="another version"):
        Store(tmp_path)


def test_record_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    Store(tmp_path).close()
    database = sqlite3.connect(tmp_path / DATABASE)
    database.execute("INSERT INTO records (kind, key, body) VALUES ('users', 'a', '{}')")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="cannot read"):
        Store(tmp_path)


def test_directory_and_file_are_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    Store(directory).close()
    assert oct(directory.stat().st_mode)[-3:] == "700"
    assert oct((directory / DATABASE).stat().st_mode)[-3:] == "600"


def test_export_shows_only_listed_fields() -> None:
    store = Store()
    store[ServerKey].put(ServerKey(id="ca key", text="SECRET"))
    store[User].put(user("a"))
    shown = as_json(store.export())
    assert "SECRET" not in shown
    assert '"name": "a"' in shown
    for kind in TABLES:
        assert set(kind.SHOWN) <= set(kind.__struct_fields__)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "drop", "change"]), st.sampled_from("xyz"))))
def test_indexes_always_agree_with_the_records(steps: list[tuple[str, str, str]]) -> None:
    table = Store()[User]
    for key, step, place in steps:
        if step == "drop":
            table.drop(key)
        elif step == "put" or key not in table:
            table.put(user(key, place))
        else:
            table.change(key, workspace_id=place)
    for place in "xyz":
        indexed = {record.id for record in table.where("workspace_id", place)}
        assert indexed == {record.id for record in table if record.workspace_id == place}
