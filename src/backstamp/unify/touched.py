"""What a change can touch (unification.md 8, law 5): rows that must be unified again, and with which the others agree.

Rows hang together that hold one key, are one customer, are named by one override, or tell where one vanished id went;
which customers hang together with others is known since the run before (`components`). Whoever hangs together with a
changed row, as it was or as it is, is touched. Nothing that unification decides about these rows depends on any other,
and about no other on these. A key that more rows hold than any rule allows, before the change and after it, links
nobody; but how many hold it counts, and is known of all rows (`shapes.CROWDED_KEYS`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import built, functions
from backstamp.unify import block, components

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize


@dataclass(frozen=True)
class Changed:
    """How a table changed: its rows that are changed or gone, as they were; those changed or new, as they are."""

    removed: ir.Table
    added: ir.Table


@dataclass(frozen=True)
class Table:
    """A table of unification and how it changed; of its rows those that take part: record, `key` and its columns.

    Attributes:
        name: `source.table`.
        sides: what all rules compare in it.
        places: those of its keys.
        keys: what `block.short_keys` gave of the rows before the change.
        changed: how it changed; None where it did not.
    """

    name: str
    sides: Sequence[block.Side]
    places: Mapping[block.Key, int]
    keys: ir.Table
    changed: Changed | None


@dataclass(frozen=True)
class Known:
    """What the run before published: `shapes.MATCH_KEYS`, `CROWDED_KEYS`, `CUSTOMERS` and `COMPONENTS`.

    Attributes:
        changed_overrides: record: the rows of overrides that are new or gone.
        pick: gives of each table the rows before the change that have some records.
    """

    match_keys: ir.Table
    crowded_keys: ir.Table
    customers: ir.Table
    components: ir.Table
    changed_overrides: ir.Table
    pick: Callable[[ir.Table], Mapping[str, ir.Table]]


@dataclass(frozen=True)
class Keys:
    """How a change alters who holds which keys.

    Attributes:
        of_rows: of each table that changed, what `block.short_keys` gives of the rows that are changed or new.
        removed: `shapes.MATCH_KEYS` that rows held and hold no longer; `added`: that they hold and did not.
        moved: `shapes.COUNTED_KEYS`: by how much it alters how many hold a key.
        crowded_before: `shapes.CROWDED_KEYS` of the hashes of these keys; `crowded`: the same after the change.
        holders: `shapes.MATCH_KEYS` of who held one of those added, or of those that are too many no longer.
    """

    of_rows: Mapping[str, ir.Table]
    removed: ir.Table
    added: ir.Table
    moved: ir.Table
    crowded_before: ir.Table
    crowded: ir.Table
    holders: ir.Table


@dataclass(frozen=True)
class Touched:
    """The rows that a change can touch.

    Attributes:
        records: `record` of all of them, before the change and after it.
        customers: `customer` of those that had them, a row that none owned being its own (see `components`).
        owned: `shapes.CUSTOMERS` of those that a customer owned.
        before: of each table the rows as they were; `after`: as they are.
        keys: what became of the keys.
    """

    records: ir.Table
    customers: ir.Table
    owned: ir.Table
    before: Mapping[str, ir.Table]
    after: Mapping[str, ir.Table]
    keys: Keys


def touched(
    engine: Engine,
    tables: Sequence[Table],
    known: Known,
    lists: normalize.Lists,
    *,
    max_rows: int,
    is_worthwhile: Callable[[int], bool],
) -> Touched | None:
    """Return the rows that a change can touch, None where they are too many for it to be worth while.

    Args:
        engine: where it is computed.
        tables: in match order.
        known: what the run before published.
        lists: those that conditions name.
        max_rows: the most rows that any rule lets share a key.
        is_worthwhile: tells whether so many rows are few enough.
    """
    keys = _keys(engine, tables, known, lists, max_rows)
    rows = [part for one in tables if one.changed for part in (one.changed.removed, one.changed.added)]
    found = engine.cache(_records([*rows, known.changed_overrides, keys.holders]))
    own = engine.pick(known.customers, ["record"], found)
    customers = engine.cache(_hanging_together(own, known.components))
    owned = engine.pick(known.customers, ["customer"], customers)
    # A row that no customer owns stands for itself, by its record.
    records = engine.cache(_records([found, owned, built.here(lambda: customers.rename(record="customer"))]))
    if not is_worthwhile(engine.count(records)):
        return None
    before = known.pick(records)
    after = {
        one.name: engine.cache(_after(before[one.name], one.changed)) if one.changed else before[one.name]
        for one in tables
    }
    return Touched(records, customers, owned, before, after, keys)


def _keys(engine: Engine, tables: Sequence[Table], known: Known, lists: normalize.Lists, max_rows: int) -> Keys:
    changes = [(one, one.changed) for one in tables if one.changed is not None]
    of_rows = {
        one.name: block.keys_of_rows(engine, changed.added, one.sides, one.places, lists) for one, changed in changes
    }
    held = [engine.pick(one.keys, ["record"], changed.removed) for one, changed in changes]
    match_keys, crowded_keys = known.match_keys, known.crowded_keys
    before, now = (_match_keys(match_keys, parts) for parts in (held, list(of_rows.values())))
    removed, added = engine.cache(_without(before, now)), engine.cache(_without(now, before))
    moved = engine.cache(_difference(removed, added))
    crowded_before = engine.cache(built.here(lambda: crowded_keys.semi_join(moved, "hash")))
    asked = engine.cache(_asked(added, crowded_before, moved, max_rows))
    holders = engine.cache(_holders(match_keys, asked, crowded_before, moved, max_rows))
    counted = engine.cache(_counted_now(asked, holders, crowded_before, moved))
    crowded = engine.cache(components.crowded(engine, [counted], max_rows))
    return Keys(of_rows, removed, added, moved, crowded_before, crowded, holders)


@built.once
def _match_keys(none: ir.Table, tables: Sequence[ir.Table]) -> ir.Table:
    """Return as `shapes.MATCH_KEYS`, which `none` is, what `block.short_keys` gave of tables."""
    return ibis.union(none.limit(0), *map(block.match_keys, tables))


@built.once
def _without(some: ir.Table, others: ir.Table) -> ir.Table:
    return some.anti_join(others, some.columns)


@built.once
def _difference(removed: ir.Table, added: ir.Table) -> ir.Table:
    """Return by how much a change alters how many hold each key, as `shapes.COUNTED_KEYS`."""
    signed = removed.mutate(one=functions.whole(-1)).union(added.mutate(one=functions.whole(1)))
    return signed.group_by(["hash", "place"]).agg(holders=functions.total(signed.one))


@built.once
def _counted(before: ir.Table, moved: ir.Table) -> ir.Table:
    """Return how many hold each of some keys, and `was`: how many did before the change."""
    was = before.mutate(was=before.holders)
    parts = was.union(moved.semi_join(before, "hash").mutate(was=functions.whole(0)).select(was.columns))
    return parts.group_by(["hash", "place"]).agg(holders=functions.total(parts.holders), was=functions.total(parts.was))


@built.once
def _asked(added: ir.Table, crowded: ir.Table, moved: ir.Table, max_rows: int) -> ir.Table:
    """Return `hash` of the keys whose holders hang together now but may not have before."""
    counted = _counted(crowded, moved)
    opened = counted.filter((counted.was > max_rows) & (counted.holders <= max_rows))
    return added.select("hash").union(opened.select("hash"), distinct=True)


@built.once
def _holders(match_keys: ir.Table, asked: ir.Table, crowded: ir.Table, moved: ir.Table, max_rows: int) -> ir.Table:
    """Return who held one of some keys, but where too many held it and hold it."""
    counted = _counted(crowded, moved)
    full = counted.filter((counted.was > max_rows) & (counted.holders > max_rows))
    return match_keys.semi_join(asked, "hash").anti_join(full, ["hash", "place"])


@built.once
def _counted_now(asked: ir.Table, holders: ir.Table, crowded: ir.Table, moved: ir.Table) -> ir.Table:
    """Return `shapes.COUNTED_KEYS` of the keys that can be crowded after a change: those that were, or are added."""
    others = holders.anti_join(crowded, "hash")
    others = others.group_by(["hash", "place"]).agg(holders=others.count())
    change = moved.semi_join(crowded.select("hash").union(asked), "hash")
    every = ibis.union(*(part.select("hash", "place", "holders") for part in (crowded, others, change)))
    counted = every.group_by(["hash", "place"]).agg(holders=functions.total(every.holders))
    return counted.filter(counted.holders > 0)


@built.once
def _hanging_together(rows: ir.Table, known: ir.Table) -> ir.Table:
    """Return `customer` of those that had some rows (`shapes.CUSTOMERS`), and of all that hang together with them."""
    own = components.owners(rows).select("customer").distinct()
    reached = known.semi_join(known.semi_join(own, "customer"), "component")
    return own.union(reached.select("customer"), distinct=True)


@built.once
def _records(tables: Sequence[ir.Table]) -> ir.Table:
    """Return `record` of all rows of tables, each once."""
    return ibis.union(*(rows.select("record") for rows in tables), distinct=True)


@built.once
def _after(before: ir.Table, changed: Changed) -> ir.Table:
    return before.anti_join(changed.removed, "record").union(changed.added)
