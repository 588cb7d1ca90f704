"""Groups of all tables joined into customers, table by table in match order (unification.md 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import block, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Match, Rule

_CHOICE = shapes.shape(group=pa.int64(), customer=pa.int64())


@dataclass(frozen=True)
class Table:
    """A table of unification, deduplicated.

    Attributes:
        name: `source.table`.
        groups: `shapes.GROUPS`.
        keyed: its keys.
        include_all: whether a group without a match becomes a customer.
        is_empty: whether it has no rows.
    """

    name: str
    groups: ir.Table
    keyed: block.Keyed
    include_all: bool
    is_empty: bool


def match(engine: Engine, tables: Sequence[Table], rules: Iterable[Match], overrides: ir.Table | None) -> ir.Table:
    """Return whose each record is, as `shapes.CUSTOMERS`.

    Args:
        engine: where it is computed.
        tables: in match order; the first is primary.
        rules: what is said about pairs of tables; the tables above come in order, then the rules of each in order.
        overrides: `shapes.OVERRIDES`, or None without any.
    """
    said = {between.between: [rule for rule in between.rules if rule.active] for between in rules}
    filled = {table.name for table in tables if not table.is_empty}
    primary, *others = tables
    placed = [_placed(primary.groups, 0, None, owns=True)]
    groups = primary.groups
    owned = {primary.name: built.here(lambda: groups.select("record", customer="group"))}
    for position, table in enumerate(others, start=1):
        steps = [
            _Step(engine, rule, table, upper, owned[upper.name])
            for upper in tables[:position]
            if {table.name, upper.name} <= filled
            for rule in said.get((table.name, upper.name), [])
        ]
        told = None if overrides is None else _told(engine, overrides, table, ibis.union(*owned.values()))
        rows = _placed(table.groups, position, _match_table(engine, table, steps, told), owns=table.include_all)
        placed.append(rows)
        owned[table.name] = engine.cache(_owned(rows))
    return built.here(lambda: ibis.union(*placed))


@built.once
def _owned(rows: ir.Table) -> ir.Table:
    return rows.filter(rows.customer.notnull()).select("record", "customer")


@built.once
def refused(customers: ir.Table, overrides: ir.Table) -> ir.Table:
    """Return the always pairs of two tables whose rows are not in one customer, as `shapes.REFUSED`."""
    said = overrides.filter(overrides.kind == shapes.ALWAYS).select("left", "right")
    above = customers.select(left="record", upper="position", above="customer")
    below = customers.select(right="record", lower="position", own="customer")
    pairs = said.inner_join(above, "left").inner_join(below, "right")
    pairs = pairs.filter((pairs.upper != pairs.lower) & ~(pairs.above == pairs.own).fill_null(False))
    reason = ibis.ifelse(pairs.above.isnull(), "no customer", "elsewhere")
    return pairs.select("left", "right", rule=ibis.literal(shapes.ALWAYS), reason=reason)


@dataclass(frozen=True)
class _Step:
    """One rule between a table and one above it.

    Attributes:
        engine: where it is computed.
        rule: the rule.
        table: the table that matches.
        upper: the table above.
        owned: record and customer of the rows of the table above that a customer owns.
    """

    engine: Engine
    rule: Rule
    table: Table
    upper: Table
    owned: ir.Table

    def best(self, seeking: ir.Table) -> ir.Table:
        """Return of each group (record, group) that the rule matches: group, customer, and the evidence."""
        # Every group of the first table, or of one that includes all, owns a customer.
        owned = None if self.upper.include_all else _records(self.owned)
        found = decide.best_matches(self.engine, *self._sides, seeking, owned)
        owned, name = self.owned, self.rule.name
        return built.here(
            lambda: _evidence(found.inner_join(owned.select("customer", partner="record"), "partner"), name)
        )

    def ways(self, seeking: ir.Table) -> ir.Table:
        """Return the same for each customer that the rule offers to a group."""
        found = decide.matches_of_customers(self.engine, *self._sides, seeking, self.owned)
        return _evidence(found, self.rule.name)

    @property
    def _sides(self) -> tuple[tuple[block.Keyed, block.Side], tuple[block.Keyed, block.Side]]:
        below, above = self.table.keyed, self.upper.keyed
        return (
            (below, block.side_of(self.rule, "lower", below.region)),
            (above, block.side_of(self.rule, "upper", above.region)),
        )


@dataclass(frozen=True)
class _Told:
    """What overrides say of the groups of a table.

    Attributes:
        always: left, right, group, customer and score: always pairs with rows above that a customer owns.
        closed: group, customer: which customers hold a never partner of which groups.
        apart: group, other: groups of the table that hold a never pair between them, in both directions.
    """

    always: ir.Table
    closed: ir.Table
    apart: ir.Table


def _told(engine: Engine, overrides: ir.Table, table: Table, owned: ir.Table) -> _Told | None:
    """Say what overrides mean for a table, None where nothing: records are in match order, so `left` is the row above.

    Args:
        engine: where it is computed.
        overrides: `shapes.OVERRIDES`.
        table: the table that matches.
        owned: record and customer of all rows above that a customer owns.
    """
    below = table.groups.select("group", right="record")
    pairs = engine.cache(overrides.inner_join(below, "right"))
    if not engine.count(pairs):
        return None
    above = engine.cache(pairs.inner_join(owned.select("customer", left="record"), "left"))
    always, never = above.filter(above.kind == shapes.ALWAYS), above.filter(above.kind == shapes.NEVER)
    beside = pairs.filter(pairs.kind == shapes.NEVER).inner_join(below.select(other="group", left="right"), "left")
    both = [beside.select("group", "other"), beside.select(group="other", other="group")]
    return _Told(
        # To `decide` the row is left, and its partner right.
        always=always.select("group", "customer", left="right", right="left", score=ibis.null("float64")),
        closed=never.select("group", "customer").distinct(),
        apart=engine.cache(ibis.union(*both, distinct=True)),
    )


def _match_table(engine: Engine, table: Table, steps: Sequence[_Step], told: _Told | None) -> ir.Table | None:
    """Return for each group that joins a customer: group, customer, and the evidence; the first rule decides."""
    groups = _grouped(table.groups)
    found: list[ir.Table] = []
    if told is not None:
        wary = engine.cache(told.closed.select("group").union(told.apart.select("group"), distinct=True))
        if engine.count(wary):
            found.append(_place(engine, groups.semi_join(wary, "group"), steps, told))
            groups = groups.anti_join(wary, "group")
        always = told.always.semi_join(groups, "group")
        found.append(engine.cache(_evidence(decide.best(always, ["group"]), shapes.ALWAYS)))
    for step in steps:
        found.append(engine.cache(step.best(_seeking(groups, found))))
    if not found:
        return None
    return built.here(lambda: ibis.union(*found))


@built.once
def _grouped(groups: ir.Table) -> ir.Table:
    return groups.select("record", "group")


@built.once
def _seeking(groups: ir.Table, found: Sequence[ir.Table]) -> ir.Table:
    """Return the rows of groups that nothing was found for so far."""
    for earlier in found:
        groups = groups.anti_join(earlier, "group")
    return groups


def _place(engine: Engine, groups: ir.Table, steps: Sequence[_Step], told: _Told) -> ir.Table:
    """Return, as `_match_table`, what becomes of groups (record, group) that hold rows of never pairs."""
    always = decide.best(told.always.semi_join(groups, "group"), ["group", "customer"])
    every = [_evidence(always, shapes.ALWAYS), *(step.ways(groups) for step in steps)]
    numbered = ibis.union(*(found.mutate(position=functions.whole(place)) for place, found in enumerate(every)))
    ways = numbered.anti_join(told.closed, ["group", "customer"])
    order = [ways.position, ways.score.desc(), ways.partner, ways.row]
    # As long as a customer is open to a group, only the best way there counts.
    ways = ways.mutate(place=ibis.row_number().over(group_by=["group", "customer"], order_by=order))
    ways = engine.cache(ways.filter(ways.place == 0).drop("place"))
    order = [ways.position, ways.score.desc(), ways.partner, ways.row]
    chosen = _take_turns(engine.rows(ways.order_by(order)), engine.rows(told.apart))
    taken = pa.RecordBatch.from_pylist([dict(zip(_CHOICE.names, one, strict=True)) for one in chosen], schema=_CHOICE)
    return engine.cache(ways.inner_join(engine.load(_CHOICE, [taken]), _CHOICE.names).drop("position"))


def _take_turns(ways: Iterable[Mapping[str, Any]], apart: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield (group, customer): what each group joins when its turn comes, if a customer is open to it by then.

    Args:
        ways: group, customer, position and score: the customers that a group can join, its best first.
        apart: group, other: groups that must not be in one customer.
    """
    options: dict[int, list[int]] = {}
    turns: dict[int, tuple[int, float, int]] = {}
    for way in ways:
        options.setdefault(way["group"], []).append(way["customer"])
        turns.setdefault(way["group"], (way["position"], -(way["score"] or 0), way["group"]))
    others: dict[int, set[int]] = {group: set() for group in options}
    for pair in apart:
        others.setdefault(pair["group"], set()).add(pair["other"])
    joined: dict[int, int] = {}
    for group in sorted(options, key=turns.__getitem__):
        closed = {joined.get(other) for other in others[group]}
        customer = next((option for option in options[group] if option not in closed), None)
        if customer is not None:
            joined[group] = customer
            yield group, customer


@built.once
def _records(owned: ir.Table) -> ir.Table:
    return owned.select("record")


def _evidence(found: ir.Table, rule: str) -> ir.Table:
    return found.mutate(rule=ibis.literal(rule)).select("group", "customer", "rule", "row", "partner", "score")


@built.once
def _placed(groups: ir.Table, position: int, matched: ir.Table | None, *, owns: bool) -> ir.Table:
    """Return the rows of a table, as `shapes.CUSTOMERS`.

    Args:
        groups: `shapes.GROUPS`.
        position: the place of the table.
        matched: what `_match_table` found.
        owns: whether a group without a match is a customer of its own; else it is left out, and has none.
    """
    evidence = {"duplicate_rule": "rule", "duplicate_of": "partner", "duplicate_score": "score"}
    rows = groups.select("record", "group", "winner", position=functions.whole(position), **evidence)
    founded = rows.group if owns else ibis.null("int64")
    if matched is None:
        nothing = {"row": ibis.null("int64"), "partner": ibis.null("int64"), "score": ibis.null("float64")}
        rows = rows.mutate(customer=founded, rule=ibis.null("string"), **nothing)
    else:
        rows = rows.left_join(matched, "group")
        rows = rows.mutate(customer=ibis.coalesce(rows.customer, founded))
    return rows.select(*shapes.CUSTOMERS.names)
