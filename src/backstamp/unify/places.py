"""Where a project file names rules, columns and lists of unification: each with its place (`errors.Problem.path`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from backstamp.unify.settings import ByTime, Cluster, Deduplicate, Recency

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from backstamp.unify.settings import Condition, ProfileColumn, Rule, UnifiedTable, Unify

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Mention:
    """A place that names a column of a unified table."""

    path: Path
    table: str
    column: str

    @property
    def source(self) -> str:
        """The column with its table: `source.table.column`."""
        return f"{self.table}.{self.column}"


Listed: TypeAlias = Literal["include", "separate", "exclude", "customer_id"]
LISTED: tuple[Listed, ...] = get_args(Listed)
"""The lists of columns that `profile` has."""

TECHNICAL = frozenset(
    {
        *("createdon", "createdby", "createdonbehalfby", "modifiedon", "modifiedby", "modifiedonbehalfby"),
        *("versionnumber", "ownerid", "owninguser", "owningteam", "owningbusinessunit", "statecode", "statuscode"),
    }
)
"""Columns of which a CRM keeps account by itself: the profile takes them only where `profile` names them."""


ListKind: TypeAlias = Literal["always", "never", "alias", "bypass"]
PAIR = ("left_table", "left_key", "right_table", "right_key")
OVERRIDES = (*PAIR, "why", "by", "at")
LIST_COLUMNS: dict[ListKind, tuple[str, ...]] = {
    "always": OVERRIDES,
    "never": OVERRIDES,
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
        yield from preferred_columns(path, table)
        yield from (time for times in keep_times(path, table) for time in times)
    for sides, _ in conditions(unify):
        yield from sides
    for path, column in made_columns(unify):
        yield from sources(path, column)
    for path, columns in groups(unify):
        yield from (source for name in columns for source in group_sources(path, name, columns[name]))
    yield from (time for path, preference in preferences(unify) for time in prefer_times(path, preference))
    yield from (mention for name in LISTED for mention in listed_columns(unify, name))
    for supplied in lists(unify):
        yield from (Mention(supplied.path, supplied.name, column) for column in LIST_COLUMNS[supplied.kind])


def lists(unify: Unify) -> Iterator[Supplied]:
    """Yield every place that names a list that people supply."""
    overrides: tuple[tuple[ListKind, str | None], ...] = (
        ("always", unify.overrides.always),
        ("never", unify.overrides.never),
    )
    yield from (Supplied(("unify", "overrides", kind), name, kind) for kind, name in overrides if name is not None)
    for path, rule in (*((path, rule) for path, rule, _ in rules(unify)), *cluster_rules(unify)):
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


def offered_columns(unify: Unify) -> Iterator[Mention]:
    """Yield the columns that the profile is to take by itself, each once, in match order.

    They are those that have a semantic type, are included or separate; less those that the file puts elsewhere,
    excluded and technical ones.
    """
    named = [*listed_columns(unify, "include"), *listed_columns(unify, "separate")]
    elsewhere = {source.source for path, column in made_columns(unify) for source in sources(path, column)}
    elsewhere |= {source for _, columns in groups(unify) for given in columns.values() for source in given}
    elsewhere |= {*unify.profile.exclude}
    for path, table in tables(unify):
        own = [mention for mention in named if mention.table == table.table]
        unasked = TECHNICAL | {table.key}
        typed = [Mention((*path, "types", name), table.table, name) for name in table.types if name not in unasked]
        offered = {mention.column: mention for mention in (*typed, *own)}
        yield from (mention for mention in offered.values() if mention.source not in elsewhere)


def made_columns(unify: Unify) -> Iterator[tuple[Path, ProfileColumn]]:
    """Yield every column of the profile that the file makes, but for those in groups."""
    for name, column in unify.profile.columns.items():
        yield ("unify", "profile", "columns", name), column


def groups(unify: Unify) -> Iterator[tuple[Path, Mapping[str, tuple[str, ...]]]]:
    """Yield every group of columns that are taken together: of each column its sources."""
    for name, columns in unify.profile.groups.items():
        yield ("unify", "profile", "groups", name), columns


def preferences(unify: Unify) -> Iterator[tuple[Path, ByTime]]:
    """Yield every preference by time of the profile's columns and groups."""
    for path, column in made_columns(unify):
        if isinstance(column.prefer, ByTime):
            yield (*path, "prefer"), column.prefer
    for name, preference in unify.profile.prefer.items():
        yield ("unify", "profile", "prefer", name), preference


def sources(path: Path, column: ProfileColumn) -> list[Mention]:
    """Return the columns that a profile column comes from; a table is "" where the file names none."""
    return _named((*path, "from"), column.sources)


def group_sources(path: Path, name: str, sources: Sequence[str]) -> list[Mention]:
    """Return the columns that a column of a group comes from; a table is "" where the file names none."""
    return _named((*path, name), sources)


def listed_columns(unify: Unify, name: Listed) -> list[Mention]:
    """Return the columns in one of the profile's lists; a table is "" where the file names none."""
    return _named(("unify", "profile", name), getattr(unify.profile, name))


def _named(path: Path, sources: Sequence[str]) -> list[Mention]:
    named = (source.rpartition(".") for source in sources)
    return [Mention((*path, place), table, name) for place, (table, _, name) in enumerate(named)]


def clusters(unify: Unify) -> Iterator[tuple[Path, str]]:
    """Yield the place and the name of every kind of cluster."""
    for number, cluster in enumerate(unify.clusters):
        path: Path = ("unify", "clusters", number)
        yield ((*path, "name"), cluster.name) if isinstance(cluster, Cluster) else (path, cluster)


def cluster_rules(unify: Unify) -> Iterator[tuple[Path, Rule]]:
    """Yield every rule of a cluster."""
    for number, cluster in enumerate(unify.clusters):
        for place, rule in enumerate(cluster.rules if isinstance(cluster, Cluster) else ()):
            yield ("unify", "clusters", number, "rules", place), rule


def cluster_conditions(unify: Unify, profile: str) -> Iterator[tuple[Mention, Condition]]:
    """Yield every condition of a cluster with the column of the profile that it compares."""
    for path, rule in cluster_rules(unify):
        for place, condition in conditions_of(path, rule):
            yield Mention((*place, "column"), profile, condition.lower), condition


def preferred_columns(path: Path, table: UnifiedTable) -> list[Mention]:
    """Return the columns of a table that have a preference of their own."""
    return [Mention((*path, "deduplicate", "columns", name), table.table, name) for name in table.preferences]


def keeps(path: Path, table: UnifiedTable) -> Iterator[tuple[Path, Recency]]:
    """Yield every preference by time within a table: that for the winner, and those of columns."""
    every = {("keep",): table.keep} | {("columns", name): keep for name, keep in table.preferences.items()}
    for place, keep in every.items():
        if isinstance(keep, Recency):
            yield (*path, "deduplicate", *place), keep


def keep_times(path: Path, table: UnifiedTable) -> Iterator[list[Mention]]:
    """Yield the columns of each preference by time within a table."""
    for place, keep in keeps(path, table):
        yield [Mention((*place, name), table.table, str(time)) for name, time in by_time(keep).items()]


def prefer_times(path: Path, preference: ByTime) -> list[Mention]:
    """Return the columns by whose time values of the profile are chosen."""
    return [
        Mention((*path, name, table), table, time)
        for name, of_tables in by_time(preference).items()
        if isinstance(of_tables, dict)
        for table, time in of_tables.items()
    ]


def by_time(preference: Recency | ByTime) -> dict[str, str | dict[str, str]]:
    """Return what a preference by time says, by the key that says it."""
    both = {"most_recent": preference.most_recent, "least_recent": preference.least_recent}
    return {name: time for name, time in both.items() if time is not None}
