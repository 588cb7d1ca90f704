"""Reads rows for queries that clients composed: what is too much for the database is the client's error, not ours."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backstamp.embedded.store import Session

_TOO_COMPLEX = ("parser stack overflow", "Expression tree is too large", "too many", "at most", "overflow")
"""What SQLite says of statements beyond its limits, and of sums beyond 64 bits."""
_LIMITS = ("54", "22003")
"""PostgreSQL's classes of such errors: program limit exceeded, number out of range."""
_TIMEOUTS = ("interrupted", "57014")
_LIMITED = "limited in"
_STEPS = 100_000
"""After how many steps of its machine SQLite looks at the clock."""


def rows(session: Session, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    """Return all rows of a statement.

    Raises:
        Fault: it is nested deeper, or has more parts, than the database can take, or takes too long.
    """
    try:
        with _limited(session.connection, session.settings.query_seconds):
            return session.connection.execute(statement).all()
    except RecursionError as error:
        raise faults.bad_request("The query is too complex.") from error
    except sa.exc.DBAPIError as error:
        text = str(getattr(error.orig, "sqlstate", None) or error.orig)
        if text in _TIMEOUTS:
            raise faults.Fault(400, odata.SQL_TIMEOUT, "The query takes too long.") from error
        if text.startswith(_LIMITS) or any(words in text for words in _TOO_COMPLEX):
            raise faults.bad_request("The query is too complex.") from error
        raise


@contextmanager
def _limited(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """End a statement that takes too long: a table joined with itself can have more rows than anyone waits for."""
    if connection.dialect.name == "postgresql":
        within = connection.get_nested_transaction() or connection.get_transaction()
        if connection.info.get(_LIMITED) is not within:  # as long as that goes on, the limit stays
            connection.execute(sa.select(sa.func.set_config("statement_timeout", f"{seconds * 1000:.0f}", True)))
            connection.info[_LIMITED] = within
        yield
        return
    deadline = time.monotonic() + seconds
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
