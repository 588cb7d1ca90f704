"""The database below the CRM: connections, transactions, and the counter that numbers every write.

Versions become visible in order (dataverse-webapi.md 5.4). A writer takes its numbers by updating the counter's row and
holds that row until it commits; on SQLite it holds the whole database, because writers begin with BEGIN IMMEDIATE and
wait for each other. So the counter that a reader sees in its snapshot is never above the lowest version of any
transaction that is still open.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_MS = 30_000
_WRITES = "backstamp_writes"

internal = sa.MetaData()
"""Our own tables. Their names begin with an underscore, which no table of the CRM can."""

counters = sa.Table(
    "_counter",
    internal,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
tombstones = sa.Table(
    "_tombstone",
    internal,
    sa.Column("table_name", sa.String(128), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("id", sa.String(36), nullable=False),
    sa.Column("deletedon", sa.String(20), nullable=False, index=True),
    sqlite_with_rowid=False,
)

ROW_VERSION = "row version"
METADATA_VERSION = "metadata"


def open_engine(url: str) -> sa.Engine:
    """Return an engine for the CRM's database; nothing is written yet."""
    # The parameters of a statement that fails are values of rows: they stay out of errors and logs.
    engine = sa.create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    # The driver must not begin transactions by itself: a reader's snapshot and a writer's lock begin in `_begin`.
    connection.isolation_level = None
    # SQLite's own lower() knows ASCII only; text compares without regard to case in all of Unicode.
    connection.create_function("lower", 1, _lower, deterministic=True)
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _lower(text: str | None) -> str | None:
    return None if text is None else str(text).lower()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that sees one state of the database, whatever is written meanwhile."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that alone may write; commit at the end, roll back on any error."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def create_internal_tables(connection: sa.Connection) -> None:
    """Create our own tables and start both counters at zero."""
    internal.create_all(connection)
    connection.execute(counters.insert(), [{"name": name, "value": 0} for name in (ROW_VERSION, METADATA_VERSION)])


def counts(connection: sa.Connection) -> dict[str, int]:
    """Return the last number that each counter gave, as this transaction sees it."""
    return {row.name: row.value for row in connection.execute(sa.select(counters))}


def reserve(connection: sa.Connection, counter: str, amount: int = 1) -> int:
    """Take that many numbers from the counter and return the first."""
    statement = (
        sa.update(counters)
        .where(counters.c.name == counter)
        .values(value=counters.c.value + amount)
        .returning(counters.c.value)
    )
    return int(connection.execute(statement).scalar_one()) - amount + 1
