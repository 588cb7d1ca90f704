"""The database below the CRM: connections, transactions, and the counter that numbers every write.

Versions become visible in order (dataverse-webapi.md 5.4): writers wait for each other, on SQLite because they begin
with BEGIN IMMEDIATE, on PostgreSQL by a lock that they hold until they commit. So the counter that a reader sees in its
snapshot is never above the lowest version of a transaction that is still open; and a writer sees all that was written
before it, so that no update is lost.

Both databases compare and sort text by code points, and by `folded` without regard to case: with the same result.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_MS = 30_000
_THREADS = 40
"""How many requests the server works on at once."""
_WRITERS_LOCK = 0x6261636B7374616D
_WRITES = "backstamp_writes"


def text(length: int | None = None) -> sa.types.TypeEngine[str]:
    """Return the type of text, which sorts by code points."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


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
    sa.Column("table_name", text(128), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("id", text(36), nullable=False),
    sa.Column("deletedon", text(20), nullable=False, index=True),
    sqlite_with_rowid=False,
)

ROW_VERSION = "row version"
METADATA_VERSION = "metadata"


def open_engine(url: str) -> sa.Engine:
    """Return an engine for the CRM's database, SQLite or PostgreSQL; nothing is written yet.

    Raises:
        ConfigurationError: it is no URL of one of the two, or PostgreSQL's driver is not installed.
    """
    # The parameters of a statement that fails are values of rows: they stay out of errors and logs.
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
            engine = sa.create_engine(address, hide_parameters=True, pool_size=_THREADS)
        elif address.get_backend_name() == "sqlite":
            engine = sa.create_engine(address, hide_parameters=True)
            sa.event.listen(engine, "connect", _prepare)
        else:
            raise errors.ConfigurationError("The database of the embedded CRM is SQLite or PostgreSQL.")
    except sa.exc.ArgumentError as error:
        raise errors.ConfigurationError("The database of the embedded CRM is no URL that can be read.") from error
    except ModuleNotFoundError as error:
        message = "PostgreSQL needs a driver: install `backstamp[postgresql]`."
        raise errors.ConfigurationError(message) from error
    sa.event.listen(engine, "begin", _BEGIN[engine.dialect.name])
    return engine


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    # The driver must not begin transactions by itself: a reader's snapshot and a writer's lock begin in `_begin`.
    connection.isolation_level = None
    connection.create_function("folded", 1, folded, deterministic=True)
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def folded(value: str | None) -> str | None:
    """Return text in small letters, each letter by itself: how it compares where case does not matter."""
    if value is None or value.isascii():
        return value and value.lower()
    return "".join(letter.lower()[0] for letter in value)


def _begin_on_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_on_postgresql(connection: sa.Connection) -> None:
    if _writes(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


_BEGIN = {"sqlite": _begin_on_sqlite, "postgresql": _begin_on_postgresql}
_LOWERING = ("pg_c_utf8", "C.utf8", "C.UTF-8", "und-x-icu")
"""Collations by which PostgreSQL knows the small letters of all of Unicode; which there are depends on its version."""


def _writes(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get(_WRITES))


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
    """Create our own tables, the function `folded` where it is one of the database, and start both counters at zero."""
    internal.create_all(connection)
    if connection.dialect.name == "postgresql":
        _create_folded(connection)
    connection.execute(counters.insert(), [{"name": name, "value": 0} for name in (ROW_VERSION, METADATA_VERSION)])


def _create_folded(connection: sa.Connection) -> None:
    collations = sa.text("SELECT collname FROM pg_collation")
    known = set(connection.scalars(collations))
    collation = next((name for name in _LOWERING if name in known), None)
    if collation is None:
        raise errors.ConfigurationError(f"This PostgreSQL has none of the collations {', '.join(_LOWERING)}.")
    connection.exec_driver_sql(
        "CREATE FUNCTION folded(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
        f"""RETURN lower(value COLLATE "{collation}") COLLATE "C" """
    )


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
