"""Unification of what a change can touch, put in the place of what was known of it: what the whole would have given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.pipeline import guarding, stages
from backstamp.pipeline.reading import stored_name
from backstamp.unify import deduplicate, guard, history, shown, touched, transform

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize
    from backstamp.unify.settings import Unify

MOST = 0.2
"""Where more than this share of all rows is touched, all are unified: it is quicker."""
FEW = 10_000
"""Unless these are no more."""

_RECORDS = {
    "customers": ("record", "group", "winner", "duplicate_of", "customer", "row", "partner"),
    "refused": ("left", "right"),
    "excepted": ("customer", "left", "right"),
    "ids": ("customer",),
    "profile_values": ("customer",),
    "components": ("customer", "component"),
}
"""The columns of kept tables that hold records."""


_Numbers: TypeAlias = "tuple[pa.Array[Any], pa.Array[Any]]"
"""The numbers of rows among those that are unified, and beside each the row's record in the warehouse."""
_AT_ONCE = 1_000_000  # rows that are renumbered together


@dataclass(frozen=True)
class Change:
    """What changed since the run before.

    Attributes:
        sources: the changes of each unified table that has any.
        overrides: `shapes.OVERRIDES` as they are now, by the records that rows have in the warehouse; None without any.
        lists: those that conditions name, which are as they were.
        by_number: the unified tables whose keys are whole numbers.
    """

    sources: Mapping[str, transform.Changes]
    overrides: ir.Table | None
    lists: normalize.Lists
    by_number: Collection[str]


@dataclass(frozen=True)
class Replaced:
    """What the run before published of the rows that a run unifies.

    Attributes:
        before: their members and ids; None without any.
        profiles: of their customers, as they were: `shapes.PROFILES`; None without any.
        customers: `customer_id` of those that had such rows, or have them now; None where these may be all.
        numbers: the same, as `customer`.
    """

    before: history.Before | None
    profiles: ir.Table | None
    customers: ir.Table | None
    numbers: ir.Table | None = None


def obstacle(settings: Unify) -> str:
    """Say why a project is unified as a whole whenever something changed, "" if it need not be."""
    if settings.profile.customer_id:
        return "CustomerIds are derived from columns"
    for rule, *_ in deduplicate.all_rules(settings):
        if all(condition.per_cent is not None for condition in rule.match):
            return f"the rule {rule.name} has no exact condition"
    return ""


def is_nothing(engine: Engine, change: Change) -> bool:
    """Tell whether nothing changed."""
    return not change.sources and not engine.count(_changed_overrides(engine, change))


def find(engine: Engine, settings: Unify, change: Change) -> touched.Touched | None:
    """Return the rows that a change can touch, None where they are too many for it to be worth while."""
    sources = {table.table: engine.table(stored_name(table.table)) for table in settings.tables}
    removed = sources | {name: changes.removed for name, changes in change.sources.items()}
    added = sources | {name: changes.added for name, changes in change.sources.items()}
    removed, added = (_filtered(settings, rows) for rows in (removed, added))
    places = stages.places_of_keys(settings)
    tables = [
        touched.Table(
            name,
            stages.sides(settings, name),
            places[name],
            engine.table(stages.keys_name(name)),
            touched.Changed(removed[name], added[name]) if name in change.sources else None,
        )
        for name in sources
    ]
    known = touched.Known(
        match_keys=engine.table(stages.MATCH_KEYS),
        crowded_keys=engine.table(stages.CROWDED_KEYS),
        customers=engine.table("customers"),
        components=engine.table("components"),
        changed_overrides=_ends(engine.cache(_changed_overrides(engine, change))),
        pick=lambda records: _filtered(settings, _picked(engine, settings, records)),
    )

    def is_worthwhile(rows: int) -> bool:
        return rows <= FEW or rows <= MOST * engine.count(known.customers)

    most = stages.most_rows_per_key(settings)
    return touched.touched(engine, tables, known, change.lists, max_rows=most, is_worthwhile=is_worthwhile)


def _picked(engine: Engine, settings: Unify, records: ir.Table) -> dict[str, ir.Table]:
    """Return of each table the rows that have some records, as they are stored."""
    numbers = {table.table: _numbers_in_table(records, position) for position, table in enumerate(settings.tables)}
    return {
        name: engine.pick(engine.table(stored_name(name)), [transform.ROW], of_table)
        for name, of_table in numbers.items()
    }


@built.once
def _numbers_in_table(records: ir.Table, position: int) -> ir.Table:
    """Return the numbers that rows have in a table, of those records that are of this table."""
    number = records.record - functions.whole(position * stages.RECORDS_OF_TABLE)
    return records.select(**{transform.ROW: number}).filter(
        lambda t: t[transform.ROW].between(1, stages.RECORDS_OF_TABLE)
    )


def _changed_overrides(engine: Engine, change: Change) -> ir.Table:
    """Return the overrides that are new or gone: left, right, kind."""
    before = engine.table("overrides")
    return before if change.overrides is None else _unlike(before, change.overrides)


@built.once
def _unlike(before: ir.Table, now: ir.Table) -> ir.Table:
    """Return the overrides that are in only one of two tables."""
    names = before.columns
    return before.anti_join(now, names).union(now.select(names).anti_join(before, names))


@built.once
def _ends(pairs: ir.Table) -> ir.Table:
    """Return `record` of the rows of pairs."""
    return pairs.select(record="left").union(pairs.select(record="right"))


def unify(engine: Engine, settings: Unify, change: Change, part: touched.Touched, running: stages.Running) -> Replaced:
    """Unify the rows that a change can touch, and put what comes of it in the draft, in the place of what was there.

    Args:
        engine: where it is computed, and whose draft it is.
        settings: what the project file says.
        change: what changed.
        part: what `find` gave.
        running: the run.

    Returns:
        What was published of these rows.
    """
    before, owners, profiles = _before(engine, settings, part)
    clusters = engine.published("clusters")
    numbered = {name: _numbered(engine, rows, settings, name, change) for name, rows in part.after.items()}
    numbers = _numbers(engine, settings, numbered)
    given = stages.Given(
        _without_records(numbered),
        None if change.overrides is None else _overrides(engine, change.overrides, numbers),
        change.lists,
        change.by_number,
        _crowded_keys(engine, part.keys),
    )

    def keep(_name: str, table: ir.Table) -> ir.Table:
        return engine.cache(table)

    unified = stages.unify_rows(engine, settings, given, before, running, keep)
    owned = engine.cache(_in_either(owners, unified.ids, "customer_id"))
    known = _by_record(engine, unified, numbers)
    _patch(engine, settings, change, part, before, owners, known)
    if not engine.patches_in_place:
        stages.show(engine, settings, change.by_number)
    if settings.clusters:
        stages.find_clusters(engine, settings, given, clusters, running)
    touched = engine.cache(_in_either(owners, known.ids, "customer"))
    return Replaced(before, profiles, owned, touched)


@built.once
def _without_records(tables: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    return {name: rows.drop("record") for name, rows in tables.items()}


@built.once
def _in_either(before: ir.Table, now: ir.Table, column: str) -> ir.Table:
    return before.select(column).union(now.select(column), distinct=True)


@built.once
def _of_customers(rows: ir.Table, customers: ir.Table) -> ir.Table:
    return rows.semi_join(customers, "customer_id")


def _filtered(settings: Unify, sources: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    return {table.name: table.rows for table in stages.taking_part(settings, sources)}


def _numbered(engine: Engine, rows: ir.Table, settings: Unify, name: str, change: Change) -> ir.Table:
    """Return rows as they are stored, numbered among themselves, with their record."""
    key = settings.table(name).key
    stored = rows if key == "key" else built.here(lambda: rows.drop(key))
    return engine.cache(transform.numbered(stored, by_number=name in change.by_number))


def _numbers(engine: Engine, settings: Unify, numbered: Mapping[str, ir.Table]) -> _Numbers:
    """Return the number of each row among the rows that are unified, and its record beside it."""
    both = _both_numbers(settings, numbered)
    batches = pa.Table.from_batches(engine.batches(both), shapes.shape(record=pa.int64(), stored=pa.int64()))
    return batches["record"].combine_chunks(), batches["stored"].combine_chunks()


@built.once
def _both_numbers(settings: Unify, numbered: Mapping[str, ir.Table]) -> ir.Table:
    tables = stages.numbered(settings, {name: rows.rename(stored="record") for name, rows in numbered.items()})
    return ibis.union(*(table.rows.select("record", "stored") for table in tables))


def _renumbered(
    engine: Engine, table: ir.Table, columns: Sequence[str], numbers: tuple[pa.Array[Any], pa.Array[Any]]
) -> ir.Table:
    """Return a table with other numbers in some columns, null where there is none: those beside them in `numbers`."""
    known, others = numbers
    schema = table.schema().to_pyarrow()

    def compute(batch: pa.RecordBatch) -> pa.RecordBatch:
        taken = [
            others.take(pc.index_in(batch[name], known))
            if name in columns
            else batch[name].cast(schema.field(name).type)
            for name in schema.names
        ]
        return pa.RecordBatch.from_arrays(taken, schema=schema)

    return engine.map(table, compute, schema, rows=_AT_ONCE)


def _overrides(engine: Engine, overrides: ir.Table, numbers: _Numbers) -> ir.Table:
    """Return the overrides between rows that are unified, as they are numbered among themselves."""
    pairs = _renumbered(engine, overrides, ("left", "right"), numbers[::-1]).drop_null(["left", "right"])
    return engine.cache(_in_order(pairs))


@built.once
def _in_order(pairs: ir.Table) -> ir.Table:
    return pairs.mutate(left=ibis.least(pairs.left, pairs.right), right=ibis.greatest(pairs.left, pairs.right))


def _by_record(engine: Engine, unified: stages.Unified, numbers: _Numbers) -> stages.Unified:
    """Return what unification gave of rows that were numbered among themselves, by their records."""
    tables = {name: (getattr(unified, name), columns) for name, columns in _RECORDS.items()}
    told = {
        name: _renumbered(engine, table, columns, numbers)
        for name, (table, columns) in tables.items()
        if table is not None
    }
    return replace(unified, **told)


def _before(engine: Engine, settings: Unify, part: touched.Touched) -> tuple[history.Before, ir.Table, ir.Table]:
    """Return what the run before published of the rows that a change can touch.

    Returns:
        Their members and ids; whose they were: `shapes.IDS`; the profiles of these: `shapes.PROFILES`.
    """
    every_id, followed = map(engine.table, ("ids", "followed"))
    owned, ids = part.owned, engine.pick(every_id, ["customer"], part.customers)
    named = engine.cache(_named(part.before))
    members = built.here(lambda: owned.inner_join(ids, "customer").inner_join(named, "record"))
    values = engine.pick(engine.table("profile_values"), ["customer"], ids)
    key_columns = shown.key_columns((table.table, table.key) for table in settings.tables)
    before = history.Before(
        members=engine.cache(built.here(lambda: members.select(*shapes.MEMBERS.names))),
        made=built.here(lambda: ids.drop("customer")),
        previous_ids=engine.cache(_of_customers(engine.table("previous_ids"), ids)),
        followed=engine.cache(built.here(lambda: followed.semi_join(named, ["table", "key"]))),
        profile_values=built.here(lambda: values.select("customer_id", "last_change", *key_columns)),
    )
    return before, ids, engine.cache(stages.profiles(engine, settings, values))


@built.once
def _named(tables: Mapping[str, ir.Table]) -> ir.Table:
    return ibis.union(*(rows.select("record", "key", table=ibis.literal(name)) for name, rows in tables.items()))


def _patch(
    engine: Engine,
    settings: Unify,
    change: Change,
    part: touched.Touched,
    before: history.Before,
    owners: ir.Table,
    unified: stages.Unified,
) -> None:
    """Put what is known now of the rows that a change can touch in the place of what was known of them."""
    records, keys = part.records, part.keys
    engine.patch("customers", ["record"], records, unified.customers)
    engine.patch("ids", ["customer"], part.customers, unified.ids)
    engine.patch("profile_values", ["customer"], owners, unified.profile_values)
    engine.patch(stages.MATCH_KEYS, shapes.MATCH_KEYS.names, keys.removed, keys.added)
    lefts = built.here(lambda: records.select(left="record"))
    _patch_where_any(
        engine,
        ("previous_ids", ["customer_id"], before.previous_ids, unified.previous_ids),
        ("followed", ["customer_id"], before.followed, unified.followed),
        (stages.CROWDED_KEYS, ["hash"], keys.crowded_before, keys.crowded),
        ("components", ["customer"], part.customers, unified.components),
        ("refused", ["left"], lefts, unified.refused),
        ("excepted", ["customer"], owners, unified.excepted),
    )
    _patch_shared_values(engine, settings, keys, unified)
    if change.overrides is None:
        engine.land("overrides", shapes.OVERRIDES, [])
    else:
        engine.keep("overrides", change.overrides)
    if unified.id_changes is not None:
        engine.keep("id_changes", unified.id_changes)
    for name, changes in change.sources.items():
        engine.patch(stages.keys_name(name), ["record"], _records(settings, name, changes), part.keys.of_rows[name])
        patch_source(engine, name, changes)


def _patch_where_any(engine: Engine, *patches: tuple[str, list[str], ir.Table, ir.Table | None]) -> None:
    """Patch tables (as `Engine.patch`, None for no rows) where any rows go or come; in most runs none do."""
    tables = [engine.table(name) for name, *_ in patches]
    added = [_none_of(table) if rows is None else rows for table, (*_, rows) in zip(tables, patches, strict=True)]
    gone = [_to_go(table, by, removed) for table, (_, by, removed, _) in zip(tables, patches, strict=True)]
    counts = engine.counts([*gone, *added])
    for number, ((name, by, removed, _), rows) in enumerate(zip(patches, added, strict=True)):
        if counts[number] or counts[len(patches) + number]:
            engine.patch(name, by, removed, rows)


@built.once
def _none_of(table: ir.Table) -> ir.Table:
    return table.limit(0)


@built.once
def _to_go(table: ir.Table, by: Sequence[str], removed: ir.Table) -> ir.Table:
    return table.semi_join(removed, by)


def _patch_shared_values(engine: Engine, settings: Unify, keys: touched.Keys, unified: stages.Unified) -> None:
    before, found = engine.table(guarding.SHARED_VALUES), unified.shared_values
    hashes = _hashes([*unified.counted, keys.moved])
    if found is None and not engine.count(_to_go(before, ["hash"], hashes)):
        return
    counted = engine.cache(_counted(unified.counted, keys.crowded))
    limits = guarding.limits(settings, stages.places_of_keys(settings))
    shared = guard.recounted(engine, limits, counted, before, found)
    engine.patch(guarding.SHARED_VALUES, ["hash"], hashes, shared)


@built.once
def _counted(held: Sequence[ir.Table], crowded: ir.Table) -> ir.Table:
    """Return how many rows hold each key that rows hold which are unified, or that is crowded and held by none now."""
    here = ibis.union(*held)
    return here.union(crowded.anti_join(here, "hash"))


@built.once
def _hashes(tables: Sequence[ir.Table]) -> ir.Table:
    return ibis.union(*(table.select("hash") for table in tables))


def _crowded_keys(engine: Engine, keys: touched.Keys) -> ir.Table:
    """Return `shapes.CROWDED_KEYS` after a change."""
    every, before, now = engine.table(stages.CROWDED_KEYS), keys.crowded_before, keys.crowded
    return built.here(lambda: every.anti_join(before, "hash").union(now))


def _records(settings: Unify, name: str, changes: transform.Changes) -> ir.Table:
    """Return `record` of the rows of a table that are changed or gone."""
    first, removed = settings.position(name) * stages.RECORDS_OF_TABLE, changes.removed
    return built.here(lambda: removed.select(record=removed[transform.ROW] + functions.whole(first)))


def patch_source(engine: Engine, table: str, changes: transform.Changes) -> None:
    """Put the changes of a source table in the draft."""
    engine.patch(stored_name(table), [transform.ROW], changes.removed, changes.added)


def now(engine: Engine, table: str, changes: transform.Changes | None) -> ir.Table:
    """Return a source table as it is after changes that are not in the draft yet."""
    stored = engine.table(stored_name(table))
    return stored if changes is None else transform.changed(stored, changes)


def store_whole(engine: Engine, table: str, changes: transform.Changes | None, *, by_number: bool) -> None:
    """Keep a source table as it is after changes, its rows numbered in the order of their keys."""
    stored = engine.table(stored_name(table))
    if (changes is not None and changes.count) or not transform.is_in_order(engine, stored):
        engine.keep(
            stored_name(table), transform.numbered(now(engine, table, changes).drop(transform.ROW), by_number=by_number)
        )
