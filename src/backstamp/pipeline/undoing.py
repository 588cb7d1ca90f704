"""A run undone: what it wrote is put back, and its CustomerIds are taken back (linking.md 6).

Beside its work lists a run keeps whose rows were whose before it. When it is undone, *identify* of the next run has
that for what was published before; rows and feed tokens stay as they are.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import engine as engines
from backstamp import errors, link, runs, shapes
from backstamp.engine import functions
from backstamp.pipeline import hydrating, planning
from backstamp.pipeline.history import ID_CHANGES
from backstamp.unify import history as of_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.pipeline.describe import Described
    from backstamp.pipeline.incremental import Replaced
    from backstamp.unify.history import Before

_ROW = ["table", "key"]
_MADE = shapes.shape(customer_id=pa.string(), made_in_run=pa.int64(), derived=pa.bool_())
_IDS = shapes.shape(customer_id=pa.string())
_ROWS = shapes.shape(table=pa.string(), key=pa.string())
_TABLES = {
    "undone_rows": _ROWS,
    "undone_ids": _IDS,
    "undone_members": shapes.MEMBERS,
    "undone_made": _MADE,
    "undone_previous_ids": shapes.PREVIOUS_IDS,
    "undone_followed": shapes.FOLLOWED,
}
"""What is known of a run to take its ids back: the rows and ids that it is about, and whose and what they were."""


def remember(engine: engines.Engine, plan: link.Plan, replaced: Replaced, members: ir.Table) -> None:
    """Keep, beside the work lists of a run, what takes its CustomerIds back.

    Args:
        engine: holds what unification gave.
        plan: of the run.
        replaced: what the run before published of the customers that this run unified.
        members: `shapes.MEMBERS`, after this run.
    """
    before = replaced.before
    if before is None:
        return
    ids = engine.cache(_concerned(engine, before, members, plan.run))
    kept = {
        "undone_rows": members.semi_join(ids, "customer_id").select(*_ROW),
        "undone_ids": ids,
        "undone_members": before.members.semi_join(ids, "customer_id"),
        "undone_made": before.made.semi_join(ids, "customer_id"),
        "undone_previous_ids": before.previous_ids.semi_join(ids, "customer_id"),
        "undone_followed": before.followed.semi_join(ids, "customer_id"),
    }
    for name, schema in _TABLES.items():
        engine.write_parquet(kept[name].select(*schema.names), link.list_path(plan.folder, name))


def _concerned(engine: engines.Engine, before: Before, members: ir.Table, run: int) -> ir.Table:
    """Return the ids, of before and of now, of customers whose rows are not the same any more: `customer_id`."""
    now = members.rename(now="customer_id")
    pairs = before.members.left_join(now, _ROW).select("customer_id", "now")
    moved = pairs.filter(~pairs.customer_id.identical_to(pairs.now))
    joined = members.semi_join(before.made, "customer_id").anti_join(before.members, _ROW)
    ids = engine.table("ids")
    made = ids.filter(ids.made_in_run == functions.whole(run))
    found = ibis.union(
        moved.select("customer_id"),
        moved.select(customer_id="now"),
        joined.select("customer_id"),
        made.select("customer_id"),
        distinct=True,
    )
    return found.filter(found.customer_id.notnull())


def is_undone(engine: engines.Engine) -> bool:
    """Tell whether a run was undone since the last one."""
    ids = engine.published("undone_ids")
    return ids is not None and engine.count(ids) > 0


def taken_back(engine: engines.Engine, published: Before) -> Before:
    """Return what was published before, with the CustomerIds of before the run that was undone, if one was."""
    if not is_undone(engine):
        return published
    rows, ids, members, made, previous_ids, followed = (engine.table(name) for name in _TABLES)
    return replace(
        published,
        members=published.members.anti_join(rows, _ROW).anti_join(members, _ROW).union(members),
        made=_instead(published.made, made, ids),
        previous_ids=_instead(published.previous_ids, previous_ids, ids),
        followed=_instead(published.followed, followed, ids),
    )


def _instead(table: ir.Table, of_before: ir.Table, ids: ir.Table) -> ir.Table:
    return table.anti_join(ids, "customer_id").union(of_before.select(*table.columns))


def forget(engine: engines.Engine) -> None:
    """Note in the draft that what was undone counts no more: this run has its ids from there."""
    if engine.has("undone_ids"):
        for name, schema in _TABLES.items():
            engine.land(name, schema, [])


def undo(
    settings: project.Project, environment: ports.Sink, described: Described, number: int, requested_by: str
) -> runs.Run:
    """Make the draft that undoes a run, which waits for approval; return its run.

    Args:
        settings: the project.
        environment: what the run wrote to.
        described: the sources' tables.
        number: of the run that is undone.
        requested_by: who asks.

    Raises:
        ConfigurationError: the run wrote nothing, its lists are no longer kept, or later runs must be undone first.
        BusyError: another run is going on, or another process has the warehouse open.
    """
    with runs.Ledger(settings.ledger_location) as ledger:
        undone = _undoable(settings, ledger, number)
        steps = hydrating.steps_of(settings)
        arguments = runs.Arguments(draft=True, undoes=number, requested_by=requested_by)
        current = ledger.begin_run(arguments)
        try:
            ledger.plan_tasks(current, [hydrating.PLAN, *(step.planned for step in steps)])
            with engines.open_warehouse(settings.state, settings.engine, patches_in_place=False) as engine:
                _draft(engine, settings, environment, described, ledger, current, undone)
        except (errors.BackstampError, KeyboardInterrupt) as error:
            return ledger.end_run(current, error)
        return ledger.end_run(current)


def require_first(settings: project.Project, number: int) -> None:
    """Refuse to drop the columns of links where other runs than this one have written links.

    Raises:
        ConfigurationError: it is not the first run that wrote.
    """
    with runs.Ledger(settings.ledger_location) as ledger:
        wrote = ledger.journal.runs()
    if number not in wrote[:1]:
        first = f"run {wrote[0]}" if wrote else "none"
        raise errors.ConfigurationError(f"Columns are dropped with the first run that wrote only: {first}.")


def drop_columns(settings: project.Project, environment: ports.Sink, number: int) -> None:
    """Drop the columns of links that the first run made, once it is undone."""
    plan = link.load(settings.state, number)
    if plan is not None:
        for linking in plan.links:
            environment.drop_column(linking.outer, plan.lookup.name)


def prune(settings: project.Project, current: int) -> None:
    """Forget the work lists of runs before this one that cannot be undone any more; after publishing.

    What they wrote is known then.
    """
    oldest = datetime.now(UTC) - timedelta(days=settings.link.undo_days)
    with runs.Status(settings.ledger_location) as status:
        for folder in (settings.state / "runs").iterdir():
            run = status.run(int(folder.name)) if folder.name.isdecimal() else None
            if run is not None and run.number < current and run.started < oldest:
                shutil.rmtree(folder)


def _draft(
    engine: engines.Engine,
    settings: project.Project,
    environment: ports.Sink,
    described: Described,
    ledger: runs.Ledger,
    current: runs.Run,
    undone: link.Plan,
) -> None:
    name = hydrating.name_of(settings)
    with ledger.task(current, hydrating.PLAN) as task, ledger.lease(name, current):
        planning.know(engine, settings, described, ledger.journal, [], environment, in_part=False)
        plan = link.make_undo(engine, undone, settings.state, current.number)
        task.rows = plan.count
        if plan.left:
            task.warn(f"{plan.left:,} links that somebody else wrote since are left as they are.")
        _take_ids_back(engine, undone, current.number)
        engine.put_aside(current.number)
        ledger.note_put_aside(current)
        task.wait_for_approval(
            f"It undoes run {undone.run}. `backstamp run --approve {current.number}` does it; then nothing more is sent"
            " until a run is approved."
        )


def _undoable(settings: project.Project, ledger: runs.Ledger, number: int) -> link.Plan:
    """Return the plan of a run that can be undone now."""
    with runs.Status(settings.ledger_location) as status:
        last = status.last()
        every = status.history(last.number if last else 0)
    undone = {run.arguments.undoes: run.number for run in every if run.arguments.undoes and run.published}
    if number not in {run.number for run in every}:
        newest = f"the newest is run {last.number}" if last else "there is none"
        raise errors.ConfigurationError(f"There is no run {number}, {newest}: `backstamp status --history` lists them.")
    if number in undone:
        raise errors.ConfigurationError(f"Run {number} was undone already, by run {undone[number]}.")
    undoing = set(undone.values())
    wrote = set(ledger.journal.runs())
    if later := sorted(run for run in wrote - set(undone) - undoing if run > number):
        named = ", ".join(map(str, reversed(later)))
        raise errors.ConfigurationError(f"Later runs have written since: undo them first, the newest first: {named}.")
    plan = link.load(settings.state, number)
    if number not in wrote:
        raise errors.ConfigurationError(f"Run {number} has written nothing: see `backstamp status --history`.")
    if plan is None:
        message = f"What run {number} wrote is no longer on record here (link.undo_days), so that it cannot be undone."
        raise errors.ConfigurationError(message)
    return plan


def _take_ids_back(engine: engines.Engine, undone: link.Plan, run: int) -> None:
    """Keep in the draft what *identify* of the next run has for what was published before."""
    if not link.list_path(undone.folder, "undone_ids").exists():
        return
    told = {name: engine.load(schema, undone.rows(name, schema.names)) for name, schema in _TABLES.items()}
    for name, table in _combined(engine, told).items():
        engine.keep(name, table)
    living = engine.table("ids")
    engine.keep(ID_CHANGES, of_ids.undone(told["undone_made"], told["undone_ids"], living, run))


def _combined(engine: engines.Engine, told: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """Add what later runs took back that were undone before this one."""
    if not is_undone(engine):
        return dict(told)
    rows, ids, members = told["undone_rows"], told["undone_ids"], told["undone_members"]
    left = {name: engine.table(name) for name in _TABLES}
    left["undone_members"] = left["undone_members"].anti_join(rows, _ROW).anti_join(members, _ROW)
    for name in ("undone_made", "undone_previous_ids", "undone_followed"):
        left[name] = left[name].anti_join(ids, "customer_id")
    return {name: ibis.union(table, left[name].select(*table.columns), distinct=True) for name, table in told.items()}
