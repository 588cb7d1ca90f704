"""How many customers, rows and links there are, from the published warehouse: what one looks at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp import link, runs
from backstamp.pipeline import published, reading

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.engine import Engine


@dataclass(frozen=True)
class Rows:
    """A source table in numbers.

    Attributes:
        table: `source.table`.
        rows: that were read.
        customers: of these rows, None where the table is not unified.
        linked: how many rows lead to their customer in the environment; None where it is not a linked table.
    """

    table: str
    rows: int
    customers: int | None
    linked: int | None


@dataclass(frozen=True)
class Overview:
    """What there is: customers, a profile each, and the tables that they come from."""

    customers: int
    tables: tuple[Rows, ...]


def overview(settings: project.Project) -> Overview:
    """Count what the last run published.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    with published.opened(settings.state, settings.engine) as engine:
        linked = _linked(engine, settings)
        customers = _by_table(engine, engine.table("members"))
        return Overview(
            customers=engine.count(engine.table("profiles")),
            tables=tuple(
                Rows(table, engine.count(engine.table(name)), customers.get(table), linked.get(table))
                for table in settings.tables
                if engine.has(name := reading.stored_name(table))
            ),
        )


def _by_table(engine: Engine, members: ir.Table) -> dict[str, int]:
    counted = members.group_by("table").agg(customers=members.customer_id.nunique())
    return {row["table"]: row["customers"] for row in engine.rows(counted)}


def _linked(engine: Engine, settings: project.Project) -> dict[str, int]:
    """Count the links that are known: those of before the last run, and what it wrote of them since."""
    known = link.of_links(engine)
    counted = known.group_by("table").agg(links=known.customer_id.count())
    links = {row["table"]: row["links"] for row in engine.rows(counted)}
    with runs.Status(settings.ledger_location) as status:
        last = next((run for run in status.history(100) if run.published), None)
    plan = link.load(settings.state, last.number) if last else None
    if last and plan and _has_written(last):
        for linking in plan.links:
            links[linking.table] = links.get(linking.table, 0) + linking.set - linking.cleared
    return links


def _has_written(run: runs.Run) -> bool:
    """Tell whether a run has written its links: it may have been stopped before."""
    return any((task.name, task.status) == (link.LINKS.planned.name, runs.TaskStatus.SUCCESSFUL) for task in run.tasks)
