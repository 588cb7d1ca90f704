"""What people look at in the warehouse to see how rows became customers (unification.md 4 and 5)."""

from __future__ import annotations

from functools import reduce
from operator import add, and_
from typing import TYPE_CHECKING

import ibis

from backstamp import shapes
from backstamp.engine import functions
from backstamp.unify import merge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import ibis.expr.types as ir

MATCH_PAIRS = "ConflationMatchPairs"


def deduplication_name(table: str) -> str:
    """Return the name under which the deduplication of a table is kept."""
    return f"Deduplication_{table.replace('.', '_')}"


def deduplication(position: int, table: merge.Table, customers: ir.Table) -> ir.Table:
    """Return how a table was deduplicated, as `shapes.DEDUPLICATION` with the table's own columns.

    Args:
        position: the table's place in the match order.
        table: its rows.
        customers: `shapes.CUSTOMERS`.
    """
    keys = table.rows.select("record", "key")
    placed = customers.filter(customers.position == position).select(
        "record", "group", "winner", deduplication_rule="duplicate_rule", deduplication_score="duplicate_score"
    )
    grouped = placed.select("record", "group").inner_join(keys, "record")
    alternates = grouped.group_by("group").agg(
        deduplication_alternates=functions.joined(merge.escaped(grouped.key), grouped.record)
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


def match_pairs(profiles: ir.Table, tables: Sequence[merge.Table], before: ir.Table | None, now: datetime) -> ir.Table:
    """Return the customers that have rows of more than one table, as `shapes.MATCH_PAIRS` with keys and alternates.

    Args:
        profiles: `shapes.PROFILES`.
        tables: in match order.
        before: what the run before published, or None before the first.
        now: the time of what has changed since.
    """
    keys = [name for table in tables for name in (table.key_column, merge.alternate_column(table.key_column))]
    own = [profiles[table.key_column].notnull().cast("int64") for table in tables]
    pairs = profiles.filter(reduce(add, own) > 1).select("customer_id", *keys)
    time = ibis.literal(now).cast("timestamp(6)")
    if before is None or not set(keys) <= set(before.columns):
        return pairs.mutate(last_change=time)
    old = {name: f"{name} before" for name in keys}
    known = before.select("customer_id", "last_change", **{shown: name for name, shown in old.items()})
    both = pairs.left_join(known, "customer_id")
    same = reduce(and_, (both[name].identical_to(both[shown]) for name, shown in old.items()))
    return both.select("customer_id", *keys, last_change=same.ifelse(both.last_change, time))
