"""What a plan will take: requests, time, and what else its writes set in motion (linking.md 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp import errors, link, runs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from backstamp import project
    from backstamp.connect import ports

_RUNS_LOOKED_AT = 20


@dataclass(frozen=True)
class Forecast:
    """A plan, and what to expect of it.

    Attributes:
        plan: what is written.
        requests: how many requests write it.
        seconds: for how long, at the speed of earlier runs; None where there was none.
        moved: rows of linked tables whose time of the last change will move.
        steps: by table whose links are written, what of the environment's own runs on that.
    """

    plan: link.Plan
    requests: int
    seconds: float | None
    moved: int
    steps: Mapping[str, ports.Steps]


def forecast(settings: project.Project, environment: ports.Sink, number: int) -> Forecast:
    """Say what the plan of a run will take.

    Args:
        settings: the project.
        environment: where it is written.
        number: of the run.

    Raises:
        ConfigurationError: the run has no plan, or it is no longer kept.
    """
    plan = link.load(settings.state, number)
    if plan is None:
        message = f"Run {number} has no plan, or it is no longer kept: see `backstamp status --history`."
        raise errors.ConfigurationError(message)
    with runs.Status(settings.ledger_location) as status:
        speed = _rows_per_second(status.history(_RUNS_LOOKED_AT))
    return Forecast(
        plan=plan,
        requests=sum(_requests(plan, environment.batch_size)),
        seconds=plan.count / speed if speed else None,
        moved=sum(linking.count for linking in plan.links),
        steps=_steps(settings, environment, plan),
    )


def _steps(settings: project.Project, environment: ports.Sink, plan: link.Plan) -> dict[str, ports.Steps]:
    lookup = link.lookup_name(settings.link)
    return {linking.table: environment.steps(linking.outer, lookup) for linking in plan.links if linking.count}


def _requests(plan: link.Plan, size: int) -> Iterator[int]:
    """Yield how many requests each work list takes."""
    yield from (-(-work.count // size) for work in plan.works)


def _rows_per_second(history: Iterable[runs.Run]) -> float | None:
    """Return how many rows a second the tasks of hydration wrote, in the run that wrote most: few rows tell little."""
    names = {step.planned.name for step in link.STEPS}
    rows, seconds = max((_written(run, names) for run in history), default=(0, 0.0))
    return rows / seconds if rows and seconds else None


def _written(run: runs.Run, names: Collection[str]) -> tuple[int, float]:
    """Return how many rows the tasks of these names wrote in a run, and in how many seconds."""
    tasks = [task for task in run.tasks if task.name in names and task.rows and task.seconds]
    return sum(task.rows or 0 for task in tasks), sum(task.seconds or 0.0 for task in tasks)
