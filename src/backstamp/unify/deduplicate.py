"""Each table by itself: groups of duplicates, their winners, and the evidence (unification.md 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import block, decide, prefer
from backstamp.unify.settings import Condition, Deduplicate, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Keep, Match, Unify


_OF_ALWAYS = -1  # always pairs come before all rules


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


def all_rules(unify: Unify) -> Iterator[tuple[Rule, str, str]]:
    """Yield every active rule with its lower table and the one above, which in deduplication is the same."""
    for table in unify.tables:
        yield from ((rule, table.table, table.table) for rule in rules_of(unify, table.table))
    for match in in_order(unify):
        yield from ((rule, match.lower, match.upper) for rule in match.rules if rule.active)


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
    engine: Engine,
    rows: ir.Table,
    keyed: block.Keyed,
    rules: Sequence[Rule],
    keep: Keep,
    content: Sequence[str],
    overrides: ir.Table | None,
) -> tuple[ir.Table, ir.Table | None]:
    """Return the groups of one table, as `shapes.GROUPS`: every row, also one that stands alone.

    Args:
        engine: where it is computed.
        rows: record and the table's columns.
        keyed: the table's keys.
        rules: the rules, in order.
        keep: which row of a group wins.
        content: the columns that `most_filled` counts.
        overrides: `shapes.OVERRIDES`, those of other tables too, or None without any.

    Returns:
        The groups; and the links that never pairs refused, as `shapes.REFUSED`, None where there is none.
    """
    always, never = (_within(engine, rows, overrides, kind) for kind in (shapes.ALWAYS, shapes.NEVER))
    sides = [block.side_of(rule, "lower", keyed.region) for rule in rules]
    found = _in_order(always, [decide.links(engine, keyed, side) if keyed.is_shared(side) else None for side in sides])
    if found is None:
        return engine.cache(_alone(rows)), None
    members, forest = engine.spanning_forest(found)
    if not engine.count(members):
        return engine.cache(_alone(rows)), None
    refused = None
    torn = None if never is None else _torn(engine, members, never)
    if torn is not None:
        always = None if always is None else always.semi_join(torn.select(left="record"), "left")
        every = _in_order(always, [decide.all_links(engine, keyed, side, torn) for side in sides])
        own_members, own_forest, refused = engine.separated_forest(every, never)
        members = engine.cache(members.anti_join(torn, "record").union(own_members))
        forest = engine.cache(forest.anti_join(torn.select(left="record"), "left").union(own_forest))
        refused = refused.select("left", "right", rule=_name(refused, rules), reason=ibis.literal(shapes.NEVER))
    winners = engine.cache(_winners(rows, members, keep, content))
    roots = built.here(lambda: winners.select(record="winner"))
    evidence = _evidence(engine.toward(forest, roots), forest, rules)
    return engine.cache(_groups(rows, members, winners, evidence)), refused


@built.once
def _groups(rows: ir.Table, members: ir.Table, winners: ir.Table, evidence: ir.Table) -> ir.Table:
    """Return `shapes.GROUPS` of all rows."""
    grouped = members.inner_join(winners, "group").left_join(evidence, "record").drop("record_right")
    told = grouped.select("record", "group", "winner", "rule", "partner", "score")
    return ibis.union(told, _alone(rows.anti_join(members, "record")))


def _within(engine: Engine, rows: ir.Table, overrides: ir.Table | None, kind: str) -> ir.Table | None:
    """Return the overrides of one kind between rows of a table: left, right; None where there is none."""
    if overrides is None:
        return None
    own = engine.cache(_between(rows, overrides, kind))
    return own if engine.count(own) else None


@built.once
def _between(rows: ir.Table, overrides: ir.Table, kind: str) -> ir.Table:
    said = overrides.filter(overrides.kind == kind).select("left", "right")
    return said.semi_join(rows.select(left="record"), "left").semi_join(rows.select(right="record"), "right")


@built.once
def _in_order(always: ir.Table | None, links: Sequence[ir.Table | None]) -> ir.Table | None:
    """Return always pairs and the links of rules as `shapes.LINKS`, None without any."""
    found = [of_rule.mutate(rule=functions.whole(place)) for place, of_rule in enumerate(links) if of_rule is not None]
    if always is not None:
        said = always.mutate(score=ibis.null("float64"), rule=functions.whole(_OF_ALWAYS))
        found = [said, *(of_rule.select(said.columns) for of_rule in found)]
    return ibis.union(*found) if len(found) > 1 else next(iter(found), None)


def _torn(engine: Engine, members: ir.Table, never: ir.Table) -> ir.Table | None:
    """Return `record` of all rows of groups that hold a never pair, None where no group does."""
    one, other = members.select("group", left="record"), members.select(other="group", right="record")
    pairs = never.inner_join(one, "left").inner_join(other, "right")
    held = engine.cache(members.semi_join(pairs.filter(pairs.group == pairs.other), "group").select("record"))
    return held if engine.count(held) else None


@built.once
def _winners(rows: ir.Table, members: ir.Table, keep: Keep, content: Sequence[str]) -> ir.Table:
    """Return the winner of each group of two or more rows: group, winner."""
    weighed = prefer.weighed(rows.semi_join(members, "record"), keep, content)
    ranked = prefer.ranked(weighed.inner_join(members, "record"), "group", keep)
    return ranked.filter(ranked["rank"] == 0).select("group", winner="record")


@built.once
def _evidence(way: ir.Table, forest: ir.Table, rules: Sequence[Rule]) -> ir.Table:
    """Return the link by which each row is on its way to the winner: record, rule, partner, score."""
    ends = way.mutate(left=ibis.least(way.record, way.partner), right=ibis.greatest(way.record, way.partner))
    cited = ends.inner_join(forest, ["left", "right"])
    return cited.select("record", "partner", "score", rule=_name(cited, rules))


def _name(links: ir.Table, rules: Sequence[Rule]) -> ir.StringValue:
    """Return the name of the rule that a link is by."""
    names = {_OF_ALWAYS: shapes.ALWAYS} | {place: rule.name for place, rule in enumerate(rules)}
    return ibis.cases(*((links["rule"] == place, name) for place, name in names.items()))


@built.once
def _alone(rows: ir.Table) -> ir.Table:
    """Return rows as groups of their own."""
    nothing = {"rule": ibis.null("string"), "partner": ibis.null("int64"), "score": ibis.null("float64")}
    return rows.select("record", group=rows.record, winner=rows.record, **nothing)
