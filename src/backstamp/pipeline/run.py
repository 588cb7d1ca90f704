"""One run: read, unify, measure, plan, publish, hydrate."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from backstamp import __version__, errors, link, runs, shapes
from backstamp import engine as engines
from backstamp.pipeline import history, incremental, measuring, planning, reading, recovery, stages, steps, supplied
from backstamp.unify.history import Before

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.pipeline.describe import Described, SourceTable
    from backstamp.unify import normalize

LEDGER = "ledger.sqlite"
"""The name of the ledger in the project's folder of state."""

_RESTORE = runs.PlannedTask("Unification", "CustomerIds of the CRM")
_SUPPLIED = runs.PlannedTask("Unification", "Overrides and lists")
_PLAN = runs.PlannedTask("Dataverse Hydration", "Plan")


def run(
    settings: project.Project,
    environment: ports.Sink,
    described: Described,
    arguments: runs.Arguments,
    *,
    accept_loss: Collection[str] = (),
) -> runs.Run:
    """Do one run, and return how it ended.

    What a task cannot do ends that task, and what depends on it is skipped; nothing is published unless every table of
    unification was read, and then all of it in one moment.

    Args:
        settings: the project.
        environment: where the CRM's rows are and links are written.
        described: the sources' tables, as `describe` found them.
        arguments: what was asked for.
        accept_loss: sources, or `source.table`, that are believed however much they lack.

    Raises:
        BusyError: another run is going on, or another process has the warehouse open.
    """
    settings.state.mkdir(mode=0o700, exist_ok=True)
    with runs.Ledger(settings.state / LEDGER) as ledger:
        after = history.last_run(settings.state) or recovery.last_run(settings, environment)
        current = ledger.begin_run(arguments, after=after)
        failure: BaseException | None = None
        try:
            running = _Running(settings, environment, described, ledger, current, accept_loss)
            running.plan_tasks()
            plan = running.compute()
            if plan is not None:
                running.hydrate(plan)
        except (errors.BackstampError, KeyboardInterrupt) as error:
            failure = error
        except BaseException as error:
            ledger.end_run(current, error)
            raise
        return ledger.end_run(current, failure)


@dataclass(frozen=True)
class _Running:
    """A run under way, and what it works with."""

    settings: project.Project
    environment: ports.Sink
    described: Described
    ledger: runs.Ledger
    current: runs.Run
    accept_loss: Collection[str]

    def plan_tasks(self) -> None:
        """Declare every task, so that a reader sees what is to come."""
        sources = [_source_task(table) for table in self.described.tables]
        names = stages.names_of(self.settings.unify)
        unification = [*self._supply_tasks(), *map(_stage_task, names)]
        hydration = [_PLAN, *(step.planned for step in self._steps())]
        self.ledger.plan_tasks(
            self.current, [*sources, *unification, *measuring.tasks(self.settings.definitions), *hydration]
        )

    def compute(self) -> link.Plan | None:
        """Do all that needs the warehouse, publish it, and return what is to be sent; None where a source failed."""
        with engines.open_warehouse(self.settings.state, self.settings.engine) as engine:
            history.write(engine, self.settings.state)  # of a run that died before it could
            before = _before(engine)
            new_ids = before is None and self.current.arguments.new_ids
            is_lost = before is None and not new_ids
            before = self._restore(engine) if is_lost else before
            self._refuse_lost_tables(engine, before)
            read = self._read_sources(engine)
            unified = [table.table for table in self.settings.unify.tables]
            if missing := [name for name in (*unified, *supplied.tables(self.settings)) if name not in read]:
                self._skip_all(f"{', '.join(missing)} could not be read, so the run before stays as it is.")
                return None
            touched = self._unify(engine, read, before)
            members = engine.cache(engine.table("members"))
            self._measure(engine, measuring.Change(read, touched, in_full=self.current.arguments.full), members)
            self._check()
            with self.ledger.task(self.current, _PLAN) as task:
                seen = [found.seen for found in read.values() if found.seen is not None]
                is_restored = is_lost and before is not None
                asked = self.environment if self.current.arguments.full or new_ids or is_restored else None
                planning.know(engine, self.settings, self.described, self.ledger.journal, seen)
                plan = planning.plan(
                    engine,
                    self.settings,
                    self.described,
                    members,
                    self.current.number,
                    asked,
                    knows_values=not is_restored,
                )
                task.rows = plan.count
                self._publish(engine, before if is_restored else None, new_ids=new_ids)
            return plan

    def hydrate(self, plan: link.Plan) -> None:
        """Send what the plan says, step by step; what a failed step is needed for is skipped."""
        failed: set[str] = set()
        name = getattr(self.settings.environment, "url", "the embedded CRM")
        with self.ledger.lease(name, self.current):
            for step in self._steps():
                stopped = [needed.planned.name for needed in step.needs if needed.planned.name in failed]
                if stopped:
                    failed.add(step.planned.name)
                    self.ledger.skip(self.current, step.planned, f"{stopped[0]} failed or was skipped.")
                    continue
                try:
                    with self.ledger.task(self.current, step.planned) as task:
                        step.work(link.Hydration(plan, self.environment, self.ledger.journal, task, self._check))
                except errors.CanceledError:
                    raise
                except errors.BackstampError:
                    failed.add(step.planned.name)

    def _restore(self, engine: engines.Engine) -> Before | None:
        """Return what the environment tells of the run before, None where it holds nothing of ours."""
        if self.environment.find(link.profile_table(self.settings.link)) is None:
            return None
        self.ledger.plan_tasks(self.current, [_RESTORE])
        with self.ledger.task(self.current, _RESTORE) as task:
            before = recovery.before(engine, self.settings, self.environment)
            task.rows = 0 if before is None else engine.count(before.made)
            if before is not None:
                task.warn("The warehouse was empty: the CustomerIds are those of the CRM.")
            return before

    def _publish(self, engine: engines.Engine, restored: Before | None, *, new_ids: bool) -> None:
        """Publish all that is in the draft, and the id history with it."""
        state, number = self.settings.state, self.current.number
        if restored is not None and not history.last_run(state):
            history.note_restored(engine, restored, number)
        if new_ids:
            history.note_new_ids(engine, number)
        engine.publish()
        history.write(engine, state)

    def _refuse_lost_tables(self, engine: engines.Engine, before: Before | None) -> None:
        """Refuse a project that lost a table of unification, whose customers would all be gone (unification.md 1.4).

        Raises:
            SourceError: it did, and nobody accepted that.
        """
        if before is None:
            return
        known = {str(row["table"]) for row in engine.rows(before.members.select("table").distinct())}
        lost = known - {table.table for table in self.settings.unify.tables}
        for name in sorted(name for name in lost if not self._accepts(name)):
            raise errors.SourceError(
                f"{name} was unified before and is not in the project file any more, so its rows would lose their"
                f" profiles. Put it back, or, if it is meant: `backstamp run --accept-loss {name}`."
            )

    def _accepts(self, table: str) -> bool:
        return bool({table, table.partition(".")[0]} & set(self.accept_loss))

    def _read_sources(self, engine: engines.Engine) -> dict[str, reading.Read]:
        """Read every source table; those that could not be read are missing in what is returned."""
        tokens = _tokens(engine)
        read: dict[str, reading.Read] = {}
        # Those whose transform step joins others come after them.
        for table in sorted(self.described.tables, key=lambda table: bool(table.step and table.step.joined)):
            self._check()
            try:
                with self.ledger.task(self.current, _source_task(table)) as task:
                    token = tokens.get(table.name)
                    request = self._request(engine, table, token, read)
                    read[table.name] = self._read_source(engine, table, request, task)
            except errors.CanceledError:
                raise
            except errors.BackstampError:
                continue  # its task says why
        told = [
            {"table": name, "token": token}
            for name, token in (tokens | {name: found.token for name, found in read.items()}).items()
            if token is not None
        ]
        engine.land("feeds", shapes.FEEDS, [pa.RecordBatch.from_pylist(told, schema=shapes.FEEDS)])
        return read

    def _request(
        self, engine: engines.Engine, table: SourceTable, token: str | None, read: Mapping[str, reading.Read]
    ) -> reading.Request:
        """Return what is asked of a read; raise `SourceError` where a table that its step joins was not read."""
        full, source = self.current.arguments.full, table.name.partition(".")[0]
        others = {f"{source}.{outer}" for outer in (table.step.joined if table.step else ())}
        if missing := sorted(others - set(read)):
            raise errors.SourceError(f"{', '.join(missing)}, which the select joins, could not be read.")
        described = {one.name: one for one in self.described.tables if one.name in others}
        joined = {
            one.outer: steps.other(incremental.now(engine, name, read[name].changes), one.definition)
            for name, one in described.items()
            if one.definition
        }
        return reading.Request(
            None if full else token,
            whole=full,
            accept_loss=self._accepts(table.name),
            joined=joined,
            is_joined_same=not any(read[name].is_whole or read[name].is_changed for name in others),
        )

    def _read_source(
        self, engine: engines.Engine, table: SourceTable, request: reading.Request, task: runs.RunningTask
    ) -> reading.Read:
        def progress(rows: int) -> None:
            task.progress(rows)
            self._check()

        found = reading.read(
            engine,
            table,
            request,
            lookup=link.lookup_name(self.settings.link),
            us=self.environment.who_am_i() if table.is_of_environment else "",
            progress=progress,
        )
        task.rows = found.rows + found.deleted
        task.detail(_words(found))
        if found.corrupt:
            listed = reading.corrupt_name(table.name)
            task.warn(f"{found.corrupt:,} rows or values of {table.name} cannot be used: see the table {listed}.")
        return found

    def _unify(self, engine: engines.Engine, read: dict[str, reading.Read], before: Before | None) -> ir.Table | None:
        """Unify what a change can touch, or all rows where that is needed, unless nothing changed.

        Return `customer_id` of the customers that a change touched, before it and after; None where these may be all.
        """
        unify, run, seed = self.settings.unify, self.current.number, uuid4()
        unified = [table.table for table in unify.tables]
        for name in set(read) - set(unified):
            if (changes := read[name].changes) is not None and changes.count:
                incremental.patch_source(engine, name, changes)
        sheets = {**self.described.sheets, **supplied.read_tables(engine, self.settings)}
        lists = supplied.lists(unify, sheets)
        by = stages.fingerprint(unify, __version__, lists)
        sources = {name: read[name].changes for name in unified}
        changed = {name: changes for name, changes in sources.items() if changes is not None and changes.count}
        rows = {name: incremental.now(engine, name, changed.get(name)) for name in unified}
        pairs, overrides = self._supply(engine, rows, sheets, lists)
        by_number = frozenset(table.name for table in self.described.tables if table.by_number)
        change = incremental.Change(changed, overrides, lists, by_number)
        why, part = self._why_all(engine, read, before, by), None
        if not why and incremental.is_nothing(engine, change):
            self._pass_over(stages.names_of(unify))
            return engine.load(shapes.MEASURES, [])
        why = why or incremental.obstacle(unify)
        if not why:
            part = incremental.find(engine, unify, change)
            why = "" if part else "what changed hangs together with very many"
        stage = self._stages(why)
        if part is not None:
            touched = incremental.unify(engine, unify, change, part, stages.Running(run, seed, stage))
        else:
            touched = None
            for name in unified:
                incremental.store_whole(engine, name, changed.get(name), by_number=name in by_number)
            rows = {name: reading.stored(engine, name) for name in unified}
            overrides = supplied.overrides(engine, stages.recorded(unify, rows), pairs) if pairs else None
            given = stages.Given(rows, overrides, lists, by_number)
            stages.unify(engine, unify, given, before, run=run, seed=seed, stage=stage)
        stages.note_unified_by(engine, by)
        return touched

    def _pass_over(self, names: Sequence[str]) -> None:
        """End the tasks of stages: nothing changed."""
        for name in names:
            with self._stage(name) as task:
                task.rows = 0
                task.detail("nothing changed")

    def _stages(self, why_all: str) -> Callable[[str], AbstractContextManager[runs.RunningTask]]:
        """Return what opens the task of a stage; the first tells why it has all rows, or that it has some."""

        @contextmanager
        def stage(name: str) -> Iterator[runs.RunningTask]:
            with self._stage(name) as task:
                if name == stages.NORMALIZE:
                    task.detail(f"all rows: {why_all}" if why_all else "the rows that what changed can touch")
                yield task

        return stage

    def _why_all(self, engine: engines.Engine, read: dict[str, reading.Read], before: Before | None, by: str) -> str:
        """Say why all rows must be unified, "" if a part may do."""
        whole = [table.table for table in self.settings.unify.tables if read[table.table].is_whole]
        if before is None or engine.published("members") is None:
            return "nothing was published here before"
        if self.current.arguments.full:
            return "that was asked for"
        if not stages.is_unified_by(engine, by):
            return "settings of unification, lists of values or backstamp changed"
        if whole:
            return f"{', '.join(whole)} had other columns before"
        return ""

    def _supply(
        self,
        engine: engines.Engine,
        rows: Mapping[str, ir.Table],
        sheets: Mapping[str, supplied.Sheet],
        lists: normalize.Lists,
    ) -> tuple[Sequence[supplied.Pair], ir.Table | None]:
        """Keep what people supply beside rows; return the pairs, and `shapes.OVERRIDES`, None without any."""
        if not supplied.names(self.settings):
            supplied.forget(engine)
            return (), None
        with self.ledger.task(self.current, _SUPPLIED) as task:
            task.rows = sum(len(sheet.places) for sheet in sheets.values())
            task.detail(", ".join(f"{name}: {len(sheet.places):,}" for name, sheet in sheets.items()))
            supplied.keep_lists(engine, lists)
            pairs = supplied.pairs(self.settings.unify, sheets, self.described.tables)
            found = supplied.overrides(engine, stages.recorded(self.settings.unify, rows), pairs)
            for asleep in supplied.sleeping(engine, engine.table(supplied.KEPT_PAIRS)):
                of = f"Pairs of `{asleep.kind}` of {' and '.join(asleep.tables)}"
                task.warn(f"{of} that sleep, as no row has one of their keys (any more): {asleep.pairs:,}.")
            return pairs, found

    def _supply_tasks(self) -> list[runs.PlannedTask]:
        return [_SUPPLIED] if supplied.names(self.settings) else []

    def _measure(self, engine: engines.Engine, change: measuring.Change, members: ir.Table) -> None:
        now = self.current.started.astimezone(UTC).replace(tzinfo=None)
        measuring.measure(engine, self.settings.definitions, change, members, now, self._task)

    def _steps(self) -> Iterator[link.Step]:
        """Yield the steps of hydration that this project has."""
        without_measures = "attributes" not in self.settings.hydrate
        yield from (step for step in link.STEPS if not (without_measures and step is link.MEASURES))

    def _stage(self, name: str) -> AbstractContextManager[runs.RunningTask]:
        return self._task(_stage_task(name))

    def _task(self, planned: runs.PlannedTask) -> AbstractContextManager[runs.RunningTask]:
        self._check()
        return self.ledger.task(self.current, planned)

    def _skip_all(self, reason: str) -> None:
        for planned in (*self._supply_tasks(), *map(_stage_task, stages.names_of(self.settings.unify))):
            self.ledger.skip(self.current, planned, reason)
        for planned in (*measuring.tasks(self.settings.definitions), _PLAN, *(step.planned for step in self._steps())):
            self.ledger.skip(self.current, planned, reason)

    def _check(self) -> None:
        self.ledger.check_canceled(self.current)


def _source_task(table: SourceTable) -> runs.PlannedTask:
    return runs.PlannedTask("Data Sources", table.name, runs_as=runs.TaskStatus.REFRESHING)


def _stage_task(name: str) -> runs.PlannedTask:
    return runs.PlannedTask("Unification", name)


def _words(found: reading.Read) -> str:
    """Say in short what was read."""
    if found.in_full:
        return f"{found.rows:,} rows, all of them" + (f": {found.note}" if found.note else "")
    return f"{found.rows:,} new or changed and {found.deleted:,} deleted rows of {found.known:,}"


def _tokens(engine: engines.Engine) -> dict[str, str]:
    if not engine.has("feeds"):
        return {}
    return {row["table"]: row["token"] for row in engine.rows(engine.table("feeds"))}


def _before(engine: engines.Engine) -> Before | None:
    """Return what the run before published, or None before the first."""
    members = engine.published("members")
    if members is None:
        return None
    made = engine.table("ids").drop("customer")
    clusters = engine.published("clusters")
    values = engine.published("profile_values")
    return Before(members, made, engine.table("previous_ids"), engine.table("followed"), clusters, values)
