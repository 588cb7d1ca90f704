"""Numbers as pictures: what a template needs to draw them, in per cent of the width that there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from backstamp import runs
from backstamp.runs import words

_THINNEST = 0.4
"""Per cent of the width that a bar has at least, so that it is seen."""


@dataclass(frozen=True)
class Bar:
    """A task of a run, as a bar on the line of its time."""

    task: runs.Task
    left: float
    width: float


@dataclass(frozen=True)
class Gantt:
    """A run as a Gantt chart.

    Attributes:
        bars: of the tasks that have begun, in their order.
        marks: what stands under the axis: where, and which time since the start.
    """

    bars: tuple[Bar, ...]
    marks: tuple[tuple[float, str], ...]


def gantt(run: runs.Run) -> Gantt:
    """Return a run as a chart of its tasks over time."""
    begun = [task for task in run.tasks if task.started is not None]
    ends = [(task.started, timedelta(seconds=task.seconds or 0)) for task in begun]
    if not ends:
        return Gantt((), ())
    first = min(start for start, _ in ends if start)
    whole = max(((start - first) + took).total_seconds() for start, took in ends if start) or 1.0

    def bar(task: runs.Task) -> Bar:
        left = 100 * (task.started - first).total_seconds() / whole if task.started else 0.0
        width = max(100 * (task.seconds or 0) / whole, _THINNEST)
        return Bar(task, round(min(left, 100 - _THINNEST), 2), round(min(width, 100 - left), 2))

    marks = tuple((100.0 * part / 4, words.duration(whole * part / 4)) for part in range(5))
    return Gantt(tuple(map(bar, begun)), marks)


@dataclass(frozen=True)
class Column:
    """A value of a row of columns: how high it is, in per cent of the highest, and what it says."""

    left: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Durations:
    """How long a stage took in the last runs, the oldest first; the newest one in words."""

    stage: str
    columns: tuple[Column, ...]
    last: str
    longest: str


def durations(history: Sequence[runs.Run]) -> list[Durations]:
    """Return of each stage how long it took in these runs (newest first) that were successful.

    A stage is a group of tasks; it takes from the start of its first task to the end of its last one.
    """
    done = [run for run in reversed(history) if run.status is runs.TaskStatus.SUCCESSFUL]
    stages = dict.fromkeys(task.group for run in done for task in run.tasks)
    return [_durations(stage, done) for stage in stages]


def _durations(stage: str, done: Sequence[runs.Run]) -> Durations:
    took = [(run, seconds) for run in done if (seconds := seconds_of(run, stage)) is not None]
    longest = max((seconds for _, seconds in took), default=0.0)
    labelled = [(f"Run {run.number}: {words.duration(seconds)}", seconds) for run, seconds in took]
    return Durations(stage, columns(labelled), words.duration(took[-1][1]) if took else "", words.duration(longest))


def columns(labelled: Sequence[tuple[str, float]], places: int = 12) -> tuple[Column, ...]:
    """Return amounts, each with what it says, as columns; there is room for so many at least."""
    highest = max((amount for _, amount in labelled), default=0.0)
    step = 100 / max(len(labelled), places)
    return tuple(
        Column(
            left=round(place * step, 2),
            width=round(step * 0.8, 2),
            height=round(max(100 * amount / highest if highest else 0, 2 if amount else 0), 1),
            label=label,
        )
        for place, (label, amount) in enumerate(labelled)
    )


def seconds_of(run: runs.Run, stage: str) -> float | None:
    """Return how long a stage of a run took; None where none of its tasks began."""
    times = [(task.started, task.seconds or 0.0) for task in run.tasks if task.group == stage and task.started]
    if not times:
        return None
    first = min(start for start, _ in times)
    return max((start - first).total_seconds() + took for start, took in times)


def grouped(tasks: Iterable[runs.Task]) -> list[tuple[str, list[runs.Task]]]:
    """Return tasks by group, in their order."""
    return [(group, list(of_group)) for group, of_group in groupby(tasks, lambda task: task.group)]
