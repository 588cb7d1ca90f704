"""Section 5: tables in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import compare, deduplicate
from tests.oracle.model import ALWAYS, Evidence, Group, Key, Project, Record, Rows, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from fractions import Fraction

Rank = tuple[int, "Fraction | int", tuple[int, Key], Key]
Way = tuple[Rank, Evidence]  # one link on which a group can reach a customer, and its place among all of them


def of_table(rows: Rows, name: str) -> Rows:
    """Return the rows of one table."""
    return {record: row for record, row in rows.items() if record[0] == name}


def above(project: Project, table: Table) -> tuple[Table, ...]:
    """Return the tables that a table is matched with, in order."""
    return project.tables[: project.tables.index(table)]


def rules_above(project: Project, table: Table) -> list[tuple[str, Rule]]:
    """Return the rules of a table with the tables above it: these in order, for each its rules in order."""
    return [
        (upper.name, rule.between(upper, table))
        for upper in above(project, table)
        for between in project.match
        if (between.upper, between.lower) == (upper.name, table.name)
        for rule in between.rules
    ]


def rank(project: Project, position: int, link: Evidence) -> Rank:
    """The rule decides, then the best score, the smallest key above, the smallest key in the group."""
    return position, -(link.score or 0), project.place(link.partner), link.row[1]


def ways_up(project: Project, table: Table, rows: Rows) -> Iterator[Way]:
    """All links of a table's rows with rows above: the always pairs as rule 0, then what the rules link."""
    higher = {upper.name for upper in above(project, table)}
    for row, partner in deduplicate.both_ways(project.always):
        if row in rows and partner in rows and row[0] == table.name and partner[0] in higher:
            link = Evidence(ALWAYS, row, partner, None)
            yield rank(project, 0, link), link
    lower = of_table(rows, table.name)
    for position, (upper, rule) in enumerate(rules_above(project, table), 1):
        for link in compare.links(rule, of_table(rows, upper), lower):
            yield rank(project, position, link), link


def turn(group: Group, first: Way) -> tuple[int, Fraction | int, Key]:
    """When a group is placed: by the rule of its first choice, the score, its smallest key."""
    return (*first[0][:2], group.id[1])


def place(
    project: Project, groups: Iterable[Group], ways: Iterable[Way], customers: list[set[Record]]
) -> dict[Record, Evidence]:
    """Let the groups of a table join the customers of the tables above; return their evidence by the group's id."""
    owner = {record: customer for customer in customers for record in customer}
    never = deduplicate.both_ways(project.never)
    in_order = sorted((way for way in ways if way[1].partner in owner), key=lambda way: way[0])

    def choice(group: Group) -> Way | None:
        enemies = {other for one, other in never if one in group.rows}
        mine = (way for way in in_order if way[1].row in group.rows)
        return next((way for way in mine if enemies.isdisjoint(owner[way[1].partner])), None)

    firsts = [(group, first) for group in groups if (first := choice(group))]
    evidence = {}
    for group, _ in sorted(firsts, key=lambda pair: turn(*pair)):
        if chosen := choice(group):  # a group placed before may have closed the first choice
            evidence[group.id] = chosen[1]
            owner[chosen[1].partner].update(group.rows)
    return evidence


def match(
    project: Project, rows: Rows, groups: Mapping[str, list[Group]]
) -> tuple[list[frozenset[Record]], dict[Record, Evidence]]:
    """Return the customers, and by the id of each group that joined one of the tables above its evidence."""
    customers: list[set[Record]] = []
    evidence: dict[Record, Evidence] = {}
    for table in project.tables:
        evidence |= place(project, groups[table.name], ways_up(project, table, rows), customers)
        if table.include_all or table == project.tables[0]:
            customers += [set(group.rows) for group in groups[table.name] if group.id not in evidence]
    return [frozenset(customer) for customer in customers], evidence
