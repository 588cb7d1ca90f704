"""A run that looks only at what a change can touch gives what a run over everything gives (law 3), or nothing (law 6).

The oracle unifies everything from scratch each time. It knows what must come of each row; what else the warehouse
keeps, such as keys and how many share them, is held against what it keeps once all is unified as a whole.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from tests import engines
from tests.oracle import model
from tests.oracle.model import NOTHING, Between, Project, Rule, Table, on, profile_column
from tests.oracle.mutants import mutant
from tests.oracle.strategies import Step
from tests.oracle.unification import seed_of, unify
from tests.unify import dying, harness, worlds

from backstamp.engine import DuckDB

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp.engine import Engine

SEQUENCES = int(os.environ.get("LAWS_SEQUENCES", "200"))  # `make laws` asks for more
KILLS = int(os.environ.get("LAWS_KILLS", "20"))
SIDE_BY_SIDE = 100
RUNS = range(4, 9)
ON_SPARK, RUNS_ON_SPARK = 5, (4,)  # where a run of a few rows takes a minute
WORLDS = [
    *(("duckdb", seed) for seed in range(-(-SEQUENCES // SIDE_BY_SIDE))),
    pytest.param("spark", 0, marks=engines.needs_spark),
]
MUTANTS = ("empty values match", "evidence goes by key", "ties go to the smaller key", "the older id stays")
"""Rules of the oracle that are changed, to see whether that would be noticed."""
NOTICING = (0, 1)
"""The worlds of the suite, which notice each of these; in a longer run some projects lack what a rule is about."""
RULES = (Rule("Email", (on("email", "lowercase"),)), Rule("Phone", (on("phone"),)))
PROJECT = Project(
    (Table("crm.contact", "number"), Table("crm.lead", "number", include_all=True)),
    (Between("crm.contact", "crm.lead", RULES),),
    (profile_column("email", ("crm.lead", "email"), ("crm.contact", "email")),),
)


@pytest.mark.parametrize(("warehouse", "seed"), WORLDS, indirect=["warehouse"])
def test_incremental_runs_give_what_full_ones_give(warehouse: Engine, seed: int) -> None:
    """Partition, evidence, values, ids and all else that is kept are those of full runs, whatever people do between."""
    on_spark = not isinstance(warehouse, DuckDB)
    world = worlds.drawn(seed, *((ON_SPARK, RUNS_ON_SPARK) if on_spark else (min(SEQUENCES, SIDE_BY_SIDE), RUNS)))
    last = world.hold(warehouse)
    kept = _kept(warehouse)
    harness.unified(warehouse, last.project, last.rows, None, 1)
    assert kept == _kept(warehouse)
    for name in MUTANTS if seed in NOTICING else ():
        with mutant(name):
            assert not all(family.is_as_told() for family in world.families), f"nobody would notice that {name}"


def test_what_does_not_hold_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family is named with its rows, and a shorter sequence that shows it, and only while it does not hold."""
    monkeypatch.setattr(worlds, "SECONDS", 5)
    names = {**vars(model), "Step": Step, "datetime": dt}
    with DuckDB() as engine, mutant("ties go to the smaller key"):
        with pytest.raises(pytest.fail.Exception) as failed:
            worlds.drawn(0, 3, (2,)).hold(engine)
        told, again = str(failed.value).split("To see it again: tests.unify.worlds.otherwise")
        steps = eval(again, names)  # noqa: S307 - people do it too
        assert worlds.otherwise(steps)
    number = int(told.split()[1])
    assert told.startswith(f"Family {number} in run ")
    assert all(str(record) in told for record in steps[-1].rows)
    assert not worlds.otherwise(steps)


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
    """A process that is killed at any statement leaves the run before or the run after, whole; the next can be done."""
    draw = random.Random(1)  # noqa: S311 - chance, not a secret
    rows = _rows(draw)
    known = unify(PROJECT, rows, NOTHING, 1, seed_of(1))
    with DuckDB(tmp_path / dying.WAREHOUSE) as warehouse:
        harness.unified(warehouse, PROJECT, rows, None, 1)
        warehouse.publish()
    statements, kills = 0, 0
    with dying.process(tmp_path) as unified_again:
        # The first run tells how many statements there are, and the last is the one after the last kill.
        for run, part in enumerate([0.0, *(draw.random() for _ in range(KILLS)), 0.0], start=2):
            rows = _rows(draw)
            wanted = unify(PROJECT, rows, known.state, run, seed_of(run))
            executed = unified_again(Step(PROJECT, rows), run, round(part * statements))
            with DuckDB(tmp_path / dying.WAREHOUSE) as warehouse:
                found = harness.read(warehouse, PROJECT)
            kills += executed is None
            statements = executed or statements
            if executed is not None or found != harness.expected(known):
                assert found == harness.expected(wanted)
                known = wanted
    assert kills > KILLS / 2


def _rows(draw: random.Random) -> model.Rows:
    keys = [(table.name, key) for table in PROJECT.tables for key in draw.sample(range(40), 30)]
    values = dict.fromkeys(harness.TYPES)
    return {key: {**values, "email": f"{draw.randrange(30)}@x", "phone": str(draw.randrange(30))} for key in keys}
