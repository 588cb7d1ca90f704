"""A run that is killed while it writes to the environment (linking.md 7.4, unification.md 8.6)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline import KEYS, LINKS, MEASURE, PROFILE, Place, serving, statuses

ROOT = Path(__file__).parents[2]
IN_THE_KEYS, IN_THE_LINKS = 7, 15
"""How many requests that write come before: five for the profiles, five for the keys, five for the measures."""


def state(place: Place) -> Any:
    """What the environment holds, whatever the CustomerIds are: contacts linked alike, values, numbers of rows."""
    links = Counter(place.links().values())
    alike = sorted(links.values()) if None not in links else None
    points, spent = place.rows(PROFILE, "msdynci_points"), place.rows(MEASURE, "msdynci_spent")
    values = sorted((points[customer], str(spent.get(customer))) for customer in points if points[customer])
    return alike, values, len(points), len(spent), len(place.rows(KEYS, "msdynci_customerid"))


@pytest.mark.parametrize("at", [IN_THE_KEYS, IN_THE_LINKS])
def test_killed_while_it_writes(untouched: Path, linked: Path, tmp_path: Path, at: int) -> None:
    """The next run brings the environment where it would be without, every link right; then there is nothing to do."""
    folder = shutil.copytree(untouched, tmp_path / "killed")
    with serving(linked) as place:
        wanted = state(place)
    with serving(folder) as place:
        command = [sys.executable, "-m", "tests.pipeline.dying", str(folder), place.url, str(at)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        again = place.run()
        assert statuses(again)[LINKS] == "Successful"
        assert state(place) == wanted
        members = {row["key"]: row["customer_id"] for row in place.published("members")}
        assert place.links().items() <= members.items()
        writes = place.environment.traffic.writes
        place.run()
        assert place.environment.traffic.writes == writes
