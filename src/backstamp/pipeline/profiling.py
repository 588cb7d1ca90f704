"""What the columns of unification are like, and what they could mean: for `check`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import engine as engines
from backstamp import errors
from backstamp.pipeline import published, reading
from backstamp.unify import places, profiling, suggest, transform

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.pipeline.describe import Described, SourceTable

READ_ROWS = 10_000
"""How many rows are read from a source for a first look; a run knows all."""
_COUNTED_ROWS = 1_000_000
"""From about how many rows on only every second, third, … is counted."""
_LOOKED_AT_ROWS = 1_000
"""How many rows tell what a column could mean."""


@dataclass(frozen=True)
class TableProfile:
    """A table of unification: what its columns are like.

    Attributes:
        table: `source.table`.
        rows: how many rows were counted.
        of_run: whether they are those of the last run; else the first that its source gave just now.
        every: 1 where all were counted; 2 where every second was, and so on.
        columns: those that rules compare.
        suggestions: for columns that are used without a semantic type.
    """

    table: str
    rows: int
    of_run: bool
    every: int
    columns: tuple[profiling.ColumnProfile, ...]
    suggestions: tuple[suggest.Suggestion, ...]


def profile(settings: project.Project, described: Described) -> tuple[TableProfile, ...]:
    """Return what the tables of unification are like; those that cannot be read now are left out.

    What the last run stored is looked at; where it did not read all columns that are used now, or is not at hand, the
    first rows of the source.
    """
    with contextlib.ExitStack() as stack:
        warehouse = _warehouse(settings, stack)
        scratch = stack.enter_context(engines.DuckDB())  # for the first rows it will do
        found = (_profile(settings, table, warehouse, scratch) for table in described.tables)
        made = {table.table: table for table in found if table}
    return tuple(made[table.table] for table in settings.unify.tables if table.table in made)


def profile_stored(settings: project.Project) -> tuple[TableProfile, ...]:
    """Return what the tables of unification are like in what the last run stored; no source is asked.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    with published.opened(settings.state, settings.engine) as engine:
        return tuple(found for table in settings.unify.tables if (found := _stored(engine, settings, table.table)))


def _stored(engine: engines.Engine, settings: project.Project, table: str) -> TableProfile | None:
    if not engine.has(reading.stored_name(table)):
        return None
    rows = reading.stored(engine, table)
    compared = [name for name in _compared(settings, table) if name in rows.columns]
    if not compared:
        return None
    every, number, columns = _counted(engine, rows, compared)
    return TableProfile(table, number, of_run=True, every=every, columns=columns, suggestions=())


def _compared(settings: project.Project, table: str) -> list[str]:
    """Return the columns of a table that rules compare."""
    sides = (side for sides, _ in places.conditions(settings.unify) for side in sides)
    return list(dict.fromkeys(side.column for side in sides if side.table == table))


def _warehouse(settings: project.Project, stack: contextlib.ExitStack) -> engines.Engine | None:
    """Return what the last run published, None where there is nothing, or a run has it."""
    with contextlib.suppress(errors.BusyError, errors.ConfigurationError):
        return stack.enter_context(published.opened(settings.state, settings.engine))
    return None


def _profile(
    settings: project.Project, table: SourceTable, warehouse: engines.Engine | None, scratch: engines.Engine
) -> TableProfile | None:
    used = places.columns_of(settings.unify, table.name)
    compared = _compared(settings, table.name)
    if table.definition is None or not compared:
        return None
    if table.step and not (warehouse and warehouse.has(reading.stored_name(table.name))):
        return None  # its columns are there only when a run has made them
    engine, rows, of_run = _rows(table, used, warehouse, scratch)
    every, number, columns = _counted(engine, rows, compared)
    return TableProfile(table.name, number, of_run, every, columns, _suggestions(settings, table, used, engine, rows))


def _counted(
    engine: engines.Engine, rows: ir.Table, columns: Sequence[str]
) -> tuple[int, int, tuple[profiling.ColumnProfile, ...]]:
    """Return every how many rows one is counted, how many these are, and what columns are like in them."""
    every = -(-engine.count(rows) // _COUNTED_ROWS) or 1
    counted = rows.filter(rows[transform.ROW] % every == 0) if every > 1 else rows
    return every, *profiling.profile(engine, counted, columns)


def _rows(
    table: SourceTable, used: Collection[str], warehouse: engines.Engine | None, scratch: engines.Engine
) -> tuple[engines.Engine, ir.Table, bool]:
    """Return rows of a table with `transform.ROW`, where they are, and whether they are those of the last run."""
    key = table.definition.key if table.definition else ""
    if warehouse and warehouse.has(reading.stored_name(table.name)):
        rows = reading.stored(warehouse, table.name)
        rows = rows.mutate(**{key: rows.key})
        if set(used) <= set(rows.columns):
            return warehouse, rows, True
    batches = list(_first(table, [name for name in used if name != key]))
    return scratch, scratch.load(batches[0].schema, batches), False


def _first(table: SourceTable, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the first rows of a source, numbered."""
    read = 0
    for page in table.source.read(table.outer, columns):
        rows = transform.plain(page.rows.slice(0, READ_ROWS - read))
        names = [name for name in rows.schema.names if name != transform.POSITION]
        numbers = pa.array(range(read + 1, read + rows.num_rows + 1), pa.int64())
        yield rows.select(names).append_column(transform.ROW, numbers)
        read += rows.num_rows
        if read == READ_ROWS:
            return


def _suggestions(
    settings: project.Project, table: SourceTable, used: Collection[str], engine: engines.Engine, rows: ir.Table
) -> tuple[suggest.Suggestion, ...]:
    unified = settings.unify.table(table.name)
    kinds = {column.name: column.type for column in table.definition.columns} if table.definition else {}
    untyped = [name for name in used if name not in unified.types and name != unified.key]
    if not untyped:
        return ()
    seen = engine.rows(rows.filter(rows[transform.ROW] <= _LOOKED_AT_ROWS).select(*untyped))
    values = {name: [row[name] for row in seen] for name in untyped}
    return suggest.suggest({name: kinds[name] for name in untyped}, values, unified.types.values())
