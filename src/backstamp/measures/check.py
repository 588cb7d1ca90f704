"""Everything that can be said against the settings of measures before a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from backstamp import errors
from backstamp.measures import expressions
from backstamp.measures.relationships import leading_from

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from backstamp.measures.expressions import Aggregate, Condition
    from backstamp.measures.settings import Measure, Relationship

    Path: TypeAlias = tuple[str | int, ...]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_TAKEN = "customer_id"
_ORDERED = frozenset({"text", "number", "date", "time"})


@dataclass(frozen=True)
class _Tables:
    """What is known of the source tables; keys are stored as text whatever they are outside."""

    columns: Mapping[str, Mapping[str, pa.DataType]]
    unified: Collection[str]
    keys: Mapping[str, str]

    def families(self, table: str) -> dict[str, str]:
        """Return what each column of a table holds."""
        found = {name: _family(kind) for name, kind in self.columns[table].items()}
        return found | ({self.keys[table]: "text"} if self.keys.get(table) else {})


def problems(
    measures: Mapping[str, Measure],
    relationships: Sequence[Relationship],
    tables: Mapping[str, Mapping[str, pa.DataType]],
    unified: Collection[str],
    keys: Mapping[str, str],
) -> list[errors.Problem]:
    """Return what is wrong with measures and relationships, in the order of the project file.

    Args:
        measures: by name.
        relationships: the relationships.
        tables: of every source table, its columns and their types.
        unified: the unified tables.
        keys: of every source table with a known one, the key column.
    """
    known = _Tables(tables, unified, keys)
    found: list[errors.Problem] = []
    for place, relationship in enumerate(relationships):
        found += _problems_of_relationship(("relationships", place), relationship, known)
    for name, measure in measures.items():
        found += _problems_of_name(name, measures)
        found += _problems_of_measure(("measures", name), measure, relationships, known)
    return found


def unreadable(path: Path, measure: Measure) -> Iterator[errors.Problem]:
    """Tell of the expressions of a measure that cannot be read, whatever tables there are."""
    for setting, read, text in (
        ("value", expressions.parse_value, measure.value),
        ("where", expressions.parse_where, measure.where or ""),
    ):
        try:
            if text:
                read(text)
        except errors.ConfigurationError as error:
            yield errors.Problem((*path, setting), error.message)


def columns_of(measures: Mapping[str, Measure], relationships: Sequence[Relationship], table: str) -> set[str]:
    """Return the columns of a source table that measures and relationships use; the measures have no problems."""
    used = {relationship.from_column for relationship in relationships if relationship.from_table == table}
    used |= {relationship.to_column for relationship in relationships if relationship.to_table == table}
    for measure in measures.values():
        if measure.of == table:
            column = expressions.parse_value(measure.value).column
            used |= {column} if column else set()
            used |= {condition.column for condition in expressions.parse_where(measure.where)}
    return used


def _problems_of_relationship(path: Path, relationship: Relationship, known: _Tables) -> Iterator[errors.Problem]:
    yield from _problems_of_column((*path, "from"), relationship.from_, known)
    missing = list(_problems_of_column((*path, "to"), relationship.to, known))
    yield from missing
    key = known.keys.get(relationship.to_table)
    if not missing and (relationship.to_table not in known.unified or relationship.to_column != key):
        ends = [f"{table}.{known.keys[table]}" for table in known.unified]
        yield errors.Problem(
            (*path, "to"),
            f"{relationship.to} is not the key of a unified table, so that nothing is known of whose the rows are."
            f" Possible: {', '.join(ends)}.",
        )


def _problems_of_column(path: Path, name: str, known: _Tables) -> Iterator[errors.Problem]:
    """Tell whether a text names a column, `source.table.column`, that can hold a key."""
    table, _, column = name.rpartition(".")
    if table not in known.columns:
        yield _unknown(path, "table", table or name, known.columns)
    elif column not in known.columns[table]:
        yield _unknown(path, f"column of {table}", column, known.columns[table])
    elif not _can_be_key(known.columns[table][column]):
        yield errors.Problem(path, f"{name} is {known.columns[table][column]}: a key is text or a whole number.")


def _problems_of_name(name: str, names: Iterable[str]) -> Iterator[errors.Problem]:
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name for a measure: letters, digits and _, at most 50, a letter first."
        yield errors.Problem(("measures", name), message)
    if any(other != name and other.lower() == name.lower() for other in (*names, _TAKEN)) or name == _TAKEN:
        message = f"{name!r} names two columns of the measures' table: names must differ in more than capitals, and"
        yield errors.Problem(("measures", name), f"{message} {_TAKEN!r} is taken.")


def _problems_of_measure(
    path: Path, measure: Measure, relationships: Sequence[Relationship], known: _Tables
) -> Iterator[errors.Problem]:
    try:
        value = expressions.parse_value(measure.value)
    except errors.ConfigurationError as error:
        value = None
        yield errors.Problem((*path, "value"), error.message)
    try:
        where = expressions.parse_where(measure.where)
    except errors.ConfigurationError as error:
        where = ()
        yield errors.Problem((*path, "where"), error.message)
    if measure.of not in known.columns:
        yield _unknown((*path, "of"), "table", measure.of, known.columns)
        return
    try:
        leading_from(measure.of, relationships)
    except errors.ConfigurationError as error:
        yield errors.Problem((*path, "of"), error.message)
    families = known.families(measure.of)
    if value:
        yield from _problems_of_value((*path, "value"), measure, value, families)
    for condition in where:
        yield from _problems_of_condition((*path, "where"), measure, condition, families)


def _problems_of_value(
    path: Path, measure: Measure, value: Aggregate, families: Mapping[str, str]
) -> Iterator[errors.Problem]:
    if value.column is None:
        return
    place = _place(value)
    family = families.get(value.column)
    if family is None:
        yield _unknown(path, f"column of {measure.of}", value.column, families, place)
    elif value.function == "sum" and family != "number":
        message = f"{measure.of}.{value.column} is {family}{place}: only numbers can be summed."
        yield errors.Problem(path, message)
    elif value.function in {"max", "min"} and family not in _ORDERED:
        message = f"{measure.of}.{value.column} is {family}{place}, which has no order: it can only be counted."
        yield errors.Problem(path, message)


def _problems_of_condition(
    path: Path, measure: Measure, condition: Condition, families: Mapping[str, str]
) -> Iterator[errors.Problem]:
    place = _place(condition)
    family = families.get(condition.column)
    if family is None:
        yield _unknown(path, f"column of {measure.of}", condition.column, families, place)
        return
    wanted = _WANTED.get(family)
    column = f"{measure.of}.{condition.column} is {family}{place}"
    if condition.value is None:
        return
    if wanted is None:
        yield errors.Problem(path, f"{column}: it can only be compared by `is null` and `is not null`.")
    elif not _fits(family, condition.value):
        yield errors.Problem(path, f"{column}: compare it with {wanted}.")
    elif family == "boolean" and condition.operator not in {"=", "<>"}:
        yield errors.Problem(path, f"{column}, which has no order: compare it with = or <>.")


_WANTED = {
    "text": "a 'text' in single quotes",
    "number": "a number, without quotes",
    "date": "a day, as 'YYYY-MM-DD'",
    "time": "a day, as 'YYYY-MM-DD': its first moment is meant (UTC)",
    "boolean": "true or false",
}


def _fits(family: str, value: expressions.Value) -> bool:
    match family:
        case "text":
            return isinstance(value, str)
        case "number":
            return isinstance(value, Decimal)
        case "boolean":
            return isinstance(value, bool)
    return not isinstance(value, bool | Decimal) and (not isinstance(value, str) or bool(expressions.as_date(value)))


def _place(part: Aggregate | Condition) -> str:
    return f" (character {part.position})"


def _unknown(path: Path, what: str, name: str, names: Iterable[str], place: str = "") -> errors.Problem:
    there = list(names)
    hint = errors.did_you_mean(name, there) or f" There are: {', '.join(there)}."
    return errors.Problem(path, f"There is no {what} `{name}`{place}.{hint}")


def _family(kind: pa.DataType) -> str:
    """Return what values of a type are to a measure; a type that it does not know keeps its own name."""
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_date(kind):
        return "date"
    return "time" if types.is_timestamp(kind) else str(kind)


def _can_be_key(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind)) or _family(kind) == "text"
