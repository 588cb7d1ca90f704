"""The stages of unification in their order; each is a function of tables that the one before has finished."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import ibis
import orjson
import pyarrow as pa

from backstamp import shapes
from backstamp.engine import functions
from backstamp.pipeline import guarding
from backstamp.unify import (
    block,
    cluster,
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
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify import normalize
    from backstamp.unify.settings import Unify

_FINGERPRINT = shapes.shape(fingerprint=pa.string())
UNIFIED_BY = "unified_by"
"""The table of the fingerprint by which the published tables were made."""

STAGES = ("Normalize", "Deduplicate", "Match", "Identify", "Merge", "Cluster")
NORMALIZE, DEDUPLICATE, MATCH, IDENTIFY, MERGE, CLUSTER = STAGES


def fingerprint(settings: Unify, version: str, supplied: Mapping[str, Mapping[str, Sequence[str | None]]]) -> str:
    """Return a digest of all that unification depends on besides the rows.

    Args:
        settings: what the project file says.
        version: of this program.
        supplied: the columns of the lists that people supply.
    """
    told = {
        "settings": asdict(settings),
        "version": version,
        "supplied": {name: dict(supplied[name]) for name in supplied},
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
    """The tables that unification is given.

    Attributes:
        sources: each unified table's stored rows (`shapes.SOURCE` with `transform.ROW`).
        overrides: `shapes.OVERRIDES`, by the records that `numbered` gives the rows; None without any.
        lists: those of equal and of empty values that conditions name.
    """

    sources: Mapping[str, ir.Table]
    overrides: ir.Table | None = None
    lists: normalize.Lists = field(default_factory=dict)


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
    """Unify source tables; the results stay in the engine's draft.

    They are `records`, `customers`, `overrides`, `refused`, `excepted`, `shared_values`, `ids`, `members`,
    `previous_ids`, `followed`, `id_changes`, `profiles` and `clusters`, and for people `Deduplication_<s>_<t>` and
    `ConflationMatchPairs`, each as in `shapes`.

    Args:
        engine: where it is computed, and whose draft takes the results.
        settings: what the project file says.
        given: the rows, and the overrides.
        before: what the run before published, or None before the first.
        run: the number of this run.
        seed: drawn once for this run; CustomerIds are made of it.
        stage: opens the task of a stage, by its name.
    """
    tables = [_filtered(settings, table) for table in numbered(engine, settings, given.sources)]
    records = engine.view("records", _records(tables))
    with stage(NORMALIZE) as told:
        keyed = {table.name: _keyed(engine, settings, table, given.lists) for table in tables}
        told.rows = sum(engine.count(made.table) for made in keyed.values())
    with stage(DEDUPLICATE) as told:
        deduplicated = {table.name: _deduplicate(engine, settings, given, table, keyed) for table in tables}
        groups = {name: found for name, (found, _) in deduplicated.items()}
        told.rows = sum(engine.count(found.filter(found.record != found.winner)) for found in groups.values())
        told.detail(f"{told.rows:,} duplicates")
    with stage(MATCH) as told:
        matched = [
            match.Table(name, groups[name], keyed[name], include_all=place == 0 or settings.table(name).include_all)
            for place, name in enumerate(groups)
        ]
        customers = engine.keep("customers", match.match(engine, matched, settings.match, given.overrides))
        _keep(engine, "excepted", shapes.EXCEPTED, excepted.excepted(engine, settings, keyed, customers))
        _keep(engine, "overrides", shapes.OVERRIDES, given.overrides)
        links = [refused for _, refused in deduplicated.values() if refused is not None]
        links += [] if given.overrides is None else [match.refused(customers, given.overrides)]
        _keep(engine, "refused", shapes.REFUSED, ibis.union(*links) if links else None)
        told.rows = engine.count(customers.filter(customers.record == customers.customer))
        told.detail(f"{told.rows:,} customers")
        for warning in guarding.keep(engine, settings, {table.name: table.rows for table in tables}, keyed, customers):
            told.warn(warning)
    with stage(IDENTIFY) as told:
        identified = identify.identify(engine, records, customers, before, run=run, seed=seed)
        kept = {name: engine.keep(name, getattr(identified, name)) for name in ("ids", "previous_ids", "followed")}
        if identified.id_changes is None:
            engine.view("id_changes", history.begun(kept["ids"], run))  # no need to write all ids twice
        else:
            engine.keep("id_changes", identified.id_changes)
        engine.view("members", identify.members(records, customers, kept["ids"]))
        new = kept["ids"].filter(kept["ids"].made_in_run == run)
        told.rows = engine.count(new)
        told.detail(f"{told.rows:,} new CustomerIds")
    with stage(MERGE) as told:
        taken = profile.taken(settings, merge.families_of(tables))
        profiles = merge.merge(engine, tables, customers, taken, kept["ids"], kept["previous_ids"])
        profiles = merge.complete(engine.keep("profile_values", profiles), tables)
        told.rows = engine.count(engine.view("profiles", profiles))
        told.detail(f"{told.rows:,} profiles")
    if settings.clusters:
        with stage(CLUSTER) as told:
            together = _together(engine, settings, given, tables, profiles)
            found = engine.keep("clusters", _identified(engine, together, before, run=run, seed=seed))
            engine.view("profiles", cluster.complete(profiles, found, [name for _, name in places.clusters(settings)]))
            told.rows = engine.count(found.select("cluster_id").distinct())
            told.detail(f"{told.rows:,} clusters")
    else:
        _keep(engine, "clusters", shapes.CLUSTERS, None)
    _show(engine, tables, customers, profiles)


def names_of(settings: Unify) -> tuple[str, ...]:
    """Return the names of the stages that a project has, in their order."""
    return STAGES if settings.clusters else tuple(name for name in STAGES if name != CLUSTER)


def _keep(engine: Engine, name: str, shape: pa.Schema, expression: ir.Table | None) -> None:
    """Keep a table, empty where there is none: that of the run before must not stay."""
    if expression is None:
        engine.land(name, shape, [])
    else:
        engine.keep(name, expression)


def numbered(engine: Engine, settings: Unify, sources: Mapping[str, ir.Table]) -> Iterator[merge.Table]:
    """Yield the tables in match order, all their rows with their record; row filters leave gaps in these numbers."""
    offset = 0
    for table in settings.tables:
        source = sources[table.table]
        # The key is there under its own name too, as text, for a rule or a profile column that names it.
        rows = source.mutate(record=source[transform.ROW] + offset, **{table.key: source.key}).drop(transform.ROW)
        offset += engine.count(source)
        used = places.columns_of(settings, table.table)
        content = tuple(column for column in used if column not in {table.key, *transform.NO_CONTENT})
        yield merge.Table(table.table, table.key, rows, table.keep, content, table.preferences)


def recorded(engine: Engine, settings: Unify, sources: Mapping[str, ir.Table]) -> ir.Table:
    """Return the records that take part in unification, as `shapes.RECORDS`."""
    return _records([_filtered(settings, table) for table in numbered(engine, settings, sources)])


def _filtered(settings: Unify, table: merge.Table) -> merge.Table:
    rows = table.rows
    for column, value in settings.table(table.name).where.items():
        rows = rows.filter(rows[column].isin(value) if isinstance(value, tuple) else rows[column] == value)
    return replace(table, rows=rows)


def _records(tables: Sequence[merge.Table]) -> ir.Table:
    return ibis.union(
        *(
            table.rows.select("record", position=functions.whole(position), table=ibis.literal(table.name), key="key")
            for position, table in enumerate(tables)
        )
    )


def _keyed(engine: Engine, settings: Unify, table: merge.Table, lists: normalize.Lists) -> block.Keyed:
    region = settings.table(table.name).default_region
    return block.keyed(engine, table.rows, _sides(settings, table.name), region, lists)


def _sides(settings: Unify, name: str) -> Iterator[block.Side]:
    """Yield what all rules compare in a table."""
    region = settings.table(name).default_region
    for rule in deduplicate.rules_of(settings, name):
        yield block.side_of(rule, "lower", region)
    for between in settings.match:
        for rule in between.rules:
            if rule.active and name == between.lower:
                yield block.side_of(rule, "lower", region)
            if rule.active and name == between.upper:
                yield block.side_of(rule, "upper", region)


def _deduplicate(
    engine: Engine, settings: Unify, given: Given, table: merge.Table, keyed: Mapping[str, block.Keyed]
) -> tuple[ir.Table, ir.Table | None]:
    rules = deduplicate.rules_of(settings, table.name)
    made = keyed[table.name]
    return deduplicate.deduplicate(engine, table.rows, made, rules, table.keep, table.content, given.overrides)


def _together(
    engine: Engine, settings: Unify, given: Given, tables: Sequence[merge.Table], profiles: ir.Table
) -> dict[str, ir.Table]:
    """Return for each kind of cluster which customers are together."""
    customers = engine.table("ids").select("customer_id", record="customer")
    rows = profiles.inner_join(customers, "customer_id")
    found = {}
    for one in settings.clusters:
        if isinstance(one, Cluster):
            found[one.name] = cluster.find(engine, one, rows, given.lists)
        else:
            meanings = profile.meanings(settings, merge.families_of(tables))
            found[one] = cluster.find_households(engine, rows, meanings)
    return found


def _identified(
    engine: Engine, together: Mapping[str, ir.Table], before: history.Before | None, *, run: int, seed: UUID
) -> ir.Table:
    """Return the clusters with ids that stay, as `shapes.CLUSTERS`."""
    ids, followed, members = (engine.table(name) for name in ("ids", "followed", "members"))
    known = before.clusters if before is not None else None
    known = engine.cache(cluster.resolved(known, ids, followed, members)) if known is not None else None
    made = (cluster.identified(engine, *found, ids, known, run=run, seed=seed) for found in together.items())
    return ibis.union(*made)


def _show(engine: Engine, tables: Sequence[merge.Table], customers: ir.Table, profiles: ir.Table) -> None:
    """Keep what people look at; what can be computed when it is read costs a run nothing."""
    for position, table in enumerate(tables):
        engine.view(shown.deduplication_name(table.name), shown.deduplication(position, table, customers))
    before = engine.published(shown.MATCH_PAIRS)
    now = datetime.now(UTC).replace(tzinfo=None)
    keep = engine.view if before is None else engine.keep
    keep(shown.MATCH_PAIRS, shown.match_pairs(profiles, tables, before, now))
