"""Connections to the ledger's database: a SQLite file in WAL mode, or PostgreSQL by its URL.

Writers wait for each other: on SQLite because they begin with BEGIN IMMEDIATE, on PostgreSQL by a lock that they hold
until they commit. Readers wait for nobody.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.errors import BusyError, ConfigurationError, TransientError
from backstamp.runs import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine.interfaces import DBAPIConnection

LOCK_SECONDS = 30
_WRITERS_LOCK = 0x6C6564676572
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL, appendix A


def exists(location: str | Path) -> bool:
    """Tell whether there is a ledger; one that a URL names counts as there, for opening it makes no file."""
    return _is_url(location) or Path(location).exists()


class Database:
    """The opened ledger; made where there is none yet. Safe for several threads and several processes.

    Args:
        location: a path, or the URL of a database of its own: `postgresql://backstamp@localhost/ledger`.

    Raises:
        ConfigurationError: it cannot be opened, or a newer program has made it.
        TransientError: its server does not answer.
    """

    def __init__(self, location: str | Path) -> None:
        url = _url(location)
        self._name = url.render_as_string(hide_password=True)
        try:
            self._engine = _engine(url)
            self._reading = self._engine.execution_options(reading=True)
            self._bring_up()
        except ModuleNotFoundError as error:
            message = "A ledger on PostgreSQL needs a driver: install `backstamp[postgresql]`."
            raise ConfigurationError(message) from error
        except (OSError, sa.exc.SQLAlchemyError) as error:
            reason = getattr(error, "orig", None) or error
            raise ConfigurationError(f"The ledger {self._name} cannot be opened: {reason}.") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment and never waits for a writer.

        Raises:
            TransientError: the database does not answer.
        """
        with self._told(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is alone from its first statement on, so that what it reads still holds when it writes.

        Raises:
            BusyError: another process kept the ledger locked for too long.
            TransientError: the database does not answer.
        """
        with self._told(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in words what is nobody's mistake."""
        try:
            yield
        except sa.exc.OperationalError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state == _LOCK_NOT_AVAILABLE or "database is locked" in str(error.orig):
                raise BusyError(f"The ledger {self._name} is locked by another process. Try again later.") from error
            if self._engine.dialect.name == "sqlite":
                raise
            reason = str(error.orig).strip().partition("\n")[0]
            raise TransientError(f"The database of the ledger, {self._name}, does not answer: {reason}") from error

    def _bring_up(self) -> None:
        try:
            with self.reading() as connection:
                if schema.is_current(connection):
                    return
            with self.writing() as connection:
                schema.upgrade(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _is_url(location: str | Path) -> bool:
    return isinstance(location, str) and "://" in location


def _url(location: str | Path) -> sa.URL:
    if not _is_url(location):
        return sa.URL.create("sqlite", database=str(location))
    try:
        return sa.make_url(str(location))
    except (sa.exc.ArgumentError, ValueError) as error:
        message = "The ledger's URL cannot be read; an example: postgresql://backstamp@localhost/ledger"
        raise ConfigurationError(message) from error


def _engine(url: sa.URL) -> sa.Engine:
    match url.get_backend_name():
        case "sqlite":
            _make_private_file(Path(url.database or "ledger.sqlite"))
            engine = sa.create_engine(url, connect_args={"timeout": LOCK_SECONDS})
            sa.event.listen(engine, "connect", _set_up)
            sa.event.listen(engine, "begin", _begin_on_sqlite)
        case "postgresql":
            # A server that was started anew has closed all connections.
            engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
            sa.event.listen(engine, "begin", _begin_on_postgresql)
        case other:
            raise ConfigurationError(f"The ledger is kept in SQLite or PostgreSQL, not in {other}.")
    return engine


def _make_private_file(path: Path) -> None:
    """Personal data can be in it, so it is its owner's only; SQLite gives the files beside it the same rights."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Never open one that is there: closing it would drop the locks of all this process's connections to it (POSIX),
    # and another process could then take the log away under them.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _set_up(connection: DBAPIConnection, _record: object) -> None:
    # The driver's own transactions begin too late (at the first write); `_begin_on_sqlite` takes their place.
    connection.isolation_level = None
    _write_ahead(connection)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: DBAPIConnection) -> None:
    """Turn the write-ahead log on; SQLite itself does not wait for another who does that to the same new file."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_on_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN" if _reads(connection) else "BEGIN IMMEDIATE")


def _begin_on_postgresql(connection: sa.Connection) -> None:
    if _reads(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    else:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")


def _reads(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get("reading"))
