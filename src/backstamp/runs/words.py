"""Runs and tasks as people say them: the same words on the command line and on the console's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp.runs import heartbeat
from backstamp.runs.facts import FAILURES, UNDER_WAY, TaskStatus

if TYPE_CHECKING:
    from backstamp.runs.facts import Run, Task


def has_died(run: Run) -> bool:
    """Tell whether a run is under way no more, though nobody has ended it: its process is gone."""
    return run.status in UNDER_WAY and run.owner.is_gone(run.heartbeat, heartbeat.SILENCE)


def standing(run: Run) -> str:
    """Return how a run stands, in a sentence or two."""
    time = duration(run.seconds)
    said = f"has been going on for {time} ({run.owner})."
    if has_died(run):
        said = f"has died ({run.owner} is gone)."
    elif run.status is TaskStatus.WAITING_FOR_APPROVAL:
        said = "waits for approval."
    elif run.status is TaskStatus.SUCCESSFUL:
        warnings = f" with {count(run.warnings, 'warning')}" if run.warnings else ""
        said = f"was successful{warnings}, in {time}."
    elif run.status in FAILURES:
        failed = [task for task in run.tasks if task.status in FAILURES]
        said = f"failed after {time}: {count(len(failed), 'task')} of {len(run.tasks)} failed. {run.details}".rstrip()
    elif run.status is TaskStatus.CANCELED:
        said = f"ended after {time}: {run.details}. The next run goes on."
    elif run.canceled_by:
        said = f"is about to stop: canceled by {run.canceled_by}."
    return f"Run {run.number} {said}"


def rows_of(task: Task) -> str:
    """Return how many rows a task was about, or how far it is."""
    if task.rows is not None:
        return f"{task.rows:,}"
    if task.progress is None:
        return ""
    done, total = task.progress.done, task.progress.total
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"


def speed(task: Task) -> str:
    """Return how many rows a task did in a second, "" where that is not known."""
    rows = task.rows if task.rows is not None else task.progress.done if task.progress else None
    return f"{rows / task.seconds:,.0f}" if rows and task.seconds else ""


def duration(seconds: float | None) -> str:
    """Return a duration as people say it."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def outlook(seconds: float) -> str:
    """Return how long something will take, as people say it."""
    return "less than a second" if seconds < 1 else f"about {duration(seconds)}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
