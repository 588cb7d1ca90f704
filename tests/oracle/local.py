"""Section 8, law 5: how far the change of one row can reach."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from tests.oracle import cluster, compare, deduplicate
from tests.oracle.match import of_table, rules_above
from tests.oracle.model import Project, Record, Result, Rows, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

Edge = tuple[Record, Record]


class Unified(NamedTuple):
    """The rows of one run, and what it decided."""

    rows: Rows
    result: Result


def comparisons(project: Project, of: Unified) -> Iterator[tuple[Rule, Rows, Rows]]:
    """Yield each rule with the rows of its two sides, in an order of the project alone; clusters compare profiles."""
    for table in project.tables:
        own = of_table(of.rows, table.name)
        yield from ((rule, own, own) for rule in deduplicate.rules_of(project, table))
        yield from ((rule, of_table(of.rows, upper), own) for upper, rule in rules_above(project, table))
    for one in project.clusters:
        profiles = {cluster.record_of(one, own): profile for own, profile in of.result.profiles.items()}
        yield from ((rule, profiles, profiles) for rule in one.rules)


def edges_of(project: Project, of: Unified) -> Iterator[Edge]:
    """Yield what is connected in one run: by a rule, by a pair of the overrides; a profile with its rows."""
    for rule, left, right in comparisons(project, of):
        yield from ((link.partner, link.row) for link in compare.links(rule, left, right))
    yield from (pair for pair in (*project.always, *project.never) if set(pair) <= of.rows.keys())
    for one in project.clusters:
        for own, owned in of.result.customers.items():
            yield from ((cluster.record_of(one, own), record) for record in owned)


def crossings(project: Project, before: Unified, after: Unified) -> Iterator[Record]:
    """Yield the rows and profiles that hold a key which is over its rule's limit in only one of the two runs."""
    for (rule, *old), (_, *new) in zip(comparisons(project, before), comparisons(project, after), strict=True):
        held = compare.holders(rule, *old), compare.holders(rule, *new)
        for key in compare.crowded_keys(rule, *old) ^ compare.crowded_keys(rule, *new):
            yield from held[0].get(key, set()) | held[1].get(key, set())


def reached(project: Project, before: Unified, after: Unified, changed: Record) -> frozenset[Record]:
    """Return the rows (and profiles) that are connected with a changed row, before or after the change."""
    edges = set(chain(edges_of(project, before), edges_of(project, after)))
    edges |= {(changed, record) for record in crossings(project, before, after)}
    found = {changed}
    while more := {end for edge in edges if found.intersection(edge) for end in edge} - found:
        found |= more
    return frozenset(found)
