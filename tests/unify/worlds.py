"""Families of rows side by side in one warehouse: each run looks at what changed, and is held against the oracle."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.oracle import families
from tests.oracle.families import Family, family_of
from tests.oracle.model import NOTHING
from tests.oracle.unification import seed_of, unify
from tests.unify import harness

from backstamp.engine import DuckDB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tests.oracle.model import Project, Record
    from tests.oracle.strategies import Step
    from tests.unify.harness import Outcome

    from backstamp.engine import Engine

SHARES = (0.05, 0.4, 1.0)
"""So many of the families change from one run to the next."""
FEW_ROWS = 3
SECONDS = 120
"""So long may it take to find a short sequence that fails where a long one does."""


@dataclass(frozen=True)
class World:
    """Families side by side.

    Attributes:
        draw: what decides what happens.
        families: all of them.
        projects: of each run.
    """

    draw: random.Random
    families: Sequence[Family]
    projects: Sequence[Project]

    def steps(self) -> Iterator[Step]:
        """Yield what each run finds of all families, once the oracle has unified every one."""
        for run, project in enumerate(self.projects):
            share = self.draw.choice(SHARES) if run else 1
            for family in self.families:
                if self.draw.random() < share:
                    family.change(project, self.draw)
                family.unify(project)
            yield families.together(self.families)

    def hold(self, engine: Engine) -> Step:
        """Do all runs, hold what comes of each family in each against the oracle; return what the last one found."""
        steps: list[Step] = []
        for step in self.steps():
            steps.append(step)
            found = facts(unified(engine, steps))
            engine.publish()
            for family in self.families:
                wanted = facts(harness.expected(family.results[-1]))[family.number]
                if found[family.number] != wanted:
                    pytest.fail(_report(family, differences(found[family.number], wanted)))
        return steps[-1]


def drawn(seed: int, size: int, runs: Sequence[int]) -> World:
    """Return so many families for so many runs, from one of which on other rules are in force."""
    draw = random.Random(seed)  # noqa: S311 - chance, not a secret
    first, then = families.draw_projects(seed)
    count = draw.choice(runs)
    others = draw.randrange(1, count)
    return World(draw, [Family(number) for number in range(size)], [first] * (count - others) + [then] * others)


def crowded(seed: int, size: int, runs: int) -> World:
    """Return so many families for so many runs by one project, where few rows may share a key, whatever the rule."""
    project, _ = families.draw_projects(seed)
    few = families.with_limit(project, FEW_ROWS)
    return World(random.Random(seed), [Family(number) for number in range(size)], [few] * runs)  # noqa: S311 - as above


def unified(engine: Engine, steps: Sequence[Step]) -> Outcome:
    """Unify what changed in the last of some steps; all rows in the first, and where rules changed."""
    run, step = len(steps), steps[-1]
    if run == 1:
        return harness.unified(engine, step.project, step.rows, None, run)
    if harness.settings_of(step.project) != harness.settings_of(steps[-2].project):
        return harness.unified(engine, step.project, step.rows, harness.before(engine), run)
    return harness.unified_again(engine, step.project, step.rows, run)


def facts(outcome: Outcome) -> Mapping[int, Mapping[Any, Any]]:
    """Return all that was decided about each family, as single facts."""
    found: dict[int, dict[Any, Any]] = defaultdict(dict)
    for name in ("groups", "winners"):
        for table, of_rows in getattr(outcome, name).items():
            for key, other in of_rows.items():
                found[family_of((table, key))][name, table, key] = other
    for record, evidence in outcome.duplicates.items():
        found[family_of(record)]["duplicate", record] = evidence
    for evidence in outcome.matches:
        found[family_of(evidence.row)]["match", evidence] = True
    for record in outcome.left_out:
        found[family_of(record)]["left out", record] = True
    for left, right, rule in outcome.refused:
        found[family_of(left)]["refused", left, right, rule] = True
    for own, rows in outcome.customers.items():
        told = {"customer": rows, "profile": outcome.profiles[own], "previous": outcome.previous[own]}
        found[family_of(min(rows))] |= {(name, own): value for name, value in told.items()}
    for own, rows in outcome.followed.items():
        found[family_of(min(rows))]["followed", own] = rows
    return found


def otherwise(steps: Sequence[Step]) -> str:
    """Unify a sequence by itself; tell what first came of it otherwise than the oracle says, "" if nothing did."""
    state = NOTHING
    with DuckDB() as engine:
        for run, step in enumerate(steps, start=1):
            wanted = unify(step.project, step.rows, state, run, seed_of(run))
            found = unified(engine, steps[:run])
            engine.publish()
            if told := differences(*(_all(facts(outcome)) for outcome in (found, harness.expected(wanted)))):
                return f"In run {run}:\n{told}"
            state = wanted.state
    return ""


def differences(found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    """Say which facts are not what they should be, a line for each."""
    others = [fact for fact in {**wanted, **found} if found.get(fact) != wanted.get(fact)]
    return "".join(f"  {fact} is {found.get(fact)}, and should be {wanted.get(fact)}\n" for fact in others)


def shortened(steps: Sequence[Step]) -> Sequence[Step]:
    """Leave out runs, then rows, of a sequence that fails by itself, as long as what is left fails too."""
    until = time.monotonic() + SECONDS
    steps = next(steps[first:] for first in reversed(range(len(steps))) if first == 0 or otherwise(steps[first:]))
    records = list({record: None for step in steps for record in step.rows})
    many = len(records) // 2
    while many and time.monotonic() < until:
        for first in range(0, len(records), many):
            others = [_without(step, records[first : first + many]) for step in steps]
            if time.monotonic() < until and others != steps and otherwise(others):
                steps = others
        many //= 2
    return steps


def _without(step: Step, records: Collection[Record]) -> Step:
    return replace(step, rows={record: row for record, row in step.rows.items() if record not in records})


def _all(of_families: Mapping[int, Mapping[Any, Any]]) -> dict[Any, Any]:
    return {fact: value for of_family in of_families.values() for fact, value in of_family.items()}


def _report(family: Family, told: str) -> str:
    """Say what is wrong with a family, which rows the last run found, and in which shorter sequence it is wrong too."""
    last = family.steps[-1]
    rows = "".join(f"  {record}: {dict(row)}\n" for record, row in last.rows.items())
    overrides = f"  always {last.project.always}\n  never {last.project.never}\n"
    said = f"Family {family.number} in run {len(family.steps)}:\n{told}with the rows\n{rows}{overrides}"
    if not otherwise(family.steps):
        return f"{said}By itself it is right: what another family did has to do with it."
    return f"{said}To see it again: tests.unify.worlds.otherwise({list(shortened(family.steps))!r})"
