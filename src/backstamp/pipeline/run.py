"""One run: read, unify, measure, plan, publish, hydrate."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from backstamp import __version__, errors, link, runs, shapes
from backstamp import engine as engines
from backstamp.pipeline import (
    history,
    hydrated,
    hydrating,
    incremental,
    leaving,
    measuring,
    notifying,
    output,
    planning,
    reading,
    recovery,
    searching,
    sources,
    stages,
    supplied,
    undoing,
)
from backstamp.pipeline.hydrating import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.pipeline.describe import Described
    from backstamp.unify import normalize
    from backstamp.unify.history import Before

_NUMBERS = shapes.shape(customer=pa.int64())
_RESTORE = runs.PlannedTask("Unification", "CustomerIds of the CRM")
_SUPPLIED = runs.PlannedTask("Unification", "Overrides and lists")
_UNTIL = {stages.MATCH: runs.Until.MATCH, stages.MERGE: runs.Until.MERGE}
"""The stages of unification with which a run may be asked to end."""


def run(
    settings: project.Project,
    environment: ports.Sink,
    described: Described,
    arguments: runs.Arguments,
    *,
    began: Callable[[runs.Run], None] = runs.unheard,
) -> runs.Run:
    """Do one run, and return how it ended.

    What a task cannot do ends that task, and what depends on it is skipped; nothing is published unless every table of
    unification was read, and then all of it in one moment. Where that has to be approved first, the run ends Waiting
    for approval: see `approve`.

    Args:
        settings: the project.
        environment: where the CRM's rows are and links are written.
        described: the sources' tables, as `describe` found them.
        arguments: what was asked for.
        began: called with the run as soon as there is one.

    Raises:
        BusyError: another run is going on, or another process has the warehouse open.
    """
    settings.state.mkdir(mode=0o700, exist_ok=True)
    with runs.Ledger(settings.ledger_location) as ledger, ExitStack() as held:
        after = history.last_run(settings.state) or recovery.last_run(settings, environment)
        current = ledger.begin_run(arguments, after=after)
        began(current)
        failure: BaseException | None = None
        try:
            running = _Running(settings, environment, described, ledger, current, held)
            running.plan_tasks()
            work = running.compute()
            if work is not None:
                running.hydrate(work)
        except (errors.BackstampError, KeyboardInterrupt) as error:
            failure = error
        except BaseException as error:
            notifying.tell_of_run(settings, ledger, ledger.end_run(current, error))
            raise
        ended = ledger.end_run(current, failure)
        notifying.tell_of_run(settings, ledger, ended)
        return ended


class _EnoughError(Exception):
    """The run was asked to end here, to be looked at only."""


class _PatchedError(Exception):
    """The draft is to wait for approval, but published tables were patched in place: it is made again elsewhere."""


@dataclass(frozen=True)
class _Running:
    """A run under way, and what it works with; `held` holds the lease of the environment to the end."""

    settings: project.Project
    environment: ports.Sink
    described: Described
    ledger: runs.Ledger
    current: runs.Run
    held: ExitStack

    def plan_tasks(self) -> None:
        """Declare every task, so that a reader sees what is to come."""
        unification, hydration = self._unification, self._hydration
        measured = measuring.tasks(self.settings.definitions)
        self.ledger.plan_tasks(self.current, [*self._sources.tasks, *unification, *measured, *hydration])

    def compute(self) -> hydrating.Work | None:
        """Do all that needs the warehouse, publish it, and return what is to be sent.

        None where a source failed, or where what was computed waits for approval.
        """
        waits = self.current.arguments.draft or self._held_since is not None
        try:
            return self._compute(patches_in_place=not waits)
        except _PatchedError:
            return self._compute(patches_in_place=False)
        except _EnoughError:
            self._skip_rest()
            return None

    def hydrate(self, work: hydrating.Work) -> None:
        """Send what the plan says."""
        hydrating.Hydrating(self.environment, self.ledger, self.current, self._steps).hydrate(work)

    def _compute(self, *, patches_in_place: bool) -> hydrating.Work | None:
        with engines.open_warehouse(
            self.settings.state, self.settings.engine, patches_in_place=patches_in_place
        ) as engine:
            history.write(engine, self.settings.state)  # of a run that died before it could
            before = _before(engine)
            new_ids = before is None and self.current.arguments.new_ids
            is_lost = before is None and not new_ids
            before = self._restore(engine) if is_lost else before
            self._refuse_lost_tables(engine, before)
            read = self._sources.read(engine)
            unified = [table.table for table in self.settings.unify.tables]
            if missing := [name for name in (*unified, *supplied.tables(self.settings)) if name not in read]:
                self._skip_all(f"{', '.join(missing)} could not be read, so the run before stays as it is.")
                return None
            replaced = self._unify(engine, read, before)
            with self._task(searching.TASK) as task:
                searching.index(engine, self.settings.unify, replaced.numbers, task)
            members = engine.cache(engine.table("members"))
            change = measuring.Change(read, replaced.customers, in_full=self.current.arguments.full)
            self._measure(engine, change, members)
            self._end_if_asked(runs.Until.MEASURES)
            self._check()
            restored = before if is_lost else None
            seen = [found.seen for found in read.values() if found.seen is not None]
            work = self._plan(engine, seen, members, replaced, restored)
            if work is not None:
                output.write_published(self.settings, engine, self.ledger, self.current)
            return work

    def _plan(
        self,
        engine: engines.Engine,
        seen: Sequence[link.Seen],
        members: ir.Table,
        replaced: incremental.Replaced,
        restored: Before | None,
    ) -> hydrating.Work | None:
        """Plan what is to be sent, under the lease of the environment, and publish or put aside."""
        arguments, name = self.current.arguments, hydrating.name_of(self.settings)
        new_ids = arguments.new_ids and engine.published("members") is None
        with self.ledger.task(self.current, PLAN) as task, ExitStack() as leased:
            lease = leased.enter_context(self.ledger.lease(name, self.current, takes_over=not arguments.draft))
            in_part = replaced.customers is not None
            known = planning.know(
                engine, self.settings, self.described, self.ledger.journal, seen, self.environment, in_part=in_part
            )
            for failed in self.described.eligibility.hindered:
                task.warn(f"{failed.table} is not linked. {failed.words}")
            for table in known.restored:
                task.warn(planning.RESTORED.format(table=table))
            for measure in hydrated.too_large(engine, self.settings):
                task.warn(hydrated.TOO_LARGE.format(measure=measure))
            wanted = planning.desired(engine, self.settings, self.described, members, replaced.customers, known)
            knows_values = restored is None and not known.restored
            if arguments.full or new_ids or not knows_values:
                planning.ask(engine, self.settings, wanted, self.environment, knows_values=knows_values)
            plan = planning.plan(engine, self.settings, wanted, replaced, known, self.current.number)
            undoing.remember(engine, plan, replaced, members)
            leaving.retire(engine, self.settings)
            task.rows = plan.count
            if arguments.draft and not plan.count:
                task.detail("There is nothing to write.")
                return None
            self._note_ids(engine, restored, new_ids=new_ids)
            if why := self._why_wait(plan):
                if draft := self._draft_to_keep():
                    task.skip(
                        f"{why} This run would have to wait, but somebody looks at the plan of run {draft}, which it"
                        " leaves as it is: approve or discard that one, and the next run goes on."
                    )
                    return None
                if engine.can_put_aside:
                    undoing.forget(engine)
                    engine.put_aside(self.current.number)
                    self.ledger.note_put_aside(self.current)
                    task.wait_for_approval(f"{why} `backstamp run --approve {self.current.number}` does it.")
                    return None
            else:
                undoing.forget(engine)
                engine.publish()
                history.write(engine, self.settings.state)
                self.ledger.note_published(self.current, reading.tokens(engine))
                undoing.prune(self.settings, self.current.number)
                self.held.enter_context(leased.pop_all())
                return hydrating.Work(plan, lease)
        raise _PatchedError

    @cached_property
    def _sources(self) -> sources.Sources:
        return sources.Sources(self.settings, self.environment, self.described, self.ledger, self.current)

    @cached_property
    def _steps(self) -> tuple[link.Step, ...]:
        return hydrating.steps_of(self.settings)

    @cached_property
    def _held_since(self) -> int | None:
        return self.ledger.held_since(hydrating.name_of(self.settings))

    def _why_wait(self, plan: link.Plan) -> str:
        """Say why what was computed is to wait for approval, "" if it is not."""
        if self.current.arguments.draft:
            return "It was asked to be shown only."
        if self._held_since is not None:
            return f"The environment is held since run {self._held_since}."
        above = self.settings.link.approve_above
        if above != "off" and (many := [linking.table for linking in plan.links if linking.asks(above)]):
            return f"More links of {', '.join(many)} would change than link.approve_above allows unasked."
        return ""

    def _draft_to_keep(self) -> int | None:
        """Return the run that waits because somebody looks at its plan, where this one was asked for by nobody."""
        if not self.current.arguments.scheduled:
            return None
        with runs.Status(self.settings.ledger_location) as status:
            return status.waiting_draft()

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

    def _note_ids(self, engine: engines.Engine, restored: Before | None, *, new_ids: bool) -> None:
        """Put what became of ids outside of unification into the id history."""
        if restored is not None and not history.last_run(self.settings.state):
            history.note_restored(engine, restored, self.current.number)
        if new_ids:
            history.note_new_ids(engine, self.current.number)

    def _output_tasks(self) -> list[runs.PlannedTask]:
        return [output.TASK] if self.settings.output else []

    def _refuse_lost_tables(self, engine: engines.Engine, before: Before | None) -> None:
        """Refuse a project that lost a table of unification, whose customers would all be gone (unification.md 1.4).

        Raises:
            SourceError: it did, and nobody accepted that.
        """
        if before is None:
            return
        known = {str(row["table"]) for row in engine.rows(before.members.select("table").distinct())}
        lost = known - {table.table for table in self.settings.unify.tables}
        for name in sorted(name for name in lost if not self._sources.accepts(name)):
            raise errors.SourceError(
                f"{name} was unified before and is not in the project file any more, so its rows would lose their"
                f" profiles. Put it back, or, if it is meant: `backstamp run --accept-loss {name}`."
            )

    def _unify(
        self, engine: engines.Engine, read: dict[str, reading.Read], before: Before | None
    ) -> incremental.Replaced:
        """Unify what a change can touch, or all rows where that is needed, unless nothing changed.

        Returns:
            What was published of the customers that are unified.
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
            return incremental.Replaced(None, None, engine.load(shapes.MEASURES, []), engine.load(_NUMBERS, []))
        why = why or incremental.obstacle(unify)
        if not why:
            part = incremental.find(engine, unify, change)
            why = "" if part else "what changed hangs together with very many"
        stage = self._stages(why)
        replaced = incremental.Replaced(before, engine.published("profiles"), None)
        if part is not None:
            replaced = incremental.unify(engine, unify, change, part, stages.Running(run, seed, stage))
        else:
            for name in unified:
                incremental.store_whole(engine, name, changed.get(name), by_number=name in by_number)
            rows = {name: reading.stored(engine, name) for name in unified}
            overrides = supplied.overrides(engine, stages.recorded(unify, rows), pairs) if pairs else None
            given = stages.Given(rows, overrides, lists, by_number)
            stages.unify(engine, unify, given, before, run=run, seed=seed, stage=stage)
        stages.note_unified_by(engine, by)
        return replaced

    def _pass_over(self, names: Sequence[str]) -> None:
        """End the tasks of stages: nothing changed."""
        for name in names:
            with self._stage(name) as task:
                task.rows = 0
                task.detail("nothing changed")
            self._end_if_asked(_UNTIL.get(name))

    def _stages(self, why_all: str) -> Callable[[str], AbstractContextManager[runs.RunningTask]]:
        """Return what opens the task of a stage; the first tells why it has all rows, or that it has some."""

        @contextmanager
        def stage(name: str) -> Iterator[runs.RunningTask]:
            with self._stage(name) as task:
                if name == stages.NORMALIZE:
                    task.detail(f"all rows: {why_all}" if why_all else "the rows that what changed can touch")
                yield task
            self._end_if_asked(_UNTIL.get(name))

        return stage

    def _why_all(self, engine: engines.Engine, read: dict[str, reading.Read], before: Before | None, by: str) -> str:
        """Say why all rows must be unified, "" if a part may do."""
        whole = [table.table for table in self.settings.unify.tables if read[table.table].is_whole]
        if before is None or engine.published("members") is None:
            return "nothing was published here before"
        if undoing.is_undone(engine):
            return "a run was undone"
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

    def _stage(self, name: str) -> AbstractContextManager[runs.RunningTask]:
        return self._task(_stage_task(name))

    def _task(self, planned: runs.PlannedTask) -> AbstractContextManager[runs.RunningTask]:
        self._check()
        return self.ledger.task(self.current, planned)

    def _end_if_asked(self, here: runs.Until | None) -> None:
        """End the run where it was asked to.

        Raises:
            _EnoughError: it was, here.
        """
        if here is not None and here == self.current.arguments.until:
            raise _EnoughError

    def _skip_rest(self) -> None:
        """End the tasks after the one with which the run was asked to end."""
        until, rest = self.current.arguments.until, self._hydration
        if until != runs.Until.MEASURES:
            [last] = (_stage_task(name) for name in stages.STAGES if _UNTIL.get(name) == until)
            unification = self._unification
            after = unification[unification.index(last) + 1 :]
            rest = [*after, *measuring.tasks(self.settings.definitions), *rest]
        for planned in rest:
            self.ledger.skip(self.current, planned, f"The run was to end with `{until}`, to be looked at.")

    def _skip_all(self, reason: str) -> None:
        for planned in (*self._unification, *measuring.tasks(self.settings.definitions), *self._hydration):
            self.ledger.skip(self.current, planned, reason)

    @property
    def _unification(self) -> list[runs.PlannedTask]:
        return [*self._supply_tasks(), *map(_stage_task, stages.names_of(self.settings.unify)), searching.TASK]

    @property
    def _hydration(self) -> list[runs.PlannedTask]:
        return [*self._output_tasks(), PLAN, *(step.planned for step in self._steps)]

    def _check(self) -> None:
        self.ledger.check_canceled(self.current)


def _stage_task(name: str) -> runs.PlannedTask:
    return runs.PlannedTask("Unification", name)


def _before(engine: engines.Engine) -> Before | None:
    """Return what the run before published, or None before the first; where a run was undone, as it was before."""
    published = stages.published(engine)
    return None if published is None else undoing.taken_back(engine, published)
