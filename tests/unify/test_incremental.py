"""A run that looks only at what a change can touch gives what a run over everything gives (law 3), or nothing (law 6).

The oracle unifies everything from scratch each time. It knows what must come of each row; what else the warehouse
keeps, such as keys and how many share them, is held against what it keeps once all is unified as a whole.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from dataclasses import replace
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
from backstamp.unify import components

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
CROWDED = range(SEQUENCES // 1000) or (0, 1, 3)
FAMILIES, RUNS_OF_A_PART = 30, 5
"""Worlds in which keys become crowded and cease to be."""
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


@pytest.mark.parametrize("seed", CROWDED)
def test_a_part_keeps_what_a_full_run_keeps(seed: int) -> None:
    """So do who hangs together with whom, which keys are too crowded for that, and what became of ids, of every run."""
    world, steps = worlds.crowded(seed, FAMILIES, RUNS_OF_A_PART), []
    with DuckDB() as engine, DuckDB() as other:
        for run, step in enumerate(world.steps(), start=1):
            steps.append(step)
            before = harness.before(other) if run > 1 else None
            outcomes = worlds.unified(engine, steps), harness.unified(other, step.project, step.rows, before, run)
            assert outcomes[0] == outcomes[1]
            assert _kept(engine) == _kept(other)
            assert _together(engine) == _together(other)
            assert _became(engine, run) == _became(other, run)
            engine.publish()
            other.publish()


def test_a_row_keeps_the_key_that_stays() -> None:
    """A value that a row holds by two rules, and now only by one of them, still finds the row."""
    rules = (Rule("As it is", (on("email"),)), Rule("In small letters", (on("email", "lowercase"),)))
    project = replace(PROJECT, match=(Between("crm.contact", "crm.lead", rules),))
    values = dict.fromkeys(harness.TYPES)
    known = {1: "abc", 9: "other"}
    with DuckDB() as engine:
        for run, now in enumerate(({1: "abc"}, {1: "ABC"}, {1: "ABC", 2: "Abc"}), start=1):
            emails: model.Rows = {
                ("crm.contact", key): {**values, "email": email} for key, email in {**known, **now}.items()
            }
            if run == 1:
                harness.unified(engine, project, emails, None, run)
            else:
                found = harness.unified_again(engine, project, emails, run)
            engine.publish()
    assert frozenset({("crm.contact", 1), ("crm.contact", 2)}) in found.customers.values()


def test_whoever_tells_where_an_id_went_hangs_together() -> None:
    """Where one of two rows by which a vanished id is followed moves on, the other still tells where the rest is."""

    def rows(*emails: str) -> model.Rows:
        values = dict.fromkeys(harness.TYPES)
        return {("crm.contact", key): {**values, "email": email} for key, email in enumerate(emails)}

    begun = rows("a", "a", "b", "b", "c", "c", "d")
    divided = rows("b", "c", "b", "b", "c", "c", "d")
    moved = rows("d", "c", "b", "b", "c", "c", "d")
    with DuckDB() as engine:
        first = harness.unified(engine, PROJECT, begun, None, 1)
        engine.publish()
        harness.unified_again(engine, PROJECT, divided, 2)
        engine.publish()
        harness.unified_again(engine, PROJECT, moved, 3)
        changes = engine.rows(engine.table("id_changes"))
    of_row = {key: str(own) for own, owned in first.customers.items() for _, key in owned}
    told = [(of_row[key], of_row[other], "moved") for key, other in ((0, 4), (0, 6))]
    assert sorted((row["old_id"], row["new_id"], row["reason"]) for row in changes) == sorted(told)


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
    tables: dict[str, Any] = {"match_keys": keys, "excepted": excepted}
    tables |= {name: engine.table(name) for name in ("shared_values", "crowded_keys")}
    return {name: sorted(map(repr, engine.rows(table))) for name, table in tables.items()}


def _became(engine: Engine, run: int) -> list[str]:
    """Return what became of ids in a run; a run that finds nothing changed leaves what another said."""
    return sorted(repr(row) for row in engine.rows(engine.table("id_changes")) if row["run"] == run)


def _together(engine: Engine) -> set[frozenset[tuple[str, str]]]:
    """Return the rows of customers that hang together with others, by table and key."""
    owned = components.owners(engine.table("customers"))
    named = owned.inner_join(engine.table("records").select("record", "table", "key"), "record")
    found: dict[int, set[tuple[str, str]]] = {}
    for row in engine.rows(named.inner_join(engine.table("components"), "customer")):
        found.setdefault(row["component"], set()).add((row["table"], row["key"]))
    return set(map(frozenset, found.values()))


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
