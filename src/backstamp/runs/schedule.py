"""What is to be known of the schedule beyond one process: on or off, a run that was asked for, who keeps it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.errors import BusyError
from backstamp.runs import heartbeat, schema
from backstamp.runs.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.runs.database import Database


@dataclass(frozen=True)
class Switch:
    """How the schedule stands.

    Attributes:
        is_on: whether runs begin when they are due; on until somebody says otherwise.
        turned_by: who turned it on or off last, "" for nobody.
        turned: when that was; None for never.
        wanted_by: who asked for a run that has not begun yet, or None.
        keeper: the living process that keeps the schedule, or None.
        problem: why the last run that was due could not begin, "" where it could.
    """

    is_on: bool = True
    turned_by: str = ""
    turned: datetime | None = None
    wanted_by: str | None = None
    keeper: Owner | None = None
    problem: str = ""


class Schedule:
    """The schedule's part of the ledger; any number of processes may look at it and turn it, one keeps it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Switch:
        """How it stands now."""
        with self._database.reading() as connection:
            row = _row(connection)
        if row is None:
            return Switch()
        return Switch(row.is_on, row.turned_by, row.turned, row.wanted_by, _keeper(row), row.problem)

    def turn(self, *, on: bool, by: str) -> None:
        """Turn it on or off; a run that is going on is left alone."""
        self._change(is_on=on, turned_by=by, turned=datetime.now(UTC))

    def ask_for_run(self, by: str) -> None:
        """Ask for a run as soon as can be, also where the schedule is off."""
        self._change(wanted_by=by)

    def take_wish(self) -> str | None:
        """Return who asked for a run, and forget it: the run begins now."""
        by = self.read().wanted_by
        if by is not None:
            self._change(wanted_by=None)
        return by

    def note_problem(self, problem: str) -> None:
        """Note why a run that was due could not begin, "" that it could."""
        if self.read().problem != problem:
            self._change(problem=problem)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the schedule in this process as long as the block lasts.

        Raises:
            BusyError: another living process keeps it.
        """
        ours = Owner.this_process()
        with self._database.writing() as connection:
            row = _row(connection)
            keeper = None if row is None else _keeper(row)
            if keeper is not None:
                raise BusyError(f"The schedule is kept already, by {keeper}: stop that one first.")
            _write(connection, **vars(ours), heartbeat=datetime.now(UTC))
        try:
            with heartbeat.beating(lambda: self._change(heartbeat=datetime.now(UTC))):
                yield
        finally:
            self._change(host=None, pid=None, birth=None, heartbeat=None)

    def _change(self, **values: object) -> None:
        with self._database.writing() as connection:
            _write(connection, **values)


def _row(connection: sa.Connection) -> sa.Row[tuple[object, ...]] | None:
    return connection.execute(sa.select(schema.schedule)).one_or_none()


def _write(connection: sa.Connection, **values: object) -> None:
    if connection.execute(schema.schedule.update().values(**values)).rowcount == 0:
        connection.execute(schema.schedule.insert().values(**values))


def _keeper(row: sa.Row[tuple[object, ...]]) -> Owner | None:
    if row.host is None:
        return None
    owner = Owner(row.host, row.pid, row.birth)
    return None if owner.is_gone(row.heartbeat, heartbeat.SILENCE) else owner
