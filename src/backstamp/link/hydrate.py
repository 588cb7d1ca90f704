"""Writing a plan to the environment; the warehouse is closed by then (linking.md 4 and 5).

Each request is in the journal before it leaves and after its answer came. The steps and their order are `STEPS`;
who calls them opens the tasks and holds the lease.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from backstamp import errors, runs
from backstamp.connect import ports
from backstamp.link import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    _Waits: TypeAlias = Callable[[pa.RecordBatch], list[bool]]

MOST_REFUSED = 0.5
"""The share of links above which the task has failed where they are refused (linking.md 5)."""
THREADS = 12
"""Requests prepared at once, more than are under way: how many those are is for the sink to say."""
_DELETIONS_AT_ONCE = 100  # as many as a request with many in it takes

Tally: TypeAlias = "Counter[tuple[str, str]]"
"""How many rows ended how: ("written", kind), ("refused", code), ("gone", ""), ("left out", ""), ("waiting", "")."""


@dataclass(frozen=True)
class Hydration:
    """What a step works with.

    Attributes:
        plan: what is to be written.
        sink: the environment.
        journal: of the requests.
        task: is told how far it is.
        check: raises `CanceledError` or `ContinuedError` when the run is to stop; asked between batches.
        careful: look, just before a batch, whether its links are still those that the plan saw; others are left out.
    """

    plan: plans.Plan
    sink: ports.Sink
    journal: runs.Journal
    task: runs.RunningTask
    check: Callable[[], None]
    careful: bool = False


@dataclass(frozen=True)
class Step:
    """A task of hydration: what it does, and the steps before it.

    It must not begin where one of `needs` failed or was canceled, or was skipped for such a reason; a links task that
    is skipped because no table may be linked keeps nobody back.
    """

    planned: runs.PlannedTask
    work: Callable[[Hydration], None]
    needs: tuple[Step, ...] = ()


@dataclass(frozen=True)
class _Sending:
    """How rows of a work list become requests.

    Attributes:
        work_list: the list.
        size: rows of a request.
        key: the column with the key.
        write: sends rows.
        waits: tells which rows must not be sent now; none, where it is None.
    """

    work_list: str
    size: int
    key: str
    write: Callable[[pa.RecordBatch], list[ports.Outcome]]
    waits: _Waits | None = None


def write_profiles(hydration: Hydration) -> None:
    """Create the profile table, or its new columns, and write new and changed profiles."""
    _write_tables(hydration, (hydration.plan.profiles,), frozenset())


def write_keys(hydration: Hydration) -> None:
    """Write the alternate keys that are new or changed."""
    _write_tables(hydration, (hydration.plan.keys,), _missing_profiles(hydration))


def write_measures(hydration: Hydration) -> None:
    """Write the measures that are new or changed, each table of them."""
    _write_tables(hydration, hydration.plan.measures, _missing_profiles(hydration))


def write_links(hydration: Hydration) -> None:
    """Write the links that differ, to profiles that the environment has acknowledged only."""
    plan, sink = hydration.plan, hydration.sink
    if plan.skip:
        hydration.task.skip(plan.skip)
        return
    for linking in plan.links:
        sink.create_column(linking.outer, plan.lookup)
    missing = _missing_profiles(hydration)
    writes = sink.traffic.writes
    total = sum(linking.count for linking in plan.links)
    tally: Tally = Counter()
    for linking in plan.links:
        sending = _link_sending(hydration, linking, missing)
        found = _send(hydration, sending, done=tally.total(), total=total)
        _tell(hydration.task, linking.table, found)
        tally += found
    if (refused := sum(rows for (state, _), rows in tally.items() if state == "refused")) > total * MOST_REFUSED:
        raise errors.RefusedError(
            f"{refused:,} of {total:,} links were refused: see the warnings. If profiles were deleted in the CRM,"
            " `backstamp run --full` looks for them and writes them again."
        )
    counts = (tally["written", kind] for kind in ("set", "changed", "cleared"))
    done = "{} set, {:,} changed, {:,} cleared".format(_count(next(counts), "link"), *counts)
    _conclude(hydration, done, tally, sink.traffic.writes - writes)


def retire(hydration: Hydration) -> None:
    """Delete alternate keys and measures that are gone, then the profiles that no row points to any more.

    A profile that some row still points to is emptied, and tells which profiles its rows are in now.
    """
    plan, sink = hydration.plan, hydration.sink
    writes = sink.traffic.writes
    total = plan.retired.count + sum(removal.count for removal in plan.removals)
    parts: Tally = Counter()
    for removal in plan.removals:
        parts += _delete(hydration, removal, done=parts.total(), total=total)
    linked = _still_linked(hydration) if plan.retired.count or plan.emptied.count else None
    profiles = _delete(hydration, plan.retired, done=parts.total(), total=total, waits=linked)
    done = f"{_count(_written(profiles), 'profile')} deleted, {_count(_written(parts), 'row')} of keys and measures"
    if left := profiles["waiting", ""] + plan.held:
        done += f"; {_count(left, 'profile')} kept for now, because rows still point there"
    if linked and left:
        sending = replace(_row_sending(hydration, plan.emptied, frozenset()), waits=_none_of(linked))
        _warn_of_refused(
            hydration.task, plan.emptied.definition.name, _send(hydration, sending, done=total, total=total)
        )
    _conclude(hydration, done, profiles + parts, sink.traffic.writes - writes)


def _step(name: str, work: Callable[[Hydration], None], *needs: Step) -> Step:
    return Step(runs.PlannedTask("Dataverse Hydration", name), work, needs)


PROFILES = _step("Customer Profiles", write_profiles)
KEYS = _step("Alternate Keys", write_keys, PROFILES)
MEASURES = _step("Customer Measures", write_measures, PROFILES)
LINKS = Step(
    runs.PlannedTask("Dataverse Hydration", "CustomerId Backstamping Hydration", ends_in=runs.ESSENTIAL_ENDS),
    write_links,
    (PROFILES,),
)
RETIRED = _step("Retired Profiles", retire, PROFILES, KEYS, MEASURES, LINKS)

STEPS = (PROFILES, KEYS, MEASURES, LINKS, RETIRED)
"""The steps of hydration, in their order: no reader ever meets a link that leads nowhere."""


def _write_tables(hydration: Hydration, writings: Sequence[plans.Writing], missing: frozenset[str]) -> None:
    sink = hydration.sink
    for writing in writings:
        sink.create_table(writing.definition)
    writes = sink.traffic.writes
    total = sum(writing.count for writing in writings)
    tally: Tally = Counter()
    for writing in writings:
        found = _send(hydration, _row_sending(hydration, writing, missing), done=tally.total(), total=total)
        _tell(hydration.task, writing.definition.name, found)
        if writing.cut:
            hydration.task.warn(f"{writing.definition.name}: {_count(writing.cut, 'value')} did not fit: cut.")
        tally += found
    done = f"{_count(tally['written', 'new'], 'row')} created, {tally['written', 'changed']:,} changed"
    _conclude(hydration, done, tally, sink.traffic.writes - writes)


def _row_sending(hydration: Hydration, writing: plans.Writing, missing: frozenset[str]) -> _Sending:
    definition = writing.definition
    schema = pa.schema([(definition.key, pa.string()), *((column.name, column.type) for column in definition.columns)])

    # A run that was cut off may have noted columns that it never made.
    emptied = [name for name in writing.emptied if hydration.sink.define(definition.name).column(name)]

    def write(rows: pa.RecordBatch) -> list[ports.Outcome]:
        shaped = rows.select(schema.names).cast(schema)
        for name in emptied:
            shaped = shaped.append_column(name, pa.nulls(rows.num_rows))
        return hydration.sink.upsert(definition.name, shaped)

    profile = hydration.plan.profiles.definition.name
    lookup = next((column.name for column in definition.columns if column.lookup_to == profile), None)
    waits = _points_into(missing, lookup) if lookup and missing else None
    return _Sending(writing.list, hydration.sink.batch_size, definition.key, write, waits)


def _link_sending(hydration: Hydration, linking: plans.Linking, missing: frozenset[str]) -> _Sending:
    sink, lookup = hydration.sink, hydration.plan.lookup.name

    def write(rows: pa.RecordBatch) -> list[ports.Outcome]:
        changed = _changed_since(hydration, linking, rows) if hydration.careful else []
        left_out = {outcome.key for outcome in changed}
        pairs = zip(_texts(rows, "key"), _texts(rows, "customer_id"), strict=True)
        stamps = [ports.Stamp(key, profile) for key, profile in pairs if key not in left_out]
        return [*changed, *(sink.stamp(linking.outer, lookup, stamps) if stamps else [])]

    waits = _points_into(missing, "customer_id") if missing else None
    return _Sending(linking.list, sink.batch_size, "key", write, waits)


def _changed_since(hydration: Hydration, linking: plans.Linking, rows: pa.RecordBatch) -> list[ports.Outcome]:
    """Return which rows are gone, or have another link than the plan saw: they are not written (linking.md 6)."""
    keys = _texts(rows, "key")
    now = hydration.sink.links(linking.outer, hydration.plan.lookup.name, keys)
    pairs = zip(keys, _texts(rows, "before"), strict=True)
    states = [(key, runs.RowState.LEFT_OUT if key in now else runs.RowState.GONE, before) for key, before in pairs]
    return [ports.Outcome(key, state) for key, state, before in states if key not in now or now[key] != before]


def _delete(
    hydration: Hydration, removal: plans.Removal, *, done: int, total: int, waits: _Waits | None = None
) -> Tally:
    def write(rows: pa.RecordBatch) -> list[ports.Outcome]:
        return hydration.sink.delete(removal.table, _texts(rows, "key"))

    sending = _Sending(removal.list, _DELETIONS_AT_ONCE, "key", write, waits)
    tally = _send(hydration, sending, done=done, total=total)
    _warn_of_refused(hydration.task, removal.table, tally)
    return tally


def _points_into(missing: frozenset[str], column: str) -> _Waits:
    return lambda rows: [profile in missing for profile in _texts(rows, column)]


def _still_linked(hydration: Hydration) -> _Waits:
    """Ask the environment, just before it, whether any row of any table with a lookup there points to a profile."""
    sink = hydration.sink
    lookups = sink.referencing(hydration.plan.profiles.definition.name)

    def waits(rows: pa.RecordBatch) -> list[bool]:
        keys = _texts(rows, rows.schema.names[0])
        linked = {key for table, lookup in lookups for key in sink.linked(table, lookup, keys)}
        return [key in linked for key in keys]

    return waits


def _none_of(waits: _Waits) -> _Waits:
    return lambda rows: [not one for one in waits(rows)]


def missing_profiles(plan: plans.Plan, journal: runs.Journal) -> frozenset[str]:
    """Return the new profiles that the environment has refused in a run: nothing may point to them."""
    refused = {
        exceptional.position
        for work_list, exceptional in journal.exceptions(plan.run)
        if work_list == plan.profiles.list
    }
    return frozenset(_new_at(plan, refused)) if refused else frozenset()


def _missing_profiles(hydration: Hydration) -> frozenset[str]:
    return missing_profiles(hydration.plan, hydration.journal)


def _new_at(plan: plans.Plan, positions: set[int]) -> Iterator[str]:
    first = 0
    for batch in plan.rows(plan.profiles.list, [plan.profiles.definition.key, plans.KIND]):
        here = [position - first for position in positions if first <= position < first + batch.num_rows]
        yield from (
            row[plan.profiles.definition.key] for row in batch.take(here).to_pylist() if row[plans.KIND] == "new"
        )
        first += batch.num_rows


def _send(hydration: Hydration, sending: _Sending, *, done: int, total: int) -> Tally:
    """Send a work list, several requests at once; return how its rows ended.

    Args:
        hydration: what the step works with.
        sending: how rows become requests.
        done: rows of the step that are done already.
        total: rows of the step.
    """
    tally: Tally = Counter()
    for found in _at_once(_jobs(hydration, sending), hydration.check):
        tally += found
        hydration.task.progress(done + tally.total(), total)
    return tally


def _jobs(hydration: Hydration, sending: _Sending) -> Iterator[Callable[[], Tally]]:
    """Yield what sends each batch; one that an attempt before this one has settled is only counted."""
    settled = {
        (entry.first, entry.count): entry
        for entry in hydration.journal.entries(hydration.plan.run)
        if entry.work_list == sending.work_list and entry.state is runs.EntryState.ACKNOWLEDGED
    }
    first = 0
    for rows in hydration.plan.rows(sending.work_list, size=sending.size):
        entry = settled.get((first, rows.num_rows))
        yield partial(_settled, entry, rows) if entry else partial(_deliver, hydration, sending, first, rows)
        first += rows.num_rows


def _settled(entry: runs.Entry, rows: pa.RecordBatch) -> Tally:
    """Return how the rows of a batch ended that was answered."""
    exceptional = {one.position - entry.first: (one.state.value, one.code) for one in entry.exceptions}
    ended = (exceptional.get(place, ("acknowledged", "")) for place in range(rows.num_rows))
    return Counter(_ending(*one, kind) for one, kind in zip(ended, _kinds(rows), strict=True))


def _at_once(jobs: Iterable[Callable[[], Tally]], check: Callable[[], None]) -> Iterator[Tally]:
    """Do jobs on several threads, few ahead of what is done; those under way are always ended."""
    with ThreadPoolExecutor(THREADS) as pool:
        pending = set()
        for job in jobs:
            check()
            pending.add(pool.submit(job))
            if len(pending) == THREADS:
                ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        yield from (future.result() for future in pending)


def _deliver(hydration: Hydration, sending: _Sending, first: int, rows: pa.RecordBatch) -> Tally:
    """Send the rows of one batch that need not wait; a request holds rows that stand beside each other."""
    if sending.waits is None:
        return _request(hydration, sending, first, rows)
    tally: Tally = Counter()
    start = 0
    for waits, run in groupby(sending.waits(rows)):
        count = len(list(run))
        if waits:
            tally["waiting", ""] += count
        else:
            tally += _request(hydration, sending, first + start, rows.slice(start, count))
        start += count
    return tally


def _request(hydration: Hydration, sending: _Sending, first: int, rows: pa.RecordBatch) -> Tally:
    journal = hydration.journal
    entry = journal.sent(hydration.plan.run, sending.work_list, first, rows.num_rows)
    outcomes = {outcome.key: outcome for outcome in sending.write(rows)}
    ended = [outcomes[key] for key in _texts(rows, sending.key)]
    journal.answered(
        entry,
        [
            runs.Exceptional(first + place, runs.RowState(outcome.state), outcome.code, outcome.message)
            for place, outcome in enumerate(ended)
            if outcome.state != "acknowledged"
        ],
    )
    states = ((outcome.state, outcome.code) for outcome in ended)
    return Counter(_ending(*one, kind) for one, kind in zip(states, _kinds(rows), strict=True))


def _kinds(rows: pa.RecordBatch) -> list[str]:
    return _texts(rows, plans.KIND) if plans.KIND in rows.schema.names else [""] * rows.num_rows


def _ending(state: str, code: str, kind: str) -> tuple[str, str]:
    if state == "acknowledged":
        return "written", kind
    return state, code if state == "refused" else ""


def _texts(rows: pa.RecordBatch, column: str) -> list[str]:
    texts: list[Any] = rows[column].to_pylist()
    return texts


def _written(tally: Tally) -> int:
    return sum(count for (state, _), count in tally.items() if state == "written")


def _count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _conclude(hydration: Hydration, done: str, tally: Tally, requests: int) -> None:
    hydration.task.rows = _written(tally)
    hydration.task.detail(f"{done}; {_count(requests, 'request')}")


def _tell(task: runs.RunningTask, table: str, tally: Tally) -> None:
    """Say how many rows were written and which were not, in numbers: the server's own words are in the journal."""
    if tally:
        task.say(f"{table}: {_count(_written(tally), 'row')} written")
    _warn_of_refused(task, table, tally)
    if tally["waiting", ""]:
        task.warn(f"{table}: {_count(tally['waiting', ''], 'row')} not sent, because of refused profiles.")
    if tally["left out", ""]:
        task.warn(f"{table}: {_count(tally['left out', ''], 'row')} left out: the link is not the planned one now.")
    if tally["gone", ""]:
        task.warn(f"{table}: {_count(tally['gone', ''], 'row')} not there any more.")


def _warn_of_refused(task: runs.RunningTask, table: str, tally: Tally) -> None:
    refused = {code: count for (state, code), count in sorted(tally.items()) if state == "refused"}
    if refused:
        codes = ", ".join(f"{code or 'no code'}: {count:,}" for code, count in refused.items())
        task.warn(f"{table}: {_count(sum(refused.values()), 'row')} refused ({codes}); the next run tries again.")
