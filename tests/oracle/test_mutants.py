"""The strategies notice each rule of the page: they draw histories in which another rule gives another result."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.oracle.mutants import MUTANTS, mutant
from tests.oracle.strategies import History, histories
from tests.oracle.unification import replay, seed_of, unify

if TYPE_CHECKING:
    from tests.oracle.model import Result, Rows

# The same histories each time, and none made smaller: that some of them notice a rule is the claim.
DRAW = settings(
    max_examples=120,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[History, list[Result]]]:
    """Histories with what the oracle says about them."""
    found = []

    @DRAW
    @given(histories(with_overrides=True))
    def collect(history: History) -> None:
        found.append((history, replay(history.project, history.states)))

    collect()
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_rules_are_noticed(name: str, drawn: list[tuple[History, list[Result]]]) -> None:
    """Some history has other results if this rule is another one."""
    with mutant(name):
        assert any(replay(history.project, history.states) != results for history, results in drawn)


def test_order_free(drawn: list[tuple[History, list[Result]]]) -> None:
    """The order in which rows come changes nothing."""

    def shuffled(rows: Rows) -> Rows:
        return dict(random.Random(1).sample(list(rows.items()), len(rows)))  # noqa: S311 - an order, not a secret

    for history, results in drawn[-50:]:
        assert replay(history.project, [shuffled(rows) for rows in history.states]) == results


def test_idempotent(drawn: list[tuple[History, list[Result]]]) -> None:
    """One more run over the same rows changes nothing, ids and their history included."""
    for history, results in drawn[-50:]:
        last = results[-1]
        assert unify(history.project, history.states[-1], last.state, 9, seed_of(9)) == last
