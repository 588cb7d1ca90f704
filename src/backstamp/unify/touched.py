"""What a change can touch (unification.md 8, law 5): rows that must be unified again, and with which the others agree.

Rows hang together that hold one key, are one customer, are named by one override, or tell where one vanished id went.
Whoever hangs together with a changed row, as it was or as it is, through other rows too, is touched. Nothing that
unification decides about these rows depends on any other, and about no other on these. A key that more rows hold than
any rule allows, before the change and after it, links nobody; but how many hold it counts, and is counted over all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import built, functions
from backstamp.unify import block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize

MOST_ROUNDS = 30
"""After so many steps from row to row it is quicker to unify all."""


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
        known: the rows before the change.
        changed: how it changed; None where it did not.
    """

    name: str
    sides: Sequence[block.Side]
    places: Mapping[block.Key, int]
    keys: ir.Table
    known: ir.Table
    changed: Changed | None


@dataclass(frozen=True)
class Known:
    """What the run before published: `shapes.MATCH_KEYS`, `CUSTOMERS` and `FOLLOWED`; and pairs, before and after.

    Attributes:
        overrides: left, right: all pairs of overrides, before the change and after it.
        changed_overrides: record: the rows of those that are new or gone.
        pick: gives of each table the rows before the change that have some records.
    """

    match_keys: ir.Table
    customers: ir.Table
    followed: ir.Table
    overrides: ir.Table
    changed_overrides: ir.Table
    pick: Callable[[ir.Table], Mapping[str, ir.Table]]


@dataclass(frozen=True)
class Touched:
    """The rows that a change can touch.

    Attributes:
        records: `record` of all of them, before the change and after it.
        before: of each table the rows as they were; `after`: as they are.
        counted: `shapes.COUNTED_KEYS` of every key that they hold or held.
        added_keys: of each table that changed, what `block.short_keys` gives of the rows that are changed or new.
        removed_match_keys: `shapes.MATCH_KEYS` of the rows that are changed or gone; `added_match_keys`: of the others.
    """

    records: ir.Table
    before: Mapping[str, ir.Table]
    after: Mapping[str, ir.Table]
    counted: ir.Table
    added_keys: Mapping[str, ir.Table]
    removed_match_keys: ir.Table
    added_match_keys: ir.Table


def touched(
    engine: Engine, tables: Sequence[Table], known: Known, lists: normalize.Lists, *, max_rows: int, most: int
) -> Touched | None:
    """Return the rows that a change can touch, None where they are too many for it to be worth while.

    Args:
        engine: where it is computed.
        tables: in match order.
        known: what the run before published.
        lists: those that conditions name.
        max_rows: the most rows that any rule lets share a key.
        most: so many rows are too many.
    """
    changes = [(one, one.changed) for one in tables if one.changed is not None]
    added_keys = {
        one.name: block.keys_of_rows(engine, changed.added, one.sides, one.places, lists) for one, changed in changes
    }
    none = _none_of(known.match_keys)
    added = engine.cache(built.here(lambda: ibis.union(none, *map(block.match_keys, added_keys.values()))))
    removed = engine.cache(_keys_of(none, [(one.keys, changed.removed) for one, changed in changes]))
    rows = [part for _, changed in changes for part in (changed.removed, changed.added)]
    frontier = engine.cache(_records([*rows, known.changed_overrides]))
    moved = _moved(engine, removed, added)
    reach = _Reach(engine, tables, known, max_rows, moved, _none_of(frontier), [_none_of(moved)])
    keys = [removed, added]
    for _ in range(MOST_ROUNDS):
        if not engine.count(frontier):
            before = known.pick(reach.records)
            frontier = reach.followed(before)
            if not engine.count(frontier):
                return reach.touched(before, added_keys, removed, added)
        frontier, keys = reach.step(frontier, keys), []
        if engine.count(reach.records) > most:
            return None
    return None


@dataclass
class _Reach:
    """How far a change has reached: what `touched` finds step by step, in narrow tables; the rows themselves come last.

    Attributes:
        moved: `shapes.COUNTED_KEYS`: by how much the change alters how many hold a key.
        records: `record` of the rows reached.
        counted: `shapes.COUNTED_KEYS` of the keys reached, in parts.
        owners: `customer` of the customers reached, in parts.
    """

    engine: Engine
    tables: Sequence[Table]
    known: Known
    max_rows: int
    moved: ir.Table
    records: ir.Table
    counted: list[ir.Table]
    owners: list[ir.Table] = field(default_factory=list)

    def step(self, frontier: ir.Table, keys: Sequence[ir.Table]) -> ir.Table:
        """Take in rows, which also hold these keys, and return `record` of those that hang together with them.

        Those that only `followed` tells of are left out.
        """
        reached, tables = self.records, self.tables
        self.records = records = self.engine.cache(built.here(lambda: reached.union(frontier)))
        held = _keys_of(_none_of(self.known.match_keys), [(one.keys, frontier) for one in tables])
        linked = [
            self._holders([*keys, held]),
            self._customers(frontier),
            _paired(self.known.overrides, frontier),
        ]
        return self.engine.cache(built.here(lambda: _records(linked).anti_join(records, "record")))

    def followed(self, before: Mapping[str, ir.Table]) -> ir.Table:
        """Return `record` of all rows by which an id is followed that is followed by a row reached, as these were."""
        followed, records = self.known.followed, self.records
        if not self.engine.count(followed):
            return _none_of(records)
        others = self.engine.cache(_followed_together(followed, _named(before)))
        if not self.engine.count(others):
            return _none_of(records)
        called = [_called(one.name, one.known, others) for one in self.tables]
        return self.engine.cache(built.here(lambda: _records(called).anti_join(records, "record")))

    def touched(
        self, before: Mapping[str, ir.Table], added_keys: Mapping[str, ir.Table], removed: ir.Table, added: ir.Table
    ) -> Touched:
        """Return what was found."""
        after = {
            one.name: self.engine.cache(_after(before[one.name], one.changed)) if one.changed else before[one.name]
            for one in self.tables
        }
        parts = self.counted
        counted = built.here(lambda: ibis.union(*parts))
        return Touched(self.records, before, after, counted, added_keys, removed, added)

    def _holders(self, keys: Sequence[ir.Table]) -> ir.Table:
        """Return `record` of all rows that held one of these keys, but where too many held it and hold it."""
        hashes = self.engine.cache(_uncounted(keys, self.counted))
        match_keys = self.known.match_keys
        holders = self.engine.cache(built.here(lambda: match_keys.semi_join(hashes, "hash")))
        now = self.engine.cache(_counted(holders, hashes, self.moved))
        self.counted.append(built.here(lambda: now.drop("was")))
        return _not_full(holders, now, self.max_rows)

    def _customers(self, frontier: ir.Table) -> ir.Table:
        """Return `record` of all rows of the customers that these rows were."""
        customers = self.known.customers
        owners = self.engine.cache(_owners(customers, frontier, self.owners))
        self.owners.append(owners)
        return built.here(lambda: customers.semi_join(owners, "customer").select("record"))


def _moved(engine: Engine, removed: ir.Table, added: ir.Table) -> ir.Table:
    """Return by how much a change alters how many hold each key, as `shapes.COUNTED_KEYS`."""
    return engine.cache(_difference(removed, added))


@built.once
def _difference(removed: ir.Table, added: ir.Table) -> ir.Table:
    signed = removed.mutate(one=functions.whole(-1)).union(added.mutate(one=functions.whole(1)))
    return signed.group_by(["hash", "place"]).agg(holders=functions.total(signed.one))


@built.once
def _none_of(table: ir.Table) -> ir.Table:
    return table.limit(0)


@built.once
def _records(tables: Sequence[ir.Table]) -> ir.Table:
    """Return `record` of all rows of tables, each once."""
    return ibis.union(*(rows.select("record") for rows in tables), distinct=True)


@built.once
def _after(before: ir.Table, changed: Changed) -> ir.Table:
    return before.anti_join(changed.removed, "record").union(changed.added)


@built.once
def _keys_of(none: ir.Table, tables: Sequence[tuple[ir.Table, ir.Table]]) -> ir.Table:
    """Return `shapes.MATCH_KEYS`, of which `none` has none, of tables: what `block.short_keys` gave, and the rows."""
    return ibis.union(none, *(block.match_keys(keys.semi_join(rows, "record")) for keys, rows in tables))


@built.once
def _uncounted(keys: Sequence[ir.Table], counted: Sequence[ir.Table]) -> ir.Table:
    """Return `hash` of the keys that are not counted yet."""
    hashes = ibis.union(*keys).select("hash").distinct()
    for part in counted:
        hashes = hashes.anti_join(part, "hash")
    return hashes


@built.once
def _counted(holders: ir.Table, hashes: ir.Table, moved: ir.Table) -> ir.Table:
    """Return how many rows hold these keys, as `shapes.COUNTED_KEYS`, and `was`: how many did before the change."""
    by = ["hash", "place"]
    before = holders.group_by(by).agg(holders=holders.count(), was=holders.count())
    now = before.union(moved.semi_join(hashes, "hash").mutate(was=functions.whole(0)).select(before.columns))
    return now.group_by(by).agg(holders=functions.total(now.holders), was=functions.total(now.was))


@built.once
def _not_full(holders: ir.Table, now: ir.Table, max_rows: int) -> ir.Table:
    full = now.filter((now.holders > max_rows) & (now.was > max_rows))
    return holders.anti_join(full, ["hash", "place"]).select("record")


@built.once
def _owners(customers: ir.Table, rows: ir.Table, known: Sequence[ir.Table]) -> ir.Table:
    """Return `customer` of those that own some of these rows and are not known yet."""
    owned = customers.semi_join(rows, "record").filter(customers.customer.notnull())
    owners = owned.select("customer").distinct()
    for part in known:
        owners = owners.anti_join(part, "customer")
    return owners


@built.once
def _paired(pairs: ir.Table, rows: ir.Table) -> ir.Table:
    """Return `record` of all rows that overrides name together with these."""
    rights = pairs.semi_join(rows.select(left="record"), "left").select(record="right")
    lefts = pairs.semi_join(rows.select(right="record"), "right").select(record="left")
    return rights.union(lefts)


@built.once
def _named(tables: Mapping[str, ir.Table]) -> ir.Table:
    return ibis.union(*(rows.select("key", table=ibis.literal(name)) for name, rows in tables.items()))


@built.once
def _followed_together(followed: ir.Table, here: ir.Table) -> ir.Table:
    """Return `shapes.FOLLOWED` of other rows by which an id is followed that is followed by one of these."""
    ids = followed.semi_join(here, ["table", "key"]).select("customer_id")
    return followed.semi_join(ids, "customer_id").anti_join(here, ["table", "key"])


@built.once
def _called(name: str, known: ir.Table, named: ir.Table) -> ir.Table:
    """Return `record` of the rows of a table that are named."""
    return known.semi_join(named.filter(named.table == name), "key").select("record")
