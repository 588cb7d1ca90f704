"""Turns the tree of a `$filter` into an SQL expression whose values are bound parameters."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, filters
from backstamp.embedded.metadata import CHOICES, Column, ColumnType
from backstamp.embedded.schema import sql_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.schema import Schema

    Expression = sa.ColumnElement[Any]

_LARGEST_DECIMAL = 10**18
_PATTERNS = {"contains": "%{}%", "startswith": "{}%", "endswith": "%{}"}


@dataclass(frozen=True)
class Place:
    """A table as it stands in a statement: its definition and the SQL table or alias."""

    table: Table
    sql: sa.FromClause


@dataclass(frozen=True)
class _Found:
    """A column that a path leads to, and how SQL reaches its value."""

    column: Column
    value: Expression


def condition(schema: Schema, place: Place, node: filters.Node) -> Expression:
    """Return the filter as an expression over the place's columns.

    Raises:
        Fault: a path leads nowhere, or a literal does not fit its column.
    """
    match node:
        case filters.Junction("and", operands):
            return sa.and_(*(condition(schema, place, operand) for operand in operands))
        case filters.Junction(_, operands):
            return sa.or_(*(condition(schema, place, operand) for operand in operands))
        case filters.Negation(operand):
            # In OData a comparison with null is false, so that its opposite is true; in SQL both would be null.
            return sa.not_(sa.func.coalesce(condition(schema, place, operand), sa.false()))
        case filters.Comparison(operator, left, right):
            return _comparison(schema, place, operator, left, right)
        case filters.Like(function, path, text):
            return _like(schema, place, function, path, text)
        case filters.Among(path, contents, negated):
            return _among(schema, place, path, contents, negated=negated)


def _comparison(
    schema: Schema, place: Place, operator: str, left: filters.Operand, right: filters.Operand
) -> Expression:
    if isinstance(left, filters.Value):
        if isinstance(right, filters.Value):
            raise faults.bad_request("A condition of the $filter compares two literals.")
        return _comparison(schema, place, _MIRRORED[operator], right, left)
    found = resolve(schema, place, left.steps)
    if isinstance(right, filters.Path):
        other = resolve(schema, place, right.steps)
        return _OPERATORS[operator](comparable(found.column, found.value), comparable(other.column, other.value))
    if right.content is None:
        if operator not in {"eq", "ne"}:
            raise faults.bad_request("null can only be compared with eq and ne.")
        return found.value.is_(None) if operator == "eq" else found.value.is_not(None)
    bound = literal(found.column, right.content)
    return _OPERATORS[operator](comparable(found.column, found.value), comparable(found.column, bound))


_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_OPERATORS: dict[str, Callable[[Expression, Expression], Expression]] = {
    "eq": lambda left, right: left == right,
    # A row without a value is not equal to any value.
    "ne": lambda left, right: left.is_distinct_from(right),
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}


def _like(schema: Schema, place: Place, function: str, path: filters.Operand, text: filters.Operand) -> Expression:
    if not isinstance(path, filters.Path) or not isinstance(text, filters.Value) or not isinstance(text.content, str):
        raise faults.bad_request(f"{function} takes a column and a text.")
    found = resolve(schema, place, path.steps)
    if not found.column.is_text:
        raise faults.bad_request(f"{function} needs a column of text, and '{found.column.name}' is none.")
    # `%` and `_` in the text act as wildcards, as they do in Dataverse.
    pattern = _PATTERNS[function].format(text.content.lower())
    return sa.func.folded(found.value).like(sa.bindparam(None, pattern, sa.Text()))


def _among(schema: Schema, place: Place, path: filters.Path, contents: tuple[str, ...], *, negated: bool) -> Expression:
    found = resolve(schema, place, path.steps)
    if len(contents) > filters.MAX_CONDITIONS:
        raise faults.Fault(400, odata.TOO_MANY_CONDITIONS, "The list of values is too long.")
    bound = [comparable(found.column, literal(found.column, content)) for content in contents]
    value = comparable(found.column, found.value)
    return sa.or_(value.not_in(bound), value.is_(None)) if negated else value.in_(bound)


def resolve(schema: Schema, place: Place, steps: tuple[str, ...]) -> _Found:
    """Follow a path from a place to a column, through lookups.

    Raises:
        Fault: there is no such column or lookup.
    """
    name, *rest = steps
    if not rest:
        column = readable(place.table, name)
        return _Found(column, place.sql.c[column.name])
    relationship = schema.navigations[place.table.name].get(name)
    if relationship is None:
        raise faults.unknown_property(name, place.table.name)
    table = schema.tables[relationship.referenced]
    target = Place(table, schema.sql[table.name].alias())
    found = resolve(schema, target, tuple(rest))
    linked = target.sql.c[table.key] == place.sql.c[relationship.column]
    return _Found(found.column, sa.select(found.value).where(linked).scalar_subquery())


def readable(table: Table, name: str) -> Column:
    """Return the column that a property of a query names: `lastname`, `_ownerid_value`; case does not matter.

    Raises:
        Fault: there is none; a lookup has to be named as `_x_value`.
    """
    lower = name.lower()
    is_lookup = lower.startswith("_") and lower.endswith("_value")
    column = table.by_name.get(lower[1:-6] if is_lookup else lower)
    if column is None or column.is_lookup is not is_lookup or column.type is ColumnType.ENTITY_NAME:
        raise faults.unknown_property(name, table.name)
    return column


def comparable(column: Column, value: Expression) -> Expression:
    """Return what stands for a value in comparisons and sorting: text without regard to case."""
    return sa.func.folded(value) if column.is_text else value


def literal(column: Column, content: object) -> Expression:
    """Bind a literal as a value of the column.

    Raises:
        Fault: it is none.
    """
    try:
        converted = _converted(column, content)
    except (ValueError, KeyError, ArithmeticError) as error:
        raise faults.bad_request(f"A value compared with '{column.name}' is no {column.type.value}.") from error
    return sa.bindparam(None, converted, sql_type(column), unique=True)


def _converted(column: Column, content: object) -> object:
    convert = _CONVERTERS.get(column.type, str.lower)
    return convert(str(content)) if column.type is not ColumnType.DATETIME else _moment(column, str(content))


def _moment(column: Column, text: str) -> str:
    moment = odata.parse_time(text)
    return moment.date().isoformat() if column.date_only else odata.format_time(moment)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number) > _LARGEST_DECIMAL:
        raise ValueError
    return number


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_CONVERTERS: dict[ColumnType, Callable[[str], object]] = {
    ColumnType.BOOLEAN: lambda text: _TRUTHS[text.lower()],
    ColumnType.DECIMAL: _decimal,
    ColumnType.MONEY: _decimal,
    ColumnType.DOUBLE: float,
    ColumnType.INTEGER: _whole,
    ColumnType.BIGINT: _whole,
    ColumnType.STRING: str,
    ColumnType.MEMO: str,
    **dict.fromkeys(CHOICES, _whole),
}
