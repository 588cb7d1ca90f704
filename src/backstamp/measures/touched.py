"""Whose measures change: those whose rows are others now, and those whose rows begin or end to count by themselves.

A measure's value may depend on the time of the run. Where it only says which rows count (`purchasedon >= current_date -
interval 4 month`), the rows that begin or end to count between two runs are those whose time lies between what the
comparison meant in one run and what it means in the next: no row has to be remembered for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from backstamp.measures import expressions
from backstamp.measures.building import Builder
from backstamp.measures.calculation import all_of, columns_in, reader
from backstamp.measures.expressions import Aggregate, Call, Constant, Moment
from backstamp.measures.relationships import is_backward
from backstamp.measures.rows import CUSTOMER_ID, OWNER, owned, parts_of, rows_of
from backstamp.measures.settings import ACTIVITIES, CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import ibis.expr.types as ir

    from backstamp.measures.clock import Clock
    from backstamp.measures.expressions import Expression
    from backstamp.measures.rows import Given
    from backstamp.measures.settings import Definitions, Measure


def tables_of(measure: Measure, definitions: Definitions) -> set[str]:
    """Return the source tables whose rows a measure depends on."""
    if measure.of not in {ACTIVITIES, CUSTOMERS} and not has_way(measure):
        return {measure.of}
    parts = parts_of(measure.of, measure.through, definitions)
    return {table for first, way in parts for table in (first, *(step.to_table for step in way))}


def has_way(measure: Measure) -> bool:
    """Tell whether a measure asks which customers its rows belong to, or for columns of tables on the way there."""
    return measure.kind != "business" or any(
        column.table or column.name == CUSTOMER_ID for column in columns_in(measure)
    )


def moves(measure: Measure, before: Clock, now: Clock) -> bool:
    """Tell whether the time that has passed changes a measure otherwise than by which rows count."""
    moments = {part for whole in all_of(measure) for part in expressions.parts(whole) if isinstance(part, Moment)}
    framed = {moment for moment, _ in _windows(measure)}
    return any(before.at(moment) != now.at(moment) for moment in moments - framed)


def has_moved(measure: Measure, before: Clock, now: Clock) -> bool:
    """Tell whether the time that has passed may change a measure in any way."""
    parts = (part for whole in all_of(measure) for part in expressions.parts(whole))
    return any(before.at(part) != now.at(part) for part in parts if isinstance(part, Moment))


def goes_backward(measure: Measure, definitions: Definitions) -> bool:
    """Tell whether a way goes against a relationship: then a row that changed can change whose another one is."""
    ways = (way for _, way in parts_of(measure.of, measure.through, definitions))
    return any(is_backward(step, definitions.relationships) for way in ways for step in way)


def touched(measure: Measure, given: Given, changed: Mapping[str, ir.Table], before: Clock) -> Iterator[ir.Table]:
    """Yield `customer_id` of those whose value of a measure can be another one than before.

    Where a row or one on its way has changed, the customers are found by the tables as they are now: whoever had the
    row before is found by what else has changed on the old way.

    Args:
        measure: by customer; no way of it goes backward.
        given: all rows and customers as they are now; customers whose own rows changed are left to the caller.
        changed: of source tables the rows that changed, as they were and as they are.
        before: the time of the run that calculated the value that is there.
    """
    for first, way in parts_of(measure.of, measure.through, given.definitions):
        for place, table in enumerate((first, *(step.to_table for step in way))):
            if table in changed:
                others = replace(given, tables={**given.tables, table: changed[table]})
                yield owned(table, way[place:], (), others).select(**{CUSTOMER_ID: OWNER})
    for moment, value in _windows(measure):
        begin, end = sorted([before.at(moment), given.clock.at(moment)])
        if begin != end:
            between = Call("and", (Call(">=", (value, Constant(begin))), Call("<=", (value, Constant(end)))))
            named = columns_in(measure)
            rows = rows_of(measure.of, measure.through, named, given)
            builder = Builder(reader(rows, measure.of), given.clock)
            yield rows.filter(builder.build(between)).select(**{CUSTOMER_ID: OWNER})


def union(tables: Iterable[ir.Table]) -> ir.Table:
    """Return the customers of several tables, each once."""
    return ibis.union(*tables).distinct()


def _windows(measure: Measure) -> Iterator[tuple[Moment, Expression]]:
    """Yield the comparisons with a time relative to the run that say which rows count: that time, the other side."""
    where = expressions.parse_where(measure.where)
    filters = [
        part.where for whole in all_of(measure) for part in expressions.parts(whole) if isinstance(part, Aggregate)
    ]
    for condition in (where, *filters):
        for part in expressions.parts(condition):
            if isinstance(part, Call) and part.function in (*expressions.COMPARISONS, "in"):
                first, *others = part.arguments
                for one, other in ((first, other) for other in others):
                    if isinstance(one, Moment) and not _has_moment(other):
                        yield one, other
                    elif isinstance(other, Moment) and not _has_moment(one):
                        yield other, one


def _has_moment(expression: Expression) -> bool:
    return any(isinstance(part, Moment) for part in expressions.parts(expression))
