"""Each table by itself: groups of duplicates, their winners, and the evidence (unification.md 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import functions
from backstamp.unify import block, decide, prefer
from backstamp.unify.settings import Condition, Deduplicate, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Keep, Match, Unify


def rules_of(unify: Unify, table: str) -> tuple[Rule, ...]:
    """Return the active rules by which a table is deduplicated: its own, or else those of the match on itself.

    The latter are all conditions of each match rule together, with this table's own column on both sides; equal ones
    count once, under the first name (unification.md 4).
    """
    deduplicate = unify.table(table).deduplicate
    if deduplicate == "off":
        return ()
    if isinstance(deduplicate, Deduplicate) and deduplicate.rules is not None:
        return tuple(rule for rule in deduplicate.rules if rule.active)
    found: dict[object, Rule] = {}
    for match in in_order(unify):
        for rule in match.rules:
            if rule.active and table in match.between:
                own = _on_itself(rule, match, table)
                exceptions = frozenset(map(frozenset, own.unless))
                found.setdefault((frozenset(own.match), exceptions, own.max_rows_per_key), own)
    return tuple(found.values())


def in_order(unify: Unify) -> list[Match]:
    """Return what is said about pairs of tables, in match order of the lower table, then of the upper."""
    return sorted(unify.match, key=lambda match: (unify.position(match.lower), unify.position(match.upper)))


def _on_itself(rule: Rule, match: Match, table: str) -> Rule:
    def own(condition: Condition) -> Condition:
        column = condition.lower if table == match.lower else condition.upper
        steps = tuple(sorted(set(condition.normalize)))
        return replace(condition, column=column, columns=None, normalize=steps, precision=condition.per_cent or "exact")

    return replace(
        rule,
        name=f"{rule.name} (from match)",
        match=tuple(map(own, rule.match)),
        unless=tuple(tuple(map(own, exception)) for exception in rule.unless),
    )


def deduplicate(
    engine: Engine, rows: ir.Table, keyed: block.Keyed, rules: Sequence[Rule], keep: Keep, content: Sequence[str]
) -> ir.Table:
    """Return the groups of one table, as `shapes.GROUPS`: every row, also one that stands alone.

    Args:
        engine: where it is computed.
        rows: record and the table's columns.
        keyed: the table's keys.
        rules: the rules, in order.
        keep: which row of a group wins.
        content: the columns that `most_filled` counts.
    """
    if not rules:
        return engine.cache(_alone(rows))
    found = [
        decide.links(engine, keyed, block.side_of(rule, "lower", keyed.region)).mutate(rule=functions.whole(place))
        for place, rule in enumerate(rules)
    ]
    members, forest = engine.spanning_forest(ibis.union(*found) if len(found) > 1 else found[0])
    winners = engine.cache(_winners(rows, members, keep, content))
    evidence = _evidence(engine.toward(forest, winners.select(record="winner")), forest, rules)
    grouped = members.inner_join(winners, "group").left_join(evidence, "record").drop("record_right")
    return engine.cache(
        ibis.union(
            grouped.select("record", "group", "winner", "rule", "partner", "score"),
            _alone(rows.anti_join(members, "record")),
        )
    )


def _winners(rows: ir.Table, members: ir.Table, keep: Keep, content: Sequence[str]) -> ir.Table:
    """Return the winner of each group of two or more rows: group, winner."""
    looked_at = rows.select("record", *dict.fromkeys(prefer.columns_of(keep, content)))
    ranked = prefer.ranked(looked_at.inner_join(members, "record"), "group", keep, content)
    return ranked.filter(ranked["rank"] == 0).select("group", winner="record")


def _evidence(way: ir.Table, forest: ir.Table, rules: Sequence[Rule]) -> ir.Table:
    """Return the link by which each row is on its way to the winner: record, rule, partner, score."""
    ends = way.mutate(left=ibis.least(way.record, way.partner), right=ibis.greatest(way.record, way.partner))
    cited = ends.inner_join(forest, ["left", "right"])
    names = ibis.cases(*((cited["rule"] == place, rule.name) for place, rule in enumerate(rules)))
    return cited.select("record", "partner", "score", rule=names)


def _alone(rows: ir.Table) -> ir.Table:
    """Return rows as groups of their own."""
    nothing = {"rule": ibis.null("string"), "partner": ibis.null("int64"), "score": ibis.null("float64")}
    return rows.select("record", group=rows.record, winner=rows.record, **nothing)
