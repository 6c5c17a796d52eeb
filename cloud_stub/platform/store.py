"""The one store of the cloud: tables of records, in memory, and in SQLite too when there is a directory.

Memory is what is read; SQLite is written through before the caller goes on, so that whatever was acknowledged survives `kill -9`.
Several writes that belong together share one `transaction`. Records are frozen: a change is a new record put under the old key.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from cloud_stub.platform.errors import BoundHit, CloudError
from cloud_stub.platform.mailbox_records import MAILBOX_TABLES
from cloud_stub.platform.records import TABLES, Record

SCHEMA = 1
DATABASE = "cloud.sqlite3"
R = TypeVar("R", bound=Record)


class StoreError(CloudError):
    """The directory of the store cannot be used; the text says which file and what is wrong. To a request it is the answer 503."""

    def __init__(self, text: str) -> None:
        super().__init__(503, text)

    def __str__(self) -> str:
        return self.text


class Table(Generic[R]):
    """Records of one kind by their key, in the order they came."""

    def __init__(self, store: Store, name: str, kind: type[R], limit: int, indexed: tuple[str, ...]) -> None:
        self._store = store
        self._rows: dict[str, R] = {}
        self._indexes: dict[str, dict[Any, dict[str, None]]] = {field: {} for field in indexed}
        self.name = name
        self.kind = kind
        self.limit = limit

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._rows.values()))

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> R | None:
        """Return the record under a key, or None."""
        return self._rows.get(key)

    def where(self, field: str, value: object) -> list[R]:
        """Return the records whose indexed field has a value, or holds it if it is a tuple, in the order they were written."""
        return [self._rows[key] for key in self._indexes[field].get(value, ())]

    def count(self, field: str, value: object) -> int:
        """Return how many records `where` would return."""
        return len(self._indexes[field].get(value, ()))

    def first(self) -> R | None:
        """Return the record that was added first, or None."""
        return next(iter(self._rows.values()), None)

    def last(self) -> R | None:
        """Return the record that was added last, or None."""
        return next(reversed(self._rows.values()), None)

    def put(self, record: R) -> R:
        """Add a record, or replace the one under its key.

        Raises:
            BoundHit: the table is full.
        """
        if record.id not in self._rows and len(self._rows) >= self.limit:
            raise BoundHit(self.name, self.limit)
        self._store.write(self.name, record.id, msgspec.json.encode(record))
        self._set(record)
        return record

    def change(self, key: str, **fields: Any) -> R:
        """Replace fields of a record and return the new one.

        Raises:
            KeyError: there is no record under the key.
        """
        return self.put(msgspec.structs.replace(self._rows[key], **fields))

    def drop(self, key: str) -> R | None:
        """Remove a record and return it; None if there was none."""
        record = self._rows.get(key)
        if record is not None:
            self._store.write(self.name, key, None)
            del self._rows[key]
            self._unindex(record)
        return record

    def load(self, body: bytes) -> None:
        """Take over a record as it was written."""
        self._set(msgspec.json.decode(body, type=self.kind))

    def restore(self, key: str, record: R | None) -> None:
        """Undo a write in memory, after its transaction failed."""
        now = self._rows.pop(key, None)
        if now is not None:
            self._unindex(now)
        if record is not None:
            self._set(record)

    def _set(self, record: R) -> None:
        before = self._rows.get(record.id)
        if before is not None:
            self._unindex(before)
        self._rows[record.id] = record
        for field, index in self._indexes.items():
            for value in _values(record, field):
                index.setdefault(value, {})[record.id] = None

    def _unindex(self, record: R) -> None:
        for field, index in self._indexes.items():
            for value in _values(record, field):
                keys = index.get(value, {})
                keys.pop(record.id, None)
                if not keys:
                    index.pop(value, None)


class Store:
    """All tables. `store[User]` is the table of a kind of record."""

    def __init__(self, directory: Path | None = None) -> None:
        self._tables: dict[type[Record], Table[Any]] = {
            kind: Table(self, spec.name, kind, spec.limit, spec.indexed)
            for kind, spec in (TABLES | MAILBOX_TABLES).items()
        }
        self._depth = 0
        self._undo: list[tuple[str, str, Record | None]] = []
        self._database = _open(directory) if directory is not None else None
        if self._database is not None:
            self._load(self._database)

    def __getitem__(self, kind: type[R]) -> Table[R]:
        return self._tables[kind]

    @property
    def is_persistent(self) -> bool:
        """Tell whether the records outlive the process."""
        return self._database is not None

    def _load(self, database: sqlite3.Connection) -> None:
        by_name = {table.name: table for table in self._tables.values()}
        try:
            for name, body in database.execute("SELECT kind, body FROM records ORDER BY n"):
                if name in by_name:
                    by_name[name].load(body)
        except (sqlite3.DatabaseError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(f"{DATABASE} holds what this version cannot read ({type(error).__name__})") from None

    def write(self, kind: str, key: str, body: bytes | None) -> None:
        """Write one record through, None removes it; at once, unless a transaction is open. Called by the tables.

        Raises:
            StoreError: the disk does not take it; the caller keeps what it had.
        """
        if self._depth:
            table = next(table for table in self._tables.values() if table.name == kind)
            self._undo.append((kind, key, table.get(key)))
        if body is None:
            self._execute("DELETE FROM records WHERE kind = ? AND key = ?", kind, key)
        else:
            self._execute(
                "INSERT INTO records (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                kind, key, body,
            )  # fmt: skip

    def _execute(self, statement: str, *values: object) -> None:
        if self._database is None:
            return
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(f"{DATABASE} cannot be written: {error}") from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let the writes of the block happen together or not at all; an exception undoes them in memory as well.

        Raises:
            StoreError: the disk does not take them.
        """
        if self._depth:
            yield
            return
        self._depth = 1
        self._undo = []
        try:
            self._execute("BEGIN IMMEDIATE")
            yield
            self._execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._depth = 0
            self._undo = []

    def _roll_back(self) -> None:
        by_name = {table.name: table for table in self._tables.values()}
        for kind, key, record in reversed(self._undo):
            by_name[kind].restore(key, record)
        if self._database is not None and self._database.in_transaction:  # SQLite ends some itself: the disk is full
            self._execute("ROLLBACK")

    def export(self) -> dict[str, list[dict[str, Any]]]:
        """Return what may be shown of every record, by table: nothing in it is secret, because each kind lists what is shown."""
        shown: dict[str, list[dict[str, Any]]] = {}
        for kind, table in self._tables.items():
            if kind.SHOWN:
                shown[table.name] = [record.shown() for record in table]
        return shown

    def close(self) -> None:
        """Close the database; the store must not be used any more."""
        if self._database is not None:
            self._database.close()
            self._database = None


def _values(record: Record, field: str) -> tuple[Any, ...]:
    value = getattr(record, field)
    return value if isinstance(value, tuple) else (value,)


def _open(directory: Path) -> sqlite3.Connection:
    path = directory / DATABASE
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
        database.execute(
            "PRAGMA locking_mode = EXCLUSIVE"
        )  # two stubs on one directory would not see each other's writes
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(
            "PRAGMA synchronous = NORMAL"
        )  # in WAL mode enough against kill -9; only power loss needs more
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            database.execute(
                "CREATE TABLE IF NOT EXISTS records (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,"
                " body BLOB NOT NULL, UNIQUE (kind, key))"
            )
            database.execute(f"PRAGMA user_version = {SCHEMA}")
        elif version != SCHEMA:
            raise StoreError(f"{path} was written by another version of the stub (schema {version}, not {SCHEMA})")
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path} cannot be used as the cloud's state: {error}") from None
    return database


def as_json(value: object) -> str:
    """Print what `export` returned, in a stable order, instants as ISO 8601."""
    return json.dumps(msgspec.to_builtins(value), indent=2, sort_keys=True)
