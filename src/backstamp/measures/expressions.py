"""The small expressions of measures, parsed into values; what they cannot say is refused at its place.

An expression never reaches the engine as text: `attributes` builds the calculation from what is parsed here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

import sqlglot
from sqlglot import exp

from backstamp import errors

Function = Literal["sum", "count", "max", "min"]
Operator = Literal["=", "<>", "<", "<=", ">", ">=", "is null", "is not null"]
Value: TypeAlias = str | Decimal | bool | dt.date

MOST_DIGITS = 18
"""Of a number in a condition, before and behind the point together."""

_AGGREGATES: dict[type[exp.Expr], Function] = {
    exp.Sum: "sum",
    exp.Count: "count",
    exp.Max: "max",
    exp.Min: "min",
}
_COMPARISONS: dict[type[exp.Expr], Operator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_POSSIBLE_VALUES = "sum(column), count(*), count(column), max(column) or min(column)"
_POSSIBLE_CONDITIONS = (
    "a column, one of = <> < <= > >=, and a 'text', a number of at"
    " most 18 digits, a 'YYYY-MM-DD', true or false; column is null; column"
    " is not null; and several of these joined with AND"
)


@dataclass(frozen=True)
class Aggregate:
    """What a measure calculates: a function of a column; `count` may go without one and counts rows then."""

    function: Function
    column: str | None
    position: int = 1


@dataclass(frozen=True)
class Condition:
    """What must be true of a row: a column compared with a value; the last two operators have none."""

    column: str
    operator: Operator
    value: Value | None = None
    position: int = 1


def parse_value(text: str) -> Aggregate:
    """Parse the `value` of a measure.

    Raises:
        ConfigurationError: it is none; the message has the position, counted from 1.
    """
    reader = _Reader(text, "value", _POSSIBLE_VALUES)
    return reader.aggregate(reader.tree)


def parse_where(text: str | None) -> tuple[Condition, ...]:
    """Parse the `where` of a measure, if it has one: conditions that must all hold.

    Raises:
        ConfigurationError: it is none; the message has the position, counted from 1.
    """
    if text is None:
        return ()
    reader = _Reader(text, "condition", _POSSIBLE_CONDITIONS)
    return tuple(reader.condition(part) for part in reader.conjuncts(reader.tree))


class _Reader:
    """Turns the syntax tree of one text into values; `noun` is what it must be and `possible` what there is of it."""

    def __init__(self, text: str, noun: str, possible: str) -> None:
        self._text = text
        self._noun = noun
        self._possible = possible
        self.tree = self._parsed()

    def aggregate(self, node: exp.Expr) -> Aggregate:
        function = _AGGREGATES.get(type(node))
        argument = node.this
        others = [name for name, value in node.args.items() if value and name not in {"this", "big_int"}]
        if function is None or others:
            raise self._refusal(node)
        if function == "count" and isinstance(argument, exp.Star):
            return Aggregate("count", None, _position(node))
        return Aggregate(function, self._column(argument), _position(argument))

    def conjuncts(self, node: exp.Expr) -> list[exp.Expr]:
        if isinstance(node, exp.Paren):
            return self.conjuncts(node.this)
        if isinstance(node, exp.And):
            return self.conjuncts(node.left) + self.conjuncts(node.right)
        return [node]

    def condition(self, node: exp.Expr) -> Condition:
        position = _position(node)
        inner = node.this if isinstance(node, exp.Not) else node
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            operator: Operator = "is null" if inner is node else "is not null"
            return Condition(self._column(inner.this), operator, None, position)
        comparison = _COMPARISONS.get(type(node))
        if comparison is None:
            raise self._refusal(node)
        return Condition(self._column(node.this), comparison, self._value(node.expression), position)

    def _parsed(self) -> exp.Expr:
        try:
            trees = [tree for tree in sqlglot.parse(self._text, dialect="duckdb") if tree]
        except sqlglot.errors.ParseError as error:
            at = error.errors[0]  # `col` is where the word ends
            raise self._refusal_at(
                at["col"] - len(at["highlight"] or "") + 1,
                ' A column whose name means something in SQL goes in double quotes: "order".',
            ) from error
        except sqlglot.errors.TokenError as error:
            raise self._refusal_at(len(self._text)) from error
        if len(trees) != 1:
            raise self._refusal_at(_position(trees[1]) if trees else 1)
        return trees[0]

    def _column(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Column) or len(node.parts) != 1 or not isinstance(node.this, exp.Identifier):
            raise self._refusal(node)
        return node.name

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
        return self._refusal_at(_position(node))

    def _refusal_at(self, position: int, hint: str = "") -> errors.ConfigurationError:
        rest = self._text[position - 1 :] or "(nothing)"
        return errors.ConfigurationError(
            f"`{self._text}` is no {self._noun} of a measure: see character {position}, `{rest}`."
            f" Possible: {self._possible}.{hint}"
        )


def as_date(text: str) -> dt.date | None:
    """Return the day that a text names as `YYYY-MM-DD`, or None."""
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _position(node: exp.Expr) -> int:
    """Return where a part begins, counted from 1; sqlglot notes it for names and literals only."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    if starts:
        return int(min(starts)) + 1
    return _position(node.parent) if node.parent else 1
