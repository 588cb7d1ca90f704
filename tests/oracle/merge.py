"""Section 6: one profile a customer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.oracle import deduplicate
from tests.oracle.model import Group, Key, ProfileColumns, Project, Record, Rows, Table, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Profile = dict[str, Value]
Seen = dict[str, tuple[Any, Record]]


def joined(keys: Iterable[Key]) -> str:
    r"""Write keys in key order, joined by `;`; a `;` or `\` in a key has `\` before it (section 4)."""
    return ";".join(re.sub(r"([;\\])", r"\\\1", str(key)) for key in sorted(keys))


def in_order(table: Table, groups: Iterable[Group], rows: Rows) -> list[Group]:
    """Order the groups of one table in a customer as the table's `keep` orders their winners."""
    by_winner = {group.winner: group for group in groups}
    return [by_winner[winner] for winner in deduplicate.in_preference(table.keep, table, by_winner, rows)]


def candidates(columns: ProfileColumns, seen: Mapping[str, list[Seen]]) -> Iterator[tuple[Any, Profile]]:
    """All rows with a value for the columns, in the order of tables, then of winners: the row's time, the values."""
    for table, source in columns.sources:
        for row in seen[table]:
            filled = {name: Value(*row[column]) for name, column in source.items()}
            filled = {name: value for name, value in filled.items() if deduplicate.is_filled(value.value)}
            if filled:
                yield row[columns.prefer[1][table]][0] if len(columns.prefer) > 1 else None, filled


def chosen(columns: ProfileColumns, seen: Mapping[str, list[Seen]]) -> Profile:
    """Return the values of columns that are taken together from one row, null where it has none."""
    found = list(candidates(columns, seen))
    if columns.prefer[0] != "importance":
        found = deduplicate.by_time(found, lambda candidate: candidate[0], columns.prefer[0])
    nulls = {name: Value(None, None) for _, source in columns.sources for name in source}
    return nulls | found[0][1] if found else nulls


def keys(table: Table, groups: list[Group]) -> Profile:
    """Return the key columns of one table: the first winner's key, and the keys of all rows."""
    name = f"{table.prefix}_{table.key}"
    if not groups:
        return {name: Value(None, None), f"{name}_Alternate": Value(None, None)}
    winner = groups[0].winner
    everyone = joined(key for group in groups for _, key in group.rows)
    return {name: Value(winner[1], winner), f"{name}_Alternate": Value(everyone, winner)}


def first_winners(
    project: Project, rows: Rows, groups: Mapping[str, list[Group]], customer: frozenset[Record]
) -> dict[str, dict[str, Any]]:
    """Return what merge sees of a customer's first winner in each table where it has one."""
    found = {}
    for table in project.tables:
        own = in_order(table, (group for group in groups[table.name] if group.winner in customer), rows)
        if own:
            seen = deduplicate.merged_row(table, own[0], rows)
            found[table.name] = {column: value for column, (value, _) in seen.items()}
    return found


def merge(project: Project, rows: Rows, groups: Mapping[str, list[Group]], customer: frozenset[Record]) -> Profile:
    """Return one customer's profile, without its ids."""
    profile: Profile = {}
    seen: dict[str, list[Seen]] = {}
    for table in project.tables:
        own = in_order(table, (group for group in groups[table.name] if group.winner in customer), rows)
        seen[table.name] = [deduplicate.merged_row(table, group, rows) for group in own]
        profile |= keys(table, own)
    for columns in project.profile:
        profile |= chosen(columns, seen)
    return profile
