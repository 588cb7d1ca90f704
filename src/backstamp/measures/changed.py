"""Whose values are others than before: what tells since when a value holds."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from backstamp.measures.rows import CUSTOMER_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir


def changed_values(
    before: ir.Table, made: ir.Table, values: Mapping[str, Sequence[str]], *, by_customer: bool
) -> ir.Table:
    """Return `customer_id` and `measure` where a customer has other values now, or had none.

    Args:
        before: the values as they were.
        made: as they are, of all customers or of some.
        values: the columns of each measure, dimensions too; they have the same types in both.
        by_customer: whether a customer has one row.
    """
    if by_customer:
        return _by_customer(before, made, values)
    return ibis.union(*(_by_rows(before, made, measure, columns) for measure, columns in values.items()))


def _by_customer(before: ir.Table, made: ir.Table, values: Mapping[str, Sequence[str]]) -> ir.Table:
    columns = [column for each in values.values() for column in each]
    old = before.select(_of=before[CUSTOMER_ID], **{f"before.{column}": before[column] for column in columns})
    pairs = made.left_join(old, made[CUSTOMER_ID] == old["_of"])
    is_other = {
        measure: reduce(or_, (~pairs[column].identical_to(pairs[f"before.{column}"]) for column in each))
        | pairs["_of"].isnull()
        for measure, each in values.items()
    }
    names = [is_one.ifelse(ibis.literal(measure), ibis.null("string")) for measure, is_one in is_other.items()]
    # At once, so that the rows are paired once.
    found = pairs.filter(reduce(or_, is_other.values())).select(CUSTOMER_ID, measure=ibis.array(names).unnest())
    return found.filter(found.measure.notnull())


def _by_rows(before: ir.Table, made: ir.Table, measure: str, columns: Sequence[str]) -> ir.Table:
    new, old = made.select(CUSTOMER_ID, *columns), before.select(CUSTOMER_ID, *columns)
    other = ibis.union(new.difference(old), old.difference(new).semi_join(new, CUSTOMER_ID), distinct=True)
    return other.select(CUSTOMER_ID, measure=ibis.literal(measure)).distinct()
