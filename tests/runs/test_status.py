"""What a reader sees."""

from __future__ import annotations

import dataclasses
import json
import time

import orjson

from backstamp import runs
from backstamp.runs import TaskStatus

MATCH = runs.PlannedTask("Unification", "Match")


def test_empty(location: str) -> None:
    """Before the first run there is nothing to see, and that is no error."""
    with runs.Status(location) as status:
        assert (status.last(), status.run(1), status.history(5)) == (None, None, [])


def test_history(ledger: runs.Ledger, location: str) -> None:
    """The history is newest first, as long as asked, each run with its own tasks."""
    for _ in range(4):
        run = ledger.begin_run(runs.Arguments())
        ledger.plan_tasks(run, [MATCH] * (run.number % 2))
        ledger.end_run(run)
    with runs.Status(location) as status:
        assert [(run.number, len(run.tasks)) for run in status.history(3)] == [(4, 0), (3, 1), (2, 0)]
        assert status.last() == status.run(4)


def test_speed(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A task under way tells its speed and the time left at that speed."""
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH, total=400) as task, runs.Status(location) as status:
        time.sleep(0.4)
        task.progress(100)
        seen = status.run(1)
    assert seen is not None
    (found,) = seen.tasks
    assert found.progress is not None
    assert found.progress.rows_per_second == 100 / (found.seconds or 0)
    assert found.progress.seconds_left == 300 / found.progress.rows_per_second


def test_clock_stops(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """An ended run, and a task that waits for approval, grow no older."""
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH) as task:
        task.wait_for_approval("12 000 links would change.")
    with runs.Status(location) as status:
        assert status.run(1).tasks == status.run(1).tasks  # type: ignore[union-attr]
        ledger.request_cancel(1, "Ada")
        ledger.end_run(run)
        assert status.run(1) == status.run(1)


def test_a_reader_that_stays(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A reader that stays open sees what one that comes later sees, also of a run that ended in between."""
    ledger.plan_tasks(run, [MATCH])
    with runs.Status(location) as stays:
        assert [task.status for task in stays.history(1)[0].tasks] == [TaskStatus.NOT_STARTED]
        with ledger.task(run, MATCH):
            ledger.note_published(run)
        assert stays.last_published() == (1, None)
        ended = ledger.end_run(run)
        assert [stays.run(1), stays.last()] == [ended, ended]
        with runs.Status(location) as later:
            assert (
                (later.run(1), later.last_published())
                == (stays.run(1), stays.last_published())
                == (ended, (1, ended.ended))
            )


def test_json(ledger: runs.Ledger, run: runs.Run) -> None:
    """A run is made of plain values: every JSON library can write it, statuses as their words."""
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH, total=1) as task:
        task.warn("A column is empty.")
    ended = ledger.end_run(run)
    told = orjson.loads(orjson.dumps(ended))
    assert told["status"] == told["tasks"][0]["status"] == TaskStatus.SUCCESSFUL
    assert json.loads(json.dumps(dataclasses.asdict(ended), default=lambda time: time.isoformat())) == told
