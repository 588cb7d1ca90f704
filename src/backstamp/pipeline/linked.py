"""How links stand: of each linked table, what the last run wrote or could not write, what waits, what can be undone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp import link, runs
from backstamp.pipeline import hydrating
from backstamp.pipeline.overview import overview

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backstamp import project

_RUNS_LOOKED_AT = 100
_LISTED = 20


@dataclass(frozen=True)
class LinkedRows:
    """A linked table.

    Attributes:
        table: `source.table`.
        rows: how many it has.
        linked: how many lead to their customer; the others have no link.
        drifted: links that somebody else had changed, which the last run that wrote put right.
        failed: rows that the CRM refused to write then.
    """

    table: str
    rows: int
    linked: int
    drifted: int
    failed: int


@dataclass(frozen=True)
class Written:
    """A run that wrote: it, its plan if that is still kept, what undid it, and whether it can be undone now."""

    run: runs.Run
    plan: link.Plan | None
    undone_by: int | None
    can_be_undone: bool


@dataclass(frozen=True)
class Links:
    """How links stand.

    Attributes:
        tables: those that are linked.
        waiting: the run that waits for approval, if one does.
        held_since: the run whose undoing holds the environment: nothing is sent until a run is approved.
        written: the runs that wrote, the newest first; only some.
    """

    tables: tuple[LinkedRows, ...]
    waiting: runs.Run | None
    held_since: int | None
    written: tuple[Written, ...]


def links(settings: project.Project) -> Links:
    """Tell how links stand, without asking the environment.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    tables = [table for table in overview(settings).tables if table.linked is not None]
    with (
        runs.Ledger(settings.ledger_location) as ledger,
        runs.Status(settings.ledger_location) as status,
    ):
        history = status.history(_RUNS_LOOKED_AT)
        written = tuple(_written(settings, history, ledger.journal.runs()))
        last = next((one.plan for one in written if one.plan), None)
        failed = _failed(last, ledger.journal) if last else Counter()
        drifted = {one.table: one.reasons.get(link.Reason.REPAIRED, 0) for one in last.links} if last else {}
        return Links(
            tables=tuple(
                LinkedRows(one.table, one.rows, one.linked or 0, drifted.get(one.table, 0), failed[one.table])
                for one in tables
            ),
            waiting=next((run for run in history if run.status is runs.TaskStatus.WAITING_FOR_APPROVAL), None),
            held_since=ledger.held_since(hydrating.name_of(settings)),
            written=written[:_LISTED],
        )


def _written(settings: project.Project, history: Sequence[runs.Run], wrote: Sequence[int]) -> Iterator[Written]:
    """Yield the runs that wrote; the newest that neither was undone nor undid can be (`undoing.undo`)."""
    undone = {run.arguments.undoes: run.number for run in history if run.arguments.undoes and run.published}
    could = True
    for run in history:
        if run.number in wrote:
            plan = link.load(settings.state, run.number)
            can = could and plan is not None and run.number not in undone and run.arguments.undoes is None
            could = could and (run.number in undone or run.arguments.undoes is not None)
            yield Written(run, plan, undone.get(run.number), can)


def _failed(plan: link.Plan, journal: runs.Journal) -> Counter[str]:
    """Count the rows of each table that the environment refused to link."""
    tables = {linking.list: linking.table for linking in plan.links}
    return Counter(
        tables[work_list]
        for work_list, row in journal.exceptions(plan.run)
        if work_list in tables and row.state is runs.RowState.REFUSED
    )
