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
from hypothesis import strategies as st
from tests.oracle import local, strategies
from tests.oracle.model import NOTHING, Between, Project, Rule, Table, on, profile_column
from tests.oracle.unification import filtered, replay, seed_of, unify
from tests.unify import harness

from backstamp import engine, pipeline
from backstamp.engine import DuckDB
from backstamp.pipeline.history import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle import model

    from backstamp.engine import Engine

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "12"))  # `make laws` asks for more
SPARK_SHARE = 12  # of the examples: Spark takes seconds for a run of a few rows
LAW_SHARE = 8  # of the examples: the laws follow from the oracle, which keeps them too
THREADS = (1, 2, 4)
MANY = 20_000  # rows of a table
NO_VALUES = dict.fromkeys(harness.TYPES)
LARGE = Project(
    (Table("crm.contact", "number"), Table("crm.lead", "number", include_all=True)),
    (Between("crm.contact", "crm.lead", (Rule("Email", (on("email", "lowercase"),)), Rule("Last", (on("last"),)))),),
    (profile_column("email", ("crm.lead", "email"), ("crm.contact", "email")),),
)

drawn = settings(
    max_examples=-(-EXAMPLES // LAW_SHARE),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
one_run = strategies.histories(runs=1, with_overrides=True)


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


@drawn
@given(history=one_run, data=st.data())
def test_order_and_threads(by_threads: dict[int, Engine], history: strategies.History, data: st.DataObject) -> None:
    """Law 1: rows in another order, on another number of threads, come to the same."""
    project, rows = history.project, history.states[0]
    one, other = (by_threads[threads] for threads in data.draw(st.permutations(THREADS))[:2])
    shuffled = dict(data.draw(st.permutations(list(rows.items()))))
    found = harness.unified(one, project, rows, None, 1)
    assert harness.unified(other, project, shuffled, None, 1) == found


@drawn
@given(history=one_run)
def test_the_same_rows_again(by_threads: dict[int, Engine], history: strategies.History) -> None:
    """Law 4: a run with no changed row changes nothing, though its seed is another one."""
    project, rows = history.project, history.states[0]
    warehouse = by_threads[THREADS[-1]]
    found = harness.unified(warehouse, project, rows, None, 1)
    assert harness.unified(warehouse, project, rows, harness.before(warehouse), 2) == found


@drawn
@given(history=one_run, data=st.data())
def test_the_change_of_one_row(by_threads: dict[int, Engine], history: strategies.History, data: st.DataObject) -> None:
    """Law 5: a changed row touches only customers, and rows without one, that are connected with it."""
    project, before = history.project, history.states[0]
    changed = data.draw(strategies.records(project, before))
    after = data.draw(strategies.changes_of(changed, before))
    warehouse = by_threads[THREADS[-1]]
    first = harness.unified(warehouse, project, before, None, 1)
    second = harness.unified(warehouse, project, after, harness.before(warehouse), 2)
    unified = (filtered(project, rows) for rows in (before, after))
    old, new = map(local.Unified, unified, replay(project, (before, after)))
    reached = local.reached(project, old, new, changed)
    touched = _told(first) ^ _told(second)
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
