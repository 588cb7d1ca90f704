"""Customer attributes: one value for each customer, calculated over the rows that belong to it."""

from __future__ import annotations

import operator
from decimal import Decimal
from functools import reduce
from itertools import groupby
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

from backstamp.measures import expressions
from backstamp.measures.relationships import leading_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.measures.expressions import Condition
    from backstamp.measures.settings import Measure, Relationship

_DIGITS = 38
_SCALE_OF_FLOATS = 10
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


_OWNER = "_owner"
_GUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"


def calculate(
    measures: Mapping[str, Measure],
    relationships: Sequence[Relationship],
    members: ir.Table,
    tables: Mapping[str, ir.Table],
) -> ir.Table:
    """Return `shapes.MEASURES`: a row for every profile, a column for each measure in the order given.

    A row counts for the customer of the row that its foreign key names; count and sum of nothing are 0, max and min
    of nothing are null.

    Args:
        measures: by name; they have no problems (`check.problems`).
        relationships: the relationships.
        members: `shapes.MEMBERS`.
        tables: the stored source tables by name (`shapes.SOURCE`).
    """
    customers = members.select("customer_id").distinct()
    result = customers
    by_table = sorted(measures.items(), key=lambda item: item[1].of)
    for table, group in groupby(by_table, key=lambda item: item[1].of):
        owned = _owned(tables[table], leading_from(table, relationships), members)
        values = {name: _aggregate(measure, owned) for name, measure in group}
        totals = owned.group_by(_OWNER).aggregate(**values)
        result = result.left_join(totals, result.customer_id == totals[_OWNER]).drop(_OWNER)
    return result.select("customer_id", **{name: _filled(measure, result[name]) for name, measure in measures.items()})


def _owned(table: ir.Table, relationship: Relationship, members: ir.Table) -> ir.Table:
    """Return the table's rows that belong to somebody, with `_OWNER`, the CustomerId."""
    owners = members.filter(members.table == relationship.to_table).select(
        _member=members.key, **{_OWNER: "customer_id"}
    )
    key = _column(table, relationship.from_column).cast(dt.string)
    # A GUID is the same in capitals and in small letters (unification.md 1.1).
    return table.join(owners, key.re_search(_GUID).ifelse(key.lower(), key) == owners["_member"])


def _column(table: ir.Table, name: str) -> ir.Column:
    """Return a column; the only one that is not stored under its own name is the key."""
    return table[name] if name in table.columns else table["key"]


def _aggregate(measure: Measure, rows: ir.Table) -> ir.Value:
    """Return the value of a measure over the rows of one customer."""
    value = expressions.parse_value(measure.value)
    conditions = [_holds(condition, rows) for condition in expressions.parse_where(measure.where)]
    where = reduce(operator.and_, conditions) if conditions else None
    if value.column is None:
        return rows.count(where=where).cast(dt.int64)
    column = _column(rows, value.column)
    match value.function:
        case "count":
            return column.count(where=where).cast(dt.int64)
        case "sum":
            return _exact(column).sum(where=where).cast(_sum_type(column))
        case "max":
            return column.max(where=where)
        case "min":
            return column.min(where=where)


def _exact(column: ir.NumericColumn) -> ir.DecimalColumn:
    """Return a number whose sum does not depend on the order of rows; what is not finite counts as null."""
    return column.try_cast(_sum_type(column)) if column.type().is_floating() else column.cast(_sum_type(column))


def _sum_type(column: ir.NumericColumn) -> dt.Decimal:
    kind = column.type()
    if kind.is_decimal():
        return dt.Decimal(_DIGITS, kind.scale)
    return dt.Decimal(_DIGITS, _SCALE_OF_FLOATS if kind.is_floating() else 0)


def _holds(condition: Condition, rows: ir.Table) -> ir.BooleanValue:
    column = _column(rows, condition.column)
    match condition.operator:
        case "is null":
            return column.isnull()
        case "is not null":
            return column.notnull()
    return _COMPARE[condition.operator](column, _literal(condition.value, column.type()))


def _literal(value: expressions.Value | None, kind: dt.DataType) -> ir.Scalar:
    """Return a value as it is compared with a column of that type."""
    if kind.is_temporal() and isinstance(value, str):
        value = expressions.as_date(value)
    if kind.is_timestamp():
        return ibis.literal(value).cast(kind)
    if isinstance(value, Decimal):  # without a scale of its own an engine would round it to its default one
        scale = max(-int(value.as_tuple().exponent), kind.scale if kind.is_decimal() else 0)
        return ibis.literal(value, dt.Decimal(_DIGITS, scale))
    return ibis.literal(value)


def _filled(measure: Measure, value: ir.Value) -> ir.Value:
    """Return the value with 0 where a customer has no rows and none is a number."""
    function = expressions.parse_value(measure.value).function
    return value.fill_null(ibis.literal(0).cast(value.type())) if function in {"count", "sum"} else value
