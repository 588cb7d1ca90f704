"""Reads `$apply` into a selection: `filter(…)/groupby((a,b),aggregate(c with sum as d,$count as e))`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backstamp.embedded import faults, filters, tree
from backstamp.embedded.options import split
from backstamp.embedded.selection import Output, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.embedded.metadata import Table

_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_COUNT = re.compile(r"\s*\$count\s+as\s+(\w+)\s*", re.ASCII)
_AGGREGATE = re.compile(r"\s*([\w/]+)\s+with\s+(\w+)\s+as\s+(\w+)\s*", re.ASCII)
_FUNCTIONS = {"sum": "sum", "average": "average", "min": "min", "max": "max", "countdistinct": "countcolumn"}


def parse(table: Table, text: str) -> Selection:
    """Read `$apply`: filters, and behind them at most one groupby or aggregate.

    Raises:
        Fault: it is malformed, or asks for another transformation.
    """
    *before, last = [_call(part) for part in split(text, "/")] or [("", "")]
    if any(name != "filter" for name, _ in before):
        raise faults.bad_request("Only filter can stand before the last transformation of $apply.")
    condition = tree.both(*(filters.parse(argument) for _, argument in before))
    name, argument = last
    if name == "aggregate":
        return Selection(table.name, tuple(_aggregates(argument)), filter=condition, grouped=True)
    if name == "groupby":
        return Selection(table.name, tuple(_groups(argument)), filter=condition, grouped=True)
    raise faults.bad_request("$apply ends with groupby or aggregate.")


def _call(text: str) -> tuple[str, str]:
    found = _CALL.fullmatch(text)
    if found is None:
        raise faults.bad_request("$apply takes transformations, each with its arguments in parentheses.")
    return found[1], found[2]


def _groups(text: str) -> Iterator[Output]:
    columns, *rest = [part.strip() for part in split(text, ",")] or [""]
    if not (columns.startswith("(") and columns.endswith(")")) or len(rest) > 1:
        raise faults.bad_request("groupby takes a list of columns in parentheses, and perhaps an aggregate.")
    for name in columns[1:-1].split(","):
        steps = tuple(step.strip() for step in name.split("/"))
        yield Output(name.strip(), tree.Path(steps))
    for part in rest:
        function, argument = _call(part)
        if function != "aggregate":
            raise faults.bad_request("The second argument of groupby is an aggregate.")
        yield from _aggregates(argument)


def _aggregates(text: str) -> Iterator[Output]:
    for part in split(text, ","):
        counted = _COUNT.fullmatch(part)
        if counted is not None:
            yield Output(counted[1], None, "count")
            continue
        found = _AGGREGATE.fullmatch(part)
        if found is None or found[2] not in _FUNCTIONS:
            raise faults.bad_request("aggregate takes '$count as name' or 'column with function as name'.")
        path = tree.Path(tuple(found[1].split("/")))
        yield Output(found[3], path, _FUNCTIONS[found[2]], distinct=found[2] == "countdistinct")
