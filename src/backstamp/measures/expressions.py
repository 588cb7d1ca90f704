"""The small expressions of measures, parsed into values; what they cannot say is refused at its place.

An expression never reaches the engine as text: `building` makes the calculation of what is parsed here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

import sqlglot
from sqlglot import exp

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

Value: TypeAlias = str | Decimal | bool | dt.date
Word = Literal["current_date", "current_timestamp"]
Unit = Literal["second", "minute", "hour", "day", "week", "month", "year"]

MOST_DIGITS = 18
"""Of a number in an expression, before and behind the point together."""
UNITS_OF_DATES = ("day", "week", "month", "year")

_BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.And: "and",
    exp.Or: "or",
}
_AGGREGATES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Count: "count",
    exp.Max: "max",
    exp.Min: "min",
    exp.First: "first",
    exp.Last: "last",
    exp.ArgMax: "arg_max",
    exp.ArgMin: "arg_min",
}
_MOMENTS: dict[type[exp.Expr], Word] = {
    exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
}
BY_ANOTHER = frozenset({"first", "last", "arg_max", "arg_min"})
"""Aggregates of two arguments: the value where the other one is smallest or largest."""
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "/")

_POSSIBLE_VALUES = (
    "sum, avg, count, count(distinct …), min, max, first(column, time), last(column, time), arg_max and arg_min, with"
    " filter (where …), and between them + - * /, numbers, coalesce, nullif, date_diff and date_trunc"
)
_POSSIBLE_CONDITIONS = (
    "columns, 'texts', numbers of at most 18 digits, 'YYYY-MM-DD', true, false, current_date and current_timestamp"
    " with intervals, compared by = <> < <= > >=, between, in, like and is null, joined with and, or, not"
)


@dataclass(frozen=True)
class Column:
    """A column; without a `table` (`source.table`) one of the table that the measure is of."""

    name: str
    table: str = ""
    position: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Constant:
    """A text, a number, true or false, or a day."""

    value: Value
    position: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Moment:
    """A time relative to the run, with what is added to it."""

    word: Word
    shifts: tuple[tuple[int, Unit], ...] = ()
    position: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Call:
    """A function or operator of values of one row, by its SQL name in small letters."""

    function: str
    arguments: tuple[Expression, ...]
    position: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Aggregate:
    """A function of the values of many rows; `count` may go without a column and counts rows then.

    Attributes:
        function: by its SQL name; `count distinct` is one of its own.
        arguments: none, one or two.
        where: which of the rows it is of.
        position: where it begins.
    """

    function: str
    arguments: tuple[Expression, ...]
    where: Expression | None = None
    position: int = field(default=1, compare=False)


Expression: TypeAlias = Column | Constant | Moment | Call | Aggregate


@dataclass(frozen=True)
class Dimension:
    """By what a measure is split, and the name of the column that it becomes."""

    name: str
    expression: Expression


def parse_value(text: str) -> Expression:
    """Parse the `value` of a measure.

    Raises:
        ConfigurationError: it is none; the message has the position, counted from 1.
    """
    reader = _Reader(text, "value", _POSSIBLE_VALUES)
    return reader.expression(reader.tree)


def parse_where(text: str | None) -> Expression | None:
    """Parse the `where` of a measure, if it has one.

    Raises:
        ConfigurationError: it is none; the message has the position, counted from 1.
    """
    if text is None:
        return None
    reader = _Reader(text, "condition", _POSSIBLE_CONDITIONS)
    return reader.row_expression(reader.tree)


def parse_dimension(text: str) -> Dimension:
    """Parse a dimension: a column, or an expression with a name.

    Raises:
        ConfigurationError: it is none; the message has the position, counted from 1.
    """
    reader = _Reader(text, "dimension", "a column, or an expression of columns with a name: `… as name`")
    tree = reader.tree
    expression = reader.row_expression(tree.this if isinstance(tree, exp.Alias) else tree)
    if isinstance(tree, exp.Alias):
        return Dimension(tree.alias, expression)
    if not isinstance(expression, Column):
        raise reader.refusal_at(1, " It has no name: write `… as name`.")
    return Dimension(expression.name, expression)


def parts(expression: Expression | None) -> Iterator[Expression]:
    """Yield an expression and all that it is made of."""
    if expression is None:
        return
    yield expression
    if isinstance(expression, Call | Aggregate):
        for argument in expression.arguments:
            yield from parts(argument)
    if isinstance(expression, Aggregate):
        yield from parts(expression.where)


class _Reader:
    """Turns the syntax tree of one text into values; `noun` is what it must be and `possible` what there is of it."""

    def __init__(self, text: str, noun: str, possible: str) -> None:
        self._text = text
        self._noun = noun
        self._possible = possible
        self.tree = self._parsed()

    def row_expression(self, node: exp.Expr) -> Expression:
        """Read an expression of values of one row."""
        found = self.expression(node)
        for part in parts(found):
            if isinstance(part, Aggregate):
                raise self.refusal_at(part.position, " It is about one row: nothing can be summed or counted here.")
        return found

    def expression(self, node: exp.Expr) -> Expression:  # noqa: PLR0911 - one for each kind of part
        """Read an expression."""
        match node:
            case exp.Paren():
                return self.expression(node.this)
            case exp.Column():
                return self._column(node)
            case exp.Literal() | exp.Boolean() | exp.Cast() | exp.Neg(this=exp.Literal(is_string=False)):
                return Constant(self._value(node), _position(node))
            case exp.CurrentDate() | exp.CurrentTimestamp() if not node.this:
                return Moment(_MOMENTS[type(node)], (), _position(node))
            case exp.Add() | exp.Sub() if isinstance(node.expression, exp.Interval):
                return self._shifted(node)
            case exp.Filter():
                return self._filtered(node)
        return self._aggregate(node) if type(node) in _AGGREGATES or _is_average(node) else self._call(node)

    def refusal_at(self, position: int, hint: str = "") -> errors.ConfigurationError:
        """Return the error that refuses the text at a place."""
        rest = self._text[position - 1 :] or "(nothing)"
        return errors.ConfigurationError(
            f"`{self._text}` is no {self._noun} of a measure: see character {position}, `{rest}`."
            f" Possible: {self._possible}.{hint}"
        )

    def _call(self, node: exp.Expr) -> Expression:  # noqa: C901, PLR0911 - one for each operator and function
        position = _position(node)

        def call(function: str, *arguments: exp.Expr) -> Call:
            return Call(function, tuple(map(self.expression, arguments)), position)

        match node:
            case _ if type(node) in _BINARY:
                return call(_BINARY[type(node)], node.this, node.expression)
            case exp.Not(this=exp.Is(expression=exp.Null()) as inner):
                return call("is not null", inner.this)
            case exp.Is(expression=exp.Null()):
                return call("is null", node.this)
            case exp.Not():
                return call("not", node.this)
            case exp.Neg():
                return Call("-", (Constant(Decimal(0), position), self.expression(node.this)), position)
            case exp.In(expressions=[_, *_] as choices) if not node.args.get("query"):
                return call("in", node.this, *choices)
            case exp.Like(expression=exp.Literal(is_string=True)):
                found = call("like", node.this, node.expression)
                return Call("not", (found,), position) if node.args.get("negate") else found
            case exp.Between():
                bounds = call(">=", node.this, node.args["low"]), call("<=", node.this, node.args["high"])
                return Call("and", bounds, position)
            case exp.Coalesce():
                return call("coalesce", node.this, *node.expressions)
            case exp.Nullif():
                return call("nullif", node.this, node.expression)
            case exp.TimestampTrunc() | exp.DateTrunc():
                return Call("date_trunc", (self._unit(node), self.expression(node.this)), position)
            case exp.DateDiff():
                ends = self.expression(node.expression), self.expression(node.this)
                return Call("date_diff", (self._unit(node), *ends), position)
        raise self._refusal(node)

    def _aggregate(self, node: exp.Expr) -> Aggregate:
        function = _AGGREGATES.get(type(node), "avg")
        inner = [child for child in node.iter_expressions() if not isinstance(child, exp.DataType)]
        position = _position(node)
        if function == "count" and [type(child) for child in inner] == [exp.Star]:
            return Aggregate("count", (), None, position)
        if function == "count" and isinstance(node.this, exp.Distinct):
            function, inner = "count distinct", node.this.expressions
        if len(inner) != (2 if function in BY_ANOTHER else 1):
            raise self._refusal(node)
        return Aggregate(function, tuple(map(self.row_expression, inner)), None, position)

    def _filtered(self, node: exp.Filter) -> Aggregate:
        inner = self.expression(node.this)
        if not isinstance(inner, Aggregate):
            raise self._refusal(node)
        return Aggregate(inner.function, inner.arguments, self.row_expression(node.expression.this), inner.position)

    def _shifted(self, node: exp.Add | exp.Sub) -> Moment:
        moment, interval = self.expression(node.this), node.expression
        hint = " An interval is added to current_date or current_timestamp."
        if not isinstance(moment, Moment) or not isinstance(interval.this, exp.Literal):
            raise self.refusal_at(_position(node), hint)
        unit = (interval.text("unit") or "").lower().removesuffix("s")
        known = UNITS_OF_DATES if moment.word == "current_date" else ("second", "minute", "hour", *UNITS_OF_DATES)
        if unit not in known or not interval.this.name.isdecimal() or len(interval.this.name) > len("9999"):
            raise self.refusal_at(
                _position(interval), f" An interval is a whole number up to 9999 and a unit: {', '.join(known)}."
            )
        amount = int(interval.this.name) * (1 if isinstance(node, exp.Add) else -1)
        return Moment(moment.word, (*moment.shifts, (amount, unit)), moment.position)  # type: ignore[arg-type]

    def _unit(self, node: exp.Expr) -> Constant:
        unit = node.text("unit").lower()
        if unit not in UNITS_OF_DATES:
            raise self.refusal_at(_position(node), f" Units are: {', '.join(UNITS_OF_DATES)}.")
        return Constant(unit, _position(node))

    def _parsed(self) -> exp.Expr:
        try:
            trees = [tree for tree in sqlglot.parse(self._text, dialect="duckdb") if tree]
        except sqlglot.errors.ParseError as error:
            at = error.errors[0]  # `col` is where the word ends
            raise self.refusal_at(
                at["col"] - len(at["highlight"] or "") + 1,
                ' A column whose name means something in SQL goes in double quotes: "order".',
            ) from error
        except sqlglot.errors.TokenError as error:
            raise self.refusal_at(len(self._text)) from error
        if len(trees) != 1:
            raise self.refusal_at(_position(trees[1]) if trees else 1)
        return trees[0]

    def _column(self, node: exp.Column) -> Column:
        if len(node.parts) not in {1, 3} or not isinstance(node.this, exp.Identifier):
            raise self.refusal_at(
                _position(node), " A column of another table on the way to the customers is SOURCE.TABLE.COLUMN."
            )
        *table, name = (part.name for part in node.parts)
        return Column(name, ".".join(table), _position(node))

    def _value(self, node: exp.Expr) -> Value:
        match node:
            case exp.Literal(is_string=True):
                return node.name
            case exp.Literal():
                return self._number(node, node.name)
            case exp.Neg(this=exp.Literal(is_string=False) as number):
                return self._number(node, "-" + number.name)
            case exp.Boolean():
                return bool(node.this)
            case exp.Cast(this=exp.Literal(is_string=True)) if node.to.this == exp.DataType.Type.DATE:
                if day := as_date(node.this.name):
                    return day
        raise self._refusal(node)

    def _number(self, node: exp.Expr, text: str) -> Decimal:
        number = Decimal(text)
        if max(number.adjusted() + 1, 1) + max(-int(number.as_tuple().exponent), 0) > MOST_DIGITS:
            raise self._refusal(node)
        return number

    def _refusal(self, node: exp.Expr) -> errors.ConfigurationError:
        return self.refusal_at(_position(node))


def as_date(text: str) -> dt.date | None:
    """Return the day that a text names as `YYYY-MM-DD`, or None."""
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _is_average(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == "average"


def _position(node: exp.Expr) -> int:
    """Return where a part begins, counted from 1; sqlglot notes it for names and literals only."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    if starts:
        return int(min(starts)) + 1
    return _position(node.parent) if node.parent else 1
