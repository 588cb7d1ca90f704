"""The journal of requests that change the environment: sent before they leave, answered when the reply is there.

Its rows are in the work lists `.backstamp/runs/N/<list>.parquet`; the journal says how far each list has come
(linking.md 5). It is kept for `undo_for`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby, takewhile
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.runs import schema
from backstamp.runs.facts import Entry, EntryState, Exceptional

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstamp.runs.database import Database


class Journal:
    """One entry per request, in the order they were sent; any number of threads may write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sent(self, run: int, work_list: str, first: int, count: int) -> int:
        """Note that rows `first` … `first + count - 1` of a work list leave now; durable when this returns.

        Returns:
            The id of the entry, for `answered` or `rejected`.
        """
        values = {"run": run, "work_list": work_list, "first": first, "count": count}
        row = schema.entry.insert().values(**values, state=EntryState.SENT, sent=datetime.now(UTC))
        with self._database.writing() as connection:
            return int(connection.scalar(row.returning(schema.entry.c.id)) or 0)

    def answered(self, entry: int, exceptions: Iterable[Exceptional] = ()) -> None:
        """Note that the rows of an entry are written, except those in `exceptions`.

        Raises:
            ValueError: the entry has its answer already, or a position is outside of it.
        """
        rows = [{"entry": entry} | vars(exceptional) for exceptional in exceptions]
        with self._database.writing() as connection:
            found = _answer(connection, entry, EntryState.ACKNOWLEDGED)
            if not all(0 <= row["position"] - found["first"] < found["count"] for row in rows):
                raise ValueError(f"A position is not among the rows of entry {entry}.")
            if rows:
                connection.execute(schema.exception.insert(), rows)

    def rejected(self, entry: int) -> None:
        """Note that the request was refused as a whole and wrote nothing: its rows go again, in other entries.

        Raises:
            ValueError: the entry has its answer already.
        """
        with self._database.writing() as connection:
            _answer(connection, entry, EntryState.REJECTED)

    def give_up(self) -> None:
        """Note that what is unanswered stays so: to be called when nobody is hydrating, so that `after` can go on."""
        lost = schema.entry.update().where(schema.entry.c.state == EntryState.SENT).values(state=EntryState.LOST)
        with self._database.writing() as connection:
            connection.execute(lost)

    def entries(self, run: int) -> list[Entry]:
        """All entries of a run, with their exceptional rows."""
        return self._select(schema.entry.c.run == run)

    def unanswered(self) -> list[Entry]:
        """The entries of any run whose answer never came: their rows are unknown."""
        return self._select(schema.entry.c.state == EntryState.SENT)

    def exceptions(self, run: int) -> list[tuple[str, Exceptional]]:
        """The rows of a run that were not written, each with the name of its work list."""
        return [(entry.work_list, exceptional) for entry in self.entries(run) for exceptional in entry.exceptions]

    def runs(self) -> list[int]:
        """The runs that sent anything, in their order."""
        query = sa.select(schema.entry.c.run).distinct().order_by(schema.entry.c.run)
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def last(self) -> int:
        """The id of the newest entry, 0 where there is none."""
        with self._database.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.max(schema.entry.c.id))) or 0)

    def after(self, entry: int) -> list[Entry]:
        """The entries after `entry` (0 for all) up to the first unanswered one, to be copied elsewhere.

        It stops there because an answer can still come: what was copied never changes again.
        """
        return list(
            takewhile(lambda found: found.state is not EntryState.SENT, self._select(schema.entry.c.id > entry))
        )

    def _select(self, condition: sa.ColumnElement[bool]) -> list[Entry]:
        entries = sa.select(schema.entry).where(condition).order_by(schema.entry.c.id)
        exceptions = (
            sa.select(schema.exception)
            .where(schema.exception.c.entry.in_(entries.with_only_columns(schema.entry.c.id).order_by(None)))
            .order_by(schema.exception.c.entry, schema.exception.c.position)
        )
        with self._database.reading() as connection:
            by_entry = {
                entry: tuple(Exceptional(row.position, row.state, row.code, row.message) for row in rows)
                for entry, rows in groupby(connection.execute(exceptions), lambda row: row.entry)
            }
            found = connection.execute(entries).mappings()
            return [Entry(**row, exceptions=by_entry.get(row["id"], ())) for row in found]


def _answer(connection: sa.Connection, entry: int, state: EntryState) -> sa.RowMapping:
    change = (
        schema.entry.update()
        .where(schema.entry.c.id == entry, schema.entry.c.state == EntryState.SENT)
        .values(state=state, answered=datetime.now(UTC))
        .returning(schema.entry.c.first, schema.entry.c.count)
    )
    found = connection.execute(change).mappings().one_or_none()
    if found is None:
        raise ValueError(f"Entry {entry} is not waiting for an answer.")
    return found
