"""Measures in a run: those that are due, of the customers whom a change can touch or of all."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import __version__, measures, runs, shapes
from backstamp.pipeline import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.measures import Clock, Definitions, Given
    from backstamp.pipeline.stages import Told
    from backstamp.unify import transform

ACTIVITIES = runs.PlannedTask("Measures", "Activities")
ATTRIBUTES = runs.PlannedTask("Measures", "Customer Attributes")
BY_CUSTOMER = runs.PlannedTask("Measures", "Measures by Customer")
OF_BUSINESS = runs.PlannedTask("Measures", "Business Measures")
_OF_KIND = {"attribute": ATTRIBUTES, "customer": BY_CUSTOMER, "business": OF_BUSINESS}

ATTRIBUTES_TABLE, ACTIVITIES_TABLE, MEASURED, HELD = "measures", "activities", "measured", "measured_since"
NOBODY = "activities_of_nobody"
MOST = 0.3
"""Where more customers are touched than this share of all their rows, all are calculated: it is quicker."""
_ID = "customer_id"


@dataclass(frozen=True)
class Change:
    """What is known of what changed since the run before.

    Attributes:
        read: what reading each source table came to; those that could not be read are missing.
        customers: `customer_id` of those whose own rows changed, before or after; None where that can be all.
        in_full: whether everything is to be calculated, due or not.
    """

    read: Mapping[str, reading.Read]
    customers: ir.Table | None
    in_full: bool = False

    def is_whole(self, tables: Iterable[str]) -> bool:
        """Tell whether one of these tables was stored as a whole, so that nobody knows what changed in it."""
        return any(table in self.read and self.read[table].is_whole for table in tables)

    def rows(self, tables: Iterable[str]) -> dict[str, ir.Table]:
        """Return the rows of these tables that changed, as they were and as they are."""
        return {
            table: found.removed.union(found.added.select(found.removed.columns))
            for table, found in self._changes(tables)
        }

    def added(self, tables: Iterable[str]) -> dict[str, ir.Table]:
        """Return the rows of these tables that are new or changed, as they are."""
        return {table: found.added for table, found in self._changes(tables)}

    def _changes(self, tables: Iterable[str]) -> Iterator[tuple[str, transform.Changes]]:
        for table in tables:
            changes = self.read[table].changes if table in self.read else None
            if changes is not None and changes.count:
                yield table, changes


@dataclass(frozen=True)
class _State:
    """What was known of a measure after the run before."""

    digest: str
    calculated: datetime
    is_current: bool
    since: datetime | None = None


def table_name(measure: str, kind: str) -> str:
    """Return the name of the table that has the values of a measure; all attributes are in one."""
    return {"customer": f"measure_{measure}", "business": f"business_{measure}"}.get(kind, ATTRIBUTES_TABLE)


def tasks(definitions: Definitions) -> list[runs.PlannedTask]:
    """Return the tasks of measuring that a project has, in their order."""
    kinds = {measure.kind for measure in definitions.measures.values()}
    return [
        *([ACTIVITIES] if definitions.activities else []),
        *(task for kind, task in _OF_KIND.items() if kind in kinds),
    ]


def measure(
    engine: Engine,
    definitions: Definitions,
    change: Change,
    members: ir.Table,
    now: datetime,
    stage: Callable[[runs.PlannedTask], AbstractContextManager[runs.RunningTask]],
) -> None:
    """Calculate in the draft what is due: `activities`, `measures`, `measure_…`, `business_…`, and of them `measured…`.

    Args:
        engine: where it is computed; members and source tables are in its draft.
        definitions: what the project says.
        change: what changed since the run before.
        members: `shapes.MEMBERS`, computed.
        now: the time of the run, UTC without a zone.
        stage: opens a task.
    """
    if not definitions.activities:
        _forget(engine, {ACTIVITIES_TABLE: shapes.ACTIVITIES, NOBODY: shapes.ACTIVITIES})
    if not definitions.measures and not definitions.activities:
        _forget(engine, {MEASURED: shapes.MEASURED, HELD: shapes.HELD})
        return
    measuring = _Measuring(engine, definitions, change, members, measures.Clock(now, definitions.time_zone))
    work: dict[runs.PlannedTask, Callable[[runs.RunningTask], None]] = {
        ACTIVITIES: measuring.activities,
        ATTRIBUTES: measuring.attributes,
        BY_CUSTOMER: measuring.by_customer,
        OF_BUSINESS: measuring.of_business,
    }
    for planned in tasks(definitions):
        with stage(planned) as task:
            work[planned](task)
    measuring.note()


def _forget(engine: Engine, tables: Mapping[str, pa.Schema]) -> None:
    """Leave nothing in tables of what the project has no more."""
    for name, schema in tables.items():
        if engine.has(name):
            engine.land(name, schema, [])


@dataclass
class _Measuring:
    """The measures of a run.

    Attributes:
        done: the measures whose values are right for this run.
        new_attributes: `customer_id` of those with other attributes than before; None where these are all.
        changed: of measures that were there before, `customer_id` of those with other values, and `measure`.
        new: the measures whose values cannot be compared with those before.
    """

    engine: Engine
    definitions: Definitions
    change: Change
    members: ir.Table
    clock: Clock
    done: set[str] = field(default_factory=set)
    new_attributes: ir.Table | None = None
    changed: list[ir.Table] = field(default_factory=list)
    new: set[str] = field(default_factory=set)

    def activities(self, task: runs.RunningTask) -> None:
        """Show all activities, and tell of those that belong to nobody."""
        tables = [one.table for one in self.definitions.activities]
        if missing := [table for table in tables if not self.engine.has(reading.stored_name(table))]:
            task.skip(f"{', '.join(missing)} could not be read.")
            return
        # What is kept is looked up whenever it is read: so it must not name what only this run has.
        found = measures.activities(replace(self._given, members=self.engine.table("members")))
        self.engine.view(ACTIVITIES_TABLE, found.filter(found.customer_id.notnull()))
        self.engine.view(NOBODY, found.filter(found.customer_id.isnull()))
        is_part = self.change.customers is not None and not self.change.is_whole(tables)
        # To look at all of them would cost what a small change does not.
        looked_at = self._new_activities() if is_part else [found]
        task.rows = sum(map(self.engine.count, looked_at))
        if count := sum(self.engine.count(one.filter(one.customer_id.isnull())) for one in looked_at):
            which = "new or changed activities belong" if is_part else "activities belong"
            task.warn(f"{count:,} {which} to no customer: see the table {NOBODY}.")

    def attributes(self, task: runs.RunningTask) -> None:
        """Calculate the attributes that are due; the others keep their values."""
        every = self._of_kind("attribute")
        published = self.engine.published(ATTRIBUTES_TABLE)
        there = set(published.columns) if published is not None else set()
        due = self._due(every, there)
        kept = [name for name in every if name not in due and name in there]
        self._tell(task, every, due)
        if not due:
            self.new_attributes = self._nobody
            return
        names = [name for name in every if name in due or name in kept]
        values = published.select(_ID, *kept) if published is not None and kept else None
        touched = self._touched(due) if there == {_ID, *names} else None
        given = self._given if touched is None else measures.some(self._given, touched)
        made = measures.attributes(due, given, values).select(_ID, *names)
        task.rows = self._keep(ATTRIBUTES_TABLE, made, touched, task, {name: [name] for name in due})
        self.done |= set(due)
        self.new_attributes = touched

    def by_customer(self, task: runs.RunningTask) -> None:
        """Calculate the customer measures that are due, each in its table."""
        every = self._of_kind("customer")
        due = self._due(every, ())
        self._tell(task, every, due)
        task.rows = 0
        for name in due:
            kept_as = table_name(name, "customer")
            touched = self._touched([name]) if self.engine.published(kept_as) is not None else None
            given = self._given if touched is None else measures.some(self._given, touched)
            if self.definitions.measures[name].of == measures.CUSTOMERS:
                given = self._with_attributes(given, touched)
            made = measures.by_customer(name, given)
            task.rows += self._keep(kept_as, made, touched, task, {name: made.drop(_ID).columns})
            self.done.add(name)

    def of_business(self, task: runs.RunningTask) -> None:
        """Calculate the business measures that are due, where anything changed that they depend on."""
        every = self._of_kind("business")
        due = self._due(every, ())
        self._tell(task, every, due)
        task.rows = 0
        for name in due:
            if self._is_another(name):
                made = measures.of_business(name, self._with_attributes(self._given, None))
                task.rows += self.engine.count(self.engine.keep(table_name(name, "business"), made))
            self.done.add(name)

    def note(self) -> None:
        """Keep what is known of every measure, for the next run."""
        states = {name: state for name in self.definitions.measures if (state := self._state_after(name))}
        told = [{"measure": name, **asdict(state)} for name, state in states.items()]
        self.engine.land(MEASURED, shapes.MEASURED, [pa.RecordBatch.from_pylist(told, schema=shapes.MEASURED)])
        self._note_since()

    @cached_property
    def _given(self) -> Given:
        tables = set().union(*(measures.tables_of(one, self.definitions) for one in self.definitions.measures.values()))
        tables |= {table for one in self.definitions.activities for table in self._tables_of_activity(one)}
        stored = {table: reading.stored(self.engine, table) for table in tables if self._is_stored(table)}
        return measures.Given(self.definitions, self.members, stored, self.clock)

    @cached_property
    def _states(self) -> dict[str, _State]:
        known = self.engine.published(MEASURED)
        rows = [] if known is None else self.engine.rows(known)
        return {row.pop("measure"): _State(**row) for row in rows}

    @cached_property
    def _nobody(self) -> ir.Table:
        return self.engine.load(shapes.MEASURES, [])

    @cached_property
    def _most(self) -> float:
        return MOST * self.engine.count(self._given.members)

    def _new_activities(self) -> list[ir.Table]:
        """Return the activities of rows that are new or changed, table by table."""
        added = self.change.added([one.table for one in self.definitions.activities])
        return [
            measures.activities(
                replace(
                    self._given,
                    definitions=replace(self.definitions, activities=(one,)),
                    tables={**self._given.tables, one.table: added[one.table]},
                )
            )
            for one in self.definitions.activities
            if one.table in added
        ]

    def _of_kind(self, kind: str) -> list[str]:
        return [name for name, one in self.definitions.measures.items() if one.kind == kind]

    def _tables_of_activity(self, activity: measures.Activity) -> Iterator[str]:
        [(table, way)] = measures.parts_of(activity.table, activity.through, self.definitions)
        yield from (table, *(step.to_table for step in way))

    def _is_stored(self, table: str) -> bool:
        return self.engine.has(reading.stored_name(table))

    def _due(self, names: Sequence[str], there: Collection[str]) -> list[str]:
        """Return the measures that are calculated now, of these; `there` are attributes that have values already."""
        due = [name for name in names if self._is_due(name) and not self._unread(name)]
        lacking = {name for name in names if name not in due and name not in there}
        while made_of_lacking := {name for name in due if self._is_made_of(name, lacking)}:
            due = [name for name in due if name not in made_of_lacking]
            lacking |= made_of_lacking - set(there)
        return due

    def _is_made_of(self, name: str, lacking: Collection[str]) -> bool:
        measure = self.definitions.measures[name]
        return measure.of == measures.CUSTOMERS and bool(measures.made_of(measure) & set(lacking))

    def _is_due(self, name: str) -> bool:
        measure, state = self.definitions.measures[name], self._states.get(name)
        if not measure.active:
            return False
        if state is None or state.digest != self._digest(name) or self.change.in_full:
            return True
        return self.clock.is_due(measure.refresh, state.calculated)

    def _unread(self, name: str) -> set[str]:
        """Return the tables of a measure that could not be read in this run."""
        return measures.tables_of(self.definitions.measures[name], self.definitions) - set(self.change.read)

    def _tell(self, task: runs.RunningTask, names: Sequence[str], due: Sequence[str]) -> None:
        """Say which measures keep their values because a table could not be read; skip the task if none is left."""
        unread = {name: self._unread(name) for name in names if self._is_due(name) and self._unread(name)}
        if not unread:
            return
        tables = ", ".join(sorted(set().union(*unread.values())))
        if due:
            task.warn(f"{tables} could not be read, so these measures keep their values: {', '.join(unread)}.")
        else:
            task.skip(f"{tables} could not be read, so the measures keep their values.")

    def _touched(self, names: Iterable[str]) -> ir.Table | None:
        """Return `customer_id` of those whose value of a measure can be another one; None if these may be all."""
        if self.change.in_full or self.change.customers is None:
            return None
        found = [self.change.customers]
        for name in names:
            measure, state = self.definitions.measures[name], self._states.get(name)
            if state is None or not state.is_current or state.digest != self._digest(name):
                return None
            before = measures.Clock(state.calculated, self.clock.zone)
            tables = measures.tables_of(measure, self.definitions)
            if self.change.is_whole(tables) or measures.moves(measure, before, self.clock):
                return None
            rows = self.change.rows(tables)
            if rows and measures.goes_backward(measure, self.definitions):
                return None
            if measure.of == measures.CUSTOMERS and measure.kind == "customer":
                if self.new_attributes is None:
                    return None
                found.append(self.new_attributes)
            found += measures.touched(measure, self._given, rows, before)
        touched = self.engine.cache(measures.union(found))
        return touched if self.engine.count(touched) <= self._most else None

    def _keep(
        self, name: str, made: ir.Table, touched: ir.Table | None, task: Told, values: Mapping[str, Sequence[str]]
    ) -> int:
        """Keep a table, or what is new of it, and note whose values changed; return how many rows were calculated.

        Args:
            name: of the table.
            made: all of it, or the rows of those touched.
            touched: `customer_id`, or None for all.
            task: is told.
            values: the columns of each measure.
        """
        before = self.engine.published(name)
        if touched is None:
            task.detail("all customers")
            kept = self.engine.keep(name, made)
            self._note_changed(before, kept, values)
            return self.engine.count(kept)
        if not self.engine.count(touched):
            task.detail("nothing changed")
            return 0
        task.detail("the customers that what changed can touch")
        made = self.engine.cache(made)
        assert before is not None  # noqa: S101 - else all would be calculated
        self._note_changed(self.engine.cache(before.semi_join(touched, _ID)), made, values)
        self.engine.patch(name, [_ID], touched, made)
        return self.engine.count(made)

    def _note_changed(self, before: ir.Table | None, made: ir.Table, values: Mapping[str, Sequence[str]]) -> None:
        kinds = {} if before is None else before.schema()
        same = {
            name: columns for name, columns in values.items() if all(kinds.get(c) == made[c].type() for c in columns)
        }
        self.new |= set(values) - set(same)
        if before is not None and same:
            changed = measures.changed_values(before, made, same, by_customer=self._is_by_customer(same))
            self.changed.append(self.engine.cache(changed))

    def _note_since(self) -> None:
        """Keep since when customers have the values that changed."""
        changed = self.engine.load(shapes.HELD, [])
        if self.changed:
            now = ibis.literal(self.clock.now).cast(changed.since.type())
            changed = self.engine.cache(ibis.union(*self.changed).mutate(since=now))
        held = self.engine.published(HELD)
        if held is None or self.new or self.change.in_full:
            kept = changed.limit(0) if held is None else held.semi_join(self._given.members, _ID)
            kept = kept.filter(kept.measure.isin(sorted(set(self._states) - self.new)))
            self.engine.keep(HELD, kept.anti_join(changed, [_ID, "measure"]).union(changed))
        elif self.engine.count(changed):
            self.engine.patch(HELD, [_ID, "measure"], changed, changed)

    def _is_by_customer(self, names: Iterable[str]) -> bool:
        return not any(self.definitions.measures[name].dimensions for name in names)

    def _is_another(self, name: str) -> bool:
        """Tell whether a business measure can have other values than before."""
        measure, state = self.definitions.measures[name], self._states.get(name)
        if self.change.in_full or state is None or not state.is_current or state.digest != self._digest(name):
            return True
        tables = measures.tables_of(measure, self.definitions)
        before = measures.Clock(state.calculated, self.clock.zone)
        if self.change.is_whole(tables) or self.change.rows(tables) or measures.has_moved(measure, before, self.clock):
            return True
        if measure.of == measures.CUSTOMERS:
            return self.new_attributes is None or self.engine.count(self.new_attributes) > 0
        depends = measures.has_way(measure) or measure.of == measures.ACTIVITIES
        return depends and (self.change.customers is None or self.engine.count(self.change.customers) > 0)

    def _with_attributes(self, given: Given, some: ir.Table | None) -> Given:
        if not self.engine.has(ATTRIBUTES_TABLE):
            return given
        attributes = self.engine.table(ATTRIBUTES_TABLE)
        return replace(given, customers=attributes if some is None else attributes.semi_join(some, _ID))

    def _state_after(self, name: str) -> _State | None:
        known = self._states.get(name)
        if name in self.done:
            since = known.since if known and name not in self.new else None
            return _State(self._digest(name), self.clock.now, is_current=True, since=since or self.clock.now)
        return None if known is None else replace(known, is_current=False)

    def _digest(self, name: str) -> str:
        """Return a digest of all that a measure depends on besides rows and time."""
        measure = replace(self.definitions.measures[name], active=True, refresh="every run", dead_band=None)
        made_of = sorted(measures.made_of(measure)) if measure.of == measures.CUSTOMERS else []
        others = self.definitions.relationships, self.definitions.activities, self.definitions.unified
        told = measure, [self._digest(one) for one in made_of], others, self.clock.zone, __version__
        return hashlib.sha256(repr(told).encode()).hexdigest()
