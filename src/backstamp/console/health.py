"""What machines ask: whether the server is well, and how runs go, for Prometheus."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from backstamp import runs
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import SiteOf
from backstamp.runs import words

router = APIRouter()
_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/health")
def health(site: SiteOf) -> dict[str, str]:
    """Tell that the server answers and its ledger can be read; nothing more, for anybody may ask."""
    site.status.counts()
    return {"status": "ok"}


@router.get("/metrics")
def metrics(site: SiteOf, visitor: Annotated[Visitor, may(Action.SEE_STATUS)]) -> Response:  # noqa: ARG001
    """Tell how runs go, in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Runs(site.status))
    return Response(generate_latest(registry), media_type=_FORMAT)


@dataclass(frozen=True)
class _Runs:
    """What the ledger tells, as metrics; asked anew each time."""

    status: runs.Status

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        ended = CounterMetricFamily("backstamp_runs", "Runs by how they stand.", labels=["status"])
        for status, count in self.status.counts().items():
            ended.add_metric([status], count)
        yield ended
        last = self.status.last()
        if last is None:
            return
        is_going_on = last.status in runs.UNDER_WAY and not words.has_died(last)
        yield GaugeMetricFamily("backstamp_run_in_progress", "Whether a run goes on.", int(is_going_on))
        yield GaugeMetricFamily("backstamp_last_run_number", "The last run.", last.number)
        yield GaugeMetricFamily("backstamp_last_run_started_timestamp_seconds", "Its start.", last.started.timestamp())
        yield GaugeMetricFamily("backstamp_last_run_seconds", "How long it took, or has taken.", last.seconds)
        yield GaugeMetricFamily("backstamp_last_run_warnings", "Warnings of its tasks.", last.warnings)
        succeeded = self.status.last_success()
        if succeeded is not None:
            name = "backstamp_last_success_timestamp_seconds"
            yield GaugeMetricFamily(name, "When a run was last successful.", succeeded.timestamp())
        yield from _of_tasks(last)


def _of_tasks(run: runs.Run) -> Iterator[Metric]:
    labels = ["group", "task"]
    seconds = GaugeMetricFamily("backstamp_task_seconds", "How long a task of the last run took.", labels=labels)
    rows = GaugeMetricFamily("backstamp_task_rows", "Rows that a task of the last run was about.", labels=labels)
    failed = GaugeMetricFamily("backstamp_task_failed", "Whether a task of the last run failed.", labels=labels)
    for task in run.tasks:
        of = [task.group, task.name]
        failed.add_metric(of, int(task.status in runs.FAILURES))
        if task.seconds is not None:
            seconds.add_metric(of, task.seconds)
        if task.rows is not None:
            rows.add_metric(of, task.rows)
    yield from (seconds, rows, failed)
