"""Section 4: each table by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from tests.oracle import compare, normalize
from tests.oracle.model import ALWAYS, Condition, Evidence, Group, Keep, Pair, Project, Record, Row, Rows, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

Item = TypeVar("Item")


def own_side(condition: Condition, *, upper: bool) -> Condition:
    """Put a table's own column on both sides of a condition of match."""
    column = condition.left if upper else condition.right
    return replace(condition, left=column, right=column)


def meaning(rule: Rule) -> tuple[Any, ...]:
    """What makes two default rules equal: conditions (as a set), exceptions and limits, whatever the name."""

    def terms(conditions: Iterable[Condition]) -> frozenset[tuple[Any, ...]]:
        return frozenset(
            (c.left, frozenset(c.normalize), c.percent, c.differs, c.default_region, c.alias, c.bypass)
            for c in conditions
        )

    return terms(rule.conditions), frozenset(map(terms, rule.exceptions)), rule.max_rows_per_key


def default_rules(project: Project, table: Table) -> list[Rule]:
    """Each match rule in which the table takes part as a rule on itself, equal ones once, under the first name."""
    names = [table.name for table in project.tables]
    found: dict[tuple[Any, ...], Rule] = {}
    for between in sorted(project.match, key=lambda b: (names.index(b.lower), names.index(b.upper))):
        if table.name not in (between.upper, between.lower):
            continue
        upper = table.name == between.upper
        for rule in between.rules:
            own = Rule(
                f"{rule.name} (from match)",
                tuple(own_side(c, upper=upper) for c in rule.conditions),
                rule.max_rows_per_key,
                tuple(tuple(own_side(c, upper=upper) for c in exception) for exception in rule.exceptions),
            )
            found.setdefault(meaning(own), own)
    return list(found.values())


def rules_of(project: Project, table: Table) -> list[Rule]:
    """The table's own rules; the default ones if it has none of its own."""
    rules = default_rules(project, table) if table.deduplicate is None else table.deduplicate
    return [rule.between(table, table) for rule in rules]


def ordered_links(project: Project, table: Table, rows: Rows) -> Iterator[Evidence]:
    """All links in the order of evidence: always pairs, rule order, score high to low, smaller key, larger key."""
    always = sorted(sorted(pair) for pair in project.always if pair[0] in rows and pair[1] in rows)
    yield from (Evidence(ALWAYS, larger, smaller, None) for smaller, larger in always)
    for rule in rules_of(project, table):
        found = [link for link in compare.links(rule, rows, rows) if link.partner < link.row]
        yield from sorted(found, key=lambda link: (-(link.score or 0), link.partner, link.row))


def both_ways(pairs: Iterable[Pair]) -> set[Pair]:
    """Pairs have no direction."""
    return {pair for one, other in pairs for pair in ((one, other), (other, one))}


def join(
    rows: Collection[Record], links: Iterable[Evidence], never: Collection[Pair]
) -> tuple[list[frozenset[Record]], list[Evidence], list[Evidence]]:
    """Take the links in order; those that join two groups are the evidence, but a never pair refuses a link."""
    group_of = {record: frozenset({record}) for record in rows}
    evidence = []
    refused: dict[Pair, Evidence] = {}
    for link in links:
        one, other = group_of[link.row], group_of[link.partner]
        if one == other:
            continue
        if any((a, b) in never for a in one for b in other):
            refused.setdefault((link.partner, link.row), link)
            continue
        evidence.append(link)
        group_of.update(dict.fromkeys(one | other, one | other))
    return sorted(set(group_of.values()), key=min), evidence, list(refused.values())


def by_time(items: Iterable[Item], time: Callable[[Item], Any], direction: str) -> list[Item]:
    """Order by a time or number, null last in both directions, what is equal as it was."""
    dated = [(normalize.instant(time(item)), item) for item in items]
    known = sorted((d for d in dated if d[0] is not None), key=lambda d: d[0], reverse=direction == "most_recent")
    return [item for _, item in known] + [item for moment, item in dated if moment is None]


def is_filled(value: Any) -> bool:
    """Neither null nor an empty string."""
    return value is not None and value != ""


def larger_first(records: Iterable[Record]) -> list[Record]:
    """Order rows of one table that nothing else orders: a tie goes to the larger key."""
    return sorted(records, reverse=True)


def in_preference(keep: Keep, table: Table, records: Iterable[Record], rows: Rows) -> list[Record]:
    """Order rows of one table, the winner first."""
    records = larger_first(records)
    if keep[0] == "most_filled":
        filled = {record: sum(is_filled(rows[record][column]) for column in table.content) for record in records}
        return sorted(records, key=lambda record: filled[record], reverse=True)
    column = keep[1]
    return by_time(records, lambda record: rows[record][column], keep[0])


def toward(winner: Record, evidence: Iterable[Evidence]) -> Mapping[Record, Evidence]:
    """Return for each row that the evidence connects with the winner its first link on the way there."""
    links = [*evidence, *(replace(e, row=e.partner, partner=e.row) for e in evidence)]
    way: dict[Record, Evidence] = {}
    reached = [winner]
    for partner in reached:
        for link in links:
            if link.partner == partner and link.row != winner and link.row not in way:
                way[link.row] = link
                reached.append(link.row)
    return way


def deduplicate(project: Project, table: Table, rows: Rows) -> tuple[list[Group], list[Evidence]]:
    """Return the groups of one table, by their smallest key, and the links that were refused."""
    parts, evidence, refused = join(list(rows), ordered_links(project, table, rows), both_ways(project.never))
    winners = [in_preference(table.keep, table, part, rows)[0] for part in parts]
    groups = [Group(winner, part, toward(winner, evidence)) for winner, part in zip(winners, parts, strict=True)]
    return groups, refused


def merged_row(table: Table, group: Group, rows: Rows) -> dict[str, tuple[Any, Record]]:
    """The one row of a group that merge sees: the winner's, where a column has no preference of its own (section 6)."""
    seen = {column: (value, group.winner) for column, value in rows[group.winner].items()}
    for column, keep in (table.keep_column or {}).items():
        filled: list[Record] = [record for record in group.rows if is_filled(rows[record][column])]
        if filled:
            chosen = in_preference(keep, table, filled, rows)[0]
            seen[column] = (value_of(rows[chosen], column), chosen)
    return seen


def value_of(row: Row, column: str) -> Any:
    """Read one value."""
    return row[column]
