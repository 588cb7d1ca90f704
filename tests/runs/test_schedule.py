"""What the ledger knows of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backstamp import errors, runs

PLAN = runs.PlannedTask("Dataverse Hydration", "Plan")


def wait_for_approval(ledger: runs.Ledger, run: runs.Run) -> None:
    """End a run as one that waits."""
    ledger.plan_tasks(run, [PLAN])
    with ledger.task(run, PLAN) as task:
        task.wait_for_approval("Many links would change.")
    ledger.end_run(run)


def test_untouched(location: str) -> None:
    """Until somebody says otherwise it is on, nobody keeps it, and nothing is known of runs and feeds."""
    with runs.Status(location) as status:
        assert status.schedule() == runs.Switch()
        assert (status.last_refresh(), status.waits_for_approval(), status.feeds()) == (None, None, {})


def test_turned(ledger: runs.Ledger, location: str) -> None:
    """It is kept who turned it off, and when, for every process."""
    before = datetime.now(UTC)
    ledger.schedule.turn(on=False, by="Ada")
    with runs.Status(location) as status:
        switch = status.schedule()
    assert (switch.is_on, switch.turned_by) == (False, "Ada")
    assert switch.turned is not None
    assert switch.turned >= before


def test_wish(ledger: runs.Ledger) -> None:
    """A run that was asked for is taken up once."""
    assert ledger.schedule.take_wish() is None
    ledger.schedule.ask_for_run("Ada")
    assert (ledger.schedule.take_wish(), ledger.schedule.take_wish()) == ("Ada", None)


def test_kept(ledger: runs.Ledger, location: str) -> None:
    """One process keeps it at a time, and it is known which."""
    with ledger.schedule.kept(), runs.Ledger(location) as other:
        assert other.schedule.read().keeper == runs.Owner.this_process()
        with pytest.raises(errors.BusyError, match="kept already"), other.schedule.kept():
            pass
    assert ledger.schedule.read().keeper is None


def test_last_refresh(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """The last run counts, however it ended, but for one that was to be shown only."""
    ledger.end_run(run, errors.SourceError("It failed."))
    ledger.end_run(ledger.begin_run(runs.Arguments(draft=True)))
    with runs.Status(location) as status:
        assert status.last_refresh() == run.started


def test_waits_for_approval(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """The run that waits is told, unless it was to be shown only."""
    wait_for_approval(ledger, run)
    wait_for_approval(ledger, ledger.begin_run(runs.Arguments(draft=True)))
    with runs.Status(location) as status:
        assert status.waits_for_approval() == run.number


def test_feeds(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """Publishing notes where the feeds go on; without word of them they stay as they were."""
    with runs.Status(location) as status:
        ledger.note_published(run, {"crm.contact": "1", "crm.lead": "1"})
        ledger.note_published(run, {"crm.contact": "2"})
        ledger.note_published(run)
        assert status.feeds() == {"crm.contact": "2"}
