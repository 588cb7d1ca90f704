"""Unification gives what the oracle gives, and keeps the laws, for random projects, rows and changes.

Law 1 (order-free), 2 (engine-free: both engines give what the oracle gives), 4 (idempotent) and 5 (local) of
unification.md 8. Laws 3 and 6 are in `test_incremental.py`, law 6 of whole runs in `tests/pipeline/test_killed.py`.
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracle import families, local, strategies
from tests.oracle.model import NOTHING, Between, Project, Rule, Table, on, profile_column
from tests.oracle.unification import filtered, seed_of, unify
from tests.unify import harness
from tests.unify.worlds import World

from backstamp import engine, pipeline
from backstamp.engine import DuckDB
from backstamp.pipeline.history import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle import model
    from tests.oracle.strategies import Step

    from backstamp.engine import Engine
    from backstamp.unify import history

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "4"))  # `make laws` asks for more
SPARK_SHARE = 12  # of the examples: Spark takes seconds for a run of a few rows
SEEDS = range(-(-EXAMPLES // 20))  # of worlds in which the other laws are held
FAMILIES = 40
THREADS = (1, 2, 4)
MANY = 20_000  # rows of a table
NO_VALUES = dict.fromkeys(harness.TYPES)
LARGE = Project(
    (Table("crm.contact", "number"), Table("crm.lead", "number", include_all=True)),
    (Between("crm.contact", "crm.lead", (Rule("Email", (on("email", "lowercase"),)), Rule("Last", (on("last"),)))),),
    (profile_column("email", ("crm.lead", "email"), ("crm.contact", "email")),),
)


@pytest.fixture(scope="module")
def by_threads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Engine]]:
    """A warehouse for each number of threads."""
    with ExitStack() as stack:
        yield {
            threads: stack.enter_context(
                engine.open_warehouse(tmp_path_factory.mktemp("threads"), engine.DuckDBSettings(threads=threads))
            )
            for threads in THREADS
        }


def test_runs_give_what_the_page_says(warehouse: Engine) -> None:
    """Groups, winners, evidence, customers, ids, profiles and history are the oracle's after each of several runs.

    And every id ever given out resolves to what it stands for after the last.
    """
    examples = EXAMPLES if isinstance(warehouse, DuckDB) else -(-EXAMPLES // SPARK_SHARE)

    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(history=strategies.histories(with_overrides=True))
    def hold(history: strategies.History) -> None:
        _hold(warehouse, history)

    hold()


def _hold(warehouse: Engine, history: strategies.History) -> None:
    project = history.project
    state, before = NOTHING, None
    with TemporaryDirectory() as folder:
        for run, rows in enumerate(history.states, start=1):
            wanted = unify(project, rows, state, run, seed_of(run))
            found = harness.unified(warehouse, project, rows, before, run)
            assert found == harness.expected(wanted)
            state, before = wanted.state, harness.before(warehouse)
            write(warehouse, Path(folder))
        resolved = {own: pipeline.resolve(Path(folder), str(own)).customer_ids for own in state.given}
    assert resolved == {own: tuple(sorted(map(str, state.resolve(own)))) for own in state.given}


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    """Families side by side, some with overrides."""
    draw = random.Random(request.param)  # noqa: S311 - chance, not a secret
    project, _ = families.draw_projects(request.param)
    return World(draw, [families.Family(number) for number in range(FAMILIES)], [project] * 2)


@pytest.fixture(scope="module")
def step(world: World) -> Step:
    """What a run finds of them."""
    *_, last = world.steps()
    return last


@pytest.fixture(scope="module")
def first(by_threads: dict[int, Engine], step: Step) -> tuple[harness.Outcome, history.Before]:
    """What comes of it on most threads, and what the next run there is told of it."""
    warehouse = by_threads[THREADS[-1]]
    return harness.unified(warehouse, step.project, step.rows, None, 1), harness.before(warehouse)


def test_order_and_threads(
    by_threads: dict[int, Engine], step: Step, world: World, first: tuple[harness.Outcome, history.Before]
) -> None:
    """Law 1: rows in another order, on another number of threads, come to the same."""
    shuffled = dict(world.draw.sample(list(step.rows.items()), len(step.rows)))
    assert harness.unified(by_threads[THREADS[0]], step.project, shuffled, None, 1) == first[0]


def test_the_same_rows_again(
    by_threads: dict[int, Engine], step: Step, first: tuple[harness.Outcome, history.Before]
) -> None:
    """Law 4: a run with no changed row changes nothing, though its seed is another one."""
    outcome, before = first
    assert harness.unified(by_threads[THREADS[-1]], step.project, step.rows, before, 2) == outcome


def test_the_change_of_one_row(
    by_threads: dict[int, Engine], world: World, step: Step, first: tuple[harness.Outcome, history.Before]
) -> None:
    """Law 5: a changed row of each family touches only customers, and rows without one, that are connected with it."""
    outcome, before = first
    reached: set[model.Record] = set()
    for family in world.families:
        changed = family.change_one(step.project, world.draw)
        family.unify(step.project)
        own = family.steps[-1].project
        unified = zip(family.steps[-2:], family.results[-2:], strict=True)
        old, new = (local.Unified(filtered(own, one.rows), result) for one, result in unified)
        reached |= local.reached(own, old, new, changed)
    after = families.together(world.families)
    touched = _told(outcome) ^ _told(harness.unified(by_threads[THREADS[-1]], after.project, after.rows, before, 2))
    assert touched
    assert [rows for rows, *_ in touched if reached.isdisjoint(rows)] == []


def _told(outcome: harness.Outcome) -> set[tuple[frozenset[model.Record], str]]:
    """Return what is known of each customer, beside its rows, and of each row that is left out."""
    customers = {
        (rows, repr((own, sorted(outcome.profiles[own].items()), outcome.previous[own])))
        for own, rows in outcome.customers.items()
    }
    return customers | {(frozenset({row}), "left out") for row in outcome.left_out}


def test_many_rows_and_threads(by_threads: dict[int, Engine]) -> None:
    """Law 1 where threads have work to share: tables of many rows come to the same in any order, on any number."""
    draw = random.Random(1)  # noqa: S311 - rows, not a secret
    rows: model.Rows = {
        (table.name, key): {**NO_VALUES, "email": f"{draw.randrange(MANY)}@x", "last": f"Lee {draw.randrange(MANY)}"}
        for table in LARGE.tables
        for key in range(MANY)
    }
    found = []
    for warehouse in by_threads.values():
        rows = dict(draw.sample(list(rows.items()), len(rows)))
        given = harness.given_of(warehouse, LARGE, rows)
        said = harness.settings_of(LARGE)
        pipeline.unify(warehouse, said, given, None, run=1, seed=seed_of(1), stage=harness.nobody)
        tables = (warehouse.table(name) for name in ("customers", "profiles", "members"))
        found.append([sorted(map(repr, warehouse.rows(table))) for table in tables])
    assert found[0] == found[1] == found[2]
