"""Values of a body become values of the database: checked, converted, and put under their column.

For each table there is one mapping from the names that a body may use (`lastname`, `ownerid@odata.bind`) to a function
that puts the value into a row. It is made once for a schema, so that a bulk request costs little for each value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from backstamp import odata
from backstamp.embedded import faults, metadata
from backstamp.embedded.metadata import CHOICES, Column, ColumnType, Table
from backstamp.embedded.request import Segment, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from backstamp.embedded.metadata import Relationship
    from backstamp.embedded.schema import Schema

Row: TypeAlias = dict[str, Any]
"""Values of the database by column name."""

if TYPE_CHECKING:
    Converter: TypeAlias = Callable[[Any], Any]
    Field: TypeAlias = Callable[[Row, Any], None]

_INT32 = 2**31
_INT64 = 2**63


@dataclass(frozen=True)
class Named:
    """A row that a link names by the values of an alternate key; `alternate` finds its id."""

    table: str
    segment: Segment


@dataclass(frozen=True)
class Parsed:
    """Bodies, and the rows that they became with these definitions; there are others if they have changed since."""

    schema: Schema
    bodies: Sequence[object]
    rows: Sequence[Row]

    def __iter__(self) -> Iterator[object]:
        return iter(self.bodies)


def parse(schema: Schema, table: Table, body: object) -> Row:
    """Turn a body into a row; `@odata.type` and other annotations are passed over.

    Raises:
        Fault: the body is no object, names an unknown property, or holds a value that its column cannot.
    """
    if not isinstance(body, dict):
        raise faults.bad_request("The body of the request must be an object, or hold objects in 'Targets'.")
    fields = _fields(schema, table.name)
    row: Row = {}
    for name, value in body.items():
        field = fields.get(name)
        if field is not None:
            field(row, value)
        elif "@" not in name or name.endswith(odata.BIND):
            raise faults.undeclared_property(name, table.name)
    return row


@lru_cache(maxsize=256)
def _fields(schema: Schema, table: str) -> Mapping[str, Field]:
    definition = schema.tables[table]
    fields: dict[str, Field] = {}
    for column in definition.columns:
        if not column.writable:
            fields[column.name] = _ignore
        elif not column.is_lookup and column.type is not ColumnType.ENTITY_NAME:
            fill = _key if column.name == definition.key else _plain
            fields[column.name] = fill(column, converter(column, definition))
    for relationship in schema.navigations[table].values():
        column = definition.by_name[relationship.column]
        field = _binding(schema, column, relationship) if column.writable else _ignore
        fields[relationship.navigation + odata.BIND] = field
        # The older spelling of an empty link: `"parentcontactid": null`.
        fields.setdefault(relationship.navigation, _emptying(column, field))
    return fields


def _ignore(row: Row, value: object) -> None:
    """Pass over what only the server writes, as Dataverse does."""


def _plain(column: Column, convert: Converter) -> Field:
    name = column.name

    def fill(row: Row, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        row[name] = None if value is None else convert(value)

    return fill


def _key(column: Column, convert: Converter) -> Field:
    def fill(row: Row, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        if value is not None:
            row[column.name] = convert(value)

    return fill


def _binding(schema: Schema, column: Column, relationship: Relationship) -> Field:
    target = schema.tables[relationship.referenced]

    def fill(row: Row, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        if value is None and column.type is ColumnType.OWNER:
            raise faults.bad_request("A row cannot be without an owner.")
        row[column.name] = None if value is None else _bound_id(value, target)
        if column.is_polymorphic:
            row[metadata.type_column(column.name)] = None if value is None else target.name

    return fill


def _emptying(column: Column, bind: Field) -> Field:
    def fill(row: Row, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        if value is not None:
            raise faults.bad_request(f"A link is written through '{column.name}{odata.BIND}'.")
        bind(row, None)

    return fill


def _bound_id(bound: object, target: Table) -> str | Named:
    """Take the id out of `/contacts(8f3c…)`, `contacts(8f3c…)` or the whole address of a row."""
    text = str(bound)
    entity_set, _, rest = text.rpartition("/")[2].partition("(")
    identity = rest.removesuffix(")")
    if entity_set == target.entity_set and odata.is_guid(identity):
        return identity.lower()
    segment = reference(text)
    if segment.name == target.entity_set and segment.values:
        return Named(target.name, segment)
    raise faults.bad_request(f"'{text}' does not refer to a row of '{target.entity_set}'.")


def converter(column: Column, table: Table) -> Converter:
    """Return what turns a JSON value, never null, into a value of this column; it raises a `Fault`."""
    convert = _CONVERTERS[column.type](column, table)

    def checked(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        try:
            return convert(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            message = f"Cannot convert the value of '{column.name}' to the type {column.type.value}."
            raise faults.bad_request(message) from error

    return checked


def _text(column: Column, table: Table) -> Converter:
    limit = column.max_length or 1_048_576

    def convert(value: object) -> str:
        if not isinstance(value, str):
            raise TypeError
        if "\0" in value:
            raise ValueError
        if len(value) > limit:
            raise faults.Fault(
                400,
                odata.STRING_TOO_LONG,
                f"A validation error occurred. The length of the '{column.name}' attribute of the '{table.name}' "
                f"entity exceeded the maximum allowed length of '{limit}'.",
            )
        return value

    return convert


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(column: Column, _table: Table) -> Converter:
    bound = _INT64 if column.type is ColumnType.BIGINT else _INT32
    lowest = -bound if column.minimum is None else int(column.minimum)
    highest = bound - 1 if column.maximum is None else int(column.maximum)

    def convert(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if not lowest <= value <= highest:
            raise _out_of_range(column, lowest, highest)
        return value

    return convert


def _number(column: Column, _table: Table) -> Converter:
    lowest = -math.inf if column.minimum is None else column.minimum
    highest = math.inf if column.maximum is None else column.maximum
    exact = column.type is not ColumnType.DOUBLE

    def convert(value: object) -> Decimal | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        if not lowest <= value <= highest:
            raise _out_of_range(column, lowest, highest)
        return Decimal(repr(value)) if exact else float(value)

    return convert


def _out_of_range(column: Column, lowest: float, highest: float) -> faults.Fault:
    message = f"The value of '{column.name}' is outside the valid range of {lowest} to {highest}."
    return faults.Fault(400, odata.VALUE_OUT_OF_RANGE, message)


def _choice(column: Column, _table: Table) -> Converter:
    values = frozenset(option.value for option in column.options)

    def convert(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if value not in values:
            message = f"A validation error occurred. The value of '{column.name}' is outside the valid range."
            raise faults.Fault(400, odata.CHOICE_OUT_OF_RANGE, message)
        return value

    return convert


def _moment(value: str) -> str:
    return odata.format_time(odata.parse_time(value))


def _day(value: str) -> str:
    # Callers send whole times for days too; the day is what they wrote, in whatever zone.
    return odata.parse_time(value[:10]).date().isoformat()


def _guid(value: str) -> str:
    if not odata.is_guid(value):
        raise ValueError
    return value.lower()


_CONVERTERS: dict[ColumnType, Callable[[Column, Table], Converter]] = {
    ColumnType.STRING: _text,
    ColumnType.MEMO: _text,
    ColumnType.BOOLEAN: lambda *_: _boolean,
    ColumnType.INTEGER: _whole,
    ColumnType.BIGINT: _whole,
    ColumnType.DECIMAL: _number,
    ColumnType.MONEY: _number,
    ColumnType.DOUBLE: _number,
    ColumnType.DATETIME: lambda column, _: _day if column.date_only else _moment,
    ColumnType.UNIQUEIDENTIFIER: lambda *_: _guid,
    **dict.fromkeys(CHOICES, _choice),
}
