"""What an expression of a measure is: text, number, date, time, boolean; or what is wrong with it, and where."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from backstamp import errors
from backstamp.measures import expressions
from backstamp.measures.expressions import Aggregate, Call, Column, Constant, Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backstamp.measures.expressions import Expression

    _Given: TypeAlias = tuple[Expression, str]

ORDERED = frozenset({"text", "number", "date", "time"})
_DATED = frozenset({"date", "time"})
_WANTED = {
    "text": "a 'text' in single quotes",
    "number": "a number, without quotes",
    "date": "a day, as 'YYYY-MM-DD'",
    "time": "a day, as 'YYYY-MM-DD': its first moment is meant",
    "boolean": "true or false",
}


class UnfitError(Exception):
    """An expression that does not fit its tables; the message is a sentence with its place."""


@dataclass(frozen=True)
class Scope:
    """What an expression can name.

    Attributes:
        table: the one that it is of.
        columns: what each column of that holds.
        related: the same of the tables on the way to the customers.
    """

    table: str
    columns: Mapping[str, str]
    related: Mapping[str, Mapping[str, str]]


def of_row(expression: Expression, scope: Scope) -> str:
    """Return what an expression of one row is.

    Raises:
        UnfitError: it does not fit.
    """
    match expression:
        case Column():
            return _of_column(expression, scope)
        case Constant():
            return _of_constant(expression)
        case Moment():
            return "date" if expression.word == "current_date" else "time"
        case Call():
            return _of_call(expression, [of_row(argument, scope) for argument in expression.arguments], scope)
    raise UnfitError(
        f"`{expression.function}`{_place(expression)} is of many rows, and of `{scope.table}` there is one for each"
        " customer: leave it out, or measure a table."
    )


def of_rows(expression: Expression, scope: Scope) -> str:
    """Return what an expression of many rows is: aggregates, and what is made of them.

    Raises:
        UnfitError: it does not fit, or names a column outside of an aggregate.
    """
    match expression:
        case Column():
            raise UnfitError(
                f"{_named(expression, scope)}{_place(expression)} is of one row: say which of them, as in"
                f" `max({expression.name})` or `last({expression.name}, TIME)`."
            )
        case Aggregate():
            return _of_aggregate(expression, scope)
        case Call():
            return _of_call(expression, [of_rows(argument, scope) for argument in expression.arguments], scope)
    return of_row(expression, scope)


def of_condition(expression: Expression, scope: Scope) -> None:
    """Look at a condition.

    Raises:
        UnfitError: it does not fit, or is no condition.
    """
    if of_row(expression, scope) != "boolean":
        raise UnfitError(f"{_named(expression, scope)}{_place(expression)} is no condition: compare it with something.")


def of_type(kind: pa.DataType) -> str:
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


def unknown(what: str, name: str, names: Iterable[str], place: str = "") -> str:
    """Return the sentence about a name that is not there."""
    there = list(names)
    hint = errors.did_you_mean(name, there) or f" There are: {', '.join(there)}."
    return f"There is no {what} `{name}`{place}.{hint}"


def _of_column(column: Column, scope: Scope) -> str:
    table = column.table or scope.table
    columns = scope.columns if table == scope.table else scope.related.get(table)
    if columns is None:
        there = ", ".join(scope.related) or "none"
        raise UnfitError(
            f"`{table}`{_place(column)} is not on the way from {scope.table} to the customers. There are: {there}."
        )
    if column.name not in columns:
        raise UnfitError(unknown(f"column of {table}", column.name, columns, _place(column)))
    return columns[column.name]


def _of_constant(constant: Constant) -> str:
    match constant.value:
        case bool():
            return "boolean"
        case str():
            return "text"
        case Decimal():
            return "number"
    return "date"


def _of_aggregate(aggregate: Aggregate, scope: Scope) -> str:
    if aggregate.where is not None:
        of_condition(aggregate.where, scope)
    if aggregate.function == "count":
        for argument in aggregate.arguments:
            of_row(argument, scope)
        return "number"
    kinds = [of_row(argument, scope) for argument in aggregate.arguments]
    told = f"{_named(aggregate.arguments[0], scope)} is {kinds[0]}{_place(aggregate.arguments[0])}"
    match aggregate.function:
        case "sum" | "avg" if kinds[0] != "number":
            raise UnfitError(f"{told}: only numbers can be summed.")
        case "max" | "min" if kinds[0] not in ORDERED:
            raise UnfitError(f"{told}, which has no order: it can only be counted.")
        case "count distinct" if kinds[0] not in ORDERED | {"boolean"}:
            raise UnfitError(f"{told}: it can only be counted.")
        case "first" | "last" if kinds[1] not in _DATED:
            by = aggregate.arguments[1]
            raise UnfitError(f"{_named(by, scope)} is {kinds[1]}{_place(by)}: first and last go by a date or a time.")
        case "arg_max" | "arg_min" if kinds[1] not in ORDERED:
            by = aggregate.arguments[1]
            raise UnfitError(f"{_named(by, scope)} is {kinds[1]}{_place(by)}, which has no order.")
    return "number" if aggregate.function == "count distinct" else kinds[0]


def _of_call(call: Call, kinds: list[str], scope: Scope) -> str:
    """Return what a function or operator gives, by what its arguments are."""
    given = list(zip(call.arguments, kinds, strict=True))
    match call.function:
        case "+" | "-" | "*" | "/":
            _all(given, "number", call, "numbers", scope)
            return "number"
        case "and" | "or" | "not":
            _all(given, "boolean", call, "conditions", scope)
        case "date_trunc" | "date_diff":
            _all_dated(given[1:], call, scope)
            return "date" if call.function == "date_trunc" else "number"
        case "coalesce" | "nullif":
            return _same(call, given, scope)
        case "like":
            _look_at_pattern(given, call, scope)
        case function if function not in {"is null", "is not null"}:
            for choice in given[1:]:
                _compare(call, given[0], choice, scope)
    return "boolean"


def _all(given: Iterable[_Given], wanted: str, call: Call, words: str, scope: Scope) -> None:
    for argument, kind in given:
        if kind != wanted:
            told = f"{_named(argument, scope)} is {kind}{_place(argument)}"
            hint = " Days between dates are date_diff('day', …, …)." if kind in _DATED else ""
            raise UnfitError(f"{told}: `{call.function}` is for {words}.{hint}")


def _all_dated(given: Iterable[_Given], call: Call, scope: Scope) -> None:
    for argument, kind in given:
        if kind not in _DATED and not _is_day(argument):
            told = f"{_named(argument, scope)} is {kind}{_place(argument)}"
            raise UnfitError(f"{told}: `{call.function}` is of dates and times.")


def _look_at_pattern(given: list[_Given], call: Call, scope: Scope) -> None:
    _all(given[:1], "text", call, "texts", scope)
    pattern = given[1][0]
    if isinstance(pattern, Constant) and "\\" in str(pattern.value):
        raise UnfitError(f"The pattern{_place(pattern)} has a \\: % stands for any characters and _ for one, only.")


def _same(call: Call, given: list[_Given], scope: Scope) -> str:
    """Return what several arguments are together."""
    first = next((pair for pair in given if not isinstance(pair[0], Constant)), given[0])
    for other in given:
        fits = _fits(first[1], other[0]) if isinstance(other[0], Constant) else other[1] == first[1]
        if not fits:
            raise UnfitError(
                f"{_named(other[0], scope)} is {other[1]}{_place(other[0])}, {_named(first[0], scope)} is {first[1]}:"
                f" `{call.function}` is of one kind."
            )
    return first[1]


def _compare(call: Call, left: _Given, right: _Given, scope: Scope) -> None:
    """Look at a comparison of two sides."""
    if isinstance(left[0], Constant) and not isinstance(right[0], Constant):
        left, right = right, left
    (one, kind), (other, other_kind) = left, right
    told = f"{_named(one, scope)} is {kind}{_place(one)}"
    if kind not in _WANTED:
        raise UnfitError(f"{told}: it can only be compared by `is null` and `is not null`.")
    if isinstance(other, Constant):
        if not _fits(kind, other):
            raise UnfitError(f"{told}: compare it with {_WANTED[kind]}.")
    elif kind != other_kind and not {kind, other_kind} <= _DATED:
        raise UnfitError(f"{told}, {_named(other, scope)} is {other_kind}{_place(other)}: they cannot be compared.")
    if kind == "boolean" and call.function not in {"=", "<>", "in"}:
        raise UnfitError(f"{told}, which has no order: compare it with = or <>.")


def _fits(kind: str, constant: Constant) -> bool:
    """Tell whether a constant can stand for something of a kind."""
    return _of_constant(constant) == kind or (kind in _DATED and _is_day(constant))


def _is_day(expression: Expression) -> bool:
    if not isinstance(expression, Constant) or isinstance(expression.value, bool | Decimal):
        return False
    return not isinstance(expression.value, str) or expressions.as_date(expression.value) is not None


def _named(expression: Expression, scope: Scope) -> str:
    match expression:
        case Column():
            return f"{expression.table or scope.table}.{expression.name}"
        case Moment():
            return expression.word
        case Call() | Aggregate():
            return f"What `{expression.function}` gives"
    return "This"


def _place(part: Expression) -> str:
    return f" (character {part.position})"
