"""The stages of unification in their order; each is a function of tables that the one before has finished."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import ibis

from backstamp import shapes
from backstamp.engine import functions
from backstamp.pipeline import guarding
from backstamp.unify import block, deduplicate, excepted, identify, match, merge, places, transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    import ibis.expr.types as ir
    import pyarrow as pa

    from backstamp.engine import Engine
    from backstamp.unify import normalize
    from backstamp.unify.settings import Unify

NORMALIZE, DEDUPLICATE, MATCH, IDENTIFY, MERGE = STAGES = ("Normalize", "Deduplicate", "Match", "Identify", "Merge")
_NO_CONTENT = frozenset({"createdon", "createdby", "modifiedon", "modifiedby", "versionnumber"})


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
    before: identify.Before | None,
    *,
    run: int,
    seed: UUID,
    stage: Callable[[str], AbstractContextManager[Told]],
) -> None:
    """Unify source tables; the results stay in the engine's draft.

    They are `records`, `customers`, `overrides`, `refused`, `excepted`, `shared_values`, `ids`, `members`,
    `previous_ids`, `followed` and `profiles`, each as in `shapes`.

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
        kept = {name: engine.keep(name, made) for name, made in vars(identified).items()}
        engine.view("members", identify.members(records, customers, kept["ids"]))
        new = kept["ids"].filter(kept["ids"].made_in_run == run)
        told.rows = engine.count(new)
        told.detail(f"{told.rows:,} new CustomerIds")
    with stage(MERGE) as told:
        columns = merge.columns_of(settings)
        profiles = merge.merge(engine, tables, customers, columns, kept["ids"], kept["previous_ids"])
        values = engine.keep("profile_values", profiles)
        told.rows = engine.count(engine.view("profiles", merge.complete(values, tables)))
        told.detail(f"{told.rows:,} profiles")


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
        content = tuple(column for column in used if column not in {table.key, *_NO_CONTENT})
        keep = "most_filled" if table.deduplicate == "off" else table.deduplicate.keep
        yield merge.Table(table.table, table.key, rows, keep, content)


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
