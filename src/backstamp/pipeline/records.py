"""Rows of source tables as the last run read them: looked for, and one of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from backstamp import errors, project
from backstamp.pipeline import customers, published, reading
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.explain import Row

_KEY = "key"


@dataclass(frozen=True)
class FoundRow:
    """A row in a list: its key, its values by column, and the customer that owns it, if any does."""

    key: str
    values: Mapping[str, Any]
    customer_id: str | None


@dataclass(frozen=True)
class FoundRows:
    """Rows of a table, in the order of their keys.

    Attributes:
        columns: that the project uses.
        rows: not more than were asked for.
        are_more: whether others fit too.
    """

    columns: tuple[str, ...]
    rows: tuple[FoundRow, ...]
    are_more: bool


def outer_names(settings: project.Project) -> dict[str, str]:
    """Return how the environment calls the tables that the project reads from it, by their names in the project."""
    return {
        f"{name}.{one.name}": one.outer
        for name, source in settings.sources.items()
        if isinstance(source, project.EnvironmentSource)
        for one in source.listed
    }


def shown_tables(settings: project.Project) -> tuple[str, ...]:
    """Return the tables whose rows people look at: those of unification, and others of the environment."""
    unified = (table.table for table in settings.unify.tables)
    return tuple(dict.fromkeys([*unified, *outer_names(settings)]))


def find_rows(settings: project.Project, table: str, text: str, limit: int) -> FoundRows:
    """Find rows of a table in which all words of a text stand somewhere, as the last run read them.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: there is no such table, or no run has read it.
    """
    with _stored(settings, table) as (engine, stored):
        columns = tuple(name for name in stored.columns if name not in {_KEY, transform.ROW})
        found = customers.holding(engine, stored.select(_KEY, *columns), text).select(_KEY, *columns)
        members = engine.table("members")
        owned = members.filter(members.table == table).select("customer_id", owned=_KEY)
        told = found.left_join(owned, found[_KEY] == owned.owned).drop("owned")
        listed = engine.rows(told.order_by(_KEY).limit(limit + 1))
        made = [FoundRow(row.pop(_KEY), customer_id=row.pop("customer_id"), values=row) for row in listed[:limit]]
        return FoundRows(columns, tuple(made), len(listed) > limit)


def row_values(settings: project.Project, row: Row) -> dict[str, Any] | None:
    """Return the values of a row as the last run read it, None where it read no such row.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: there is no such table, or no run has read it.
    """
    with _stored(settings, row.table) as (engine, stored):
        wanted = pa.RecordBatch.from_pylist([{_KEY: row.key}])
        found = engine.rows(stored.drop(transform.ROW).semi_join(engine.load(wanted.schema, [wanted]), _KEY))
        return found[0] if found else None


@contextmanager
def _stored(settings: project.Project, table: str) -> Iterator[tuple[Engine, ir.Table]]:
    """Give a table as the last run stored it, and where it is."""
    known = shown_tables(settings)
    if table not in known:
        hint = errors.did_you_mean(table, known)
        raise errors.ConfigurationError(f"There is no table `{table}` here.{hint} There are: {', '.join(known)}.")
    with published.opened(settings.state, settings.engine) as engine:
        if not engine.has(reading.stored_name(table)):
            raise errors.ConfigurationError(f"No run has read {table} yet: `backstamp run` first.")
        yield engine, reading.stored(engine, table)
