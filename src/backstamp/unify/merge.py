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
    records: ir.Table,
) -> ir.Table:
    """Return the profiles, as `shapes.PROFILES`.

    Args:
        engine: where it is computed.
        tables: in match order.
        customers: `shapes.CUSTOMERS`.
        columns: the profile's columns, as `columns_of` gives them.
        ids: `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
        records: `shapes.RECORDS`.
    """
    candidates = {table.name: _winners(engine, table, customers) for table in tables}

    def value(rows: ir.Table, name: str, key: ir.IntegerValue) -> ir.Value:
        return functions.of_smallest(rows[name], key)

    values = _choose(engine, tables, candidates, columns, value)
    profiles = ids.left_join(values, "customer").drop("customer_right")
    lists = previous_ids.group_by("customer_id").agg(
        previous_customer_id=previous_ids.previous_id.group_concat(";", order_by=previous_ids.previous_id)
    )
    profiles = profiles.left_join(lists, "customer_id").drop("customer_id_right")
    for table in tables:
        keys = engine.cache(_keys(table, candidates[table.name], customers, records))
        profiles = profiles.left_join(keys, "customer").drop("customer_right")
    keys = [name for table in tables for name in (table.key_column, f"{table.key_column}_Alternate")]
    return profiles.select(*shapes.PROFILES.names, *columns, *keys)


def origins(
    engine: Engine, tables: Sequence[Table], customers: ir.Table, columns: Mapping[str, ProfileColumn]
) -> ir.Table:
    """Return for each customer and profile column the record that its value came from, null where there is none."""
    candidates = {table.name: _winners(engine, table, customers) for table in tables}

    def origin(rows: ir.Table, name: str, key: ir.Value) -> ir.Value:
        return functions.of_smallest(rows[name].isnull().ifelse(ibis.null(), rows.record), key)

    return _choose(engine, tables, candidates, columns, origin)


def _winners(engine: Engine, table: Table, customers: ir.Table) -> ir.Table:
    """Return the winners that customers own in a table: record, customer, and `rank` among those of one customer."""
    owned = customers.filter(customers.customer.notnull() & (customers.record == customers.winner))
    winners = engine.cache(owned.semi_join(table.rows, "record").select("record", "customer"))
    counted = winners.group_by("customer").agg(winners=winners.count())
    several = winners.semi_join(counted.filter(counted.winners > 1), "customer")
    looked_at = table.rows.select("record", *dict.fromkeys(prefer.columns_of(table.keep, table.content)))
    ranked = prefer.ranked(several.inner_join(looked_at, "record"), "customer", table.keep, table.content)
    alone = winners.anti_join(several, "record").mutate(rank=functions.whole(0))
    return engine.cache(alone.union(ranked.select("record", "customer", "rank")))


def _choose(
    engine: Engine,
    tables: Sequence[Table],
    candidates: Mapping[str, ir.Table],
    columns: Mapping[str, ProfileColumn],
    choice: Callable[[ir.Table, str, ir.Value], ir.Value],
) -> ir.Table:
    """Return for each customer what `choice` makes of each profile column and the key by which its values are ordered.

    All candidates stand in one table, so that one pass over it chooses every value of every profile.
    """
    orders = {name: _Order.of(column) for name, column in columns.items()}
    numbers = {order: f"order_{n}" for n, order in enumerate(dict.fromkeys(orders.values()))}
    types = {name: _common_type(tables, column.sources) for name, column in columns.items()}
    times = {order: order.time_type(tables) for order in numbers if order.times}
    parts = [_candidates(table, candidates[table.name], columns, types, numbers, times) for table in tables]
    together = engine.cache(ibis.union(*parts) if len(parts) > 1 else parts[0])
    keyed = together.mutate(**{number: order.key(together, number) for order, number in numbers.items()})
    chosen = {name: choice(keyed, name, keyed[numbers[orders[name]]]) for name in columns}
    return keyed.group_by("customer").agg(**chosen)


def _candidates(
    table: Table,
    winners: ir.Table,
    columns: Mapping[str, ProfileColumn],
    types: Mapping[str, dt.DataType],
    numbers: Mapping[_Order, str],
    times: Mapping[_Order, str],
) -> ir.Table:
    """Return a table's winners with a value for each profile column, and their place (and time) in each order."""
    rows = winners.inner_join(table.rows, "record")
    made: dict[str, ir.Value] = {}
    for name, column in columns.items():
        source = _source_in(table.name, column.sources)
        value = rows[source] if source else ibis.null()
        if source and value.type().is_string():
            value = value.nullif("")
        made[name] = value.cast(types[name])
    for order, number in numbers.items():
        # A table that is not listed gives nothing, wherever it stands.
        listed = order.tables.index(table.name) if table.name in order.tables else len(order.tables)
        made[f"place_{number}"] = functions.whole(listed)
        if order.times:
            time = dict(order.times).get(table.name)
            made[f"time_{number}"] = (rows[time] if time else ibis.null()).cast(times[order])
    return rows.select("record", "customer", "rank", **made)


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

    def time_type(self, tables: Sequence[Table]) -> str:
        """Return the type in which the times, or numbers, of all tables can be compared."""
        is_number = any(
            table.rows[column].type().is_numeric()
            for name, column in self.times
            for table in tables
            if table.name == name
        )
        return "float64" if is_number else "timestamp(6)"

    def key(self, together: ir.Table, number: str) -> ir.IntegerValue:
        """Return a whole number for each candidate: the smallest whose value is not null decides."""
        place = together[f"place_{number}"]
        if not self.times:
            return place * _MOST_WINNERS + together["rank"]
        time = together[f"time_{number}"]
        by_time = [time.isnull(), time.desc() if self.latest else time.asc()]
        return ibis.row_number().over(order_by=[*by_time, place, together["rank"], together.record])


def _source_in(table: str, sources: Sequence[str]) -> str | None:
    """Return the column of a table that is among the sources of a profile column."""
    return next((column for name, _, column in map(_split, sources) if name == table), None)


def _split(source: str) -> tuple[str, str, str]:
    return source.rpartition(".")


def _common_type(tables: Sequence[Table], sources: Sequence[str]) -> dt.DataType:
    rows = {table.name: table.rows for table in tables}
    return dt.highest_precedence([rows[name][column].type() for name, _, column in map(_split, sources)])


def _keys(table: Table, winners: ir.Table, customers: ir.Table, records: ir.Table) -> ir.Table:
    """Return for each customer the key of its first winner in a table, and the keys of all its rows there."""
    named = records.filter(records.table == table.name).inner_join(
        customers.filter(customers.customer.notnull()).select("record", "customer"), "record"
    )
    counted = named.group_by("customer").agg(rows=named.count(), key=named.key.min())
    listed = named.semi_join(counted.filter(counted["rows"] > 1), "customer")
    spelled = _escaped(listed.key).group_concat(";", order_by=listed.record)
    several = listed.group_by("customer").agg(alternates=spelled)
    one = counted.filter(counted["rows"] == 1).select("customer", alternates=_escaped(counted.key))
    first = winners.filter(winners["rank"] == 0).inner_join(records, "record").select("customer", "key")
    keys = one.union(several).inner_join(first, "customer")
    return keys.select("customer", **{table.key_column: keys.key, f"{table.key_column}_Alternate": keys.alternates})


def _escaped(key: ir.StringValue) -> ir.StringValue:
    """Return a key as it stands in a list joined by semicolons (unification.md 4)."""
    return key.replace("\\", "\\\\").replace(";", "\\;")
