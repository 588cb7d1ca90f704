"""One profile a customer, and which row each of its values came from (unification.md 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt

from backstamp import shapes
from backstamp.engine import functions
from backstamp.unify import prefer
from backstamp.unify.settings import ProfileColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Keep, Unify

_MOST_WINNERS = 1 << 40  # more than one customer can have in one table


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
        return f"{self.name.replace('.', '_')}_{self.key}"


def columns_of(unify: Unify) -> dict[str, ProfileColumn]:
    """Return the profile's columns: those that the file names, then what has a semantic type, combined by type.

    A column that the file puts into a profile column stands in no other; a combined column has the name of the last
    part of its type.
    """
    named = dict(unify.profile.columns)
    used = {source for column in named.values() for source in column.sources}
    combined: dict[str, list[str]] = {}
    for table in unify.tables:
        for column, semantic_type in table.types.items():
            source = f"{table.table}.{column}"
            if source not in used:
                combined.setdefault(semantic_type.rpartition(".")[2], []).append(source)
    return {name: ProfileColumn(tuple(sources)) for name, sources in combined.items() if name not in named} | named


def merge(
    engine: Engine,
    tables: Sequence[Table],
    customers: ir.Table,
    columns: Mapping[str, ProfileColumn],
    ids: ir.Table,
    previous_ids: ir.Table,
) -> ir.Table:
    """Return the profiles, as `shapes.PROFILES`.

    Args:
        engine: where it is computed.
        tables: in match order.
        customers: `shapes.CUSTOMERS`.
        columns: the profile's columns, as `columns_of` gives them.
        ids: `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
    """

    def value(rows: ir.Table, name: str, key: ir.IntegerValue) -> ir.Value:
        return functions.of_smallest(rows[name], key)

    owned = engine.cache(customers.filter(customers.customer.notnull()).select("record", "customer", "winner"))
    keys = {table.key_column: ProfileColumn((f"{table.name}.{table.key}",)) for table in tables}
    values = _choose(engine, tables, owned, {**columns, **keys}, value)
    profiles = ids.left_join(values, "customer").drop("customer_right")
    lists = previous_ids.group_by("customer_id").agg(
        previous_customer_id=previous_ids.previous_id.group_concat(";", order_by=previous_ids.previous_id)
    )
    profiles = profiles.left_join(lists, "customer_id").drop("customer_id_right")
    for table in tables:
        profiles = profiles.left_join(engine.cache(_alternates(table, owned)), "customer").drop("customer_right")
    together = {
        f"{name}_Alternate": ibis.coalesce(profiles[f"{name}_several"], _escaped(profiles[name])) for name in keys
    }
    return profiles.select(*shapes.PROFILES.names, *columns, *keys, **together)


def origins(
    engine: Engine, tables: Sequence[Table], customers: ir.Table, columns: Mapping[str, ProfileColumn]
) -> ir.Table:
    """Return for each customer and profile column the record that its value came from, null where there is none."""

    def origin(rows: ir.Table, name: str, key: ir.IntegerValue) -> ir.Value:
        return functions.of_smallest(rows[name].isnull().ifelse(ibis.null(), rows.record), key)

    owned = customers.filter(customers.customer.notnull()).select("record", "customer", "winner")
    return _choose(engine, tables, owned, columns, origin)


def _choose(
    engine: Engine,
    tables: Sequence[Table],
    owned: ir.Table,
    columns: Mapping[str, ProfileColumn],
    choice: Callable[[ir.Table, str, ir.IntegerValue], ir.Value],
) -> ir.Table:
    """Return for each customer what `choice` makes of each profile column and the key by which its values are ordered.

    All winners stand in one table, so that one pass over it chooses every value of every profile.
    """
    winners = {table.name: _winners(engine, table, owned) for table in tables}
    orders = {name: _Order.of(column) for name, column in columns.items()}
    names = {order: f"order_{n}" for n, order in enumerate(dict.fromkeys(orders.values()))}
    types = {name: _common_type(tables, column.sources) for name, column in columns.items()}
    by_time = {name: engine.cache(order.by_time(tables, winners, name)) for order, name in names.items() if order.times}
    by_place = {name: order for order, name in names.items() if not order.times}
    rows = ibis.union(*(_values(table, winners[table.name], columns, types, by_place) for table in tables))
    for numbered in by_time.values():
        rows = rows.inner_join(numbered, "record")
    chosen = {name: choice(rows, name, rows[names[orders[name]]]) for name in columns}
    return rows.group_by("customer").agg(**chosen)


def _winners(engine: Engine, table: Table, owned: ir.Table) -> ir.Table:
    """Return the winners that customers own in a table: record, customer, and `rank` among those of one customer."""
    winners = owned.filter(owned.record == owned.winner).semi_join(table.rows, "record")
    winners = engine.cache(winners.select("record", "customer"))
    counted = winners.group_by("customer").agg(winners=winners.count())
    several = engine.cache(winners.semi_join(counted.filter(counted.winners > 1), "customer"))
    looked_at = table.rows.select("record", *dict.fromkeys(prefer.columns_of(table.keep, table.content)))
    ranked = prefer.ranked(several.inner_join(looked_at, "record"), "customer", table.keep, table.content)
    alone = winners.anti_join(several, "record").mutate(rank=functions.whole(0))
    return engine.cache(alone.union(ranked.select("record", "customer", "rank")))


def _values(
    table: Table,
    winners: ir.Table,
    columns: Mapping[str, ProfileColumn],
    types: Mapping[str, dt.DataType],
    orders: Mapping[str, _Order],
) -> ir.Table:
    """Return a table's winners with a value for each profile column, null where it gives none, and their places."""
    rows = winners.inner_join(table.rows, "record")
    made: dict[str, ir.Value] = {}
    for name, column in columns.items():
        source = _source_in(table.name, column.sources)
        value = rows[source] if source else ibis.null()
        if source and value.type().is_string():
            value = value.nullif("")
        made[name] = value.cast(types[name])
    places = {name: order.place_of(table) * _MOST_WINNERS + rows["rank"] for name, order in orders.items()}
    return rows.select("record", "customer", **made, **places)


@dataclass(frozen=True)
class _Order:
    """How the values of a profile column are ordered: the tables as they are listed, or times (table, column)."""

    tables: tuple[str, ...]
    times: tuple[tuple[str, str], ...]
    latest: bool

    @classmethod
    def of(cls, column: ProfileColumn) -> _Order:
        tables = tuple(source.rpartition(".")[0] for source in column.sources)
        if column.prefer == "importance":
            return cls(tables, (), latest=False)
        times = column.prefer.most_recent or column.prefer.least_recent or {}
        return cls(tables, tuple(sorted(times.items())), latest=column.prefer.most_recent is not None)

    def place_of(self, table: Table) -> int:
        """Return the place of a table; one that is not listed gives nothing, wherever it stands."""
        return self.tables.index(table.name) if table.name in self.tables else len(self.tables)

    def by_time(self, tables: Sequence[Table], winners: Mapping[str, ir.Table], name: str) -> ir.Table:
        """Number the winners of all tables by their times: record, and the column of that name."""
        columns = dict(self.times)
        types = [table.rows[columns[table.name]].type() for table in tables if table.name in columns]
        kind = "float64" if any(found.is_numeric() for found in types) else "timestamp(6)"
        parts = []
        for table in tables:
            rows = winners[table.name].inner_join(table.rows, "record")
            time = rows[columns[table.name]] if table.name in columns else ibis.null()
            place = functions.whole(self.place_of(table))
            parts.append(rows.select("record", "rank", place=place, time=time.cast(kind)))
        rows = ibis.union(*parts)
        by_time = [rows.time.isnull(), rows.time.desc() if self.latest else rows.time.asc()]
        number = ibis.row_number().over(order_by=[*by_time, rows.place, rows["rank"], rows.record])
        return rows.select("record", **{name: number})


def _source_in(table: str, sources: Sequence[str]) -> str | None:
    """Return the column of a table that is among the sources of a profile column."""
    return next((column for name, _, column in map(_split, sources) if name == table), None)


def _split(source: str) -> tuple[str, str, str]:
    return source.rpartition(".")


def _common_type(tables: Sequence[Table], sources: Sequence[str]) -> dt.DataType:
    rows = {table.name: table.rows for table in tables}
    return dt.highest_precedence([rows[name][column].type() for name, _, column in map(_split, sources)])


def _alternates(table: Table, owned: ir.Table) -> ir.Table:
    """Return the keys of all rows that a customer has in a table, for each who has several there."""
    mine = owned.inner_join(table.rows.select("record", "key"), "record")
    counted = mine.group_by("customer").agg(rows=mine.count())
    several = mine.semi_join(counted.filter(counted["rows"] > 1), "customer")
    keys = _escaped(several.key).group_concat(";", order_by=several.record)
    return several.group_by("customer").agg(**{f"{table.key_column}_several": keys})


def _escaped(key: ir.StringValue) -> ir.StringValue:
    """Return a key as it stands in a list joined by semicolons (unification.md 4)."""
    return key.replace("\\", "\\\\").replace(";", "\\;")
