"""How the values of measures are spread, over all customers, in what the last run published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis

from backstamp import measures
from backstamp.engine import functions
from backstamp.pipeline import measuring, published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.engine import Engine

_BUCKETS = 12
_MOST_FREQUENT = 8
_MOST_ROWS = 12


@dataclass(frozen=True)
class Part:
    """A part of a distribution: the value, or the first and the last one, that it stands for, and how much it is.

    Attributes:
        first: the value, or where the part begins.
        last: where it ends; the same for a single value.
        amount: how many rows have such a value; of a business measure the value itself.
    """

    first: Any
    last: Any
    amount: float


@dataclass(frozen=True)
class Distribution:
    """How the values of a measure are spread.

    Attributes:
        measure: its name.
        column: the value that is told, where it has several.
        as_of: the time of the run for which its values are right; None where it was never calculated.
        is_current: whether that was the last run.
        rows: how many its table has.
        filled: how many of them have a value.
        is_scale: whether the parts follow each other along a scale; else they are single values, the most frequent
            first, or the rows of a business measure.
        parts: none where there is no value.
    """

    measure: str
    column: str
    as_of: datetime | None
    is_current: bool
    rows: int = 0
    filled: int = 0
    is_scale: bool = False
    parts: tuple[Part, ...] = ()


def distributions(settings: project.Project) -> tuple[Distribution, ...]:
    """Return how the values of each measure are spread, in the order of the project file.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    with published.opened(settings.state, settings.engine) as engine:
        kept = engine.rows(engine.table(measuring.MEASURED)) if engine.has(measuring.MEASURED) else []
        known = {row["measure"]: row for row in kept}
        return tuple(
            _distribution(engine, name, one, known.get(name)) for name, one in settings.definitions.measures.items()
        )


def _distribution(engine: Engine, name: str, measure: measures.Measure, known: dict[str, Any] | None) -> Distribution:
    column = next(iter(measures.calculations(name, measure)))
    kept_as = measuring.table_name(name, measure.kind)
    if known is None or not engine.has(kept_as) or column not in engine.table(kept_as).columns:
        return Distribution(name, column, None, is_current=False)
    table = engine.table(kept_as)
    standing = {"as_of": known["calculated"], "is_current": known["is_current"], "rows": engine.count(table)}
    if measure.kind == "business":
        parts = tuple(_rows(engine, table, column))
        return Distribution(name, column, **standing, filled=standing["rows"], parts=parts)
    values = engine.cache(table.select(value=table[column]).drop_null("value"))
    is_scale = values.value.type().is_numeric() or values.value.type().is_temporal()
    found = _buckets(engine, values) if is_scale else _frequent(engine, values)
    return Distribution(name, column, **standing, filled=engine.count(values), is_scale=is_scale, parts=tuple(found))


def _rows(engine: Engine, table: ir.Table, column: str) -> Iterator[Part]:
    """Yield the rows of a business measure, its dimensions together for the value."""
    rows = table.filter(table[column].notnull()).order_by(ibis.desc(column)).limit(_MOST_ROWS)
    for row in engine.rows(rows):
        amount = row.pop(column)
        if isinstance(amount, (bool, str)) or not hasattr(amount, "__float__"):
            continue
        label = ", ".join("(empty)" if value is None else str(value) for value in row.values())
        yield Part(label, label, float(amount))


def _frequent(engine: Engine, values: ir.Table) -> Iterator[Part]:
    counted = values.group_by("value").agg(rows=values.count())
    for row in engine.rows(counted.order_by([ibis.desc("rows"), "value"]).limit(_MOST_FREQUENT)):
        yield Part(row["value"], row["value"], row["rows"])


def _buckets(engine: Engine, values: ir.Table) -> Iterator[Part]:
    """Yield as many parts as a chart has, all of one width; whole numbers that are few a part each."""
    value = values.value
    [told] = engine.rows(values.agg(least=value.min(), most=value.max()))
    least, most = told["least"], told["most"]
    if least is None:
        return
    is_time = value.type().is_temporal()
    number = (value.cast("timestamp").epoch_seconds() if is_time else value).cast("float64")
    [numbers] = engine.rows(values.agg(least=number.min(), most=number.max()))
    low, span = numbers["least"], numbers["most"] - numbers["least"]
    is_few = value.type().is_integer() and span < _BUCKETS
    buckets = int(span) + 1 if is_few else _BUCKETS
    width = 1.0 if is_few else span / buckets or 1.0
    place = ibis.least(((number - low) / width).floor().cast("int64"), functions.whole(buckets - 1))
    placed = values.select(place=place)
    counts = {row["place"]: row["rows"] for row in engine.rows(placed.group_by("place").agg(rows=placed.count()))}
    for bucket in range(buckets if span else 1):
        rows = counts.get(bucket, 0)
        if is_few:
            yield Part(int(low) + bucket, int(low) + bucket, rows)
        else:
            first, last = (_on_the_way(least, most, step / buckets) for step in (bucket, bucket + 1))
            yield Part(first, last, rows)


def _on_the_way(least: Any, most: Any, share: float) -> Any:  # noqa: ANN401 - numbers and times alike
    """Return what lies at a share of the way from one value to another."""
    if isinstance(least, date):
        return least + (most - least) * share
    return float(least) + float(most - least) * share
