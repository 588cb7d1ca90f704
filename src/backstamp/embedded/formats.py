"""How users read values: the formatted values of choices, numbers, money, times (in English, in UTC)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded.metadata import Column, ColumnType

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    Spelling = Callable[[Any], str]

_DEFAULT_DIGITS = {ColumnType.MONEY: 2, ColumnType.DECIMAL: 2, ColumnType.DOUBLE: 2}


def spelling(column: Column) -> Spelling | None:
    """Return what spells a column's values for users; None for those that they read as they are, and for lookups."""
    if column.options:
        labels = {option.value: option.label for option in column.options}
        return lambda value: labels.get(value, str(value))
    return _SPELLINGS[column.type](column) if column.type in _SPELLINGS else None


def _number(column: Column) -> Spelling:
    default = _DEFAULT_DIGITS.get(column.type, 0)
    digits = default if column.precision is None else column.precision
    sign = "$" if column.type is ColumnType.MONEY else ""
    return lambda value: f"{'-' if value < 0 else ''}{sign}{abs(value):,.{digits}f}"


def _time(column: Column) -> Spelling:
    def spell(value: str) -> str:
        moment = odata.parse_time(value)
        return _day(moment) if column.date_only else f"{_day(moment)} {moment.hour % 12 or 12}:{moment:%M %p}"

    return spell


def _day(moment: dt.datetime) -> str:
    return f"{moment.month}/{moment.day}/{moment.year}"


_SPELLINGS: dict[ColumnType, Callable[[Column], Spelling]] = {
    **dict.fromkeys((ColumnType.INTEGER, ColumnType.BIGINT, *_DEFAULT_DIGITS), _number),
    ColumnType.DATETIME: _time,
}
