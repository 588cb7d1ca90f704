"""Unification gives what the oracle gives, for random projects, rows and changes."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from tests.oracle import strategies
from tests.oracle.model import NOTHING
from tests.oracle.unification import seed_of, unify
from tests.unify import harness

from backstamp import pipeline
from backstamp.engine import DuckDB
from backstamp.pipeline.history import write

if TYPE_CHECKING:
    from backstamp.engine import Engine

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "20"))  # `make laws` asks for more
SPARK_SHARE = 10  # of the examples: Spark takes seconds for a run of a few rows


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
