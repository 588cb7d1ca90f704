"""Which row goes first: the winner among duplicates, and among the winners of one customer (unification.md 4, 6)."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp.unify.settings import Keep


def weighed(rows: ir.Table, keep: Keep, content: Sequence[str], **others: ir.Value) -> ir.Table:
    """Return record, `weight` (how many columns are filled, or the time), and what is asked for besides.

    A preference may look at many columns, and to sort rows together with them takes long.

    Args:
        rows: record and the table's columns.
        keep: the table's preference.
        content: the columns that `most_filled` counts.
        others: more columns, by the names that they get.
    """
    weight = _filled(rows, content) if keep == "most_filled" else rows[str(keep.most_recent or keep.least_recent)]
    return rows.select("record", weight=weight, **others)


def ranked(rows: ir.Table, group: str, keep: Keep) -> ir.Table:
    """Return the rows with `rank` (int64): 0 for the row of each group that goes first, then 1, 2, … .

    Args:
        rows: `weighed`, and the column that tells the group.
        group: the column whose equal values are one group.
        keep: the table's preference; null comes last; a tie goes to the larger record, which has the larger key.
    """
    first_is_least = keep != "most_filled" and keep.most_recent is None
    weight = rows.weight.asc() if first_is_least else rows.weight.desc()
    order = [rows.weight.isnull(), weight, rows.record.desc()]
    return rows.mutate(rank=ibis.row_number().over(group_by=group, order_by=order))


def is_filled(column: ir.Column) -> ir.BooleanValue:
    """Tell whether a value is neither null nor an empty text."""
    return column.notnull() & (column != "") if column.type().is_string() else column.notnull()


def _filled(rows: ir.Table, content: Sequence[str]) -> ir.IntegerValue:
    return reduce(add, [is_filled(rows[name]).cast("int64") for name in content], ibis.literal(0))
