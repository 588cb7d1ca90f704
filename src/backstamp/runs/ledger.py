"""The operational store, for those who write: runs, their tasks, the cancel flag, the journal, the leases."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from backstamp.errors import BusyError, CanceledError, ConfigurationError
from backstamp.runs import heartbeat, leases, schema, status, tasks
from backstamp.runs.database import Database
from backstamp.runs.facts import ENDS, Arguments, Run, TaskStatus
from backstamp.runs.journal import Journal
from backstamp.runs.owner import Owner
from backstamp.runs.schedule import Schedule
from backstamp.runs.troubles import Troubles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from backstamp.runs.facts import PlannedTask

CRASHED = "The process ended in the middle; the next run goes on."


class Ledger:
    """The writer's side of the ledger; several processes and threads may have it open.

    Args:
        location: a path (`.backstamp/ledger.sqlite`), or a database URL; made where there is none.

    Attributes:
        journal: what was sent to the environment, and what was answered.
        schedule: whether it is on, and who keeps it.
        troubles: what people were told of.

    Raises:
        ConfigurationError: it cannot be opened, or a newer program has made it.
    """

    def __init__(self, location: str | Path) -> None:
        self._database = Database(location)
        self.journal = Journal(self._database)
        self.schedule = Schedule(self._database)
        self.troubles = Troubles(self._database)

    def begin_run(self, arguments: Arguments, *, after: int = 0) -> Run:
        """Begin the next run, after ending one whose process died in the middle.

        Args:
            arguments: what it is asked to do.
            after: the number of a run that this ledger may not know (any more); the next one is larger.

        Raises:
            BusyError: another run is going on; the message names it and its owner.
        """
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            _make_way(connection)
            number = 1 + max(after, connection.scalar(sa.select(sa.func.max(schema.run.c.number))) or 0)
            values = vars(Owner.this_process()) | {"number": number, "arguments": asdict(arguments)}
            values |= {"status": TaskStatus.PROCESSING, "started": now, "heartbeat": now}
            connection.execute(schema.run.insert().values(**values))
            return _load(connection, number)

    def make_way(self) -> None:
        """Make sure that a run could begin now; one whose process died in the middle is ended.

        Raises:
            BusyError: another run is going on.
        """
        with self._database.writing() as connection:
            _make_way(connection)

    def resume_run(self, number: int) -> Run:
        """Go on with a run that waits for approval, now in this process.

        Raises:
            BusyError: another run is going on.
            ConfigurationError: there is no such run, or it does not wait.
        """
        with self._database.writing() as connection:
            _make_way(connection)
            if _load(connection, number).status is not TaskStatus.WAITING_FOR_APPROVAL:
                raise ConfigurationError(f"Run {number} does not wait for approval: see `backstamp status`.")
            values = vars(Owner.this_process()) | {"status": TaskStatus.PROCESSING, "heartbeat": datetime.now(UTC)}
            connection.execute(_row(number).values(**values))
            return _load(connection, number)

    def plan_tasks(self, run: Run, planned: Iterable[PlannedTask]) -> None:
        """Declare the tasks of a run in their order, as Not started, so that a reader sees what is to come."""
        with self._database.writing() as connection:
            last = sa.select(sa.func.max(schema.task.c.position)).where(schema.task.c.run == run.number)
            rows = [
                {"run": run.number, "position": position} | _columns(task)
                for position, task in enumerate(planned, start=1 + (connection.scalar(last) or 0))
            ]
            if rows:
                connection.execute(schema.task.insert(), rows)

    @contextmanager
    def task(
        self, run: Run, planned: PlannedTask, *, total: int | None = None, last_attempt: bool = False
    ) -> Iterator[tasks.RunningTask]:
        """Work on a task as long as the block lasts.

        It ends Successful, or as the block said (`skip`, `wait_for_approval`); Canceled by a CanceledError or Ctrl-C;
        Failed by any other exception, Failed (permanent) on the last of several attempts. What the task's `ends_in`
        does not allow becomes Skipped (for Canceled) or Failed. Every exception goes on to the caller.

        Args:
            run: the run that it belongs to.
            planned: the task, as it was given to `plan_tasks`.
            total: how many rows are to do, where that is known.
            last_attempt: nobody will try again.

        Raises:
            LookupError: it was not planned for this run.
        """
        running = tasks.RunningTask(self._database, run.number, planned, total)
        running.start()
        try:
            with heartbeat.beating(running.beat):
                yield running
        except BaseException as error:
            running.end(tasks.ending_of(error, last_attempt=last_attempt))
            raise
        running.end()

    def skip(self, run: Run, planned: PlannedTask, reason: str) -> None:
        """End a task that never begins as Skipped, such as one whose predecessor failed.

        Raises:
            LookupError: it was not planned for this run, or has begun.
        """
        idle = (TaskStatus.NOT_STARTED, TaskStatus.SKIPPED)  # a run that begins again may skip it again
        waiting = tasks.row_of(run.number, planned).where(schema.task.c.status.in_(idle))
        values = {"status": TaskStatus.SKIPPED, "details": reason, "ended": datetime.now(UTC)}
        with self._database.writing() as connection:
            if connection.execute(waiting.values(**values)).rowcount == 0:
                raise LookupError(f"{planned.group} / {planned.name} does not wait for its start in run {run.number}")

    def end_run(self, run: Run, error: BaseException | None = None) -> Run:
        """End a run as its tasks ended; those that never began are Skipped, after a cancel Canceled.

        It is Waiting for approval if a task waits (and nothing stopped the run); else Failed if a task failed, else
        Canceled if a task was canceled, the linking task included; else Successful.

        Args:
            run: as `begin_run` gave it.
            error: what stopped the run, where something did outside of a task as well.

        Returns:
            The run with its tasks, as it is kept.
        """
        with self._database.writing() as connection:
            found = _load(connection, run.number)
            stop = tasks.ending_of(error) if error else None
            if found.canceled_by and any(task.status not in ENDS or task.canceled for task in found.tasks):
                stop = stop or tasks.canceled(f"canceled by {found.canceled_by}")
            if stop is None and any(task.status is TaskStatus.WAITING_FOR_APPROVAL for task in found.tasks):
                connection.execute(_row(run.number).values(status=TaskStatus.WAITING_FOR_APPROVAL))
            else:
                _end(connection, run.number, stop)
            return _load(connection, run.number)

    def request_cancel(self, number: int, by: str) -> None:
        """Ask a run to stop: it does so between two batches. The plan of one that waits for approval is discarded.

        Raises:
            ConfigurationError: there is no such run, or it has ended.
        """
        with self._database.writing() as connection:
            run = _load(connection, number)
            if run.ended:
                raise ConfigurationError(f"Run {number} has ended ({run.status}): there is nothing to cancel.")
            connection.execute(_row(number).values(canceled_by=by))
            if run.status is TaskStatus.WAITING_FOR_APPROVAL:
                _end(connection, number, tasks.canceled(f"its plan was discarded by {by}"))

    def check_canceled(self, run: Run) -> None:
        """Look whether the run is to stop; one short read, to be called between batches.

        Raises:
            CanceledError: "canceled by NAME".
        """
        with self._database.reading() as connection:
            by = connection.scalar(sa.select(schema.run.c.canceled_by).where(schema.run.c.number == run.number))
        if by is not None:
            raise CanceledError(f"canceled by {by}")

    def lease(self, environment: str, run: Run, *, takes_over: bool = True) -> AbstractContextManager[leases.Lease]:
        """Hold the right to write to an environment as long as the block lasts; `check` it between batches.

        Args:
            environment: which.
            run: who wants it.
            takes_over: ask a run that holds it to end its batches in flight; else leave it in peace.

        Raises:
            BusyError: a living process holds it, and is left in peace. A dead one's lease is taken over.
            CanceledError: the run was canceled while it waited.
        """
        check = partial(self.check_canceled, run) if takes_over else None
        return leases.hold(self._database, environment, run.number, check)

    def note_published(self, run: Run, feeds: Mapping[str, str] | None = None) -> None:
        """Note that what a run computed is the warehouse now: from here on others may begin beside it.

        Runs that wait for approval end: what they would do is outdated.

        Args:
            run: the run.
            feeds: where the change feeds of all tables go on; None where they go on as before.
        """
        with self._database.writing() as connection:
            connection.execute(_row(run.number).values(published=datetime.now(UTC)))
            _replace_waiting(connection, run.number)
            if feeds is not None:
                _replace_feeds(connection, feeds)

    def note_put_aside(self, run: Run) -> None:
        """Note that a run waits for approval: those that waited before end, replaced by it."""
        with self._database.writing() as connection:
            _replace_waiting(connection, run.number)

    def hold(self, environment: str, run: Run) -> None:
        """Let nothing be sent to an environment, from this run on, until somebody approves it."""
        values = {"environment": environment, "since_run": run.number}
        with self._database.writing() as connection:
            connection.execute(schema.held.delete().where(schema.held.c.environment == environment))
            connection.execute(schema.held.insert().values(values))

    def release(self, environment: str) -> None:
        """End the hold of an environment; nothing happens where there is none."""
        with self._database.writing() as connection:
            connection.execute(schema.held.delete().where(schema.held.c.environment == environment))

    def held_since(self, environment: str) -> int | None:
        """Return the number of the run since which an environment is held, None where it is not."""
        query = sa.select(schema.held.c.since_run).where(schema.held.c.environment == environment)
        with self._database.reading() as connection:
            return connection.scalar(query)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def unheard(_run: Run) -> None:
    """Do nothing about a run that has begun, where nobody wants to know."""


def _row(number: int) -> sa.Update:
    return schema.run.update().where(schema.run.c.number == number)


def _columns(task: PlannedTask) -> dict[str, object]:
    return {"group": task.group, "name": task.name, "ends_in": sorted(task.ends_in)}


def _load(connection: sa.Connection, number: int) -> Run:
    run = status.load_run(connection, number)
    if run is None:
        raise ConfigurationError(f"There is no run {number}: `backstamp status` shows the runs there are.")
    return run


def _replace_feeds(connection: sa.Connection, feeds: Mapping[str, str]) -> None:
    connection.execute(schema.feed.delete())
    if feeds:
        connection.execute(schema.feed.insert(), [{"table": table, "token": feeds[table]} for table in feeds])


def _replace_waiting(connection: sa.Connection, by: int) -> None:
    """End the runs that wait for approval."""
    waiting = sa.select(schema.run.c.number).where(
        schema.run.c.status == TaskStatus.WAITING_FOR_APPROVAL, schema.run.c.number != by
    )
    for number in connection.scalars(waiting).all():
        _end(connection, number, tasks.canceled(f"replaced by run {by}"))


def _make_way(connection: sa.Connection) -> None:
    """End the runs that dead processes left behind, or refuse to go on beside a living one.

    One that has published only writes to the environment, and keeps nobody back.
    """
    under_way = sa.select(schema.run.c.number).where(schema.run.c.status == TaskStatus.PROCESSING)
    for number in connection.scalars(under_way).all():
        run = _load(connection, number)
        if not run.owner.is_gone(run.heartbeat, heartbeat.SILENCE):
            if run.published:
                continue
            raise BusyError(
                f"Run {number} is going on ({run.owner}, since {run.started:%Y-%m-%d %H:%M} UTC). "
                "Wait until it has ended, or stop it with `backstamp cancel`."
            )
        _end(connection, number, tasks.Ending(TaskStatus.FAILED, CRASHED))


def _end(connection: sa.Connection, number: int, stop: tasks.Ending | None) -> None:
    """End the open tasks of a run, and the run."""
    now = datetime.now(UTC)
    of_run = sa.select(schema.task).where(schema.task.c.run == number)
    for row in connection.execute(of_run.where(schema.task.c.ended.is_(None))).mappings().all():
        ending = tasks.ending_of_open(row["status"], stop).within([TaskStatus(word) for word in row["ends_in"]])
        place = sa.and_(schema.task.c.run == number, schema.task.c.position == row["position"])
        connection.execute(schema.task.update().where(place).values(**vars(ending), ended=now))
    columns = schema.task.c.status, schema.task.c.canceled
    ending = tasks.ending_of_run(connection.execute(of_run.with_only_columns(*columns)), stop)
    connection.execute(_row(number).values(status=ending.status, details=ending.details, ended=now))
