"""One profile a customer, and which row each of its values came from (unification.md 6).

Of each table a customer has at most one row to look at: its winner there, or, where it has several, a row made of them.
So most of the work is one join for each table; what needs more looks only at the customers that need it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import prefer
from backstamp.unify.profile import Taken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backstamp.engine import Engine
    from backstamp.unify.profile import Families, Family
    from backstamp.unify.settings import Keep

OURS = ("customer", "record")
"""Names that no column of the profile can have: what is computed with them has them."""


@dataclass(frozen=True)
class Table:
    """A table of unification as merge sees it.

    Attributes:
        name: `source.table`.
        key: the name of its primary key.
        rows: record and the table's columns.
        keep: which of several winners of one customer goes first.
        content: the columns that `most_filled` counts.
        preferences: the columns that have a preference of their own within a group of duplicates.
    """

    name: str
    key: str
    rows: ir.Table
    keep: Keep
    content: tuple[str, ...]
    preferences: Mapping[str, Keep] = field(default_factory=dict)

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


@built.once
def families_of(tables: Sequence[Table]) -> Families:
    """Return what the values of the columns of tables are."""
    return {table.name: {name: _family(kind) for name, kind in table.rows.schema().items()} for table in tables}


def merge(
    engine: Engine,
    tables: Sequence[Table],
    customers: ir.Table,
    taken: Sequence[Taken],
    ids: ir.Table,
    previous_ids: ir.Table,
) -> ir.Table:
    """Return `shapes.PROFILE_VALUES` but for the time of the last change (see `shown.dated`).

    Args:
        engine: where it is computed.
        tables: in match order.
        customers: `shapes.CUSTOMERS`.
        taken: the profile's columns.
        ids: `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
    """
    keys = {table.key_column: Taken({table.name: {table.key_column: table.key}}) for table in tables}
    every = (*taken, *keys.values())
    types = _common_types(tables, every)

    def value(rows: ir.Table, name: str, column: str | None) -> ir.Value:
        return ibis.null(types[name]) if column is None else _filled(rows[column]).cast(types[name])

    owned = _own(engine, len(tables), customers)
    chosen = _choose(engine, tables, customers, owned, every, value)
    alternates = [
        engine.cache(_alternates(position, table, customers, owned.table))
        if owned.has_several("rows", position)
        else None
        for position, table in enumerate(tables)
    ]
    columns = [name for one in taken for name in one.columns]
    profiles = _with_lists(ids, chosen, previous_ids, alternates, [alternate_column(key) for key in keys])
    names = ("customer", *shapes.PROFILES.names, *columns, *keys, *map(alternate_column, keys))
    return built.here(lambda: profiles.select(*names))


@built.once
def _with_lists(
    ids: ir.Table,
    chosen: ir.Table,
    previous_ids: ir.Table,
    alternates: Sequence[ir.Table | None],
    names: Sequence[str],
) -> ir.Table:
    """Return the customers with their ids, what is chosen for them, and the lists of their other ids and keys."""
    lists = previous_ids.group_by("customer_id").agg(
        previous_customer_id=functions.joined(previous_ids.previous_id, previous_ids.previous_id)
    )
    profiles = _joined(_joined(ids, chosen, "customer"), lists, "customer_id")
    for name, of_table in zip(names, alternates, strict=True):
        if of_table is None:
            profiles = profiles.mutate(**{name: ibis.null("string")})
        else:
            profiles = _joined(profiles, of_table, "customer")
    return profiles


@built.once
def complete(profiles: ir.Table, tables: Sequence[Table]) -> ir.Table:
    """Return the profiles of `shapes.PROFILE_VALUES` with all alternates: of one row in a table that is its key."""
    return profiles.mutate(**alternates(profiles, tables)).drop(*shapes.PROFILE_VALUES.names)


def alternates(profiles: ir.Table, tables: Sequence[Table]) -> dict[str, ir.Value]:
    """Return the alternates of each table, by the name of their column, where `profiles` has only several of them."""
    return {
        name: ibis.coalesce(profiles[name], escaped(profiles[table.key_column]))
        for table in tables
        for name in (alternate_column(table.key_column),)
    }


def origins(engine: Engine, tables: Sequence[Table], customers: ir.Table, taken: Sequence[Taken]) -> ir.Table:
    """Return for each customer and profile column the record that its value came from, null where there is none."""

    def origin(rows: ir.Table, _name: str, column: str | None) -> ir.Value:
        if column is None:
            return ibis.null("int64")
        record = rows[_origin(column)] if _origin(column) in rows.columns else rows.record
        return _filled(rows[column]).notnull().ifelse(record, ibis.null())

    owned = _own(engine, len(tables), customers)
    return _choose(engine, tables, customers, owned, taken, origin)


def first_values(
    engine: Engine, tables: Sequence[Table], customers: ir.Table, columns: Sequence[tuple[str, str]]
) -> ir.Table:
    """Return customer and `value_<n>`: what each customer's first winner has in columns, as text, null where nothing.

    Args:
        engine: where it is computed.
        tables: in match order.
        customers: `shapes.CUSTOMERS`.
        columns: table and column.
    """
    owned = _own(engine, len(tables), customers)
    found = owned.table.select("customer")
    for position, table in enumerate(tables):
        asked = {f"value_{number}": column for number, (name, column) in enumerate(columns) if name == table.name}
        if asked:
            look = _look(engine, position, table, customers, owned)
            first = owned.table.select("customer", record=f"winner_{position}")
            if look.several is not None:
                first = first.union(look.several.filter(look.several["rank"] == 0).select("customer", "record"))
            rows = first.inner_join(look.rows, "record")
            values = {name: _filled(rows[column].cast("string")) for name, column in asked.items()}
            found = _joined(found, engine.cache(rows.select("customer", **values)), "customer")
    return found


def escaped(key: ir.StringValue) -> ir.StringValue:
    """Return a key as it stands in a list joined by semicolons (unification.md 4)."""
    spelled = key.replace("\\", "\\\\").replace(";", "\\;")
    return (key.contains(";") | key.contains("\\")).ifelse(spelled, key)


_See = Callable[[ir.Table, str, str | None], ir.Value]
"""What is chosen of a row, null where it has no value: from rows, the profile column, and the table's column for it."""


@dataclass(frozen=True)
class _Owned:
    """What each customer has in each table.

    Attributes:
        table: as `_owned`.
        most: of each number in it the largest.
    """

    table: ir.Table
    most: Mapping[str, int | None]

    def has_several(self, what: str, position: int) -> bool:
        """Tell whether a customer has several rows, or winners, in a table."""
        return (self.most[f"{what}_{position}"] or 0) > 1


def _own(engine: Engine, tables: int, customers: ir.Table) -> _Owned:
    owned = engine.cache(_owned(tables, customers))
    [most] = engine.rows(_most(tables, owned))
    return _Owned(owned, most)


@built.once
def _most(tables: int, owned: ir.Table) -> ir.Table:
    names = [f"{what}_{position}" for position in range(tables) for what in ("winners", "rows")]
    return owned.agg(**{name: owned[name].max() for name in names})


@built.once
def _owned(tables: int, customers: ir.Table) -> ir.Table:
    """Return what each customer has in each table.

    Returns:
        customer; `winner_<position>`, the winner where there is just one; `winners_<position>` and `rows_<position>`,
        how many winners and rows there are.
    """
    rows = customers.filter(customers.customer.notnull())
    counted = {}
    for position in range(tables):
        is_row = rows.position == position
        is_winner = is_row & (rows.record == rows.winner)
        counted[f"first_{position}"] = rows.record.min(where=is_winner)
        counted[f"winners_{position}"] = rows.count(where=is_winner)
        counted[f"rows_{position}"] = rows.count(where=is_row)
    owned = rows.group_by("customer").agg(**counted)
    alone = {
        f"winner_{position}": (owned[f"winners_{position}"] == 1).ifelse(owned[f"first_{position}"], ibis.null())
        for position in range(tables)
    }
    return owned.mutate(**alone).drop(*(f"first_{position}" for position in range(tables)))


@dataclass(frozen=True)
class _Look:
    """What merge looks at in a table.

    Attributes:
        table: the name of the table.
        position: its place in the match order.
        rows: record and the table's columns; winners have what columns with a preference of their own choose.
        several: record, customer and `rank` of the winners of customers that have several; None without any.
    """

    table: str
    position: int
    rows: ir.Table
    several: ir.Table | None


def _choose(
    engine: Engine, tables: Sequence[Table], customers: ir.Table, owned: _Owned, taken: Sequence[Taken], see: _See
) -> ir.Table:
    """Return for each customer what is chosen for each profile column."""
    looks = [_look(engine, position, table, customers, owned) for position, table in enumerate(tables)]
    by_importance = [one for one in taken if one.prefer == "importance"]
    chosen = owned.table
    for look in looks:
        if giving := [one for one in by_importance if look.table in one.sources]:
            chosen = _with_offers(engine, chosen, look, giving, see)
    chosen = _first_offers(chosen, looks, by_importance)
    for one in taken:
        if one.prefer != "importance":
            chosen = _joined(chosen, engine.cache(_by_time(owned.table, looks, one, see)), "customer")
    return chosen


@built.once
def _first_offers(chosen: ir.Table, looks: Sequence[_Look], taken: Sequence[Taken]) -> ir.Table:
    values = {name: value for one in taken for name, value in _apart(one, _first_offer(chosen, looks, one))}
    return chosen.select("customer", **values)


def _look(engine: Engine, position: int, table: Table, customers: ir.Table, owned: _Owned) -> _Look:
    rows = _seen(engine, position, table, customers) if table.preferences else table.rows
    if not owned.has_several("winners", position):
        return _Look(table.name, position, rows, None)
    having = _having(owned.table, f"winners_{position}")
    return _Look(table.name, position, rows, engine.cache(_several(position, table, customers, having)))


@built.once
def _having(owned: ir.Table, number: str) -> ir.Table:
    """Return the customers that have several of something."""
    return owned.filter(owned[number] > 1).select("customer")


@built.once
def _several(position: int, table: Table, customers: ir.Table, having: ir.Table) -> ir.Table:
    """Return the winners of customers that have several in a table: record, customer, rank."""
    mine = customers.filter((customers.position == position) & (customers.record == customers.winner))
    winners = mine.select("record", "customer").semi_join(having, "customer")
    weighed = prefer.weighed(table.rows.semi_join(winners, "record"), table.keep, table.content)
    ranked = prefer.ranked(weighed.inner_join(winners, "record"), "customer", table.keep)
    return ranked.select("record", "customer", "rank")


def _seen(engine: Engine, position: int, table: Table, customers: ir.Table) -> ir.Table:
    """Return the rows of a table, winners with the values that columns with a preference of their own choose.

    Beside each of these columns stands the record that its value is from.
    """
    mine = customers.filter(customers.position == position).select("record", group="winner")
    duplicates = engine.cache(mine.semi_join(mine.filter(mine.record != mine.group), "group"))
    rows = table.rows
    for column, keep in table.preferences.items():
        filled = table.rows.filter(prefer.is_filled(table.rows[column])).semi_join(duplicates, "record")
        weighed = prefer.weighed(filled, keep, table.content, value=filled[column])
        ranked = prefer.ranked(weighed.inner_join(duplicates, "record"), "group", keep)
        first = ranked.filter(ranked["rank"] == 0)
        first = engine.cache(first.select("group", **{_chosen(column): first["value"], _origin(column): first.record}))
        rows = rows.left_join(first, rows.record == first.group).drop("group")
    values = {column: ibis.coalesce(rows[_chosen(column)], rows[column]) for column in table.preferences}
    records = {_origin(column): ibis.coalesce(rows[_origin(column)], rows.record) for column in table.preferences}
    return rows.mutate(**values, **records).drop(*map(_chosen, table.preferences))


def _with_offers(engine: Engine, chosen: ir.Table, look: _Look, giving: Sequence[Taken], see: _See) -> ir.Table:
    """Add what a table offers to each customer: its only winner there, or of several the first that has a value."""
    chosen = _with_offers_of_one(chosen, look, giving, see)
    return chosen if look.several is None else _joined(chosen, engine.cache(_of_several(look, giving, see)), "customer")


@built.once
def _with_offers_of_one(chosen: ir.Table, look: _Look, giving: Sequence[Taken], see: _See) -> ir.Table:
    offers = {_offer(one, look.table): _given(look.rows, look.table, one, see) for one in giving}
    winner = f"winner_{look.position}"
    return _joined(chosen, look.rows.select(**{winner: look.rows.record}, **offers), winner)


@built.once
def _of_several(look: _Look, giving: Sequence[Taken], see: _See) -> ir.Table:
    """Return what customers that have several winners in a table are offered by them."""
    assert look.several is not None  # noqa: S101 - the caller has looked
    rows = look.several.inner_join(look.rows, "record")
    ranked = rows.select(
        "customer", "rank", **{_offer(one, look.table): _given(rows, look.table, one, see) for one in giving}
    )
    first = {
        _offer_of_several(one, look.table): functions.of_smallest(ranked[_offer(one, look.table)], ranked["rank"])
        for one in giving
    }
    return ranked.group_by("customer").agg(**first)


def _first_offer(chosen: ir.Table, looks: Sequence[_Look], one: Taken) -> ir.Value:
    """Return the first value that tables offer, in the order of the sources."""
    has_several = {look.table for look in looks if look.several is not None}
    names: list[str] = []
    for table in one.sources:
        names += [_offer(one, table), *([_offer_of_several(one, table)] if table in has_several else [])]
    return ibis.coalesce(*(chosen[name] for name in names))


def _given(rows: ir.Table, table: str, one: Taken, see: _See) -> ir.Value:
    """Return what a row gives of columns that are taken together, as one value: null if it has none of them."""
    values = {name: see(rows, name, one.sources[table].get(name)) for name in one.columns}
    if len(values) == 1:
        return values[one.columns[0]]
    return reduce(or_, (value.notnull() for value in values.values())).ifelse(ibis.struct(values), ibis.null())


def _apart(one: Taken, value: ir.Value) -> list[tuple[str, ir.Value]]:
    """Return the columns that `_given` made one value of."""
    return [(one.columns[0], value)] if len(one.columns) == 1 else [(name, value[name]) for name in one.columns]


@built.once
def _by_time(owned: ir.Table, looks: Sequence[_Look], one: Taken, see: _See) -> ir.Table:
    """Return for each customer the most or least recent values of columns; tables as listed, then ranks break ties."""
    assert one.prefer != "importance"  # noqa: S101 - the caller has told them apart
    times = one.prefer.most_recent or one.prefer.least_recent or {}
    listed = list(one.sources)
    is_number = any(look.rows[times[look.table]].type().is_numeric() for look in looks if look.table in times)
    parts = []
    for look in looks:
        if look.table in listed:
            alone = owned.select("customer", record=f"winner_{look.position}", rank=functions.whole(0))
            winners = alone if look.several is None else alone.union(look.several.select(*alone.columns))
            rows = winners.inner_join(look.rows, "record")
            time = rows[times[look.table]] if look.table in times else ibis.null()
            told = {
                "time": time.cast("float64" if is_number else "timestamp(6)"),
                "place": functions.whole(listed.index(look.table)),
                "given": _given(rows, look.table, one, see),
            }
            parts.append(rows.select("customer", "rank", **told))
    rows = ibis.union(*parts)
    rows = rows.filter(rows.given.notnull())
    time = rows.time.desc() if one.prefer.most_recent else rows.time.asc()
    order = [rows.time.isnull(), time, rows.place, rows["rank"]]
    numbered = rows.mutate(number=ibis.row_number().over(group_by="customer", order_by=order))
    first = numbered.filter(numbered.number == 0)
    return first.select("customer", **dict(_apart(one, first.given)))


@built.once
def _alternates(position: int, table: Table, customers: ir.Table, owned: ir.Table) -> ir.Table:
    """Return the keys of all rows that a customer has in a table, for each who has several there."""
    having = _having(owned, f"rows_{position}")
    mine = customers.filter(customers.position == position).select("record", "customer")
    named = mine.semi_join(having, "customer").inner_join(table.rows.select("record", "key"), "record")
    keys = functions.joined(escaped(named.key), named.record)
    return named.group_by("customer").agg(**{alternate_column(table.key_column): keys})


@built.once
def _joined(left: ir.Table, right: ir.Table, key: str) -> ir.Table:
    return left.left_join(right, key).drop(f"{key}_right")


def _filled(column: ir.Column) -> ir.Column:
    """Return the column with empty text counting as null."""
    return column.nullif("") if column.type().is_string() else column


def _family(kind: dt.DataType) -> Family | None:
    if kind.is_string():
        return "text"
    if kind.is_numeric():
        return "number"
    if kind.is_date() or kind.is_timestamp():
        return "date"
    return "boolean" if kind.is_boolean() else None


def _offer(one: Taken, table: str) -> str:
    return f"{one.columns[0]} of {table}"


def _offer_of_several(one: Taken, table: str) -> str:
    return f"{one.columns[0]} of several of {table}"


def _chosen(column: str) -> str:
    return f"chosen {column}"


def _origin(column: str) -> str:
    return f"origin of {column}"


@built.once
def _common_types(tables: Sequence[Table], taken: Sequence[Taken]) -> dict[str, dt.DataType]:
    """Return the type of each profile column: one that holds the values of all its sources."""
    rows = {table.name: table.rows for table in tables}
    found: dict[str, list[dt.DataType]] = {}
    for one in taken:
        for table, columns in one.sources.items():
            for name, column in columns.items():
                found.setdefault(name, []).append(rows[table][column].type())
    return {name: dt.highest_precedence(kinds) for name, kinds in found.items()}
