"""Dataverse's named operators as conditions: FetchXML's `last-x-days`, the Web API's `LastXDays`, and their like."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from backstamp import odata
from backstamp.embedded import faults
from backstamp.embedded.tree import Among, Caller, Comparison, During, Junction, Like, Negation, Node, Path, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DAY = dt.timedelta(days=1)
_SECOND = dt.timedelta(seconds=1)
"""Times are kept in whole seconds, so what happens now is before the next one."""
_LARGEST_AMOUNT = 10_000

COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_SYNONYMS = {"neq": "ne", "less-than": "lt", "greater-than": "gt"}
_LIKES = {"like": "like", "contains": "contains", "begins-with": "startswith", "ends-with": "endswith"}
_NEGATED = {
    "not-like": "like",
    "not-contain": "contains",
    "not-begin-with": "begins-with",
    "not-end-with": "ends-with",
    "not-on": "on",
}
_FUNCTIONS = {
    "EqualUserId": "eq-userid",
    "NotEqualUserId": "ne-userid",
    "Last7Days": "last-seven-days",
    "Next7Days": "next-seven-days",
}


def of_function(name: str) -> str:
    """Return FetchXML's word for a query function of the Web API: `last-x-days` for `LastXDays`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=X)(?=[A-Z][a-z])", "-", name).lower()
    return _FUNCTIONS.get(name, words.replace("older-than", "olderthan").replace("does-not-", "not-"))


def condition(operator: str, path: Path, values: Sequence[str]) -> Node:
    """Return what an operator says of a column.

    Raises:
        Fault: there is no such operator, or it takes other values.
    """
    operator = _SYNONYMS.get(operator, operator)
    if operator in _NEGATED:
        return Negation(condition(_NEGATED[operator], path, values))
    if operator in COMPARISONS:
        return Comparison(operator, path, Value(_single(operator, values)))
    if operator in _LIKES:
        return Like(_LIKES[operator], path, Value(_single(operator, values)))
    if operator in _OTHERS:
        return _OTHERS[operator](operator, path, values)
    if operator in PERIODS:
        return During(operator, path, _amount(operator, values))
    raise faults.bad_request(f"The condition operator '{operator}' is not supported.")


def _single(operator: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise faults.bad_request(f"The condition operator '{operator}' takes one value.")
    return values[0]


def _none(operator: str, values: Sequence[str]) -> None:
    if values:
        raise faults.bad_request(f"The condition operator '{operator}' takes no value.")


def _amount(operator: str, values: Sequence[str]) -> int:
    if "-x-" not in operator:
        _none(operator, values)
        return 1
    text = _single(operator, values)
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or not 0 < int(text) <= _LARGEST_AMOUNT:
        raise faults.bad_request(f"The condition operator '{operator}' takes a whole number above zero.")
    return int(text)


def _null(operator: str, path: Path, values: Sequence[str]) -> Node:
    _none(operator, values)
    return Comparison("eq" if operator == "null" else "ne", path, Value(None))


def _among(operator: str, path: Path, values: Sequence[str]) -> Node:
    if not values:
        raise faults.bad_request(f"The condition operator '{operator}' takes at least one value.")
    return Among(path, tuple(values), negated=operator == "not-in")


def _between(operator: str, path: Path, values: Sequence[str]) -> Node:
    if len(values) != 2:
        raise faults.bad_request(f"The condition operator '{operator}' takes two values.")
    low, high = (Value(value) for value in values)
    if operator == "not-between":
        return Junction("or", (Comparison("lt", path, low), Comparison("gt", path, high)))
    return Junction("and", (Comparison("ge", path, low), Comparison("le", path, high)))


def _caller(operator: str, path: Path, values: Sequence[str]) -> Node:
    _none(operator, values)
    return Comparison(operator.partition("-")[0], path, Caller())


def _day(operator: str, path: Path, values: Sequence[str]) -> Node:
    """Compare with a whole day: a time of that day is on it, whatever the hour."""
    try:
        start = odata.parse_time(_single(operator, values)[:10])
        ends = Comparison("lt", path, Value(odata.format_time(start + _DAY)))
    except (ValueError, OverflowError) as error:
        raise faults.bad_request(f"The condition operator '{operator}' takes a date.") from error
    begins = Comparison("ge", path, Value(odata.format_time(start)))
    compared: dict[str, Node] = {"on-or-after": begins, "on-or-before": ends}
    return compared.get(operator, Junction("and", (begins, ends)))


_OTHERS: dict[str, Callable[[str, Path, Sequence[str]], Node]] = {
    "null": _null,
    "not-null": _null,
    "in": _among,
    "not-in": _among,
    "between": _between,
    "not-between": _between,
    "eq-userid": _caller,
    "ne-userid": _caller,
    "on": _day,
    "on-or-after": _day,
    "on-or-before": _day,
}

_UNITS = ("day", "week", "month", "year")
_STEPS = ("minute", "hour", *_UNITS)
PERIODS = frozenset(
    {
        "yesterday",
        "today",
        "tomorrow",
        "last-seven-days",
        "next-seven-days",
        *(f"{which}-{unit}" for which in ("last", "this", "next") for unit in _UNITS[1:]),
        *(f"{which}-x-{unit}s" for which in ("last", "next") for unit in _STEPS[1:]),
        *(f"olderthan-x-{unit}s" for unit in _STEPS),
    }
)
_NAMED = {"yesterday": ("last", "day"), "today": ("this", "day"), "tomorrow": ("next", "day")}


def bounds(period: str, amount: int, now: dt.datetime) -> tuple[dt.datetime | None, dt.datetime]:
    """Return the first moment of a period (None where it has no start) and the first after it.

    Raises:
        Fault: the period leaves the calendar.
    """
    try:
        return _bounds(period, amount, now)
    except (ValueError, OverflowError) as error:
        raise faults.bad_request(f"'{period}' with {amount} leaves the calendar.") from error


def _bounds(period: str, amount: int, now: dt.datetime) -> tuple[dt.datetime | None, dt.datetime]:
    today = _start("day", now)
    if period in {"last-seven-days", "next-seven-days"}:
        period, amount = f"{period[:4]}-x-days", 7
    which, _, unit = period.rpartition("-")
    if which == "olderthan-x":
        return None, _moved(now if unit in {"minutes", "hours"} else today, unit[:-1], -amount)
    if which == "last-x":
        return _moved(now if unit == "hours" else today, unit[:-1], -amount), now + _SECOND
    if which == "next-x":
        return now, _moved(now if unit == "hours" else today + _DAY, unit[:-1], amount)
    which, unit = _NAMED.get(period, (which, unit))
    start = _moved(_start(unit, now), unit, {"last": -1, "this": 0, "next": 1}[which])
    return start, _moved(start, unit, 1)


def _start(unit: str, moment: dt.datetime) -> dt.datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "week":
            return day - dt.timedelta(days=(day.weekday() + 1) % 7)  # a week starts on Sunday
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def _moved(moment: dt.datetime, unit: str, amount: int) -> dt.datetime:
    if unit not in {"month", "year"}:
        return moment + dt.timedelta(**{f"{unit}s": amount})
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "year" else 1)
    first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    following = (first + dt.timedelta(days=31)).replace(day=1)
    return first.replace(day=min(moment.day, (following - _DAY).day))
