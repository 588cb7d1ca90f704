"""Where a project file names rules, columns and lists of unification: each with its place (`errors.Problem.path`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from backstamp.unify.settings import ByTime, Deduplicate, Recency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.unify.settings import Condition, ProfileColumn, Rule, UnifiedTable, Unify

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Mention:
    """A place that names a column of a unified table."""

    path: Path
    table: str
    column: str


ListKind: TypeAlias = Literal["always", "never", "alias", "bypass"]
PAIR = ("left_table", "left_key", "right_table", "right_key")
_OVERRIDES = (*PAIR, "why", "by", "at")
LIST_COLUMNS: dict[ListKind, tuple[str, ...]] = {
    "always": _OVERRIDES,
    "never": _OVERRIDES,
    "alias": ("value", "alias"),
    "bypass": ("value",),
}
"""The columns of the lists that people supply; why, by and at are for people."""


@dataclass(frozen=True)
class Supplied:
    """A place that names a list that people supply: a CSV file, or a table of a source."""

    path: Path
    name: str
    kind: ListKind


def columns_of(unify: Unify, table: str) -> tuple[str, ...]:
    """Return the columns of a table that the settings name, its key among them; those of inactive rules too."""
    return tuple(dict.fromkeys(mention.column for mention in mentions(unify) if mention.table == table))


def mentions(unify: Unify) -> Iterator[Mention]:
    """Yield every place that names a column."""
    for path, table in tables(unify):
        yield Mention((*path, "key"), table.table, table.key)
        yield from (Mention((*path, "types", column), table.table, column) for column in table.types)
        yield from (Mention((*path, "where", column), table.table, column) for column in table.where)
        yield from keep_times(path, table)
    for sides, _ in conditions(unify):
        yield from sides
    for path, column in profile_columns(unify):
        yield from sources(path, column)
        yield from prefer_times(path, column)
    for supplied in lists(unify):
        yield from (Mention(supplied.path, supplied.name, column) for column in LIST_COLUMNS[supplied.kind])


def lists(unify: Unify) -> Iterator[Supplied]:
    """Yield every place that names a list that people supply."""
    overrides: tuple[tuple[ListKind, str | None], ...] = (
        ("always", unify.overrides.always),
        ("never", unify.overrides.never),
    )
    yield from (Supplied(("unify", "overrides", kind), name, kind) for kind, name in overrides if name is not None)
    for path, rule, _ in rules(unify):
        for place, condition in conditions_of(path, rule):
            named: tuple[tuple[ListKind, str | None], ...] = ("alias", condition.alias), ("bypass", condition.bypass)
            yield from (Supplied((*place, kind), name, kind) for kind, name in named if name is not None)


def tables(unify: Unify) -> Iterator[tuple[Path, UnifiedTable]]:
    """Yield every unified table."""
    for place, table in enumerate(unify.tables):
        yield ("unify", "tables", place), table


def rules(unify: Unify) -> Iterator[tuple[Path, Rule, tuple[str, ...]]]:
    """Yield every rule with the tables that it compares: one with itself, or a lower one and one above."""
    for path, table in tables(unify):
        if isinstance(table.deduplicate, Deduplicate):
            for place, rule in enumerate(table.deduplicate.rules or ()):
                yield (*path, "deduplicate", "rules", place), rule, (table.table,)
    for number, match in enumerate(unify.match):
        for place, rule in enumerate(match.rules):
            yield ("unify", "match", number, "rules", place), rule, match.between


def conditions(unify: Unify) -> Iterator[tuple[list[Mention], Condition]]:
    """Yield every condition, those of exceptions too, with the columns that it compares."""
    for path, rule, tables in rules(unify):
        for place, condition in conditions_of(path, rule):
            yield _sides(place, condition, tables), condition


def conditions_of(path: Path, rule: Rule) -> Iterator[tuple[Path, Condition]]:
    """Yield the conditions of a rule, then those of its exceptions."""
    for place, condition in enumerate(rule.match):
        yield (*path, "match", place), condition
    for number, exception in enumerate(rule.unless):
        for place, condition in enumerate(exception):
            yield (*path, "unless", number, place), condition


def _sides(path: Path, condition: Condition, tables: tuple[str, ...]) -> list[Mention]:
    if condition.columns is None:
        return [Mention((*path, "column"), tables[0], condition.lower)]
    named = zip(tables, condition.columns, strict=True)
    return [Mention((*path, "columns", side), table, column) for side, (table, column) in enumerate(named)]


def combined_columns(unify: Unify) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Yield the profile columns that semantic types make of what the file's own profile columns leave over.

    Of each: the place of the first column of its type, its name (the last part of the type), and its sources.
    """
    used = {source for column in unify.profile.columns.values() for source in column.sources}
    combined: dict[str, list[tuple[Path, str]]] = {}
    for path, table in tables(unify):
        for column, semantic_type in table.types.items():
            if (source := f"{table.table}.{column}") not in used:
                combined.setdefault(semantic_type, []).append(((*path, "types", column), source))
    for semantic_type, found in combined.items():
        yield found[0][0], semantic_type.rpartition(".")[2], tuple(source for _, source in found)


def profile_columns(unify: Unify) -> Iterator[tuple[Path, ProfileColumn]]:
    """Yield every column of the profile that the file names."""
    for name, column in unify.profile.columns.items():
        yield ("unify", "profile", "columns", name), column


def sources(path: Path, column: ProfileColumn) -> list[Mention]:
    """Return the columns that a profile column comes from; a table is "" where the file names none."""
    named = (source.rpartition(".") for source in column.sources)
    return [Mention((*path, "from", place), table, name) for place, (table, _, name) in enumerate(named)]


def keep_times(path: Path, table: UnifiedTable) -> list[Mention]:
    """Return the column by whose time the winner of a table is chosen, if it is chosen so."""
    keep = table.deduplicate.keep if isinstance(table.deduplicate, Deduplicate) else None
    times = by_time(keep) if isinstance(keep, Recency) else {}
    return [Mention((*path, "deduplicate", "keep", name), table.table, str(time)) for name, time in times.items()]


def prefer_times(path: Path, column: ProfileColumn) -> list[Mention]:
    """Return the columns by whose time a value of the profile is chosen, if it is chosen so."""
    times = by_time(column.prefer) if isinstance(column.prefer, ByTime) else {}
    return [
        Mention((*path, "prefer", name, table), table, time)
        for name, of_tables in times.items()
        if isinstance(of_tables, dict)
        for table, time in of_tables.items()
    ]


def by_time(preference: Recency | ByTime) -> dict[str, str | dict[str, str]]:
    """Return what a preference by time says, by the key that says it."""
    both = {"most_recent": preference.most_recent, "least_recent": preference.least_recent}
    return {name: time for name, time in both.items() if time is not None}
