"""`schedule`."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.cli import backstamp, start

from backstamp import project, runs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scheduled(file: Path) -> Path:
    """The project file of a demo with a schedule."""
    file.write_text(file.read_text() + "\nschedule: {every: 1 second}\n")
    return file


def test_due(scheduled: Path) -> None:
    """It says when the next run is due, and that nobody sees to it."""
    said = backstamp("schedule", "--project", scheduled)
    assert said.code == 0, said
    due, nobody = said.out.splitlines()
    assert due.startswith("The next run is due at 20")
    assert nobody.startswith("Nobody sees to it now")
    assert backstamp("schedule", "--project", scheduled, "--json").document["switch"]["keeper"] is None


def test_off_and_on(scheduled: Path) -> None:
    """Turned off it stays off, and says by whom; turned on a run is due again."""
    off = backstamp("schedule", "--off", "--project", scheduled)
    assert off.out.startswith("The schedule was turned off by ")
    assert backstamp("schedule", "--project", scheduled, "--json").document["due"] is None
    assert backstamp("schedule", "--on", "--project", scheduled, "--json").document["due"] is not None


def test_without_a_schedule(file: Path) -> None:
    """A project without a schedule is told how to have one."""
    said = backstamp("schedule", "--project", file)
    assert said.code == 2
    assert "schedule: {every: 15 minutes}" in said.err


def test_kept(scheduled: Path) -> None:
    """Kept in the foreground, runs begin by themselves, until it is told to stop; the one that goes on ends first."""
    keeping = start("schedule", "--keep", "--project", scheduled)
    with runs.Status(project.find_ledger(scheduled)) as status:
        deadline = time.monotonic() + 120
        while status.run(5) is None and time.monotonic() < deadline:
            time.sleep(0.05)
    keeping.send_signal(signal.SIGTERM)
    out, _ = keeping.communicate(timeout=60)
    assert keeping.returncode == 0, out
    assert "Run 4 was successful" in out
    with runs.Status(project.find_ledger(scheduled)) as status:
        begun = [run for run in status.history(9) if run.number > 3]
    assert len(begun) >= 2
    assert all(run.ended and run.arguments.requested_by == "schedule" for run in begun)
