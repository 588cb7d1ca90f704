"""The calculation of an expression: values of Ibis, the same on every engine.

Arithmetic is in decimals of ten digits behind the point and up to 13 before it, rounded half away from zero, so that
neither the order of rows nor the engine shows; what does not fit is null, as is what is divided by zero.
"""

from __future__ import annotations

import datetime as dt
import operator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as idt

from backstamp.engine import functions
from backstamp.measures import expressions
from backstamp.measures.clock import UTC
from backstamp.measures.expressions import Aggregate, Call, Column, Constant, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import ibis.expr.types as ir

    from backstamp.measures.clock import Clock
    from backstamp.measures.expressions import Expression, Value

NUMBER = idt.Decimal(23, 10)
_DIGITS = 38
_SCALE_OF_FLOATS = 10
_LARGEST = 1e13
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNITS = {"day": "D", "week": "W", "month": "M", "year": "Y"}
COUNTED = frozenset({"count", "count distinct", "sum"})
"""Aggregates that are 0 of nothing."""


@dataclass(frozen=True)
class Builder:
    """Builds expressions over rows.

    Attributes:
        column: finds a column.
        clock: the time of the run.
        key: what decides between rows of one time.
        aggregate: finds what an aggregate came to; None where it is to be built.
    """

    column: Callable[[Column], ir.Value]
    clock: Clock
    key: ir.StringValue | None = None
    aggregate: Callable[[Aggregate], ir.Value] | None = None

    def build(self, expression: Expression) -> ir.Value:
        """Return what an expression gives."""
        match expression:
            case Column():
                return self.column(expression)
            case Constant():
                return _constant(expression.value)
            case Moment():
                return _constant(self.clock.at(expression))
            case Aggregate():
                assert self.aggregate is not None  # noqa: S101 - only then there are aggregates
                return self.aggregate(expression)
        return self._call(expression)

    def summed_up(self, rows: ir.Table, aggregate: Aggregate, where: Expression | None) -> ir.Value:
        """Return an aggregate of all rows of a group for which conditions hold."""
        conditions = [self.build(one) for one in (where, aggregate.where) if one is not None]
        holds = reduce(operator.and_, conditions) if conditions else None
        if not aggregate.arguments:
            return rows.count(where=holds).cast(idt.int64)
        value = self.build(aggregate.arguments[0])
        if aggregate.function in expressions.BY_ANOTHER:
            return self._by_another(aggregate.function, value, self.build(aggregate.arguments[1]), holds)
        return _AGGREGATES[aggregate.function](value, holds)

    def _by_another(self, function: str, value: ir.Value, by: ir.Value, holds: ir.BooleanValue | None) -> ir.Value:
        """Return the value of the row that is first or last by something else, of equal ones by the key."""
        known = value.notnull() & by.notnull()
        largest = function in {"last", "arg_max"}
        order = ibis.struct({"by": by, "key": self.key})
        return functions.at_extreme(value, order, largest=largest, where=known if holds is None else known & holds)

    def _call(self, call: Call) -> ir.Value:
        if call.function in expressions.COMPARISONS:
            return self._compared(call.function, *call.arguments)
        if call.function in expressions.ARITHMETIC:
            return _calculated(call.function, *map(number, self._all(call)))
        return self._functions[call.function](call)

    @property
    def _functions(self) -> Mapping[str, Callable[[Call], ir.Value]]:
        return {
            "and": lambda call: reduce(operator.and_, self._all(call)),
            "or": lambda call: reduce(operator.or_, self._all(call)),
            "not": lambda call: ~self.build(call.arguments[0]),
            "is null": lambda call: self.build(call.arguments[0]).isnull(),
            "is not null": lambda call: self.build(call.arguments[0]).notnull(),
            "in": lambda call: reduce(
                operator.or_, [self._compared("=", call.arguments[0], choice) for choice in call.arguments[1:]]
            ),
            "like": lambda call: self.build(call.arguments[0]).like(str(_value(call.arguments[1]))),
            "coalesce": lambda call: ibis.coalesce(*self._alike(call)),
            "nullif": lambda call: _null_if(*self._alike(call)),
            "date_trunc": lambda call: _truncated(self._day(call.arguments[1]), str(_value(call.arguments[0]))),
            "date_diff": lambda call: _difference(
                str(_value(call.arguments[0])), self._day(call.arguments[1]), self._day(call.arguments[2])
            ),
        }

    def _all(self, call: Call) -> list[ir.Value]:
        return [self.build(argument) for argument in call.arguments]

    def _day(self, expression: Expression) -> ir.DateValue:
        """Return the day of a date or time, in the project's zone."""
        if isinstance(expression, Constant) and isinstance(expression.value, str):
            return _constant(_dated(expression.value))
        value = self.build(expression)
        if not value.type().is_timestamp():
            return value.cast(idt.date)
        return (value if self.clock.zone == UTC else functions.local_time(value, self.clock.zone)).cast(idt.date)

    def _alike(self, call: Call) -> list[ir.Value]:
        """Return the arguments of a call in one type."""
        values = self._all(call)
        known = [value for value, told in zip(values, call.arguments, strict=True) if not isinstance(told, Constant)]
        kind = (known or values)[0].type()
        if kind.is_numeric():
            return values if len({value.type() for value in values}) == 1 else list(map(number, values))
        if not kind.is_temporal():
            return values
        sides = zip(values, call.arguments, strict=True)
        return [self._side(value, told, as_time=kind.is_timestamp()) for value, told in sides]

    def _compared(self, comparison: str, left: Expression, right: Expression) -> ir.BooleanValue:
        one, other = self.build(left), self.build(right)
        kinds = [value.type() for value in (one, other)]
        if any(kind.is_temporal() for kind in kinds):
            as_time = any(kind.is_timestamp() for kind in kinds)
            one, other = self._side(one, left, as_time=as_time), self._side(other, right, as_time=as_time)
        elif all(kind.is_numeric() for kind in kinds):
            one, other = _numbers((one, left), (other, right))
        return _COMPARE[comparison](one, other)

    def _side(self, value: ir.Value, told: Expression, *, as_time: bool) -> ir.Value:
        """Return one side of a comparison of dates or times as a date or a time; a day is its first moment."""
        if isinstance(told, Moment | Constant):
            known = self.clock.at(told) if isinstance(told, Moment) else _dated(told.value)
            if as_time and not isinstance(known, dt.datetime):
                known = self.clock.start_of(known)
            return _constant(known)
        if not as_time or value.type().is_timestamp():
            return value
        return functions.start_of_day(value, self.clock.zone)


def number(value: ir.Value) -> ir.DecimalValue:
    """Return a number as arithmetic has it; what is too large or not finite is null."""
    return value if value.type() == NUMBER else value.try_cast(NUMBER)


def _calculated(function: str, one: ir.DecimalValue, other: ir.DecimalValue) -> ir.DecimalValue:
    match function:
        case "+":
            return number((one + other).cast(idt.Decimal(24, 10)))
        case "-":
            return number((one - other).cast(idt.Decimal(24, 10)))
        case "*":
            return _multiplied(one, other)
    return _divided(one, other)


def _multiplied(one: ir.DecimalValue, other: ir.DecimalValue) -> ir.DecimalValue:
    # An engine that has no room for all digits fails; Spark rounds to as many as the types leave room for.
    fits = (one.cast(idt.float64) * other.cast(idt.float64)).abs() < _LARGEST
    product = (one * other.cast(idt.Decimal(24, 10))).cast(idt.Decimal(_DIGITS, 10))
    return number(fits.ifelse(product, ibis.null(idt.Decimal(_DIGITS, 10))))


def _divided(one: ir.DecimalValue, other: ir.DecimalValue) -> ir.DecimalValue:
    return number(functions.quotient(one, other))


def _exact(value: ir.NumericValue) -> ir.NumericValue:
    """Return a number whose sum is exact on every engine; what is not finite counts as null."""
    kind = value.type()
    if kind.is_floating():
        return value.try_cast(_sum_type(value))
    has_room = kind.precision <= _DIGITS - 10 if kind.is_decimal() else kind.nbytes < 8  # for the sum of any table
    return value if has_room else value.cast(_sum_type(value))


def _sum(value: ir.NumericValue, where: ir.BooleanValue | None) -> ir.DecimalValue:
    return _exact(value).sum(where=where).cast(_sum_type(value))


def _average(value: ir.NumericValue, where: ir.BooleanValue | None) -> ir.DecimalValue:
    return _divided(number(_sum(value, where)), number(_exact(value).count(where=where)))


_AGGREGATES: dict[str, Callable[[Any, Any], ir.Value]] = {
    "count": lambda value, where: value.count(where=where).cast(idt.int64),
    "count distinct": lambda value, where: value.nunique(where=where).cast(idt.int64),
    "sum": _sum,
    "avg": _average,
    "max": lambda value, where: value.max(where=where),
    "min": lambda value, where: value.min(where=where),
}


def _sum_type(value: ir.NumericValue) -> idt.Decimal:
    kind = value.type()
    if kind.is_decimal():
        return idt.Decimal(_DIGITS, kind.scale)
    return idt.Decimal(_DIGITS, _SCALE_OF_FLOATS if kind.is_floating() else 0)


def _numbers(left: tuple[ir.Value, Expression], right: tuple[ir.Value, Expression]) -> tuple[ir.Value, ir.Value]:
    """Return both sides of a comparison of numbers; against a constant no digit is rounded away."""
    (one, told), (other, other_told) = left, right
    if isinstance(told, Constant) and isinstance(other_told, Constant):
        return number(one), number(other)
    if isinstance(other_told, Constant):
        return one, _beside(other_told.value, one.type())
    if isinstance(told, Constant):
        return _beside(told.value, other.type()), other
    return (one, other) if one.type() == other.type() else (number(one), number(other))


def _beside(value: Value, kind: idt.DataType) -> ir.Scalar:
    """Return a number as it is compared with one of that type."""
    assert isinstance(value, Decimal)  # noqa: S101 - `kinds` has looked
    # Without a scale of its own an engine would round it to its default one.
    scale = max(-int(value.as_tuple().exponent), kind.scale if kind.is_decimal() else 0)
    return ibis.literal(value, idt.Decimal(_DIGITS, scale))


def _constant(value: Value | dt.datetime) -> ir.Scalar:
    if isinstance(value, Decimal):
        return ibis.literal(value, idt.Decimal(_DIGITS, max(-int(value.as_tuple().exponent), 0)))
    if isinstance(value, dt.datetime):
        return ibis.literal(value).cast(idt.Timestamp(scale=6))
    return ibis.literal(value)


def _dated(value: Value) -> dt.date:
    day = expressions.as_date(value) if isinstance(value, str) else value
    assert isinstance(day, dt.date)  # noqa: S101 - `kinds` has looked
    return day


def _difference(unit: str, begin: ir.DateValue, end: ir.DateValue) -> ir.IntegerValue:
    """Return how many days, weeks, months or years begin after one day until another one."""
    match unit:
        case "day":
            return end.delta(begin, unit="day").cast(idt.int64)
        case "week":
            weeks = _truncated(end, "week").delta(_truncated(begin, "week"), unit="day").cast(idt.int64)
            return (weeks / 7).round().cast(idt.int64)
        case "month":
            months = [day.year().cast(idt.int64) * 12 + day.month().cast(idt.int64) for day in (begin, end)]
            return months[1] - months[0]
    return end.year().cast(idt.int64) - begin.year().cast(idt.int64)


def _null_if(value: ir.Value, other: ir.Value) -> ir.Value:
    return value.nullif(other)


def _truncated(day: ir.DateValue, unit: str) -> ir.DateValue:
    """Return the day on which a week, a month or a year begins."""
    return day.cast(idt.Timestamp(scale=6)).truncate(_UNITS[unit]).cast(idt.date)  # an engine makes it a time anyway


def _value(expression: Expression) -> Value:
    assert isinstance(expression, Constant)  # noqa: S101 - the parser gives no other
    return expression.value
