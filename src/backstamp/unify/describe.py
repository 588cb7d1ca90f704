"""What a project file may say of the tables that there are (unification.md 3 to 6).

Everything that is wrong is told at once, each with its place in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import errors
from backstamp.unify import cluster, contradictions, normalize, places, profile
from backstamp.unify.places import Mention

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from backstamp.unify.profile import Family
    from backstamp.unify.settings import Condition, UnifiedTable, Unify

_NAMES_SHOWN = 30
_PROFILE = "the profile"
_OURS = frozenset({"record", "customer", "group", "rank", "place", "_row", "_position", "_place"})
"""What our own columns are called that stand beside those of a table; engines take capitals for small letters."""
_IS = {"text": "text", "number": "a number", "date": "a date", "boolean": "true or false"}


@dataclass(frozen=True)
class _Known:
    """What is known of the tables: of each column its type, and which is the key."""

    tables: Mapping[str, Mapping[str, pa.DataType]]
    keys: Mapping[str, str]

    @property
    def families(self) -> dict[str, dict[str, Family | None]]:
        """What the values of each column of each table are."""
        return {table: {name: _family(kind) for name, kind in types.items()} for table, types in self.tables.items()}

    def type_of(self, mention: Mention) -> pa.DataType | None:
        """Return the type of a column, None where there is no such column; a key used as a column is text."""
        kind = self.tables.get(mention.table, {}).get(mention.column)
        return pa.string() if kind is not None and self.is_key(mention) and mention.path[-1] != "key" else kind

    def is_key(self, mention: Mention) -> bool:
        """Tell whether a column is the key of its table."""
        return self.keys.get(mention.table) == mention.column

    def family_of(self, mention: Mention) -> Family | None:
        """Return what the values of a column are; None where `_unusable` tells of the column."""
        kind = self.type_of(mention)
        return None if kind is None else _family(kind)


def problems(unify: Unify, tables: Mapping[str, Mapping[str, pa.DataType]]) -> list[errors.Problem]:
    """Return what is wrong with the settings as these tables are.

    Args:
        unify: settings without contradictions.
        tables: of each unified table, by its name `source.table`, the types of its columns; of a table that is not
            here nothing is said.
    """
    known = _Known(tables, {table.table: table.key for table in unify.tables})
    is_whole = set(known.keys) <= set(tables)
    return [
        *(problem for mention in places.mentions(unify) for problem in _unusable(mention, known)),
        *(problem for path, table in places.tables(unify) for problem in _misfits_of_table(path, table, known)),
        *(problem for sides, condition in places.conditions(unify) for problem in _misfits(sides, condition, known)),
        *_misfits_of_profile(unify, known),
        # Of a table that is not known, columns would be missing in the profile.
        *(problem for find in (_wrong_names, _misfits_of_clusters) if is_whole for problem in find(unify, known)),
    ]


def _unusable(mention: Mention, known: _Known) -> Iterator[errors.Problem]:
    """Tell of a column that is not there, or whose values unification cannot use."""
    if mention.table not in known.tables:
        return
    kind = known.type_of(mention)
    if kind is None:
        names = list(known.tables[mention.table])
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        message = f"{mention.table} has no column `{mention.column}`.{errors.did_you_mean(mention.column, names)}"
        yield errors.Problem(mention.path, f"{message} It has: {', '.join(names[:_NAMES_SHOWN])}{more}.")
    elif mention.column.lower() in _OURS or (mention.column.lower() == "key" and not known.is_key(mention)):
        message = f"`{mention.column}` of {mention.table} has the name of a column that we add to every table:"
        yield errors.Problem(mention.path, f"{message} rename it in the source, or leave it out.")
    elif _family(kind) is None:
        message = f"`{mention.column}` of {mention.table} is of the type {kind}, which unification cannot use:"
        yield errors.Problem(mention.path, f"{message} make it text, or leave it out.")


def _misfits_of_table(path: places.Path, table: UnifiedTable, known: _Known) -> Iterator[errors.Problem]:
    key = Mention((*path, "key"), table.table, table.key)
    kind = known.type_of(key)
    if kind is not None and _family(kind) not in {None, "text"} and not pa.types.is_integer(kind):
        yield errors.Problem(key.path, f"`{key.column}` is {kind}: a key is text or a whole number.")
    for column, value in table.where.items():
        filtered = Mention((*path, "where", column), table.table, column)
        family = known.family_of(filtered)
        given = "boolean" if isinstance(value, bool) else "number" if isinstance(value, int) else "text"
        if family and family != given:
            message = f"`{column}` of {table.table} is {_IS[family]}, and the value here is {_IS[given]}:"
            remedy = "only text has several" if isinstance(value, tuple) else "text in quotes"
            yield errors.Problem(filtered.path, f"{message} write a value of the column's kind, {remedy}.")
    for times in places.keep_times(path, table):
        yield from _no_times(times, known)


def _no_times(times: Sequence[Mention], known: _Known) -> Iterator[errors.Problem]:
    """Tell of columns that say no time, and of those that say it in another way than the first."""
    first: Family | None = None
    for time in times:
        match known.family_of(time):
            case "date" | "number" as family:
                first = first or family
                if family != first:
                    message = f"`{time.column}` of {time.table} is {_IS[family]}, and the column before {_IS[first]}:"
                    yield errors.Problem(time.path, f"{message} use dates for all tables, or numbers.")
            case "text" | "boolean" as family:
                message = f"`{time.column}` of {time.table} is {_IS[family]}: most or least recent needs"
                yield errors.Problem(time.path, f"{message} a date or a number.")


def _misfits(sides: Sequence[Mention], condition: Condition, known: _Known) -> Iterator[errors.Problem]:
    """Tell of the columns of a condition that cannot be compared as it asks (unification.md 3)."""
    compared: list[Family] = []
    for side in sides:
        family = known.family_of(side)
        what = f"`{side.column}` of {side.table} is {_IS.get(str(family))}:"
        if family in {"number", "date", "boolean"} and condition.per_cent is not None:
            yield errors.Problem(side.path, f"{what} only text is compared by similarity, leave `precision` out.")
        elif family in {"date", "boolean"} and condition.is_normalized:
            word = next(name for name in ("normalize", "alias", "bypass") if getattr(condition, name))
            yield errors.Problem(side.path, f"{what} only text and numbers are normalized, leave `{word}` out.")
        elif family == "number" and (words := [name for name in condition.normalize if name in normalize.OF_TOKENS]):
            yield errors.Problem(side.path, f"{what} `{words[0]}` is for text, leave it out of `normalize`.")
        elif family:
            # A normalizer makes text of a number.
            compared.append("text" if condition.is_normalized and family == "number" else family)
    if len(set(compared)) > 1:
        one, other = sides
        message = f"`{one.column}` is {_IS[compared[0]]} and `{other.column}` {_IS[compared[1]]}:"
        yield errors.Problem(one.path[:-1], f"{message} both must be of one kind.")


def _misfits_of_profile(unify: Unify, known: _Known) -> Iterator[errors.Problem]:
    """Tell of columns that give a profile column values or times of another kind than the first (section 6)."""
    for path, preference in places.preferences(unify):
        yield from _no_times(places.prefer_times(path, preference), known)
    for column in places.listed_columns(unify, "customer_id"):
        kind = known.type_of(column)
        if kind is not None and not (_family(kind) == "text" or pa.types.is_integer(kind)):
            message = f"`{column.column}` of {column.table} is {kind}:"
            yield errors.Problem(column.path, f"{message} a CustomerId is derived from text or a whole number.")
    for name, sources in _sources(unify, known):
        families = [(source, family) for source in sources if (family := known.family_of(source))]
        for source, family in families:
            if family != families[0][1]:
                message = f"`{source.column}` of {source.table} is {_IS[family]} and cannot be the same profile column"
                first = f"`{name}` as `{families[0][0].column}` of {families[0][0].table}, which is"
                yield errors.Problem(source.path, f"{message} {first} {_IS[families[0][1]]}.")


def _sources(unify: Unify, known: _Known) -> Iterator[tuple[str, list[Mention]]]:
    """Yield the columns of the profile, each with the columns that it comes from."""
    yield from profile.by_itself(unify, known.families)
    for path, column in places.made_columns(unify):
        yield str(path[-1]), places.sources(path, column)
    for path, columns in places.groups(unify):
        yield from ((name, places.group_sources(path, name, columns[name])) for name in columns)


def _wrong_names(unify: Unify, known: _Known) -> Iterator[errors.Problem]:
    """Tell of names of the profile that depend on what the tables are (section 6)."""
    yield from contradictions.names_twice(unify, known.families)
    as_they_are = replace(unify, profile=replace(unify.profile, rename={}))
    names = [name for name, _ in profile.by_itself(as_they_are, known.families)]
    for name in unify.profile.rename:
        if name not in names:
            message = f"`{name}` is no column that the profile takes by itself.{errors.did_you_mean(name, names)}"
            yield errors.Problem(("unify", "profile", "rename", name), f"{message} It takes: {', '.join(names)}.")


def _misfits_of_clusters(unify: Unify, known: _Known) -> Iterator[errors.Problem]:
    """Tell of rules of clusters that name no column of the profile, or compare one as it cannot be (section 6)."""
    types = {name: known.type_of(source) for name, sources in _sources(unify, known) for source in sources[:1]}
    of_profile = _Known({_PROFILE: {name: kind for name, kind in types.items() if kind is not None}}, {})
    for mention, condition in places.cluster_conditions(unify, _PROFILE):
        yield from _unusable(mention, of_profile)
        yield from _misfits([mention], condition, of_profile)
    meanings = set(profile.meanings(unify, known.families).values())
    for path, name in places.clusters(unify):
        if name == cluster.HOUSEHOLD and not (cluster.LAST_NAME in meanings and any(map(cluster.is_street, meanings))):
            message = f"A household needs a column of the profile with the semantic type `{cluster.LAST_NAME}`, and one"
            yield errors.Problem(path, f"{message} with that of a street, such as `Location.Street`.")


def _family(kind: pa.DataType) -> Family | None:
    """Return what values of a type are to a comparison, or None where they cannot be compared."""
    types = pa.types
    if types.is_dictionary(kind):
        return _family(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "date"
    return "boolean" if types.is_boolean(kind) else None
