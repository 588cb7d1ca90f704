"""What a change can touch (unification.md 8, law 5): rows that must be unified again, and with which the others agree.

Rows hang together that hold one key, are one customer, are named by one override, or tell where one vanished id went.
Whoever hangs together with a changed row, as it was or as it is, through other rows too, is touched. Nothing that
unification decides about these rows depends on any other, and about no other on these. A key that more rows hold than
any rule allows, before the change and after it, links nobody; but how many hold it counts, and is counted over all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import functions
from backstamp.unify import block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize

MOST_ROUNDS = 30
"""After so many steps from row to row it is quicker to unify all."""


@dataclass(frozen=True)
class Table:
    """A table of unification and how it changed; of its rows those that take part: record, `key` and its columns.

    Attributes:
        name: `source.table`.
        sides: what all rules compare in it.
        places: those of its keys.
        keys: what `block.short_keys` gave of the rows before the change.
        known: the rows before the change.
        removed: those of them that are changed or gone.
        added: the rows that are changed or new, as they are.
    """

    name: str
    sides: Sequence[block.Side]
    places: Mapping[block.Key, int]
    keys: ir.Table
    known: ir.Table
    removed: ir.Table
    added: ir.Table


@dataclass(frozen=True)
class Known:
    """What the run before published: `shapes.MATCH_KEYS`, `CUSTOMERS` and `FOLLOWED`; and pairs, before and after.

    Attributes:
        overrides: left, right: all pairs of overrides, before the change and after it.
        changed_overrides: record: the rows of those that are new or gone.
    """

    match_keys: ir.Table
    customers: ir.Table
    followed: ir.Table
    overrides: ir.Table
    changed_overrides: ir.Table


@dataclass(frozen=True)
class Touched:
    """The rows that a change can touch.

    Attributes:
        records: `record` of all of them, before the change and after it.
        before: of each table the rows as they were; `after`: as they are.
        counted: `shapes.COUNTED_KEYS` of every key that they hold or held.
        added_keys: of each table, what `block.short_keys` gives of the rows that are changed or new.
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
    added_keys = {one.name: block.keys_of_rows(engine, one.added, one.sides, one.places, lists) for one in tables}
    added = engine.cache(ibis.union(*[block.match_keys(keys) for keys in added_keys.values()]))
    gone = [block.match_keys(one.keys.semi_join(one.removed, "record")) for one in tables]
    removed = engine.cache(ibis.union(*gone))
    changed = [rows.select("record") for one in tables for rows in (one.removed, one.added)]
    frontier = engine.cache(ibis.union(*changed, known.changed_overrides, distinct=True))
    moved = _moved(engine, removed, added)
    reach = _Reach(engine, tables, known, max_rows, moved, frontier.limit(0), [moved.limit(0)])
    keys = [removed, added]
    for _ in range(MOST_ROUNDS):
        if not engine.count(frontier):
            return reach.touched(added_keys, removed, added)
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
    """

    engine: Engine
    tables: Sequence[Table]
    known: Known
    max_rows: int
    moved: ir.Table
    records: ir.Table
    counted: list[ir.Table]

    def step(self, frontier: ir.Table, keys: Sequence[ir.Table]) -> ir.Table:
        """Take in rows, which also hold these keys, and return `record` of those that hang together with them."""
        self.records = self.engine.cache(self.records.union(frontier))
        held = [*keys, *(block.match_keys(one.keys.semi_join(frontier, "record")) for one in self.tables)]
        linked = [self._holders(ibis.union(*held)), self._customers(frontier), self._paired(frontier)]
        linked += self._followed(frontier)
        return self.engine.cache(ibis.union(*linked, distinct=True).anti_join(self.records, "record"))

    def touched(self, added_keys: Mapping[str, ir.Table], removed: ir.Table, added: ir.Table) -> Touched:
        """Return what was found."""
        before = {one.name: self.engine.cache(one.known.semi_join(self.records, "record")) for one in self.tables}
        after = {
            one.name: self.engine.cache(before[one.name].anti_join(one.removed, "record").union(one.added))
            for one in self.tables
        }
        return Touched(self.records, before, after, ibis.union(*self.counted), added_keys, removed, added)

    def _holders(self, keys: ir.Table) -> ir.Table:
        """Return `record` of all rows that held one of these keys, but where too many held it and hold it."""
        hashes = keys.select("hash").distinct()
        for part in self.counted:
            hashes = hashes.anti_join(part, "hash")
        hashes = self.engine.cache(hashes)
        holders = self.engine.cache(self.known.match_keys.semi_join(hashes, "hash"))
        by = ["hash", "place"]
        before = holders.group_by(by).agg(holders=holders.count(), was=holders.count())
        now = before.union(self.moved.semi_join(hashes, "hash").mutate(was=functions.whole(0)).select(before.columns))
        now = now.group_by(by).agg(holders=functions.total(now.holders), was=functions.total(now.was))
        now = self.engine.cache(now)
        self.counted.append(now.drop("was"))
        full = now.filter((now.holders > self.max_rows) & (now.was > self.max_rows))
        return holders.anti_join(full, by).select("record")

    def _customers(self, frontier: ir.Table) -> ir.Table:
        """Return `record` of all rows of the customers that these rows were."""
        customers = self.known.customers
        owners = customers.semi_join(frontier, "record").filter(customers.customer.notnull())
        owners = self.engine.cache(owners.select("customer").distinct())
        return customers.semi_join(owners, "customer").select("record")

    def _paired(self, frontier: ir.Table) -> ir.Table:
        """Return `record` of all rows that overrides name together with these."""
        pairs = self.known.overrides
        rights = pairs.semi_join(frontier.select(left="record"), "left").select(record="right")
        lefts = pairs.semi_join(frontier.select(right="record"), "right").select(record="left")
        return rights.union(lefts)

    def _followed(self, frontier: ir.Table) -> list[ir.Table]:
        """Return `record` of all rows by which an id is followed that is followed by one of these."""
        followed = self.known.followed
        if not self.engine.count(followed):
            return []
        rows = [
            one.known.semi_join(frontier, "record").select("key", table=ibis.literal(one.name)) for one in self.tables
        ]
        here = self.engine.cache(ibis.union(*rows))
        ids = followed.semi_join(here, ["table", "key"]).select("customer_id")
        others = self.engine.cache(followed.semi_join(ids, "customer_id").anti_join(here, ["table", "key"]))
        if not self.engine.count(others):
            return []
        return [
            one.known.semi_join(others.filter(others.table == one.name), "key").select("record") for one in self.tables
        ]


def _moved(engine: Engine, removed: ir.Table, added: ir.Table) -> ir.Table:
    """Return by how much a change alters how many hold each key, as `shapes.COUNTED_KEYS`."""
    signed = removed.mutate(one=functions.whole(-1)).union(added.mutate(one=functions.whole(1)))
    return engine.cache(signed.group_by(["hash", "place"]).agg(holders=functions.total(signed.one)))
