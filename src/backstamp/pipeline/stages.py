"""The stages of unification in their order; each is a function of tables that the one before has finished."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import ibis
import orjson
import pyarrow as pa

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.pipeline import guarding
from backstamp.pipeline.reading import stored_name
from backstamp.unify import (
    block,
    cluster,
    components,
    deduplicate,
    excepted,
    history,
    identify,
    match,
    merge,
    places,
    profile,
    shown,
    transform,
)
from backstamp.unify.settings import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize
    from backstamp.unify.settings import Unify

_FINGERPRINT = shapes.shape(fingerprint=pa.string())
UNIFIED_BY = "unified_by"
"""The table of the fingerprint by which the published tables were made."""

MATCH_KEYS, CROWDED_KEYS = "match_keys", "crowded_keys"
_MAYBE = {
    "overrides": shapes.OVERRIDES,
    "refused": shapes.REFUSED,
    "excepted": shapes.EXCEPTED,
    "shared_values": shapes.SHARED_VALUES,
}

RECORDS_OF_TABLE = 2**40
"""So many records are there for each table: more than rows."""

STAGES = ("Normalize", "Deduplicate", "Match", "Identify", "Merge", "Cluster")
NORMALIZE, DEDUPLICATE, MATCH, IDENTIFY, MERGE, CLUSTER = STAGES


def most_rows_per_key(settings: Unify) -> int:
    """Return the most rows that any rule lets share a key."""
    return max((rule.max_rows_per_key for rule, *_ in deduplicate.all_rules(settings)), default=0)


def fingerprint(settings: Unify, version: str, lists: normalize.Lists) -> str:
    """Return a digest of all that unification depends on besides rows and pairs of them.

    Args:
        settings: what the project file says.
        version: of this program.
        lists: those that conditions name.
    """
    told = {
        "settings": asdict(settings),
        "version": version,
        "lists": {name: asdict(lists[name]) for name in lists},
        "results": [one.name for one in fields(Unified)],  # what was made without one of them must be made anew
    }
    return hashlib.sha256(orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS)).hexdigest()


def is_unified_by(engine: Engine, by: str) -> bool:
    """Tell whether the published tables were made by what has this fingerprint."""
    known = engine.published(UNIFIED_BY)
    return known is not None and engine.rows(known) == [{"fingerprint": by}]


def note_unified_by(engine: Engine, by: str) -> None:
    """Keep the fingerprint by which the tables of the draft were made."""
    engine.land(UNIFIED_BY, _FINGERPRINT, [pa.RecordBatch.from_pylist([{"fingerprint": by}], schema=_FINGERPRINT)])


class Told(Protocol):
    """Who is told about a stage while it works: a task of a run, or nobody."""

    rows: int | None

    def detail(self, text: str) -> None:
        """Take a short sentence about the stage."""
        ...

    def warn(self, text: str) -> None:
        """Take a sentence about what a person should look at."""
        ...


@dataclass(frozen=True)
class Given:
    """What unification is given.

    Attributes:
        sources: each unified table's stored rows (`shapes.SOURCE` with `transform.ROW`, in the order of their keys).
        overrides: `shapes.OVERRIDES`, by the records that `numbered` gives the rows; None without any.
        lists: those of equal and of empty values that conditions name.
        by_number: the tables whose keys are whole numbers.
        crowded: `shapes.CROWDED_KEYS` of all rows, where there are more than these.
    """

    sources: Mapping[str, ir.Table]
    overrides: ir.Table | None = None
    lists: normalize.Lists = field(default_factory=dict)
    by_number: Collection[str] = ()
    crowded: ir.Table | None = None


@dataclass(frozen=True)
class Running:
    """The run that unifies.

    Attributes:
        run: its number.
        seed: drawn once for it; CustomerIds are made of it.
        stage: opens the task of a stage, by its name.
    """

    run: int
    seed: UUID
    stage: Callable[[str], AbstractContextManager[Told]]


@dataclass(frozen=True)
class Unified:
    """What unification gives, each as in `shapes`; None where there is nothing; `keys` by table: `block.short_keys`.

    Attributes:
        counted: `shapes.COUNTED_KEYS` of every key, a table for each place.
    """

    customers: ir.Table
    overrides: ir.Table | None
    refused: ir.Table | None
    excepted: ir.Table | None
    shared_values: ir.Table | None
    keys: Mapping[str, ir.Table]
    counted: Sequence[ir.Table]
    components: ir.Table
    ids: ir.Table
    previous_ids: ir.Table
    followed: ir.Table
    id_changes: ir.Table | None
    profile_values: ir.Table


def published(engine: Engine) -> history.Before | None:
    """Return what the run before published, or None before the first."""
    members = engine.published("members")
    if members is None:
        return None
    made, previous_ids, followed = (
        engine.table("ids").drop("customer"),
        *map(engine.table, ("previous_ids", "followed")),
    )
    clusters, values = engine.published("clusters"), engine.published("profile_values")
    return history.Before(members, made, previous_ids, followed, clusters, values)


def unify(
    engine: Engine,
    settings: Unify,
    given: Given,
    before: history.Before | None,
    *,
    run: int,
    seed: UUID,
    stage: Callable[[str], AbstractContextManager[Told]],
) -> None:
    """Unify all rows of the source tables in the draft; the results stay there: the fields of `Unified`, and `show`.

    Args:
        engine: where it is computed, and whose draft it is.
        settings: what the project file says.
        given: the rows, and the overrides.
        before: what the run before published, or None before the first.
        run: the number of this run.
        seed: drawn once for this run.
        stage: opens the task of a stage, by its name.
    """
    running = Running(run, seed, stage)
    unified = unify_rows(engine, settings, given, before, running, engine.keep)
    _keep_all(engine, unified, run)
    show(engine, settings, given.by_number)
    find_clusters(engine, settings, given, None if before is None else before.clusters, running)


def unify_rows(
    engine: Engine,
    settings: Unify,
    given: Given,
    before: history.Before | None,
    running: Running,
    keep: Callable[[str, ir.Table], ir.Table],
) -> Unified:
    """Unify rows, be it all of them or those that a change can touch.

    Args:
        engine: where it is computed.
        settings: what the project file says.
        given: the rows, and the overrides.
        before: what the run before published of these rows, or None before the first.
        running: the run.
        keep: computes one of the larger tables of `Unified`, given its name, and holds it.
    """
    run, stage, most = running.run, running.stage, most_rows_per_key(settings)
    tables = taking_part(settings, given.sources)
    records = _records(tables)
    with stage(NORMALIZE) as told:
        keyed = {table.name: _keyed(engine, settings, table, given.lists) for table in tables}
        sizes = dict(zip(keyed, engine.counts([made.table for made in keyed.values()]), strict=True))
        told.rows = sum(sizes.values())
        of_keys = places_of_keys(settings)
        if given.crowded is not None:
            keyed = block.counted_over_all(engine, keyed, of_keys, given.crowded)
        keyed = block.measured(engine, keyed)
        counted = block.counted(keyed, of_keys) or [engine.load(shapes.COUNTED_KEYS, [])]
        if (crowded := given.crowded) is None:
            crowded = keep(CROWDED_KEYS, components.crowded(engine, counted, most))
    with stage(DEDUPLICATE) as told:
        deduplicated = {table.name: _deduplicate(engine, settings, given, table, keyed) for table in tables}
        groups = {name: found for name, (found, _) in deduplicated.items()}
        told.rows = sum(engine.counts([_duplicates(found) for found in groups.values()]))
        told.detail(f"{told.rows:,} duplicates")
    with stage(MATCH) as told:
        matched = [
            match.Table(name, found, keyed[name], place == 0 or settings.table(name).include_all, sizes[name] == 0)
            for place, (name, found) in enumerate(groups.items())
        ]
        customers = keep("customers", match.match(engine, matched, settings.match, given.overrides))
        told.rows = engine.count(_founders(customers))
        told.detail(f"{told.rows:,} customers")
        apart = excepted.excepted(engine, settings, keyed, customers)
        links = [refused for _, refused in deduplicated.values() if refused is not None]
        links += [] if given.overrides is None else [match.refused(customers, given.overrides)]
        refused = engine.cache(built.here(lambda: ibis.union(*links))) if links else None
        shared = guarding.shared_values(engine, settings, {table.name: table.rows for table in tables}, keyed)
        for warning in guarding.warnings(engine, settings, shared, refused, apart, customers):
            told.warn(warning)
    with stage(IDENTIFY) as told:
        wanted = _wanted_ids(engine, settings, tables, customers)
        identified = identify.identify(engine, records, customers, before, run=run, seed=running.seed, wanted=wanted)
        ids, previous_ids, followed = (
            keep(name, getattr(identified, name)) for name in ("ids", "previous_ids", "followed")
        )
        keys = {name: block.short_keys(keyed[name], held) for name, held in of_keys.items()}
        pairs = _pairs(engine, given.overrides, followed, records)
        together = keep("components", components.components(engine, [*keys.values()], crowded, customers, pairs, most))
        told.rows = engine.count(identified.new)
        told.detail(f"{told.rows:,} new CustomerIds")
        if wanted is not None and (others := engine.count(wanted) - engine.count(ids.filter(ids.derived))):
            told.warn(f"{others:,} profiles have an ordinary CustomerId, as another one has theirs by the same value")
    with stage(MERGE) as told:
        taken = profile.taken(settings, merge.families_of(tables))
        profiles = merge.merge(engine, tables, customers, taken, ids, previous_ids)
        values = None if before is None else before.profile_values
        profiles = keep("profile_values", shown.dated(profiles, tables, values, _now(engine)))
        told.rows = engine.count(profiles)
        told.detail(f"{told.rows:,} profiles")
    return Unified(
        customers=customers,
        overrides=given.overrides,
        refused=refused,
        excepted=apart,
        shared_values=shared,
        keys=keys,
        counted=counted,
        components=together,
        ids=ids,
        previous_ids=previous_ids,
        followed=followed,
        id_changes=identified.id_changes,
        profile_values=profiles,
    )


def _pairs(engine: Engine, overrides: ir.Table | None, followed: ir.Table, records: ir.Table) -> list[ir.Table]:
    """Return left, right: rows that hang together without a key."""
    pairs = [] if overrides is None else [overrides]
    return [*pairs, components.followed_together(followed, records)] if engine.count(followed) else pairs


def _now(engine: Engine) -> ir.TimestampScalar:
    return engine.constant(datetime.now(UTC).replace(tzinfo=None))


@built.once
def _duplicates(groups: ir.Table) -> ir.Table:
    return groups.filter(groups.record != groups.winner)


@built.once
def _founders(customers: ir.Table) -> ir.Table:
    """Return the rows after which customers are called."""
    return customers.filter(customers.record == customers.customer)


def _wanted_ids(engine: Engine, settings: Unify, tables: Sequence[merge.Table], customers: ir.Table) -> ir.Table | None:
    """Return the ids that customers derive from columns, None where the project derives none."""
    columns = [(mention.table, mention.column) for mention in places.listed_columns(settings, "customer_id")]
    if not columns:
        return None
    return engine.cache(identify.derived(merge.first_values(engine, tables, customers, columns), columns))


def _keep_all(engine: Engine, unified: Unified, run: int) -> None:
    """Keep the tables that are not in the draft yet; where there is nothing, what the run before had must not stay."""
    for name, shape in _MAYBE.items():
        table: ir.Table | None = getattr(unified, name)
        if table is None:
            engine.land(name, shape, [])
        else:
            engine.keep(name, table)
    keys = [engine.keep(keys_name(table), of_table.order_by("record")) for table, of_table in unified.keys.items()]
    engine.keep(MATCH_KEYS, ibis.union(*[block.match_keys(of_table) for of_table in keys]).order_by("hash"))
    if unified.id_changes is None:
        engine.view("id_changes", history.begun(unified.ids, run))  # no need to write all ids twice
    else:
        engine.keep("id_changes", unified.id_changes)


def keys_name(table: str) -> str:
    """Return the name of the table of a table's keys: `block.short_keys`."""
    return f"keys_{table.replace('.', '_')}"


def show(engine: Engine, settings: Unify, by_number: Collection[str]) -> None:
    """Keep what is made of kept tables whenever it is read: `records`, `members`, `profiles`, and what people look at.

    Args:
        engine: whose draft it is.
        settings: what the project file says.
        by_number: the unified tables whose keys are whole numbers.
    """
    tables = taking_part(settings, _sources(engine, settings))
    customers, values = engine.table("customers"), engine.table("profile_values")
    records = engine.view("records", _records(tables))
    engine.view("members", identify.members(records, customers, engine.table("ids")))
    engine.view("profiles", merge.complete(values, tables))
    for position, table in enumerate(tables):
        told = shown.deduplication(position, table, customers, by_number=table.name in by_number)
        engine.view(shown.deduplication_name(table.name), told)
    engine.view(shown.MATCH_PAIRS, shown.match_pairs(values, tables))


def find_clusters(engine: Engine, settings: Unify, given: Given, before: ir.Table | None, running: Running) -> None:
    """Keep the clusters of all profiles in the draft, and the profiles with the ids of theirs; after `show`.

    Args:
        engine: where it is computed, and whose draft it is.
        settings: what the project file says.
        given: the lists that conditions name, and the tables whose keys are whole numbers.
        before: `shapes.CLUSTERS` of the run before, or None.
        running: the run.
    """
    if not settings.clusters:
        engine.land("clusters", shapes.CLUSTERS, [])
        return
    with running.stage(CLUSTER) as told:
        ids = _in_order(engine, engine.table("ids"), given.by_number)
        together = _together(engine, settings, given.lists, ids)
        found = engine.keep("clusters", _identified(engine, together, ids, before, running))
        engine.view("profiles", profiles(engine, settings, engine.table("profile_values")))
        told.rows = engine.count(found.select("cluster_id").distinct())
        told.detail(f"{told.rows:,} clusters")


def profiles(engine: Engine, settings: Unify, values: ir.Table) -> ir.Table:
    """Return the profiles that are made of some values (`shapes.PROFILE_VALUES`), with the ids of their clusters."""
    made = merge.complete(values, numbered(settings, _sources(engine, settings)))
    if not settings.clusters:
        return made
    return cluster.complete(made, engine.table("clusters"), [name for _, name in places.clusters(settings)])


def names_of(settings: Unify) -> tuple[str, ...]:
    """Return the names of the stages that a project has, in their order."""
    return STAGES if settings.clusters else tuple(name for name in STAGES if name != CLUSTER)


@built.once
def numbered(settings: Unify, sources: Mapping[str, ir.Table]) -> list[merge.Table]:
    """Return the tables in match order, all their rows with their record."""
    tables = []
    for position, table in enumerate(settings.tables):
        source = sources[table.table]
        record = source[transform.ROW] + functions.whole(position * RECORDS_OF_TABLE)
        # The key is there under its own name too, as text, for a rule or a profile column that names it.
        rows = source.mutate(record=record, **{table.key: source.key}).drop(transform.ROW)
        used = places.columns_of(settings, table.table)
        content = tuple(column for column in used if column not in {table.key, *transform.NO_CONTENT})
        tables.append(merge.Table(table.table, table.key, rows, table.keep, content, table.preferences))
    return tables


@built.once
def taking_part(settings: Unify, sources: Mapping[str, ir.Table]) -> list[merge.Table]:
    """Return the tables in match order, with the rows that take part and their record."""
    return [filtered(settings, table) for table in numbered(settings, sources)]


def recorded(settings: Unify, sources: Mapping[str, ir.Table]) -> ir.Table:
    """Return the records that take part in unification, as `shapes.RECORDS`."""
    return _records(taking_part(settings, sources))


def filtered(settings: Unify, table: merge.Table) -> merge.Table:
    """Return a table with the rows that its filters leave."""
    rows = table.rows
    for column, value in settings.table(table.name).where.items():
        rows = rows.filter(rows[column].isin(value) if isinstance(value, tuple) else rows[column] == value)
    return replace(table, rows=rows)


@built.once
def places_of_keys(settings: Unify) -> dict[str, dict[block.Key, int]]:
    """Return a number for every key of every table."""
    keys = [(table.table, key) for table in settings.tables for key in block.keys_of(sides(settings, table.table))]
    found: dict[str, dict[block.Key, int]] = {table.table: {} for table in settings.tables}
    for place, (table, key) in enumerate(keys):
        found[table][key] = place
    return found


def _sources(engine: Engine, settings: Unify) -> dict[str, ir.Table]:
    return {table.table: engine.table(stored_name(table.table)) for table in settings.tables}


@built.once
def _records(tables: Sequence[merge.Table]) -> ir.Table:
    return ibis.union(
        *(
            table.rows.select("record", position=functions.whole(position), table=ibis.literal(table.name), key="key")
            for position, table in enumerate(tables)
        )
    )


def _keyed(engine: Engine, settings: Unify, table: merge.Table, lists: normalize.Lists) -> block.Keyed:
    region = settings.table(table.name).default_region
    return block.keyed(engine, table.rows, sides(settings, table.name), region, lists)


@built.once
def sides(settings: Unify, name: str) -> list[block.Side]:
    """Return what all rules compare in a table."""
    region = settings.table(name).default_region
    found = [block.side_of(rule, "lower", region) for rule in deduplicate.rules_of(settings, name)]
    for between in settings.match:
        for rule in between.rules:
            if rule.active and name == between.lower:
                found.append(block.side_of(rule, "lower", region))
            if rule.active and name == between.upper:
                found.append(block.side_of(rule, "upper", region))
    return found


def _deduplicate(
    engine: Engine, settings: Unify, given: Given, table: merge.Table, keyed: Mapping[str, block.Keyed]
) -> tuple[ir.Table, ir.Table | None]:
    rules = deduplicate.rules_of(settings, table.name)
    made = keyed[table.name]
    return deduplicate.deduplicate(engine, table.rows, made, rules, table.keep, table.content, given.overrides)


def _in_order(engine: Engine, ids: ir.Table, by_number: Collection[str]) -> ir.Table:
    """Return `shapes.IDS` with customers numbered in the order of their smallest rows, also of rows that came since."""
    if not engine.count(ids.filter(ids.customer % RECORDS_OF_TABLE > transform.LATER)):
        return ids
    named = ids.inner_join(engine.table("records").rename(customer="record"), "customer")
    number = named.table.isin(list(by_number)).ifelse(named.key.try_cast("int64"), ibis.null())
    order = ibis.row_number().over(order_by=[named.position, number, named.key])
    return engine.cache(named.select("customer_id", "made_in_run", "derived", customer=order))


def meanings(engine: Engine, settings: Unify) -> dict[str, str]:
    """Return the semantic types of the profile's columns."""
    tables = list(numbered(settings, _sources(engine, settings)))
    return profile.meanings(settings, merge.families_of(tables))


def _together(engine: Engine, settings: Unify, lists: normalize.Lists, ids: ir.Table) -> dict[str, ir.Table]:
    """Return for each kind of cluster which customers are together."""
    rows = engine.table("profiles").inner_join(ids.select("customer_id", record="customer"), "customer_id")
    found = {}
    for one in settings.clusters:
        if isinstance(one, Cluster):
            found[one.name] = cluster.find(engine, one, rows, lists)
        else:
            found[one] = cluster.find_households(engine, rows, meanings(engine, settings))
    return found


def _identified(
    engine: Engine, together: Mapping[str, ir.Table], ids: ir.Table, before: ir.Table | None, running: Running
) -> ir.Table:
    """Return the clusters with ids that stay, as `shapes.CLUSTERS`."""
    followed, members = engine.table("followed"), engine.table("members")
    known = None if before is None else engine.cache(cluster.resolved(before, ids, followed, members))
    run, seed = running.run, running.seed
    made = (cluster.identified(engine, *found, ids, known, run=run, seed=seed) for found in together.items())
    return ibis.union(*made)
