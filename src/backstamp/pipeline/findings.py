"""What the last run found, from the published warehouse: numbers, and what a person should look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from backstamp import shapes
from backstamp.pipeline import guarding, published, reading, supplied
from backstamp.unify import guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import ibis.expr.types as ir
    import pyarrow as pa

    from backstamp import project
    from backstamp.engine import Engine


@dataclass(frozen=True)
class TableFindings:
    """A unified table: its rows, and how many of them another row of the table stands for."""

    table: str
    rows: int
    duplicates: int


@dataclass(frozen=True)
class RuleFindings:
    """How many groups of a table joined a customer of a table above it, by one rule."""

    table: str
    upper: str
    rule: str
    groups: int


@dataclass(frozen=True)
class Findings:
    """What the last published run found.

    Attributes:
        tables: in match order.
        matches: pairs of tables in match order, of each the rule with the most groups first.
        profiles: customers, a profile each.
        new_profiles: those whose CustomerId this run made.
    """

    tables: tuple[TableFindings, ...]
    matches: tuple[RuleFindings, ...]
    profiles: int
    new_profiles: int


@dataclass(frozen=True)
class Corrupt:
    """What could not be used of a table: why, and how many rows or values that is true of.

    Attributes:
        table: `source.table`.
        column: the column; "" where a whole row cannot be read.
        reason: a sentence, or the words `duplicate key`.
        count: rows, or values of the column.
    """

    table: str
    column: str
    reason: str
    count: int


@dataclass(frozen=True)
class SharedValue:
    """A value that too many rows share for a rule: of each of its exact conditions the normalized value."""

    rule: str
    lower: str
    upper: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    holders: int


@dataclass(frozen=True)
class Doubts:
    """What a person should look at in what the last run published.

    Attributes:
        corrupt: what could not be used.
        shared: the values of each rule that link nobody, counted.
        most_shared: those that most rows share; not more than 100.
        sleeping: pairs of overrides that do nothing, because no row has one of their keys, counted.
        refused: links that were not made because of overrides; not more than 100.
        excepted: customers that hold two rows which an exception kept apart; not more than 100.
        large: customers of more rows than the project allows, the largest first; not more than 100.
    """

    corrupt: tuple[Corrupt, ...]
    shared: tuple[guard.Shared, ...]
    most_shared: tuple[SharedValue, ...]
    sleeping: tuple[supplied.Sleeping, ...]
    refused: tuple[guard.Refused, ...]
    excepted: tuple[guard.Excepted, ...]
    large: tuple[guard.LargeCustomer, ...]


def findings(state: Path) -> Findings:
    """Read what the last published run found.

    Args:
        state: the project's folder of state.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has published anything yet.
    """
    with published.opened(state) as engine:
        ids = engine.table("ids")
        return Findings(
            tables=tuple(TableFindings(**row) for row in engine.rows(_tables(engine))),
            matches=tuple(RuleFindings(**row) for row in engine.rows(_matches(engine))),
            profiles=engine.count(ids),
            new_profiles=engine.count(ids.filter(ids.made_in_run == ids.made_in_run.max())),
        )


def doubts(settings: project.Project) -> Doubts:
    """Return what a person should look at in what the last run published.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has published anything yet.
    """
    with published.opened(settings.state, settings.engine) as engine:
        records, ids = engine.table("records"), engine.table("ids")
        shared = _kept(engine, guarding.SHARED_VALUES, shapes.SHARED_VALUES)
        shown = shared.drop("hash") if "hash" in shared.columns else shared
        most = engine.rows(shown.order_by([ibis.desc("holders"), "rule", "lower", "upper"]).limit(guard.LISTED))
        return Doubts(
            corrupt=tuple(found for table in settings.tables for found in _corrupt(engine, table)),
            shared=guard.counted(engine, shared),
            most_shared=tuple(
                SharedValue(**row | {"columns": tuple(row["columns"]), "values": tuple(row["values"])}) for row in most
            ),
            sleeping=supplied.sleeping(engine, _kept(engine, supplied.KEPT_PAIRS, shapes.SUPPLIED_PAIRS)),
            refused=guard.refused_links(engine, _kept(engine, "refused", shapes.REFUSED), records),
            excepted=guard.excepted_pairs(engine, _kept(engine, "excepted", shapes.EXCEPTED), records, ids),
            large=guard.large_customers(
                engine, records, engine.table("customers"), ids, settings.unify.largest_customer
            ),
        )


def _kept(engine: Engine, name: str, shape: pa.Schema) -> ir.Table:
    """Return a table of the last run, empty where that was of a version without it."""
    return engine.table(name) if engine.has(name) else engine.load(shape, [])


def _corrupt(engine: Engine, table: str) -> Iterator[Corrupt]:
    if engine.has(reading.corrupt_name(table)):
        corrupt = engine.table(reading.corrupt_name(table))
        counted = corrupt.group_by("column", "reason").agg(count=corrupt.count())
        for row in engine.rows(counted.order_by([ibis.desc("count"), "column", "reason"]).limit(guard.LISTED)):
            yield Corrupt(table=table, **row)


def _tables(engine: Engine) -> ir.Table:
    rows = engine.table("records").inner_join(engine.table("customers").drop("position"), "record")
    counted = rows.group_by("position", "table").aggregate(
        rows=rows.count(), duplicates=rows.count(where=rows.record != rows.winner)
    )
    return counted.order_by("position").select("table", "rows", "duplicates")


def _matches(engine: Engine) -> ir.Table:
    records, customers = engine.table("records"), engine.table("customers")
    evidence = customers.filter(customers.rule.notnull()).select("group", "rule", "partner").distinct()
    lower = records.select(group="record", position="position", table="table")
    upper = records.select(partner="record", upper_position="position", upper="table")
    placed = evidence.inner_join(lower, "group").inner_join(upper, "partner")
    keys = ["position", "table", "upper_position", "upper", "rule"]
    counted = placed.group_by(keys).aggregate(groups=placed.group.nunique())
    ordered = counted.order_by(["position", "upper_position", counted.groups.desc(), "rule"])
    return ordered.select("table", "upper", "rule", "groups")
