"""Measures in plain Python, written from docs/measures.md: loops over rows, exact fractions, days of a time zone."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]
"""Rows by table and key."""
_EXACT = Context(prec=100)


def owner(tables: Tables, members: Mapping[tuple[str, str], str], way: Sequence[str], row: Row | None) -> str | None:
    """Return the customer that foreign keys lead to: `way` is column, table, column, table …, the last one unified."""
    for place in range(0, len(way), 2):
        column, table = way[place], way[place + 1]
        if row is None or row[column] is None:
            return None
        key = spelled(str(row[column]))
        if place == len(way) - 2:
            return members.get((table, key))
        row = next((one for known, one in tables[table].items() if spelled(known) == key), None)
    return None


def spelled(key: str) -> str:
    """Return a key as keys are compared: a GUID in small letters."""
    return key.lower() if re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", key) else key


def divided(one: Any, other: Any) -> Decimal | None:
    """Return a quotient, ten digits behind the point, rounded half away from zero; null by zero."""
    if one is None or not other:
        return None
    return _EXACT.divide(Decimal(one), Decimal(other)).quantize(Decimal("1e-10"), ROUND_HALF_UP, _EXACT)


def average(values: Sequence[Decimal]) -> Decimal | None:
    """Return the average."""
    return divided(sum(values, Decimal()), len(values))


def extreme(rows: Iterable[tuple[str, Row]], value: str, by: str, choose: Callable[..., Any]) -> Any:
    """Return the value of the row that is first (`min`) or last (`max`) by a column, then by key; both filled."""
    known = [(row[by], key, row[value]) for key, row in rows if row[by] is not None and row[value] is not None]
    return choose(known)[2] if known else None


def today(now: dt.datetime, zone: str) -> dt.date:
    """Return the day of a time in a zone; times are UTC without one."""
    return now.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).date()


def begin(day: dt.date, zone: str) -> dt.datetime:
    """Return the first moment of a day in a zone."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC).replace(tzinfo=None)


def months_before(day: dt.date, months: int) -> dt.date:
    """Return a day so many months earlier, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
