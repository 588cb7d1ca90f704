"""A task while it works, and the rules by which tasks and runs end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp.errors import BackstampError, CanceledError, ContinuedError
from backstamp.runs import schema
from backstamp.runs.facts import FAILURES, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from backstamp.runs.database import Database
    from backstamp.runs.facts import PlannedTask

# Progress is for eyes: more often costs a disk flush each and tells nobody more.
WRITE_EVERY_SECONDS = 0.3
MOST_LINES = 500
"""So many lines of a task are kept, the newest."""
_PROGRESS_LINE_SECONDS = 10.0


@dataclass(frozen=True)
class Ending:
    """How a task or a run ended, and why."""

    status: TaskStatus
    details: str = ""
    canceled: bool = False

    def within(self, allowed: Collection[TaskStatus]) -> Ending:
        """The same ending in the words of a task that may end in `allowed` only."""
        if self.status in allowed:
            return self
        if self.status is TaskStatus.CANCELED:
            return replace(self, status=TaskStatus.SKIPPED, details=f"{self.details}; the next run goes on")
        return replace(self, status=TaskStatus.FAILED)


def canceled(details: str) -> Ending:
    """The ending of what was stopped on somebody's wish."""
    return Ending(TaskStatus.CANCELED, details, canceled=True)


def ending_of(error: BaseException, *, last_attempt: bool = False) -> Ending:
    """How a task or run ends that an error leaves.

    Only our own errors are quoted: the text of any other can hold a value of a row.
    """
    failed = TaskStatus.FAILED_PERMANENTLY if last_attempt else TaskStatus.FAILED
    match error:
        case CanceledError():
            return canceled(str(error))
        case ContinuedError():
            return Ending(TaskStatus.SKIPPED, str(error))
        case KeyboardInterrupt():
            return canceled("canceled from the keyboard")
        case BackstampError():
            return Ending(failed, str(error))
        case _:
            return Ending(failed, type(error).__name__)


def ending_of_open(status: TaskStatus, stop: Ending | None) -> Ending:
    """How a task ends that is open when its run stops: what had not begun is skipped for the same reason."""
    if stop is None:
        return Ending(TaskStatus.SKIPPED, "The run ended before this task began.")
    if status is TaskStatus.NOT_STARTED and not stop.canceled:
        return Ending(TaskStatus.SKIPPED, stop.details)
    return stop


def ending_of_run(tasks: Iterable[tuple[TaskStatus, bool]], stop: Ending | None) -> Ending:
    """How a run ends, from the status of its tasks, whether each was canceled, and what stopped the run itself."""
    every = [*tasks, *([(stop.status, stop.canceled)] if stop else [])]
    details = stop.details if stop else ""
    if any(status in FAILURES for status, _ in every):
        return Ending(TaskStatus.FAILED, details)
    if any(was_canceled for _, was_canceled in every):
        return canceled(details)
    return Ending(TaskStatus.SUCCESSFUL)


class RunningTask:
    """What a task tells about itself while it works; any number of threads may tell.

    Attributes:
        rows: how many rows it was about; None until the task says so.
    """

    def __init__(self, database: Database, run: int, planned: PlannedTask, total: int | None) -> None:
        self.rows: int | None = None
        self._database = database
        self._run = run
        self._planned = planned
        self._done: int | None = None if total is None else 0
        self._total = total
        self._details = ""
        self._warnings: list[str] = []
        self._lines: list[tuple[datetime, str]] = []  # that are not written yet
        self._outcome = Ending(TaskStatus.SUCCESSFUL)
        self._written = 0.0
        self._told_progress = time.monotonic()
        self._lock = threading.Lock()

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how many rows are done in all, and, where it is known only now, of how many."""
        self._done = done
        self._total = self._total if total is None else total
        if time.monotonic() - self._told_progress >= _PROGRESS_LINE_SECONDS:
            self._told_progress = time.monotonic()
            of_all = "" if self._total is None else f" of {self._total:,}"
            self._say(f"{done:,}{of_all} rows")
        self._write_now_and_then()

    def say(self, text: str) -> None:
        """Add a line to what the task said, in words without personal data."""
        self._say(text)
        self._write_now_and_then()

    def warn(self, text: str) -> None:
        """Add a warning, in words without personal data; the task can still end Successful."""
        self._warnings.append(text)
        self._say(f"Warning: {text}")
        self._write_now_and_then()

    def detail(self, text: str) -> None:
        """Say what to know about the task, in words without personal data; it takes the place of what was said."""
        self._details = text
        self._say(text)
        self._write_now_and_then()

    def skip(self, reason: str) -> None:
        """Let the task end Skipped when the block ends; it does not leave the block by itself."""
        self._outcome = Ending(TaskStatus.SKIPPED, reason)

    def wait_for_approval(self, reason: str) -> None:
        """Let the task wait for approval when the block ends; that is no end, it can be started again."""
        self._outcome = Ending(TaskStatus.WAITING_FOR_APPROVAL, reason)

    def start(self) -> None:
        """Make it a task under way.

        Raises:
            LookupError: it was not planned for this run.
        """
        row = row_of(self._run, self._planned).values(attempts=schema.task.c.attempts + 1)
        self._say("begun")
        changes = {"status": self._planned.runs_as, "started": datetime.now(UTC), "ended": None, "canceled": False}
        if not self._write(row.values(**changes)):
            raise LookupError(f"{self._planned.group} / {self._planned.name} was not planned for run {self._run}")

    def beat(self) -> None:
        """Write what is known, as a sign of life of the task and its run."""
        self._write(self._open_row())

    def end(self, error: Ending | None = None) -> None:
        """End the task by an error, or else as it has said itself."""
        ending = error or self._outcome
        ended = None
        if ending.status is not TaskStatus.WAITING_FOR_APPROVAL:
            ending, ended = ending.within(self._planned.ends_in), datetime.now(UTC)
        self._details = ending.details or self._details
        self._say(f"{ending.status}: {ending.details}" if ending.details else str(ending.status))
        self._write(self._open_row().values(status=ending.status, canceled=ending.canceled, ended=ended))

    def _open_row(self) -> sa.Update:
        # Once it has ended, because its process was taken for dead, a late word changes nothing.
        return row_of(self._run, self._planned).where(schema.task.c.ended.is_(None))

    def _say(self, text: str) -> None:
        self._lines.append((datetime.now(UTC), text))

    def _write_now_and_then(self) -> None:
        if time.monotonic() - self._written >= WRITE_EVERY_SECONDS:
            self.beat()

    def _write(self, row: sa.Update) -> bool:
        now = datetime.now(UTC)
        told = {"done": self._done, "total": self._total, "rows": self.rows, "details": self._details}
        with self._lock:
            lines = list(self._lines)
            with self._database.writing() as connection:
                change = row.values(**told, warnings=self._warnings, heartbeat=now)
                found = connection.execute(change).rowcount > 0
                if found and lines:
                    _add_lines(connection, self._run, self._planned, lines)
                connection.execute(schema.run.update().where(schema.run.c.number == self._run).values(heartbeat=now))
            del self._lines[: len(lines)]
            self._written = time.monotonic()
        return found


def _add_lines(
    connection: sa.Connection, run: int, planned: PlannedTask, lines: Sequence[tuple[datetime, str]]
) -> None:
    task, line = schema.task.c, schema.line.c
    of_task = task.run == run, task.group == planned.group, task.name == planned.name
    position = connection.scalar(sa.select(task.position).where(*of_task))
    its = line.run == run, line.position == position
    last = connection.scalar(sa.select(sa.func.max(line.number)).where(*its)) or 0
    rows = [
        {"run": run, "position": position, "number": number, "at": at, "text": text}
        for number, (at, text) in enumerate(lines, start=last + 1)
    ]
    connection.execute(schema.line.insert(), rows)
    connection.execute(schema.line.delete().where(*its, line.number <= last + len(lines) - MOST_LINES))


def row_of(run: int, planned: PlannedTask) -> sa.Update:
    """The change of a task's row, to be completed with values."""
    columns = schema.task.c
    return schema.task.update().where(columns.run == run, columns.group == planned.group, columns.name == planned.name)
