"""The rows that a measure is of, each with its customer, and with the columns of tables on the way there.

A column is called `table.column` here, so that those of several tables go side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt

from backstamp import shapes
from backstamp.engine import functions
from backstamp.measures import relationships
from backstamp.measures.settings import ACTIVITIES, CUSTOMERS, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import ibis.expr.types as ir

    from backstamp.measures.clock import Clock
    from backstamp.measures.expressions import Column
    from backstamp.measures.relationships import Way
    from backstamp.measures.settings import Activity, Definitions, Relationship

OWNER, KEY = "_owner", "_key"
"""The columns of a row's CustomerId and key."""
CUSTOMER_ID = "customer_id"
"""How an expression calls the customer of a row."""
_PARENT = "_parent"
ACTIVITY_COLUMNS = tuple(name for name in shapes.ACTIVITIES.names if name != CUSTOMER_ID)


@dataclass(frozen=True)
class Given:
    """What measures are calculated of.

    Attributes:
        definitions: what the project says; there is nothing wrong with it (`check.problems`).
        members: `shapes.MEMBERS`, of all customers or of those that are calculated.
        tables: the stored source tables by name (`shapes.SOURCE`).
        clock: the time of the run.
        customers: `shapes.MEASURES`, for measures of customers.
    """

    definitions: Definitions
    members: ir.Table
    tables: Mapping[str, ir.Table]
    clock: Clock
    customers: ir.Table | None = None


def way_of(of: str, through: str | tuple[str, ...], definitions: Definitions) -> Way:
    """Return the way from a source table to a unified one."""
    return relationships.way(of, definitions.relationships, definitions.unified, keys_of(through))


def parts_of(of: str, through: str | tuple[str, ...], definitions: Definitions) -> list[tuple[str, Way]]:
    """Return the source tables that a measure's rows come from, each with its way; none for a measure of customers."""
    if of == CUSTOMERS:
        return []
    if of == ACTIVITIES:
        return [(one.table, way_of(one.table, one.through, definitions)) for one in definitions.activities]
    return [(of, way_of(of, through, definitions))]


def rows_of(
    of: str, through: str | tuple[str, ...], needed: Iterable[Column], given: Given, *, of_all: bool = False
) -> ir.Table:
    """Return rows with `OWNER`, `KEY` and the columns that are needed.

    Args:
        of: a source table, `activities` or `customers`.
        through: foreign keys that the way must take.
        needed: the columns.
        given: what there is.
        of_all: also the rows that belong to no customer; else these are left out.
    """
    columns = {(column.table or of, column.name) for column in needed}
    if of == CUSTOMERS:
        assert given.customers is not None  # noqa: S101 - they come first
        names = {f"{CUSTOMERS}.{name}": name for _, name in columns if name != CUSTOMER_ID}
        return given.customers.select(**{OWNER: CUSTOMER_ID, KEY: CUSTOMER_ID}, **names)
    if of == ACTIVITIES:
        found = activities(given)
        found = found if of_all else found.filter(found.customer_id.notnull())
        names = {f"{ACTIVITIES}.{name}": name for _, name in columns if name != CUSTOMER_ID}
        return found.select(**{OWNER: CUSTOMER_ID, KEY: "activity_id"}, **names)
    asks_customer = any(name == CUSTOMER_ID and table == of for table, name in columns)
    columns -= {(of, CUSTOMER_ID)}
    needs_way = not of_all or asks_customer or any(table != of for table, _ in columns)
    if not needs_way:
        return _named(given.tables[of], of, columns).mutate(**{OWNER: ibis.null(dt.string)})
    return owned(of, way_of(of, through, given.definitions), columns, given, of_all=of_all)


def owned(table: str, way: Way, columns: Iterable[tuple[str, str]], given: Given, *, of_all: bool = False) -> ir.Table:
    """Return the rows of a source table that belong to somebody, or all of them, as `rows_of` does."""
    wanted = {*columns, *((step.from_table, step.from_column) for step in way)}
    rows, how = _named(given.tables[table], table, wanted), "left" if of_all else "inner"
    owners = given.members.filter(given.members.table == (way[-1].to_table if way else table))
    end, member = rows[KEY], owners.key
    # What is looked up is a column of the many rows as it stands: then an engine passes over those that none needs.
    for place, step in enumerate(way):
        is_last, is_backward = place == len(way) - 1, _is_backward(step, given)
        name = rows[f"{step.from_table}.{step.from_column}"]
        end, member = name.cast(dt.string), _spelled(owners.key)
        if not is_last or is_backward or any(of == step.to_table for of, _ in columns):
            parents = _parents(step, wanted, given)
            rows = rows.join(parents, (_spelled(name) if is_backward else end) == parents[_PARENT], how=how)
            rows = rows.drop(_PARENT)
            end, member = rows[f"{step.to_table}.{KEY}"], owners.key
    owners = owners.select(_member=member, **{OWNER: owners.customer_id})
    return rows.join(owners, end == owners["_member"], how=how).drop("_member")


def activities(given: Given) -> ir.Table:
    """Return `shapes.ACTIVITIES`: all that happened, whoever it belongs to, if to anybody."""
    return ibis.union(*(_activity(one, given) for one in given.definitions.activities))


def source_column(table: ir.Table, name: str) -> ir.Column:
    """Return a column; the only one that is not stored under its own name is the key."""
    return table[name] if name in table.columns else table["key"]


def _activity(activity: Activity, given: Given) -> ir.Table:
    table = activity.table
    way = way_of(table, activity.through, given.definitions)
    rows = owned(table, way, {(table, name) for name in activity.columns}, given, of_all=True)

    def column(name: str) -> ir.Value:
        return rows[f"{table}.{name}"]

    time = column(activity.time)
    if not time.type().is_timestamp():
        time = functions.start_of_day(time, given.clock.zone)
    return rows.select(
        customer_id=rows[OWNER],
        activity_id=ibis.literal(f"{table}|") + rows[KEY],
        table=ibis.literal(table),
        key=rows[KEY],
        type=ibis.literal(activity.type),
        time=time.cast(dt.timestamp),  # engines tell its digits differently
        title=column(activity.title).cast(dt.string) if activity.title else ibis.null(dt.string),
        detail=_detail({name: column(name) for name in activity.detail}),
    )


def _detail(values: Mapping[str, ir.Value]) -> ir.StringValue:
    """Return `name: value` of the values that there are, a line each; null without any."""
    lines = [ibis.literal(f"{name}: ") + _written(value) for name, value in values.items()]
    return reduce(_below, lines) if lines else ibis.null(dt.string)


def _written(value: ir.Value) -> ir.StringValue:
    """Return a value as people write it: a decimal without the zeros at its end."""
    text = value.cast(dt.string)
    has_point = value.type().is_decimal() and value.type().scale
    return text.re_replace("[.]?0+$", "") if has_point else text


def _below(one: ir.StringValue, other: ir.StringValue) -> ir.StringValue:
    return ibis.coalesce(one + "\n" + other, one, other)


def _named(source: ir.Table, table: str, columns: Iterable[tuple[str, str]]) -> ir.Table:
    return source.select(**{KEY: source.key}, **_own(source, table, columns))


def _own(source: ir.Table, table: str, columns: Iterable[tuple[str, str]]) -> dict[str, ir.Column]:
    return {f"{table}.{name}": source_column(source, name) for of, name in sorted(columns) if of == table}


def _parents(step: Relationship, columns: Iterable[tuple[str, str]], given: Given) -> ir.Table:
    """Return the rows that a step of a way leads to, by what names them; of several of one name the smallest key's."""
    source = given.tables[step.to_table]
    named = source.mutate(**{_PARENT: _spelled(source_column(source, step.to_column))})
    if _is_backward(step, given):
        ranked = named.mutate(_place=ibis.row_number().over(group_by=_PARENT, order_by="key"))
        named = ranked.filter(ranked["_place"] == 0)
    own = _own(named, step.to_table, columns)
    return named.select(_PARENT, **own, **{f"{step.to_table}.{KEY}": named.key})


def _is_backward(step: Relationship, given: Given) -> bool:
    return relationships.is_backward(step, given.definitions.relationships)


def _spelled(key: ir.Value) -> ir.StringValue:
    """Return a key as a foreign key names it; foreign keys are stored so (`transform.store`)."""
    text = key.cast(dt.string)
    return functions.lower_guid(text) if key.type().is_string() else text


def some(given: Given, customers: ir.Table) -> Given:
    """Return what is given of some customers only: `customer_id`."""
    return replace(given, members=given.members.semi_join(customers, CUSTOMER_ID))
