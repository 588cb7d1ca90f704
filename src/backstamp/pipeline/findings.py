"""What unification found, in numbers, from the published warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp.pipeline import published

if TYPE_CHECKING:
    from pathlib import Path

    import ibis.expr.types as ir

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
