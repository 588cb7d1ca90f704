"""Which customers hang together, and which keys are too crowded for that: so a later run finds whom a change touches.

Customers hang together that hold one key, are named by one override, or tell where one vanished id went. A row that no
customer owns stands here for itself: its record is its customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import block

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine


def components(
    engine: Engine,
    keys: Sequence[ir.Table],
    crowded: ir.Table,
    customers: ir.Table,
    pairs: Sequence[ir.Table],
    max_rows: int,
) -> ir.Table:
    """Return which customers hang together with others, as `shapes.COMPONENTS`.

    Args:
        engine: where it is computed.
        keys: of each table what `block.short_keys` gives.
        crowded: `shapes.CROWDED_KEYS`.
        customers: `shapes.CUSTOMERS`.
        pairs: left, right: records that hang together besides.
        max_rows: the most rows that any rule lets share a key.
    """
    owned = engine.cache(owners(customers))
    shared = engine.cache(_shared(keys, crowded, owned, max_rows))
    if not pairs and not engine.count(shared):
        return engine.load(shapes.COMPONENTS, [])
    members, _ = engine.spanning_forest(_links(keys, crowded, owned, shared, pairs, max_rows))
    return built.here(lambda: members.select(customer="record", component="group"))


@built.once
def owners(customers: ir.Table) -> ir.Table:
    """Return record and customer of rows of `shapes.CUSTOMERS`."""
    return customers.select("record", customer=ibis.coalesce(customers.customer, customers.record))


def crowded(engine: Engine, counted: Sequence[ir.Table], max_rows: int) -> ir.Table:
    """Return `shapes.CROWDED_KEYS` of keys that are counted (`shapes.COUNTED_KEYS`), in one or several tables.

    Args:
        engine: where it is computed.
        counted: how many rows hold them.
        max_rows: the most rows that any rule lets share a key.
    """
    return _of_hashes(counted, engine.cache(_full(counted, max_rows)))


@built.once
def _full(counted: Sequence[ir.Table], max_rows: int) -> ir.Table:
    return ibis.union(*(keys.filter(keys.holders > max_rows).select("hash") for keys in counted))


@built.once
def _of_hashes(counted: Sequence[ir.Table], hashes: ir.Table) -> ir.Table:
    return ibis.union(*(keys.semi_join(hashes, "hash").select(*shapes.COUNTED_KEYS.names) for keys in counted))


@built.once
def followed_together(followed: ir.Table, records: ir.Table) -> ir.Table:
    """Return left, right: the rows by which one id is followed; from `shapes.FOLLOWED` and `shapes.RECORDS`."""
    named = followed.inner_join(records.select("table", "key", "record"), ["table", "key"])
    firsts = named.group_by("customer_id").agg(left=named.record.min())
    return named.inner_join(firsts, "customer_id").select("left", right="record")


def _uncrowded(keys: Sequence[ir.Table], crowded: ir.Table, max_rows: int) -> ir.Table:
    """Return as `shapes.MATCH_KEYS` those by which rows hang together."""
    full = crowded.filter(crowded.holders > max_rows)
    return ibis.union(*map(block.match_keys, keys)).anti_join(full, ["hash", "place"])


@built.once
def _shared(keys: Sequence[ir.Table], crowded: ir.Table, owned: ir.Table, max_rows: int) -> ir.Table:
    """Return `hash` of the keys of several customers, and the `first` of these."""
    # All keys of a row find its customer at once, which then stands in the row's place.
    by_customer = [rows.inner_join(owned, "record").select(*rows.columns[1:], record="customer") for rows in keys]
    held = _uncrowded([rows.relocate("record") for rows in by_customer], crowded, max_rows)
    ends = held.group_by("hash").agg(first=held.record.min(), last=held.record.max())
    return ends.filter(ends["first"] != ends["last"]).select("hash", "first")


@built.once
def _links(
    keys: Sequence[ir.Table],
    crowded: ir.Table,
    owned: ir.Table,
    shared: ir.Table,
    pairs: Sequence[ir.Table],
    max_rows: int,
) -> ir.Table:
    """Return links between customers, as `shapes.LINKS`."""
    held = _uncrowded(keys, crowded, max_rows).inner_join(shared, "hash").inner_join(owned, "record")
    ends = [held.select(left="first", right="customer")]
    lefts, rights = owned.select(left="record", one="customer"), owned.select(right="record", other="customer")
    for named in pairs:
        both = named.select("left", "right").inner_join(lefts, "left").inner_join(rights, "right")
        ends.append(both.select(left=ibis.least(both.one, both.other), right=ibis.greatest(both.one, both.other)))
    links = ibis.union(*ends, distinct=True)
    links = links.filter(links.left != links.right)
    return links.mutate(rule=functions.whole(0), score=ibis.null("float64")).select(*shapes.LINKS.names)
