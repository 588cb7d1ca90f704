"""A run that looks only at what a change can touch gives what a run over everything gives (law 3), or nothing (law 6).

The oracle unifies everything from scratch each time. It knows what must come of each row; what else the warehouse
keeps, such as keys and how many share them, is held against that of another warehouse, unified as a whole.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracle import strategies
from tests.oracle.model import NOTHING, Between, Project, Rule, Table, on, profile_column
from tests.oracle.strategies import Step
from tests.oracle.unification import seed_of, unify
from tests.unify import dying, harness

from backstamp.engine import DuckDB
from backstamp.pipeline import incremental

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.oracle import model

    from backstamp.engine import Engine

SEQUENCES = int(os.environ.get("LAWS_SEQUENCES", "4"))  # `make laws` asks for more
KILLS = int(os.environ.get("LAWS_KILLS", "3"))
ON_SPARK = 1  # where a run of a few rows takes a minute
ROOT = Path(__file__).parents[2]
RULES = (Rule("Email", (on("email", "lowercase"),)), Rule("Phone", (on("phone"),)))
PROJECT = Project(
    (Table("crm.contact", "number"), Table("crm.lead", "number", include_all=True)),
    (Between("crm.contact", "crm.lead", RULES),),
    (profile_column("email", ("crm.lead", "email"), ("crm.contact", "email")),),
)


@pytest.fixture(scope="module")
def whole() -> Iterator[DuckDB]:
    """A warehouse in which everything is unified as a whole."""
    with DuckDB() as opened:
        yield opened


def test_incremental_runs_give_what_full_ones_give(warehouse: Engine, whole: Engine) -> None:
    """Partition, evidence, values, ids and all else that is kept are those of full runs, however rows change."""
    on_spark = not isinstance(warehouse, DuckDB)

    @settings(
        max_examples=ON_SPARK if on_spark else SEQUENCES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(steps=strategies.sequences(least=3, most=3) if on_spark else strategies.sequences())
    def hold(steps: Sequence[Step]) -> None:
        _hold(warehouse, whole, steps)

    hold()


def _hold(warehouse: Engine, whole: Engine, steps: Sequence[Step]) -> None:
    state = NOTHING
    for run, step in enumerate(steps, start=1):
        wanted = unify(step.project, step.rows, state, run, seed_of(run))
        if run == 1 or incremental.obstacle(harness.settings_of(step.project)):
            before = None if run == 1 else harness.before(warehouse)
            found = harness.unified(warehouse, step.project, step.rows, before, run)
        else:
            found = harness.unified_again(warehouse, step.project, step.rows, run)
        assert found == harness.expected(wanted)
        warehouse.publish()
        state = wanted.state
    last = steps[-1]
    harness.unified(whole, last.project, last.rows, None, 1)
    assert _kept(warehouse) == _kept(whole)


def _kept(engine: Engine) -> dict[str, list[str]]:
    """Return what is kept besides an outcome, without records."""
    records = engine.table("records")
    keys = engine.table("match_keys").inner_join(records.select("record", "table", "key"), "record").drop("record")
    excepted = engine.table("excepted")
    for end in ("left", "right"):
        excepted = excepted.inner_join(records.select(**{end: "record", f"{end} key": "key"}), end)
    excepted = excepted.drop("customer", "left", "right")
    tables: dict[str, Any] = {"match_keys": keys, "excepted": excepted, "shared_values": engine.table("shared_values")}
    return {name: sorted(map(repr, engine.rows(table))) for name, table in tables.items()}


def test_killed_at_any_statement(tmp_path: Path) -> None:
    """A process that is killed at any moment leaves the run before or the run after, whole; the next can be done."""
    before, after = _rows(random.Random(1)), _rows(random.Random(2))  # noqa: S311 - rows, not a secret
    first = unify(PROJECT, before, NOTHING, 1, seed_of(1))
    second = unify(PROJECT, after, first.state, 2, seed_of(2))
    begun = tmp_path / "begun"
    begun.mkdir()
    with DuckDB(begun / dying.WAREHOUSE) as warehouse:
        harness.unified(warehouse, PROJECT, before, None, 1)
        warehouse.publish()
    (begun / dying.STEP).write_bytes(pickle.dumps(Step(PROJECT, after)))
    statements = dying.main(shutil.copytree(begun, tmp_path / "whole"), 0)
    for kill in range(KILLS):
        # The last one kills it in the middle of publishing.
        at = statements - statements * kill // KILLS
        folder = shutil.copytree(begun, tmp_path / str(at))
        command = [sys.executable, "-m", "tests.unify.dying", str(folder), str(at)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        with DuckDB(folder / dying.WAREHOUSE) as warehouse:
            found = harness.read(warehouse, PROJECT)
            assert found in (harness.expected(first), harness.expected(second))
        if found == harness.expected(first):
            dying.main(folder, 0)
            with DuckDB(folder / dying.WAREHOUSE) as warehouse:
                assert harness.read(warehouse, PROJECT) == harness.expected(second)


def _rows(draw: random.Random) -> model.Rows:
    keys = [(table.name, key) for table in PROJECT.tables for key in draw.sample(range(40), 30)]
    values = dict.fromkeys(harness.TYPES)
    return {key: {**values, "email": f"{draw.randrange(30)}@x", "phone": str(draw.randrange(30))} for key in keys}
