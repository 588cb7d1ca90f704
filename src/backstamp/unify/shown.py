"""What people look at in the warehouse to see how rows became customers (unification.md 4 and 5)."""

from __future__ import annotations

from functools import reduce
from operator import add, and_
from typing import TYPE_CHECKING

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import ibis.expr.types as ir

MATCH_PAIRS = "ConflationMatchPairs"


def deduplication_name(table: str) -> str:
    """Return the name under which the deduplication of a table is kept."""
    return f"Deduplication_{table.replace('.', '_')}"


@built.once
def deduplication(position: int, table: merge.Table, customers: ir.Table, *, by_number: bool) -> ir.Table:
    """Return how a table was deduplicated, as `shapes.DEDUPLICATION` with the table's own columns.

    Args:
        position: the table's place in the match order.
        table: its rows.
        customers: `shapes.CUSTOMERS`.
        by_number: whether its keys are whole numbers.
    """
    keys = table.rows.select("record", "key")
    placed = customers.filter(customers.position == position).select(
        "record", "group", "winner", deduplication_rule="duplicate_rule", deduplication_score="duplicate_score"
    )
    grouped = placed.select("record", "group").inner_join(keys, "record")
    alternates = grouped.group_by("group").agg(
        deduplication_alternates=functions.joined(
            merge.escaped(grouped.key), grouped.key.cast("int64") if by_number else grouped.key
        )
    )
    named = (
        placed.inner_join(alternates, "group")
        .inner_join(keys.select(group="record", deduplication_group="key"), "group")
        .inner_join(keys.select(winner="record", deduplication_winner="key"), "winner")
        .select("record", *shapes.DEDUPLICATION.names[1:])
    )
    rows = named.inner_join(table.rows, "record")
    own = [name for name in table.rows.columns if name not in {"record", "key"}]
    return rows.select(*shapes.DEDUPLICATION.names, *own)


@built.once
def dated(
    values: ir.Table, tables: Sequence[merge.Table], before: ir.Table | None, now: ir.TimestampScalar
) -> ir.Table:
    """Return what `merge.merge` gave as `shapes.PROFILE_VALUES`, with the time at which a customer's keys last changed.

    Args:
        values: the customers.
        tables: in match order.
        before: of `shapes.PROFILE_VALUES` of the run before customer_id, last_change and the `key_columns`, or None
            before the first.
        now: the time of what has changed since.
    """
    keys = _key_columns(tables)
    if before is None or not set(keys) <= set(before.columns):
        return values.mutate(last_change=now)
    old = {name: f"{name} before" for name in keys}
    known = before.select("customer_id", "last_change", **{shown: name for name, shown in old.items()})
    both = values.left_join(known, "customer_id")
    same = reduce(and_, (both[name].identical_to(both[shown]) for name, shown in old.items()))
    return both.select(*values.columns, last_change=same.ifelse(both.last_change, now))


@built.once
def match_pairs(values: ir.Table, tables: Sequence[merge.Table]) -> ir.Table:
    """Return the customers that have rows of more than one table, as `shapes.MATCH_PAIRS` with keys and alternates.

    Args:
        values: `shapes.PROFILE_VALUES`.
        tables: in match order.
    """
    own = [values[table.key_column].notnull().cast("int64") for table in tables]
    pairs = values.filter(reduce(add, own) > 1)
    alternates = merge.alternates(pairs, tables)
    return pairs.mutate(**alternates).select("customer_id", *_key_columns(tables), "last_change")


def key_columns(tables: Iterable[tuple[str, str]]) -> list[str]:
    """Return the profile columns with the keys that a customer has in tables, by which `dated` tells what changed.

    Args:
        tables: the name and the key of each.
    """
    first = [merge.key_column(name, key) for name, key in tables]
    return [column for one in first for column in (one, merge.alternate_column(one))]


def _key_columns(tables: Sequence[merge.Table]) -> list[str]:
    return key_columns((table.name, table.key) for table in tables)
