"""Why rows are one customer, or why not, in what the last run published."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from backstamp import errors
from backstamp.pipeline import published
from backstamp.unify import explain as unify
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp import project


def explain(settings: project.Project, row: unify.Row) -> unify.Explanation:
    """Return the customer of a row, and why each of its rows and values is there.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: the table is none of unification, or no run has unified the tables as the file has them.
        SourceError: no row has that key, or a row filter keeps it out.
    """
    with found(settings, row) as (unified, record):
        return unify.explain(unified, record)


@contextmanager
def found(settings: project.Project, row: unify.Row) -> Iterator[tuple[unify.Unified, int]]:
    """Give what the last published run made of the tables, and the number of a row there.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: the table is none of unification, or no run has unified the tables as the file has them.
        SourceError: no row has that key, or a row filter keeps it out.
    """
    _refuse_unknown(settings, row)
    with published.unified(settings) as unified:
        yield unified, _record(unified, row)


def relate(settings: project.Project, left: unify.Row, right: unify.Row) -> unify.Relation:
    """Return why two rows are one customer, or why not.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: a table is none of unification, or no run has unified the tables as the file has them;
            or the two are one row.
        SourceError: no row has one of the keys, or a row filter keeps it out.
    """
    for row in (left, right):
        _refuse_unknown(settings, row)
    with published.unified(settings) as unified:
        records = _record(unified, left), _record(unified, right)
        if records[0] == records[1]:
            raise errors.ConfigurationError("These two are one row: name a second one, or `explain` this one alone.")
        return unify.relate(unified, *records)


def _refuse_unknown(settings: project.Project, row: unify.Row) -> None:
    known = [table.table for table in settings.unify.tables]
    if row.table not in known:
        hint = errors.did_you_mean(row.table, known)
        message = f"`{row.table}` is no table of unification.{hint} There are: {', '.join(known)}."
        raise errors.ConfigurationError(message)


def _record(unified: unify.Unified, row: unify.Row) -> int:
    """Return the number of a row; a GUID is known in lower case, however it was written."""
    [rows] = (table.rows for table in unified.tables if table.name == row.table)
    spellings = dict.fromkeys([row.key, transform.as_guid(row.key)])
    found = unified.engine.rows(rows.filter(rows.key.isin(list(spellings))).select("record", "key"))
    if not found:
        raise errors.SourceError(f"{row.table} had no row with this key when it was last read.")
    [record] = [one["record"] for one in found if len(found) == 1 or one["key"] == row.key]
    customers = unified.customers
    if not unified.engine.count(customers.filter(customers.record == record)):
        raise errors.SourceError(f"A row filter (`where`) keeps this row of {row.table} out: it has no customer.")
    return int(record)
