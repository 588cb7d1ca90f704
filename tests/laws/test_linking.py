"""Laws 1 to 3 of linking, whatever people do between two runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.laws import holding, world
from tests.oracle.model import NOTHING
from tests.oracle.mutants import mutant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SEQUENCES = int(os.environ.get("LAWS_LINKS", "200"))  # `make laws` asks for more
SIDE_BY_SIDE = 200
MUTANTS = ("empty values match", "match rules leave duplicates", "ties go to the smaller key", "the older id stays")
"""Rules of the oracle that are changed, to see whether that would be noticed."""


@pytest.mark.parametrize("seed", range(-(-SEQUENCES // SIDE_BY_SIDE)))
def test_random_steps(tmp_path: Path, seed: int) -> None:
    """After every run each link is what the oracle says, no reader saw one that led nowhere, nothing was in vain."""
    with world.beginning(tmp_path, seed, min(SEQUENCES, SIDE_BY_SIDE)) as around:
        around.check(around.run())
        for kind in world.KINDS:
            around.change(kind)
            around.run_and_check()
        around.change("few")
        around.approve_and_check()
        around.change()
        around.undo_and_check()
        around.check_nothing_to_do()
    for name in MUTANTS:
        with mutant(name):
            assert not _holds(around.history), f"nobody would notice that {name}"


def _holds(history: Sequence[world.Checked]) -> bool:
    """Tell whether what all runs left is what the oracle says."""
    states = dict.fromkeys(history[0].moments, NOTHING)
    try:
        for run, checked in enumerate(history, start=1):
            for number, moment in checked.moments.items():
                states[number] = holding.hold(checked.of(number), moment, states[number], run)
    except AssertionError:
        return False
    return True
