"""Runs that begin by themselves."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.schedule import House, wait_for

from backstamp import errors, runs, schedule
from backstamp.runs import schema

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[str], House]

NEVER = "{every: 9000 days}"


def outlook(house: House) -> schedule.Outlook:
    """What is to come."""
    with runs.Status(house.settings.ledger_location) as status:
        return schedule.outlook(house.settings, status, datetime.now(UTC))


def test_every(house: Make) -> None:
    """Runs begin again and again, at their distance, one after the other."""
    made = house("{every: 1 second}")
    with made.kept():
        wait_for(lambda: len(made.asked_by) == 3)
    with runs.Status(made.settings.ledger_location) as status:
        found = status.history(3)
    assert {run.arguments.requested_by for run in found} == {schedule.REQUESTED_BY}
    starts = [run.started for run in found]
    assert all(later - earlier >= timedelta(seconds=1) for later, earlier in itertools.pairwise(starts))


def test_missed_while_nobody_was_there(house: Make) -> None:
    """What was missed while no process kept the schedule is caught up with once."""
    made = house("{every: 1 day}")
    made.run_before()
    with made.ledger() as ledger, ledger._database.writing() as connection:
        began = datetime.now(UTC) - timedelta(days=30)
        connection.execute(schema.run.update().values(started=began))
    with made.kept():
        wait_for(lambda: made.asked_by == [schedule.REQUESTED_BY])
        time.sleep(0.2)
    assert len(made.asked_by) == 1


def test_off_and_on(house: Make) -> None:
    """Turned off nothing begins, also in the next process; turned on, counting begins anew."""
    made = house("{every: 1 second}")
    with made.ledger() as ledger:
        ledger.schedule.turn(on=False, by="Ada")
        with made.kept():
            time.sleep(0.3)
            assert (made.asked_by, outlook(made).due) == ([], None)
            ledger.schedule.turn(on=True, by="Ada")
            assert outlook(made).switch.turned_by == "Ada"
            wait_for(lambda: made.asked_by == [schedule.REQUESTED_BY])


def test_run_now(house: Make) -> None:
    """Somebody who asks for a run gets one, at once, in his name, also where the schedule is off."""
    made = house(NEVER)
    made.run_before()
    with made.ledger() as ledger, made.kept():
        ledger.schedule.turn(on=False, by="Ada")
        ledger.schedule.ask_for_run("Grace")
        wait_for(lambda: made.asked_by == ["Grace"])
        assert ledger.schedule.read().wanted_by is None


def test_kept_by_one(house: Make) -> None:
    """A second process that wants to keep the schedule is refused, by name."""
    made, other = house(NEVER), house(NEVER)
    made.run_before()
    with made.kept():
        wait_for(lambda: outlook(made).switch.keeper is not None)
        with pytest.raises(errors.BusyError, match="kept already, by process"), other.kept():
            time.sleep(0.2)
    assert outlook(made).switch.keeper is None


def test_keeper_killed(house: Make) -> None:
    """A keeper that was killed keeps nobody away."""
    made = house(NEVER)
    made.run_before()
    with made.ledger() as ledger, ledger._database.writing() as connection:
        dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
        row = vars(runs.Owner.this_process()) | {"pid": int(dead.stdout), "heartbeat": datetime.now(UTC)}
        connection.execute(schema.schedule.insert().values(**row))
    assert outlook(made).switch.keeper is None
    with made.kept():
        wait_for(lambda: outlook(made).switch.keeper is not None)


def until_canceled(ledger: runs.Ledger, run: runs.Run) -> None:
    """Go on until somebody cancels the run."""
    while True:
        ledger.check_canceled(run)
        time.sleep(0.02)


def test_stopped_in_the_middle_of_a_run(house: Make) -> None:
    """Told to stop, it asks its run to end, waits until it has, and says in the ledger why."""
    made = house("{every: 1 day}")
    made.work = until_canceled
    with made.kept():
        wait_for(lambda: len(made.asked_by) == 1)
    with runs.Status(made.settings.ledger_location) as status:
        last = status.last()
    assert last is not None
    assert (last.status, last.canceled_by) == (runs.TaskStatus.CANCELED, "the schedule, which was told to stop")


def test_canceled(house: Make) -> None:
    """A run that somebody cancels ends, and the next one begins at its own time."""
    made = house("{every: 1 day}")
    made.work = until_canceled
    with made.kept(), made.ledger() as ledger:
        wait_for(lambda: len(made.asked_by) == 1)
        ledger.request_cancel(1, "Ada")
        wait_for(lambda: outlook(made).due is not None and outlook(made).due > datetime.now(UTC))  # type: ignore[operator]
        time.sleep(0.2)
    assert len(made.asked_by) == 1


def test_another_run_is_going_on(house: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process has a run, the one that is due or asked for waits, and says why; then it begins."""
    monkeypatch.setattr(schedule, "_FIRST_WAIT", timedelta(seconds=0.1))
    made = house(NEVER)
    with made.ledger() as ledger:
        going_on = ledger.begin_run(runs.Arguments())
        ledger.schedule.ask_for_run("Ada")
        with made.kept():
            wait_for(lambda: "Run 1 is going on" in outlook(made).switch.problem)
            ledger.end_run(going_on)
            wait_for(lambda: made.asked_by == ["Ada"])
            wait_for(lambda: outlook(made).switch.problem == "")


def test_a_run_that_cannot_begin(house: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again with waits that grow, and the reason can be read meanwhile."""
    monkeypatch.setattr(schedule, "_FIRST_WAIT", timedelta(seconds=0.1))
    made, tries = house("{every: 1 day}"), []
    made.refusal = errors.TransientError("The CRM does not answer.")
    made.before = lambda: tries.append(time.monotonic())
    with made.kept():
        wait_for(lambda: len(tries) == 4)
        assert outlook(made).switch.problem == "The CRM does not answer."
        made.refusal = None
        wait_for(lambda: outlook(made).switch.problem == "")
    waits = [after - before for before, after in itertools.pairwise(tries)]
    assert waits[1] > 1.5 * waits[0]
    assert waits[2] > 1.5 * waits[1]


def test_a_run_waits_for_approval(house: Make) -> None:
    """While a run waits for somebody's word none begins by itself; one that was to be shown only keeps nobody back."""
    made = house("{every: 1 second}")
    task = runs.PlannedTask("Dataverse Hydration", "Plan")

    def wait(ledger: runs.Ledger, run: runs.Run) -> None:
        ledger.plan_tasks(run, [task])
        with ledger.task(run, task) as working:
            working.wait_for_approval("Many links would change.")

    made.work = wait
    with made.kept():
        wait_for(lambda: outlook(made).waits_for == 1)
        time.sleep(1.2)
    assert made.asked_by == [schedule.REQUESTED_BY]
    with made.ledger() as ledger:
        ledger.request_cancel(1, "Ada")
        draft = ledger.begin_run(runs.Arguments(draft=True))
        wait(ledger, draft)
        ledger.end_run(draft)
    assert outlook(made).waits_for is None
    assert outlook(made).due is not None


def test_stops_at_once(house: Make) -> None:
    """Told to stop while it looks at a CRM that does not answer, it stops."""
    made = house("{on_change: true, look_every: 1 second}")
    made.run_before()
    looking: list[bool] = []

    def connect() -> nullcontext[None]:
        looking.append(True)
        time.sleep(5)
        return nullcontext()

    with made.kept(connect):
        wait_for(lambda: bool(looking))
        began = time.monotonic()
    assert time.monotonic() - began < 2
