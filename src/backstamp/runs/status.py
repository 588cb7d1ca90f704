"""What runs and tasks do and did, for those who only read; also while a run goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from backstamp.runs import schema
from backstamp.runs.database import Database
from backstamp.runs.facts import UNDER_WAY, Arguments, Line, Progress, Run, Task, TaskStatus
from backstamp.runs.owner import Owner
from backstamp.runs.schedule import Schedule, Switch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEPT_RUNS = 200


class Status:
    """The reader's side of the ledger.

    Args:
        location: a path, or a database URL; a ledger without runs is made where there is none.

    Raises:
        ConfigurationError: it cannot be opened.
    """

    def __init__(self, location: str | Path) -> None:
        self._database = Database(location)
        self._tasks_of_ended: dict[int, tuple[Task, ...]] = {}

    def last(self) -> Run | None:
        """The newest run with its tasks, or None before the first."""
        return next(iter(self.history(1)), None)

    def run(self, number: int) -> Run | None:
        """One run with its tasks, or None where there is none of that number."""
        with self._database.reading() as connection:
            return next(iter(self._load(connection, _run_of(number))), None)

    def lines(self, run: int, position: int) -> list[Line]:
        """What a task said, oldest first; of very many lines the newest."""
        columns = schema.line.c
        said = sa.select(columns.at, columns.text).where(columns.run == run, columns.position == position)
        with self._database.reading() as connection:
            return [Line(row.at, row.text) for row in connection.execute(said.order_by(columns.number))]

    def history(self, count: int) -> list[Run]:
        """The newest runs with their tasks, newest first."""
        newest = sa.select(schema.run).order_by(schema.run.c.number.desc()).limit(count)
        with self._database.reading() as connection:
            return self._load(connection, newest)

    def last_published(self) -> tuple[int, datetime | None] | None:
        """The number of the newest run that published, and when it ended; None before the first."""
        columns = schema.run.c
        published = sa.select(columns.number, columns.ended).where(columns.published.is_not(None))
        with self._database.reading() as connection:
            row = connection.execute(published.order_by(columns.number.desc()).limit(1)).one_or_none()
        return None if row is None else (row.number, row.ended)

    def counts(self) -> dict[TaskStatus, int]:
        """Return how many runs there are of each status."""
        count = sa.select(schema.run.c.status, sa.func.count().label("runs")).group_by(schema.run.c.status)
        with self._database.reading() as connection:
            return {row.status: row.runs for row in connection.execute(count)}

    def last_success(self) -> datetime | None:
        """Return when a run last ended Successful."""
        ends = sa.select(sa.func.max(schema.run.c.ended)).where(schema.run.c.status == TaskStatus.SUCCESSFUL)
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(ends)
            return found

    def last_refresh(self) -> datetime | None:
        """When the newest run began that was not to be shown only, however it ended; None before the first."""
        newest = sa.select(schema.run.c.started).where(_is_no_draft()).order_by(schema.run.c.number.desc()).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(newest)

    def waits_for_approval(self) -> int | None:
        """The number of the run that waits until somebody approves it; one that was to be shown only is none."""
        return self._waiting(_is_no_draft())

    def waiting_draft(self) -> int | None:
        """The number of the run that waits and was to be shown only, because somebody wants to look at it."""
        return self._waiting(sa.not_(_is_no_draft()))

    def _waiting(self, condition: sa.ColumnElement[bool]) -> int | None:
        waits = schema.run.c.status == TaskStatus.WAITING_FOR_APPROVAL
        waiting = sa.select(schema.run.c.number).where(waits, condition).order_by(schema.run.c.number.desc())
        with self._database.reading() as connection:
            return connection.scalar(waiting.limit(1))

    def _load(self, connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Run]:
        """Load runs; the tasks of one that has ended stay as they are, so they are read once."""
        found = _load(connection, query, self._tasks_of_ended)
        self._tasks_of_ended |= {run.number: run.tasks for run in found if run.ended}
        for number in sorted(self._tasks_of_ended)[:-_KEPT_RUNS]:
            self._tasks_of_ended.pop(number, None)
        return found

    def schedule(self) -> Switch:
        """How the schedule stands."""
        return Schedule(self._database).read()

    def feeds(self) -> dict[str, str]:
        """Where the change feed of each table went on when the last run published."""
        with self._database.reading() as connection:
            return {row.table: row.token for row in connection.execute(sa.select(schema.feed))}

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _is_no_draft() -> sa.ColumnElement[bool]:
    is_draft: sa.ColumnElement[bool] = schema.run.c.arguments["draft"].as_boolean()
    return is_draft.is_not(sa.true())


def load_run(connection: sa.Connection, number: int) -> Run | None:
    """One run with its tasks as they stand in the transaction of `connection`."""
    return next(iter(_load(connection, _run_of(number), {})), None)


def _run_of(number: int) -> sa.Select[tuple[object, ...]]:
    return sa.select(schema.run).where(schema.run.c.number == number)


def _load(
    connection: sa.Connection, query: sa.Select[tuple[object, ...]], known: Mapping[int, tuple[Task, ...]]
) -> list[Run]:
    now = datetime.now(UTC)
    runs = connection.execute(query).mappings().all()
    tasks = _tasks(connection, [row["number"] for row in runs if row["number"] not in known], now)
    return [_run(row, known.get(row["number"]) or tasks.get(row["number"], ()), now) for row in runs]


def _tasks(connection: sa.Connection, of_runs: list[int], now: datetime) -> dict[int, tuple[Task, ...]]:
    if not of_runs:
        return {}
    columns = schema.task.c
    tasks = sa.select(schema.task).where(columns.run.in_(of_runs)).order_by(columns.run, columns.position)
    rows = connection.execute(tasks).mappings()
    return {number: tuple(_task(row, now) for row in of_run) for number, of_run in groupby(rows, itemgetter("run"))}


def _run(row: sa.RowMapping, tasks: tuple[Task, ...], now: datetime) -> Run:
    return Run(
        number=row["number"],
        status=row["status"],
        arguments=_arguments(row["arguments"]),
        owner=Owner(row["host"], row["pid"], row["birth"]),
        started=row["started"],
        published=row["published"],
        ended=row["ended"],
        heartbeat=row["heartbeat"],
        details=row["details"],
        canceled_by=row["canceled_by"],
        warnings=sum(len(task.warnings) for task in tasks),
        seconds=((row["ended"] or now) - row["started"]).total_seconds(),
        tasks=tasks,
    )


def _arguments(kept: dict[str, Any]) -> Arguments:
    return Arguments(**kept | {"accept_loss": tuple(kept.get("accept_loss", ()))})


def _task(row: sa.RowMapping, now: datetime) -> Task:
    # A task that waits for approval has not ended, but its clock stands still.
    until = row["ended"] or (now if row["status"] in UNDER_WAY else row["heartbeat"])
    seconds = (until - row["started"]).total_seconds() if row["started"] else None
    return Task(
        run=row["run"],
        position=row["position"],
        group=row["group"],
        name=row["name"],
        status=row["status"],
        details=row["details"],
        warnings=tuple(row["warnings"]),
        rows=row["rows"],
        progress=_progress(row, seconds),
        attempts=row["attempts"],
        canceled=row["canceled"],
        started=row["started"],
        ended=row["ended"],
        heartbeat=row["heartbeat"],
        seconds=seconds,
    )


def _progress(row: sa.RowMapping, seconds: float | None) -> Progress | None:
    done, total = row["done"], row["total"]
    if done is None:
        return None
    speed = done / seconds if done and seconds else None
    known = speed is not None and total is not None and row["status"] in UNDER_WAY
    return Progress(done, total, speed, max(total - done, 0) / speed if known else None)
