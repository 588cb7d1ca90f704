"""What could join strangers, or was kept from it: found and counted by a run, for `findings.doubts` to list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp.engine import built
from backstamp.unify import block, deduplicate, guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Rule, Unify

SHARED_VALUES = "shared_values"
"""The name of the table of `shapes.SHARED_VALUES`."""


def shared_values(
    engine: Engine, settings: Unify, rows: Mapping[str, ir.Table], keyed: Mapping[str, block.Keyed]
) -> ir.Table | None:
    """Return the values that too many rows share, as `shapes.SHARED_VALUES`; None without any.

    Args:
        engine: where it is computed.
        settings: what the project file says.
        rows: of each table in match order, the rows that were unified.
        keyed: of each table, its keys.
    """
    return guard.shared_values(engine, list(_compared(settings, rows, keyed)))


@built.once
def limits(settings: Unify, places: Mapping[str, Mapping[block.Key, int]]) -> list[guard.Limit]:
    """Return the limits of all active rules, whose keys have these places in their tables."""
    found = []
    for rule, lower, upper in deduplicate.all_rules(settings):
        regions = {table: settings.table(table).default_region for table in (lower, upper)}
        sides = {
            upper: block.side_of(rule, "upper", regions[upper]),
            lower: block.side_of(rule, "lower", regions[lower]),
        }
        of_tables = tuple(places[table][side.key] for table, side in sides.items())
        found.append(guard.Limit(rule.name, lower, upper, rule.max_rows_per_key, of_tables))
    return found


def warnings(
    engine: Engine,
    settings: Unify,
    shared: ir.Table | None,
    refused: ir.Table | None,
    excepted: ir.Table | None,
    customers: ir.Table,
) -> Iterator[str]:
    """Yield what a person should look at, without the values of any row.

    Args:
        engine: where it is computed.
        settings: what the project file says.
        shared: `shapes.SHARED_VALUES`, or None.
        refused: `shapes.REFUSED`, or None.
        excepted: `shapes.EXCEPTED`, or None.
        customers: `shapes.CUSTOMERS`.
    """
    if shared is not None:
        yield from map(_passed_over, guard.counted(engine, shared))
    if refused is not None and (number := engine.count(refused)):
        yield f"Links that overrides refused or were refused for: {number:,}. `backstamp check` lists them."
    if excepted is not None and (number := engine.count(excepted)):
        yield (
            f"Customers with two rows that an exception kept apart, but others brought together: {number:,}."
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

    for rule, lower, upper in deduplicate.all_rules(settings):
        below = parts(lower, rule, "lower")
        above = below if lower == upper else parts(upper, rule, "upper")
        for both in zip(below, above, strict=True):
            yield guard.Compared(rule.name, rule.max_rows_per_key, *both)


def _passed_over(shared: guard.Shared) -> str:
    tables = ", ".join(dict.fromkeys([shared.lower, shared.upper]))
    return (
        f"`{shared.rule}` ({tables}) passes over values of {', '.join(shared.columns)} that more rows share than it"
        f" allows: {shared.values:,} on {shared.holders:,} rows. `backstamp check` lists them."
    )
