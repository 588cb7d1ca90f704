"""Which row goes first: the winner among duplicates, and among the winners of one customer (unification.md 4, 6)."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.unify.settings import Keep, Recency


def ranked(rows: ir.Table, group: str, keep: Keep, content: Sequence[str]) -> ir.Table:
    """Return the rows with `rank` (int64): 0 for the row of each group that goes first, then 1, 2, … .

    Args:
        rows: `record`, the column that tells the group, and the columns that the preference looks at.
        group: the column whose equal values are one group.
        keep: the table's preference; a tie goes to the larger record, which has the larger key.
        content: the columns that `most_filled` counts.
    """
    order = [_filled(rows, content).desc()] if keep == "most_filled" else by_time(rows, keep)
    return rows.mutate(rank=ibis.row_number().over(group_by=group, order_by=[*order, rows.record.desc()]))


def by_time(rows: ir.Table, recency: Recency) -> list[ir.Value]:
    """Return the order by the most or the least recent value of a column; null comes last in both."""
    column = rows[str(recency.most_recent or recency.least_recent)]
    return [column.isnull(), column.desc() if recency.most_recent else column.asc()]


def columns_of(keep: Keep, content: Sequence[str]) -> list[str]:
    """Return the columns that a preference looks at."""
    return list(content) if keep == "most_filled" else [str(keep.most_recent or keep.least_recent)]


def is_filled(column: ir.Column) -> ir.BooleanValue:
    """Tell whether a value is neither null nor an empty text."""
    return column.notnull() & (column != "") if column.type().is_string() else column.notnull()


def _filled(rows: ir.Table, content: Sequence[str]) -> ir.IntegerValue:
    return reduce(add, [is_filled(rows[name]).fill_null(False).cast("int64") for name in content], ibis.literal(0))
