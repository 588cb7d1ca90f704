"""What can be wrong in the settings of unification whatever the tables are (unification.md 3 to 6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from backstamp import errors, shapes
from backstamp.unify import cluster, merge, places, profile, semantic_types
from backstamp.unify.normalize import phone
from backstamp.unify.settings import Cluster, Deduplicate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from backstamp.unify.settings import ByTime, Condition, Match, Recency, Rule, UnifiedTable, Unify

    _Name = TypeVar("_Name")

_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MOST_COLUMNS, _MOST_TABLES = 10, 15  # of a group of columns
_SAID: dict[places.Listed, str] = {
    "include": "is in `include`",
    "separate": "is in `separate`",
    "exclude": "is in `exclude`",
}
_MOST_FOR_IDS = 5  # columns that a CustomerId is derived from
_LEAST_ALONE = 60  # per cent: below, nearly all texts are similar to many


def contradictions(unify: Unify) -> list[errors.Problem]:
    """Return everything that is wrong, each with its place in the file."""
    return [
        *_wrong_tables(unify),
        *_wrong_matches(unify),
        *(problem for path, rule, tables in places.rules(unify) for problem in _wrong_rule(path, rule, tables)),
        *_wrong_profile(unify),
        *_wrong_clusters(unify),
    ]


def _wrong_tables(unify: Unify) -> Iterator[errors.Problem]:
    if not unify.tables:
        yield errors.Problem(("unify", "tables"), "Unification needs a table: name one, the first is primary.")
    for path, name in _repeated([((*path, "table"), table.table) for path, table in places.tables(unify)]):
        yield errors.Problem(path, f"`{name}` is in the list of tables twice: keep one of the two.")
    for path, table in places.tables(unify):
        yield from _wrong_types(path, table)
        yield from _wrong_filters(path, table)
        yield from _wrong_region(path, table.default_region)
        if isinstance(table.deduplicate, Deduplicate):
            within: places.Path = (*path, "deduplicate")
            yield from _repeated_rules(within, table.deduplicate.rules or ())
        for place, keep in places.keeps(path, table):
            yield from _not_one(place, keep)
        yield from _wrong_preferences(path, table, unify)


def _wrong_preferences(path: places.Path, table: UnifiedTable, unify: Unify) -> Iterator[errors.Problem]:
    grouped = {source for _, columns in places.groups(unify) for sources in columns.values() for source in sources}
    for mention in places.preferred_columns(path, table):
        if mention.column == table.key:
            yield errors.Problem(mention.path, f"`{table.key}` is the key: that of the winner stands in the profile.")
        if mention.source in grouped:
            message = f"`{mention.source}` is in a group of the profile, which takes all its values from one row:"
            yield errors.Problem(mention.path, f"{message} take it out here or there.")


def _wrong_types(path: places.Path, table: UnifiedTable) -> Iterator[errors.Problem]:
    named = [((*path, "types", column), kind) for column, kind in table.types.items()]
    for place, kind in named:
        if not semantic_types.is_known(kind):
            yield errors.Problem(place, semantic_types.problem_with(kind))
    for place, name in _repeated([(place, kind.rpartition(".")[2]) for place, kind in named]):
        message = f"A second column of {table.table} has the semantic type `{name}`: one column of a table may have it."
        yield errors.Problem(place, message)


def _wrong_filters(path: places.Path, table: UnifiedTable) -> Iterator[errors.Problem]:
    for column, value in table.where.items():
        if value == ():
            message = f"No row of {table.table} passes a filter without values: list some for `{column}`."
            yield errors.Problem((*path, "where", column), message)


def _wrong_matches(unify: Unify) -> Iterator[errors.Problem]:
    order = [table.table for table in unify.tables]
    pairs: list[tuple[places.Path, tuple[str, str]]] = []
    for place, match in enumerate(unify.match):
        path: places.Path = ("unify", "match", place)
        pairs.append(((*path, "between"), match.between))
        unknown = [name for name in match.between if name not in order]
        for name in unknown:
            yield _no_unified_table((*path, "between", match.between.index(name)), name, order)
        if not unknown:
            yield from _wrong_order((*path, "between"), match, order)
        yield from _repeated_rules(path, match.rules)
    for path, (lower, upper) in _repeated(pairs):
        yield errors.Problem(path, f"{lower} and {upper} have rules already: put all their rules there.")


def _wrong_order(path: places.Path, match: Match, order: Sequence[str]) -> Iterator[errors.Problem]:
    if match.lower == match.upper:
        yield errors.Problem(path, f"{match.lower} stands here twice: within one table, rules go under `deduplicate`.")
    elif order.index(match.lower) < order.index(match.upper):
        message = f"{match.lower} stands above {match.upper} in the list of tables:"
        yield errors.Problem(path, f"{message} name the lower one first, and the columns of its conditions too.")


def _wrong_rule(path: places.Path, rule: Rule, tables: tuple[str, ...]) -> Iterator[errors.Problem]:
    if not rule.match:
        yield errors.Problem((*path, "match"), f"The rule `{rule.name}` has no condition: it would match everything.")
    if rule.max_rows_per_key < 1:
        yield errors.Problem((*path, "max_rows_per_key"), "`max_rows_per_key` should be 1 or more.")
    for within, condition in places.conditions_of(path, rule):
        yield from _wrong_condition(within, condition, tables)
    for place, condition in enumerate(rule.match):
        if condition.differs:
            message = f"Rows match where values are the same: put what must not differ under `unless` of `{rule.name}`."
            yield errors.Problem((*path, "match", place, "differs"), message)
    for number, exception in enumerate(rule.unless):
        if not exception:
            message = f"This exception of `{rule.name}` has no condition: it would forbid every pair."
            yield errors.Problem((*path, "unless", number), message)
    if rule.name == shapes.ALWAYS:
        message = f"`{rule.name}` is what evidence says of an always pair: give the rule another name."
        yield errors.Problem((*path, "name"), message)
    yield from _too_loose(path, rule)


def _too_loose(path: places.Path, rule: Rule) -> Iterator[errors.Problem]:
    """Tell of conditions that let too much pass where no exact one stands beside them (unification.md 3)."""
    asked = [condition.per_cent for condition in rule.match]
    for place, per_cent in enumerate(asked):
        if None not in asked and (per_cent or 0) < _LEAST_ALONE:
            message = (
                f"The rule `{rule.name}` has no exact condition, so each of its own should ask for {_LEAST_ALONE} %"
            )
            hint = "(`medium`) or more; or add an exact one, such as a phone or a postal code."
            yield errors.Problem((*path, "match", place, "precision"), f"{message} {hint}")


def _wrong_condition(path: places.Path, condition: Condition, tables: tuple[str, ...]) -> Iterator[errors.Problem]:
    if len(tables) == 1 and (condition.column is None or condition.columns is not None):
        message = "A condition within one table has one `column`, for both rows: write `column: name`."
        yield errors.Problem((*path, "columns"), message)
    if len(tables) > 1 and (condition.columns is None or condition.column is not None):
        message = f"A condition of `match` has two columns: write `columns: [one of {tables[0]}, one of {tables[1]}]`."
        yield errors.Problem((*path, "column"), message)
    yield from _wrong_region(path, condition.default_region)
    if condition.default_region is not None and "phone" not in condition.normalize:
        message = "A region is for telephone numbers, and this condition does not normalize any:"
        yield errors.Problem((*path, "default_region"), f"{message} leave it out, or write `normalize: [phone]`.")
    if condition.per_cent is not None and not 1 <= condition.per_cent <= 100:
        yield errors.Problem((*path, "precision"), "A precision in per cent is a whole number from 1 to 100.")


def _wrong_region(path: places.Path, region: str | None) -> Iterator[errors.Problem]:
    if region is not None and region not in phone.REGIONS:
        message = f"`{region}` is no region: write the two letters of a country (ISO 3166), like `US`, `GB` or `DE`."
        yield errors.Problem((*path, "default_region"), f"{message}{errors.did_you_mean(region, phone.REGIONS)}")


def _wrong_profile(unify: Unify) -> Iterator[errors.Problem]:
    order = [table.table for table in unify.tables]
    for path, name in _chosen_names(unify):
        if not _COLUMN_NAME.fullmatch(name):
            message = f"`{name}` is no name of a profile column: use letters, digits and _, and begin with a letter."
            yield errors.Problem(path, message)
    yield from names_twice(unify, {})
    for path, column in places.made_columns(unify):
        yield from _wrong_sources((*path, "from"), str(path[-1]), places.sources(path, column), order)
    for path, columns in places.groups(unify):
        yield from _wrong_group(path, columns, order)
    for path, preference in places.preferences(unify):
        yield from _not_one(path, preference)
        for time in places.prefer_times(path, preference):
            if time.table not in order:
                yield _no_unified_table(time.path, time.table, order)
    for name in unify.profile.prefer:
        if name not in unify.profile.groups:
            message = f"`{name}` is no group of the profile: the preference of a single column stands with it."
            hint = errors.did_you_mean(name, unify.profile.groups)
            yield errors.Problem(("unify", "profile", "prefer", name), f"{message}{hint}")
    yield from _wrong_lists(unify, order)
    yield from _wrong_id_columns(unify, order)


def _chosen_names(unify: Unify) -> Iterator[tuple[places.Path, str]]:
    """Yield the names that the file itself gives to columns of the profile."""
    yield from ((path, str(path[-1])) for path, _ in places.made_columns(unify))
    yield from (((*path, name), name) for path, columns in places.groups(unify) for name in columns)
    yield from ((("unify", "profile", "rename", old), new) for old, new in unify.profile.rename.items())
    yield from ((path, cluster.column(name)) for path, name in places.clusters(unify))


def names_twice(unify: Unify, families: profile.Families) -> Iterator[errors.Problem]:
    """Tell of columns of the profile whose name another one has.

    Args:
        unify: the settings.
        families: of the tables' columns; what depends on one that is not here is passed over.
    """
    taken: list[tuple[places.Path, str]] = [((), name) for name in (*shapes.PROFILES.names, *merge.OURS)]
    for path, table in places.tables(unify):
        key = merge.key_column(table.table, table.key)
        taken += [((*path, "key"), name) for name in (key, merge.alternate_column(key))]
    chosen = [(path, name) for path, name in _chosen_names(unify) if path[2] != "rename"]
    made = {*unify.profile.columns, *(name for _, columns in places.groups(unify) for name in columns)}
    by_itself = [(found[0].path, name) for name, found in profile.by_itself(unify, families) if name not in made]
    for path, name in _repeated([(path, name.lower()) for path, name in (*taken, *chosen, *by_itself)]):
        message = f"The profile has a column `{name}` already, capitals or not: choose another name."
        yield errors.Problem(path, message)


def _wrong_sources(
    path: places.Path, name: str, sources: Sequence[places.Mention], order: Sequence[str]
) -> Iterator[errors.Problem]:
    if not sources:
        yield errors.Problem(path, f"`{name}` comes from no column: name one.")
    for mention in sources:
        if mention.table not in order:
            yield _no_unified_table(mention.path, mention.table or mention.column, order)
    for place, table in _repeated([(mention.path, mention.table) for mention in sources]):
        yield errors.Problem(place, f"A second column of {table} is named here: name one column of each table.")


def _wrong_group(
    path: places.Path, columns: Mapping[str, Sequence[str]], order: Sequence[str]
) -> Iterator[errors.Problem]:
    """Tell of a group that is not taken together from one row, table by table (unification.md 6)."""
    name, tables = str(path[-1]), dict[str, int]()
    if not 1 <= len(columns) <= _MOST_COLUMNS:
        message = f"A group has 1 to {_MOST_COLUMNS} columns, and `{name}` {len(columns)}: name others by themselves."
        yield errors.Problem(path, message)
    for column, listed in columns.items():
        sources = places.group_sources(path, column, listed)
        yield from _wrong_sources((*path, column), column, sources, order)
        positions = [tables.setdefault(mention.table, len(tables)) for mention in sources]
        if positions != sorted(positions):
            message = f"`{column}` names the tables in another order than the columns of `{name}` before it:"
            yield errors.Problem((*path, column), f"{message} all of them are taken from the first row that has one.")
    if len(tables) > _MOST_TABLES:
        yield errors.Problem(path, f"A group comes from up to {_MOST_TABLES} tables, and `{name}` from {len(tables)}.")


def _wrong_lists(unify: Unify, order: Sequence[str]) -> Iterator[errors.Problem]:
    """Tell of columns that the profile is told to take, or not, and cannot; or is told more than once."""
    put = [mention for path, column in places.made_columns(unify) for mention in places.sources(path, column)]
    for path, columns in places.groups(unify):
        put += [mention for name in columns for mention in places.group_sources(path, name, columns[name])]
    said = {mention.source: "is put into a column of the profile" for mention in put}
    for name, words in _SAID.items():
        for mention in places.listed_columns(unify, name):
            if mention.table not in order:
                yield _no_unified_table(mention.path, mention.table or mention.column, order)
            elif mention.source in said:
                message = f"`{mention.source}` {said[mention.source]} already: say one thing of it."
                yield errors.Problem(mention.path, message)
            elif name == "exclude" and mention.column not in unify.table(mention.table).types:
                message = f"`{mention.source}` has no semantic type, so the profile does not take it: leave it out."
                yield errors.Problem(mention.path, message)
            said.setdefault(mention.source, words)


def _wrong_id_columns(unify: Unify, order: Sequence[str]) -> Iterator[errors.Problem]:
    """Tell of columns that no CustomerId can be derived from (unification.md 7)."""
    mentions = places.listed_columns(unify, "customer_id")
    for mention in mentions:
        if mention.table not in order:
            yield _no_unified_table(mention.path, mention.table or mention.column, order)
    for path, name in _repeated([(mention.path, mention.source) for mention in mentions]):
        yield errors.Problem(path, f"`{name}` is in the list twice: keep one of the two.")
    for mention in mentions[_MOST_FOR_IDS:]:
        yield errors.Problem(
            mention.path, f"A CustomerId is derived from up to {_MOST_FOR_IDS} columns: leave this out."
        )


def _wrong_clusters(unify: Unify) -> Iterator[errors.Problem]:
    for number, one in enumerate(unify.clusters):
        if isinstance(one, Cluster):
            path: places.Path = ("unify", "clusters", number)
            if not one.rules:
                yield errors.Problem((*path, "rules"), f"`{one.name}` has no rule: name one.")
            yield from _repeated_rules(path, one.rules)
    for place, rule in places.cluster_rules(unify):
        yield from _wrong_rule(place, rule, ("the profile",))


def _not_one(path: places.Path, preference: Recency | ByTime) -> Iterator[errors.Problem]:
    if len(places.by_time(preference)) != 1:
        yield errors.Problem(path, f"`{path[-1]}` should have one of `most_recent` and `least_recent`.")


def _repeated_rules(path: places.Path, rules: Sequence[Rule]) -> Iterator[errors.Problem]:
    named = [((*path, "rules", place, "name"), rule.name) for place, rule in enumerate(rules)]
    for place, name in _repeated(named):
        yield errors.Problem(place, f"A rule before this one is called `{name}` too: give each a name of its own.")


def _repeated(named: Iterable[tuple[places.Path, _Name]]) -> Iterator[tuple[places.Path, _Name]]:
    """Yield what has the name of something before it."""
    seen: set[_Name] = set()
    for path, name in named:
        if name in seen:
            yield path, name
        seen.add(name)


def _no_unified_table(path: places.Path, name: str, order: Iterable[str]) -> errors.Problem:
    hint = errors.did_you_mean(name, order)
    return errors.Problem(path, f"`{name}` is none of the tables of `unify`.{hint} There are: {', '.join(order)}.")
