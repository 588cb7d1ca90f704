"""Measures are calculated: attributes of customers, measures by customer, measures over all rows."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import ibis

from backstamp.measures import expressions
from backstamp.measures.building import COUNTED, Builder
from backstamp.measures.expressions import Aggregate, Column
from backstamp.measures.rows import CUSTOMER_ID, KEY, OWNER, rows_of
from backstamp.measures.settings import CUSTOMERS, calculations, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.measures.expressions import Expression
    from backstamp.measures.rows import Given
    from backstamp.measures.settings import Measure

    _Named: TypeAlias = tuple[Aggregate, Expression | None]


def attributes(names: Sequence[str], given: Given, kept: ir.Table | None = None) -> ir.Table:
    """Return `shapes.MEASURES`: a row for every customer, a column for each of these attributes.

    A row counts for the customer that its foreign keys lead to; count and sum of nothing are 0, the others null.

    Args:
        names: of attributes, in the order of their columns.
        given: what they are calculated of.
        kept: `customer_id`, and attributes that keep the values they have, which others may be made of.
    """
    result = given.members.select(CUSTOMER_ID).distinct()
    if kept is not None:
        result = result.left_join(kept, CUSTOMER_ID).drop(f"{CUSTOMER_ID}_right")
    measures = {name: given.definitions.measures[name] for name in names}
    of_rows = sorted(((n, m) for n, m in measures.items() if m.of != CUSTOMERS), key=_source)
    for _, group in groupby(of_rows, key=_source):
        result = _beside(result, dict(group), given)
    for name in in_order(measures):
        builder = Builder(_columns(result, lambda column: column.name), given.clock)
        result = result.mutate(**{name: builder.build(expressions.parse_value(measures[name].value or ""))})
    return result.select(CUSTOMER_ID, *(kept.drop(CUSTOMER_ID).columns if kept is not None else ()), *names)


def by_customer(name: str, given: Given) -> ir.Table:
    """Return a customer measure: `shapes.CUSTOMER_MEASURE`.

    Without dimensions every customer has a row, else those for whom there are rows that count.
    """
    measure = given.definitions.measures[name]
    if measure.of == CUSTOMERS:
        rows = _rows(measure, given)
        builder = Builder(reader(rows, CUSTOMERS), given.clock)
        values = {column: builder.build(expressions.parse_value(text)) for column, text in _texts(name, measure)}
        return rows.select(**{CUSTOMER_ID: OWNER}, **values)
    if measure.dimensions:
        return _grouped(name, measure, given, by_owner=True)
    customers = given.members.select(CUSTOMER_ID).distinct()
    return _beside(customers, {name: measure}, given)


def of_business(name: str, given: Given) -> ir.Table:
    """Return a business measure: `shapes.BUSINESS_MEASURE`: a row for each combination of its dimensions.

    All rows count, also those that belong to no customer.
    """
    return _grouped(name, given.definitions.measures[name], given, by_owner=False)


def in_order(measures: Mapping[str, Measure]) -> list[str]:
    """Return those that are made of attributes, each after the ones that it is made of; there is no circle."""
    left = {name: made_of(measure) for name, measure in measures.items() if measure.of == CUSTOMERS}
    order: list[str] = []
    while left:
        ready = [name for name, needed in left.items() if not needed & set(left)]
        order += ready
        left = {name: needed for name, needed in left.items() if name not in ready}
    return order


def made_of(measure: Measure) -> set[str]:
    """Return the attributes that a measure of customers names."""
    return {column.name for column in columns_in(measure) if column.name != CUSTOMER_ID}


def columns_in(measure: Measure) -> set[Column]:
    """Return the columns that a measure names."""
    return {part for whole in all_of(measure) for part in expressions.parts(whole) if isinstance(part, Column)}


def all_of(measure: Measure) -> Iterator[Expression]:
    """Yield the expressions of a measure: values, condition, dimensions."""
    for text in calculations("", measure).values():
        yield expressions.parse_value(text)
    if (where := expressions.parse_where(measure.where)) is not None:
        yield where
    for text in measure.dimensions:
        yield expressions.parse_dimension(text).expression


def reader(rows: ir.Table, of: str) -> Callable[[Column], ir.Value]:
    """Return what finds columns in `rows.rows_of` a table."""

    def name(column: Column) -> str:
        is_customer = column.name == CUSTOMER_ID and column.table in {"", of}
        return OWNER if is_customer else f"{column.table or of}.{column.name}"

    return _columns(rows, name)


def _beside(customers: ir.Table, group: Mapping[str, Measure], given: Given) -> ir.Table:
    """Return customers with the values of measures that are of the same rows."""
    first = next(iter(group.values()))
    needed = {column for measure in group.values() for column in columns_in(measure)}
    rows = rows_of(first.of, first.through, needed, given)
    builder = Builder(reader(rows, first.of), given.clock, rows[KEY])
    aggregates: dict[_Named, str] = {}
    for measure in group.values():
        where = expressions.parse_where(measure.where)
        for aggregate in _aggregates(measure):
            aggregates.setdefault((aggregate, where), f"_{len(aggregates)}")
    columns = {column: builder.summed_up(rows, aggregate, where) for (aggregate, where), column in aggregates.items()}
    totals = rows.group_by(OWNER).aggregate(**columns)
    joined = customers.left_join(totals, customers[CUSTOMER_ID] == totals[OWNER]).drop(OWNER)
    values: dict[str, ir.Value] = {}
    for name, measure in group.items():
        made = _made(joined, aggregates, expressions.parse_where(measure.where), given)
        values |= {column: made.build(expressions.parse_value(text)) for column, text in _texts(name, measure)}
    return joined.select(*customers.columns, **values)


def _grouped(name: str, measure: Measure, given: Given, *, by_owner: bool) -> ir.Table:
    """Return a measure by its dimensions, and by customers or over all."""
    rows = _rows(measure, given, of_all=not by_owner)
    builder = Builder(reader(rows, measure.of), given.clock, rows[KEY])
    where = expressions.parse_where(measure.where)
    if where is not None:
        rows = rows.filter(builder.build(where))
    dimensions = [expressions.parse_dimension(text) for text in measure.dimensions]
    builder = Builder(reader(rows, measure.of), given.clock, rows[KEY])
    by = {CUSTOMER_ID: rows[OWNER]} if by_owner else {}
    by |= {dimension.name: builder.build(dimension.expression) for dimension in dimensions}
    aggregates: dict[_Named, str] = {(one, None): f"_{place}" for place, one in enumerate(_aggregates(measure))}
    columns = {column: builder.summed_up(rows, aggregate, None) for (aggregate, _), column in aggregates.items()}
    totals = rows.group_by(**by).aggregate(**columns) if by else rows.aggregate(**columns)
    made = _made(totals, aggregates, None, given)
    values = {column: made.build(expressions.parse_value(text)) for column, text in _texts(name, measure)}
    return totals.select(*by, **values)


def _made(totals: ir.Table, names: Mapping[_Named, str], where: Expression | None, given: Given) -> Builder:
    """Return what builds values of aggregates that are columns; of nothing what counts is 0."""

    def find(aggregate: Aggregate) -> ir.Value:
        value = totals[names[aggregate, where]]
        zero = ibis.literal(0).cast(value.type())
        return value.fill_null(zero) if aggregate.function in COUNTED else value

    return Builder(_columns(totals, lambda column: column.name), given.clock, aggregate=find)


def _rows(measure: Measure, given: Given, *, of_all: bool = False) -> ir.Table:
    return rows_of(measure.of, measure.through, columns_in(measure), given, of_all=of_all)


def _aggregates(measure: Measure) -> list[Aggregate]:
    values = [expressions.parse_value(text) for text in calculations("", measure).values()]
    found = [part for value in values for part in expressions.parts(value) if isinstance(part, Aggregate)]
    return list(dict.fromkeys(found))


def _texts(name: str, measure: Measure) -> list[tuple[str, str]]:
    return list(calculations(name, measure).items())


def _source(item: tuple[str, Measure]) -> tuple[str, tuple[str, ...]]:
    return item[1].of, keys_of(item[1].through)


def _columns(rows: ir.Table, name: Callable[[Column], str]) -> Callable[[Column], ir.Value]:
    def find(column: Column) -> ir.Value:
        return rows[name(column)]

    return find
