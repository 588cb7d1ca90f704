"""One profile a customer, and which row each of its values came from (unification.md 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from backstamp import shapes
from backstamp.engine import functions
from backstamp.unify import places, prefer
from backstamp.unify.settings import ProfileColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backstamp.engine import Engine
    from backstamp.unify.settings import Keep, Unify


@dataclass(frozen=True)
class Table:
    """A table of unification as merge sees it.

    Attributes:
        name: `source.table`.
        key: the name of its primary key.
        rows: record and the table's columns.
        keep: which of several winners of one customer goes first.
        content: the columns that `most_filled` counts.
    """

    name: str
    key: str
    rows: ir.Table
    keep: Keep
    content: tuple[str, ...]

    @property
    def key_column(self) -> str:
        """The profile column that holds the key of the first winner."""
        return key_column(self.name, self.key)


def key_column(table: str, key: str) -> str:
    """Return the profile column that holds the key of a customer's first winner in a table."""
    return f"{table.replace('.', '_')}_{key}"


def alternate_column(key_column: str) -> str:
    """Return the profile column that holds the keys of all rows of a table."""
    return f"{key_column}_Alternate"


def columns_of(unify: Unify) -> dict[str, ProfileColumn]:
    """Return the profile's columns: those that the file names, then what has a semantic type, combined by type.

    A column that the file puts into a profile column stands in no other; a combined column has the name of the last
    part of its type.
    """
    named = unify.profile.columns
    combined = {name: ProfileColumn(sources) for _, name, sources in places.combined_columns(unify)}
    return {name: column for name, column in combined.items() if name not in named} | named


def merge(
    engine: Engine,
    tables: Sequence[Table],
    customers: ir.Table,
    columns: Mapping[str, ProfileColumn],
    ids: ir.Table,
    previous_ids: ir.Table,
) -> ir.Table:
    """Return the profiles, as `shapes.PROFILES`; alternates only where there are several (see `complete`).

    Args:
        engine: where it is computed.
        tables: in match order.
        customers: `shapes.CUSTOMERS`.
        columns: the profile's columns, as `columns_of` gives them.
        ids: `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
    """
    types = {name: _common_type(tables, column.sources) for name, column in columns.items()}

    def value(rows: ir.Table, name: str, source: str) -> ir.Value:
        return _filled(rows[source]).cast(types.get(name, "string"))

    keys = {table.key_column: ProfileColumn((f"{table.name}.{table.key}",)) for table in tables}
    chosen = _choose(engine, tables, customers, {**columns, **keys}, value)
    lists = previous_ids.group_by("customer_id").agg(
        previous_customer_id=previous_ids.previous_id.group_concat(";", order_by=previous_ids.previous_id)
    )
    profiles = _joined(_joined(ids, chosen, "customer"), lists, "customer_id")
    for position, table in enumerate(tables):
        profiles = _joined(profiles, engine.cache(_alternates(position, table, customers)), "customer")
    return profiles.select(*shapes.PROFILES.names, *columns, *keys, *map(alternate_column, keys))


def complete(profiles: ir.Table, tables: Sequence[Table]) -> ir.Table:
    """Return the profiles that `merge` gave with all alternates: who has one row in a table has its key there."""
    filled = {
        name: ibis.coalesce(profiles[name], _escaped(profiles[table.key_column]))
        for table in tables
        for name in (alternate_column(table.key_column),)
    }
    return profiles.mutate(**filled)


def origins(
    engine: Engine, tables: Sequence[Table], customers: ir.Table, columns: Mapping[str, ProfileColumn]
) -> ir.Table:
    """Return for each customer and profile column the record that its value came from, null where there is none."""

    def origin(rows: ir.Table, _name: str, source: str) -> ir.Value:
        return _filled(rows[source]).notnull().ifelse(rows.record, ibis.null())

    return _choose(engine, tables, customers, columns, origin)


_See = Callable[[ir.Table, str, str], ir.Value]
"""What is chosen of a row, null where it has no value: from rows, the profile column, and the column of the table."""


def _choose(
    engine: Engine, tables: Sequence[Table], customers: ir.Table, columns: Mapping[str, ProfileColumn], see: _See
) -> ir.Table:
    """Return for each customer what is chosen for each profile column."""
    winners = [_winners(engine, position, table, customers) for position, table in enumerate(tables)]
    founders = customers.filter(customers.record == customers.customer).select("customer")
    by_importance = {name: column for name, column in columns.items() if column.prefer == "importance"}
    chosen = founders
    for table, (alone, several) in zip(tables, winners, strict=True):
        chosen = _joined(chosen, _of_table(table, alone, several, by_importance, see), "customer")
    values = {
        name: ibis.coalesce(*(chosen[_of(name, table)] for table, _ in map(_split, column.sources)))
        for name, column in by_importance.items()
    }
    chosen = chosen.select("customer", **values)
    for name, column in columns.items():
        if name not in by_importance:
            every = [alone.mutate(rank=functions.whole(0)).union(several) for alone, several in winners]
            chosen = _joined(chosen, engine.cache(_by_time(tables, every, name, column, see)), "customer")
    return chosen


def _winners(engine: Engine, position: int, table: Table, customers: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return the winners that customers own in a table.

    Returns:
        record and customer of those who are alone there; record, customer and `rank` of the others.
    """
    owned = customers.filter((customers.position == position) & (customers.record == customers.winner))
    winners = engine.cache(owned.filter(owned.customer.notnull()).select("record", "customer"))
    counted = winners.group_by("customer").agg(winners=winners.count())
    several = engine.cache(winners.semi_join(counted.filter(counted.winners > 1), "customer"))
    looked_at = table.rows.select("record", *dict.fromkeys(prefer.columns_of(table.keep, table.content)))
    ranked = prefer.ranked(several.inner_join(looked_at, "record"), "customer", table.keep, table.content)
    return winners.anti_join(several, "record"), engine.cache(ranked.select("record", "customer", "rank"))


def _of_table(
    table: Table, alone: ir.Table, several: ir.Table, columns: Mapping[str, ProfileColumn], see: _See
) -> ir.Table:
    """Return for each customer what one table has for each profile column: of several winners the first that has it."""
    sources = {name: _source_in(table.name, column.sources) for name, column in columns.items()}

    def seen(winners: ir.Table) -> ir.Table:
        rows = winners.inner_join(table.rows, "record")
        made = {_of(name, table.name): see(rows, name, source) for name, source in sources.items() if source}
        return rows.select(*set(winners.columns) - {"record"}, **made)

    ranked = seen(several)
    names = [name for name in ranked.columns if name not in {"customer", "rank"}]
    first = {name: functions.of_smallest(ranked[name], ranked["rank"]) for name in names}
    return seen(alone).select("customer", *names).union(ranked.group_by("customer").agg(**first))


def _by_time(
    tables: Sequence[Table], winners: Sequence[ir.Table], name: str, column: ProfileColumn, see: _See
) -> ir.Table:
    """Return for each customer the most or least recent value of a column; tables as listed, then ranks break ties."""
    assert column.prefer != "importance"  # noqa: S101 - the caller has told them apart
    times = column.prefer.most_recent or column.prefer.least_recent or {}
    listed = [table for table, _ in map(_split, column.sources)]
    is_number = any(table.rows[times[table.name]].type().is_numeric() for table in tables if table.name in times)
    parts = []
    for table, candidates in zip(tables, winners, strict=True):
        if table.name in listed:
            rows = candidates.inner_join(table.rows, "record")
            time = rows[times[table.name]] if table.name in times else ibis.null()
            told = {
                "time": time.cast("float64" if is_number else "timestamp(6)"),
                "place": functions.whole(listed.index(table.name)),
                name: see(rows, name, str(_source_in(table.name, column.sources))),
            }
            parts.append(rows.select("record", "customer", "rank", **told))
    rows = ibis.union(*parts)
    time = rows.time.desc() if column.prefer.most_recent else rows.time.asc()
    order = [rows.time.isnull(), time, rows.place, rows["rank"]]
    numbered = rows.mutate(number=ibis.row_number().over(order_by=order))
    return numbered.group_by("customer").agg(**{name: functions.of_smallest(numbered[name], numbered.number)})


def _joined(left: ir.Table, right: ir.Table, key: str) -> ir.Table:
    return left.left_join(right, key).drop(f"{key}_right")


def _filled(column: ir.Column) -> ir.Column:
    """Return the column with empty text counting as null."""
    return column.nullif("") if column.type().is_string() else column


def _of(name: str, table: str) -> str:
    return f"{name} of {table}"


def _split(source: str) -> tuple[str, str]:
    table, _, column = source.rpartition(".")
    return table, column


def _source_in(table: str, sources: Sequence[str]) -> str | None:
    """Return the column of a table that is among the sources of a profile column."""
    return next((column for name, column in map(_split, sources) if name == table), None)


def _common_type(tables: Sequence[Table], sources: Sequence[str]) -> dt.DataType:
    rows = {table.name: table.rows for table in tables}
    return dt.highest_precedence([rows[name][column].type() for name, column in map(_split, sources)])


def _alternates(position: int, table: Table, customers: ir.Table) -> ir.Table:
    """Return the keys of all rows that a customer has in a table, for each who has several there."""
    owned = customers.filter((customers.position == position) & customers.customer.notnull())
    counted = owned.group_by("customer").agg(rows=owned.count())
    several = owned.select("record", "customer").semi_join(counted.filter(counted["rows"] > 1), "customer")
    named = several.inner_join(table.rows.select("record", "key"), "record")
    keys = _escaped(named.key).group_concat(";", order_by=named.record)
    return named.group_by("customer").agg(**{alternate_column(table.key_column): keys})


def _escaped(key: ir.StringValue) -> ir.StringValue:
    """Return a key as it stands in a list joined by semicolons (unification.md 4)."""
    escaped = key.replace("\\", "\\\\").replace(";", "\\;")
    return (key.contains(";") | key.contains("\\")).ifelse(escaped, key)
