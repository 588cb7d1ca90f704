"""The differences between what the environment is known to hold and what it is to hold: they become the plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.compute

from backstamp import shapes
from backstamp.connect import ports
from backstamp.engine import functions
from backstamp.link import desired as desires
from backstamp.link import known, plan, wanted
from backstamp.unify import history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp.link.settings import Link


_KEY = shapes.shape(key=pa.string())


@dataclass(frozen=True)
class Causes:
    """What tells why links change.

    Attributes:
        drift: links that somebody else wrote, with what was acknowledged: `shapes.KNOWN_LINKS`.
        id_changes: what became of ids in this run: `shapes.ID_CHANGES`.
    """

    drift: ir.Table
    id_changes: ir.Table


def make_plan(
    engine: engines.Engine,
    desired: desires.Desired,
    before: Sequence[desires.Own],
    causes: Causes,
    settings: Link,
    state: Path,
    run: int,
) -> plan.Plan:
    """Write the work lists of a run and its plan; after `acknowledge`, before publishing.

    Args:
        engine: holds what is known.
        desired: what the environment is to hold.
        before: rows of our own tables as the run before wanted them, where that is known.
        causes: of changed links.
        settings: of linking.
        state: the folder under which a run keeps its lists.
        run: its number.
    """
    folder = plan.folder_of(state, run)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = (desired.profiles, desired.keys, *desired.measures)
    emptied = _emptied(engine, own)
    (profiles, keys, *measures), gone = _writings(engine, folder, desired, emptied, settings)
    removals = tuple(
        removal(engine, folder, table.definition.name, rows) for table, rows in zip(own[1:], gone[1:], strict=True)
    )
    retired, held = _retired(engine, folder, desired, gone[0])
    emptied_profiles = _emptied_profiles(
        engine, folder, desired.profiles, gone[0], emptied[desired.profiles.definition.name], settings
    )
    lists = {written.definition.name: [written] for written in (profiles, keys, *measures)}
    lists[emptied_profiles.definition.name].append(emptied_profiles)
    removed = {removal.table: removal for removal in (retired, *removals)}
    tables = [table for table in before if table.definition.name in lists]
    told = {row["reason"]: row["ids"] for row in engine.rows(_counted_changes(causes.id_changes))}
    made = plan.Plan(
        folder=folder,
        run=run,
        profiles=profiles,
        keys=keys,
        measures=tuple(measures),
        lookup=_lookup(settings),
        links=tuple(_linking(engine, folder, table, causes) for table in desired.links),
        skip=desired.skip,
        removals=removals,
        retired=retired,
        emptied=emptied_profiles,
        held=held,
        customers=plan.Customers(
            new=told.get(history.NEW, 0),
            merged=told.get(history.MERGED, 0) + told.get(history.DIVIDED, 0),
            split=told.get(history.SPLIT, 0),
            changed=profiles.changed,
            gone=told.get(history.GONE, 0),
        ),
        replaced=tuple(
            _replaced(engine, folder, table, lists[table.definition.name], removed[table.definition.name])
            for table in tables
        ),
    )
    made.save()
    return made


def _writings(
    engine: engines.Engine,
    folder: Path,
    desired: desires.Desired,
    emptied: Mapping[str, tuple[str, ...]],
    settings: Link,
) -> tuple[Sequence[plan.Writing], Sequence[ir.Table]]:
    """List the rows of our own tables that are to be written; and return `key` of those of each that are gone.

    Of a table of which nothing is known all rows are spelled out, once for the list and for the digests.
    """
    own = _by_name(desired.profiles, desired.keys, *desired.measures)

    def listed(name: str, work: ir.Table) -> plan.Writing:
        return writing(engine, folder, own[name].definition, work, emptied[name])

    there = {name: known.of_table(engine, name) for name in own}
    written = {name: listed(name, _all_new(own[name])) for name, rows in there.items() if not engine.count(rows)}
    wanted.keep(engine, desired, settings, {name: plan.list_path(folder, name) for name in written})
    digests = {name: wanted.narrow(table) for name, table in _by_name(*desired.measures).items()}
    digests |= {name: wanted.of_table(engine, name) for name in _by_name(desired.profiles, desired.keys)}
    found = {
        name: engine.cache(wanted.compare(engine, name, rows)) for name, rows in digests.items() if name not in written
    }
    some = own | _of_customers(engine, desired, found)
    written |= {name: listed(name, wanted.take(some[name], rows)) for name, rows in found.items()}
    gone = there | {name: rows.filter(rows.digest.isnull()) for name, rows in found.items()}
    return [written[name] for name in own], [gone[name].select("key") for name in own]


def _by_name(*own: desires.Own) -> dict[str, desires.Own]:
    return {table.definition.name: table for table in own}


def _all_new(table: desires.Own) -> ir.Table:
    return wanted.digested(table).mutate(**{plan.KIND: ibis.literal("new")})


def _of_customers(
    engine: engines.Engine, desired: desires.Desired, found: Mapping[str, ir.Table]
) -> dict[str, desires.Own]:
    """Return profiles and alternate keys of the customers with a difference."""
    every = _by_name(desired.profiles, desired.keys)
    different = [
        rows.filter(rows.digest.notnull()).select("customer_id") for name, rows in found.items() if name in every
    ]
    if not different:
        return {}
    customers = engine.cache(ibis.union(*different, distinct=True))
    if engine.count(customers):
        return _by_name(*desired.own(customers))
    return {name: desires.Own(table.definition, table.rows.limit(0)) for name, table in every.items()}


def _counted_changes(changes: ir.Table) -> ir.Table:
    """Return how many ids changed for each reason; those that vanished count once, wherever their rows are."""
    ids = changes.reason.isin([history.NEW, history.SPLIT]).ifelse(changes.new_id, changes.old_id)
    return changes.mutate(id=ids).group_by("reason").agg(ids=lambda group: group.id.nunique())


def _lookup(settings: Link) -> ports.Column:
    table = desires.profile_table(settings)
    name = desires.lookup_name(settings)
    return ports.Column(name, pa.string(), lookup_to=table, display_name=settings.display_name)


def _emptied(engine: engines.Engine, own: tuple[desires.Own, ...]) -> dict[str, tuple[str, ...]]:
    """Return for each table the columns that were written once and are no more; keep which ever were."""
    before = {(row["table"], row["column"]) for row in engine.rows(known.of_columns(engine))}
    now = {(table.definition.name, column.name) for table in own for column in table.definition.columns}
    if now - before:
        rows = [{"table": table, "column": column} for table, column in sorted(before | now)]
        engine.land(known.COLUMNS, known.COLUMN, [pa.RecordBatch.from_pylist(rows, schema=known.COLUMN)])
    names = [table.definition.name for table in own]
    return {name: tuple(sorted(column for table, column in before - now if table == name)) for name in names}


def writing(
    engine: engines.Engine, folder: Path, definition: ports.TableDefinition, work: ir.Table, emptied: tuple[str, ...]
) -> plan.Writing:
    """List the rows of one of our own tables that are to be written.

    Args:
        engine: computes the list.
        folder: of the work lists.
        definition: the table.
        work: as they are to be, with `CUT`, `plan.DIGEST` and `plan.KIND`.
        emptied: columns that are emptied in every row that is written.
    """
    path = plan.list_path(folder, definition.name)
    engine.write_parquet(work.order_by(definition.key), path)
    kinds = _tally(path, plan.KIND)
    cut = sum(values * rows for values, rows in _tally(path, desires.CUT).items())
    return plan.Writing(definition, definition.name, kinds["new"], kinds["changed"], cut, emptied)


def _linking(engine: engines.Engine, folder: Path, table: desires.LinkedTable, causes: Causes) -> plan.Linking:
    links = known.of_links(engine)
    before = links.filter(links.table == table.table).select(known_key="key", before="customer_id")
    pairs = table.links.outer_join(before, table.links.key == before.known_key)
    rows = pairs.mutate(key=ibis.coalesce(pairs.key, pairs.known_key)).semi_join(table.keys, "key")
    different = rows.filter(~rows.before.identical_to(rows.customer_id))
    work = _with_reason(different.select("key", "before", "customer_id"), table.table, causes)
    return linking(engine, folder, table.table, table.outer, work, engine.count(table.keys))


def linking(engine: engines.Engine, folder: Path, table: str, outer: str, work: ir.Table, rows: int) -> plan.Linking:
    """List links that are to be written.

    Args:
        engine: computes the list.
        folder: of the work lists.
        table: as the project names it.
        outer: as the environment does.
        work: `key`, `before`, `customer_id`, `plan.REASON`.
        rows: how many rows the table has.
    """
    kind = ibis.cases((work.before.isnull(), "set"), (work.customer_id.isnull(), "cleared"), else_="changed")
    name = f"links_{table}"
    path = plan.list_path(folder, name)
    engine.write_parquet(work.mutate(**{plan.KIND: kind}).order_by("key"), path)
    kinds, reasons = _tally(path, plan.KIND), _tally(path, plan.REASON)
    counts = (kinds["set"], kinds["changed"], kinds["cleared"], rows)
    return plan.Linking(table, outer, name, *counts, dict(sorted(reasons.items())))


def _with_reason(work: ir.Table, table: str, causes: Causes) -> ir.Table:
    """Add to a list of links why each is written."""
    drift = causes.drift.filter(causes.drift.table == table)
    drift = drift.select(drifted="key", acknowledged="customer_id")
    changes = causes.id_changes
    ended = changes.filter(changes.reason.isin([history.MERGED, history.DIVIDED]))
    ended = ended.select(ended_id="old_id", ending="reason").distinct()
    split = changes.filter(changes.reason == history.SPLIT).select(split_id="new_id").distinct()
    told = (
        work.left_join(drift, work.key == drift.drifted)
        .left_join(ended, work.before == ended.ended_id)
        .left_join(split, work.customer_id == split.split_id)
    )
    repaired = told.drifted.notnull() & told.acknowledged.identical_to(told.customer_id)
    reason = ibis.cases(
        (repaired, plan.Reason.REPAIRED),
        (told.before.isnull(), plan.Reason.JOINED),
        (told.customer_id.isnull(), plan.Reason.LEFT),
        (told.split_id.notnull() | (told.ending == history.DIVIDED), plan.Reason.SPLIT),
        (told.ending == history.MERGED, plan.Reason.MERGED),
        else_=plan.Reason.MOVED,
    )
    return told.select(*work.columns, **{plan.REASON: reason})


def _replaced(
    engine: engines.Engine, folder: Path, before: desires.Own, written: Sequence[plan.Writing], gone: plan.Removal
) -> plan.Replaced:
    """Keep the rows that are changed or deleted as they were."""
    definition, name = before.definition, f"{before.definition.name}_before"
    changed = [keys for one in written for keys in _changed_keys(folder, one)]
    keys = engine.load(_KEY, [*changed, *plan.batches(plan.list_path(folder, gone.list))])
    rows = desires.Own(definition, before.rows.semi_join(keys, before.rows[definition.key] == keys.key))
    count = engine.write_parquet(wanted.digested(rows).order_by(definition.key), plan.list_path(folder, name))
    return plan.Replaced(definition, name, count)


def _changed_keys(folder: Path, written: plan.Writing) -> Iterator[pa.RecordBatch]:
    """Yield `key` of the rows of a work list that are there already."""
    for batch in plan.batches(plan.list_path(folder, written.list), [written.definition.key, plan.KIND]):
        keys = batch.filter(pyarrow.compute.equal(batch[plan.KIND], pa.scalar("changed")))[written.definition.key]
        yield pa.record_batch([keys], schema=_KEY)


def _retired(
    engine: engines.Engine, folder: Path, desired: desires.Desired, gone: ir.Table
) -> tuple[plan.Removal, int]:
    """Return the profiles that are to be deleted of those that are gone, and how many more must stay.

    A table that is linked no more keeps its links: what they point to stays.
    """
    links = known.of_links(engine)
    elsewhere = links.filter(links.table.notin([table.table for table in desired.links]))
    pointed_to = elsewhere.select(key="customer_id")
    retired = removal(engine, folder, desired.profiles.definition.name, gone.anti_join(pointed_to, "key"))
    return retired, engine.count(gone.semi_join(pointed_to, "key"))


def _emptied_profiles(
    engine: engines.Engine, folder: Path, table: desires.Own, gone: ir.Table, emptied: tuple[str, ...], settings: Link
) -> plan.Writing:
    """List the profiles that are gone as they are to be while rows point to them, but for those that are so already."""
    definition, schema = table.definition, table.rows.schema()
    survivors = _survivors(table, settings)
    gone = known.of_table(engine, definition.name).semi_join(gone, "key")
    gone = gone.left_join(survivors, gone.key == survivors.old_id).select("key", "digest", "survivors")
    nothing = {column.name: ibis.null(schema[column.name]) for column in definition.columns}
    values = nothing | {desires.surviving_name(settings): gone.survivors}
    rows = gone.select(**{definition.key: gone.key}, known="digest", **values, **{desires.CUT: functions.whole(0)})
    rows = rows.mutate(**{plan.DIGEST: known.digest(rows, definition), plan.KIND: ibis.literal("changed")})
    name = f"{definition.name}_emptied"
    work = rows.filter(rows.known != rows[plan.DIGEST]).drop("known").order_by(definition.key)
    count = engine.write_parquet(work, plan.list_path(folder, name))
    return plan.Writing(definition, name, 0, count, 0, emptied)


def _survivors(table: desires.Own, settings: Link) -> ir.Table:
    """Return (old_id, survivors) of every id that profiles stand for besides their own."""
    previous = table.rows[f"{settings.prefix}previouscustomerid"]
    listed = table.rows.select(survivor=table.rows[table.definition.key], old_id=previous.split(";").unnest())
    return listed.group_by("old_id").aggregate(survivors=listed.survivor.collect().sort().join(";"))


def removal(engine: engines.Engine, folder: Path, table: str, gone: ir.Table) -> plan.Removal:
    """List rows of one of our own tables that are to be deleted: `key`."""
    name = f"{table}_gone"
    count = engine.write_parquet(gone.order_by("key"), plan.list_path(folder, name))
    return plan.Removal(table, name, count)


def _tally(path: Path, column: str) -> Counter[Any]:
    """Count the values of a column of a work list."""
    found: Counter[Any] = Counter()
    for batch in plan.batches(path, [column]):
        counts = pyarrow.compute.value_counts(batch[column])
        values, numbers = counts.field("values"), counts.field("counts")
        found.update(dict(zip(values.to_pylist(), numbers.to_pylist(), strict=True)))
    return found
