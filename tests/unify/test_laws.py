"""Unification gives what the oracle gives, for random projects, rows and changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from tests.oracle import strategies
from tests.oracle.model import NOTHING
from tests.oracle.unification import seed_of, unify
from tests.unify import harness

if TYPE_CHECKING:
    from backstamp.engine import Engine

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "20"))  # `make laws` asks for more


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=strategies.histories(with_overrides=True))
def test_runs_give_what_the_page_says(warehouse: Engine, history: strategies.History) -> None:
    """Groups, winners, evidence, customers, ids, profiles and history are the oracle's after each of several runs."""
    project = history.project
    state, before = NOTHING, None
    for run, rows in enumerate(history.states, start=1):
        wanted = unify(project, rows, state, run, seed_of(run))
        found = harness.unified(warehouse, project, rows, before, run)
        assert found == harness.expected(wanted)
        state, before = wanted.state, harness.before(warehouse)
