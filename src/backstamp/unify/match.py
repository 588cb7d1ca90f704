"""Groups of all tables joined into customers, table by table in match order (unification.md 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from backstamp import shapes
from backstamp.engine import functions
from backstamp.unify import block, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Match, Rule


@dataclass(frozen=True)
class Table:
    """A table of unification, deduplicated.

    Attributes:
        name: `source.table`.
        groups: `shapes.GROUPS`.
        keyed: its keys.
        include_all: whether a group without a match becomes a customer.
    """

    name: str
    groups: ir.Table
    keyed: block.Keyed
    include_all: bool


def match(engine: Engine, tables: Sequence[Table], rules: Iterable[Match]) -> ir.Table:
    """Return whose each record is, as `shapes.CUSTOMERS`.

    Args:
        engine: where it is computed.
        tables: in match order; the first is primary.
        rules: what is said about pairs of tables; the tables above come in order, then the rules of each in order.
    """
    said = {between.between: [rule for rule in between.rules if rule.active] for between in rules}
    primary, *others = tables
    placed = {primary.name: engine.cache(_founded(primary.groups, 0, owns=True))}
    for position, table in enumerate(others, start=1):
        above = [upper for upper in tables if upper.name in placed]
        matched = _match_table(engine, table, above, placed, said)
        alone = table.groups.anti_join(matched, "group") if matched is not None else table.groups
        founded = _founded(alone, position, owns=table.include_all)
        placed[table.name] = engine.cache(
            founded if matched is None else ibis.union(_joined(table.groups, position, matched), founded)
        )
    every = list(placed.values())
    return ibis.union(*every) if len(every) > 1 else every[0]


def _match_table(
    engine: Engine,
    table: Table,
    above: Sequence[Table],
    placed: dict[str, ir.Table],
    said: dict[tuple[str, str], list[Rule]],
) -> ir.Table | None:
    """Return for each group that a rule matches: group, customer, and the evidence; the first rule decides."""
    found: list[ir.Table] = []
    for upper in above:
        for rule in said.get((table.name, upper.name), []):
            seeking = table.groups.select("record", "group")
            for earlier in found:
                seeking = seeking.anti_join(earlier, "group")
            best = _match_rule(engine, rule, table, upper, placed[upper.name], seeking)
            found.append(engine.cache(best))
    if not found:
        return None
    return ibis.union(*found) if len(found) > 1 else found[0]


def _match_rule(
    engine: Engine, rule: Rule, table: Table, upper: Table, customers: ir.Table, seeking: ir.Table
) -> ir.Table:
    owned = customers.filter(customers.customer.notnull())
    best = decide.best_matches(
        engine,
        (table.keyed, block.side_of(rule, "lower", table.keyed.region)),
        (upper.keyed, block.side_of(rule, "upper", upper.keyed.region)),
        seeking,
        # Every group of the first table, or of one that includes all, owns a customer.
        None if upper.include_all else owned.select("record"),
    )
    owner = owned.select("customer", partner="record")
    return (
        best.inner_join(owner, "partner")
        .mutate(rule=ibis.literal(rule.name))
        .select("group", "customer", "rule", "row", "partner", "score")
    )


def _joined(groups: ir.Table, position: int, matched: ir.Table) -> ir.Table:
    return _placed(groups, position).inner_join(matched, "group").select(*shapes.CUSTOMERS.names)


def _founded(groups: ir.Table, position: int, *, owns: bool) -> ir.Table:
    """Return groups as customers of their own, or as left out: they own none."""
    placed = _placed(groups, position)
    return placed.mutate(
        customer=placed.group if owns else ibis.null("int64"),
        rule=ibis.null("string"),
        row=ibis.null("int64"),
        partner=ibis.null("int64"),
        score=ibis.null("float64"),
    ).select(*shapes.CUSTOMERS.names)


def _placed(groups: ir.Table, position: int) -> ir.Table:
    """Return groups with the place of their table, their evidence named as that of duplicates."""
    evidence = {"duplicate_rule": "rule", "duplicate_of": "partner", "duplicate_score": "score"}
    return groups.select("record", "group", "winner", position=functions.whole(position), **evidence)
