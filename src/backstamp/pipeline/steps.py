"""Transform steps: what a project's selects give, and the rows that they make of the rows as read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import engine as engines
from backstamp import errors
from backstamp.connect import ports
from backstamp.engine import functions
from backstamp.unify import select, transform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import ibis.expr.types as ir

    from backstamp.engine import Engine


@dataclass(frozen=True)
class Step:
    """A transform step.

    Attributes:
        select: what it does, no more than the project needs of it.
        raw: the table as it is read.
        made: the table as it becomes.
    """

    select: select.Select
    raw: ports.TableDefinition
    made: ports.TableDefinition

    @property
    def joined(self) -> dict[str, tuple[str, ...]]:
        """The columns that it needs of other tables of the source."""
        return {table: columns for table, columns in self.select.reads.items() if table != self.select.table}

    def token(self, token: str | None) -> str | None:
        """Return a token of the rows as read with what this step is, so that another one does not go on from it."""
        return None if token is None else f"{self.select.digest} {token}"

    def of(self, token: str | None) -> str | None:
        """Return the token of the rows as read, None where it was kept by another step."""
        digest, _, inner = (token or "").partition(" ")
        return inner if digest == self.select.digest else None


def token_as_read(token: str, select: str | None) -> str:
    """Return the token of the rows as read that a table with this select, or none, has kept."""
    return token if select is None else token.partition(" ")[2]


def step(text: str, name: str, key: str, columns: Iterable[str], tables: Mapping[str, ports.TableDefinition]) -> Step:
    """Return the transform step of a table.

    Args:
        text: its select.
        name: the table, as its system calls it.
        key: its key in unification, "" where it is not unified.
        columns: what the project uses of what the select gives.
        tables: the tables that it may read, its own too.

    Raises:
        ConfigurationError: it does not fit them.
    """
    raw = tables[name]
    known = {table: {column.name: column.type for column in one.columns} for table, one in tables.items()}
    found = select.resolve(text, name, raw.key, known)
    if not found.keeps_key and key not in found.outputs:
        wanted = f"`{raw.key}`" if key in {"", raw.key} else f"`{key}`, the key in unification, or `{raw.key}`"
        raise errors.ConfigurationError(f"The select leaves out the key: let it give {wanted}.")
    with engines.DuckDB() as scratch:
        empty = {table: _empty(scratch, one) for table, one in tables.items()}
        made = scratch.select(found.statement, empty).schema().to_pyarrow()
    definition = ports.TableDefinition(
        name=name,
        key=raw.key if found.keeps_key else key,
        columns=tuple(ports.Column(column.name, column.type) for column in made),
        tracks_changes=raw.tracks_changes,
        display_name=raw.display_name,
    )
    return Step(found.only([*columns, definition.key]), raw, definition)


def _empty(engine: Engine, table: ports.TableDefinition) -> ir.Table:
    schema = pa.schema([(column.name, column.type) for column in table.columns])
    return engine.load(transform.plain_schema(schema), [])


def row_by_row(engine: Engine, step: Step, rows: ir.Table, besides: Iterable[str]) -> ir.Table:
    """Return what a step that looks at single rows makes of landed rows, in the order in which they were read.

    Of several versions of a row the last counts, before the select can leave it out. `besides` are columns that are
    given too, as they are.
    """
    last = ibis.row_number().over(group_by=rows[step.raw.key], order_by=rows[transform.POSITION].desc())
    latest = engine.cache(rows.mutate(place_=last).filter(ibis._.place_ == 0).drop("place_"))
    asked = step.select.only(step.select.outputs, [transform.POSITION, *besides])
    return _typed(engine.select(asked.statement, {step.select.table: latest}), step.made)


def gone(step: Step, rows: ir.Table, made: ir.Table) -> ir.Table:
    """Return `key` of the landed rows that a step has left out."""
    keys = rows.select(key=rows[step.raw.key])
    return keys.anti_join(made.select(key=made[step.made.key]), "key")


def as_a_whole(engine: Engine, step: Step, rows: ir.Table, joined: Mapping[str, ir.Table]) -> ir.Table:
    """Return what a step makes of a table and those that it joins, all as they are stored, numbered by content."""
    tables = {step.select.table: _as_read(rows, step.raw.key), **joined}
    made = _typed(engine.select(step.select.statement, tables), step.made)
    content = functions.digest([made[name] for name in sorted(made.columns)])
    return engine.cache(made.mutate(**{transform.POSITION: ibis.row_number().over(order_by=content)}))


def _as_read(rows: ir.Table, key: str) -> ir.Table:
    """Return a stored table with its key under its own name."""
    stored = rows.drop(transform.ROW)
    return stored if key == "key" else stored.mutate(**{key: stored.key}).drop("key")


def other(rows: ir.Table, table: ports.TableDefinition) -> ir.Table:
    """Return a stored table as a select that joins it sees it."""
    return _as_read(rows, table.key)


def _typed(rows: ir.Table, table: ports.TableDefinition) -> ir.Table:
    """Return rows in the types that were told before: engines differ in those of their results."""
    wanted = ibis.Schema.from_pyarrow(pa.schema([(column.name, column.type) for column in table.columns]))
    return rows.cast({name: wanted[name] for name in rows.columns if name in wanted})
