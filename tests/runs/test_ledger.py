"""Runs and tasks: how they begin, what they tell, how they end."""

from __future__ import annotations

import contextlib
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests import databases

from backstamp import errors, runs
from backstamp.runs import TaskStatus, schema

if TYPE_CHECKING:
    from pathlib import Path

READ = runs.PlannedTask("Data sources", "crm.contact", runs_as=TaskStatus.REFRESHING)
MATCH = runs.PlannedTask("Unification", "Match")
LINK = runs.PlannedTask("Dataverse Hydration", "CustomerId Backstamping Hydration", runs.ESSENTIAL_ENDS)


def read(location: str, number: int = 1) -> runs.Run:
    """What another reader sees of a run now."""
    with runs.Status(location) as status:
        run = status.run(number)
    assert run is not None
    return run


def work(ledger: runs.Ledger, run: runs.Run, planned: runs.PlannedTask, error: BaseException | None) -> None:
    """Work on a task, which ends well or by an error."""
    with contextlib.suppress(Exception), ledger.task(run, planned):
        if error:
            raise error


def test_numbers(ledger: runs.Ledger) -> None:
    """Runs are numbered 1, 2, … and keep what they were asked."""
    asked = runs.Arguments(full=True, until=runs.Until.MATCH, requested_by="Ada")
    first = ledger.begin_run(asked)
    ledger.end_run(first)
    second = ledger.begin_run(runs.Arguments())
    assert (first.number, second.number) == (1, 2)
    assert first.arguments == asked


def test_private_files(file: Path) -> None:
    """The folder and every file of the ledger belong to their owner alone."""
    with runs.Ledger(file):
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in [file.parent, *file.parent.iterdir()]}
    assert modes.pop(".backstamp") == 0o700
    assert modes == {"ledger.sqlite": 0o600, "ledger.sqlite-wal": 0o600, "ledger.sqlite-shm": 0o600}


def test_durability(file: Path) -> None:
    """The file is in WAL mode and flushes each commit to the disk (synchronous FULL is 2)."""
    with runs.Ledger(file) as ledger, ledger._database.reading() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2


def test_made_by_two_at_once(tmp_path: Path) -> None:
    """Two who open a ledger that is not there yet, one to run and one to look, both get it."""

    def run(file: Path) -> int:
        with runs.Ledger(file) as ledger:
            return ledger.begin_run(runs.Arguments()).number

    def look(file: Path) -> runs.Switch:
        with runs.Status(file) as status:
            return status.schedule()

    with ThreadPoolExecutor(2) as pool:
        for number in range(30):
            file = tmp_path / f"{number}.sqlite"
            begun, looked = pool.submit(run, file), pool.submit(look, file)
            assert (begun.result(), looked.result().is_on) == (1, True)


def test_plan(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """All tasks are seen as Not started, in their order, before the first begins."""
    ledger.plan_tasks(run, [READ, MATCH])
    ledger.plan_tasks(run, [LINK])
    seen = [(task.position, task.group, task.name, task.status) for task in read(location).tasks]
    assert seen == [
        (1, "Data sources", "crm.contact", TaskStatus.NOT_STARTED),
        (2, "Unification", "Match", TaskStatus.NOT_STARTED),
        (3, "Dataverse Hydration", "CustomerId Backstamping Hydration", TaskStatus.NOT_STARTED),
    ]


def test_unplanned(ledger: runs.Ledger, run: runs.Run) -> None:
    """A task that was not planned cannot be worked on."""
    with pytest.raises(LookupError, match="not planned"), ledger.task(run, MATCH):
        pass


def test_task(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A task that ends by itself is Successful and keeps all that it told."""
    ledger.plan_tasks(run, [READ])
    with ledger.task(run, READ, total=40) as task:
        assert read(location).tasks[0].status is TaskStatus.REFRESHING
        task.progress(40)
        task.warn("3 rows have no key")
        task.detail("Read in full.")
        task.rows = 37
    (found,) = ledger.end_run(run).tasks
    assert (found.status, found.rows, found.warnings) == (TaskStatus.SUCCESSFUL, 37, ("3 rows have no key",))
    assert found.details == "Read in full."
    assert found.progress is not None
    assert (found.progress.done, found.progress.total, found.progress.seconds_left) == (40, 40, None)


@pytest.mark.parametrize(
    ("error", "status", "details"),
    [
        (errors.SourceError("crm.contact cannot be read."), TaskStatus.FAILED, "crm.contact cannot be read."),
        (ValueError("ada@example.com"), TaskStatus.FAILED, "ValueError"),
        (errors.CanceledError("canceled by Ada"), TaskStatus.CANCELED, "canceled by Ada"),
        (KeyboardInterrupt(), TaskStatus.CANCELED, "canceled from the keyboard"),
    ],
)
def test_errors(ledger: runs.Ledger, run: runs.Run, error: BaseException, status: TaskStatus, details: str) -> None:
    """An error goes on to the caller; the task tells our own words, and of a foreign error the class only."""
    ledger.plan_tasks(run, [MATCH])
    with pytest.raises(type(error)), ledger.task(run, MATCH):
        raise error
    (found,) = ledger.end_run(run).tasks
    assert (found.status, found.details) == (status, details)


def test_retries(ledger: runs.Ledger, run: runs.Run) -> None:
    """A failed task can be tried again; when the last attempt fails it is Failed (permanent)."""
    ledger.plan_tasks(run, [MATCH])
    error = errors.TransientError("No answer.")
    work(ledger, run, MATCH, error)
    with pytest.raises(errors.TransientError), ledger.task(run, MATCH, last_attempt=True):
        raise error
    ended = ledger.end_run(run)
    assert (ended.status, ended.tasks[0].status, ended.tasks[0].attempts) == ("Failed", "Failed (permanent)", 2)


def test_restricted_ends(ledger: runs.Ledger, run: runs.Run) -> None:
    """The linking task ends Skipped where others end Canceled, and the run is Canceled all the same."""
    ledger.plan_tasks(run, [LINK])
    work(ledger, run, LINK, errors.CanceledError("canceled by Ada"))
    ended = ledger.end_run(run)
    assert ended.tasks[0].status is TaskStatus.SKIPPED
    assert ended.tasks[0].details == "canceled by Ada; the next run goes on"
    assert ended.status is TaskStatus.CANCELED


def test_restricted_failure(ledger: runs.Ledger, run: runs.Run) -> None:
    """The linking task ends Failed where others end Failed (permanent)."""
    ledger.plan_tasks(run, [LINK])
    with pytest.raises(errors.TransientError), ledger.task(run, LINK, last_attempt=True):
        raise errors.TransientError("No answer.")
    assert ledger.end_run(run).tasks[0].status is TaskStatus.FAILED


@pytest.mark.parametrize("ends", [{TaskStatus.SUCCESSFUL}, {*runs.ENDS, TaskStatus.PROCESSING}])
def test_impossible_ends(ends: set[TaskStatus]) -> None:
    """A task must be able to succeed, fail and be skipped, and can end in nothing that is no end."""
    with pytest.raises(ValueError, match="must be able to end"):
        runs.PlannedTask("Unification", "Match", frozenset(ends))


def test_skip(ledger: runs.Ledger, run: runs.Run) -> None:
    """A task is skipped with its reason, from inside or before it begins, and the run is Successful."""
    ledger.plan_tasks(run, [READ, MATCH])
    with ledger.task(run, READ) as task:
        task.skip("Nothing changed.")
    ledger.skip(run, MATCH, "No source was read.")
    ended = ledger.end_run(run)
    assert [task.details for task in ended.tasks] == ["Nothing changed.", "No source was read."]
    assert {task.status for task in ended.tasks} == {TaskStatus.SKIPPED}
    assert ended.status is TaskStatus.SUCCESSFUL


FAILED, CANCELED = errors.SourceError("It failed."), errors.CanceledError("canceled by Ada")


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (None, None, TaskStatus.SUCCESSFUL),
        (None, FAILED, TaskStatus.FAILED),
        (FAILED, None, TaskStatus.FAILED),
        (None, CANCELED, TaskStatus.CANCELED),
        (CANCELED, FAILED, TaskStatus.FAILED),
        (FAILED, CANCELED, TaskStatus.FAILED),
    ],
)
def test_run_status(
    ledger: runs.Ledger,
    run: runs.Run,
    first: BaseException | None,
    second: BaseException | None,
    status: TaskStatus,
) -> None:
    """A run is Failed if a task failed, else Canceled if one was canceled, else Successful."""
    ledger.plan_tasks(run, [READ, MATCH])
    work(ledger, run, READ, first)
    work(ledger, run, MATCH, second)
    assert ledger.end_run(run).status is status


@pytest.mark.parametrize(
    ("error", "status", "rest"),
    [
        (None, TaskStatus.SUCCESSFUL, TaskStatus.SKIPPED),
        (FAILED, TaskStatus.FAILED, TaskStatus.SKIPPED),
        (CANCELED, TaskStatus.CANCELED, TaskStatus.CANCELED),
    ],
)
def test_run_stopped(
    ledger: runs.Ledger, run: runs.Run, error: BaseException | None, status: TaskStatus, rest: TaskStatus
) -> None:
    """What stops a run outside of its tasks decides how it ends; a task that never began says why."""
    ledger.plan_tasks(run, [MATCH])
    ended = ledger.end_run(run, error)
    assert (ended.status, ended.details) == (status, str(error or ""))
    assert (ended.tasks[0].status, ended.tasks[0].details) == (
        rest,
        str(error or "The run ended before this task began."),
    )


def test_warnings_counted(ledger: runs.Ledger, run: runs.Run) -> None:
    """A run counts the warnings of its tasks."""
    ledger.plan_tasks(run, [READ, MATCH])
    for planned in (READ, MATCH):
        with ledger.task(run, planned) as task:
            task.warn("A column is empty.")
            task.warn("Another is, too.")
    assert ledger.end_run(run).warnings == 4


def test_approval(ledger: runs.Ledger, run: runs.Run) -> None:
    """A run that waits for approval has not ended, bars no other run, and goes on where it stopped."""
    ledger.plan_tasks(run, [MATCH, LINK])
    with ledger.task(run, MATCH) as task:
        task.wait_for_approval("12 000 links would change.")
    waiting = ledger.end_run(run)
    assert (waiting.status, waiting.ended) == (TaskStatus.WAITING_FOR_APPROVAL, None)
    assert [task.status for task in waiting.tasks] == [TaskStatus.WAITING_FOR_APPROVAL, TaskStatus.NOT_STARTED]
    ledger.end_run(ledger.begin_run(runs.Arguments()))

    resumed = ledger.resume_run(run.number)
    for planned in (MATCH, LINK):
        work(ledger, resumed, planned, None)
    assert ledger.end_run(resumed).status is TaskStatus.SUCCESSFUL
    with pytest.raises(errors.ConfigurationError, match="does not wait for approval"):
        ledger.resume_run(run.number)


def test_approval_canceled(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A run that waits for approval is canceled at once: no process would look at a flag."""
    ledger.plan_tasks(run, [MATCH, LINK])
    with ledger.task(run, MATCH) as task:
        task.wait_for_approval("12 000 links would change.")
    ledger.end_run(run)
    ledger.request_cancel(run.number, "Ada")
    ended = read(location)
    assert (ended.status, ended.details) == (TaskStatus.CANCELED, "its plan was discarded by Ada")
    assert [task.status for task in ended.tasks] == [TaskStatus.CANCELED, TaskStatus.SKIPPED]


def test_cancel(ledger: runs.Ledger, run: runs.Run) -> None:
    """A cancel is met at the next look, and what had not begun is canceled with it."""
    ledger.plan_tasks(run, [READ, MATCH])
    ledger.check_canceled(run)
    ledger.request_cancel(run.number, "Ada")
    with pytest.raises(errors.CanceledError, match=r"^canceled by Ada$"), ledger.task(run, READ):
        ledger.check_canceled(run)
    ended = ledger.end_run(run)
    assert (ended.status, ended.details) == (TaskStatus.CANCELED, "canceled by Ada")
    assert {task.status for task in ended.tasks} == {TaskStatus.CANCELED}


def test_cancel_too_late(ledger: runs.Ledger, run: runs.Run) -> None:
    """A cancel that came after the last look changes nothing."""
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH):
        ledger.request_cancel(run.number, "Ada")
    assert ledger.end_run(run).status is TaskStatus.SUCCESSFUL


def test_cancel_refused(ledger: runs.Ledger, run: runs.Run) -> None:
    """Only a run that exists and has not ended can be canceled."""
    ledger.end_run(run)
    with pytest.raises(errors.ConfigurationError, match=r"Run 1 has ended \(Successful\)"):
        ledger.request_cancel(1, "Ada")
    with pytest.raises(errors.ConfigurationError, match="no run 9"):
        ledger.request_cancel(9, "Ada")


def test_throttle(ledger: runs.Ledger, run: runs.Run) -> None:
    """However often a task tells its progress, it is written a few times a second, and whole at the end."""
    ledger.plan_tasks(run, [MATCH])
    writes: list[str] = []
    sa.event.listen(
        ledger._database._engine,
        "before_cursor_execute",
        lambda *args: writes.append(args[2]) if args[2].startswith("UPDATE task ") else 0,
    )
    with ledger.task(run, MATCH, total=100_000) as task:
        for done in range(100_000):
            task.progress(done + 1)
    assert len(writes) < 10
    (found,) = ledger.end_run(run).tasks
    assert found.progress is not None
    assert found.progress.done == 100_000


def test_heartbeat(ledger: runs.Ledger, run: runs.Run, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is busy for long without a word still gives signs of life."""
    monkeypatch.setattr("backstamp.runs.heartbeat.EVERY_SECONDS", 0.01)
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH) as task:
        before = read(location)
        task._written = float("inf")
        while read(location).heartbeat == before.heartbeat:
            pass
        assert read(location).tasks[0].heartbeat != before.tasks[0].heartbeat


def test_late_word(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A task that was ended from outside does not come back when its process says another word."""
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH):
        ledger.end_run(run, errors.SourceError("Taken for dead."))
    assert read(location).tasks[0].status is TaskStatus.FAILED


def test_lines(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """What a task says is kept with its time, in order, of every attempt."""
    ledger.plan_tasks(run, [READ, MATCH])
    work(ledger, run, MATCH, errors.TransientError("No answer."))
    with ledger.task(run, MATCH) as task:
        task.detail("half of it")
        task.warn("One row is odd.")
    with runs.Status(location) as status:
        said = status.lines(run.number, 2)
        assert status.lines(run.number, 1) == []
    texts = ["begun", "Failed: No answer.", "begun", "half of it", "Warning: One row is odd.", "Successful"]
    assert [line.text for line in said] == texts
    assert [line.at for line in said] == sorted(line.at for line in said)


def test_lines_have_an_end(ledger: runs.Ledger, run: runs.Run, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a task that says very much the newest lines are kept."""
    monkeypatch.setattr("backstamp.runs.tasks.MOST_LINES", 3)
    ledger.plan_tasks(run, [MATCH])
    with ledger.task(run, MATCH) as task:
        for number in range(10):
            task.say(str(number))
            task.beat()
    with runs.Status(location) as status:
        assert [line.text for line in status.lines(run.number, 1)] == ["8", "9", "Successful"]


def test_newer_ledger(ledger: runs.Ledger, location: str) -> None:
    """A ledger of a newer program is refused in words."""
    with ledger._database.writing() as connection:
        connection.execute(schema.version.update().values(version=99))
    with pytest.raises(errors.ConfigurationError, match="newer backstamp"):
        runs.Ledger(location)


def test_upgrade(ledger: runs.Ledger, run: runs.Run, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older ledger is upgraded once, step by step, and keeps its runs."""
    ledger.end_run(run)
    steps = (
        lambda connection: connection.execute(sa.text("CREATE TABLE extra (word TEXT)")),
        lambda connection: connection.execute(sa.text("INSERT INTO extra VALUES ('once')")),
    )
    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, *steps))
    for _ in range(2):
        with runs.Ledger(location) as upgraded, upgraded._database.reading() as connection:
            assert connection.scalars(sa.text("SELECT word FROM extra")).all() == ["once"]
    assert read(location).number == 1


def test_upgrade_from_the_first_version(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A ledger without what later versions added has it after its next opening."""
    ledger.end_run(run)
    with ledger._database.writing() as connection:
        for change in ("TABLE run DROP COLUMN published", "TABLE lease DROP COLUMN wanted_by"):
            connection.execute(sa.text(f"ALTER {change}"))
        accounts = (schema.session, schema.api_token, schema.user, schema.deed)
        for table in (schema.line, schema.held, *accounts, schema.schedule, schema.feed, schema.trouble):
            table.drop(connection)
        connection.execute(schema.version.update().values(version=1))
    with runs.Ledger(location) as upgraded:
        newer = upgraded.begin_run(runs.Arguments())
        upgraded.note_published(newer)
        upgraded.hold("crm", newer)
        assert upgraded.held_since("crm") == newer.number
        upgraded.schedule.turn(on=True, by="Ada")
        assert upgraded.end_run(newer).published is not None
    with runs.Users(location) as users:
        assert users.listed() == []


def test_a_published_run_bars_no_other(ledger: runs.Ledger, run: runs.Run) -> None:
    """While a run only writes to the environment the next one may begin."""
    ledger.note_published(run)
    assert ledger.begin_run(runs.Arguments()).number == 2


def test_what_ends_a_waiting_run(ledger: runs.Ledger, run: runs.Run, location: str) -> None:
    """A run that waits for approval ends Canceled when another one waits, or has published, in its place."""
    for end in (ledger.note_put_aside, ledger.note_published):
        ledger.plan_tasks(run, [MATCH])
        with ledger.task(run, MATCH) as task:
            task.wait_for_approval("12 000 links would change.")
        ledger.end_run(run)
        newer = ledger.begin_run(runs.Arguments())
        end(newer)
        with runs.Status(location) as status:
            ended = status.run(run.number)
        assert ended is not None
        assert (ended.status, ended.details) == (TaskStatus.CANCELED, f"replaced by run {newer.number}")
        run = newer


def test_held(ledger: runs.Ledger, run: runs.Run) -> None:
    """An environment is held from the last run that said so until somebody releases it."""
    assert ledger.held_since("crm") is None
    ledger.hold("crm", run)
    assert ledger.held_since("crm") == run.number
    ledger.release("crm")
    assert ledger.held_since("crm") is None


@pytest.mark.parametrize("url", ["mysql://ledger:secret@localhost/x", "sqlite://:::"])
def test_unusable_url(url: str) -> None:
    """A URL that cannot be used is refused in words, without its password."""
    with pytest.raises(errors.ConfigurationError, match="ledger") as caught:
        runs.Ledger(url)
    assert "secret" not in str(caught.value)


def test_no_server() -> None:
    """Where no server answers the ledger says so, and that another try can help; without its password."""
    with pytest.raises(errors.TransientError, match="does not answer") as caught:
        runs.Ledger("postgresql://ledger:secret@127.0.0.1:1/ledger")
    assert "secret" not in str(caught.value)


def test_server_restarted(postgresql: str) -> None:
    """A ledger whose connections the server has closed connects again."""
    with runs.Ledger(postgresql) as ledger:
        run = ledger.begin_run(runs.Arguments())
        databases.disconnect(postgresql)
        ledger.check_canceled(run)
    databases.clear(postgresql)


def test_not_a_database(tmp_path: Path) -> None:
    """A file that is no database is refused in words."""
    (tmp_path / "ledger.sqlite").write_text("Dear diary, " * 100)
    with pytest.raises(errors.ConfigurationError, match="cannot be opened: file is not a database"):
        runs.Ledger(tmp_path / "ledger.sqlite")
