"""What could join strangers, or was kept from it: kept and counted by a run, for `findings.doubts` to list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import shapes
from backstamp.unify import block, deduplicate, guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Rule, Unify

SHARED_VALUES = "shared_values"
"""The name of the table of `shapes.SHARED_VALUES`."""


def keep(
    engine: Engine,
    settings: Unify,
    rows: Mapping[str, ir.Table],
    keyed: Mapping[str, block.Keyed],
    customers: ir.Table,
) -> Iterator[str]:
    """Keep `shared_values` in the draft, and yield warnings, which hold no value of a row.

    `refused` and `excepted` are in the draft already.

    Args:
        engine: whose draft it is.
        settings: what the project file says.
        rows: of each table in match order, the rows that were unified.
        keyed: of each table, its keys.
        customers: `shapes.CUSTOMERS`.
    """
    shared = guard.shared_values(engine, list(_compared(settings, rows, keyed)))
    if shared is None:
        engine.land(SHARED_VALUES, shapes.SHARED_VALUES, [])
    else:
        yield from map(_passed_over, guard.counted(engine, engine.keep(SHARED_VALUES, shared)))
    if refused := engine.count(engine.table("refused")):
        yield f"Links that overrides refused or were refused for: {refused:,}. `backstamp check` lists them."
    if excepted := engine.count(engine.table("excepted")):
        yield (
            f"Customers with two rows that an exception kept apart, but others brought together: {excepted:,}."
            " `backstamp check` lists them."
        )
    large, most = guard.count_large(engine, customers, settings.largest_customer)
    if large:
        yield (
            f"Customers of more than {settings.largest_customer:,} rows: {large:,}, the largest of {most:,}."
            " `backstamp check` lists them, and the links that hold them together."
        )


def _compared(
    settings: Unify, rows: Mapping[str, ir.Table], keyed: Mapping[str, block.Keyed]
) -> Iterator[guard.Compared]:
    """Yield every active rule with what rows hold under it in its tables."""

    def parts(table: str, rule: Rule, role: block.Role) -> list[guard.Part]:
        side = block.side_of(rule, role, keyed[table].region)
        return [guard.Part(table, rows[table], keyed[table], held) for held in side.held.values()]

    for table in rows:
        for rule in deduplicate.rules_of(settings, table):
            for both in parts(table, rule, "lower"):
                yield guard.Compared(rule.name, rule.max_rows_per_key, both, both)
    for between in deduplicate.in_order(settings):
        for rule in between.rules:
            if rule.active:
                both_parts = zip(parts(between.lower, rule, "lower"), parts(between.upper, rule, "upper"), strict=True)
                for lower, upper in both_parts:
                    yield guard.Compared(rule.name, rule.max_rows_per_key, lower, upper)


def _passed_over(shared: guard.Shared) -> str:
    tables = ", ".join(dict.fromkeys([shared.lower, shared.upper]))
    return (
        f"`{shared.rule}` ({tables}) passes over values of {', '.join(shared.columns)} that more rows share than it"
        f" allows: {shared.values:,} on {shared.holders:,} rows. `backstamp check` lists them."
    )
