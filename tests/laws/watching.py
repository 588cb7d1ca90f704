"""What the CRM holds and what was written to it, seen in its database: no answer of the CRM is relied on."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROFILE, KEYS, MEASURE = "msdynci_customerprofile", "msdynci_alternatekey", "msdynci_customermeasure"
LOOKUP = "msdynci_lookupfield_customerprofile"
LINKED = {"crm.contact": "contact", "crm.lead": "lead"}
POINTERS = {"contact": LOOKUP, "lead": LOOKUP, KEYS: PROFILE, MEASURE: PROFILE}
"""The tables with a lookup to a profile, and its column."""
_AUTHORSHIP = frozenset({"modifiedon", "modifiedby", "versionnumber"})
_LOOK_EVERY_SECONDS = 0.02


@dataclass(frozen=True)
class Write:
    """A row that was written, or deleted.

    Attributes:
        table: where.
        key: of the row.
        kind: "insert", "update" or "delete".
        by: who did it.
        values: what it holds since then.
        is_same: whether it held all of that before.
        is_foreign: whether a column that is not ours was changed.
    """

    table: str
    key: str
    kind: str
    by: str
    values: str
    is_same: bool
    is_foreign: bool


class Watch:
    """Looks into the database of an embedded CRM on SQLite."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "crm.sqlite"

    def rows(self, table: str, *columns: str) -> dict[str, tuple[Any, ...]]:
        """Return these columns of all rows of a table, by key; nothing where the table, or a column, is not there."""
        with self._open() as connection:
            if not set(columns) <= set(_columns(connection, table)):
                return {}
            found = connection.execute(f"SELECT {', '.join((f'{table}id', *columns))} FROM {table}")
            return {row[0]: row[1:] for row in found}

    def start(self) -> None:
        """Note all writes from now on to the tables that there are; forget those noted before."""
        with self._open() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS _written (table_name, id, kind, by, vals, is_same, is_foreign)"
            )
            connection.execute("DELETE FROM _written")
            for table in POINTERS | {PROFILE: ""}:
                for trigger in _triggers(table, _columns(connection, table)):
                    connection.execute(trigger)

    def writes(self) -> list[Write]:
        """Return what was written since then, in its order."""
        with self._open() as connection:
            found = connection.execute("SELECT * FROM _written ORDER BY rowid").fetchall()
        return [Write(*row) for row in found]

    @contextmanager
    def looking(self) -> Iterator[list[str]]:
        """Look all the while, and once more, whether a link leads nowhere; give the list of what was found."""
        found: list[str] = []
        ended = threading.Event()
        thread = threading.Thread(target=self._look, args=(found, ended), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            ended.set()
            thread.join()

    def _look(self, found: list[str], ended: threading.Event) -> None:
        with self._open() as connection:
            while not ended.wait(_LOOK_EVERY_SECONDS):
                found += _orphans(connection)
            found += _orphans(connection)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            yield connection


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _orphans(connection: sqlite3.Connection) -> list[str]:
    found = []
    for table, column in POINTERS.items():
        if column in _columns(connection, table):
            nowhere = f"SELECT {table}id FROM {table} WHERE {column} NOT IN (SELECT {PROFILE}id FROM {PROFILE})"
            found += [f"{table} {key}" for (key,) in connection.execute(nowhere)]
    return found


def _triggers(table: str, columns: list[str]) -> Iterator[str]:
    """Yield the statements that make the database note what is written to a table; none where it is not there."""
    if not columns:
        return
    content = [name for name in columns if name not in _AUTHORSHIP]
    ours = [name for name in content if name == LOOKUP or table.startswith("msdynci_")]
    same = " AND ".join(f"old.{name} IS new.{name}" for name in content)
    foreign = " OR ".join(f"old.{name} IS NOT new.{name}" for name in content if name not in ours) or "0"
    held = " || '|' || ".join(f"quote(new.{name})" for name in ours) or "''"
    rows = {
        "insert": f"'{table}', new.{table}id, 'insert', new.modifiedby, {held}, 0, 0",
        "update": f"'{table}', new.{table}id, 'update', new.modifiedby, {held}, {same}, {foreign}",
        "delete": f"'{table}', old.{table}id, 'delete', '', '', 0, 0",
    }
    for kind, values in rows.items():
        name = f"_{table}_{kind}"
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield f"CREATE TRIGGER {name} AFTER {kind} ON {table} BEGIN INSERT INTO _written VALUES ({values}); END"
