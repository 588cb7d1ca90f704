"""Several processes on one ledger, and processes that die."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backstamp import errors, runs
from backstamp.runs import TaskStatus, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[[str], subprocess.Popen[str]]

PREAMBLE = """
import sys, time
from backstamp import errors, runs
ledger = runs.Ledger(sys.argv[1])
READ = runs.PlannedTask("Data sources", "crm.contact", runs_as=runs.TaskStatus.REFRESHING)
LINK = runs.PlannedTask("Dataverse Hydration", "CustomerId Backstamping Hydration", runs.ESSENTIAL_ENDS)
"""

WORKING = """
run = ledger.begin_run(runs.Arguments())
ledger.plan_tasks(run, [READ, LINK])
with ledger.lease("crm", run) as lease, ledger.task(run, READ, total=10) as task:
    ledger.journal.sent(run.number, "links-contact", 0, 500)
    task.progress(4)
    task.beat()
    print("working", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def start(location: str) -> Iterator[Start]:
    """Starts a program in another process that has the ledger open."""
    started: list[subprocess.Popen[str]] = []
    environment = os.environ | {"PYTHONPATH": str(Path(runs.__file__).parents[2])}

    def start(body: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", PREAMBLE + textwrap.dedent(body), location]
        started.append(subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str]) -> str:
    """The next line that a program prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_refused_beside_a_living_run(start: Start, ledger: runs.Ledger) -> None:
    """A second run is refused while one goes on, and the message names the run and its process."""
    process = start(WORKING)
    assert heard(process) == "working"
    with pytest.raises(errors.BusyError, match=rf"Run 1 is going on \(process {process.pid} on .+, since"):
        ledger.begin_run(runs.Arguments())


def test_opened_twice_in_one_process(start: Start, ledger: runs.Ledger, location: str) -> None:
    """What is written after another process came and went is kept, though this one has opened the ledger twice."""
    run = ledger.begin_run(runs.Arguments())
    runs.Status(location).close()
    start("ledger.close()").wait(timeout=300)
    ledger.request_cancel(run.number, "somebody")
    with runs.Status(location) as status:
        found = status.run(run.number)
    assert found is not None
    assert found.canceled_by == "somebody"


@pytest.mark.parametrize("reaped", [True, False])
def test_killed(start: Start, ledger: runs.Ledger, location: str, *, reaped: bool) -> None:
    """The run of a killed process is ended at the next start, also before its parent has noticed the death."""
    process = start(WORKING)
    assert heard(process) == "working"
    process.kill()
    if reaped:
        process.wait()
    else:
        assert not heard(process)
    assert ledger.begin_run(runs.Arguments()).number == 2
    with runs.Status(location) as status:
        crashed = status.run(1)
    assert crashed is not None
    words = "The process ended in the middle; the next run goes on."
    assert (crashed.status, crashed.details) == (TaskStatus.FAILED, words)
    assert [(task.status, task.details) for task in crashed.tasks] == [("Failed", words), ("Skipped", words)]
    assert crashed.tasks[0].progress is not None
    assert crashed.tasks[0].progress.done == 4
    assert [entry.work_list for entry in ledger.journal.unanswered()] == ["links-contact"]


def test_process_number_used_again(ledger: runs.Ledger, run: runs.Run) -> None:
    """A later process with the number of the dead one is not taken for it (containers reuse numbers)."""
    with ledger._database.writing() as connection:
        connection.execute(schema.run.update().values(birth="1"))
    assert ledger.begin_run(runs.Arguments()).number == run.number + 1


@pytest.mark.parametrize(("minutes", "gone"), [(1, False), (10, True)])
def test_other_host(ledger: runs.Ledger, run: runs.Run, minutes: int, *, gone: bool) -> None:
    """A process on another host is taken for dead when it was silent for some minutes."""
    silent_since = datetime.now(UTC) - timedelta(minutes=minutes)
    with ledger._database.writing() as connection:
        connection.execute(schema.run.update().values(host="elsewhere", heartbeat=silent_since))
    if gone:
        assert ledger.begin_run(runs.Arguments()).number == run.number + 1
    else:
        with pytest.raises(errors.BusyError, match="elsewhere"):
            ledger.begin_run(runs.Arguments())


def test_canceled_from_elsewhere(start: Start, ledger: runs.Ledger, location: str) -> None:
    """A run stops soon after another process asked it to, and says who asked."""
    process = start("""
        run = ledger.begin_run(runs.Arguments())
        ledger.plan_tasks(run, [READ, LINK])
        print("working", flush=True)
        try:
            with ledger.task(run, READ):
                while True:
                    ledger.check_canceled(run)
                    time.sleep(0.01)
        except Exception as error:
            ledger.end_run(run, error)
    """)
    assert heard(process) == "working"
    ledger.request_cancel(1, "Ada")
    process.wait(10)
    with runs.Status(location) as status:
        ended = status.last()
    assert ended is not None
    assert (ended.status, ended.details) == (TaskStatus.CANCELED, "canceled by Ada")
    assert [task.status for task in ended.tasks] == [TaskStatus.CANCELED, TaskStatus.SKIPPED]
    assert ended.tasks[1].details == "canceled by Ada; the next run goes on"


def test_reading_while_writing(start: Start, location: str) -> None:
    """A reader sees a run go on in another process, and neither disturbs the other."""
    process = start("""
        run = ledger.begin_run(runs.Arguments())
        ledger.plan_tasks(run, [READ])
        print("working", flush=True)
        with ledger.task(run, READ) as task:
            for request in range(100):
                task.progress(request)
                task.beat()
                ledger.journal.answered(ledger.journal.sent(run.number, "links", request, 1))
        ledger.end_run(run)
    """)
    assert heard(process) == "working"
    seen = []
    with runs.Status(location) as status:
        while process.poll() is None:
            last = status.last()
            assert last is not None
            seen.append(last.tasks[0].progress.done if last.tasks[0].progress else 0)
        last = status.last()
    assert process.returncode == 0
    assert last is not None
    assert last.status is TaskStatus.SUCCESSFUL
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


def test_two_writers(ledger: runs.Ledger, run: runs.Run, start: Start) -> None:
    """Two processes that write at once lose nothing and give no entry twice."""
    process = start("""
        print("writing", flush=True)
        for row in range(100):
            ledger.journal.sent(1, "theirs", row, 1)
    """)
    ours = [ledger.journal.sent(run.number, "ours", row, 1) for row in range(100)]
    assert process.wait(20) == 0
    entries = ledger.journal.entries(run.number)
    assert [entry.id for entry in entries if entry.work_list == "ours"] == ours
    assert len(entries) == 200


def test_opened_by_many_at_once(start: Start, location: str) -> None:
    """Processes that meet an empty place at the same moment make one ledger together."""
    processes = [start("") for _ in range(6)]
    assert [process.wait(30) for process in processes] == [0] * 6
    assert runs.exists(location)


def test_one_run_among_many(start: Start) -> None:
    """Of processes that want to begin at the same moment one does, and the others are told."""
    program = """
        try:
            print(ledger.begin_run(runs.Arguments()).number, flush=True)
        except errors.BusyError:
            print("busy", flush=True)
        time.sleep(60)
    """
    processes = [start(program) for _ in range(3)]
    assert sorted(heard(process) for process in processes) == ["1", "busy", "busy"]


def test_lease(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """While a run holds an environment's lease another is refused by name; afterwards it is free."""
    with ledger.lease("crm", run) as lease, runs.Ledger(location) as other:
        lease.renew()
        with (
            pytest.raises(errors.BusyError, match=r"Run 1 \(process \d+ on .+\) is writing to crm"),
            other.lease("crm", run, takes_over=False),
        ):
            pass
        with other.lease("another crm", run):
            pass
    with ledger.lease("crm", run):
        pass


def check_for_long(lease: runs.Lease) -> None:
    """Check the lease as one does between batches."""
    for _ in range(600):
        lease.check()
        time.sleep(0.1)


def test_lease_taken_over(start: Start, ledger: runs.Ledger, run: runs.Run) -> None:
    """A newer run asks for the lease; its holder learns by whom it is continued, lets go, and the newer one has it."""
    ledger.note_published(run)
    with ledger.lease("crm", run) as lease:
        process = start(
            """
            run = ledger.begin_run(runs.Arguments())
            print("waiting", flush=True)
            with ledger.lease("crm", run):
                print("has it", flush=True)
            """
        )
        assert heard(process) == "waiting"
        with pytest.raises(errors.ContinuedError, match="continued by run 2"):
            check_for_long(lease)
    assert heard(process) == "has it"


def test_lease_of_the_dead(start: Start, ledger: runs.Ledger) -> None:
    """The lease of a killed process is taken over."""
    process = start(WORKING)
    assert heard(process) == "working"
    process.kill()
    process.wait()
    run = ledger.begin_run(runs.Arguments())
    with ledger.lease("crm", run) as lease:
        lease.renew()


def test_lease_lost(ledger: runs.Ledger, run: runs.Run) -> None:
    """A run that was taken for dead while it was only slow learns of it before its next batch."""
    with ledger.lease("crm", run) as lost:
        with ledger._database.writing() as connection:
            connection.execute(schema.lease.update().values(birth="1"))
        ledger.end_run(run)
        newer = ledger.begin_run(runs.Arguments())
        with ledger.lease("crm", newer) as held:
            with pytest.raises(errors.BusyError, match="Run 2"):
                lost.renew()
            lost.release()
            held.renew()
