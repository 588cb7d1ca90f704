"""Laws 1 to 3 of linking, whatever people do between two runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.laws import world

if TYPE_CHECKING:
    from pathlib import Path

SEQUENCES = int(os.environ.get("LAWS_LINKS", "200"))  # `make laws` asks for more
SIDE_BY_SIDE = 100
RUNS = 5


@pytest.mark.parametrize("seed", range(-(-SEQUENCES // SIDE_BY_SIDE)))
def test_random_steps(tmp_path: Path, seed: int) -> None:
    """After every run each link is what the oracle says, no reader saw one that led nowhere, nothing was in vain."""
    with world.beginning(tmp_path, seed, min(SEQUENCES, SIDE_BY_SIDE)) as around:
        around.check(around.run())
        for _ in range(RUNS):
            around.change()
            around.run_and_check()
        around.check_nothing_to_do()
