"""All stages in order: what one run decides, and what several runs over changing rows do."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, UUID, uuid5

from tests.oracle.cluster import find
from tests.oracle.deduplicate import deduplicate
from tests.oracle.identify import derived_id, identify
from tests.oracle.match import match, of_table
from tests.oracle.merge import first_winners, merge
from tests.oracle.model import ALWAYS, NOTHING, Evidence, Group, Project, Record, Result, Rows, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def seed_of(run: int) -> UUID:
    """Return the seed of a run in tests, so that ids compare exactly."""
    return uuid5(NAMESPACE_OID, f"run {run}")


def filtered(project: Project, rows: Rows) -> Rows:
    """Return the rows that the filters of their tables leave (section 1)."""
    where = {table.name: table.where for table in project.tables}
    return {
        record: row
        for record, row in rows.items()
        if all(row[column] in values for column, values in where[record[0]].items())
    }


def groups_of(project: Project, rows: Rows) -> dict[str, list[Group]]:
    """Return each table's groups of duplicates."""
    return {table.name: deduplicate(project, table, of_table(rows, table.name))[0] for table in project.tables}


def refused_links(project: Project, rows: Rows, customers: Iterable[frozenset[Record]]) -> Iterator[Evidence]:
    """The duplicates that never pairs kept apart, and the always pairs of two tables that are not one customer."""
    for table in project.tables:
        yield from deduplicate(project, table, of_table(rows, table.name))[1]
    together = [pair for customer in customers for pair in permutations(customer, 2)]
    for pair in project.always:
        upper, lower = sorted(pair, key=project.place)
        if set(pair) <= rows.keys() and upper[0] != lower[0] and pair not in together:
            yield Evidence(ALWAYS, lower, upper, None)


def unify(project: Project, rows: Rows, previous: State, run: int, seed: UUID) -> Result:
    """Return everything that a run decides about the rows, after the state that the run before left."""
    rows = filtered(project, rows)
    groups = groups_of(project, rows)
    customers, matches = match(project, rows, groups)
    wanted = {customer: derived_id(project, first_winners(project, rows, groups, customer)) for customer in customers}
    state = identify(project, customers, previous, run, seed, wanted)
    profiles = {own: merge(project, rows, groups, customer) for own, customer in state.customers.items()}
    shown = {own: {name: v.value for name, v in profile.items()} for own, profile in profiles.items()}
    clusters = {one.name: find(project, one, shown, state, previous, run, seed) for one in project.clusters}
    for name, found in clusters.items():
        owner = {UUID(str(key)): own for own, together in found.customers.items() for _, key in together}
        shown = {own: {**profile, f"{name}_id": owner.get(own)} for own, profile in shown.items()}
    state = replace(state, clusters=clusters)
    return Result(
        groups={t: {key: g.id[1] for g in found for _, key in g.rows} for t, found in groups.items()},
        winners={t: {key: g.winner[1] for g in found for _, key in g.rows} for t, found in groups.items()},
        duplicates={row: link for found in groups.values() for g in found for row, link in g.evidence.items()},
        matches=matches,
        refused=frozenset(refused_links(project, rows, customers)),
        customers=state.customers,
        left_out=frozenset(rows).difference(*customers),
        profiles=shown,
        origins={own: {name: v.origin for name, v in profile.items() if v.origin} for own, profile in profiles.items()},
        previous=state.previous,
        state=state,
    )


def replay(project: Project, states: Iterable[Rows]) -> list[Result]:
    """Return the results of runs one after the other, each over the rows as they are then."""
    results: list[Result] = []
    for run, rows in enumerate(states, 1):
        results.append(unify(project, rows, results[-1].state if results else NOTHING, run, seed_of(run)))
    return results
