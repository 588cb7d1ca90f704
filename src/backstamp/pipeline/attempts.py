"""A task that is tried again where that can help."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstamp import runs

WAITS = (5.0, 30.0, 120.0)
"""Seconds before each further attempt: shorter than after what silence a run is taken for dead."""
_CHECK_EVERY_SECONDS = 0.5
_Made = TypeVar("_Made")


def repeated(
    ledger: runs.Ledger,
    run: runs.Run,
    planned: runs.PlannedTask,
    work: Callable[[runs.RunningTask], _Made],
    check: Callable[[], object],
) -> _Made:
    """Do a task; where an error leaves it that another attempt may not meet, again, after waits that grow.

    Args:
        ledger: tells of each attempt; between two the task is Failed.
        run: the run.
        planned: the task.
        work: does it, from the start or from where it stopped.
        check: raises an error where the run is to stop; asked while it waits.

    Raises:
        TransientError: none of several attempts came through: the task is Failed (permanent).
        BackstampError: what leaves the task that no further attempt can help, or `check`.
    """
    for wait in WAITS:
        try:
            with ledger.task(run, planned) as task:
                return work(task)
        except errors.TransientError:
            _wait(wait, check)
    with ledger.task(run, planned, last_attempt=bool(WAITS)) as task:
        return work(task)


def _wait(seconds: float, check: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        check()
        time.sleep(min(left, _CHECK_EVERY_SECONDS))
