"""Connections to the ledger's database: SQLite in WAL mode, by URL so that others can follow."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.errors import BusyError, ConfigurationError
from backstamp.runs import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine.interfaces import DBAPIConnection

LOCK_SECONDS = 30


class Database:
    """The opened ledger; made where there is none yet. Safe for several threads and several processes.

    Args:
        location: a path, or a database URL of SQLAlchemy.

    Raises:
        ConfigurationError: it cannot be opened, or a newer program has made it.
    """

    def __init__(self, location: str | Path) -> None:
        url = _url(location)
        self._name = url.render_as_string(hide_password=True)
        try:
            self._engine = _engine(url)
            self._reading = self._engine.execution_options(reading=True)
            self._bring_up()
        except (ImportError, OSError, sa.exc.SQLAlchemyError) as error:
            reason = getattr(error, "orig", None) or error
            raise ConfigurationError(f"The ledger {self._name} cannot be opened: {reason}.") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment and never waits for a writer."""
        with self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is alone from its first statement on, so that what it reads still holds when it writes.

        Raises:
            BusyError: another process kept the ledger locked for too long.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            if "locked" not in str(error.orig):
                raise
            raise BusyError(f"The ledger {self._name} is locked by another process. Try again later.") from error

    def _bring_up(self) -> None:
        with self.reading() as connection:
            if schema.is_current(connection):
                return
        with self.writing() as connection:
            schema.upgrade(connection)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _url(location: str | Path) -> sa.URL:
    if isinstance(location, str) and "://" in location:
        try:
            return sa.make_url(location)
        except (sa.exc.ArgumentError, ValueError) as error:
            raise ConfigurationError("The ledger's URL cannot be read; an example: sqlite:////data/l.sqlite") from error
    return sa.URL.create("sqlite", database=str(location))


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url)
    _make_private_file(Path(url.database or "ledger.sqlite"))
    engine = sa.create_engine(url, connect_args={"timeout": LOCK_SECONDS})
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _make_private_file(path: Path) -> None:
    """Personal data can be in it, so it is its owner's only; SQLite gives the files beside it the same rights."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Never open one that is there: closing it would drop the locks of all this process's connections to it (POSIX),
    # and another process could then take the log away under them.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _set_up(connection: DBAPIConnection, _record: object) -> None:
    # The driver's own transactions begin too late (at the first write); `_begin` takes their place.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
